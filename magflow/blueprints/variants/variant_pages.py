"""Pages of one variant: made, edited, given other options, activated, and the question why its stock is this number."""

from collections.abc import Sequence
from typing import Any, cast

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from magflow.blueprints.variants import external_pages, forms, image_pages
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyExists, CombinationTaken, InsufficientStock, InvalidOptions, StaleVersion
from magflow.queries import audit, audit_names, catalogue, images, orders, product_details, stock
from magflow.services import stock as stock_service
from magflow.services import variants
from magflow.services.stock import AdjustStock
from magflow.services.variants import EditVariant, NewVariant, Swap
from magflow.web import audit_words, border, words
from magflow.web.auth import visitor
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, number
from magflow.web.permissions import allowed, requires
from magflow.web.sentences import field_sentence, sentence

blueprint = Blueprint("variants", __name__)

FIELDS = ("title", "sku", "price", "compare_at_price", "ean", "vat_rate")
NEW_FIELDS = ("title", "sku", "price", "compare_at_price", "ean", "stock")


def reading() -> Session:
    """The session of this request, for reads."""
    return cast("Session", db.session)


def name_of(row: catalogue.VariantRow) -> str:
    """What a variant is called in a sentence: its product and its combination."""
    return f"{row.product_name} · {row.label}" if row.label else row.product_name


# --- a new one --------------------------------------------------------------------------------------------------------


@blueprint.get("/products/<int:product_id>/variants/new")
@requires("catalog:write")
def new(product_id: int) -> ResponseReturnValue:
    """The form for a variant, a drop-down an option."""
    return _new_page(product_id, Form())


def _new_page(product_id: int, form: Form) -> ResponseReturnValue:
    product, options = catalogue.product(reading(), product_id), catalogue.product_options(reading(), product_id)
    free, more = suggested(product_id, options)
    shown = show(
        "variants/new.html",
        form=form,
        product=product,
        options=options,
        chosen=set(forms.asked_choices()),
        free=free,
        more=more,
    )
    return shown, form.status


SUGGESTIONS = 8


def suggested(product_id: int, options: Sequence[catalogue.OptionRow]) -> tuple[list[dict[str, Any]], int]:
    """The first combinations that no active variant has, as links to this page choose them; and how many more."""
    if not options:
        return [], 0
    free = product_details.free_combinations(reading(), product_id, limit=SUGGESTIONS)
    by_name = {(option.type.name, value.name): value.id for option in options for value in option.values}
    rows = [
        {
            "label": ", ".join(row.values()),
            "query": {
                f"option_{option.type.id}": by_name[option.type.name, row[option.type.name]] for option in options
            },
        }
        for row in free.rows
    ]
    return rows, free.total - len(rows)


@blueprint.post("/products/<int:product_id>/variants/new")
@requires("catalog:write")
def create(product_id: int) -> ResponseReturnValue:
    """Make a variant, or bring its oldest draft back; asked for a draft, always make one."""
    form = Form.sent(forms.NewVariantForm())
    if form.ok:
        given = {name: value for name, value in form.pick(*NEW_FIELDS).items() if value is not None}
        command = NewVariant(product_id, forms.sent_choices(), given, active=not form["draft"])

        def work(session: Session, actor: Actor) -> Landing:
            made = variants.create_or_reactivate.within(session, command, actor=actor)
            said = {
                "created": _("The variant %(sku)s was added.", sku=made.variant.sku),
                "reactivated": _("The draft %(sku)s had this combination; it is active again.", sku=made.variant.sku),
            }
            return Landing(url_for("products.page", product_id=product_id), said[made.outcome])

        if (answer := form.once(work)) is not None:
            return answer
        _told(form)
    return _new_page(product_id, form)


def _told(form: Form) -> None:
    """Say of a refused combination which variant has it already."""
    refused = form.refused
    if isinstance(refused, AlreadyExists):
        winner = refused.winner_sku
        form.general = [
            _("The active variant %(sku)s has this combination. Choose another, or save a draft.", sku=winner)
        ]
    elif isinstance(refused, InvalidOptions):
        form.general += [field_sentence(error) for error in refused.errors]
        form.errors = {}


# --- one variant ------------------------------------------------------------------------------------------------------


@blueprint.get("/products/variants/<int:variant_id>")
@requires("catalog:read")
def page(variant_id: int) -> ResponseReturnValue:
    """A variant: what it is, what it is called outside, its latest movements and changes."""
    return _page(variant_id)


def _page(variant_id: int, sent: Form | None = None) -> ResponseReturnValue:
    row = catalogue.variant(reading(), variant_id)
    product = catalogue.product(reading(), row.variant.product_id)
    options = catalogue.product_options(reading(), product.id)
    free, more = suggested(product.id, options)
    history = audit.history_of_variant(reading(), variant_id, limit=8)
    sold_in, sold_more = orders.with_variant(reading(), variant_id) if _may("orders:read") else ((), False)
    shown = show(
        "variants/page.html",
        row=row,
        product=product,
        name=name_of(row),
        words=words,
        forms={name: sent if sent is not None and sent.name == name else Form(name) for name in ("fields", "options")},
        options=options,
        held=set(forms.asked_choices()) or {choice.option_value_id for choice in row.options},
        free=free,
        more=more,
        pictures=image_pages.gallery(product.id, variant_id),
        external_ids=catalogue.external_ids(reading(), variant_id),
        forgetting=external_pages.consequence(),
        movements=stock.movements_of(reading(), variant_id, limit=5),
        orders=sold_in,
        orders_more=sold_more,
        history=history,
        audit_words=audit_words,
        names=audit_names.names(reading(), history),
    )
    return shown, sent.status if sent is not None else 200


def _may(permission: str) -> bool:
    return allowed(permission, visitor().scopes)


@blueprint.post("/products/variants/<int:variant_id>")
@requires("catalog:write")
def save(variant_id: int) -> ResponseReturnValue:
    """Change what was typed; status, options and stock have forms of their own."""
    form = Form.sent(forms.VariantForm(), "fields")
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = EditVariant(variant_id, form.pick(*FIELDS), seen_version=form["version"])
            saved = variants.edit.within(session, command, actor=actor)
            return Landing(url_for("variants.page", variant_id=variant_id), _("%(sku)s is saved.", sku=saved.sku))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(variant_id, form)


@blueprint.post("/products/variants/<int:variant_id>/options")
@requires("catalog:write")
def change_options(variant_id: int) -> ResponseReturnValue:
    """Give the variant another combination."""
    form = Form.sent(forms.VersionForm(), "options")
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            variants.change_options.within(
                session, variant_id, forms.sent_choices(), actor=actor, seen_version=form["version"]
            )
            return Landing(url_for("variants.page", variant_id=variant_id), _("The combination is changed."))

        if (answer := form.once(work)) is not None:
            return answer
        _told(form)
    return _page(variant_id, form)


# --- active or draft --------------------------------------------------------------------------------------------------


@blueprint.post("/products/variants/<int:variant_id>/activate")
@requires("catalog:write")
def activate(variant_id: int) -> ResponseReturnValue:
    """Sell it. Where its combination is taken, both variants are shown side by side."""
    form = Form.sent(forms.VersionForm())
    row = catalogue.variant(reading(), variant_id)
    back = _back(form, row)
    question = _("Activate %(name)s?", name=row.variant.sku)
    if (asking := ask_first(question, [_("It can be sold from then on.")], _("Activate"), back)) is not None:
        return asking
    if not form.ok:
        return _refused(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        done = variants.set_active.within(session, variant_id, True, actor=actor, seen_version=form["version"])
        return Landing(back, _("%(sku)s is active.", sku=done.sku))

    answer = form.once(work)
    if answer is None and isinstance(form.refused, CombinationTaken) and form.refused.winner_id is not None:
        return _conflict(variant_id, form.refused.winner_id, back)
    return answer or _refused(form, back)


def _conflict(variant_id: int, winner_id: int, back: str) -> ResponseReturnValue:
    """Both side by side, every field that differs marked, and the way out."""
    both = [winner_id, variant_id]
    rows = {row.variant.id: row for row in catalogue.variant_rows(reading(), both)}
    shown = show(
        "variants/conflict.html",
        draft=rows[variant_id],
        active=rows[winner_id],
        covers=images.covers_of_variants(reading(), both),
        external_ids={id_: [known.external_id for known in catalogue.external_ids(reading(), id_)] for id_ in both},
        back_url=back,
    )
    return shown, 409


@blueprint.post("/products/variants/<int:variant_id>/swap")
@requires("catalog:write")
def swap(variant_id: int) -> ResponseReturnValue:
    """Activate this variant in place of the one that has its combination."""
    form = Form.sent(forms.SwapForm())
    row = catalogue.variant(reading(), variant_id)
    back = url_for("products.page", product_id=row.variant.product_id)
    if not form.ok:
        return _refused(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        command = Swap(variant_id, form["other"], form["version"], form["other_version"])
        done = variants.swap.within(session, command, actor=actor)
        return Landing(back, _("%(sku)s is active now; the other one is a draft.", sku=done.sku))

    return form.once(work) or _refused(form, back)


@blueprint.post("/products/variants/<int:variant_id>/deactivate")
@requires("catalog:write")
def deactivate(variant_id: int) -> ResponseReturnValue:
    """Make a draft of it: what "delete" does here."""
    form = Form.sent(forms.VersionForm())
    row = catalogue.variant(reading(), variant_id)
    back = _back(form, row)
    question = _("Deactivate %(name)s?", name=row.variant.sku)
    if (asking := ask_first(question, [deactivate_consequence()], _("Deactivate"), back)) is not None:
        return asking
    if not form.ok:
        return _refused(form, back)

    def work(session: Session, actor: Actor) -> Landing:
        done = variants.set_active.within(session, variant_id, False, actor=actor, seen_version=form["version"])
        return Landing(back, _("%(sku)s is a draft now.", sku=done.sku))

    return form.once(work) or _refused(form, back)


def deactivate_consequence() -> str:
    """What deactivating does."""
    return _("It can no longer be sold. Orders that have it stay as they are, and so does its stock.")


def _back(form: Form, row: catalogue.VariantRow) -> str:
    if form["back"] == "variant":
        return url_for("variants.page", variant_id=row.variant.id)
    return url_for("products.page", product_id=row.variant.product_id)


def _refused(form: Form, back: str) -> Response:
    """A button that was refused: say why on the page that it stands on."""
    refused = form.refused
    if isinstance(refused, StaleVersion):
        flash(_("Somebody changed this variant since you opened the page. Look at it as it is now."), "error")
    elif refused is not None:
        flash(sentence(refused), "error")
    return redirect(back, 303)


@blueprint.post("/products/variants/<int:variant_id>/delete")
@requires("admin")
def delete(variant_id: int) -> ResponseReturnValue:
    """Hard delete, for the owner. Orders keep their snapshot."""
    row = catalogue.variant(reading(), variant_id)
    back = url_for("variants.page", variant_id=variant_id)
    consequences = [
        _("It is gone for good; deactivating keeps it."),
        _("Confirmed orders keep what they sold, without a link to it."),
        _("Pending orders keep the line, and need another variant there before they can be confirmed."),
        _("Stock that is left (%(stock)s) is booked out.", stock=row.variant.stock),
    ]
    question = _("Delete %(name)s for good?", name=row.variant.sku)
    if (asking := ask_first(question, consequences, _("Delete for good"), back, tone="bad")) is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        variants.delete_for_good.within(session, variant_id, actor=actor)
        product_url = url_for("products.page", product_id=row.variant.product_id)
        return Landing(product_url, _("%(sku)s is deleted.", sku=row.variant.sku))

    return act(work, back)


# --- its stock --------------------------------------------------------------------------------------------------------


@blueprint.get("/products/variants/<int:variant_id>/stock")
@requires("stock:read")
def why(variant_id: int) -> ResponseReturnValue:
    """Why is the stock this number: every movement, newest first, with its cause and who did it."""
    return _why_page(variant_id, Form("stock"))


def _why_page(variant_id: int, form: Form) -> ResponseReturnValue:
    listing = Listing(border.Query())
    row = catalogue.variant(reading(), variant_id)
    page = stock.movements_of(reading(), variant_id, after=listing.after_id, limit=PAGE)
    shown = show(
        "stock/why.html",
        row=row,
        name=name_of(row),
        words=words,
        page=page,
        first_page=not listing.trail,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        form=form,
    )
    return shown, form.status


@blueprint.post("/products/variants/<int:variant_id>/stock")
@requires("stock:write")
def adjust(variant_id: int) -> ResponseReturnValue:
    """Change the stock by hand: a difference, or a count on the figure that was seen."""
    form = Form.sent(forms.StockForm(), "stock")
    if form.ok:
        counting = form["how"] == "count"
        wanted = "counted" if counting else "delta"
        if form[wanted] is None:
            form.complain(wanted, _("Please give a value."))
    if form.ok:
        amounts: dict[str, Any] = (
            {"set_to": form["counted"], "expected": form["expected"]} if counting else {"delta": form["delta"]}
        )

        def work(session: Session, actor: Actor) -> Landing:
            command = AdjustStock(variant_id, form["reason"], **amounts)
            changed = stock_service.adjust.within(session, command, actor=actor)
            said = _("The stock of %(sku)s is %(stock)s now.", sku=changed.sku, stock=number(changed.stock))
            return Landing(url_for("variants.why", variant_id=variant_id), said)

        if (answer := form.once(work, fields={"set": "counted", "stock": "counted"})) is not None:
            return answer
        if isinstance(form.refused, InsufficientStock):
            there = number(form.refused.shortages[0].available)
            form.general = []
            form.complain("delta", _("The stock is %(stock)s; it cannot fall below zero.", stock=there))
    return _why_page(variant_id, form)
