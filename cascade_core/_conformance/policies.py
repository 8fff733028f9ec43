"""What is asked of a cache policy."""

from __future__ import annotations

import asyncio
import inspect
from random import Random
from typing import Any, final

from cascade_core._conformance.exam import Exam, same, shown
from cascade_core._conformance.tasks import echo, nothing, on
from cascade_core.caching import MISSING, CachePolicy
from cascade_core.run.engine import Engine

VALUES: tuple[Any, ...] = (
    *(None, False, True, 0, 1, -1, 2**100, 0.0, 1.0, 1e300, float("inf"), 1j),
    *("", "text", "\0 \n ü 中 😀", b"", b"\0\xff", [], (), {}, set(), frozenset({1})),
    *([1, [2, (3,)]], (1, (2, [3])), {"a": 1, 2: None, (3, "b"): [True]}, {1, 2, 3}),
    *("x" * 100_000, list(range(1_000))),
)
"""Values that tasks return; equal ones of different types among them."""

_FIRST, *_RANDOM = [Random(seed).randbytes(32) for seed in range(3)]

KEYS: tuple[bytes, ...] = (
    *(b"\0\0", b"\0", b"\0" * 32, b" ", b"  ", b"\n", b"\xff", b"\xff" * 32, b".", b"..", b"/"),
    *(b"ab", b"a", b"A", b"abc", b"a\0", b"a\n", b"a/b", b"61", b"None", b"0", b"00"),
    *(*_RANDOM, bytes(31) + b"\1", b"\1" + bytes(31)),
)
"""Keys that are easily taken for each other: as text, as prefixes, as paths."""

MANY = 1_500

_LAST = b"last"
"""What the first event loop leaves for the second."""


def examine_policy(exam: Exam, policy: CachePolicy) -> None:
    """Ask for values by key, then for the reuse of calls; each in two event loops."""
    course = _Course(exam, policy)
    exam.in_new_loop(course.first_loop)
    exam.in_new_loop(course.second_loop)


@final
class _Course:
    def __init__(self, exam: Exam, policy: CachePolicy) -> None:
        self._exam = exam
        self._policy = policy

    async def first_loop(self) -> None:
        await self._protocol()
        await self._keys()
        await self._values()
        await self._overwriting()
        await self._many()
        await self._together("in one event loop")
        await self._engines("in one event loop")
        await self._set_and_get("keeps the value set last", _LAST, "kept")

    async def second_loop(self) -> None:
        self._exam.asks("serves a second event loop", "what the first one set", "'kept'")
        self._exam.require_same(await self._policy.get(_LAST), "kept")
        await self._together("in a second event loop")
        await self._engines("in a second event loop")

    async def _protocol(self) -> None:
        unknown = f"get of the unknown key {_FIRST!r}"
        self._exam.asks("has an async get", unknown, "an awaitable")
        awaitable: Any = self._policy.get(_FIRST)
        self._exam.require(inspect.isawaitable(awaitable), awaitable)
        self._exam.asks("has no value for an unknown key", unknown, "MISSING")
        came = await awaitable
        self._exam.require(came is MISSING, came)
        self._exam.asks("has an async set", f"set of {_FIRST!r}", "an awaitable")
        awaitable = self._policy.set(_FIRST, "value")
        self._exam.require(inspect.isawaitable(awaitable), awaitable)
        await awaitable

    async def _keys(self) -> None:
        for number, key in enumerate(KEYS):
            given = f"get of {key!r}, not set, after {number} other keys"
            self._exam.asks("does not mix keys", given, "MISSING")
            came = await self._policy.get(key)
            self._exam.require(came is MISSING, came)
            await self._set_and_get("keeps the value set last", key, number)
        for number, key in enumerate(KEYS):
            await self._get_if_kept("does not mix keys", key, number)

    async def _values(self) -> None:
        for number, value in enumerate(VALUES):
            await self._set_and_get("gives values back as they were", b"value %d" % number, value)

    async def _overwriting(self) -> None:
        for value in ("first", "second", None, "third"):
            await self._set_and_get("keeps the value set last", b"again", value)

    async def _many(self) -> None:
        for number in range(MANY):
            self._exam.asks("takes many values", f"{number} before", "it is set")
            await self._policy.set(b"many %d" % number, number)
        last = MANY - 1
        await self._get("keeps the value set last", b"many %d" % last, last)
        for number in range(MANY):
            await self._get_if_kept("does not mix keys", b"many %d" % number, number)

    async def _together(self, when: str) -> None:
        async def use(number: int) -> Any:
            key = f"{when} {number}".encode()
            await self._policy.set(key, number)
            return await self._policy.get(key)

        numbers = list(range(20))
        given = f"set and get of {len(numbers)} keys at once"
        self._exam.asks(f"does not mix keys {when}", given, f"{shown(numbers)}, or MISSING")
        came = await asyncio.gather(*map(use, numbers))
        wrong = [
            c for c, n in zip(came, numbers, strict=True) if c is not MISSING and not same(c, n)
        ]
        self._exam.require(not wrong, came)

    async def _engines(self, when: str) -> None:
        promise = f"lets engines reuse a call {when}"
        for fn, value in ((echo, when), (nothing, None)):
            lazy = on("local", fn)(when).with_cache(self._policy)
            for run, reuses in (("first", 0), ("second", 1)):
                engine = Engine()
                given = f"the {run} run of {fn.__name__}({when!r})"
                self._exam.asks(promise, given, f"{value!r} and {reuses} reuses")
                came = await engine.run(lazy)
                if not same(came, value) or engine.stats.reuses != reuses:
                    self._exam.fail(f"got {shown(came)} and {engine.stats.reuses} reuses")

    # -- one key ------------------------------------------------------------------------------

    async def _set_and_get(self, promise: str, key: bytes, value: Any) -> None:
        self._exam.asks("takes a value", f"set of {key!r} to {shown(value)}", "it is set")
        await self._policy.set(key, value)
        await self._get(promise, key, value)
        await self._get(promise, key, value)

    async def _get(self, promise: str, key: bytes, value: Any) -> None:
        self._exam.asks(promise, f"get of {key!r}", shown(value))
        came = await self._policy.get(key)
        self._exam.require(came is not MISSING and same(came, value), came)

    async def _get_if_kept(self, promise: str, key: bytes, value: Any) -> None:
        self._exam.asks(promise, f"get of {key!r}", f"{shown(value)}, or MISSING")
        came = await self._policy.get(key)
        self._exam.require(came is MISSING or same(came, value), came)
