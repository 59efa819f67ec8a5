"""The grid: all variants of a product on one page, edited in place; the page, its rows, its checks and its saves.

The page and its scripts speak JSON here, under the session and with the form token in the header `X-CSRFToken`. Each
save carries an `Idempotency-Key`: sent again because its answer was lost, it takes effect once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from flask import Blueprint, Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.border import Unfit
from magflow.domain.errors import (
    CombinationTaken,
    FieldError,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    Refused,
    SkuTaken,
)
from magflow.domain.grid import FIELDS, LARGEST_SAVE, Problem, Row, RowEdit, Typed
from magflow.queries import catalogue, images
from magflow.queries import grid as rows_of
from magflow.services import grid, idempotency
from magflow.services.grid import RowAnswer, SaveCells
from magflow.web import border
from magflow.web.api import json_body
from magflow.web.auth import current_actor, visitor
from magflow.web.errors import problem, problem_response
from magflow.web.forms import form_key, show
from magflow.web.locale import _, _l, current, decimal_sign
from magflow.web.permissions import allowed, requires
from magflow.web.security import largest_body
from magflow.web.sentences import FIELD, add_sentences, field_sentence, sentence

blueprint = Blueprint("grid", __name__)

LARGEST_BODY: Final = 4 * 2**20
"""Two thousand rows with every cell changed."""
LONGEST_CELL: Final = 2_000

add_sentences(
    {
        "ean_digits": _l("A barcode (EAN) has digits only."),
        "ean_exponent": _l("A spreadsheet cut this barcode short; copy it again as text."),
        "ean_length": _l("A barcode (EAN) has 8, 12, 13 or 14 digits; this one has %(length)s."),
        "ean_check_digit": _l("The last digit of this barcode (EAN) does not fit; check it again."),
        "stock_short": _l("The stock is %(stock)s by now; it cannot fall below zero."),
    }
)

LOCAL: Final = (
    "required", "too_long", "control_characters", "not_an_integer", "not_a_number", "too_many_decimals", "out_of_range",
    "below_zero", "ean_digits", "ean_exponent", "ean_length", "ean_check_digit",
)  # fmt: skip
"""What the page itself notices while somebody types, in the words of the server."""


class CellText(border.BorderField):
    """The text of a cell, to the letter: what is wrong with it is said at that cell, not about the whole request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(documented={"type": "string", "maxLength": LONGEST_CELL}, **options)

    def convert(self, value: object, as_text: bool) -> str:  # noqa: ARG002 - the base's signature
        """Any text that is not absurdly long."""
        if not isinstance(value, str):
            raise Unfit("not_text")
        if len(value) > LONGEST_CELL:
            raise Unfit("too_long", limit=LONGEST_CELL)
        return value


class CellIn(border.Body):
    """One changed cell. `seen` is what stood there; `add`: a difference to the stock instead of a count."""

    text = CellText(required=True)
    seen = CellText()
    add = border.Boolean()


class RowIn(border.Body):
    id = border.Id(required=True)
    version = border.Integer(required=True, least=1)
    sku = border.Nested(CellIn)
    title = border.Nested(CellIn)
    price = border.Nested(CellIn)
    compare_at_price = border.Nested(CellIn)
    stock = border.Nested(CellIn)
    ean = border.Nested(CellIn)
    status = border.Nested(CellIn)


class SaveIn(border.Body):
    rows = border.ListOf(border.Nested(RowIn), most=LARGEST_SAVE, least=1, required=True)


class RowsQuery(border.Query):
    after = border.Integer(least=0, most=2**63 - 1)


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


@blueprint.get("/products/<int:product_id>/grid")
@requires("catalog:read")
def page(product_id: int) -> ResponseReturnValue:
    """The page; its rows come by themselves."""
    product = catalogue.product(reading(), product_id)
    return show("variants/grid.html", product=product, setup=_setup(product_id))


def _setup(product_id: int) -> dict[str, Any]:
    """What the scripts need to know."""
    may = {scope: allowed(scope, visitor().scopes) for scope in ("catalog:write", "stock:write")}
    return {
        "rows": url_for("grid.rows", product_id=product_id),
        "save": url_for("grid.save", product_id=product_id),
        "check": url_for("grid.check", product_id=product_id),
        "variant": url_for("variants.page", variant_id=0),
        "icons": url_for("static", filename="img/icons.svg"),
        "sign": decimal_sign(),
        "locale": current(),
        "editable": [name for name in FIELDS if may["stock:write" if name == "stock" else "catalog:write"]],
        "most": LARGEST_SAVE,
        "words": {code: str(FIELD[code]) for code in LOCAL},
        "pictures": rows_of.has_pictures(reading(), product_id),
    }


@blueprint.get("/products/<int:product_id>/grid/rows")
@requires("catalog:read")
def rows(product_id: int) -> Response:
    """The variants behind `after`: `[id, version, combination, cells...]` each, the cells as text.

    `pictures` are the addresses of small pictures, `shown` the place of each row's among them, -1 for none: a picture
    that two thousand variants share is written once.
    """
    query = border.load(RowsQuery(), request.args.to_dict())
    catalogue.product(reading(), product_id)
    found = rows_of.page(reading(), product_id, after=query.get("after") or 0)
    listed = [[row.id, row.version, found.labels.get(row.id, ""), *_cells(row)] for row in found.rows]
    pictures, shown = _pictures([row.id for row in found.rows])
    return _json({"fields": FIELDS, "rows": listed, "next": found.next_after, "pictures": pictures, "shown": shown})


def _pictures(ids: Sequence[int]) -> tuple[list[str], list[int]]:
    covers = images.covers_of_variants(reading(), ids)
    places: dict[int, int] = {}
    addresses: list[str] = []
    for cover in covers.values():
        if cover.id not in places:
            places[cover.id] = len(addresses)
            addresses.append(url_for("images.file", image_id=cover.id, sha256=cover.sha256, size="thumbnail"))
    return addresses, [places[covers[id_].id] if id_ in covers else -1 for id_ in ids]


def _cells(row: Row) -> list[str]:
    return [row.text(name) for name in FIELDS]


@blueprint.post("/products/<int:product_id>/grid/check")
@requires("stock:write")
@largest_body(LARGEST_BODY)
def check(product_id: int) -> Response:
    """What saving these cells would answer, for the preview of a pasted block."""
    return _json({"rows": _answered(grid.check_cells(reading(), _command(product_id)))})


@blueprint.post("/products/<int:product_id>/grid")
@requires("stock:write")
@largest_body(LARGEST_BODY)
def save(product_id: int) -> Response:
    """Save changed cells, each row whole or not at all."""
    command = _command(product_id)
    db.session.remove()
    actor = current_actor()

    def work(session: Session) -> idempotency.Answer:
        answers = grid.save_cells.within(session, command, actor=actor)
        return idempotency.Answer(200, _body({"rows": _answered(answers)}), {})

    key = request.headers.get("Idempotency-Key", "") or form_key()
    digest = hashlib.sha256(request.path.encode() + b"\0" + request.get_data(cache=True)).digest()
    keyed = idempotency.KeyedRequest("POST", str(request.url_rule), key[:255], digest, work, _undo)
    try:
        kept = idempotency.once(keyed, actor=actor)
    except (IdempotencyInProgress, IdempotencyKeyReused) as refused:
        return problem_response(problem(refused))
    return Response(kept.body, kept.status, mimetype="application/json")


def _undo(refused: Refused) -> idempotency.Answer:
    raise refused


def _command(product_id: int) -> SaveCells:
    data = border.load(SaveIn(), json_body())
    edits = [
        RowEdit(
            row["id"],
            row["version"],
            {
                name: Typed(row[name]["text"], row[name].get("seen", ""), bool(row[name].get("add")))
                for name in FIELDS
                if name in row
            },
        )
        for row in data["rows"]
    ]
    if any(name != "stock" for edit in edits for name in edit.cells) and not allowed("catalog:write", visitor().scopes):
        abort(403)
    return SaveCells(product_id, edits)


# --- answers ----------------------------------------------------------------------------------------------------------


def _answered(answers: Sequence[RowAnswer]) -> list[dict[str, Any]]:
    return [
        {
            "id": answer.variant_id,
            "state": answer.state,
            "version": answer.row.version if answer.row else None,
            "cells": _cells(answer.row) if answer.row else None,
            "problems": {name: _said(name, found) for name, found in answer.problems.items()},
        }
        for answer in answers
    ]


def _said(name: str, found: Problem) -> dict[str, Any]:
    """A problem with its sentence; a conflict with what stands there now, a taken combination with who has it."""
    said: dict[str, Any] = {"code": found.code, "message": _sentence(name, found)}
    if found.now is not None:
        said["now"] = found.now
    if "id" in found.params:
        said["other"] = found.params["id"]
    return said


def _sentence(name: str, found: Problem) -> str:
    if found.code == "conflict" and name == "stock":
        return _("The stock changed since you saw it: it was sold or counted meanwhile.")
    if found.code == "conflict":
        return _("Somebody saved another value here since you opened the page.")
    if found.code == "sku_taken":
        return sentence(SkuTaken(found.params["sku"]))
    if found.code == "combination_taken":
        return sentence(CombinationTaken(found.params["id"], found.params["sku"]))
    return field_sentence(FieldError(name, found.code, dict(found.params)))


def _body(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _json(data: Mapping[str, Any]) -> Response:
    return Response(_body(data), mimetype="application/json")
