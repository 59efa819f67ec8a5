"""`python -m benchmarks.orders_in_bulk`: 500 orders taken and confirmed by one call, beside hand-written SQL.

The hand-written side takes and confirms each order in a transaction of its own on bare tables without triggers: insert
the order and its lines, lock, take the stock, snapshot, confirm, commit. Its figure divided into ours is the ratio.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from http.client import HTTPConnection
from typing import Any, Final

import psycopg

from benchmarks.ground import SHOP, ground
from benchmarks.served import served
from benchmarks.workloads import SEED, Workload, fill

ORDERS, LINES, VARIANTS, TIMES = 500, 2, 1_000, 3
TARGET: Final = 3.0

BARE: Final = """
DROP SCHEMA IF EXISTS bare CASCADE;
CREATE SCHEMA bare;
CREATE TABLE bare.variants (id bigint PRIMARY KEY, sku text UNIQUE, name text, price numeric(12,2), stock int NOT NULL);
CREATE TABLE bare.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text UNIQUE,
    status text NOT NULL DEFAULT 'pending', total numeric(14,2));
CREATE TABLE bare.items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint REFERENCES bare.orders,
    variant_id bigint REFERENCES bare.variants, quantity int, price numeric(12,2), sku text, name text);
CREATE INDEX ON bare.items (order_id);
INSERT INTO bare.variants SELECT id, sku, title, price, stock FROM public.variants;
"""


def wanted() -> list[list[int]]:
    """The variants of each order."""
    rnd = random.Random(SEED)
    return [rnd.sample(range(1, VARIANTS + 1), LINES) for _ in range(ORDERS)]


def by_hand(admin: str) -> float:
    """Seconds for all orders, one transaction each."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(BARE)
        connection.prepare_threshold = 1
        began = time.perf_counter()
        for n, variants in enumerate(wanted()):
            with connection.transaction():
                _one_order(connection, n, variants)
        return time.perf_counter() - began


def _one_order(connection: psycopg.Connection[Any], n: int, variants: list[int]) -> None:
    row = connection.execute("INSERT INTO bare.orders (number) VALUES (%s) RETURNING id", [f"B-{n}"]).fetchone()
    order = row[0] if row else None
    for variant in variants:
        connection.execute(
            "INSERT INTO bare.items (order_id, variant_id, quantity) VALUES (%s, %s, 1)", [order, variant]
        )
    connection.execute("SELECT status FROM bare.orders WHERE id = %s FOR NO KEY UPDATE", [order]).fetchone()
    for variant in sorted(variants):
        sold = connection.execute(
            "UPDATE bare.variants SET stock = stock - 1 WHERE id = %s AND stock >= 1 RETURNING sku, name, price",
            [variant],
        ).fetchone()
        connection.execute(
            "UPDATE bare.items SET (sku, name, price) = (%s, %s, %s) WHERE order_id = %s AND variant_id = %s",
            [*(sold or (None, None, None)), order, variant],
        )
    connection.execute(
        "UPDATE bare.orders SET status = 'confirmed', "
        "total = (SELECT sum(quantity * price) FROM bare.items WHERE order_id = %s) WHERE id = %s", [order, order],
    )  # fmt: skip


def by_the_api(port: int, token: str) -> float:
    """Seconds for all orders, one call."""
    orders = [{"items": [{"variant_id": variant, "quantity": 1} for variant in variants]} for variants in wanted()]
    connection = HTTPConnection("127.0.0.1", port)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(time.time()),
    }
    began = time.perf_counter()
    connection.request("POST", "/api/v1/orders/bulk", json.dumps({"orders": orders, "finalize": True}), headers)
    answer = connection.getresponse()
    data = json.loads(answer.read())
    took = time.perf_counter() - began
    if answer.status != 200 or data["data"]["confirmed"] != ORDERS:
        raise SystemExit(f"not all were confirmed: {answer.status} {str(data)[:500]}")
    return took


def main() -> None:
    """Measure in turns, print."""
    hand, ours = [], []
    with ground() as place:
        for _ in range(TIMES):
            place.new_shop()
            admin = place.admin_of(SHOP)
            fill(admin, Workload(orders=0, variants=VARIANTS, lines=1, stock=1_000))
            with served(place) as running:
                ours.append(by_the_api(running.port, running.token))
            hand.append(by_hand(admin))
    ratio = statistics.median(ours) / statistics.median(hand)
    print(json.dumps({"by_hand_s": hand, "by_the_api_s": ours, "ratio": round(ratio, 2), "target": TARGET}))


if __name__ == "__main__":
    main()
