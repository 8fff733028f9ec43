"""Other plugins absent or at odds, and what an unrelated test pays."""

import sys

import pytest

import cascade_core
from pytest_cascade.work.window import Recorder

MARKED = """
    @pytest.mark.expect_iterations(1)
    async def test_right(engine):
        await engine.run(noop())

    @pytest.mark.expect_iterations(2)
    async def test_wrong(engine):
        await engine.run(noop())
"""


@pytest.mark.parametrize("plugin", ["cacheprovider", "xdist", "benchmark", "randomly", "mock"])
def test_tests_are_judged_without_plugin(suite, plugin):
    result = suite.run(MARKED, "-p", f"no:{plugin}")

    result.assert_outcomes(passed=1, failed=1)


def test_session_without_a_terminal_works(suite):
    result = suite.run(MARKED, "-p", "no:terminal")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_collect_only_runs_nothing(suite):
    result = suite.run(MARKED, "--collect-only")

    assert result.ret == pytest.ExitCode.OK


def test_doctests_are_left_alone(suite, pytester):
    pytester.maketxtfile(test_doc=">>> 1 + 1\n2\n")
    result = suite.run(MARKED, "--doctest-glob=*.txt")

    result.assert_outcomes(passed=2, failed=1)


@pytest.mark.slow
def test_unrelated_test_pays_at_most_forty_function_calls(pytester):
    pytester.makepyfile(test_empty="def test_first(): pass\ndef test_it(): pass\n")

    added = calls_of_a_test(pytester) - calls_of_a_test(pytester, "-p", "no:cascade")

    assert 0 < added <= 40


COUNTER = """
import sys

import pytest

calls = 0


def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    # The first test warms caches up.
    if item.name == "test_it":
        sys.setprofile(count)
    try:
        return (yield)
    finally:
        sys.setprofile(None)


def pytest_unconfigure():
    with open("calls.txt", "w") as file:
        file.write(str(calls))
"""


def calls_of_a_test(pytester, *args):
    pytester.makeconftest(COUNTER)
    others = ["randomly", "benchmark", "xdist", "mock", "asyncio", "cacheprovider"]
    without = [part for name in others for part in ("-p", f"no:{name}")]
    pytester.runpytest_subprocess(*without, *args).assert_outcomes(passed=2)
    return int((pytester.path / "calls.txt").read_text())


@pytest.mark.slow
def test_public_names_can_be_imported(pytester):
    code = "from pytest_cascade import *; CacheInspector, CascadeBench, SpiedSolver, at_least"

    assert pytester.run(sys.executable, "-c", code).ret == 0


def test_engine_is_no_longer_observed_after_the_session(suite, monkeypatch):
    heard = []
    monkeypatch.setattr(Recorder, "run_started", lambda self, run: heard.append(run))

    suite.run(MARKED)
    heard_in_session = len(heard)
    cascade_core.run(cascade_core.task(len)([]))

    assert heard_in_session == len(heard) == 2


@pytest.mark.slow
def test_fixture_alone_makes_the_plugin_listen(pytester):
    pytester.makepyfile(
        """
        def test_it(cache_inspector):
            import cascade_core as cs

            cs.run(cs.task(len)([]))
            assert cache_inspector.resolves == 1
        """
    )

    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)
