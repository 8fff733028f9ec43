"""What an iteration costs, counted: calls and opcodes, never time. PYTEST_DONT_REWRITE

Two passes are counted, of n iterations and of twice as many; the difference by n is what each
further iteration costs, whatever a pass costs once. Engines tell nobody of their runs meanwhile
and never yield, and the garbage collector is off, so that the number depends on the code and the
version of Python alone. Passes are repeated until two in a row agree: by then plans are cached and
written out, and what does not agree is no number to hold anything against.
"""

from __future__ import annotations

import gc
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FrameType, MethodDescriptorType
from typing import Any, Final

from .measure import Records, difference, set_profiler
from .passes import Entrant, Pass, carry_out

N: Final = 32
"""Iterations that are asked for; the engine looks at the clock after as many nodes, too."""

MOST_PASSES: Final = 8
"""So often passes are repeated, until two agree."""


class NoInstrument:
    """Looks at nothing."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Counter(ABC):
    """Counts events of one kind in the thread that starts it."""

    def __init__(self) -> None:
        self.count = 0
        """Events so far."""
        self.starts = 0
        """How often it was started: each time it counts a little of itself."""

    @abstractmethod
    def start(self) -> None:
        """Count from here."""

    @abstractmethod
    def stop(self) -> None:
        """Count no more, and let whoever watched before watch again."""


class ProfiledCalls(Counter):
    """Calls and resumptions of functions, those written in C too, through ``sys.setprofile``."""

    def start(self) -> None:
        """Count from here."""
        self.starts += 1
        self._before = sys.getprofile()
        sys.setprofile(self._profile)

    def stop(self) -> None:
        """Count no more."""
        set_profiler(self._before)

    def _profile(self, frame: FrameType, what: str, argument: Any) -> None:
        if what in ("call", "c_call"):
            self.count += 1


class TracedOpcodes(Counter):
    """Opcodes of frames that begin meanwhile, through ``sys.settrace``."""

    def start(self) -> None:
        """Count from here."""
        self.starts += 1
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def stop(self) -> None:
        """Count no more."""
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, what: str, argument: Any) -> Any:
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        if what == "opcode":
            self.count += 1
        return self._trace


if sys.version_info >= (3, 12):
    EVENTS = sys.monitoring.events
    C_FUNCTIONS = (BuiltinFunctionType, MethodDescriptorType)

    class Monitored(Counter):
        """Counts through ``sys.monitoring``, beside whatever else monitors, traces or profiles."""

        wanted: Mapping[int, Callable[..., Any]]
        """What is called for an event."""
        on: int
        """The events that are switched on."""

        def start(self) -> None:
            """Count from here.

            Raises:
                RuntimeError: all tools of ``sys.monitoring`` are in use.
            """
            self.starts += 1
            self._thread = threading.get_ident()
            self._tool = _free_tool()
            for event, count in self.wanted.items():
                sys.monitoring.register_callback(self._tool, event, count)
            sys.monitoring.set_events(self._tool, self.on)

        def stop(self) -> None:
            """Count no more."""
            sys.monitoring.set_events(self._tool, 0)
            for event in self.wanted:
                sys.monitoring.register_callback(self._tool, event, None)
            sys.monitoring.free_tool_id(self._tool)

        def _one_more(self, *_: object) -> None:
            if threading.get_ident() == self._thread:
                self.count += 1

    class MonitoredCalls(Monitored):
        """Calls and resumptions of functions, those written in C too."""

        on = EVENTS.PY_START | EVENTS.PY_RESUME | EVENTS.PY_THROW | EVENTS.CALL

        def __init__(self) -> None:
            super().__init__()
            entered = (EVENTS.PY_START, EVENTS.PY_RESUME, EVENTS.PY_THROW)
            self.wanted = {**dict.fromkeys(entered, self._one_more), EVENTS.CALL: self._called}

        def _called(self, code: CodeType, offset: int, what: object, argument: object) -> None:
            """Count functions written in C; others are entered, and counted then."""
            if type(what) in C_FUNCTIONS:
                self._one_more()

    class MonitoredOpcodes(Monitored):
        """Opcodes."""

        on = EVENTS.INSTRUCTION

        def __init__(self) -> None:
            super().__init__()
            self.wanted = {EVENTS.INSTRUCTION: self._one_more}

    def _free_tool() -> int:
        for tool in range(6):
            if sys.monitoring.get_tool(tool) is None:
                sys.monitoring.use_tool_id(tool, "pytest-cascade")
                return tool
        raise RuntimeError("expect_cost: all tools of sys.monitoring are in use")

    COUNTERS: Mapping[str, Callable[[], Counter]] = {
        "calls": MonitoredCalls,
        "opcodes": MonitoredOpcodes,
    }
else:
    COUNTERS: Mapping[str, Callable[[], Counter]] = {
        "calls": ProfiledCalls,
        "opcodes": TracedOpcodes,
    }


class Unsteady(Exception):
    """Passes do not agree on what an iteration costs; the text says what they counted."""


def cost_of(
    entrant: Entrant, unit: str, counted: Callable[[], Records], engine: str
) -> Pass[float]:
    """Count what each further iteration of a contender costs.

    Args:
        entrant: The contender.
        unit: ``calls`` or ``opcodes``.
        counted: Reads what engines did so far.
        engine: The engine whose iterations count.

    Returns:
        The cost of an iteration: one counted by the engine, or one asked for where none ran.

    Raises:
        Unsteady: no two passes in a row agree.

    Cost: 4 to 16 passes, each 10 to 100 times as slow as one that is not counted.
    """
    few = yield from _iterations(entrant, N, counted, engine)
    many = yield from _iterations(entrant, 2 * N, counted, engine)
    seen: list[tuple[int, int]] = []
    for _ in range(MOST_PASSES):
        once = yield from _count(entrant, unit, N)
        twice = yield from _count(entrant, unit, 2 * N)
        if (once, twice) in seen[-1:]:
            break
        seen.append((once, twice))
    else:
        counts = ", ".join(f"{once:,}" for once, _ in seen)
        raise Unsteady(f"passes of {N} iterations took {counts} {unit}")
    if once == twice and not (yield from _does_more(entrant)):
        return once / max(few if few == many else 1, 1)  # what it costs, it costs once
    return (twice - once) / (many - few if many > few else N)


def _does_more(entrant: Entrant) -> Pass[bool]:
    """Tell whether a contender does anything more if it is asked for more."""
    once = yield from _count(entrant, "opcodes", N)
    return once != (yield from _count(entrant, "opcodes", 2 * N))


def _iterations(
    entrant: Entrant, asked: int, counted: Callable[[], Records], engine: str
) -> Pass[int]:
    """Run a pass that is not counted, and see how often the engine iterates in it."""
    before = counted()
    yield from carry_out(entrant, asked, NoInstrument())
    record = difference(counted(), before).get(engine)
    return record.iterations if record is not None and record.iterations else asked


def _count(entrant: Entrant, unit: str, asked: int) -> Pass[int]:
    counter, idle = COUNTERS[unit](), COUNTERS[unit]()
    idle.start()
    idle.stop()
    with _bare():
        yield from carry_out(entrant, asked, counter)
    return counter.count - counter.starts * idle.count


@contextmanager
def _bare() -> Iterator[None]:
    """Nothing goes on but the work itself."""
    from cascade_core.testing import bare_runs

    collects = gc.isenabled()
    gc.disable()
    try:
        with bare_runs():
            yield
    finally:
        if collects:
            gc.enable()
