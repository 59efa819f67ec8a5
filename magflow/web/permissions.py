"""Deny by default: a view function says what it needs, and one that says nothing is served to nobody.

    @blueprint.post("/orders/<int:order_id>/finalize")
    @requires("orders:write")
    def finalize(order_id: int) -> ResponseReturnValue: ...

Flask-Admin's views say it by class attributes:

    class OrderView(ReadView):
        permission = "orders:read"                        # every route of the view
        permissions = {"action_view": "orders:write"}     # but this one
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from flask import Flask
from werkzeug.routing import Rule

from magflow.domain.roles import PUBLIC, ROLES, SCOPES, SCOPES_OF, SELF

View = TypeVar("View", bound=Callable[..., Any])

API_PREFIX: Final = "/api/"
KNOWN: Final = frozenset({*SCOPES, PUBLIC, SELF})


def requires(permission: str) -> Callable[[View], View]:
    """Declare the scope that a view function needs: one of the API's scopes, or `self` for anybody signed in."""
    if permission not in KNOWN:
        raise ValueError(f"there is no permission {permission!r}; known are {', '.join(sorted(KNOWN))}")

    def declare(view: View) -> View:
        cast("Any", view).permission = permission
        return view

    return declare


def public(view: View) -> View:
    """Declare that a view function serves everybody, signed in or not."""
    cast("Any", view).permission = PUBLIC
    return view


def permission_of(app: Flask, endpoint: str, method: str = "GET") -> str | None:
    """What an endpoint was declared to need; None when it was forgotten, and nobody may use it."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return PUBLIC
    view: Any = app.view_functions.get(endpoint)
    owner = getattr(view, "__self__", None)  # Flask-Admin registers bound methods of its views
    if owner is not None and hasattr(owner, "blueprint"):
        name = endpoint.rpartition(".")[2]
        declared = getattr(owner, "permissions", {}).get(name) or getattr(owner, "permission", None)
        return cast("str | None", declared)
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        handler = getattr(view_class, method.lower(), None) or getattr(view_class, "get", None)
        return cast("str | None", getattr(handler, "permission", None) or getattr(view_class, "permission", None))
    return cast("str | None", getattr(view, "permission", None))


def allowed(permission: str | None, scopes: frozenset[str] | None) -> bool:
    """Whether somebody with these scopes (None: nobody is signed in) may use what needs this permission."""
    if permission == PUBLIC:
        return True
    if permission is None or scopes is None:
        return False
    return permission == SELF or permission in scopes


@dataclass(frozen=True)
class Access:
    """One cell of the access table: a way in, and what each role and a stranger get there."""

    rule: str
    endpoint: str
    method: str
    permission: str | None
    arguments: frozenset[str]
    granted: frozenset[str]
    """The roles that are let through; `nobody` among them when strangers are."""
    refusal: int
    """What a stranger gets: 302 to the sign-in page for a page, 303 for an unsafe method, 401 for the API."""


NOBODY: Final = "nobody"


def access_table(app: Flask) -> Iterator[Access]:
    """Every route and method of the application with its permission, for the documentation and the test."""
    for rule in app.url_map.iter_rules():
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}):
            permission = permission_of(app, rule.endpoint, method)
            granted = {role for role in ROLES if allowed(permission, SCOPES_OF[role])}
            if allowed(permission, None):
                granted.add(NOBODY)
            yield Access(
                rule.rule,
                rule.endpoint,
                method,
                permission,
                frozenset(rule.arguments),
                frozenset(granted),
                _refusal(rule, method),
            )


def _refusal(rule: Rule, method: str) -> int:
    if rule.rule.startswith(API_PREFIX):
        return 401
    return 302 if method == "GET" else 303
