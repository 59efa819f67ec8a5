"""Files of stock: counted or changed by a difference, guarded by what was expected, booked once."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.imports.conftest import Import
from tests.shop import make_product, make_variant, movements_of, stock_of

Owner = psycopg.Connection[tuple[Any, ...]]


def test_stock_is_set_or_changed_and_every_other_row_is_told_why_not(bring: Import, owner: Owner) -> None:
    twice = [make_variant(make_product(name=f"Twice {n}"), sku="TW-1", stock=n) for n in (1, 2)]
    cup = make_variant(sku="CUP", stock=9)
    jug = make_variant(sku="JUG", stock=5)
    pot = make_variant(sku="POT", stock=5)

    done = bring(
        "sku,product,stock,delta,expected\n"
        "CUP,,4,,9\n"
        "JUG,,,-3,\n"
        "POT,,,-6,\n"
        "NOPE,,1,,\n"
        "TW-1,,7,,\n"
        "TW-1,Twice 2,8,,2\n"
        "POT,,1,1,\n"
        ",,1,,\n"
        "POT,,x,,\n",
        kind="stock",
    )

    assert done.counts == (3, 0, 6)
    assert done.faults() == [
        (4, "delta", "below_zero_by"), (5, "sku", "unknown_sku"), (6, "sku", "ambiguous_sku"),
        (8, "stock", "one_of"), (9, "sku", "required"), (10, "stock", "not_an_integer"),
    ]  # fmt: skip
    assert [stock_of(v) for v in (cup, jug, pot, *twice)] == [4, 2, 5, 1, 8]
    assert movements_of(cup) == [-5]
    booked = owner.execute(
        "SELECT reason, source_type, source_id, actor FROM stock_movements WHERE variant_id = %s AND seq = 2", [cup.id]
    ).fetchone()
    assert booked == ("import", "import_row", done.id, "ana@shop.example")


def test_a_count_is_refused_where_something_was_sold_since(bring: Import) -> None:
    bell = make_variant(sku="BELL", stock=6)
    done = bring("sku,stock,expected\nBELL,10,7\n", kind="stock")
    assert done.faults() == [(2, "expected", "stale_version")]
    assert stock_of(bell) == 6
    assert bring("sku,stock,expected\nBELL,10,6\n", kind="stock").counts == (1, 0, 0)
    assert bring("sku,stock,expected\nBELL,10,10\n", kind="stock").counts == (0, 1, 0)
    assert movements_of(bell) == [4]


def test_the_same_variant_twice_is_refused_for_both(bring: Import) -> None:
    horn = make_variant(make_product(name="Horn"), sku="HORN", stock=6)
    done = bring("sku,product,delta\nHORN,Horn,1\nHORN,,1\n", kind="stock")
    assert [code for _line, _column, code in done.faults()] == ["same_variant_twice"] * 2
    assert stock_of(horn) == 6


def test_a_dry_run_books_nothing(bring: Import) -> None:
    gong = make_variant(sku="GONG", stock=6)
    assert bring("sku,delta\nGONG,2\n", kind="stock", dry_run=True).counts == (1, 0, 0)
    assert stock_of(gong) == 6
