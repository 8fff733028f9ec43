"""Hooks and a probe as a user types them: held to be clean by type checkers, and run.

Beside the other suites it is their ``conftest.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

import cascade_core as cs
from pytest_cascade import Capability, Emit, EngineProbe, Event, Results, WorkRecord, check_probe

FORMULAS: list[str] = []
"""What the toy engine compiles: a formula that is not there yet."""


class Toys(list[str]):
    """An engine: compiles what is appended."""

    emit: Emit | None = None

    def append(self, formula: str) -> None:
        if self.emit is not None:
            self.emit(Event("toy", "resolve", "compile", formula, reason="first_seen", nodes=2))


TOYS = Toys()


class ToyProbe:
    """Has all that a probe may have."""

    engine = "toy"
    triggers = ("a_toy_that_is_not_installed",)

    def capabilities(self) -> Mapping[str, Capability]:
        return {"resolves": "exact", "hits": "none"}

    def attach(self, emit: Emit) -> None:
        TOYS.emit = emit

    def detach(self) -> None:
        TOYS.emit = None

    def begin(self, test: str) -> None:
        assert test

    def end(self, test: str) -> None:
        assert test

    def flush(self, timeout_s: float) -> bool:
        return timeout_s > 0

    def known_tasks(self) -> Iterable[str]:
        return ("a",)


def pytest_cascade_probes() -> Sequence[EngineProbe]:
    return [ToyProbe()]


def pytest_cascade_make_engine(
    request: pytest.FixtureRequest, options: Mapping[str, Any]
) -> cs.Engine | None:
    if "max_plans" not in options:
        return None
    solver: cs.Solver = options["solver"]
    return cs.Engine(solver, plan_cache=cs.PlanCache(options["max_plans"]))


def pytest_cascade_test_finished(item: pytest.Item, record: WorkRecord) -> None:
    fallbacks: tuple[str, ...] = record.fallbacks
    assert item.nodeid
    assert record.engine in {"cascade_core", "toy"}
    assert record.iterations >= 0
    assert fallbacks == ()


def pytest_cascade_bench_finished(results: Results) -> None:
    for name, contender in results.items():
        assert contender.name == name
        assert contender.ns_per_iteration > 0


@pytest.fixture
def toy() -> Toys:
    return TOYS


@pytest.fixture(scope="session", autouse=True)
def probe_keeps_its_promises() -> None:
    """Checked before any test, for there is one toy engine alone."""
    check_probe(ToyWithATrigger(), lambda: TOYS.append("a"), {"resolves": 1})


class ToyWithATrigger(ToyProbe):
    """A check imports the triggers."""

    triggers = ("json",)
