"""What is in a webhook, by who sends it: which thing it is about, which version of it, and the order if it is one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from magflow.domain.border import MalformedJson, load_json
from magflow.domain.marketplaces import CANCELLED, CENT, FINALIZED, IN_PROGRESS, RETURNED
from magflow.marketplaces.errors import BadAnswer
from magflow.marketplaces.protocol import OrderLineReading, OrderReading
from magflow.marketplaces.wire import decimal, integer, listed, mapping, moment, words

ORDER, STOCK, OFFER_STOCK, OTHER = "order", "stock", "offer_stock", "other"


@dataclass(frozen=True)
class Delivery:
    """A delivery, sorted: `dedup` names it however often it comes; `kind` says what is done with it."""

    dedup: str
    topic: str
    kind: str
    entity: str
    version: str


@dataclass(frozen=True)
class StockNews:
    sku: str
    stock: int
    expected: int | None


class NotAWebhook(ValueError):
    """Signed, and still nothing that this source sends."""


def read(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body. Raises NotAWebhook."""
    try:
        found = load_json(body)
    except (MalformedJson, RecursionError) as error:
        raise NotAWebhook(str(error)) from error
    if not isinstance(found, Mapping):
        raise NotAWebhook("no object")
    return found


def sorted_out(scheme: str, headers: Mapping[str, str], body: bytes) -> Delivery:
    """Which delivery it is. Raises NotAWebhook."""
    return SORTERS[scheme](headers, read(body))


STAGE: Final = {"order.updated": ".1", "order.cancelled": ".2"}
"""Told of one instant, as clocks of whole seconds tell: an order is made, then changed, then cancelled."""


def _sort_standard(headers: Mapping[str, str], body: Mapping[str, Any]) -> Delivery:
    topic, data = words(body.get("type")) or "", mapping(body.get("data"))
    at = moment(body.get("timestamp"), "UTC") or datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    if topic.startswith("order."):
        kind, entity = ORDER, words(data.get("external_id"))
    elif topic == "stock.set":
        kind, entity = STOCK, words(data.get("sku"))
    else:
        kind, entity = OTHER, topic
    if not entity or len(entity) > 200:
        raise NotAWebhook("external_id or sku is missing")
    return Delivery(headers["webhook-id"], topic, kind, entity, _version(at) + STAGE.get(topic, ""))


def _sort_shopify(headers: Mapping[str, str], body: Mapping[str, Any]) -> Delivery:
    topic, delivery = headers.get("x-shopify-topic", ""), headers.get("x-shopify-webhook-id", "")
    if not delivery or len(delivery) > 200:
        raise NotAWebhook("X-Shopify-Webhook-Id is missing")
    changed = moment(body.get("updated_at"), "UTC") or datetime.fromtimestamp(0, UTC)
    if topic.startswith("orders/"):
        number = integer(body.get("id"))
        if number is None:
            raise NotAWebhook("an order without an id")
        return Delivery(delivery, topic, ORDER, str(number), _version(changed))
    if topic.startswith("inventory_levels/"):
        item = integer(body.get("inventory_item_id"))
        return Delivery(delivery, topic, OFFER_STOCK, str(item), _version(changed))
    return Delivery(delivery, topic, OTHER, topic, "")


def _sort_woocommerce(headers: Mapping[str, str], body: Mapping[str, Any]) -> Delivery:
    topic, number = headers.get("x-wc-webhook-topic", ""), integer(body.get("id"))
    changed = moment(body.get("date_modified_gmt") or body.get("date_modified"), "UTC")
    version = _version(changed) if changed else ""
    if number is None:
        raise NotAWebhook("no id")
    kind = ORDER if topic.startswith("order.") and topic != "order.deleted" else OTHER
    # The sender's own delivery id is new each time: the thing and its version say whether it came before.
    return Delivery(f"{topic}:{number}:{version}", topic, kind, str(number), version)


SORTERS: Final[dict[str, Callable[[Mapping[str, str], Mapping[str, Any]], Delivery]]] = {
    "standard": _sort_standard,
    "shopify": _sort_shopify,
    "woocommerce": _sort_woocommerce,
}


def _version(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


# --- what is in them -------------------------------------------------------------------------------------------------


def order_of(scheme: str, topic: str, body: bytes, version: str, currency: str) -> OrderReading:
    """The order in a delivery. Raises NotAWebhook, BadAnswer."""
    return ORDERS[scheme](topic, read(body), version, currency)


def stock_of(body: bytes) -> StockNews:
    """A stock that was set: `{sku, stock, expected}`. Raises NotAWebhook."""
    data = mapping(read(body).get("data"))
    sku, stock, expected = words(data.get("sku")), integer(data.get("stock")), integer(data.get("expected"))
    if not sku or stock is None or not 0 <= stock < 2**31:
        raise NotAWebhook("sku and stock are needed")
    return StockNews(sku, stock, expected)


def offer_stock_of(body: bytes) -> int | None:
    """How many units another shop shows."""
    found = integer(read(body).get("available"))
    return None if found is None else max(0, found)


def _generic(topic: str, body: Mapping[str, Any], version: str, currency: str) -> OrderReading:
    data = mapping(body.get("data"))
    external_id = words(data.get("external_id"))
    if not external_id:
        raise NotAWebhook("external_id is missing")
    customer = mapping(data.get("customer"))
    lines: list[OrderLineReading] = []
    for n, item in enumerate(map(mapping, listed(data.get("items"))), 1):
        quantity = integer(item.get("quantity"))
        if quantity is None or quantity < 1:
            raise BadAnswer(f"item {n} has no quantity")
        sku, offer_id = words(item.get("sku")), words(item.get("external_id"))
        lines.append(
            OrderLineReading(str(n), offer_id, sku, words(item.get("name")) or sku or offer_id or "?", quantity,
                             _price(item.get("unit_price")), _rate(item.get("vat_rate")))
        )  # fmt: skip
    return OrderReading(
        external_id,
        3,
        CANCELLED if topic == "order.cancelled" else IN_PROGRESS,
        version,
        moment(data.get("placed_at") or body.get("timestamp"), "UTC") or datetime.now(UTC),
        _currency(data.get("currency"), currency),
        tuple(lines),
        customer_name=words(customer.get("name")),
        customer_email=words(customer.get("email")),
        customer_phone=words(customer.get("phone")),
        shipping_address=_kept_address(data.get("shipping_address")),
        billing_address=_kept_address(data.get("billing_address")),
    )


def _shopify(topic: str, body: Mapping[str, Any], version: str, currency: str) -> OrderReading:
    external_id = integer(body.get("id"))
    if external_id is None:
        raise NotAWebhook("an order without an id")
    included = bool(body.get("taxes_included"))
    lines: list[OrderLineReading] = []
    for item in map(mapping, listed(body.get("line_items"))):
        quantity, price = integer(item.get("quantity")), decimal(item.get("price"))
        if quantity is None or price is None:
            raise BadAnswer("a line without quantity or price")
        fractions = [decimal(mapping(tax).get("rate")) or Decimal(0) for tax in listed(item.get("tax_lines"))]
        rate = sum(fractions, Decimal(0))
        gross = price if included else price * (1 + rate)
        variant = integer(item.get("variant_id"))
        lines.append(
            OrderLineReading(
                str(integer(item.get("id")) or len(lines) + 1), str(variant) if variant else None,
                words(item.get("sku")), words(item.get("name")) or words(item.get("title")) or "?", quantity,
                _cents(gross), rate * 100, active=quantity > 0,
            )
        )  # fmt: skip
    cancelled = topic == "orders/cancelled" or body.get("cancelled_at")
    customer = mapping(body.get("customer"))
    shipping = sum(
        (decimal(mapping(line).get("price")) or Decimal(0) for line in listed(body.get("shipping_lines"))), Decimal(0)
    )
    return OrderReading(
        str(external_id),
        3,
        CANCELLED if cancelled else RETURNED if body.get("financial_status") == "refunded" else IN_PROGRESS,
        version,
        moment(body.get("created_at"), "UTC") or datetime.now(UTC),
        _currency(body.get("currency"), currency),
        tuple(lines),
        customer_name=" ".join(filter(None, (words(customer.get("first_name")), words(customer.get("last_name")))))
        or None,
        customer_email=words(body.get("email")) or words(customer.get("email")),
        customer_phone=words(body.get("phone")),
        billing_address=_kept_address(body.get("billing_address")),
        shipping_address=_kept_address(body.get("shipping_address")),
        shipping_gross=_cents(shipping),
    )


WOO_STATUS: Final = {
    "cancelled": CANCELLED, "failed": CANCELLED, "trash": CANCELLED, "refunded": RETURNED, "completed": FINALIZED,
}  # fmt: skip
WOO_UNPAID: Final = frozenset({"pending", "on-hold", "checkout-draft", "draft", "auto-draft"})


def _woocommerce(_topic: str, body: Mapping[str, Any], version: str, currency: str) -> OrderReading:
    external_id, status = integer(body.get("id")), words(body.get("status")) or ""
    if external_id is None:
        raise NotAWebhook("an order without an id")
    lines: list[OrderLineReading] = []
    for item in map(mapping, listed(body.get("line_items"))):
        quantity, total = integer(item.get("quantity")), decimal(item.get("total"))
        if quantity is None or total is None:
            raise BadAnswer("a line without quantity or total")
        tax = decimal(item.get("total_tax")) or Decimal(0)
        offer = integer(item.get("variation_id")) or integer(item.get("product_id"))
        lines.append(
            OrderLineReading(
                str(integer(item.get("id")) or len(lines) + 1), str(offer) if offer else None,
                words(item.get("sku")), words(item.get("name")) or "?", quantity,
                _cents((total + tax) / quantity) if quantity else Decimal(0),
                _cents(tax / total * 100) if total else Decimal(0), active=quantity > 0,
            )
        )  # fmt: skip
    billing = mapping(body.get("billing"))
    shipping = (decimal(body.get("shipping_total")) or Decimal(0)) + (decimal(body.get("shipping_tax")) or Decimal(0))
    return OrderReading(
        str(external_id),
        3,
        WOO_STATUS.get(status, IN_PROGRESS),
        version,
        moment(body.get("date_created_gmt"), "UTC") or datetime.now(UTC),
        _currency(body.get("currency"), currency),
        tuple(lines),
        customer_name=" ".join(filter(None, (words(billing.get("first_name")), words(billing.get("last_name")))))
        or None,
        customer_email=words(billing.get("email")),
        customer_phone=words(billing.get("phone")),
        billing_address=_kept_address(billing),
        shipping_address=_kept_address(body.get("shipping")),
        shipping_gross=_cents(shipping),
        complete=status not in WOO_UNPAID,
    )


ORDERS: Final[dict[str, Callable[[str, Mapping[str, Any], str, str], OrderReading]]] = {
    "standard": _generic,
    "shopify": _shopify,
    "woocommerce": _woocommerce,
}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def _price(value: Any) -> Decimal | None:
    found = decimal(value)
    if not _absent(value) and (found is None or not 0 <= found < Decimal(10) ** 9):
        raise BadAnswer("a price that cannot be")
    return None if found is None else _cents(found)


def _rate(value: Any) -> Decimal | None:
    found = decimal(value)
    if not _absent(value) and (found is None or not 0 <= found <= 100):
        raise BadAnswer("a VAT rate that cannot be")
    return found


def _absent(value: Any) -> bool:
    """Not given, and so the catalogue's. What is given and cannot be read never becomes the catalogue's."""
    return value is None or (isinstance(value, str) and not value.strip())


def _currency(value: Any, otherwise: str) -> str:
    text = (words(value) or otherwise).upper()
    return text if len(text) == 3 and text.isascii() and text.isalpha() else otherwise


def _kept_address(value: Any) -> dict[str, str] | None:
    found = {str(name)[:40]: text[:200] for name, inner in mapping(value).items() if (text := words(inner))}
    return json.loads(json.dumps(found)) if found else None
