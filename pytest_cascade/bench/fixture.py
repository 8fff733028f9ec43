"""What the fixture ``cascade_bench`` is."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cascade.concern import recorder_of
from pytest_cascade.making import make_engine, make_solver
from pytest_cascade.options import Settings
from pytest_cascade.probes.known import ENGINES
from pytest_cascade.reading import bench_claims_of, options_of
from pytest_cascade.work.record import WorkRecord
from pytest_cascade.work.window import Window

from . import pytest_benchmark
from .benchmark import Benchmark
from .judgement import Claim, confidence_per_look
from .measure import Schedule
from .passes import Entrant, Factory, Pass, drive, drive_async
from .profiles import new_profile
from .progress import progress_for
from .results import Results
from .settling import settle
from .statistics import least_rounds
from .values import FIRST_VALUE, ValueCheck

if TYPE_CHECKING:
    from cascade_core import Engine

FEW_ITERATIONS: Final = 20
"""So many where nothing is to be measured, or as many as a marker says if that is less."""

LOOKS: Final = 5
"""So often it is looked at most whether rounds suffice: each time they have doubled."""

NOT_AWAITED: Final = "cascade_bench was not awaited: write `await {call}(...)` in an async test"


_numbers = itertools.count(1)


class CascadeBench:
    """Measures loops and the work they do.

    A factory is a function of n, the number of iterations asked for, and is called inside the
    clock. What it returns is run to a value inside the clock too: a lazy result on an engine that
    the contender keeps for all its rounds, an awaitable by awaiting it, a callable by calling it;
    anything else is the result of work already done. The value is checked in every round.

    Under ``--cascade-bench`` it measures; otherwise every factory runs one round of few
    iterations after its warm-up, so that values, counts and costs are tested. In both cases the
    count markers of the test are held against each measured round of each contender; a contender
    named as ``baseline`` may do without an engine.

    Cost: some 15 rounds of 10 ms for each contender, more while a claim is unclear.
    """

    def __init__(self, request: pytest.FixtureRequest, settings: Settings, window: Window) -> None:
        self._request = request
        self._item: pytest.Item = request.node
        self._settings = settings
        self._window = window
        self._options = options_of(self._item, "cascade_bench")
        self._claims = bench_claims_of(self._item)

    def __call__(self, factory: Factory, *, result: Any = FIRST_VALUE) -> Any:
        """Measure one factory.

        Args:
            factory: The function of n.
            result: What every round must come to; by default, what the first one came to.

        Returns:
            Its ``Contender``: rounds, rates and value. In an async test, to be awaited.

        Raises:
            TypeError: the factory cannot be called.
            UnexpectedValue: a round came to another value.
            UnexpectedWork: what a marker claims does not hold.
        """
        __tracebackhide__ = True
        return self._start({_name_of(factory): factory}, result, "cascade_bench")

    def compare(self, *, result: Any = FIRST_VALUE, **factories: Factory) -> Any:
        """Measure several factories side by side, round by round in rotated order.

        Args:
            result: What every round of every contender must come to; by default, what the
                contender's first one came to.
            factories: The functions of n, by the name of the contender.

        Returns:
            The ``Results``: a ``Contender`` by name, and ratios. In an async test, to be awaited.

        Raises:
            TypeError: no factory was given, or one cannot be called.
            ValueError: the marker's baseline or ratios name a contender that is not here.
            UnexpectedValue: a round came to another value.
            UnexpectedWork: what a marker claims does not hold.
        """
        __tracebackhide__ = True
        self._check_names(factories)
        return self._start(factories, result, "cascade_bench.compare")

    def _start(self, factories: Mapping[str, Factory], result: Any, call: str) -> Any:
        __tracebackhide__ = True
        for name, factory in factories.items():
            if not callable(factory):
                raise TypeError(f"{call}: {name} must be a function of n, got {factory!r}")
        benchmark = self._benchmark(factories, result)
        self._window.contenders.update(factories)
        finish = partial(self._finish, benchmark, alone=call == "cascade_bench")
        if not _in_event_loop():
            return finish(drive(benchmark.passes()))
        return _Pending(benchmark.passes(), finish, self._window, call)

    def _benchmark(self, factories: Mapping[str, Factory], result: Any) -> Benchmark:
        settings, config = self._settings, self._item.config
        schedule = self._schedule()
        return Benchmark(
            [Entrant(name, factory, self._runner()) for name, factory in factories.items()],
            schedule,
            [*_applied(self._claims, factories)],
            self._confidence,
            self._counted,
            config.stash[ENGINES].default,
            ValueCheck(result),
            progress_for(config, self._item, schedule),
            hasattr(config, "workerinput"),
            new_profile if settings.bench_profile else None,
            settings.bench and pytest_benchmark.wants_profiles(config),
        )

    def _runner(self) -> Callable[[Any], Awaitable[Any]]:
        """Run lazy results on an engine that is made for the first one."""
        engines: list[Engine] = []

        async def run(target: Any) -> Any:
            if not engines:
                engines.append(make_engine(self._request, make_solver(self._item)))
            return await engines[0].run(target)

        return run

    def _counted(self) -> Mapping[str, WorkRecord]:
        """Read what all engines did so far in this test."""
        recorder = recorder_of(self._item.config)
        for engine in recorder.probes:
            recorder.settle(self._window, engine)
        return {engine: self._window.snapshot(engine) for engine in recorder.probes}

    def _schedule(self) -> Schedule:
        settings, iterations = self._settings, self._options.get("iterations")
        warmup = self._options.get("warmup", 1)
        if not settings.bench:
            few = min(iterations or FEW_ITERATIONS, FEW_ITERATIONS)
            return Schedule(few, 1, warmup, is_timed=False)
        return Schedule(
            iterations,
            max(self._options.get("rounds", settings.bench_rounds), self._least_rounds()),
            warmup,
            looks=LOOKS if settings.bench_max_time else 1,
            max_time_s=settings.bench_max_time,
            disable_gc=pytest_benchmark.disables_gc(self._item),
        )

    def _least_rounds(self) -> int:
        """So many rounds it takes to settle any claim, if rounds may be added at all."""
        timed = [claim for claim in self._claims if claim.figure != "cost"]
        if not timed or not self._settings.bench_max_time:
            return 1
        highest = max(claim.confidence or self._confidence for claim in timed)
        return least_rounds(confidence_per_look(highest, LOOKS))

    @property
    def _confidence(self) -> float:
        """How sure intervals and verdicts are to be, where a claim does not say."""
        confidence: float = self._options.get("confidence", self._settings.bench_confidence)
        return confidence

    def _check_names(self, factories: Mapping[str, Factory]) -> None:
        __tracebackhide__ = True
        if not factories:
            raise TypeError("cascade_bench.compare: takes name=factory, got none")
        ratios: Mapping[str, tuple[str, str]] = self._options.get("ratios", {})
        named = [name for names in ratios.values() for name in names]
        if "baseline" in self._options:
            named.append(self._options["baseline"])
        for name in named:
            if name not in factories:
                known = ", ".join(map(repr, factories))
                raise ValueError(f"cascade_bench: no contender is called {name!r}, known: {known}")

    def _finish(self, benchmark: Benchmark, results: Results, *, alone: bool) -> Any:
        __tracebackhide__ = True
        settle(self._item, self._window, benchmark, results, self._options)
        return next(iter(results.values())) if alone else results


class _Pending:
    """A measurement in an async test: awaited once, or the test fails."""

    def __init__(
        self, passes: Pass[Results], finish: Callable[[Results], Any], window: Window, call: str
    ) -> None:
        self._passes = passes
        self._finish = finish
        self._window = window
        self._complaint = f"{call} {next(_numbers)}"
        window.complaints[self._complaint] = NOT_AWAITED.format(call=call)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._carry_out().__await__()

    async def _carry_out(self) -> Any:
        __tracebackhide__ = True
        self._window.complaints.pop(self._complaint, None)
        return self._finish(await drive_async(self._passes))


def _applied(
    claims: list[Claim], factories: Mapping[str, Factory]
) -> Generator[tuple[Claim, str], None, None]:
    """Pair claims with the contenders they are about, as far as these are here."""
    for claim in claims:
        if all(name in factories for name in claim.names):
            names = factories if claim.name is None else (claim.name,)
            yield from ((claim, name) for name in names)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _name_of(factory: object) -> str:
    name = getattr(factory, "__name__", "factory")
    return "factory" if name == "<lambda>" else name
