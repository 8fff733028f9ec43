"""Claims about work against planted faults: green without, red with, and the cause is named."""

import re
from collections import Counter
from textwrap import dedent

import pytest
from plugin.planted_defects import DEFECTS, SUITES, Swap

ROW = re.compile(r"E +\d+\. (?P<root>\S+) +· \d+ nodes? +· (?P<reason>.+?)(?:  +\S+:\d+)?")
"""A plan of the timeline: number, target, size, reason and maybe the target's place."""

NO_CHANGE = re.compile(r"structure|structure: \S+ was (.+), now \1(?: \(and .*\))?")


def defects():
    return [pytest.param(defect, id=defect.name) for defect in DEFECTS]


def run_with_fault(suite, defect):
    source = dedent(SUITES[defect.suite])
    if isinstance(defect.fault, Swap):
        return suite.run(source.replace(*defect.fault))
    with pytest.MonkeyPatch.context() as patch:
        defect.fault(patch)
        return suite.run(source)


def vague_rows(lines):
    """Rows that name no cause: no difference to what is known, or seen first a second time."""
    rows = [row for row in map(ROW.fullmatch, lines) if row]
    firsts = Counter(row["root"] for row in rows if row["reason"] == "first seen")
    return [
        row[0]
        for row in rows
        if NO_CHANGE.fullmatch(row["reason"])
        or (row["reason"] == "first seen" and firsts[row["root"]] > 1)
    ]


@pytest.mark.parametrize("name", SUITES)
def test_suite_is_green_without_the_fault(suite, name):
    result = suite.run(SUITES[name])

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("defect", defects())
def test_fault_is_caught_and_its_cause_named(suite, defect):
    result = run_with_fault(suite, defect)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"FAILED test_inner.py::test_it - {defect.error}*"])
    told = [line for line in result.outlines if line.startswith(("E ", "WARNING "))]
    assert [text for text in defect.told if not any(text in line for line in told)] == []
    assert vague_rows(told) == []


def test_each_fault_is_one_of_its_own_in_a_sound_suite():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)
    assert {defect.suite for defect in DEFECTS} == set(SUITES)
    swaps = [(defect.suite, defect.fault) for defect in DEFECTS if isinstance(defect.fault, Swap)]
    assert [swap for name, swap in swaps if SUITES[name].count(swap.sound) != 1] == []


def test_there_are_faults_of_users_and_of_the_engine():
    named = Counter(type(defect.fault) is Swap for defect in DEFECTS)

    assert named[True] >= 28
    assert named[False] >= 16
