"""Other plugins absent or at odds, and sessions inside sessions."""

import sys

import pytest

import cascade_core
from pytest_cascade.work import recorder

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
def test_public_names_can_be_imported(pytester):
    code = "from pytest_cascade import *; CacheInspector, CascadeBench, SpiedSolver, at_least"

    assert pytester.run(sys.executable, "-c", code).ret == 0


def test_engine_is_no_longer_observed_after_the_session(suite, monkeypatch):
    heard = []
    monkeypatch.setattr(recorder.Ear, "run_started", lambda self, run: heard.append(run))

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


@pytest.mark.slow
def test_what_a_nested_session_imported_is_not_mixed_with_later_imports(pytester):
    inner = """
        import cascade_core as cs
        import pytest
        from pytest_cascade import at_least

        @pytest.mark.expect_iterations(at_least(1))
        def test_inner(cache_inspector):
            cs.run(cs.task(len)([]))
            assert cache_inspector.iterations == 1
    """
    pytester.makepyfile(
        f"""
        import pytest

        pytest_plugins = ["pytester"]

        def test_nested(pytester):
            pytester.makepyfile({inner!r})
            pytester.runpytest_inprocess().assert_outcomes(passed=1)

        @pytest.fixture
        def claim(request):
            from pytest_cascade import at_least

            request.node.add_marker(pytest.mark.expect_iterations(at_least(1)))

        def test_later(claim, request):
            import cascade_core as cs

            inspector = request.getfixturevalue("cache_inspector")
            cs.run(cs.task(len)([]))
            assert inspector.iterations == 1
        """
    )

    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)
