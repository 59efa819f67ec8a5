"""The API of imports and exports."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar, cast

from flask import Response, stream_with_context

from magflow.blueprints.imports import answers, exporting, report, requests
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import catalogue, imports
from magflow.services import feeds
from magflow.services.feeds import FeedRecord
from magflow.services.imports import commands, files, offers, undo
from magflow.services.imports.commands import Rerun
from magflow.services.imports.undo import UndoImport
from magflow.web.answers import listed
from magflow.web.api import ApiBlueprint, id_after, perform, success
from magflow.web.auth import current_actor
from magflow.web.permissions import requires
from magflow.web.security import largest_body

View = TypeVar("View", bound=Callable[..., Any])

api = ApiBlueprint("api_imports", __name__, description="Imports, exports and feeds")

SCHEMAS: Final[dict[str, Any]] = {"csv": {"type": "string"}, "xlsx": {"type": "string", "format": "binary"}}


def sends(kind: str) -> Callable[[View], View]:
    """The description of an endpoint that sends a file: `csv` or `xlsx`."""
    said = {200: {"description": "The file", "content": {exporting.MIMES[kind]: {"schema": SCHEMAS[kind]}}}}

    def decorate(view: View) -> View:
        return cast("View", api.doc(responses=said)(view))

    return decorate


def sent_file(pieces: Iterator[bytes], name: str, kind: str) -> Response:
    """A file, as it is made."""
    answer = Response(stream_with_context(pieces), mimetype=exporting.MIMES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def _takes_upload(view: View) -> View:
    notes = getattr(view, "_apidoc", {})
    part = {"in": "files", "required": True, "schema": requests.UploadBody}
    notes.setdefault("arguments", {}).setdefault("parameters", []).append(part)
    cast("Any", view)._apidoc = notes
    return view


def _present(_session: Any, row: Any) -> dict[str, Any]:
    return answers.import_json(imports.one(_session, row.id))


@api.get("/imports")
@requires("imports:read")
@api.filters(requests.ImportsQuery)
@api.answers(answers.ImportOut, many=True, description="Imports, newest first")
def list_imports(query: dict[str, Any]) -> Response:
    """List imports."""
    page = imports.listed(db.session(), after=id_after(query) or None, limit=query["limit"])
    return listed([answers.import_json(state) for state in page.rows], page)


@api.post("/imports")
@requires("imports:write")
@largest_body(requests.LARGEST_UPLOAD)
@_takes_upload
@api.answers(answers.ImportOut, status=202, description="The import; it runs in the background")
def create_import() -> Response:
    """Upload a file and import it in the background.

    What is wrong with the file as a whole is refused at once; what is wrong with a row is told by the import.
    """
    command = requests.uploaded()
    try:
        if command.kind == "offers":
            offers.check_account(command.source, command.source_account, actor=current_actor())
        answer = perform(
            commands.register,
            command,
            present=_present,
            status=202,
            file_sha256=requests.upload_digest(command),
        )
    except BaseException:
        files.forget(requests.home(), command.stored.name)
        raise
    if answer.status_code != 202 or "Idempotent-Replay" in answer.headers:
        files.forget(requests.home(), command.stored.name)
    return answer


@api.get("/imports/<int:import_id>")
@requires("imports:read")
@api.answers(answers.ImportOut, description="The import as it stands")
def get_import(import_id: int) -> Response:
    """Read how far an import is."""
    return success(answers.import_json(imports.one(db.session(), import_id)))


@api.get("/imports/<int:import_id>/report.csv")
@requires("imports:read")
@sends("csv")
def get_report(import_id: int) -> Response:
    """The refused rows, in the format that came, with what is wrong with each: to mend and upload again."""
    pieces = report.report(imports.one(db.session(), import_id), requests.home())
    return sent_file(pieces, f"import-{import_id}-refused", "csv")


@api.get("/imports/<int:import_id>/report.xlsx")
@requires("imports:read")
@sends("xlsx")
def get_report_workbook(import_id: int) -> Response:
    """The refused rows as a workbook."""
    pieces = report.report(imports.one(db.session(), import_id), requests.home(), workbook=True)
    return sent_file(pieces, f"import-{import_id}-refused", "xlsx")


@api.post("/imports/<int:import_id>/run")
@requires("imports:write")
@api.answers(answers.ImportOut, status=202, description="The import; it runs in the background")
def run_import(import_id: int) -> Response:
    """Run an import in earnest after its dry run."""
    return perform(commands.run, Rerun(import_id, requests.home()), present=_present, status=202)


@api.post("/imports/<int:import_id>/cancel")
@requires("imports:write")
@api.answers(answers.ImportOut, description="The import; what was applied stays applied")
def cancel_import(import_id: int) -> Response:
    """Stop an import."""
    return perform(commands.cancel, import_id, present=_present, status=200)


@api.post("/imports/<int:import_id>/pause")
@requires("imports:write")
@api.answers(answers.ImportOut, description="The import; `resume` goes on with it")
def pause_import(import_id: int) -> Response:
    """Let an import rest between two of its steps."""
    return perform(commands.pause, import_id, present=_present, status=200)


@api.post("/imports/<int:import_id>/undo")
@requires("imports:write")
@api.answers(answers.ImportOut, status=202, description="The import; it is undone in the background")
def undo_import(import_id: int) -> Response:
    """Deactivate what an import created and set back what it changed, as far as nobody has touched it since."""
    return perform(undo.undo, UndoImport(import_id), present=_present, status=202)


@api.get("/imports/<int:import_id>/rows")
@requires("imports:read")
@api.filters(requests.RowsQuery)
@api.answers(answers.ImportRowOut, many=True, description="Rows in file order")
def list_rows(query: dict[str, Any], import_id: int) -> Response:
    """What each row created, changed (from what to what) or was refused for. Rows without effect are not listed."""
    imports.one(db.session(), import_id)
    page = imports.rows_of(db.session(), import_id, query["outcome"], after=id_after(query), limit=query["limit"])
    return listed([answers.row_json(row) for row in page.rows], page)


@api.post("/imports/<int:import_id>/resume")
@requires("imports:write")
@api.answers(answers.ImportOut, status=202, description="The import; it goes on in the background")
def resume_import(import_id: int) -> Response:
    """Go on with an import that was cancelled, failed or lost its worker, where it stopped."""
    return perform(commands.resume, Rerun(import_id, requests.home()), present=_present, status=202)


@api.post("/imports/variant-sync")
@requires("imports:write")
@api.reads(requests.FeedRecordBody)
@api.answers(answers.SyncedOut, status=(200, 201), description="The variant; 201 when it was made")
def sync_variant(data: dict[str, Any]) -> Response:
    """Take one record of a feed: create, bring back or update the variant that the feed calls by this id."""
    named = (data["source"], data["source_account"], data["external_id"])
    record = FeedRecord(
        *named,
        product_id=_product_id(data),
        option_values=[(value["option_name"], value["option_value"]) for value in data["option_values"]],
        sku=data.get("sku"),
        title=data.get("title"),
        price=data.get("price"),
        stock=data.get("stock"),
        ean=data.get("ean"),
    )
    return perform(
        feeds.sync_variant,
        record,
        present=lambda session, done: answers.synced_json(
            done.outcome, named, catalogue.variant(session, done.variant.id)
        ),
        created=lambda done: done.outcome == "created",
    )


def _product_id(data: dict[str, Any]) -> int:
    if len({"product_id", "handle", "product"} & data.keys()) != 1:
        raise Invalid([FieldError("product_id", "one_of", {"fields": "product_id, handle, product"})])
    if "product_id" in data:
        return int(data["product_id"])
    if "handle" in data:
        return imports.product_of_handle(db.session(), data["handle"])
    return imports.product_called(db.session(), data["product"])
