"""The reason is right: what ``explain`` names is what has to be changed, and nothing else is.

A program here is a model of calls that can be changed in place (``Call``, ``Box``, ``Data``). Two
are made, the parts of the second are put into the first at the paths that ``explain`` names, and
the first has to have the second's structure then. Paths are read by a reader of its own, which
knows nothing but what a path looks like.

How a part is put in its place: a call is one thing, however often it is used. So a path through a
shared call changes it for all its users; a call that is *another one* is replaced wherever no
other change says what is there; and calls of b that a part has in common with what did not change
are a's calls there.
"""

from __future__ import annotations

import copy
import enum
import re
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cascade_core as cs

# -- tasks ----------------------------------------------------------------------------------------


def defined():
    @cs.task
    async def plain(a=0, b=0, *, k=0):
        return 0

    return plain


@cs.task
def one(x=0):
    return 0


@cs.task
async def star(*xs, **more):
    return 0


@cs.task
async def mixed(a, /, b=0, *xs, k=0, **more):
    return 0


PLAIN = defined()
NAMESAKE = cs.task(lambda a=0, b=0, *, k=0: 0, name="plain")
TASKS = {
    "plain": PLAIN,
    "redefined": defined(),
    "pure": cs.task(PLAIN.fn, pure=True),
    "namesake": NAMESAKE,
    "one": one,
    "star": star,
    "mixed": mixed,
}
LIKE = {
    "plain": ("redefined", "namesake", "pure"),
    "plain.map": ("redefined.map", "namesake.map"),
}
"""Tasks with the same parameters, under one name."""

SYNC = ("one", "namesake", "namesake.map")
"""Tasks that may have no timeout."""


class Parameters(NamedTuple):
    positional: tuple[str, ...] = ()
    keyword_only: tuple[str, ...] = ()
    star: str | None = None
    more: str | None = None


PLAIN_PARAMETERS = Parameters(("a", "b"), ("k",))
PARAMETERS = {
    **dict.fromkeys(("plain", "redefined", "pure", "namesake"), PLAIN_PARAMETERS),
    "one": Parameters(("x",)),
    "star": Parameters(star="xs", more="more"),
    "mixed": Parameters(("a", "b"), ("k",), "xs", "more"),
    "Param": Parameters(("name", "default")),
    "Env": Parameters(("name", "default")),
    "inject": Parameters(("name",)),
}
EXTRA_NAMES = ("p", "q", "a", "xs", "xs[0]")
"""Behind ``**``; a few of them look like something else."""


# -- programs -------------------------------------------------------------------------------------


class Point(NamedTuple):
    x: Any
    y: Any


@dataclass(eq=False)
class Pair:
    x: Any
    y: Any


@dataclass(frozen=True, eq=False, slots=True)
class Frozen:
    x: Any
    y: Any


RECORDS = {"Point": Point, "Pair": Pair, "Frozen": Frozen}
SEQUENCES = {"list": list, "tuple": tuple}
SETS = {"set": set, "frozenset": frozenset}
MAPPINGS = {"dict": dict, "OrderedDict": OrderedDict, "defaultdict": lambda x: defaultdict(int, x)}


class Colour(enum.Flag):
    RED = 1
    BLUE = 2


KEYS = (0, 1, 10, "a", "1", "a]b", "it's", None, b"a", (1, ("a", None)), Colour.RED, Colour(3))


@dataclass(eq=False)
class Data:
    """A value; ``quoted`` makes what it is in live."""

    value: Any
    quoted: bool = False
    omitted: bool = False

    def __deepcopy__(self, memo: Any) -> Data:
        return self


@dataclass(eq=False)
class Box:
    """A container; it belongs to one argument, which may hold it twice."""

    kind: str
    members: list[Any]
    keys: tuple[Any, ...] = ()

    def ordered(self) -> list[int]:
        """The members that can be calls, in the order that numbers go by: indexes."""
        if self.kind not in SETS:
            return list(range(len(self.members)))
        calls = [i for i, member in enumerate(self.members) if isinstance(member, Call)]
        return sorted(calls, key=lambda i: node_id(self.members[i]))

    def labels(self) -> list[tuple[str, int]]:
        """How a path goes on to each member."""
        if self.kind in SEQUENCES:
            return [(f"[{i}]", i) for i in range(len(self.members))]
        if self.kind in MAPPINGS:
            return [(f"[{key!r}]", i) for i, key in enumerate(self.keys)]
        if self.kind in SETS:
            return [(f"{{{n}}}", i) for n, i in enumerate(self.ordered())]
        return [(".x", 0), (".y", 1)]


@dataclass(eq=False)
class Call:
    """One call; ``options`` are named by how they begin."""

    task: str
    keys: tuple[Any, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    star: list[Any] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    after: list[Call] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    amounts: dict[str, Any] = field(default_factory=dict)
    by_keyword: int = 9
    """From this argument on they are passed by keyword, where that can be."""

    @property
    def of(self) -> Parameters:
        if self.task == "select":
            return Parameters(("selector", *(f"routes[{key!r}]" for key in self.keys), "default"))
        if self.task.endswith(".map"):
            return Parameters(self.keys)
        return PARAMETERS[self.task]

    @property
    def name(self) -> str:
        """As paths call it."""
        task, dot, suffix = self.task.partition(".")
        return f"{TASKS[task].name if task in TASKS else task}{dot}{suffix}"

    def slots(self) -> Iterator[tuple[str, Any]]:
        """Where parts are, in the order of the structure."""
        yield from (("args", name) for name in self.of.positional)
        yield from (("star", index) for index in range(len(self.star)))
        yield from (("args", name) for name in self.of.keyword_only)
        yield from (("more", name) for name in self.more)
        yield from (("options", name) for name in self.options)
        yield from (("after", index) for index in range(len(self.after)))
        yield from (("amounts", name) for name in self.amounts)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Each call once, in lines, for failing examples."""
        numbers = {call: number for number, call in enumerate(reachable(self))}
        for call, number in numbers.items():
            slots = [
                f"{name}={part_text(get(call, (k, name)), numbers)}" for k, name in call.slots()
            ]
            printer.text(f"\n  {number} = {call.task}{call.keys or ''}({', '.join(slots)})")


Part = Data | Box | Call
Slot = tuple[str, Any]


def get(owner: Any, slot: Slot) -> Any:
    """A part, a copy of all of a kind if no one is named, or None."""
    kind, name = slot
    parts = getattr(owner, kind)
    if name is None:
        return copy.copy(parts)
    if isinstance(parts, dict):
        return parts.get(name)
    return parts[name] if name < len(parts) else None


def put(owner: Any, slot: Slot, part: Any) -> None:
    kind, name = slot
    parts = getattr(owner, kind)
    if name is None:
        setattr(owner, kind, part)
    elif part is None:
        del parts[name]
    else:
        parts[name] = part


def inside(owner: Any, slot: Slot) -> Iterator[tuple[Any, Slot]]:
    """A place, and all places of the containers there, each container once."""
    seen: set[int] = set()
    places = [(owner, slot)]
    while places:
        holder, at = places.pop()
        yield holder, at
        part = get(holder, at)
        if isinstance(part, Box) and id(part) not in seen:
            seen.add(id(part))
            places.extend((part, ("members", i)) for i in reversed(part.ordered()))


def boxes_in(owner: Any, slot: Slot) -> list[Box]:
    parts = [get(holder, at) for holder, at in inside(owner, slot)]
    return [part for part in parts if isinstance(part, Box) and is_live(part)]


def calls_in(owner: Any, slot: Slot) -> list[Call]:
    parts = [get(holder, at) for holder, at in inside(owner, slot)]
    return [part for part in parts if isinstance(part, Call)]


def is_live(part: Part) -> bool:
    """Whether a part is searched, or is data to the engine."""
    if isinstance(part, Box):
        return any(is_live(member) for member in part.members)
    return isinstance(part, Call) or part.quoted


def reachable(target: Call) -> list[Call]:
    """A call and all it depends on, breadth first."""
    found = {target: None}
    for call in (queue := [target]):
        for slot in call.slots():
            for used in calls_in(call, slot):
                if used not in found:
                    found[used] = None
                    queue.append(used)
    return list(found)


def part_text(part: Part, numbers: dict[Call, int]) -> str:
    if isinstance(part, Call):
        return f"<{numbers[part]}>"
    if isinstance(part, Data):
        return f"quote({part.value!r})" if part.quoted else repr(part.value)
    members = ", ".join(part_text(member, numbers) for member in part.members)
    return f"{part.kind}#{id(part) % 997}{part.keys or ''}[{members}]"


class NoProgramError(Exception):
    """Parts that do not go together make a cycle."""


class Builder:
    """Makes lazy results of calls, one of each."""

    def __init__(self, tasks: dict[str, Any]) -> None:
        self._tasks = tasks
        self._made: dict[Call, Any] = {}
        self._begun: set[Call] = set()

    def lazy(self, call: Call) -> Any:
        if call not in self._made:
            if call in self._begun:
                raise NoProgramError(f"{call.name} depends on itself")
            self._begun.add(call)
            self._made[call] = self._optioned(call, self._called(call))
        return self._made[call]

    def _called(self, call: Call) -> Any:
        args = {name: self._value(part) for name, part in call.args.items()}
        if call.task == "select":
            selector, *routes, default = args.values()
            return cs.select(selector, dict(zip(call.keys, routes, strict=True)), default)
        if call.task.endswith(".map"):
            return self._tasks[call.task[:-4]].map(**args)
        if call.task in ("Param", "Env", "inject"):
            return getattr(cs, call.task)(*args.values())
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for index, name in enumerate(call.of.positional):
            part = call.args[name]
            is_fixed = call.star or (name == "a" and call.task == "mixed") or name in call.more
            if not is_fixed and isinstance(part, Data) and part.omitted:
                continue
            if is_fixed or len(positional) == index < call.by_keyword:
                positional.append(args[name])
            else:
                keywords[name] = args[name]
        keywords |= {n: args[n] for n in call.of.keyword_only if not _is_omitted(call.args[n])}
        keywords |= {name: self._value(part) for name, part in call.more.items()}
        positional += map(self._value, call.star)
        return self._tasks[call.task](*positional, **keywords)

    def _optioned(self, call: Call, lazy: Any) -> Any:
        for name, part in call.options.items():
            value = self._value(part)
            lazy = lazy.run_if(value) if name == "run_if" else getattr(lazy, name)(value)
        if call.amounts:
            lazy = lazy.with_constraints(**{n: self._value(p) for n, p in call.amounts.items()})
        return lazy.after(*map(self.lazy, call.after))

    def _value(self, part: Part) -> Any:
        return self._member(part, {})

    def _member(self, part: Part, made: dict[Box, Any]) -> Any:
        if isinstance(part, Call):
            return self.lazy(part)
        if isinstance(part, Data):
            return cs.quote(part.value) if part.quoted else part.value
        if part not in made:
            members = [self._member(member, made) for member in part.members]
            if part.kind in RECORDS:
                made[part] = RECORDS[part.kind](*members)
            elif part.kind in MAPPINGS:
                made[part] = MAPPINGS[part.kind](dict(zip(part.keys, members, strict=True)))
            else:
                made[part] = (SEQUENCES | SETS)[part.kind](members)
        return made[part]


def _is_omitted(part: Part) -> bool:
    return isinstance(part, Data) and part.omitted


def graph_of(call: Call, tasks: dict[str, Any] = TASKS) -> cs.Graph:
    return cs.build_graph(Builder(tasks).lazy(call))


def node_id(call: Call) -> str:
    return graph_of(call).nodes[0].id


# -- drawing programs -----------------------------------------------------------------------------


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


VALUES = (0, 1, None, True, "a", (1, [2]), [1])
CALLS = ("plain",) * 5 + ("star",) * 3 + ("mixed",) * 2 + ("one",) * 2
BUILT_IN = ("select", "select", "plain.map", "star.map", "Param", "Env", "inject")
KINDS = ("list", "list", "tuple", "dict", "OrderedDict", "defaultdict", "set", "frozenset")


class Maker:
    """Draws calls, and changes to them.

    Args:
        draw: Hypothesis' choices.
        calls: The tasks to call.
        is_rich: Whether there are options other than ``after``, and built-in tasks.
    """

    def __init__(self, draw: st.DrawFn, calls: tuple[str, ...] = CALLS, is_rich: bool = True):
        self._draw = draw
        self._tasks = calls
        self._is_rich = is_rich

    def below(self, count: int) -> int:
        return self._draw(_below(count)) if count > 1 else 0

    def pick(self, options: Any) -> Any:
        return options[self.below(len(options))]

    def one_in(self, count: int) -> bool:
        return self.below(count) == count - 1

    def program(self, task: str | None = None, keys: tuple[Any, ...] = ()) -> list[Call]:
        """Calls, each of which uses earlier ones; the last is the target."""
        calls: list[Call] = []
        for _ in range(self.below(7)):
            calls.append(self.call(calls))
        calls.append(self.call(calls, task, keys))
        settle(calls)
        return calls

    def call(
        self, earlier: list[Call], task: str | None = None, keys: tuple[Any, ...] = ()
    ) -> Call:
        if task is None:
            built_in = self._is_rich and self.one_in(4)
            task = self.pick(BUILT_IN if built_in else self._tasks)
            if task == "select":
                keys = self.some(("a", "b", 1, None, "a]b", (1, "x")), 3)
            elif task == "plain.map":
                keys = self.pick((("a",), ("a", "b"), ("b", "k")))
            elif task == "star.map":
                keys = self.pick((("p",), ("p", "q"), ("q", "p")))
        call = Call(task, keys, by_keyword=self.below(4))
        for name in (*call.of.positional, *call.of.keyword_only):
            call.args[name] = self.argument(call, name, earlier)
        if call.of.star and self.below(2):
            call.star = [self.part(earlier) for _ in range(self.below(4))]
        if call.of.more and self.below(2):
            call.more = {name: self.part(earlier) for name in self.extra_names(call)}
        self.add_options(call, earlier)
        return call

    def extra_names(self, call: Call) -> tuple[str, ...]:
        names = [n for n in EXTRA_NAMES if n != "a" or call.task in ("star", "mixed")]
        return self.some(tuple(names), 3)

    def some(self, options: tuple[Any, ...], most: int) -> tuple[Any, ...]:
        chosen: dict[Any, None] = {}
        for _ in range(self.below(most + 1)):
            chosen[self.pick(options)] = None
        return tuple(chosen)

    def argument(self, call: Call, name: str, earlier: list[Call]) -> Part:
        if call.task.endswith(".map"):
            return self.items(earlier)
        if call.task in ("Param", "Env", "inject") and name == "name":
            return Data(self.pick("uv"))
        if call.task in TASKS and not (call.task == "mixed" and name == "a") and self.one_in(4):
            return Data(0, omitted=True)
        return self.part(earlier)

    def items(self, earlier: list[Call]) -> Part:
        """An iterable of two, or what will be one."""
        how = self.below(3)
        if how == 1 and earlier:
            return self.pick(earlier)
        if how == 2:
            kind = self.pick(("list", "tuple", "Point"))
            return Box(kind, [self.part(earlier) for _ in range(2)])
        return Data([1, 2])

    def part(self, earlier: list[Call], depth: int = 2, done: list[Box] | None = None) -> Part:
        done = [] if done is None else done
        how = self.below(10)
        if how < 6 and earlier:
            return earlier[-1 - min(self.below(len(earlier)), self.below(len(earlier)))]
        if how < 8 or not depth:
            return Data(self.pick(VALUES), quoted=self.one_in(6))
        if done and self.below(2):
            return self.pick(done)
        box = self.box(earlier, depth - 1, done)
        done.append(box)
        return box

    def box(self, earlier: list[Call], depth: int, done: list[Box]) -> Box:
        kind = self.pick((*KINDS, *RECORDS))
        if kind in SETS:
            members = [Data(value) for value in self.some((1, "a", None), 2)]
            chosen = self.some(tuple(earlier), 3) if earlier else ()
            return Box(kind, [*members, *chosen])
        if kind in MAPPINGS:
            keys = self.some(KEYS, 3)
            return Box(kind, [self.part(earlier, depth, done) for _ in keys], keys)
        count = 2 if kind in RECORDS else self.below(4)
        members = [self.part(earlier, depth, done) for _ in range(count)]
        if kind in SEQUENCES and members and self.below(2):
            members.append(self.pick(members))
        return Box(kind, members)

    def add_options(self, call: Call, earlier: list[Call]) -> None:
        if self.one_in(4):
            call.after = list(self.some(tuple(earlier), 3)) if earlier else []
        if not self._is_rich:
            return
        if self.one_in(6):
            call.options["run_if"] = self.condition(earlier)
        if call.task in TASKS or call.task.endswith(".map"):
            for name in self.option_names(call):
                if self.one_in(12):
                    call.options[name] = OPTION_DATA[name]
            if self.one_in(8):
                names = self.some(("gpu", "cpu", "net"), 2)
                call.amounts = {name: self.amount(earlier) for name in names}

    def option_names(self, call: Call) -> tuple[str, ...]:
        names = ("with_retry", "with_cache", "with_timeout")
        return names[: 2 if call.task in SYNC else 3]

    def condition(self, earlier: list[Call]) -> Part:
        return self.pick(earlier) if earlier and self.below(3) else Data(self.pick((True, False)))

    def amount(self, earlier: list[Call]) -> Part:
        return self.pick(earlier) if earlier and self.below(2) else Data(self.below(3))

    def mutate(self, calls: list[Call]) -> None:
        """Change one place of a program that counts."""
        needed = reachable(calls[-1])
        index = self.pick([i for i, call in enumerate(calls) if call in needed])
        call, earlier = calls[index], calls[:index]
        slots = list(call.slots())
        boxes = [b for c in needed for slot in c.slots() for b in boxes_in(c, slot)]
        several = [other for other in needed if len(other.more) > 1]
        alike = [other for other in needed if other.task in LIKE]
        how = self.below(12)
        if how < 3 and slots:
            self.replace(call, self.pick(slots), earlier)
        elif how < 5 and slots:
            self.unshare(call, self.pick(slots), earlier)
        elif how == 5 and call.of.star:
            call.star = [*call.star, self.part(earlier)][self.below(2) :]
        elif how == 6 and several and self.below(2):
            turned = self.pick(several)
            turned.more = dict(reversed(turned.more.items()))
        elif how == 6 and call.of.more:
            call.more = {name: self.part(earlier) for name in self.extra_names(call)}
        elif how == 7 and alike:
            self.swap_task(self.pick(alike))
        elif how == 8:
            call.after, call.options, call.amounts = call.after[1:], {}, {}
            self.add_options(call, earlier)
        elif how > 8 and boxes:
            self.rearrange(self.pick(boxes))
        elif call is not calls[-1]:
            again = self.call(earlier)
            call.__dict__.update(again.__dict__)
        settle(calls)

    def rearrange(self, box: Box) -> None:
        """Change what a container is, and none of the calls in it."""
        inner = [i for i, member in enumerate(box.members) if isinstance(member, Box)]
        if inner and self.below(2):
            at = self.pick(inner)
            box.members[at] = copy.copy(box.members[at])
            return
        if box.keys and self.below(2):
            others = [key for key in KEYS if key not in box.keys]
            box.keys = (*box.keys[1:], self.pick(others))
            return
        groups = (("list", "tuple"), ("dict", "OrderedDict"), tuple(SETS), ("Pair", "Frozen"))
        box.kind = self.pick(next((g for g in groups if box.kind in g), (box.kind,)))

    def swap_task(self, call: Call) -> None:
        call.task = self.pick(LIKE[call.task])
        if call.task in SYNC:
            call.options.pop("with_timeout", None)

    def replace(self, call: Call, slot: Slot, earlier: list[Call]) -> None:
        kind, name = slot
        places = list(inside(call, slot))
        holder, at = self.pick(places)
        if holder is not call:
            member = self.part(earlier, depth=1)
            if holder.kind in SETS and not isinstance(member, Call):
                member = Data(2)
            put(holder, at, member)
        elif kind == "args":
            put(call, slot, self.argument(call, name, earlier))
        elif kind in ("star", "more"):
            put(call, slot, self.part(earlier))
        elif kind == "after":
            call.after = list(dict.fromkeys([*call.after[:name], *earlier[-1:]]))
        elif kind == "amounts":
            put(call, slot, self.amount(earlier))
        elif name == "run_if":
            put(call, slot, self.condition(earlier))
        else:
            del call.options[name]

    def unshare(self, call: Call, slot: Slot, earlier: list[Call]) -> None:
        """Put another call like it, or an equal other one, where a call is."""
        places = [p for p in inside(call, slot) if isinstance(get(*p), Call)]
        if not places:
            return
        holder, at = self.pick(places)
        used = get(holder, at)
        alike = [other for other in earlier if other.task == used.task and other is not used]
        if alike and self.below(2):
            put(holder, at, self.pick(alike))
        else:
            put(holder, at, copy.copy(used) if self.below(2) else copy.deepcopy(used))
        call.after = list(dict.fromkeys(call.after))


OPTION_DATA = {
    "with_retry": Data(2),
    "with_timeout": Data(1.5),
    "with_cache": Data(cs.MemoryCache()),
}


def settle(calls: list[Call]) -> None:
    """Take members out of sets that nothing but sharing tells apart: those have no order."""
    done: set[Call] = set()

    def visit(call: Call) -> None:
        if call in done:
            return
        done.add(call)
        for slot in call.slots():
            boxes = []
            for holder, at in list(inside(call, slot)):
                part = get(holder, at)
                if isinstance(part, Call):
                    visit(part)
                elif isinstance(part, Box) and part.kind in SETS:
                    boxes.append(part)
            for box in boxes:
                kept = {
                    node_id(m) if isinstance(m, Call) else repr(m.value): m for m in box.members
                }
                box.members = list(kept.values())

    for call in calls:
        visit(call)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Call, Call]:
    """Two programs with one target task: changes of one another, or unrelated."""
    maker = Maker(draw)
    a = maker.program()
    if maker.one_in(4):
        b = maker.program(a[-1].task, a[-1].keys)
    else:
        b = copy.deepcopy(a)
        for _ in range(1 + maker.below(3)):
            maker.mutate(b)
    return (a[-1], b[-1]) if maker.below(2) else (b[-1], a[-1])


# -- reading paths --------------------------------------------------------------------------------

OPTION = re.compile(r"\.(run_if|with_retry|with_timeout|with_cache)\(")
AFTER = re.compile(r"\.after(?:\[(\d+)\])?\(")
AMOUNT = re.compile(r"\.with_constraints\((\w+)=")
ALL_STAR = re.compile(r"\(\*(\w+)=")
ALL_MORE = re.compile(r"\(\*\*(\w+)=")


class Place(NamedTuple):
    owner: Any
    slot: Slot

    @property
    def part(self) -> Any:
        part = get(self.owner, self.slot)
        return part[0] if self.slot == ("after", None) and len(part) == 1 else part

    def single(self) -> Place:
        """The only call of an ``after``, in place of all that it comes after."""
        return self._replace(slot=("after", 0)) if self.slot == ("after", None) else self


def read(path: str, target: Call) -> Place | None:
    """The place that a path leads to; None for the target itself."""
    if path == "target":
        return None
    call, rest, depth = target, path, 0
    while True:
        assert rest.startswith(call.name), f"{path}: no call of {call.name} at {rest!r}"
        place, rest = opening(call, rest[len(call.name) :])
        depth += 1
        if rest.strip(")") == "":
            assert len(rest) == depth, f"{path}: {len(rest)} closed, {depth} opened"
            return place
        call = place.part
        assert isinstance(call, Call), f"{path}: no call before {rest!r}"


def opening(call: Call, text: str) -> tuple[Place, str]:
    """The place of a call that the text begins with, and the rest of the text."""
    of = call.of
    if found := OPTION.match(text):
        slot: Slot = ("options", found[1])
    elif found := AFTER.match(text):
        slot = ("after", None if found[1] is None else int(found[1]))
    elif found := AMOUNT.match(text):
        slot = ("amounts", found[1])
    elif found := ALL_STAR.match(text):
        assert found[1] == of.star
        slot = ("star", None)
    elif found := ALL_MORE.match(text):
        assert found[1] == of.more
        slot = ("more", None)
    else:
        return argument_opening(call, text)
    return Place(call, slot), text[found.end() :]


def argument_opening(call: Call, text: str) -> tuple[Place, str]:
    labels = [(name, ("args", name)) for name in (*call.of.positional, *call.of.keyword_only)]
    labels += [(f"{call.of.star}[{i}]", ("star", i)) for i in range(len(call.star))]
    taken = (*call.of.positional, call.of.star)
    for name in call.more:
        is_plain = name.isidentifier() and name not in taken
        labels.append((name if is_plain else f"**{call.of.more}[{name!r}]", ("more", name)))
    found = [
        member
        for label, slot in labels
        if text.startswith(f"({label}")
        for member in member_opening(Place(call, slot), text[len(label) + 1 :])
    ]
    assert len(found) == 1, f"{len(found)} places of {call.name} are called {text!r}"
    return found[0]


def member_opening(place: Place, text: str) -> Iterator[tuple[Place, str]]:
    """Follow a path into a container, if what the text says is there."""
    if text.startswith("="):
        yield place, text[1:]
    elif isinstance(place.part, Box):
        for label, index in place.part.labels():
            if text.startswith(label):
                yield from member_opening(Place(place.part, ("members", index)), text[len(label) :])


# -- what a change says ---------------------------------------------------------------------------

SHARED = re.compile(r"the same (\S+)\(\) as (.*)")
UNSHARED = re.compile(r"another (\S+)\(\)")


def plain_text(part: Any) -> str:
    """How a part alone is described; of a container, the beginning."""
    if part is None:
        return "absent"
    if isinstance(part, Call):
        return f"{part.name}()"
    if isinstance(part, Box) and is_live(part):
        return f"a {part.kind} with "
    return "a literal"


def check_text(text: str, place: Place, target: Call, is_elsewhere: bool) -> None:
    """Hold what a change says to be there against what is there."""
    part = place.part
    if place.slot == ("star", None):
        assert text == f"{len(part)} argument{'' if len(part) == 1 else 's'}"
    elif place.slot == ("more", None):
        assert text == (", ".join(f"{name}=" for name in part) or "no keywords")
    elif isinstance(part, list):
        texts = [re.escape(plain_text(call)) for call in part] or ["absent"]
        assert re.fullmatch(f"(the same )?{'.*'.join(texts)}.*", text)
    elif isinstance(part, Box) and is_live(part):
        # By its calls, or if these are the same, by its size or keys.
        assert text.startswith(plain_text(part).removesuffix(" with "))
    elif is_elsewhere:
        found = SHARED.fullmatch(text)
        assert found, f"{text} does not say that it is elsewhere"
        elsewhere = read(found[2], target)
        assert found[1] == part.name
        assert elsewhere.part is part
        assert elsewhere.single() != place
    else:
        assert text.removeprefix("another ") == plain_text(part)


def is_other_call(change: cs.Change, was: Any, now: Any) -> bool:
    """Whether a change says that a call is another one, wherever it is used."""
    is_shared = any(
        text.startswith(("the same ", "another ")) for text in (change.before, change.now)
    )
    return isinstance(was, Call) and isinstance(now, Call) and not is_shared


def check_other_call(change: cs.Change, was: Call, now: Call) -> None:
    one, two = identity(was), identity(now)
    assert one is not two
    assert change.before != change.now
    if one.qualified_name == two.qualified_name:
        assert (change.before, change.now) == (f"{was.name}()", f"{was.name}() redefined")
    elif was.name != now.name:
        assert (change.before, change.now) == (f"{was.name}()", f"{now.name}()")
    else:
        assert change.before.startswith((f"{was.name}(", f"{one.qualified_name}("))
        assert change.now.startswith((f"{now.name}(", f"{two.qualified_name}("))


def identity(call: Call) -> Any:
    return Builder(TASKS).lazy(call).task.identity


# -- putting the parts of b into a ----------------------------------------------------------------


class Substitution:
    """Turns one program into another at named places."""

    def __init__(self, changes: tuple[cs.Change, ...], a: Call, b: Call) -> None:
        self._changes, self._a, self._b = changes, a, b
        self._places: list[tuple[Place, Place]] = []
        self._named: set[tuple[int, str, Any]] = set()
        """Places of b, and with b's ids, that a change names."""
        self._named_in_a: set[tuple[int, str, Any]] = set()
        self._other: dict[Call, Call] = {}
        """Calls of a that are other ones in b."""
        self._is_other_target = False
        for change in changes:
            self._read(change)
        self._ours: dict[Call, Call] = {}
        """Calls of b that are in places that did not change: what is there in a."""
        if not self._is_other_target:
            self._find_ours()
        self._copies: dict[Call, Call] = {}

    def _read(self, change: cs.Change) -> None:
        there, here = read(change.path, self._a), read(change.path, self._b)
        if there and here and isinstance(there.part, Call) and isinstance(here.part, Call):
            there, here = there.single(), here.single()
        if there is None or here is None:
            assert there is here
            self._is_other_target = True
            return
        key = (id(there.owner), *there.slot)
        assert key not in self._named_in_a, f"{change.path} is named twice"
        self._named_in_a.add(key)
        self._named.add((id(here.owner), *here.slot))
        self._places.append((there, here))
        if is_other_call(change, there.part, here.part):
            self._other[there.part] = here.part

    def check_texts(self) -> None:
        """Hold what the changes say against the parts, sharing too: each call is told of once."""
        if self._is_other_target:
            (change,) = self._changes
            check_other_call(change, self._a, self._b)
            return
        told_a = {*self._ours.values(), *self._other}
        told_b = {*self._ours, *self._other.values()}
        for change, (there, here) in zip(self._changes, self._places, strict=True):
            was, now = there.part, here.part
            if is_other_call(change, was, now):
                check_other_call(change, was, now)
                continue
            check_text(change.before, there, self._a, isinstance(was, Call) and was in told_a)
            check_text(change.now, here, self._b, isinstance(now, Call) and now in told_b)
            if there.slot != ("after", None):
                told_a |= {was} if isinstance(was, Call) else set()
                told_b |= {now} if isinstance(now, Call) else set()

    @staticmethod
    def _is_named(named: set[tuple[int, str, Any]], owner: Any, slot: Slot) -> bool:
        return (id(owner), *slot) in named or (id(owner), slot[0], None) in named

    def _find_ours(self) -> None:
        self._ours[self._b] = self._a
        others = set(self._other.values())
        queue = deque([(self._a, self._b)])
        while queue:
            ours, theirs = queue.popleft()
            for slot in theirs.slots():
                for x, y in self._unnamed(Place(ours, slot), Place(theirs, slot)):
                    is_like = (x.task, x.keys) == (y.task, y.keys)
                    if is_like and y not in self._ours and y not in others:
                        self._ours[y] = x
                        queue.append((x, y))

    def _unnamed(self, ours: Place, theirs: Place) -> Iterator[tuple[Call, Call]]:
        """The pairs of calls at a place that no change names, and in containers there."""
        if self._is_named(self._named, *theirs):
            return
        x, y = ours.part, theirs.part
        if isinstance(x, Call) and isinstance(y, Call):
            yield x, y
        elif isinstance(x, Box) and isinstance(y, Box):
            for i, j in zip(x.ordered(), y.ordered(), strict=False):
                yield from self._unnamed(Place(x, ("members", i)), Place(y, ("members", j)))

    def result(self) -> Call:
        """a with b's parts; a itself is changed."""
        if self._is_other_target:
            return self._b
        puts = [(there, self._ours_of(get(*here), {})) for there, here in self._places]
        for call in reachable(self._a):
            for slot in call.slots():
                for owner, at in inside(call, slot):
                    part = get(owner, at)
                    is_named = self._is_named(self._named_in_a, owner, at)
                    if isinstance(part, Call) and part in self._other and not is_named:
                        puts.append((Place(owner, at), self._ours_of(self._other[part], {})))
        for there, part in puts:
            put(*there, part)
        return self._a

    def _ours_of(self, part: Any, boxes: dict[Box, Box]) -> Any:
        """What a part of b is in a."""
        if isinstance(part, dict):
            return {name: self._ours_of(p, {}) for name, p in part.items()}
        if isinstance(part, list):
            return [self._ours_of(p, {}) for p in part]
        if isinstance(part, Box):
            if part not in boxes:
                members = [self._ours_of(member, boxes) for member in part.members]
                boxes[part] = Box(part.kind, members, part.keys)
            return boxes[part]
        if not isinstance(part, Call):
            return part
        if part in self._ours:
            return self._ours[part]
        if part not in self._copies:
            mine = self._copies[part] = Call(part.task, part.keys, by_keyword=part.by_keyword)
            for kind in ("args", "star", "more", "after", "options", "amounts"):
                setattr(mine, kind, self._ours_of(getattr(part, kind), {}))
        return self._copies[part]


@pytest.mark.slow
@settings(max_examples=400)
@given(pairs())
def test_parts_of_one_program_at_the_named_paths_make_it_of_the_other(pair):
    a, b = pair
    one, two = graph_of(a), graph_of(b)

    changes = cs.explain(one, two)
    assert (changes == ()) == (one.structure == two.structure)
    substitution = Substitution(changes, a, b)
    substitution.check_texts()
    result = substitution.result()

    assert graph_of(result).structure == two.structure, "\n".join(map(str, changes))


@pytest.mark.slow
@given(pairs())
def test_no_change_can_be_left_out(pair):
    a, b = pair
    structure = graph_of(b).structure
    changes = cs.explain(graph_of(a), graph_of(b))

    for index in range(len(changes)):
        others = changes[:index] + changes[index + 1 :]
        result = Substitution(others, copy.deepcopy(a), b).result()
        with suppress(NoProgramError):
            assert graph_of(result).structure != structure, str(changes[index])


# -- examples, and what the property cannot say -----------------------------------


def lazy(call: Call) -> Any:
    return Builder(TASKS).lazy(call)


def test_keyword_that_is_named_like_a_parameter_has_a_path_of_its_own():
    (positional,) = cs.explain(mixed(one(), a=1), mixed(1, a=1))
    (keyword,) = cs.explain(mixed(1, a=one()), mixed(1, a=1))

    assert (positional.path, keyword.path) == ("mixed(a=)", "mixed(**more['a']=)")


def test_keyword_that_is_named_like_the_star_has_a_path_of_its_own():
    (behind_star,) = cs.explain(star([one()]), star([1, 2]))
    (keyword,) = cs.explain(star(xs=[one()]), star(xs=[PLAIN()]))

    assert (behind_star.path, keyword.path) == ("star(xs[0]=)", "star(**more['xs'][0]=)")


@pytest.mark.parametrize(
    ("a", "b", "texts"),
    [
        (
            lambda: star(1, one()),
            lambda: star(x := one(), x),
            ["star(xs[0]=) was a literal, now the same one() as star(xs[1]=)"],
        ),
        (
            lambda: star(x := one(), x),
            lambda: star(1, one()),
            ["star(xs[0]=) was the same one() as star(xs[1]=), now a literal"],
        ),
        (
            lambda: star(1, 2),
            lambda: star(x := one(), x),
            [
                "star(xs[0]=) was a literal, now one()",
                "star(xs[1]=) was a literal, now the same one() as star(xs[0]=)",
            ],
        ),
        (
            lambda: star(x := one(), x, one()),
            lambda: star(one(), y := one(), y),
            ["star(xs[1]=) was the same one() as star(xs[0]=), now the same one() as star(xs[2]=)"],
        ),
        (
            lambda: one(PLAIN()),
            lambda: one(x := PLAIN()).after(x),
            ["one.after() was absent, now the same plain() as one(x=)"],
        ),
    ],
)
def test_new_part_that_is_elsewhere_too_says_so(a, b, texts):
    assert [str(change) for change in cs.explain(a(), b())] == texts


def test_container_that_was_there_twice_is_a_change_where_its_calls_are_not():
    box = [one()]

    changes = cs.explain(star([box, box]), star([box, 1]))

    assert [change.path for change in changes] == ["star(xs[0]=)"]


def test_maps_of_two_tasks_of_one_name_are_told_apart():
    (change,) = cs.explain(one(PLAIN.map(a=[1])), one(NAMESAKE.map(a=[1])))

    assert change.before != change.now


def test_call_that_is_another_one_is_named_where_it_is_used_first():
    x, y = one(), PLAIN()

    assert [str(change) for change in cs.explain(star(x, x), star(y, y))] == [
        "star(xs[0]=) was one(), now plain()"
    ]


STEPS = {
    "one(x=": lambda dep: Call("one", args={"x": dep}),
    "plain(b=": lambda dep: Call("plain", args={"a": Data(0), "b": dep, "k": Data(0)}),
    "plain(k=": lambda dep: Call("plain", args={"a": Data(0), "b": Data(0), "k": dep}),
    "star(xs[1]=": lambda dep: Call("star", star=[Data(0), dep]),
    "star(p['a']=": lambda dep: Call("star", more={"p": Box("dict", [dep], ("a",))}),
    "one.run_if(": lambda dep: Call("one", args={"x": Data(0)}, options={"run_if": dep}),
    "one.after(": lambda dep: Call("one", args={"x": Data(0)}, after=[dep]),
}
"""A call that uses another in one place, and how a path goes through it."""


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=40))
def test_path_of_more_than_twelve_steps_shows_the_first_six_and_the_last_six(steps):
    a, b = Call("star"), Call("star", star=[Data(0)])
    for step in reversed(steps):
        a, b = STEPS[step](a), STEPS[step](b)

    (change,) = cs.explain(lazy(a), lazy(b))

    steps = [*steps, "star(*xs="]
    shown = [*steps[:6], "...", *steps[-6:]] if len(steps) > 12 else steps
    assert change.path == "".join(shown) + ")" * min(len(steps), 12)
    assert (change.before, change.now) == ("0 arguments", "1 argument")


# -- why an engine had no plan --------------------------------------------------------------------


class Misses:
    """Notes each miss."""

    def __init__(self) -> None:
        self.seen: list[cs.Miss] = []

    def plan_resolved(self, run, graph, plan, miss, duration_ns):
        self.seen.append(miss)


class Expected(NamedTuple):
    """What a lookup is to find; no reason for a hit."""

    reason: str | None
    redefined: tuple[str, ...] = ()
    nearest: Any = None
    changes: tuple[cs.Change, ...] = ()


class CacheModel:
    """A plan cache written for the eye: lists, the latest last, and graphs for plans."""

    def __init__(self, max_plans: int) -> None:
        self.max_plans = max_plans
        self.plans: list[cs.Graph] = []
        self.dropped: list[tuple[Any, str]] = []
        self.missed: list[cs.Graph] = []
        self.tasks: set[Any] = set()

    def look_up(self, graph: cs.Graph) -> Expected:
        held = [plan for plan in self.plans if plan.structure == graph.structure]
        if held:
            self.plans.remove(held[0])
            self.plans.append(held[0])
            return Expected(None)
        expected = self._miss(graph)
        self._forget(graph.structure)
        self.tasks.update(task.identity for task in graph.tasks)
        self.missed = [g for g in self.missed if g.structure != graph.structure] + [graph]
        if self.max_plans:
            self.plans.append(graph)
        self.drop(self.plans[: -self.max_plans or len(self.plans)], "evicted")
        return expected

    def _miss(self, graph: cs.Graph) -> Expected:
        now = graph.structure
        known = {task.qualified_name for task in self.tasks}
        new = {task.identity for task in graph.tasks} - self.tasks
        redefined = tuple(sorted({t.name for t in new if t.qualified_name in known}))
        reasons = dict(self.dropped)
        if not self.max_plans:
            reason = "disabled"
        elif now in reasons:
            reason = reasons[now]
        elif redefined:
            reason = "new_task"
        elif now.root in self.tasks:
            reason = "structure"
        else:
            reason = "first_seen"
        name = now.root.qualified_name
        latest = [g for g in self.missed[::-1] if g.structure.root.qualified_name == name][:8]
        same = [g for g in latest if g.structure.root is now.root]
        if now.root not in self.tasks:
            same = latest
        changes = [cs.explain(known, graph) for known in same]
        if not same:
            return Expected(reason, redefined)
        least = min(range(len(same)), key=lambda index: len(changes[index]))
        return Expected(reason, redefined, same[least].structure, changes[least])

    def drop(self, plans: list[cs.Graph], reason: str) -> int:
        plans = list(plans)
        for plan in plans:
            self.plans.remove(plan)
            self._forget(plan.structure)
            self.dropped = [*self.dropped, (plan.structure, reason)][-self.max_plans :]
        return len(plans)

    def _forget(self, structure: Any) -> None:
        self.dropped = [(known, why) for known, why in self.dropped if known != structure]


RUNNABLE = ("plain", "plain", "star", "one")


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[Call], list[tuple[str, Any]]]:
    """How many plans a cache holds, programs, and what happens one after the other."""
    maker = Maker(draw, RUNNABLE, is_rich=False)
    programs = [maker.program("plain")]
    for _ in range(2 + maker.below(5)):
        if maker.one_in(3):
            programs.append(maker.program())
        else:
            programs.append(copy.deepcopy(maker.pick(programs)))
            maker.mutate(programs[-1])
    names = sorted(set(RUNNABLE))
    steps: list[tuple[str, Any]] = []
    for _ in range(10 + maker.below(40)):
        how = maker.below(14)
        if how < 11:
            steps.append(("run", maker.below(len(programs))))
        elif how == 11:
            steps.append(("redefine", maker.pick(names)))
        elif how == 12:
            steps.append(("invalidate", maker.pick(names)))
        else:
            steps.append(("clear", None))
    return maker.pick((0, 1, 2, 2, 3, 3, 4, 1024)), [calls[-1] for calls in programs], steps


def redefinitions() -> dict[str, Any]:
    """Each task twice: the same function but for the object it is."""
    return {
        name: (TASKS[name], cs.task(copy_of(TASKS[name].fn)))
        for name in sorted({*RUNNABLE, *LIKE["plain"]})
    }


def copy_of(fn: Any) -> Any:
    again = type(fn)(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    again.__kwdefaults__ = fn.__kwdefaults__
    again.__qualname__ = fn.__qualname__
    return again


@pytest.mark.slow
@settings(max_examples=100)
@given(histories())
@example(
    (
        2,
        [Call("star", star=[Data(0)] * count) for count in range(4)],
        [("run", count) for count in (0, 1, 2, 3, 1, 0)],
    )
)
async def test_miss_has_the_first_reason_that_holds_and_the_nearest_known_structure(history):
    max_plans, programs, steps = history
    versions = redefinitions()
    tasks = {name: first for name, (first, _) in versions.items()}
    engine = cs.Engine(plan_cache=cs.PlanCache(max_plans))
    model = CacheModel(max_plans)

    for step, what in steps:
        if step == "redefine":  # or the first one again, which is known then
            one, two = versions[what]
            tasks[what] = two if tasks[what] is one else one
        elif step == "invalidate":
            stale = [plan for plan in model.plans if tasks[what] in plan.tasks]
            assert engine.plan_cache.invalidate(tasks[what]) == model.drop(stale, "cleared")
        elif step == "clear":
            engine.plan_cache.clear()
            model.drop(model.plans, "cleared")
        else:
            assert await found(engine, programs[what], tasks) == model.look_up(
                graph_of(programs[what], tasks)
            )


async def found(engine: cs.Engine, program: Call, tasks: dict[str, Any]) -> Expected:
    """What the lookup of a run came to."""
    with cs.observe(misses := Misses()):
        await engine.run(Builder(tasks).lazy(program))
    told = [Expected(m.reason, m.redefined, m.nearest, m.changes) for m in misses.seen]
    return told[0] if told else Expected(None)


@pytest.mark.slow
@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=9, max_size=24))
async def test_nearest_is_one_of_the_eight_latest_with_the_least_number_of_changes(wirings):
    """Targets of five arguments, calls or data: as many changes as arguments that differ."""
    engine, model = cs.Engine(), CacheModel(1024)

    for wiring in wirings:
        program = Call("star", star=[Call("star") if is_call else Data(0) for is_call in wiring])
        assert await found(engine, program, TASKS) == model.look_up(graph_of(program))
