"""Gate G19: a backup that was made while the shop sold is restored elsewhere, and that shop is whole and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.app import create_app
from magflow.db import db
from magflow.postgres import backup
from magflow.services import invariants
from magflow.settings import Settings
from tests.conftest import ShopDatabase, TestServer, cloned
from tests.gates.histories import Stage

HISTORIES = 1_000


@pytest.fixture
def elsewhere(server: TestServer, template: str) -> Iterator[ShopDatabase]:
    """Another database of the server."""
    with cloned(server, template) as shop:
        yield shop


def test_a_backup_made_under_load_comes_back_whole_and_goes_on(
    stage: Stage, database: ShopDatabase, elsewhere: ShopDatabase, settings: Settings, seed: int, tmp_path: Path
) -> None:
    confirmed_before: set[int] = set()
    started, written = threading.Event(), threading.Event()

    def keep() -> None:
        started.wait(60)
        with psycopg.connect(database.admin_dsn) as connection:
            confirmed_before.update(
                row[0] for row in connection.execute("SELECT id FROM orders WHERE status = 'confirmed'")
            )
        backup.write_backup(database.addresses(), tmp_path / "live", None)
        written.set()

    keeper = threading.Thread(target=keep)
    keeper.start()
    number = 0
    while not written.is_set() and keeper.is_alive():
        assert not stage.run(seed, number, 50).findings
        number += 50
        started.set()
    keeper.join()
    assert written.is_set() and confirmed_before

    backup.restore_backup(elsewhere.addresses(), tmp_path / "live", None, force=True)
    app = create_app(replace(settings, database_url=elsewhere.app_dsn, threads=16), areas=(), role="worker")
    with app.app_context():
        found = [check.as_line() for check in invariants.findings(invariants.audit()) if check.critical]
    assert not found, "\n".join(found)
    with psycopg.connect(elsewhere.admin_dsn) as connection:
        restored = {row[0] for row in connection.execute("SELECT id FROM orders WHERE status <> 'pending'")}
    assert confirmed_before <= restored

    _goes_on(app, elsewhere, seed)


def _goes_on(app: Flask, shop: ShopDatabase, seed: int) -> None:
    copy: Any = Stage(app, shop.admin_dsn)
    try:
        tally = copy.run(seed, 10_000_000, HISTORIES)
        assert not tally.findings, str(tally.findings[0])
        with app.app_context():
            assert not [check for check in invariants.findings(invariants.audit()) if check.critical]
    finally:
        copy.close()
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()
