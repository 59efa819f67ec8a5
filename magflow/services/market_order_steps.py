"""One step of a marketplace's order: taken once, acknowledged there, confirmed here, cancelled or brought back.

What cannot go on says why, and waits.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, lock_order, refer_to_products_of, savepoint, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import InsufficientStock, NotFound, VariantUnavailable
from magflow.domain.marketplaces import CANCELLED, FINALIZED, MARKETPLACE, NEW, RETURNED
from magflow.domain.orders import CONFIRMED, OWN, PENDING
from magflow.marketplaces.protocol import OrderReading
from magflow.models import MarketplaceAccount, MarketplaceOrder, Order, OrderItem
from magflow.services import accounts, checkout, orders, publishing, restock
from magflow.services.market_orders import reading_of, variants_meant

MARKETPLACE_SHIPS: Final = 2
RECORD_ONLY: Final = "marketplace"


@dataclass(frozen=True)
class Step:
    """What became of one order: `acknowledge`: the marketplace has to be told that we take it."""

    state: str
    order_id: int | None = None
    acknowledge: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class Overtaken:
    """An order as it was told after something newer had been told of it."""

    account_id: int
    reading: OrderReading


@transactional
def step(session: Session, marketplace_order_id: int, *, actor: Actor) -> Step:
    """Bring one order as far as it goes now. Two calls for one order come one after the other."""
    found = session.get(MarketplaceOrder, marketplace_order_id)
    if found is None:
        raise NotFound("marketplace order", marketplace_order_id)
    account = accounts.get(session, found.account_id)
    lock_names(session, [("external_id", account.source, account.code, f"order:{found.external_id}")])
    session.refresh(found)
    if found.state == "failed":
        return Step("failed")
    reading = reading_of(found.payload)
    done = _step(session, account, found, reading, actor)
    found.state, found.problem = done.state, {"code": done.problem} if done.problem else None
    if done.order_id is not None:
        found.order_id = done.order_id
    session.flush()
    _reserve_anew(session, found.order_id)
    return done


@transactional
def overtaken(session: Session, command: Overtaken, *, actor: Actor) -> int | None:
    """Write down an order whose cancellation came before itself: found, cancelled, and nothing of it ever sold. Its
    id, or None where the older telling adds nothing."""
    account, reading = accounts.get(session, command.account_id), command.reading
    lock_names(session, [("external_id", account.source, account.code, f"order:{reading.external_id}")])
    found = session.scalar(
        select(MarketplaceOrder).where(
            MarketplaceOrder.account_id == account.id, MarketplaceOrder.external_id == reading.external_id
        )
    )
    if found is None or found.state != "ignored" or _taken_before(session, account, reading) is not None:
        return None
    if reading.status == CANCELLED or not reading.complete or not any(line.active for line in reading.lines):
        return None
    order_id = _take(session, account, reading, actor).id
    restock.cancel.within(session, restock.CancelOrder(order_id, reason="cancelled_at_marketplace"), actor=actor)
    found.order_id, found.state, found.problem = order_id, "done", None
    session.flush()
    return order_id


def _step(
    session: Session, account: MarketplaceAccount, found: MarketplaceOrder, reading: OrderReading, actor: Actor
) -> Step:
    order_id = found.order_id or _taken_before(session, account, reading)
    if order_id is None:
        if reading.status == CANCELLED:
            return Step("ignored")
        if not reading.complete or not any(line.active for line in reading.lines):
            return Step("open", problem="incomplete")
        order_id = _take(session, account, reading, actor).id
    # Lines may yet name variants that were not known when they came: their products come before the order.
    refer_to_products_of(session, variants=[id_ for id_ in variants_meant(session, account, reading.lines) if id_])
    order = lock_order(session, order_id)
    if reading.status == CANCELLED:
        restock.cancel.within(session, restock.CancelOrder(order_id, reason="cancelled_at_marketplace"), actor=actor)
        return Step("done", order_id)
    if order.status == PENDING:
        _bring_up_to_date(session, order, reading, account, actor)
    if reading.kind != MARKETPLACE_SHIPS and reading.status == NEW and found.acknowledged_at is None:
        # What the marketplace's people may still change is not confirmed yet.
        return Step("open", order_id, acknowledge=True)
    if order.status == PENDING:
        blocked = _confirm(session, account, order, actor)
        if blocked:
            return Step("blocked", order_id, problem=blocked)
    if order.confirmed_at is not None:
        _bring_back(session, order, reading, actor)
    return Step("done", order_id)


def _taken_before(session: Session, account: MarketplaceAccount, reading: OrderReading) -> int | None:
    return session.scalar(
        select(Order.id).where(
            Order.source == account.source,
            Order.source_account == account.code,
            Order.external_id == reading.external_id,
        )
    )


def _take(session: Session, account: MarketplaceAccount, reading: OrderReading, actor: Actor) -> Order:
    command = orders.NewOrder(
        items=_items(session, account, reading),
        source=account.source,
        source_account=account.code,
        external_id=reading.external_id,
        customer_name=reading.customer_name,
        customer_email=reading.customer_email,
        customer_phone=reading.customer_phone,
        billing_address=reading.billing_address,
        shipping_address=reading.shipping_address,
        currency=reading.currency,
        note=f"Voucher {reading.vouchers_gross} {reading.currency}" if reading.vouchers_gross else None,
        placed_at=reading.placed_at,
    )
    return orders.create.within(session, command, actor=actor)


def _ships_itself(account: MarketplaceAccount, reading: OrderReading) -> bool:
    return reading.kind == MARKETPLACE_SHIPS or account.fulfilment == MARKETPLACE


def _items(session: Session, account: MarketplaceAccount, reading: OrderReading) -> list[orders.NewItem]:
    variants = variants_meant(session, account, reading.lines)
    source = RECORD_ONLY if _ships_itself(account, reading) else OWN
    items = [
        orders.NewItem(
            quantity=line.quantity,
            variant_id=variant_id,
            sku=(line.sku or line.offer_id or "?") if variant_id is None else None,
            unit_price=line.unit_price,
            vat_rate=line.vat_rate,
            external_id=line.external_id,
            stock_source=source,
            product_name=line.name or line.sku or "?",
            nameless=variant_id is None,
        )
        for line, variant_id in zip(reading.lines, variants, strict=True)
        if line.active
    ]
    if reading.shipping_gross > 0:
        rate = max((line.vat_rate or Decimal(0) for line in reading.lines), default=Decimal(0))
        items.append(
            orders.NewItem(1, unit_price=reading.shipping_gross, vat_rate=rate, external_id="shipping",
                           sku="SHIPPING", stock_source=RECORD_ONLY, product_name="Shipping", nameless=True)
        )  # fmt: skip
    return items


def _bring_up_to_date(
    session: Session, order: Order, reading: OrderReading, account: MarketplaceAccount, actor: Actor
) -> None:
    """Until it is confirmed, the order follows what the marketplace says: quantities, lines that went, variants that
    are known by now."""
    lines = {line.external_id: line for line in reading.lines if line.active}
    items = session.scalars(select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.id)).all()
    merged = len(items) < len(lines)
    variants = dict(
        zip((line.external_id for line in reading.lines), variants_meant(session, account, reading.lines), strict=True)
    )
    for item in items:
        line = lines.get(item.external_id or "")
        if line is None:
            if item.external_id not in {None, "shipping"} and not merged:
                orders.change_quantity.within(session, orders.ChangeQuantity(order.id, item.id, 0), actor=actor)
            continue
        if item.variant_id is None and (known := variants.get(line.external_id)) is not None:
            command = orders.ChangeItemVariant(order.id, item.id, variant_id=known)
            orders.change_item_variant.within(session, command, actor=actor)
        if item.quantity != line.quantity and not merged:
            quantity = orders.ChangeQuantity(order.id, item.id, line.quantity)
            orders.change_quantity.within(session, quantity, actor=actor)


def _confirm(session: Session, account: MarketplaceAccount, order: Order, actor: Actor) -> str | None:
    """Confirm it, or say by a code why that is not possible; the order then stays pending, flagged and reserved."""
    if not account.confirming:
        return None
    try:
        with savepoint(session):
            checkout.finalize.within(session, checkout.FinalizeOrder(order.id), actor=actor)
    except (InsufficientStock, VariantUnavailable) as refused:
        session.refresh(order)
        order.blocked_reason = refused.code
        session.flush()
        return refused.code
    session.refresh(order)
    return None


def _bring_back(session: Session, order: Order, reading: OrderReading, actor: Actor) -> None:
    """A storno or a full return: what the marketplace no longer counts as sold comes back, once."""
    if order.status != CONFIRMED or reading.status not in {FINALIZED, RETURNED}:
        return
    items = list(session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)))
    if reading.status == RETURNED:
        left: dict[str, int] = {}
    else:
        left = {line.external_id: line.quantity if line.active else 0 for line in reading.lines}
    back = []
    for item in items:
        if item.external_id == "shipping" or (reading.status != RETURNED and item.external_id not in left):
            continue
        gone = item.quantity - item.restocked_quantity - left.get(item.external_id or "", 0)
        if gone > 0:
            back.append(restock.RestockLine(item.id, gone))
    if back:
        command = restock.RestockOrder(order.id, "returned_at_marketplace", back)
        restock.restock.within(session, command, actor=actor)


def _reserve_anew(session: Session, order_id: int | None) -> None:
    if order_id is not None:
        ids = session.scalars(select(OrderItem.variant_id).where(OrderItem.order_id == order_id))
        publishing.enqueue(session, [variant_id for variant_id in ids if variant_id is not None])
