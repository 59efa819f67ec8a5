"""What every page shares: the navigation, who is signed in, the language menu; and how a page runs a service."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from flask import Flask, current_app, flash, request, url_for
from werkzeug.routing import BuildError

from magflow.domain.errors import Refused
from magflow.web import auth, locale
from magflow.web.areas import Area, MenuEntry
from magflow.web.permissions import allowed
from magflow.web.sentences import sentence

T = TypeVar("T")

MENU: Final = "magflow.menu"


def init_app(app: Flask, areas: Sequence[Area]) -> None:
    """Give the templates what `base.html` asks for."""
    app.extensions[MENU] = sorted((entry for area in areas for entry in area.menu), key=lambda entry: entry.position)
    app.context_processor(shell)
    app.jinja_env.globals["url_or_none"] = url_or_none


def shell() -> dict[str, Any]:
    """The context of the frame around a page. Nothing here may ask a database that could be away."""
    who = auth.visitor()
    context: dict[str, Any] = {
        "locale": locale.current(),
        "locales": locale.LANGUAGES,
        "locale_url": url_or_none("settings.choose_language"),
        "request_id": auth.request_id(),
        "may": lambda permission: allowed(permission, who.scopes),
    }
    if who.kind == "user":
        context |= {
            "nav": list(navigation()),
            "current_user": {"email": who.name, "name": who.full_name, "role": who.role},
            "sign_out_url": url_or_none("settings.sign_out"),
            "profile_url": url_or_none("settings.profile"),
            "search_url": url_or_none("search.results"),
            "suggest_url": url_or_none("search.suggest"),
        }
    return context


def navigation() -> list[dict[str, Any]]:
    """The lines of the menu for whoever is signed in."""
    scopes = auth.visitor().scopes
    entries: list[MenuEntry] = current_app.extensions[MENU]
    shown = [
        (entry, url) for entry in entries if allowed(entry.permission, scopes) and (url := url_or_none(entry.endpoint))
    ]
    here = max((url for _entry, url in shown if _within(url)), key=len, default=None)
    return [
        {
            "label": entry.label,
            "url": url,
            "icon": entry.icon,
            "count": entry.badge() if entry.badge else 0,
            "active": url == here,
        }
        for entry, url in shown
    ]


def _within(url: str) -> bool:
    return request.path == url or (url != "/" and request.path.startswith(url.rstrip("/") + "/"))


def url_or_none(endpoint: str, **arguments: Any) -> str | None:
    """The address of an endpoint; None where its area is not installed."""
    try:
        return url_for(endpoint, **arguments)
    except BuildError:
        return None


def attempt(work: Callable[[], T], done: str | Callable[[T], str]) -> T | None:
    """Run a service for a page: flash what was done, or, in words, why not; its result, None when it was refused."""
    try:
        result = work()
    except Refused as refused:
        flash(sentence(refused), "error")
        return None
    flash(done(result) if callable(done) else done, "success")
    return result
