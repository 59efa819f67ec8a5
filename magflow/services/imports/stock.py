"""A chunk of stock: rows find their variants by SKU, the variants are locked together, the ledger books the change."""

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import batch, claim_import_chunk, execute, lock_variant_rows, transactional
from magflow.domain.actors import Actor
from magflow.services import ledger
from magflow.services.imports import outcomes, since
from magflow.services.imports.matching import Scope
from magflow.services.imports.outcomes import Chunk, Counts, DryRun
from magflow.services.imports.writing import fault
from magflow.services.stock import LARGEST_STOCK

# A SKU is unique within its product only; the product's name or handle tells which one is meant. Shopify's inventory
# file may leave the SKU out: then the handle and the options say it, and a blank new figure leaves the row as it is.
ROWS: Final = """s.import_id = %(import)s AND s.part BETWEEN %(first_part)s AND %(last_part)s AND NOT s.refused"""
BY_OPTIONS: Final = """
    SELECT v.id, p.name, p.id AS product_id FROM products p JOIN variants v ON v.product_id = p.id
    WHERE s.sku IS NULL AND p.handle = s.name AND v.status = 0
      AND (s.extra <> '{}' OR v.options_digest IS NULL)
      AND NOT EXISTS (
          SELECT FROM jsonb_each_text(s.extra) AS said (type_key, value_key) WHERE NOT EXISTS (
              SELECT FROM option_value_variants ov JOIN option_values x ON x.id = ov.option_value_id
              JOIN option_types t ON t.id = x.option_type_id
              WHERE ov.variant_id = v.id AND t.name_key = said.type_key AND x.name_key = said.value_key))"""
CHOSEN: Final = "(NOT %(inventory)s OR %(location)s::text IS NULL OR s.title = %(location)s)"
FOUND: Final = f"""
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH meant AS (
    SELECT s.number, v.id, p.name, p.id AS product_id FROM import_stage s
    JOIN variants v ON v.sku = s.sku JOIN products p ON p.id = v.product_id
    WHERE {ROWS} AND s.sku IS NOT NULL AND (s.name IS NULL OR p.name = s.name OR p.handle = s.name)
    UNION ALL
    SELECT s.number, o.id, o.name, o.product_id FROM import_stage s CROSS JOIN LATERAL ({BY_OPTIONS}) o
    WHERE {ROWS} AND s.sku IS NULL AND s.extra IS NOT NULL
), candidates AS (
    SELECT s.number, min(m.id) AS variant_id, count(m.id) AS many,
           string_agg(m.name, ', ' ORDER BY m.product_id) AS products
    FROM import_stage s LEFT JOIN meant m ON m.number = s.number
    WHERE {ROWS}
    GROUP BY s.number
)
SELECT s.number, s.line, s.sku, c.variant_id, 0 AS stock, false AS stock_differs, 0 AS stock_before,
       {CHOSEN} IS NOT TRUE OR (s.stock IS NULL AND s.delta IS NULL) AS idle,
       CASE WHEN NOT %(inventory)s THEN s.stock
            WHEN count(s.stock) FILTER (WHERE {CHOSEN}) OVER here > 0 THEN
                (sum(coalesce(s.stock, s.expected, 0)) FILTER (WHERE {CHOSEN}) OVER here)::integer END AS wanted,
       CASE WHEN %(inventory)s THEN (sum(s.delta) FILTER (WHERE {CHOSEN}) OVER here)::integer ELSE s.delta END AS delta,
       CASE WHEN %(inventory)s THEN (sum(s.expected) FILTER (WHERE {CHOSEN}) OVER here)::integer ELSE s.expected END
           AS expected,
       CASE WHEN c.many = 0 THEN {fault("sku", "unknown_sku", value="s.sku")}
            WHEN c.many > 1 THEN {fault("sku", "ambiguous_sku", "jsonb_build_object('products', c.products)", "s.sku")}
            WHEN count(*) OVER (PARTITION BY c.variant_id, CASE WHEN %(inventory)s THEN s.title END) > 1 THEN
                {fault("sku", "same_variant_twice", "jsonb_build_object('sku', s.sku)", "s.sku")}
       END AS fault
FROM import_stage s JOIN candidates c USING (number)
WHERE {ROWS}
WINDOW here AS (PARTITION BY c.variant_id)"""
"""Shopify counts by location, and MagFlow has one stock: that of all locations together, or of the one chosen."""

# The same file again changes nothing: a difference that this row of this file has booked already is not booked twice.
# Asked under the locks, so that two imports of one file cannot both find that nobody was there before.
BOOKED: Final = """
UPDATE plan p SET idle = true
FROM imports me JOIN imports e ON e.sha256 = me.sha256 AND e.kind = me.kind AND e.id <> me.id
JOIN import_rows r ON r.import_id = e.id AND r.outcome = 'updated'
WHERE me.id = %(import)s AND NOT e.dry_run AND e.undone_at IS NULL
  AND p.delta IS NOT NULL AND p.fault IS NULL AND r.number = p.number AND r.variant_id = p.variant_id"""

TO_LOCK: Final = "SELECT variant_id FROM plan WHERE fault IS NULL AND NOT idle"

# Under the locks: what the stock comes to, and whether the figure that the file was made from still stands.
DECIDE: Final = f"""
UPDATE plan p
SET stock_before = v.stock, stock = coalesce(p.wanted, v.stock + p.delta),
    stock_differs = coalesce(p.wanted, v.stock + p.delta) <> v.stock,
    fault = CASE
        WHEN p.expected <> v.stock AND p.wanted IS DISTINCT FROM v.stock THEN {
    fault(
        "expected",
        "stale_version",
        '''jsonb_build_object(
            'seen', p.expected, 'current', v.stock)''',
        "p.expected::text",
    )
}
        WHEN p.wanted < 0 THEN {
    fault("stock", "below_zero_by", "jsonb_build_object('wanted', v.stock - p.wanted, 'available', v.stock)")
}
        WHEN v.stock + p.delta < 0 THEN {
    fault(
        "delta",
        "below_zero_by",
        '''jsonb_build_object(
            'wanted', -p.delta, 'available', v.stock)''',
        "p.delta::text",
    )
}
        WHEN v.stock + p.delta > {LARGEST_STOCK} THEN {
    fault("delta", "too_large", f"jsonb_build_object('limit', {LARGEST_STOCK})", "p.delta::text")
}
    END
FROM variants v WHERE v.id = p.variant_id AND p.fault IS NULL AND NOT p.idle"""

STOCKS: Final = "SELECT DISTINCT variant_id, stock FROM plan WHERE fault IS NULL AND stock_differs"

RESULTS: Final = """
SELECT p.number, p.line, CASE WHEN p.fault IS NOT NULL THEN 'refused' ELSE 'updated' END AS outcome, p.fault AS errors,
       CASE WHEN p.fault IS NULL THEN p.variant_id END AS variant_id,
       CASE WHEN p.fault IS NULL THEN jsonb_build_object('stock', jsonb_build_array(p.stock_before, p.stock)) END
           AS changes,
       v.version AS version_after, v.movement_seq AS seq_after
FROM plan p LEFT JOIN variants v ON p.fault IS NULL AND v.id = p.variant_id
WHERE p.fault IS NOT NULL OR p.stock_differs"""


@transactional
def apply(
    session: Session, chunk: Chunk, scope: Scope, headers: Mapping[str, str], dry_run: bool, *, actor: Actor
) -> Counts | None:
    """Apply a chunk; None when it was done already. Raises DryRun with the outcomes instead of committing them."""
    if not claim_import_chunk(session, chunk.import_id, chunk.number, chunk.run):
        return None
    values = {
        **scope.values,
        "headers": json.dumps(dict(headers), ensure_ascii=False),
        "inventory": scope.shopify,
        "location": scope.choices.location,
    }
    with batch(session) as statements:
        statements.send("DROP TABLE IF EXISTS plan")
        statements.send(FOUND, values)
        wanted = statements.send(TO_LOCK)
    lock_variant_rows(session, [row[0] for row in wanted])
    with batch(session) as statements:
        if since.asked(scope.choices):
            statements.send(since.PLAN, since.values(scope.choices))
        statements.send(BOOKED, values)
        statements.send(DECIDE, values)
        stocks = statements.send(STOCKS)
    if changed := dict(stocks.fetchall()):
        ledger.set_to(session, changed, reason="import", source_type="import_row", source_id=scope.import_id)
    if dry_run:
        raise DryRun(list(execute(session, RESULTS, values).fetchall()))
    return outcomes.note(session, chunk, RESULTS, values)
