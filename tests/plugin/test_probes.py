"""Engines that are not ours: offered by a conftest.py, counted by the same markers."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from threading import Thread

import pytest
from toys import ENGINE, OFFER, PROBE

from pytest_cascade.probes.base import EVENT_COUNTERS, Event
from pytest_cascade.work.record import COUNTERS
from pytest_cascade.work.recorder import Ear, Recorder
from pytest_cascade.work.window import Window


@dataclass(frozen=True)
class Toy:
    """A suite with the engine ``toylib`` and its probe beside it."""

    suite: object

    @property
    def path(self) -> Path:
        return self.suite.pytester.path

    def offer(self, members="", folder=""):
        """Let the conftest.py of ``folder`` offer the probe, with these members instead of its."""
        text = OFFER.format(members=dedent(members).strip().replace("\n", "\n    ") or "pass")
        self.conftest(text, folder)

    def conftest(self, text, folder=""):
        (self.path / folder).mkdir(exist_ok=True)
        (self.path / folder / "conftest.py").write_text(dedent(text))

    def run(self, source, *args):
        return self.suite.run("import toylib\n" + dedent(source), *args)

    @property
    def told(self):
        """What the probe wrote down."""
        file = self.path / "told.txt"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def toy(suite):
    suite.pytester.makepyfile(toylib=ENGINE, toyprobe=PROBE)
    made = Toy(suite)
    made.offer()
    return made


# Whose work is counted.


def test_probe_of_a_conftest_makes_the_markers_count_its_engine(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(2, engine="toy")
        @pytest.mark.expect_cache_hits(1, engine="toy")
        @pytest.mark.expect_cache_misses(2, engine="toy")
        def test_it():
            for formula in ("a", "b", "a"):
                toylib.compute(formula)
        """
    )

    result.assert_outcomes(passed=1)


def test_failure_lists_what_the_other_engine_told_of_its_plans(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(1, engine="toy")
        def test_it():
            toylib.compute("a")
            toylib.tell("resolve", "trace", "b", nodes=3, reason="guard", reason_text="size 3")
            toylib.tell("resolve", "lower", "c", reason="static_arg")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '*expect_resolves(1, engine="toy"): the solver was called 3 times',
            "E * 1. a *· first seen",
            "E * 2. b · 3 nodes · size 3",
            "E * 3. c *· static arg",
        ]
    )
    assert "toy:" not in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        ("2", "passed"),
        ("3", "failed"),
        ("exactly=2", "passed"),
        ("at_least=2", "passed"),
        ("at_least=3", "failed"),
        ("at_most=2", "passed"),
        ("at_most=1", "failed"),
        ("at_least=1, at_most=3", "passed"),
        ("at_least(3)", "failed"),
    ],
)
def test_every_bound_can_be_claimed_of_another_engine(toy, arguments, outcome):
    result = toy.run(
        f"""
        @pytest.mark.expect_executions({arguments}, engine="toy")
        def test_it():
            toylib.compute("a")
            toylib.compute("a")
        """
    )

    result.assert_outcomes(**{outcome: 1})


def test_count_for_another_engine_may_be_a_function_of_parameters(toy):
    result = toy.run(
        """
        @pytest.mark.parametrize("n", [1, 3])
        @pytest.mark.expect_resolves(lambda n: n, engine="toy")
        def test_it(n):
            for number in range(n):
                toylib.compute(f"{n} + {number}")
        """
    )

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ('"a", 2', None),
        ("a=2, b=1", None),
        ('"b", 2', 'expect_executions("b", 2, engine="toy"): \'b\' was executed 1 time'),
        ("c=1", "no task is called 'c', known: 'a', 'b'"),
    ],
)
def test_tasks_of_another_engine_are_counted_by_name(toy, arguments, verdict):
    result = toy.run(
        f"""
        @pytest.mark.expect_executions({arguments}, engine="toy")
        def test_it():
            for formula in ("a", "b", "a"):
                toylib.compute(formula)
        """
    )

    result.assert_outcomes(passed=verdict is None, failed=verdict is not None)
    result.stdout.fnmatch_lines([f"*{verdict}*" if verdict else "*1 passed*"])


def test_task_that_the_probe_knows_may_be_named_though_it_did_not_run(toy):
    toy.offer("def known_tasks(self): return ['idle']")

    result = toy.run(
        """
        @pytest.mark.expect_executions(idle=0, engine="toy")
        def test_it():
            toylib.compute("a")

        @pytest.mark.expect_executions(other=0, engine="toy")
        def test_other():
            toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*no task is called 'other', known: 'a', 'idle'"])


def test_tasks_of_one_engine_are_unknown_to_another(toy):
    result = toy.run(
        """
        @pytest.mark.expect_executions(noop=0, engine="toy")
        def test_it(engine):
            toylib.compute("a")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no task is called 'noop', known: 'a'"])


def test_two_engines_of_one_test_are_counted_apart(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_resolves(3, engine="toy")
        async def test_it(engine):
            await engine.run(noop())
            for formula in "abc":
                toylib.compute(formula)
        """
    )

    result.assert_outcomes(passed=1)


def test_two_engines_are_judged_in_one_failure_with_a_heading_each(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(0)
        @pytest.mark.expect_resolves(0, engine="toy")
        async def test_it(engine):
            await engine.run(noop())
            toylib.compute("a + b")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            'E *expect_resolves(0, engine="toy"): the solver was called 1 time',
            "E *expect_resolves(0): the solver was called 1 time",
            "E *toy:",
            "E * 1. a + b *· first seen",
            "E *cascade_core:",
            "E * 1. noop · 1 node · *",
        ],
        consecutive=True,
    )


def test_nearest_mark_wins_for_each_marker_engine_and_task(toy):
    result = toy.run(
        """
        pytestmark = [
            pytest.mark.expect_resolves(9, engine="toy"),
            pytest.mark.expect_resolves(0),
            pytest.mark.expect_executions("a", 7, engine="toy"),
        ]

        @pytest.mark.expect_resolves(1, engine="toy")
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions("a", 1, engine="toy")
        async def test_it(engine):
            await engine.run(noop())
            toylib.compute("a")

        @pytest.mark.expect_resolves(1, engine="toy")
        @pytest.mark.expect_executions("a", None, engine="toy")
        async def test_mark_of_one_engine_leaves_the_others(engine):
            await engine.run(noop())
            toylib.compute("b")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*expect_resolves(0): the solver was called 1 time"])
    result.stdout.no_fnmatch_line("E *engine=*")


def test_two_marks_of_one_engine_at_one_level_are_refused(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(1, engine="toy")
        @pytest.mark.expect_resolves(2, engine="toy")
        def test_it():
            pass
        """
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            'test_inner.py:*: expect_resolves: expect_resolves(2, engine="toy") and '
            'expect_resolves(1, engine="toy") stand at one level'
        ]
    )


def test_claim_about_an_engine_that_did_not_run_fails(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(0, engine="toy")
        async def test_it(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*expect_resolves(0, engine=\"toy\"): no engine 'toy' ran in this test"]
    )


def test_work_of_another_engine_is_no_work_of_ours(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(1)
        def test_it():
            toylib.compute("a")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expect_resolves(1): no engine ran in this test"])


def test_summary_has_a_line_for_each_engine(toy):
    result = toy.run(
        """
        async def test_it(engine):
            await engine.run(noop())
            toylib.compute("a")
            toylib.compute("a")
        """
    )

    result.stdout.fnmatch_lines(
        [
            "cascade: 1 test ran an engine: 1 iteration, 1 resolve, 0 hits",
            "cascade: 1 test ran 'toy': 0 iterations, 1 resolve, 1 hit",
        ]
    )


def test_plans_of_another_engine_are_explained_apart(toy):
    result = toy.run(
        """
        async def test_it(engine):
            await engine.run(noop())
            toylib.compute("a + b")
        """,
        "--cascade-explain",
    )

    result.stdout.fnmatch_lines(
        [
            "test_inner.py::test_it: 1 resolve, 0 hits",
            " * 1. noop · 1 node · *",
            "test_inner.py::test_it, toy: 1 resolve, 0 hits",
            " * 1. a + b *· first seen",
        ]
    )


def test_set_up_and_teardown_of_another_engine_are_not_counted(toy):
    result = toy.run(
        """
        @pytest.fixture
        def warm():
            toylib.compute("a")
            yield
            toylib.compute("b")

        @pytest.mark.expect_resolves(0, engine="toy")
        @pytest.mark.expect_cache_hits(1, engine="toy")
        def test_it(warm):
            toylib.compute("a")
        """,
    )

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*left running*")


# From where a probe is offered.


NESTED = """
import pytest
import toylib


@pytest.mark.expect_resolves({count}, engine="toy")
def test_nested():
    toylib.compute(__file__)
"""


def test_probe_of_a_nested_conftest_is_found_during_collection(toy):
    toy.conftest("")
    toy.offer(folder="nested")
    (toy.path / "nested" / "test_good.py").write_text(NESTED.format(count=1))
    (toy.path / "nested" / "test_bad.py").write_text(NESTED.format(count=2))

    result = toy.run("def test_it(): pass")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(['*expect_resolves(2, engine="toy"): the solver was called 1 time'])


def test_probe_that_comes_while_tests_are_watched_is_attached(toy):
    toy.conftest("")
    toy.conftest(
        """
        import pytest
        from toyprobe import ToyProbe

        class Late:
            def pytest_cascade_probes(self):
                return [ToyProbe()]

        @pytest.fixture
        def late(request):
            request.config.pluginmanager.register(Late())
        """
    )

    result = toy.run(
        """
        async def test_before(engine):
            await engine.run(noop())

        def test_it(late, request):
            pass

        def test_after(cache_inspector):
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=3)


def test_our_own_engine_has_its_probe_through_the_same_hook(toy):
    result = toy.run(
        """
        def test_it(request):
            offered = request.config.hook.pytest_cascade_probes()

            engines = [probe.engine for probes in offered for probe in probes]
            kinds = [type(probe).__name__ for probes in offered for probe in probes]
            assert engines == ["toy", "cascade_core"]
            assert kinds == ["Probe", "CascadeProbe"]
        """
    )

    result.assert_outcomes(passed=1)


def test_hook_may_offer_nothing(toy):
    toy.conftest("def pytest_cascade_probes(): return []")

    result = toy.run(
        """
        @pytest.mark.expect_resolves(1)
        async def test_it(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1)


# What cannot be claimed.


def test_unknown_engine_is_a_collection_error_that_lists_the_known(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(1, engine="toi")
        def test_it():
            pass
        """
    )

    result.assert_outcomes(errors=1)
    line = (toy.path / "test_inner.py").read_text().splitlines().index("def test_it():")
    result.stdout.fnmatch_lines(
        [
            f"test_inner.py:{line}: expect_resolves: unknown engine 'toi', "
            "known: 'cascade_core', 'toy'"
        ]
    )


@pytest.mark.parametrize("engine", ["1", "None", "['toy']"])
def test_engine_that_is_no_name_is_refused(toy, engine):
    result = toy.run(f"@pytest.mark.expect_resolves(1, engine={engine})\ndef test_it(): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*: unknown engine {engine}, known: *".replace("[", "[[]")])


@pytest.mark.parametrize("counted", ["{'hits': 'exact'}", "{'hits': 'exact', 'resolves': 'none'}"])
@pytest.mark.parametrize("count", ["0", "1", "at_least=0"])
def test_counter_that_the_probe_cannot_count_is_refused(toy, counted, count):
    toy.offer(f"counted = {counted}")

    result = toy.run(f"@pytest.mark.expect_resolves({count}, engine='toy')\ndef test_it(): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["test_inner.py:*: expect_resolves: resolves of 'toy' are not counted, only hits"]
    )


def test_probe_that_counts_nothing_says_so(toy):
    toy.offer("counted = {}")

    result = toy.run("@pytest.mark.expect_resolves(0, engine='toy')\ndef test_it(): pass")

    result.stdout.fnmatch_lines(["*: resolves of 'toy' are not counted, only nothing"])


@pytest.mark.parametrize("arguments", ["1", "at_most=1", "at_least=1, at_most=1", "lambda: 1"])
def test_lower_bound_admits_no_claim_from_above(toy, arguments):
    toy.offer("counted = {'resolves': 'lower_bound'}")

    result = toy.run(f"@pytest.mark.expect_resolves({arguments}, engine='toy')\ndef test_it(): ...")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*: expect_resolves: of resolves of 'toy' only a lower bound is counted, "
            "expected at_least= alone"
        ]
    )


def test_lower_bound_can_be_claimed_from_below(toy):
    toy.offer("counted = {'resolves': 'lower_bound'}")

    result = toy.run(
        """
        @pytest.mark.expect_resolves(at_least=1, engine="toy")
        def test_it():
            toylib.compute("a")

        @pytest.mark.expect_resolves(at_least=2, engine="toy")
        def test_other():
            toylib.compute("b")
        """
    )

    result.assert_outcomes(passed=1, failed=1)


def test_derived_counts_can_be_claimed_exactly(toy):
    toy.offer("counted = {'resolves': 'derived'}")

    result = toy.run(
        """
        @pytest.mark.expect_resolves(1, engine="toy")
        def test_it():
            toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1)


# Probes that fail.


CLAIMING_AND_NOT = """
    @pytest.mark.expect_resolves({count}, engine="toy")
    def test_claims():
        toylib.compute("a")

    def test_claims_nothing():
        toylib.compute("b")

    @pytest.mark.expect_resolves(1)
    async def test_claims_of_ours(engine):
        await engine.run(noop())
"""

CANNOT_ATTACH = "def attach(self, emit): raise OSError('no toys')"
IS_TOLD = "cascade: the probe of 'toy' failed: attach() raised OSError('no toys')"


@pytest.mark.parametrize("count", ["1", "0", "at_least=0"])
def test_claim_fails_if_the_probe_could_not_attach(toy, count):
    toy.offer(CANNOT_ATTACH)

    result = toy.run(CLAIMING_AND_NOT.format(count=count))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E *expect_resolves({count}, engine=\"toy\"): 'toy' was not watched: "
            "attach() raised OSError('no toys')"
        ]
    )


def test_probe_that_could_not_attach_is_told_of_once(toy):
    toy.offer(CANNOT_ATTACH)

    result = toy.run(CLAIMING_AND_NOT.format(count=1))

    assert result.outlines.count(IS_TOLD) == 1


@pytest.mark.slow
def test_probe_that_could_not_attach_is_told_of_once_by_all_workers(toy):
    toy.offer(CANNOT_ATTACH)

    result = toy.suite.run_on_workers("import toylib\n" + dedent(CLAIMING_AND_NOT.format(count=1)))

    result.assert_outcomes(passed=2, failed=1)
    assert result.outlines.count(IS_TOLD) == 1


def test_probe_is_asked_to_attach_once_though_it_fails(toy):
    toy.offer("def attach(self, emit): told('attach'); raise OSError")

    toy.run(CLAIMING_AND_NOT.format(count=1))

    assert toy.told == ["attach"]


def test_engine_that_was_never_attached_is_no_zero(toy):
    """A mark that a test gives itself while it runs comes too late for the probe."""
    toy.offer("triggers = ()")

    result = toy.run(
        """
        def test_it(request):
            request.applymarker(pytest.mark.expect_resolves(0, engine="toy"))
            toylib.compute("a")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'toy' was not watched: its probe was not attached"])


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ('Event("toy", "cache", "hut")', "*op='hut'*"),
        ('Event("toy", "cash", "hit")', "*kind='cash'*"),
        ('Event("tay", "cache", "hit")', "*engine='tay'*"),
        ('Event("cascade_core", "cache", "hit")', "*engine='cascade_core'*"),
    ],
)
class TestEventThatIsUnknown:
    """Of a kind, an op or an engine that nobody knows."""

    def offer(self, toy, event):
        toy.offer(f"def hear(self, *_, **__): self.emit({event.replace('Event', 'told_event')})")
        conftest = toy.path / "conftest.py"
        conftest.write_text(
            "from pytest_cascade import Event as told_event\n" + conftest.read_text()
        )

    def test_is_told_of_once(self, toy, event, told):
        self.offer(toy, event)

        result = toy.run(
            """
            def test_it():
                toylib.compute("a")
                toylib.compute("b")
            """
        )

        result.assert_outcomes(passed=1)
        lines = [line for line in result.outlines if "told of an unknown event" in line]
        assert len(lines) == 1
        result.stdout.fnmatch_lines(
            [f"cascade: the probe of 'toy' failed: * unknown event: {told}"]
        )

    def test_harms_no_claim_about_another_engine(self, toy, event, told):
        self.offer(toy, event)

        result = toy.run(
            """
            @pytest.mark.expect_cache_hits(0)
            @pytest.mark.expect_resolves(1)
            async def test_it(engine):
                toylib.compute("a")
                await engine.run(noop())
            """
        )

        result.assert_outcomes(passed=1)

    def test_fails_claims_about_the_engine(self, toy, event, told):
        self.offer(toy, event)

        result = toy.run(
            """
            @pytest.mark.expect_cache_hits(0, engine="toy")
            def test_it():
                toylib.compute("a")
            """
        )

        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*'toy' was not watched: told of an unknown event: {told}"])


@pytest.mark.parametrize("event", ["None", "'hit'", "('toy', 'cache', 'hit')"])
def test_what_is_no_event_is_told_of_and_harms_no_engine(toy, event):
    toy.offer(f"def hear(self, *_, **__): self.emit({event})")

    result = toy.run("def test_it(): toylib.compute('a')")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cascade: the probe of 'toy' failed: *"])


def test_known_tasks_that_raise_are_told_and_fail_the_claim(toy):
    toy.offer("def known_tasks(self): raise OSError('no names')")

    result = toy.run(
        """
        @pytest.mark.expect_executions(a=1, engine="toy")
        def test_it():
            toylib.compute("a")

        def test_other():
            toylib.compute("b")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E *'toy' was not watched: known_tasks() raised OSError('no names')"]
    )


# Where the probe is called.


def test_test_is_surrounded_by_begin_and_end(toy):
    toy.offer(
        """
        def begin(self, test): told(f"begin {test}")
        def end(self, test): told(f"end {test}")
        """
    )

    toy.run(
        """
        from toyprobe import told

        @pytest.fixture
        def around():
            told("set-up")
            yield
            told("teardown")

        def test_it(around):
            told("body")

        def test_failing():
            assert False

        def test_skipped():
            pytest.skip("")

        @pytest.mark.skip
        def test_not_called():
            pass
        """
    )

    assert toy.told == [
        "set-up",
        "begin test_inner.py::test_it",
        "body",
        "end test_inner.py::test_it",
        "teardown",
        "begin test_inner.py::test_failing",
        "end test_inner.py::test_failing",
        "begin test_inner.py::test_skipped",
        "end test_inner.py::test_skipped",
    ]


@pytest.mark.parametrize("method", ["begin", "end", "flush"])
def test_method_that_raises_fails_the_claims_alone(toy, method):
    toy.offer(f"def {method}(self, _): raise OSError('worn out')")

    result = toy.run(CLAIMING_AND_NOT.format(count=1))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E *'toy' was not watched: {method}() raised OSError('worn out')",
            f"cascade: the probe of 'toy' failed: {method}() raised OSError('worn out')",
        ]
    )


def test_method_of_a_probe_may_be_any_callable(toy):
    """What raises need not have a name."""
    toy.offer('begin = staticmethod(functools.partial(int, "worn out"))')
    conftest = toy.path / "conftest.py"
    conftest.write_text("import functools\n" + conftest.read_text())

    result = toy.run(CLAIMING_AND_NOT.format(count=1))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["E *'toy' was not watched: * raised *"])


def test_events_that_flush_brings_are_counted(toy):
    toy.offer(
        """
        late = ()
        def hear(self, *event, **more):
            self.late = (*self.late, (event, more))
        def flush(self, timeout_s):
            assert timeout_s > 0
            for event, more in self.late:
                super().hear(*event, **more)
            self.late = ()
            return True
        """
    )

    result = toy.run(
        """
        @pytest.mark.expect_resolves(1, engine="toy")
        def test_it():
            toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1)


def test_block_waits_for_its_events_too(toy):
    toy.offer(
        """
        late = ()
        def hear(self, *event, **more):
            self.late = (*self.late, (event, more))
        def flush(self, timeout_s):
            for event, more in self.late:
                super().hear(*event, **more)
            self.late = ()
            return True
        """
    )

    result = toy.run(
        """
        def test_it(cache_inspector):
            toylib.compute("a")
            with cache_inspector.expect(resolves=0, hits=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1)


def test_flush_comes_before_end(toy):
    toy.offer(
        """
        def flush(self, timeout_s): told("flush"); return True
        def end(self, test): told("end")
        """
    )

    toy.run("def test_it(): toylib.compute('a')")

    assert toy.told == ["flush", "end"]


def test_claim_fails_if_events_did_not_arrive(toy):
    toy.offer("def flush(self, timeout_s): return False")

    result = toy.run(CLAIMING_AND_NOT.format(count=1))

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["E *expect_resolves(1, engine=\"toy\"): events of 'toy' did not arrive in time"]
    )


def test_events_that_arrive_the_next_time_spoil_one_test_only(toy):
    toy.offer(
        """
        answers = [True, False]
        def flush(self, timeout_s): return self.answers.pop()
        """
    )

    result = toy.run(
        """
        @pytest.mark.parametrize("formula", ["a", "b"])
        @pytest.mark.expect_resolves(1, engine="toy")
        def test_it(formula):
            toylib.compute(formula)
        """
    )

    result.assert_outcomes(passed=1, failed=1)


# When the engine is imported, and the probe attached.


TELLS_ITSELF = """
def attach(self, emit):
    told("attach")
    super().attach(emit)
def detach(self):
    told("detach")
    super().detach()
"""


def test_probe_is_detached_at_the_end_of_the_session(toy):
    toy.offer(TELLS_ITSELF)

    toy.run("def test_it(): toylib.compute('a')\ndef test_other(): toylib.compute('a')")

    assert toy.told == ["attach", "detach"]


def test_probe_that_was_not_attached_is_not_detached(toy):
    toy.offer(TELLS_ITSELF)

    toy.suite.run("async def test_it(engine): await engine.run(noop())")

    assert toy.told == []


def test_engine_that_nobody_imported_is_not_imported_by_us(toy):
    result = toy.suite.run(
        """
        import sys

        @pytest.mark.expect_resolves(1)
        async def test_it(engine, cache_inspector):
            await engine.run(noop())
            assert "toylib" not in sys.modules
        """
    )

    result.assert_outcomes(passed=1)


def test_engine_is_watched_from_its_import_on(toy):
    toy.offer(TELLS_ITSELF)

    result = toy.suite.run(
        """
        from toyprobe import told

        def test_before(engine):
            told("before")

        def test_imports_it(cache_inspector):
            import toylib
            told("imported")
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=2)
    assert toy.told == ["before", "attach", "imported", "detach"]


def test_test_that_imports_the_engine_is_in_its_scope_from_then_on(toy):
    toy.offer(
        """
        def begin(self, test): told(f"begin {test}")
        def end(self, test): told(f"end {test}")
        """
    )

    toy.suite.run(
        """
        from toyprobe import told

        def test_it(engine):
            told("before")
            import toylib
            told("after")
        """
    )

    test = "test_inner.py::test_it"
    assert toy.told == ["before", f"begin {test}", "after", f"end {test}"]


TWO_PROBES = """
    from toyprobe import ToyProbe, told

    class Probe(ToyProbe):
        def attach(self, emit):
            super().attach(emit)
            told(self.engine)

    class Other(ToyProbe):
        engine = "other"
        triggers = ("otherlib",)

        def attach(self, emit):
            told(self.engine)

        def detach(self):
            pass

    def pytest_cascade_probes():
        return [Probe(), Other()]
"""


def test_engine_is_watched_when_it_is_whole(toy):
    """Not while it is half imported and what it imports, another engine, is whole."""
    toy.conftest(TWO_PROBES)
    (toy.path / "otherlib.py").touch()
    (toy.path / "toylib.py").write_text("import otherlib\n" + ENGINE)

    result = toy.suite.run(
        """
        def test_it(cache_inspector):
            import toylib
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1)
    assert toy.told == ["other", "toy"]


def test_engine_that_another_probe_imports_is_watched_once(toy):
    toy.conftest(
        TWO_PROBES.replace("super().attach(emit)", "import otherlib; super().attach(emit)")
    )
    (toy.path / "otherlib.py").touch()

    result = toy.suite.run(
        """
        def test_it(cache_inspector):
            import toylib
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(passed=1)
    assert sorted(toy.told) == ["other", "toy"]


def test_import_that_fails_is_no_matter_of_ours(toy):
    (toy.path / "toylib.py").write_text("import no_such_module")

    result = toy.suite.run(
        """
        import importlib

        def test_it(engine):
            with pytest.raises(ModuleNotFoundError, match="no_such_module"):
                importlib.import_module("toylib")
        """
    )

    result.assert_outcomes(passed=1)


def test_marker_that_asks_for_an_engine_has_it_imported_for_its_test(toy):
    result = toy.suite.run(
        """
        import sys

        def test_it(engine):
            assert "toylib" in sys.modules

        @pytest.mark.expect_resolves(1, engine="toy")
        def test_claims():
            sys.modules["toylib"].compute("a")
        """
    )

    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_suite_that_runs_only_another_engine_is_watched(toy):
    toy.suite.pytester.makepyfile(
        """
        import pytest
        import toylib

        def test_unmarked():
            toylib.compute("b")

        @pytest.mark.expect_resolves(1, engine="toy")
        def test_good():
            toylib.compute("a")

        @pytest.mark.expect_resolves(1, engine="toy")
        def test_bad():
            toylib.compute("a")
        """
    )

    result = toy.suite.pytester.runpytest_subprocess("-p", "no:randomly")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["cascade: 3 tests ran 'toy': 0 iterations, 2 resolves, 1 hit"])


@pytest.mark.slow
def test_other_engines_are_counted_on_workers(toy):
    result = toy.suite.run_on_workers(
        """
        import toylib

        @pytest.mark.parametrize("formula", ["a", "b", "c", "d"])
        @pytest.mark.expect_resolves(lambda formula: formula in "abc" and 1 or 2, engine="toy")
        def test_it(formula):
            toylib.compute(formula)
        """
    )

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            '*expect_resolves(2, engine="toy"): the solver was called 1 time',
            "cascade: 4 tests ran 'toy': 0 iterations, 4 resolves, 0 hits",
        ]
    )


# Offers that make no sense.


WRONG_OFFERS = {
    "two for one engine": (
        "return [ToyProbe(), ToyProbe()]",
        "two probes for the engine 'toy': *",
    ),
    "one for ours": (
        "ToyProbe.engine = 'cascade_core'; return [ToyProbe()]",
        "two probes for the engine 'cascade_core': *",
    ),
    "no list": ("return ToyProbe()", "must return a list of probes, got <toyprobe.ToyProbe *"),
    "a generator": ("yield ToyProbe()", "must return a list of probes, got <generator *"),
    "no probe": ("return [object()]", "<object *> has no name: engine must be a str, got None"),
    "a class": ("return [int]", "<class 'int'> has no name: engine must be a str, got None"),
    "no engine": (
        "del ToyProbe.engine; return [ToyProbe()]",
        "* has no name: engine must be a str, got None",
    ),
    "no name": (
        "ToyProbe.engine = ''; return [ToyProbe()]",
        "* has no name: engine must be a str, got ''",
    ),
    "no triggers": (
        "del ToyProbe.triggers; return [ToyProbe()]",
        "probe of 'toy': triggers must be a tuple of modules, got None",
    ),
    "triggers no tuple": (
        "ToyProbe.triggers = 'toylib'; return [ToyProbe()]",
        "probe of 'toy': triggers must be a tuple of modules, got 'toylib'",
    ),
    "triggers no strings": (
        "ToyProbe.triggers = (1,); return [ToyProbe()]",
        "probe of 'toy': triggers must be a tuple of modules, got (1,)",
    ),
    "no attach": (
        "del ToyProbe.attach; return [ToyProbe()]",
        "probe of 'toy' has no method 'attach'",
    ),
    "no detach": (
        "ToyProbe.detach = None; return [ToyProbe()]",
        "probe of 'toy' has no method 'detach'",
    ),
    "no capabilities": (
        "del ToyProbe.capabilities; return [ToyProbe()]",
        "probe of 'toy' has no method 'capabilities'",
    ),
    "unknown counter": (
        "ToyProbe.counted = {'resolve': 'exact'}; return [ToyProbe()]",
        "probe of 'toy': no counter 'resolve', valid: attempts, builds, *",
    ),
    "unknown capability": (
        "ToyProbe.counted = {'hits': 'roughly'}; return [ToyProbe()]",
        "probe of 'toy': no capability 'roughly', valid: exact, derived, lower_bound, none",
    ),
    "capabilities None": (
        "ToyProbe.counted = None; return [ToyProbe()]",
        "probe of 'toy': capabilities() * None",
    ),
    "capabilities no mapping": (
        "ToyProbe.counted = ['hits']; return [ToyProbe()]",
        "probe of 'toy': capabilities() * ['hits']",
    ),
    "capabilities that raise": (
        "ToyProbe.capabilities = lambda self: 1 / 0; return [ToyProbe()]",
        "probe of 'toy': capabilities() raised ZeroDivisionError*",
    ),
}


def offering(body):
    return f"from toyprobe import ToyProbe\ndef pytest_cascade_probes():\n    {body}\n"


@pytest.mark.parametrize(("body", "text"), WRONG_OFFERS.values(), ids=WRONG_OFFERS)
def test_offer_that_makes_no_sense_is_a_usage_error(toy, body, text):
    toy.conftest(offering(body))

    result = toy.run("def test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = text.replace("[", "[[]")
    result.stderr.fnmatch_lines([f"ERROR: pytest_cascade_probes: {told}"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_conftest_beside_the_root_may_not_offer_the_same_engine(toy):
    toy.offer(folder="nested")
    (toy.path / "nested" / "test_nested.py").write_text(NESTED.format(count=1))

    result = toy.run("def test_it(): pass", "nested")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *two probes for the engine 'toy': *"])


@pytest.mark.parametrize("name", ["two for one engine", "no attach", "unknown counter"])
def test_wrong_offer_of_a_late_conftest_fails_the_collection_of_its_folder(toy, name):
    body, text = WRONG_OFFERS[name]
    toy.conftest("")
    toy.conftest(offering(body), folder="nested")
    (toy.path / "nested" / "test_nested.py").write_text(NESTED.format(count=1))

    result = toy.run("def test_it(): pass", "--continue-on-collection-errors")

    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*pytest_cascade_probes: {text}"])
    assert "INTERNALERROR" not in result.stdout.str()


def test_plugin_that_has_any_attribute_offers_nothing(toy):
    toy.conftest(
        """
        from unittest.mock import MagicMock

        def pytest_collection(session):
            session.config.pluginmanager.register(MagicMock(), "obliging")
        """
    )

    result = toy.run("def test_it(): pass")

    result.assert_outcomes(passed=1)


# Fallbacks.


FALLS_BACK = """
    {mark}
    def test_it():
        toylib.compute("a")
        toylib.tell("fallback", "{op}", "a", reason_text="loop in the graph")
"""


@pytest.mark.parametrize("op", ["graph_break", "recompile_limit", "eager"])
@pytest.mark.parametrize("count", ["1", "at_most=5"])
def test_resolves_are_not_as_expected_if_the_engine_fell_back(toy, op, count):
    mark = f"@pytest.mark.expect_resolves({count}, engine='toy')"

    result = toy.run(FALLS_BACK.format(mark=mark, op=op))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f'E *expect_resolves({count}, engine="toy"): the engine fell back: '
            f"a ({op}): loop in the graph; allow_fallbacks=True permits it"
        ]
    )


def test_fallbacks_can_be_allowed(toy):
    mark = "@pytest.mark.expect_resolves(1, engine='toy', allow_fallbacks=True)"

    result = toy.run(FALLS_BACK.format(mark=mark, op="eager"))

    result.assert_outcomes(passed=1)


def test_fallbacks_are_no_matter_of_other_counters(toy):
    mark = "@pytest.mark.expect_executions(1, engine='toy')"

    result = toy.run(FALLS_BACK.format(mark=mark, op="eager"))

    result.assert_outcomes(passed=1)


def test_first_of_many_fallbacks_is_told_and_the_others_are_counted(toy):
    result = toy.run(
        """
        @pytest.mark.expect_resolves(at_least=0, engine="toy")
        def test_it():
            for number in range(4):
                toylib.tell("fallback", "eager", f"f{number}")
        """
    )

    result.stdout.fnmatch_lines(["*the engine fell back: f0 (eager) and 3 more; *"])


@pytest.mark.parametrize("value", ["1", "'yes'", "None"])
def test_whether_fallbacks_are_allowed_is_a_bool(toy, value):
    result = toy.run(
        f"@pytest.mark.expect_resolves(1, engine='toy', allow_fallbacks={value})\n"
        "def test_it(): ...",
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"*: expect_resolves: allow_fallbacks must be a bool, got {value}"]
    )


def test_fallbacks_cannot_be_allowed_for_other_counters(toy):
    result = toy.run(
        "@pytest.mark.expect_cache_hits(1, engine='toy', allow_fallbacks=True)\ndef test_it(): ...",
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*: expect_cache_hits: unknown argument 'allow_fallbacks', *"])


# The inspector and the ini values.


def test_block_may_claim_about_another_engine(toy):
    result = toy.run(
        """
        def test_it(cache_inspector):
            toylib.compute("a")
            with cache_inspector.expect(
                resolves=at_most(1), hits=1, executions={"a": 1, "b": 1}, engine="toy"
            ) as work:
                toylib.compute("a")
                toylib.compute("b")
            assert (work.resolves, work.hits, work.lookups) == (1, 1, 2)
            assert work.executions == {"a": 1, "b": 1}

        def test_other(cache_inspector):
            with cache_inspector.expect(resolves=0, engine="toy"):
                toylib.compute("c")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E *expect(resolves=0*): the solver was called 1 time", "E * 1. c *· first seen"]
    )


def test_block_knows_a_task_that_was_seen_though_it_did_not_run(toy):
    result = toy.run(
        """
        def test_it(cache_inspector):
            with cache_inspector.expect(executions={"a": 0}, engine="toy"):
                toylib.tell("task", "reused", "a")
        """
    )

    result.assert_outcomes(passed=1)


def test_block_in_which_the_other_engine_did_not_run_fails(toy):
    result = toy.run(
        """
        def test_it(cache_inspector, engine):
            toylib.compute("a")
            with cache_inspector.expect(resolves=0, engine="toy"):
                cs.run(noop())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *no engine 'toy' ran in this block"])


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ("resolves=1, engine='toi'", "unknown engine 'toi', known: 'cascade_core', 'low', 'toy'"),
        ("builds=0, engine='toy'", "builds of 'toy' are not counted, only attempts, *"),
        ("hits=1, engine='low'", "of hits of 'low' only a lower bound is counted, *"),
    ],
)
def test_block_cannot_claim_what_is_not_counted(toy, counts, text):
    toy.conftest(
        """
        from toyprobe import ToyProbe

        class Low(ToyProbe):
            engine = "low"
            counted = {"hits": "lower_bound"}

        def pytest_cascade_probes():
            return [ToyProbe(), Low()]
        """
    )

    result = toy.run(
        f"""
        def test_it(cache_inspector):
            with cache_inspector.expect({counts}):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *ValueError: expect: {text}"])


def test_block_says_that_the_engine_was_not_watched(toy):
    toy.offer(CANNOT_ATTACH)

    result = toy.run(
        """
        def test_it(cache_inspector):
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("a")
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *'toy' was not watched: attach() raised OSError('no toys')"])


def test_block_that_fell_back_can_be_allowed_to(toy):
    result = toy.run(
        """
        def test_it(cache_inspector):
            with cache_inspector.expect(resolves=1, engine="toy", allow_fallbacks=True):
                toylib.compute("a")
                toylib.tell("fallback", "eager", "a")

        def test_other(cache_inspector):
            with cache_inspector.expect(resolves=1, engine="toy"):
                toylib.compute("b")
                toylib.tell("fallback", "eager", "b")
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *the engine fell back: b (eager); allow_fallbacks=True *"])


def test_default_engine_is_the_one_that_markers_mean(toy):
    toy.suite.configure("cascade_default_engine = toy")

    result = toy.run(
        """
        @pytest.mark.expect_resolves(1)
        @pytest.mark.expect_executions("a", 2)
        @pytest.mark.expect_resolves(2, engine="cascade_core")
        async def test_it(engine):
            toylib.compute("a")
            toylib.compute("a")
            await engine.run(passing(3, noop()))

        @pytest.mark.expect_resolves(1)
        async def test_other(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *expect_resolves(1): no engine 'toy' ran in this test"])


def test_default_engine_must_be_known(toy):
    toy.suite.configure("cascade_default_engine = toi")

    result = toy.run("def test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: cascade_default_engine: unknown engine 'toi', known: 'cascade_core', 'toy'"]
    )


def test_expectations_of_the_ini_file_may_be_about_another_engine(toy):
    toy.suite.configure("cascade_expect =", "    toy.resolves <= 1", "    resolves <= 5")

    result = toy.run(
        """
        def test_good():
            toylib.compute("a")

        def test_bad():
            toylib.compute("b")
            toylib.compute("c")

        @pytest.mark.expect_resolves(2, engine="toy")
        def test_marked():
            toylib.compute("d")
            toylib.compute("e")

        async def test_not_run(engine):
            await engine.run(noop())
        """
    )

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        ["E *cascade_expect: toy.resolves <= 1: the solver was called 2 t*"]
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("toi.hits <= 1", "cascade_expect: unknown engine 'toi', known: 'cascade_core', 'toy'"),
        ("toy.builds <= 1", "cascade_expect: builds of 'toy' are not counted, only attempts, *"),
    ],
)
def test_expectations_of_the_ini_file_must_be_counted(toy, line, text):
    toy.suite.configure(f"cascade_expect = {line}")

    result = toy.run("def test_it(): pass")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {text}"])


# Events, by hand.


COUNTED_BY_EVENT = {
    "run.start": "runs iterations",
    "run.end": "",
    "resolve.trace": "resolves",
    "resolve.plan": "resolves",
    "resolve.lower": "resolves",
    "resolve.compile": "resolves",
    "cache.hit": "lookups hits",
    "cache.miss": "lookups misses",
    "cache.bypass": "lookups misses",
    "cache.store": "",
    "cache.evict": "evictions",
    "task.start": "executions attempts",
    "task.end": "",
    "task.error": "",
    "task.retry": "attempts",
    "task.reused": "reuses",
    "task.skipped": "",
    "task.cancelled": "",
    "fallback.graph_break": "",
    "fallback.recompile_limit": "",
    "fallback.eager": "",
}


class Session:
    """A recorder, and what it hears of the engine ``toy``."""

    def __init__(self):
        self.recorder = Recorder({})
        self.tell = Ear(self.recorder, "toy")

    def event(self, kind, op, name="", **more):
        self.tell(Event("toy", kind, op, name, **more))


class Opened:
    """The call phase of a test."""

    def __init__(self, session, test="test"):
        self.session = session
        self.window = Window(test)

    def __enter__(self):
        self.token = self.session.recorder.open(self.window)
        return self

    def __exit__(self, *error):
        self.session.recorder.close(self.window, self.token)

    @property
    def record(self):
        return self.window.snapshot("toy")


@pytest.fixture
def session():
    return Session()


def in_thread(function, *args):
    thread = Thread(target=function, args=args)
    thread.start()
    thread.join()


def test_every_event_is_known_here():
    assert set(COUNTED_BY_EVENT) == {".".join(event) for event in EVENT_COUNTERS}


@pytest.mark.parametrize(("event", "counters"), COUNTED_BY_EVENT.items())
def test_event_moves_its_counters_by_one_and_no_other(session, event, counters):
    kind, op = event.split(".")

    with Opened(session) as opened:
        for _ in range(2):
            session.event(kind, op, "a")

    counts = {name: getattr(opened.record, name) for name in COUNTERS}
    assert counts == {name: 2 * (name in counters.split()) for name in COUNTERS}
    assert opened.record.any_ran
    assert not session.recorder.failed


@pytest.mark.parametrize(
    ("op", "executed", "attempted"), [("start", 1, 1), ("retry", 0, 1), ("end", 0, 0)]
)
def test_event_of_a_task_is_counted_by_its_name(session, op, executed, attempted):
    with Opened(session) as opened:
        session.event("task", op, "a")

    assert opened.record.tasks["a"] == executed
    assert opened.record.task_attempts["a"] == attempted
    assert opened.record.task_names == {"a"}


def test_event_of_a_resolve_is_a_line_of_the_timeline(session):
    with Opened(session) as opened:
        session.event("resolve", "plan", "a", nodes=3, source=("f.py", 4), dur_ns=5, reason="guard")

    (resolve,) = opened.record.timeline
    assert (resolve.root, resolve.nodes, resolve.source) == ("a", 3, ("f.py", 4))
    assert (resolve.duration_ns, resolve.why.reason, str(resolve.why)) == (5, "guard", "guard")
    assert opened.record.nodes == 3


def test_event_outside_any_test_is_nobodys(session):
    session.event("cache", "hit")

    with Opened(session) as opened:
        pass

    assert not opened.record.any_ran
    assert not session.recorder.leftovers


def test_event_of_a_thread_of_the_test_is_counted(session):
    with Opened(session) as opened:
        in_thread(session.event, "cache", "hit")

    assert opened.record.hits == 1


def test_event_of_an_earlier_tests_context_is_dropped_and_told(session):
    from contextvars import copy_context

    with Opened(session, "first") as first:
        context = copy_context()
    with Opened(session, "second") as second:
        context.run(session.event, "cache", "hit")

    assert not first.record.any_ran
    assert not second.record.any_ran
    assert session.recorder.leftovers == {"first": 1}
    assert second.window.dropped == {"first": 1}


def test_event_of_an_earlier_tests_thread_is_dropped_and_told(toy):
    result = toy.run(
        """
        import queue
        jobs, done = queue.Queue(), queue.Queue()

        def work():
            while (job := jobs.get()) is not None:
                toylib.tell("cache", "hit", job)
                done.put(None)

        @pytest.fixture(scope="module", autouse=True)
        def stop():
            yield
            jobs.put(None)

        @pytest.mark.expect_cache_hits(1, engine="toy")
        def test_first():
            threading.Thread(target=work).start()
            jobs.put("a")
            done.get(timeout=5)

        @pytest.mark.expect_cache_hits(0, engine="toy")
        def test_second():
            jobs.put("a")
            done.get(timeout=5)
            toylib.tell("cache", "miss")
        """
    )

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["cascade: 1 * left running, and not counted: test_inner.py::test_first (1)"]
    )


def test_event_of_a_run_belongs_to_the_test_in_which_the_run_started(session):
    """From a thread that itself belongs to nobody."""
    with Opened(session, "first") as first:
        session.event("run", "start", run_id=1)
        in_thread(lambda: session.event("cache", "hit", run_id=1))
    with Opened(session, "second") as second:
        in_thread(lambda: session.event("cache", "hit", run_id=1))
        in_thread(lambda: session.event("run", "end", run_id=1))
        in_thread(lambda: session.event("cache", "miss", run_id=2))

    assert first.record.hits == 1
    assert second.record.hits == 0
    assert second.record.misses == 1
    assert not session.recorder.leftovers


def test_event_of_a_run_that_started_outside_any_test_is_nobodys(session):
    session.event("run", "start", run_id=1)
    with Opened(session) as opened:
        session.event("cache", "hit", run_id=1)

    assert not opened.record.any_ran


def test_run_id_may_be_used_again_when_its_run_is_over(session):
    for test in ("first", "second"):
        with Opened(session, test) as opened:
            session.event("run", "start", run_id=1)
            session.event("cache", "hit", run_id=1)
            session.event("run", "end", run_id=1)

        assert opened.record.hits == 1
        assert opened.record.runs == 1


def test_run_id_may_be_used_again_though_the_end_of_its_run_was_not_told(session):
    for test in ("first", "second"):
        with Opened(session, test) as opened:
            session.event("run", "start", run_id=1)
            session.event("cache", "hit", run_id=1)

        assert opened.record.hits == 1


def test_event_of_a_run_whose_start_nobody_heard_goes_by_itself(session):
    for test in ("first", "second"):
        with Opened(session, test) as opened:
            session.event("cache", "hit", run_id=1)

        assert opened.record.hits == 1


def test_one_run_id_of_two_engines_are_two_runs(session):
    other = Ear(session.recorder, "other")
    with Opened(session, "first"):
        other(Event("other", "run", "start", run_id=1))
    with Opened(session, "second") as opened:
        session.event("run", "start", run_id=1)
        session.event("cache", "hit", run_id=1)
        other(Event("other", "cache", "hit", run_id=1))

    assert opened.record.hits == 1
    assert opened.window.snapshot("other").hits == 0


def test_runs_that_are_over_are_forgotten(session):
    with Opened(session):
        session.event("run", "start", run_id=1)
        session.event("run", "end", run_id=1)
        session.event("run", "end", run_id=2)

    assert not session.recorder._run_windows
