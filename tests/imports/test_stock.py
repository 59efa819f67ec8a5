"""Files of stock: counted or changed by a difference, guarded by what was expected, booked once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from magflow.domain.imports import layouts
from magflow.domain.imports.choices import Choices
from magflow.domain.imports.faults import FileFault
from magflow.services import checkout, stock
from magflow.services.checkout import FinalizeOrder
from tests.imports.conftest import Import
from tests.shop import ANA, make_order, make_product, make_variant, movements_of, stock_of

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


def test_the_same_file_again_books_no_difference_twice(bring: Import) -> None:
    flute, viola = make_variant(sku="FLUTE", stock=6), make_variant(sku="VIOLA", stock=1)
    file = "sku,stock,delta,expected\nFLUTE,,-2,\nVIOLA,,-3,\n"
    assert bring(file, kind="stock").counts == (1, 0, 1)
    assert bring(file, kind="stock", dry_run=True).counts == (0, 1, 1)
    stock.adjust(stock.AdjustStock(viola.id, "found", delta=9), actor=ANA)
    assert bring(file, kind="stock").counts == (1, 1, 0)  # the row that was refused the first time
    assert bring(file, kind="stock").counts == (0, 2, 0)
    assert (stock_of(flute), stock_of(viola)) == (4, 7)
    assert bring(file + "\n", kind="stock").counts == (2, 0, 0)  # another file is another delivery
    counted = "sku,stock,expected\nFLUTE,9,2\n"
    assert bring(counted, kind="stock").counts == (1, 0, 0)
    assert bring(counted, kind="stock").counts == (0, 1, 0)


def test_the_same_variant_twice_is_refused_for_both(bring: Import) -> None:
    horn = make_variant(make_product(name="Horn"), sku="HORN", stock=6)
    done = bring("sku,product,delta\nHORN,Horn,1\nHORN,,1\n", kind="stock")
    assert [code for _line, _column, code in done.faults()] == ["same_variant_twice"] * 2
    assert stock_of(horn) == 6


INVENTORY = "Handle,Title,Option1 Name,Option1 Value,SKU,Location,On hand (current),On hand (new)\n"


def test_locations_of_an_inventory_file_make_one_stock(bring: Import) -> None:
    drum, harp = make_product(name="Drum"), make_product(name="Harp")
    a, b = make_variant(drum, sku="LO-1", stock=7), make_variant(harp, sku="LO-2", stock=3)
    rows = (
        "drum,Drum,Title,Default Title,LO-1,North,5,6\n"
        "harp,Harp,Title,Default Title,LO-2,North,2,\n"
        "drum,Drum,Title,Default Title,LO-1,South,2,\n"
        "drum,Drum,Title,Default Title,LO-1,East,not stocked,not stocked\n"
        "harp,Harp,Title,Default Title,LO-2,South,2,9\n"
    )
    done = bring(INVENTORY + rows, kind="stock")
    assert done.counts == (1, 3, 1)
    assert done.faults() == [(6, "On hand (current)", "stale_version")]
    assert (stock_of(a), stock_of(b), movements_of(a)) == (8, 3, [1])
    one = bring(INVENTORY + rows.replace(",2,9", ",3,9"), kind="stock", choices=Choices(location="South"))
    assert one.counts == (1, 4, 0)
    assert (stock_of(a), stock_of(b)) == (8, 9)
    twice = bring(INVENTORY + rows.splitlines()[0] + "\n" + rows.splitlines()[0] + "\n", kind="stock")
    assert [code for _line, _column, code in twice.faults()] == ["same_variant_twice"] * 2


def test_an_inventory_file_with_a_column_for_each_location(bring: Import, owner: Owner) -> None:
    """The older, wide layout: a row for each variant, the locations' names in the header."""
    horn, viol = make_product(name="Wide Horn"), make_product(name="Wide Viol")
    a, b = make_variant(horn, sku="WI-1", stock=7), make_variant(viol, sku="WI-2", stock=3)
    head = "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Depozit Nord,Magazin\n"
    rows = (
        "wide-horn,Horn,Title,Default Title,WI-1,,RO,5,not stocked\n"
        "wide-viol,Viol,Title,Default Title,,,RO,2,4\n"
        "wide-horn,Horn,Title,Default Title,WI-1x,,RO,,1\n"
        "wide-viol,Viol,Title,Default Title,WI-2y,,RO,x,-1\n"
        "wide-horn,Horn,Title,Default Title,WI-1z,,RO,-3,1\n"
    )
    done = bring(head + rows, kind="stock")
    assert done.faults() == [
        (4, "Depozit Nord", "required"), (5, "Depozit Nord", "not_an_integer"),
        (6, "Depozit Nord, Magazin", "below_zero"),
    ]  # fmt: skip
    assert (done.counts, stock_of(a), stock_of(b), movements_of(a)) == ((2, 0, 3), 5, 6, [-2])
    good = head + "".join(rows.splitlines(keepends=True)[:2])
    assert bring(good, kind="stock").counts == (0, 2, 0)
    one = bring(good, kind="stock", choices=Choices(location="Magazin"))
    assert one.counts == (1, 1, 0)
    assert (stock_of(a), stock_of(b)) == (5, 4)
    layout = layouts.recognise(head.strip().split(","), "stock")
    assert (layout.format, layout.left_out) == ("shopify", ("Title", "HS Code", "COO"))
    with pytest.raises(FileFault):
        layouts.recognise(["Handle", "Title", "Option1 Name", "Option1 Value", "SKU"], "stock")


def test_what_was_sold_since_the_figures_were_taken_is_not_lost(bring: Import, owner: Owner) -> None:
    still, sold, counted = (make_variant(sku=f"MA-{n}", stock=10) for n in range(3))
    taken = owner.execute("SELECT clock_timestamp()").fetchone()
    assert taken is not None
    made_at = taken[0].isoformat()
    checkout.finalize(FinalizeOrder(make_order((sold, 3)).id), actor=ANA)
    stock.adjust(stock.AdjustStock(counted.id, reason="counted", set_to=4, expected=10), actor=ANA)
    text = "sku,stock\nMA-0,12\nMA-1,12\nMA-2,12\n"

    refused = bring(text, kind="stock", choices=Choices(made_at=made_at))
    assert refused.faults() == [(3, "expected", "stale_version"), (4, "expected", "stale_version")]
    assert [stock_of(v) for v in (still, sold, counted)] == [12, 7, 4]
    for kind, lines in (("stock", text), ("variants", text)):
        carried = bring(lines, kind=kind, choices=Choices(made_at=made_at, meanwhile="carry"))
        assert carried.faults() == [(4, "expected", "stale_version")]
        assert [stock_of(v) for v in (still, sold, counted)] == [12, 9, 4]
    assert bring("sku,stock\nMA-1,1\n", kind="stock", choices=Choices(made_at=made_at, meanwhile="carry")).faults() == [
        (2, "stock", "below_zero_by")
    ]


def test_a_dry_run_books_nothing(bring: Import) -> None:
    gong = make_variant(sku="GONG", stock=6)
    assert bring("sku,delta\nGONG,2\n", kind="stock", dry_run=True).counts == (1, 0, 0)
    assert stock_of(gong) == 6
