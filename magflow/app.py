"""The one place where everything meets: settings, database, areas, API, admin, languages, the door."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final, cast

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_migrate import Migrate
from werkzeug.routing import IntegerConverter

from magflow import concurrency
from magflow.db import db
from magflow.postgres import migrate
from magflow.services import credentials, subscriptions
from magflow.services.imports import feeds
from magflow.services.notifications import setup as notifications
from magflow.settings import Settings, share
from magflow.web import auth, database, errors, health, locale, logs, openapi, pages, security, static
from magflow.web.admin import make_admin
from magflow.web.areas import Area, check_names, load_areas
from magflow.web.permissions import API_PREFIX
from magflow.web.proxies import TrustedProxies

LARGEST_BODY: Final = 2 * 1024 * 1024
LARGEST_FORM_PART: Final = 500_000
MOST_FORM_PARTS: Final = 1000


class Id(IntegerConverter):
    """`<int:…>` of our addresses: ASCII digits that a bigint can hold. Anything else is not found.

    All of it is said by the expression: an address that only the conversion refuses counts as one that exists, and is
    answered with 405 where another method is taken.
    """

    regex = r"[0-9]{1,18}"


class FormCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, for the form token and the messages of the next page; who is signed in is not in it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The cookie's content; the API and static files have none, and do not look."""
        if request.path.startswith(API_PREFIX) and request.path != auth.DOCS:
            return self.make_null_session(app)
        return super().open_session(app, request)

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Bound to the host and to TLS, as the session's."""
        return f"{auth.cookie_name()}-form"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - as above
        """Only over TLS, except on a machine that talks to itself."""
        return auth.over_tls()


class MagRequest(Request):
    """A request with the limits of forms; the size of the whole body is in the settings, or the route's own."""

    max_form_memory_size = LARGEST_FORM_PART
    max_form_parts = MOST_FORM_PARTS


class MagFlow(Flask):
    """The application."""

    request_class = MagRequest
    session_interface = FormCookie()


def create_app(settings: Settings, *, areas: Sequence[Area] | None = None, role: database.Role = "web") -> Flask:
    """A new application. It starts without a database, says so at /readyz, and recovers by itself.

    `areas`: instead of all installed ones, for tests. Raises AreaBroken, SettingsError.
    """
    found = list(load_areas()) if areas is None else list(areas)
    check_names(found)
    logs.configure(settings)
    folder = share("static")
    app = MagFlow(
        "magflow",
        static_folder=None,
        template_folder=str(share("templates")),
        root_path=str(folder.parent),
    )
    app.url_map.converters["int"] = Id
    _configure(app, settings)
    _serve_static(app, settings)
    database.configure(app, settings, role)
    db.init_app(app)
    # For developers (`flask --app wsgi db`); a shop migrates through `magflow db`, which minds roles and others.
    Migrate(app, db, directory=str(share("migrations")))
    database.watch(app)
    credentials.configure(settings.credentials_keys)
    subscriptions.allowed[:] = feeds.allowed[:] = settings.outgoing_allow
    notifications.configure(settings)
    concurrency.Held.strict = settings.env != "production"
    locale.init_app(app, settings)
    health.init_app(app)
    security.init_app(app, settings)
    errors.init_app(app)
    app.extensions["magflow.schema_head"] = cache(migrate.head)
    _add_areas(app, found)
    pages.init_app(app, found)
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        MAGFLOW=settings,
        SECRET_KEY=settings.secret_key,
        TESTING=settings.env == "testing",
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        TRUSTED_HOSTS=_trusted_hosts(settings),
        TRAP_HTTP_EXCEPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
        TEMPLATES_AUTO_RELOAD=settings.env == "development",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]


def _trusted_hosts(settings: Settings) -> list[str] | None:
    """Names under which MagFlow answers. One that listens on its own machine alone answers to no outside name: else
    any page on the internet could give its own name our address, and read what we say."""
    if settings.trusted_hosts:
        return list(settings.trusted_hosts)
    if settings.host in auth.LOOPBACK and not settings.trusted_proxies:
        return ["localhost", "127.0.0.1", "[::1]"]
    return None


def _serve_static(app: Flask, settings: Settings) -> None:
    folder = share("static")
    app.static_folder = str(folder)
    app.static_url_path = static.address(folder, settings)
    app.add_url_rule(
        f"{app.static_url_path}/<path:filename>",
        endpoint="static",
        view_func=lambda filename: cast("Any", app.send_static_file(filename)),
    )
    static.serve(app, folder, settings)


def _add_areas(app: Flask, areas: Sequence[Area]) -> None:
    api = openapi.make_api(app)
    admin = make_admin(app)
    for area in areas:
        for blueprint in area.blueprints:
            app.register_blueprint(blueprint)
        for blueprint in area.api:
            openapi.mount(api, blueprint)
        for view in area.admin_views():
            admin.add_view(view)
    app.extensions["magflow.areas"] = tuple(areas)
