"""The conformance checks: what keeps its promises passes, what breaks one is told which."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import operator
import pickle
import re
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from graphlib import TopologicalSorter
from multiprocessing import get_context

import pytest
from fakes import FixedSolver, RecordingExecutor, WholePlanExecutor

import cascade_core as cs
from cascade_core.caching import MISSING, MemoryCache
from cascade_core.testing import check_cache_policy, check_executor, check_solver

CHECKS = {
    "solver": (check_solver, cs.NativeSolver),
    "executor": (check_executor, cs.LocalExecutor),
    "policy": (check_cache_policy, MemoryCache),
}


def refusal(check, part, **options):
    """The message of a check that fails."""
    with pytest.raises(AssertionError) as caught:
        check(part, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("broken promise: a")
    return message


# -- all checks -----------------------------------------------------------------------------------


@pytest.fixture(params=CHECKS)
def check_and_make(request):
    return CHECKS[request.param]


@pytest.mark.slow
def test_check_returns_nothing_and_can_be_repeated(check_and_make):
    check, make = check_and_make
    part = make()

    assert check(part) is None
    assert check(make()) is None


@pytest.mark.slow
def test_check_makes_a_part_of_a_class_or_function(check_and_make):
    check, make = check_and_make

    check(make)
    check(lambda: make())


async def test_check_works_where_an_event_loop_runs(check_and_make):
    check, make = check_and_make

    check(make())

    assert await asyncio.sleep(0, "the loop goes on") == "the loop goes on"


def test_check_leaves_no_thread_behind(check_and_make):
    check, make = check_and_make
    before = threading.active_count()

    check(make())

    assert threading.active_count() == before


def test_check_refuses_what_is_no_such_part(check_and_make):
    check, _ = check_and_make

    assert "has the methods of its protocol; given 3: expected" in refusal(check, 3)
    assert "got <object object" in refusal(check, object)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True])
def test_check_refuses_a_timeout_that_is_none(check_and_make, timeout):
    check, make = check_and_make

    with pytest.raises(ValueError, match="timeout must be a number of seconds > 0, got"):
        check(make(), timeout=timeout)


def test_factory_that_raises_is_told(check_and_make):
    check, _ = check_and_make

    def make():
        raise OSError("no room")

    message = refusal(check, make)

    assert message.endswith("but it raised OSError('no room')")


def test_part_sees_the_context_of_the_caller():
    variable = contextvars.ContextVar("variable", default="unset")
    seen = set()

    def resolve(graph):
        seen.add(variable.get())
        return cs.NativeSolver().resolve(graph)

    variable.set("set")
    check_solver(FixedSolver(resolve))

    assert seen == {"set"}


def test_exception_of_the_part_is_the_cause():
    def resolve(graph):
        raise KeyError(graph.root)

    with pytest.raises(AssertionError) as caught:
        check_solver(FixedSolver(resolve))

    assert isinstance(caught.value.__cause__, KeyError)


def test_assertion_of_the_part_is_told_as_its_breach():
    def resolve(graph):
        assert len(graph.nodes) < 3, "too\nlarge"

        return cs.NativeSolver().resolve(graph)

    message = refusal(check_solver, FixedSolver(resolve))

    assert "given a chain of three (3 nodes)" in message
    assert "but it raised AssertionError(" in message


def test_value_without_a_repr_is_told_all_the_same():
    class Silent:
        def __repr__(self):
            raise RuntimeError

    assert "got <Silent instance at" in refusal(check_solver, FixedSolver(lambda graph: Silent()))


def test_exit_of_the_part_does_not_end_the_process():
    def leave(graph):
        raise SystemExit(3)

    assert "but it raised SystemExit(3)" in refusal(check_solver, FixedSolver(leave))


def test_blocked_thread_is_given_up_and_stops_when_it_can():
    release = threading.Event()
    asked = itertools.count()

    def resolve(graph):
        next(asked)
        release.wait()
        return cs.NativeSolver().resolve(graph)

    message = refusal(check_solver, FixedSolver(resolve), timeout=0.2)
    (left,) = [thread for thread in threading.enumerate() if thread.name == "check of a solver"]
    release.set()
    left.join()

    assert message.endswith("but nothing came within 0.2 s")
    assert next(asked) == 1


@pytest.mark.slow
def test_task_that_keeps_the_loop_from_closing_is_told():
    class Clinging(Dict):
        task = None
        release = False

        async def get(self, key):
            self.task = self.task or asyncio.create_task(self._cling())
            return await super().get(key)

        async def _cling(self):
            while not self.release:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.001)

    policy = Clinging()
    message = refusal(check_cache_policy, policy, timeout=0.5)
    policy.release = True

    assert "keeps no event loop from closing" in message


# -- solvers --------------------------------------------------------------------------------------


class GraphlibSolver:
    """A user's solver, in a line."""

    def resolve(self, graph):
        sorter = TopologicalSorter({p: n.dependencies for p, n in enumerate(graph.nodes)})
        return cs.Plan((tuple(sorter.static_order()),))


class LastFirst:
    """Another, that follows dependencies from the target."""

    def resolve(self, graph):
        order, stack = {}, [graph.root]
        while stack:
            waiting = [d for d in graph.nodes[stack[-1]].dependencies if d not in order]
            if waiting:
                stack.append(waiting[-1])
            else:
                order[stack.pop()] = None
        rest = [p for stage in cs.NativeSolver().resolve(graph).stages for p in stage]
        return cs.Plan(tuple((p,) for p in dict.fromkeys([*order, *rest])))


@pytest.mark.parametrize("solver", [cs.NativeSolver(), GraphlibSolver(), LastFirst()])
def test_solver_that_keeps_its_promises_passes(solver):
    check_solver(solver)


def native(graph):
    return [list(stage) for stage in cs.NativeSolver().resolve(graph).stages]


def plan(stages):
    return cs.Plan(tuple(map(tuple, stages)))


def misses(graph):
    stages = native(graph)
    del stages[0][1:]
    return plan(stages)


def repeats(graph):
    stages = native(graph)
    return plan([*stages, stages[-1]] if len(stages) > 1 else stages)


def misorders(graph):
    return plan(native(graph)[::-1])


def misorders_long_chains_only(graph):
    stages = native(graph)
    return plan(stages if len(stages) < 1_000 else [stages[1], stages[0], *stages[2:]])


def goes_beyond(graph):
    return plan([*native(graph), [len(graph.nodes)]])


def gives_stages(graph):
    return tuple(map(tuple, native(graph)))


def gives_lists(graph):
    return cs.Plan(native(graph))


def gives_an_iterator(graph):
    return cs.Plan(iter(native(graph)))


def follows_data_only(graph):
    dependencies = {position: [] for position in range(len(graph.nodes))}
    for edge in graph.edges:
        if edge.kind == "data":
            dependencies[edge.target].append(edge.source)
    return cs.Plan((tuple(TopologicalSorter(dependencies).static_order()),))


async def is_async(graph):
    return plan(native(graph))


def raises(graph):
    raise RuntimeError("no plan today")


def recurses(graph):
    order = {}

    def visit(position):
        for dependency in graph.nodes[position].dependencies:
            if dependency not in order:
                visit(dependency)
        order[position] = None

    visit(graph.root)
    return cs.Plan((tuple(order),))


def walks_every_path(graph):
    order = {}
    stack = [graph.root]
    while stack:
        position = stack.pop()
        order.pop(position, None)
        order[position] = None
        stack.extend(graph.nodes[position].dependencies)
        if release_walkers.is_set():
            break
    return cs.Plan((tuple(reversed(order)),))


release_walkers = threading.Event()


def sorts_nodes(graph):
    answer = plan(native(graph))
    graph.nodes = graph.nodes[::-1]
    return answer


def cuts_dependencies(graph):
    for node in graph.nodes:
        node.dependencies = ()
    return plan([range(len(graph.nodes))])


def moves_the_root(graph):
    graph.root = len(graph.nodes) - 1
    return plan(native(graph))


class Changing:
    """Answers otherwise each time, and always well."""

    def __init__(self):
        self._reverse = itertools.cycle([False, True])

    def resolve(self, graph):
        step = -1 if next(self._reverse) else 1
        return plan([stage[::step] for stage in native(graph)])


class Remembering:
    """Keeps what it made of an earlier graph of the same size."""

    def __init__(self):
        self._plans = {}

    def resolve(self, graph):
        return self._plans.setdefault(len(graph.nodes), plan(native(graph)))


class Tiring:
    """Plans each structure twice; the third time an engine asks."""

    def __init__(self):
        self._asked = Counter()

    def resolve(self, graph):
        self._asked[graph.structure.digest] += 1
        if self._asked[graph.structure.digest] > 2:
            raise RuntimeError("tired")
        return plan(native(graph))


BROKEN_SOLVERS = {
    "misses": (
        misses,
        "plans each node once.* given a fan-in of ten .* plan misses 'combine' .position 2.",
    ),
    "repeats": (repeats, "plans each node once.* chain of three .* repeats 'combine' .position 0."),
    "misorders": (misorders, r"plans each node once.* 'combine' \(position 0\) before its depend"),
    "misorders some": (misorders_long_chains_only, r"plans each.*a chain of 2,000 \(2000 nod"),
    "misorders routes": (follows_data_only, "plans each .*given calls after others .* before its "),
    "unknown": (goes_beyond, r"plans each node once.*one node .*unknown positions \[1\]"),
    "no plan": (gives_stages, r"returns a Plan; .*one node .*got \(\(0,\),\)$"),
    "nothing": (lambda graph: None, r"returns a Plan; .* got None$"),
    "lists": (gives_lists, r"returns a Plan; .* stages are a tuple of tuples, got Plan\("),
    "an iterator": (gives_an_iterator, r"returns a Plan; .* got Plan\("),
    "async": (is_async, r"returns a Plan; .* got <coroutine object"),
    "raises": (raises, r"returns a Plan; .* raised RuntimeError\('no plan today'\)$"),
    "recurses": (recurses, r"returns a Plan; .*a chain of 2,000 .* raised RecursionError"),
    "changes nodes": (sorts_nodes, r"leaves its graph as it was; .*changed dependencies"),
    "changes edges": (cuts_dependencies, r"leaves its graph as it was; .* changed dependencies$"),
    "changes the root": (moves_the_root, r"leaves its graph as it was; .* changed root$"),
    "changes its mind": (Changing().resolve, r"gives equal graphs equal plans; .* got Plan\("),
    "takes one for another": (Remembering().resolve, r"plans each node once, .*position"),
    "tires": (Tiring().resolve, r"leads an engine to the right value; .*RuntimeError\('tired'\)"),
}


@pytest.mark.parametrize(("resolve", "message"), BROKEN_SOLVERS.values(), ids=BROKEN_SOLVERS)
def test_solver_that_breaks_a_promise_is_told_which(resolve, message):
    assert re.search(f"a solver {message}", refusal(check_solver, FixedSolver(resolve)))


@pytest.mark.slow
def test_solver_that_walks_every_path_is_told_the_graph():
    message = refusal(check_solver, FixedSolver(walks_every_path), timeout=0.5)
    release_walkers.set()

    assert "given a ladder of 100 rungs" in message
    assert message.endswith("but nothing came within 0.5 s")


# -- executors ------------------------------------------------------------------------------------


class Local:
    """What ``LocalExecutor`` does, to be made worse."""

    async def execute(self, node, args, kwargs):
        result = node.task.fn(*args, **kwargs)
        return await result if asyncio.iscoroutine(result) else result


class Threads(Local):
    """A user's executor: tasks that ask for it run in a thread."""

    places = frozenset({"thread"})

    async def execute(self, node, args, kwargs):
        if node.task.run_on == "local" or node.task.is_async:
            return await super().execute(node, args, kwargs)
        return await asyncio.to_thread(node.task.fn, *args, **kwargs)


class Processes(Local):
    """A user's executor: sync tasks run in other processes."""

    places = frozenset({"process"})

    def __init__(self, pool):
        self._pool = pool

    async def execute(self, node, args, kwargs):
        if node.task.is_async:
            return await super().execute(node, args, kwargs)
        loop = asyncio.get_running_loop()
        call = operator.methodcaller("fn", *args, **kwargs)
        return await loop.run_in_executor(self._pool, call, node.task)


@pytest.mark.parametrize(
    "executor",
    [
        cs.LocalExecutor(),
        RecordingExecutor(),
        RecordingExecutor(places=frozenset({"process", "cluster"})),
        WholePlanExecutor(),
        Local(),
        Threads(),
    ],
)
def test_executor_that_keeps_its_promises_passes(executor):
    check_executor(executor)


@pytest.mark.slow
def test_executor_of_other_processes_passes():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        check_executor(Processes(pool), in_process=False, timeout=30)


@pytest.mark.slow
@pytest.mark.parametrize("executor", [cs.LocalExecutor(), WholePlanExecutor()])
def test_executor_passes_without_what_only_one_process_can_do(executor):
    check_executor(executor, in_process=False)


def test_each_place_is_asked_for():
    executor = RecordingExecutor(places=frozenset({"thread", "cluster"}))
    seen = set()
    execute = executor.execute

    async def spy(node, args, kwargs):
        seen.add((node.task.run_on, node.name))
        return await execute(node, args, kwargs)

    executor.execute = spy
    check_executor(executor)

    assert {place for place, _ in seen} == {"local", "thread", "cluster"}
    for name in ("collect", "collect_later", "echo", "echo_later", "fail", "fail_later"):
        assert {place for place, other in seen if other == name} >= {"thread", "cluster"}


class DropsKeywords(Local):
    async def execute(self, node, args, kwargs):
        return await super().execute(node, args, {})


class SwallowsOneKeyword(Local):
    async def execute(self, node, args, kwargs):
        return await super().execute(node, args, {k: v for k, v in kwargs.items() if k != "key"})


class ReversesArguments(Local):
    async def execute(self, node, args, kwargs):
        return await super().execute(node, args[::-1], kwargs)


class SortsKeywords(Local):
    async def execute(self, node, args, kwargs):
        return await super().execute(node, args, dict(sorted(kwargs.items())))


class SwallowsExceptions(Local):
    async def execute(self, node, args, kwargs):
        try:
            return await super().execute(node, args, kwargs)
        except Exception:
            return None


class ReturnsExceptions(Local):
    async def execute(self, node, args, kwargs):
        try:
            return await super().execute(node, args, kwargs)
        except Exception as error:
            return error


class WrapsExceptions(Local):
    async def execute(self, node, args, kwargs):
        try:
            return await super().execute(node, args, kwargs)
        except Exception as error:
            raise RuntimeError("task failed") from error


class RaisesReturnedExceptions(Local):
    async def execute(self, node, args, kwargs):
        result = await super().execute(node, args, kwargs)
        if isinstance(result, Exception):
            raise result
        return result


class Serialises(Local):
    def __init__(self):
        self._locks = {}

    async def execute(self, node, args, kwargs):
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            return await super().execute(node, args, kwargs)


class TakesNoneForNothing(Local):
    async def execute(self, node, args, kwargs):
        result = await super().execute(node, args, kwargs)
        return "done" if result is None else result


class TakesFalsyForNothing(Local):
    async def execute(self, node, args, kwargs):
        return await super().execute(node, args, kwargs) or None


class Hangs(Local):
    async def execute(self, node, args, kwargs):
        await asyncio.Event().wait()


class BreaksAfterCancellation(Local):
    _broken = False

    async def execute(self, node, args, kwargs):
        if self._broken:
            raise RuntimeError("shut down")
        try:
            return await super().execute(node, args, kwargs)
        except asyncio.CancelledError:
            self._broken = True
            raise


class SwallowsCancellation(Local):
    async def execute(self, node, args, kwargs):
        try:
            return await super().execute(node, args, kwargs)
        except asyncio.CancelledError:
            return None


class TurnsCancellationIntoAnError(Local):
    async def execute(self, node, args, kwargs):
        try:
            return await super().execute(node, args, kwargs)
        except asyncio.CancelledError as error:
            raise TimeoutError from error


class ResistsCancellation(Local):
    async def execute(self, node, args, kwargs):
        task = asyncio.ensure_future(super().execute(node, args, kwargs))
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.sleep(0.4)
                task.cancel()
            except Exception:
                break
        return task.result()


class LeavesTasksRunning(Local):
    async def execute(self, node, args, kwargs):
        return await asyncio.shield(super().execute(node, args, kwargs))


class NeverBegins(Local):
    async def execute(self, node, args, kwargs):
        if node.name == "hold":
            return None
        return await super().execute(node, args, kwargs)


class BelongsToItsFirstLoop(Local):
    _loop = None

    async def execute(self, node, args, kwargs):
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        coroutine = super().execute(node, args, kwargs)
        if self._loop.is_closed():
            coroutine.close()
        return await self._loop.create_task(coroutine)


class ServesOneLoopOnly(Local):
    """Single calls work in a second loop; two at once do not."""

    def __init__(self):
        self._slots = asyncio.Semaphore(7)

    async def execute(self, node, args, kwargs):
        async with self._slots:
            return await super().execute(node, args, kwargs)


class IsSync:
    def execute(self, node, args, kwargs):
        return node.task.fn(*args, **kwargs)


class AwaitsNothing:
    async def execute(self, node, args, kwargs):
        return node.task.fn(*args, **kwargs)


class AwaitsAsyncTasksOnly:
    async def execute(self, node, args, kwargs):
        result = node.task.fn(*args, **kwargs)
        return await result if node.task.is_async else result


class Copies(Local):
    async def execute(self, node, args, kwargs):
        if node.name in ("meet", "hold"):
            return await super().execute(node, args, kwargs)
        return await super().execute(node, pickle.loads(pickle.dumps(args)), kwargs)


class RemembersValues(Local):
    def __init__(self):
        self._values = {}

    async def execute(self, node, args, kwargs):
        if node.name == "combine":
            if node.id not in self._values:
                self._values[node.id] = await super().execute(node, args, kwargs)
            return self._values[node.id]
        return await super().execute(node, args, kwargs)


class RunsCalls(Local):
    async def execute(self, node, args, kwargs):
        result = await super().execute(node, args, kwargs)
        return await cs.Engine().run(result) if type(result) is cs.LazyResult else result


class UnpacksTailCalls(Local):
    async def execute(self, node, args, kwargs):
        result = await super().execute(node, args, kwargs)
        return result.lazy() if type(result) is cs.TailCall else result


class PlacesInAString(Local):
    places = "thread"


class UnknownPlaces(Local):
    places = frozenset({"gpu"})


class SpoilsItsPlace(Local):
    places = frozenset({"cluster"})

    async def execute(self, node, args, kwargs):
        kwargs = {} if node.task.run_on == "cluster" else kwargs
        return await super().execute(node, args, kwargs)


class TiresAfterFailure(Local):
    _failures = 0

    async def execute(self, node, args, kwargs):
        try:
            result = await super().execute(node, args, kwargs)
        except Exception:
            self._failures += 1
            raise
        return result if self._failures < 12 else None


BROKEN_EXECUTORS = {
    "drops keywords": (
        DropsKeywords,
        r"passes all arguments on, in order; given execute\(collect, \[\], {'k': 1}\): "
        r"expected \[\[\], \[\('k', 1\)\]\], got \[\[\], \[\]\]$",
    ),
    "swallows a keyword": (SwallowsOneKeyword, "passes all arguments on, .*'key': 'k'"),
    "reverses arguments": (ReversesArguments, r"passes all .*expected \[\[1, 'two', None\]"),
    "sorts keywords": (SortsKeywords, "passes all arguments on, .*{'b': 1, 'a': None}"),
    "swallows exceptions": (
        SwallowsExceptions,
        r"raises the task's exception as itself; given execute\(fail, \['own'\], {}\): "
        r"expected Failure\('boom', 7\) raised, got None$",
    ),
    "returns exceptions": (ReturnsExceptions, r"raises the task's .*, got Failure\('boom', 7\)$"),
    "wraps exceptions": (WrapsExceptions, r"raises the task's .*raised RuntimeError\('task failed"),
    "raises values": (RaisesReturnedExceptions, r"returns the task's value .*raised ValueError"),
    "turns None into something": (
        TakesNoneForNothing,
        r"returns the task's value as it is; given execute\(echo, \[None\], {}\): "
        r"expected None, got 'done'$",
    ),
    "turns False into None": (TakesFalsyForNothing, "returns the .*expected False, got None$"),
    "breaks after cancellation": (
        BreaksAfterCancellation,
        r"runs several calls after a call was cancelled; .*raised RuntimeError\('shut down'\)$",
    ),
    "swallows cancellation": (
        SwallowsCancellation,
        "raises CancelledError when it is cancelled; given an async task, cancelled while it runs: "
        "expected CancelledError, got None$",
    ),
    "turns cancellation into an error": (
        TurnsCancellationIntoAnError,
        r"raises CancelledError .*but it raised TimeoutError\(\)$",
    ),
    "never begins": (NeverBegins, "begins a call that is awaited; .*but it does not$"),
    "first loop only": (BelongsToItsFirstLoop, "runs several calls in a second event loop; "),
    "loop of a lock": (ServesOneLoopOnly, "runs .*in a second event loop; .*RuntimeError.*loop"),
    "sync": (IsSync, r"has an async execute; .*expected an awaitable, got 1$"),
    "awaits nothing": (AwaitsNothing, r"passes all .*\(collect_later, .* got <coroutine object"),
    "awaits too little": (AwaitsAsyncTasksOnly, "awaits what a sync task around an async one giv"),
    "copies": (Copies, "passes objects of its own process on; .*but another came$"),
    "remembers": (RemembersValues, "gives an engine what LocalExecutor gives; "),
    "runs calls": (RunsCalls, r"hands a call .*expected the lazy result echo\(3\), got 3$"),
    "unpacks tail calls": (UnpacksTailCalls, "hands a call .*the tail call .*got <LazyResult"),
    "places: str": (PlacesInAString, "names the places .*a set, of local, thread, .*got 'thread'$"),
    "places: unknown": (UnknownPlaces, "names the places .*got frozenset.*gpu"),
    "spoils a place": (SpoilsItsPlace, r"passes all .*{'k': 1}\) with run_on='cluster': expected"),
    "fails later": (TiresAfterFailure, "serves an engine after a failure too; .*got None$"),
}


@pytest.mark.parametrize(("make", "message"), BROKEN_EXECUTORS.values(), ids=BROKEN_EXECUTORS)
def test_executor_that_breaks_a_promise_is_told_which(make, message):
    assert re.search(f"an executor {message}", refusal(check_executor, make()))


def test_executor_that_hangs_is_told_what_it_was_asked():
    message = refusal(check_executor, Hangs(), timeout=0.2)

    assert "an executor has an async execute; given execute(echo, [1], {})" in message
    assert message.endswith("but nothing came within 0.2 s")


WAITED_FOR = {
    "serialises": (Serialises, "runs calls concurrently in .*but the second did not begin before"),
    "resists": (ResistsCancellation, "raises CancelledError .*but it goes on waiting$"),
    "leaves running": (LeavesTasksRunning, "ends a task whose .*but it goes on running$"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "message"), WAITED_FOR.values(), ids=WAITED_FOR)
def test_executor_that_keeps_the_check_waiting_is_told_which_promise(make, message):
    assert re.search(f"an executor {message}", refusal(check_executor, make(), timeout=1.2))


class IgnoresCancellation(Local):
    async def execute(self, node, args, kwargs):
        task = asyncio.ensure_future(super().execute(node, args, kwargs))
        while not task.done():
            with suppress(asyncio.CancelledError, Exception):
                await asyncio.shield(task)
        return task.result()


@pytest.mark.slow
def test_executor_elsewhere_must_let_go_of_a_cancelled_call():
    message = refusal(check_executor, IgnoresCancellation(), in_process=False)

    assert "raises CancelledError when it is cancelled" in message
    assert message.endswith("expected CancelledError, got 'slept'")


class ReversesInputs(WholePlanExecutor):
    async def execute_plan(self, graph, plan, inputs):
        return await super().execute_plan(graph, plan, inputs[::-1])


class KeepsInputs(WholePlanExecutor):
    """Keeps the first inputs of each structure, as a compiler that folds constants would."""

    def __init__(self):
        super().__init__()
        self._inputs = {}

    async def execute_plan(self, graph, plan, inputs):
        kept = self._inputs.setdefault(graph.structure.digest, inputs)
        return await super().execute_plan(graph, plan, kept)


class GivesEveryValue(WholePlanExecutor):
    async def execute_plan(self, graph, plan, inputs):
        return [await super().execute_plan(graph, plan, inputs)]


class IgnoresContainers(WholePlanExecutor):
    async def execute_plan(self, graph, plan, inputs):
        if any("['k']" in (edge.argument or "") for edge in graph.edges):
            raise NotImplementedError("containers")
        return await super().execute_plan(graph, plan, inputs)


class StagesAtOnce(WholePlanExecutor):
    """Takes the nodes of one stage for independent."""

    async def execute_plan(self, graph, plan, inputs):
        values = {}
        for stage in plan.stages:
            arguments = {p: graph.arguments(p, inputs, values) for p in stage}
            for position, (args, kwargs) in arguments.items():
                values[position] = await self.execute(graph.nodes[position], args, kwargs)
        return values[graph.root]


class WrapsFailedPlans(WholePlanExecutor):
    async def execute_plan(self, graph, plan, inputs):
        try:
            return await super().execute_plan(graph, plan, inputs)
        except Exception as error:
            raise RuntimeError("plan failed") from error


class RunsCallsOfPlans(WholePlanExecutor):
    async def execute_plan(self, graph, plan, inputs):
        result = await super().execute_plan(graph, plan, inputs)
        return await cs.Engine().run(result) if type(result) is cs.LazyResult else result


BROKEN_PLANS = {
    "reverses inputs": (ReversesInputs, "gives the value of a whole plan's target; "),
    "keeps inputs": (KeepsInputs, "gives the value of .*given the same with other data, in stages"),
    "gives too much": (GivesEveryValue, r"gives the value of .*got \[\[\[None, None, None\]"),
    "no containers": (IgnoresContainers, "gives .*given values inside containers.*NotImplem"),
    "stages": (StagesAtOnce, "gives the value of .*all in one stage: .* KeyError"),
    "wraps": (WrapsFailedPlans, r"raises the task's .*a whole plan: .*RuntimeError\('plan failed"),
    "runs calls": (RunsCallsOfPlans, r"hands a call .*a whole plan of expand\(3\): .*got 3$"),
}


@pytest.mark.parametrize(("make", "message"), BROKEN_PLANS.values(), ids=BROKEN_PLANS)
def test_executor_of_whole_plans_that_breaks_a_promise_is_told_which(make, message):
    assert re.search(f"an executor {message}", refusal(check_executor, make()))


# -- cache policies -------------------------------------------------------------------------------


class Files:
    """A user's policy: one file for each key."""

    def __init__(self, folder):
        self._folder = folder

    async def get(self, key):
        path = self._folder / key.hex()
        return pickle.loads(path.read_bytes()) if path.exists() else MISSING

    async def set(self, key, value):
        (self._folder / key.hex()).write_bytes(pickle.dumps(value))


class BoundToItsThread:
    """A user's policy that has to be made in the thread it is used in, as databases often have."""

    def __init__(self):
        self._thread = threading.get_ident()
        self._values = {}

    async def get(self, key):
        assert self._thread == threading.get_ident()
        return self._values.get(key, MISSING)

    async def set(self, key, value):
        assert self._thread == threading.get_ident()
        self._values[key] = value


@pytest.mark.parametrize(
    "policy",
    [MemoryCache(), MemoryCache(ttl=3_600), MemoryCache(max_entries=1), MemoryCache],
    ids=repr,
)
def test_policy_that_keeps_its_promises_passes(policy):
    check_cache_policy(policy)


def test_policy_of_files_passes(tmp_path):
    check_cache_policy(Files(tmp_path))


def test_policy_bound_to_its_thread_passes_as_a_class():
    check_cache_policy(BoundToItsThread)

    assert "it raised AssertionError" in refusal(check_cache_policy, BoundToItsThread())


class Dict:
    """A policy to be made worse."""

    def __init__(self):
        self._values = {}

    async def get(self, key):
        return self._values.get(key, MISSING)

    async def set(self, key, value):
        self._values[key] = value


class TakesNoneForMissing(Dict):
    async def get(self, key):
        value = await super().get(key)
        return MISSING if value is None else value


class GivesNoneForMissing(Dict):
    async def get(self, key):
        return self._values.get(key)


class RaisesForMissing(Dict):
    async def get(self, key):
        return self._values[key]


class Forgets(Dict):
    async def set(self, key, value):
        pass


class ForgetsOnceRead(Dict):
    async def get(self, key):
        return self._values.pop(key, MISSING)


class KeepsTheFirst(Dict):
    async def set(self, key, value):
        self._values.setdefault(key, value)


class KeepsTheOldest(Dict):
    async def set(self, key, value):
        if len(self._values) < 1_000 or key in self._values:
            await super().set(key, value)


class MapsKeys(Dict):
    """Files values under what a function makes of keys."""

    def __init__(self, name_of):
        super().__init__()
        self._name_of = name_of

    async def get(self, key):
        return await super().get(self._name_of(key))

    async def set(self, key, value):
        await super().set(self._name_of(key), value)


class LooksUpPrefixes(Dict):
    async def get(self, key):
        found = [k for k in self._values if k.startswith(key)]
        return self._values[found[0]] if found else MISSING


class RefusesToSet(Dict):
    async def set(self, key, value):
        pickle.loads(pickle.dumps(value))
        if isinstance(value, set):
            raise TypeError("sets are not serialisable")
        await super().set(key, value)


class GivesLists(Dict):
    async def get(self, key):
        value = await super().get(key)
        return list(value) if isinstance(value, tuple) else value


class GivesCopiesUnequal(Dict):
    async def get(self, key):
        value = await super().get(key)
        return value[:10] if isinstance(value, str) else value


class MergesEqualValues(Dict):
    """Keeps equal values once: True is 1."""

    def __init__(self):
        super().__init__()
        self._known = {}

    async def set(self, key, value):
        with suppress(TypeError):
            value = self._known.setdefault(value, value)
        await super().set(key, value)


class SyncGet(Dict):
    def get(self, key):
        return self._values.get(key, MISSING)


class SyncSet(Dict):
    def set(self, key, value):
        self._values[key] = value


class BelongsToOneLoop(Dict):
    """Its lock is bound to the loop in which two calls first met."""

    def __init__(self):
        super().__init__()
        self._lock = asyncio.Lock()

    async def set(self, key, value):
        async with self._lock:
            await asyncio.sleep(0)
            await super().set(key, value)


class StartsAnewInEachLoop(Dict):
    async def get(self, key):
        return self._values.get((asyncio.get_running_loop(), key), MISSING)

    async def set(self, key, value):
        self._values[asyncio.get_running_loop(), key] = value


class MixesWhatIsAskedAtOnce(Dict):
    async def get(self, key):
        self._asked = key
        await asyncio.sleep(0)
        return await super().get(self._asked)


class RefusesOnlyWhatAnEngineSets(Dict):
    """Fails as a policy may that works by itself: the engine logs that and runs on."""

    async def set(self, key, value):
        if value == "in one event loop":
            raise OSError("disk full")
        await super().set(key, value)


class KeepsTextForNone(Dict):
    async def get(self, key):
        value = await super().get(key)
        return "None" if value is None and len(key) == 32 else value


class Waits(Dict):
    async def get(self, key):
        await asyncio.Event().wait()


BROKEN_POLICIES = {
    "None is missing": (TakesNoneForMissing, "gives values back .*expected None, got MISSING$"),
    "missing is None": (
        GivesNoneForMissing,
        "has no value for an unknown key; given get of the unknown key b.*expected MISSING, "
        "got None$",
    ),
    "missing raises": (RaisesForMissing, r"has no value for an unknown key; .*raised KeyError\("),
    "forgets": (
        Forgets,
        r"keeps the value set last; given get of b'\\x00\\x00': expected 0, got MISS",
    ),
    "forgets once read": (ForgetsOnceRead, "keeps the value set last; .*got MISSING$"),
    "keeps the first": (KeepsTheFirst, r"keeps the value .*b'again': expected 'second', got 'fi"),
    "keeps the oldest": (KeepsTheOldest, "keeps the value set last; .*expected 1499, got MISSING$"),
    "prefix of keys": (lambda: MapsKeys(lambda key: key[:4]), "does not mix keys; .*, got "),
    "end of keys": (lambda: MapsKeys(lambda key: key[-4:]), "does not mix keys; .*, got "),
    "keys stripped": (lambda: MapsKeys(bytes.strip), "does not mix keys; .*, got "),
    "keys in lower case": (lambda: MapsKeys(bytes.lower), "does not mix .*of b'A', not set.*got "),
    "keys as text": (lambda: MapsKeys(bytes.decode), "raised UnicodeDecodeError"),
    "text that loses": (lambda: MapsKeys(lambda k: k.decode(errors="ignore")), "does not mix keys"),
    "keys as integers": (lambda: MapsKeys(int.from_bytes), "does not mix keys; "),
    "looks up prefixes": (LooksUpPrefixes, "does not mix keys; .*expected MISSING, got "),
    "refuses values": (RefusesToSet, r"takes a value; given set of b'value .*TypeError\('sets"),
    "changes types": (GivesLists, r"gives values back as they were; .*expected \(\), got \[\]$"),
    "cuts": (GivesCopiesUnequal, "gives values back as they were; .*, got '"),
    "merges": (MergesEqualValues, "gives values back as they were; .*expected False, got 0$"),
    "sync get": (SyncGet, "has an async get; .*expected an awaitable, got MISSING$"),
    "sync set": (SyncSet, "has an async set; .*expected an awaitable, got None$"),
    "first loop only": (BelongsToOneLoop, "does not mix keys in a second event .*RuntimeError"),
    "anew in each loop": (StartsAnewInEachLoop, "serves a second event loop; .*got MISSING$"),
    "asked at once": (MixesWhatIsAskedAtOnce, "does not mix keys in one event loop; "),
    "refuses engines": (
        RefusesOnlyWhatAnEngineSets,
        r"lets engines reuse a call in one event loop; given the second run of echo\(.*: "
        "expected 'in one event loop' and 1 reuses, got 'in one event loop' and 0 reuses$",
    ),
    "text for None": (KeepsTextForNone, "lets engines .*expected None and 1 reuses, got 'None' "),
    "no set": (lambda: type("Half", (), {"get": Dict.get})(), "has the methods .*'get' and 'set'"),
}


@pytest.mark.parametrize(("make", "message"), BROKEN_POLICIES.values(), ids=BROKEN_POLICIES)
def test_policy_that_breaks_a_promise_is_told_which(make, message):
    assert re.search(f"a cache policy .*{message}", refusal(check_cache_policy, make()))


def test_policy_that_hangs_is_told_what_it_was_asked():
    message = refusal(check_cache_policy, Waits(), timeout=0.2)

    assert "has no value for an unknown key" in message
    assert message.endswith("but nothing came within 0.2 s")
