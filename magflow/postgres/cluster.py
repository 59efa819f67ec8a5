"""One PostgreSQL data folder: making it, starting a server on it, finding and ending what runs on it.

The folder may lie where the server's own account cannot go (below /root, or in a folder closed to others). Root
therefore opens the data folder itself, lets the programs inherit it, and calls it `/proc/self/fd/N`: the kernel follows
that link to the folder, whatever stands above it. Nothing above it is ever opened up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from magflow.postgres.binaries import Account, Binaries
from magflow.postgres.errors import ServerFailed, WrongVersion
from magflow.settings import HomeUnusable

SUPERUSER: Final = "magflow_superuser"
PORT: Final = 5432  # only part of the socket's name: the embedded server does not listen on any network
LONGEST_SOCKET_PATH: Final = 100  # the kernel's limit is 107 bytes
DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class Started:
    """A server that is our child, and may outlive us without anybody being warned about it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._ended = False
        process.returncode = 0  # takes it out of subprocess's hands, which would complain when we let go of it

    def ended(self) -> bool:
        """Whether it is gone; collects what is left of it."""
        if not self._ended:
            try:
                self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
            except ChildProcessError:
                self._ended = True
        return self._ended


@dataclass(frozen=True)
class Cluster:
    """A data folder, the programs for it, and the account they run as."""

    data: Path
    binaries: Binaries
    account: Account

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def socket_folder(self) -> Path:
        """Where the server's socket is: in the data folder, or in a short place when the path would be too long."""
        if len(os.fsencode(self.data / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return self.data
        name = "magflow-" + hashlib.blake2b(os.fsencode(self.data), digest_size=6).hexdigest()
        places = [Path(p) for p in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()) if p]
        short = [place for place in places if len(os.fsencode(place)) <= LONGEST_SOCKET_PATH - 40]
        # Root's own runtime folder is closed to the account that the server runs as.
        usable = [place for place in short if self.account.uid is None or place.stat().st_mode & stat.S_IXOTH]
        return (usable[0] if usable else Path("/tmp")) / name  # noqa: S108 - checked before use, see below

    def check_version(self) -> None:
        """Refuse data of another major version: PostgreSQL would refuse them too, in words nobody can use."""
        made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(self.binaries.major):
            raise WrongVersion(
                f"the data in {self.data} were made by PostgreSQL {made_by}, and the programs in "
                f"{self.binaries.folder} are {self.binaries.version}; run `magflow backup` with the version that made "
                "them, then `magflow restore` into a new home folder"
            )

    # --- Making it -----------------------------------------------------------------------------------------------

    def make(self, password: str) -> None:
        """Make the data folder. It gets its name only when it is complete, so a crash leaves nothing half-made."""
        new = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.account.give(new)
        reading, writing = os.pipe()
        try:
            if self.account.uid is not None:
                os.fchown(reading, self.account.uid, self.account.gid or -1)
            os.write(writing, password.encode() + b"\n")
            os.close(writing)
            writing = -1
            self._initdb(new, reading)
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)
        new.rename(self.data)

    def _initdb(self, folder: Path, password: int) -> None:
        command = [self.binaries.program("initdb"), "-U", SUPERUSER, "-E", "UTF8", "--data-checksums"]
        command += ["-A", "scram-sha-256", "--pwfile", f"/dev/fd/{password}"]
        # The builtin provider sorts the same everywhere and for ever; PostgreSQL has it from version 17 on.
        command += ["--locale-provider=builtin"] if self.binaries.major >= 17 else []
        command += ["--locale=C.UTF-8"]
        with self._inherited(folder) as (name, descriptors):
            done = subprocess.run(
                [*command, "-D", name],
                cwd="/",
                capture_output=True,
                text=True,
                pass_fds=[password, *descriptors],
                **self.account.process(),
            )
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise start_problem(done.stderr + done.stdout, self.data)

    # --- Starting it ---------------------------------------------------------------------------------------------

    def spawn(self, options: Mapping[str, str], log: Path) -> Started:
        """Start the server. It outlives us: whoever comes next joins it."""
        self._prepare_socket_folder()
        with self._inherited(self.data) as (name, descriptors):
            socket = name if self.socket_folder == self.data else str(self.socket_folder)
            command = [self.binaries.program("postgres"), "-D", name, "-k", socket, "-p", str(PORT)]
            for option, value in options.items():
                command += ["-c", f"{option}={value}"]
            try:
                with log.open("wb") as first_words:
                    process = subprocess.Popen(
                        command,
                        cwd="/",
                        stdin=subprocess.DEVNULL,
                        stdout=first_words,
                        stderr=first_words,
                        start_new_session=True,
                        pass_fds=descriptors,
                        **self.account.process(),
                    )
            except OSError as error:
                raise ServerFailed(
                    f"PostgreSQL cannot be started from {self.binaries.folder}: {error.strerror}"
                ) from error
        return Started(process)

    @contextlib.contextmanager
    def _inherited(self, folder: Path) -> Iterator[tuple[str, list[int]]]:
        """What the programs shall call the folder, and the open folder that they inherit for it."""
        if self.account.uid is None:
            yield str(folder), []
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", [descriptor]
        finally:
            os.close(descriptor)

    def _prepare_socket_folder(self) -> None:
        folder = self.socket_folder
        if folder == self.data:
            return
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self.account.give(folder)
        found = folder.lstat()
        wanted = os.geteuid() if self.account.uid is None else self.account.uid
        # The place is open to every account of the machine: somebody else may have made the folder first, to put a
        # server of his own where ours is looked for.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != wanted or found.st_mode & 0o077:
            raise HomeUnusable(f"{folder} belongs to somebody else; remove it, or set MAGFLOW_HOME to a shorter path")

    # --- What runs on it -----------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """The living processes that work in this data folder, the postmaster first.

        They are found by the folder they stand in, which PostgreSQL never leaves; a number in a file says nothing,
        for it may by now belong to anybody.
        """
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and self._stands_here(process) and _alive(process):
                    found.append(process)
        known = {process.pid for process in found}

        def is_child(process: psutil.Process) -> bool:
            try:
                return process.ppid() in known
            except psutil.Error:
                return True

        return sorted(found, key=is_child)

    def postmaster(self) -> psutil.Process | None:
        """The server's first process, when the one that the folder names is alive and really stands in it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split()[0])
            process = psutil.Process(pid)
            ours = self._stands_here(process) and _alive(process)
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return process if ours else None

    def _stands_here(self, process: psutil.Process) -> bool:
        # By the folder itself and not by its name: in a container beside us another folder may have the same name.
        link = Path(f"/proc/{process.pid}/cwd")
        return (link if link.parent.exists() else Path(process.cwd())).samefile(self.data)

    def clear_remains(self, *, patience: float = 5.0) -> None:
        """After a crash: wait for orphaned processes, end those that stay, and drop the stale numbers.

        To be called under the start lock and only when no postmaster is alive. PostgreSQL refuses to start while
        one of the two files names any process of the same user, also a stranger's that got the number after a reboot,
        or a dead one's that nobody collected.
        """
        if not self.await_silence(patience):
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()
            self.await_silence(patience)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def await_silence(self, patience: float) -> bool:
        """Wait until nothing works in the folder any more. The dead that nobody collects are not waited for."""
        deadline = time.monotonic() + patience
        while self.processes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def shut_down(self, started: Started | None, *, patience: float = 60.0) -> None:
        """End the server: open transactions are rolled back, everything committed is on the disk."""
        postmaster = self.postmaster()
        if postmaster is None:
            if started is not None:
                started.ended()
            return
        for what in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            try:
                postmaster.send_signal(what)
            except psutil.NoSuchProcess:
                break
            if _gone(postmaster, started, patience):
                break
        if self.socket_folder != self.data:
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _gone(process: psutil.Process, started: Started | None, patience: float) -> bool:
    """Wait until it is gone, or a zombie that is not ours to collect (a container without an init process)."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if started is not None and started.pid == process.pid and started.ended():
            return True
        try:
            if not _alive(process):
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def start_problem(said: str, data: Path) -> ServerFailed:
    """What the server's last words mean, in one line."""
    lowered = said.lower()
    if any(sign in lowered for sign in ("no space left", "disk quota", "check free disk space")):
        return ServerFailed(f"the disk with {data} is full; free some space and start MagFlow again")
    if "read-only file system" in lowered or "permission denied" in lowered:
        return ServerFailed(f"{data} cannot be written to; mend its permissions, or set MAGFLOW_HOME to another folder")
    told = [line for line in said.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:", "ERROR"))]
    last = told[-1].strip() if told else (said.strip().splitlines() or ["it said nothing"])[-1]
    return ServerFailed(f"PostgreSQL did not start: {last[-300:]}")


def server_options(*, deadlock_timeout: str = "1s") -> dict[str, str]:
    """The server's settings, said on its command line, where no file and no ALTER SYSTEM can soften them."""
    memory = psutil.virtual_memory().total // 2**20
    return {
        **DURABLE,
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{min(max(memory // 16, 64), 1024)}MB",
        "effective_cache_size": f"{max(memory // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(memory // 32, 32), 256)}MB",
        "work_mem": "8MB",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "jit": "off",
        # Below every lock_timeout: otherwise a deadlock would show up as an ordinary wait and never be seen.
        "deadlock_timeout": deadlock_timeout,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "password_encryption": "scram-sha-256",
        "logging_collector": "on",
        "log_directory": "log",
        # A file a weekday, written over a week later: the log cannot fill the disk.
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_file_mode": "0600",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "2s",
        # Values of statements are customers' data and secrets.
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
