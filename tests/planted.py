"""Three caching faults that users make, planted into a copy of the examples; needs no library.

Each leaves every value right, so that only what counts work can tell. ``planted_defects.py`` beside
the plugin's tests has many more, each in a suite of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """A fault of a user: what stands in an example in place of what is sound, and who sees it."""

    what: str
    file: str
    sound: str
    faulty: str
    caught_by: tuple[str, ...]


FAULTS = (
    Fault(
        "a task is defined in the loop: every iteration misses",
        "test_loop_performance.py",
        "return stable(n - 1, STATIC_CHAIN) if",
        "return stable(n - 1, chain_of_its_own()) if",
        ("test_every_path_does_the_work_its_row_claims", "test_warm_means_warm"),
    ),
    Fault(
        "an argument is a call in odd iterations only: neighbours differ in structure",
        "test_plan_cache.py",
        "return step(n - 1, dep=noop()) if",
        "return step(n - 1, dep=noop(dep=noop()) if n % 2 else noop()) if",
        (
            "test_a_rebuilt_dependency_is_planned_once",
            "test_one_resolve_by_hand",
            "test_one_resolve_declared",
        ),
    ),
    Fault(
        "the plan cache is too small: plans push each other out",
        "test_custom_solver.py",
        "solver=LongestFirst, max_plans=2)",
        "solver=LongestFirst, max_plans=1)",
        ("test_two_shapes_in_turn_are_planned_once_each",),
    ),
)


def plant(folder: Path) -> list[str]:
    """Plant all faults.

    Args:
        folder: A folder with a copy of the examples in it, or that copy itself.

    Returns:
        The names of the tests that must fail from now on, and no others.

    Raises:
        AssertionError: an example is not there, or is not the one that the fault was made for.
    """
    for fault in FAULTS:
        files = list(folder.rglob(fault.file))
        if len(files) != 1:
            raise AssertionError(f"expected one {fault.file} in {folder}, got {len(files)}")
        text = files[0].read_text(encoding="utf-8")
        if (count := text.count(fault.sound)) != 1:
            raise AssertionError(f"expected {fault.sound!r} once in {fault.file}, got {count}")
        files[0].write_text(text.replace(fault.sound, fault.faulty), encoding="utf-8")
    return [name for fault in FAULTS for name in fault.caught_by]
