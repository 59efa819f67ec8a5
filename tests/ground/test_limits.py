"""How long the application's connections may take, as web and as worker, on a server that knows every limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text

from magflow.db import db
from magflow.settings import Settings
from magflow.web import database as connections
from tests.conftest import ShopDatabase

EXPECTED = {
    "web": {"lock_timeout": "2s", "statement_timeout": "10s", "transaction_timeout": "20s"},
    "worker": {"lock_timeout": "5s", "statement_timeout": "2min", "transaction_timeout": "3min"},
}


@pytest.mark.parametrize("role", ["web", "worker"])
def test_every_pool_has_the_limits_of_its_role(
    database: ShopDatabase, settings: Settings, role: connections.Role
) -> None:
    app = Flask("limits")
    connections.configure(app, replace(settings, database_url=database.app_dsn), role)
    db.init_app(app)
    connections.watch(app)
    with app.app_context():
        for engine in db.engines.values():
            with engine.connect() as connection:
                known = set(connection.scalars(text("SELECT name FROM pg_settings")))
                found = {name: connection.scalar(text(f"SHOW {name}")) for name in EXPECTED[role] if name in known}
            engine.dispose()
            assert found == {name: value for name, value in EXPECTED[role].items() if name in known}
