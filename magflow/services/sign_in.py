"""The one function that proves who somebody is, and the sessions that it opens and closes (reliability 4.1)."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from magflow.concurrency import execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, RateLimited
from magflow.models import User
from magflow.services import audit, passwords, sessions, single, throttle


@dataclass(frozen=True)
class Browser:
    """Where somebody comes from: kept with the session, shown in the audit log."""

    address: str | None
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Proof:
    """What somebody says to prove who they are."""

    email: str
    password: str
    browser: Browser


@dataclass(frozen=True)
class Proved:
    user_id: int
    email: str
    rehash: str | None
    """The password's hash with today's parameters, when the kept one is dated."""


@dataclass(frozen=True)
class OpenFor:
    """A browser to sign in for somebody whose identity was just proved; `instead_of`: the session it replaces."""

    user_id: int
    browser: Browser
    rehash: str | None = None
    instead_of: str | None = None


@dataclass(frozen=True)
class NewPassword:
    """Somebody signed in wants another password and proves it with the present one."""

    proof: Proof
    new: str


FIND: Final = "SELECT id, email, password_hash FROM users WHERE lower(email) = lower(%(email)s) AND active"


def prove(proof: Proof) -> Proved | None:
    """Who this is; None when address and password do not belong together.

    An unknown address, a disabled account and a wrong password are the same: same answer, same time. The only place
    where a password is compared, so that no second way in forgets the guard. Raises RateLimited when it is guessed at.
    """
    stranger = Actor("system", proof.email[:254], "admin", request_id=proof.browser.request_id)
    attempt = throttle.reserve(proof.email, proof.browser.address)
    if isinstance(attempt, int):
        audit.note(stranger, "sign_in.locked", {"address": proof.browser.address, "seconds": attempt})
        raise RateLimited(attempt)
    row = None if "\x00" in proof.email else single.one(FIND, {"email": proof.email.strip()})
    if not passwords.matches(proof.password, row[2] if row else None) or row is None:
        audit.note(stranger, "sign_in.failed", {"address": proof.browser.address})
        return None
    throttle.forgive(attempt, proof.email)
    user_id, email, kept = row
    return Proved(user_id, email, passwords.hash_of(proof.password) if passwords.is_dated(kept) else None)


def sign_in(proof: Proof, *, instead_of: str | None = None) -> str | None:
    """Let somebody in; the id of the new session for the cookie, None when the proof is wrong. Raises RateLimited."""
    who = prove(proof)
    if who is None:
        return None
    actor = Actor("user", who.email, "admin", id=who.user_id, request_id=proof.browser.request_id)
    return open_browser(OpenFor(who.user_id, proof.browser, who.rehash, instead_of), actor=actor)


@transactional
def open_browser(session: Session, command: OpenFor, *, actor: Actor) -> str:
    """A new session for somebody whose identity was just proved; its id for the cookie."""
    values: dict[str, Any] = {"last_sign_in_at": func.clock_timestamp()}
    if command.rehash is not None:
        values["password_hash"] = command.rehash
    session.execute(update(User).where(User.id == command.user_id).values(values))
    if command.instead_of is not None:
        sessions.end_one(session, command.instead_of)
    browser = command.browser
    opened = sessions.open_session(session, command.user_id, address=browser.address, user_agent=browser.user_agent)
    audit.record(session, actor, "sign_in.ok", "users", command.user_id, {"address": browser.address})
    return opened


@transactional
def sign_out(session: Session, plaintext: str, *, actor: Actor) -> None:
    """End this session; a copy of its cookie is worth nothing from now on."""
    user_id = sessions.end_one(session, plaintext)
    if user_id is not None:
        audit.record(session, actor, "sign_out.ok", "users", user_id)


def change_password(command: NewPassword, *, actor: Actor) -> None:
    """Another password; every session of the person ends. Raises Invalid, RateLimited."""
    errors = list(passwords.faults(command.new, email=command.proof.email, field="new"))
    who = prove(command.proof)
    if who is None:
        errors.insert(0, FieldError("present", "wrong_password"))
    if errors or who is None:
        raise Invalid(errors)
    # Hashed between the transactions: it takes a tenth of a second.
    _write_password(who.user_id, passwords.hash_of(command.new), actor=actor)


@transactional
def _write_password(session: Session, user_id: int, hashed: str, *, actor: Actor) -> None:
    session.execute(update(User).where(User.id == user_id).values(password_hash=hashed))
    sessions.end_all(session, user_id)
    audit.record(session, actor, "password.changed", "users", user_id)


LEFT_BEHIND: Final = (
    "DELETE FROM user_sessions WHERE expires_at < clock_timestamp() OR last_seen_at < clock_timestamp() - %(idle)s",
    "DELETE FROM one_time_links WHERE coalesce(used_at, expires_at) < clock_timestamp() - interval '30 days'",
    "DELETE FROM sign_in_throttle WHERE updated_at < clock_timestamp() - interval '2 days'",
    "DELETE FROM rate_windows WHERE window_start < clock_timestamp() - interval '1 hour'",
)


@transactional
def forget_old(session: Session, *, actor: Actor) -> int:
    """Sweep up sessions that are over, links that were used, counts that count no more; how many rows."""
    return sum(execute(session, statement, {"idle": sessions.IDLE}).rowcount for statement in LEFT_BEHIND)
