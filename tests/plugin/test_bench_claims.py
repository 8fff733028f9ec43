"""The markers that claim something of a benchmark, from outside."""

import pytest

BAD_MARKS = {
    "expect_speedup('a', over='b')": "expect_speedup: no bound given, expected at_least, *",
    "expect_speedup(over='b', at_least=1)": "expect_speedup: expected a contender's name, got None",
    "expect_speedup('a', at_least=1)": "expect_speedup: over must be a contender's name, got None",
    "expect_speedup('a', over='a', at_least=1)": "expect_speedup: 'a' is compared with itself",
    "expect_speedup('a', 'b', at_least=1)": "expect_speedup: takes one contender, got 2: *",
    "expect_speedup('a', over='b', at_least=2, at_most=1)": "expect_speedup: 2 is more than 1",
    "expect_speedup('a', over='b', at_least=-1)": "expect_speedup: at_least must be a number *",
    "expect_speedup('a', over='b', at_least=float('nan'))": "expect_speedup: at_least must be a *",
    "expect_speedup('a', over='b', between=3)": "expect_speedup: between must be two numbers *",
    "expect_speedup('a', over='b', between=(3, 2))": "expect_speedup: 3 is more than 2",
    "expect_speedup('a', over='b', between=(1, 2), at_least=1)": "expect_speedup: between= *",
    "expect_speedup('a', over='b', at_least=1, confidence=1)": "expect_speedup: confidence must *",
    "expect_speedup('a', over='b', least=1)": "expect_speedup: unknown argument 'least', valid: *",
    "expect_tps()": "expect_tps: no bound given, *",
    "expect_tps(3, at_least=1)": "expect_tps: expected a contender's name, got 3",
    "expect_tps(at_least=True)": "expect_tps: at_least must be a number >= 0, got True",
    "expect_tps(at_least=1, over='b')": "expect_tps: unknown argument 'over', valid: *",
    "expect_cost(at_most=1, unit='ns')": "expect_cost: unit must be 'calls' or 'opcodes', got 'ns'",
    "expect_cost(at_most=1, confidence=0.9)": "expect_cost: unknown argument 'confidence', *",
    "cascade_bench(confidence=0.3)": "cascade_bench: confidence must be a number from 0.5 to *",
}

CONTENDERS = """
    def quick(n):
        for _ in range(n):
            pass

    def slow(n):
        for _ in range(n):
            sum(range(200))

"""

FEW = "@pytest.mark.cascade_bench(iterations=500, rounds=16)"

TEST = """
    def test_it(cascade_bench):
        cascade_bench.compare(quick=quick, slow=slow)
"""

ASYNC_TEST = """
    async def test_it(cascade_bench):
        await cascade_bench.compare(quick=quick, slow=slow)
"""


def marked(*marks, test=TEST, few=FEW):
    lines = "".join(f"\n    @pytest.mark.{mark}" for mark in marks)
    return f"{CONTENDERS}{lines}\n    {few}{test}"


@pytest.mark.parametrize("mark", BAD_MARKS)
def test_arguments_that_make_no_sense_fail_the_collection(suite, mark):
    result = suite.run(f"@pytest.mark.{mark}\ndef test_it(cascade_bench): ...")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"test_inner.py:*: {BAD_MARKS[mark]}"])


def test_bad_arguments_fail_the_collection_on_workers(suite):
    result = suite.run_on_workers("@pytest.mark.expect_tps()\ndef test_it(cascade_bench): ...")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_inner.py:*: expect_tps: no bound given, *"])


def test_late_mark_that_makes_no_sense_fails_its_test(suite):
    result = suite.run("""
        @pytest.fixture(autouse=True)
        def late(request):
            request.node.add_marker(pytest.mark.expect_tps())

        def test_it(): ...
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *MarkerError: test_inner.py:*: expect_tps: no bound given, *"])
    result.stdout.no_fnmatch_line("*judging.py*")


def test_two_claims_about_one_subject_stand_at_two_levels_only(suite):
    result = suite.run(marked("expect_tps(at_least=1)", "expect_tps(at_least=2)"))

    result.stdout.fnmatch_lines(["*expect_tps: * stand at one level"])


@pytest.mark.parametrize("near", ["expect_tps(at_least=1)", "expect_tps(at_least=None)"])
def test_the_nearest_claim_wins_and_none_lifts(suite, near):
    source = f"pytestmark = pytest.mark.expect_tps(at_least=1e12)\n{marked(near)}".replace(
        "\n    ", "\n"
    )

    suite.run(source, "--cascade-bench").assert_outcomes(passed=1)


@pytest.mark.parametrize("test", [TEST, ASYNC_TEST], ids=["sync", "async"])
def test_a_clear_claim_passes(suite, test):
    result = suite.run(
        marked('expect_speedup("quick", over="slow", at_least=2)', test=test), "--cascade-bench"
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ['  pass: expect_speedup("quick", over="slow", at_least=2): quick is * times as fast as *']
    )


@pytest.mark.parametrize("test", [TEST, ASYNC_TEST], ids=["sync", "async"])
@pytest.mark.parametrize("bound", ["at_least=1", "at_most=0", "between=(1, 2)"])
def test_a_claim_that_does_not_hold_fails(suite, bound, test):
    mark = f'expect_speedup("slow", over="quick", {bound})'

    result = suite.run(marked(mark, test=test), "--cascade-bench")

    result.assert_outcomes(failed=1)
    found = "slow is 0.* times as fast as quick (0.* to 0.* at 99.8 %, look 1 of 5)"
    result.stdout.fnmatch_lines(
        [f"E *UnexpectedSpeed: {mark}: {found}", f"  FAIL: {mark}: {found}"]
    )


def test_a_rate_is_claimed_of_all_contenders_or_of_one(suite):
    marks = ("expect_tps(at_least=1e12)", 'expect_tps("slow", at_least=1)')

    result = suite.run(marked(*marks), "--cascade-bench")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *expect_tps(at_least=1000000000000.0): quick makes * M/s (*",
            "E *expect_tps(at_least=1000000000000.0): slow makes *",
            '  pass: expect_tps("slow", at_least=1): slow makes *',
        ],
    )


def test_speed_is_judged_only_where_it_is_measured(suite):
    marks = ('expect_speedup("slow", over="quick", at_least=1)', "expect_tps(at_least=1e12)")

    suite.run(marked(*marks)).assert_outcomes(passed=1)


NEVER_CLEAR = marked(
    'expect_speedup("one", over="other", between=(1, 1), confidence=1 - 1e-12)',
    test="""
    def test_it(cascade_bench):
        cascade_bench.compare(one=slow, other=slow)
    """,
)
"""The same code twice: at so high a confidence no run of bad luck settles it."""

UNCLEAR = ('expect_speedup("quick", over="slow", at_least=2)',)
TOO_FEW = ("--cascade-bench", "--cascade-bench-max-time=0", "-o", "cascade_bench_rounds=2")
ONCE = "@pytest.mark.cascade_bench(iterations=500)"


def test_what_is_unclear_is_told_and_passes(suite):
    result = suite.run(marked(*UNCLEAR, few=ONCE), *TOO_FEW)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "  INCONCLUSIVE: expect_speedup(*): quick is * (too few rounds to say at 99 %, *",
            "cascade: inconclusive: test_inner.py::test_it: expect_speedup(*): quick is *",
        ]
    )


def test_what_is_unclear_fails_where_the_user_is_strict(suite):
    result = suite.run(marked(*UNCLEAR, few=ONCE), *TOO_FEW, "--cascade-bench-strict")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *UnexpectedSpeed: expect_speedup(*): quick is * (too few *"])


def test_there_are_rounds_enough_to_settle_a_claim(suite):
    result = suite.run(
        marked(*UNCLEAR, few=ONCE), "--cascade-bench", "-o", "cascade_bench_rounds=2"
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*::test_it (10 rounds, *"])


def test_rounds_are_doubled_while_a_claim_is_unclear(suite):
    result = suite.run(
        NEVER_CLEAR,
        "--cascade-bench",
    )

    result.stdout.fnmatch_lines(["*::test_it (704 rounds, *", "*look 5 of 5)"])


def test_no_rounds_are_added_when_the_time_is_up(suite):
    result = suite.run(
        NEVER_CLEAR,
        "--cascade-bench",
        "--cascade-bench-max-time=0.000001",
    )

    result.stdout.fnmatch_lines(["*::test_it (44 rounds, *", "*look 1 of 5)"])


@pytest.mark.parametrize(
    ("few", "mark", "ini", "shown"),
    [
        ("@pytest.mark.cascade_bench(iterations=50, confidence=0.9)", "", "", "98 %"),
        (ONCE, "confidence=0.95, ", "", "99 %"),
        (ONCE, "", "cascade_bench_confidence = 0.9", "98 %"),
    ],
)
def test_confidence_is_shared_among_the_looks(suite, few, mark, ini, shown):
    suite.configure(ini)

    result = suite.run(
        marked(f'expect_speedup("quick", over="slow", {mark}at_least=2)', few=few),
        "--cascade-bench",
    )

    result.stdout.fnmatch_lines([f"  pass: expect_speedup(*at {shown}, look 1 of 5)"])


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
@pytest.mark.parametrize("mark", ["expect_tps(at_least=1)", "expect_cost(at_most=1)"])
def test_a_claim_without_a_benchmark_fails(suite, mark, option):
    result = suite.run(f"@pytest.mark.{mark}\ndef test_it(): ...", *option)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *UnexpectedWork: {mark}: no benchmark ran in this test"])


def test_a_claim_that_is_lifted_needs_no_benchmark(suite):
    result = suite.run("""
        pytestmark = pytest.mark.expect_tps(at_least=1)

        @pytest.mark.expect_tps(at_least=None)
        def test_it(): ...
    """)

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_a_claim_about_nobody_fails_and_names_the_contenders(suite, option):
    result = suite.run(marked('expect_speedup("quick", over="slwo", at_least=1)'), *option)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *: no contender is called 'slwo', known: 'quick', 'slow'"])


def test_a_failure_that_is_expected_is_one(suite):
    marks = ("expect_tps(at_least=1e12)", "xfail(strict=True, raises=AssertionError)")

    suite.run(marked(*marks), "--cascade-bench").assert_outcomes(xfailed=1)


def test_a_rate_that_is_too_low_beside_other_workers_is_unclear(suite):
    result = suite.run_apart(
        marked("expect_tps(at_least=1e12)"),
        *("--cascade-bench", "--cascade-bench-max-time=0.1", "-n", "2", "-p", "no:benchmark"),
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  INCONCLUSIVE: expect_tps(*): quick makes *"])


def test_each_measurement_must_be_awaited(suite):
    result = suite.run("""
        async def test_it(cascade_bench):
            one, two = (cascade_bench.compare(a=lambda n: n) for _ in range(2))
            await one
            await cascade_bench.compare(a=lambda n: n)
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *cascade_bench was not awaited: *"])


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--cascade-bench-max-time=soon", "--cascade-bench-max-time must be a number of seconds*"),
        ("--cascade-bench-max-time=-1", "--cascade-bench-max-time must be a number of seconds*"),
        ("--cascade-bench-profile=x", "--cascade-bench-profile needs --cascade-bench"),
        ("-ocascade_bench_confidence=2", "cascade_bench_confidence must be a number from 0.5 to *"),
        ("-ocascade_bench_confidence=x", "cascade_bench_confidence must be a number from 0.5 to *"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(suite, option, text):
    result = suite.run("def test_it(): ...", option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {text}"])
