"""Divided pools: switched on and off, and shares kept in step with what the ledger booked.

The ledger knows nothing of shares, so that no till waits for them. Each movement is settled once, by its number: soon
after the news of it, and by a pass that finds what no news told. Until then nothing is offered that is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, lock_variant_rows, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.domain.pools import Movement, NothingToDivide, settled
from magflow.models import StockPool
from magflow.services import jobs, publishing

TASK: Final = "stock_sync.settle_pools"
TOGETHER: Final = 500
LOCK: Final = ("pools",)

ANY_DIVIDED: Final = "SELECT EXISTS (SELECT FROM stock_pools WHERE kind = 'own' AND mode = 'divided')"
UNSETTLED: Final = """
SELECT v.id FROM stock_pools p
JOIN marketplace_accounts a ON a.pool = p.name
JOIN offers o ON o.account_id = a.id
JOIN variants v ON v.id = o.variant_id
LEFT JOIN pool_settlements s ON s.variant_id = v.id AND s.pool = p.name
WHERE p.kind = 'own' AND p.mode = 'divided' AND (s.seq IS NULL OR s.seq < v.movement_seq OR o.share IS NULL)
GROUP BY v.id ORDER BY v.id LIMIT %(most)s"""

# Once the variants are locked: the shares, and what each account is expected to sell. Units of a re-division that have
# left the giver and not reached the receiver are nobody's yet, and not to be divided.
SHARES: Final = """
SELECT p.name, o.variant_id, o.account_id, o.share, greatest(0, v.stock - coalesce((
           SELECT sum(t.amount) FROM transfers t JOIN marketplace_accounts g ON g.id = t.from_account_id
           JOIN marketplace_accounts r ON r.id = t.to_account_id AND r.pool = g.pool
           WHERE t.variant_id = v.id AND g.pool = p.name AND t.kind = 'redivide' AND t.state IN ('running', 'failed')
             AND t.giver_written NOT IN ('no', 'undone') AND t.receiver_written = 'no'), 0))::integer AS stock,
       v.movement_seq, s.seq, f.weekly, o.status = 1 AS active
FROM stock_pools p
JOIN marketplace_accounts a ON a.pool = p.name
JOIN offers o ON o.account_id = a.id AND o.variant_id = ANY (%(ids)s::bigint[])
JOIN variants v ON v.id = o.variant_id
LEFT JOIN pool_settlements s ON s.variant_id = v.id AND s.pool = p.name
LEFT JOIN demand_forecasts f ON f.variant_id = o.variant_id AND f.account_id = o.account_id
WHERE p.kind = 'own' AND p.mode = 'divided'
ORDER BY p.name, o.variant_id, o.account_id"""

# Transfers have changed their shares themselves.
MOVEMENTS: Final = """
SELECT m.variant_id, m.seq, m.delta, a.id
FROM stock_movements m
LEFT JOIN LATERAL (SELECT r.order_id FROM restocks r WHERE m.source_type = 'restock' AND r.document_id = m.source_id
                   LIMIT 1) back ON true
LEFT JOIN orders r ON r.id = CASE WHEN m.source_type = 'order' THEN m.source_id ELSE back.order_id END
LEFT JOIN marketplace_accounts a ON a.source = r.source AND a.code = r.source_account
WHERE m.variant_id = ANY (%(ids)s::bigint[]) AND m.seq > %(after)s AND m.reason <> 'transfer'
ORDER BY m.variant_id, m.seq"""

KEEP: Final = """
UPDATE offers o SET share = g.share,
    stock = CASE WHEN a.credentials IS NULL THEN greatest(0, g.share - coalesce(o.buffer, a.buffer)) ELSE o.stock END
FROM unnest(%(variants)s::bigint[], %(accounts)s::bigint[], %(shares)s::integer[]) AS g (variant_id, account_id, share),
     marketplace_accounts a
WHERE o.variant_id = g.variant_id AND o.account_id = g.account_id AND a.id = o.account_id
  AND o.share IS DISTINCT FROM g.share"""
SETTLED: Final = """
INSERT INTO pool_settlements (variant_id, pool, seq)
SELECT * FROM unnest(%(variants)s::bigint[], %(pools)s::text[], %(seqs)s::bigint[])
ON CONFLICT (variant_id, pool) DO UPDATE SET seq = excluded.seq"""

WHOLE_AGAIN: Final = """
UPDATE offers o SET share = NULL FROM marketplace_accounts a
WHERE a.id = o.account_id AND a.pool = %(pool)s AND o.share IS NOT NULL"""
ACCOUNTS: Final = "SELECT count(*) FROM marketplace_accounts WHERE pool = %(pool)s"
FORGET: Final = "DELETE FROM pool_settlements WHERE pool = %(pool)s"


@dataclass(frozen=True)
class ChangeMode:
    """`divided`: each account its share; else `shared`: every account all of it."""

    pool: str
    divided: bool


@dataclass(frozen=True)
class Share:
    """One account's part of one variant's goods."""

    pool: str
    variant_id: int
    account_id: int
    share: int | None
    stock: int
    movement_seq: int
    seq: int | None
    weekly: float | None
    active: bool


@transactional
def change_mode(session: Session, command: ChangeMode, *, actor: Actor) -> StockPool:
    """Divide a pool, or let every account have all of it again. The same again changes nothing.

    Raises NotFound, NothingToDivide.
    """
    lock_names(session, [LOCK])
    pool = session.scalar(select(StockPool).where(StockPool.name == command.pool))
    if pool is None:
        raise NotFound("pool", command.pool)
    row = execute(session, ACCOUNTS, {"pool": pool.name}).fetchone()
    if pool.kind != "own" or (command.divided and (row is None or row[0] < 2)):
        raise NothingToDivide(pool.name)
    wanted = "divided" if command.divided else "shared"
    if pool.mode != wanted:
        pool.mode = wanted
        session.flush()
        if command.divided:
            jobs.enqueue(session, TASK, queueing_lock=TASK)
        else:
            execute(session, WHOLE_AGAIN, {"pool": pool.name})
            execute(session, FORGET, {"pool": pool.name})
    return pool


def stock_changed(session: Session, _kind: str, _payload: Mapping[str, Any]) -> None:
    """News of a variant's stock: where a pool is divided, its shares are settled by a worker at once."""
    found = execute(session, ANY_DIVIDED, {}).fetchone()
    if found and found[0]:
        jobs.enqueue(session, TASK, queueing_lock=TASK)


def settle_all(*, actor: Actor) -> int:
    """Settle every variant that has moved since. Returns how many."""
    total = 0
    while number := settle_some(actor=actor):
        jobs.pause_point()
        total += number
    return total


@transactional
def settle_some(session: Session, *, actor: Actor) -> int:
    """Settle the next variants that have moved since; 0 when there are none."""
    lock_names(session, [LOCK])
    ids = [row[0] for row in execute(session, UNSETTLED, {"most": TOGETHER})]
    if ids:
        lock_variant_rows(session, ids)
        _settle(session, ids)
    return len(ids)


def _settle(session: Session, ids: Sequence[int]) -> None:
    rows = [Share(*row) for row in execute(session, SHARES, {"ids": list(ids)})]
    after = min((row.seq or 0 for row in rows), default=0)
    moved: dict[int, list[tuple[int, Movement]]] = {}
    for variant_id, seq, delta, account_id in execute(session, MOVEMENTS, {"ids": list(ids), "after": after}):
        moved.setdefault(variant_id, []).append((seq, Movement(delta, account_id)))
    groups: dict[tuple[str, int], list[Share]] = {}
    for row in rows:
        groups.setdefault((row.pool, row.variant_id), []).append(row)
    kept: list[tuple[int, int, int]] = []
    for (_pool, variant_id), group in groups.items():
        known = group[0].seq
        news = [] if known is None else [one for seq, one in moved.get(variant_id, ()) if seq > known]
        kept += [(variant_id, account, units) for account, units in _shares(group, news).items()]
    execute(session, KEEP, {"variants": [k[0] for k in kept], "accounts": [k[1] for k in kept],
                            "shares": [k[2] for k in kept]})  # fmt: skip
    execute(
        session,
        SETTLED,
        {
            "variants": [variant_id for _pool, variant_id in groups],
            "pools": [pool for pool, _variant in groups],
            "seqs": [group[0].movement_seq for group in groups.values()],
        },
    )
    publishing.enqueue(session, ids)


def _shares(group: Sequence[Share], news: Sequence[Movement]) -> dict[int, int]:
    """What each account has from now on. Without a forecast of every account, new goods are divided evenly."""
    shares = {row.account_id: row.share or 0 for row in group}
    selling = [row for row in group if row.active] or list(group)
    known = all(row.weekly for row in selling)
    weights = {row.account_id: (row.weekly or 0.0) if known else 1.0 for row in selling}
    return settled(shares, group[0].stock, news, weights)
