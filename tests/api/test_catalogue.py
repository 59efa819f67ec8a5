"""Products, their options and option types over the API."""

from __future__ import annotations

from tests.api.conftest import Program

COLOURS = {"name": "Color", "values": ["Red", "Blue"]}
SIZES = {"name": "Size", "values": ["S", "M"]}


def test_a_product_with_a_sku_has_its_default_variant(program: Program) -> None:
    made = program.product("Tricou bumbac", sku="TB-1", price="19.90", inventory_quantity=7, vat_rate="11")

    assert made["handle"] == "tricou-bumbac"
    assert made["vat_rate"] == "11.00"
    default = made["default_variant"]
    assert (default["sku"], default["price"], default["stock"]) == ("TB-1", "19.90", 7)
    assert (default["status"], default["inventory_quantity"]) == ("active", 7)
    assert program.data("GET", f"/products/{made['id']}") == made


def test_a_product_with_a_price_has_one_too_and_without_either_it_has_none(program: Program) -> None:
    assert program.product("Cana", price=3)["default_variant"]["sku"] == "CANA"
    assert program.product("Farfurie")["default_variant"] is None
    assert program.product("Lingura", stock=4)["default_variant"]["stock"] == 4


def test_handles_are_numbered_when_made_and_refused_when_given_twice(program: Program) -> None:
    assert [program.product("Same name")["handle"] for _ in range(3)] == ["same-name", "same-name-2", "same-name-3"]

    program.product(handle="my-own")
    program.refused("POST", "/products", {"name": "Other", "handle": "my-own"}, status=409, code="conflict")


def test_only_the_fields_that_are_given_change(program: Program) -> None:
    product = program.product(brand="Acme", description="Line 1\nLine 2")

    changed = program.data("PATCH", f"/products/{product['id']}", {"brand": None, "category": "Cups"})

    assert (changed["brand"], changed["category"]) == (None, "Cups")
    assert changed["description"] == "Line 1\nLine 2"
    assert changed["version"] == product["version"] + 1
    same = program.data("PATCH", f"/products/{product['id']}", {"category": "Cups"})
    assert same["version"] == changed["version"], "nothing was changed, so nobody's form is stale"


def test_a_stale_version_is_refused_with_what_stands_there_now(program: Program) -> None:
    product = program.product(brand="Acme")
    program.data("PATCH", f"/products/{product['id']}", {"brand": "Bolt"})

    body = {"brand": "Cobalt", "version": product["version"]}
    problem = program.refused("PATCH", f"/products/{product['id']}", body, status=409, code="stale_version")

    assert problem["changed"] == {"brand": "Bolt"}
    assert program.data("GET", f"/products/{product['id']}")["brand"] == "Bolt"


def test_archiving_deactivates_every_variant(program: Program) -> None:
    product = program.product(options=[COLOURS], sku="ARCH")
    program.variant(product, values={"Color": "Red"})

    archived = program.data("POST", f"/products/{product['id']}/archive", status=200)

    assert (archived["archived"], archived["deactivated_count"], archived["active_count"]) == (True, 2, 0)
    assert archived["archived_at"].endswith("Z")
    again = program.data("POST", f"/products/{product['id']}/archive")
    assert (again["deactivated_count"], again["version"]) == (0, archived["version"])


def test_removing_an_option_keeps_the_oldest_of_each_combination_and_reports_the_rest(program: Program) -> None:
    product = program.product(options=[COLOURS, SIZES])
    red_s = program.variant(product, values={"Color": "Red", "Size": "S"})
    red_m = program.variant(product, values={"Color": "Red", "Size": "M"})
    blue_m = program.variant(product, values={"Color": "Blue", "Size": "M"})

    changed = program.data("PUT", f"/products/{product['id']}/options", {"options": [COLOURS]})

    assert (changed["deactivated_count"], changed["deactivated_ids"]) == (1, [red_m["id"]])
    assert (changed["incomplete_ids"], changed["orphan_ids"]) == ([], [])
    assert [(o["name"], o["values"]) for o in changed["options"]] == [("Color", ["Red", "Blue"])]
    stands = {v["id"]: v for v in program.data("GET", f"/products/{product['id']}/variants")}
    assert {id_: v["status"] for id_, v in stands.items()} == {
        red_s["id"]: "active", red_m["id"]: "inactive", blue_m["id"]: "active",
    }  # fmt: skip
    assert stands[red_s["id"]]["option_values"] == [{"option_name": "Color", "option_value": "Red"}]
    assert stands[red_s["id"]]["obsolete_option_values"] == [{"option_name": "Size", "option_value": "S"}]


def test_a_new_option_makes_variants_incomplete_and_a_dropped_value_makes_orphans(program: Program) -> None:
    product = program.product(options=[COLOURS])
    red = program.variant(product, values={"Color": "Red"}, stock=3)
    blue = program.variant(product, values={"Color": "Blue"}, stock=3)
    assert red["purchasable"]

    options = [{"name": "Color", "values": ["Red"]}, SIZES]
    changed = program.data("PUT", f"/products/{product['id']}/options", {"options": options})

    assert changed["deactivated_count"] == 0, "incomplete variants are flagged, not switched off"
    assert changed["incomplete_ids"] == [red["id"], blue["id"]]
    assert changed["orphan_ids"] == [blue["id"]]
    assert [v["id"] for v in program.data("GET", f"/products/{product['id']}/variants?complete=false")] == [
        blue["id"], red["id"],
    ]  # fmt: skip
    [orphan] = program.data("GET", f"/products/{product['id']}/variants/orphans")
    assert orphan["id"] == blue["id"]
    assert orphan["orphan_option_values"] == [{"option_name": "Color", "option_value": "Blue"}]
    assert not orphan["purchasable"]
    assert orphan["status"] == "active"


def test_options_are_refused_by_name(program: Program) -> None:
    product = program.product()
    path = f"/products/{product['id']}/options"

    twice = program.refused(
        "PUT", path, {"options": [COLOURS, {"name": "COLOR "}]}, status=422, code="validation_error"
    )
    assert [(e["field"], e["code"]) for e in twice["errors"]] == [("options[1].name", "repeated")]
    blank = {"options": [{"name": "Size", "values": ["S", "\u0301"]}]}
    blanks = program.refused("PUT", path, blank, status=422, code="validation_error")
    assert [(e["field"], e["code"]) for e in blanks["errors"]] == [("options[0].values[1]", "blank")]
    # One character that unfolds to eighteen: short to write, too long for an index.
    wide = program.refused("PUT", path, {"options": [{"name": "\ufdfa" * 90}]}, status=422, code="validation_error")
    assert [(e["field"], e["code"]) for e in wide["errors"]] == [("options[0].name", "too_long")]
    assert program.data("GET", f"/products/{product['id']}")["options"] == []


def test_free_combinations_come_in_order_and_by_page(program: Program) -> None:
    product = program.product(
        options=[{"name": "Material", "values": ["Leather", "Fabric"]}, {"name": "Color", "values": ["Black", "Brown"]}]
    )
    path = f"/products/{product['id']}/variants/available-combinations"
    program.variant(product, values={"Material": "Leather", "Color": "Black"})
    fabric = program.variant(product, values={"Material": "Fabric", "Color": "Brown"})

    assert program.data("GET", path) == [
        {"Material": "Leather", "Color": "Brown"}, {"Material": "Fabric", "Color": "Black"},
    ]  # fmt: skip
    first = program.call("GET", f"{path}?limit=1").get_json()
    assert (first["meta"]["total"], first["data"]) == (2, [{"Material": "Leather", "Color": "Brown"}])
    second = program.call("GET", f"{path}?limit=1&cursor={first['meta']['next_cursor']}").get_json()
    assert (second["data"], second["meta"]["next_cursor"]) == ([{"Material": "Fabric", "Color": "Black"}], None)
    program.data("POST", f"/variants/{fabric['id']}/deactivate")
    assert len(program.data("GET", path)) == 3


def test_a_million_combinations_are_counted_and_not_built(program: Program) -> None:
    many = [str(n) for n in range(100)]
    product = program.product(options=[{"name": name, "values": many} for name in ("A", "B", "C")])
    program.variant(product, values={"A": "0", "B": "0", "C": "1"})

    page = program.call("GET", f"/products/{product['id']}/variants/available-combinations?limit=2").get_json()

    assert page["meta"]["total"] == 999_999
    assert page["data"] == [{"A": "0", "B": "0", "C": "0"}, {"A": "0", "B": "0", "C": "2"}]


def test_option_types_are_made_once_and_listed(program: Program) -> None:
    made = program.data(
        "POST",
        "/option-types",
        {"name": "Lungime", "presentation": "Lungimea", "values": ["40 cm", "60 cm"]},
        status=201,
    )

    assert (made["name"], made["presentation"]) == ("Lungime", "Lungimea")
    assert [value["name"] for value in made["values"]] == ["40 cm", "60 cm"]
    program.refused("POST", "/option-types", {"name": "LUNGIME"}, status=409, code="conflict")
    assert program.data("GET", "/option-types?q=lungi") == [made]


def test_products_are_found_and_filtered(program: Program) -> None:
    marked = program.product("Needle in a haystack", brand="Findable", sku="NDL-1")

    assert [p["id"] for p in program.data("GET", "/products?q=needle")] == [marked["id"]]
    assert [p["id"] for p in program.data("GET", "/products?q=NDL-1")] == [marked["id"]]
    assert [p["id"] for p in program.data("GET", "/products?brand=Findable&archived=false")] == [marked["id"]]
    assert program.data("GET", "/products?brand=Findable&archived=true") == []
    assert program.data("GET", "/products?q=100%25") == [], "a per cent sign stands for itself"
