"""Pages of an order's lines: added, counted anew, turned into another variant, removed."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders import forms
from magflow.blueprints.orders.shown import reading, refused_page
from magflow.domain.actors import Actor
from magflow.domain.orders import PENDING
from magflow.queries import catalogue
from magflow.queries import orders as reads
from magflow.services import orders
from magflow.services.orders import AddItem, ChangeItemVariant, ChangeQuantity, ItemChange, NewItem
from magflow.web.forms import Form, Landing, ask_first, show
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("order_lines", __name__)


def _line_landing(order_id: int, change: ItemChange, sku: str | None) -> Landing:
    quantity = change.item.quantity if change.item is not None else 0
    said = {
        "created": _("%(sku)s is on the order.", sku=sku),
        "merged": _("%(sku)s was on the order already: the two lines are one now, %(n)s units.", sku=sku, n=quantity),
        "updated": _("The quantity is %(n)s now.", n=quantity),
        "removed": _("The line is gone."),
        "changed": _("The line is %(sku)s now.", sku=sku),
        "no_change": _("Nothing was changed."),
    }
    # Whoever adds goes on adding: the next page begins in the field.
    adding = 1 if change.action in {"created", "merged"} else None
    return Landing(url_for("orders.page", order_id=order_id, adding=adding), said[change.action])


@blueprint.post("/orders/<int:order_id>/lines")
@requires("orders:write")
def add(order_id: int) -> ResponseReturnValue:
    """Put a variant on a pending order."""
    form = Form.sent(forms.AddLineForm(), "add")
    named = forms.named(reading(), form["what"], form["variant_id"]) if form.ok else forms.Named()
    for said in named.errors:
        form.complain("what", said)
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            item = NewItem(form["quantity"], variant_id=named.variant_id)
            change = orders.add_item.within(session, AddItem(order_id, item, form["version"]), actor=actor)
            return _line_landing(order_id, change, _sku_of(session, named.variant_id))

        if (answer := form.once(work)) is not None:
            return answer
    return refused_page(order_id, form, named)


@blueprint.post("/orders/<int:order_id>/lines/<int:item_id>/quantity")
@requires("orders:write")
def quantity(order_id: int, item_id: int) -> ResponseReturnValue:
    """Set a line's quantity; zero removes it."""
    form = Form.sent(forms.QuantityForm(), f"quantity-{item_id}")

    def work(session: Session, actor: Actor) -> Landing:
        command = ChangeQuantity(order_id, item_id, form["quantity"], form["version"])
        return _line_landing(order_id, orders.change_quantity.within(session, command, actor=actor), None)

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)


@blueprint.post("/orders/<int:order_id>/lines/<int:item_id>/remove")
@requires("orders:write")
def remove(order_id: int, item_id: int) -> ResponseReturnValue:
    """Take a line out, after asking."""
    form = Form.sent(forms.VersionForm(), "remove")
    back = url_for("orders.page", order_id=order_id)
    asking = ask_first(_("Remove this line?"), [_("It leaves the order.")], _("Remove"), back)
    if asking is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        command = ChangeQuantity(order_id, item_id, 0, form["version"])
        return _line_landing(order_id, orders.change_quantity.within(session, command, actor=actor), None)

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)


@blueprint.get("/orders/<int:order_id>/lines/<int:item_id>/variant")
@requires("orders:write")
def choose_variant(order_id: int, item_id: int) -> ResponseReturnValue:
    """Choose what a line should be instead."""
    return _variant_page(order_id, item_id, Form(), forms.Named())


def _variant_page(order_id: int, item_id: int, form: Form, named: forms.Named) -> ResponseReturnValue:
    shown = reads.order_page(reading(), order_id)
    line = next((line for line in shown.lines if line.item.id == item_id), None)
    if line is None or shown.order.status != PENDING:
        flash(_("This line is not there any more, or its order is no longer pending."), "error")
        return redirect(url_for("orders.page", order_id=order_id), 303)
    siblings = catalogue.product_page(reading(), line.item.product_id) if line.item.product_id is not None else None
    lines = {other.item.variant_id: other for other in shown.lines if other is not line}
    return (
        show(
            "orders/variant.html", order=shown.order, line=line, siblings=siblings, lines=lines, form=form, named=named
        ),
        form.status,
    )


@blueprint.post("/orders/<int:order_id>/lines/<int:item_id>/variant")
@requires("orders:write")
def change_variant(order_id: int, item_id: int) -> ResponseReturnValue:
    """Turn a line into another variant; a line that has it already takes the quantity."""
    form = Form.sent(forms.LineVariantForm())
    named = forms.named(reading(), form["what"], form["variant_id"]) if form.ok else forms.Named()
    for said in named.errors:
        form.complain("what", said)
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = ChangeItemVariant(order_id, item_id, named.variant_id, seen_version=form["version"])
            change = orders.change_item_variant.within(session, command, actor=actor)
            return _line_landing(order_id, change, _sku_of(session, named.variant_id))

        if (answer := form.once(work)) is not None:
            return answer
    return _variant_page(order_id, item_id, form, named)


def _sku_of(session: Session, variant_id: int | None) -> str | None:
    return catalogue.variant(session, variant_id).variant.sku if variant_id is not None else None
