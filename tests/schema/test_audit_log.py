"""Who changed what, from what to what, through which door: written by the database, not by those who change."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import ShopDatabase
from tests.schema.rows import declare, finalize, order, sign, value, variant

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def app_role(database: ShopDatabase) -> Iterator[Connection]:
    with psycopg.connect(database.app_dsn, autocommit=True) as connection:
        yield connection


def entries(connection: Connection, table: str, row: object) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT action, old, new FROM audit_log WHERE table_name = %s AND row_id = %s ORDER BY id", [table, str(row)]
    ).fetchall()


def test_an_update_keeps_what_it_changed(app_role: Connection) -> None:
    mug = variant(app_role)
    with app_role.transaction():
        sign(app_role)
        app_role.execute("UPDATE variants SET price = 12.5, title = 'Mug', version = 2 WHERE id = %s", [mug])
    inserted, updated = entries(app_role, "variants", mug)
    assert inserted[0] == "insert"
    assert inserted[1] is None
    assert updated == (
        "update",
        {"price": 10.0, "title": None, "version": 1},
        {"price": 12.5, "title": "Mug", "version": 2},
    )
    who = app_role.execute(
        "SELECT actor_kind, actor_id, actor, door, request_id FROM audit_log ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert who == ("user", 7, "ana@shop.example", "admin", "r-1")


def test_what_changes_nothing_is_no_news(app_role: Connection) -> None:
    mug = variant(app_role)
    app_role.execute("UPDATE variants SET price = price, updated_at = now() WHERE id = %s", [mug])
    with app_role.transaction():
        declare(app_role, "count")
        app_role.execute("UPDATE variants SET stock = 3 WHERE id = %s", [mug])
    assert [entry[0] for entry in entries(app_role, "variants", mug)] == ["insert"]


def test_a_sale_leaves_one_entry(app_role: Connection) -> None:
    made = order(app_role, (variant(app_role, 5), 2))
    before = value(app_role, "SELECT max(id) FROM audit_log")
    finalize(app_role, made)
    rows = app_role.execute("SELECT table_name, row_id, old, new FROM audit_log WHERE id > %s", [before]).fetchall()
    assert len(rows) == 1
    table, row, old, new = rows[0]
    assert (table, row) == ("orders", str(made))
    assert old == {"status": "pending", "version": 1, "confirmed_at": None, "total_gross": None, "total_tax": None}
    assert isinstance(new, dict)
    assert (new["status"], new["total_gross"]) == ("confirmed", 20)


def test_a_confirmation_that_changes_more_is_told_in_full(app_role: Connection) -> None:
    made = order(app_role, (variant(app_role, 5), 2))
    app_role.execute("UPDATE order_items SET stock_source = 'marketplace' WHERE order_id = %s", [made])
    app_role.execute(
        "UPDATE order_items SET variant_sku = 'X', unit_price = 1, vat_rate_snapshot = 0, line_total_gross = 2, "
        "tax_amount = 0 WHERE order_id = %s",
        [made],
    )
    app_role.execute(
        "UPDATE orders SET status = 'confirmed', confirmed_at = now(), total_gross = 2, total_tax = 0, "
        "customer_name = 'Ion' WHERE id = %s",
        [made],
    )
    _action, old, new = entries(app_role, "orders", made)[-1]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    assert (old["customer_name"], new["customer_name"]) == (None, "Ion")


def test_edits_of_a_line_are_told(app_role: Connection) -> None:
    made = order(app_role, (variant(app_role, 5), 2))
    line = value(app_role, "UPDATE order_items SET quantity = 3 WHERE order_id = %s RETURNING id", made)
    app_role.execute("DELETE FROM order_items WHERE id = %s", [line])
    assert [entry[0] for entry in entries(app_role, "order_items", line)] == ["insert", "update", "delete"]
    assert entries(app_role, "order_items", line)[1][1:] == ({"quantity": 2}, {"quantity": 3})


def test_secrets_are_not_told(app_role: Connection) -> None:
    person = value(
        app_role,
        "INSERT INTO users (email, password_hash, role) VALUES ('a@x.ro', 'SECRET1', 'owner') RETURNING id",
    )
    app_role.execute("UPDATE users SET password_hash = 'SECRET2' WHERE id = %s", [person])
    app_role.execute("UPDATE users SET last_sign_in_at = now() WHERE id = %s", [person])
    token = value(
        app_role,
        "INSERT INTO api_tokens (name, prefix, token_hash, scopes) VALUES ('t', 'mgf_', '\\x5345', '{}') RETURNING id",
    )
    app_role.execute("UPDATE api_tokens SET last_used_at = now() WHERE id = %s", [token])
    assert entries(app_role, "users", person)[1:] == [("update", {"password_hash": "***"}, {"password_hash": "***"})]
    assert len(entries(app_role, "api_tokens", token)) == 1
    told = json.dumps([entries(app_role, "users", person), entries(app_role, "api_tokens", token)])
    assert "SECRET" not in told
    assert "5345" not in told


def test_join_rows_are_named_by_both_keys(app_role: Connection) -> None:
    product = value(app_role, "INSERT INTO products (name, handle) VALUES ('J', 'j') RETURNING id")
    option = value(app_role, "INSERT INTO option_types (name, name_key) VALUES ('J', 'j') RETURNING id")
    app_role.execute("INSERT INTO product_option_types (product_id, option_type_id) VALUES (%s, %s)", [product, option])
    app_role.execute("DELETE FROM product_option_types WHERE product_id = %s", [product])
    assert [entry[0] for entry in entries(app_role, "product_option_types", f"{product}-{option}")] == [
        "insert",
        "delete",
    ]


def test_an_act_has_a_name(app_role: Connection) -> None:
    with app_role.transaction():
        sign(app_role)
        app_role.execute("SELECT magflow_record('sign_in.failed', NULL, NULL, '{\"address\": \"10.0.0.1\"}')")
    row = app_role.execute("SELECT action, actor, new FROM audit_log ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("sign_in.failed", "ana@shop.example", {"address": "10.0.0.1"})


@pytest.mark.parametrize("action", ["update", "insert", "delete", "Sign in", ""])
def test_what_triggers_write_cannot_be_forged(app_role: Connection, action: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        app_role.execute("SELECT magflow_record(%s, 'orders', '1', NULL)", [action])
