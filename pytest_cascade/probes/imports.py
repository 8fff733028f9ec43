"""Hears when a module has been imported, without importing it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class ImportWatch(MetaPathFinder):
    """Calls back each time one of some modules has been imported.

    Stands first among the finders of ``sys.meta_path`` and lets the others find what is imported.

    Args:
        imported: Called with a module's name when it is whole, in the thread that imports it.
    """

    def __init__(self, imported: Callable[[str], object]) -> None:
        self._imported = imported
        self._awaited: set[str] = set()

    def await_(self, modules: Iterable[str]) -> None:
        """Wait for these modules, instead of the ones before."""
        self._awaited = set(modules)
        if self._awaited and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Wait for no module any more."""
        self._awaited = set()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Have an awaited module found by the others, and be told when it is whole."""
        if fullname not in self._awaited:
            return None
        self._awaited.discard(fullname)  # the others are asked through this finder, too
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            self._awaited.add(fullname)
            return None
        spec.loader = _TellingLoader(spec.loader, self._imported)
        return spec


class _TellingLoader(Loader):
    """Loads as another loader does, then tells; the module does not know of it."""

    def __init__(self, loader: Any, imported: Callable[[str], object]) -> None:
        self._loader = loader
        self._imported = imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the other loader."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Let the other loader fill the module."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._imported(module.__name__)


def is_whole(module: str) -> bool:
    """Tell whether a module has been imported to its end."""
    if module not in sys.modules:
        return False
    spec = getattr(sys.modules[module], "__spec__", None)
    return not getattr(spec, "_initializing", False)
