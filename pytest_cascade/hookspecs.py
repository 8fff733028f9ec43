"""Every hook of ours: what plugins and ``conftest.py`` files may answer.

A plugin that should also load without pytest-cascade marks its answers with
``@pytest.hookimpl(optionalhook=True)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cascade_core import Engine

    from .bench.results import Results
    from .probes.base import EngineProbe
    from .work.record import WorkRecord


@pytest.hookspec
def pytest_cascade_probes() -> Sequence[EngineProbe]:  # type: ignore[empty-body]
    """Offer probes, so that markers can count the work of other engines.

    Called once per plugin and session (in each xdist worker, too), when pytest is configured or the
    ``conftest.py`` that has the answer is loaded. No engine should be imported by it.

    Returns:
        A list of probes; an empty one offers nothing.
    """


@pytest.hookspec(firstresult=True)
def pytest_cascade_make_engine(
    request: pytest.FixtureRequest, options: Mapping[str, Any]
) -> Engine | None:
    """Make the engine of the fixture ``engine``, or of a contender of ``cascade_bench``.

    Called whenever one is needed; the first answer counts.

    Args:
        request: The request of the fixture that needs it.
        options: What the markers ``cascade_engine`` of the test say, and always ``solver``: the
            spied solver that the engine has to use.

    Returns:
        The engine; None leaves it to the others, in the end to this plugin.
    """


@pytest.hookspec
def pytest_cascade_test_finished(item: pytest.Item, record: WorkRecord) -> None:
    """Hear what a test made an engine do.

    Called in the process that ran the test, once per engine that ran in its call phase
    (``record.engine``), when the record is final and before the test is judged by it. A rerun test
    is told once per attempt. Answers are ignored; an exception fails the test.
    """


@pytest.hookspec
def pytest_cascade_bench_finished(results: Results) -> None:
    """Hear what ``cascade_bench`` measured.

    Called in the process that measured, once for each comparison under ``--cascade-bench``, before
    the test is judged by it. Answers are ignored; an exception fails the test.
    """
