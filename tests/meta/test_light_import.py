"""What a first run imports: a program that is over in a moment should not wait for its engine."""

import subprocess
import sys

FIRST_RUN = """
import asyncio, sys

async def nothing():
    pass

asyncio.run(nothing())
before = set(sys.modules)

import cascade_core

@cascade_core.task
def f(x):
    return x

asyncio.run(cascade_core.Engine().run(f(1)))
print(*sorted(set(sys.modules) - before))
"""

ENOUGH = {"__future__", "cascade_core"}
"""All that it takes beside what asyncio has imported."""

LATE = {
    *("graph.comparison", "graph.content", "graph.draw"),
    *("run.resources", "run.scheduler", "vm.program"),
}
"""Parts of the core that are imported by whoever first needs them."""


def imported() -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_RUN], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_first_run_imports_little_of_the_standard_library():
    roots = {name.partition(".")[0] for name in imported()}

    assert roots <= ENOUGH


def test_first_run_leaves_out_what_it_does_not_need():
    assert not {f"cascade_core.{name}" for name in LATE} & imported()
