"""A confirmed order never changes, whoever writes, and no order gets there by a side door."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import ShopDatabase
from tests.schema.rows import CONFIRM, SNAPSHOT, declare, finalize, order, take, value, variant
from tests.schema.test_ledger import refused

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def app_role(database: ShopDatabase) -> Iterator[Connection]:
    with psycopg.connect(database.app_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sold(app_role: Connection) -> tuple[int, int]:
    """A confirmed order of three mugs, and its line."""
    made = order(app_role, (variant(app_role, 10), 3))
    finalize(app_role, made)
    return made, value(app_role, "SELECT id FROM order_items WHERE order_id = %s", made)


@pytest.mark.parametrize(
    "change",
    [
        "total_gross = 1", "total_tax = 1", "currency = 'EUR'", "customer_name = 'x'", "customer_email = 'x@x.x'",
        "billing_address = '{}'", "confirmed_at = now()", "placed_at = now()", "customer_phone = '0'",
        "status = 'cancelled', total_gross = 0",
    ],
)  # fmt: skip
def test_a_confirmed_order_is_frozen(app_role: Connection, sold: tuple[int, int], change: str) -> None:
    assert refused(app_role, f"UPDATE orders SET {change} WHERE id = {sold[0]}") == "MF002"


@pytest.mark.parametrize(
    "change",
    [
        "quantity = 2", "unit_price = 1", "line_total_gross = 1", "tax_amount = 0", "vat_rate_snapshot = 9",
        "product_name = 'x'", "variant_sku = 'x'", "variant_options_text = 'x'", "currency = 'EUR'",
        "stock_source = 'historic'", "price_source = 'marketplace'", "external_id = 'x'", "frozen = true",
        "line_total_gross = NULL", "variant_id = (SELECT max(id) FROM variants) + 0", "variant_id = NULL",
    ],
)  # fmt: skip
def test_its_lines_are_frozen(app_role: Connection, sold: tuple[int, int], change: str) -> None:
    variant(app_role)
    assert refused(app_role, f"UPDATE order_items SET {change} WHERE id = {sold[1]}") == "MF002"


@pytest.mark.parametrize("change", ["price = 'NaN'", "compare_at_price = 'NaN'", "price = -0.01", "price = NULL"])
def test_a_price_is_a_number_from_zero_up(app_role: Connection, change: str) -> None:
    assert refused(app_role, f"UPDATE variants SET {change} WHERE id = %s", variant(app_role)) in {"23514", "23502"}


def test_it_takes_and_loses_no_lines(app_role: Connection, owner: Connection, sold: tuple[int, int]) -> None:
    assert refused(app_role, "INSERT INTO order_items (order_id, quantity) VALUES (%s, 1)", sold[0]) == "MF002"
    assert refused(app_role, "DELETE FROM order_items WHERE id = %s", sold[1]) == "MF002"
    pending = order(app_role, (variant(app_role, 1), 1))
    move = "UPDATE order_items SET order_id = %s WHERE order_id = %s"
    assert refused(owner, move, sold[0], pending) == "MF002"
    assert refused(owner, move, pending, sold[0]) == "MF002"
    assert refused(owner, "DELETE FROM orders WHERE id = %s", sold[0]) == "MF002"


def test_what_may_still_change(app_role: Connection, sold: tuple[int, int]) -> None:
    app_role.execute(
        "UPDATE orders SET note = 'call first', shipping_address = '{}', blocked_reason = NULL, version = version + 1, "
        "updated_at = now() WHERE id = %s",
        [sold[0]],
    )
    app_role.execute("UPDATE order_items SET restocked_quantity = 2 WHERE id = %s", [sold[1]])
    assert refused(app_role, "UPDATE order_items SET restocked_quantity = 1 WHERE id = %s", sold[1]) == "MF002"
    assert refused(app_role, "UPDATE order_items SET restocked_quantity = 4 WHERE id = %s", sold[1]) == "23514"


def test_a_hard_delete_leaves_the_snapshot(app_role: Connection, sold: tuple[int, int]) -> None:
    with app_role.transaction():
        declare(app_role, "adjustment")
        app_role.execute(
            "DELETE FROM variants WHERE id = (SELECT variant_id FROM order_items WHERE id = %s)", [sold[1]]
        )
    row = app_role.execute("SELECT variant_id, product_name, quantity FROM order_items WHERE id = %s", [sold[1]])
    assert row.fetchone() == (None, "Mug", 3)
    assert refused(app_role, "UPDATE order_items SET variant_id = NULL, quantity = 1 WHERE id = %s", sold[1]) == "MF002"


def test_the_moves_of_a_status(app_role: Connection, sold: tuple[int, int]) -> None:
    move = "UPDATE orders SET status = %s WHERE id = %s"
    assert refused(app_role, move, "pending", sold[0]) == "MF004"
    assert refused(app_role, move, "returned", sold[0]) == "MF004"  # units are still out
    app_role.execute("UPDATE order_items SET restocked_quantity = quantity WHERE id = %s", [sold[1]])
    app_role.execute(move, ["returned", sold[0]])
    for status in ("pending", "confirmed", "cancelled"):
        assert refused(app_role, move, status, sold[0]) == "MF004"
    pending = order(app_role, (variant(app_role, 1), 1))
    assert refused(app_role, move, "returned", pending) == "MF004"
    app_role.execute(move, ["cancelled", pending])
    assert refused(app_role, move, "confirmed", pending) == "MF004"
    assert refused(app_role, move, "nonsense", pending) in {"MF004", "23514"}


def test_a_cancelled_order_is_closed_too(app_role: Connection) -> None:
    cancelled = order(app_role, (variant(app_role, 1), 1))
    app_role.execute("UPDATE orders SET status = 'cancelled', cancelled_at = now() WHERE id = %s", [cancelled])
    assert refused(app_role, "UPDATE order_items SET quantity = 2 WHERE order_id = %s", cancelled) == "MF002"
    assert refused(app_role, "UPDATE order_items SET frozen = false WHERE order_id = %s", cancelled) == "MF002"
    assert refused(app_role, "INSERT INTO order_items (order_id, quantity) VALUES (%s, 1)", cancelled) == "MF002"


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "returned"])
def test_orders_are_born_pending(app_role: Connection, status: str) -> None:
    assert refused(app_role, "INSERT INTO orders (status) VALUES (%s)", status) == "MF004"


def test_confirming_needs_everything(app_role: Connection) -> None:
    mug = variant(app_role, 10)

    def attempt(*steps: str) -> str | None:
        with app_role.transaction(force_rollback=True):
            made = order(app_role, (mug, 2))
            for step in steps:
                if step == "take":
                    take(app_role, made)
                elif step == "snapshot":
                    app_role.execute(SNAPSHOT, [made])
                else:
                    app_role.execute(f"UPDATE order_items SET {step} WHERE order_id = {made}")
            return refused(app_role, CONFIRM, made, made)

    assert attempt("take") == "MF002"  # nothing written down
    assert attempt("snapshot") == "MF002"  # nothing taken from stock
    assert attempt("take", "snapshot", "line_total_gross = 1") == "MF002"
    assert attempt("take", "snapshot", "vat_rate_snapshot = NULL") == "MF002"
    assert attempt("take", "snapshot", "currency = 'EUR'") == "MF002"
    assert attempt("take", "snapshot", "restocked_quantity = 1") == "MF002"
    assert attempt("take", "quantity = 1", "snapshot") == "MF002"  # two were taken
    with app_role.transaction(force_rollback=True):
        empty = order(app_role)
        assert refused(app_role, CONFIRM, empty, empty) == "MF002"
    with app_role.transaction(force_rollback=True):
        made = order(app_role, (mug, 2))
        take(app_role, made)
        app_role.execute(SNAPSHOT, [made])
        statement = "UPDATE orders SET status = 'confirmed', confirmed_at = now(), total_gross = 1 WHERE id = %s"
        assert refused(app_role, statement, made) == "MF002"


def test_an_order_of_the_past_moves_no_stock(app_role: Connection) -> None:
    past = order(app_role)
    app_role.execute(
        "INSERT INTO order_items (order_id, quantity, stock_source, price_source, variant_sku, unit_price, "
        "line_total_gross) VALUES (%s, 2, 'historic', 'marketplace', 'OLD', 5, 10)",
        [past],
    )
    app_role.execute(CONFIRM, [past, past])
    assert refused(app_role, "UPDATE order_items SET quantity = 1 WHERE order_id = %s", past) == "MF002"


def test_no_line_slips_in_while_an_order_is_confirmed(database: ShopDatabase, app_role: Connection) -> None:
    mug = variant(app_role, 10)
    made = order(app_role, (mug, 1))
    codes: list[str | None] = []

    def slip_in() -> None:
        with psycopg.connect(database.app_dsn, autocommit=True) as other:
            codes.append(
                refused(other, "INSERT INTO order_items (order_id, variant_id, quantity) VALUES (%s, %s, 5)", made, mug)
            )

    thread = threading.Thread(target=slip_in)
    with app_role.transaction():
        app_role.execute("SELECT id FROM orders WHERE id = %s FOR NO KEY UPDATE", [made])
        take(app_role, made)
        thread.start()
        with psycopg.connect(database.admin_dsn, autocommit=True) as watcher:
            while not value(watcher, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                     "AND wait_event_type = 'Lock'"):  # fmt: skip
                pass
        app_role.execute(SNAPSHOT, [made])
        app_role.execute(CONFIRM, [made, made])
    thread.join()
    assert codes == ["MF002"]
    assert value(app_role, "SELECT count(*) FROM order_items WHERE order_id = %s", made) == 1


def test_numbers_are_made_without_a_lock(database: ShopDatabase, app_role: Connection) -> None:
    with psycopg.connect(database.app_dsn) as other:
        first = value(other, "INSERT INTO orders DEFAULT VALUES RETURNING number")
        second = value(app_role, "INSERT INTO orders DEFAULT VALUES RETURNING number")  # does not wait
    assert first != second
    assert str(second).count("-") == 2
