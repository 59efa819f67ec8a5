"""What the endpoints of imports read."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from flask import current_app, request
from marshmallow import fields

from magflow.db import db
from magflow.domain.border import MalformedJson, load_json
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.imports.choices import Choices, choices_from
from magflow.domain.imports.layouts import FORMATS, KINDS
from magflow.queries import imports
from magflow.services.imports import commands, files
from magflow.services.imports.commands import NewImport
from magflow.services.imports.files import LARGEST_FILE
from magflow.services.stock import LARGEST_STOCK
from magflow.web import border
from magflow.web.api import PageQuery
from magflow.web.border import Body, Boolean, Id, ListOf, Moment, Money, Nested, OneOf, Quantity, Query, Text

LARGEST_UPLOAD: Final = LARGEST_FILE + 2**20
"""The file, and the form around it."""
LONGEST_SOURCE: Final = commands.LONGEST_SOURCE


class File(fields.Field[Any]):
    """An uploaded file; for the description only."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"type": "string", "format": "binary"})


class UploadForm(Query):
    """The fields beside the file."""

    kind = OneOf(KINDS, required=True)
    format = OneOf(FORMATS, load_default="auto")
    source = Text(most=LONGEST_SOURCE, load_default="file")
    source_account = Text(most=LONGEST_SOURCE, load_default="default")
    dry_run = Boolean(load_default=False)
    choices = Text(most=60_000, metadata={"description": "JSON: mapping, match, mode, blank, stock, missing, …"})


class UploadBody(UploadForm):
    """The same with the file, for the description."""

    file = File()


class ImportsQuery(PageQuery):
    """The list of imports."""


class RowsQuery(PageQuery):
    """Which rows of an import."""

    outcome = OneOf(("created", "updated", "refused"), load_default="refused")


class ExportQuery(Query):
    """How an export is written."""

    format = OneOf(("magflow", "shopify", "woocommerce"), load_default="magflow")
    source = Text(most=LONGEST_SOURCE, load_default="file", metadata={"description": "Whose external ids are written"})
    source_account = Text(most=LONGEST_SOURCE, load_default="default")
    status = OneOf(("active", "inactive"))
    brand = Text()
    category = Text()
    text = Text(most=200, metadata={"description": "A part of the product's name or of the SKU"})


class StockExportQuery(Query):
    """Of which variants the stock is exported."""

    status = OneOf(("active", "inactive"))
    brand = Text()
    category = Text()
    text = Text(most=200, metadata={"description": "A part of the product's name or of the SKU"})


class OrdersExportQuery(Query):
    """Which orders are exported."""

    status = OneOf(("pending", "confirmed", "cancelled", "returned"))
    source = Text(most=LONGEST_SOURCE)
    source_account = Text(most=LONGEST_SOURCE)
    placed_from = Moment()
    placed_to = Moment(metadata={"description": "Orders that were placed before"})


class OffersExportQuery(Query):
    """Whose offers are exported."""

    source = Text(required=True, most=LONGEST_SOURCE)
    source_account = Text(required=True, most=LONGEST_SOURCE)


class NamedValue(Body):
    option_name = Text(required=True, most=100)
    option_value = Text(required=True, most=100)


class FeedRecordBody(Body):
    """One record of a feed: what it says of one variant. What is left out stays as it is."""

    source = Text(required=True, most=LONGEST_SOURCE)
    source_account = Text(most=LONGEST_SOURCE, load_default="default", metadata={"default": "default"})
    external_id = Text(required=True)
    product_id = Id()
    handle = Text(metadata={"description": "The product's handle, instead of its id"})
    product = Text(metadata={"description": "The product's handle or name, instead of its id"})
    sku = Text(most=120)
    title = Text()
    price = Money()
    stock = Quantity(least=0, most=LARGEST_STOCK)
    ean = Text(most=64)
    option_values = ListOf(Nested(NamedValue), most=20, load_default=list)


def home() -> Path:
    """The shop's home folder."""
    folder: Path = current_app.config["MAGFLOW"].home
    return folder


def uploaded(*, waits: bool = False) -> NewImport:
    """The import that a multipart form asks for: its file is stored and recognised.

    Columns that are not ours mean what they meant in the last file of their source, where a person has said so.
    `waits`: a person will look at the columns first, so that they need not be known.

    Raises Invalid (FileFault among them); then nothing is left behind.
    """
    sent = request.files.get("file")
    errors: list[FieldError] = []
    if sent is None or not sent.filename:
        errors.append(FieldError("file", "required"))
    unknown = [name for name in request.files if name != "file"]
    errors += [FieldError(name[:60], "unknown_field") for name in unknown]
    if errors or sent is None:
        raise Invalid(errors)
    values = border.load(UploadForm(), _fields())
    choices, remembered = _choices(values)
    db.session.remove()  # a large file takes longer than a transaction may wait
    stored = files.store(home(), sent.stream)
    return commands.take_in(
        home(),
        stored,
        filename=Path(sent.filename or "").name.replace("\x00", "") or "file.csv",
        kind=values["kind"],
        wanted=values["format"],
        source=values["source"],
        source_account=values["source_account"],
        dry_run=values["dry_run"],
        choices=choices,
        remembered=remembered,
        waits=waits,
    )


def _choices(values: dict[str, Any]) -> tuple[Choices, Choices | None]:
    """What was chosen now, and what was for the last file of the source."""
    if "choices" in values:
        return choices_from(_json(values["choices"])), None
    kept = imports.remembered(db.session(), values["kind"], values["source"], values["source_account"])
    return Choices(), choices_from(kept) if kept else None


def _json(text: str) -> dict[str, Any]:
    try:
        given = load_json(text.encode())
    except MalformedJson as error:
        raise Invalid([FieldError("choices", "not_a_mapping")]) from error
    if not isinstance(given, dict):
        raise Invalid([FieldError("choices", "not_a_mapping")])
    return given


NOT_FIELDS: Final = frozenset({"csrf_token", "form_key"})


def _fields() -> dict[str, str]:
    given = {name: value for name, value in request.form.items() if name not in NOT_FIELDS and value != ""}
    if twice := [name for name, values in request.form.lists() if len(values) > 1]:
        raise Invalid([FieldError(name[:60], "repeated", {"value": name[:60]}) for name in twice])
    return given


def upload_digest(command: NewImport) -> bytes:
    """What makes two uploads the same: the file's bytes and every field beside it."""
    digest = hashlib.sha256(command.stored.sha256)
    digest.update(json.dumps(sorted(_fields().items())).encode())
    return digest.digest()
