"""Units of work for the tests of the policy: each counts how often it ran and what it was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from magflow.concurrency import execute, run
from magflow.domain.actors import Actor

ACTOR = Actor(kind="job", name="policy", door="job")

COUNT = """
INSERT INTO settings (key, value) VALUES (%(key)s, '1')
ON CONFLICT (key) DO UPDATE SET value = to_jsonb((settings.value #>> '{}')::int + 1)"""


@dataclass
class Unit:
    """Adds one to a counter in the database, then does what the test wants."""

    key: str
    then: Callable[[Session, int], Any] = lambda _session, _run: None
    pids: list[int] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)

    def __call__(self, session: Session) -> str:
        pid, transaction = one(session, "SELECT pg_backend_pid(), pg_current_xact_id()::text")
        self.pids.append(pid)
        self.transactions.append(transaction)
        execute(session, COUNT, {"key": self.key})
        self.then(session, self.runs)
        return f"run {self.runs}"

    @property
    def runs(self) -> int:
        """How often it was started."""
        return len(self.pids)

    def start(self) -> str:
        """Run it as services are run."""
        return run(self, ACTOR)


def one(session: Session, sql: str, **parameters: Any) -> tuple[Any, ...]:
    """The first row of a statement."""
    row = execute(session, sql, parameters).fetchone()
    assert row is not None
    return tuple(row)


def fail_with(session: Session, sqlstate: str) -> None:
    """Make the server refuse with this code."""
    execute(session, f"DO $$ BEGIN RAISE EXCEPTION 'as the test wants' USING ERRCODE = '{sqlstate}'; END $$")
