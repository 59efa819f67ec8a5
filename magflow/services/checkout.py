"""Finalize: the one place where stock goes down for a sale, and where an order becomes a frozen document."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy.orm import Session

from magflow.concurrency import Batch, Rows, batch, locked_for_sale, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    InsufficientStock,
    NotFound,
    Shortage,
    StaleVersion,
    VariantUnavailable,
)
from magflow.domain.money import LineAmounts, line_amounts
from magflow.domain.orders import OWN, check_finalizable, quantity_per_variant
from magflow.models import VariantStatus
from magflow.services import events, ledger


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
    """A line as it stands once everything it needs is locked, with the facts of its variant beside it."""

    id: int
    variant_id: int | None
    quantity: int
    price_source: str
    stock_source: str
    product_name: str | None
    unit_price: Decimal | None
    vat_rate: Decimal | None
    variant_sku: str | None
    catalogue_price: Decimal | None
    stock: int | None
    status: int | None
    options_text: str
    product_id: int | None
    external_id: str | None

    @property
    def price(self) -> Decimal:
        """A catalogue price is read again at confirmation; what a marketplace charged is never overwritten."""
        price = self.unit_price if self.price_source == "marketplace" else self.catalogue_price
        return price if price is not None else Decimal(0)

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
    lines: tuple[tuple[Line, LineAmounts], ...]

    @property
    def order_id(self) -> int:
        return self.order.id

    @property
    def number(self) -> str:
        return self.order.number


LINES: Final = """
SELECT i.id, i.variant_id, i.quantity, i.price_source, i.stock_source,
       coalesce(p.name, i.product_name), i.unit_price,
       coalesce(CASE WHEN i.price_source = 'marketplace' THEN i.vat_rate_snapshot END, v.vat_rate, p.vat_rate,
                (SELECT (value #>> '{}')::numeric FROM settings WHERE key = 'vat_rate'), 21.00),
       coalesce(v.sku, i.variant_sku), v.price, v.stock, v.status,
       coalesce(chosen.options_text, i.variant_options_text, ''), coalesce(i.product_id, v.product_id), i.external_id
FROM order_items i
LEFT JOIN variants v ON v.id = i.variant_id
LEFT JOIN products p ON p.id = coalesce(v.product_id, i.product_id)
LEFT JOIN LATERAL (
    SELECT string_agg(coalesce(o.presentation, o.name), ', ' ORDER BY pt.position NULLS LAST, t.position, t.id, o.id)
               AS options_text
    FROM option_value_variants c
    JOIN option_values o ON o.id = c.option_value_id
    JOIN option_types t ON t.id = o.option_type_id
    LEFT JOIN product_option_types pt ON pt.product_id = v.product_id AND pt.option_type_id = t.id
    WHERE c.variant_id = v.id
) chosen ON true
WHERE i.order_id = %(order)s
ORDER BY i.id"""

# The order is confirmed by the statement that writes its snapshots, and after them: the count makes it wait.
CONFIRM: Final = f"""
WITH snapshot AS (
    SELECT * FROM jsonb_to_recordset(%(lines)s::jsonb)
        AS s (id bigint, product_name text, sku text, options_text text, unit_price numeric, vat_rate numeric,
              gross numeric, tax numeric)
), frozen AS (
    UPDATE order_items i
    SET product_name = s.product_name, variant_sku = s.sku, variant_options_text = s.options_text,
        unit_price = s.unit_price, vat_rate_snapshot = s.vat_rate, currency = %(currency)s,
        line_total_gross = s.gross, tax_amount = s.tax
    FROM snapshot s WHERE i.id = s.id
    RETURNING i.id
)
UPDATE orders
SET status = 'confirmed', confirmed_at = clock_timestamp(), updated_at = clock_timestamp(), blocked_reason = NULL,
    total_gross = %(gross)s, total_tax = %(tax)s, version = version + 1
WHERE id = %(order)s AND (SELECT count(*) FROM frozen) = %(count)s
RETURNING {", ".join(Head._fields)}"""


@transactional
def finalize(session: Session, command: FinalizeOrder, *, actor: Actor) -> Finalized:
    """Confirm an order: take its stock and freeze its lines. All of it, or nothing.

    Three round trips whatever the number of lines: lock and read, write, commit.
    Raises NotFound, StaleVersion, AlreadyFinalized, EmptyOrder, VariantUnavailable, InsufficientStock (all shortages).
    """
    with locked_for_sale(session, command.order_id) as (locked, statements):
        rows = statements.send(LINES, {"order": command.order_id})
    head = locked.fetchone()
    if head is None:
        raise NotFound("order", command.order_id)
    number, status, currency, version = head[1:]
    lines = [Line(*row) for row in rows]
    check_finalizable(command.order_id, status, len(lines))
    if command.seen_version is not None and command.seen_version != version:
        raise StaleVersion(command.seen_version, version)
    wanted = _wanted(lines)
    with batch(session) as statements:
        taken = ledger.take(statements, wanted, order_id=command.order_id) if wanted else None
        confirmed, frozen = _confirm(statements, command.order_id, number, currency, lines)
    order = confirmed.fetchone()
    if order is None or (taken is not None and taken.stocks().keys() != wanted.keys()):
        # The rows are locked and were read under the lock: this is a fault of ours and not a shortage.
        raise RuntimeError(f"order {command.order_id} changed under its lock")
    return Finalized(Head(*order), frozen)


def _wanted(lines: Sequence[Line]) -> dict[int, int]:
    """What to take of our own stock, per variant; refuses when something is not there."""
    if gone := [line for line in lines if not line.available]:
        raise VariantUnavailable(
            [
                {"item_id": line.id, "variant_id": line.variant_id, "sku": line.variant_sku, "name": line.product_name}
                for line in gone
            ]
        )
    own = {line.variant_id: line for line in lines if line.stock_source == OWN and line.variant_id is not None}
    wanted = quantity_per_variant(
        (line.variant_id, line.quantity) for line in lines if line.variant_id in own and line.stock_source == OWN
    )
    short = [
        Shortage(variant_id, own[variant_id].variant_sku or "", quantity, own[variant_id].stock or 0)
        for variant_id, quantity in wanted.items()
        if (own[variant_id].stock or 0) < quantity
    ]
    if short:
        raise InsufficientStock(sorted(short, key=lambda s: s.sku))
    return wanted


def _confirm(
    statements: Batch, order_id: int, number: str, currency: str, lines: Sequence[Line]
) -> tuple[Rows, tuple[tuple[Line, LineAmounts], ...]]:
    """Write the snapshot of every line, the totals and the news of it."""
    frozen = tuple((line, line_amounts(line.quantity, line.price, line.vat_rate or Decimal(0))) for line in lines)
    snapshot = [
        {
            "id": line.id,
            "product_name": line.product_name,
            "sku": line.variant_sku,
            "options_text": line.options_text,
            "unit_price": str(line.price),
            "vat_rate": None if line.vat_rate is None else str(line.vat_rate),
            "gross": str(amount.gross),
            "tax": str(amount.tax),
        }
        for line, amount in frozen
    ]
    confirmed = statements.send(
        CONFIRM,
        {
            "order": order_id,
            "currency": currency,
            "lines": json.dumps(snapshot),
            "count": len(lines),
            "gross": sum((amount.gross for _, amount in frozen), Decimal("0.00")),
            "tax": sum((amount.tax for _, amount in frozen), Decimal("0.00")),
        },
    )
    events.send(statements, "order.confirmed", order_id=order_id, number=number)
    return confirmed, frozen
