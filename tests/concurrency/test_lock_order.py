"""One order for all locks: who asks for one below what he holds is told at once, without any luck being needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from magflow.concurrency import (
    Held,
    Level,
    LockOrderBroken,
    advisory_key,
    execute,
    lock_items,
    lock_names,
    lock_order,
    lock_product,
    lock_variants,
    run,
    savepoint,
    share_product,
)
from magflow.db import db
from magflow.domain.errors import NotFound, Refused
from magflow.models import Order, Variant
from magflow.services import checkout
from tests.concurrency.units import ACTOR
from tests.gates import scenarios
from tests.gates.planting import swapped
from tests.shop import make_order, make_variant


@pytest.fixture(autouse=True)
def inside(busy_app: Flask) -> Iterator[None]:
    with busy_app.app_context():
        yield
        db.session.remove()


@pytest.fixture
def mugs() -> list[Variant]:
    return [make_variant(stock=5) for _ in range(3)]


@pytest.fixture
def order(mugs: list[Variant]) -> Order:
    return make_order((mugs[0], 1))


def in_a_unit(*steps: Callable[[Session], Any]) -> int:
    """Take these steps in one transaction. Returns how many were taken."""

    def unit(session: Session) -> int:
        return len([step(session) for step in steps])

    return run(unit, ACTOR)


def test_levels_are_taken_from_the_lowest_up(mugs: list[Variant], order: Order) -> None:
    taken = in_a_unit(
        lambda s: lock_names(s, [("gate", "up")]),
        lambda s: lock_product(s, mugs[0].product_id),
        lambda s: lock_order(s, order.id),
        lambda s: lock_items(s, order.id),
        lambda s: lock_variants(s, [mug.id for mug in mugs]),
    )
    assert taken == 5


def test_a_step_down_is_an_error_at_once(mugs: list[Variant], order: Order) -> None:
    higher: list[Callable[[Session], Any]] = [
        lambda s: lock_product(s, mugs[0].product_id),
        lambda s: lock_order(s, order.id),
        lambda s: lock_variants(s, [mugs[0].id]),
    ]
    lower: list[Callable[[Session], Any]] = [
        lambda s: lock_names(s, [("gate", "down")]),
        lambda s: share_product(s, mugs[1].product_id),
        lambda s: lock_order(s, order.id),
    ]
    for above, below in zip(higher, lower, strict=True):
        with pytest.raises(LockOrderBroken):
            in_a_unit(above, below)


def test_inside_a_level_ids_go_up(mugs: list[Variant]) -> None:
    low, _, high = (mug.id for mug in mugs)
    in_a_unit(lambda s: lock_variants(s, [low]), lambda s: lock_variants(s, [high]))
    with pytest.raises(LockOrderBroken):
        in_a_unit(lambda s: lock_variants(s, [high]), lambda s: lock_variants(s, [low]))


def test_what_is_held_may_be_asked_for_again(mugs: list[Variant], order: Order) -> None:
    taken = in_a_unit(
        lambda s: lock_order(s, order.id),
        lambda s: lock_variants(s, [mug.id for mug in mugs]),
        lambda s: lock_order(s, order.id),
        lambda s: lock_variants(s, [mugs[0].id]),
    )
    assert taken == 4


def test_a_checkout_inside_another_transaction_keeps_the_order_too(mugs: list[Variant], order: Order) -> None:
    with pytest.raises(LockOrderBroken):
        in_a_unit(
            lambda s: lock_variants(s, [mugs[0].id]),
            lambda s: checkout.finalize.within(s, checkout.FinalizeOrder(order.id), actor=ACTOR),
        )


def test_lines_are_locked_behind_their_order_only(order: Order) -> None:
    with pytest.raises(LockOrderBroken):
        in_a_unit(lambda s: lock_items(s, order.id))


def test_in_production_a_step_down_is_written_down_and_not_raised(
    mugs: list[Variant], order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    with swapped(Held, strict=False), caplog.at_level(logging.ERROR, "magflow.concurrency"):
        in_a_unit(lambda s: lock_variants(s, [mugs[0].id]), lambda s: lock_order(s, order.id))
    [told] = caplog.records
    assert "lock ORDER" in told.message and "holding VARIANT" in told.message


def test_locks_behind_a_savepoint_go_with_its_rollback(
    mugs: list[Variant], order: Order, admin: psycopg.Connection[Any]
) -> None:
    def is_free() -> bool:
        query = "SELECT count(*) FROM (SELECT FROM variants WHERE id = %s FOR UPDATE SKIP LOCKED) AS free"
        return admin.execute(query, [mugs[0].id]).fetchone() == (1,)

    def unit(session: Session) -> None:
        with pytest.raises(NotFound), savepoint(session):
            lock_variants(session, [mugs[0].id])
            assert not is_free()
            raise NotFound("gate", 0)
        assert is_free(), "PostgreSQL let the lock go with the savepoint"
        lock_order(session, order.id)  # so it may be asked for now, although a variant was locked before

    run(unit, ACTOR)


def test_locks_behind_a_savepoint_that_held_stay(mugs: list[Variant], order: Order) -> None:
    def unit(session: Session) -> None:
        with savepoint(session):
            lock_variants(session, [mugs[0].id])
        lock_order(session, order.id)

    with pytest.raises(LockOrderBroken):
        run(unit, ACTOR)


def test_an_error_inside_a_savepoint_arrives_in_words_and_the_rest_goes_on(mugs: list[Variant]) -> None:
    def unit(session: Session) -> int:
        with pytest.raises(Refused), savepoint(session):
            execute(session, "UPDATE variants SET price = -1 WHERE id = %(id)s", {"id": mugs[0].id})
        return execute(session, "UPDATE variants SET title = 'on' WHERE id = %(id)s", {"id": mugs[0].id}).rowcount

    assert run(unit, ACTOR) == 1


def test_a_missing_row_is_named(mugs: list[Variant]) -> None:
    with pytest.raises(NotFound) as refused:
        in_a_unit(lambda s: lock_variants(s, [mugs[0].id, 10**9, 10**9 + 1]))
    assert refused.value.key == f"{10**9}, {10**9 + 1}"


def test_levels_are_numbered_as_the_notes_have_them() -> None:
    assert [level.name for level in Level] == [
        "ADVISORY", "CLAIM", "PRODUCT", "ORDER", "ORDER_ITEM", "VARIANT", "DEPENDENT",
    ]  # fmt: skip


# --- advisory locks --------------------------------------------------------------------------------------------------


def test_the_number_of_a_name_never_changes() -> None:
    # A release that computed another one would not see the locks of the one before it.
    assert advisory_key("external_id", "emag", "main", "42") == -1016778438861501518
    assert advisory_key("option_type", "culoare") == 6211530887585679114
    assert advisory_key() == -1970711489451281740


def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    assert advisory_key("ab", "c") != advisory_key("a", "bc") != advisory_key("abc")
    assert -(2**63) <= advisory_key("ș") < 2**63


def test_names_are_locked_by_their_numbers(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.names_are_locked_by_their_numbers(busy_app, admin)


def test_more_names_than_the_server_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 200"):
        in_a_unit(lambda s: lock_names(s, [("gate", str(n)) for n in range(201)]))


def test_names_are_free_again_when_the_transaction_ends(admin: psycopg.Connection[Any]) -> None:
    in_a_unit(lambda s: lock_names(s, [("gate", "end")]))
    assert admin.execute("SELECT pg_try_advisory_lock(%s)", [advisory_key("gate", "end")]).fetchone() == (True,)
    admin.execute("SELECT pg_advisory_unlock_all()")


# --- what a lock shows, and whom it hinders --------------------------------------------------------------------------


def test_a_lock_shows_what_stands_now(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.a_lock_shows_what_stands_now(busy_app, admin)


def test_a_line_is_added_while_its_variant_is_being_sold(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.a_line_is_added_while_its_variant_is_being_sold(busy_app, admin)


def test_a_key_is_free_again_when_the_work_failed(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.a_key_is_free_again_when_the_work_failed(busy_app, admin)


def test_news_of_a_slow_transaction_is_handed_out(busy_app: Flask, admin: psycopg.Connection[Any]) -> None:
    scenarios.news_of_a_slow_transaction_is_handed_out(busy_app, admin)
