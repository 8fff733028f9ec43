"""Notes on a task's own exception: which node raised it."""

from __future__ import annotations

from cascade_core.graph.difference import path_to
from cascade_core.vm.blueprint import Blueprint


def note_origin(error: Exception, blueprint: Blueprint, rank: int) -> None:
    """Name the node and its path on the exception it raised, once."""
    path = path_to(blueprint.graph.structure.calls, blueprint.order[rank])
    note = f"in task {blueprint.names[rank]!r} at {path}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
