"""The whole walk over processes: the demo shop with 2,500 offers more, 200 orders with trouble among them, a day
of outage, worker and web killed in the middle; at the end both sides tell the truth. Its figures are printed."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from magflow.postgres.access import database
from magflow.settings import Settings
from tests.ground.test_up import Up, eventually, running

pytestmark = [pytest.mark.soak]
OFFERS, SHARED, ORDERS, STOCK, DAY = 2500, 1250, 200, 5, 86400


def environment(home: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_") and k != "DATABASE_URL"}
    return {**inherited, "MAGFLOW_HOME": str(home), "MAGFLOW_ENV": "testing"}


def magflow(home: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "magflow.cli", *arguments], env=environment(home), text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_ports() -> int:
    """A port with a free one behind it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@dataclass
class Walk:
    up: Up
    control: str
    shop: psycopg.Connection[Any]
    hook: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def tell(self, action: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.control}/{action}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def shown(self, account: str) -> dict[str, int]:
        found: dict[str, int] = self.tell("state")["accounts"][account]["offers"]
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.shop.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.figures[name] = round(time.monotonic() - began, 1)

    def until(self, name: str, condition: Callable[[], Any], seconds: float) -> None:
        with self.timed(name):
            eventually(condition, seconds)


def goods(home: Path) -> Path:
    """2,500 products to import."""
    file = home / "goods.csv"
    with file.open("w", newline="") as written:
        rows = csv.writer(written)
        rows.writerow(["product", "sku", "price", "stock", "vat_rate"])
        rows.writerows([f"Lucru {n}", f"WALK-{n:04}", "24.20", STOCK, "21"] for n in range(OFFERS))
    return file


def list_them(walk: Walk) -> list[int]:
    """The marketplace has them too, half of them in the second account as well."""
    entries = [{"sku": f"WALK-{n:04}", "name": f"Lucru {n}", "price": 20, "stock": STOCK} for n in range(OFFERS)]
    made = walk.tell("offers", account="main", offers=entries)["offers"]
    second = [entry | {"pnk": offer["pnk"], "stock": 3} for entry, offer in zip(entries, made, strict=True)]
    walk.tell("offers", account="fbe", offers=second[:SHARED])
    return [offer["id"] for offer in made]


def sell_the_last(walk: Walk, number: int) -> None:
    """One is left; it is sold on MAIN. What the second account has in the marketplace's warehouse stays."""
    variant = walk.one("SELECT id FROM variants WHERE sku = 'WALK-0000'")
    fbe = walk.one("SELECT external_id FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id "
                   f"WHERE a.code = 'fbe' AND o.variant_id = {variant}")  # fmt: skip
    walk.tell("order", account="main", lines=[[number, STOCK - 1]])
    eventually(lambda: walk.one(f"SELECT stock FROM variants WHERE id = {variant}") == 1, 90)
    eventually(lambda: walk.shown("main")[str(number)] == 1, 60)
    walk.tell("order", account="main", lines=[[number, 1]])
    walk.until("the last unit: order placed to confirmed here",
               lambda: walk.one(f"SELECT stock FROM variants WHERE id = {variant}") == 0, 90)  # fmt: skip
    eventually(lambda: not walk.rows("SELECT 1 FROM stock_outbox"), 60)
    assert (walk.shown("main")[str(number)], walk.shown("fbe")[fbe]) == (0, 3)


def buy(walk: Walk, numbers: list[int], unknown: int, draw: random.Random, count: int) -> dict[str, int]:
    """Orders; one in twenty with trouble."""
    troubles = {"unknown item": 0, "short stock": 0, "called twice": 0, "cancelled at once": 0}
    for n in range(count):
        trouble = list(troubles)[(n // 20) % 4] if n % 20 == 7 else None
        lines = [[draw.choice(numbers[1:]), draw.randint(1, 2)]]
        if trouble == "unknown item":
            lines.append([unknown, 1])
        if trouble == "short stock":
            lines = [[draw.choice(numbers[1:]), STOCK + 4]]
        made = walk.tell("order", account="main", lines=lines)["id"]
        for _ in range(2 if trouble == "called twice" else 0):
            with contextlib.suppress(OSError):  # a call that finds nobody is lost
                urllib.request.urlopen(f"{walk.hook}?order_id={made}", timeout=10).close()
        if trouble == "cancelled at once":
            walk.tell("cancel", account="main", order=made)
        if trouble:
            troubles[trouble] += 1
    return troubles


def kill(walk: Walk) -> None:
    for module in ("magflow.up.job_worker", "magflow.up.web"):
        child = eventually(lambda module=module: living(walk.up, module))
        child.send_signal(signal.SIGKILL)


def living(up: Up, module: str) -> psutil.Process | None:
    """The child of this module, unless it is just dying or being started."""
    with contextlib.suppress(psutil.Error, StopIteration):
        return up.child(module)
    return None


DIFFERING = """
SELECT o.external_id, greatest(0, v.stock - coalesce(r.units, 0) - a.buffer) FROM offers o
JOIN marketplace_accounts a ON a.id = o.account_id AND a.code = 'main' JOIN variants v ON v.id = o.variant_id
LEFT JOIN (SELECT i.variant_id, sum(i.quantity) AS units FROM order_items i JOIN orders w ON w.id = i.order_id
           AND w.status = 'pending' WHERE i.stock_source = 'own' GROUP BY 1) r ON r.variant_id = v.id
WHERE o.status <> 2"""
LEDGER = """
SELECT count(*) FROM variants v WHERE v.sku LIKE 'WALK-%' AND v.stock <> {stock} - coalesce(
    (SELECT sum(i.quantity - i.restocked_quantity) FROM order_items i JOIN orders o ON o.id = i.order_id
     WHERE i.variant_id = v.id AND o.confirmed_at IS NOT NULL AND i.stock_source = 'own'), 0)"""


def disagreements(walk: Walk) -> list[str]:
    """What does not agree between the shop and the marketplace."""
    state = walk.tell("state")["accounts"]
    shown = state["main"]["offers"]
    found = [f"offer {number}: {shown.get(number)} there, {wanted} meant" for number, wanted in walk.rows(DIFFERING)
             if shown.get(number) != wanted]  # fmt: skip
    for code in ("main", "fbe"):
        here: dict[str, list[str]] = {}
        for number, status in walk.rows(
            f"SELECT external_id, status FROM orders WHERE source = 'emag' AND source_account = '{code}'"
        ):
            here.setdefault(number, []).append(status)
        for number, status in state[code]["orders"].items():
            kept = here.pop(number, [])
            fine = kept in ([], ["cancelled"]) if status == 0 else kept in (["confirmed"], ["pending"])
            found += [] if fine and status != 1 else [f"{code} order {number}: {status} there, {kept} here"]
        found += [f"{code} order {number}: here only" for number in here]
    wrong = walk.one(LEDGER.format(stock=STOCK))
    return found + ([f"{wrong} variants whose stock is not what was sold of it"] if wrong else [])


def test_the_whole_walk(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed") or random.randrange(10**9)
    draw, home, port = random.Random(seed), tmp_path, free_ports()
    print(f"seed {seed}")
    print(magflow(home, "demo", "load", "--port", str(port)))
    magflow(home, "import", str(goods(home)), "--kind", "variants")
    settings = Settings.from_environment({"MAGFLOW_HOME": str(home)})
    with (
        running(home) as up,
        database(settings) as opened,
        psycopg.connect(opened.app_url.replace("+psycopg", ""), autocommit=True) as shop,
    ):
        walk = Walk(up, f"http://127.0.0.1:{port + 1}", shop)
        eventually(lambda: walk.tell("state"), 30)
        walk.hook = up.address + json.loads(magflow(home, "account", "webhook", "emag", "main"))["path"]
        walk.tell("account", account="main", callbacks={"order": walk.hook, "cancelled": walk.hook})
        numbers = list_them(walk)
        for code in ("main", "fbe"):
            with walk.timed(f"offers of {code} read and matched"):
                print(magflow(home, "account", "read", "emag", code))
        walk.figures["matched"] = walk.one(
            "SELECT count(*) FROM offers WHERE variant_id IS NOT NULL AND sku LIKE 'WALK-%'"
        )
        assert walk.figures["matched"] == OFFERS + SHARED
        sell_the_last(walk, numbers[0])
        unknown = walk.tell("offers", account="main", offers=[{"sku": "X", "name": "X", "price": 5, "stock": 9}])
        print(buy(walk, numbers, unknown["offers"][0]["id"], draw, ORDERS // 2))
        walk.tell("outage", seconds=DAY)
        kill(walk)
        print(buy(walk, numbers, unknown["offers"][0]["id"], draw, ORDERS // 2))
        time.sleep(20)  # the shop finds nobody there, and goes on
        assert eventually(lambda: up.get("/healthz"), 60)[0] == 200
        with walk.timed("a day went by in"):
            walk.tell("advance", seconds=DAY)
        kill(walk)
        try:
            walk.until("outage over to both sides agree", lambda: not disagreements(walk), 400)
        finally:
            print("\n".join(disagreements(walk)[:20]))
            states = walk.rows("SELECT state, problem ->> 'code', count(*) FROM marketplace_orders GROUP BY 1, 2")
            windows = walk.rows("SELECT count(*), sum(seen), sum(imported), sum(failed) FROM order_windows")
            print(walk.figures, states, windows)
        assert not walk.rows("SELECT 1 FROM order_windows WHERE seen <> imported + failed")
        assert not walk.rows("SELECT source_account, external_id FROM orders WHERE source = 'emag' "
                             "GROUP BY 1, 2 HAVING count(*) > 1")  # fmt: skip
