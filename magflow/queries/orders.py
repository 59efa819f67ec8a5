"""Orders as lists and pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.domain.money import to_cents
from magflow.models import (
    MarketplaceOrder,
    Order,
    OrderHandling,
    OrderItem,
    Product,
    Refund,
    Restock,
    Setting,
    Variant,
)
from magflow.queries.catalogue import contains, options_of_variants
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class OrderFilter:
    q: str | None = None
    status: str | None = None
    source: str | None = None
    source_account: str | None = None
    external_id: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    view: str | None = None
    """A tab of the list: new, late, blocked, cancel_asked, or a status."""


VIEWS = ("new", "pending", "late", "blocked", "cancel_asked", "confirmed", "cancelled", "returned")
NEW_THERE = 1
"""The marketplaces' own figure for an order that nobody has accepted yet."""


@dataclass(frozen=True)
class OrderRow:
    """An order in a list. `total` of a pending one is what its lines would cost now."""

    order: Order
    lines: int
    units: int
    total: Decimal
    handling: OrderHandling | None = None
    there: MarketplaceOrder | None = None
    """What the marketplace says of it."""

    @property
    def town(self) -> str | None:
        """Where it goes."""
        address = self.order.shipping_address or self.order.billing_address or {}
        return address.get("city")


@dataclass(frozen=True)
class LineRow:
    """A line as it is displayed: the snapshot if there is one, else the live variant, else what is left of it."""

    item: OrderItem
    sku: str | None
    product_name: str | None
    options_text: str
    unit_price: Decimal
    vat_rate: Decimal | None
    stock: int | None
    variant_status: int | None

    @property
    def total(self) -> Decimal:
        return self.item.line_total_gross or to_cents(self.unit_price * self.item.quantity)

    @property
    def outstanding(self) -> int:
        """Units that were sold and are not back."""
        return self.item.quantity - self.item.restocked_quantity


@dataclass(frozen=True)
class OrderPage:
    order: Order
    lines: tuple[LineRow, ...]
    restocks: Sequence[Restock]
    refunds: Sequence[Refund] = ()

    @property
    def refunded(self) -> Decimal:
        """What is owed back so far."""
        return sum((refund.amount for refund in self.refunds), Decimal("0.00"))

    @property
    def left_to_owe(self) -> dict[int, Decimal]:
        """Per line of a confirmed order what it cost, less what is owed back already; lines that nothing is left of
        are not in it."""
        if self.order.confirmed_at is None:
            return {}
        left = {line.item.id: line.item.line_total_gross or Decimal("0.00") for line in self.lines}
        for refund in self.refunds:
            left[refund.order_item_id] -= refund.amount
        return {item_id: amount for item_id, amount in left.items() if amount > 0}

    @property
    def total(self) -> Decimal:
        if self.order.total_gross is not None:
            return self.order.total_gross
        return sum((line.total for line in self.lines), Decimal("0.00"))


def orders(session: Session, wanted: OrderFilter, *, after: int | None = None, limit: int = 50) -> Page[OrderRow]:
    """Orders as a list shows them, newest first, in five statements."""
    page = order_ids(session, wanted, after=after, limit=limit)
    return Page(_rows(session, page.rows), page.total, page.total_is_estimate, page.next_key)


def order_ids(session: Session, wanted: OrderFilter, *, after: int | None = None, limit: int = 50) -> Page[int]:
    """The ids of a page of orders, newest first, in two statements."""
    statement = select(Order.id)
    for column, value in (
        (Order.status, wanted.status),
        (Order.source, wanted.source),
        (Order.source_account, wanted.source_account),
        (Order.external_id, wanted.external_id),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.placed_from:
        statement = statement.where(Order.placed_at >= wanted.placed_from)
    if wanted.placed_to:
        statement = statement.where(Order.placed_at < wanted.placed_to)
    if wanted.view:
        statement = statement.where(*_view(wanted.view))
    if wanted.q:
        statement = statement.where(
            or_(
                Order.number == wanted.q,
                Order.external_id == wanted.q,
                Order.customer_name.ilike(contains(wanted.q)),
                Order.customer_email.ilike(contains(wanted.q)),
                exists(
                    select(OrderItem.id)
                    .outerjoin(Variant, Variant.id == OrderItem.variant_id)
                    .where(
                        OrderItem.order_id == Order.id,
                        or_(
                            OrderItem.variant_sku == wanted.q,
                            Variant.sku == wanted.q,
                            Variant.ean == wanted.q,
                        ),
                    )
                ),
            )
        )
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Order.id < after)
    ids = list(session.scalars(statement.order_by(Order.id.desc()).limit(limit + 1)))
    more, ids = len(ids) > limit, ids[:limit]
    return Page(ids, total, estimate, ids[-1] if more else None)


@dataclass(frozen=True)
class SoldIn:
    """A line of an order that has a variant."""

    order_id: int
    number: str
    status: str
    placed_at: datetime
    quantity: int


def with_variant(session: Session, variant_id: int, *, limit: int = 5) -> tuple[Sequence[SoldIn], bool]:
    """The latest orders that a variant is in, and whether there are more."""
    found = session.execute(
        select(Order.id, Order.number, Order.status, Order.placed_at, OrderItem.quantity)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(OrderItem.variant_id == variant_id)
        .order_by(OrderItem.id.desc())
        .limit(limit + 1)
    ).all()
    return [SoldIn(*row) for row in found[:limit]], len(found) > limit


def _rows(session: Session, ids: Sequence[int]) -> list[OrderRow]:
    # As in `_line`: until confirmation a catalogue price is the variant's present one.
    catalogue = OrderItem.price_source == "catalogue"
    each = case((catalogue, func.coalesce(Variant.price, OrderItem.unit_price, 0)), else_=OrderItem.unit_price)
    price = func.coalesce(OrderItem.line_total_gross, OrderItem.quantity * each)
    rows = session.execute(
        select(
            Order,
            func.count(OrderItem.id),
            func.coalesce(func.sum(OrderItem.quantity), 0),
            func.coalesce(Order.total_gross, func.sum(price), 0),
        )
        .outerjoin(OrderItem, OrderItem.order_id == Order.id)
        .outerjoin(Variant, Variant.id == OrderItem.variant_id)
        .where(Order.id.in_(ids))
        .group_by(Order.id)
        .order_by(Order.id.desc())
        .execution_options(populate_existing=True)
    )
    handled = {h.order_id: h for h in session.scalars(select(OrderHandling).where(OrderHandling.order_id.in_(ids)))}
    there = {o.order_id: o for o in session.scalars(select(MarketplaceOrder).where(MarketplaceOrder.order_id.in_(ids)))}
    return [
        OrderRow(order, lines, int(units), Decimal(total), handled.get(order.id), there.get(order.id))
        for order, lines, units, total in rows
    ]


def _view(view: str) -> list[ColumnElement[bool]]:
    pending = Order.status == "pending"
    if view == "new":
        new = exists().where(MarketplaceOrder.order_id == Order.id, MarketplaceOrder.status == NEW_THERE)
        return [pending, new]
    if view == "late":
        late = exists().where(MarketplaceOrder.order_id == Order.id, MarketplaceOrder.ship_by < func.now())
        return [pending, late]
    if view == "blocked":
        return [pending, Order.blocked_reason.is_not(None)]
    if view == "cancel_asked":
        # They are few, and have an index of their own: the confirmed orders are not walked through.
        asked = select(MarketplaceOrder.order_id).where(MarketplaceOrder.cancel_asked)
        return [Order.status.in_(("pending", "confirmed")), Order.id.in_(asked)]
    return [Order.status == view]


def view_counts(session: Session, *, most: int = 1_000) -> dict[str, int]:
    """How many orders each tab has, none of them counted further than one above `most`; one statement."""
    counts = [
        select(func.count())
        .select_from(select(Order.id).where(*_view(view)).limit(most + 1).subquery())
        .scalar_subquery()
        for view in VIEWS
    ]
    return dict(zip(VIEWS, session.execute(select(*counts)).one(), strict=True))


def order_page(session: Session, order_id: int) -> OrderPage:
    """One order with its lines and what came back, in five statements. Raises NotFound."""
    pages = order_pages(session, [order_id])
    if not pages:
        raise NotFound("order", order_id)
    return pages[0]


def order_pages(session: Session, ids: Sequence[int]) -> list[OrderPage]:
    """These orders with their lines and what came back, newest first, in five statements whatever their number."""
    found = session.scalars(
        select(Order).where(Order.id.in_(ids)).order_by(Order.id.desc()).execution_options(populate_existing=True)
    ).all()
    if not found:
        return []
    lines = _lines(session, OrderItem.order_id.in_(ids))
    restocks: dict[int, list[Restock]] = {}
    for restock in session.scalars(select(Restock).where(Restock.order_id.in_(ids)).order_by(Restock.id)):
        restocks.setdefault(restock.order_id, []).append(restock)
    owed: dict[int, list[Refund]] = {}
    for refund in session.scalars(select(Refund).where(Refund.order_id.in_(ids)).order_by(Refund.id)):
        owed.setdefault(refund.order_id, []).append(refund)
    return [
        OrderPage(order, tuple(lines.get(order.id, ())), restocks.get(order.id, ()), owed.get(order.id, ()))
        for order in found
    ]


def shown(session: Session, item: OrderItem) -> LineRow:
    """A line of a pending order that the caller has in hand, perhaps already removed, as it is displayed."""
    found = session.execute(
        select(Variant, Product).join(Product, Product.id == Variant.product_id).where(Variant.id == item.variant_id)
    ).first()
    variant, product = found or (None, None)
    chosen = options_of_variants(session, [variant.id]) if variant is not None else {}
    return _line(item, variant, product, ", ".join(c.option_value for c in chosen.get(item.variant_id or 0, ())))


def _lines(session: Session, condition: ColumnElement[bool]) -> dict[int, list[LineRow]]:
    """Per order the lines that fit, by id, in two statements."""
    rows = session.execute(
        select(OrderItem, Variant, Product)
        .outerjoin(Variant, Variant.id == OrderItem.variant_id)
        .outerjoin(Product, Product.id == func.coalesce(Variant.product_id, OrderItem.product_id))
        .where(condition)
        .order_by(OrderItem.id)
        .execution_options(populate_existing=True)
    )
    found = list(rows)
    # Only what is not frozen shows its variant as it is now.
    live = {item.variant_id for item, _, _ in found if item.variant_id is not None and item.line_total_gross is None}
    chosen = options_of_variants(session, list(live)) if live else {}
    lines: dict[int, list[LineRow]] = {}
    for item, variant, product in found:
        options_text = ", ".join(c.option_value for c in chosen.get(item.variant_id or 0, ()))
        lines.setdefault(item.order_id, []).append(_line(item, variant, product, options_text))
    return lines


def _line(item: OrderItem, variant: Variant | None, product: Product | None, options_text: str) -> LineRow:
    frozen = item.line_total_gross is not None
    live_price = variant.price if variant is not None and item.price_source == "catalogue" else item.unit_price
    return LineRow(
        item=item,
        sku=item.variant_sku if frozen or variant is None else variant.sku,
        product_name=item.product_name if frozen or product is None else product.name,
        options_text=(item.variant_options_text or "") if frozen else options_text,
        unit_price=(item.unit_price if frozen else live_price) or Decimal("0.00"),
        vat_rate=item.vat_rate_snapshot if frozen else _present_vat_rate(item, variant, product),
        stock=variant.stock if variant is not None else None,
        variant_status=variant.status if variant is not None else None,
    )


def _present_vat_rate(item: OrderItem, variant: Variant | None, product: Product | None) -> Decimal | None:
    """What finalize would freeze now; None stands for the shop's rate."""
    if item.price_source == "marketplace" and item.vat_rate_snapshot is not None:
        return item.vat_rate_snapshot
    if variant is not None and variant.vat_rate is not None:
        return variant.vat_rate
    return product.vat_rate if product is not None else None


def handling_of(session: Session, order_id: int) -> OrderHandling | None:
    """What is sent and billed, why it was cancelled, whether missing goods are being got."""
    return session.scalar(select(OrderHandling).where(OrderHandling.order_id == order_id))


def previous_orders(session: Session, order: Order, *, limit: int = 5) -> list[OrderRow]:
    """Other orders of the same customer, by e-mail, newest first."""
    if not order.customer_email:
        return []
    same = select(Order.id).where(
        func.lower(Order.customer_email) == order.customer_email.lower(), Order.id != order.id
    )
    ids = session.scalars(same.order_by(Order.id.desc()).limit(limit)).all()
    return _rows(session, ids) if ids else []


def relatives(session: Session, order_id: int) -> list[Order]:
    """The order from which this one was split, and those that were split from it."""
    parent = select(OrderHandling.split_from_id).where(OrderHandling.order_id == order_id)
    children = select(OrderHandling.order_id).where(OrderHandling.split_from_id == order_id)
    found = select(Order).where(or_(Order.id.in_(parent), Order.id.in_(children))).order_by(Order.id)
    return list(session.scalars(found))


def pending_count(session: Session, *, most: int = 1_000) -> int:
    """How many orders wait for a person; one above `most` at most."""
    bounded = select(Order.id).where(Order.status == "pending").limit(most + 1)
    return session.scalar(select(func.count()).select_from(bounded.subquery())) or 0


def blocked(session: Session, *, limit: int = 5) -> Sequence[Order]:
    """Orders that were sold already and cannot be confirmed here, oldest first."""
    waiting = select(Order).where(Order.status == "pending", Order.blocked_reason.is_not(None))
    return session.scalars(waiting.order_by(Order.id).limit(limit)).all()


def shop_vat_rate(session: Session) -> Decimal:
    """The rate of a variant whose product names none: the shop's setting, else 21 per cent, as finalize reads it."""
    kept = session.get(Setting, "vat_rate")
    return Decimal(str(kept.value)) if kept is not None else Decimal("21.00")
