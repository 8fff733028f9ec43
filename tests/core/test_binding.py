"""Binding: a call fits its arguments to the signature exactly as Python does."""

from __future__ import annotations

import inspect
import keyword
from collections import defaultdict
from inspect import Parameter
from typing import Any

import pytest
from hypothesis import example, given
from strategies import signatures_and_arguments

import cascade_core as cs


def function_of(signature: inspect.Signature):
    """A function of this signature: positional values in order, the others by name.

    Python itself is the oracle, for ``inspect.Signature.bind`` refuses some calls that it takes.
    """
    names: dict[Any, list[str]] = defaultdict(list)
    for name, parameter in signature.parameters.items():
        names[parameter.kind].append(name)
    positional = [*names[Parameter.POSITIONAL_ONLY], *names[Parameter.POSITIONAL_OR_KEYWORD]]
    positional += [f"*{name}" for name in names[Parameter.VAR_POSITIONAL]]
    keywords = [f"{name!r}: {name}" for name in names[Parameter.KEYWORD_ONLY]]
    keywords += [f"**{name}" for name in names[Parameter.VAR_KEYWORD]]
    values = "".join(f"{name}, " for name in positional)
    namespace: dict[str, Any] = {}
    exec(f"def f{signature}: return ({values}), {{{', '.join(keywords)}}}", namespace)
    return namespace["f"]


@pytest.mark.slow
@given(signatures_and_arguments())
def test_call_binds_exactly_where_python_would(case):
    signature, args, kwargs = case
    function = function_of(signature)
    task = cs.task(function)
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError):
            task(*args, **kwargs)
        return

    lazy = task(*args, **kwargs)

    assert (lazy.args, dict(lazy.kwargs)) == expected


@pytest.mark.slow
@given(signatures_and_arguments())
def test_bound_arguments_arrive_at_the_function(case):
    signature, args, kwargs = case
    function = function_of(signature)
    task = cs.task(function)
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        return

    assert cs.run(task(*args, **kwargs)) == expected


@pytest.mark.slow
@given(signatures_and_arguments())
@example(
    (inspect.signature(lambda a, /, *, b=1, **kwargs: None), (1,), {"a": 2, "c": 3}),
)
def test_lazy_arguments_arrive_where_their_values_would(case):
    signature, args, kwargs = case
    function = function_of(signature)
    task = cs.task(function)
    lazy_args = [value_of(value) for value in args]
    lazy_kwargs = {name: value_of(value) for name, value in kwargs.items()}
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        return

    assert cs.run(task(*lazy_args, **lazy_kwargs)) == expected


@cs.task
def value_of(x):
    return x


NAMES = [
    "lazy",
    "task",
    "new",
    "names",
    "refuse",
    "TailCall",
    "LazyResult",
    "NO_KEYWORDS",
    "self",
    "cls",
    "fn",
    "args",
    "kwargs",
    "rest",
    "extra",
    "p0",
    "p1",
    "k0",
    "k1",
    "type",
    "map",
    "dict",
    "zip",
    "make",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("template", ["({n}, other)", "(other, {n})", "(other, *, {n}=3)"])
async def test_no_parameter_name_is_special(engine, name, template):
    assert not keyword.iskeyword(name)
    namespace = {}
    exec(f"def f{template.format(n=name)}: return ({name}, other)", namespace)
    task = cs.task(namespace["f"])

    assert await engine.run(task(**{name: 1, "other": 2})) == (1, 2)


@pytest.mark.parametrize("name", NAMES)
async def test_no_extra_keyword_is_special(engine, name):
    task = cs.task(lambda a, /, *, b=0, **more: (a, b, more))

    assert await engine.run(task(1, **{name: 2})) == (1, 0, {name: 2})


def test_type_error_names_the_task_and_what_does_not_fit():
    @cs.task
    def fetch(url, *, timeout=1):
        return url, timeout

    with pytest.raises(TypeError, match=r"fetch\(\) got an unexpected keyword argument 'tmeout'"):
        fetch("u", tmeout=2)


def test_missing_argument_is_refused_at_the_call():
    @cs.task
    def fetch(url):
        return url

    with pytest.raises(TypeError, match=r"fetch\(\) missing 1 required positional argument: 'url'"):
        fetch()


async def test_ways_to_write_one_call_are_one_structure(engine):
    @cs.task
    def f(a, b=2):
        return a, b

    for lazy in (f(1, 2), f(1, b=2), f(a=1, b=2), f(1), f(b=2, a=1)):
        assert await engine.run(lazy) == (1, 2)

    assert engine.stats.resolves == 1


async def test_keyword_order_of_declared_parameters_does_not_matter(engine):
    @cs.task
    def f(*, a, b):
        return a, b

    results = [await engine.run(f(a=1, b=2)), await engine.run(f(b=2, a=1))]

    assert results == [(1, 2), (1, 2)]
    assert engine.stats.resolves == 1


async def test_lazy_default_is_run(engine):
    seven = value_of(7)

    @cs.task
    def f(a=seven):
        return a

    assert await engine.run(f()) == 7


async def test_literals_and_lazy_results_arrive_in_the_order_written(engine):
    @cs.task
    def star(*parts):
        return parts

    assert await engine.run(star("l0", value_of(1), "l2")) == ("l0", 1, "l2")


async def test_same_lazy_argument_by_position_and_keyword_arrives_twice(engine):
    @cs.task
    def pair(a, *, b):
        return a, b

    shared = value_of(object())
    a, b = await engine.run(pair(shared, b=shared))

    assert a is b
