"""Finalize many orders at once, each for itself: one order's shortage never stops the others.

All of them are locked in the program's order; a second packet confirms them one after the other, and
each sees what those before it took. What cannot be confirmed stays as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import batch, execute, transactional
from magflow.concurrency.many_orders import lock_for_sales
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, InsufficientStock, Invalid, NotFound, Refused, VariantUnavailable
from magflow.services import checkout, ledger
from magflow.services.checkout import Finalized, FinalizeOrder, Head, Line

MOST_ORDERS: Final = 500


@dataclass(frozen=True)
class FinalizeOrders:
    order_ids: Sequence[int]


@dataclass(frozen=True)
class Outcome:
    """What became of one order: it is confirmed, or it was refused."""

    order_id: int
    done: Finalized | None = None
    refused: Refused | None = None


# Sold already where they come from: they wait for somebody, with the reason why, and are not lost (domain, section 3).
MARK_BLOCKED: Final = """
UPDATE orders o SET blocked_reason = w.reason, updated_at = clock_timestamp()
FROM unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS w (id, reason)
WHERE o.id = w.id AND o.status = 'pending' AND o.source <> 'magflow' AND o.blocked_reason IS DISTINCT FROM w.reason"""


@transactional
def finalize_many(session: Session, command: FinalizeOrders, *, actor: Actor) -> list[Outcome]:
    """Confirm what can be confirmed, in the order that was asked; the outcome of each, in the same order.

    Four packets whatever the number of orders. Raises Invalid when there are too many.
    """
    wanted = list(dict.fromkeys(command.order_ids))
    if len(wanted) > MOST_ORDERS:
        raise Invalid([FieldError("order_ids", "too_many", {"limit": MOST_ORDERS})])
    if not wanted:
        return []
    orders = lock_for_sales(session, wanted)
    with batch(session) as statements:
        sold = [statements.send(checkout.SELL, {"order": id_, "seen": None}) for id_ in wanted]
        ledger.forget(statements)
    found = {row[0]: row for row in orders}
    outcomes = [_outcome(id_, found.get(id_), rows.fetchall()) for id_, rows in zip(wanted, sold, strict=True)]
    mark_blocked(session, outcomes)
    return outcomes


def _outcome(order_id: int, order: tuple[object, ...] | None, rows: Sequence[tuple[object, ...]]) -> Outcome:
    lines = tuple(Line(*row[: len(Line._fields)]) for row in rows)  # type: ignore[arg-type]
    head = rows[0][len(Line._fields) + 1 :] if rows else (None,)
    if head[0] is not None:
        return Outcome(order_id, Finalized(Head(*head), lines))  # type: ignore[arg-type]
    if order is None:
        return Outcome(order_id, refused=NotFound("order", order_id))
    try:
        checkout.refuse(FinalizeOrder(order_id), order, lines)
    except Refused as refused:
        return Outcome(order_id, refused=refused)


def mark_blocked(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Flag the marketplaces' orders that cannot be covered. The caller holds the locks of the orders."""
    reasons = {
        outcome.order_id: outcome.refused.code
        for outcome in outcomes
        if isinstance(outcome.refused, InsufficientStock | VariantUnavailable)
    }
    if reasons:
        execute(session, MARK_BLOCKED, {"ids": list(reasons), "reasons": list(reasons.values())})
