"""What tests need in a shop: `make_…` takes only what matters, and goes through the services like everybody else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.models import Order, OrderItem, Product, StockMovement, Variant
from magflow.services import checkout, orders, products, variants
from magflow.services.options import OptionInput

ANA = Actor(kind="user", name="ana@shop.example", door="admin")

_numbers = itertools.count(1)


def make_product(*, name: str | None = None, options: dict[str, Sequence[str]] | None = None, **fields: Any) -> Product:
    """A product; with `options` such as {"Color": ["Red"]} but no variants."""
    named = [OptionInput(option, tuple(values)) for option, values in (options or {}).items()]
    command = products.NewProduct(name or f"Mug {next(_numbers)}", options=named, **fields)
    return products.create(command, actor=ANA)


def make_variant(
    product: Product | None = None,
    *,
    values: Sequence[tuple[str, str]] = (),
    active: bool = True,
    price: str = "12.34",
    **attributes: Any,
) -> Variant:
    """A variant of this product, or of one of its own."""
    product = product or make_product()
    ids: list[int] = []
    if values:
        from magflow.services.options import options_of

        ids = variants.value_ids_by_name(options_of(db.session(), product.id), values)
        db.session.rollback()
    made = variants.create_or_reactivate(
        variants.NewVariant(product.id, ids, {"price": Decimal(price), **attributes}, active), actor=ANA
    )
    return made.variant


def make_order(*lines: tuple[Variant, int], **fields: Any) -> Order:
    """A pending order of these variants and quantities."""
    items = [orders.NewItem(quantity, variant_id=variant.id) for variant, quantity in lines]
    return orders.create(orders.NewOrder(items, **fields), actor=ANA)


def finalize(order: Order) -> checkout.Finalized:
    """Confirm it."""
    return checkout.finalize(checkout.FinalizeOrder(order.id), actor=ANA)


def stock_of(variant: Variant) -> int:
    """Its stock as it stands in the database now."""
    with db.engine.connect() as connection:
        return connection.scalar(select(Variant.stock).where(Variant.id == variant.id)) or 0


def movements_of(variant: Variant) -> list[int]:
    """The deltas of its movements, oldest first, the opening one left out."""
    with db.engine.connect() as connection:
        return list(
            connection.scalars(
                select(StockMovement.delta)
                .where(StockMovement.variant_id == variant.id, StockMovement.reason != "opening")
                .order_by(StockMovement.seq)
            )
        )


def items_of(order: Order) -> list[OrderItem]:
    """Its lines as they stand now, by id."""
    rows = list(db.session.scalars(select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.id)))
    db.session.rollback()
    return rows
