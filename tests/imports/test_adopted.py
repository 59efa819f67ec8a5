"""What an adoption changed is shown row by row, and taken away as a file."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.blueprints.conftest import Clerk, words
from tests.imports.test_exports import taken
from tests.shop import make_order, make_variant

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def ana(module_app: Flask) -> Clerk:
    """The owner in front of a browser."""
    return Clerk(module_app, "owner")


def test_what_the_adoption_changed_is_shown_as_it_was_and_as_it_is(app: Flask, owner: Owner, ana: Clerk) -> None:
    assert "Nothing was changed" in words(ana.get("/imports/adopted"))
    assert "What the adoption changed" not in words(ana.get("/imports/checks"))
    mug = make_variant(sku="AD-MUG", price="0.00")
    order = make_order((mug, 1))
    [(line,)] = owner.execute("SELECT id FROM order_items WHERE order_id = %s", [order.id]).fetchall()
    changes: list[tuple[str, str, object, dict[str, Any]]] = [
        ("identifiers", "variants", mug.id, {"sku": " ad-mug ", "external_sku": None}),
        ("invalid_price_or_stock", "variants", mug.id, {"price": "-5", "stock": -3}),
        ("orphan_variant", "variants", 999_999, {"id": 999_999, "sku": "GONE", "title": None, "price": 4}),
        ("line_without_product", "order_items", line, {"product_id": 77}),
        ("repeated_variant_value", "option_value_variants", None, {"variant_id": 1, "option_value_id": 2}),
        ("a_rule_of_tomorrow", "products", "x", {"name": "=cmd"}),
    ]
    for rule, table, row, old in changes:
        owner.execute(
            "INSERT INTO adoption_changes (rule, table_name, row_id, old) VALUES (%s, %s, %s, %s)",
            [rule, table, row, json.dumps(old)],
        )
    assert "What the adoption changed" in words(ana.get("/imports/checks"))
    html = ana.get("/imports/adopted")
    said = words(html)
    assert f'/{mug.id}">AD-MUG · ' in html
    assert "Prices and stocks that were missing or negative became 0." in said
    assert "Price: -5 Stock: -3 Price: 0.0 Stock: 0" in said.replace("0.00", "0.0")
    assert "SKU: GONE" in said and "taken away" in said
    assert order.number in said and "a_rule_of_tomorrow" in said
    file = taken(ana.browser.get("/imports/adopted.csv")).decode("utf-8-sig").splitlines()
    assert file[0] == "rule,table,row,sku_or_name,order,column,before,now"
    assert file[1].startswith(f"identifiers,variants,{mug.id},AD-MUG · ")
    assert "a_rule_of_tomorrow,products,x,,,name,'=cmd," in file
    assert ana.browser.get("/imports/checks?run=1").status_code == 200


def test_only_the_owner_sees_it(module_app: Flask) -> None:
    clerk = Clerk(module_app, "clerk")
    assert clerk.browser.get("/imports/adopted").status_code == 403
    assert clerk.browser.get("/imports/adopted.csv").status_code == 403
