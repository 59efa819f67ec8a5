"""Variants and their stock over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Program

COLOURS = {"name": "Color", "values": ["Red", "Blue", "Green"]}
RED, BLUE = {"Color": "Red"}, {"Color": "Blue"}


@pytest.fixture
def shirt(program: Program) -> Any:
    """A product with three colours and no variants."""
    return program.product(options=[COLOURS])


def test_a_variant_has_the_shape_that_was_promised(program: Program, shirt: Any) -> None:
    body = {
        "title": "Red - Small",
        "price": "10.00",
        "compare_at_price": 15,
        "sku": "RED-S",
        "inventory_quantity": 100,
        "status": "active",
        "option_values": [{"option_name": "color", "option_value": "RED"}],
    }
    made = program.data("POST", f"/products/{shirt['id']}/variants", body, status=201)

    assert made["action"] == "created"
    assert {name: made[name] for name in ("product_id", "sku", "title", "price", "compare_at_price", "status")} == {
        "product_id": shirt["id"], "sku": "RED-S", "title": "Red - Small", "price": "10.00",
        "compare_at_price": "15.00", "status": "active",
    }  # fmt: skip
    assert (made["stock"], made["inventory_quantity"], made["version"]) == (100, 100, 1)
    assert made["option_values"] == [{"option_name": "Color", "option_value": "Red"}]
    read = program.data("GET", f"/variants/{made['id']}")
    assert read == {name: value for name, value in made.items() if name != "action"}


def test_drafts_may_share_a_combination_and_one_of_them_may_be_active(program: Program, shirt: Any) -> None:
    drafts = [program.variant(shirt, values=RED, status="inactive") for _ in range(3)]
    assert [draft["status"] for draft in drafts] == ["inactive"] * 3
    assert len({draft["sku"] for draft in drafts}) == 3, "SKUs that nobody gave are made, and numbered"

    assert program.data("POST", f"/variants/{drafts[1]['id']}/activate", status=200)["status"] == "active"
    problem = program.refused("POST", f"/variants/{drafts[2]['id']}/activate", status=409, code="conflict")

    assert (problem["variant_id"], problem["sku"]) == (drafts[1]["id"], drafts[1]["sku"])
    assert program.data("GET", f"/variants/{drafts[2]['id']}")["status"] == "inactive"


def test_a_combination_that_was_switched_off_comes_back(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED, sku="R")
    problem = program.refused(
        "POST",
        f"/products/{shirt['id']}/variants",
        {"option_values": [{"option_name": "Color", "option_value": "Red"}]},
        status=409,
        code="already_exists",
    )
    assert (problem["variant_id"], problem["sku"]) == (red["id"], "R")
    program.data("DELETE", f"/variants/{red['id']}", status=200)

    body = {"option_value_ids": red["option_value_ids"], "price": "9.99", "stock": 5}
    back = program.data("POST", f"/products/{shirt['id']}/variants", body, status=200)

    assert (back["id"], back["action"], back["status"]) == (red["id"], "reactivated", "active")
    assert (back["price"], back["stock"], back["sku"]) == ("9.99", 5, "R")


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ([{"option_name": "Size", "option_value": "S"}], "option_values[0].option_name", "not_an_option_of_product"),
        ([{"option_name": "Color", "option_value": "Pink"}], "option_values[0].option_value", "value_not_offered"),
        (
            [{"option_name": "Color", "option_value": "Red"}, {"option_name": "Color", "option_value": "Blue"}],
            "option_values",
            "two_values_of_one_option",
        ),
    ],
)
def test_options_that_do_not_fit_are_named(
    program: Program, shirt: Any, values: list[dict[str, str]], field: str, code: str
) -> None:
    path = f"/products/{shirt['id']}/variants"
    problem = program.refused("POST", path, {"option_values": values}, status=422, code="invalid_options")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [(field, code)]
    assert program.data("GET", path) == []


def test_a_value_of_another_option_is_refused_by_id(program: Program, shirt: Any) -> None:
    other = program.product(options=[{"name": "Length", "values": ["Long"]}])
    [option] = program.data("GET", f"/products/{other['id']}")["options"]
    body = {"option_value_ids": [*option["value_ids"], 999_999_999]}
    problem = program.refused("POST", f"/products/{shirt['id']}/variants", body, status=422, code="invalid_options")
    assert [e["code"] for e in problem["errors"]] == ["not_an_option_of_product", "unknown_option_value"]


def test_ids_are_cleaned_of_what_is_no_choice(program: Program, shirt: Any) -> None:
    [option] = program.data("GET", f"/products/{shirt['id']}")["options"]
    red = option["value_ids"][0]
    path = f"/products/{shirt['id']}/variants"
    made = program.data("POST", path, {"option_value_ids": ["", 0, f" {red} ", red, "0"]}, status=201)
    assert made["option_value_ids"] == [red]
    for nonsense in ("red", -1, 1.5, None, [red]):
        problem = program.refused(
            "POST", path, {"option_value_ids": [red, nonsense]}, status=422, code="validation_error"
        )
        assert [e["field"] for e in problem["errors"]] == ["option_value_ids[1]"]


def test_put_changes_what_is_given_and_stock_only_as_it_was_seen(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED, stock=9, title="Old")
    path = f"/variants/{red['id']}"

    problem = program.refused("PUT", path, {"stock": 7, "title": "New"}, status=422, code="validation_error")
    assert [e["field"] for e in problem["errors"]] == ["expected_inventory_quantity"]
    stale = {"inventory_quantity": 7, "expected_inventory_quantity": 8, "title": "New"}
    assert program.refused("PUT", path, stale, status=409, code="stale_version")["changed"] == {"inventory_quantity": 9}
    assert program.data("GET", path)["title"] == "Old", "all of it or nothing"
    program.refused("PUT", path, {"expected_inventory_quantity": 9}, status=422, code="validation_error")
    program.refused(
        "PUT", path, {"stock": 1, "inventory_quantity": 2, "expected_inventory_quantity": 9},
        status=422, code="validation_error",
    )  # fmt: skip

    body = {
        "inventory_quantity": 7,
        "expected_inventory_quantity": 9,
        "title": None,
        "status": "inactive",
        "option_values": [{"option_name": "Color", "option_value": "Blue"}],
    }
    changed = program.data("PUT", path, body)
    assert (changed["stock"], changed["title"], changed["status"]) == (7, None, "inactive")
    assert changed["option_values"] == [{"option_name": "Color", "option_value": "Blue"}]
    assert changed["price"] == red["price"]


def test_a_variant_that_is_switched_off_may_take_a_combination_that_is_in_use(program: Program, shirt: Any) -> None:
    program.variant(shirt, values=RED)
    blue = program.variant(shirt, values=BLUE)
    red = [{"option_name": "Color", "option_value": "Red"}]

    program.refused("PUT", f"/variants/{blue['id']}/options", {"option_values": red}, status=409, code="conflict")
    changed = program.data("PUT", f"/variants/{blue['id']}", {"option_values": red, "status": "inactive"})

    assert (changed["status"], changed["option_values"]) == ("inactive", red)


def test_changing_options_asks_which(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED)
    path = f"/variants/{red['id']}/options"
    program.refused("PUT", path, {}, status=422, code="validation_error")
    assert program.data("PUT", path, {"option_values": []})["option_values"] == []
    stale = {"option_values": [], "version": red["version"]}
    program.refused("PUT", path, stale, status=409, code="stale_version")


def test_a_sku_is_unique_within_its_product(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED, sku="ONE")
    blue = program.variant(shirt, values=BLUE, sku="TWO")
    body = {"sku": "ONE", "option_values": [{"option_name": "Color", "option_value": "Green"}]}
    problem = program.refused("POST", f"/products/{shirt['id']}/variants", body, status=409, code="sku_taken")
    assert problem["sku"] == "ONE"
    assert (
        program.refused("PUT", f"/variants/{blue['id']}", {"sku": "ONE"}, status=409, code="sku_taken")["sku"] == "ONE"
    )
    assert program.variant(sku="ONE")["id"] != red["id"]
    assert [v["id"] for v in program.data("GET", f"/variants?sku=ONE&product_id={shirt['id']}")] == [red["id"]]


def test_stock_is_adjusted_with_a_reason_and_explained(program: Program) -> None:
    variant = program.variant(stock=9)
    path = f"/variants/{variant['id']}"

    less = program.data("POST", f"{path}/stock-adjustments", {"delta": -2, "reason": "damaged"}, status=201)
    assert (less["delta"], less["balance_after"], less["stock"], less["reason"]) == (-2, 7, 7, "damaged")
    counted = {"set": 12, "expected": 7, "reason": "count"}
    assert program.data("POST", f"{path}/stock-adjustments", counted, status=201)["delta"] == 5
    stale = program.refused("POST", f"{path}/stock-adjustments", counted, status=409, code="stale_version")
    assert (stale["seen"], stale["current"]) == (7, 12)
    same = {"set": 12, "expected": 12, "reason": "count"}
    assert program.data("POST", f"{path}/stock-adjustments", same, status=200)["id"] is None
    short = program.refused(
        "POST", f"{path}/stock-adjustments", {"delta": -13, "reason": "lost"}, status=409, code="insufficient_stock"
    )
    assert short["shortages"] == [{"variant_id": variant["id"], "sku": variant["sku"], "wanted": 13, "available": 12}]

    movements = program.data("GET", f"{path}/stock-movements")
    assert [(m["delta"], m["balance_after"], m["reason"], m["kind"]) for m in movements] == [
        (5, 12, "count", "count"), (-2, 7, "damaged", "adjustment"), (9, 9, "opening", "opening"),
    ]  # fmt: skip
    assert movements[1]["id"] == less["id"]
    assert movements[1]["actor"] == less["actor"]
    assert {m["door"] for m in movements} == {"api"}
    assert program.data("GET", path)["stock"] == sum(m["delta"] for m in movements)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "delta"),
        ({"delta": 1, "set": 1, "expected": 0, "reason": "x"}, "delta"),
        ({"delta": 0, "reason": "x"}, "delta"),
        ({"set": 3, "reason": "x"}, "expected"),
        ({"delta": 1}, "reason"),
        ({"delta": 1, "reason": "  "}, "reason"),
        ({"delta": 2_000_000_000, "reason": "x"}, "delta"),
    ],
)
def test_an_adjustment_says_what_and_why(program: Program, body: dict[str, Any], field: str) -> None:
    variant = program.variant(stock=3)
    path = f"/variants/{variant['id']}/stock-adjustments"
    problem = program.refused("POST", path, body, status=422, code="validation_error")
    assert field in [e["field"] for e in problem["errors"]]
    assert len(program.data("GET", f"/variants/{variant['id']}/stock-movements")) == 1


def test_history_tells_who_changed_what(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED, price="10.00")
    program.data("PUT", f"/variants/{red['id']}", {"price": "11.00"}, headers={"X-Request-ID": "req-history-1"})

    changes = program.data("GET", f"/variants/{red['id']}/history")

    assert changes[0]["action"] == "update"
    assert (changes[0]["old"]["price"], changes[0]["new"]["price"]) == ("10.00", "11.00")
    assert (changes[0]["door"], changes[0]["request_id"]) == ("api", "req-history-1")
    assert (changes[-1]["action"], changes[-1]["new"]["status"]) == ("insert", "inactive")


def test_deleting_is_deactivating_and_removing_is_for_the_owner(
    program: Program, program_with: Callable[..., Program], shirt: Any
) -> None:
    red = program.variant(shirt, values=RED, stock=2)
    clerk = program_with("catalog:read", "catalog:write")
    path = f"/variants/{red['id']}"

    assert clerk.data("DELETE", path) == {"id": red["id"], "deleted": False, "status": "inactive"}
    assert clerk.data("DELETE", path) == {"id": red["id"], "deleted": False, "status": "inactive"}
    clerk.refused("DELETE", f"{path}?hard=true", status=403, code="forbidden")
    assert program.data("GET", path)["status"] == "inactive"
    order = program.order((red, 1))

    assert program.data("DELETE", f"{path}?hard=true") == {"id": red["id"], "deleted": True, "status": "deleted"}
    program.refused("GET", path, status=404, code="not_found")
    program.refused("DELETE", f"{path}?hard=true", status=404, code="not_found")
    [line] = program.data("GET", f"/orders/{order['id']}")["items"]
    assert (line["variant_id"], line["quantity"]) == (None, 1)
    program.refused("POST", f"/orders/{order['id']}/finalize", status=409, code="variant_unavailable")


def test_purchasable_is_active_complete_and_in_stock(program: Program, shirt: Any) -> None:
    red = program.variant(shirt, values=RED, stock=1)
    blue = program.variant(shirt, values=BLUE, stock=0)
    default = program.variant(shirt, stock=5)  # it lacks a colour
    draft = program.variant(shirt, values=RED, stock=5, status="inactive")

    def ids(query: str) -> list[int]:
        return [v["id"] for v in program.data("GET", f"/variants?product_id={shirt['id']}&{query}")]

    assert ids("purchasable=true") == [red["id"]]
    assert ids("purchasable=false") == [draft["id"], default["id"], blue["id"]]
    assert ids("status=inactive") == [draft["id"]]
    assert ids("complete=false&status=active") == [default["id"]]
    order = program.order((default, 2))
    assert program.data("POST", f"/orders/{order['id']}/finalize")["status"] == "confirmed", (
        "checkout asks no completeness"
    )


def test_a_draft_takes_the_place_of_the_active_one_in_one_step(program: Program, shirt: Any) -> None:
    sold = program.variant(shirt, values=RED)
    draft = program.variant(shirt, values=RED, status="inactive", sku="RED-NEW")
    blue = program.variant(shirt, values=BLUE)
    path = f"/variants/{draft['id']}/activate"

    taken = program.refused("POST", path, status=409, code="conflict")
    assert (taken["variant_id"], taken["sku"]) == (sold["id"], sold["sku"])
    stale = {"instead_of": sold["id"], "instead_of_version": sold["version"] + 1}
    program.refused("POST", path, stale, status=409, code="stale_version")
    program.refused("POST", path, {"instead_of": blue["id"]}, status=422, code="invalid_options")
    program.refused("POST", path, {"instead_of": draft["id"]}, status=422, code="validation_error")
    assert program.data("GET", f"/variants/{sold['id']}")["status"] == "active"

    seen = {"instead_of": taken["variant_id"], "version": draft["version"], "instead_of_version": sold["version"]}
    assert program.data("POST", path, seen)["status"] == "active"
    assert program.data("GET", f"/variants/{sold['id']}")["status"] == "inactive"


def test_narrow_tokens_reach_what_they_may(program: Program, program_with: Callable[..., Program]) -> None:
    variant = program.variant(stock=1)
    reader = program_with("catalog:read")
    path = f"/variants/{variant['id']}"

    assert reader.data("GET", path)["id"] == variant["id"]
    for method, below in (("PUT", ""), ("POST", "/activate"), ("DELETE", ""), ("POST", "/stock-adjustments")):
        reader.refused(method, f"{path}{below}", {}, status=403, code="forbidden")
    reader.refused("GET", f"{path}/stock-movements", status=403, code="forbidden")
    Program(program.app, None).refused("GET", path, status=401, code="unauthorized")
    Program(program.app, "mgf_" + "x" * 43).refused("GET", path, status=401, code="unauthorized")
