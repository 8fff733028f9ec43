"""``check_probe`` passes probes that keep their promises, and names the one that is broken."""

import itertools
import sys
import threading
from types import ModuleType

import pytest
from toy_probe import ToyProbe

import cascade_core as cs
from pytest_cascade import Event, check_probe
from pytest_cascade.probes.cascade import CascadeProbe

COUNTS = {"resolves": 1, "lookups": 1, "misses": 1}

PROMISE = "broken promise of the probe of 'toy': "


@pytest.fixture
def toy_engine(monkeypatch):
    """The engine of the examples, unharmed by what a broken probe leaves on it."""
    import toy_engine

    monkeypatch.setattr(toy_engine, "listeners", [])
    monkeypatch.setattr(toy_engine, "evaluate", toy_engine.evaluate)
    return toy_engine


@pytest.fixture
def work(toy_engine):
    numbers = itertools.count()

    def compile_one():
        toy_engine.evaluate(f"a + {next(numbers)}", a=1)

    yield compile_one
    toy_engine.clear()


def plan_one():
    @cs.task
    def fresh():
        return 1

    cs.run(fresh())


# What each counter of a run of one task on a new engine comes to.
OURS = {
    **dict.fromkeys(("runs", "iterations", "lookups", "misses", "resolves", "builds"), 1),
    **dict.fromkeys(("executions", "attempts"), 1),
}


def test_our_own_probe_keeps_its_promises():
    check_probe(CascadeProbe(), plan_one, OURS)


def test_probe_of_the_examples_keeps_its_promises(work):
    check_probe(ToyProbe(), work, COUNTS)


@pytest.mark.parametrize("counter", [*OURS, "hits"])
def test_each_count_of_our_own_probe_is_held_against_what_is_claimed(counter):
    claimed = {**OURS, counter: 5}

    with pytest.raises(AssertionError, match=f"'cascade_core': {counter} are to be 5, got "):
        check_probe(CascadeProbe(), plan_one, claimed)


def test_work_of_async_engines_is_heard_too():
    async def main():
        await cs.Engine().run(cs.task(abs)(-1))

    def work():
        import asyncio

        asyncio.run(main())

    check_probe(CascadeProbe(), work, OURS)


class TellsTwice(ToyProbe):
    def _hear(self, what, formula):
        super()._hear(what, formula)
        super()._hear(what, formula)


class KeepsTelling(ToyProbe):
    def detach(self):
        pass


class Wraps(ToyProbe):
    """Puts a wrapper around the engine's function, and lets go of the function when detached."""

    def attach(self, emit):
        import toy_engine

        super().attach(emit)
        self._evaluate = evaluate = toy_engine.evaluate
        toy_engine.evaluate = lambda formula, **values: evaluate(formula, **values)


class LeavesAFlag(ToyProbe):
    def attach(self, emit):
        import toy_engine

        super().attach(emit)
        toy_engine.is_verbose = not toy_engine.is_verbose


class LeavesAWrapperInAClass(ToyProbe):
    def attach(self, emit):
        import toy_engine

        super().attach(emit)
        toy_engine.Compiler.compile = lambda self: None


class NamesAnotherEngine(ToyProbe):
    def _hear(self, what, formula):
        self._emit(Event("tay", "cache", "hit", formula))


class NamesNoOp(ToyProbe):
    def _hear(self, what, formula):
        self._emit(Event("toy", "cache", "hut", formula))


class NamesNoKind(ToyProbe):
    def _hear(self, what, formula):
        self._emit(Event("toy", "cash", "hit", formula))


class LeavesOutMisses(ToyProbe):
    def capabilities(self):
        return {"resolves": "exact", "lookups": "exact", "misses": "none"}


class ClaimsMore(ToyProbe):
    def _hear(self, what, formula):
        if what == "compiled":
            super()._hear(what, formula)


class HearsOneThread(ToyProbe):
    def attach(self, emit):
        super().attach(emit)
        self._thread = threading.current_thread()

    def _hear(self, what, formula):
        if threading.current_thread() is self._thread:
            super()._hear(what, formula)


class CountsDoubleTheSecondTime(ToyProbe):
    times = 0

    def attach(self, emit):
        super().attach(emit)
        self.times += 1

    def _hear(self, what, formula):
        for _ in range(self.times):
            super()._hear(what, formula)


class TellsTheFirstOnly(ToyProbe):
    first = None

    def attach(self, emit):
        self.first = self.first or emit
        super().attach(self.first)


class ForgetsToComeBack(ToyProbe):
    times = 0

    def attach(self, emit):
        self.times += 1
        super().attach(emit if self.times == 1 else lambda event: None)


class TellsNothing(ToyProbe):
    def _hear(self, what, formula):
        pass


class NeverFlushed(ToyProbe):
    def flush(self, timeout_s):
        return False


class FlushSaysNothing(ToyProbe):
    def flush(self, timeout_s):
        pass


class KnowsNumbers(ToyProbe):
    def known_tasks(self):
        return ["a", 1]


class TellsALittle(ToyProbe):
    """One of its counters is a lower bound, and more than what is there."""

    def capabilities(self):
        return {"resolves": "lower_bound", "lookups": "exact", "misses": "exact"}

    def _hear(self, what, formula):
        super()._hear(what, formula)
        if what == "compiled":
            super()._hear(what, formula)


def raises(method):
    def fail(self, *args):
        raise OSError("worn out")

    return type("Raises", (ToyProbe,), {method: fail})


BROKEN = [
    (TellsTwice, "lookups are to be 1, got 2"),
    (KeepsTelling, "it tells of the engine after detach()"),
    (Wraps, "detach() does not restore toy_engine.evaluate"),
    (NamesAnotherEngine, "told of an unknown event: engine must be 'toy': Event(engine='tay', *"),
    (NamesNoOp, "told of an unknown event: op must be one of hit, miss, *"),
    (NamesNoKind, "told of an unknown event: kind must be one of run, resolve, *"),
    (LeavesOutMisses, "capabilities() leave out misses, which are to be 1"),
    (ClaimsMore, "lookups are to be 1, got 0"),
    (HearsOneThread, "it tells nothing while the engine works"),
    (CountsDoubleTheSecondTime, "lookups are to be 1, got 2"),
    (TellsTheFirstOnly, "it tells nothing while the engine works"),
    (ForgetsToComeBack, "it tells nothing while the engine works"),
    (TellsNothing, "it tells nothing while the engine works"),
    (NeverFlushed, "flush() does not say that all events are here"),
    (FlushSaysNothing, "flush() does not say that all events are here"),
    (KnowsNumbers, "known_tasks() are strings, got ['a', 1]"),
    (TellsALittle, "resolves are to be 1, got 2"),
    *(
        (raises(method), f"{method}() raised OSError('worn out')")
        for method in ("attach", "detach", "begin", "end", "flush", "known_tasks")
    ),
]


def refusal(probe, work, counts=COUNTS):
    """What ``check_probe`` says of ``probe``."""
    with pytest.raises(AssertionError) as caught:
        check_probe(probe, work, counts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("probe", "promise"), BROKEN, ids=lambda value: getattr(value, "__name__", " ")
)
def test_broken_promise_is_named_in_one_line(work, probe, promise):
    told = refusal(probe(), work)

    assert told.startswith((PROMISE + promise).removesuffix("*"))
    assert "\n" not in told


@pytest.mark.parametrize("probe", [LeavesAFlag, LeavesAWrapperInAClass])
def test_flags_and_wrappers_in_the_engines_modules_must_be_restored(work, toy_engine, probe):
    class Compiler:
        __module__ = "toy_engine"

        def compile(self):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_engine, "is_verbose", False, raising=False)
        patch.setattr(toy_engine, "Compiler", Compiler, raising=False)
        told = refusal(probe(), work)

    name = "is_verbose" if probe is LeavesAFlag else "Compiler.compile"
    # A flag that is turned twice is as it was: told after the first time already.
    assert told == f"{PROMISE}detach() does not restore toy_engine.{name}"


def test_lower_bound_may_be_less_than_what_is_there(work):
    class HearsLittle(ToyProbe):
        def capabilities(self):
            return {**super().capabilities(), "resolves": "lower_bound"}

        def _hear(self, what, formula):
            if what != "compiled":
                super()._hear(what, formula)

    check_probe(HearsLittle(), work, COUNTS)


def test_derived_counts_are_held_to_be_exact(work):
    class Derives(TellsTwice):
        def capabilities(self):
            return dict.fromkeys(super().capabilities(), "derived")

    assert refusal(Derives(), work).startswith(f"{PROMISE}lookups are to be 1, got 2")


def test_counts_that_are_left_out_are_to_be_zero(work):
    told = refusal(ToyProbe(), work, {"resolves": 1})

    assert told.startswith(f"{PROMISE}lookups are to be 0, got 1")


def test_probe_is_told_of_one_test_around_each_work_and_flushed_in_it(toy_engine):
    told = []

    class Noting(ToyProbe):
        def begin(self, test):
            told.append(f"begin {test}")

        def flush(self, timeout_s):
            told.append("flush")
            return True

        def end(self, test):
            told.append(f"end {test}")

    def work():
        told.append("work")
        toy_engine.evaluate(str(len(told)))

    check_probe(Noting(), work, COUNTS)

    scope = ["begin check_probe", "work", "flush", "end check_probe"]
    detached = ["work"]
    assert told == 2 * [*scope, *scope, *detached]


def test_probe_may_have_none_of_the_methods_that_are_free(work):
    assert not any(hasattr(ToyProbe, name) for name in ("begin", "end", "flush", "known_tasks"))

    check_probe(ToyProbe(), work, COUNTS)


def test_passed_probe_is_detached(work, toy_engine):
    check_probe(ToyProbe(), work, COUNTS)

    assert toy_engine.listeners == []


def test_refused_probe_is_detached(work, toy_engine):
    refusal(TellsTwice(), work)

    assert toy_engine.listeners == []


@pytest.mark.parametrize("thread", ["MainThread", "other"])
def test_error_of_the_work_is_raised_as_it_is_and_the_probe_detached(work, toy_engine, thread):
    error = ZeroDivisionError()

    def failing():
        work()
        if (threading.current_thread() is threading.main_thread()) == (thread == "MainThread"):
            raise error

    with pytest.raises(ZeroDivisionError) as caught:
        check_probe(ToyProbe(), failing, COUNTS)

    assert caught.value is error
    assert toy_engine.listeners == []


def test_engine_is_imported_if_nobody_did(monkeypatch, toy_engine):
    monkeypatch.delitem(sys.modules, "toy_engine")

    def work():
        sys.modules["toy_engine"].evaluate(str(next(numbers)))

    numbers = itertools.count()
    check_probe(ToyProbe(), work, COUNTS)

    assert isinstance(sys.modules["toy_engine"], ModuleType)


def test_check_in_a_test_that_is_watched_leaves_its_counts_alone(suite):
    """The check counts for itself; the test that makes it is counted, too."""
    result = suite.run(
        """
        import itertools
        from pytest_cascade import check_probe
        from pytest_cascade.probes.cascade import CascadeProbe

        @pytest.mark.expect_resolves(6)
        def test_it():
            numbers = itertools.count()

            def work():
                cs.run(cs.task(abs)(next(numbers)))

            counts = ("runs iterations lookups misses resolves builds executions attempts").split()
            check_probe(CascadeProbe(), work, dict.fromkeys(counts, 1))
        """
    )

    result.assert_outcomes(passed=1)


# Bad arguments.


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"resolve": 1}, "check_probe: no counter 'resolve', valid: attempts, builds, *"),
        ({}, "check_probe: counts are all 0, expected work that can be seen"),
        ({"hits": 0}, "check_probe: counts are all 0, expected work that can be seen"),
        ({"hits": -1}, "check_probe: hits must be an int >= 0, got -1"),
        ({"hits": "1"}, "check_probe: hits must be an int >= 0, got '1'"),
        ({"hits": True}, "check_probe: hits must be an int >= 0, got True"),
    ],
)
def test_counts_that_make_no_sense_are_refused(work, counts, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared in full
        check_probe(ToyProbe(), work, counts)

    assert str(caught.value).startswith(text.removesuffix("*"))


def without(attribute):
    return type("Without", (ToyProbe,), {attribute: None})


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (object, "has no name: engine must be a str, got None"),
        (without("engine"), "has no name: engine must be a str, got None"),
        (without("triggers"), "probe of 'toy': triggers must be a tuple of modules, got None"),
        (without("attach"), "probe of 'toy' has no method 'attach'"),
        (without("detach"), "probe of 'toy' has no method 'detach'"),
        (without("capabilities"), "probe of 'toy' has no method 'capabilities'"),
    ],
)
def test_what_is_no_probe_is_refused(work, probe, text):
    with pytest.raises(pytest.UsageError) as caught:
        check_probe(probe(), work, COUNTS)

    assert str(caught.value).endswith(text)
