"""Texts for people, from values alone."""

import pytest

from pytest_cascade.expectations import Violation
from pytest_cascade.leftovers import leftovers
from pytest_cascade.report import terminal
from pytest_cascade.work.record import Resolve, WorkRecord


class Miss:
    """A miss whose text is fixed."""

    def __init__(self, reason, text):
        self.reason = reason
        self.text = text

    def __str__(self):
        return self.text


FIRST_SEEN = Miss("first_seen", "first seen")
CHANGED = Miss("structure", "structure: countdown(dep=) was noop(), now a literal")
REDEFINED = Miss("new_task", "new task: 'noop' was redefined")


def resolve(miss, nodes=2, root="countdown"):
    return Resolve(root, nodes, miss, ("/root/tests/test_loop.py", 14))


def text_of(resolves, count=None):
    record = WorkRecord(resolves=len(resolves) if count is None else count, timeline=resolves)
    return terminal.failure([Violation("claim", "verdict")], {record.engine: record}, "/root")


def test_failure_is_aligned_and_tells_where_a_structure_changed():
    text = text_of((resolve(FIRST_SEEN), resolve(CHANGED, 1), resolve(REDEFINED)))

    assert text.splitlines() == [
        "claim: verdict",
        "  1. countdown · 2 nodes · first seen",
        "  2. countdown · 1 node  · structure: countdown(dep=) was noop(), now a literal"
        "      tests/test_loop.py:14",
        "  3. countdown · 2 nodes · new task: 'noop' was redefined",
    ]


def test_columns_are_as_wide_as_their_widest_cell():
    resolves = tuple(resolve(FIRST_SEEN, nodes, root) for nodes, root in [(1, "a"), (100, "long")])

    assert text_of(resolves).splitlines()[1:] == [
        "  1. a    · 1 node    · first seen",
        "  2. long · 100 nodes · first seen",
    ]


def test_middle_of_a_long_timeline_is_counted():
    lines = text_of((resolve(FIRST_SEEN),) * 100).splitlines()

    assert len(lines) == 1 + 10 + 1 + 5
    assert lines[10].startswith("   10. ")
    assert lines[11] == "  ... 85 more ..."
    assert [line.split(".")[0].strip() for line in lines[12:]] == ["96", "97", "98", "99", "100"]


def test_timeline_of_fifteen_is_whole():
    assert len(text_of((resolve(FIRST_SEEN),) * 15).splitlines()) == 16


def test_resolves_that_were_not_kept_are_counted():
    lines = text_of((resolve(FIRST_SEEN),) * 100, count=5_000).splitlines()

    assert len(lines) == 1 + 10 + 1
    assert lines[-1] == "  ... 4990 more ..."


def test_reason_is_read_only_for_the_rows_that_are_shown():
    class Costly(Miss):
        read = 0

        def __str__(self):
            Costly.read += 1
            return self.text

    text_of((resolve(Costly("first_seen", "first seen")),) * 1_000)

    assert Costly.read == 15


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/root/tests/a.py", "tests/a.py:3"), ("/rooted/a.py", "/rooted/a.py:3")],
)
def test_path_is_relative_only_below_the_root(path, shown):
    assert terminal.place((path, 3), "/root") == shown


def test_source_that_is_not_known_is_not_shown():
    assert terminal.place(None, "/root") == ""


def test_leftovers_name_the_tests_they_came_from():
    assert leftovers({"t.py::b": 1}) == (
        "cascade: 1 run was started by what an earlier test left running, "
        "and not counted: t.py::b (1)"
    )
    many = {f"t.py::t{number}": 2 for number in range(7)}
    assert leftovers(many).endswith("t.py::t4 (2) and 2 more")
