"""Orders as marketplaces tell them, kept: an older telling never replaces a newer one; each waits for its next step.

A reading is stored first; each order is then brought one step further in a transaction of its own
(`market_order_steps`), so that a stop anywhere loses nothing and repeats nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.domain.marketplaces import NEW
from magflow.marketplaces.protocol import OrderLineReading, OrderReading, Unreadable
from magflow.models import MarketplaceAccount, MarketplaceOrder
from magflow.services import jobs, single


@dataclass(frozen=True)
class Told:
    """Orders as an account tells them, read in one go. `window`: what was asked for, when it was asked by time."""

    account_id: int
    orders: Sequence[OrderReading | Unreadable]
    window: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class Stored:
    """Ids of what has to be looked at; `failed` could not be read."""

    ids: tuple[int, ...]
    failed: int


STORE: Final = """
INSERT INTO marketplace_orders AS m (account_id, external_id, kind, status, source_version, payload, ship_by,
                                     cancel_asked, state)
VALUES (%(account)s, %(external)s, %(kind)s, %(status)s, %(version)s, %(payload)s::jsonb, %(ship_by)s, %(asked)s,
        %(state)s)
ON CONFLICT (account_id, external_id) DO UPDATE
SET kind = excluded.kind, status = excluded.status, source_version = excluded.source_version,
    payload = excluded.payload, ship_by = excluded.ship_by, cancel_asked = excluded.cancel_asked,
    state = CASE WHEN m.state = 'ignored' AND excluded.status = 0 THEN 'ignored'
                 WHEN excluded.state = 'failed' THEN 'failed' ELSE 'new' END,
    next_at = clock_timestamp(), attempts = 0, changed_at = clock_timestamp()
WHERE (m.source_version, m.payload) IS DISTINCT FROM (excluded.source_version, excluded.payload)
  AND m.source_version <= excluded.source_version
RETURNING id"""
WAITING: Final = """
SELECT id FROM marketplace_orders
WHERE account_id = %(account)s AND state IN ('new', 'open') AND next_at <= clock_timestamp() ORDER BY id LIMIT 500"""
COUNTED: Final = """
INSERT INTO order_windows (account_id, since, until, seen, imported, failed)
VALUES (%(account)s, %(since)s, %(until)s, %(seen)s, %(imported)s, %(failed)s)"""


@transactional
def store(session: Session, command: Told, *, actor: Actor) -> Stored:
    """Keep what was told, where it is news; an older telling never replaces a newer one."""
    ids, failed = [], 0
    told = {order.external_id: order for order in command.orders}
    for external_id in sorted(told):
        order = told[external_id]
        row = execute(session, STORE, _row(command.account_id, order)).fetchone()
        failed += isinstance(order, Unreadable)
        if row is not None and not isinstance(order, Unreadable):
            ids.append(int(row[0]))
    if command.window is not None:
        since, until = command.window
        parameters = {"account": command.account_id, "since": since, "until": until, "seen": len(told),
                      "imported": len(told) - failed, "failed": failed}  # fmt: skip
        execute(session, COUNTED, parameters)
        execute(
            session,
            "UPDATE marketplace_accounts SET orders_read_at = clock_timestamp(), last_ok_at = clock_timestamp(), "
            "orders_read_until = greatest(orders_read_until, %(until)s) WHERE id = %(id)s",
            {"until": until, "id": command.account_id},
        )
    return Stored(tuple(ids), failed)


def _row(account_id: int, order: OrderReading | Unreadable) -> dict[str, Any]:
    if isinstance(order, Unreadable):
        return {"account": account_id, "external": order.external_id, "kind": 3, "status": NEW, "version": "",
                "payload": json.dumps({"unreadable": order.reason}), "ship_by": None, "asked": False,
                "state": "failed"}  # fmt: skip
    reading = asdict(order) | {"payload": {}}
    return {"account": account_id, "external": order.external_id, "kind": order.kind, "status": order.status,
            "version": order.version, "payload": json.dumps(reading, default=_plain, ensure_ascii=False),
            "ship_by": order.ship_by, "asked": order.cancel_asked, "state": "new"}  # fmt: skip


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def reading_of(payload: Mapping[str, Any]) -> OrderReading:
    """The reading that was kept."""
    given = dict(payload)
    given["placed_at"] = datetime.fromisoformat(given["placed_at"])
    given["ship_by"] = datetime.fromisoformat(given["ship_by"]) if given["ship_by"] else None
    for name in ("shipping_gross", "vouchers_gross"):
        given[name] = Decimal(given[name])
    given["cash_on_delivery"] = _kept(given.get("cash_on_delivery"))
    given["lines"] = tuple(
        OrderLineReading(**{**line, "unit_price": _kept(line["unit_price"]), "vat_rate": _kept(line["vat_rate"])})
        for line in given["lines"]
    )
    return OrderReading(**given)


def _kept(number: str | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def waiting(account_id: int) -> list[int]:
    """Orders of an account that have a step to make."""
    return [row[0] for row in single.every(WAITING, {"account": account_id})]


# The offer's id decides; the SKU only where the account has no such offer, and only when one variant alone has it.
MEANT: Final = """
SELECT w.n, coalesce(
    (SELECT o.variant_id FROM offers o WHERE o.account_id = %(account)s AND o.external_id = w.offer_id),
    (SELECT e.variant_id FROM variant_external_ids e JOIN marketplace_accounts a ON a.id = %(account)s
     WHERE e.source = a.source AND e.source_account = a.code AND e.external_id = w.offer_id),
    (SELECT min(v.id) FROM variants v WHERE v.sku = w.sku
     AND NOT EXISTS (SELECT FROM offers o WHERE o.account_id = %(account)s AND o.external_id = w.offer_id
                     AND o.matched_by = 'person')
     HAVING count(*) = 1))
FROM unnest(%(offers)s::text[], %(skus)s::text[]) WITH ORDINALITY AS w (offer_id, sku, n) ORDER BY w.n"""


def variants_meant(
    session: Session, account: MarketplaceAccount, lines: Sequence[OrderLineReading]
) -> list[int | None]:
    """Which of our variants each line is; None where none, or more than one, can be it."""
    parameters = {
        "account": account.id,
        "offers": [line.offer_id for line in lines],
        "skus": [line.sku for line in lines],
    }
    return [row[1] for row in execute(session, MEANT, parameters)]


# --- what becomes of a step ------------------------------------------------------------------------------------------


@transactional
def acknowledged(session: Session, marketplace_order_id: int, *, actor: Actor) -> None:
    """The marketplace knows that we took it; the next step may follow."""
    found = session.get(MarketplaceOrder, marketplace_order_id)
    if found is None:
        raise NotFound("marketplace order", marketplace_order_id)
    found.acknowledged_at = found.acknowledged_at or func.clock_timestamp()
    session.flush()


PAUSE: Final = """
UPDATE marketplace_orders SET attempts = attempts + 1, problem = %(problem)s::jsonb,
    next_at = clock_timestamp() + make_interval(secs => least(3600, 15 * (2 ^ least(attempts, 8))))
WHERE id = %(id)s"""


@transactional
def put_off(session: Session, marketplace_order_id: int, error: str, *, actor: Actor) -> None:
    """A step that failed is tried again later, at growing distances, and says why."""
    problem = json.dumps({"code": "retry", "text": error[:300]}, ensure_ascii=False)
    execute(session, PAUSE, {"id": marketplace_order_id, "problem": problem})


# Only where it may help now: a line that was no variant of ours may have become one; else of each there is enough.
RETRY: Final = """
UPDATE marketplace_orders m SET state = 'open', next_at = clock_timestamp() FROM orders o
WHERE m.account_id = %(id)s AND m.state = 'blocked' AND o.id = m.order_id AND o.status = 'pending'
  AND (m.problem ->> 'code' = 'variant_unavailable' OR NOT EXISTS (
    SELECT FROM order_items i LEFT JOIN variants v ON v.id = i.variant_id AND v.status = 0
    WHERE i.order_id = o.id AND i.stock_source = 'own'
    GROUP BY i.variant_id, v.stock HAVING v.stock IS NULL OR v.stock < sum(i.quantity)))"""


def retry_blocked(session: Session, account_id: int) -> int:
    """Orders that waited for a variant or for stock get another try. Returns how many."""
    return execute(session, RETRY, {"id": account_id}).rowcount


# --- back to the marketplace -----------------------------------------------------------------------------------------

CANCEL_TASK: Final = "marketplaces.cancel"
OUT_OF_STOCK: Final = 1
"""The reason that is given when nobody named one of the marketplace's own."""

CANCELLED_HERE: Final = """
SELECT m.account_id, m.external_id, h.cancel_code
FROM marketplace_orders m JOIN marketplace_accounts a ON a.id = m.account_id AND a.credentials IS NOT NULL
LEFT JOIN order_handling h ON h.order_id = m.order_id
WHERE m.order_id = %(order)s AND m.kind = 3 AND m.status NOT IN (0, 5)"""


def order_cancelled(session: Session, payload: Mapping[str, Any]) -> None:
    """News of an order that was cancelled here: where it stands at a marketplace, it is told. What was cancelled there
    first needs no telling."""
    for account_id, external_id, code in execute(
        session, CANCELLED_HERE, {"order": payload.get("order_id")}
    ).fetchall():
        reason = int(code) if code and code.isascii() and code.isdigit() else OUT_OF_STOCK
        jobs.enqueue(session, CANCEL_TASK, queueing_lock=f"{CANCEL_TASK}:{account_id}:{external_id}",
                     account_id=account_id, external_id=external_id, reason=reason)  # fmt: skip
