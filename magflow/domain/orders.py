"""An order's life and its lines, as values."""

from collections.abc import Iterable

from magflow.domain.errors import AlreadyFinalized, EmptyOrder, OrderNotEditable

PENDING, CONFIRMED, CANCELLED, RETURNED = "pending", "confirmed", "cancelled", "returned"

STATUS_MOVES = frozenset({(PENDING, CONFIRMED), (PENDING, CANCELLED), (CONFIRMED, CANCELLED), (CONFIRMED, RETURNED)})
"""The allowed moves; the database's trigger holds the same table."""

OWN, MARKETPLACE, HISTORIC = "own", "marketplace", "historic"
"""Where a line's units come from: our stock, the marketplace's warehouse, or long ago (no movement)."""


def check_editable(order_id: int, status: str) -> None:
    """Lines change only on a pending order."""
    if status != PENDING:
        raise OrderNotEditable(order_id, status)


def check_finalizable(order_id: int, status: str, lines: int) -> None:
    if status != PENDING:
        raise AlreadyFinalized(order_id, status)
    if not lines:
        raise EmptyOrder(f"order {order_id} has no lines")


def quantity_per_variant(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    """(variant, quantity) of every line, summed: two lines of one variant must not each pass on their own."""
    wanted: dict[int, int] = {}
    for variant_id, quantity in lines:
        wanted[variant_id] = wanted.get(variant_id, 0) + quantity
    return wanted
