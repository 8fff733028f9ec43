"""Work beside plans as claims: what is reused, what is tried again, what is not run at all.

A result cache that never hits, a retry that hides a broken call and a branch that runs although
nobody needs it all leave results right. A failure names the count. Leave out ``.with_cache(cache)``
in (b), and it reads:

    expect_reuses(3): a value was reused 0 times
"""

import pytest

import cascade_core as cs


@cs.task(pure=True)
def embed(word):
    return len(word)


@cs.task
def total(*numbers):
    return sum(numbers)


# (a) Equal calls of a pure task run once ---------------------------------------------------------


@pytest.mark.expect_executions(embed=2)
@pytest.mark.expect_reuses(2)
async def test_equal_words_are_embedded_once(engine):
    words = ["to", "be", "to", "be"]

    assert await engine.run(embed.map(word=words)) == [2, 2, 2, 2]


# (b) A result cache is hit from the second run on ------------------------------------------------


@pytest.mark.expect_executions(embed=3, total=2)
@pytest.mark.expect_reuses(3)
async def test_the_second_run_takes_its_words_from_the_cache(engine):
    cache = cs.MemoryCache()
    words = ["a", "result", "cache"]

    for _ in range(2):
        assert await engine.run(total(*[embed(word).with_cache(cache) for word in words])) == 12


# (c) A retried call is one execution with several attempts ---------------------------------------


@pytest.mark.expect_executions(fetch=1)
@pytest.mark.expect_attempts(fetch=3)
async def test_a_flaky_call_succeeds_at_the_third_attempt(engine):
    failures = iter([TimeoutError("busy"), TimeoutError("busy")])

    @cs.task
    def fetch():
        for failure in failures:
            raise failure
        return "page"

    assert await engine.run(fetch().with_retry(max_attempts=3)) == "page"


# (d) Only the chosen route runs ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["quick", "thorough"])
@pytest.mark.expect_executions(quick=lambda mode: int(mode == "quick"))
@pytest.mark.expect_executions("total", lambda mode: int(mode == "thorough"))
async def test_the_other_route_costs_nothing(engine, mode):
    @cs.task
    def quick():
        return 1

    answer = cs.select(cs.Param("mode"), {"quick": quick(), "thorough": total(1, 2, 3)})

    assert await engine.run(answer, {"mode": mode}) in (1, 6)


# (e) A resource is opened once, and only if a call needs it --------------------------------------


async def test_a_skipped_call_opens_nothing(engine_with_database, opened):
    @cs.task
    def report(database):
        return database["rows"]

    await engine_with_database.run(total(1).after(report(cs.inject("database")).run_if(False)))
    assert opened == []

    assert await engine_with_database.run(report(cs.inject("database"))) == 7
    assert opened == ["database"]


@pytest.fixture
def opened():
    return []


@pytest.fixture
def engine_with_database(opened):
    def database():
        opened.append("database")
        yield {"rows": 7}

    return cs.Engine(resources={"database": database})
