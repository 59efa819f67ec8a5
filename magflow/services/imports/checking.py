"""What only the whole file shows: one product in two places, the same key twice; and the plan of chunks.

All of it is set-based and decided by the file alone, so that the same file always comes to the same plan.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.services.imports.preparing import Superseded

CHUNK_ROWS: Final = 5_000
"""Rows that are applied together: enough to make a statement worth its while, few enough to be over in a second."""
FIRST_CHUNK_ROWS: Final = 500
"""The first one is small: after it the server has statistics, without which a new shop's tables are read whole."""
CHUNK_ORDER_LINES: Final = 500
"""At most so many orders are taken together."""

JOIN_RUNS: Final = """
WITH first AS (
    SELECT run_of, min(run_of) OVER (PARTITION BY key) AS part FROM import_stage
    WHERE import_id = %(import)s AND key IS NOT NULL
)
UPDATE import_stage s SET part = first.part FROM first
WHERE s.import_id = %(import)s AND s.run_of = first.run_of AND first.part <> first.run_of"""

# Rows that name no product are about the one whose variant they find, by what the import goes by, in this order. Every
# such row stays a part of its own, so that the plan does not change with the shop. None of them makes a variant.
FIND_PRODUCTS: Final = """
WITH keys AS (
    SELECT s.part, s.number, s.line, s.sku, k.place, k.variant_id
    FROM import_stage s CROSS JOIN LATERAL (
        SELECT 1 AS place, x.variant_id FROM variant_external_ids x
        WHERE 'external_id' = ANY(%(match)s) AND x.source = %(source)s AND x.source_account = %(account)s
          AND x.external_id = s.external_id
        UNION ALL
        SELECT 2, v.id FROM variants v WHERE 'sku' = ANY(%(match)s) AND v.sku = s.sku
        UNION ALL
        SELECT 3, v.id FROM variants v WHERE 'ean' = ANY(%(match)s) AND v.ean = s.ean
    ) k
    WHERE s.import_id = %(import)s AND s.key IS NULL
), best AS (
    SELECT part, number, min(place) AS place FROM keys GROUP BY part, number
), found AS (
    SELECT part, number, min(variant_id) AS variant_id, count(DISTINCT variant_id) AS many
    FROM keys JOIN best USING (part, number, place) GROUP BY part, number
), noted AS (
    INSERT INTO import_rows (import_id, number, line, outcome, errors)
    SELECT %(import)s::bigint, s.number, s.line, 'refused', jsonb_build_array(jsonb_build_object(
               'column', %(headers)s::jsonb ->> 'sku', 'code', CASE WHEN f.many > 1 THEN 'several_variants'
               ELSE 'not_there' END, 'params', '{}'::jsonb,
               'value', coalesce(s.sku, s.ean, s.external_id, '')))
    FROM import_stage s LEFT JOIN found f USING (part, number)
    WHERE s.import_id = %(import)s AND s.key IS NULL AND f.many IS DISTINCT FROM 1
    ON CONFLICT (import_id, number) DO NOTHING
)
UPDATE import_stage s
SET key = p.handle, key_given = true, refused = f.many IS DISTINCT FROM 1,
    sku = CASE WHEN f.many = 1 THEN v.sku ELSE s.sku END
FROM import_stage o LEFT JOIN found f USING (part, number)
LEFT JOIN variants v ON v.id = f.variant_id AND f.many = 1 LEFT JOIN products p ON p.id = v.product_id
WHERE o.import_id = %(import)s AND s.import_id = %(import)s AND s.part = o.part AND s.number = o.number
  AND s.key IS NULL"""

SAME_VARIANT: Final = """
SELECT s.part, s.number, s.line, jsonb_build_array(jsonb_build_object(
           'column', %(headers)s::jsonb ->> 'sku', 'code', 'same_key_twice',
           'params', jsonb_build_object('lines', twice.lines), 'value', s.sku)) AS errors
FROM import_stage s
JOIN (SELECT key, sku, string_agg(line::text, ', ' ORDER BY number) AS lines FROM import_stage
      WHERE import_id = %(import)s AND NOT refused GROUP BY key, sku HAVING count(*) > 1) twice
  ON s.import_id = %(import)s AND s.key = twice.key AND s.sku = twice.sku"""

# Runs of one product that say different things: the first to say something is believed, and a run that says otherwise
# is refused from that row on. (Within a run the reader has refused the row already.)
CONTRADICTIONS: Final = """
WITH said AS (
    SELECT s.part, s.run_of, s.number, s.line, c.name, c.value
    FROM import_stage s,
         LATERAL (VALUES ('name', s.name), ('description', s.description), ('brand', s.brand),
                         ('category', s.category), ('status', s.archived::text)) AS c (name, value)
    WHERE s.import_id = %(import)s AND c.value IS NOT NULL
      AND s.part IN (SELECT part FROM import_stage WHERE import_id = %(import)s AND run_of <> part)
), first AS (
    SELECT DISTINCT ON (part, name) part, name, value, line FROM said ORDER BY part, name, number
), wrong AS (
    SELECT DISTINCT ON (said.part, said.run_of)
           said.part, said.run_of, said.number, said.name, said.value, first.line
    FROM said JOIN first USING (part, name) WHERE said.value <> first.value
    ORDER BY said.part, said.run_of, said.number
)
SELECT s.part, s.number, s.line, jsonb_build_array(jsonb_build_object(
           'column', %(headers)s::jsonb ->> wrong.name, 'code', 'contradicts',
           'params', jsonb_build_object('line', wrong.line), 'value', left(wrong.value, 200))) AS errors
FROM import_stage s
JOIN wrong
    ON s.import_id = %(import)s AND s.part = wrong.part AND s.run_of = wrong.run_of AND s.number >= wrong.number"""

SAME_SKU: Final = """
SELECT s.part, s.number, s.line, jsonb_build_array(jsonb_build_object(
           'column', %(headers)s::jsonb ->> 'sku', 'code', 'same_key_twice',
           'params', jsonb_build_object('lines', twice.lines), 'value', s.sku)) AS errors
FROM import_stage s
JOIN (SELECT part, sku, string_agg(line::text, ', ' ORDER BY number) AS lines FROM import_stage
      WHERE import_id = %(import)s AND sku IS NOT NULL GROUP BY part, sku HAVING count(*) > 1) twice
  ON s.import_id = %(import)s AND s.part = twice.part AND s.sku = twice.sku"""

SAME_EXTERNAL_ID: Final = """
SELECT s.part, s.number, s.line, jsonb_build_array(jsonb_build_object(
           'column', %(headers)s::jsonb ->> 'external_id', 'code', 'same_key_twice',
           'params', jsonb_build_object('lines', twice.lines), 'value', s.external_id)) AS errors
FROM import_stage s
JOIN (SELECT external_id, string_agg(line::text, ', ' ORDER BY number) AS lines FROM import_stage
      WHERE import_id = %(import)s AND external_id IS NOT NULL GROUP BY external_id HAVING count(*) > 1) twice
  ON s.import_id = %(import)s AND s.external_id = twice.external_id"""

# One combination twice in a product: wrong where it is all that identifies the row, or where both shall be active.
# Rows with a SKU and no word about their status are judged when it is known which variants they are.
SAME_COMBINATION: Final = """
WITH combos AS (
    SELECT combo, string_agg(type_key || E'\\x1f' || value_key, E'\\x1e' ORDER BY type_key) AS canonical
    FROM import_options WHERE import_id = %(import)s GROUP BY combo
), rows AS (
    SELECT s.part, s.number, s.line, s.sku IS NULL AS keyed, coalesce(s.active, true) AS active,
           coalesce(c.canonical, '') AS canonical
    FROM import_stage s LEFT JOIN combos c ON c.combo = s.combo
    WHERE s.import_id = %(import)s AND s.is_variant AND s.external_id IS NULL
      AND (s.sku IS NULL OR (s.active AND c.canonical IS NOT NULL))
), twice AS (
    SELECT part, canonical, active, string_agg(line::text, ', ' ORDER BY number) AS lines
    FROM rows GROUP BY part, canonical, active HAVING count(*) > 1 AND (active OR bool_or(keyed))
)
SELECT r.part, r.number, r.line, jsonb_build_array(jsonb_build_object(
           'column', %(headers)s::jsonb ->> 'options', 'code', 'same_combination_twice',
           'params', jsonb_build_object('lines', t.lines), 'value', '')) AS errors
FROM rows r JOIN twice t USING (part, canonical, active)"""

# An order is taken whole or not at all.
ORDER_NOT_WHOLE: Final = """
SELECT s.part, s.number, s.line, jsonb_build_array(jsonb_build_object(
           'column', '', 'code', 'order_not_whole', 'params', jsonb_build_object('line', wrong.line),
           'value', '')) AS errors
FROM import_stage s
JOIN (SELECT part, min(line) AS line FROM import_stage WHERE import_id = %(import)s AND refused GROUP BY part) wrong
  ON s.import_id = %(import)s AND s.part = wrong.part AND NOT s.refused"""

REFUSE: Final = """
WITH wrong AS MATERIALIZED ({found}), noted AS (
    INSERT INTO import_rows (import_id, number, line, outcome, errors)
    SELECT DISTINCT ON (number) %(import)s::bigint, number, line, 'refused', errors FROM wrong
    ON CONFLICT (import_id, number) DO NOTHING
)
UPDATE import_stage s SET refused = true FROM wrong
WHERE s.import_id = %(import)s AND s.part = wrong.part AND s.number = wrong.number"""

PLAN: Final = """
WITH parts AS (
    SELECT part, count(*)::integer AS rows FROM import_stage WHERE import_id = %(import)s AND NOT refused GROUP BY part
), placed AS (
    SELECT part, rows, (sum(rows) OVER (ORDER BY part) - rows)::bigint AS before FROM parts
), bucketed AS (
    SELECT part, rows, CASE WHEN before < %(first)s THEN 0 ELSE 1 + (before - %(first)s) / %(size)s END AS bucket
    FROM placed
), chunks AS (
    SELECT bucket, min(part) AS first_part, max(part) AS last_part, sum(rows)::integer AS rows
    FROM bucketed GROUP BY bucket
)
INSERT INTO import_chunks (import_id, number, first_part, last_part, rows)
SELECT %(import)s, row_number() OVER (ORDER BY first_part), first_part, last_part, rows FROM chunks"""

RUNNING: Final = """
UPDATE imports SET status = 'running', beat_at = clock_timestamp() WHERE id = %(import)s AND run = %(run)s
RETURNING id"""


@dataclass(frozen=True)
class Asked:
    """What the whole of a file is asked about."""

    import_id: int
    run: int
    kind: str
    source: str
    source_account: str
    match: Sequence[str]
    keyless: bool
    """Its rows name no products."""
    planned: bool


def check(asked: Asked, headers: Mapping[str, str], *, actor: Actor) -> None:
    """Refuse what only the whole file shows, and lay out the chunks unless an earlier run did. Raises Superseded.

    Each question is a transaction of its own: a file of millions of rows must not hold one for minutes.
    `headers`: field -> its column as the file calls it.
    """
    values: dict[str, Any] = {
        "import": asked.import_id,
        "run": asked.run,
        "source": asked.source,
        "account": asked.source_account,
        "match": list(asked.match),
        "headers": json.dumps(dict(headers), ensure_ascii=False),
        "first": CHUNK_ORDER_LINES if asked.kind == "orders" else FIRST_CHUNK_ROWS,
        "size": CHUNK_ORDER_LINES if asked.kind == "orders" else CHUNK_ROWS,
    }
    statements = ["SELECT magflow_look_at_stage()"]
    if asked.kind == "variants" and asked.keyless:
        statements += [FIND_PRODUCTS, REFUSE.format(found=SAME_VARIANT)]
    elif asked.kind == "variants":
        questions = (CONTRADICTIONS, SAME_SKU, SAME_EXTERNAL_ID, SAME_COMBINATION)
        statements += [JOIN_RUNS, *(REFUSE.format(found=question) for question in questions)]
    elif asked.kind == "stock":
        statements.append(JOIN_RUNS)
    elif asked.kind == "orders":
        statements += [JOIN_RUNS, REFUSE.format(found=ORDER_NOT_WHOLE)]
    if not asked.planned:
        statements.append(PLAN)
    for statement in statements:
        _ask(statement, values, actor=actor)


@transactional
def _ask(session: Session, statement: str, values: Mapping[str, Any], *, actor: Actor) -> None:
    if execute(session, RUNNING, values).fetchone() is None:
        raise Superseded
    execute(session, statement, values)
