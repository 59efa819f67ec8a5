"""Bulk edit: one plan for the preview and the run, all or nothing; the way back is `magflow.services.bulk_undo`.

The plan is made by the same function for both; the run makes it again under the locks of its variants and refuses when
its fingerprint is not the one that was agreed to. Every statement serves a hundred variants or a hundred thousand.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_bulk_edit, lock_variant_rows, refer_to_products_of, transactional
from magflow.db import any_of
from magflow.domain.actors import Actor
from magflow.domain.bulk_edit import RefusedValue, Rule, check_rules, new_price, new_stock
from magflow.domain.errors import Conflict, FieldError, Invalid, NotFound, StaleVersion
from magflow.models import BulkEdit, Variant, VariantStatus
from magflow.queries.variant_lists import VariantFilter, variant_ids
from magflow.services import jobs, ledger

TASK: Final = "variants.bulk_edit"
LARGEST_INLINE: Final = 2_000
"""Variants that are changed while the request waits; more become a job."""
LARGEST_SELECTION: Final = 1_000_000
CHUNK: Final = 5_000
"""Variants that one statement writes; all chunks belong to one transaction."""

Values = Mapping[str, Any]
"""Fields of a variant, by name."""
Report = Callable[[int, int], None]
"""Told, after each chunk, how many variants are written and how many there are."""


@dataclass(frozen=True)
class Selection:
    """Which variants: by id, or everything that a list's filter shows."""

    ids: tuple[int, ...] | None = None
    filter: VariantFilter | None = None

    def as_json(self) -> dict[str, Any]:
        if self.ids is not None:
            return {"ids": list(self.ids)}
        wanted = self.filter or VariantFilter()
        return {"filter": {name: value for name, value in asdict(wanted).items() if value is not None}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Selection":
        if "ids" in stored:
            return cls(ids=tuple(stored["ids"]))
        return cls(filter=VariantFilter(**stored["filter"]))


@dataclass(frozen=True)
class EditInBulk:
    selection: Selection
    rules: tuple[Rule, ...]
    fingerprint: str | None
    """Of the preview that was agreed to. A program may agree to whatever it is, as None."""
    skip_refused: bool = False
    """Apply to the others when some rows are refused; otherwise one refused row refuses all."""


class Row(NamedTuple):
    """A variant as the plan sees it."""

    id: int
    sku: str
    title: str | None
    product_id: int
    price: Decimal
    compare_at_price: Decimal | None
    stock: int
    status: int
    digest: str | None
    version: int
    movement_seq: int


@dataclass(frozen=True)
class PlannedRow:
    """What happens to one variant: `new` holds only what changes; `refused` says why nothing does."""

    row: Row
    new: Mapping[str, Any]
    refused: str | None = None

    @property
    def old(self) -> dict[str, Any]:
        return {name: getattr(self.row, name) for name in self.new}


@dataclass
class BulkPlan:
    """A bulk edit as it would be carried out now; what is counted once stays, for plans of a hundred thousand rows."""

    rows: list[PlannedRow] = field(default_factory=list)

    @cached_property
    def changed(self) -> list[PlannedRow]:
        return [row for row in self.rows if row.new and row.refused is None]

    @cached_property
    def refused(self) -> list[PlannedRow]:
        return [row for row in self.rows if row.refused is not None]

    @property
    def unchanged(self) -> int:
        return len(self.rows) - len(self.changed) - len(self.refused)

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that the plan rests on: which rows, what they are and what they become."""
        digest = hashlib.sha256()
        for planned in self.rows:
            parts = (planned.row.id, planned.refused, *(f"{k}={planned.old[k]}>{v}" for k, v in planned.new.items()))
            digest.update("|".join(map(str, parts)).encode() + b"\n")
        return digest.hexdigest()


class BulkRefused(Conflict):
    """Some rows cannot be changed, so none was; the preview lists them."""

    def __init__(self, refused: Sequence[PlannedRow]) -> None:
        super().__init__(f"{len(refused)} variants cannot be changed this way")
        self.refused = refused

    def details(self) -> dict[str, Any]:
        return {
            "refused_count": len(self.refused),
            "refused": [{"variant_id": r.row.id, "sku": r.row.sku, "reason": r.refused} for r in self.refused[:100]],
        }


def preview(session: Session, selection: Selection, rules: Sequence[Rule]) -> BulkPlan:
    """The plan as it stands now; nothing is written and nothing locked. Raises Invalid."""
    check_rules(list(rules))
    return _plan(session, _selected(session, selection), rules)


@transactional
def start(session: Session, command: EditInBulk, *, actor: Actor) -> BulkEdit:
    """Carry a bulk edit out, or hand it to a worker when it is large; the answer's `status` says which.

    Raises Invalid, StaleVersion when the plan is another than the one agreed to, BulkRefused.
    """
    check_rules(list(command.rules))
    ids = _selected(session, command.selection)
    edit = BulkEdit(
        actor=actor.name,
        selection=command.selection.as_json(),
        changes=[rule_json(rule) for rule in command.rules],
        fingerprint=command.fingerprint or "",
        skip_refused=command.skip_refused,
    )
    session.add(edit)
    session.flush()
    if len(ids) > LARGEST_INLINE:
        jobs.enqueue(session, TASK, bulk_edit_id=edit.id, actor=actor.name)
    else:
        _apply(session, edit, ids)
    session.refresh(edit)
    return edit


@transactional
def carry_out(session: Session, bulk_edit_id: int, *, actor: Actor, report: Report | None = None) -> BulkEdit:
    """Do a queued bulk edit; doing it again after it was done changes nothing. `report` is told how far it is."""
    edit = lock_bulk_edit(session, bulk_edit_id)
    if edit.status in {"queued", "running"} and edit.applied_at is None:
        _apply(session, edit, _selected(session, Selection.from_json(edit.selection)), report)
    session.refresh(edit)
    return edit


@transactional
def fail(session: Session, bulk_edit_id: int, error: Mapping[str, Any], *, actor: Actor) -> None:
    """Write down why a queued bulk edit was refused, for the page that waits for it."""
    edit = session.get_one(BulkEdit, bulk_edit_id)
    edit.status, edit.error = "failed", dict(error)


PROGRESS: Final = """
INSERT INTO bulk_edit_progress (bulk_edit_id, done, total) VALUES (%(edit)s, %(done)s, %(total)s)
ON CONFLICT (bulk_edit_id) DO UPDATE SET done = excluded.done, total = excluded.total"""


@transactional
def note_progress(session: Session, bulk_edit_id: int, done: int, total: int, *, actor: Actor) -> None:
    """For whoever waits: in a transaction of its own, because the one that works shows nothing before its end."""
    execute(session, PROGRESS, {"edit": bulk_edit_id, "done": done, "total": total})


def _selected(session: Session, selection: Selection) -> list[int]:
    if selection.ids is not None:
        return sorted(set(selection.ids))
    ids = sorted(session.scalars(variant_ids(selection.filter or VariantFilter()).limit(LARGEST_SELECTION + 1)))
    if len(ids) > LARGEST_SELECTION:
        raise Invalid([FieldError("filter", "too_many", {"limit": LARGEST_SELECTION})])
    return ids


def _plan(session: Session, ids: Sequence[int], rules: Sequence[Rule]) -> BulkPlan:
    rows = {row.id: row for row in rows_of(session, ids)}
    if missing := [id_ for id_ in ids if id_ not in rows]:
        raise NotFound("variant", ", ".join(map(str, missing[:20])))
    planned = [_planned(rows[id_], rules) for id_ in ids]
    return BulkPlan(_without_collisions(session, planned))


def rows_of(session: Session, ids: Sequence[int]) -> Iterable[Row]:
    """These variants as a plan sees them, in no order; a missing one is left out."""
    found = session.execute(
        select(
            Variant.id,
            Variant.sku,
            Variant.title,
            Variant.product_id,
            Variant.price,
            Variant.compare_at_price,
            Variant.stock,
            Variant.status,
            Variant.options_digest,
            Variant.version,
            Variant.movement_seq,
        ).where(Variant.id == any_of(ids))
    )
    return (Row(*row) for row in found)


def _planned(row: Row, rules: Sequence[Rule]) -> PlannedRow:
    new: dict[str, Any] = {}
    for rule in rules:
        value = _value(row, rule)
        if isinstance(value, RefusedValue):
            return PlannedRow(row, {}, value.code)
        if value != getattr(row, rule.field):
            new[rule.field] = value
    return PlannedRow(row, new)


def _value(row: Row, rule: Rule) -> Any:
    if rule.field == "price":
        return new_price(rule, row.price)
    if rule.field == "compare_at_price":
        return new_price(rule, row.compare_at_price)
    if rule.field == "stock":
        return new_stock(rule, row.stock)
    return int(VariantStatus.ACTIVE if rule.action == "activate" else VariantStatus.INACTIVE)


def _without_collisions(session: Session, planned: list[PlannedRow]) -> list[PlannedRow]:
    """Refuse what would make two active variants of one combination: among themselves, and with those outside."""
    waking = [p for p in planned if p.new.get("status") == VariantStatus.ACTIVE]
    if not waking:
        return planned
    outside = session.execute(
        select(Variant.product_id, Variant.options_digest).where(
            Variant.product_id == any_of(sorted({p.row.product_id for p in waking})),
            Variant.status == VariantStatus.ACTIVE,
        )
    )
    taken = {(product, digest) for product, digest in outside}
    result = []
    for plan in planned:
        if plan.new.get("status") == VariantStatus.ACTIVE:
            combination = (plan.row.product_id, plan.row.digest)
            if combination in taken:
                result.append(PlannedRow(plan.row, {}, "combination_taken"))
                continue
            taken.add(combination)
        result.append(plan)
    return result


def _apply(session: Session, edit: BulkEdit, ids: Sequence[int], report: Report | None = None) -> None:
    # Stock is an update of its own, and so is what goes with it.
    refer_to_products_of(session, variants=ids)
    lock_variant_rows(session, ids)
    rules = [_rule(stored) for stored in edit.changes]
    settle(session, edit, _plan(session, ids, rules), report)


def settle(session: Session, edit: BulkEdit, plan: BulkPlan, report: Report | None = None) -> None:
    """Write a plan that was made under the locks of its variants, if it is the one that was agreed to.

    Raises StaleVersion when it is another, BulkRefused when rows are refused that were not to be skipped.
    """
    edit.fingerprint = edit.fingerprint or plan.fingerprint
    if plan.fingerprint != edit.fingerprint:
        raise StaleVersion(edit.fingerprint, plan.fingerprint)
    if plan.refused and not edit.skip_refused:
        raise BulkRefused(plan.refused)
    changed = plan.changed
    for at in range(0, len(changed), CHUNK):
        part = changed[at : at + CHUNK]
        write(session, edit.id, {p.row.id: p.new for p in part})
        keep_rows(session, edit.id, {p.row.id: (p.old, p.new) for p in part})
        if report is not None:
            report(at + len(part), len(changed))
    mark_applied(edit, changed=len(changed), unchanged=plan.unchanged, refused=len(plan.refused))
    session.flush()


def mark_applied(edit: BulkEdit, *, changed: int, unchanged: int, refused: int) -> None:
    """Write down that it is done, and how many rows it changed."""
    edit.status, edit.applied_at = "applied", func.clock_timestamp()
    edit.rows_changed = edit.rows_done = changed
    edit.rows_unchanged, edit.rows_refused = unchanged, refused


WRITE: Final = """
UPDATE variants v
SET price = coalesce((n.new ->> 'price')::numeric, v.price),
    compare_at_price = CASE WHEN n.new ? 'compare_at_price' THEN (n.new ->> 'compare_at_price')::numeric
                            ELSE v.compare_at_price END,
    status = coalesce((n.new ->> 'status')::smallint, v.status),
    version = v.version + 1, updated_at = clock_timestamp()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (id bigint, new jsonb)
WHERE v.id = n.id AND (n.new ?| ARRAY['price', 'compare_at_price', 'status'])"""


def write(session: Session, edit_id: int, new: Mapping[int, Values]) -> None:
    """Give these variants, which the caller has locked, other values: for a bulk edit, or on its way back."""
    if any(values.keys() != {"stock"} for values in new.values()):
        execute(session, WRITE, {"rows": _dumped([{"id": id_, "new": values} for id_, values in new.items()])})
    if stocks := {id_: values["stock"] for id_, values in new.items() if "stock" in values}:
        ledger.set_to(session, stocks, reason="adjustment", note=f"bulk edit {edit_id}")


KEEP: Final = """
INSERT INTO bulk_edit_rows (bulk_edit_id, variant_id, old, new, version_after, movement_seq_after)
SELECT %(edit)s, v.id, r.old, r.new, v.version, v.movement_seq
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id bigint, old jsonb, new jsonb)
JOIN variants v ON v.id = r.id"""


def keep_rows(
    session: Session, edit_id: int, values: Mapping[int, tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> None:
    """Remember what each row was and is, for the way back; after it was written. `values` are by variant: old, new."""
    rows = [{"id": id_, "old": old, "new": new} for id_, (old, new) in values.items()]
    execute(session, KEEP, {"edit": edit_id, "rows": _dumped(rows)})


def _dumped(rows: Sequence[Mapping[str, Any]]) -> str:
    """One text for thousands of rows: the driver takes longer to write an array than the server to read this."""
    return json.dumps(rows, default=str, separators=(",", ":"))


def rule_json(rule: Rule) -> dict[str, Any]:
    """A rule as the record of a bulk edit keeps it."""
    return asdict(rule) | {"value": None if rule.value is None else str(rule.value)}


def _rule(stored: Mapping[str, Any]) -> Rule:
    value = None if stored["value"] is None else Decimal(stored["value"])
    return Rule(stored["field"], stored["action"], value, stored["rounding"])
