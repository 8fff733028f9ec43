"""Raising where the test is, although its own frame is gone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any, NoReturn

import pytest


def raise_at_test(item: pytest.Item, error: Exception) -> NoReturn:
    """Raise ``error`` as if the test's ``def`` line had.

    The test's own frame is gone by now. A traceback that ends in code with its file, name and
    lines makes pytest show the test and not its plugins, and leads IDEs to it.
    """
    __tracebackhide__ = True
    code = getattr(inspect.unwrap(getattr(item, "obj", None) or _nothing), "__code__", None)
    if code is None or code is _nothing.__code__:
        _show_without_traceback(item, error)
        raise error.with_traceback(None)
    raising = _raise_statement(_decorator_lines(code)).replace(
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )
    exec(raising, {"error": error.with_traceback(None)}, {})
    raise AssertionError("a raise statement came to its end")


def _show_without_traceback(item: pytest.Item, error: Exception) -> None:
    """Have only the text of ``error`` shown: of a doctest, say, pytest would show every frame."""
    show: Callable[[pytest.ExceptionInfo[BaseException]], Any] = item.repr_failure

    def repr_failure(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        return excinfo.getrepr(style="value") if excinfo.value is error else show(excinfo)

    vars(item)["repr_failure"] = repr_failure


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
