"""Which mark holds when several places say something."""

import pytest


def test_mark_of_a_parameter_set_wins_over_that_of_the_function(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(1)
        @pytest.mark.parametrize(
            "n", [0, pytest.param(3, marks=pytest.mark.expect_iterations(4))]
        )
        async def test_it(engine, n):
            await engine.run(countdown(n))
        """
    )

    result.assert_outcomes(passed=2)


def test_nearer_place_wins_from_function_to_module(suite):
    result = suite.run(
        """
        pytestmark = [pytest.mark.expect_iterations(1), pytest.mark.expect_builds(1)]

        async def test_module(engine):
            await engine.run(countdown(0))

        @pytest.mark.expect_iterations(2)
        class TestClass:
            async def test_class(self, engine):
                await engine.run(countdown(1, noop()))

            @pytest.mark.expect_iterations(3)
            @pytest.mark.expect_builds(at_least=1)
            async def test_function(self, engine):
                await engine.run(countdown(2, noop()))

            class TestNested:
                async def test_nested(self, engine):
                    await engine.run(countdown(1, noop()))
        """
    )

    result.assert_outcomes(passed=4)


def test_each_class_of_the_mro_is_a_place_of_its_own(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(7)
        @pytest.mark.expect_builds(at_most=2)
        class Base:
            pass

        @pytest.mark.expect_iterations(2)
        class TestDerived(Base):
            async def test_it(self, engine):
                await engine.run(passing(1, noop()))

        @pytest.mark.expect_iterations(2)
        @pytest.mark.expect_builds(1)
        class TestOther(Base):
            async def test_it(self, engine):
                await engine.run(passing(1, noop()))
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*expect_builds(1): a graph was built 2 times"])


def test_base_class_holds_where_the_derived_one_is_silent(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(7)
        class Base:
            pass

        class TestDerived(Base):
            async def test_it(self, engine):
                await engine.run(noop())
        """
    )

    result.assert_outcomes(failed=1)


def test_nearest_is_found_for_each_task_name_apart(suite):
    result = suite.run(
        """
        @pytest.mark.expect_executions(99)
        @pytest.mark.expect_executions(noop=99, passing=3)
        class TestIt:
            @pytest.mark.expect_executions(4)
            @pytest.mark.expect_executions("noop", 1)
            async def test_it(self, engine):
                await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("lifting", ["None", "exactly=None"])
def test_none_lifts_an_inherited_mark(suite, lifting):
    result = suite.run(
        f"""
        pytestmark = pytest.mark.expect_iterations(99)

        @pytest.mark.expect_iterations({lifting})
        def test_it():
            pass
        """
    )

    result.assert_outcomes(passed=1)


def test_none_lifts_the_mark_of_one_task(suite):
    result = suite.run(
        """
        pytestmark = pytest.mark.expect_executions(noop=99, passing=3)

        @pytest.mark.expect_executions("noop", None)
        async def test_it(engine):
            await engine.run(passing(2, noop()))
        """
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "source",
    [
        """
        @pytest.mark.expect_iterations(1)
        @pytest.mark.expect_iterations(2)
        def test_it(): ...
        """,
        """
        @pytest.mark.expect_iterations(1)
        @pytest.mark.expect_iterations(2)
        class TestIt:
            def test_it(self): ...
        """,
        """
        pytestmark = [pytest.mark.expect_iterations(1), pytest.mark.expect_iterations(2)]

        def test_it(): ...
        """,
        """
        marks = [pytest.mark.expect_iterations(1), pytest.mark.expect_iterations(2)]

        @pytest.mark.parametrize("n", [pytest.param(1, marks=marks)])
        def test_it(n): ...
        """,
    ],
)
def test_two_of_one_kind_at_one_level_fail_the_collection(suite, source):
    result = suite.run(source)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["test_inner.py:*: expect_iterations: expect_iterations(*) and * stand at one level"]
    )


def test_function_is_not_asked_where_a_nearer_mark_holds(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(lambda n: n)
        class TestIt:
            @pytest.mark.expect_iterations(1)
            async def test_it(self, engine):
                await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1)


def test_engine_options_are_merged_from_all_places(suite):
    result = suite.run(
        """
        pytestmark = pytest.mark.cascade_engine(max_plans=3, slice_ms=5.0)

        @pytest.mark.cascade_engine(max_plans=0)
        class TestIt:
            def test_class(self, engine):
                assert engine.plan_cache.stats.max_plans == 0

            @pytest.mark.cascade_engine(max_plans=None)
            def test_lifted(self, engine):
                assert engine.plan_cache.stats.max_plans == 1024

        def test_module(engine):
            assert engine.plan_cache.stats.max_plans == 3
        """
    )

    result.assert_outcomes(passed=3)
