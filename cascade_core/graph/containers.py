"""Containers with lazy results inside: finding them, their shape, and making them anew.

A container that holds no lazy result (and no quoted value) at any depth is data: the task gets the
same object. One that does is *live*: its shape is part of the structure, and the task gets a
container of the same type with values in the lazy results' places.

Nothing here recurses, so nesting is bounded by memory. Each container is searched once per call
that holds it; the cost is linear in nested size.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, Flag
from typing import Any, NamedTuple

from cascade_core.define.keys import SUGGEST_QUOTE, KeyToken, key_tokens
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.quote import Quoted
from cascade_core.errors import CycleError, GraphError

ATOMS: frozenset[type] = frozenset({int, float, str, bytes, bool, type(None), complex})
"""Types whose instances are data at a glance."""

SEQUENCES = frozenset({list, tuple})
SETS = frozenset({set, frozenset})
MAPPINGS = frozenset({dict, OrderedDict, defaultdict})
BUILTIN_CONTAINERS = SEQUENCES | SETS | MAPPINGS


class Shape(NamedTuple):
    """What a live container contributes to the structure: everything but the data.

    The members it is rebuilt from follow it, ``size`` of them. A dataclass instance and a set with
    data have one member more than a reader might expect, first: the object copied from, and the
    tuple of the set's data members; a defaultdict's first is its factory.
    """

    type: type
    size: int
    keys: tuple[Any, ...] = ()

    def has_unordered_lazies(self) -> bool:
        """Whether it is a set with two lazy members or more."""
        return self.type in SETS and self.size > 2


class Again(NamedTuple):
    """A live container that this call holds a second time: the one opened as number ``number``."""

    number: int


def is_container(type_: type) -> bool:
    """Whether instances of exactly this type are searched for lazy results."""
    return (
        type_ in BUILTIN_CONTAINERS
        or hasattr(type_, "__dataclass_fields__")
        or (issubclass(type_, tuple) and hasattr(type_, "_fields"))
    )


class Search:
    """The live containers reachable from one argument.

    Attributes:
        live: The ids of those that hold a lazy result or a quoted value at some depth.
    """

    __slots__ = ("_members", "_seen", "live")

    def __init__(self, argument: object) -> None:
        self._seen: list[object] = [argument]  # keeps members alive, so that ids stay theirs
        self._members: dict[int, list[Any]] = {}
        self.live: set[int] = set()
        holders: dict[int, list[int]] = {}
        found: list[int] = []
        for container in self._seen:
            here = id(container)
            for member in self._search(container):
                kind = type(member)
                if kind is LazyResult or kind is Quoted:
                    found.append(here)
                elif kind is TailCall:
                    raise TypeError("a TailCall cannot be inside an argument: pass a lazy result")
                elif is_container(kind):
                    if id(member) not in holders:
                        holders[id(member)] = []
                        self._seen.append(member)
                    holders[id(member)].append(here)
        while found:
            here = found.pop()
            if here not in self.live:
                self.live.add(here)
                found.extend(holders.get(here, ()))

    def _search(self, container: Any) -> Iterable[Any]:
        kind = type(container)
        if kind in MAPPINGS:
            members = list(container.values())
            suspects = [key for key in container if type(key) not in ATOMS]
            self._members[id(container)] = members
            return [*members, *suspects] if suspects else members
        if hasattr(kind, "__dataclass_fields__"):
            members = [value for _, value in _fields(container)]
        else:
            members = list(container)
        self._members[id(container)] = members
        return members

    def members(self, container: object) -> list[Any]:
        """The values inside ``container`` as they were when it was searched."""
        return self._members[id(container)]

    def is_live(self, value: object) -> bool:
        """Whether ``value`` stands for something other than itself."""
        kind = type(value)
        return kind is LazyResult or kind is Quoted or id(value) in self.live

    def open(
        self, container: Any, rank: Callable[[LazyResult[Any]], Any]
    ) -> tuple[Shape, Sequence[Any]]:
        """The shape of a live container and the members it is rebuilt from, in order.

        Args:
            container: A live container.
            rank: Sorts the lazy members of a set.

        Raises:
            GraphError: A key or a member of a set cannot be part of a structure.
        """
        kind = type(container)
        members = self.members(container)
        if kind in MAPPINGS:
            keys = tuple(t for key in container for t in key_tokens(key, "dict key", self.is_live))
            if kind is defaultdict:
                members = [Quoted(container.default_factory), *members]
            return Shape(kind, len(members), keys), members
        if kind in SETS:
            return self._open_set(container, rank)
        if hasattr(kind, "__dataclass_fields__"):
            live = [(n, v) for n, v in _fields(container) if self.is_live(v)]
            names = tuple(name for name, _ in live)
            return Shape(kind, len(live) + 1, names), [Quoted(container), *(v for _, v in live)]
        return Shape(kind, len(members)), members

    def _open_set(
        self, container: Any, rank: Callable[[LazyResult[Any]], Any]
    ) -> tuple[Shape, Sequence[Any]]:
        members = self.members(container)
        if any(id(member) in self.live for member in members):
            raise GraphError(
                f"a {type(container).__name__} holds a container with lazy results inside"
                f"{SUGGEST_QUOTE}"
            )
        lazies = sorted((m for m in members if type(m) is LazyResult), key=rank)
        data = tuple(
            m.value if type(m) is Quoted else m for m in members if type(m) is not LazyResult
        )
        keys = (len(data),)
        return Shape(type(container), len(lazies) + 1, keys), [Quoted(data), *lazies]


def flatten(
    argument: object, search: Search, rank: Callable[[LazyResult[Any]], Any]
) -> Iterator[object]:
    """The parts of an argument that is a live container, each container before its members.

    Yields:
        A ``Shape``, followed by its members; an ``Again``; a ``LazyResult``; or a ``Quoted`` whose
        value is data.

    Raises:
        CycleError: A live container contains itself.
    """
    numbers: dict[int, int] = {}
    path: list[object] = []
    stack: list[object] = [argument]
    while stack:
        value = stack.pop()
        kind = type(value)
        if value is _CLOSE:
            path.pop()
        elif kind is LazyResult or kind is Quoted:
            yield value
        elif id(value) not in search.live:
            yield Quoted(value)
        elif id(value) in numbers:
            _refuse_cycle(path, value)
            yield Again(numbers[id(value)])
        else:
            numbers[id(value)] = len(numbers)
            shape, members = search.open(value, rank)
            yield shape
            path.append(value)
            stack.append(_CLOSE)
            stack.extend(reversed(members))


_CLOSE = object()


def _refuse_cycle(path: list[object], value: object) -> None:
    for index, container in enumerate(path):
        if container is value:
            names = [type(c).__name__ for c in path[index:]]
            raise CycleError([*names, names[0]])


def rebuild(shape: Shape, members: list[Any]) -> Any:
    """Make the container that ``shape`` describes from the values of its members."""
    kind = shape.type
    if kind in SEQUENCES:
        return kind(members)
    if kind is defaultdict:
        return defaultdict(members[0], zip(plain_keys(shape), members[1:], strict=True))
    if kind in MAPPINGS:
        items = dict(zip(plain_keys(shape), members, strict=True))
        return items if kind is dict else OrderedDict(items)
    if kind in SETS:
        return kind((*members[0], *members[1:]))
    if hasattr(kind, "__dataclass_fields__"):
        return _copy_dataclass(members[0], dict(zip(shape.keys, members[1:], strict=True)))
    return kind._make(members)  # type: ignore[attr-defined]  # a namedtuple: is_container saw to it


def plain_keys(shape: Shape) -> list[Any]:
    """The keys of a live mapping, in order, as the mapping had them."""
    keys: list[Any] = []
    tokens = iter(shape.keys)
    for token in tokens:
        open_tuples: list[tuple[int, list[Any]]] = []
        value = _key_value(token, open_tuples)
        while open_tuples:
            size, parts = open_tuples[-1]
            if len(parts) < size:
                part = _key_value(next(tokens), open_tuples)
                if part is not _OPENED:
                    parts.append(part)
                continue
            open_tuples.pop()
            value = tuple(parts)
            if open_tuples:
                open_tuples[-1][1].append(value)
        keys.append(value)
    return keys


_OPENED = object()


def _key_value(token: KeyToken, open_tuples: list[tuple[int, list[Any]]]) -> Any:
    kind, content = token
    if kind is tuple:
        open_tuples.append((content, []))
        return _OPENED
    if issubclass(kind, Flag):
        return kind(content)
    if issubclass(kind, Enum):
        return kind[content]
    return content


_UNSET = object()


def _fields(instance: Any) -> Iterator[tuple[str, Any]]:
    import dataclasses  # whoever made the class has imported it; all others need not

    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name, _UNSET)
        if value is not _UNSET:
            yield field.name, value


def _copy_dataclass(instance: Any, changes: dict[str, Any]) -> Any:
    """Copy without ``__init__`` and set the changed fields, frozen or not."""
    kind = type(instance)
    copied = object.__new__(kind)
    if hasattr(instance, "__dict__"):
        copied.__dict__.update(instance.__dict__)
    for name in copyreg._slotnames(kind):  # type: ignore[attr-defined]  # what pickle itself asks
        value = getattr(instance, name, _UNSET)
        if value is not _UNSET:
            object.__setattr__(copied, name, value)
    for name, value in changes.items():
        object.__setattr__(copied, name, value)
    return copied
