"""The shop's own pools: who sells from them, and how their goods are divided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.queries.paging import Page
from magflow.queries.stock_sync import Account, accounts

SIZES = """
SELECT a.pool, count(DISTINCT o.variant_id)
FROM marketplace_accounts a JOIN offers o ON o.account_id = a.id
WHERE o.variant_id IS NOT NULL GROUP BY a.pool"""

NEXT = """
SELECT DISTINCT v.id FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id AND a.pool = :pool
JOIN variants v ON v.id = o.variant_id
WHERE v.id > :after AND (:sku = '' OR v.sku = :sku) ORDER BY v.id LIMIT :most"""

SHARES = """
SELECT v.id, v.sku, q.name, v.stock, o.account_id, o.share
FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id AND a.pool = :pool
JOIN variants v ON v.id = o.variant_id JOIN products q ON q.id = v.product_id
WHERE v.id = ANY (:ids) ORDER BY v.id, o.account_id"""


@dataclass(frozen=True)
class Pool:
    """One warehouse of the shop, and the accounts that sell from it."""

    name: str
    divided: bool
    accounts: tuple[Account, ...]
    variants: int


@dataclass(frozen=True)
class Divided:
    """One SKU of a pool, and the share of each account that lists it."""

    variant_id: int
    sku: str
    product_name: str
    stock: int
    shares: Mapping[int, int | None]

    @property
    def free(self) -> int:
        """What no account has; it is divided in a moment."""
        return self.stock - sum(share or 0 for share in self.shares.values())


def pools(session: Session) -> list[Pool]:
    """The shop's own pools, by name."""
    sizes = {str(row[0]): int(row[1]) for row in session.execute(text(SIZES))}
    found: dict[str, list[Account]] = {}
    for account in accounts(session):
        if account.own_pool:
            found.setdefault(account.pool, []).append(account)
    return [
        Pool(name, of[0].pool_mode == "divided", tuple(of), sizes.get(name, 0)) for name, of in sorted(found.items())
    ]


def pool(session: Session, name: str) -> Pool:
    """One of them. Raises NotFound."""
    for one in pools(session):
        if one.name == name:
            return one
    raise NotFound("pool", name)


def shares(
    session: Session, name: str, *, sku: str | None = None, after: int | None = None, limit: int = 50
) -> Page[Divided]:
    """The SKUs of a pool by id, each with its shares."""
    asked = {"pool": name, "after": after or 0, "sku": sku or "", "most": limit + 1}
    ids: Sequence[int] = session.scalars(text(NEXT), asked).all()
    more, ids = len(ids) > limit, ids[:limit]
    rows: dict[int, Divided] = {}
    for variant_id, code, product, stock, account_id, share in session.execute(
        text(SHARES), {"pool": name, "ids": list(ids)}
    ):
        there = rows.get(variant_id)
        known = {**there.shares, account_id: share} if there else {account_id: share}
        rows[variant_id] = Divided(variant_id, code, product, stock, known)
    total = pool(session, name).variants if not sku else len(ids)
    return Page(list(rows.values()), total, False, ids[-1] if more else None)
