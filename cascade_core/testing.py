"""Checks for your own solvers, executors and cache policies, and ``bare_runs`` to count costs in.

Each check takes a part and returns if it keeps the promises of its protocol, else raises an
``AssertionError`` of one line: which promise, what the part was given, what was expected, what
came. They ask nothing of the test framework::

    def test_my_solver():
        check_solver(MySolver())

A check works in a thread and in event loops of its own, with a copy of the caller's context. So
it can be called anywhere, also where an event loop is running, and it ends in any case: a part
that has not answered everything after ``timeout`` seconds has broken the promise it was asked for
then. (A part that blocks its thread for ever keeps that thread, which is a daemon.) In place of
the part itself a check takes a function or class that makes one: for parts that have to be made
in the thread they are used in.
"""

from __future__ import annotations

from collections.abc import Callable

from cascade_core._conformance.exam import conduct
from cascade_core._conformance.executors import examine_executor
from cascade_core._conformance.policies import examine_policy
from cascade_core._conformance.solvers import examine_solver
from cascade_core.caching import CachePolicy
from cascade_core.executors.base import Executor
from cascade_core.plan.solver import Solver
from cascade_core.run.observe import bare_runs

__all__ = ["bare_runs", "check_cache_policy", "check_executor", "check_solver"]

TIMEOUT = 10.0


def check_solver(solver: Solver | Callable[[], Solver], *, timeout: float = TIMEOUT) -> None:
    """Check that a solver keeps the promises of ``Solver``.

    Its plans have each node once, dependencies first; equal graphs get equal plans; graphs stay as
    they are; and an engine with this solver comes to the right values. It is asked for one graph
    after the other: single nodes, chains, fan-ins, shared nodes, ladders with more paths than
    anyone could walk, random graphs, edges of every kind; up to 2,000 nodes.

    Args:
        solver: The solver, or a function that makes it.
        timeout: Seconds for the whole check.

    Raises:
        AssertionError: A promise is broken.
        ValueError: ``timeout`` is no finite number > 0.

    Cost: some 90 calls of ``resolve``; about 0.2 s with ``NativeSolver``.
    """
    __tracebackhide__ = True
    conduct("a solver", timeout, lambda exam: examine_solver(exam, exam.make(solver, "resolve")))


def check_executor(
    executor: Executor | Callable[[], Executor],
    *,
    in_process: bool = True,
    timeout: float = TIMEOUT,
) -> None:
    """Check that an executor keeps the promises of ``Executor``.

    Arguments arrive by position and name, in order; values come back as they are, None too;
    exceptions come as themselves; calls awaited at once do not mix; a cancelled call raises
    ``CancelledError`` and leaves the executor usable; it serves two event loops one after the
    other; and an engine comes to the values that it comes to with ``LocalExecutor``. If it has
    ``places``, tasks are sent to each of them; if it has ``execute_plan``, whole plans go there.

    Args:
        executor: The executor, or a function that makes it.
        in_process: Whether local tasks run in this process. Then besides: async tasks may wait for
            each other, arguments are the very same objects, a task ends when its call is
            cancelled, and lazy results and tail calls that a task returns are handed back.
        timeout: Seconds for the whole check. More for one that works over a network.

    Raises:
        AssertionError: A promise is broken.
        ValueError: ``timeout`` is no finite number > 0.

    Cost: some 400 tasks, more with places and plans. They are functions of a module and can be
    pickled; so can arguments, values and exceptions, but for those of local tasks ``in_process``.
    """
    __tracebackhide__ = True
    conduct(
        "an executor",
        timeout,
        lambda exam: examine_executor(exam, exam.make(executor, "execute"), in_process),
    )


def check_cache_policy(
    policy: CachePolicy | Callable[[], CachePolicy], *, timeout: float = TIMEOUT
) -> None:
    """Check that a cache policy keeps the promises of ``CachePolicy``.

    A key that was not set is ``MISSING``; the value set last comes back, equal and of equal type,
    None too; keys do not mix, whatever their bytes; it serves two event loops one after the other;
    and calls ``with_cache`` of it are reused. A value may be dropped to make room, but not the one
    that was set last.

    Args:
        policy: A policy with nothing in it that keeps values for as long as the check takes; or a
            function that makes it.
        timeout: Seconds for the whole check.

    Raises:
        AssertionError: A promise is broken.
        ValueError: ``timeout`` is no finite number > 0.

    Cost: some 1,600 values set, one of them of 100 kB.
    """
    __tracebackhide__ = True
    conduct(
        "a cache policy",
        timeout,
        lambda exam: examine_policy(exam, exam.make(policy, "get", "set")),
    )
