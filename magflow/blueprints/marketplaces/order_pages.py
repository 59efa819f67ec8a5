"""Where an order stands at its marketplace, and what is told there: waybill, invoice, storno; returns of customers."""

import re
from typing import Final

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.marketplaces.words import ORDER_STATUS, RETURN_STATUS, RETURN_VERBS, told, trouble
from magflow.db import db
from magflow.domain.border import Unfit, integer
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.domain.marketplaces import FINALIZED, PREPARED, RETURN_MOVES
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import PickUp
from magflow.queries import market_writes as writes
from magflow.queries import marketplaces as queries
from magflow.services import market_order_asks, market_sync, shared_documents
from magflow.services.market_order_asks import AttachInvoice, SetOrderStatus, SetReturnStatus, Ship, TellStorno
from magflow.services.market_orders import reading_of
from magflow.web.auth import current_actor
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.sentences import FIELD, field_sentences, sentence

blueprint = Blueprint("account_orders", __name__)

Errors = dict[str, list[str]]
SHIPPED_BY_SELLER: Final = 3
SEPARATOR: Final = "|"
NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@blueprint.get("/orders/<int:order_id>/marketplace")
@requires("orders:read")
def show(order_id: int) -> ResponseReturnValue:
    """The order as its marketplace has it, and what may be told there."""
    if not writes.came_through_an_account(db.session(), order_id):
        flash(_("This order did not come through an account: nothing is known of it elsewhere."), "error")
        return redirect(url_for("orders.page", order_id=order_id), 303)
    return _show(order_id, {})


def _show(order_id: int, errors: Errors) -> str:
    session = db.session()
    row = writes.order_side(session, order_id)
    lines = writes.order_lines(session, order_id)
    reading = reading_of(row.payload)
    shown = {line.external_id: line.quantity if line.active else 0 for line in reading.lines}
    rows = writes.of_order(session, order_id)
    missing = shared_documents.lacking(session, order_id)
    context = {
        "lines": lines,
        "shown": shown,
        "came_back": any(line.quantity - line.restocked_quantity < shown.get(line.external_id, 0) for line in lines),
        "sender": writes.last_sender(session, row.account_id),
        "label": next((w for w in rows if w.kind == "waybill" and w.state == "done" and w.said.get("label_id")), None),
        "cash": reading.cash_on_delivery,
        "currency": reading.currency,
        "lacking": FIELD[missing] if missing else None,
        "missing": missing,
    }
    places, said = _places(row) if _may_ship(row) else ([], "")
    return render_template(
        "accounts/order.html",
        row=row,
        **context,
        status=ORDER_STATUS,
        may_ship=_may_ship(row),
        may_prepare=row.kind == SHIPPED_BY_SELLER and row.status in {2, 3},
        prepared=PREPARED,
        finalized=FINALIZED,
        places=places,
        said=said,
        form=request.form if errors else {},
        errors=errors,
        **told(rows),
    )


def _may_ship(row: object) -> bool:
    return bool(getattr(row, "kind", 0) == SHIPPED_BY_SELLER and getattr(row, "status", 0) in {2, 3, 4}
                and getattr(row, "has_password", False))  # fmt: skip


def _places(row: object) -> tuple[list[tuple[str, str]], str]:
    """The seller's addresses as choices; without them, why there are none."""
    db.session.remove()  # nothing is held in the database while the marketplace is asked
    try:
        found = market_order_asks.addresses(market_sync.account_of(getattr(row, "account_id", 0)))
    except MarketplaceError as error:
        return [], trouble(error.trouble)
    except Refused as refused:
        return [], sentence(refused)
    return [(SEPARATOR.join((place.id, str(place.locality_id), place.street)), place.label) for place in found], ""


@blueprint.post("/orders/<int:order_id>/marketplace/ship")
@requires("orders:write")
def ship(order_id: int) -> ResponseReturnValue:
    """Have a waybill issued."""
    form = request.form
    try:
        identity, locality, street = [*form.get("address", "").split(SEPARATOR, 2), "", ""][:3]
        if not identity or not locality.isdigit():
            raise Invalid([FieldError("address", "required")])
        place = PickUp(identity[:21], street[:255], int(locality[:12]), street[:255])
        command = Ship(order_id, form.get("sender", "").strip()[:255], form.get("contact", "").strip()[:255],
                       form.get("phone", "").strip(), place, _count("parcels"), _count("envelopes"))  # fmt: skip
        market_order_asks.ship(command, actor=current_actor())
    except Refused as refused:
        return _refused(order_id, refused, "address")
    return _landed(order_id)


def _count(name: str) -> int:
    try:
        return integer(request.form.get(name) or "0", most=9999, as_text=True)
    except Unfit as unfit:
        raise Invalid([FieldError(name, unfit.code, unfit.params)]) from unfit


def _refused(order_id: int, refused: Refused, field: str) -> ResponseReturnValue:
    if refused.status == 404:
        raise refused
    errors = field_sentences(refused) or {field: [sentence(refused)]}
    if "order" in errors or "status" in errors:
        errors[field] = [*errors.get("order", []), *errors.get("status", []), *errors.get(field, [])]
    return _show(order_id, errors), refused.status


def _landed(order_id: int) -> ResponseReturnValue:
    flash(_("It is sent in a few seconds; until then it can be taken back."), "success")
    return redirect(url_for("account_orders.show", order_id=order_id), 303)


@blueprint.post("/orders/<int:order_id>/marketplace/invoice")
@requires("orders:write")
def invoice(order_id: int) -> ResponseReturnValue:
    """Hand the invoice over."""
    form = request.form
    command = AttachInvoice(order_id, form.get("name", "").strip() or None, form.get("url", "").strip() or None)
    try:
        market_order_asks.attach_invoice(command, actor=current_actor())
    except Refused as refused:
        return _refused(order_id, refused, "name")
    return _landed(order_id)


@blueprint.post("/orders/<int:order_id>/marketplace/status")
@requires("orders:write")
def status(order_id: int) -> ResponseReturnValue:
    """Prepared, or finalized."""
    try:
        market_order_asks.set_order_status(SetOrderStatus(order_id, _count("status")), actor=current_actor())
    except Refused as refused:
        return _refused(order_id, refused, "told")
    return _landed(order_id)


@blueprint.post("/orders/<int:order_id>/marketplace/storno")
@requires("orders:write")
def storno(order_id: int) -> ResponseReturnValue:
    """Tell what came back here."""
    try:
        market_order_asks.tell_storno(TellStorno(order_id), actor=current_actor())
    except Refused as refused:
        return _refused(order_id, refused, "told")
    return _landed(order_id)


@blueprint.get("/orders/<int:order_id>/marketplace/label.pdf")
@requires("orders:read")
def label(order_id: int) -> ResponseReturnValue:
    """The label of the last waybill, as the marketplace has it."""
    account_id, label_id = writes.last_label(db.session(), order_id)
    number = writes.order_side(db.session(), order_id).number
    db.session.remove()  # nothing is held in the database while the marketplace is asked
    try:
        content = market_order_asks.label(market_sync.account_of(account_id), label_id)
    except MarketplaceError as error:
        flash(trouble(error.trouble), "error")
        return redirect(url_for("account_orders.show", order_id=order_id), 303)
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{NOT_IN_A_NAME.sub("-", number)}-label.pdf"'
    return answer


# --- returns ---------------------------------------------------------------------------------------------------------


@blueprint.get("/settings/accounts/<int:account_id>/returns")
@requires("orders:read")
def returns(account_id: int) -> ResponseReturnValue:
    """What customers of an account send back."""
    session = db.session()
    everything = request.args.get("all") == "1"
    moves = {was: [to for first, to in sorted(RETURN_MOVES) if first == was] for was, _to in RETURN_MOVES}
    return render_template(
        "accounts/returns.html",
        account=queries.account(session, account_id),
        rows=writes.returns(session, account_id, not everything),
        everything=everything,
        moves=moves,
        status=RETURN_STATUS,
        verbs=RETURN_VERBS,
    )


@blueprint.post("/settings/accounts/<int:account_id>/returns/<int:return_id>")
@requires("orders:write")
def set_return(account_id: int, return_id: int) -> ResponseReturnValue:
    """Approve, refuse, receive or close a return."""
    try:
        market_order_asks.set_return_status(SetReturnStatus(return_id, _count("status")), actor=current_actor())
    except Refused as refused:
        if refused.status == 404:
            raise
        said = field_sentences(refused)
        flash(next(iter(said.values()))[0] if said else sentence(refused), "error")
    else:
        flash(_("It is sent in a few seconds; until then it can be taken back."), "success")
    return redirect(url_for("account_orders.returns", account_id=account_id), 303)
