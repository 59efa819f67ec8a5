"""Imports as pages and programs see them: how far each is, and what became of its rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.imports.choices import ALARM
from magflow.models import (
    ExportSchedule,
    Import,
    ImportChunk,
    ImportFeed,
    ImportMapping,
    ImportProduct,
    ImportRow,
    Order,
    Product,
    Variant,
)
from magflow.queries.paging import Page, counted

Row = ImportRow
File = Import
"""What pages and answers show of rows and of imports."""

NO_SOURCE = "file"
ENDED = frozenset({"finished", "cancelled", "failed"})


@dataclass(frozen=True)
class ImportState:
    """An import with what is done of it by now."""

    row: Import
    applied: int
    unchanged: int
    refused: int

    @property
    def done(self) -> int:
        """Rows of which it is known what became of them."""
        return self.applied + self.unchanged + self.refused

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.row.status == "finished":
            return 1.0
        return min(self.done / self.row.rows_total, 1.0) if self.row.rows_total else 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it by itself any more."""
        return self.row.status in ENDED


def one(session: Session, import_id: int) -> ImportState:
    """An import. Raises NotFound."""
    row = session.get(Import, import_id)
    if row is None:
        raise NotFound("import", import_id)
    return _state(session, row)


PACE: Final = """
SELECT sum(rows) FILTER (WHERE place > 1) / nullif(extract(epoch FROM max(done_at) - min(done_at)), 0) FROM (
    SELECT rows, done_at, row_number() OVER (ORDER BY done_at) AS place FROM (
        SELECT rows, done_at FROM import_chunks
        WHERE import_id = :import AND done_at > clock_timestamp() - interval '2 minutes'
        ORDER BY done_at DESC LIMIT 40) latest) placed"""


def rows_a_second(session: Session, import_id: int) -> float | None:
    """How fast an import is now; None while too little is done. What was before a rest does not count."""
    found = session.scalar(text(PACE), {"import": import_id})
    return float(found) if found else None


def listed(session: Session, *, after: int | None = None, limit: int = 50) -> Page[ImportState]:
    """Imports, newest first."""
    statement = select(Import)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Import.id < after)
    rows = session.scalars(statement.order_by(Import.id.desc()).limit(limit + 1)).all()
    return Page(
        [_state(session, row) for row in rows[:limit]],
        total,
        estimate,
        rows[limit - 1].id if len(rows) > limit else None,
    )


def _state(session: Session, row: Import) -> ImportState:
    if row.status == "finished":
        return ImportState(row, row.rows_applied, row.rows_unchanged, row.rows_refused)
    sums = session.execute(
        select(
            func.coalesce(func.sum(ImportChunk.applied), 0), func.coalesce(func.sum(ImportChunk.unchanged), 0)
        ).where(ImportChunk.import_id == row.id)
    ).one()
    refused = session.scalar(select(func.count()).where(ImportRow.import_id == row.id, ImportRow.outcome == "refused"))
    return ImportState(row, int(sums[0]), int(sums[1]), refused or 0)


def refused_rows(session: Session, import_id: int, *, after: int = 0, limit: int = 50) -> Page[ImportRow]:
    """The refused rows of an import, in file order."""
    statement = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.outcome == "refused")
    total, estimate = counted(session, statement)
    rows = session.scalars(statement.where(ImportRow.number > after).order_by(ImportRow.number).limit(limit + 1)).all()
    return Page(rows[:limit], total, estimate, rows[limit - 1].number if len(rows) > limit else None)


def counts_by_outcome(session: Session, import_id: int) -> dict[str, int]:
    """How many rows were (or would be) created and updated."""
    rows = session.execute(
        select(ImportRow.outcome, func.count()).where(ImportRow.import_id == import_id).group_by(ImportRow.outcome)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def commonest_faults(session: Session, import_id: int, most: int = 10) -> Sequence[tuple[str, str, int]]:
    """(column, code, how many) of the refused rows' first faults, the most frequent first."""
    first: Any = ImportRow.errors[0]
    column, code = first["column"].astext, first["code"].astext
    rows = session.execute(
        select(column, code, func.count())
        .where(ImportRow.import_id == import_id, ImportRow.outcome == "refused")
        .group_by(column, code)
        .order_by(func.count().desc(), column, code)
        .limit(most)
    )
    return [(str(c or ""), str(k or ""), n) for c, k, n in rows]


def same_file_before(session: Session, row: Import) -> Import | None:
    """The last import of the same bytes before this one; dry runs, and files that were only looked at, left out."""
    return session.scalars(
        select(Import)
        .where(Import.sha256 == row.sha256, Import.kind == row.kind, Import.id < row.id, Import.dry_run.is_(False))
        .where(Import.status != "ready")
        .order_by(Import.id.desc())
        .limit(1)
    ).first()


def remembered(session: Session, kind: str, source: str, source_account: str) -> dict[str, Any] | None:
    """What was chosen for the last file of a source; None where nobody has chosen anything, or named a source."""
    if source == NO_SOURCE:
        return None
    row = session.get(ImportMapping, (kind, source, source_account))
    return None if row is None else row.choices


def rows_of(session: Session, import_id: int, outcome: str, *, after: int = 0, limit: int = 50) -> Page[ImportRow]:
    """The rows of an import that came to this, in file order."""
    statement = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.outcome == outcome)
    total, estimate = counted(session, statement)
    rows = session.scalars(statement.where(ImportRow.number > after).order_by(ImportRow.number).limit(limit + 1)).all()
    return Page(rows[:limit], total, estimate, rows[limit - 1].number if len(rows) > limit else None)


SUSPICIOUS: Final = {
    "price_falls": "(changes -> 'price' ->> 1)::numeric < (changes -> 'price' ->> 0)::numeric * (1 - :part)",
    "price_rises": "(changes -> 'price' ->> 1)::numeric > (changes -> 'price' ->> 0)::numeric * (1 + :part)",
    "stock_to_zero": "changes -> 'stock' ->> 1 = '0'",
    "before_below_price": """(changes -> 'compare_at_price' ->> 1)::numeric < coalesce(
        (changes -> 'price' ->> 1)::numeric, (SELECT v.price FROM variants v WHERE v.id = import_rows.variant_id))""",
    "deactivated": "changes -> 'status' ->> 1 = 'inactive'",
}
"""What a person should look at before a run: among the rows that change something, by what they change."""


@dataclass(frozen=True)
class Suspicion:
    """How many changed rows are suspicious, by why; and of how many."""

    counts: Mapping[str, int]
    rows: int
    of: int


def suspicious(session: Session, row: Import) -> Suspicion:
    """What stands out among what an import changes, or would."""
    sums = ", ".join(f"count(*) FILTER (WHERE {sql})" for sql in SUSPICIOUS.values())
    asked = f"SELECT {sums}, count(*) FILTER (WHERE {_any_suspicion()}), count(*) {CHANGED}"
    found = session.execute(text(asked), _asked_about(row)).one()
    counts = {name: count for name, count in zip(SUSPICIOUS, found, strict=False) if count}
    return Suspicion(counts, found[-2], found[-1])


CHANGED: Final = "FROM import_rows WHERE import_id = :import AND outcome = 'updated' AND changes IS NOT NULL"


def _any_suspicion() -> str:
    return " OR ".join(f"({sql})" for sql in SUSPICIOUS.values())


def _asked_about(row: Import) -> dict[str, Any]:
    return {"import": row.id, "part": Decimal(row.choices.get("alarm", ALARM)) / 100}


def suspicious_rows(session: Session, row: Import, total: int, *, after: int = 0, limit: int = 50) -> Page[ImportRow]:
    """Those rows, in file order; `total` is known from before."""
    asked = f"SELECT number {CHANGED} AND number > :after AND ({_any_suspicion()}) ORDER BY number LIMIT :most"
    values = {**_asked_about(row), "after": after, "most": limit + 1}
    numbers = list(session.scalars(text(asked), values))
    statement = select(ImportRow).where(ImportRow.import_id == row.id, ImportRow.number.in_(numbers[:limit]))
    rows = session.scalars(statement.order_by(ImportRow.number)).all()
    return Page(rows, total, False, numbers[limit - 1] if len(numbers) > limit else None)


def names_of(session: Session, rows: Sequence[ImportRow]) -> dict[int, str]:
    """SKUs of the variants that rows are about."""
    return skus(session, [row.variant_id for row in rows if row.variant_id is not None])


def skus(session: Session, ids: Collection[int]) -> dict[int, str]:
    """SKUs of variants, by id."""
    return {row[0]: row[1] for row in session.execute(select(Variant.id, Variant.sku).where(Variant.id.in_(ids)))}


def order_numbers(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Numbers of orders, by id."""
    return {row[0]: row[1] for row in session.execute(select(Order.id, Order.number).where(Order.id.in_(ids)))}


def product_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Names of products, by id."""
    return {row[0]: row[1] for row in session.execute(select(Product.id, Product.name).where(Product.id.in_(ids)))}


def orders_of(session: Session, rows: Sequence[ImportRow]) -> dict[int, str]:
    """Numbers of the orders that rows made."""
    ids = {row.changes["order_id"] for row in rows if row.changes and "order_id" in row.changes}
    return order_numbers(session, ids) if ids else {}


def undo_counts(session: Session, import_id: int) -> dict[str, int]:
    """What became of the rows of an import that was undone: `undone`, or the reason why not."""
    rows = session.execute(
        select(ImportRow.undo, func.count())
        .where(ImportRow.import_id == import_id, ImportRow.undo.is_not(None))
        .group_by(ImportRow.undo)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def not_undone(session: Session, import_id: int, *, limit: int = 50) -> Sequence[ImportRow]:
    """The first rows that could not be set back."""
    return session.scalars(
        select(ImportRow)
        .where(ImportRow.import_id == import_id, ImportRow.undo.is_not(None), ImportRow.undo != "undone")
        .order_by(ImportRow.number)
        .limit(limit)
    ).all()


def products_not_undone(session: Session, import_id: int, *, limit: int = 50) -> Sequence[str]:
    """Names of the first products that were changed since, and stayed as they are."""
    return session.scalars(
        select(Product.name)
        .join(ImportProduct, ImportProduct.product_id == Product.id)
        .where(ImportProduct.import_id == import_id, ImportProduct.undo.is_not(None), ImportProduct.undo != "undone")
        .order_by(Product.id)
        .limit(limit)
    ).all()


def feeds(session: Session) -> Sequence[ImportFeed]:
    """The addresses that are fetched by the clock."""
    return session.scalars(select(ImportFeed).order_by(ImportFeed.id)).all()


def waiting_of_feeds(session: Session) -> set[int]:
    """The imports of addresses whose columns a person has to look at."""
    statement = select(Import.id).join(ImportFeed, ImportFeed.import_id == Import.id).where(Import.status == "ready")
    return set(session.scalars(statement))


def feed(session: Session, feed_id: int) -> ImportFeed:
    """One of them. Raises NotFound."""
    found = session.get(ImportFeed, feed_id)
    if found is None:
        raise NotFound("feed", feed_id)
    return found


def schedules(session: Session) -> Sequence[ExportSchedule]:
    """The exports that are written by the clock."""
    return session.scalars(select(ExportSchedule).order_by(ExportSchedule.id)).all()


def schedule(session: Session, schedule_id: int) -> ExportSchedule | None:
    """One of them, as long as it is written."""
    return session.scalars(
        select(ExportSchedule).where(ExportSchedule.id == schedule_id, ExportSchedule.active)
    ).one_or_none()


def running_count(session: Session) -> int:
    """How many imports are being worked on."""
    busy = ("uploaded", "parsing", "running")
    return session.scalar(select(func.count()).where(Import.status.in_(busy))) or 0


def product_of_handle(session: Session, handle: str) -> int:
    """The id of the product with this handle. Raises NotFound."""
    found = session.scalar(select(Product.id).where(Product.handle == handle))
    if found is None:
        raise NotFound("product", handle)
    return found


def product_called(session: Session, name: str) -> int:
    """The id of the product with this handle, else of the only one with this name. Raises NotFound, Invalid."""
    handle = session.scalar(select(Product.id).where(Product.handle == name))
    if handle is not None:
        return handle
    found = session.scalars(select(Product.id).where(Product.name == name).order_by(Product.id).limit(2)).all()
    if len(found) > 1:
        raise Invalid([FieldError("product", "ambiguous_product")])
    if not found:
        raise NotFound("product", name)
    return found[0]
