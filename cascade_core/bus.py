"""Subscribe and publish. Knows events by their type only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, final

from cascade_core.events import Event

E = TypeVar("E", bound=Event)

_log = logging.getLogger("cascade_core.bus")


@final
class MessageBus:
    """Tells subscribers what happens in an engine's runs.

    While nobody is subscribed, nothing is published and nothing is paid for.
    """

    def __init__(self) -> None:
        self._subscriptions: tuple[_Subscription, ...] = ()
        # Who hears events of exactly that type; found when it is first published, and forgotten
        # whenever somebody comes or goes.
        self._hearers: dict[type[Event], tuple[_Subscription, ...]] = {}
        self.listening = False
        """Whether anybody is subscribed to anything. An attribute, for loops look at it often."""

    def subscribe(self, event_type: type[E], handler: Callable[[E], object]) -> Callable[[], None]:
        """Call ``handler`` with every event of a type, in the order they happen.

        A handler that raises never fails a task: the error is logged and the handler dropped.

        Args:
            event_type: An event class; a base class gets its subclasses' events too.
            handler: A plain function of the event; what it returns is ignored.

        Returns:
            A function that unsubscribes; calling it again does nothing.

        Raises:
            TypeError: ``event_type`` is no event class, or ``handler`` is not callable.
        """
        if not (isinstance(event_type, type) and issubclass(event_type, Event)):
            raise TypeError(f"subscribe needs a subclass of Event, got {event_type!r}")
        if not callable(handler):
            raise TypeError(f"subscribe needs a handler to call, got {handler!r}")
        subscription = _Subscription(event_type, handler)
        self._hold((*self._subscriptions, subscription))
        return lambda: self._drop(subscription)

    def publish(self, event: Event) -> None:
        """Hand an event to its subscribers, in the order they subscribed.

        Whoever comes or goes while it is handed round does so from the next event on.
        """
        kind = type(event)
        try:
            hearers = self._hearers[kind]
        except KeyError:
            hearers = self._find_hearers(kind)
        for subscription in hearers:
            try:
                subscription.handler(event)
            except Exception:
                self._drop(subscription)
                _log.exception(
                    "dropped handler %r: it raised on %s", subscription.handler, kind.__name__
                )

    def _find_hearers(self, kind: type[Event]) -> tuple[_Subscription, ...]:
        known = self._hearers  # taken first: it is let go of if somebody comes or goes meanwhile
        known[kind] = tuple([s for s in self._subscriptions if issubclass(kind, s.event_type)])
        return known[kind]

    def _drop(self, subscription: _Subscription) -> None:
        self._hold(tuple([s for s in self._subscriptions if s is not subscription]))

    def _hold(self, subscriptions: tuple[_Subscription, ...]) -> None:
        self._subscriptions = subscriptions
        self._hearers = {}
        self.listening = bool(subscriptions)


class _Subscription:
    """One subscription; compared by identity, so that a handler can be subscribed twice."""

    __slots__ = ("event_type", "handler")

    def __init__(self, event_type: type[Event], handler: Callable[[Any], object]) -> None:
        self.event_type = event_type
        self.handler = handler
