"""Which database the shop uses: the embedded one, or the one that DATABASE_URL names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from magflow.postgres import embedded
from magflow.postgres.binaries import OLDEST_MAJOR
from magflow.postgres.embedded import Server
from magflow.postgres.errors import Unreachable, WrongEncoding, WrongVersion
from magflow.settings import Settings

CONNECT_SECONDS: Final = 5


@dataclass(frozen=True)
class Database:
    """The addresses of one shop's database, and the embedded server behind them where there is one."""

    app_url: str
    owner_url: str
    backup_url: str
    server: Server | None = None

    @property
    def application(self) -> str:
        """The role that the application connects as; the migrations give it its rights."""
        return str(conninfo_to_dict(self.app_url).get("user") or "")

    def shut(self) -> None:
        """Leave the embedded server, where there is one."""
        if self.server is not None:
            self.server.stop()


def open_database(settings: Settings) -> Database:
    """Start or join the embedded server, or see that the outside one can be used.

    Raises DatabaseProblem or HomeUnusable.
    """
    if settings.database_url is None:
        server = embedded.start(settings)
        return Database(server.app_dsn, server.owner_dsn, server.backup_dsn, server)
    check(settings.database_url, "DATABASE_URL")
    owner_url = settings.owner_database_url or settings.database_url
    if settings.owner_database_url:
        check(settings.owner_database_url, "MAGFLOW_OWNER_DATABASE_URL")
    return Database(settings.database_url, owner_url, owner_url)


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The database for the length of a command."""
    opened = open_database(settings)
    try:
        yield opened
    finally:
        opened.shut()


def check(url: str, setting: str) -> int:
    """See that the server answers and is new enough; return its major version."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            version = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError as error:
        raise Unreachable(f"{setting}: {reason(error)}; start that server, or correct {setting}") from error
    except psycopg.ProgrammingError as error:
        raise Unreachable(f"{setting} cannot be understood ({reason(error)}); correct it") from error
    if version < OLDEST_MAJOR * 10000:
        raise WrongVersion(
            f"{setting} names PostgreSQL {version // 10000}; MagFlow needs {OLDEST_MAJOR} or newer: upgrade that server"
        )
    if encoding != "UTF8":
        raise WrongEncoding(
            f"{setting} names a database that keeps its text as {encoding}; "
            "MagFlow needs one that was made with ENCODING 'UTF8'"
        )
    return version // 10000


def reason(error: BaseException) -> str:
    """What a database error says, in one line and without a password."""
    said = " ".join(str(error).split())
    said = re.sub(r"(\bpassword=)\S+|(://[^:/@\s]*:)[^@\s]+(?=@)", lambda m: (m[1] or m[2]) + "***", said)
    return said[:400] or type(error).__name__


def with_limits(url: str, limits: Mapping[str, str], *, application_name: str) -> str:
    """The address, with settings for the sessions that are opened through it."""
    given = conninfo_to_dict(url)
    options = " ".join(
        [str(given.pop("options", None) or ""), *(f"-c {name}={value}" for name, value in limits.items())]
    )
    given.pop("application_name", None)
    return make_conninfo("", **given, options=options.strip(), application_name=application_name)
