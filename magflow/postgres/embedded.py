"""The embedded server: started by whoever comes first, joined by everybody else, stopped by whoever leaves last.

Whether it runs is asked of the server itself. Who uses it is kept by a lock of the kernel, which a killed process
cannot leave behind; so a crash of everything needs no cleaning up, and the next start takes 0.2 seconds.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import psycopg

from magflow.postgres import binaries as programs
from magflow.postgres import roles
from magflow.postgres.cluster import PORT, SUPERUSER, Cluster, Started, server_options, start_problem
from magflow.postgres.errors import ServerFailed
from magflow.postgres.locks import FileLock
from magflow.settings import HomeUnusable, Settings, keep_once

DATABASE: Final = "magflow"
START_PATIENCE: Final = 120.0
RECOVERY_PATIENCE: Final = 600.0

State = Literal["up", "starting", "down"]


@dataclass
class Server:
    """A running embedded server that we hold on to, and the addresses for each role."""

    cluster: Cluster
    folder: Path
    options: Mapping[str, str] = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    _use: FileLock = field(repr=False)
    _started: Started | None = field(default=None, repr=False)

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """The address for a role: `magflow_app`, `magflow_read`, `magflow_backup`, `magflow_owner` or the superuser.

        The owner cannot log in. Its address is the superuser's with the role changed before the first statement.
        """
        login = SUPERUSER if role == roles.OWNER else role
        options = f"&options={quote('-c role=' + roles.OWNER)}" if role == roles.OWNER else ""
        where = f"host={quote(str(self.cluster.socket_folder), safe='')}&port={PORT}"
        return f"postgresql://{login}:{quote(self.passwords[login], safe='')}@/{quote(database)}?{where}{options}"

    @property
    def app_dsn(self) -> str:
        return self.dsn(roles.APP)

    @property
    def owner_dsn(self) -> str:
        return self.dsn(roles.OWNER)

    @property
    def read_dsn(self) -> str:
        return self.dsn(roles.READ)

    @property
    def backup_dsn(self) -> str:
        return self.dsn(roles.BACKUP)

    @property
    def superuser_dsn(self) -> str:
        return self.dsn(SUPERUSER)

    @property
    def log_folder(self) -> Path:
        """Where the server's own log is."""
        return self.cluster.data / "log"

    def alive(self) -> bool:
        """Whether the server's process is there; cheap enough to ask every second."""
        if self._started is not None:
            self._started.ended()  # a dead child stays a zombie until it is asked
        return self.cluster.postmaster() is not None

    def ensure(self) -> None:
        """Start it again if it died. Raises ServerFailed."""
        with _start_lock(self.folder):
            self._run()

    def stop(self) -> None:
        """Leave the server; end it when nobody else uses it. May be called again."""
        if self._use.closed:
            return
        try:
            with contextlib.suppress(HomeUnusable, ServerFailed), _start_lock(self.folder):
                if self._use.try_alone():
                    self.cluster.shut_down(self._started)
        finally:
            self._use.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        """Bring the server up. Under the start lock."""
        state, problem = self._state()
        if state == "down" and self.cluster.postmaster() is None:
            self.cluster.clear_remains()
            self._started = self.cluster.spawn(self.options, self._first_words)
        deadline = time.monotonic() + RECOVERY_PATIENCE
        while state != "up":
            if self._started is not None and self._started.ended():
                raise start_problem(self._last_words(), self.cluster.data)
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL does not answer ({problem}); its log is in {self.log_folder}")
            time.sleep(0.02)
            if self.cluster.postmaster() is None and self._started is None:
                # The one that we waited for was on its way out.
                self.cluster.clear_remains()
                self._started = self.cluster.spawn(self.options, self._first_words)
            state, problem = self._state()

    def _state(self) -> tuple[State, str]:
        try:
            psycopg.connect(self.dsn(SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
            if "password authentication failed" in said:
                raise ServerFailed(
                    f"the server in {self.cluster.data} does not know the passwords in passwords.json beside it; "
                    "put both back from the same copy of the home folder"
                ) from error
            return ("starting" if "starting up" in said else "down"), said
        return "up", ""

    @property
    def _first_words(self) -> Path:
        return self.folder / "start.log"

    def _last_words(self) -> str:
        """What the server said when it went: before its log was open, and in its log."""
        logs = (
            sorted(self.log_folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
            if self.log_folder.is_dir()
            else []
        )
        parts = []
        for path in [*logs[-1:], self._first_words]:
            with contextlib.suppress(OSError):
                parts.append(path.read_text(encoding="utf-8", errors="replace")[-4000:])
        return "\n".join(parts)


def start(settings: Settings, *, options: Mapping[str, str] | None = None) -> Server:
    """Start or join the embedded server of this home folder; make its data on first use.

    The database and the roles are there afterwards; the tables come with the migrations. `options` overrules single
    server settings, for tests. Raises DatabaseProblem or HomeUnusable.
    """
    folder = settings.home / "postgres"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(
            f"{folder} cannot be made ({error.strerror}); mend the permissions of {settings.home}"
        ) from error
    data = folder / "data"
    with _start_lock(folder):
        account = programs.account_for(data)
        cluster = Cluster(data, programs.reachable(programs.find(settings.pg_bin), account), account)
        passwords = _passwords(folder, cluster)
        if not cluster.exists:
            _make(cluster, passwords[SUPERUSER])
        cluster.check_version()
        chosen = server_options(deadlock_timeout="100ms" if settings.env == "testing" else "1s") | dict(options or {})
        use = FileLock(folder / "users.lock")
        use.share()
        server = Server(cluster, folder, chosen, passwords, use)
        try:
            server._run()
            _furnish(server)
        except BaseException:
            if use.try_alone():
                cluster.shut_down(server._started)
            use.close()
            raise
    return server


@contextlib.contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    with FileLock(folder / "start.lock") as lock:
        if not lock.alone(patience=START_PATIENCE):
            raise ServerFailed(f"another MagFlow has been starting or stopping for long in {folder}; end it first")
        yield


def _make(cluster: Cluster, password: str) -> None:
    try:
        cluster.make(password)
    except OSError as error:
        raise start_problem(f"error: {error.strerror}", cluster.data) from error


def _passwords(folder: Path, cluster: Cluster) -> dict[str, str]:
    path = folder / "passwords.json"
    if cluster.exists and not path.exists():
        raise ServerFailed(f"{path} is missing; put it back from a copy of the home folder")
    logins = (SUPERUSER, roles.APP, roles.READ, roles.BACKUP)
    text = keep_once(path, json.dumps({login: secrets.token_urlsafe(24) for login in logins}))
    try:
        kept = json.loads(text)
        return {login: str(kept[login]) for login in logins}
    except (ValueError, KeyError, TypeError) as error:
        raise ServerFailed(f"{path} is damaged; put it back from a copy of the home folder") from error


def _furnish(server: Server) -> None:
    """The roles and the database, where they are missing."""
    with psycopg.connect(server.dsn(SUPERUSER, "postgres"), autocommit=True) as connection:
        roles.make_roles(connection, server.passwords)
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {roles.OWNER}")
            connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            with psycopg.connect(server.owner_dsn) as owner:
                roles.secure(owner)
