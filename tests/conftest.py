"""A real PostgreSQL for every test: one server a run, one migrated template, a database cloned for each module.

The server is the embedded one, or the one that MAGFLOW_TEST_DATABASE_URL names (a role that may make databases and
roles). The application under test connects as `magflow_app`, as in production.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from magflow.domain.actors import Actor
from magflow.postgres import embedded, migrate, roles
from magflow.postgres.access import Database
from magflow.postgres.locks import FileLock
from magflow.settings import Settings, share

ACTOR = Actor(kind="user", name="ana@shop.example", door="admin", id=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--seed`: what the randomised tests draw from."""
    parser.addoption("--seed", type=int, default=None, help="repeat the randomised tests with this seed")


@dataclass(frozen=True)
class TestServer:
    """Where the run's databases live. `admin` may make databases; `passwords` are the roles'."""

    __test__ = False

    admin: str
    passwords: dict[str, str]
    outside: bool

    def dsn(self, role: str, database: str) -> str:
        """The address of a database for a role; the owner comes in as the administrator and changes the role."""
        parts = {k: v for k, v in conninfo_to_dict(self.admin).items() if k not in {"dbname", "options"}}
        if role == roles.OWNER:
            # A role setting of the login does not follow a changed role.
            parts["options"] = f"-c role={roles.OWNER} -c search_path=public,pg_temp"
        elif role != "admin":
            parts |= {"user": role, "password": self.passwords[role]}
        query = "&".join(f"{k}={_quoted(v)}" for k, v in parts.items() if k not in {"user", "password"})
        login = f"{_quoted(parts['user'])}:{_quoted(parts.get('password') or '')}"
        return f"postgresql://{login}@/{database}?{query}"


@dataclass(frozen=True)
class ShopDatabase:
    """One database of a test module, by role."""

    name: str
    server: TestServer

    @property
    def app_dsn(self) -> str:
        return self.server.dsn(roles.APP, self.name)

    @property
    def owner_dsn(self) -> str:
        return self.server.dsn(roles.OWNER, self.name)

    @property
    def admin_dsn(self) -> str:
        """As the server's administrator: for looking at what nobody else may see."""
        return self.server.dsn("admin", self.name)

    def addresses(self) -> Database:
        """As the migration runner and backup want them."""
        return Database(self.app_dsn, self.owner_dsn, self.server.dsn(roles.BACKUP, self.name))


def _quoted(value: object) -> str:
    from urllib.parse import quote

    return quote(str(value), safe="")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def settings(run_folder: Path) -> Settings:
    """Settings of a shop in the run's folder, without a database."""
    return Settings.from_environment(
        {
            "MAGFLOW_HOME": str(run_folder / "home"),
            "MAGFLOW_ENV": "testing",
            "MAGFLOW_LOCALE": "en",
            "MAGFLOW_API_RATE": "0",  # a suite asks more in a minute than any program; the limit has tests of its own
        }
    )


@pytest.fixture(scope="session")
def server(settings: Settings, run_folder: Path) -> Iterator[TestServer]:
    """The PostgreSQL of the run."""
    if outside := os.environ.get("MAGFLOW_TEST_DATABASE_URL"):
        with FileLock(run_folder / "roles.lock") as lock:
            lock.alone(patience=60)
            prepared = _outside(outside, run_folder)
        yield prepared
        return
    joined = embedded.start(settings)
    try:
        yield TestServer(joined.dsn(embedded.SUPERUSER, "postgres"), dict(joined.passwords), outside=False)
    finally:
        joined.stop()


def _outside(url: str, run_folder: Path) -> TestServer:
    """Roles on a server that is not ours, with passwords that this run knows."""
    kept = run_folder / "password"
    if not kept.exists():
        kept.write_text(secrets.token_urlsafe(24))
    password = kept.read_text()
    passwords = dict.fromkeys((roles.APP, roles.READ, roles.BACKUP), password)
    with psycopg.connect(url, autocommit=True) as connection:
        roles.make_roles(connection, passwords)
        for role in passwords:
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
    return TestServer(url, passwords, outside=True)


@pytest.fixture(scope="session")
def template(server: TestServer, run_folder: Path) -> str:
    """A migrated database to clone from; made once a run."""
    digest = hashlib.sha256()
    for path in sorted(share("migrations").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.read_bytes())
    name = f"magflow_template_{digest.hexdigest()[:12]}_{hashlib.sha256(str(run_folder).encode()).hexdigest()[:8]}"
    with FileLock(run_folder / "template.lock") as lock:
        lock.alone(patience=120)
        with psycopg.connect(server.admin, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return name
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(roles.OWNER))
            )
        migrate.upgrade(ShopDatabase(name, server).addresses())
    return name


_numbers = itertools.count(1)


@contextlib.contextmanager
def cloned(server: TestServer, template: str) -> Iterator[ShopDatabase]:
    """An empty, migrated shop database, dropped afterwards."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"{template[:40]}_{worker}_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.admin, autocommit=True) as connection:
        _clone(connection, name, template)
        try:
            yield ShopDatabase(name, server)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _clone(connection: psycopg.Connection[tuple[object, ...]], name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
        sql.Identifier(name), sql.Identifier(template), sql.Identifier(roles.OWNER)
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            connection.execute(statement)
            return
        except psycopg.errors.ObjectInUse:
            # Another process clones the same template; the server offers nothing to wait on.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def database(server: TestServer, template: str) -> Iterator[ShopDatabase]:
    """The module's own database."""
    with cloned(server, template) as shop:
        yield shop


@pytest.fixture(scope="module")
def module_app(database: ShopDatabase, settings: Settings) -> Iterator[Flask]:
    """The application over the module's database."""
    from magflow.app import create_app
    from magflow.db import db

    app = create_app(replace(settings, database_url=database.app_dsn))
    yield app
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def app(module_app: Flask) -> Iterator[Flask]:
    """The application, with its context pushed: services can be called."""
    from magflow.db import db

    with module_app.app_context():
        yield module_app
        db.session.remove()


@pytest.fixture
def owner(database: ShopDatabase) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection as the owner of the schema, committing each statement: for arranging and for looking."""
    with psycopg.connect(database.owner_dsn, autocommit=True) as connection:
        yield connection
