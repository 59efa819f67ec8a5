"""People: the first owner, invitations, roles and passwords (reliability 4.1, 4.2). Signing in is `sign_in`."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, transactional
from magflow.domain import border
from magflow.domain.actors import Actor
from magflow.domain.border import Unfit
from magflow.domain.errors import Conflict, FieldError, Invalid, NotFound
from magflow.domain.roles import OWNER, ROLES
from magflow.models import OneTimeLink, User
from magflow.services import audit, passwords, sessions

LOCALES: Final = ("en", "ro", "it")
Purpose = Literal["owner_setup", "invitation"]
INVITATION_HOURS: Final = 72
LONGEST_NAME: Final = 120


class LastOwner(Conflict):
    """A shop keeps at least one owner who may sign in."""

    def __init__(self) -> None:
        super().__init__("the shop needs an owner who can sign in")


class LinkGone(NotFound):
    """The one-time link was used, replaced, or has expired."""

    def __init__(self) -> None:
        super().__init__("link", "")


@dataclass(frozen=True)
class CreateUser:
    email: str
    role: str
    password: str | None = None
    """None: the person chooses it through an invitation."""
    name: str | None = None


@dataclass(frozen=True)
class SetUp:
    """What somebody types who followed a one-time link; the e-mail address counts for the first owner only."""

    token: str
    email: str
    password: str
    name: str | None = None


@dataclass(frozen=True)
class ChangeProfile:
    user_id: int
    name: str | None
    locale: str | None


@dataclass(frozen=True)
class ChangeRole:
    user_id: int
    role: str


@dataclass(frozen=True)
class SetActive:
    user_id: int
    active: bool


@dataclass(frozen=True)
class OfUser:
    user_id: int


@dataclass(frozen=True)
class OpenLink:
    """A link that still works, and for whom."""

    purpose: Purpose
    email: str | None
    name: str | None


# --- accounts --------------------------------------------------------------------------------------------------------


@transactional
def create_user(session: Session, command: CreateUser, *, actor: Actor) -> User:
    """Make an account. Raises Invalid naming every bad field, AlreadyTaken for the e-mail address."""
    errors: list[FieldError] = []
    email = _email(command.email, errors)
    name = _name(command.name, errors)
    if command.role not in ROLES:
        errors.append(FieldError("role", "not_one_of", {"choices": ", ".join(ROLES)}))
    if command.password is not None:
        errors += passwords.faults(command.password, email=email)
    if errors:
        raise Invalid(errors)
    kept = passwords.NONE_YET if command.password is None else passwords.hash_of(command.password)
    user = User(email=email, name=name, role=command.role, password_hash=kept)
    session.add(user)
    session.flush()
    session.refresh(user)
    return user


@transactional
def change_profile(session: Session, command: ChangeProfile, *, actor: Actor) -> None:
    """Name and language. Raises Invalid, NotFound."""
    errors: list[FieldError] = []
    name = _name(command.name, errors)
    if command.locale is not None and command.locale not in LOCALES:
        errors.append(FieldError("locale", "not_one_of", {"choices": ", ".join(LOCALES)}))
    if errors:
        raise Invalid(errors)
    user = _get(session, command.user_id)
    user.name, user.locale = name, command.locale


@transactional
def change_role(session: Session, command: ChangeRole, *, actor: Actor) -> None:
    """Give a person another role; their sessions end at once. Raises Invalid, NotFound, LastOwner."""
    if command.role not in ROLES:
        raise Invalid([FieldError("role", "not_one_of", {"choices": ", ".join(ROLES)})])
    lock_names(session, [("users", "owners")])
    user = _get(session, command.user_id)
    if user.role == command.role:
        return
    _keep_an_owner(session, user)
    was, user.role = user.role, command.role
    sessions.end_all(session, user.id)
    audit.record(session, actor, "role.changed", "users", user.id, {"from": was, "to": command.role})


@transactional
def set_active(session: Session, command: SetActive, *, actor: Actor) -> None:
    """Let a person in again, or out: their sessions end and their tokens stop at once. Raises NotFound, LastOwner."""
    lock_names(session, [("users", "owners")])
    user = _get(session, command.user_id)
    if user.active == command.active:
        return
    if not command.active:
        _keep_an_owner(session, user)
    user.active = command.active
    sessions.end_all(session, user.id)
    audit.record(session, actor, "user.enabled" if command.active else "user.disabled", "users", user.id)


@transactional
def end_sessions(session: Session, command: OfUser, *, actor: Actor) -> int:
    """Sign a person out everywhere; from how many browsers. Raises NotFound."""
    user = _get(session, command.user_id)
    ended = sessions.end_all(session, user.id)
    audit.record(session, actor, "sign_out.ok", "users", user.id, {"everywhere": ended})
    return ended


def _keep_an_owner(session: Session, user: User) -> None:
    others = select(User.id).where(User.role == OWNER, User.active, User.id != user.id).limit(1)
    if user.role == OWNER and user.active and session.scalar(others) is None:
        raise LastOwner


def _get(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user", user_id)
    return user


def _email(given: str, errors: list[FieldError]) -> str:
    try:
        return border.email(given)
    except Unfit as unfit:
        errors.append(FieldError("email", unfit.code, unfit.params))
        return ""


def _name(given: str | None, errors: list[FieldError]) -> str | None:
    try:
        return border.text(given, most=LONGEST_NAME, least=0) or None if given is not None else None
    except Unfit as unfit:
        errors.append(FieldError("name", unfit.code, unfit.params))
        return None


# --- one-time links --------------------------------------------------------------------------------------------------


@transactional
def owner_setup_link(session: Session) -> str | None:
    """The path of a one-time link to create the first owner; None when the shop has an owner.

    A new link replaces the one before: what was printed last is what works.
    """
    if _has_owner(session):
        return None
    session.execute(delete(OneTimeLink).where(OneTimeLink.purpose == "owner_setup"))
    return _new_link(session, "owner_setup", None, None)


@transactional
def invite(session: Session, command: CreateUser, *, actor: Actor) -> tuple[User, str]:
    """Make an account without a password, and the path where the person chooses one. Raises as create_user."""
    user = create_user.within(session, command, actor=actor)
    return user, _new_link(session, "invitation", user.id, INVITATION_HOURS)


@transactional
def new_password_link(session: Session, command: OfUser, *, actor: Actor) -> str:
    """A path where a person who forgot the password chooses a new one. Raises NotFound."""
    user = _get(session, command.user_id)
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id))
    audit.record(session, actor, "password.link", "users", user.id)
    return _new_link(session, "invitation", user.id, INVITATION_HOURS)


@transactional
def look_at_link(session: Session, token: str) -> OpenLink:
    """What a one-time link is for. Raises LinkGone."""
    row = session.execute(
        select(OneTimeLink.purpose, User.email, User.name)
        .outerjoin(User, User.id == OneTimeLink.user_id)
        .where(OneTimeLink.token_hash == _hash(token), *_still_good())
    ).one_or_none()
    if row is None or (row.purpose == "owner_setup" and _has_owner(session)):
        raise LinkGone
    return OpenLink(row.purpose, row.email, row.name)


@transactional
def set_up(session: Session, command: SetUp, *, actor: Actor) -> User:
    """Use a one-time link: make the first owner, or set an invited person's password; who it was.

    Raises LinkGone, Invalid, AlreadyTaken.
    """
    # Two tabs with the same link, or two links before there is an owner: one of them is first.
    lock_names(session, [("users", "owners")])
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.token_hash == _hash(command.token), *_still_good())
        .values(used_at=func.clock_timestamp())
        .returning(OneTimeLink.purpose, OneTimeLink.user_id)
    ).one_or_none()
    if used is None or (used.purpose == "owner_setup" and _has_owner(session)):
        raise LinkGone
    if used.purpose == "owner_setup":
        owner = CreateUser(command.email, OWNER, command.password, command.name)
        return create_user.within(session, owner, actor=actor)
    user = _get(session, used.user_id)
    errors = list(passwords.faults(command.password, email=user.email))
    name = _name(command.name, errors)
    if errors:
        raise Invalid(errors)
    user.password_hash, user.name = passwords.hash_of(command.password), name or user.name
    sessions.end_all(session, user.id)
    audit.record(session, actor, "password.changed", "users", user.id)
    return user


def _has_owner(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.role == OWNER).limit(1)) is not None


def _new_link(session: Session, purpose: Purpose, user_id: int | None, hours: int | None) -> str:
    token = secrets.token_urlsafe(32)
    expires = None if hours is None else func.clock_timestamp() + timedelta(hours=hours)
    session.execute(
        insert(OneTimeLink).values(token_hash=_hash(token), purpose=purpose, user_id=user_id, expires_at=expires)
    )
    return f"/setup/{token}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _still_good() -> tuple[Any, ...]:
    alive = OneTimeLink.expires_at.is_(None) | (OneTimeLink.expires_at > func.clock_timestamp())
    return OneTimeLink.used_at.is_(None), alive
