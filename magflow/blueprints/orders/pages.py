"""Pages of orders: the list, taking one, its lines, confirming it, and what comes back."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import pgettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from magflow.blueprints.orders import forms
from magflow.blueprints.orders.shown import (
    cancel_consequences,
    finalize_question,
    order_page,
    owed_words,
    reading,
    refused_page,
    taken,
)
from magflow.domain.actors import Actor
from magflow.domain.errors import InsufficientStock, Invalid, OverRestock, VariantUnavailable
from magflow.queries import coverage, picker
from magflow.queries import orders as reads
from magflow.services import confirming, orders, restock
from magflow.services.confirming import ConfirmOrder
from magflow.services.orders import NewOrder
from magflow.services.restock import CancelOrder, RestockOrder
from magflow.web.auth import current_actor
from magflow.web.forms import Form, Landing, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _, day, money, ngettext, number
from magflow.web.permissions import requires
from magflow.web.sentences import sentence

blueprint = Blueprint("orders", __name__)

BLANK_LINES = 3
"""Empty lines of a new order where no script adds more."""


# --- the list ---------------------------------------------------------------------------------------------------------


@blueprint.get("/orders")
@requires("orders:read")
def index() -> str:
    """Orders, newest first, by tab, filter and search."""
    listing = Listing(forms.OrdersQuery())
    page = reads.orders(reading(), forms.order_filter(listing), after=listing.after_id, limit=PAGE)
    counts = reads.view_counts(reading())
    labels = {
        "new": _("New at the marketplace"),
        "pending": pgettext("orders", "Pending"),
        "late": _("Late"),
        "blocked": _("Cannot be covered"),
        "cancel_asked": _("Cancellation asked"),
        "confirmed": pgettext("orders", "Confirmed"),
        "cancelled": pgettext("orders", "Cancelled"),
        "returned": pgettext("orders", "Returned"),
    }
    return render_template(
        "orders/index.html",
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        tabs=[
            listing.tab(pgettext("orders", "All"), ""),
            *(listing.tab(label, view, count=counts[view]) for view, label in labels.items()),
        ],
        chips=[
            *listing.chip("source", _("Source")),
            *listing.chip("source_account", _("Account")),
            *listing.chip("placed_from", _("Placed from"), day(listing["placed_from"])),
            *listing.chip("placed_to", _("Placed until"), day(listing["placed_to"])),
        ],
        blocked=[] if listing.trail or listing["view"] or listing.narrowed else reads.blocked(reading()),
        lacks=coverage.lacks(reading(), [row.order.id for row in page.rows if row.order.blocked_reason]),
        now=datetime.now(UTC),
    )


def waiting_orders() -> int:
    """For the menu: how many orders wait for a person."""
    return reads.pending_count(reading(), most=99)


@blueprint.get("/orders/pick")
@requires("orders:write")
def pick() -> Response:
    """What can be bought and fits what is being typed, for the field that adds a line."""
    typed = Listing(forms.PickQuery())["q"] or ""
    found = picker.suggestions(reading(), typed) if typed else []
    return jsonify(
        results=[
            {
                "id": row.variant.id,
                "sku": row.variant.sku,
                "name": row.product_name,
                "options": row.label,
                "price": money(row.variant.price),
                "stock": number(row.variant.stock),
            }
            for row in found
        ]
    )


# --- a new one --------------------------------------------------------------------------------------------------------


@blueprint.get("/orders/new")
@requires("orders:write")
def new() -> ResponseReturnValue:
    """The form in which an order is taken."""
    return _new_page(Form(), [])


def _new_page(form: Form, rows: list[forms.LineRow]) -> ResponseReturnValue:
    shown = [*rows, *(forms.LineRow() for _n in range(max(1, BLANK_LINES - len(rows))))]
    return show("orders/new.html", form=form, rows=shown), form.status


@blueprint.post("/orders/new")
@requires("orders:write")
def create() -> ResponseReturnValue:
    """Take the order; it waits until it is confirmed, and takes no stock until then."""
    form = Form.sent(forms.NewOrderForm())
    rows, items = forms.sent_lines(reading())
    for n, row in enumerate(rows, start=1):
        for said in row.errors:
            form.complain(f"line-{n}", _("Line %(n)s: %(said)s", n=n, said=said))
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = NewOrder(
                items,
                customer_name=form["customer_name"],
                customer_email=form["customer_email"],
                customer_phone=form["customer_phone"],
                note=form["note"],
                currency=current_app.config["MAGFLOW"].currency,
            )
            order = orders.create.within(session, command, actor=actor)
            return Landing(
                url_for("orders.page", order_id=order.id), _("Order %(number)s is taken.", number=order.number)
            )

        if (answer := form.once(work)) is not None:
            return answer
    return _new_page(form, rows)


# --- one order --------------------------------------------------------------------------------------------------------


@blueprint.get("/orders/<int:order_id>")
@requires("orders:read")
def page(order_id: int) -> ResponseReturnValue:
    """An order: its lines, its money, what can be done with it, and its story."""
    return order_page(order_id)


# --- confirming, cancelling, taking back ------------------------------------------------------------------------------


@blueprint.post("/orders/<int:order_id>/finalize")
@requires("orders:write")
def finalize(order_id: int) -> ResponseReturnValue:
    """Confirm the order, after asking: all of its stock is taken, or nothing."""
    shown = reads.order_page(reading(), order_id)
    back = url_for("orders.page", order_id=order_id)
    asking = ask_first(finalize_question(shown), taken(shown), _("Confirm order"), back)
    if asking is not None:
        return asking

    def confirm(form: Form) -> Callable[[Session, Actor], Landing]:
        def work(session: Session, actor: Actor) -> Landing:
            command = ConfirmOrder(order_id, form["version"], form["seen_total"])
            done = confirming.confirm.within(session, command, actor=actor)
            return Landing(back, _("Order %(number)s is confirmed.", number=done.number))

        return work

    form = Form.sent(forms.FinalizeForm(), "finalize")
    answer = form.once(confirm(form)) if form.ok else None
    if isinstance(form.refused, InsufficientStock | VariantUnavailable):
        confirming.flag_after(order_id, form.refused.code, actor=current_actor())
    return answer or refused_page(order_id, form)


@blueprint.post("/orders/<int:order_id>/cancel")
@requires("orders:write")
def cancel(order_id: int) -> ResponseReturnValue:
    """Cancel the order, after asking; of a confirmed one what is still out comes back, unless told otherwise."""
    form = Form.sent(forms.CancelForm(), "cancel")
    shown = reads.order_page(reading(), order_id)
    back = url_for("orders.page", order_id=order_id)
    question = _("Cancel order %(number)s?", number=shown.order.number)
    asking = ask_first(question, cancel_consequences(shown), _("Cancel the order"), back, tone="bad")
    if asking is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        reason = form["reason"] or forms.reason_of(shown.order.source, form["code"]) or _("order cancelled")
        command = CancelOrder(
            order_id, bool(form["restock"]), reason, form["version"], code=form["code"], refund=bool(form["refund"])
        )
        done = restock.cancel.within(session, command, actor=actor)
        returned = sum(done.returned.values())
        said = _("Order %(number)s is cancelled.", number=done.order.number)
        if returned:
            said += " " + ngettext("%(num)d unit is back in stock.", "%(num)d units are back in stock.", returned)
        said += owed_words(done)
        return Landing(back, said)

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)


@blueprint.get("/orders/<int:order_id>/restock")
@requires("orders:write")
def take_back(order_id: int) -> ResponseReturnValue:
    """The form for what came back: only what was sold and is still out."""
    return _restock_page(order_id, Form(), {})


def _restock_page(order_id: int, form: Form, errors: dict[int, list[str]]) -> ResponseReturnValue:
    shown = reads.order_page(reading(), order_id)
    if shown.order.confirmed_at is None:
        flash(_("Only what was confirmed can come back."), "error")
        return redirect(url_for("orders.page", order_id=order_id), 303)
    typed = {name: value for name, value in request.form.items() if name.startswith(("back_", "refund_"))}
    status = 422 if errors and form.refused is None else form.status
    return show("orders/restock.html", page=shown, order=shown.order, form=form, errors=errors, back=typed), status


@blueprint.post("/orders/<int:order_id>/restock")
@requires("orders:write")
def save_restock(order_id: int) -> ResponseReturnValue:
    """Take units back, into the stock or written off."""
    form = Form.sent(forms.RestockForm())
    lines, errors = forms.sent_restock()
    if form.ok and not errors and not lines:
        form.general.append(_("Say of at least one line how many came back."))
    if form.ok and not errors:

        def work(session: Session, actor: Actor) -> Landing:
            to_stock = form["disposition"] == "stock"
            command = RestockOrder(
                order_id, form["reason"], lines, to_stock, form["version"], kind=form["kind"] or "return",
                write_off=None if to_stock else form["disposition"], refund=bool(form["refund"]),
            )  # fmt: skip
            done = restock.restock.within(session, command, actor=actor)
            units = sum(done.returned.values())
            said = (
                ngettext("%(num)d unit is back in stock.", "%(num)d units are back in stock.", units)
                if to_stock
                else ngettext("%(num)d unit is written off.", "%(num)d units are written off.", units)
            )
            said += owed_words(done)
            return Landing(url_for("orders.page", order_id=order_id), said)

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, OverRestock):
            errors = {form.refused.item_id: [sentence(form.refused)]}
            form.general = []
        elif isinstance(form.refused, Invalid):
            errors = forms.amount_errors(form.refused, [line.item_id for line in lines], "refund")
    return _restock_page(order_id, form, errors)
