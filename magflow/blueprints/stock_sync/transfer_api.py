"""The API of transfers: what one would do, making it, and following its goods."""

from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import answers, requests
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import stock_sync as reads
from magflow.queries import transfers as queries
from magflow.services.stock_sync import transfers
from magflow.services.stock_sync.suggestion import Wanted, plan
from magflow.services.stock_sync.transfers import NewTransfer, OfTransfer, Receive
from magflow.web.answers import listed
from magflow.web.api import ApiBlueprint, id_after, perform, success
from magflow.web.permissions import requires

api = ApiBlueprint("api_transfers", __name__, description="Transfers between accounts")


@api.post("/stock-sync/transfer/suggest")
@requires("stock:read")
@api.reads(requests.SuggestBody)
@api.answers(answers.SuggestionOut, description="Both sides now and after; nothing is written")
def suggest(data: dict[str, Any]) -> Response:
    """Say what a transfer would do. `meta` says what is expected of it, and from which figures."""
    made = plan(db.session(), _wanted(data))
    return success(answers.suggestion_json(made), meta=answers.suggestion_meta(made))


@api.get("/stock-sync/transfers")
@requires("stock:read")
@api.filters(requests.TransfersQuery)
@api.answers(answers.TransferOut, many=True, description="Transfers, newest first")
def list_transfers(query: dict[str, Any]) -> Response:
    """List transfers."""
    if "state" in query and "status" in query:
        raise Invalid([FieldError("status", "one_of", {"fields": "state, status"})])
    wanted = queries.TransferFilter(query.get("state", query.get("status")), query.get("sku"))
    page = queries.transfers(db.session(), wanted, after=id_after(query) or None, limit=query["limit"])
    return listed([answers.transfer_json(row) for row in page.rows], page)


@api.post("/stock-sync/transfers")
@requires("stock:write")
@api.reads(requests.NewTransferBody)
@api.answers(answers.TransferOut, status=(200, 201), description="The transfer; 200 when it was there already")
def create_transfer(data: dict[str, Any]) -> Response:
    """Write a transfer down; with `approve` it is carried out. Asked for twice, there is one."""
    command = NewTransfer(_wanted(data), data["confirm"], data["approve"], data.get("note"), data.get("alert_id"))
    return perform(
        transfers.create,
        command,
        present=lambda session, done: _transfer(session, done.transfer),
        created=lambda done: done.new,
    )


@api.get("/stock-sync/transfers/<int:transfer_id>")
@requires("stock:read")
@api.answers(answers.TransferOut, description="The transfer and what happened to its goods")
def get_transfer(transfer_id: int) -> Response:
    """Read a transfer."""
    return success(answers.transfer_json(queries.transfer(db.session(), transfer_id)))


@api.post("/stock-sync/transfers/<int:transfer_id>/approve")
@requires("stock:write")
@api.reads(requests.NoteBody, required=False)
@api.answers(answers.TransferOut, description="The transfer: a re-division carried out, a shipment requested")
def approve(data: dict[str, Any], transfer_id: int) -> Response:
    """Say yes to a transfer. A second yes changes nothing."""
    return perform(transfers.approve, OfTransfer(transfer_id, data.get("note")), present=_transfer)


@api.post("/stock-sync/transfers/<int:transfer_id>/ship")
@requires("stock:write")
@api.reads(requests.NoteBody, required=False)
@api.answers(answers.TransferOut, description="The transfer, in transit")
def ship(data: dict[str, Any], transfer_id: int) -> Response:
    """Say that the parcel has left: what left the shop is taken from its stock."""
    return perform(transfers.ship, OfTransfer(transfer_id, data.get("note")), present=_transfer)


@api.post("/stock-sync/transfers/<int:transfer_id>/receive")
@requires("stock:write")
@api.reads(requests.ReceiveBody, required=False)
@api.answers(answers.TransferOut, description="The transfer; done unless more is on its way")
def receive(data: dict[str, Any], transfer_id: int) -> Response:
    """Say how many have arrived so far, in all. The same again changes nothing."""
    command = Receive(transfer_id, data.get("quantity"), data.get("final", True), data.get("reason"))
    return perform(transfers.receive, command, present=_transfer)


@api.post("/stock-sync/transfers/<int:transfer_id>/complete")
@requires("stock:write")
@api.reads(requests.NoteBody, required=False)
@api.answers(answers.TransferOut, description="The transfer, tried again")
def complete(data: dict[str, Any], transfer_id: int) -> Response:
    """Try the side again that the marketplace refused."""
    return perform(transfers.complete, OfTransfer(transfer_id, data.get("note")), present=_transfer)


@api.post("/stock-sync/transfers/<int:transfer_id>/cancel")
@requires("stock:write")
@api.reads(requests.NoteBody, required=False)
@api.answers(answers.TransferOut, description="The transfer, cancelled; what was half done is undone")
def cancel(data: dict[str, Any], transfer_id: int) -> Response:
    """Take a transfer back as far as it went."""
    return perform(transfers.cancel, OfTransfer(transfer_id, data.get("note")), present=_transfer)


def _wanted(data: dict[str, Any]) -> Wanted:
    session = db.session()
    variant_id = data.get("variant_id")
    if variant_id is None:
        if not data.get("sku"):
            raise Invalid([FieldError("sku", "required", {"or": "variant_id"})])
        variant_id = reads.variant_of(session, data["sku"])
    elif (sku := data.get("sku")) and (there := reads.analyse_one(session, variant_id).analysis.sku) != sku:
        raise Invalid([FieldError("sku", "not_its_sku", {"sku": there})])
    return Wanted(variant_id, data["from_account"], data["to_account"], data["amount"])


def _transfer(session: Session, done: Any) -> dict[str, Any]:
    return answers.transfer_json(queries.transfer(session, done.id))
