"""Ways to run a target that must come to the same; the fixture ``way`` gives each in turn."""

from __future__ import annotations

from typing import Any

from fakes import EventLog, RecordingExecutor

import cascade_core as cs

WAYS = ("graph", "listener", "vm", "executor")


def engine_of(way: str, **options: Any) -> cs.Engine:
    """An engine for a way: one that somebody listens to, or with a user's executor."""
    executor = RecordingExecutor() if way == "executor" else None
    engine = cs.Engine(executor=executor, **options)
    if way == "listener":
        EventLog(engine)
    return engine


async def run(way: str, target: cs.LazyResult[Any], params: Any = None, **options: Any) -> Any:
    """Run a target on an engine of its own."""
    return await engine_of(way, **options).run(target, params, use_vm=way == "vm")
