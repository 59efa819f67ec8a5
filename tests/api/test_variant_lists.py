"""What lists of variants and products are narrowed by, and their orders: over the API and in the browser's list."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from magflow.queries import paging, variant_lists, words
from tests.api.conftest import Program
from tests.blueprints.conftest import Clerk

SIZES = ["S", "M", "L"]


@pytest.fixture(scope="module")
def shop(program: Program) -> dict[str, Any]:
    """Shirts and mugs; two of the shirts are drafts."""
    shirts = program.product(
        "Cămașă Țesută", brand="Ursul", category="Haine", options=[{"name": "Mărime", "values": SIZES}]
    )
    made = [
        program.variant(shirts, values={"Mărime": size}, sku=f"cam-{size}", stock=n * 10, ean=f"59400000{n}")
        for n, size in enumerate(SIZES)
    ]
    mugs = program.product("Mug of the lists", brand="Lutul", category="Casă")
    made += [program.variant(mugs, sku="Mug_1", title="Căni 50%", stock=3)]
    for size in SIZES[:2]:
        body = {"status": "inactive", "sku": f"DRAFT-{size}"}
        made.append(program.variant(shirts, values={"Mărime": size}, **body))
    return {"shirts": shirts, "mugs": mugs, "variants": made}


def skus(program: Program, query: str) -> list[str]:
    answer = program.call("GET", f"/variants?{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [variant["sku"] for variant in answer.get_json()["data"]]


SHIRTS = ["DRAFT-M", "DRAFT-S", "cam-L", "cam-M", "cam-S"]
CASES = {
    "q=camasa tesuta": SHIRTS,
    "q=ȚESUTĂ": SHIRTS,
    "q=cani 50%25": ["Mug_1"],
    "q=g_1": ["Mug_1"],
    "q=CA&brand=Ursul": SHIRTS,
    "q=594000002": ["cam-L"],
    "q=no such thing": [],
    "sku=cam-M": ["cam-M"],
    "sku=CAM-M": [],
    "sku_prefix=CAM-": ["cam-L", "cam-M", "cam-S"],
    "sku_prefix=mug_": ["Mug_1"],
    "sku_prefix=cam-&sort=-id": ["cam-L", "cam-M", "cam-S"],
    "ean=594000001": ["cam-M"],
    "brand=Ursul": SHIRTS,
    "category=Casă": ["Mug_1"],
    "option_value=m": ["DRAFT-M", "cam-M"],
    "option_value=M&option_name=MARIME": ["DRAFT-M", "cam-M"],
    "option_value=M&option_name=Colour": [],
    "brand=Ursul&status=inactive": ["DRAFT-M", "DRAFT-S"],
    "brand=Ursul&stock_min=10": ["cam-L", "cam-M"],
    "brand=Ursul&stock_min=1&stock_max=10": ["cam-M"],
    "brand=Ursul&stock_max=0&status=active": ["cam-S"],
    "brand=Ursul&purchasable=true": ["cam-L", "cam-M"],
    "brand=Ursul&sort=id": SHIRTS[::-1],
    "brand=Ursul&sort=sku": ["cam-L", "cam-M", "cam-S", "DRAFT-M", "DRAFT-S"],
    "brand=Ursul&sort=-sku": ["DRAFT-S", "DRAFT-M", "cam-S", "cam-M", "cam-L"],
    "q=camasa&option_value=S&stock_max=0": ["DRAFT-S", "cam-S"],
}


@pytest.mark.parametrize("bound", [10_000, 1])
@pytest.mark.parametrize("query", CASES)
def test_a_list_holds_what_was_asked_for_be_it_rare_or_common(
    program: Program, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch, query: str, bound: int
) -> None:
    for module in (paging, words, variant_lists):
        monkeypatch.setattr(module, "EXACT_UP_TO", bound)
    assert skus(program, query) == CASES[query]


@pytest.mark.parametrize("bound", [10_000, 2])
@pytest.mark.parametrize("sort", ["id", "-id", "sku", "-sku"])
def test_every_order_is_paged_by_key(
    program: Program, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sort: str, bound: int
) -> None:
    monkeypatch.setattr(variant_lists, "EXACT_UP_TO", bound)
    whole = skus(program, f"brand=Ursul&sort={sort}")
    seen, cursor = [], ""
    while True:
        page = program.call("GET", f"/variants?brand=Ursul&sort={sort}&limit=2{cursor}").get_json()
        assert len(page["data"]) <= 2
        seen += [variant["sku"] for variant in page["data"]]
        if page["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={page['meta']['next_cursor']}"
    assert seen == whole == CASES.get(f"brand=Ursul&sort={sort}", SHIRTS)
    assert page["meta"].get("total_is_estimate", False) == (bound == 2)


def test_the_cursor_of_another_order_is_refused(program: Program, shop: dict[str, Any]) -> None:
    page = program.call("GET", "/variants?limit=1&sort=sku").get_json()
    answer = program.call("GET", f"/variants?limit=1&cursor={page['meta']['next_cursor']}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    "query",
    ["q=camasa tesuta", "q=CAM-S", "q=594000002", "brand=Ursul", "sku_prefix=cam", "option_value=l&brand=Ursul"],
)
def test_products_are_found_the_same_ways(
    program: Program, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for bound in (10_000, 0):
        monkeypatch.setattr(words, "EXACT_UP_TO", bound)
        assert [product["id"] for product in program.data("GET", f"/products?{query}")] == [shop["shirts"]["id"]]


def test_the_browser_s_list_walks_by_key_and_back(
    module_app: Flask, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Clerk(module_app, "owner")
    first = page.get("/products/variants/?search=camasa&sort=0&page_size=25")
    assert first.index("cam-L") < first.index("cam-S") < first.index("DRAFT-S")
    monkeypatch.setattr("magflow.blueprints.variants.admin.VariantView.page_size_options", (2,))
    monkeypatch.setattr("magflow.blueprints.variants.admin.VariantView.page_size", 2)
    at = next(variant["id"] for variant in shop["variants"] if variant["sku"] == "cam-M")
    second = page.get(f"/products/variants/?search=camasa&sort=0&page_size=2&at={at}")
    assert "cam-S" in second and "DRAFT-M" in second and "cam-L" not in second
    assert f"at={at}-" in second  # on to the third page; back to the first without a place
    gone = page.get("/products/variants/?search=camasa&sort=0&page_size=2&at=999999999")
    assert "cam-L" in gone and "DRAFT-M" not in gone


def test_a_long_list_says_that_it_is_not_sorted_by_stock(
    module_app: Flask, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Clerk(module_app, "owner")
    search = "/products/variants/?search=camasa&sort=5"
    assert page.get(search).index("cam-S") < page.get(search).index("cam-L")
    monkeypatch.setattr("magflow.blueprints.variants.admin.VariantView.bound", lambda _view: 2)
    said = page.get(search)
    assert "sort" in said and said.index("cam-L") < said.index("cam-S")


def test_the_top_search_forgives_marks_and_case(module_app: Flask, shop: dict[str, Any]) -> None:
    page = Clerk(module_app, "owner")
    for words_typed, found in (("camasa tes", "Cămașă Țesută"), ("CAM-", "cam-S"), ("594000002", "cam-L")):
        assert found in page.browser.get(f"/search/suggest?q={words_typed}").get_json()["results"].__repr__()
