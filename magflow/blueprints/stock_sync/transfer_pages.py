"""Pages of transfers: the wizard, the list, and one transfer from the first word to the last unit."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import forms, words
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound, Refused
from magflow.domain.stock_sync import LOSES_BUTTON, SAFE
from magflow.queries import stock_sync as reads
from magflow.queries import transfers as queries
from magflow.queries.catalogue import variant_rows
from magflow.services.stock_sync import transfers
from magflow.services.stock_sync.suggestion import Plan, Wanted, plan
from magflow.services.stock_sync.transfers import NewTransfer, OfTransfer, Receive
from magflow.web.forms import Form, Landing, act, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.sentences import sentence

blueprint = Blueprint("sync_transfers", __name__)


@blueprint.get("/stock-sync/transfers")
@requires("stock:read")
def index() -> str:
    """All transfers, newest first."""
    listing = Listing(forms.TransfersQuery())
    wanted = queries.TransferFilter(state=listing["view"], sku=listing["q"])
    page = queries.transfers(db.session(), wanted, after=listing.after_id, limit=PAGE)
    states = ("suggested", "approved", "running", "done", "failed", "cancelled")
    return show(
        "stock_sync/transfers.html",
        area_tabs=words.tabs("transfers"),
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        views=[listing.tab(_("All"), ""), *(listing.tab(words.TRANSFER_WORDS[state], state) for state in states)],
    )


# --- the wizard ------------------------------------------------------------------------------------------------------


@blueprint.get("/stock-sync/transfers/new")
@requires("stock:write")
def new() -> ResponseReturnValue:
    """What a transfer would do: both sides now and after; every change of a field is looked at anew."""
    listing = Listing(forms.WhichTransferQuery())
    if listing["variant_id"] is None:
        raise NotFound("variant", request.args.get("variant_id", ""))
    return _wizard(listing.values, Form())


@blueprint.post("/stock-sync/transfers/new")
@requires("stock:write")
def create() -> ResponseReturnValue:
    """Write it down and approve it: a re-division is carried out, a shipment is requested."""
    form = Form.sent(forms.TransferForm())
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            wanted = Wanted(form["variant_id"], form["from_account"], form["to_account"], form["amount"])
            command = NewTransfer(wanted, bool(form["confirm"]), True, form["note"], form["alert_id"])
            made = transfers.create.within(session, command, actor=actor).transfer
            where = url_for("sync_transfers.page", transfer_id=made.id)
            said = _("The stock is divided anew.") if made.state == "done" else _("The transfer is approved.")
            return Landing(where, said)

        if (answer := form.once(work)) is not None:
            return answer
    if form["variant_id"] is None:
        raise NotFound("variant", form.text("variant_id"))
    return _wizard(form.values, form)


def _wizard(values: dict[str, Any], form: Form) -> ResponseReturnValue:
    session = db.session()
    one = reads.analyse_one(session, values["variant_id"])
    offers = {offer.code: offer for offer in one.analysis.offers}
    advice = next((a for a in one.analysis.recommendations if a.giver and a.receiver), None)
    giver = values.get("from_account") or (advice.giver.code if advice and advice.giver else "")
    receiver = values.get("to_account") or (advice.receiver.code if advice and advice.receiver else "")
    amount = values.get("amount") or (advice.amount if advice else None) or 1
    made, refusal = None, ""
    if giver and receiver:
        try:
            made = plan(session, Wanted(values["variant_id"], giver, receiver, amount))
        except Refused as refused:
            refusal = sentence(refused)
    page = show(
        "stock_sync/transfer_new.html",
        one=one,
        choices=[(code, f"{offer.name} ({offer.stock})") for code, offer in offers.items()],
        giver=giver,
        receiver=receiver,
        amount=amount,
        plan=made,
        warnings=_warnings(made) if made else [],
        needs_word=made is not None and made.effect.from_impact == LOSES_BUTTON,
        refusal=refusal,
        suggested=advice if advice and (giver, receiver, amount) == _suggested(advice) else None,
        alert_id=values.get("alert_id"),
        form=form,
    )
    return page, form.status


def _suggested(advice: Any) -> tuple[str, str, int | None]:
    return advice.giver.code, advice.receiver.code, advice.amount


def _warnings(made: Plan) -> list[str]:
    done = made.effect
    said = []
    if done.from_impact != SAFE:
        said.append(words.warning(done.giver, done.giver.stock - done.amount, done.from_impact))
    if not done.receiver.active:
        said.append(_("The offer in %(account)s is not active.", account=done.receiver.name))
    if len(done.warnings) > len(said):
        said.append(_("The two offers have different product keys."))
    return said


# --- one transfer ----------------------------------------------------------------------------------------------------


@blueprint.get("/stock-sync/transfers/<int:transfer_id>")
@requires("stock:read")
def page(transfer_id: int) -> ResponseReturnValue:
    """A transfer: where it stands, what can be done, what happened."""
    return _page(transfer_id, Form())


def _page(transfer_id: int, form: Form) -> ResponseReturnValue:
    row = queries.transfer(db.session(), transfer_id)
    variant_id = row.transfer.variant_id
    priority_now = reads.analyse_one(db.session(), variant_id).analysis.priority if variant_id else None
    page = show("stock_sync/transfer.html", row=row, transfer=row.transfer, priority_now=priority_now, form=form)
    return page, form.status


@blueprint.get("/stock-sync/transfers/<int:transfer_id>/packing-list")
@requires("stock:read")
def packing_list(transfer_id: int) -> str:
    """A sheet for the parcel."""
    row = queries.transfer(db.session(), transfer_id)
    found = variant_rows(db.session(), [row.transfer.variant_id] if row.transfer.variant_id else [])
    return show("stock_sync/packing_list.html", row=row, transfer=row.transfer, line=next(iter(found), None))


@blueprint.post("/stock-sync/transfers/<int:transfer_id>/approve")
@requires("stock:write")
def approve(transfer_id: int) -> ResponseReturnValue:
    """Say yes."""
    return _act(transfer_id, transfers.approve, _("The transfer is approved."))


@blueprint.post("/stock-sync/transfers/<int:transfer_id>/ship")
@requires("stock:write")
def ship(transfer_id: int) -> ResponseReturnValue:
    """The parcel has left."""
    return _act(transfer_id, transfers.ship, _("It is in transit."))


@blueprint.post("/stock-sync/transfers/<int:transfer_id>/complete")
@requires("stock:write")
def complete(transfer_id: int) -> ResponseReturnValue:
    """Try the refused side again."""
    return _act(transfer_id, transfers.complete, _("It is tried again."))


@blueprint.post("/stock-sync/transfers/<int:transfer_id>/cancel")
@requires("stock:write")
def cancel(transfer_id: int) -> ResponseReturnValue:
    """Take it back as far as it went."""
    return _act(transfer_id, transfers.cancel, _("The transfer is cancelled."))


@blueprint.post("/stock-sync/transfers/<int:transfer_id>/receive")
@requires("stock:write")
def receive(transfer_id: int) -> ResponseReturnValue:
    """Units have arrived."""
    form = Form.sent(forms.ReceiveForm())
    row = queries.transfer(db.session(), transfer_id)
    short = form.ok and form["quantity"] < row.transfer.amount and not form["more"]
    if short and not form["reason"]:
        form.complain("reason", _("Say why less arrived than was sent."))
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            command = Receive(transfer_id, form["quantity"], not form["more"], form["reason"])
            done = transfers.receive.within(session, command, actor=actor)
            said = _("Received: %(n)s of %(amount)s.", n=done.received, amount=done.amount)
            return Landing(url_for("sync_transfers.page", transfer_id=transfer_id), said)

        if (answer := form.once(work)) is not None:
            return answer
    return _page(transfer_id, form)


def _act(transfer_id: int, service: Any, said: str) -> ResponseReturnValue:
    back = url_for("sync_transfers.page", transfer_id=transfer_id)

    def work(session: Session, actor: Actor) -> Landing:
        service.within(session, OfTransfer(transfer_id), actor=actor)
        return Landing(back, said)

    done: Callable[[Session, Actor], Landing] = work
    return act(done, back)
