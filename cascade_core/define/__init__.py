"""What a user writes: tasks, and the lazy results their calls make."""

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.quote import Quoted, quote
from cascade_core.define.task import Task, live_task_names, task

__all__ = ["LazyResult", "Quoted", "TailCall", "Task", "live_task_names", "quote", "task"]
