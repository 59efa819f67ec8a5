"""Forecasts beside a published implementation; spreads beside probability; weeks without stock say nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magflow.domain.demand import (
    Demand,
    Pooled,
    Spread,
    expected_weekly,
    forecast,
    imapa,
    known_enough,
    observed,
    tsb,
)

# What statsforecast 2.1.1 says of these series: TSB(0.2, 0.1), and IMAPA with its own weights.
PUBLISHED = [
    ("smooth", [7, 8, 6, 6, 5, 6, 6, 5, 8, 5, 9, 7, 7, 7, 4, 5, 6, 6, 5, 7], 6.04919, 6.16729),
    ("erratic", [5, 4, 22, 5, 7, 6, 1, 33, 5, 2, 1, 15, 3, 34, 5, 10, 10, 17, 3, 3], 8.77457, 8.92265),
    ("intermittent", [5, 0, 7, 0, 6, 0, 7, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 6, 4, 0], 2.61504, 2.33273),
    (
        "intermittent",
        [
            0,
            0,
            0,
            0,
            4,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            6,
            7,
            7,
            0,
            0,
            0,
            0,
            0,
            0,
            7,
            0,
            0,
            0,
            4,
            0,
            7,
            0,
            7,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            7,
            0,
            7,
            0,
            7,
            0,
            0,
            0,
            6,
            0,
            0,
            0,
            7,
        ],
        1.9894,
        1.8984,
    ),
    ("lumpy", [0, 0, 3, 0, 0, 2, 11, 14, 0, 0, 16, 4, 3, 0, 55, 12, 0, 0, 0, 0], 5.34644, 5.44116),
    (
        "lumpy",
        [
            0,
            0,
            10,
            0,
            2,
            51,
            0,
            0,
            0,
            10,
            0,
            0,
            2,
            0,
            2,
            0,
            0,
            0,
            3,
            0,
            0,
            5,
            2,
            3,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            2,
            0,
            0,
            3,
            0,
            0,
            0,
            0,
            0,
            16,
            0,
            1,
            0,
            0,
            0,
            2,
            0,
            0,
            0,
            0,
        ],
        1.02323,
        1.25968,
    ),
]


@pytest.mark.parametrize(
    ("series", "by_tsb", "by_imapa"),
    [p[1:] for p in PUBLISHED],
    ids=[f"{p[0]}-{len(p[1])}" for p in PUBLISHED],
)
def test_both_methods_say_what_is_published(series: list[float], by_tsb: float, by_imapa: float) -> None:
    assert tsb(series) == pytest.approx(by_tsb, abs=1e-5)
    # Both search the weights; neither finds them to the last digit.
    assert imapa(series) == pytest.approx(by_imapa, rel=1e-3)
    assert expected_weekly(series) == pytest.approx((by_tsb + by_imapa) / 2, rel=1e-3)


def test_nothing_sold_is_nothing_expected() -> None:
    assert (tsb([0, 0, 0]), imapa([0, 0, 0]), expected_weekly([])) == (0, 0, 0)
    assert expected_weekly([4]) == pytest.approx(4)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_forecast_lies_within_what_was_seen(series: list[int]) -> None:
    assert 0 <= expected_weekly(series) <= max(series) + 1e-9


WEEKS_OUT = [
    ("all weeks whole", [4, 0, 2], [0, 0, 0], (4, 0, 2)),
    ("a day without stock: the others stand for it", [6, 6], [0, 1], (6, 7)),
    ("three days are still a week", [4, 4], [0, 3], (4, 7)),
    ("mostly without stock: says nothing", [4, 1, 4], [0, 4, 0], (4, 4)),
    ("without stock and without sales", [4, 0, 4], [0, 7, 0], (4, 4)),
    ("sold out at once: that much was wanted at least", [4, 9, 4], [0, 6, 0], (4, 9, 4)),
    ("never in stock", [0, 0], [7, 7], ()),
]


@pytest.mark.parametrize(("sold", "out", "told"), [c[1:] for c in WEEKS_OUT], ids=[c[0] for c in WEEKS_OUT])
def test_weeks_without_stock(sold: list[int], out: list[int], told: tuple[float, ...]) -> None:
    assert observed(sold, out) == pytest.approx(told)


def test_what_is_young_leans_on_its_category() -> None:
    category = Pooled(weekly=3.0, ratio=2.0)
    nothing = forecast([], category)
    assert (nothing.weekly, nothing.ratio, nothing.own_part, nothing.confidence) == (3, 2, 0, "low")
    young = forecast([6.0] * 6, category)
    assert young.weekly == pytest.approx(0.5 * 6 + 0.5 * 3)
    assert (young.own_part, young.confidence) == (0.5, "low")
    # An even series of its own draws the spread down, as far as its weeks weigh: (12 * 0 + 12 * 2) / 24.
    grown = forecast([6.0] * 12, category)
    assert (grown.weekly, grown.ratio, grown.confidence) == (pytest.approx(6), 1.0, "medium")
    assert forecast([6.0] * 26, category).confidence == "high"
    assert not known_enough([[5, 5, 5], []])
    assert not known_enough([[5, 0, 0, 0], []])
    assert known_enough([[5, 0, 0, 0], [1]])


@pytest.mark.parametrize(("mean", "ratio"), [(0.4, 1.0), (3.0, 1.0), (3.0, 1.8), (40.0, 3.5), (900.0, 2.0)])
def test_a_spread_has_its_mean_and_variance(mean: float, ratio: float) -> None:
    chances = Spread(mean, ratio).chances()
    assert sum(chances) == pytest.approx(1, abs=1e-6)
    found = sum(n * chance for n, chance in enumerate(chances))
    assert found == pytest.approx(mean, rel=1e-4)
    assert sum((n - found) ** 2 * chance for n, chance in enumerate(chances)) == pytest.approx(mean * ratio, rel=1e-3)


def test_a_spread_by_hand() -> None:
    # Negative binomial with mean 2 and variance 4: size 2, so P(0) = 1/4, P(1) = 1/4, P(2) = 3/16.
    spread = Spread(2.0, 2.0)
    assert spread.chances()[:3] == pytest.approx((1 / 4, 1 / 4, 3 / 16))
    assert spread.sales(2) == pytest.approx((0, 3 / 4, 3 / 4 + 1 / 2))
    assert [spread.runs_out(n) for n in (0, 1, 2)] == pytest.approx([1, 3 / 4, 1 / 2])
    assert Spread(2.0).chances()[:2] == pytest.approx((math.exp(-2), 2 * math.exp(-2)))
    assert (spread.enough(0.5), spread.enough(0.6)) == (1, 2)
    assert Spread(0.0).sales(3) == (0, 0, 0, 0)


def test_days_of_cover_and_one_stock_for_two_accounts() -> None:
    demand = Demand(3.5)
    assert (demand.cover(7), demand.cover(0), Demand(0).cover(7)) == (14, 0, None)
    both = Demand(3.0, 1.0, 20) + Demand(1.0, 3.0, 8, 0.5)
    assert (both.weekly, both.ratio, both.weeks, both.own_part) == (4, 1.5, 8, 0.5)
