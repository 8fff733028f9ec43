"""What a benchmark found. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from pytest_cascade.work.record import WorkRecord


@dataclass(frozen=True, slots=True)
class Round:
    """One timed call of a contender's factory."""

    asked: int
    """The ``n`` that the factory was called with."""
    duration_ns: int
    """From the call to the value, in nanoseconds."""
    work: WorkRecord
    """What engines did meanwhile."""

    @property
    def iterations(self) -> int:
        """Iterations counted; where no engine ran, those asked for."""
        return self.work.iterations if self.work.any_ran else self.asked

    @property
    def ns_per_iteration(self) -> float:
        """Nanoseconds for each iteration."""
        return self.duration_ns / max(self.iterations, 1)

    @property
    def rate(self) -> float:
        """Iterations per second."""
        return 1e9 / max(self.ns_per_iteration, 1e-9)

    @property
    def node_rate(self) -> float:
        """Executions per second."""
        return self.work.executions * 1e9 / max(self.duration_ns, 1)


@dataclass(frozen=True, slots=True)
class Contender:
    """All measured rounds of one factory."""

    name: str
    """The keyword it was given as."""
    rounds: tuple[Round, ...]
    """In the order they were measured."""
    value: Any
    """What the last round came to."""

    @property
    def ns_per_iteration(self) -> float:
        """Nanoseconds for each iteration, the median of the rounds."""
        return median(each.ns_per_iteration for each in self.rounds)

    @property
    def rate(self) -> float:
        """Iterations per second, the median of the rounds."""
        return median(each.rate for each in self.rounds)

    @property
    def node_rate(self) -> float:
        """Executions per second, the median of the rounds."""
        return median(each.node_rate for each in self.rounds)

    @property
    def nodes_per_graph(self) -> float:
        """Executions for each iteration, over all rounds; 0 where no engine ran."""
        executions = self.total("executions")
        return executions / max(sum(each.iterations for each in self.rounds), 1)

    @property
    def ran_engine(self) -> bool:
        """Whether an engine ran in any round."""
        return any(each.work.any_ran for each in self.rounds)

    def total(self, counter: str) -> int:
        """A counter, summed over all measured rounds."""
        return sum(getattr(each.work, counter) for each in self.rounds)


class Results(Mapping[str, Contender]):
    """The contenders of one comparison by name, in the order they were given."""

    def __init__(self, contenders: Mapping[str, Contender]) -> None:
        self._contenders = dict(contenders)

    def __getitem__(self, name: str) -> Contender:
        return self._contenders[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contenders)

    def __len__(self) -> int:
        return len(self._contenders)

    def ratio(self, name: str, over: str) -> tuple[float, float, float]:
        """How many times faster one contender iterates than another.

        Each round is compared with the other's round of the same number, measured right beside it.

        Returns:
            The least, the median and the greatest ratio over all rounds.
        """
        pairs = zip(self[name].rounds, self[over].rounds, strict=True)
        ratios = sorted(fast.rate / slow.rate for fast, slow in pairs)
        return ratios[0], median(ratios), ratios[-1]

    def __repr__(self) -> str:
        rates = ", ".join(f"{name}: {each.rate:,.0f} it/s" for name, each in self.items())
        return f"<Results {rates}>"
