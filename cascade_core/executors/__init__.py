"""Where tasks run: the protocol and one file per place."""

from cascade_core.executors.base import Executor
from cascade_core.executors.local import LocalExecutor

__all__ = ["Executor", "LocalExecutor"]
