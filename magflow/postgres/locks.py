"""Locks between processes of one machine.

The kernel lets go of them when their holder dies, by whatever death, so none is ever left behind by a crash. They are
never inherited: a program started while a lock is held does not hold it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from magflow.settings import HomeUnusable


class FileLock:
    """One open lock file; shared by several holders, or held alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeUnusable(
                f"the file {path} cannot be used ({error.strerror}); "
                "start MagFlow as the user that the home folder belongs to, or set MAGFLOW_HOME to another folder"
            ) from error

    def share(self) -> None:
        """Hold it together with others; wait for whoever holds it alone."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Hold it alone, also when it was shared by us until now; False when somebody else holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def alone(self, *, patience: float) -> bool:
        """Hold it alone, waiting at most this many seconds. flock itself cannot wait with a limit."""
        deadline = time.monotonic() + patience
        while not self.try_alone():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def read(self) -> str:
        """What the holder wrote into it."""
        return os.pread(self._file, 65536, 0).decode("utf-8", "replace")

    def write(self, text: str) -> None:
        """Leave a note for whoever is refused."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode("utf-8"), 0)

    @property
    def closed(self) -> bool:
        return self._file < 0

    def close(self) -> None:
        """Let go of it. The file stays: removing it would give two processes a lock each."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
