"""What is told of an error: which node raised it, how it got there, and how things ended by it."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from cascade_core.events import Status
from cascade_core.graph.difference import path_to
from cascade_core.vm.blueprint import Blueprint

_PACKAGE: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")


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


def drop_engine_frames(error: BaseException) -> None:
    """Take the frames between ``Engine.run`` and a task out of the traceback of what it raised.

    The plan's own code stays, for it shows the call. What the engine itself raised stays whole.
    """
    own = error.__traceback__
    inner = own and own.tb_next
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        inner = inner.tb_next
    if own is not None and inner is not None:
        own.tb_next = inner
