"""Hypothesis strategies for programs.

``programs`` draws steps one after the other. Choices are small integers, 0 being the simplest, so
that Hypothesis shrinks well. A ``_Sketch`` knows which of its steps will be *lost*, which is to say
skipped, and refers to them by ``after`` for the most part: else most programs would end in a target
without a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st

from oracle.language import (
    HANG,
    MOODS,
    PARAMS,
    TASKS,
    Box,
    Call,
    Env,
    Inject,
    Labels,
    Literal,
    Map,
    Opaque,
    Options,
    Param,
    Program,
    Quoted,
    Ref,
    Retry,
    Select,
    Step,
    Variant,
    source_refs,
)

T = TypeVar("T")


class Flavour(NamedTuple):
    """What programs are to be like."""

    is_sync: bool = False
    """Nothing awaits: no async tasks and resources, no caches, retries, constraints."""
    fails: bool = False
    """Anything may fail."""
    is_plain: bool = False
    """Loops of bare calls, none of an async task: plans that are written out as programs."""
    max_steps: int = 8
    depth: int = 2


@st.composite
def programs(draw: st.DrawFn, flavour: Flavour = Flavour()) -> Program:  # noqa: B008 - immutable
    """A program; sub-programs are nested at most ``flavour.depth`` deep."""
    return _Sketch(_Dice(draw), flavour, flavour.depth).program(flavour.max_steps)


class _Dice:
    """Choices by Hypothesis; the first option is what they shrink to."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, count: int) -> int:
        return self._draw(_below(count)) if count > 1 else 0

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def one_in(self, count: int) -> bool:
        return self.below(count) == count - 1


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


LITERALS = (0, 1, 2, None, True, "a", "", 1.0, "1", (1, [2]), [1], (1,))
KEYS = ("a", "b", 1, "1", None, (1, "x"))
BOX_KEYS = (0, 1, "a", "1", "a]b", None)
OPAQUE = ("mix", "later", "wrapped", "pure_mix", "pure_later", "twin")
"""Tasks that may get values without an encoding: what they return has one."""

SYNC_CALLS = (
    *("mix",) * 5,
    *("pure_mix",) * 4,
    *("twin", "twin", "nothing", "same", "enter", "enter", "loop", "loop"),
    *("pure_enter", "pure_loop", "enter_tail", "loop_tail"),
)
MANAGED_CALLS = ("flaky", "flaky", "pure_flaky")
ASYNC_CALLS = (
    *("later",) * 4,
    *("wrapped", "pure_later", "pure_later", "later_flaky", "later_enter", "later_loop"),
)
TARGETS = ("loop", "loop_tail", "enter", "pure_loop", "later_loop", "later_enter")
"""Tasks whose tail calls are iterations, if they are the target's."""

PLAIN_CALLS = (*("mix",) * 5, *("twin",) * 4, "nothing", "same", *("moody",) * 5)
LIKE = ((0, 1, 2, -1), (True, False), ("a", "", "b"), (1.0, 0.5), (b"", b"1"))
"""Values that may stand for each other where the type is to be the same."""

FAILING_CALLS = ("boom",) * 4
ASYNC_FAILING_CALLS = ("later_boom",) * 4

MAPS = ("mix", "mix", "pure_mix", "pure_mix", "twin", "same", "nothing", "enter", "loop")
MANAGED_MAPS = ("flaky", "flaky", "pure_flaky")
ASYNC_MAPS = ("later", "later", "pure_later", "later_enter")

SYNC_RESOURCES = ("run_sync", "turn_sync", "plain")
ASYNC_RESOURCES = ("run_async", "turn_async", "run_both", "turn_both", "turn_both")
FAILING_RESOURCES = ("broken", "sour")


class _Sketch:
    """A program that is being drawn.

    Attributes:
        steps: So far.
        lost: Steps that will be skipped, as far as that is plain.
        hidden: Steps that only routes lead to.
    """

    def __init__(self, dice: _Dice, flavour: Flavour, depth: int, loop: str | None = None) -> None:
        self._dice = dice
        self._flavour = flavour
        self._depth = depth
        self._loop = loop
        self.steps: list[Step] = []
        self.lost: set[int] = set()
        self.hidden: set[int] = set()
        self._used: set[int] = set()
        self._false: set[int] = set()
        self._latest: dict[int, int] = {}
        """The latest variant of each step; a variant is one of the latest."""
        self._is_target = False

    def program(self, max_steps: int) -> Program:
        count = self._dice.below(max_steps)
        for _ in range(count):
            self._draw_step()
        self._is_target = True
        if self._flavour.is_plain:
            self._draw_plain_target()
        elif self._loop is not None:
            self._draw_again()
        else:
            self._draw_target()
        return tuple(self.steps)

    # -- steps ------------------------------------------------------------------------------------

    def _draw_step(self) -> int:
        kind = self._dice.below(5 if self._flavour.is_plain else 27)
        if self._flavour.is_plain and kind == 4 and self.steps:
            return self._repeat()
        if kind < 11 or not self.steps:
            return self._draw_call()
        if kind < 14:
            return self._draw_map()
        if kind < 16:
            return self._draw_select()
        if kind < 18:
            return self._draw_variant()
        if kind < 19:
            return self._draw_cached_twice()
        if kind < 20:
            return self._repeat()
        if kind < 21 and self.lost:
            return self._add(Call("mix", (Ref(self._dice.pick(sorted(self.lost))),)))
        if kind < 22:
            return self._draw_look_alikes()
        return self._draw_input()

    def _draw_target(self) -> None:
        kind = self._dice.below(12)
        if kind < 7:
            self._draw_collector()
        elif kind < 10 and self._depth:
            self._draw_call(self._dice.pick(TARGETS[: 4 if self._is_sync else None]))
        else:
            self._draw_step()
        if len(self.steps) - 1 in self.lost:
            self._draw_collector()

    # -- loops of bare calls ----------------------------------------------------------------------

    def _draw_plain_target(self) -> None:
        """A loop, its next iteration, or what a call in it returns."""
        if self._loop is not None:
            self._add(Call("again", *self._spin_arguments()))
        elif self._depth == self._flavour.depth:
            task = self._dice.pick(("spin", "spin", "spin_tail"))
            inner = [self._inner(task)]
            for _ in range(self._dice.pick((1, 2, 0, 3))):
                inner.append(self._inner(task) if self._dice.one_in(4) else self._nearly(inner[-1]))
            args, kwargs = self._spin_arguments()
            n = Literal(self._dice.pick((12, 7, 3, 15, 0)))
            self._add(Call(task, (n, *args), kwargs, tuple(inner)))
        else:
            self._draw_collector()

    def _spin_arguments(self) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
        only_data = self._loop == "spin_tail" and self._dice.below(2)
        draw = self._literal if only_data else self._argument
        args = tuple(draw() for _ in range(self._dice.pick((2, 1, 3, 4, 0))))
        names = self._dice.pick(((), (), ("k",), ("x",), ("k", "x"), ("y", "x")))
        return args, tuple((name, draw()) for name in names)

    def _nearly(self, program: Program) -> Program:
        """A program again, with other data, or with one argument another one."""
        index = self._dice.below(len(program))
        step = program[index]
        assert isinstance(step, Call), "all steps of plain programs are"
        if self._dice.below(2) or not step.args:
            return tuple(map(self._with_other_data, program))
        at = self._dice.below(len(step.args))
        is_mood = step.task == "moody" and at == 0
        refs = [Ref(i) for i in range(index)] or [self._literal()]
        other: Any = self._dice.pick(refs)
        if is_mood:
            other = self._mood()
        elif self._dice.one_in(6):
            other = Box("list", (other,))
        args = (*step.args[:at], other, *step.args[at + 1 :])
        changed = Call(step.task, args, step.kwargs, step.inner)
        return (*program[:index], changed, *program[index + 1 :])

    def _with_other_data(self, step: Any) -> Any:
        args = list(map(self._other_data, step.args))
        if step.task == "moody":
            args[0] = self._mood()
        kwargs = tuple((name, self._other_data(value)) for name, value in step.kwargs)
        return Call(step.task, tuple(args), kwargs, step.inner)

    def _other_data(self, argument: Any) -> Any:
        if not isinstance(argument, Literal) or self._dice.below(2):
            return argument
        like = [some for some in LIKE if type(argument.value) is type(some[0])]
        if not like or self._dice.one_in(3):
            return self._literal()
        return Literal(self._dice.pick(like[0]))

    def _mood(self) -> Literal:
        moods = [0]
        moods += [MOODS.index("boom")] * self._flavour.fails
        moods += [MOODS.index("graph")] * (self._depth > 0)
        moods += [MOODS.index("coroutine")] * (not self._is_sync)
        return Literal(self._dice.pick(moods))

    def _draw_collector(self) -> None:
        """A call that needs all that nothing has needed so far."""
        unused = [i for i in range(len(self.steps)) if i not in self._used | self.hidden]
        args = tuple(Ref(index) for index in unused if index not in self.lost)
        after = tuple(index for index in unused if index in self.lost)
        is_sync = self._is_sync or self._flavour.is_plain
        task = self._dice.pick(("mix", "mix", "twin") if is_sync else ("mix", "later"))
        if task == "twin":
            args = (Box("tuple", args),)
        options = self._options(task, can_be_lost=False)
        self._add(Call(task, args, options=Options(after=after).replaced_by(options)))

    def _draw_again(self) -> None:
        """The next iteration, with a value of this one or with data alone."""
        unused = [i for i in range(len(self.steps)) if i not in self._used | self.hidden]
        value = Ref(unused[-1]) if unused and unused[-1] not in self.lost else self._argument()
        if self._loop == "loop_tail":
            if self._dice.one_in(3):
                value = self._literal()
            self._add(Call("again", (value,)))
        else:
            assert self._loop is not None
            options = self._options(self._loop, can_be_lost=False)
            after = tuple(i for i in unused if i in self.lost)
            self._add(Call("again", (value,), options=options.replaced_by(Options(after))))

    def _draw_call(self, task: str | None = None) -> int:
        task = task or self._task()
        if task in ("flaky", "later_flaky", "pure_flaky", "hang"):
            return self._draw_flaky(task)
        does = TASKS[task].does
        inner: tuple[Program, ...] = ()
        kwargs: tuple[tuple[str, Any], ...] = ()
        if does == "moody":
            return self._draw_moody()
        if does == "enter":
            inner = (self._inner(None, task == "enter_tail"),)
        if does == "loop":
            inner = tuple(self._inner(task) for _ in range(1 + self._dice.below(3)))
            args: tuple[Any, ...] = (Literal(self._dice.below(5)), self._argument())
        elif does == "same":
            args = (self._argument(),)
        else:
            args = tuple(self._argument(task) for _ in range(self._dice.below(4)))
            kwargs = self._keywords(task)
        return self._add(Call(task, args, kwargs, inner, self._options(task)))

    def _draw_moody(self) -> int:
        mood = self._mood() if self._dice.one_in(6) else Literal(0)
        inner = (self._inner(None),) if self._depth else ()
        args = tuple(self._argument() for _ in range(self._dice.below(3)))
        return self._add(Call("moody", (mood, *args), self._keywords("moody"), inner))

    def _draw_flaky(self, task: str) -> int:
        """A call that fails a few times: as a rule it is tried once more than that."""
        fails = self._dice.below(2 if task == "hang" else 3)
        spare = self._dice.below(2)
        if fails and self._may_fail:
            spare = -1
        retry = Retry(fails + 1 + spare, *self._dice.pick([(), (), (0.0001, 2.0)]))
        options = self._options(task).replaced_by(Options(retry=retry))
        if task == "hang":
            options = options.replaced_by(Options(timeout=HANG))
        args = tuple(self._argument() for _ in range(self._dice.below(2)))
        return self._add(Call(task, (Literal(fails), *args), options=options))

    def _draw_map(self) -> int:
        task = self._dice.pick(
            MAPS if self._is_sync else (*MAPS, *MAPS, *MANAGED_MAPS, *ASYNC_MAPS)
        )
        if not self._depth and TASKS[task].does in ("enter", "loop"):
            task = "mix"
        if self._may_fail:
            task = "boom"
        count = self._dice.pick((2, 3, 1, 0))
        does = TASKS[task].does
        names = {"same": ("value",), "flaky": ("fails",), "loop": ("n", "value")}.get(
            does, ("a", "k") if task == "twin" else self._dice.pick((("x",), ("x", "y")))
        )
        values = {name: [self._item(name) for _ in range(count)] for name in names}
        options = self._options(task, is_map=True)
        if does == "flaky":
            tries = 1 + max(values["fails"], default=0) - self._may_fail
            options = options.replaced_by(Options(retry=Retry(max(tries, 1))))
        inner: tuple[Program, ...] = ()
        if does == "enter":
            inner = (self._inner(None, task == "enter_tail"),)
        if does == "loop":
            inner = tuple(self._inner(task) for _ in range(1 + self._dice.below(2)))
        labels, columns = self._columns(task, values)
        iterables = (("at", labels), *columns)
        return self._add(Map(task, iterables, inner, options))

    def _item(self, name: str) -> Any:
        return self._dice.below(3) if name in ("n", "fails") else self._dice.pick((1, 2, 1.0, "a"))

    def _columns(self, task: str, values: dict[str, list[Any]]) -> tuple[Any, Any]:
        """Labels and iterables; data, containers of lazy results, or lazy themselves."""
        name, *rest = values
        how = self._dice.below(4)
        count = len(values[name])
        labels: Any = Labels(count)
        columns = {name: Literal(tuple(column)) for name, column in values.items()}
        if how == 1 and name not in ("n", "fails"):
            members = tuple(self._argument() for _ in range(count))
            columns[name] = Box("list", members)
        if how > 1:
            columns[name] = self._lazy(values[name])
            equal = (("equal", Literal(True)),) if TASKS[task].pure else ()
            labels = Ref(self._add(Call("labels", (columns[name],), equal)))
            if rest and self._may_fail:
                columns[rest[0]] = self._lazy([*values[rest[0]], 1])
        if self._dice.below(2):  # keywords in another order than the parameters
            columns = dict(reversed(columns.items()))
        return labels, columns.items()

    def _draw_select(self) -> int:
        keys = list(dict.fromkeys(self._dice.pick(KEYS) for _ in range(1 + self._dice.below(3))))
        chosen: Any = self._dice.pick(keys)
        has_default = self._dice.below(3) == 2
        if self._dice.one_in(4):
            chosen = self._dice.pick(("other", 2, ["unhashable"]))
            has_default = not self._may_fail
        if "a" in keys and self._dice.below(2):
            chosen, selector = "a", Ref(self._add(Param("key")))
        elif self._dice.below(3):
            selector = self._lazy(chosen)
        else:
            selector = Literal(chosen)
        routes = [(key, *self._route(_are_equal(key, chosen))) for key in keys]
        is_default = not any(_are_equal(key, chosen) for key in keys)
        default, default_lost = self._route(is_default) if has_default else (None, False)
        index = self._add(
            Select(selector, tuple((k, r) for k, r, _ in routes), default, self._options("select"))
        )
        if any(lost for key, _, lost in routes if _are_equal(key, chosen)) or (
            is_default and default_lost
        ):
            self.lost.add(index)
        return index

    def _route(self, is_chosen: bool) -> tuple[Any, bool]:
        """A route, and whether it is lost: mostly a step of its own, which may be a trap."""
        kind = self._dice.below(4)
        if kind == 3:
            return self._argument(), False
        is_trap = not is_chosen and self._dice.below(2)
        index = self._draw_call("boom" if is_trap else None) if kind else self._draw_step()
        self.hidden.add(index)
        return Ref(index), index in self.lost

    def _draw_variant(self) -> int:
        candidates = [
            index
            for index in self._latest.values()
            if isinstance(self.steps[index], Call | Map | Variant | Param)
        ]
        if not candidates:
            return self._draw_call()
        of = self._dice.pick(candidates)
        origin = next(origin for origin, latest in self._latest.items() if latest == of)
        step = self.steps[origin]
        options = self._options(getattr(step, "task", "select"), is_map=isinstance(step, Map))
        if getattr(step, "task", "select") not in ("mix", "twin", "enter", "later", "loop"):
            options = Options(options.after, options.run_if)  # the others matter to equal calls
        index = self._add(Variant(of, options))
        del self._latest[index]
        self._latest[origin] = index
        self._used.add(of)
        if of in self.lost:
            # A condition of its own replaces that of the step, but not what made it lost.
            self.lost.add(index)
        if of in self.hidden:
            self.hidden.add(index)
        return index

    def _draw_cached_twice(self) -> int:
        """A call with a result cache, and an equal one after it."""
        if self._is_sync:
            return self._draw_call()
        task = self._dice.pick(
            ("mix", "later", "enter", "twin") if self._depth else ("mix", "later")
        )
        of = self._draw_call(task)
        cache = Options(cache=self._dice.below(2))
        varied = self._add(Variant(of, cache))
        index = self._add(Variant(varied, cache))
        del self._latest[varied], self._latest[index]
        self._latest[of] = index
        self._used |= {of, varied}
        if of in self.lost:
            self.lost |= {varied, index}
        return index

    def _draw_look_alikes(self) -> int:
        """Two pure calls whose arguments are equal, and of different types."""
        values = self._dice.pick(((1, True), (True, 1), (0, False), (1, 1.0), ("1", b"1")))
        one, other = [self._add(Call("pure_mix", (Literal(value),))) for value in values]
        self._used.add(one)
        return self._add(Call("mix", (Ref(one), Ref(other))))

    def _repeat(self) -> int:
        """A step that looks equal, and is another call."""
        of = self._dice.below(len(self.steps))
        step = self.steps[of]
        has_lazy_labels = isinstance(step, Map) and isinstance(step.iterables[0][1], Ref)
        if isinstance(step, Variant) or has_lazy_labels:  # two of these would have one label
            return self._draw_call()
        index = self._add(step)
        if of in self.lost:
            self.lost.add(index)
        if of in self._false:
            self._false.add(index)
        return index

    def _draw_input(self) -> int:
        kind = self._dice.below(4)
        options = self._options("select")
        if kind < 2:
            return self._add(Inject(self._resource(), options))
        make, known, absent = (
            (Param, self._dice.pick(tuple(PARAMS)), "absent"),
            (Env, "ORACLE_KEY", "ORACLE_ABSENT"),
        )[kind - 2]
        if self._may_fail:
            return self._add(make(absent, options=options))
        default = None if self._dice.below(2) else self._argument()
        name = known if default is None or self._dice.one_in(3) else absent
        return self._add(make(name, default, options))

    def _resource(self) -> str:
        if self._may_fail:
            return self._dice.pick(FAILING_RESOURCES)
        some = SYNC_RESOURCES if self._is_sync else (*SYNC_RESOURCES, *ASYNC_RESOURCES)
        return self._dice.pick(some)

    def _lazy(self, value: Any, depth: int = 0) -> Ref:
        """A step that comes to a value."""
        known = [name for name, given in PARAMS.items() if repr(given) == repr(value)]
        if known and self._dice.below(2):
            index = self._add(Param(known[0]))
        else:
            task = "same" if self._is_sync else self._dice.pick(("same", "later_same"))
            index = self._add(Call(task, (Literal(value),)))
        if not value:
            self._false.add(index)
        return Ref(index)

    def _add(self, step: Step) -> int:
        index = len(self.steps)
        self.steps.append(step)
        self._latest[index] = index
        condition = step.options.run_if
        if condition is False or (isinstance(condition, Ref) and condition.index in self._false):
            self.lost.add(index)
        if not isinstance(step, Variant):
            needed = set(source_refs(step))
            if needed & self.lost:
                self.lost.add(index)
            self._used |= needed
        self._used.update(step.options.after)
        if isinstance(step, Call) and step.task == "nothing":
            self._false.add(index)
        return index

    # -- what a step is made of -------------------------------------------------------------------

    @property
    def _is_sync(self) -> bool:
        return self._flavour.is_sync

    @property
    def _may_fail(self) -> bool:
        """Whether something that can fail is to fail here."""
        return self._flavour.fails and self._dice.one_in(6)

    def _task(self) -> str:
        if self._flavour.is_plain:
            return self._dice.pick(PLAIN_CALLS)
        some = SYNC_CALLS
        if not self._is_sync:
            some += MANAGED_CALLS + ASYNC_CALLS
            if self._dice.one_in(24 if self._flavour.fails else 64):
                return "hang"
        if self._flavour.fails:
            some += FAILING_CALLS + (() if self._is_sync else ASYNC_FAILING_CALLS)
        task = self._dice.pick(some)
        return task if self._depth or TASKS[task].does not in ("enter", "loop") else "mix"

    def _inner(self, loop: str | None, is_tail: bool = False) -> Program:
        sketch = _Sketch(self._dice, self._flavour, self._depth - 1, loop)
        program = sketch.program(6 if self._flavour.is_plain else 4)
        if is_tail:  # a tail call has no options
            size = len(sketch.steps)
            some = tuple(Ref(i) for i in range(size) if i not in sketch.lost | sketch.hidden)
            args = some[-2:] if self._dice.below(2) else ()
            program = (*program, Call("mix", args))
        return program

    def _argument(self, task: str = "") -> Any:
        kind = self._dice.below(10)
        if self._flavour.is_plain and kind > 6 and self._dice.below(8):
            kind -= 6
        if kind < 4:
            return self._ref() or self._literal()
        if kind < 7:
            return self._literal()
        if kind < 9:
            return self._box()
        if task in OPAQUE and self._dice.one_in(3):
            return Quoted(Opaque())
        return Quoted(self._dice.pick(([1, {"a": 2}], {None: [3]}, 7)))

    def _literal(self) -> Literal:
        return Literal(self._dice.pick(LITERALS))

    def _ref(self) -> Ref | None:
        visible = [
            index
            for index in reversed(range(len(self.steps)))
            if index not in self.lost and index not in self.hidden
        ]
        if self._dice.one_in(16):
            visible = list(reversed(range(len(self.steps))))  # shared with routes, or lost
        return Ref(self._dice.pick(visible[:4])) if visible else None

    def _box(self) -> Box:
        kind = self._dice.pick(("list", "tuple", "dict", "OrderedDict", "point"))
        count = 2 if kind == "point" else self._dice.below(3)
        members = tuple(self._member() for _ in range(count))
        if kind not in ("dict", "OrderedDict"):
            return Box(kind, members)
        first = self._dice.below(len(BOX_KEYS))
        keys = tuple(BOX_KEYS[(first + number) % len(BOX_KEYS)] for number in range(count))
        return Box(kind, members, keys)

    def _member(self) -> Any:
        if self._dice.one_in(6):
            return Box("list", (self._ref() or self._literal(),))
        return (self._dice.below(2) and self._ref()) or self._literal()

    def _keywords(self, task: str) -> tuple[tuple[str, Any], ...]:
        names = self._dice.pick(((), (), (), ("k",), ("k", "m")))
        return tuple((name, self._argument(task)) for name in names)

    # -- options ----------------------------------------------------------------------------------

    def _options(self, task: str, is_map: bool = False, can_be_lost: bool = True) -> Options:
        options = Options()
        if self._flavour.is_plain:
            return options
        for _ in range(self._dice.pick((0, 0, 0, 1, 1, 2))):
            options = options.replaced_by(self._option(task, can_be_lost))
        return options

    def _option(self, task: str, can_be_lost: bool) -> Options:
        kinds = ["after", "run_if"]
        if task != "select" and not self._is_sync:
            kinds += ["retry", "cache", "amounts"]
            if task != "pure_loop" and TASKS[task].is_async and task != "wrapped":
                kinds.append("timeout")
        kind = self._dice.pick(kinds)
        if kind == "after":
            return Options(after=self._after())
        if kind == "run_if":
            return Options(run_if=self._condition(can_be_lost))
        if kind == "retry":
            return Options(retry=Retry(1 + self._dice.below(3)))
        if kind == "timeout":
            return Options(timeout=60.0)
        if kind == "cache":
            is_ambiguous = task == "pure_loop" or (TASKS[task].pure and self._is_target)
            return Options() if is_ambiguous else Options(cache=self._dice.pick((0, 1, 0, 1, 2)))
        if can_be_lost and self.lost and self._dice.one_in(4):
            return Options(amounts=(("gpu", Ref(self._dice.pick(sorted(self.lost)))),))
        return Options(amounts=self._amounts())

    def _after(self) -> tuple[int, ...]:
        orderly = [
            index
            for index in reversed(range(len(self.steps)))
            if index not in self.hidden or self._dice.one_in(4)
        ]
        return (self._dice.pick(orderly),) if orderly else ()

    def _condition(self, can_be_lost: bool) -> bool | Ref:
        kind = self._dice.below(8 if can_be_lost or self._may_fail else 4)
        if kind == 0:
            return True
        if kind == 1:
            return self._ref_that_holds() or True
        if kind < 4:
            return self._lazy(self._dice.pick((True, 1)))
        if kind == 4:
            return False
        if kind == 5 and self.lost:
            return Ref(self._dice.pick(sorted(self.lost)))  # what is skipped decides nothing
        return self._lazy(self._dice.pick((False, 0, "", [])))

    def _ref_that_holds(self) -> Ref | None:
        ref = self._ref()
        return None if ref is None or ref.index in self._false else ref

    def _amounts(self) -> tuple[tuple[str, Any], ...]:
        return tuple(
            (name, self._amount(most))
            for name, most in self._dice.pick(
                ((("gpu", 2),), (("cpu", 3),), (("gpu", 2), ("cpu", 3)))
            )
        )

    def _amount(self, most: int) -> Any:
        amount = self._dice.below(most + 1)
        if self._dice.below(3):
            return Literal(amount)
        return self._lazy(most + 1 if self._may_fail else amount)


def _are_equal(one: Any, two: Any) -> bool:
    return one == two
