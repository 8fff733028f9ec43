"""What a bus tells: one frozen type per thing that happened, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cascade_core.graph.model import Node
    from cascade_core.plan.miss import Miss
    from cascade_core.run.record import Run

Status = Literal["ok", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happened in a run."""

    run: Run
    """The run it happened in."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run began."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run ended; nothing of it goes on."""

    status: Status
    """How it ended."""


@dataclass(frozen=True, slots=True)
class PlanReused(Event):
    """A lookup found its plan in the cache."""


@dataclass(frozen=True, slots=True)
class PlanResolved(Event):
    """A lookup missed and the solver made a plan."""

    miss: Miss
    """Why it missed."""
    duration_ns: int
    """How long the solver took, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class TaskEvent(Event):
    """Anything that happened to a node."""

    task: str
    """The task's name."""
    node: Node
    """The node of the iteration's graph."""


@dataclass(frozen=True, slots=True)
class TaskStarted(TaskEvent):
    """A node's execution began."""


@dataclass(frozen=True, slots=True)
class TaskFinished(TaskEvent):
    """A node's execution ended; each ``TaskStarted`` has one."""

    status: Status
    """How it ended."""
    attempts: int
    """How often the function was called."""
    duration_ns: int
    """From start to end, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class TaskReused(TaskEvent):
    """A node's value came from an earlier, equal call."""


@dataclass(frozen=True, slots=True)
class TaskSkipped(TaskEvent):
    """A node did not run."""

    reason: str
    """Why: ``condition_false`` or ``upstream_skipped``."""


@dataclass(frozen=True, slots=True)
class TaskRetrying(TaskEvent):
    """An attempt failed and another one follows."""

    attempt: int
    """The number of the attempt that failed, from 1."""
    delay: float
    """Seconds until the next one."""


@dataclass(frozen=True, slots=True)
class TaskBlocked(TaskEvent):
    """A node is ready but has to wait."""

    reason: str
    """What for."""
