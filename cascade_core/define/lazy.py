"""What a call of a task makes: ``LazyResult``, and ``TailCall`` for the same without a graph.

Both hold a task and its bound arguments and know nothing of graphs, plans or engines.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, final

from cascade_core.caching import CachePolicy
from cascade_core.define.options import (
    NO_OPTIONS,
    Options,
    Retry,
    checked_number,
    checked_policy,
    checked_timeout,
)
from cascade_core.errors import GraphError

if TYPE_CHECKING:
    from cascade_core.define.task import Task

R_co = TypeVar("R_co", covariant=True)


class BoundCall(Generic[R_co]):
    """A task and its bound arguments; what a lazy result and a tail call have in common."""

    # There is no `__init__`: creation is the hottest path there is, and the calls of tasks fill the
    # slots themselves (signature.py).
    __slots__ = ("_args", "_task")

    _task: Task[R_co]
    _args: tuple[Any, ...]
    """All arguments in one row: positional ones, those behind ``*``, keyword-only ones, those
    behind ``**``; and where the signature has a ``**``, the names of the latter."""

    @classmethod
    def of(cls, task: Task[R_co], args: tuple[Any, ...]) -> Self:
        """Make a call of arguments that are bound already."""
        call = cls()
        call._task = task
        call._args = args
        return call

    @property
    def task(self) -> Task[R_co]:
        """The task that is called."""
        return self._task

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments after binding, defaults applied, in signature order."""
        return self._args[: len(self._args) - self._keywords()[1]]

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword-only arguments after binding, defaults applied. Read-only."""
        names, count = self._keywords()
        return MappingProxyType(
            dict(zip(names, self._args[len(self._args) - count :], strict=False))
        )

    def _keywords(self) -> tuple[tuple[str, ...], int]:
        """The names of the arguments that are not positional, and how many items those take."""
        parameters = self._task.identity.parameters
        if parameters.var_keyword is None:
            return parameters.keyword_only, len(parameters.keyword_only)
        names = (*parameters.keyword_only, *self._args[-1])
        return names, len(names) + 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Tasks are pickled by name; so a call may come from another process.
        return type(self).of, (self._task, self._args)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_call_text(self)}>"


@final
class LazyResult(BoundCall[R_co]):
    """One call that has not run: a task, its bound arguments and its options. Immutable.

    One object is one node of the graph, however often it is passed on. Made by calling a task,
    which binds and checks the arguments; never directly. It has no truth value: what it will come
    to is not known before it has run.

    ``after`` adds to what was there, every other option replaces. Each returns a new lazy result,
    which is another call than the one it was made from.
    """

    __slots__ = ("_options",)

    _options: Options | None

    @classmethod
    def of(cls, task: Task[R_co], args: tuple[Any, ...], options: Options | None = None) -> Self:
        """Make a call of arguments that are bound already, with options."""
        call = super().of(task, args)
        call._options = options
        return call

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyResult.of, (self._task, self._args, self._options)

    def after(self, *lazies: LazyResult[Any]) -> LazyResult[R_co]:
        """Start only when other calls are done: order alone, no value is passed.

        Args:
            lazies: What comes first. It may be skipped: this call runs all the same.

        Raises:
            TypeError: One of them is no lazy result.
        """
        for lazy in lazies:
            if type(lazy) is not LazyResult:
                raise TypeError(f"after needs lazy results, got {lazy!r}")
        before = (self._options or NO_OPTIONS).after
        return self._with(after=tuple(dict.fromkeys((*before, *lazies))))

    def run_if(self, condition: LazyResult[Any] | bool) -> LazyResult[R_co]:
        """Run only if a condition holds; else this call is skipped, and all that needs its value.

        What a skipped call depends on runs all the same; ``select`` is what prunes.

        Args:
            condition: A bool, or a lazy result whose value's truth decides.

        Raises:
            TypeError: It is neither.
        """
        if type(condition) is not LazyResult and not isinstance(condition, bool):
            raise TypeError(f"run_if needs a bool or a lazy result, got {condition!r}")
        return self._with(condition=condition)

    def with_retry(
        self, max_attempts: int = 3, delay: float = 0.0, backoff: float = 1.0
    ) -> LazyResult[R_co]:
        """Call again when the call fails. On a map: for each item.

        Args:
            max_attempts: Calls at most, the first one too.
            delay: Seconds to wait before the second call.
            backoff: Each further delay is this many times the one before.

        Raises:
            GraphError: ``max_attempts`` is no int >= 1, the others are no finite numbers >= 0, or
                this is no call of a task.
        """
        self._require_call("with_retry")
        return self._with(retry=Retry(max_attempts, delay, backoff))

    def with_timeout(self, seconds: float) -> LazyResult[R_co]:
        """Cancel an attempt that lasts too long: ``TimeoutError``. On a map: for each item.

        Args:
            seconds: How long one attempt may take.

        Raises:
            GraphError: ``seconds`` is no finite number > 0, or the task is a sync one that runs in
                this thread, where nothing could stop it.
        """
        self._require_call("with_timeout")
        task = self._task
        if not task.is_async and task.run_on == "local":
            raise GraphError(
                f"with_timeout cannot stop the sync task {task.name!r} in this thread: make it "
                "async, or give it another run_on"
            )
        return self._with(timeout=checked_timeout(seconds))

    def with_cache(self, policy: CachePolicy) -> LazyResult[R_co]:
        """Take the value from a result cache, or run and store it there. On a map: per item.

        The key is the task and the *content* of its argument values, so the dependencies run
        before. What is stored is what the call itself came to, its tail calls run out; in a loop
        only the policy of the first iteration's target applies.

        Args:
            policy: Where values are kept, such as a ``MemoryCache``.

        Raises:
            TypeError: ``policy`` has no ``get`` and ``set``.
            GraphError: This is no call of a task.
        """
        self._require_call("with_cache")
        return self._with(cache=checked_policy(policy))

    def with_constraints(self, **amounts: Any) -> LazyResult[R_co]:
        """Hold amounts of the engine's resources while the call runs. On a map: for each item.

        Args:
            amounts: By name of a capacity that ``Engine(resources=...)`` declares: numbers >= 0,
                or lazy results that come to one. All are taken at once; no amounts, no limits.

        Raises:
            GraphError: An amount is neither, or this is no call of a task.
        """
        self._require_call("with_constraints")
        for name, amount in amounts.items():
            if type(amount) is not LazyResult:
                checked_number(f"amount of {name!r}", amount)
        return self._with(constraints=tuple(sorted(amounts.items(), key=lambda item: item[0])))

    def _with(self, **changes: Any) -> LazyResult[R_co]:
        options = (self._options or NO_OPTIONS).replaced(changes)
        return LazyResult.of(self._task, self._args, options)

    def _require_call(self, option: str) -> None:
        if self._task.kind not in ("call", "map"):
            raise GraphError(f"{option} needs the call of a task or a map, got {self!r}")

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} has no truth value before it has run; test the value inside a task instead, "
            "or use run_if"
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
        return LazyResult.of(self._task, self._args)


def _call_text(call: BoundCall[Any]) -> str:
    """``noop(1, dep=<LazyResult noop(...)>)``, nested calls shortened, never deep."""
    values = [_short(value) for value in call.args]
    values += [f"{name}={_short(value)}" for name, value in call.kwargs.items()]
    return f"{call._task.name}({', '.join(values)})"


def _short(value: object) -> str:
    if isinstance(value, LazyResult):
        return f"{value._task.name}(...)"
    return reprlib.repr(value)
