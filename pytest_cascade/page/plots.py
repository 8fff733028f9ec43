"""The plots of a benchmark: every round of each contender, and ratios with their bounds.

leather draws them as SVG. Its texts take the size and its marks the colours that the page's own
style gives them, so plots follow the reader's colour scheme.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import floor, log, log10
from statistics import median
from typing import Any, Final, NamedTuple

import leather
from leather import svg, theme

from pytest_cascade.bench.statistics import Interval, interval_of
from pytest_cascade.bench.summary import interval_of_plain_data, judged_of_plain_data
from pytest_cascade.report.figures import TIMES, three_digits

WIDTH: Final = 360
"""Units, as many as the narrowest screen has pixels."""

ROW: Final = 34
"""Units from one row to the next."""

FRAME: Final = 62
"""Units above and below the rows."""

LABEL_LENGTH: Final = 19
"""Longer names are cut; the table beside has them whole."""

ROUND: Final = ((1, 2, 5), (1, 3), (1,))
"""The first digits of round figures: as many as there is room for."""

MOST_TICKS: Final = 6
"""So many figures have room on an axis."""

MARK: Final = "var(--mark)"
SPAN: Final = "var(--span)"
BOUND: Final = "var(--bound)"

STYLE: Final[Mapping[str, Any]] = {
    "background_color": "none",
    "margin": 0.05,
    "tick_color": "var(--grid)",
    "zero_color": "var(--grid)",
    "label_color": "var(--ink)",
    "axis_title_color": "var(--ink)",
    "tick_font_size": 12,
    "tick_font_char_width": 7,
    "axis_title_font_size": 12,
    "legend_font_char_height": 0,
    "legend_gap": 0,
}
"""For leather's theme."""

NOISE: Final = re.compile(
    r' (?:font-family|font-size|text-anchor)="[^"]*"| (?:dy|transform)=""| stroke-width="1"'
    r'| (?:fill|stroke)="var\(--(?:ink|grid)\)"|(?<==")(-?\d+\.\d\d)\d+'
)
"""What the page's style says once for all plots, and digits below a hundredth of a unit."""


class Dots(leather.Dots):
    """Dots that need no legend, for their row is named."""

    def legend_to_svg(self, *_: object) -> list[Any]:
        """Draw none."""
        return []


class Line(leather.Line):
    """A line that needs none either."""

    def legend_to_svg(self, *_: object) -> list[Any]:
        """Draw none."""
        return []


class Rows(leather.Scale):
    """The rows of a plot, the first on top."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = [_short(label) for label in labels]

    def contains(self, value: float) -> bool:
        """Every row is."""
        return True

    def project(self, value: float, low: float, high: float) -> float:
        """From ``low``, below the last row, to ``high``, above the first."""
        return high + (low - high) * (float(value) + 0.5) / len(self._labels)

    def ticks(self) -> list[int]:
        """One for each row."""
        return list(range(len(self._labels)))

    def format_tick(self, value: int, *_: object) -> str:
        """What the row is of."""
        return self._labels[value]


class Factors(leather.Scale):
    """Figures above 0, spread so that equal factors are equally far apart."""

    def __init__(self, figures: Collection[float]) -> None:
        least, most = min(figures), max(figures)
        room = max((most / least) ** 0.06, 1.02)
        self._low: float = least / room
        self._high: float = most * room

    def contains(self, value: float) -> bool:
        """Tell whether it is shown."""
        return bool(self._low <= value <= self._high)

    def project(self, value: float, left: float, right: float) -> float:
        """From ``left`` to ``right``."""
        share = log(float(value) / self._low) / log(self._high / self._low)
        return left + (right - left) * share

    def ticks(self) -> list[float]:
        """Round figures, ``MOST_TICKS`` at most."""
        for mantissas in ROUND:
            found = [float(f"{each}e{power}") for power in self._powers for each in mantissas]
            found = [each for each in found if self.contains(each)]
            if 1 < len(found) <= MOST_TICKS:
                return found
        linear = leather.Linear(self._low, self._high)
        found = [float(each) for each in linear.ticks() if self.contains(float(each))]
        return found[:: 1 + len(found) // MOST_TICKS]

    @property
    def _powers(self) -> range:
        """Of ten, from below all figures to above them."""
        return range(floor(log10(self._low)), floor(log10(self._high)) + 1)


class Bar(NamedTuple):
    """A row of a plot."""

    label: str
    """What it is of."""
    interval: Interval
    """The median between the ends of where the true figure lies."""
    points: Sequence[float] = ()
    """Single figures, drawn one by one."""
    bounds: Sequence[float] = ()
    """What is claimed of the true figure."""


def rounds_plot(bench: Mapping[str, Any]) -> str:
    """Draw how long an iteration took in each round, and where its median lies; an SVG group."""
    unit, bars = rounds_of(bench)
    return _plot(bars, f"{unit} for each iteration")


def rounds_of(bench: Mapping[str, Any]) -> tuple[str, list[Bar]]:
    """The unit of the times, and a row for each contender."""
    times = {
        row["name"]: [
            lasted / done
            for lasted, done in zip(row["durations_ns"], row["iterations"], strict=True)
        ]
        for row in bench["rows"]
    }
    typical = median(median(each) for each in times.values())
    size, unit = next((each for each in TIMES if typical >= each[0]), TIMES[-1])
    bars = []
    for name, each in times.items():
        points = [time / size for time in each]
        bars.append(Bar(name, interval_of(points, bench["confidence"]), points))
    return unit, bars


def ratios_plot(bench: Mapping[str, Any]) -> str:
    """Draw ratios with where they lie, and what is claimed of them; an SVG group.

    Empty if nothing was compared.
    """
    bars = ratios_of(bench)
    return _plot(bars, "times as fast", no_effect=1.0) if bars else ""


def ratios_of(bench: Mapping[str, Any]) -> list[Bar]:
    """A row for each ratio: what is claimed of it, and where it lies; a claim's own interval."""
    baseline = bench["baseline"]
    bars = {
        f"{row['name']} / {baseline}": Bar("", interval_of_plain_data(row["ratio"]))
        for row in bench["rows"]
        if row["name"] != baseline
    }
    for each in bench["ratios"]:
        bars[f"{each['name']} / {each['over']}"] = Bar("", interval_of_plain_data(each["interval"]))
    for judged in map(judged_of_plain_data, bench["judged"]):
        claim = judged.claim
        if claim.figure == "speedup":
            bounds = [end for end in (claim.least, claim.most) if end is not None]
            bars[f"{judged.name} / {claim.over}"] = Bar("", judged.interval, bounds=bounds)
    return [bar._replace(label=label) for label, bar in bars.items()]


def _plot(bars: Sequence[Bar], title: str, no_effect: float | None = None) -> str:
    """A row for each bar, the first on top; the bounds of each are dashed across it.

    Args:
        bars: The rows.
        title: What the figures are.
        no_effect: A figure that is marked from top to bottom.
    """
    height = FRAME + ROW * len(bars)
    chart = leather.Chart()
    marks = list(_marks(bars, no_effect))
    chart.set_x_scale(Factors([figure for figures, *_ in marks for figure in figures]))
    chart.set_y_scale(Rows([bar.label for bar in bars]))
    chart.add_x_axis(tick_formatter=lambda value, *_: three_digits(float(value)), name=title)
    for x, y, shape in marks:
        chart.add_series(leather.Series(list(zip(x, y, strict=True))), shape)
    with _styled():
        group = svg.stringify(chart.to_svg_group(WIDTH, height))
    drawn = f'<svg viewBox="0 0 {WIDTH} {height}" class="plot" aria-hidden="true">{group}</svg>'
    return NOISE.sub(r"\1", drawn)


def _marks(
    bars: Sequence[Bar], no_effect: float | None
) -> Iterator[tuple[Sequence[float], Sequence[float], leather.Shape]]:
    """Columns, rows and shape of each thing that is drawn."""
    if no_effect is not None:
        yield (no_effect, no_effect), (-0.5, len(bars) - 0.5), Line(MARK, 1)
    for row, bar in enumerate(bars):
        for bound in bar.bounds:
            yield (bound, bound), (row - 0.4, row + 0.4), Line(BOUND, 2, "5 3")
        if bar.points:
            yield bar.points, [row - 0.2] * len(bar.points), Dots(MARK, 2.5)
        if bar.interval.is_known:
            yield (bar.interval.low, bar.interval.high), (row + 0.1, row + 0.1), Line(SPAN, 3)
        yield (bar.interval.median,), (row + 0.1,), Dots(SPAN, 3.5)


def _short(label: str) -> str:
    return label if len(label) <= LABEL_LENGTH else f"{label[: LABEL_LENGTH - 1]}…"


@contextmanager
def _styled() -> Iterator[None]:
    """Draw in our style; leather keeps its own in a module."""
    before = {name: getattr(theme, name) for name in STYLE}
    vars(theme).update(STYLE)
    try:
        yield
    finally:
        vars(theme).update(before)
