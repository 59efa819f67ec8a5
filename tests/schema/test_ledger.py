"""Every unit of stock is explained, whoever writes it: the ledger's triggers under hand-written SQL."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import ShopDatabase
from tests.schema.rows import WHO, declare, sign, value, variant

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def app_role(database: ShopDatabase) -> Iterator[Connection]:
    with psycopg.connect(database.app_dsn, autocommit=True) as connection:
        yield connection


def movements(connection: Connection, variant_id: int) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT seq, delta, balance_after, reason FROM stock_movements WHERE variant_id = %s ORDER BY seq", [variant_id]
    ).fetchall()


def refused(connection: Connection, statement: str, *parameters: object) -> str | None:
    """The code with which the statement is refused."""
    with pytest.raises(psycopg.DatabaseError) as raised:
        connection.execute(statement, parameters)  # type: ignore[call-overload]
    return raised.value.sqlstate


def test_stock_that_is_there_from_the_start_has_an_opening(app_role: Connection) -> None:
    full, empty = variant(app_role, 5, movement_seq=9), variant(app_role)
    assert movements(app_role, full) == [(1, 5, 5, "opening")]
    assert movements(app_role, empty) == []
    assert value(app_role, "SELECT movement_seq FROM variants WHERE id = %s", full) == 1
    assert value(app_role, "SELECT movement_seq FROM variants WHERE id = %s", empty) == 0


def test_a_change_without_a_reason_is_refused(app_role: Connection) -> None:
    mug = variant(app_role, 5)
    assert refused(app_role, "UPDATE variants SET stock = 4 WHERE id = %s", mug) == "MF001"
    with app_role.transaction():
        declare(app_role, "adjustment")
        app_role.execute("UPDATE variants SET stock = 4 WHERE id = %s", [mug])
    # Afterwards the setting reads '' in this session, not NULL; that is no reason either.
    assert refused(app_role, "UPDATE variants SET stock = 3 WHERE id = %s", mug) == "MF001"
    assert movements(app_role, mug) == [(1, 5, 5, "opening"), (2, -1, 4, "adjustment")]


@pytest.mark.parametrize("reason", ["sale", "restock", "transfer"])
def test_some_reasons_name_their_source(app_role: Connection, reason: str) -> None:
    mug = variant(app_role, 5)
    change = f"UPDATE variants SET stock = {6 if reason == 'restock' else 4} WHERE id = {mug}"
    for source in (("", ""), ("order", ""), ("", "7")):
        with app_role.transaction(force_rollback=True):
            declare(app_role, reason, *source)
            assert refused(app_role, change) == "MF001"
    with app_role.transaction():
        declare(app_role, reason, "order", 1_000_000 + mug)
        app_role.execute(change)
    assert [row[3] for row in movements(app_role, mug)] == ["opening", reason]


@pytest.mark.parametrize(("reason", "stock"), [("sale", 6), ("restock", 4), ("because", 4)])
def test_a_reason_that_cannot_be_right_is_refused(app_role: Connection, reason: str, stock: int) -> None:
    mug = variant(app_role, 5)
    with app_role.transaction(force_rollback=True):
        declare(app_role, reason, "order", 1)
        assert refused(app_role, f"UPDATE variants SET stock = {stock} WHERE id = {mug}") == "MF001"
    assert movements(app_role, mug) == [(1, 5, 5, "opening")]


def test_one_order_takes_a_variant_once(app_role: Connection) -> None:
    mug = variant(app_role, 5)
    with app_role.transaction(force_rollback=True):
        declare(app_role, "sale", "order", 900_000 + mug)
        app_role.execute("UPDATE variants SET stock = stock - 1 WHERE id = %s", [mug])
        assert refused(app_role, "UPDATE variants SET stock = stock - 1 WHERE id = %s", mug) == "23505"


def test_nothing_is_sold_below_zero(app_role: Connection) -> None:
    mug = variant(app_role, 1)
    with app_role.transaction(force_rollback=True):
        declare(app_role, "sale", "order", 1)
        assert refused(app_role, "UPDATE variants SET stock = stock - 2 WHERE id = %s", mug) == "23514"


def test_who_and_why_are_kept(app_role: Connection) -> None:
    mug = variant(app_role)
    with app_role.transaction():
        sign(app_role)
        declare(app_role, "count", note="shelf 3")
        app_role.execute("UPDATE variants SET stock = 7 WHERE id = %s", [mug])
    row = app_role.execute(
        "SELECT actor_kind, actor_id, actor, door, request_id, note, source_type, source_id, sku = "
        "(SELECT sku FROM variants WHERE id = variant_id) FROM stock_movements WHERE variant_id = %s",
        [mug],
    ).fetchone()
    assert row == ("user", 7, WHO["name"], "admin", "r-1", "shelf 3", None, None, True)


@pytest.mark.parametrize("context", ["", "nonsense", "{", "5", '["a"]', '{"id": "seven", "kind": null}'])
def test_without_a_name_it_is_the_database_role(app_role: Connection, context: str) -> None:
    mug = variant(app_role)
    with app_role.transaction():
        app_role.execute("SELECT set_config('magflow.context', %s, true)", [context])
        declare(app_role, "adjustment")
        app_role.execute("UPDATE variants SET stock = 1 WHERE id = %s", [mug])
    row = app_role.execute(
        "SELECT actor_kind, actor_id, actor, door FROM stock_movements WHERE variant_id = %s", [mug]
    ).fetchone()
    assert row == ("system", None, "magflow_app", "sql")


def test_a_bulk_statement_is_booked_row_by_row(app_role: Connection) -> None:
    mugs = [variant(app_role, n) for n in (1, 2, 3)]
    with app_role.transaction():
        declare(app_role, "import", "import_row", 99)
        app_role.execute("UPDATE variants SET stock = stock * 2 WHERE id = ANY(%s)", [mugs])
    assert [movements(app_role, mug)[-1] for mug in mugs] == [(2, n, 2 * n, "import") for n in (1, 2, 3)]


def test_an_upsert_books_the_difference(app_role: Connection) -> None:
    mug = variant(app_role, 5)
    upsert = (
        "INSERT INTO variants (product_id, sku, stock) SELECT product_id, sku, 8 FROM variants WHERE id = %s "
        "ON CONFLICT (product_id, sku) DO UPDATE SET stock = EXCLUDED.stock"
    )
    with app_role.transaction():
        declare(app_role, "feed")
        app_role.execute(upsert, [mug])
    assert movements(app_role, mug) == [(1, 5, 5, "opening"), (2, 3, 8, "feed")]


def test_a_hard_delete_is_explained_too(app_role: Connection) -> None:
    mug = variant(app_role, 5)
    assert refused(app_role, "DELETE FROM variants WHERE id = %s", mug) == "MF001"
    with app_role.transaction():
        declare(app_role, "adjustment", note="thrown away")
        app_role.execute("DELETE FROM variants WHERE id = %s", [mug])
    assert movements(app_role, mug) == [(1, 5, 5, "opening"), (2, -5, 0, "adjustment")]
    empty = variant(app_role)
    app_role.execute("DELETE FROM variants WHERE id = %s", [empty])


def test_the_owner_is_held_by_it_too(database: ShopDatabase, owner: Connection) -> None:
    mug = variant(owner, 5)
    for statement in (
        f"UPDATE variants SET stock = 4 WHERE id = {mug}",
        f"UPDATE variants SET movement_seq = 0 WHERE id = {mug}",
        f"UPDATE variants SET id = id + 1000000 WHERE id = {mug}",
    ):
        assert refused(owner, statement) == "MF001"
    for statement in (
        "UPDATE stock_movements SET delta = delta + 1",
        "DELETE FROM stock_movements",
        "TRUNCATE stock_movements",
        "TRUNCATE variants CASCADE",
        "TRUNCATE orders CASCADE",
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ):
        assert refused(owner, statement) == "MF003", statement
    with psycopg.connect(database.admin_dsn, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        assert refused(superuser, f"UPDATE variants SET stock = 4 WHERE id = {mug}") == "MF001"
        assert refused(superuser, "DELETE FROM stock_movements") == "MF003"


def test_a_table_of_ones_own_cannot_stand_in_for_the_ledger(app_role: Connection) -> None:
    mug = variant(app_role, 5)
    with app_role.transaction():
        app_role.execute("CREATE TEMPORARY TABLE stock_movements (LIKE stock_movements) ON COMMIT DROP")
        declare(app_role, "adjustment")
        app_role.execute("UPDATE public.variants SET stock = 6 WHERE id = %s", [mug])
    assert movements(app_role, mug)[-1] == (2, 1, 6, "adjustment")
