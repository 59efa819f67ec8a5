"""What sold of a variant week by week, and what is expected of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.domain.demand import LONGEST_OUT
from magflow.models import DemandForecast


@dataclass(frozen=True)
class Week:
    """One week of one account."""

    monday: date
    sold: int
    days_out: int

    @property
    def counts(self) -> bool:
        """Whether there was something to sell on most of its days."""
        return self.days_out <= LONGEST_OUT


@dataclass(frozen=True)
class History:
    """The weeks of one account, oldest first, and its forecast."""

    account_id: int
    weeks: Sequence[Week]
    weekly: float | None
    made_at: datetime

    @property
    def most(self) -> int:
        return max((week.sold for week in self.weeks), default=0)

    @property
    def total(self) -> int:
        return sum(week.sold for week in self.weeks)

    @property
    def without(self) -> int:
        """Weeks that were mostly without stock."""
        return sum(not week.counts for week in self.weeks)


def histories(session: Session, variant_id: int) -> dict[int, History]:
    """The weeks of a variant by account; empty when nothing sold within a year."""
    rows = session.scalars(select(DemandForecast).where(DemandForecast.variant_id == variant_id))
    return {row.account_id: _history(row) for row in rows}


def _history(row: DemandForecast) -> History:
    first = row.until - timedelta(weeks=len(row.sold))
    weeks = [
        Week(first + timedelta(weeks=number), sold, out)
        for number, (sold, out) in enumerate(zip(row.sold, row.days_out, strict=True))
    ]
    return History(row.account_id, weeks, row.weekly, row.made_at)


@dataclass(frozen=True)
class Made:
    """How the forecasts of the shop stand."""

    at: datetime | None
    offers: int
    with_forecast: int


def made(session: Session) -> Made:
    """When forecasts were last made, and of how many offers."""
    latest, offers, known = session.execute(
        select(func.max(DemandForecast.made_at), func.count(), func.count(DemandForecast.weekly))
    ).one()
    return Made(latest, offers, known)
