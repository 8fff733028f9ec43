"""Why a plan was not in the cache, and what the cache remembers to be able to tell."""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import cached_property
from typing import Literal, final
from weakref import WeakSet

from cascade_core.define.task import TaskIdentity
from cascade_core.graph.difference import Change, changes
from cascade_core.graph.structure import Structure
from cascade_core.graph.tokens import Key

Reason = Literal["disabled", "cleared", "evicted", "new_task", "structure", "first_seen"]
"""The first of these that holds. ``new_task``: a task was redefined. ``structure``: the target's
task is known, but not with this structure."""

NEAREST_OF = 8
"""So many of the latest structures with the target task's name are compared with a new one."""

MAX_NAMES = 4096
"""So many task names are remembered, the latest ones."""

NOT_FOUND = "a known one, but its plan was not found"
NOT_VISIBLE = "another one, though no difference to a known one can be seen"

_TEXTS = {
    "disabled": "plan cache disabled",
    "cleared": "cleared",
    "evicted": "evicted",
    "first_seen": "first seen",
}


@final
class Miss:
    """A lookup that found no plan, and the reason.

    Attributes:
        reason: The first reason that holds.
        redefined: Names of tasks that a known, other task has too, sorted.
        structure: What was looked for.
    """

    def __init__(
        self,
        reason: Reason,
        structure: Structure,
        candidates: tuple[Structure, ...],
        redefined: tuple[str, ...] = (),
    ) -> None:
        self.reason = reason
        self.structure = structure
        self.redefined = redefined
        self._candidates = candidates

    @property
    def changes(self) -> tuple[Change, ...]:
        """The differences to ``nearest``; empty without one. Computed when first read."""
        return self._comparison[1]

    @property
    def nearest(self) -> Structure | None:
        """The known structure of the same target task that differs least, the latest of equals."""
        return self._comparison[0]

    @cached_property
    def _comparison(self) -> tuple[Structure | None, tuple[Change, ...]]:
        compared = [(known, changes(known, self.structure)) for known in self._candidates]
        return min(compared, key=lambda pair: len(pair[1]), default=(None, ()))

    def __str__(self) -> str:
        if self.reason == "new_task":
            names = ", ".join(map(repr, self.redefined))
            return f"new task: {names} {'was' if len(self.redefined) == 1 else 'were'} redefined"
        if self.reason != "structure":
            return _TEXTS[self.reason]
        if self.nearest is None:
            return "structure: first seen as a target"
        if not self.changes:
            same = self.nearest.key == self.structure.key
            return f"structure: {NOT_FOUND if same else NOT_VISIBLE}"
        more = f" (and {len(self.changes) - 1} more)" if len(self.changes) > 1 else ""
        return f"structure: {self.changes[0]}{more}"

    def __repr__(self) -> str:
        return f"<Miss {self}>"


class History:
    """What a plan cache has seen. Holds structures and identities: no tasks, no values.

    Args:
        max_keys: So many keys of dropped plans are remembered, the latest ones.
    """

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._dropped: OrderedDict[Key, Literal["cleared", "evicted"]] = OrderedDict()
        self._latest: OrderedDict[str, deque[Structure]] = OrderedDict()
        self._tasks: WeakSet[TaskIdentity] = WeakSet()
        self._names: OrderedDict[str, None] = OrderedDict()

    def drop(self, key: Key, reason: Literal["cleared", "evicted"]) -> None:
        """Remember that the plan of a key is gone, and why."""
        self._dropped[key] = reason
        self._dropped.move_to_end(key)
        if len(self._dropped) > self._max_keys:
            self._dropped.popitem(last=False)

    def explain(self, structure: Structure, disabled: bool) -> Miss:
        """Tell why ``structure`` has no plan."""
        root = structure.root
        candidates = tuple(self._latest.get(_family(root), ()))
        if root in self._tasks:  # another task of that name is no news then
            candidates = tuple([known for known in candidates if known.root is root])
        redefined = {t.name for t in self._new(structure) if t.qualified_name in self._names}
        reason: Reason
        if disabled:
            reason = "disabled"
        elif structure.key in self._dropped:
            reason = self._dropped[structure.key]
        elif redefined:
            reason = "new_task"
        else:
            is_known = root in self._tasks or (root.kind != "call" and bool(candidates))
            reason = "structure" if is_known else "first_seen"
        return Miss(reason, structure, candidates, tuple(sorted(redefined)))

    def remember(self, structure: Structure) -> None:
        """Know ``structure`` and its tasks from now on."""
        self._dropped.pop(structure.key, None)
        new = self._new(structure)
        self._tasks.update(new)
        for task in new:
            if task.kind != "select":  # one of few routes may be made anew; it was not redefined
                self._names[task.qualified_name] = None
        root = _family(structure.root)
        latest = self._latest.setdefault(root, deque(maxlen=NEAREST_OF))
        if structure in latest:
            latest.remove(structure)
        latest.appendleft(structure)
        self._latest.move_to_end(root)
        for remembered in (self._names, self._latest):
            while len(remembered) > MAX_NAMES:
                remembered.popitem(last=False)

    def _new(self, structure: Structure) -> set[TaskIdentity]:
        return structure.identities.difference(self._tasks)


def _family(root: TaskIdentity) -> str:
    """The name under which structures are compared: selects and maps of a task by any keywords."""
    name = root.qualified_name
    return name if root.kind == "call" else name.partition("(")[0]
