"""What happened in a test, in order, as runs of the same thing. Pure: a record to runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from pytest_cascade.work.record import Resolve, WorkRecord

MOST_RUNS: Final = 150
"""So many runs are told one by one; what comes after is told as a sum."""

Kind: TypeAlias = Literal["hit", "miss", "vm", "more"]
"""``vm``: iterations that looked for no plan; ``more``: misses whose order is not known."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The same thing, ``count`` times one after another."""

    kind: Kind
    """What happened."""
    count: int
    """How often."""
    start: int
    """The iteration it began in, from 1."""
    resolve: Resolve | None = None
    """Of misses: the first plan that was made."""
    hits: int = 0
    """Of misses: so many hits after each of them."""


def strip(record: WorkRecord) -> list[Stretch]:
    """Put hits and misses in order.

    Misses for one and the same reason with nothing between them are one stretch, and so are those
    with as many hits after each. Hits come before iterations without a lookup where both lie
    between two misses, for their order is not known.

    Cost: linear in the resolves that were kept.
    """
    stretches = list(_folded(list(_merged(_stretches(record)))))
    if len(stretches) <= MOST_RUNS:
        return stretches
    kept, cut = stretches[: MOST_RUNS - 1], stretches[MOST_RUNS - 1 :]
    return [*kept, Stretch("more", sum(each.count for each in cut), cut[0].start)]


def _stretches(record: WorkRecord) -> Iterator[Stretch]:
    iterations = hits = 0  # before the miss that is looked at
    own = 0  # iterations that the miss before it was a part of
    ordered = [each for each in record.timeline if each.after is not None]
    for resolve in ordered:
        assert resolve.after is not None
        yield from _between(iterations, hits, own, *resolve.after)
        iterations, hits = resolve.after
        own = 1
        yield Stretch("miss", 1, iterations + 1, resolve)
    untold = record.resolves - len(ordered)
    if untold > 0:  # only the first ones are kept, and so the order is lost
        rest = record.iterations - iterations - own
        yield Stretch("more", max(rest, untold), iterations + own + 1)
    else:
        yield from _between(iterations, hits, own, record.iterations, record.hits)


def _between(
    iterations: int, hits: int, own: int, next_iterations: int, next_hits: int
) -> Iterator[Stretch]:
    start = iterations + own + 1
    new_hits = next_hits - hits
    unlooked = next_iterations - iterations - own - new_hits
    if new_hits > 0:
        yield Stretch("hit", new_hits, start)
    if unlooked > 0:
        yield Stretch("vm", unlooked, start + new_hits)


def _merged(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Make one stretch of neighbours that tell the same."""
    before: Stretch | None = None
    for each in stretches:
        if before is not None and before.kind == each.kind and _tells(before) == _tells(each):
            before = replace(before, count=before.count + each.count)
            continue
        if before is not None:
            yield before
        before = each
    if before is not None:
        yield before


def _folded(stretches: list[Stretch]) -> Iterator[Stretch]:
    """Make one stretch of a miss and hits that come again and again."""
    position = 0
    while position < len(stretches):
        times = _repetitions(stretches, position)
        if times > 1:
            hits = stretches[position + 1].count
            yield replace(stretches[position], count=times, hits=hits)
            position += 2 * times
        else:
            yield stretches[position]
            position += 1


def _repetitions(stretches: list[Stretch], position: int) -> int:
    """How often a miss and hits as those at a position come one after another; 0 if others do."""
    first = _pair(stretches, position)
    if [kind for kind, *_ in first] != ["miss", "hit"] or first[0][1] != 1:
        return 0
    times = 1
    while _pair(stretches, position + 2 * times) == first:
        times += 1
    return times


def _pair(stretches: list[Stretch], position: int) -> list[tuple[object, ...]]:
    pair = stretches[position : position + 2]
    return [(each.kind, each.count, _tells(each)) for each in pair]


def _tells(stretch: Stretch) -> tuple[object, ...]:
    resolve = stretch.resolve
    if resolve is None:
        return ()
    return resolve.root, resolve.nodes, str(resolve.why), resolve.source, resolve.called_from
