"""What the documents show is what happens; every block of them is run."""

import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, Block, Suite, blocks, programs, suites

SUITES = list(suites())
PROGRAMS = list(programs())


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.block.place)
def test_suite_does_what_is_shown(pytester: pytest.Pytester, suite: Suite):
    pytester.makeini(suite.ini)
    pytester.makepyfile(test_it=suite.block.text)

    ran = pytester.runpytest_subprocess("--strict-config", "-p", "no:randomly")

    tests = suite.block.text.count("def test_")
    failed = len(suite.failures)
    ran.assert_outcomes(failed=failed, passed=tests - failed)
    for shown in suite.failures:
        literally = [re.sub(r"[\[?*]", "[\\g<0>]", line) for line in shown.splitlines()]
        ran.stdout.fnmatch_lines(literally, consecutive=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda block: block.place)
def test_program_runs(program: Block):
    exec(compile(program.text, program.place, "exec"), {"__name__": program.place})


def test_every_block_is_run():
    run = [suite.block for suite in SUITES] + PROGRAMS
    shown = sum(len(suite.failures) for suite in SUITES)

    for document in DOCUMENTS:
        assert [block for block in run if block.document == document], f"{document} shows no code"
    known = {"python", "ini", "text", ""}  # text: a picture, whose numbers a suite beside it holds
    every = [block for document in DOCUMENTS for block in blocks(document)]
    assert {block.place: block.language for block in every if block.language not in known} == {}
    assert len(run) + shown == len(
        [block for block in every if block.language not in ("ini", "text")]
    )
    assert len(SUITES) >= 10
    assert len(PROGRAMS) >= 2


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    text = document.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (document.parent / path).exists(), target
        assert not anchor or path or anchor in anchors, target
