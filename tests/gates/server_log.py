"""What the server itself wrote down: a deadlock that a retry hid from the client is still a deadlock."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

PARTS = ("DETAIL", "HINT", "CONTEXT", "STATEMENT")
"""Of a message, behind its first line."""


@dataclass
class ServerLog:
    """The log of a server, from a moment on, for one database. `connection` is a superuser's, in that database."""

    connection: Connection
    offset: int = 0
    deadlocks_before: int = 0

    def __post_init__(self) -> None:
        self.offset = self._size()
        self.deadlocks_before = self._counted()

    @property
    def readable(self) -> bool:
        """Whether the server keeps a log that it shows; else its counters must do."""
        return self._file() is not None

    def deadlocks(self) -> list[str]:
        """The deadlocks since then, as the server told them; the statistics' count where it shows no log."""
        told = self._lines("deadlock detected")
        counted = self._counted() - self.deadlocks_before
        return told if self.readable else ["deadlock (counted by the statistics)"] * counted

    def lock_timeouts(self) -> list[str]:
        """The statements that waited longer than they may."""
        return self._lines("due to lock timeout")

    def _lines(self, what: str) -> list[str]:
        """Each such message whole: who waited for whom stands in the lines behind the first."""
        here = f"@{self.connection.info.dbname} "
        told: list[list[str]] = []
        open_ = False
        for line in self._since():
            if here in line and what in line:
                told.append([line])
                open_ = True
            elif open_ and (line.startswith("\t") or any(f" {part}: " in line for part in PARTS)):
                told[-1].append(line)
            else:
                open_ = False
        return ["\n".join(lines) for lines in told]

    def _since(self) -> list[str]:
        path = self._file()
        if path is None:
            return []
        # The log is written by another process: what we say now stands behind everything that was said before.
        mark = uuid.uuid4().hex
        self.connection.execute(f"DO $$ BEGIN RAISE LOG 'mark {mark}'; END $$")
        deadline = time.monotonic() + 10
        while True:
            row = self.connection.execute(
                "SELECT convert_from(pg_read_binary_file(%s, %s, %s), 'UTF8')", [path, self.offset, 2**28]
            ).fetchone()
            said = str(row[0]) if row else ""
            if mark in said:
                return said.splitlines()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server's log {path} does not get what the server says")
            time.sleep(0.01)

    def _file(self) -> str | None:
        row = self.connection.execute("SELECT pg_current_logfile()").fetchone()
        return str(row[0]) if row and row[0] else None

    def _size(self) -> int:
        path = self._file()
        if path is None:
            return 0
        row = self.connection.execute("SELECT (pg_stat_file(%s)).size", [path]).fetchone()
        return int(row[0]) if row else 0

    def _counted(self) -> int:
        row = self.connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int(row[0]) if row else 0
