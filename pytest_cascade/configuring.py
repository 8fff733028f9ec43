"""What the settings ask for beyond markers and fixtures; imported by sessions that ask."""

from __future__ import annotations

import pytest

from .carrier import Carrier
from .defaults import parse_defaults
from .options import SETTINGS
from .probes.known import ENGINES
from .reading import DEFAULTS
from .recording.baseline import BASELINE, read_baseline
from .recording.keeper import Keeper


def register_what_is_asked_for(config: pytest.Config) -> None:
    """Read the files that settings name, and register the plugins that carry settings out.

    Raises:
        pytest.UsageError: an ini value or a file makes no sense.
    """
    settings = config.stash[SETTINGS]
    if settings.expect:
        config.stash[DEFAULTS] = parse_defaults(settings.expect, config.stash[ENGINES])
    if settings.compare:
        config.stash[BASELINE] = read_baseline(config)
    if settings.selects_benches:
        from .bench.pytest_benchmark import Selection

        config.pluginmanager.register(Selection(), "cascade-selection")
    if settings.bench or settings.explain or settings.report:
        config.pluginmanager.register(Carrier(), "cascade-carrier")
    reports_here = not hasattr(config, "workerinput")
    if reports_here and settings.report:
        config.pluginmanager.register(page_keeper(config), "cascade-page")
    if reports_here and (settings.record or settings.compare):
        config.pluginmanager.register(Keeper(config), "cascade-keeper")


def page_keeper(config: pytest.Config) -> object:
    """Make the plugin that writes the page.

    Raises:
        pytest.UsageError: what the page is made with is not installed.
    """
    try:
        from .page.keeper import PageKeeper
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"--cascade-report: there is no module {error.name!r}: "
            "pip install 'pytest-cascade[report]'"
        ) from None
    return PageKeeper(config)
