"""Recording: a suite with no marker and no fixture of ours, whose work is guarded all the same.

Write down once what each test makes an engine do, and keep the file with the code:
``pytest test_without_markers.py --cascade-record work.json``. From then on hold every run against
it: ``pytest test_without_markers.py --cascade-compare work.json``. Now write
``cs.task(lambda x: x * rate)(first)`` in place of ``convert(first, rate)``, to save a function. All
values stay right, and the comparison fails:

    work.json: work grew: resolves from 2 to 4, misses from 2 to 4, builds from 2 to 4
      1. balance · 1 node  · first seen
      2. balance · 3 nodes · structure: balance(total=) was a literal, now add()
      3. balance · 3 nodes · new task: '<lambda>' was redefined
      4. balance · 3 nodes · new task: '<lambda>' was redefined

Write ``first * rate`` instead, and there is a task less to run. With ``--cascade-ratchet`` less
work fails as well, so that it is written down:

    work.json: work shrank: executions from 10 to 7, attempts from 10 to 7; renew the file: ...
"""

import asyncio

import pytest

import cascade_core as cs


@cs.task
def convert(amount, rate):
    return amount * rate


@cs.task
def add(total, amount):
    return total + amount


@cs.task
def balance(total, amounts, rate):
    if not amounts:
        return total
    first, *rest = amounts
    return balance(add(total, convert(first, rate)), rest, rate)


async def test_nothing_comes_to_nothing():
    assert await cs.Engine().run(balance(0, [], rate=2)) == 0


@pytest.mark.parametrize(("rate", "expected"), [(1, 60), (2, 120)])
async def test_amounts_are_converted_and_added(rate, expected):
    assert await cs.Engine().run(balance(0, [10, 20, 30], rate)) == expected


async def test_two_accounts_are_kept_apart():
    engine = cs.Engine()

    both = await asyncio.gather(
        engine.run(balance(0, [1, 2, 3, 4], rate=1)), engine.run(balance(0, [5, 6], rate=10))
    )

    assert both == [10, 110]
