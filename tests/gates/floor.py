"""Shop floors for histories: many small sets of variants and orders, laid out and read back in a few statements."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.gates.model import Line, Order, Shop, Variant

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Floor:
    """What one history plays on. `products` are those of its variants, and perhaps an empty one."""

    shop: Shop
    products: tuple[int, ...]


class Ids:
    """Ids from the tables' own sequences, fetched by the thousand."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, Iterator[int]] = {}

    def next(self, table: str) -> int:
        """A fresh id."""
        for key in self._waiting.get(table, iter(())):
            return key
        rows = self._connection.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, 1000)", [table]
        ).fetchall()
        self._waiting[table] = iter([int(row[0]) for row in rows])
        return self.next(table)


def drawn(rnd: random.Random, ids: Ids) -> Floor:
    """A random floor: one to three variants of zero to two units, two to five pending orders, perhaps an empty product.

    Where variants share a product, one of them is active at most. An order may have two lines of one variant.
    """
    together = rnd.random() < 0.35
    shared = ids.next("products")
    variants = []
    for n in range(rnd.randint(1, 3)):
        product = shared if together else ids.next("products")
        active = n == 0 if together else rnd.random() < 0.9
        variants.append(Variant(ids.next("variants"), product, rnd.randint(0, 2), active, 100 + 7 * n))
    orders = []
    for _ in range(rnd.randint(2, 5)):
        lines = [
            Line(ids.next("order_items"), rnd.choice(variants).id, rnd.choice((1, 1, 2)))
            for _ in range(rnd.choice((1, 1, 1, 2, 2, 3)))
        ]
        orders.append(Order(ids.next("orders"), "pending", tuple(sorted(lines))))
    products = {v.product for v in variants}
    if rnd.random() < 0.5:
        products.add(ids.next("products"))
    shop = Shop(tuple(sorted(variants)), tuple(sorted(orders)))
    return Floor(shop, tuple(sorted(products)))


def lay_out(connection: Connection, floors: Sequence[Floor]) -> None:
    """Write the floors to the database."""
    products = [p for floor in floors for p in floor.products]
    variants = [v for floor in floors for v in floor.shop.variants]
    orders = [o for floor in floors for o in floor.shop.orders]
    lines = [(o.id, line) for o in orders for line in o.lines]
    with connection.transaction():
        connection.execute(
            "INSERT INTO products (id, name, handle) SELECT g, 'Product ' || g, 'gate-' || g "
            "FROM unnest(%s::bigint[]) g",
            [products],
        )
        connection.execute(
            "INSERT INTO variants (id, product_id, sku, price, stock, status) "
            "SELECT id, product, 'V' || id, price / 100.0, stock, CASE WHEN active THEN 0 ELSE 1 END "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::bool[]) "
            "AS v (id, product, price, stock, active)",
            [[v.id for v in variants], [v.product for v in variants], [v.price for v in variants],
             [v.stock for v in variants], [v.active for v in variants]],
        )  # fmt: skip
        connection.execute(
            "INSERT INTO orders (id, number) SELECT id, 'G' || id FROM unnest(%s::bigint[]) AS o (id)",
            [[o.id for o in orders]],
        )
        connection.execute(
            "INSERT INTO order_items (id, order_id, variant_id, product_id, quantity) "
            "SELECT l.id, l.order_id, v.id, v.product_id, l.quantity "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[]) AS l (id, order_id, variant, quantity) "
            "JOIN variants v ON v.id = l.variant ORDER BY l.id",
            [[line.id for _, line in lines], [o for o, _ in lines], [line.variant for _, line in lines],
             [line.quantity for _, line in lines]],
        )  # fmt: skip


def read_back(connection: Connection, floors: Sequence[Floor]) -> list[Shop]:
    """How the floors stand now."""
    products = [p for floor in floors for p in floor.products]
    orders = [o.id for floor in floors for o in floor.shop.orders]
    split: dict[int, list[int]] = {}
    for parent, child in connection.execute(
        "SELECT split_from_id, order_id FROM order_handling WHERE split_from_id = ANY(%s)", [orders]
    ):
        split.setdefault(parent, []).append(child)
    orders += [child for children in split.values() for child in children]
    variants: dict[int, list[Variant]] = {}
    for id_, product, stock, active, price in connection.execute(
        "SELECT id, product_id, stock, status = 0, (price * 100)::int FROM variants "
        "WHERE product_id = ANY(%s) ORDER BY id",
        [products],
    ):
        variants.setdefault(product, []).append(Variant(id_, product, stock, active, price))
    lines: dict[int, list[Line]] = {}
    for order, id_, variant, quantity, back in connection.execute(
        "SELECT order_id, id, variant_id, quantity, restocked_quantity FROM order_items "
        "WHERE order_id = ANY(%s) ORDER BY id",
        [orders],
    ):
        lines.setdefault(order, []).append(Line(id_, variant, quantity, back))
    heads = {
        id_: Order(id_, status, tuple(lines.get(id_, ())), sold)
        for id_, status, sold in connection.execute(
            "SELECT id, status, confirmed_at IS NOT NULL FROM orders WHERE id = ANY(%s)", [orders]
        )
    }
    mapped: dict[int, list[tuple[str, int]]] = {}
    for external_id, variant, product in connection.execute(
        "SELECT x.external_id, v.id, v.product_id FROM variant_external_ids x JOIN variants v ON v.id = x.variant_id "
        "WHERE v.product_id = ANY(%s)",
        [products],
    ):
        mapped.setdefault(product, []).append((external_id, variant))
    return [
        Shop(
            tuple(sorted(v for product in floor.products for v in variants.get(product, ()))),
            tuple(sorted(heads[key] for o in floor.shop.orders for key in (o.id, *split.get(o.id, ())))),
            tuple(sorted(m for product in floor.products for m in mapped.get(product, ()))),
        )
        for floor in floors
    ]


UNEXPLAINED = """
SELECT v.id, v.stock, v.movement_seq, m.total, m.last, m.balance, m.chained
FROM variants v
LEFT JOIN LATERAL (
    SELECT sum(delta) AS total, max(seq) AS last, (array_agg(balance_after ORDER BY seq DESC))[1] AS balance,
           bool_and(chain) AS chained
    FROM (SELECT seq, delta, balance_after,
                 balance_after = delta + coalesce(lag(balance_after) OVER (ORDER BY seq), 0)
                 AND seq = 1 + coalesce(lag(seq) OVER (ORDER BY seq), 0) AS chain
          FROM stock_movements WHERE variant_id = v.id) step
) m ON true
WHERE v.product_id = ANY(%s)
  AND (v.stock <> coalesce(m.total, 0) OR v.movement_seq <> coalesce(m.last, 0)
       OR (m.last IS NOT NULL AND (v.stock <> m.balance OR NOT m.chained)))"""


def unexplained(connection: Connection, floors: Sequence[Floor]) -> list[tuple[Any, ...]]:
    """Variants whose movements do not add up, have a gap, or do not follow from each other."""
    return connection.execute(UNEXPLAINED, [[p for floor in floors for p in floor.products]]).fetchall()
