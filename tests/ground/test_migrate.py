"""The migration runner on a database of its own: up, down, up, two at once, and never past the code."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from magflow.postgres import migrate, roles
from magflow.postgres.errors import WrongVersion
from magflow.postgres.migrate import Moved
from tests.conftest import ShopDatabase, TestServer

pytestmark = pytest.mark.short_pg15


@pytest.fixture
def empty(server: TestServer) -> Iterator[ShopDatabase]:
    """A database without tables, owned as in production."""
    name = f"magflow_empty_{secrets.token_hex(4)}"
    with psycopg.connect(server.admin, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(roles.OWNER)))
        try:
            yield ShopDatabase(name, server)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def shape(database: ShopDatabase) -> list[tuple[object, ...]]:
    with psycopg.connect(database.owner_dsn) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1, 2"
        ).fetchall()


def test_up_down_and_up_again_ends_in_the_same_schema(empty: ShopDatabase) -> None:
    addresses = empty.addresses()
    assert migrate.upgrade(addresses) == Moved(None, migrate.head())
    first = shape(empty)
    assert migrate.downgrade(addresses, "base").after is None
    assert {row[0] for row in shape(empty)} <= {"alembic_version"}
    migrate.upgrade(addresses)
    assert shape(empty) == first


def test_everything_belongs_to_the_owner_and_nothing_to_who_logged_in(empty: ShopDatabase) -> None:
    migrate.upgrade(empty.addresses())
    with psycopg.connect(empty.owner_dsn) as connection:
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert owners == [(roles.OWNER,)]


def test_two_starters_at_once_migrate_one_after_the_other(empty: ShopDatabase) -> None:
    moved: list[Moved] = []
    threads = [threading.Thread(target=lambda: moved.append(migrate.upgrade(empty.addresses()))) for _ in range(2)]
    # Alembic keeps its context in the module, so one process runs them in turn anyway; the lock is what is asked here.
    with psycopg.connect(empty.owner_dsn, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [migrate.LOCK_NUMBER])
        threads[0].start()
        threads[0].join(0.5)
        assert threads[0].is_alive() and migrate.current(empty.owner_dsn) is None
    threads[0].join(60)
    threads[1].start()
    threads[1].join(60)
    assert [one.changed for one in moved] == [True, False]


def test_a_database_that_a_newer_magflow_upgraded_is_refused_and_left_alone(empty: ShopDatabase) -> None:
    migrate.upgrade(empty.addresses())
    with psycopg.connect(empty.owner_dsn) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    with pytest.raises(WrongVersion, match="9999_from_the_future"):
        migrate.upgrade(empty.addresses())
    assert migrate.current(empty.owner_dsn) == "9999_from_the_future"


def test_a_stamped_database_goes_on_from_there(empty: ShopDatabase) -> None:
    migrate.upgrade(empty.addresses(), "0001_legacy")
    with psycopg.connect(empty.owner_dsn) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert migrate.stamp(empty.addresses(), "0001_legacy").after == "0001_legacy"
    assert migrate.upgrade(empty.addresses()).after == migrate.head()
