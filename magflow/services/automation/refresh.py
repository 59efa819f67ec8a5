"""The weekly refresh: offers that were not sent for so long that the marketplace may forget them are sent again.

Oldest first, a portion at a time, behind orders and stock. What sells from the shop's own pool goes through the outbox
like every other figure; what the marketplace holds itself, or is not published by us, is read and then sent with the
price that was just read, so that nothing is changed. What is to be sent is written into the log first: two workers
never send one offer twice, and what was interrupted is seen.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused
from magflow.domain.marketplaces import ACTIVE_OFFER
from magflow.domain.notices import local_day
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import Marketplace, PriceAgain, Refreshing
from magflow.models import AutomationRule
from magflow.queries import stock_sync as reads
from magflow.services import accounts, jobs, offers
from magflow.services.automation import rules
from magflow.services.automation.rules import OfRule
from magflow.services.offers import Readings, clock
from magflow.services.publishing import PUBLISH_TASK

ONCE_TASK: Final = "automation.refresh_once"
PORTION: Final = 500
"""Offers of one run: ten requests of fifty."""
READ_PORTION: Final = 100
"""Offers of one run that have to be read first, one by one."""
JUST_READ: Final = timedelta(minutes=10)
UNANSWERED_HOURS: Final = 2

WAY: Final = """
SELECT CASE WHEN a.credentials IS NULL OR a.paused_reason IS NOT NULL THEN 'none'
            WHEN p.kind = 'own' AND a.publishing THEN 'stock' ELSE 'price' END, a.paused_reason
FROM marketplace_accounts a JOIN stock_pools p ON p.name = a.pool WHERE a.id = %(account)s"""

STALE: Final = f"""
SELECT o.id AS offer_id, o.external_id, o.variant_id, v.sku, v.movement_seq, o.sale_price, o.last_read_at
FROM offers o JOIN variants v ON v.id = o.variant_id JOIN products q ON q.id = v.product_id
LEFT JOIN jsonb_each(%(categories)s::jsonb) AS c (name, limits) ON c.name = q.category
WHERE o.account_id = %(account)s AND o.status = {ACTIVE_OFFER}
  AND (o.last_synced_at IS NULL OR o.last_synced_at <= %(now)s::timestamptz - make_interval(
       days => coalesce((c.limits ->> 'stale_days')::integer, %(stale_days)s::integer)))
  AND NOT EXISTS (SELECT FROM automation_entries e
                  WHERE e.account_id = o.account_id AND e.rule = 'refresh' AND e.offer_id = o.id
                    AND e.day = %(day)s AND (e.outcome <> 'would' OR %(dry)s))
  AND NOT EXISTS (SELECT FROM stock_outbox b WHERE b.offer_id = o.id)
  AND (%(only)s::bigint[] IS NULL OR o.variant_id = ANY (%(only)s))
ORDER BY o.last_synced_at NULLS FIRST, o.id LIMIT %(most)s"""
TAKE: Final = f"""
WITH due AS ({STALE}), noted AS (
    INSERT INTO automation_entries (day, account_id, rule, offer_id, variant_id, sku, outcome, settled_at)
    SELECT %(day)s, %(account)s, 'refresh', offer_id, variant_id, sku, %(outcome)s,
           CASE WHEN %(dry)s THEN clock_timestamp() END
    FROM due ON CONFLICT DO NOTHING RETURNING offer_id
)
SELECT d.* FROM due d JOIN noted n USING (offer_id) ORDER BY d.offer_id"""
# Behind what has to be sent for its own sake; that an offer waits already is good enough.
SEND: Final = """
INSERT INTO stock_outbox (offer_id, account_id, wanted_seq, first)
SELECT s.offer_id, %(account)s, s.seq, false
FROM unnest(%(offers)s::bigint[], %(seqs)s::bigint[]) AS s (offer_id, seq) ORDER BY s.offer_id
ON CONFLICT (offer_id) DO NOTHING"""

# What became of the offers that wait: accepted, refused by the marketplace, or no word for hours.
SETTLE: Final = """
UPDATE automation_entries e SET settled_at = clock_timestamp(),
    outcome = CASE WHEN o.last_synced_at >= e.at THEN 'done'
                   WHEN o.rejected_at >= e.at AND o.rejected IS NOT NULL THEN 'rejected' ELSE 'failed' END,
    reason = CASE WHEN o.last_synced_at >= e.at OR (o.rejected_at >= e.at AND o.rejected IS NOT NULL) THEN ''
                  ELSE 'no_answer' END,
    said = CASE WHEN o.last_synced_at >= e.at THEN NULL ELSE left(o.rejected, 300) END
FROM offers o
WHERE o.id = e.offer_id AND e.outcome = 'waiting' AND e.rule = 'refresh' AND e.account_id = %(account)s
  AND (o.last_synced_at >= e.at OR (o.rejected_at >= e.at AND o.rejected IS NOT NULL)
       OR e.at < clock_timestamp() - make_interval(hours => %(hours)s))"""

FINISH: Final = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::jsonb) AS g (offer_id bigint, outcome text, reason text, said text,
                                                               at timestamptz)
), sent AS (
    UPDATE offers o SET last_synced_at = greatest(o.last_synced_at, g.at) FROM given g
    WHERE o.id = g.offer_id AND g.outcome = 'done'
)
UPDATE automation_entries e SET outcome = g.outcome, reason = g.reason, said = left(g.said, 300),
    settled_at = clock_timestamp()
FROM given g
WHERE e.offer_id = g.offer_id AND e.account_id = %(account)s AND e.rule = 'refresh' AND e.outcome = 'waiting'"""


@dataclass(frozen=True)
class RefreshOnce:
    """What is due in an account, now: of these variants, or all of it."""

    account_id: int
    variant_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Stale:
    """An offer that is due."""

    offer_id: int
    external_id: str
    variant_id: int
    sku: str
    seq: int
    price: Decimal | None
    read_at: datetime | None


@dataclass(frozen=True)
class Taken:
    """What a run took. `by_price`: what it has to send itself; the rest is in the outbox, or only looked at."""

    taken: int = 0
    by_price: tuple[Stale, ...] = ()


@dataclass(frozen=True)
class Result:
    offer_id: int
    outcome: str
    reason: str = ""
    said: str | None = None
    at: datetime | None = None


@transactional
def ask_once(session: Session, command: RefreshOnce, *, actor: Actor) -> None:
    """Somebody wants what is due to be sent, whatever the rule is set to; a job does it. Raises NotFound."""
    accounts.get(session, command.account_id)
    only = None if command.variant_ids is None else sorted(set(command.variant_ids))
    lock = f"{ONCE_TASK}:{command.account_id}" + ("" if only is None else ":" + "-".join(map(str, only)))
    jobs.enqueue(session, ONCE_TASK, queueing_lock=lock, account_id=command.account_id, variant_ids=only)


def run(account_id: int, *, by_person: bool = False, only: Sequence[int] | None = None, actor: Actor) -> int:
    """Refresh a portion of an account's offers, `only` of these variants. Returns how many were taken.

    Raises NotFound, and MarketplaceError when the marketplace cannot be spoken to.
    """
    rule = OfRule(account_id, "refresh")
    taken = take(rule, by_person, only, actor=actor)
    failed = True
    try:
        if taken.by_price:
            _send_prices(account_id, taken.by_price, actor)
        failed = False
    finally:
        if taken.taken:
            rules.ran(rule, failed, actor=actor)
    return taken.taken


@transactional
def take(
    session: Session, command: OfRule, by_person: bool = False, only: Sequence[int] | None = None, *, actor: Actor
) -> Taken:
    """Choose what is due, as far as today allows it, and write it into the log; in a dry run that is all.

    A person who asks for it is not held up by the rule's switch, pause and maximum; the log is the same.
    """
    held = rules.hold(session, command.account_id, "refresh")
    execute(session, SETTLE, {"account": held.account_id, "hours": UNANSWERED_HOURS})
    now = rules.moment(session)
    if not by_person and not rules.wakes(held, now):
        return Taken()
    way = _way(session, held)
    if way == "none":
        return Taken()
    dry, today = held.mode == "dry_run" and not by_person, local_day(now, rules.shop_zone())
    left = PORTION if by_person else rules.allowed(session, held, today).left
    given = _asked(session, held, now) | {
        "day": today, "dry": dry, "outcome": "would" if dry else "waiting",
        "only": None if only is None else list(only),
    }  # fmt: skip
    portion = min(left, READ_PORTION if way == "price" and not dry else PORTION)
    found = [Stale(*row) for row in execute(session, TAKE, given | {"most": portion}).fetchall()] if portion else []
    if (
        not by_person
        and left == len(found)
        and execute(session, STALE, _without_outcome(given) | {"most": 1}).fetchone()
    ):
        rules.reached(held, now, rules.shop_zone())
    session.flush()
    if not found or dry:
        return Taken(len(found))
    if way == "price":
        return Taken(len(found), tuple(found))
    execute(session, SEND, {"account": held.account_id, "offers": [one.offer_id for one in found],
                            "seqs": [one.seq for one in found]})  # fmt: skip
    lock = f"{PUBLISH_TASK}:{held.account_id}"
    jobs.enqueue(session, PUBLISH_TASK, queueing_lock=lock, account_id=held.account_id)
    return Taken(len(found))


def _without_outcome(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "outcome"}


def _asked(session: Session, held: AutomationRule, now: datetime) -> dict[str, Any]:
    limits = reads.limits(session)
    return {
        "account": held.account_id,
        "now": now,
        "stale_days": limits.shop.stale_days,
        "categories": json.dumps(limits.categories),
    }


def _way(session: Session, held: AutomationRule) -> str:
    row = execute(session, WAY, {"account": held.account_id}).fetchone()
    return str(row[0]) if row else "none"


@transactional
def settle(session: Session, command: OfRule, *, actor: Actor) -> int:
    """Write down what became of the offers that wait in the outbox. Returns of how many."""
    return execute(session, SETTLE, {"account": command.account_id, "hours": UNANSWERED_HOURS}).rowcount


@transactional
def finish(session: Session, account_id: int, results: Sequence[Result], *, actor: Actor) -> None:
    """Write down what became of what was sent with its price."""
    given = json.dumps([vars(result) for result in results], default=str)
    execute(session, FINISH, {"account": account_id, "results": given})


# --- sending without a stock of ours ---------------------------------------------------------------------------------


def _send_prices(account_id: int, due: Sequence[Stale], actor: Actor) -> None:
    account = accounts.load(accounts.OfAccount(account_id), actor=actor)
    batch, open_ones = accounts.adapter(account).batch, {one.offer_id for one in due}
    try:
        with accounts.opened(account) as marketplace:
            for start in range(0, len(due), batch):
                results = _send_batch(account_id, marketplace, due[start : start + batch], actor)
                finish(account_id, results, actor=actor)
                open_ones -= {result.offer_id for result in results}
                jobs.pause_point()
    except MarketplaceError as error:
        finish(account_id, [Result(id_, "failed", error.trouble, str(error)) for id_ in open_ones], actor=actor)
        raise
    except Refused as refused:
        finish(account_id, [Result(id_, "failed", "account", str(refused)) for id_ in open_ones], actor=actor)
        raise
    except jobs.Postponed:
        # What was not sent yet is due as before.
        forget(account_id, sorted(open_ones), actor=actor)
        raise


FORGET: Final = """
DELETE FROM automation_entries
WHERE account_id = %(account)s AND rule = 'refresh' AND outcome = 'waiting' AND offer_id = ANY (%(offers)s::bigint[])"""


@transactional
def forget(session: Session, account_id: int, offer_ids: Sequence[int], *, actor: Actor) -> None:
    """Take back what was noted and not done, for the worker is being stopped."""
    execute(session, FORGET, {"account": account_id, "offers": list(offer_ids)})


def _send_batch(account_id: int, marketplace: Marketplace, due: Sequence[Stale], actor: Actor) -> list[Result]:
    if not isinstance(marketplace, Refreshing):
        return [Result(one.offer_id, "skipped", "not_possible") for one in due]
    results: list[Result] = []
    writes: dict[str, Stale] = {}
    prices: list[PriceAgain] = []
    for one in due:
        price = _price_now(account_id, marketplace, one, actor)
        if price is None or price <= 0:
            results.append(Result(one.offer_id, "skipped", "no_price"))
            continue
        writes[one.external_id] = one
        prices.append(PriceAgain(one.external_id, price))
    at = clock()
    outcomes = marketplace.refresh(prices) if prices else {}
    for external_id, one in writes.items():
        outcome = outcomes.get(external_id)
        if outcome is not None and outcome.ok:
            results.append(Result(one.offer_id, "done", at=at))
        elif outcome is None or outcome.uncertain:
            results.append(Result(one.offer_id, "failed", "no_answer", outcome.message if outcome else None))
        else:
            results.append(Result(one.offer_id, "rejected", "", outcome.message))
    return results


def _price_now(account_id: int, marketplace: Marketplace, one: Stale, actor: Actor) -> Decimal | None:
    """The price as it stands there: sent again it must change nothing, and somebody may have changed it there."""
    if one.read_at is not None and clock() - one.read_at < JUST_READ:
        return one.price
    read_at = clock()
    reading = marketplace.offer(one.external_id)
    if reading is None:
        return None
    offers.record(Readings(account_id, [reading], read_at), actor=actor)
    return reading.sale_price
