"""``@task``: a function whose calls are lazy results."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    Literal,
    Protocol,
    Self,
    TypeVar,
    cast,
    final,
    get_args,
    overload,
)
from weakref import WeakValueDictionary

from cascade_core.define.lazy import BoundCall, LazyResult, TailCall
from cascade_core.define.quote import Quoted, quote
from cascade_core.define.signature import Parameters, makers, parameters_of, signature_of

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

RunOn = Literal["local", "thread", "process", "cluster"]
"""Where a task asks to run; all but ``local`` need an executor that has it."""

Kind = Literal["call", "param", "env", "inject", "select", "map"]
"""What a node does. All but ``call`` belong to built-in tasks, and are never executions."""


@final
class TaskIdentity:
    """Which task, for plan keys: compared by identity, and holding nothing of the task's function.

    So keys, histories and reports can keep it without keeping alive what a closure holds.
    """

    __slots__ = (
        "__weakref__",
        "has_fixed_arity",
        "has_keywords",
        "is_plain",
        "kind",
        "name",
        "parameters",
        "qualified_name",
    )

    name: Final[str]
    qualified_name: Final[str]
    parameters: Final[Parameters]
    kind: Final[Kind]
    has_keywords: Final[bool]
    """Whether calls have arguments that are not positional."""
    has_fixed_arity: Final[bool]
    """Whether every call has the same arguments: there is no ``*`` and no ``**``."""
    is_plain: Final[bool]
    """Whether every call has the same arguments, all positional."""

    def __init__(
        self, name: str, qualified_name: str, parameters: Parameters, kind: Kind = "call"
    ) -> None:
        self.name = name
        self.qualified_name = qualified_name
        self.parameters = parameters
        self.kind = kind
        self.has_keywords = bool(parameters.keyword_only or parameters.var_keyword)
        self.has_fixed_arity = not (parameters.var_positional or parameters.var_keyword)
        self.is_plain = self.has_fixed_arity and not self.has_keywords

    def __repr__(self) -> str:
        return f"<TaskIdentity {self.qualified_name}>"


if TYPE_CHECKING:

    class _TaskMaker(Protocol):
        """What ``task(name="fetch")`` gives: makes a function a task."""

        @overload
        def __call__(self, fn: Callable[..., LazyResult[R]], /) -> Task[R]: ...
        @overload
        def __call__(self, fn: Callable[..., Coroutine[Any, Any, LazyResult[R]]], /) -> Task[R]: ...
        @overload
        def __call__(
            self, fn: Callable[..., Coroutine[Any, Any, LazyResult[R] | TailCall | R]], /
        ) -> Task[R]: ...
        @overload
        def __call__(self, fn: Callable[..., LazyResult[R] | TailCall | R], /) -> Task[R]: ...

    class _Callable(Generic[R_co]):
        def __new__(cls, make: Callable[..., LazyResult[R_co]], /) -> Self: ...
        def __call__(self, /, *args: Any, **kwargs: Any) -> LazyResult[R_co]: ...
else:
    # A call of a partial object goes to its function without a Python frame in between.
    _Callable = functools.partial


@final
class Task(_Callable[R_co]):
    """A function whose calls build a graph instead of running.

    Calling it binds the arguments and returns the call, not yet run: a ``TypeError`` where the
    function itself would give one, or where an argument is a ``TailCall``.

    Made by ``task``. Equal definitions of one function object (same name, ``pure`` and ``run_on``)
    are one ``Task``; two functions never are, whatever their names.

    Attributes:
        fn: The wrapped function.
        name: What events, counters and messages call it.
        pure: Whether equal calls may share one execution.
        run_on: Where it asks to run.
        is_async: Whether a call gives a coroutine.
        tail: Binds the arguments to a tail call: to be returned, as ``return f.tail(n - 1)``. It
            means what returning ``f(n - 1)`` means; the VM runs it without building a graph.
        identity: Which task this is, for plan keys.
        of: The task whose calls are the items, if this one is a map.
        keys: The route keys if this one is a select, the keywords if it is a map.
    """

    # Slots beside the partial object's own dict: loops read these all the time.
    __slots__ = (
        "_maps",
        "fn",
        "identity",
        "is_async",
        "keys",
        "name",
        "of",
        "pure",
        "run_on",
        "tail",
    )

    fn: Callable[..., Any]
    name: str
    pure: bool
    run_on: RunOn
    is_async: bool
    identity: TaskIdentity
    of: Any
    keys: tuple[Any, ...]
    tail: Callable[..., TailCall]
    _maps: dict[tuple[str, ...], Task[Any]]

    @classmethod
    def of_function(cls, fn: Callable[..., R], name: str, pure: bool, run_on: RunOn) -> Task[Any]:
        """Make the task of a function."""
        signature = signature_of(fn)
        make, tail, scope = makers(name, signature)
        identity = TaskIdentity(name, _qualified_name(fn), parameters_of(signature))
        task = scope["task"] = cls._filled(make, fn, identity, tail)
        task.pure = pure
        task.run_on = run_on
        task.is_async = gives_coroutines(fn)
        functools.update_wrapper(task, fn)
        return task

    @classmethod
    def built_in(
        cls, identity: TaskIdentity, of: Task[Any] | None = None, keys: tuple[Any, ...] = ()
    ) -> Task[Any]:
        """Make the task of a node that is no execution; its lazy results are made by hand.

        Args:
            identity: Its name, its parameters and what its nodes do.
            of: The task whose calls the items are, for a map.
            keys: The route keys of a select, or the keywords of a map, in order.
        """
        task = cls._filled(_never_called, _never_called, identity, _never_called)
        if of is not None:
            task.of = of
            task.run_on = of.run_on
            task.is_async = of.is_async
        task.keys = keys
        return task

    @classmethod
    def _filled(
        cls,
        make: Callable[..., LazyResult[Any]],
        fn: Callable[..., Any],
        identity: TaskIdentity,
        tail: Callable[..., TailCall],
    ) -> Task[Any]:
        task = cls.__new__(cls, make)
        task.fn = fn
        task.name = identity.name
        task.identity = identity
        task.tail = tail
        task.pure = False
        task.run_on = "local"
        task.is_async = False
        task.of = None
        task.keys = ()
        task._maps = {}
        return task

    @property
    def kind(self) -> Kind:
        """What its nodes do: ``call`` unless the task is built in."""
        return self.identity.kind

    def map(self, /, **iterables: Any) -> LazyResult[list[R_co]]:
        """One call for each item: a lazy list of what the calls come to, in order.

        Args:
            iterables: By keyword of this task; zipped, all of one length. They may be lazy, or
                hold lazy results; an iterator is read to its end now. Parameters that are not
                named keep their defaults.

        Returns:
            A lazy list. Its items run concurrently where they are async, each as a sub-graph of
            its own. ``with_retry``, ``with_timeout``, ``with_cache`` and ``with_constraints`` on
            it hold for each item.

        Raises:
            TypeError: The keywords do not fit the signature, there are none, or a value is not
                iterable.
            ValueError: The lengths differ, as far as they are known now.
        """
        return self._mapped((), iterables)

    def _mapped(self, fixed: tuple[Any, ...], iterables: dict[str, Any]) -> LazyResult[Any]:
        """``map`` with ``fixed`` leading arguments, which are the same for every item."""
        if not iterables:
            raise TypeError(f"{self.name}.map needs at least one iterable by keyword")
        self(*fixed, **dict.fromkeys(iterables))  # the signature says what fits
        parameters = self.identity.parameters
        order = [*parameters.positional, *parameters.keyword_only, *iterables]
        names = tuple(sorted(iterables, key=order.index))
        items = {name: _iterable(self.name, name, iterables[name]) for name in names}
        sized = {name: len(values) for name, values in items.items() if hasattr(values, "__len__")}
        check_lengths(self.name, sized)
        leading = parameters.positional[: len(fixed)]
        task = self._maps.get((*leading, "", *names))
        if task is None:
            name = f"{self.name}.map"
            qualified_name = f"{self.identity.qualified_name}.map({', '.join(names)})"
            labels = Parameters((*leading, *names), None, (), None)
            identity = TaskIdentity(name, qualified_name, labels, "map")
            task = self._maps[*leading, "", *names] = Task.built_in(identity, of=self, keys=names)
        return LazyResult.of(task, (*fixed, *items.values()))

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
        if self.kind != "call":
            return None if self.of is None else cast("tuple[str, int] | None", self.of.source)
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

    def map(self, /, **iterables: Any) -> LazyResult[list[R_co]]:
        """Map the task with the instance as the first argument of each item."""
        return self.task._mapped((quote(self.instance),), iterables)

    def __repr__(self) -> str:
        return f"<BoundTask {self.task.identity.qualified_name} of {type(self.instance).__name__}>"


@overload
def task(
    fn: Callable[..., LazyResult[R]],
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[R]: ...
@overload
def task(
    fn: Callable[..., Coroutine[Any, Any, LazyResult[R]]],
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[R]: ...
@overload
def task(
    fn: Callable[..., Coroutine[Any, Any, LazyResult[R] | TailCall | R]],
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[R]: ...
@overload
def task(
    fn: Callable[..., LazyResult[R] | TailCall | R],
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[R]: ...
@overload
def task(
    fn: None = None, *, name: str | None = None, pure: bool = False, run_on: RunOn = "local"
) -> _TaskMaker: ...
def task(
    fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    pure: bool = False,
    run_on: RunOn = "local",
) -> Task[Any] | _TaskMaker:
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
            known = _tasks[key] = Task.of_function(fn, name, pure, run_on)
    return known


def live_task_names() -> set[str]:
    """The names of all tasks that are alive in this process."""
    with _tasks_lock:
        return {known.name for known in _tasks.values()}


def gives_coroutines(fn: Callable[..., Any]) -> bool:
    """Whether a call of ``fn`` is to be awaited."""
    if inspect.iscoroutinefunction(fn):
        return True
    call = None if inspect.isroutine(fn) else getattr(type(fn), "__call__", None)  # noqa: B004 - the method itself is inspected
    return inspect.iscoroutinefunction(call)


def check_lengths(task: str, lengths: dict[str, int]) -> None:
    """Refuse iterables of a map whose lengths differ."""
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{task}.map needs iterables of one length, got: {told}")


def _iterable(task: str, name: str, value: Any) -> Any:
    if type(value) is LazyResult or type(value) is Quoted:
        return value
    try:
        iterator = iter(value)
    except TypeError:
        raise TypeError(f"{task}.map needs iterables, got {name}={value!r}") from None
    return list(iterator) if iterator is value else value


def _never_called(*args: Any, **kwargs: Any) -> Any:
    raise TypeError("a built-in task is not called: use Param, Env, inject, select or Task.map")


def _qualified_name(fn: Callable[..., Any]) -> str:
    named = fn.__func__ if isinstance(fn, MethodType) else inspect.unwrap(fn)
    owner = type(named)
    module = getattr(named, "__module__", None) or owner.__module__
    return f"{module}:{getattr(named, '__qualname__', owner.__qualname__)}"
