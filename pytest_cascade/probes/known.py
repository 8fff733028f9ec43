"""The probes of a session: collected through the hook, checked once, known by engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from . import DEFAULT_ENGINE

if TYPE_CHECKING:
    from .base import Capability, EngineProbe

LEVELS: Final = ("exact", "derived", "lower_bound", "none")
"""How well a probe counts something: the values of ``Capability``."""

METHODS: Final = ("capabilities", "attach", "detach")
"""What every probe has to have."""


class Engines:
    """The engines that have a probe. A plain class: every pytest run imports it.

    Attributes:
        probes: The probes by the name of their engine.
        capabilities: How well each engine's probe counts each counter; one left out is not counted.
        triggers: The modules without which none of them can be in use.
        default: The engine that a marker means if it names none.
    """

    __slots__ = ("capabilities", "default", "probes", "triggers")

    def __init__(self) -> None:
        self.probes: Final[dict[str, EngineProbe]] = {}
        self.capabilities: Final[dict[str, Mapping[str, Capability]]] = {}
        self.triggers: Final[list[str]] = []
        self.default = DEFAULT_ENGINE

    def add(self, offered: object) -> list[EngineProbe]:
        """Know what a plugin answered to ``pytest_cascade_probes``.

        Raises:
            pytest.UsageError: it is no list of probes, or there are two for one engine.
        """
        if not isinstance(offered, list | tuple):
            raise _wrong(f"must return a list of probes, got {offered!r}")
        for probe in offered:
            _check(probe)
            if probe.engine in self.probes:
                raise _wrong(f"two probes for the engine {probe.engine!r}: {probe!r} and another")
            self.probes[probe.engine] = probe
            self.capabilities[probe.engine] = _capabilities(probe)
            self.triggers.extend(probe.triggers)
        return [*offered]


ENGINES: Final = pytest.StashKey[Engines]()
"""Where a configuration keeps what engines it knows."""


def collect_engines(config: pytest.Config) -> Engines:
    """Ask all plugins for their probes.

    Raises:
        pytest.UsageError: something is no probe, two are for one engine, or the default engine has
            none.
    """
    engines = Engines()
    for offered in config.hook.pytest_cascade_probes():
        engines.add(offered)
    engines.default = str(config.getini("cascade_default_engine"))
    if engines.default not in engines.probes:
        known = ", ".join(map(repr, sorted(engines.probes)))
        raise pytest.UsageError(
            f"cascade_default_engine: unknown engine {engines.default!r}, known: {known}"
        )
    return engines


def _check(probe: Any) -> None:
    engine, triggers = getattr(probe, "engine", None), getattr(probe, "triggers", None)
    if not isinstance(engine, str) or not engine:
        raise _wrong(f"{probe!r} has no name: engine must be a str, got {engine!r}")
    if not isinstance(triggers, tuple) or not all(isinstance(each, str) for each in triggers):
        raise _wrong(f"probe of {engine!r}: triggers must be a tuple of modules, got {triggers!r}")
    for method in METHODS:
        if not callable(getattr(probe, method, None)):
            raise _wrong(f"probe of {engine!r} has no method {method!r}")


def _capabilities(probe: EngineProbe) -> Mapping[str, Capability]:
    from pytest_cascade.counted import COUNTED

    try:
        said = probe.capabilities()
    except Exception as error:
        raise _wrong(f"probe of {probe.engine!r}: capabilities() raised {error!r}") from error
    if not isinstance(said, Mapping):
        raise _wrong(f"probe of {probe.engine!r}: capabilities() must be a mapping, got {said!r}")
    for counter, level in said.items():
        if counter not in COUNTED:
            valid = ", ".join(sorted(COUNTED))
            raise _wrong(f"probe of {probe.engine!r}: no counter {counter!r}, valid: {valid}")
        if level not in LEVELS:
            valid = ", ".join(LEVELS)
            raise _wrong(f"probe of {probe.engine!r}: no capability {level!r}, valid: {valid}")
    return {counter: level for counter, level in said.items() if level != "none"}


def _wrong(text: str) -> pytest.UsageError:
    return pytest.UsageError(f"pytest_cascade_probes: {text}")
