"""Claims about single blocks of a test, as context managers.

Classes rather than generators: pytest hides a frame of ours, but not those of ``contextlib``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Protocol

from pytest_cascade.bounds import Bound, checked_count, exactly
from pytest_cascade.counted import COUNTED
from pytest_cascade.errors import UnexpectedWork
from pytest_cascade.expectations import Expectation, Violation, violations
from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.probes.base import Missed
from pytest_cascade.report import terminal

from .record import WorkRecord
from .view import WorkView
from .window import Window

Count = int | Bound
"""A number, ``at_least(n)`` or ``at_most(n)``."""


class Context(Protocol):
    """What a block knows of the session it is in."""

    @property
    def rootdir(self) -> str:
        """Paths below it are shown relative to it."""

    def settle(self, window: Window, engine: str) -> str:
        """Wait for the events of ``engine`` so far; say why its work was not counted, if so."""

    def known_tasks(self, engine: str) -> Iterable[str]:
        """Name the tasks that are alive."""

    def failure_text(self, found: Sequence[Violation], records: Mapping[str, WorkRecord]) -> str:
        """Say what does not hold."""

    def check(self, expected: Iterable[Expectation]) -> None:
        """See that what is expected can be counted; a ``ValueError`` if not."""


ENGINE_PACKAGES: Final = ("cascade_core", "pytest_cascade")
"""Whose frames say nothing about the test that called them."""


class ExpectedBlock:
    """A block that must do the work that was claimed for it."""

    def __init__(
        self,
        window: Window,
        expected: Collection[Expectation],
        context: Context,
        engine: str,
    ) -> None:
        self._window = window
        self._expected = expected
        self._context = context
        self._engine = engine

    def __enter__(self) -> WorkView:
        self._context.settle(self._window, self._engine)
        self._work = WorkView(self._window, self._engine)
        return self._work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        __tracebackhide__ = True
        unwatched = self._context.settle(self._window, self._engine)
        self._work.freeze()
        wrong = f"expect: {unwatched}" if unwatched else self._judge()
        if wrong and error is None:
            raise UnexpectedWork(wrong)
        if wrong and isinstance(error, Exception):
            error.add_note(f"\n{wrong}")

    def _judge(self) -> str:
        names_tasks = any(expectation.task is not None for expectation in self._expected)
        alive = set(self._context.known_tasks(self._engine)) if names_tasks else set()
        records = {self._engine: self._work.record}
        found = violations(self._expected, records, place="this block", alive=alive)
        return self._context.failure_text(found, records) if found else ""


class UnplannedBlock:
    """A block in which no engine may plan."""

    def __init__(self, window: Window, rootdir: str) -> None:
        self._window = window
        self._rootdir = rootdir
        self._refused: list[UnexpectedWork] = []

    def __enter__(self) -> None:
        self._window.guards.append(self._refuse)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        self._window.guards.remove(self._refuse)
        if not self._refused:
            return
        if error is None:
            raise self._refused[0].with_traceback(None)
        if error in self._refused:
            _end_in_callers_code(trace)
        elif isinstance(error, Exception):
            error.add_note(f"\n{self._refused[0]}")

    def _refuse(self, missed: Missed) -> None:
        where = terminal.place(missed.source, self._rootdir)
        task = f"{missed.root!r} ({where})" if where else repr(missed.root)
        told = f"no_resolves(): {task} had to be planned · {missed.reason()}"
        self._refused.append(UnexpectedWork(told))
        raise self._refused[-1]


def _end_in_callers_code(trace: TracebackType | None) -> None:
    """Cut ``trace`` below the last frame that is neither the engine's nor ours."""
    last = trace
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in ENGINE_PACKAGES:
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


def block_expectations(
    counts: Mapping[str, Count | Mapping[str, Count]],
    engine: str = DEFAULT_ENGINE,
    allow_fallbacks: bool = False,
) -> list[Expectation]:
    """Read the claims about a block.

    Raises:
        TypeError: there is no such counter, or none is given.
        ValueError: a count is no int >= 0.
    """
    valid = ", ".join(sorted(COUNTED))
    if not counts:
        raise TypeError(f"expect: no counter given, valid: {valid}")
    expected = []
    for counter, claimed in counts.items():
        if counter not in COUNTED:
            raise TypeError(f"expect: unknown counter {counter!r}, valid: {valid}")
        if isinstance(claimed, Mapping):
            expected += _task_expectations(counter, claimed, engine)
        else:
            bound = _bound(claimed, counter)
            label = f"expect({counter}={bound!r})"
            expected.append(Expectation(label, counter, bound, None, engine, allow_fallbacks))
    return expected


def _task_expectations(
    counter: str, claimed: Mapping[str, Count], engine: str
) -> list[Expectation]:
    if not COUNTED[counter].by_task:
        raise TypeError(f"expect: {counter} are not counted by task, got {claimed!r}")
    bounds = {task: _bound(count, f"{counter} of {task!r}") for task, count in claimed.items()}
    return [
        Expectation(f"expect({counter}={{{task!r}: {bound!r}}})", counter, bound, task, engine)
        for task, bound in bounds.items()
    ]


def _bound(count: object, what: str) -> Bound:
    return count if isinstance(count, Bound) else exactly(checked_count(count, f"expect: {what}"))
