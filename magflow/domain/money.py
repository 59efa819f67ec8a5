"""Money is Decimal with two places, VAT included; rounding is per line, half up (domain, Money)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to two places."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class LineAmounts:
    """What a line costs: `gross` with VAT, `tax` the VAT in it."""

    gross: Decimal
    tax: Decimal


def line_amounts(quantity: int, unit_price: Decimal, vat_rate: Decimal) -> LineAmounts:
    """Gross is quantity x unit price; tax = gross - gross / (1 + rate/100), half up. `vat_rate` is per cent."""
    gross = to_cents(unit_price * quantity)
    return LineAmounts(gross, to_cents(gross - gross / (1 + vat_rate / 100)))
