"""As the application's role, with hand-written SQL: what the invariants stand on must not give way."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from magflow.postgres import roles
from tests.conftest import ShopDatabase

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def as_app(database: ShopDatabase) -> Iterator[Connection]:
    with psycopg.connect(database.app_dsn, autocommit=True) as connection:
        yield connection


FORBIDDEN = [
    "INSERT INTO stock_movements (variant_id, seq, delta, balance_after, reason, sku) VALUES (1, 1, 1, 1, 'x', 'x')",
    "UPDATE stock_movements SET delta = 2",
    "DELETE FROM stock_movements",
    "TRUNCATE stock_movements",
    "INSERT INTO audit_log (actor_kind, actor, door, action) VALUES ('x', 'x', 'x', 'x')",
    "UPDATE audit_log SET actor = 'nobody'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "UPDATE restocks SET quantity = 1",
    "DELETE FROM restocks",
    "UPDATE variants SET movement_seq = 0",
    "UPDATE orders SET number = 'X-1'",
    "UPDATE orders SET external_id = 'another'",
    "DELETE FROM orders",
    "UPDATE order_items SET order_id = 1",
    "TRUNCATE variants CASCADE",
    "ALTER TABLE variants DISABLE TRIGGER ALL",
    "DROP TRIGGER IF EXISTS orders_guard ON orders",
    "ALTER TABLE variants DROP CONSTRAINT chk_variants_stock_positive",
    "DROP TABLE orders",
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SET session_replication_role = replica",
    "SET ROLE magflow_owner",
    "SELECT setval('orders_id_seq', 1)",
    "UPDATE alembic_version SET version_num = 'x'",
    "COPY variants TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "ALTER ROLE magflow_app SUPERUSER",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_application_is_refused(as_app: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_app.execute(statement)


def test_it_may_do_its_work(as_app: Connection) -> None:
    assert as_app.execute("SELECT count(*) >= 0 FROM stock_movements").fetchone() == (True,)
    as_app.execute("UPDATE variants SET title = title")
    as_app.execute("SELECT id FROM orders FOR NO KEY UPDATE")
    as_app.execute("SELECT id FROM products FOR SHARE")
    as_app.execute("CREATE TEMPORARY TABLE staging (sku text) ON COMMIT DROP")


def test_a_temporary_table_cannot_stand_in_for_a_real_one(as_app: Connection) -> None:
    as_app.execute("CREATE TEMPORARY TABLE settings (key text)")
    found = as_app.execute("SELECT 'settings'::regclass = 'public.settings'::regclass").fetchone()
    as_app.execute("DROP TABLE pg_temp.settings")
    assert found == (True,)


def test_a_forgotten_connection_has_limits_too(as_app: Connection) -> None:
    for name, value in roles.SETTINGS[roles.APP].items():
        if as_app.info.server_version >= roles.NEWER_SETTINGS.get(name, 0):
            assert as_app.execute(f"SHOW {name}").fetchone() == (value,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT * FROM api_tokens",
        "SELECT * FROM user_sessions",
        "SELECT * FROM one_time_links",
        "UPDATE variants SET title = ''",
    ],
)
def test_reports_see_no_secrets_and_change_nothing(database: ShopDatabase, statement: str) -> None:
    with psycopg.connect(database.server.dsn(roles.READ, database.name), autocommit=True) as connection:
        connection.execute("SELECT id, email FROM users")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            connection.execute(statement)


def test_a_backup_reads_everything_and_writes_nothing(database: ShopDatabase) -> None:
    with psycopg.connect(database.server.dsn(roles.BACKUP, database.name), autocommit=True) as connection:
        connection.execute("SELECT password_hash FROM users")
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE variants SET title = ''")


def grants(connection: Connection) -> list[tuple[object, ...]]:
    tables = "SELECT relname, coalesce(relacl::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    columns = (
        "SELECT attrelid::regclass::text || '.' || attname, attacl::text FROM pg_attribute "
        "WHERE attacl IS NOT NULL AND attrelid >= 16384"
    )
    functions = "SELECT oid::regprocedure::text, proacl::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    return sorted(
        tuple(map(str, row)) for query in (tables, columns, functions) for row in connection.execute(query).fetchall()
    )


def test_repeating_it_changes_nothing_and_what_drifted_comes_back(owner: Connection) -> None:
    before = grants(owner)
    roles.secure(owner)
    assert grants(owner) == before
    owner.execute("GRANT ALL ON stock_movements TO magflow_app")
    owner.execute("GRANT UPDATE ON orders TO magflow_app")
    roles.secure(owner)
    assert grants(owner) == before


def test_a_table_that_nobody_named_is_an_ordinary_one(owner: Connection, as_app: Connection) -> None:
    owner.execute("CREATE TABLE parcels (id int GENERATED ALWAYS AS IDENTITY, note text)")
    roles.secure(owner)
    as_app.execute("INSERT INTO parcels (note) VALUES ('a'); UPDATE parcels SET note = 'b'; DELETE FROM parcels")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_app.execute("TRUNCATE parcels")


def test_every_table_of_the_list_exists(owner: Connection) -> None:
    there = {str(row[0]) for row in owner.execute("SELECT relname FROM pg_class WHERE relkind = 'r'").fetchall()}
    assert roles.TABLES.keys() <= there


def test_the_functions_are_closed_to_the_public(owner: Connection) -> None:
    rows = owner.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace "
        "AND has_function_privilege('public', p.oid, 'EXECUTE') AND pg_has_role(p.proowner, 'USAGE') "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ).fetchall()
    assert rows == []
