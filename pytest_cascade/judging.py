"""The call phase of a test: opened as a window, and judged by the test's marks when it ends."""

from __future__ import annotations

import ast
import inspect
import textwrap
import unittest
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from types import CodeType
from typing import Final, NoReturn

import pytest

from .carrier import carry
from .concern import is_marked, recorder_of
from .errors import MarkerError, UnexpectedWork
from .expectations import Expectation, Violation, violations
from .options import SETTINGS, VERBOSITY
from .reading import DEFAULTS, expectations_of
from .recording.baseline import BASELINE
from .recording.counts import clear, tell
from .recording.names import plain_name
from .report import terminal
from .work.plain import as_plain_data
from .work.record import WorkRecord
from .work.recorder import Recorder
from .work.window import Window

WINDOW: Final = pytest.StashKey[Window]()
"""Where an item keeps its window until it is judged."""

# The bases of what skip, xfail and exit raise; `unittest.SkipTest` is a skip to pytest, too.
OUTCOMES: Final = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    unittest.SkipTest,
)


def window_of(item: pytest.Item) -> Window:
    """Give the window of the coming or current call phase of ``item``."""
    try:
        return item.stash[WINDOW]
    except KeyError:
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
        wrong = _finish(item, window, recorder.close(window, token), claimed=_is_failure(error))
        if wrong is not None:
            error.add_note(f"\n{wrong}")
        raise
    finally:
        del item.stash[WINDOW]
    wrong = _finish(item, window, recorder.close(window, token), claimed=True)
    if wrong is not None:
        for kept in _errors_kept_aside(item):
            if not isinstance(kept, OUTCOMES):
                kept.add_note(f"\n{wrong}")
        _raise_at_test(item, wrong)
    return result


def known_tasks(recorder: Recorder, expected: Collection[Expectation]) -> set[str]:
    """Name all live tasks if an expectation asks for one by name; else nobody needs to know."""
    engines = {each.engine for each in expected if each.task is not None}
    return {task for engine in engines for task in recorder.known_tasks(engine)}


def _finish(
    item: pytest.Item, window: Window, records: Mapping[str, WorkRecord], *, claimed: bool
) -> Exception | None:
    """Tell what a test did, and judge it if it claims anything by its outcome.

    Returns:
        What is wrong, if anything is.
    """
    if not (records or window.complaints or is_marked(item) or BASELINE in item.config.stash):
        return None
    for record in records.values():
        item.ihook.pytest_cascade_test_finished(item=item, record=record)
    wrong = _judge(item, window, records) if claimed else None
    tell(item, records, None if wrong is None else str(wrong))
    if records and item.config.stash[SETTINGS].explain:
        carry(item, "work", [as_plain_data(record) for record in records.values()])
    return wrong


def _judge(
    item: pytest.Item, window: Window, records: Mapping[str, WorkRecord]
) -> Exception | None:
    if window.complaints:
        return UnexpectedWork("\n".join(window.complaints.values()))
    try:
        found = _violations(item, window, records)
    except MarkerError as error:
        return error
    if not found:
        return None
    return UnexpectedWork(failure_text(item.config, found, records))


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
    _check_watched(expected, window, recorder)
    alive = known_tasks(recorder, expected)
    found = violations(expected, records, place=_place(window), alive=alive)
    baseline = item.config.stash.get(BASELINE, None)
    if baseline is not None and not window.is_measured:
        found += baseline.violations(plain_name(item.nodeid, item.config), records)
    return found


def _expected(item: pytest.Item, ran: Collection[str]) -> list[Expectation]:
    if is_marked(item) or DEFAULTS in item.config.stash:
        return expectations_of(item, ran)
    return []


def _check_watched(expected: Collection[Expectation], window: Window, recorder: Recorder) -> None:
    """See that what is claimed could be counted: a probe that failed has counted nothing.

    Raises:
        MarkerError: it could not.
    """
    for each in expected:
        if not recorder.watches(each.engine):
            why = recorder.failed.get(each.engine, "its probe was not attached")
            raise MarkerError(f"{each.label}: {each.engine!r} was not watched: {why}")
        if each.engine in window.incomplete:
            raise MarkerError(f"{each.label}: events of {each.engine!r} did not arrive in time")


def _place(window: Window) -> str:
    """Where nothing happened, and what did happen but counts for another test."""
    if not window.dropped:
        return "this test"
    runs = sum(window.dropped.values())
    tests = ", ".join(window.dropped)
    counted = "1 run was" if runs == 1 else f"{runs} runs were"
    return f"this test ({counted} started by what {tests} left running)"


def _is_failure(error: BaseException) -> bool:
    return isinstance(error, Exception | pytest.fail.Exception) and not isinstance(error, OUTCOMES)


def _errors_kept_aside(item: pytest.Item) -> Iterator[BaseException]:
    """The errors of a unittest item: pytest reports them later, instead of what is raised here."""
    for caught in getattr(item, "_excinfo", None) or ():
        yield caught.value


def _raise_at_test(item: pytest.Item, error: Exception) -> NoReturn:
    """Raise ``error`` as if the test's ``def`` line had.

    The test's own frame is gone by now. A traceback that ends in code with its file, name and
    lines makes pytest show the test and not its plugins, and leads IDEs to it.
    """
    __tracebackhide__ = True
    code = getattr(inspect.unwrap(getattr(item, "obj", None) or _nothing), "__code__", None)
    if code is None or code is _nothing.__code__:
        raise error.with_traceback(None)
    raising = _raise_statement(_decorator_lines(code)).replace(
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )
    exec(raising, {"error": error.with_traceback(None)}, {})
    raise AssertionError("a raise statement came to its end")


def _nothing() -> None:
    """Stand in for the test function of an item that has none."""


def _raise_statement(line_offset: int) -> CodeType:
    """Compile ``raise error`` so many lines below the first, with no columns to underline."""
    module = ast.parse("raise error")
    for node in ast.walk(module):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno = node.end_lineno = 1 + line_offset
            node.col_offset = node.end_col_offset = -1
    return compile(module, "<test>", "exec")


def _decorator_lines(code: CodeType) -> int:
    """How many lines come before ``def``: to Python a function begins with its decorators."""
    try:
        lines, _ = inspect.getsourcelines(code)
        definition = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, SyntaxError):
        return 0
    return definition.lineno - 1
