"""What the documents show is what happens; every block of them is run."""

import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, README, Block, Suite, blocks, files, programs, suites

SUITES = list(suites())
RECIPES = [suite for suite in SUITES if suite.commands]
PROGRAMS = list(programs())
FILES = list(files())

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

    ran = pytester.runpytest_subprocess("--strict-config", "-p", "no:randomly")

    tests = suite.block.text.count("def test_")
    failed = len(suite.failures)
    ran.assert_outcomes(failed=failed, passed=tests - failed)
    for shown in suite.failures:
        literally = [re.sub(r"[\[?*]", "[\\g<0>]", line) for line in shown.splitlines()]
        ran.stdout.fnmatch_lines(literally, consecutive=True)


@pytest.mark.parametrize("check", ["check_solver(", "check_executor(", "check_cache_policy("])
def test_parts_of_the_engine_are_checked_without_any_plugin(pytester: pytest.Pytester, check: str):
    part, *_ = (suite for suite in SUITES if check in suite.block.text and not suite.failures)
    save(pytester, part)
    pytester.makeini("[pytest]")

    ran = pytester.runpytest_subprocess("-p", "no:cascade", "-p", "no:asyncio", "-k", CHECKS)

    assert ran.parseoutcomes()["passed"] == 1


@pytest.mark.parametrize("suite", RECIPES, ids=lambda suite: suite.block.place)
def test_commands_work_one_after_the_other(pytester: pytest.Pytester, suite: Suite):
    save(pytester, suite)

    for command in suite.commands:
        program, *args = command.split()
        if program == "pip":
            assert args == ["install", "pytest-cascade", "pytest-xdist"]
        else:
            assert program == "pytest"
            assert pytester.runpytest_subprocess(*args).ret == 0, command


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
