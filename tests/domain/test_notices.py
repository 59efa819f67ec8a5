"""Quiet hours and the hour of the summary: by the clock on somebody's wall, also when that clock is moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from magflow.domain import notices

BUCHAREST, ROME, LONDON = "Europe/Bucharest", "Europe/Rome", "Europe/London"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "begins", "ends", "until"),
    [
        # Winter: Bucharest is two hours ahead. They begin with their first minute, and their end is no longer quiet.
        ("2026-01-15T19:59:59", "22:00", "07:00", None),
        ("2026-01-15T20:00:00", "22:00", "07:00", "2026-01-16T05:00:00"),
        ("2026-01-16T04:59:59", "22:00", "07:00", "2026-01-16T05:00:00"),
        ("2026-01-16T05:00:00", "22:00", "07:00", None),
        ("2026-01-15T11:00:00", "13:00", "14:00", "2026-01-15T12:00:00"),
        ("2026-01-15T12:00:00", "13:00", "14:00", None),
        ("2026-01-15T12:00:00", "14:00", "14:00", None),
        # In the night of 29 March 3:00 becomes 4:00: the quiet is an hour shorter.
        ("2026-03-28T21:00:00", "22:00", "07:00", "2026-03-29T04:00:00"),
        ("2026-03-29T04:00:00", "22:00", "07:00", None),
        # It ends at an hour that does not exist that night: at the moment that would have been it.
        ("2026-03-29T00:59:00", "22:00", "03:30", "2026-03-29T01:30:00"),
        # In the night of 25 October 4:00 becomes 3:00: an hour longer; of 3:30, which comes twice, the first counts.
        ("2026-10-24T20:00:00", "22:00", "07:00", "2026-10-25T05:00:00"),
        ("2026-10-25T00:29:00", "22:00", "03:30", "2026-10-25T00:30:00"),
        ("2026-10-25T01:15:00", "22:00", "03:30", None),
    ],
)
def test_quiet_hours(now: str, begins: str, ends: str, until: str | None) -> None:
    found = notices.quiet_until(utc(now), BUCHAREST, time.fromisoformat(begins), time.fromisoformat(ends))
    assert found == (utc(until) if until else None)


def test_no_quiet_hours() -> None:
    assert notices.quiet_until(utc("2026-01-15T23:00:00"), BUCHAREST, None, None) is None


@pytest.mark.parametrize(
    ("now", "zone", "clock", "day"),
    [
        ("2026-01-15T05:29:59", BUCHAREST, "07:30", None),
        ("2026-01-15T05:30:00", BUCHAREST, "07:30", "2026-01-15"),
        ("2026-01-15T06:29:59", ROME, "07:30", None),
        ("2026-01-15T06:30:00", ROME, "07:30", "2026-01-15"),
        # Six hours late it is still made; then the next day's will do.
        ("2026-01-15T11:29:59", BUCHAREST, "07:30", "2026-01-15"),
        ("2026-01-15T11:30:00", BUCHAREST, "07:30", None),
        # One of the evening may be made after midnight, and is still that day's.
        ("2026-01-15T22:30:00", BUCHAREST, "23:50", "2026-01-15"),
        # Summer time moves it against UTC, not against the wall.
        ("2026-07-15T04:30:00", BUCHAREST, "07:30", "2026-07-15"),
        ("2026-03-29T01:29:00", BUCHAREST, "03:30", None),
        ("2026-03-29T01:30:00", BUCHAREST, "03:30", "2026-03-29"),
        ("2026-10-25T00:30:00", BUCHAREST, "03:30", "2026-10-25"),
    ],
)
def test_the_hour_of_the_summary(now: str, zone: str, clock: str, day: str | None) -> None:
    found = notices.digest_due(utc(now), zone, time.fromisoformat(clock))
    assert (found[0] if found else None) == (date.fromisoformat(day) if day else None)


def test_a_summary_in_quiet_hours_comes_at_their_end() -> None:
    quiet = (time(22), time(10))
    assert notices.digest_due(utc("2026-01-15T07:59:00"), BUCHAREST, time(3), *quiet) is None
    found = notices.digest_due(utc("2026-01-15T08:00:00"), BUCHAREST, time(3), *quiet)
    assert found == (date(2026, 1, 15), utc("2026-01-15T08:00:00"))


def test_the_next_day_begins_at_midnight_there() -> None:
    assert notices.next_midnight(utc("2026-01-15T21:59:00"), BUCHAREST) == utc("2026-01-15T22:00:00")
    assert notices.next_midnight(utc("2026-01-15T22:00:00"), BUCHAREST) == utc("2026-01-16T22:00:00")
    assert notices.next_midnight(utc("2026-01-15T22:00:00"), LONDON) == utc("2026-01-16T00:00:00")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+40 722 123 456", "+40722123456"),
        ("0040722123456", "+40722123456"),
        ("+39 (06) 1234.5678", "+390612345678"),
        ("0722123456", None),
        ("+40", None),
        ("call me", None),
    ],
)
def test_a_telephone_number(typed: str, number: str | None) -> None:
    assert notices.phone_number(typed) == number
