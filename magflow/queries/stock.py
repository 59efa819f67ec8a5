"""Why is the stock this number: movements with cause and actor."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.models import Order, Restock, StockMovement
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class MovementRow:
    """A movement with the document that caused it, where there is one to link to."""

    movement: StockMovement
    order_id: int | None
    order_number: str | None


def movements_of(session: Session, variant_id: int, *, after: int | None = None, limit: int = 50) -> Page[MovementRow]:
    """A variant's movements, newest first; `after` is a sequence number."""
    statement = select(StockMovement).where(StockMovement.variant_id == variant_id)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(StockMovement.seq < after)
    rows = list(session.scalars(statement.order_by(StockMovement.seq.desc()).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    return Page(_with_orders(session, rows), total, estimate, rows[-1].seq if more else None)


def recent_movements(
    session: Session, *, sku: str | None = None, reason: str | None = None, limit: int = 50
) -> Sequence[MovementRow]:
    """The shop's latest movements."""
    statement = select(StockMovement)
    if sku:
        statement = statement.where(StockMovement.sku == sku)
    if reason:
        statement = statement.where(StockMovement.reason == reason)
    ordered = statement.order_by(StockMovement.at.desc(), StockMovement.variant_id, StockMovement.seq.desc())
    return _with_orders(session, list(session.scalars(ordered.limit(limit))))


def _with_orders(session: Session, rows: Sequence[StockMovement]) -> list[MovementRow]:
    """Orders by sale and by restock document, in two statements at most."""
    sales = {m.source_id for m in rows if m.source_type == "order" and m.source_id is not None}
    documents = {m.source_id for m in rows if m.source_type == "restock" and m.source_id is not None}
    found: dict[tuple[str, int], tuple[int, str]] = {}
    if sales:
        for id_, number in session.execute(select(Order.id, Order.number).where(Order.id.in_(sales))):
            found["order", id_] = (id_, number)
    if documents:
        for document, id_, number in session.execute(
            select(Restock.document_id, Order.id, Order.number)
            .join(Order, Order.id == Restock.order_id)
            .where(Restock.document_id.in_(documents))
        ):
            found["restock", document] = (id_, number)
    return [MovementRow(m, *found.get((m.source_type or "", m.source_id or 0), (None, None))) for m in rows]
