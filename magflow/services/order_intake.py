"""Many orders at once: taken by a program, or past ones taken over from a file. Each succeeds or fails for itself.

A handful of statements whatever the number: the variants are found together, the orders and then their lines are
written by one statement each. An order that was taken before is told from a new one by its number and its external id.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, refer_to_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    AlreadyTaken,
    AmbiguousSku,
    FieldError,
    Invalid,
    NotFound,
    OrderTaken,
    Refused,
)
from magflow.domain.money import line_amounts
from magflow.domain.orders import CANCELLED, CONFIRMED, HISTORIC, PENDING, RETURNED
from magflow.models import Product, Variant
from magflow.services import checkout_in_bulk
from magflow.services.checkout import Finalized
from magflow.services.checkout_in_bulk import MOST_ORDERS, FinalizeOrders
from magflow.services.orders import LARGEST_QUANTITY, NewItem, NewOrder
from magflow.services.variant_lookup import share_products_of

Status = Literal["pending", "confirmed", "cancelled", "returned"]


@dataclass(frozen=True)
class TakeOrders:
    """`finalize`: confirm at once those that can be."""

    orders: Sequence[NewOrder]
    finalize: bool = False


@dataclass(frozen=True)
class PastOrder:
    """An order that was over before MagFlow came. It changes no stock, and its lines need no variant."""

    order: NewOrder
    status: Status = "confirmed"


@dataclass(frozen=True)
class Intake:
    """What became of one order. Taken, and perhaps confirmed; or refused; `known`: it was taken before."""

    order_id: int | None = None
    number: str | None = None
    done: Finalized | None = None
    refused: Refused | None = None
    known: bool = False


@dataclass
class _Line:
    product_id: int | None
    variant_id: int | None
    quantity: int
    price_source: str
    stock_source: str
    external_id: str | None
    product_name: str | None
    unit_price: Decimal | None
    vat_rate: Decimal | None
    sku: str | None = None
    options_text: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Lines with the same one merge, as they do in `orders.create`."""
        charged = (self.unit_price, self.vat_rate) if self.price_source == "marketplace" else ()
        return (self.variant_id, self.sku if self.variant_id is None else None, self.stock_source,
                self.price_source, charged)  # fmt: skip


COLUMNS: Final = (
    "number", "source", "source_account", "external_id", "customer_name", "customer_email", "customer_phone",
    "billing_address", "shipping_address", "currency", "note", "placed_at",
)  # fmt: skip

# Ids are drawn first, so that an answer can be told from the others; who was taken before is passed over, and a number
# is drawn for nobody else.
ADD_ORDERS: Final = """
WITH given AS MATERIALIZED (
    SELECT g.*, nextval(pg_get_serial_sequence('public.orders', 'id')) AS id
    FROM jsonb_to_recordset(%(orders)s::jsonb) AS g (n integer, series text, number text, source text,
        source_account text, external_id text, customer_name text, customer_email text, customer_phone text,
        billing_address jsonb, shipping_address jsonb, currency text, note text, placed_at timestamptz)
    ORDER BY g.n
), added AS (
    INSERT INTO orders (id, number, source, source_account, external_id, customer_name, customer_email, customer_phone,
                        billing_address, shipping_address, currency, note, placed_at)
    SELECT id, coalesce(number, magflow_order_number(series)), source, source_account, external_id, customer_name,
           customer_email, customer_phone, nullif(billing_address, 'null'), nullif(shipping_address, 'null'), currency,
           note, coalesce(placed_at, clock_timestamp())
    FROM given ORDER BY n
    ON CONFLICT DO NOTHING
    RETURNING id, number
)
SELECT g.n, a.id, a.number FROM given g JOIN added a USING (id)"""

ADD_LINES: Final = """
INSERT INTO order_items (order_id, product_id, variant_id, quantity, price_source, stock_source, external_id,
                         product_name, unit_price, vat_rate_snapshot, currency, variant_sku, variant_options_text,
                         line_total_gross, tax_amount)
SELECT order_id, product_id, variant_id, quantity, price_source, stock_source, external_id, product_name, unit_price,
       vat_rate, currency, sku, options_text, gross, tax
FROM jsonb_to_recordset(%(lines)s::jsonb) AS l (n integer, order_id bigint, product_id bigint, variant_id bigint,
    quantity integer, price_source text, stock_source text, external_id text, product_name text, unit_price numeric,
    vat_rate numeric, currency text, sku text, options_text text, gross numeric, tax numeric)
ORDER BY l.n"""

TAKEN_BEFORE: Final = """
SELECT w.n, o.id, o.number, w.external_id IS NOT NULL AND o.external_id = w.external_id AND o.source = w.source
           AND o.source_account = w.source_account
FROM jsonb_to_recordset(%(orders)s::jsonb) AS w (n integer, number text, source text, source_account text,
    external_id text)
JOIN orders o ON o.number = w.number
    OR (w.external_id IS NOT NULL AND o.source = w.source AND o.source_account = w.source_account
        AND o.external_id = w.external_id)
ORDER BY w.n, 4 DESC, o.id"""

SERIES: Final = "SELECT source, code FROM order_series WHERE source IS NOT NULL"

# One door to `confirmed`, guarded by the database: the lines are complete, and of our stock they sell nothing.
CLOSE_CONFIRMED: Final = """
UPDATE orders o
SET status = 'confirmed', confirmed_at = o.placed_at, updated_at = clock_timestamp(), version = version + 1,
    total_gross = s.gross, total_tax = s.tax
FROM (SELECT order_id, sum(line_total_gross) AS gross,
             CASE WHEN count(*) = count(tax_amount) THEN sum(tax_amount) END AS tax
      FROM order_items WHERE order_id = ANY (%(orders)s::bigint[]) GROUP BY order_id) s
WHERE o.id = s.order_id"""
CLOSE_CANCELLED: Final = """
UPDATE orders SET status = 'cancelled', cancelled_at = placed_at, updated_at = clock_timestamp(), version = version + 1
WHERE id = ANY (%(orders)s::bigint[])"""
GIVE_BACK: Final = """
WITH document AS (SELECT nextval('restock_documents') AS id), back AS (
    UPDATE order_items SET restocked_quantity = quantity WHERE order_id = ANY (%(orders)s::bigint[])
    RETURNING id, order_id, quantity
)
INSERT INTO restocks (document_id, order_id, order_item_id, quantity, reached_stock, reason, actor)
SELECT d.id, b.order_id, b.id, b.quantity, false, 'historic', %(actor)s FROM back b, document d"""
CLOSE_RETURNED: Final = """
UPDATE orders SET status = 'returned', returned_at = placed_at, updated_at = clock_timestamp(), version = version + 1
WHERE id = ANY (%(orders)s::bigint[])"""


@transactional
def take(session: Session, command: TakeOrders, *, actor: Actor) -> list[Intake]:
    """Take orders, and confirm at once what can be if that is wanted; the outcome of each, in their order.

    Neither status nor stock is asked of a pending order. Raises Invalid when there are too many.
    """
    _check_number(command.orders)
    _share_products(session, command.orders)
    outcomes = _take(session, command.orders, past=False)
    if not command.finalize:
        return outcomes
    ids = [outcome.order_id for outcome in outcomes if outcome.order_id is not None and not outcome.known]
    ended = {done.order_id: done for done in checkout_in_bulk.finalize_many.within(
        session, FinalizeOrders(ids), actor=actor)}  # fmt: skip
    return [
        replace(outcome, done=ended[outcome.order_id].done, refused=ended[outcome.order_id].refused)
        if outcome.order_id in ended
        else outcome
        for outcome in outcomes
    ]


@transactional
def take_over(session: Session, past: Sequence[PastOrder], *, actor: Actor) -> list[Intake]:
    """Take over past orders. They change no stock; a pending one among them is taken like any other.

    An order that is known already stays as it is, so that the same file again changes nothing.
    """
    _check_number(past)
    _share_products(session, [order.order for order in past])
    outcomes = _take(session, [order.order for order in past if order.status == PENDING], past=False)
    closed = [order for order in past if order.status != PENDING]
    over = _take(session, [order.order for order in closed], past=True)
    fresh = {o.order_id: p.status for o, p in zip(over, closed, strict=True) if o.order_id is not None and not o.known}
    _close(session, fresh, actor)
    pending, gone = iter(outcomes), iter(over)
    return [next(pending) if order.status == PENDING else next(gone) for order in past]


def _share_products(session: Session, orders: Iterable[NewOrder]) -> None:
    share_products_of(session, [(item.variant_id, item.sku) for order in orders for item in order.items])


def _check_number(orders: Sequence[object]) -> None:
    if len(orders) > MOST_ORDERS:
        raise Invalid([FieldError("orders", "too_many", {"limit": MOST_ORDERS})])


def _close(session: Session, ended: Mapping[int, Status], actor: Actor) -> None:
    def of(*statuses: str) -> list[int]:
        return [id_ for id_, status in ended.items() if status in statuses]

    if sold := of(CONFIRMED, RETURNED):
        execute(session, CLOSE_CONFIRMED, {"orders": sold})
    if returned := of(RETURNED):
        execute(session, GIVE_BACK, {"orders": returned, "actor": actor.name})
        execute(session, CLOSE_RETURNED, {"orders": returned})
    if cancelled := of(CANCELLED):
        execute(session, CLOSE_CANCELLED, {"orders": cancelled})


def _take(session: Session, orders: Sequence[NewOrder], *, past: bool) -> list[Intake]:
    if not orders:
        return []
    known = _Variants(session, [item for order in orders for item in order.items])
    outcomes: list[Intake | None] = [None] * len(orders)
    lines: dict[int, list[_Line]] = {}
    for n, order in enumerate(orders):
        try:
            lines[n] = _lines(order, known, past=past)
        except Refused as refused:
            outcomes[n] = Intake(refused=refused)
    refer_to_variants(session, {line.variant_id for found in lines.values() for line in found if line.variant_id})
    for n, id_, number in _add_orders(session, {n: orders[n] for n in lines}):
        outcomes[n] = Intake(id_, number)
    _add_lines(session, _rows(orders, lines, outcomes))
    _tell_known(session, orders, outcomes)
    return [outcome or Intake(refused=OrderTaken()) for outcome in outcomes]


def _add_orders(session: Session, orders: Mapping[int, NewOrder]) -> list[tuple[int, int, str]]:
    series: dict[str, str] = dict(execute(session, SERIES))
    rows = [
        {"n": n, "series": series.get(order.source, "MF"), **{name: getattr(order, name) for name in COLUMNS}}
        for n, order in orders.items()
    ]
    return execute(session, ADD_ORDERS, {"orders": _json(rows)}).fetchall() if rows else []


def _rows(
    orders: Sequence[NewOrder], lines: Mapping[int, list[_Line]], outcomes: Sequence[Intake | None]
) -> Iterator[dict[str, Any]]:
    count = 0
    for n, found in lines.items():
        taken = outcomes[n]
        if taken is None:
            continue
        for line in found:
            row = {"n": count, "order_id": taken.order_id, "currency": orders[n].currency, **vars(line)}
            if line.stock_source == HISTORIC and line.unit_price is not None:
                row |= _amounts(line.quantity, line.unit_price, line.vat_rate)
            yield row
            count += 1


def _amounts(quantity: int, price: Decimal, vat_rate: Decimal | None) -> dict[str, Decimal | None]:
    """What an old file left unsaid is not made up: without a rate there is no tax."""
    amounts = line_amounts(quantity, price, vat_rate or Decimal(0))
    return {"gross": amounts.gross, "tax": None if vat_rate is None else amounts.tax}


def _add_lines(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    if found := list(rows):
        execute(session, ADD_LINES, {"lines": _json(found)})


def _tell_known(session: Session, orders: Sequence[NewOrder], outcomes: list[Intake | None]) -> None:
    """Of those that were passed over: which order they are, or what of theirs is taken."""
    asked = [
        {"n": n, "number": order.number, "source": order.source, "source_account": order.source_account,
         "external_id": order.external_id}
        for n, order in enumerate(orders) if outcomes[n] is None
    ]  # fmt: skip
    if not asked:
        return
    for n, id_, number, same in execute(session, TAKEN_BEFORE, {"orders": _json(asked)}):
        if outcomes[n] is None:
            refused = OrderTaken() if same else AlreadyTaken("number")
            outcomes[n] = Intake(id_, number, refused=refused, known=True)


def _lines(order: NewOrder, known: "_Variants", *, past: bool) -> list[_Line]:
    """An order's lines; those of one variant merge. Raises Invalid naming every bad one, NotFound, AmbiguousSku."""
    errors = [
        FieldError(f"items[{n}].quantity", "out_of_range", {"least": 1, "limit": LARGEST_QUANTITY})
        for n, item in enumerate(order.items)
        if not 1 <= item.quantity <= LARGEST_QUANTITY
    ]
    if past:
        errors += [
            FieldError(f"items[{n}].unit_price", "required")
            for n, item in enumerate(order.items)
            if item.unit_price is None
        ]
        errors += [] if order.items else [FieldError("items", "too_few", {"least": 1})]
    if errors:
        raise Invalid(errors)
    merged: dict[tuple[object, ...], _Line] = {}
    for n, item in enumerate(order.items):
        line = known.past_line(item) if past else known.line(item, f"items[{n}].")
        there = merged.setdefault(line.key, line)
        if there is not line:
            if there.quantity + line.quantity > LARGEST_QUANTITY:
                raise Invalid([FieldError(f"items[{n}].quantity", "too_large", {"limit": LARGEST_QUANTITY})])
            there.quantity += line.quantity
    return list(merged.values())


class _Variants:
    """The variants that many lines name, found with two statements."""

    def __init__(self, session: Session, items: Sequence[NewItem]) -> None:
        ids = {item.variant_id for item in items if item.variant_id is not None}
        skus = {item.sku for item in items if item.variant_id is None and item.sku}
        columns = select(Variant.id, Variant.sku, Variant.product_id, Variant.price, Product.name).join(
            Product, Product.id == Variant.product_id
        )
        self._by_id = {row.id: row for row in session.execute(columns.where(Variant.id.in_(ids)))} if ids else {}
        self._by_sku: dict[str, list[Any]] = {}
        if skus:
            for row in session.execute(columns.where(Variant.sku.in_(skus)).order_by(Variant.id)):
                self._by_sku.setdefault(row.sku, []).append(row)

    def line(self, item: NewItem, at: str) -> _Line:
        """A line of a pending order, as `orders.create` would make it."""
        row = self._the_one(item, at)
        charged = item.unit_price is not None
        return _Line(
            row.product_id, row.id, item.quantity, "marketplace" if charged else "catalogue", item.stock_source,
            item.external_id, item.product_name, item.unit_price if charged else row.price, item.vat_rate,
        )  # fmt: skip

    def past_line(self, item: NewItem) -> _Line:
        """A line that was sold long ago: what it says itself, and the variant where exactly one fits."""
        found = self._by_sku.get(item.sku or "", []) if item.variant_id is None else []
        row = self._by_id.get(item.variant_id or 0) or (found[0] if len(found) == 1 else None)
        return _Line(
            row.product_id if row else None, row.id if row else None, item.quantity, "marketplace", HISTORIC,
            item.external_id, item.product_name or (row.name if row else item.sku), item.unit_price, item.vat_rate,
            item.sku or (row.sku if row else None), "",
        )  # fmt: skip

    def _the_one(self, item: NewItem, at: str) -> Any:
        if item.variant_id is not None:
            row = self._by_id.get(item.variant_id)
            if row is None:
                raise NotFound("variant", item.variant_id)
            if item.sku and item.sku != row.sku:
                raise Invalid([FieldError(f"{at}sku", "not_its_sku", {"sku": row.sku})])
            return row
        if not item.sku:
            raise Invalid([FieldError(f"{at}variant_id", "required", {"or": "sku"})])
        found = self._by_sku.get(item.sku, [])
        if not found:
            raise NotFound("variant", item.sku)
        if len(found) > 1:
            named = [{"variant_id": row.id, "product_id": row.product_id, "product": row.name} for row in found]
            raise AmbiguousSku(item.sku, named)
        return found[0]


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
