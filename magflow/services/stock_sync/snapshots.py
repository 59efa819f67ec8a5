"""Daily readings of offers grow old: after some months a week keeps one, after two years none.

What a forecast asks of the past stays answered to the day: beside the first reading of a week every one stays on which
an offer ran out, or came back. Weeks are done one by one; how far that is, is written down.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.services import jobs

DAILY_DAYS: Final = 120
"""Every day's reading is kept so long."""
KEPT_DAYS: Final = 730
PART: Final = 10_000
"""Offers of one transaction."""
MARK: Final = "offer_snapshots"
A_WEEK: Final = timedelta(days=7)

DONE_BEFORE: Final = "SELECT done_before FROM upkeep_marks WHERE name = %(name)s"
OLDEST: Final = "SELECT min(day) FROM offer_snapshots"
NOTE: Final = """
INSERT INTO upkeep_marks (name, done_before) VALUES (%(name)s, %(day)s)
ON CONFLICT (name) DO UPDATE SET done_before = greatest(upkeep_marks.done_before, excluded.done_before)"""

THIN: Final = """
WITH part AS MATERIALIZED (
    SELECT id FROM offers WHERE id > %(after)s ORDER BY id LIMIT %(most)s
), days AS (
    SELECT p.id AS offer_id, s.day, row_number() OVER of_offer AS number,
           (s.stock = 0) IS DISTINCT FROM lag(s.stock = 0) OVER of_offer AS turned
    FROM part p CROSS JOIN LATERAL (
        SELECT day, stock FROM offer_snapshots WHERE offer_id = p.id AND day >= %(week)s AND day < %(week)s + 7) AS s
    WINDOW of_offer AS (PARTITION BY p.id ORDER BY s.day)
), gone AS (
    DELETE FROM offer_snapshots s USING days d
    WHERE s.offer_id = d.offer_id AND s.day = d.day AND d.number > 1 AND NOT d.turned
    RETURNING 1
)
SELECT (SELECT max(id) FROM part), (SELECT count(*) FROM part), (SELECT count(*) FROM gone)"""
FORGET: Final = """
DELETE FROM offer_snapshots WHERE (offer_id, day) IN (
    SELECT offer_id, day FROM offer_snapshots WHERE day < %(day)s ORDER BY day LIMIT %(most)s)"""


@dataclass(frozen=True)
class Part:
    """How far a week is: behind which offer to go on (None: it is done), and how many readings went."""

    after: int | None
    gone: int


def sweep(*, actor: Actor, now: datetime | None = None) -> int:
    """Thin the weeks that have grown old, and forget what is older than two years. Returns how many readings went."""
    today = (now or datetime.now(UTC)).date()
    gone = 0
    week = next_week(actor=actor)
    while week is not None and week + A_WEEK <= today - timedelta(days=DAILY_DAYS):
        after: int | None = 0
        while after is not None:
            jobs.pause_point()
            part = thin(week, after, actor=actor)
            gone, after = gone + part.gone, part.after
        week += A_WEEK
        note(week, actor=actor)
    while dropped := forget(today - timedelta(days=KEPT_DAYS), actor=actor):
        jobs.pause_point()
        gone += dropped
    return gone


@transactional
def next_week(session: Session, *, actor: Actor) -> date | None:
    """The Monday of the first week that was not done yet; None where there are no readings."""
    marked: Any = execute(session, DONE_BEFORE, {"name": MARK}).fetchone()
    if marked is not None:
        done: date = marked[0]
        return done
    oldest: Any = execute(session, OLDEST).fetchone()
    day: date | None = oldest[0] if oldest else None
    return None if day is None else day - timedelta(days=day.weekday())


@transactional
def thin(session: Session, week: date, after: int, *, actor: Actor) -> Part:
    """Of some offers keep the week's first reading, and each on which the offer ran out or came back."""
    lock_names(session, [("upkeep", MARK)])
    last, count, gone = execute(session, THIN, {"week": week, "after": after, "most": PART}).fetchone() or (None, 0, 0)
    return Part(last if count == PART else None, gone)


@transactional
def note(session: Session, done_before: date, *, actor: Actor) -> None:
    """Everything before this day is done."""
    execute(session, NOTE, {"name": MARK, "day": done_before})


@transactional
def forget(session: Session, before: date, *, actor: Actor) -> int:
    """Delete some of the readings of before a day. Returns how many."""
    lock_names(session, [("upkeep", MARK)])
    return execute(session, FORGET, {"day": before, "most": PART * 7}).rowcount
