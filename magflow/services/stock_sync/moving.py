"""What a transfer writes: shares and own stock, what an offer shows, and what has to be sent to the marketplace."""

from typing import Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_variants
from magflow.domain.errors import InsufficientOfferStock, InsufficientStock, Shortage
from magflow.models import Transfer, TransferStep
from magflow.queries.stock_sync import Account
from magflow.services import jobs, ledger
from magflow.services.publishing import PUBLISH_TASK

# Shares of a divided pool, and figures of a marketplace's warehouse that we may write. Never below nothing.
SHARE: Final = """
UPDATE offers SET share = coalesce(share, stock) + %(delta)s
WHERE account_id = %(account)s AND variant_id = %(variant)s AND coalesce(share, stock) + %(delta)s >= 0 RETURNING id"""

# Accounts that nothing is sent to show what we decided at once; of the others the marketplace says what they show.
SHOW: Final = """
UPDATE offers o SET stock = greatest(0, o.stock + %(delta)s)
FROM marketplace_accounts a
WHERE a.id = o.account_id AND o.variant_id = %(variant)s AND a.credentials IS NULL
  AND (a.id = %(account)s OR (%(shared)s AND a.pool = %(pool)s))"""

CONNECTED: Final = "SELECT credentials IS NOT NULL FROM marketplace_accounts WHERE id = %(account)s"

SEND: Final = """
INSERT INTO stock_outbox AS b (offer_id, account_id, wanted_seq, first)
SELECT o.id, o.account_id, v.movement_seq, true FROM offers o JOIN variants v ON v.id = o.variant_id
WHERE o.account_id = %(account)s AND o.variant_id = %(variant)s
ON CONFLICT (offer_id) DO UPDATE SET first = true, next_at = clock_timestamp(),
    wanted_seq = greatest(b.wanted_seq, excluded.wanted_seq)
RETURNING account_id"""


def change_own_stock(session: Session, transfer: Transfer, delta: int, step: TransferStep) -> None:
    """Book units into the shop's own stock, or out of it. Raises InsufficientStock."""
    if transfer.variant_id is None or not delta:
        return
    variant = lock_variants(session, [transfer.variant_id])[transfer.variant_id]
    booked = ledger.add(session, {variant.id: delta}, reason="transfer", source_type="transfer", source_id=step.id)
    if variant.id not in booked:
        raise InsufficientStock([Shortage(variant.id, variant.sku, -delta, variant.stock)])


def change_share(session: Session, transfer: Transfer, account: Account, delta: int) -> None:
    """Change what of a pool belongs to an account. Raises InsufficientOfferStock."""
    given = {"account": account.id, "variant": transfer.variant_id, "delta": delta}
    if execute(session, SHARE, given).fetchone() is None:
        raise InsufficientOfferStock


def write_side(
    session: Session, transfer: Transfer, account: Account, delta: int, step: TransferStep, *, inside: bool
) -> str:
    """Change one side of a re-division and have it sent: `accepted` where nobody has to be asked, else `waiting`.

    `inside`: both accounts sell from one pool, whose stock stays as it is; else the goods leave it, or come into it.
    """
    if account.own_pool and not inside:
        change_own_stock(session, transfer, delta, step)
    if account.pool_mode == "divided" or not account.own_pool:
        change_share(session, transfer, account, delta)
    show(session, transfer, account, delta)
    if send(session, transfer, account):
        return "waiting"
    execute(session, SETTLED, {"account": account.id, "variant": transfer.variant_id, "sent": False})
    return "accepted"


def show(session: Session, transfer: Transfer, account: Account, delta: int) -> None:
    """What accounts without a connection show from now on."""
    execute(
        session,
        SHOW,
        {
            "account": account.id,
            "variant": transfer.variant_id,
            "delta": delta,
            "pool": account.pool,
            "shared": account.own_pool and account.pool_mode == "shared",
        },
    )


def send(session: Session, transfer: Transfer, account: Account) -> bool:
    """Put the offer into the outbox, before everything else; False where there is nobody to send it to."""
    connected = execute(session, CONNECTED, {"account": account.id}).fetchone()
    if not connected or not connected[0]:
        return False
    execute(session, SEND, {"account": account.id, "variant": transfer.variant_id})
    jobs.enqueue(session, PUBLISH_TASK, queueing_lock=f"{PUBLISH_TASK}:{account.id}", account_id=account.id)
    return True


ANSWERED: Final = """
SELECT o.rejected, o.rejected_at >= %(since)s AS refused,
       EXISTS (SELECT FROM stock_outbox b WHERE b.offer_id = o.id) AS waits, o.last_synced_at >= %(since)s AS sent
FROM offers o WHERE o.account_id = %(account)s AND o.variant_id = %(variant)s"""
# A figure of a marketplace's warehouse was decided once; from now on the marketplace counts it down by itself.
SETTLED: Final = """
UPDATE offers o SET stock = CASE WHEN %(sent)s THEN coalesce(o.sent_stock, o.stock) ELSE o.stock END,
    share = CASE WHEN p.kind = 'marketplace' THEN NULL ELSE o.share END
FROM marketplace_accounts a JOIN stock_pools p ON p.name = a.pool
WHERE a.id = o.account_id AND o.account_id = %(account)s AND o.variant_id = %(variant)s"""


def answer(session: Session, transfer: Transfer, account: Account) -> tuple[str, str | None]:
    """What became of the side that was sent: `waiting`, `accepted`, or `rejected` with the marketplace's words."""
    given = {"account": account.id, "variant": transfer.variant_id}
    row = execute(session, ANSWERED, given | {"since": transfer.approved_at}).fetchone()
    if row is None:
        return "rejected", "the offer is gone"
    rejected, refused, waits, sent = row
    if refused and rejected:
        return "rejected", str(rejected)
    if waits or not sent:
        return "waiting", None
    execute(session, SETTLED, given | {"sent": True})
    return "accepted", None
