"""The call phase of a test: opened as a window, and judged by the test's marks when it ends."""

from __future__ import annotations

import unittest
from collections.abc import Generator, Iterator, Mapping
from typing import Final

import pytest

from .carrier import carry
from .concern import is_marked
from .errors import MarkerError, UnexpectedWork
from .options import SETTINGS
from .raising import raise_at_test
from .recording.counts import clear, tell
from .verdict import is_comparable, labels_of, verdict_of
from .work.plain import as_plain_data
from .work.record import WorkRecord
from .work.recorder import Recorder
from .work.window import Window

WINDOW: Final = pytest.StashKey[Window]()
"""Where an item keeps the window of its latest call phase."""

# The bases of what skip, xfail and exit raise; `unittest.SkipTest` is a skip to pytest, too.
OUTCOMES: Final = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    unittest.SkipTest,
)


def window_of(item: pytest.Item) -> Window:
    """Give the window of the coming or current call phase of ``item``."""
    if WINDOW in item.stash:
        window = item.stash[WINDOW]
        if not window.is_closed:  # another attempt at the same item has its own
            return window
    window = item.stash[WINDOW] = Window(item.nodeid)
    return window


def judged_call(item: pytest.Item, recorder: Recorder) -> Generator[None, object, object]:
    """Wrap the call phase of ``item``.

    Raises:
        UnexpectedWork: the test passed, but not what is claimed of its work; if it failed, its own
            error stands and ours is a note on it.
        MarkerError: likewise, for marks that make no sense and were added after collection.
    """
    __tracebackhide__ = True
    if item.user_properties:
        clear(item)
    window = window_of(item)
    token = recorder.open(window)
    try:
        result = yield
    except BaseException as error:
        wrong = _finish(item, window, recorder.close(window, token), error)
        if wrong is not None:
            error.add_note(f"\n{wrong}")
        raise
    records = recorder.close(window, token)
    if not (records or window.complaints or recorder.judges_idle or is_marked(item)):
        return result
    wrong = _finish(item, window, records)
    if wrong is not None:
        for kept in _errors_kept_aside(item):
            if not isinstance(kept, OUTCOMES):
                kept.add_note(f"\n{wrong}")
        raise_at_test(item, wrong)
    return result


def _finish(
    item: pytest.Item,
    window: Window,
    records: Mapping[str, WorkRecord],
    error: BaseException | None = None,
) -> Exception | None:
    """Tell what a test did, and judge it if it claims anything by its outcome.

    Args:
        item: The test.
        window: Its call phase, closed.
        records: What was done in it, by engine.
        error: What its body raised.

    Returns:
        What is wrong, if anything is.
    """
    for record in records.values():
        item.ihook.pytest_cascade_test_finished(item=item, record=record)
    claims = error is None or _is_failure(error)
    wrong = verdict_of(item, window, records) if claims else None
    errors = (error, *_errors_kept_aside(item), wrong)
    told = [str(each) for each in errors if isinstance(each, UnexpectedWork | MarkerError)]
    tell(item, records, "\n".join(told))
    settings = item.config.stash[SETTINGS]
    if records and settings.explain:
        carry(item, "work", [as_plain_data(record) for record in records.values()])
    if settings.report:
        from .page.told import told_of

        labels, is_compared = labels_of(item, records), is_comparable(item, window)
        page = told_of(records, labels, "\n".join(told), is_compared=is_compared)
        carry(item, "page", [page])
    return wrong


def _is_failure(error: BaseException) -> bool:
    return isinstance(error, Exception | pytest.fail.Exception) and not isinstance(error, OUTCOMES)


def _errors_kept_aside(item: pytest.Item) -> Iterator[BaseException]:
    """The errors of a unittest item: pytest reports them later, instead of what is raised here."""
    for caught in getattr(item, "_excinfo", None) or ():
        yield caught.value
