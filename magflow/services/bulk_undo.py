"""The way back from a bulk edit: one step, wherever nothing else has touched what it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_bulk_edit, lock_variant_rows, refer_to_products_of, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict
from magflow.models import BulkEdit, BulkEditRow
from magflow.services import jobs, remaps
from magflow.services.bulk_edit import CHUNK, LARGEST_INLINE, Report, Values, note_progress, write

TASK: Final = "variants.bulk_undo"


@dataclass(frozen=True)
class Undone:
    """`kept` are the rows that could not be set back: variant id -> a stable code."""

    edit: BulkEdit
    restored: int
    kept: Mapping[int, str]


# `@>` and not `->>`: a missing status would be null, and null AND EXISTS (...) asks for every row of the product.
RESTORABLE: Final = """
SELECT r.variant_id, r.old,
       CASE WHEN v.id IS NULL THEN 'deleted'
            WHEN v.version <> r.version_after THEN 'changed_since'
            WHEN r.new ? 'stock' AND v.movement_seq <> r.movement_seq_after THEN 'stock_moved_since'
            WHEN r.old @> '{"status": 0}' AND EXISTS (
                SELECT FROM variants o WHERE o.product_id = v.product_id AND o.status = 0 AND o.id <> v.id
                AND (o.options_digest = v.options_digest OR (o.options_digest IS NULL AND v.options_digest IS NULL))
                AND NOT EXISTS (SELECT FROM bulk_edit_rows same WHERE same.bulk_edit_id = r.bulk_edit_id
                                AND same.variant_id = o.id AND same.new ? 'status')) THEN 'combination_taken'
       END
FROM bulk_edit_rows r LEFT JOIN variants v ON v.id = r.variant_id
WHERE r.bulk_edit_id = %(edit)s ORDER BY r.variant_id"""

REFUSE_UNDO: Final = """
UPDATE bulk_edit_rows r SET undo_refused = k.reason
FROM unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS k (id, reason)
WHERE r.bulk_edit_id = %(edit)s AND r.variant_id = k.id"""


@transactional
def start(session: Session, bulk_edit_id: int, *, actor: Actor) -> Undone:
    """`undo`, or its beginning when the edit is large: then its status is `running` until a worker has done it."""
    edit = lock_bulk_edit(session, bulk_edit_id)
    if edit.status != "applied" or edit.rows_changed <= LARGEST_INLINE:
        return undo.within(session, bulk_edit_id, actor=actor)
    edit.status, edit.error = "running", None
    note_progress.within(session, edit.id, 0, edit.rows_changed, actor=actor)
    jobs.enqueue(session, TASK, bulk_edit_id=edit.id, actor=actor.name)
    session.flush()
    return Undone(edit, 0, {})


@transactional
def undo(session: Session, bulk_edit_id: int, *, actor: Actor, report: Report | None = None) -> Undone:
    """Set back what a bulk edit changed, in one step, wherever nothing else has touched it since.

    The others stay as they are, each with the reason. Undoing again changes nothing. Raises NotFound, and Conflict when
    it was never applied or nothing can be set back.
    """
    edit = lock_bulk_edit(session, bulk_edit_id)
    if edit.status == "undone":
        return Undone(edit, 0, {})
    if edit.applied_at is None:
        raise Conflict(f"bulk edit {bulk_edit_id} is {edit.status}")
    ids = list(session.scalars(select(BulkEditRow.variant_id).where(BulkEditRow.bulk_edit_id == edit.id)))
    remapped = remaps.is_one(edit)
    if remapped:
        remaps.lock_products_of(session, ids)
    else:
        refer_to_products_of(session, variants=ids)
    lock_variant_rows(session, ids)
    rows = execute(session, RESTORABLE, {"edit": edit.id}).fetchall()
    back = {variant_id: old for variant_id, old, refused in rows if refused is None}
    kept = {variant_id: refused for variant_id, _, refused in rows if refused is not None}
    if remapped:
        kept |= remaps.refusals(session, back)
        back = {variant_id: old for variant_id, old in back.items() if variant_id not in kept}
    if kept and not back:
        raise NothingToUndo(kept)
    if remapped:
        remaps.put_back(session, edit, back)
    else:
        _write_back(session, edit, back, report)
    if kept:
        parameters = {"edit": edit.id, "ids": list(kept), "reasons": list(kept.values())}
        execute(session, REFUSE_UNDO, parameters)
    edit.status, edit.undone_at, edit.error = "undone", func.clock_timestamp(), None
    session.flush()
    session.refresh(edit)
    return Undone(edit, len(back), kept)


def _write_back(session: Session, edit: BulkEdit, back: Mapping[int, Values], report: Report | None) -> None:
    ids = list(back)
    for at in range(0, len(ids), CHUNK):
        part = {id_: back[id_] for id_ in ids[at : at + CHUNK]}
        write(session, edit.id, part)
        if report is not None:
            report(at + len(part), len(ids))


@transactional
def fail(session: Session, bulk_edit_id: int, error: Mapping[str, Any], *, actor: Actor) -> None:
    """Write down why a worker could not undo; what was applied stays applied."""
    edit = lock_bulk_edit(session, bulk_edit_id)
    if edit.status == "running" and edit.applied_at is not None:
        edit.status, edit.error = "applied", dict(error)


class NothingToUndo(Conflict):
    """Something else has touched every row since."""

    def __init__(self, kept: Mapping[int, str]) -> None:
        super().__init__(f"{len(kept)} variants were changed since")
        self.kept = kept

    def details(self) -> dict[str, Any]:
        return {"kept": [{"variant_id": id_, "reason": reason} for id_, reason in list(self.kept.items())[:100]]}
