"""`magflow audit` finds what should be impossible: with the guards taken away and the data broken, it says where."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine

from magflow.services import invariants
from tests.conftest import ShopDatabase, TestServer, cloned
from tests.schema.rows import finalize, order, variant


@pytest.fixture(scope="module")
def shop(server: TestServer, template: str) -> Iterator[ShopDatabase]:
    """A shop at work: some stock, a sale."""
    with cloned(server, template) as database:
        with psycopg.connect(database.app_dsn, autocommit=True) as connection:
            for stock in (0, 4, 9):
                variant(connection, stock)
            finalize(connection, order(connection, (variant(connection, 10), 3)))
        yield database


@pytest.fixture(scope="module")
def engine(shop: ShopDatabase) -> Iterator[Engine]:
    made = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(shop.app_dsn))
    yield made
    made.dispose()


@pytest.fixture
def superuser(shop: ShopDatabase) -> Iterator[Connection]:
    """Somebody whom no guard stops, once he has switched them off; everything is undone after the test."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(shop.admin_dsn))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def found(connection: Connection) -> dict[str, list[dict[str, object]]]:
    """What the audit finds within this transaction."""
    return {
        check.name: [dict(row) for row in check.rows] for check in invariants.findings(invariants.audit(connection))
    }


def test_a_sound_shop_has_no_findings(engine: Engine) -> None:
    with engine.connect() as connection:
        checks = invariants.audit(connection)
    assert [check.as_line() for check in invariants.findings(checks) if check.name != "server_may_lose_data"] == []
    assert all(check.skipped is None for check in checks)
    assert checks[0].as_line() == "ok        duplicate_sku: 0"
    assert len({check.name for check in checks}) == len(checks)


BREAKS = {
    "ledger_balance": "UPDATE variants SET stock = stock + 1 WHERE stock = 4",
    "ledger_chain": "UPDATE stock_movements SET balance_after = balance_after + 1 WHERE delta = -3",
    "ledger_of_deleted_variants": "DELETE FROM variants WHERE stock = 9",
    "incomplete_snapshot": "UPDATE order_items SET tax_amount = NULL",
    "line_total": "UPDATE order_items SET unit_price = unit_price + 1",
    "order_total": "UPDATE orders SET total_gross = total_gross + 1",
    "sold_without_movement": "DELETE FROM stock_movements WHERE reason = 'sale'",
    "restocked_more_than_sold": "UPDATE order_items SET restocked_quantity = 1",
    "restock_without_movement": (
        "INSERT INTO restocks (document_id, order_id, order_item_id, quantity, reason, actor) "
        "SELECT 1, order_id, id, 1, 'x', 'x' FROM order_items"
    ),
    "line_without_variant": "UPDATE order_items SET variant_id = NULL",
    "invalid_stock": "UPDATE variants SET stock = -1 WHERE stock = 9",
    "invalid_price": "UPDATE variants SET price = -1 WHERE stock = 9",
    "duplicate_sku": "UPDATE variants SET product_id = (SELECT min(id) FROM products), sku = 'S1'",
    "surplus_active_default": "UPDATE variants SET product_id = (SELECT min(id) FROM products)",
    "duplicate_active_options": "UPDATE variants SET product_id = (SELECT min(id) FROM products), options_digest = '1'",
    "stale_digest": "UPDATE variants SET options_digest = id::text",
    "orphan_variant": "DELETE FROM products WHERE id = (SELECT max(id) FROM products)",
    "orphan_variant_value": "INSERT INTO option_value_variants VALUES (999999, 1)",
    "several_values_of_one_type": (
        "WITH t AS (INSERT INTO option_types (name) VALUES ('T') RETURNING id), "
        "v AS (INSERT INTO option_values (option_type_id, name) SELECT id, n FROM t, (VALUES ('a'), ('b')) n (n) "
        "RETURNING id) INSERT INTO option_value_variants SELECT (SELECT max(id) FROM variants), id FROM v"
    ),
    "duplicate_external_sku": "UPDATE variants SET external_sku = 'E'",
    "unanswered_key": (
        "INSERT INTO idempotency_keys (actor_kind, actor_id, method, route, key, body_sha256) "
        "VALUES ('user', 1, 'POST', '/', 'k', '')"
    ),
    "stalled_job": ("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', 'doing')"),
}


@pytest.mark.parametrize("check", BREAKS)
def test_it_finds_what_the_guards_would_not_let_happen(superuser: Connection, check: str) -> None:
    for table in ("variants", "stock_movements", "orders", "order_items", "products", "option_value_variants",
                  "restocks"):  # fmt: skip
        superuser.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for index in ("sku_per_product", "active_options_per_product", "active_default_variant", "external_sku"):
        superuser.exec_driver_sql(f"DROP INDEX idx_unique_{index}")
    for rule in ("price_positive", "stock_positive"):
        superuser.exec_driver_sql(f"ALTER TABLE variants DROP CONSTRAINT chk_variants_{rule}")
    superuser.exec_driver_sql(BREAKS[check])
    broken = found(superuser)
    assert broken[check]
    assert "guard_missing" in broken


def test_a_guard_that_is_switched_off_is_a_finding(superuser: Connection) -> None:
    superuser.exec_driver_sql("ALTER TABLE variants ENABLE TRIGGER zz_variants_ledger")  # no longer ALWAYS
    superuser.exec_driver_sql("DROP TRIGGER orders_guard ON orders")
    assert found(superuser)["guard_missing"] == [
        {"table": "orders", "trigger": "orders_guard", "mode": None},
        {"table": "variants", "trigger": "zz_variants_ledger", "mode": "O"},
    ]


def test_a_constraint_that_was_never_checked_is_a_finding(superuser: Connection) -> None:
    superuser.exec_driver_sql("ALTER TABLE products ADD CONSTRAINT chk_x CHECK (id > 0) NOT VALID")
    assert found(superuser)["constraint_not_validated"] == [{"table": "products", "constraint": "chk_x"}]


def test_a_role_that_could_break_the_rules_is_told(superuser: Connection) -> None:
    told = {row["may"] for row in found(superuser)["role_too_strong"]}
    assert {"do anything, as a superuser", "INSERT stock_movements", "TRUNCATE orders"} <= told


def test_rows_are_counted_beyond_those_that_are_listed(superuser: Connection) -> None:
    superuser.exec_driver_sql("ALTER TABLE stock_movements DISABLE TRIGGER ALL")
    superuser.exec_driver_sql(
        "INSERT INTO stock_movements (variant_id, seq, delta, balance_after, reason, sku, actor_kind, actor, door) "
        "SELECT g + 1000000, 1, 1, 1, 'opening', 'x', 'x', 'x', 'x' FROM generate_series(1, 150) g"
    )
    check = {c.name: c for c in invariants.audit(superuser)}["ledger_of_deleted_variants"]
    assert (check.count, len(check.rows)) == (150, 100)
    assert check.as_line().startswith("critical  ledger_of_deleted_variants: 150 (")
