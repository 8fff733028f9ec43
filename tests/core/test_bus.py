"""The bus: who hears what, in which order, and that hearing never hurts."""

from __future__ import annotations

import logging

import pytest
from fakes import EventLog

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def loop(n):
    return n if n == 0 else loop(n - 1)


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no repr")


async def test_events_of_a_run_come_in_the_order_things_happen(engine, log):
    await engine.run(noop(noop()))
    await engine.run(noop(noop()))

    nodes = ["TaskStarted", "TaskFinished"] * 2
    assert log.kinds() == [
        *["RunStarted", "PlanResolved", *nodes, "RunFinished"],
        *["RunStarted", "PlanReused", *nodes, "RunFinished"],
    ]


async def test_each_iteration_tells_its_lookup(engine, log):
    await engine.run(loop(2))

    plans = [kind for kind in log.kinds() if kind.startswith("Plan")]
    assert plans == ["PlanResolved", "PlanReused", "PlanReused"]


async def test_handler_of_a_type_hears_only_that_type(engine):
    heard = []
    engine.bus.subscribe(cs.RunFinished, heard.append)

    await engine.run(noop())

    assert [type(event) for event in heard] == [cs.RunFinished]


async def test_handler_of_a_base_class_hears_its_subclasses(engine):
    heard = []
    engine.bus.subscribe(cs.TaskEvent, heard.append)

    await engine.run(noop())

    assert [type(event) for event in heard] == [cs.TaskStarted, cs.TaskFinished]


async def test_unsubscribed_handler_hears_no_more(engine):
    heard = []
    unsubscribe = engine.bus.subscribe(cs.RunStarted, heard.append)
    await engine.run(noop())

    unsubscribe()
    unsubscribe()
    await engine.run(noop())

    assert len(heard) == 1


async def test_handler_subscribed_twice_hears_twice_and_leaves_one_at_a_time(engine):
    heard = []
    unsubscribe = engine.bus.subscribe(cs.RunStarted, heard.append)
    engine.bus.subscribe(cs.RunStarted, heard.append)

    await engine.run(noop())
    unsubscribe()
    await engine.run(noop())

    assert len(heard) == 3


async def test_handlers_hear_in_the_order_they_subscribed(engine):
    heard = []
    for name in ("first", "second"):
        engine.bus.subscribe(cs.RunStarted, lambda event, name=name: heard.append(name))

    await engine.run(noop())

    assert heard == ["first", "second"]


def test_bus_listens_only_while_somebody_is_subscribed():
    bus = cs.MessageBus()
    seen = [bus.listening]
    unsubscribe = bus.subscribe(cs.Event, lambda event: None)
    seen.append(bus.listening)
    unsubscribe()
    seen.append(bus.listening)

    assert seen == [False, True, False]


async def test_raising_handler_fails_and_repeats_no_task(engine, caplog):
    ran = []

    def refuse(event):
        raise RuntimeError("handler")

    engine.bus.subscribe(cs.TaskEvent, refuse)
    with caplog.at_level(logging.ERROR, "cascade_core.bus"):
        await engine.run(cs.task(lambda: ran.append(1))())

    assert ran == [1]
    assert [record.exc_info[0] for record in caplog.records] == [RuntimeError]


async def test_raising_handler_is_dropped_and_others_go_on(engine, caplog):
    heard = []

    def refuse(event):
        heard.append("raised")
        raise RuntimeError("handler")

    engine.bus.subscribe(cs.TaskEvent, refuse)
    engine.bus.subscribe(cs.TaskEvent, lambda event: heard.append("heard"))
    await engine.run(noop())

    assert heard == ["raised", "heard", "heard"]


async def test_handler_may_unsubscribe_itself(engine):
    heard = []

    def once(event):
        heard.append(event)
        unsubscribe()

    unsubscribe = engine.bus.subscribe(cs.TaskStarted, once)
    await engine.run(noop(noop()))

    assert len(heard) == 1


def test_handler_that_comes_during_an_event_hears_from_the_next_one_on():
    bus, heard = cs.MessageBus(), []
    bus.subscribe(cs.Event, lambda event: bus.subscribe(cs.Event, heard.append))
    first, second = cs.RunStarted("run"), cs.RunStarted("run")

    bus.publish(first)
    bus.publish(second)

    assert len(heard) == 1
    assert heard[0] is second


def test_handler_that_goes_during_an_event_hears_that_one_still():
    bus, heard = cs.MessageBus(), []
    bus.subscribe(cs.Event, lambda event: leave())
    leave = bus.subscribe(cs.Event, heard.append)
    first, second = cs.RunStarted("run"), cs.RunStarted("run")

    bus.publish(first)
    bus.publish(second)

    assert len(heard) == 1
    assert heard[0] is first


def test_handler_that_comes_after_its_event_was_published_hears_the_next():
    bus, heard = cs.MessageBus(), []
    bus.publish(cs.RunStarted("run"))

    bus.subscribe(cs.Event, heard.append)
    bus.publish(cs.RunStarted("run"))

    assert len(heard) == 1


async def test_value_whose_repr_raises_disturbs_nothing(engine, log):
    value = await engine.run(noop(noop(Unprintable())))

    assert isinstance(value, Unprintable)
    assert log.finished() == [("noop", "ok")] * 2


async def test_listener_changes_neither_value_nor_counts():
    quiet, heard = cs.Engine(), cs.Engine()
    EventLog(heard)

    values = [await engine.run(loop(5)) for engine in (quiet, heard)]

    assert values == [0, 0]
    assert quiet.stats.as_dict() == heard.stats.as_dict()


async def test_task_events_carry_run_name_and_node(engine, log):
    with cs.observe(observer := _Runs()):
        await engine.run(noop(loop(0)))

    event = log.of(cs.TaskStarted)[0]
    assert (event.run, event.task, event.node.name) == (observer.run, "loop", "loop")
    assert event.node.task is loop


class _Runs:
    def run_started(self, run):
        self.run = run


async def test_finished_task_tells_attempts_and_duration(engine, log):
    await engine.run(noop())

    (event,) = log.of(cs.TaskFinished)
    assert (event.status, event.attempts) == ("ok", 1)
    assert event.duration_ns >= 0


async def test_resolved_plan_tells_why_it_missed(engine, log):
    await engine.run(noop())

    (event,) = log.of(cs.PlanResolved)
    assert event.miss.reason == "first_seen"
    assert event.duration_ns >= 0


async def test_events_cannot_be_changed(engine, log):
    await engine.run(noop())

    with pytest.raises(AttributeError):
        log.events[0].run = None


async def test_every_started_task_finishes_in_a_failing_run(engine, log):
    @cs.task
    def boom():
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await engine.run(noop(boom()))

    assert log.started() == [task for task, _ in log.finished()] == ["boom"]
    assert log.events[-1].status == "failed"


async def test_listener_that_comes_during_a_node_hears_no_lone_end(engine):
    heard = []

    @cs.task
    async def subscribe():
        engine.bus.subscribe(cs.TaskEvent, heard.append)

    await engine.run(noop(subscribe()))

    assert [(type(e), e.task) for e in heard] == [
        (cs.TaskStarted, "noop"),
        (cs.TaskFinished, "noop"),
    ]


async def test_bus_may_be_given_to_the_engine():
    bus = cs.MessageBus()
    heard = []
    bus.subscribe(cs.RunFinished, heard.append)

    await cs.Engine(bus=bus).run(noop())

    assert len(heard) == 1


@pytest.mark.parametrize("event_type", [int, "RunStarted", None, object])
def test_subscribing_to_no_event_is_refused(event_type):
    with pytest.raises(TypeError, match="subclass of Event"):
        cs.MessageBus().subscribe(event_type, print)


def test_handler_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="handler to call, got 3"):
        cs.MessageBus().subscribe(cs.Event, 3)
