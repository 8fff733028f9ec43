"""A finished benchmark: told to whoever listens, then held against what the test claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from pytest_cascade.carrier import carry
from pytest_cascade.concern import recorder_of
from pytest_cascade.errors import UnexpectedSpeed, UnexpectedWork
from pytest_cascade.expectations import Expectation, violations
from pytest_cascade.options import SETTINGS
from pytest_cascade.probes.known import ENGINES
from pytest_cascade.reading import expectations_of
from pytest_cascade.report import figures
from pytest_cascade.verdict import failure_text, known_tasks
from pytest_cascade.work.window import Window

from . import profiles, pytest_benchmark
from .benchmark import Benchmark
from .judgement import Judged
from .results import Contender, Results
from .summary import as_plain_data, extra_info


def settle(
    item: pytest.Item,
    window: Window,
    benchmark: Benchmark,
    results: Results,
    options: Mapping[str, Any],
) -> None:
    """Tell what was measured and judge it.

    Args:
        item: The test.
        window: Its call phase.
        benchmark: How it was measured.
        results: What was found.
        options: Those of the marker ``cascade_bench``.

    Raises:
        UnexpectedWork: what the test claims does not hold.
    """
    __tracebackhide__ = True
    if item.config.stash[SETTINGS].bench:
        results = _told(item, window, benchmark, results, options)
    _judge_work(item, window, results, options.get("baseline"))
    _judge_figures(item, results.judged)


def _told(
    item: pytest.Item,
    window: Window,
    benchmark: Benchmark,
    results: Results,
    options: Mapping[str, Any],
) -> Results:
    window.is_measured = True
    window.benchmarks += 1
    label = "" if window.benchmarks == 1 else str(window.benchmarks)
    results = _with_profiles(item, benchmark, results, label)
    carry(item, "benches", [as_plain_data(results, benchmark.schedule, options)])
    if pytest_benchmark.wants_results(item.config):
        pytest_benchmark.hand_over(
            item,
            results.values(),
            benchmark.schedule,
            label=label,
            extra=extra_info(results),
            profiles=benchmark.shown,
        )
    item.ihook.pytest_cascade_bench_finished(results=results)
    return results


def _with_profiles(
    item: pytest.Item, benchmark: Benchmark, results: Results, label: str
) -> Results:
    folder = item.config.stash[SETTINGS].bench_profile
    if folder is None:
        return results
    test = f"{item.nodeid}-{label}" if label else item.nodeid
    paths = {
        name: profiles.write(profile, folder, test, name)
        for name, profile in benchmark.written.items()
    }
    return results.with_profiles(paths)


def _judge_work(item: pytest.Item, window: Window, results: Results, baseline: str | None) -> None:
    """Hold the count markers against each round, in place of the whole test.

    Raises:
        UnexpectedWork: a round did other work than is claimed.
    """
    __tracebackhide__ = True
    window.judged.add(item.config.stash[ENGINES].default)
    for name, contender in results.items():
        expected = _expected(item, contender)
        window.judged |= {each.engine for each in expected}
        if name == baseline and not contender.ran_engine:
            continue
        alive = known_tasks(recorder_of(item.config), expected)
        for number, each in enumerate(contender.rounds, 1):
            found = violations(expected, each.records, place="this round", alive=alive)
            if found:
                text = failure_text(item.config, found, each.records)
                raise UnexpectedWork(f"{name}, round {number} of {len(contender.rounds)}: {text}")


def _expected(item: pytest.Item, contender: Contender) -> list[Expectation]:
    ran = {
        engine
        for each in contender.rounds
        for engine, record in each.records.items()
        if record.any_ran
    }
    return expectations_of(item, ran)


def _judge_figures(item: pytest.Item, judged: Iterable[Judged]) -> None:
    """Fail for what is clear, or for anything else that does not hold if the user is strict.

    Raises:
        UnexpectedSpeed: a contender is slower, or faster, than is claimed.
        UnexpectedWork: an iteration costs more, or less, than is claimed.
    """
    __tracebackhide__ = True
    is_strict = item.config.stash[SETTINGS].bench_strict
    wrong = [
        each
        for each in judged
        if each.verdict == "fail" or (is_strict and each.verdict == "inconclusive")
    ]
    if wrong:
        kinds = {each.claim.figure for each in wrong}
        raised = UnexpectedWork if kinds == {"cost"} else UnexpectedSpeed
        raise raised("\n".join(map(figures.verdict_line, wrong)))
