"""What a recorder could not book on any test, and probes that failed: told at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from .concern import recorder_of
from .words import first_few, runs_were

OUTPUT_KEY: Final = "cascade_leftovers"
"""Where an xdist worker puts them: runs by node id, and texts by engine."""

TESTS_TOLD: Final = 5
"""So many tests are named in the line about leftovers."""


def send(config: pytest.Config) -> None:
    """Hand over what this process found, if it is an xdist worker."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        recorder = recorder_of(config)
        output[OUTPUT_KEY] = [dict(recorder.leftovers), dict(recorder.failed)]


def receive(node: Any) -> None:
    """Add what an xdist worker found; one that crashed has handed over nothing."""
    output = getattr(node, "workeroutput", None) or {}
    if OUTPUT_KEY in output:
        recorder = recorder_of(node.config)
        leftovers, failed = output[OUTPUT_KEY]
        recorder.leftovers.update(leftovers)
        recorder.failed.update(failed)


def lines(config: pytest.Config) -> Iterator[str]:
    """What there is to tell, a line each."""
    recorder = recorder_of(config)
    if recorder.leftovers:
        yield leftovers(recorder.leftovers)
    for engine, text in sorted(recorder.failed.items()):
        yield f"cascade: the probe of {engine!r} failed: {text}"


def leftovers(counts: Mapping[str, int]) -> str:
    """Say how many runs were not counted, by the node id of the test that they came from."""
    total = sum(counts.values())
    named = [f"{test} ({count})" for test, count in sorted(counts.items())]
    what = f"{runs_were(total)} started by what an earlier test left running, and not counted"
    return f"cascade: {what}: {first_few(named, TESTS_TOLD)}"
