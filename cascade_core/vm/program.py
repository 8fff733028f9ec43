"""Programs: a blueprint written out as Python code, for plans that are used again and again.

The code is the loop of its plan. For each target it first compares the target with the structure
that the plan was made for, call by call: the *guard*. If it fits, so that its key would be the
plan's, the code calls the tasks, one line each; if not, it takes back the tick that counted the
iteration and returns the target. A loop of two nodes, such as ``countdown(n, double(n))``,
looks like this::

    def plan(target, use):
        f0 = t0.fn
        f1 = t1.fn
        cache, bus, this, end = use.cache, use.bus, use.plan, use.time_slice.end
        known1 = NOTHING
        for _ in use.ticks:
            if bus.listening or target._task is not t0 or target._options is not None:
                return use.refuse(target)
            (d0, c1) = target._args
            if type(d0) is not int and is_live(d0):
                return use.refuse(target)
            if c1 is not known1:
                if type(c1) is not LazyResult or c1._task is not t1 or c1._options is not None:
                    return use.refuse(target)
                (d1,) = c1._args
                if type(d1) is not int and type(d1) not in ATOMS:
                    return use.refuse(target)
                known1 = c1
            if cache.newest is not this and not cache.use_again(this):
                return use.refuse(target)
            use.rank = 0
            r1 = f1(d1)
            if type(r1) is not int and type(r1) in UNFINISHED:
                return stop(use, locals())
            use.rank = 1
            result = f0(d0, r1)
            r1 = None
            if type(result) is not LazyResult:
                if type(result) is not TailCall:
                    return result
                result = result.lazy()
            target = result
            if clock() >= end:
                return target

``c1`` is the call at position 1, ``d0`` the first input, ``r1`` what position 1 came to, ``t1`` a
task. Lazy results are immutable: where the target's lazy arguments are the objects that they were,
nothing below them is looked at again. While no other plan of the cache was used since, this one is
held, and is the most recently used one.

Nothing that a user named is in the text: tasks, functions, names and types are constants in the
code's globals. The text stands in ``linecache``, so that tracebacks show it and debuggers step.
"""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from time import perf_counter
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias, final

from cascade_core.define.lazy import BoundCall, LazyResult, TailCall
from cascade_core.define.quote import Quoted
from cascade_core.graph.containers import ATOMS, Search, is_container
from cascade_core.graph.model import sources_of
from cascade_core.vm.blueprint import CHUNK, PENDING, Blueprint
from cascade_core.vm.machine import STOPPED, UNFINISHED, Flavour
from cascade_core.vm.steps import Registers

MAX_SIZE: Final = 1_024
"""Larger graphs, in nodes and arguments together, are not written out: they would keep the event
loop for too long while they are compiled."""

Run: TypeAlias = Callable[[BoundCall[Any], Any], Any]

_numbers = itertools.count(1)


@final
class Program:
    """A blueprint as code.

    Attributes:
        run: Iterates. Takes a target and the ``Use`` of the plan; gives a value, or the next target
            that is not for it, or STOPPED.
        source: The text of the code, and what its names stand for.
    """

    __slots__ = ("__weakref__", "run", "source")

    def __init__(self, run: Run, source: str) -> None:
        self.run = run
        self.source = source


def write_program(blueprint: Blueprint, registers: Registers, flavour: Flavour) -> Program | None:
    """Write a blueprint out as code.

    Args:
        blueprint: One that is straight.
        registers: A finished frame of it. The code expects values of the types that it finds there,
            and gets along with others.
        flavour: What it is for.

    Returns:
        The program; None if the structure has containers, is larger than ``MAX_SIZE``, or has more
        than one node on the VM.

    Cost: linear in nodes plus arguments; some 50 us for each node.
    """
    decoded = blueprint.graph.structure.decoded
    size = len(decoded.rows) + sum([len(sources_of(row)) for row in decoded.rows])
    is_too_large = size > MAX_SIZE or (flavour.on_vm and len(decoded.rows) > 1)
    if is_too_large or decoded.has_containers:
        return None
    writer = _Writer(blueprint, registers, flavour)
    text = "\n".join(["def plan(target, use):", *_indented(writer.lines()), ""])
    number = next(_numbers)
    filename = f"<cascade plan {number}: {blueprint.graph.structure.digest[:12]}>"
    scope = writer.constants
    exec(compile(text, filename, "exec"), scope)
    run = _named(scope.pop("plan"), f"plan of {blueprint.names[blueprint.last]}")
    program = Program(run, text + writer.legend())
    linecache.cache[filename] = (
        len(program.source),
        None,
        program.source.splitlines(keepends=True),
        filename,
    )
    weakref.finalize(program, linecache.cache.pop, filename, None)
    return program


def _named(function: FunctionType, name: str) -> FunctionType:
    """The function under a name that tracebacks show; any string will do."""
    code: CodeType = function.__code__.replace(co_name=name, co_qualname=name)
    return FunctionType(code, function.__globals__, name)


def is_live(value: object) -> bool:
    """Whether a value that should be data may stand for something other than itself."""
    kind = type(value)
    if kind in ATOMS:
        return False
    if kind is LazyResult or kind is Quoted:
        return True
    try:
        return is_container(kind) and bool(Search(value).live)
    except Exception:  # reading the target anew will raise it where it belongs
        return True


def stop(use: Any, variables: Mapping[str, Any]) -> object:
    """Keep the frame of a program that cannot go on.

    Args:
        use: The use of the plan.
        variables: What the program's local names stand for.
    """
    blueprint: Blueprint = use.plan.blueprint
    inputs = [variables[f"d{slot}"] for slot in range(blueprint.slots)]
    use.registers = blueprint.registers(inputs)
    for position in blueprint.order[: use.rank + 1]:
        use.registers[position] = variables.get(f"r{position}", PENDING)
    return STOPPED


class _Writer:
    """Writes the lines of one program and gathers its constants.

    Attributes:
        constants: The globals of the code.
    """

    def __init__(self, blueprint: Blueprint, registers: Registers, flavour: Flavour) -> None:
        self._blueprint = blueprint
        self._registers = registers
        self._on_vm, self._is_heard = flavour
        self._calls = blueprint.graph.structure.calls
        self._tasks = {task: n for n, task in enumerate(dict.fromkeys(blueprint.graph.tasks))}
        self._bound: set[int] = {0}  # calls that have a name already
        self._shared = itertools.count(1)
        self.constants: dict[str, Any] = {
            "ATOMS": ATOMS,
            "LazyResult": LazyResult,
            "NOTHING": object(),
            "NoneType": type(None),
            "TailCall": TailCall,
            "UNFINISHED": UNFINISHED,
            "clock": perf_counter,
            "is_live": is_live,
            "stop": stop,
        }
        self.constants |= {f"t{number}": task for task, number in self._tasks.items()}

    def legend(self) -> str:
        """What the constants stand for, as comments; a ``repr`` never breaks a line."""
        return "".join(
            f"# t{n}: {task.identity.qualified_name!r}\n" for task, n in self._tasks.items()
        )

    def lines(self) -> Iterator[str]:
        """The body of the program."""
        for number in self._tasks.values():
            yield f"f{number} = t{number}.fn"
        if self._on_vm:
            yield "bus, end = use.bus, use.time_slice.end"
        else:
            yield "cache, bus, this, end = use.cache, use.bus, use.plan, use.time_slice.end"
        yield from [f"{known} = NOTHING" for known in self._known]
        tells_reuse = self._is_heard and not self._on_vm
        if tells_reuse:
            yield "is_told = True"
        yield "for _ in use.ticks:"
        yield from _indented(self._check(0, "is_live({})"))
        yield from _indented(self._check_below())
        if not self._on_vm:
            found = "cache.newest is not this and not cache.use_again(this)"
            yield from _indented(_unless(found))
        if tells_reuse:
            yield from _indented(_when("not is_told", "use.tell_reuse()"))
            yield "    is_told = False"
        yield from _indented(self._run())
        yield from _indented(_go_on_vm() if self._on_vm else _go_on())
        yield from _indented(_when("clock() >= end", "return target"))

    # -- the guard ------------------------------------------------------------------------

    @cached_property
    def _known(self) -> dict[str, str]:
        """Names for the target's lazy arguments of the latest iteration, and for those of this one.

        None if there may be anything mutable below them.
        """
        slots = [~s for call in self._calls[1:] for s in call.parts() if s < 0]
        if not all(type(self._registers[~slot]) in ATOMS for slot in slots):
            return {}
        direct = self._blueprint.graph.dependencies[0]
        return {f"known{source}": f"c{source}" for source in direct}

    def _check_below(self) -> Iterator[str]:
        """Compare what is below the target, unless that is what it was the last time."""
        if len(self._calls) == 1:
            return
        if not self._known:
            yield from self._check_all_below("is_live({})")
            return
        changed = [f"{call} is not {known}" for known, call in self._known.items()]
        yield f"if {' or '.join(changed)}:"
        yield from _indented(self._check_all_below("type({}) not in ATOMS"))
        yield from [f"    {known} = {call}" for known, call in self._known.items()]

    def _check_all_below(self, not_data: str) -> Iterator[str]:
        for position in range(1, len(self._calls)):
            yield from self._check(position, not_data)
        yield from self._check_distinct()

    def _check(self, position: int, not_data: str) -> Iterator[str]:
        """Compare one call, and give names to its arguments.

        Args:
            position: The call.
            not_data: What holds for an argument that is not the data it should be.
        """
        call = self._calls[position]
        name = f"c{position}" if position else "target"
        checks = [f"type({name}) is not LazyResult"]
        if position == 0:
            checks = ["not bus.listening" if self._is_heard else "bus.listening"]
        checks.append(f"{name}._task is not t{self._task_number(position)}")
        if not self._on_vm:
            checks.append(f"{name}._options is not None")
        yield from _unless(" or ".join(checks))
        sources = [source for _, source in call.arguments()]
        names = [self._bind(source) for source in sources]
        extra = call.identity.parameters.var_keyword is not None
        if not call.identity.has_fixed_arity:
            yield from _unless(f"len({name}._args) != {len(names) + extra}")
        if extra:
            yield from _unless(f"{name}._args[-1] != {self._extra_keywords(position)}")
        if names:
            yield f"{_tuple([*names, *(['_'] if extra else [])])} = {name}._args"
        for source, bound in zip(sources, names, strict=True):
            yield from self._check_argument(source, bound, not_data)

    def _bind(self, source: Any) -> str:
        """The name of an argument; a call that has one already gets another each time."""
        if source < 0:
            return f"d{~source}"
        if source not in self._bound:
            self._bound.add(source)
            return f"c{source}"
        return f"same{next(self._shared)}"

    def _check_argument(self, source: Any, bound: str, not_data: str) -> Iterator[str]:
        if source < 0:
            check = not_data.format(bound)
            yield from _unless(_unless_it_is(bound, self._registers[source], ATOMS) + check)
        elif bound.startswith("same"):
            yield from _unless(f"{bound} is not c{source}")

    def _check_distinct(self) -> Iterator[str]:
        """Calls of one task that the structure tells apart must not be one object.

        Along a single chain they cannot be: no call depends on itself.
        """
        if all(len(needed) <= 1 for needed in self._blueprint.graph.dependencies):
            return
        for task in self._tasks:
            calls = [f"c{p}" for p, t in enumerate(self._blueprint.graph.tasks) if t is task and p]
            if len(calls) == 2:
                yield from _unless(" is ".join(calls))
            elif len(calls) > 2:
                yield from _unless(f"len({{{', '.join(calls)}}}) != {len(calls)}")

    # -- the calls --------------------------------------------------------------------------

    def _run(self) -> Iterator[str]:
        """Call all tasks."""
        last = self._blueprint.last
        for rank in range(last):
            yield from self._call_and_check(rank)
            if (rank + 1) % CHUNK == 0:
                yield from _when("clock() >= end", "return stop(use, locals())")
        yield from self._call(last, "result")
        if last:
            yield f"{' = '.join(f'r{position}' for position in range(1, last + 1))} = None"

    def _call(self, rank: int, result: str) -> Iterator[str]:
        """Call one task; of what is told nothing follows for a plan of one node."""
        if self._is_heard:
            yield f"use.begin({rank})"
        elif self._blueprint.last:
            yield f"use.rank = {rank}"
        yield f"{result} = {self._expression(self._blueprint.order[rank])}"
        if self._is_heard:
            yield f"use.end({result})"

    def _call_and_check(self, rank: int) -> Iterator[str]:
        """Call one task, and stop if the result is no value yet."""
        position = self._blueprint.order[rank]
        result = f"r{position}"
        yield from self._call(rank, result)
        unusual = _unless_it_is(result, self._registers[position], _PLAIN)
        yield from _when(f"{unusual}type({result}) in UNFINISHED", "return stop(use, locals())")

    def _expression(self, position: int) -> str:
        call = self._calls[position]
        arguments = [f"r{s}" if s >= 0 else f"d{~s}" for s in call.parts()]
        values = arguments[: len(call.args)]
        fn = f"f{self._task_number(position)}"
        if call.kwargs:
            keywords = _tuple(arguments[len(call.args) :])
            values.append(f"**dict(zip({self._keywords(position)}, {keywords}))")
        return f"{fn}({', '.join(values)})"

    def _task_number(self, position: int) -> int:
        return self._tasks[self._blueprint.graph.tasks[position]]

    def _keywords(self, position: int) -> str:
        """The constant that holds the keywords of a call."""
        name = f"keywords{position}"
        self.constants[name] = tuple([keyword for keyword, _ in self._calls[position].kwargs])
        return name

    def _extra_keywords(self, position: int) -> str:
        """The constant that holds those that the signature does not name."""
        call = self._calls[position]
        declared = len(call.identity.parameters.keyword_only)
        name = f"extra{position}"
        self.constants[name] = tuple([keyword for keyword, _ in call.kwargs[declared:]])
        return name


_PLAIN: Final[frozenset[type]] = ATOMS | {dict, frozenset, list, set, tuple}
"""Types of results that the code may expect."""


def _unless_it_is(name: str, value: object, types: frozenset[type]) -> str:
    """The beginning of a check that need not be made for a value of the usual type."""
    kind = type(value)
    return f"type({name}) is not {kind.__name__} and " if kind in types else ""


def _go_on() -> Iterator[str]:
    """Take the next target from the result of this one; a tail call is its lazy result here."""
    yield "if type(result) is not LazyResult:"
    yield "    if type(result) is not TailCall:"
    yield "        return result"
    yield "    result = result.lazy()"
    yield "target = result"


def _go_on_vm() -> Iterator[str]:
    """Take the next target from the result of this one; a lazy result is for the graph path."""
    yield from _when("type(result) is not TailCall", "return result")
    yield "target = result"


def _unless(refused: str) -> Iterator[str]:
    return _when(refused, "return use.refuse(target)")


def _when(condition: str, action: str) -> Iterator[str]:
    yield f"if {condition}:"
    yield f"    {action}"


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
