"""Figures of stock sync over time, of a period, an account, a brand, a category: four statements at any length."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.stock_figures import Compared, Day, Group, growing
from magflow.queries.stock_sync import Account, accounts

MOST_CHOICES: Final = 500


@dataclass(frozen=True)
class FigureFilter:
    """Both days are part of the period. An empty brand or category: every one."""

    since: date
    until: date
    account: str | None = None
    brand: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Ages:
    """How long zero stock lasts, in hours: the median of what ended in the period, and the oldest that is open."""

    median: float | None = None
    oldest: float | None = None


@dataclass(frozen=True)
class Figures:
    """Everything that is told of a period."""

    wanted: FigureFilter
    days: Sequence[Day]
    compared: Sequence[Compared]
    ages: Ages

    @property
    def last(self) -> Day | None:
        return self.days[-1] if self.days else None

    @property
    def verdict(self) -> Compared:
        """What the whole period says of recommendations."""
        return self.compared[-1] if self.compared else Compared(self.wanted.until)


NARROWED: Final = """(CAST(:brand AS text) IS NULL OR {0}.brand = :brand)
  AND (CAST(:category AS text) IS NULL OR {0}.category = :category)"""

DAYS: Final = f"""
SELECT f.day, sum(offers), sum(sent), sum(overdue), sum(stock), sum(contested), sum(zero_stock), sum(weekly_cents),
       sum(lost_cents), sum(resolved), sum(resolved_seconds)
FROM stock_figures f
WHERE f.day BETWEEN :since AND :until AND f.account_id IS NOT DISTINCT FROM CAST(:account AS bigint)
  AND {NARROWED.format("f")}
GROUP BY f.day ORDER BY f.day"""  # noqa: S608 - constants

CASES: Final = f"""
SELECT k.judged_on, k.followed, count(*), count(k.recovered), count(*) FILTER (WHERE k.recovered),
       sum(k.after_cents - k.before_cents), sum(k.cost_cents)
FROM stock_cases k
WHERE k.possible AND k.judged_on BETWEEN :since AND :until
  AND (CAST(:account AS bigint) IS NULL OR k.account_ids @> ARRAY[CAST(:account AS bigint)])
  AND {NARROWED.format("k")}
GROUP BY k.judged_on, k.followed ORDER BY k.judged_on, k.followed"""  # noqa: S608 - constants

AGES: Final = f"""
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.resolved_at - a.opened_at)) / 3600,
       extract(epoch FROM clock_timestamp() - min(a.opened_at) FILTER (WHERE a.state IN ('open', 'snoozed'))) / 3600
FROM stock_alerts a JOIN variants v ON v.id = a.variant_id JOIN products q ON q.id = v.product_id
WHERE a.cause = 'zero_stock'
  AND (a.state IN ('open', 'snoozed') OR (a.resolved_at >= :since AND a.resolved_at < CAST(:until AS date) + 1))
  AND (CAST(:account AS bigint) IS NULL OR a.account_ids @> ARRAY[CAST(:account AS bigint)])
  AND {NARROWED.format("q")}"""  # noqa: S608 - constants

CHOICES: Final = """
SELECT DISTINCT {0} FROM stock_figures WHERE day BETWEEN :since AND :until AND {0} <> '' ORDER BY {0} LIMIT :most"""


def figures(session: Session, wanted: FigureFilter) -> Figures:
    """The figures of a period. Raises Invalid when there is no such account."""
    given = {
        "since": wanted.since,
        "until": wanted.until,
        "account": account_id(accounts(session), wanted.account),
        "brand": wanted.brand,
        "category": wanted.category,
    }
    days = [Day(row[0], *map(int, row[1:])) for row in session.execute(text(DAYS), given)]
    cases = [(row[0], row[1], Group(*map(int, row[2:]))) for row in session.execute(text(CASES), given)]
    median, oldest = session.execute(text(AGES), given).one()
    return Figures(wanted, days, growing(cases), Ages(_hours(median), _hours(oldest)))


def _hours(value: Any) -> float | None:
    return None if value is None else float(value)


def account_id(every: Sequence[Account], name: str | None) -> int | None:
    """The account that a name means. Raises Invalid."""
    if not name:
        return None
    found = [one.id for one in every if name.lower() == one.label] or [
        one.id for one in every if name.lower() == one.code
    ]
    if len(found) != 1:
        raise Invalid([FieldError("account", "unknown")])
    return found[0]


def choices(session: Session, since: date, until: date) -> tuple[list[str], list[str]]:
    """The brands and the categories that there are figures of."""
    given = {"since": since, "until": until, "most": MOST_CHOICES}
    brands, categories = (
        list(session.scalars(text(CHOICES.format(column)), given)) for column in ("brand", "category")
    )
    return brands, categories


def first_day(session: Session) -> date | None:
    """Since when there are figures."""
    found: date | None = session.scalar(text("SELECT min(day) FROM stock_figures"))
    return found
