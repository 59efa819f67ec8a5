"""Where Alembic meets the database: a connection that it was given, or the one that DATABASE_URL names.

Given a connection (`config.attributes["connection"]`), everything happens inside the transaction of whoever opened it,
if one is open; otherwise each step is a transaction of its own.
"""

import os
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, make_url, pool

import magflow.models  # noqa: F401 - fills Base.metadata
from magflow.db import Base


def include_object(_object: Any, name: str | None, _kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave out what the models do not say: Procrastinate's tables, and indexes that need an optional extension."""
    return not (name or "").startswith("procrastinate_") and not (name or "").endswith("_trgm")


def migrate(connection: Connection) -> None:
    """Run what was asked for on this connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Find the connection, then migrate."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    if not (address := os.environ.get("DATABASE_URL")):
        raise CommandError("no database is named: set DATABASE_URL, or run: magflow db upgrade")
    url = make_url(address).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        migrate(connection)


main()
