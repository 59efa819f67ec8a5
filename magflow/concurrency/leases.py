"""Leases on rows of queues: work that goes outside holds no transaction open, only its name on a row until a moment.

Rows are claimed by their state, never by "behind the highest id", and what another is just claiming is passed over
(reliability 2.10, 2.11). Who took a lease over has a higher number, and whoever finishes says which number he had.
"""

from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency.levels import Level, held_by
from magflow.concurrency.transactions import execute

CLAIM_STOCK: Final = """
UPDATE stock_outbox b SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    lease_no = b.lease_no + 1, attempts = b.attempts + 1
FROM (SELECT offer_id FROM stock_outbox
      WHERE account_id = %(account)s AND next_at <= clock_timestamp()
        AND (lease_until IS NULL OR lease_until < clock_timestamp())
      ORDER BY first DESC, since LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED) c
WHERE b.offer_id = c.offer_id
RETURNING b.offer_id, b.lease_no, b.attempts, b.first"""

CLAIM_INBOX: Final = """
UPDATE webhook_inbox i SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    lease_no = i.lease_no + 1, attempts = i.attempts + 1
FROM (SELECT id FROM webhook_inbox
      WHERE state = 'new' AND next_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
      ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED) c
WHERE i.id = c.id
RETURNING i.id, i.lease_no, i.attempts"""

CLAIM_DELIVERIES: Final = """
UPDATE webhook_deliveries d SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    lease_no = d.lease_no + 1, attempts = d.attempts + 1
FROM (SELECT w.id FROM webhook_deliveries w JOIN webhook_subscriptions s ON s.id = w.subscription_id AND s.active
      WHERE w.state = 'waiting' AND w.next_at <= clock_timestamp()
        AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
      ORDER BY w.id LIMIT %(most)s FOR NO KEY UPDATE OF w SKIP LOCKED) c
WHERE d.id = c.id
RETURNING d.id, d.lease_no, d.attempts"""


CLAIM_WRITES: Final = """
UPDATE marketplace_writes w SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    lease_no = w.lease_no + 1, attempts = w.attempts + 1
FROM (SELECT id FROM marketplace_writes
      WHERE account_id = %(account)s AND state = 'waiting' AND next_at <= clock_timestamp()
        AND (lease_until IS NULL OR lease_until < clock_timestamp())
      ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED) c
WHERE w.id = c.id
RETURNING w.id, w.lease_no, w.attempts, w.kind, w.subject, w.payload, w.offer_id, w.order_id"""


def claim_stock(session: Session, account_id: int, most: int, seconds: float) -> list[tuple[Any, ...]]:
    """Offers whose figure has to be sent now, those that must go to nothing first: (offer, lease, attempt, first)."""
    return _claim(session, CLAIM_STOCK, {"account": account_id, "most": most, "seconds": seconds})


def claim_inbox(session: Session, most: int, seconds: float) -> list[tuple[Any, ...]]:
    """Deliveries that came in and wait, the oldest first: (id, lease, attempt)."""
    return _claim(session, CLAIM_INBOX, {"most": most, "seconds": seconds})


def claim_deliveries(session: Session, most: int, seconds: float) -> list[tuple[Any, ...]]:
    """Deliveries that have to go out, the oldest first: (id, lease, attempt)."""
    return _claim(session, CLAIM_DELIVERIES, {"most": most, "seconds": seconds})


def claim_writes(session: Session, account_id: int, most: int, seconds: float) -> list[tuple[Any, ...]]:
    """What people told an account's marketplace to do, the oldest first:
    (id, lease, attempt, kind, subject, payload, offer, order)."""
    return _claim(session, CLAIM_WRITES, {"account": account_id, "most": most, "seconds": seconds})


def _claim(session: Session, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = execute(session, sql, parameters).fetchall()
    held_by(session).take(Level.CLAIM, sorted(row[0] for row in rows))
    return rows
