"""Claims about an engine that is not ours, with the same markers.

The engine is ``toy_engine``, its probe ``toy_probe``, offered by ``conftest.py``. Copy the
folder and put your own in. A formula with its numbers in it is compiled for each; run the test that
is caught at it with ``--runxfail``, and it fails:

    expect_resolves(1, engine="toy"): the solver was called 3 times
      1. 1 * b · first seen
      2. 2 * b · first seen
      3. 3 * b · first seen
"""

import itertools

import pytest
import toy_engine
from toy_probe import ToyProbe

from pytest_cascade import check_probe


@pytest.fixture(autouse=True)
def nothing_compiled():
    """What one test compiled is warm in the next: start each from nothing."""
    toy_engine.clear()


@pytest.mark.expect_resolves(1, engine="toy")
@pytest.mark.expect_cache_hits(2, engine="toy")
def test_a_formula_is_compiled_once():
    assert [toy_engine.evaluate("a * b", a=a, b=10) for a in (1, 2, 3)] == [10, 20, 30]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="each number is a formula of its own")
@pytest.mark.expect_resolves(1, engine="toy")
def test_numbers_in_the_formula_are_caught():
    assert [toy_engine.evaluate(f"{a} * b", b=10) for a in (1, 2, 3)] == [10, 20, 30]


def test_a_block_is_claimed_about_as_well(cache_inspector):
    toy_engine.evaluate("a + 1", a=1)

    with cache_inspector.expect(resolves=0, hits=1, engine="toy"):
        assert toy_engine.evaluate("a + 1", a=2) == 3


def test_the_probe_keeps_its_promises():
    numbers = itertools.count()

    def work():
        toy_engine.evaluate(f"a + {next(numbers)}", a=1)

    check_probe(ToyProbe(), work, {"resolves": 1, "lookups": 1, "misses": 1})
