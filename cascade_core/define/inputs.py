"""Where values come from when no task makes them: ``Param``, ``Env``, ``inject`` and ``select``.

Each gives a lazy result of a built-in task: a node of the graph like any other, never an execution.
Names and defaults are data; the keys of a select's routes are part of the structure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

from cascade_core.caching import MISSING
from cascade_core.define.keys import key_tokens, keys_text
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.quote import Quoted
from cascade_core.define.signature import Parameters
from cascade_core.define.task import Kind, Task, TaskIdentity


def _built_in(name: str, kind: Kind, *parameters: str) -> Task[Any]:
    labels = Parameters(parameters, None, (), None)
    return Task.built_in(TaskIdentity(name, f"cascade_core:{name}", labels, kind))


_PARAM: Final = _built_in("Param", "param", "name", "default")
_ENV: Final = _built_in("Env", "env", "name", "default")
_INJECT: Final = _built_in("inject", "inject", "name")

_selects: WeakValueDictionary[tuple[Any, ...], Task[Any]] = WeakValueDictionary()


def Param(name: str, default: Any = MISSING) -> LazyResult[Any]:
    """A value that the caller of the run gives: ``engine.run(target, params={name: value})``.

    Args:
        name: The parameter's name.
        default: What it is where the run has none; may be lazy. Without it the node fails with an
            ``UnknownNameError`` that lists the names there are.

    Raises:
        TypeError: ``name`` is no string.
    """
    return _named(_PARAM, name, default)


def Env(name: str, default: Any = MISSING) -> LazyResult[Any]:
    """The value of an environment variable, a string, read when the node runs.

    Args:
        name: The variable's name.
        default: What it is where the variable is not set; may be lazy. Without it the node fails
            with an ``UnknownNameError``.

    Raises:
        TypeError: ``name`` is no string.
    """
    return _named(_ENV, name, default)


def inject(name: str) -> LazyResult[Any]:
    """A resource of the engine: ``Engine(resources={name: provider})``.

    It is opened when the first node that is really going to run needs it, and closed at the end of
    its scope. In the signature of a ``resource`` it stands as the default of a parameter.

    Args:
        name: The resource's name.

    Raises:
        TypeError: ``name`` is no string.
    """
    return _named(_INJECT, name)


def select(selector: Any, routes: Mapping[Any, Any], default: Any = MISSING) -> LazyResult[Any]:
    """The value of one of several routes; only the chosen one runs.

    The others are pruned, with what only they need.

    Args:
        selector: The key of the route to take: data, or a lazy result such as a ``Param``.
        routes: Values by key, lazy or not.
        default: The route for a key that ``routes`` lacks. Without it such a key is an
            ``UnknownNameError`` that lists the keys.

    Raises:
        TypeError: ``routes`` is no mapping, or an argument is a ``TailCall``.
        GraphError: A key cannot be part of a structure.
    """
    if not isinstance(routes, Mapping):
        raise TypeError(f"select needs a mapping of keys to routes, got {routes!r}")
    values = (selector, *routes.values(), default)
    if TailCall in map(type, values):
        raise TypeError("a TailCall cannot be an argument: pass the lazy result of the same call")
    return LazyResult.of(_select_task(tuple(routes)), values)


def _select_task(keys: tuple[Any, ...]) -> Task[Any]:
    """The task of all selects with these route keys in this order."""
    tokens = tuple(token for key in keys for token in key_tokens(key, "route key", _is_live))
    task = _selects.get(tokens)
    if task is None:
        labels = Parameters(
            ("selector", *(f"routes[{key!r}]" for key in keys), "default"), None, (), None
        )
        qualified_name = f"cascade_core:select({keys_text(tokens)})"
        identity = TaskIdentity("select", qualified_name, labels, "select")
        task = _selects[tokens] = Task.built_in(identity, keys=keys)
    return task


def _is_live(part: Any) -> bool:
    return type(part) in (LazyResult, Quoted)


def _named(task: Task[Any], name: Any, *more: Any) -> LazyResult[Any]:
    if not isinstance(name, str):
        raise TypeError(f"{task.name} needs a name, got {name!r}")
    if TailCall in map(type, more):
        raise TypeError("a TailCall cannot be a default: pass the lazy result of the same call")
    return LazyResult.of(task, (name, *more))
