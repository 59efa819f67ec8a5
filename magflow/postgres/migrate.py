"""Migrations, by MagFlow's own hand: as the owner of the schema, one starter at a time, never past the code.

A step that would wait for a lock gives up after two seconds and is tried again later: while it waits, everybody else
would queue up behind it, and the shop would stand.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, pool
from sqlalchemy.exc import DBAPIError

from magflow.postgres import roles
from magflow.postgres.access import Database, reason, with_limits
from magflow.postgres.errors import DatabaseProblem, Unreachable, WrongVersion
from magflow.services import adoption
from magflow.settings import share

LIMITS: Final = {
    "lock_timeout": "2s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    "search_path": "public,pg_temp",
}
ATTEMPTS: Final = 30
# The same number in every release: two of them must never migrate one database together.
LOCK_NUMBER: Final = 0x6D61_6766_6C6F_77  # "magflow"
LOCK_PATIENCE: Final = 600.0


class MigrationFailed(DatabaseProblem):
    """A step could not be carried out. What it had begun is undone; the steps before it stay."""


@dataclass(frozen=True)
class Moved:
    """Which revision the database stood at, and which it stands at now."""

    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def head() -> str:
    """The revision that this code expects."""
    found = _scripts().get_current_head()
    if found is None:
        raise MigrationFailed("MagFlow was installed without its migrations; install it again")
    return found


def current(url: str) -> str | None:
    """The revision that the database stands at; None when it was never migrated."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
                return None
            row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    except psycopg.OperationalError as error:
        raise Unreachable(f"the database cannot be reached: {reason(error)}") from error
    return str(row[0]) if row else None


def check_not_newer(revision: str | None) -> None:
    """Refuse a database that a newer MagFlow has already changed: this code does not know what it would break."""
    if revision is None:
        return
    try:
        known = _scripts().get_revision(revision) is not None
    except CommandError:
        known = False
    if not known:
        raise WrongVersion(
            f"the database stands at revision {revision}, which this MagFlow does not know; "
            "install the version that upgraded it, or a newer one"
        )


def upgrade(database: Database, revision: str = "head") -> Moved:
    """Bring the schema up to date, then the roles' rights; both are safe to repeat."""
    return _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> Moved:
    """Take steps back. For developers and tests: data that only the newer schema can hold are lost."""
    return _run(database, lambda config: command.downgrade(config, revision))


def stamp(database: Database, revision: str) -> Moved:
    """Write down that the database stands at this revision, without changing anything else."""
    return _run(database, lambda config: command.stamp(config, revision))


def adopt(database: Database, environment: str) -> adoption.Adoption:
    """Take over the database of an old shop: all of it, in one transaction, or nothing at all."""
    with _alone(database.owner_url):
        try:
            with _engine(database.owner_url).begin() as connection:
                done = adoption.adopt(connection, environment=environment)
        except DBAPIError as error:
            raise MigrationFailed(
                f"the adoption stopped, nothing was changed: {reason(error.orig or error)}"
            ) from error
        except CommandError as error:
            raise MigrationFailed(f"the adoption stopped, nothing was changed: {reason(error)}") from error
        if done.outcome == "adopted":
            with psycopg.connect(database.owner_url) as connection:
                roles.secure(connection, application=[database.application])
        return done


def _run(database: Database, step: Callable[[Config], None]) -> Moved:
    with _alone(database.owner_url):
        before = current(database.owner_url)
        check_not_newer(before)
        _with_retries(database.owner_url, step)
        with psycopg.connect(database.owner_url) as connection:
            roles.secure(connection, application=[database.application])
        return Moved(before, current(database.owner_url))


def _with_retries(url: str, step: Callable[[Config], None]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _apply(url, step)
        except DBAPIError as error:
            # Steps are transactions of their own, so the next attempt goes on where this one stopped.
            if attempt < ATTEMPTS and isinstance(error.orig, psycopg.errors.LockNotAvailable):
                time.sleep(random.uniform(1, 10))  # noqa: S311 - only spreads the attempts
                continue
            raise MigrationFailed(f"the migration stopped: {reason(error.orig or error)}") from error
        except CommandError as error:
            raise MigrationFailed(f"the migration cannot run: {reason(error)}") from error
        else:
            return


def _apply(url: str, step: Callable[[Config], None]) -> None:
    with _engine(url).connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        step(config)


def _engine(url: str) -> Engine:
    target = with_limits(url, LIMITS, application_name="magflow-migrate")
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(target), poolclass=pool.NullPool)


@contextlib.contextmanager
def _alone(url: str) -> Iterator[None]:
    """One migration at a time, from wherever it is started.

    The lock is asked for again and again instead of waited for: a waiting statement holds a snapshot, and a
    concurrent index build of the one who has the lock would wait for that snapshot for ever.
    """
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="magflow-migrate-lock")
    except psycopg.OperationalError as error:
        raise Unreachable(f"the database cannot be reached: {reason(error)}") from error
    with connection:
        deadline = time.monotonic() + LOCK_PATIENCE
        while connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER]).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise MigrationFailed(
                    "another MagFlow has been migrating this database for long; wait until it is done"
                )
            time.sleep(0.1)
        yield


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(share("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
