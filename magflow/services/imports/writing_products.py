"""The statements that write a chunk's products, its options and values, and which product uses which."""

from typing import Final

from magflow.services.imports.matching import HEAD_FIELDS_DIFFER, HEAD_IMAGES_DIFFER, WANTED_ALTS

# A product of which no row is taken is left alone.
ACCEPTED: Final = """
UPDATE heads h SET accepted = true
WHERE h.part IN (SELECT part FROM plan WHERE fault IS NULL)
   OR (h.product_id IS NOT NULL AND h.part IN (SELECT part FROM found WHERE NOT is_variant))
   OR (h.alone AND h.name IS NOT NULL AND h.ambiguous IS NOT TRUE AND NOT %(update_only)s)"""

MARK_HEADS: Final = f"""
UPDATE heads h
SET fields_differ = {HEAD_FIELDS_DIFFER}, images_differ = {HEAD_IMAGES_DIFFER}, alts = {WANTED_ALTS}
FROM products p WHERE p.id = h.product_id AND h.accepted AND NOT %(create_only)s"""

NEW_PRODUCTS: Final = """
WITH wanted AS (
    SELECT * FROM heads h WHERE h.product_id IS NULL AND h.accepted
), made AS (
    INSERT INTO products (handle, name, description, brand, category, archived, archived_at)
    SELECT handle, name, description, brand, category, coalesce(archived, false),
           CASE WHEN archived THEN clock_timestamp() END
    FROM wanted ORDER BY handle
    ON CONFLICT (handle) DO NOTHING
    RETURNING id, handle
), linked AS (
    UPDATE heads h SET product_id = made.id, created = true, images_differ = h.urls IS NOT NULL
    FROM made WHERE h.product_id IS NULL AND h.handle = made.handle
)
SELECT (SELECT count(*) FROM wanted) - (SELECT count(*) FROM made)"""
"""Returns how many somebody else has made meanwhile."""


def _told(name: str, differs: str) -> str:
    built = f"jsonb_build_object('{name}', jsonb_build_array(p.{name}, h.{name}))"
    return f"(CASE WHEN {differs} THEN {built} ELSE '{{}}' END)"


def _told_if_said(name: str) -> str:
    return _told(name, f"h.{name} IS DISTINCT FROM p.{name} AND (h.{name} IS NOT NULL OR '{name}' = ANY(h.clears))")


# (Address, text for those who do not see) of each picture, as `undo` compares it with what is there.
PICTURES: Final = """(SELECT coalesce(jsonb_agg(jsonb_build_array(e.url, e.alt_text) ORDER BY e.position, e.id), '[]')
    FROM variant_images e WHERE e.product_id = {product} AND e.variant_id IS NULL)"""
WANTED_PICTURES: Final = """(SELECT jsonb_agg(jsonb_build_array(w.url, w.alt) ORDER BY w.place)
    FROM unnest(h.urls, h.alts) WITH ORDINALITY AS w (url, alt, place))"""

PRODUCT_CHANGES: Final = f"""
INSERT INTO import_products AS i (import_id, product_id, created, changes, version_after)
SELECT %(import)s::bigint, h.product_id, h.created,
       CASE WHEN NOT h.created THEN
           {_told("name", "h.name <> p.name")} || {_told_if_said("description")} || {_told_if_said("brand")}
           || {_told_if_said("category")} || {_told("archived", "h.archived <> p.archived")}
           || (CASE WHEN h.images_differ THEN jsonb_build_object('images', jsonb_build_array(
               {PICTURES.format(product="h.product_id")}, {WANTED_PICTURES})) ELSE '{{}}' END)
       END,
       p.version + h.fields_differ::integer
FROM heads h JOIN products p ON p.id = h.product_id WHERE h.created OR h.fields_differ OR h.images_differ
ON CONFLICT (import_id, product_id) DO UPDATE
SET changes = excluded.changes || i.changes, version_after = excluded.version_after"""
"""Before the products are changed: from what to what, and which version they will then have."""

CHANGED_PRODUCTS: Final = """
UPDATE products p
SET name = coalesce(h.name, p.name),
    description = coalesce(h.description, CASE WHEN NOT 'description' = ANY(h.clears) THEN p.description END),
    brand = coalesce(h.brand, CASE WHEN NOT 'brand' = ANY(h.clears) THEN p.brand END),
    category = coalesce(h.category, CASE WHEN NOT 'category' = ANY(h.clears) THEN p.category END),
    archived = coalesce(h.archived, p.archived),
    archived_at = CASE WHEN h.archived IS NULL OR h.archived = p.archived THEN p.archived_at
                       WHEN h.archived THEN clock_timestamp() END,
    version = p.version + 1, updated_at = clock_timestamp()
FROM heads h WHERE p.id = h.product_id AND h.fields_differ"""

PRODUCT_IMAGES_GONE: Final = """
DELETE FROM variant_images i USING heads h
WHERE h.images_differ AND NOT h.created AND i.product_id = h.product_id AND i.variant_id IS NULL"""
PRODUCT_IMAGES: Final = """
INSERT INTO variant_images (product_id, url, alt_text, position)
SELECT h.product_id, w.url, w.alt, w.place - 1
FROM heads h, unnest(h.urls, h.alts) WITH ORDINALITY AS w (url, alt, place) WHERE h.images_differ"""

UNKNOWN: Final = "SELECT EXISTS (SELECT FROM combos WHERE NOT known)"

USED: Final = """
used AS (
    SELECT DISTINCT p.combo FROM plan p JOIN combos c USING (combo) WHERE p.fault IS NULL AND NOT c.known
)"""

NEW_TYPES: Final = f"""
WITH {USED}, named AS (
    SELECT DISTINCT ON (o.type_key) o.type_key, o.type_name, o.position
    FROM used u JOIN import_options o ON o.import_id = %(import)s AND o.combo = u.combo
    ORDER BY o.type_key, o.combo
)
INSERT INTO option_types (name, presentation, name_key, position)
SELECT n.type_name, n.type_name, n.type_key,
       (SELECT coalesce(max(position), 0) FROM option_types) + row_number() OVER (ORDER BY n.position, n.type_key)
FROM named n WHERE NOT EXISTS (SELECT FROM option_types t WHERE t.name_key = n.type_key)
ON CONFLICT (name_key) DO NOTHING"""

NEW_VALUES: Final = f"""
WITH {USED}, named AS (
    SELECT DISTINCT ON (t.id, o.value_key) t.id AS type_id, o.value_key, o.value_name, o.combo
    FROM used u JOIN import_options o ON o.import_id = %(import)s AND o.combo = u.combo
    JOIN option_types t ON t.name_key = o.type_key
    WHERE o.value_key IS NOT NULL
    ORDER BY t.id, o.value_key, o.combo
), last AS (
    SELECT option_type_id, max(position) AS position FROM option_values
    WHERE option_type_id IN (SELECT type_id FROM named) GROUP BY option_type_id
)
INSERT INTO option_values (option_type_id, name, presentation, name_key, position)
SELECT n.type_id, n.value_name, n.value_name, n.value_key,
       coalesce(l.position, 0) + row_number() OVER (PARTITION BY n.type_id ORDER BY n.combo)
FROM named n LEFT JOIN last l ON l.option_type_id = n.type_id
WHERE NOT EXISTS (SELECT FROM option_values v WHERE v.option_type_id = n.type_id AND v.name_key = n.value_key)
ON CONFLICT (option_type_id, name_key) DO NOTHING"""

RESOLVE_COMBOS: Final = """
WITH resolved AS (
    SELECT o.combo, string_agg(v.id::text, '-' ORDER BY v.id) AS digest,
           coalesce(array_agg(v.id ORDER BY v.id) FILTER (WHERE v.id IS NOT NULL), '{}') AS value_ids
    FROM combos c JOIN import_options o ON o.import_id = %(import)s AND o.combo = c.combo
    LEFT JOIN option_types t ON t.name_key = o.type_key
    LEFT JOIN option_values v ON v.option_type_id = t.id AND v.name_key = o.value_key
    WHERE NOT c.known GROUP BY o.combo
)
UPDATE combos c SET digest = r.digest, value_ids = r.value_ids, known = true FROM resolved r WHERE c.combo = r.combo"""

# Which product will use which values; a row whose options stay as they are asks for nothing.
USES: Final = """
CREATE TEMPORARY TABLE uses ON COMMIT DROP AS
WITH options AS MATERIALIZED (
    SELECT o.combo, o.position, t.id AS type_id, v.id AS value_id, o.type_name
    FROM combos c JOIN import_options o ON o.import_id = %(import)s AND o.combo = c.combo
    JOIN option_types t ON t.name_key = o.type_key
    LEFT JOIN option_values v ON v.option_type_id = t.id AND v.name_key = o.value_key
)
SELECT p.part, o.type_id, o.value_id, min(o.type_name) AS type_name, min(o.combo) AS combo, min(o.position) AS place
FROM (SELECT DISTINCT part, combo FROM plan WHERE fault IS NULL AND options_differ AND combo IS NOT NULL) p
JOIN options o USING (combo)
GROUP BY p.part, o.type_id, o.value_id"""

RETURNING_TYPES: Final = """
SELECT h.product_id, min(u.type_name) AS name, min(u.place) AS place
FROM uses u JOIN heads h USING (part)
WHERE NOT h.created
  AND NOT EXISTS (SELECT FROM product_option_types e
                  WHERE e.product_id = h.product_id AND e.option_type_id = u.type_id)
  AND EXISTS (SELECT FROM variants v JOIN option_value_variants ov ON ov.variant_id = v.id
              JOIN option_values x ON x.id = ov.option_value_id
              WHERE v.product_id = h.product_id AND x.option_type_id = u.type_id)
GROUP BY h.product_id, u.type_id ORDER BY h.product_id, place"""
"""Products that get back an option of which variants still hold values: their digests have to be computed anew."""

PRODUCT_TYPES: Final = """
WITH wanted AS (
    SELECT h.product_id, u.type_id, min(u.place) AS place
    FROM uses u JOIN heads h USING (part) GROUP BY h.product_id, u.type_id
), last AS (
    SELECT e.product_id, max(e.position) AS position
    FROM product_option_types e JOIN heads h ON h.product_id = e.product_id GROUP BY e.product_id
)
INSERT INTO product_option_types (product_id, option_type_id, position)
SELECT w.product_id, w.type_id,
       coalesce(l.position, -1) + row_number() OVER (PARTITION BY w.product_id ORDER BY w.place, w.type_id)
FROM wanted w LEFT JOIN last l USING (product_id)
WHERE NOT EXISTS (SELECT FROM product_option_types e
                  WHERE e.product_id = w.product_id AND e.option_type_id = w.type_id)"""

PRODUCT_VALUES: Final = """
WITH last AS (
    SELECT e.product_id, max(e.position) AS position
    FROM product_option_values e JOIN heads h ON h.product_id = e.product_id GROUP BY e.product_id
)
INSERT INTO product_option_values (product_id, option_value_id, position)
SELECT h.product_id, u.value_id,
       coalesce(l.position, -1) + row_number() OVER (PARTITION BY h.product_id ORDER BY u.combo, u.value_id)
FROM uses u JOIN heads h USING (part) LEFT JOIN last l ON l.product_id = h.product_id
WHERE u.value_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM product_option_values e
                  WHERE e.product_id = h.product_id AND e.option_value_id = u.value_id)"""
