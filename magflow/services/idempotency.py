"""A repeated request has one effect and one answer, also when the first answer was lost (reliability 2.8).

The key's row is written in the transaction of the effect. So there is no "running" state to be left behind by a crash:
another call with the same key waits on the row, and finds either an answer that is committed, or nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from magflow.concurrency import execute, savepoint, sqlstate, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, IdempotencyInProgress, IdempotencyKeyReused, Invalid, Refused, RetryLater

KEPT_DAYS: Final = 7
"""Clients retry for up to three days."""


@dataclass(frozen=True)
class Answer:
    """What went over the wire, and will again."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    replayed: bool = False


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries an Idempotency-Key."""

    method: str
    route: str
    key: str
    body_sha256: bytes
    """Over method, address, canonical body, and the digest of an uploaded file."""
    work: Callable[[Session], Answer]
    """The effect, joined to the transaction, and the answer to it."""
    refuse: Callable[[Refused], Answer]


CLAIM: Final = """
INSERT INTO idempotency_keys (actor_kind, actor_id, method, route, key, body_sha256)
VALUES (%(actor_kind)s, %(actor_id)s, %(method)s, %(route)s, %(key)s, %(sha256)s)
ON CONFLICT DO NOTHING"""

FIND: Final = """
SELECT body_sha256, status, body, headers FROM idempotency_keys
WHERE actor_kind = %(actor_kind)s AND actor_id = %(actor_id)s AND method = %(method)s AND route = %(route)s
  AND key = %(key)s"""

STORE: Final = """
UPDATE idempotency_keys SET status = %(status)s, body = %(body)s, headers = %(headers)s::jsonb
WHERE actor_kind = %(actor_kind)s AND actor_id = %(actor_id)s AND method = %(method)s AND route = %(route)s
  AND key = %(key)s"""

FORGET: Final = """
DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - make_interval(days => %(days)s)"""


@transactional
def once(session: Session, request: KeyedRequest, *, actor: Actor) -> Answer:
    """Do the work and keep the answer, or give the answer that is kept.

    Refusals for good (409, 422) are kept like successes. Everything else undoes all of it, and the key is free again.
    Raises IdempotencyInProgress while the first call runs, IdempotencyKeyReused when it was another request.
    """
    row = {
        "actor_kind": actor.kind,
        "actor_id": actor.id or 0,
        "method": request.method,
        "route": request.route,
        "key": request.key,
        "sha256": request.body_sha256,
    }
    if not _claim(session, row):
        return _kept(session, row)
    try:
        # Locks taken inside go with its rollback, which is all the same: the transaction ends right after.
        with savepoint(session):
            answer = request.work(session)
    except (Conflict, Invalid) as refused:
        answer = request.refuse(refused)
    stored = {"status": answer.status, "body": answer.body, "headers": json.dumps(dict(answer.headers))}
    execute(session, STORE, {**row, **stored})
    return answer


def _claim(session: Session, row: Mapping[str, object]) -> bool:
    """Whether the key is ours. Waits while another call holds it; nothing else can make this statement wait."""
    try:
        return execute(session, CLAIM, row).rowcount == 1
    except (DBAPIError, psycopg.Error) as error:
        if sqlstate(error) == "55P03":
            raise IdempotencyInProgress from error
        raise


def _kept(session: Session, row: Mapping[str, object]) -> Answer:
    found = execute(session, FIND, row).fetchone()
    if found is None or found[1] is None:
        # Swept away between the two statements: the key is free, the same request may come again.
        raise RetryLater("idempotency_key_expired")
    sha256, status, body, headers = found
    if bytes(sha256) != row["sha256"]:
        raise IdempotencyKeyReused
    return Answer(status, bytes(body), headers, replayed=True)


@transactional
def delete_old(session: Session, *, actor: Actor) -> int:
    """Forget answers that nobody repeats any more; the worker calls it once a day."""
    return execute(session, FORGET, {"days": KEPT_DAYS}).rowcount
