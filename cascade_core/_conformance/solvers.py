"""What is asked of a solver."""

from __future__ import annotations

from typing import Any

from cascade_core._conformance.exam import Exam, shown
from cascade_core._conformance.graphs import (
    LARGE,
    OPTIONS,
    RESOURCES,
    SMALL,
    Sample,
    random_samples,
)
from cascade_core.errors import PlanError
from cascade_core.graph.build import build_graph
from cascade_core.graph.model import Graph
from cascade_core.plan.solver import Plan, Solver, checked_order
from cascade_core.run.engine import Engine

SAMPLES = (*SMALL, *OPTIONS, *random_samples(12, 40), *LARGE)


def examine_solver(exam: Exam, solver: Solver) -> None:
    """Ask for plans, for the same plans again, and for values by way of an engine."""
    plans = [_plan_of(exam, solver, sample) for sample in SAMPLES]
    for sample, plan in reversed(list(zip(SAMPLES, plans, strict=True))):
        again = build_graph(sample.make().lazy)
        exam.asks("gives equal graphs equal plans", f"{sample.name} built again", shown(plan))
        exam.require_same(solver.resolve(again), plan)
    exam.in_new_loop(lambda: _values(exam, solver))


def _plan_of(exam: Exam, solver: Solver, sample: Sample) -> Plan:
    graph, untouched = (build_graph(sample.make().lazy) for _ in range(2))
    count = len(untouched.nodes)
    given = f"{sample.name} ({count} nodes)"
    exam.asks("returns a Plan", given, "a Plan whose stages are a tuple of tuples")
    plan = solver.resolve(graph)
    exam.require(isinstance(plan, Plan), plan)
    exam.require(type(plan.stages) is tuple and {tuple}.issuperset(map(type, plan.stages)), plan)

    exam.asks("leaves its graph as it was", given, "the graph as it was")
    before, after = _parts(untouched), _parts(graph)
    changed = [name for name in before if after[name] != before[name]]
    if changed:
        exam.fail(f"but it changed {' and '.join(changed)}")

    expected = f"{count} positions, each once, dependencies first"
    exam.asks("plans each node once, after its dependencies", given, expected)
    try:
        checked_order(untouched, plan)
    except PlanError as error:
        exam.fail(f"but {error}", error)
    return plan


async def _values(exam: Exam, solver: Solver) -> None:
    engine = Engine(solver=solver, resources=RESOURCES)
    for sample in SAMPLES:
        made = sample.make()
        exam.asks("leads an engine to the right value", sample.name, repr(made.value))
        exam.require_same(await engine.run(made.lazy), made.value)


def _parts(graph: Graph) -> dict[str, Any]:
    return {
        "nodes": [node.task for node in graph.nodes],
        "dependencies": [node.dependencies for node in graph.nodes],
        "root": graph.root,
        "structure": graph.structure.key,
        "edges": graph.edges,
    }
