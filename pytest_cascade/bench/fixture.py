"""What the fixture ``cascade_bench`` is."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cascade.carrier import carry
from pytest_cascade.concern import recorder_of
from pytest_cascade.errors import UnexpectedWork
from pytest_cascade.expectations import violations
from pytest_cascade.making import make_engine, make_solver
from pytest_cascade.options import Settings
from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.reading import expectations_of, options_of
from pytest_cascade.verdict import failure_text, known_tasks
from pytest_cascade.work.window import Window

from .measure import Factory, Measurement, Schedule, drive, drive_async, measurement
from .results import Results
from .summary import as_plain_data

if TYPE_CHECKING:
    from cascade_core import Engine

FEW_ITERATIONS: Final = 20
"""So many where nothing is to be measured, or as many as a marker says if that is less."""

NOT_AWAITED: Final = "cascade_bench was not awaited: write `await {call}(...)` in an async test"


class CascadeBench:
    """Measures loops and the work they do.

    A factory is a function of n, the number of iterations asked for, and is called inside the
    clock. What it returns is run to a value inside the clock too: a lazy result on an engine that
    the contender keeps for all its rounds, an awaitable by awaiting it, a callable by calling it;
    anything else is the result of work already done.

    Under ``--cascade-bench`` it measures; otherwise every factory runs one round of few
    iterations after its warm-up, so that values and counts are tested. In both cases the count
    markers of the test are held against each measured round of each contender; a contender named
    as ``baseline`` may do without an engine.
    """

    def __init__(self, request: pytest.FixtureRequest, settings: Settings, window: Window) -> None:
        self._request = request
        self._item: pytest.Item = request.node
        self._settings = settings
        self._window = window
        self._options = options_of(self._item, "cascade_bench")

    def __call__(self, factory: Factory) -> Any:
        """Measure one factory.

        Returns:
            Its ``Contender``: rounds, rates and value. In an async test, to be awaited.
        """
        __tracebackhide__ = True
        return self._start({_name_of(factory): factory}, "cascade_bench")

    def compare(self, **factories: Factory) -> Any:
        """Measure several factories side by side, round by round in rotated order.

        Returns:
            The ``Results``: a ``Contender`` by name, and ratios. In an async test, to be awaited.

        Raises:
            TypeError: no factory was given, or one cannot be called.
            ValueError: the marker's baseline or ratios name a contender that is not here.
        """
        __tracebackhide__ = True
        self._check_names(factories)
        return self._start(factories, "cascade_bench.compare")

    def _start(self, factories: Mapping[str, Factory], call: str) -> Any:
        __tracebackhide__ = True
        for name, factory in factories.items():
            if not callable(factory):
                raise TypeError(f"{call}: {name} must be a function of n, got {factory!r}")
        alone = call == "cascade_bench"
        engines: dict[str, Engine] = {}

        async def run(name: str, target: Any) -> Any:
            if name not in engines:
                engines[name] = make_engine(self._request, make_solver(self._item))
            return await engines[name].run(target)

        measuring = measurement(factories, run, self._window, self._schedule())
        if not _in_event_loop():
            return self._finish(drive(measuring), alone)
        self._window.complaints[call] = NOT_AWAITED.format(call=call)
        return _Pending(self, measuring, call, alone)

    def _schedule(self) -> Schedule:
        iterations = self._options.get("iterations")
        warmup = self._options.get("warmup", 1)
        if not self._settings.bench:
            return Schedule(min(iterations or FEW_ITERATIONS, FEW_ITERATIONS), 1, warmup)
        rounds = self._options.get("rounds", self._settings.bench_rounds)
        return Schedule(iterations, rounds, warmup)

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

    def _finish(self, results: Results, alone: bool) -> Any:
        __tracebackhide__ = True
        if self._settings.bench:
            self._window.is_measured = True
            carry(self._item, "benches", [as_plain_data(results, self._options)])
            self._item.ihook.pytest_cascade_bench_finished(results=results)
        self._judge(results)
        return next(iter(results.values())) if alone else results

    def _judge(self, results: Results) -> None:
        """Hold the count markers against each round, in place of the whole test."""
        __tracebackhide__ = True
        self._window.judged.add(DEFAULT_ENGINE)
        baseline = self._options.get("baseline")
        for name, contender in results.items():
            if name == baseline and not contender.ran_engine:
                continue
            every = expectations_of(self._item, {DEFAULT_ENGINE} if contender.ran_engine else ())
            expected = [each for each in every if each.engine == DEFAULT_ENGINE]
            alive = known_tasks(recorder_of(self._item.config), expected)
            for number, each in enumerate(contender.rounds, 1):
                records = {DEFAULT_ENGINE: each.work}
                found = violations(expected, records, place="this round", alive=alive)
                if found:
                    text = failure_text(self._item.config, found, records)
                    raise UnexpectedWork(
                        f"{name}, round {number} of {len(contender.rounds)}: {text}"
                    )


class _Pending:
    """A measurement in an async test: awaited once, or the test fails."""

    def __init__(self, bench: CascadeBench, measuring: Measurement, call: str, alone: bool) -> None:
        self._bench = bench
        self._measuring = measuring
        self._call = call
        self._alone = alone

    def __await__(self) -> Generator[Any, None, Any]:
        return self._carry_out().__await__()

    async def _carry_out(self) -> Any:
        __tracebackhide__ = True
        self._bench._window.complaints.pop(self._call, None)
        results = await drive_async(self._measuring)
        return self._bench._finish(results, self._alone)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _name_of(factory: object) -> str:
    name = getattr(factory, "__name__", "factory")
    return "factory" if name == "<lambda>" else name
