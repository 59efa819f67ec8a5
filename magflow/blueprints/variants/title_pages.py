"""The page on which variants that came without options get them: what titles say, confirmed, corrected, skipped."""

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from flask import Blueprint, Response, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.variants import title_words
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.border import INT64_MAX, Unfit, integer, text
from magflow.domain.errors import StaleVersion
from magflow.domain.title_reading import Choice, KnownType
from magflow.queries import catalogue
from magflow.queries import title_reading as reads
from magflow.queries.title_reading import Suggestion
from magflow.services import title_confirmations, title_reading
from magflow.services.title_confirmations import LARGEST
from magflow.services.title_reading import (
    MOST_ITEMS,
    Answer,
    ConfirmByConfidence,
    Confirmed,
    ConfirmReadings,
    ItemIn,
    Seen,
    SkipReadings,
)
from magflow.web import border
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, current, ngettext, number
from magflow.web.permissions import requires

blueprint = Blueprint("titles", __name__)

NEW: Final = "new:"
"""Before the name of a value that would be made, in a drop-down."""
EVERYTHING: Final = "everything"
"""In place of the fingerprint of what was shown, where there is too much to be shown."""
TOLD: Final = 5
"""Refused items that are named in the message; the others still stand in the list."""


class TitlesQuery(border.Query):
    view = border.OneOf(("skipped",))
    new = border.Boolean()


class ByConfidenceForm(border.Query):
    confidence = border.OneOf(("certain", "likely"), required=True)
    extend = border.Boolean()
    seen = border.Text(most=64)


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


# --- the list ---------------------------------------------------------------------------------------------------------


@blueprint.get("/products/titles")
@requires("catalog:read")
def index() -> str:
    """Variants of the whole shop that came without options."""
    return _page(None)


@blueprint.get("/products/<int:product_id>/titles")
@requires("catalog:read")
def of_product(product_id: int) -> str:
    """Variants of one product that came without options."""
    return _page(product_id)


def _page(product_id: int | None) -> str:
    listing = Listing(TitlesQuery())
    skipped = listing["view"] == "skipped"
    page = reads.suggestions(
        reading(),
        product_id,
        after=listing.after_id,
        limit=PAGE,
        skipped=skipped,
        propose=bool(listing["new"]),
        language=current(),
    )
    by_confidence = {name: len(title_reading.at_least(page.rows, name)) for name in ("certain", "likely")}
    return show(
        "variants/titles.html",
        product=catalogue.product(reading(), product_id) if product_id is not None else None,
        listing=listing,
        skipped=skipped,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        tabs=[listing.tab(_("To look at"), ""), listing.tab(_("Skipped"), "skipped")],
        by_confidence=by_confidence,
        words=title_words,
        drop_downs=drop_downs,
        seen=seen_text,
        act_url=_url("act_all", product_id),
        sure_url=_url("confirm_all", product_id),
    )


def _url(what: str, product_id: int | None, **values: Any) -> str:
    """The address of a page here: of the shop's, or of one product's."""
    if product_id is None:
        return url_for(f"titles.{what}", **values)
    own = {"index": "of_product", "act_all": "act_of_product", "confirm_all": "confirm_all_of_product"}[what]
    return url_for(f"titles.{own}", product_id=product_id, **values)


def drop_downs(suggestion: Suggestion) -> list[dict[str, Any]]:
    """A drop-down an option: of the product's own options, or of those that were read where it has none."""
    chosen = {choice.type_id: choice for choice in suggestion.reading.choices}
    shown = suggestion.own_options or not chosen
    types = [t for t in suggestion.types if t.id in chosen or t.id in suggestion.reading.missing or shown]
    return [_drop_down(suggestion, t, chosen.get(t.id)) for t in types[:6]]


def _drop_down(suggestion: Suggestion, option: KnownType, choice: Choice | None) -> dict[str, Any]:
    entries = [(str(value.id), value.name) for value in option.values]
    value = ""
    if choice is not None:
        value = NEW + choice.name if choice.value_id is None else str(choice.value_id)
        if value not in {key for key, _name in entries}:
            label = _("%(value)s (new)", value=choice.name) if choice.value_id is None else choice.name
            entries.append((value, label))
    name = f"v-{suggestion.variant.id}-{option.id}"
    return {"name": name, "label": option.name, "entries": entries, "value": value}


def seen_text(suggestion: Suggestion) -> str:
    """What the person sees of a variant, for the form to carry."""
    variant = suggestion.variant
    return json.dumps([variant.version, variant.sku, variant.title], ensure_ascii=False)


# --- confirm, correct, skip -------------------------------------------------------------------------------------------


@blueprint.post("/products/titles")
@requires("catalog:write")
def act_all() -> ResponseReturnValue:
    """Confirm or skip what was ticked, or one row."""
    return _act(None)


@blueprint.post("/products/<int:product_id>/titles")
@requires("catalog:write")
def act_of_product(product_id: int) -> ResponseReturnValue:
    """The same, of one product."""
    return _act(product_id)


def _act(product_id: int | None) -> ResponseReturnValue:
    verb, _sign, one = request.form.get("one", "").partition("-")
    verb = verb or request.form.get("action", "")
    ids = _ids([one] if one else request.form.getlist("rowid"))
    back = _url("index", product_id, **{k: v for k, v in request.args.items() if k in {"view", "new", "at"}})
    if not ids:
        flash(_("Tick a variant first."), "warning")
        return redirect(back, 303)
    if verb in {"skip", "unskip"}:
        return act(lambda session, actor: _skipped(session, actor, ids, verb == "skip", product_id, back), back)
    extend = verb == "extend" or request.form.get("extend") == "true"
    command = ConfirmReadings([_item(id_) for id_ in ids], extend, product_id)

    def work(session: Session, actor: Actor) -> Landing:
        return _landing(title_reading.confirm.within(session, command, actor=actor), back)

    return act(work, back)


def _skipped(
    session: Session, actor: Actor, ids: Sequence[int], skipped: bool, product_id: int | None, back: str
) -> Landing:
    count = title_reading.skip.within(session, SkipReadings(ids, skipped, product_id), actor=actor)
    if skipped:
        return Landing(back, ngettext("%(num)d variant is skipped.", "%(num)d variants are skipped.", count))
    said = ngettext("%(num)d variant is suggested again.", "%(num)d variants are suggested again.", count)
    return Landing(back, said)


def _ids(typed: Sequence[str]) -> list[int]:
    found = {number_ for value in typed[:MOST_ITEMS] if (number_ := _id(value)) is not None}
    return sorted(found)


def _id(typed: str) -> int | None:
    try:
        return integer(typed, least=1, most=INT64_MAX, as_text=True)
    except Unfit:
        return None


def _item(variant_id: int) -> ItemIn:
    """What the drop-downs of a row say."""
    prefix = f"v-{variant_id}-"
    values: list[int] = []
    new: list[tuple[int, str]] = []
    for name, value in request.form.items():
        type_id = _id(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if type_id is None or not value.strip():
            continue
        if value.startswith(NEW):
            new.append((type_id, _new_name(value)))
        else:
            values.append(_id(value) or 0)
    return ItemIn(variant_id, tuple(values), tuple(new), _seen(variant_id))


def _new_name(value: str) -> str:
    try:
        return text(value.removeprefix(NEW), most=100)
    except Unfit:
        return "?"


def _seen(variant_id: int) -> Seen | None:
    try:
        version, sku, title = json.loads(request.form.get(f"seen-{variant_id}", ""))
    except ValueError:
        return None
    return Seen(version, sku, title)


def _landing(done: Confirmed, back: str) -> Landing:
    done_so_far = done.confirmed
    said = [ngettext("%(num)d variant has its options now.", "%(num)d variants have their options now.", done_so_far)]
    if done.refused:
        count = len(done.refused)
        said.append(ngettext("%(num)d was refused:", "%(num)d were refused:", count))
        said += [f"{a.sku or a.variant_id}: {title_words.refusal(a)}" for a in done.refused[:TOLD]]
        if count > TOLD:
            said.append(_("and %(count)s more.", count=number(count - TOLD)))
    return Landing(back, " ".join(said), "warning" if done.refused else "success")


# --- in bulk by confidence --------------------------------------------------------------------------------------------


@blueprint.post("/products/titles/confirm")
@requires("catalog:write")
def confirm_all() -> ResponseReturnValue:
    """Confirm everything of a confidence, in the whole shop."""
    return _confirm_all(None)


@blueprint.post("/products/<int:product_id>/titles/confirm")
@requires("catalog:write")
def confirm_all_of_product(product_id: int) -> ResponseReturnValue:
    """Confirm everything of a confidence, of one product."""
    return _confirm_all(product_id)


def _confirm_all(product_id: int | None) -> ResponseReturnValue:
    """Say first how many that would be; then do just those, if they are still the same."""
    form = Form.sent(ByConfidenceForm())
    back = _url("index", product_id)
    if not form.ok:
        return redirect(back, 303)
    extend = bool(form["extend"])
    if form["seen"] is None or request.form.get("agreed") != "yes":
        return _ask(product_id, form["confidence"], extend, back)
    seen = None if form["seen"] == EVERYTHING else form["seen"]
    command = ConfirmByConfidence(form["confidence"], product_id, extend, seen)

    def work(session: Session, actor: Actor) -> Landing:
        done = title_confirmations.start.within(session, command, actor=actor)
        if isinstance(done, Confirmed):
            return _landing(done, back)
        return Landing(url_for("titles.confirmation", confirmation_id=done.id))

    answer = form.once(work)
    if answer is not None:
        return answer
    if isinstance(form.refused, StaleVersion):
        flash(_("The suggestions changed meanwhile. This is what would be confirmed now."), "warning")
        return _ask(product_id, form["confidence"], extend, back)
    flash(" ".join(said for _field, said in form.summary()), "error")
    return redirect(back, 303)


def _ask(product_id: int | None, confidence: str, extend: bool, back: str) -> ResponseReturnValue:
    taken, looked = title_confirmations.suggested(reading(), product_id, confidence)
    waiting = title_confirmations.waiting(reading(), product_id)
    if not taken and waiting <= LARGEST:
        flash(_("Nothing is that sure."), "warning")
        return redirect(back, 303)
    everything = waiting > LARGEST
    return show(
        "variants/titles_confirm.html",
        consequences=_of_many(waiting, looked, len(taken)) if everything else _of_these(taken),
        adding=everything or any(row.needs_more for row in taken),
        extend=extend,
        confidence=confidence,
        fingerprint=EVERYTHING if everything else title_reading.fingerprint(taken),
        back_url=back,
    )


def _of_many(waiting: int, looked: int, taken: int) -> list[str]:
    """More than can be shown: what is done with all of them, and what came of the oldest."""
    return [
        _(
            "All %(count)s variants that wait are looked at, oldest first; those that are sure enough then get "
            "the values that are suggested for them.",
            count=number(waiting),
        ),
        _("Of the oldest %(looked)s these are %(count)s now.", looked=number(looked), count=number(taken)),
        _("Where the product lacks an option or a value, a variant is left out without the tick."),
    ]


def _of_these(taken: Sequence[Suggestion]) -> list[str]:
    adding = sum(row.needs_more for row in taken)
    certain = len(title_reading.at_least(taken, "certain"))
    consequences = [
        ngettext("%(num)d variant gets the values that are suggested for it.",
                 "%(num)d variants get the values that are suggested for them.", len(taken)),
        ngettext("%(num)d of them is certain.", "%(num)d of them are certain.", certain),
    ]  # fmt: skip
    if adding:
        consequences.append(
            ngettext(
                "For %(num)d of them the product lacks an option or a value; without the tick it is left out.",
                "For %(num)d of them the products lack an option or a value; without the tick they are left out.",
                adding,
            )
        )
    return consequences


# --- confirmed by a worker --------------------------------------------------------------------------------------------


@blueprint.get("/products/titles/confirmations/<int:confirmation_id>")
@requires("catalog:read")
def confirmation(confirmation_id: int) -> str:
    """How far a large confirmation is, or what became of it."""
    found = title_confirmations.confirmation(reading(), confirmation_id)
    refused = [Answer(r["variant_id"], r["sku"], r["refused"], r["params"]) for r in found.refused or ()]
    return show(
        "variants/titles_confirmation.html",
        confirmation=found,
        refused=refused,
        words=title_words,
        back_url=_url("index", found.product_id),
    )


@blueprint.get("/products/titles/confirmations/<int:confirmation_id>/state")
@requires("catalog:read")
def confirmation_state(confirmation_id: int) -> Response:
    """How far it is, for the page that waits."""
    found = title_confirmations.confirmation(reading(), confirmation_id)
    answer = jsonify({"status": found.status, "done": found.done, "total": found.total})
    answer.headers["Cache-Control"] = "no-store"
    return answer
