"""Claims about single blocks of a test, as context managers.

Classes rather than generators: pytest hides a frame of ours, but not those of ``contextlib``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Final

from pytest_cascade.bounds import Bound, checked_count, exactly
from pytest_cascade.counted import COUNTED
from pytest_cascade.errors import UnexpectedWork
from pytest_cascade.expectations import Expectation, violations
from pytest_cascade.probes.base import Missed
from pytest_cascade.report import terminal

from .view import WorkView
from .window import Window

Count = int | Bound
"""A number, ``at_least(n)`` or ``at_most(n)``."""

ENGINE_PACKAGES: Final = ("cascade_core", "pytest_cascade")
"""Whose frames say nothing about the test that called them."""


class ExpectedBlock:
    """A block that must do the work that was claimed for it."""

    def __init__(
        self,
        window: Window,
        expected: Collection[Expectation],
        rootdir: str,
        alive: Callable[[], Collection[str]],
    ) -> None:
        self._window = window
        self._expected = expected
        self._rootdir = rootdir
        self._alive = alive

    def __enter__(self) -> WorkView:
        self._work = WorkView(self._window)
        return self._work

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        __tracebackhide__ = True
        self._work.freeze()
        wrong = self._judge()
        if wrong and error is None:
            raise UnexpectedWork(wrong)
        if wrong and isinstance(error, Exception):
            error.add_note(f"\n{wrong}")

    def _judge(self) -> str:
        names_tasks = any(expectation.task is not None for expectation in self._expected)
        alive = self._alive() if names_tasks else ()
        record = self._work.record
        found = violations(self._expected, record, place="this block", alive=alive)
        return terminal.failure(found, record, self._rootdir) if found else ""


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


def block_expectations(counts: Mapping[str, Count | Mapping[str, Count]]) -> list[Expectation]:
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
            expected += _task_expectations(counter, claimed)
        else:
            bound = _bound(claimed, counter)
            expected.append(Expectation(f"expect({counter}={bound!r})", counter, bound))
    return expected


def _task_expectations(counter: str, claimed: Mapping[str, Count]) -> list[Expectation]:
    if not COUNTED[counter].by_task:
        raise TypeError(f"expect: {counter} are not counted by task, got {claimed!r}")
    bounds = {task: _bound(count, f"{counter} of {task!r}") for task, count in claimed.items()}
    return [
        Expectation(f"expect({counter}={{{task!r}: {bound!r}}})", counter, bound, task)
        for task, bound in bounds.items()
    ]


def _bound(count: object, what: str) -> Bound:
    return count if isinstance(count, Bound) else exactly(checked_count(count, f"expect: {what}"))
