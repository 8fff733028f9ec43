"""What is told of an error: which node raised it, and how things ended that came to it."""

from __future__ import annotations

import asyncio

from cascade_core.events import Status
from cascade_core.graph.difference import path_to
from cascade_core.vm.blueprint import Blueprint


def note_origin(error: Exception, blueprint: Blueprint, rank: int) -> None:
    """Name the node and its path on the exception it raised, once."""
    path = path_to(blueprint.graph.structure.calls, blueprint.order[rank])
    note = f"in task {blueprint.names[rank]!r} at {path}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def status_of(error: BaseException | None) -> Status:
    """How something ended that came to ``error``, or to none."""
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
