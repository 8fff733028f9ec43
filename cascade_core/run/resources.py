"""Resources: what one run has opened with the engine's providers.

An async provider is entered and left in one asyncio task of its own, its *keeper*, whatever node
asked for it first: what it holds (a task group, a timeout) may belong to the task that made it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, final

from cascade_core.caching import MISSING
from cascade_core.define.resource import Resource, Scope
from cascade_core.errors import CascadeError

_abandoned: set[asyncio.Task[None]] = set()
"""What closes the resources of runs whose coroutine was closed; held until it is done."""

_log = logging.getLogger("cascade_core.resources")


class _Held:
    """One resource of a run, from the moment somebody asks for it."""

    __slots__ = ("closing", "generator", "keeper", "name", "provider", "ready", "value")

    def __init__(self, name: str, provider: Resource) -> None:
        self.name: Final = name
        self.provider: Final = provider
        self.value: Any = MISSING
        self.generator: Any = None
        self.keeper: asyncio.Task[BaseException | None] | None = None
        self.ready: asyncio.Future[Any] | None = None
        self.closing: asyncio.Future[BaseException | None] | None = None


@final
class OpenResources:
    """What one run has opened.

    Args:
        providers: The engine's, by name; what they need is there and goes in no circle.
    """

    def __init__(self, providers: Mapping[str, Resource]) -> None:
        self._providers = providers
        self._held: dict[str, _Held] = {}
        self._opened: list[_Held] = []

    def open_now(self, name: str) -> Any:
        """The value of a resource, opened if that takes no awaiting; else MISSING."""
        held = self._held.get(name)
        if held is not None:
            return held.value
        missing = self._missing(name)
        if any(name in self._held or self._providers[name].is_async for name in missing):
            return MISSING
        for needed in missing:
            held = _Held(needed, self._providers[needed])
            needs = {p: self._held[other].value for p, other in held.provider.needs.items()}
            value = _enter_now(held, needs)
            self._held[needed] = held
            self._has_opened(held, value)
        return self._held[name].value

    def _missing(self, name: str) -> list[str]:
        """A resource and all it needs, as far as they are not open, needs first."""
        found: dict[str, None] = {}
        stack = [(name, True)]
        while stack:
            name, is_entry = stack.pop()
            if not is_entry:
                found[name] = None
            elif name not in found and not self._is_open(name):
                stack.append((name, False))
                needs = self._providers[name].needs.values()
                stack.extend((needed, True) for needed in reversed(list(needs)))
        return list(found)

    def _is_open(self, name: str) -> bool:
        return name in self._held and self._held[name].value is not MISSING

    async def open(self, name: str) -> Any:
        """The value of a resource, opened by the first who asks.

        Raises:
            Exception: What the provider raises.
            CascadeError: The provider did not yield.
        """
        value = self.open_now(name)
        if value is not MISSING:
            return value
        if name not in self._held:
            self._let_keeper_open(name)
        ready = self._held[name].ready
        assert ready is not None
        return await asyncio.shield(ready)

    async def close(self, scope: Scope) -> None:
        """Close what belongs to a scope, the newest first.

        Raises:
            Exception: What closing raises; the rest stays open then.
            CascadeError: A provider yielded twice.
        """
        for held in [h for h in reversed(self._opened) if h.provider.scope == scope]:
            self._opened.remove(held)
            del self._held[held.name]
            await self._close(held, None)

    async def fail(self, error: BaseException) -> None:
        """Close everything, the newest first, with the exception thrown in.

        What a provider itself raises then is logged and noted on ``error``, which stands.

        Raises:
            asyncio.CancelledError: This was cancelled meanwhile; everything is closed all the same.
        """
        if isinstance(error, GeneratorExit):  # the coroutine was closed: nothing can be awaited
            keepers = [h.keeper for h in self._held.values() if h.keeper is not None]
            if keepers and not keepers[0].get_loop().is_closed():
                closing = keepers[0].get_loop().create_task(self._fail(error))
                _abandoned.add(closing)
                closing.add_done_callback(_abandoned.discard)
                return
            for held in reversed(self._opened):
                if held.keeper is None:
                    _close_failing_now(held, error)
            return
        await _outlast(asyncio.ensure_future(self._fail(error)))

    async def _fail(self, error: BaseException) -> None:
        opening = [h for h in self._held.values() if h.keeper and h not in self._opened]
        for held in opening:
            assert held.keeper is not None
            held.keeper.cancel()
        for held in opening:  # one that resists its cancellation is open now
            assert held.keeper is not None
            assert held.ready is not None
            await asyncio.wait([held.ready, held.keeper], return_when=asyncio.FIRST_COMPLETED)
        for held in reversed(self._opened):
            if held.keeper is None:
                _close_failing_now(held, error)
                continue
            try:
                await self._close(held, error)
            except BaseException as raised:
                _note(held, error, raised)

    # -- opening -----------------------------------------------------------------------------

    def _let_keeper_open(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        held = self._held[name] = _Held(name, self._providers[name])
        held.ready, held.closing = loop.create_future(), loop.create_future()
        held.keeper = loop.create_task(self._keep(held, held.ready, held.closing))

    async def _keep(
        self,
        held: _Held,
        ready: asyncio.Future[Any],
        closing: asyncio.Future[BaseException | None],
    ) -> BaseException | None:
        """Open, wait for the end of the scope, and close; all in this one asyncio task."""
        try:
            needs = {p: await self.open(name) for p, name in held.provider.needs.items()}
            value = await _enter(held, needs)
        except asyncio.CancelledError:
            ready.cancel()
            return None
        except BaseException as error:
            ready.set_exception(error)
            ready.exception()  # seen, even if nobody waits any more
            return None
        self._has_opened(held, value)
        ready.set_result(value)
        cancelled = await _persist(closing)
        try:
            await _leave(held, closing.result() or cancelled)
        except (KeyboardInterrupt, SystemExit) as raised:
            return raised  # it would end the event loop if it left an asyncio task
        return None

    def _has_opened(self, held: _Held, value: Any) -> None:
        held.value = value
        self._opened.append(held)

    # -- closing -----------------------------------------------------------------------------

    async def _close(self, held: _Held, error: BaseException | None) -> None:
        if held.keeper is None or held.closing is None:
            _leave_now(held, error)
            return
        held.closing.set_result(error)
        await _outlast(held.keeper)
        raised = held.keeper.result()
        if raised is not None:
            raise raised


def _enter_now(held: _Held, needs: Mapping[str, Any]) -> Any:
    made = held.provider.call(needs)
    if not held.provider.is_generator:
        return made
    held.generator = made
    return _yielded(held, next(made, MISSING))


async def _enter(held: _Held, needs: Mapping[str, Any]) -> Any:
    if not held.provider.is_async:
        return _enter_now(held, needs)
    made = held.provider.call(needs)
    if not held.provider.is_generator:
        return await made
    held.generator = made
    return _yielded(held, await anext(made, MISSING))


def _yielded(held: _Held, value: Any) -> Any:
    if value is MISSING:
        raise CascadeError(f"resource {held.name!r} must yield once, it did not yield")
    return value


async def _leave(held: _Held, error: BaseException | None) -> None:
    """Go on behind the yield; an exception is thrown in there."""
    if not held.provider.is_async:
        _leave_now(held, error)
        return
    if not held.provider.is_generator:
        return
    generator = held.generator
    traceback = error.__traceback__ if error else None
    try:
        await (anext(generator) if error is None else generator.athrow(error))
    except StopAsyncIteration:
        return
    except BaseException as raised:
        if raised is not error:
            raise
        raised.__traceback__ = traceback
        return
    await generator.aclose()
    raise _yielded_twice(held)


def _leave_now(held: _Held, error: BaseException | None) -> None:
    if not held.provider.is_generator:
        return
    generator = held.generator
    traceback = error.__traceback__ if error else None
    try:
        if error is None:
            next(generator)
        else:
            generator.throw(error)
    except StopIteration:
        return
    except BaseException as raised:
        if raised is not error:
            raise
        raised.__traceback__ = traceback
        return
    generator.close()
    raise _yielded_twice(held)


def _yielded_twice(held: _Held) -> CascadeError:
    return CascadeError(f"resource {held.name!r} must yield once, it yielded twice")


def _close_failing_now(held: _Held, error: BaseException) -> None:
    try:
        _leave_now(held, error)
    except BaseException as raised:
        _note(held, error, raised)


def _note(held: _Held, error: BaseException, raised: BaseException) -> None:
    """Tell that closing failed while ``error``, which stands, was on its way."""
    _log.error("resource %r failed to close", held.name, exc_info=raised)
    error.add_note(f"resource {held.name!r} failed to close too: {raised!r}")


async def _persist(closing: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Await what the run decides, even if the keeper is cancelled meanwhile.

    By a time limit of the provider itself, say, or by whoever cancels all asyncio tasks there are.

    Returns:
        The cancellation, which has to arrive at the yield in the end.
    """
    cancelled: asyncio.CancelledError | None = None
    while not closing.done():
        try:
            await asyncio.wait([closing])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


async def _outlast(task: asyncio.Future[Any]) -> None:
    """Await a task to its end however often this is cancelled; then raise the cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
