"""Amounts: one giver and one receiver by trying all of them; more of them held against trying every split there is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from magflow.domain.allocation import Market, Side, Terms
from magflow.domain.demand import Demand

FREE = Terms(horizon_days=28)
SENT = Terms(horizon_days=28, lead_days=5, each_way=20, unit=1)


def side(stock: int, weekly: float, margin: float = 25.0, **fields: float) -> Side:
    return Side(stock, Demand(weekly, 1.5), margin, int(fields.pop("floor", 0)), **fields)


def splits(market: Market) -> Iterator[tuple[int, ...]]:
    """Every split of what there is that leaves each side its floor."""
    total = sum(market.now)

    def further(left: int, sides: int) -> Iterator[tuple[int, ...]]:
        if sides == 1:
            yield (left,)
            return
        for stock in range(left + 1):
            for rest in further(left - stock, sides - 1):
                yield (stock, *rest)

    for split in further(total, len(market.sides)):
        if all(to >= min(one.floor, one.stock) for to, one in zip(split, market.sides, strict=True)):
            yield split


def best_of_all(market: Market) -> float:
    return max(market.outcome(split).value for split in splits(market))


def some_side(luck: random.Random) -> Side:
    demand = Demand(luck.random() * 4, 1 + luck.random() * 2)
    catches = luck.choice([0.0, 0.0, 0.8])
    return Side(luck.randint(0, 8), demand, luck.choice([5.0, 10.0, 20.0]), luck.choice([0, 0, 1]), catches)


def some_markets(sides: int, number: int) -> Iterator[Market]:
    luck = random.Random(sides)
    for _ in range(number):
        terms = Terms(28, luck.choice([0, 5]), luck.choice([0, 6]), luck.choice([0, 0.5]))
        yield Market([some_side(luck) for _ in range(sides)], terms)


def test_the_best_split_of_two_is_the_best_of_all() -> None:
    for market in some_markets(2, 60):
        found = market.best_split()
        assert sum(found) == sum(market.now)
        assert market.outcome(found).value == pytest.approx(best_of_all(market), abs=1e-6)


@pytest.mark.parametrize(("sides", "number"), [(3, 60), (4, 6)])
def test_of_more_it_is_nearly_always(sides: int, number: int) -> None:
    missed = 0
    for market in some_markets(sides, number):
        found, best = market.best_split(), best_of_all(market)
        assert sum(found) == sum(market.now)
        assert market.outcome(found).value >= 0.97 * best
        missed += market.outcome(found).value < best - 1e-6
    assert missed <= number // 20


def test_goods_go_where_they_sell() -> None:
    market = Market((side(26, 6, floor=1), side(0, 4)), SENT)
    choice = market.best_transfer(0, 1)
    assert 6 <= choice.amount <= 10
    assert choice.units > 2
    assert choice.gain > 0
    assert choice.cost == 20 + choice.amount
    assert market.best_split() == (26 - choice.amount, choice.amount)
    # Numbers that are only written are free and there at once: more is worth moving.
    assert Market(market.sides, FREE).best_transfer(0, 1).amount >= choice.amount


def test_what_is_not_worth_its_way_stays() -> None:
    market = Market((side(26, 6), side(0, 0.02, margin=3)), SENT)
    assert market.best_transfer(0, 1).amount == 0
    assert market.best_split() == (26, 0)
    forced = market.best_transfer(0, 1, least=1)
    assert forced.amount == 1
    assert forced.gain < 0


def test_the_giver_keeps_its_floor() -> None:
    assert Market((side(6, 0.1, floor=4), side(0, 9)), FREE).best_transfer(0, 1).amount == 2
    assert Market((side(3, 0.1, floor=4), side(0, 9)), FREE).best_transfer(0, 1, least=1).amount == 0


def test_what_the_sister_account_catches_need_not_be_moved() -> None:
    alone = Market((side(12, 2), side(0, 2)), FREE)
    caught = Market((side(12, 2, catches=0.8), side(0, 2)), FREE)
    assert caught.best_transfer(0, 1).gain < alone.best_transfer(0, 1).gain
    assert caught.best_transfer(0, 1).amount <= alone.best_transfer(0, 1).amount


def test_what_travels_cannot_be_sold_on_the_way() -> None:
    there = Market((side(40, 1), side(0, 7)), Terms(28, 0)).best_transfer(0, 1)
    later = Market((side(40, 1), side(0, 7)), Terms(28, 14)).best_transfer(0, 1)
    assert later.units < there.units
    # While they are under way only what stands there sells: two weeks of four are lost.
    assert later.units == pytest.approx(14, abs=1.5)


def test_thousands_of_units_are_looked_at_in_no_time() -> None:
    market = Market((side(9000, 100), side(40, 900)), SENT)
    best = market.best_transfer(0, 1)
    around = [market.change(market.moved(0, 1, best.amount + step), 0).gain for step in (-3, -1, 1, 3)]
    assert best.gain >= max(around) - 1e-6
