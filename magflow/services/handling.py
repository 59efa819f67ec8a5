"""How an order is handled: what is sent and billed, why it was cancelled, whether missing goods are being got.

It surrounds the document and may change after it was confirmed, when the document may not. Whoever writes it holds the
order's row lock.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from magflow.concurrency import lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.domain.orders import PENDING
from magflow.models import Order, OrderHandling


@dataclass(frozen=True)
class HandleOrder:
    """What is sent and billed. None clears a field."""

    order_id: int
    waybill: str | None = None
    invoice_number: str | None = None


@dataclass(frozen=True)
class BuyIn:
    """The missing goods are being got, or no longer: the order stays pending, and its units reserved."""

    order_id: int
    wanted: bool = True
    seen_version: int | None = None


@transactional
def handle(session: Session, command: HandleOrder, *, actor: Actor) -> Order:
    """Write down what is sent and billed. Raises NotFound."""
    order = lock_order(session, command.order_id)
    put(session, order.id, waybill=command.waybill, invoice_number=command.invoice_number)
    return order


@transactional
def buy_in(session: Session, command: BuyIn, *, actor: Actor) -> Order:
    """Say that the missing goods are on their way. Raises NotFound, StaleVersion, Invalid when nothing is missing."""
    order = lock_order(session, command.order_id)
    if command.seen_version is not None and command.seen_version != order.version:
        raise StaleVersion(command.seen_version, order.version)
    if command.wanted and (order.status != PENDING or order.blocked_reason is None):
        raise Invalid([FieldError("order", "nothing_missing")])
    put(session, order.id, buying_in_since=func.clock_timestamp() if command.wanted else None)
    return order


def put(session: Session, order_id: int, **values: Any) -> None:
    """Write some of an order's fields; the row is made when it is not there. The caller holds the order's lock."""
    now = func.clock_timestamp()
    statement = insert(OrderHandling).values(order_id=order_id, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[OrderHandling.order_id], set_={**values, "updated_at": now}
    )
    session.execute(statement)
