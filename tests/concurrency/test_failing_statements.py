"""The connection is lost before the n-th statement of an operation, for every n: all of it is done once, or nothing.

Lost once, the unit is repeated on another connection and nobody notices. Lost every time, whoever asked is told to come
back, and the shop is as it was.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event

from magflow import concurrency
from magflow.db import db
from tests.gates import scenes
from tests.gates.planting import swapped

OFTEN = ["finalize", "finalize many", "restock", "hard delete"]
MOST_STATEMENTS = 60

Times = Literal["once", "always"]


class Losses:
    """Ends the connection of an operation before its n-th statement."""

    def __init__(self, admin: psycopg.Connection[Any], number: int, times: Times) -> None:
        self._admin, self._number, self._times = admin, number, times
        self._sent: Counter[int] = Counter()
        self.lost = 0

    def before(self, connection: psycopg.Connection[Any]) -> None:
        """Called before a statement is sent. Every attempt has a connection of its own."""
        if connection.closed:
            return
        pid = connection.info.backend_pid
        self._sent[pid] += 1
        if self._sent[pid] == self._number and not (self._times == "once" and self.lost):
            self.lost += 1
            self._admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While it lasts, statements are counted, those of batches one by one."""
        send, flush = concurrency.Batch.send, concurrency.Batch.flush

        def counted_send(batch: Any, sql: str, parameters: Any = None) -> Any:
            self.before(batch.driver)
            return send(batch, sql, parameters)

        def counted_flush(batch: Any, *, commit: bool = False) -> None:
            if commit:
                self.before(batch.driver)
            flush(batch, commit=commit)

        def executed(connection: Any, *_: Any) -> None:
            self.before(connection.connection.driver_connection)

        engine = db.engine
        event.listen(engine, "before_cursor_execute", executed)
        try:
            with swapped(concurrency.Batch, send=counted_send, flush=counted_flush, together=False):
                yield
        finally:
            event.remove(engine, "before_cursor_execute", executed)


def lose(app: Flask, admin: psycopg.Connection[Any], deed: str, number: int, times: Times) -> bool:
    """One play; False when the operation has fewer statements than that."""
    undisturbed = scenes.lay_out(admin, lean=True)
    expected = scenes.act(undisturbed, deed, other=False)(), scenes.view(admin, undisturbed)
    scene = scenes.lay_out(admin, lean=True)
    before = scenes.view(admin, scene)
    losses = Losses(admin, number, times)
    with losses.listening():
        answer = scenes.act(scene, deed, other=False)()
    ended = answer, scenes.view(admin, scene)
    if times == "always" and losses.lost > 1:
        assert ended == (("retry_later",), before), f"{deed}, always lost before statement {number}: {ended}"
    else:
        assert ended == expected, f"{deed}, lost before statement {number}: {ended}, and not {expected}"
    return losses.lost > 0


def play(app: Flask, admin: psycopg.Connection[Any], deed: str, times: Times) -> int:
    """Every statement of an operation; how many there are."""
    with app.app_context():
        for number in range(1, MOST_STATEMENTS):
            if not lose(app, admin, deed, number, times):
                return number - 1
    raise AssertionError(f"{deed} takes {MOST_STATEMENTS} statements and more")


@pytest.mark.parametrize("deed", OFTEN)
def test_who_always_loses_the_connection_has_changed_nothing(
    busy_app: Flask, admin: psycopg.Connection[Any], deed: str
) -> None:
    assert play(busy_app, admin, deed, "always") >= 3


@pytest.mark.soak
@pytest.mark.parametrize("times", ["always", "once"])
@pytest.mark.parametrize("deed", scenes.DEEDS)
def test_every_operation_that_loses_its_connection_is_done_or_not(
    busy_app: Flask, admin: psycopg.Connection[Any], deed: str, times: Times
) -> None:
    assert play(busy_app, admin, deed, times) >= 3
