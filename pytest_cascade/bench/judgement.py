"""What benchmarks are claimed to be, and whether they are. Pure: figures to verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .statistics import Interval

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]

Figure: TypeAlias = Literal["speedup", "tps", "cost"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one mark says of one figure."""

    label: str
    """The claim as the test wrote it: ``expect_tps(at_least=1000)``."""
    figure: Figure
    """What it is about."""
    name: str | None
    """The contender that is meant; None for each of them."""
    least: float | None
    """The lower bound; None leaves that side open."""
    most: float | None
    """The upper bound; None leaves that side open, and None for both claims nothing."""
    over: str | None = None
    """Of a speedup: the contender it is compared with."""
    unit: str = ""
    """Of a cost: ``calls`` or ``opcodes``."""
    confidence: float | None = None
    """How sure the verdict is to be; None for as sure as the benchmark's intervals."""

    @property
    def subject(self) -> tuple[str, str | None, str | None, str]:
        """What is claimed about; of two claims about the same, the nearer wins."""
        return self.figure, self.name, self.over, self.unit

    @property
    def is_lifted(self) -> bool:
        """Whether nothing is claimed after all."""
        return self.least is None and self.most is None

    @property
    def names(self) -> tuple[str, ...]:
        """The contenders it names."""
        return tuple(name for name in (self.name, self.over) if name is not None)


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim about one contender, and how it turned out."""

    claim: Claim
    """What was claimed."""
    name: str
    """Of which contender."""
    verdict: Verdict
    """How it turned out."""
    interval: Interval
    """What the verdict rests on; of a cost, three times the same."""
    confidence: float | None
    """That of the interval; None for what was counted."""
    look: int
    """At which look it was settled, from 1."""
    looks: int
    """How many looks were declared."""


def verdict_on(interval: Interval, least: float | None, most: float | None) -> Verdict:
    """Hold an interval against bounds.

    Returns:
        ``pass`` if all of it is within, ``fail`` if all of it is beyond one, else
        ``inconclusive``.
    """
    if least is not None and interval.high < least:
        return "fail"
    if most is not None and interval.low > most:
        return "fail"
    is_above = least is None or interval.low >= least
    return "pass" if is_above and (most is None or interval.high <= most) else "inconclusive"


def confidence_per_look(confidence: float, looks: int) -> float:
    """How sure each of so many looks must be, so that all of them together are as sure as said.

    The error is spent in equal parts (Bonferroni), whatever the looks have to do with each other.
    """
    return 1 - (1 - confidence) / looks


Measure: TypeAlias = Callable[[Claim, str, float], Interval]
"""The interval of what a claim is about, for one contender, at a confidence."""


@dataclass(slots=True)
class Judge:
    """Looks at what is measured so far, and settles one claim after the other.

    A claim is settled by the first look at which it is clear; later rounds do not unsettle it.
    """

    claims: Sequence[tuple[Claim, str]]
    """Each claim with the contender it is about."""
    confidence: float
    """How sure verdicts are where a claim does not say."""
    looks: int
    """How often it will look at most."""
    is_disturbed: bool = False
    """Whether other processes of the same session compete: then a rate that is too low proves
    nothing."""
    taken: int = 0
    """How often it has looked."""
    judged: dict[tuple[Claim, str], Judged] = field(default_factory=dict)
    """What is known of each claim."""

    def look(self, measure: Measure) -> bool:
        """Judge what is not settled yet.

        Returns:
            Whether all claims are settled.
        """
        self.taken += 1
        for key in self.claims:
            if key not in self.judged or self.judged[key].verdict == "inconclusive":
                self.judged[key] = self._judged(*key, measure)
        return all(each.verdict != "inconclusive" for each in self.judged.values())

    def _judged(self, claim: Claim, name: str, measure: Measure) -> Judged:
        confidence = confidence_per_look(claim.confidence or self.confidence, self.looks)
        interval = measure(claim, name, confidence)
        verdict = verdict_on(interval, claim.least, claim.most)
        if verdict == "fail" and self.is_disturbed and claim.figure == "tps":
            verdict = "inconclusive"
        return Judged(claim, name, verdict, interval, confidence, self.taken, self.looks)


def judged_cost(claim: Claim, name: str, cost: Mapping[str, float]) -> Judged:
    """Judge what was counted: it is what it is.

    Raises:
        KeyError: it was not counted.
    """
    figure = cost[claim.unit]
    interval = Interval(figure, figure, figure)
    verdict = verdict_on(interval, claim.least, claim.most)
    return Judged(claim, name, verdict, interval, None, 1, 1)
