"""Every way to run a program through the engine, and what came of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from fakes import RecordingExecutor

import cascade_core as cs
from oracle.language import ENVIRONMENT, PARAMS, Program
from oracle.tasks import RESOURCES, WORLD, Mark, World, build, new_caches

os.environ.update(ENVIRONMENT)

PATIENCE = 20.0
"""Seconds for one run, so that one that waits for ever fails; none takes a hundredth of it."""


class Path(NamedTuple):
    """One way to run a target."""

    use_vm: bool = False
    listens: bool = False
    max_plans: int = 1024
    slice_ms: float = 1.0
    executor: Any = None
    runs: int = 1
    """How often it is run, one run after the other, on one engine with one set of caches."""


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
}
"""``warm`` is cold the first time."""


class Outcome(NamedTuple):
    """What came of one run."""

    path: Path
    value: Any
    error: BaseException | None
    totals: cs.Stats
    events: list[cs.Event] | None
    world: World

    @property
    def trace(self) -> list[Mark]:
        """What the tasks noted."""
        return self.world.trace

    @property
    def summary(self) -> Any:
        """What runs that are alike have in common."""
        error = None if self.error is None else (type(self.error), str(self.error))
        return self.value, error, self.totals.tasks, self.totals.iterations, self.trace


class _LastRun:
    """An observer that keeps the latest run."""

    def run_started(self, run: cs.Run) -> None:
        self.run = run


async def run_once(
    engine: cs.Engine, program: Program, path: Path, caches: tuple[Any, ...]
) -> Outcome:
    world = World(caches)
    WORLD.set(world)
    events: list[cs.Event] | None = [] if path.listens else None
    stop = engine.bus.subscribe(cs.Event, events.append) if events is not None else None
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
    return Outcome(path, value, error, last.run.totals, events, world)


async def run_by(path: Path, program: Program) -> list[Outcome]:
    """All runs by one path."""
    engine = cs.Engine(
        executor=path.executor and path.executor(),
        plan_cache=cs.PlanCache(path.max_plans),
        resources=RESOURCES,
        slice_ms=path.slice_ms,
    )
    caches = new_caches()
    return [await run_once(engine, program, path, caches) for _ in range(path.runs)]


def run_by_all(program: Program, names: Iterable[str] = PATHS) -> dict[str, list[Outcome]]:
    """All runs by all paths, on one event loop."""

    async def all_of_them() -> dict[str, list[Outcome]]:
        outcomes = {name: await run_by(PATHS[name], program) for name in names}
        await asyncio.sleep(0)  # whatever still goes on notes that it is late
        return outcomes

    return asyncio.run(all_of_them())
