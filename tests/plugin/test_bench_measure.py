"""How ``cascade_bench`` measures: rounds, values, profiles, progress."""

import os
import pstats
import pty
import re
import subprocess
import sys
from textwrap import dedent

import pytest
from toys import ENGINE, OFFER, PROBE

from pytest_cascade.bench.measure import (
    LONG_ENOUGH_NS,
    MOST_ITERATIONS,
    Measurement,
    Progress,
    Schedule,
    long_enough,
)
from pytest_cascade.bench.passes import Entrant, drive
from pytest_cascade.bench.values import ValueCheck

HEAD = """
import gc
import sys
import time
from unittest.mock import ANY

pytestmark = pytest.mark.cascade_bench(iterations=20, rounds=2)

def loop(n):
    return countdown(n, noop())

"""


@pytest.fixture
def inner(suite):
    def run(source, *args):
        return suite.run(HEAD + dedent(source), *args)

    run.path = suite.pytester.path
    run.apart = lambda source, *args: suite.run_apart(HEAD + dedent(source), *args)
    return run


class Clock:
    """Time that goes on when told."""

    def __init__(self):
        self.now_ns = 0

    def perf_counter_ns(self):
        return self.now_ns

    def perf_counter(self):
        return self.now_ns / 1e9


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr("pytest_cascade.bench.passes.perf_counter_ns", made.perf_counter_ns)
    monkeypatch.setattr("pytest_cascade.bench.measure.perf_counter", made.perf_counter)
    return made


# Iterations.


@pytest.fixture
def chosen(clock):
    """Choose iterations for a factory that lasts so long: the choice, and all that were tried."""

    def choose(lasts_ns):
        asked = []

        def factory(n):
            asked.append(n)
            clock.now_ns += int(lasts_ns(n))

        return drive(long_enough(Entrant("it", factory, None))), asked

    return choose


@pytest.mark.parametrize("each_ns", [2, 150, 10_000, 999_999, 6_000_000])
def test_iterations_are_chosen_so_that_a_round_is_long_enough(chosen, each_ns):
    found, _ = chosen(lambda n: n * each_ns)

    assert LONG_ENOUGH_NS <= found * each_ns <= 2.5 * LONG_ENOUGH_NS


def test_iterations_are_found_in_few_passes(chosen):
    _, asked = chosen(lambda n: n * 150)

    assert len(asked) <= 8
    assert asked == sorted(asked)
    assert asked[-2:] == [asked[-1]] * 2  # once more, to be sure


def test_what_is_done_once_is_no_reason_for_few_iterations(chosen):
    lasts = iter([50_000_000])

    found, _ = chosen(lambda n: next(lasts, n * 1_000))

    assert found * 1_000 >= LONG_ENOUGH_NS


@pytest.mark.parametrize("lasts_ns", [LONG_ENOUGH_NS, 10 * LONG_ENOUGH_NS])
def test_one_iteration_that_is_long_enough_is_not_repeated(chosen, lasts_ns):
    assert chosen(lambda n: n * lasts_ns) == (1, [1, 1])


@pytest.mark.parametrize("lasts_ns", [40, 700, 3_000_000])
def test_factory_that_ignores_n_has_one_iteration(chosen, lasts_ns):
    found, asked = chosen(lambda n: lasts_ns)

    assert found == 1
    assert max(asked) < MOST_ITERATIONS


@pytest.mark.parametrize(("slow_at", "slow_ns"), [(11, 20_000_000), (1_000_000, 1_500)])
def test_one_slow_pass_does_not_make_a_factory_iterate(chosen, slow_at, slow_ns):
    seen = []

    def lasts_ns(n):
        is_slow = n >= slow_at and not seen
        seen.extend([n] * is_slow)
        return slow_ns if is_slow else 700

    assert chosen(lasts_ns)[0] == 1


def test_iterations_too_quick_for_the_clock_are_bounded(chosen):
    found, asked = chosen(lambda n: 100 + n // 10_000)

    assert found == max(asked) == MOST_ITERATIONS


def test_iterations_are_chosen_for_each_contender(inner):
    result = inner(
        """
        @pytest.mark.cascade_bench(iterations=None)
        def test_it(cascade_bench):
            found = cascade_bench.compare(
                slow=lambda n: time.sleep(0.011), quick=lambda n: sum(range(n))
            )
            assert {each.asked for each in found["slow"].rounds} == {1}
            assert len({each.asked for each in found["quick"].rounds}) == 1
            assert found["quick"].rounds[0].asked > 1000
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(passed=1)


# Rounds.


class Told(Progress):
    def __init__(self):
        self.lines = []

    def show(self, done, planned, seconds_left):
        self.lines.append((done, planned, seconds_left))

    def clear(self):
        self.lines.append("cleared")


@pytest.fixture
def measured(clock):
    """Measure factories that last a second each: contenders, calls and what was told."""

    def measure(*names, suffices=lambda found: True, **options):
        order, told = [], Told()

        def entrant(name):
            def factory(n):
                order.append(name)
                clock.now_ns += 1_000_000_000

            return Entrant(name, factory, None)

        measurement = Measurement(
            [entrant(name) for name in names],
            Schedule(1, **options),
            dict,
            "cascade",
            ValueCheck(),
            suffices,
            told,
        )
        return drive(measurement.passes()), "".join(order), told.lines

    return measure


def test_warm_up_rounds_are_apart(measured):
    found, order, _ = measured("a", rounds=3, warmup=2)

    assert len(found["a"].rounds) == 3
    assert order == "aaaaa"


def test_each_round_begins_with_the_next_contender(measured):
    _, order, _ = measured("a", "b", "c", rounds=4, warmup=1)

    assert order == "abc" + "abc" + "bca" + "cab" + "abc"


def test_rounds_are_doubled_until_they_suffice(measured):
    asked = []

    def suffices(found):
        asked.append(len(found["a"].rounds))
        return asked[-1] >= 8

    found, _, _ = measured("a", rounds=2, warmup=0, looks=5, max_time_s=100, suffices=suffices)

    assert asked == [2, 4, 8]
    assert len(found["a"].rounds) == 8


def test_no_round_is_added_after_the_last_look(measured):
    found, _, _ = measured(
        "a", rounds=2, warmup=0, looks=2, max_time_s=100, suffices=lambda found: False
    )

    assert len(found["a"].rounds) == 4


def test_no_round_is_added_when_the_time_is_over(measured):
    looks = []

    def suffices(found):
        looks.append(len(found["a"].rounds))
        return False

    measured("a", rounds=2, warmup=0, looks=5, max_time_s=3, suffices=suffices)

    assert looks == [2, 3]


def test_progress_is_told_with_the_seconds_left(measured):
    _, _, told = measured("a", "b", rounds=3, warmup=1)

    assert told == [(0, 3, 0.0), (1, 3, 4.0), (2, 3, 2.0), "cleared"]


def test_seconds_left_are_bounded_by_the_time_there_is(measured):
    _, _, told = measured(
        "a", rounds=2, warmup=0, looks=5, max_time_s=3.5, suffices=lambda found: False
    )

    assert told == [(0, 2, 0), (1, 2, 1.0), (2, 4, 1.5), (3, 4, 0.5), "cleared"]


def test_work_of_the_warm_up_is_not_counted(inner):
    result = inner(
        """
        @pytest.mark.cascade_bench(warmup=3)
        def test_it(cascade_bench, cache_inspector):
            found = cascade_bench(loop)
            assert [each.work.resolves for each in found.rounds] == [0, 0]
            assert [each.work.iterations for each in found.rounds] == [21, 21]
            assert cache_inspector.resolves == 1
            assert cache_inspector.iterations == 5 * 21
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(passed=1)


def test_without_a_warm_up_the_first_round_has_the_work(inner):
    result = inner(
        """
        @pytest.mark.cascade_bench(warmup=0)
        def test_it(cascade_bench):
            found = cascade_bench(loop)
            assert [each.work.resolves for each in found.rounds] == [1, 0]
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(passed=1)


# Values.


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_a_right_result_passes(inner, option):
    result = inner(
        """
        def test_sync(cascade_bench):
            cascade_bench(loop, result="done")
            cascade_bench.compare(a=lambda n: n, b=lambda n: n + 0.0, result=20)

        async def test_async(cascade_bench):
            await cascade_bench(loop, result="done")
        """,
        *option,
    )

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_a_wrong_result_fails_in_the_warm_up(inner, option):
    result = inner(
        """
        def test_sync(cascade_bench):
            cascade_bench.compare(right=lambda n: n, wrong=lambda n: n + 1, result=20)

        async def test_async(cascade_bench):
            await cascade_bench.compare(right=lambda n: n, wrong=lambda n: n + 1, result=20)
        """,
        *option,
    )

    result.assert_outcomes(failed=2)
    line = (
        "E   *UnexpectedValue: wrong, warm-up round 1: came to 21, expected 20; give the right one "
        "as result=, or result=unittest.mock.ANY to accept all"
    )
    result.stdout.fnmatch_lines([line, line])


def test_a_value_unlike_that_of_the_first_round_fails(inner):
    result = inner(
        """
        def changing(n):
            VALUES.append(n)
            return len(VALUES)

        VALUES = []

        def test_sync(cascade_bench):
            cascade_bench.compare(steady=lambda n: 7, changing=changing)

        async def test_async(cascade_bench):
            async def changed(n):
                return changing(n)
            VALUES.clear()
            await cascade_bench.compare(steady=lambda n: 7, changing=changed)

        @pytest.mark.cascade_bench(warmup=2)
        def test_warm_up(cascade_bench):
            VALUES.clear()
            cascade_bench(changing)
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(failed=3)
    cure = "give the right one as result=, or result=unittest.mock.ANY to accept all"
    said = f"changing, round 1: came to 2, the first time 1; {cure}"
    warm = f"changing, warm-up round 2: came to 2, the first time 1; {cure}"
    result.stdout.fnmatch_lines([f"E *UnexpectedValue: {line}" for line in (said, said, warm)])


def test_the_round_that_differs_is_named(inner):
    result = inner(
        """
        @pytest.mark.cascade_bench(rounds=3)
        def test_it(cascade_bench):
            calls = []
            cascade_bench(lambda n: calls.append(n) or len(calls) > 3)
        """,
        "--cascade-bench",
    )

    result.stdout.fnmatch_lines(["E *: factory, round 3: came to True, the first time False; *"])


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("cascade_bench(next_one, result=ANY)", id="any value"),
        pytest.param("cascade_bench(lambda n: object())", id="objects without __eq__"),
        pytest.param("cascade_bench(lambda n: [n])", id="equal values"),
        pytest.param("cascade_bench(lambda n: nan)", id="the same object"),
        pytest.param("cascade_bench.compare(a=lambda n: 1, b=lambda n: 2)", id="one each"),
    ],
)
def test_values_that_are_accepted(inner, call):
    result = inner(
        f"""
        nan = float("nan")

        def next_one(n, made=[]):
            made.append(n)
            return len(made)

        def test_it(cascade_bench):
            {call}
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(passed=1)


def test_values_that_cannot_be_compared_say_what_to_do(inner):
    result = inner(
        """
        class Array:
            def __eq__(self, other):
                raise ValueError("truth is ambiguous")
            __hash__ = None
            def __repr__(self):
                return "Array()"

        def test_it(cascade_bench):
            cascade_bench(lambda n: Array())
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *UnexpectedValue: factory, round 1: Array() and Array() cannot be compared: "
            "ValueError('truth is ambiguous'); give the right one as result=, or *"
        ]
    )


def test_objects_of_another_type_are_compared(inner):
    result = inner(
        """
        class A:
            pass

        class B:
            pass

        def test_it(cascade_bench):
            made = iter([A, B])
            cascade_bench(lambda n: next(made)())
        """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnexpectedValue: factory, round 1: came to <*B object*"])


def test_the_value_of_the_last_round_is_kept(inner):
    result = inner(
        """
        def test_it(cascade_bench):
            made = iter(range(9))
            assert cascade_bench(lambda n: next(made), result=ANY).value == 2
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(passed=1)


# Errors.


def test_an_error_in_a_factory_is_the_test_s_own(inner):
    result = inner(
        """
        def fail(n):
            raise KeyError("mine")

        async def failed(n):
            await asyncio.sleep(0)
            raise KeyError("mine")

        def test_sync(cascade_bench):
            cascade_bench.compare(right=loop, wrong=fail)

        def test_sync_awaiting(cascade_bench):
            cascade_bench(failed)

        async def test_async(cascade_bench):
            await cascade_bench(failed)

        def test_after(cascade_bench):
            cascade_bench(loop)
        """,
        "--cascade-bench",
    )

    result.assert_outcomes(failed=3, passed=1)
    assert result.outlines.count("E       KeyError: 'mine'") == 3
    result.stdout.no_fnmatch_line("*was not awaited*")
    result.stdout.fnmatch_lines(["*::test_after (2 rounds, *"])


@pytest.mark.parametrize("failing", [1, 2, 4], ids=["warm-up", "first round", "profile"])
def test_an_error_leaves_gc_and_tracers_as_they_were(inner, failing):
    result = inner(
        f"""
        def mine(*args):
            pass

        @pytest.fixture(autouse=True)
        def state():
            before = sys.gettrace(), sys.getprofile(), gc.isenabled()
            gc.enable()
            yield
            sys.settrace(before[0])
            sys.setprofile(before[1])
            gc.enable() if before[2] else gc.disable()

        def fail(n, calls):
            calls.append(n)
            if len(calls) == {failing}:
                raise KeyError("mine")

        def test_sync(cascade_bench):
            calls = []
            sys.settrace(mine)
            with pytest.raises(KeyError):
                cascade_bench(lambda n: fail(n, calls))
            assert (sys.gettrace(), gc.isenabled()) == (mine, True)

        async def test_async(cascade_bench):
            calls = []
            async def failed(n):
                fail(n, calls)
            sys.settrace(mine)
            with pytest.raises(KeyError):
                await cascade_bench(failed)
            assert (sys.gettrace(), gc.isenabled()) == (mine, True)
            assert sys.getprofile() is None
        """,
        *("--cascade-bench", "--benchmark-disable-gc", "--cascade-bench-profile=out"),
    )

    result.assert_outcomes(passed=2)


def test_progress_is_cleared_after_an_error(clock):
    told = Told()

    def fail(n):
        clock.now_ns += 1
        if clock.now_ns == 2:
            raise KeyError(n)

    measurement = Measurement(
        [Entrant("it", fail, None)],
        Schedule(1, rounds=3, warmup=0),
        dict,
        "cascade",
        ValueCheck(),
        lambda found: True,
        told,
    )
    with pytest.raises(KeyError):
        drive(measurement.passes())

    assert told.lines[-1] == "cleared"


# Profiles.

WITHOUT_PYINSTRUMENT = 'import sys\nsys.modules["pyinstrument"] = None\n'

PROFILED = """
    def plain(n):
        return sum(range(n))

    def test_it(cascade_bench):
        cascade_bench.compare(loop=loop, plain=plain)
"""


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_profiles_are_pages_of_pyinstrument(inner):
    result = inner(PROFILED, "--cascade-bench", "--cascade-bench-profile=deep/out")

    folder = inner.path / "deep" / "out"
    assert names_in(folder) == [
        "test_inner.py-test_it-loop.html",
        "test_inner.py-test_it-plain.html",
    ]
    assert all("<html" in path.read_text() for path in folder.iterdir())
    for path in folder.iterdir():
        assert str(path) in result.stdout.str()


def test_profiles_are_for_pstats_without_pyinstrument(inner):
    (inner.path / "conftest.py").write_text(WITHOUT_PYINSTRUMENT)

    result = inner(PROFILED, "--cascade-bench", "--cascade-bench-profile=out")

    paths = sorted((inner.path / "out").iterdir())
    assert [path.name for path in paths] == [
        "test_inner.py-test_it-loop.prof",
        "test_inner.py-test_it-plain.prof",
    ]
    seen = [{function for _, _, function in pstats.Stats(str(path)).stats} for path in paths]
    assert "countdown" in seen[0] - seen[1]
    assert "plain" in seen[1] - seen[0]
    for path in paths:
        assert str(path) in result.stdout.str()


def test_profiles_are_of_one_more_round(inner):
    (inner.path / "conftest.py").write_text(WITHOUT_PYINSTRUMENT)

    result = inner(
        """
        def test_it(cascade_bench):
            calls = []
            assert len(cascade_bench(lambda n: calls.append(n)).rounds) == 2
            assert calls == [20] * 4

        async def test_async(cascade_bench):
            def step():
                pass
            async def factory(n):
                for _ in range(n):
                    await asyncio.sleep(0)
                    step()
            await cascade_bench(factory)
        """,
        *("--cascade-bench", "--cascade-bench-profile=out"),
    )

    result.assert_outcomes(passed=2)
    seen = pstats.Stats(str(inner.path / "out" / "test_inner.py-test_async-factory.prof")).stats
    calls = {function: numbers[0] for (_, _, function), numbers in seen.items()}
    assert calls["step"] == 20


def test_odd_names_give_harmless_files(inner):
    result = inner(
        """
        @pytest.mark.parametrize("odd", ["../up/x", "a*b?<c>|\\"", "grün", " ", "x" * 300])
        def test_it(cascade_bench, odd):
            cascade_bench(loop)
        """,
        *("--cascade-bench", "--cascade-bench-profile=out"),
    )

    result.assert_outcomes(passed=5)
    names = names_in(inner.path / "out")
    assert len(names) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,250}", name) for name in names)
    assert [name for name in names_in(inner.path) if name[0] not in "._"] == [
        "out",
        "pytest.ini",
        "test_inner.py",
    ]


@pytest.mark.parametrize(
    ("name", "ids"),
    [("test_" + "x" * 190, ["a"]), ("test_it", ["a b", "a/b"])],
    ids=["long", "punctuation"],
)
def test_each_test_and_contender_has_a_file_of_its_own(inner, name, ids):
    result = inner(
        f"""
        @pytest.mark.parametrize("odd", {ids})
        def {name}(cascade_bench, odd):
            cascade_bench.compare(loop=loop, plain=lambda n: n)
        """,
        *("--cascade-bench", "--cascade-bench-profile=out"),
    )

    result.assert_outcomes(passed=len(ids))
    assert len(names_in(inner.path / "out")) == 2 * len(ids)


def test_further_benchmarks_of_a_test_have_files_of_their_own(inner):
    inner(
        """
        def test_it(cascade_bench):
            cascade_bench(loop)
            cascade_bench(loop)
        """,
        *("--cascade-bench", "--cascade-bench-profile=out"),
    ).assert_outcomes(passed=1)

    assert names_in(inner.path / "out") == [
        "test_inner.py-test_it-2-loop.html",
        "test_inner.py-test_it-loop.html",
    ]


def test_workers_write_profiles(inner):
    result = inner.apart(
        PROFILED + PROFILED.replace("test_it", "test_other"),
        *("--cascade-bench", "--cascade-bench-profile=out", "-n", "2", "-p", "no:benchmark"),
    )

    result.assert_outcomes(passed=2)
    assert len(names_in(inner.path / "out")) == 4
    for name in names_in(inner.path / "out"):
        assert name in result.stdout.str()


# Progress.


SLEEPY = """
    @pytest.mark.cascade_bench(rounds=3)
    def test_sleepy(cascade_bench):
        cascade_bench(lambda n: time.sleep(0.3))
"""


COLUMNS = 60


def on_a_terminal(suite, source, *args):
    """Run on a pseudo terminal, and give all that was written to it."""
    suite.write(HEAD + dedent(source))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "--cascade-bench", *args]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=suite.pytester.path,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                read = os.read(ours, 10_000)
            except OSError:
                break
            if not read:
                break
            written += read
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def test_progress_is_a_line_on_the_terminal_that_is_erased(suite):
    written = on_a_terminal(suite, SLEEPY, "-s")

    erase = "\r\x1b[2K"
    assert (
        f"{erase}test_sleepy: round 1 of 3"
        f"{erase}test_sleepy: round 2 of 3, 1 s left"
        f"{erase}test_sleepy: round 3 of 3, 0 s left"
        f"{erase}"
    ) in written
    assert written.rindex(erase) < written.index("cascade benchmarks")


def test_progress_fits_into_a_line(suite):
    written = on_a_terminal(suite, SLEEPY.replace("sleepy", "s" * 80).replace("0.3", "0"), "-s")

    lines = re.findall(r"\x1b\[2K([^\r\n\x1b]+round \d of \d[^\r\n\x1b]*)", written)
    assert len(lines) == 3
    assert all(len(line) < COLUMNS for line in lines)


def test_progress_is_silent_while_output_is_captured(suite):
    written = on_a_terminal(suite, SLEEPY.replace("0.3", "0"))

    assert "cascade benchmarks" in written
    assert "round 1 of" not in written


def test_progress_is_silent_where_there_is_no_terminal(inner):
    result = inner(SLEEPY.replace("0.3", "0"), "--cascade-bench", "-s")

    result.assert_outcomes(passed=1)
    assert "round 1 of" not in result.stdout.str() + result.stderr.str()


# Other engines.

TWO_ENGINES = """
    import toylib

    pytestmark = pytest.mark.cascade_bench(iterations=3, rounds=2)

    def both(n):
        for i in range(n):
            toylib.compute(str(i))
        return loop(n)

    def ever_new(n):
        toylib.compute(str(len(toylib.compiled)))
        return loop(n)

    @pytest.mark.expect_resolves(0, engine="toy")
    @pytest.mark.expect_cache_hits(3, engine="toy")
    @pytest.mark.expect_resolves(0)
    def test_right(cascade_bench):
        cascade_bench(both)

    @pytest.mark.expect_resolves(0, engine="toy")
    async def test_wrong(cascade_bench):
        await cascade_bench.compare(both=both, ever_new=ever_new)

    @pytest.mark.expect_resolves(0, engine="toy")
    def test_idle(cascade_bench):
        cascade_bench(loop)

"""


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_markers_for_another_engine_judge_each_round(suite, inner, option):
    suite.pytester.makepyfile(toylib=ENGINE, toyprobe=PROBE, conftest=OFFER.format(members="pass"))

    result = inner(TWO_ENGINES, *option)

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            'E *UnexpectedWork: ever_new, round 1 of *: expect_resolves(0, engine="toy"): *'
            "called 1 time",
            'E *UnexpectedWork: loop, round 1 of *: expect_resolves(0, engine="toy"): '
            "no engine 'toy' ran in this round",
        ]
    )
