"""When somebody is told: quiet hours, the hour of the daily summary, and what a telephone number is.

People say hours of their own clock. A day on which that clock is moved has an hour that does not exist, or one twice;
an hour that does not exist is taken as the moment that would have been it, of one that comes twice the first counts.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

CHANNELS: Final = ("email", "sms")
LEVELS: Final = ("off", "high", "medium")
DIGEST_GRACE: Final = timedelta(hours=6)
"""A summary that could not be made in time is still made so much later; then the next day's will do."""
PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def at(day: date, clock: time, zone: str) -> datetime:
    """The moment at which a clock of that zone shows this."""
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def local_day(now: datetime, zone: str) -> date:
    """The date on a clock of that zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def next_midnight(now: datetime, zone: str) -> datetime:
    """When the next day begins there."""
    return at(local_day(now, zone) + timedelta(days=1), time(0), zone)


def quiet_until(now: datetime, zone: str, begins: time | None, ends: time | None) -> datetime | None:
    """When the quiet hours that last now are over; None when it is not quiet. They begin at their first minute, and
    their end is no longer quiet; the same hour twice means no quiet at all."""
    if begins is None or ends is None or begins == ends:
        return None
    today = local_day(now, zone)
    for day in (today - timedelta(days=1), today):
        first, last = at(day, begins, zone), at(day if ends > begins else day + timedelta(days=1), ends, zone)
        if first <= now < last:
            return last
    return None


def digest_due(
    now: datetime, zone: str, clock: time, begins: time | None = None, ends: time | None = None
) -> tuple[date, datetime] | None:
    """The day whose summary should be made now, and since when; None: not yet, or too late for it.

    One that falls into quiet hours comes at their end.
    """
    today = local_day(now, zone)
    for day in (today, today - timedelta(days=1)):
        due = at(day, clock, zone)
        due = quiet_until(due, zone, begins, ends) or due
        if timedelta(0) <= now - due < DIGEST_GRACE:
            return day, due
    return None


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    return name in available_timezones()


def phone_number(typed: str) -> str | None:
    """A number as gateways take it: +40722123456; None when it is none."""
    found = re.sub(r"[\s().-]", "", typed)
    found = "+" + found[2:] if found.startswith("00") else found
    return found if PHONE.fullmatch(found) else None
