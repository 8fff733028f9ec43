"""Windows and their recorder, driven by hand with runs that are no engine's."""

from collections import Counter
from contextvars import copy_context
from threading import Thread
from types import SimpleNamespace

import pytest

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.work.record import COUNTERS, Resolve, WorkRecord
from pytest_cascade.work.recorder import Ear, Recorder
from pytest_cascade.work.sums import MAX_RESOLVES
from pytest_cascade.work.window import Window


class Engine:
    """An engine as a window knows it: something that can be referred to weakly."""


class Totals:
    """The counters of a run."""

    def __init__(self):
        self.counts = {**dict.fromkeys(COUNTERS, 0), "runs": 1}
        self.tasks = Counter()
        self.task_attempts = Counter()

    def as_dict(self):
        return self.counts


class Run:
    """A run whose counters a test moves."""

    def __init__(self):
        self.engine = Engine()
        self.totals = Totals()

    def iterate(self, count=1):
        self.totals.counts["iterations"] += count


@pytest.fixture
def recorder():
    return Recorder({})


@pytest.fixture
def ear(recorder):
    return Ear(recorder, DEFAULT_ENGINE)


class Opened:
    """A window held open by a with statement."""

    def __init__(self, recorder, test="test"):
        self.recorder = recorder
        self.window = Window(test)

    def __enter__(self):
        self.token = self.recorder.open(self.window)
        return self.window

    def __exit__(self, *error):
        records = self.recorder.close(self.window, self.token)
        self.record = records.get(DEFAULT_ENGINE, WorkRecord())


def in_thread(function):
    thread = Thread(target=function)
    thread.start()
    thread.join()


def test_run_is_readable_while_it_is_under_way(recorder, ear):
    with Opened(recorder) as window:
        run = Run()
        ear.run_started(run)
        run.iterate(3)

        assert window.snapshot().iterations == 3
        assert window.snapshot().running == 1


def test_finished_runs_are_summed(recorder, ear):
    opened = Opened(recorder)
    with opened:
        for _ in range(2):
            run = Run()
            ear.run_started(run)
            run.iterate(2)
            run.totals.tasks["a"] += 1
            ear.run_finished(run)

    assert opened.record.iterations == 4
    assert opened.record.tasks == Counter(a=2)
    assert (opened.record.runs, opened.record.running) == (2, 0)


def test_run_that_outlives_its_window_is_read_when_it_closes(recorder, ear):
    run = Run()
    opened = Opened(recorder)
    with opened as window:
        ear.run_started(run)
        run.iterate()
    run.iterate()
    with Opened(recorder, "next") as other:
        run.iterate()
        ear.run_finished(run)

        assert opened.record.iterations == 1
        assert window.snapshot() == opened.record
        assert other.snapshot().iterations == other.snapshot().runs == 0
    assert not recorder.leftovers


def test_closed_window_takes_no_run(recorder):
    run = Run()
    with Opened(recorder) as window:
        pass

    window.begin(DEFAULT_ENGINE, run)

    assert not window.owns(DEFAULT_ENGINE, run)


def test_run_outside_any_window_is_dropped_in_silence(recorder, ear):
    ear.run_started(Run())

    assert not recorder.leftovers


def test_thread_without_a_token_is_the_tests_own(recorder, ear):
    with Opened(recorder) as window:
        in_thread(lambda: ear.run_started(Run()))

        assert window.snapshot().runs == 1


def test_context_of_an_earlier_test_is_a_leftover(recorder, ear):
    with Opened(recorder, "first"):
        context = copy_context()
    context.run(ear.run_started, Run())
    with Opened(recorder, "second") as window:
        context.run(ear.run_started, Run())

        assert window.snapshot().runs == 0
    assert recorder.leftovers == {"first": 2}


def test_context_of_this_test_counts_in_any_thread(recorder, ear):
    with Opened(recorder, "first") as window:
        context = copy_context()
        in_thread(lambda: context.run(ear.run_started, Run()))

        assert window.snapshot().runs == 1


def test_resolves_of_runs_of_other_windows_are_not_remembered(recorder, ear):
    miss = SimpleNamespace(reason="first_seen")
    with Opened(recorder) as window:
        ear.plan_resolved(Run(), Resolve("a", 1, miss), ["a"])

        assert window.snapshot().timeline == ()


def test_first_thousand_resolves_are_kept_and_the_nodes_of_all_are_summed(recorder, ear):
    run = Run()
    miss = SimpleNamespace(reason="first_seen")
    opened = Opened(recorder)
    with opened:
        ear.run_started(run)
        for number in range(MAX_RESOLVES + 2):
            ear.plan_resolved(run, Resolve("a", 3, miss), [f"t{number}"])

    assert len(opened.record.timeline) == MAX_RESOLVES == 1_000
    assert len(opened.record.names) == MAX_RESOLVES
    assert opened.record.nodes == 3 * (MAX_RESOLVES + 2)


def test_guards_are_asked_for_runs_of_this_window_only(recorder, ear):
    asked = []
    run = Run()
    with Opened(recorder) as window:
        window.guards.append(asked.append)
        ear.run_started(run)
        ear.plan_missed(Run(), "other")
        ear.plan_missed(run, "mine")

    assert asked == ["mine"]


def test_window_does_not_keep_engines_alive(recorder, ear):
    import gc

    with Opened(recorder) as window:
        run = Run()
        ear.run_started(run)
        ear.run_finished(run)
        assert len(window.engines()) == 1
        del run
        gc.collect()

        assert window.engines() == ()


def test_recorders_do_not_take_each_others_windows_for_their_own(recorder):
    inner = Recorder({})
    with Opened(recorder, "outer") as outer, Opened(inner, "inner") as window:
        run = Run()
        for each in (recorder, inner):
            Ear(each, DEFAULT_ENGINE).run_started(run)

        assert outer.snapshot().runs == window.snapshot().runs == 1
    assert not recorder.leftovers
    assert not inner.leftovers
