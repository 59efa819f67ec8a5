"""Who changed what, newest first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, literal_column, or_, select, text
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import AuditEntry, Variant
from magflow.queries.paging import Page, counted

__all__ = [
    "AuditEntry", "AuditFilter", "deactivated_in", "entries", "entry", "history_of", "history_of_order",
    "history_of_variant", "same_request",
]  # fmt: skip


@dataclass(frozen=True)
class AuditFilter:
    actor: str | None = None
    table_name: str | None = None
    row_id: str | None = None
    action: str | None = None
    door: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tables: Collection[str] | None = None
    """What the reader may see; None: everything."""


def entries(session: Session, wanted: AuditFilter, *, after: int | None = None, limit: int = 50) -> Page[AuditEntry]:
    """The log, filtered."""
    statement = select(AuditEntry)
    for column, value in (
        (AuditEntry.actor, wanted.actor),
        (AuditEntry.table_name, wanted.table_name),
        (AuditEntry.row_id, wanted.row_id),
        (AuditEntry.action, wanted.action),
        (AuditEntry.door, wanted.door),
        (AuditEntry.request_id, wanted.request_id),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.tables is not None:
        statement = statement.where(AuditEntry.table_name.in_(wanted.tables))
    if wanted.since is not None:
        statement = statement.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditEntry.at < wanted.until)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(AuditEntry.id < after)
    rows = list(session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    return Page(rows, total, estimate, rows[-1].id if more else None)


def history_of(session: Session, table_name: str, row_id: int, *, limit: int = 200) -> Sequence[AuditEntry]:
    """Everything recorded about one row, newest first."""
    return entries(session, AuditFilter(table_name=table_name, row_id=str(row_id)), limit=limit).rows


def entry(session: Session, entry_id: int, *, tables: Collection[str] | None = None) -> AuditEntry:
    """One entry, if the reader may see it. Raises NotFound."""
    found = session.get(AuditEntry, entry_id)
    if found is None or (tables is not None and found.table_name not in tables):
        raise NotFound("audit entry", entry_id)
    return found


def same_request(session: Session, of: AuditEntry, *, limit: int = 50) -> Sequence[AuditEntry]:
    """What else was recorded in the request of an entry. Entries of one request stand near each other."""
    if of.request_id is None:
        return []
    near = and_(AuditEntry.id > of.id - 5_000, AuditEntry.id < of.id + 5_000)
    found = select(AuditEntry).where(near, AuditEntry.request_id == of.request_id, AuditEntry.id != of.id)
    return session.scalars(found.order_by(AuditEntry.id).limit(limit)).all()


def history_of_order(session: Session, order_id: int, *, limit: int = 500) -> Sequence[AuditEntry]:
    """Everything recorded about an order and its lines, those that are gone included; newest first."""
    # Written out, not bound: the index ix_audit_log_order is found by these very words.
    made_or_gone = and_(
        text("table_name = 'order_items' AND action IN ('insert', 'delete')"),
        func.coalesce(AuditEntry.new, AuditEntry.old).op("->>")(literal_column("'order_id'")) == str(order_id),
    )
    lines = session.scalars(select(AuditEntry.row_id).distinct().where(made_or_gone).limit(limit)).all()
    of_lines = and_(AuditEntry.table_name == "order_items", AuditEntry.row_id.in_(lines))
    itself = and_(AuditEntry.table_name.in_(("orders", "order_handling")), AuditEntry.row_id == str(order_id))
    return session.scalars(
        select(AuditEntry).where(or_(itself, of_lines)).order_by(AuditEntry.id.desc()).limit(limit)
    ).all()


def history_of_variant(session: Session, variant_id: int, *, limit: int = 50) -> Sequence[AuditEntry]:
    """Everything recorded about a variant, its pictures and its external ids, what is gone included; newest first.

    That a picture stands elsewhere among the others is left out: one move makes an entry for each that gives way.
    """
    # Written out, not bound: the index ix_audit_log_variant is found by these very words.
    made_or_gone = and_(
        text("table_name IN ('images', 'variant_external_ids') AND action IN ('insert', 'delete')"),
        func.coalesce(AuditEntry.new, AuditEntry.old).op("->>")(literal_column("'variant_id'")) == str(variant_id),
    )
    parts = session.execute(select(AuditEntry.table_name, AuditEntry.row_id).distinct().where(made_or_gone)).all()
    of_variant = and_(AuditEntry.table_name == "variants", AuditEntry.row_id == str(variant_id))
    only_moved = and_(
        AuditEntry.table_name == "images",
        AuditEntry.action == "update",
        ~func.jsonb_exists(AuditEntry.new, "alt_text"),
    )
    of_parts = [
        and_(AuditEntry.table_name == table, AuditEntry.row_id.in_([row_id for name, row_id in parts if name == table]))
        for table in {name for name, _row_id in parts}
    ]
    return session.scalars(
        select(AuditEntry).where(or_(of_variant, *of_parts), ~only_moved).order_by(AuditEntry.id.desc()).limit(limit)
    ).all()


def deactivated_in(session: Session, product_id: int, request_id: str) -> frozenset[int]:
    """The variants of a product that were deactivated in one request."""
    ids = session.scalars(select(Variant.id).where(Variant.product_id == product_id)).all()
    rows = session.scalars(
        select(AuditEntry.row_id).where(
            AuditEntry.table_name == "variants",
            AuditEntry.row_id.in_([str(id_) for id_ in ids]),
            AuditEntry.request_id == request_id,
            AuditEntry.action == "update",
            AuditEntry.new.op("->>")("status") == "1",
        )
    )
    return frozenset(int(row_id) for row_id in rows if row_id)
