"""The stock ledger: the only writer of `variants.stock`. Every change is one statement with a declared reason.

The database's trigger turns each change into a movement and refuses one without a reason (invariant 10). Each
function wants its variants locked by the caller and works on any number of them with one statement.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from sqlalchemy.orm import Session

from magflow.concurrency import Batch, Rows, batch
from magflow.domain.errors import StaleVersion

Reason = Literal["sale", "restock", "adjustment", "count", "import", "feed", "transfer"]

# One statement declares the reason, changes the stock and clears the declaration: what follows in the same transaction
# must give a reason of its own. The join makes the declaration come first, the aggregate makes the clearing come last.
# The news of it is written along, one for each variant that changed.
CHANGE: Final = """
WITH declared AS MATERIALIZED (
    SELECT set_config('magflow.stock_reason', %(reason)s, true),
           set_config('magflow.stock_source_type', %(source_type)s, true),
           set_config('magflow.stock_source_id', %(source_id)s, true),
           set_config('magflow.stock_note', %(note)s, true)
), wanted AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(amounts)s::integer[]) AS w (id, amount)
), changed AS (
    UPDATE variants v SET stock = {stock} FROM wanted w, declared WHERE v.id = w.id AND {when}
    RETURNING v.id, v.stock, v.sku
), told AS (
    INSERT INTO events (type, payload)
    SELECT 'stock.changed', jsonb_build_object('variant_id', id, 'sku', sku, 'stock', stock) FROM changed ORDER BY id
)
SELECT coalesce(jsonb_object_agg(id, stock), '{{}}'),
       set_config('magflow.stock_reason', '', true), set_config('magflow.stock_source_type', '', true),
       set_config('magflow.stock_source_id', '', true), set_config('magflow.stock_note', '', true)
FROM changed"""

ADD: Final = CHANGE.format(stock="v.stock + w.amount", when="v.stock + w.amount >= 0")
SET: Final = CHANGE.format(stock="w.amount", when="v.stock IS DISTINCT FROM w.amount")

SALE: Final = """
declared AS MATERIALIZED (
    SELECT set_config('magflow.stock_reason', 'sale', true), set_config('magflow.stock_source_type', 'order', true),
           set_config('magflow.stock_source_id', order_id::text, true), set_config('magflow.stock_note', '', true)
    FROM decided WHERE sound
), taken AS (
    UPDATE variants v SET stock = v.stock - w.amount FROM wanted w, declared
    WHERE v.id = w.variant_id AND v.status = 0 AND v.stock >= w.amount
    RETURNING v.id, v.stock
)"""
"""The part of a checkout's statement that takes stock: of active variants that have it, if the order is sound.

Stands behind `decided (order_id, sound)` and `wanted (variant_id, amount)`; who compares `taken` with `wanted` confirms
the order only when both agree. The variants are locked by then. `forget` belongs behind the statement.
"""


class Changed:
    """What a statement of the ledger did; asked once its batch is over."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def stocks(self) -> dict[int, int]:
        """The new stock of every variant that was changed."""
        row = self._rows.fetchone()
        return {int(variant_id): stock for variant_id, stock in row[0].items()} if row else {}


def put_back(statements: Batch, quantities: Mapping[int, int], *, document_id: int) -> Changed:
    """Goods came back, once per restock document and variant."""
    return _send(statements, ADD, quantities, reason="restock", source_type="restock", source_id=document_id)


def add(
    session: Session,
    deltas: Mapping[int, int],
    *,
    reason: Reason,
    note: str = "",
    source_type: str = "",
    source_id: int | None = None,
) -> dict[int, int]:
    """Change stock by signed differences. Returns the new stock of those that did not fall below zero."""
    with batch(session) as statements:
        changed = _send(statements, ADD, deltas, reason=reason, note=note, source_type=source_type, source_id=source_id)
    return changed.stocks()


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
    return changed.stocks()


DECLARE: Final = """
SELECT set_config('magflow.stock_reason', %(reason)s, true),
       set_config('magflow.stock_source_type', %(source_type)s, true),
       set_config('magflow.stock_source_id', %(source_id)s, true), set_config('magflow.stock_note', '', true)"""


def forget(statements: Batch) -> None:
    """Take a declaration back: what follows in the same transaction must give a reason of its own."""
    if statements.ends:
        return
    statements.send(DECLARE, {"reason": "", "source_type": "", "source_id": ""})


@contextmanager
def declared(session: Session, *, reason: Reason, source_type: str, source_id: int) -> Iterator[Batch]:
    """For adding variants that have stock from the start: their first movement names this reason and source.

    The trigger books when the statement ends, so the declaration is taken back by a statement of its own.
    """
    with batch(session) as statements:
        statements.send(DECLARE, {"reason": reason, "source_type": source_type, "source_id": str(source_id)})
        yield statements
        forget(statements)


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
) -> Changed:
    return Changed(
        statements.send(
            sql,
            {
                "reason": reason,
                "source_type": source_type,
                "source_id": "" if source_id is None else str(source_id),
                "note": note,
                "ids": _array(amounts.keys()),
                "amounts": _array(amounts.values()),
            },
        )
    )


def _array(numbers: Iterable[int]) -> str:
    """As PostgreSQL writes it: the driver takes longer to write a list than the server to read it."""
    return f"{{{','.join(map(str, numbers))}}}"
