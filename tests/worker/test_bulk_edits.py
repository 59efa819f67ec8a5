"""A bulk edit of thousands, by filter, as a real worker carries it out: progress, all or nothing, and the way back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.bulk_edit import Rule
from magflow.models import BulkEdit
from magflow.queries import bulk_edits
from magflow.queries.variant_lists import VariantFilter
from magflow.services import bulk_edit, bulk_undo, invariants, stock
from magflow.services.bulk_edit import EditInBulk, Selection
from tests.conftest import ShopDatabase
from tests.shop import ANA
from tests.worker.test_worker import until

Owner = psycopg.Connection[tuple[Any, ...]]
MANY = 6_000
"""More than one chunk."""
RULES = (Rule("price", "percent", Decimal(10), ".99"), Rule("stock", "add", Decimal(-1)))
OURS = Selection(filter=VariantFilter(brand="Many"))


@pytest.fixture
def many(app: Flask, owner: Owner) -> None:
    """Many variants of one brand, each with stock."""
    owner.execute("INSERT INTO products (id, name, handle, brand) VALUES (900, 'Many', 'many', 'Many')")
    owner.execute(
        "INSERT INTO variants (id, product_id, sku, price, stock, status) "
        "SELECT 9000 + n, 900, 'MANY-' || n, n, 5, 1 FROM generate_series(1, %s) n",
        [MANY],
    )


@pytest.fixture
def worker(database: ShopDatabase, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Starts `magflow worker`; it is ended afterwards."""
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": database.app_dsn,
            "MAGFLOW_HOME": str(tmp_path / "home"),
            "MAGFLOW_ENV": "testing",
        }
        command = [sys.executable, "-c", "import sys; from magflow.cli import run; sys.exit(run())", "worker"]
        with (tmp_path / "worker.log").open("wb") as log:
            running.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log))

    yield begin
    for process in running:
        process.kill()
        process.wait(10)


def started() -> int:
    plan = bulk_edit.preview(db.session(), OURS, RULES)
    db.session.rollback()
    edit = bulk_edit.start(EditInBulk(OURS, RULES, plan.fingerprint), actor=ANA)
    assert (edit.status, len(plan.changed)) == ("queued", MANY)
    return edit.id


def now(edit_id: int) -> BulkEdit:
    db.session.rollback()
    return bulk_edits.bulk_edit(db.session(), edit_id)


def figures(owner: Owner) -> tuple[Any, ...] | None:
    return owner.execute(
        "SELECT sum(price), sum(stock), count(*) FILTER (WHERE price %% 1 <> 0) FROM variants WHERE product_id = 900",
        [],
    ).fetchone()


def test_thousands_are_changed_by_a_worker_or_none_of_them(
    many: None, owner: Owner, worker: Callable[[], None]
) -> None:
    before = figures(owner)
    late = started()
    stock.adjust(stock.AdjustStock(9001, "found", delta=1), actor=ANA)  # nobody agreed to this stock
    worker()
    until(lambda: now(late).status not in {"queued", "running"}, 60)
    assert (now(late).status, (now(late).error or {})["code"]) == ("failed", "stale_version")
    stock.adjust(stock.AdjustStock(9001, "lost", delta=-1), actor=ANA)
    assert figures(owner) == before

    edit = started()
    until(lambda: now(edit).status not in {"queued", "running"}, 60)
    done = now(edit)
    assert (done.status, done.rows_changed, done.rows_unchanged, done.rows_refused) == ("applied", MANY, 0, 0)
    assert owner.execute("SELECT done, total FROM bulk_edit_progress WHERE bulk_edit_id = %s", [edit]).fetchone() == (
        MANY,
        MANY,
    )
    changed = figures(owner)
    assert changed is not None
    assert changed[1:] == (4 * MANY, MANY)

    bulk_undo.start(edit, actor=ANA)
    until(lambda: now(edit).status == "undone", 60)
    assert figures(owner) == before
    assert invariants.findings(invariants.audit()) == []
