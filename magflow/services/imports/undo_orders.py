"""The way back of a file of orders: what it brought is cancelled, order by order, unless somebody has worked on it.

An order is never taken away, for a confirmed one never changes; cancelled, it counts nowhere and changes no stock.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.domain.orders import CANCELLED, CONFIRMED, PENDING, RETURNED
from magflow.models import OrderHandling
from magflow.services import restock
from magflow.services.restock import CancelOrder

READ_TOGETHER: Final = 200

# Orders in the sequence of their rows; an order's rows stand together.
NEXT: Final = """
SELECT DISTINCT (changes ->> 'order_id')::bigint, changes -> 'status' ->> 1 FROM (
    SELECT changes FROM import_rows
    WHERE import_id = %(import)s AND outcome = 'created' AND undo IS NULL AND changes ? 'order_id'
    ORDER BY number LIMIT %(most)s) r
ORDER BY 1"""
NOTE: Final = """
UPDATE import_rows r SET undo = t.undo
FROM unnest(%(orders)s::bigint[], %(undo)s::text[]) AS t (order_id, undo)
WHERE r.import_id = %(import)s AND r.outcome = 'created' AND r.undo IS NULL
  AND (r.changes ->> 'order_id')::bigint = t.order_id"""

LEFT_AT: Final = {PENDING: 1, CONFIRMED: 2, CANCELLED: 2, RETURNED: 3}
"""At which version an import leaves an order: its lines come with it, and each status is one step."""


def step(import_id: int, *, actor: Actor) -> bool:
    """Take some orders back, each in a transaction of its own; False when none is left.

    Cut off between two of them, it finds by their reason those that it cancelled already.
    """
    found = _next(import_id, actor=actor)
    if found:
        undone = {order_id: _cancel(order_id, status, f"import {import_id} undone", actor=actor)
                  for order_id, status in found}  # fmt: skip
        _note(import_id, undone, actor=actor)
    return bool(found)


@transactional
def _next(session: Session, import_id: int, *, actor: Actor) -> Sequence[tuple[Any, ...]]:
    return execute(session, NEXT, {"import": import_id, "most": READ_TOGETHER}).fetchall()


@transactional
def _note(session: Session, import_id: int, undone: Mapping[int, str], *, actor: Actor) -> None:
    execute(session, NOTE, {"import": import_id, "orders": list(undone), "undo": list(undone.values())})


@transactional
def _cancel(session: Session, order_id: int, status: str, reason: str, *, actor: Actor) -> str:
    """`undone`, or why the order stays as it is."""
    try:
        order = lock_order(session, order_id)
    except NotFound:
        return "order_gone"
    handled = session.get(OrderHandling, order_id)
    if order.status == CANCELLED and handled is not None and handled.cancel_reason == reason:
        return "undone"
    if order.version != LEFT_AT[status] or handled is not None:
        return "order_touched"
    if status in {CANCELLED, RETURNED}:
        return "order_over"
    # Nothing of it was taken from our stock, and nobody is owed what was never paid here.
    restock.cancel.within(session, CancelOrder(order_id, restock=False, refund=False, reason=reason), actor=actor)
    return "undone"
