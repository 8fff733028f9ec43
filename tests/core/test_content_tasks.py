"""Tokens of tasks: where they agree, what is part of them, and that none has two owners."""

from __future__ import annotations

import dataclasses
import gc
import sys
import threading
import weakref

import pytest
from content_samples import f, in_process, module

from cascade_core.define.task import Task, task
from cascade_core.graph.content import content_key, names, task_token, tasks

# -- tokens in all processes ----------------------------------------------------------------------


TASK = "from cascade_core.define.task import task\n"


def token_in_new_process(source: str, name: str = "f", before=None) -> bytes:
    """The token of task ``name`` in a module of this source, none given out before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_given", set())
        made = module("content_key_task", TASK + source, patch)
        if before is not None:
            before(made)
        return task_token(getattr(made, name))


def is_stable(source: str, name: str = "f") -> bool:
    return token_in_new_process(source, name) == token_in_new_process(source, name)


STABLE = {
    "task": "@task\ndef f(x): return x",
    "async": "@task\nasync def f(x): return x",
    "options": "@task(name='other', pure=True, run_on='thread')\ndef f(x): return x",
    "wrapped by hand": "def f(x): return x\nf = task(f)",
    "beside its function": "def g(x): return x\nf = task(g)",
    "inner function": "@task\ndef f(x):\n    def g(y): return x + y\n    return [g(i) for i in x]",
    "try": "@task\ndef f(x):\n    try: return 1 / x\n    except ZeroDivisionError: return ...",
    "constants": "@task\ndef f(x): return x in {1, 'a', b'c'}, (1, 2.5, 1j), ..., -0.0, 9**50",
    "method": "class A:\n    @task\n    def m(self): return self\nf = A.m",
    "static method": "class A:\n    @staticmethod\n    @task\n    def m(x): return x\nf = A.m",
    "inner class": "class A:\n    class B:\n        @task\n        def m(self): pass\nf = A.B.m",
    "globals": "import math\n@task\ndef f(x): return math.sqrt(x)",
    "defaults": "@task\ndef f(x=[]): return x",
}

UNSTABLE_TASKS = {
    "closure": "def make(n):\n    @task\n    def f(): return n\n    return f\nf = make(1)",
    "local": "def make():\n    @task\n    def f(): return 1\n    return f\nf = make()",
    "lambda": "f = task(lambda: 1)",
    "partial": "import functools\nf = task(functools.partial(int))",
    "class": "class A: pass\nf = task(A)",
    "callable": "class A:\n    def __call__(self): pass\nf = task(A())",
    "callable without weak references":
        "class A:\n    __slots__ = ()\n    def __call__(self): pass\nf = task(A())",
    "bound method": "class A:\n    def m(self): pass\nf = task(A().m)",
    "super": "class A:\n    @task\n    def m(self): return super().__repr__()\nf = A.m",
    "wrapper": (
        "import functools\n"
        "def twice(fn):\n"
        "    @functools.wraps(fn)\n"
        "    def inner(x): return fn(fn(x))\n"
        "    return inner\n"
        "@task\n@twice\ndef f(x): return x"
    ),
    "another's name": "def g(x): return x\ng.__qualname__ = 'h'\ndef h(x): return x\nf = task(g)",
    "another task's name":
        "def g(x): return x\ng.__qualname__ = 'h'\n@task\ndef h(x): return x\nf = task(g)",
    "name of a value": "h = 5\ndef g(x): return x\ng.__qualname__ = 'h'\nf = task(g)",
    "no module": "def g(x): return x\ng.__module__ = 'no.such'\nf = task(g)",
    "strange constant":
        "def g(x): return 12345\n"
        "g.__code__ = g.__code__.replace(co_consts=(None, object(), 12345))\nf = task(g)",
}  # fmt: skip


@pytest.mark.parametrize("source", STABLE.values(), ids=STABLE)
def test_task_that_its_name_leads_to_has_one_token_in_all_processes(source):
    assert is_stable(source)


@pytest.mark.parametrize("source", UNSTABLE_TASKS.values(), ids=UNSTABLE_TASKS)
def test_other_task_has_a_token_of_its_own_each_time(source):
    assert not is_stable(source)


def test_task_whose_name_was_taken_over_has_a_token_of_its_own_each_time():
    assert not is_stable("@task\ndef f(x): return x\ng = f\ndef f(x): return x", "g")


def test_builtin_function_has_another_token_in_another_process(tmp_path):
    script = "from cascade_core.graph.content import task_token\nprint(task_token(task(len)).hex())"

    printed = in_process(tmp_path, TASK + script)

    assert printed.strip() != task_token(task(len)).hex()
    assert task_token(task(len)) == task_token(task(len))


@pytest.mark.slow
def test_tokens_agree_between_processes_and_hash_seeds(tmp_path):
    sources = {f"content_key_{i}": source for i, source in enumerate(STABLE.values())}
    sources = {n: TASK + s for n, s in sources.items()}
    script = "from cascade_core.graph.content import task_token\n" + "".join(
        f"import {name}\nprint(task_token({name}.f).hex())\n" for name in sources
    )

    first, second = (in_process(tmp_path, script, seed, **sources) for seed in ("1", "2"))

    assert first == second
    assert len(set(first.split())) == len(STABLE)


VARIANTS = {
    "": "@task\ndef f(x): return x + 1",
    "constant": "@task\ndef f(x): return x + 2",
    "type of a constant": "@task\ndef f(x): return x + 1.0",
    "truth": "@task\ndef f(x): return x + True",
    "zero": "@task\ndef f(x): return x + 0.0",
    "minus zero": "@task\ndef f(x): return x + -0.0",
    "operator": "@task\ndef f(x): return x - 1",
    "global": "@task\ndef f(x): return y + 1",
    "other global": "@task\ndef f(x): return z + 1",
    "attribute": "@task\ndef f(x): return x.a + 1",
    "keyword-only": "@task\ndef f(*, x): return x + 1",
    "positional-only": "@task\ndef f(x, /): return x + 1",
    "second parameter": "@task\ndef f(x, y): return x + 1",
    "rest": "@task\ndef f(*x): return x + 1",
    "keywords": "@task\ndef f(**x): return x + 1",
    "assigned": "@task\ndef f(x):\n    y = 1\n    return x + y",
    "assigned parameter": "@task\ndef f(x, y):\n    y = 1\n    return x + y",
    "assigned, keyword-only": "@task\ndef f(*, x):\n    y = 1\n    return x + y",
    "assigned parameter, keyword-only": "@task\ndef f(*, x, y):\n    y = 1\n    return x + y",
    "async": "@task\nasync def f(x): return x + 1",
    "generator": "@task\ndef f(x): yield x + 1",
    "name": "@task(name='g')\ndef f(x): return x + 1",
    "pure": "@task(pure=True)\ndef f(x): return x + 1",
    "run_on": "@task(run_on='thread')\ndef f(x): return x + 1",
    "inner": "@task\ndef f(x):\n    def g(y): return y\n    return g(1)",
    "inner constant": "@task\ndef f(x):\n    def g(y): return 7\n    return g(1)",
    "inner constant's type": "@task\ndef f(x):\n    def g(y): return 7.0\n    return g(1)",
    "inner name": "@task\ndef f(x):\n    def h(y): return 7\n    return h(1)",
    "inner lambda": "@task\ndef f(x):\n    g = lambda y: 7\n    return g(1)",
    "tuple": "@task\ndef f(x): return x in (1, 2)",
    "frozenset": "@task\ndef f(x): return x in {1, 2}",
    "nested constants": "@task\ndef f(x): return x in (1, 2.0)",
    "call by keywords": "@task\ndef f(x):\n    def g(a, b): return a - b\n    return g(a=1, b=2)",
    "call by others": "@task\ndef f(x):\n    def g(b, a): return b - a\n    return g(a=1, b=2)",
    "except": "@task\ndef f(x):\n    try: a()\n    except E: pass\n    b()",
    "except more": "@task\ndef f(x):\n    try:\n        a()\n        b()\n    except E: pass",
    "other name of the function": "@task\ndef g(x): return x + 1\nf = g",
}


def test_what_a_task_does_is_part_of_its_token():
    seen: dict[bytes, str] = {}
    for name, source in VARIANTS.items():
        other = seen.setdefault(token_in_new_process(source), name)
        assert other == name
        assert is_stable(source)


def test_range_of_a_try_is_part_of_the_token():
    """The bytecode of both is one; only the table of handlers differs."""
    source = "@task\ndef f(x):\n    try: return x.y\n    except KeyError: return 1"

    def forget_handlers(made):
        made.f.fn.__code__ = made.f.fn.__code__.replace(co_exceptiontable=b"")

    assert token_in_new_process(source) != token_in_new_process(source, before=forget_handlers)


SAME_TOKEN = {
    "lines": "\n\n\n@task\n\ndef f(x):\n\n    # a comment\n    return x + 1",
    "indentation": "if True:\n        @task\n        def f(x): return (x\n            + 1)",
    "defaults, for they are arguments": "@task\ndef f(x=5): return x + 1",
    "annotations": "@task\ndef f(x: int) -> int: return x + 1",
}


@pytest.mark.parametrize("source", SAME_TOKEN.values(), ids=SAME_TOKEN)
def test_where_and_how_a_task_is_written_is_not_part_of_its_token(source):
    assert token_in_new_process(source) == token_in_new_process(VARIANTS[""])


def test_file_is_not_part_of_the_token():
    def elsewhere(made):
        made.f.fn.__code__ = made.f.fn.__code__.replace(co_filename="x", co_firstlineno=7)

    assert token_in_new_process(VARIANTS[""]) == token_in_new_process(VARIANTS[""], "f", elsewhere)


def test_code_that_has_run_hot_and_traced_has_the_token_of_cold_code():
    source = "@task\ndef f(x):\n    total = 0\n    for i in range(x): total += i\n    return total"

    def heat(made):
        for _ in range(100):
            made.f.fn(100)
        before = sys.gettrace()
        sys.settrace(lambda *args: None)
        made.f.fn(100)
        sys.settrace(before)

    assert token_in_new_process(source) == token_in_new_process(source, before=heat)


def test_bytecode_of_another_python_is_another_token(monkeypatch):
    before = token_in_new_process(VARIANTS[""])
    monkeypatch.setattr("importlib.util.MAGIC_NUMBER", b"next")

    assert token_in_new_process(VARIANTS[""]) != before


def test_module_is_part_of_the_token(monkeypatch):
    source = TASK + STABLE["task"]
    a = module("content_key_a", source, monkeypatch)
    b = module("content_key_b", source, monkeypatch)

    assert task_token(a.f) != task_token(b.f)


# -- tokens in one process ------------------------------------------------------------------------


def local_task(n=0):
    @task
    def same():
        return n

    return same


def test_token_of_a_task_stays():
    local = local_task()

    assert task_token(local) == task_token(local)
    assert task_token(f) == task_token(f)


def test_local_tasks_of_one_name_do_not_mix():
    made = [local_task() for _ in range(10)]

    assert len({task_token(t) for t in made}) == 10


def test_tasks_that_took_the_place_of_another_do_not_mix_with_it(monkeypatch):
    source = TASK + VARIANTS[""]
    tokens, made_tasks = [], []
    for _ in range(3):
        made = module("content_key_again", source, monkeypatch)
        made_tasks.append(made.f)
        tokens.append(task_token(made.f))

    assert len(set(tokens)) == 3
    assert [task_token(t) for t in made_tasks] == tokens


def test_task_that_took_the_place_of_a_dead_one_does_not_mix_with_it(monkeypatch):
    source = TASK + VARIANTS[""]
    before = task_token(module("content_key_gone", source, monkeypatch).f)
    gc.collect()

    assert task_token(module("content_key_gone", source, monkeypatch).f) != before


@pytest.mark.parametrize("make", [lambda: f.fn, lambda: local_task().fn], ids=["named", "local"])
def test_function_that_is_made_a_task_again_keeps_its_token(make):
    """A task is its function and options; the wrapper may go while the function stays."""
    fn = make()

    def token(**options):
        given = task_token(task(fn, **options))
        gc.collect()
        return given

    again = {"name": "again"}
    before = token(**again)

    assert token(**again) == before
    assert len({before, token(), token(**again, pure=True), token(**again, run_on="thread")}) == 4
    assert token(**again) == before


def test_two_tasks_that_are_alive_do_not_mix_even_with_one_function():
    twin = Task.of_function(f.fn, f.name, f.pure, f.run_on)

    assert task_token(f) != task_token(twin)
    assert task_token(twin) == task_token(twin)


def test_callables_that_are_equal_do_not_mix():
    @dataclasses.dataclass
    class Call:
        n: int

        def __call__(self):
            return self.n

    a, b = Call(1), Call(1)
    assert a == b

    tokens = {task_token(made) for made in (task(a), task(b))}

    assert len(tokens) == 2


def test_function_is_not_kept_alive():
    count = len(tasks._grants._entries)
    alive = []
    for _ in range(100):
        local = local_task()
        task_token(local)
        alive.append(weakref.ref(local.fn))

    del local
    gc.collect()

    assert [ref() for ref in alive] == [None] * 100
    assert len(tasks._grants._entries) <= count  # private, but a leak shows nowhere else


def test_local_tokens_are_not_remembered():
    count = len(names._given)

    for _ in range(100):
        task_token(local_task())

    assert len(names._given) == count


def test_many_threads_get_one_token():
    local = local_task()
    tokens: set[bytes] = set()
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        tokens.add(task_token(local))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tokens == {task_token(local)}


def test_forked_processes_do_not_share_local_tokens(tmp_path):
    script = (
        "import os\n"
        f"{TASK}"
        "from cascade_core.graph.content import task_token\n"
        "child = os.fork()\n"
        "child and os.waitpid(child, 0)\n"
        "print(task_token(task(lambda: 1)).hex(), flush=True)\n"
    )

    assert len(set(in_process(tmp_path, script).split())) == 2


def test_token_of_a_real_task_makes_a_key():
    token = task_token(f)

    assert content_key(f.identity, token, [("x", 1)]) == content_key(f.identity, token, [("x", 1)])
    assert content_key(f.identity, token, [("x", 1)]) != content_key(
        f.identity, task_token(local_task()), [("x", 1)]
    )
