"""The shops of the two workloads, filled by SQL, and what must be true of them afterwards."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import psycopg

SEED: Final = 20240501


@dataclass(frozen=True)
class Workload:
    """So many pending orders, of so many lines of one unit each, over so many variants with this stock."""

    orders: int
    variants: int
    lines: int
    stock: int

    @property
    def sellable(self) -> int:
        """How many of the orders can be confirmed at most."""
        return min(self.orders, self.variants * self.stock // self.lines)


WORKLOADS: Final = {
    "W1": Workload(orders=600, variants=1, lines=1, stock=500),
    "W2": Workload(orders=2000, variants=1000, lines=2, stock=1000),
}


def fill(admin: str, work: Workload) -> list[int]:
    """Make products, variants and pending orders as the services would have left them. Returns the orders' ids.

    The lines stand in random order, as in the reference.
    """
    rnd = random.Random(SEED)
    with psycopg.connect(admin) as connection:
        connection.execute(
            "INSERT INTO products (id, name, handle) SELECT g, 'Product ' || g, 'product-' || g "
            "FROM generate_series(1, %s) g",
            [work.variants],
        )
        connection.execute(
            "INSERT INTO variants (id, product_id, sku, title, price, stock, status) "
            "SELECT g, g, 'SKU-' || lpad(g::text, 6, '0'), 'Variant ' || g, 10 + g, %s, 0 "
            "FROM generate_series(1, %s) g",
            [work.stock, work.variants],
        )
        connection.execute("INSERT INTO orders (id) SELECT generate_series(1, %s)", [work.orders])
        rows = [
            (order, variant)
            for order in range(1, work.orders + 1)
            for variant in rnd.sample(range(1, work.variants + 1), work.lines)
        ]
        connection.execute(
            "INSERT INTO order_items (order_id, variant_id, product_id, quantity, unit_price) "
            "SELECT o, v, v, 1, 10 + v FROM unnest(%s::bigint[], %s::bigint[]) AS l (o, v)",
            [[o for o, _ in rows], [v for _, v in rows]],
        )
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if row == (True,):
            connection.execute("CHECKPOINT")
    return list(range(1, work.orders + 1))


def check(admin: str, work: Workload) -> dict[str, int]:
    """What was sold, what is left, and what must be zero."""
    with psycopg.connect(admin, autocommit=True) as connection:

        def one(statement: str) -> int:
            row = connection.execute(statement).fetchone()
            return int(row[0]) if row else 0

        sold = one(
            "SELECT coalesce(sum(quantity), 0) FROM order_items i JOIN orders o ON o.id = i.order_id "
            "WHERE o.status = 'confirmed'"
        )
        left = one("SELECT sum(stock) FROM variants")
        unexplained = one(
            "SELECT count(*) FROM variants v WHERE stock <> "
            "(SELECT coalesce(sum(delta), 0) FROM stock_movements m WHERE m.variant_id = v.id)"
        )
        deadlocks = one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return {
        "sold": sold,
        "stock_left": left,
        "oversold": max(0, sold + left - work.variants * work.stock),
        "lost": max(0, work.variants * work.stock - sold - left),
        "unexplained_variants": unexplained,
        "deadlocks": deadlocks,
    }
