"""What nodes come to that are no calls: parameters, variables, routes, the items of a map.

Pure but for the environment: from a frame's registers to a value, or to what is to be run for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from cascade_core.caching import MISSING
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.options import Options
from cascade_core.define.quote import quote
from cascade_core.define.task import check_lengths
from cascade_core.errors import UnknownNameError
from cascade_core.run.frame import Frame
from cascade_core.vm.steps import Registers, Step


def arguments_of(frame: Frame, rank: int) -> list[Any]:
    """The values of a node's arguments, in order."""
    args, _ = frame.blueprint.arguments(rank, frame.registers)
    return args


def param(frame: Frame, rank: int, params: Mapping[str, Any]) -> Any:
    """The value of a ``Param``.

    Raises:
        UnknownNameError: The run does not have it, and there is no default.
    """
    name, default = arguments_of(frame, rank)
    value = params.get(name, default)
    if value is MISSING:
        raise UnknownNameError("parameter", name, params)
    return value


def env(frame: Frame, rank: int) -> Any:
    """The value of an ``Env``.

    Raises:
        UnknownNameError: The variable is not set, and there is no default.
    """
    name, default = arguments_of(frame, rank)
    value: Any = os.environ.get(name, default)
    if value is MISSING:
        advice = "set it, or give Env a default"
        raise UnknownNameError("environment variable", name, (), advice)
    return value


def route_number(frame: Frame, rank: int, step: Step) -> int:
    """Which of a select's routes its selector names.

    Raises:
        UnknownNameError: None, and there is no default.
    """
    keys = frame.blueprint.task(rank).keys
    numbers = {key: number for number, key in enumerate(keys, 1)}
    selector = step.routes[0].value(frame.registers)
    try:
        return numbers[selector]
    except (KeyError, TypeError):  # unknown, or not hashable
        default = step.routes[-1]
        if not default.results and default.value(frame.registers) is MISSING:
            raise UnknownNameError("route", selector, keys) from None
        return 1 + len(keys)


def item_calls(frame: Frame, rank: int, step: Step) -> list[LazyResult[Any]]:
    """The calls of a map's items, with the options that hold for each.

    Raises:
        TypeError: A value is not iterable.
        ValueError: The iterables are not of one length.
    """
    task = frame.blueprint.task(rank)
    names = task.keys
    values = arguments_of(frame, rank)
    fixed, iterables = values[: -len(names)], values[-len(names) :]
    columns = {name: list(items) for name, items in zip(names, iterables, strict=True)}
    check_lengths(task.of.name, {name: len(column) for name, column in columns.items()})
    options = _item_options(frame.registers, step)
    calls = []
    for row in zip(*columns.values(), strict=True):
        call = task.of(*map(quote, fixed), **dict(zip(names, map(_item, row), strict=True)))
        calls.append(LazyResult.of(call._task, call._args, options))
    return calls


def _item(value: Any) -> Any:
    """A computed item is a value, passed on unsearched; only a call of its own is run."""
    return value if type(value) in (LazyResult, TailCall) else quote(value)


def _item_options(registers: Registers, step: Step) -> Options | None:
    options = Options(
        constraints=tuple((name, registers[register]) for name, register in step.constraints),
        retry=None if step.retry is None else registers[step.retry],
        timeout=None if step.timeout is None else registers[step.timeout],
        cache=None if step.cache is None else registers[step.cache],
    )
    return options if any(options.shape) else None
