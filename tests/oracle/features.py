"""What programs exercise: counted from the reference's work, so only what is really reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from oracle.language import Call, Program, Variant
from oracle.reference import Work


class Features:
    """The features of many programs.

    Attributes:
        programs: How many there were.
    """

    def __init__(self) -> None:
        self.programs = 0
        self._counts: Counter[str] = Counter()
        self._executions = 0

    def add(self, program: Program, first: Work, second: Work, others: Iterable[str] = ()) -> None:
        """Count one program, what its runs come to, and other features of it."""
        self.programs += 1
        self._executions += first.tasks.total()
        self._counts.update(features_of(program, first, second).union(others))

    def share(self, feature: str) -> float:
        """How many of the programs have a feature, from 0 to 1."""
        return self._counts[feature] / max(self.programs, 1)

    def table(self) -> str:
        """All shares, the largest first."""
        lines = [
            f"{self.programs} programs, {self._executions} executions in their first runs",
            *(f"{self.share(name):8.2%}  {name}" for name, _ in self._counts.most_common()),
        ]
        return "\n".join(lines)


def features_of(program: Program, first: Work, second: Work) -> set[str]:
    """The features of one program."""
    found = {name for name in first.features if name not in ("condition_false",)}
    found |= {f"skipped: {reason}" for _, reason in first.skips}
    found |= {f"fails: {failure.kind}" for failure in first.failures}
    found -= {"pruned", "upstream_skipped"}
    if first.failures:
        return found | {"fails"}
    if "cache hit" in second.features:
        found.add("cache hit in the warm run")
    if first.iterations > 1:
        found.add("several iterations")
    if any(attempt.is_shared for attempt in first.attempts):
        found.add("pure calls merged")
    if any(isinstance(step, Variant) for step in program):
        found.add("variant")
    if _has_structure_change(program):
        found.add("loop of several structures")
    return found


def _has_structure_change(program: Program) -> bool:
    return any(isinstance(step, Call) and len(set(map(len, step.inner))) > 1 for step in program)
