"""Limits: who holds how much of the engine's capacities, and who waits for them.

A call takes all its amounts at once or waits holding nothing, so two calls never wait for each
other. First come, first served by resource: a call that asks for much is not overtaken by later
ones that want some of the same, nor does it hold up those that want something else. Only a run
inside a task that holds something goes before those outside: they may be waiting for that task.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import takewhile
from typing import Any, TypeAlias, final

from cascade_core.define.options import checked_number
from cascade_core.errors import ConstraintError, GraphError

Amounts: TypeAlias = Mapping[str, float]
"""How much of which resource."""

_TOLERANCE = 1e-9
"""Amounts that are fractions add up to a capacity only about."""


class _Waiter:
    __slots__ = ("amounts", "granted", "is_inner")

    def __init__(self, amounts: Amounts, is_inner: bool) -> None:
        self.amounts = amounts
        self.is_inner = is_inner
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


@final
class Limits:
    """The capacities of one engine.

    Args:
        capacities: How much there is, by name.
    """

    def __init__(self, capacities: Mapping[str, float]) -> None:
        self.capacities = dict(capacities)
        self._held: Counter[str] = Counter()
        self._holders: Counter[str] = Counter()
        self._queues: dict[str, deque[_Waiter]] = {name: deque() for name in capacities}

    def check_name(self, name: str, task: str) -> None:
        """Refuse a resource that has no capacity.

        Raises:
            ConstraintError: It has none.
        """
        if name not in self.capacities:
            known = ", ".join(map(repr, sorted(self.capacities))) or "none"
            raise ConstraintError(
                f"constraint of task {task!r}: no capacity called {name!r}; known: {known}", name
            )

    def check_amount(self, name: str, amount: Any, task: str) -> None:
        """Refuse an amount that can never be given.

        Raises:
            ConstraintError: It is no number >= 0, or more than there is.
        """
        try:
            checked_number(f"amount of {name!r}", amount)
        except GraphError as error:
            raise ConstraintError(f"constraint of task {task!r}: {error}", name, amount) from None
        if amount > self.capacities[name]:
            raise ConstraintError(
                f"constraint of task {task!r}: {amount!r} of {name!r} can never be met, the "
                f"capacity is {self.capacities[name]!r}",
                name,
                amount,
            )

    @asynccontextmanager
    async def hold(
        self, amounts: Amounts, task: str, on_wait: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Hold amounts while the block lasts; arguments and errors are those of ``take``."""
        await self.take(amounts, task, on_wait)
        hold = _Hold(self, amounts)
        token = _holds.set((*_holds.get(), hold))
        try:
            yield
        finally:
            _holds.reset(token)
            hold.amounts = {}
            self.give_back(amounts)

    async def take(self, amounts: Amounts, task: str, on_wait: Callable[[], None]) -> None:
        """Take all amounts at once, waiting for them if need be.

        Args:
            amounts: What is taken; checked before.
            task: The name of the task that wants it, for messages.
            on_wait: Called once if there is something to wait for.

        Raises:
            ConstraintError: What is missing is held by the very task that this run is part of.
        """
        is_inner = any(hold.limits is self and hold.amounts for hold in _holds.get())
        waiter = _Waiter(amounts, is_inner)
        for name in amounts:
            _enqueue(self._queues[name], waiter)
        self._serve(amounts)
        if waiter.granted.done():
            return
        try:
            self._refuse_own_caller(amounts, task)
            on_wait()
            await waiter.granted
        except BaseException:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self.give_back(amounts)
            else:
                waiter.granted.cancel()
                self._serve(amounts)
            raise

    def give_back(self, amounts: Amounts) -> None:
        """Return what was taken, and serve those who wait for it."""
        for name, amount in amounts.items():
            self._holders[name] -= 1
            self._held[name] -= amount  # type: ignore[assignment]  # amounts may be fractions
            if not self._holders[name]:
                self._held[name] = 0
        self._serve(amounts)

    def _serve(self, names: Iterable[str]) -> None:
        """Grant what can be granted to the first in the queues of these names."""
        pending = list(names)
        while pending:
            first = self._first(pending.pop())
            if first is None or not self._can_start(first):
                continue
            for name, amount in first.amounts.items():
                self._queues[name].popleft()
                self._held[name] += amount  # type: ignore[assignment]  # amounts may be fractions
                self._holders[name] += 1
            first.granted.set_result(None)
            pending.extend(first.amounts)

    def _first(self, name: str) -> _Waiter | None:
        queue = self._queues[name]
        while queue and queue[0].granted.done():  # it gave up
            queue.popleft()
        return queue[0] if queue else None

    def _can_start(self, waiter: _Waiter) -> bool:
        return all(
            self._first(name) is waiter
            and self._held[name] + amount <= self.capacities[name] * (1 + _TOLERANCE)
            for name, amount in waiter.amounts.items()
        )

    def _refuse_own_caller(self, amounts: Amounts, task: str) -> None:
        """A run inside a task's run may not wait for what that task holds: it would for ever."""
        for name, amount in amounts.items():
            held = sum(h.amounts.get(name, 0) for h in _holds.get() if h.limits is self)
            if held and held + amount > self.capacities[name]:
                raise ConstraintError(
                    f"constraint of task {task!r}: {amount!r} of {name!r} can never be met, the "
                    f"task that this run is part of holds {held!r} of {self.capacities[name]!r}",
                    name,
                    amount,
                )


def _enqueue(queue: deque[_Waiter], waiter: _Waiter) -> None:
    """Put a request last; an inner one last among the inner ones, which come first."""
    if waiter.is_inner:
        inner = sum(1 for _ in takewhile(lambda other: other.is_inner, queue))
        queue.insert(inner, waiter)
    else:
        queue.append(waiter)


class _Hold:
    """What one call holds, for those inside it; nothing once it is over."""

    __slots__ = ("amounts", "limits")

    def __init__(self, limits: Limits, amounts: Amounts) -> None:
        self.limits = limits
        self.amounts = amounts


_holds: ContextVar[tuple[_Hold, ...]] = ContextVar("cascade_core_holds", default=())
"""What the calls hold that the current context is inside of, the outermost first."""
