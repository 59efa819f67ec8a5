"""Programs read options from titles, confirm them by item or by confidence, and skip them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from magflow.blueprints.variants import tasks
from magflow.db import db
from tests.api.conftest import Program
from tests.shop import make_product

OPTIONS = [{"name": "Culoare", "values": ["Roșu", "Alb", "Negru"]}, {"name": "Mărime", "values": ["S", "M", "L"]}]


@pytest.fixture
def shop(program: Program) -> Any:
    """A product with options, and three variants of it that came without."""
    product = program.product("Tricou", options=OPTIONS)
    made = [
        program.variant(product, sku=sku, status="active" if n == 0 else "inactive")
        for n, sku in enumerate(("TRICOU-ROSIE-M", "TRICOU-NEGRU-L", "TRICOU-XYZ"))
    ]
    return {"product": product, "variants": made, "path": f"/products/{product['id']}/variants/option-suggestions"}


def test_suggestions_say_what_how_sure_and_why(program: Program, shop: Any) -> None:
    first, _second, third = program.data("GET", shop["path"])

    assert [(o["option_name"], o["option_value"]) for o in first["options"]] == [("Culoare", "Roșu"), ("Mărime", "M")]
    assert (first["confidence"], first["version"], first["adds_to_product"]) == ("certain", 1, False)
    assert (
        first["options"][0]["reasons"]
        == [
            {
                "code": "means_sku",
                "params": {"text": "ROSIE", "value": "Roșu"},
                "message": "“ROSIE” in the SKU means Roșu.",
            }
        ]
        or first["options"][0]["reasons"][0]["code"] == "means_sku"
    )
    assert third["options"] == []
    assert third["reasons"][-1]["code"] == "nothing_read"


def test_pages_of_the_whole_shop_follow_their_cursor(program: Program, shop: Any) -> None:
    seen: list[int] = []
    cursor = ""
    while True:
        answer = program.call("GET", f"/variants/option-suggestions?limit=2{cursor}").get_json()
        seen += [row["variant_id"] for row in answer["data"]]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['meta']['next_cursor']}"
    assert seen == sorted(set(seen))
    assert {v["id"] for v in shop["variants"]} <= set(seen)
    assert answer["meta"]["total"] == len(seen)


def test_items_are_confirmed_each_by_itself_with_what_was_seen(program: Program, shop: Any) -> None:
    rows = program.data("GET", shop["path"])
    items = [
        {
            "variant_id": row["variant_id"],
            "option_value_ids": [o["option_value_id"] for o in row["options"]],
            "seen": {"version": row["version"], "sku": row["sku"], "title": row["title"]},
        }
        for row in rows
    ]
    items[1]["seen"]["sku"] = "SOMETHING-ELSE"

    done = program.data("POST", f"{shop['path']}/confirm", {"items": items})

    assert [(i["outcome"], i["code"]) for i in done["items"]] == [
        ("confirmed", None), ("refused", "stale_version"), ("refused", "no_values"),
    ]  # fmt: skip
    assert (done["confirmed_count"], done["refused_count"]) == (1, 2)
    variant = program.data("GET", f"/variants/{rows[0]['variant_id']}")
    assert {o["option_value"] for o in variant["option_values"]} == {"Roșu", "M"}


def test_what_is_certain_is_confirmed_at_once(program: Program, shop: Any) -> None:
    done = program.data("POST", f"{shop['path']}/confirm", {"min_confidence": "certain"})

    assert [i["sku"] for i in done["items"]] == ["TRICOU-ROSIE-M", "TRICOU-NEGRU-L"]
    assert done["confirmed_count"] == 2
    assert [row["sku"] for row in program.data("GET", shop["path"])] == ["TRICOU-XYZ"]


def test_thousands_are_accepted_and_done_by_a_job(program: Program) -> None:
    with program.app.app_context():
        product = make_product(options={"Volume": [f"{n} ml" for n in range(1, 1_002)]})
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO variants (product_id, sku, title, status) "
                    "SELECT :id, 'B-' || n, 'Bottle ' || n || ' ml', 1 FROM generate_series(1, 1001) n"
                ),
                {"id": product.id},
            )
    path = f"/products/{product.id}/variants/option-suggestions/confirm"
    queued = program.data("POST", path, {"min_confidence": "likely"}, status=202)
    assert (queued["status"], queued["total"], queued["items"]) == ("queued", 1_001, [])
    with program.app.app_context():
        tasks.confirm_titles(confirmation_id=queued["confirmation_id"], actor="tests")
    done = program.data("GET", f"/variants/option-suggestions/confirmations/{queued['confirmation_id']}")
    assert (done["status"], done["confirmed_count"], done["error"]) == ("done", 1_001, None)
    program.refused("GET", "/variants/option-suggestions/confirmations/999999", status=404, code="not_found")


def test_skipping_and_taking_it_back(program: Program, shop: Any) -> None:
    ids = [shop["variants"][2]["id"]]
    assert program.data("POST", f"{shop['path']}/skip", {"variant_ids": ids})["changed_count"] == 1
    assert len(program.data("GET", shop["path"])) == 2
    assert [r["variant_id"] for r in program.data("GET", f"{shop['path']}?skipped=true")] == ids
    again = {"variant_ids": ids, "skipped": False}
    assert program.data("POST", f"{shop['path']}/skip", again)["changed_count"] == 1


def test_another_products_variant_does_not_exist_here(program: Program, shop: Any) -> None:
    other = program.product("Other", options=OPTIONS)
    rows = program.data("GET", shop["path"])
    item = {"variant_id": rows[0]["variant_id"], "option_value_ids": [rows[0]["options"][0]["option_value_id"]]}
    path = f"/products/{other['id']}/variants/option-suggestions"

    done = program.data("POST", f"{path}/confirm", {"items": [item]})

    assert done["items"][0]["code"] == "not_found"
    assert program.data("POST", f"{path}/skip", {"variant_ids": [item["variant_id"]]})["changed_count"] == 0
    program.refused("GET", "/products/999999999/variants/option-suggestions", status=404, code="not_found")


def test_either_items_or_a_confidence(program: Program, shop: Any) -> None:
    before = program.data("GET", shop["path"])
    for body in ({}, {"min_confidence": "certain", "items": [{"variant_id": 1}]}):
        program.refused("POST", f"{shop['path']}/confirm", body, status=422, code="validation_error")
    assert program.data("GET", shop["path"]) == before


def test_reading_is_for_readers_and_confirming_for_writers(program_with: Callable[..., Program], shop: Any) -> None:
    reader = program_with("catalog:read")
    assert reader.data("GET", shop["path"])
    reader.refused("POST", f"{shop['path']}/confirm", {"min_confidence": "certain"}, status=403, code="forbidden")
    reader.refused("POST", f"{shop['path']}/skip", {"variant_ids": [1]}, status=403, code="forbidden")


def test_a_new_value_is_proposed_and_made_only_when_asked_for(program: Program) -> None:
    product = program.product("Maiou", options=OPTIONS)
    for n, sku in enumerate(("MAIOU-VERDE-M", "MAIOU-NEGRU-L")):
        program.variant(product, sku=sku, status="active" if n == 0 else "inactive")
    path = f"/products/{product['id']}/variants/option-suggestions"
    assert [o["option_value"] for o in program.data("GET", path)[0]["options"]] == ["M"]

    row = program.data("GET", f"{path}?propose_new=true")[0]
    colour, size = row["options"]
    assert (colour["option_value"], colour["option_value_id"], row["adds_to_product"]) == ("Verde", None, True)
    item = {
        "variant_id": row["variant_id"],
        "option_value_ids": [size["option_value_id"]],
        "new_values": [{"option_type_id": colour["option_type_id"], "name": colour["option_value"]}],
    }
    done = program.data("POST", f"{path}/confirm", {"items": [item], "extend": True})

    assert done["confirmed_count"] == 1
    offered = program.data("GET", f"/products/{product['id']}")["options"][0]["values"]
    assert "Verde" in str(offered)
