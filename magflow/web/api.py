"""The JSON API under /api/v1: what every endpoint shares.

An endpoint says what it needs, what it reads, what it answers, and which service does it:

    api = ApiBlueprint("api_orders", description="Orders and their lines")

    class AddItemIn(Body):
        variant_id = Id()
        sku = Text()
        quantity = Quantity(required=True)

    @api.post("/orders/<int:order_id>/items")
    @requires("orders:write")
    @api.reads(AddItemIn)
    @api.answers(ItemOut, status=201, description="The line as it stands now")
    def add_item(data: dict[str, Any], order_id: int) -> Response:
        \"\"\"Put a variant on a pending order.\"\"\"
        command = AddItem(order_id, NewItem(**data))
        return perform(orders.add_item, command, present=lambda session, done: item_json(done), created=True)

    @api.get("/orders")
    @requires("orders:read")
    @api.filters(OrdersQuery)                   # a PageQuery: limit and cursor are in it
    @api.answers(OrderOut, many=True)
    def list_orders(query: dict[str, Any]) -> Response:
        page = orders_page(db.session, after=query["cursor"], limit=query["limit"], status=query.get("status"))
        return success([order_json(o) for o in page.rows], meta=page_meta(page.total, page.last_key))

`perform` runs the service alone, or, with an `Idempotency-Key`, joined to the transaction that keeps the answer. What
is documented is what is read: unknown fields are refused. Answers are built by plain functions; schemas describe them.
"""

import base64
import binascii
import hashlib
import json
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar, cast

import flask_smorest
from flask import Response, request
from marshmallow import Schema
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, MalformedJson, Unfit, load_json, text
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.services import idempotency
from magflow.web import border
from magflow.web.auth import current_actor
from magflow.web.errors import PROBLEM, Malformed, NotJson, problem
from magflow.web.locale import _

P = ParamSpec("P")
C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])

PREFIX: Final = "/api/v1"
DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200


class Service(Protocol[C_contra, R_co]):
    """What `magflow.concurrency.transactional` makes of a function."""

    def __call__(self, command: C_contra, /, *, actor: Actor) -> R_co: ...

    def within(self, session: Session, command: C_contra, /, *, actor: Actor) -> R_co: ...


# --- answers ---------------------------------------------------------------------------------------------------------


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be part of an answer")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, check_circular=False).encode


def utc(moment: datetime) -> str:
    """A time as answers write it: UTC, ISO 8601."""
    offset = moment.utcoffset()
    if offset:
        moment = moment - offset
    return moment.replace(tzinfo=None).isoformat() + "Z"


def encode(data: object, meta: Mapping[str, Any] | None = None) -> bytes:
    """The envelope around every 2xx answer. Decimals become text: money has two places where it was rounded."""
    return f'{{"status":"success","data":{_encode(data)},"meta":{_encode(meta or {})}}}'.encode()


def success(data: object, *, meta: Mapping[str, Any] | None = None, status: int = 200) -> Response:
    """A 2xx answer."""
    return Response(encode(data, meta), status, mimetype="application/json")


def perform(
    service: Service[C, R],
    command: C,
    *,
    present: Callable[[Session, R], Any],
    created: bool | Callable[[R], bool] = False,
    meta: Callable[[R], Mapping[str, Any]] | None = None,
    status: int | Callable[[R], int] | None = None,
    file_sha256: bytes = b"",
) -> Response:
    """Run a service for a request and answer with `present(session, result)`: 201 where it created, else 200.

    `present` may read through the session it is given; what the result holds already it need not read again.
    With an Idempotency-Key the service, what `present` reads and the kept answer are one transaction.
    `file_sha256`: the digest of an uploaded file, which is no part of the body that is compared.
    """

    def answer(session: Session, result: R) -> idempotency.Answer:
        new = created(result) if callable(created) else created
        code = (status(result) if callable(status) else status) or (201 if new else 200)
        return idempotency.Answer(code, encode(present(session, result), meta(result) if meta else None), {})

    actor = current_actor()
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return _sent(answer(cast("Session", db.session), service(command, actor=actor)))
    return _sent(
        idempotency.once(
            idempotency.KeyedRequest(
                request.method,
                str(request.url_rule),
                key,
                _fingerprint(file_sha256),
                lambda session: answer(session, service.within(session, command, actor=actor)),
                _refusal,
            ),
            actor=actor,
        )
    )


def _sent(answer: idempotency.Answer) -> Response:
    mimetype = "application/json" if answer.status < 400 else PROBLEM
    sent = Response(answer.body, answer.status, mimetype=mimetype)
    if answer.headers:
        sent.headers.update(answer.headers)
    if answer.replayed:
        sent.headers["Idempotent-Replay"] = "true"
    return sent


def _refusal(refused: Refused) -> idempotency.Answer:
    body = problem(refused)
    return idempotency.Answer(body["status"], json.dumps(body, ensure_ascii=False, default=str).encode(), {})


def _fingerprint(file_sha256: bytes) -> bytes:
    """What makes two requests the same: method, address, and the body whatever the order of its keys."""
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    body = request.get_data(cache=True) if not file_sha256 else b""
    if body and request.is_json:
        body = json.dumps(load_json(body), sort_keys=True, ensure_ascii=False, default=str).encode()
    digest.update(body)
    digest.update(file_sha256)
    return digest.digest()


# --- lists -----------------------------------------------------------------------------------------------------------


class Cursor(border.BorderField):
    """Where the last page ended: opaque text that `page_meta` made, read back as the list of its keys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "maxLength": 500}, **options)

    def convert(self, value: object, as_text: bool) -> list[Any]:  # noqa: ARG002
        return read_cursor(value)


class PageQuery(border.Query):
    """What every list takes. Its own filters are added by a subclass."""

    limit = border.Integer(
        least=1,
        most=LARGEST_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "How many at most on this page", "default": DEFAULT_LIMIT},
    )
    cursor = Cursor(
        load_default=None, allow_none=False, metadata={"description": "`meta.next_cursor` of the last page"}
    )


def make_cursor(keys: Sequence[Any]) -> str:
    """The sort keys of the last row of a page, as text to hand out."""
    return base64.urlsafe_b64encode(_encode(list(keys)).encode()).decode().rstrip("=")


def read_cursor(value: object) -> list[Any]:
    """The keys in a cursor; everything in it is checked by the query that uses it. Raises Unfit."""
    if not isinstance(value, str) or not value or len(value) > 500 or not value.isascii():
        raise Unfit("invalid")
    try:
        keys = load_json(base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, MalformedJson) as error:
        raise Unfit("invalid") from error
    if not isinstance(keys, list) or not 1 <= len(keys) <= 4:
        raise Unfit("invalid")
    for key in keys:
        if isinstance(key, str):
            text(key, least=0)
        elif isinstance(key, bool) or not isinstance(key, int) or not 0 <= key <= INT64_MAX:
            raise Unfit("invalid")
    return keys


def id_after(query: Mapping[str, Any]) -> int:
    """For lists that are sorted by id alone: the id behind which the page starts, 0 for the first."""
    keys = query.get("cursor")
    if keys is None:
        return 0
    if len(keys) != 1 or not isinstance(keys[0], int):
        raise Invalid([FieldError("cursor", "invalid")])
    return int(keys[0])


def page_meta(total: int, next_keys: Sequence[Any] | None, *, estimated: bool = False) -> dict[str, Any]:
    """`meta` of a list: the total, and the cursor of the next page; None when this is the last."""
    meta: dict[str, Any] = {"total": total, "next_cursor": make_cursor(next_keys) if next_keys else None}
    if estimated:
        meta["total_is_estimate"] = True
    return meta


# --- requests --------------------------------------------------------------------------------------------------------


def json_body() -> Any:
    """The JSON value of the request. Raises NotJson (415) and Malformed (400)."""
    if not request.is_json:
        raise NotJson(_("Send the body as application/json."))
    try:
        return load_json(request.get_data(cache=True))
    except MalformedJson as error:
        raise Malformed(_("The body is not JSON that can be relied on: %(reason)s.", reason=str(error))) from error


def query_values() -> dict[str, str]:
    """What stands behind the question mark. Raises Invalid when a name stands there twice, or is no UTF-8."""
    for part in request.query_string.split(b"&"):
        field, _equals, value = part.partition(b"=")
        try:
            urllib.parse.unquote_to_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise Invalid([FieldError(field.decode("ascii", "replace")[:60], "not_unicode")]) from error
    values: dict[str, str] = {}
    for name, given in request.args.lists():
        if len(given) > 1:
            raise Invalid([FieldError(name[:60], "repeated", {"value": name[:60]})])
        values[name] = given[0]
    return values


def refuse_long(schema: Schema, values: Mapping[str, str]) -> None:
    """A form forgives blanks around what was typed; a program means them, and the description counts them."""
    errors = [
        FieldError(name, "too_long", {"limit": field.most})
        for name, field in schema.fields.items()
        if isinstance(field, border.Text) and len(values.get(name, "")) > field.most
    ]
    if errors:
        raise Invalid(errors)


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """The endpoints of an area. Its addresses are written from behind /api/v1."""

    def __init__(self, name: str, import_name: str = __name__, *, description: str = "") -> None:
        super().__init__(name, import_name, description=description)
        self._prepare_doc_cbks.append(_describe_answers)

    if TYPE_CHECKING:  # flask-smorest has no types; without these every endpoint would lose its own

        def get(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def post(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def put(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def patch(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def delete(self, rule: str, **options: Any) -> Callable[[V], V]: ...

    def reads(
        self, schema: type[border.Body], *, required: bool = True
    ) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """The JSON body; its values are the first argument of the endpoint. Not required: {} when there is none."""
        instance = schema()

        def decorate(view: Callable[..., T]) -> Callable[..., T]:
            @wraps(view)
            def reading(*args: Any, **kwargs: Any) -> T:
                given = {} if not required and not request.get_data(cache=True) else json_body()
                return view(border.load(instance, given), *args, **kwargs)

            _document(reading, {"in": "json", "required": required, "schema": schema})
            return reading

        return decorate

    def filters(self, schema: type[border.Query]) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """What may stand behind the question mark; its values are the first argument of the endpoint."""
        instance = schema()

        def decorate(view: Callable[..., T]) -> Callable[..., T]:
            @wraps(view)
            def reading(*args: Any, **kwargs: Any) -> T:
                values = query_values()
                refuse_long(instance, values)
                return view(border.load(instance, values), *args, **kwargs)

            _document(reading, {"in": "query", "required": False, "schema": schema})
            cast("Any", reading).takes_query = True
            return reading

        return decorate

    def answers(
        self,
        schema: type[Schema] | None,
        *,
        status: int | Sequence[int] = 200,
        many: bool = False,
        description: str = "Done",
    ) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Describe the `data` of a success. It is not run: a plain function builds the answer."""
        statuses = [status] if isinstance(status, int) else list(status)

        def decorate(view: Callable[..., T]) -> Callable[..., T]:
            notes = deepcopy(getattr(view, "_apidoc", {}))
            notes["magflow"] = {"schema": schema, "many": many, "statuses": statuses, "description": description}
            cast("Any", view)._apidoc = notes
            return view

        return decorate


def _document(view: Callable[..., Any], parameter: dict[str, Any]) -> None:
    notes = deepcopy(getattr(view, "_apidoc", {}))
    notes.setdefault("arguments", {}).setdefault("parameters", []).append(parameter)
    cast("Any", view)._apidoc = notes


def _describe_answers(doc: dict[str, Any], doc_info: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """What `answers` said, in the envelope, for the description."""
    notes = doc_info.get("magflow")
    if notes is None:
        return doc
    data: Any = notes["schema"] or {"type": ["object", "null"]}
    if notes["many"]:
        data = {"type": "array", "items": data}
    meta = META_OF_LISTS if notes["many"] else {"type": "object"}
    envelope = {
        "type": "object",
        "required": ["status", "data", "meta"],
        "properties": {"status": {"type": "string", "enum": ["success"]}, "data": data, "meta": meta},
    }
    for status in notes["statuses"]:
        doc.setdefault("responses", {})[str(status)] = {
            "description": notes["description"],
            "content": {"application/json": {"schema": deepcopy(envelope)}},
        }
    doc["responses"].pop("422", None)
    return doc


META_OF_LISTS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["total", "next_cursor"],
    "properties": {
        "total": {"type": "integer", "minimum": 0},
        "total_is_estimate": {"type": "boolean"},
        "next_cursor": {"type": ["string", "null"]},
    },
}
