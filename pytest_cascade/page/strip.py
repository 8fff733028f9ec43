"""What happened in a test, in order, as runs of the same thing. Pure: a record to runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal, TypeAlias

from pytest_cascade.work.record import Resolve, WorkRecord

MOST_RUNS: Final = 100
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

    Cost: linear in the resolves that were kept; of those that are told, the reasons are worked out.
    """
    stretches = _folded(_merged(_stretches(record)))
    told = list(islice(stretches, MOST_RUNS))
    if next(stretches, None) is None:
        return told
    rest = told.pop()
    count = max(record.iterations, record.hits + record.resolves) - sum(
        each.count * (1 + each.hits) for each in told
    )
    return [*told, Stretch("more", count, rest.start)]


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


def _folded(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Make one stretch of a miss and hits that come again and again."""
    pair = list(islice(stretches, 2))
    while pair:
        if [each.kind for each in pair] != ["miss", "hit"] or pair[0].count > 1:
            yield pair.pop(0)
            pair += islice(stretches, 1)
            continue
        times, after = 1, list(islice(stretches, 2))
        while [_told(each) for each in after] == [_told(each) for each in pair]:
            times, after = times + 1, list(islice(stretches, 2))
        if times > 1:
            yield replace(pair[0], count=times, hits=pair[1].count)
        else:
            yield from pair
        pair = after


def _told(stretch: Stretch) -> tuple[object, ...]:
    return stretch.kind, stretch.count, _tells(stretch)


def _tells(stretch: Stretch) -> tuple[object, ...]:
    resolve = stretch.resolve
    if resolve is None:
        return ()
    return resolve.root, resolve.nodes, str(resolve.why), resolve.source, resolve.called_from
