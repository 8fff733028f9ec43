"""``--cascade-report``: the page that a session writes, read as text."""

from __future__ import annotations

import errno
import html
import re
import sys

import pytest
from pages import details_of

REPORT = "--cascade-report=page.html"

WORK = """
    @pytest.mark.expect_resolves(1)
    @pytest.mark.expect_iterations(at_least=2)
    def test_planned_again():
        cs.run(passing(5, noop()))

    @pytest.mark.expect_resolves(1)
    def test_planned_once():
        cs.run(countdown(5, noop()))

    def test_without_engine(): ...

    def test_fails_otherwise():
        cs.run(noop())
        assert 1 == 2, "arithmetic"
"""


def page_of(suite):
    return (suite.pytester.path / "page.html").read_text("utf-8")


def rows_of(page):
    """The cells of each row, as a reader sees them."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [
            html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()
            for cell in re.split(r"</t[hd]>", row)[:-1]
        ]
        for row in body.split("</tr>")[:-1]
    ]


def heading_of(page):
    text = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)[1]
    return " ".join(re.sub(r"<[^>]*>", "", text).split())


def test_a_page_has_a_row_for_each_test_that_ran_an_engine(suite):
    ran = suite.run(WORK, REPORT)

    ran.assert_outcomes(passed=2, failed=2)
    ran.stdout.fnmatch_lines(["cascade: the work of 3 tests is shown in page.html"])
    assert rows_of(page_of(suite)) == [
        ["test_inner.py::test_fails_otherwise", "failed", "1", "0", "1", "1", "1", "-"],
        ["test_inner.py::test_planned_again", "unexpected work", *"24267", "1 of 2 broken"],
        ["test_inner.py::test_planned_once", "passed", "1", "5", "1", "6", "12", "1"],
    ]


def test_a_page_opens_on_what_failed_and_why(suite):
    suite.run(WORK, REPORT)

    page = page_of(suite)

    assert heading_of(page) == "✕ 1 test did unexpected work"
    first, rest = page.split('id="tests"')[0], page
    assert "expect_resolves(1): the solver was called 2 times" in first
    assert "structure: passing(dep=) was noop(), now a literal" in first
    assert "arithmetic" in first
    assert "<title>1 test did unexpected work" in rest


def test_a_session_in_which_nothing_failed_says_so(suite):
    suite.run("def test_it(): cs.run(noop())", REPORT)

    assert heading_of(page_of(suite)) == "✓ No test failed"


def test_other_failures_are_told_as_what_they_are(suite):
    suite.run(
        """
        @pytest.fixture
        def broken(): raise RuntimeError("no fixture")
        @pytest.fixture
        def left():
            yield
            raise RuntimeError("no teardown")
        def test_setup(broken): ...
        def test_teardown(left): cs.run(noop())
        """,
        REPORT,
    )

    page = page_of(suite)
    assert heading_of(page) == "✕ 2 failures, none for the work that was done"
    assert re.search(r"test_setup</b> <i>in setup</i><br>RuntimeError: no fixture", page)
    assert re.search(r"test_teardown</b> <i>in teardown</i><br>RuntimeError: no teardown", page)


def test_an_error_of_a_tests_own_is_told_beside_its_work(suite):
    suite.run(
        """
        @pytest.mark.expect_resolves(2)
        def test_it():
            cs.run(noop())
            assert "mine" == "other"
        """,
        REPORT,
    )

    page = page_of(suite)
    assert heading_of(page) == "✕ 1 test did unexpected work"
    assert "expect_resolves(2): the solver was called 1 time" in page
    assert "1 failure of other kinds" in page
    assert "test_it</b><br>AssertionError: assert &#39;mine&#39; == &#39;other&#39;" in page


def test_a_file_that_cannot_be_collected_is_told(suite):
    suite.run("import no_such_module", REPORT)

    page = page_of(suite)
    assert heading_of(page) == "✕ 1 failure, none for the work that was done"
    assert "in collection" in page
    assert "did not run to its end" in page


def test_details_have_the_reason_the_difference_and_both_structures(suite):
    suite.run(WORK, REPORT)

    details = details_of(page_of(suite))
    told = details["rows"]["1"]

    assert told["bounds"] == [
        ["expect_iterations(at_least=2)", True],
        ["expect_resolves(1)", False],
    ]
    assert [(each["kind"], each["count"], each["start"]) for each in told["strip"]] == [
        ("miss", 1, 1),
        ("miss", 1, 2),
        ("hit", 4, 3),
    ]
    miss = told["strip"][1]["miss"]
    assert miss["text"] == "structure: passing(dep=) was noop(), now a literal"
    assert miss["changes"] == [["passing(dep=)", "noop()", "a literal"]]
    assert miss["source"].startswith("test_inner.py:")
    assert miss["called_from"].startswith("test_inner.py:")
    names = [
        [node[0] for node in details["drawings"][miss[which]]["nodes"]]
        for which in ("before", "now")
    ]
    assert names == [["passing", "noop"], ["passing"]]


def test_a_million_iterations_are_two_runs(suite):
    suite.run(
        """
        @cs.task
        def loop(n): return loop(n - 1) if n else "done"
        def test_loop(): cs.run(loop(999_999))
        """,
        REPORT,
    )

    page = page_of(suite)
    strip = details_of(page)["rows"]["0"]["strip"]
    assert [(each["kind"], each["count"]) for each in strip] == [("miss", 1), ("hit", 999_999)]
    assert len(page) < 100_000


def test_iterations_of_the_vm_are_told_apart(suite):
    suite.run(
        """
        @cs.task
        def loop(n): return loop.tail(n - 1) if n else "done"
        def test_loop(): cs.run(loop(99), use_vm=True)
        """,
        REPORT,
    )

    strip = details_of(page_of(suite))["rows"]["0"]["strip"]
    assert [(each["kind"], each["count"]) for each in strip] == [("miss", 1), ("vm", 99)]


def test_outcomes_have_words_of_their_own(suite):
    suite.run(
        """
        def test_skipped():
            cs.run(noop())
            pytest.skip("why")
        @pytest.mark.xfail(strict=True)
        @pytest.mark.expect_resolves(2)
        def test_expected(): cs.run(noop())
        @pytest.mark.xfail(strict=False)
        def test_surprising(): cs.run(noop())
        @pytest.mark.expect_resolves(1)
        def test_idle(): ...
        """,
        REPORT,
    )

    rows = {row[0].partition("::")[2]: row[1] for row in rows_of(page_of(suite))}
    assert rows == {
        "test_skipped": "skipped",
        "test_expected": "expected failure",
        "test_surprising": "unexpected pass",
        "test_idle": "unexpected work",
    }


def test_the_page_is_the_same_on_workers(suite):
    suite.run_apart(WORK, REPORT, "-p", "no:randomly", "--benchmark-disable")
    alone = page_of(suite)
    (suite.pytester.path / "page.html").unlink()

    suite.run_on_workers(WORK, REPORT, "-p", "no:randomly")

    def without_clock(page):
        details = details_of(page)
        for row in details["rows"].values():
            for stretch in row["strip"]:
                if "miss" in stretch:
                    del stretch["miss"]["took"]
        return re.sub(r'id="details">.*?</script>', "", page), details

    assert without_clock(page_of(suite)) == without_clock(alone)


def test_of_several_attempts_the_last_counts(suite):
    suite.run_apart(
        """
        attempts = []
        @pytest.mark.flaky(reruns=1)
        def test_it():
            attempts.append(1)
            cs.run(countdown(len(attempts), noop()))
            assert len(attempts) == 2
        """,
        REPORT,
    )

    page = page_of(suite)
    assert heading_of(page) == "✓ No test failed"
    assert rows_of(page) == [["test_inner.py::test_it", "passed", *"12136"[:3], "3", "6", "-"]]


def test_compared_work_stands_beside_what_it_was(suite):
    suite.run("def test_it(): cs.run(countdown(2, noop()))", "--cascade-record=work.json")
    suite.run("def test_it(): cs.run(countdown(4, noop()))", "--cascade-compare=work.json", REPORT)

    page = page_of(suite)
    assert rows_of(page)[0][:4] == ["test_inner.py::test_it", "unexpected work", "1", "4 was 2"]
    told = details_of(page)
    assert told["compared"] == "work.json"
    assert told["rows"]["0"]["before"] == [1, 3, 3, 2, 1, 0, 1, 1, 6, 6, 0]
    assert told["rows"]["0"]["counts"] == [1, 5, 5, 4, 1, 0, 1, 1, 10, 10, 0]
    assert "Compared with work.json" in page


def test_a_test_that_runs_no_engine_any_more_is_shown_with_what_it_did(suite):
    suite.run("def test_it(): cs.run(noop())", "--cascade-record=work.json")
    suite.run("def test_it(): ...", "--cascade-compare=work.json", "--cascade-ratchet", REPORT)

    page = page_of(suite)
    assert rows_of(page)[0][1] == "unexpected work"
    assert details_of(page)["rows"]["0"]["before"][0] == 1


def test_measured_work_is_not_compared(suite):
    bench = """
        @pytest.mark.cascade_bench(iterations=3, rounds=2)
        def test_it(cascade_bench):
            cascade_bench(lambda n: cs.run(countdown(n, noop())))
    """
    suite.run(bench, "--cascade-record=work.json")
    suite.run(bench, "--cascade-compare=work.json", "--cascade-bench", REPORT)

    assert "was" not in rows_of(page_of(suite))[0][2:]
    assert "before" not in details_of(page_of(suite))["rows"]["0"]


def test_benchmarks_have_plots_a_table_and_their_verdicts(suite):
    suite.run(
        """
        @pytest.mark.cascade_bench(iterations=300, rounds=12)
        @pytest.mark.expect_speedup("vm", over="graph", at_least=0.0001)
        def test_loops(cascade_bench):
            cascade_bench.compare(
                graph=lambda n: cs.run(countdown(n, noop())),
                vm=lambda n: cs.run(countdown(n, noop()), use_vm=True),
            )
        """,
        REPORT,
        "--cascade-bench",
        "--cascade-bench-max-time=0",
    )

    bench = page_of(suite).partition('id="benchmarks-heading"')[2]
    assert bench.count("<svg") == 2
    assert bench.count('fill="var(--mark)"') == 2 * 12
    assert 'stroke="var(--bound)"' in bench
    assert "<b>pass</b> expect_speedup(" in bench
    head = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', bench)
    assert {"resolves", "hits"} <= set(head)
    assert re.search(r'<th scope="row">graph</th>(<td>[^<]+</td>){7}', bench)


def test_without_benchmarks_there_is_no_section_for_them(suite):
    suite.run(WORK, REPORT)

    assert "benchmarks-heading" not in page_of(suite)


def test_what_comes_from_a_test_is_escaped(suite):
    suite.run(
        """
        def hostile(dep=None): return 1
        hostile.__name__ = hostile.__qualname__ = '"><img src=x onerror=alert(1)>'
        hostile = cs.task(hostile)

        @pytest.mark.expect_resolves(2)
        @pytest.mark.parametrize("x", ["<script>alert(1)</script>"])
        def test_it(x): cs.run(hostile(noop()))

        def test_fails():
            cs.run(noop())
            raise ValueError("</script><script>alert(2)</script>")
        """,
        REPORT,
    )

    page = page_of(suite)
    assert page.count("<script") == 2  # the details and the page's own
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_page_is_one_file_that_loads_nothing(suite):
    suite.run(WORK, REPORT)

    page = page_of(suite).replace("http://www.w3.org/2000/svg", "")  # a name, loaded by nobody
    assert not re.search(r"\b(src|action)=|<link|@import|url\(|https?://", page)
    assert re.findall(r'href="([^"]*)"', page) == [
        "#tests",
        "#open=test_inner.py%3A%3Atest_planned_again",
    ]
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_another_engine_has_rows_of_its_own(suite):
    suite.pytester.makeconftest(
        """
        from pytest_cascade import Event

        class Probe:
            engine = "toy"
            triggers = ()
            def capabilities(self): return {"resolves": "exact", "hits": "exact"}
            def attach(self, emit): Probe.emit = emit
            def detach(self): ...

        def pytest_cascade_probes(): return [Probe()]
        """
    )
    ran = suite.run(
        """
        from conftest import Probe
        from pytest_cascade import Event

        @pytest.mark.expect_resolves(1, engine="toy")
        def test_it():
            cs.run(noop())
            Probe.emit(Event("toy", "resolve", "compile", "kernel", reason="shape_dtype"))
        """,
        REPORT,
    )

    ran.assert_outcomes(passed=1)
    page = page_of(suite)
    assert re.search(r"1 test ran toy:\s+1 resolve, 0 hits\.", page)
    rows = rows_of(page)
    assert [row[0] for row in rows] == ["test_inner.py::test_it", "test_inner.py::test_it toy"]
    assert rows[1][2:7] == ["1", "0", "-", "-", "-"]


# Where it is written, and whether


def test_a_page_replaces_an_older_one(suite):
    (suite.pytester.path / "page.html").write_text("old")

    suite.run(WORK, REPORT)

    assert page_of(suite).startswith("<!doctype html>")
    assert [each.name for each in suite.pytester.path.glob("page.html*")] == ["page.html"]


def test_a_page_that_cannot_be_written_is_told_and_the_old_one_stays(suite, monkeypatch):
    (suite.pytester.path / "page.html").write_text("old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr("os.replace", fail)
    ran = suite.run("def test_it(): cs.run(noop())", REPORT)

    ran.stdout.fnmatch_lines(["cascade: --cascade-report: *disk full"])
    assert ran.ret == pytest.ExitCode.INTERNAL_ERROR
    assert page_of(suite) == "old"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("missing/page.html", "there is no folder */missing"),
        (".", "* is a folder, expected a file"),
    ],
)
def test_a_place_where_no_page_can_be_is_told_at_once(suite, path, wrong):
    ran = suite.run(WORK, f"--cascade-report={path}")

    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines([f"ERROR: --cascade-report: {wrong}"])


@pytest.mark.parametrize("missing", ["jinja2", "leather", "markupsafe"])
def test_a_missing_extra_is_one_line_that_names_it(suite, monkeypatch, missing):
    for name in list(sys.modules):
        if name.startswith("pytest_cascade.page") or name.partition(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    ran = suite.run(WORK, REPORT)

    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in ran.stderr.lines if line]
    assert len(told) == 1
    assert told[0] == (
        f"ERROR: --cascade-report: there is no module '{missing}': "
        "pip install 'pytest-cascade[report]'"
    )


@pytest.mark.parametrize("option", ["--collect-only", "--setup-only", "--markers", "--fixtures"])
def test_sessions_that_run_no_test_write_no_page(suite, option):
    suite.run(WORK, REPORT, option)

    assert not (suite.pytester.path / "page.html").exists()


def test_a_session_that_was_stopped_writes_what_it_has(suite):
    suite.run(
        """
        def test_first(): cs.run(noop())
        def test_stops(): pytest.exit("enough")
        """,
        REPORT,
    )

    page = page_of(suite)
    assert [row[0] for row in rows_of(page)] == ["test_inner.py::test_first"]
    assert "did not run to its end" in page


@pytest.mark.parametrize(("options", "after"), [([], None), ([REPORT], (3, 2))])
def test_order_is_kept_only_for_a_page(suite, options, after):
    suite.pytester.makeconftest(
        f"""
        def pytest_cascade_test_finished(item, record):
            assert record.timeline[1].after == {after}
        """
    )

    suite.run(
        """
        def test_it():
            engine = cs.Engine()
            cs.run(countdown(2, noop()))
            cs.run(noop())
        """,
        *options,
    ).assert_outcomes(passed=1)


def test_a_session_without_the_option_imports_nothing_for_a_page(suite):
    suite.run_apart(
        """
        import sys
        def test_it():
            cs.run(noop())
            assert not [name for name in sys.modules if name.startswith("pytest_cascade.page")]
            assert not {"jinja2", "leather"} & set(sys.modules)
        """,
    ).assert_outcomes(passed=1)
