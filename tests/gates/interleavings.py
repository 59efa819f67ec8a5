"""Every way in which the statements of a few sessions can come between each other (gate G2).

A hook before each statement hands control to a scheduler. It lets one session take one step, then waits until that
session stands before its next statement, is done, or waits for a lock. Nothing depends on time or luck: a schedule is
a list of who goes next, and a failing one can be played again.
"""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import event

from magflow import concurrency
from magflow.db import db
from tests.gates.planting import swapped

HANGS_AFTER: Final = 5.0
"""Seconds in which a statement must be done, or be waiting for a lock that another session holds."""

SILENT: Final = re.compile(
    r"\s*(SELECT set_config\('magflow\.context'|INSERT INTO events|SAVEPOINT|RELEASE|ROLLBACK TO)", re.IGNORECASE
)
"""Statements that nobody else can see or disturb: no step of their own, they go with the one before."""

Act = Callable[[], Any]
Choose = Callable[[int, list[str]], str]
"""Who goes next: of the number of the step, and those who can."""


class Hangs(AssertionError):
    """A session neither moved nor waited for a lock."""


@dataclass(eq=False)
class Player:
    """One session: a thread that stops before every statement until it is let go."""

    name: str
    act: Act
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    pid: int = 0
    steps: int = 0
    waiting: bool = False
    """Stands before a statement."""
    finished: bool = False
    answer: Any = None
    started_after: frozenset[str] = frozenset()
    """Who was finished when this one took its first step."""


_me = threading.local()


class Stepper:
    """Runs a few acts along a schedule."""

    def __init__(self, app: Flask, control: psycopg.Connection[Any]) -> None:
        self._app = app
        self._control = control
        self._moved = threading.Condition()

    def play(self, acts: dict[str, Act], choose: Choose) -> tuple[list[Player], list[list[str]]]:
        """Let the acts run, each next step chosen. Returns the players with their answers, and for every step who could
        have taken it; the first of each list did."""
        players = {name: Player(name, act) for name, act in acts.items()}
        threads = [threading.Thread(target=self._run, args=(player,), daemon=True) for player in players.values()]
        choices: list[list[str]] = []
        with self._hooked():
            for thread in threads:
                thread.start()
            self._settle(players.values())
            while ready := self._ready(players):
                wanted = choose(len(choices), ready)
                if wanted not in ready:
                    raise LookupError(f"{wanted} cannot take step {len(choices)}: {ready} can")
                choices.append([wanted, *(name for name in ready if name != wanted)])
                self._step(players[wanted], players)
            for thread in threads:
                thread.join()
        return list(players.values()), choices

    def _ready(self, players: dict[str, Player]) -> list[str]:
        """Who stands before a statement; waits when all are busy, as after a deadlock that the server resolves."""
        deadline = time.monotonic() + HANGS_AFTER
        while not (ready := [player.name for player in players.values() if player.waiting]):
            if all(player.finished for player in players.values()):
                return []
            if time.monotonic() > deadline:
                raise Hangs(f"nobody moves: {[p.name for p in players.values() if not p.finished]}")
            self._settle(players.values())
        return ready

    def _step(self, player: Player, players: dict[str, Player]) -> None:
        if not player.steps:
            player.started_after = frozenset(other.name for other in players.values() if other.finished)
        player.steps += 1
        player.waiting = False
        player.go.release()
        self._settle(players.values())

    def _settle(self, players: Any) -> None:
        """Wait until every session stands, is done, or waits for a lock."""
        deadline = time.monotonic() + HANGS_AFTER
        for player in players:
            pause = 0.0002
            while not (player.waiting or player.finished):
                with self._moved:
                    self._moved.wait(pause)
                if player.waiting or player.finished:
                    break
                if player.pid and self._is_blocked(player.pid):
                    break
                if time.monotonic() > deadline:
                    raise Hangs(f"{player.name} neither moves nor waits for a lock")
                pause = min(pause * 2, 0.01)

    def _is_blocked(self, pid: int) -> bool:
        row = self._control.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid], prepare=True).fetchone()
        return bool(row and row[0])

    def _run(self, player: Player) -> None:
        _me.player, _me.stepper = player, self
        with self._app.app_context():
            try:
                player.answer = player.act()
            except Exception as fault:  # noqa: BLE001 - an answer like any other, and never an expected one
                player.answer = ("fault", type(fault).__name__, str(fault).splitlines()[0][:200])
            finally:
                db.session.remove()
                with self._moved:
                    player.finished = True
                    self._moved.notify_all()

    def stop_before(self, statement: str, connection: psycopg.Connection[Any]) -> None:
        """Called by a session's thread before it sends a statement."""
        player: Player = _me.player
        if SILENT.match(statement):
            return
        with self._moved:
            player.pid = connection.info.backend_pid
            player.waiting = True
            self._moved.notify_all()
        player.go.acquire()

    @contextlib.contextmanager
    def _hooked(self) -> Iterator[None]:
        send, flush = concurrency.Batch.send, concurrency.Batch.flush

        def send_when_told(batch: Any, sql: str, parameters: Any = None) -> Any:
            _before(sql, batch.driver)
            return send(batch, sql, parameters)

        def flush_when_told(batch: Any, *, commit: bool = False) -> None:
            if commit:
                _before("COMMIT", batch.driver)
            flush(batch, commit=commit)

        def before_execute(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            _before(statement, connection.connection.driver_connection)

        def before_commit(connection: Any) -> None:
            driver = connection.connection.driver_connection
            if driver.info.transaction_status != TransactionStatus.IDLE:  # else its last batch has committed it
                _before("COMMIT", driver)

        with self._app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", before_execute)
        event.listen(engine, "commit", before_commit)
        try:
            with swapped(concurrency.Batch, send=send_when_told, flush=flush_when_told, together=False):
                yield
        finally:
            event.remove(engine, "before_cursor_execute", before_execute)
            event.remove(engine, "commit", before_commit)


def _before(statement: str, connection: psycopg.Connection[Any]) -> None:
    stepper: Stepper | None = getattr(_me, "stepper", None)
    if stepper is not None:
        stepper.stop_before(statement, connection)


def along(schedule: Sequence[str]) -> Choose:
    """This schedule, then whoever comes first."""
    return lambda step, ready: schedule[step] if step < len(schedule) else ready[0]


def drawn(rnd: random.Random) -> Choose:
    """Anybody, and more often than not the one who went last: a switch is what makes the difference, not a step."""
    last: list[str] = []

    def choose(_step: int, ready: list[str]) -> str:
        if not last or last[0] not in ready or rnd.random() < 0.4:
            last[:] = [rnd.choice(ready)]
        return last[0]

    return choose


Play = Callable[[Choose], list[list[str]]]
"""Plays along a choice, and tells who could have taken each step."""


def orderings(play: Play, *, most: int, then_drawn: int, rnd: random.Random) -> tuple[int, bool]:
    """Play every ordering once; of pairs that have more than `most`, so many, and some that are drawn.

    A session that waits for a lock cannot be chosen, so orderings that differ only in that are not repeated. Returns
    how many were played, and whether those were all.
    """
    todo: list[list[str]] = [[]]
    played = 0
    while todo and played < most:
        prefix = todo.pop()
        choices = play(along(prefix))
        played += 1
        taken = [choice[0] for choice in choices]
        for n in range(len(choices) - 1, len(prefix) - 1, -1):
            todo += [[*taken[:n], other] for other in choices[n][1:]]
    if not todo:
        return played, True
    for _ in range(then_drawn):
        play(drawn(rnd))
    return played + then_drawn, False
