"""The tasks and resources that programs are made of, and ``build``, which makes lazy results.

What the tasks do they note in the ``World`` of their run: when each attempt began and ended, and
when each resource was opened and closed. A context variable holds it, for two runs may go on at
once.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import cascade_core as cs
from oracle.language import (
    CAPACITIES,
    MOODS,
    Call,
    Env,
    Inject,
    Loop,
    Map,
    Options,
    Param,
    Program,
    Ref,
    Select,
    Variant,
    checksum,
    fill,
    inner_number,
    inner_prefix,
    item_labels,
    label_of,
    plain_steps,
)
from oracle.language import (
    TASKS as BEHAVIOURS,
)


class Mark(NamedTuple):
    """Something that happened inside a task or a resource."""

    what: str
    """``start`` or ``end`` of an attempt; ``open`` or ``close`` of a resource."""
    name: str
    """The label of the call, or the name of the resource."""


class World:
    """What the tasks of one run know, and what they noted.

    Attributes:
        trace: What happened, in order.
        inner: The programs inside calls, by label.
        thrown: The errors thrown into resources, by name.
        is_over: Set when the run has ended; what happens later is a fault.
        spun: What the calls of each ``spin`` add up to, by label.
        disturb: Called after each note.
    """

    def __init__(self, caches: tuple[Any, ...]) -> None:
        self.caches = caches
        self.trace: list[Mark] = []
        self.inner: dict[str, tuple[Program, ...]] = {}
        self.thrown: list[tuple[str, BaseException]] = []
        self.openings: Counter[str] = Counter()
        self.attempts: defaultdict[str, int] = defaultdict(int)
        self.spun: defaultdict[str, int] = defaultdict(int)
        self.is_over = False
        self.disturb: Callable[[], object] | None = None

    def note(self, what: str, name: str) -> None:
        if self.is_over:
            what = f"late {what}"
        self.trace.append(Mark(what, name))
        if self.disturb is not None:
            self.disturb()


WORLD: ContextVar[World] = ContextVar("world")


class BrokenCache:
    """A policy that can neither load nor save."""

    async def get(self, key: bytes) -> Any:
        raise OSError("broken cache")

    async def set(self, key: bytes, value: Any) -> None:
        raise OSError("broken cache")


def new_caches() -> tuple[Any, ...]:
    return cs.MemoryCache(), cs.MemoryCache(), BrokenCache()


# -- tasks ----------------------------------------------------------------------------------------


def mark_of(task: str, at: str, args: Any, kwargs: Any) -> str:
    """What a call is called in the trace: its label; if that is of many, with its arguments."""
    return f"{task} {at}{args}{kwargs}" if BEHAVIOURS[task].pure else at


def noted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Note when each attempt begins and ends; the name of the function is that of the task."""
    name = function.__name__.strip("_")

    @functools.wraps(function)
    def sync(at: str, *args: Any, **kwargs: Any) -> Any:
        world, mark = WORLD.get(), mark_of(name, at, args, kwargs)
        world.note("start", mark)
        try:
            return function(at, *args, **kwargs)
        finally:
            world.note("end", mark)

    @functools.wraps(function)
    async def awaited(at: str, *args: Any, **kwargs: Any) -> Any:
        world, mark = WORLD.get(), mark_of(name, at, args, kwargs)
        world.note("start", mark)
        try:
            return await function(at, *args, **kwargs)
        finally:
            world.note("end", mark)

    return awaited if asyncio.iscoroutinefunction(function) else sync


@cs.task
@noted
def mix(at, *args, **kwargs):
    return checksum("mix", args, kwargs)


@cs.task
@noted
def twin(at, a=0, b=0, c=0, *, k=0, m=0):
    return checksum("twin", (a, b, c), {"k": k, "m": m})


@cs.task
@noted
async def later(at, *args, **kwargs):
    for _ in range(len(args)):
        await asyncio.sleep(0)
    return checksum("later", args, kwargs)


@noted
async def _wrapped(at, *args, **kwargs):
    return checksum("wrapped", args, kwargs)


@cs.task
def wrapped(at, *args, **kwargs):
    return _wrapped(at, *args, **kwargs)


@cs.task(pure=True)
@noted
def pure_mix(at, *args, **kwargs):
    return checksum("pure_mix", args, kwargs)


@cs.task(pure=True)
@noted
async def pure_later(at, *args, **kwargs):
    await asyncio.sleep(0)
    return checksum("pure_later", args, kwargs)


@cs.task
@noted
def nothing(at, *args, **kwargs):
    return None


@cs.task
@noted
def same(at, value, *rest):
    return value


@cs.task
@noted
async def later_same(at, value, *rest):
    await asyncio.sleep(0)
    return value


@cs.task
@noted
def labels(at, items, equal=False):
    """The labels of a map over ``items``."""
    return item_labels(at, len(items), equal)


@cs.task
@noted
def boom(at, *args, **kwargs):
    raise ValueError(f"boom {checksum('boom', args, kwargs)}")


@cs.task
@noted
async def later_boom(at, *args, **kwargs):
    await asyncio.sleep(0)
    raise LookupError(f"boom {checksum('later_boom', args, kwargs)}")


@cs.task
@noted
def flaky(at, fails, *args):
    return _after_failures("flaky", at, fails, args)


@cs.task
@noted
async def later_flaky(at, fails, *args):
    await asyncio.sleep(0)
    return _after_failures("later_flaky", at, fails, args)


@cs.task(pure=True)
@noted
def pure_flaky(at, fails, *args):
    return _after_failures("pure_flaky", at, fails, args)


def _after_failures(task, at, fails, args):
    """Fail so often, then succeed, then fail again: no two calls of a label are under way."""
    call = f"{task}{at}{fails}{args}"
    attempts = WORLD.get().attempts
    attempts[call] += 1
    if attempts[call] % (fails + 1):
        raise ValueError(f"{task} {checksum(task, args, {})}")
    return checksum(task, args, {})


@cs.task
@noted
async def hang(at, fails, *args):
    """Like ``flaky``, but in place of failing it waits for ever."""
    attempts = WORLD.get().attempts
    attempts[at] += 1
    if attempts[at] % (fails + 1):
        await asyncio.get_running_loop().create_future()
    return checksum("hang", args, {})


@cs.task
@noted
def enter(at, *args, **kwargs):
    """Returns the lazy result of its inner program: a sub-graph, or a tail call as the target."""
    return _inner("enter", at, args, kwargs)


@cs.task
@noted
async def later_enter(at, *args, **kwargs):
    await asyncio.sleep(0)
    return _inner("later_enter", at, args, kwargs)


@cs.task(pure=True)
@noted
def pure_enter(at, *args, **kwargs):
    return _inner("pure_enter", at, args, kwargs)


@cs.task
@noted
def enter_tail(at, *args, **kwargs):
    return _inner("enter_tail", at, args, kwargs, tail=True)


def _inner(task, at, args, kwargs, tail=False):
    prefix = inner_prefix(task, at, args, kwargs)
    return build(_inner_programs(at)[0], prefix, tail=tail)


@cs.task
@noted
def loop(at, n, value=None):
    """Counts down; the graph of each iteration is that of one of the inner programs."""
    return _iteration("loop", at, n, value)


@cs.task
@noted
async def later_loop(at, n, value=None):
    await asyncio.sleep(0)
    return _iteration("later_loop", at, n, value)


@cs.task(pure=True)
@noted
def pure_loop(at, n, value=None):
    return _iteration("pure_loop", at, n, value)


@cs.task
@noted
def loop_tail(at, n, value=None):
    return _iteration("loop_tail", at, n, value, tail=True)


def _iteration(task, at, n, value, tail=False):
    if n == 0:
        return value
    inner = _inner_programs(at)
    number = inner_number(n, len(inner))
    prefix = f"{inner_prefix(task, at, (n, value), {})}{number}:"
    return build(inner[number], prefix, Loop(task, at, inner, n - 1), tail)


@cs.task
@noted
def moody(at, mood, *args, **kwargs):
    """Calls of one structure, whose results are of any kind."""
    if MOODS[mood] == "boom":
        raise ValueError(f"moody {checksum('moody', args, kwargs)}")
    if MOODS[mood] == "graph":
        return _inner("moody", at, (mood, *args), kwargs)
    value = checksum("moody", (mood, *args), kwargs)
    return _soon(value) if MOODS[mood] == "coroutine" else value


async def _soon(value):
    await asyncio.sleep(0)
    return value


@cs.task
@noted
def spin(at, n, value=None, *more, k=0, **extra):
    """A loop that comes to what all of its iterations were given."""
    return _spun("spin", at, n, (value, *more), {"k": k, **extra})


@cs.task
@noted
def spin_tail(at, n, value=None, *more, k=0, **extra):
    return _spun("spin_tail", at, n, (value, *more), {"k": k, **extra}, tail=True)


def _spun(task, at, n, args, kwargs, tail=False):
    spun = WORLD.get().spun
    spun[at] = checksum(task, (spun[at], n, *args), kwargs)
    return _iteration(task, at, n, spun[at], tail)


def _inner_programs(at):
    """Those of a call; an item of a map has those of the map."""
    inner = WORLD.get().inner
    return inner[at] if at in inner else inner[at.rpartition("#")[0]]


_OWN = dict(globals())
TASKS: dict[str, cs.Task[Any]] = {name: _OWN[name] for name in BEHAVIOURS}


# -- resources ------------------------------------------------------------------------------------


@contextmanager
def _opened(name: str, *needs: str) -> Iterator[str]:
    """Open and close; the value tells which opening of this run it is."""
    world = WORLD.get()
    world.openings[name] += 1
    world.note("open", name)
    try:
        yield resource_value(name, world.openings[name], needs)
    except BaseException as error:
        world.thrown.append((name, error))
        raise
    finally:
        world.note("close", name)


def resource_value(name: str, opening: int, needs: tuple[str, ...] = ()) -> str:
    return f"{name}{opening}({', '.join(needs)})"


@cs.resource
def run_sync():
    with _opened("run_sync") as value:
        yield value


@cs.resource
async def run_async():
    await asyncio.sleep(0)
    with _opened("run_async") as value:
        yield value
        await asyncio.sleep(0)


@cs.resource(scope="iteration")
def turn_sync():
    with _opened("turn_sync") as value:
        yield value


@cs.resource(scope="iteration")
async def turn_async():
    with _opened("turn_async") as value:
        yield value


@cs.resource
def run_both(one=cs.inject("run_sync"), two=cs.inject("run_async")):
    with _opened("run_both", one, two) as value:
        yield value


@cs.resource(scope="iteration")
async def turn_both(one=cs.inject("turn_sync"), two=cs.inject("run_both")):
    with _opened("turn_both", one, two) as value:
        yield value


@cs.resource
def plain():
    return "plain"


@cs.resource
def broken():
    raise ValueError("broken resource")


@cs.resource
def sour():
    """Cannot be closed."""
    with _opened("sour") as value:
        yield value
    raise ValueError("sour resource")


RESOURCES: dict[str, Any] = {
    **CAPACITIES,
    "run_sync": run_sync,
    "run_async": run_async,
    "turn_sync": turn_sync,
    "turn_async": turn_async,
    "run_both": run_both,
    "turn_both": turn_both,
    "plain": plain,
    "broken": broken,
    "sour": sour,
}


# -- from a program to lazy results ---------------------------------------------------------------


def build(
    program: Program, prefix: str = "", loop: Loop | None = None, tail: bool = False
) -> cs.LazyResult[Any] | cs.TailCall:
    """The lazy result of a program's target.

    Args:
        program: The program.
        prefix: What the labels of its steps begin with.
        loop: The loop that it is an iteration of, if it is one.
        tail: Make it the tail call of its target.
    """
    lazies: list[Any] = []
    steps = plain_steps(program)
    for index, step in enumerate(program):
        if isinstance(step, Variant):
            options = Options(after=(step.of,)).replaced_by(step.options)
            lazies.append(_with_options(lazies[step.of], options, lazies))
            continue
        make = _Maker(lazies, prefix, loop)
        if tail and index == len(program) - 1:
            return make.call(step, index, "tail")
        lazies.append(_with_options(make(steps[index][1], index), step.options, lazies))
    return lazies[-1]


class _Maker:
    """Makes the lazy result of one step, without its options."""

    def __init__(self, lazies: list[Any], prefix: str, loop: Loop | None) -> None:
        self._lazies = lazies
        self._prefix = prefix
        self._loop = loop

    def __call__(self, step: Any, index: int) -> Any:
        if isinstance(step, Call):
            return self.call(step, index)
        if isinstance(step, Map):
            return self._map(step, index)
        if isinstance(step, Select):
            routes = {key: self._fill(route) for key, route in step.routes}
            return cs.select(self._fill(step.selector), routes, **self._default(step))
        if isinstance(step, Inject):
            return cs.inject(step.name)
        make = {Param: cs.Param, Env: cs.Env}[type(step)]
        return make(step.name, **self._default(step))

    def call(self, step: Call, index: int, how: str = "__call__") -> Any:
        args = [self._fill(argument) for argument in step.args]
        kwargs = {name: self._fill(argument) for name, argument in step.kwargs}
        if step.task == "again":
            assert self._loop is not None, "again stands in a loop"
            again = getattr(TASKS[self._loop.task], how)
            return again(self._loop.at, self._loop.n, *args, **kwargs)
        at = label_of(step, self._prefix, index)
        WORLD.get().inner[at] = step.inner
        return getattr(TASKS[step.task], how)(at, *args, **kwargs)

    def _map(self, step: Map, index: int) -> Any:
        label = label_of(step, self._prefix, index)
        equal = BEHAVIOURS[step.task].pure
        iterables = {
            name: self._fill(argument, lambda count: item_labels(label, count, equal))
            for name, argument in step.iterables
        }
        WORLD.get().inner[label] = step.inner
        if isinstance(iterables["at"], cs.LazyResult):  # items are labelled by that call then
            WORLD.get().inner[iterables["at"].args[0]] = step.inner
        return TASKS[step.task].map(**iterables)

    def _default(self, step: Any) -> dict[str, Any]:
        return {} if step.default is None else {"default": self._fill(step.default)}

    def _fill(self, argument: Any, labels: Any = None) -> Any:
        return fill(argument, self._lazies.__getitem__, labels, cs.quote)


def _with_options(lazy: Any, options: Options, lazies: list[Any]) -> Any:
    for index in options.after:  # one by one: each adds
        lazy = lazy.after(lazies[index])
    if options.run_if is not None:
        condition = options.run_if
        lazy = lazy.run_if(lazies[condition.index] if isinstance(condition, Ref) else condition)
    if options.retry is not None:
        retry = options.retry
        lazy = lazy.with_retry(retry.max_attempts, delay=retry.delay, backoff=retry.backoff)
    if options.timeout is not None:
        lazy = lazy.with_timeout(options.timeout)
    if options.cache is not None:
        lazy = lazy.with_cache(WORLD.get().caches[options.cache])
    if options.amounts:
        amounts = {name: fill(amount, lazies.__getitem__) for name, amount in options.amounts}
        lazy = lazy.with_constraints(**amounts)
    return lazy
