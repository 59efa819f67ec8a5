"""Gate G12: a process that imports is killed with SIGKILL wherever it happens to be, and another goes on."""

from __future__ import annotations

import io
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.services import invariants
from magflow.services.imports import checking, commands, files, preparing, runner
from tests.imports.conftest import ANA, look
from tests.imports.test_variants import everything

Owner = psycopg.Connection[tuple[Any, ...]]

SEED = int(os.environ.get("MAGFLOW_SEED", "20261121"))
KILLS, SOAKED = 12, 500
LONGEST = 1.5
"""Seconds that a process may live."""
PRODUCTS = 120
ROWS = 2 * PRODUCTS
REFUSED = 2 * len(range(3, PRODUCTS, 17))


def text(price: int) -> str:
    head = "product,sku,option1_name,option1_value,price,stock,image_urls\n"
    return head + "".join(
        f"Struck {n},ST-{n}-{tone},Tone,{tone},{'x' if n % 17 == 3 else price + n},{(price + n) % 9},"
        f"https://cdn.example/{n}.jpg\n"
        for n in range(PRODUCTS)
        for tone in ("Red", "Blue")
    )


def begin(home: Path, price: int) -> int:
    stored = files.store(home, io.BytesIO(text(price).encode()))
    command = commands.take_in(home, stored, filename="struck.csv", kind="variants", queued=False)
    return commands.register(command, actor=ANA).id


def in_a_process(app: Flask, import_id: int, home: Path) -> int:
    """Run the import in a process of its own, with connections of its own."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        runner.perform(import_id, home, actor=ANA)
        code = 0
    finally:
        os._exit(code)


def killed_after(child: int, seconds: float) -> bool:
    """Kill -9 after so long; False when it had come to its end by itself."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def campaign(app: Flask, home: Path, owner: Owner, kills: int) -> tuple[int, int]:
    """Imports of ever new prices, killed so many times in all; each is looked at when it has ended."""
    print(f"seed {SEED}")
    rnd = random.Random(SEED)
    struck = imports = 0
    while struck < kills:
        imports += 1
        import_id = begin(home, 10 * imports)
        while look(import_id).status != "finished":
            struck += killed_after(in_a_process(app, import_id, home), rnd.uniform(0.01, LONGEST))
        done = look(import_id)
        assert (sum(done.counts), done.refused) == (ROWS, REFUSED), (SEED, imports)
        noted = owner.execute("SELECT count(*) FROM import_rows WHERE import_id = %s", [import_id]).fetchone()
        assert noted == (ROWS,)
        assert wrong(owner, 10 * imports) == (0, 0, ROWS - REFUSED), (SEED, imports)
        print(f"{struck} kills in {imports} imports", flush=True)
    return struck, imports


def wrong(owner: Owner, price: int) -> tuple[Any, ...] | None:
    """Variants whose stock is not the sum of its movements; that are there twice; that are as the file says."""
    return owner.execute(
        "SELECT (SELECT count(*) FROM variants v "
        "        WHERE stock <> (SELECT coalesce(sum(delta), 0) FROM stock_movements m WHERE m.variant_id = v.id)), "
        "(SELECT count(*) FROM (SELECT 1 FROM variants WHERE sku LIKE 'ST-%%' AND status = 0 GROUP BY sku "
        "                       HAVING count(*) > 1) twice), "
        "(SELECT count(*) FROM variants, LATERAL (SELECT split_part(sku, '-', 2) AS part) p, "
        "   LATERAL (SELECT part::integer AS n) n WHERE sku LIKE 'ST-%%' "
        "   AND price = %s + n.n AND stock = (%s + n.n) %% 9)",
        [price, price],
    ).fetchone()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks of few rows: many places to be killed in."""
    monkeypatch.setattr(checking, "CHUNK_ROWS", 10)
    monkeypatch.setattr(checking, "FIRST_CHUNK_ROWS", 5)
    monkeypatch.setattr(preparing, "BATCH", 40)


def nothing_left_over(app: Flask, home: Path, owner: Owner, imports: int) -> None:
    """The last file again writes nothing, the shop's own audit finds nothing, and no prepared row stays behind."""
    before = everything(owner)
    again = begin(home, 10 * imports)
    runner.perform(again, home, actor=ANA)
    assert look(again).counts == (0, ROWS - REFUSED, REFUSED)
    assert everything(owner) == before
    assert [
        check.as_line()
        for check in invariants.audit()
        if check.critical and check.count and check.name != "guard_missing"
    ] == []
    assert owner.execute("SELECT count(*) FROM import_stage").fetchone() == (0,)


def test_imports_that_are_killed_anywhere_come_to_the_same(
    app: Flask, home: Path, owner: Owner, small_chunks: None
) -> None:
    struck, imports = campaign(app, home, owner, KILLS)
    assert struck >= KILLS
    nothing_left_over(app, home, owner, imports)


@pytest.mark.soak
@pytest.mark.timeout(6_000)
def test_imports_that_are_killed_five_hundred_times(app: Flask, home: Path, owner: Owner, small_chunks: None) -> None:
    _struck, imports = campaign(app, home, owner, SOAKED)
    nothing_left_over(app, home, owner, imports)
