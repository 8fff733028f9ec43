"""What a benchmark found. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.work.record import WorkRecord

from .judgement import Judged
from .statistics import Interval, interval_of


@dataclass(frozen=True, slots=True)
class Round:
    """One timed call of a contender's factory."""

    asked: int
    """The ``n`` that the factory was called with."""
    duration_ns: int
    """From the call to the value, in nanoseconds."""
    records: Mapping[str, WorkRecord] = field(default_factory=dict)
    """What engines did meanwhile, by engine."""
    engine: str = DEFAULT_ENGINE
    """The engine that ``work`` and rates are about."""

    @property
    def work(self) -> WorkRecord:
        """What that engine did meanwhile."""
        return self.records.get(self.engine) or WorkRecord(engine=self.engine)

    @property
    def iterations(self) -> int:
        """Iterations counted; where none were, those asked for."""
        return self.work.iterations or self.asked

    @property
    def ns_per_iteration(self) -> float:
        """Nanoseconds for each iteration."""
        return self.duration_ns / self.iterations

    @property
    def rate(self) -> float:
        """Iterations per second."""
        return 1e9 * self.iterations / max(self.duration_ns, 1)

    @property
    def node_rate(self) -> float:
        """Executions per second."""
        return 1e9 * self.work.executions / max(self.duration_ns, 1)


@dataclass(frozen=True, slots=True)
class Contender:
    """All measured rounds of one factory."""

    name: str
    """The keyword it was given as."""
    rounds: tuple[Round, ...]
    """In the order they were measured."""
    value: Any
    """What the last round came to."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """What each further iteration costs, by unit: ``calls``, ``opcodes``; of those that an
    ``expect_cost`` speaks of, the ones that are the same twice."""
    profile: str | None = None
    """The path of the profile that was written, if one was."""

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
        return self.total("executions") / sum(each.iterations for each in self.rounds)

    @property
    def ran_engine(self) -> bool:
        """Whether the engine ran in any round."""
        return any(each.work.any_ran for each in self.rounds)

    def total(self, counter: str) -> int:
        """A counter, summed over all measured rounds."""
        return sum(getattr(each.work, counter) for each in self.rounds)

    def rate_interval(self, confidence: float) -> Interval:
        """Iterations per second: the median of the rounds, and where the true one lies."""
        return interval_of([each.rate for each in self.rounds], confidence)


class Results(Mapping[str, Contender]):
    """The contenders of one comparison by name, in the order they were given.

    Attributes:
        confidence: That of the intervals, where no other is asked for.
        judged: What the markers ``expect_speedup``, ``expect_tps`` and ``expect_cost`` say, and
            how it turned out; empty where nothing was measured.
        gc_was_on: Whether the garbage collector was on in the rounds.
    """

    def __init__(
        self,
        contenders: Mapping[str, Contender],
        *,
        confidence: float = 0.99,
        judged: Sequence[Judged] = (),
        gc_was_on: bool = True,
    ) -> None:
        self._contenders = dict(contenders)
        self.confidence = confidence
        self.judged = tuple(judged)
        self.gc_was_on = gc_was_on

    def __getitem__(self, name: str) -> Contender:
        return self._contenders[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contenders)

    def __len__(self) -> int:
        return len(self._contenders)

    def ratio(self, name: str, over: str, confidence: float | None = None) -> Interval:
        """How many times faster one contender iterates than another.

        Each round is compared with the other's round of the same number, measured right beside it.

        Args:
            name: The one.
            over: The other.
            confidence: How sure the interval is to hold the true ratio; that of the benchmark by
                default.

        Returns:
            The ratios' median between the ends of the interval that holds the true one; infinite
            ends where the rounds are too few for it.

        Raises:
            KeyError: no contender is called so.
        """
        pairs = zip(self[name].rounds, self[over].rounds, strict=True)
        ratios = [each.rate / other.rate for each, other in pairs]
        return interval_of(ratios, self.confidence if confidence is None else confidence)

    def with_profiles(self, paths: Mapping[str, str]) -> Results:
        """The same, with the files that the contenders' profiles are in."""
        contenders = {
            name: replace(each, profile=paths.get(name)) for name, each in self._contenders.items()
        }
        return Results(
            contenders,
            confidence=self.confidence,
            judged=self.judged,
            gc_was_on=self.gc_was_on,
        )

    def __repr__(self) -> str:
        rates = ", ".join(f"{name}: {each.rate:,.0f} it/s" for name, each in self.items())
        return f"<Results {rates}>"
