"""The door: who comes in, by which rules, and what every answer tells the browser (reliability 4.2 and 4.4).

One function runs before each request. It names the request, turns forgeries away, finds out who is asking, and lets
them through to what they may use; what declared no permission is served to nobody.
"""

import re
import secrets
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response as BaseResponse

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.roles import PUBLIC
from magflow.services import audit, rates
from magflow.settings import Settings
from magflow.web import auth
from magflow.web.errors import Forged
from magflow.web.permissions import allowed, permission_of

log = structlog.get_logger(__name__)

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_KEY: Final = 255
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

POLICY: Final = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'{nonce}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "manifest-src 'self'"
)
PLAIN_POLICY: Final = POLICY.format(nonce="")

HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
)
TRANSPORT: Final = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")

csrf = CSRFProtect()

View = TypeVar("View", bound=Callable[..., Any])


def init_app(app: Flask, settings: Settings) -> None:
    """Put the door in front of every request and the headers on every answer."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # the door asks for it, in its order
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session
    app.config["WTF_CSRF_SSL_STRICT"] = False  # the origin is checked for every request, not the referrer for some
    csrf.init_app(app)
    app.extensions["magflow.rate"] = rates.RateLimit(settings.api_rate)
    app.before_request(open_door)
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def open_door() -> BaseResponse | None:
    """Let the request in, or answer it here."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    endpoint = request.endpoint
    if endpoint is None:
        return None  # 404 and 405, answered by the router's own exception
    permission = permission_of(current_app, endpoint, request.method)
    if (limit := getattr(current_app.view_functions[endpoint], "largest_body", None)) is not None:
        request.max_content_length = limit
    if auth.is_api():
        return _api_door(permission)
    return _page_door(endpoint, permission)


WITHOUT_SESSION: Final = frozenset({"static", "health.healthz", "health.readyz", "health.metrics"})
"""What does not care who is asking, and so does not ask the database."""


def proves_itself(view: View) -> View:
    """A view that programs call, and that checks itself who calls: it has no form, no session and no cookie."""
    cast("Any", view).proves_itself = True
    return view


def _page_door(endpoint: str, permission: str | None) -> BaseResponse | None:
    if getattr(current_app.view_functions[endpoint], "proves_itself", False):
        return None
    if request.method not in SAFE:
        refuse_foreign_origin()
    if endpoint in WITHOUT_SESSION:
        return None
    g.visitor = auth.identify()
    if not allowed(permission, g.visitor.scopes):
        return _to_sign_in() if g.visitor.kind == "nobody" and permission is not None else _refuse(permission)
    # Only now: reading the form token means reading the form, and an upload can be long.
    if request.method not in SAFE:
        refuse_without_token()
    refuse_unfit_text()
    return None


def _api_door(permission: str | None) -> BaseResponse | None:
    if permission == PUBLIC:
        return None
    g.visitor = auth.identify()
    if g.visitor.kind == "nobody":
        abort(401)
    current_app.extensions["magflow.rate"].take(f"token:{g.visitor.id}")
    if allowed(permission, g.visitor.scopes):
        if request.args:
            _refuse_unread_query()
        if request.method == "POST" and (key := request.headers.get("Idempotency-Key")) is not None:
            _check_key(key)
        return None
    return _refuse(permission)


def _check_key(key: str) -> None:
    if len(key) > LONGEST_KEY:
        raise Invalid([FieldError("Idempotency-Key", "too_long", {"limit": LONGEST_KEY})])
    if not key.strip() or not key.isascii() or not key.isprintable():
        raise Invalid([FieldError("Idempotency-Key", "invalid")])


def _refuse_unread_query() -> None:
    """An endpoint that reads no query must not be sent one: a misspelled filter that is ignored shows everything."""
    view = current_app.view_functions[str(request.endpoint)]
    if not getattr(view, "takes_query", False):
        raise Invalid([FieldError(name[:60], "unknown_field") for name in request.args])


def _refuse(permission: str | None) -> NoReturn:
    if permission is None:
        log.error("endpoint without a permission", endpoint=request.endpoint)
    audit.note(auth.current_actor(), "access.refused", {"endpoint": request.endpoint, "needs": permission})
    abort(403)


def _to_sign_in() -> BaseResponse:
    """A stranger is shown the way in; what they sent is not repeated for them afterwards."""
    if request.method in SAFE:
        target = request.full_path if request.query_string else request.path
        return redirect(url_for("settings.sign_in", next=target if target != "/" else None), 302)
    return redirect(url_for("settings.sign_in"), 303)


def largest_body(size: int) -> Callable[[View], View]:
    """A limit of its own for the body of a route: an upload may be larger, a webhook must be smaller."""

    def declare(view: View) -> View:
        cast("Any", view).largest_body = size
        return view

    return declare


def refuse_foreign_origin() -> None:
    """The first of two independent checks: where the browser says that the request comes from. Raises Forged."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise Forged
    else:
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc != request.host or urlsplit(origin).scheme != request.scheme:
            raise Forged


def refuse_without_token() -> None:
    """The second: the token of one of our own forms. Raises Forged."""
    try:
        csrf.protect()
    except CSRFError as error:
        raise Forged from error


def refuse_unfit_text() -> None:
    """NUL is no text that a database can hold, wherever it stands. Raises Invalid with the field's name."""
    if "\x00" in request.path or b"%00" in request.query_string:
        names = [name for name, value in request.args.items(multi=True) if "\x00" in value] or ["address"]
        raise Invalid([FieldError(names[0].replace("\x00", "")[:60], "control_characters")])
    if request.method in SAFE or not request.mimetype.startswith("application/x-www-form"):
        return
    for name, value in request.form.items(multi=True):
        if "\x00" in value or "\x00" in name:
            raise Invalid([FieldError(name.replace("\x00", "")[:60], "control_characters")])


def csp_nonce() -> str:
    """The nonce of this answer: for the script and style elements of our own templates."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def add_headers(answer: Response) -> Response:
    """What every answer says to the browser, errors included."""
    nonce = g.get("csp_nonce")
    headers = answer.headers
    headers["Content-Security-Policy"] = POLICY.format(nonce=f" 'nonce-{nonce}'") if nonce else PLAIN_POLICY
    headers.extend(HEADERS)
    headers["X-Request-ID"] = auth.request_id()
    if request.is_secure:
        headers.add(*TRANSPORT)
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
        if not auth.is_api():
            answer.vary.add("Cookie")
    return answer


def safe_target(target: str | None) -> str:
    """Where a form may send people afterwards: a path of this site, else Home."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"} or len(target) > 2000:
        return "/"
    return "/" if any(ord(character) < 32 or character == "\x7f" for character in target) else target


def static_headers(headers: Any, _path: str, _url: str) -> None:
    """The same for static files, which the application does not see."""
    headers["Content-Security-Policy"] = PLAIN_POLICY
    for name, value in HEADERS:
        headers[name] = value
