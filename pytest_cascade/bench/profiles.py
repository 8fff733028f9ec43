"""Profiles: one extra round of a contender, looked at by a profiler."""

from __future__ import annotations

import cProfile
import re
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from .passes import Instrument

LONGEST: Final = 180
"""Characters of a file's name that tell what is in it."""


class Profile(Instrument, Protocol):
    """An instrument that leaves a file."""

    def write(self, stem: str) -> str:
        """Write what was seen.

        Args:
            stem: The path without the ending that tells what kind of file it is.

        Returns:
            The whole path.
        """


class CProfile:
    """A profile of ``cProfile``, for ``pstats`` and whatever draws its files."""

    def __init__(self) -> None:
        self.profile = cProfile.Profile()

    def start(self) -> None:
        """Watch from here."""
        self.profile.enable()

    def stop(self) -> None:
        """Watch no more."""
        self.profile.disable()

    def write(self, stem: str) -> str:
        """Write it as ``.prof``."""
        path = f"{stem}.prof"
        self.profile.dump_stats(path)
        return path


class Pyinstrument:
    """A profile of pyinstrument, as a page to look at."""

    def __init__(self) -> None:
        from pyinstrument import Profiler

        self._profiler: Any = Profiler(interval=0.0001)

    def start(self) -> None:
        """Watch from here."""
        self._profiler.start()

    def stop(self) -> None:
        """Watch no more."""
        self._profiler.stop()

    def write(self, stem: str) -> str:
        """Write it as ``.html``."""
        path = f"{stem}.html"
        Path(path).write_text(self._profiler.output_html(), encoding="utf-8")
        return path


def new_profile() -> Profile:
    """Make a profile: pyinstrument's if it is installed, else one of ``cProfile``."""
    is_installed = find_spec("pyinstrument") is not None
    return Pyinstrument() if is_installed else CProfile()


def write(profile: Profile, folder: str, test: str, contender: str) -> str:
    """Write a profile into a folder, which is made if it is not there.

    Returns:
        The path of the file, named by the test and the contender.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    return profile.write(str(Path(folder, file_name(test, contender))))


def file_name(*parts: str) -> str:
    """Name a file by a test and a contender, with nothing in it that a file system dislikes."""
    name = "-".join(parts)
    for usual in ("::", "/", "["):
        name = name.replace(usual, "-")
    name = name.replace("]", "")
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:LONGEST]
    return plain if plain == name else f"{plain}-{zlib.crc32(name.encode()):08x}"
