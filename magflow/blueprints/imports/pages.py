"""Pages of imports: upload, watch, see what was refused and why; and exports to take away."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from flask import Blueprint, Response, jsonify, send_file, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.imports import answers, exporting, progress, report, requests
from magflow.blueprints.imports.words import (
    FIELD_WORDS,
    FORMAT_WORDS,
    ODDITIES,
    ROWS,
    UNDO_WORDS,
    VALUE_WORDS,
    fault_sentence,
)
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid, NotFound
from magflow.domain.imports.choices import ALARM
from magflow.domain.imports.templates import TEMPLATES
from magflow.domain.imports.writing import blocks
from magflow.queries import imports
from magflow.services.imports import commands, files, undo
from magflow.services.imports.commands import Rerun
from magflow.services.imports.undo import UndoImport
from magflow.web import border
from magflow.web.forms import Form, Landing, act, ask_first, show, typed_text
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, number
from magflow.web.permissions import requires
from magflow.web.security import largest_body
from magflow.web.sentences import FIELD

blueprint = Blueprint("imports", __name__)

VIEWS: Final = ("refused", "suspicious", "updated", "created")
SIGNS: Final = {".": "1,234.56", ",": "1.234,56"}
DELIMITERS: Final = {",": ",", ";": ";", "\t": "Tab", "|": "|"}


class ListQuery(border.Query):
    """The list has nothing to narrow it by."""


class RowsQuery(border.Query):
    """Which rows of an import are shown."""

    view = border.OneOf(("refused", "suspicious", "created", "updated"))


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
    """Take a file in; the next page asks what its columns mean."""
    form = Form.sent(border.Query())
    try:
        command = requests.uploaded(waits=True)
    except Invalid as invalid:
        form.refuse(invalid)
        return _index(form)
    kept = False

    def work(session: Session, actor: Actor) -> Landing:
        nonlocal kept
        row = commands.register.within(session, command, actor=actor)
        kept = True
        return Landing(url_for("imports.columns", import_id=row.id))

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
    return sent_file(blocks(header, rows), f"magflow-{kind}", workbook=False)


# --- one import -------------------------------------------------------------------------------------------------------


@blueprint.get("/imports/<int:import_id>")
@requires("imports:read")
def page(import_id: int) -> ResponseReturnValue:
    """How far an import is, what it did, and every refused row with its reason."""
    state = imports.one(db.session(), import_id)
    listing = Listing(RowsQuery())
    counts = imports.counts_by_outcome(db.session(), import_id) if state.ended else {}
    counts["refused"] = state.refused
    odd = imports.suspicious(db.session(), state.row) if state.ended and counts.get("updated") else None
    if odd is not None and odd.rows:
        counts["suspicious"] = odd.rows
    view = listing["view"] or next((name for name in VIEWS if counts.get(name)), "refused")
    after = listing.after_id or 0
    if view == "suspicious" and odd is not None:
        rows = imports.suspicious_rows(db.session(), state.row, odd.rows, after=after, limit=PAGE)
    else:
        rows = imports.rows_of(db.session(), import_id, view, after=after, limit=PAGE)
    faults = imports.commonest_faults(db.session(), import_id) if state.ended and state.refused else []
    undone = imports.undo_counts(db.session(), import_id) if state.row.undone_by else {}
    kept = imports.not_undone(db.session(), import_id) if state.row.undone_by else []
    return show(
        "imports/page.html",
        state=state,
        row=state.row,
        step=_step(state),
        lost=commands.is_lost(state.row.status, state.row.beat_at),
        said=progress.said(state),
        error=fault_sentence(state.row.error) if state.row.error else None,
        reading=_reading(state.row.reading or {}),
        left_out=(state.row.reading or {}).get("left_out", ()),
        counts=counts,
        view=view,
        tabs=_tabs(listing, view, counts, dry_run=state.row.dry_run),
        odd=_oddities(odd, state.row.choices.get("alarm", ALARM)),
        faults=[{"column": column, "said": _kind_of_fault(code), "count": count} for column, code, count in faults],
        rows=rows,
        skus=imports.names_of(db.session(), [*rows.rows, *kept]),
        orders=imports.orders_of(db.session(), rows.rows),
        changes=_changes,
        sentence=fault_sentence,
        pages=listing.pages(len(rows.rows), rows.total, estimate=rows.total_is_estimate, next_key=rows.next_key),
        before=imports.same_file_before(db.session(), state.row),
        undone=undone,
        kept_count=sum(count for reason, count in undone.items() if reason != "undone"),
        not_undone=kept,
        products_not_undone=imports.products_not_undone(db.session(), import_id) if state.row.undone_by else [],
        undo_words=UNDO_WORDS,
        formats=FORMAT_WORDS,
    )


def _oddities(odd: imports.Suspicion | None, percent: int) -> list[str]:
    """What stands out, in sentences; a large part of all that changes is said to be one."""
    if odd is None:
        return []
    said = []
    for name, count in odd.counts.items():
        sentence = ODDITIES[name](count, number(count), percent)
        many = _("of %(of)s that change", of=number(odd.of)) if count * 10 >= odd.of else ""
        said.append(f"{sentence} ({many})" if many else sentence)
    return said


def _tabs(listing: Listing, view: str, counts: Mapping[str, int], *, dry_run: bool) -> list[dict[str, Any]]:
    words = {
        "refused": _("Refused"),
        "suspicious": _("To look at"),
        "created": _("Would be created") if dry_run else _("Created"),
        "updated": _("Would be changed") if dry_run else _("Changed"),
    }
    return [
        {"label": said, "url": listing.url(view=name), "active": name == view, "count": number(counts.get(name, 0))}
        for name, said in words.items()
        if name != "suspicious" or counts.get(name)
    ]


def _step(state: imports.ImportState) -> int:
    """Where on the way from file to report an import is."""
    if state.row.status == "ready":
        return 2
    if state.row.dry_run:
        return 3
    return 5 if state.row.status == "finished" else 4


def _changes(row: imports.Row) -> list[tuple[str, str, str]]:
    """What a row changed: (field, before, after), as people read it."""
    order = list(FIELD_WORDS)  # as people read a product; the database has an order of its own
    said = sorted((row.changes or {}).items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    found = [(name, answers.told(name, pair)) for name, pair in said]
    return [
        (str(FIELD_WORDS.get(name, name)), _told(pair[0], name), _told(pair[1], name))
        for name, pair in found
        if name not in answers.BY_THE_WAY
    ]


def _told(value: Any, name: str) -> str:
    if value is None or value == []:
        return "—"
    if name == "status":
        return str(VALUE_WORDS.get(value, value))
    if name in answers.MONEY:
        return typed_text(Decimal(value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):  # addresses of pictures, with or without a text for those who do not see
        return ", ".join(str(one[0] if isinstance(one, list) else one) for one in value)
    return typed_text(value)


def _kind_of_fault(code: str) -> str:
    """What a kind of fault is called, without the figures of one row."""
    said = str(ROWS.get(code) or FIELD.get(code) or code)
    return said % _Dots() if "%(" in said else said


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
        said=progress.said(found),
        ended=found.ended or found.row.status == "paused",
    )


@blueprint.get("/imports/<int:import_id>/report.csv")
@requires("imports:read")
def refused_rows(import_id: int) -> Response:
    """The refused rows, in the format that came, with what is wrong with each."""
    state = imports.one(db.session(), import_id)
    workbook = report.is_workbook(state)
    pieces = report.report(state, requests.home(), workbook=workbook)
    return sent_file(pieces, f"import-{import_id}-refused", workbook=workbook)


@blueprint.get("/imports/<int:import_id>/file")
@requires("imports:read")
def stored_file(import_id: int) -> Response:
    """The file as it came."""
    row = imports.one(db.session(), import_id).row
    path = files.path_of(requests.home(), row.stored_as)
    answer = send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=row.filename)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


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


@blueprint.post("/imports/<int:import_id>/pause")
@requires("imports:write")
def pause(import_id: int) -> ResponseReturnValue:
    """Let it rest; "Go on" goes on where it stopped."""
    return _act(import_id, lambda s, a: commands.pause.within(s, import_id, actor=a))


@blueprint.post("/imports/<int:import_id>/undo")
@requires("imports:write")
def undo_import(import_id: int) -> ResponseReturnValue:
    """Take back what it did, as far as nobody has touched it since."""
    back = url_for("imports.page", import_id=import_id)
    question = _("Undo this import?")
    consequences = _undo_consequences(imports.one(db.session(), import_id).row.kind)
    if (asked := ask_first(question, consequences, _("Undo"), back, tone="bad")) is not None:
        return asked
    return _act(import_id, lambda s, a: undo.undo.within(s, UndoImport(import_id), actor=a))


def _undo_consequences(kind: str) -> list[str]:
    if kind == "orders":
        return [
            _("The orders that it brought are cancelled; no stock changes."),
            _("What somebody has worked on since stays as it is, and is listed."),
            _("Their numbers and external ids stay taken."),
        ]
    return [
        _("What it created is deactivated, what it changed is set back."),
        _("What was changed, sold or counted since stays as it is, and is listed."),
    ]


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


# --- files ---------------------------------------------------------------------------------------------------------


def sent_file(pieces: Any, name: str, *, workbook: bool) -> Response:
    """A file to take away, as it is made."""
    kind = "xlsx" if workbook else "csv"
    answer = Response(stream_with_context(pieces), mimetype=exporting.MIMES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer
