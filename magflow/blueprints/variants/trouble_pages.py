"""The page of orphans, incomplete variants and duplicates by name, and the form that remedies many of them at once."""

from collections.abc import Sequence
from typing import Any, Final, cast

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import pgettext
from sqlalchemy.orm import Session

from magflow.blueprints.variants import trouble_words
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.queries import catalogue, troubles
from magflow.queries.troubles import KINDS, Choice, TroubleFilter
from magflow.services import troubles as remedies
from magflow.services.troubles import ACTIONS, MOST, HandleTroubles, Plan, Remedy
from magflow.web import border
from magflow.web.forms import Form, Landing, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence

blueprint = Blueprint("troubles", __name__)

SHOWN: Final = 100
"""Rows of a preview."""


class TroublesQuery(border.Query):
    """What the address of the list says."""

    view = border.OneOf((*KINDS, "kept"))
    product_id = border.Id()
    value = border.Id()
    q = border.Text(most=200)


class HandleForm(border.Query):
    action = border.OneOf(ACTIONS)
    extend = border.Boolean()
    fingerprint = border.Text(most=64)


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


def waiting() -> int:
    """For the menu: how many variants wait for a person."""
    return troubles.waiting(reading())


def _filter(listing: Listing) -> TroubleFilter:
    view = listing["view"]
    kind = view if view in KINDS else None
    return TroubleFilter(kind, listing["product_id"], listing["value"], listing["q"], view == "kept")


@blueprint.get("/products/troubles")
@requires("catalog:read")
def index() -> str:
    """Variants with something wrong, by kind."""
    listing = Listing(TroublesQuery())
    page = troubles.troubled(reading(), _filter(listing), after=listing.after_id, limit=PAGE)
    count = troubles.counts(reading())
    product = catalogue.product(reading(), listing["product_id"]) if listing["product_id"] else None
    return show(
        "variants/troubles.html",
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        tabs=[
            listing.tab(pgettext("variants", "All"), "", count=count[""]),
            listing.tab(_("Orphans"), "orphan", count=count["orphan"]),
            listing.tab(pgettext("variants", "Incomplete"), "incomplete", count=count["incomplete"]),
            listing.tab(_("Duplicates"), "duplicate", count=count["duplicate"]),
            listing.tab(_("Kept"), "kept", count=count["kept"]),
        ],
        chips=listing.chip("product_id", _("Product"), product.name if product else None)
        + listing.chip("value", _("Value"), _value_name(listing["value"])),
        twins=troubles.twin_values(reading()) if not listing.narrowed and not listing.trail else [],
        words=trouble_words,
        all_url=_all_url(listing),
    )


def _all_url(listing: Listing) -> str:
    named: dict[str, Any] = {name: str(value) for name, value in listing.values.items()}
    return url_for("troubles.choose", **named)


def _value_name(value_id: int | None) -> str | None:
    return troubles.value_names(reading(), [value_id]).get(value_id) if value_id is not None else None


# --- remedies ---------------------------------------------------------------------------------------------------------


@blueprint.get("/products/troubles/handle")
@requires("catalog:write")
def choose() -> ResponseReturnValue:
    """What to do about everything that the list's filter means."""
    listing = Listing(TroublesQuery())
    ids = troubles.oldest(reading(), _filter(listing), MOST)
    return _page(ids, Form(), None, kept=listing["view"] == "kept", value_id=listing["value"])


@blueprint.post("/products/troubles/handle")
@requires("catalog:write")
def handle() -> ResponseReturnValue:
    """Show what a remedy would do; do it once that very plan was agreed to."""
    ids = _ids()
    form = Form.sent(HandleForm())
    value_id = _number(request.form.get("value_id", ""))
    kept = request.form.get("kept") == "yes" or form["action"] == "ask_again"
    if not form.ok or form["action"] is None or not ids:
        return _page(ids, form, None, kept=kept, value_id=value_id)
    remedy = Remedy(form["action"], *_sent_values(), extend=bool(form["extend"]))
    plan = None
    if remedy.action != "remap" or remedy.replace or remedy.give:
        plan = _planned(form, HandleTroubles(remedy, tuple(ids)))
    elif request.form.get("asked") == "yes":
        form.general.append(_("Choose a value first."))
    if plan is not None and form["fingerprint"] == plan.fingerprint:
        agreed = HandleTroubles(remedy, tuple(ids), None, plan.fingerprint)

        def work(session: Session, actor: Actor) -> Landing:
            return _landing(remedies.handle.within(session, agreed, actor=actor))

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, StaleVersion):
            form.general = [_("Something changed meanwhile. This is what your change would do now.")]
            plan = _planned(form, HandleTroubles(remedy, tuple(ids)))
    elif plan is not None and form["fingerprint"] is not None:
        form.general.append(_("It would do something else by now. Look at it again, then apply it."))
    return _page(ids, form, plan, kept=kept, value_id=value_id)


def _planned(form: Form, command: HandleTroubles) -> Plan | None:
    try:
        return remedies.preview(reading(), command)
    except Invalid as invalid:
        form.refused = invalid
        form.general += [field_sentence(error) for error in invalid.errors]
        return None


def _landing(done: Plan) -> Landing:
    count = len(done.changed)
    if done.bulk_edit_id is not None:
        return _landing_on_record(done, done.bulk_edit_id)
    said = {
        "keep": ngettext("%(num)d variant is kept as it is.", "%(num)d variants are kept as they are.", count),
        "ask_again": ngettext("%(num)d variant is listed again.", "%(num)d variants are listed again.", count),
    }.get(done.remedy.action, "")
    return Landing(url_for("troubles.index"), said)


def _landing_on_record(done: Plan, bulk_edit_id: int) -> Landing:
    """Where it can be undone."""
    count = len(done.changed)
    if done.remedy.action == "remap":
        said = ngettext("%(num)d variant has its new values.", "%(num)d variants have their new values.", count)
    else:
        said = ngettext("%(num)d variant is a draft now.", "%(num)d variants are drafts now.", count)
    where = url_for("bulk.result", bulk_edit_id=bulk_edit_id)
    if done.refused:
        more = ngettext("%(num)d could not be changed.", "%(num)d could not be changed.", len(done.refused))
        return Landing(where, f"{said} {more}", "warning")
    return Landing(where, said)


def _ids() -> list[int]:
    carried = request.form.get("ids")
    given = carried.split("-") if carried else request.form.getlist("rowid")
    found = {number for value in given if (number := _number(value)) is not None}
    if len(found) > MOST:
        raise Invalid([FieldError("variant_ids", "too_many", {"limit": MOST})])
    return sorted(found)


def _number(typed: str) -> int | None:
    try:
        return integer(typed, least=1, most=INT64_MAX, as_text=True)
    except Unfit:
        return None


def _sent_values() -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """What was chosen in the drop-downs: `to-<value>` takes a value's place, `give-<option>` fills an option."""
    replace, give = [], []
    for name, typed in request.form.items():
        word, _sign, number = name.partition("-")
        key, value = _number(number), _number(typed)
        if key is None or value is None:
            continue
        if word == "to":
            replace.append((key, value))
        elif word == "give":
            give.append(value)
    return tuple(sorted(replace)), tuple(sorted(give))


def _page(
    ids: Sequence[int], form: Form, plan: Plan | None, *, kept: bool, value_id: int | None
) -> ResponseReturnValue:
    choices = troubles.choices(reading(), ids, value_id=value_id) if ids else []
    shown = plan.changed[:SHOWN] if plan is not None else []
    page = show(
        "variants/trouble_handle.html",
        ids=ids,
        most=MOST,
        form=form,
        plan=plan,
        kept=kept,
        value_id=value_id,
        choices=choices,
        chosen=_chosen(choices),
        shown=shown,
        refused=plan.refused[:SHOWN] if plan is not None else [],
        labels=troubles.value_names(
            reading(), {value for o in shown for side in (o.old, o.new) for value in side.values()}
        ),
        words=trouble_words,
        action=form["action"] or ("ask_again" if kept else "remap" if choices else "deactivate"),
    )
    return page, form.status


def _chosen(choices: Sequence[Choice]) -> dict[str, str]:
    """Drop-down -> its value: as sent, else as suggested."""
    names = {_name(choice): choice for choice in choices}
    suggested = {name: str(choice.suggested or "") for name, choice in names.items()}
    return {name: request.form.get(name, suggested[name]) for name in names}


def _name(choice: Choice) -> str:
    return f"give-{choice.option_type_id}" if choice.value_id is None else f"to-{choice.value_id}"
