"""An old shop moves in: looked at first, refused in production until it is mended, cleaned elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from magflow.postgres import migrate
from magflow.postgres.errors import DatabaseProblem
from magflow.services import adoption, invariants
from tests.conftest import ShopDatabase, TestServer
from tests.schema import old_shop
from tests.schema.conftest import contents, empty_database, shape

Connection = psycopg.Connection[tuple[object, ...]]
Owner = Callable[[ShopDatabase], Connection]

STOPS = {
    "duplicate_sku": [{"product_id": 11, "sku": "DUP-1", "variant_ids": [101, 102]}],
    "duplicate_external_sku": [{"external_sku": "EXT-TWICE", "variant_ids": [201, 301]}],
    "several_values_of_one_type": [{"variant_id": 401, "option_type_id": 1, "option_value_ids": [1, 2]}],
    "duplicate_active_options": [{"product_id": 51, "options_digest": "2-6", "variant_ids": [501, 502]}],
    "orphan_variant_in_orders": [
        {"variant_id": 1000001, "product_id": 999999, "sku": "LOST", "order_item_ids": [1000001]}
    ],
}

CLEANED = {
    "missing_sku": [{"variant_id": 601}, {"variant_id": 602}],
    "invalid_price": [{"variant_id": 801, "price": None}, {"variant_id": 802, "price": -5}],
    "invalid_stock": [{"variant_id": 803, "stock": None}, {"variant_id": 804, "stock": -3}],
    "repeated_product_type": [{"product_id": 91, "option_type_id": 1, "rows": 2}],
    "orphan_product_type": [{"product_id": 92, "option_type_id": 99}, {"product_id": 999997, "option_type_id": 1}],
    "orphan_variant": [{"variant_id": 1000002, "product_id": 999998, "sku": "GONE"}],
    "surplus_active_default": [{"product_id": 1000001, "variant_ids": [1000003, 1000004]}],
    "line_without_variant": [{"order_item_id": 1000002, "order_id": 1, "variant_id": 777777}],
    "line_without_order": [
        {"order_item_id": 1000003, "order_id": 987654},
        {"order_item_id": 1000004, "order_id": None},
    ],
}


def one(connection: Connection, statement: str) -> object:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def audit(database: ShopDatabase) -> list[invariants.Check]:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database.owner_dsn))
    try:
        with engine.connect() as connection:
            return invariants.audit(connection)
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def old(server: TestServer) -> Iterator[ShopDatabase]:
    """Fifty thousand variants with every fault."""
    with empty_database(server) as database:
        with psycopg.connect(database.owner_dsn, autocommit=True) as connection:
            old_shop.build(connection)
        yield database


def test_production_names_every_row_and_changes_nothing(old: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(old)
    before = shape(connection), contents(connection)

    done = migrate.adopt(old.addresses(), "production")

    assert done.outcome == "stopped"
    found = {finding.check: list(finding.rows) for finding in done.report.findings}
    assert {check: rows for check, rows in found.items() if check in STOPS} == STOPS
    assert {check: found[check] for check in CLEANED} == CLEANED
    assert {finding.check for finding in done.report.findings if finding.consequence == "stops"} == set(STOPS)
    text = "\n".join(done.report.as_lines())
    assert "duplicate_sku (1)" in text
    assert "sku 'DUP-1', product_id 11, variant_ids 101, 102" in text
    assert (shape(connection), contents(connection)) == before


def test_the_audit_tells_the_same_beforehand(old: ShopDatabase, as_owner: Owner) -> None:
    before = contents(as_owner(old))
    checks = {check.name: check for check in audit(old)}
    assert {name: list(checks[name].rows) for name in STOPS} == STOPS
    assert all(checks[name].critical for name in STOPS)
    assert not any(checks[name].critical for name in CLEANED)
    assert checks["ledger_balance"].skipped == "the shop was not adopted yet"
    assert contents(as_owner(old)) == before


def test_a_plain_upgrade_stops_as_well(old: ShopDatabase, as_owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGFLOW_ENV", "production")
    connection = as_owner(old)
    before = contents(connection)["variants"]
    with pytest.raises(DatabaseProblem, match="DUP-1"):
        migrate.upgrade(old.addresses())
    assert migrate.current(old.owner_dsn) == "0002_m1_columns"
    assert one(connection, "SELECT count(*) FROM variants WHERE sku IS NULL") == 1
    assert contents(connection)["variants"] != before  # M1's columns are there, M2 has not begun


def test_once_mended_it_upgrades_in_seconds(old: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(old)
    old_shop.mend(connection)
    started = time.monotonic()

    done = migrate.adopt(old.addresses(), "production")

    assert done.outcome == "adopted", done.report.as_lines()
    assert time.monotonic() - started < 120  # a few seconds on a machine that has nothing else to do
    assert migrate.current(old.owner_dsn) == migrate.head()
    assert [check.as_line() for check in invariants.findings(audit(old)) if check.critical] == []
    assert migrate.adopt(old.addresses(), "production").outcome == "adopted_already"


def test_what_was_in_the_shop_is_still_there(old: ShopDatabase, as_owner: Owner) -> None:
    """Runs on the shop that the test before has adopted."""
    connection = as_owner(old)
    assert one(connection, "SELECT count(*) FROM variants") == 50_000 + 5
    assert one(connection, "SELECT sku FROM variants WHERE id = 601") == "VAR-601"
    assert one(connection, "SELECT sku || '|' || external_sku FROM variants WHERE id = 701") == "SKU-701|EXT-701"
    assert one(connection, "SELECT array_agg(price ORDER BY id)::text FROM variants WHERE id IN (801, 802)") == (
        "{0.00,0.00}"
    )
    assert one(connection, "SELECT sum(stock) FROM variants WHERE id IN (803, 804)") == 0
    assert one(connection, "SELECT options_digest FROM variants WHERE id = 1001") == "1-6"
    assert one(connection, "SELECT array_agg(status ORDER BY id) FROM variants WHERE id > 1000002") == [0, 1, 1, 0]
    assert one(connection, "SELECT options_digest FROM variants WHERE id = 1000006") is None
    # Stock has its opening movement, external SKUs their mapping, and what was replaced is kept.
    assert one(connection, "SELECT sum(stock) FROM variants") == one(
        connection, "SELECT sum(delta) FROM stock_movements WHERE reason = 'opening'"
    )
    assert one(connection, "SELECT count(*) FROM variant_external_ids WHERE source = 'legacy'") == one(
        connection, "SELECT count(external_sku) FROM variants"
    )
    assert one(connection, "SELECT old ->> 'sku' FROM adoption_changes WHERE row_id = '701'") == " SKU-701 "
    assert one(connection, "SELECT old ->> 'sku' FROM adoption_changes WHERE row_id = '1000002'") == "GONE"


def test_old_orders_are_history(old: ShopDatabase, as_owner: Owner) -> None:
    """Runs on the same shop."""
    connection = as_owner(old)
    assert connection.execute("SELECT id, status, number FROM orders WHERE id <= 9 ORDER BY id").fetchall() == [
        (1, "pending", "R1"),
        (2, "cancelled", "R1-2"),
        (3, "returned", "R3"),
        (4, "pending", "R4"),
        (5, "confirmed", "R5"),
        (6, "pending", "R6"),
        (7, "confirmed", "R7"),
        (8, "pending", "R8"),
        (9, "cancelled", "L-9"),
    ]
    line = connection.execute(
        "SELECT stock_source, product_name, variant_sku, variant_options_text, unit_price::text, "
        "line_total_gross::text, (SELECT total_gross::text FROM orders WHERE id = 7) "
        "FROM order_items WHERE order_id = 7"
    ).fetchone()
    assert line == ("historic", "Tricou Ștefan 3", "SKU-21", "Roșu 1, Roșu 6", "12.50", "25.00", "25.00")
    assert one(connection, "SELECT unit_price FROM order_items WHERE order_id = 5") is None  # nobody wrote it down
    assert one(connection, "SELECT restocked_quantity = quantity FROM order_items WHERE order_id = 3") is True
    assert one(connection, "SELECT stock_source FROM order_items WHERE order_id = 8") == "own"
    assert one(connection, "SELECT status FROM orders WHERE id = 987654") == "cancelled"
    untimed = """SELECT count(*) FROM orders WHERE status IN ('confirmed', 'returned') AND confirmed_at IS NULL
                 OR status = 'cancelled' AND cancelled_at IS NULL OR status = 'returned' AND returned_at IS NULL"""
    assert one(connection, untimed) == 0
    with pytest.raises(psycopg.DatabaseError) as refused:
        connection.execute("UPDATE order_items SET quantity = 9 WHERE order_id = 5")
    assert refused.value.sqlstate == "MF002"


def test_names_get_their_keys_and_handles(old: ShopDatabase, as_owner: Owner) -> None:
    """Runs on the same shop."""
    connection = as_owner(old)
    assert connection.execute("SELECT id, name_key FROM option_types ORDER BY id").fetchall()[:4] == [
        (1, "color"),
        (2, "size"),
        (3, "material"),
        (4, None),
    ]
    assert one(connection, "SELECT name_key FROM option_values WHERE id = 12") is None
    assert one(connection, "SELECT t.active FROM option_values v JOIN option_types t ON t.id = option_type_id "
                           "WHERE v.id = 13") is False  # fmt: skip
    handles = connection.execute("SELECT handle FROM products WHERE id IN (1, 50, 100, 1000002) ORDER BY id").fetchall()
    assert handles == [("tricou-stefan-1",), ("cana",), ("cana-2",), ("product-1000002",)]
    assert one(connection, "SELECT handle FROM products WHERE id = 1000003") == "cana-2-1000003"


def test_new_rows_follow_the_old_ones(old: ShopDatabase, as_owner: Owner) -> None:
    """Runs on the same shop: sequences stand behind the highest id, and old columns demand nothing any more."""
    connection = as_owner(old)
    made = one(connection, "INSERT INTO products (name, handle) VALUES ('New', 'new') RETURNING id")
    assert made == 1000004
    assert one(connection, f"INSERT INTO variants (product_id, sku) VALUES ({made}, 'N') RETURNING id") == 1000007
    assert str(one(connection, "INSERT INTO orders DEFAULT VALUES RETURNING number")).startswith("MF-")


def test_elsewhere_it_is_cleaned(bare: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=150)

    done = migrate.adopt(bare.addresses(), "development")

    assert done.outcome == "adopted"
    assert {finding.check for finding in done.report.findings} >= set(STOPS)
    critical = {check.name: list(check.rows) for check in audit(bare) if check.critical and check.count}
    assert critical == {"several_values_of_one_type": STOPS["several_values_of_one_type"]}  # the data allow it
    assert connection.execute("SELECT sku FROM variants WHERE id IN (101, 102) ORDER BY id").fetchall() == [
        ("DUP-1",),
        ("DUP-1-102",),
    ]
    assert one(connection, "SELECT array_agg(external_sku ORDER BY id) FROM variants WHERE id IN (201, 301)") == [
        "EXT-TWICE",
        None,
    ]
    assert one(connection, "SELECT array_agg(status ORDER BY id) FROM variants WHERE id IN (501, 502)") == [0, 1]
    assert connection.execute(
        "SELECT p.name, v.status FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = 1000001"
    ).fetchone() == ("Lost product 999999", 1)


def test_a_name_that_is_taken_stops_everywhere(bare: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=150, stopping=False)
    connection.execute("CREATE TABLE users (id serial PRIMARY KEY, login varchar)")
    before = shape(connection)
    done = migrate.adopt(bare.addresses(), "development")
    assert done.outcome == "stopped"
    assert [finding.rows for finding in done.report.findings if finding.check == "table_name_taken"] == [
        [{"table": "users"}]
    ]
    assert shape(connection) == before


def test_what_fails_half_way_leaves_nothing_behind(bare: ShopDatabase, as_owner: Owner) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=150, stopping=False)
    connection.execute("CREATE VIEW ids AS SELECT id FROM variants")  # the id cannot become wider under it
    before = shape(connection), contents(connection)
    with pytest.raises(DatabaseProblem, match="nothing was changed"):
        migrate.adopt(bare.addresses(), "production")
    assert (shape(connection), contents(connection)) == before


def test_no_shop_is_no_shop(bare: ShopDatabase) -> None:
    assert migrate.adopt(bare.addresses(), "production").outcome == "no_shop"


def test_the_command_ends_with_one_and_says_why(bare: ShopDatabase, as_owner: Owner, tmp_path: Path) -> None:
    connection = as_owner(bare)
    old_shop.build(connection, products=150)
    before = contents(connection)

    def magflow(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAGFLOW_")}
        environment |= {"MAGFLOW_HOME": str(tmp_path), "DATABASE_URL": bare.owner_dsn, "MAGFLOW_ENV": "production"}
        command = [sys.executable, "-m", "magflow.cli", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    said = magflow("db", "adopt")
    assert said.returncode == 1, said
    assert "STOPS: duplicate_sku (1)" in said.stdout
    assert said.stderr.count("\n") == 1
    assert "nothing was changed" in said.stderr
    report = json.loads(magflow("db", "adopt", "--json").stdout)
    assert {f["check"]: f["rows"] for f in report["findings"] if f["consequence"] == "stops"} == STOPS
    assert contents(connection) == before

    old_shop.mend(connection)
    said = magflow("db", "adopt")
    assert said.returncode == 0, said
    assert said.stdout.endswith(f"the database was adopted, at {migrate.head()}\n")


def test_every_check_says_what_it_needs() -> None:
    for check in adoption.checks():
        assert check.meaning
        assert set(check.tables) <= set(adoption.LEGACY_TABLES)
        assert check.statement.lstrip().startswith("SELECT")
