"""What a call of a task makes: ``LazyResult``, and ``TailCall`` for the same without a graph.

Both hold a task and its bound arguments and know nothing of graphs, plans or engines.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, final

if TYPE_CHECKING:
    from cascade_core.define.task import Task

R_co = TypeVar("R_co", covariant=True)

NO_KEYWORDS: Mapping[str, Any] = MappingProxyType({})


class BoundCall(Generic[R_co]):
    """A task and its bound arguments; what a lazy result and a tail call have in common."""

    # The public names are read-only properties over the slots. Calls of tasks fill these through
    # `object.__new__` (signature.py), because creation is the hottest path there is.
    __slots__ = ("_args", "_kwargs", "_task")

    def __init__(self, task: Task[R_co], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._task = task
        self._args = args
        self._kwargs = kwargs

    @property
    def task(self) -> Task[R_co]:
        """The task that is called."""
        return self._task

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments after binding, defaults applied, in signature order."""
        return self._args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword-only arguments after binding, defaults applied. Read-only."""
        return MappingProxyType(dict(self._kwargs))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_call_text(self)}>"


@final
class LazyResult(BoundCall[R_co]):
    """One call that has not run: a task and its bound arguments. Immutable.

    One object is one node of the graph, however often it is passed on. Made by calling a task,
    which binds and checks the arguments; never directly. It has no truth value: what it will come
    to is not known before it has run.
    """

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} has no truth value before it has run; test the value inside a task instead"
        )


@final
class TailCall(BoundCall[Any]):
    """A tail call without a graph: what ``Task.tail`` gives and only a task may return.

    It means exactly what returning the ``LazyResult`` of the same call means; the VM runs it
    without making one.
    """

    __slots__ = ()

    def lazy(self) -> LazyResult[Any]:
        """The lazy result of the same call."""
        return LazyResult(self._task, self._args, self._kwargs)


def _call_text(call: BoundCall[Any]) -> str:
    """``noop(1, dep=<LazyResult noop(...)>)``, nested calls shortened, never deep."""
    values = [_short(value) for value in call._args]
    values += [f"{name}={_short(value)}" for name, value in call._kwargs.items()]
    return f"{call._task.name}({', '.join(values)})"


def _short(value: object) -> str:
    if isinstance(value, LazyResult):
        return f"{value._task.name}(...)"
    return reprlib.repr(value)
