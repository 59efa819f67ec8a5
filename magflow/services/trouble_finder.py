"""What is wrong with the variants of some products, found and written down: whoever changes options looks again here.

An orphan holds a value, of an option in use, that its product no longer offers. An incomplete variant lacks a value for
an option of its product. A duplicate reads like another variant of its product: the same values once their names are
folded, or the same title, unless that is the product's name. Only active variants of products in use are looked at.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.models import Product

AT_ONCE: Final = 200
"""Products that one transaction of the regular look through all of them takes."""

# As `domain.options.name_key` folds: without case, accents and doubled blanks.
_FOLD: Final = (
    r"btrim(regexp_replace(regexp_replace(lower(normalize({0}, NFKD)), '[\u0300-\u036f]', '', 'g'), '\s+', ' ', 'g'))"
)

FIND: Final = f"""
WITH looked AS MATERIALIZED (
    SELECT v.id, v.product_id, v.title, v.options_digest, p.name AS product_name
    FROM variants v JOIN products p ON p.id = v.product_id
    WHERE v.product_id = ANY(%(ids)s::bigint[]) AND v.status = 0 AND NOT p.archived
), held AS MATERIALIZED (
    SELECT l.id, l.product_id, o.id AS value_id, o.option_type_id, coalesce(o.name_key, {_FOLD.format("o.name")}) AS key
    FROM looked l
    JOIN option_value_variants h ON h.variant_id = l.id
    JOIN option_values o ON o.id = h.option_value_id
    JOIN product_option_types t ON t.product_id = l.product_id AND t.option_type_id = o.option_type_id
), named AS (
    SELECT id, product_id, 'values' AS how,
           string_agg(option_type_id || ':' || key, E'\\n' ORDER BY option_type_id) AS name
    FROM held GROUP BY id, product_id
    UNION ALL
    SELECT id, product_id, 'title', {_FOLD.format("title")} FROM looked
    WHERE title IS NOT NULL AND {_FOLD.format("title")} <> {_FOLD.format("product_name")}
), alike AS (
    SELECT array_agg(id ORDER BY id) AS ids FROM named GROUP BY product_id, how, name HAVING count(*) > 1
), twins AS (
    SELECT one.id, string_agg(DISTINCT other.id::text, '-') AS others
    FROM alike a, unnest(a.ids) AS one (id), unnest(a.ids[1:50]) AS other (id)
    WHERE other.id <> one.id GROUP BY one.id
), found AS (
    SELECT h.id AS variant_id, 'orphan' AS kind, h.product_id,
           string_agg(h.value_id::text, '-' ORDER BY h.value_id) AS state
    FROM held h
    WHERE NOT EXISTS (SELECT FROM product_option_values f
                      WHERE f.product_id = h.product_id AND f.option_value_id = h.value_id)
    GROUP BY h.id, h.product_id
    UNION ALL
    SELECT l.id, 'incomplete', l.product_id, string_agg(t.option_type_id::text, '-' ORDER BY t.option_type_id)
    FROM looked l
    JOIN product_option_types t ON t.product_id = l.product_id
    WHERE NOT EXISTS (SELECT FROM held h WHERE h.id = l.id AND h.option_type_id = t.option_type_id)
    GROUP BY l.id, l.product_id
    UNION ALL
    SELECT l.id, 'duplicate', l.product_id, w.others FROM twins w JOIN looked l ON l.id = w.id
)"""

LOOK: Final = f"""{FIND}, gone AS (
    DELETE FROM variant_troubles t
    WHERE t.product_id = ANY(%(ids)s::bigint[])
      AND NOT EXISTS (SELECT FROM found f WHERE f.variant_id = t.variant_id AND f.kind = t.kind)
)
INSERT INTO variant_troubles AS t (variant_id, kind, product_id, state)
SELECT variant_id, kind, product_id, state FROM found ORDER BY variant_id, kind
ON CONFLICT (variant_id, kind) DO UPDATE SET state = excluded.state, product_id = excluded.product_id
WHERE (t.state, t.product_id) IS DISTINCT FROM (excluded.state, excluded.product_id)"""

SWEEP: Final = "DELETE FROM variant_troubles t WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = t.product_id)"


def look(session: Session, product_ids: Iterable[int]) -> None:
    """Look through these products again, in the caller's transaction; one statement whatever their number."""
    if ids := sorted(set(product_ids)):
        execute(session, LOOK, {"ids": ids})


@transactional
def look_at_some(session: Session, after: int, *, actor: Actor) -> int | None:
    """Look through the next products behind an id. Returns the last of them, None at the end."""
    ids = list(session.scalars(select(Product.id).where(Product.id > after).order_by(Product.id).limit(AT_ONCE)))
    look(session, ids)
    if len(ids) < AT_ONCE:
        execute(session, SWEEP)
        return None
    return ids[-1]
