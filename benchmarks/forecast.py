"""How well demand is forecast, beside what one would do otherwise: `python -m benchmarks.forecast [series] [seed]`.

Seeded series of the four classes of Syntetos and Boylan, 104 weeks each: their level drifts, some die out. Over the
last half year each method forecasts the next week from the weeks before it. RMSSE: the squared error in terms of the
naive one's within the first weeks (smaller is better, 1 is as bad); bias: what was forecast too much, as a part of what
sold; pinball: the loss of the quantile that should cover 90 % of weeks, as a part of what sold. The spread around each
mean is the same pooled one, so that only the means differ. Prints JSON.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from magflow.domain.demand import Pooled, Spread, expected_weekly, forecast, imapa, tsb, variance

WEEKS: Final = 104
FIRST: Final = 78
"""Weeks before the first forecast."""
QUANTILE: Final = 0.9
RECENT: Final = 12

Method = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Kind:
    """A class of series: how often a week sells, how much then, and how widely that spreads."""

    name: str
    chance: float
    size: float
    spread: float


KINDS: Final = (
    Kind("smooth", 0.97, 8, 0.35),
    Kind("erratic", 0.97, 8, 0.95),
    Kind("intermittent", 0.3, 4, 0.35),
    Kind("lumpy", 0.3, 6, 1.0),
)


def series(kind: Kind, luck: random.Random) -> list[float]:
    """A series whose level drifts; one in five stops selling somewhere in its second year."""
    level, found = 1.0, []
    ends = luck.randint(52, WEEKS) if luck.random() < 0.2 else WEEKS
    for week in range(WEEKS):
        level *= math.exp(luck.gauss(0, 0.03))
        wanted = 0.0
        if week < ends and luck.random() < min(0.99, kind.chance * math.sqrt(level)):
            shift = math.log(kind.size * math.sqrt(level)) - kind.spread**2 / 2
            wanted = max(1.0, round(luck.lognormvariate(shift, kind.spread)))
        found.append(wanted)
    return found


# --- what one would do otherwise -------------------------------------------------------------------------------------


def naive(seen: Sequence[float]) -> float:
    """The same as last week."""
    return seen[-1]


def recent_mean(seen: Sequence[float]) -> float:
    """The mean of the last twelve weeks."""
    return sum(seen[-RECENT:]) / min(RECENT, len(seen))


def croston(seen: Sequence[float], weight: float = 0.1) -> float:
    """Croston (1972): the size of a sale over the pause between sales."""
    size: float | None = None
    pause: float | None = None
    gap = 1
    for value in seen:
        if value:
            size = value if size is None else size + weight * (value - size)
            pause = gap if pause is None else pause + weight * (gap - pause)
            gap = 1
        else:
            gap += 1
    return size / pause if size is not None and pause is not None else 0.0


def sba(seen: Sequence[float]) -> float:
    """Syntetos and Boylan (2005): Croston without its bias."""
    return 0.95 * croston(seen)


METHODS: Final[dict[str, Method]] = {
    "naive": naive,
    "mean_of_12_weeks": recent_mean,
    "croston": croston,
    "sba": sba,
    "tsb": tsb,
    "imapa": imapa,
    "magflow": expected_weekly,
}


# --- measures --------------------------------------------------------------------------------------------------------


@dataclass
class Sums:
    """What a method got wrong, over all series of a class."""

    scaled: float = 0.0
    over: float = 0.0
    pinball: float = 0.0
    sold: float = 0.0
    number: int = 0

    def add(self, forecasts: Sequence[float], actual: Sequence[float], scale: float, ratio: float) -> None:
        """One series."""
        squares = sum((f - a) ** 2 for f, a in zip(forecasts, actual, strict=True)) / len(actual)
        self.scaled += math.sqrt(squares / scale)
        self.over += sum(forecasts) - sum(actual)
        for mean, there in zip(forecasts, actual, strict=True):
            cover = Spread(mean, ratio).enough(QUANTILE) if mean > 0 else 0
            self.pinball += (QUANTILE if there > cover else QUANTILE - 1) * (there - cover)
        self.sold += sum(actual)
        self.number += 1

    def told(self) -> dict[str, float]:
        return {
            "rmsse": round(self.scaled / self.number, 3),
            "bias": round(self.over / self.sold, 3),
            "pinball_90": round(self.pinball / self.sold, 3),
        }


def measured(kind: Kind, number: int, seed: int) -> dict[str, Any]:
    """Every method on the series of a class."""
    luck = random.Random(f"{kind.name}-{seed}")
    made = [series(kind, luck) for _ in range(number)]
    trained = [one[:FIRST] for one in made]
    means = sum(sum(one) / FIRST for one in trained)
    pooled = Pooled(means / number, max(1.0, sum(variance(one) for one in trained) / means))
    sums = {name: Sums() for name in METHODS}
    for one in made:
        scale = sum((b - a) ** 2 for a, b in itertools.pairwise(one[:FIRST])) / (FIRST - 1)
        if not scale:
            continue
        ratio = forecast(one[:FIRST], pooled).ratio
        for name, method in METHODS.items():
            forecasts = [method(one[:week]) for week in range(FIRST, WEEKS)]
            sums[name].add(forecasts, one[FIRST:], scale, ratio)
    return {name: total.told() for name, total in sums.items()}


def speed(number: int = 500) -> float:
    """Forecasts of a year of weeks in a second, one after the other."""
    luck = random.Random(1)
    made = [series(KINDS[n % len(KINDS)], luck)[:52] for n in range(number)]
    began = time.perf_counter()
    for one in made:
        forecast(one, Pooled(1.0, 1.5))
    return round(number / (time.perf_counter() - began))


def main(arguments: Sequence[str]) -> None:
    """Measure every class and print."""
    number = int(arguments[0]) if arguments else 200
    seed = int(arguments[1]) if len(arguments) > 1 else 7
    found = {kind.name: measured(kind, number, seed) for kind in KINDS}
    whole = {
        name: {
            measure: round(sum(found[kind.name][name][measure] for kind in KINDS) / len(KINDS), 3)
            for measure in ("rmsse", "bias", "pinball_90")
        }
        for name in METHODS
    }
    told = {"series": number * len(KINDS), "weeks": WEEKS, "seed": seed, "forecasts_per_s": speed()}
    print(json.dumps({**told, "classes": found, "mean_of_classes": whole}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
