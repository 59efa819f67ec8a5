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
