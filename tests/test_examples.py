"""The examples are suites that users copy: they must hold where they are run, and be there."""

import ast
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from documents import ROOT, blocks
from planted import FAULTS, plant

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
xfail_strict = true
filterwarnings = error
"""

EXAMPLES = ROOT / "examples"
ANOTHER_ENGINE = EXAMPLES / "another_engine"
IN_CI = EXAMPLES / "in_ci"


def copy_example(pytester: pytest.Pytester, name: str) -> None:
    pytester.copy_example(str(EXAMPLES / name))
    pytester.makeini(INI)


def run_copy(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:randomly", *options)


def run_example(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    copy_example(pytester, name)
    return run_copy(pytester, *options)


def change(pytester: pytest.Pytester, name: str, before: str, now: str) -> None:
    """Edit a copied example as its docstring says."""
    file = pytester.path / name
    text = file.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text), clean=False) or ""
    assert f"``{now or before}``" in docstring, "the docstring says something else"
    head, tail = text[: len(docstring)], text[len(docstring) :]
    assert tail.count(before) == 1, f"{before!r} is in {name} {tail.count(before)} times"
    file.write_text(head + tail.replace(before, now), encoding="utf-8")


def failures_shown_in(example: Path) -> list[list[str]]:
    """The indented lines of a module's docstring, block by block."""
    docstring = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    assert docstring is not None
    blocks: list[list[str]] = [[]]
    for line in docstring.splitlines():
        if line.startswith("    "):
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def failure_shown_in(example: Path) -> list[str]:
    [shown] = failures_shown_in(example)
    return shown


def assert_told(ran: pytest.RunResult, shown: list[str]) -> None:
    """See that a run tells these lines; a place in the code may follow, or the rest after dots."""
    told = []
    for line in shown:
        start = line.removesuffix("...")
        end = r"( {2,}\S+:\d+)?$" if start == line else ""
        told.append(f"E .*{re.escape(start)}{end}")
    ran.stdout.re_match_lines(told, consecutive=True)


@pytest.fixture
def copies(pytester: pytest.Pytester) -> Path:
    """A folder with a copy of all examples in it."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".benchmarks")
    shutil.copytree(EXAMPLES, pytester.path / "examples", ignore=ignored)
    pytester.makeini(INI)
    return pytester.path


SUITES = sorted(EXAMPLES.rglob("test_*.py"))
PROGRAMS = sorted(each for each in EXAMPLES.glob("*.py") if each not in SUITES)


def listed() -> list[tuple[str, str, str]]:
    """The rows of the table of examples: where each lies, the text and the command beside it."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\| \[`\S+`\]\((\S+)\) \| (.+) \| `(.+)` \|$", text, flags=re.MULTILINE)


def test_there_are_examples():
    assert len(SUITES) >= 7
    assert len(PROGRAMS) >= 1


def test_every_example_is_listed_once():
    tops = [EXAMPLES / path.relative_to(EXAMPLES).parts[0] for path in SUITES + PROGRAMS]

    assert sorted(name for name, _, _ in listed()) == sorted({path.name for path in tops})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "command"), [(name, command) for name, _, command in listed()])
def test_command_beside_an_example_is_about_it(
    pytester: pytest.Pytester, copies: Path, name: str, command: str
):
    program, path, *options = command.split()

    assert path == f"examples/{name}"
    assert (copies / path).exists()
    if path.endswith("graph_speed.py"):
        assert (program, options) == ("python", [])  # run by a test of its own
    else:
        assert program == "pytest"
        ran = pytester.runpytest_subprocess(path, *options, "--collect-only")
        assert ran.ret == pytest.ExitCode.OK


def test_links_of_the_list_lead_somewhere():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert (EXAMPLES / target).exists(), target


@pytest.mark.parametrize("example", SUITES + PROGRAMS, ids=lambda path: path.name)
def test_every_example_opens_with_how_it_fails(example: Path):
    assert failures_shown_in(example)


@pytest.mark.slow
def test_plan_cache_examples_hold_in_a_folder_of_their_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_plan_cache.py")

    ran.assert_outcomes(passed=9, xfailed=1)


@pytest.mark.slow
def test_the_redefined_task_is_named_when_its_xfail_is_removed(pytester: pytest.Pytester):
    shown = failure_shown_in(EXAMPLES / "test_plan_cache.py")

    ran = run_example(pytester, "test_plan_cache.py", "--runxfail", "-k", "redefined_in_the_loop")

    ran.assert_outcomes(failed=1, deselected=9)
    assert len(shown) == 5
    assert_told(ran, shown)


@pytest.mark.slow
def test_reuse_examples_hold_in_a_folder_of_their_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_reuse_and_retry.py")

    ran.assert_outcomes(passed=6)


@pytest.mark.slow
def test_a_cache_that_never_hits_fails_as_its_example_says(pytester: pytest.Pytester):
    shown = failure_shown_in(EXAMPLES / "test_reuse_and_retry.py")
    copy_example(pytester, "test_reuse_and_retry.py")
    change(pytester, "test_reuse_and_retry.py", ".with_cache(cache)", "")

    ran = run_copy(pytester, "-k", "second_run")

    ran.assert_outcomes(failed=1, deselected=5)
    assert_told(ran, shown)


@pytest.mark.slow
def test_solver_examples_hold_in_a_folder_of_their_own(pytester: pytest.Pytester):
    ran = run_example(pytester, "test_custom_solver.py")

    ran.assert_outcomes(passed=5)


@pytest.mark.slow
def test_reports_that_push_each_other_out_fail_as_their_example_says(pytester: pytest.Pytester):
    shown = failure_shown_in(EXAMPLES / "test_custom_solver.py")
    copy_example(pytester, "test_custom_solver.py")
    change(pytester, "test_custom_solver.py", "max_plans=2", "max_plans=1")

    ran = run_copy(pytester)

    ran.assert_outcomes(failed=1, passed=4)
    assert len(shown) == 6
    assert_told(ran, shown)


LAMBDA = ("convert(first, rate)", "cs.task(lambda x: x * rate)(first)")
"""What the suite without markers says to write for what."""

RECORD = "--cascade-record=work.json"
COMPARE = "--cascade-compare=work.json"


@pytest.fixture
def recorded(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the suite without markers, and the work it does."""
    ran = run_example(pytester, "test_without_markers.py", RECORD)
    ran.assert_outcomes(passed=4)
    return pytester


def test_suite_without_markers_names_nothing_of_the_plugin():
    code = ast.parse((EXAMPLES / "test_without_markers.py").read_text(encoding="utf-8"))

    names = {node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute)}
    arguments = {node.arg for node in ast.walk(code) if isinstance(node, ast.arg)}

    assert {name for name in names if name.startswith(("expect", "cascade"))} == set()
    assert arguments.isdisjoint({"engine", "spied_solver", "cache_inspector", "cascade_bench"})


@pytest.mark.slow
def test_recorded_suite_does_what_it_did(recorded: pytest.Pytester):
    ran = run_copy(recorded, COMPARE, "--cascade-ratchet")

    ran.assert_outcomes(passed=4)
    ran.stdout.fnmatch_lines(["cascade: compared the work of 4 tests with work.json"])


@pytest.mark.slow
def test_work_that_grew_fails_as_its_example_says(recorded: pytest.Pytester):
    grown, _ = failures_shown_in(EXAMPLES / "test_without_markers.py")
    change(recorded, "test_without_markers.py", *LAMBDA)

    ran = run_copy(recorded, COMPARE)

    ran.assert_outcomes(failed=3, passed=1)
    assert len(grown) == 5
    assert_told(ran, grown)


@pytest.mark.slow
def test_values_of_work_that_grew_are_right(recorded: pytest.Pytester):
    change(recorded, "test_without_markers.py", *LAMBDA)

    run_copy(recorded).assert_outcomes(passed=4)


@pytest.mark.slow
def test_work_that_shrank_fails_as_its_example_says(recorded: pytest.Pytester):
    _, shrunk = failures_shown_in(EXAMPLES / "test_without_markers.py")
    change(recorded, "test_without_markers.py", "convert(first, rate)", "first * rate")

    run_copy(recorded, COMPARE).assert_outcomes(passed=4)
    ran = run_copy(recorded, COMPARE, "--cascade-ratchet")

    ran.assert_outcomes(failed=3, passed=1)
    assert len(shrunk) == 1
    assert_told(ran, shrunk)


def steps_of_github() -> list[str]:
    told = yaml.safe_load((IN_CI / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    return [step["run"] for step in told["jobs"]["tests"]["steps"] if "run" in step]


def steps_of_gitlab() -> list[str]:
    told = yaml.safe_load((IN_CI / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return told["tests"]["script"]


def copy_in_ci(pytester: pytest.Pytester) -> None:
    pytester.copy_example(str(IN_CI))  # it has an ini file of its own


@pytest.mark.slow
@pytest.mark.parametrize("steps", [steps_of_github(), steps_of_gitlab()], ids=["github", "gitlab"])
def test_every_step_of_ci_passes_in_a_folder_of_its_own(
    pytester: pytest.Pytester, steps: list[str]
):
    copy_in_ci(pytester)

    install, *commands = [step.split() for step in steps]

    assert install[:2] == ["pip", "install"]
    assert len(commands) == 2
    for program, *options in commands:
        assert program == "pytest"
        pytester.runpytest_subprocess(*options).assert_outcomes(passed=3)


@pytest.mark.slow
def test_each_failure_in_ci_reads_as_its_example_says(pytester: pytest.Pytester):
    grown, costly = failures_shown_in(IN_CI / "test_loop.py")
    copy_in_ci(pytester)
    change(pytester, "test_loop.py", "double(left)", "double(left) if left % 2 else 2 * left")
    _, compare, measure = steps_of_github()

    compared = pytester.runpytest_subprocess(*compare.split()[1:])
    measured = pytester.runpytest_subprocess(*measure.split()[1:])

    compared.assert_outcomes(failed=3)
    assert_told(compared, grown)
    assert_told(compared, costly)
    measured.assert_outcomes(failed=1, passed=2)
    assert_told(measured, costly)


@pytest.mark.slow
def test_work_kept_for_ci_is_what_is_recorded(pytester: pytest.Pytester):
    copy_in_ci(pytester)

    pytester.runpytest_subprocess(RECORD).assert_outcomes(passed=3)

    recorded = (pytester.path / "work.json").read_text(encoding="utf-8")
    assert recorded == (IN_CI / "work.json").read_text(encoding="utf-8")


def test_files_for_ci_are_those_that_the_document_shows():
    shown: dict[str, list[str]] = {}
    for block in blocks(ROOT / "docs" / "in-ci.md"):
        shown.setdefault(block.language, []).append(block.text)

    github, gitlab = map(yaml.safe_load, shown["yaml"])

    assert yaml.safe_load((IN_CI / ".github/workflows/tests.yml").read_text("utf-8")) == github
    assert yaml.safe_load((IN_CI / ".gitlab-ci.yml").read_text("utf-8")) == gitlab
    assert [(IN_CI / "pytest.ini").read_text("utf-8")] == shown["ini"]
    suite = (IN_CI / "test_loop.py").read_text("utf-8")
    assert suite.split('"""\n', maxsplit=1)[1].strip() == shown["python"][0].strip()


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
    assert_told(ran, shown)


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
    assert_told(ran, shown)


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


def test_wrong_value_ends_the_measuring_as_its_example_says(pytester: pytest.Pytester):
    shown = failure_shown_in(EXAMPLES / "graph_speed.py")
    copy_example(pytester, "graph_speed.py")
    change(pytester, "graph_speed.py", "return x + 1", "return x + 2")

    ran = pytester.run(sys.executable, "graph_speed.py", "1")

    assert ran.ret == 1
    assert len(shown) == 1
    ran.stderr.fnmatch_lines(shown)
    assert not ran.outlines


def failed_tests(ran: pytest.RunResult) -> list[str]:
    told = [re.match(r"(FAILED|ERROR) \S+::(\w+)", line) for line in ran.outlines]
    return sorted(each[2] for each in told if each)


@pytest.mark.slow
def test_planted_faults_fail_their_tests_and_no_others(pytester: pytest.Pytester, copies: Path):
    sound = run_copy(pytester)
    caught = plant(copies)
    faulty = run_copy(pytester)

    assert sound.ret == pytest.ExitCode.OK
    assert faulty.ret == pytest.ExitCode.TESTS_FAILED
    assert failed_tests(faulty) == sorted(caught)
    before, after = sound.parseoutcomes(), faulty.parseoutcomes()
    assert after["passed"] + after["failed"] == before["passed"]
    assert after["xfailed"] == before["xfailed"]


def test_each_planted_fault_is_in_a_file_of_its_own():
    assert len({fault.file for fault in FAULTS}) == len(FAULTS) == 3


def test_faults_are_not_planted_twice(copies: Path):
    plant(copies)

    with pytest.raises(AssertionError, match=r"once in test_loop_performance\.py, got 0"):
        plant(copies)


def test_faults_are_not_planted_where_there_are_no_examples(tmp_path: Path):
    with pytest.raises(AssertionError, match=r"expected one test_loop_performance\.py in"):
        plant(tmp_path)
