"""Files to take away: now, with the filters of a list; or by the clock, into a folder and behind an address."""

from pathlib import Path
from typing import Any, Final

from flask import Response, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.imports import exporting, requests
from magflow.blueprints.imports.pages import blueprint, sent_file
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.queries import imports
from magflow.queries.exports import EVERYTHING, Wanted
from magflow.services import audit, export_schedules
from magflow.services.export_schedules import NewSchedule
from magflow.web import border
from magflow.web.auth import current_actor
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import Listing
from magflow.web.locale import _
from magflow.web.permissions import public, requires

NEEDS: Final = {"variants": "catalog:read", "stock": "stock:read", "orders": "orders:read"}
STATUS: Final = {"active": 0, "inactive": 1}


class ExportForm(border.Query):
    """What is exported."""

    format = border.OneOf(exporting.FORMATS)
    file = border.OneOf(("csv", "xlsx"))
    status = border.OneOf(tuple(STATUS))
    brand = border.Text()
    category = border.Text()
    text = border.Text(most=200)
    product_id = border.Id()


class ScheduleForm(border.Query):
    """A new export by the clock."""

    name = border.Text(required=True, most=export_schedules.LONGEST_NAME)
    what = border.OneOf(("variants", "shopify", "woocommerce", "stock"), required=True)
    every_minutes = border.Integer(required=True, least=export_schedules.SHORTEST, most=export_schedules.LONGEST)
    by_address = border.Boolean()


@blueprint.get("/imports/exports")
@requires("catalog:read")
def exports() -> ResponseReturnValue:
    """What can be taken away as a file."""
    return _page(Form())


def _page(form: Form) -> ResponseReturnValue:
    schedules = imports.schedules(db.session())
    shown = show("imports/exports.html", form=form, schedules=schedules, folder=exporting.KEPT)
    return shown, form.status


def wanted_from(values: Any) -> Wanted:
    """The filters of an export."""
    status = values["status"]
    return Wanted(
        None if status is None else STATUS[status], values["brand"], values["category"], values["text"],
        values["product_id"],
    )  # fmt: skip


@blueprint.get("/imports/exports/variants-<form>.csv")
@requires("catalog:read")
def export_variants(form: str) -> Response:
    """The catalogue, in MagFlow's columns or those of another."""
    if form not in exporting.FORMATS:
        raise NotFound("format", form)
    return _export("variants", form)


@blueprint.get("/imports/exports/variants")
@requires("catalog:read")
def export_some_variants() -> Response:
    """Some of the catalogue, as it was filtered."""
    asked = Listing(ExportForm())
    return _export("variants", asked["format"] or "magflow", wanted_from(asked), workbook=asked["file"] == "xlsx")


@blueprint.get("/imports/exports/stock.csv")
@requires("stock:read")
def export_stock() -> Response:
    """Stock, ready to be counted and imported again."""
    asked = Listing(ExportForm())
    return _export("stock", "magflow", wanted_from(asked), workbook=asked["file"] == "xlsx")


@blueprint.get("/imports/exports/orders.csv")
@requires("orders:read")
def export_orders() -> Response:
    """Orders, a row a line."""
    return _export("orders", "magflow")


def _export(what: str, form: str, wanted: Wanted = EVERYTHING, *, workbook: bool = False) -> Response:
    pieces = exporting.export(what, form, wanted=wanted, workbook=workbook)
    audit.note(current_actor(), f"export.{what}", {"format": form})
    return sent_file(pieces, f"{what}-{form}", workbook=workbook)


# --- by the clock -----------------------------------------------------------------------------------------------------


@blueprint.post("/imports/exports")
@requires("admin")
def add_schedule() -> ResponseReturnValue:
    """Write an export again and again."""
    form = Form.sent(ScheduleForm())
    if form.ok:
        others = form["what"] in exporting.FORMATS
        what, columns = ("variants", form["what"]) if others else (form["what"], "magflow")
        command = NewSchedule(
            form["name"], what, columns, form["every_minutes"], by_address=bool(form["by_address"]),
        )  # fmt: skip

        def work(session: Session, actor: Actor) -> Landing:
            made = export_schedules.add.within(session, command, actor=actor)
            said = _("It is written for the first time within a minute.")
            if made.secret is not None:
                address = url_for("imports.kept_export", secret=made.secret, _external=True)
                said = _("Its address is shown this once: %(address)s", address=address)
            return Landing(url_for("imports.exports"), said)

        if (answer := form.once(work)) is not None:
            return answer
    return _page(form)


@blueprint.post("/imports/exports/<int:schedule_id>/remove")
@requires("admin")
def remove_schedule(schedule_id: int) -> ResponseReturnValue:
    """Write it no more."""
    back = url_for("imports.exports")
    question = _("Write this export no more?")
    if (
        asked := ask_first(question, [_("Its address leads nowhere from then on.")], _("Stop"), back, tone="bad")
    ) is not None:
        return asked

    def work(session: Session, actor: Actor) -> Landing:
        export_schedules.remove.within(session, schedule_id, actor=actor)
        return Landing(back, _("It is not written any more."))

    return act(work, back)


@blueprint.get("/imports/exports/kept/<secret>")
@public
def kept_export(secret: str) -> Response:
    """The file of an export by the clock, for whoever knows its address."""
    schedule = export_schedules.by_secret(db.session(), secret) if len(secret) < 100 else None
    path = None if schedule is None or schedule.written_as is None else _kept(schedule.written_as)
    if schedule is None or path is None or not path.is_file():
        raise NotFound("export", "")
    answer = send_file(path, mimetype="text/csv", as_attachment=True, download_name=f"{schedule.what}.csv")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _kept(name: str) -> Path:
    return requests.home() / exporting.KEPT / Path(name).name
