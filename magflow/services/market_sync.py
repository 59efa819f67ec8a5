"""What is done with an account again and again: orders in, offers read, stock out, returns taken back.

Nothing here holds a transaction while it speaks to a marketplace: it reads, then keeps what it read, then goes on.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import SYSTEM, Actor
from magflow.domain.errors import NotFound, Refused
from magflow.domain.marketplaces import CANCELLED
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import Marketplace, OrderReading, Unreadable
from magflow.models import MarketplaceAccount
from magflow.services import (
    accounts,
    jobs,
    market_order_steps,
    market_orders,
    market_returns,
    market_sending,
    offers,
    publishing,
    single,
)
from magflow.services.market_orders import Told
from magflow.services.market_returns import ToldReturn
from magflow.services.offers import Readings, clock
from magflow.services.stock_sync import alerts

log = logging.getLogger(__name__)

OVERLAP: Final = timedelta(hours=4)
"""How far a window reaches into the one before: clocks differ, and platforms write times without an offset."""
FIRST_WINDOW: Final = timedelta(days=28)
MOST_READ_BACK: Final = 20
READ_TOGETHER: Final = 100
"""Offers that one request reads, where all of them are read."""
ORDERS_KNOWN: Final = timedelta(seconds=2)


@dataclass(frozen=True)
class OrdersRead:
    seen: int = 0
    taken: int = 0
    blocked: int = 0
    failed: int = 0


def account_of(account_id: int) -> MarketplaceAccount:
    """The account as it stands now. Raises NotFound."""
    return accounts.load(accounts.OfAccount(account_id), actor=SYSTEM)


# --- orders ----------------------------------------------------------------------------------------------------------


def read_orders(account_id: int, *, actor: Actor, full: bool = False) -> OrdersRead:
    """Read what is new and what changed since the last time, less an overlap; then bring every order one step on.

    `full`: the last four weeks, whatever was read before. Raises AccountPaused, NothingToAsk, MarketplaceError.
    """
    account = account_of(account_id)
    until = clock()
    since = until - FIRST_WINDOW
    if account.orders_read_until is not None and not full:
        since = max(since, account.orders_read_until - OVERLAP)
    told: dict[str, OrderReading | Unreadable] = {}
    with accounts.opened(account) as marketplace:
        for page in marketplace.orders(since, until):
            told |= {order.external_id: order for order in page}
            jobs.pause_point()
        stored = market_orders.store(Told(account.id, list(told.values()), (since, until)), actor=actor)
        done = bring_on(account.id, marketplace, actor=actor)
    return OrdersRead(len(told), done.taken, done.blocked, stored.failed)


def bring_on(account_id: int, marketplace: Marketplace | None, *, actor: Actor) -> OrdersRead:
    """Every order of an account that waits makes its next steps. One that fails does not stop the others."""
    taken = blocked = failed = 0
    ids = market_orders.waiting(account_id)
    for order_id in ids:
        try:
            step = market_order_steps.step(order_id, actor=actor)
            if step.acknowledge and marketplace is not None:
                _acknowledge(order_id, marketplace, actor)
                step = market_order_steps.step(order_id, actor=actor)
        except (Refused, MarketplaceError) as error:
            log.warning("order not brought on", extra={"marketplace_order": order_id, "error": str(error)})
            market_orders.put_off(order_id, str(error), actor=actor)
            failed += 1
        else:
            taken += step.order_id is not None
            blocked += step.state == "blocked"
        jobs.pause_point()
    return OrdersRead(len(ids), taken, blocked, failed)


TOLD: Final = "SELECT account_id, external_id FROM marketplace_orders WHERE id = %(id)s"


def _acknowledge(marketplace_order_id: int, marketplace: Marketplace, actor: Actor) -> None:
    row = single.one(TOLD, {"id": marketplace_order_id})
    if row is None:
        raise NotFound("marketplace order", marketplace_order_id)
    account_id, external_id = int(row[0]), str(row[1])
    marketplace.acknowledge(external_id)
    market_orders.acknowledged(marketplace_order_id, actor=actor)
    # Until then its people may have changed it: what is confirmed is what the marketplace says afterwards.
    fresh = marketplace.order(external_id)
    if fresh is not None:
        market_orders.store(Told(account_id, [fresh]), actor=actor)


RETURNS_READ: Final = "UPDATE marketplace_accounts SET returns_read_at = clock_timestamp() WHERE id = %(id)s"


def tell_cancelled(account_id: int, external_id: str, reason: int, *, actor: Actor) -> None:
    """Cancel an order at the marketplace, as it was cancelled here. Cancelled there already is cancelled.

    Raises what opening the account raises; RefusedByMarketplace when it is too late for that.
    """
    with accounts.opened(account_of(account_id)) as marketplace:
        marketplace.set_order_status(external_id, CANCELLED, reason=reason)


def read_returns(account_id: int, *, actor: Actor) -> int:
    """Read returns and take back what has arrived. Returns how many were booked."""
    account, booked = account_of(account_id), 0
    with accounts.opened(account) as marketplace:
        for page in marketplace.returns():
            for back in page:
                booked += market_returns.take_return(ToldReturn(account.id, back), actor=actor) == "booked"
            jobs.pause_point()
    single.every(RETURNS_READ, {"id": account.id})
    return booked


# --- offers ----------------------------------------------------------------------------------------------------------


def read_offers(account_id: int, *, actor: Actor) -> int:
    """Read every offer of an account, page by page, and match what is new. Returns how many there were."""
    account, count = account_of(account_id), 0
    with accounts.opened(account) as marketplace:
        read_at = clock()
        for page in marketplace.offers():
            offers.record(Readings(account.id, page, read_at), actor=actor)
            count += len(page)
            read_at = clock()
            jobs.pause_point()
        offers.record(Readings(account.id, [], clock(), complete=True), actor=actor)
    alerts.catch_up(actor=actor)
    return count


# Sent a moment ago and not seen since: whether the marketplace shows what it was told. What was sent last stands
# first: somebody may be looking at it.
UNREAD: Final = """
SELECT external_id, count(*) OVER (), (SELECT count(*) FROM offers WHERE account_id = %(account)s) FROM offers
WHERE account_id = %(account)s AND last_synced_at > clock_timestamp() - interval '1 hour'
  AND (last_read_at IS NULL OR last_read_at < last_synced_at)
ORDER BY last_synced_at DESC, sent_stock LIMIT %(most)s"""


def read_back(account_id: int, *, actor: Actor, most: int = MOST_READ_BACK) -> int:
    """Read offers that were sent lately: a difference is noted on them. Returns how many were read.

    Many are read with all others, page by page: that takes fewer requests than asking for each of them.
    """
    rows = single.every(UNREAD, {"account": account_id, "most": most})
    if not rows:
        return 0
    ids, unread, every = [row[0] for row in rows], int(rows[0][1]), int(rows[0][2])
    if unread > max(most, every // READ_TOGETHER):
        return read_offers(account_id, actor=actor)
    account = account_of(account_id)
    with accounts.opened(account) as marketplace:
        for external_id in ids:
            read_at = clock()
            reading = marketplace.offer(external_id)
            if reading is not None:
                offers.record(Readings(account.id, [reading], read_at), actor=actor)
            jobs.pause_point()
    return len(ids)


@transactional
def ask(session: Session, account_id: int, *, actor: Actor) -> None:
    """Somebody wants offers, orders and returns to be read now; jobs do it."""
    for task in ("marketplaces.offers", "marketplaces.orders", "marketplaces.returns"):
        jobs.enqueue(session, task, queueing_lock=f"{task}:{account_id}", account_id=account_id)


def read_offer_now(account_id: int, offer_id: int, *, actor: Actor) -> bool:
    """Read an offer, named by our id, again. Raises NotFound, and what opening the account raises."""
    row = single.one(
        "SELECT external_id FROM offers WHERE id = %(id)s AND account_id = %(account)s",
        {"id": offer_id, "account": account_id},
    )
    if row is None:
        raise NotFound("offer", offer_id)
    return read_offer(account_id, str(row[0]), actor=actor)


def read_offer(account_id: int, external_id: str, *, actor: Actor) -> bool:
    """Read one offer again; False when the marketplace has none of this id."""
    account = account_of(account_id)
    with accounts.opened(account) as marketplace:
        read_at = clock()
        reading = marketplace.offer(external_id)
    if reading is None:
        return False
    offers.record(Readings(account.id, [reading], read_at), actor=actor)
    return True


# --- stock -----------------------------------------------------------------------------------------------------------


def publish(account_id: int, *, actor: Actor) -> int:
    """Send the stock that waits for an account. Returns how many offers were accepted.

    Its orders are read first: the marketplace's figure is down already by what was sold there a moment ago, and an
    absolute figure that does not know of it would put it up again.
    """
    account = account_of(account_id)
    if account.ordering and (account.orders_read_at is None or clock() - account.orders_read_at > ORDERS_KNOWN):
        read_orders(account_id, actor=actor)
    return publishing.publish(account, actor=actor)


def send_writes(account_id: int, *, actor: Actor) -> int:
    """Send what people told the account's marketplace to do. Returns how many were done."""
    return market_sending.work(account_of(account_id), actor=actor)


def reconcile(account_id: int, *, actor: Actor) -> None:
    """One cycle for one account, whatever was missed: orders, what was sent and not seen, what shows another figure."""
    read_orders(account_id, actor=actor)
    read_offers(account_id, actor=actor)
    publishing.enqueue_all(actor=actor)
    publish(account_id, actor=actor)


# --- what is due -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    account_id: int
    task: str


DUE: Final = """
SELECT a.id, t.task FROM marketplace_accounts a CROSS JOIN LATERAL (VALUES
    ('marketplaces.orders', a.ordering AND (a.orders_read_at IS NULL
        OR a.orders_read_at < clock_timestamp() - interval '60 seconds')),
    ('marketplaces.returns', a.ordering AND a.fulfilment = 'seller' AND (a.returns_read_at IS NULL
        OR a.returns_read_at < clock_timestamp() - interval '15 minutes')),
    ('marketplaces.offers', a.reading AND (a.offers_read_at IS NULL
        OR a.offers_read_at < clock_timestamp() - interval '6 hours')),
    ('marketplaces.publish', a.publishing AND EXISTS (SELECT FROM stock_outbox b WHERE b.account_id = a.id
        AND b.next_at <= clock_timestamp() AND (b.lease_until IS NULL OR b.lease_until < clock_timestamp()))),
    ('marketplaces.write', EXISTS (SELECT FROM marketplace_writes w WHERE w.account_id = a.id AND w.state = 'waiting'
        AND w.next_at <= clock_timestamp() AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp()))),
    ('marketplaces.read_back', a.reading AND a.stock_sent_at > clock_timestamp() - interval '1 hour'
        AND EXISTS (SELECT FROM offers o WHERE o.account_id = a.id
                    AND o.last_synced_at BETWEEN clock_timestamp() - interval '1 hour'
                                             AND clock_timestamp() - interval '15 seconds'
                    AND (o.last_read_at IS NULL OR o.last_read_at < o.last_synced_at)))
) AS t (task, due)
WHERE t.due AND a.paused_reason IS NULL AND a.credentials IS NOT NULL
  AND (a.last_error_at IS NULL OR a.last_ok_at > a.last_error_at
       OR a.last_error_at < clock_timestamp() - interval '20 seconds')"""


@transactional
def try_blocked(session: Session, *, actor: Actor) -> int:
    """Orders that waited for goods or for a variant get another try, when that may be there now."""
    return sum(market_orders.retry_blocked(session, account.id) for account in accounts.every(session))


WAITING: Final = """
SELECT 'webhooks.work' WHERE EXISTS (SELECT FROM webhook_inbox WHERE state = 'new' AND next_at <= clock_timestamp()
    AND (lease_until IS NULL OR lease_until < clock_timestamp()))
UNION ALL
SELECT 'webhooks.deliver' WHERE EXISTS (SELECT FROM webhook_deliveries d
    JOIN webhook_subscriptions s ON s.id = d.subscription_id AND s.active
    WHERE d.state = 'waiting' AND d.next_at <= clock_timestamp()
      AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp()))"""


SLOW: Final = ("marketplaces.offers", "marketplaces.returns", "marketplaces.read_back")
MOST_SLOW: Final = 2
"""Readings that take their time, at once: orders and stock never wait until all of them are done."""
GIVE_WAY: Final = timedelta(seconds=2)


@transactional
def give_way(session: Session, task: str, account_id: int, *, actor: Actor) -> bool:
    """Whether another job than the one that asks does the same for this account; then it is done again a moment later.

    A hundred calls from outside would else give every hand of the worker the same to do."""
    lock = f"{task}:{account_id}"
    if jobs.running(session, lock) <= 1:
        return False
    later = execute(session, "SELECT clock_timestamp() + %(pause)s", {"pause": GIVE_WAY}).fetchone()
    jobs.enqueue(session, task, queueing_lock=lock, at=later[0] if later else None, account_id=account_id)
    return True


@transactional
def enqueue_due(session: Session, *, actor: Actor) -> int:
    """Give a job to everything that is due and has none yet. Returns how many were added."""
    added = 0
    for (task,) in execute(session, WAITING).fetchall():
        added += jobs.enqueue(session, task, queueing_lock=task) is not None
    under_way = jobs.under_way(session)
    slow = sum(lock.partition(":")[0] in SLOW for lock in under_way)
    for account_id, task in execute(session, DUE).fetchall():
        lock = f"{task}:{account_id}"
        if lock in under_way or (task in SLOW and slow >= MOST_SLOW):
            continue
        slow += task in SLOW
        job = jobs.enqueue(session, task, queueing_lock=lock, account_id=account_id)
        added += job is not None
    return added
