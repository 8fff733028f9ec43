"""The marker ``expect_cost``, from outside: what an iteration costs, counted without a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

HOT_PATH = Path(__file__).parents[1] / "core" / "test_hot_path_cost.py"

HAS_MONITORING = sys.version_info >= (3, 12)

FREE = "pytest.mark.expect_cost(at_most=10**9)"
"""Has calls counted whatever they come to."""

KEEPING = f"""
    import gc
    import itertools
    import json
    import sys
    import time
    from pathlib import Path

    FREE = {FREE}
    FREE_OPCODES = pytest.mark.expect_cost(at_most=10**9, unit="opcodes")

    def keep(found, name="all"):
        costs = {{contender: dict(each.cost) for contender, each in found.items()}}
        Path(__file__).with_name(name + ".json").write_text(json.dumps(costs))

    def f():
        return 1

    def one_call(n):
        return [f() for _ in range(n)]
"""

Costs = dict[str, dict[str, float]]


class Broken(Exception):
    """The tests that count do not even pass: no bug that is known."""


def limit(reason: str, *, when: bool = True) -> pytest.MarkDecorator:
    """What docs/benchmarks.md says; a cure makes the test pass and so fail."""
    return pytest.mark.xfail(when, reason=reason, raises=AssertionError)


def written(source: str) -> str:
    return dedent(KEEPING) + dedent(source)


def counted(suite: Any, source: str, *args: str, run: str = "run") -> dict[str, Costs]:
    """Run tests that must pass, and give the costs they kept: name, contender, unit."""
    folder = suite.pytester.path
    for old in folder.glob("*.json"):
        old.unlink()
    ran = getattr(suite, run)(written(source), *args)
    if ran.ret != 0:
        raise Broken(ran.stdout.str())
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def calls(costs: Costs) -> dict[str, float]:
    return {name: cost["calls"] for name, cost in costs.items()}


# -- the number -----------------------------------------------------------------------------------


def test_python_loops_cost_the_calls_counted_by_hand(suite):
    found = counted(
        suite,
        """
        async def two():
            f()
            return f()

        async def coroutines(n):
            for _ in range(n):
                await two()

        def three_values():
            yield 1
            yield 2
            yield 3

        def generators(n):
            for _ in range(n):
                for _ in three_values():
                    pass

        def thrown_into():
            while True:
                try:
                    yield
                except KeyError:
                    pass

        def throws(n):
            generator = thrown_into()
            next(generator)
            for _ in range(n):
                generator.throw(KeyError)

        def raising(n):
            for _ in range(n):
                try:
                    [].index(1)
                except ValueError:
                    pass

        class Plain:
            def method(self):
                return f()

        def methods(n):
            plain = Plain()
            for _ in range(n):
                plain.method()

        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(
                one=one_call,
                with_generator=lambda n: sum(f() for _ in range(n)),
                builtin=lambda n: [abs(-1) for _ in range(n)],
                method_of_c=lambda n: [",".join("ab") for _ in range(n)],
                unpacked=lambda n: [max(*(1, 2), key=abs) for _ in range(n)],
                called=lambda n: lambda: [abs(f()) for _ in range(n)],
                generators=generators,
                throws=throws,
                raising=raising,
                coroutines=coroutines,
                methods=methods,
            ))
        """,
    )

    assert calls(found["all"]) == {
        "one": 1,
        "with_generator": 2,
        "builtin": 1,
        "method_of_c": 1,
        "unpacked": 1,
        "called": 2,
        "generators": 4,
        "throws": 2,
        "raising": 1,
        "coroutines": 3,
        "methods": 2,
    }


def test_of_a_class_or_a_callable_only_the_functions_behind_it_count(suite):
    found = counted(
        suite,
        """
        class Initialised:
            def __init__(self):
                self.value = 1

            def __call__(self):
                return 1

        def called(n):
            callable_ = Initialised()
            for _ in range(n):
                callable_()

        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(
                made=lambda n: [Initialised().value for _ in range(n)],
                types=lambda n: [type(f()) for _ in range(n)],
                called=called,
            ))
        """,
    )

    assert calls(found["all"]) == {"made": 1, "types": 1, "called": 1}


def test_engine_loops_cost_what_the_guard_of_the_hot_path_says(suite):
    found = counted(
        suite,
        f"""
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location("hot_path", {str(HOT_PATH)!r})
        hot_path = module_from_spec(spec)
        sys.modules["hot_path"] = hot_path
        spec.loader.exec_module(hot_path)
        LOOPS = hot_path.LOOPS
        Path(__file__).with_name("known.json").write_text(
            json.dumps({{name: {{"calls": cost}} for name, cost in hot_path.CALLS.items()}})
        )

        @FREE
        def test_loops(cascade_bench):
            engine = cs.Engine()
            keep(cascade_bench.compare(
                simple=LOOPS["simple"].make,
                heavy=LOOPS["heavy"].make,
                stable=LOOPS["stable"].make,
                vm=lambda n: engine.run(LOOPS["vm"].make(n), use_vm=True),
            ))
        """,
    )

    names = ("simple", "heavy", "stable", "vm")
    assert calls(found["all"]) == {name: found["known"][name]["calls"] for name in names}


def test_an_engine_made_in_the_factory_costs_as_much_an_iteration(suite):
    found = counted(
        suite,
        """
        @cs.task
        def vm(n):
            return vm.tail(n - 1) if n else "done"

        @FREE
        def test_loops(cascade_bench):
            kept = cs.Engine()
            keep(cascade_bench.compare(
                kept=lambda n: kept.run(vm(n + 99), use_vm=True),
                made=lambda n: cs.Engine().run(vm(n + 99), use_vm=True),
            ))
        """,
    )

    assert found["all"]["made"] == found["all"]["kept"]


def test_an_iteration_is_one_that_the_engine_counts(suite):
    found = counted(
        suite,
        """
        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(
                as_many=countdown,
                twice_as_many=lambda n: countdown(2 * n),
                always_200=lambda n: countdown(199),
            ))
        """,
    )

    as_many, twice_as_many, always_200 = calls(found["all"]).values()
    assert twice_as_many == as_many
    assert as_many < always_200 < 2 * as_many


def test_time_slices_do_not_disturb_the_number(suite):
    found = counted(
        suite,
        """
        @FREE
        @FREE_OPCODES
        @pytest.mark.cascade_engine(slice_ms=0.001)
        def test_loops(cascade_bench):
            none, endless = cs.Engine(slice_ms=0), cs.Engine(slice_ms=float("inf"))
            keep(cascade_bench.compare(
                by_marker=countdown,
                none=lambda n: none.run(countdown(n)),
                endless=lambda n: endless.run(countdown(n)),
            ))
        """,
    )

    costs = found["all"]
    assert costs["by_marker"] == costs["none"] == costs["endless"]


def test_opcodes_grow_with_the_code_of_an_iteration(suite):
    found = counted(
        suite,
        """
        @FREE_OPCODES
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(
                little=one_call, more=lambda n: [f() + f() + f() for _ in range(n)]
            ))
        """,
    )

    little, more = (found["all"][name]["opcodes"] for name in ("little", "more"))
    assert 4 <= little <= 15
    assert 2 * little <= more <= 4 * little


def test_a_factory_that_ignores_n_costs_what_one_call_costs(suite):
    found = counted(
        suite,
        """
        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(
                one=lambda n: f(), three=lambda n: (f(), f(), f()),
            ))
        """,
    )

    one, three = calls(found["all"]).values()
    assert 2 <= one <= 4
    assert three - one == 2


def test_of_a_factory_that_ignores_n_only_its_own_calls_count(suite):
    found = counted(
        suite,
        """
        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(one=lambda n: f()))
        """,
    )

    assert found["all"]["one"] == {"calls": 2}


def test_a_loop_that_calls_nothing_costs_nothing(suite):
    found = counted(
        suite,
        """
        @FREE
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(none=lambda n: [None for _ in range(n)]))
        """,
    )

    assert found["all"]["none"] == {"calls": 0}


def test_a_miss_in_each_iteration_costs_more_than_a_hit(suite):
    found = counted(
        suite,
        """
        @FREE
        def test_loops(cascade_bench):
            hits, misses = cs.Engine(), cs.Engine(plan_cache=cs.PlanCache(max_plans=0))
            keep(cascade_bench.compare(
                hit=lambda n: hits.run(countdown(n)), miss=lambda n: misses.run(countdown(n)),
            ))
        """,
    )

    hit, miss = calls(found["all"]).values()
    assert 5 <= hit <= 20
    assert 150 <= miss <= 400


# -- what the number does not depend on -----------------------------------------------------------


LOOPS = """
    async def coroutines(n):
        for _ in range(n):
            f()

    def contenders():
        own = cs.Engine()
        return dict(
            python=lambda n: sum(f() for _ in range(n)),
            coroutines=coroutines,
            loop=countdown,
            own=lambda n: own.run(passing(n)),
        )
"""

SYNC = """
    @FREE
    @FREE_OPCODES
    @pytest.mark.cascade_bench(iterations=50, rounds=2)
    def test_sync(cascade_bench):
        keep(cascade_bench.compare(**contenders()), "sync")
"""

ASYNC = """
    @FREE
    @FREE_OPCODES
    @pytest.mark.asyncio
    @pytest.mark.cascade_bench(iterations=50, rounds=2)
    async def test_async(cascade_bench):
        keep(await cascade_bench.compare(**contenders()), "async")
"""


def test_the_number_is_the_same_with_and_without_the_option(suite):
    plain = counted(suite, LOOPS + SYNC)
    measured = counted(suite, LOOPS + SYNC, "--cascade-bench")

    assert measured == plain


@limit("passes agree before a plan is written out that each uses a few times")
def test_the_number_of_short_runs_is_the_same_with_and_without_the_option(suite):
    source = """
        @FREE
        @pytest.mark.cascade_bench(iterations=50, rounds=50)
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(short=lambda n: passing(n // 16)))
    """

    assert counted(suite, source, "--cascade-bench") == counted(suite, source)


@limit("a spied solver keeps its first 1,000 calls, for one call more each")
def test_the_number_of_misses_is_the_same_with_and_without_the_option(suite):
    source = """
        @FREE
        @pytest.mark.cascade_engine(max_plans=0)
        @pytest.mark.cascade_bench(iterations=600, rounds=1, warmup=1)
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(miss=countdown))
    """

    assert counted(suite, source, "--cascade-bench") == counted(suite, source)


@limit("the plugin's spied solver is counted too")
def test_an_engine_of_the_plugin_costs_no_more_than_one_s_own(suite):
    found = counted(
        suite,
        """
        @FREE
        @pytest.mark.cascade_engine(max_plans=0)
        def test_loops(cascade_bench):
            own = cs.Engine(plan_cache=cs.PlanCache(max_plans=0))
            keep(cascade_bench.compare(
                plugin=countdown, own=lambda n: own.run(countdown(n)),
            ))
        """,
    )

    assert found["all"]["plugin"] == found["all"]["own"]


@pytest.mark.parametrize("asyncio_mode", ["strict", "auto"])
def test_the_number_is_the_same_in_sync_and_async_tests(suite, asyncio_mode):
    suite.configure(asyncio_mode=asyncio_mode)

    found = counted(suite, LOOPS + SYNC + ASYNC)

    assert found["async"] == found["sync"]


@limit("coroutines of the test that await it are resumed, and counted too")
def test_what_yields_to_the_loop_costs_the_same_in_sync_and_async_tests(suite):
    source = """
        async def yields(n):
            for _ in range(n):
                await asyncio.sleep(0)

        @FREE
        def test_sync(cascade_bench):
            keep(cascade_bench.compare(yields=yields), "sync")

        @FREE
        async def test_async(cascade_bench):
            keep(await cascade_bench.compare(yields=yields), "async")
    """

    found = counted(suite, source)

    assert found["async"] == found["sync"]


def test_the_number_is_the_same_on_workers(suite):
    alone = counted(suite, LOOPS + SYNC + ASYNC)
    on_workers = counted(suite, LOOPS + SYNC + ASYNC, run="run_on_workers")

    assert len(alone) == 2
    assert on_workers == alone


def test_the_number_does_not_depend_on_how_much_is_measured(suite):
    found = counted(
        suite,
        LOOPS
        + """
    @FREE
    @pytest.mark.cascade_bench(iterations=1, rounds=1, warmup=0)
    def test_little(cascade_bench):
        keep(cascade_bench.compare(**contenders()), "little")

    @FREE
    @pytest.mark.cascade_bench(iterations=300, rounds=3, warmup=2)
    def test_much(cascade_bench):
        keep(cascade_bench.compare(**contenders()), "much")
        """,
        "--cascade-bench",
    )

    assert found["little"] == found["much"]


def test_observers_and_count_markers_add_nothing(suite):
    found = counted(
        suite,
        """
        class Busy:
            def plan_missed(self, run, target):
                one_call(100)

            run_started = plan_resolved = run_finished = lambda self, *_: one_call(100)

        def contenders():
            misses = cs.Engine(plan_cache=cs.PlanCache(max_plans=0))
            return dict(
                hit=countdown,
                miss=lambda n: misses.run(countdown(n)),
                run=lambda n: cs.run(noop()),
            )

        @FREE
        def test_alone(cascade_bench):
            keep(cascade_bench.compare(**contenders()), "alone")

        @FREE
        @pytest.mark.expect_cache_hits(at_most(21))
        @pytest.mark.expect_resolves(at_most(21))
        @pytest.mark.expect_iterations(at_most(21))
        def test_watched(cascade_bench):
            with cs.observe(Busy()):
                keep(cascade_bench.compare(**contenders()), "watched")
        """,
    )

    assert found["watched"] == found["alone"]


def test_tracers_and_profilers_do_not_disturb_the_number(suite):
    found = counted(
        suite,
        """
        def watch(*_):
            f()
            return watch

        @FREE
        @FREE_OPCODES
        def test_loops(cascade_bench):
            keep(cascade_bench.compare(one=one_call, loop=countdown), "alone")
            before = sys.gettrace(), sys.getprofile()
            sys.settrace(watch)
            sys.setprofile(watch)
            try:
                found = cascade_bench.compare(one=one_call, loop=countdown)
            finally:
                sys.settrace(before[0])
                sys.setprofile(before[1])
            keep(found, "watched")
        """,
    )

    assert found["watched"] == found["alone"]


def test_what_other_threads_do_meanwhile_is_not_counted(suite):
    found = counted(
        suite,
        """
        import threading

        def give_way(n):
            for _ in range(n):
                time.sleep(0.00005)

        @FREE
        def test_loops(cascade_bench):
            ends = False

            def work():
                while not ends:
                    f()

            thread = threading.Thread(target=work)
            thread.start()
            interval = sys.getswitchinterval()
            sys.setswitchinterval(0.00005)
            try:
                keep(cascade_bench.compare(give_way=give_way))
            finally:
                sys.setswitchinterval(interval)
                ends = True
                thread.join()
        """,
    )

    assert found["all"]["give_way"] == {"calls": 1}


@pytest.mark.slow
def test_twenty_fresh_processes_find_the_same(suite):
    suite.write(
        written(
            LOOPS
            + """
    @FREE
    @FREE_OPCODES
    def test_sync(cascade_bench):
        names = {"python", "coroutines", "loop", "own"}  # in another order each time
        made = contenders()
        keep(cascade_bench.compare(**{name: made[name] for name in names}), sys.argv[-1])
    """
        )
    )
    folder = suite.pytester.path
    options = ("-q", "-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider")

    def run(seed: int) -> tuple[str, float, float]:
        command = [sys.executable, "-m", "pytest", *options, "-p", "pytest_cascade.plugin"]
        env = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command += ["test_inner.py", "--basetemp", f"seed{seed}"]
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        costs = json.loads((folder / f"seed{seed}.json").read_text())
        return json.dumps(costs, sort_keys=True)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, range(1, 21)))

    assert len(set(found)) == 1
    assert json.loads(found[0])["python"]["calls"] == 2


# -- claims ---------------------------------------------------------------------------------------


OPTIONS = pytest.mark.parametrize("option", [(), ("--cascade-bench",)])


@OPTIONS
def test_a_claim_that_holds_passes(suite, option):
    ran = suite.run(
        written("""
        @pytest.mark.cascade_bench(iterations=20, rounds=2)
        @pytest.mark.expect_cost(at_most=2)
        @pytest.mark.expect_cost("two", at_least=2)
        @pytest.mark.expect_cost("one", between=(1, 1))
        def test_loops(cascade_bench):
            cascade_bench.compare(one=one_call, two=lambda n: [abs(f()) for _ in range(n)])
        """),
        *option,
    )

    ran.assert_outcomes(passed=1)


@OPTIONS
@pytest.mark.parametrize("bound", ["at_most=1", "at_least=3", "between=(0, 1.5)"])
def test_a_claim_that_does_not_hold_fails_and_says_the_number(suite, option, bound):
    ran = suite.run(
        written(f"""
        @pytest.mark.cascade_bench(iterations=20, rounds=2)
        @pytest.mark.expect_cost("two", {bound})
        def test_loops(cascade_bench):
            cascade_bench.compare(one=one_call, two=lambda n: [abs(f()) for _ in range(n)])
        """),
        *option,
    )

    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        [f'E * UnexpectedWork: expect_cost("two", {bound}): two takes 2 calls an iteration']
    )


def test_a_claim_without_a_name_is_about_each_contender(suite):
    ran = suite.run(
        written("""
        @pytest.mark.expect_cost(at_most=0)
        def test_loops(cascade_bench):
            cascade_bench.compare(two=lambda n: [abs(f()) for _ in range(n)], one=one_call)
        """)
    )

    ran.stdout.fnmatch_lines(
        [
            "E * expect_cost(at_most=0): two takes 2 calls an iteration",
            "E * expect_cost(at_most=0): one takes 1 calls an iteration",
        ]
    )


def test_a_claim_of_opcodes_says_so(suite):
    ran = suite.run(
        written("""
        @pytest.mark.expect_cost(at_most=1, unit="opcodes")
        def test_loop(cascade_bench):
            cascade_bench(one_call)
        """)
    )

    ran.stdout.re_match_lines(
        [r'E .*expect_cost\(at_most=1, unit="opcodes"\): one_call takes \d+ opcodes an iteration']
    )


def test_results_give_the_costs_of_all_contenders_in_the_units_claimed(suite):
    found = counted(
        suite,
        """
        @pytest.mark.expect_cost("one", at_most=1)
        def test_calls(cascade_bench):
            keep(cascade_bench.compare(one=one_call, two=lambda n: [abs(f()) for _ in range(n)]))

        @FREE
        @FREE_OPCODES
        def test_both(cascade_bench):
            assert [*cascade_bench(one_call).cost] == ["opcodes", "calls"]

        def test_nothing_claimed(cascade_bench):
            assert cascade_bench(one_call).cost == {}
        """,
    )

    assert found["all"] == {"one": {"calls": 1}, "two": {"calls": 2}}


def test_the_table_shows_costs_of_all_contenders_in_the_unit_claimed(suite):
    ran = suite.run(
        written("""
        @pytest.mark.cascade_bench(iterations=1000, rounds=2)
        @pytest.mark.expect_cost("one", at_most=1)
        def test_loops(cascade_bench):
            cascade_bench.compare(one=one_call, generator=lambda n: sum(f() for _ in range(n)))
        """),
        "--cascade-bench",
        "-p",
        "no:benchmark",
    )

    ran.stdout.fnmatch_lines(["* hits  nodes/graph  calls/iteration"])
    ran.stdout.re_match_lines_random([r"  one  .*  1", r"  generator  .*  2"])
    ran.stdout.fnmatch_lines(['  pass: expect_cost("one", at_most=1): one takes 1 calls *'])
    ran.stdout.no_fnmatch_line("*opcodes/iteration*")


def test_the_table_has_a_column_for_each_unit(suite):
    ran = suite.run(
        written("""
        @FREE
        @FREE_OPCODES
        @pytest.mark.cascade_bench(iterations=1000, rounds=2)
        def test_loop(cascade_bench):
            cascade_bench(one_call)
        """),
        "--cascade-bench",
    )

    ran.stdout.re_match_lines(
        [r".* nodes/graph  calls/iteration  opcodes/iteration", r"  one_call  .* 1 +\d+"]
    )


GROWING = """
    def growing():
        '''One call more each time.'''
        numbers = itertools.count(1)
        return lambda n: [f() for _ in range(next(numbers))] and None
"""


@OPTIONS
def test_a_claim_of_what_costs_something_else_each_time_fails(suite, option):
    ran = suite.run(
        written(
            GROWING
            + """
    @pytest.mark.cascade_bench(iterations=20, rounds=2)
    @pytest.mark.expect_cost("grows", at_most=1000)
    def test_loops(cascade_bench):
        cascade_bench.compare(one=one_call, grows=growing())
    """
        ),
        *option,
    )

    ran.assert_outcomes(failed=1)
    ran.stdout.re_match_lines(
        [
            r'E .*UnexpectedWork: expect_cost\("grows", at_most=1000\): grows costs something else '
            r"each time: passes of 32 iterations took (\d+, ){7}\d+ calls"
        ]
    )
    ran.stdout.no_fnmatch_line("*pytest_cascade/bench/*")


def test_each_claim_about_what_costs_something_else_each_time_is_known(suite):
    ran = suite.run(
        written(
            GROWING
            + """
    @pytest.mark.cascade_bench(iterations=20, rounds=2)
    @pytest.mark.expect_cost("one", at_most=1000)
    @pytest.mark.expect_cost("grows", at_most=1000)
    def test_loops(cascade_bench):
        cascade_bench.compare(one=one_call, grows=growing())
    """
        ),
        "--cascade-bench",
    )

    ran.assert_outcomes(failed=1)
    ran.stdout.re_match_lines(
        [r'E .*UnexpectedWork: expect_cost\("grows", at_most=1000\): grows costs something else .*']
    )
    ran.stdout.no_fnmatch_line("*KeyError*")


def test_what_costs_something_else_each_time_shows_a_dash_if_nothing_is_claimed_of_it(suite):
    ran = suite.run(
        written(
            GROWING
            + """
    @pytest.mark.cascade_bench(iterations=1000, rounds=2)
    @pytest.mark.expect_cost("one", at_most=1)
    def test_loops(cascade_bench):
        found = cascade_bench.compare(one=one_call, grows=growing())
        assert (found["one"].cost, found["grows"].cost) == ({"calls": 1}, {})
    """
        ),
        "--cascade-bench",
        "-p",
        "no:benchmark",
    )

    ran.assert_outcomes(passed=1)
    ran.stdout.re_match_lines_random([r"  one  .*  1", r"  grows  .*  -"])


# -- beside the rounds ----------------------------------------------------------------------------


def test_rounds_are_over_before_costs_are_counted(suite):
    counted(
        suite,
        """
        @FREE
        @pytest.mark.cascade_bench(iterations=5, rounds=2, warmup=1)
        def test_loops(cascade_bench):
            asked = []
            found = cascade_bench.compare(a=asked.append, b=lambda n: asked.append(n))
            assert asked[:6] == [5] * 6
            assert len(asked) > 6
            assert 5 not in asked[6:]
            assert [len(each.rounds) for each in found.values()] == [2, 2]
            assert {each.asked for c in found.values() for each in c.rounds} == {5}
        """,
        "--cascade-bench",
    )


def test_nothing_is_counted_where_no_cost_is_claimed(suite):
    counted(
        suite,
        """
        @pytest.mark.expect_tps(at_least=0)
        @pytest.mark.cascade_bench(iterations=5, rounds=2, warmup=1)
        def test_loops(cascade_bench):
            asked = []
            cascade_bench(asked.append)
            assert asked == [5] * 2
        """,
    )


@OPTIONS
def test_count_markers_judge_the_rounds_alone(suite, option):
    ran = suite.run(
        written("""
        pytestmark = [FREE, pytest.mark.cascade_bench(iterations=10, rounds=2)]

        @pytest.mark.expect_iterations(11)
        @pytest.mark.expect_resolves(0)
        @pytest.mark.expect_cache_hits(11)
        def test_right(cascade_bench):
            found = cascade_bench(countdown)
            assert {each.work.iterations for each in found.rounds} == {11}

        @pytest.mark.expect_iterations(12)
        def test_wrong(cascade_bench):
            cascade_bench(countdown)
        """),
        *option,
    )

    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(["E *round 1 of *expect_iterations(12)*11*"])


def test_the_garbage_collector_is_off_while_it_counts_and_on_after(suite):
    counted(
        suite,
        """
        def test_loop(cascade_bench):
            assert gc.isenabled()
            seen = {5: [], 32: [], 64: []}
            cascade_bench(lambda n: seen[n].append(gc.isenabled()))
            assert gc.isenabled()
            assert set(seen[5]) == {True}
            for n in (32, 64):  # the first of them finds out how often the engine iterates
                assert set(seen[n][1:]) == {False}

        test_loop = FREE(pytest.mark.cascade_bench(iterations=5)(test_loop))
        """,
    )


def test_no_garbage_is_collected_for_the_sake_of_counting(suite):
    """A full collection takes long where thousands of tests are in memory."""
    counted(
        suite,
        """
        @FREE
        def test_loop(cascade_bench):
            collections = []
            gc.callbacks.append(lambda phase, info: collections.append(info["generation"]))
            try:
                cascade_bench(lambda n: None)
            finally:
                gc.callbacks.pop()
            assert 2 not in collections
        """,
    )


def test_a_garbage_collector_that_was_off_stays_off(suite):
    counted(
        suite,
        """
        @FREE
        def test_loop(cascade_bench):
            gc.disable()
            try:
                cascade_bench(one_call)
                assert not gc.isenabled()
            finally:
                gc.enable()
        """,
    )


RAISING = """
    def raising():
        '''Raises in the first pass that is counted.'''
        asked = []

        def factory(n):
            asked.append(n)
            if asked.count(32) > 1:
                raise KeyError(n)

        return factory

    async def raise_later(n, factory):
        await asyncio.sleep(0)
        factory(n)

    def must_raise(cascade_bench, factory):
        with pytest.raises(KeyError):
            cascade_bench(factory)
        return True
"""


def test_the_garbage_collector_and_observers_are_back_after_an_error(suite):
    counted(
        suite,
        RAISING
        + """
    @FREE
    def test_loop(cascade_bench, cache_inspector):
        must_raise(cascade_bench, raising())
        assert gc.isenabled()
        cs.run(noop())
        assert cache_inspector.runs == 1
    """,
    )


@pytest.mark.parametrize("unit", ["calls", "opcodes"])
@pytest.mark.parametrize("way", ["one_call", "raising()", "awaited"])
def test_tracers_and_profilers_are_back_afterwards(suite, unit, way):
    counted(
        suite,
        RAISING
        + f"""
    awaited = (lambda factory: lambda n: raise_later(n, factory))(raising())

    def trace(*_):
        return None

    def profile(*_):
        return None

    @pytest.mark.expect_cost(at_most=10**9, unit="{unit}")
    @pytest.mark.cascade_bench(iterations=5)
    def test_loop(cascade_bench):
        before = sys.gettrace(), sys.getprofile()
        sys.settrace(trace)
        sys.setprofile(profile)
        try:
            if "{way}" == "one_call":
                cascade_bench(one_call)
            else:
                assert must_raise(cascade_bench, {way})
            found = sys.gettrace(), sys.getprofile()
        finally:
            sys.settrace(before[0])
            sys.setprofile(before[1])
        assert found == (trace, profile)
    """,
    )


@limit("f_trace_lines of what outlives the pass stays off", when=not HAS_MONITORING)
def test_lines_of_a_generator_that_outlives_the_count_are_traced_again(suite):
    found = counted(
        suite,
        """
        def kept():
            while True:
                x = 1
                yield x

        @FREE_OPCODES
        def test_loop(cascade_bench):
            generator, lines = kept(), []

            def trace(frame, what, argument):
                if what == "line":
                    lines.append(frame.f_lineno)
                return trace

            cascade_bench(lambda n: [next(generator) for _ in range(n)], result=unittest.mock.ANY)
            before = sys.gettrace()
            sys.settrace(trace)
            next(generator)
            sys.settrace(before)
            Path(__file__).with_name("all.json").write_text(json.dumps(len(lines)))

        import unittest.mock
        """,
    )

    assert found["all"] == 3


def test_a_profiler_written_in_c_is_no_obstacle(suite):
    found = counted(
        suite,
        """
        import cProfile

        @FREE
        def test_loop(cascade_bench):
            before = sys.getprofile()
            profile = cProfile.Profile()
            profile.enable()
            try:
                keep(cascade_bench.compare(one=one_call))
            except TypeError:  # 'Profile' object is not callable
                pass
            finally:
                sys.setprofile(None)
                profile.disable()
                sys.setprofile(before)
        """,
    )

    assert found.get("all") == {"one": {"calls": 1}}


# -- sys.monitoring -------------------------------------------------------------------------------


TOOLS = """
    def tools():
        return [sys.monitoring.get_tool(tool) for tool in range(6)]
"""


def monitoring(test: Any) -> Any:
    """Keep a test where there is ``sys.monitoring``; Python 3.11 has none."""
    return test if HAS_MONITORING else None


@monitoring
@pytest.mark.parametrize("unit", ["calls", "opcodes"])
@pytest.mark.parametrize("way", ["one_call", "raising()", "awaited"])
def test_a_monitoring_tool_in_use_goes_on_and_no_other_stays(suite, unit, way):
    counted(
        suite,
        RAISING
        + TOOLS
        + f"""
    awaited = (lambda factory: lambda n: raise_later(n, factory))(raising())

    @pytest.mark.expect_cost(at_most=10**9, unit="{unit}")
    @pytest.mark.cascade_bench(iterations=5)
    def test_loop(cascade_bench):
        seen, events = [], sys.monitoring.events
        tool = tools().index(None)
        sys.monitoring.use_tool_id(tool, "mine")
        try:
            sys.monitoring.register_callback(tool, events.PY_START, lambda *_: seen.append(1))
            sys.monitoring.set_events(tool, events.PY_START)
            before = tools()
            if "{way}" == "one_call":
                cascade_bench(one_call)
            else:
                assert must_raise(cascade_bench, {way})
            assert tools() == before
            assert sys.monitoring.get_events(tool) == events.PY_START
            seen.clear()
            f()
            assert len(seen) >= 1
        finally:
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.register_callback(tool, events.PY_START, None)
            sys.monitoring.free_tool_id(tool)
    """,
    )


@monitoring
def test_monitoring_tools_do_not_disturb_the_number(suite):
    found = counted(
        suite,
        TOOLS
        + """
    FREE_TOOLS = [tool for tool, name in enumerate(tools()) if name is None]

    @FREE
    @FREE_OPCODES
    @pytest.mark.parametrize("tool", [None, *FREE_TOOLS])
    def test_loop(cascade_bench, tool):
        events = sys.monitoring.events
        callbacks = {
            events.PY_START: lambda *_: f(),
            events.LINE: lambda *_: f(),
            events.CALL: lambda *_: sys.monitoring.DISABLE,
        }
        if tool is not None:
            sys.monitoring.use_tool_id(tool, "mine")
            for event, callback in callbacks.items():
                sys.monitoring.register_callback(tool, event, callback)
            sys.monitoring.set_events(tool, sum(callbacks))
        try:
            keep(cascade_bench.compare(one=one_call), str(tool))
        finally:
            if tool is not None:
                sys.monitoring.set_events(tool, 0)
                for event in callbacks:
                    sys.monitoring.register_callback(tool, event, None)
                sys.monitoring.free_tool_id(tool)
    """,
    )

    assert len(found) >= 4
    assert all(costs == found["None"] for costs in found.values())


@monitoring
def test_all_monitoring_tools_in_use_is_a_clear_error(suite):
    counted(
        suite,
        TOOLS
        + """
    @FREE
    def test_loop(cascade_bench):
        mine = [tool for tool, name in enumerate(tools()) if name is None]
        for tool in mine:
            sys.monitoring.use_tool_id(tool, "mine")
        try:
            message = "^expect_cost: all tools of sys.monitoring are in use$"
            with pytest.raises(RuntimeError, match=message):
                cascade_bench(one_call)
            assert tools().count("mine") == len(mine)
            assert gc.isenabled()
        finally:
            for tool in mine:
                sys.monitoring.free_tool_id(tool)
    """,
    )
