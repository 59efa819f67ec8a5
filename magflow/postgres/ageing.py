"""Time that has passed at once: everything that a shop has written down becomes so many days older.

For shops that are played, never for one that sells: the demonstration's past, and seasons in the benchmarks. The books
are turned as a whole, so that what came before what stays so, and their guards stand aside for that one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import psycopg
from psycopg import sql

TO_BE_LEFT: Final = frozenset(
    {
        "alembic_version", "api_tokens", "idempotency_keys", "one_time_links", "rate_slots", "rate_windows",
        "sign_in_throttle", "upkeep_marks", "user_sessions", "users",
    }
)  # fmt: skip
"""Who may come in, and since when; what is only of the moment; and, by their prefix, the jobs."""
JOBS: Final = "procrastinate_"
FAR: Final = 1_000_000
"""Days that are longer than any shop's past."""
AGAIN: Final = {"O": "ENABLE TRIGGER", "A": "ENABLE ALWAYS TRIGGER", "R": "ENABLE REPLICA TRIGGER"}

COLUMNS: Final = """
SELECT table_name, column_name, data_type = 'date' FROM information_schema.columns
WHERE table_schema = 'public' AND data_type IN ('timestamp with time zone', 'date') AND is_generated = 'NEVER'
  AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
ORDER BY table_name, column_name"""
GUARDS: Final = """
SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relnamespace = 'public'::regnamespace
  AND c.relname = ANY (%s)"""

Connection = psycopg.Connection[tuple[object, ...]]


def grow_older(connection: Connection, days: int, tables: Collection[str] | None = None) -> None:
    """Make these tables, else the whole shop, older, all at once or not at all. `connection` is the owner's."""
    columns: dict[str, list[tuple[str, bool]]] = {}
    for table, column, is_day in connection.execute(COLUMNS).fetchall():
        name = str(table)
        if name in tables if tables is not None else name not in TO_BE_LEFT and not name.startswith(JOBS):
            columns.setdefault(name, []).append((str(column), bool(is_day)))
    with connection.transaction():
        guards = connection.execute(GUARDS, [list(columns)]).fetchall()
        for table, guard, _how in guards:
            _alter(connection, str(table), "DISABLE TRIGGER", str(guard))
        for name, named in columns.items():
            _shift(connection, name, named, days)
        for table, guard, how in guards:
            _alter(connection, str(table), AGAIN[str(how)], str(guard))


def _shift(connection: Connection, table: str, columns: Sequence[tuple[str, bool]], days: int) -> None:
    # A day is part of keys: all of them go far away first, so that no two meet on the way.
    ways: Sequence[Mapping[bool, int]] = [{True: -FAR, False: 0}, {True: FAR - days, False: -days}]
    for way in ways if any(is_day for _name, is_day in columns) else [{False: -days}]:
        parts = [
            sql.SQL("{0} = {0} + {1}").format(
                sql.Identifier(name),
                sql.Literal(way[is_day]) if is_day else sql.SQL("make_interval(days => {})").format(way[is_day]),
            )
            for name, is_day in columns
        ]
        connection.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(parts)))


def _alter(connection: Connection, table: str, how: str, trigger: str) -> None:
    statement = sql.SQL("ALTER TABLE {} {} {}").format(
        sql.Identifier(table),
        sql.SQL(how),
        sql.Identifier(trigger),
    )
    connection.execute(statement)
