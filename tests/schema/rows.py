"""Rows by hand-written SQL, as the application's role: what the services write, without the services."""

from __future__ import annotations

import itertools
import json
from typing import Any

import psycopg
from psycopg.sql import SQL

Connection = psycopg.Connection[tuple[object, ...]]

_numbers = itertools.count(1)

WHO = {"kind": "user", "id": 7, "name": "ana@shop.example", "door": "admin", "request_id": "r-1"}


def value(connection: Connection, statement: str, *parameters: object) -> Any:
    """The first column of the first row."""
    row = connection.execute(SQL(statement), parameters).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def declare(connection: Connection, reason: str, source_type: str = "", source_id: object = "", note: str = "") -> None:
    """Give the reason of what follows, until the end of the transaction."""
    connection.execute(
        "SELECT set_config('magflow.stock_reason', %s, true), set_config('magflow.stock_source_type', %s, true), "
        "set_config('magflow.stock_source_id', %s, true), set_config('magflow.stock_note', %s, true)",
        [reason, source_type, str(source_id), note],
    )


def sign(connection: Connection, context: str | None = None) -> None:
    """Say who works, until the end of the transaction."""
    connection.execute("SELECT set_config('magflow.context', %s, true)", [context or json.dumps(WHO)])


def variant(connection: Connection, stock: int = 0, **columns: object) -> int:
    """An active default variant of a product of its own."""
    n = next(_numbers)
    product = value(connection, "INSERT INTO products (name, handle) VALUES (%s, %s) RETURNING id", f"P{n}", f"p-{n}")
    given = {"product_id": product, "sku": f"S{n}", "price": "10.00", "stock": stock, "status": 0, **columns}
    names, places = ", ".join(given), ", ".join(["%s"] * len(given))
    made = value(connection, f"INSERT INTO variants ({names}) VALUES ({places}) RETURNING id", *given.values())
    assert isinstance(made, int)
    return made


def order(connection: Connection, *lines: tuple[int, int]) -> int:
    """A pending order of (variant, quantity)."""
    made = value(connection, "INSERT INTO orders DEFAULT VALUES RETURNING id")
    for variant_id, quantity in lines:
        connection.execute(
            "INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
            "SELECT %s, id, product_id, %s FROM variants WHERE id = %s",
            [made, quantity, variant_id],
        )
    assert isinstance(made, int)
    return made


SNAPSHOT = """
UPDATE order_items i SET product_name = 'Mug', variant_sku = v.sku, variant_options_text = '', unit_price = v.price,
    vat_rate_snapshot = 21, line_total_gross = i.quantity * v.price,
    tax_amount = round(i.quantity * v.price - i.quantity * v.price / 1.21, 2)
FROM variants v WHERE v.id = i.variant_id AND i.order_id = %s"""

CONFIRM = """
UPDATE orders o SET status = 'confirmed', confirmed_at = now(), total_gross = s.gross, total_tax = s.tax
FROM (SELECT sum(line_total_gross) AS gross, sum(tax_amount) AS tax FROM order_items WHERE order_id = %s) s
WHERE o.id = %s"""


def take(connection: Connection, order_id: int) -> None:
    """Take the order's units from stock."""
    declare(connection, "sale", "order", order_id)
    connection.execute(
        "UPDATE variants v SET stock = v.stock - i.quantity FROM order_items i "
        "WHERE i.order_id = %s AND v.id = i.variant_id",
        [order_id],
    )
    declare(connection, "")


def finalize(connection: Connection, order_id: int) -> None:
    """The whole sale in one transaction."""
    with connection.transaction():
        sign(connection)
        take(connection, order_id)
        connection.execute(SNAPSHOT, [order_id])
        connection.execute(CONFIRM, [order_id, order_id])
