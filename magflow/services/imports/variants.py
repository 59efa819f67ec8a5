"""A chunk of variants: what would change is found without locks, decided again under them, and written."""

import json
from collections.abc import Mapping, Sequence
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
from magflow.services.imports import outcomes, writing, writing_products
from magflow.services.imports.matching import Changing, Scope, changing, look
from magflow.services.imports.outcomes import Chunk, Counts, DryRun
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
SELECT EXISTS (SELECT FROM found JOIN unnest(%(numbers)s::integer[]) AS wanted (number) USING (number)
               WHERE external_id IS NOT NULL)"""
LOOKED_AT: Final = """
SELECT ARRAY(SELECT product_id FROM heads WHERE product_id IS NOT NULL AND part = ANY(%(parts)s)),
       (SELECT count(*) FROM found)"""

OF_PRODUCT: Final = """coalesce((SELECT i.changes FROM import_products i
                 WHERE i.import_id = %(import)s AND i.product_id = h.product_id), '{}')"""
"""What became of its product is told with the row that says something of it."""

SAYS_ANEW: Final = "p.says AND NOT h.created AND (h.fields_differ OR h.images_differ)"
NEW_ROW: Final = """(SELECT jsonb_object_agg(said.name, jsonb_build_array(NULL, said.value)) FROM (VALUES
    ('product', to_jsonb(coalesce(h.name, (SELECT name FROM products WHERE id = h.product_id)))),
    ('sku', to_jsonb(p.sku)), ('options', to_jsonb((SELECT b.title FROM combos b WHERE b.combo = p.combo))),
    ('title', to_jsonb(p.title)), ('price', to_jsonb(p.price)), ('compare_at_price', to_jsonb(p.compare_at_price)),
    ('stock', to_jsonb(p.stock)), ('status', to_jsonb(CASE WHEN p.status = 0 THEN 'active' ELSE 'inactive' END)),
    ('ean', to_jsonb(p.ean)), ('vat_rate', to_jsonb(p.vat_rate)), ('external_id', to_jsonb(p.external_id))
) AS said (name, value) WHERE said.value IS NOT NULL)"""
"""What a dry run would create: nobody can look at a variant that is not there yet."""
NEW_PRODUCT: Final = "jsonb_build_object('product', jsonb_build_array(NULL, h.name))"
NEW_PICTURE: Final = """jsonb_build_object('images', jsonb_build_array('[]'::jsonb, (
    SELECT coalesce(jsonb_agg(jsonb_build_array(i.url, i.alt_text) ORDER BY i.ordinal), '[]') FROM import_images i
    WHERE i.import_id = %(import)s AND i.number = f.number)))"""
"""Rows that make no variant, of a product that is new: its name, or the picture that the row adds."""

RESULTS: Final = f"""
SELECT p.number, p.line,
       CASE WHEN p.fault IS NOT NULL THEN 'refused' WHEN p.is_new THEN 'created'
            WHEN p.attributes_differ OR p.sku_differs OR p.stock_differs OR p.options_differ OR p.images_differ
                 OR p.new_mapping OR (p.says AND (h.created OR h.fields_differ OR h.images_differ)) THEN 'updated'
       END AS outcome,
       p.fault AS errors, CASE WHEN p.fault IS NULL THEN p.variant_id END AS variant_id,
       CASE WHEN p.fault IS NOT NULL THEN NULL
            WHEN p.is_new AND %(dry_run)s THEN
                {NEW_ROW} || CASE WHEN {SAYS_ANEW} THEN {OF_PRODUCT} ELSE '{{}}' END
            WHEN {SAYS_ANEW} THEN
                {OF_PRODUCT} || coalesce(p.changes, '{{}}')
            ELSE p.changes END AS changes,
       v.version AS version_after, v.movement_seq AS seq_after
FROM plan p JOIN heads h USING (part)
LEFT JOIN variants v ON NOT p.is_new AND p.fault IS NULL AND v.id = p.variant_id
WHERE p.fault IS NOT NULL OR p.is_new OR p.attributes_differ OR p.sku_differs OR p.stock_differs OR p.options_differ
   OR p.images_differ OR p.new_mapping OR (p.says AND (h.created OR h.fields_differ OR h.images_differ))
UNION ALL
SELECT f.number, f.line,
       CASE WHEN h.product_id IS NULL THEN 'refused' WHEN h.created AND f.makes_product THEN 'created'
            ELSE 'updated' END,
       CASE WHEN h.product_id IS NULL THEN {writing.fault("handle", "product_missing", value="h.handle")} END, NULL,
       CASE WHEN NOT h.created THEN {OF_PRODUCT} WHEN f.makes_product THEN {NEW_PRODUCT} ELSE {NEW_PICTURE} END,
       NULL, NULL
FROM found f JOIN heads h USING (part)
WHERE NOT f.is_variant AND (h.product_id IS NULL OR h.images_differ OR (f.says AND h.fields_differ)
                            OR (f.makes_product AND h.created))"""


@transactional
def apply(
    session: Session, chunk: Chunk, scope: Scope, headers: Mapping[str, str], dry_run: bool, *, actor: Actor
) -> Counts | None:
    """Apply a chunk; None when it was done already.

    Raises DryRun with the outcomes instead of committing them, Divide, and what the database refuses with.
    """
    look(session, scope)
    change = changing(session, scope)
    if change.numbers:
        _lock_names(session, scope, change)
    missing = _missing(session) if scope.deactivate and scope.whole else []
    if not claim_import_chunk(session, chunk.import_id, chunk.number, chunk.run):
        return None
    if not change.numbers and not missing:
        if dry_run:
            raise DryRun([])
        return outcomes.done(session, chunk)
    mode = scope.choices.mode
    values = {
        **scope.values,
        "headers": json.dumps(dict(headers), ensure_ascii=False),
        "update_only": mode == "update",
        "create_only": mode == "create",
        "dry_run": dry_run,
    }
    _decide(session, scope, change, missing, values)
    _write_products(session, scope)
    _write_variants(session, scope, missing)
    if dry_run:
        raise DryRun(list(execute(session, RESULTS, values).fetchall()), len(missing))
    return outcomes.note(session, chunk, RESULTS, values, len(missing))


def _missing(session: Session) -> list[int]:
    """The products of variants that the file does not have, one for each of these."""
    return [row[0] for row in execute(session, "SELECT product_id FROM missing")]


def _lock_names(session: Session, scope: Scope, change: Changing) -> None:
    """What has no row to lock: options that are new to the shop, and the feed whose ids are mapped."""
    with batch(session) as statements:
        unknown = statements.send(UNKNOWN_TYPES, scope.values)
        outside = statements.send(NAMED_OUTSIDE, {"numbers": change.numbers})
    names: list[tuple[str, ...]] = [("option_type", row[0]) for row in unknown]
    if len(names) > MOST_NAMES:
        raise Divide
    if (row := outside.fetchone()) and row[0]:
        names.append(("feed", scope.source, scope.source_account))
    if names:
        lock_names(session, names)


def _decide(session: Session, scope: Scope, change: Changing, missing: Sequence[int], values: dict[str, Any]) -> None:
    """Lock the products, look again at what may have changed, and make the plan of what is written."""
    products_there, rows = execute(session, LOOKED_AT, {"parts": change.parts}).fetchone() or ([], 0)
    if products_there or missing:
        lock_products(session, sorted({*products_there, *missing}))
    if products_there or rows > len(change.numbers):
        look(session, scope, change)
    with batch(session) as statements:
        statements.send("DROP TABLE IF EXISTS plan, uses")
        statements.send(writing.PLAN, scope.values)
        statements.send("ANALYZE plan (number, part, combo, variant_id, product_id)")
        statements.send(writing.FAULTS, values)
        statements.send(writing.DIGESTS)
        statements.send(writing.CLASHES, values)
        statements.send(writing.ROW_CHANGES)
        statements.send(writing_products.ACCEPTED, values)
        statements.send(writing_products.MARK_HEADS, values)


def _write_products(session: Session, scope: Scope) -> None:
    """Products, options and values, and which product uses which."""
    with batch(session) as statements:
        made_by_others = statements.send(writing_products.NEW_PRODUCTS)
        statements.send(writing_products.PRODUCT_CHANGES, scope.values)
        statements.send(writing_products.CHANGED_PRODUCTS)
        statements.send(writing_products.PRODUCT_IMAGES_GONE)
        statements.send(writing_products.PRODUCT_IMAGES)
        unknown = statements.send(writing_products.UNKNOWN)
    if (row := made_by_others.fetchone()) and row[0]:
        raise StartAgain  # somebody else made a product of ours at the same moment
    with batch(session) as statements:
        if (row := unknown.fetchone()) and row[0]:
            statements.send(writing_products.NEW_TYPES, scope.values)
            statements.send(writing_products.NEW_VALUES, scope.values)
            statements.send(writing_products.RESOLVE_COMBOS, scope.values)
        statements.send(writing_products.USES, scope.values)
        returning = statements.send(writing_products.RETURNING_TYPES)
    if again := returning.fetchall():
        _bring_back_options(session, again)
    with batch(session) as statements:
        statements.send(writing_products.PRODUCT_TYPES)
        statements.send(writing_products.PRODUCT_VALUES)
        statements.send(writing.DIGESTS)  # now that every option and value is there


def _bring_back_options(session: Session, returning: Sequence[tuple[Any, ...]]) -> None:
    """An option that comes back counts again for the values that old variants still hold (domain 3)."""
    named: dict[int, list[OptionInput]] = {}
    for product_id, name, _place in returning:
        named.setdefault(product_id, []).append(OptionInput(name))
    owned = execute(session, "SELECT id FROM variants WHERE product_id = ANY(%(ids)s)", {"ids": list(named)})
    lock_variant_rows(session, [row[0] for row in owned])
    for product_id, options in named.items():
        products.extend_options(session, product_id, options)
    session.flush()


def _write_variants(session: Session, scope: Scope, missing: Sequence[int]) -> None:
    """What is to be written is asked first: a price list touches no options, a stock list no images."""
    asked = execute(session, writing.KINDS).fetchone()
    kinds = dict(zip(writing.KIND_NAMES, asked or (), strict=True))
    if kinds["new"]:
        _give_skus(session)
    if missing or any(there for kind, there in kinds.items() if kind != "new"):
        to_lock = writing.TO_LOCK + (writing.MISSING_TO_LOCK if missing else "")
        lock_variant_rows(session, [row[0] for row in execute(session, to_lock)])
    with batch(session) as statements:
        if missing:
            statements.send(writing.DEACTIVATE_MISSING, scope.values)
        for kind, statement in writing.CHANGES:
            if kinds[kind]:
                statements.send(statement)
    if kinds["restocked"]:
        stocks = execute(session, writing.STOCKS, scope.values).fetchall()
        if not all(row[2] for row in stocks):
            raise StartAgain  # sold since the plan was made: it has to be decided again
        wanted = {row[0]: row[1] for row in stocks}
        ledger.set_to(session, wanted, reason="import", source_type="import_row", source_id=scope.import_id)
    if kinds["new"]:
        with ledger.declared(session, reason="import", source_type="import_row", source_id=scope.import_id) as adding:
            adding.send(writing.ADD)
    with batch(session) as statements:
        for kind, statement in writing.ADDITIONS:
            if kinds[kind]:
                statements.send(statement, scope.values)


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
