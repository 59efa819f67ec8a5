"""The statements that carry a chunk of variants out, in the order in which they are sent. (Products: next door.)

`plan` holds a row for each variant row of the chunk: what it comes to, and how that differs from what is there.
"""

from typing import Final

from magflow.services.imports.matching import (
    ATTRIBUTES_DIFFER,
    IMAGES_DIFFER,
    NEW_MAPPING,
    OPTIONS_DIFFER,
    OWN_IMAGES,
    STATUS,
    STOCK_DIFFERS,
)

KEEPS: Final = {
    name: f"coalesce('{name}' <> ALL(f.clears), true)" for name in ("title", "compare_at_price", "ean", "vat_rate")
}
"""Whether a blank cell leaves what is there."""

PLAN: Final = f"""
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT f.number, f.line, f.part, f.combo, f.matched, f.external_id, f.says, f.product_id, f.expected,
       CASE WHEN 'images' = ANY(f.clears) THEN '{{}}'::text[] ELSE f.images END AS images,
       v.id IS NULL AS is_new,
       coalesce(v.id, nextval((SELECT pg_get_serial_sequence('public.variants', 'id')::regclass))) AS variant_id,
       coalesce(f.sku, v.sku) AS sku, f.sku_base,
       coalesce(f.title, CASE WHEN v.id IS NULL THEN b.title WHEN {KEEPS["title"]} THEN v.title END) AS title,
       coalesce(f.price, v.price) AS price,
       coalesce(f.compare_at_price, CASE WHEN {KEEPS["compare_at_price"]} THEN v.compare_at_price END)
           AS compare_at_price,
       coalesce(f.ean, CASE WHEN {KEEPS["ean"]} THEN v.ean END) AS ean,
       coalesce(f.vat_rate, CASE WHEN {KEEPS["vat_rate"]} THEN v.vat_rate END) AS vat_rate,
       CASE WHEN %(add_stock)s THEN coalesce(v.stock, 0) + coalesce(f.stock, 0) ELSE coalesce(f.stock, v.stock, 0) END
           AS stock, f.stock AS amount,
       {STATUS} AS status,
       v.product_id AS old_product_id, v.sku AS old_sku, v.status AS old_status, v.stock AS old_stock,
       CASE WHEN v.id IS NOT NULL THEN v.options_digest WHEN b.known THEN b.digest ELSE b.canonical END AS digest,
       v.id IS NULL OR {ATTRIBUTES_DIFFER} AS attributes_differ,
       v.id IS NOT NULL AND f.sku IS NOT NULL AND f.sku <> v.sku AS sku_differs,
       v.id IS NOT NULL AND {STOCK_DIFFERS} AS stock_differs,
       v.id IS NULL OR {OPTIONS_DIFFER} AS options_differ,
       {NEW_MAPPING} AS new_mapping,
       coalesce({IMAGES_DIFFER}, false) AS images_differ,
       NULL::jsonb AS changes, NULL::jsonb AS fault
FROM found f LEFT JOIN variants v ON v.id = f.variant_id LEFT JOIN combos b ON b.combo = f.combo
WHERE f.is_variant"""

# --- what cannot be ---------------------------------------------------------------------------------------------------

FAULT: Final = """jsonb_build_array(jsonb_build_object(
    'column', %(headers)s::jsonb ->> {column}, 'code', {code}, 'params', {params}, 'value', coalesce({value}, '')))"""


def fault(column: str, code: str, params: str = "'{}'::jsonb", value: str = "NULL::text") -> str:
    """A refusal of a row, as an expression."""
    return FAULT.format(column=f"'{column}'", code=f"'{code}'", params=params, value=value)


FAULTS: Final = f"""
WITH wrong AS (
    SELECT p.number,
           CASE
           WHEN h.ambiguous THEN {fault("name", "ambiguous_product", value="h.name")}
           WHEN p.product_id IS NULL AND h.name IS NULL THEN
               {fault("handle", "product_missing", value="h.handle")}
           WHEN p.old_product_id <> p.product_id OR (NOT p.is_new AND p.product_id IS NULL) THEN
               {
    fault("external_id", "product_mismatch", "jsonb_build_object('product', p.old_product_id)", "p.external_id")
}
           WHEN p.is_new AND %(update_only)s THEN {fault("sku", "not_there", value="p.sku")}
           WHEN p.stock_differs AND p.expected IS NOT NULL AND p.expected <> p.old_stock THEN
               {
    fault(
        "expected",
        "stale_version",
        "jsonb_build_object('seen', p.expected, 'current', p.old_stock)",
        "p.expected::text",
    )
}
           WHEN p.stock < 0 THEN
               {
    fault(
        "stock",
        "below_zero_by",
        "jsonb_build_object('wanted', -p.amount, 'available', p.old_stock)",
        "p.amount::text",
    )
}
           WHEN p.is_new AND p.price IS NULL THEN {fault("price", "required")}
           WHEN NOT p.is_new AND count(*) OVER (PARTITION BY p.variant_id) > 1 THEN
               {fault("sku", "same_variant_twice", "jsonb_build_object('sku', p.old_sku)", "p.sku")}
           WHEN p.sku_differs AND EXISTS (
               SELECT FROM variants o WHERE o.product_id = p.product_id AND o.sku = p.sku) THEN
               {fault("sku", "sku_taken", "jsonb_build_object('sku', p.sku)", "p.sku")}
           END AS fault
    FROM plan p JOIN heads h USING (part)
)
UPDATE plan p SET fault = wrong.fault FROM wrong WHERE p.number = wrong.number AND wrong.fault IS NOT NULL"""

# What the combination of a variant comes to whose options change: the row's values, and what it holds of other options.
DIGESTS: Final = """
UPDATE plan p
SET digest = (
    SELECT string_agg(held.id::text, '-' ORDER BY held.id) FROM (
        SELECT unnest(b.value_ids) AS id
        UNION
        SELECT ov.option_value_id FROM option_value_variants ov
        JOIN option_values x ON x.id = ov.option_value_id
        JOIN product_option_types pt ON pt.product_id = p.product_id AND pt.option_type_id = x.option_type_id
        WHERE ov.variant_id = p.variant_id
          AND x.option_type_id NOT IN (SELECT y.option_type_id FROM option_values y WHERE y.id = ANY(b.value_ids))
    ) held)
FROM combos b WHERE b.combo = p.combo AND b.known AND p.options_differ AND NOT p.is_new"""

# A combination has one active variant in a product. Who has it already keeps it; a row that would take it is refused.
CLASHES: Final = f"""
WITH final AS (
    SELECT p.number, coalesce(p.product_id, -p.part) AS product,
           coalesce(p.digest, '') AS digest, p.is_new OR p.old_status = 1 OR p.options_differ AS takes, p.sku
    FROM plan p WHERE p.status = 0 AND p.fault IS NULL
    UNION ALL
    SELECT NULL, v.product_id, coalesce(v.options_digest, ''), false, v.sku
    FROM heads h JOIN variants v ON v.product_id = h.product_id
    WHERE v.status = 0 AND h.archived IS NOT TRUE
      AND NOT EXISTS (SELECT FROM plan p WHERE p.variant_id = v.id AND p.fault IS NULL)
), clash AS (
    SELECT product, digest, min(sku) FILTER (WHERE NOT takes) AS winner FROM final
    GROUP BY product, digest HAVING count(*) > 1
)
UPDATE plan p SET fault = {
    fault("options", "conflict", "jsonb_build_object('sku', coalesce(clash.winner, p.sku))", "p.sku")
}
FROM final JOIN clash USING (product, digest) WHERE p.number = final.number AND final.takes"""

HELD_NAMES: Final = """(SELECT string_agg(x.name, ' - ' ORDER BY t.position, x.id)
    FROM option_values x JOIN option_types t ON t.id = x.option_type_id WHERE x.id = ANY({ids}))"""
HELD_IDS: Final = "ARRAY(SELECT ov.option_value_id FROM option_value_variants ov WHERE ov.variant_id = v.id)"


def _change(name: str, old: str, new: str, when: str = "") -> str:
    differs = when or f"{old} IS DISTINCT FROM {new}"
    built = f"jsonb_build_object('{name}', jsonb_build_array({old}, {new}))"
    return f"(CASE WHEN {differs} THEN {built} ELSE '{{}}' END)"


STATUS_WORD: Final = "CASE WHEN {status} = 0 THEN 'active' ELSE 'inactive' END"
ROW_CHANGES: Final = f"""
UPDATE plan p SET changes = {
    " || ".join((
        *(_change(name, f"v.{name}", f"p.{name}")
          for name in ("sku", "title", "price", "compare_at_price", "ean", "vat_rate")),
        _change("stock", "v.stock", "p.stock", "p.stock_differs"),
        _change("status", STATUS_WORD.format(status="v.status"), STATUS_WORD.format(status="p.status"),
                "v.status <> p.status"),
        _change("options", HELD_NAMES.format(ids=HELD_IDS), "b.title", "p.options_differ"),
        f"(CASE WHEN p.options_differ THEN jsonb_build_object('option_ids', {HELD_IDS}) ELSE '{{}}' END)",
        _change("image_urls", OWN_IMAGES, "p.images", "p.images_differ"),
        _change("external_id", "NULL::text", "p.external_id", "p.new_mapping"),
    ))
}
FROM variants v, (SELECT q.number, c.title FROM plan q LEFT JOIN combos c USING (combo)) b
WHERE v.id = p.variant_id AND b.number = p.number AND NOT p.is_new AND p.fault IS NULL
  AND (p.attributes_differ OR p.sku_differs OR p.stock_differs OR p.options_differ OR p.images_differ
       OR p.new_mapping)"""  # fmt: skip
"""Before anything is written: of each variant that is there, from what to what."""

# --- variants ---------------------------------------------------------------------------------------------------------

WITHOUT_SKU: Final = """
SELECT p.number, p.part, h.product_id, p.sku_base FROM plan p JOIN heads h USING (part)
WHERE p.sku IS NULL AND p.fault IS NULL ORDER BY p.number"""
TAKEN_SKUS: Final = """
SELECT p.part, p.sku FROM plan p WHERE p.sku IS NOT NULL AND p.part = ANY(%(parts)s)
UNION ALL
SELECT h.part, v.sku FROM heads h JOIN variants v ON v.product_id = h.product_id WHERE h.part = ANY(%(parts)s)"""
GIVE_SKUS: Final = """
UPDATE plan p SET sku = g.sku FROM unnest(%(numbers)s::integer[], %(skus)s::text[]) AS g (number, sku)
WHERE p.number = g.number"""

KIND_NAMES: Final = ("new", "changed", "moved", "renamed", "restocked", "pictured", "mapped", "archived")
KINDS: Final = """
SELECT coalesce(bool_or(is_new), false), coalesce(bool_or(NOT is_new AND (attributes_differ OR options_differ)), false),
       coalesce(bool_or(NOT is_new AND (options_differ OR (old_status = 0 AND status = 1))), false),
       coalesce(bool_or(sku_differs), false), coalesce(bool_or(stock_differs), false),
       coalesce(bool_or(images_differ), false), coalesce(bool_or(new_mapping), false),
       EXISTS (SELECT FROM heads WHERE archived AND NOT created)
FROM plan WHERE fault IS NULL"""
"""What kinds of changes there are; most files bring one or two."""

TO_LOCK: Final = """
SELECT variant_id FROM plan WHERE fault IS NULL AND NOT is_new
   AND (attributes_differ OR sku_differs OR stock_differs OR options_differ OR images_differ OR new_mapping)
UNION
SELECT v.id FROM variants v JOIN heads h ON h.product_id = v.product_id WHERE h.archived AND v.status = 0"""
MISSING_TO_LOCK: Final = " UNION SELECT id FROM missing"
DEACTIVATE_MISSING: Final = """
WITH gone AS (
    UPDATE variants v SET status = 1, version = v.version + 1, updated_at = clock_timestamp()
    FROM missing m WHERE v.id = m.id AND v.status = 0 RETURNING v.id, v.version
)
INSERT INTO import_missing (import_id, variant_id, version_after) SELECT %(import)s::bigint, id, version FROM gone"""

# One variant's new combination may be another's present one, and the index looks at every row as it is written. So who
# leaves goes first: those that are deactivated, and those that change, to a digest that no combination can have.
STEP_ASIDE: Final = """
UPDATE variants v
SET status = p.status, options_digest = CASE WHEN p.status = 1 THEN v.options_digest ELSE 'moving-' || v.id END
FROM plan p
WHERE p.fault IS NULL AND NOT p.is_new AND v.id = p.variant_id AND v.status = 0 AND (p.status = 1 OR p.options_differ)
  AND EXISTS (SELECT FROM plan o
              WHERE o.fault IS NULL AND o.part = p.part AND o.number <> p.number AND o.status = 0
                AND coalesce(o.digest, '') = coalesce(v.options_digest, ''))"""

# An archived product sells nothing: its variants that are not in the file are deactivated too.
DEACTIVATE_ARCHIVED: Final = """
UPDATE variants v SET status = 1, version = v.version + 1, updated_at = clock_timestamp()
FROM heads h WHERE h.archived AND v.product_id = h.product_id AND v.status = 0
  AND NOT EXISTS (SELECT FROM plan p WHERE p.variant_id = v.id AND p.fault IS NULL)"""

CHANGE: Final = """
UPDATE variants v
SET title = p.title, price = p.price, compare_at_price = p.compare_at_price, ean = p.ean, vat_rate = p.vat_rate,
    status = p.status, options_digest = CASE WHEN p.options_differ THEN p.digest ELSE v.options_digest END,
    version = v.version + 1, updated_at = clock_timestamp()
FROM plan p
WHERE p.fault IS NULL AND NOT p.is_new AND v.id = p.variant_id AND (p.attributes_differ OR p.options_differ)"""

RENAME: Final = """
UPDATE variants v SET sku = p.sku, version = v.version + 1, updated_at = clock_timestamp()
FROM plan p WHERE p.fault IS NULL AND p.sku_differs AND v.id = p.variant_id"""

DROP_VALUES: Final = """
DELETE FROM option_value_variants ov USING plan p, combos b, option_values x
WHERE p.fault IS NULL AND NOT p.is_new AND p.options_differ AND b.combo = p.combo AND ov.variant_id = p.variant_id
  AND x.id = ov.option_value_id AND ov.option_value_id <> ALL(b.value_ids)
  AND x.option_type_id IN (SELECT y.option_type_id FROM option_values y WHERE y.id = ANY(b.value_ids))"""
CHANGED_VALUES: Final = """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT p.variant_id, unnest(b.value_ids) FROM plan p JOIN combos b USING (combo)
WHERE p.fault IS NULL AND NOT p.is_new AND p.options_differ
ON CONFLICT DO NOTHING"""

ADD: Final = """
INSERT INTO variants (id, product_id, sku, title, price, compare_at_price, stock, status, options_digest, ean, vat_rate)
SELECT p.variant_id, h.product_id, p.sku, p.title, p.price, p.compare_at_price, p.stock, p.status, b.digest, p.ean,
       p.vat_rate
FROM plan p JOIN heads h USING (part) LEFT JOIN combos b USING (combo)
WHERE p.fault IS NULL AND p.is_new ORDER BY p.number"""
"""Digest and status at once: whether the combination is free was decided before, under the product's lock."""

ADDED_VALUES: Final = """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT p.variant_id, unnest(b.value_ids) FROM plan p JOIN combos b USING (combo)
WHERE p.fault IS NULL AND p.is_new ORDER BY 1, 2"""

OWN_IMAGES_GONE: Final = """
DELETE FROM variant_images i USING plan p
WHERE p.fault IS NULL AND p.images_differ AND NOT p.is_new AND i.variant_id = p.variant_id"""
NEW_OWN_IMAGES: Final = """
INSERT INTO variant_images (product_id, variant_id, url, position)
SELECT h.product_id, p.variant_id, w.url, w.place - 1
FROM plan p JOIN heads h USING (part), unnest(p.images) WITH ORDINALITY AS w (url, place)
WHERE p.fault IS NULL AND p.images_differ"""

MAPPINGS: Final = """
INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
SELECT variant_id, %(source)s, %(account)s, external_id FROM plan
WHERE fault IS NULL AND new_mapping ORDER BY external_id"""

STOCKS: Final = """
SELECT p.variant_id, CASE WHEN %(add_stock)s THEN v.stock + p.amount ELSE p.stock END,
       p.expected IS NULL OR p.expected = v.stock
FROM plan p JOIN variants v ON v.id = p.variant_id WHERE p.fault IS NULL AND p.stock_differs"""
"""Asked under the lock, and whether the figure that the file was made from still stands."""

CHANGES: Final = (
    ("moved", STEP_ASIDE),
    ("archived", DEACTIVATE_ARCHIVED),
    ("moved", DROP_VALUES),
    ("changed", CHANGE),
    ("renamed", RENAME),
    ("moved", CHANGED_VALUES),
)
"""What is done to variants that are there, in this order, and the kind of change that asks for it."""
ADDITIONS: Final = (
    ("new", ADDED_VALUES),
    ("pictured", OWN_IMAGES_GONE),
    ("pictured", NEW_OWN_IMAGES),
    ("mapped", MAPPINGS),
)
"""What is added once all variants are there."""
