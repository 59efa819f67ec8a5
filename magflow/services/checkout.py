"""Finalize: the one place where stock goes down for a sale, and where an order becomes a frozen document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn

from sqlalchemy.orm import Session

from magflow.concurrency import last_batch, lock_for_sale, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    InsufficientStock,
    NotFound,
    Shortage,
    StaleVersion,
    VariantUnavailable,
)
from magflow.domain.orders import OWN, check_finalizable, quantity_per_variant
from magflow.models import VariantStatus
from magflow.services import ledger


@dataclass(frozen=True)
class FinalizeOrder:
    order_id: int
    seen_version: int | None = None
    """What a form was made from; programs may leave it out."""


class Head(NamedTuple):
    """An order's row as it was confirmed; the names are its columns."""

    id: int
    number: str
    status: str
    source: str
    source_account: str
    external_id: str | None
    customer_name: str | None
    customer_email: str | None
    customer_phone: str | None
    billing_address: dict[str, Any] | None
    shipping_address: dict[str, Any] | None
    currency: str
    total_gross: Decimal
    total_tax: Decimal
    blocked_reason: str | None
    note: str | None
    version: int
    placed_at: datetime
    confirmed_at: datetime
    cancelled_at: datetime | None
    returned_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Line(NamedTuple):
    """A line as it is frozen once everything it needs is locked; and its variant's status and stock before."""

    id: int
    variant_id: int | None
    product_id: int | None
    quantity: int
    price_source: str
    stock_source: str
    external_id: str | None
    image_id: int | None
    product_name: str | None
    sku: str | None
    options_text: str
    price: Decimal
    """A catalogue price is read again at confirmation; what a marketplace charged is never overwritten."""
    vat_rate: Decimal
    gross: Decimal
    tax: Decimal
    status: int | None
    stock: int | None

    @property
    def available(self) -> bool:
        """Completeness is not asked here (invariant 4). Goods of others only need a record of what was sold."""
        if self.stock_source != OWN:
            return True
        return self.variant_id is not None and self.status == VariantStatus.ACTIVE


@dataclass(frozen=True)
class Finalized:
    """The order and its lines as they are frozen now: whoever answers need not read them again."""

    order: Head
    lines: tuple[Line, ...]

    @property
    def order_id(self) -> int:
        return self.order.id

    @property
    def number(self) -> str:
        return self.order.number


GROSS: Final = "round(price * quantity, 2)"
TAX: Final = f"round({GROSS} - {GROSS} / (1 + vat_rate / 100), 2)"
"""As in `domain.money`: what is written must not travel to the program and back while the goods are locked."""

SELL: Final = f"""
WITH line AS MATERIALIZED (
    SELECT i.id, i.variant_id, i.quantity, i.stock_source, coalesce(p.name, i.product_name) AS product_name,
           coalesce(v.sku, i.variant_sku) AS sku,
           coalesce(chosen.options_text, i.variant_options_text, '') AS options_text,
           coalesce(CASE WHEN i.price_source = 'marketplace' THEN i.unit_price ELSE v.price END, 0) AS price,
           coalesce(CASE WHEN i.price_source = 'marketplace' THEN i.vat_rate_snapshot END, v.vat_rate, p.vat_rate,
                    (SELECT (value #>> '{{}}')::numeric FROM settings WHERE key = 'vat_rate'), 21.00) AS vat_rate,
           v.status, v.stock, i.price_source, i.external_id, i.image_id,
           coalesce(i.product_id, v.product_id) AS product_id
    FROM order_items i
    LEFT JOIN variants v ON v.id = i.variant_id
    LEFT JOIN products p ON p.id = coalesce(v.product_id, i.product_id)
    LEFT JOIN LATERAL (
        SELECT string_agg(coalesce(o.presentation, o.name), ', '
                          ORDER BY pt.position NULLS LAST, t.position, t.id, o.id) AS options_text
        FROM option_value_variants c
        JOIN option_values o ON o.id = c.option_value_id
        JOIN option_types t ON t.id = o.option_type_id
        LEFT JOIN product_option_types pt ON pt.product_id = v.product_id AND pt.option_type_id = t.id
        WHERE c.variant_id = v.id
    ) chosen ON true
    WHERE i.order_id = %(order)s
), priced AS MATERIALIZED (
    SELECT l.*, {GROSS} AS gross, {TAX} AS tax FROM line l
), wanted AS MATERIALIZED (
    SELECT variant_id, sum(quantity) AS amount, min(stock) AS stock, min(status) AS status FROM line
    WHERE stock_source = 'own' GROUP BY variant_id
), total AS MATERIALIZED (
    SELECT count(*) AS lines, sum(gross) AS gross, sum(tax) AS tax FROM priced
), decided AS MATERIALIZED (
    SELECT o.id AS order_id, o.currency, t.gross, t.tax,
           o.status = 'pending' AND o.version = coalesce(%(seen)s::integer, o.version) AND t.lines > 0
               AND coalesce(w.covered, true) AS sound
    FROM orders o, total t,
         (SELECT bool_and(variant_id IS NOT NULL AND status = 0 AND stock >= amount) AS covered FROM wanted) w
    WHERE o.id = %(order)s
), {ledger.SALE}, frozen AS (
    UPDATE order_items i
    SET product_name = l.product_name, variant_sku = l.sku, variant_options_text = l.options_text,
        unit_price = l.price, vat_rate_snapshot = l.vat_rate, currency = d.currency,
        line_total_gross = l.gross, tax_amount = l.tax
    FROM priced l, decided d WHERE i.id = l.id AND i.order_id = %(order)s AND d.sound
    RETURNING i.id
), confirmed AS (
    UPDATE orders o
    SET status = 'confirmed', confirmed_at = clock_timestamp(), updated_at = clock_timestamp(), blocked_reason = NULL,
        total_gross = d.gross, total_tax = d.tax, version = version + 1
    FROM decided d
    WHERE o.id = d.order_id AND d.sound
      AND (SELECT count(*) FROM taken) >= 0 AND (SELECT count(*) FROM frozen) >= 0
    RETURNING {", ".join(f"o.{name}" for name in Head._fields)}
), told AS (
    INSERT INTO events (type, payload)
    SELECT 'order.confirmed', jsonb_build_object('order_id', id, 'number', number) FROM confirmed
)
SELECT {", ".join(f"l.{name}" for name in Line._fields)}, d.sound, c.*
FROM priced l CROSS JOIN decided d LEFT JOIN confirmed c ON true ORDER BY l.id"""
"""Decides, takes, freezes and confirms, or does nothing; answers each line, whether the order was sound, and the order.

The counts make the confirmation wait for what it confirms; they decide nothing. Were less taken or frozen than was
sound, the guard of the order's row raises, and nothing of it stays: COMMIT is in the same packet, so that a check in
Python would come too late.
"""


@transactional
def finalize(session: Session, command: FinalizeOrder, *, actor: Actor) -> Finalized:
    """Confirm an order: take its stock and freeze its lines. All of it, or nothing.

    One round trip whatever the number of lines; the goods are locked for as long as the server needs to take them.
    Raises NotFound, StaleVersion, AlreadyFinalized, EmptyOrder, VariantUnavailable, InsufficientStock (all shortages).
    """
    with last_batch(session) as statements:
        locked = lock_for_sale(session, statements, command.order_id)
        sold = statements.send(SELL, {"order": command.order_id, "seen": command.seen_version})
        ledger.forget(statements)
    locked.note()
    rows = sold.fetchall()
    lines = tuple(Line(*row[: len(Line._fields)]) for row in rows)
    head = rows[0][len(Line._fields) + 1 :] if rows else (None,)
    if head[0] is None:
        refuse(command, locked.order.fetchone(), lines)
    return Finalized(Head(*head), lines)


def refuse(command: FinalizeOrder, order: tuple[Any, ...] | None, lines: Sequence[Line]) -> NoReturn:
    """Say why nothing was done: read under the same locks by which it was decided."""
    if order is None:
        raise NotFound("order", command.order_id)
    _, status, version = order
    check_finalizable(command.order_id, status, len(lines))
    if command.seen_version is not None and command.seen_version != version:
        raise StaleVersion(command.seen_version, version)
    if gone := [line for line in lines if not line.available]:
        raise VariantUnavailable(
            [
                {"item_id": line.id, "variant_id": line.variant_id, "sku": line.sku, "name": line.product_name}
                for line in gone
            ]
        )
    own = {line.variant_id: line for line in lines if line.stock_source == OWN and line.variant_id is not None}
    wanted = quantity_per_variant(
        (line.variant_id, line.quantity) for line in lines if line.stock_source == OWN and line.variant_id is not None
    )
    short = [
        Shortage(variant_id, own[variant_id].sku or "", quantity, own[variant_id].stock or 0)
        for variant_id, quantity in wanted.items()
        if (own[variant_id].stock or 0) < quantity
    ]
    if short:
        raise InsufficientStock(sorted(short, key=lambda s: s.sku))
    # The rows are locked and were read under the lock: this is a fault of ours and not a shortage.
    raise RuntimeError(f"order {command.order_id} changed under its lock")
