"""Backup and restore of the whole shop, on the embedded server and on an outside one.

A backup is a zip file with `manifest.json` and `database.dump` (pg_dump's own format). It is one consistent moment,
taken while the shop goes on. A restore is one transaction: it is complete, or the database is what it was before.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

import psycopg
from psycopg.pq import Conninfo

from magflow.postgres import binaries, migrate
from magflow.postgres.access import Database, reason
from magflow.postgres.binaries import Binaries
from magflow.postgres.errors import DatabaseProblem, Unreachable

FORMAT: Final = 1
MANIFEST, DUMP = "manifest.json", "database.dump"
CHUNK: Final = 1 << 20

# Everything of ours in the schema, whoever owns the schema itself. What belongs to others is left alone.
EMPTY_THE_SCHEMA: Final = """
DO $$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname)
      FROM pg_catalog.pg_extension
     WHERE extnamespace = 'public'::regnamespace AND pg_catalog.pg_has_role(extowner, 'USAGE')
    UNION ALL
    SELECT format('DROP %s IF EXISTS public.%I CASCADE',
                  CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                               ELSE 'TABLE' END, relname)
      FROM pg_catalog.pg_class c
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
       AND pg_catalog.pg_has_role(relowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS public.%I(%s) CASCADE', proname,
                  pg_catalog.pg_get_function_identity_arguments(p.oid))
      FROM pg_catalog.pg_proc p
     WHERE pronamespace = 'public'::regnamespace AND pg_catalog.pg_has_role(proowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', typname)
      FROM pg_catalog.pg_type t
     WHERE typnamespace = 'public'::regnamespace
       AND (typtype IN ('e', 'd', 'r')
            OR EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.oid = t.typrelid AND r.relkind = 'c'))
       AND pg_catalog.pg_has_role(typowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;
"""


class BackupFailed(DatabaseProblem):
    """The backup was not written; what stood under its name before still does."""


class RestoreRefused(DatabaseProblem):
    """The file or the database is not fit for it; nothing was changed."""


class RestoreFailed(DatabaseProblem):
    """The restore broke off; the database is what it was before."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says about itself."""

    format: int
    magflow: str
    revision: str | None
    made_at: str
    server: str
    pg_dump: str


@dataclass(frozen=True)
class Written:
    size: int
    revision: str | None


@dataclass(frozen=True)
class Restored:
    made_at: str
    revision: str | None


def write_backup(database: Database, file: Path, pg_bin: Path | None) -> Written:
    """Write a backup; the file appears under its name only when it is complete. Raises BackupFailed or OSError."""
    with _connected(database.backup_url) as connection:
        server = connection.info.server_version
    programs = _programs(server // 10000, pg_bin, "pg_dump")
    manifest = Manifest(
        format=FORMAT,
        magflow=version("magflow"),
        revision=migrate.current(database.owner_url),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        server=f"{server // 10000}.{server % 10000}",
        pg_dump=programs.version,
    )
    if manifest.revision is None:
        raise BackupFailed("there is nothing to back up: the database has not been migrated yet; run: magflow up")
    handle, temporary = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as target:
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
                _dump(database.backup_url, programs, archive)
            target.flush()
            os.fsync(target.fileno())
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Written(file.stat().st_size, manifest.revision)


def restore_backup(database: Database, file: Path, pg_bin: Path | None, *, force: bool = False) -> Restored:
    """Bring a backup back, then the schema up to date and the roles to their rights.

    Raises RestoreRefused when the file is not a whole backup, is newer than this MagFlow, or when the database is
    not empty and `force` is not given; RestoreFailed when it broke off.
    """
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        migrate.check_not_newer(manifest.revision)
        with _connected(database.owner_url) as connection:
            server = connection.info.server_version // 10000
            if not force and _holds_something(connection):
                raise RestoreRefused(
                    "the database is not empty; to replace everything in it, run: magflow restore --force FILE"
                )
        made_with = int(manifest.pg_dump.split(".")[0])
        programs = _programs(max(server, made_with), pg_bin, "pg_restore", "psql")
        try:
            _load(database.owner_url, programs, archive)
        except zipfile.BadZipFile as error:
            raise RestoreFailed(
                f"{file} is damaged ({error}); the database is unchanged: use another backup"
            ) from error
    moved = migrate.upgrade(database)
    with _connected(database.owner_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return Restored(manifest.made_at, moved.after)


# --- Writing ---------------------------------------------------------------------------------------------------------


def _dump(url: str, programs: Binaries, archive: zipfile.ZipFile) -> None:
    command = [
        programs.program("pg_dump"),
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        "--lock-wait-timeout=30s",
    ]
    with (
        tempfile.TemporaryFile() as complaints,
        archive.open(DUMP, "w", force_zip64=True) as target,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=_environment(url)) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            while chunk := process.stdout.read(CHUNK):
                target.write(chunk)
        except OSError:
            process.kill()
            raise
        if process.wait() != 0:
            raise BackupFailed(f"pg_dump stopped: {_last_line(complaints)}")


# --- Bringing back ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise RestoreRefused(f"{file} is not a MagFlow backup, or not the whole of one") from error
    with archive:
        yield archive


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        found = json.loads(archive.read(MANIFEST))
        manifest = Manifest(**{name: found[name] for name in Manifest.__dataclass_fields__})
        int(str(manifest.pg_dump).split(".")[0])
        archive.getinfo(DUMP)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise RestoreRefused(f"{file} is not a MagFlow backup, or not the whole of one") from error
    if manifest.format != FORMAT:
        raise RestoreRefused(f"{file} was written by MagFlow {manifest.magflow} in a newer form; install that version")
    return manifest


def _holds_something(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))"
    ).fetchone()
    return bool(row and row[0])


def _load(url: str, programs: Binaries, archive: zipfile.ZipFile) -> None:
    """Feed the dump through pg_restore into psql, as one transaction that is only committed when both are content."""
    to_sql = [programs.program("pg_restore"), "--no-owner", "--no-privileges", "--file=-"]
    to_database = [programs.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as complaints,
        # On a disk, because pg_restore may want to go back and forth in it.
        tempfile.TemporaryFile() as dump,
    ):
        with archive.open(DUMP) as packed:
            while chunk := packed.read(CHUNK):
                dump.write(chunk)
        dump.seek(0)
        with (
            subprocess.Popen(to_sql, stdin=dump, stdout=pipe, stderr=complaints) as reader,
            subprocess.Popen(
                to_database, stdin=pipe, stdout=subprocess.DEVNULL, stderr=complaints, env=_environment(url)
            ) as writer,
        ):
            assert reader.stdout is not None and writer.stdin is not None  # noqa: S101 - pipes were asked for
            with contextlib.suppress(BrokenPipeError):  # psql stopped at an error, which is told below
                writer.stdin.write(f"SET lock_timeout = '10s';\nBEGIN;\n{EMPTY_THE_SCHEMA}".encode())
                for line in _fit_for_any_server(reader.stdout):
                    writer.stdin.write(line)
                writer.stdin.write(b"COMMIT;\n" if reader.wait() == 0 else b"ROLLBACK;\n")
            with contextlib.suppress(BrokenPipeError):
                writer.stdin.close()
            reader.stdout.close()
            if writer.wait() != 0 or reader.wait() != 0:
                said = _last_line(complaints)
                if "lock timeout" in said:
                    raise RestoreFailed("somebody is using the database; stop MagFlow and every worker, then try again")
                raise RestoreFailed(f"the restore broke off and nothing was changed: {said}")


def _fit_for_any_server(script: IO[bytes]) -> Iterator[bytes]:
    """The script without what older servers do not know, and without comments on extensions that are not ours."""
    copying = False
    for line in script:
        if copying:
            copying = line != b"\\.\n"
        elif line.startswith((b"SET transaction_timeout", b"COMMENT ON EXTENSION ")):
            continue
        else:
            copying = line.startswith(b"COPY ") and line.endswith(b"FROM stdin;\n")
        yield line


# --- Programs and connections ----------------------------------------------------------------------------------------


def _programs(at_least: int, named: Path | None, *needed: str) -> Binaries:
    """Client programs that are not older than the server: older ones refuse it."""
    found = binaries.find(named, needed=needed)
    if found.major < at_least:
        other = binaries.of_major(at_least, named)
        if other is None:
            raise DatabaseProblem(
                f"PostgreSQL {at_least} is too new for the programs of {found.version} in {found.folder}; "
                f"install the client programs of PostgreSQL {at_least} and name their folder in MAGFLOW_PG_BIN"
            )
        return other
    return found


def _environment(url: str) -> dict[str, str]:
    """The address in the environment and not on the command line, where every account of the machine could read it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for option in Conninfo.parse(url.encode()):
        if option.val is not None and option.envvar is not None:
            environment[option.envvar.decode()] = option.val.decode()
    return environment


@contextlib.contextmanager
def _connected(url: str, *, autocommit: bool = False) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        connection = psycopg.connect(url, connect_timeout=5, autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise Unreachable(f"the database cannot be reached: {reason(error)}") from error
    with connection:
        yield connection


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = [line.strip() for line in complaints.read().decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines
    return told[0][:300] if told else "it did not say why"
