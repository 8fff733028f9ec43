"""What is wrong with a test's work: its marks, the defaults and the recording held against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pytest

from .concern import is_marked, recorder_of
from .errors import MarkerError, UnexpectedWork
from .expectations import Expectation, Violation, violations
from .markers import BENCH_MARKERS
from .options import VERBOSITY
from .reading import DEFAULTS, bench_claims_of, expectations_of
from .recording.baseline import BASELINE
from .recording.names import plain_name
from .report import terminal
from .words import runs_were
from .work.record import WorkRecord
from .work.recorder import Recorder
from .work.window import Window

SHARED_THREADS: Final = "start threads that tests share in a fixture"
"""What cures work that counts for another test."""


def verdict_of(
    item: pytest.Item, window: Window, records: Mapping[str, WorkRecord]
) -> Exception | None:
    """Judge the call phase of ``item``.

    Returns:
        What is wrong: ``UnexpectedWork``, or a ``MarkerError`` for claims that make no sense.
    """
    if window.complaints:
        return UnexpectedWork("\n".join(window.complaints.values()))
    try:
        found = _violations(item, window, records)
        if not found:
            return _unmeasured(item, window)
    except MarkerError as error:
        return error
    return UnexpectedWork(failure_text(item.config, found, records))


def _unmeasured(item: pytest.Item, window: Window) -> UnexpectedWork | None:
    """Find claims about contenders that no benchmark had: claims about nothing."""
    if not any(mark.name in BENCH_MARKERS for mark in item.iter_markers()):
        return None
    lines = []
    for claim in bench_claims_of(item):
        missing = [name for name in claim.names if name not in window.contenders]
        if not window.contenders:
            lines.append(f"{claim.label}: no benchmark ran in this test")
        elif missing:
            known = ", ".join(map(repr, sorted(window.contenders)))
            lines.append(f"{claim.label}: no contender is called {missing[0]!r}, known: {known}")
    return UnexpectedWork("\n".join(lines)) if lines else None


def failure_text(
    config: pytest.Config, found: Sequence[Violation], records: Mapping[str, WorkRecord]
) -> str:
    """Say what does not hold, in as many words as the user wants."""
    verbosity = config.get_verbosity(VERBOSITY)
    return terminal.failure(found, records, str(config.rootpath), verbosity=verbosity)


def _violations(
    item: pytest.Item, window: Window, records: Mapping[str, WorkRecord]
) -> list[Violation]:
    recorder = recorder_of(item.config)
    expected = [each for each in _expected(item, records) if each.engine not in window.judged]
    alive = known_tasks(recorder, expected)
    _check_watched(expected, window, recorder)
    found = violations(expected, records, place=_place(window), alive=alive)
    baseline = item.config.stash.get(BASELINE, None)
    if baseline is not None and is_comparable(item, window):
        found += baseline.violations(plain_name(item.nodeid, item.config), records)
    return found


def _expected(item: pytest.Item, ran: Collection[str]) -> list[Expectation]:
    if is_marked(item) or DEFAULTS in item.config.stash:
        return expectations_of(item, ran)
    return []


def labels_of(item: pytest.Item, ran: Collection[str]) -> list[str]:
    """Name the bounds of ``item``; none if they make no sense, which its verdict says."""
    try:
        return [each.label for each in _expected(item, ran)]
    except MarkerError:
        return []


def is_comparable(item: pytest.Item, window: Window) -> bool:
    """Tell whether ``item`` does the same work each time.

    It does not if the clock decides how much is measured, or if Hypothesis draws its examples.
    """
    draws_examples = getattr(getattr(item, "obj", None), "is_hypothesis_test", False) is True
    return not window.is_measured and not draws_examples


def _check_watched(expected: Collection[Expectation], window: Window, recorder: Recorder) -> None:
    """See that what is claimed could be counted: a probe that failed has counted nothing.

    Raises:
        MarkerError: it could not.
    """
    for each in expected:
        why = why_unwatched(each.engine, window, recorder)
        if why:
            raise MarkerError(f"{each.label}: {why}")


def why_unwatched(engine: str, window: Window, recorder: Recorder) -> str:
    """Say why what ``engine`` did could not be counted; nothing if it could."""
    if not recorder.watches(engine):
        why = recorder.failed.get(engine, "its probe was not attached")
        return f"{engine!r} was not watched: {why}"
    return f"events of {engine!r} did not arrive in time" if engine in window.incomplete else ""


def _place(window: Window) -> str:
    """Where nothing happened, and what did happen but counts for another test."""
    if not window.dropped:
        return "this test"
    runs = sum(window.dropped.values())
    tests = ", ".join(window.dropped)
    return f"this test ({runs_were(runs)} started by what {tests} left running: {SHARED_THREADS})"


def known_tasks(recorder: Recorder, expected: Collection[Expectation]) -> set[str]:
    """Name all live tasks if an expectation asks for one by name; else nobody needs to know."""
    engines = {each.engine for each in expected if each.task is not None}
    return {task for engine in engines for task in recorder.known_tasks(engine)}
