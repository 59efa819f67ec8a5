"""The migration runner on a database of its own: up, down, up, two at once, and never past the code."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from magflow.postgres import migrate, roles
from magflow.postgres.access import Database
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


@pytest.fixture
def strangers(server: TestServer, empty: ShopDatabase) -> Iterator[Database]:
    """An outside database with two roles of the shop's own making, as the README describes."""
    suffix = empty.name.removeprefix("magflow_empty_")
    owner, shop, password = f"shop_owner_{suffix}", f"shop_{suffix}", secrets.token_hex(8)
    with psycopg.connect(server.admin, autocommit=True) as connection:
        for role in (owner, shop):
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(empty.name), sql.Identifier(owner))
        )
        where = {k: v for k, v in conninfo_to_dict(server.admin).items() if k in {"host", "port"}}
        login = {"dbname": empty.name, "password": password, **where}
        as_shop, as_owner = make_conninfo("", user=shop, **login), make_conninfo("", user=owner, **login)
        yield Database(as_shop, as_owner, as_owner)
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(empty.name), sql.Identifier(roles.OWNER))
        )
    with psycopg.connect(empty.admin_dsn, autocommit=True) as connection:
        for role in (owner, shop):
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE; DROP ROLE {}").format(*[sql.Identifier(role)] * 2))


def test_on_an_outside_server_the_shops_own_roles_are_kept_apart(strangers: Database) -> None:
    assert migrate.upgrade(strangers).after == migrate.head()
    with psycopg.connect(strangers.app_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM variants").fetchone() == (0,)
        connection.execute("UPDATE products SET name = name")
        for statement in ("DELETE FROM stock_movements", "TRUNCATE variants", "CREATE TABLE mine (id int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_one_role_for_everything_works_too(strangers: Database) -> None:
    alone = Database(strangers.owner_url, strangers.owner_url, strangers.owner_url)
    assert migrate.upgrade(alone).after == migrate.head()
    with psycopg.connect(alone.app_url) as connection:
        assert connection.execute("SELECT count(*) FROM variants").fetchone() == (0,)
