"""Deliveries that came in: what was taken, what waits, and what was set aside for a person."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

MOST_SHOWN: Final = 2000
INBOX: Final = """
SELECT id, received_at, topic, entity_key, dedup_key, state, attempts, error, body FROM webhook_inbox
WHERE account_id = :account AND (:before = 0 OR id < :before) AND (NOT :aside OR state = 'set_aside')
ORDER BY id DESC LIMIT :most"""


def inbox(session: Session, account_id: int, aside: bool, before: int, most: int) -> Sequence[Row[Any]]:
    """Deliveries of an account, the newest first."""
    given = {"account": account_id, "aside": aside, "before": before, "most": most}
    return session.execute(text(INBOX), given).all()


def said(body: bytes) -> str:
    """The beginning of what was sent, to be read by a person."""
    return body[:MOST_SHOWN].decode("utf-8", "replace")
