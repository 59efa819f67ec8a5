"""A unit of work alone and joined, its context, and the statements that travel together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from magflow.concurrency import Batch, batch, execute, run, transactional
from magflow.concurrency import statements as statements_module
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Conflict, InsufficientStock
from magflow.services import checkout, ledger, orders, stock
from tests.concurrency.units import ACTOR, one
from tests.gates.planting import swapped
from tests.shop import make_order, make_variant, movements_of, stock_of


@pytest.fixture(autouse=True)
def inside(busy_app: Flask) -> Iterator[None]:
    with busy_app.app_context():
        yield
        db.session.remove()


@transactional
def put(session: Session, key: str, *, actor: Actor) -> str:
    """Write a setting."""
    execute(session, "INSERT INTO settings (key, value) VALUES (%(key)s, '1')", {"key": key})
    return key


def is_there(admin: psycopg.Connection[Any], key: str) -> bool:
    return admin.execute("SELECT 1 FROM settings WHERE key = %s", [key]).fetchone() is not None


# --- alone and joined ------------------------------------------------------------------------------------------------


def test_called_a_service_commits(admin: psycopg.Connection[Any]) -> None:
    assert put("unit.alone", actor=ACTOR) == "unit.alone" and is_there(admin, "unit.alone")
    assert put.__name__ == "put" and put.__doc__ == "Write a setting."


def test_joined_it_is_part_of_the_transaction(admin: psycopg.Connection[Any]) -> None:
    def unit(session: Session) -> None:
        put.within(session, "unit.joined", actor=ACTOR)
        assert not is_there(admin, "unit.joined")

    run(unit, ACTOR)
    assert is_there(admin, "unit.joined")


def test_what_fails_takes_what_it_joined_with_it(admin: psycopg.Connection[Any]) -> None:
    def unit(session: Session) -> None:
        put.within(session, "unit.undone", actor=ACTOR)
        raise Conflict("no")

    with pytest.raises(Conflict):
        run(unit, ACTOR)
    assert not is_there(admin, "unit.undone")


def test_taking_an_order_and_selling_it_can_be_one_transaction() -> None:
    mug = make_variant(stock=1)

    def take_and_sell(session: Session) -> None:
        new = orders.NewOrder([orders.NewItem(1, mug.id)])
        order = orders.create.within(session, new, actor=ACTOR)
        checkout.finalize.within(session, checkout.FinalizeOrder(order.id), actor=ACTOR)

    run(take_and_sell, ACTOR)
    assert stock_of(mug) == 0
    with pytest.raises(InsufficientStock):
        run(take_and_sell, ACTOR)
    assert movements_of(mug) == [-1]


# --- who it works for ------------------------------------------------------------------------------------------------


def test_the_transaction_says_who_it_works_for_and_the_next_one_does_not_remember() -> None:
    def who(session: Session) -> str:
        return str(one(session, "SELECT current_setting('magflow.context', true)")[0])

    ana = Actor(kind="user", name='Ana "Ș" O\'Neill', door="admin", id=7, request_id="r-1")
    assert run(who, ana) == ana.context
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT current_setting('magflow.context', true)")) in {"", None}


def test_the_context_is_there_before_the_orm_writes() -> None:
    def unit(session: Session) -> str:
        return str(session.scalar(text("SELECT current_setting('magflow.context')")))

    assert run(unit, ACTOR) == ACTOR.context


def test_a_declared_reason_serves_one_statement_only() -> None:
    mug = make_variant(stock=5)

    def unit(session: Session) -> None:
        ledger.add(session, {mug.id: 1}, reason="adjustment", note="found")
        settings = one(
            session,
            "SELECT current_setting('magflow.stock_reason'), current_setting('magflow.stock_note'), "
            "current_setting('magflow.stock_source_type'), current_setting('magflow.stock_source_id')",
        )
        assert settings == ("", "", "", "")
        execute(session, "UPDATE variants SET stock = stock + 1 WHERE id = %(id)s", {"id": mug.id})

    with pytest.raises(psycopg.errors.DatabaseError) as refused:
        run(unit, ACTOR)
    assert refused.value.sqlstate == "MF001" and stock_of(mug) == 5


def test_the_ledger_changes_many_variants_with_one_statement() -> None:
    mugs = [make_variant(stock=n) for n in range(4)]
    changed = run(lambda s: ledger.add(s, {mug.id: -2 for mug in mugs}, reason="adjustment"), ACTOR)
    assert changed == {mugs[2].id: 0, mugs[3].id: 1}
    assert run(lambda s: ledger.set_to(s, {mug.id: 1 for mug in mugs}, reason="count"), ACTOR) == {
        mugs[0].id: 1, mugs[2].id: 1,
    }  # fmt: skip


# --- statements that travel together ---------------------------------------------------------------------------------


def test_each_statement_sees_what_the_one_before_it_did() -> None:
    def unit(session: Session) -> list[tuple[Any, ...]]:
        with batch(session) as together:
            together.send("CREATE TEMPORARY TABLE seen (n int) ON COMMIT DROP")
            inserted = together.send("INSERT INTO seen SELECT generate_series(1, %(n)s)", {"n": 3})
            found = together.send("SELECT n, n %% 2 = 0 FROM seen ORDER BY n", {})
        assert inserted.rowcount == 3
        return found.fetchall()

    assert run(unit, ACTOR) == [(1, False), (2, True), (3, False)]


def test_values_of_every_kind_arrive_as_they_were_sent() -> None:
    sent: dict[str, Any] = {
        "small": 1, "large": 2**40, "huge": 2**62, "money": Decimal("12345.67"), "text": "Roșu % '\"\\ \n",
        "yes": True, "nothing": None, "raw": b"\x00\xff", "when": datetime(2026, 2, 28, 23, 59, tzinfo=UTC),
        "numbers": [1, 2**40], "words": ["a,b", 'c"d', None], "empty": [],
    }  # fmt: skip
    kinds = {
        "small": "int", "large": "bigint", "huge": "bigint", "money": "numeric", "text": "text", "yes": "bool",
        "nothing": "text", "raw": "bytea", "when": "timestamptz", "numbers": "bigint[]", "words": "text[]",
        "empty": "int[]",
    }  # fmt: skip
    columns = ", ".join(f"%({name})s::{kind}" for name, kind in kinds.items())
    assert run(lambda s: one(s, f"SELECT {columns}", **sent), ACTOR) == tuple(sent[name] for name in kinds)


def test_a_parameter_may_stand_in_several_places() -> None:
    assert run(lambda s: one(s, "SELECT %(b)s::int, %(a)s::int, %(b)s::int + 1", a=1, b=2), ACTOR) == (2, 1, 3)


def test_the_first_error_is_told_and_nothing_behind_it_happens(admin: psycopg.Connection[Any]) -> None:
    def unit(session: Session) -> None:
        with batch(session) as together:
            together.send("INSERT INTO settings (key, value) VALUES ('batch.before', '1')")
            together.send("SELECT 1 / %(none)s", {"none": 0})
            together.send("SELECT nonsense")

    with pytest.raises(psycopg.errors.DivisionByZero):
        run(unit, ACTOR)
    assert not is_there(admin, "batch.before")
    assert run(lambda s: one(s, "SELECT 1"), ACTOR) == (1,)


def test_a_block_that_breaks_sends_nothing(admin: psycopg.Connection[Any]) -> None:
    def unit(session: Session) -> None:
        with pytest.raises(ZeroDivisionError), batch(session) as together:
            together.send("INSERT INTO settings (key, value) VALUES ('batch.broken', '1')")
            raise ZeroDivisionError

    run(unit, ACTOR)
    assert not is_there(admin, "batch.broken")


def test_an_answer_is_read_behind_the_block() -> None:
    def unit(session: Session) -> None:
        with batch(session) as together:
            rows = together.send("SELECT 1")
            with pytest.raises(LookupError):
                rows.fetchone()
        assert (rows.fetchone(), rows.fetchone(), rows.fetchall()) == ((1,), None, [])

    run(unit, ACTOR)


def test_a_batch_may_be_sent_one_by_one() -> None:
    mug = make_variant(stock=2)
    with swapped(Batch, together=False):
        checkout.finalize(checkout.FinalizeOrder(make_order((mug, 2)).id), actor=ACTOR)
        with pytest.raises(InsufficientStock):
            stock.adjust(stock.AdjustStock(mug.id, "no", delta=-1), actor=ACTOR)
    assert movements_of(mug) == [-2]


def test_the_servers_memory_for_prepared_statements_is_bounded(admin: psycopg.Connection[Any]) -> None:
    def unit(session: Session) -> int:
        for n in range(30):
            one(session, f"SELECT {n}")
        return int(one(session, "SELECT count(*) FROM pg_prepared_statements")[0])

    with swapped(statements_module, MOST_PREPARED=10):
        assert run(unit, ACTOR) <= 10 + 50  # what the connection had prepared before stays
