"""What the page shows, before it is drawn. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pytest_cascade.carrier import PlainData
from pytest_cascade.recording.file import Counts

Outcome: TypeAlias = Literal["unexpected", "failed", "skipped", "xfailed", "xpassed", "passed"]
"""``unexpected``: failed for the work that was done."""

WORDS: Final[Mapping[Outcome, str]] = {
    "unexpected": "unexpected work",
    "failed": "failed",
    "skipped": "skipped",
    "xfailed": "expected failure",
    "xpassed": "unexpected pass",
    "passed": "passed",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed otherwise than by its work, or a file that could not be collected."""

    name: str
    """Node id."""
    phase: str
    """``collection setup call teardown``."""
    message: str
    """The first line of what went wrong."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a test, by its last attempt."""

    name: str
    """Node id, without what xdist adds."""
    outcome: Outcome
    """How it ended."""
    verdict: str = ""
    """What was wrong with its work."""
    counts: Mapping[str, Counts] = field(default_factory=dict)
    """What it did: engine -> counter -> count."""
    before: Mapping[str, Counts] = field(default_factory=dict)
    """The same by the recording that it is compared with."""
    bounds: Sequence[tuple[str, bool]] = ()
    """What was claimed of its work, and whether that holds."""
    work: Mapping[str, PlainData] = field(default_factory=dict)
    """What ``told.told_of`` told of each engine."""
    benches: Sequence[PlainData] = ()
    """What ``bench.summary.as_plain_data`` told of each benchmark."""

    @property
    def engines(self) -> Sequence[str]:
        """The engines that it has a row for: one at least, if something is wrong with its work."""
        found = sorted({*self.counts, *(self.before if self.verdict else ())})
        return found or ([""] if self.verdict else [])


@dataclass(frozen=True, slots=True)
class Session:
    """All that is known of a session."""

    rootdir: str
    """Paths below it are shown relative to it."""
    tests: Sequence[Entry]
    """Sorted by name."""
    failures: Sequence[Failure] = ()
    """What failed otherwise, sorted."""
    is_whole: bool = True
    """Whether the session ran to its end."""
    compared_with: str | None = None
    """The recording that its work is compared with, as texts call it."""

    @property
    def unexpected(self) -> Iterator[Entry]:
        """The tests that failed for their work."""
        return (test for test in self.tests if test.outcome == "unexpected")
