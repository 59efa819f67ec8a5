"""Which account should have how many units: as many as sell at the best margin, less what it costs to move them.

One side is one stock that accounts sell from. What is moved is gone from the giver at once and is there for the
receiver only after the way. What a side cannot serve is partly bought from a sister account that holds the buy button.
For one giver and one receiver every amount is tried; for more sides single units go where they bring most.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Final

from magflow.domain.demand import Demand

SHARE_OF_TRIES: Final = 400
"""More amounts than these are tried coarsely first, then around the best one."""
UNLIKELY: Final = 1e-7
MOST_CHOSEN_FROM: Final = 5
"""Among so many sides every choice of receivers is tried; among more, all of them and each alone."""


@dataclass(frozen=True)
class Terms:
    """What moving costs, and for how long the effect is counted."""

    horizon_days: float = 28
    lead_days: float = 0
    """Until what is moved can be sold again."""
    each_way: float = 0.0
    """For a transfer, however many units it carries."""
    unit: float = 0.0


@dataclass(frozen=True)
class Side:
    """One stock, what is expected to sell from it, and what a unit brings."""

    stock: int
    demand: Demand
    margin: float
    floor: int = 0
    """What it keeps whatever happens."""
    catches: float = 0.0
    """The part of what others cannot serve that is bought here instead, as long as there is stock."""

    @property
    def spare(self) -> int:
        return max(0, self.stock - self.floor)


@dataclass(frozen=True)
class Outcome:
    """What a split is expected to bring in the time that counts."""

    sold: tuple[float, ...]
    """Per side, without what it catches for others."""
    caught: float
    margin: float
    cost: float

    @property
    def value(self) -> float:
        return self.margin - self.cost

    @property
    def units(self) -> float:
        return sum(self.sold) + self.caught


@dataclass(frozen=True)
class Choice:
    """The best amount to move from one side to another, and what it changes against leaving all as it is."""

    amount: int
    units: float
    gain: float
    """Margin won, less the cost of moving; negative: it does not pay."""
    cost: float


@dataclass
class Market:
    """Sides and terms, with what has been worked out of them."""

    sides: Sequence[Side]
    terms: Terms
    _sales: dict[tuple[int, str], tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def catches(self) -> tuple[float, ...]:
        """Nobody can catch more than all of it together."""
        total = sum(side.catches for side in self.sides)
        return tuple(side.catches / max(1.0, total) for side in self.sides)

    @cached_property
    def wanted(self) -> tuple[float, ...]:
        """What is wanted of each side within the time that counts."""
        return tuple(side.demand.over(self.terms.horizon_days).mean for side in self.sides)

    def outcome(self, after: Sequence[int]) -> Outcome:
        """What a split brings, seen from the stocks that are there now."""
        sold = [
            self._sold(number, min(side.stock, to), max(0, to - side.stock))
            for number, (side, to) in enumerate(zip(self.sides, after, strict=True))
        ]
        caught = self._caught(sold, after) if any(self.catches) else [0.0] * len(sold)
        margin = sum(side.margin * (s + c) for side, s, c in zip(self.sides, sold, caught, strict=True))
        return Outcome(tuple(sold), sum(caught), margin, self._cost(after))

    def _caught(self, sold: Sequence[float], after: Sequence[int]) -> list[float]:
        unserved = [max(0.0, want - sale) for want, sale in zip(self.wanted, sold, strict=True)]
        total = sum(unserved)
        return [
            min(part * (total - own), max(0.0, to - sale))
            for part, own, to, sale in zip(self.catches, unserved, after, sold, strict=True)
        ]

    def _cost(self, after: Sequence[int]) -> float:
        come = [to - side.stock for side, to in zip(self.sides, after, strict=True) if to > side.stock]
        return len(come) * self.terms.each_way + sum(come) * self.terms.unit

    def _sold(self, number: int, stays: int, comes: int) -> float:
        if not comes or not self.terms.lead_days:
            return self._at(number, "all", stays + comes)
        # While the goods travel, only what stays can be sold; then what is left of it and what came.
        total, left = self._at(number, "way", stays), 1.0
        for wanted, chance in enumerate(self._spread(number)):
            if wanted >= stays or left < UNLIKELY:
                break
            total += chance * self._at(number, "rest", stays - wanted + comes)
            left -= chance
        return total + max(0.0, left) * self._at(number, "rest", comes)

    def _spread(self, number: int) -> tuple[float, ...]:
        return self._kept(number, "chances")

    def _at(self, number: int, part: str, stock: int) -> float:
        sales = self._kept(number, part)
        return sales[min(stock, len(sales) - 1)]

    def _kept(self, number: int, part: str) -> tuple[float, ...]:
        """Worked out once up to where more stock changes nothing."""
        key = (number, part)
        if key not in self._sales:
            days = {"all": self.terms.horizon_days, "rest": self.terms.horizon_days - self.terms.lead_days}
            spread = self.sides[number].demand.over(days.get(part, self.terms.lead_days))
            chances = spread.chances()
            self._sales[key] = chances if part == "chances" else spread.sales(len(chances))
        return self._sales[key]

    # --- what to move ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> tuple[int, ...]:
        return tuple(side.stock for side in self.sides)

    def moved(self, giver: int, receiver: int, amount: int) -> tuple[int, ...]:
        """The split after so many units went from one side to another."""
        after = list(self.now)
        after[giver] -= amount
        after[receiver] += amount
        return tuple(after)

    def change(self, after: Sequence[int], amount: int) -> Choice:
        """What a split changes against leaving all as it is."""
        before, then = self.outcome(self.now), self.outcome(after)
        return Choice(amount, then.units - before.units, then.value - before.value, then.cost)

    def best_transfer(self, giver: int, receiver: int, least: int = 0) -> Choice:
        """Every amount from `least` up to what the giver can spare is tried; of equals the smallest is taken."""
        most = self.sides[giver].spare
        if most < least:
            return self.change(self.now, 0)

        def value(amount: int) -> float:
            return round(self.outcome(self.moved(giver, receiver, amount)).value, 9)

        # More than anybody could still want is not tried.
        wanted = len(self.sides[receiver].demand.over(self.terms.horizon_days).chances())
        most = min(most, max(least, wanted))
        step = max(1, (most - least) // SHARE_OF_TRIES)
        best = max(range(least, most + 1, step), key=value)
        if step > 1:
            best = max(range(max(least, best - step), min(most, best + step) + 1), key=value)
        return self.change(self.moved(giver, receiver, best), best)

    def best_split(self) -> tuple[int, ...]:
        """The best stocks: by trying all for two sides, unit by unit for more."""
        if len(self.sides) < 2:
            return self.now
        if len(self.sides) == 2:
            ways = [(0, 1, self.best_transfer(0, 1)), (1, 0, self.best_transfer(1, 0))]
            giver, receiver, choice = max(ways, key=lambda way: way[2].gain)
            return self.moved(giver, receiver, choice.amount)
        return self._greedy()

    def _greedy(self) -> tuple[int, ...]:
        """For each choice of who may receive at all, units go one by one where they bring most; the best of these.

        The choice is what makes it come out right that a way costs the same for one unit as for ten.
        """
        everybody = range(len(self.sides))
        sizes = everybody if len(self.sides) <= MOST_CHOSEN_FROM else (0, len(self.sides) - 1)
        closed = [frozenset(chosen) for size in sizes for chosen in combinations(everybody, size)]
        found = {self._unit_by_unit(receivers) for receivers in closed}
        return max(sorted(found), key=lambda after: round(self.outcome(after).value, 9))

    def _unit_by_unit(self, closed: frozenset[int]) -> tuple[int, ...]:
        """Where no single unit brings more, several together may: for then the sister account has enough to catch."""
        after, most = self.now, max(side.spare for side in self.sides)
        while True:
            for units in (range(1, 2), range(2, most + 1)):
                further = self._best(after, closed, units)
                if further is not None:
                    break
            else:
                return after
            after = further

    def _best(self, after: tuple[int, ...], closed: frozenset[int], units: range) -> tuple[int, ...] | None:
        """The best of all single moves of so many units; None when none is better than to leave it."""

        def value(split: tuple[int, ...]) -> float:
            outcome = self.outcome(split)
            # The way is paid for by the choice of the receivers.
            return outcome.value + self.terms.each_way * sum(
                to > side.stock for side, to in zip(self.sides, split, strict=True)
            )

        best = max(self._further(after, closed, units), key=value, default=after)
        return best if value(best) > value(after) + 1e-9 else None

    def _further(self, after: tuple[int, ...], closed: frozenset[int], amounts: range) -> Iterator[tuple[int, ...]]:
        for giver, side in enumerate(self.sides):
            # Who has received gives nothing on, and who has given receives nothing: goods travel once.
            if after[giver] > side.stock:
                continue
            for receiver, other in enumerate(self.sides):
                if receiver == giver or receiver in closed or after[receiver] < other.stock:
                    continue
                for units in amounts:
                    if after[giver] - units < side.floor:
                        break
                    split = list(after)
                    split[giver] -= units
                    split[receiver] += units
                    yield tuple(split)
