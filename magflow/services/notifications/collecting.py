"""What has to be told, and to whom: alerts are noted once for each person and channel, and collected into messages.

The note is the proof that nobody is told twice: it is unique, and belongs to one message. A message leaves at once when
the last one is ten minutes old, else it waits and takes along what comes meanwhile; in quiet hours all of it waits.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.notices import digest_due, local_day, quiet_until
from magflow.models import Message, Recipient
from magflow.services import jobs

COLLECTED: Final = timedelta(minutes=10)
REMIND_HOURS: Final = 24
MOST_ALERTS: Final = 1_000
"""Alerts of one message; what is beyond comes with the next."""
KEPT_DAYS: Final = 30
SEND_TASK: Final = "notifications.send"
TEST_TASK: Final = "notifications.test"

# `place` begins with the priority, and the queue is indexed by it.
NOTE: Final = """
INSERT INTO notification_alerts (recipient_id, channel, alert_id, stage)
SELECT r.id, c.channel, a.id, 'opened'
FROM notification_recipients r
CROSS JOIN LATERAL (VALUES ('email', r.alerts_email, r.email), ('sms', r.alerts_sms, r.phone))
    AS c (channel, level, address)
JOIN stock_alerts a ON a.state = 'open' AND a.opened_at >= r.alerts_since
    AND a.place < CASE c.level WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 0 END * 1000000000000000
WHERE r.active AND c.address IS NOT NULL AND c.level <> 'off'
ON CONFLICT (recipient_id, channel, alert_id, stage) DO NOTHING"""
REMIND: Final = """
INSERT INTO notification_alerts (recipient_id, channel, alert_id, stage)
SELECT n.recipient_id, n.channel, n.alert_id, 'reminder'
FROM notification_alerts n
JOIN notification_messages m ON m.id = n.message_id AND m.state = 'sent'
JOIN notification_recipients r ON r.id = n.recipient_id AND r.active AND r.alerts_email <> 'off'
JOIN stock_alerts a ON a.id = n.alert_id AND a.state = 'open' AND a.priority = 0
WHERE n.stage = 'opened' AND n.channel = 'email'
  AND m.sent_at BETWEEN clock_timestamp() - make_interval(hours => 3 * %(hours)s)
                    AND clock_timestamp() - make_interval(hours => %(hours)s)
ON CONFLICT (recipient_id, channel, alert_id, stage) DO NOTHING"""
# Over before it was told: an alert that is resolved never opens again, a new one does.
DROP: Final = """
DELETE FROM notification_alerts n USING stock_alerts a
WHERE a.id = n.alert_id AND n.message_id IS NULL AND a.resolved_at IS NOT NULL"""

PENDING: Final = """
SELECT n.recipient_id, n.channel, array_agg(n.id ORDER BY a.place, a.id), array_agg(a.id ORDER BY a.place, a.id),
       bool_and(n.stage = 'reminder')
FROM notification_alerts n JOIN stock_alerts a ON a.id = n.alert_id AND a.state = 'open'
WHERE n.message_id IS NULL GROUP BY n.recipient_id, n.channel ORDER BY 1, 2"""
LAST: Final = """
SELECT recipient_id, channel, max(created_at), count(*) FILTER (WHERE created_at >= %(since)s)
FROM notification_messages WHERE kind = 'alerts' AND created_at > clock_timestamp() - interval '2 days'
GROUP BY recipient_id, channel"""
MADE: Final = """
SELECT 1 FROM notification_messages WHERE recipient_id = %(recipient)s AND channel = 'email' AND key = %(key)s"""


@dataclass(frozen=True)
class Due:
    """A message that should be made now."""

    recipient: Recipient
    channel: str
    kind: str
    key: str
    notes: tuple[int, ...] = ()
    alerts: tuple[int, ...] = ()
    reminder: bool = False
    """All of it was told before."""


@dataclass(frozen=True)
class NewMessage:
    """A message with its words. Without a body there is nothing to say, and that is settled for the day."""

    recipient_id: int
    channel: str
    kind: str
    key: str
    subject: str
    body: str
    html: str | None = None
    notes: tuple[int, ...] = ()
    domain: str = "magflow.invalid"


@transactional
def note(session: Session, *, actor: Actor) -> int:
    """Note the alerts that have to be told. Again changes nothing. Returns how many are new."""
    lock_names(session, [("notification_recipients",)])
    execute(session, DROP)
    return execute(session, NOTE).rowcount + execute(session, REMIND, {"hours": REMIND_HOURS}).rowcount


def due(session: Session, now: datetime) -> list[Due]:
    """The messages that should be made now, the digests first."""
    people = {
        one.id: one
        for one in session.scalars(select(Recipient).where(Recipient.active).order_by(Recipient.id))
        if quiet_until(now, one.timezone, one.quiet_from, one.quiet_to) is None
    }
    digests = [made for one in people.values() if (made := _digest(session, one, now)) is not None]
    return digests + _alerts(session, people, now)


def _digest(session: Session, one: Recipient, now: datetime) -> Due | None:
    if not one.digest or not one.email:
        return None
    found = digest_due(now, one.timezone, one.digest_at, one.quiet_from, one.quiet_to)
    if found is None or found[1] < one.created_at:
        return None
    key = digest_key(found[0])
    if execute(session, MADE, {"recipient": one.id, "key": key}).fetchone():
        return None
    return Due(one, "email", "digest", key)


def digest_key(day: date) -> str:
    """What the digest of a day is called."""
    return f"digest:{day.isoformat()}"


def _alerts(session: Session, people: dict[int, Recipient], now: datetime) -> list[Due]:
    waiting = execute(session, PENDING).fetchall()
    if not waiting:
        return []
    found = []
    for recipient_id, channel, notes, alerts, reminder in waiting:
        one = people.get(recipient_id)
        if one is None:
            continue
        midnight = datetime.combine(local_day(now, one.timezone), time(0), ZoneInfo(one.timezone))
        last = {row[:2]: row[2:] for row in execute(session, LAST, {"since": midnight.astimezone(UTC)})}
        at, today = last.get((recipient_id, channel), (None, 0))
        if at is not None and now - at < COLLECTED:
            continue
        if channel == "sms" and today >= one.sms_per_day:
            continue
        key = f"alerts:{notes[0]}"
        found.append(
            Due(one, channel, "alerts", key, tuple(notes[:MOST_ALERTS]), tuple(alerts[:MOST_ALERTS]), reminder)
        )
    return found


TAKE: Final = """
UPDATE notification_alerts SET message_id = %(message)s WHERE id = ANY (%(notes)s::bigint[]) AND message_id IS NULL"""
FREE: Final = """
SELECT count(*) FROM notification_alerts WHERE id = ANY (%(notes)s::bigint[]) AND message_id IS NULL"""
THERE: Final = """
SELECT id FROM notification_messages
WHERE recipient_id = %(recipient)s AND channel = %(channel)s AND key = %(key)s"""


@transactional
def keep(session: Session, command: NewMessage, *, actor: Actor) -> Message | None:
    """Keep a message to be sent; None when somebody else has made it meanwhile, or there is nothing to say."""
    lock_names(session, [("notification_recipients",)])
    if session.get(Recipient, command.recipient_id) is None:
        return None
    key = {"recipient": command.recipient_id, "channel": command.channel, "key": command.key}
    if execute(session, THERE, key).fetchone():
        return None
    if command.notes:
        free = execute(session, FREE, {"notes": list(command.notes)}).fetchone()
        if not free or free[0] != len(command.notes):
            return None
    made = Message(
        recipient_id=command.recipient_id,
        channel=command.channel,
        kind=command.kind,
        key=command.key,
        message_id=f"<{secrets.token_hex(16)}@{command.domain}>",
        subject=" ".join(command.subject.split()),
        body=command.body,
        html=command.html,
        state="waiting" if command.body else "empty",
    )
    session.add(made)
    session.flush()
    if command.notes:
        execute(session, TAKE, {"message": made.id, "notes": list(command.notes)})
    if not command.body:
        return None
    jobs.enqueue(session, SEND_TASK, queueing_lock=SEND_TASK)
    return made


@dataclass(frozen=True)
class AskTest:
    recipient_id: int
    channel: str


@transactional
def ask_test(session: Session, command: AskTest, *, actor: Actor) -> None:
    """Somebody wants to see one now; a job makes and sends it."""
    token = secrets.token_hex(8)
    jobs.enqueue(session, TEST_TASK, recipient_id=command.recipient_id, channel=command.channel, key=f"test:{token}")


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Delete what was sent a month ago; that an alert was told is forgotten with the alert alone."""
    found: Any = execute(
        session,
        "UPDATE notification_messages SET body = '', html = NULL "
        "WHERE body <> '' AND state <> 'waiting' AND created_at < clock_timestamp() - make_interval(days => %(days)s)",
        {"days": KEPT_DAYS},
    )
    return int(found.rowcount)
