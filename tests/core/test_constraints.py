"""Constraints: what a call holds while it runs, who waits for it, and who is served first."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from fakes import EventLog
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ways import engine_of, run

import cascade_core as cs
from cascade_core.run.limits import Limits


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args):
    return args


@cs.task
def boom(*args):
    raise ValueError("boom")


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


class Usage:
    """A task that notes how much of what is in use while it runs."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.began: list[str] = []

    @cs.task
    async def use(self, name, **amounts):
        self.began.append(name)
        for resource, amount in amounts.items():
            self.held[resource] += amount
            self.peak[resource] = max(self.peak[resource], self.held[resource])
        for _ in range(3):
            await asyncio.sleep(0)
        for resource, amount in amounts.items():
            self.held[resource] -= amount
        return name

    def call(self, name, **amounts) -> cs.LazyResult:
        return self.use(name, **amounts).with_constraints(**amounts)


def blocked(log: EventLog) -> list[tuple[str, str]]:
    return [(event.task, event.reason) for event in log.of(cs.TaskBlocked)]


async def let_run(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class Gate:
    """Nodes that hold what they hold until they are told to go."""

    def __init__(self, engine: cs.Engine) -> None:
        self._engine = engine
        self.began: list[str] = []
        self.go: dict[str, asyncio.Event] = {}
        self.runs: dict[str, asyncio.Task] = {}

    @cs.task
    async def hold(self, name):
        self.began.append(name)
        await self.go[name].wait()
        return name

    async def start(self, name, **amounts) -> None:
        """Start a run of its own, and let it come as far as it can."""
        self.go[name] = asyncio.Event()
        call = self.hold(name).with_constraints(**amounts)
        self.runs[name] = asyncio.create_task(self._engine.run(call))
        await let_run()

    async def end(self, *names) -> None:
        for name in names:
            self.go[name].set()
        await let_run()

    async def end_all(self) -> None:
        for event in self.go.values():
            event.set()
        await asyncio.gather(*self.runs.values(), return_exceptions=True)


# -- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("capacity", "peak"), [(1, 1), (2, 2), (3, 3), (9, 4)])
async def test_no_more_run_at_once_than_the_capacity_allows(way, capacity, peak):
    usage = Usage()
    target = f(*[usage.call(name, gpu=1) for name in "abcd"])

    assert await run(way, target, resources={"gpu": capacity}) == ("a", "b", "c", "d")
    assert usage.peak["gpu"] == peak


async def test_calls_without_constraints_are_not_held_up(way):
    """The holder waits for the free one."""
    reached = asyncio.Event()

    @cs.task
    async def hold():
        await reached.wait()

    reach = cs.task(lambda: reached.set())

    async with asyncio.timeout(5):
        await run(way, f(hold().with_constraints(gpu=1), reach()), resources={"gpu": 1})


async def test_sync_calls_take_their_turn(way):
    running = []

    @cs.task
    def use(n):
        running.append(n)
        return n

    target = f(*[use(n).with_constraints(gpu=1) for n in range(4)])

    assert await run(way, target, resources={"gpu": 1}) == (0, 1, 2, 3)
    assert running == [0, 1, 2, 3]


async def test_amounts_add_up(way):
    usage = Usage()
    target = f(*[usage.call(str(n), memory=n) for n in (3, 5, 2, 4, 1)])

    await run(way, target, resources={"memory": 6})

    assert usage.peak["memory"] <= 6
    assert sorted(usage.began) == ["1", "2", "3", "4", "5"]


async def test_all_amounts_are_taken_at_once(way):
    """Each holding one and waiting for the other, they would wait for ever."""
    usage = Usage()
    crossed = [usage.call("ab", a=1, b=1), usage.call("ba", b=1, a=1)]
    target = f(*crossed, usage.call("a", a=1), usage.call("b", b=1))

    async with asyncio.timeout(5):
        await run(way, target, resources={"a": 1, "b": 1})

    assert usage.peak == {"a": 1, "b": 1}


async def test_waiting_call_holds_nothing():
    engine = cs.Engine(resources={"a": 1, "b": 1})
    gate = Gate(engine)

    await gate.start("b", b=1)
    await gate.start("both", a=1, b=1)
    free = engine.limits._held["a"]
    await gate.end_all()

    assert free == 0
    assert gate.began == ["b", "both"]


async def test_task_blocked_is_told_once_with_the_names(log_of_two):
    engine, log = log_of_two

    await engine.run(f(*[later().with_constraints(gpu=2, cpu=1, disk=0) for _ in range(3)]))

    assert blocked(log) == [("later", "constraint: cpu, gpu")] * 2


async def test_call_that_does_not_wait_tells_of_no_wait(log_of_two):
    engine, log = log_of_two

    await engine.run(f(later().with_constraints(gpu=1), later().with_constraints(gpu=1)))

    assert blocked(log) == []


async def test_call_is_blocked_before_it_is_started(log_of_two):
    engine, log = log_of_two

    second = cs.task(later.fn, name="second")

    await engine.run(f(later().with_constraints(gpu=2), second().with_constraints(gpu=2)))

    told = [(type(event).__name__, event.task) for event in log.of(cs.TaskBlocked | cs.TaskStarted)]
    assert told == [
        ("TaskStarted", "later"),
        ("TaskBlocked", "second"),
        ("TaskStarted", "second"),
        ("TaskStarted", "f"),
    ]


@pytest.fixture
def log_of_two() -> tuple[cs.Engine, EventLog]:
    engine = cs.Engine(resources={"gpu": 2, "cpu": 2, "disk": 1})
    return engine, EventLog(engine)


async def test_blocked_calls_are_no_executions_yet():
    engine = cs.Engine(resources={"gpu": 1})
    gate = Gate(engine)

    await gate.start("first", gpu=1)
    await gate.start("second", gpu=1)
    executions = engine.stats.executions
    await gate.end_all()

    assert executions == 1
    assert engine.stats.executions == 2


# -- who is served first --------------------------------------------------------------------------


async def test_first_come_first_served():
    engine = cs.Engine(resources={"gpu": 1})
    gate = Gate(engine)

    for name in "abcd":
        await gate.start(name, gpu=1)
    for name in "abcd":
        await gate.end(name)

    assert gate.began == ["a", "b", "c", "d"]


async def test_siblings_are_served_in_declaration_order(way):
    usage = Usage()
    names = [str(n) for n in range(10)]

    await run(way, f(*[usage.call(name, gpu=1) for name in names]), resources={"gpu": 1})

    assert usage.began == names


async def test_big_request_is_not_overtaken():
    """One of two is free, but big asked first."""
    gate = Gate(cs.Engine(resources={"gpu": 2}))

    await gate.start("holder", gpu=1)
    await gate.start("big", gpu=2)
    await gate.start("small", gpu=1)
    began = list(gate.began)
    await gate.end("holder")
    await gate.end("big")
    await gate.end_all()

    assert began == ["holder"]
    assert gate.began == ["holder", "big", "small"]


async def test_waiting_request_does_not_hold_up_an_unrelated_resource():
    gate = Gate(cs.Engine(resources={"gpu": 2, "cpu": 1}))

    await gate.start("holder", gpu=1)
    await gate.start("big", gpu=2)
    await gate.start("other", cpu=1)
    began = list(gate.began)
    await gate.end_all()

    assert began == ["holder", "other"]


async def test_several_are_served_when_one_gives_back():
    gate = Gate(cs.Engine(resources={"gpu": 3}))

    await gate.start("all", gpu=3)
    for name in "abcd":
        await gate.start(name, gpu=1)
    await gate.end("all")
    began = list(gate.began)
    await gate.end_all()

    assert began == ["all", "a", "b", "c"]


async def test_first_of_one_queue_does_not_overtake_in_another():
    """last is the first who wants a, but not the first who wants b."""
    gate = Gate(cs.Engine(resources={"a": 1, "b": 2, "c": 1}))

    await gate.start("c", c=1)
    await gate.start("both", b=1, c=1)
    await gate.start("last", a=1, b=1)
    before = list(gate.began)
    await gate.end("c")
    after = list(gate.began)
    await gate.end_all()

    assert before == ["c"]
    assert after == ["c", "both", "last"]


async def test_served_request_lets_the_next_of_its_other_resource_through():
    """small waits behind both for b, though b is free: once both runs, it can."""
    gate = Gate(cs.Engine(resources={"a": 1, "b": 2}))

    await gate.start("a", a=1)
    await gate.start("both", a=1, b=1)
    await gate.start("small", b=1)
    before = list(gate.began)
    await gate.end("a")
    after = list(gate.began)
    await gate.end_all()

    assert before == ["a"]
    assert after == ["a", "both", "small"]


# -- what the amounts are -------------------------------------------------------------------------


async def test_amounts_may_be_lazy(way):
    usage = Usage()
    calls = [
        usage.use(name, gpu=2).with_constraints(gpu=make(2))
        for name, make in (("a", noop), ("b", later), ("c", lambda n: noop(later(n))))
    ]

    await run(way, f(*calls), resources={"gpu": 3})

    assert usage.peak["gpu"] == 2


async def test_amount_may_be_a_param(way):
    usage = Usage()
    engine = engine_of(way, resources={"gpu": 2})
    calls = [usage.use(n, gpu=1).with_constraints(gpu=cs.Param("each")) for n in "abc"]

    await engine.run(f(*calls), params={"each": 1}, use_vm=way == "vm")
    at_one = usage.peak["gpu"]
    usage.peak.clear()
    await engine.run(f(*calls), params={"each": 2}, use_vm=way == "vm")

    assert (at_one, usage.peak["gpu"]) == (2, 1)


@pytest.mark.parametrize("amount", [0, 0.0, noop(0)])
async def test_zero_is_held_by_any_number_and_waits_for_nobody(way, amount):
    gate = Gate(engine := engine_of(way, resources={"gpu": 1}))

    await gate.start("all", gpu=1)
    value = await engine.run(noop("none").with_constraints(gpu=amount), use_vm=way == "vm")
    await gate.end_all()

    assert value == "none"


async def test_capacity_of_zero_admits_zero_only(way):
    assert await run(way, noop(1).with_constraints(gpu=0), resources={"gpu": 0}) == 1
    with pytest.raises(cs.ConstraintError):
        await run(way, noop(1).with_constraints(gpu=1), resources={"gpu": 0})


async def test_no_amounts_are_no_limits(way):
    assert await run(way, noop(1).with_constraints(gpu=5).with_constraints()) == 1


async def test_second_constraints_replace_the_first(way):
    call = noop(1).with_constraints(nothing_of_the_kind=1).with_constraints(gpu=1)

    assert await run(way, call, resources={"gpu": 1}) == 1


async def test_fractions_add_up_to_the_whole():
    gate = Gate(engine := cs.Engine(resources={"gpu": 1}))

    for n in range(10):
        await gate.start(str(n), gpu=0.1)
    await gate.start("more", gpu=0.1)
    began = len(gate.began)
    await gate.end_all()

    assert began == 10
    assert await engine.run(noop(1).with_constraints(gpu=1)) == 1


async def test_fractions_that_add_up_to_a_bit_too_much_fit():
    """0.1 + 0.2 is more than 0.3 for a computer."""
    gate = Gate(cs.Engine(resources={"gpu": 0.3}))

    await gate.start("a", gpu=0.1)
    await gate.start("b", gpu=0.2)
    began = list(gate.began)
    await gate.end_all()

    assert began == ["a", "b"]


async def test_rounding_of_fractions_is_forgotten_when_all_is_back():
    engine = cs.Engine(resources={"gpu": 0.3})

    for _ in range(3):
        await engine.run(f(*[later().with_constraints(gpu=0.1) for _ in range(7)]))

    assert await engine.run(noop(1).with_constraints(gpu=0.3)) == 1
    assert engine.limits._held["gpu"] == 0


async def test_capacity_may_be_infinite(way):
    usage = Usage()
    target = f(*[usage.call(n, gpu=10**9) for n in "abc"])

    await run(way, target, resources={"gpu": float("inf")})

    assert usage.peak["gpu"] == 3 * 10**9


@pytest.mark.parametrize(
    "amount", [-1, -0.5, True, "1", None, float("nan"), float("inf"), noop.tail()]
)
def test_amount_that_is_no_finite_number_is_refused_when_written(amount):
    with pytest.raises((cs.GraphError, TypeError)) as caught:
        noop().with_constraints(gpu=amount)
    assert str(caught.value) == f"amount of 'gpu' must be a number >= 0, got {amount!r}"


def test_refused_amount_is_a_value_error():
    with pytest.raises(ValueError, match="amount of 'gpu'"):
        noop().with_constraints(gpu=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: cs.Param("p"),
        lambda: cs.Env("e"),
        lambda: cs.inject("r"),
        lambda: cs.select(1, {1: noop()}),
    ],
)
def test_constraints_of_an_input_are_refused_when_written(make):
    with pytest.raises(cs.GraphError, match=r"^with_constraints needs the call of a task or a map"):
        make().with_constraints(gpu=1)


@pytest.mark.parametrize("capacity", [-1, float("nan"), True, "2", None])
def test_capacity_that_is_no_number_is_refused(capacity):
    with pytest.raises(TypeError, match="resource 'gpu' must be a provider"):
        cs.Engine(resources={"gpu": capacity})


# -- what can never be met ------------------------------------------------------------------------


async def test_name_without_a_capacity_is_refused_before_anything_runs(way):
    engine = engine_of(way, resources={"gpu": 1, "cpu": 1})
    ran = []
    target = f(cs.task(lambda: ran.append(1))(), noop().with_constraints(gpus=1))

    with pytest.raises(cs.ConstraintError) as caught:
        await engine.run(target, use_vm=way == "vm")

    assert str(caught.value) == (
        "constraint of task 'noop': no capacity called 'gpus'; known: 'cpu', 'gpu'"
    )
    assert (caught.value.name, caught.value.amount) == ("gpus", None)
    assert (ran, engine.stats.runs, engine.stats.executions) == ([], 0, 0)


async def test_engine_without_capacities_says_none_are_known(engine):
    with pytest.raises(cs.ConstraintError, match="no capacity called 'gpu'; known: none"):
        await engine.run(noop().with_constraints(gpu=1))


async def test_provider_is_no_capacity():
    engine = cs.Engine(resources={"db": lambda: 1})

    with pytest.raises(cs.ConstraintError, match="no capacity called 'db'"):
        await engine.run(noop().with_constraints(db=1))


async def test_name_is_refused_even_if_its_amount_is_lazy_or_zero(way):
    for amount in (0, later(1)):
        with pytest.raises(cs.ConstraintError, match="no capacity called 'gpu'"):
            await run(way, f(noop().with_constraints(gpu=amount)))


@pytest.mark.parametrize("amount", [3, 2.5, 10**6])
async def test_amount_above_the_capacity_is_refused_before_anything_runs(way, amount):
    engine = engine_of(way, resources={"gpu": 2})
    ran = []
    target = f(cs.task(lambda: ran.append(1))(), noop().with_constraints(gpu=amount))

    for _ in range(2):
        with pytest.raises(cs.ConstraintError) as caught:
            await engine.run(target, use_vm=way == "vm")

    assert str(caught.value) == (
        f"constraint of task 'noop': {amount!r} of 'gpu' can never be met, the capacity is 2"
    )
    assert (caught.value.name, caught.value.amount) == ("gpu", amount)
    assert (ran, engine.stats.runs) == ([], 0)


async def test_amount_is_checked_although_the_plan_is_known(way):
    engine = engine_of(way, resources={"gpu": 2})

    await engine.run(noop(1).with_constraints(gpu=2), use_vm=way == "vm")
    with pytest.raises(cs.ConstraintError):
        await engine.run(noop(1).with_constraints(gpu=3), use_vm=way == "vm")
    assert await engine.run(noop(1).with_constraints(gpu=1), use_vm=way == "vm") == 1

    assert (engine.stats.resolves, engine.stats.runs) == (1, 2)


async def test_engine_that_shares_a_cache_is_asked_for_its_own_capacities():
    cache = cs.PlanCache()
    rich = cs.Engine(plan_cache=cache, resources={"gpu": 2})
    poor = cs.Engine(plan_cache=cache, resources={"cpu": 2})

    assert await rich.run(noop(1).with_constraints(gpu=2)) == 1
    with pytest.raises(cs.ConstraintError, match="no capacity called 'gpu'"):
        await poor.run(noop(1).with_constraints(gpu=2))


@pytest.mark.parametrize("amount", [-1, "much", None, True, float("nan"), float("inf"), 3])
async def test_lazy_amount_that_can_never_be_met_fails_its_node(way, amount):
    engine = engine_of(way, resources={"gpu": 2})

    with pytest.raises(cs.ConstraintError, match=r"^constraint of task 'boom': ") as caught:
        await engine.run(boom().with_constraints(gpu=noop(amount)), use_vm=way == "vm")

    assert caught.value.name == "gpu"
    assert engine.stats.tasks == {"noop": 1}


@pytest.mark.parametrize("wrong", [{"gpu": 3}, {"gpus": 1}])
async def test_later_iteration_that_can_never_be_met_fails_the_run(way, wrong):
    engine = engine_of(way, resources={"gpu": 2})

    @cs.task
    def loop(n):
        return loop(n - 1).with_constraints(**(wrong if n == 1 else {"gpu": 2}))

    with pytest.raises(cs.ConstraintError):
        await engine.run(loop(3), use_vm=way == "vm")
    assert (engine.stats.iterations, engine.stats.executions) == (4, 3)
    assert engine.stats.resolves == engine.stats.misses
    assert engine.stats.lookups == engine.stats.hits + engine.stats.misses


@pytest.mark.parametrize("wrong", [{"gpu": 3}, {"gpus": 1}])
async def test_sub_graph_that_can_never_be_met_fails_the_run_before_it_begins(way, wrong):
    engine = engine_of(way, resources={"gpu": 2})
    ran = []
    inner = cs.task(lambda: ran.append(1))
    expand = cs.task(lambda: f(inner(), noop().with_constraints(**wrong)), name="expand")

    with pytest.raises(cs.ConstraintError):
        await engine.run(f(expand()), use_vm=way == "vm")
    assert (ran, engine.stats.tasks) == ([], {"expand": 1})


async def test_map_item_that_can_never_be_met_fails_the_run(way):
    with pytest.raises(cs.ConstraintError):
        await run(way, noop.map(x=[1]).with_constraints(gpu=3), resources={"gpu": 2})
    with pytest.raises(cs.ConstraintError):
        await run(way, noop.map(x=[1]).with_constraints(gpu=noop(3)), resources={"gpu": 2})


# -- structure and data ---------------------------------------------------------------------------


def test_constraint_sources_are_part_of_the_structure():
    one, other = cs.task(lambda: 1, name="one"), cs.task(lambda: 1, name="other")

    def structure(**amounts):
        return cs.build_graph(noop().with_constraints(**amounts)).structure

    assert structure(gpu=one()) != structure(gpu=other())
    assert structure(gpu=one()) != structure(gpu=1)
    assert structure(gpu=1) != structure(cpu=1)
    assert structure(gpu=1) != structure()
    assert structure(gpu=1) == structure(gpu=2)
    assert structure(a=1, b=2) == structure(b=1, a=2)


async def test_amounts_are_read_from_this_run_never_from_a_cached_plan(way):
    engine = engine_of(way, resources={"gpu": 4})
    peaks = []

    for amount in (1, 4, 2):
        usage = Usage()
        calls = [usage.use(n, gpu=1).with_constraints(gpu=amount) for n in "abcd"]
        await engine.run(f(*calls), use_vm=way == "vm")
        peaks.append(usage.peak["gpu"])

    assert peaks == [4, 1, 2]
    assert engine.stats.resolves == 1


# -- giving back ----------------------------------------------------------------------------------


def is_free(engine: cs.Engine) -> bool:
    limits = engine.limits
    queues = [waiter for queue in limits._queues.values() for waiter in queue]
    return not +limits._held and not +limits._holders and not queues


async def test_failure_gives_back(way):
    engine = engine_of(way, resources={"gpu": 1})

    for _ in range(2):
        with pytest.raises(ValueError, match="boom"):
            await engine.run(f(boom().with_constraints(gpu=1)), use_vm=way == "vm")
    assert is_free(engine)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_exit_gives_back(way, error):
    engine = engine_of(way, resources={"gpu": 1})

    @cs.task
    def leave():
        raise error

    with pytest.raises(error):
        await engine.run(f(leave().with_constraints(gpu=1), noop()), use_vm=way == "vm")
    assert is_free(engine)


async def test_cancellation_gives_back(way):
    engine = engine_of(way, resources={"gpu": 1})
    gate = Gate(engine)

    await gate.start("holder", gpu=1)
    gate.runs["holder"].cancel()
    await gate.end_all()

    assert is_free(engine)


async def test_timeout_gives_back(way):
    engine = engine_of(way, resources={"gpu": 1})

    @cs.task
    async def forever():
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await engine.run(forever().with_timeout(0.001).with_constraints(gpu=1))
    assert is_free(engine)


async def test_closed_run_gives_back():
    engine = cs.Engine(resources={"gpu": 1})

    @cs.task
    async def forever():
        await asyncio.Event().wait()

    coroutine = engine.run(forever().with_constraints(gpu=1))
    coroutine.send(None)
    coroutine.close()

    assert is_free(engine)


async def test_sibling_that_failed_takes_waiters_of_its_run_out_of_the_queue():
    engine = cs.Engine(resources={"gpu": 1})
    gate = Gate(engine)

    await gate.start("holder", gpu=1)
    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(later().with_constraints(gpu=1), later(), boom(later())))
    await gate.start("next", gpu=1)
    await gate.end("holder")
    began = list(gate.began)
    await gate.end_all()

    assert began == ["holder", "next"]
    assert is_free(engine)


async def test_cancelled_waiter_does_not_block_those_behind_it():
    gate = Gate(engine := cs.Engine(resources={"gpu": 2}))

    await gate.start("holder", gpu=1)
    await gate.start("big", gpu=2)
    await gate.start("small", gpu=1)
    gate.runs["big"].cancel()
    await let_run()
    began = list(gate.began)
    await gate.end_all()

    assert began == ["holder", "small"]
    assert is_free(engine)


async def test_waiter_cancelled_at_the_moment_it_is_served_passes_it_on():
    gate = Gate(engine := cs.Engine(resources={"gpu": 1}))

    for name in ("holder", "served", "next"):
        await gate.start(name, gpu=1)
    gate.go["holder"].set()
    while len(engine.limits._queues["gpu"]) == 2:
        await asyncio.sleep(0)
    gate.runs["served"].cancel()  # what it waited for is there, but it has not gone on yet
    await let_run()
    began = list(gate.began)
    await gate.end_all()

    assert began == ["holder", "next"]
    assert is_free(engine)


async def test_constraints_are_held_over_all_attempts():
    """Were they given back between attempts, the waiter would run in between."""
    engine = cs.Engine(resources={"gpu": 1})
    ran = []

    @cs.task
    async def flaky():
        ran.append("flaky")
        await asyncio.sleep(0)
        if len(ran) < 3:
            raise ValueError("flaky")

    waiter = cs.task(lambda: ran.append("waiter"))

    holder = flaky().with_retry(3, delay=0.001).with_constraints(gpu=1)
    await engine.run(f(holder, waiter().with_constraints(gpu=1)))

    assert ran == ["flaky", "flaky", "flaky", "waiter"]


# -- what holds nothing ---------------------------------------------------------------------------


async def test_call_holds_nothing_for_the_graph_it_returns(way):
    """Were it held, what it returns could never run."""
    expand = cs.task(lambda n: noop(n).with_constraints(gpu=1))

    async with asyncio.timeout(5):
        value = await run(
            way, f(*[expand(n).with_constraints(gpu=1) for n in range(3)]), resources={"gpu": 1}
        )

    assert value == (0, 1, 2)


@pytest.mark.parametrize("tail", [False, True])
async def test_target_holds_nothing_for_its_tail_calls(way, tail):
    @cs.task
    def loop(n):
        if n == 0:
            return "done"
        return loop.tail(n - 1) if tail else loop(n - 1).with_constraints(gpu=1)

    async with asyncio.timeout(5):
        assert await run(way, loop(3).with_constraints(gpu=1), resources={"gpu": 1}) == "done"


async def test_items_of_a_map_are_limited_one_by_one(way):
    usage = Usage()
    item = cs.task(lambda x: Usage.use.fn(usage, x, gpu=1), name="item")

    value = await run(way, item.map(x="abcdef").with_constraints(gpu=1), resources={"gpu": 2})

    assert value == list("abcdef")
    assert usage.peak["gpu"] == 2
    assert usage.began == list("abcdef")


async def test_map_holds_nothing_while_its_items_wait(way):
    """The items need what the map's own constraints name, and so does what they return."""
    item = cs.task(lambda x: later(x).with_constraints(gpu=1), name="item")

    async with asyncio.timeout(5):
        value = await run(way, item.map(x=[1, 2]).with_constraints(gpu=1), resources={"gpu": 1})

    assert value == [1, 2]


@pytest.mark.slow
async def test_two_thousand_limited_items_all_run():
    engine = cs.Engine(resources={"gpu": 7})

    value = await engine.run(later.map(x=range(2_000)).with_constraints(gpu=2))

    assert value == list(range(2_000))
    assert is_free(engine)


async def test_work_of_the_limits_grows_with_the_number_of_requests_only(monkeypatch):
    """Looks at waiters are counted in place of seconds."""
    looks = Counter()
    original = Limits._fits

    def counted(self, waiter):
        looks[size] += 1
        return original(self, waiter)

    monkeypatch.setattr(Limits, "_fits", counted)
    for size in (100, 400):
        engine = cs.Engine(resources={"gpu": 3})
        await engine.run(later.map(x=range(size)).with_constraints(gpu=1))

    assert looks[400] <= 5 * looks[100]


# -- several runs ---------------------------------------------------------------------------------


async def test_two_runs_at_once_share_the_capacity():
    engine = cs.Engine(resources={"gpu": 2})
    usage = Usage()

    def target(prefix):
        return f(*[usage.call(f"{prefix}{n}", gpu=1) for n in range(4)])

    await asyncio.gather(engine.run(target("a")), engine.run(target("b"), use_vm=True))

    assert usage.peak["gpu"] == 2
    assert len(usage.began) == 8


async def test_two_engines_do_not_share_their_capacities():
    gates = [Gate(cs.Engine(resources={"gpu": 1})) for _ in range(2)]

    for gate in gates:
        await gate.start("a", gpu=1)
    began = [gate.began for gate in gates]
    for gate in gates:
        await gate.end_all()

    assert began == [["a"], ["a"]]


def test_engine_serves_two_event_loops_in_turn_after_contention():
    engine = cs.Engine(resources={"gpu": 1})

    for _ in range(2):
        usage = Usage()
        asyncio.run(engine.run(f(*[usage.call(n, gpu=1) for n in "abc"])))
        assert usage.peak["gpu"] == 1
    assert is_free(engine)


def test_engine_serves_a_second_event_loop_after_waiters_were_cancelled_in_the_first():
    engine = cs.Engine(resources={"gpu": 1})

    async def leave_waiting():
        gate = Gate(engine)
        await gate.start("holder", gpu=1)
        await gate.start("waiter", gpu=1)  # asyncio.run cancels both

    asyncio.run(leave_waiting())

    assert asyncio.run(engine.run(f(*[later(n).with_constraints(gpu=1) for n in (1, 2)]))) == (1, 2)
    assert is_free(engine)


# -- runs inside tasks ----------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [1, 2])
async def test_run_inside_a_task_that_holds_what_it_needs_is_refused(way, amount):
    """It would wait for its own caller for ever."""
    engine = engine_of(way, resources={"gpu": 2})

    @cs.task
    async def outer():
        return await engine.run(noop().with_constraints(gpu=amount))

    async with asyncio.timeout(5):
        with pytest.raises(cs.ConstraintError) as caught:
            await engine.run(f(outer().with_constraints(gpu=2)), use_vm=way == "vm")

    assert str(caught.value) == (
        f"constraint of task 'noop': {amount} of 'gpu' can never be met, tasks that wait for runs "
        "inside them hold 2 of 2"
    )
    assert (caught.value.name, caught.value.amount) == ("gpu", amount)
    assert is_free(engine)


async def test_run_inside_a_task_may_use_what_is_left(way):
    engine = engine_of(way, resources={"gpu": 2})

    @cs.task
    async def outer():
        calls = [later(n).with_constraints(gpu=1) for n in range(3)]
        return await engine.run(f(*calls))

    async with asyncio.timeout(5):
        value = await engine.run(f(outer().with_constraints(gpu=1)), use_vm=way == "vm")

    assert value == ((0, 1, 2),)
    assert is_free(engine)


async def test_run_inside_a_task_may_use_another_engines_capacity():
    engine, other = (cs.Engine(resources={"gpu": 1}) for _ in range(2))

    @cs.task
    async def outer():
        return await other.run(later(1).with_constraints(gpu=1))

    assert await engine.run(f(outer().with_constraints(gpu=1))) == (1,)


async def test_holdings_of_several_levels_add_up():
    engine = cs.Engine(resources={"gpu": 3})

    async def nest(depth):
        return await engine.run(level(depth).with_constraints(gpu=1))

    level = cs.task(lambda depth: nest(depth - 1) if depth else "done", name="level")

    assert await nest(2) == "done"
    with pytest.raises(cs.ConstraintError, match="hold 3 of 3"):
        await nest(3)
    assert is_free(engine)


async def test_run_inside_a_task_is_served_before_those_who_wait_for_the_task():
    """big waits for outer, outer for its inner run: behind big it would wait for ever."""
    engine = cs.Engine(resources={"gpu": 2})
    gate = Gate(engine)
    queued = asyncio.Event()

    @cs.task
    async def outer():
        await queued.wait()
        return await engine.run(later("inner").with_constraints(gpu=1))

    running = asyncio.create_task(engine.run(outer().with_constraints(gpu=1)))
    await let_run()
    await gate.start("big", gpu=2)
    queued.set()
    async with asyncio.timeout(5):
        value = await running
    await gate.end_all()

    assert value == "inner"
    assert gate.began == ["big"]


async def test_run_inside_a_task_is_served_first_for_other_resources_too():
    """both waits for outer's gpu and stands in the queue for cpu."""
    engine = cs.Engine(resources={"gpu": 1, "cpu": 1})
    gate = Gate(engine)
    queued = asyncio.Event()

    @cs.task
    async def outer():
        await queued.wait()
        return await engine.run(later("inner").with_constraints(cpu=1))

    running = asyncio.create_task(engine.run(outer().with_constraints(gpu=1)))
    await let_run()
    await gate.start("both", gpu=1, cpu=1)
    queued.set()
    async with asyncio.timeout(5):
        value = await running
    await gate.end_all()

    assert value == "inner"


async def test_asyncio_task_that_outlives_its_call_holds_nothing_of_it():
    engine = cs.Engine(resources={"gpu": 1})
    gate = Gate(engine)
    ended = asyncio.Event()
    left = []

    async def go_on():
        await ended.wait()
        return await engine.run(noop("late").with_constraints(gpu=1))

    @cs.task
    async def outer():
        left.append(asyncio.create_task(go_on()))

    await engine.run(outer().with_constraints(gpu=1))
    await gate.start("holder", gpu=1)
    ended.set()
    await let_run()
    await gate.end_all()

    assert await left[0] == "late"


async def test_task_after_a_constrained_one_does_not_count_as_inside_it(way):
    engine = engine_of(way, resources={"gpu": 1})

    @cs.task
    async def inner_run(x):
        return await engine.run(later(x).with_constraints(gpu=1))

    target = f(inner_run(later("held").with_constraints(gpu=1)))

    assert await engine.run(target, use_vm=way == "vm") == ("held",)


# -- the limits by themselves ---------------------------------------------------------------------

CAPACITIES = {"a": 3, "b": 2, "c": 1}

requests = st.dictionaries(st.sampled_from(sorted(CAPACITIES)), st.integers(1, 3), min_size=1).map(
    lambda amounts: {name: min(n, CAPACITIES[name]) for name, n in amounts.items()}
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("take"), requests),
        st.tuples(st.just("release"), st.integers(0, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("release and cancel"), st.integers(0, 5)),
    ),
    max_size=40,
)


class Model:
    """Takers of some limits, and what has come of them."""

    def __init__(self) -> None:
        self.limits = Limits(CAPACITIES)
        self.takers: list[asyncio.Task] = []
        self.amounts: list[dict[str, int]] = []
        self.holding: list[int] = []
        self.waiting: list[int] = []
        self.served: list[int] = []
        self.cancelled: set[int] = set()

    async def act(self, action: str, argument) -> None:
        if action == "take":
            self.waiting.append(len(self.takers))
            self.amounts.append(argument)
            self.takers.append(asyncio.create_task(self._take(len(self.takers))))
        if action.startswith("release") and self.holding:
            self.limits.give_back(self.amounts[self.holding.pop(argument % len(self.holding))])
        if action.endswith("cancel") and self.waiting:
            self._cancel(self.waiting[argument % len(self.waiting)])
        await let_run(3)
        self.check()

    async def _take(self, number: int) -> None:
        await self.limits.take(self.amounts[number], "task", lambda: None)
        self.waiting.remove(number)
        self.holding.append(number)
        self.served.append(number)

    def _cancel(self, number: int) -> None:
        self.takers[number].cancel()
        self.waiting.remove(number)
        self.cancelled.add(number)

    def check(self) -> None:
        held: Counter[str] = Counter()
        for number in self.holding:
            held.update(self.amounts[number])
        assert all(held[name] <= CAPACITIES[name] for name in CAPACITIES)
        assert +self.limits._held == held
        for name in CAPACITIES:
            order = [n for n in self.served if name in self.amounts[n]]
            assert order == sorted(order), f"{name} was not first come, first served"
        for position, number in enumerate(self.waiting):
            ahead = {name for n in self.waiting[:position] for name in self.amounts[n]}
            wants = self.amounts[number]
            fits = all(held[name] + n <= CAPACITIES[name] for name, n in wants.items())
            assert not (fits and ahead.isdisjoint(wants)), "nothing in its way, yet it waits"

    async def finish(self) -> None:
        while self.holding:
            await self.act("release", 0)


@pytest.mark.slow
@example([("take", {"c": 1}), ("take", {"b": 1, "c": 1}), ("take", {"a": 1, "b": 1})])
@given(actions)
@settings(max_examples=200)
def test_random_takes_releases_and_cancellations_keep_the_promises_of_the_limits(script):
    async def play():
        model = Model()
        for action, argument in script:
            await model.act(action, argument)
        await model.finish()

        assert model.waiting == []
        assert sorted({*model.served, *model.cancelled}) == list(range(len(model.takers)))
        assert not model.cancelled.intersection(model.served)
        assert not +model.limits._held

    asyncio.run(play())


async def test_giving_back_serves_the_waiter_before_anything_awaits():
    limits = Limits({"a": 1})
    await limits.take({"a": 1}, "first", lambda: None)
    waiter = asyncio.create_task(limits.take({"a": 1}, "second", lambda: None))
    await asyncio.sleep(0)

    limits.give_back({"a": 1})

    assert limits._held["a"] == 1
    await waiter


async def test_who_waits_is_told_so_once():
    limits, told = Limits({"a": 1}), []
    await limits.take({"a": 1}, "first", lambda: told.append("first"))
    waiter = asyncio.create_task(limits.take({"a": 1}, "second", lambda: told.append("second")))
    await let_run(5)
    limits.give_back({"a": 1})
    await waiter

    assert told == ["second"]


async def test_waiter_whose_teller_raises_leaves_the_queue():
    limits = Limits({"a": 1})
    await limits.take({"a": 1}, "first", lambda: None)

    with pytest.raises(KeyError):
        await limits.take({"a": 1}, "second", lambda: {}["told"])

    limits.give_back({"a": 1})
    await limits.take({"a": 1}, "third", lambda: None)


async def test_two_tasks_that_would_wait_for_each_others_runs_are_not_left_hanging():
    """Each holds one of two and runs something inside that needs one more."""
    engine = cs.Engine(resources={"gpu": 2})
    both_hold = asyncio.Barrier(2)

    @cs.task
    async def outer():
        await both_hold.wait()
        try:
            return await engine.run(later("inner").with_constraints(gpu=1))
        except cs.ConstraintError as error:
            return error.name

    async with asyncio.timeout(5):
        value = await engine.run(f(*[outer().with_constraints(gpu=1) for _ in range(2)]))

    assert sorted(value) == ["gpu", "inner"]


async def test_inner_runs_that_can_be_met_one_after_the_other_all_are():
    engine = cs.Engine(resources={"gpu": 3})
    both_hold = asyncio.Barrier(2)

    @cs.task
    async def outer():
        await both_hold.wait()
        return await engine.run(later("inner").with_constraints(gpu=1))

    async with asyncio.timeout(5):
        value = await engine.run(f(*[outer().with_constraints(gpu=1) for _ in range(2)]))

    assert value == ("inner", "inner")
    assert is_free(engine)
