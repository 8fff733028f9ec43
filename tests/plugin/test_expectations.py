"""Expectations held against records, without any pytest or engine."""

from collections import Counter

import pytest

from pytest_cascade.bounds import Bound, at_least, at_most, exactly
from pytest_cascade.expectations import COUNTED, Expectation, violations
from pytest_cascade.work.record import COUNTERS, WorkRecord


def said(counter, bound, record, task=None, **context):
    expected = Expectation("claim", counter, bound, task)
    records = {record.engine: record}
    return [str(each) for each in violations([expected], records, **context)]


@pytest.mark.parametrize("counter", COUNTED)
def test_every_counter_is_read_from_its_own_field(counter):
    counts = {name: number for number, name in enumerate(COUNTERS, 2)}
    record = WorkRecord(**counts)

    assert not said(counter, exactly(counts[counter]), record)
    assert said(counter, exactly(0), record) == [
        f"claim: {COUNTED[counter].verdict}".format(times=f"{counts[counter]} times")
    ]


def test_every_counter_of_a_record_can_be_expected():
    assert set(COUNTED) == set(COUNTERS)


@pytest.mark.parametrize(
    ("bound", "admitted"),
    [
        (exactly(2), {2}),
        (at_least(2), {2, 3, 4}),
        (at_most(2), {0, 1, 2}),
        (Bound(1, 3), {1, 2, 3}),
    ],
)
def test_bound_admits_both_its_ends(bound, admitted):
    assert {count for count in range(5) if bound.admits(count)} == admitted


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (exactly(2), "2"),
        (at_least(2), "at_least(2)"),
        (at_most(2), "at_most(2)"),
        (Bound(1, 3), "at_least(1) and at_most(3)"),
    ],
)
def test_bound_reads_as_it_was_written(bound, text):
    assert repr(bound) == text


@pytest.mark.parametrize("make", [at_least, at_most])
@pytest.mark.parametrize("count", [-1, True, 1.5, "1", None])
def test_bound_refuses_what_is_no_count(make, count):
    with pytest.raises(ValueError, match=f"^{make.__name__} must be an int >= 0, got "):
        make(count)


def test_one_time_is_singular():
    record = WorkRecord(runs=1, resolves=1)

    assert said("resolves", exactly(0), record) == ["claim: the solver was called 1 time"]


def test_nothing_ran_is_a_violation_of_any_bound():
    assert said("resolves", at_least(0), WorkRecord()) == ["claim: no engine ran in this test"]
    assert said("resolves", at_least(0), WorkRecord(), place="this block") == [
        "claim: no engine ran in this block"
    ]


def test_run_that_was_under_way_already_is_an_engine_that_ran():
    assert not said("resolves", exactly(0), WorkRecord(carried=1))


def test_named_task_is_known_if_executed_seen_or_alive():
    record = WorkRecord(runs=1, tasks=Counter(ran=1), names=frozenset({"seen"}))

    assert not said("executions", exactly(1), record, "ran")
    assert not said("executions", exactly(0), record, "seen")
    assert not said("executions", exactly(0), record, "alive", alive={"alive"})
    assert said("executions", exactly(0), record, "typo", alive={"alive"}) == [
        "claim: no task is called 'typo', known: 'ran', 'seen', 'alive'"
    ]


def test_long_list_of_known_tasks_is_cut():
    record = WorkRecord(runs=1, names=frozenset(f"t{number:02}" for number in range(23)))

    [text] = said("executions", exactly(0), record, "typo")
    assert text.endswith("'t19' and 3 more")


def test_difference_of_records_is_what_happened_between():
    before = WorkRecord(runs=1, running=1, hits=2, tasks=Counter(a=1), nodes=3)
    after = WorkRecord(runs=3, running=0, hits=7, tasks=Counter(a=4, b=1), nodes=5)

    between = after - before

    assert (between.runs, between.carried, between.hits, between.nodes) == (2, 1, 5, 2)
    assert between.tasks == Counter(a=3, b=1)
