"""Who changed what, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.models import AuditEntry
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class AuditFilter:
    actor: str | None = None
    table_name: str | None = None
    row_id: str | None = None
    action: str | None = None
    door: str | None = None


def entries(session: Session, wanted: AuditFilter, *, after: int | None = None, limit: int = 50) -> Page[AuditEntry]:
    """The log, filtered."""
    statement = select(AuditEntry)
    for column, value in (
        (AuditEntry.actor, wanted.actor),
        (AuditEntry.table_name, wanted.table_name),
        (AuditEntry.row_id, wanted.row_id),
        (AuditEntry.action, wanted.action),
        (AuditEntry.door, wanted.door),
    ):
        if value:
            statement = statement.where(column == value)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(AuditEntry.id < after)
    rows = list(session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    return Page(rows, total, estimate, rows[-1].id if more else None)


def history_of(session: Session, table_name: str, row_id: int, *, limit: int = 200) -> Sequence[AuditEntry]:
    """Everything recorded about one row, newest first."""
    return entries(session, AuditFilter(table_name=table_name, row_id=str(row_id)), limit=limit).rows
