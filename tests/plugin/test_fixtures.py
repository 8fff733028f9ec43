"""The fixtures `engine` and `spied_solver`, and the marker that configures them."""


def test_engine_is_fresh_for_each_test(suite):
    result = suite.run(
        """
        @pytest.mark.parametrize("time", [1, 2])
        @pytest.mark.expect_resolves(1)
        async def test_it(engine, time):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=2)


def test_spied_solver_is_the_engines(suite):
    result = suite.run(
        """
        async def test_it(spied_solver, engine):
            assert engine.solver is spied_solver
            assert isinstance(spied_solver, cs.Solver)
            await engine.run(passing(2, noop()))
            assert spied_solver.call_count == 2
            first, second = spied_solver.calls
            assert len(first.graph.nodes) == 2
            assert first.plan == cs.NativeSolver().resolve(first.graph)
            assert [str(first.miss), second.miss.reason] == ["first seen", "structure"]
            assert second.duration_ns > 0
        """
    )

    result.assert_outcomes(passed=1)


def test_spied_solver_feeds_an_engine_fixture_of_the_user(suite):
    result = suite.run(
        """
        @pytest.fixture
        def engine(spied_solver):
            return cs.Engine(spied_solver, plan_cache=cs.PlanCache(0))

        @pytest.mark.expect_resolves(3)
        async def test_it(engine, spied_solver, cache_inspector):
            await engine.run(countdown(2, noop()))
            assert spied_solver.call_count == cache_inspector.resolves == 3
            assert spied_solver.calls[2].miss.reason == "disabled"
        """
    )

    result.assert_outcomes(passed=1)


def test_engine_fixture_of_the_user_keeps_every_marker_working(suite):
    result = suite.run(
        """
        @pytest.fixture
        def engine():
            return cs.Engine()

        @pytest.mark.expect_resolves(1)
        async def test_right(engine):
            await engine.run(noop())

        @pytest.mark.expect_resolves(2)
        async def test_wrong(engine):
            await engine.run(noop())

        async def test_inspected(engine, cache_inspector):
            await engine.run(noop())
            assert cache_inspector.resolves == 1
        """
    )

    result.assert_outcomes(passed=2, failed=1)


def test_pytest_mock_can_spy_on_the_spied_solver(suite):
    result = suite.run(
        """
        @pytest.mark.expect_resolves(2)
        async def test_it(engine, spied_solver, mocker):
            spy = mocker.spy(spied_solver, "resolve")
            await engine.run(passing(2, noop()))
            assert spy.call_count == spied_solver.call_count == 2
            assert spied_solver.calls[1].miss.reason == "structure"
        """
    )

    result.assert_outcomes(passed=1)


def test_marker_configures_the_engine(suite):
    result = suite.run(
        """
        class Reversed:
            made = 0

            def __init__(self):
                Reversed.made += 1
                self.inner = cs.NativeSolver()

            def resolve(self, graph):
                return self.inner.resolve(graph)

        @pytest.mark.cascade_engine(
            solver=Reversed,
            executor=cs.LocalExecutor,
            bus=cs.MessageBus,
            max_plans=1,
            slice_ms=2.0,
            resources={"slots": 2},
        )
        async def test_it(engine, spied_solver):
            assert isinstance(spied_solver.solver, Reversed)
            assert Reversed.made == 1
            assert isinstance(engine.executor, cs.LocalExecutor)
            assert isinstance(engine.bus, cs.MessageBus)
            assert engine.plan_cache.stats.max_plans == 1
            await engine.run(noop())

        bus = cs.MessageBus()

        @pytest.mark.cascade_engine(bus=bus)
        def test_instance(engine):
            assert engine.bus is bus
        """
    )

    result.assert_outcomes(passed=2)


def test_second_attempt_at_a_test_starts_from_nothing(suite, pytester):
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for attempt in range(2):
                item._initrequest()
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_it(engine, spied_solver, cache_inspector):
            await engine.run(noop())
            assert cache_inspector.resolves == spied_solver.call_count == 1
        """
    )

    result.assert_outcomes(passed=2)
