"""Programs: a blueprint written out as Python code, for plans that are used again and again.

The code first compares the target with the structure that the plan was made for, call by call: the
*guard*. If it fits, so that its key would be the plan's, the code counts the iteration and calls
the tasks, one line each. Two nodes, ``double(increment(n))``, look like this::

    def plan(target, use):
        if target._task is not t0 or target._options is not None:
            return MISSED
        (c1,) = target._args
        known = use.known
        if known is None or c1 is not known[0]:
            if type(c1) is not LazyResult or c1._task is not t1 or c1._options is not None:
                return MISSED
            (d0,) = c1._args
            if type(d0) is not int and type(d0) not in ATOMS:
                return MISSED
            known = use.known = (c1, d0)
        (c1, d0) = known
        use.iterations += 1
        use.rank = 0
        r1 = f1(d0)
        if type(r1) is not int and type(r1) in UNFINISHED:
            return stop(use, locals())
        use.rank = 1
        return f0(r1)

``c1`` is the call at position 1, ``d0`` the first input, ``r1`` what position 1 came to, ``t1`` and
``f1`` are a task and its function. Lazy results are immutable: while the target's lazy arguments
are the objects they were, nothing below them is looked at again.

Nothing that a user named is in the text: tasks, functions, names and types are constants in the
code's globals. The text stands in ``linecache``, so that tracebacks show it and debuggers step.
"""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias, final

from cascade_core.define.lazy import BoundCall, LazyResult
from cascade_core.define.quote import Quoted
from cascade_core.graph.containers import ATOMS, Search, is_container
from cascade_core.graph.decode import Call, Row
from cascade_core.vm.blueprint import CHUNK, PENDING, Blueprint
from cascade_core.vm.machine import UNFINISHED
from cascade_core.vm.steps import Registers

MAX_NODES: Final = 512
"""Larger graphs are not written out: compiling takes longer than running them a hundred times."""

MISSED: Final = object()
"""What a program returns for a target of another structure; nothing was run or counted."""

STOPPED: Final = object()
"""What a program returns that came to a result which is no value yet, or to the end of its time
slice; the frame is in ``use.registers``."""

Run: TypeAlias = Callable[[BoundCall[Any], Any], Any]

_numbers = itertools.count(1)


@final
class Program:
    """A blueprint as code.

    Attributes:
        run: Takes a target and the ``Use`` of the plan; gives what the target returned, or MISSED
            or STOPPED.
        source: The text of the code, and what its names stand for.
    """

    __slots__ = ("__weakref__", "run", "source")

    def __init__(self, run: Run, source: str) -> None:
        self.run = run
        self.source = source


def write_program(blueprint: Blueprint, registers: Registers) -> Program | None:
    """Write a blueprint out as code.

    Args:
        blueprint: One that is straight.
        registers: A finished frame of it. The code expects values of the types that it finds there,
            and gets along with others.

    Returns:
        The program; None if the structure has containers, or more than ``MAX_NODES`` nodes.

    Cost: linear in nodes plus arguments; some 20 us for each node.
    """
    rows = blueprint.rows
    if len(rows) > MAX_NODES or any(_has_containers(row) for row in rows):
        return None
    writer = _Writer(blueprint, registers)
    text = "\n".join(["def plan(target, use):", *_indented(writer.lines()), ""])
    number = next(_numbers)
    filename = f"<cascade plan {number}: {blueprint.graph.structure.digest[:12]}>"
    scope = writer.constants
    exec(compile(text, filename, "exec"), scope)
    run = _named(scope["plan"], f"plan of {blueprint.names[blueprint.last]}")
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


def _has_containers(row: Row) -> bool:
    return isinstance(row, Call) and any(not isinstance(arg, int) for _, arg in row.arguments())


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

    def __init__(self, blueprint: Blueprint, registers: Registers) -> None:
        self._blueprint = blueprint
        self._registers = registers
        self._calls = blueprint.graph.structure.calls
        self._tasks = {task: n for n, task in enumerate(dict.fromkeys(blueprint.graph.tasks))}
        self._bound: set[int] = {0}  # calls that have a name already
        self.constants: dict[str, Any] = {
            "ATOMS": ATOMS,
            "LazyResult": LazyResult,
            "MISSED": MISSED,
            "NoneType": type(None),
            "UNFINISHED": UNFINISHED,
            "clock": perf_counter,
            "is_live": is_live,
            "stop": stop,
        }
        for task, number in self._tasks.items():
            self.constants |= {f"t{number}": task, f"f{number}": task.fn}

    def legend(self) -> str:
        """What the constants stand for, as comments; a ``repr`` never breaks a line."""
        return "".join(
            f"# t{n}, f{n}: {task.identity.qualified_name!r}\n" for task, n in self._tasks.items()
        )

    def lines(self) -> Iterator[str]:
        """The body of the program."""
        yield from self._check(0, "is_live({})")
        if len(self._calls) > 1:
            yield from self._check_below()
        yield "use.iterations += 1"
        last = self._blueprint.last
        for rank in range(last):
            yield from self._call(rank)
            if (rank + 1) % CHUNK == 0:
                yield from _unless("clock() >= use.time_slice.end", "stop(use, locals())")
        if last:
            yield f"use.rank = {last}"
        yield f"return {self._expression(0)}"

    # -- the guard ------------------------------------------------------------------------

    def _check_below(self) -> Iterator[str]:
        """Compare what is below the target, unless that is what it was the last time."""
        direct = [f"c{s}" for s in self._blueprint.graph.dependencies[0]]
        slots = [~s for call in self._calls[1:] for s in call.parts() if s < 0]
        if not all(type(self._registers[~slot]) in ATOMS for slot in slots):
            yield from self._check_all_below("is_live({})")
            return
        known = _tuple([*direct, *(f"d{slot}" for slot in slots)])
        changed = [f"{name} is not known[{index}]" for index, name in enumerate(direct)]
        yield "known = use.known"
        yield f"if known is None or {' or '.join(changed)}:"
        yield from _indented(self._check_all_below("type({}) not in ATOMS"))
        yield f"    known = use.known = {known}"
        yield f"{known} = known"

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
        checks = [f"type({name}) is not LazyResult"] if position else []
        checks.append(f"{name}._task is not t{self._task_number(position)}")
        checks.append(f"{name}._options is not None")
        yield from _unless(" or ".join(checks))
        parameters = call.identity.parameters
        if parameters.var_positional is not None:
            yield from _unless(f"len({name}._args) != {len(call.args)}")
        if parameters.var_keyword is not None:
            yield from _unless(f"tuple({name}._kwargs) != {self._keywords(position)}")
        args = [self._bind(source) for source in call.args]
        kwargs = [self._bind(source) for _, source in call.kwargs]
        if args:
            yield f"{_tuple(args)} = {name}._args"
        if kwargs:
            yield f"{_tuple(kwargs)} = {name}._kwargs.values()"
        for (_, source), bound in zip(call.arguments(), [*args, *kwargs], strict=True):
            yield from self._check_argument(source, bound, not_data)

    def _bind(self, source: Any) -> str:
        """The name of an argument; that of a call that is shared is new each time."""
        if source < 0:
            return f"d{~source}"
        if source not in self._bound:
            self._bound.add(source)
            return f"c{source}"
        return f"same{source}"

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

    def _call(self, rank: int) -> Iterator[str]:
        """Call one task, and stop if the result is no value yet."""
        position = self._blueprint.order[rank]
        result = f"r{position}"
        yield f"use.rank = {rank}"
        yield f"{result} = {self._expression(position)}"
        usual = _unless_it_is(result, self._registers[position], _PLAIN)
        yield from _unless(f"{usual}type({result}) in UNFINISHED", "stop(use, locals())")

    def _expression(self, position: int) -> str:
        call = self._calls[position]
        arguments = [f"r{s}" if s >= 0 else f"d{~s}" for s in call.parts()]
        values = arguments[: len(call.args)]
        if call.kwargs:
            keywords = _tuple(arguments[len(call.args) :])
            values.append(f"**dict(zip({self._keywords(position)}, {keywords}))")
        return f"f{self._task_number(position)}({', '.join(values)})"

    def _task_number(self, position: int) -> int:
        return self._tasks[self._blueprint.graph.tasks[position]]

    def _keywords(self, position: int) -> str:
        """The constant that holds the keywords of a call."""
        name = f"keywords{position}"
        self.constants[name] = tuple([keyword for keyword, _ in self._calls[position].kwargs])
        return name


_PLAIN: Final[frozenset[type]] = ATOMS | {dict, frozenset, list, set, tuple}
"""Types of results that the code may expect."""


def _unless_it_is(name: str, value: object, types: frozenset[type]) -> str:
    """The beginning of a check that need not be made for a value of the usual type."""
    kind = type(value)
    return f"type({name}) is not {kind.__name__} and " if kind in types else ""


def _unless(refused: str, answer: str = "MISSED") -> Iterator[str]:
    yield f"if {refused}:"
    yield f"    return {answer}"


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)}{',' * (len(names) == 1)})"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
