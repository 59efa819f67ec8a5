"""How things stand in the database now, for services that were called a moment ago."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from magflow.db import db
from magflow.models import Order, Product, Variant
from magflow.services.options import options_of


def rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """All rows of a statement, as plain tuples."""
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), parameters)]


def variant_row(variant: Variant) -> dict[str, Any]:
    """A variant's row."""
    with db.engine.connect() as connection:
        return dict(
            connection.execute(text("SELECT * FROM variants WHERE id = :id"), {"id": variant.id}).one()._mapping
        )


def order_row(order: Order) -> dict[str, Any]:
    """An order's row."""
    with db.engine.connect() as connection:
        return dict(connection.execute(text("SELECT * FROM orders WHERE id = :id"), {"id": order.id}).one()._mapping)


def lines(order: Order) -> list[dict[str, Any]]:
    """An order's lines by id."""
    with db.engine.connect() as connection:
        found = connection.execute(
            text("SELECT * FROM order_items WHERE order_id = :id ORDER BY id"), {"id": order.id}
        ).all()
        return [dict(row._mapping) for row in found]


def of_product(product: Product) -> list[tuple[int, int, str | None]]:
    """(id, status, digest) of a product's variants."""
    return [
        (id_, status, digest)
        for id_, status, digest in rows(
            "SELECT id, status, options_digest FROM variants WHERE product_id = :id ORDER BY id", id=product.id
        )
    ]


def value_ids(product: Product) -> dict[str, int]:
    """Ids of the values that a product offers, by name."""
    found = {v.name: v.id for values in options_of(db.session(), product.id).offered.values() for v in values}
    db.session.rollback()
    return found
