"""What a probe offers and what it tells. Imports no engine.

A probe tells of its engine in one of two ways, or in both:

* **events**, one for each thing that happens: ``emit(Event("toy", "cache", "hit"))``. For engines
  that offer callbacks, logs or wrappers.
* **runs**, for engines that count by themselves: ``emit.run_started(run)`` once, whose live totals
  are read when somebody asks. Nothing is told per iteration, so watching costs a loop nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from pytest_cascade.work.record import Resolve

Capability: TypeAlias = Literal["exact", "derived", "lower_bound", "none"]
"""How well a probe counts something. ``derived``: exact, but worked out from something else;
``lower_bound``: as often at least, so only ``at_least=`` can be claimed of it."""

Kind: TypeAlias = Literal["run", "resolve", "cache", "task", "fallback"]

EVENT_COUNTERS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("run", "start"): ("runs", "iterations"),
    ("run", "end"): (),
    ("resolve", "trace"): ("resolves",),
    ("resolve", "plan"): ("resolves",),
    ("resolve", "lower"): ("resolves",),
    ("resolve", "compile"): ("resolves",),
    ("cache", "hit"): ("lookups", "hits"),
    ("cache", "miss"): ("lookups", "misses"),
    ("cache", "bypass"): ("lookups", "misses"),
    ("cache", "store"): (),
    ("cache", "evict"): ("evictions",),
    ("task", "start"): ("executions", "attempts"),
    ("task", "end"): (),
    ("task", "error"): (),
    ("task", "retry"): ("attempts",),
    ("task", "reused"): ("reuses",),
    ("task", "skipped"): (),
    ("task", "cancelled"): (),
    ("fallback", "graph_break"): (),
    ("fallback", "recompile_limit"): (),
    ("fallback", "eager"): (),
}
"""Kind and op of an event -> the counters that it moves by one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that an engine did: ``Event("toy", "cache", "hit", "a + b")``."""

    engine: str
    """The probe's ``engine``."""
    kind: Kind
    """What was busy."""
    op: str
    """What it did; one of those that ``EVENT_COUNTERS`` has for the kind."""
    name: str = ""
    """Of the function, task or graph."""
    _: KW_ONLY
    unit: str = ""
    """What was resolved: ``function``, ``frame``, ``statement``, ``graph``, ``submission``."""
    reason: str = "unknown"
    """Why: ``first_seen new_task structure evicted cleared disabled`` mean what they mean for
    ``cascade_core``; others are ``new_function shape_dtype static_arg context guard input_changed
    code_changed no_key worker_lost unknown``."""
    reason_text: str = ""
    """Why, in the engine's own words."""
    confidence: Literal["exact", "closest_match", "derived"] = "exact"
    """How sure the reason is."""
    dur_ns: int = 0
    """How long it took, in nanoseconds."""
    nodes: int = 0
    """Of the graph that was resolved; 0 if it has none."""
    source: tuple[str, int] | None = None
    """File and line of what was resolved."""
    run_id: object = None
    """Hashable. Where given, the event belongs to the test in which the ``run`` event ``start`` of
    the same id happened, until its ``end``."""


class Totals(Protocol):
    """The live counters of one run, readable at any time and from any thread.

    Each reading may cost the engine an addition of all it did, so they are few.
    """

    def as_dict(self) -> Mapping[str, int]:
        """All of ``work.record.COUNTERS`` by name, read at one moment."""

    @property
    def tasks(self) -> Counter[str]:
        """Executions by task name, a copy."""

    @property
    def task_attempts(self) -> Counter[str]:
        """Attempts by task name, a copy."""


class Run(Protocol):
    """One run of an engine that counts by itself."""

    @property
    def engine(self) -> object:
        """The engine that runs."""

    @property
    def totals(self) -> Totals:
        """Its counters."""


class Difference(Protocol):
    """One difference to what was known."""

    @property
    def path(self) -> str:
        """Where, like code."""

    @property
    def before(self) -> str:
        """What was there."""

    @property
    def now(self) -> str:
        """What is there."""


class Why(Protocol):
    """Why a plan was made; ``str()`` of it says so in one line. Costly, for those who ask."""

    @property
    def reason(self) -> str:
        """In one of an event's words."""

    @property
    def changes(self) -> Sequence[Difference]:
        """The differences to the nearest that was known."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A graph that is about to be planned."""

    root: str
    """Name of the graph's target."""
    source: tuple[str, int] | None
    """File and line of the target's task."""
    reason: Callable[[], str]
    """Says why no cached plan fits; costly, for those who ask."""


class Emit(Protocol):
    """Whom a probe tells; called in the thread and context that run the engine."""

    def __call__(self, event: Event) -> None:
        """Hear of one event; never raises."""

    def run_started(self, run: Run) -> None:
        """Hear that ``run`` begins; called before anything of it is counted."""

    def plan_missed(self, run: Run, missed: Missed) -> None:
        """Hear that a graph will be planned; an exception is to fail the run."""

    def plan_resolved(self, run: Run, resolve: Resolve, names: Iterable[str]) -> None:
        """Hear that a graph of tasks called ``names`` was planned."""

    def run_finished(self, run: Run) -> None:
        """Hear that ``run`` is over; its totals change no more."""


class EngineProbe(Protocol):
    """Watches one engine, wherever in the process it runs.

    A plugin or a ``conftest.py`` offers it through the hook ``pytest_cascade_probes``;
    ``check_probe`` holds it to what is said here. It may have these methods as well:

    * ``begin(test: str)`` and ``end(test: str)``, around the call phase of each test that concerns
      us: set flags, and restore them;
    * ``flush(timeout_s: float) -> bool``, before a test is judged: wait until all events are here,
      and tell whether they are;
    * ``known_tasks() -> Iterable[str]``: the tasks that a marker may name though none of them ran.
    """

    @property
    def engine(self) -> str:
        """The name that markers use: ``expect_resolves(1, engine="toy")``."""

    @property
    def triggers(self) -> tuple[str, ...]:
        """Modules of the engine: it may be in use once one of them is imported."""

    def capabilities(self) -> Mapping[str, Capability]:
        """How well each counter is counted, by the names in ``COUNTED``; one left out is none."""

    def attach(self, emit: Emit) -> None:
        """Import the engine and tell ``emit`` of what it does until ``detach`` is called."""

    def detach(self) -> None:
        """Tell nobody any more, and restore every flag and wrapper."""
