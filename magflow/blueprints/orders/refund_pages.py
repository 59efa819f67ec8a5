"""Money back without goods: a discount afterwards, or something that never arrived. Recorded, never paid from here."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders import forms
from magflow.blueprints.orders.shown import reading
from magflow.domain.actors import Actor
from magflow.domain.errors import Invalid
from magflow.queries import orders as reads
from magflow.services import refunds
from magflow.services.refunds import RefundOrder
from magflow.web.forms import Form, Landing, show
from magflow.web.locale import _, money
from magflow.web.permissions import requires

blueprint = Blueprint("order_refunds", __name__)


@blueprint.get("/orders/<int:order_id>/refund")
@requires("orders:write")
def refund(order_id: int) -> ResponseReturnValue:
    """The form for what is owed back although nothing came back."""
    return _page(order_id, Form(), {})


def _page(order_id: int, form: Form, errors: dict[int, list[str]]) -> ResponseReturnValue:
    shown = reads.order_page(reading(), order_id)
    if shown.order.confirmed_at is None:
        flash(_("Only what was confirmed can be owed back."), "error")
        return redirect(url_for("orders.page", order_id=order_id), 303)
    typed = {name: value for name, value in request.form.items() if name.startswith("refund_")}
    status = 422 if errors and form.refused is None else form.status
    page = show("orders/refund.html", page=shown, order=shown.order, form=form, errors=errors, typed=typed)
    return page, status


@blueprint.post("/orders/<int:order_id>/refund")
@requires("orders:write")
def save(order_id: int) -> ResponseReturnValue:
    """Record it, line by line: never more than a line cost."""
    form = Form.sent(forms.RefundForm())
    lines, errors = forms.sent_refund()
    if form.ok and not errors and not lines:
        form.general.append(_("Say of at least one line how much is owed back."))
    if form.ok and not errors:

        def work(session: Session, actor: Actor) -> Landing:
            command = RefundOrder(order_id, lines, form["reason"], form["version"])
            done = refunds.refund.within(session, command, actor=actor)
            said = _("Owed back: %(amount)s.", amount=money(done.total, done.order.currency))
            return Landing(url_for("orders.page", order_id=order_id), said)

        if (answer := form.once(work)) is not None:
            return answer
        if isinstance(form.refused, Invalid):
            errors = forms.amount_errors(form.refused, [line.item_id for line in lines], "amount")
    return _page(order_id, form, errors)
