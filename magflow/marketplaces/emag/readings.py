"""eMAG's offers, orders and returns as MagFlow's readings."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from magflow.domain.marketplaces import ACTIVE_OFFER, CENT, gross, vat_fraction
from magflow.marketplaces.emag.hosts import HOSTS
from magflow.marketplaces.errors import BadAnswer
from magflow.marketplaces.protocol import (
    Connection,
    OfferReading,
    OrderLineReading,
    OrderReading,
    ReturnLineReading,
    ReturnReading,
)
from magflow.marketplaces.wire import decimal, integer, listed, mapping, moment, words

NO_VAT: Final = Decimal(0)
CASH_ON_DELIVERY: Final = 1
RECEIVED: Final = frozenset({6, 7})
"""Statuses of a return whose goods are at the seller's."""


def zone_of(connection: Connection | None) -> str:
    """The clock of the platform."""
    return HOSTS.get(connection.country, HOSTS["ro"]).timezone if connection else HOSTS["ro"].timezone


def offer_reading(raw: Mapping[str, Any], vat_rates: Mapping[int, Decimal]) -> OfferReading:
    """An offer of `product_offer/read`. Raises BadAnswer for one without an id."""
    external_id = integer(raw.get("id"))
    if external_id is None:
        raise BadAnswer("an offer without an id")
    vat_id = integer(raw.get("vat_id"))
    status = integer(raw.get("status"))
    family = mapping(raw.get("family"))
    rank = integer(raw.get("buy_button_rank"))
    return OfferReading(
        external_id=str(external_id),
        sku=words(raw.get("part_number")),
        name=words(raw.get("name")),
        part_number_key=words(raw.get("part_number_key")),
        eans=tuple(text for text in map(words, _eans(raw)) if text),
        sale_price=decimal(raw.get("sale_price")),
        min_sale_price=decimal(raw.get("min_sale_price")),
        max_sale_price=decimal(raw.get("max_sale_price")),
        best_offer_sale_price=decimal(raw.get("best_offer_sale_price")),
        vat_id=vat_id,
        vat_rate=vat_rates.get(vat_id) if vat_id is not None else None,
        currency=words(raw.get("currency")),
        stock=_stock(raw),
        estimated_stock=integer(raw.get("estimated_stock")),
        number_of_offers=integer(raw.get("number_of_offers")),
        buy_button_rank=rank or None,
        status=status if status in {0, 1, 2} else ACTIVE_OFFER,
        validation_status=_value(raw.get("validation_status")),
        offer_validation_status=_value(raw.get("offer_validation_status")),
        translation_validation_status=_value(raw.get("translation_validation_status")),
        problems=_problems(raw),
        handling_time=_first_value(raw.get("handling_time")),
        family_id=integer(family.get("id")),
    )


def _eans(raw: Mapping[str, Any]) -> list[Any]:
    for name in ("ean", "eans", "barcode"):
        value = raw.get(name)
        if value:
            return value if isinstance(value, list) else [value]
    return []


def _stock(raw: Mapping[str, Any]) -> int:
    whole = integer(raw.get("general_stock"))
    if whole is None:
        values = [integer(mapping(part).get("value")) or 0 for part in listed(raw.get("stock"))]
        whole = sum(values)
    return max(0, whole)


def _value(field: Any) -> int | None:
    """`{value, description}`, alone or in a list."""
    first = next(iter(listed(field)), None)
    return integer(mapping(first).get("value")) if first is not None else integer(field)


def _first_value(field: Any) -> int | None:
    return next((integer(mapping(part).get("value")) for part in listed(field)), None)


def _problems(raw: Mapping[str, Any]) -> tuple[str, ...]:
    found = [words(entry) or words(mapping(entry).get("message")) for entry in listed(raw.get("doc_errors"))]
    for part in listed(raw.get("validation_status")):
        found += [words(entry) or words(mapping(entry).get("message")) for entry in listed(mapping(part).get("errors"))]
    return tuple(text for text in found if text)[:20]


def order_reading(raw: Mapping[str, Any], connection: Connection | None = None) -> OrderReading:
    """An order of `order/read`. Raises BadAnswer for one that cannot be an order."""
    zone = zone_of(connection)
    external_id, status = integer(raw.get("id")), integer(raw.get("status"))
    placed = moment(raw.get("date"), zone) or moment(raw.get("created"), zone)
    if external_id is None or status is None or status not in range(6) or placed is None:
        raise BadAnswer(f"order {raw.get('id')} cannot be read")
    customer = mapping(raw.get("customer"))
    return OrderReading(
        external_id=str(external_id),
        kind=integer(raw.get("type")) or 3,
        status=status,
        version=_version(raw, placed, zone),
        placed_at=placed,
        currency=_currency(raw, connection),
        lines=tuple(_line(mapping(line)) for line in listed(raw.get("products"))),
        customer_name=words(customer.get("name")),
        customer_email=words(customer.get("email")),
        customer_phone=words(customer.get("phone_1")),
        billing_address=_address(customer, "billing"),
        shipping_address=_address(customer, "shipping"),
        shipping_gross=decimal(raw.get("shipping_tax")) or Decimal(0),
        vouchers_gross=_vouchers(raw),
        cash_on_delivery=cash_due(raw),
        ship_by=moment(raw.get("maximum_date_for_shipment"), zone),
        cancel_asked=bool(raw.get("cancellation_request")),
        complete=integer(raw.get("is_complete")) != 0,
        payload=raw,
    )


def cash_due(raw: Mapping[str, Any]) -> Decimal | None:
    """What the courier collects of an order that is paid on delivery, with VAT; None when it is paid otherwise.

    `cashed_cod` may say nothing before the money was cashed: then it is what the order comes to, rounded once.
    """
    if integer(raw.get("payment_mode_id")) != CASH_ON_DELIVERY:
        return None
    told = decimal(raw.get("cashed_cod"))
    if told is not None and told > 0:
        return told.quantize(CENT, rounding=ROUND_HALF_UP)
    whole = (decimal(raw.get("shipping_tax")) or NO_VAT) + _vouchers(raw)
    for line in map(mapping, listed(raw.get("products"))):
        if integer(line.get("status")) == 0:
            continue
        whole += _with_vat(line, "quantity", "vat")
        whole += sum((_with_vat(part, "quantity", "vat_rate") for part in map(mapping, listed(
            line.get("recycle_warranties")))), NO_VAT)  # fmt: skip
    return max(NO_VAT, whole).quantize(CENT, rounding=ROUND_HALF_UP)


def _with_vat(part: Mapping[str, Any], quantity: str, rate: str) -> Decimal:
    units, net = decimal(part.get(quantity)) or NO_VAT, decimal(part.get("sale_price")) or NO_VAT
    return units * net * (1 + vat_fraction(decimal(part.get(rate)) or NO_VAT))


def _version(raw: Mapping[str, Any], placed: datetime, zone: str) -> str:
    changed = moment(raw.get("modified"), zone) or placed
    return changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _currency(raw: Mapping[str, Any], connection: Connection | None) -> str:
    own = words(raw.get("currency")) or next(
        (words(mapping(line).get("currency")) for line in listed(raw.get("products"))), None
    )
    return (own or (connection.currency if connection else "RON")).upper()[:3]


def _line(raw: Mapping[str, Any]) -> OrderLineReading:
    rate = vat_fraction(decimal(raw.get("vat")) or NO_VAT)
    price, quantity = decimal(raw.get("sale_price")), integer(raw.get("quantity"))
    line_id = integer(raw.get("id"))
    if price is None or quantity is None or line_id is None:
        raise BadAnswer(f"line {raw.get('id')} of an order cannot be read")
    offer_id = integer(raw.get("product_id"))
    return OrderLineReading(
        external_id=str(line_id),
        offer_id=str(offer_id) if offer_id else None,
        sku=words(raw.get("ext_part_number")) or words(raw.get("part_number")),
        name=words(raw.get("name")) or "",
        quantity=quantity,
        unit_price=gross(price, rate),
        vat_rate=rate * 100,
        active=integer(raw.get("status")) != 0 and quantity > 0,
    )


def _address(customer: Mapping[str, Any], kind: str) -> dict[str, str] | None:
    parts = {
        name: words(customer.get(f"{kind}_{field}"))
        for name, field in (
            ("name", "contact" if kind == "shipping" else "name"),
            ("phone", "phone"),
            ("street", "street"),
            ("city", "city"),
            ("county", "suburb"),
            ("postal_code", "postal_code"),
            ("country", "country"),
        )
    }
    return {name: value for name, value in parts.items() if value} or None


def _vouchers(raw: Mapping[str, Any]) -> Decimal:
    return sum(
        (
            (decimal(mapping(voucher).get("sale_price")) or Decimal(0))
            + (decimal(mapping(voucher).get("sale_price_vat")) or Decimal(0))
            for voucher in listed(raw.get("vouchers"))
        ),
        Decimal(0),
    )


def return_reading(raw: Mapping[str, Any]) -> ReturnReading:
    """A return of `rma/read`. Raises BadAnswer for one without its ids."""
    external_id, order_id = integer(raw.get("emag_id")), integer(raw.get("order_id"))
    status = integer(raw.get("request_status"))
    if external_id is None or order_id is None or status is None:
        raise BadAnswer("a return without its ids")
    lines = []
    for line in map(mapping, listed(raw.get("products"))):
        offer_id = integer(line.get("product_id"))
        lines.append(ReturnLineReading(str(offer_id) if offer_id else None, integer(line.get("quantity")) or 0))
    return ReturnReading(str(external_id), str(order_id), status, status in RECEIVED, tuple(lines), payload=raw)
