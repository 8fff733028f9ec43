"""Runs that belong to no test because an earlier one left something running: told at the end."""

from __future__ import annotations

from typing import Any, Final

import pytest

from .judging import RECORDER
from .report import terminal

OUTPUT_KEY: Final = "cascade_leftovers"
"""Where an xdist worker puts them: runs by node id."""


def send(config: pytest.Config) -> None:
    """Hand over what this process found, if it is an xdist worker."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[OUTPUT_KEY] = dict(config.stash[RECORDER].leftovers)


def receive(node: Any) -> None:
    """Add what an xdist worker found; one that crashed has handed over nothing."""
    output = getattr(node, "workeroutput", None) or {}
    node.config.stash[RECORDER].leftovers.update(output.get(OUTPUT_KEY, {}))


def tell(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write one line if there is something to tell."""
    counts = config.stash[RECORDER].leftovers
    if counts:
        reporter.section("cascade")
        reporter.write_line(terminal.leftovers(counts), yellow=True)
