"""What the shop owes back, line by line: recorded, never paid from here. Never more than a line cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_items, lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound, OrderNotEditable, StaleVersion
from magflow.models import Order, OrderItem, Refund
from magflow.services import events

Amounts = Mapping[int, Decimal]
"""Per line id."""


@dataclass(frozen=True)
class RefundLine:
    item_id: int
    amount: Decimal


@dataclass(frozen=True)
class RefundOrder:
    """Money back without goods: a discount afterwards, or something that never arrived."""

    order_id: int
    lines: Sequence[RefundLine]
    reason: str
    seen_version: int | None = None


@dataclass(frozen=True)
class Refunded:
    order: Order
    amounts: Amounts

    @property
    def total(self) -> Decimal:
        """What is owed by this call."""
        return sum(self.amounts.values(), Decimal("0.00"))


@transactional
def refund(session: Session, command: RefundOrder, *, actor: Actor) -> Refunded:
    """Record what is owed back for lines of a confirmed order.

    Raises NotFound, OrderNotEditable (it was never confirmed), StaleVersion, Invalid when it is nothing at all, or more
    than was paid.
    """
    order = lock_order(session, command.order_id)
    if order.confirmed_at is None:
        raise OrderNotEditable(order.id, order.status)
    if command.seen_version is not None and command.seen_version != order.version:
        raise StaleVersion(command.seen_version, order.version)
    items = {item.id: item for item in lock_items(session, order.id)}
    asked: dict[int, Decimal] = {}
    for line in command.lines:
        if line.item_id not in items:
            raise NotFound("order item", line.item_id)
        asked[line.item_id] = asked.get(line.item_id, Decimal("0.00")) + line.amount
    left = refundable(session, list(items.values()))
    check_amounts(asked, left, [line.item_id for line in command.lines], name="amount")
    if not any(asked.values()):
        raise Invalid([FieldError("lines", "nothing_owed")])
    record(session, order, asked, reason=command.reason, actor=actor)
    order.version += 1
    session.flush()
    session.refresh(order)
    return Refunded(order, asked)


def refundable(session: Session, items: Sequence[OrderItem]) -> dict[int, Decimal]:
    """Per line what it cost, less what is owed back already. The caller holds the order's lock."""
    owed = dict(
        session.execute(
            select(Refund.order_item_id, func.sum(Refund.amount))
            .where(Refund.order_item_id.in_([item.id for item in items]))
            .group_by(Refund.order_item_id)
        ).all()
    )
    nothing = Decimal("0.00")
    return {item.id: (item.line_total_gross or nothing) - owed.get(item.id, nothing) for item in items}


def check_amounts(asked: Amounts, left: Amounts, lines: Sequence[int], *, name: str = "refund") -> None:
    """Refuse what is below zero, or more than is left; `lines` are the lines as they were named, for the errors."""
    errors = []
    for n, item_id in enumerate(lines):
        if item_id not in asked:
            continue
        if asked[item_id] < 0:
            errors.append(FieldError(f"lines[{n}].{name}", "below_zero"))
        elif asked[item_id] > left[item_id]:
            errors.append(FieldError(f"lines[{n}].{name}", "more_than_paid", {"limit": left[item_id]}))
    if errors:
        raise Invalid(errors)


def record(
    session: Session, order: Order, amounts: Amounts, *, reason: str, actor: Actor, document_id: int | None = None
) -> None:
    """Add the records and the news of them; nothing where nothing is owed."""
    owed = {item_id: amount for item_id, amount in amounts.items() if amount}
    if not owed:
        return
    session.execute(
        insert(Refund),
        [
            {
                "document_id": document_id,
                "order_id": order.id,
                "order_item_id": item_id,
                "amount": amount,
                "currency": order.currency,
                "reason": reason,
                "actor": actor.name,
            }
            for item_id, amount in owed.items()
        ],
    )
    total = sum(owed.values(), Decimal("0.00"))
    events.publish(session, "order.refunded", order_id=order.id, number=order.number, amount=str(total))
