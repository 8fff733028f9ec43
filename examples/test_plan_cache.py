"""Cache hits as claims: what hits the plan cache, what does not, and what a failure says.

Copy the test nearest to your loop. All of these give the right result whether the cache is hit or
not; only the markers see the difference. In (e) a task is made anew in each iteration. Run it with
``--runxfail``, and it fails:

    expect_resolves(1): the solver was called 4 times
      1. with_redefined · 2 nodes · first seen
      2. with_redefined · 2 nodes · new task: 'noop' was redefined
      3. with_redefined · 2 nodes · new task: 'noop' was redefined
      4. with_redefined · 2 nodes · new task: 'noop' was redefined
"""

import pytest

import cascade_core as cs


@cs.task
def noop(dep=None):
    return "ok"


# (a) A loop without arguments is one structure ------------------------------------------------


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_iterations(100)
async def test_a_zero_argument_recursion_is_planned_once(engine):
    left = iter(range(99))

    @cs.task
    def again():
        return "done" if next(left, None) is None else again()

    assert await engine.run(again()) == "done"


# (b) A dependency that is built anew each time is the same structure ---------------------------


@cs.task
def step(n, dep):
    return step(n - 1, dep=noop()) if n else "done"


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_executions(step=101, noop=101)
async def test_a_rebuilt_dependency_is_planned_once(engine):
    assert await engine.run(step(100, dep=noop())) == "done"


# (c) So is a chain of eleven, while a counter changes ------------------------------------------


def chain():
    link = noop()
    for _ in range(10):
        link = noop(link)
    return link


@cs.task
def with_chain(n, dep):
    return with_chain(n - 1, chain()) if n > 1 else "done"


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_cache_hits(999)
@pytest.mark.expect_iterations(1_000)
async def test_a_long_chain_and_a_changing_counter_are_planned_once(engine):
    assert await engine.run(with_chain(1_000, chain())) == "done"


# (d) Passing on the dependency's value changes the structure, once -----------------------------


@cs.task
def with_value(n, dep):
    return with_value(n - 1, dep) if n else "done"  # `dep` is "ok" here: a value, not a call


@pytest.mark.expect_resolves(2)  # noop() and with_value() first, with_value() alone ever after
@pytest.mark.expect_cache_hits(99)
@pytest.mark.expect_executions(noop=1)
async def test_passing_the_value_on_is_planned_twice(engine, cache_inspector):
    assert await engine.run(with_value(100, noop())) == "done"

    assert "with_value(dep=) was noop(), now a literal" in cache_inspector.explain()


# (e) A task defined inside the loop is a new task each time ------------------------------------


def redefined():
    @cs.task
    def noop():
        return "ok"

    return noop()


@cs.task
def with_redefined(n, dep):
    return with_redefined(n - 1, redefined()) if n else "done"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a redefined task always misses")
@pytest.mark.expect_resolves(1)
async def test_a_task_redefined_in_the_loop_is_caught(engine):
    assert await engine.run(with_redefined(3, redefined())) == "done"


async def test_the_message_names_the_redefined_task(engine, cache_inspector):
    with pytest.raises(AssertionError) as caught, cache_inspector.expect(resolves=1):
        await engine.run(with_redefined(3, redefined()))

    assert "new task: 'noop' was redefined" in str(caught.value)


# (f) Data is no structure, however it changes ---------------------------------------------------


class Box:
    """Something mutable that no structure knows anything of."""

    def __init__(self, count):
        self.count = count


@cs.task
def with_box(box, dep):
    box.count -= 1
    return with_box(box, noop()) if box.count else "done"


@cs.task
def with_list(seen, dep):
    seen.append(len(seen))
    return with_list(seen, noop()) if len(seen) < 100 else "done"


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_iterations(100)
async def test_a_mutable_box_stays_one_structure(engine):
    assert await engine.run(with_box(Box(100), noop())) == "done"


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_iterations(100)
async def test_a_growing_list_stays_one_structure(engine):
    assert await engine.run(with_list([], noop())) == "done"


# (g) The same claim by hand, and declared -------------------------------------------------------


async def test_one_resolve_by_hand(mocker):
    solver = cs.NativeSolver()
    engine = cs.Engine(solver=solver, executor=cs.LocalExecutor(), bus=cs.MessageBus())
    spy = mocker.spy(solver, "resolve")  # set after the engine was made

    await engine.run(step(100, dep=noop()))

    assert spy.call_count == 1


@pytest.mark.expect_resolves(1)
async def test_one_resolve_declared(engine):
    await engine.run(step(100, dep=noop()))
