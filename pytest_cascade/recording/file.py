"""The file that holds the work of all tests: its format, read and written.

Format 1 is JSON: ``{"format": 1, "tests": {node id: {counter: count}}}``. If tests ran other
engines than ``cascade_core``, ``"engines": {engine: {node id: {counter: count}}}`` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.work.record import COUNTERS
from pytest_cascade.writing import write_whole

FORMAT: Final = 1

Counts: TypeAlias = Mapping[str, int]
Recording: TypeAlias = Mapping[str, Mapping[str, Counts]]
"""Engine -> node id -> counter -> count."""


class NoRecordingError(ValueError):
    """A file is not what ``write_recording`` wrote; the text says what is wrong with it."""


def read_recording(path: str) -> Recording:
    """Read what ``write_recording`` wrote.

    Raises:
        NoRecordingError: there is no such file, or it is damaged or something else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as error:
        raise NoRecordingError(error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        raise NoRecordingError(f"no JSON: {error}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise NoRecordingError("it has no 'format'")
    if data["format"] != FORMAT or isinstance(data["format"], bool):
        raise NoRecordingError(f"format {data['format']!r} is unknown, expected {FORMAT}")
    others = data.get("engines", {})
    if not isinstance(others, dict):
        raise NoRecordingError(f"'engines' must be an object, got {others!r}")
    return {
        DEFAULT_ENGINE: _checked_tests(data.get("tests"), "'tests'"),
        **{name: _checked_tests(tests, f"'engines' {name!r}") for name, tests in others.items()},
    }


def write_recording(path: str, recording: Recording) -> None:
    """Write ``recording``, wholly or not at all: readers see the old file or the new one.

    Tests are sorted, a line each, so that equal work gives equal files and changes read well.

    Raises:
        OSError: the file cannot be written; the old one stays.
    """
    tests = recording.get(DEFAULT_ENGINE, {})
    others = sorted((name, each) for name, each in recording.items() if name != DEFAULT_ENGINE)
    parts = [f'"format": {FORMAT}', f'"tests": {_lines(tests)}']
    if others:
        engines = ",\n".join(f"{json.dumps(name)}: {_lines(each)}" for name, each in others)
        parts.append(f'"engines": {{\n{engines}\n}}')
    write_whole(path, "{\n" + ",\n".join(parts) + "\n}\n")


def _lines(tests: Mapping[str, Counts]) -> str:
    lines = [f"{json.dumps(test)}: {json.dumps(tests[test])}" for test in sorted(tests)]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"


def _checked_tests(tests: Any, what: str) -> Mapping[str, Counts]:
    if not isinstance(tests, dict):
        raise NoRecordingError(f"{what} must be an object, got {tests!r}")
    for test, counts in tests.items():
        if not isinstance(counts, dict):
            raise NoRecordingError(f"{what} of {test!r} must be an object, got {counts!r}")
        for counter, count in counts.items():
            if counter not in COUNTERS:
                raise NoRecordingError(f"{what} of {test!r} has an unknown count {counter!r}")
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise NoRecordingError(f"{counter} of {test!r} must be an int >= 0, got {count!r}")
    return tests
