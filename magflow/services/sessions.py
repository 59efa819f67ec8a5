"""Signed-in browsers. The row is the session: without it a cookie is worth nothing, whoever copied it."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, insert
from sqlalchemy.orm import Session

from magflow.models import UserSession
from magflow.services import single

IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=14)
FRESH: Final = timedelta(minutes=15)
SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class SignedIn:
    """The person behind a session's cookie."""

    user_id: int
    email: str
    name: str | None
    role: str
    locale: str | None
    fresh: bool
    """Gave the password within the last quarter of an hour."""


def hash_of(plaintext: str) -> bytes:
    """What is stored of a session's id: a copy of the table signs nobody in."""
    return hashlib.sha256(plaintext.encode("ascii")).digest()


def open_session(session: Session, user_id: int, *, address: str | None, user_agent: str | None) -> str:
    """Sign a person in, within the caller's transaction; the id goes into the cookie and nowhere else."""
    plaintext = secrets.token_urlsafe(32)
    session.execute(
        insert(UserSession).values(
            id_hash=hash_of(plaintext),
            user_id=user_id,
            expires_at=func.clock_timestamp() + LONGEST,
            address=address,
            user_agent=(user_agent or "")[:300] or None,
        )
    )
    return plaintext


def end_one(session: Session, plaintext: str) -> int | None:
    """End one session; whose it was."""
    return session.execute(
        delete(UserSession).where(UserSession.id_hash == hash_of(plaintext)).returning(UserSession.user_id)
    ).scalar_one_or_none()


def end_all(session: Session, user_id: int) -> int:
    """End every session of a person; how many there were."""
    ended = session.execute(delete(UserSession).where(UserSession.user_id == user_id).returning(UserSession.id_hash))
    return len(ended.all())


FIND: Final = """
SELECT u.id, u.email, u.name, u.role, u.locale, s.authenticated_at > clock_timestamp() - %(fresh)s,
       s.last_seen_at < clock_timestamp() - interval '1 minute'
FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id_hash = %(hash)s
  AND s.expires_at > clock_timestamp()
  AND s.last_seen_at > clock_timestamp() - %(idle)s
  AND u.active"""

TOUCH: Final = "UPDATE user_sessions SET last_seen_at = clock_timestamp() WHERE id_hash = %(hash)s"


def find(plaintext: str) -> SignedIn | None:
    """Whose session this is; None when it ended, expired or lay idle for too long, or its owner was disabled."""
    if not SHAPE.fullmatch(plaintext):
        return None
    key = {"hash": hash_of(plaintext), "idle": IDLE, "fresh": FRESH}
    row = single.one(FIND, key)
    if row is None:
        return None
    *person, note_use = row
    if note_use:
        single.every(TOUCH, key)
    return SignedIn(*person)
