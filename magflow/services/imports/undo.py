"""The way back: what an import made is deactivated, what it changed is set back, as far as nobody has touched it since.

A variant that was sold, counted, edited or imported again since stays as it is, and its row says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import (
    batch,
    execute,
    lock_products,
    lock_variant_rows,
    savepoint,
    transactional,
)
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound, Refused
from magflow.domain.imports.faults import ImportBusy
from magflow.models import Import
from magflow.services import audit, jobs, ledger
from magflow.services.imports import undo_offers, undo_orders
from magflow.services.imports.writing_products import PICTURES
from magflow.services.stock_sync import alerts

TASK: Final = "imports.undo"
BATCH: Final = 500

ASK: Final = """
UPDATE imports SET undone_by = %(who)s
WHERE id = %(import)s AND status IN ('finished', 'cancelled') AND NOT dry_run AND undone_by IS NULL
RETURNING id"""
ENDED: Final = """
UPDATE imports SET undone_at = clock_timestamp() WHERE id = %(import)s AND undone_at IS NULL RETURNING id"""

NEXT: Final = """
SELECT r.number, r.variant_id, v.product_id FROM import_rows r LEFT JOIN variants v ON v.id = r.variant_id
WHERE r.import_id = %(import)s AND r.outcome IN ('created', 'updated') AND r.variant_id IS NOT NULL AND r.undo IS NULL
  AND (SELECT i.kind FROM imports i WHERE i.id = r.import_id) IN ('variants', 'stock')
ORDER BY r.number LIMIT %(most)s"""

# Under the locks: a row stands as the import left it, or it is not touched again.
JUDGE: Final = """
UPDATE import_rows r SET undo = CASE WHEN v.id IS NULL THEN 'gone' ELSE 'touched' END
FROM unnest(%(numbers)s::integer[]) AS w (number)
JOIN import_rows o ON o.import_id = %(import)s AND o.number = w.number
LEFT JOIN variants v ON v.id = o.variant_id
WHERE r.import_id = %(import)s AND r.number = w.number AND (
    v.id IS NULL
    OR (r.outcome = 'created' AND (v.version <> 1 OR v.movement_seq > 1))
    OR (r.outcome = 'updated' AND (v.version, v.movement_seq) IS DISTINCT FROM (r.version_after, r.seq_after)))"""
OPEN: Final = """import_rows r WHERE r.import_id = %(import)s AND r.number = ANY(%(numbers)s) AND r.undo IS NULL"""

DEACTIVATE: Final = f"""
UPDATE variants v SET status = 1, version = v.version + 1, updated_at = clock_timestamp()
FROM {OPEN} AND r.outcome = 'created' AND v.id = r.variant_id AND v.status = 0"""
DROP_VALUES: Final = f"""
DELETE FROM option_value_variants ov USING {OPEN} AND r.changes ? 'option_ids' AND ov.variant_id = r.variant_id"""
OLD_VALUES: Final = """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT r.variant_id, x.id FROM import_rows r
CROSS JOIN LATERAL jsonb_array_elements_text(r.changes -> 'option_ids') AS o (id)
JOIN option_values x ON x.id = o.id::bigint
WHERE r.import_id = %(import)s AND r.number = ANY(%(numbers)s) AND r.undo IS NULL AND r.changes ? 'option_ids'
ON CONFLICT DO NOTHING"""


def _old(name: str, cast: str = "") -> str:
    return f"CASE WHEN r.changes ? '{name}' THEN (r.changes -> '{name}' ->> 0){cast} ELSE v.{name} END"


SET_BACK: Final = f"""
UPDATE variants v
SET sku = {_old("sku")}, title = {_old("title")}, price = {_old("price", "::numeric")},
    compare_at_price = {_old("compare_at_price", "::numeric")}, ean = {_old("ean")},
    vat_rate = {_old("vat_rate", "::numeric")},
    status = CASE WHEN r.changes ? 'status' THEN (r.changes -> 'status' ->> 0 <> 'active')::integer ELSE v.status END,
    options_digest = CASE WHEN r.changes ? 'option_ids' THEN (
        SELECT string_agg(x.id::text, '-' ORDER BY x.id) FROM option_value_variants ov
        JOIN option_values x ON x.id = ov.option_value_id
        JOIN product_option_types t ON t.product_id = v.product_id AND t.option_type_id = x.option_type_id
        WHERE ov.variant_id = v.id) ELSE v.options_digest END,
    version = v.version + 1, updated_at = clock_timestamp()
FROM {OPEN} AND r.outcome = 'updated' AND v.id = r.variant_id
  AND r.changes ?| ARRAY['sku', 'title', 'price', 'compare_at_price', 'ean', 'vat_rate', 'status', 'option_ids']"""
DROP_IMAGES: Final = f"""
DELETE FROM variant_images i USING {OPEN} AND r.changes ? 'image_urls' AND i.variant_id = r.variant_id"""
OLD_IMAGES: Final = """
INSERT INTO variant_images (product_id, variant_id, url, position)
SELECT v.product_id, v.id, o.url, o.place - 1
FROM import_rows r JOIN variants v ON v.id = r.variant_id
CROSS JOIN LATERAL jsonb_array_elements_text(
    CASE jsonb_typeof(r.changes -> 'image_urls' -> 0) WHEN 'array' THEN r.changes -> 'image_urls' -> 0 ELSE '[]' END
) WITH ORDINALITY AS o (url, place)
WHERE r.import_id = %(import)s AND r.number = ANY(%(numbers)s) AND r.undo IS NULL AND r.changes ? 'image_urls'"""
DROP_MAPPINGS: Final = f"""
DELETE FROM variant_external_ids e USING imports i, {OPEN} AND i.id = r.import_id AND r.changes ? 'external_id'
  AND e.variant_id = r.variant_id AND e.source = i.source AND e.source_account = i.source_account
  AND e.external_id = r.changes -> 'external_id' ->> 1"""
STOCKS: Final = f"""
SELECT r.variant_id, (r.changes -> 'stock' ->> 0)::integer - (r.changes -> 'stock' ->> 1)::integer
FROM {OPEN} AND r.outcome = 'updated' AND r.changes ? 'stock'"""
UNDONE: Final = f"""
UPDATE import_rows r SET undo = 'undone' FROM (SELECT number FROM {OPEN}) o
WHERE r.import_id = %(import)s AND r.number = o.number"""
CONFLICT: Final = """
UPDATE import_rows SET undo = 'conflict' WHERE import_id = %(import)s AND number = ANY(%(numbers)s)"""

WAY_BACK: Final = (JUDGE, DEACTIVATE, DROP_VALUES, OLD_VALUES, SET_BACK, DROP_IMAGES, OLD_IMAGES, DROP_MAPPINGS)

MISSING: Final = """
SELECT m.variant_id, v.product_id FROM import_missing m LEFT JOIN variants v ON v.id = m.variant_id
WHERE m.import_id = %(import)s AND m.undo IS NULL ORDER BY m.variant_id LIMIT %(most)s"""
REACTIVATE: Final = """
WITH back AS (
    UPDATE variants v SET status = 0, version = v.version + 1, updated_at = clock_timestamp()
    FROM import_missing m
    WHERE m.import_id = %(import)s AND m.variant_id = ANY(%(ids)s) AND v.id = m.variant_id AND v.status = 1
      AND v.version = m.version_after
      AND NOT EXISTS (SELECT FROM variants o WHERE o.product_id = v.product_id AND o.status = 0 AND o.id <> v.id
                      AND o.options_digest IS NOT DISTINCT FROM v.options_digest)
    RETURNING v.id
)
UPDATE import_missing m SET undo = CASE WHEN b.id IS NULL THEN 'touched' ELSE 'undone' END
FROM import_missing o LEFT JOIN back b ON b.id = o.variant_id
WHERE o.import_id = %(import)s AND o.variant_id = ANY(%(ids)s) AND m.import_id = o.import_id
  AND m.variant_id = o.variant_id"""

# A product whose pictures somebody has changed since keeps all that it has.
PICTURES_TOUCHED: Final = f"""
UPDATE import_products i SET undo = 'touched'
WHERE i.import_id = %(import)s AND i.product_id = ANY(%(ids)s) AND NOT i.created AND i.changes ? 'images'
  AND {PICTURES.format(product="i.product_id")} <> i.changes -> 'images' -> 1"""
PICTURES_BACK: Final = """
WITH back AS (
    SELECT i.product_id, i.changes -> 'images' -> 0 AS pictures FROM import_products i
    JOIN products p ON p.id = i.product_id AND p.version = i.version_after
    WHERE i.import_id = %(import)s AND i.product_id = ANY(%(ids)s) AND NOT i.created AND i.changes ? 'images'
      AND i.undo IS NULL
), gone AS (
    DELETE FROM variant_images v USING back WHERE v.product_id = back.product_id AND v.variant_id IS NULL
)
INSERT INTO variant_images (product_id, url, alt_text, position)
SELECT b.product_id, o.picture ->> 0, o.picture ->> 1, o.place - 1
FROM back b CROSS JOIN LATERAL jsonb_array_elements(b.pictures) WITH ORDINALITY AS o (picture, place)"""

PRODUCTS: Final = """
SELECT product_id FROM import_products WHERE import_id = %(import)s AND undo IS NULL
ORDER BY product_id LIMIT %(most)s"""
PRODUCTS_BACK: Final = """
WITH back AS (
    UPDATE products p
    SET archived = CASE WHEN i.created THEN true
                        WHEN i.changes ? 'archived' THEN (i.changes -> 'archived' ->> 0)::boolean
                        ELSE p.archived END,
        archived_at = CASE WHEN i.created THEN clock_timestamp()
                           WHEN i.changes ? 'archived' AND i.changes -> 'archived' ->> 0 = 'false' THEN NULL
                           WHEN i.changes ? 'archived' THEN clock_timestamp() ELSE p.archived_at END,
        name = CASE WHEN i.changes ? 'name' THEN i.changes -> 'name' ->> 0 ELSE p.name END,
        description = CASE WHEN i.changes ? 'description' THEN i.changes -> 'description' ->> 0 ELSE p.description END,
        brand = CASE WHEN i.changes ? 'brand' THEN i.changes -> 'brand' ->> 0 ELSE p.brand END,
        category = CASE WHEN i.changes ? 'category' THEN i.changes -> 'category' ->> 0 ELSE p.category END,
        version = p.version + 1, updated_at = clock_timestamp()
    FROM import_products i
    WHERE i.import_id = %(import)s AND i.product_id = ANY(%(ids)s) AND p.id = i.product_id
      AND p.version = i.version_after AND i.undo IS NULL
      AND NOT (i.created AND EXISTS (SELECT FROM variants v WHERE v.product_id = p.id AND v.status = 0))
    RETURNING p.id
)
UPDATE import_products i SET undo = CASE WHEN b.id IS NULL THEN 'touched' ELSE 'undone' END
FROM import_products o LEFT JOIN back b ON b.id = o.product_id
WHERE o.import_id = %(import)s AND o.product_id = ANY(%(ids)s) AND i.import_id = o.import_id
  AND i.product_id = o.product_id"""


class NotAsItWas(Exception):
    """Stock that the import brought is gone; the rows are set back one by one."""


@dataclass(frozen=True)
class UndoImport:
    """Ask for an import to be undone by a worker; without one, the caller performs it."""

    import_id: int
    queued: bool = True


@transactional
def undo(session: Session, command: UndoImport, *, actor: Actor) -> Import:
    """Ask for an import to be undone; of one that was stopped, what it had done by then.

    Raises NotFound, ImportBusy when it cannot be, or was already.
    """
    values = {"import": command.import_id, "who": actor.name}
    if execute(session, ASK, values).fetchone() is None:
        row = session.get(Import, command.import_id)
        if row is None:
            raise NotFound("import", command.import_id)
        raise ImportBusy(command.import_id, "undone" if row.undone_by else row.status)
    if command.queued:
        asked_by = {"kind": actor.kind, "id": actor.id, "name": actor.name, "request_id": actor.request_id}
        name = f"import-{command.import_id}"
        jobs.enqueue(session, TASK, lock=name, import_id=command.import_id, asked_by=asked_by)
    audit.record(session, actor, "import.undone", "imports", command.import_id, {})
    row = session.get_one(Import, command.import_id)
    session.refresh(row)
    return row


def perform(import_id: int, *, actor: Actor, pause_point: Callable[[], None] = lambda: None) -> None:
    """Undo an import, some hundred rows a transaction. Begun again, it goes on where it stopped."""
    for step in (undo_offers.step, undo_orders.step, _rows, _missing, _products):
        while step(import_id, actor=actor):
            pause_point()
    alerts.catch_up(actor=actor)
    _end(import_id, actor=actor)


@transactional
def _rows(session: Session, import_id: int, *, actor: Actor) -> bool:
    found = execute(session, NEXT, {"import": import_id, "most": BATCH}).fetchall()
    if not found:
        return False
    lock_products(session, sorted({row[2] for row in found if row[2] is not None}))
    lock_variant_rows(session, sorted({row[1] for row in found if row[2] is not None}))
    numbers = [row[0] for row in found]
    if not _set_back(session, import_id, numbers):
        for number in numbers:
            if not _set_back(session, import_id, [number]):
                execute(session, CONFLICT, {"import": import_id, "numbers": [number]})
    return True


def _set_back(session: Session, import_id: int, numbers: Sequence[int]) -> bool:
    """Set rows back together; False when the database refuses, and nothing was done."""
    values: dict[str, Any] = {"import": import_id, "numbers": list(numbers)}
    try:
        with savepoint(session):
            with batch(session) as statements:
                for statement in WAY_BACK:
                    statements.send(statement, values)
                stocks = statements.send(STOCKS, values)
            deltas = {row[0]: row[1] for row in stocks if row[1]}
            note = f"import {import_id}"
            if deltas and len(ledger.add(session, deltas, reason="adjustment", note=note)) < len(deltas):
                raise NotAsItWas
            execute(session, UNDONE, values)
    except (Refused, NotAsItWas):
        return False
    return True


@transactional
def _missing(session: Session, import_id: int, *, actor: Actor) -> bool:
    found = execute(session, MISSING, {"import": import_id, "most": BATCH}).fetchall()
    if not found:
        return False
    lock_products(session, sorted({row[1] for row in found if row[1] is not None}))
    ids = [row[0] for row in found]
    lock_variant_rows(session, ids)
    execute(session, REACTIVATE, {"import": import_id, "ids": ids})
    return True


@transactional
def _products(session: Session, import_id: int, *, actor: Actor) -> bool:
    ids = [row[0] for row in execute(session, PRODUCTS, {"import": import_id, "most": BATCH})]
    if not ids:
        return False
    lock_products(session, ids)
    with batch(session) as statements:
        for statement in (PICTURES_TOUCHED, PICTURES_BACK, PRODUCTS_BACK):
            statements.send(statement, {"import": import_id, "ids": ids})
    return True


@transactional
def _end(session: Session, import_id: int, *, actor: Actor) -> None:
    execute(session, ENDED, {"import": import_id})
