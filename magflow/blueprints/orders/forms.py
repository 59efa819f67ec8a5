"""What the forms of orders send, as values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from flask import request
from sqlalchemy.orm import Session

from magflow.domain.border import INT64_MAX, MONEY_MAX, Unfit, decimal, integer, text
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import picker
from magflow.queries.catalogue import VariantRow
from magflow.queries.orders import VIEWS, OrderFilter, OrderPage
from magflow.services.orders import LARGEST_QUANTITY, NewItem
from magflow.services.refunds import RefundLine
from magflow.services.restock import RestockLine
from magflow.web import border
from magflow.web.forms import Form
from magflow.web.listing import Listing, midnight
from magflow.web.locale import _, _l, decimal_sign
from magflow.web.sentences import add_sentences, field_sentence

MOST_LINES = 200
LONGEST_SEARCH = 200

add_sentences(
    {
        "nothing_found": _l("No variant has this SKU, barcode or name."),
        "several_found": _l("Several variants fit. Choose the one you mean."),
        "nothing_to_restock": _l("Say of at least one line how many came back."),
        "nothing_owed": _l("Say of at least one line how much is owed back."),
    }
)


class OrdersQuery(border.Query):
    """What the address of the list says."""

    view = border.OneOf(VIEWS)
    q = border.Text(most=200)
    source = border.Text(most=64)
    source_account = border.Text(most=64)
    placed_from = border.Day()
    placed_to = border.Day()


def order_filter(listing: Listing) -> OrderFilter:
    """What the address asks for, as the query takes it. Days are the shop's own."""
    until = listing["placed_to"]
    return OrderFilter(
        q=listing["q"],
        view=listing["view"],
        source=listing["source"],
        source_account=listing["source_account"],
        placed_from=midnight(listing["placed_from"]),
        placed_to=midnight(until + timedelta(days=1)) if until else None,
    )


class PickQuery(border.Query):
    q = border.Text(most=LONGEST_SEARCH)


class NewOrderForm(border.Query):
    customer_name = border.Text()
    customer_email = border.Email()
    customer_phone = border.Text(most=60)
    note = border.LongText(most=2_000)


class AddLineForm(border.Query):
    version = border.Integer(required=True, least=1)
    what = border.Text(most=LONGEST_SEARCH)
    variant_id = border.Id()
    quantity = border.Quantity(required=True, most=LARGEST_QUANTITY)


class QuantityForm(border.Query):
    version = border.Integer(required=True, least=1)
    quantity = border.Quantity(required=True, least=0, most=LARGEST_QUANTITY)


class LineVariantForm(border.Query):
    version = border.Integer(required=True, least=1)
    what = border.Text(most=LONGEST_SEARCH)
    variant_id = border.Id()


class VersionForm(border.Query):
    version = border.Integer(required=True, least=1)


class FinalizeForm(border.Query):
    version = border.Integer(required=True, least=1)
    seen_total = border.Money()


class HandlingForm(border.Query):
    waybill = border.Text(most=100)
    invoice_number = border.Text(most=100)
    note = border.LongText(most=2_000)


class CustomerForm(border.Query):
    version = border.Integer(required=True, least=1)
    customer_name = border.Text()
    customer_email = border.Email()
    customer_phone = border.Text(most=60)


ADDRESS_FIELDS: Final = {
    "name": border.Text, "company": border.Text, "vat_number": border.Text, "street": border.Text,
    "street2": border.Text, "postal_code": border.Text, "city": border.Text, "county": border.Text,
    "country": border.Text, "phone": border.Text,
}  # fmt: skip
ADDRESSES: Final = ("billing", "shipping")
AddressForm: Any = CustomerForm.from_dict(
    {f"{which}_{name}": kind() for which in ADDRESSES for name, kind in ADDRESS_FIELDS.items()}, name="AddressForm"
)


def stored_details(page: OrderPage) -> dict[str, str | None]:
    """The customer and the addresses of an order, by the names of the form's fields."""
    order = page.order
    found: dict[str, str | None] = {
        name: getattr(order, name) for name in ("customer_name", "customer_email", "customer_phone")
    }
    for which, address in (("billing", order.billing_address), ("shipping", order.shipping_address)):
        found |= {f"{which}_{name}": (address or {}).get(name) for name in ADDRESS_FIELDS}
    return found


def address_labels() -> list[tuple[str, str]]:
    """The fields of an address as they are called, in the order in which they are filled in."""
    return [
        ("name", _("Name")), ("company", _("Company")), ("vat_number", _("VAT number")), ("street", _("Street")),
        ("street2", _("Flat, floor, entrance")), ("postal_code", _("Postal code")), ("city", _("Town")),
        ("county", _("County")), ("country", _("Country")), ("phone", _("Phone")),
    ]  # fmt: skip


class BuyInForm(border.Query):
    version = border.Integer(required=True, least=1)
    wanted = border.Boolean()


def details(form: Form) -> dict[str, Any]:
    """The customer and the addresses that a form names; an address without a word is none."""
    found: dict[str, Any] = form.pick("customer_name", "customer_email", "customer_phone")
    for which in ADDRESSES:
        given = {name: form[f"{which}_{name}"] for name in ADDRESS_FIELDS}
        found[f"{which}_address"] = {name: value for name, value in given.items() if value} or None
    return found


class CancelForm(border.Query):
    version = border.Integer(required=True, least=1)
    reason = border.Text(most=200)
    code = border.Text(most=20)
    restock = border.Boolean()
    refund = border.Boolean()


class RestockForm(border.Query):
    version = border.Integer(required=True, least=1)
    reason = border.Text(required=True, most=200)
    disposition = border.OneOf(("stock", "damaged", "lost"), required=True)
    kind = border.OneOf(("return", "cancel"))
    refund = border.Boolean()


class RefundForm(border.Query):
    version = border.Integer(required=True, least=1)
    reason = border.Text(required=True, most=200)


# --- naming a variant: by what was typed, or by what was chosen -------------------------------------------------------


@dataclass
class Named:
    """The variant that somebody meant, or what they may have meant."""

    variant_id: int | None = None
    errors: list[str] = field(default_factory=list)
    candidates: Sequence[VariantRow] = ()


def named(session: Session, typed: str | None, variant_id: int | None) -> Named:
    """Find the variant: the chosen one, else the only one with this SKU or EAN; else offer what fits."""
    if variant_id is not None:
        return Named(variant_id)
    if not typed:
        return Named(errors=[_said("required")])
    same = picker.exactly(session, typed)
    if len(same) == 1:
        return Named(same[0].variant.id)
    found = same or picker.suggestions(session, typed)
    if not found:
        return Named(errors=[_said("nothing_found")])
    return Named(errors=[_said("several_found")], candidates=found)


def _said(code: str) -> str:
    return field_sentence(FieldError("what", code))


# --- the lines of a new order -----------------------------------------------------------------------------------------


@dataclass
class LineRow:
    """One line of a new order as it was typed."""

    what: str = ""
    quantity: str = "1"
    variant_id: str = ""
    errors: list[str] = field(default_factory=list)
    candidates: Sequence[VariantRow] = ()


def sent_lines(session: Session) -> tuple[list[LineRow], list[NewItem]]:
    """The lines of the present request that are not empty, and what they order."""
    columns = (request.form.getlist(name)[:MOST_LINES] for name in ("what", "quantity", "variant_id"))
    rows: list[LineRow] = []
    items: list[NewItem] = []
    for n, (what, quantity, chosen) in enumerate(zip(*columns, strict=False), start=1):
        # Asked "which one?", the person answered with a radio button beside the line.
        variant_id = chosen.strip() or request.form.get(f"candidate-{n}", "")
        if not what.strip() and not variant_id.strip():
            continue
        row = LineRow(what, quantity, variant_id)
        rows.append(row)
        if (item := _item(session, row)) is not None:
            items.append(item)
    return rows, items


def _item(session: Session, row: LineRow) -> NewItem | None:
    chosen = quantity = None
    typed = ""
    try:
        typed = text(row.what, most=LONGEST_SEARCH, least=0)
        if row.variant_id.strip():
            chosen = integer(row.variant_id, least=1, most=INT64_MAX, as_text=True)
        quantity = integer(row.quantity, least=1, most=LARGEST_QUANTITY, as_text=True)
    except Unfit as unfit:
        row.errors.append(field_sentence(FieldError("quantity", unfit.code, unfit.params)))
    meant = named(session, typed, chosen)
    row.errors += meant.errors
    row.candidates = meant.candidates
    if row.errors or quantity is None:
        return None
    return NewItem(quantity, variant_id=meant.variant_id)


# --- what came back ---------------------------------------------------------------------------------------------------


def sent_restock() -> tuple[list[RestockLine], dict[int, list[str]]]:
    """What came back of which line (`back_<line>`, `refund_<line>`), and what is wrong with a figure, by line."""
    lines: list[RestockLine] = []
    errors: dict[int, list[str]] = {}
    for name, value in request.form.items():
        if not name.startswith("back_") or not value.strip():
            continue
        try:
            item_id = integer(name.removeprefix("back_"), least=1, most=INT64_MAX, as_text=True)
        except Unfit:
            continue
        owed = request.form.get(f"refund_{item_id}", "")
        try:
            quantity = integer(value, least=0, most=LARGEST_QUANTITY, as_text=True)
            refund = decimal(owed, most=MONEY_MAX, sign=decimal_sign()) if owed.strip() else None
        except Unfit as unfit:
            errors.setdefault(item_id, []).append(field_sentence(FieldError(name, unfit.code, unfit.params)))
            continue
        if quantity:
            lines.append(RestockLine(item_id, quantity, refund))
    return lines, errors


def sent_refund() -> tuple[list[RefundLine], dict[int, list[str]]]:
    """What is owed back for which line (`refund_<line>`), and what is wrong with an amount, by line."""
    lines: list[RefundLine] = []
    errors: dict[int, list[str]] = {}
    for name, value in request.form.items():
        if not name.startswith("refund_") or not value.strip():
            continue
        try:
            item_id = integer(name.removeprefix("refund_"), least=1, most=INT64_MAX, as_text=True)
        except Unfit:
            continue
        try:
            amount = decimal(value, most=MONEY_MAX, sign=decimal_sign())
        except Unfit as unfit:
            errors.setdefault(item_id, []).append(field_sentence(FieldError(name, unfit.code, unfit.params)))
            continue
        if amount:
            lines.append(RefundLine(item_id, amount))
    return lines, errors


def amount_errors(refused: Invalid, item_ids: Sequence[int], name: str) -> dict[int, list[str]]:
    """A service's errors about `lines[n].<name>`, by the line that they are about."""
    said: dict[int, list[str]] = {}
    for error in refused.errors:
        if (found := OF_LINE.fullmatch(error.field)) is not None and found[2] == name:
            said.setdefault(item_ids[int(found[1])], []).append(field_sentence(error))
    return said


OF_LINE: Final = re.compile(r"lines\[([0-9]+)\]\.([a-z]+)")


# --- why an order was cancelled ---------------------------------------------------------------------------------------


def reason_of(source: str, code: str | None) -> str | None:
    """A marketplace's reason in words; None where it has no such code."""
    return next((str(said) for known, said in REASONS_OF.get(source, ()) if known == code), None)


REASONS_OF: Final[dict[str, Sequence[tuple[str, Any]]]] = {
    "emag": (
        ("1", _l("out of stock")),
        ("33", _l("no longer in our stock")),
        ("2", _l("cancelled by the customer")),
        ("23", _l("the customer changed their mind")),
        ("24", _l("asked for by the customer")),
        ("3", _l("the customer cannot be reached")),
        ("37", _l("ordered twice by the customer")),
        ("19", _l("not paid")),
        ("15", _l("the courier takes too long")),
        ("16", _l("transport is too expensive")),
        ("26", _l("shipped too late")),
        ("25", _l("delivery failed")),
        ("29", _l("the customer is blocked")),
        ("30", _l("no VAT invoice")),
        ("21", _l("others")),
    ),
}
"""Per marketplace the codes that it takes, the likeliest first."""
