"""What must hold of a run: compared with the reference, and by itself.

Each check raises ``AssertionError``; ``differences`` names what differs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import cascade_core as cs
from oracle.language import CAPACITIES
from oracle.paths import Outcome
from oracle.reference import NEEDS, Attempt, Failure, Work
from oracle.tasks import Mark

Spans = dict[Attempt, tuple[int, int]]
"""The positions in the trace where attempts started and ended."""


def expect(what: str, found: Any, expected: Any) -> None:
    """Fail with both sides if they differ."""
    assert found == expected, f"{what}: found {found!r}, expected {expected!r}"


# -- runs that come to a value --------------------------------------------------------------------


def check_success(outcome: Outcome, work: Work) -> None:
    """The value, the counters, the events and the order are those of the reference."""
    if outcome.error is not None:
        raise AssertionError("the run failed") from outcome.error
    expect("value", outcome.value, work.value)
    totals = outcome.totals
    expect("executions", totals.tasks, work.tasks)
    expect("attempts", totals.task_attempts, work.task_attempts)
    expect("reuses", totals.reuses, work.reuses.total())
    expect("iterations", totals.iterations, work.iterations)
    if not outcome.path.use_vm:
        expect("lookups", totals.lookups, work.lookups)
    if outcome.events is not None:
        _check_work_told(outcome.events, work)
    spans = _spans(outcome.trace, work)
    _check_order(outcome.trace, spans)
    _check_amounts(outcome.trace, spans)
    _check_scopes(outcome.trace, spans, work)


def _check_work_told(events: list[Any], work: Work) -> None:
    finished = [e for e in events if isinstance(e, cs.TaskFinished)]
    expect("TaskFinished", Counter((e.task, e.attempts) for e in finished), work.executions)
    expect("their status", {e.status for e in finished} - {"ok"}, set())
    reused = [e.task for e in events if isinstance(e, cs.TaskReused)]
    expect("TaskReused", Counter(reused), work.reuses)
    retrying = [e for e in events if isinstance(e, cs.TaskRetrying)]
    expect(
        "TaskRetrying",
        Counter((e.task, e.attempt, round(e.delay, 9)) for e in retrying),
        work.delays,
    )
    skipped = [e for e in events if isinstance(e, cs.TaskSkipped)]
    expect("TaskSkipped", Counter((e.task, e.reason) for e in skipped), work.skips)


def _check_order(trace: list[Mark], spans: Spans) -> None:
    """Each attempt starts after all that it waits for has ended."""
    for attempt, (start, _) in spans.items():
        for before in attempt.after:
            assert before not in spans or spans[before][1] < start, (
                f"order: {attempt.mark!r} started before {before.mark!r} had ended, in {trace}"
            )


def _spans(trace: list[Mark], work: Work) -> Spans:
    """Where each attempt started and ended; attempts of one mark are in order.

    Left out are calls without an encoding, which may share a mark and overlap, and those that equal
    calls share: which of these runs, and so what comes before, is open.
    """
    found: defaultdict[str, list[list[int]]] = defaultdict(list)
    for position, (what, name) in enumerate(trace):
        if what == "start":
            found[name].append([position])
        elif what == "end":
            found[name][-1].append(position)
    expected: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in work.attempts:
        expected[attempt.mark].append(attempt)
    expect("attempts by label", {k: len(v) for k, v in found.items()}, _lengths(expected))
    return {
        attempt: (span[0], span[1])
        for mark, attempts in expected.items()
        if "Opaque()" not in mark
        for attempt, span in zip(attempts, found[mark], strict=True)
        if not attempt.is_shared
    }


def _lengths(lists: dict[str, list[Any]]) -> dict[str, int]:
    return {key: len(members) for key, members in lists.items()}


def _check_amounts(trace: list[Mark], spans: Spans) -> None:
    """At no moment do the running attempts hold more than there is."""
    changes: list[tuple[int, int, Attempt]] = []
    for attempt, (start, end) in spans.items():
        if attempt.amounts:
            changes += [(start, 1, attempt), (end, -1, attempt)]
    held: Counter[str] = Counter()
    for _, sign, attempt in sorted(changes, key=lambda change: change[0]):
        for name, amount in attempt.amounts.items():
            held[name] += sign * amount
            assert held[name] <= CAPACITIES[name], f"constraint: {held} held, in {trace}"


def _check_scopes(trace: list[Mark], spans: Spans, work: Work) -> None:
    """Resources are open while their iteration, or the run, goes on, and no longer."""
    openings: Counter[str] = Counter()
    opened = [name for what, name in trace if what == "open"]
    expect("openings", Counter(opened), Counter(name for name, _ in work.openings))
    iterations = {
        position: attempt.iteration for attempt, span in spans.items() for position in span
    }
    for position, (what, name) in enumerate(trace):
        if what != "close":
            continue
        openings[name] += 1
        iteration = work.openings[name, openings[name]] or work.iterations
        assert all((found <= iteration) == (at < position) for at, found in iterations.items()), (
            f"scope: {name!r} of iteration {iteration} was not closed at its end, in {trace}"
        )


def check_siblings(outcome: Outcome, work: Work) -> None:
    """Where all tasks are sync, siblings start in declaration order."""
    spans = _spans(outcome.trace, work)
    for siblings in work.siblings:
        starts = [spans[attempt][0] for attempt in siblings if attempt in spans]
        expect(f"order of {[s.mark for s in siblings]}", starts, sorted(starts))


# -- runs that fail -------------------------------------------------------------------------------


def check_failure(outcome: Outcome, work: Work) -> None:
    """It fails, and with one of the failures that may come first."""
    assert outcome.error is not None, f"came to {outcome.value!r}, expected {work.failures}"
    if not any(_is_like(outcome.error, failure) for failure in work.failures):
        message = f"failed with {outcome.error!r}, expected one of {work.failures}"
        raise AssertionError(message) from outcome.error


def _is_like(error: BaseException, failure: Failure) -> bool:
    return type(error).__name__ == failure.kind and failure.text in (None, str(error))


# -- all runs -------------------------------------------------------------------------------------


def check_run(outcome: Outcome) -> None:
    """What holds of every run, failed ones too."""
    counts = outcome.totals.as_dict()
    expect("hits and misses", counts["hits"] + counts["misses"], counts["lookups"])
    expect("resolves", counts["resolves"], counts["misses"])
    expect("builds", counts["builds"], counts["misses"])
    expect("executions by task", outcome.totals.tasks.total(), counts["executions"])
    expect("attempts by task", outcome.totals.task_attempts.total(), counts["attempts"])
    _check_ends(outcome)
    _check_closing(outcome)
    if outcome.events is not None:
        _check_events(outcome, counts)


def _check_ends(outcome: Outcome) -> None:
    """Whatever began has ended, and nothing goes on after the run."""
    whats = Counter(what for what, _ in outcome.trace)
    expect("ends", whats["end"], whats["start"])
    expect("late", [mark for mark in outcome.trace if mark.what.startswith("late")], [])


def _check_closing(outcome: Outcome) -> None:
    """Each resource is closed once, the newest first; the error that ends the run is thrown in."""
    stacks: dict[bool, list[str]] = {True: [], False: []}
    for what, name in outcome.trace:
        stack = stacks[name.startswith("turn")]
        if what == "open":
            stack.append(name)
        elif what == "close":
            expect("newest resource", stack[-1:], [name])
            stack.pop()
            users = [
                user for user in (*stacks[True], *stacks[False]) if name in NEEDS.get(user, ())
            ]
            expect(f"open users of {name!r}", users, [])
    expect("left open", stacks, {True: [], False: []})
    for name, error in outcome.world.thrown:
        assert error is outcome.error, f"{error!r} was thrown into {name!r}: {outcome.error!r}"


def _check_events(outcome: Outcome, counts: dict[str, int]) -> None:
    """Events say what the counters say."""
    events = outcome.events
    assert events is not None
    kinds = Counter(type(event).__name__ for event in events)
    expect("PlanReused", kinds["PlanReused"], counts["hits"])
    expect("PlanResolved", kinds["PlanResolved"], counts["misses"])
    expect("TaskReused", kinds["TaskReused"], counts["reuses"])
    repeats = counts["attempts"] - counts["executions"]
    if outcome.error is None:
        expect("TaskRetrying", kinds["TaskRetrying"], repeats)
    else:  # some may have been cancelled before their next attempt
        assert kinds["TaskRetrying"] >= repeats, f"{kinds} with {counts}"
    started = [event for event in events if isinstance(event, cs.TaskStarted)]
    finished = [event for event in events if isinstance(event, cs.TaskFinished)]
    expect("TaskStarted", Counter(e.task for e in started), outcome.totals.tasks)
    expect(
        "TaskFinished",
        Counter((e.task, id(e.node)) for e in finished),
        Counter((e.task, id(e.node)) for e in started),
    )
    expect("attempts told", sum(e.attempts for e in finished), counts["attempts"])
    expect("RunStarted and RunFinished", (kinds["RunStarted"], kinds["RunFinished"]), (1, 1))
    assert isinstance(events[0], cs.RunStarted), f"first event is {events[0]!r}"
    last = events[-1]
    assert isinstance(last, cs.RunFinished), f"last event is {last!r}"
    expect("status", last.status, "ok" if outcome.error is None else "failed")
