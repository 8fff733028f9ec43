"""The examples are suites that users copy: they must hold where they are run, and be there."""

import ast
import sys
from pathlib import Path

import pytest

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
xfail_strict = true
filterwarnings = error
"""

EXAMPLES = Path(__file__).parents[1] / "examples"

ANOTHER_ENGINE = EXAMPLES / "another_engine"


def run_example(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    pytester.copy_example(str(EXAMPLES / name))
    pytester.makeini(INI)
    return pytester.runpytest_subprocess("-p", "no:randomly", *options)


def failure_shown_in(example: Path) -> list[str]:
    """The indented lines of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(example.read_text()))
    assert docstring is not None
    return [line.strip() for line in docstring.splitlines() if line.startswith("    ")]


def test_there_are_examples():
    assert len(list(EXAMPLES.glob("test_*.py"))) >= 3


@pytest.mark.slow
def test_plan_cache_examples_hold_in_a_folder_of_their_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_plan_cache.py")

    ran.assert_outcomes(passed=9, xfailed=1)


@pytest.mark.slow
def test_the_redefined_task_is_named_when_its_xfail_is_removed(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_plan_cache.py", "--runxfail", "-k", "redefined_in_the_loop")

    ran.assert_outcomes(failed=1, deselected=9)
    ran.stdout.fnmatch_lines(
        [
            "*expect_resolves(1): the solver was called 4 times",
            "*1. with_redefined · 2 nodes · *",
            "*2. with_redefined · 2 nodes · new task: 'noop' was redefined",
        ]
    )


@pytest.mark.slow
def test_reuse_examples_hold_in_a_folder_of_their_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_reuse_and_retry.py")

    ran.assert_outcomes(passed=6)


@pytest.mark.slow
def test_a_cache_that_never_hits_fails_as_its_example_says(pytester: pytest.Pytester):
    pytester.copy_example(str(EXAMPLES / "test_reuse_and_retry.py"))
    example = pytester.path / "test_reuse_and_retry.py"
    example.write_text(example.read_text().replace(".with_cache(cache)", ""))
    pytester.makeini(INI)

    ran = pytester.runpytest_subprocess("-p", "no:randomly", "-k", "second_run")

    ran.assert_outcomes(failed=1, deselected=5)
    ran.stdout.fnmatch_lines(["*expect_reuses(3): a value was reused 0 times"])


@pytest.mark.slow
def test_loop_examples_measure_and_judge(pytester: pytest.Pytester):
    ran = run_example(
        pytester, "test_loop_performance.py", "--cascade-bench", "-o", "cascade_bench_rounds=1"
    )

    ran.assert_outcomes(passed=2, xfailed=1)
    ran.stdout.fnmatch_lines(
        [
            "*cascade benchmarks*",
            "  always_new * 0 * 12",  # no hits
            "*time/iteration*iterations/s*x imperative*nodes/s*resolves*hits*calls/iteration",
            "  stable * (* to *) * 0 * 12 * 14",
            "  imperative * - * - * -*",
            '  pass: expect_speedup("stable", over="forced_miss", at_least=20): stable is *',
        ],
    )
    assert ran.stdout.str().count("cascade benchmarks") == 1


@pytest.mark.slow
def test_the_benchmark_that_lies_is_caught_as_its_example_says(pytester: pytest.Pytester):
    shown = failure_shown_in(EXAMPLES / "test_loop_performance.py")

    ran = run_example(pytester, "test_loop_performance.py", "--runxfail", "-k", "caught")

    ran.assert_outcomes(failed=1, deselected=2)
    assert len(shown) == 2
    ran.stdout.fnmatch_lines([f"E *{line}" for line in shown], consecutive=True)


@pytest.mark.slow
def test_another_engines_example_holds_in_a_folder_of_its_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "another_engine")

    ran.assert_outcomes(passed=3, xfailed=1)


@pytest.mark.slow
def test_failure_of_another_engine_reads_as_its_example_says(pytester: pytest.Pytester):
    shown = failure_shown_in(ANOTHER_ENGINE / "test_toy_engine.py")

    ran = run_example(pytester, "another_engine", "--runxfail", "-k", "numbers_in_the_formula")

    ran.assert_outcomes(failed=1, deselected=3)
    assert len(shown) == 4
    ran.stdout.fnmatch_lines([f"E *{line}" for line in shown], consecutive=True)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def first_of_body(node: ast.stmt) -> int:
    """The line after the statement itself: where its body begins, or after its end."""
    body = getattr(node, "body", None)
    return body[0].lineno if body else (node.end_lineno or node.lineno) + 1


def test_another_engine_is_small():
    code = ast.parse((ANOTHER_ENGINE / "toy_engine.py").read_text())
    lines = {
        line
        for node in ast.walk(code)
        if isinstance(node, ast.stmt) and not is_text(node)
        for line in range(node.lineno, first_of_body(node))
    }

    assert 10 <= len(lines) <= 30


@pytest.mark.slow
def test_speed_of_graphs_is_told_line_by_line(pytester: pytest.Pytester):
    ran = pytester.run(sys.executable, str(EXAMPLES / "graph_speed.py"), "1")

    assert ran.ret == 0
    ran.stdout.fnmatch_lines(
        [
            "*  wide, 10,000 nodes: speed over direct calls",
            "*  lattice, 10,000 nodes with three parents each: speed over direct calls",
            "*  wide, 100,000 nodes: speed per node over 10,000",
            "*  chain, 100,000 nodes: speed per node over 10,000",
            "*  1,000 async nodes that sleep 1 ms: speed over bare asyncio",
            "*  loop of 12 nodes with every event heard: speed over the same unheard",
            "*  bytes per node at peak: wide, 10,000 nodes",
        ],
        consecutive=True,
    )
