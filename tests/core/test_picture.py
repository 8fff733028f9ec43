"""What there is to draw of a structure, and which nodes differ from another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from strategies import build, pairs

import cascade_core as cs
from cascade_core.graph.picture import Line, picture


@cs.task
def noop(x=None):
    return x


@cs.task
def other(x=None):
    return x


@cs.task
def f(a=None, b=None, *, k=None):
    return a, b, k


def structure(call):
    return cs.build_graph(call).structure


def changed(before, now):
    drawn = structure(now).picture(structure(before))
    return {drawn.names[number] for number in drawn.changed}


def test_a_picture_has_the_target_first_and_a_line_for_each_use():
    drawn = structure(f(noop(), k=[other(), 1])).picture()

    assert drawn.names == ("f", "noop", "other")
    assert drawn.lines == (Line(1, 0, "a", "data"), Line(2, 0, "k[0]", "data"))
    assert drawn.changed == frozenset()


def test_options_are_lines_of_their_own_kind():
    drawn = structure(f().after(noop()).run_if(other())).picture()

    assert {(drawn.names[line.source], line.kind) for line in drawn.lines} == {
        ("other", "condition"),
        ("noop", "sequence"),
    }


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(lambda: f(noop()), lambda: f(noop()), set(), id="the same"),
        pytest.param(lambda: f(noop(1)), lambda: f(noop(2)), set(), id="other data"),
        pytest.param(lambda: f(noop()), lambda: f(1), {"f"}, id="a call became data"),
        pytest.param(lambda: f(1), lambda: f(noop()), {"f", "noop"}, id="data became a call"),
        pytest.param(lambda: f(noop()), lambda: f(other()), {"other"}, id="another task"),
        pytest.param(lambda: f(noop(noop())), lambda: f(noop(1)), {"noop"}, id="deep"),
        pytest.param(
            lambda: f([noop()]), lambda: f([noop(), 1]), {"f", "noop"}, id="in another container"
        ),
        pytest.param(lambda: f(noop()), lambda: f(noop()).with_retry(2), {"f"}, id="an option"),
        pytest.param(
            lambda: f(noop()), lambda: f(noop()).after(other()), {"f", "other"}, id="after"
        ),
    ],
)
def test_nodes_that_differ_are_marked(before, now, expected):
    assert changed(before(), now()) == expected


def test_a_task_that_was_redefined_is_marked():
    def made():
        @cs.task
        def again():
            return 1

        return again

    assert changed(f(made()()), f(made()())) == {"again"}


def test_sharing_that_was_lost_is_marked():
    shared = noop()

    assert changed(f(shared, shared), f(noop(), noop())) == {"f", "noop"}


@given(pairs())
def test_nodes_are_marked_where_structures_differ_and_only_there(pair):
    before, now = (structure(build(each)) for each in pair)

    drawn = picture(now, before)

    assert bool(drawn.changed) == (before != now)
    assert not picture(now, now).changed
