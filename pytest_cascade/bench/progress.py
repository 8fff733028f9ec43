"""How far a measurement is, on the terminal while it runs."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

import pytest

from .measure import Progress, Schedule

ERASE_LINE = "\r\x1b[2K"


class Line(Progress):
    """One line that is written over with each round, and gone at the end."""

    def __init__(self, stream: TextIO, test: str) -> None:
        self._stream = stream
        self._test = test

    def show(self, done: int, planned: int, seconds_left: float) -> None:
        """Write how many rounds are done and how long the others will take."""
        left = f", {seconds_left:.0f} s left" if done else ""
        how_far = f": round {done + 1} of {planned}{left}"
        room = max(shutil.get_terminal_size().columns - len(how_far) - 1, 0)
        self._stream.write(f"{ERASE_LINE}{self._test[:room]}{how_far}")
        self._stream.flush()

    def clear(self) -> None:
        """Erase the line."""
        self._stream.write(ERASE_LINE)
        self._stream.flush()


def progress_for(config: pytest.Config, item: pytest.Item, schedule: Schedule) -> Progress:
    """Choose who is told: nobody where output is captured or goes to no terminal."""
    is_shown = schedule.is_timed and config.getoption("capture", "no") == "no"
    return Line(sys.stderr, item.name) if is_shown and sys.stderr.isatty() else Progress()
