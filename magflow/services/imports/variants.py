"""A chunk of variants: what would change is found without locks, decided again under them, and written."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import (
    StartAgain,
    batch,
    claim_import_chunk,
    execute,
    lock_names,
    lock_products,
    lock_variant_rows,
    transactional,
)
from magflow.domain.actors import Actor
from magflow.domain.names import numbered
from magflow.services import ledger, products
from magflow.services.imports import outcomes, writing
from magflow.services.imports.matching import Scope, changing_parts, look
from magflow.services.imports.outcomes import Chunk, Counts, DryRun, Outcome
from magflow.services.options import OptionInput

MOST_NAMES: Final = 150
"""Advisory locks of one chunk; a file with more new options at once is divided."""


class Divide(Exception):
    """Too much for one transaction."""


UNKNOWN_TYPES: Final = """
SELECT DISTINCT o.type_key FROM combos c
JOIN import_options o ON o.import_id = %(import)s AND o.combo = c.combo
WHERE NOT c.known ORDER BY 1"""
NAMED_OUTSIDE: Final = """
SELECT EXISTS (SELECT FROM found WHERE external_id IS NOT NULL AND part = ANY(%(parts)s))"""
HEADS_THERE: Final = "SELECT part, product_id FROM heads"

RESULTS: Final = f"""
SELECT p.number, p.line,
       CASE WHEN p.fault IS NOT NULL THEN 'refused' WHEN p.is_new THEN 'created'
            WHEN p.attributes_differ OR p.sku_differs OR p.stock_differs OR p.options_differ OR p.images_differ
                 OR p.new_mapping OR (p.says AND (h.created OR h.fields_differ OR h.images_differ)) THEN 'updated'
       END AS outcome,
       p.fault AS errors, CASE WHEN p.fault IS NULL THEN p.variant_id END AS variant_id
FROM plan p JOIN heads h USING (part)
WHERE p.fault IS NOT NULL OR p.is_new OR p.attributes_differ OR p.sku_differs OR p.stock_differs OR p.options_differ
   OR p.images_differ OR p.new_mapping OR (p.says AND (h.created OR h.fields_differ OR h.images_differ))
UNION ALL
SELECT f.number, f.line, CASE WHEN h.product_id IS NULL THEN 'refused' ELSE 'updated' END,
       CASE WHEN h.product_id IS NULL THEN {writing.fault("handle", "product_missing", value="h.handle")} END, NULL
FROM found f JOIN heads h USING (part)
WHERE NOT f.is_variant AND (h.product_id IS NULL OR h.images_differ OR (f.says AND h.fields_differ))"""


@transactional
def apply(
    session: Session, chunk: Chunk, scope: Scope, headers: Mapping[str, str], dry_run: bool, *, actor: Actor
) -> Counts | None:
    """Apply a chunk; None when it was done already.

    Raises DryRun with the outcomes instead of committing them, Divide, and what the database refuses with.
    """
    look(session, scope)
    parts = changing_parts(session)
    if parts:
        _lock_names(session, scope, parts)
    if not claim_import_chunk(session, chunk.import_id, chunk.number, chunk.run):
        return None
    values = {**scope.values, "headers": json.dumps(dict(headers), ensure_ascii=False)}
    if parts:
        _decide(session, scope, parts, values)
        _write_products(session, scope)
        _write_variants(session, scope)
    if dry_run:
        raise DryRun(_outcomes(session, values) if parts else [])
    return outcomes.note(session, chunk, RESULTS, values) if parts else outcomes.done(session, chunk)


def _outcomes(session: Session, values: dict[str, Any]) -> list[Outcome]:
    return list(execute(session, RESULTS, values).fetchall())


def _lock_names(session: Session, scope: Scope, parts: list[int]) -> None:
    """What has no row to lock: options that are new to the shop, and the feed whose ids are mapped."""
    with batch(session) as statements:
        unknown = statements.send(UNKNOWN_TYPES, scope.values)
        outside = statements.send(NAMED_OUTSIDE, {"parts": parts})
    names: list[tuple[str, ...]] = [("option_type", row[0]) for row in unknown]
    if len(names) > MOST_NAMES:
        raise Divide
    if (row := outside.fetchone()) and row[0]:
        names.append(("feed", scope.source, scope.source_account))
    if names:
        lock_names(session, names)


def _decide(session: Session, scope: Scope, parts: list[int], values: dict[str, Any]) -> None:
    """Lock the products, look again at what may have changed, and make the plan of what is written."""
    there = execute(session, HEADS_THERE).fetchall()
    changing = set(parts)
    existing = [product for part, product in there if product is not None and part in changing]
    if existing:
        lock_products(session, existing)
    if existing or len(there) > len(parts):
        look(session, scope, parts)
    with batch(session) as statements:
        statements.send("DROP TABLE IF EXISTS plan")
        statements.send(writing.PLAN)
        statements.send("ANALYZE plan")
        statements.send(writing.FAULTS, values)
        statements.send(writing.CLASHES, values)
        statements.send(writing.MARK_HEADS)


def _write_products(session: Session, scope: Scope) -> None:
    """Products, options and values, and which product uses which."""
    with batch(session) as statements:
        made_by_others = statements.send(writing.NEW_PRODUCTS)
        statements.send(writing.CHANGED_PRODUCTS)
        statements.send(writing.PRODUCT_IMAGES_GONE)
        statements.send(writing.PRODUCT_IMAGES)
        statements.send(writing.NEW_TYPES, scope.values)
        statements.send(writing.NEW_VALUES, scope.values)
        statements.send(writing.RESOLVE_COMBOS, scope.values)
        returning = statements.send(writing.RETURNING_TYPES, scope.values)
    if (row := made_by_others.fetchone()) and row[0]:
        raise StartAgain  # somebody else made a product of ours at the same moment
    if again := [row[0] for row in returning]:
        _bring_back_options(session, scope, again)
    with batch(session) as statements:
        statements.send(writing.PRODUCT_TYPES, scope.values)
        statements.send(writing.PRODUCT_VALUES)


def _bring_back_options(session: Session, scope: Scope, product_ids: list[int]) -> None:
    """An option that comes back counts again for the values that old variants still hold (domain 3)."""
    owned = execute(session, "SELECT id FROM variants WHERE product_id = ANY(%(ids)s)", {"ids": product_ids})
    lock_variant_rows(session, [row[0] for row in owned])
    named: dict[int, list[OptionInput]] = {}
    for product_id, name, _place in execute(
        session, writing.TYPES_OF_PRODUCTS, {**scope.values, "products": product_ids}
    ):
        named.setdefault(product_id, []).append(OptionInput(name))
    for product_id, options in named.items():
        products.extend_options(session, product_id, options)
    session.flush()


def _write_variants(session: Session, scope: Scope) -> None:
    _give_skus(session)
    locked = [row[0] for row in execute(session, writing.TO_LOCK)]
    if locked:
        lock_variant_rows(session, locked)
        with batch(session) as statements:
            for change in (writing.STEP_ASIDE, writing.DEACTIVATE_ARCHIVED, writing.DROP_VALUES, writing.CHANGE,
                           writing.RENAME, writing.CHANGED_VALUES, writing.OWN_IMAGES_GONE):  # fmt: skip
                statements.send(change)
            stocks = statements.send(writing.STOCKS)
            statements.send(writing.STOCK_EVENTS)
        if wanted := dict(stocks.fetchall()):
            ledger.set_to(session, wanted, reason="import", source_type="import_row", source_id=scope.import_id)
    with ledger.declared(session, reason="import", source_type="import_row", source_id=scope.import_id) as statements:
        statements.send(writing.ADD)
    with batch(session) as statements:
        statements.send(writing.ADDED_VALUES)
        statements.send(writing.OWN_IMAGES)
        statements.send(writing.MAPPINGS, scope.values)


def _give_skus(session: Session) -> None:
    """SKUs for new variants whose rows have none: from the product's handle and the values, numbered when taken."""
    waiting = execute(session, writing.WITHOUT_SKU).fetchall()
    if not waiting:
        return
    taken: dict[int, set[str]] = {}
    parts = sorted({row[1] for row in waiting})
    for part, sku in execute(session, writing.TAKEN_SKUS, {"parts": parts}):
        taken.setdefault(part, set()).add(sku)
    numbers, skus = [], []
    for number, part, _product, base in waiting:
        of_product = taken.setdefault(part, set())
        sku = numbered(base, of_product)
        of_product.add(sku)
        numbers.append(number)
        skus.append(sku)
    execute(session, writing.GIVE_SKUS, {"numbers": numbers, "skus": skus})
