"""What the README shows is what happens."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


def code_blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def block_with(text: str, language: str = "python") -> str:
    (block,) = [block for block in code_blocks(language) if text in block]
    return block


def test_the_first_caught_bug_is_caught_with_the_message_shown(pytester: pytest.Pytester):
    pytester.makepyfile(test_loop=block_with("test_the_loop_is_planned_once"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(passed=1, failed=1)
    shown = [block for block in code_blocks("") if "UnexpectedWork" in block]
    assert len(shown) == 2
    for block in shown:
        ran.stdout.fnmatch_lines(block.splitlines(), consecutive=True)


def test_the_cure_that_the_readme_names_makes_both_tests_pass(pytester: pytest.Pytester):
    buggy = block_with("test_the_loop_is_planned_once")
    cured = re.sub(r"countdown\(n - 1, dep\).*", "countdown(n - 1, dep=noop())", buggy)
    pytester.makepyfile(test_loop=cured)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess()

    assert cured != buggy
    ran.assert_outcomes(passed=2)


@pytest.mark.parametrize("text", ["total(load", "cs.select("])
def test_the_engines_examples_run(text: str):
    exec(compile(block_with(text), "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("check", ["check_solver(", "check_executor(", "check_cache_policy("])
def test_the_parts_of_your_own_pass_their_checks(pytester: pytest.Pytester, check: str):
    pytester.makepyfile(test_part=block_with(check))

    ran = pytester.runpytest_subprocess("-p", "no:cascade", "-p", "no:asyncio")

    ran.assert_outcomes(passed=1)


def test_two_commands_do_all_the_set_up():
    setup = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && "

    commands = [block.strip() for block in code_blocks("sh")]

    assert commands == [
        f"{setup}.venv/bin/pytest examples --cascade-bench",
        f"{setup}.venv/bin/pytest",
    ]
