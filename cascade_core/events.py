"""What a bus tells: one frozen type per thing that happened, in the past tense.

A run that somebody listens to makes two of them for each node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from cascade_core.frozen import Frozen, reads

if TYPE_CHECKING:
    from cascade_core.graph.model import Node
    from cascade_core.plan.miss import Miss
    from cascade_core.run.record import Run

Status = Literal["ok", "failed", "cancelled"]


class Event(Frozen):
    """Anything that happened in a run."""

    __slots__ = ("_run",)
    __match_args__ = ("run",)

    run: Final[Run] = reads("_run")
    """The run it happened in."""

    def __init__(self, run: Run) -> None:
        self._run = run


class RunStarted(Event):
    """A run began."""

    __slots__ = ()


class RunFinished(Event):
    """A run ended; nothing of it goes on."""

    __slots__ = ("_status",)
    __match_args__ = ("run", "status")

    status: Final[Status] = reads("_status")
    """How it ended."""

    def __init__(self, run: Run, status: Status) -> None:
        super().__init__(run)
        self._status = status


class PlanReused(Event):
    """A lookup found its plan in the cache."""

    __slots__ = ()


class PlanResolved(Event):
    """A lookup missed and the solver made a plan."""

    __slots__ = ("_duration_ns", "_miss")
    __match_args__ = ("run", "miss", "duration_ns")

    miss: Final[Miss] = reads("_miss")
    """Why it missed."""
    duration_ns: Final[int] = reads("_duration_ns")
    """How long the solver took, in nanoseconds."""

    def __init__(self, run: Run, miss: Miss, duration_ns: int) -> None:
        super().__init__(run)
        self._miss = miss
        self._duration_ns = duration_ns


class TaskEvent(Event):
    """Anything that happened to a node."""

    __slots__ = ("_node", "_task")
    __match_args__ = ("run", "task", "node")

    task: Final[str] = reads("_task")
    """The task's name."""
    node: Final[Node] = reads("_node")
    """The node of the iteration's graph."""

    def __init__(self, run: Run, task: str, node: Node) -> None:
        self._run = run  # here and below without a call of the base: these are made in hot loops
        self._task = task
        self._node = node


class TaskStarted(TaskEvent):
    """A node's execution began."""

    __slots__ = ()


class TaskFinished(TaskEvent):
    """A node's execution ended; each ``TaskStarted`` has one."""

    __slots__ = ("_attempts", "_duration_ns", "_status")
    __match_args__ = ("run", "task", "node", "status", "attempts", "duration_ns")

    status: Final[Status] = reads("_status")
    """How it ended."""
    attempts: Final[int] = reads("_attempts")
    """How often the function was called."""
    duration_ns: Final[int] = reads("_duration_ns")
    """From start to end, in nanoseconds."""

    def __init__(
        self, run: Run, task: str, node: Node, status: Status, attempts: int, duration_ns: int
    ) -> None:
        self._run = run
        self._task = task
        self._node = node
        self._status = status
        self._attempts = attempts
        self._duration_ns = duration_ns


class TaskReused(TaskEvent):
    """A node's value came from an earlier, equal call."""

    __slots__ = ()


class TaskSkipped(TaskEvent):
    """A node did not run."""

    __slots__ = ("_reason",)
    __match_args__ = ("run", "task", "node", "reason")

    reason: Final[str] = reads("_reason")
    """Why: ``condition_false`` or ``upstream_skipped``."""

    def __init__(self, run: Run, task: str, node: Node, reason: str) -> None:
        super().__init__(run, task, node)
        self._reason = reason


class TaskRetrying(TaskEvent):
    """An attempt failed and another one follows."""

    __slots__ = ("_attempt", "_delay")
    __match_args__ = ("run", "task", "node", "attempt", "delay")

    attempt: Final[int] = reads("_attempt")
    """The number of the attempt that failed, from 1."""
    delay: Final[float] = reads("_delay")
    """Seconds until the next one."""

    def __init__(self, run: Run, task: str, node: Node, attempt: int, delay: float) -> None:
        super().__init__(run, task, node)
        self._attempt = attempt
        self._delay = delay


class TaskBlocked(TaskEvent):
    """A node is ready but has to wait."""

    __slots__ = ("_reason",)
    __match_args__ = ("run", "task", "node", "reason")

    reason: Final[str] = reads("_reason")
    """What for."""

    def __init__(self, run: Run, task: str, node: Node, reason: str) -> None:
        super().__init__(run, task, node)
        self._reason = reason
