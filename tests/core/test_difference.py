"""``explain``: where two structures differ, told like code."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from strategies import build, data_programs, pairs

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def other(x=None):
    return x


@cs.task
def f(a=None, b=None, *, k=None):
    return a, b, k


@cs.task
def star(*xs, **options):
    return xs, options


@dataclass
class Pair:
    left: object
    right: object


def texts(a, b):
    return [str(change) for change in cs.explain(a, b)]


def shared(make=noop):
    x = make()
    return f(x, x)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (lambda: f(noop()), lambda: f(1), ["f(a=) was noop(), now a literal"]),
        (lambda: f(1), lambda: f(noop()), ["f(a=) was a literal, now noop()"]),
        (lambda: f(k=noop()), lambda: f(k=other()), ["f(k=) was noop(), now other()"]),
        (lambda: noop(), lambda: other(), ["target was noop(), now other()"]),
        (
            lambda: f(noop(noop())),
            lambda: f(noop(other())),
            ["f(a=noop(x=)) was noop(), now other()"],
        ),
        (
            lambda: f(noop(), 1),
            lambda: f(1, noop()),
            ["f(a=) was noop(), now a literal", "f(b=) was a literal, now noop()"],
        ),
        (
            lambda: star(1, noop()),
            lambda: star(1, other()),
            ["star(xs[1]=) was noop(), now other()"],
        ),
        (lambda: star(1), lambda: star(1, 2), ["star(*xs=) was 1 argument, now 2 arguments"]),
        (lambda: star(x=1), lambda: star(y=1), ["star(**options=) was x=, now y="]),
        (lambda: star(), lambda: star(y=1), ["star(**options=) was no keywords, now y="]),
        (
            lambda: f([1, noop()]),
            lambda: f([1, other()]),
            ["f(a[1]=) was noop(), now other()"],
        ),
        (
            lambda: f({"k": noop()}),
            lambda: f({"k": 1}),
            ["f(a=) was a dict with noop() at ['k'], now a literal"],
        ),
        (
            lambda: f([noop()]),
            lambda: f((noop(),)),
            ["f(a=) was a list with noop() at [0], now a tuple with noop() at [0]"],
        ),
        (
            lambda: f([noop(), 1]),
            lambda: f([noop(), noop()]),
            ["f(a[1]=) was a literal, now noop()"],
        ),
    ],
)
def test_change_is_named_by_its_path_and_what_was_and_is_there(a, b, expected):
    assert texts(a(), b()) == expected


def test_sharing_lost_is_a_change_of_its_own():
    assert texts(shared(), f(noop(), noop())) == [
        "f(b=) was the same noop() as f(a=), now another noop()"
    ]


def test_sharing_gained_is_a_change_of_its_own():
    assert texts(f(noop(), noop()), shared()) == [
        "f(b=) was another noop(), now the same noop() as f(a=)"
    ]


def test_sharing_moved_between_arguments_is_a_change():
    x, y = noop(), noop()
    a = star(x, y, x)
    b = star(x, y, y)

    assert texts(a, b) == [
        "star(xs[2]=) was the same noop() as star(xs[0]=), now the same noop() as star(xs[1]=)"
    ]


def test_redefined_task_says_so():
    def make():
        @cs.task
        def step():
            return 1

        return step

    assert texts(f(make()()), f(make()())) == ["f(a=) was step(), now step() redefined"]


def test_only_the_outermost_difference_is_told():
    assert texts(f(noop(noop(noop()))), f(other(noop(1)))) == ["f(a=) was noop(), now other()"]


def test_explain_takes_graphs_as_well():
    assert texts(cs.build_graph(f(noop())), cs.build_graph(f(1))) == texts(f(noop()), f(1))


def test_change_holds_its_parts_as_attributes():
    (change,) = cs.explain(f(noop()), f(1))

    assert (change.path, change.before, change.now) == ("f(a=)", "noop()", "a literal")


def test_path_of_a_deep_change_is_shortened_in_the_middle():
    a, b = noop(), other()
    for _ in range(1_000):
        a, b = noop(a), noop(b)

    (change,) = cs.explain(a, b)

    assert "..." in change.path
    assert len(change.path) < 200
    assert change.path.count("(") == change.path.count(")")


@pytest.mark.slow
@given(pairs())
def test_nothing_is_explained_exactly_if_structures_are_equal(pair):
    a, b = pair
    one, two = cs.build_graph(build(a)), cs.build_graph(build(b))

    assert (cs.explain(one, two) == ()) == (one.structure == two.structure)


@pytest.mark.slow
@given(data_programs())
def test_a_program_does_not_differ_from_itself(program):
    assert cs.explain(build(program), build(program)) == ()


@pytest.mark.slow
@given(pairs())
def test_as_much_changes_forth_as_back(pair):
    a, b = pair
    forth, back = cs.explain(build(a), build(b)), cs.explain(build(b), build(a))

    assert (forth == ()) == (back == ())


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (lambda: [noop(), 1], lambda: [noop(), 1, 2], ("a list of 2", "a list of 3")),
        (
            lambda: {"a": noop()},
            lambda: {"a": noop(), "b": 1},
            ("a dict with keys 'a'", "a dict with keys 'a', 'b'"),
        ),
        (lambda: {noop(), 1}, lambda: {noop(), 1, 2}, ("a set of 2", "a set of 3")),
        (lambda: {noop()}, lambda: {noop(), 1}, ("a set of 1", "a set of 2")),
        (
            lambda: [Pair(noop(), 1)],
            lambda: [Pair(noop(), 1), 2],
            ("a list of 1, a Pair", "a list of 2, a Pair"),
        ),
        (
            lambda: [[noop()], {"k": [noop(), 1]}],
            lambda: [[noop()], {"k": [noop()]}],
            (
                "a list of 2, a dict with keys 'k', a list of 2, ...",
                "a list of 2, a dict with keys 'k', a list of 1, ...",
            ),
        ),
    ],
)
def test_container_that_differs_in_data_alone_is_told_by_sizes_and_keys(before, now, expected):
    (change,) = cs.explain(f(before()), f(now()))

    assert (change.before, change.now) == expected
