"""Every answer that is not a success: problem+json for the API, a page for people; a traceback for nobody.

Refusals of services, HTTP errors of the framework, a database that is away and plain bugs all end here, so that all
of them have a stable code, a sentence and the request's id.
"""

import json
from typing import Any, Final

import psycopg
import structlog
from flask import Flask, Response, render_template, request
from flask.globals import request_ctx
from jinja2 import TemplateNotFound
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.sansio.response import Response as BaseResponse

from magflow.domain.errors import Invalid, Refused, RetryLater
from magflow.web import auth
from magflow.web.locale import _
from magflow.web.sentences import field_sentence, sentence, title_of

log = structlog.get_logger(__name__)

PROBLEM: Final = "application/problem+json"

CODE_OF_STATUS: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "payload_too_large",
    414: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
    431: "payload_too_large",
    500: "internal_error",
    503: "retry_later",
}


class Malformed(HTTPException):
    """The request cannot be read at all: broken JSON, a key twice, bytes that are no text."""

    code = 400


class Forged(HTTPException):
    """A request that changes something and does not come from one of our own pages."""

    code = 400


class NotJson(HTTPException):
    """The body is of a kind that this operation does not read."""

    code = 415


def init_app(app: Flask) -> None:
    """Answer every error of the application."""
    app.register_error_handler(Refused, answer_refused)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(psycopg.Error, answer_database)
    app.register_error_handler(DBAPIError, answer_database)
    app.register_error_handler(PoolTimeout, answer_database)
    app.register_error_handler(Exception, answer_bug)


def problem(refused: Refused) -> dict[str, Any]:
    """A refusal as the body of an RFC 9457 answer. The data of the refusal stand beside the standard members."""
    body = _problem(refused.code, refused.status, sentence(refused))
    body["errors"] = [
        {"field": error.field, "code": error.code, "message": field_sentence(error)}
        for error in getattr(refused, "errors", ())
    ]
    return {**refused.details(), **body}


def _problem(code: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"/api/v1/docs#{code}",
        "title": title_of(code),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
        "request_id": auth.request_id(),
    }


def problem_response(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The answer that carries a problem."""
    answer = Response(json.dumps(body, ensure_ascii=False, default=str), body["status"], mimetype=PROBLEM)
    answer.headers.update(headers or {})
    return answer


def answer_refused(refused: Refused) -> Response:
    """A service said no."""
    headers = {}
    retry_after = getattr(refused, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if wants_problem():
        return problem_response(problem(refused), headers)
    return _page(refused.status, sentence(refused), headers, retry_after)


def answer_http(error: HTTPException) -> BaseResponse:
    """The framework said no, or somebody called `abort`."""
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    if error.code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    reason = _reason(error)
    if wants_problem():
        body = _problem(CODE_OF_STATUS.get(error.code, "bad_request"), error.code, reason)
        return problem_response(body, headers)
    return _page(error.code, reason if isinstance(error, Malformed | NotJson | Forged) else None, headers)


def answer_database(error: Exception) -> Response:
    """A read met the database's end: away, too slow, or a value that it cannot hold."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, psycopg.DataError | UnicodeEncodeError):
        log.warning("unfit value reached a read", error=str(original).splitlines()[0])
        return answer_refused(Invalid())
    # A transaction that was ended for its length belongs to the server's "internal" errors, by its code only.
    ended = (getattr(original, "sqlstate", None) or "").startswith("25P0")
    away = ended or isinstance(original, psycopg.OperationalError | psycopg.InterfaceError)
    if not (away or isinstance(error, OperationalError | InterfaceError | PoolTimeout)):
        return answer_bug(error)
    log.warning(
        "database not available", error=str(original).splitlines()[0], sqlstate=getattr(original, "sqlstate", None)
    )
    return answer_refused(RetryLater("connection"))


def answer_bug(error: Exception) -> Response:
    """Ours. The log has everything, the answer a sentence and the id to find it by."""
    log.error("unexpected error", exc_info=error, path=request.path, method=request.method)
    detail = _("Something went wrong on our side. It was written down; nothing was changed.")
    if wants_problem():
        return problem_response(_problem("internal_error", 500, detail))
    return _page(500, None, {})


def wants_problem() -> bool:
    """Whether a program asked. Only programs deliver webhooks."""
    program = auth.is_api() or request.path.startswith("/webhooks/")
    return program or request.accept_mimetypes.best == "application/json"


def _reason(error: HTTPException) -> str:
    if isinstance(error, Malformed | NotJson) and error.description:
        return error.description
    if isinstance(error, Forged):
        return _("This form is no longer good: it is too old, or did not come from MagFlow. Load the page again.")
    if isinstance(error, RequestEntityTooLarge):
        return _("The request is larger than what is taken here.")
    sentences = {
        400: _("The request cannot be read; check how it was written."),
        401: _("A valid API token is needed: Authorization: Bearer mgf_…"),
        403: _("You are not allowed to do this; ask the owner of the shop for the right."),
        404: _("There is nothing at this address."),
        405: _("This address does not take this method."),
        413: _("The request is larger than what is taken here."),
        415: _("Send the body as application/json."),
        429: _("Too many requests; wait a moment."),
        503: _("MagFlow is not ready; try again in a moment."),
    }
    return sentences.get(error.code or 0, _("The request cannot be answered."))


def _page(status: int, reason: str | None, headers: dict[str, str], retry_after: int | None = None) -> Response:
    if request_ctx.url_adapter is None:
        # Asked under a name that is not ours: no page of ours has an address there.
        return Response(
            f"{reason or title_of(CODE_OF_STATUS.get(status, 'bad_request'))}\n", status, mimetype="text/plain"
        )
    for name in (f"errors/{status}.html", "errors/400.html" if status < 500 else "errors/500.html"):
        try:
            html = render_template(name, reason=reason, request_id=auth.request_id(), retry_after=retry_after)
        except TemplateNotFound:
            continue
        answer = Response(html, status, mimetype="text/html")
        answer.headers.update(headers)
        return answer
    raise TemplateNotFound("errors")
