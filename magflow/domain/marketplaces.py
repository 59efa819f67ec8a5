"""The rules of selling through marketplaces, as plain functions: what is offered, what is visible, what a price is."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

SELLER: Final = "seller"
MARKETPLACE: Final = "marketplace"
FULFILMENTS: Final = (SELLER, MARKETPLACE)

OWN_POOL: Final = "own"

ONLY_CALL_US: Final = ("generic", "shopify", "woocommerce")
"""Sources that need no offers of ours to send us orders and stock."""
LARGEST_STOCK: Final = 65_535
"""What a marketplace takes as an offer's stock."""

NEW, IN_PROGRESS, PREPARED, FINALIZED, RETURNED, CANCELLED = 1, 2, 3, 4, 5, 0
"""Statuses of a marketplace's order; adapters translate theirs into these."""
STATUS_NAMES: Final = {
    NEW: "new",
    IN_PROGRESS: "in_progress",
    PREPARED: "prepared",
    FINALIZED: "finalized",
    RETURNED: "returned",
    CANCELLED: "cancelled",
}
RETURN_NEW, RETURN_APPROVED, RETURN_REFUSED, RETURN_CANCELLED, RETURN_RECEIVED, RETURN_CLOSED = 2, 3, 4, 5, 6, 7
RETURN_MOVES: Final = frozenset({(2, 3), (2, 5), (3, 5), (3, 6), (6, 4), (6, 7)})
"""From status to status of a customer's return."""
ACTIVE_OFFER, INACTIVE_OFFER, ENDED_OFFER = 1, 0, 2

SELLABLE_DOCUMENTATION: Final = frozenset({3, 9, 11, 12})
SELLABLE_TRANSLATION: Final = frozenset({3, 9, 11, 12, 17})
SAVED_PLACES: Final = Decimal("0.0001")
CENT: Final = Decimal("0.01")


def offered(stock: int, reserved: int, buffer: int) -> int:
    """What an account may show: never below nothing, never more than a marketplace takes."""
    return min(LARGEST_STOCK, max(0, stock - reserved - buffer))


def gross(net: Decimal, vat_rate: Decimal) -> Decimal:
    """A marketplace's net price with VAT, in cents, half up. `vat_rate` is a fraction: 0.21."""
    return (net * (1 + vat_rate)).quantize(CENT, rounding=ROUND_HALF_UP)


def net(gross_price: Decimal, vat_rate: Decimal) -> Decimal:
    """A price with VAT as marketplaces take it: without, four places. `gross(net(p))` is p again."""
    return (gross_price / (1 + vat_rate)).quantize(SAVED_PLACES, rounding=ROUND_HALF_UP)


def vat_fraction(rate: Decimal) -> Decimal:
    """A VAT rate that came as a fraction or as per cent, as a fraction."""
    return rate / 100 if rate > 1 else rate


@dataclass(frozen=True)
class Condition:
    """One of the things that must hold for an offer to be for sale; `value` is what stands there."""

    code: Literal["stock", "status", "price", "documentation", "translation"]
    passed: bool | None
    """None: not known."""
    value: int | None


def sellable(
    *, stock: int, status: int, offer_validation: int | None, documentation: int | None, translation: int | None
) -> list[Condition]:
    """Each condition of a visible offer, passed or failed; not visible when one failed."""
    return [
        Condition("stock", stock > 0, stock),
        Condition("status", status == ACTIVE_OFFER, status),
        Condition("price", None if offer_validation is None else offer_validation == 1, offer_validation),
        Condition(
            "documentation",
            None if documentation is None else documentation in SELLABLE_DOCUMENTATION,
            documentation,
        ),
        Condition("translation", translation is None or translation in SELLABLE_TRANSLATION, translation),
    ]


def price_faults(price: Decimal, least: Decimal | None, most: Decimal | None) -> list[str]:
    """What is wrong with a net price and its bounds: a bound of nothing must never be sent."""
    faults = []
    if price <= 0 or price != price.quantize(SAVED_PLACES):
        faults.append("price")
    if (least is not None and least <= 0) or (most is not None and most <= 0):
        faults.append("bounds")
    if least is not None and most is not None and most <= least:
        faults.append("bounds")
    if (least is not None and price < least) or (most is not None and price > most):
        faults.append("outside")
    return faults


def part_number(sku: str) -> str:
    """A SKU as the marketplace keeps it: without spaces, commas and semicolons, 25 characters."""
    return "".join(c for c in sku if c not in " ,;")[:25]
