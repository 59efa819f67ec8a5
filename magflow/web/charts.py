"""Small charts as figures for an SVG that the server draws: no script, no outside host, readable in both themes.

The picture holds lines alone and is stretched to its place; numbers and days stand beside it as text, so that they keep
their size on a phone. Whoever cannot see it has the table that stands with every chart (templates/macros/chart.html).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH, HEIGHT = 600, 120
STEPS: Final = (1, 2, 2.5, 5, 10)
DENSE: Final = 400
"""More points than these get no column of their own to point at."""


@dataclass(frozen=True)
class Line:
    """One series: its name, and its values; None where there is none."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Column:
    """A point in time as a place to point at, with what is said there."""

    x: float
    width: float
    said: str


@dataclass(frozen=True)
class Chart:
    """What the macro draws. `paths`: one an SVG line; `ticks`: from the top down; `marks`: from left to right."""

    paths: tuple[tuple[str, str], ...]
    ticks: tuple[float, ...]
    marks: tuple[str, ...]
    columns: tuple[Column, ...]
    zero: float | None
    """Where nothing is, when it is not the lower edge."""


def chart(
    lines: Sequence[Line], labels: Sequence[str], said: Sequence[str], *, most: float | None = None
) -> Chart | None:
    """A chart of series over the same points; None while there is nothing to draw. `most`: the upper edge."""
    there = [value for line in lines for value in line.values if value is not None]
    if not there:
        return None
    low, step = scale(min(0.0, *there), max(there) if most is None else most)
    high = low + 2 * step
    count = len(labels)

    def x(n: int) -> float:
        return WIDTH / 2 if count == 1 else round(n * WIDTH / (count - 1), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 1)

    width = WIDTH / count
    columns = [Column(round(n * width, 1), round(width, 1), text) for n, text in enumerate(said)]
    marks = [labels[0], labels[count // 2], labels[-1]] if count > 2 else list(labels)
    return Chart(
        tuple(
            (line.name, path([None if v is None else (x(n), y(v)) for n, v in enumerate(line.values)]))
            for line in lines
        ),
        (high, low + step, low),
        tuple(marks),
        tuple(columns) if count <= DENSE else (),
        y(0) if low < 0 else None,
    )


def scale(low: float, high: float) -> tuple[float, float]:
    """The lower edge and half of the height, both numbers that people read easily."""
    span = max(high - low, 1e-9)
    unit = 10 ** math.floor(math.log10(span / 2))
    for factor in (*STEPS, 20, 50):
        step = factor * unit
        edge = math.floor(low / step) * step
        if edge + 2 * step >= high:
            return edge, step
    raise AssertionError("a step of fifty units spans everything")


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """The way of a pen; it is lifted where a value is missing, and a point alone is a short stroke."""
    parts: list[str] = []
    for n, point in enumerate(points):
        if point is None:
            continue
        before = points[n - 1] if n else None
        parts.append(f"{'L' if before else 'M'}{point[0]:g} {point[1]:g}")
        if before is None and (n + 1 == len(points) or points[n + 1] is None):
            parts.append("h6")
    return " ".join(parts)
