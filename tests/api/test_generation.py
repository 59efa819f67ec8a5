"""Generation over the API: the shapes of the variants page, its reference cases, and the options of many products."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Program

SHIRT = [{"name": "Color", "values": ["Red", "Blue", "Green"]}, {"name": "Size", "values": ["S", "M", "L", "XL"]}]


def generate(program: Program, product: Any, **body: Any) -> Any:
    return program.data("POST", f"/products/{product['id']}/variants/generate", body)


def counts(done: Any) -> tuple[int, int, int, int]:
    return done["created"], done["reactivated"], done["already_active"], done["left_alone"]


def test_what_was_removed_comes_back_only_when_asked(program: Program) -> None:
    shirt = program.product("T-shirt", options=SHIRT)
    first = generate(program, shirt, mode="all", defaults={"price": "10.00", "stock": 0})
    assert (first["total"], counts(first)) == (12, (12, 0, 0, 0))
    [gone] = [
        v
        for v in program.data("GET", f"/products/{shirt['id']}/variants")
        if [pair["option_value"] for pair in v["option_values"]] == ["Green", "XL"]
    ]
    assert (gone["title"], gone["price"]) == ("Green - XL", "10.00")
    program.data("DELETE", f"/variants/{gone['id']}")

    assert counts(generate(program, shirt, mode="missing")) == (0, 0, 11, 1)
    back = generate(program, shirt, mode="all")
    assert (counts(back), back["reactivated_ids"]) == ((0, 1, 11, 0), [gone["id"]])


def test_the_preview_says_what_the_run_does_and_writes_nothing(program: Program) -> None:
    shirt = program.product("Polo", options=SHIRT)
    body = {"mode": "all", "sku_pattern": "{product}-{Color}-{Size}", "defaults": {"price": "49.90", "stock": 3}}
    shown = program.data("POST", f"/products/{shirt['id']}/variants/generate/preview", body)
    assert (shown["created"], shown["total"], len(shown["combinations"])) == (12, 12, 12)
    assert shown["combinations"][0] == {
        "combination": {"Color": "Red", "Size": "S"},
        "sku": "POLO-RED-S",
        "title": "Red - S",
        "price": "49.90",
    }
    assert program.data("GET", f"/products/{shirt['id']}/variants") == []

    done = generate(program, shirt, **body, fingerprint=shown["fingerprint"])
    assert counts(done) == (12, 0, 0, 0)
    path = f"/products/{shirt['id']}/variants/generate"
    program.refused("POST", path, {**body, "fingerprint": shown["fingerprint"]}, status=409, code="stale_version")


def test_refused_combinations_are_listed_with_their_reasons(program: Program) -> None:
    bag = program.product(options=[{"name": "Color", "values": ["Red", "Blue"]}, {"name": "Size", "values": ["S"]}])
    good, wrong = {"Color": "red", "Size": "s"}, {"Color": "Pink", "Size": "S"}
    done = generate(program, bag, mode="selected", combinations=[good, wrong, {"Color": "Blue"}])
    assert counts(done) == (1, 0, 0, 0)
    assert [(r["combination"], r["code"]) for r in done["refused"]] == [
        (wrong, "value_not_offered"),
        ({"Color": "Blue"}, "option_missing"),
    ]
    assert all(r["message"] for r in done["refused"])


def test_more_than_the_limit_is_refused_with_the_count(program: Program) -> None:
    big = program.product(options=[{"name": f"O{n}", "values": [f"v{v}" for v in range(10)]} for n in range(4)])
    for path in ("generate", "generate/preview"):
        said = program.refused(
            "POST", f"/products/{big['id']}/variants/{path}", {}, status=422, code="generation_too_large"
        )
        assert (said["count"], said["limit"]) == (10_000, 2048)


def test_an_unknown_name_in_a_pattern_is_refused_and_the_known_ones_are_named(program: Program) -> None:
    cup = program.product(options=SHIRT)
    body = {"sku_pattern": "{Material}-{Size}"}
    said = program.refused(
        "POST", f"/products/{cup['id']}/variants/generate", body, status=422, code="validation_error"
    )
    assert [(e["field"], e["code"]) for e in said["errors"]] == [("sku_pattern", "unknown_name")]
    assert "Color" in said["errors"][0]["message"]


def test_prices_come_from_a_template(program: Program) -> None:
    rules = [{"option_name": "Size", "option_value": "L", "kind": "percent", "amount": "5"}]
    template = program.data("POST", "/price-templates", {"name": "Generated", "rules": rules}, status=201)
    shirt = program.product(options=[{"name": "Size", "values": ["S", "L"]}])
    generate(program, shirt, defaults={"price": "100.00"}, price_template_id=template["id"])
    prices = {v["title"]: v["price"] for v in program.data("GET", f"/products/{shirt['id']}/variants")}
    assert prices == {"S": "100.00", "L": "105.00"}


def test_sending_it_twice_with_a_key_makes_it_once(program: Program) -> None:
    cup = program.product(options=[{"name": "Size", "values": ["S", "M"]}])
    path = f"/products/{cup['id']}/variants/generate"
    answers = [program.call("POST", path, json={"mode": "all"}, headers={"Idempotency-Key": "once-1"}) for _ in "ab"]
    assert [a.get_json()["data"]["created"] for a in answers] == [2, 2]
    assert len(program.data("GET", f"/products/{cup['id']}/variants")) == 2


# --- options ---------------------------------------------------------------------------------------------------------


def test_a_change_of_options_is_previewed(program: Program) -> None:
    shirt = program.product(options=SHIRT)
    generate(program, shirt)
    only_color = {"options": [{"name": "Color", "values": ["Red", "Blue"]}]}
    shown = program.data("PUT", f"/products/{shirt['id']}/options/preview", only_color)
    assert shown["deactivated_count"] == 9
    done = program.data("PUT", f"/products/{shirt['id']}/options", only_color)
    assert (done["deactivated_ids"], done["orphan_ids"]) == (shown["deactivated_ids"], shown["orphan_ids"])


def test_options_of_many_products_change_together(program: Program) -> None:
    first = program.product(options=[{"name": "Size", "values": ["S", "M"]}])
    second = program.product(options=[{"name": "Fabric", "values": ["Wool"]}])
    generate(program, first)
    body = {
        "product_ids": [second["id"], first["id"]],
        "options": [{"name": "size", "values": ["L"]}, {"name": "Pattern", "values": ["Dots"]}],
        "mode": "add",
    }
    shown = program.data("POST", "/products/options/bulk/preview", body)
    assert [(p["product_id"], len(p["incomplete_ids"])) for p in shown["products"]] == [
        (first["id"], 2),
        (second["id"], 0),
    ]
    done = program.data("POST", "/products/options/bulk", {**body, "fingerprint": shown["fingerprint"]})
    named = {p["id"]: {o["name"]: o["values"] for o in p["options"]} for p in done["products"]}
    assert named == {
        first["id"]: {"Size": ["S", "M", "L"], "Pattern": ["Dots"]},
        second["id"]: {"Fabric": ["Wool"], "Size": ["L"], "Pattern": ["Dots"]},
    }


def test_one_missing_product_changes_none(program: Program) -> None:
    cup = program.product(options=[{"name": "Size", "values": ["S"]}])
    body = {"product_ids": [cup["id"], 10**9], "options": []}
    program.refused("POST", "/products/options/bulk", body, status=404, code="not_found")
    assert program.data("GET", f"/products/{cup['id']}")["options"][0]["values"] == ["S"]


def test_the_variant_without_options_is_made_a_draft_on_demand(program: Program) -> None:
    shirt = program.product("T-shirt", sku="TS-1", options=SHIRT)
    assert generate(program, shirt, mode="missing")["drafted_id"] is None
    removed, *_others = program.data("GET", f"/products/{shirt['id']}/variants")
    program.data("DELETE", f"/variants/{removed['id']}")
    done = generate(program, shirt, mode="all", draft_default=True)
    assert done["drafted_id"] == shirt["default_variant"]["id"]
    assert program.data("GET", f"/variants/{done['drafted_id']}")["status"] == "inactive"
