"""What each count marker counts, and every way to state a count."""

import pytest

# Of `passing(9, noop())`: ten iterations, the first of two nodes and the others of one.
COUNTS = {
    "expect_resolves": 2,
    "expect_cache_hits": 8,
    "expect_cache_misses": 2,
    "expect_builds": 2,
    "expect_iterations": 10,
    "expect_evictions": 0,
    "expect_executions": 11,
    "expect_attempts": 11,
    "expect_reuses": 0,
}

BODY = """
    async def test_it(engine):
        await engine.run(passing(9, noop()))
"""


def marked(*marks):
    return "".join(f"\n    @pytest.mark.{mark}" for mark in marks) + BODY


@pytest.mark.parametrize(("marker", "count"), COUNTS.items())
@pytest.mark.parametrize("form", ["{0}", "exactly={0}", "at_least={0}", "at_most={0}"])
def test_marker_passes_at_its_count(suite, marker, count, form):
    result = suite.run(marked(f"{marker}({form.format(count)})"))

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(("marker", "count"), COUNTS.items())
def test_marker_fails_one_off_its_count(suite, marker, count):
    result = suite.run(marked(f"{marker}({count + 1})"))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E * {marker}({count + 1}): * {count} time*"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("at_least=12", "at_least=12"),
        ("at_most=10", "at_most=10"),
        ("at_least=0, at_most=10", "at_least=0, at_most=10"),
        ("at_most(10)", "at_most=10"),
        ("exactly=12", "12"),
    ],
)
def test_bound_that_is_broken_fails(suite, arguments, text):
    result = suite.run(marked(f"expect_executions({arguments})"))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*: expect_executions({text}): a task was executed 11 times"])


def test_evictions_are_counted(suite):
    result = suite.run(
        """
        @pytest.mark.expect_evictions(1)
        @pytest.mark.cascade_engine(max_plans=1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(passed=1)


REUSING = """
    @cs.task(pure=True)
    def double(x):
        return 2 * x

    @cs.task
    def flaky(calls=[]):
        calls.append(1)
        if len(calls) < 3:
            raise ValueError
        return double.map(x=[1, 1, 2])

    @pytest.mark.expect_reuses({reuses})
    @pytest.mark.expect_executions(double=2, flaky=1)
    @pytest.mark.expect_attempts(double=2, flaky={attempts})
    async def test_it(engine, cache_inspector):
        await engine.run(flaky().with_retry(3))
        assert (cache_inspector.reuses, cache_inspector.attempts) == (1, 5)
"""


def test_reuses_and_attempts_are_counted(suite):
    result = suite.run(REUSING.format(reuses=1, attempts=3))

    result.assert_outcomes(passed=1)


def test_reuses_and_attempts_one_off_fail_with_what_happened(suite):
    result = suite.run(REUSING.format(reuses="at_least=2", attempts=2))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '*expect_attempts("flaky", 2): the function of *flaky* was called 3 times',
            "*expect_reuses(at_least=2): a value was reused 1 time",
        ]
    )


def test_inputs_are_no_known_tasks(suite):
    result = suite.run(
        """
        @pytest.mark.expect_executions("Param", 0)
        async def test_it(engine):
            await engine.run(passing(1, cs.Param("p", 1)))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no task is called 'Param', known: 'passing', *"])


@pytest.mark.parametrize(
    "arguments",
    [
        '"noop", 1',
        '"noop", at_least=1',
        '"noop", at_most=1',
        "noop=1, passing=10",
        "noop=at_least(1)",
        '"passing", 10, noop=1',
        "11, noop=1",
        '"countdown", 0',
    ],
)
@pytest.mark.parametrize("marker", ["expect_executions", "expect_attempts"])
def test_named_tasks_are_counted_apart(suite, marker, arguments):
    result = suite.run(marked(f"{marker}({arguments})"))

    result.assert_outcomes(passed=1)


def test_named_task_fails_by_its_own_count(suite):
    result = suite.run(marked("expect_executions(noop=2, passing=10)"))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E *: expect_executions("noop", 2): *noop* executed 1 time'])


def test_unknown_task_fails_and_lists_the_known(suite):
    result = suite.run(marked('expect_executions("typo", 0)'))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no task is called 'typo', known: 'noop', 'passing', *"])


@pytest.mark.parametrize(
    "arguments",
    [
        "lambda n: n + 1",
        "exactly=lambda n, extra=1: n + extra",
        "at_least=lambda n: n",
        "at_most=steps",
        "at_least=lambda n: n, at_most=lambda n: n + 1",
        "lambda n, four: n + four - 3",
        "lambda n=99: n + 1",
    ],
)
def test_count_may_be_a_function_of_parameters_and_fixtures(suite, arguments):
    result = suite.run(
        f"""
        @pytest.fixture
        def four():
            return 4

        def steps(n):
            return n + 1

        @pytest.mark.parametrize("n", [0, 5])
        @pytest.mark.expect_iterations({arguments})
        async def test_it(engine, four, n):
            await engine.run(countdown(n))
        """
    )

    result.assert_outcomes(passed=2)


def test_function_that_gives_no_count_fails_and_says_so(suite):
    result = suite.run(
        """
        @pytest.mark.parametrize("n", [-3])
        @pytest.mark.expect_iterations(lambda n: n)
        async def test_it(engine, n):
            await engine.run(countdown(1))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*expect_iterations: count must be an int >= 0, got -3 from *n=-3*"]
    )


def test_functions_whose_bounds_admit_nothing_fail_and_say_so(suite):
    result = suite.run(
        """
        @pytest.mark.parametrize("n", [1])
        @pytest.mark.expect_iterations(at_least=lambda n: n + 5, at_most=lambda n: n)
        async def test_it(engine, n):
            await engine.run(countdown(n))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expect_iterations: at_least=6 is more than at_most=1"])


def test_function_that_raises_fails_and_shows_its_error(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(lambda engine: engine.nothing)
        async def test_it(engine):
            await engine.run(countdown(1))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expect_iterations: <lambda>(engine=*raised AttributeError*"])


def test_marked_test_in_which_no_engine_ran_fails(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(0)
        def test_it(engine):
            pass
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *: expect_resolves(0): no engine ran in this test"])


def test_engine_named_as_default_is_the_default(suite):
    result = suite.run(marked('expect_resolves(2, engine="cascade_core")'))

    result.assert_outcomes(passed=1)


def test_every_engine_is_counted_whoever_made_it(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(3)
        @pytest.mark.expect_iterations(3)
        async def test_it(engine):
            await engine.run(noop())
            await cs.Engine().run(noop())
            await asyncio.to_thread(cs.run, noop())
        """
    )

    result.assert_outcomes(passed=1)


def test_run_in_a_thread_of_the_test_is_counted(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(1)
        def test_it():
            thread = threading.Thread(target=cs.run, args=(noop(),))
            thread.start()
            thread.join()
        """
    )

    result.assert_outcomes(passed=1)


def test_failing_run_is_counted(suite):
    result = suite.run(
        """
        @cs.task
        def broken():
            raise ValueError("broken")

        @pytest.mark.expect_executions(broken=1)
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            with pytest.raises(ValueError, match="broken"):
                await engine.run(broken())
        """
    )

    result.assert_outcomes(passed=1)
