"""The tasks that executors are asked to run.

Each function is a task once for each place. A task's function carries the task's own name in this
module, so that the task can be pickled and found again in another process.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, get_args

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.task import RunOn, Task, task

PLACES: Final[tuple[RunOn, ...]] = get_args(RunOn)


class Failure(Exception):
    """An exception that only these tasks raise."""


ERRORS: Final[dict[str, Callable[[], Exception]]] = {
    "own": lambda: Failure("boom", 7),
    "key": lambda: KeyError("k"),
    "timeout": lambda: TimeoutError("late"),
}
"""What ``fail`` raises, by name."""


class Meeting:
    """A place where async tasks wait for each other; for tasks of this process.

    Attributes:
        arrived: How many tasks are there or have been.
        expected: How many there should be.
        seconds: How long they wait.
    """

    def __init__(self, expected: int, seconds: float) -> None:
        self.arrived = 0
        self.expected = expected
        self.seconds = seconds


class Hold:
    """What an async task that does not end by itself notes; for tasks of this process.

    Attributes:
        entered: Whether it has begun.
        ended: Whether it has ended.
        seconds: When it ends at the latest.
    """

    def __init__(self, seconds: float) -> None:
        self.entered = False
        self.ended = False
        self.seconds = seconds


def collect(*args: Any, **kwargs: Any) -> Any:
    """What a call gets, in order."""
    return [list(args), list(kwargs.items())]


async def collect_later(*args: Any, **kwargs: Any) -> Any:
    """What a call gets, in order, a turn of the event loop later."""
    await asyncio.sleep(0)
    return [list(args), list(kwargs.items())]


def collect_wrapped(*args: Any, **kwargs: Any) -> Any:
    """A sync function around an async one."""
    return collect_later(*args, **kwargs)


def echo(value: Any) -> Any:
    """The argument itself."""
    return value


async def echo_later(value: Any) -> Any:
    """The argument itself, a turn of the event loop later."""
    await asyncio.sleep(0)
    return value


def nothing(*args: Any) -> None:
    """None, whatever the arguments."""


def combine(label: str, *values: int) -> int:
    """A number that depends on all arguments and their order."""
    return zlib.crc32(repr((label, values)).encode())


def fail(error: str) -> Any:
    """Raise one of ``ERRORS``."""
    raise ERRORS[error]()


async def fail_later(error: str) -> Any:
    """Raise one of ``ERRORS``, a turn of the event loop later."""
    await asyncio.sleep(0)
    raise ERRORS[error]()


def expand(value: Any) -> LazyResult[Any]:
    """A call in place of a value."""
    return on("local", echo)(value)


def countdown(n: int, dependency: Any) -> Any:
    """A loop of tail calls."""
    return n if n == 0 else on("local", countdown)(n - 1, on("local", echo)(None))


def countdown_tail(n: int) -> int | TailCall:
    """A loop of tail calls without graphs."""
    return n if n == 0 else on("local", countdown_tail).tail(n - 1)


async def meet(meeting: Meeting) -> bool:
    """Wait for the other tasks of a meeting.

    Returns:
        Whether all came in time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + meeting.seconds
    meeting.arrived += 1
    while meeting.arrived < meeting.expected and loop.time() < end:
        await asyncio.sleep(0.001)
    return meeting.arrived >= meeting.expected


async def hold(state: Hold) -> None:
    """Do not end."""
    state.entered = True
    try:
        await asyncio.sleep(state.seconds)
    finally:
        state.ended = True


async def nap(seconds: float) -> str:
    """Take a while, in whatever process."""
    await asyncio.sleep(seconds)
    return "slept"


def on(place: RunOn, fn: Callable[..., Any]) -> Task[Any]:
    """The task of one of these functions that asks to run at a place."""
    found: Task[Any] = globals()[f"{fn.__name__}_on_{place}"]
    return found


def _make_tasks() -> None:
    functions = [fn for fn in globals().values() if isinstance(fn, FunctionType)]
    for fn in functions:
        if fn.__module__ == __name__ and fn not in (on, _make_tasks):
            for place in PLACES:
                own = FunctionType(fn.__code__, globals(), f"{fn.__name__}_on_{place}")
                own.__qualname__ = own.__name__
                globals()[own.__name__] = task(own, name=fn.__name__, run_on=place)


_make_tasks()
