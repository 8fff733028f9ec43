"""Result caches at work: keys by content, and policies that may fail without failing a task."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from cascade_core.caching import MISSING
from cascade_core.run.frame import Frame, Store

_log = logging.getLogger("cascade_core.cache")


class Reused(NamedTuple):
    """A value that no execution made."""

    value: Any


def key_of(frame: Frame, rank: int) -> bytes | None:
    """The content key of a call whose arguments are there; None if it is uncacheable.

    The reason is told to the logger ``cascade_core.cache``: a warning if a result cache was asked
    for, else a line for debugging.

    Cost: linear in the size of the argument values, the first time.
    """
    if rank not in frame.content_keys:
        frame.content_keys[rank] = _make_key(frame, rank)
    return frame.content_keys[rank]


def store_of(frame: Frame, rank: int) -> Store | None:
    """Where a call's value is kept: its result cache, if that applies, under its content key."""
    step = frame.step(rank)
    if step is None or step.cache is None or not (frame.is_head or rank != frame.target):
        return None
    key = key_of(frame, rank)
    return None if key is None else Store(frame.registers[step.cache], key)


def _make_key(frame: Frame, rank: int) -> bytes | None:
    # Imported by the first who needs it: a program without pure tasks and result caches does not
    # pay for all the types that content keys know.
    from cascade_core.graph import content

    task = frame.blueprint.task(rank)
    args, kwargs = frame.blueprint.arguments(rank, frame.registers)
    label = task.identity.parameters.label
    arguments = [(label(index), value) for index, value in enumerate(args)]
    arguments += [(f"{name}=", value) for name, value in kwargs.items()]
    try:
        return content.content_key(task.identity, content.task_token(task), arguments)
    except content.UnstableValue as error:
        step = frame.step(rank)
        is_asked_for = step is not None and step.cache is not None
        level = logging.WARNING if is_asked_for else logging.DEBUG
        _log.log(level, "call of %r cannot be reused: %s", task.name, error.reason)
        return None


async def load(store: Store) -> Any:
    """What a policy holds, or MISSING; a policy that raises is logged and holds nothing."""
    try:
        return await store.policy.get(store.key)
    except Exception:
        _log.warning("result cache %r failed to load", store.policy, exc_info=True)
        return MISSING


async def save(store: Store, value: Any) -> None:
    """Hand a value to a policy; a policy that raises is logged."""
    try:
        await store.policy.set(store.key, value)
    except Exception:
        _log.warning("result cache %r failed to save", store.policy, exc_info=True)
