"""What the endpoints of orders answer: descriptions for the OpenAPI page, and the functions that build them."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from marshmallow import fields

from magflow.domain.errors import Refused
from magflow.domain.money import line_amounts, to_cents
from magflow.domain.orders import HISTORIC, PENDING
from magflow.queries.orders import LineRow, OrderPage
from magflow.services.checkout import Finalized, Head, Line
from magflow.services.checkout_in_bulk import Outcome
from magflow.services.order_intake import Intake
from magflow.services.orders import ItemChange
from magflow.services.restock import Restocked
from magflow.web.answers import Amount, Answer, Count, Time, Word
from magflow.web.api import PREFIX
from magflow.web.errors import problem


class ItemOut(Answer):
    """A line. Until the order is confirmed its names and figures are what would be frozen now.

    `image_url`: the picture that stood for it when it was written, whatever became of it in the catalogue.
    """

    id = fields.Integer(required=True)
    order_id = fields.Integer(required=True)
    product_id = fields.Integer(required=True, allow_none=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    sku = fields.String(required=True, allow_none=True)
    quantity = Count(required=True)
    restocked_quantity = Count(required=True)
    price_source = Word("catalogue", "marketplace", required=True)
    stock_source = Word("own", "marketplace", "historic", required=True)
    external_id = fields.String(required=True, allow_none=True)
    image_url = fields.String(required=True, allow_none=True)
    product_name = fields.String(required=True, allow_none=True)
    variant_sku = fields.String(required=True, allow_none=True)
    variant_options_text = fields.String(required=True)
    unit_price = Amount(required=True)
    vat_rate_snapshot = Amount(required=True, allow_none=True)
    currency = fields.String(required=True)
    line_total_gross = Amount(required=True)
    tax_amount = Amount(required=True, allow_none=True)


class ChangedItemOut(ItemOut):
    """The line that stands now; of a removed one its last state, with quantity 0."""

    action = Word("created", "merged", "updated", "removed", "changed", "no_change", required=True)
    removed_item_id = fields.Integer(required=True, allow_none=True)


class RestockOut(Answer):
    """Units of one line that came back, or were written off."""

    id = fields.Integer(required=True)
    document_id = fields.Integer(required=True)
    item_id = fields.Integer(required=True)
    quantity = Count(required=True)
    disposition = Word("stock", "written_off", required=True)
    reached_stock = fields.Boolean(required=True)
    kind = Word("return", "cancel", required=True)
    write_off = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    actor = fields.String(required=True)
    at = Time(required=True)


class RefundOut(Answer):
    """What is owed back for one line."""

    id = fields.Integer(required=True)
    document_id = fields.Integer(required=True, allow_none=True)
    item_id = fields.Integer(required=True)
    amount = Amount(required=True)
    currency = fields.String(required=True)
    reason = fields.String(required=True)
    actor = fields.String(required=True)
    at = Time(required=True)


class OrderOut(Answer):
    """An order. Until it is confirmed its totals are what its lines would cost now."""

    id = fields.Integer(required=True)
    number = fields.String(required=True)
    status = Word("pending", "confirmed", "cancelled", "returned", required=True)
    source = fields.String(required=True)
    source_account = fields.String(required=True)
    external_id = fields.String(required=True, allow_none=True)
    customer_name = fields.String(required=True, allow_none=True)
    customer_email = fields.String(required=True, allow_none=True)
    customer_phone = fields.String(required=True, allow_none=True)
    billing_address = fields.Dict(required=True, allow_none=True)
    shipping_address = fields.Dict(required=True, allow_none=True)
    currency = fields.String(required=True)
    total_gross = Amount(required=True)
    total_tax = Amount(required=True, allow_none=True)
    blocked_reason = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    version = Count(required=True)
    placed_at = Time(required=True)
    confirmed_at = Time(required=True, allow_none=True)
    cancelled_at = Time(required=True, allow_none=True)
    returned_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    items = fields.List(fields.Nested(ItemOut), required=True)
    restocks = fields.List(fields.Nested(RestockOut), required=True)
    refunds = fields.List(fields.Nested(RefundOut), required=True)
    total_refunded = Amount(required=True)


class OneOfManyOut(Answer):
    """What became of one order of many."""

    index = fields.Integer(required=True)
    outcome = Word("created", "confirmed", "exists", "refused", required=True)
    order_id = fields.Integer(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True)
    error = fields.Dict(required=True, allow_none=True)


class ManyOut(Answer):
    """What became of many orders, and how many of each outcome."""

    created = Count(required=True)
    confirmed = Count(required=True)
    exists = Count(required=True)
    refused = Count(required=True)
    results = fields.List(fields.Nested(OneOfManyOut), required=True)


class ReturnedLineOut(Answer):
    item_id = fields.Integer(required=True)
    quantity = Count(required=True)


class ReturnOut(OrderOut):
    """The order, and what came back by this call."""

    document_id = fields.Integer(required=True, allow_none=True)
    returned = fields.List(fields.Nested(ReturnedLineOut), required=True)
    lost_item_ids = fields.List(fields.Integer(), required=True)
    refunded = Amount(required=True)


# --- building them ---------------------------------------------------------------------------------------------------

COLUMNS = (
    "id", "number", "status", "source", "source_account", "external_id", "customer_name", "customer_email",
    "customer_phone", "billing_address", "shipping_address", "currency", "blocked_reason", "note", "version",
    "placed_at", "confirmed_at", "cancelled_at", "returned_at", "created_at", "updated_at",
)  # fmt: skip


def order_json(page: OrderPage, shop_rate: Callable[[], Decimal]) -> dict[str, Any]:
    """An order with its lines and what came back. `shop_rate` is asked only where a line names no VAT of its own."""
    order = page.order
    items = [item_json(line, shop_rate) for line in page.lines]
    if order.status == PENDING:
        gross = sum((item["line_total_gross"] for item in items), Decimal("0.00"))
        tax = sum((item["tax_amount"] or 0 for item in items), Decimal("0.00"))
    else:
        gross, tax = page.total, order.total_tax
    return {
        **{name: getattr(order, name) for name in COLUMNS},
        "total_gross": gross,
        "total_tax": tax,
        "items": items,
        "restocks": [_restock_json(restock) for restock in page.restocks],
        "refunds": [_refund_json(refund) for refund in page.refunds],
        "total_refunded": page.refunded,
    }


def picture_address(image_id: int | None) -> str | None:
    """Where the picture stands that a line showed when it was written, for the same token."""
    return None if image_id is None else f"{PREFIX}/orders/pictures/{image_id}"


def item_json(line: LineRow, shop_rate: Callable[[], Decimal]) -> dict[str, Any]:
    """A line, by the names of its columns: frozen, or as it would be frozen now."""
    item = line.item
    rate, gross, tax = line.vat_rate, line.total, item.tax_amount
    # What an old shop left unsaid of a line from its past is not made up.
    if item.line_total_gross is None and item.stock_source != HISTORIC:
        rate = rate if rate is not None else shop_rate()
        amounts = line_amounts(item.quantity, line.unit_price, rate)
        gross, tax = amounts.gross, amounts.tax
    return {
        "id": item.id,
        "order_id": item.order_id,
        "product_id": item.product_id,
        "variant_id": item.variant_id,
        "sku": line.sku,
        "quantity": item.quantity,
        "restocked_quantity": item.restocked_quantity,
        "price_source": item.price_source,
        "stock_source": item.stock_source,
        "external_id": item.external_id,
        "image_url": picture_address(item.image_id),
        "product_name": line.product_name,
        "variant_sku": line.sku,
        "variant_options_text": line.options_text,
        "unit_price": line.unit_price,
        "vat_rate_snapshot": rate,
        "currency": item.currency,
        "line_total_gross": gross,
        "tax_amount": tax,
    }


def finalized_json(done: Finalized) -> dict[str, Any]:
    """An order that was confirmed just now, from what was written: nothing is read again."""
    return {
        **done.order._asdict(),
        "items": [_frozen_json(done.order, line) for line in done.lines],
        "restocks": [],
        "refunds": [],
        "total_refunded": Decimal("0.00"),
    }


def _frozen_json(order: Head, line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "order_id": order.id,
        "product_id": line.product_id,
        "variant_id": line.variant_id,
        "sku": line.sku,
        "quantity": line.quantity,
        "restocked_quantity": 0,
        "price_source": line.price_source,
        "stock_source": line.stock_source,
        "external_id": line.external_id,
        "image_url": picture_address(line.image_id),
        "product_name": line.product_name,
        "variant_sku": line.sku,
        "variant_options_text": line.options_text,
        "unit_price": line.price,
        "vat_rate_snapshot": to_cents(line.vat_rate),
        "currency": order.currency,
        "line_total_gross": line.gross,
        "tax_amount": line.tax,
    }


def changed_json(change: ItemChange, line: LineRow, shop_rate: Callable[[], Decimal]) -> dict[str, Any]:
    """What became of a line; nothing is left of a removed one but what it was."""
    item = item_json(line, shop_rate)
    if change.item is None:
        nothing = Decimal("0.00")
        item |= {"quantity": 0, "line_total_gross": nothing, "tax_amount": nothing}
    return {**item, "action": change.action, "removed_item_id": change.removed_item_id}


def return_json(order: dict[str, Any], done: Restocked) -> dict[str, Any]:
    """An order with what one call took back."""
    return {
        **order,
        "document_id": done.document_id,
        "returned": [{"item_id": id_, "quantity": units} for id_, units in done.returned.items()],
        "lost_item_ids": done.lost_variants,
        "refunded": done.refunded,
    }


def _restock_json(restock: Any) -> dict[str, Any]:
    return {
        "id": restock.id,
        "document_id": restock.document_id,
        "item_id": restock.order_item_id,
        "quantity": restock.quantity,
        "disposition": restock.disposition,
        "reached_stock": restock.reached_stock,
        "kind": restock.kind,
        "write_off": restock.write_off,
        "reason": restock.reason,
        "actor": restock.actor,
        "at": restock.at,
    }


def _refund_json(refund: Any) -> dict[str, Any]:
    return {
        "id": refund.id,
        "document_id": refund.document_id,
        "item_id": refund.order_item_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "reason": refund.reason,
        "actor": refund.actor,
        "at": refund.at,
    }


def taken_json(done: Sequence[Intake]) -> dict[str, Any]:
    """What became of orders that were taken together. One that was taken and not confirmed is created, and says why."""

    def outcome(one: Intake) -> str:
        if one.known:
            return "exists"
        return "confirmed" if one.done is not None else "created" if one.order_id is not None else "refused"

    return _many([(outcome(one), one.order_id, one.number, one.refused) for one in done])


def confirmed_json(done: Sequence[Outcome]) -> dict[str, Any]:
    """What became of orders that were to be confirmed together."""
    return _many(
        [
            ("confirmed", one.order_id, one.done.number, None)
            if one.done is not None
            else ("refused", one.order_id, None, one.refused)
            for one in done
        ]
    )


def _many(results: Sequence[tuple[str, int | None, str | None, Refused | None]]) -> dict[str, Any]:
    said = [
        {"index": n, "outcome": outcome, "order_id": id_, "number": number,
         "error": None if refused is None else problem(refused)}
        for n, (outcome, id_, number, refused) in enumerate(results)
    ]  # fmt: skip
    counts = Counter(one["outcome"] for one in said)
    return {**{name: counts[name] for name in ("created", "confirmed", "exists", "refused")}, "results": said}
