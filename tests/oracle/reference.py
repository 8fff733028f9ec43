"""The reference: plain Python recursion over a program. It knows nothing of the engine.

``Reference.run`` evaluates the nodes that the target needs, each once, and tells what must come of
the run: the value or the failures, and all the work. It evaluates *nodes*, not just values: what a
skipped node depends on runs all the same, an unchosen route does not.

After a failure it goes on with what does not depend on it, so that ``failures`` has every failure
that could be the first one in some order. The work it then tells of is not what an engine does.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from oracle.language import (
    BROKEN_CACHE,
    CAPACITIES,
    ENVIRONMENT,
    HANG,
    MOODS,
    PARAMS,
    TASKS,
    Call,
    Env,
    Inject,
    Loop,
    Map,
    Opaque,
    Options,
    Param,
    Point,
    Program,
    Quoted,
    Ref,
    Retry,
    Select,
    all_refs,
    checksum,
    fill,
    inner_number,
    inner_prefix,
    item_labels,
    label_of,
    plain_steps,
    refs_in,
    source_refs,
    step_name,
    wait_refs,
)


class Failure(NamedTuple):
    """An exception: the name of its type, and its text where that is agreed on."""

    kind: str
    text: str | None = None


CLOSING_FAILED = Failure("ValueError", "sour resource")
"""What a run fails with although all of its nodes have run."""


class Attempt:
    """One call of a task's function.

    Attributes:
        mark: What the trace calls it.
        iteration: The number of the iteration it is part of.
        after: The attempts that must have ended before.
        amounts: What it holds of the engine's capacities.
        is_shared: Whether equal calls share it: any of them may be the one that runs then.
    """

    def __init__(
        self, mark: str, iteration: int, after: frozenset[Attempt], amounts: dict[str, Any]
    ) -> None:
        self.mark = mark
        self.iteration = iteration
        self.after = after
        self.amounts = amounts
        self.is_shared = False


@dataclass
class Work:
    """What a run must come to, and all that it must do for it."""

    value: Any = None
    failures: list[Failure] = field(default_factory=list)
    iterations: int = 0
    lookups: int = 0
    reuses: Counter[str] = field(default_factory=Counter)
    """Reuses by task name."""
    executions: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By task name and number of attempts."""
    delays: Counter[tuple[str, int, float]] = field(default_factory=Counter)
    """Retries by task name, number of the attempt that failed, and delay."""
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By node name and reason."""
    attempts: list[Attempt] = field(default_factory=list)
    openings: dict[tuple[str, int], int] = field(default_factory=dict)
    """The iteration of each opening, by name and number of the opening."""
    siblings: list[list[Attempt]] = field(default_factory=list)
    """Calls that start in this order where all tasks are sync."""
    features: Counter[str] = field(default_factory=Counter)

    @property
    def tasks(self) -> Counter[str]:
        """Executions by task name."""
        counts: Counter[str] = Counter()
        for (task, _), count in self.executions.items():
            counts[task] += count
        return counts

    @property
    def task_attempts(self) -> Counter[str]:
        """Attempts by task name."""
        counts: Counter[str] = Counter()
        for (task, attempts), count in self.executions.items():
            counts[task] += count * attempts
        return counts


Ends = frozenset[Attempt]
"""Attempts that have ended when a node is done."""
NOTHING: Ends = frozenset()


class Done(NamedTuple):
    """A node that has a value."""

    value: Any
    ends: Ends


class Pending(NamedTuple):
    """A resource that is opened when its value is needed."""

    name: str
    ends: Ends


class Skipped(NamedTuple):
    """A node that has none."""

    ends: Ends


class Failed(NamedTuple):
    """A node that failed, or needs one that did."""

    ends: Ends = NOTHING


Result = Done | Pending | Skipped | Failed


class Role(NamedTuple):
    """What a call is run for."""

    what: str
    """``iteration``: what it returns is the next one; ``sub-graph``: likewise in a sub-graph;
    ``node``: what it returns is a sub-graph of its own."""
    has_policy: bool = True
    """Whether its cache policy applies."""

    @property
    def is_iteration(self) -> bool:
        return self.what == "iteration"


RUN = Role("iteration")
SUBGRAPH = Role("sub-graph")
NODE = Role("node")


class Bound(NamedTuple):
    """A call with the values of its arguments, options included."""

    call: Call
    at: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def mark(self) -> str:
        """What the trace calls it."""
        task = self.call.task
        return f"{task} {self.at}{self.args}{self.kwargs}" if TASKS[task].pure else self.at

    def content(self) -> Any:
        """A hashable copy that tells types apart, or None where there is none."""
        try:
            return _typed((self.call.task, *self[1:]))
        except TypeError:
            return None

    def returned(self) -> Any:
        """What the task returns."""
        does = TASKS[self.call.task].does
        if does == "nothing":
            return None
        if does == "same":
            return self.args[0]
        if does == "labels":
            return item_labels(self.at, len(self.args[0]), self.kwargs.get("equal", False))
        if does == "loop":
            return self.args[1]
        args = self.args[1:] if does in ("flaky", "hang") else self.args
        return checksum(self.call.task, args, self.kwargs)


class Frame:
    """A graph that is being evaluated."""

    def __init__(
        self, program: Program, prefix: str, role: Role, loop: Loop | None, base: Ends
    ) -> None:
        self.origins, self.steps = zip(*plain_steps(program), strict=True)
        self.base = base
        """What must have ended before any of it begins: the call that returned it."""
        self.prefix = prefix
        self.role = role
        self.loop = loop
        self.results: dict[int, Result] = {}
        self.routes: dict[int, Any] = {}
        """The chosen route, an argument, of each select."""
        self.first_attempts: dict[int, Attempt] = {}

    @property
    def target(self) -> int:
        return len(self.steps) - 1

    def label(self, index: int) -> str:
        """A variant has the label of the step that it varies."""
        origin = self.origins[index]
        return label_of(self.steps[origin], self.prefix, origin)

    def reached(self, through_all_routes: bool = False, without: int | None = None) -> set[int]:
        """The steps that the target leads to.

        Args:
            through_all_routes: Follow every route, not only the chosen ones.
            without: A select whose route is not followed.
        """
        found: set[int] = set()
        stack = [self.target]
        while stack:
            index = stack.pop()
            if index in found:
                continue
            found.add(index)
            step = self.steps[index]
            stack.extend(all_refs(step) if through_all_routes else wait_refs(step))
            if index in self.routes and index != without:
                stack.extend(refs_in([self.routes[index]]))
        return found


class Reference:
    """Evaluates programs; result caches last from run to run, as with one engine."""

    def __init__(self) -> None:
        self._caches: list[dict[Any, Any]] = [{}, {}]

    def run(self, program: Program) -> Work:
        return Evaluation(self._caches).run(program)


class Evaluation:
    """One run."""

    def __init__(self, caches: list[dict[Any, Any]]) -> None:
        self._caches = caches
        self._work = Work()
        self._memo: dict[Any, tuple[Done, list[Attempt]]] = {}
        self._opened_in_run: dict[str, str] = {}
        self._opened_in_iteration: dict[str, str] = {}
        self._openings: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()
        self._spun: Counter[str] = Counter()

    def run(self, program: Program) -> Work:
        result = self._graph(program, "", RUN)
        if isinstance(result, Done):
            self._work.value = result.value
            if "sour" in self._opened_in_run and not self._work.failures:
                self._fail(*CLOSING_FAILED)
        return self._work

    # -- graphs -----------------------------------------------------------------------------------

    def _graph(
        self,
        program: Program,
        prefix: str,
        role: Role,
        loop: Loop | None = None,
        base: Ends = NOTHING,
    ) -> Done | Failed:
        self._enter(role)
        frame = Frame(program, prefix, role, loop, base)
        result = self._node(frame, frame.target)
        self._look_back(frame)
        if isinstance(result, Skipped):
            return self._fail("DependencyMissingError")
        return self._opened(result)

    def _enter(self, role: Role) -> None:
        self._work.lookups += 1
        if role.is_iteration:
            self._work.iterations += 1
            self._memo = {}
            self._opened_in_iteration = {}

    def _look_back(self, frame: Frame) -> None:
        """Count what was pruned, and let what only a route needs come after the choice."""
        reached = frame.reached()
        for index in frame.reached(through_all_routes=True) - reached:
            self._work.skips[step_name(frame.steps[index], frame.loop), "pruned"] += 1
            self._see("pruned")
        for select in frame.routes:
            ends = self._ends(frame, wait_refs(frame.steps[select]))
            for index in reached - frame.reached(without=select):
                if index in frame.first_attempts:
                    frame.first_attempts[index].after |= ends
        self._work.siblings.extend(_siblings(frame))

    # -- nodes ------------------------------------------------------------------------------------

    def _node(self, frame: Frame, index: int) -> Result:
        if index not in frame.results:
            frame.results[index] = self._evaluate(frame, index)
        return frame.results[index]

    def _evaluate(self, frame: Frame, index: int) -> Result:
        step = frame.steps[index]
        waits = [self._node(frame, needed) for needed in wait_refs(step)]
        if any(isinstance(result, Failed) for result in waits):
            return Failed()
        ends = self._ends(frame, wait_refs(step)) | frame.base
        self._see_options(step)
        reason = self._skip_reason(frame, step)
        if reason == "failed":
            return Failed()
        if reason is not None:
            self._work.skips[step_name(step, frame.loop), reason] += 1
            self._see(reason)
            return Skipped(ends)
        if isinstance(step, Inject):
            return Pending(step.name, ends)
        if isinstance(step, Select):
            return self._select(frame, index, step, ends)
        values = self._values(frame, source_refs(step))
        if values is None:
            return Failed()
        if isinstance(step, Map):
            return self._map(frame, index, step, values, ends)
        if isinstance(step, Call):
            return self._step_call(frame, index, step, values, ends)
        return self._input(step, values, ends)

    def _skip_reason(self, frame: Frame, step: Any) -> str | None:
        condition = step.options.run_if
        if isinstance(condition, Ref):
            result = self._opened(frame.results[condition.index])
            if isinstance(result, Failed):
                return "failed"
            condition = bool(result.value) if isinstance(result, Done) else True
        if condition is False:
            return "condition_false"
        sources = [frame.results[index] for index in source_refs(step)]
        return "upstream_skipped" if any(isinstance(s, Skipped) for s in sources) else None

    def _ends(self, frame: Frame, indices: Iterable[int]) -> Ends:
        return NOTHING.union(*[frame.results[index].ends for index in indices])

    def _values(self, frame: Frame, indices: Iterable[int]) -> dict[int, Any] | None:
        """The values of steps, or None if one cannot be had."""
        results = {index: self._opened(frame.results[index]) for index in indices}
        if any(isinstance(result, Failed) for result in results.values()):
            return None
        return {index: result.value for index, result in results.items()}

    def _select(self, frame: Frame, index: int, step: Select, ends: Ends) -> Result:
        self._see(f"select by {_kind_of(frame, step.selector)}")
        values = self._values(frame, source_refs(step))
        if values is None:
            return Failed()
        route = self._route(step, fill(step.selector, values.__getitem__))
        if route is None:
            return self._fail("UnknownNameError")
        frame.routes[index] = route
        sources = [self._node(frame, source) for source in refs_in([route])]
        if any(isinstance(source, Failed) for source in sources):
            return Failed()
        ends = ends.union(self._ends(frame, refs_in([route])))
        if any(isinstance(source, Skipped) for source in sources):
            self._work.skips["select", "upstream_skipped"] += 1
            self._see("route skipped")
            return Skipped(ends)
        values = self._values(frame, refs_in([route]))
        if values is None:
            return Failed()
        return Done(fill(route, values.__getitem__), ends)

    def _route(self, step: Select, key: Any) -> Any:
        routes = dict(step.routes)
        try:
            if key in routes:
                return routes[key]
        except TypeError:
            self._see("select by unhashable")
        if step.default is not None:
            self._see("select default")
        return step.default

    def _input(self, step: Param | Env, values: dict[int, Any], ends: Ends) -> Result:
        known = PARAMS if isinstance(step, Param) else ENVIRONMENT
        self._see(type(step).__name__)
        if step.name in known:
            return Done(known[step.name], ends)
        if step.default is None:
            return self._fail("UnknownNameError")
        self._see(f"{type(step).__name__} default")
        return Done(fill(step.default, values.__getitem__), ends)

    # -- resources --------------------------------------------------------------------------------

    def _opened(self, result: Result) -> Any:
        """A result whose value is needed now."""
        if not isinstance(result, Pending):
            return result
        value = self._open(result.name)
        return Failed() if value is None else Done(value, result.ends)

    def _open(self, name: str) -> str | None:
        self._see(f"inject {name}")
        if name == "plain":
            return "plain"
        if name == "broken":
            self._fail("ValueError", "broken resource")
            return None
        of_iteration = name.startswith("turn")
        opened = self._opened_in_iteration if of_iteration else self._opened_in_run
        if name not in opened:
            needs = [self._open(need) for need in NEEDS.get(name, ())]
            self._openings[name] += 1
            number = self._openings[name]
            self._work.openings[name, number] = self._work.iterations if of_iteration else 0
            opened[name] = f"{name}{number}({', '.join(map(str, needs))})"
        return opened[name]

    # -- maps -------------------------------------------------------------------------------------

    def _map(
        self, frame: Frame, index: int, step: Map, values: dict[int, Any], ends: Ends
    ) -> Result:
        label = frame.label(index)
        equal = TASKS[step.task].pure
        columns = {
            name: list(
                fill(
                    argument,
                    values.__getitem__,
                    lambda count: item_labels(label, count, equal),
                )
            )
            for name, argument in step.iterables
        }
        lengths = {len(column) for column in columns.values()}
        self._see("map lazy" if list(source_refs(step)) else "map static")
        if len(lengths) > 1:
            return self._fail("ValueError")
        options = _per_item(step.options, values)
        call = Call(step.task, inner=step.inner, options=options)
        items = [
            self._item(call, dict(zip(columns, row, strict=True)), ends)
            for row in zip(*columns.values(), strict=True)
        ]
        if not items:
            self._see("map empty")
        if any(isinstance(item, Failed) for item in items):
            return Failed()
        return Done([item.value for item in items], ends.union(*[item.ends for item in items]))

    def _item(self, call: Call, kwargs: dict[str, Any], ends: Ends) -> Any:
        self._enter(SUBGRAPH)
        self._see("map item")
        self._see_options(call, " on items")
        at = kwargs.pop("at")
        return self._call(Bound(call, at, *_bound(call.task, (), kwargs)), ends, SUBGRAPH)[0]

    # -- calls ------------------------------------------------------------------------------------

    def _step_call(
        self, frame: Frame, index: int, step: Call, values: dict[int, Any], ends: Ends
    ) -> Result:
        args = tuple(fill(argument, values.__getitem__) for argument in step.args)
        kwargs = {name: fill(argument, values.__getitem__) for name, argument in step.kwargs}
        options = _per_item(step.options, values)
        if step.task == "again":
            assert frame.loop is not None, "again stands in a loop"
            at = frame.loop.at
            args = (frame.loop.n, *args)
            call = Call(frame.loop.task, inner=frame.loop.inner, options=options)
        else:
            at = frame.label(index)
            call = Call(step.task, inner=step.inner, options=options)
        bound = Bound(call, at, *_bound(call.task, args, kwargs))
        role = frame.role if index == frame.target else NODE
        result, attempts = self._call(bound, ends, role)
        if attempts:
            frame.first_attempts[index] = attempts[0]
        return result

    def _call(self, bound: Bound, ends: Ends, role: Role) -> tuple[Done | Failed, list[Attempt]]:
        """Reuse the value of a call, or execute it and run what it returns to a value.

        Args:
            bound: The call.
            ends: What must have ended before.
            role: What it is run for.

        Returns:
            What it came to, and its attempts if it was executed.
        """
        call = bound.call
        key = bound.content()
        if key is None:
            if TASKS[call.task].pure or call.options.cache is not None:
                self._see("uncacheable")
            return self._made(bound, ends, role)
        cache = self._cache(call) if role.has_policy else {}
        if TASKS[call.task].pure and key in self._memo:
            known, attempts = self._memo[key]
            for attempt in attempts:
                attempt.is_shared = True
            self._reuse(call, "pure reuse")
            cache[key] = known.value
            return Done(known.value, known.ends | ends), []
        if key in cache:
            self._reuse(call, "cache hit")
            result: Done | Failed = Done(cache[key], ends)
            attempts = []
        else:
            result, attempts = self._made(bound, ends, role)
        if isinstance(result, Done):
            cache[key] = result.value
            self._memo[key] = result, attempts
        return result, attempts

    def _cache(self, call: Call) -> dict[Any, Any]:
        cache = call.options.cache
        return {} if cache is None or cache == BROKEN_CACHE else self._caches[cache]

    def _reuse(self, call: Call, feature: str) -> None:
        self._work.reuses[call.task] += 1
        self._see(feature)

    def _made(self, bound: Bound, ends: Ends, role: Role) -> tuple[Done | Failed, list[Attempt]]:
        attempts, failure = self._execute(bound, ends)
        if failure is not None:
            self._work.failures.append(failure)
            return Failed(), attempts
        return self._come_to(bound, frozenset(attempts[-1:]), role), attempts

    def _execute(self, bound: Bound, ends: Ends) -> tuple[list[Attempt], Failure | None]:
        """All attempts, and how the last one failed if it did."""
        task, options = bound.call.task, bound.call.options
        if any(amount > CAPACITIES[name] for name, amount in options.amounts):
            return [], Failure("ConstraintError")
        retry = options.retry or Retry(1)
        attempts: list[Attempt] = []
        while True:
            attempt = Attempt(bound.mark, self._work.iterations, ends, dict(options.amounts))
            attempts.append(attempt)
            ends = frozenset({attempt})
            failure = self._failure(bound)
            if failure is None or len(attempts) == retry.max_attempts:
                break
            delay = retry.delay * retry.backoff ** (len(attempts) - 1)
            self._work.delays[task, len(attempts), round(delay, 9)] += 1
            self._see("retried")
        self._work.attempts += attempts
        self._work.executions[task, len(attempts)] += 1
        return attempts, failure

    def _failure(self, bound: Bound) -> Failure | None:
        """How an attempt fails, if it does."""
        call, at, args, kwargs = bound
        does = TASKS[call.task].does
        if does == "boom":
            kind = "LookupError" if TASKS[call.task].is_async else "ValueError"
            return Failure(kind, f"boom {checksum(call.task, args, kwargs)}")
        if does == "moody" and MOODS[args[0]] == "boom":
            return Failure("ValueError", f"moody {checksum('moody', args[1:], kwargs)}")
        if does not in ("flaky", "hang"):
            return None
        fails, *rest = args
        tried = f"{call.task}{at}{fails}{rest}"
        self._tries[tried] += 1
        if self._tries[tried] % (fails + 1) == 0:
            return None
        if does == "hang":
            assert call.options.timeout == HANG, "or it would wait for ever"
            self._see("timeout fired")
            return Failure("TimeoutError", f"task 'hang' did not end within {HANG} s")
        return Failure("ValueError", f"{call.task} {checksum(call.task, tuple(rest), {})}")

    def _come_to(self, bound: Bound, ends: Ends, role: Role) -> Done | Failed:
        """The value that a call returns, or that of the graph that it returns."""
        call, at, args, kwargs = bound
        does = TASKS[call.task].does
        inner_role = SUBGRAPH if role == NODE else role._replace(has_policy=False)
        prefix = inner_prefix(call.task, at, args, kwargs)
        if does == "moody":
            self._see(f"moody: {MOODS[args[0]]}")
        if does == "enter" or (does == "moody" and MOODS[args[0]] == "graph"):
            self._see("next target" if inner_role.is_iteration else "sub-graph")
            return self._graph(call.inner[0], prefix, inner_role, base=ends)
        if does == "spin":
            spun = checksum(call.task, (self._spun[at], *args), kwargs)
            self._spun[at] = spun
            if not args[0]:
                return Done(spun, ends)
        if does in ("loop", "spin") and args[0]:
            self._see("loop iteration" if inner_role.is_iteration else "sub-graph loop")
            number = inner_number(args[0], len(call.inner))
            loop = Loop(call.task, at, call.inner, args[0] - 1)
            return self._graph(call.inner[number], f"{prefix}{number}:", inner_role, loop, ends)
        return Done(bound.returned(), ends)

    # -- notes ------------------------------------------------------------------------------------

    def _fail(self, kind: str, text: str | None = None) -> Failed:
        self._work.failures.append(Failure(kind, text))
        return Failed()

    def _see(self, feature: str) -> None:
        self._work.features[feature] += 1

    def _see_options(self, step: Any, where: str = "") -> None:
        options = step.options
        if isinstance(step, Map):
            options = Options(after=options.after, run_if=options.run_if)
        if isinstance(step, Call) and any(isinstance(a, Quoted) for a in step.args):
            self._see("quote")
        for name in ("after", "run_if", "retry", "timeout", "cache", "amounts"):
            if getattr(options, name) not in (None, ()):
                self._see(f"{name}{where}")
        if any(isinstance(amount, Ref) for _, amount in options.amounts):
            self._see("lazy amounts")
        if isinstance(options.run_if, Ref):
            self._see("lazy condition")


NEEDS = {"run_both": ("run_sync", "run_async"), "turn_both": ("turn_sync", "run_both")}
"""The resources that resources need."""


SIGNATURES: dict[str, tuple[tuple[tuple[str, Any], ...], dict[str, Any]]] = {
    "twin": ((("a", 0), ("b", 0), ("c", 0)), {"k": 0, "m": 0}),
    "loop": ((("n", None), ("value", None)), {}),
    "spin": ((("n", None), ("value", None)), {"k": 0}),
    "flaky": ((("fails", None),), {}),
    "hang": ((("fails", None),), {}),
    "same": ((("value", None),), {}),
}
"""Positional parameters and keyword-only ones, with defaults, of tasks that name them."""


def _bound(task: str, args: tuple[Any, ...], kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as Python would bind them."""
    kwargs = dict(kwargs)
    named = task if task == "twin" else TASKS[task].does
    positional, keyword_only = SIGNATURES.get(named, ((), {}))
    for name, default in positional[len(args) :]:
        args = (*args, kwargs.pop(name, default))
    return args, keyword_only | kwargs


def _per_item(options: Options, values: dict[int, Any]) -> Options:
    """The options that hold for each item of a map, amounts as values."""
    amounts = tuple((name, fill(a, values.__getitem__)) for name, a in options.amounts)
    return Options(
        retry=options.retry, timeout=options.timeout, cache=options.cache, amounts=amounts
    )


def _typed(value: Any) -> Any:
    if isinstance(value, dict | OrderedDict):
        return type(value), tuple((_typed(k), _typed(v)) for k, v in value.items())
    if isinstance(value, list | tuple | Point):
        return type(value), tuple(map(_typed, value))
    if isinstance(value, Opaque):
        raise TypeError("has no stable encoding")
    return type(value), value


def _kind_of(frame: Frame, argument: Any) -> str:
    if not isinstance(argument, Ref):
        return "data"
    step = frame.steps[argument.index]
    return "Param" if isinstance(step, Param) else "lazy"


def _siblings(frame: Frame) -> Iterator[list[Attempt]]:
    """For each call, those of its arguments that wait for nothing and have no other user."""
    users = Counter(
        source
        for index in frame.reached(through_all_routes=True)
        for source in set(all_refs(frame.steps[index]))
    )
    for index in frame.first_attempts:
        leaves = [
            source
            for source in dict.fromkeys(source_refs(frame.steps[index]))
            if users[source] == 1
            and isinstance(frame.steps[source], Call)
            and not list(wait_refs(frame.steps[source]))
            and source in frame.first_attempts
        ]
        if len(leaves) > 1:
            yield [frame.first_attempts[leaf] for leaf in leaves]
