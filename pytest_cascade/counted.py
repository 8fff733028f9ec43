"""What each counter counts, in words: for help texts and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Counted:
    """What one counter counts, in words.

    A plain class, for every pytest run imports it and a dataclass is slow to make.

    Attributes:
        meaning: What it counts, for help texts.
        verdict: What happened ``{times}``.
        task_verdict: What happened to ``{task}``; empty if the counter knows no tasks.
        by_task: The field of a record that holds the counter by task name.
    """

    __slots__ = ("by_task", "meaning", "task_verdict", "verdict")

    def __init__(
        self, meaning: str, verdict: str, task_verdict: str = "", by_task: str = ""
    ) -> None:
        self.meaning: Final = meaning
        self.verdict: Final = verdict
        self.task_verdict: Final = task_verdict
        self.by_task: Final = by_task


COUNTED: Final[Mapping[str, Counted]] = {
    "resolves": Counted("calls of the solver", "the solver was called {times}"),
    "hits": Counted("lookups that found a cached plan", "the plan cache was hit {times}"),
    "misses": Counted("lookups that found no plan", "the plan cache was missed {times}"),
    "lookups": Counted("lookups in the plan cache", "a plan was looked up {times}"),
    "builds": Counted("graphs built", "a graph was built {times}"),
    "runs": Counted("runs of an engine", "an engine was run {times}"),
    "iterations": Counted("target graphs run", "the target was iterated {times}"),
    "evictions": Counted("plans evicted", "a plan was evicted {times}"),
    "executions": Counted(
        "tasks run", "a task was executed {times}", "{task!r} was executed {times}", "tasks"
    ),
    "attempts": Counted(
        "calls of tasks' functions",
        "a task's function was called {times}",
        "the function of {task!r} was called {times}",
        "task_attempts",
    ),
    "reuses": Counted("values reused", "a value was reused {times}"),
}
"""Every counter an expectation may be about."""
