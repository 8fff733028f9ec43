"""Runs that belong to no test because an earlier one left something running: told at the end."""

from __future__ import annotations

from typing import Any, Final

import pytest

from .concern import recorder_of

OUTPUT_KEY: Final = "cascade_leftovers"
"""Where an xdist worker puts them: runs by node id."""


def send(config: pytest.Config) -> None:
    """Hand over what this process found, if it is an xdist worker."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[OUTPUT_KEY] = dict(recorder_of(config).leftovers)


def receive(node: Any) -> None:
    """Add what an xdist worker found; one that crashed has handed over nothing."""
    output = getattr(node, "workeroutput", None) or {}
    if OUTPUT_KEY in output:
        recorder_of(node.config).leftovers.update(output[OUTPUT_KEY])


def tell(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write one line if there is something to tell."""
    counts = recorder_of(config).leftovers
    if counts:
        from .report.terminal import leftovers

        reporter.section("cascade")
        reporter.write_line(leftovers(counts), yellow=True)
