"""What the endpoints of orders and returns at their marketplaces answer."""

from collections.abc import Sequence
from typing import Any, Final

from marshmallow import fields

from magflow.blueprints.marketplaces.answers import WriteOut, write_json
from magflow.domain.marketplaces import STATUS_NAMES
from magflow.services.market_orders import reading_of
from magflow.web.answers import Amount, Answer, Count, Time, Word
from magflow.web.api import PREFIX

RETURN_NAMES: Final = {
    1: "incomplete",
    2: "new",
    3: "approved",
    4: "refused",
    5: "cancelled",
    6: "received",
    7: "closed",
}
STATES: Final = ("new", "open", "blocked", "done", "ignored", "failed")
SHIPS: Final = {2: "marketplace", 3: "seller"}


class LineThereOut(Answer):
    """A line here and there: `there` is the quantity that the marketplace still counts as sold."""

    external_id = fields.String(required=True)
    sku = fields.String(required=True, allow_none=True)
    product_name = fields.String(required=True, allow_none=True)
    quantity = Count(required=True)
    restocked_quantity = Count(required=True)
    there = Count(required=True)


class OrderThereOut(Answer):
    """An order as its marketplace has it. `problem`: why it cannot go on here; `cash_on_delivery`: what the courier
    collects; `label_url`: the label of the last waybill."""

    account_id = fields.Integer(required=True)
    source = fields.String(required=True)
    account = fields.String(required=True)
    external_id = fields.String(required=True)
    ships = Word(*SHIPS.values(), required=True)
    status = Word(*STATUS_NAMES.values(), required=True)
    state = Word(*STATES, required=True)
    problem = fields.String(required=True, allow_none=True)
    ship_by = Time(required=True, allow_none=True)
    cancel_asked = fields.Boolean(required=True)
    acknowledged_at = Time(required=True, allow_none=True)
    changed_at = Time(required=True)
    cash_on_delivery = Amount(required=True, allow_none=True)
    currency = fields.String(required=True)
    waybill = fields.String(required=True, allow_none=True)
    invoice_number = fields.String(required=True, allow_none=True)
    label_url = fields.String(required=True, allow_none=True)
    lines = fields.List(fields.Nested(LineThereOut), required=True)
    writes = fields.List(fields.Nested(WriteOut), required=True)


class AddressOut(Answer):
    """Where couriers may fetch what is sent."""

    id = fields.String(required=True)
    label = fields.String(required=True)
    street = fields.String(required=True)
    locality_id = fields.Integer(required=True)


class ReturnOut(Answer):
    """What a customer sends back. `taken_back`: its goods were booked here; `problem`: why they could not be."""

    id = fields.Integer(required=True)
    external_id = fields.String(required=True)
    order_external_id = fields.String(required=True)
    order_id = fields.Integer(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True)
    status = Word(*RETURN_NAMES.values(), required=True)
    taken_back = fields.Boolean(required=True)
    problem = fields.String(required=True, allow_none=True)
    waits = fields.Boolean(required=True)
    changed_at = Time(required=True)


def order_there_json(row: Any, lines: Sequence[Any], told: Sequence[Any]) -> dict[str, Any]:
    """An order as its marketplace has it."""
    reading = reading_of(row.payload)
    shown = {line.external_id: line.quantity if line.active else 0 for line in reading.lines}
    names = ("account_id", "source", "external_id", "ship_by", "cancel_asked", "acknowledged_at", "changed_at", "state",
             "waybill", "invoice_number")  # fmt: skip
    labelled = any(write.kind == "waybill" and write.state == "done" and write.said.get("label_id") for write in told)
    return {name: getattr(row, name) for name in names} | {
        "account": row.code,
        "ships": SHIPS.get(row.kind, "seller"),
        "status": STATUS_NAMES[row.status],
        "problem": (row.problem or {}).get("code"),
        "cash_on_delivery": reading.cash_on_delivery,
        "currency": reading.currency,
        "label_url": f"{PREFIX}/orders/{row.order_id}/waybill/label" if labelled else None,
        "lines": [
            {name: getattr(line, name) for name in ("external_id", "sku", "product_name", "quantity",
                                                    "restocked_quantity")}
            | {"there": shown.get(line.external_id, 0)}
            for line in lines
        ],
        "writes": [write_json(write) for write in told],
    }  # fmt: skip


def return_json(row: Any) -> dict[str, Any]:
    """A return as it was last told."""
    names = ("id", "external_id", "order_external_id", "order_id", "number", "waits", "changed_at")
    return {name: getattr(row, name) for name in names} | {
        "status": RETURN_NAMES[row.status],
        "taken_back": row.document_id is not None,
        "problem": (row.problem or {}).get("code"),
    }
