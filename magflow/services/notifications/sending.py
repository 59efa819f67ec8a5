"""Messages go out, each once: it is taken in a transaction of its own, sent, and what became of it is written down.

A worker that dies in between leaves a message of which nobody knows whether it arrived. It is shown as such and is not
sent again by itself: an alert that was told twice is worse than one that stands in the next summary.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain import border
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, FieldError, Invalid, NotFound
from magflow.models import Message, Recipient
from magflow.services import jobs, settings_store
from magflow.services.notifications import channels, recipients
from magflow.services.notifications.channels import Letter, Outcome
from magflow.services.notifications.collecting import SEND_TASK

PAUSES: Final = (60, 300, 1800, 7200)
"""Seconds before each further attempt."""
LEASE_SECONDS: Final = 120.0
BATCH: Final = 50
ADDRESS: Final = re.compile(r"https?://[^\s/?#@<>\"]+(/[^\s?#@<>\"]*)?")

WAITING: Final = """
SELECT id FROM notification_messages WHERE state = 'waiting' AND next_at <= clock_timestamp()
ORDER BY id LIMIT %(most)s"""
# Whoever comes second waits for the row, finds another state, and has nothing.
CLAIM: Final = """
UPDATE notification_messages SET state = 'sending', attempts = attempts + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND state = 'waiting' RETURNING attempts"""
LOST: Final = """
UPDATE notification_messages SET state = 'unsure', error = 'the worker stopped while it was sent'
WHERE state = 'sending' AND lease_until < clock_timestamp()"""
SETTLE: Final = """
UPDATE notification_messages SET state = %(state)s, error = %(error)s, lease_until = NULL,
    sent_at = CASE WHEN %(state)s = 'sent' THEN clock_timestamp() ELSE sent_at END,
    next_at = clock_timestamp() + make_interval(secs => %(pause)s)
WHERE id = %(id)s AND state = 'sending' AND attempts = %(attempt)s"""


class StillWaiting(Conflict):
    """The message is on its way, or arrived: it cannot be sent again."""

    def __init__(self, message_id: int, state: str) -> None:
        super().__init__(f"message {message_id} is {state}")
        self.message_id, self.state = message_id, state


@dataclass(frozen=True)
class Claimed:
    """A message that we alone send."""

    id: int
    attempt: int
    channel: str
    letter: Letter
    to: str


@dataclass(frozen=True)
class OfMessage:
    message_id: int


def work(*, actor: Actor) -> int:
    """Send what waits. Returns how many arrived."""
    give_up_lost(actor=actor)
    arrived = 0
    for message_id in waiting(actor=actor):
        claimed = claim(message_id, actor=actor)
        if claimed is None:
            continue
        if claimed.channel == "email":
            outcome = channels.send_mail(claimed.letter)
        else:
            outcome = channels.send_sms(claimed.to, claimed.letter.text, claimed.letter.message_id.strip("<>"))
        settle(claimed, outcome, actor=actor)
        arrived += outcome.state == "sent"
        jobs.pause_point()
    return arrived


@transactional
def waiting(session: Session, *, actor: Actor) -> list[int]:
    """Messages whose turn has come, the oldest first."""
    return [row[0] for row in execute(session, WAITING, {"most": BATCH})]


@transactional
def claim(session: Session, message_id: int, *, actor: Actor) -> Claimed | None:
    """Take a message; None when it is somebody else's, or not needed any more."""
    row = execute(session, CLAIM, {"id": message_id, "seconds": LEASE_SECONDS}).fetchone()
    if row is None:
        return None
    message = session.scalars(
        select(Message).where(Message.id == message_id).execution_options(populate_existing=True)
    ).one()
    person = session.get_one(Recipient, message.recipient_id, populate_existing=True)
    to = person.email if message.channel == "email" else person.phone
    if not to or not person.active:
        message.state, message.error = "failed", "no_address"
        return None
    return Claimed(message.id, row[0], message.channel, _letter(session, message, person, to), to)


def _letter(session: Session, message: Message, person: Recipient, to: str) -> Letter:
    kept = settings_store.read(session, settings_store.NOTIFICATIONS)
    kind = "digest" if message.kind == "test" else message.kind
    link = f"{base_url(session)}/unsubscribe/{recipients.token(person, kind)}" if message.channel == "email" else None
    return Letter(
        kept.get("sender") or channels.default_sender(), to, person.name, message.subject, message.body, message.html,
        message.message_id, person.locale, datetime.now(UTC), link,
    )  # fmt: skip


@transactional
def settle(session: Session, claimed: Claimed, outcome: Outcome, *, actor: Actor) -> None:
    """Write down what became of an attempt."""
    state, pause = outcome.state, 0
    if state == "again":
        over = claimed.attempt > len(PAUSES)
        pause = 0 if over else PAUSES[claimed.attempt - 1]
    written = {"again": "failed" if claimed.attempt > len(PAUSES) else "waiting"}.get(state, state)
    error = outcome.error.replace("\x00", "") or None
    given = {"id": claimed.id, "attempt": claimed.attempt, "state": written, "error": error, "pause": pause}
    execute(session, SETTLE, given)


@transactional
def give_up_lost(session: Session, *, actor: Actor) -> int:
    """Messages whose sender died: it is not known whether they arrived."""
    return execute(session, LOST).rowcount


@transactional
def again(session: Session, command: OfMessage, *, actor: Actor) -> Message:
    """A person wants a message sent again that failed, or of which nobody knows. Raises NotFound, StillWaiting."""
    lock_names(session, [("notification_recipients",)])
    found = session.get(Message, command.message_id, populate_existing=True)
    if found is None:
        raise NotFound("message", command.message_id)
    if found.state not in {"failed", "unsure"} or not found.body:
        raise StillWaiting(found.id, found.state)
    found.state, found.attempts, found.error, found.next_at = "waiting", 0, None, datetime.now(UTC)
    session.flush()
    jobs.enqueue(session, SEND_TASK, queueing_lock=SEND_TASK)
    return found


# --- what holds for all mails ----------------------------------------------------------------------------------------

_address: list[str] = []


def configure(address: str) -> None:
    """Where this shop is reached when nobody said otherwise."""
    _address[:] = [address]


def base_url(session: Session) -> str:
    """What the links in mails begin with."""
    kept = settings_store.read(session, settings_store.NOTIFICATIONS).get("base_url")
    return str(kept or (_address[0] if _address else "http://127.0.0.1:8000")).rstrip("/")


def public_address(session: Session) -> str | None:
    """Where others reach this shop, as somebody wrote it down; None where nobody did."""
    return str(settings_store.read(session, settings_store.NOTIFICATIONS).get("base_url") or "").rstrip("/") or None


@dataclass(frozen=True)
class Surroundings:
    """`base_url`: what links begin with; `sender`: who mails are from. Empty: what MagFlow was started with."""

    base_url: str | None
    sender: str | None


@transactional
def surround(session: Session, command: Surroundings, *, actor: Actor) -> None:
    """Decide what holds for all mails. Raises Invalid."""
    errors = []
    if command.base_url and not ADDRESS.fullmatch(command.base_url):
        errors.append(FieldError("base_url", "not_a_url"))
    if command.sender:
        try:
            border.email(command.sender)
        except border.Unfit as unfit:
            errors.append(FieldError("sender", unfit.code, unfit.params))
    if errors:
        raise Invalid(errors)
    value = {"base_url": (command.base_url or "").rstrip("/"), "sender": command.sender or ""}
    settings_store.change.within(
        session, settings_store.ChangeSetting(settings_store.NOTIFICATIONS, value), actor=actor
    )
