"""Limits: who holds how much of the engine's capacities, and who waits for them.

A call takes all its amounts at once or waits holding nothing, so two calls never wait for each
other. First come, first served by resource: a call that asks for much is not overtaken by later
ones that want some of the same, nor does it hold up those that want something else.

A run inside a call that holds something is another matter: that call waits for it. So such *inner*
requests go before all others, in any order; and one that could never be met, because those who hold
what it needs wait for inner requests themselves, is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, final

from cascade_core.define.options import checked_number
from cascade_core.errors import ConstraintError, GraphError

Amounts: TypeAlias = Mapping[str, float]
"""How much of which resource."""

_TOLERANCE = 1e-9
"""Amounts that are fractions add up to a capacity only about."""


class _Hold:
    """What one call holds, for those inside it; nothing once it is over."""

    __slots__ = ("amounts", "limits")

    def __init__(self, limits: Limits, amounts: Amounts) -> None:
        self.limits = limits
        self.amounts = amounts


_holds: ContextVar[tuple[_Hold, ...]] = ContextVar("cascade_core_holds", default=())
"""What the calls hold that the current context is inside of, the outermost first."""


class _Waiter:
    __slots__ = ("amounts", "granted", "inside")

    def __init__(self, amounts: Amounts, inside: tuple[_Hold, ...]) -> None:
        self.amounts = amounts
        self.inside = inside
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
        self._inner: dict[str, deque[_Waiter]] = {name: deque() for name in capacities}

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
            ConstraintError: Those who hold what is missing wait for this request, or for others
                that can never be met.
        """
        inside = tuple(h for h in _holds.get() if h.limits is self and h.amounts)
        waiter = _Waiter(amounts, inside)
        queues = self._inner if inside else self._queues
        for name in amounts:
            queues[name].append(waiter)
        self._serve(amounts)
        if waiter.granted.done():
            return
        try:
            self._refuse_deadlock(waiter, task)
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
        """Grant what can be granted of these resources."""
        pending = list(names)
        while pending:
            waiter = self._next(pending.pop())
            if waiter is None:
                continue
            for name, amount in waiter.amounts.items():
                self._held[name] += amount  # type: ignore[assignment]  # amounts may be fractions
                self._holders[name] += 1
            waiter.granted.set_result(None)
            pending.extend(waiter.amounts)

    def _next(self, name: str) -> _Waiter | None:
        """Who is to be served next of those that want some of a resource; None if nobody can be."""
        inner = _waiting(self._inner[name])
        if inner:
            is_all_held = self._held[name] >= self.capacities[name]
            return None if is_all_held else next(filter(self._fits, inner), None)
        queue = _waiting(self._queues[name])
        return queue[0] if queue and self._is_first(queue[0]) and self._fits(queue[0]) else None

    def _is_first(self, waiter: _Waiter) -> bool:
        return all(
            not _waiting(self._inner[name]) and _waiting(self._queues[name])[0] is waiter
            for name in waiter.amounts
        )

    def _fits(self, waiter: _Waiter) -> bool:
        return not waiter.granted.done() and _fits(waiter.amounts, self._held, self.capacities)

    def _refuse_deadlock(self, waiter: _Waiter, task: str) -> None:
        """Refuse an inner request that can never be met, whoever else gives back.

        Source: E. W. Dijkstra's banker, EWD 108 and 623; all others are taken to end some time.
        """
        stuck = {w for queue in self._inner.values() for w in queue if not w.granted.done()}
        while waiter in stuck:
            held: Counter[str] = Counter()
            for hold in {hold for other in stuck for hold in other.inside}:
                held.update(hold.amounts)
            freed = {other for other in stuck if _fits(other.amounts, held, self.capacities)}
            if not freed:
                self._refuse(waiter, held, task)
            stuck -= freed

    def _refuse(self, waiter: _Waiter, held: Mapping[str, float], task: str) -> None:
        name, amount = next(
            (name, amount)
            for name, amount in waiter.amounts.items()
            if not _fits({name: amount}, held, self.capacities)
        )
        raise ConstraintError(
            f"constraint of task {task!r}: {amount!r} of {name!r} can never be met, "
            f"tasks that wait for runs inside them hold {held[name]!r} of "
            f"{self.capacities[name]!r}",
            name,
            amount,
        )


def _fits(amounts: Amounts, held: Mapping[str, float], capacities: Amounts) -> bool:
    """Whether amounts can be had beside what is held."""
    return all(
        held[name] + amount <= capacities[name] * (1 + _TOLERANCE)
        for name, amount in amounts.items()
    )


def _waiting(queue: deque[_Waiter]) -> deque[_Waiter]:
    """A queue without those at its head who were served, or gave up."""
    while queue and queue[0].granted.done():
        queue.popleft()
    return queue
