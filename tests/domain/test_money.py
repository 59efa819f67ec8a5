"""Money: exact, two places, rounded per line, half up."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain.money import line_amounts, to_cents

prices = st.decimals(min_value=0, max_value=10**8, places=2)
rates = st.sampled_from([Decimal(r) for r in ("0", "5", "9", "11", "19", "21", "24.5")])


@pytest.mark.parametrize(
    ("quantity", "price", "rate", "gross", "tax"),
    [
        (3, "12.34", "21", "37.02", "6.42"),
        (1, "0.01", "19", "0.01", "0.00"),
        (2, "49.90", "19", "99.80", "15.93"),
        (7, "0.00", "21", "0.00", "0.00"),
        (1, "100.00", "0", "100.00", "0.00"),
    ],
)
def test_a_line_costs_what_the_receipt_says(quantity: int, price: str, rate: str, gross: str, tax: str) -> None:
    amounts = line_amounts(quantity, Decimal(price), Decimal(rate))
    assert (amounts.gross, amounts.tax) == (Decimal(gross), Decimal(tax))


def test_half_a_cent_goes_up() -> None:
    assert to_cents(Decimal("0.005")) == Decimal("0.01")
    assert to_cents(Decimal("2.675")) == Decimal("2.68")


@given(quantity=st.integers(1, 10_000), price=prices, rate=rates)
def test_tax_is_within_half_a_cent_of_the_exact_figure(quantity: int, price: Decimal, rate: Decimal) -> None:
    amounts = line_amounts(quantity, price, rate)
    gross = Fraction(price) * quantity
    exact = gross - gross / (1 + Fraction(rate) / 100)
    assert Fraction(amounts.gross) == gross
    assert abs(Fraction(amounts.tax) - exact) <= Fraction(1, 200) + Fraction(1, 10**12)
    assert amounts.tax.as_tuple().exponent == -2


def test_the_total_is_the_sum_of_the_lines_to_the_cent_in_100_000_orders() -> None:
    """Against whole cents and fractions: no order's total, and no VAT of a line, is off by anything."""
    rnd = random.Random(20261120)
    known = [Decimal(rate) for rate in ("0", "5", "9", "11", "19", "21")]
    for _ in range(100_000):
        gross, cents = Decimal("0.00"), 0
        for _line in range(rnd.randint(1, 4)):
            quantity, price, rate = rnd.randint(1, 99), rnd.randint(0, 99_999), rnd.choice(known)
            amounts = line_amounts(quantity, Decimal(price).scaleb(-2), rate)
            gross += amounts.gross
            cents += quantity * price
            # gross - gross / (1 + rate), half up, in whole numbers.
            part, whole = quantity * price * int(rate), 100 + int(rate)
            assert amounts.tax.scaleb(2) == (2 * part + whole) // (2 * whole), (quantity, price, rate)
        assert gross.scaleb(2) == cents
