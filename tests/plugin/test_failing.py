"""How a test fails whose work was not as stated."""

from xml.etree import ElementTree

import pytest

TOO_MANY = """
    @pytest.mark.expect_resolves(1)
    async def test_it(engine):
        await engine.run(passing(2, noop()))
"""


def test_message_lists_the_verdict_and_each_resolve_with_its_reason(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
            local = cs.task(lambda: 1, name="noop")
            await engine.run(passing(0, local()))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * expect_resolves(1): the solver was called 3 times",
            "E     1. passing · 2 nodes · first seen",
            "E     2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
            "      test_inner.py:[0-9]*",
            "E     3. passing · 2 nodes · *",
        ],
        consecutive=True,
    )


def test_redefined_task_is_named_as_the_reason(suite):
    result = suite.run(
        """
        def redefine():
            @cs.task
            def step():
                return 1
            return step()

        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(redefine())
            await engine.run(redefine())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * 2. step · 1 node · new task: 'step' was redefined"])


def test_failure_points_at_the_test_and_hides_every_plugin(suite, pytester):
    result = suite.run(TOO_MANY)

    lines = pytester.path.joinpath("test_inner.py").read_text().splitlines()
    line = lines.index("async def test_it(engine):") + 1
    result.stdout.fnmatch_lines(
        [
            "    @pytest.mark.expect_resolves(1)",
            ">   async def test_it(engine):",
            "E   UnexpectedWork: *",
            f"test_inner.py:{line}: UnexpectedWork",
            "FAILED test_inner.py::test_it - UnexpectedWork: *",
        ]
    )
    result.stdout.no_fnmatch_line("*judging.py*")
    result.stdout.no_fnmatch_line("*_callers.py*")


@pytest.mark.parametrize("style", ["short", "long", "line", "native", "no"])
def test_failure_is_shown_in_every_traceback_style(suite, style):
    result = suite.run(TOO_MANY, f"--tb={style}", "--showlocals")

    result.assert_outcomes(failed=1)
    assert "INTERNALERROR" not in result.stdout.str()
    if style != "no":
        result.stdout.fnmatch_lines(["*expect_resolves(1): the solver was called 2 times*"])


def test_all_violations_are_one_failure(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_iterations(1)
        @pytest.mark.expect_builds(2)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *expect_iterations(1): the target was iterated 3 times",
            "E *expect_resolves(1): the solver was called 2 times",
            "E *  1. passing · *",
        ],
        consecutive=True,
    )


def test_strict_xfail_takes_it_for_a_failure(suite):
    result = suite.run(
        """
        @pytest.mark.xfail(strict=True, raises=AssertionError)
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))

        @pytest.mark.xfail(strict=True)
        @pytest.mark.expect_resolves(2)
        async def test_that_passes(engine):
            await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*"])


def test_exitfirst_stops_at_it(suite):
    result = suite.run(TOO_MANY + "\n    def test_later(): ...\n", "-x")

    result.assert_outcomes(failed=1)


def test_junit_sees_a_plain_failure(suite, pytester):
    suite.run(TOO_MANY, "--junitxml=junit.xml")

    [case] = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    [failure] = case.iter("failure")
    assert failure.attrib["message"].startswith(
        "UnexpectedWork: expect_resolves(1): the solver was called 2 times"
    )


def test_error_of_the_body_stands_and_ours_is_a_note(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
            assert "body" == "wrong"
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E  *assert 'body' == 'wrong'",
            "E  *expect_resolves(1): the solver was called 2 times",
            "E  *2. passing · 1 node *",
            "FAILED test_inner.py::test_it - AssertionError: assert 'body' == 'wrong'*",
        ]
    )


@pytest.mark.parametrize("call", ["fail('called')", "fail('called', pytrace=False)"])
def test_pytest_fail_stands_and_ours_is_a_note(suite, call):
    result = suite.run(
        f"""
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
            pytest.{call}
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED *called*"])


@pytest.mark.parametrize(("call", "outcome"), [("skip('x')", "skipped"), ("xfail('x')", "xfailed")])
def test_skip_and_xfail_inside_the_body_stand(suite, call, outcome):
    result = suite.run(
        f"""
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
            pytest.{call}
        """
    )

    result.assert_outcomes(**{outcome: 1})


def test_exit_inside_the_body_stands(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        def test_it():
            pytest.exit("enough", returncode=7)
        """
    )

    assert result.ret == 7


def test_skipped_test_claims_nothing(suite):
    result = suite.run(
        """
        @pytest.mark.skip
        @pytest.mark.expect_resolves(1)
        def test_it(): ...

        @pytest.mark.xfail(run=False)
        @pytest.mark.expect_resolves(1)
        def test_not_run(): ...
        """
    )

    result.assert_outcomes(skipped=1, xfailed=1)


def test_unittest_cases_are_judged(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(1)
        class TestIt(unittest.TestCase):
            def test_right(self):
                cs.run(noop())

            def test_wrong(self):
                cs.run(countdown(1))

            @pytest.mark.expect_iterations(2)
            def test_own_mark(self):
                cs.run(countdown(1))
        """
    )

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">   def test_wrong(self):",
            "E *expect_iterations(1): the target was iterated 2 times",
            "test_inner.py:*: UnexpectedWork",
        ]
    )


def test_async_unittest_cases_are_judged(suite):
    result = suite.run(
        """
        class TestIt(unittest.IsolatedAsyncioTestCase):
            @pytest.mark.expect_iterations(1)
            async def test_right(self):
                await cs.Engine().run(noop())

            @pytest.mark.expect_iterations(1)
            async def test_wrong(self):
                await cs.Engine().run(countdown(1))
        """
    )

    result.assert_outcomes(passed=1, failed=1)


def test_error_of_a_unittest_body_stands_and_ours_is_a_note(suite):
    result = suite.run(
        """
        class TestIt(unittest.TestCase):
            @pytest.mark.expect_iterations(1)
            def test_wrong(self):
                cs.run(countdown(1))
                self.assertEqual(1, 2)

            @pytest.mark.expect_iterations(1)
            def test_skipped(self):
                self.skipTest("x")

            @unittest.expectedFailure
            @pytest.mark.expect_iterations(1)
            def test_expected(self):
                self.fail()
        """
    )

    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: 1 != 2",
            "E *expect_iterations(1): the target was iterated 2 times",
            "FAILED *AssertionError: 1 != 2*",
        ]
    )


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_async_tests_are_judged_in_both_modes(suite, mode):
    suite.configure(asyncio_mode=mode)
    result = suite.run(
        """
        @pytest.mark.asyncio
        @pytest.mark.expect_resolves(1)
        async def test_right(engine):
            await engine.run(countdown(2, noop()))

        @pytest.mark.asyncio
        @pytest.mark.expect_resolves(1)
        async def test_wrong(engine):
            await engine.run(passing(2, noop()))
        """
        if mode == "strict"
        else """
        @pytest.mark.expect_resolves(1)
        async def test_right(engine):
            await engine.run(countdown(2, noop()))
        """
        + TOO_MANY.replace("\n    ", "\n        "),
    )

    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_async_tests_are_judged_on_loops_of_every_scope(suite, scope):
    result = suite.run(
        f"""
        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.expect_resolves(1)
            async def test_right(self, engine):
                await engine.run(countdown(2, noop()))

            @pytest.mark.expect_resolves(1)
            async def test_wrong(self, engine):
                await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*left running*")


@pytest.mark.parametrize("count", [0, 1])
def test_hypothesis_examples_add_up(suite, count):
    result = suite.run(
        f"""
        from hypothesis import given, settings, strategies

        @pytest.mark.expect_iterations({count})
        @settings(max_examples=1, database=None, deadline=None)
        @given(strategies.just(0))
        def test_it(n):
            cs.run(countdown(n))
        """
    )

    result.assert_outcomes(**{"passed" if count else "failed": 1})
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.slow
def test_tests_are_judged_on_xdist_workers(suite):
    result = suite.run_on_workers(
        """
        @pytest.mark.parametrize(
            "n", [1, pytest.param(2, marks=pytest.mark.expect_iterations(3)), 3]
        )
        @pytest.mark.expect_iterations(2)
        async def test_it(engine, n):
            await engine.run(countdown(n))
        """
    )

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*expect_iterations(2): the target was iterated 4 times"])


@pytest.mark.slow
@pytest.mark.parametrize("args", [["-p", "no:randomly"], ["-p", "randomly", "-p", "no:xdist"]])
def test_tests_are_judged_in_any_order(suite, args):
    result = suite.run_apart(
        """
        @pytest.mark.parametrize("n", range(6))
        @pytest.mark.expect_iterations(lambda n: n + 1)
        async def test_it(engine, n):
            await engine.run(countdown(n))
        """,
        *args,
    )

    result.assert_outcomes(passed=6)
