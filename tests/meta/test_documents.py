"""What the documents show is what happens; every block of them is run."""

import re
from pathlib import Path
from typing import Any

import pytest
from documents import (
    DOCUMENTS,
    README,
    ROOT,
    Block,
    Suite,
    blocks,
    files,
    literally,
    programs,
    suites,
    whatever_the_numbers,
)

SUITES = list(suites())
RECIPES = [suite for suite in SUITES if suite.commands]
PROGRAMS = list(programs())
FILES = list(files())

ELSEWHERE = {"pytest-codspeed": "--codspeed"}
"""What is installed by a command that is shown, but not here, and the option it has: left out."""

CHECKS = "test_solver or test_executor or test_cache"
"""The tests of a user's own parts that need neither the plugin nor an event loop."""


def save(pytester: pytest.Pytester, suite: Suite) -> None:
    pytester.makeini(suite.ini)
    for name, text in suite.files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    pytester.makepyfile(test_it=suite.block.text)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.block.place)
def test_suite_does_what_is_shown(pytester: pytest.Pytester, suite: Suite):
    save(pytester, suite)

    # What is imported from a file of its own may be known here by that name as something else.
    run = pytester.runpytest_subprocess if suite.files else pytester.runpytest_inprocess
    ran = run("--strict-config", "-p", "no:randomly", "-p", "no:rerunfailures")

    tests = suite.block.text.count("def test_")
    failed = len(suite.failures)
    outcomes = ran.parseoutcomes()
    passed = outcomes.pop("passed", 0)
    assert outcomes == ({"failed": failed} if failed else {})
    assert (
        passed > tests - failed if "parametrize" in suite.block.text else passed == tests - failed
    )
    for shown in suite.failures:
        ran.stdout.fnmatch_lines(literally(shown), consecutive=True)


@pytest.mark.parametrize("check", ["check_solver(", "check_executor(", "check_cache_policy("])
def test_parts_of_the_engine_are_checked_without_any_plugin(pytester: pytest.Pytester, check: str):
    part, *_ = (suite for suite in SUITES if check in suite.block.text and not suite.failures)
    save(pytester, part)
    pytester.makeini("[pytest]")

    ran = pytester.runpytest_subprocess("-p", "no:cascade", "-p", "no:asyncio", "-k", CHECKS)

    assert ran.parseoutcomes()["passed"] == 1


BENCHMARKS = ROOT / "docs" / "benchmarks.md"


def benchmark_with(text: str) -> Suite:
    here = [suite for suite in SUITES if suite.block.document == BENCHMARKS]
    (suite,) = [suite for suite in here if text in suite.block.text]
    return suite


def picture_with(text: str) -> str:
    (block,) = [b for b in blocks(BENCHMARKS) if b.language == "text" and text in b.text]
    return block.text


def test_table_of_a_benchmark_reads_as_shown(pytester: pytest.Pytester):
    save(pytester, benchmark_with("test_the_plan_cache_is_worth_it"))

    ran = pytester.runpytest_subprocess("--cascade-bench")

    ran.assert_outcomes(passed=2)
    ran.stdout.fnmatch_lines(whatever_the_numbers(picture_with("15 rounds")))


def test_claim_that_two_rounds_leave_open_fails_in_due_time(pytester: pytest.Pytester):
    save(pytester, benchmark_with("test_data_is_data"))

    hasty = pytester.runpytest_subprocess("--cascade-bench", "--cascade-bench-max-time", "0")
    ran = pytester.runpytest_subprocess("--cascade-bench")

    hasty.assert_outcomes(passed=1)
    hasty.stdout.fnmatch_lines(whatever_the_numbers(picture_with("too few rounds")))
    ran.assert_outcomes(failed=1)


def test_benchmark_for_asv_runs():
    (program,) = [block for block in PROGRAMS if "def track_resolves" in block.text]
    ran: dict[str, Any] = {}

    exec(compile(program.text, program.place, "exec"), ran)

    ran["time_loop"]()
    assert ran["track_resolves"]() == 1


@pytest.mark.parametrize("suite", RECIPES, ids=lambda suite: suite.block.place)
def test_commands_work_one_after_the_other(
    pytester: pytest.Pytester, suite: Suite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # there nothing is benchmarked
    save(pytester, suite)

    for command in suite.commands:
        program, *args = command.split()
        if program == "pip":
            tools = ("pytest-xdist", *ELSEWHERE)
            assert args in [["install", "pytest-cascade", tool] for tool in tools]
        else:
            assert program == "pytest"
            here = [each for each in args if each not in ELSEWHERE.values()]
            assert pytester.runpytest_subprocess(*here).ret == 0, command


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda block: block.place)
def test_program_runs(program: Block):
    exec(compile(program.text, program.place, "exec"), {"__name__": program.place})


def test_every_block_is_run():
    run = [suite.block for suite in SUITES] + PROGRAMS + FILES
    shown = sum(len(suite.failures) for suite in SUITES)

    for document in DOCUMENTS:
        assert [block for block in run if block.document == document], f"{document} shows no code"
    run_elsewhere = {"ini", "sh", "yaml"}  # with a suite
    pictures = {"text"}  # a suite beside them holds their numbers
    known = {"python", "", *run_elsewhere, *pictures}
    saved = [text for suite in SUITES for text in suite.files.values()]
    assert [block.place for block in FILES if block.text not in saved] == []
    every = [block for document in DOCUMENTS for block in blocks(document)]
    assert {block.place: block.language for block in every if block.language not in known} == {}
    assert len(run) + shown == len([each for each in every if each.language in ("python", "")])
    assert len(SUITES) >= 10
    assert len(PROGRAMS) >= 2
    assert len(RECIPES) >= 1


@pytest.mark.parametrize("document", [*DOCUMENTS, README], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    text = document.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def anchors(document: Path) -> set[str]:
    """How a site that shows Markdown names the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
