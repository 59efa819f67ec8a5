"""Databases that are not migrated yet, and fingerprints that show whether anything changed."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from magflow.postgres import roles
from tests.conftest import ShopDatabase, TestServer

Connection = psycopg.Connection[tuple[object, ...]]

_numbers = itertools.count(1)


@contextlib.contextmanager
def empty_database(server: TestServer) -> Iterator[ShopDatabase]:
    """A database of the owner's with nothing in it."""
    name = f"magflow_bare_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.admin, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(name), sql.Identifier(roles.OWNER)
            )
        )
        try:
            yield ShopDatabase(name, server)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def bare(server: TestServer) -> Iterator[ShopDatabase]:
    """An empty database for one test."""
    with empty_database(server) as database:
        yield database


@pytest.fixture
def as_owner() -> Iterator[Callable[[ShopDatabase], Connection]]:
    """Connections as the owner, committing each statement, closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda database: stack.enter_context(psycopg.connect(database.owner_dsn, autocommit=True))


SHAPE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, a.attidentity::text,
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, NULL, NULL
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, NULL, NULL
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc), p.prosecdef::text, p.proconfig::text, NULL, NULL
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.objid = p.oid AND x.deptype = 'e')
UNION ALL
SELECT 'sequence', c.relname, NULL, NULL, NULL, NULL, NULL FROM pg_class c
WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


def shape(connection: Connection) -> list[tuple[object, ...]]:
    """Everything that the schema is made of, in order."""
    return connection.execute(SHAPE).fetchall()


def contents(connection: Connection) -> dict[str, object]:
    """A checksum of every table's rows."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    statement = sql.SQL("SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {} t")
    return {
        str(table): connection.execute(statement.format(sql.Identifier(str(table)))).fetchone() for (table,) in tables
    }
