"""What others fell into, once each through the API: whole lists, oneself as a duplicate, counts that are not true."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program

SHIRT = [{"name": "Color", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["S", "M"]}]


@pytest.fixture
def shirt(program: Program) -> Any:
    product = program.product(options=SHIRT)
    program.data("POST", f"/products/{product['id']}/variants/generate", {"defaults": {"price": "103.00", "stock": 4}})
    return product


def variants_of(program: Program, product: Any) -> list[Any]:
    return sorted(program.data("GET", f"/products/{product['id']}/variants"), key=lambda v: v["id"])


def test_what_a_request_does_not_mention_stays(program: Program, shirt: Any) -> None:
    before = variants_of(program, shirt)
    first = before[0]
    program.data("PATCH", f"/products/{shirt['id']}", {"brand": "Ursul"})
    program.data("PUT", f"/variants/{first['id']}", {"title": "Mine"})
    program.data("PUT", f"/variants/{first['id']}", {"price": "9.00"})
    after = variants_of(program, shirt)
    assert after[1:] == before[1:]
    told = ("sku", "option_values", "stock", "status", "compare_at_price", "ean")
    assert {name: after[0][name] for name in told} == {name: first[name] for name in told}
    assert (after[0]["title"], after[0]["price"]) == ("Mine", "9.00")
    assert [o["name"] for o in program.data("GET", f"/products/{shirt['id']}")["options"]] == ["Color", "Size"]


def test_a_variant_is_no_duplicate_of_itself(program: Program, shirt: Any) -> None:
    first = variants_of(program, shirt)[0]
    whole = {
        name: first[name]
        for name in ("sku", "title", "price", "compare_at_price", "status", "option_values", "inventory_quantity")
    }
    for _again in range(2):
        kept = program.data("PUT", f"/variants/{first['id']}", {**whole, "expected_inventory_quantity": first["stock"]})
        assert {name: kept[name] for name in whole} == whole
    same = program.data("PUT", f"/variants/{first['id']}/options", {"option_values": first["option_values"]})
    assert same["option_values"] == first["option_values"]
    assert program.data("POST", f"/variants/{first['id']}/activate", status=200)["status"] == "active"
    assert len(variants_of(program, shirt)) == 4


def test_a_bulk_edit_counts_what_it_changes_and_nothing_else(program: Program, shirt: Any) -> None:
    first, *others = variants_of(program, shirt)
    program.data("PUT", f"/variants/{first['id']}", {"price": "128.75"})
    untouched = variants_of(program, shirt)[0]
    change = {"field": "price", "action": "set", "value": "128.75"}
    body = {"filter": {"product_id": shirt["id"]}, "changes": [change]}
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    done = program.data("POST", "/variants/bulk-edit", {**body, "fingerprint": shown["fingerprint"]}, status=200)
    assert (shown["changed"], shown["unchanged"]) == (done["changed"], done["unchanged"]) == (3, 1)
    after = variants_of(program, shirt)
    assert after[0] == untouched, "not even its version"
    assert {v["price"] for v in after} == {"128.75"}
    again = program.data("POST", "/variants/bulk-edit/preview", body)
    assert (again["changed"], again["unchanged"], again["rows"]) == (0, 4, [])
    assert len(others) == done["changed"]


@pytest.mark.parametrize(("percent", "becomes"), [("25", "128.75"), ("12.49", "115.86"), ("-33.33", "68.67")])
def test_per_cent_ends_in_two_places(program: Program, shirt: Any, percent: str, becomes: str) -> None:
    body = {
        "filter": {"product_id": shirt["id"]},
        "changes": [{"field": "price", "action": "percent", "value": percent}],
    }
    shown = program.data("POST", "/variants/bulk-edit/preview", body)
    assert {row["new"]["price"] for row in shown["rows"]} == {becomes}
    program.data("POST", "/variants/bulk-edit", body, status=200)
    assert {v["price"] for v in variants_of(program, shirt)} == {becomes}
