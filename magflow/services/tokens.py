"""API tokens: made once and shown once, kept as a hash, good until they expire or are revoked (reliability 4.1)."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.roles import SCOPES, SCOPES_OF
from magflow.models import ApiToken, User
from magflow.services import audit, single

PREFIX: Final = "mgf_"
SHAPE: Final = re.compile(r"mgf_[A-Za-z0-9_-]{43}")
SHOWN: Final = len(PREFIX) + 6
"""Characters that are kept to recognise a token by: too few to guess the rest."""

DEFAULT_DAYS: Final = 365
LONGEST_DAYS: Final = 3650


@dataclass(frozen=True)
class CreateToken:
    name: str
    scopes: Collection[str]
    expires_days: int | None = DEFAULT_DAYS
    """None: it does not expire."""
    user_id: int | None = None
    """Whose it is; None: the shop's own, made on the command line."""


@dataclass(frozen=True)
class NewToken:
    """The one time that the token itself is known."""

    token: ApiToken
    plaintext: str


@dataclass(frozen=True)
class RevokeToken:
    token_id: int


@dataclass(frozen=True)
class Bearer:
    """Who a request with a good token comes from, and what it may do now."""

    token_id: int
    name: str
    scopes: frozenset[str]
    user_id: int | None
    locale: str | None


def hash_of(plaintext: str) -> bytes:
    """256 random bits need no slow hash, and an index finds this one."""
    return hashlib.sha256(plaintext.encode("ascii")).digest()


@transactional
def create_token(session: Session, command: CreateToken, *, actor: Actor) -> NewToken:
    """Make a token. Raises Invalid for a blank name, an unknown scope, or one that its owner does not have."""
    _check(session, command)
    plaintext = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=command.name.strip(),
        prefix=plaintext[:SHOWN],
        token_hash=hash_of(plaintext),
        scopes=[scope for scope in SCOPES if scope in command.scopes],
        user_id=command.user_id,
    )
    if command.expires_days is not None:
        token.expires_at = func.clock_timestamp() + timedelta(days=command.expires_days)
    session.add(token)
    session.flush()
    session.refresh(token)
    audit.record(session, actor, "token.created", "api_tokens", token.id, {"name": token.name, "scopes": token.scopes})
    return NewToken(token, plaintext)


@transactional
def revoke_token(session: Session, command: RevokeToken, *, actor: Actor) -> None:
    """End a token at once; a second time changes nothing. Raises NotFound."""
    revoked = session.execute(
        update(ApiToken)
        .where(ApiToken.id == command.token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
        .returning(ApiToken.name)
    ).scalar_one_or_none()
    if revoked is not None:
        audit.record(session, actor, "token.revoked", "api_tokens", command.token_id, {"name": revoked})
    elif session.get(ApiToken, command.token_id) is None:
        raise NotFound("token", command.token_id)


def _check(session: Session, command: CreateToken) -> None:
    errors = []
    if not command.name.strip():
        errors.append(FieldError("name", "blank"))
    if not command.scopes:
        errors.append(FieldError("scopes", "required"))
    if unknown := sorted(set(command.scopes) - set(SCOPES)):
        errors.append(FieldError("scopes", "not_one_of", {"choices": ", ".join(SCOPES), "value": ", ".join(unknown)}))
    if command.expires_days is not None and not 1 <= command.expires_days <= LONGEST_DAYS:
        errors.append(FieldError("expires_days", "out_of_range", {"least": 1, "most": LONGEST_DAYS}))
    if command.user_id is not None:
        role = session.execute(select(User.role).where(User.id == command.user_id, User.active)).scalar_one_or_none()
        if role is None:
            errors.append(FieldError("user_id", "unknown"))
        elif wide := sorted(set(command.scopes) - SCOPES_OF[role] - set(unknown)):
            errors.append(FieldError("scopes", "more_than_own", {"value": ", ".join(wide)}))
    if errors:
        raise Invalid(errors)


# --- every request ---------------------------------------------------------------------------------------------------

IDENTIFY: Final = """
SELECT t.id, t.name, t.scopes, t.user_id, u.role, u.locale, u.email,
       t.last_used_at IS NULL OR t.last_used_at < clock_timestamp() - interval '1 minute'
FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id
WHERE t.token_hash = %(hash)s
  AND t.revoked_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
  AND (t.user_id IS NULL OR u.active)"""

TOUCH: Final = """
UPDATE api_tokens SET last_used_at = clock_timestamp()
WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')"""


def identify(plaintext: str) -> Bearer | None:
    """Who this token speaks for; None when it is unknown, expired, revoked, or its owner may not come in any more.

    One statement a request, so that a revoked token fails at its next one; a second once a minute notes its use.
    """
    if not SHAPE.fullmatch(plaintext):
        return None
    row = single.one(IDENTIFY, {"hash": hash_of(plaintext)})
    if row is None:
        return None
    token_id, name, scopes, user_id, role, locale, email, note_use = row
    if note_use:
        single.every(TOUCH, {"id": token_id})
    granted = frozenset(scopes)
    if user_id is not None:
        # Never more than its creator has now: a demoted manager's token shrinks with them.
        granted &= SCOPES_OF[role]
        name = f"{name} ({email})"
    return Bearer(token_id, name, granted, user_id, locale)
