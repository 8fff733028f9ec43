"""What a user writes: tasks, the lazy results of their calls, and other sources of values."""

from cascade_core.define.inputs import Env, Param, inject, select
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.options import Options, Retry
from cascade_core.define.quote import Quoted, quote
from cascade_core.define.resource import Resource, resource
from cascade_core.define.task import Task, live_task_names, task

__all__ = [
    "Env",
    "LazyResult",
    "Options",
    "Param",
    "Quoted",
    "Resource",
    "Retry",
    "TailCall",
    "Task",
    "inject",
    "live_task_names",
    "quote",
    "resource",
    "select",
    "task",
]
