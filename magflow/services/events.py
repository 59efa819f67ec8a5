"""News that follows a change: `order.confirmed`, `stock.changed`, ... Written with it; without a commit, no news."""

import json
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import Batch, Rows, execute

PUBLISH: Final = "INSERT INTO events (type, payload) VALUES (%(type)s, %(payload)s::jsonb)"


def publish(session: Session, type_: str, **payload: Any) -> None:
    """Add an event to the caller's transaction."""
    execute(session, PUBLISH, {"type": type_, "payload": json.dumps(payload)})


def send(statements: Batch, type_: str, **payload: Any) -> Rows:
    """The same within a batch."""
    return statements.send(PUBLISH, {"type": type_, "payload": json.dumps(payload)})
