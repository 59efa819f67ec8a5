"""What comes back: cancel, refund and return go through here, the one place where stock rises for a sale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sqlalchemy import func, insert, text
from sqlalchemy.orm import Session

from magflow.concurrency import batch, lock_items, lock_order, lock_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    FieldError,
    Invalid,
    NotFound,
    OrderNotEditable,
    OverRestock,
    StaleVersion,
    StatusMoveRefused,
)
from magflow.domain.orders import CANCELLED, CONFIRMED, OWN, PENDING, RETURNED, STATUS_MOVES, quantity_per_variant
from magflow.models import Order, OrderItem, Restock
from magflow.services import events, handling, ledger, refunds

Kind = Literal["cancel", "return"]
WriteOff = Literal["damaged", "lost"]


@dataclass(frozen=True)
class RestockLine:
    item_id: int
    quantity: int
    refund: Decimal | None = None
    """What is owed back for it; None: what these units cost."""


@dataclass(frozen=True)
class RestockOrder:
    """`lines` None means everything that was sold and has not come back."""

    order_id: int
    reason: str
    lines: Sequence[RestockLine] | None = None
    to_stock: bool = True
    """False: damaged or lost, written off; the units are recorded as back but do not reach the stock."""
    seen_version: int | None = None
    """What a form was made from: two people do not take the same parcel back twice."""
    kind: Kind = "return"
    write_off: WriteOff | None = None
    """What became of goods that do not reach the stock."""
    refund: bool = True
    """Whether the shop owes the customer what comes back."""


@dataclass(frozen=True)
class CancelOrder:
    order_id: int
    restock: bool = True
    reason: str = "cancelled"
    seen_version: int | None = None
    code: str | None = None
    """The marketplace's own code for the reason."""
    refund: bool = True


@dataclass(frozen=True)
class Restocked:
    """`returned`: units per line of this call; `lost_variants`: lines recorded whose variant no longer exists."""

    order: Order
    document_id: int | None
    returned: dict[int, int]
    lost_variants: tuple[int, ...] = ()
    refunded: Decimal = Decimal("0.00")
    """What is owed back by this call."""


@transactional
def restock(session: Session, command: RestockOrder, *, actor: Actor) -> Restocked:
    """Take units of a confirmed order back. Never more than was sold and is not back yet.

    When nothing of the order is left outside, a confirmed order becomes returned. A call that finds nothing to take
    back changes nothing. Raises NotFound, OrderNotEditable (it was never confirmed), OverRestock, Invalid.
    """
    order = lock_order(session, command.order_id)
    if order.confirmed_at is None:
        raise OrderNotEditable(order.id, order.status)
    _check_seen(order, command.seen_version)
    items = lock_items(session, order.id)
    back = _wanted_back(items, command.lines)
    amounts = _owed(session, items, back, command.lines) if command.refund and back else {}
    done = _take_back(session, order, items, back, command, amounts, actor)
    if order.status == CONFIRMED and all(item.restocked_quantity == item.quantity for item in items):
        order.status, order.returned_at = RETURNED, func.clock_timestamp()
    session.flush()
    session.refresh(order)
    return done


@transactional
def cancel(session: Session, command: CancelOrder, *, actor: Actor) -> Restocked:
    """Cancel an order; of a confirmed one everything that is still outside comes back, unless told otherwise.

    Cancelling again answers the same and changes nothing. Raises StatusMoveRefused for a returned order.
    """
    order = lock_order(session, command.order_id)
    if order.status == CANCELLED:
        return Restocked(order, None, {})
    if (order.status, CANCELLED) not in STATUS_MOVES:
        raise StatusMoveRefused(order.status, CANCELLED)
    _check_seen(order, command.seen_version)
    items = lock_items(session, order.id)
    done = Restocked(order, None, {})
    if order.status != PENDING:
        back = _wanted_back(items, None)
        amounts = _owed(session, items, back, None) if command.refund and back else {}
        if command.restock:
            how = RestockOrder(order.id, command.reason, kind="cancel")
            done = _take_back(session, order, items, back, how, amounts, actor)
        else:
            refunds.record(session, order, amounts, reason=command.reason, actor=actor)
    handling.put(session, order.id, cancel_code=command.code, cancel_reason=command.reason)
    order.status, order.cancelled_at = CANCELLED, func.clock_timestamp()
    order.version += 1
    session.flush()
    events.publish(session, "order.cancelled", order_id=order.id, number=order.number)
    session.refresh(order)
    return done


def _check_seen(order: Order, seen_version: int | None) -> None:
    if seen_version is not None and seen_version != order.version:
        raise StaleVersion(seen_version, order.version)


def _wanted_back(items: Sequence[OrderItem], lines: Sequence[RestockLine] | None) -> dict[int, int]:
    """Units per line id; everything outstanding when no lines are named."""
    outstanding = {item.id: item.quantity - item.restocked_quantity for item in items}
    if lines is None:
        return {item_id: quantity for item_id, quantity in outstanding.items() if quantity}
    wanted: dict[int, int] = {}
    for n, line in enumerate(lines):
        if line.item_id not in outstanding:
            raise NotFound("order item", line.item_id)
        if line.quantity < 1:
            raise Invalid([FieldError(f"lines[{n}].quantity", "below_one")])
        wanted[line.item_id] = wanted.get(line.item_id, 0) + line.quantity
    for item_id, quantity in wanted.items():
        if quantity > outstanding[item_id]:
            raise OverRestock(item_id, quantity, outstanding[item_id])
    return wanted


def _take_back(
    session: Session,
    order: Order,
    items: Sequence[OrderItem],
    back: Mapping[int, int],
    command: RestockOrder,
    amounts: refunds.Amounts,
    actor: Actor,
) -> Restocked:
    if not back:
        return Restocked(order, None, {})
    lines = [item for item in items if item.id in back]
    reaching = {
        item.id: item.variant_id
        for item in lines
        if command.to_stock and item.stock_source == OWN and item.variant_id is not None
    }
    lock_variants(session, reaching.values())
    document_id = session.execute(text("SELECT nextval('restock_documents')")).scalar_one()
    session.execute(
        insert(Restock),
        [
            {
                "document_id": document_id,
                "order_id": order.id,
                "order_item_id": item.id,
                "quantity": back[item.id],
                "disposition": "stock" if command.to_stock else "written_off",
                "reached_stock": item.id in reaching,
                "kind": command.kind,
                "write_off": None if command.to_stock else command.write_off,
                "reason": command.reason,
                "actor": actor.name,
            }
            for item in lines
        ],
    )
    for item in lines:
        item.restocked_quantity += back[item.id]
    order.version += 1
    units = quantity_per_variant((variant_id, back[item_id]) for item_id, variant_id in reaching.items())
    with batch(session) as statements:
        if units:
            ledger.put_back(statements, units, document_id=document_id)
        events.send(statements, "order.restocked", order_id=order.id, number=order.number, document_id=document_id)
    refunds.record(session, order, amounts, reason=command.reason, actor=actor, document_id=document_id)
    lost = tuple(item.id for item in lines if item.stock_source == OWN and item.variant_id is None)
    return Restocked(order, document_id, dict(back), lost, sum(amounts.values(), Decimal("0.00")))


def _owed(
    session: Session, items: Sequence[OrderItem], back: Mapping[int, int], lines: Sequence[RestockLine] | None
) -> dict[int, Decimal]:
    """What is owed for what comes back: what was said of a line, else what these units cost and is not owed already."""
    coming = [item for item in items if item.id in back]
    left = refunds.refundable(session, coming)
    amounts = {item.id: min((item.unit_price or Decimal(0)) * back[item.id], left[item.id]) for item in coming}
    said: dict[int, Decimal] = {}
    for line in lines or ():
        if line.refund is not None:
            said[line.item_id] = said.get(line.item_id, Decimal("0.00")) + line.refund
    refunds.check_amounts(said, left, [line.item_id for line in lines or ()])
    return {item_id: amount for item_id, amount in (amounts | said).items() if amount}
