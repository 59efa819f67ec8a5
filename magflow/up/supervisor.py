"""The parent process of `magflow up`.

Order up: the home folder's lock, the port, the database, the migrations, the web processes, the worker. Order down is
the reverse of what depends on what: the port closes, running requests are answered, the worker finishes its jobs, and
the database goes last.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from magflow.postgres import migrate
from magflow.postgres.access import Database, open_database
from magflow.postgres.errors import DatabaseProblem
from magflow.postgres.locks import FileLock
from magflow.settings import HomeUnusable, Settings
from magflow.up.children import Child, stop_all
from magflow.up.web import FIRST, LISTEN

TURN_SECONDS: Final = 0.2
DATABASE_LOOK_SECONDS: Final = 1.0
WEB_PATIENCE: Final = 30.0
WORKER_PATIENCE: Final = 30.0
GIVE_UP_AFTER: Final = 3
DEMO: Final = "simulator.json"
"""The world of a demonstration shop's marketplace, in the home folder (`magflow.simulator.keeping`)."""

Say = Callable[[str], None]


class UpFailed(Exception):
    """`magflow up` cannot go on. `str()` is one line that says what to do."""

    exit_code = 1


@dataclass
class Signals:
    """Ctrl-C and SIGTERM: they break off the start, end the running, and, asked twice, hurry the end."""

    running: bool = False
    asked: int = 0
    woken: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        self.woken.set()
        if not self.running and self.asked == 1:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def handled(self) -> Iterator[Signals]:
        """Handle them for as long as the block runs."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def up(settings: Settings, *, workers: int, with_worker: bool, say: Say, warn: Say) -> None:
    """Run the shop until told to stop. Raises UpFailed, DatabaseProblem or SettingsError when it cannot start."""
    signals = Signals()
    with contextlib.ExitStack() as stack:
        stack.enter_context(signals.handled())
        lock = stack.enter_context(only_one(settings))
        listening = stack.enter_context(contextlib.closing(listen(settings.host, settings.port)))
        address = address_of(settings.host, listening.getsockname()[1])
        lock.write(json.dumps({"pid": os.getpid(), "address": address}))
        stack.callback(lock.write, "")
        database = open_database(settings)
        stack.callback(database.shut)
        moved = migrate.upgrade(database)
        if moved.changed and moved.before is not None:
            say(f"The database was upgraded from revision {moved.before} to {moved.after}.")
        serving = settings.with_database(database.app_url)
        shop = Shop(serving, database, listening, signals, say, warn)
        shop.prepare(workers, with_worker)
        try:
            if shop.start():
                say(f"MagFlow runs on {address}")
                if (settings.home / DEMO).exists():
                    say("This is the demo shop: a simulated marketplace belongs to it, and starts and ends with it.")
                for child in shop.web:
                    if child.note:
                        say(f"This shop has no owner yet. Create the owner's account here, once: {address}{child.note}")
            shop.watch()
        finally:
            signals.running = True  # from here on a signal only hurries
            shop.stop()


@dataclass
class Shop:
    """The processes of one running shop."""

    settings: Settings
    database: Database
    listening: socket.socket
    signals: Signals
    say: Say
    warn: Say
    web: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    _life: tuple[int, int] = (-1, -1)

    def prepare(self, workers: int, with_worker: bool) -> None:
        """Lay out the children, without starting them."""
        self._life = os.pipe()
        environment = child_environment(self.settings, web_processes=workers)
        descriptor = self.listening.fileno()
        for number in range(1, workers + 1):
            name = "the web process" if workers == 1 else f"web process {number}"
            listen_at = {**environment, LISTEN: str(descriptor)} | ({FIRST: "1"} if number == 1 else {})
            self.web.append(Child(name, "magflow.up.web", listen_at, self._life[0], [descriptor]))
        if with_worker:
            self.workers.append(Child("the worker", "magflow.up.job_worker", environment, self._life[0]))
        if (self.settings.home / DEMO).exists():
            self.workers.append(Child("the demo's marketplace", "magflow.up.marketplace", environment, self._life[0]))

    def start(self) -> bool:
        """Start every child and wait for the web to be ready. Raises UpFailed when it keeps dying.

        False when we were told to stop meanwhile.
        """
        for child in [*self.web, *self.workers]:
            child.start()
        self.signals.running = True
        while not all(child.ready for child in self.web) and not self.signals.asked:
            self._turn()
            if dying := [child for child in self.web if child.failures >= GIVE_UP_AFTER]:
                raise UpFailed(f"{dying[0].name} cannot start; what it said is above")
        return not self.signals.asked

    def watch(self) -> None:
        """Keep everything running until a signal comes."""
        looked, pause, not_before = time.monotonic(), 1.0, 0.0
        while not self.signals.asked:
            self._turn()
            now = time.monotonic()
            server = self.database.server
            if server is None or now - looked < DATABASE_LOOK_SECONDS or now < not_before:
                continue
            looked = now
            if server.alive():
                pause = 1.0
                continue
            self.warn("the database server died; starting it again")
            try:
                server.ensure()
            except (DatabaseProblem, HomeUnusable) as error:
                self.warn(str(error))
                not_before, pause = time.monotonic() + pause, min(pause * 2, 30.0)

    def stop(self) -> None:
        """End the children in good order."""
        if self._life[0] < 0:
            return
        asked = self.signals.asked
        # Closed here first: with the last copy in the last web process, the port stops taking visitors.
        self.listening.close()
        for group, patience in ((self.web, WEB_PATIENCE), (self.workers, WORKER_PATIENCE)):
            stop_all(group, patience=patience, hurried=lambda: self.signals.asked > max(asked, 1))
        for descriptor in self._life:
            os.close(descriptor)
        self._life = (-1, -1)

    def _turn(self) -> None:
        self.signals.woken.wait(TURN_SECONDS)
        for child in [*self.web, *self.workers]:
            try:
                news = child.watch(time.monotonic())
            except OSError as error:
                news = f"{child.name} cannot be started: {error.strerror}"
                child.start_at = time.monotonic() + 5
            if news and not self.signals.asked:
                self.warn(news)


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[FileLock]:
    """Hold the home folder for this one `magflow up`. Raises UpFailed, naming the first, for a second."""
    with FileLock(settings.home / "up.lock") as lock:
        if not lock.try_alone():
            try:
                first: dict[str, Any] = json.loads(lock.read())
            except ValueError:
                first = {}
            who = f"process {first.get('pid', 'unknown')}" + (f", {first['address']}" if first.get("address") else "")
            raise UpFailed(
                f"MagFlow is already running on {settings.home} ({who}); "
                "use that one, stop it first, or set MAGFLOW_HOME to another folder"
            )
        yield lock


def listen(host: str, port: int) -> socket.socket:
    """The listening socket, made before anything slow, so that a taken port is told at once."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UpFailed(f"the host {host!r} is not known; use 127.0.0.1, or an address of this machine") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(1024)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        if isinstance(error, PermissionError):
            raise UpFailed(
                f"port {port} is reserved for the system; use one above 1023: magflow up --port 8000"
            ) from error
        raise UpFailed(
            f"port {port} on {host} cannot be used ({error.strerror}); "
            f"stop what uses it, or take another: magflow up --port {port % 65535 + 1}"
        ) from error
    return listening


def address_of(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def child_environment(settings: Settings, *, web_processes: int) -> Mapping[str, str]:
    """What the children are told: the same settings, the database filled in, and nothing of the owner's."""
    environment = dict(os.environ)
    environment.pop("MAGFLOW_OWNER_DATABASE_URL", None)
    environment |= {
        "MAGFLOW_HOME": str(settings.home),
        "MAGFLOW_HOST": settings.host,
        "MAGFLOW_PORT": str(settings.port),
        "DATABASE_URL": settings.database_url or "",
    }
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if web_processes > 1:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics_folder(settings.home))
    return environment


def _metrics_folder(home: Path) -> Path:
    """Where several web processes keep their counters to be added up; empty at every start."""
    folder = home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
