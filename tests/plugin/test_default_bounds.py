"""Bounds for every test that runs an engine, and the engine that markers mean: the ini values."""

from pathlib import Path

import pytest

from pytest_cascade.bounds import Bound
from pytest_cascade.counted import COUNTED
from pytest_cascade.defaults import SIGNS, parse_defaults
from pytest_cascade.probes.cascade import CascadeProbe
from pytest_cascade.probes.known import Engines

EXAMPLES = Path(__file__).parents[2] / "examples"

# Two resolves, three iterations, one hit.
TWICE = """
    def test_it():
        cs.run(passing(2, noop()))
"""

TWO = "the solver was called 2 times"


def expecting(suite, *lines):
    """Have ``cascade_expect`` say so."""
    suite.configure("cascade_expect =", *(f"    {line}" for line in lines))
    return suite


def told(result):
    """What was wrong, a line each."""
    lines = [line.removeprefix("E   ").strip() for line in result.outlines if line[:1] == "E"]
    lines = [line.removeprefix("UnexpectedWork: ") for line in lines]
    return [line for line in lines if ": " in line]


def assert_refused(result, text):
    """The session ended before a test ran, and said why."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {text}" in result.errlines
    everything = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in everything
    assert "Traceback" not in everything
    assert "collected" not in everything


# With `-n 2` in this process, for no worker is started.
TO_RUN = pytest.mark.parametrize("args", [(), ("-n", "2", "--benchmark-disable")])


# What the lines say


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("resolves <= 1", TWO),
        ("resolves < 2", TWO),
        ("resolves >= 3", TWO),
        ("resolves > 2", TWO),
        ("resolves == 1", TWO),
        ("resolves = 3", TWO),
        ("resolves<=1", TWO),
        ("hits >= 2", "the plan cache was hit 1 time"),
        ("misses <= 1", "the plan cache was missed 2 times"),
        ("lookups <= 2", "a plan was looked up 3 times"),
        ("builds == 0", "a graph was built 2 times"),
        ("iterations <= 2", "the target was iterated 3 times"),
        ("evictions > 0", "a plan was evicted 0 times"),
        ("executions <= 3", "a task was executed 4 times"),
        ("attempts <= 3", "a task's function was called 4 times"),
        ("reuses >= 1", "a value was reused 0 times"),
    ],
)
def test_bound_that_does_not_hold_fails_and_is_named(suite, line, verdict):
    result = expecting(suite, line).run(TWICE)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E   UnexpectedWork: cascade_expect: {line}: {verdict}"])


@pytest.mark.parametrize(
    "line",
    [
        "resolves <= 2",
        "resolves < 3",
        "resolves >= 2",
        "resolves > 1",
        "resolves == 2",
        "resolves = 2",
        "evictions <= 0",
    ],
)
def test_bound_that_holds_passes(suite, line):
    expecting(suite, line).run(TWICE).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("sign", "bound"),
    [
        ("<=", Bound(most=3)),
        ("<", Bound(most=2)),
        (">=", Bound(least=3)),
        (">", Bound(least=4)),
        ("==", Bound(3, 3)),
        ("=", Bound(3, 3)),
    ],
)
def test_sign_means_what_it_means_in_python(sign, bound):
    assert SIGNS[sign](3) == bound


def test_bound_that_does_not_hold_is_told_with_the_reasons_of_the_plans(suite):
    result = expecting(suite, "resolves <= 1").run(TWICE)

    result.stdout.fnmatch_lines(
        [
            f"E   UnexpectedWork: cascade_expect: resolves <= 1: {TWO}",
            "E     1. passing · 2 nodes · first seen",
            "E     2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal *",
        ],
        consecutive=True,
    )


def test_every_line_is_held_against_the_test(suite):
    result = expecting(suite, "resolves <= 1", "hits >= 1", "iterations <= 2").run(TWICE)

    result.assert_outcomes(failed=1)
    assert told(result) == [
        f"cascade_expect: resolves <= 1: {TWO}",
        "cascade_expect: iterations <= 2: the target was iterated 3 times",
        "2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
        "      test_inner.py:21",
    ]


def test_two_lines_about_one_counter_bound_both_sides(suite):
    expecting(suite, "resolves >= 2", "resolves <= 2").run(TWICE).assert_outcomes(passed=1)
    result = expecting(suite, "resolves >= 3", "resolves <= 4").run(TWICE)

    assert told(result)[0] == f"cascade_expect: resolves >= 3: {TWO}"


def test_empty_lines_and_comments_say_nothing():
    engines = Engines()
    engines.add([CascadeProbe()])

    (expected,) = parse_defaults(["", "  ", "# all of them", " resolves <= 1  # one"], engines)

    assert expected.label == "cascade_expect: resolves <= 1"
    assert expected.bound == Bound(most=1)


def test_bound_may_be_followed_by_a_comment(suite):
    # Pytest leaves out what follows a # only where it begins the line.
    result = expecting(suite, "# a loop:", "resolves <= 1  # stable").run(TWICE)

    assert told(result)[0] == f"cascade_expect: resolves <= 1: {TWO}"


def test_bounds_may_stand_in_pyproject(suite):
    (suite.pytester.path / "pytest.ini").unlink()
    suite.pytester.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        asyncio_default_fixture_loop_scope = "function"
        cascade_expect = ["resolves <= 1", "hits <= 9"]
        """
    )

    result = suite.run(TWICE)

    assert told(result)[0] == f"cascade_expect: resolves <= 1: {TWO}"


def test_bounds_may_be_given_on_the_command_line(suite):
    suite.run(TWICE, "-o", "cascade_expect=resolves <= 1").assert_outcomes(failed=1)


# Lines that make no sense

EXPECTED = "expected lines such as 'resolves <= 3' or 'toy.resolves == 1'"
VALID = ", ".join(sorted(COUNTED))

BAD = {
    "resolves": f"cascade_expect: cannot read 'resolves', {EXPECTED}",
    "resolves 3": f"cascade_expect: cannot read 'resolves 3', {EXPECTED}",
    "resolves != 3": f"cascade_expect: cannot read 'resolves != 3', {EXPECTED}",
    "resolves <= many": f"cascade_expect: cannot read 'resolves <= many', {EXPECTED}",
    "resolves <= -1": f"cascade_expect: cannot read 'resolves <= -1', {EXPECTED}",
    "resolves <= 1.5": f"cascade_expect: cannot read 'resolves <= 1.5', {EXPECTED}",
    "3 >= resolves": f"cascade_expect: cannot read '3 >= resolves', {EXPECTED}",
    "resolves <= 1, hits > 1": f"cascade_expect: cannot read 'resolves <= 1, hits > 1', {EXPECTED}",
    "resolves < 0": "cascade_expect: 'resolves < 0' admits nothing",
    "walks <= 1": f"cascade_expect: unknown counter 'walks' in 'walks <= 1', valid: {VALID}",
    "expect_resolves <= 1": "cascade_expect: unknown counter 'expect_resolves' in "
    f"'expect_resolves <= 1', valid: {VALID}",
    "toy.resolves <= 1": "cascade_expect: unknown engine 'toy', known: 'cascade_core'",
}


@pytest.mark.parametrize("line", BAD)
def test_line_that_makes_no_sense_is_a_usage_error(suite, line):
    assert_refused(expecting(suite, line).run(TWICE), BAD[line])


@pytest.mark.parametrize("line", ["walks <= 1", "toy.resolves <= 1"])
def test_line_that_makes_no_sense_is_a_usage_error_before_workers_start(suite, line):
    result = expecting(suite, line).run(TWICE, "-n", "2", "--benchmark-disable")

    assert_refused(result, BAD[line])


def test_bad_line_among_good_ones_is_the_one_that_is_named(suite):
    result = expecting(suite, "resolves <= 1", "hits ~ 2").run(TWICE)

    assert_refused(result, f"cascade_expect: cannot read 'hits ~ 2', {EXPECTED}")


# Which tests they are for


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(TWICE, id="function"),
        pytest.param(
            """
            async def test_it(engine):
                await engine.run(passing(2, noop()))
            """,
            id="async",
        ),
        pytest.param(
            """
            class TestIt(unittest.TestCase):
                def test_it(self):
                    cs.run(passing(2, noop()))
            """,
            id="unittest",
        ),
        pytest.param(
            """
            @pytest.mark.parametrize("n", [2])
            def test_it(n):
                cs.run(passing(n, noop()))
            """,
            id="parametrised",
        ),
        pytest.param(
            """
            @pytest.mark.expect_iterations(3)
            @pytest.mark.expect_cache_hits(None)
            def test_it():
                cs.run(passing(2, noop()))
            """,
            id="marked-with-another-kind",
        ),
        pytest.param(
            """
            @pytest.mark.cascade_engine(max_plans=8)
            async def test_it(engine):
                await engine.run(passing(2, noop()))
            """,
            id="marked-with-options",
        ),
    ],
)
def test_bound_is_for(suite, source):
    result = expecting(suite, "resolves <= 1").run(source)

    result.assert_outcomes(failed=1)
    assert told(result)[0] == f"cascade_expect: resolves <= 1: {TWO}"


DOCTEST = """
    def documented():
        '''
        >>> cs.run(passing(2, noop()))
        'done'
        '''
"""


def test_bound_is_for_doctests(suite):
    result = expecting(suite, "resolves <= 1").run(DOCTEST, "--doctest-modules")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*cascade_expect: resolves <= 1: {TWO}"])


def test_failure_of_a_doctest_hides_every_plugin(suite):
    result = expecting(suite, "resolves <= 1").run(DOCTEST, "--doctest-modules")

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*judging.py*")
    result.stdout.no_fnmatch_line("*runner.py*")


@pytest.mark.slow
def test_bound_is_for_tests_that_import_the_engine_in_their_body(pytester):
    pytester.makepyfile(
        """
        def test_it():
            import cascade_core as cs

            @cs.task
            def noop(): ...

            cs.run(noop())
        """
    )

    result = pytester.runpytest_subprocess("-o", "cascade_expect=resolves <= 0")

    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def test_it(): ...", id="no-engine"),
        pytest.param("def test_it(engine): ...", id="an-engine-that-does-not-run"),
        pytest.param(
            """
            @pytest.fixture
            def busy():
                cs.run(passing(2, noop()))
                yield
                cs.run(passing(2, noop()))

            def test_it(busy): ...
            """,
            id="an-engine-in-set-up-and-teardown",
        ),
    ],
)
def test_bound_is_not_for_tests_that_run(suite, source):
    expecting(suite, "resolves == 1").run(source).assert_outcomes(passed=1)


def test_marked_test_that_ran_no_engine_is_told_of_its_marker_alone(suite):
    result = expecting(suite, "resolves == 1").run(
        """
        @pytest.mark.expect_iterations(1)
        def test_it(): ...
        """
    )

    assert told(result) == ["expect_iterations(1): no engine ran in this test"]


@pytest.mark.parametrize(
    "mark",
    [
        "expect_resolves(2)",
        "expect_resolves(at_most=9)",
        "expect_resolves(at_least=0)",
        "expect_resolves(None)",
        "expect_resolves(lambda: 2)",
        "expect_resolves(2, engine='cascade_core')",
    ],
)
def test_marker_of_that_kind_takes_the_place_of_a_bound(suite, mark):
    expecting(suite, "resolves <= 1").run(
        f"""
        @pytest.mark.{mark}
        def test_it():
            cs.run(passing(2, noop()))
        """
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize("mark", ["expect_resolves(2)", "expect_resolves(None)"])
@pytest.mark.parametrize("place", ["module", "class", "parameters"])
def test_marker_of_that_kind_takes_the_place_of_a_bound_wherever_it_is(suite, mark, place):
    source = {
        "module": f"""
            pytestmark = pytest.mark.{mark}

            def test_it():
                cs.run(passing(2, noop()))
        """,
        "class": f"""
            @pytest.mark.{mark}
            class TestIt:
                def test_it(self):
                    cs.run(passing(2, noop()))
        """,
        "parameters": f"""
            @pytest.mark.parametrize("n", [pytest.param(2, marks=pytest.mark.{mark})])
            def test_it(n):
                cs.run(passing(n, noop()))
        """,
    }[place]

    expecting(suite, "resolves <= 1").run(source).assert_outcomes(passed=1)


def test_marker_of_that_kind_that_does_not_hold_is_told_instead_of_the_bound(suite):
    result = expecting(suite, "resolves <= 1").run(
        """
        @pytest.mark.expect_resolves(3)
        def test_it():
            cs.run(passing(2, noop()))
        """
    )

    assert told(result)[0] == f"expect_resolves(3): {TWO}"
    assert "cascade_expect" not in result.stdout.str()


def test_marker_takes_the_place_of_all_bounds_on_its_counter_and_of_no_other(suite):
    result = expecting(suite, "resolves <= 1", "resolves >= 3", "hits >= 2").run(
        """
        @pytest.mark.expect_resolves(2)
        def test_it():
            cs.run(passing(2, noop()))
        """
    )

    assert [line for line in told(result) if "expect" in line] == [
        "cascade_expect: hits >= 2: the plan cache was hit 1 time"
    ]


@pytest.mark.parametrize("mark", ["expect_executions(passing=3)", "expect_executions('noop', 1)"])
def test_marker_that_names_a_task_lifts_no_bound(suite, mark):
    result = expecting(suite, "executions <= 3").run(
        f"""
        @pytest.mark.{mark}
        def test_it():
            cs.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(failed=1)
    assert told(result)[0] == "cascade_expect: executions <= 3: a task was executed 4 times"


def test_wrong_marker_is_told_before_the_bound(suite):
    result = expecting(suite, "resolves <= 1").run(
        """
        @pytest.mark.expect_iterations(1)
        def test_it():
            cs.run(passing(2, noop()))
        """
    )

    assert told(result)[:2] == [
        "expect_iterations(1): the target was iterated 3 times",
        f"cascade_expect: resolves <= 1: {TWO}",
    ]


def test_bound_takes_part_in_xfail(suite):
    expecting(suite, "resolves <= 1").run(
        """
        @pytest.mark.xfail(strict=True, raises=AssertionError)
        def test_it():
            cs.run(passing(2, noop()))
        """
    ).assert_outcomes(xfailed=1)


def test_error_of_the_body_stands_and_the_bound_is_a_note(suite):
    result = expecting(suite, "resolves <= 1").run(TWICE + "        raise LookupError('mine')\n")

    result.stdout.fnmatch_lines(
        [
            "E *LookupError: mine",
            f"E *cascade_expect: resolves <= 1: {TWO}",
            "FAILED test_inner.py::test_it - LookupError: mine",
        ]
    )


@pytest.mark.slow
def test_bound_is_for_tests_on_workers(suite):
    result = expecting(suite, "resolves <= 1").run_on_workers(
        TWICE + "\n    def test_other(): ...\n", "-p", "no:hypothesispytest"
    )

    result.assert_outcomes(failed=1, passed=1)
    assert told(result)[0] == f"cascade_expect: resolves <= 1: {TWO}"


# Benchmarks

BENCH = """
    @pytest.mark.cascade_bench(iterations=2)
    def test_it(cascade_bench):
        cascade_bench(lambda n: passing(n, noop()))
"""


def test_bound_is_for_each_round_of_a_benchmark_and_not_for_its_warmup(suite):
    expecting(suite, "resolves <= 0").run(BENCH).assert_outcomes(passed=1)
    result = expecting(suite, "hits <= 2").run(BENCH)

    result.assert_outcomes(failed=1)
    assert told(result)[-1].endswith(
        "factory, round 1 of 1: cascade_expect: hits <= 2: the plan cache was hit 3 times"
    )


def test_round_that_did_unexpected_work_is_told_without_errors_of_ours(suite):
    result = expecting(suite, "hits <= 2").run(BENCH)

    result.assert_outcomes(failed=1)
    assert "During handling of the above exception" not in result.stdout.str()


def test_bound_is_for_rounds_that_are_measured(suite):
    result = expecting(suite, "hits <= 2").run(
        BENCH, "--cascade-bench", "-o", "cascade_bench_rounds=1"
    )

    result.assert_outcomes(failed=1)


def test_marker_takes_the_place_of_a_bound_on_rounds(suite):
    expecting(suite, "hits <= 2").run(
        "    @pytest.mark.expect_cache_hits(3)" + BENCH
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "call",
    [
        "cascade_bench(lambda n: sum(range(n)))",
        "cascade_bench.compare(loop=lambda n: passing(n, noop()), plain=lambda n: sum(range(n)))",
    ],
)
def test_bound_is_not_for_contenders_that_run_no_engine(suite, call):
    expecting(suite, "resolves <= 0").run(
        f"""
        @pytest.mark.cascade_bench(iterations=2)
        def test_it(cascade_bench):
            {call}
        """
    ).assert_outcomes(passed=1)


# Another engine

TOY = """
    import toy_engine

    def run_toy(times):
        toy_engine.clear()
        for a in range(times):
            toy_engine.evaluate(f"a * {a}", a=1)
"""


@pytest.fixture
def toy_suite(suite):
    suite.pytester.copy_example(str(EXAMPLES / "another_engine"))
    (suite.pytester.path / "test_toy_engine.py").unlink()
    return suite


def test_bound_may_be_about_another_engine(toy_suite):
    result = expecting(toy_suite, "toy.resolves == 1").run(
        TOY
        + """
    def test_right():
        run_toy(1)

    def test_wrong():
        run_toy(2)
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"E   UnexpectedWork: cascade_expect: toy.resolves == 1: {TWO}"])


def test_bound_is_about_the_engine_it_names_alone(toy_suite):
    expecting(toy_suite, "toy.resolves == 1", "resolves == 2").run(
        TOY
        + TWICE
        + """
    def test_toy():
        run_toy(1)

    def test_both():
        run_toy(1)
        cs.run(passing(2, noop()))
        """
    ).assert_outcomes(passed=3)


def test_marker_about_one_engine_lifts_no_bound_on_another(toy_suite):
    result = expecting(toy_suite, "toy.resolves == 1").run(
        TOY
        + """
    @pytest.mark.expect_resolves(2)
    def test_ours():
        cs.run(passing(2, noop()))
        run_toy(2)

    @pytest.mark.expect_resolves(2, engine="toy")
    def test_theirs():
        run_toy(2)
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_inner.py::test_ours - *"])


def test_bound_on_what_an_engines_probe_does_not_count_is_a_usage_error(toy_suite):
    result = expecting(toy_suite, "toy.builds <= 1").run(TOY)

    assert_refused(
        result,
        "cascade_expect: builds of 'toy' are not counted, only hits, lookups, misses, resolves",
    )


# The engine that is meant by default


def test_markers_mean_the_default_engine_of_the_ini(toy_suite):
    toy_suite.configure("cascade_default_engine = toy")

    result = toy_suite.run(
        TOY
        + """
    @pytest.mark.expect_resolves(2)
    def test_right():
        run_toy(2)

    @pytest.mark.expect_resolves(1)
    def test_wrong():
        run_toy(2)

    @pytest.mark.expect_resolves(2, engine="cascade_core")
    def test_ours():
        cs.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"E   UnexpectedWork: expect_resolves(1): {TWO}"])


def test_bounds_mean_the_default_engine_of_the_ini(toy_suite):
    toy_suite.configure("cascade_default_engine = toy", "cascade_expect = resolves == 1")

    result = toy_suite.run(
        TOY
        + TWICE
        + """
    def test_toy():
        run_toy(2)
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_inner.py::test_toy - *"])


def test_markers_mean_cascade_core_if_the_ini_names_no_engine(toy_suite):
    result = toy_suite.run(
        TOY
        + """
    @pytest.mark.expect_resolves(2)
    def test_it():
        run_toy(2)
        """
    )

    assert told(result) == ["expect_resolves(2): no engine ran in this test"]


@TO_RUN
def test_default_engine_without_a_probe_is_a_usage_error(suite, args):
    suite.configure("cascade_default_engine = dask")

    result = suite.run(TWICE, *args)

    assert_refused(result, "cascade_default_engine: unknown engine 'dask', known: 'cascade_core'")
