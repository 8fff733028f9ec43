"""Whose work it is where other threads, loops, processes and plugins take part."""

import importlib.util

import pytest

# What a suite in this process is told so that it repeats tests, without a thread for workers.
RERUNS = ("-p", "rerunfailures", "-p", "no:xdist")

HAS_SUBTESTS = hasattr(pytest, "Subtests") or importlib.util.find_spec("pytest_subtests")

NOTHING_LEFT = "*left running*"


# Concurrent runs of one test


def test_concurrent_runs_of_several_engines_are_all_counted(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(9)
        async def test_it():
            await asyncio.gather(*(cs.Engine().run(countdown(2)) for _ in range(3)))
        """
    )

    result.assert_outcomes(passed=1)


def test_concurrent_runs_of_one_engine_are_all_counted(suite):
    result = suite.run(
        """
        @cs.task
        async def pause(n):
            await asyncio.sleep(0)
            return pause(n - 1) if n else "done"

        @pytest.mark.expect_iterations(9)
        @pytest.mark.expect_executions(9)
        async def test_it(engine):
            await asyncio.gather(*(engine.run(pause(2)) for _ in range(3)))
        """
    )

    result.assert_outcomes(passed=1)


def test_run_that_fails_beside_others_is_counted(suite):
    result = suite.run(
        """
        @cs.task
        def broken():
            raise ValueError

        @pytest.mark.expect_iterations(3)
        @pytest.mark.expect_attempts(3)
        async def test_it(engine):
            runs = [engine.run(each) for each in (noop(), broken(), noop())]
            _, error, _ = await asyncio.gather(*runs, return_exceptions=True)
            assert isinstance(error, ValueError)
        """
    )

    result.assert_outcomes(passed=1)


# Threads


@pytest.mark.parametrize(
    "body",
    [
        """
        def test_it():
            threads = [threading.Thread(target=cs.run, args=(noop(),)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """,
        """
        def test_it():
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(max_workers=2) as pool:
                list(pool.map(cs.run, [noop(), noop(), noop()]))
        """,
        """
        async def test_it():
            await asyncio.gather(*(asyncio.to_thread(cs.run, noop()) for _ in range(3)))
        """,
        """
        async def test_it():
            loop = asyncio.get_running_loop()
            calls = (loop.run_in_executor(None, cs.run, noop()) for _ in range(3))
            await asyncio.gather(*calls)
        """,
        """
        def test_it():
            async def run():
                await asyncio.gather(*(cs.Engine().run(noop()) for _ in range(3)))

            thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
            thread.start()
            thread.join()
        """,
        """
        def test_it():
            from contextvars import Context

            for _ in range(3):
                Context().run(cs.run, noop())
        """,
    ],
    ids=["threads", "pool", "to_thread", "run_in_executor", "loop in a thread", "empty context"],
)
def test_runs_elsewhere_in_a_test_are_counted_with(suite, body):
    claim = "\n        @pytest.mark.expect_iterations(3)"
    again = body.replace("test_it", "test_again")

    result = suite.run(claim + body + claim + again)

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


WORKER = """
    import queue

    @pytest.fixture(scope="{scope}")
    def call():
        jobs, done = queue.Queue(), queue.Queue()

        def work():
            while (job := jobs.get()) is not None:
                done.put(cs.run(job))

        def call(job):
            jobs.put(job)
            return done.get(timeout=5)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield call
        jobs.put(None)
        thread.join()
"""


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_what_a_thread_of_a_fixture_does_for_a_test_is_counted(suite, scope):
    result = suite.run(
        WORKER.format(scope=scope)
        + """
    class TestIt:
        @pytest.mark.expect_iterations(1)
        def test_first(self, call):
            call(noop())

        @pytest.mark.expect_iterations(3)
        def test_second(self, call):
            call(noop())
            call(countdown(1))
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_what_a_thread_of_a_fixture_does_in_set_up_is_not_counted(suite):
    result = suite.run(
        WORKER.format(scope="module")
        + """
    @pytest.fixture
    def warm(call):
        call(countdown(3))
        yield call
        call(countdown(3))

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.expect_iterations(1)
    def test_it(warm, n):
        warm(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


SHARED_POOL = """
    from concurrent.futures import ThreadPoolExecutor

    @pytest.fixture(scope="module")
    def pool():
        with ThreadPoolExecutor(max_workers=1) as made:
            {first_job}
            yield made

    @pytest.mark.expect_iterations(1)
    def test_first(pool):
        assert pool.submit(cs.run, noop()).result(timeout=5) == "ok"

    @pytest.mark.expect_iterations(1)
    def test_second(pool):
        assert pool.submit(cs.run, noop()).result(timeout=5) == "ok"
"""


def test_pool_whose_threads_began_in_a_fixture_is_counted(suite):
    result = suite.run(SHARED_POOL.format(first_job="made.submit(int).result(timeout=5)"))

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_pool_whose_threads_began_in_an_earlier_test_is_told(suite):
    """A limit: a pool starts its threads when it gets its first jobs."""
    result = suite.run(SHARED_POOL.format(first_job=""))

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *expect_iterations(1): no engine ran*test_first left running*",
            "cascade: 1 run was started by what an earlier test left running*test_first (1)",
        ]
    )


def test_thread_of_a_loop_that_tests_share_is_counted_where_its_context_says_so(suite):
    """A loop keeps the threads of ``to_thread`` for later calls."""
    result = suite.run(
        """
        pytestmark = pytest.mark.asyncio(loop_scope="module")

        @pytest.mark.parametrize("n", range(3))
        @pytest.mark.expect_iterations(1)
        async def test_it(n):
            await asyncio.to_thread(cs.run, noop())
        """
    )

    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_timer_that_outlives_its_test_is_told(suite):
    result = suite.run(
        """
        go_on, done = threading.Event(), threading.Event()

        def late():
            go_on.wait(timeout=5)
            cs.run(countdown(2))
            done.set()

        timer = threading.Timer(0, late)
        timer.daemon = True

        @pytest.fixture(scope="module", autouse=True)
        def join():
            yield
            timer.join()

        class TestIt:
            @pytest.mark.expect_iterations(1)
            @pytest.mark.parametrize("n", [7])
            def test_first(self, n):
                cs.run(noop())
                timer.start()

            @pytest.mark.expect_iterations(1)
            def test_second(self):
                go_on.set()
                done.wait(timeout=5)
                cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "cascade: 1 run was started by what an earlier test left running, and not counted: "
            "test_inner.py::TestIt::test_first?7? (1)"
        ]
    )


def test_thread_that_outlives_its_test_is_told_in_set_up_and_teardown_too(suite):
    result = suite.run(
        """
        import queue
        jobs, done = queue.Queue(), queue.Queue()

        def work():
            while (job := jobs.get()) is not None:
                done.put(cs.run(job))

        def call(job):
            jobs.put(job)
            return done.get(timeout=5)

        @pytest.fixture(scope="module", autouse=True)
        def join():
            yield
            jobs.put(None)
            for thread in threading.enumerate():
                if thread.name == "left":
                    thread.join()

        @pytest.mark.expect_iterations(1)
        def test_first():
            threading.Thread(target=work, name="left", daemon=True).start()
            call(noop())

        @pytest.fixture
        def busy():
            call(noop())
            yield
            call(noop())

        @pytest.mark.expect_iterations(1)
        def test_second(busy):
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: 2 runs were started by what an earlier test left *test_first (2)"]
    )


# Servers


HTTP = """
    import http.client
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = cs.run(noop()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args): ...

    @pytest.fixture(scope="module")
    def get():
        with http.server.{server}(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()

            def get():
                connection = http.client.HTTPConnection(*server.server_address, timeout=5)
                connection.request("GET", "/")
                body = connection.getresponse().read()
                connection.close()
                return body

            yield get
            server.shutdown()
            thread.join()

    @pytest.mark.expect_iterations(1)
    def test_first(get):
        assert get() == b"ok"

    @pytest.mark.expect_iterations(3)
    def test_second(get):
        assert [get(), get(), get()] == [b"ok"] * 3

    @pytest.mark.expect_iterations(0)
    def test_wrong(get):
        get()
"""


@pytest.mark.parametrize("server", ["HTTPServer", "ThreadingHTTPServer"])
def test_what_a_server_of_a_fixture_does_is_of_the_test_that_asks(suite, server):
    result = suite.run(HTTP.format(server=server))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["E *expect_iterations(0): the target was iterated 1 time"])
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_what_an_asyncio_server_of_a_fixture_does_is_of_the_test_that_asks(suite):
    result = suite.run(
        """
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio(loop_scope="module")

        async def handle(reader, writer):
            await reader.readline()
            writer.write((await cs.Engine().run(noop())).encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def get():
            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()

            async def get():
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"get\\n")
                body = await reader.read()
                writer.close()
                await writer.wait_closed()
                return body

            async with server:
                yield get

        @pytest.mark.expect_iterations(1)
        async def test_first(get):
            assert await get() == b"ok"

        @pytest.mark.expect_iterations(3)
        async def test_second(get):
            assert await asyncio.gather(get(), get(), get()) == [b"ok"] * 3
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_what_a_background_task_of_a_fixture_does_for_a_test_is_counted(suite, scope):
    result = suite.run(
        f"""
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}", loop_scope="{scope}")
        async def call():
            jobs = asyncio.Queue()

            async def work(engine):
                while True:
                    job, done = await jobs.get()
                    done.set_result(await engine.run(job))

            async def call(job):
                done = asyncio.get_running_loop().create_future()
                jobs.put_nowait((job, done))
                return await asyncio.wait_for(done, timeout=5)

            task = asyncio.create_task(work(cs.Engine()))
            yield call
            task.cancel()
            await asyncio.wait([task])

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.expect_iterations(1)
            async def test_first(self, call):
                await call(noop())

            @pytest.mark.expect_iterations(3)
            async def test_second(self, call):
                await call(noop())
                await call(countdown(1))
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


LOOP_IN_A_THREAD = """
    @pytest.fixture(scope="module")
    def loop():
        made = asyncio.new_event_loop()
        thread = threading.Thread(target=made.run_forever, daemon=True)
        thread.start()
        yield made
        made.call_soon_threadsafe(made.stop)
        thread.join()
        made.close()
"""


def test_what_a_loop_in_a_thread_of_a_fixture_does_is_of_the_test_that_asks(suite):
    result = suite.run(
        LOOP_IN_A_THREAD
        + """
    @pytest.mark.expect_iterations(1)
    def test_first(loop, engine):
        asyncio.run_coroutine_threadsafe(engine.run(noop()), loop).result(timeout=5)

    @pytest.mark.expect_iterations(2)
    async def test_second(loop, engine):
        there = asyncio.run_coroutine_threadsafe(engine.run(noop()), loop)
        await asyncio.wait_for(asyncio.wrap_future(there), timeout=5)
        await cs.Engine().run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_run_on_a_loop_in_a_thread_that_outlives_its_test_is_told(suite):
    result = suite.run(
        LOOP_IN_A_THREAD
        + """
    go_on, late = asyncio.Event(), []

    async def work():
        await go_on.wait()
        return await cs.Engine().run(noop())

    @pytest.mark.expect_iterations(1)
    def test_first(loop):
        late.append(asyncio.run_coroutine_threadsafe(work(), loop))
        cs.run(noop())

    @pytest.mark.expect_iterations(1)
    def test_second(loop):
        loop.call_soon_threadsafe(go_on.set)
        assert late[0].result(timeout=5) == "ok"
        cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: 1 run was started by what an earlier test left *test_first (1)"]
    )


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_task_on_a_loop_that_tests_share_that_outlives_its_test_is_told(suite, scope):
    result = suite.run(
        f"""
        go_on, late = asyncio.Event(), []

        async def work(engine):
            await go_on.wait()
            await engine.run(noop())

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.expect_iterations(1)
            async def test_first(self, engine):
                late.append(asyncio.create_task(work(cs.Engine())))
                await engine.run(noop())

            @pytest.mark.expect_iterations(1)
            async def test_second(self, engine):
                go_on.set()
                await late[0]
                await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: 1 run was started by what an earlier test left *test_first (1)"]
    )


# Set-up and teardown


@pytest.mark.parametrize("autouse", [False, True])
@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_fixture_that_runs_engines_is_not_counted(suite, scope, autouse):
    result = suite.run(
        f"""
        @pytest.fixture(scope="{scope}", autouse={autouse})
        def busy():
            cs.run(countdown(3))
            yield
            cs.run(countdown(3))

        class TestIt:
            @pytest.mark.parametrize("n", [1, 2])
            @pytest.mark.expect_iterations(1)
            def test_it(self, {"n" if autouse else "n, busy"}):
                cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


@pytest.mark.parametrize("autouse", [False, True])
@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_async_fixture_that_runs_engines_is_not_counted(suite, scope, autouse):
    result = suite.run(
        f"""
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}", loop_scope="{scope}", autouse={autouse})
        async def busy():
            await cs.Engine().run(countdown(3))
            yield
            await cs.Engine().run(countdown(3))

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.parametrize("n", [1, 2])
            @pytest.mark.expect_iterations(1)
            async def test_it(self, {"n" if autouse else "n, busy"}):
                await cs.Engine().run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_set_up_in_the_style_of_xunit_is_not_counted(suite):
    result = suite.run(
        """
        def busy(*_):
            cs.run(countdown(3))

        setup_module = teardown_module = setup_function = teardown_function = busy

        class TestIt:
            setup_class = teardown_class = classmethod(busy)
            setup_method = teardown_method = busy

            @pytest.mark.expect_iterations(1)
            def test_it(self):
                cs.run(noop())

        @pytest.mark.expect_iterations(1)
        def test_it():
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_finalizer_is_not_counted(suite):
    result = suite.run(
        """
        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.expect_iterations(1)
        def test_it(request, n):
            request.addfinalizer(lambda: cs.run(countdown(3)))
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)


def test_fixture_that_the_body_asks_for_is_set_up_by_the_test(suite):
    """Its set-up is a part of the call phase; its teardown is not."""
    result = suite.run(
        """
        @pytest.fixture
        def busy():
            cs.run(countdown(2))
            yield
            cs.run(countdown(2))

        @pytest.mark.expect_iterations(4)
        def test_it(request):
            request.getfixturevalue("busy")
            cs.run(noop())

        @pytest.mark.expect_iterations(1)
        def test_next():
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=2)


def test_teardown_after_a_failed_test_is_not_counted(suite):
    result = suite.run(
        """
        @pytest.fixture
        def busy():
            yield
            cs.run(countdown(3))

        @pytest.mark.expect_iterations(0)
        def test_wrong(busy):
            cs.run(noop())
            assert "body" == "wrong"

        @pytest.mark.expect_iterations(1)
        def test_next(busy):
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E *assert 'body' == 'wrong'", "E *expect_iterations(0): the target was iterated 1 time"]
    )


def test_set_up_that_fails_leaves_nothing_for_the_next_test(suite):
    result = suite.run(
        """
        @pytest.fixture
        def broken():
            cs.run(countdown(3))
            raise ValueError

        @pytest.mark.expect_iterations(1)
        def test_not_called(broken): ...

        @pytest.mark.expect_iterations(1)
        def test_next():
            cs.run(noop())
        """
    )

    result.assert_outcomes(passed=1, errors=1)


# Tests that are called more than once


def test_each_parameter_begins_at_zero(suite):
    result = suite.run(
        """
        @pytest.mark.parametrize(
            "n", [0, 1, pytest.param(2, marks=pytest.mark.xfail(strict=True)), 3]
        )
        @pytest.mark.expect_iterations(lambda n: 1 if n == 2 else n + 1)
        async def test_it(engine, n):
            await engine.run(countdown(n))
        """
    )

    result.assert_outcomes(passed=3, xfailed=1)


HYPOTHESIS = """
    from hypothesis import Phase, example, given, settings, strategies

    PHASES = {{"explicit": [Phase.explicit], "generate": [Phase.generate]}}

    @pytest.mark.expect_iterations({count})
    @settings(max_examples=5, phases=PHASES["{phase}"], database=None, deadline=None)
    @given(n=strategies.integers())
    @example(n=1)
    @example(n=2)
"""


@pytest.mark.parametrize(("phase", "count"), [("explicit", 2), ("generate", 5)])
@pytest.mark.parametrize("run", ["def", "async def"])
def test_all_examples_of_a_property_are_one_test(suite, phase, count, run):
    body = "await cs.Engine().run(noop())" if run == "async def" else "cs.run(noop())"
    result = suite.run(
        HYPOTHESIS.format(phase=phase, count=count)
        + f"""
    {run} test_it(n):
        {body}

    @pytest.mark.expect_iterations(1)
    {run} test_next():
        {body}
        """
    )

    result.assert_outcomes(passed=2)


def test_error_of_a_property_stands_and_ours_is_a_note(suite):
    result = suite.run(
        HYPOTHESIS.format(phase="generate", count=0)
        + """
    def test_it(n):
        cs.run(noop())
        assert n > n
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *assert * > *",
            "E * test_it(*",
            "E *expect_iterations(0): the target was iterated * times",
            "FAILED *assert * > *",
        ]
    )
    assert result.stdout.str().count("expect_iterations(0): the target") == 1


def test_property_that_holds_fails_by_its_work(suite):
    result = suite.run(
        HYPOTHESIS.format(phase="explicit", count=1)
        + """
    def test_it(n):
        cs.run(noop())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnexpectedWork: expect_iterations(1): *iterated 2 times"])
    result.stdout.no_fnmatch_line("E * test_it(*")


BETTER_EACH_TIME = """
    attempts = []

    {mark}
    @pytest.mark.expect_iterations(1)
    def test_it():
        attempts.append(None)
        cs.run(countdown(max(0, 3 - len(attempts))))

    @pytest.mark.expect_iterations(1)
    def test_next():
        cs.run(noop())
"""


@pytest.mark.parametrize(
    ("mark", "args"),
    [("@pytest.mark.flaky(reruns=2)", ()), ("", ("--reruns=2",))],
    ids=["mark", "option"],
)
def test_test_that_is_right_at_its_last_attempt_passes(suite, mark, args):
    result = suite.run(BETTER_EACH_TIME.format(mark=mark), *RERUNS, *args)

    assert result.parseoutcomes() == {"passed": 2, "rerun": 2}


def test_test_that_is_wrong_at_its_last_attempt_fails(suite):
    result = suite.run(BETTER_EACH_TIME.format(mark=""), *RERUNS, "--reruns=1")

    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 1}
    result.stdout.fnmatch_lines(["E *expect_iterations(1): the target was iterated 2 times"])


def test_attempts_do_not_pile_up(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(1)
        def test_it(cache_inspector):
            cs.run(countdown(1))
            assert cache_inspector.iterations == 2
            assert len(cache_inspector.misses_seen) == 2
        """,
        *RERUNS,
        "--reruns=2",
        "-rR",
    )

    assert result.parseoutcomes() == {"failed": 1, "rerun": 2}
    message = "UnexpectedWork: expect_iterations(1): the target was iterated 2 times"
    assert result.stdout.str().count(message) == 1
    result.stdout.fnmatch_lines([f"E   {message}", "E     1. *", "E     2. *", "", "*"])


def test_note_on_the_error_of_an_attempt_counts_that_attempt(suite):
    result = suite.run(
        """
        @pytest.mark.expect_iterations(1)
        def test_it():
            cs.run(countdown(1))
            assert "body" == "wrong"
        """,
        *RERUNS,
        "--reruns=2",
    )

    assert result.parseoutcomes() == {"failed": 1, "rerun": 2}
    note = "expect_iterations(1): the target was iterated 2 times"
    assert result.stdout.str().count(note) == 1


def test_what_an_earlier_attempt_left_running_is_not_counted_and_told(suite):
    result = suite.run(
        """
        go_on, threads = threading.Event(), []

        def work():
            go_on.wait(timeout=5)
            cs.run(noop())

        @pytest.mark.expect_iterations(1)
        def test_it():
            if threads:
                go_on.set()
                threads[0].join(timeout=5)
                cs.run(noop())
            else:
                threads.append(threading.Thread(target=work, daemon=True))
                threads[0].start()
        """,
        *RERUNS,
        "--reruns=1",
    )

    assert result.parseoutcomes() == {"passed": 1, "rerun": 1}
    result.stdout.fnmatch_lines(
        ["cascade: 1 run was started by what an earlier test left *test_it (1)"]
    )


# Parts of tests


SUBTESTS = """
    @pytest.mark.expect_iterations({count})
    def test_it(subtests):
        for n in range(3):
            with subtests.test(n=n):
                cs.run(noop())
                if n == {wrong}:
                    pytest.fail("wrong part")

    @pytest.mark.expect_iterations(1)
    def test_next():
        cs.run(noop())
"""

SUBTESTS_OF_UNITTEST = """
    @pytest.mark.expect_iterations({count})
    class TestIt(unittest.TestCase):
        def test_it(self):
            for n in range(3):
                with self.subTest(n=n):
                    cs.run(noop())
                    if n == {wrong}:
                        self.fail("wrong part")

    @pytest.mark.expect_iterations(1)
    def test_next():
        cs.run(noop())
"""

with_subtests = pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            SUBTESTS,
            id="fixture",
            marks=pytest.mark.skipif(not HAS_SUBTESTS, reason="a part of pytest since 9.0"),
        ),
        pytest.param(SUBTESTS_OF_UNITTEST, id="unittest"),
    ],
)


@with_subtests
def test_subtests_are_counted_with_their_test(suite, source):
    result = suite.run(source.format(count=3, wrong=None))

    assert result.ret == pytest.ExitCode.OK


@with_subtests
def test_test_is_judged_by_the_work_of_all_subtests(suite, source):
    result = suite.run(source.format(count=1, wrong=None))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["E *UnexpectedWork: expect_iterations(1): *iterated 3 times"])
    assert result.stdout.str().count("E   UnexpectedWork") == 1


@pytest.mark.skipif(not HAS_SUBTESTS, reason="a part of pytest since 9.0")
@pytest.mark.parametrize("source", [SUBTESTS, SUBTESTS_OF_UNITTEST], ids=["fixture", "unittest"])
def test_error_of_a_subtest_stands_beside_the_verdict(suite, source):
    result = suite.run(source.format(count=1, wrong=1))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(
        ["E *wrong part", "E *expect_iterations(1): the target was iterated 3 times"]
    )


@with_subtests
def test_error_of_a_subtest_stands_alone_if_the_work_is_right(suite, source):
    count = 3 if HAS_SUBTESTS else 2

    result = suite.run(source.format(count=count, wrong=1))

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["E *wrong part"])
    result.stdout.no_fnmatch_line("*expect_iterations*iterated*")


BACKGROUND_OF_ANYIO = """
    pytestmark = pytest.mark.anyio
    background, go_on = [], asyncio.Event()

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "asyncio"

    @pytest.fixture(scope="module", autouse=True)
    async def one_loop_for_all_tests(anyio_backend):
        yield

    async def work():
        await go_on.wait()
        await cs.Engine().run(noop())

    @pytest.mark.expect_iterations(1)
    async def test_first(engine):
        background.append(asyncio.create_task(work()))
        await engine.run(noop())

    @pytest.mark.expect_iterations(1)
    async def test_second(engine):
        go_on.set()
        await background[0]
        await engine.run(noop())
"""


@pytest.mark.slow
@pytest.mark.xfail(reason="tests that share a runner run in the context it was made in")
def test_task_that_outlives_its_anyio_test_is_not_counted_and_told(suite):
    suite.configure(asyncio_mode="strict")
    result = suite.run_apart(BACKGROUND_OF_ANYIO, "-p", "no:randomly", "-p", "no:xdist")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: 1 run was started by what an earlier test left *test_first (1)"]
    )


# Other kinds of tests


DOCTESTS = '''
    def documented():
        """Runs an engine.

        >>> cs.run(countdown(1))
        'done'
        """

    def documented_wrongly():
        """Runs an engine, too.

        >>> cs.run(countdown(1))
        'wrong'
        """

    @pytest.mark.expect_iterations(1)
    def test_it():
        cs.run(noop())
'''


def test_runs_of_doctests_are_not_those_of_their_neighbours(suite):
    result = suite.run(DOCTESTS, "--doctest-modules")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["Expected:", "    'wrong'", "Got:", "    'done'"])
    result.stdout.no_fnmatch_line("*UnexpectedWork*")
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_marks_of_a_module_hold_for_its_doctests(suite):
    """As pytest's own do."""
    result = suite.run(
        "\n    pytestmark = pytest.mark.expect_iterations(2)\n" + DOCTESTS, "--doctest-modules"
    )

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.no_fnmatch_line("*UnexpectedWork*")


def test_doctest_with_wrong_work_fails_and_hides_every_plugin(suite):
    result = suite.run(
        "\n    pytestmark = pytest.mark.expect_iterations(1)\n" + DOCTESTS,
        "--doctest-modules",
        "-k",
        "not wrongly",
    )

    result.assert_outcomes(passed=1, failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["*expect_iterations(1): the target was iterated 2 times", "FAILED *documented - *"]
    )
    result.stdout.no_fnmatch_line("*judging.py*")
    result.stdout.no_fnmatch_line("*_call*.py*")


def test_error_of_a_doctest_stands(suite):
    result = suite.run(
        "\n    pytestmark = pytest.mark.expect_iterations(1)\n" + DOCTESTS,
        "--doctest-modules",
        "-k",
        "wrongly",
    )

    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["Expected:", "    'wrong'", "Got:", "    'done'"])


def test_set_up_of_a_unittest_case_is_counted_and_that_of_its_class_is_not(suite):
    """To pytest a case's ``setUp`` and ``tearDown`` are parts of the call."""
    result = suite.run(
        """
        class TestIt(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cs.run(countdown(9))

            @classmethod
            def tearDownClass(cls):
                cs.run(countdown(9))

            def setUp(self):
                cs.run(noop())
                self.addCleanup(cs.run, noop())

            def tearDown(self):
                cs.run(noop())

            @pytest.mark.expect_iterations(4)
            def test_first(self):
                cs.run(noop())

            @pytest.mark.expect_iterations(4)
            def test_second(self):
                cs.run(noop())

        def setUpModule():
            cs.run(countdown(9))

        def tearDownModule():
            cs.run(countdown(9))
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_set_up_of_an_async_unittest_case_is_counted(suite):
    result = suite.run(
        """
        class TestIt(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                await cs.Engine().run(noop())

            async def asyncTearDown(self):
                await cs.Engine().run(noop())

            @pytest.mark.expect_iterations(3)
            async def test_first(self):
                await cs.Engine().run(noop())

            @pytest.mark.expect_iterations(4)
            async def test_second(self):
                await asyncio.create_task(cs.Engine().run(noop()))
                await asyncio.to_thread(cs.run, noop())
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line(NOTHING_LEFT)


def test_fixture_that_a_unittest_case_uses_is_not_counted(suite):
    result = suite.run(
        """
        @pytest.fixture
        def busy():
            cs.run(countdown(3))
            yield
            cs.run(countdown(3))

        @pytest.mark.usefixtures("busy")
        class TestIt(unittest.TestCase):
            @pytest.mark.expect_iterations(1)
            def test_it(self):
                cs.run(noop())
        """
    )

    result.assert_outcomes(passed=1)


# Other processes


PROCESSES = {
    "multiprocessing": """
        child = context.Process(target=work)
        child.start()
        child.join(timeout=10)
        assert child.exitcode == 0
    """,
    "pool": """
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            assert pool.submit(work).result(timeout=10) == "done"
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("kind", PROCESSES)
def test_work_of_another_process_is_not_seen(suite, kind, start):
    """A limit: a claim about it fails for want of an engine; work beside it is counted."""
    result = suite.run_apart(
        f"""
    import multiprocessing

    context = multiprocessing.get_context("{start}")

    def work():
        return cs.run(countdown(3))

    def run():
        {PROCESSES[kind]}

    @pytest.mark.expect_iterations(4)
    def test_there():
        run()

    @pytest.mark.expect_iterations(1)
    def test_beside():
        run()
        cs.run(noop())
        """,
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *expect_iterations(4): no engine ran*"])
    result.stdout.no_fnmatch_line(NOTHING_LEFT)
