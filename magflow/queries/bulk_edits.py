"""Bulk edits as pages and answers show them: how far they are, and what they did to each variant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import BulkEdit, BulkEditProgress, BulkEditRow, Product, Variant
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class Progress:
    """`total` is 0 until the plan is made."""

    done: int
    total: int


@dataclass(frozen=True)
class EditedRow:
    """What a bulk edit did to one variant. Names are None for a variant that is gone."""

    variant_id: int
    sku: str | None
    title: str | None
    product_id: int | None
    product_name: str | None
    old: dict[str, Any]
    new: dict[str, Any]
    undo_refused: str | None


def bulk_edit(session: Session, bulk_edit_id: int) -> BulkEdit:
    """One bulk edit as it stands now. Raises NotFound."""
    found = session.get(BulkEdit, bulk_edit_id, populate_existing=True)
    if found is None:
        raise NotFound("bulk edit", bulk_edit_id)
    return found


def progress(session: Session, edit: BulkEdit) -> Progress:
    """How far it is."""
    if edit.status in {"applied", "undone"}:
        return Progress(edit.rows_done, edit.rows_changed)
    noted = session.get(BulkEditProgress, edit.id, populate_existing=True)
    return Progress(noted.done, noted.total) if noted is not None else Progress(0, 0)


def edits(session: Session, *, after: int | None = None, limit: int = 50) -> Page[BulkEdit]:
    """Bulk edits, newest first."""
    statement = select(BulkEdit.id)
    total, estimate = counted(session, statement)
    wanted = select(BulkEdit).order_by(BulkEdit.id.desc()).limit(limit + 1)
    if after is not None:
        wanted = wanted.where(BulkEdit.id < after)
    rows = list(session.scalars(wanted))
    page: Page[BulkEdit] = Page((), total, estimate, rows[limit - 1].id if len(rows) > limit else None)
    return replace(page, rows=rows[:limit])


def edited_rows(session: Session, bulk_edit_id: int, *, kept: bool = False, limit: int = 100) -> list[EditedRow]:
    """The first variants that it changed; with `kept` those that an undo could not set back."""
    statement = (
        select(
            BulkEditRow.variant_id,
            Variant.sku,
            Variant.title,
            Variant.product_id,
            Product.name,
            BulkEditRow.old,
            BulkEditRow.new,
            BulkEditRow.undo_refused,
        )
        .outerjoin(Variant, Variant.id == BulkEditRow.variant_id)
        .outerjoin(Product, Product.id == Variant.product_id)
        .where(BulkEditRow.bulk_edit_id == bulk_edit_id)
        .order_by(BulkEditRow.variant_id)
        .limit(limit)
    )
    if kept:
        statement = statement.where(BulkEditRow.undo_refused.is_not(None))
    return [EditedRow(*row) for row in session.execute(statement)]


def kept_count(session: Session, bulk_edit_id: int) -> int:
    """How many variants an undo could not set back."""
    statement = select(func.count()).where(
        BulkEditRow.bulk_edit_id == bulk_edit_id, BulkEditRow.undo_refused.is_not(None)
    )
    return session.scalar(statement) or 0


def product_names(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """What these products are called."""
    found = session.execute(select(Product.id, Product.name).where(Product.id.in_(ids)))
    return {row.id: row.name for row in found}
