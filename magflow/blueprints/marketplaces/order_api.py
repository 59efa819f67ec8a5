"""The API of orders and returns at their marketplaces: waybill and label, invoice, storno, the steps of a return.

What is told is held back for ten seconds and sent by a worker; its state stands in the writes.
"""

from typing import Any, Final, cast

from flask import Response
from sqlalchemy.orm import Session

from magflow.blueprints.marketplaces import answers, order_answers, requests
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.marketplaces import STATUS_NAMES
from magflow.marketplaces.protocol import PickUp
from magflow.queries import market_writes as reads
from magflow.queries import marketplaces as account_reads
from magflow.services import accounts, market_order_asks, market_sync, market_writes
from magflow.services.market_order_asks import AttachInvoice, SetOrderStatus, SetReturnStatus, Ship, TellStorno
from magflow.services.market_writes import OfWrite
from magflow.web.api import ApiBlueprint, id_after, page_meta, perform, success
from magflow.web.bodies import EmptyBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_market_orders", __name__, description="Orders and returns at their marketplaces")

STATUS_OF: Final = {name: number for number, name in STATUS_NAMES.items()}
RETURN_STATUS_OF: Final = {name: number for number, name in order_answers.RETURN_NAMES.items()}
WAITS: Final = "It waits to be sent"
LABEL: Final[dict[int, Any]] = {
    200: {
        "description": "The label",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _told(_session: Session, done: Any) -> dict[str, Any]:
    return answers.write_json(done)


@api.get("/orders/<int:order_id>/marketplace")
@requires("orders:read")
@api.answers(order_answers.OrderThereOut, description="The order as its marketplace has it")
def order_there(order_id: int) -> Response:
    """Read where an order stands at its marketplace, and what was told there."""
    session = db.session()
    row = reads.order_side(session, order_id)
    lines, told = reads.order_lines(session, order_id), reads.of_order(session, order_id)
    return success(order_answers.order_there_json(row, lines, told))


@api.put("/orders/<int:order_id>/marketplace/status")
@requires("orders:write")
@api.reads(requests.OrderStatusBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def set_order_status(data: dict[str, Any], order_id: int) -> Response:
    """Say that an order is prepared, or finalized."""
    command = SetOrderStatus(order_id, STATUS_OF[data["status"]])
    return perform(market_order_asks.set_order_status, command, present=_told, status=202)


@api.post("/orders/<int:order_id>/waybill")
@requires("orders:write")
@api.reads(requests.WaybillBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def ship(data: dict[str, Any], order_id: int) -> Response:
    """Have a waybill issued; that alone finalizes the order at the marketplace. Its number is in `said`."""
    account_id = reads.order_side(db.session(), order_id).account_id
    place = _place(account_id, data.pop("address_id"))
    return perform(market_order_asks.ship, Ship(order_id, address=place, **data), present=_told, status=202)


def _place(account_id: int, address_id: str) -> PickUp:
    found = [place for place in _places(account_id) if place.id == address_id]
    if not found:
        raise Invalid([FieldError("address_id", "unknown")])
    return found[0]


def _places(account_id: int) -> list[PickUp]:
    db.session.remove()  # nothing is held in the database while the marketplace is asked
    with accounts.told_to_programs():
        return market_order_asks.addresses(market_sync.account_of(account_id))


@api.get("/accounts/<int:account_id>/addresses")
@requires("orders:read")
@api.answers(order_answers.AddressOut, many=True, description="Where couriers may fetch what is sent")
def list_addresses(account_id: int) -> Response:
    """Ask the marketplace for the seller's addresses, for `address_id` of a waybill."""
    found = _places(account_id)
    return success([vars(place) for place in found], meta=page_meta(len(found), None))


def _sends_label(view: Any) -> Any:
    return api.doc(responses=LABEL)(view)


@api.get("/orders/<int:order_id>/waybill/label")
@requires("orders:read")
@api.filters(requests.LabelQuery)
@_sends_label
def label(query: dict[str, Any], order_id: int) -> Response:
    """The label of the last waybill as PDF, as the marketplace has it."""
    account_id, label_id = reads.last_label(cast("Session", db.session), order_id)
    db.session.remove()
    with accounts.told_to_programs():
        content = market_order_asks.label(market_sync.account_of(account_id), label_id, query["paper"])
    return Response(content, mimetype="application/pdf")


@api.post("/orders/<int:order_id>/invoice")
@requires("orders:write")
@api.reads(requests.InvoiceBody, required=False)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def attach_invoice(data: dict[str, Any], order_id: int) -> Response:
    """Hand the invoice over: the one that stands at `url`, or MagFlow's own, by a signed link."""
    command = AttachInvoice(order_id, data.get("name"), data.get("url"))
    return perform(market_order_asks.attach_invoice, command, present=_told, status=202)


@api.post("/orders/<int:order_id>/storno")
@requires("orders:write")
@api.reads(EmptyBody, required=False)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def storno(_data: dict[str, Any], order_id: int) -> Response:
    """Tell the marketplace what came back here: fewer units per line, or the whole order returned."""
    return perform(market_order_asks.tell_storno, TellStorno(order_id), present=_told, status=202)


# --- returns ---------------------------------------------------------------------------------------------------------


@api.get("/accounts/<int:account_id>/returns")
@requires("orders:read")
@api.filters(requests.ReturnsQuery)
@api.answers(order_answers.ReturnOut, many=True, description="Returns, newest first")
def list_returns(query: dict[str, Any], account_id: int) -> Response:
    """List what customers of an account send back."""
    session, limit = db.session(), query["limit"]
    account_reads.account(session, account_id)
    only_open = query["state"] == "open"
    rows = reads.returns(session, account_id, only_open, id_after(query), limit + 1)
    following = [rows[limit - 1].id] if len(rows) > limit else None
    total = reads.count_returns(session, account_id, only_open)
    return success([order_answers.return_json(row) for row in rows[:limit]], meta=page_meta(total, following))


@api.put("/returns/<int:return_id>/status")
@requires("orders:write")
@api.reads(requests.ReturnStatusBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def set_return_status(data: dict[str, Any], return_id: int) -> Response:
    """Approve, refuse, cancel, receive or close a return. Goods that were received go back into stock once."""
    command = SetReturnStatus(return_id, RETURN_STATUS_OF[data["status"]])
    return perform(market_order_asks.set_return_status, command, present=_told, status=202)


# --- what was told ---------------------------------------------------------------------------------------------------


@api.get("/accounts/<int:account_id>/writes")
@requires("stock:read")
@api.filters(requests.WritesQuery)
@api.answers(answers.WriteOut, many=True, description="What the marketplace was told, newest first")
def list_writes(query: dict[str, Any], account_id: int) -> Response:
    """List what an account's marketplace was told, and what became of it."""
    session, limit, state = db.session(), query["limit"], query.get("state", "")
    account_reads.account(session, account_id)
    rows = reads.of_account(session, account_id, state, limit + 1, id_after(query))
    following = [rows[limit - 1].id] if len(rows) > limit else None
    total = reads.count_writes(session, account_id, state)
    return success([answers.write_json(row) for row in rows[:limit]], meta=page_meta(total, following))


@api.get("/writes/<int:write_id>")
@requires("stock:read")
@api.answers(answers.WriteOut, description="What became of it")
def get_write(write_id: int) -> Response:
    """Read something that a marketplace was told."""
    return success(answers.write_json(market_writes.get(db.session(), write_id)))


@api.post("/writes/<int:write_id>/take-back")
@requires("stock:write")
@api.reads(EmptyBody, required=False)
@api.answers(answers.WriteOut, description="It is taken back; nothing was sent")
def take_back(_data: dict[str, Any], write_id: int) -> Response:
    """Take something back that was not sent yet."""
    return perform(market_writes.take_back, OfWrite(write_id), present=_told)


@api.post("/writes/<int:write_id>/send-again")
@requires("stock:write")
@api.reads(EmptyBody, required=False)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def send_again(_data: dict[str, Any], write_id: int) -> Response:
    """Send something again that was refused, taken back, or of which nobody knows."""
    return perform(market_writes.send_again, OfWrite(write_id), present=_told, status=202)
