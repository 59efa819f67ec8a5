"""Who may come in, for the pages of the owner: people, their sessions, API tokens. No hash leaves this module."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import ApiToken, User, UserSession


@dataclass(frozen=True)
class Person:
    id: int
    email: str
    name: str | None
    role: str
    locale: str | None
    active: bool
    invited: bool
    """Has not chosen a password yet."""
    last_sign_in_at: datetime | None
    sessions: int
    """Browsers in which this person is signed in."""


@dataclass(frozen=True)
class TokenRow:
    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    owner: str | None
    """None: the shop's own, made on the command line."""
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    usable: bool


def people(session: Session) -> Sequence[Person]:
    """Everybody with an account, those who may come in first."""
    return [_person(*row) for row in session.execute(_people().order_by(User.active.desc(), func.lower(User.email)))]


def person(session: Session, user_id: int) -> Person:
    """One of them. Raises NotFound."""
    row = session.execute(_people().where(User.id == user_id)).one_or_none()
    if row is None:
        raise NotFound("user", user_id)
    return _person(*row)


def _people() -> Select[User, int]:
    open_ = (
        select(func.count())
        .select_from(UserSession)
        .where(UserSession.user_id == User.id, UserSession.expires_at > func.clock_timestamp())
        .scalar_subquery()
    )
    return select(User, open_)


def _person(user: User, sessions: int) -> Person:
    return Person(
        user.id,
        user.email,
        user.name,
        user.role,
        user.locale,
        user.active,
        user.password_hash == "!",  # noqa: S105 - a mark that no password has
        user.last_sign_in_at,
        sessions,
    )


def tokens(session: Session) -> Sequence[TokenRow]:
    """Every API token, newest first; revoked and expired ones last."""
    now = func.clock_timestamp()
    usable = ApiToken.revoked_at.is_(None) & (ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now))
    rows = session.execute(
        select(ApiToken, User.email, usable)
        .outerjoin(User, User.id == ApiToken.user_id)
        .order_by(usable.desc(), ApiToken.id.desc())
        .limit(500)
    )
    return [
        TokenRow(
            token.id, token.name, token.prefix, tuple(token.scopes), email, token.created_at, token.last_used_at,
            token.expires_at, token.revoked_at, bool(good),
        )
        for token, email, good in rows
    ]  # fmt: skip
