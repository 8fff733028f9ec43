"""Where an item's marks come from, nearest place first. Knows pytest's nodes, no marker of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from .errors import MarkerError

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Level:
    """The marks of one place: none of them is nearer to the test than another."""

    node: pytest.Item | pytest.Collector
    marks: tuple[pytest.Mark, ...]


def levels(item: pytest.Item) -> Iterator[Level]:
    """Walk the places that mark ``item``, nearest first.

    The parameter set comes before the function (pytest's own order is the other way round), the
    function before its class, each class before its bases, then the module and what is above.
    """
    callspec = getattr(item, "callspec", None)
    of_parameters = tuple(callspec.marks) if callspec is not None else ()
    yield Level(item, of_parameters)
    yield Level(item, _without(item.own_markers, of_parameters))
    for node in reversed(item.listchain()[:-1]):
        assert isinstance(node, pytest.Collector)
        if isinstance(node, pytest.Class):
            yield from _class_levels(node)
        else:
            yield Level(node, tuple(node.own_markers))


def _class_levels(node: pytest.Class) -> Iterator[Level]:
    by_class = [_marks_of(cls) for cls in node.obj.__mro__]
    yield Level(node, _without(node.own_markers, [mark for marks in by_class for mark in marks]))
    yield from (Level(node, marks) for marks in by_class)


def _marks_of(cls: type) -> tuple[pytest.Mark, ...]:
    """The marks a class itself was given, not those of its bases."""
    found = vars(cls).get("pytestmark", ())
    decorated: Iterable[Any] = found if isinstance(found, list | tuple) else (found,)
    return tuple(getattr(mark, "mark", mark) for mark in decorated)


def _without(
    marks: Iterable[pytest.Mark], others: Iterable[pytest.Mark]
) -> tuple[pytest.Mark, ...]:
    excluded = {id(mark) for mark in others}
    return tuple(mark for mark in marks if id(mark) not in excluded)


def nearest(
    item: pytest.Item,
    names: Iterable[str],
    parse: Callable[[pytest.Mark], Iterable[T]],
    key: Callable[[T], K],
) -> dict[K, T]:
    """Merge what the marks of ``item`` say.

    Args:
        item: The test.
        names: The markers to read.
        parse: Turns one mark into statements.
        key: What a statement is about; of two about the same, the nearer wins.

    Returns:
        The statements by what they are about, those of the farthest place first.

    Raises:
        MarkerError: a mark makes no sense, or one place says two things about the same; the text
            begins with file and line.
    """
    found: dict[K, T] = {}
    wanted = frozenset(names)
    for level in levels(item):
        if not any(mark.name in wanted for mark in level.marks):
            continue
        try:
            here = _statements(level, wanted, parse, key)
        except MarkerError as error:
            raise MarkerError(f"{location(level.node)}: {error}") from None
        found = here | found
    return found


def _statements(
    level: Level,
    names: frozenset[str],
    parse: Callable[[pytest.Mark], Iterable[T]],
    key: Callable[[T], K],
) -> dict[K, T]:
    found: dict[K, T] = {}
    for mark in level.marks:
        for statement in parse(mark) if mark.name in names else ():
            first = found.setdefault(key(statement), statement)
            if first is not statement:
                raise MarkerError(f"{mark.name}: {first} and {statement} stand at one level")
    return found


def location(node: pytest.Item | pytest.Collector) -> str:
    """Tell where ``node`` is defined, as ``path:line`` relative to the root directory."""
    report_info = getattr(node, "reportinfo", None)
    path, line = report_info()[:2] if report_info is not None else (node.path, None)
    shown = shown_path(str(path), str(node.config.rootpath))
    return f"{shown}:{(line or 0) + 1}"


def shown_path(path: str, rootdir: str) -> str:
    """Shorten ``path`` to what is below ``rootdir``; others stay as they are."""
    inside = os.path.join(rootdir, "")
    return path.removeprefix(inside)
