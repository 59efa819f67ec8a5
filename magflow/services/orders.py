"""Orders until they are confirmed: taking one, and changing its lines. None of this touches stock.

Every function that writes lines locks the order first (domain 4.1) and works on a pending order only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from magflow.concurrency import lock_items, lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound, StaleVersion
from magflow.domain.orders import OWN, check_editable
from magflow.models import Order, OrderItem, Variant
from magflow.services import order_series
from magflow.services.variant_lookup import find_variant, find_variants, share_products_of

Action = Literal["created", "merged", "updated", "removed", "changed", "no_change"]

LARGEST_QUANTITY = 1_000_000


@dataclass(frozen=True)
class NewItem:
    """A line as it is asked for: the variant by id or SKU. Price and VAT only where a marketplace charged them."""

    quantity: int
    variant_id: int | None = None
    sku: str | None = None
    unit_price: Decimal | None = None
    vat_rate: Decimal | None = None
    external_id: str | None = None
    stock_source: str = OWN
    product_name: str | None = None
    nameless: bool = False
    """Sold at a marketplace, and no variant of ours as yet: the line has a name, and waits for its variant."""


@dataclass(frozen=True)
class NewOrder:
    """An order as it is taken. Without a number the shop's series gives one."""

    items: Sequence[NewItem] = ()
    number: str | None = None
    source: str = "magflow"
    source_account: str = "default"
    external_id: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    billing_address: Mapping[str, Any] | None = None
    shipping_address: Mapping[str, Any] | None = None
    currency: str = "RON"
    note: str | None = None
    placed_at: datetime | None = None


@dataclass(frozen=True)
class AddItem:
    order_id: int
    item: NewItem
    seen_version: int | None = None


@dataclass(frozen=True)
class ChangeQuantity:
    order_id: int
    item_id: int
    quantity: int
    """Zero or less removes the line."""
    seen_version: int | None = None


@dataclass(frozen=True)
class ChangeItemVariant:
    order_id: int
    item_id: int
    variant_id: int | None = None
    sku: str | None = None
    seen_version: int | None = None


@dataclass(frozen=True)
class ChangeDetails:
    """Whose order it is and where it goes; `changes` holds the columns that are to change."""

    order_id: int
    changes: Mapping[str, Any]
    seen_version: int | None = None


DETAILS: Final = frozenset(
    {"customer_name", "customer_email", "customer_phone", "billing_address", "shipping_address", "note"}
)
ALWAYS_EDITABLE: Final = frozenset({"note"})
"""What may be written on an order that is closed: it is no part of the document."""


@dataclass(frozen=True)
class ItemChange:
    """What became of a line: `item` is the one that stands now, None when it was removed.

    `removed` is a line that is gone, as it was: taken out, or merged into another.
    """

    action: Action
    order_id: int
    item: OrderItem | None
    removed_item_id: int | None = None
    removed: OrderItem | None = None


@transactional
def create(session: Session, command: NewOrder, *, actor: Actor) -> Order:
    """Take an order. Lines of one variant merge; neither status nor stock is asked (finalize does).

    Raises Invalid naming every bad line, NotFound or AmbiguousSku for a variant, AlreadyTaken for a number.
    """
    _check_quantities(command.items)
    named = [item for item in command.items if not item.nameless]
    share_products_of(session, [(item.variant_id, item.sku) for item in named])
    found = iter(find_variants(session, [(item.variant_id, item.sku) for item in named]))
    variants = [None if item.nameless else next(found) for item in command.items]
    fields = {
        name: value
        for name, value in vars(command).items()
        if name != "items" and value is not None
    }  # fmt: skip
    if command.number is None and command.source != "magflow":
        fields["number"] = order_series.next_number(session, command.source)
    order = Order(**{name: value for name, value in fields.items() if value is not None})
    session.add(order)
    session.flush()
    lines: list[OrderItem] = []
    for item, variant in zip(command.items, variants, strict=True):
        _merge_or_append(lines, _line(order, item, variant))
    session.add_all(lines)
    session.flush()
    session.refresh(order)
    return order


@transactional
def change_details(session: Session, command: ChangeDetails, *, actor: Actor) -> Order:
    """Change the customer, the addresses, the note. All but the note only while the order is pending.

    Raises NotFound, OrderNotEditable, StaleVersion, Invalid for a field that is no detail.
    """
    if unknown := command.changes.keys() - DETAILS:
        raise Invalid([FieldError(name, "unknown_field") for name in sorted(unknown)])
    order = lock_order(session, command.order_id)
    if command.changes.keys() - ALWAYS_EDITABLE:
        check_editable(order.id, order.status)
    if command.seen_version is not None and command.seen_version != order.version:
        raise StaleVersion(command.seen_version, order.version)
    changed = {name: value for name, value in command.changes.items() if getattr(order, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(order, name, value)
        order.version += 1
        order.updated_at = func.clock_timestamp()
        session.flush()
        session.refresh(order)
    return order


@transactional
def add_item(session: Session, command: AddItem, *, actor: Actor) -> ItemChange:
    """Put a variant on a pending order; a line that has it already takes the quantity."""
    _check_quantities([command.item], at="")
    share_products_of(session, [(command.item.variant_id, command.item.sku)])
    order, lines = _editable(session, command.order_id, command.seen_version)
    variant = find_variant(session, command.item.variant_id, command.item.sku)
    line = _line(order, command.item, variant)
    merged = _merge_or_append(lines, line)
    if merged is line:
        session.add(line)
    return _done(session, order, ItemChange("created" if merged is line else "merged", order.id, merged))


@transactional
def change_quantity(session: Session, command: ChangeQuantity, *, actor: Actor) -> ItemChange:
    """Set a line's quantity; zero or less removes the line."""
    order, lines = _editable(session, command.order_id, command.seen_version)
    line = _find(lines, command.item_id)
    if command.quantity <= 0:
        session.delete(line)
        return _done(session, order, ItemChange("removed", order.id, None, line.id, line))
    if command.quantity > LARGEST_QUANTITY:
        raise Invalid([FieldError("quantity", "too_large", {"limit": LARGEST_QUANTITY})])
    if line.quantity == command.quantity:
        return ItemChange("no_change", order.id, line)
    line.quantity = command.quantity
    return _done(session, order, ItemChange("updated", order.id, line))


@transactional
def change_item_variant(session: Session, command: ChangeItemVariant, *, actor: Actor) -> ItemChange:
    """Turn a line into another variant; a line that has it already takes the quantity, and this one goes."""
    share_products_of(session, [(command.variant_id, command.sku)])
    order, lines = _editable(session, command.order_id, command.seen_version)
    line = _find(lines, command.item_id)
    variant = find_variant(session, command.variant_id, command.sku)
    if line.variant_id == variant.id:
        return ItemChange("no_change", order.id, line)
    line.variant_id, line.product_id = variant.id, variant.product_id
    if line.price_source == "catalogue":
        line.unit_price = variant.price
    others = [other for other in lines if other is not line]
    merged = _merge_or_append(others, line)
    if merged is line:
        return _done(session, order, ItemChange("changed", order.id, line))
    session.delete(line)
    return _done(session, order, ItemChange("merged", order.id, merged, line.id, line))


def name_lines_of(session: Session, variant: Variant) -> None:
    """Before a variant goes for good: lines that are not confirmed yet say what they were. Their orders are locked."""
    session.execute(
        update(OrderItem)
        .where(OrderItem.variant_id == variant.id, OrderItem.line_total_gross.is_(None), ~OrderItem.frozen)
        .values(variant_sku=variant.sku)
    )


def _editable(session: Session, order_id: int, seen_version: int | None) -> tuple[Order, list[OrderItem]]:
    order = lock_order(session, order_id)
    check_editable(order.id, order.status)
    if seen_version is not None and seen_version != order.version:
        raise StaleVersion(seen_version, order.version)
    return order, lock_items(session, order_id)


def _find(lines: Sequence[OrderItem], item_id: int) -> OrderItem:
    for line in lines:
        if line.id == item_id:
            return line
    raise NotFound("order item", item_id)


def _line(order: Order, item: NewItem, variant: Variant | None) -> OrderItem:
    charged = item.unit_price is not None or variant is None
    return OrderItem(
        order_id=order.id,
        product_id=variant.product_id if variant else None,
        variant_id=variant.id if variant else None,
        quantity=item.quantity,
        price_source="marketplace" if charged else "catalogue",
        stock_source=item.stock_source,
        external_id=item.external_id,
        product_name=item.product_name,
        variant_sku=item.sku if variant is None else None,
        unit_price=item.unit_price if variant is None or charged else variant.price,
        vat_rate_snapshot=item.vat_rate,
        currency=order.currency,
    )


def _merge_or_append(lines: list[OrderItem], new: OrderItem) -> OrderItem:
    """The line that now carries the quantity: an equal one of the same variant, or the new one.

    Lines whose price a marketplace charged merge only at the same price and VAT, which are never overwritten.
    """
    for line in lines:
        if line.variant_id is None or line.variant_id != new.variant_id or line.stock_source != new.stock_source:
            continue
        if line.price_source != new.price_source:
            continue
        if line.price_source == "marketplace" and (line.unit_price, line.vat_rate_snapshot) != (
            new.unit_price,
            new.vat_rate_snapshot,
        ):
            continue
        if line.quantity + new.quantity > LARGEST_QUANTITY:
            raise Invalid([FieldError("quantity", "too_large", {"limit": LARGEST_QUANTITY})])
        line.quantity += new.quantity
        return line
    lines.append(new)
    return new


def _check_quantities(items: Sequence[NewItem], *, at: str = "items[{n}].") -> None:
    errors = [
        FieldError(f"{at.format(n=n)}quantity", "out_of_range", {"least": 1, "limit": LARGEST_QUANTITY})
        for n, item in enumerate(items)
        if not 1 <= item.quantity <= LARGEST_QUANTITY
    ]
    if errors:
        raise Invalid(errors)


def _done(session: Session, order: Order, change: ItemChange) -> ItemChange:
    order.version += 1
    order.updated_at = func.clock_timestamp()
    session.flush()
    return change
