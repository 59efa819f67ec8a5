"""Orders and returns of marketplaces: kept as they were told, taken once, confirmed, and followed to their end.

A reading is stored first; each order is then brought one step further in a transaction of its own, so that a stop
anywhere loses nothing and repeats nothing: taken (once per source, account and external id), acknowledged at the
marketplace, confirmed here, cancelled or brought back. What cannot go on says why, and waits.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, lock_order, savepoint, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import InsufficientStock, NotFound, VariantUnavailable
from magflow.domain.marketplaces import (
    CANCELLED,
    FINALIZED,
    MARKETPLACE,
    NEW,
    RETURNED,
)
from magflow.domain.orders import CONFIRMED, OWN, PENDING
from magflow.marketplaces.protocol import OrderLineReading, OrderReading, ReturnReading, Unreadable
from magflow.models import MarketplaceAccount, MarketplaceOrder, MarketplaceReturn, Order, OrderItem
from magflow.services import accounts, checkout, jobs, orders, publishing, restock, single

MARKETPLACE_SHIPS: Final = 2
RECORD_ONLY: Final = "marketplace"


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


@dataclass(frozen=True)
class Step:
    """What became of one order: `acknowledge`: the marketplace has to be told that we take it."""

    state: str
    order_id: int | None = None
    acknowledge: bool = False
    problem: str | None = None


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


# --- one step --------------------------------------------------------------------------------------------------------


@transactional
def step(session: Session, marketplace_order_id: int, *, actor: Actor) -> Step:
    """Bring one order as far as it goes now. Two calls for one order come one after the other."""
    found = session.get(MarketplaceOrder, marketplace_order_id)
    if found is None:
        raise NotFound("marketplace order", marketplace_order_id)
    account = accounts.get(session, found.account_id)
    lock_names(session, [("external_id", account.source, account.code, f"order:{found.external_id}")])
    session.refresh(found)
    if found.state == "failed":
        return Step("failed")
    reading = reading_of(found.payload)
    done = _step(session, account, found, reading, actor)
    found.state, found.problem = done.state, {"code": done.problem} if done.problem else None
    if done.order_id is not None:
        found.order_id = done.order_id
    session.flush()
    _reserve_anew(session, found.order_id)
    return done


def _step(
    session: Session, account: MarketplaceAccount, found: MarketplaceOrder, reading: OrderReading, actor: Actor
) -> Step:
    order_id = found.order_id or _taken_before(session, account, reading)
    if order_id is None:
        if reading.status == CANCELLED:
            return Step("ignored")
        if not reading.complete or not any(line.active for line in reading.lines):
            return Step("open", problem="incomplete")
        order_id = _take(session, account, reading, actor).id
    order = lock_order(session, order_id)
    if reading.status == CANCELLED:
        restock.cancel.within(session, restock.CancelOrder(order_id, reason="cancelled_at_marketplace"), actor=actor)
        return Step("done", order_id)
    if order.status == PENDING:
        _bring_up_to_date(session, order, reading, account, actor)
    if reading.kind != MARKETPLACE_SHIPS and reading.status == NEW and found.acknowledged_at is None:
        # What the marketplace's people may still change is not confirmed yet.
        return Step("open", order_id, acknowledge=True)
    if order.status == PENDING:
        blocked = _confirm(session, account, order, actor)
        if blocked:
            return Step("blocked", order_id, problem=blocked)
    if order.confirmed_at is not None:
        _bring_back(session, order, reading, actor)
    return Step("done", order_id)


def _taken_before(session: Session, account: MarketplaceAccount, reading: OrderReading) -> int | None:
    return session.scalar(
        select(Order.id).where(
            Order.source == account.source,
            Order.source_account == account.code,
            Order.external_id == reading.external_id,
        )
    )


def _take(session: Session, account: MarketplaceAccount, reading: OrderReading, actor: Actor) -> Order:
    command = orders.NewOrder(
        items=_items(session, account, reading),
        source=account.source,
        source_account=account.code,
        external_id=reading.external_id,
        customer_name=reading.customer_name,
        customer_email=reading.customer_email,
        customer_phone=reading.customer_phone,
        billing_address=reading.billing_address,
        shipping_address=reading.shipping_address,
        currency=reading.currency,
        note=f"Voucher {reading.vouchers_gross} {reading.currency}" if reading.vouchers_gross else None,
        placed_at=reading.placed_at,
    )
    return orders.create.within(session, command, actor=actor)


def _ships_itself(account: MarketplaceAccount, reading: OrderReading) -> bool:
    return reading.kind == MARKETPLACE_SHIPS or account.fulfilment == MARKETPLACE


def _items(session: Session, account: MarketplaceAccount, reading: OrderReading) -> list[orders.NewItem]:
    variants = _variants(session, account, reading.lines)
    source = RECORD_ONLY if _ships_itself(account, reading) else OWN
    items = [
        orders.NewItem(
            quantity=line.quantity,
            variant_id=variant_id,
            sku=(line.sku or line.offer_id or "?") if variant_id is None else None,
            unit_price=line.unit_price,
            vat_rate=line.vat_rate,
            external_id=line.external_id,
            stock_source=source,
            product_name=line.name or line.sku or "?",
            nameless=variant_id is None,
        )
        for line, variant_id in zip(reading.lines, variants, strict=True)
        if line.active
    ]
    if reading.shipping_gross > 0:
        rate = max((line.vat_rate or Decimal(0) for line in reading.lines), default=Decimal(0))
        items.append(
            orders.NewItem(1, unit_price=reading.shipping_gross, vat_rate=rate, external_id="shipping",
                           sku="SHIPPING", stock_source=RECORD_ONLY, product_name="Shipping", nameless=True)
        )  # fmt: skip
    return items


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


def _variants(session: Session, account: MarketplaceAccount, lines: Sequence[OrderLineReading]) -> list[int | None]:
    parameters = {
        "account": account.id,
        "offers": [line.offer_id for line in lines],
        "skus": [line.sku for line in lines],
    }
    return [row[1] for row in execute(session, MEANT, parameters)]


def _bring_up_to_date(
    session: Session, order: Order, reading: OrderReading, account: MarketplaceAccount, actor: Actor
) -> None:
    """Until it is confirmed, the order follows what the marketplace says: quantities, lines that went, variants that
    are known by now."""
    lines = {line.external_id: line for line in reading.lines if line.active}
    items = session.scalars(select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.id)).all()
    merged = len(items) < len(lines)
    variants = dict(
        zip((line.external_id for line in reading.lines), _variants(session, account, reading.lines), strict=True)
    )
    for item in items:
        line = lines.get(item.external_id or "")
        if line is None:
            if item.external_id not in {None, "shipping"} and not merged:
                orders.change_quantity.within(session, orders.ChangeQuantity(order.id, item.id, 0), actor=actor)
            continue
        if item.variant_id is None and (known := variants.get(line.external_id)) is not None:
            command = orders.ChangeItemVariant(order.id, item.id, variant_id=known)
            orders.change_item_variant.within(session, command, actor=actor)
        if item.quantity != line.quantity and not merged:
            quantity = orders.ChangeQuantity(order.id, item.id, line.quantity)
            orders.change_quantity.within(session, quantity, actor=actor)


def _confirm(session: Session, account: MarketplaceAccount, order: Order, actor: Actor) -> str | None:
    """Confirm it, or say by a code why that is not possible; the order then stays pending, flagged and reserved."""
    if not account.confirming:
        return None
    try:
        with savepoint(session):
            checkout.finalize.within(session, checkout.FinalizeOrder(order.id), actor=actor)
    except (InsufficientStock, VariantUnavailable) as refused:
        session.refresh(order)
        order.blocked_reason = refused.code
        session.flush()
        return refused.code
    session.refresh(order)
    return None


def _bring_back(session: Session, order: Order, reading: OrderReading, actor: Actor) -> None:
    """A storno or a full return: what the marketplace no longer counts as sold comes back, once."""
    if order.status != CONFIRMED or reading.status not in {FINALIZED, RETURNED}:
        return
    items = list(session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)))
    if reading.status == RETURNED:
        left: dict[str, int] = {}
    else:
        left = {line.external_id: line.quantity if line.active else 0 for line in reading.lines}
    back = []
    for item in items:
        if item.external_id == "shipping" or (reading.status != RETURNED and item.external_id not in left):
            continue
        gone = item.quantity - item.restocked_quantity - left.get(item.external_id or "", 0)
        if gone > 0:
            back.append(restock.RestockLine(item.id, gone))
    if back:
        command = restock.RestockOrder(order.id, "returned_at_marketplace", back)
        restock.restock.within(session, command, actor=actor)


def _reserve_anew(session: Session, order_id: int | None) -> None:
    if order_id is not None:
        ids = session.scalars(select(OrderItem.variant_id).where(OrderItem.order_id == order_id))
        publishing.enqueue(session, [variant_id for variant_id in ids if variant_id is not None])


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


# --- returns ---------------------------------------------------------------------------------------------------------

Came = Literal["kept", "booked", "waits"]


@dataclass(frozen=True)
class ToldReturn:
    account_id: int
    back: ReturnReading


@transactional
def take_return(session: Session, command: ToldReturn, *, actor: Actor) -> Came:
    """Keep a return, and once its goods are there take them back; once, however often it is told."""
    account = accounts.get(session, command.account_id)
    back = command.back
    lock_names(session, [("external_id", account.source, account.code, f"order:{back.order_external_id}")])
    row = session.scalar(
        select(MarketplaceReturn).where(
            MarketplaceReturn.account_id == account.id, MarketplaceReturn.external_id == back.external_id
        )
    )
    if row is None:
        row = MarketplaceReturn(
            account_id=account.id, external_id=back.external_id, order_external_id=back.order_external_id,
            status=back.status, payload={},
        )  # fmt: skip
        session.add(row)
    if row.status != back.status:
        row.changed_at = func.clock_timestamp()
    row.status = back.status
    session.flush()
    if not back.received or row.document_id is not None:
        return "kept"
    order = session.scalar(
        select(MarketplaceOrder).where(
            MarketplaceOrder.account_id == account.id, MarketplaceOrder.external_id == back.order_external_id
        )
    )
    if order is None or order.order_id is None:
        row.problem = {"code": "unknown_order"}
        session.flush()
        return "waits"
    return _book_return(session, account, row, order.order_id, back, actor)


def _book_return(
    session: Session,
    account: MarketplaceAccount,
    row: MarketplaceReturn,
    order_id: int,
    back: ReturnReading,
    actor: Actor,
) -> Came:
    held = lock_order(session, order_id)
    row.order_id = order_id
    if held.confirmed_at is None:
        row.problem = {"code": "not_confirmed"}
        session.flush()
        return "waits"
    asked = [
        OrderLineReading("", line.offer_id, None, "", line.quantity, Decimal(0), Decimal(0)) for line in back.lines
    ]
    left = dict[int, int]()
    for line, variant_id in zip(asked, _variants(session, account, asked), strict=True):
        if variant_id is not None:
            left[variant_id] = left.get(variant_id, 0) + line.quantity
    lines = []
    for item in session.scalars(select(OrderItem).where(OrderItem.order_id == order_id).order_by(OrderItem.id)):
        outstanding = item.quantity - item.restocked_quantity
        if item.variant_id in left and (units := min(outstanding, left[item.variant_id])) > 0:
            left[item.variant_id] -= units
            lines.append(restock.RestockLine(item.id, units))
    if not lines:
        # A storno or a status told us before: the goods are booked already.
        row.document_id, row.problem = 0, None
        session.flush()
        return "kept"
    done = restock.restock.within(
        session, restock.RestockOrder(order_id, "returned_at_marketplace", lines), actor=actor
    )
    row.document_id, row.problem = done.document_id, None
    session.flush()
    return "booked"
