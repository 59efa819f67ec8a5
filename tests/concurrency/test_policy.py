"""What happens when the database says no: each row of the table in the reliability notes, against a real server."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.app import create_app
from magflow.concurrency import StartAgain, execute, last_batch, run, savepoint, transactional
from magflow.concurrency.transactions import MAX_RETRIES
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import OutcomeUnknown, RetryLater
from magflow.settings import Settings
from tests.concurrency.units import ACTOR, COUNT, Unit, fail_with, one
from tests.conftest import ShopDatabase
from tests.gates import scenarios
from tests.gates.proxy import Wire, wire
from tests.shop import make_variant

Counted = Callable[[], int]
_keys = itertools.count(1)


@pytest.fixture(autouse=True)
def inside(busy_app: Flask) -> Iterator[None]:
    with busy_app.app_context():
        yield
        db.session.remove()


@pytest.fixture
def key() -> str:
    return f"policy.{next(_keys)}"


@pytest.fixture
def counted(admin: psycopg.Connection[Any], key: str) -> Counted:
    """How often the unit of this key took effect."""

    def count() -> int:
        row = admin.execute("SELECT (value #>> '{}')::int FROM settings WHERE key = %s", [key]).fetchone()
        return int(row[0]) if row else 0

    return count


# --- 40001, 40P01: everything rolled back, the whole unit again in a new transaction, at most five times --------------


def test_a_deadlock_is_repeated_as_a_whole(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.a_deadlock_is_repeated_as_a_whole(busy_app, admin)


def test_a_serialization_failure_is_repeated_as_a_whole(
    admin: psycopg.Connection[Any], key: str, counted: Counted
) -> None:
    variant = make_variant().id

    def then(session: Session, number: int) -> None:
        one(session, "SELECT title FROM variants WHERE id = %(id)s", id=variant)
        if number == 1:
            admin.execute("UPDATE variants SET title = 'theirs' WHERE id = %s", [variant])
        execute(session, "UPDATE variants SET title = 'ours' WHERE id = %(id)s", {"id": variant})

    class Strict(Unit):
        def __call__(self, session: Session) -> str:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return super().__call__(session)

    unit = Strict(key, then)
    assert unit.start() == "run 2"
    assert len(set(unit.transactions)) == 2 and counted() == 1


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_what_fails_every_time_is_tried_six_times_and_then_refused(key: str, counted: Counted, state: str) -> None:
    unit = Unit(key, lambda session, _run: fail_with(session, state))
    with pytest.raises(RetryLater) as refused:
        unit.start()
    assert refused.value.cause == {"40001": "serialization", "40P01": "deadlock"}[state]
    assert unit.runs == 1 + MAX_RETRIES and len(set(unit.transactions)) == unit.runs
    assert counted() == 0


def test_a_unit_that_needs_other_locks_starts_again(key: str, counted: Counted) -> None:
    def then(_session: Session, number: int) -> None:
        if number < 3:
            raise StartAgain

    unit = Unit(key, then)
    assert unit.start() == "run 3" and counted() == 1


# --- 55P03: no retry, ask again shortly -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["batch", "orm"])
def test_a_lock_that_does_not_come_in_time_is_not_waited_for_again(
    database: ShopDatabase, key: str, counted: Counted, how: str
) -> None:
    variant = make_variant().id

    def then(session: Session, _run: int) -> None:
        execute(session, "SET LOCAL lock_timeout = '100ms'")
        statement = f"UPDATE variants SET title = 'b' WHERE id = {variant}"
        execute(session, statement) if how == "batch" else session.execute(text(statement))

    unit = Unit(key, then)
    with psycopg.connect(database.admin_dsn) as holder:
        holder.execute("SELECT FROM variants WHERE id = %s FOR UPDATE", [variant])
        with pytest.raises(RetryLater) as refused:
            unit.start()
    assert (refused.value.cause, refused.value.code, refused.value.retry_after) == ("lock_timeout", "retry_later", 1)
    assert unit.runs == 1 and counted() == 0


# --- 57014: never again, but the plan is written down ---------------------------------------------------------------


@pytest.mark.parametrize("how", ["batch", "orm"])
def test_a_statement_that_takes_too_long_is_refused_and_its_plan_is_logged(
    key: str, counted: Counted, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    slow = "SELECT count(*) FROM generate_series(1, 10) AS g, pg_sleep(%(pause)s)"

    def then(session: Session, _run: int) -> None:
        execute(session, "SET LOCAL statement_timeout = '50ms'")
        if how == "batch":
            execute(session, slow, {"pause": 5})
        else:
            session.execute(text(slow.replace("%(pause)s", ":pause")), {"pause": 5})

    unit = Unit(key, then)
    with caplog.at_level(logging.ERROR, "magflow.concurrency"), pytest.raises(RetryLater) as refused:
        unit.start()
    assert refused.value.cause == "statement_timeout" and unit.runs == 1 and counted() == 0
    [told] = [record for record in caplog.records if record.message == "statement took too long"]
    assert "pg_sleep" in str(getattr(told, "statement", ""))
    assert "Function Scan on generate_series" in str(getattr(told, "plan", ""))


# --- the connection ends before COMMIT: once more, on a new one -----------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_that_is_ended_is_replaced_once(
    admin: psycopg.Connection[Any], key: str, counted: Counted, times: int
) -> None:
    def then(session: Session, number: int) -> None:
        if number <= times:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [unit.pids[-1]])
        one(session, "SELECT 1")

    unit = Unit(key, then)
    if times == 1:
        assert unit.start() == "run 2" and counted() == 1
    else:
        with pytest.raises(RetryLater) as refused:
            unit.start()
        assert refused.value.cause == "connection" and counted() == 0
    assert unit.runs == 2 and len(set(unit.pids)) == 2


def test_a_transaction_that_idled_too_long_is_run_once_more(key: str, counted: Counted) -> None:
    def then(session: Session, number: int) -> None:
        if number == 1:
            execute(session, "SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            time.sleep(0.3)  # the server's own clock is what is tested
        one(session, "SELECT 1")

    unit = Unit(key, then)
    assert unit.start() == "run 2" and counted() == 1 and len(set(unit.pids)) == 2


def test_a_connection_that_ends_inside_a_savepoint_is_replaced_too(
    admin: psycopg.Connection[Any], key: str, counted: Counted
) -> None:
    def then(session: Session, number: int) -> None:
        with savepoint(session):
            if number == 1:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [unit.pids[-1]])
            one(session, "SELECT 1")

    unit = Unit(key, then)
    assert unit.start() == "run 2" and counted() == 1


# --- the connection ends at COMMIT: what became of it is looked up ---------------------------------------------------


@pytest.fixture
def cut_wire(database: ShopDatabase, settings: Settings) -> Iterator[Wire]:
    """An application whose connections go over a wire that can be cut; its context is the innermost."""
    with wire(database.app_dsn) as made:
        app = create_app(replace(settings, database_url=made.dsn), areas=())
        with app.app_context():
            yield made
            for engine in db.engines.values():
                engine.dispose()


def test_a_commit_that_did_not_arrive_is_done_again(cut_wire: Wire, key: str, counted: Counted) -> None:
    unit = Unit(key)
    cut_wire.cut_next_commit("request")
    assert unit.start() == "run 2" and counted() == 1 and cut_wire.cuts == 1


def test_a_commit_whose_answer_was_lost_is_not_done_again(cut_wire: Wire, key: str, counted: Counted) -> None:
    unit = Unit(key)
    cut_wire.cut_next_commit("answer")
    assert unit.start() == "run 1" and counted() == 1 and cut_wire.cuts == 1


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_commit_that_cannot_be_looked_up_is_called_unknown(
    cut_wire: Wire, key: str, counted: Counted, what: Any
) -> None:
    unit = Unit(key)
    cut_wire.cut_next_commit(what, stay_down=True)
    with pytest.raises(OutcomeUnknown) as refused:
        unit.start()
    assert refused.value.code == "retry_later" and unit.runs == 1
    assert counted() == (1 if what == "answer" else 0)


def test_a_number_given_before_a_crash_says_nothing_after_it(
    cut_wire: Wire, admin: psycopg.Connection[Any], key: str, counted: Counted
) -> None:
    # What a crash leaves to be seen: statistics that are younger than the transaction.
    unit = Unit(key, lambda _session, _run: admin.execute("SELECT pg_stat_reset_shared('bgwriter')"))
    cut_wire.cut_next_commit("answer")
    with pytest.raises(OutcomeUnknown):
        unit.start()
    assert unit.runs == 1 and counted() == 1


# --- a last batch carries its COMMIT ---------------------------------------------------------------------------------


@transactional
def count_and_end(session: Session, key: str, *, actor: Actor) -> None:
    with last_batch(session) as statements:
        statements.send(COUNT, {"key": key})


def test_a_last_batch_is_committed_when_it_is_over(key: str, counted: Counted) -> None:
    def unit(session: Session) -> None:
        session.info["whole"] = True
        count_and_end.unit(session, key, actor=ACTOR)
        assert counted() == 1
        with pytest.raises(RuntimeError):
            execute(session, "SELECT 1")

    run(unit, ACTOR)
    assert counted() == 1


def test_a_last_batch_that_was_joined_commits_nothing(key: str, counted: Counted) -> None:
    def unit(session: Session) -> None:
        count_and_end.within(session, key, actor=ACTOR)
        assert counted() == 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(unit, ACTOR)
    assert counted() == 0


def test_a_connection_that_died_before_the_last_batch_is_replaced(
    admin: psycopg.Connection[Any], key: str, counted: Counted
) -> None:
    with db.engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    count_and_end(key, actor=ACTOR)
    assert counted() == 1


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_last_batch_under_which_the_connection_was_lost_is_not_repeated(
    cut_wire: Wire, key: str, counted: Counted, what: Any
) -> None:
    cut_wire.cut_next_commit(what)
    with pytest.raises(OutcomeUnknown):
        count_and_end(key, actor=ACTOR)
    assert counted() == (1 if what == "answer" else 0) and cut_wire.cuts == 1


# --- 53xxx: later, and somebody is called ---------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "cause"), [("53100", "disk_full"), ("53200", "memory"), ("53300", "connections")])
def test_a_server_that_has_run_out_is_left_alone_and_said_loudly(
    key: str, counted: Counted, caplog: pytest.LogCaptureFixture, state: str, cause: str
) -> None:
    unit = Unit(key, lambda session, _run: fail_with(session, state))
    with caplog.at_level(logging.CRITICAL, "magflow.concurrency"), pytest.raises(RetryLater) as refused:
        unit.start()
    assert refused.value.cause == cause and unit.runs == 1 and counted() == 0
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]


def test_a_server_that_takes_no_more_connections_is_asked_again_later(
    database: ShopDatabase, settings: Settings, admin: psycopg.Connection[Any], key: str
) -> None:
    app = create_app(replace(settings, database_url=database.app_dsn), areas=())
    unit = Unit(key)
    limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    admin.execute(limit.format(sql.Identifier(database.name), sql.Literal(0)))
    try:
        with app.app_context(), pytest.raises(RetryLater) as refused:
            unit.start()
        with app.app_context(), pytest.raises(RetryLater) as refused_whole:
            count_and_end(key, actor=ACTOR)
    finally:
        admin.execute(limit.format(sql.Identifier(database.name), sql.Literal(-1)))
    assert refused.value.cause == "connection" and unit.runs == 0
    assert refused_whole.value.cause == "connection"


def test_a_pool_that_is_used_up_is_asked_again_later(database: ShopDatabase, settings: Settings, key: str) -> None:
    app = create_app(replace(settings, database_url=database.app_dsn, threads=1), areas=())
    unit = Unit(key)
    with app.app_context():
        db.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
        with db.engine.connect(), pytest.raises(RetryLater) as refused:
            unit.start()
        with db.engine.connect(), pytest.raises(RetryLater) as refused_whole:
            count_and_end(key, actor=ACTOR)
        for engine in db.engines.values():
            engine.dispose()
    assert refused.value.cause == "connections" and unit.runs == 0
    assert refused_whole.value.cause == "connections"


# --- and what is none of these --------------------------------------------------------------------------------------


def test_an_error_without_a_meaning_is_not_dressed_up(key: str, counted: Counted) -> None:
    unit = Unit(key, lambda session, _run: fail_with(session, "22012"))
    with pytest.raises(psycopg.errors.DivisionByZero) as raised:
        unit.start()
    assert raised.value.__cause__ is not raised.value
    assert unit.runs == 1 and counted() == 0


def test_a_fault_of_ours_leaves_nothing_behind(key: str, counted: Counted) -> None:
    def then(_session: Session, _run: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Unit(key, then).start()
    assert counted() == 0


def test_a_session_that_was_emptied_prepares_again(key: str, counted: Counted) -> None:
    for n in range(3):
        unit = Unit(key)
        unit.start()
        if n == 1:
            with db.engine.connect() as connection:
                connection.exec_driver_sql("DEALLOCATE ALL")
    assert counted() == 3


def test_statements_stay_prepared_when_a_transaction_is_rolled_back(admin: psycopg.Connection[Any], key: str) -> None:
    names: list[set[str]] = []

    def look(session: Session, _run: int) -> None:
        rows = execute(session, "SELECT name FROM pg_prepared_statements").fetchall()
        names.append({str(row[0]) for row in rows})
        if len(names) == 2:
            fail_with(session, "22012")

    for n in range(4):
        with pytest.raises(psycopg.errors.DivisionByZero) if n == 1 else nullcontext():
            Unit(key, look).start()
        db.session.execute(text("SELECT 1"))
        db.session.rollback()
    assert names[0] and names[0] <= names[1] <= names[2] == names[3]
