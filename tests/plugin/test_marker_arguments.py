"""Arguments that make no sense, and what is said about them."""

import pytest

BAD_COUNTS = {
    "expect_resolves('two')": "expect_resolves: count must be an int >= 0, got 'two'",
    "expect_resolves(-1)": "expect_resolves: count must be an int >= 0, got -1",
    "expect_resolves(True)": "expect_resolves: count must be an int >= 0, got True",
    "expect_resolves(1.0)": "expect_resolves: count must be an int >= 0, got 1.0",
    "expect_resolves(exactly='x')": "expect_resolves: count must be an int >= 0, got 'x'",
    "expect_resolves(at_least=-1)": "expect_resolves: at_least must be an int >= 0, got -1",
    "expect_resolves(at_most=False)": "expect_resolves: at_most must be an int >= 0, got False",
    "expect_resolves(at_least=3, at_most=2)": "expect_resolves: at_least=3 is more than at_most=2",
    "expect_resolves(atleast=3)": "expect_resolves: unknown argument 'atleast', *at_least, *",
    "expect_resolves": "expect_resolves: no count given, *",
    "expect_resolves()": "expect_resolves: no count given, *",
    "expect_resolves(1, 2)": "expect_resolves: takes one count, got 2: (1, 2)",
    "expect_resolves(1, exactly=2)": "expect_resolves: an exact count stands alone, *",
    "expect_resolves(1, at_least=1)": "expect_resolves: an exact count stands alone, *",
    "expect_resolves(1, engine='jax')": (
        "expect_resolves: unknown engine 'jax', known: 'cascade_core'"
    ),
    "expect_resolves(1, engine={})": "expect_resolves: unknown engine {}, known: 'cascade_core'",
    "expect_resolves(lambda m: m)": (
        "expect_resolves: count takes 'm', which is no parameter or fixture of the test, *'engine'*"
    ),
    "expect_resolves(lambda m, /: m)": "expect_resolves: count cannot take 'm' by position, *",
    "expect_executions('fetch')": "expect_executions: no count given, *",
    "expect_executions('fetch', 'two')": (
        "expect_executions: count must be an int >= 0, got 'two'"
    ),
    "expect_executions(fetch=-1)": "expect_executions: count must be an int >= 0, got -1",
    "expect_executions('fetch', 1, fetch=1)": (
        'expect_executions: expect_executions("fetch", 1) and * stand at one level'
    ),
}

BAD_OPTIONS = {
    "cascade_engine(max_plan=1)": "cascade_engine: unknown option 'max_plan', valid: bus, *",
    "cascade_engine(max_plans=-1)": "cascade_engine: max_plans must be an int >= 0, got -1",
    "cascade_engine(slice_ms=0)": "cascade_engine: slice_ms must be a number > 0, got 0",
    "cascade_engine(solver=3)": (
        "cascade_engine: solver must be a callable that makes a solver, got 3"
    ),
    "cascade_engine(resources=3)": "cascade_engine: resources must be a mapping, got 3",
    "cascade_engine(3)": "cascade_engine: takes keywords only, got 3",
    "cascade_bench(rounds=0)": "cascade_bench: rounds must be an int > 0, got 0",
    "cascade_bench(iterations=True)": "cascade_bench: iterations must be an int > 0, got True",
    "cascade_bench(warmup=-1)": "cascade_bench: warmup must be an int >= 0, got -1",
    "cascade_bench(baseline=1)": "cascade_bench: baseline must be a contender's name, got 1",
    "cascade_bench(ratios={'x': 'y'})": "cascade_bench: ratios must be a mapping: *",
    "cascade_bench(round=1)": "cascade_bench: unknown option 'round', valid: baseline, *",
}


@pytest.mark.parametrize(("mark", "text"), (BAD_COUNTS | BAD_OPTIONS).items())
def test_bad_argument_fails_the_collection_with_file_and_line(suite, mark, text):
    result = suite.run(
        f"""
        @pytest.mark.{mark}
        def test_it(engine):
            pass

        def test_other():
            pass
        """
    )

    result.assert_outcomes(errors=1)
    # fnmatch reads brackets as sets; none of the texts has any.
    result.stdout.fnmatch_lines([f"test_inner.py:[0-9]*: {text}"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_line_of_a_bad_argument_is_that_of_the_test(suite, pytester):
    result = suite.run(
        """
        @pytest.mark.expect_resolves("two")
        def test_it():
            pass
        """
    )

    lines = pytester.path.joinpath("test_inner.py").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "expect_resolves" in text)
    result.stdout.fnmatch_lines([f"test_inner.py:{line}: expect_resolves: *"])


def test_each_bad_test_of_a_file_is_told_once(suite):
    result = suite.run(
        """
        pytestmark = pytest.mark.expect_builds(-1)

        @pytest.mark.expect_resolves("two")
        def test_one(): ...

        def test_two(): ...

        def test_three(): ...
        """
    )

    told = [line for line in result.outlines if line.startswith("test_inner.py:")]
    assert [line.partition(": ")[2] for line in told] == [
        "expect_resolves: count must be an int >= 0, got 'two'",
        "expect_builds: count must be an int >= 0, got -1",
    ]


def test_bad_argument_of_a_class_fails_its_collection(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves("two")
        class TestIt:
            def test_it(self): ...
        """
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_inner.py:*: expect_resolves: count must be an int >= 0, *"])


def test_other_files_are_collected(suite, pytester):
    pytester.makepyfile(test_good="def test_good(): ...")
    result = suite.run(
        """
        @pytest.mark.expect_resolves("two")
        def test_it(): ...
        """,
        "--continue-on-collection-errors",
    )

    result.assert_outcomes(passed=1, errors=1)


def test_named_function_taken_for_decoration_is_told(suite):
    result = suite.run(
        """
        def steps(test=None):
            return 1

        @pytest.mark.expect_iterations(steps)
        async def test_it(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_inner.py:*: expect_iterations: no count given*function*"])


@pytest.mark.slow
def test_bad_argument_is_clean_under_xdist(suite):
    result = suite.run_on_workers(
        """
        @pytest.mark.expect_resolves("two")
        def test_it(): ...
        """
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_inner.py:*: expect_resolves: count must be an int >= 0, *"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("where", ["request.node", "before"])
def test_bad_mark_added_later_fails_the_test(suite, pytester, where):
    if where == "before":
        pytester.makeconftest(
            """
            import pytest

            def pytest_runtest_setup(item):
                item.add_marker(pytest.mark.expect_resolves("two"))
            """
        )
    added = "request.node.add_marker(pytest.mark.expect_resolves('two'))"
    result = suite.run(
        f"""
        async def test_it(engine, request):
            {added if where == "request.node" else "pass"}
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_inner.py:*: expect_resolves: count must be an int >= 0*"])


def test_good_mark_added_by_a_fixture_is_judged(suite):
    result = suite.run(
        """
        @pytest.fixture
        def claim(request):
            request.node.add_marker(pytest.mark.expect_resolves(5))

        async def test_it(engine, claim):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expect_resolves(5): the solver was called 1 time"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("expect_resolve", "expect_resolves"), ("cascade_engin", "cascade_engine")],
)
def test_marker_that_is_nearly_one_of_ours_fails_the_collection(suite, pytester, name, meant):
    pytester.makefile(".ini", pytest="[pytest]\nasyncio_default_fixture_loop_scope = function")

    result = suite.run(
        f"""
        @pytest.mark.{name}(1)
        def test_it(): ...
        """,
        *("-W", "ignore::pytest.PytestUnknownMarkWarning"),
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"test_inner.py:[0-9]*: there is no marker '{name}', did you mean '{meant}'?"]
    )


def test_marker_of_others_that_begins_like_ours_is_left_alone(suite):
    suite.configure("markers =", "    expect_resolve(n): of another plugin")

    result = suite.run(
        """
        @pytest.mark.expect_resolve(1)
        def test_it(): ...
        """
    )

    result.assert_outcomes(passed=1)
