"""The databases that the benchmarks run on: the embedded server of a passing home folder, or one that is named.

Each measurement gets a freshly cloned, freshly filled shop, as the reference empties its tables before each of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from magflow.postgres import embedded, migrate, roles
from magflow.postgres.access import Database, with_limits
from magflow.postgres.cluster import SUPERUSER
from magflow.settings import Settings

TEMPLATE: Final = "magflow_bench_template"
SHOP: Final = "magflow_bench"
LOGIN: Final = "magflow_bench"
PASSED_ON: Final = "MAGFLOW_BENCH_GROUND"
"""Environment: where a driver that `python -m benchmarks` calls finds what was prepared."""


@dataclass(frozen=True)
class Ground:
    """A server with a migrated template. `admin` may make databases; `app` logs in with the application's rights."""

    admin: str
    app: str
    folder: str

    def admin_of(self, database: str) -> str:
        """The administrator's address of a database."""
        return make_conninfo(self.admin, dbname=database)

    @property
    def shop_url(self) -> str:
        """The shop's database for the application."""
        return as_url(make_conninfo(self.app, dbname=SHOP))

    def new_shop(self) -> None:
        """An empty, migrated shop in place of the last one."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(SHOP)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(SHOP), sql.Identifier(TEMPLATE), sql.Identifier(roles.OWNER)
                )
            )

    def settings(self, **more: str) -> Settings:
        """Settings of the shop, as in production."""
        return Settings.from_environment(self.environment(**more))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a MagFlow process that serves this shop."""
        return {
            "MAGFLOW_HOME": str(Path(self.folder) / "shop"),
            "DATABASE_URL": self.shop_url,
            "MAGFLOW_OWNER_DATABASE_URL": as_url(owner_of(self.admin_of(SHOP))),
            "MAGFLOW_API_RATE": "0",
            **more,
        }

    def passed_on(self) -> dict[str, str]:
        """The environment in which a driver uses this ground instead of making one."""
        return {PASSED_ON: json.dumps(asdict(self))}


def as_url(conninfo: str) -> str:
    """A connection string in the form of an address, which is what MagFlow's settings take."""
    from urllib.parse import quote

    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    login = ":".join(quote(parts.pop(name), safe="") for name in ("user", "password") if name in parts)
    database = parts.pop("dbname")
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"postgresql://{login}@/{database}?{rest}"


def owner_of(admin: str) -> str:
    """The same database as the owner of its tables, who cannot log in."""
    return with_limits(admin, {"role": roles.OWNER, "search_path": "public,pg_temp"}, application_name="magflow-bench")


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """What was passed on; else the server that DATABASE_URL names (its administrator); else an embedded one."""
    if passed := os.environ.get(PASSED_ON):
        yield Ground(**json.loads(passed))
        return
    with tempfile.TemporaryDirectory(prefix="magflow-bench-") as folder:
        if named := os.environ.get("DATABASE_URL"):
            with _outside(named.replace("+psycopg", ""), folder) as prepared:
                yield prepared
            return
        settings = Settings.from_environment({"MAGFLOW_HOME": folder})
        with embedded.start(settings) as server:
            admin = server.dsn(SUPERUSER, "postgres")
            yield _with_template(Ground(admin, server.dsn(roles.APP, "postgres"), folder))


@contextlib.contextmanager
def _outside(admin: str, folder: str) -> Iterator[Ground]:
    """A server that is not ours: roles where they are missing, and a login of our own that goes again."""
    password = secrets.token_urlsafe(24)
    with psycopg.connect(admin, autocommit=True) as connection:
        roles.make_roles(connection, dict.fromkeys((roles.APP, roles.READ, roles.BACKUP), secrets.token_urlsafe(24)))
        _clear(connection)
        login = sql.Identifier(LOGIN)
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                login, sql.Literal(password), sql.Identifier(roles.APP)
            )
        )
    app = make_conninfo(admin, user=LOGIN, password=password)
    try:
        yield _with_template(Ground(admin, app, folder))
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            _clear(connection)


def _clear(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for name in (SHOP, TEMPLATE):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(LOGIN)))


def _with_template(made: Ground) -> Ground:
    with psycopg.connect(made.admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(TEMPLATE)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(TEMPLATE), sql.Identifier(roles.OWNER))
        )
    owner = owner_of(made.admin_of(TEMPLATE))
    migrate.upgrade(Database(make_conninfo(made.app, dbname=TEMPLATE), owner, owner))
    return made
