"""The hooks that a plugin or a conftest.py may answer, beside that for probes."""

import inspect
from textwrap import dedent

import pytest

from pytest_cascade import hookspecs

HOOKS = {name for name in vars(hookspecs) if name.startswith("pytest_")}


def conftest(suite, source, folder=""):
    (suite.pytester.path / folder).mkdir(exist_ok=True)
    (suite.pytester.path / folder / "conftest.py").write_text(dedent(source))


def told(suite):
    """What hooks wrote down."""
    file = suite.pytester.path / "told.txt"
    return file.read_text().splitlines() if file.exists() else []


TELL = """
def tell(*words):
    with open(__file__.replace("conftest.py", "told.txt"), "a") as file:
        print(*words, file=file)

"""


# All of them.


def test_there_are_four_hooks():
    assert {
        "pytest_cascade_probes",
        "pytest_cascade_make_engine",
        "pytest_cascade_test_finished",
        "pytest_cascade_bench_finished",
    } == HOOKS


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_has_a_docstring(name):
    assert inspect.getdoc(getattr(hookspecs, name))


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("pytest_cascade_probes", "config"),
        ("pytest_cascade_make_engine", "solver"),
        ("pytest_cascade_test_finished", "records"),
        ("pytest_cascade_bench_finished", "result"),
    ],
)
def test_answer_with_a_wrong_argument_is_refused(suite, name, argument):
    conftest(suite, f"def {name}({argument}): pass")

    result = suite.run("def test_it(): pass")

    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    told = result.stdout.str() + result.stderr.str()
    assert f"for hook '{name}'" in told
    assert f"Argument(s) {{'{argument}'}} are declared in the hookimpl" in told


def test_answers_need_no_argument(suite):
    conftest(
        suite,
        TELL
        + """
def pytest_cascade_make_engine(): tell("make")
def pytest_cascade_test_finished(): tell("test")
def pytest_cascade_bench_finished(): tell("bench")
""",
    )

    result = suite.run(
        """
        def test_it(cascade_bench):
            cascade_bench(lambda n: noop())
        """,
        "--cascade-bench",
        "-o",
        "cascade_bench_rounds=1",
    )

    result.assert_outcomes(passed=1)
    assert told(suite) == ["make", "bench", "test"]


def test_optional_answer_loads_without_the_plugin(suite):
    conftest(
        suite,
        """
        import pytest

        @pytest.hookimpl(optionalhook=True)
        def pytest_cascade_test_finished(item, record):
            pass
        """,
    )
    suite.pytester.makepyfile("def test_it(): pass")

    result = suite.pytester.runpytest_inprocess("-p", "no:cascade")

    result.assert_outcomes(passed=1)


# pytest_cascade_make_engine


NAMED = """
import cascade_core as cs


class Named(cs.Engine):
    name = {name!r}


def pytest_cascade_make_engine(request, options):
    return Named(options["solver"])
"""


def test_engine_of_the_fixture_is_made_by_who_answers(suite):
    conftest(suite, NAMED.format(name="mine"))

    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_it(engine, spied_solver):
            await engine.run(noop())
            assert engine.name == "mine"
            assert spied_solver.call_count == 1
        """
    )

    result.assert_outcomes(passed=1)


def test_options_are_what_the_markers_say_and_the_spied_solver(suite):
    conftest(
        suite,
        TELL
        + """
def pytest_cascade_make_engine(request, options):
    solver = options["solver"]
    others = sorted((name, value) for name, value in options.items() if name != "solver")
    tell(request.node.name, type(solver).__name__, type(solver.solver).__name__, others)
""",
    )

    suite.run(
        """
        pytestmark = pytest.mark.cascade_engine(max_plans=3, slice_ms=5)

        class MySolver(cs.NativeSolver):
            pass

        def test_plain(engine):
            pass

        @pytest.mark.cascade_engine(solver=MySolver, max_plans=1, slice_ms=None)
        def test_marked(engine):
            pass
        """
    )

    assert told(suite) == [
        "test_plain SpiedSolver NativeSolver [('max_plans', 3), ('slice_ms', 5)]",
        "test_marked SpiedSolver MySolver [('max_plans', 1)]",
    ]


def test_solver_in_the_options_is_the_one_of_the_fixture(suite):
    conftest(
        suite,
        """
        def pytest_cascade_make_engine(request, options):
            assert options["solver"] is request.getfixturevalue("spied_solver")
        """,
    )

    result = suite.run("def test_it(engine): pass")

    result.assert_outcomes(passed=1)


def test_first_answer_wins(suite):
    conftest(
        suite,
        NAMED.format(name="first")
        + """
class Second:
    def pytest_cascade_make_engine(self):
        raise AssertionError("nobody asks")

def pytest_configure(config):
    config.pluginmanager.register(Second())

import pytest
pytest_cascade_make_engine = pytest.hookimpl(tryfirst=True)(pytest_cascade_make_engine)
""",
    )

    result = suite.run("def test_it(engine): assert engine.name == 'first'")

    result.assert_outcomes(passed=1)


def test_no_answer_leaves_it_to_ours(suite):
    conftest(suite, "def pytest_cascade_make_engine(request, options): return None")

    result = suite.run(
        """
        @pytest.mark.cascade_engine(max_plans=3)
        def test_it(engine):
            assert type(engine) is cs.Engine
            assert engine.plan_cache.stats.max_plans == 3
        """
    )

    result.assert_outcomes(passed=1)


def test_answer_of_a_folder_is_for_its_tests_alone(suite):
    for name in ("one", "two"):
        conftest(suite, NAMED.format(name=name), folder=name)
        test = f"def test_{name}(engine): assert engine.name == {name!r}"
        (suite.pytester.path / name / f"test_{name}.py").write_text(test)

    result = suite.run("def test_it(engine): assert type(engine) is cs.Engine")

    result.assert_outcomes(passed=3)


def test_every_contender_of_a_benchmark_has_an_engine_from_who_answers(suite):
    conftest(
        suite,
        TELL
        + NAMED.format(name="mine").replace(
            "    return", '    tell("made", request.node.name)\n    return'
        ),
    )

    result = suite.run(
        """
        def test_it(cascade_bench):
            results = cascade_bench.compare(one=lambda n: noop(), two=lambda n: noop())
            assert results["one"].rounds[0].work.iterations == 1
        """
    )

    result.assert_outcomes(passed=1)
    assert told(suite) == ["made test_it"] * 2


def test_engine_that_cannot_be_made_is_an_error_of_the_fixture(suite):
    conftest(suite, "def pytest_cascade_make_engine(): raise OSError('no engine today')")

    result = suite.run("def test_it(engine): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *OSError: no engine today"])


# pytest_cascade_test_finished


TELL_FINISHED = (
    TELL
    + """
def pytest_cascade_test_finished(item, record):
    tell(item.nodeid, record.engine, record.iterations, record.resolves, record.hits)
"""
)


def test_record_of_a_test_is_told_with_its_counts(suite):
    conftest(suite, TELL_FINISHED)

    suite.run(
        """
        async def test_it(engine):
            await engine.run(passing(9, noop()))
        """
    )

    assert told(suite) == ["test_inner.py::test_it cascade_core 10 2 8"]


def test_record_has_what_a_test_may_ask_for(suite):
    conftest(
        suite,
        """
        from pytest_cascade import WorkRecord

        def pytest_cascade_test_finished(record):
            assert isinstance(record, WorkRecord)
            assert record.tasks == {"noop": 1, "passing": 10}
            assert [each.root for each in record.timeline] == ["passing", "passing"]
            assert record.runs == 1
        """,
    )

    result = suite.run("async def test_it(engine): await engine.run(passing(9, noop()))")

    result.assert_outcomes(passed=1)


def test_set_up_and_teardown_are_not_in_the_record(suite):
    conftest(suite, TELL_FINISHED)

    suite.run(
        """
        @pytest.fixture
        def warm(engine):
            asyncio.run(engine.run(noop()))
            yield engine
            asyncio.run(engine.run(noop()))

        def test_it(warm):
            asyncio.run(warm.run(noop()))

        def test_other(warm):
            pass
        """
    )

    assert told(suite) == ["test_inner.py::test_it cascade_core 1 0 1"]


def test_record_is_told_once_for_each_engine_that_ran(suite):
    conftest(
        suite,
        TELL_FINISHED
        + """
from pytest_cascade import Event


class Probe:
    engine = "toy"
    triggers = ()

    def capabilities(self):
        return {"resolves": "exact"}

    def attach(self, emit):
        Probe.emit = emit

    def detach(self):
        pass


def pytest_cascade_probes():
    return [Probe()]


import pytest

@pytest.fixture
def compute():
    return lambda: Probe.emit(Event("toy", "resolve", "plan"))
""",
    )

    suite.run(
        """
        @pytest.mark.expect_resolves(1, engine="toy")
        async def test_both(engine, compute):
            compute()
            await engine.run(noop())

        def test_one(compute):
            compute()

        async def test_other(engine):
            await engine.run(noop())
        """
    )

    assert sorted(told(suite)) == [
        "test_inner.py::test_both cascade_core 1 1 0",
        "test_inner.py::test_both toy 0 1 0",
        "test_inner.py::test_one toy 0 1 0",
        "test_inner.py::test_other cascade_core 1 1 0",
    ]


def test_test_that_ran_no_engine_is_not_told_of(suite):
    conftest(suite, TELL_FINISHED)

    suite.run(
        """
        def test_it(engine):
            pass

        @pytest.mark.expect_resolves(0)
        def test_marked():
            pass

        @pytest.mark.skip
        async def test_skipped(engine):
            await engine.run(noop())
        """
    )

    assert told(suite) == []


def test_tests_that_end_in_any_way_are_told_of(suite):
    conftest(suite, TELL_FINISHED)

    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_failing(engine):
            await engine.run(noop())
            assert False

        async def test_skipped(engine):
            await engine.run(noop())
            pytest.skip()

        @pytest.mark.xfail
        async def test_xfailing(engine):
            await engine.run(noop())
            assert False

        class TestUnit(unittest.TestCase):
            def test_failing(self):
                cs.run(noop())
                self.fail()
        """
    )

    result.assert_outcomes(failed=2, skipped=1, xfailed=1)
    assert [line.split("::")[-1] for line in told(suite)] == [
        "test_failing cascade_core 1 1 0",
        "test_skipped cascade_core 1 1 0",
        "test_xfailing cascade_core 1 1 0",
        "test_failing cascade_core 1 1 0",
    ]


def test_record_is_told_before_the_verdict(suite):
    conftest(suite, TELL_FINISHED)

    result = suite.run(
        """
        import pathlib

        def told_so_far():
            return len(pathlib.Path("told.txt").read_text().splitlines())

        @pytest.mark.expect_resolves(exactly=told_so_far)
        async def test_it(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1)


def test_every_attempt_at_a_test_is_told(suite):
    conftest(
        suite,
        TELL_FINISHED
        + """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(2):
        runtestprotocol(item, log=attempt == 1, nextitem=nextitem)
    return True
""",
    )

    result = suite.run(
        """
        attempts = []

        async def test_it(engine):
            attempts.append(None)
            for _ in attempts:
                await engine.run(noop())
            assert len(attempts) == 2
        """
    )

    result.assert_outcomes(passed=1)
    assert told(suite) == [
        "test_inner.py::test_it cascade_core 1 1 0",
        "test_inner.py::test_it cascade_core 2 1 1",
    ]


def test_exception_of_an_answer_fails_the_test(suite):
    conftest(suite, "def pytest_cascade_test_finished(): raise OSError('disk full')")

    result = suite.run(
        """
        async def test_it(engine):
            await engine.run(noop())

        def test_other(engine):
            pass
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *OSError: disk full"])
    assert "INTERNALERROR" not in result.stdout.str()


def test_exception_of_an_answer_does_not_hide_the_tests_own(suite):
    conftest(suite, "def pytest_cascade_test_finished(): raise OSError('disk full')")

    result = suite.run(
        """
        async def test_it(engine):
            await engine.run(noop())
            assert 1 == 2

        async def test_skipped(engine):
            await engine.run(noop())
            pytest.skip("not here")
        """
    )

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E *assert 1 == 2", "E *OSError: disk full"])


def test_answer_may_make_a_claim_about_all_tests(suite):
    conftest(
        suite,
        """
        def pytest_cascade_test_finished(item, record):
            assert record.resolves < 2, f"{item.name} planned {record.resolves} times"
        """,
    )

    result = suite.run(
        """
        async def test_good(engine):
            await engine.run(noop())

        async def test_bad(engine):
            await engine.run(passing(9, noop()))
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *AssertionError: test_bad planned 2 times*"])


def test_answer_of_a_folder_hears_of_its_tests_alone(suite):
    conftest(suite, TELL_FINISHED, folder="nested")
    nested = "import cascade_core as cs\ndef test_it(): cs.run(cs.task(abs)(1))"
    (suite.pytester.path / "nested" / "test_nested.py").write_text(nested)

    suite.run("async def test_it(engine): await engine.run(noop())")

    heard = (suite.pytester.path / "nested" / "told.txt").read_text().splitlines()
    assert heard == ["nested/test_nested.py::test_it cascade_core 1 1 0"]


@pytest.mark.slow
def test_answers_are_asked_on_workers(suite):
    conftest(
        suite,
        """
        import os

        def pytest_cascade_test_finished(item, record):
            assert os.environ["PYTEST_XDIST_WORKER"]
            with open(f"{item.name}.txt", "w") as file:
                file.write(str(record.iterations))

        def pytest_cascade_make_engine(request, options):
            assert os.environ["PYTEST_XDIST_WORKER"]
        """,
    )

    result = suite.run_on_workers(
        """
        @pytest.mark.parametrize("n", range(4))
        async def test_it(engine, n):
            await engine.run(countdown(n, noop()))
        """
    )

    result.assert_outcomes(passed=4)
    files = [suite.pytester.path / f"test_it[{n}].txt" for n in range(4)]
    assert [file.read_text() for file in files] == ["1", "2", "3", "4"]


# pytest_cascade_bench_finished


TELL_BENCH = (
    TELL
    + """
from pytest_cascade import Results

def pytest_cascade_bench_finished(results):
    assert isinstance(results, Results)
    tell(*results, *(each.total("iterations") for each in results.values()))
"""
)

BENCH = """
    @pytest.mark.cascade_bench(iterations=3, rounds=2)
    def test_it(cascade_bench):
        cascade_bench.compare(one=lambda n: countdown(n, noop()), two=lambda n: noop())

    @pytest.mark.cascade_bench(iterations=3, rounds=2)
    async def test_async(cascade_bench):
        await cascade_bench(countdown)
"""


def test_results_of_a_benchmark_are_told_where_it_is_measured(suite):
    conftest(suite, TELL_BENCH)

    result = suite.run(BENCH, "--cascade-bench")

    result.assert_outcomes(passed=2)
    assert told(suite) == ["one two 8 2", "countdown 8"]


def test_results_of_a_benchmark_that_was_not_measured_are_not_told(suite):
    conftest(suite, TELL_BENCH)

    result = suite.run(BENCH)

    result.assert_outcomes(passed=2)
    assert told(suite) == []


def test_results_are_told_before_the_benchmark_is_judged(suite):
    conftest(suite, TELL_BENCH)

    result = suite.run(
        """
        @pytest.mark.cascade_bench(iterations=3, rounds=2, warmup=0)
        @pytest.mark.expect_resolves(0)
        def test_it(cascade_bench):
            cascade_bench(countdown)
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(failed=1)
    assert told(suite) == ["countdown 8"]


def test_exception_of_an_answer_fails_the_benchmark(suite):
    conftest(suite, "def pytest_cascade_bench_finished(): raise OSError('disk full')")

    result = suite.run(BENCH, "--cascade-bench")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E *OSError: disk full"])
