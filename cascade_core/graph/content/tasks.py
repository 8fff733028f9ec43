"""What content keys say of a task: the same everywhere, or something that only it has.

A task goes by name and code where its name leads back to it, and by random bytes of its own where
it does not: local functions, closures, and whatever took the place of an earlier task.

It owns the tokens and the rules for code, which values may not contain.
"""

from __future__ import annotations

import importlib.util
import weakref
from hashlib import sha256
from types import CodeType, EllipsisType, FunctionType
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from cascade_core.define.task import Task, TaskIdentity
from cascade_core.graph.content.encoding import Encoding
from cascade_core.graph.content.forms import Parts, Rule, make_form
from cascade_core.graph.content.names import ByIdentity, claim, lock, resolve
from cascade_core.graph.content.rules import RULES


class _Grant(NamedTuple):
    token: bytes
    holder: weakref.ref[TaskIdentity]


_task_tokens: WeakKeyDictionary[TaskIdentity, bytes] = WeakKeyDictionary()
_grants: ByIdentity[dict[tuple[str, bool, str], _Grant]] = ByIdentity()
"""For each function: which token its task of that name, ``pure`` and ``run_on`` has."""


def task_token(task: Task[Any]) -> bytes:
    """What content keys say of a task.

    A function without a closure that its qualified name leads to has a token made of that name,
    the task's name, ``pure``, ``run_on`` and the function's code; it is the same in every process
    of one Python version that runs the same source, wherever the source stands. All others have
    a token of their own in this process, as has a second function that would get the token of a
    first one. One function with the same options keeps its token for as long as it lives.

    Cost: constant, after the first time for a task: linear in its code.
    """
    token = _task_tokens.get(task.identity)
    if token is None:
        stable = _stable_token(task)
        with lock:
            token = _task_tokens.setdefault(task.identity, _grant(task, stable))
    return token


def _grant(task: Task[Any], stable: bytes | None) -> bytes:
    try:
        grants = _grants.setdefault(task.fn, {})
    except TypeError:  # a callable without weak references
        return claim(None)
    options = (task.name, task.pure, task.run_on)
    earlier = grants.get(options)
    if earlier is not None and earlier.holder() is not None:
        return claim(None)
    token = claim(stable) if earlier is None else earlier.token
    grants[options] = _Grant(token, weakref.ref(task.identity))
    return token


def _stable_token(task: Task[Any]) -> bytes | None:
    fn, name = task.fn, task.identity.qualified_name
    if type(fn) is not FunctionType or fn.__code__.co_freevars:
        return None
    try:
        found = resolve(name)
        if found is not fn and found.fn is not fn:
            return None
        # Bytecode means something to one version of Python only, which the magic number tells.
        told = (name, task.name, task.pure, task.run_on, importlib.util.MAGIC_NUMBER, fn.__code__)
        return sha256(b"".join(Encoding(_CONSTANT_RULES).forms(told))).digest()
    except Exception:  # the name leads nowhere, or the code was made by hand of strange constants
        return None


def _code(code: CodeType) -> Parts:
    """All that decides what code does; neither its file nor its lines.

    Names are among it: those of variables are what keywords of inner functions refer to, and an
    inner function may be asked for its own.
    """
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    variables = (code.co_varnames, code.co_cellvars, code.co_freevars)
    bytecode = (code.co_code, code.co_exceptiontable, code.co_names, code.co_consts)
    return Parts(b"code", (code.co_qualname, *counts, *variables, *bytecode))


_CONSTANT_RULES: Final[dict[type, Rule]] = {
    **RULES,
    CodeType: _code,
    EllipsisType: lambda value: make_form(b"ellipsis", b""),
}
