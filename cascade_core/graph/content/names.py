"""Names of classes, each given to one owner.

Classes, and tasks too, go by *name* where the name leads back to them, for names agree between
processes, and a name is given to one owner only, for ever. All others get random bytes of their
own: local classes, and whatever took the place of an earlier owner of its name.

It knows no rules: what stands for a class is made of its name alone.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from typing import Any, Final, Generic, TypeVar, final

from cascade_core.graph.content.forms import make_form

V = TypeVar("V")


@final
class ByIdentity(Generic[V]):
    """A value for each object while it lives; never asks for its ``__hash__`` or ``__eq__``."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], V]] = {}

    def get(self, owner: object) -> V | None:
        """The value of ``owner``, if it has one."""
        entry = self._entries.get(id(owner))
        return None if entry is None else entry[1]

    def setdefault(self, owner: object, value: V) -> V:
        """The value of ``owner``, now ``value`` if it had none.

        Raises:
            TypeError: Objects of this type cannot be referenced weakly.
        """
        entries, key = self._entries, id(owner)
        if key not in entries:
            entries[key] = (weakref.ref(owner, lambda _: entries.pop(key, None)), value)
        return entries[key][1]


# Engines of several threads share what follows, and the tables of ``instances`` and ``tasks``. The
# lock is reentrant because a finaliser, which may run at any time, may make a key.
lock: Final = threading.RLock()
_given: set[bytes] = set()
_class_forms: ByIdentity[bytes] = ByIdentity()


def claim(wanted: bytes | None) -> bytes:
    """``wanted`` for the first who asks, and bytes of their own for all others.

    The caller holds ``lock``.
    """
    if wanted is None or wanted in _given:
        return make_form(b"local", os.urandom(16))  # random, so that forked processes differ too
    _given.add(wanted)
    return wanted


def resolve(name: str) -> Any:
    """What ``module:qualname`` leads to; raises anything where it leads nowhere."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules[module]
    for attribute in qualname.split("."):
        found = getattr(found, attribute)
    return found


def class_form(kind: type) -> bytes:
    """The form of a class: labelled ``class`` if it goes by name, else ``local``."""
    form = _class_forms.get(kind)
    if form is None:
        name = _class_name(kind)
        with lock:
            form = _class_forms.get(kind) or _class_forms.setdefault(kind, claim(name))
    return form


def _class_name(kind: type) -> bytes | None:
    try:
        name = f"{kind.__module__}:{kind.__qualname__}"
        return make_form(b"class", name.encode()) if resolve(name) is kind else None
    except Exception:  # modules and metaclasses may answer anything
        return None
