"""A shop that many connections use at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.app import create_app
from magflow.db import db
from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.gates.histories import Stage

CONNECTIONS = 16


@pytest.fixture(scope="module")
def admin(database: ShopDatabase) -> Iterator[psycopg.Connection[Any]]:
    """The server's administrator in the module's database: arranges in bulk, and looks at locks and logs."""
    with psycopg.connect(database.admin_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def busy_app(database: ShopDatabase, settings: Settings, admin: psycopg.Connection[Any]) -> Iterator[Flask]:
    """The application with more connections than a web process has.

    Its commits do not wait for the disk: what these tests look at is the order of things, and there are many of them.
    """
    admin.execute(f'ALTER DATABASE "{database.name}" SET synchronous_commit = off')
    app = create_app(
        replace(settings, database_url=database.app_dsn, threads=CONNECTIONS), areas=(), role="worker"
    )  # fmt: skip
    yield app
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(scope="module")
def stage(busy_app: Flask, database: ShopDatabase) -> Iterator[Stage]:
    """Where histories are played."""
    stage = Stage(busy_app, database.admin_dsn)
    yield stage
    stage.close()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What this test draws from: `--seed N` repeats a run."""
    given: int | None = request.config.getoption("--seed")
    chosen = random.SystemRandom().randrange(2**31) if given is None else given
    print(f"seed {chosen}")
    return chosen
