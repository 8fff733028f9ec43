"""What a user writes with every annotation: type checkers read these suites, and here they run."""

from pathlib import Path

import pytest

TYPED = Path(__file__).parents[1] / "typed"

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = --strict-markers --strict-config
filterwarnings = error
"""

TESTS = {"tasks": 9, "claims": 9}
"""How many tests each suite has; beside them is the ``conftest.py`` of both."""


def run_typed(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    pytester.makeini(INI)
    for suite, file in (("conftest", "conftest.py"), (name, f"test_{name}.py")):
        (pytester.path / file).write_text((TYPED / f"suite_{suite}.py").read_text())
    return pytester.runpytest_inprocess("-p", "no:randomly", *options)


def test_every_typed_suite_is_run():
    files = {path.stem.removeprefix("suite_") for path in TYPED.glob("*.py")}

    assert files == {*TESTS, "conftest"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tests"), TESTS.items())
def test_typed_suite_holds(pytester: pytest.Pytester, name: str, tests: int):
    ran = run_typed(pytester, name)

    ran.assert_outcomes(passed=tests)


def test_hooks_of_the_typed_suite_are_asked(pytester: pytest.Pytester):
    ran = run_typed(pytester, "claims", "--cascade-bench", "-k", "benchmark_has or another_engine")

    ran.assert_outcomes(passed=2, deselected=7)
    ran.stdout.fnmatch_lines(["*cascade benchmarks*", "cascade: 1 test ran 'toy': *1 resolve*"])


@pytest.mark.parametrize("package", ["cascade_core", "pytest_cascade"])
def test_package_says_that_it_is_typed(package: str):
    assert (Path(__file__).parents[2] / package / "py.typed").is_file()
