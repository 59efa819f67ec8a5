"""Returns of marketplaces: kept as they are told, and once their goods are there taken back, once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, lock_order, transactional
from magflow.domain.actors import Actor
from magflow.marketplaces.protocol import OrderLineReading, ReturnReading
from magflow.models import MarketplaceAccount, MarketplaceOrder, MarketplaceReturn, OrderItem
from magflow.services import accounts, restock
from magflow.services.market_orders import variants_meant

Came = Literal["kept", "booked", "waits"]


@dataclass(frozen=True)
class ToldReturn:
    account_id: int
    back: ReturnReading


@transactional
def take_return(session: Session, command: ToldReturn, *, actor: Actor) -> Came:
    """Keep a return, and once its goods are there take them back; once, however often it is told."""
    account = accounts.get(session, command.account_id)
    back = command.back
    lock_names(session, [("external_id", account.source, account.code, f"order:{back.order_external_id}")])
    row = session.scalar(
        select(MarketplaceReturn).where(
            MarketplaceReturn.account_id == account.id, MarketplaceReturn.external_id == back.external_id
        )
    )
    if row is None:
        row = MarketplaceReturn(
            account_id=account.id, external_id=back.external_id, order_external_id=back.order_external_id,
            status=back.status, payload={},
        )  # fmt: skip
        session.add(row)
    if row.status != back.status:
        row.changed_at = func.clock_timestamp()
    row.status = back.status
    session.flush()
    if not back.received or row.document_id is not None:
        return "kept"
    order = session.scalar(
        select(MarketplaceOrder).where(
            MarketplaceOrder.account_id == account.id, MarketplaceOrder.external_id == back.order_external_id
        )
    )
    if order is None or order.order_id is None:
        row.problem = {"code": "unknown_order"}
        session.flush()
        return "waits"
    return _book_return(session, account, row, order.order_id, back, actor)


def _book_return(
    session: Session,
    account: MarketplaceAccount,
    row: MarketplaceReturn,
    order_id: int,
    back: ReturnReading,
    actor: Actor,
) -> Came:
    held = lock_order(session, order_id)
    row.order_id = order_id
    if held.confirmed_at is None:
        row.problem = {"code": "not_confirmed"}
        session.flush()
        return "waits"
    asked = [
        OrderLineReading("", line.offer_id, None, "", line.quantity, Decimal(0), Decimal(0)) for line in back.lines
    ]
    left = dict[int, int]()
    for line, variant_id in zip(asked, variants_meant(session, account, asked), strict=True):
        if variant_id is not None:
            left[variant_id] = left.get(variant_id, 0) + line.quantity
    lines = []
    for item in session.scalars(select(OrderItem).where(OrderItem.order_id == order_id).order_by(OrderItem.id)):
        outstanding = item.quantity - item.restocked_quantity
        if item.variant_id in left and (units := min(outstanding, left[item.variant_id])) > 0:
            left[item.variant_id] -= units
            lines.append(restock.RestockLine(item.id, units))
    if not lines:
        # A storno or a status told us before: the goods are booked already.
        row.document_id, row.problem = 0, None
        session.flush()
        return "kept"
    done = restock.restock.within(
        session, restock.RestockOrder(order_id, "returned_at_marketplace", lines), actor=actor
    )
    row.document_id, row.problem = done.document_id, None
    session.flush()
    return "booked"
