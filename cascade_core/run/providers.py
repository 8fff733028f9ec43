"""The resources that an engine is given: providers, and capacities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cascade_core.define.resource import Resource, resource
from cascade_core.define.task import BoundTask, Task
from cascade_core.errors import CycleError, GraphError, UnknownNameError

Capacity = int | float


def sort_resources(
    resources: Mapping[str, Any] | None,
) -> tuple[dict[str, Resource], dict[str, Capacity]]:
    """Tell the providers of an engine from its capacities.

    Raises:
        TypeError: A value is neither, or a name is no string.
        GraphError: A provider of scope ``run`` needs one of scope ``iteration``, or a capacity.
        CycleError: Providers need each other.
        UnknownNameError: A provider needs what there is not.
    """
    providers: dict[str, Resource] = {}
    capacities: dict[str, Capacity] = {}
    for name, value in (resources or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"resources must be named by strings, got {name!r}")
        if isinstance(value, Resource):
            providers[name] = value
        elif isinstance(value, Capacity) and not isinstance(value, bool) and value >= 0:
            capacities[name] = value
        elif callable(value) and not isinstance(value, type | Task | BoundTask):
            providers[name] = resource(value)
        else:
            raise TypeError(
                f"resource {name!r} must be a provider (a function, or what @resource makes of "
                f"one) or a capacity (a number >= 0), got {value!r}"
            )
    for name, provider in providers.items():
        _check_needs(name, provider, providers)
    _refuse_cycle(providers)
    return providers, capacities


def _check_needs(name: str, provider: Resource, providers: Mapping[str, Resource]) -> None:
    for needed in provider.needs.values():
        if needed not in providers:
            raise UnknownNameError(f"resource (needed by resource {name!r})", needed, providers)
        if provider.scope == "run" and providers[needed].scope == "iteration":
            raise GraphError(
                f"resource {name!r} of scope 'run' cannot need {needed!r} of scope 'iteration', "
                "which is closed before it"
            )


def _refuse_cycle(providers: Mapping[str, Resource]) -> None:
    clear: set[str] = set()
    for start in providers:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, True)]
        while stack:
            name, is_entry = stack.pop()
            if not is_entry:
                clear.add(path.pop())
            elif name in path:
                raise CycleError([*path[path.index(name) :], name])
            elif name not in clear:
                path.append(name)
                stack.append((name, False))
                stack.extend((needed, True) for needed in providers[name].needs.values())
