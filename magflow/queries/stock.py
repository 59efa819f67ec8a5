"""Why is the stock this number: movements with cause and actor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from magflow.models import Order, Product, Restock, StockMovement, Variant
from magflow.queries.paging import Page, counted

Place = tuple[datetime, int, int]
"""Where a movement stands in the shop's list: time, variant, number."""


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


@dataclass(frozen=True)
class MovementFilter:
    sku: str | None = None
    reason: str | None = None
    actor: str | None = None
    door: str | None = None


@dataclass(frozen=True)
class MovementsPage:
    """Some of the shop's movements, newest first. `products`: name by variant, of those that still exist."""

    rows: Sequence[MovementRow]
    products: dict[int, str]
    total: int
    total_is_estimate: bool
    next_place: Place | None


def movements(
    session: Session, wanted: MovementFilter, *, after: Place | None = None, limit: int = 50
) -> MovementsPage:
    """The shop's movements, filtered, newest first."""
    statement = select(StockMovement)
    for column, value in (
        (StockMovement.sku, wanted.sku),
        (StockMovement.reason, wanted.reason),
        (StockMovement.actor, wanted.actor),
        (StockMovement.door, wanted.door),
    ):
        if value:
            statement = statement.where(column == value)
    total, estimate = counted(session, statement)
    place = tuple_(StockMovement.at, StockMovement.variant_id, StockMovement.seq)
    if after is not None:
        statement = statement.where(place < after)
    ordered = statement.order_by(StockMovement.at.desc(), StockMovement.variant_id.desc(), StockMovement.seq.desc())
    rows = list(session.scalars(ordered.limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    named = select(Variant.id, Product.name).join(Product, Product.id == Variant.product_id)
    products = dict(session.execute(named.where(Variant.id.in_({m.variant_id for m in rows}))).all())
    last = rows[-1] if more else None
    return MovementsPage(
        _with_orders(session, rows),
        products,
        total,
        estimate,
        (last.at, last.variant_id, last.seq) if last is not None else None,
    )


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
