"""What people tell a marketplace to do: written down with who said it, held back for a moment, sent by a worker, once.

A write waits, and is then done, refused in the marketplace's words, or unsure: an answer was lost and the same again
could do it twice, so that a person has to look. What may be sent twice is sent until it is answered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.concurrency.leases import claim_writes
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, NotFound
from magflow.models import MarketplaceAccount, MarketplaceWrite
from magflow.services import accounts, jobs

TASK: Final = "marketplaces.write"
HELD_BACK: Final = 10
"""Seconds in which a person may take it back, and nothing has been sent."""
LEASE_SECONDS: Final = 180.0
BATCH: Final = 10
PAUSES: Final = (5, 30, 120, 600, 3600)
MOST_ATTEMPTS: Final = 8

Kind = Literal["price", "status", "listing", "family", "invoice", "waybill", "order_status", "storno", "return_status"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
ABSOLUTE: Final = frozenset({"price", "status", "family", "order_status", "return_status"})
"""Says how it shall be: the last word replaces the one before."""
REPEATABLE: Final = ABSOLUTE | {"invoice", "listing", "storno"}
"""May be sent again after a lost answer: it is the same again, or what is there is looked at first."""


class WriteWaiting(Conflict):
    """The same was asked for already and is not done yet."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"another {kind} of this waits already")
        self.kind = kind


class WriteEnded(Conflict):
    """It was sent meanwhile, or taken back."""

    def __init__(self, state: str) -> None:
        super().__init__(f"it is {state} already")
        self.state = state


@dataclass(frozen=True)
class Asked:
    """Something that an account's marketplace shall do. `subject`: what it is about, as the marketplace names it."""

    account: MarketplaceAccount
    kind: Kind
    subject: str
    payload: Mapping[str, Any]
    offer_id: int | None = None
    order_id: int | None = None


@dataclass(frozen=True)
class OfWrite:
    write_id: int


@dataclass(frozen=True)
class Write:
    """One that we alone send until the lease ends."""

    id: int
    lease: int
    attempt: int
    kind: Kind
    subject: str
    payload: Mapping[str, Any]
    offer_id: int | None
    order_id: int | None


@dataclass(frozen=True)
class Done:
    """What the marketplace made of it."""

    ok: bool
    message: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    uncertain: bool = False
    """It may have been done."""


ASK: Final = """
INSERT INTO marketplace_writes AS w (account_id, kind, subject, offer_id, order_id, payload, next_at, created_by)
VALUES (%(account)s, %(kind)s, %(subject)s, %(offer)s, %(order)s, %(payload)s::jsonb,
        clock_timestamp() + make_interval(secs => %(held)s), %(by)s)
ON CONFLICT (account_id, kind, subject) WHERE state = 'waiting' DO UPDATE
SET payload = excluded.payload, next_at = excluded.next_at, lease_until = NULL, lease_no = w.lease_no + 1, attempts = 0
WHERE %(replaces)s
RETURNING id"""


def ask(session: Session, asked: Asked, actor: Actor) -> MarketplaceWrite:
    """Write it down, to be sent soon. Raises WriteWaiting, NothingToAsk."""
    if not asked.account.credentials or accounts.adapter(asked.account).open is None:
        raise accounts.NothingToAsk(f"{asked.account.source} {asked.account.code}")
    parameters = {
        "account": asked.account.id,
        "kind": asked.kind,
        "subject": asked.subject,
        "offer": asked.offer_id,
        "order": asked.order_id,
        "payload": json.dumps(dict(asked.payload), default=str, ensure_ascii=False),
        "held": HELD_BACK,
        "by": actor.name,
        "replaces": asked.kind in ABSOLUTE,
    }
    row = execute(session, ASK, parameters).fetchone()
    if row is None:
        raise WriteWaiting(asked.kind)
    return get(session, int(row[0]))


def get(session: Session, write_id: int) -> MarketplaceWrite:
    """A write as it stands now. Raises NotFound."""
    found = session.get(MarketplaceWrite, write_id, populate_existing=True)
    if found is None:
        raise NotFound("write", write_id)
    return found


TAKE_BACK: Final = """
UPDATE marketplace_writes SET state = 'taken_back', ended_at = clock_timestamp()
WHERE id = %(id)s AND state = 'waiting' AND lease_until IS NULL RETURNING id"""
AGAIN: Final = """
UPDATE marketplace_writes SET state = 'waiting', ended_at = NULL, attempts = 0, error = NULL,
    next_at = clock_timestamp()
WHERE id = %(id)s AND state IN ('refused', 'unsure', 'taken_back')
  AND NOT EXISTS (SELECT FROM marketplace_writes o WHERE o.state = 'waiting'
                  AND (o.account_id, o.kind, o.subject) = (SELECT account_id, kind, subject FROM marketplace_writes
                                                           WHERE id = %(id)s))
RETURNING id"""


@transactional
def take_back(session: Session, command: OfWrite, *, actor: Actor) -> MarketplaceWrite:
    """Nothing was sent yet, and nothing will be. Raises NotFound, WriteEnded when it is too late."""
    found = get(session, command.write_id)
    if execute(session, TAKE_BACK, {"id": found.id}).fetchone() is None:
        raise WriteEnded(found.state)
    return get(session, found.id)


@transactional
def send_again(session: Session, command: OfWrite, *, actor: Actor) -> MarketplaceWrite:
    """Send one again that was refused, taken back, or of which nobody knows. Raises NotFound, WriteEnded."""
    found = get(session, command.write_id)
    if execute(session, AGAIN, {"id": found.id}).fetchone() is None:
        raise WriteEnded(found.state)
    jobs.enqueue(session, TASK, queueing_lock=f"{TASK}:{found.account_id}", account_id=found.account_id)
    return get(session, found.id)


@transactional
def claim(session: Session, account_id: int, *, actor: Actor) -> list[Write]:
    """Take some to send."""
    return [Write(*row) for row in claim_writes(session, account_id, BATCH, LEASE_SECONDS)]


END: Final = """
UPDATE marketplace_writes SET state = %(state)s, said = %(said)s::jsonb, error = %(error)s, lease_until = NULL,
    ended_at = clock_timestamp()
WHERE id = %(id)s AND lease_no = %(lease)s AND state = 'waiting' RETURNING id"""
LATER: Final = """
UPDATE marketplace_writes SET lease_until = NULL, error = %(error)s,
    next_at = clock_timestamp() + make_interval(secs => %(pause)s)
WHERE id = %(id)s AND lease_no = %(lease)s AND state = 'waiting'"""


def end(session: Session, write: Write, done: Done) -> bool:
    """Write down what became of it; False when somebody asked for something else meanwhile."""
    text = done.message.replace("\x00", "")[:500]
    mine = {"id": write.id, "lease": write.lease}
    if not done.ok and done.uncertain and write.kind in REPEATABLE and write.attempt < MOST_ATTEMPTS:
        pause = PAUSES[min(write.attempt, len(PAUSES)) - 1]
        execute(session, LATER, mine | {"error": text or None, "pause": pause})
        return True
    state = "done" if done.ok else "unsure" if done.uncertain else "refused"
    said = json.dumps(dict(done.said) | ({"message": text} if text else {}), default=str, ensure_ascii=False)
    row = execute(session, END, mine | {"state": state, "said": said, "error": None if done.ok else text}).fetchone()
    return row is not None
