"""``@task``: what can be a task, what a task is called, and when two are one."""

from __future__ import annotations

import dataclasses
import functools
import pickle

import pytest

import cascade_core as cs
from cascade_core.define import live_task_names


def plain(x):
    return x


@cs.task
def pickled(x):
    return x


class Accumulator:
    def __init__(self, start):
        self.start = start

    @cs.task
    def add(self, x):
        return self.start + x

    @cs.task
    def countdown(self, n):
        return self.start if n == 0 else self.countdown.tail(n - 1)

    @classmethod
    @cs.task
    def make(cls, start):
        return cls(start)

    @staticmethod
    @cs.task
    def double(x):
        return 2 * x


class Callable:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x


class AsyncCallable:
    async def __call__(self, x):
        return x + 1


# -- options --------------------------------------------------------------------------------------


def test_task_is_named_after_its_function():
    assert cs.task(plain).name == "plain"


def test_task_takes_a_name_of_its_own():
    assert cs.task(name="fetch")(plain).name == "fetch"


def test_task_keeps_documentation_and_signature_of_its_function():
    def documented(a, b=1):
        """What it does."""

    task = cs.task(documented)

    assert (task.__doc__, task.__wrapped__) == ("What it does.", documented)


def test_task_tells_where_it_was_defined():
    file, line = cs.task(plain).source

    assert (file, line) == (__file__, plain.__code__.co_firstlineno)


def test_task_without_source_has_none():
    assert cs.task(len).source is None


def test_task_of_no_function_is_refused():
    with pytest.raises(TypeError, match="needs a function, got 3"):
        cs.task(3)


def test_task_name_that_is_no_string_is_refused():
    with pytest.raises(TypeError, match="name must be a str, got 3"):
        cs.task(plain, name=3)


def test_unknown_place_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="local, thread, process, cluster"):
        cs.task(plain, run_on="moon")


def test_task_can_be_pickled_by_name():
    assert pickle.loads(pickle.dumps(pickled)) is pickled


# -- identity -------------------------------------------------------------------------------------


def test_one_function_wrapped_twice_is_one_task():
    assert cs.task(plain) is cs.task(plain)


def test_a_wrapped_task_is_the_task_itself():
    assert cs.task(cs.task(plain)) is cs.task(plain)


@pytest.mark.parametrize("options", [{"name": "other"}, {"pure": True}, {"run_on": "thread"}])
def test_other_options_make_another_task(options):
    assert cs.task(plain, **options) is not cs.task(plain)


def test_two_functions_of_one_name_are_two_tasks():
    def make():
        def inner():
            return 1

        return cs.task(inner)

    assert make() is not make()


# -- everything that can be called ----------------------------------------------------------------


async def test_lambda_is_a_task(engine):
    assert await engine.run(cs.task(lambda x: x + 1)(1)) == 2


async def test_partial_is_a_task(engine):
    power = cs.task(functools.partial(pow, 2), name="power")

    assert await engine.run(power(5)) == 32


async def test_partial_with_a_keyword_binds_the_rest(engine):
    def subtract(a, b):
        return a - b

    task = cs.task(functools.partial(subtract, b=1))

    assert await engine.run(task(5)) == 4


async def test_partial_of_an_async_function_is_awaited(engine):
    async def add(a, b):
        return a + b

    task = cs.task(functools.partial(add, 1))

    assert task.is_async
    assert await engine.run(task(2)) == 3


async def test_callable_object_is_a_task_named_after_its_type(engine):
    task = cs.task(Callable(3))

    assert task.name == "Callable"
    assert await engine.run(task(2)) == 6


async def test_two_callable_objects_of_one_type_keep_their_state(engine):
    thrice, twice = cs.task(Callable(3)), cs.task(Callable(2))

    assert [await engine.run(thrice(5)), await engine.run(twice(5))] == [15, 10]


async def test_object_with_an_async_call_is_awaited(engine):
    task = cs.task(AsyncCallable())

    assert task.is_async
    assert await engine.run(task(1)) == 2


async def test_class_is_a_task(engine):
    made = await engine.run(cs.task(Callable)(7))

    assert made.factor == 7


async def test_builtin_without_a_signature_is_a_task(engine):
    assert await engine.run(cs.task(max)(1, 3, 2)) == 3


async def test_bound_method_is_a_task(engine):
    assert await engine.run(cs.task([3, 1, 2].index)(1)) == 1


async def test_sync_function_around_an_async_one_is_awaited(engine):
    async def inner(x):
        return x + 1

    @functools.wraps(inner)
    def wrapper(*args):
        return inner(*args)

    @cs.task
    def use(value):
        return value * 10

    assert await engine.run(use(cs.task(wrapper)(1))) == 20


async def test_sync_function_around_an_async_one_is_awaited_as_the_target(engine):
    async def inner():
        return "ok"

    assert await engine.run(cs.task(lambda: inner())()) == "ok"


# -- methods --------------------------------------------------------------------------------------


async def test_method_gets_its_instance(engine):
    assert await engine.run(Accumulator(10).add(5)) == 15


async def test_method_takes_its_instance_as_data(engine):
    await engine.run(Accumulator(1).add(1))

    assert await engine.run(Accumulator(2).add(1)) == 3
    assert engine.stats.resolves == 1


async def test_instance_of_a_method_is_not_searched(engine):
    @dataclasses.dataclass
    class Box:
        held: object

        @cs.task
        def kind_of_held(self):
            return type(self.held)

    assert await engine.run(Box(cs.task(plain)(1)).kind_of_held()) is cs.LazyResult


async def test_method_from_the_class_takes_the_instance_as_first_argument(engine):
    assert await engine.run(Accumulator.add(Accumulator(1), 2)) == 3


@pytest.mark.parametrize("use_vm", [False, True])
async def test_method_can_tail_call_itself(engine, use_vm):
    assert await engine.run(Accumulator("end").countdown(5), use_vm=use_vm) == "end"


async def test_classmethod_around_a_task_gets_the_class(engine):
    assert (await engine.run(Accumulator.make(4))).start == 4


async def test_staticmethod_around_a_task_gets_no_instance(engine):
    assert await engine.run(Accumulator(1).double(4)) == 8


def test_bound_task_shows_task_and_owner():
    assert repr(Accumulator(1).add).endswith("Accumulator.add of Accumulator>")


# -- two functions of one name --------------------------------------------------------------------


async def test_closures_over_different_values_never_share_a_plan(engine):
    def make(value):
        @cs.task
        def constant():
            return value

        return constant

    one, two = make(1), make(2)

    assert [await engine.run(one()), await engine.run(two())] == [1, 2]
    assert engine.stats.resolves == 2


async def test_lambdas_never_share_a_plan(engine):
    tasks = [cs.task(lambda: 1), cs.task(lambda: 2)]

    assert [await engine.run(task()) for task in tasks] == [1, 2]


async def test_redefined_function_runs_its_new_code_after_the_old_one_died(engine):
    results = []
    for value in range(20):
        namespace = {}
        exec(f"def same(): return {value}", namespace)
        results.append(await engine.run(cs.task(namespace["same"])()))

    assert results == list(range(20))


async def test_two_names_of_one_function_are_counted_apart(engine):
    first, second = cs.task(plain, name="first"), cs.task(plain, name="second")
    with cs.observe(observer := _LastRun()):
        await engine.run(first(second(second(1))))

    assert observer.run.totals.tasks == {"first": 1, "second": 2}


class _LastRun:
    def run_started(self, run):
        self.run = run


@cs.task
def mapped(x=None):
    return x


def test_map_tells_the_source_of_its_task_and_an_input_has_none():
    assert mapped.map(x=[1]).task.source == mapped.source
    assert cs.Param("p").task.source is None


def test_identities_and_retries_show_what_they_are():
    assert repr(mapped.identity).startswith("<TaskIdentity ")
    assert repr(mapped().with_retry(2, delay=0.5)._options.retry) == (
        "<Retry 2, delay 0.5 s, backoff 1>"
    )


def test_live_tasks_are_known_by_name():
    kept = cs.task(lambda: 1, name="known while it lives")

    assert "known while it lives" in live_task_names()
    assert kept.name not in {"Param", "select"}
    assert not {"Param", "select", "inject"} & live_task_names()
