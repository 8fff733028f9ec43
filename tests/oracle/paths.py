"""Every way to run a program through the engine, and what came of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from fakes import RecordingExecutor

import cascade_core as cs
from cascade_core.plan import cache
from cascade_core.vm.program import STOPPED
from oracle.language import ENVIRONMENT, PARAMS, Program
from oracle.tasks import RESOURCES, WORLD, Mark, World, build, new_caches

os.environ.update(ENVIRONMENT)

PATIENCE = 20.0
"""Seconds for one run, so that one that waits for ever fails; none takes a hundredth of it."""


NEVER = sys.maxsize
"""No plan is written out after so many frames."""


class Path(NamedTuple):
    """One way to run a target."""

    use_vm: bool = False
    listens: bool = False
    max_plans: int = 1024
    slice_ms: float = 1.0
    executor: Any = None
    runs: int = 1
    """How often it is run, one run after the other, on one engine with one set of caches."""
    write_after: int = NEVER
    """After how many frames a plan is written out as a program."""
    flickers: bool = False
    """Whether a listener comes and goes in the middle of it."""


PATHS = {
    "warm": Path(runs=2),
    "off": Path(max_plans=0),
    "one plan": Path(max_plans=1),
    "yielding": Path(slice_ms=0),
    "heard": Path(listens=True, runs=2),
    "heard off": Path(listens=True, max_plans=0),
    "executor": Path(executor=RecordingExecutor),
    "vm warm": Path(use_vm=True, runs=2),
    "vm off": Path(use_vm=True, max_plans=0),
    "vm yielding": Path(use_vm=True, slice_ms=0),
    "vm heard": Path(use_vm=True, listens=True),
    "written": Path(write_after=1, runs=2),
    "written yielding": Path(write_after=1, slice_ms=0),
    "written flickering": Path(write_after=2, flickers=True),
    "written heard": Path(write_after=1, listens=True, runs=2),
    "vm written": Path(use_vm=True, write_after=1, runs=2),
    "vm written yielding": Path(use_vm=True, write_after=1, slice_ms=0),
    "vm written heard": Path(use_vm=True, write_after=1, listens=True),
    "vm written flickering": Path(use_vm=True, write_after=2, flickers=True),
}
"""``warm`` is cold the first time. All but the written ones interpret every plan."""

USUAL = tuple(name for name, path in PATHS.items() if path.write_after == NEVER)
WRITTEN = tuple(name for name in PATHS if name not in USUAL)


class Outcome(NamedTuple):
    """What came of one run."""

    path: Path
    value: Any
    error: BaseException | None
    totals: cs.Stats
    events: list[cs.Event] | None
    world: World
    programs: Counter[str]
    """What the programs did that plans were written out as, in all runs by this path: how often
    they were ``entered``, came ``round``, ``refused`` a target after that, ``stopped`` in a frame
    and ``raised``."""

    @property
    def trace(self) -> list[Mark]:
        """What the tasks noted."""
        return self.world.trace

    @property
    def summary(self) -> Any:
        """What runs that are alike have in common."""
        error = None
        if self.error is not None:
            notes = getattr(self.error, "__notes__", [])
            error = type(self.error), str(self.error), notes
        return self.value, error, self.totals.tasks, self.totals.iterations, self.trace


class _LastRun:
    """An observer that keeps the latest run."""

    def run_started(self, run: cs.Run) -> None:
        self.run = run


def _flicker(bus: cs.MessageBus) -> Callable[[], None]:
    """Let a listener come, and go, at every seventh call."""
    calls = itertools.count(1)
    stop: list[Callable[[], None]] = []

    def disturb() -> None:
        if next(calls) % 7 == 0:
            stop.pop()() if stop else stop.append(bus.subscribe(cs.Event, lambda event: None))

    return disturb


@contextmanager
def _written(write_after: int) -> Iterator[Counter[str]]:
    """Have plans written out after so many frames, and count what their programs do."""
    counts: Counter[str] = Counter()
    has_run = cache.CachedPlan.has_run

    def run_and_watch(plan: cache.CachedPlan, *frame: Any) -> None:
        known = set(plan.programs)
        has_run(plan, *frame)
        for flavour, program in plan.programs.items():
            if program is not None and flavour not in known:
                program.run = _watched(program.run, counts)

    with (
        mock.patch.object(cache, "WRITE_AFTER", write_after),
        mock.patch.object(cache.CachedPlan, "has_run", run_and_watch),
    ):
        yield counts


def _watched(run: Callable[[Any, Any], Any], counts: Counter[str]) -> Callable[[Any, Any], Any]:
    def watched(target: Any, use: Any) -> Any:
        iterations, refused = use.iterations, use.refused
        counts["entered"] += 1
        try:
            value = run(target, use)
        except BaseException:
            counts["raised"] += 1
            raise
        finally:
            rounds = use.iterations - iterations
            counts["round"] += rounds
            counts["refused"] += rounds > 0 and use.refused > refused
        counts["stopped"] += value is STOPPED
        return value

    return watched


async def run_once(
    engine: cs.Engine,
    program: Program,
    path: Path,
    caches: tuple[Any, ...],
    programs: Counter[str],
) -> Outcome:
    world = World(caches)
    WORLD.set(world)
    events: list[cs.Event] | None = [] if path.listens else None
    stop = engine.bus.subscribe(cs.Event, events.append) if events is not None else None
    if path.flickers:
        world.disturb = _flicker(engine.bus)
    value = error = None
    with cs.observe(last := _LastRun()):
        try:
            async with asyncio.timeout(PATIENCE) as limit:
                value = await engine.run(build(program), PARAMS, use_vm=path.use_vm)
        except Exception as raised:
            assert not limit.expired(), f"the run did not end: {world.trace}"
            error = raised
    world.is_over = True
    if stop is not None:
        stop()
    return Outcome(path, value, error, last.run.totals, events, world, programs)


async def run_by(path: Path, program: Program) -> list[Outcome]:
    """All runs by one path."""
    engine = cs.Engine(
        executor=path.executor and path.executor(),
        plan_cache=cs.PlanCache(path.max_plans),
        resources=RESOURCES,
        slice_ms=path.slice_ms,
    )
    caches = new_caches()
    with _written(path.write_after) as programs:
        return [await run_once(engine, program, path, caches, programs) for _ in range(path.runs)]


def run_by_all(program: Program, names: Iterable[str] = PATHS) -> dict[str, list[Outcome]]:
    """All runs by all paths, on one event loop."""

    async def all_of_them() -> dict[str, list[Outcome]]:
        outcomes = {name: await run_by(PATHS[name], program) for name in names}
        await asyncio.sleep(0)  # whatever still goes on notes that it is late
        return outcomes

    return asyncio.run(all_of_them())
