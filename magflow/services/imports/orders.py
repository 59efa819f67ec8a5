"""A chunk of orders: rows are put together, and the orders that are not known yet are taken over.

Past orders change no stock; pending ones wait to be confirmed like any other. An order that is known stays as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from sqlalchemy.orm import Session

from magflow.concurrency import claim_import_chunk, execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, Refused
from magflow.domain.imports.faults import CellFault
from magflow.domain.imports.orders import OF_THE_ORDER
from magflow.domain.orders import PENDING
from magflow.services import order_intake
from magflow.services.imports import outcomes
from magflow.services.imports.matching import Scope
from magflow.services.imports.outcomes import Chunk, Counts, DryRun, Told
from magflow.services.order_intake import Intake, PastOrder, Status
from magflow.services.orders import NewItem, NewOrder

NAMED: Final = (*OF_THE_ORDER, "quantity", "vat_rate")
"""Fields whose columns are named in refusals of this room."""

# Which variant a line is: by SKU, and where several products have it by the product's name or handle too.
ROWS: Final = """
SELECT s.number, s.line, s.part, s.external_id, s.sku, s.name, s.price, s.vat_rate, s.extra, v.id, v.many, v.products
FROM import_stage s LEFT JOIN LATERAL (
    SELECT min(w.id) AS id, count(*) AS many, string_agg(p.name, ', ' ORDER BY p.id) AS products
    FROM variants w JOIN products p ON p.id = w.product_id
    WHERE w.sku = s.sku AND (s.name IS NULL OR p.name = s.name OR p.handle = s.name)) v ON true
WHERE s.import_id = %(import)s AND s.part BETWEEN %(first_part)s AND %(last_part)s AND NOT s.refused
ORDER BY s.part, s.number"""

KNOWN: Final = """
WITH wanted AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(orders)s::jsonb) AS w (part integer, number text, external_id text)
)
SELECT w.part, o.external_id IS NOT DISTINCT FROM w.external_id OR w.external_id IS NULL OR o.external_id IS NULL
       OR (o.source, o.source_account) <> (%(source)s, %(account)s)
FROM wanted w JOIN orders o ON o.number = w.number
UNION ALL
SELECT w.part, true FROM wanted w JOIN orders o
  ON o.source = %(source)s AND o.source_account = %(account)s AND o.external_id = w.external_id"""
"""The orders that are there; false where the number is another order's."""

AT_ITEM: Final = re.compile(r"items\[([0-9]+)\]\.([a-z_]+)")
COLUMN_OF: Final = {"unit_price": "price"}


@dataclass(frozen=True)
class Row:
    """A line as it is staged, and the variant that it names."""

    number: int
    line: int
    part: int
    external_id: str | None
    sku: str | None
    product: str | None
    price: Decimal | None
    vat_rate: Decimal | None
    extra: dict[str, str]
    variant_id: int | None
    many: int
    products: str | None

    def says(self, name: str) -> str | None:
        """What it says of its order."""
        return self.external_id if name == "external_id" else self.extra.get(name)


@dataclass
class Whole:
    """An order, put together from its rows."""

    rows: list[Row]
    said: dict[str, str] = field(default_factory=dict)
    faults: dict[int, CellFault] = field(default_factory=dict)
    """Number of the row -> what is wrong with it."""
    known: bool = False
    taken: Intake | None = None

    @property
    def status(self) -> str:
        """One of the four; only asked of an order that says it."""
        return self.said["status"]


@transactional
def apply(
    session: Session, chunk: Chunk, scope: Scope, headers: Mapping[str, str], dry_run: bool, *, actor: Actor
) -> Counts | None:
    """Apply a chunk; None when it was done already. Raises DryRun with the outcomes."""
    # Two files may bring the same orders in another sequence, and would meet at their numbers.
    lock_names(session, [("orders of files",)])
    if not claim_import_chunk(session, chunk.import_id, chunk.number, chunk.run):
        return None
    found = _put_together(session, scope, headers)
    _mark_known(session, scope, found, headers)
    for order in found.values():
        if not order.known and not order.faults:
            order.faults = _checked(order, headers)
    fresh = {part: order for part, order in found.items() if not order.known and not order.faults}
    taken = order_intake.take_over.within(session, [_past(order, scope) for order in fresh.values()], actor=actor)
    for order, outcome in zip(fresh.values(), taken, strict=True):
        order.taken, order.known = outcome, outcome.known
        if outcome.refused is not None and not outcome.known:
            order.faults = _refused(order, outcome.refused, headers)
    told = [one for order in found.values() for one in _told(order, dry_run=dry_run)]
    if dry_run:
        raise DryRun([one.outcome_row for one in told])
    return outcomes.note_told(session, chunk, told)


def _put_together(session: Session, scope: Scope, headers: Mapping[str, str]) -> dict[int, Whole]:
    """Orders by part; what a row says otherwise than one before it is a fault."""
    found: dict[int, Whole] = {}
    at: dict[tuple[int, str], int] = {}
    for values in execute(session, ROWS, scope.values):
        row = Row(*values)
        order = found.setdefault(row.part, Whole([]))
        order.rows.append(row)
        for name in OF_THE_ORDER:
            text = row.says(name)
            if text is None:
                continue
            if order.said.setdefault(name, text) != text:
                where = {"line": at[row.part, name]}
                order.faults.setdefault(row.number, CellFault(headers[name], "contradicts", where, text))
            at.setdefault((row.part, name), row.line)
    return found


def _mark_known(session: Session, scope: Scope, found: Mapping[int, Whole], headers: Mapping[str, str]) -> None:
    asked = [
        {"part": part, "number": order.said.get("number"), "external_id": order.said.get("external_id")}
        for part, order in found.items()
    ]
    there: dict[int, bool] = {}
    for part, same in execute(session, KNOWN, {**scope.values, "orders": json.dumps(asked, ensure_ascii=False)}):
        there[part] = there.get(part, False) or same
    for part, same in there.items():
        order = found[part]
        order.known = same and not order.faults
        if not same:
            first = order.rows[0]
            fault = CellFault(headers["number"], "number_taken", {}, order.said.get("number", ""))
            order.faults.setdefault(first.number, fault)


def _checked(order: Whole, headers: Mapping[str, str]) -> dict[int, CellFault]:
    """What a new order lacks."""
    if "status" not in order.said:
        return {order.rows[0].number: CellFault(headers["status"], "required", {})}
    faults: dict[int, CellFault] = {}
    for row in order.rows:
        if order.status != PENDING:
            if row.price is None:
                faults[row.number] = CellFault(headers["price"], "required", {})
        elif row.sku is None:
            faults[row.number] = CellFault(headers["sku"], "required", {})
        elif row.many == 0:
            faults[row.number] = CellFault(headers["sku"], "unknown_sku", {}, row.sku)
        elif row.many > 1:
            faults[row.number] = CellFault(headers["sku"], "ambiguous_sku", {"products": row.products}, row.sku)
    return faults


def _past(order: Whole, scope: Scope) -> PastOrder:
    said = order.said
    placed_at = datetime.fromisoformat(said["placed_at"]) if "placed_at" in said else None
    named = {name: said.get(name) for name in ("number", "external_id", "note", "customer_name", "customer_email",
                                               "customer_phone")}  # fmt: skip
    new = NewOrder(
        [_item(row) for row in order.rows], source=scope.source, source_account=scope.source_account,
        currency=said.get("currency", "RON"), placed_at=placed_at, **named,  # type: ignore[arg-type]
    )  # fmt: skip
    return PastOrder(new, cast("Status", order.status))


def _item(row: Row) -> NewItem:
    """A line of a past order keeps the SKU that it was sold under, whether a variant has it today or not."""
    variant_id = row.variant_id if row.many == 1 else None
    return NewItem(
        int(row.extra["quantity"]), variant_id, row.sku, row.price, row.vat_rate, product_name=row.product
    )  # fmt: skip


def _refused(order: Whole, refused: Refused, headers: Mapping[str, str]) -> dict[int, CellFault]:
    """A refusal of the service, at the rows that it is about."""
    faults: dict[int, CellFault] = {}
    if isinstance(refused, Invalid):
        for error in refused.errors:
            at = AT_ITEM.fullmatch(error.field)
            row = order.rows[int(at[1])] if at else order.rows[0]
            name = COLUMN_OF.get(at[2], at[2]) if at else error.field
            faults.setdefault(row.number, CellFault(headers.get(name, name), error.code, dict(error.params or {})))
    if not faults:
        params = {name: str(value) for name, value in refused.details().items()}
        faults[order.rows[0].number] = CellFault("", refused.code, params)
    return faults


def _told(order: Whole, *, dry_run: bool) -> Iterator[Told]:
    if order.faults:
        wrong = min(row.line for row in order.rows if row.number in order.faults)
        for row in order.rows:
            fault = order.faults.get(row.number) or CellFault("", "order_not_whole", {"line": wrong})
            yield Told(row.number, row.line, "refused", [fault.as_dict()])
    elif order.taken is not None and not order.known:
        # The number that a dry run drew is nobody's.
        number = order.said.get("number") or (None if dry_run else order.taken.number)
        shown = {"number": number, "status": order.status}
        for row in order.rows:
            line = {**shown, "quantity": int(row.extra["quantity"]), "unit_price": _text(row.price)}
            changes: dict[str, Any] = {name: [None, value] for name, value in line.items() if value is not None}
            if not dry_run:
                changes["order_id"] = order.taken.order_id
            yield Told(row.number, row.line, "created", None, row.variant_id if row.many == 1 else None, changes)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
