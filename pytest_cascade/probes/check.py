"""Whether a probe keeps the promises of ``EngineProbe``: for those who write one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, NoReturn, TypeAlias

from pytest_cascade.bounds import checked_count
from pytest_cascade.counted import COUNTED
from pytest_cascade.work.record import WorkRecord
from pytest_cascade.work.recorder import FLUSH_TIMEOUT_S, Ear, Recorder
from pytest_cascade.work.window import Window

from .base import EngineProbe
from .known import Engines

Work: TypeAlias = Callable[[], object]

TEST: Final = "check_probe"
"""The node id that a probe is told."""


def check_probe(probe: EngineProbe, work: Work, counts: Mapping[str, int]) -> None:
    """Hold a probe to the promises of ``EngineProbe``.

    The engine is imported. Twice the probe is attached, ``work`` is done in this thread and in
    another one, and done once more when the probe is detached.

    Args:
        probe: The probe, not attached.
        work: Makes the engine do something, the same each time: with a new function, say, if what
            was done before is cached.
        counts: What one call of ``work`` is to be counted as, by the names of the counters; those
            left out are to be 0.

    Raises:
        AssertionError: a promise is broken; the text says which, in one line.
        pytest.UsageError: it is no probe at all: an attribute is missing or wrong.
        ValueError: ``counts`` has a name that is no counter, or all are 0.
    """
    _check_counts(counts)
    engines = Engines()
    engines.add([probe])
    capabilities = engines.capabilities[probe.engine]
    for counter, count in counts.items():
        if counter not in capabilities:
            _broken(probe, f"capabilities() leave out {counter}, which are to be {count}")
    for _ in range(2):
        before = dict(_attributes(probe))
        recorder = Recorder({})  # that knows no probe: it is attached here
        _called(probe, "attach", Ear(recorder, probe.engine))
        try:
            for call in (work, lambda: _in_a_thread(work)):
                record = _watched(recorder, probe, call)
                _check_record(probe, record, counts, capabilities)
            _check_known_tasks(probe)
        except BaseException:
            with suppress(Exception):
                probe.detach()
            raise
        _called(probe, "detach")
        if _heard(recorder, probe, work).any_ran:
            _broken(probe, "it tells of the engine after detach()")
        after = dict(_attributes(probe))
        changed = sorted(name for name in before if after.get(name) is not before[name])
        if changed:
            _broken(probe, f"detach() does not restore {', '.join(changed)}")


def _check_counts(counts: Mapping[str, int]) -> None:
    for counter in counts:
        if counter not in COUNTED:
            valid = ", ".join(sorted(COUNTED))
            raise ValueError(f"check_probe: no counter {counter!r}, valid: {valid}")
        checked_count(counts[counter], f"check_probe: {counter}")
    if not any(counts.values()):
        raise ValueError("check_probe: counts are all 0, expected work that can be seen")


def _watched(recorder: Recorder, probe: EngineProbe, work: Work) -> WorkRecord:
    """What is told of ``work`` by an attached probe."""

    def scope() -> None:
        if hasattr(probe, "begin"):
            _called(probe, "begin", TEST)
        work()
        if hasattr(probe, "flush") and _called(probe, "flush", FLUSH_TIMEOUT_S) is not True:
            _broken(probe, "flush() does not say that all events are here")
        if hasattr(probe, "end"):
            _called(probe, "end", TEST)

    return _heard(recorder, probe, scope)


def _heard(recorder: Recorder, probe: EngineProbe, work: Work) -> WorkRecord:
    """What the recorder hears while ``work`` is done."""
    window = Window(TEST)
    token = recorder.open(window)
    try:
        work()
    finally:
        records = recorder.close(window, token)
    for text in recorder.failed.values():
        _broken(probe, text)
    return records.get(probe.engine, WorkRecord(engine=probe.engine))


def _check_record(
    probe: EngineProbe,
    record: WorkRecord,
    counts: Mapping[str, int],
    capabilities: Mapping[str, str],
) -> None:
    if not record.any_ran:
        _broken(probe, "it tells nothing while the engine works")
    for counter in sorted(capabilities):
        expected, got = counts.get(counter, 0), getattr(record, counter)
        is_bound = capabilities[counter] == "lower_bound"
        if got > expected or (got < expected and not is_bound):
            _broken(
                probe,
                f"{counter} are to be {expected}, got {got} "
                "(of one call of work, which has to do the same each time)",
            )


def _check_known_tasks(probe: EngineProbe) -> None:
    if hasattr(probe, "known_tasks"):
        names = list(_called(probe, "known_tasks"))
        if not all(isinstance(name, str) for name in names):
            _broken(probe, f"known_tasks() are strings, got {names!r}")


def _called(probe: EngineProbe, method: str, *args: object) -> Any:
    try:
        return getattr(probe, method)(*args)
    except Exception as error:
        raise AssertionError(_text(probe, f"{method}() raised {error!r}")) from error


def _in_a_thread(work: Work) -> None:
    """Do ``work`` in another thread; its error is raised here."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _attributes(probe: EngineProbe) -> Iterator[tuple[str, object]]:
    """What a probe may wrap: the functions and flags of the engine's modules and their classes."""
    for trigger in probe.triggers:
        for name, value in vars(import_module(trigger)).items():
            if callable(value) or isinstance(value, bool):
                yield f"{trigger}.{name}", value
            if isinstance(value, type) and value.__module__ == trigger:
                for inner, attribute in vars(value).items():
                    yield f"{trigger}.{name}.{inner}", attribute


def _broken(probe: EngineProbe, promise: str) -> NoReturn:
    raise AssertionError(_text(probe, promise))


def _text(probe: EngineProbe, promise: str) -> str:
    return f"broken promise of the probe of {probe.engine!r}: {promise}"
