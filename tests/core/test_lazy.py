"""Lazy results and tail calls: immutable, without a truth value, printable."""

from __future__ import annotations

import pickle

import pytest

import cascade_core as cs


@cs.task
def noop(dep=None):
    return dep


@cs.task
def join(a, b=2, *, sep=","):
    return sep.join([str(a), str(b)])


def test_calling_a_task_runs_nothing():
    ran = []

    lazy = cs.task(lambda: ran.append(1))()

    assert isinstance(lazy, cs.LazyResult)
    assert ran == []


def test_lazy_result_tells_its_task_and_bound_arguments():
    lazy = join(1, sep="-")

    assert (lazy.task, lazy.args, dict(lazy.kwargs)) == (join, (1, 2), {"sep": "-"})


@pytest.mark.parametrize("name", ["task", "args", "kwargs", "anything"])
def test_lazy_result_refuses_to_be_changed(name):
    lazy = noop()

    with pytest.raises(AttributeError):
        setattr(lazy, name, 1)


def test_kwargs_of_a_lazy_result_are_read_only():
    lazy = join(1)

    with pytest.raises(TypeError, match="does not support item assignment"):
        lazy.kwargs["sep"] = "-"


def test_callers_keyword_dict_is_not_kept():
    keywords = {"sep": "-"}
    lazy = join(1, **keywords)

    keywords["sep"] = "+"

    assert lazy.kwargs["sep"] == "-"


def test_lazy_result_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(noop())


def test_lazy_results_of_equal_calls_are_different_objects():
    assert noop() != noop()


def test_lazy_result_is_hashable_by_identity():
    lazy = noop()

    assert {lazy: 1}[lazy] == 1


def test_repr_shows_task_and_arguments_but_not_what_is_nested():
    assert repr(join(noop(noop()), b=[1], sep="-")) == (
        "<LazyResult join(noop(...), [1], sep='-')>"
    )


def test_repr_of_a_deep_chain_does_not_recurse():
    lazy = noop()
    for _ in range(10_000):
        lazy = noop(lazy)

    assert repr(lazy) == "<LazyResult noop(noop(...))>"


def test_tail_gives_a_tail_call_with_bound_arguments():
    call = join.tail(1, sep="-")

    assert isinstance(call, cs.TailCall)
    assert (call.task, call.args, dict(call.kwargs)) == (join, (1, 2), {"sep": "-"})


def test_repr_of_a_tail_call_shows_its_arguments():
    assert repr(noop.tail(noop())) == "<TailCall noop(noop(...))>"


def test_tail_checks_arguments_when_called():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nope'"):
        noop.tail(nope=1)


def test_tail_call_becomes_the_lazy_result_of_the_same_call():
    lazy = join.tail(1, sep="-").lazy()

    assert (lazy.task, lazy.args, dict(lazy.kwargs)) == (join, (1, 2), {"sep": "-"})


@pytest.mark.parametrize(
    "call",
    [
        lambda: noop(noop.tail()),
        lambda: noop(dep=noop.tail()),
        lambda: join(1, sep=noop.tail()),
        lambda: cs.task(lambda *rest: rest)(1, noop.tail()),
        lambda: cs.task(lambda **extra: extra)(x=noop.tail()),
        lambda: noop.tail(noop.tail()),
    ],
)
def test_tail_call_as_an_argument_is_refused_at_the_call(call):
    with pytest.raises(TypeError, match="TailCall cannot be an argument"):
        call()


async def test_tail_call_inside_a_container_is_refused_when_run(engine):
    with pytest.raises(TypeError, match="TailCall cannot be inside an argument"):
        await engine.run(noop([noop(), noop.tail()]))


def test_quote_shows_what_it_quotes():
    assert repr(cs.quote([1])) == "quote([1])"


@pytest.mark.parametrize(
    "make",
    [lambda: noop(1), lambda: noop.tail(1), lambda: noop(noop(2)), lambda: noop(1).with_retry(2)],
    ids=["lazy result", "tail call", "nested", "with options"],
)
def test_call_of_a_module_level_task_can_be_pickled(make):
    call = make()

    copy = pickle.loads(pickle.dumps(call))

    assert (type(copy), copy.task, repr(copy)) == (type(call), call.task, repr(call))


def test_pickled_call_keeps_its_options():
    copy = pickle.loads(pickle.dumps(noop(1).run_if(False)))

    with pytest.raises(cs.DependencyMissingError):
        cs.run(copy)
