"""The VM: tail calls with no lazy result, no graph and no lookup, and the same values."""

from __future__ import annotations

import asyncio

import pytest
from fakes import WholePlanExecutor

import cascade_core as cs


@cs.task
def noop(x=0):
    return x


@cs.task
def countdown(n):
    return "done" if n == 0 else countdown.tail(n - 1)


@cs.task
def even(n):
    return True if n == 0 else odd.tail(n - 1)


@cs.task
def odd(n):
    return False if n == 0 else even.tail(n - 1)


async def test_loop_on_the_vm_looks_up_once(engine):
    assert await engine.run(countdown(1_000), use_vm=True) == "done"

    stats = engine.stats
    assert (stats.iterations, stats.executions) == (1_001, 1_001)
    assert (stats.lookups, stats.resolves) == (1, 1)


async def test_warm_loop_on_the_vm_hits_once(engine):
    for _ in range(2):
        await engine.run(countdown(10), use_vm=True)

    assert (engine.stats.hits, engine.stats.misses) == (1, 1)


async def test_vm_and_graph_path_share_plans(engine):
    await engine.run(countdown(10))
    await engine.run(countdown(10), use_vm=True)

    assert engine.stats.resolves == 1


@pytest.mark.parametrize("n", [0, 1, 1_000, 1_001])
async def test_mutual_recursion_enters_each_task_once(engine, n):
    assert await engine.run(even(n), use_vm=True) == (n % 2 == 0)
    assert engine.stats.lookups == min(n + 1, 2)


async def test_nested_dependencies_are_compiled(engine):
    add = cs.task(lambda a, b: a + b)
    shared = noop(5)

    value = await engine.run(add(add(shared, noop(2)), [shared][0]), use_vm=True)

    assert value == 12


async def test_shared_node_is_compiled_and_run_once(engine):
    @cs.task
    def pair(a, b):
        return a, b

    fresh = cs.task(lambda: object())
    shared = fresh()

    a, b = await engine.run(pair([shared], {"k": shared}), use_vm=True)

    assert a[0] is b["k"]
    assert engine.plan_cache.entries()[0].source.count("= <lambda>()") == 1


async def test_first_graph_may_be_another_than_that_of_its_tail_calls(engine):
    @cs.task
    def loop(n, dep):
        return dep if n == 0 else loop.tail(n - 1, dep)

    assert await engine.run(loop(100, noop(7)), use_vm=True) == 7
    assert (engine.stats.lookups, engine.stats.resolves) == (2, 2)


async def test_tail_call_with_lazy_arguments_goes_on_on_the_graph_path(engine):
    @cs.task
    def loop(n, dep=None):
        return dep if n == 0 else loop.tail(n - 1, noop(n))

    assert await engine.run(loop(10), use_vm=True) == 1
    assert (engine.stats.iterations, engine.stats.lookups) == (11, 11)


async def test_returned_lazy_result_goes_on_on_the_graph_path(engine):
    @cs.task
    def start():
        return countdown(10)

    assert await engine.run(start(), use_vm=True) == "done"
    assert (engine.stats.iterations, engine.stats.lookups) == (12, 12)


async def test_tail_call_of_an_inner_node_is_a_sub_graph(engine):
    assert await engine.run(noop(countdown(10)), use_vm=True) == "done"
    assert engine.stats.iterations == 1


async def test_arguments_are_read_from_each_tail_call(engine):
    @cs.task
    def collect(n, seen, *, step=1, **extra):
        seen = [*seen, (n, step, extra)]
        return seen if n <= 0 else collect.tail(n - step, seen, step=step + 1, k=n)

    async with asyncio.timeout(5):
        value = await engine.run(collect(3, []), use_vm=True)

    assert value == [(3, 1, {}), (2, 2, {"k": 3}), (0, 3, {"k": 2})]


async def test_number_of_arguments_may_change_from_tail_call_to_tail_call(engine):
    @cs.task
    def shrink(n, *rest):
        return (n, rest) if n == 0 else shrink.tail(n - 1, *range(n - 1))

    assert await engine.run(shrink(3, 0, 0, 0), use_vm=True) == (0, ())
    assert (engine.stats.iterations, engine.stats.lookups) == (4, 4)


async def test_number_of_arguments_may_alternate_between_two(engine):
    @cs.task
    def swing(*values):
        n = values[0]
        return values if n == 0 else swing.tail(n - 1, *["x"] * (n % 2))

    assert await engine.run(swing(10), use_vm=True) == (0, "x")
    assert (engine.stats.iterations, engine.stats.lookups) == (11, 2)


async def test_containers_in_tail_calls_arrive_as_the_same_object(engine):
    @cs.task
    def loop(n, box):
        box.append(n)
        return box if n == 0 else loop.tail(n - 1, box)

    box = []

    assert await engine.run(loop(3, box), use_vm=True) is box
    assert box == [3, 2, 1, 0]


async def test_quoted_argument_of_a_tail_call_is_unwrapped(engine):
    @cs.task
    def loop(n, value=None):
        return value if n == 0 else loop.tail(n - 1, cs.quote([noop]))

    assert await engine.run(loop(2), use_vm=True) == [noop]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: countdown.tail(1, nope=2), "unexpected keyword argument 'nope'"),
        (lambda: countdown.tail(), "missing 1 required positional argument: 'n'"),
        (lambda: countdown.tail(1, 2), "takes 1 positional argument but 2 were given"),
        (lambda: countdown.tail(1, n=2), "multiple values for argument 'n'"),
    ],
)
async def test_tail_call_that_does_not_fit_fails_the_run(engine, call, message):
    bad = cs.task(lambda: call())

    with pytest.raises(TypeError, match=message):
        await engine.run(bad(), use_vm=True)


async def test_exception_comes_out_as_itself_with_a_note(engine):
    @cs.task
    def loop(n):
        return 1 / n if n == 0 else loop.tail(n - 1)

    with pytest.raises(ZeroDivisionError) as caught:
        await engine.run(loop(5), use_vm=True)
    assert caught.value.__notes__ == ["in task 'loop' at target"]


async def test_events_are_those_of_the_graph_path_but_for_lookups(engine, log):
    await engine.run(countdown(2), use_vm=True)

    assert log.kinds() == [
        "RunStarted",
        "PlanResolved",
        *["TaskStarted", "TaskFinished"] * 3,
        "RunFinished",
    ]


async def test_listener_that_comes_in_the_middle_of_a_loop_hears_the_rest(engine):
    heard = []

    @cs.task
    def loop(n):
        if n == 5:
            engine.bus.subscribe(cs.TaskStarted, lambda event: heard.append(event.task))
        return n if n == 0 else loop.tail(n - 1)

    await engine.run(loop(10), use_vm=True)

    assert heard == ["loop"] * 5


async def test_async_tasks_run_on_the_vm(engine):
    @cs.task
    async def loop(n):
        await asyncio.sleep(0)
        return "done" if n == 0 else loop.tail(n - 1)

    assert await engine.run(loop(50), use_vm=True) == "done"
    assert (engine.stats.iterations, engine.stats.lookups) == (51, 1)


async def test_executor_of_whole_plans_is_refused_before_anything_runs():
    engine = cs.Engine(executor=WholePlanExecutor())

    with pytest.raises(cs.BlueprintError, match="WholePlanExecutor takes whole plans"):
        await engine.run(noop(), use_vm=True)
    assert engine.stats.runs == 0


async def test_plan_dropped_from_the_cache_stays_good_for_the_run(engine):
    @cs.task
    def loop(n):
        engine.plan_cache.clear()
        return n if n == 0 else loop.tail(n - 1)

    assert await engine.run(loop(10), use_vm=True) == 0
    assert engine.stats.resolves == 1


async def test_task_with_a_lazy_default_goes_on_on_the_graph_path(engine):
    default = noop(9)

    @cs.task
    def loop(n, dep=default):
        return dep if n == 0 else loop.tail(n - 1)

    assert await engine.run(loop(3), use_vm=True) == 9


async def test_two_tasks_of_one_name_keep_their_own_blueprints(engine):
    def make(value, then):
        @cs.task
        def step(n):
            return [value] if n == 0 else then().tail(n - 1)

        return step

    one = make(1, lambda: two)
    two = make(2, lambda: one)

    assert [await engine.run(one(n), use_vm=True) for n in (4, 5)] == [[1], [2]]


# -- options and inputs ---------------------------------------------------------------------------


@cs.resource
def config():
    yield {"scale": 10}


@cs.resource(scope="iteration")
def table(c=cs.inject("config")):
    yield c["scale"]


OPTIONS = {
    "after": lambda: add(1, 1).after(add(2, 2), later(3)),
    "run_if": lambda: add(1, 1).run_if(later(1)),
    "skipped beside": lambda: add(1, 1).after(add(2, 2).run_if(False)),
    "skipped": lambda: add(add(1, 1).run_if(add(0, 0)), 1),
    "retry": lambda: failing_once()().with_retry(2),
    "retries used up": lambda: failing_once()().with_retry(1),
    "timeout": lambda: later(1).with_timeout(60),
    "cache": lambda: add(add(1, 1).with_cache(cs.MemoryCache()), 1),
    "constraints": lambda: add(later(1).with_constraints(gpu=add(0, 1)), 1),
    "impossible constraint": lambda: later(1).with_constraints(gpu=add(1, 1)),
    "map": lambda: add.map(a=[1, 2], b=later.map(x=[3, 4])),
    "select": lambda: cs.select(later("b"), {"a": add(1, 1), "b": add(2, 2)}),
    "unknown route": lambda: cs.select("c", {"a": add(1, 1)}),
    "param": lambda: add(cs.Param("p"), cs.Param("q", 5)),
    "missing param": lambda: add(cs.Param("nope"), 1),
    "env": lambda: add(cs.Env("NO_SUCH_VARIABLE", "x"), "y"),
    "inject": lambda: add(cs.inject("table"), cs.inject("table")),
    "pure": lambda: add(pure_add(1, 2), pure_add(1, 2)),
    "in a loop": lambda: options_in_a_loop(3),
}


def failing_once():
    calls = []

    @cs.task
    def flaky():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("once")
        return "ok"

    return flaky


@cs.task
def add(a, b):
    return a + b


@cs.task(pure=True)
def pure_add(a, b):
    return a + b


@cs.task
async def later(x):
    return x


@cs.task
def options_in_a_loop(n, value=None):
    if n == 0:
        return value
    return options_in_a_loop.tail(n - 1, add(cs.inject("table"), n).with_retry(2).run_if(n > 0))


async def outcome(target, use_vm):
    engine = cs.Engine(resources={"gpu": 1, "config": config, "table": table})
    try:
        value = await engine.run(target, {"p": 7}, use_vm)
    except Exception as error:
        value = type(error), str(error), getattr(error, "__notes__", [])
    counts = engine.stats.as_dict()
    return value, {
        name: counts[name] for name in ("iterations", "executions", "attempts", "reuses")
    }


@pytest.mark.parametrize("name", OPTIONS)
async def test_options_and_inputs_give_what_the_graph_path_gives(name):
    make = OPTIONS[name]

    assert await outcome(make(), use_vm=True) == await outcome(make(), use_vm=False)
