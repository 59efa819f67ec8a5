"""Files of variants: each row whole or refused whole, products and options made on the way, nothing written twice."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.services import invariants, products
from magflow.services.imports import checking, commands, files, runner
from tests.conftest import ShopDatabase
from tests.imports import catalogue
from tests.imports.conftest import ANA, Import
from tests.shop import make_product, make_variant

Owner = psycopg.Connection[tuple[Any, ...]]

CATALOGUE = (
    "products", "variants", "option_types", "option_values", "option_value_variants", "product_option_types",
    "product_option_values", "variant_external_ids", "variant_images", "stock_movements",
)  # fmt: skip


def everything(owner: Owner) -> dict[str, list[Any]]:
    """Every row of the catalogue with the transaction that wrote it: to see that nothing at all was written."""
    return {t: owner.execute(f"SELECT xmin::text, t.* FROM {t} t ORDER BY 2, 3").fetchall() for t in CATALOGUE}


def rows(owner: Owner, sql: str, *given: Any) -> list[tuple[Any, ...]]:
    return owner.execute(sql, given).fetchall()


def variants_of(owner: Owner, handle: str) -> list[tuple[Any, ...]]:
    """(sku, title, price, stock, status, values) by SKU."""
    return rows(
        owner,
        """SELECT v.sku, v.title, v.price::text, v.stock, v.status,
                  coalesce((SELECT string_agg(t.name || '=' || x.name, ', ' ORDER BY t.name)
                   FROM option_value_variants ov JOIN option_values x ON x.id = ov.option_value_id
                   JOIN option_types t ON t.id = x.option_type_id WHERE ov.variant_id = v.id), '')
           FROM variants v JOIN products p ON p.id = v.product_id WHERE p.handle = %s ORDER BY v.sku, v.id""",
        handle,
    )


def sound() -> None:
    """No critical finding in the shop's own audit."""
    assert [
        check.as_line()
        for check in invariants.audit()
        if check.critical and check.count and check.name != "guard_missing"
    ] == []


@pytest.mark.parametrize("legacy", [False, True])
def test_a_shopify_catalogue_comes_in_whole_and_the_second_time_writes_nothing(
    bring: Import, owner: Owner, legacy: bool
) -> None:
    assert catalogue.variant_count() >= 200
    first = bring(catalogue.text(legacy=legacy))
    assert first.refused == 0
    assert first.applied + first.unchanged == catalogue.row_count()
    before = everything(owner)

    again = bring(catalogue.text(legacy=not legacy))

    assert again.counts == (0, catalogue.row_count(), 0)
    assert everything(owner) == before
    sound()


def test_what_shopify_means_is_what_magflow_has(bring: Import, owner: Owner) -> None:
    bring(catalogue.text())
    # A product without options is its one default variant, not an option called Title.
    assert rows(owner, "SELECT count(*) FROM option_types WHERE name_key = 'title'") == [(0,)]
    [(sku, title, price, _stock, status, values)] = variants_of(owner, "miere-de-salcam-500-g")
    assert (title, price, status, values) == (None, "32.50", 0, "")
    assert sku.startswith("MIERE")
    # Rows with nothing but a picture are pictures of the product.
    pictures = rows(
        owner,
        "SELECT i.url, i.alt_text, i.position FROM variant_images i JOIN products p ON p.id = i.product_id "
        "WHERE p.handle = 'husa-de-telefon' AND i.variant_id IS NULL ORDER BY i.position",
    )
    assert [url for url, _alt, _position in pictures] == ["https://cdn.example/husa-de-telefon-1.jpg"]
    # The names of the options stand on the first row only, and the product's cells too.
    assert ("Husă de telefon", "Piele & Fir", "Huse") in rows(owner, "SELECT name, brand, category FROM products")
    assert len(variants_of(owner, "husa-de-telefon")) == 24
    # A draft is a product whose variants are all inactive.
    assert {row[4] for row in variants_of(owner, catalogue.handle(catalogue.PRODUCTS[-1][0]))} == {1}
    # A row without a SKU gets one that says what it is.
    skus = [row[0] for row in variants_of(owner, "fular-impletit")]
    assert skus == ["FULAR-IMPLETIT-ALBASTRU", "FULAR-IMPLETIT-ROSU", "FULAR-IMPLETIT-VERDE-INCHIS"]


HEADER = "product,sku,option1_name,option1_value,price,stock,status\n"


def test_a_row_is_taken_whole_or_refused_whole(bring: Import, owner: Owner) -> None:
    done = bring(
        "product,sku,option1_name,option1_value,price,stock,ean,image_urls\n"
        "Lamp A,LA-1,Tint,Amber,10.00,5,,\n"
        "Lamp A,LA-2,Tint,Jade,1.234,x,5.94E+12,ftp://x\n"
        "Lamp A,LA-3,Tint,Opal,12.00\n"
        'Lamp A,"LA-4,Tint,Ruby,12.00,1,,\n'
        "Lamp A,LA-5,Tint,Onyx,13.00,2,,https://cdn.example/1.jpg\n"
        "Lamp A,LA-6,,Onyx,13.00,2,,\n"
        ",LA-7,Tint,Jade,13.00,2,,\n"
    )
    assert done.counts == (2, 0, 5)
    assert done.faults() == [
        (3, "price", "too_many_decimals"), (3, "stock", "not_an_integer"), (3, "ean", "ean_exponent"),
        (3, "image_urls", "not_a_url"), (4, "", "wrong_column_count"), (5, "", "unclosed_quote"),
        (7, "option1_name", "required"), (8, "product", "required"),
    ]  # fmt: skip
    assert [row[0] for row in variants_of(owner, "lamp-a")] == ["LA-1", "LA-5"]
    assert rows(owner, "SELECT 1 FROM option_values WHERE name IN ('Jade', 'Opal', 'Ruby')") == []
    sound()


def test_a_file_without_a_sign_of_how_numbers_are_meant_is_not_guessed(bring: Import) -> None:
    refused = bring("product;sku;price\nVase;V1;1.234\nVase B;V2;12\n")
    assert refused.faults() == [(2, "price", "ambiguous_number")]
    decided = bring("product;sku;price\nVase;V1;1.234\nVase B;V2;12,50\n")
    assert decided.counts == (2, 0, 0)


def test_the_same_key_twice_is_refused_for_both(bring: Import, owner: Owner) -> None:
    done = bring(
        HEADER + "Rug,R-1,Hue,Teal,10,1,\nRug,R-1,Hue,Plum,10,1,\nRug,R-2,Hue,Sand,10,1,\n"
        "Rug,,Hue,Clay,10,1,\nRug,,Hue,clay ,10,1,\n"
    )
    assert done.applied == 1
    assert done.faults() == [
        (2, "sku", "same_key_twice"), (3, "sku", "same_key_twice"),
        (5, "option1_value", "same_combination_twice"), (6, "option1_value", "same_combination_twice"),
    ]  # fmt: skip
    assert done.rows[0].errors is not None
    assert done.rows[0].errors[0]["params"] == {"lines": "2, 3"}
    assert [row[0] for row in variants_of(owner, "rug")] == ["R-2"]


def test_a_product_that_is_told_in_two_ways_is_refused_where_it_differs(bring: Import, owner: Owner) -> None:
    done = bring(
        "product,brand,sku,option1_name,option1_value,price\n"
        "Kite,North,K-1,Hue,Red,10\nKite,South,K-2,Hue,Blue,10\nYoyo,,Y-1,,,5\nKite,,K-3,Hue,Green,10\n"
        "Kite,West,K-4,Hue,White,10\n"
    )
    assert done.faults() == [(3, "brand", "contradicts"), (6, "brand", "contradicts")]
    assert [row[0] for row in variants_of(owner, "kite")] == ["K-1", "K-3"]
    assert rows(owner, "SELECT brand FROM products WHERE handle = 'kite'") == [("North",)]


def test_blank_cells_keep_what_is_there(bring: Import, owner: Owner) -> None:
    bring("product,brand,sku,title,price,compare_at_price,stock,status\nTray,Oak,T-1,Small,10,12,7,active\n")
    done = bring("product,brand,sku,title,price,compare_at_price,stock,status\nTray,,T-1,,11,,,\n")
    assert done.counts == (1, 0, 0)
    assert rows(
        owner,
        "SELECT p.brand, v.title, v.price::text, v.compare_at_price::text, v.stock, v.version "
        "FROM variants v JOIN products p ON p.id = v.product_id WHERE v.sku = 'T-1'",
    ) == [("Oak", "Small", "11.00", "12.00", 7, 2)]


def test_a_variant_is_found_by_sku_else_by_its_options(bring: Import, owner: Owner) -> None:
    product = make_product(name="Belt", options={"Width": ["Slim", "Wide"]})
    slim = make_variant(product, values=[("Width", "Slim")], sku="B-S", price="20.00")
    wide = make_variant(product, values=[("Width", "Wide")], sku="B-W", price="20.00", active=False)

    done = bring(HEADER + "Belt,B-S,Width,Slim,21,3,\nBelt,B-NEW,Width,Wide,22,4,\nBelt,,Width,Huge,23,5,\n")

    assert done.counts == (3, 0, 0)
    found = {row[0]: row for row in variants_of(owner, "belt")}
    assert set(found) == {"B-S", "B-NEW", "BELT-HUGE"}
    ids = dict(rows(owner, "SELECT sku, id FROM variants WHERE product_id = %s", product.id))
    # The draft of the combination came back, with what the file says of it.
    assert ids["B-NEW"] == wide.id
    assert ids["B-S"] == slim.id
    assert found["B-NEW"][3:5] == (4, 0)
    sound()


def test_a_draft_is_made_beside_the_active_one_and_only_once(bring: Import, owner: Owner) -> None:
    bring(HEADER + "Cap,C-1,Hue,Red,10,1,active\n")
    text = HEADER + "Cap,C-2,Hue,Red,11,0,inactive\nCap,,Hue,Red,12,0,inactive\n"
    assert bring(text).counts == (2, 0, 0)
    assert bring(text).counts == (0, 2, 0)
    assert [row[4] for row in variants_of(owner, "cap")] == [0, 1, 1]


def test_an_active_combination_that_is_taken_refuses_its_row(bring: Import, owner: Owner) -> None:
    bring(HEADER + "Hat,H-1,Hue,Red,10,1,active\nHat,H-2,Hue,Blue,10,1,active\n")
    # H-2 would become red while H-1 stays red; H-3 is a new blue one.
    done = bring(HEADER + "Hat,H-1,Hue,Red,11,1,\nHat,H-2,Hue,Red,11,1,\nHat,H-3,Hue,Green,11,1,\n")
    assert done.faults() == [(3, "option1_value", "conflict")]
    assert done.rows[0].errors is not None
    assert done.rows[0].errors[0]["params"] == {"sku": "H-1"}
    assert [(row[0], row[2], row[5]) for row in variants_of(owner, "hat")] == [
        ("H-1", "11.00", "Hue=Red"), ("H-2", "10.00", "Hue=Blue"), ("H-3", "11.00", "Hue=Green"),
    ]  # fmt: skip


def test_options_that_a_row_does_not_name_stay(bring: Import, owner: Owner) -> None:
    two = "product,sku,option1_name,option1_value,option2_name,option2_value,price\n"
    bring(two + "Bowl,B-1,Hue,Red,Rim,Round,10\nBowl,B-2,Hue,Red,Rim,Flat,10\n")
    assert bring("product,sku,option1_name,option1_value\nBowl,B-1,Hue,Red\n").counts == (0, 1, 0)
    assert bring(two + "Bowl,B-1,Hue,Blue,Rim,,11\n").counts == (1, 0, 0)
    assert [row[5] for row in variants_of(owner, "bowl")] == ["Hue=Blue, Rim=Round", "Hue=Red, Rim=Flat"]
    sound()


def test_two_variants_may_exchange_their_options(bring: Import, owner: Owner) -> None:
    bring(HEADER + "Mat,M-1,Hue,Red,10,1,active\nMat,M-2,Hue,Blue,10,1,active\n")
    done = bring(HEADER + "Mat,M-1,Hue,Blue,10,1,\nMat,M-2,Hue,Red,10,1,\n")
    assert done.counts == (2, 0, 0)
    assert [(row[0], row[5]) for row in variants_of(owner, "mat")] == [("M-1", "Hue=Blue"), ("M-2", "Hue=Red")]
    sound()


def test_an_option_that_comes_back_counts_again(app: Flask, bring: Import, owner: Owner) -> None:
    bring("product,sku,option1_name,option1_value,option2_name,option2_value,price\n"
          "Tile,T-1,Hue,Red,Finish,Matt,10\nTile,T-2,Hue,Red,Finish,Gloss,10\n")  # fmt: skip
    [(product_id,)] = rows(owner, "SELECT id FROM products WHERE handle = 'tile'")
    changed = products.set_options(products.SetOptions(product_id, [products.OptionInput("Hue", ("Red",))]), actor=ANA)
    assert len(changed.deactivated) == 1

    # The price of T-1 changes in the same file: its combination is the new one afterwards, not the one it had before.
    done = bring("product,sku,option1_name,option1_value,option2_name,option2_value,price,status\n"
                 "Tile,T-3,Hue,Red,Finish,Satin,10,\nTile,T-1,,,,,12,\n")  # fmt: skip
    assert done.counts == (2, 0, 0)
    assert bring("product,sku,status\nTile,T-2,active\n").counts == (1, 0, 0)
    digests = rows(owner, "SELECT options_digest, status FROM variants WHERE product_id = %s", product_id)
    assert len({digest for digest, _status in digests}) == 3
    sound()


def test_the_product_is_found_by_handle_or_by_its_exact_name(bring: Import, owner: Owner) -> None:
    own = make_product(name="Cană mare", handle="mug-large")
    bring("product,sku,price\nCană mare,CM-1,10\n")
    assert rows(owner, "SELECT handle FROM products p JOIN variants v ON v.product_id = p.id WHERE v.sku = 'CM-1'") == [
        ("mug-large",)
    ]
    bring("handle,product,sku,price\nmug-large,Cană foarte mare,CM-1,11\n")
    assert rows(owner, "SELECT name FROM products WHERE id = %s", own.id) == [("Cană foarte mare",)]
    # Two names that would have one address are two products, and the file must say which is which.
    done = bring("product,sku,price\nC++ course,C-1,10\nCup,C-3,1\nC course,C-2,10\n")
    assert done.faults() == [(4, "product", "contradicts")]
    missing = bring("handle,sku,price\nnobody-knows,N-1,10\n")
    assert missing.faults() == [(2, "handle", "product_missing")]


def test_external_ids_map_once_and_never_to_two_products(bring: Import, owner: Owner) -> None:
    header = "product,sku,price,external_id\n"
    options = {"source": "erp", "source_account": "main"}
    assert bring(header + "Pen,P-1,10,E-1\nInk,I-1,5,E-2\n", **options).counts == (2, 0, 0)
    # Found by its id, whatever the SKU says now; and not at all in another product.
    done = bring(header + "Pen,P-9,10,E-1\nNib,N-1,5,E-2\nCap X,X-1,1,E-3\nCap Y,Y-1,1,E-3\n", **options)
    assert done.faults() == [
        (3, "external_id", "product_mismatch"), (4, "external_id", "same_key_twice"),
        (5, "external_id", "same_key_twice"),
    ]  # fmt: skip
    assert rows(
        owner,
        "SELECT x.external_id, v.sku FROM variant_external_ids x JOIN variants v ON v.id = x.variant_id "
        "WHERE x.source = 'erp' ORDER BY 1",
    ) == [("E-1", "P-9"), ("E-2", "I-1")]
    assert rows(owner, "SELECT 1 FROM products WHERE handle IN ('nib', 'cap-x', 'cap-y')") == []


def test_stock_is_booked_with_its_import_and_once(bring: Import, owner: Owner) -> None:
    made = bring("product,sku,price,stock\nJar,J-1,10,9\n")
    changed = bring("product,sku,price,stock\nJar,J-1,10,4\n")
    bring("product,sku,price,stock\nJar,J-1,10,4\n")
    assert rows(
        owner,
        "SELECT delta, balance_after, reason, source_type, source_id, actor, door FROM stock_movements "
        "WHERE sku = 'J-1' ORDER BY seq",
    ) == [
        (9, 9, "import", "import_row", made.id, "ana@shop.example", "import"),
        (-5, 4, "import", "import_row", changed.id, "ana@shop.example", "import"),
    ]
    assert rows(owner, "SELECT count(*) FROM events WHERE type = 'stock.changed' AND payload ->> 'sku' = 'J-1'") == [
        (1,)
    ]


def test_archiving_takes_the_product_and_its_variants_off_sale(bring: Import, owner: Owner) -> None:
    bring(HEADER + "Fan,F-1,Hue,Red,10,1,active\nFan,F-2,Hue,Blue,10,1,active\n")
    shopify = "Title,URL handle,Status,SKU,Option1 name,Option1 value,Price\nFan,fan,Archived,F-1,Hue,Red,10.00\n"
    assert bring(shopify).counts == (1, 0, 0)
    assert bring(shopify).counts == (0, 1, 0)
    assert rows(owner, "SELECT archived, archived_at IS NOT NULL FROM products WHERE handle = 'fan'") == [(True, True)]
    assert [row[4] for row in variants_of(owner, "fan")] == [1, 1]
    assert bring(shopify.replace("Archived", "active")).counts == (1, 0, 0)
    assert rows(owner, "SELECT archived FROM products WHERE handle = 'fan'") == [(False,)]


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(bring: Import, owner: Owner) -> None:
    bring(HEADER + "Pan,P-1,Hue,Red,10,1,active\n")
    before = everything(owner)
    text = HEADER + "Pan,P-1,Hue,Red,12,2,\nPan,P-2,Hue,Blue,x,2,\nPan,P-3,Hue,Green,12,2,\n"
    dry = bring(text, dry_run=True)
    assert dry.counts == (2, 0, 1)
    assert everything(owner) == before
    assert rows(owner, "SELECT outcome FROM import_rows WHERE import_id = %s ORDER BY number", dry.id) == [
        ("updated",), ("refused",), ("created",),
    ]  # fmt: skip
    # What is not there yet cannot be looked at: the dry run says it.
    [(told,)] = rows(owner, "SELECT changes FROM import_rows WHERE import_id = %s AND outcome = 'created'", dry.id)
    assert told == {
        "product": [None, "Pan"], "sku": [None, "P-3"], "options": [None, "Green"], "price": [None, 12],
        "stock": [None, 2], "status": [None, "active"], "title": [None, "Green"],
    }  # fmt: skip
    assert bring(text).counts == dry.counts


def test_rows_that_make_no_variant_say_what_they_bring(bring: Import, owner: Owner) -> None:
    head = "Title,URL handle,Option1 name,Option1 value,Price,Product image URL,Image alt text\n"
    text = f"{head}Jam,jam,Title,Default Title,5,https://a.example/1.jpg,Front\n,jam,,,,https://a.example/2.jpg,Back\n"
    for dry_run in (True, False):
        done = bring(text, dry_run=dry_run)
        [(told,)] = rows(owner, "SELECT changes FROM import_rows WHERE import_id = %s AND number = 2", done.id)
        assert told == {"images": [[], [["https://a.example/2.jpg", "Back"]]]}
    made = bring("Type,Name,Regular price\ngrouped,Jar set,\n")
    assert rows(owner, "SELECT outcome, changes FROM import_rows WHERE import_id = %s", made.id) == [
        ("created", {"product": [None, "Jar set"]})
    ]


def test_neutralised_cells_come_back(bring: Import, owner: Owner) -> None:
    bring("product,sku,title,price\nGlue,'-G1,'=cmd|calc,10\n")
    assert rows(owner, "SELECT sku, title FROM variants v WHERE sku LIKE '%%G1'") == [("-G1", "=cmd|calc")]


def test_a_chunk_that_finds_its_product_locked_has_another_turn(
    app: Flask, home: Path, bring: Import, owner: Owner, database: ShopDatabase
) -> None:
    bring("product,sku,price\nBusy bowl,BB-1,10\n")
    stored = files.store(home, io.BytesIO(b"product,sku,price\nBusy bowl,BB-1,12\n"))
    command = commands.take_in(home, stored, filename="busy.csv", kind="variants", queued=False)
    import_id = commands.register(command, actor=ANA).id
    turns: list[int] = []
    with psycopg.connect(database.owner_dsn) as somebody:
        somebody.execute("SELECT FROM products WHERE name = 'Busy bowl' FOR UPDATE")

        def tell(progress: runner.Progress) -> None:
            if progress.status == "running":
                turns.append(progress.done)
                somebody.rollback()  # the lock goes after the first turn

        done = runner.perform(import_id, home, actor=ANA, tell=tell)
    assert (done.finished, turns) == (True, [0, 1])
    assert rows(owner, "SELECT price::text FROM variants WHERE sku = 'BB-1'") == [("12.00",)]


# --- runs -------------------------------------------------------------------------------------------------------------


def big(name: str, products_: int = 30, each: int = 40) -> str:
    lines = [f"{name} {p},{name}-{p}-{v},Size {name},{v},10.00,{v}" for p in range(products_) for v in range(each)]
    return "product,sku,option1_name,option1_value,price,stock\n" + "\n".join(lines)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks out of a small file."""
    monkeypatch.setattr(checking, "CHUNK_ROWS", 100)
    monkeypatch.setattr(checking, "FIRST_CHUNK_ROWS", 40)


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(
    small_chunks: None, bring: Import, app: Flask, home: Any, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    left = [4]

    def stop() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Stop

    perform = runner.perform
    monkeypatch.setattr(runner, "perform", lambda *a, **k: perform(*a, **k, pause_point=stop))
    with pytest.raises(Stop):
        bring(big("Shelf"))
    [(import_id, status)] = rows(owner, "SELECT id, status FROM imports ORDER BY id DESC LIMIT 1")
    assert status == "running"
    done_before = rows(
        owner, "SELECT count(*) FROM import_chunks WHERE import_id = %s AND done_at IS NOT NULL", import_id
    )
    assert done_before[0][0] > 0
    # A crash of the server takes unlogged tables with it: they are made again from the file.
    owner.execute("TRUNCATE import_stage, import_options, import_images")

    perform(import_id, home, actor=ANA)

    counts = "SELECT status, rows_total, rows_applied, rows_unchanged, rows_refused FROM imports WHERE id = %s"
    assert rows(owner, counts, import_id) == [("finished", 1200, 1200, 0, 0)]
    assert rows(owner, "SELECT count(*) FROM import_rows WHERE import_id = %s", import_id) == [(1200,)]
    assert rows(owner, "SELECT count(*), count(DISTINCT sku) FROM variants WHERE sku LIKE 'Shelf-%%'") == [(1200, 1200)]
    assert rows(owner, "SELECT count(*) FROM import_stage") == [(0,)]
    sound()


def test_a_chunk_that_the_database_refuses_costs_only_the_row_at_fault(
    small_chunks: None, bring: Import, owner: Owner
) -> None:
    owner.execute("ALTER TABLE variants ADD CONSTRAINT no_unlucky CHECK (sku <> 'Rack-7-13')")
    try:
        done = bring(big("Rack", 10, 30))
    finally:
        owner.execute("ALTER TABLE variants DROP CONSTRAINT no_unlucky")
    assert done.counts == (299, 0, 1)
    assert [(row.line, (row.errors or [{}])[0]["code"]) for row in done.rows] == [(2 + 7 * 30 + 13, "not_stored")]


def test_two_imports_of_overlapping_files_at_once_are_both_right(
    small_chunks: None, bring: Import, app: Flask, owner: Owner
) -> None:
    barrier = threading.Barrier(2)
    results: list[Any] = []

    def work(text: str) -> None:
        with app.app_context():
            barrier.wait()
            results.append(bring(text, source="feed"))
            db.session.remove()

    header = "product,sku,option1_name,option1_value,price,stock,external_id\n"

    def file(names: range, price: str) -> str:
        lines = [f"Twin {p},W{p}-{v},Grade,{v},{price},1,X{p}-{v}" for p in names for v in range(20)]
        return header + "\n".join(lines)

    threads = [
        threading.Thread(target=work, args=(text,))
        for text in (file(range(20), "1.00"), file(range(19, -1, -1), "2.00"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [result.status for result in results] == ["finished", "finished"]
    assert all(result.refused == 0 for result in results)
    assert sum(result.applied for result in results) == 800
    assert rows(owner, "SELECT count(*), count(DISTINCT sku) FROM variants WHERE sku LIKE 'W%%'") == [(400, 400)]
    assert rows(owner, "SELECT count(*) FROM variant_external_ids WHERE source = 'feed'") == [(400,)]
    assert rows(owner, "SELECT count(*) FROM products WHERE name LIKE 'Twin%%'") == [(20,)]
    sound()


def test_statements_do_not_grow_with_the_rows_of_a_chunk(bring: Import, app: Flask, database: ShopDatabase) -> None:
    from magflow.concurrency.statements import Batch

    sent: list[str] = []
    send = Batch.send

    def counting(self: Batch, sql: str, parameters: Any = None) -> Any:
        sent.append(sql)
        return send(self, sql, parameters)

    counts: dict[int, int] = {}
    Batch.send = counting  # type: ignore[method-assign]
    try:
        for rows_ in (10, 400):
            sent.clear()
            bring(big(f"Chest{rows_}", 1, rows_))
            counts[rows_] = len(sent)
    finally:
        Batch.send = send  # type: ignore[method-assign]
    assert counts[10] == counts[400]
    assert counts[10] < 120
