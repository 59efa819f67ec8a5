"""The page between a file and its run: what each column means, how the file is read, and what its rows may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.imports import requests
from magflow.blueprints.imports.pages import blueprint
from magflow.blueprints.imports.words import CLEAR_WORDS, FIELD_WORDS, FORMAT_WORDS, fault_sentence
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid
from magflow.domain.imports import cells, choices, guessing, layouts
from magflow.domain.imports.choices import Choices, choices_from
from magflow.domain.imports.faults import FileFault, ImportBusy
from magflow.domain.imports.variants import CLEARABLE
from magflow.queries import imports
from magflow.services.imports import commands, files
from magflow.services.imports.commands import Chosen
from magflow.web import border
from magflow.web.forms import Form, Landing, show
from magflow.web.permissions import requires

SHOWN: Final = 3
LOOKED_AT: Final = 1_000
MOST_SHOWN_COLUMNS: Final = 200
OPTION: Final = "option:"
CLEARABLE_NAMES: Final = frozenset({name for name, field in layouts.MAGFLOW_VARIANTS.items() if field in CLEARABLE})
CHOSEN: Final = ("mode", "blank", "stock", "missing", "encoding", "delimiter", "location", "made_at", "meanwhile",
                 "alarm")  # fmt: skip
NUMERIC: Final = frozenset({"price", "compare_at_price", "vat_rate", "sale_price"})


@dataclass(frozen=True)
class Column:
    """A column of the file, as the page shows it."""

    place: int
    header: str
    target: str
    option: str
    samples: Sequence[str]
    full: float
    sign: str
    numeric: bool
    blank: str


@dataclass(frozen=True)
class Looked:
    """A file as it is read with the present choices."""

    format: str
    workbook: bool
    encoding: str
    delimiter: str
    columns: Sequence[Column]
    left_out: Sequence[str]
    locations: Sequence[tuple[str, str]]
    fault: FileFault | None


@blueprint.get("/imports/<int:import_id>/columns")
@requires("imports:write")
def columns(import_id: int) -> ResponseReturnValue:
    """What each column means; a person may know better than the guess."""
    row = _row(import_id)
    kept = imports.remembered(db.session(), row.kind, row.source, row.source_account)
    db.session.remove()  # looking at a large file takes longer than a transaction may wait
    return _page(row, Form(), _proposed(row, kept), remembered=kept is not None)


@blueprint.post("/imports/<int:import_id>/columns")
@requires("imports:write")
def choose(import_id: int) -> ResponseReturnValue:
    """Look again as it was chosen; or run it so, dry or in earnest."""
    row = _row(import_id)
    form = Form.sent(border.Query())
    db.session.remove()
    try:
        chosen = _typed(row)
    except Invalid as invalid:
        form.refuse(invalid)
        return _page(row, form, Choices())
    action = request.form.get("action", "look")
    if action in {"dry", "run"}:
        command = Chosen(import_id, requests.home(), chosen, dry_run=action == "dry")

        def work(session: Session, actor: Actor) -> Landing:
            commands.choose.within(session, command, actor=actor)
            return Landing(url_for("imports.page", import_id=import_id))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(row, form, chosen)


def _row(import_id: int) -> imports.File:
    row = imports.one(db.session(), import_id).row
    if row.status != "ready" and not (row.status == "finished" and row.dry_run):
        raise ImportBusy(import_id, row.status)
    return row


def _proposed(row: imports.File, kept: Mapping[str, Any] | None) -> Choices:
    """What was chosen for this import; else for the last one of its source, where that fits."""
    if row.choices:
        return choices_from(row.choices)
    if kept is None:
        return Choices()
    chosen = choices_from(kept)
    known = {layouts.folded(header) for header in chosen.mapping or {}}
    path = files.path_of(requests.home(), row.stored_as)
    headers = files.header_of(path, files.find_dialect(path, chosen)[1])
    if chosen.mapping is not None and not {layouts.folded(header) for header in headers if header.strip()} <= known:
        return Choices()
    return chosen


def _page(row: imports.File, form: Form, chosen: Choices, *, remembered: bool = False) -> ResponseReturnValue:
    looked = _look(row, chosen)
    shown = show(
        "imports/columns.html",
        row=row,
        form=form,
        chosen=chosen,
        looked=looked,
        fields=[(name, FIELD_WORDS.get(name, name)) for name in layouts.FIELDS[row.kind]],
        formats=FORMAT_WORDS,
        remembered=remembered,
        made_at=_for_the_field(chosen.made_at),
        fault_sentence=fault_sentence,
    )
    return shown, form.status


def _look(row: imports.File, chosen: Choices) -> Looked:
    path = files.path_of(requests.home(), row.stored_as)
    workbook, found = files.find_dialect(path, chosen)
    headers = files.header_of(path, found)[:MOST_SHOWN_COLUMNS]
    rows = files.sample(path, found, len(headers), LOOKED_AT)
    fault: FileFault | None = None
    form, left_out, wide = "magflow", tuple[str, ...](), tuple[int, ...]()
    try:
        reading = files.recognise(path, row.kind, "auto", chosen)
        form, left_out, wide = reading.layout.format, reading.layout.left_out, reading.layout.locations
    except FileFault as error:
        fault = error
    mapping = chosen.mapping or _own_names(row.kind, headers) or guessing.guess(headers, row.kind)
    return Looked(
        form,
        workbook,
        found.encoding,
        found.delimiter,
        [_column(place, header, mapping.get(header, ""), rows, chosen) for place, header in enumerate(headers)],
        left_out,
        _locations(headers, rows, wide) if form == "shopify" and row.kind == "stock" else (),
        fault if chosen.mapping is not None else None,
    )


def _locations(
    headers: Sequence[str], rows: Sequence[Sequence[str]], wide: Sequence[int]
) -> list[tuple[str, str]]:  # fmt: skip
    """The places of an inventory file, where there are several: (value, label). `wide`: each has a column."""
    if wide:
        return [(name, name) for place in wide if (name := headers[place].strip())] if len(wide) > 1 else []
    places = [place for place, header in enumerate(headers) if layouts.folded(header) == "location"]
    found = sorted({row[place].strip() for row in rows for place in places if row[place].strip()})
    return [(name, name) for name in found] if len(found) > 1 else []


def _own_names(kind: str, headers: Sequence[str]) -> dict[str, str] | None:
    """The mapping of a file whose columns are MagFlow's own; None for any other."""
    fields = layouts.FIELDS[kind]
    names = {header: layouts.folded(header) for header in headers}
    return {header: "" if name in layouts.REPORT_COLUMNS else name for header, name in names.items()} if (
        all(name in fields or layouts.MAGFLOW_OPTION.fullmatch(name) or name in layouts.REPORT_COLUMNS
            for name in names.values())
    ) else None  # fmt: skip


def _column(place: int, header: str, target: str, rows: Sequence[Sequence[str]], chosen: Choices) -> Column:
    cells_there = [row[place] for row in rows if place < len(row) and row[place].strip()]
    option = target.removeprefix(OPTION) if target.startswith(OPTION) else ""
    target = "option" if option else target
    return Column(
        place,
        header,
        target,
        option,
        list(dict.fromkeys(cells_there))[:SHOWN],
        len(cells_there) / len(rows) if rows else 0,
        chosen.signs.get(header) or cells.sign_of(cells_there) or "",
        target in NUMERIC,
        CLEAR_WORDS["clear" if chosen.blank == "clear" and target in CLEARABLE_NAMES else "keep"],
    )


def _zone() -> ZoneInfo:
    return ZoneInfo(current_app.config["MAGFLOW"].timezone)


def _in_the_shop(typed: str) -> str:
    """What a person typed is the shop's time. What is none is left for the choices to refuse."""
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        return typed
    return moment.replace(tzinfo=moment.tzinfo or _zone()).isoformat()


def _for_the_field(made_at: str | None) -> str:
    if made_at is None:
        return ""
    return datetime.fromisoformat(made_at).astimezone(_zone()).strftime("%Y-%m-%dT%H:%M")


def _typed(row: imports.File) -> Choices:
    """The choices that the form holds. Raises Invalid."""
    sent = request.form
    given: dict[str, Any] = {name: sent[name] for name in CHOSEN if sent.get(name)}
    if given.get("made_at"):
        given["made_at"] = _in_the_shop(given["made_at"])
    if matches := [name for name in choices.MATCHES if sent.get(f"match_{name}")]:
        given["match"] = matches
    if sent.get("mapped") == "1":
        path = files.path_of(requests.home(), row.stored_as)
        headers = files.header_of(path, files.find_dialect(path, choices_from(given))[1])
        mapping, signs = {}, {}
        for place, header in enumerate(headers):
            target = sent.get(f"column_{place}", "")
            if target == "option":
                target = OPTION + (sent.get(f"option_{place}", "").strip() or header.strip())
            mapping[header] = target
            if sent.get(f"sign_{place}") in {".", ","}:
                signs[header] = sent[f"sign_{place}"]
        given["mapping"] = mapping
        given["signs"] = signs
    return choices_from(given)
