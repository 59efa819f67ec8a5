"""Gates G7 and G8: an answer that was lost on its way, and copies of one request that come at once: one effect."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from magflow.app import create_app
from magflow.concurrency import execute
from magflow.db import db
from magflow.domain.errors import (
    Conflict,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Refused,
    RetryLater,
)
from magflow.services import idempotency
from magflow.services.idempotency import Answer, KeyedRequest
from magflow.settings import Settings
from tests.concurrency.units import ACTOR, COUNT
from tests.conftest import ShopDatabase
from tests.gates.proxy import Wire, wire
from tests.gates.scenarios import side_by_side

CUTS, KEYS = 50, 500
SOAKED_CUTS, SOAKED_KEYS = 1_000, 5_000
_keys = itertools.count(1)


def request(key: str, *, body: str = "body", ends: str = "done") -> KeyedRequest:
    """A request whose effect is one more on a counter of its key; or that is refused, or breaks, after it."""

    def work(session: Session) -> Answer:
        execute(session, COUNT, {"key": f"effect.{key}"})
        if ends == "refused":
            raise Conflict("as the test wants")
        if ends == "broken":
            raise ZeroDivisionError
        return Answer(201, f"{key} {random.random()}".encode(), {})

    def refuse(refused: Refused) -> Answer:
        return Answer(refused.status, refused.code.encode(), {})

    return KeyedRequest("POST", "/gate", key, body.encode(), work, refuse)


@pytest.fixture
def effects(admin: psycopg.Connection[Any]) -> Callable[[str], int]:
    """How often the request of a key took effect."""

    def count(key: str) -> int:
        row = admin.execute("SELECT (value #>> '{}')::int FROM settings WHERE key = %s", [f"effect.{key}"]).fetchone()
        return int(row[0]) if row else 0

    return count


@pytest.fixture
def cut_wire(database: ShopDatabase, settings: Settings, busy_app: Flask) -> Iterator[Wire]:
    """An application over a wire that can be cut, with its context."""
    with wire(database.app_dsn) as made:
        app = create_app(replace(settings, database_url=made.dsn), areas=())
        with app.app_context():
            yield made
            for engine in db.engines.values():
                engine.dispose()


def check_lost_answers(cut_wire: Wire, effects: Callable[[str], int], seed: int, cuts: int) -> None:
    rnd = random.Random(seed)
    for n in range(2 * cuts):
        key = f"lost-{next(_keys)}"
        cut_wire.cut_next_commit("request" if n % 2 else "answer", stay_down=rnd.random() < 0.5)
        first: Answer | None = None
        try:
            first = idempotency.once(request(key), actor=ACTOR)
        except OutcomeUnknown:
            assert effects(key) <= 1
        cut_wire.mend()
        again = idempotency.once(request(key), actor=ACTOR)
        assert effects(key) == 1
        assert first is None or (again.replayed and again.body == first.body)
    assert cut_wire.cuts == 2 * cuts


def test_a_request_whose_answer_was_lost_is_repeated_without_a_second_effect(
    cut_wire: Wire, effects: Callable[[str], int], seed: int
) -> None:
    check_lost_answers(cut_wire, effects, seed, CUTS)


@pytest.mark.soak
def test_a_thousand_lost_answers(cut_wire: Wire, effects: Callable[[str], int], seed: int) -> None:
    check_lost_answers(cut_wire, effects, seed, SOAKED_CUTS)


def check_copies(app: Flask, effects: Callable[[str], int], seed: int, keys: int) -> None:
    rnd = random.Random(seed)
    for _ in range(keys):
        key = f"copies-{next(_keys)}"
        ends = rnd.choice(("done", "done", "refused", "broken"))
        copies = [request(key, ends=ends) for _ in range(rnd.randint(2, 8))]
        other = rnd.random() < 0.3
        if other:
            copies.append(request(key, body="another", ends=ends))
        answers = side_by_side(app, *(lambda c=c: idempotency.once(c, actor=ACTOR) for c in copies))
        told = [answer for answer in answers if isinstance(answer, Answer)]
        documented = (IdempotencyInProgress, IdempotencyKeyReused, RetryLater)
        unexpected = [a for a in answers if not isinstance(a, (Answer, *documented, ZeroDivisionError))]
        assert not unexpected, unexpected
        assert effects(key) == (1 if ends == "done" else 0), f"{ends}: {answers}"
        # All who were answered were answered alike: by the one whose key it is.
        assert len({(answer.status, answer.body) for answer in told}) == (0 if ends == "broken" else 1)
        assert sum(not answer.replayed for answer in told) <= 1
        assert other or ends == "broken" or len(told) == len(copies)


def test_copies_of_a_request_that_come_at_once_have_one_effect_and_one_answer(
    busy_app: Flask, effects: Callable[[str], int], seed: int
) -> None:
    check_copies(busy_app, effects, seed, KEYS)


@pytest.mark.soak
def test_copies_for_hours(busy_app: Flask, effects: Callable[[str], int], seed: int) -> None:
    check_copies(busy_app, effects, seed, SOAKED_KEYS)
