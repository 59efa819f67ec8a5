"""Demand: how many units of a SKU an account will sell in a week, from what it sold, and how sure that is.

A forecast is the mean of two methods for goods that do not sell every week: TSB (Teunter, Syntetos and Babai, 2011),
which forgets goods that stop selling, and IMAPA (Petropoulos and Kourentzes, 2015), which looks at the same weeks in
groups of one, two, three ... Weeks in which there was nothing to sell say nothing about demand and are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log
from typing import Final

SIZE_WEIGHT: Final = 0.2
CHANCE_WEIGHT: Final = 0.1
"""TSB: how fast the size of a sale, and the chance of one, follow what is new."""
LEAST_WEIGHT, MOST_WEIGHT = 0.1, 0.3
"""IMAPA: the bounds between which the weight of each grouping is chosen."""
LONGEST_OUT: Final = 3
"""A week counts while there was something to sell on more days than not."""
DAYS: Final = 7

FULL_WEEKS: Final = 12
"""From so many weeks on, a forecast is the SKU's own; below, the category's average fills up."""
LEAST_WEEKS: Final = 4
LEAST_SALES: Final = 2
"""A SKU that was seen for less, or sold in fewer weeks, has no forecast."""
RATIO_WEEKS: Final = 12
"""How many weeks of its own weigh as much as what the category says about the spread."""


# --- series ----------------------------------------------------------------------------------------------------------


def observed(sold: Sequence[int], days_out: Sequence[int]) -> tuple[float, ...]:
    """The weeks that tell of demand, oldest first.

    Where a few days were without stock, the others stand for them. A week that was mostly without is left out, unless
    more sold in the days before than in a usual week: that much was wanted at least.
    """
    whole = [n * DAYS / (DAYS - out) for n, out in zip(sold, days_out, strict=True) if out <= LONGEST_OUT]
    usual = sum(whole) / len(whole) if whole else 0.0
    kept = []
    for n, out in zip(sold, days_out, strict=True):
        if out <= LONGEST_OUT:
            kept.append(n * DAYS / (DAYS - out))
        elif n > usual:
            kept.append(float(n))
    return tuple(kept)


def smoothed(series: Sequence[float], weight: float) -> float:
    """Simple exponential smoothing from the first value: what comes next."""
    level = series[0]
    for value in series[1:]:
        level += weight * (value - level)
    return level


def best_smoothed(series: Sequence[float]) -> float:
    """The same with the weight, within its bounds, that would have told the series itself best."""
    if len(series) < 3:
        return smoothed(series, LEAST_WEIGHT)
    return smoothed(series, _lowest(lambda weight: _squared_error(series, weight), LEAST_WEIGHT, MOST_WEIGHT))


def _squared_error(series: Sequence[float], weight: float) -> float:
    level, total = series[0], 0.0
    for value in series[1:]:
        error = value - level
        total += error * error
        level += weight * error
    return total


GOLDEN: Final = (5**0.5 - 1) / 2
TURNS: Final = 12


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest, by golden sections; its ends are looked at too."""
    ends = low, high
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(TURNS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
    return min((*ends, (low + high) / 2), key=function)


def tsb(series: Sequence[float]) -> float:
    """Units a week: the chance that a week sells, times what sells then. The chance falls with each week without."""
    sizes = [value for value in series if value]
    if not sizes:
        return 0.0
    chance = smoothed([1.0 if value else 0.0 for value in series], CHANCE_WEIGHT)
    return chance * smoothed(sizes, SIZE_WEIGHT)


def imapa(series: Sequence[float]) -> float:
    """Units a week: the mean of what the weeks say alone, in pairs ... in groups as long as the usual pause."""
    gaps, gap = [], 0
    for value in series:
        gap += 1
        if value:
            gaps.append(gap)
            gap = 0
    if not gaps:
        return 0.0
    largest = max(1, round(sum(gaps) / len(gaps)))
    found = []
    for size in range(1, largest + 1):
        # The newest weeks always count; what does not fill a group is cut off at the old end.
        start = len(series) % size
        groups = [sum(series[at : at + size]) for at in range(start, len(series), size)]
        found.append(best_smoothed(groups) / size)
    return sum(found) / len(found)


def expected_weekly(series: Sequence[float]) -> float:
    """The forecast of a series: the mean of both methods."""
    return (tsb(series) + imapa(series)) / 2 if series else 0.0


def variance(series: Sequence[float]) -> float:
    """The sample variance; 0 of less than two weeks."""
    if len(series) < 2:
        return 0.0
    mean = sum(series) / len(series)
    return sum((value - mean) ** 2 for value in series) / (len(series) - 1)


# --- a forecast ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pooled:
    """What a category sells of a SKU in a week in one account, on average, and how widely that spreads."""

    weekly: float
    ratio: float
    """The variances of its SKUs added up, divided by their means added up."""


@dataclass(frozen=True)
class Demand:
    """What is expected of one offer, or of everything that sells from one stock."""

    weekly: float
    ratio: float = 1.0
    """Variance divided by mean; 1: purely random. Never less."""
    weeks: int = 0
    """Weeks that it rests on."""
    own_part: float = 1.0
    """How much of it is its own history; the rest is its category's average."""

    def over(self, days: float) -> "Spread":
        """What is wanted within so many days."""
        return Spread(self.weekly * days / DAYS, self.ratio)

    def cover(self, stock: int) -> float | None:
        """For how many days a stock lasts; None: nothing is expected to sell."""
        return stock / self.weekly * DAYS if self.weekly > 0 else None

    @property
    def confidence(self) -> str:
        """low, medium, high: by the weeks that it rests on."""
        if self.own_part < 1:
            return "low"
        return "high" if self.weeks >= 2 * FULL_WEEKS + 2 else "medium"

    def __add__(self, other: "Demand") -> "Demand":
        """Both sell from one stock: means and variances add up."""
        weekly = self.weekly + other.weekly
        ratio = (self.weekly * self.ratio + other.weekly * other.ratio) / weekly if weekly else 1.0
        return Demand(weekly, ratio, min(self.weeks, other.weeks), min(self.own_part, other.own_part))


def forecast(series: Sequence[float], pooled: Pooled) -> Demand:
    """The forecast of one offer: shrunk to its category while it is young, its spread pooled with the category's."""
    weeks = len(series)
    own_part = min(1.0, weeks / FULL_WEEKS)
    weekly = own_part * expected_weekly(series) + (1 - own_part) * pooled.weekly
    mean = sum(series) / weeks if weeks else 0.0
    own_ratio = variance(series) / mean if mean else pooled.ratio
    ratio = (weeks * own_ratio + RATIO_WEEKS * pooled.ratio) / (weeks + RATIO_WEEKS)
    return Demand(weekly, max(1.0, ratio), weeks, own_part)


def known_enough(every: Sequence[Sequence[float]]) -> bool:
    """Whether a SKU, in all its accounts, was seen long enough and sold often enough for a forecast."""
    longest = max((len(series) for series in every), default=0)
    sales = sum(1 for series in every for value in series if value)
    return longest >= LEAST_WEEKS and sales >= LEAST_SALES


# --- spread ----------------------------------------------------------------------------------------------------------

MOST_UNITS: Final = 20_000
TAIL: Final = 1e-9


@lru_cache(maxsize=2048)
def _chances(mean: float, ratio: float) -> tuple[float, ...]:
    """The distribution itself: the same one is asked for every amount that is tried."""
    if mean <= 0:
        return (1.0,)
    # Each chance follows from the one before; in logarithms, for that of none may be smaller than a number can be.
    size = mean / (ratio - 1) if ratio > 1 else 0.0
    factor = log((ratio - 1) / ratio) if size else log(mean)
    logarithm = -size * log(ratio) if size else -mean
    found, total, number = [], 0.0, 0
    while number < MOST_UNITS:
        chance = exp(logarithm)
        found.append(chance)
        total += chance
        if number > mean and 1 - total < TAIL:
            break
        logarithm += factor + log((number + size) / (number + 1) if size else 1 / (number + 1))
        number += 1
    return tuple(found)


@dataclass(frozen=True)
class Spread:
    """How many units are wanted in some time: negative binomial, or Poisson where the ratio is 1."""

    mean: float
    ratio: float = 1.0

    def chances(self) -> tuple[float, ...]:
        """The chance of 0, 1, 2 ... units, until hardly anything is left."""
        return _chances(self.mean, self.ratio)

    def sales(self, most: int) -> tuple[float, ...]:
        """The units expected to sell of a stock of 0, 1, 2 ... `most`: none more than is wanted, or there."""
        found, sold, left = [0.0], 0.0, 1.0
        chances = self.chances()
        for number in range(most):
            left -= chances[number] if number < len(chances) else 0.0
            sold += max(0.0, left)
            found.append(sold)
        return tuple(found)

    def runs_out(self, stock: int) -> float:
        """The chance that at least as much is wanted as there is."""
        if stock <= 0:
            return 1.0
        return min(1.0, max(0.0, 1.0 - sum(self.chances()[:stock])))

    def enough(self, chance: float) -> int:
        """The smallest stock that covers what is wanted with this chance."""
        total = 0.0
        chances = self.chances()
        for number, one in enumerate(chances):
            total += one
            if total >= chance:
                return number
        return len(chances)
