"""Who is asking: a person by the session's cookie on pages, a program by a bearer token on the API. Never the other
way round: an API route does not look at cookies, a page does not look at `Authorization`.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast

from flask import current_app, g, request
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from magflow.domain.actors import Actor
from magflow.domain.roles import SCOPES_OF
from magflow.services import sessions, tokens
from magflow.web.permissions import API_PREFIX

DOCS: Final = "/api/v1/docs"
"""Stands below /api and is a page all the same."""

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Visitor:
    """Whoever sent the request."""

    kind: Literal["user", "token", "nobody"] = "nobody"
    id: int = 0
    name: str = ""
    """An e-mail address, or a token's name."""
    scopes: frozenset[str] | None = None
    """None: nobody is signed in."""
    role: str | None = None
    locale: str | None = None
    full_name: str | None = None
    fresh: bool = False
    """Gave the password a moment ago: may do what a borrowed browser must not."""


NOBODY: Final = Visitor()


def visitor() -> Visitor:
    """Who sent the present request, as the door found out."""
    return cast("Visitor", g.get("visitor", NOBODY))


def current_actor() -> Actor:
    """Who asked, for a command: to be called in a view that needs a permission."""
    who = visitor()
    if who.kind == "nobody":
        return Actor(kind="system", name="nobody", door="admin", request_id=request_id())
    door: Literal["api", "admin"] = "api" if who.kind == "token" else "admin"
    return Actor(kind=who.kind, name=who.name, door=door, id=who.id, request_id=request_id())


def request_id() -> str:
    """The id of the present request: in every log line, audit entry and error page of it."""
    return cast("str", g.get("request_id", ""))


def client_address() -> str | None:
    """Where the request came from; forwarded headers were only believed from trusted proxies."""
    return request.remote_addr


def is_api() -> bool:
    """Whether the request is for the API, and so is answered in its language: bearer tokens and problem+json."""
    return request.path.startswith(API_PREFIX) and request.path != DOCS


def identify() -> Visitor:
    """Find out who sent the request. Raises Unauthorized for a bearer token that is not good."""
    return _by_token() if is_api() else _by_session()


def _by_token() -> Visitor:
    header = request.headers.get("Authorization")
    if header is None:
        return NOBODY
    scheme, _, plaintext = header.partition(" ")
    bearer = tokens.identify(plaintext.strip()) if scheme.lower() == "bearer" else None
    if bearer is None:
        raise Unauthorized
    return Visitor("token", bearer.token_id, bearer.name, bearer.scopes, locale=bearer.locale)


def _by_session() -> Visitor:
    plaintext = request.cookies.get(cookie_name())
    found = sessions.find(plaintext) if plaintext else None
    if found is None:
        return NOBODY
    return Visitor(
        "user",
        found.user_id,
        found.email,
        SCOPES_OF[found.role],
        role=found.role,
        locale=found.locale,
        full_name=found.name,
        fresh=found.fresh,
    )


# --- the cookie ------------------------------------------------------------------------------------------------------


def over_tls() -> bool:
    """Whether cookies are for TLS only: always, except where MagFlow listens on this machine alone and is asked there
    without TLS."""
    return request.is_secure or current_app.config["MAGFLOW"].host not in LOOPBACK


def cookie_name() -> str:
    """`__Host-` binds the cookie to this host and to TLS; browsers refuse it on plain HTTP."""
    return "__Host-magflow" if over_tls() else "magflow"


def set_cookie(response: Response, plaintext: str) -> None:
    """Sign the browser in."""
    response.set_cookie(
        cookie_name(),
        plaintext,
        max_age=int(sessions.LONGEST.total_seconds()),
        path="/",
        secure=over_tls(),
        httponly=True,
        samesite="Lax",
    )


def clear_cookie(response: Response) -> None:
    """Sign the browser out."""
    response.delete_cookie(cookie_name(), path="/", secure=over_tls(), httponly=True, samesite="Lax")
