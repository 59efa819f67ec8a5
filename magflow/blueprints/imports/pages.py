"""Pages of imports: upload, watch, see what was refused and why; and exports to take away."""

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, jsonify, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.imports import answers, exporting, report, requests
from magflow.blueprints.imports.words import ROWS, fault_sentence
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.imports.templates import TEMPLATES
from magflow.domain.imports.writing import blocks
from magflow.queries import imports
from magflow.services import audit
from magflow.services.imports import commands, files
from magflow.services.imports.commands import Rerun
from magflow.web import border
from magflow.web.auth import current_actor
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, ngettext, number
from magflow.web.permissions import requires
from magflow.web.security import largest_body
from magflow.web.sentences import FIELD, field_sentence

blueprint = Blueprint("imports", __name__)

SIGNS: Final = {".": "1,234.56", ",": "1.234,56"}
DELIMITERS: Final = {",": ",", ";": ";", "\t": "Tab", "|": "|"}


class ListQuery(border.Query):
    """The list has nothing to narrow it by."""


# --- the list, and a new one ------------------------------------------------------------------------------------------


@blueprint.get("/imports")
@requires("imports:read")
def index() -> ResponseReturnValue:
    """All imports, newest first, and the form for the next one."""
    return _index(Form())


def _index(form: Form) -> ResponseReturnValue:
    listing = Listing(ListQuery())
    page = imports.listed(db.session(), after=listing.after_id, limit=PAGE)
    shown = show(
        "imports/index.html",
        form=form,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        first=not listing.trail,
    )
    return shown, form.status


@blueprint.post("/imports")
@requires("imports:write")
@largest_body(requests.LARGEST_UPLOAD)
def upload() -> ResponseReturnValue:
    """Take a file in; it is imported in the background."""
    form = Form.sent(border.Query())
    try:
        command = requests.uploaded()
    except Invalid as invalid:
        form.refuse(invalid)
        return _index(form)
    kept = False

    def work(session: Session, actor: Actor) -> Landing:
        nonlocal kept
        row = commands.register.within(session, command, actor=actor)
        kept = True
        return Landing(url_for("imports.page", import_id=row.id))

    answer = form.once(work)
    if answer is None or not kept:
        # Refused, or sent twice: the file belongs to nobody.
        files.forget(requests.home(), command.stored.name)
    return _index(form) if answer is None else answer


@blueprint.get("/imports/template-<kind>.csv")
@requires("imports:read")
def template(kind: str) -> Response:
    """A file to start from."""
    if kind not in TEMPLATES:
        raise NotFound("template", kind)
    header, *rows = TEMPLATES[kind]
    return _csv(blocks(header, rows), f"magflow-{kind}.csv")


# --- one import -------------------------------------------------------------------------------------------------------


@blueprint.get("/imports/<int:import_id>")
@requires("imports:read")
def page(import_id: int) -> ResponseReturnValue:
    """How far an import is, what it did, and every refused row with its reason."""
    state = imports.one(db.session(), import_id)
    listing = Listing(ListQuery())
    refused = imports.refused_rows(db.session(), import_id, after=listing.after_id or 0, limit=PAGE)
    counts = imports.counts_by_outcome(db.session(), import_id) if state.ended else {}
    faults = imports.commonest_faults(db.session(), import_id) if state.ended and state.refused else []
    before = imports.same_file_before(db.session(), state.row)
    return show(
        "imports/page.html",
        state=state,
        row=state.row,
        error=fault_sentence(state.row.error) if state.row.error else None,
        reading=_reading(state.row.reading or {}),
        left_out=(state.row.reading or {}).get("left_out", ()),
        counts=counts,
        faults=[{"column": column, "said": _kind_of_fault(code), "count": count} for column, code, count in faults],
        refused=refused,
        sentence=fault_sentence,
        pages=listing.pages(
            len(refused.rows), refused.total, estimate=refused.total_is_estimate, next_key=refused.next_key
        ),
        before=before,
    )


def _kind_of_fault(code: str) -> str:
    """What a kind of fault is called, without the figures of one row."""
    said = str(ROWS.get(code) or FIELD.get(code) or code)
    return said if "%(" not in said else field_sentence(FieldError("", code, _Dots()))


class _Dots(dict[str, Any]):
    """Stands for figures that differ from row to row."""

    def __missing__(self, _name: str) -> str:
        return "…"


def _reading(found: dict[str, Any]) -> list[tuple[str, str]]:
    """How the file is read, for people."""
    if not found:
        return []
    lines = [
        (_("Encoding"), {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1250": "Windows-1250", "cp1252": "Windows-1252",
                         "utf-16": "UTF-16"}.get(found["encoding"], found["encoding"])),
        (_("Separator"), DELIMITERS.get(found["delimiter"], found["delimiter"])),
    ]  # fmt: skip
    lines += [
        (_("Numbers in %(column)s", column=column), SIGNS.get(sign or "", _("as each is written")))
        for column, sign in found.get("signs", {}).items()
    ]
    return lines


@blueprint.get("/imports/<int:import_id>/state")
@requires("imports:read")
def state(import_id: int) -> Response:
    """How far an import is, for the page that watches it."""
    found = imports.one(db.session(), import_id)
    told = answers.import_json(found)
    return jsonify(
        status=told["status"],
        progress=told["progress"],
        done=number(found.done),
        total=number(found.row.rows_total),
        said=_progress(found),
        ended=found.ended,
    )


def _progress(found: imports.ImportState) -> str:
    total = found.row.rows_total
    if found.row.status == "uploaded":
        return _("Waiting for a worker")
    if found.row.status == "parsing":
        return ngettext("%(num)d row read", "%(num)d rows read", total)
    return _("%(done)s of %(total)s rows", done=number(found.done), total=number(total))


@blueprint.get("/imports/<int:import_id>/report.csv")
@requires("imports:read")
def refused_rows(import_id: int) -> Response:
    """The refused rows, in the format that came, with what is wrong with each."""
    pieces = report.report(imports.one(db.session(), import_id), requests.home())
    return _csv(pieces, f"import-{import_id}-refused.csv")


@blueprint.post("/imports/<int:import_id>/run")
@requires("imports:write")
def run(import_id: int) -> ResponseReturnValue:
    """Run it in earnest after its dry run."""
    return _act(import_id, lambda s, a: commands.run.within(s, Rerun(import_id, requests.home()), actor=a))


@blueprint.post("/imports/<int:import_id>/cancel")
@requires("imports:write")
def cancel(import_id: int) -> ResponseReturnValue:
    """Stop it; what was applied stays."""
    back = url_for("imports.page", import_id=import_id)
    question = _("Stop this import?")
    if (asked := ask_first(question, [_("What was applied stays applied.")], _("Stop"), back, tone="bad")) is not None:
        return asked
    return _act(import_id, lambda s, a: commands.cancel.within(s, import_id, actor=a))


@blueprint.post("/imports/<int:import_id>/resume")
@requires("imports:write")
def resume(import_id: int) -> ResponseReturnValue:
    """Go on where it stopped."""
    return _act(import_id, lambda s, a: commands.resume.within(s, Rerun(import_id, requests.home()), actor=a))


def _act(import_id: int, work: Callable[[Session, Actor], object]) -> ResponseReturnValue:
    back = url_for("imports.page", import_id=import_id)

    def done(session: Session, actor: Actor) -> Landing:
        work(session, actor)
        return Landing(back)

    return act(done, back)


# --- exports ----------------------------------------------------------------------------------------------------------


@blueprint.get("/imports/exports")
@requires("catalog:read")
def exports() -> ResponseReturnValue:
    """What can be taken away as a file."""
    return show("imports/exports.html")


@blueprint.get("/imports/exports/variants-<form>.csv")
@requires("catalog:read")
def export_variants(form: str) -> Response:
    """The catalogue, in MagFlow's or Shopify's columns."""
    if form not in exporting.FORMATS:
        raise NotFound("format", form)
    return _export("variants", form)


@blueprint.get("/imports/exports/stock.csv")
@requires("stock:read")
def export_stock() -> Response:
    """Stock, ready to be counted and imported again."""
    return _export("stock", "magflow")


@blueprint.get("/imports/exports/orders.csv")
@requires("orders:read")
def export_orders() -> Response:
    """Orders, a row a line."""
    return _export("orders", "magflow")


def _export(what: str, form: str) -> Response:
    pieces = exporting.export(what, form)
    audit.note(current_actor(), f"export.{what}", {"format": form})
    return _csv(pieces, f"{what}-{form}.csv")


def _csv(pieces: Any, name: str) -> Response:
    answer = Response(stream_with_context(pieces), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
