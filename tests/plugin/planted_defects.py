"""Defects that leave every result right: a sound suite, a fault in it, and what tells the cause.

A fault of a user is a swap in the suite's text. A fault of the engine is a function that plants it
in the engine's own parts.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

import pytest

import cascade_core as cs
from cascade_core.define.lazy import LazyResult
from cascade_core.define.options import Retry
from cascade_core.define.task import Task
from cascade_core.graph.build import graph_of
from cascade_core.graph.containers import Search
from cascade_core.plan.cache import PlanCache
from cascade_core.run import calls, engine, iterations, reuse
from cascade_core.run.engine import Engine
from cascade_core.run.frame import Frame, _Needed
from cascade_core.run.iterations import Iterations
from cascade_core.run.scheduler import Scheduler


class Swap(NamedTuple):
    """A fault of a user: what stands in the suite's text in place of what is sound."""

    sound: str
    faulty: str


Plant = Callable[[pytest.MonkeyPatch], None]
"""A fault of the engine: puts it in its place until the patch is undone."""


@dataclass(frozen=True)
class Defect:
    """One fault in one sound suite."""

    name: str
    suite: str
    """One of ``SUITES``."""
    fault: Swap | Plant
    told: tuple[str, ...]
    """What the failing run says, each in some line."""
    error: str = "UnexpectedWork"
    """How the line begins in which pytest sums the failure up."""


SUITES = {
    "loop": """
        @cs.task
        def minus_one(n):
            return n - 1

        @cs.task
        def step(n, dep):
            return step(n - 1, dep=noop()) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_builds(1)
        @pytest.mark.expect_cache_misses(1)
        @pytest.mark.expect_cache_hits(4)
        @pytest.mark.expect_iterations(5)
        @pytest.mark.expect_executions(step=5, noop=5)
        async def test_it(engine):
            assert await engine.run(step(4, dep=noop())) == "done"
        """,
    "hot_loop": """
        @cs.task
        def step(n, dep):
            return step(n - 1, dep=noop()) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(100)
        async def test_it(engine):
            assert await engine.run(step(100, dep=noop())) == "done"
        """,
    "runs": """
        from functools import partial

        @cs.task
        def power(base, exp):
            return base**exp

        @pytest.mark.cascade_engine(max_plans=8)
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(2)
        async def test_it(engine):
            for exp in range(3):
                assert await engine.run(power(2, exp)) == 2**exp
        """,
    "alternating": """
        @cs.task
        def odd(n):
            return even(n - 1)

        @cs.task
        def even(n):
            return odd(n - 1) if n else "done"

        @pytest.mark.cascade_engine(max_plans=2)
        @pytest.mark.expect_resolves(2)
        @pytest.mark.expect_cache_hits(3)
        @pytest.mark.expect_evictions(0)
        async def test_it(engine):
            assert await engine.run(even(4)) == "done"
        """,
    "popular": """
        @cs.task
        def popular():
            return "ok"

        @cs.task
        def rare(dep):
            return dep

        @pytest.mark.cascade_engine(max_plans=2)
        @pytest.mark.expect_resolves(3)
        @pytest.mark.expect_evictions(1)
        async def test_it(engine):
            for dep in ("ok", noop()):
                assert await engine.run(popular()) == "ok"
                assert await engine.run(rare(dep)) == "ok"
            assert await engine.run(popular()) == "ok"
        """,
    "invalidated": """
        @cs.task
        def kept():
            return "kept"

        @pytest.mark.expect_resolves(3)
        @pytest.mark.expect_cache_hits(1)
        async def test_it(engine):
            for _ in range(2):
                assert await engine.run(kept()) == "kept"
                assert await engine.run(noop()) == "ok"
                engine.plan_cache.invalidate(noop)
        """,
    "engines": """
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(1)
        async def test_it():
            plans = cs.PlanCache()
            for _ in range(2):
                assert await cs.Engine(plan_cache=plans).run(noop()) == "ok"
        """,
    "blocks": """
        @cs.task
        def step(n, dep):
            return step(n - 1, dep=noop()) if n else "done"

        async def test_it(engine, cache_inspector):
            with cache_inspector.expect(resolves=1, executions={"noop": 3}):
                assert await engine.run(step(2, dep=noop())) == "done"
            with cache_inspector.no_resolves():
                assert await engine.run(step(4, dep=noop())) == "done"
        """,
    "spied": """
        from pytest_cascade import SpiedSolver

        class Solver:
            def __init__(self):
                self.inner = SpiedSolver()

            def resolve(self, graph):
                return self.inner.resolve(graph)

        @pytest.mark.cascade_engine(solver=Solver)
        @pytest.mark.expect_resolves(1)
        async def test_it(engine, spied_solver):
            for _ in range(3):
                assert await engine.run(noop()) == "ok"
            assert spied_solver.call_count == 1
            assert spied_solver.solver.inner.call_count == 1
        """,
    "shared": """
        @cs.task
        def both(left, right, n):
            if n == 0:
                return left + right
            one = noop()
            return both(one, one, n - 1)

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions(both=3, noop=3)
        async def test_it(engine):
            first = noop()
            assert await engine.run(both(first, first, 2)) == "okok"
        """,
    "apart": """
        @cs.task
        def both(left, right, n):
            if n == 0:
                return left + right
            one = noop()
            return both(one, noop(), n - 1)

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions(both=3, noop=6)
        async def test_it(engine):
            assert await engine.run(both(noop(), noop(), 2)) == "okok"
        """,
    "lists": """
        @cs.task
        def gather(parts, n):
            return gather([noop(), noop(), n], n - 1) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_iterations(3)
        async def test_it(engine):
            assert await engine.run(gather([noop(), noop(), 3], 2)) == "done"
        """,
    "dicts": """
        @cs.task
        def gather(parts, n):
            return gather({"part": noop(), "n": n}, n - 1) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_iterations(3)
        async def test_it(engine):
            assert await engine.run(gather({"part": noop(), "n": 3}, 2)) == "done"
        """,
    "plain_data": """
        @cs.task
        def append(seen):
            seen.append(len(seen))
            return append(seen) if len(seen) < 4 else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(3)
        async def test_it(engine):
            assert await engine.run(append([])) == "done"
        """,
    "decorated": """
        import functools

        def logged(fn):
            @functools.wraps(fn)
            def wrapper(*args, **kwargs):
                return fn(*args, **kwargs)
            return wrapper

        @cs.task
        @logged
        def report(title, body):
            return title + body

        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            assert await engine.run(report("a", noop())) == "aok"
            assert await engine.run(report("a", body=noop())) == "aok"
        """,
    "keywords": """
        @cs.task
        def merge(**parts):
            return "".join(parts.values())

        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            for n in range(3):
                assert await engine.run(merge(part=noop(), rest="")) == "ok"
        """,
    "inputs": """
        @cs.task
        def factor():
            return 2

        @cs.task
        def scale(x, by):
            return x * by

        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            for x in range(3):
                assert await engine.run(scale(cs.Param("x", 0), 2), {"x": x}) == 2 * x
        """,
    "options": """
        @cs.task
        def first():
            return 1

        @cs.task
        def second():
            return 2

        @cs.task
        def work(n, dep):
            return start(n - 1) if n else "done"

        def start(n):
            one, two = first(), second()
            dep = noop().with_retry(2)
            return work(n, dep).after(one, two).with_constraints(gpu=1)

        @pytest.mark.cascade_engine(resources={"gpu": 1, "cpu": 1})
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(4)
        @pytest.mark.expect_executions(work=5, first=5, second=5, noop=5)
        async def test_it(engine):
            assert await engine.run(start(4)) == "done"
        """,
    "conditions": """
        @cs.task
        def report():
            return "costly"

        @cs.task
        def work(n):
            return n

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions(work=2, report=1)
        async def test_it(engine):
            for n in range(2):
                assert await engine.run(work(n).after(report().run_if(n == 1))) == n
        """,
    "routes": """
        @cs.task
        def quick():
            return "answer"

        @cs.task
        def thorough():
            return "answer"

        @cs.task
        def either(mode, quick, thorough):
            return quick if mode == "quick" else thorough

        def answer(mode):
            routes = {"quick": quick(), "thorough": thorough()}
            return cs.select(mode, routes)

        @cs.task
        def show(text):
            return text

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions(quick=2, thorough=1)
        async def test_it(engine):
            for mode in ("quick", "thorough", "quick"):
                assert await engine.run(show(answer(mode))) == "answer"
        """,
    "sub_graphs": """
        @cs.task
        def leaf(n):
            return n

        @cs.task
        def branch(n):
            return leaf(n)

        @cs.task
        def tree(left, right):
            return left + right

        @pytest.mark.expect_resolves(2)
        @pytest.mark.expect_cache_hits(1)
        @pytest.mark.expect_iterations(1)
        async def test_it(engine):
            assert await engine.run(tree(branch(1), branch(2))) == 3
        """,
    "maps": """
        @cs.task
        def double(x, dep=None):
            return 2 * x

        @cs.task
        def show(numbers):
            return numbers

        @pytest.mark.expect_resolves(2)
        @pytest.mark.expect_cache_hits(6)
        @pytest.mark.expect_executions(double=6)
        async def test_it(engine):
            for n in range(2):
                assert await engine.run(show(double.map(x=[n, n, n]))) == [2 * n] * 3
        """,
    "interned": """
        def ping():
            return "ok"

        def pinged():
            return cs.task(ping)()

        @cs.task
        def step(n, dep):
            return step(n - 1, pinged()) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions(ping=3)
        async def test_it(engine):
            assert await engine.run(step(2, pinged())) == "done"
        """,
    "vm": """
        @cs.task
        def count(n):
            return count.tail(n - 1) if n else "done"

        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_cache_hits(0)
        @pytest.mark.expect_iterations(5)
        async def test_it(engine):
            assert await engine.run(count(4), use_vm=True) == "done"
        """,
    "tail_calls": """
        @cs.task
        def add(a, b):
            return a + b

        ENGINES = []

        @cs.task
        async def total(n, sum=0):
            if n == 0:
                return sum
            return total(n - 1, sum + n)

        @pytest.mark.expect_runs(1)
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_iterations(4)
        async def test_it(engine):
            ENGINES.append(engine)
            assert await engine.run(total(3)) == 6
        """,
    "fetching": """
        @cs.task
        async def fetch(name):
            return name

        @cs.task
        def join(*parts):
            return "".join(parts)

        @pytest.mark.expect_executions(fetch=2, join=1)
        async def test_it(engine):
            assert await engine.run(join(fetch("a"), fetch("b"))) == "ab"
        """,
    "retried": """
        @cs.task
        def fetch(answers):
            answer = answers.pop()
            if answer is None:
                raise TimeoutError
            return answer

        @pytest.mark.expect_executions(fetch=1)
        @pytest.mark.expect_attempts(fetch=1)
        async def test_it(engine):
            answers = ["page"]
            assert await engine.run(fetch(answers).with_retry(3)) == "page"
        """,
    "given_up": """
        @cs.task
        def fetch():
            raise TimeoutError

        @pytest.mark.expect_executions(fetch=1)
        @pytest.mark.expect_attempts(fetch=3)
        async def test_it(engine):
            with pytest.raises(TimeoutError):
                await engine.run(fetch().with_retry(max_attempts=3))
        """,
    "pure": """
        @cs.task(pure=True)
        def embed(word):
            return len(word)

        @cs.task
        def total(*numbers):
            return sum(numbers)

        @pytest.mark.expect_executions(embed=2)
        @pytest.mark.expect_reuses(2)
        async def test_it(engine):
            words = ["to", "be", "to", "be"]
            assert await engine.run(total(*[embed(word) for word in words])) == 8
        """,
    "result_cache": """
        import itertools
        from dataclasses import dataclass

        @dataclass
        class Word:
            text: str

        class Opaque:
            def __init__(self, text):
                self.text = text

        class Broken:
            async def get(self, key):
                raise OSError

            async def set(self, key, value):
                pass

        numbers = itertools.count()

        @cs.task
        def embed(word, salt=0):
            return None if word.text == "none" else len(word.text)

        @pytest.mark.expect_executions(embed=2)
        @pytest.mark.expect_reuses(4)
        async def test_it(engine):
            cache = cs.MemoryCache(max_entries=8)
            for _ in range(3):
                assert await engine.run(embed(Word("none")).with_cache(cache)) is None
                assert await engine.run(embed(Word("some")).with_cache(cache)) == 4
        """,
}


# Faults of the engine --------------------------------------------------------------------------


def wrap(patch, owner, name, wrapper):
    """Put ``wrapper`` in the place of a function, which it gets before the arguments."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: wrapper(original, *args, **kwargs))


def at_each_hit(patch, then):
    def find_plan(original, engine, run, target, reading, *more):
        is_hit = engine.plan_cache.find(reading[0]) is not None
        use = original(engine, run, target, reading, *more)
        if is_hit:
            then(run, reading, use)
        return use

    wrap(patch, Engine, "find_plan", find_plan)


def clears_after_each_run(patch):
    def finish(original, engine, *args):
        original(engine, *args)
        engine.plan_cache.clear()

    wrap(patch, Engine, "_finish", finish)


def holds_one_plan(patch):
    wrap(patch, PlanCache, "__init__", lambda original, cache, max_plans=1: original(cache, 1))


def holds_no_plan(patch):
    wrap(patch, PlanCache, "__init__", lambda original, cache, max_plans=0: original(cache, 0))


def drops_the_oldest_plan(patch):
    patch.setattr(PlanCache, "find", lambda cache, key: cache._plans.get(key))


def finds_no_plan(patch):
    patch.setattr(PlanCache, "find", lambda cache, key: None)


def invalidates_every_task(patch):
    patch.setattr(PlanCache, "invalidate", lambda cache, task: cache.clear())


def drops_plans_of_sub_graphs(patch):
    def open_subgraph(original, of_run, call):
        opened = original(of_run, call)
        of_run._engine.plan_cache.invalidate(call.task)
        return opened

    wrap(patch, Iterations, "_open_subgraph", open_subgraph)


def counts_no_evictions(patch):
    wrap(patch, PlanCache, "store", lambda original, *args: original(*args) and 0)


def counts_hits_as_misses(patch):
    def miscount(run, reading, use):
        use.misses += 1
        run.count().misses += 1

    at_each_hit(patch, miscount)


def solves_at_each_hit(patch):
    def solve(run, reading, use):
        run.count().resolves += 1
        run.engine.solver.resolve(use.plan.blueprint.graph)

    at_each_hit(patch, solve)


def solves_at_each_hit_uncounted(patch):
    def solve(run, reading, use):
        run.engine.solver.resolve(use.plan.blueprint.graph)

    at_each_hit(patch, solve)


def builds_at_each_hit(patch):
    def build(run, reading, use):
        run.count().builds += 1
        graph_of(reading)

    at_each_hit(patch, build)


class SaltedKey(tuple):
    """A key that is equal only to one of the same data."""

    def __eq__(self, other):
        return tuple.__eq__(self, other) and self.data == other.data

    def __hash__(self):
        return tuple.__hash__(self)


def puts_data_into_the_key(patch):
    def read(original, target):
        key, inputs, lazies = original(target)
        key = SaltedKey(key)
        key.data = repr(inputs)
        return key, inputs, lazies

    for module in (engine, iterations):
        wrap(patch, module, "read", read)


def takes_all_containers_for_live(patch):
    def init(original, search, argument):
        original(search, argument)
        search.live.add(id(argument))

    wrap(patch, Search, "__init__", init)


def loses_sharing(patch):
    def copied(lazy):
        args = [copied(arg) if type(arg) is LazyResult else arg for arg in lazy._args]
        return LazyResult.of(lazy.task, tuple(args), lazy._options)

    for module in (engine, iterations):
        wrap(patch, module, "read", lambda original, target: original(copied(target)))


class Forgetful(WeakValueDictionary):
    def get(self, key, default=None):
        return default


def makes_each_task_anew(patch):
    patch.setattr(sys.modules[Task.__module__], "_tasks", Forgetful())


def makes_each_select_anew(patch):
    patch.setattr(sys.modules[cs.select.__module__], "_selects", Forgetful())


def makes_each_map_anew(patch):
    def mapped(original, task, *args):
        task._maps.clear()
        return original(task, *args)

    wrap(patch, Task, "_mapped", mapped)


def ignores_conditions(patch):
    patch.setattr(Frame, "skip_reason", lambda frame, rank, step: None)


def prunes_no_route(patch):
    patch.setattr(_Needed, "__contains__", lambda needed, rank: True)


def tries_once_more(patch):
    def init(original, retry, max_attempts, *args):
        original(retry, max_attempts + 1, *args)

    wrap(patch, Retry, "__init__", init)


def runs_equal_pure_calls(patch):
    patch.setattr(Scheduler, "_claim", lambda scheduler, frame, rank: True)


def salts_content_keys(patch):
    salts = itertools.count()
    wrap(patch, reuse, "_make_key", lambda original, *args: original(*args) + b"%d" % next(salts))


def takes_a_cached_none_for_nothing(patch):
    async def load(original, store):
        value = await original(store)
        return cs.MISSING if value is None else value

    wrap(patch, calls, "load", load)


async def twice(original, *args, **kwargs):
    await original(*args, **kwargs)
    return await original(*args, **kwargs)


def iterates_twice(patch):
    wrap(patch, Iterations, "_frame", twice)


def calls_async_tasks_twice(patch):
    wrap(patch, calls.Caller, "bare", twice)


def leaves_the_vm_out(patch):
    def run(original, engine, target, params=None, use_vm=False):
        return original(engine, target, params)

    wrap(patch, Engine, "run", run)


class NeverEntered(dict):
    def __contains__(self, key):
        return False


def looks_up_each_tail_call(patch):
    def vm_path(original, of_run, value, entered):
        return original(of_run, value, NeverEntered())

    wrap(patch, Iterations, "_vm_path", vm_path)


# Which fault in which suite --------------------------------------------------------------------

ONE_STEP = 'step(n - 1, dep=noop()) if n else "done"'
RUN_POWER = "await engine.run(power(2, exp)) == 2**exp"

DEFECTS = [
    # A user's loop: the structure changes
    Defect(
        "a_dependency_is_passed_on_as_a_value",
        "loop",
        Swap("dep=noop()) if n", "dep=dep) if n"),
        (
            "expect_resolves(1): the solver was called 2 times",
            "'noop' was executed 1 time",
            "2. step · 1 node  · structure: step(dep=) was noop(), now a literal",
        ),
    ),
    Defect(
        "a_literal_stands_in_every_second_iteration_where_a_call_was",
        "loop",
        Swap("dep=noop()) if n", "dep=noop() if n % 2 else 'ok') if n"),
        ("'noop' was executed 3 times", "structure: step(dep=) was noop(), now a literal"),
    ),
    Defect(
        "a_call_stands_where_a_literal_was",
        "loop",
        Swap("step(n - 1, dep", "step(minus_one(n), dep"),
        ("structure: step(n=) was a literal, now minus_one()",),
    ),
    Defect(
        "a_dependency_gets_one_of_its_own",
        "loop",
        Swap("dep=noop()) if n", "dep=noop(noop())) if n"),
        (
            "'noop' was executed 9 times",
            "2. step · 3 nodes · structure: step(dep=noop(dep=)) was a literal, now noop()",
        ),
    ),
    Defect(
        "a_dependency_is_wrapped_in_a_list",
        "loop",
        Swap("dep=noop()) if n", "dep=[noop()]) if n"),
        ("structure: step(dep=) was noop(), now a list with noop() at [0]",),
    ),
    Defect(
        "one_hot_iteration_differs",
        "hot_loop",
        Swap("dep=noop()) if n", "dep=noop() if n != 50 else 'ok') if n"),
        (
            "expect_cache_hits(100): the plan cache was hit 99 times",
            "structure: step(dep=) was noop(), now a literal",
        ),
    ),
    Defect(
        "sharing_is_lost",
        "shared",
        Swap("both(one, one, n - 1)", "both(one, noop(), n - 1)"),
        (
            "'noop' was executed 5 times",
            "structure: both(right=) was the same noop() as both(left=), now another noop()",
        ),
    ),
    Defect(
        "sharing_is_gained",
        "apart",
        Swap("both(one, noop(), n - 1)", "both(one, one, n - 1)"),
        (
            "'noop' was executed 4 times",
            "structure: both(right=) was another noop(), now the same noop() as both(left=)",
        ),
    ),
    Defect(
        "a_list_changes_its_length",
        "lists",
        Swap("[noop(), noop(), n]", "[*[noop() for _ in range(n)], n]"),
        (
            "gather(parts=) was a list with noop() at [0], noop() at [1], "
            "now a list with noop() at [0]",
        ),
    ),
    Defect(
        "a_list_changes_its_length_by_data",
        "lists",
        Swap("[noop(), noop(), n]", "[noop(), noop(), *range(n)]"),
        (
            "expect_resolves(1): the solver was called 2 times",
            "structure: gather(parts=) was a list of 3, now a list of 4",
        ),
    ),
    Defect(
        "a_list_becomes_a_tuple",
        "lists",
        Swap("[noop(), noop(), n]", "(noop(), noop(), n)"),
        ("noop() at [1], now a tuple with noop() at [0], noop() at [1]",),
    ),
    Defect(
        "a_call_in_a_list_becomes_a_value",
        "lists",
        Swap("[noop(), noop(), n]", "[noop(), 'ok', n]"),
        ("structure: gather(parts[1]=) was noop(), now a literal",),
    ),
    Defect(
        "a_dict_key_is_made_of_data",
        "dicts",
        Swap('{"part": noop(), "n": n}', '{n: noop(), "n": n}'),
        (
            "2. gather · 2 nodes · structure: gather(parts=) was a dict with noop() at ['part'], "
            "now a dict with noop() at [2]",
            "3. gather · 2 nodes · structure: gather(parts=) was a dict with noop() at [2], "
            "now a dict with noop() at [1]",
        ),
    ),
    Defect(
        "a_dict_gets_a_key_with_data",
        "dicts",
        Swap('"n": n}', '"n": n, "more": n}'),
        (
            "expect_resolves(1): the solver was called 2 times",
            "now a dict with keys 'part', 'n', 'more'",
        ),
    ),
    Defect(
        "a_keyword_is_made_of_data",
        "keywords",
        Swap("part=noop()", '**{f"part{n}": noop()}'),
        ("structure: merge(**parts=) was part0=, rest=, now part1=, rest=",),
    ),
    Defect(
        "a_decorator_hides_the_signature",
        "decorated",
        Swap("@functools.wraps(fn)", ""),
        ("structure: wrapper(*args=) was 2 arguments, now 1 argument (and 1 more)",),
    ),
    Defect(
        "a_param_gets_a_lazy_default",
        "inputs",
        Swap('cs.Param("x", 0)', 'cs.Param("x", noop() if x else 0)'),
        ("structure: scale(x=Param(default=)) was a literal, now noop()",),
    ),
    # A user's loop: the options change
    Defect(
        "a_retry_is_there_in_every_second_iteration",
        "options",
        Swap("noop().with_retry(2)", "noop().with_retry(2) if n % 2 else noop()"),
        ("structure: work(dep=noop.with_retry()) was absent, now a literal",),
    ),
    Defect(
        "a_condition_appears",
        "options",
        Swap("noop().with_retry(2)", "noop().with_retry(2).run_if(True) if n < 4 else noop()"),
        ("structure: work(dep=noop.run_if()) was absent, now a literal (and 1 more)",),
    ),
    Defect(
        "after_is_wired_to_the_other_call",
        "options",
        Swap(".after(one, two)", ".after(*((one, two) if n % 2 else (two, one)))"),
        ("structure: work.after[0]() was second(), now first() (and 1 more)",),
    ),
    Defect(
        "after_lacks_a_call",
        "options",
        Swap(".after(one, two)", ".after(*(one, two)[n % 2 :])"),
        (
            "'first' was executed 3 times",
            "structure: work.after() was first(), second(), now second()",
        ),
    ),
    Defect(
        "another_capacity_is_taken",
        "options",
        Swap("(gpu=1)", "(**{'gpu' if n % 2 else 'cpu': 1})"),
        ("structure: work.with_constraints(cpu=) was a literal, now absent (and 1 more)",),
    ),
    Defect(
        "order_is_left_out_instead_of_the_call_being_skipped",
        "conditions",
        Swap(
            "work(n).after(report().run_if(n == 1))", "(work(n).after(report()) if n else work(n))"
        ),
        ("structure: work.after() was absent, now report()",),
    ),
    Defect(
        "routes_are_made_of_data",
        "routes",
        Swap('"thorough": thorough()}', '"thorough": thorough(), mode.upper(): None}'),
        (
            "structure: show(text=) was select(selector=, routes['quick']=, routes['thorough']=, "
            "routes['QUICK']=, default=), now select(",
        ),
    ),
    Defect(
        "routes_of_the_target_are_made_of_data",
        "routes",
        Swap("show(answer(mode))", "cs.select(mode, {mode: answer(mode)})"),
        (
            "expect_resolves(1): the solver was called 2 times",
            "structure: target was select(selector=, routes['quick']=, default=), now select(",
        ),
    ),
    Defect(
        "a_route_is_chosen_before_the_select",
        "routes",
        Swap("cs.select(mode, routes)", 'cs.select("any", {"any": routes[mode]})'),
        ("structure: show(text=select(routes['any']=)) was quick(), now thorough()",),
    ),
    Defect(
        "a_map_gets_one_more_keyword",
        "maps",
        Swap("x=[n, n, n]", 'x=[n, n, n], **({"dep": [1, 2, 3]} if n else {})'),
        ("structure: show(numbers=) was double.map(x=), now double.map(x=, dep=)",),
    ),
    Defect(
        "a_map_that_is_the_target_gets_one_more_keyword",
        "maps",
        Swap(
            "show(double.map(x=[n, n, n]))",
            "double.map(x=[n] * 3, **({'dep': [0] * 3} if n else {}))",
        ),
        (
            "expect_cache_hits(6): the plan cache was hit 5 times",
            "structure: target was double.map(x=), now double.map(x=, dep=)",
        ),
    ),
    Defect(
        "a_sub_graph_has_another_structure",
        "sub_graphs",
        Swap("return leaf(n)", "return leaf(n) if n == 1 else leaf(leaf(n))"),
        ("3. leaf · 2 nodes · structure: leaf(n=) was a literal, now leaf()",),
    ),
    # A user's loop: a task is another one each time
    Defect(
        "a_task_is_defined_in_the_loop",
        "loop",
        Swap(
            "return step(n - 1, dep=noop())",
            'noop = cs.task(lambda: "ok", name="noop"); return step(n - 1, dep=noop())',
        ),
        (
            "expect_resolves(1): the solver was called 5 times",
            "was test_inner:noop(), now test_inner:step.<locals>.<lambda>()",
            "5. step · 2 nodes · new task: 'noop' was redefined",
        ),
    ),
    Defect(
        "a_task_is_a_lambda_made_anew",
        "runs",
        Swap("power(2, exp)", 'cs.task(lambda b, e: b**e, name="power")(2, exp)'),
        ("3. power · 1 node · new task: 'power' was redefined",),
    ),
    Defect(
        "a_task_is_a_partial_made_of_data",
        "runs",
        Swap("power(2, exp)", "cs.task(partial(pow, 2, exp))()"),
        ("3. partial · 1 node · new task: 'partial' was redefined",),
    ),
    Defect(
        "a_task_is_named_by_data",
        "runs",
        Swap("power(2, exp)", 'cs.task(power.fn, name=f"power{exp}")(2, exp)'),
        ("3. power2 · 1 node · new task: 'power2' was redefined",),
    ),
    Defect(
        "a_mapped_task_is_made_anew",
        "maps",
        Swap("double.map(x", "cs.task(lambda x: 2 * x, name='double').map(x"),
        (
            "3. show   · 2 nodes · new task: 'double.map' was redefined",
            "4. double · 1 node  · new task: 'double' was redefined",
        ),
    ),
    Defect(
        "a_task_of_a_sub_graph_is_made_anew",
        "sub_graphs",
        Swap("return leaf(n)", 'return cs.task(lambda n: n, name="leaf")(n)'),
        ("3. leaf · 1 node  · new task: 'leaf' was redefined",),
    ),
    # A user's suite: the plan cache is not what it should be
    Defect(
        "the_cache_is_cleared_in_the_loop",
        "runs",
        Swap(RUN_POWER, f"{RUN_POWER}; engine.plan_cache.clear()"),
        ("expect_cache_hits(2): the plan cache was hit 0 times", "3. power · 1 node · cleared"),
    ),
    Defect(
        "a_task_is_invalidated_in_the_loop",
        "runs",
        Swap(RUN_POWER, f"{RUN_POWER}; engine.plan_cache.invalidate(power)"),
        ("3. power · 1 node · cleared",),
    ),
    Defect(
        "the_cache_is_disabled",
        "runs",
        Swap("max_plans=8", "max_plans=0"),
        ("3. power · 1 node · plan cache disabled",),
    ),
    Defect(
        "the_cache_is_too_small",
        "alternating",
        Swap("max_plans=2", "max_plans=1"),
        ("expect_evictions(0): a plan was evicted 4 times", "5. even · 1 node · evicted"),
    ),
    Defect(
        "an_engine_is_made_for_each_run",
        "runs",
        Swap("engine.run(power", "cs.Engine().run(power"),
        (
            "expect_resolves(1): the solver was called 3 times",
            "first seen by this engine, another one had planned it",
        ),
    ),
    Defect(
        "engines_do_not_share_their_cache",
        "engines",
        Swap("plan_cache=plans", ""),
        (
            "expect_resolves(1): the solver was called 2 times",
            "first seen by this engine, another one had planned it",
        ),
    ),
    Defect(
        "a_block_plans_again",
        "blocks",
        Swap(ONE_STEP, ONE_STEP.replace("noop()", "dep")),
        (
            "expect(resolves=1): the solver was called 2 times",
            "expect(executions={'noop': 3}): 'noop' was executed 1 time",
            "structure: step(dep=) was noop(), now a literal",
        ),
    ),
    Defect(
        "a_warm_block_plans",
        "blocks",
        Swap("step(4, dep=noop())", "step(4, dep='ok')"),
        ("had to be planned · structure: step(dep=) was noop(), now a literal",),
    ),
    Defect(
        "a_solver_solves_twice",
        "spied",
        Swap("return self.inner", "self.inner.resolve(graph); return self.inner"),
        ("where 2 = <pytest_cascade.work.spies.SpiedSolver object",),
        error="assert 2 == 1",
    ),
    # A user's suite: the amount of work is another
    Defect(
        "the_loop_runs_once_too_often",
        "loop",
        Swap("if n else", "if n > -1 else"),
        ("expect_iterations(5): the target was iterated 6 times",),
    ),
    Defect(
        "the_loop_ends_at_once",
        "loop",
        Swap("if n else", "if not n else"),
        ("expect_iterations(5): the target was iterated 1 time",),
    ),
    Defect(
        "no_run_begins",
        "runs",
        Swap("range(3)", "range(0)"),
        ("expect_resolves(1): no engine ran in this test",),
    ),
    Defect(
        "the_vm_is_not_asked_for",
        "vm",
        Swap(", use_vm=True", ""),
        ("expect_cache_hits(0): the plan cache was hit 4 times",),
    ),
    Defect(
        "a_lazy_result_leaves_the_vm",
        "vm",
        Swap("count.tail(n - 1)", "count(n - 1)"),
        ("expect_cache_hits(0): the plan cache was hit 4 times",),
    ),
    Defect(
        "recursion_in_place_of_a_tail_call",
        "tail_calls",
        Swap("return total(n - 1, sum + n)", "return add(n, total(n - 1))"),
        (
            "expect_iterations(4): the target was iterated 2 times",
            "2. add   · 2 nodes · first seen",
        ),
    ),
    Defect(
        "a_run_inside_a_task_on_the_same_engine",
        "tail_calls",
        Swap(
            "return total(n - 1, sum + n)",
            "return await ENGINES[0].run(total(n - 1, sum + n))",
        ),
        ("expect_runs(1): an engine was run 4 times",),
    ),
    Defect(
        "a_run_inside_a_task_in_place_of_a_tail_call",
        "tail_calls",
        Swap(
            "return total(n - 1, sum + n)",
            "return await cs.Engine().run(total(n - 1, sum + n))",
        ),
        (
            "expect_resolves(1): the solver was called 4 times",
            "first seen by this engine, another one had planned it",
        ),
    ),
    Defect(
        "a_call_is_made_again_for_its_order",
        "fetching",
        Swap('fetch("b")', 'fetch("b").after(fetch("a"))'),
        ("'fetch' was executed 3 times",),
    ),
    Defect(
        "a_skipped_call_runs",
        "conditions",
        Swap(".run_if(n == 1)", ""),
        ("'report' was executed 2 times",),
    ),
    Defect(
        "all_routes_run",
        "routes",
        Swap("cs.select(mode, routes)", "either(mode, **routes)"),
        ("'quick' was executed 3 times", "'thorough' was executed 3 times"),
    ),
    Defect(
        "a_retry_hides_a_failing_call",
        "retried",
        Swap('["page"]', '["page", None]'),
        ("the function of 'fetch' was called 2 times",),
    ),
    Defect(
        "a_retry_tries_too_often",
        "given_up",
        Swap("max_attempts=3", "max_attempts=4"),
        ("the function of 'fetch' was called 4 times",),
    ),
    Defect(
        "a_task_is_not_declared_pure",
        "pure",
        Swap("@cs.task(pure=True)", "@cs.task"),
        ("'embed' was executed 4 times", "expect_reuses(2): a value was reused 0 times"),
    ),
    Defect(
        "equal_words_are_of_two_types",
        "pure",
        Swap('"be", "to", "be"]', '"be", b"to", "be"]'),
        ("'embed' was executed 3 times", "expect_reuses(2): a value was reused 1 time"),
    ),
    Defect(
        "a_result_cache_is_made_for_each_run",
        "result_cache",
        Swap("for _ in range(3):", "for cache in [cs.MemoryCache() for _ in range(3)]:"),
        ("'embed' was executed 6 times", "expect_reuses(4): a value was reused 0 times"),
    ),
    Defect(
        "a_result_cache_is_too_small",
        "result_cache",
        Swap("max_entries=8", "max_entries=1"),
        ("expect_reuses(4): a value was reused 0 times",),
    ),
    Defect(
        "cached_results_expire_at_once",
        "result_cache",
        Swap("max_entries=8", "ttl=1, clock=numbers.__next__"),
        ("expect_reuses(4): a value was reused 0 times",),
    ),
    Defect(
        "a_result_cache_cannot_be_read",
        "result_cache",
        Swap("cs.MemoryCache(max_entries=8)", "Broken()"),
        (
            "expect_reuses(4): a value was reused 0 times",
            "result cache <test_inner.Broken object",
        ),
    ),
    Defect(
        "an_argument_counts_up",
        "result_cache",
        Swap('Word("some")', 'Word("some"), salt=next(numbers)'),
        ("'embed' was executed 4 times", "expect_reuses(4): a value was reused 2 times"),
    ),
    Defect(
        "an_argument_has_no_stable_encoding",
        "result_cache",
        Swap('Word("some")', 'Opaque("some")'),
        (
            "expect_reuses(4): a value was reused 2 times",
            "call of 'embed' cannot be reused: argument 'word': a value of type test_inner.Opaque",
        ),
    ),
    Defect(
        "a_call_has_no_result_cache",
        "result_cache",
        Swap('embed(Word("some")).with_cache(cache)', 'embed(Word("some"))'),
        (
            "'embed' was executed 4 times",
            "structure: embed.with_cache() was a literal, now absent",
        ),
    ),
    # The engine: plans are not kept or not found
    Defect(
        "engine_clears_after_each_run",
        "runs",
        clears_after_each_run,
        ("3. power · 1 node · cleared",),
    ),
    Defect(
        "engine_holds_one_plan",
        "alternating",
        holds_one_plan,
        ("expect_evictions(0): a plan was evicted 4 times", "3. even · 1 node · evicted"),
    ),
    Defect(
        "engine_holds_no_plan",
        "loop",
        holds_no_plan,
        ("5. step · 2 nodes · plan cache disabled",),
    ),
    Defect(
        "engine_drops_the_oldest_plan_in_place_of_the_least_used",
        "popular",
        drops_the_oldest_plan,
        ("expect_evictions(1): a plan was evicted 2 times", "4. popular · 1 node  · evicted"),
    ),
    Defect(
        "engine_invalidates_every_task",
        "invalidated",
        invalidates_every_task,
        ("3. kept · 1 node · cleared",),
    ),
    Defect(
        "engine_plans_each_sub_graph",
        "sub_graphs",
        drops_plans_of_sub_graphs,
        ("3. leaf · 1 node  · cleared",),
    ),
    Defect(
        "engine_finds_no_plan",
        "loop",
        finds_no_plan,
        (
            "expect_resolves(1): the solver was called 5 times",
            "structure: a known one, but its plan was not found",
        ),
    ),
    Defect(
        "engine_puts_data_into_the_key",
        "loop",
        puts_data_into_the_key,
        (
            "expect_resolves(1): the solver was called 5 times",
            "structure: another one, though no difference to a known one can be seen",
        ),
    ),
    Defect(
        "engine_takes_all_containers_for_structure",
        "plain_data",
        takes_all_containers_for_live,
        (
            "expect_resolves(1): the solver was called 4 times",
            "structure: append(seen=) was a list",
            "structure: append(seen=) was a list of 0, now a list of 1",
        ),
    ),
    Defect(
        "engine_makes_each_task_anew",
        "interned",
        makes_each_task_anew,
        ("3. step · 2 nodes · new task: 'ping' was redefined",),
    ),
    Defect(
        "engine_makes_each_map_anew",
        "maps",
        makes_each_map_anew,
        ("3. show   · 2 nodes · new task: 'double.map' was redefined",),
    ),
    Defect(
        "engine_makes_each_select_anew",
        "routes",
        makes_each_select_anew,
        ("structure: show(text=) was select(), now select() redefined",),
    ),
    # The engine: work is done twice, or counted as what it is not
    Defect(
        "engine_counts_hits_as_misses",
        "loop",
        counts_hits_as_misses,
        (
            "expect_cache_misses(1): the plan cache was missed 5 times",
            "expect_cache_hits(4): the plan cache was hit 0 times",
        ),
    ),
    Defect(
        "engine_counts_no_evictions",
        "popular",
        counts_no_evictions,
        ("expect_evictions(1): a plan was evicted 0 times",),
    ),
    Defect(
        "engine_solves_at_each_hit",
        "loop",
        solves_at_each_hit,
        ("expect_resolves(1): the solver was called 5 times", "... 4 more ..."),
    ),
    Defect(
        "engine_solves_at_each_hit_uncounted",
        "spied",
        solves_at_each_hit_uncounted,
        ("where 3 = <pytest_cascade.work.spies.SpiedSolver object",),
        error="assert 3 == 1",
    ),
    Defect(
        "engine_builds_at_each_hit",
        "loop",
        builds_at_each_hit,
        ("expect_builds(1): a graph was built 5 times",),
    ),
    Defect(
        "engine_loses_sharing",
        "shared",
        loses_sharing,
        ("'noop' was executed 6 times", "1. both · 3 nodes · first seen"),
    ),
    Defect(
        "engine_iterates_twice",
        "loop",
        iterates_twice,
        (
            "expect_iterations(5): the target was iterated 10 times",
            "'step' was executed 10 times",
        ),
    ),
    Defect(
        "engine_calls_async_tasks_twice",
        "fetching",
        calls_async_tasks_twice,
        ("'fetch' was executed 4 times",),
    ),
    Defect(
        "engine_ignores_conditions",
        "conditions",
        ignores_conditions,
        ("'report' was executed 2 times",),
    ),
    Defect(
        "engine_prunes_no_route",
        "routes",
        prunes_no_route,
        ("'quick' was executed 3 times", "'thorough' was executed 3 times"),
    ),
    Defect(
        "engine_tries_once_more",
        "given_up",
        tries_once_more,
        ("the function of 'fetch' was called 4 times",),
    ),
    Defect(
        "engine_runs_equal_pure_calls",
        "pure",
        runs_equal_pure_calls,
        ("'embed' was executed 4 times", "expect_reuses(2): a value was reused 0 times"),
    ),
    Defect(
        "engine_salts_content_keys",
        "result_cache",
        salts_content_keys,
        ("'embed' was executed 6 times", "expect_reuses(4): a value was reused 0 times"),
    ),
    Defect(
        "engine_takes_a_cached_none_for_nothing",
        "result_cache",
        takes_a_cached_none_for_nothing,
        ("'embed' was executed 4 times", "expect_reuses(4): a value was reused 2 times"),
    ),
    Defect(
        "engine_leaves_the_vm_out",
        "vm",
        leaves_the_vm_out,
        ("expect_cache_hits(0): the plan cache was hit 4 times",),
    ),
    Defect(
        "engine_looks_up_each_tail_call_of_the_vm",
        "vm",
        looks_up_each_tail_call,
        ("expect_cache_hits(0): the plan cache was hit 4 times",),
    ),
]
