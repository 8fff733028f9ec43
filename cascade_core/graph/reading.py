"""Reading lazy results: from a target to its plan key and its data, in one walk.

The walk numbers the calls canonically (breadth first from the target, arguments in order) and
writes the **key**, a flat tuple of tokens. For each call, in the order of their numbers:

    OptionShape                         only if the call has options
    identity of the task
    number of positional arguments      only if the task takes *args
    names of the extra keywords         only if the task takes **kwargs
    a token per argument, positional ones first:
        DATA        a value; it goes to `inputs`, never into the key
        NEW         a call seen for the first time: it has the next free number
        0, 1, ...   the call of this number once more (sharing)
        Shape       a container with lazy results inside; its members follow
        Again       a container that this call holds once more
    a token per option that is present, likewise

Identities fix how many tokens follow, so two keys are equal only if the graphs are: no separator
can be forged. Everything an engine knows of a graph's structure is decoded from the key
(``decode.py``), so nothing a plan depends on can be missing from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cascade_core.define.lazy import LazyResult
from cascade_core.define.quote import Quoted
from cascade_core.graph.containers import ATOMS, Search, Shape, flatten, is_container
from cascade_core.graph.structure import node_ids
from cascade_core.graph.tokens import DATA, NEW, Key

Reading: TypeAlias = tuple[Key, list[Any], list[LazyResult[Any]]]
"""Key, inputs and calls: the structure; the data, one value per DATA token, in order; and the
calls by number, the first being the target. A plain tuple, for one is made in each iteration."""


def read(target: LazyResult[Any]) -> Reading:
    """Walk the calls that ``target`` depends on.

    Args:
        target: The call to run.

    Returns:
        The key, the data and the calls.

    Raises:
        GraphError: A dict key or set member beside lazy results cannot be part of a structure.
        CycleError: A container with lazy results inside contains itself.

    Cost: linear in calls plus arguments plus the nested size of containers.
    """
    reading, sets_to_sort = _walk(target, _no_rank)
    if sets_to_sort:
        # Lazy members of a set come in no order that means anything: give them that of their
        # ids, which do not depend on it, and walk once more.
        key, _, calls = reading
        rank = {id(call): node_id for call, node_id in zip(calls, node_ids(key), strict=True)}
        reading, _ = _walk(target, lambda call: rank[id(call)])
    return reading


def _no_rank(call: LazyResult[Any]) -> int:
    return 0


def _walk(target: Any, rank: Callable[[LazyResult[Any]], Any]) -> tuple[Reading, bool]:
    key: list[Any] = []
    inputs: list[Any] = []
    calls: list[Any] = [target]
    numbers: dict[Any, int] = {target: 0}
    count = 1
    sets_to_sort = False
    for call in calls:
        identity = call._task.identity
        args = call._args
        options = call._options
        if options is not None:
            key.append(options.shape)
        key.append(identity)
        if not identity.has_fixed_arity:
            parameters = identity.parameters
            names: tuple[str, ...] = ()
            if parameters.var_keyword is not None:
                names = args[-1]
                args = args[:-1]
            if parameters.var_positional is not None:
                key.append(len(args) - len(parameters.keyword_only) - len(names))
            if parameters.var_keyword is not None:
                key.append(names)
        if options is not None:
            args = (*args, *options.values)
        for value in args:
            kind = type(value)
            if kind is LazyResult:
                number = numbers.get(value)
                if number is None:
                    numbers[value] = count
                    count += 1
                    calls.append(value)
                    key.append(NEW)
                else:
                    key.append(number)
            elif kind in ATOMS:
                key.append(DATA)
                inputs.append(value)
            elif kind is Quoted:
                key.append(DATA)
                inputs.append(value.value)
            elif is_container(kind) and (search := Search(value)).live:
                for part in flatten(value, search, rank):
                    if isinstance(part, LazyResult):
                        key.append(_token(part, numbers, calls))
                        count = len(calls)
                    elif isinstance(part, Quoted):
                        key.append(DATA)
                        inputs.append(part.value)
                    else:
                        key.append(part)
                        sets_to_sort |= isinstance(part, Shape) and part.has_unordered_lazies()
            else:
                key.append(DATA)
                inputs.append(value)
    return (tuple(key), inputs, calls), sets_to_sort


def _token(call: LazyResult[Any], numbers: dict[Any, int], calls: list[Any]) -> int:
    if call in numbers:
        return numbers[call]
    numbers[call] = len(calls)
    calls.append(call)
    return NEW
