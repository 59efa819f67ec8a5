"""The way back of a file of offers: what it changed is set back, what it brought made inactive, unless read since."""

from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import batch, execute, lock_names, transactional
from magflow.domain.actors import Actor

BATCH: Final = 500

ACCOUNT: Final = """
SELECT a.id FROM imports i JOIN marketplace_accounts a ON a.source = i.source AND a.code = i.source_account
WHERE i.id = %(import)s AND i.kind = 'offers'"""
NEXT: Final = """
SELECT number FROM import_rows
WHERE import_id = %(import)s AND outcome IN ('created', 'updated') AND changes ? 'offer_id' AND undo IS NULL
ORDER BY number LIMIT %(most)s"""
ROWS: Final = "r.import_id = %(import)s AND r.number = ANY(%(numbers)s) AND r.undo IS NULL"
JUDGE: Final = f"""
UPDATE import_rows r SET undo = CASE WHEN o.id IS NULL THEN 'offer_gone' ELSE 'read_since' END
FROM import_rows w LEFT JOIN offers o ON o.id = (w.changes ->> 'offer_id')::bigint
WHERE {ROWS} AND w.import_id = r.import_id AND w.number = r.number
  AND o.last_read_at IS DISTINCT FROM (r.changes ->> 'read_at')::timestamptz"""
TYPES: Final = {
    "sku": "text", "part_number_key": "text", "ean": "text", "sale_price": "numeric", "stock": "integer",
    "number_of_offers": "integer", "buy_button_rank": "integer", "status": "smallint", "last_synced_at": "timestamptz",
}  # fmt: skip
OLD: Final = ", ".join(
    f"{name} = CASE WHEN r.changes ? '{name}' THEN (r.changes -> '{name}' ->> 0)::{kind} ELSE o.{name} END"
    for name, kind in TYPES.items()
)
SET_BACK: Final = f"""
UPDATE offers o SET {OLD} FROM import_rows r
WHERE {ROWS} AND r.outcome = 'updated' AND o.id = (r.changes ->> 'offer_id')::bigint"""
MADE_INACTIVE: Final = f"""
UPDATE offers o SET status = 0 FROM import_rows r
WHERE {ROWS} AND r.outcome = 'created' AND o.id = (r.changes ->> 'offer_id')::bigint AND o.status <> 0"""
UNDONE: Final = f"UPDATE import_rows r SET undo = 'undone' WHERE {ROWS}"


@transactional
def step(session: Session, import_id: int, *, actor: Actor) -> bool:
    """Set some offers back; False when none is left."""
    account = execute(session, ACCOUNT, {"import": import_id}).fetchone()
    if account is None:
        return False
    lock_names(session, [("offers", str(account[0]))])
    found = [row[0] for row in execute(session, NEXT, {"import": import_id, "most": BATCH})]
    values: dict[str, Any] = {"import": import_id, "numbers": found}
    if found:
        with batch(session) as statements:
            for statement in (JUDGE, SET_BACK, MADE_INACTIVE, UNDONE):
                statements.send(statement, values)
    return bool(found)
