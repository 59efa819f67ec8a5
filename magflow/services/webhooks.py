"""Webhooks in: proved, stored, answered; and then, in the background, each takes effect once.

Nothing is done before the answer, and nothing is answered before the commit. A delivery that was seen before is only
counted. Of one thing an older version never wins over a newer one, in whatever order they come (reliability 2.9).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import func
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, lock_variants, transactional
from magflow.concurrency.leases import claim_inbox
from magflow.domain import signatures
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, NotFound, Refused, RetryLater
from magflow.marketplaces import hooks
from magflow.marketplaces.errors import BadAnswer
from magflow.marketplaces.protocol import Signature, adapter_of
from magflow.models import MarketplaceAccount, WebhookEndpoint, WebhookInbox
from magflow.services import accounts, credentials, jobs, ledger, market_order_steps, market_orders, single
from magflow.services.market_order_steps import Overtaken
from magflow.services.market_orders import Told
from magflow.services.variant_lookup import find_variant

LARGEST: Final = 1024 * 1024
OLD_SECRET_HOURS: Final = 24
LEASE_SECONDS: Final = 60.0
BATCH: Final = 20
MOST_ATTEMPTS: Final = 8
KEPT_DAYS: Final = 30
READ_ORDERS_TASK: Final = "marketplaces.orders"
KEPT_HEADERS: Final = ("webhook-id", "webhook-timestamp", "x-shopify-topic", "x-shopify-webhook-id",
                       "x-wc-webhook-topic", "x-wc-webhook-delivery-id", "content-type", "user-agent")  # fmt: skip

Taken = Literal["stored", "repeated", "ignored"]


class NotSigned(Conflict):
    """Not proved to come from the account: nothing is kept of it but a count."""

    code = "not_signed"
    status = 401


@dataclass(frozen=True)
class NewEndpoint:
    """`rotate`: another secret; the one before stays good for a day. `secret`: the one that the sender has chosen."""

    source: str
    code: str
    rotate: bool = False
    secret: str | None = None


@dataclass(frozen=True)
class Opened:
    """Where to call, and what to sign with: the secret is shown this once."""

    path: str
    secret: str | None


@dataclass(frozen=True)
class Door:
    """What is known of an address before anything is believed."""

    account_id: int
    source: str
    scheme: Signature
    secrets: tuple[str, ...]
    now: datetime


# --- addresses -------------------------------------------------------------------------------------------------------


@transactional
def endpoint(session: Session, command: NewEndpoint, *, actor: Actor) -> Opened:
    """Open the address of an account, or show it again with a new secret when that is asked for.

    Sources that only call us need no account of their own first. Raises NotFound, UnknownSource.
    """
    source, code = command.source.strip().lower(), command.code.strip().lower()
    adapter = adapter_of(source)
    # Both at once: one after the other could be the wrong way round.
    lock_names(session, [("marketplace_account", source, code), ("webhook_endpoint", source, code)])
    account = accounts.find(session, source, code)
    if account is None:
        if adapter.open is not None:
            raise NotFound("account", f"{source} {code}")
        account = accounts.add.within(session, accounts.NewAccount(source, code), actor=actor)
    there = session.get(WebhookEndpoint, account.id)
    if there is None:
        there = WebhookEndpoint(account_id=account.id)
        session.add(there)
        session.flush()
        fresh = True
    else:
        fresh = command.rotate or command.secret is not None
    if adapter.signature == "none":
        return _by_token(session, account, there)
    secret = command.secret or signatures.new_secret()
    if fresh:
        if there.secret is not None:
            there.old_secret = there.secret
            there.old_until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, OLD_SECRET_HOURS)
        there.secret = credentials.seal(f"webhook:{account.id}:secret", secret)
    elif there.secret is not None:
        secret = credentials.unseal(f"webhook:{account.id}:secret", there.secret)
    session.flush()
    return Opened(f"/webhooks/{source}/{code}", secret)


def _by_token(session: Session, account: MarketplaceAccount, there: WebhookEndpoint) -> Opened:
    """Calls that nobody signs come to an address that nobody can guess; it cannot be shown again, only made anew."""
    token = secrets.token_urlsafe(24)
    there.token_hash = _hash(token)
    session.flush()
    return Opened(f"/webhooks/{account.source}/{token}", None)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


FIND: Final = """
SELECT a.id, a.source, e.secret, CASE WHEN e.old_until > clock_timestamp() THEN e.old_secret END, clock_timestamp()
FROM webhook_endpoints e JOIN marketplace_accounts a ON a.id = e.account_id
WHERE a.source = %(source)s AND (a.code = %(code)s AND e.token_hash IS NULL OR e.token_hash = %(hash)s)"""
COUNT: Final = """
UPDATE webhook_endpoints SET last_at = clock_timestamp(), refused = refused + 1 WHERE account_id = %(account)s"""


def door(source: str, code: str) -> Door:
    """The address that was called. Raises NotFound when there is none."""
    row = single.one(FIND, {"source": source[:40], "code": code[:80], "hash": _hash(code)})
    if row is None:
        raise NotFound("webhook", source[:40])
    account_id, found, *sealed, now = row
    opened = tuple(credentials.unseal(f"webhook:{account_id}:secret", one) for one in sealed if one)
    return Door(account_id, found, adapter_of(found).signature, opened, now)


def is_unsigned(source: str, code: str) -> bool:
    """Whether calls to this address prove nothing but that they know it."""
    return door(source, code).scheme == "none"


def unsigned(source: str, code: str) -> Door:
    """The address of a source whose calls nobody signs. Raises NotFound for every other."""
    entrance = door(source, code)
    if entrance.scheme != "none":
        raise NotFound("webhook", source[:40])
    return entrance


def receive(source: str, code: str, headers: Mapping[str, str], body: bytes) -> Taken:
    """Prove a delivery and store it. `headers`: names in lower case, each once.

    Raises NotFound for an address that is none, NotSigned, and RetryLater: then the sender will come again.
    """
    entrance = door(source, code)
    if entrance.scheme == "none":
        raise NotFound("webhook", source[:40])
    if entrance.scheme == "shopify":
        # Its newer deliveries name their headers without the X in front.
        headers = {f"x-{name}": value for name, value in headers.items() if name.startswith("shopify-")} | {**headers}
    if entrance.scheme == "woocommerce" and _is_ping(headers, body):
        return "ignored"
    if not _proved(entrance, headers, body):
        single.every(COUNT, {"account": entrance.account_id})
        raise NotSigned("the signature is not good")
    try:
        delivery = hooks.sorted_out(entrance.scheme, headers, body)
    except hooks.NotAWebhook:
        # Signed by the account, and still nothing that can be used: taken, for it would only be sent again.
        delivery = hooks.Delivery(f"unread:{hashlib.sha256(body).hexdigest()}", "unread", hooks.OTHER, "unread", "")
    return store(entrance, delivery, headers, body)


def _proved(entrance: Door, headers: Mapping[str, str], body: bytes) -> bool:
    """A missing secret closes the door."""
    if not entrance.secrets:
        return False
    if entrance.scheme == "standard":
        return signatures.standard_ok(entrance.secrets, headers, body, entrance.now.timestamp())
    name = "x-shopify-hmac-sha256" if entrance.scheme == "shopify" else "x-wc-webhook-signature"
    return signatures.body_ok(entrance.secrets, headers.get(name, ""), body)


def _is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return form and "x-wc-webhook-signature" not in headers and body.startswith(b"webhook_id=") and len(body) < 40


STORE: Final = """
WITH stored AS (
    INSERT INTO webhook_inbox (account_id, dedup_key, topic, entity_key, entity_version, headers, body, state)
    VALUES (%(account)s, %(dedup)s, %(topic)s, %(entity)s, %(version)s, %(headers)s::jsonb, %(body)s, %(state)s)
    ON CONFLICT (account_id, dedup_key) DO NOTHING RETURNING id
)
UPDATE webhook_endpoints SET last_at = clock_timestamp(), last_good_at = clock_timestamp(),
    accepted = accepted + (SELECT count(*) FROM stored), repeated = repeated + 1 - (SELECT count(*) FROM stored)
WHERE account_id = %(account)s RETURNING (SELECT count(*) FROM stored)"""


def store(entrance: Door, delivery: hooks.Delivery, headers: Mapping[str, str], body: bytes) -> Taken:
    """One statement that commits by itself; what was there before stays as it is."""
    kept = {name: headers[name][:300] for name in KEPT_HEADERS if name in headers}
    row = single.one(
        STORE,
        {
            "account": entrance.account_id,
            "dedup": delivery.dedup[:300],
            "topic": delivery.topic[:100],
            "entity": f"{delivery.kind}:{delivery.entity}"[:300],
            "version": delivery.version,
            "headers": json.dumps(kept),
            "body": body,
            "state": "ignored" if delivery.kind == hooks.OTHER else "new",
        },
    )
    return "stored" if row and row[0] else "repeated"


# --- calls that prove nothing ----------------------------------------------------------------------------------------


AWAY_SECONDS: Final = 20
HELD: Final = """
SELECT last_error_at + make_interval(secs => %(pause)s) FROM marketplace_accounts
WHERE id = %(account)s AND last_error_at > coalesce(last_ok_at, '-infinity')
  AND last_error_at > clock_timestamp() - make_interval(secs => %(pause)s)"""


@transactional
def called(session: Session, account_id: int, *, actor: Actor) -> None:
    """Somebody says that an order is new or changed. Nothing of it is believed: what is new and what changed is read
    from the API, once however many calls come in the meantime. A marketplace that did not answer a moment ago is not
    asked at once: its calls go on while it is away."""
    held = execute(session, HELD, {"account": account_id, "pause": AWAY_SECONDS}).fetchone()
    lock = f"{READ_ORDERS_TASK}:{account_id}"
    jobs.enqueue(session, READ_ORDERS_TASK, queueing_lock=lock, at=held[0] if held else None, account_id=account_id)
    execute(
        session,
        "UPDATE webhook_endpoints SET last_at = clock_timestamp(), last_good_at = clock_timestamp(), "
        "accepted = accepted + 1 WHERE account_id = %(account)s",
        {"account": account_id},
    )


# --- in the background -----------------------------------------------------------------------------------------------


def work(*, actor: Actor, most: int = 500) -> int:
    """Process what waits, until nothing does or `most` are done. Returns how many were looked at."""
    done = 0
    while done < most:
        claimed = claim(actor=actor)
        if not claimed:
            break
        for inbox_id, lease, attempt in sorted(claimed):
            _one(inbox_id, lease, attempt, actor)
            done += 1
        jobs.pause_point()
    return done


@transactional
def claim(session: Session, *, actor: Actor) -> list[tuple[int, int, int]]:
    """Take some deliveries to process: (id, lease, attempt)."""
    return [(row[0], row[1], row[2]) for row in claim_inbox(session, BATCH, LEASE_SECONDS)]


def _one(inbox_id: int, lease: int, attempt: int, actor: Actor) -> None:
    try:
        process(inbox_id, lease, actor=actor)
    except (Refused, BadAnswer, hooks.NotAWebhook) as error:
        final = not isinstance(error, RetryLater) and attempt >= MOST_ATTEMPTS
        put_off(inbox_id, lease, attempt, str(error), final, actor=actor)


@transactional
def process(session: Session, inbox_id: int, lease: int, *, actor: Actor) -> None:
    """The effect of one delivery and the mark that it was done are one transaction."""
    row = session.get(WebhookInbox, inbox_id)
    if row is None or row.state != "new" or row.lease_no != lease:
        return
    account = accounts.get(session, row.account_id)
    scheme = adapter_of(account.source).signature
    kind, _, entity = row.entity_key.partition(":")
    if kind == hooks.ORDER:
        lock_names(session, [("external_id", account.source, account.code, f"order:{entity}")])
    else:
        lock_names(session, [("webhook", str(account.id), row.entity_key)])
    session.refresh(row)
    if row.state != "new" or row.lease_no != lease:
        return
    if kind == hooks.ORDER:
        order = hooks.order_of(scheme, row.topic, row.body, row.entity_version, account.currency)
        stored = market_orders.store.within(session, Told(account.id, [order]), actor=actor)
        for order_id in stored.ids:
            market_order_steps.step.within(session, order_id, actor=actor)
        if not stored.ids:
            market_order_steps.overtaken.within(session, Overtaken(account.id, order), actor=actor)
    elif _newer(session, row):
        _apply(session, account, row, kind, entity)
    row.state, row.error, row.lease_until = "done", None, None
    session.flush()


NEWER: Final = """
INSERT INTO webhook_versions AS w (account_id, entity_key, version) VALUES (%(account)s, %(entity)s, %(version)s)
ON CONFLICT (account_id, entity_key) DO UPDATE SET version = excluded.version, at = clock_timestamp()
WHERE w.version < excluded.version
RETURNING version"""


def _newer(session: Session, row: WebhookInbox) -> bool:
    """Whether this is the newest that was said of the thing; then it is noted as such."""
    parameters = {"account": row.account_id, "entity": row.entity_key, "version": row.entity_version}
    return execute(session, NEWER, parameters).fetchone() is not None


def _apply(session: Session, account: MarketplaceAccount, row: WebhookInbox, kind: str, entity: str) -> None:
    if kind == hooks.STOCK:
        news = hooks.stock_of(row.body)
        variant = find_variant(session, None, news.sku)
        locked = lock_variants(session, [variant.id])[variant.id]
        if news.expected is not None:
            ledger.check_expected("stock", news.expected, locked.stock)
        ledger.set_to(session, {variant.id: news.stock}, reason="feed", note=account.source)
    elif kind == hooks.OFFER_STOCK:
        stock = hooks.offer_stock_of(row.body)
        if stock is not None:
            execute(
                session,
                "UPDATE offers SET stock = %(stock)s, last_read_at = clock_timestamp() "
                "WHERE account_id = %(account)s AND external_id = %(offer)s",
                {"stock": stock, "account": account.id, "offer": entity},
            )


PUT_OFF: Final = """
UPDATE webhook_inbox SET lease_until = NULL, error = %(error)s,
    state = CASE WHEN %(final)s THEN 'set_aside' ELSE 'new' END,
    next_at = clock_timestamp() + make_interval(secs => least(3600, 2 ^ %(attempt)s))
WHERE id = %(id)s AND lease_no = %(lease)s"""


@transactional
def put_off(
    session: Session, inbox_id: int, lease: int, attempt: int, error: str, final: bool, *, actor: Actor
) -> None:
    """Try it again later, or set it aside for a person: it holds up nobody else."""
    parameters: dict[str, Any] = {"id": inbox_id, "lease": lease, "attempt": min(attempt, 12), "final": final}
    execute(session, PUT_OFF, parameters | {"error": error.replace("\x00", "")[:500]})


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Delete deliveries that nobody sends again any more."""
    return execute(
        session,
        "DELETE FROM webhook_inbox WHERE state <> 'new' "
        "AND received_at < clock_timestamp() - make_interval(days => %(days)s)",
        {"days": KEPT_DAYS},
    ).rowcount
