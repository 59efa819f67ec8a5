"""The options of many products changed at once: chosen, previewed product by product, done, reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.variants import forms
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.errors import FieldError, Invalid, NotFound, StaleVersion
from magflow.domain.options import name_key
from magflow.queries import bulk_edits, catalogue, option_reports, product_lists, product_views
from magflow.services import option_names, options_in_bulk
from magflow.services.option_names import Rename
from magflow.services.options import OptionInput
from magflow.services.options_in_bulk import MODES, MOST_PRODUCTS, SetOptionsOfMany
from magflow.services.products import OptionsPlan
from magflow.web import border
from magflow.web.auth import request_id
from magflow.web.forms import Form, Landing, ask_first, show
from magflow.web.listing import Listing
from magflow.web.locale import _, _l, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence

blueprint = Blueprint("options_bulk", __name__)

WHAT: Final[dict[str, tuple[Any, Any]]] = {
    "add": (_l("Add"), _l("Each product keeps its options and gets what it lacks of these.")),
    "remove": (
        _l("Switch off or remove"),
        _l("These values are no longer offered; an option without values goes whole. Variants keep what they have."),
    ),
    "order": (_l("Sort"), _l("These stand first, in this order, where a product has them.")),
    "replace": (_l("Replace all"), _l("These are all options of each product; everything else goes.")),
}
"""Mode -> what it is called and what it does."""


class BulkOptionsForm(border.Query):
    mode = border.OneOf(MODES)
    fingerprint = border.Text(most=64)


class RenameForm(border.Query):
    option = border.Text(most=100, required=True)
    value = border.Text(most=100)
    name = border.Text(most=100, required=True)


class ReportQuery(border.Query):
    ids = border.Text(most=4_000)
    changed = border.Text(most=64)


@dataclass(frozen=True)
class ProductPlan:
    """What would become of one product."""

    id: int
    name: str
    come: list[str]
    go: list[str]
    plan: OptionsPlan


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


@blueprint.get("/products/options")
@requires("catalog:write")
def choose() -> ResponseReturnValue:
    """The form for all products that the list's filter means."""
    listing = Listing(forms.ProductsQuery())
    where = [product_views.VIEWS[listing["view"] or ""]()]
    if listing["sold_out"]:
        where.append(product_views.sold_out())
    wanted = product_lists.ProductFilter(
        q=listing["q"], brand=listing["brand"], category=listing["category"], where=where
    )
    page = product_lists.products(reading(), wanted, limit=MOST_PRODUCTS)
    if page.next_key is not None:
        message = _("At most %(count)s products are changed at once: narrow the list first.", count=MOST_PRODUCTS)
        flash(message, "warning")
        return redirect(listing.url().replace(url_for("options_bulk.choose"), url_for("products.index"), 1), 303)
    return _page([row.product.id for row in page.rows], Form(), forms.OptionRows([], []), None)


@blueprint.post("/products/options")
@requires("catalog:write")
def change() -> ResponseReturnValue:
    """Show what the change would do to each product; do it once that very plan was agreed to."""
    ids = _ids(request.form.get("ids"), request.form.getlist("rowid"))
    form = Form.sent(BulkOptionsForm())
    rows = forms.sent_options()
    if form["mode"] is None or not ids or not form.ok or not rows.ok or not rows.options:
        if form["mode"] is not None and rows.ok and not rows.options:
            form.general.append(_("Name an option first."))
        return _page(ids, form, rows, None)
    command = SetOptionsOfMany(ids, rows.options, form["mode"])
    plans = _planned(command, form, rows)
    agreed = form["fingerprint"]
    if plans is not None and agreed is not None and agreed == options_in_bulk.fingerprint(plans):

        def work(session: Session, actor: Actor) -> Landing:
            seen = SetOptionsOfMany(ids, rows.options, form["mode"], agreed)
            done = options_in_bulk.set_options.within(session, seen, actor=actor)
            said = ngettext("%(num)d product is changed.", "%(num)d products are changed.", len(done))
            listed = "-".join(map(str, ids))
            return Landing(url_for("options_bulk.report", ids=listed, changed=request_id()), said)

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = [_("Something changed meanwhile. This is what your change would do now.")]
            plans = _planned(command, form, rows)
    elif plans is not None and agreed is not None:
        form.general.append(_("It would do something else by now. Look at it again, then apply it."))
    return _page(ids, form, rows, plans)


def _planned(command: SetOptionsOfMany, form: Form, rows: forms.OptionRows) -> dict[int, OptionsPlan] | None:
    try:
        return options_in_bulk.preview(reading(), command)
    except Invalid as invalid:
        rows.refuse(invalid.errors)
        if rows.ok:
            form.general += [field_sentence(error) for error in invalid.errors]
    except NotFound:
        form.general.append(_("One of the products is gone. Choose them again."))
    return None


def _ids(carried: str | None, picked: Sequence[str]) -> list[int]:
    given = carried.split("-") if carried else picked
    try:
        found = {integer(value, least=1, most=INT64_MAX, as_text=True) for value in given}
    except Unfit as unfit:
        raise Invalid([FieldError("product_ids", unfit.code, unfit.params)]) from unfit
    if len(found) > MOST_PRODUCTS:
        raise Invalid([FieldError("product_ids", "too_many", {"limit": MOST_PRODUCTS})])
    return sorted(found)


def _page(
    ids: Sequence[int],
    form: Form,
    rows: forms.OptionRows,
    plans: dict[int, OptionsPlan] | None,
    renaming: Form | None = None,
) -> ResponseReturnValue:
    names = bulk_edits.product_names(reading(), list(ids))
    shown = None
    if plans is not None:
        command = SetOptionsOfMany(list(ids), rows.options, form["mode"])
        wanted = options_in_bulk.wanted_options(reading(), command)
        shown = [_told(id_, names[id_], wanted[id_], plan) for id_, plan in plans.items()]
    page = show(
        "products/options_bulk.html",
        ids=ids,
        names=names,
        form=form,
        rows=rows,
        plans=shown,
        fingerprint=options_in_bulk.fingerprint(plans) if plans is not None else None,
        everything=catalogue.option_types(reading()),
        what=WHAT,
        mode=form["mode"] or "add",
        renaming=renaming or Form(),
    )
    return page, 422 if not rows.ok else (renaming or form).status


def _told(product_id: int, name: str, wanted: Sequence[OptionInput], plan: OptionsPlan) -> ProductPlan:
    there = options_in_bulk.named_options(reading(), product_id)
    return ProductPlan(product_id, name, _more(wanted, there), _more(there, wanted), plan)


def _more(these: Sequence[OptionInput], those: Sequence[OptionInput]) -> list[str]:
    """What the one has and the other has not, an option a line."""
    known = {name_key(option.name): {name_key(value) for value in option.values} for option in those}
    lines = []
    for option in these:
        key = name_key(option.name)
        more = [value for value in option.values if name_key(value) not in known.get(key, ())]
        if more or key not in known:
            lines.append(f"{option.name}: {', '.join(more) or '—'}")
    return lines


@blueprint.get("/products/options/report")
@requires("catalog:read")
def report() -> str:
    """What a change did to each product."""
    listing = Listing(ReportQuery())
    ids = _ids(listing["ids"] or "", ())
    rows = option_reports.report(reading(), ids, listing["changed"] or "")
    return show("products/options_report.html", rows=rows)


# --- other names ------------------------------------------------------------------------------------------------------


@blueprint.post("/products/options/rename")
@requires("catalog:write")
def rename() -> ResponseReturnValue:
    """Rename an option or a value for the whole shop, once it was said how many products have it."""
    ids = _ids(request.form.get("ids"), ())
    form = Form.sent(RenameForm(), "rename")
    back = url_for("products.index")
    if not form.ok:
        return _page(ids, Form(), forms.OptionRows([], []), None, form)
    command = Rename(form["option"], form["name"], form["value"])
    try:
        found = option_names.find(reading(), command.option, command.value)
    except NotFound:
        form.complain("value" if command.value else "option", _("There is no such option or value."))
        return _page(ids, Form(), forms.OptionRows([], []), None, form)
    old = found.value.name if found.value is not None else found.type.name
    consequences = [
        ngettext("%(num)d product of the shop has it.", "%(num)d products of the shop have it.", found.products),
        _("No variant is changed, and confirmed orders keep the old name."),
    ]
    question = _("Rename %(old)s to %(new)s?", old=old, new=command.name)
    if (asking := ask_first(question, consequences, _("Rename"), back)) is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        option_names.rename.within(session, command, actor=actor)
        return Landing(back, _("%(old)s is called %(new)s now.", old=old, new=command.name))

    if (answer := form.once(work)) is not None:
        return answer
    return _page(ids, Form(), forms.OptionRows([], []), None, form)
