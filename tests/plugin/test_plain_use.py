"""What a suite pays for the plugin where no test uses an engine: modules, and function calls."""

import json
import sys

import pytest

AT_IMPORT = {"plugin", "concern", "fixtures", "markers", "options", "probes", "probes.known"}
"""Our modules that every pytest run imports with the plugin."""

IN_A_SESSION = AT_IMPORT | {
    *("collection", "counted", "errors", "hookspecs", "keyword_marks", "probes.cascade"),
}
"""Our modules that a session needs in which no test concerns us."""

# What pytest imports on its own account: itself, what we depend on, its plugins.
IMPORTED_BEFORE = """
import sys

import pluggy
import pytest
import pytest_asyncio.plugin
import pytest_benchmark.plugin

before = set(sys.modules)
"""

PLAIN_SUITE = """
    import unittest

    import pytest

    @pytest.fixture
    def one():
        return 1

    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.xfail)])
    def test_parametrized(one, n):
        assert n == one

    def test_failing():
        assert False

    def test_skipped():
        pytest.skip()

    @pytest.mark.asyncio
    async def test_async():
        pass

    class TestMethods(unittest.TestCase):
        def test_method(self):
            pass
"""

NO_MODULES_OF_OTHERS = ("-p", "no:randomly", "-p", "no:xdist")
"""Plugins that import more or less by chance or by what else runs."""

MODULES_AT_THE_END = """
import json
import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def ours(*names):
    return {"pytest_cascade", *(f"pytest_cascade.{name}" for name in names)}


def of_package(package, modules):
    return {name for name in modules if name.partition(".")[0] == package}


@pytest.fixture
def modules_after(pytester):
    """Run a suite without engines in a process of its own, and tell what was imported."""
    pytester.makeconftest(MODULES_AT_THE_END)
    pytester.makepyfile(PLAIN_SUITE)

    def run(*args):
        pytester.runpytest_subprocess(*NO_MODULES_OF_OTHERS, *args)
        return set(json.loads((pytester.path / "modules.json").read_text()))

    return run


@pytest.mark.slow
def test_importing_the_plugin_imports_few_modules_and_all_of_them_ours(pytester):
    code = f"""{IMPORTED_BEFORE}
import pytest_cascade.plugin
for name in pytest_cascade.plugin.pytest_plugins:
    __import__(name)
print(*(set(sys.modules) - before))
"""

    imported = pytester.run(sys.executable, "-c", code).stdout.str().split()

    assert set(imported) == ours(*AT_IMPORT)


@pytest.mark.slow
@pytest.mark.parametrize("args", [(), ("--markers",), ("--fixtures",), ("--collect-only",)])
def test_suite_without_engines_imports_none(modules_after, args):
    modules = modules_after(*args)

    assert not of_package("cascade_core", modules)
    assert of_package("pytest_cascade", modules) <= ours(*IN_A_SESSION)


@pytest.mark.slow
@pytest.mark.parametrize("args", [(), ("-p", "no:benchmark")])
def test_suite_without_engines_imports_nothing_of_others_that_pytest_does_not(modules_after, args):
    without = modules_after(*args, "-p", "no:cascade")
    added = modules_after(*args) - without

    assert added == ours(*IN_A_SESSION)
    assert bool(of_package("pytest_benchmark", without)) == ("no:benchmark" not in args)


@pytest.mark.slow
def test_what_judges_is_imported_before_the_first_test_runs(pytester):
    pytester.makepyfile(
        """
        import sys

        import pytest

        imported = set()

        def test_first():
            imported.update(name for name in sys.modules if name.startswith("pytest_cascade"))

        @pytest.mark.expect_iterations(1)
        def test_marked(engine, spied_solver, cache_inspector):
            import cascade_core as cs

            cs.run(cs.task(len)([]))

        @pytest.mark.xfail(strict=True)
        @pytest.mark.expect_iterations(2)
        def test_marked_wrongly(engine):
            import cascade_core as cs

            cs.run(cs.task(len)([]))

        def test_last():
            now = {name for name in sys.modules if name.startswith("pytest_cascade")}
            assert now == imported
        """
    )

    ran = pytester.runpytest_subprocess("-p", "no:randomly")

    ran.assert_outcomes(passed=3, xfailed=1)


CALL_COUNTER = """
import gc
import sys

import pytest

calls = 0


def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    # Neither the first test nor the last: they set up and tear down what others share.
    if item.name == "test_third":
        gc.disable()  # else what is finalized meanwhile would be counted
        sys.setprofile(count)
    try:
        return (yield)
    finally:
        sys.setprofile(None)


def pytest_unconfigure():
    with open("calls.txt", "w") as file:
        file.write(str(calls))
"""


@pytest.mark.slow
@pytest.mark.parametrize("first_line", ["", "import cascade_core"], ids=["plain", "engine loaded"])
def test_empty_test_pays_at_most_forty_function_calls(pytester, first_line):
    names = ("first", "second", "third", "fourth", "fifth")
    tests = [f"def test_{name}(): pass" for name in names]
    pytester.makepyfile(test_empty="\n".join([first_line, *tests]))
    pytester.makeconftest(CALL_COUNTER)

    added = calls_of_the_third_test(pytester) - calls_of_the_third_test(pytester, "no:cascade")

    assert 0 < added <= 40


def calls_of_the_third_test(pytester, *plugins):
    args = [part for name in ("no:randomly", *plugins) for part in ("-p", name)]
    pytester.runpytest_subprocess(*args).assert_outcomes(passed=5)
    return int((pytester.path / "calls.txt").read_text())
