"""The fixture `cache_inspector`: counts, timeline and claims about blocks."""

import pytest


def test_counts_are_of_all_engines_since_the_test_began(suite):
    result = suite.run(
        """
        @pytest.fixture
        def warm(engine):
            asyncio.run(engine.run(countdown(3, noop())))
            return engine

        def test_it(cache_inspector, warm):
            asyncio.run(warm.run(countdown(3, noop())))
            cs.run(passing(1, noop()))
            seen = cache_inspector
            assert (seen.lookups, seen.hits, seen.misses) == (6, 4, 2)
            assert (seen.resolves, seen.builds, seen.iterations) == (2, 2, 6)
            assert (seen.evictions, seen.attempts, seen.reuses) == (0, 11, 0)
            assert seen.executions == {"countdown": 4, "noop": 5, "passing": 2}
            assert [miss.reason for miss in seen.misses_seen] == ["first_seen", "structure"]
        """
    )

    result.assert_outcomes(passed=1)


def test_counts_are_nothing_in_set_up_and_final_in_teardown(suite):
    result = suite.run(
        """
        @pytest.fixture
        def checked(cache_inspector, engine):
            asyncio.run(engine.run(noop()))
            assert cache_inspector.iterations == 0
            yield
            asyncio.run(engine.run(noop()))
            assert cache_inspector.iterations == 1

        def test_it(checked, engine):
            asyncio.run(engine.run(noop()))
        """
    )

    result.assert_outcomes(passed=1)


def test_entries_are_the_plans_of_all_engines_alive(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            other = cs.Engine()
            await engine.run(passing(1, noop()))
            await other.run(noop())
            entries = cache_inspector.entries()
            assert sorted((e.root, e.nodes) for e in entries) == [
                ("noop", 1), ("passing", 1), ("passing", 2)
            ]
        """
    )

    result.assert_outcomes(passed=1)


def test_explain_lists_each_resolve_and_its_reason(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            assert cache_inspector.explain() == "nothing was planned"
            await engine.run(passing(2, noop()))
            first, second = cache_inspector.explain().splitlines()
            assert first == "  1. passing · 2 nodes · first seen"
            assert second.startswith(
                "  2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
                "      test_inner.py:"
            )
        """
    )

    result.assert_outcomes(passed=1)


def test_reset_changes_its_own_view_only(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(2)
        async def test_it(engine, cache_inspector):
            await engine.run(countdown(2, noop()))
            cache_inspector.reset()
            assert cache_inspector.iterations == 0
            await engine.run(passing(0))
            assert cache_inspector.executions == {"passing": 1}
            assert len(cache_inspector.misses_seen) == 1
            assert cache_inspector.explain().startswith("  1. passing · 1 node · first seen")
        """
    )

    result.assert_outcomes(passed=1)


def test_block_that_does_as_expected_passes(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            await engine.run(countdown(3, noop()))
            with cache_inspector.expect(
                resolves=0,
                hits=at_least(4),
                iterations=at_most(4),
                executions={"noop": 4, "countdown": at_least(1)},
            ) as work:
                assert work.hits == 0
                await engine.run(countdown(3, noop()))
                assert work.hits == 4
            await engine.run(countdown(3, noop()))
            assert work.hits == 4
            with cache_inspector.expect(executions=8, attempts=at_most(8)):
                await engine.run(countdown(3, noop()))
        """
    )

    result.assert_outcomes(passed=1)


def test_block_that_does_otherwise_fails_at_its_with_statement(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            await engine.run(countdown(3, noop()))
            with cache_inspector.expect(resolves=1, hits=at_least(9)):
                await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       with cache_inspector.expect(resolves=1, hits=at_least(9)):",
            "E *expect(resolves=1): the solver was called 2 times",
            "E *expect(hits=at_least(9)): the plan cache was hit 1 time",
            "E *1. passing *",
            "E *2. passing *",
        ]
    )
    result.stdout.no_fnmatch_line("*blocks.py*")


def test_block_in_which_no_engine_ran_fails(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            await engine.run(noop())
            with cache_inspector.expect(resolves=0):
                pass
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *expect(resolves=0): no engine ran in this block"])


def test_block_into_which_a_run_reaches_is_no_empty_one(suite):
    result = suite.run(
        """
        @cs.task
        async def slow(n):
            await asyncio.sleep(0)
            return slow(n - 1) if n else "done"

        async def test_it(engine, cache_inspector):
            running = asyncio.ensure_future(engine.run(slow(20)))
            while not cache_inspector.iterations:
                await asyncio.sleep(0)
            with cache_inspector.expect(resolves=0, iterations=at_least(1)):
                await running
        """
    )

    result.assert_outcomes(passed=1)


def test_error_of_a_block_stands_and_ours_is_a_note(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            with cache_inspector.expect(resolves=5):
                await engine.run(noop())
                raise ValueError("mine")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *ValueError: mine", "E *expect(resolves=5): the solver was called 1 time"]
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("resolve=1", "TypeError: expect: unknown counter 'resolve', valid: attempts, *"),
        ("", "TypeError: expect: no counter given, valid: attempts, *"),
        ("resolves='x'", "ValueError: expect: resolves must be an int >= 0, got 'x'"),
        ("resolves=at_least(-1)", "ValueError: at_least must be an int >= 0, got -1"),
        ("resolves=at_most(True)", "ValueError: at_most must be an int >= 0, got True"),
        ("hits={'noop': 1}", "TypeError: expect: hits are not counted by task, *"),
        (
            "executions={'noop': -1}",
            "ValueError: expect: executions of 'noop' must be an int >= 0, got -1",
        ),
    ],
)
def test_claim_about_a_block_that_makes_no_sense_raises_at_once(suite, arguments, error):
    result = suite.run(
        f"""
        def test_it(cache_inspector):
            with cache_inspector.expect({arguments}):
                raise AssertionError("not reached")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *{error}"])
    result.stdout.no_fnmatch_line("*not reached*")


def test_unknown_task_of_a_block_fails_and_lists_the_known(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            with cache_inspector.expect(executions={"typo": 0}):
                await engine.run(noop())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *no task is called 'typo', known: 'noop', *"])


def test_no_resolves_lets_warm_runs_pass(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            await engine.run(countdown(1, noop()))
            with cache_inspector.no_resolves():
                await engine.run(countdown(5, noop()))
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1)


def test_no_resolves_raises_at_the_run_that_has_to_plan(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            await engine.run(passing(0, noop()))
            with cache_inspector.no_resolves():
                await engine.run(passing(1, noop()))
                raise ValueError("not reached")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">           await engine.run(passing(1, noop()))",
            "E *no_resolves(): 'passing' (test_inner.py:*) had to be planned · "
            "structure: passing(dep=) was noop(), now a literal",
            "test_inner.py:*: UnexpectedWork",
        ]
    )
    result.stdout.no_fnmatch_line("*cascade_core*.py:*")


def test_no_resolves_raises_again_if_somebody_swallowed_it(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            with cache_inspector.no_resolves():
                try:
                    await engine.run(noop())
                except AssertionError:
                    pass
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [">       with cache_inspector.no_resolves():", "E *no_resolves(): 'noop' *"]
    )


def test_no_resolves_is_a_note_on_another_error(suite):
    result = suite.run(
        """
        async def test_it(engine, cache_inspector):
            with cache_inspector.no_resolves():
                try:
                    await engine.run(noop())
                except AssertionError:
                    raise ValueError("mine") from None
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ValueError: mine", "E *no_resolves(): 'noop' *"])


def test_nested_blocks_are_judged_each_by_what_is_in_it(suite):
    result = suite.run(
        """
        async def test_right(engine, cache_inspector):
            with cache_inspector.expect(resolves=2, runs=3) as outer:
                await engine.run(noop())
                with cache_inspector.expect(resolves=0, hits=1) as inner:
                    await engine.run(noop())
                    assert (outer.runs, inner.runs) == (2, 1)
                await engine.run(countdown(0))
                assert (outer.runs, inner.runs) == (3, 1)
            assert (outer.resolves, inner.resolves) == (2, 0)

        async def test_inner_is_wrong(engine, cache_inspector):
            with cache_inspector.expect(resolves=1):
                with cache_inspector.expect(resolves=0):
                    await engine.run(noop())

        async def test_outer_is_wrong(engine, cache_inspector):
            with cache_inspector.expect(resolves=2):
                with cache_inspector.expect(resolves=1):
                    await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *expect(resolves=0): the solver was called 1 time",
            "E *expect(resolves=2): the solver was called 1 time",
        ]
    )


def test_engine_is_usable_after_planning_was_refused(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(2)
        async def test_it(engine, cache_inspector):
            await engine.run(noop())
            with pytest.raises(AssertionError), cache_inspector.no_resolves():
                await engine.run(countdown(1))
            assert await engine.run(countdown(0)) == "done"
            assert await engine.run(noop()) == "ok"
            with cache_inspector.no_resolves():
                assert await engine.run(countdown(0)) == "done"
        """
    )

    result.assert_outcomes(passed=1)
