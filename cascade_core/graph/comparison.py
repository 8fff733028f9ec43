"""Comparing two structures: a walk over both, side by side, that collects their changes.

It compares the decoded plan keys themselves, so whatever makes two keys unequal is found.
"""

from __future__ import annotations

from collections import deque
from typing import Any, final

from cascade_core.define.task import TaskIdentity
from cascade_core.graph.containers import Again, Shape
from cascade_core.graph.decode import Argument, Call, OptionSources
from cascade_core.graph.difference import Change, Path, path_text
from cascade_core.graph.model import container_places


@final
class Comparison:
    """A walk over two structures side by side, breadth first, each pair of calls once."""

    def __init__(self, before: tuple[Call, ...], now: tuple[Call, ...]) -> None:
        self._before = before
        self._now = now
        self._partner_now: dict[int, int] = {}
        self._partner_before: dict[int, int] = {}
        self._place_before: dict[int, Path | None] = {}
        self._place_now: dict[int, Path | None] = {}
        self._queue: deque[tuple[int, int, Path | None]] = deque()
        self._changes: list[Change] = []

    def changes(self) -> list[Change]:
        """All of them, nearest to the target first."""
        self._compare_sources(0, 0, None)
        while self._queue:
            self._compare_arguments(*self._queue.popleft())
        return self._changes

    def _change(self, path: Path | None, before: str, now: str) -> None:
        self._changes.append(Change(path_text(path), before, now))

    def _compare_sources(self, a: int, b: int, path: Path | None) -> None:
        if a < 0 and b < 0:
            return
        if a < 0 or b < 0:
            self._change(path, self._text(self._before, a), self._text(self._now, b))
            return
        if self._partner_now.get(a) == b:
            return
        if a in self._partner_now or b in self._partner_before:
            self._change(path, self._shared_before(a), self._shared_now(b))
            return
        self._partner_now[a] = b
        self._partner_before[b] = a
        self._place_before[a] = self._place_now[b] = path
        was, now = self._before[a].identity, self._now[b].identity
        if was is now:
            self._queue.append((a, b, path))
        elif was.qualified_name == now.qualified_name:
            self._change(path, f"{was.name}()", f"{now.name}() redefined")
        elif was.name == now.name and was.kind == now.kind != "call":
            self._change(path, _keywords_text(was), _keywords_text(now))
        elif was.name == now.name:
            self._change(path, f"{was.qualified_name}()", f"{now.qualified_name}()")
        else:
            self._change(path, f"{was.name}()", f"{now.name}()")

    def _compare_arguments(self, a: int, b: int, path: Path | None) -> None:
        was, now = self._before[a], self._now[b]
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
            self._compare_values(x, y, Path(path, name, f"({keyword}="))
        self._compare_options(was.options, now.options, name, path)

    def _compare_options(
        self, was: OptionSources, now: OptionSources, name: str, path: Path | None
    ) -> None:
        if len(was.after) != len(now.after):
            before, after = self._names(self._before, was.after), self._names(self._now, now.after)
            self._change(Path(path, name, ".after("), before, after)
            was, now = was._replace(after=()), now._replace(after=())
        before_by_label, now_by_label = dict(was.labelled()), dict(now.labelled())
        for opening in {**before_by_label, **now_by_label}:
            place = Path(path, name, opening)
            a, b = before_by_label.get(opening), now_by_label.get(opening)
            if a is None or b is None:
                self._change(place, self._option(self._before, a), self._option(self._now, b))
            else:
                self._compare_sources(a, b, place)

    def _option(self, calls: tuple[Call, ...], source: int | None) -> str:
        return "absent" if source is None else self._text(calls, source)

    def _names(self, calls: tuple[Call, ...], sources: tuple[int, ...]) -> str:
        return ", ".join(self._text(calls, source) for source in sources) or "absent"

    def _compare_values(self, x: Argument, y: Argument, path: Path) -> None:
        if isinstance(x, int) and isinstance(y, int):
            self._compare_sources(x, y, path)
        elif isinstance(x, int) or isinstance(y, int) or _skeleton(x) != _skeleton(y):
            self._change(path, self._text(self._before, x), self._text(self._now, y))
        else:
            pairs = zip(container_places(x), container_places(y), strict=True)
            for (inside, a), (_, b) in pairs:
                if isinstance(a, int) and isinstance(b, int):
                    place = path._replace(opening=f"{path.opening[:-1]}{inside}=")
                    self._compare_sources(a, b, place)

    def _text(self, calls: tuple[Call, ...], value: Argument) -> str:
        if isinstance(value, int):
            return "a literal" if value < 0 else f"{calls[value].identity.name}()"
        outermost = value[-1]
        assert isinstance(outermost, Shape)
        return f"a {outermost.type.__name__} with {_inside(calls, value)}"

    def _shared_before(self, a: int) -> str:
        name = self._before[a].identity.name
        if a in self._partner_now:
            return f"the same {name}() as {path_text(self._place_before[a])}"
        return f"another {name}()"

    def _shared_now(self, b: int) -> str:
        name = self._now[b].identity.name
        if b in self._partner_before:
            return f"the same {name}() as {path_text(self._place_now[b])}"
        return f"another {name}()"


def _keywords_text(identity: TaskIdentity) -> str:
    """A select or a map with what tells it from others: ``f.map(x=)``."""
    return f"{identity.name}({', '.join(f'{name}=' for name in identity.parameters.positional)})"


def _skeleton(argument: tuple[Any, ...]) -> list[Any]:
    return [part if isinstance(part, Shape | Again) else None for part in argument]


def _inside(calls: tuple[Call, ...], argument: tuple[Any, ...]) -> str:
    parts = [(path, part) for path, part in container_places(argument) if isinstance(part, int)]
    shown = [f"{calls[part].identity.name}() at {path}" for path, part in parts if part >= 0]
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "") or "quoted values"


def _count(arguments: tuple[Argument, ...]) -> str:
    return f"{len(arguments)} argument{'' if len(arguments) == 1 else 's'}"


def _names(names: list[str]) -> str:
    return ", ".join(f"{name}=" for name in names) or "no keywords"
