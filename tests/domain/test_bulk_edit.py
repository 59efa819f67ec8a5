"""Bulk arithmetic: exact figures, kept promises about endings, and refusals instead of nonsense."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain.bulk_edit import (
    HIGHEST_STOCK,
    ROUNDINGS,
    RefusedValue,
    Rounding,
    Rule,
    check_rules,
    new_price,
    new_stock,
    rounded,
)
from magflow.domain.errors import Invalid

prices = st.decimals(min_value="0.01", max_value=10**7, places=2)


@pytest.mark.parametrize(
    ("price", "rounding", "ends"),
    [
        ("128.7499", "cent", "128.75"),
        ("128.7499", ".99", "128.99"),
        ("128.30", ".99", "127.99"),
        ("128.49", ".99", "128.99"),
        ("0.10", ".99", "0.99"),
        ("10.02", "0.05", "10.00"),
        ("10.025", "0.05", "10.05"),
        ("10.50", "whole", "11.00"),
        ("10.49", "whole", "10.00"),
    ],
)
def test_a_price_ends_as_the_shop_likes_it(price: str, rounding: str, ends: str) -> None:
    result = rounded(Decimal(price), rounding)  # type: ignore[arg-type]
    assert (result, result.as_tuple().exponent) == (Decimal(ends), -2)


@given(price=prices, percent=st.decimals(min_value=-99, max_value=400, places=2))
def test_per_cent_never_leaves_more_than_two_places(price: Decimal, percent: Decimal) -> None:
    result = new_price(Rule("price", "percent", percent), price)
    assert isinstance(result, Decimal)
    assert result.as_tuple().exponent == -2
    assert abs(result - price * (100 + percent) / 100) <= Decimal("0.005")


@given(price=prices)
def test_99_is_the_nearest_there_is(price: Decimal) -> None:
    result = rounded(price, ".99")
    assert result % 1 == Decimal("0.99")
    assert abs(result - price) <= Decimal("0.50") or result == Decimal("0.99")


def test_what_cannot_be_is_refused() -> None:
    assert new_price(Rule("price", "add", Decimal("-11")), Decimal("10.00")) == RefusedValue("below_zero")
    assert new_price(Rule("price", "percent", Decimal("-150"), ".99"), Decimal("10.00")) == RefusedValue("below_zero")
    assert new_price(Rule("compare_at_price", "percent", Decimal("10")), None) == RefusedValue("no_price_to_change")
    assert new_price(Rule("price", "percent", Decimal("900")), Decimal("9999999999.99")) == RefusedValue("too_large")
    assert new_price(Rule("price", "add", Decimal("0"), "whole"), Decimal("9999999999.60")) == RefusedValue("too_large")
    assert new_stock(Rule("stock", "add", Decimal("-3")), 2) == RefusedValue("below_zero")


def test_free_stays_free() -> None:
    assert new_price(Rule("price", "percent", Decimal("10"), ".99"), Decimal("0.00")) == Decimal("0.00")


def test_clearing_and_setting() -> None:
    assert new_price(Rule("compare_at_price", "clear"), Decimal("5.00")) is None
    assert new_price(Rule("price", "set", Decimal("19.9")), None) == Decimal("19.90")
    assert new_stock(Rule("stock", "set", Decimal("7")), 2) == 7
    assert new_stock(Rule("stock", "add", Decimal("-2")), 2) == 0


def test_rules_that_cannot_be_right_are_named() -> None:
    wrong = [
        Rule("price", "activate"),
        Rule("stock", "add", Decimal("1.5")),
        Rule("price", "set", Decimal("-1")),
        Rule("compare_at_price", "percent"),
    ]
    with pytest.raises(Invalid) as refused:
        check_rules(wrong)
    assert {(e.field, e.code) for e in refused.value.errors} == {
        ("changes[0].action", "one_of"),
        ("changes[1].value", "not_whole"),
        ("changes[2].field", "repeated"),
        ("changes[2].value", "below_zero"),
        ("changes[3].value", "required"),
    }


@given(price=prices, rounding=st.sampled_from(ROUNDINGS))
def test_a_rounded_price_is_rounded(price: Decimal, rounding: Rounding) -> None:
    once = rounded(price, rounding)
    assert rounded(once, rounding) == once
    assert once.as_tuple().exponent == -2
    step = {"cent": "0.005", ".99": "0.50", "0.05": "0.025", "whole": "0.50"}[rounding]
    assert abs(once - price) <= Decimal(step) or once == Decimal("0.99")


@given(
    price=prices,
    percent=st.decimals(min_value=-99, max_value=400, places=4),
    rounding=st.sampled_from(ROUNDINGS),
)
def test_a_percentage_never_shows_where_it_came_from(price: Decimal, percent: Decimal, rounding: Rounding) -> None:
    result = new_price(Rule("price", "percent", percent, rounding), price)
    assert isinstance(result, Decimal)
    assert result == rounded(price * (100 + percent) / 100, rounding)


@given(old=st.integers(0, 10**9), more=st.integers(-(10**9), 10**9))
def test_stock_is_added_to_exactly_or_not_at_all(old: int, more: int) -> None:
    result = new_stock(Rule("stock", "add", Decimal(more)), old)
    assert result == (old + more if 0 <= old + more <= HIGHEST_STOCK else result)
    assert isinstance(result, RefusedValue) == (not 0 <= old + more <= HIGHEST_STOCK)
