"""A task-graph engine whose work can be tested.

Calling a ``@task`` builds a lazy graph; a solver makes it a plan; plans are cached by the graph's
structure, not by its data. A task that returns a lazy result is a tail call, so loops run in
constant memory. Every run counts its work.
"""

from cascade_core.bus import MessageBus
from cascade_core.caching import MISSING, CachePolicy, MemoryCache
from cascade_core.define.inputs import Env, Param, inject, select
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.quote import quote
from cascade_core.define.resource import Resource, resource
from cascade_core.define.task import Task, task
from cascade_core.errors import (
    BlueprintError,
    CascadeError,
    ConstraintError,
    CycleError,
    DependencyMissingError,
    GraphError,
    PlanError,
    UnknownNameError,
)
from cascade_core.events import (
    Event,
    PlanResolved,
    PlanReused,
    RunFinished,
    RunStarted,
    TaskBlocked,
    TaskEvent,
    TaskFinished,
    TaskRetrying,
    TaskReused,
    TaskSkipped,
    TaskStarted,
)
from cascade_core.executors.base import Executor
from cascade_core.executors.local import LocalExecutor
from cascade_core.graph.build import build_graph
from cascade_core.graph.difference import Change, explain
from cascade_core.graph.model import Edge, Graph, Node
from cascade_core.graph.structure import Structure
from cascade_core.plan.cache import CacheStats, PlanCache, PlanEntry
from cascade_core.plan.miss import Miss
from cascade_core.plan.solver import NativeSolver, Plan, Solver
from cascade_core.run.engine import Engine, run
from cascade_core.run.observe import observe
from cascade_core.run.record import Run
from cascade_core.run.stats import Stats
from cascade_core.vm.blueprint import Blueprint

__all__ = [
    "MISSING",
    "Blueprint",
    "BlueprintError",
    "CachePolicy",
    "CacheStats",
    "CascadeError",
    "Change",
    "ConstraintError",
    "CycleError",
    "DependencyMissingError",
    "Edge",
    "Engine",
    "Env",
    "Event",
    "Executor",
    "Graph",
    "GraphError",
    "LazyResult",
    "LocalExecutor",
    "MemoryCache",
    "MessageBus",
    "Miss",
    "NativeSolver",
    "Node",
    "Param",
    "Plan",
    "PlanCache",
    "PlanEntry",
    "PlanError",
    "PlanResolved",
    "PlanReused",
    "Resource",
    "Run",
    "RunFinished",
    "RunStarted",
    "Solver",
    "Stats",
    "Structure",
    "TailCall",
    "Task",
    "TaskBlocked",
    "TaskEvent",
    "TaskFinished",
    "TaskRetrying",
    "TaskReused",
    "TaskSkipped",
    "TaskStarted",
    "UnknownNameError",
    "build_graph",
    "explain",
    "inject",
    "observe",
    "quote",
    "resource",
    "run",
    "select",
    "task",
]
