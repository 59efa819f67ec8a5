"""Named acts for the audit log. Changes of rows are written by the database's triggers, not from here."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute
from magflow.domain.actors import Actor
from magflow.services import single

ACT: Final = "magflow_record(%(action)s, %(table)s, %(row)s, %(details)s::jsonb)"

# The actor is the one that is given, also where the transaction was begun for somebody else; what follows in the
# transaction keeps its own.
RECORD: Final = f"""
WITH before AS MATERIALIZED (SELECT current_setting('magflow.context', true) AS context),
     declared AS MATERIALIZED (SELECT set_config('magflow.context', %(context)s, true) FROM before),
     done AS MATERIALIZED (SELECT {ACT} FROM declared)
SELECT set_config('magflow.context', coalesce(before.context, ''), true) FROM before, done"""


def record(
    session: Session,
    actor: Actor,
    action: str,
    table: str | None = None,
    row: int | str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write an act, named like `token.created`, into the caller's transaction: no commit, no entry."""
    execute(session, RECORD, _parameters(actor, action, table, row, details))


def note(
    actor: Actor,
    action: str,
    details: Mapping[str, Any] | None = None,
    *,
    table: str | None = None,
    row: int | str | None = None,
) -> None:
    """Write an act that belongs to no transaction, such as `sign_in.failed`; it stays whatever the caller does next.

    Raises RetryLater when the database cannot be asked now.
    """
    single.one(RECORD, _parameters(actor, action, table, row, details))


def _parameters(
    actor: Actor, action: str, table: str | None, row: int | str | None, details: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "context": actor.context,
        "action": action,
        "table": table,
        "row": None if row is None else str(row),
        "details": None if details is None else json.dumps(details, default=str),
    }
