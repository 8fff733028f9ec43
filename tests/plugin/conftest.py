"""Suites inside tests: a few tasks that loop, and a way to run tests over them.

The engine, hypothesis and what the plugin imports late are imported here for speed: a suite in
this process forgets what it imported, and the next one would import it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

import hypothesis  # noqa: F401 - see above
import pytest

import cascade_core  # noqa: F401 - see above
import pytest_cascade.bench.fixture
import pytest_cascade.work.inspector  # noqa: F401 - see above

INI = """
[pytest]
asyncio_mode = {asyncio_mode}
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = --strict-markers --strict-config
"""

TASKS = """
import asyncio
import threading
import unittest

import cascade_core as cs
import pytest
from pytest_cascade import at_least, at_most


@cs.task
def noop(dep=None):
    return "ok"


@cs.task
def countdown(n, dep=None):
    '''One structure for all iterations but the last: the dependency is built anew.'''
    return countdown(n - 1, dep=noop()) if n else "done"


@cs.task
def passing(n, dep=None):
    '''Two structures: from the second iteration on the dependency is a value.'''
    return passing(n - 1, dep) if n else "done"


"""


@dataclass(frozen=True)
class Suite:
    """One file of tests in a directory of its own, under warnings as errors."""

    pytester: pytest.Pytester

    def write(self, source: str) -> None:
        self.pytester.makepyfile(test_inner=TASKS + dedent(source))

    def configure(self, *lines: str, asyncio_mode: str = "auto") -> None:
        text = INI.format(asyncio_mode=asyncio_mode) + "\n".join(lines)
        self.pytester.makefile(".ini", pytest=text)

    def run(self, source: str, *args: str) -> pytest.RunResult:
        """Run in this process, in the order of the file."""
        self.write(source)
        # A server of pytest-rerunfailures would outlive each session, with a thread and a socket.
        plugins = ("-p", "no:randomly", "-p", "no:rerunfailures")
        return self.pytester.runpytest_inprocess(*plugins, *args)

    def run_apart(self, source: str, *args: str) -> pytest.RunResult:
        """Run in a process of its own, with every plugin that is installed."""
        self.write(source)
        return self.pytester.runpytest_subprocess(*args)

    def run_on_workers(self, source: str, *args: str) -> pytest.RunResult:
        """Run on two xdist workers."""
        # pytest-benchmark warns that it disables itself, and warnings are errors.
        return self.run_apart(source, "-n", "2", "--benchmark-disable", *args)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    made = Suite(pytester)
    made.configure()
    return made
