"""Publishing stock: every account shows what there is, less what is reserved, less a buffer; never an older figure.

Whatever changes stock writes `stock.changed` in its own transaction. From that news a row of the outbox comes for each
offer that shows another figure; however often it changes, one row. The figure is read when it is sent, is absolute, and
what was sent is remembered with the movement it stands for. A pass over everything, every few minutes, finds what no
news told: orders that came or went, and offers that show something else than was sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.concurrency.leases import claim_stock
from magflow.domain.actors import Actor
from magflow.domain.marketplaces import offered
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import Outcome, StockWrite
from magflow.models import MarketplaceAccount
from magflow.services import accounts, jobs
from magflow.services.offers import clock

LEASE_SECONDS: Final = 180.0
"""Longer than a request with all its attempts takes."""
PAUSES: Final = (5, 15, 60, 300, 900)
REJECTED_HOURS: Final = 6
"""What the marketplace refused for good is not sent again so soon, unless the figure changes."""

# What stands in orders that have arrived and are not confirmed yet. It locks nothing.
RESERVED: Final = """
SELECT i.variant_id, w.account_id, sum(i.quantity) AS quantity
FROM order_items i JOIN orders r ON r.id = i.order_id AND r.status = 'pending'
LEFT JOIN LATERAL (SELECT a.id AS account_id FROM marketplace_accounts a
                   WHERE a.source = r.source AND a.code = r.source_account) w ON true
WHERE i.stock_source = 'own' AND i.variant_id IS NOT NULL {which}
GROUP BY i.variant_id, w.account_id"""

# One row an offer that is sold from our own pool: what it should show now. In a marketplace's warehouse that we may
# write to, only what a transfer is just changing has a figure of ours.
FIGURES: Final = """
WITH reserved AS ({reserved})
SELECT o.id AS offer_id, o.account_id, o.external_id, v.movement_seq AS seq,
       CASE WHEN v.status = 0 THEN CASE WHEN p.kind = 'marketplace' THEN coalesce(o.share, 0)
                                        WHEN p.mode = 'divided' THEN least(coalesce(o.share, 0), v.stock)
                                        ELSE v.stock END
            ELSE 0 END AS stock,
       coalesce((SELECT sum(r.quantity) FROM reserved r WHERE r.variant_id = v.id AND p.kind = 'own'
                 AND (p.mode = 'shared' OR r.account_id = o.account_id)), 0)::integer AS reserved,
       coalesce(o.buffer, a.buffer) AS buffer, o.sent_stock, o.sent_seq, o.stock AS shown, o.status,
       o.last_read_at > o.last_synced_at AS read_since, o.rejected, o.rejected_at
FROM offers o
JOIN marketplace_accounts a ON a.id = o.account_id
JOIN stock_pools p ON p.name = a.pool AND (p.kind = 'own' OR (a.stock_writable AND o.share IS NOT NULL))
JOIN variants v ON v.id = o.variant_id
WHERE {which}"""

SHOWN: Final = "least(65535, greatest(0, f.stock - f.reserved - f.buffer))"

# An offer waits when it shows another figure than it should; one that was refused for good only when that has changed.
ENQUEUE: Final = """
WITH figures AS ({figures})
INSERT INTO stock_outbox AS b (offer_id, account_id, wanted_seq, first)
SELECT f.offer_id, f.account_id, f.seq, {shown} = 0
FROM figures f JOIN marketplace_accounts a ON a.id = f.account_id AND a.publishing
WHERE f.status <> 2
  AND ({shown} IS DISTINCT FROM f.sent_stock OR (f.read_since AND {shown} <> f.shown))
  AND (f.rejected IS NULL OR f.sent_seq IS DISTINCT FROM f.seq
       OR f.rejected_at < clock_timestamp() - make_interval(hours => %(hours)s))
ORDER BY f.offer_id
ON CONFLICT (offer_id) DO UPDATE
SET wanted_seq = greatest(b.wanted_seq, excluded.wanted_seq), first = b.first OR excluded.first,
    next_at = CASE WHEN excluded.wanted_seq > b.wanted_seq THEN least(b.next_at, clock_timestamp()) ELSE b.next_at END
WHERE excluded.wanted_seq > b.wanted_seq OR (excluded.first AND NOT b.first)
RETURNING account_id"""

FOR_VARIANTS: Final = ENQUEUE.format(
    figures=FIGURES.format(
        reserved=RESERVED.format(which="AND i.variant_id = ANY (%(variants)s::bigint[])"),
        which="o.variant_id = ANY (%(variants)s::bigint[])",
    ),
    shown=SHOWN,
)
FOR_ALL: Final = ENQUEUE.format(
    figures=FIGURES.format(reserved=RESERVED.format(which=""), which="a.publishing"), shown=SHOWN
)
FOR_OFFERS: Final = FIGURES.format(
    reserved=RESERVED.format(
        which="AND i.variant_id IN (SELECT variant_id FROM offers WHERE id = ANY (%(offers)s::bigint[]))"
    ),
    which="o.id = ANY (%(offers)s::bigint[])",
)

PUBLISH_TASK: Final = "marketplaces.publish"


@dataclass(frozen=True)
class Figure:
    """What an offer should show, with everything it is made of."""

    offer_id: int
    account_id: int
    external_id: str
    seq: int
    stock: int
    reserved: int
    buffer: int
    sent_stock: int | None
    sent_seq: int | None
    shown: int
    status: int
    read_since: bool | None
    rejected: str | None
    rejected_at: datetime | None

    @property
    def offered(self) -> int:
        """max(0, stock - reserved - buffer)"""
        return offered(self.stock, self.reserved, self.buffer)


@dataclass(frozen=True)
class Claimed:
    """An offer that we alone send until the lease ends."""

    figure: Figure
    lease: int
    attempt: int


@dataclass(frozen=True)
class Ready:
    """What is sent together. `gone`: rows whose offer is sold from our pool no longer."""

    claims: tuple[Claimed, ...]
    gone: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sent:
    """What the marketplace said to what was sent, and when it was asked."""

    account_id: int
    claims: Sequence[Claimed]
    outcomes: Mapping[str, Outcome]
    at: datetime


# --- what has to be sent ---------------------------------------------------------------------------------------------


def stock_changed(session: Session, _kind: str, payload: Mapping[str, Any]) -> None:
    """News of a variant's stock: its offers wait to be sent. In the transaction that hands the news out."""
    variant_id = payload.get("variant_id")
    if isinstance(variant_id, int):
        enqueue(session, [variant_id])


def enqueue(session: Session, variant_ids: Sequence[int]) -> int:
    """Put the offers of these variants into the outbox, where they should show another figure. Returns how many."""
    if not variant_ids:
        return 0
    rows = execute(session, FOR_VARIANTS, {"variants": sorted(set(variant_ids)), "hours": REJECTED_HOURS})
    return _wake(session, rows.fetchall())


@transactional
def enqueue_all(session: Session, *, actor: Actor) -> int:
    """The pass over everything: every offer that shows another figure than it should. Returns how many wait now."""
    return _wake(session, execute(session, FOR_ALL, {"hours": REJECTED_HOURS}).fetchall())


def _wake(session: Session, rows: Sequence[tuple[Any, ...]]) -> int:
    for account_id in sorted({row[0] for row in rows}):
        jobs.enqueue(session, PUBLISH_TASK, queueing_lock=f"{PUBLISH_TASK}:{account_id}", account_id=account_id)
    return len(rows)


# --- sending ---------------------------------------------------------------------------------------------------------


@transactional
def claim(session: Session, account_id: int, most: int, *, actor: Actor) -> Ready:
    """Take offers of an account to send, those that must go to nothing first, and read what they should show."""
    leased = {row[0]: (row[1], row[2]) for row in claim_stock(session, account_id, most, LEASE_SECONDS)}
    if not leased:
        return Ready(())
    figures = [Figure(*row) for row in execute(session, FOR_OFFERS, {"offers": sorted(leased)})]
    gone = tuple(sorted(leased.keys() - {figure.offer_id for figure in figures}))
    if gone:
        execute(session, "DELETE FROM stock_outbox WHERE offer_id = ANY (%(ids)s::bigint[])", {"ids": list(gone)})
    ordered = sorted(figures, key=lambda figure: (figure.offered > 0, figure.offer_id))
    return Ready(tuple(Claimed(figure, *leased[figure.offer_id]) for figure in ordered), gone)


def figures(session: Session, offer_ids: Sequence[int]) -> list[Figure]:
    """What these offers should show now."""
    return [Figure(*row) for row in execute(session, FOR_OFFERS, {"offers": sorted(offer_ids)})]


# A newer figure that somebody else has sent meanwhile is not overwritten by what we know of an older one.
NOTE_SENT: Final = """
UPDATE offers o SET sent_stock = s.stock, sent_seq = s.seq, last_synced_at = %(at)s, rejected = NULL,
    rejected_at = NULL, differs_since = NULL
FROM unnest(%(offers)s::bigint[], %(stocks)s::integer[], %(seqs)s::bigint[]) AS s (id, stock, seq)
WHERE o.id = s.id AND (o.sent_seq IS NULL OR o.sent_seq <= s.seq)"""
NOTE_REJECTED: Final = """
UPDATE offers SET rejected = %(text)s, rejected_at = clock_timestamp(), sent_seq = %(seq)s WHERE id = %(offer)s"""
# The row goes unless it is wanted for more than was sent, or somebody took the lease over.
DONE: Final = """
DELETE FROM stock_outbox b
USING unnest(%(offers)s::bigint[], %(leases)s::bigint[], %(seqs)s::bigint[]) AS s (id, lease, seq)
WHERE b.offer_id = s.id AND b.lease_no = s.lease AND b.wanted_seq <= s.seq"""
FREE: Final = """
UPDATE stock_outbox b SET lease_until = NULL, next_at = clock_timestamp(), attempts = 0
FROM unnest(%(offers)s::bigint[], %(leases)s::bigint[]) AS s (id, lease)
WHERE b.offer_id = s.id AND b.lease_no = s.lease"""
AGAIN: Final = """
UPDATE stock_outbox SET lease_until = NULL, error = %(error)s,
    next_at = clock_timestamp() + make_interval(secs => %(pause)s)
WHERE offer_id = %(offer)s AND lease_no = %(lease)s"""
SENT_AT: Final = """
UPDATE marketplace_accounts SET stock_sent_at = clock_timestamp(), last_ok_at = clock_timestamp() WHERE id = %(id)s"""


@transactional
def settle(session: Session, command: Sent, *, actor: Actor) -> None:
    """Write down what became of what was sent; what has to be sent again waits for its next turn."""
    good = [c for c in command.claims if (o := command.outcomes.get(c.figure.external_id)) is not None and o.ok]
    if good:
        parameters = {
            "offers": [c.figure.offer_id for c in good],
            "stocks": [c.figure.offered for c in good],
            "seqs": [c.figure.seq for c in good],
            "leases": [c.lease for c in good],
        }
        execute(session, NOTE_SENT, {name: parameters[name] for name in ("offers", "stocks", "seqs")}
                | {"at": command.at})  # fmt: skip
        execute(session, DONE, {name: parameters[name] for name in ("offers", "leases", "seqs")})
        execute(session, FREE, {name: parameters[name] for name in ("offers", "leases")})
        execute(session, SENT_AT, {"id": command.account_id})
    for claimed in command.claims:
        outcome = command.outcomes.get(claimed.figure.external_id, Outcome(False, "not sent", uncertain=True))
        if not outcome.ok:
            _settle_failed(session, claimed, outcome)


def _settle_failed(session: Session, claimed: Claimed, outcome: Outcome) -> None:
    figure, text = claimed.figure, outcome.message.replace("\x00", "")[:500]
    if outcome.uncertain:
        pause = PAUSES[min(claimed.attempt, len(PAUSES)) - 1]
        execute(session, AGAIN, {"offer": figure.offer_id, "lease": claimed.lease, "error": text, "pause": pause})
        return
    execute(session, NOTE_REJECTED, {"offer": figure.offer_id, "text": text, "seq": figure.seq})
    execute(session, DONE, {"offers": [figure.offer_id], "leases": [claimed.lease], "seqs": [figure.seq]})
    execute(session, FREE, {"offers": [figure.offer_id], "leases": [claimed.lease]})


def publish(account: MarketplaceAccount, *, actor: Actor) -> int:
    """Send what waits for an account, batch by batch, until nothing does. Returns how many were accepted.

    Raises MarketplaceError when the marketplace cannot be spoken to; what was claimed then waits for its next turn.
    """
    accepted = 0
    batch = accounts.adapter(account).batch
    with accounts.opened(account) as marketplace:
        while True:
            ready = claim(account.id, batch, actor=actor)
            if not ready.claims:
                if not ready.gone:
                    return accepted
                continue
            sent = Sent(account.id, ready.claims, {}, clock())
            urgent = any(c.figure.offered == 0 for c in ready.claims)
            try:
                writes = [StockWrite(c.figure.external_id, c.figure.offered) for c in ready.claims]
                sent = replace(sent, outcomes=marketplace.send_stock(writes, urgent=urgent))
            except MarketplaceError as error:
                unsure = {c.figure.external_id: Outcome(False, str(error), uncertain=True) for c in ready.claims}
                settle(replace(sent, outcomes=unsure), actor=actor)
                raise
            settle(sent, actor=actor)
            accepted += sum(outcome.ok for outcome in sent.outcomes.values())
            jobs.pause_point()
