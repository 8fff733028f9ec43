"""``@task``: a function whose calls are lazy results."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from types import MethodType
from typing import Any, Final, Generic, Literal, TypeVar, final, get_args, overload
from weakref import WeakValueDictionary

from cascade_core.define.lazy import BoundCall, LazyResult, TailCall
from cascade_core.define.quote import quote
from cascade_core.define.signature import Parameters, maker, parameters_of, signature_of

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

RunOn = Literal["local", "thread", "process", "cluster"]
"""Where a task asks to run; all but ``local`` need an executor that has it."""


@final
class TaskIdentity:
    """Which task, for plan keys: compared by identity, and holding nothing of the task's function.

    So keys, histories and reports can keep it without keeping alive what a closure holds.
    """

    __slots__ = ("__weakref__", "has_fixed_arity", "name", "parameters", "qualified_name")

    name: Final[str]
    qualified_name: Final[str]
    parameters: Final[Parameters]
    has_fixed_arity: Final[bool]
    """Whether every call has the same number of positional arguments, and no others."""

    def __init__(self, name: str, qualified_name: str, parameters: Parameters) -> None:
        self.name = name
        self.qualified_name = qualified_name
        self.parameters = parameters
        self.has_fixed_arity = not (
            parameters.var_positional or parameters.keyword_only or parameters.var_keyword
        )

    def __repr__(self) -> str:
        return f"<TaskIdentity {self.qualified_name}>"


@final
class Task(Generic[R_co]):
    """A function whose calls build a graph instead of running.

    Made by ``task``. Equal definitions of one function object (same name, ``pure`` and ``run_on``)
    are one ``Task``; two functions never are, whatever their names.

    Attributes:
        fn: The wrapped function.
        name: What events, counters and messages call it.
        pure: Whether equal calls may share one execution.
        run_on: Where it asks to run.
        is_async: Whether a call gives a coroutine.
        identity: Which task this is, for plan keys.
    """

    fn: Final[Callable[..., Any]]
    name: Final[str]
    pure: Final[bool]
    run_on: Final[RunOn]
    is_async: Final[bool]
    identity: Final[TaskIdentity]

    def __init__(self, fn: Callable[..., Any], name: str, pure: bool, run_on: RunOn) -> None:
        functools.update_wrapper(self, fn)
        signature = signature_of(fn)
        self.fn = fn
        self.name = name
        self.pure = pure
        self.run_on = run_on
        self.is_async = _gives_coroutines(fn)
        self.identity = TaskIdentity(name, _qualified_name(fn), parameters_of(signature))
        self._make = maker(self, name, signature)

    def __call__(self, /, *args: Any, **kwargs: Any) -> LazyResult[R_co]:
        """Bind the arguments and return the call, not yet run.

        Raises:
            TypeError: The arguments do not fit the signature, or one is a ``TailCall``.
        """
        return self._make(*args, **kwargs)

    def tail(self, /, *args: Any, **kwargs: Any) -> TailCall:
        """Bind the arguments to a tail call: to be returned, as ``return f.tail(n - 1)``.

        It means what returning ``f(n - 1)`` means; the VM runs it without building a graph.

        Raises:
            TypeError: The arguments do not fit the signature, or one is a ``TailCall``.
        """
        lazy = self._make(*args, **kwargs)
        return TailCall(self, lazy._args, lazy._kwargs)

    # The second one is for mypy alone, which takes the property `task` of a lazy result for an
    # access through a descriptor; at run time properties never come here.
    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Task[R_co]: ...
    @overload
    def __get__(self, instance: BoundCall[Any], owner: type | None = None) -> Task[R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> BoundTask[R_co]: ...
    def __get__(
        self, instance: object | None, owner: type | None = None
    ) -> Task[R_co] | BoundTask[R_co]:
        return self if instance is None else BoundTask(self, instance)

    @property
    def source(self) -> tuple[str, int] | None:
        """File and line of the task's definition, or None where the function has no source."""
        code = getattr(inspect.unwrap(self.fn), "__code__", None)
        return None if code is None else (code.co_filename, code.co_firstlineno)

    def __reduce__(self) -> str:
        return self.identity.qualified_name.partition(":")[2]

    def __repr__(self) -> str:
        return f"<Task {self.identity.qualified_name}>"


@final
class BoundTask(Generic[R_co]):
    """A task looked up on an instance: calls pass the instance first, as data, unsearched."""

    __slots__ = ("instance", "task")

    def __init__(self, task: Task[R_co], instance: object) -> None:
        self.task = task
        self.instance = instance

    def __call__(self, /, *args: Any, **kwargs: Any) -> LazyResult[R_co]:
        """Call the task with the instance as its first argument."""
        return self.task(quote(self.instance), *args, **kwargs)

    def tail(self, /, *args: Any, **kwargs: Any) -> TailCall:
        """Tail-call the task with the instance as its first argument."""
        return self.task.tail(quote(self.instance), *args, **kwargs)

    def __repr__(self) -> str:
        return f"<BoundTask {self.task.identity.qualified_name} of {type(self.instance).__name__}>"


@overload
def task(
    fn: Callable[..., Coroutine[Any, Any, R]],
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[R]: ...
@overload
def task(
    fn: Callable[..., R], *, name: str | None = None, pure: bool = False, run_on: RunOn = "local"
) -> Task[R]: ...
@overload
def task(
    fn: None = None, *, name: str | None = None, pure: bool = False, run_on: RunOn = "local"
) -> Callable[[Callable[..., Any]], Task[Any]]: ...
def task(
    fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[Any] | Callable[[Callable[..., Any]], Task[Any]]:
    """Make a function a task: calling it runs nothing and returns a ``LazyResult``.

    Use as ``@task`` or ``@task(name="fetch")``. The function may be sync or async.

    Args:
        fn: The function.
        name: What events, counters and messages call it; the function's name by default.
        pure: Two calls with equal argument values may share one execution.
        run_on: Where it asks to run; all but ``local`` need an executor that has it.

    Returns:
        The task. One function object with the same options is one task, however often wrapped.

    Raises:
        TypeError: ``fn`` is not callable, or ``name`` is no string.
        ValueError: ``run_on`` is none of ``local thread process cluster``.
    """
    if run_on not in get_args(RunOn):
        raise ValueError(f"run_on must be one of {', '.join(get_args(RunOn))}, got {run_on!r}")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"task name must be a str, got {name!r}")
    if fn is None:
        return functools.partial(_intern, name=name, pure=bool(pure), run_on=run_on)
    return _intern(fn, name=name, pure=bool(pure), run_on=run_on)


# One task per function object and options. The key holds `id(fn)`, which stays taken for as long
# as the task lives, for the task holds the function.
_tasks: WeakValueDictionary[tuple[int, str, bool, str], Task[Any]] = WeakValueDictionary()
_tasks_lock = threading.Lock()


def _intern(fn: Callable[..., Any], *, name: str | None, pure: bool, run_on: RunOn) -> Task[Any]:
    if isinstance(fn, Task):
        fn = fn.fn
    if not callable(fn):
        raise TypeError(f"task needs a function, got {fn!r}")
    if name is None:
        name = str(getattr(fn, "__name__", type(fn).__name__))
    key = (id(fn), name, pure, run_on)
    with _tasks_lock:
        known = _tasks.get(key)
        if known is None:
            known = _tasks[key] = Task(fn, name, pure, run_on)
    return known


def live_task_names() -> set[str]:
    """The names of all tasks that are alive in this process."""
    with _tasks_lock:
        return {known.name for known in _tasks.values()}


def _gives_coroutines(fn: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(fn):
        return True
    call = None if inspect.isroutine(fn) else getattr(type(fn), "__call__", None)  # noqa: B004 - the method itself is inspected
    return inspect.iscoroutinefunction(call)


def _qualified_name(fn: Callable[..., Any]) -> str:
    named = fn.__func__ if isinstance(fn, MethodType) else inspect.unwrap(fn)
    owner = type(named)
    module = getattr(named, "__module__", None) or owner.__module__
    return f"{module}:{getattr(named, '__qualname__', owner.__qualname__)}"
