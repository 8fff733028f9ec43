"""Every way pytest is run: the verdicts are the same, and so is what they say."""

import sys
from xml.etree import ElementTree

import pytest

SYNC = """
    def test_plain(): ...

    @pytest.mark.expect_iterations(1)
    def test_right():
        cs.run(noop())

    @pytest.mark.expect_iterations(1)
    def test_wrong():
        cs.run(countdown(1))

    def test_unmarked():
        cs.run(countdown(1))
"""

ASYNC = """
    @pytest.mark.expect_iterations(1)
    async def test_async_right(engine):
        await engine.run(noop())

    @pytest.mark.expect_iterations(1)
    async def test_async_wrong(engine):
        await engine.run(countdown(1))
"""

BOTH = SYNC + ASYNC

PASSED = ""
VERDICT = "UnexpectedWork: expect_iterations(1): the target was iterated 2 times"

SYNC_VERDICTS = [
    ("test_plain", PASSED),
    ("test_right", PASSED),
    ("test_wrong", VERDICT),
    ("test_unmarked", PASSED),
]

VERDICTS = [*SYNC_VERDICTS, ("test_async_right", PASSED), ("test_async_wrong", VERDICT)]

WITHOUT_ASYNCIO = """
[pytest]
filterwarnings = error
addopts = --strict-markers --strict-config
"""

JUNIT = "--junitxml=junit.xml"

# The second is how a stepwise session ends.
FAILED = {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}


def verdicts(suite):
    """The tests of the latest session with ``JUNIT``, in its order, and what failed each."""
    cases = ElementTree.parse(suite.pytester.path / "junit.xml").iter("testcase")
    return [(case.attrib["name"], _told(case)) for case in cases]


def _told(case):
    told = [each for tag in ("failure", "error", "skipped") for each in case.iter(tag)]
    return "; ".join(each.attrib["message"].splitlines()[0] for each in told)


def judged(suite, source, *args):
    """Run in this process and tell what became of each test."""
    result = suite.run(source, JUNIT, *args)
    assert result.ret in FAILED
    return verdicts(suite)


def judged_apart(suite, source, *args):
    """Run in a process of its own and tell what became of each test."""
    result = suite.run_apart(source, JUNIT, *args)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    return verdicts(suite)


@pytest.mark.parametrize(
    "way",
    [
        "--assert=plain",
        "--benchmark-disable",
        "--benchmark-skip",
        "--capture=fd",
        "--capture=no",
        "--capture=sys",
        "--capture=tee-sys",
        "--color=yes",
        "--durations=3",
        "--full-trace",
        "--import-mode=append",
        "--import-mode=importlib",
        "--import-mode=prepend",
        "--maxfail=9",
        "--no-header --no-summary",
        "--runxfail",
        "--strict-config",
        "--strict-markers",
        "--tb=no",
        "-W error",
        "-o console_output_style=classic",
        "-p no:anyio",
        "-p no:benchmark",
        "-p no:cacheprovider",
        "-p no:debugging",
        "-p no:doctest",
        "-p no:faulthandler",
        "-p no:hypothesispytest",
        "-p no:logging",
        "-p no:mock",
        "-p no:randomly",
        "-p no:terminal",
        "-p no:unittest",
        "-p no:xdist",
        "-q",
        "-qq",
        "-rA",
        "-s",
        "-v",
        "-vv",
    ],
)
def test_verdicts_are_the_same_with(suite, way):
    assert judged(suite, BOTH, *way.split()) == VERDICTS


def test_failure_is_shown_in_colour(suite):
    result = suite.run(BOTH, "--color=yes")

    result.stdout.fnmatch_lines([f"*\x1b[31mE   {VERDICT}\x1b[0m"])


def test_failure_is_shown_even_when_quietest(suite):
    result = suite.run(SYNC, "-qq")

    result.stdout.fnmatch_lines([f"E   {VERDICT}"])


def test_verdicts_are_the_same_without_asyncio(suite):
    suite.pytester.makefile(".ini", pytest=WITHOUT_ASYNCIO)

    assert judged(suite, SYNC, "-p", "no:asyncio") == SYNC_VERDICTS


# Which tests run


@pytest.mark.parametrize(
    ("way", "chosen"),
    [
        ("-x", VERDICTS[:3]),
        ("--maxfail=1", VERDICTS[:3]),
        ("--maxfail=2", VERDICTS),
        ("--stepwise", VERDICTS[:3]),
        ("-k wrong", [VERDICTS[2], VERDICTS[5]]),
        ("-k wrong --deselect=test_inner.py::test_async_wrong", [VERDICTS[2]]),
        ("test_inner.py::test_wrong", [VERDICTS[2]]),
        ("test_inner.py::test_async_wrong test_inner.py::test_right", [VERDICTS[5], VERDICTS[1]]),
        ("--ff", VERDICTS),
        ("--lf", VERDICTS),
        ("--nf", VERDICTS),
    ],
)
def test_tests_that_are_chosen_are_judged_by(suite, way, chosen):
    assert judged(suite, BOTH, *way.split()) == chosen


def test_last_failed_tests_are_judged_again(suite):
    judged(suite, BOTH)

    assert judged(suite, BOTH, "--lf") == [VERDICTS[2], VERDICTS[5]]


def test_failed_first_tests_are_judged_again(suite):
    judged(suite, BOTH)

    assert judged(suite, BOTH, "--ff") == [VERDICTS[each] for each in (2, 5, 0, 1, 3, 4)]


def test_stepwise_goes_on_at_the_wrong_test_and_judges_it_again(suite):
    judged(suite, BOTH, "--stepwise")

    assert judged(suite, BOTH, "--stepwise") == [VERDICTS[2]]


def test_last_failed_test_passes_once_it_is_right(suite):
    judged(suite, SYNC)
    result = suite.run(SYNC.replace("cs.run(countdown(1))", "cs.run(noop())"), JUNIT, "--lf")

    assert result.ret == pytest.ExitCode.OK
    assert verdicts(suite) == [("test_wrong", PASSED)]


@pytest.mark.parametrize("way", ["--collect-only", "--setup-only", "--setup-plan"])
def test_nothing_is_judged_where_nothing_is_called(suite, way):
    result = suite.run(BOTH, way)

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*test_async_wrong*"])


def test_tests_that_benchmark_only_skips_are_not_judged(suite, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # there nothing is benchmarked

    result = suite.run(
        SYNC
        + """
    @pytest.mark.expect_iterations(at_least(2))
    def test_benchmark(benchmark):
        benchmark.pedantic(lambda: cs.run(countdown(1)), rounds=2)

    @pytest.mark.expect_iterations(1)
    def test_wrong_benchmark(benchmark):
        benchmark.pedantic(lambda: cs.run(countdown(1)), rounds=1)
        """,
        JUNIT,
        "--benchmark-only",
    )

    result.assert_outcomes(passed=1, failed=1, skipped=4)
    assert ("test_wrong_benchmark", VERDICT) in verdicts(suite)


# In which order


SEEDS = [1, 22, 333, 4444]


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_are_the_same_in_random_order(suite, seed):
    told = judged(suite, BOTH, "-p", "randomly", f"--randomly-seed={seed}")

    assert sorted(told) == sorted(VERDICTS)


@pytest.mark.slow
def test_random_order_is_another_order(suite):
    orders = {
        tuple(judged(suite, BOTH, "-p", "randomly", f"--randomly-seed={seed}")) for seed in SEEDS
    }

    assert len(orders) > 1


# Configured from where


def test_verdicts_are_the_same_with_the_root_elsewhere(suite):
    root = suite.pytester.mkdir("elsewhere")
    told = judged(suite, BOTH, f"--rootdir={root}", "test_inner.py")

    assert told == VERDICTS


def test_place_of_a_changed_structure_is_told_with_the_root_elsewhere(suite):
    root = suite.pytester.mkdir("elsewhere")
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        def test_it():
            cs.run(passing(2, noop()))
        """,
        f"--rootdir={root}",
        "test_inner.py",
    )

    result.stdout.fnmatch_lines(["E * structure: passing(dep=) was noop()*test_inner.py:[0-9]*"])


def test_verdicts_are_the_same_with_another_ini(suite):
    suite.pytester.path.joinpath("pytest.ini").rename("other.ini")

    assert judged(suite, BOTH, "-c", "other.ini") == VERDICTS


def test_verdicts_are_the_same_with_pyproject(suite):
    suite.pytester.path.joinpath("pytest.ini").unlink()
    suite.pytester.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        asyncio_mode = "auto"
        asyncio_default_fixture_loop_scope = "function"
        cascade_bench_rounds = "3"
        filterwarnings = ["error"]
        addopts = ["--strict-markers", "--strict-config"]
        """
    )

    assert judged(suite, BOTH) == VERDICTS


def test_verdicts_are_the_same_with_options_of_the_environment(suite, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{JUNIT} -p no:cacheprovider -k wrong")
    result = suite.run(SYNC)

    result.assert_outcomes(failed=1, deselected=3)
    assert verdicts(suite) == [VERDICTS[2]]


def test_plugin_is_loaded_by_name_beside_others(suite, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    told = judged(suite, BOTH, "-p", "pytest_asyncio.plugin", "-p", "cascade")

    assert told == VERDICTS


def test_naming_the_plugin_once_more_changes_nothing(suite):
    assert judged(suite, BOTH, "-p", "cascade") == VERDICTS


def test_suite_without_marks_runs_without_the_plugin(suite):
    result = suite.run(
        """
        def test_it():
            cs.run(countdown(1))
        """,
        "-p",
        "no:cascade",
    )

    result.assert_outcomes(passed=1)


# In processes of their own


@pytest.mark.slow
def test_verdicts_are_the_same_in_sessions_that_a_script_starts(suite):
    suite.write(BOTH)
    suite.pytester.makepyfile(
        script=f"""
        import pytest

        args = ["-p", "no:randomly", "-p", "no:xdist"]
        assert pytest.main([*args, "-k", "right"]) == pytest.ExitCode.OK
        assert pytest.main([*args, {JUNIT!r}]) == pytest.ExitCode.TESTS_FAILED
        """
    )
    result = suite.pytester.run(sys.executable, "script.py")

    assert result.ret == 0
    assert verdicts(suite) == VERDICTS


@pytest.mark.slow
@pytest.mark.parametrize("args", [(), ("-p", "no:terminal")])
def test_verdicts_are_the_same_in_a_process_with_every_plugin(suite, args):
    assert sorted(judged_apart(suite, BOTH, *args)) == sorted(VERDICTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cascade", "pytest_cascade.plugin"])
def test_plugin_is_loaded_by_name_where_none_is_loaded_by_itself(suite, monkeypatch, name):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    suite.pytester.makefile(".ini", pytest=WITHOUT_ASYNCIO)

    assert judged_apart(suite, SYNC, "-p", name) == SYNC_VERDICTS


@pytest.mark.slow
def test_plugin_is_loaded_by_the_suite_where_none_is_loaded_by_itself(suite):
    suite.pytester.makefile(".ini", pytest=WITHOUT_ASYNCIO)
    suite.pytester.makeconftest("pytest_plugins = ['pytest_cascade.plugin']")

    assert judged_apart(suite, SYNC, "--disable-plugin-autoload") == SYNC_VERDICTS


@pytest.mark.slow
def test_anyio_tests_are_judged_beside_asyncio(suite):
    suite.configure(asyncio_mode="strict")
    source = """
    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend():
        return "asyncio"
    """

    told = judged_apart(suite, source + ASYNC, "-p", "no:randomly")

    assert told == VERDICTS[-2:]


@pytest.mark.slow
def test_anyio_tests_are_judged_without_asyncio(suite):
    suite.pytester.makefile(".ini", pytest=WITHOUT_ASYNCIO)
    source = """
    pytestmark = pytest.mark.anyio

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "asyncio"

    @pytest.fixture(scope="module")
    async def warm(anyio_backend):
        made = cs.Engine()
        await made.run(countdown(3))
        yield made
        await made.run(countdown(3))

    @pytest.mark.expect_iterations(1)
    async def test_right(warm):
        await warm.run(noop())

    @pytest.mark.expect_iterations(1)
    async def test_wrong(warm):
        await warm.run(countdown(1))
    """

    told = judged_apart(suite, source, "-p", "no:asyncio", "-p", "no:randomly")

    assert told == [("test_right", PASSED), ("test_wrong", VERDICT)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("distribution", "times"),
    [
        ("each", 2),
        ("load", 1),
        ("loadfile", 1),
        ("loadgroup", 1),
        ("loadscope", 1),
        ("no", 1),
        ("worksteal", 1),
    ],
)
def test_verdicts_are_the_same_on_workers(suite, monkeypatch, distribution, times):
    # What takes long is starting the workers with plugins that have no part in this.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ["-p", "cascade", "-p", "pytest_asyncio.plugin", "-p", "xdist"]
    told = judged_apart(suite, BOTH, *plugins, "-n2", f"--dist={distribution}")

    assert sorted(told) == sorted(VERDICTS * times)
