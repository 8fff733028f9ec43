"""How often noise alone fails a claim, and how often a true difference is caught.

Takes some ten minutes and a machine that is otherwise quiet, so it runs only if asked for::

    pytest -m noise -s tests/noise

Comparisons are made through the plugin, as users make them: a session runs a batch of them, half of
the batches while every other core is kept busy. At a gate of 5 % a false alarm is a verdict *fail*
on identical code. Beside it, in turn with our batches, pytest-benchmark measures the same code
twice, in two sessions, and the second is compared with what the first one saved.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

GATE = 0.05
BATCH = 10
IDENTICAL = 100
"""Comparisons of identical code on the quiet machine, and as many on the busy one."""
DIFFERENT = 50
"""Comparisons of code of which one part does 1.15 times the work; on the quiet machine."""
MAX_TIME_S = 5

pytestmark = pytest.mark.noise

SUITE = """
    import json
    import pytest
    import cascade_core as cs

    @cs.task
    def noop(dep=None):
        return "ok"

    @cs.task
    def countdown(n, dep):
        return countdown(n - 1, noop()) if n else "done"

    def loop(units):
        def run(n):
            total = 0
            for i in range(n):
                for j in range(units):
                    total += i ^ j
            return "done"
        return run

    def engine_loop(n):
        return countdown(n, noop())
"""

OURS = """
    pytestmark = pytest.mark.expect_speedup("b", over="a", at_least=1 - {gate})

    @pytest.mark.parametrize("number", range({batch}))
    def test_it(cascade_bench, number):
        cascade_bench.compare(**{contenders})
"""

THEIRS = """
    @pytest.mark.parametrize("number", range({batch}))
    def test_it(benchmark, number):
        benchmark({function}, {n})
"""

TELL = """
    import json

    def pytest_cascade_bench_finished(results):
        (judged,) = results.judged
        told = {"verdict": judged.verdict, "rounds": len(results["a"].rounds)}
        told["interval"] = list(results.ratio("b", "a", judged.confidence))
        with open("told.jsonl", "a") as file:
            file.write(json.dumps(told) + "\\n")
"""

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


class Code(NamedTuple):
    """What is compared."""

    a: str
    b: str


SAME = (Code("loop(20)", "loop(20)"), Code("engine_loop", "engine_loop"))
SLOWER = (Code("loop(100)", "loop(115)"),)
N = {"loop(20)": 10_000, "engine_loop": 10_000, "loop(100)": 2_000, "loop(115)": 2_000}
"""Iterations that pytest-benchmark is given for one call."""


@contextmanager
def busy(is_busy: bool) -> Iterator[None]:
    """Keep every core but one busy."""
    others = (os.cpu_count() or 2) - 1 if is_busy else 0
    spin = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(spin) for _ in range(others)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ours(pytester: pytest.Pytester, code: Code) -> list[dict[str, Any]]:
    """Compare a batch with one session of the plugin."""
    contenders = f"dict(a={code.a}, b={code.b})"
    tests = OURS.format(gate=GATE, batch=BATCH, contenders=contenders)
    pytester.makepyfile(test_ours=dedented(SUITE + tests))
    pytester.makeconftest(dedented(TELL))
    told = pytester.path / "told.jsonl"
    told.unlink(missing_ok=True)
    pytester.runpytest_subprocess(
        "--cascade-bench",
        f"--cascade-bench-max-time={MAX_TIME_S}",
        "-p",
        "no:benchmark",
        "test_ours.py",
    )
    return [json.loads(line) for line in told.read_text().splitlines()]


def theirs(pytester: pytest.Pytester, code: Code) -> list[dict[str, float]]:
    """Compare a batch with what an earlier session of pytest-benchmark saved.

    Returns:
        How many times as long b took as a, by statistic.
    """
    stats = []
    for function in code:
        tests = THEIRS.format(batch=BATCH, function=function, n=N[function])
        pytester.makepyfile(test_theirs=dedented(SUITE + tests))
        pytester.runpytest_subprocess(
            "--benchmark-json=saved.json", "--benchmark-max-time=0.4", "test_theirs.py"
        )
        saved = json.loads((pytester.path / "saved.json").read_text())
        stats.append([each["stats"] for each in saved["benchmarks"]])
    return [
        {name: later[name] / saved[name] for name in ("mean", "min")}
        for saved, later in zip(*stats, strict=True)
    ]


def dedented(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines())


class Found(NamedTuple):
    """All comparisons of one kind."""

    ours: list[dict[str, Any]]
    theirs: list[dict[str, float]]

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(each["verdict"] for each in self.ours)

    def alarms(self, statistic: str) -> int:
        """How often pytest-benchmark's gate would fail."""
        return sum(each[statistic] > 1 + GATE for each in self.theirs)

    def line(self, what: str) -> str:
        verdicts, width = (
            self.verdicts,
            sorted(e["interval"][2] - e["interval"][0] for e in self.ours),
        )
        rounds = sorted(each["rounds"] for each in self.ours)
        return (
            f"{what:<28} {len(self.ours):>4} {verdicts['fail']:>5} {verdicts['inconclusive']:>8} "
            f"{verdicts['pass']:>5} {rounds[len(rounds) // 2]:>7} {width[len(width) // 2]:>7.3f} "
            f"{self.alarms('mean'):>6} {self.alarms('min'):>6}"
        )


HEADER = (
    f"{'':<28} {'':>4} {'fail':>5} {'unclear':>8} {'pass':>5} {'rounds':>7} {'width':>7} "
    f"{'mean':>6} {'min':>6}"
)


def compared(
    pytester: pytest.Pytester, codes: tuple[Code, ...], count: int, is_busy: bool
) -> Found:
    found = Found([], [])
    with busy(is_busy):
        for batch in range(count // BATCH):
            code = codes[batch % len(codes)]
            found.ours.extend(ours(pytester, code))
            found.theirs.extend(theirs(pytester, code))
    return found


def test_noise_fails_hardly_any_claim_and_hides_no_difference(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
):
    pytester.makeini(INI)

    quiet = compared(pytester, SAME, IDENTICAL, is_busy=False)
    slower = compared(pytester, SLOWER, DIFFERENT, is_busy=False)
    loaded = compared(pytester, SAME, IDENTICAL, is_busy=True)

    with capsys.disabled():
        print("\n", HEADER, quiet.line("identical, quiet"), sep="\n")
        print(loaded.line("identical, other cores busy"))
        print(slower.line("1.15 times the work, quiet"))
    identical = [*quiet.ours, *loaded.ours]
    alarms = sum(each["verdict"] == "fail" for each in identical)
    assert len(identical) >= 200
    assert alarms <= 0.01 * len(identical)
    assert slower.verdicts["fail"] >= 0.95 * len(slower.ours)
    assert slower.verdicts["pass"] == 0
