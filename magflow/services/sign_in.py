"""The one function that lets people in, and the ways out (reliability 4.1)."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.models import User
from magflow.services import audit, passwords, sessions, single, throttle


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str
    address: str | None
    user_agent: str | None
    request_id: str | None = None


@dataclass(frozen=True)
class Welcome:
    """Signed in: `session` is the id for the cookie."""

    user_id: int
    session: str
    locale: str | None


@dataclass(frozen=True)
class Locked:
    """Too many failures; nothing was looked at."""

    seconds: int


@dataclass(frozen=True)
class OpenFor:
    """A browser to sign in for somebody whose identity was just proved."""

    user_id: int
    address: str | None
    user_agent: str | None
    rehash: str | None = None


FIND: Final = "SELECT id, email, password_hash, locale FROM users WHERE lower(email) = lower(%(email)s) AND active"


def sign_in(command: SignIn) -> Welcome | Locked | None:
    """Let somebody in; Locked when they must wait, None when address and password do not belong together.

    An unknown address, a disabled account and a wrong password are the same: same answer, same time.
    """
    stranger = Actor("system", command.email[:254], "admin", request_id=command.request_id)
    attempt = throttle.reserve(command.email, command.address)
    if isinstance(attempt, int):
        audit.note(stranger, "sign_in.locked", {"address": command.address, "seconds": attempt})
        return Locked(attempt)
    row = single.one(FIND, {"email": command.email})
    if not passwords.matches(command.password, row[2] if row else None) or row is None:
        audit.note(stranger, "sign_in.failed", {"address": command.address})
        return None
    user_id, email, kept, locale = row
    rehash = passwords.hash_of(command.password) if passwords.is_dated(kept) else None
    actor = Actor("user", email, "admin", id=user_id, request_id=command.request_id)
    opened = open_browser(OpenFor(user_id, command.address, command.user_agent, rehash), actor=actor)
    throttle.forgive(attempt, command.email)
    return Welcome(user_id, opened, locale)


@transactional
def open_browser(session: Session, command: OpenFor, *, actor: Actor) -> str:
    """A new session for somebody whose identity was just proved; its id for the cookie."""
    values: dict[str, Any] = {"last_sign_in_at": func.clock_timestamp()}
    if command.rehash is not None:
        values["password_hash"] = command.rehash
    session.execute(update(User).where(User.id == command.user_id).values(values))
    opened = sessions.open_session(
        session, command.user_id, address=command.address, user_agent=command.user_agent
    )  # fmt: skip
    audit.record(session, actor, "sign_in.ok", "users", command.user_id, {"address": command.address})
    return opened


@transactional
def sign_out(session: Session, plaintext: str, *, actor: Actor) -> None:
    """End this session; a copy of its cookie is worth nothing from now on."""
    user_id = sessions.end_one(session, plaintext)
    if user_id is not None:
        audit.record(session, actor, "sign_out.ok", "users", user_id)
