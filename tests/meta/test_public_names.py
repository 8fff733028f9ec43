"""The public API is what ``__all__`` lists; of documents see ``test_reference``."""

import importlib
import inspect

import pytest

import cascade_core

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
