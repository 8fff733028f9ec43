"""What a session tells of the work it saw: at its end, in failures, to machines."""

import os
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from pytest_cascade.expectations import Violation
from pytest_cascade.recording.counts import clear, tell, told_counts, told_verdict
from pytest_cascade.report import terminal
from pytest_cascade.report.annotations import annotation
from pytest_cascade.work.plain import as_plain_data, of_plain_data
from pytest_cascade.work.record import Resolve, WorkRecord
from pytest_cascade.work.sums import ToldReason

EXAMPLES = Path(__file__).parents[2] / "examples"

TWO_TESTS = """
    def test_stable():
        cs.run(countdown(2, noop()))

    def test_changing():
        cs.run(passing(2, noop()))

    def test_without_engine(): ...
"""

TWO_TESTS_RAN = "cascade: 2 tests ran an engine: 6 iterations, 3 resolves, 3 hits"

WRONG = """
    @pytest.mark.expect_resolves(1)
    def test_wrong():
        cs.run(passing(2, noop()))
"""

# What workers need not import: they start in half the time.
LIGHT = ["-p", "no:hypothesispytest"]

EXPLAIN = "--cascade-explain"


def summary(result):
    """Our lines at the end."""
    return [line for line in result.outlines if line.startswith("cascade: ")]


def plans(result):
    """The lines below the heading of all timelines."""
    (start,) = (n for n, line in enumerate(result.outlines) if " cascade plans " in line)
    end = result.outlines.index(summary(result)[0])
    return [line for line in result.outlines[start + 1 : end] if line]


def failure(result):
    """What a failure says, without its margin."""
    return [line[4:] for line in result.outlines if line.startswith("E   ")]


def line_of(suite, code):
    """The number of the one line of the suite's file that is ``code``."""
    lines = (suite.pytester.path / "test_inner.py").read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if line.strip() == code)
    return number


# The summary


def test_summary_is_one_line_when_all_is_well(suite):
    assert summary(suite.run(TWO_TESTS)) == [TWO_TESTS_RAN]


def test_summary_counts_one_of_each_in_the_singular(suite):
    result = suite.run(
        """
        async def test_it(engine):
            await engine.run(noop())
        """
    )

    assert summary(result) == ["cascade: 1 test ran an engine: 1 iteration, 1 resolve, 0 hits"]


def test_summary_groups_the_digits_of_thousands(suite):
    result = suite.run(
        """
        def test_it():
            cs.run(countdown(1_233, noop()))
        """
    )

    assert summary(result) == [
        "cascade: 1 test ran an engine: 1,234 iterations, 1 resolve, 1,233 hits"
    ]


@pytest.mark.parametrize("source", ["def test_it(): ...", "def test_it(engine): ..."])
def test_summary_is_silent_if_no_engine_ran(suite, source):
    assert summary(suite.run(source)) == []


@pytest.mark.parametrize("flag", ["-q", "-qq"])
def test_summary_is_silent_with(suite, flag):
    assert summary(suite.run(TWO_TESTS + WRONG, flag)) == []


@pytest.mark.parametrize("flag", ["-v", "-vv", "--tb=no"])
def test_summary_is_the_same_with(suite, flag):
    assert summary(suite.run(TWO_TESTS, flag)) == [TWO_TESTS_RAN]


@pytest.mark.slow
def test_summary_is_the_same_on_workers(suite):
    assert summary(suite.run_on_workers(TWO_TESTS, *LIGHT)) == [TWO_TESTS_RAN]


def test_summary_lacks_the_work_of_set_up_and_teardown(suite):
    result = suite.run(
        """
        @pytest.fixture
        def busy():
            cs.run(noop())
            yield
            cs.run(noop())

        def test_it(busy): ...
        """
    )

    assert summary(result) == []


def test_summary_counts_failing_and_xfailed_tests_once(suite):
    result = suite.run(
        """
        def test_it():
            cs.run(noop())
            assert False

        @pytest.mark.xfail
        def test_other():
            cs.run(noop())
            assert False
        """
    )

    assert summary(result) == ["cascade: 2 tests ran an engine: 2 iterations, 2 resolves, 0 hits"]


def test_summary_has_a_line_for_another_engine(suite):
    suite.pytester.copy_example(str(EXAMPLES / "another_engine"))
    result = suite.run(
        """
        import toy_engine

        def test_it():
            toy_engine.clear()
            for a in (1, 2):
                toy_engine.evaluate("a * 2", a=a)
            cs.run(noop())
        """,
        "test_inner.py",
    )

    assert summary(result) == [
        "cascade: 1 test ran an engine: 1 iteration, 1 resolve, 0 hits",
        "cascade: 1 test ran 'toy': 1 resolve, 1 hit",
    ]


def test_summary_counts_tests_that_did_unexpected_work(suite):
    assert summary(suite.run(WRONG))[1:] == ["cascade: 1 test did unexpected work"]
    assert summary(suite.run(TWO_TESTS + WRONG + WRONG.replace("wrong", "worse")))[1:] == [
        "cascade: 2 tests did unexpected work"
    ]


def test_unexpected_work_beside_an_error_of_the_body_is_counted(suite):
    result = suite.run(WRONG + "        assert False\n")

    assert summary(result)[1:] == ["cascade: 1 test did unexpected work"]


# All timelines


def test_explain_tells_the_timeline_of_each_test_that_ran_an_engine_in_order(suite):
    result = suite.run(TWO_TESTS, EXPLAIN)

    where = line_of(suite, "def passing(n, dep=None):") - 1
    assert plans(result) == [
        "test_inner.py::test_stable: 1 resolve, 2 hits",
        "  1. countdown · 2 nodes · first seen",
        "test_inner.py::test_changing: 2 resolves, 1 hit",
        "  1. passing · 2 nodes · first seen",
        "  2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
        f"      test_inner.py:{where}",
    ]
    assert summary(result) == [TWO_TESTS_RAN]


def test_explain_tells_of_tests_that_failed_xfailed_and_were_skipped_in_their_order(suite):
    result = suite.run(
        """
        def test_skipped():
            cs.run(noop())
            pytest.skip("enough")

        def test_failed():
            cs.run(noop())
            assert False

        @pytest.mark.xfail
        def test_xfailed():
            cs.run(noop())
            assert False

        def test_passed():
            cs.run(noop())
        """,
        EXPLAIN,
    )

    assert [line for line in plans(result) if "::" in line] == [
        f"test_inner.py::test_{name}: 1 resolve, 0 hits"
        for name in ("skipped", "failed", "xfailed", "passed")
    ]


def test_explain_tells_of_a_test_that_planned_nothing(suite):
    result = suite.run(
        """
        ENGINE = cs.Engine()

        async def test_first():
            await ENGINE.run(noop())

        async def test_second():
            await ENGINE.run(noop())
        """,
        EXPLAIN,
    )

    assert plans(result)[2:] == ["test_inner.py::test_second: 0 resolves, 1 hit"]


@pytest.mark.parametrize("flags", [[], ["-v"]])
def test_explain_begins_right_below_its_heading(suite, flags):
    result = suite.run(TWO_TESTS, EXPLAIN, *flags)

    result.stdout.fnmatch_lines(["=* cascade plans *=", "test_inner.py::*"], consecutive=True)


def test_explain_is_told_even_with_q(suite):
    result = suite.run(TWO_TESTS, EXPLAIN, "-q")

    result.stdout.fnmatch_lines(
        ["=* cascade plans *=", "test_inner.py::test_stable: 1 resolve, 2 hits"], consecutive=True
    )


MANY = """
    @pytest.mark.cascade_engine(max_plans=0)
    @pytest.mark.expect_resolves(0)
    async def test_many(engine):
        await engine.run(countdown({last}, noop()))
"""


def test_explain_leaves_no_resolve_out(suite):
    result = suite.run(MANY.format(last=59), EXPLAIN)

    rows = plans(result)[1:]
    assert [row.split(".")[0].strip() for row in rows] == [str(n) for n in range(1, 61)]


@pytest.mark.parametrize("flag", ["-v", "-vv"])
def test_explain_tells_all_differences_and_places_with(suite, flag):
    result = suite.run(TWO_TESTS, EXPLAIN, flag)

    where = line_of(suite, "def passing(n, dep=None):") - 1
    called = line_of(suite, "cs.run(passing(2, noop()))")
    assert plans(result)[3:] == [
        f"  1. passing · 2 nodes · first seen      test_inner.py:{where}, "
        f"run at test_inner.py:{called}",
        f"  2. passing · 1 node  · structure       test_inner.py:{where}, "
        f"run at test_inner.py:{called}",
        "       passing(dep=) was noop(), now a literal",
    ]


def test_explain_cuts_a_long_timeline_with_v_and_not_with_vv(suite):
    source = MANY.format(last=69)

    assert "  ... 10 more ..." in plans(suite.run(source, EXPLAIN, "-v"))
    assert "  ... 10 more ..." not in plans(suite.run(source, EXPLAIN, "-vv"))


@pytest.mark.slow
def test_explain_tells_the_same_on_workers(suite):
    here = plans(suite.run(TWO_TESTS, EXPLAIN, "-v"))

    # All in one worker, for two take turns as they like.
    there = suite.run_on_workers(
        TWO_TESTS, EXPLAIN, "-v", "-p", "no:randomly", "--dist=loadscope", *LIGHT
    )

    assert plans(there) == here


def test_explain_tells_tests_of_workers_in_the_order_they_began(suite):
    suite.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_terminal_summary(terminalreporter):
            started = iter([2.0, 1.0])
            for report in terminalreporter.stats["passed"]:
                if hasattr(report, "cascade"):
                    report.start = next(started)
        """
    )

    result = suite.run(TWO_TESTS, EXPLAIN)

    assert [line for line in plans(result) if "::" in line] == [
        "test_inner.py::test_changing: 2 resolves, 1 hit",
        "test_inner.py::test_stable: 1 resolve, 2 hits",
    ]


def record_of(*resolves, **more):
    return WorkRecord(resolves=len(resolves), timeline=resolves, **more)


def test_record_that_went_as_plain_data_is_told_the_same():
    changes = tuple(SimpleNamespace(path=f"f({n}=)", before="a", now="b") for n in range(8))
    record = record_of(
        Resolve("f", 2, ToldReason("first_seen", "first seen"), None, ("/root/t.py", 7), 5),
        Resolve("g", 1, ToldReason("structure", "structure: f(0=)", changes), ("/root/t.py", 9)),
        hits=3,
        fallbacks=("eager",),
    )

    again = of_plain_data(as_plain_data(record))

    assert terminal.timeline(again, "/root") == terminal.timeline(record, "/root")
    assert (again.hits, again.resolves, again.fallbacks) == (3, 2, ("eager",))
    assert again.timeline[0].duration_ns == 5


# Failures, at each verbosity

CHANGES_TWICE = """
    @cs.task
    def pair(n, a=None, b=None):
        if n:
            return pair(n - 1, a=1, b=2)
        return "done"

    @pytest.mark.expect_resolves(1)
    def test_it():
        cs.run(pair(1, a=noop(), b=noop()))
"""


def test_failure_has_the_first_difference_in_line_and_counts_the_others(suite):
    result = suite.run(CHANGES_TWICE)

    where = line_of(suite, "def pair(n, a=None, b=None):") - 1
    assert failure(result) == [
        "UnexpectedWork: expect_resolves(1): the solver was called 2 times",
        "  1. pair · 3 nodes · first seen",
        "  2. pair · 1 node  · structure: pair(a=) was noop(), now a literal (and 1 more)"
        f"      test_inner.py:{where}",
    ]


@pytest.mark.parametrize("flag", ["-v", "-vv"])
def test_failure_has_each_difference_on_a_line_and_every_place_with(suite, flag):
    result = suite.run(CHANGES_TWICE, flag)

    where = line_of(suite, "def pair(n, a=None, b=None):") - 1
    places = f"test_inner.py:{where}, run at test_inner.py:" + str(
        line_of(suite, "cs.run(pair(1, a=noop(), b=noop()))")
    )
    assert failure(result) == [
        "UnexpectedWork: expect_resolves(1): the solver was called 2 times",
        f"  1. pair · 3 nodes · first seen      {places}",
        f"  2. pair · 1 node  · structure       {places}",
        "       pair(a=) was noop(), now a literal",
        "       pair(b=) was noop(), now a literal",
    ]


@pytest.mark.parametrize("flags", [[], ["-v"], ["-q"]])
def test_ini_overrides_the_verbosity_of_failures(suite, flags):
    suite.configure("verbosity_cascade = 2")

    result = suite.run(CHANGES_TWICE, *flags)

    assert failure(result)[-1] == "       pair(b=) was noop(), now a literal"


def test_ini_makes_failures_terse_though_the_rest_is_verbose(suite):
    suite.configure("verbosity_cascade = 0")

    result = suite.run(CHANGES_TWICE, "-vv")

    assert "(and 1 more)" in failure(result)[-1]


def test_ini_overrides_the_verbosity_of_all_timelines(suite):
    suite.configure("verbosity_cascade = 1")

    result = suite.run(CHANGES_TWICE, EXPLAIN)

    assert plans(result)[-1] == "       pair(b=) was noop(), now a literal"


RUNS = {
    "sync": """
        @pytest.mark.expect_resolves(0)
        def test_it():
            before = 1
            cs.run(noop())  # here
            after = 1
    """,
    "asyncio-run": """
        @pytest.mark.expect_resolves(0)
        def test_it():
            engine = cs.Engine()
            asyncio.run(engine.run(noop()))  # here
            after = 1
    """,
    "asyncio-run-of-a-function": """
        @pytest.mark.expect_resolves(0)
        def test_it():
            async def main():
                engine = cs.Engine()
                await engine.run(noop())  # here
                after = 1

            asyncio.run(main())
    """,
    "async": """
        @pytest.mark.expect_resolves(0)
        async def test_it(engine):
            before = 1
            await engine.run(noop())  # here
            after = 1
    """,
    "function-that-a-test-awaits": """
        async def helper(engine):
            await engine.run(noop())  # here

        @pytest.mark.expect_resolves(0)
        async def test_it(engine):
            await helper(engine)
    """,
    "task": """
        @pytest.mark.expect_resolves(0)
        async def test_it(engine):
            async def main():
                await engine.run(noop())  # here

            await asyncio.create_task(main())
    """,
    "gathered": """
        @pytest.mark.expect_resolves(0)
        async def test_it(engine):
            async def main():
                await engine.run(noop())  # here

            await asyncio.gather(main())
    """,
    "thread": """
        @pytest.mark.expect_resolves(0)
        def test_it():
            def main():
                cs.run(noop())  # here

            thread = threading.Thread(target=main)
            thread.start()
            thread.join()
    """,
    "fixture-that-gives-a-function": """
        @pytest.fixture
        def go():
            def going():
                cs.run(noop())  # here

            return going

        @pytest.mark.expect_resolves(0)
        def test_it(go):
            go()
    """,
}


@pytest.mark.parametrize("way", RUNS)
def test_failure_with_v_tells_the_line_that_ran_the_engine(suite, way):
    result = suite.run(RUNS[way], "-v")

    lines = (suite.pytester.path / "test_inner.py").read_text().splitlines()
    (here,) = (n for n, line in enumerate(lines, 1) if line.endswith("# here"))
    (row,) = failure(result)[1:]
    assert row.endswith(f", run at test_inner.py:{here}")


def test_failure_with_v_tells_the_lines_of_a_task_that_runs_an_engine(suite):
    result = suite.run(
        """
        @cs.task
        async def nesting():
            await cs.Engine().run(noop())  # inner

        @pytest.mark.expect_resolves(1)
        def test_it():
            cs.run(nesting())  # outer
        """,
        "-v",
    )

    inner = line_of(suite, "await cs.Engine().run(noop())  # inner")
    outer = line_of(suite, "cs.run(nesting())  # outer")
    assert [row.rpartition(":")[2] for row in failure(result)[1:]] == [str(outer), str(inner)]


@pytest.mark.parametrize("call", ["asyncio.create_task(engine.run(noop()))", "engine.run(noop())"])
def test_failure_with_v_names_no_caller_if_an_event_loop_drives_the_run(suite, call):
    result = suite.run(
        f"""
        @pytest.mark.expect_resolves(0)
        async def test_it(engine):
            await asyncio.gather({call})
        """,
        "-v",
    )

    (row,) = failure(result)[1:]
    assert "run at" not in row
    assert row.endswith(f"test_inner.py:{line_of(suite, 'def noop(dep=None):') - 1}")


# Long timelines


def rows_and_gap(lines):
    """The numbers of the rows, and what stands between them."""
    numbers, gap = [], ""
    for line in lines:
        number, dot, _ = line.partition(". ")
        if dot and number.strip().isdecimal():
            numbers.append(int(number))
        elif "more" in line:
            gap += line.strip()
    return numbers, gap


@pytest.mark.parametrize(
    ("flags", "shown", "gap"),
    [
        ([], [*range(1, 11), *range(66, 71)], "... 55 more ..."),
        (["-v"], [*range(1, 41), *range(51, 71)], "... 10 more ..."),
        (["-vv"], [*range(1, 71)], ""),
    ],
)
def test_long_timeline_is_cut_in_the_middle_by_its_verbosity(suite, flags, shown, gap):
    result = suite.run(MANY.format(last=69), *flags)

    assert failure(result)[0].endswith("the solver was called 70 times")
    assert rows_and_gap(failure(result)[1:]) == (shown, gap)


@pytest.mark.parametrize(
    ("verbosity", "whole"), [(-1, 15), (0, 15), (1, 60), (2, 1_000), (3, 1_000)]
)
def test_timeline_is_whole_up_to_a_length(verbosity, whole):
    first_seen = Resolve("f", 1, ToldReason("first_seen", "first seen"))
    detail = terminal.detail_of(verbosity)

    shown, gap = rows_and_gap(terminal.timeline(record_of(*[first_seen] * whole), "", detail))

    assert (shown, gap) == ([*range(1, whole + 1)], "")


@pytest.mark.parametrize(
    ("flags", "shown", "gap"),
    [
        ([], range(1, 11), "... 1191 more ..."),
        (["-v"], range(1, 41), "... 1161 more ..."),
        (["-vv"], range(1, 1_001), "... 201 more ..."),
    ],
)
def test_more_resolves_than_are_kept_are_counted(suite, flags, shown, gap):
    result = suite.run(MANY.format(last=1_200), *flags)

    assert failure(result)[0].endswith("the solver was called 1201 times")
    assert rows_and_gap(failure(result)[1:]) == ([*shown], gap)


def changed(count):
    changes = tuple(SimpleNamespace(path=f"f({n}=)", before="a", now="b") for n in range(count))
    return Resolve("f", 1, ToldReason("structure", "structure: f(0=) was a, now b", changes))


@pytest.mark.parametrize(
    ("verbosity", "count", "told", "last"),
    [
        (1, 6, 6, "       f(5=) was a, now b"),
        (1, 7, 7, "       ... 1 more ..."),
        (1, 100, 7, "       ... 94 more ..."),
        (2, 500, 500, "       f(499=) was a, now b"),
    ],
)
def test_differences_of_a_resolve_are_counted_from_the_seventh_with_v(verbosity, count, told, last):
    lines = terminal.timeline(record_of(changed(count)), "", terminal.detail_of(verbosity))

    assert len(lines) == 1 + told
    assert lines[-1] == last


def test_reasons_that_need_no_change_in_the_code_have_a_place_only_with_v():
    seen = ToldReason("first_seen", "first seen")
    resolve = Resolve("f", 1, seen, ("/root/t.py", 3), ("/root/t.py", 7))

    rows = [
        terminal.failure(
            [Violation("claim", "verdict")],
            {"cascade_core": record_of(resolve)},
            "/root",
            verbosity=verbosity,
        ).splitlines()[1]
        for verbosity in (0, 1)
    ]

    assert rows == [
        "  1. f · 1 node · first seen",
        "  1. f · 1 node · first seen      t.py:3, run at t.py:7",
    ]


# JUnit

JUNIT = "--junitxml=junit.xml"


def properties(suite):
    """What JUnit is told of each test."""
    cases = ElementTree.parse(suite.pytester.path / "junit.xml").iter("testcase")
    return {
        case.attrib["name"]: {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        for case in cases
    }


CHANGING_PROPERTIES = {
    "cascade_runs": "1",
    "cascade_iterations": "3",
    "cascade_lookups": "3",
    "cascade_hits": "1",
    "cascade_misses": "2",
    "cascade_evictions": "0",
    "cascade_resolves": "2",
    "cascade_builds": "2",
    "cascade_executions": "4",
    "cascade_attempts": "4",
    "cascade_reuses": "0",
}


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_has_the_counts_of_a_test_in(suite, family):
    suite.run(TWO_TESTS, JUNIT, "-o", f"junit_family={family}")

    assert properties(suite)["test_changing"] == CHANGING_PROPERTIES


@pytest.mark.slow
def test_junit_has_the_counts_of_tests_on_workers(suite):
    suite.run_on_workers(TWO_TESTS, JUNIT, *LIGHT)

    told = properties(suite)
    assert told["test_changing"] == CHANGING_PROPERTIES
    assert told["test_without_engine"] == {}


def test_junit_has_no_property_of_a_test_that_ran_no_engine(suite):
    suite.run("def test_it(engine): ...", JUNIT)

    assert properties(suite) == {"test_it": {}}


def test_junit_has_the_verdict_on_unexpected_work(suite):
    suite.run(WRONG, JUNIT)

    verdict = properties(suite)["test_wrong"]["cascade_verdict"]
    assert verdict.splitlines()[:2] == [
        "expect_resolves(1): the solver was called 2 times",
        "  1. passing · 2 nodes · first seen",
    ]


def test_junit_has_no_verdict_on_work_as_it_should_be(suite):
    suite.run(WRONG.replace("(1)", "(2)"), JUNIT)

    assert properties(suite) == {"test_wrong": CHANGING_PROPERTIES}


def test_junit_has_the_properties_of_users_too(suite):
    suite.run(
        """
        @pytest.fixture
        def versioned(request):
            request.node.user_properties.append(("version", "1"))
            request.node.user_properties.append(("cascade_version", "2"))

        def test_it(versioned):
            cs.run(noop())
        """,
        JUNIT,
    )

    told = properties(suite)["test_it"]
    assert (told["version"], told.get("cascade_version")) == ("1", "2")


def test_counts_of_a_second_attempt_replace_those_of_the_first():
    item = SimpleNamespace(user_properties=[("version", "1")])
    tell(item, {"cascade_core": WorkRecord(runs=1, resolves=3)}, "too many")

    clear(item)
    tell(item, {"cascade_core": WorkRecord(runs=1, resolves=1)}, None)

    counts = told_counts(item)["cascade_core"]
    assert (counts["runs"], counts["resolves"]) == (1, 1)
    assert told_verdict(item) is None
    names = [name for name, _ in item.user_properties]
    assert names[0] == "version"
    assert len(set(names)) == len(names)


def test_counts_of_two_attempts_at_one_item_are_those_of_the_second(suite):
    suite.pytester.makeconftest(
        """
        import pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, nextitem=item, log=False)
            runtestprotocol(item, nextitem=nextitem)
            return True
        """
    )

    result = suite.run(TWO_TESTS, JUNIT)

    assert summary(result) == [TWO_TESTS_RAN]
    assert (suite.pytester.path / "junit.xml").read_text().count('name="cascade_resolves"') == 2
    assert properties(suite)["test_changing"] == CHANGING_PROPERTIES


# Annotations

COMMAND = (
    "::error file={file},line={line},title=test_inner.py%3A%3Atest_wrong%3A unexpected work::"
    "expect_resolves(1): the solver was called 2 times"
    "%0A  1. passing · 2 nodes · first seen"
    "%0A  2. passing · 1 node  · structure: passing(dep=) was noop(), now a literal"
    "      test_inner.py:{where}"
)


def annotations(result):
    return [line for line in result.outlines if line.startswith("::")]


@pytest.fixture
def on_github(suite, monkeypatch):
    """A suite that is a workspace of a GitHub action."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(suite.pytester.path))
    return suite


def expected_command(suite, file="test_inner.py"):
    # Where pytest says a test is: its first decorator, if it has one.
    line = line_of(suite, "def test_wrong():") - 1
    where = line_of(suite, "def passing(n, dep=None):") - 1
    return COMMAND.format(file=file, line=line, where=where)


def test_unexpected_work_is_annotated_at_the_test(on_github):
    result = on_github.run(TWO_TESTS + WRONG)

    assert annotations(result) == [expected_command(on_github)]


def test_annotation_has_an_absolute_path_if_no_workspace_is_told(on_github, monkeypatch):
    monkeypatch.delenv("GITHUB_WORKSPACE")

    result = on_github.run(WRONG)

    path = os.path.realpath(on_github.pytester.path / "test_inner.py")
    assert annotations(result) == [expected_command(on_github, path)]


def test_annotation_has_the_path_from_the_workspace_above_the_root(on_github, monkeypatch):
    root = on_github.pytester.path
    monkeypatch.setenv("GITHUB_WORKSPACE", str(root.parent))

    result = on_github.run(WRONG)

    assert annotations(result) == [expected_command(on_github, f"{root.name}/test_inner.py")]


@pytest.mark.parametrize("flag", ["-q", "-v", "--tb=no"])
def test_unexpected_work_is_annotated_with(on_github, flag):
    (line,) = annotations(on_github.run(WRONG, flag))

    assert line.startswith("::error file=test_inner.py,line=")


@pytest.mark.slow
def test_unexpected_work_on_workers_is_annotated_and_counted(on_github):
    result = on_github.run_on_workers(TWO_TESTS + WRONG, *LIGHT)

    assert annotations(result) == [expected_command(on_github)]
    assert summary(result)[1:] == ["cascade: 1 test did unexpected work"]


def test_unexpected_work_beside_an_error_of_the_body_is_annotated(on_github):
    result = on_github.run(WRONG + "        assert False\n")

    assert annotations(result) == [expected_command(on_github)]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(TWO_TESTS, id="passes"),
        pytest.param("    @pytest.mark.xfail" + WRONG, id="xfails"),
        pytest.param(
            """
            def test_it():
                cs.run(noop())
                assert False
            """,
            id="fails-otherwise",
        ),
        pytest.param(
            """
            @pytest.mark.xfail(strict=True)
            @pytest.mark.expect_resolves(1)
            def test_it():
                cs.run(noop())
            """,
            id="passes-against-its-xfail",
        ),
    ],
)
def test_nothing_is_annotated_of_a_test_that(on_github, source):
    assert annotations(on_github.run(source)) == []


def test_nothing_is_annotated_elsewhere(suite, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    assert annotations(suite.run(WRONG)) == []


@pytest.mark.parametrize(
    ("given", "command"),
    [
        pytest.param(
            ("/project/tests/a.py", 3, "a.py::test", "verdict", "/project"),
            "::error file=tests/a.py,line=3,title=a.py%3A%3Atest%3A unexpected work::verdict",
            id="plain",
        ),
        pytest.param(
            ("/project/a.py", 1, "t", "100%\r\nof: this, that", "/project"),
            "::error file=a.py,line=1,title=t%3A unexpected work::100%25%0D%0Aof: this, that",
            id="text",
        ),
        pytest.param(
            ("/project/a,b:c%.py", 1, "t[a,b:c%\n]", "v", "/project"),
            "::error file=a%2Cb%3Ac%25.py,line=1,title=t[a%2Cb%3Ac%25%0A]%3A unexpected work::v",
            id="values",
        ),
        pytest.param(
            ("/project/a.py", 1, "t", "%0A", "/project"),
            "::error file=a.py,line=1,title=t%3A unexpected work::%250A",
            id="text-that-looks-escaped",
        ),
        pytest.param(
            ("/project/a.py", 1, "t", "v", None),
            "::error file=/project/a.py,line=1,title=t%3A unexpected work::v",
            id="no-workspace",
        ),
        pytest.param(
            ("/projects/a.py", 1, "t", "v", "/project"),
            "::error file=/projects/a.py,line=1,title=t%3A unexpected work::v",
            id="outside-of-the-workspace",
        ),
    ],
)
def test_annotation_is_a_command_with_what_ends_it_escaped(given, command):
    assert annotation(*given) == command


def test_annotation_knows_a_workspace_by_its_real_path(tmp_path):
    real = (tmp_path / "real").resolve()
    real.mkdir()
    (tmp_path / "link").symlink_to(real)

    command = annotation(str(real / "a.py"), 1, "t", "v", str(tmp_path / "link"))

    assert command.startswith("::error file=a.py,")


@pytest.mark.parametrize("block", ["expect(resolves=1)", "no_resolves()"])
def test_verdict_of_a_block_is_told_as_any_other(suite, monkeypatch, block):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = suite.run(
        f"""
        def test_it(cache_inspector):
            with cache_inspector.{block}:
                cs.run(passing(2, noop()))
        """,
        "--junitxml=junit.xml",
    )

    [verdict] = [
        each.attrib["value"]
        for each in ElementTree.parse(suite.pytester.path / "junit.xml").iter("property")
        if each.attrib["name"] == "cascade_verdict"
    ]
    assert verdict.startswith(f"{block}: ")
    result.stdout.fnmatch_lines(["cascade: 1 test did unexpected work", f"::error *::{block}*"])
