"""Splitting an order that cannot be covered: what is there goes now, the rest waits in an order of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.orm import Session

from magflow.concurrency import lock_items, lock_order, lock_variants, refer_to_products_of, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.domain.orders import OWN, check_editable
from magflow.models import Order, OrderItem, Variant, VariantStatus
from magflow.services import handling

# What both parts have. The external id stays with the first: it names one order there.
COPIED = (
    "source", "source_account", "customer_name", "customer_email", "customer_phone", "billing_address",
    "shipping_address", "currency", "note", "placed_at", "blocked_reason",
)  # fmt: skip
LINE_COPIED = (
    "product_id", "variant_id", "price_source", "stock_source", "external_id", "product_name", "variant_sku",
    "unit_price", "vat_rate_snapshot", "currency", "image_id",
)  # fmt: skip


@dataclass(frozen=True)
class SplitOrder:
    order_id: int
    seen_version: int | None = None


@dataclass(frozen=True)
class Split:
    """`order` can be covered now; `rest` holds what is missing, pending and reserved."""

    order: Order
    rest: Order


@transactional
def split(session: Session, command: SplitOrder, *, actor: Actor) -> Split:
    """Move what our stock cannot cover into a new pending order. Prices stay as they are.

    Raises NotFound, OrderNotEditable, StaleVersion; Invalid when everything is there, or nothing is.
    """
    refer_to_products_of(session, orders=[command.order_id])
    order = lock_order(session, command.order_id)
    check_editable(order.id, order.status)
    if command.seen_version is not None and command.seen_version != order.version:
        raise StaleVersion(command.seen_version, order.version)
    items = lock_items(session, order.id)
    wanted = {item.variant_id for item in items if item.stock_source == OWN and item.variant_id is not None}
    missing = _missing(items, lock_variants(session, wanted))
    if not missing:
        raise Invalid([FieldError("order", "nothing_missing")])
    if all(missing.get(item.id) == item.quantity for item in items):
        raise Invalid([FieldError("order", "nothing_there")])
    rest = Order(**{name: getattr(order, name) for name in COPIED})
    session.add(rest)
    session.flush()
    for item in items:
        if lacking := missing.get(item.id, 0):
            session.add(
                OrderItem(order_id=rest.id, quantity=lacking, **{name: getattr(item, name) for name in LINE_COPIED})
            )
            if lacking == item.quantity:
                session.delete(item)
            else:
                item.quantity -= lacking
    handling.put(session, rest.id, split_from_id=order.id)
    order.version += 1
    order.blocked_reason = None
    order.updated_at = func.clock_timestamp()
    session.flush()
    session.refresh(rest)
    return Split(order, rest)


def _missing(items: Sequence[OrderItem], variants: dict[int, Variant]) -> dict[int, int]:
    """Units per line that the stock does not cover, the first lines first."""
    left = {id_: v.stock if v.status == VariantStatus.ACTIVE else 0 for id_, v in variants.items()}
    missing = {}
    for item in items:
        if item.stock_source != OWN:
            continue
        there = left.get(item.variant_id or 0, 0)
        if (lacking := max(0, item.quantity - there)) > 0:
            missing[item.id] = lacking
        if item.variant_id is not None:
            left[item.variant_id] = max(0, there - item.quantity)
    return missing
