"""What the adoption of an old shop overwrote or took away, and how it stands today."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE: Final = 500

RULES: Final = text("""
SELECT rule, count(*), min(at) FROM adoption_changes GROUP BY rule ORDER BY min(id)""")

# Rows of four tables can be looked up by their id; of the others the old values say all that there is.
CHANGES: Final = text("""
SELECT c.id, c.at, c.rule, c.table_name, c.row_id, c.old, v.row, v.variant_id, v.called, v.order_id, v.number
FROM adoption_changes c LEFT JOIN LATERAL (
    SELECT to_jsonb(x) AS row, x.id AS variant_id, x.sku || ' · ' || p.name AS called, NULL::bigint AS order_id,
           NULL AS number
    FROM variants x JOIN products p ON p.id = x.product_id
    WHERE c.table_name = 'variants' AND c.row_id ~ '^[0-9]{1,18}$' AND x.id = c.row_id::bigint
    UNION ALL
    SELECT to_jsonb(i), NULL, coalesce(i.variant_sku, i.product_name), o.id, o.number
    FROM order_items i JOIN orders o ON o.id = i.order_id
    WHERE c.table_name = 'order_items' AND c.row_id ~ '^[0-9]{1,18}$' AND i.id = c.row_id::bigint
    UNION ALL
    SELECT to_jsonb(n), NULL, n.name, NULL, NULL FROM option_values n
    WHERE c.table_name = 'option_values' AND c.row_id ~ '^[0-9]{1,18}$' AND n.id = c.row_id::bigint
) v ON true
WHERE c.id > :after AND (CAST(:rule AS text) IS NULL OR c.rule = :rule)
ORDER BY c.id LIMIT :most""")


@dataclass(frozen=True)
class Change:
    """A row that the adoption changed: what it was, and what it is now; None where it was taken away."""

    id: int
    rule: str
    table: str
    row_id: str | None
    old: Mapping[str, Any]
    now: Mapping[str, Any] | None
    variant_id: int | None
    called: str | None
    order_id: int | None
    number: str | None


def rules(session: Session) -> Sequence[tuple[str, int, Any]]:
    """(rule, rows, when) of everything that was changed, in the order in which it was done."""
    return [(row[0], row[1], row[2]) for row in session.execute(RULES)]


def changes(session: Session, rule: str | None, *, after: int = 0, most: int = PAGE) -> list[Change]:
    """The next rows that a rule changed; of all rules where none is named."""
    found = session.execute(CHANGES, {"rule": rule, "after": after, "most": most})
    return [_change(row) for row in found]


def _change(row: Any) -> Change:
    id_, _at, rule, table, row_id, old, now, variant_id, called, order_id, number = row
    kept = {name: value for name, value in old.items() if value is not None or now is not None}
    today = None if now is None else {name: now.get(name) for name in kept}
    return Change(id_, rule, table, row_id, kept, today, variant_id, called, order_id, number)


def every(session: Session) -> Iterator[Change]:
    """All of them, page by page."""
    after = 0
    while page := changes(session, None, after=after):
        yield from page
        after = page[-1].id
