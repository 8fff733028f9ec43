"""The work of a suite in a file, and what is told of work that changed since."""

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_cascade.recording import keeper
from pytest_cascade.recording.compare import WORK, grown, shrunk
from pytest_cascade.recording.file import NoRecordingError, read_recording, write_recording
from pytest_cascade.recording.names import plain_name

EXAMPLES = Path(__file__).parents[2] / "examples"

LOOPS = """
    def test_stable():
        cs.run(countdown(2, noop()))

    def test_changing():
        cs.run(passing(2, noop()))

    def test_without_engine(): ...
"""

STABLE = {
    "runs": 1,
    "iterations": 3,
    "lookups": 3,
    "hits": 2,
    "misses": 1,
    "evictions": 0,
    "resolves": 1,
    "builds": 1,
    "executions": 6,
    "attempts": 6,
    "reuses": 0,
}

CHANGING = STABLE | {
    "hits": 1,
    "misses": 2,
    "resolves": 2,
    "builds": 2,
    "executions": 4,
    "attempts": 4,
}

ONCE = dict.fromkeys(STABLE, 1) | {"hits": 0, "evictions": 0, "reuses": 0}

# Whatever an engine counts, it does here once at least.
EVERYTHING = """
    @cs.task(pure=True)
    def pure(n):
        return n

    @cs.task
    def both(*values):
        return values

    @pytest.mark.cascade_engine(max_plans=1)
    async def test_it(engine):
        await engine.run(passing(2, noop()))
        await engine.run(noop())
        await engine.run(both(pure(1), pure(1)))
"""

COUNTS = {
    "runs": 3,
    "iterations": 5,
    "lookups": 5,
    "hits": 1,
    "misses": 4,
    "evictions": 3,
    "resolves": 4,
    "builds": 4,
    "executions": 7,
    "attempts": 7,
    "reuses": 1,
}

ONE = """
    def test_it():
        cs.run(noop())
"""

RECORD = "--cascade-record=work.json"
COMPARE = "--cascade-compare=work.json"
RATCHET = "--cascade-ratchet"

# What workers need not import: they start in half the time.
LIGHT = ["-p", "no:hypothesispytest"]


def named(**counts):
    """Counts by the node ids of functions in the suite's file."""
    return {f"test_inner.py::{name}": each for name, each in counts.items()}


def recorded(suite, name="work.json"):
    return json.loads((suite.pytester.path / name).read_text())["tests"]


def recorded_names(suite):
    return {test.removeprefix("test_inner.py::") for test in recorded(suite)}


def keep(suite, tests, **more):
    """Have a file that says so."""
    text = json.dumps({"format": 1, "tests": tests, **more})
    (suite.pytester.path / "work.json").write_text(text)
    return text


def kept(suite):
    return (suite.pytester.path / "work.json").read_text()


def told(result):
    """What the summary says of files."""
    about = ("recorded", "compared", "new,", "in ", "work.json", "--cascade-record")
    lines = [line.removeprefix("cascade: ") for line in result.outlines if "cascade: " in line]
    return [line for line in lines if line.startswith(about)]


def assert_refused(result, *texts):
    """The session ended before a test ran, and said why."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *" + "*".join(texts) + "*"])
    everything = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in everything
    assert "Traceback" not in everything
    assert "collected" not in everything


# What is recorded


def test_recording_has_the_exact_counts_of_each_test_that_ran_an_engine(suite):
    result = suite.run(LOOPS, RECORD)

    assert result.ret == pytest.ExitCode.OK
    assert json.loads(kept(suite)) == {
        "format": 1,
        "tests": named(test_stable=STABLE, test_changing=CHANGING),
    }


def test_recording_has_all_counters(suite):
    suite.run(EVERYTHING, RECORD)

    assert recorded(suite) == named(test_it=COUNTS)


def test_recording_has_a_line_for_each_test_sorted_by_its_name(suite):
    suite.run(LOOPS, RECORD)

    counts = {name: json.dumps(each) for name, each in recorded(suite).items()}
    assert kept(suite).splitlines() == [
        "{",
        '"format": 1,',
        '"tests": {',
        f'"test_inner.py::test_changing": {counts["test_inner.py::test_changing"]},',
        f'"test_inner.py::test_stable": {counts["test_inner.py::test_stable"]}',
        "}",
        "}",
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(
            """
            def test_it():
                cs.run(noop())
                assert False
            """,
            {"test_it"},
            id="failing",
        ),
        pytest.param(
            """
            @pytest.mark.expect_resolves(0)
            def test_it():
                cs.run(noop())
            """,
            {"test_it"},
            id="failing-by-marker",
        ),
        pytest.param(
            """
            @pytest.mark.xfail(strict=True)
            def test_it():
                cs.run(noop())
                assert False

            @pytest.mark.xfail
            def test_that_passes():
                cs.run(noop())
            """,
            {"test_it", "test_that_passes"},
            id="xfailed",
        ),
        pytest.param(
            """
            class TestIt(unittest.TestCase):
                def test_it(self):
                    cs.run(noop())

                def test_wrong(self):
                    cs.run(noop())
                    self.fail()
            """,
            {"TestIt::test_it", "TestIt::test_wrong"},
            id="unittest",
        ),
        pytest.param(
            """
            @pytest.mark.parametrize("n", [1, 2])
            async def test_it(n):
                await cs.Engine().run(countdown(n))
            """,
            {"test_it[1]", "test_it[2]"},
            id="parametrised",
        ),
        pytest.param(
            """
            class TestIt:
                def test_it(self):
                    cs.run(noop())
            """,
            {"TestIt::test_it"},
            id="method",
        ),
        pytest.param(
            """
            from hypothesis import given, settings, strategies as st

            @given(st.integers(0, 2))
            @settings(max_examples=5, derandomize=True, database=None, deadline=None)
            def test_it(n):
                cs.run(countdown(n))
            """,
            {"test_it"},
            id="hypothesis",
        ),
        pytest.param(
            """
            def test_it():
                cs.run(noop())
                pytest.skip("enough")
            """,
            {"test_it"},
            id="skipped-afterwards",
        ),
    ],
)
def test_recording_has_a_test_that_ran_an_engine_though_it_is(suite, source, names):
    suite.run(source, RECORD)

    assert recorded_names(suite) == names


def test_recording_has_doctests(suite):
    suite.run(
        """
        def documented():
            '''
            >>> cs.run(noop())
            'ok'
            '''
        """,
        RECORD,
        "--doctest-modules",
    )

    assert recorded(suite) == named(**{"test_inner.documented": ONCE})


@pytest.mark.slow
def test_recording_has_a_test_that_imports_the_engine_in_its_body(pytester):
    pytester.makepyfile(
        test_inner="""
        def test_none(): ...

        def test_it():
            import cascade_core as cs

            @cs.task
            def noop(): ...

            cs.run(noop())
        """
    )

    pytester.runpytest_subprocess(RECORD, "-p", "no:randomly")

    assert json.loads((pytester.path / "work.json").read_text())["tests"] == named(test_it=ONCE)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def test_it(engine): ...", id="body-that-runs-no-engine"),
        pytest.param(
            """
            @pytest.fixture
            def prepared():
                cs.run(noop())

            def test_it(prepared): ...
            """,
            id="set-up",
        ),
        pytest.param(
            """
            @pytest.fixture
            def tidied():
                yield
                cs.run(noop())

            def test_it(tidied): ...
            """,
            id="teardown",
        ),
        pytest.param(
            """
            @pytest.fixture
            def prepared():
                cs.run(noop())
                raise OSError

            def test_it(prepared):
                cs.run(noop())
            """,
            id="set-up-that-failed",
        ),
        pytest.param(
            """
            @pytest.mark.skip
            def test_it():
                cs.run(noop())
            """,
            id="skipped",
        ),
    ],
)
def test_recording_lacks_what_ran_no_engine_in_a_body(suite, source):
    suite.run(source, RECORD)

    assert recorded(suite) == {}


def test_work_of_a_fixture_is_not_added_to_that_of_the_body(suite):
    suite.run(
        """
        @pytest.fixture
        def busy():
            cs.run(countdown(2))
            yield
            cs.run(countdown(2))

        def test_it(busy):
            cs.run(noop())
        """,
        RECORD,
    )

    assert recorded(suite) == named(test_it=ONCE)


def test_recording_says_how_many_tests_it_has(suite):
    assert told(suite.run(LOOPS, RECORD)) == ["recorded the work of 2 tests in work.json"]
    assert told(suite.run(ONE, "--cascade-record=one.json")) == [
        "recorded the work of 1 test in one.json"
    ]


# The same whatever way it was made

IN_ANY_ORDER = """
    class TestLoops:
        @pytest.mark.parametrize("n", [1, 2, 3])
        async def test_loop(self, engine, n):
            await engine.run(passing(n, noop()))

    @pytest.mark.xdist_group("apart")
    @pytest.mark.parametrize("name", ["a", "ä", "a@b"])
    def test_loop(name):
        cs.run(noop())
"""

RANDOM_EXAMPLES = """
    from hypothesis import given, settings, strategies as st

    @given(st.integers(0, 2))
    @settings(max_examples=5, derandomize=True, database=None, deadline=None)
    def test_examples(n):
        cs.run(countdown(n))
"""


@pytest.mark.slow
@pytest.mark.parametrize("dist", ["load", "loadscope", "loadgroup"])
def test_recording_is_the_same_to_the_byte_on_workers_that_share_by(suite, dist):
    suite.run(IN_ANY_ORDER, RECORD)

    result = suite.run_on_workers(
        IN_ANY_ORDER, f"--dist={dist}", "--cascade-record=workers.json", *LIGHT
    )

    result.assert_outcomes(passed=6)
    assert (suite.pytester.path / "workers.json").read_text() == kept(suite)


@pytest.mark.parametrize("seed", [1, 22])
def test_recording_is_the_same_to_the_byte_in_random_order(suite, seed):
    source = IN_ANY_ORDER + RANDOM_EXAMPLES
    suite.run(source, RECORD)

    seeded = ("-p", "randomly", f"--randomly-seed={seed}")
    suite.run(source, *seeded, "--cascade-record=random.json")

    assert (suite.pytester.path / "random.json").read_text() == kept(suite)


@pytest.mark.parametrize(
    ("grouped", "plain"),
    [
        ("a.py::test", "a.py::test"),
        ("a.py::test@group", "a.py::test"),
        ("a.py::test[x@y]", "a.py::test[x@y]"),
        ("a.py::test[x@y]@group", "a.py::test[x@y]"),
        ("a.py::test[x::y@z]@group", "a.py::test[x::y@z]"),
        ("b@c/a.py::test", "b@c/a.py::test"),
        ("b@c/a.py::test@group", "b@c/a.py::test"),
    ],
)
def test_name_of_a_test_is_without_its_group(grouped, plain):
    sharing_by_group = SimpleNamespace(option=SimpleNamespace(loadgroup=True))

    assert plain_name(grouped, sharing_by_group) == plain


# Where it is written, and whether


def test_relative_path_is_relative_to_where_pytest_was_called(suite, monkeypatch):
    below = suite.pytester.mkdir("below")
    suite.write(ONE)
    monkeypatch.chdir(below)

    suite.pytester.runpytest_inprocess("-p", "no:randomly", RECORD, "../test_inner.py")

    assert recorded(suite, "below/work.json") == named(test_it=ONCE)
    assert not (suite.pytester.path / "work.json").exists()


def test_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "work.json"
    path.write_text("old")

    def fail(*_):
        raise OSError(errno.EACCES, "denied")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="denied"):
        write_recording(str(path), {"cascade_core": {"test": {"runs": 1}}})

    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["work.json"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
def test_writing_that_is_cut_short_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "work.json"
    path.write_text("old")

    def fail(_):
        raise error

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(error)):
        write_recording(str(path), {"cascade_core": {"test": {"runs": 1}}})

    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["work.json"]


def test_recording_that_was_written_is_read_again(tmp_path):
    path = str(tmp_path / "work.json")
    recording = {
        "cascade_core": {"tests/test_ä.py::test[\ud800 \\ \"'\n]": {"runs": 1}},
        "toy": {"test": {"resolves": 2, "hits": 0}},
    }

    write_recording(path, recording)

    assert read_recording(path) == recording


def test_disk_that_is_full_at_the_end_is_told_and_fails_the_session(suite, monkeypatch):
    old = keep(suite, {})

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeper, "write_recording", fail)
    result = suite.run(LOOPS, RECORD)

    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    assert told(result) == ["--cascade-record: [Errno 28] No space left on device"]
    assert kept(suite) == old


# With `-n 2` in this process, for no worker is started.
TO_RUN = pytest.mark.parametrize("args", [(), ("-n", "2", "--benchmark-disable")])


@TO_RUN
def test_record_to_a_folder_that_is_not_there_is_a_usage_error(suite, args):
    result = suite.run(LOOPS, "--cascade-record=absent/work.json", *args)

    assert_refused(result, "--cascade-record: there is no folder ", "/absent")


@TO_RUN
def test_record_to_a_folder_is_a_usage_error(suite, args):
    suite.pytester.mkdir("work.json")

    assert_refused(suite.run(LOOPS, RECORD, *args), "--cascade-record: ", "is a folder, expected")


@TO_RUN
def test_record_to_a_folder_that_cannot_be_written_to_is_a_usage_error(suite, monkeypatch, args):
    may = os.access
    # Whoever may do anything may write to any folder.
    monkeypatch.setattr(
        "os.access", lambda path, mode, **how: mode != os.W_OK and may(path, mode, **how)
    )

    assert_refused(suite.run(LOOPS, RECORD, *args), "--cascade-record: ", "cannot be written to")


STOPPED = ["work.json was not written, for the session did not run to its end"]

STOPS = """
    def test_it():
        cs.run(noop())
        {stop}

    def test_other():
        cs.run(noop())
"""


@pytest.mark.parametrize(
    ("stop", "args"),
    [
        pytest.param("assert False", ["-x"], id="exitfirst"),
        pytest.param("assert False", ["--maxfail=1"], id="maxfail"),
        pytest.param("assert False", ["--stepwise"], id="stepwise"),
        pytest.param("raise KeyboardInterrupt", [], id="interrupt"),
        pytest.param("pytest.exit('enough')", [], id="exit"),
        pytest.param("pytest.exit('enough', returncode=0)", [], id="exit-with-a-code"),
    ],
)
def test_session_that_stopped_early_writes_nothing_and_says_so(suite, stop, args):
    old = keep(suite, named(test_it=ONCE))
    suite.write(STOPS.format(stop=stop))

    result = suite.pytester.runpytest_inprocess(
        "-p", "no:randomly", RECORD, *args, no_reraise_ctrlc=True
    )

    assert told(result) == STOPPED
    assert kept(suite) == old


def test_session_without_tests_writes_nothing_and_says_so(suite):
    old = keep(suite, named(test_it=ONCE))

    result = suite.run(ONE, RECORD, "-k", "no_such_test")

    assert told(result) == ["work.json was not written, for no test ran"]
    assert kept(suite) == old


def test_session_that_could_not_collect_a_file_writes_nothing_and_says_so(suite):
    old = keep(suite, named(test_it=ONCE))
    suite.pytester.makepyfile(test_broken="import no_such_module")

    assert told(suite.run(ONE, RECORD)) == STOPPED
    assert kept(suite) == old


@pytest.mark.slow
def test_workers_that_stopped_early_write_nothing_and_say_so(suite):
    old = keep(suite, named(test_it=ONCE))

    result = suite.run_on_workers(STOPS.format(stop="assert False"), "-x", RECORD, *LIGHT)

    assert told(result) == STOPPED
    assert kept(suite) == old


@pytest.mark.parametrize("args", [["-x"], ["--maxfail=1"], ["--stepwise"]])
def test_session_that_might_have_stopped_and_did_not_is_recorded(suite, args):
    suite.run(LOOPS, RECORD, *args)

    assert recorded_names(suite) == {"test_stable", "test_changing"}


@pytest.mark.parametrize("flag", ["--collect-only", "--setup-only", "--setup-plan", "--fixtures"])
def test_session_that_runs_no_test_writes_nothing(suite, flag):
    old = keep(suite, named(test_it=ONCE))

    result = suite.run(ONE, RECORD, flag)

    assert result.ret == pytest.ExitCode.OK
    assert kept(suite) == old
    assert not [line for line in told(result) if line.startswith("recorded")]


def test_recording_anew_names_tests_that_are_gone(suite):
    keep(suite, named(test_stable=STABLE, test_gone=ONCE, test_away=ONCE))

    assert told(suite.run(LOOPS, RECORD)) == [
        "recorded the work of 2 tests in work.json; "
        "it has no more test_inner.py::test_away, test_inner.py::test_gone"
    ]
    assert recorded_names(suite) == {"test_stable", "test_changing"}


def test_recording_anew_names_five_tests_that_are_gone_and_counts_the_others(suite):
    keep(suite, named(**{f"test_{number}": ONCE for number in range(7)}))

    (line,) = told(suite.run(ONE, RECORD))

    assert line.endswith(
        "; it has no more "
        + ", ".join(named(**{f"test_{number}": ONCE for number in range(5)}))
        + " and 2 more"
    )


def test_recording_anew_replaces_a_file_that_is_damaged(suite):
    (suite.pytester.path / "work.json").write_text("{")

    suite.run(ONE, RECORD)

    assert recorded(suite) == named(test_it=ONCE)


# Compared: what fails


def test_unchanged_work_passes(suite):
    suite.run(LOOPS, RECORD)

    result = suite.run(LOOPS, COMPARE)

    result.assert_outcomes(passed=3)
    assert told(result) == ["compared the work of 2 tests with work.json"]


@pytest.mark.parametrize("counter", WORK)
def test_work_that_grew_fails_and_the_count_is_named(suite, counter):
    before = COUNTS | {counter: COUNTS[counter] - 1}
    keep(suite, named(test_it=before))

    result = suite.run(EVERYTHING, COMPARE)

    result.assert_outcomes(failed=1)
    numbers = f"{counter} from {before[counter]} to {COUNTS[counter]}"
    result.stdout.fnmatch_lines([f"E   UnexpectedWork: work.json: work grew: {numbers}"])


def test_work_that_grew_is_told_with_the_reasons_of_its_plans(suite):
    keep(suite, named(test_changing=STABLE | {"executions": 4, "attempts": 4}))

    result = suite.run(LOOPS, COMPARE)

    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(
        [
            "E   UnexpectedWork: work.json: work grew: "
            "resolves from 1 to 2, misses from 1 to 2, builds from 1 to 2",
            "E     1. passing · 2 nodes · first seen",
            "E     2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
            "      test_inner.py:[0-9]*",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize("counter", ["hits", "reuses"])
@pytest.mark.parametrize("change", [1, -1])
def test_work_that_was_saved_may_change_alone(suite, counter, change):
    keep(suite, named(test_it=COUNTS | {counter: COUNTS[counter] + change}))

    suite.run(EVERYTHING, COMPARE, RATCHET).assert_outcomes(passed=1)


def test_counts_that_the_file_does_not_have_are_not_compared(suite):
    keep(suite, named(test_it={"resolves": 1}))

    suite.run(ONE, COMPARE, RATCHET).assert_outcomes(passed=1)


def test_less_work_passes(suite):
    keep(suite, named(test_it={name: count + 1 for name, count in ONCE.items()}))

    suite.run(ONE, COMPARE).assert_outcomes(passed=1)


def test_unchanged_work_passes_the_ratchet(suite):
    keep(suite, named(test_stable=STABLE, test_changing=CHANGING))

    suite.run(LOOPS, COMPARE, RATCHET).assert_outcomes(passed=3)


@pytest.mark.parametrize("counter", ["resolves", "attempts", "runs"])
def test_ratchet_fails_less_work_and_says_how_to_renew_the_file(suite, counter):
    keep(suite, named(test_it=ONCE | {counter: ONCE[counter] + 1}))

    result = suite.run(ONE, COMPARE, RATCHET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E   UnexpectedWork: work.json: work shrank: {counter} from {ONCE[counter] + 1} to "
            f"{ONCE[counter]}; renew the file: run all tests with --cascade-record work.json"
        ]
    )


def test_ratchet_tells_what_grew_and_what_shrank_apart(suite):
    keep(suite, named(test_it=ONCE | {"runs": 0, "builds": 2}))

    result = suite.run(ONE, COMPARE, RATCHET)

    result.stdout.fnmatch_lines(
        [
            "E   UnexpectedWork: work.json: work grew: runs from 0 to 1",
            "E   work.json: work shrank: builds from 2 to 1; *",
            "E     1. noop · *",
        ],
        consecutive=True,
    )


def test_ratchet_fails_a_test_that_runs_no_engine_any_more(suite):
    keep(suite, named(test_it=ONCE))

    result = suite.run("def test_it(): ...", COMPARE, RATCHET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *: work.json: work shrank: resolves from 1 to 0, *"])


def test_test_that_runs_no_engine_any_more_passes_without_the_ratchet(suite):
    keep(suite, named(test_it=ONCE))

    result = suite.run("def test_it(): ...", COMPARE)

    result.assert_outcomes(passed=1)
    assert told(result)[1:] == ["in work.json, but ran no engine here: test_inner.py::test_it"]


@TO_RUN
def test_ratchet_without_a_file_to_compare_with_is_a_usage_error(suite, args):
    result = suite.run(LOOPS, RATCHET, *args)

    assert_refused(result, "--cascade-ratchet needs --cascade-compare PATH")


def test_new_and_gone_tests_are_told_and_do_not_fail(suite):
    keep(suite, named(test_stable=STABLE, test_gone=ONCE))

    result = suite.run(LOOPS, COMPARE, RATCHET)

    assert result.ret == pytest.ExitCode.OK
    assert told(result) == [
        "compared the work of 1 test with work.json",
        "new, not in work.json: test_inner.py::test_changing",
        "in work.json, but not run here: test_inner.py::test_gone",
    ]


def test_counts_that_are_equal_neither_grew_nor_shrank():
    assert grown(COUNTS, COUNTS) == ""
    assert shrunk(COUNTS, COUNTS) == ""


def test_all_that_grew_is_named_with_the_plans_first():
    less = {name: count - 1 for name, count in COUNTS.items()}

    assert grown(less, COUNTS) == (
        "resolves from 3 to 4, misses from 3 to 4, builds from 3 to 4, lookups from 4 to 5, "
        "evictions from 2 to 3, iterations from 4 to 5, executions from 6 to 7, "
        "attempts from 6 to 7, runs from 2 to 3"
    )


def test_all_that_shrank_is_named_with_the_plans_first():
    more = {name: count + 1 for name, count in COUNTS.items()}

    assert shrunk(more, COUNTS) == (
        "resolves from 5 to 4, misses from 5 to 4, builds from 5 to 4, lookups from 6 to 5, "
        "evictions from 4 to 3, iterations from 6 to 5, executions from 8 to 7, "
        "attempts from 8 to 7, runs from 4 to 3"
    )


# Compared: with what else a test may be

GREW = "work.json: work grew: resolves from 0 to 1"


def test_growth_and_a_wrong_marker_are_one_failure(suite):
    keep(suite, named(test_it=ONCE | {"resolves": 0}))

    result = suite.run(
        """
        @pytest.mark.expect_iterations(2)
        def test_it():
            cs.run(noop())
        """,
        COMPARE,
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   UnexpectedWork: expect_iterations(2): the target was iterated 1 time",
            f"E   {GREW}",
            "E     1. noop · 1 node · first seen",
        ],
        consecutive=True,
    )


def test_marker_that_holds_does_not_excuse_growth(suite):
    keep(suite, named(test_it=ONCE | {"resolves": 0}))

    result = suite.run(
        """
        @pytest.mark.expect_resolves(1)
        def test_it():
            cs.run(noop())
        """,
        COMPARE,
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E   UnexpectedWork: {GREW}"])


@pytest.mark.parametrize(
    ("source", "name", "outcome"),
    [
        pytest.param(
            """
            @pytest.mark.xfail(strict=True, raises=AssertionError)
            def test_it():
                cs.run(noop())
            """,
            "test_it",
            {"xfailed": 1},
            id="xfail",
        ),
        pytest.param(
            """
            class TestIt:
                def test_it(self):
                    cs.run(noop())
            """,
            "TestIt::test_it",
            {"failed": 1},
            id="class",
        ),
        pytest.param(
            """
            class TestIt(unittest.TestCase):
                def test_it(self):
                    cs.run(noop())
            """,
            "TestIt::test_it",
            {"failed": 1},
            id="unittest",
        ),
        pytest.param(
            """
            async def test_it(engine):
                await engine.run(noop())
            """,
            "test_it",
            {"failed": 1},
            id="async",
        ),
        pytest.param(
            """
            @pytest.mark.parametrize("n", [1, 2])
            def test_it(n):
                cs.run(noop())
            """,
            "test_it[2]",
            {"passed": 1, "failed": 1},
            id="parametrised",
        ),
    ],
)
def test_growth_is_judged_like_a_marker_in(suite, source, name, outcome):
    keep(suite, named(**{name: ONCE | {"resolves": 0}}))

    suite.run(source, COMPARE).assert_outcomes(**outcome)


def test_growth_of_a_test_that_skips_itself_is_not_told(suite):
    keep(suite, named(test_it=ONCE | {"resolves": 0}))

    result = suite.run(ONE + '        pytest.skip("enough")', COMPARE)

    result.assert_outcomes(skipped=1)
    result.stdout.no_fnmatch_line("*unexpected work*")


def test_growth_of_a_doctest_fails(suite):
    keep(suite, named(**{"test_inner.documented": ONCE | {"resolves": 0}}))

    result = suite.run(
        """
        def documented():
            '''
            >>> cs.run(noop())
            'ok'
            '''
        """,
        COMPARE,
        "--doctest-modules",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{GREW}"])


def test_error_of_the_body_stands_and_growth_is_a_note(suite):
    keep(suite, named(test_it=ONCE | {"resolves": 0}))

    result = suite.run(
        """
        def test_it():
            cs.run(noop())
            raise LookupError("mine")
        """,
        COMPARE,
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *LookupError: mine", f"E *{GREW}", "FAILED test_inner.py::test_it - LookupError: mine"]
    )


@pytest.mark.slow
def test_work_is_compared_on_workers(suite):
    keep(suite, named(test_stable=STABLE, test_changing=STABLE, test_gone=ONCE))
    grouped = LOOPS.replace("def test_ch", "@pytest.mark.xdist_group('a')\n    def test_ch")

    result = suite.run_on_workers(grouped, COMPARE, "--dist=loadgroup", *LIGHT)

    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["E *: work.json: work grew: resolves from 1 to 2, *"])
    assert told(result) == [
        "compared the work of 2 tests with work.json",
        "in work.json, but not run here: test_inner.py::test_gone",
    ]


def test_file_that_is_compared_with_and_recorded_to_is_renewed(suite):
    keep(suite, named(test_stable=STABLE, test_changing=STABLE))

    result = suite.run(LOOPS, COMPARE, RECORD)

    result.assert_outcomes(failed=1, passed=2)
    assert recorded(suite) == named(test_stable=STABLE, test_changing=CHANGING)
    suite.run(LOOPS, COMPARE, RATCHET).assert_outcomes(passed=3)


BENCH = """
    @pytest.mark.cascade_bench(iterations=1)
    def test_it(cascade_bench):
        cascade_bench(lambda n: countdown(n, noop()))
"""

MEASURED = ["--cascade-bench", "-o", "cascade_bench_rounds=1"]


def test_benchmark_that_is_not_measured_does_the_same_work_again(suite):
    suite.run(BENCH, RECORD)

    suite.run(BENCH, COMPARE, RATCHET).assert_outcomes(passed=1)


def test_growth_of_a_benchmark_that_is_not_measured_fails(suite):
    keep(suite, named(test_it=ONCE))

    suite.run(BENCH, COMPARE).assert_outcomes(failed=1)


def test_benchmark_that_is_measured_is_not_compared(suite):
    keep(suite, named(test_it=ONCE | {"runs": 1_000}))

    suite.run(BENCH, COMPARE, RATCHET, *MEASURED).assert_outcomes(passed=1)


# Compared: with files that are none

BROKEN = {
    "empty": (b"", "no JSON: Expecting value"),
    "truncated": (b'{"format": 1, "tests": {"a": {"ru', "no JSON: Unterminated string"),
    "binary": (b"\x89PNG\xff\x00", "no JSON: 'utf-8' codec can't decode"),
    "deep": (b"[" * 100_000, "no JSON: "),
    "list": (b"[1]", "it has no 'format'"),
    "string": (b'"format"', "it has no 'format'"),
    "no-format": (b'{"tests": {}}', "it has no 'format'"),
    "format-2": (b'{"format": 2, "tests": {}}', "format 2 is unknown, expected 1"),
    "format-true": (b'{"format": true, "tests": {}}', "format True is unknown, expected 1"),
    "format-text": (b'{"format": "1", "tests": {}}', "format '1' is unknown, expected 1"),
    "no-tests": (b'{"format": 1}', "'tests' must be an object, got None"),
    "tests-list": (b'{"format": 1, "tests": []}', "'tests' must be an object, got []"),
    "counts-list": (
        b'{"format": 1, "tests": {"a": [1]}}',
        "'tests' of 'a' must be an object, got [1]",
    ),
    "unknown-counter": (
        b'{"format": 1, "tests": {"a": {"walks": 1}}}',
        "'tests' of 'a' has an unknown count 'walks'",
    ),
    "negative": (
        b'{"format": 1, "tests": {"a": {"runs": -1}}}',
        "runs of 'a' must be an int >= 0, got -1",
    ),
    "bool": (
        b'{"format": 1, "tests": {"a": {"runs": true}}}',
        "runs of 'a' must be an int >= 0, got True",
    ),
    "float": (
        b'{"format": 1, "tests": {"a": {"runs": 1.0}}}',
        "runs of 'a' must be an int >= 0, got 1.0",
    ),
    "null": (
        b'{"format": 1, "tests": {"a": {"runs": null}}}',
        "runs of 'a' must be an int >= 0, got None",
    ),
    "engines-list": (
        b'{"format": 1, "tests": {}, "engines": []}',
        "'engines' must be an object, got []",
    ),
    "engine-list": (
        b'{"format": 1, "tests": {}, "engines": {"toy": []}}',
        "'engines' 'toy' must be an object, got []",
    ),
    "engine-float": (
        b'{"format": 1, "tests": {}, "engines": {"toy": {"a": {"hits": 0.5}}}}',
        "hits of 'a' must be an int >= 0, got 0.5",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_file_that_is_no_recording_is_refused_with_the_reason(tmp_path, kind):
    content, text = BROKEN[kind]
    path = tmp_path / "work.json"
    path.write_bytes(content)

    with pytest.raises(NoRecordingError) as caught:
        read_recording(str(path))

    assert str(caught.value).startswith(text)


@TO_RUN
@pytest.mark.parametrize("kind", ["truncated", "binary", "format-2"])
def test_compare_with_a_file_that_is_no_recording_is_a_usage_error(suite, kind, args):
    content, text = BROKEN[kind]
    (suite.pytester.path / "work.json").write_bytes(content)

    result = suite.run(LOOPS, COMPARE, *args)

    how_to = "(make one with --cascade-record work.json)"
    assert_refused(result, f"--cascade-compare: work.json: {text}", how_to)


@TO_RUN
def test_compare_with_a_file_that_is_not_there_is_a_usage_error(suite, args):
    result = suite.run(LOOPS, COMPARE, *args)

    assert_refused(result, "--cascade-compare: work.json: No such file or directory (make one with")


def test_compare_with_a_folder_is_a_usage_error(suite):
    suite.pytester.mkdir("work.json")

    assert_refused(suite.run(LOOPS, COMPARE), "--cascade-compare: work.json: Is a directory")


# Another engine's work

TOY = """
    import toy_engine

    def test_formulas():
        toy_engine.clear()
        for a in (1, 2, 3):
            toy_engine.evaluate("a * 2", a=a)

    def test_both():
        toy_engine.clear()
        toy_engine.evaluate("a * 2", a=1)
        cs.run(noop())
"""

TOY_THRICE = {"lookups": 3, "hits": 2, "misses": 1, "resolves": 1}
TOY_ONCE = {"lookups": 1, "hits": 0, "misses": 1, "resolves": 1}


@pytest.fixture
def toy_suite(suite):
    suite.pytester.copy_example(str(EXAMPLES / "another_engine"))
    (suite.pytester.path / "test_toy_engine.py").unlink()
    return suite


def test_work_of_another_engine_is_recorded_beside_ours(toy_suite):
    result = toy_suite.run(TOY, RECORD)

    assert json.loads(kept(toy_suite)) == {
        "format": 1,
        "tests": named(test_both=ONCE),
        "engines": {"toy": named(test_formulas=TOY_THRICE, test_both=TOY_ONCE)},
    }
    assert told(result) == ["recorded the work of 2 tests in work.json"]


def test_unchanged_work_of_another_engine_passes(toy_suite):
    toy_suite.run(TOY, RECORD)

    toy_suite.run(TOY, COMPARE, RATCHET).assert_outcomes(passed=2)


def test_growth_of_another_engines_work_fails_and_names_the_engine(toy_suite):
    fewer = {"toy": named(test_formulas=TOY_THRICE | {"resolves": 0}, test_both=TOY_ONCE)}
    keep(toy_suite, named(test_both=ONCE), engines=fewer)

    result = toy_suite.run(TOY, COMPARE)

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "E   UnexpectedWork: work.json: work of toy grew: resolves from 0 to 1",
            "E     1. a [*] 2 · first seen",
        ],
        consecutive=True,
    )


def test_ratchet_fails_a_test_that_runs_another_engine_no_more(toy_suite):
    keep(toy_suite, {}, engines={"toy": named(test_it=TOY_ONCE)})

    result = toy_suite.run(ONE, COMPARE, RATCHET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *: work.json: work of toy shrank: resolves from 1 to 0, *"])


def test_hypothesis_tests_are_recorded_but_not_compared_for_their_examples_differ(suite):
    drawn = """
    from hypothesis import given, settings, strategies

    @settings(database=None, deadline=None)
    @given(strategies.integers({}, {}))
    def test_drawn(n):
        cs.run(countdown(n, noop()))
    """
    suite.run(drawn.format(1, 1), RECORD).assert_outcomes(passed=1)

    result = suite.run(drawn.format(5, 9), COMPARE, RATCHET)

    result.assert_outcomes(passed=1)
    assert recorded(suite)["test_inner.py::test_drawn"]["iterations"] == 2
