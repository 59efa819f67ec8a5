"""Files to take away: now, with the filters of a list; or by the clock, into a folder and behind an address."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from flask import Response, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.utils import secure_filename

from magflow.blueprints.imports import exporting, requests
from magflow.blueprints.imports.pages import blueprint, sent_file
from magflow.blueprints.imports.words import fault_sentence
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.queries import exports as queries
from magflow.queries import imports, product_views
from magflow.queries.exports import ALL_ORDERS, EVERYTHING, Wanted, WantedOrders
from magflow.queries.product_lists import ProductFilter
from magflow.services import audit, export_schedules
from magflow.services.export_schedules import NewSchedule
from magflow.web import border
from magflow.web.auth import current_actor, visitor
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import Listing, midnight
from magflow.web.locale import _
from magflow.web.permissions import allowed, public, requires

NEEDS: Final = {"variants": "catalog:read", "stock": "stock:read", "offers": "stock:read", "orders": "orders:read"}
MOST_DAYS: Final = 3_650


class ExportForm(border.Query):
    """What of the catalogue is exported."""

    format = border.OneOf(exporting.FORMATS)
    file = border.OneOf(exporting.FILES)
    status = border.OneOf(tuple(exporting.STATUS))
    brand = border.Text()
    category = border.Text()
    text = border.Text(most=200)
    product_id = border.Id()


class ListForm(border.Query):
    """A list of products as its address says it."""

    view = border.OneOf(("empty", "drafts", "troubled", "archived"))
    q = border.Text(most=200)
    brand = border.Text()
    category = border.Text()
    sold_out = border.Boolean()
    columns = border.Text(most=200)
    file = border.OneOf(exporting.FILES)


class OrdersForm(border.Query):
    """Which orders are exported. Days are the shop's own."""

    file = border.OneOf(exporting.FILES)
    status = border.OneOf(("pending", "confirmed", "cancelled", "returned"))
    source = border.Text(most=64)
    source_account = border.Text(most=64)
    placed_from = border.Day()
    placed_to = border.Day()


class OffersForm(border.Query):
    """Whose offers are exported."""

    file = border.OneOf(exporting.FILES)
    account = border.Text(most=150)


class ScheduleForm(border.Query):
    """A new export by the clock."""

    name = border.Text(required=True, most=export_schedules.LONGEST_NAME)
    what = border.OneOf(("variants", "shopify", "woocommerce", "stock", "offers", "orders"), required=True)
    file = border.OneOf(exporting.FILES, required=True)
    every_minutes = border.Integer(required=True, least=export_schedules.SHORTEST, most=export_schedules.LONGEST)
    by_address = border.Boolean()
    account = border.Text(most=150)
    status = border.OneOf(tuple(exporting.STATUS))
    brand = border.Text()
    category = border.Text()
    days = border.Integer(least=1, most=MOST_DAYS)


@blueprint.get("/imports/exports")
@requires("catalog:read")
def exports() -> ResponseReturnValue:
    """What can be taken away as a file."""
    return _page(Form())


def _page(form: Form) -> ResponseReturnValue:
    shown = show(
        "imports/exports.html",
        form=form,
        schedules=imports.schedules(db.session()),
        accounts=[(f"{source}/{code}", f"{source} · {code}") for source, code in queries.offer_accounts(db.session())],
        folder=exporting.KEPT,
        needs=NEEDS,
        sentence=fault_sentence,
    )
    return shown, form.status


def wanted_from(values: Any) -> Wanted:
    """The filters of an export."""
    only = values["product_id"]
    return Wanted(
        exporting.STATUS.get(values["status"] or ""), values["brand"], values["category"], values["text"],
        None if only is None else [only],
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


@blueprint.get("/imports/exports/products")
@requires("catalog:read")
def export_products() -> Response:
    """The variants of the products of a list, as it is filtered."""
    asked = Listing(ListForm())
    where = [product_views.condition(db.session(), asked["view"] or "")]
    if asked["sold_out"]:
        where.append(product_views.sold_out())
    products = ProductFilter(q=asked["q"], brand=asked["brand"], category=asked["category"], where=where)
    return _export("variants", "magflow", Wanted(products=products), workbook=asked["file"] == "xlsx")


@blueprint.get("/imports/exports/orders.csv")
@requires("orders:read")
def export_orders() -> Response:
    """Orders, a row a line."""
    asked = Listing(OrdersForm())
    until = asked["placed_to"]
    wanted = WantedOrders(
        asked["status"], asked["source"], asked["source_account"], midnight(asked["placed_from"]),
        midnight(until + timedelta(days=1)) if until else None,
    )  # fmt: skip
    return _export("orders", "magflow", orders=wanted, workbook=asked["file"] == "xlsx")


@blueprint.get("/imports/exports/offers.csv")
@requires("stock:read")
def export_offers() -> Response:
    """What a marketplace account shows, in the columns in which it is imported."""
    asked = Listing(OffersForm())
    source, _slash, account = (asked["account"] or "").partition("/")
    return _export("offers", "magflow", workbook=asked["file"] == "xlsx", source=source, account=account)


def _export(
    what: str, form: str, wanted: Wanted = EVERYTHING, *, orders: WantedOrders = ALL_ORDERS, workbook: bool = False,
    **named: str,
) -> Response:  # fmt: skip
    pieces = exporting.export(what, form, wanted=wanted, orders=orders, workbook=workbook, **named)
    audit.note(current_actor(), f"export.{what}", {"format": form})
    name = "-".join([what, *named.values()] if named else [what, form])
    return sent_file(pieces, secure_filename(name), workbook=workbook)


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
            form["name"],
            what,
            columns,
            form["every_minutes"],
            _filters(what, form),
            by_address=bool(form["by_address"]),
        )

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


def _filters(what: str, form: Form) -> dict[str, Any]:
    """What the form says of an export of this kind; what is about other kinds is left aside."""
    given = {"file": form["file"]}
    if what == "offers":
        given["source"], _slash, given["source_account"] = (form["account"] or "").partition("/")
    elif what == "orders":
        given["days"] = form["days"]
    else:
        given |= {name: form[name] for name in ("status", "brand", "category")}
    return {name: value for name, value in given.items() if value is not None}


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
    return _sent(schedule.what, path)


@blueprint.get("/imports/exports/<int:schedule_id>/file")
@requires("catalog:read")
def written_export(schedule_id: int) -> Response:
    """The file of an export by the clock as it was written last, for who may see what is in it."""
    schedule = imports.schedule(db.session(), schedule_id)
    path = None if schedule is None or schedule.written_as is None else _kept(schedule.written_as)
    if schedule is None or path is None or not path.is_file() or not allowed(NEEDS[schedule.what], visitor().scopes):
        raise NotFound("export", schedule_id)
    return _sent(schedule.what, path)


def _sent(what: str, path: Path) -> Response:
    kind = path.suffix.removeprefix(".")
    answer = send_file(path, mimetype=exporting.MIMES[kind], as_attachment=True, download_name=f"{what}.{kind}")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _kept(name: str) -> Path:
    return requests.home() / exporting.KEPT / Path(name).name
