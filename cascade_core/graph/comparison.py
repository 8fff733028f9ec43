"""Comparing two structures: a walk over both, side by side, that collects their changes.

It compares the decoded plan keys themselves, so whatever makes two keys unequal is found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, final

from cascade_core.define.signature import Parameters
from cascade_core.define.task import TaskIdentity
from cascade_core.graph.containers import SETS, Again, Shape, plain_keys
from cascade_core.graph.decode import Argument, Call, OptionSources
from cascade_core.graph.difference import Change, Path, path_text
from cascade_core.graph.model import container_places


class _Side:
    """One of the two structures.

    Attributes:
        calls: Its calls by number.
        partners: The calls of the other structure that they were compared with.
        places: Where a call was compared or told of first.
    """

    def __init__(self, calls: tuple[Call, ...]) -> None:
        self.calls = calls
        self.partners: dict[int, int] = {}
        self.places: dict[int, Path | None] = {}

    def text(self, value: Argument | None, path: Path, alone: str = "") -> str:
        """What is there at ``path``; to be asked when all calls have their partners.

        Args:
            value: An argument, or the source of an option that may be absent.
            path: Where it is.
            alone: What to call a call that is nowhere else: ``another``.
        """
        if isinstance(value, int) and value >= 0 and value not in self.places:
            self.places[value] = path
            return f"{alone}{self._name(value)}()"
        return self.text_elsewhere(value)

    def text_elsewhere(self, value: Argument | None) -> str:
        """The same, without taking its place for that of a call."""
        if value is None:
            return "absent"
        if not isinstance(value, int):
            outermost = value[-1]
            assert isinstance(outermost, Shape)
            return f"a {outermost.type.__name__} with {_inside(self.calls, value)}"
        if value < 0:
            return "a literal"
        name = f"{self._name(value)}()"
        if value not in self.places:
            return name
        return f"the same {name} as {path_text(self.places[value])}"

    def texts(self, sources: tuple[int, ...]) -> str:
        """Several calls, or none."""
        return ", ".join(map(self.text_elsewhere, sources)) or "absent"

    def _name(self, number: int) -> str:
        return self.calls[number].identity.name


@final
class Comparison:
    """A walk over two structures side by side, breadth first, each pair of calls once.

    What a change says waits until the walk is done: only then is it known which calls are the
    same as others.
    """

    def __init__(self, before: tuple[Call, ...], now: tuple[Call, ...]) -> None:
        self._before = _Side(before)
        self._now = _Side(now)
        self._queue: deque[tuple[int, int, Path | None]] = deque()
        self._found: list[tuple[Path | None, Callable[[], str], Callable[[], str]]] = []

    def changes(self) -> list[Change]:
        """All of them, nearest to the target first."""
        self._compare_sources(0, 0, None)
        while self._queue:
            self._compare_arguments(*self._queue.popleft())
        return [Change(path_text(path), before(), now()) for path, before, now in self._found]

    @property
    def partners(self) -> Mapping[int, int]:
        """The calls of ``now``, with those of ``before`` that they were compared with."""
        return self._now.partners

    def _change(self, path: Path | None, before: str, now: str) -> None:
        self._found.append((path, lambda: before, lambda: now))

    def _part(self, path: Path, a: Argument | None, b: Argument | None, alone: str = "") -> None:
        """Note that another part is there now."""
        before, now = self._before, self._now
        self._found.append(
            (path, lambda: before.text(a, path, alone), lambda: now.text(b, path, alone))
        )

    def _containers(self, path: Path, x: tuple[Any, ...], y: tuple[Any, ...]) -> None:
        """Note that a container is built otherwise: by its calls, or else by its other members."""
        was, now = self._before.text_elsewhere(x), self._now.text_elsewhere(y)
        if was == now:
            was, now = _members(x), _members(y)
        self._change(path, was, now)

    def _compare_sources(self, a: int, b: int, path: Path | None) -> None:
        if a < 0 and b < 0:
            return
        if a < 0 or b < 0:
            assert path is not None
            self._part(path, a, b)
            return
        if self._before.partners.get(a) == b:
            return
        if a in self._before.partners or b in self._now.partners:
            assert path is not None
            self._part(path, a, b, "another ")
            return
        self._before.partners[a] = b
        self._now.partners[b] = a
        self._before.places[a] = self._now.places[b] = path
        was, now = self._before.calls[a].identity, self._now.calls[b].identity
        if was is now:
            self._queue.append((a, b, path))
        elif was.qualified_name == now.qualified_name:
            self._change(path, f"{was.name}()", f"{now.name}() redefined")
        elif was.name != now.name:
            self._change(path, f"{was.name}()", f"{now.name}()")
        elif was.kind == now.kind != "call" and was.parameters != now.parameters:
            self._change(path, _keywords_text(was), _keywords_text(now))
        else:
            self._change(path, f"{was.qualified_name}()", f"{now.qualified_name}()")

    def _compare_arguments(self, a: int, b: int, path: Path | None) -> None:
        was, now = self._before.calls[a], self._now.calls[b]
        name = was.identity.name
        parameters = was.identity.parameters
        fixed = len(parameters.positional)
        if len(was.args) == len(now.args):
            fixed = len(was.args)
        else:
            place = Path(path, name, f"(*{parameters.var_positional}=")
            self._change(place, _count(was.args[fixed:]), _count(now.args[fixed:]))
        for index in range(fixed):
            place = Path(path, name, f"({parameters.label(index)}=")
            self._compare_values(was.args[index], now.args[index], place)
        names_before = [keyword for keyword, _ in was.kwargs]
        names_now = [keyword for keyword, _ in now.kwargs]
        declared = len(parameters.keyword_only)
        if names_before == names_now:
            declared = len(names_now)
        else:
            place = Path(path, name, f"(**{parameters.var_keyword}=")
            self._change(place, _names(names_before[declared:]), _names(names_now[declared:]))
        for (keyword, x), (_, y) in zip(was.kwargs[:declared], now.kwargs[:declared], strict=True):
            label = _keyword_label(parameters, keyword)
            self._compare_values(x, y, Path(path, name, f"({label}="))
        self._compare_options(was.options, now.options, name, path)

    def _compare_options(
        self, was: OptionSources, now: OptionSources, name: str, path: Path | None
    ) -> None:
        if len(was.after) != len(now.after):
            before, after = was.after, now.after
            self._found.append(
                (
                    Path(path, name, ".after("),
                    lambda: self._before.texts(before),
                    lambda: self._now.texts(after),
                )
            )
            was, now = was._replace(after=()), now._replace(after=())
        before_by_label, now_by_label = dict(was.labelled()), dict(now.labelled())
        for opening in {**before_by_label, **now_by_label}:
            place = Path(path, name, opening)
            a, b = before_by_label.get(opening), now_by_label.get(opening)
            if a is None or b is None:
                self._part(place, a, b)
            else:
                self._compare_sources(a, b, place)

    def _compare_values(self, x: Argument, y: Argument, path: Path) -> None:
        if isinstance(x, int) and isinstance(y, int):
            self._compare_sources(x, y, path)
        elif isinstance(x, int) or isinstance(y, int):
            self._part(path, x, y)
        elif _skeleton(x) != _skeleton(y):
            self._containers(path, x, y)
        else:
            pairs = zip(container_places(x), container_places(y), strict=True)
            for (inside, a), (_, b) in pairs:
                if isinstance(a, int) and isinstance(b, int):
                    place = path._replace(opening=f"{path.opening[:-1]}{inside}=")
                    self._compare_sources(a, b, place)


def _keywords_text(identity: TaskIdentity) -> str:
    """A select or a map with what tells it from others: ``f.map(x=)``."""
    return f"{identity.name}({', '.join(f'{name}=' for name in identity.parameters.positional)})"


def _keyword_label(parameters: Parameters, keyword: str) -> str:
    """``k``, or ``**options['a']`` where an extra keyword could be taken for another argument."""
    taken = (*parameters.positional, parameters.var_positional)
    if keyword in parameters.keyword_only or (keyword.isidentifier() and keyword not in taken):
        return keyword
    return f"**{parameters.var_keyword}[{keyword!r}]"


def _skeleton(argument: tuple[Any, ...]) -> list[Any]:
    return [part if isinstance(part, Shape | Again) else None for part in argument]


def _members(argument: tuple[Any, ...]) -> str:
    """The sizes and keys of a container and those in it, outermost first."""
    shapes = [part for part in reversed(argument) if isinstance(part, Shape)]
    shown = ", ".join(_members_text(shape) for shape in shapes[:3])
    return shown + (", ..." if len(shapes) > 3 else "")


def _members_text(shape: Shape) -> str:
    what = f"a {shape.type.__name__}"
    if issubclass(shape.type, dict):
        return f"{what} with keys {', '.join(map(repr, plain_keys(shape)))}"
    if shape.type in SETS:
        return f"{what} of {shape.size - 1 + shape.keys[0]}"
    if hasattr(shape.type, "__dataclass_fields__"):
        return what
    return f"{what} of {shape.size}"


def _inside(calls: tuple[Call, ...], argument: tuple[Any, ...]) -> str:
    parts = [(path, part) for path, part in container_places(argument) if isinstance(part, int)]
    shown = [f"{calls[part].identity.name}() at {path}" for path, part in parts if part >= 0]
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "") or "quoted values"


def _count(arguments: tuple[Argument, ...]) -> str:
    return f"{len(arguments)} argument{'' if len(arguments) == 1 else 's'}"


def _names(names: list[str]) -> str:
    return ", ".join(f"{name}=" for name in names) or "no keywords"
