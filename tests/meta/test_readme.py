"""What the README shows is what happens."""

import re

import pytest
from documents import README, blocks, literally, whatever_the_numbers


def code_blocks(language: str) -> list[str]:
    return [block.text for block in blocks(README) if block.language == language]


def block_with(text: str, language: str = "python") -> str:
    (block,) = [block for block in code_blocks(language) if text in block]
    return block


def failures_shown() -> list[str]:
    return [block for block in code_blocks("") if "UnexpectedWork: expect" in block]


def sums_shown() -> list[str]:
    return [block for block in code_blocks("") if block.startswith("cascade: ")]


BUGGY = block_with("test_the_loop_is_planned_once")
"""The first suite of a newcomer."""


def cured() -> str:
    """The same with the functions that are shown as the cure in place of those of that name."""
    before, tests = BUGGY[: BUGGY.index("@cs.task\ndef crawl")], BUGGY[BUGGY.index("async def") :]
    return f"{before}{block_with('def crawl(left, pages, page)')}\n\n{tests}"


@pytest.fixture
def newcomer(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with what the README says to save."""
    pytester.makefile(".ini", pytest=block_with("asyncio_mode", "ini"))
    pytester.makepyfile(test_loop=BUGGY)
    return pytester


def test_the_first_caught_bug_is_caught_with_the_message_shown(newcomer: pytest.Pytester):
    ran = newcomer.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(passed=1, failed=1)
    shown = [block for block in failures_shown() if "run at" not in block]
    assert len(shown) == 2
    for block in shown:
        ran.stdout.fnmatch_lines(literally(block), consecutive=True)
    ran.stdout.fnmatch_lines(literally(sums_shown()[0]), consecutive=True)


def test_verbose_failure_reads_as_shown(newcomer: pytest.Pytester):
    ran = newcomer.runpytest_subprocess("-v", "-p", "no:randomly")

    (shown,) = [block for block in failures_shown() if "run at" in block]
    ran.stdout.fnmatch_lines(literally(shown), consecutive=True)


def test_the_cure_that_is_shown_makes_both_tests_pass(newcomer: pytest.Pytester):
    newcomer.makepyfile(test_loop=cured())

    ran = newcomer.runpytest_subprocess()

    ran.assert_outcomes(passed=2)
    _, shown = sums_shown()
    ran.stdout.fnmatch_lines(literally(shown), consecutive=True)


def test_without_the_ini_file_it_fails_as_foretold(newcomer: pytest.Pytester):
    (newcomer.path / "pytest.ini").unlink()

    ran = newcomer.runpytest_subprocess("-W", "ignore")

    assert "*async def functions are not natively supported*" in README.read_text()
    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_without_the_ini_file_the_mark_that_is_named_will_do(newcomer: pytest.Pytester):
    (newcomer.path / "pytest.ini").unlink()
    newcomer.makepyfile(test_loop=BUGGY.replace("async def", "@pytest.mark.asyncio\nasync def"))

    newcomer.runpytest_subprocess().assert_outcomes(passed=1, failed=1)


def test_sync_test_needs_neither(newcomer: pytest.Pytester):
    (newcomer.path / "pytest.ini").unlink()
    call = re.findall(r"`(cs\.run\(whole_site\(\)\))` is counted", README.read_text())
    sync = BUGGY.replace("async def", "def").replace("await engine.run(whole_site())", *call)
    newcomer.makepyfile(test_loop=sync)

    newcomer.runpytest_subprocess().assert_outcomes(passed=1, failed=1)


def test_work_that_grew_fails_as_shown_and_without_any_marker(newcomer: pytest.Pytester):
    mark = "@pytest.mark.expect_resolves(1)\n"
    record, compare = (block.split() for block in code_blocks("sh") if "work.json" in block)
    newcomer.makepyfile(test_loop=cured().replace(mark, ""))
    newcomer.runpytest_subprocess(*record[1:]).assert_outcomes(passed=2)
    newcomer.makepyfile(test_loop=BUGGY.replace(mark, ""))

    ran = newcomer.runpytest_subprocess(*compare[1:], "-p", "no:randomly")

    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(literally(block_with("work grew", "")), consecutive=True)


def test_ini_lines_that_are_shown_hold(newcomer: pytest.Pytester):
    lines = block_with("asyncio_mode", "ini") + block_with("cascade_expect", "ini")
    newcomer.makefile(".ini", pytest=lines)

    newcomer.runpytest_subprocess("--strict-config").assert_outcomes(failed=2)
    newcomer.makepyfile(test_loop=cured())
    newcomer.runpytest_subprocess("--strict-config").assert_outcomes(passed=2)


def test_the_engines_example_runs():
    exec(compile(block_with("total(load"), "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("option", [(), ("--cascade-bench",)])
def test_benchmark_that_is_shown_holds(pytester: pytest.Pytester, option: tuple[str, ...]):
    pytester.makepyfile(test_loop=block_with("test_the_plan_cache_is_worth_it"))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    ran = pytester.runpytest_subprocess("--strict-markers", *option)

    ran.assert_outcomes(passed=1)
    if option:
        (shown,) = [block for block in code_blocks("") if "15 rounds" in block]
        ran.stdout.fnmatch_lines(whatever_the_numbers(shown))


HELD = {
    "python": [
        "test_the_loop_is_planned_once",
        "def crawl(left, pages, page)",
        "total(load",
        "test_the_plan_cache_is_worth_it",
    ],
    "ini": ["asyncio_mode", "cascade_expect"],
    "sh": ["pip install path/to/clone", "venv", "--cascade-record", "--cascade-compare"],
    "": ["UnexpectedWork: expect", "cascade: ", "work grew", "15 rounds"],
}
"""By language: what the blocks have in them by which the tests above, and `.ci/run`, know them."""


def test_every_block_is_known_to_a_test():
    for block in blocks(README):
        known = [text for text in HELD[block.language] if text in block.text]
        assert known, f"no test runs {block.place}"
    assert all(block_with(text, "python") for text in HELD["python"])
    assert len(blocks(README)) >= 17


def test_two_commands_do_all_the_set_up():
    setup = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && "

    commands = [block.strip() for block in code_blocks("sh") if "venv" in block]

    assert commands == [
        f"{setup}.venv/bin/pytest examples --cascade-bench",
        f"{setup}.venv/bin/pytest -n 2",
    ]
