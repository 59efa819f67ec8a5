"""Who may do what in the database: the roles, their limits, and the list of grants.

The application connects as a role that cannot break the invariants even with hand-written SQL: it owns nothing, cannot
truncate, cannot write the ledger or the audit log (triggers of the owner's write them), and cannot change what
identifies an order. `secure` brings the grants to what the table below says, and runs after every migration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

OWNER: Final = "magflow_owner"
APP: Final = "magflow_app"
READ: Final = "magflow_read"
BACKUP: Final = "magflow_backup"

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Table:
    """What the application, and the reports, may do with one table. DELETE and TRUNCATE are never implied."""

    app: frozenset[str] = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
    fixed: frozenset[str] = frozenset()
    """Columns that the application may write once, with the row, and never change."""
    read: bool = True
    hidden: frozenset[str] = frozenset()
    """Columns that reports do not see."""


READ_ONLY: Final = frozenset({"SELECT"})
APPEND_ONLY: Final = frozenset({"SELECT", "INSERT"})
KEPT: Final = frozenset({"SELECT", "INSERT", "UPDATE"})
PRIVATE: Final = Table(read=False)

# Tables that are not named here are ordinary: the application reads and writes rows, reports read them.
TABLES: Final[Mapping[str, Table]] = {
    "alembic_version": Table(app=READ_ONLY),
    # Written by triggers and functions that run with the owner's rights; nobody books by hand.
    "stock_movements": Table(app=READ_ONLY),
    "audit_log": Table(app=READ_ONLY),
    "restocks": Table(app=APPEND_ONLY),
    "refunds": Table(app=APPEND_ONLY),
    # A series comes with its sequence, through a function of the owner's.
    "order_series": Table(app=READ_ONLY),
    "order_handling": Table(app=KEPT, fixed=frozenset({"order_id"})),
    "transfers": Table(app=KEPT, fixed=frozenset({"id", "variant_id", "from_account_id", "to_account_id", "amount"})),
    "transfer_steps": Table(app=APPEND_ONLY),
    "stock_cases": Table(app=APPEND_ONLY),
    # What the guards themselves go by, and what an adoption has kept of the old shop.
    "order_status_moves": Table(app=READ_ONLY),
    "adoption_changes": Table(app=READ_ONLY),
    # The ledger's trigger counts the movements; a row that could be counted by hand could hide one.
    "variants": Table(fixed=frozenset({"id", "movement_seq", "created_at"})),
    "orders": Table(
        app=KEPT, fixed=frozenset({"id", "number", "source", "source_account", "external_id", "created_at"})
    ),
    "order_items": Table(fixed=frozenset({"id", "order_id", "image_id", "created_at"})),
    "sold_pictures": Table(app=READ_ONLY),
    "users": Table(hidden=frozenset({"password_hash"})),
    "user_sessions": PRIVATE,
    "api_tokens": PRIVATE,
    "one_time_links": PRIVATE,
    "sign_in_throttle": PRIVATE,
    "idempotency_keys": PRIVATE,
    "marketplace_accounts": Table(hidden=frozenset({"credentials", "credentials_hint"})),
    "marketplace_requests": PRIVATE,
    "marketplace_writes": Table(
        app=KEPT,
        fixed=frozenset({"id", "account_id", "kind", "subject", "created_by", "created_at"}),
        hidden=frozenset({"payload"}),
    ),
    "automation_rules": Table(app=KEPT, fixed=frozenset({"account_id", "rule"})),
    "notification_recipients": Table(fixed=frozenset({"id", "created_at"}), hidden=frozenset({"email", "phone"})),
    "notification_messages": PRIVATE,
    "export_schedules": Table(hidden=frozenset({"token_hash"})),
    "webhook_endpoints": PRIVATE,
    "webhook_inbox": PRIVATE,
    "webhook_subscriptions": PRIVATE,
    "webhook_deliveries": PRIVATE,
}

# The limits that a forgotten connection has too. A worker asks for its own, longer ones when it connects.
SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    APP: {
        "search_path": "public, pg_temp",
        "lock_timeout": "2s",
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "15s",
        "transaction_timeout": "20s",
    },
    READ: {
        "search_path": "public, pg_temp",
        "default_transaction_read_only": "on",
        "lock_timeout": "1s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "15s",
        "transaction_timeout": "60s",
    },
    BACKUP: {
        "search_path": "public, pg_temp",
        "default_transaction_read_only": "on",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
    },
}
NEWER_SETTINGS: Final = {"transaction_timeout": 170000}


def make_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles and set their limits, where that is not so already. Needs a role that may make roles.

    The passwords are sent as SCRAM verifiers: what the server logs or stores does not let anybody in.
    """
    rows = connection.execute("SELECT rolname FROM pg_roles").fetchall()
    there = {str(row[0]) for row in rows}
    with connection.transaction():
        if OWNER not in there:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(OWNER)))
        for role in (APP, READ, BACKUP):
            if role not in there:
                verifier = connection.pgconn.encrypt_password(
                    passwords[role].encode(), role.encode(), b"scram-sha-256"
                ).decode()
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
                if role == BACKUP:
                    connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(role)))
            set_limits(connection, role, SETTINGS[role])


def set_limits(connection: Connection, role: str, limits: Mapping[str, str]) -> None:
    """Give a role its default settings, where they differ."""
    version = connection.info.server_version
    row = connection.execute(
        "SELECT s.setconfig FROM pg_roles r JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0 "
        "WHERE r.rolname = %s",
        [role],
    ).fetchone()
    there = set(row[0]) if row and isinstance(row[0], list) else set()
    for name, value in limits.items():
        if version < NEWER_SETTINGS.get(name, 0) or f"{name}={value}" in there:
            continue
        # A list of schemas is written as a list; every other value as one text.
        written = sql.SQL(value) if name == "search_path" else sql.Literal(value)
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(role), sql.Identifier(name), written)
        )


def secure(connection: Connection, *, application: Sequence[str] = (APP,)) -> None:
    """Bring schema, tables, sequences and functions to the grants of the table above.

    Runs as the owner of the schema, in one transaction, and may be repeated. `application` are the roles that the
    application connects as; the owner itself among them is left alone, for it cannot be taken anything. Roles that
    do not exist (on an outside server they may not be ours to make) are passed over.
    """
    with connection.transaction():
        connection.execute("SET LOCAL search_path = public, pg_temp")
        me = str(_one(connection, "SELECT current_user"))
        there = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        grantees = [role for role in dict.fromkeys([*application, APP]) if role in there and role != me]
        readers = [role for role in (READ,) if role in there]
        everybody = [*grantees, *readers, *(role for role in (BACKUP,) if role in there)]
        _secure_database(connection, grantees, everybody)
        for name, columns in _tables(connection).items():
            rule = TABLES.get(name, Table())
            for role in grantees:
                _grant_application(connection, role, name, columns, rule)
            for role in readers:
                _grant_reports(connection, role, name, columns, rule)
        _secure_sequences(connection, grantees)
        _secure_functions(connection, grantees)


def _secure_database(connection: Connection, grantees: Sequence[str], everybody: Sequence[str]) -> None:
    database = sql.Identifier(connection.info.dbname)
    # On an outside server the database and its schema may belong to somebody else. Then their grants are his affair.
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in everybody:
        who = sql.Identifier(role)
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(who))
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            # Imports load their rows into temporary tables.
            rights = sql.SQL("CONNECT, TEMPORARY" if role in grantees else "CONNECT")
            connection.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}").format(rights, database, who))


def _tables(connection: Connection) -> dict[str, list[str]]:
    """The tables and views of the schema that are ours, with their columns."""
    rows = connection.execute(
        """
        SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
           AND pg_has_role(c.relowner, 'USAGE')
         GROUP BY c.relname ORDER BY c.relname
        """
    ).fetchall()
    return {str(name): list(columns) for name, columns in rows if isinstance(columns, list)}


def _grant_application(connection: Connection, role: str, name: str, columns: Sequence[str], rule: Table) -> None:
    table, who = sql.Identifier("public", name), sql.Identifier(role)
    connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, who))
    rights = set(rule.app)
    if "UPDATE" in rights and rule.fixed:
        rights.remove("UPDATE")
        free = sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in rule.fixed)
        connection.execute(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(free, table, who))
    wanted = sql.SQL(", ").join(sql.SQL(right) for right in sorted(rights))
    connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(wanted, table, who))


def _grant_reports(connection: Connection, role: str, name: str, columns: Sequence[str], rule: Table) -> None:
    table, who = sql.Identifier("public", name), sql.Identifier(role)
    connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, who))
    if not rule.read:
        return
    shown = sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in rule.hidden)
    statement = sql.SQL("GRANT SELECT ({}) ON {} TO {}") if rule.hidden else sql.SQL("GRANT SELECT ON {1} TO {2}")
    connection.execute(statement.format(shown, table, who))


def _secure_sequences(connection: Connection, grantees: Sequence[str]) -> None:
    for role in grantees:
        who = sql.Identifier(role)
        # USAGE takes the next number; UPDATE could set a sequence back, and with it number an order twice.
        connection.execute(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {}").format(who))
        connection.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(who))


def _secure_functions(connection: Connection, grantees: Sequence[str]) -> None:
    """Functions are for the application only, and trigger functions for nobody: triggers run them without being asked.

    Those of extensions belong to the server's superuser and stay as they are.
    """
    rows = connection.execute(
        """
        SELECT p.oid::regprocedure::text, p.prorettype = 'trigger'::regtype
          FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace AND pg_has_role(p.proowner, 'USAGE')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        """
    ).fetchall()
    for signature, is_trigger in rows:
        routine = sql.SQL(str(signature))  # written by PostgreSQL itself, quoted where needed
        connection.execute(sql.SQL("REVOKE ALL ON ROUTINE {} FROM PUBLIC").format(routine))
        for role in grantees:
            who = sql.Identifier(role)
            connection.execute(sql.SQL("REVOKE ALL ON ROUTINE {} FROM {}").format(routine, who))
            if not is_trigger:
                connection.execute(sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}").format(routine, who))


def _one(connection: Connection, statement: str) -> object:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None
