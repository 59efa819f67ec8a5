"""What was told to marketplaces, where an order or a return stands there, and that no order was lost: to look at."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound

MOST: Final = 50

WRITES: Final = """
SELECT w.id, w.account_id, w.kind, w.subject, w.offer_id, w.order_id, w.payload, w.said, w.state, w.attempts, w.error,
       w.created_by, w.created_at, w.ended_at, w.next_at, w.lease_until IS NOT NULL AS leased, a.source, a.code,
       r.number
FROM marketplace_writes w JOIN marketplace_accounts a ON a.id = w.account_id LEFT JOIN orders r ON r.id = w.order_id
WHERE {which} ORDER BY w.id DESC LIMIT :most"""


COUNT_WRITES: Final = """
SELECT count(*) FROM marketplace_writes w WHERE w.account_id = :id AND (:state = '' OR w.state = :state)"""
OF_ACCOUNT: Final = "w.account_id = :id AND (:state = '' OR w.state = :state)"


def of_account(
    session: Session, account_id: int, state: str = "", most: int = MOST, before: int = 0
) -> Sequence[Row[Any]]:
    """What was told for an account, the newest first."""
    which = f"{OF_ACCOUNT} AND (:before = 0 OR w.id < :before)"
    given = {"id": account_id, "state": state, "most": most, "before": before}
    return session.execute(text(WRITES.format(which=which)), given).all()


def count_writes(session: Session, account_id: int, state: str) -> int:
    """How many there are of them."""
    return int(session.execute(text(COUNT_WRITES), {"id": account_id, "state": state}).scalar_one())


def of_offer(session: Session, account_id: int, offer_id: int, product_id: int | None) -> Sequence[Row[Any]]:
    """What was told about an offer, and about its product's family."""
    which = "w.account_id = :account AND (w.offer_id = :id OR w.subject = :family)"
    given = {"account": account_id, "id": offer_id, "family": f"product {product_id}", "most": MOST}
    return session.execute(text(WRITES.format(which=which)), given).all()


def of_order(session: Session, order_id: int) -> Sequence[Row[Any]]:
    """What was told about an order."""
    return session.execute(text(WRITES.format(which="w.order_id = :id")), {"id": order_id, "most": MOST}).all()


WINDOWS: Final = """
SELECT id, since, until, seen, imported, failed, at FROM order_windows
WHERE account_id = :id ORDER BY id DESC LIMIT 10"""
COMPLETE: Final = """
SELECT count(*) AS readings, coalesce(sum(seen), 0) AS seen, coalesce(sum(imported), 0) AS imported,
       coalesce(sum(failed), 0) AS failed
FROM order_windows WHERE account_id = :id AND at > clock_timestamp() - interval '24 hours'"""


def windows(session: Session, account_id: int) -> Sequence[Row[Any]]:
    """The last readings of orders: how many were seen, came in, failed."""
    return session.execute(text(WINDOWS), {"id": account_id}).all()


def completeness(session: Session, account_id: int) -> Row[Any]:
    """The same over a day. An order that stands in several windows counts in each."""
    return session.execute(text(COMPLETE), {"id": account_id}).one()


SIDE: Final = """
SELECT m.id, m.account_id, m.external_id, m.kind, m.status, m.state, m.ship_by, m.cancel_asked, m.acknowledged_at,
       m.changed_at, m.problem, m.payload, a.source, a.code, a.credentials IS NOT NULL AS has_password, r.number,
       r.id AS order_id, r.status AS here, h.waybill, h.invoice_number
FROM marketplace_orders m JOIN marketplace_accounts a ON a.id = m.account_id JOIN orders r ON r.id = m.order_id
LEFT JOIN order_handling h ON h.order_id = r.id WHERE m.order_id = :id ORDER BY m.id LIMIT 1"""
LINES: Final = """
SELECT i.external_id, coalesce(i.variant_sku, v.sku, i.product_name) AS sku, i.product_name, i.quantity,
       i.restocked_quantity
FROM order_items i LEFT JOIN variants v ON v.id = i.variant_id
WHERE i.order_id = :id AND i.external_id IS NOT NULL AND i.external_id <> 'shipping' ORDER BY i.id"""


def came_through_an_account(session: Session, order_id: int) -> bool:
    """Whether a marketplace knows an order."""
    found = session.execute(text("SELECT 1 FROM marketplace_orders WHERE order_id = :id LIMIT 1"), {"id": order_id})
    return found.first() is not None


def order_side(session: Session, order_id: int) -> Row[Any]:
    """Where an order stands at its marketplace. Raises NotFound for one that came from nowhere else."""
    row = session.execute(text(SIDE), {"id": order_id}).one_or_none()
    if row is None:
        raise NotFound("marketplace order", order_id)
    return row


def order_lines(session: Session, order_id: int) -> Sequence[Row[Any]]:
    """Its lines, and what of them came back here."""
    return session.execute(text(LINES), {"id": order_id}).all()


RETURNS: Final = """
SELECT b.id, b.external_id, b.order_external_id, b.status, r.id AS order_id, b.document_id, b.problem, b.changed_at,
       r.number,
       EXISTS (SELECT FROM marketplace_writes w WHERE w.account_id = b.account_id AND w.kind = 'return_status'
               AND w.subject = b.external_id AND w.state = 'waiting') AS waits
FROM marketplace_returns b
LEFT JOIN marketplace_orders m ON m.account_id = b.account_id AND m.external_id = b.order_external_id
LEFT JOIN orders r ON r.id = coalesce(b.order_id, m.order_id)
WHERE b.account_id = :id AND (:open = false OR b.status IN (2, 3, 6)) AND (:before = 0 OR b.id < :before)
ORDER BY b.id DESC LIMIT :most"""
COUNT_RETURNS: Final = """
SELECT count(*) FROM marketplace_returns b WHERE b.account_id = :id AND (:open = false OR b.status IN (2, 3, 6))"""
MOST_RETURNS: Final = 200


def returns(
    session: Session, account_id: int, only_open: bool, before: int = 0, most: int = MOST_RETURNS
) -> Sequence[Row[Any]]:
    """What customers sent back, or want to; the newest first."""
    given = {"id": account_id, "open": only_open, "before": before, "most": most}
    return session.execute(text(RETURNS), given).all()


def count_returns(session: Session, account_id: int, only_open: bool) -> int:
    """How many there are of them."""
    return int(session.execute(text(COUNT_RETURNS), {"id": account_id, "open": only_open}).scalar_one())


def last_label(session: Session, order_id: int) -> tuple[int, str]:
    """The account of an order, and what the label of its last waybill is asked by. Raises NotFound."""
    account_id = order_side(session, order_id).account_id
    issued = [w for w in of_order(session, order_id) if w.kind == "waybill" and w.state == "done"]
    label_id = issued[0].said.get("label_id") if issued else None
    if not label_id:
        raise NotFound("label", order_id)
    return account_id, str(label_id)


SENDERS: Final = """
SELECT w.payload FROM marketplace_writes w WHERE w.account_id = :id AND w.kind = 'waybill' ORDER BY w.id DESC LIMIT 1"""


def last_sender(session: Session, account_id: int) -> dict[str, Any]:
    """Who handed a parcel over last time."""
    row = session.execute(text(SENDERS), {"id": account_id}).one_or_none()
    return dict(row.payload) if row else {}
