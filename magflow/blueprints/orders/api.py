"""The API of orders: taken, changed while they are pending, confirmed, cancelled, returned."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final

from flask import Response, current_app
from sqlalchemy.orm import Session

from magflow.blueprints.orders import answers, requests
from magflow.db import db
from magflow.domain.errors import InsufficientStock, VariantUnavailable
from magflow.queries import images
from magflow.queries import orders as queries
from magflow.services import checkout, checkout_in_bulk, confirming, order_intake, orders, refunds, restock
from magflow.web.answers import listed
from magflow.web.api import ApiBlueprint, id_after, perform, success
from magflow.web.auth import current_actor
from magflow.web.permissions import requires

api = ApiBlueprint("api_orders", __name__, description="Orders, their lines, and what came back")

CONFLICT: Final = 409
REPLAYED: Final = "Idempotent-Replay"
PICTURE: Final[dict[int, Any]] = {
    200: {
        "description": "The picture",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/webp")},
    }
}


def _shop_rate(session: Session) -> Callable[[], Decimal]:
    return cache(lambda: queries.shop_vat_rate(session))


def _order(session: Session, order_id: int) -> dict[str, Any]:
    return answers.order_json(queries.order_page(session, order_id), _shop_rate(session))


def _changed(session: Session, change: orders.ItemChange) -> dict[str, Any]:
    item = change.item or change.removed
    if item is None:
        raise AssertionError("a change is of a line that stands, or of one that is gone")
    return answers.changed_json(change, queries.shown(session, item), _shop_rate(session))


@api.get("/orders")
@requires("orders:read")
@api.filters(requests.OrdersQuery)
@api.answers(answers.OrderOut, many=True, description="Orders, newest first, with their lines")
def list_orders(query: dict[str, Any]) -> Response:
    """List orders."""
    session = db.session()
    filters = ("q", "status", "source", "source_account", "external_id", "placed_from", "placed_to")
    wanted = queries.OrderFilter(**{name: query[name] for name in filters if name in query})
    page = queries.order_ids(session, wanted, after=id_after(query) or None, limit=query["limit"])
    shop_rate = _shop_rate(session)
    pages = queries.order_pages(session, page.rows)
    return listed([answers.order_json(order, shop_rate) for order in pages], page)


@api.post("/orders")
@requires("orders:write")
@api.reads(requests.NewOrderBody)
@api.answers(answers.OrderOut, status=201, description="The order, pending")
def create_order(data: dict[str, Any]) -> Response:
    """Take an order. Lines of one variant merge; stock is asked when it is finalized, not here."""
    return perform(
        orders.create,
        requests.new_order(data, current_app.config["MAGFLOW"].currency),
        present=lambda session, order: _order(session, order.id),
        created=True,
    )


@api.post("/orders/bulk")
@requires("orders:write")
@api.reads(requests.TakeOrdersBody)
@api.answers(answers.ManyOut, description="The outcome of each, in the order that they were sent")
def take_orders(data: dict[str, Any]) -> Response:
    """Take up to 500 orders; each succeeds or fails for itself. An order that was taken before is told so."""
    currency = current_app.config["MAGFLOW"].currency
    wanted = [requests.new_order(order, currency, f"orders[{n}].") for n, order in enumerate(data["orders"])]
    return perform(
        order_intake.take,
        order_intake.TakeOrders(wanted, data["finalize"]),
        present=lambda _, done: answers.taken_json(done),
    )


@api.post("/orders/bulk/finalize")
@requires("orders:write")
@api.reads(requests.FinalizeOrdersBody)
@api.answers(answers.ManyOut, description="The outcome of each, in the order that they were sent")
def finalize_orders(data: dict[str, Any]) -> Response:
    """Confirm up to 500 orders; what cannot be confirmed stays pending and says why."""
    return perform(
        checkout_in_bulk.finalize_many,
        checkout_in_bulk.FinalizeOrders(data["order_ids"]),
        present=lambda _, done: answers.confirmed_json(done),
    )


@api.get("/orders/<int:order_id>")
@requires("orders:read")
@api.answers(answers.OrderOut, description="The order, its lines, and what came back")
def get_order(order_id: int) -> Response:
    """Read an order."""
    return success(_order(db.session(), order_id))


@api.patch("/orders/<int:order_id>")
@requires("orders:write")
@api.reads(requests.ChangeOrderBody)
@api.answers(answers.OrderOut, description="The order as it stands now")
def change_order(data: dict[str, Any], order_id: int) -> Response:
    """Change the customer, the addresses or the note. A closed order takes another note and nothing else."""
    seen = data.pop("version", None)
    command = orders.ChangeDetails(order_id, data, seen)
    return perform(orders.change_details, command, present=lambda session, order: _order(session, order.id))


@api.post("/orders/<int:order_id>/items")
@requires("orders:write")
@api.reads(requests.AddItemBody)
@api.answers(answers.ChangedItemOut, status=(200, 201), description="The line; 200 when it was merged into one")
def add_item(data: dict[str, Any], order_id: int) -> Response:
    """Put a variant on a pending order; a line that has it already takes the quantity."""
    command = orders.AddItem(order_id, requests.item(data), data.get("version"))
    return perform(orders.add_item, command, present=_changed, created=lambda change: change.action == "created")


@api.patch("/orders/<int:order_id>/items/<int:item_id>")
@requires("orders:write")
@api.reads(requests.QuantityBody)
@api.answers(answers.ChangedItemOut, description="The line as it stands now")
def change_quantity(data: dict[str, Any], order_id: int, item_id: int) -> Response:
    """Set a line's quantity; zero or less removes the line."""
    command = orders.ChangeQuantity(order_id, item_id, data["quantity"], data.get("version"))
    return perform(orders.change_quantity, command, present=_changed)


@api.delete("/orders/<int:order_id>/items/<int:item_id>")
@requires("orders:write")
@api.answers(answers.ChangedItemOut, description="The line that is gone")
def remove_item(order_id: int, item_id: int) -> Response:
    """Take a line out of a pending order."""
    return perform(orders.change_quantity, orders.ChangeQuantity(order_id, item_id, 0), present=_changed)


@api.put("/orders/<int:order_id>/items/<int:item_id>/variant")
@requires("orders:write")
@api.reads(requests.ItemVariantBody)
@api.answers(answers.ChangedItemOut, description="The line that carries the quantity now")
def change_item_variant(data: dict[str, Any], order_id: int, item_id: int) -> Response:
    """Turn a line into another variant; where another line has that one, the two merge."""
    command = orders.ChangeItemVariant(
        order_id, item_id, variant_id=data.get("variant_id"), sku=data.get("sku"), seen_version=data.get("version")
    )
    return perform(orders.change_item_variant, command, present=_changed)


@api.post("/orders/<int:order_id>/finalize")
@requires("orders:write")
@api.reads(requests.FinalizeBody, required=False)
@api.answers(answers.OrderOut, description="The order, confirmed")
def finalize(data: dict[str, Any], order_id: int) -> Response:
    """Confirm an order: take its stock and freeze its lines. All of it, or nothing.

    An order of a marketplace that cannot be covered stays pending, with the reason in `blocked_reason`.
    """
    try:
        answer = _finalized(order_id, data)
    except (InsufficientStock, VariantUnavailable) as refused:
        confirming.flag_after(order_id, refused.code, actor=current_actor())
        raise
    if answer.status_code == CONFLICT and REPLAYED not in answer.headers:
        # Kept under its key, the refusal comes as an answer.
        confirming.flag_after(order_id, json.loads(answer.get_data())["code"], actor=current_actor())
    return answer


def _finalized(order_id: int, data: dict[str, Any]) -> Response:
    if "expected_total" in data:
        wanted = confirming.ConfirmOrder(order_id, data.get("version"), data["expected_total"])
        return perform(confirming.confirm, wanted, present=lambda _, done: answers.finalized_json(done))
    command = checkout.FinalizeOrder(order_id, data.get("version"))
    return perform(checkout.finalize, command, present=lambda _, done: answers.finalized_json(done))


@api.post("/orders/<int:order_id>/cancel")
@requires("orders:write")
@api.reads(requests.CancelBody, required=False)
@api.answers(answers.ReturnOut, description="The order, cancelled; the same again when it was already")
def cancel(data: dict[str, Any], order_id: int) -> Response:
    """Cancel an order; of a confirmed one everything that is still outside comes back, unless told otherwise."""
    command = restock.CancelOrder(order_id, seen_version=data.pop("version", None), **data)
    return perform(restock.cancel, command, present=_returned)


@api.post("/orders/<int:order_id>/restock")
@requires("orders:write")
@api.reads(requests.RestockBody, required=False)
@api.answers(answers.ReturnOut, description="The order; returned once all of it is back")
def take_back(data: dict[str, Any], order_id: int) -> Response:
    """Take units of a confirmed order back: never more than were sold and are not back yet."""
    lines = data.get("lines")
    returned = None if lines is None else [restock.RestockLine(**line) for line in lines]
    command = restock.RestockOrder(
        order_id,
        data.get("reason", "returned"),
        returned,
        to_stock=data.get("to_stock", True),
        seen_version=data.get("version"),
        kind=data.get("kind", "return"),
        write_off=data.get("write_off"),
        refund=data.get("refund", True),
    )
    return perform(restock.restock, command, present=_returned)


@api.post("/orders/<int:order_id>/refunds")
@requires("orders:write")
@api.reads(requests.RefundBody)
@api.answers(answers.OrderOut, status=201, description="The order, with what is owed back")
def refund(data: dict[str, Any], order_id: int) -> Response:
    """Record money that is owed back without goods: never more than a line cost. Nothing is paid from here."""
    lines = [refunds.RefundLine(**line) for line in data["lines"]]
    command = refunds.RefundOrder(order_id, lines, data["reason"], data.get("version"))
    return perform(refunds.refund, command, present=lambda s, done: _order(s, done.order.id), created=True)


def _sends_picture(view: Any) -> Any:
    return api.doc(responses=PICTURE)(view)


@api.get("/orders/pictures/<int:image_id>")
@requires("orders:read")
@_sends_picture
def sold_picture(image_id: int) -> Response:
    """The small picture that a line showed when it was written: at most 320 pixels long."""
    content_type, data = images.sold(db.session(), image_id)
    return Response(data, mimetype=content_type)


def _returned(session: Session, done: restock.Restocked) -> dict[str, Any]:
    return answers.return_json(_order(session, done.order.id), done)
