"""Webhooks out: addresses that want to be told, signed by the Standard Webhooks, tried again, and logged.

A delivery is written with the news that it tells, and its body never changes: each attempt signs it anew under the same
message id. Nobody's transaction waits for anybody's server.
"""

import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from sqlalchemy import func
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.concurrency.leases import claim_deliveries
from magflow.domain import signatures
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.marketplaces import outgoing
from magflow.marketplaces.transport import retry_after
from magflow.models import WebhookDelivery, WebhookSubscription
from magflow.services import credentials, events, jobs
from magflow.services.offers import clock

EVENTS: Final = ("order.confirmed", "order.cancelled", "stock.changed", "alert.opened", "import.finished")
SCHEDULE: Final = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before each further attempt: three days and a bit in all."""
LEASE_SECONDS: Final = 60.0
BATCH: Final = 20
KEPT_DAYS: Final = 30
LONGEST_URL: Final = 2000

allowed: list[str] = []
"""Hosts with ports that may be called although they are not public; from the shop's settings."""


@dataclass(frozen=True)
class NewSubscription:
    url: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class Subscribed:
    """The secret is shown this once."""

    subscription: WebhookSubscription
    secret: str


@dataclass(frozen=True)
class Switch:
    subscription_id: int
    active: bool


@dataclass(frozen=True)
class Resend:
    delivery_id: int


@dataclass(frozen=True)
class Parcel:
    """What one attempt sends."""

    id: int
    lease: int
    attempt: int
    subscription_id: int
    url: str
    secrets: tuple[str, ...]
    message_id: str
    body: str


@dataclass(frozen=True)
class Result:
    """What became of an attempt. `status` None: nobody answered, or the address may not be called."""

    status: int | None
    error: str = ""
    answer: str = ""
    after: float = 0.0


@transactional
def subscribe(session: Session, command: NewSubscription, *, actor: Actor) -> Subscribed:
    """Add an address. It is looked up now, and again each time that it is called. Raises Invalid."""
    errors = [] if command.events else [FieldError("events", "too_few", {"least": 1})]
    if unknown := [event for event in command.events if event not in EVENTS]:
        errors.append(FieldError("events", "not_one_of", {"choices": ", ".join(EVENTS), "value": unknown[0]}))
    if len(command.url) > LONGEST_URL:
        errors.append(FieldError("url", "too_long", {"limit": LONGEST_URL}))
    else:
        try:
            outgoing.check(command.url, allowed=allowed)
        except outgoing.AddressRefused as refused:
            errors.append(FieldError("url", f"address_{refused.reason}"))
    if errors:
        raise Invalid(errors)
    secret = signatures.new_secret()
    made = WebhookSubscription(url=command.url, events=sorted(set(command.events)), secret="")
    session.add(made)
    session.flush()
    made.secret = credentials.seal(f"subscription:{made.id}:secret", secret)
    session.flush()
    session.refresh(made)
    return Subscribed(made, secret)


@transactional
def switch(session: Session, command: Switch, *, actor: Actor) -> WebhookSubscription:
    """Switch an address on or off. Raises NotFound."""
    found = _subscription(session, command.subscription_id)
    found.active, found.off_reason, found.failing_since = command.active, None, None
    session.flush()
    return found


@transactional
def remove(session: Session, command: Switch, *, actor: Actor) -> None:
    """Forget an address and its log. Raises NotFound."""
    session.delete(_subscription(session, command.subscription_id))


@transactional
def resend(session: Session, command: Resend, *, actor: Actor) -> WebhookDelivery:
    """Send a delivery again, whatever became of it: under the same message id. Raises NotFound."""
    found = session.get(WebhookDelivery, command.delivery_id)
    if found is None:
        raise NotFound("delivery", command.delivery_id)
    found.state, found.attempts, found.next_at = "waiting", 0, func.clock_timestamp()
    session.flush()
    return found


def _subscription(session: Session, subscription_id: int) -> WebhookSubscription:
    found = session.get(WebhookSubscription, subscription_id)
    if found is None:
        raise NotFound("subscription", subscription_id)
    return found


# --- news becomes deliveries -----------------------------------------------------------------------------------------

ADD: Final = """
INSERT INTO webhook_deliveries (subscription_id, message_id, type, body)
SELECT s.id, %(message)s, %(type)s, jsonb_build_object('type', %(type)s::text,
    'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'data', %(data)s::jsonb)::text
FROM webhook_subscriptions s WHERE s.active AND %(type)s = ANY (s.events) ORDER BY s.id"""


def tell(session: Session, kind: str, payload: Mapping[str, Any]) -> None:
    """News for those who asked for its kind; in the transaction that hands it out."""
    message = f"msg_{secrets.token_urlsafe(18)}"
    execute(session, ADD, {"message": message, "type": kind, "data": json.dumps(dict(payload), default=str)})


# --- sending ---------------------------------------------------------------------------------------------------------


def work(*, actor: Actor, most: int = 200) -> int:
    """Send what waits, until nothing does or `most` were tried. Returns how many were delivered."""
    delivered = tried = 0
    while tried < most:
        parcels = pack(actor=actor)
        if not parcels:
            break
        for parcel in parcels:
            result = send(parcel)
            settle(parcel, result, actor=actor)
            delivered += result.status is not None and 200 <= result.status < 300
            tried += 1
        jobs.pause_point()
    return delivered


PACK: Final = """
SELECT d.id, s.id, s.url, s.secret, CASE WHEN s.old_until > clock_timestamp() THEN s.old_secret END, d.message_id,
       d.body
FROM webhook_deliveries d JOIN webhook_subscriptions s ON s.id = d.subscription_id
WHERE d.id = ANY (%(ids)s::bigint[]) ORDER BY d.id"""


@transactional
def pack(session: Session, *, actor: Actor) -> list[Parcel]:
    """Take some deliveries to send."""
    claimed = {row[0]: (row[1], row[2]) for row in claim_deliveries(session, BATCH, LEASE_SECONDS)}
    if not claimed:
        return []
    parcels = []
    for row_id, subscription_id, url, secret, old, message_id, body in execute(session, PACK, {"ids": sorted(claimed)}):
        owner = f"subscription:{subscription_id}:secret"
        opened = tuple(credentials.unseal(owner, one) for one in (secret, old) if one)
        parcels.append(Parcel(row_id, *claimed[row_id], subscription_id, url, opened, message_id, body))
    return parcels


def send(parcel: Parcel) -> Result:
    """One attempt."""
    body = parcel.body.encode()
    stamp = int(clock().timestamp())
    signed = " ".join(signatures.sign(secret, parcel.message_id, stamp, body) for secret in parcel.secrets)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "MagFlow",
        "webhook-id": parcel.message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signed,
    }
    try:
        reply = outgoing.post(parcel.url, body, headers, allowed=allowed)
    except outgoing.AddressRefused as refused:
        return Result(None, f"address_{refused.reason}")
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        return Result(None, type(error).__name__)
    after = retry_after({"retry-after": reply.retry_after}) if reply.retry_after else 0.0
    return Result(reply.status, "" if 200 <= reply.status < 300 else f"HTTP {reply.status}", reply.text, after)


SETTLE: Final = """
UPDATE webhook_deliveries SET lease_until = NULL, status = %(status)s, error = %(error)s, answer = %(answer)s,
    state = %(state)s, delivered_at = CASE WHEN %(state)s = 'delivered' THEN clock_timestamp() END,
    next_at = clock_timestamp() + make_interval(secs => %(pause)s)
WHERE id = %(id)s AND lease_no = %(lease)s"""
GOOD: Final = "UPDATE webhook_subscriptions SET failing_since = NULL WHERE id = %(id)s AND failing_since IS NOT NULL"
BAD: Final = """
UPDATE webhook_subscriptions SET failing_since = coalesce(failing_since, clock_timestamp()),
    active = active AND NOT %(off)s, off_reason = CASE WHEN %(off)s THEN %(reason)s ELSE off_reason END
WHERE id = %(id)s"""


@transactional
def settle(session: Session, parcel: Parcel, result: Result, *, actor: Actor) -> None:
    """Write down what became of an attempt. An address that is gone, or failed to the end, is switched off; Home says
    so."""
    good = result.status is not None and 200 <= result.status < 300
    over = parcel.attempt > len(SCHEDULE)
    pause = 0.0 if good or over else max(result.after, SCHEDULE[parcel.attempt - 1] * random.uniform(0.9, 1.1))  # noqa: S311
    state = "delivered" if good else "failed" if over or result.status == 410 else "waiting"
    execute(
        session,
        SETTLE,
        {"status": result.status, "error": result.error or None, "answer": result.answer or None, "state": state,
         "pause": pause, "id": parcel.id, "lease": parcel.lease},
    )  # fmt: skip
    if good:
        execute(session, GOOD, {"id": parcel.subscription_id})
        return
    off = over or result.status == 410
    execute(session, BAD, {"id": parcel.subscription_id, "off": off, "reason": result.error})
    if off:
        events.publish(session, "webhook.switched_off", subscription_id=parcel.subscription_id, reason=result.error)


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Delete the log of deliveries after thirty days."""
    return execute(
        session,
        "DELETE FROM webhook_deliveries WHERE state <> 'waiting' "
        "AND created_at < clock_timestamp() - make_interval(days => %(days)s)",
        {"days": KEPT_DAYS},
    ).rowcount
