"""The call phase of a test: opened as a window, and judged by the test's marks when it ends."""

from __future__ import annotations

import ast
import inspect
import textwrap
import unittest
from collections.abc import Collection, Generator, Iterator
from types import CodeType
from typing import Final, NoReturn

import pytest

from .concern import is_marked, recorder_of
from .errors import MarkerError, UnexpectedWork
from .expectations import Expectation, violations
from .reading import expectations_of
from .report import terminal
from .work.record import WorkRecord
from .work.window import Recorder, Window

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
        UnexpectedWork: the test passed, but not what its marks say; if it failed, its own error
            stands and ours is a note on it.
        MarkerError: likewise, for marks that make no sense and were added after collection.
    """
    __tracebackhide__ = True
    if not recorder.is_attached:
        recorder.attach()
    window = window_of(item)
    token = recorder.open(window)
    try:
        result = yield
    except BaseException as error:
        record = recorder.close(window, token)
        _note_on(error, item, window, record)
        raise
    finally:
        del item.stash[WINDOW]
    record = recorder.close(window, token)
    wrong = _judge(item, window, record)
    if wrong is not None:
        for kept in _errors_kept_aside(item):
            _add_note(kept, wrong)
        _raise_at_test(item, wrong)
    return result


def known_tasks(recorder: Recorder, expected: Collection[Expectation]) -> set[str]:
    """Name all live tasks if an expectation asks for one by name; else nobody needs to know."""
    if all(each.task is None for each in expected):
        return set()
    return set().union(*(probe.known_tasks() for probe in recorder.probes.values()))


def _judge(item: pytest.Item, window: Window, record: WorkRecord) -> Exception | None:
    if window.complaints:
        return UnexpectedWork("\n".join(window.complaints.values()))
    if window.judged or not is_marked(item):
        return None
    try:
        expected = expectations_of(item)
    except MarkerError as error:
        return error
    alive = known_tasks(recorder_of(item.config), expected)
    found = violations(expected, record, alive=alive)
    if not found:
        return None
    return UnexpectedWork(terminal.failure(found, record, str(item.config.rootpath)))


def _note_on(error: BaseException, item: pytest.Item, window: Window, record: WorkRecord) -> None:
    is_failure = isinstance(error, Exception | pytest.fail.Exception)
    if is_failure and not isinstance(error, OUTCOMES):
        wrong = _judge(item, window, record)
        if wrong is not None:
            _add_note(error, wrong)


def _add_note(error: BaseException, wrong: Exception) -> None:
    if not isinstance(error, OUTCOMES):
        error.add_note(f"\n{wrong}")


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
