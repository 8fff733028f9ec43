"""The public API is what ``__all__`` lists, and the README knows all of the plugin's."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import cascade_core
from pytest_cascade import fixtures, markers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

PINNED = {
    *("task", "Task", "LazyResult", "TailCall", "quote", "build_graph", "Graph", "Node", "Edge"),
    *("Structure", "Solver", "NativeSolver", "Plan", "PlanCache", "CacheStats", "Executor"),
    *("LocalExecutor", "Engine", "Stats", "run", "MessageBus", "observe", "explain", "Miss"),
    *("Change", "Blueprint", "Event", "RunStarted", "RunFinished", "PlanReused", "PlanResolved"),
    *("TaskStarted", "TaskFinished", "TaskReused", "TaskSkipped", "TaskRetrying", "TaskBlocked"),
    *("CascadeError", "GraphError", "CycleError", "UnknownNameError", "BlueprintError"),
    *("PlanError", "DependencyMissingError", "ConstraintError"),
    *("CachePolicy", "MemoryCache", "MISSING", "select", "Param", "Env", "resource", "inject"),
}


@pytest.mark.parametrize(
    "package",
    [
        "cascade_core",
        "cascade_core.define",
        "cascade_core.executors",
        "cascade_core.graph.content",
        "cascade_core.testing",
        "pytest_cascade",
    ],
)
def test_all_lists_what_is_there(package: str):
    module = importlib.import_module(package)

    assert all(hasattr(module, name) for name in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


def test_the_core_exports_every_pinned_name():
    assert set(cascade_core.__all__) >= PINNED


def test_the_core_exports_nothing_that_all_leaves_out():
    exported = {
        name
        for name, value in vars(cascade_core).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert exported == set(cascade_core.__all__)


@pytest.mark.parametrize("name", cascade_core.__all__)
def test_every_public_name_has_a_docstring(name: str):
    assert inspect.getdoc(getattr(cascade_core, name))


@pytest.mark.parametrize("marker", sorted(markers.MARKERS))
def test_the_readme_has_every_marker(marker: str):
    assert f"`{marker}(" in README


@pytest.mark.parametrize("fixture", ["engine", "spied_solver", "cache_inspector", "cascade_bench"])
def test_the_readme_has_every_fixture(fixture: str):
    assert hasattr(fixtures, fixture)
    assert f"`{fixture}`" in README


def test_the_readme_has_every_option_and_ini_value(pytester: pytest.Pytester):
    help_text = pytester.runpytest_subprocess("--help").stdout.str()
    words = {re.split("[=:;(),]", word)[0] for word in help_text.split() if "cascade" in word}
    named = {word for word in words if word.startswith("--cascade-")}
    ini = {name for name in words if name.startswith(("cascade_", "verbosity_cascade"))}

    assert {"--cascade-bench", "--cascade-record"} <= named
    assert {"cascade_bench_rounds", "cascade_expect", "verbosity_cascade"} <= ini
    # The fixtures and modules that the help text speaks of are in the README, too.
    assert all(f"`{name}`" in README for name in named | ini)
