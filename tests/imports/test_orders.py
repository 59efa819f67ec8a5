"""Files of orders: past ones change no stock, pending ones wait, each is taken whole or not at all, and only once."""

from __future__ import annotations

import csv
import io
from typing import Any

import psycopg
import pytest

from magflow.blueprints.imports import exporting
from magflow.domain.imports.choices import Choices
from magflow.domain.imports.faults import ImportBusy
from magflow.services import checkout, handling, restock
from magflow.services.checkout import FinalizeOrder
from magflow.services.handling import HandleOrder
from magflow.services.imports import checking, undo
from magflow.services.imports.undo import UndoImport
from magflow.services.restock import CancelOrder
from tests.imports.conftest import ANA, Import
from tests.services.looking import rows
from tests.shop import make_product, make_variant, movements_of, stock_of

Owner = psycopg.Connection[tuple[Any, ...]]

HEAD = "number,external_id,status,placed_at,customer_name,customer_email,sku,quantity,unit_price,vat_rate\n"
ORDERS = "SELECT number, status, source, source_account, external_id, total_gross::text FROM orders WHERE number LIKE "


def test_past_orders_change_no_stock_and_pending_ones_are_confirmed_later(bring: Import) -> None:
    mug = make_variant(sku="OF-MUG", price="12.00", stock=9)
    done = bring(
        HEAD + "OF-1,A-1,confirmed,2024-02-29 10:00,Ana Pop,ana@example.com,OF-MUG,2,10.50,19\n"
        "OF-1,,,,,,OF-GONE,1,4.00,\n"
        "OF-2,A-2,returned,05.03.2024,,,OF-MUG,1,10.50,19\n"
        "OF-3,A-3,Anulată,,,,OF-MUG,1,10.50,19\n"
        "OF-4,A-4,pending,,Ion,,OF-MUG,3,11.00,21\n"
        "OF-5,,pending,,,,OF-MUG,1,,\n",
        kind="orders", source="emag", source_account="main",
    )  # fmt: skip
    assert done.counts == (6, 0, 0)
    assert rows(ORDERS + "'OF-%' ORDER BY number") == [
        ("OF-1", "confirmed", "emag", "main", "A-1", "25.00"), ("OF-2", "returned", "emag", "main", "A-2", "10.50"),
        ("OF-3", "cancelled", "emag", "main", "A-3", None), ("OF-4", "pending", "emag", "main", "A-4", None),
        ("OF-5", "pending", "emag", "main", None, None),
    ]  # fmt: skip
    assert (stock_of(mug), movements_of(mug)) == (9, [])
    [(id_, placed)] = rows("SELECT id, placed_at::text FROM orders WHERE number = 'OF-1'")
    assert placed.startswith("2024-02-29 10:00:00")
    assert rows("SELECT variant_sku, stock_source, unit_price::text FROM order_items WHERE order_id = :id ORDER BY id",
                id=id_) == [("OF-MUG", "historic", "10.50"), ("OF-GONE", "historic", "4.00")]  # fmt: skip

    for number, price in (("OF-4", "33.00"), ("OF-5", "12.00")):
        [(pending,)] = rows("SELECT id FROM orders WHERE number = :number", number=number)
        checkout.finalize(FinalizeOrder(pending), actor=ANA)
        assert rows(ORDERS + ":number", number=number)[0][5] == price
    assert (stock_of(mug), movements_of(mug)) == (5, [-3, -1])


def test_the_same_file_again_and_an_export_change_nothing(bring: Import) -> None:
    make_variant(sku="EX-MUG", stock=9)
    text = HEAD + "EX-1,E-1,confirmed,2024-02-29,Țuțu,,EX-MUG,2,10.50,19\n,E-2,pending,,,,EX-MUG,1,,\n"
    assert bring(text, kind="orders", source="shop").counts == (2, 0, 0)
    before = rows("SELECT xmin::text, id FROM orders ORDER BY id") + rows("SELECT xmin::text, id FROM order_items")
    assert bring(text, kind="orders", source="shop").counts == (0, 2, 0)
    exported = b"".join(exporting.export("orders", "magflow")).decode()
    count = len(list(csv.DictReader(io.StringIO(exported))))
    assert count >= 2
    assert bring(exported, kind="orders").counts == (0, count, 0)
    assert rows("SELECT xmin::text, id FROM orders ORDER BY id") + rows(
        "SELECT xmin::text, id FROM order_items") == before  # fmt: skip


def test_an_order_is_taken_whole_or_not_at_all(bring: Import) -> None:
    make_variant(sku="WH-MUG", stock=9)
    for name in ("one", "two"):
        make_variant(make_product(name=f"WH twice {name}"), sku="WH-TWICE")
    done = bring(
        HEAD + "WH-1,,confirmed,,,,WH-MUG,2,10.50,19\n"
        "WH-1,,,,,,WH-MUG,x,10.50,19\n"
        "WH-2,,confirmed,,,,WH-MUG,1,,\n"
        "WH-3,,pending,,,,WH-MUG,1,,\n"
        "WH-3,,,,,,WH-NONE,1,,\n"
        "WH-4,,pending,,,,WH-TWICE,1,,\n"
        "WH-5,,,,,,WH-MUG,1,1,\n"
        "WH-6,,confirmed,,Ana,,WH-MUG,1,1,\n"
        "WH-6,,cancelled,,,,WH-MUG,1,1,\n"
        "WH-7,,lost,tomorrow,,nobody,WH-MUG,0,-1,\n"
        "WH-8,,confirmed,,,,WH-MUG,1,1,\n"
        "WH-9,,confirmed,,,,WH-MUG,2,10.50,19\n"
        "WH-1,,,,,,WH-MUG,1,1,\n"
        ",,confirmed,,,,WH-MUG,1,1,\n",
        kind="orders",
    )  # fmt: skip
    assert done.faults() == [
        (2, "", "order_not_whole"), (3, "quantity", "not_an_integer"), (4, "unit_price", "required"),
        (5, "", "order_not_whole"), (6, "sku", "unknown_sku"), (7, "sku", "ambiguous_sku"), (8, "status", "required"),
        (9, "", "order_not_whole"), (10, "status", "contradicts"), (11, "status", "not_one_of"),
        (11, "placed_at", "not_a_date_or_time"), (11, "customer_email", "not_an_email"),
        (11, "quantity", "out_of_range"), (11, "unit_price", "out_of_range"),
        (14, "", "order_not_whole"), (15, "number", "required"),
    ]  # fmt: skip
    assert [row[0] for row in rows(ORDERS + "'WH-%' ORDER BY number")] == ["WH-8", "WH-9"]
    assert sum(done.counts) == 14


def test_a_broken_row_stands_for_the_orders_on_either_side(bring: Import) -> None:
    done = bring(
        HEAD + "BR-1,,confirmed,,,,A,1,1,\n"
        'BR-1,"x"y,confirmed,,,,A,1,1,\n'
        "BR-2,,confirmed,,,,A,1,1,\n"
        "BR-3,,confirmed,,,,A,1,1,\n"
        "BR-3,,confirmed,,,,A\n",
        kind="orders",
    )
    assert [(line, code) for line, _column, code in done.faults()] == [
        (2, "order_not_whole"), (3, "broken_quotes"), (4, "order_not_whole"), (5, "order_not_whole"),
        (6, "wrong_column_count"),
    ]  # fmt: skip
    assert rows(ORDERS + "'BR-%'") == []


def test_a_number_of_another_order_is_refused_and_an_external_id_is_known_by_any_number(bring: Import) -> None:
    bring(HEAD + "NT-1,N-1,confirmed,,,,A,1,1,\n", kind="orders", source="shop")
    done = bring(HEAD + "NT-1,N-2,confirmed,,,,A,1,1,\nNT-9,N-1,confirmed,,,,A,1,1,\n", kind="orders", source="shop")
    assert done.counts == (0, 1, 1)
    assert done.faults() == [(2, "number", "number_taken")]


def test_a_dry_run_says_what_the_run_does(bring: Import, owner: Owner) -> None:
    make_variant(sku="DR-MUG", stock=9)
    text = HEAD + "DR-1,,pending,,,,DR-MUG,2,,\nDR-2,,confirmed,,,,DR-MUG,1,3.00,\n"
    dry = bring(text, kind="orders", dry_run=True)
    assert dry.counts == (2, 0, 0)
    assert rows(ORDERS + "'DR-%'") == []
    real = bring(text, kind="orders")

    def told(import_id: int) -> list[Any]:
        return owner.execute(
            "SELECT line, outcome, changes - 'order_id' FROM import_rows WHERE import_id = %s ORDER BY 1", [import_id]
        ).fetchall()

    assert told(dry.id) == told(real.id)
    assert told(dry.id)[1][2] == {"number": [None, "DR-2"], "status": [None, "confirmed"], "quantity": [None, 1],
                                  "unit_price": [None, "3.00"]}  # fmt: skip


def test_columns_of_others_are_mapped(bring: Import) -> None:
    mapping = {"Comanda": "number", "Stare": "status", "Data": "placed_at", "Produs": "product", "Cant": "quantity",
               "Preț": "unit_price", "Obs": ""}  # fmt: skip
    done = bring(
        "Comanda;Stare;Data;Produs;Cant;Preț;Obs\nMP-1;Livrată;05.03.2024;Lampă;2;1.049,90;ok\n",
        kind="orders", choices=Choices(mapping=mapping),
    )  # fmt: skip
    assert done.counts == (1, 0, 0)
    assert rows(ORDERS + "'MP-%'")[0][5] == "2099.80"
    assert rows("SELECT product_name, variant_sku FROM order_items i JOIN orders o ON o.id = i.order_id "
                "WHERE o.number = 'MP-1'") == [("Lampă", None)]  # fmt: skip


def test_an_order_that_the_database_refuses_costs_no_other(bring: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHUNK_ORDER_LINES", 50)
    lines = [f"DB-{n},,confirmed,,,,A,{1_000_000 if n == 7 else 1},9999999999.99,\n" for n in range(20)]
    lines.insert(8, "DB-7,,,,,,A,1,1,\n")
    done = bring(HEAD + "".join(lines), kind="orders")
    assert done.counts == (19, 0, 2)
    assert {code for _line, _column, code in done.faults()} == {"not_stored"}


def take_back(import_id: int) -> None:
    undo.undo(UndoImport(import_id, queued=False), actor=ANA)
    undo.perform(import_id, actor=ANA)


def test_an_import_of_orders_is_undone_where_nobody_has_worked_on_them(bring: Import) -> None:
    mug = make_variant(sku="UN-MUG", price="12.00", stock=9)
    done = bring(
        HEAD + "UN-1,,confirmed,2024-02-29,,,UN-MUG,2,10.50,19\nUN-1,,,,,,UN-GONE,1,4.00,\n"
        "UN-2,,returned,2024-03-05,,,UN-MUG,1,10.50,19\n"
        "UN-3,,pending,,,,UN-MUG,3,11.00,21\n"
        "UN-4,,pending,,,,UN-MUG,1,,\n"
        "UN-5,,pending,,,,UN-MUG,1,,\n",
        kind="orders",
    )  # fmt: skip
    [(sold,)] = rows("SELECT id FROM orders WHERE number = 'UN-4'")
    [(billed,)] = rows("SELECT id FROM orders WHERE number = 'UN-5'")
    checkout.finalize(FinalizeOrder(sold), actor=ANA)
    handling.handle(HandleOrder(billed, invoice_number="F-1"), actor=ANA)
    take_back(done.id)
    assert rows(ORDERS + "'UN-%' ORDER BY number") == [
        ("UN-1", "cancelled", "file", "default", None, "25.00"), ("UN-2", "returned", "file", "default", None, "10.50"),
        ("UN-3", "cancelled", "file", "default", None, None), ("UN-4", "confirmed", "file", "default", None, "12.00"),
        ("UN-5", "pending", "file", "default", None, None),
    ]  # fmt: skip
    assert rows("SELECT line, undo FROM import_rows WHERE import_id = :id ORDER BY number", id=done.id) == [
        (2, "undone"), (3, "undone"), (4, "order_over"), (5, "undone"), (6, "order_touched"), (7, "order_touched"),
    ]  # fmt: skip
    assert (stock_of(mug), movements_of(mug)) == (8, [-1])
    assert rows("SELECT status FROM variants WHERE sku = 'UN-MUG'") == [(0,)]
    with pytest.raises(ImportBusy):
        take_back(done.id)


def test_undoing_orders_that_was_cut_off_knows_what_it_cancelled(bring: Import) -> None:
    make_variant(sku="CU-MUG", stock=9)
    done = bring(HEAD + "CU-1,,pending,,,,CU-MUG,1,,\nCU-2,,pending,,,,CU-MUG,1,,\n", kind="orders")
    [(first,)] = rows("SELECT id FROM orders WHERE number = 'CU-1'")
    undo.undo(UndoImport(done.id, queued=False), actor=ANA)
    restock.cancel(CancelOrder(first, restock=False, refund=False, reason=f"import {done.id} undone"), actor=ANA)
    undo.perform(done.id, actor=ANA)
    undone = rows("SELECT undo FROM import_rows WHERE import_id = :id", id=done.id)
    assert undone == [("undone",), ("undone",)]
