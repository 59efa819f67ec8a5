"""Which product and which variant a row is, and whether it would change anything: set-based, for a range of rows.

Three temporary tables hold the answer until the transaction ends: `heads` (a product each), `combos` (a combination of
options each) and `found` (a row each). They are filled by a look without locks first, and again under the locks.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import batch, execute
from magflow.domain.imports.choices import DEFAULT, Choices
from magflow.services.imports import since

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scope:
    """Rows of an import that are worked on together."""

    import_id: int
    source: str
    source_account: str
    first_part: int
    last_part: int
    first_row: int = 0
    last_row: int = 2**31 - 1
    shopify: bool = False
    """Its files have room for one picture of a variant, so that others are not missing; and stock by location."""
    choices: Choices = DEFAULT
    deactivate: bool = False
    """Variants of the file's products that the file does not have are deactivated."""

    @property
    def values(self) -> dict[str, Any]:
        """As parameters of the statements."""
        return {
            "import": self.import_id,
            "source": self.source,
            "account": self.source_account,
            "first_part": self.first_part,
            "last_part": self.last_part,
            "first_row": self.first_row,
            "last_row": self.last_row,
            "one_image": self.shopify,
            "add_stock": self.choices.stock == "add",
        }

    @property
    def whole(self) -> bool:
        """Whether no product of the scope is parted."""
        return self.first_row == 0 and self.last_row == 2**31 - 1


FORGET: Final = "DROP TABLE IF EXISTS heads, combos, found, claimed, missing"

# The second look is at the rows that would change something, and at nothing else.
ROWS: Final = """s.import_id = %(import)s AND s.part BETWEEN %(first_part)s AND %(last_part)s
      AND s.number BETWEEN %(first_row)s AND %(last_row)s"""
ONLY_PARTS: Final = "JOIN unnest(%(parts)s::integer[]) AS wanted (part) USING (part)"
ONLY_ROWS: Final = "JOIN unnest(%(numbers)s::integer[]) AS wanted (number) USING (number)"

# What the rows of a part say of their product, the first word of each. A row that is refused says it too.
HEADS: Final = """
CREATE TEMPORARY TABLE heads ON COMMIT DROP AS
WITH said AS (
    SELECT part, number, key, key_given, name, description, brand, category, archived, clears, makes_product
    FROM import_stage {only_parts}
    WHERE import_id = %(import)s AND part BETWEEN %(first_part)s AND %(last_part)s
), head AS (
    SELECT part,
           (array_agg(key ORDER BY number) FILTER (WHERE key IS NOT NULL))[1] AS handle,
           (array_agg(key_given ORDER BY number) FILTER (WHERE key IS NOT NULL))[1] AS given,
           (array_agg(name ORDER BY number) FILTER (WHERE name IS NOT NULL))[1] AS name,
           (array_agg(description ORDER BY number) FILTER (WHERE description IS NOT NULL))[1] AS description,
           (array_agg(brand ORDER BY number) FILTER (WHERE brand IS NOT NULL))[1] AS brand,
           (array_agg(category ORDER BY number) FILTER (WHERE category IS NOT NULL))[1] AS category,
           (array_agg(archived ORDER BY number) FILTER (WHERE archived IS NOT NULL))[1] AS archived,
           bool_or(makes_product) AS alone,
           array_remove(ARRAY[
               CASE WHEN count(description) = 0 AND bool_or('description' = ANY(clears)) THEN 'description' END,
               CASE WHEN count(brand) = 0 AND bool_or('brand' = ANY(clears)) THEN 'brand' END,
               CASE WHEN count(category) = 0 AND bool_or('category' = ANY(clears)) THEN 'category' END], NULL) AS clears
    FROM said
    WHERE key IS NOT NULL OR name IS NOT NULL OR description IS NOT NULL OR brand IS NOT NULL OR category IS NOT NULL
       OR archived IS NOT NULL
    GROUP BY part
), named AS (
    SELECT p.name, min(p.id) AS id, count(*) AS many FROM products p
    WHERE p.name IN (SELECT name FROM head WHERE NOT given) GROUP BY p.name
), pictures AS (
    SELECT part, array_agg(url ORDER BY position, number, ordinal) AS urls,
           array_agg(alt_text ORDER BY position, number, ordinal) AS alts
    FROM (SELECT DISTINCT ON (said.part, i.url) said.part, i.url, i.alt_text, i.position, i.number, i.ordinal
          FROM said JOIN import_images i ON i.import_id = %(import)s AND i.number = said.number
          ORDER BY said.part, i.url, i.position, i.number, i.ordinal) once
    GROUP BY part
)
SELECT head.*, pictures.urls, pictures.alts,
       CASE WHEN NOT head.given AND named.many = 1 THEN named.id ELSE owner.id END AS product_id,
       NOT head.given AND named.many > 1 AND owner.id IS NULL AS ambiguous,
       false AS accepted, false AS created, false AS fields_differ, false AS images_differ
FROM head
LEFT JOIN products owner ON owner.handle = head.handle
LEFT JOIN named ON NOT head.given AND named.name = head.name
LEFT JOIN pictures USING (part)"""

COMBOS: Final = f"""
CREATE TEMPORARY TABLE combos ON COMMIT DROP AS
SELECT o.combo,
       string_agg(v.id::text, '-' ORDER BY v.id) AS digest,
       coalesce(array_agg(v.id ORDER BY v.id) FILTER (WHERE v.id IS NOT NULL), '{{{{}}}}') AS value_ids,
       bool_and(t.id IS NOT NULL AND (o.value_key IS NULL OR v.id IS NOT NULL)) AS known,
       string_agg(o.type_key || E'\\x1f' || o.value_key, E'\\x1e' ORDER BY o.type_key) AS canonical,
       string_agg(o.value_name, ' - ' ORDER BY o.position) AS title
FROM import_options o
LEFT JOIN option_types t ON t.name_key = o.type_key
LEFT JOIN option_values v ON v.option_type_id = t.id AND v.name_key = o.value_key
WHERE o.import_id = %(import)s AND o.combo IN (SELECT s.combo FROM import_stage s {{only_rows}} WHERE {ROWS})
GROUP BY o.combo"""

# By external id, else by SKU within the product.
FOUND: Final = f"""
CREATE TEMPORARY TABLE found ON COMMIT DROP AS
SELECT s.number, s.line, s.part, s.combo, s.is_variant, s.sku, s.sku_base, s.title, s.price, s.compare_at_price,
       s.stock, s.expected, s.active, s.ean, s.vat_rate, s.external_id, s.images, s.clears, s.makes_product,
       s.key IS NOT NULL OR s.name IS NOT NULL OR s.description IS NOT NULL OR s.brand IS NOT NULL
           OR s.category IS NOT NULL OR s.archived IS NOT NULL AS says,
       h.product_id,
       coalesce(x.variant_id, k.id, e.id) AS variant_id,
       CASE WHEN x.variant_id IS NOT NULL THEN 'external_id' WHEN k.id IS NOT NULL THEN 'sku'
            WHEN e.id IS NOT NULL THEN 'ean' END AS matched
FROM import_stage s {{only_rows}}
JOIN heads h ON h.part = s.part
LEFT JOIN variant_external_ids x
    ON {{by_external_id}} AND s.external_id IS NOT NULL AND x.source = %(source)s AND x.source_account = %(account)s
   AND x.external_id = s.external_id
LEFT JOIN variants k ON {{by_sku}} AND k.product_id = h.product_id AND k.sku = s.sku
{{by_ean}}
WHERE {ROWS} AND NOT s.refused"""
NO_EAN: Final = "CROSS JOIN (SELECT NULL::bigint AS id) e"
BY_EAN: Final = """LEFT JOIN LATERAL (
    SELECT min(w.id) AS id FROM variants w WHERE w.product_id = h.product_id AND w.ean = s.ean HAVING count(*) = 1) e
    ON true"""

LEAVE_THOSE_THERE: Final = "DELETE FROM found WHERE is_variant AND variant_id IS NOT NULL"
"""For imports that only create."""

MISSING: Final = """
CREATE TEMPORARY TABLE missing ON COMMIT DROP AS
SELECT DISTINCT v.id, v.product_id FROM heads h JOIN variants v ON v.product_id = h.product_id
WHERE v.status = 0 AND NOT EXISTS (SELECT FROM found f WHERE f.variant_id = v.id)
  AND NOT EXISTS (SELECT FROM import_stage s WHERE s.import_id = %(import)s AND s.sku = v.sku)"""
"""One product may stand in a file under its name and under its handle, in two chunks: a SKU of it is not missing."""

# Else by options: the active variant first, else the oldest draft, none of them claimed by another row. A draft is only
# ever found by a row without a SKU: asked for a draft, the shop always makes a new one (domain 3).
BY_OPTIONS: Final = """
WITH open AS (
    SELECT f.number, f.product_id, f.active, coalesce(b.digest, '') AS digest
    FROM found f LEFT JOIN combos b ON b.combo = f.combo
    WHERE f.is_variant AND f.product_id IS NOT NULL AND f.variant_id IS NULL
      AND (f.combo IS NULL OR b.known) AND (f.active IS NOT FALSE OR f.sku IS NULL)
), free AS (
    SELECT v.id, v.product_id, coalesce(v.options_digest, '') AS digest, v.status
    FROM (SELECT DISTINCT product_id FROM open) o JOIN variants v USING (product_id)
    WHERE NOT EXISTS (SELECT FROM found f WHERE f.variant_id = v.id)
      {unclaimed}
), best AS (
    SELECT DISTINCT ON (open.number) open.number, free.id
    FROM open JOIN free USING (product_id, digest)
    WHERE open.active IS NOT FALSE OR free.status = 1
    ORDER BY open.number, free.status, free.id
)
UPDATE found f SET variant_id = best.id, matched = 'options' FROM best WHERE f.number = best.number"""

UNMATCHED: Final = """
SELECT EXISTS (SELECT FROM found WHERE is_variant AND product_id IS NOT NULL AND variant_id IS NULL)"""

STATUS: Final = """CASE WHEN f.active IS NOT NULL THEN CASE WHEN f.active THEN 0 ELSE 1 END
            WHEN f.matched = 'options' OR v.id IS NULL THEN 0 ELSE v.status END"""
"""What a row's status comes to: a row that finds its variant by SKU and says nothing keeps it; one that asks for a
combination gets it active."""

OWN_IMAGES: Final = """(SELECT array_agg(i.url ORDER BY i.position, i.id) FROM variant_images i
                        WHERE i.variant_id = v.id)"""

HEAD_FIELDS_DIFFER: Final = """(
    (h.name IS NOT NULL AND h.name <> p.name)
    OR (h.description IS NOT NULL AND h.description IS DISTINCT FROM p.description)
    OR (h.brand IS NOT NULL AND h.brand IS DISTINCT FROM p.brand)
    OR (h.category IS NOT NULL AND h.category IS DISTINCT FROM p.category)
    OR ('description' = ANY(h.clears) AND p.description IS NOT NULL)
    OR ('brand' = ANY(h.clears) AND p.brand IS NOT NULL)
    OR ('category' = ANY(h.clears) AND p.category IS NOT NULL)
    OR (h.archived IS NOT NULL AND h.archived <> p.archived))"""

WANTED_ALTS: Final = """(SELECT array_agg(coalesce(w.alt, e.alt_text) ORDER BY w.place)
    FROM unnest(h.urls, h.alts) WITH ORDINALITY AS w (url, alt, place)
    LEFT JOIN variant_images e ON e.product_id = h.product_id AND e.variant_id IS NULL AND e.url = w.url)"""
"""A picture that is there keeps its text when the file has none for it."""

HEAD_IMAGES_DIFFER: Final = f"""(h.urls IS NOT NULL
    AND jsonb_build_array(h.urls, {WANTED_ALTS}) IS DISTINCT FROM (
        SELECT jsonb_build_array(array_agg(i.url ORDER BY i.position, i.id),
                                 array_agg(i.alt_text ORDER BY i.position, i.id))
        FROM variant_images i WHERE i.product_id = h.product_id AND i.variant_id IS NULL))"""

ATTRIBUTES_DIFFER: Final = f"""(
    (f.title IS NOT NULL AND f.title IS DISTINCT FROM v.title)
    OR (f.price IS NOT NULL AND f.price <> v.price)
    OR (f.compare_at_price IS NOT NULL AND f.compare_at_price IS DISTINCT FROM v.compare_at_price)
    OR (f.ean IS NOT NULL AND f.ean IS DISTINCT FROM v.ean)
    OR (f.vat_rate IS NOT NULL AND f.vat_rate IS DISTINCT FROM v.vat_rate)
    OR (f.clears IS NOT NULL AND (
        ('title' = ANY(f.clears) AND v.title IS NOT NULL)
        OR ('compare_at_price' = ANY(f.clears) AND v.compare_at_price IS NOT NULL)
        OR ('ean' = ANY(f.clears) AND v.ean IS NOT NULL) OR ('vat_rate' = ANY(f.clears) AND v.vat_rate IS NOT NULL)))
    OR ({STATUS}) <> v.status)"""
HELD_VALUES: Final = """ARRAY(SELECT ov.option_value_id FROM option_value_variants ov
    JOIN option_values x ON x.id = ov.option_value_id
    JOIN product_option_types pt ON pt.product_id = v.product_id AND pt.option_type_id = x.option_type_id
    WHERE ov.variant_id = v.id)"""
OPTIONS_DIFFER: Final = f"""(f.combo IS NOT NULL AND (NOT b.known OR (
    b.digest IS DISTINCT FROM v.options_digest AND NOT b.value_ids <@ {HELD_VALUES})))"""
"""Options that the row does not name, or leaves blank, stay as they are."""
IMAGES_DIFFER: Final = f"""(('images' = ANY(f.clears) AND {OWN_IMAGES} IS NOT NULL)
    OR f.images IS NOT NULL AND CASE WHEN %(one_image)s
    THEN f.images[1] IS DISTINCT FROM ({OWN_IMAGES})[1] ELSE f.images IS DISTINCT FROM {OWN_IMAGES} END)"""
STOCK_DIFFERS: Final = """(f.stock IS NOT NULL
    AND CASE WHEN %(add_stock)s THEN f.stock <> 0 ELSE f.stock <> v.stock END)"""
NEW_MAPPING: Final = "(f.external_id IS NOT NULL AND f.matched IS DISTINCT FROM 'external_id')"

ROW_DIFFERS: Final = f"""(
    v.id IS NULL OR (f.sku IS NOT NULL AND f.sku <> v.sku) OR {ATTRIBUTES_DIFFER}
    OR {STOCK_DIFFERS} OR {OPTIONS_DIFFER} OR {NEW_MAPPING} OR {IMAGES_DIFFER})"""

# OFFSET 0: each variant by its key. The planner would rather read the whole table for every chunk of a file.
CHANGING: Final = f"""
WITH heads_changing AS MATERIALIZED (
    SELECT h.part FROM heads h LEFT JOIN products p ON p.id = h.product_id
    WHERE p.id IS NULL OR {HEAD_FIELDS_DIFFER} OR {HEAD_IMAGES_DIFFER}
)
SELECT f.part, f.number FROM found f
LEFT JOIN LATERAL (SELECT * FROM variants w WHERE w.id = f.variant_id OFFSET 0) v ON true
LEFT JOIN combos b ON b.combo = f.combo
LEFT JOIN heads_changing h ON h.part = f.part
WHERE (f.is_variant AND {ROW_DIFFERS}) OR (h.part IS NOT NULL AND (f.says OR NOT f.is_variant))"""

CLAIMED: Final = """
CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS
SELECT f.variant_id FROM found f
WHERE f.variant_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM unnest(%(numbers)s::integer[]) AS wanted (number) WHERE wanted.number = f.number)"""
UNCLAIMED: Final = "AND NOT EXISTS (SELECT FROM claimed WHERE claimed.variant_id = v.id)"


@dataclass(frozen=True)
class Changing:
    """The rows that would change something, and the parts that they are in."""

    parts: list[int]
    numbers: list[int]


def look(session: Session, scope: Scope, only: Changing | None = None) -> None:
    """Fill the temporary tables: with all rows of the scope, or with those of an earlier look that would change."""
    values = dict(scope.values)
    match = scope.choices.match
    pieces = {"only_parts": "", "only_rows": ""}
    by = {
        "by_external_id": "true" if "external_id" in match else "false",
        "by_sku": "true" if "sku" in match else "false",
        "by_ean": BY_EAN if "ean" in match else NO_EAN,
    }
    if only is not None:
        values |= {"parts": only.parts, "numbers": only.numbers}
        pieces = {"only_parts": ONLY_PARTS, "only_rows": ONLY_ROWS}
    with batch(session) as statements:
        if only is None:
            statements.send(FORGET)
        else:
            statements.send(CLAIMED, values)
            statements.send("DROP TABLE heads, combos, found")
        statements.send(HEADS.format(**pieces), values)
        statements.send(COMBOS.format(**pieces), values)
        statements.send("ANALYZE heads (part, product_id), combos (combo)")
    with batch(session) as statements:
        statements.send(FOUND.format(**pieces, **by), values)
        statements.send("ANALYZE found (number, part, combo, product_id, variant_id)")
        unmatched = statements.send(UNMATCHED)
    if (row := unmatched.fetchone()) and row[0]:
        execute(session, BY_OPTIONS.format(unclaimed="" if only is None else UNCLAIMED))
    with batch(session) as statements:
        if since.asked(scope.choices):
            statements.send(since.FOUND, since.values(scope.choices))
        if scope.deactivate and scope.whole and only is None:
            statements.send(MISSING, values)
        if scope.choices.mode == "create":
            statements.send(LEAVE_THOSE_THERE)


def changing(session: Session, scope: Scope) -> Changing:
    """What of the rows that were looked at would change anything."""
    rows = execute(session, CHANGING, scope.values).fetchall()
    return Changing(sorted({row[0] for row in rows}), [row[1] for row in rows])
