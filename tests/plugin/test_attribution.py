"""Which runs belong to a test, and which are left out and told."""

import pytest


def test_runs_of_set_up_and_teardown_are_not_counted(suite):
    result = suite.run(
        """
        @pytest.fixture
        def warm(engine):
            asyncio.run(engine.run(countdown(3, noop())))
            yield engine
            asyncio.run(engine.run(countdown(3, noop())))

        @pytest.mark.expect_iterations(4)
        @pytest.mark.expect_resolves(0)
        @pytest.mark.expect_cache_hits(4)
        def test_it(warm):
            asyncio.run(warm.run(countdown(3, noop())))
        """
    )

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*left running*")


def test_runs_of_async_fixtures_are_not_counted(suite):
    result = suite.run(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def warm(engine):
            await engine.run(noop())
            yield engine
            await engine.run(noop())

        @pytest.mark.expect_iterations(1)
        async def test_it(warm):
            await warm.run(noop())

        @pytest.mark.expect_iterations(1)
        async def test_next(warm):
            await warm.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*left running*")


def test_run_belongs_to_the_test_in_which_it_started(suite):
    result = suite.run(
        """
        import queue
        started, go_on = queue.Queue(), queue.Queue()

        @cs.task
        def wait():
            started.put(None)
            go_on.get(timeout=5)
            return noop()

        @pytest.mark.expect_iterations(1)
        @pytest.mark.expect_executions(1)
        def test_it():
            threading.Thread(target=cs.run, args=(wait(),), name="late").start()
            started.get(timeout=5)

        @pytest.mark.expect_iterations(1)
        def test_next():
            go_on.put(None)
            for thread in threading.enumerate():
                if thread.name == "late":
                    thread.join(timeout=5)
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*left running*")


LEFT_BEHIND = """
    import queue
    jobs, done = queue.Queue(), queue.Queue()

    def work():
        while (job := jobs.get()) is not None:
            cs.run(job)
            done.put(None)

    @pytest.fixture(scope="module", autouse=True)
    def stop():
        yield
        jobs.put(None)

    @pytest.mark.expect_iterations(1)
    def test_first():
        threading.Thread(target=work).start()
        jobs.put(noop())
        done.get(timeout=5)

    @pytest.mark.expect_iterations(1)
    def test_second():
        for _ in range(2):
            jobs.put(noop())
            done.get(timeout=5)
        cs.run(noop())
"""


def test_thread_of_an_earlier_test_is_not_counted_and_told(suite):
    result = suite.run(LEFT_BEHIND)

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "cascade: 2 runs were started by what an earlier test left running, and not counted: "
            "test_inner.py::test_first (2)",
        ]
    )


def test_thread_born_in_set_up_is_counted(suite):
    result = suite.run(
        """
        import queue

        @pytest.fixture(scope="module")
        def service():
            jobs, done = queue.Queue(), queue.Queue()
            def work():
                while (job := jobs.get()) is not None:
                    done.put(cs.run(job))
            threading.Thread(target=work).start()
            def call(job):
                jobs.put(job)
                return done.get(timeout=5)
            yield call
            jobs.put(None)

        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.expect_iterations(1)
        def test_it(service, n):
            service(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*left running*")


def test_background_task_of_an_earlier_test_is_not_counted_and_told(suite):
    result = suite.run(
        """
        pytestmark = pytest.mark.asyncio(loop_scope="module")
        background = []

        async def work():
            for _ in range(3):
                await asyncio.sleep(0)
                await cs.Engine().run(noop())

        @pytest.mark.expect_iterations(1)
        async def test_first(engine):
            background.append(asyncio.create_task(work()))
            await engine.run(noop())

        @pytest.mark.expect_iterations(1)
        async def test_second(engine):
            await background[0]
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: [23] runs were started by what an earlier test left running*test_first ([23])"]
    )


@pytest.mark.slow
def test_leftovers_are_told_under_xdist(suite):
    result = suite.run_on_workers(LEFT_BEHIND, "--dist=loadfile", "-p", "no:randomly")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["cascade: 2 runs were started by what an earlier test left*"])


def test_nested_session_does_not_change_whose_runs_are_whose(suite, pytester):
    result = suite.run(
        """
        pytest_plugins = ["pytester"]

        @pytest.mark.expect_iterations(3)
        def test_outer(pytester):
            pytester.makepyfile('''
                import cascade_core as cs
                import pytest

                @cs.task
                def inner(n):
                    return inner(n - 1) if n else 0

                @pytest.mark.expect_iterations(2)
                def test_inner():
                    cs.run(inner(1))
            ''')
            pytester.makeini("[pytest]\\nasyncio_default_fixture_loop_scope = function")
            pytester.runpytest_inprocess().assert_outcomes(passed=1)
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*left running*")
