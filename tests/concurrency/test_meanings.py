"""A constraint that trips is a race somebody else won: its meaning is looked up by its name, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from magflow.concurrency import execute, run
from magflow.concurrency.server_errors import MEANING
from magflow.db import db
from magflow.domain import errors
from magflow.models import Product, Variant
from tests.concurrency.units import ACTOR, fail_with
from tests.shop import finalize, make_order, make_product, make_variant

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def inside(busy_app: Flask) -> Iterator[None]:
    with busy_app.app_context():
        yield
        db.session.remove()


def refused(statement: str, **parameters: Any) -> errors.Refused:
    """What a statement is refused with, as a unit of work."""

    def unit(session: Session) -> None:
        execute(session, "SELECT set_config('magflow.stock_reason', 'adjustment', true)")
        execute(session, statement, parameters)

    with pytest.raises(errors.Refused) as raised:
        run(unit, ACTOR)
    return raised.value


@pytest.fixture
def mug() -> Product:
    return make_product(options={"Color": [f"Red {next(_numbers)}", "Blue"]})


@pytest.fixture
def red(mug: Product) -> Variant:
    [(value,)] = _rows("SELECT min(option_value_id) FROM product_option_values WHERE product_id = %s", mug.id)
    [(name,)] = _rows("SELECT name FROM option_values WHERE id = %s", value)
    return make_variant(mug, values=[("Color", name)], sku="RED")


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement, parameters)]


def test_every_name_with_a_meaning_is_a_constraint_of_the_database(admin: psycopg.Connection[Any]) -> None:
    names = {
        str(row[0])
        for row in admin.execute(
            "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
            "UNION SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indisunique "
            "AND relnamespace = 'public'::regnamespace "
            # What a trigger refuses in a constraint's name.
            "UNION SELECT (regexp_matches(prosrc, $re$CONSTRAINT = '(\\w+)'$re$, 'g'))[1] FROM pg_proc "
            "WHERE pronamespace = 'public'::regnamespace"
        )
    }
    assert not set(MEANING) - names, "rename them here too, or remove them"


INSERT = "INSERT INTO variants (product_id, sku, price, stock, status, options_digest, external_sku) VALUES "

Case = tuple[str, Callable[[Variant], str], type[errors.Refused]]
CASES: list[Case] = [
    ("sku", lambda v: f"{INSERT} ({v.product_id}, 'RED', 1, 0, 1, NULL, NULL)", errors.SkuTaken),
    (
        "active combination",
        lambda v: f"{INSERT} ({v.product_id}, 'X', 1, 0, 0, '{v.options_digest}', NULL)",
        errors.CombinationTaken,
    ),
    (
        "active default",
        lambda v: f"{INSERT} ({v.product_id}, 'X', 1, 0, 0, NULL, NULL), ({v.product_id}, 'Y', 1, 0, 0, NULL, NULL)",
        errors.CombinationTaken,
    ),
    (
        "external sku",
        lambda v: f"{INSERT} ({v.product_id}, 'X', 1, 0, 1, NULL, 'E{v.id}'), "
        f"({v.product_id}, 'Y', 1, 0, 1, NULL, 'E{v.id}')",
        errors.ExternalIdTaken,
    ),
    (
        "external id",
        lambda v: "INSERT INTO variant_external_ids (variant_id, source, source_account, external_id) "
        f"VALUES ({v.id}, 's', 'a', 'M{v.id}'), ({v.id}, 's', 'a', 'M{v.id}')",
        errors.ExternalIdTaken,
    ),
    ("handle", lambda v: f"INSERT INTO products (name, handle) VALUES ('a', 'h{v.id}'), ('b', 'h{v.id}')",
     errors.AlreadyTaken),
    ("number", lambda v: f"INSERT INTO orders (number) VALUES ('N{v.id}'), ('N{v.id}')", errors.AlreadyTaken),
    ("price below zero", lambda v: f"UPDATE variants SET price = -1 WHERE id = {v.id}", errors.Invalid),
    ("blank sku", lambda v: f"UPDATE variants SET sku = ' ' WHERE id = {v.id}", errors.Invalid),
    ("value in use", lambda v: "DELETE FROM option_values WHERE id IN "
     f"(SELECT option_value_id FROM option_value_variants WHERE variant_id = {v.id})", errors.InUse),
    ("product in use", lambda v: f"DELETE FROM products WHERE id = {v.product_id}", errors.InUse),
]  # fmt: skip


@pytest.mark.parametrize(("name", "statement", "meaning"), CASES, ids=[case[0] for case in CASES])
def test_a_lost_race_has_a_name(
    red: Variant, name: str, statement: Callable[[Variant], str], meaning: type[errors.Refused]
) -> None:
    assert type(refused(statement(red))) is meaning


def test_a_line_of_a_variant_that_went_is_not_found(red: Variant) -> None:
    order = make_order()
    statement = "INSERT INTO order_items (order_id, variant_id, quantity) VALUES (%(order)s, %(variant)s, 1)"
    assert type(refused(statement, order=order.id, variant=10**12)) is errors.NotFound


def test_a_confirmed_order_says_that_it_is_no_longer_editable(red: Variant) -> None:
    sold = make_variant(stock=1)
    order = make_order((sold, 1))
    finalize(order)
    statement = "UPDATE order_items SET quantity = 9 WHERE order_id = %(order)s"
    assert refused(statement, order=order.id).code == "order_not_editable"
    assert type(refused("UPDATE orders SET status = 'pending' WHERE id = %(order)s", order=order.id)) in {
        errors.Conflict,
        errors.OrderNotEditable,
    }


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_a_number_that_the_column_cannot_hold_is_invalid(red: Variant, value: int) -> None:
    statement = "UPDATE variants SET stock = %(value)s::bigint WHERE id = %(id)s"
    assert type(refused(statement, value=value, id=red.id)) is errors.Invalid


def test_a_text_that_cannot_be_stored_is_invalid(red: Variant) -> None:
    assert type(refused("SELECT %(text)s::jsonb", text='"\\u0000"')) is errors.Invalid


@pytest.mark.parametrize("state", ["22003", "22008", "22P05", "22021"])
def test_what_does_not_fit_is_invalid(state: str) -> None:
    with pytest.raises(errors.Invalid):
        run(lambda session: fail_with(session, state), ACTOR)
