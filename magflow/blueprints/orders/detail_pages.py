"""Pages around an order: whose it is, what is sent and billed, and what to do about one that cannot be covered."""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.orders import forms
from magflow.blueprints.orders.shown import reading, refused_page
from magflow.domain.actors import Actor
from magflow.queries import orders as reads
from magflow.services import handling, order_split, orders
from magflow.services.handling import BuyIn, HandleOrder
from magflow.services.order_split import SplitOrder
from magflow.services.orders import ChangeDetails
from magflow.web.forms import Form, Landing, ask_first, show
from magflow.web.locale import _
from magflow.web.permissions import requires

blueprint = Blueprint("order_details", __name__)


@blueprint.get("/orders/<int:order_id>/customer")
@requires("orders:write")
def customer(order_id: int) -> ResponseReturnValue:
    """The form of the customer and the addresses."""
    return _customer_page(order_id, Form())


def _customer_page(order_id: int, form: Form) -> ResponseReturnValue:
    shown = reads.order_page(reading(), order_id)
    stored, fields = forms.stored_details(shown), forms.address_labels()
    return show("orders/customer.html", order=shown.order, form=form, stored=stored, fields=fields), form.status


@blueprint.post("/orders/<int:order_id>/customer")
@requires("orders:write")
def save_customer(order_id: int) -> ResponseReturnValue:
    """Change them, while the order is pending."""
    form = Form.sent(forms.AddressForm())

    def work(session: Session, actor: Actor) -> Landing:
        orders.change_details.within(
            session, ChangeDetails(order_id, forms.details(form), form["version"]), actor=actor
        )
        return Landing(url_for("orders.page", order_id=order_id), _("Saved."))

    answer = form.once(work) if form.ok else None
    return answer or _customer_page(order_id, form)


@blueprint.post("/orders/<int:order_id>/handling")
@requires("orders:write")
def handle(order_id: int) -> ResponseReturnValue:
    """Write down waybill, invoice and note."""
    form = Form.sent(forms.HandlingForm(), "handling")

    def work(session: Session, actor: Actor) -> Landing:
        orders.change_details.within(session, ChangeDetails(order_id, {"note": form["note"]}), actor=actor)
        handling.handle.within(session, HandleOrder(order_id, form["waybill"], form["invoice_number"]), actor=actor)
        return Landing(url_for("orders.page", order_id=order_id), _("Saved."))

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)


@blueprint.post("/orders/<int:order_id>/buy-in")
@requires("orders:write")
def buy_in(order_id: int) -> ResponseReturnValue:
    """The missing goods are being got, or no longer; the order waits, its units stay reserved."""
    form = Form.sent(forms.BuyInForm(), "buy-in")

    def work(session: Session, actor: Actor) -> Landing:
        handling.buy_in.within(session, BuyIn(order_id, bool(form["wanted"]), form["version"]), actor=actor)
        said = _("Noted: the missing goods are being bought in. The order stays reserved.")
        return Landing(url_for("orders.page", order_id=order_id), said if form["wanted"] else _("Saved."))

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)


@blueprint.post("/orders/<int:order_id>/split")
@requires("orders:write")
def split(order_id: int) -> ResponseReturnValue:
    """Move what is missing into an order of its own, after asking."""
    form = Form.sent(forms.VersionForm(), "split")
    back = url_for("orders.page", order_id=order_id)
    consequences = [
        _("This order keeps what is in stock and can be confirmed."),
        _("What is missing goes into a new pending order of the same customer."),
    ]
    asking = ask_first(_("Split this order?"), consequences, _("Split"), back)
    if asking is not None:
        return asking

    def work(session: Session, actor: Actor) -> Landing:
        done = order_split.split.within(session, SplitOrder(order_id, form["version"]), actor=actor)
        return Landing(back, _("What is missing stands in order %(number)s now.", number=done.rest.number))

    answer = form.once(work) if form.ok else None
    return answer or refused_page(order_id, form)
