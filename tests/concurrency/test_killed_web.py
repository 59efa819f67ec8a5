"""Gate G6: the web process is killed while sixteen clients confirm orders with keys. They repeat all their requests:
every order is sold once, and who was answered before is answered the same."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.domain.roles import SCOPES
from magflow.services import tokens
from tests.conftest import ShopDatabase
from tests.gates.serving import CLIENTS

KILLS, SOAKED = 2, 200
ORDERS = 96
"""Of each kill; a third of them cannot be covered."""

Said = tuple[int, str]
"""Status and body."""


@dataclass
class Web:
    """A web process."""

    process: subprocess.Popen[str]
    port: int

    def kill(self) -> None:
        """Without a word."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def served(database: ShopDatabase, home: Path) -> Iterator[Web]:
    """Start one."""
    command = [sys.executable, "-m", "tests.gates.serving", database.app_dsn, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        web = Web(process, int(process.stdout.readline()))
        try:
            yield web
        finally:
            web.kill()


@dataclass
class Rush:
    """Sixteen clients, each with a connection of its own, share the orders that are to be confirmed."""

    port: int
    token: str
    todo: list[int]
    told: dict[int, Said] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, *, until: int | None = None, then: Any = None) -> None:
        """Send the requests; `then` is called once so many were answered."""
        threads = [threading.Thread(target=self._client, args=(until, then)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, until: int | None, then: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                with self._lock:
                    if not self.todo:
                        return
                    order = self.todo.pop()
                said = self._ask(connection, order)
                with self._lock:
                    self.told[order] = said
                    if len(self.told) == until:
                        then()

    def _ask(self, connection: http.client.HTTPConnection, order: int) -> Said:
        """Confirm it; whoever is told that the same request still runs, or to come back, asks again."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"till-{order}"}
        for _ in range(20):
            connection.request("POST", f"/api/v1/orders/{order}/finalize", headers=headers)
            answer = connection.getresponse()
            body = answer.read().decode()
            if json.loads(body).get("code") not in {"idempotency_in_progress", "retry_later"}:
                return answer.status, body
        raise AssertionError(f"order {order} was never decided: {body}")


def take_orders(admin: psycopg.Connection[Any], rnd: random.Random) -> list[int]:
    """Pending orders of one or two lines over few variants, with stock for two thirds of their units."""
    orders = [
        int(row[0])
        for row in admin.execute(
            "INSERT INTO orders (number) SELECT gen_random_uuid() FROM generate_series(1, %s) RETURNING id", [ORDERS]
        )
    ]
    variants = [
        int(row[0])
        for row in admin.execute(
            "WITH p AS (INSERT INTO products (name, handle) SELECT 'Mug', gen_random_uuid() "
            "FROM generate_series(1, 6) RETURNING id) INSERT INTO variants (product_id, sku, price, stock, status) "
            "SELECT id, 'W' || id, 5, %s, 0 FROM p RETURNING id",
            [ORDERS * 3 // 2 * 2 // 3 // 6],
        )
    ]
    rows = [(order, variant) for order in orders for variant in rnd.sample(variants, rnd.choice((1, 2)))]
    admin.execute(
        "INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
        "SELECT l.o, v.id, v.product_id, 1 FROM unnest(%s::bigint[], %s::bigint[]) AS l (o, v) "
        "JOIN variants v ON v.id = l.v",
        [[order for order, _ in rows], [variant for _, variant in rows]],
    )
    return orders


WRONG = """
SELECT o.id, o.status, count(m.*) FROM orders o
JOIN order_items i ON i.order_id = o.id
LEFT JOIN stock_movements m ON m.source_type = 'order' AND m.source_id = o.id AND m.variant_id = i.variant_id
WHERE o.id = ANY (%s)
GROUP BY o.id, i.id HAVING count(m.*) <> CASE WHEN o.status = 'confirmed' THEN 1 ELSE 0 END
    OR (o.status = 'confirmed' AND sum(m.delta) <> -i.quantity)"""


def check(
    admin: psycopg.Connection[Any], orders: Sequence[int], before: dict[int, Said], after: dict[int, Said]
) -> None:
    """Everybody was told in the end, the same as before, and what stands is what was told."""
    assert set(after) == set(orders)
    assert {order: after[order] for order in before} == before, "another answer than the first"
    assert {status for status, _ in after.values()} == {200, 409}
    sold = {order for order, (status, _) in after.items() if status == 200}
    rows = admin.execute("SELECT id FROM orders WHERE id = ANY (%s) AND status = 'confirmed'", [list(orders)])
    assert {row[0] for row in rows} == sold
    assert not admin.execute(WRONG, [list(orders)]).fetchall()
    assert not admin.execute(
        "SELECT v.id FROM variants v JOIN stock_movements m ON m.variant_id = v.id GROUP BY v.id "
        "HAVING (v.stock, v.movement_seq) IS DISTINCT FROM (sum(m.delta), max(m.seq))"
    ).fetchall()


def check_walk(
    app: Flask, admin: psycopg.Connection[Any], database: ShopDatabase, home: Path, seed: int, kills: int
) -> None:
    rnd = random.Random(seed)
    with app.app_context():
        token = tokens.create_token(tokens.CreateToken("till", SCOPES), actor=SYSTEM).plaintext
        db.session.remove()
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(served(database, home))
        for _ in range(kills):
            orders = take_orders(admin, rnd)
            first = Rush(web.port, token, list(orders))
            first.run(until=rnd.randint(8, ORDERS * 2 // 3), then=web.kill)
            assert len(first.told) < len(orders), "everybody was served before it was killed"
            web = stack.enter_context(served(database, home))
            again = Rush(web.port, token, list(orders))
            again.run()
            check(admin, orders, first.told, again.told)
            print(f"{len(first.told)} of {len(orders)} were answered before the kill")


def test_orders_are_sold_once_although_the_web_process_is_killed(
    busy_app: Flask, admin: psycopg.Connection[Any], database: ShopDatabase, tmp_path: Path, seed: int
) -> None:
    check_walk(busy_app, admin, database, tmp_path, seed, KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_orders_are_sold_once_through_two_hundred_kills(
    busy_app: Flask, admin: psycopg.Connection[Any], database: ShopDatabase, tmp_path: Path, seed: int, part: int
) -> None:
    check_walk(busy_app, admin, database, tmp_path, seed + part, SOAKED // 10)
