"""What ``cascade_bench`` measured, in the tables and files of the real pytest-benchmark."""

import json
import pstats
import re
from textwrap import dedent

import pytest
from pytest_benchmark.session import BenchmarkSession

IS_OFF_ON_WORKERS = hasattr(BenchmarkSession, "note_xdist_benchmark")
"""Older versions are off in the main process only, and warn of it at once."""

WITH_WARNINGS = () if IS_OFF_ON_WORKERS else ("-W", "default")

QUICK = """
def pytest_benchmark_generate_machine_info(config):
    return {"machine": "quickly described"}

"""

PAIR = """
import cProfile
import gc
import os
import sys
import time
from pathlib import Path

pytestmark = pytest.mark.cascade_bench(iterations=20, rounds=2)

def loop(n):
    return countdown(n, noop())

def plain(n):
    return sum(range(n))

"""

COMPARED = """
    def test_it(cascade_bench):
        cascade_bench.compare(loop=loop, plain=plain)
"""

EVERY_KIND = """
    @pytest.mark.parametrize("size", [1, 2])
    def test_ours(cascade_bench, size):
        cascade_bench.compare(loop=loop, plain=plain)

    def test_theirs(benchmark):
        benchmark.pedantic(len, [()])

    def test_neither():
        pass
"""


class Inner:
    """A suite in a directory of its own, beside pytest-benchmark."""

    def __init__(self, suite):
        self._suite = suite
        self.path = suite.pytester.path
        self.conftest("")

    def conftest(self, source):
        (self.path / "conftest.py").write_text(QUICK + dedent(source))

    def configure(self, **options):
        self._suite.configure(**options)

    def run(self, source, *args):
        if not IS_OFF_ON_WORKERS and any("json" in arg for arg in args):
            # Older versions open the file more than once, and leave that to the collector.
            quiet = ("-p", "no:randomly", "-W", "ignore::pytest.PytestUnraisableExceptionWarning")
            return self.run_apart(source, *quiet, *args)
        return self._suite.run(PAIR + dedent(source), *args)

    def run_apart(self, source, *args):
        return self._suite.run_apart(PAIR + dedent(source), *args)

    def measure(self, source, *args):
        result = self.run(source, "--cascade-bench", *args)
        assert result.parseoutcomes().keys() == {"passed"}
        return result

    def saved(self, source, *args):
        """Measure, and read what ``--benchmark-json`` wrote, by name."""
        self.measure(source, "--benchmark-json=it.json", *args)
        return self.read()

    def read(self):
        benchmarks = json.loads((self.path / "it.json").read_text())["benchmarks"]
        return {each["name"]: each for each in benchmarks}


@pytest.fixture
def inner(suite, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # where it would be off
    return Inner(suite)


def tables(result):
    """The names in pytest-benchmark's tables, by what stands above each."""
    found, title, is_inside = {}, "", False
    for line in result.outlines:
        if re.match(r"-+ benchmark", line):
            title = line.strip("- ")
        elif line.startswith("Name (time in "):
            is_inside = True
        elif not line:
            is_inside = False
        elif is_inside and not line.startswith("---"):
            found.setdefault(title, []).append(re.split(r" {2,}", line)[0].strip())
    return found


def rows(result):
    """The names in all tables."""
    return [name for names in tables(result).values() for name in names]


# Names.


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(COMPARED, ["test_it[loop]", "test_it[plain]"], id="comparison"),
        pytest.param(
            """
            @pytest.mark.parametrize("size", ["big", "small"])
            def test_it(cascade_bench, size):
                cascade_bench.compare(loop=loop, plain=plain)
            """,
            [
                "test_it[big-loop]",
                "test_it[big-plain]",
                "test_it[small-loop]",
                "test_it[small-plain]",
            ],
            id="parameters",
        ),
        pytest.param(
            """
            def test_it(cascade_bench):
                cascade_bench(loop)
            """,
            ["test_it"],
            id="alone",
        ),
        pytest.param(
            """
            @pytest.mark.parametrize("size", ["big"])
            def test_it(cascade_bench, size):
                cascade_bench(loop)
            """,
            ["test_it[big]"],
            id="alone with a parameter",
        ),
        pytest.param(
            """
            def test_it(cascade_bench):
                cascade_bench(loop)
                cascade_bench(loop)
                cascade_bench.compare(loop=loop, plain=plain)
            """,
            ["test_it", "test_it[2]", "test_it[3-loop]", "test_it[3-plain]"],
            id="several in one test",
        ),
        pytest.param(
            """
            class TestAll:
                async def test_it(self, cascade_bench):
                    await cascade_bench.compare(loop=loop, plain=plain)
            """,
            ["test_it[loop]", "test_it[plain]"],
            id="async method",
        ),
    ],
)
def test_every_contender_is_a_row(inner, source, expected):
    result = inner.measure(source, "--benchmark-sort=name")

    assert rows(result) == expected


def test_full_name_is_the_node_id_with_the_contender(inner):
    saved = inner.saved(
        """
        class TestAll:
            @pytest.mark.parametrize("size", [1])
            def test_it(self, cascade_bench, size):
                cascade_bench.compare(loop=loop, plain=plain)
        """
    )

    assert saved["test_it[1-loop]"]["fullname"] == "test_inner.py::TestAll::test_it[1-loop]"


def test_our_rows_stand_beside_theirs(inner):
    result = inner.measure(EVERY_KIND, "--benchmark-sort=name")

    assert rows(result) == [
        "test_ours[1-loop]",
        "test_ours[1-plain]",
        "test_ours[2-loop]",
        "test_ours[2-plain]",
        "test_theirs",
    ]


def test_a_test_may_request_both_fixtures(inner):
    result = inner.measure(
        """
        def test_it(benchmark, cascade_bench):
            benchmark.pedantic(len, [()])
            cascade_bench.compare(loop=loop, plain=plain)
        """,
        "--benchmark-sort=name",
    )

    assert rows(result) == ["test_it", "test_it[loop]", "test_it[plain]"]


# Figures.


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_ten_milliseconds_of_sleep_are_reported_as_ten_milliseconds(inner, mode):
    inner.configure(asyncio_mode=mode)

    saved = inner.saved(
        """
        async def once(n):
            await asyncio.sleep(0.01)

        async def n_times(n):
            for _ in range(n):
                await asyncio.sleep(0.01)

        def is_right(contender):
            return 10e6 <= contender.ns_per_iteration < 15e6

        @pytest.mark.cascade_bench(iterations=None, rounds=4)
        def test_sync(cascade_bench):
            found = cascade_bench.compare(once=once, n_times=n_times)
            assert all(map(is_right, found.values()))

        @pytest.mark.cascade_bench(iterations=None, rounds=4)
        @pytest.mark.asyncio
        async def test_async(cascade_bench):
            found = await cascade_bench.compare(once=once, n_times=n_times)
            assert all(map(is_right, found.values()))

        @pytest.mark.cascade_bench(iterations=3)
        def test_three_times(cascade_bench):
            assert is_right(cascade_bench(n_times))
        """
    )

    means = {name: each["stats"]["mean"] for name, each in saved.items()}
    assert len(means) == 5
    assert {name: mean for name, mean in means.items() if not 0.01 <= mean < 0.015} == {}


def test_json_has_the_seconds_per_iteration_of_each_round(inner):
    saved = inner.saved(
        """
        def test_it(cascade_bench):
            found = cascade_bench.compare(loop=loop, plain=plain)
            for each in found.values():
                seconds = [round.ns_per_iteration / 1e9 for round in each.rounds]
                Path(f"{each.name}.txt").write_text(repr(seconds))
        """
    )

    for contender in ("loop", "plain"):
        seconds = json.loads((inner.path / f"{contender}.txt").read_text())
        stats = saved[f"test_it[{contender}]"]["stats"]
        assert stats["data"] == pytest.approx(seconds)
        assert stats["rounds"] == 2
        assert stats["median"] == pytest.approx(sum(seconds) / 2)


def test_json_has_the_iterations_counted_or_those_asked_for(inner):
    saved = inner.saved(COMPARED)

    assert saved["test_it[loop]"]["stats"]["iterations"] == 21
    assert saved["test_it[plain]"]["stats"]["iterations"] == 20


def test_json_has_the_parameters_and_the_contender(inner):
    saved = inner.saved(EVERY_KIND)

    assert saved["test_ours[2-loop]"]["params"] == {"size": 2, "contender": "loop"}
    assert saved["test_ours[2-loop]"]["param"] == "2-loop"


def test_json_has_our_counts(inner):
    saved = inner.saved(
        """
        @pytest.mark.expect_cost(at_least=1, unit="calls")
        def test_it(cascade_bench):
            cascade_bench.compare(
                loop=loop, cold=lambda n: cs.run(countdown(n, noop())), plain=plain
            )
        """
    )

    info = {name: each["extra_info"] for name, each in saved.items()}
    assert info["test_it[loop]"].pop("cost")["calls"] > 1
    assert info["test_it[loop]"] == {
        "iterations": 42,
        "resolves": 0,
        "hits": 42,
        "nodes_per_graph": 2,
    }
    assert info["test_it[cold]"]["resolves"] == 2
    assert info["test_it[plain]"]["hits"] == 0


def test_json_says_how_it_was_measured(inner):
    options = inner.saved(COMPARED, "--benchmark-disable-gc")["test_it[loop]"]["options"]

    assert options["disable_gc"] is True
    assert options["min_rounds"] == 2
    assert options["warmup"] == 1


def test_a_test_that_fails_its_own_claim_is_in_the_json(inner):
    result = inner.run(
        """
        @pytest.mark.expect_resolves(7)
        def test_it(cascade_bench):
            cascade_bench.compare(loop=loop, plain=plain)
        """,
        "--cascade-bench",
        "--benchmark-json=it.json",
    )

    result.assert_outcomes(failed=1)
    assert inner.read().keys() == {"test_it[loop]", "test_it[plain]"}


def test_a_test_with_an_error_in_a_factory_is_not_in_the_json(inner):
    result = inner.run(
        EVERY_KIND
        + """
    def test_error(cascade_bench):
        cascade_bench.compare(loop=loop, wrong=lambda n: 1 / 0)
        """,
        "--cascade-bench",
        "--benchmark-json=it.json",
    )

    result.assert_outcomes(passed=4, failed=1)
    assert "test_ours[1-loop]" in inner.read()
    assert not any("test_error" in name for name in inner.read())


# What it does with figures.

SLOWED = """
    def steady(n):
        time.sleep(0.002)

    def slowed(n):
        time.sleep(0.02 if os.path.exists("slow") else 0.002)

    def test_it(cascade_bench):
        cascade_bench.compare(steady=steady, slowed=slowed)
"""


def test_saved_runs_are_compared_with_this_one(inner):
    inner.measure(COMPARED, "--benchmark-autosave")

    result = inner.measure(COMPARED, "--benchmark-compare")

    assert sorted(re.sub(r"\(0001_\w+\)", "(saved)", name) for name in rows(result)) == [
        "test_it[loop] (NOW)",
        "test_it[loop] (saved)",
        "test_it[plain] (NOW)",
        "test_it[plain] (saved)",
    ]


def test_regression_of_a_contender_is_reported(inner):
    inner.measure(SLOWED, "--benchmark-autosave")
    (inner.path / "slow").touch()

    # Apart, for it raises out of the session.
    result = inner.run_apart(
        SLOWED, "--cascade-bench", "--benchmark-compare", "--benchmark-compare-fail=mean:50%"
    )

    assert result.ret != pytest.ExitCode.OK
    told = result.stdout.str() + result.stderr.str()
    assert "Performance has regressed" in told
    assert re.search(r"test_it\[slowed\] \(0001_\w+\) - Field 'mean' has failed", told)
    assert not re.search(r"test_it\[steady\] \(0001_\w+\) - Field 'mean'", told)


def test_run_is_saved_under_a_name(inner):
    inner.measure(COMPARED, "--benchmark-save=first")

    (path,) = (inner.path / ".benchmarks").glob("*/*.json")
    assert path.name == "0001_first.json"
    assert len(json.loads(path.read_text())["benchmarks"]) == 2


def test_histogram_shows_every_contender(inner):
    # Apart, for pygal imports what changes how plugins are found.
    result = inner.run_apart(COMPARED, "--cascade-bench", "--benchmark-histogram=drawn/it")

    result.assert_outcomes(passed=1)
    (path,) = (inner.path / "drawn").glob("*.svg")
    assert all(name in path.read_text() for name in ("test_it[loop]", "test_it[plain]"))


def test_columns_and_order_are_as_asked(inner):
    result = inner.measure(COMPARED, "--benchmark-columns=rounds,mean", "--benchmark-sort=mean")

    result.stdout.re_match_lines([r"Name \(time in \ws\) +Rounds +Mean +$"])
    assert rows(result) == ["test_it[plain]", "test_it[loop]"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "func",
            {"benchmark 'test_ours': 4 tests": 4, "benchmark 'test_other': 2 tests": 2},
        ),
        (
            "param:contender",
            {
                "benchmark 'contender=loop': 3 tests": 3,
                "benchmark 'contender=plain': 3 tests": 3,
            },
        ),
        ("group", {"benchmark: 4 tests": 4, "benchmark 'g': 2 tests": 2}),
        ("param:size", None),
    ],
)
def test_contenders_are_grouped(inner, key, expected):
    source = """
        @pytest.mark.parametrize("size", [1, 2])
        def test_ours(cascade_bench, size):
            cascade_bench.compare(loop=loop, plain=plain)
    """
    if expected is None:
        expected = {"benchmark 'size=1': 2 tests": 2, "benchmark 'size=2': 2 tests": 2}
    else:
        source += """
        @pytest.mark.benchmark(group="g")
        def test_other(cascade_bench):
            cascade_bench.compare(loop=loop, plain=plain)
        """

    result = inner.measure(source, f"--benchmark-group-by={key}")

    assert {title: len(names) for title, names in tables(result).items()} == expected


def test_functions_of_every_contender_are_listed_by_cprofile(inner):
    result = inner.measure(COMPARED, "--benchmark-cprofile=cumtime")

    result.stdout.fnmatch_lines(
        [
            "*cProfile (time in s)*",
            "test_inner.py::test_it[[]loop[]]",
            "21\t*(countdown)",
            "test_inner.py::test_it[[]plain[]]",
            "1\t*(plain)",
        ]
    )


def test_each_contender_has_a_dump_for_pstats(inner):
    inner.measure(COMPARED, "--benchmark-cprofile=cumtime", "--benchmark-cprofile-dump=profiles/it")

    paths = sorted((inner.path / "profiles").iterdir())
    assert [path.name for path in paths] == ["it-test_it-loop.prof", "it-test_it-plain.prof"]
    seen = [{function for _, _, function in pstats.Stats(str(path)).stats} for path in paths]
    assert "countdown" in seen[0] - seen[1]


def test_figures_are_not_those_of_the_profiled_round(inner):
    saved = inner.saved(COMPARED, "--benchmark-cprofile=cumtime")

    assert saved["test_it[loop]"]["stats"]["rounds"] == 2
    assert saved["test_it[loop]"]["extra_info"]["iterations"] == 42


def test_hooks_of_a_user_see_our_benchmarks(inner):
    inner.conftest(
        """
        def pytest_benchmark_group_stats(benchmarks):
            loops = [each for each in benchmarks if each["params"]["contender"] == "loop"]
            return [("mine", loops)]

        def pytest_benchmark_update_json(benchmarks, output_json):
            output_json["benchmarks"] = [{"name": each.name} for each in benchmarks]
        """
    )

    result = inner.measure(COMPARED, "--benchmark-json=it.json")

    assert tables(result) == {"benchmark 'mine': 1 tests": ["test_it[loop]"]}
    assert inner.read().keys() == {"test_it[loop]", "test_it[plain]"}


# Which tests run.


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_benchmark_only_runs_both_kinds_and_nothing_else(inner, option):
    result = inner.run(EVERY_KIND, "--benchmark-only", "-v", *option)

    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["*::test_neither SKIPPED*"])


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_benchmark_skip_leaves_both_kinds_out(inner, option):
    result = inner.run(EVERY_KIND, "--benchmark-skip", "-v", *option)

    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["*::test_neither PASSED*"])


@pytest.mark.parametrize("option", ["--benchmark-only", "--benchmark-skip"])
def test_selecting_leaves_the_fixtures_of_a_test_alone(inner, option):
    inner.conftest(
        """
        def pytest_collection_finish(session):
            for item in session.items:
                print(item.name, *[name for name in item.fixturenames if "bench" in name])
        """
    )

    result = inner.run(
        EVERY_KIND
        + """
    def test_both(benchmark, cascade_bench):
        pass
        """,
        option,
        "--collect-only",
        "-q",
    )

    result.stdout.fnmatch_lines(
        [
            "test_ours[[]1[]] cascade_bench",
            "test_ours[[]2[]] cascade_bench",
            "test_theirs benchmark",
            "test_neither",
            "test_both benchmark cascade_bench",
        ]
    )


def test_benchmark_only_makes_no_fixture_of_theirs_for_our_tests(inner):
    result = inner.run(
        """
        @pytest.fixture(autouse=True)
        def nothing_odd(request):
            assert "benchmark" not in request.fixturenames
            yield
            assert "benchmark" not in request.node.funcargs

        def test_it(cascade_bench):
            cascade_bench(loop)
        """,
        "--benchmark-only",
    )

    result.assert_outcomes(passed=1)


def test_benchmark_disable_measures_nothing_and_says_so_in_one_line(inner):
    result = inner.run(
        """
        @pytest.mark.cascade_bench(iterations=1000)
        def test_it(cascade_bench):
            asked = []
            cascade_bench(asked.append)
            assert asked == [20, 20]
        """,
        "--cascade-bench",
        "--benchmark-disable",
    )

    result.assert_outcomes(passed=1)
    assert rows(result) == []
    assert "cascade benchmarks" not in result.stdout.str()
    assert [line for line in result.outlines if "--benchmark-disable" in line] == [
        "cascade: benchmarks were not measured: --benchmark-disable is on, "
        "and --benchmark-enable overrides it"
    ]


def test_benchmark_enable_overrides_benchmark_disable(inner):
    result = inner.measure(COMPARED, "--benchmark-disable", "--benchmark-enable")

    assert len(rows(result)) == 2
    result.stdout.fnmatch_lines(["*= cascade benchmarks =*"])
    result.stdout.no_fnmatch_line("*were not measured*")


def test_without_our_option_it_gets_nothing(inner):
    result = inner.run(EVERY_KIND, "--benchmark-json=it.json")

    result.assert_outcomes(passed=4)
    assert rows(result) == ["test_theirs"]
    assert inner.read().keys() == {"test_theirs"}


def test_without_our_option_it_shows_no_profile(inner):
    result = inner.run(
        """
        def test_it(cascade_bench):
            calls = []
            cascade_bench(calls.append)
            assert calls == [20, 20]
        """,
        "--benchmark-cprofile=cumtime",
    )

    result.assert_outcomes(passed=1)


def test_without_pytest_benchmark_all_is_measured(inner):
    (inner.path / "conftest.py").unlink()
    result = inner.measure(COMPARED, "-p", "no:benchmark")

    result.stdout.fnmatch_lines(["*= cascade benchmarks =*", "  loop *"])
    assert rows(result) == []


def test_workers_measure_and_the_table_is_told_once(inner):
    result = inner.run_apart(EVERY_KIND, "--cascade-bench", "-n", "2", *WITH_WARNINGS)

    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.OK
    assert result.stdout.str().count("= cascade benchmarks =") == 1
    result.stdout.fnmatch_lines(["*::test_ours[[]1[]] *", "*::test_ours[[]2[]] *"])
    assert rows(result) == []


def test_workers_save_nothing(inner):
    inner.run_apart(
        COMPARED,
        *("--cascade-bench", "-n", "2", "--benchmark-autosave", "--benchmark-json=it.json"),
        *WITH_WARNINGS,
    ).assert_outcomes(passed=1)

    saved = inner.path / "it.json"
    assert not saved.exists() or saved.read_text() == ""  # older versions open it at once
    assert [*inner.path.glob(".benchmarks/*/*.json")] == []


# What else runs while a round is measured.

WATCHED = """
    @pytest.fixture(autouse=True)
    def gc_is_restored():
        was_enabled = gc.isenabled()
        gc.enable()
        yield
        gc.enable() if was_enabled else gc.disable()

    def look(n):
        LOOKS.append(gc.isenabled())

    LOOKS = []

"""


@pytest.mark.parametrize(
    ("mark", "option", "expected"),
    [
        ("disable_gc=True", (), [True, False, False, True]),
        ("", ("--benchmark-disable-gc",), [True, False, False, True]),
        ("disable_gc=False", ("--benchmark-disable-gc",), [True, True, True, True]),
        ("", (), [True, True, True, True]),
    ],
)
def test_the_collector_is_off_in_measured_rounds_if_asked(inner, mark, option, expected):
    inner.measure(
        WATCHED
        + f"""
    @pytest.mark.benchmark({mark})
    def test_sync(cascade_bench):
        LOOKS.clear()
        cascade_bench(look)
        assert [*LOOKS, gc.isenabled()] == {expected}

    @pytest.mark.benchmark({mark})
    async def test_async(cascade_bench):
        async def looked(n):
            look(n)
        LOOKS.clear()
        await cascade_bench(looked)
        assert [*LOOKS, gc.isenabled()] == {expected}
        """,
        *option,
    )


def test_the_collector_is_on_again_after_an_error(inner):
    inner.measure(
        WATCHED
        + """
    def fail(n):
        LOOKS.append(gc.isenabled())
        if len(LOOKS) == 2:
            raise KeyError(n)

    async def failed(n):
        await asyncio.sleep(0)
        fail(n)

    @pytest.mark.parametrize("factory", [fail, failed])
    def test_sync(cascade_bench, factory):
        LOOKS.clear()
        with pytest.raises(KeyError):
            cascade_bench(factory)
        assert [*LOOKS, gc.isenabled()] == [True, False, True]

    async def test_async(cascade_bench):
        LOOKS.clear()
        with pytest.raises(KeyError):
            await cascade_bench(failed)
        assert [*LOOKS, gc.isenabled()] == [True, False, True]
        """,
        "--benchmark-disable-gc",
    )


def test_the_collector_stays_off_for_who_switched_it_off(inner):
    inner.measure(
        WATCHED
        + """
    def test_it(cascade_bench):
        gc.disable()
        cascade_bench(look)
        assert not gc.isenabled()
        """,
        "--benchmark-disable-gc",
    )


TRACED = """
    @pytest.fixture(autouse=True)
    def tracers_are_restored():
        before = sys.gettrace(), sys.getprofile()
        yield
        sys.settrace(before[0])
        sys.setprofile(before[1])

    def mine(*args):
        pass

    SEEN = []

    def look(n):
        SEEN.append((sys.gettrace(), sys.getprofile()))
        if len(SEEN) == FAILS_AT:
            raise KeyError(n)

    async def looked(n):
        await asyncio.sleep(0)
        look(n)

    FAILS_AT = None

    @pytest.mark.parametrize("factory", [look, looked])
    def test_sync(cascade_bench, factory):
        SEEN.clear()
        sys.settrace(mine)
        sys.setprofile(mine)
        cascade_bench(factory)
        after = sys.gettrace(), sys.getprofile()
        assert SEEN[-1] == (IN_ROUNDS, IN_ROUNDS)
        assert after == (mine, mine)

    async def test_async(cascade_bench):
        SEEN.clear()
        sys.settrace(mine)
        sys.setprofile(mine)
        await cascade_bench(looked)
        after = sys.gettrace(), sys.getprofile()
        assert SEEN[-1] == (IN_ROUNDS, IN_ROUNDS)
        assert after == (mine, mine)

"""


def test_tracers_pause_in_measured_rounds(inner):
    inner.measure(TRACED + "    IN_ROUNDS = None")


def test_tracers_go_on_where_nothing_is_measured(inner):
    inner.run(TRACED + "    IN_ROUNDS = mine").assert_outcomes(passed=3)


def test_tracers_are_back_after_an_error(inner):
    failing = re.sub(
        r"(    *)((?:await )?cascade_bench\(look\w*\)|cascade_bench\(factory\))",
        r"\1with pytest.raises(KeyError):\n\1    \2",
        TRACED,
    ).replace("FAILS_AT = None", "FAILS_AT = 2")
    inner.measure(failing + "    IN_ROUNDS = None")


def test_a_profiler_written_in_c_goes_on_afterwards(inner):
    inner.measure(
        """
        def test_it(cascade_bench):
            profile = cProfile.Profile()
            profile.enable()
            try:
                cascade_bench(loop)
                sorted("after")
            finally:
                profile.disable()
            assert "sorted" in str([each.code for each in profile.getstats()])
        """
    )
