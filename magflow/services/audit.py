"""Acts by their name: signing in, a token made, an export, a refused access. What changes rows, triggers write down.

`record` belongs to the caller's transaction: no commit, no entry. `note` stands alone, for what was refused or never
had a transaction. Names look like `sign_in.failed`; no secret ever goes into `data`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute
from magflow.domain.actors import Actor
from magflow.services import single

RECORD: Final = "SELECT magflow_record(%(action)s, %(table)s, %(row)s, %(data)s::jsonb)"

NOTE: Final = """
WITH context AS MATERIALIZED (SELECT set_config('magflow.context', %(context)s, true))
SELECT magflow_record(%(action)s, %(table)s, %(row)s, %(data)s::jsonb) FROM context"""


def record(
    session: Session,
    actor: Actor,
    action: str,
    table: str | None = None,
    row: int | str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an act down within the caller's transaction, in the name of its actor."""
    execute(session, RECORD, _values(action, table, row, data))


def note(
    actor: Actor,
    action: str,
    data: Mapping[str, Any] | None = None,
    *,
    table: str | None = None,
    row: int | str | None = None,
) -> None:
    """Write an act down by itself. Raises RetryLater when the database is away."""
    single.every(NOTE, {"context": actor.context, **_values(action, table, row, data)})


def _values(action: str, table: str | None, row: int | str | None, data: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "action": action,
        "table": table,
        "row": None if row is None else str(row),
        "data": None if data is None else json.dumps(dict(data), ensure_ascii=False),
    }
