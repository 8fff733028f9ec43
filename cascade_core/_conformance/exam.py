"""An exam: one part put through its promises, in a thread and within a time of its own.

The check says what it is about to ask (``Exam.asks``) before it asks the part. So whatever the
part does then - a wrong value, an exception, no end at all - is told as the breach of that
promise. Nothing here knows what solvers, executors or caches are.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import math
import reprlib
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn, TypeVar, final

P = TypeVar("P")

GRACE = 1.0
"""Seconds at most that a thread given up gets to end; then it is left behind, as a daemon."""


class Broken(Exception):
    """A promise was broken; the message says which."""


class _GivenUp(BaseException):
    """Ends what a thread is still doing although nobody waits for it any more."""


@final
class Exam:
    """What is being asked, and how it ended.

    Attributes:
        patience: Seconds to wait for what happens at once in a part that keeps its promises.
    """

    def __init__(self, part: str, timeout: float) -> None:
        self.patience = timeout / 4
        self._part = part
        self._promise = self._given = self._expected = ""
        self._verdict: tuple[str, BaseException | None] | None = None
        self._ended = threading.Event()
        self._given_up = False
        self._at_work: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    # -- for the checks ---------------------------------------------------------------------

    def asks(self, promise: str, given: str, expected: str) -> None:
        """Say what is asked of the part next.

        Args:
            promise: What it promises.
            given: What it gets this time.
            expected: What should come.
        """
        if self._given_up:
            raise _GivenUp
        self._promise, self._given, self._expected = promise, given, expected

    def require(self, holds: bool, came: object) -> None:
        """Go on if the promise holds; else tell what came."""
        if not holds:
            if inspect.iscoroutine(came):
                came.close()  # or Python warns that nobody awaited it
            self.fail(f"got {shown(came)}")

    def require_same(self, came: object, expected: object) -> None:
        """Go on if what came is the expected value, of the same type."""
        self.require(same(came, expected), came)

    def fail(self, came: str, cause: BaseException | None = None) -> NoReturn:
        """End the exam: the promise is broken."""
        raise Broken(self._sentence(came)) from cause

    def make(self, part: P | Callable[[], P], *methods: str) -> P:
        """The part itself, or what a factory makes; it must have the methods."""
        is_factory = isinstance(part, type) or not hasattr(part, methods[0])
        names = " and ".join(map(repr, methods))
        self.asks("has the methods of its protocol", shown(part), f"methods {names}")
        made: Any = part() if is_factory and callable(part) else part
        self.require(all(callable(getattr(made, method, None)) for method in methods), made)
        return made  # type: ignore[no-any-return]  # a factory, called, or the part

    def in_new_loop(self, course: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a course of questions in an event loop of its own."""
        with asyncio.Runner() as runner:
            runner.run(self._watched(course))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has happened, or patience is at its end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        while not condition() and loop.time() < end:
            await asyncio.sleep(0.001)

    # -- the frame --------------------------------------------------------------------------

    def take(self, course: Callable[[Exam], None], timeout: float) -> None:
        """Take the exam in a thread of its own.

        Raises:
            AssertionError: A promise is broken, or there was no end within ``timeout`` seconds.
        """
        __tracebackhide__ = True
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run,
            args=(self._work, course),
            name=f"check of {self._part}",
            daemon=True,
        )
        thread.start()
        if not self._ended.wait(timeout):
            self._end((self._sentence(f"but nothing came within {timeout:g} s"), None))
        if self._verdict is not None:
            self._give_up()
        thread.join(min(GRACE, timeout))
        if self._verdict is not None:
            message, cause = self._verdict
            raise AssertionError(message) from cause

    def _work(self, course: Callable[[Exam], None]) -> None:
        try:
            course(self)
        except BaseException as error:
            self._judge(error)
        self._ended.set()

    async def _watched(self, course: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._at_work = asyncio.get_running_loop(), task
        try:
            await course()
        except BaseException as error:
            self._judge(error)  # now: closing the loop may take for ever
            raise
        self.asks("keeps no event loop from closing", "the end of a loop", "it closes")

    def _judge(self, error: BaseException) -> None:
        if isinstance(error, Broken):
            self._end((str(error), error.__cause__))
        else:
            self._end((self._sentence(f"but it raised {shown(error)}"), error))

    def _end(self, verdict: tuple[str, BaseException | None]) -> None:
        self._verdict = self._verdict or verdict
        self._ended.set()

    def _give_up(self) -> None:
        self._given_up = True
        if self._at_work is not None:
            loop, task = self._at_work
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(task.cancel)

    def _sentence(self, came: str) -> str:
        rule = f"broken promise: {self._part} {self._promise}"
        text = f"{rule}; given {self._given}: expected {self._expected}, {came}"
        return " ".join(text.split())


def conduct(part: str, timeout: float, course: Callable[[Exam], None]) -> None:
    """Put a part through a course of questions.

    Args:
        part: What it is called in messages: ``a solver``.
        timeout: Seconds it may take in all.
        course: Asks the questions.

    Raises:
        AssertionError: A promise is broken.
        ValueError: ``timeout`` is no finite number > 0.
    """
    __tracebackhide__ = True
    if isinstance(timeout, bool) or not 0 < timeout < math.inf:
        raise ValueError(f"timeout must be a number of seconds > 0, got {timeout!r}")
    Exam(part, timeout).take(course, timeout)


def same(came: Any, expected: Any) -> bool:
    """Whether two values are equal and of equal types, inside lists, tuples and dicts too."""
    if type(came) is not type(expected):
        return False
    if isinstance(expected, list | tuple):
        return len(came) == len(expected) and all(map(same, came, expected))
    if isinstance(expected, dict):
        return same(list(came.items()), list(expected.items()))
    if isinstance(expected, BaseException):
        return same(came.args, expected.args)
    return bool(came == expected)


_repr = reprlib.Repr()
_repr.maxother = _repr.maxstring = 120


def shown(value: object) -> str:
    """A short text for any value, whatever its ``repr`` does."""
    return _repr.repr(value)
