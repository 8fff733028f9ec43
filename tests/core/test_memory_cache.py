"""``MemoryCache``: what it keeps, for how long, what goes first; and the sentinel ``MISSING``."""

from __future__ import annotations

import copy
import math
import pickle
import time
from collections import OrderedDict
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_core.caching import MISSING, CachePolicy, MemoryCache


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def kept(cache: MemoryCache, keys: str) -> str:
    """Which of the one-letter keys the cache holds; asks for the last one first."""
    found = [key for key in reversed(keys) if await cache.get(key.encode()) is not MISSING]
    return "".join(reversed(found))


async def filled(cache: MemoryCache, keys: str) -> MemoryCache:
    for key in keys:
        await cache.set(key.encode(), key)
    return cache


# -- values ---------------------------------------------------------------------------------------


async def test_unknown_key_is_missing():
    assert await MemoryCache().get(b"a") is MISSING


async def test_hit_gives_the_very_object():
    cache, value = MemoryCache(), [1]

    await cache.set(b"a", value)

    assert await cache.get(b"a") is value
    assert await cache.get(b"a") is value


@pytest.mark.parametrize("value", [None, False, 0, (), MISSING])
async def test_values_without_truth_are_hits(value):
    cache = MemoryCache(ttl=1)

    await cache.set(b"a", value)
    await cache.set(b"b", "other")

    assert await cache.get(b"a") is value
    assert len(cache) == 2


async def test_value_set_last_is_kept():
    cache = await filled(MemoryCache(), "ab")

    await cache.set(b"a", "new")

    assert [await cache.get(b"a"), await cache.get(b"b")] == ["new", "b"]
    assert len(cache) == 2


async def test_keys_are_not_mixed():
    cache = await filled(MemoryCache(), "ab")

    assert [await cache.get(key) for key in (b"a", b"b")] == ["a", "b"]
    assert [await cache.get(key) for key in (b"ab", b"")] == [MISSING, MISSING]


async def test_clear_forgets_all():
    cache = await filled(MemoryCache(), "abc")

    cache.clear()

    assert len(cache) == 0
    assert await kept(cache, "abc") == ""


async def test_cleared_cache_is_usable():
    cache = await filled(MemoryCache(max_entries=1), "a")
    cache.clear()

    await cache.set(b"b", 2)

    assert await cache.get(b"b") == 2


# -- how many -------------------------------------------------------------------------------------


async def test_least_recently_set_goes_first():
    cache = await filled(MemoryCache(max_entries=2), "abc")

    assert len(cache) == 2
    assert await kept(cache, "abc") == "bc"


async def test_get_makes_a_value_recent():
    cache = await filled(MemoryCache(max_entries=2), "ab")
    await cache.get(b"a")

    await cache.set(b"c", 3)

    assert await kept(cache, "abc") == "ac"


async def test_miss_makes_nothing_recent():
    cache = await filled(MemoryCache(max_entries=2), "ab")
    await cache.get(b"c")

    await cache.set(b"c", 3)

    assert await kept(cache, "abc") == "bc"


async def test_set_again_makes_a_value_recent():
    cache = await filled(MemoryCache(max_entries=3), "ab")
    await cache.set(b"a", 1)

    await filled(cache, "cd")

    assert await kept(cache, "abcd") == "acd"


@pytest.mark.parametrize("key", [b"a", b"b"])
async def test_set_again_in_a_full_cache_drops_none(key):
    cache = await filled(MemoryCache(max_entries=2), "ab")

    await cache.set(key, 1)

    assert await kept(cache, "ab") == "ab"


async def test_cache_of_one_entry_keeps_the_last():
    cache = await filled(MemoryCache(max_entries=1), "abc")

    assert await kept(cache, "abc") == "c"


operations = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.sampled_from("abcd"), st.none()),
        st.tuples(st.just("set"), st.sampled_from("abcd"), st.integers()),
        st.tuples(st.just("wait"), st.none(), st.integers(1, 4)),
    ),
    max_size=40,
)


@given(operations=operations, max_entries=st.integers(1, 3), ttl=st.none() | st.integers(1, 8))
async def test_cache_does_what_a_plain_model_does(operations, max_entries, ttl):
    clock = Clock()
    cache = MemoryCache(ttl, max_entries, clock=clock)
    model: OrderedDict[str, tuple[Any, float]] = OrderedDict()

    for name, key, number in operations:
        if name == "wait":
            clock.now += number
        elif name == "set":
            await cache.set(key.encode(), number)
            model[key] = (number, clock.now)
            model.move_to_end(key)
            if len(model) > max_entries:
                model.popitem(last=False)
        else:
            if ttl is not None and key in model and clock.now >= model[key][1] + ttl:
                del model[key]
            expected = model[key][0] if key in model else MISSING
            assert await cache.get(key.encode()) == expected
            if key in model:
                model.move_to_end(key)
        assert len(cache) == len(model)


# -- how long -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "is_kept"), [(0, True), (9.9, True), (10, False), (10.1, False), (1e9, False)]
)
async def test_value_as_old_as_the_ttl_is_missing(age, is_kept):
    clock = Clock()
    cache = await filled(MemoryCache(ttl=10, clock=clock), "a")

    clock.now = age

    assert (await cache.get(b"a") is not MISSING) == is_kept


async def test_expired_value_is_dropped_when_asked_for():
    clock = Clock()
    cache = await filled(MemoryCache(ttl=10, clock=clock), "ab")
    clock.now = 10
    assert len(cache) == 2

    await cache.get(b"a")

    assert len(cache) == 1


async def test_get_does_not_prolong_a_life():
    clock = Clock()
    cache = await filled(MemoryCache(ttl=10, clock=clock), "a")
    clock.now = 9
    await cache.get(b"a")

    clock.now = 10

    assert await cache.get(b"a") is MISSING


async def test_set_starts_a_new_life():
    clock = Clock()
    cache = await filled(MemoryCache(ttl=10, clock=clock), "a")
    clock.now = 9
    await cache.set(b"a", "new")

    clock.now = 18.5

    assert await cache.get(b"a") == "new"


async def test_values_without_ttl_do_not_expire():
    clock = Clock()
    cache = await filled(MemoryCache(clock=clock), "a")

    clock.now = math.inf

    assert await cache.get(b"a") == "a"


async def test_default_clock_is_monotonic_time():
    cache = await filled(MemoryCache(ttl=3600), "a")

    ((_, since),) = cache._entries.values()  # no test waits for a real hour

    assert 0 <= time.monotonic() - since < 3600


# -- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ttl",
    [0, -1, 0.0, -0.5, math.nan, True, False, "1", "", [], -math.inf, 1j, Fraction(1, 2)],
    ids=repr,
)
def test_bad_ttl_is_refused_by_value(ttl):
    with pytest.raises(ValueError, match="ttl must be None or a number of seconds > 0") as caught:
        MemoryCache(ttl)

    assert str(caught.value).endswith(f"got {ttl!r}")


@pytest.mark.parametrize("max_entries", [0, -1, 1.0, True, False, "1", None, math.inf], ids=repr)
def test_bad_max_entries_is_refused_by_value(max_entries):
    with pytest.raises(ValueError, match="max_entries must be an int >= 1") as caught:
        MemoryCache(max_entries=max_entries)

    assert str(caught.value).endswith(f"got {max_entries!r}")


@pytest.mark.parametrize("ttl", [None, 1, 0.001, 1e300, 10**400, math.inf])
async def test_good_ttl_is_taken_and_can_be_read(ttl):
    cache = await filled(MemoryCache(ttl), "a")

    assert cache.ttl == ttl
    assert await cache.get(b"a") == "a"
    assert repr(cache)


def test_limits_have_defaults_and_can_be_read():
    cache = MemoryCache()

    assert (cache.ttl, cache.max_entries) == (None, 1024)
    assert MemoryCache(60, 5).max_entries == 5


@pytest.mark.parametrize("name", ["ttl", "max_entries"])
def test_limits_are_read_only(name):
    with pytest.raises(AttributeError):
        setattr(MemoryCache(), name, 5)


def test_clock_is_for_keywords_only():
    with pytest.raises(TypeError):
        MemoryCache(1, 2, Clock())


async def test_repr_tells_entries_and_limits():
    cache = await filled(MemoryCache(60, 5), "ab")

    assert repr(cache) == "<MemoryCache 2 of 5 entries, each for 60 s>"
    assert repr(MemoryCache()) == "<MemoryCache 0 of 1024 entries>"


# -- the protocol ---------------------------------------------------------------------------------


def test_memory_cache_is_a_policy():
    assert isinstance(MemoryCache(), CachePolicy)


def test_policy_needs_get_and_set():
    class Half:
        async def get(self, key: bytes) -> Any: ...

    class Whole(Half):
        async def set(self, key: bytes, value: Any) -> None: ...

    assert isinstance(Whole(), CachePolicy)
    assert not isinstance(Half(), CachePolicy)
    assert not isinstance(3, CachePolicy)


# -- MISSING --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        *(
            lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
    ids=lambda copied: copied.__name__,
)
def test_missing_survives_copies_as_itself(copied):
    assert copied(MISSING) is MISSING
    assert copied([MISSING])[0] is MISSING


def test_missing_shows_its_name():
    assert repr(MISSING) == "MISSING"
    assert f"{[MISSING]}" == "[MISSING]"


def test_missing_holds_no_attributes():
    with pytest.raises(AttributeError):
        MISSING.extra = 1
