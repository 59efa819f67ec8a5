"""The stock ledger: the only writer of `variants.stock`. Every change is one statement with a declared reason.

The database's trigger turns each change into a movement and refuses one without a reason (invariant 10). Each
function wants its variants locked by the caller and works on any number of them with one statement.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import psycopg
from sqlalchemy.orm import Session

from magflow.concurrency import Batch, batch
from magflow.domain.errors import StaleVersion

Reason = Literal["sale", "restock", "adjustment", "count", "import", "feed", "transfer"]

DECLARED: Final = """
WITH declared AS MATERIALIZED (
    SELECT set_config('magflow.stock_reason', %(reason)s, true),
           set_config('magflow.stock_source_type', %(source_type)s, true),
           set_config('magflow.stock_source_id', %(source_id)s, true),
           set_config('magflow.stock_note', %(note)s, true)
), wanted AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(amounts)s::integer[]) AS w (id, amount)
)"""

TAKE: Final = f"""{DECLARED}
UPDATE variants v SET stock = v.stock - w.amount
FROM wanted w, declared
WHERE v.id = w.id AND v.status = 0 AND v.stock >= w.amount
RETURNING v.id"""

ADD: Final = f"""{DECLARED}
UPDATE variants v SET stock = v.stock + w.amount
FROM wanted w, declared
WHERE v.id = w.id AND v.stock + w.amount >= 0
RETURNING v.id, v.stock"""

SET: Final = f"""{DECLARED}
UPDATE variants v SET stock = w.amount
FROM wanted w, declared
WHERE v.id = w.id AND v.stock IS DISTINCT FROM w.amount
RETURNING v.id, v.stock"""

# A declaration serves one statement: what follows in the same transaction must give its own reason.
CLEAR: Final = """
SELECT set_config('magflow.stock_reason', '', true), set_config('magflow.stock_source_type', '', true),
       set_config('magflow.stock_source_id', '', true), set_config('magflow.stock_note', '', true)"""


def take(statements: Batch, quantities: Mapping[int, int], *, order_id: int) -> "psycopg.Cursor[Any]":
    """Sell: take these quantities, of active variants that have them. The cursor returns the ids that were taken;
    the caller compares and refuses the whole order when one is missing."""
    return _send(statements, TAKE, quantities, reason="sale", source_type="order", source_id=order_id)


def put_back(statements: Batch, quantities: Mapping[int, int], *, document_id: int) -> "psycopg.Cursor[Any]":
    """Goods came back, once per restock document and variant."""
    return _send(statements, ADD, quantities, reason="restock", source_type="restock", source_id=document_id)


def add(session: Session, deltas: Mapping[int, int], *, reason: Reason, note: str = "") -> dict[int, int]:
    """Change stock by signed differences. Returns the new stock of those that did not fall below zero."""
    with batch(session) as statements:
        changed = _send(statements, ADD, deltas, reason=reason, note=note)
    return dict(changed.fetchall())


def set_to(
    session: Session,
    stocks: Mapping[int, int],
    *,
    reason: Reason,
    note: str = "",
    source_type: str = "",
    source_id: int | None = None,
) -> dict[int, int]:
    """Set absolute stocks. Returns those that changed; equal ones are left untouched and leave no movement."""
    with batch(session) as statements:
        changed = _send(statements, SET, stocks, reason=reason, note=note, source_type=source_type, source_id=source_id)
    return dict(changed.fetchall())


def check_expected(field: str, expected: int, there: int) -> None:
    """Refuse an absolute stock that was decided on another figure than the one that stands now."""
    if expected != there:
        raise StaleVersion(expected, there, {field: there})


def _send(
    statements: Batch,
    sql: str,
    amounts: Mapping[int, int],
    *,
    reason: Reason,
    note: str = "",
    source_type: str = "",
    source_id: int | None = None,
) -> "psycopg.Cursor[Any]":
    changed = statements.send(
        sql,
        {
            "reason": reason,
            "source_type": source_type,
            "source_id": "" if source_id is None else str(source_id),
            "note": note,
            "ids": list(amounts.keys()),
            "amounts": list(amounts.values()),
        },
    )
    statements.send(CLEAR)
    return changed
