"""Prices that changed within a day: ours, and those of whoever sells beside us. From the daily readings of offers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.queries.stock_sync import LABELLED

HALF_A_DAY: Final = timedelta(hours=12)
SHOWN: Final = 5

CHANGED: Final = f"""
WITH changed AS MATERIALIZED (
    SELECT o.variant_id, o.sku, o.account_id, o.currency, b.sale_price AS before, n.sale_price AS after,
           b.best_offer_sale_price AS best_before, n.best_offer_sale_price AS best_after,
           n.best_offer_sale_price < n.sale_price
               AND (b.best_offer_sale_price IS NULL OR b.best_offer_sale_price >= b.sale_price) AS undercut
    FROM offer_snapshots n JOIN offers o ON o.id = n.offer_id
    CROSS JOIN LATERAL (SELECT s.sale_price, s.best_offer_sale_price FROM offer_snapshots s
                        WHERE s.offer_id = n.offer_id AND s.day < n.day ORDER BY s.day DESC LIMIT 1) AS b
    WHERE n.day = :day AND n.sale_price > 0 AND b.sale_price > 0
      AND (n.sale_price <> b.sale_price
           OR (n.best_offer_sale_price < n.sale_price
               AND (b.best_offer_sale_price IS NULL OR b.best_offer_sale_price >= b.sale_price)))
)
SELECT c.variant_id, coalesce(v.sku, c.sku, '') AS sku, a.label, c.currency, c.before, c.after, c.best_after,
       coalesce(c.undercut, false) AS undercut,
       count(*) OVER () AS every
FROM changed c JOIN ({LABELLED}) AS a ON a.id = c.account_id LEFT JOIN variants v ON v.id = c.variant_id
ORDER BY coalesce(c.undercut, false) DESC, abs(c.after - c.before) / c.before DESC, c.variant_id, c.account_id
LIMIT :most"""  # noqa: S608 - constants


@dataclass(frozen=True)
class PriceChange:
    """One offer whose price changed, or beside which somebody became cheaper."""

    variant_id: int | None
    sku: str
    account: str
    currency: str
    before: Decimal
    after: Decimal
    best: Decimal | None
    """The lowest price on the page, where the marketplace tells it."""
    undercut: bool
    """Somebody sells for less now, and nobody did before."""


@dataclass(frozen=True)
class PriceDay:
    """What a day changed: the first of them, and how many more there are."""

    day: date
    first: tuple[PriceChange, ...] = ()
    more: int = 0


def day_of(now: datetime) -> date:
    """The day that a summary tells of: in the morning the one before, in the evening the present one."""
    return (now.astimezone(UTC) - HALF_A_DAY).date()


def price_day(session: Session, now: datetime, most: int = SHOWN) -> PriceDay:
    """What changed on that day, undercut ones first, then the largest changes; one statement."""
    day = day_of(now)
    rows = session.execute(text(CHANGED), {"day": day, "most": most}).all()
    first = tuple(PriceChange(*row[:8]) for row in rows)
    return PriceDay(day, first, rows[0].every - len(rows)) if rows else PriceDay(day)
