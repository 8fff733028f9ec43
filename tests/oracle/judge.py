"""One program before the oracle: run it in every way, and hold every run to the reference."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from oracle.checks import check_failure, check_run, check_siblings, check_success, expect
from oracle.language import Program
from oracle.paths import PATHS, Outcome, run_by_all
from oracle.reference import CLOSING_FAILED, Reference, Work

NODE_BY_NODE = tuple(name for name in PATHS if name != "executor")
"""The executor's path starts all that is ready before any of it can fail."""


def expected_work(program: Program) -> tuple[Work, Work]:
    """What must come of the first run on an engine, and of the second.

    The second run of a failing program is only known to fail: which values the first left in result
    caches depends on the order of its nodes. It is known better if all nodes of the first have run:
    where closing a resource failed, and no node, the second may find all it needs in caches.
    """
    reference = Reference()
    first = reference.run(program)
    all_have_run = not first.failures or first.failures == [CLOSING_FAILED]
    return first, reference.run(program) if all_have_run else first


class Judgement(NamedTuple):
    """What a program comes to, if all is well."""

    first: Work
    """What the reference says of the first run."""
    second: Work
    """And of all others."""
    programs: frozenset[str]
    """What the programs did that plans were written out as, by kind of path."""


def judge(program: Program, is_sync: bool = False, names: Iterable[str] = PATHS) -> Judgement:
    """Fail unless every run does what the reference says.

    Args:
        program: The program.
        is_sync: Whether it awaits nothing: then all that runs node by node must run alike.
        names: The paths.
    """
    works = expected_work(program)
    with _quiet_caches():
        outcomes = run_by_all(program, names)
    for name, runs in outcomes.items():
        for number, outcome in enumerate(runs):
            work = works[min(number, 1)]
            try:
                check_run(outcome)
                check = check_failure if work.failures else check_success
                check(outcome, work)
                if is_sync and not work.failures:
                    check_siblings(outcome, work)
            except AssertionError as error:
                error.add_note(f"path {name!r}, run {number + 1}")
                raise
    if is_sync:
        _check_alike({name: outcomes[name][0] for name in outcomes if name in NODE_BY_NODE})
    return Judgement(*works, _what_programs_did(outcomes))


def _what_programs_did(outcomes: dict[str, list[Outcome]]) -> frozenset[str]:
    return frozenset(
        f"program on the {'VM' if runs[0].path.use_vm else 'graph path'}: {what}"
        for runs in outcomes.values()
        for what, count in runs[0].programs.items()
        if count
    )


def _check_alike(outcomes: dict[str, Outcome]) -> None:
    """All paths do the same in the same order, failing programs included."""
    first, *others = outcomes.items()
    for name, outcome in others:
        expect(f"{name!r} beside {first[0]!r}", outcome.summary, first[1].summary)
        if not (outcome.path.use_vm or first[1].path.use_vm):
            expect(f"lookups of {name!r}", outcome.totals.lookups, first[1].totals.lookups)


@contextmanager
def _quiet_caches() -> Iterator[None]:
    """Without the warnings about caches that are broken on purpose."""
    log = logging.getLogger("cascade_core.cache")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
