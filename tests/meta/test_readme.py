"""What the README shows is what happens."""

import re

import pytest
from documents import README, blocks, whatever_the_numbers


def code_blocks(language: str) -> list[str]:
    return [block.text for block in blocks(README) if block.language == language]


def failures_shown() -> list[str]:
    return [b for b in code_blocks("") if "UnexpectedWork: expect" in b]


def block_with(text: str, language: str = "python") -> str:
    (block,) = [block for block in code_blocks(language) if text in block]
    return block


def test_the_first_caught_bug_is_caught_with_the_message_shown(pytester: pytest.Pytester):
    pytester.makepyfile(test_loop=block_with("test_the_loop_is_planned_once"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(passed=1, failed=1)
    shown = [block for block in failures_shown() if "run at" not in block]
    assert len(shown) == 2
    for block in shown:
        ran.stdout.fnmatch_lines(block.splitlines(), consecutive=True)


def test_verbose_failure_reads_as_shown(pytester: pytest.Pytester):
    pytester.makepyfile(test_loop=block_with("test_the_loop_is_planned_once"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess("-v", "-p", "no:randomly")

    (shown,) = [block for block in failures_shown() if "run at" in block]
    ran.stdout.fnmatch_lines(shown.splitlines(), consecutive=True)


def test_work_that_grew_fails_as_shown_and_without_any_marker(pytester: pytest.Pytester):
    suite = block_with("test_the_loop_is_planned_once").replace(
        "@pytest.mark.expect_resolves(1)\n", ""
    )
    record, compare = (block.split() for block in code_blocks("sh") if "work.json" in block)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(
        test_loop=suite.replace("countdown(n - 1, dep)", "countdown(n - 1, dep=noop())")
    )
    pytester.runpytest_subprocess(*record[1:]).assert_outcomes(passed=2)
    pytester.makepyfile(test_loop=suite)

    ran = pytester.runpytest_subprocess(*compare[1:], "-p", "no:randomly")

    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(block_with("work grew", "").splitlines(), consecutive=True)


def test_ini_lines_that_are_shown_hold(pytester: pytest.Pytester):
    pytester.makepyfile(test_loop=block_with("test_the_loop_is_planned_once"))
    pytester.makeini(
        block_with("cascade_expect", "ini") + "asyncio_default_fixture_loop_scope = function\n"
    )

    ran = pytester.runpytest_subprocess("--strict-config", "-p", "no:randomly")

    ran.assert_outcomes(passed=1, failed=1)  # two resolves are within the bound


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


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_benchmark_that_is_shown_holds(pytester: pytest.Pytester, option: tuple[str, ...]):
    pytester.makepyfile(test_loop=block_with("test_the_plan_cache_is_worth_it"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess("--strict-markers", *option)

    ran.assert_outcomes(passed=1)
    if option:
        (shown,) = [block for block in code_blocks("") if "15 rounds" in block]
        ran.stdout.fnmatch_lines(whatever_the_numbers(shown))


def test_two_commands_do_all_the_set_up():
    setup = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && "

    commands = [block.strip() for block in code_blocks("sh") if "venv" in block]

    assert commands == [
        f"{setup}.venv/bin/pytest examples --cascade-bench",
        f"{setup}.venv/bin/pytest",
    ]
