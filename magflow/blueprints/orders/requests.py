"""What the endpoints of orders read. Unknown fields are refused by name; limits stand on the OpenAPI page."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.domain.errors import FieldError, Invalid
from magflow.services.checkout_in_bulk import MOST_ORDERS
from magflow.services.orders import LARGEST_QUANTITY, NewItem, NewOrder
from magflow.web.api import PageQuery
from magflow.web.bodies import SeenBody, version
from magflow.web.border import (
    Body,
    Boolean,
    Currency,
    Email,
    Id,
    Integer,
    ListOf,
    LongText,
    Moment,
    Money,
    Nested,
    OneOf,
    Percent,
    Quantity,
    Text,
)

MOST_LINES: Final = 1000
LONGEST_SKU: Final = 120
STATUSES: Final = ("pending", "confirmed", "cancelled", "returned")


class VariantBody(Body):
    """A variant: by its id, or by its SKU where only one product has it."""

    variant_id = Id()
    sku = Text(most=LONGEST_SKU)


class ItemBody(VariantBody):
    """A line. Price and VAT are named only where somebody else charged them; else they are the catalogue's."""

    quantity = Quantity(required=True, most=LARGEST_QUANTITY)
    unit_price = Money(metadata={"description": "What was charged for one, VAT included; never overwritten"})
    vat_rate = Percent(metadata={"description": "Per cent; together with `unit_price`"})
    external_id = Text()


class AddItemBody(ItemBody):
    version = version()


class AddressBody(Body):
    name = Text()
    company = Text()
    street = Text()
    street2 = Text()
    postal_code = Text(most=20)
    city = Text()
    county = Text()
    country = Text(most=60)
    phone = Text(most=60)
    vat_number = Text(most=40)


class NewOrderBody(Body):
    items = ListOf(Nested(ItemBody), most=MOST_LINES, load_default=list)
    number = Text(most=64, metadata={"description": "Unique; from the shop's series unless given"})
    source = Text(most=64, metadata={"description": "Where it was taken; `magflow` unless given"})
    source_account = Text(most=64, metadata={"description": "`default` unless given"})
    external_id = Text(metadata={"description": "What it is called there: unique within source and account"})
    customer_name = Text(allow_none=True)
    customer_email = Email(allow_none=True)
    customer_phone = Text(most=60, allow_none=True)
    billing_address = Nested(AddressBody, allow_none=True)
    shipping_address = Nested(AddressBody, allow_none=True)
    currency = Currency(metadata={"description": "The shop's, unless given"})
    note = LongText(allow_none=True)
    placed_at = Moment(metadata={"description": "Now, unless given"})


class ChangeOrderBody(Body):
    """The fields that are to change; null empties one. All but the note only while the order is pending."""

    customer_name = Text(allow_none=True)
    customer_email = Email(allow_none=True)
    customer_phone = Text(most=60, allow_none=True)
    billing_address = Nested(AddressBody, allow_none=True)
    shipping_address = Nested(AddressBody, allow_none=True)
    note = LongText(allow_none=True)
    version = version()


class TakeOrdersBody(Body):
    """Many orders at once. Each is taken or refused for itself."""

    orders = ListOf(Nested(NewOrderBody), least=1, most=MOST_ORDERS, required=True)
    finalize = Boolean(
        load_default=False,
        metadata={"description": "Confirm at once those that can be; the others stay pending", "default": False},
    )


class FinalizeOrdersBody(Body):
    """Many orders to confirm. One order's shortage does not stop the others."""

    order_ids = ListOf(Id(), least=1, most=MOST_ORDERS, required=True)


class FinalizeBody(SeenBody):
    """What was decided on: the version, and the total that was shown."""

    expected_total = Money(metadata={"description": "Refused with `price_changed` when it would be another now"})


class QuantityBody(Body):
    quantity = Integer(
        least=-LARGEST_QUANTITY,
        most=LARGEST_QUANTITY,
        required=True,
        metadata={"description": "Zero or less removes the line"},
    )
    version = version()


class ItemVariantBody(VariantBody):
    version = version()


def refund() -> Boolean:
    """Whether a record is made of what the shop owes back."""
    return Boolean(
        load_default=True,
        metadata={"description": "Record what is owed back for it: a note, no payment", "default": True},
    )


class CancelBody(Body):
    restock = Boolean(
        load_default=True,
        metadata={"description": "Whether the units of a confirmed order come back into stock", "default": True},
    )
    reason = Text(most=200)
    code = Text(most=20, metadata={"description": "The marketplace's own code for the reason"})
    refund = refund()
    version = version()


class ReturnedLineBody(Body):
    item_id = Id(required=True)
    quantity = Quantity(required=True, most=LARGEST_QUANTITY)
    refund = Money(metadata={"description": "What is owed back for it; what these units cost, unless given"})


class RestockBody(Body):
    lines = ListOf(
        Nested(ReturnedLineBody),
        least=1,
        most=MOST_LINES,
        metadata={"description": "Everything that was sold and is not back, unless given"},
    )
    reason = Text(most=200, load_default="returned")
    to_stock = Boolean(
        load_default=True,
        metadata={"description": "False: damaged or lost; recorded as back, but not in stock", "default": True},
    )
    write_off = OneOf(("damaged", "lost"), metadata={"description": "With `to_stock: false`: what became of it"})
    kind = OneOf(
        ("return", "cancel"),
        load_default="return",
        metadata={"description": "`cancel`: units that had not left yet, or were not wanted any more"},
    )
    refund = refund()
    version = version()


class RefundLineBody(Body):
    item_id = Id(required=True)
    amount = Money(required=True)


class RefundBody(Body):
    """Money back without goods."""

    lines = ListOf(Nested(RefundLineBody), least=1, most=MOST_LINES, required=True)
    reason = Text(most=200, required=True)
    version = version()


class OrdersQuery(PageQuery):
    q = Text(metadata={"description": "A number, an external id, a SKU or EAN, or a part of the customer's name"})
    status = OneOf(STATUSES)
    source = Text(most=64)
    source_account = Text(most=64)
    external_id = Text()
    placed_from = Moment()
    placed_to = Moment(metadata={"description": "Up to, not including"})


# --- bodies as commands ----------------------------------------------------------------------------------------------


def item(data: Mapping[str, Any], at: str = "") -> NewItem:
    """A line as the services take it. `at` is where it stands in the body. Raises Invalid."""
    if "vat_rate" in data and "unit_price" not in data:
        raise Invalid([FieldError(f"{at}unit_price", "required")])
    fields = ("quantity", "variant_id", "sku", "unit_price", "vat_rate", "external_id")
    return NewItem(**{name: data[name] for name in fields if name in data})


def new_order(data: Mapping[str, Any], currency: str, at: str = "") -> NewOrder:
    """An order as the services take it. `at` is where it stands in the body. Raises Invalid."""
    items = [item(line, f"{at}items[{n}].") for n, line in enumerate(data["items"])]
    return NewOrder(items, **{"currency": currency, **{name: data[name] for name in data if name != "items"}})
