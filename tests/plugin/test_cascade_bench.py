"""The fixture ``cascade_bench`` and the option ``--cascade-bench``, from outside."""

import textwrap

import pytest

LOOP = """
    import asyncio

    import cascade_core as cs
    import pytest


    @cs.task
    def noop(dep=None):
        return "ok"


    @cs.task
    def countdown(n, dep):
        return countdown(n - 1, noop()) if n else "done"

"""


@pytest.fixture
def suite(pytester: pytest.Pytester):
    def make(tests: str, *, ini: str = "") -> pytest.Pytester:
        pytester.makepyfile(textwrap.dedent(LOOP) + textwrap.dedent(tests))
        pytester.makeini(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
            f"filterwarnings = error\n{ini}"
        )
        return pytester

    return make


def test_without_the_option_one_round_of_few_iterations_runs(suite):
    inner = suite("""
        def test_loop(cascade_bench):
            found = cascade_bench(lambda n: countdown(n, noop()))
            assert found.value == "done"
            assert [each.asked for each in found.rounds] == [20]
            assert found.rounds[0].iterations == 21
    """)

    ran = inner.runpytest_subprocess()

    ran.assert_outcomes(passed=1)
    ran.stdout.no_fnmatch_line("*cascade benchmarks*")


def test_with_the_option_the_rounds_of_the_marker_are_measured(suite):
    inner = suite("""
        @pytest.mark.cascade_bench(iterations=50, rounds=3, warmup=2)
        def test_loop(cascade_bench):
            asked = []
            def factory(n):
                asked.append(n)
                return countdown(n, noop())
            found = cascade_bench(factory)
            assert len(found.rounds) == 3
            assert asked == [50] * 5
    """)

    ran = inner.runpytest_subprocess("--cascade-bench")

    ran.assert_outcomes(passed=1)
    ran.stdout.fnmatch_lines(
        ["*test_loop (3 rounds, *)", "*resolves*hits*", "* factory * 0 *153* 2"]
    )


def test_rounds_come_from_the_ini_value_where_no_marker_says(suite):
    inner = suite(
        """
        @pytest.mark.cascade_bench(iterations=10)
        def test_loop(cascade_bench):
            assert len(cascade_bench(lambda n: countdown(n, noop())).rounds) == 2
        """,
        ini="cascade_bench_rounds = 2\n",
    )

    inner.runpytest_subprocess("--cascade-bench").assert_outcomes(passed=1)


def test_iterations_are_chosen_so_that_a_round_lasts(suite):
    inner = suite("""
        @pytest.mark.cascade_bench(rounds=1)
        def test_loop(cascade_bench):
            found = cascade_bench(lambda n: countdown(n, noop()))
            assert found.rounds[0].asked > 100
    """)

    inner.runpytest_subprocess("--cascade-bench").assert_outcomes(passed=1)


def test_a_coroutine_is_timed_to_its_end(suite):
    inner = suite("""
        async def sleep(n):
            await asyncio.sleep(0.01)

        def test_sync(cascade_bench):
            assert cascade_bench(sleep).rounds[0].duration_ns > 10_000_000

        async def test_async(cascade_bench):
            found = await cascade_bench(sleep)
            assert found.rounds[0].duration_ns > 10_000_000
    """)

    inner.runpytest_subprocess().assert_outcomes(passed=2)


def test_a_factory_may_return_a_callable_or_do_the_work_itself(suite):
    inner = suite("""
        def test_loop(cascade_bench):
            found = cascade_bench.compare(
                called=lambda n: lambda: n + 1,
                done=lambda n: n + 2,
                itself=lambda n: cs.run(countdown(n, noop())),
            )
            assert [each.value for each in found.values()] == [21, 22, "done"]
            assert [each.rounds[0].iterations for each in found.values()] == [20, 20, 21]
    """)

    inner.runpytest_subprocess().assert_outcomes(passed=1)


def test_forgetting_to_await_fails_the_test(suite):
    inner = suite("""
        async def test_loop(cascade_bench):
            cascade_bench(lambda n: countdown(n, noop()))

        async def test_comparison(cascade_bench):
            cascade_bench.compare(a=lambda n: n)
    """)

    ran = inner.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(
        [
            "*cascade_bench was not awaited: write `await cascade_bench(...)` in an async test",
            "*cascade_bench was not awaited: write `await cascade_bench.compare(...)`*",
        ]
    )


def test_contenders_run_in_rotated_order(suite):
    inner = suite("""
        @pytest.mark.cascade_bench(iterations=1, rounds=3, warmup=0)
        def test_loop(cascade_bench):
            order = []
            cascade_bench.compare(
                a=lambda n: order.append("a"),
                b=lambda n: order.append("b"),
                c=lambda n: order.append("c"),
            )
            assert "".join(order) == "abcbcacab"
    """)

    inner.runpytest_subprocess("--cascade-bench").assert_outcomes(passed=1)


def test_each_contender_keeps_an_engine_of_its_own(suite):
    inner = suite("""
        @pytest.mark.cascade_engine(max_plans=3)
        def test_loop(cascade_bench, cache_inspector):
            cascade_bench.compare(
                a=lambda n: countdown(n, noop()), b=lambda n: countdown(n, noop())
            )
            assert cache_inspector.resolves == 2  # in the warm-ups, one for each engine
    """)

    inner.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_count_markers_judge_each_measured_round_after_the_warm_up(suite, option):
    inner = suite("""
        pytestmark = pytest.mark.cascade_bench(iterations=20, rounds=2)

        @pytest.mark.expect_resolves(0)
        @pytest.mark.expect_iterations(21)
        def test_warm(cascade_bench):
            cascade_bench(lambda n: countdown(n, noop()))

        @pytest.mark.expect_resolves(0)
        def test_cold(cascade_bench):
            cascade_bench(lambda n: cs.run(countdown(n, noop())))
    """)

    ran = inner.runpytest_subprocess("-p", "no:randomly", *option)

    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(
        [
            "*factory, round 1 of *: expect_resolves(0): the solver was called 1 time",
            "*first seen by this engine, *",
        ]
    )


def test_a_contender_without_an_engine_fails_a_count_marker_unless_it_is_the_baseline(suite):
    inner = suite("""
        def compare(cascade_bench):
            cascade_bench.compare(loop=lambda n: countdown(n, noop()), plain=lambda n: n)

        @pytest.mark.expect_resolves(0)
        def test_strict(cascade_bench):
            compare(cascade_bench)

        @pytest.mark.expect_resolves(0)
        @pytest.mark.cascade_bench(baseline="plain")
        def test_baseline(cascade_bench):
            compare(cascade_bench)
    """)

    ran = inner.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(failed=1, passed=1)
    ran.stdout.fnmatch_lines(["*plain, round 1 of 1: expect_resolves(0): no engine ran in this*"])


def test_an_unknown_baseline_or_ratio_is_an_error_that_lists_the_contenders(suite):
    inner = suite("""
        @pytest.mark.cascade_bench(baseline="c")
        def test_baseline(cascade_bench):
            cascade_bench.compare(a=lambda n: n, b=lambda n: n)

        @pytest.mark.cascade_bench(ratios={"boost": ("a", "d")})
        def test_ratio(cascade_bench):
            cascade_bench.compare(a=lambda n: n, b=lambda n: n)

        def test_none(cascade_bench):
            cascade_bench.compare()

        def test_no_factory(cascade_bench):
            cascade_bench(3)
    """)

    ran = inner.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(failed=4)
    ran.stdout.fnmatch_lines(
        [
            "*ValueError: cascade_bench: no contender is called 'c', known: 'a', 'b'",
            "*ValueError: cascade_bench: no contender is called 'd', known: 'a', 'b'",
            "*TypeError: cascade_bench.compare: takes name=factory, got none",
            "*TypeError: cascade_bench: factory must be a function of n, got 3",
        ]
    )


def test_an_error_in_a_factory_is_the_test_s_own(suite):
    inner = suite("""
        def test_loop(cascade_bench):
            with pytest.raises(ZeroDivisionError):
                cascade_bench(lambda n: n / 0)

        async def test_async(cascade_bench):
            async def fail(n):
                raise KeyError(n)
            with pytest.raises(KeyError):
                await cascade_bench(fail)
    """)

    inner.runpytest_subprocess().assert_outcomes(passed=2)


TABLE = """
    @pytest.mark.cascade_bench(
        iterations=200, rounds=3, baseline="plain", ratios={"boost": ("loop", "cold")}
    )
    def test_NAME(cascade_bench):
        cold = cs.Engine(plan_cache=cs.PlanCache(max_plans=0))
        cascade_bench.compare(
            loop=lambda n: countdown(n, noop()),
            cold=lambda n: cold.run(countdown(n, noop())),
            plain=lambda n: sum(range(n)),
        )
"""


@pytest.mark.parametrize("option", [(), ("-n", "2", "-p", "no:benchmark")])
def test_one_table_shows_rates_work_and_ratios_of_all_tests(suite, option):
    inner = suite(TABLE.replace("NAME", "one") + TABLE.replace("NAME", "two"))

    ran = inner.runpytest_subprocess("--cascade-bench", *option)

    ran.assert_outcomes(passed=2)
    ran.stdout.fnmatch_lines(
        [
            "*= cascade benchmarks =*",
            "*::test_one (3 rounds, 99 % intervals)",
            "*time/iteration  iterations/s * x plain * nodes/s  resolves  hits  nodes/graph",
            "  plain * 1.00 (*) * - * - * - * -",
            "  loop * 0 * 603 * 2",
            "  cold * 603 * 0 * 2",
            "  boost  loop / cold  * (too few rounds to say)",
            "*::test_two (3 rounds, 99 % intervals)",
        ]
    )
    assert ran.stdout.str().count("cascade benchmarks") == 1


def test_rates_follow_from_the_iterations_counted(suite):
    inner = suite("""
        @pytest.mark.cascade_bench(iterations=200, rounds=3)
        def test_loop(cascade_bench):
            loop = cascade_bench(lambda n: countdown(n, noop()))
            for each in loop.rounds:
                assert each.iterations == 201
                assert each.rate == pytest.approx(201e9 / each.duration_ns)
                assert each.node_rate == pytest.approx(2 * each.rate)
                assert each.ns_per_iteration == pytest.approx(1e9 / each.rate)
            assert sorted(each.rate for each in loop.rounds)[1] == loop.rate
    """)

    inner.runpytest_subprocess("--cascade-bench").assert_outcomes(passed=1)
