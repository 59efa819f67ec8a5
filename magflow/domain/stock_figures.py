"""Figures of stock sync over time: what a day's counts come to, and whether recommendations helped."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

ENOUGH: Final = 30
"""Under so many cases on either side nothing is compared: chance would be told as a result."""


@dataclass(frozen=True)
class Day:
    """What stood there on a day, as it was last counted."""

    day: date
    offers: int = 0
    sent: int = 0
    overdue: int = 0
    stock: int = 0
    contested: int = 0
    zero_stock: int = 0
    weekly_cents: int = 0
    lost_cents: int = 0
    resolved: int = 0
    resolved_seconds: int = 0

    @property
    def updated(self) -> float | None:
        """Per cent of the active offers that were sent in time; None where there are none."""
        return percent(self.sent, self.offers)

    @property
    def efficiency(self) -> float | None:
        """Per cent of the stock that stands in accounts with competition."""
        return percent(self.contested, self.stock)

    @property
    def lost_that_day(self) -> int:
        """Cents that were lost on the day, at the rate at which they were when it was counted."""
        return round(self.weekly_cents / 7)

    @property
    def hours_to_resolution(self) -> float | None:
        """Of what was resolved on the day, the mean."""
        return self.resolved_seconds / self.resolved / 3600 if self.resolved else None


@dataclass(frozen=True)
class Group:
    """Cases that were acted upon, or that were not."""

    cases: int = 0
    judged: int = 0
    """Of them, those of which it is known whether the button came back."""
    recovered: int = 0
    gain_cents: int = 0
    """Sold of the SKU in the seven days from the start, less what was sold in the seven days before the alert."""
    cost_cents: int = 0

    def __add__(self, other: "Group") -> "Group":
        return Group(
            self.cases + other.cases,
            self.judged + other.judged,
            self.recovered + other.recovered,
            self.gain_cents + other.gain_cents,
            self.cost_cents + other.cost_cents,
        )

    @property
    def rate(self) -> float | None:
        """Per cent that had rank 1 again; None under too few cases."""
        return percent(self.recovered, self.judged) if self.judged >= ENOUGH else None

    @property
    def each_cents(self) -> float | None:
        """Value regained per case, in cents; None under too few cases."""
        return self.gain_cents / self.cases if self.cases >= ENOUGH else None


@dataclass(frozen=True)
class Compared:
    """What was followed beside what was not, up to a day."""

    day: date
    followed: Group = Group()
    left: Group = Group()

    @property
    def return_cents(self) -> int | None:
        """What the followed ones regained beyond what the others did, less the cost of their transfers."""
        each = self.left.each_cents
        if each is None or self.followed.each_cents is None:
            return None
        return round(self.followed.gain_cents - self.followed.cases * each - self.followed.cost_cents)


def percent(part: int, whole: int) -> float | None:
    """Per cent, to a tenth; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def mean_hours(days: Iterable[Day]) -> float | None:
    """The mean time to resolution of a whole period."""
    seconds = resolved = 0
    for day in days:
        seconds += day.resolved_seconds
        resolved += day.resolved
    return seconds / resolved / 3600 if resolved else None


def growing(rows: Iterable[tuple[date, bool, Group]]) -> list[Compared]:
    """Cases by day, summed up since the first of them: what could be said on each day of a period."""
    found: list[Compared] = []
    followed, left = Group(), Group()
    for day, acted, group in rows:
        followed, left = (followed + group, left) if acted else (followed, left + group)
        if found and found[-1].day == day:
            found.pop()
        found.append(Compared(day, followed, left))
    return found
