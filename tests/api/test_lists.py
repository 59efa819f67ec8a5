"""Lists: pages by key, exact totals, and as many statements for two hundred rows as for two."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program

COLOURS = [str(n) for n in range(30)]


@pytest.fixture(scope="module")
def shop(program: Program) -> dict[str, Any]:
    """Thirty variants with options, orders of one line and of thirty, and a variant with a long story."""
    product = program.product("Listed", options=[{"name": "Shade", "values": COLOURS}])
    variants = [program.variant(product, values={"Shade": shade}, stock=3) for shade in COLOURS]
    small = program.order((variants[0], 1), source="lists")
    large = program.order(*[(variant, 1) for variant in variants], source="lists")
    for order in (small, large):
        program.data("POST", f"/orders/{order['id']}/finalize")
    more = [program.order((variants[0], 1), source="lists") for _ in range(10)]
    for n in range(12):
        body = {"delta": 1, "reason": f"found {n}"}
        program.data("POST", f"/variants/{variants[0]['id']}/stock-adjustments", body)
        program.data("PUT", f"/variants/{variants[0]['id']}", {"title": f"Title {n}"})
    last = program.order((variants[0], 1), source="lists")
    program.data("POST", f"/orders/{last['id']}/finalize")
    for n in range(12):
        program.data("POST", "/option-types", {"name": f"Listed {n}", "values": ["a", "b"]})
    return {"product": product, "variants": variants, "orders": [small, large, *more, last]}


def paths(shop: dict[str, Any]) -> dict[str, str]:
    product, variant = shop["product"]["id"], shop["variants"][0]["id"]
    return {
        "products": "/products?archived=false",
        "option types": "/option-types?q=Listed",
        "variants": f"/variants?product_id={product}",
        "variants of a product": f"/products/{product}/variants?status=active",
        "purchasable": f"/variants?product_id={product}&purchasable=true",
        "orphans": f"/products/{product}/variants/orphans?status=active",
        "combinations": f"/products/{product}/variants/available-combinations?limit=200",
        "movements": f"/variants/{variant}/stock-movements?limit=200",
        "history": f"/variants/{variant}/history?limit=200",
        "orders": "/orders?source=lists",
    }


LISTS = [
    "products", "option types", "variants", "variants of a product", "purchasable", "orphans", "combinations",
    "movements", "history", "orders",
]  # fmt: skip


def with_limit(path: str, limit: int) -> str:
    address, _, query = path.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("limit=")]
    return f"{address}?{'&'.join([*kept, f'limit={limit}'])}"


@pytest.mark.parametrize("name", LISTS)
def test_a_long_page_costs_as_many_statements_as_a_short_one(
    program: Program, shop: dict[str, Any], statements: list[str], name: str
) -> None:
    path = paths(shop)[name]
    counts = {}
    for limit in (2, 200):
        statements.clear()
        program.data("GET", with_limit(path, limit))
        counts[limit] = len(statements)
    assert counts[2] == counts[200], statements
    assert counts[200] <= 8, statements


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_every_row_once_in_order(program: Program, shop: dict[str, Any], name: str) -> None:
    path = paths(shop)[name]
    whole = program.call("GET", with_limit(path, 200)).get_json()
    assert whole["meta"]["next_cursor"] is None
    assert whole["meta"]["total"] == len(whole["data"])
    assert "total_is_estimate" not in whole["meta"]

    rows: list[Any] = []
    cursor = ""
    while True:
        page = program.call("GET", with_limit(path, 5) + cursor).get_json()
        assert len(page["data"]) <= 5
        assert page["meta"]["total"] == whole["meta"]["total"]
        rows += page["data"]
        if page["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={page['meta']['next_cursor']}"
    assert rows == whole["data"]


def test_what_is_added_meanwhile_neither_doubles_nor_hides_a_row(program: Program) -> None:
    product = program.product(options=[{"name": "Shade", "values": COLOURS}])
    there = [program.variant(product, values={"Shade": shade})["id"] for shade in COLOURS[:6]]
    path = f"/products/{product['id']}/variants?limit=3"
    first = program.call("GET", path).get_json()
    program.variant(product, values={"Shade": "29"})
    second = program.call("GET", f"{path}&cursor={first['meta']['next_cursor']}").get_json()
    assert [v["id"] for v in first["data"] + second["data"]] == there[::-1]


@pytest.mark.parametrize("cursor", ["x", "%00", "WzFd!", "W10", "WyJhIl0", "WzEsMl0", "WzFlOTk5OTld", "ă", "A" * 600])
@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_that_we_did_not_make_is_refused(
    program: Program, shop: dict[str, Any], name: str, cursor: str
) -> None:
    address = paths(shop)[name].partition("?")[0]
    answer = program.call("GET", f"{address}?cursor={cursor}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1.5", "", "%D9%A1", "1_0", "9" * 5000])
def test_a_limit_is_from_1_to_200(program: Program, limit: str) -> None:
    answer = program.call("GET", f"/variants?limit={limit}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "limit")


def test_filters_that_do_not_exist_are_refused(program: Program, shop: dict[str, Any]) -> None:
    for path in (*paths(shop).values(), f"/products/{shop['product']['id']}", "/orders/1"):
        address = path.partition("?")[0]
        answer = program.call("GET", f"{address}?stauts=active")
        assert answer.status_code == 422
        assert [(e["field"], e["code"]) for e in answer.get_json()["errors"]] == [("stauts", "unknown_field")]
    answer = program.call("GET", "/variants?status=active&status=inactive")
    assert [(e["field"], e["code"]) for e in answer.get_json()["errors"]] == [("status", "repeated")]


def test_a_page_of_a_missing_product_or_variant_is_not_found(program: Program) -> None:
    of_product = [f"/products/999999/variants{page}" for page in ("", "/orphans", "/available-combinations")]
    for path in (*of_product, "/variants/999999/history", "/variants/999999/stock-movements"):
        answer = program.call("GET", path)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), path
