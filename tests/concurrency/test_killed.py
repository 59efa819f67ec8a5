"""Gate G5: the database and the application are killed while sixteen tills sell. Nothing that was told is lost, nothing
is half-done, and what stands afterwards explains itself."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from magflow.app import create_app
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.postgres import embedded, migrate
from magflow.postgres.access import Database
from magflow.postgres.embedded import Server
from magflow.services import invariants
from magflow.settings import Settings

TILLS = 16
KILLS, SOAKED = 10, 200
ORDERS = 3_000


def settings_for(home: Path) -> Settings:
    return Settings.from_environment({"MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Server]:
    """The server of this home, started or brought back from the dead."""
    server = embedded.start(settings_for(home))
    try:
        yield server
    finally:
        server.stop()


def fill(server: Server, orders: int) -> None:
    """Pending orders of one to three lines over few variants with stock that does not suffice for all."""
    with psycopg.connect(server.superuser_dsn) as connection:
        connection.execute(
            "INSERT INTO products (name, handle) SELECT 'Product', gen_random_uuid() FROM generate_series(1, 8)"
        )
        connection.execute(
            "INSERT INTO variants (product_id, sku, price, stock, status) "
            "SELECT id, 'K' || id, 5, 400, 0 FROM products "
            "WHERE NOT EXISTS (SELECT FROM variants v WHERE v.product_id = products.id)"
        )
        connection.execute(
            "WITH made AS (INSERT INTO orders (number) SELECT gen_random_uuid() FROM generate_series(1, %s) "
            "RETURNING id) INSERT INTO order_items (order_id, variant_id, product_id, quantity) "
            "SELECT m.id, v.id, v.product_id, 1 FROM made m CROSS JOIN LATERAL "
            "(SELECT id, product_id FROM variants WHERE m.id > 0 ORDER BY random() LIMIT 1 + m.id %% 3) v",
            [orders],
        )


def sell_until_killed(server: Server, home: Path, after: float) -> list[tuple[str, int]]:
    """Open the tills, and after so many seconds of selling kill -9 the database and them. What they were told."""
    tills = subprocess.Popen(
        [sys.executable, "-m", "tests.gates.tills", server.app_dsn, str(home / "tills"), str(TILLS)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert tills.stdout is not None
    told: list[tuple[str, int]] = []
    assert tills.stdout.readline() == "open\n"
    # The moment is drawn; what it hits is what the test is about.
    killer = threading.Timer(after, _kill, [server, tills])
    killer.start()
    for line in tills.stdout:
        kind, order = line.split()[:2]
        told.append((kind, int(order)))
    tills.wait()
    killer.join()
    tills.stdout.close()
    return told


def _kill(server: Server, tills: subprocess.Popen[str]) -> None:
    everybody = server.cluster.processes()
    for process in everybody:
        with contextlib.suppress(psutil.Error):
            process.kill()
    os.killpg(tills.pid, 9)
    psutil.wait_procs(everybody, timeout=10)


def check(home: Path, server: Server, told: list[tuple[str, int]]) -> None:
    """Every acknowledged order is there, once, whole; the audit finds nothing."""
    app = create_app(replace(settings_for(home), database_url=server.app_dsn), areas=())
    with app.app_context():
        found = [check.as_line() for check in invariants.findings(invariants.audit()) if check.critical]
        for engine in db.engines.values():
            engine.dispose()
    assert not found, "\n".join(found)
    with psycopg.connect(server.superuser_dsn) as connection:
        confirmed = {row[0] for row in connection.execute("SELECT id FROM orders WHERE status = 'confirmed'")}
        halves = connection.execute(HALF_DONE).fetchall()
    sold = [order for kind, order in told if kind == "sold"]
    assert set(sold) <= confirmed, f"acknowledged and gone: {sorted(set(sold) - confirmed)}"
    assert len(sold) == len(set(sold)) and not halves


HALF_DONE = """
SELECT o.id, o.status FROM orders o WHERE
    (o.status = 'pending' AND (
        EXISTS (SELECT FROM stock_movements m WHERE m.source_type = 'order' AND m.source_id = o.id)
        OR EXISTS (SELECT FROM order_items i WHERE i.order_id = o.id AND i.line_total_gross IS NOT NULL)))
    OR (o.status = 'confirmed' AND (SELECT -sum(delta) FROM stock_movements m WHERE m.source_type = 'order'
        AND m.source_id = o.id) IS DISTINCT FROM (SELECT sum(quantity) FROM order_items i WHERE i.order_id = o.id))"""


def check_walk(home: Path, seed: int, kills: int) -> None:
    """Kill so many times, and look after each."""
    rnd = random.Random(seed)
    told: list[tuple[str, int]] = []
    with serving(home) as server:
        migrate.upgrade(Database(server.app_dsn, server.owner_dsn, server.backup_dsn, server))
    sold_under_way = 0
    for kill in range(kills):
        with serving(home) as server:
            if kill:
                check(home, server, told)
            if kill % 20 == 0:
                fill(server, ORDERS)
            now = sell_until_killed(server, home, rnd.uniform(0.05, 0.9))
            sold_under_way += bool(now)
            told += now
    with serving(home) as server:
        check(home, server, told)
    assert sold_under_way >= kills // 2, "they were killed before they sold anything"


def test_what_was_acknowledged_survives_ten_kills_and_nothing_is_half_done(home: Path, seed: int) -> None:
    check_walk(home, seed, KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_what_was_acknowledged_survives_two_hundred_kills(home: Path, seed: int, part: int) -> None:
    check_walk(home, seed + part, SOAKED // 10)


def test_a_commit_that_a_crash_took_is_not_believed(home: Path) -> None:
    """A server that crashed gives its numbers again: whether ours is committed then says nothing about us."""
    from magflow.concurrency import execute, transactions

    with serving(home) as server:
        migrate.upgrade(Database(server.app_dsn, server.owner_dsn, server.backup_dsn, server))
        app = create_app(replace(settings_for(home), database_url=server.app_dsn), areas=())
        seen: list[Any] = []

        def unit(session: Any) -> None:
            execute(session, "INSERT INTO settings (key, value) VALUES ('crash', '1')")
            seen.append(session.info["transaction"])
            raise ZeroDivisionError

        with app.app_context():
            with pytest.raises(ZeroDivisionError):
                transactions.run(unit, SYSTEM)
            assert transactions._has_committed(seen[0]) is False
            everybody = server.cluster.processes()
            for process in everybody:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(everybody, timeout=10)
            server.ensure()
            with db.engine.connect() as connection:
                young = connection.exec_driver_sql(
                    "SELECT stats_reset > now() - interval '1 hour' FROM pg_stat_bgwriter"
                ).scalar()
            assert young, "a crash resets the statistics; without that sign, no answer after one is to be trusted"
            for engine in db.engines.values():
                engine.dispose()
