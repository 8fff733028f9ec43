"""One benchmark, from its contenders to what was found and claimed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import cProfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_cascade.errors import UnexpectedWork

from .cost import Unsteady, cost_of
from .judgement import Claim, Judge, Judged, judged_cost
from .measure import Measurement, Progress, Records, Schedule
from .passes import Entrant, Pass, carry_out
from .profiles import CProfile, Profile
from .results import Contender, Results
from .statistics import Interval
from .values import ValueCheck


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What some contenders are measured by, and what is claimed of them."""

    entrants: Sequence[Entrant]
    """The contenders, in the order they were given."""
    schedule: Schedule
    """How much is measured."""
    claims: Sequence[tuple[Claim, str]]
    """Each claim with the contender it is about."""
    confidence: float
    """How sure intervals and verdicts are to be."""
    counted: Callable[[], Records]
    """Reads what engines did so far."""
    engine: str
    """The engine whose iterations count."""
    values: ValueCheck
    """Holds the value of each round against the right one."""
    progress: Progress
    """Told how far it is."""
    is_disturbed: bool = False
    """Whether other tests of the session run at the same time."""
    new_profile: Callable[[], Profile] | None = None
    """Makes the profile that is written of each contender, if one is asked for."""
    shows_cprofile: bool = False
    """Whether pytest-benchmark is to show a profile of each contender."""
    written: dict[str, Profile] = field(default_factory=dict)
    """The profiles to be written, by contender."""
    shown: dict[str, cProfile.Profile] = field(default_factory=dict)
    """The profiles that pytest-benchmark is to show, by contender."""

    def passes(self) -> Pass[Results]:
        """Measure and judge.

        Yields:
            What is to be awaited.

        Returns:
            What was found.

        Raises:
            UnexpectedValue: a round came to another value than it should.
            UnexpectedWork: a cost is claimed that is not the same twice.
        """
        __tracebackhide__ = True
        timed = [each for each in self.claims if each[0].figure != "cost"]
        judge = Judge(
            timed if self.schedule.is_timed else [],
            self.confidence,
            self.schedule.looks,
            self.is_disturbed,
        )
        contenders = yield from self._measurement(judge).passes()
        for entrant in self.entrants:
            found = contenders[entrant.name]
            cost = yield from self._costs(entrant)
            contenders[entrant.name] = replace(found, cost=cost)
            yield from self._profiled(entrant, found.rounds[0].asked)
        costs = [
            judged_cost(claim, name, contenders[name].cost)
            for claim, name in self.claims
            if claim.figure == "cost"
        ]
        speeds = [judge.judged[each] for each in judge.claims]
        return self._results(contenders, [*speeds, *costs])

    def _measurement(self, judge: Judge) -> Measurement:
        def suffices(contenders: Mapping[str, Contender]) -> bool:
            found = self._results(contenders)
            return judge.look(lambda *claim: measured(found, *claim))

        return Measurement(
            self.entrants,
            self.schedule,
            self.counted,
            self.engine,
            self.values,
            suffices,
            self.progress,
        )

    def _results(
        self, contenders: Mapping[str, Contender], judged: Sequence[Judged] = ()
    ) -> Results:
        return Results(
            contenders,
            confidence=self.confidence,
            judged=judged,
            gc_was_on=not self.schedule.disable_gc,
        )

    def _costs(self, entrant: Entrant) -> Pass[dict[str, float]]:
        """Count in each unit that is claimed of any contender."""
        __tracebackhide__ = True
        claims = [each for each in self.claims if each[0].figure == "cost"]
        costs: dict[str, float] = {}
        for unit in dict.fromkeys(claim.unit for claim, _ in claims):
            try:
                costs[unit] = yield from cost_of(entrant, unit, self.counted, self.engine)
            except Unsteady as error:
                about = [c for c, name in claims if (c.unit, name) == (unit, entrant.name)]
                if about:
                    raise UnexpectedWork(
                        f"{about[0].label}: {entrant.name} costs something else each time: {error}"
                    ) from None
        return costs

    def _profiled(self, entrant: Entrant, asked: int) -> Pass[None]:
        if self.new_profile is not None:
            profile = self.written[entrant.name] = self.new_profile()
            yield from carry_out(entrant, asked, profile)
        if self.shows_cprofile:
            shown = CProfile()
            yield from carry_out(entrant, asked, shown)
            self.shown[entrant.name] = shown.profile


def measured(results: Results, claim: Claim, name: str, confidence: float) -> Interval:
    """Give the interval of what a claim is about, for one contender."""
    if claim.over is not None:
        return results.ratio(name, claim.over, confidence)
    return results[name].rate_interval(confidence)
