"""Files of others: WooCommerce's products, Shopify's inventory, workbooks, and files that name no products."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.blueprints.imports.words import fault_sentence
from magflow.domain.imports import layouts, workbooks
from magflow.domain.imports.choices import Choices
from magflow.domain.imports.faults import FileFault
from magflow.services.feeds import FeedRecord
from magflow.services.imports import batches, runner
from magflow.services.imports.batches import Batch
from tests.imports.conftest import ANA, Import, look
from tests.shop import make_product, make_variant, stock_of

Owner = psycopg.Connection[tuple[Any, ...]]

WOO = (
    "ID,Type,SKU,Name,Published,Description,Parent,Regular price,Sale price,Stock,Categories,Images,"
    "Attribute 1 name,Attribute 1 value(s),Attribute 1 global,Attribute 2 name,Attribute 2 value(s)\n"
)
WOO_ROWS = (
    '10,variable,W-T,Woo Tee,1,"First\\nsecond",,,,,"Clothes > Tees, Sale","https://a.example/1.jpg, https://a.example/2.jpg",'
    'Colour,"Red, Blue",1,Size,"S, M"\n'
    "11,variation,W-T-RS,Woo Tee - Red S,1,,W-T,59.90,49.90,12,,https://a.example/r.jpg,Colour,Red,1,Size,S\n"
    "12,variation,W-T-RM,Woo Tee - Red M,1,,id:10,59.90,,7,,,Colour,Red,1,Size,M\n"
    "13,variation,W-T-B,Woo Tee - Blue,1,,W-T,49.90,,parent,,,Colour,Blue,1,Size,\n"
    "14,simple,W-MUG,Woo Mug,0,,,10,,3,,,,,,,\n"
    "15,grouped,,Woo Set,1,,,,,,,,,,,,\n"
    "16,variation,W-X,Lost,1,,W-NONE,1,,1,,,Colour,Red,1,Size,S\n"
)


def variants_of(owner: Owner, name: str) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT v.sku, v.price, v.compare_at_price, v.stock, v.status, (SELECT string_agg(x.name, '/' ORDER BY t.name) "
        "FROM option_value_variants ov JOIN option_values x ON x.id = ov.option_value_id "
        "JOIN option_types t ON t.id = x.option_type_id WHERE ov.variant_id = v.id) "
        "FROM variants v JOIN products p ON p.id = v.product_id WHERE p.name = %s ORDER BY v.id",
        [name],
    ).fetchall()


def test_woocommerce_brings_variable_products_and_the_same_again_changes_nothing(bring: Import, owner: Owner) -> None:
    done = bring(WOO + WOO_ROWS)
    assert done.counts == (6, 0, 1)
    assert done.faults() == [(8, "Parent", "parent_missing")]
    assert "W-NONE" in fault_sentence((done.rows[0].errors or [{}])[0])
    shown = [(s, str(p), str(c), stock, status, o) for s, p, c, stock, status, o in variants_of(owner, "Woo Tee")]
    assert shown == [
        ("W-T-RS", "49.90", "59.90", 12, 0, "Red/S"),
        ("W-T-RM", "59.90", "None", 7, 0, "Red/M"),
        ("W-T-B", "49.90", "None", 0, 0, "Blue"),
    ]
    assert [row[4] for row in variants_of(owner, "Woo Mug")] == [1]
    product = owner.execute("SELECT description, category FROM products WHERE name = 'Woo Tee'").fetchone()
    assert product == ("First\nsecond", "Clothes > Tees")
    assert owner.execute("SELECT count(*) FROM products WHERE name = 'Woo Set'").fetchone() == (1,)
    mapped = owner.execute("SELECT external_id FROM variant_external_ids WHERE source = 'woocommerce' ORDER BY 1")
    assert [row[0] for row in mapped] == ["11", "12", "13", "14"]
    assert bring(WOO + WOO_ROWS).counts == (0, 6, 1)
    # The sale is over: nothing is left to compare the price with.
    over = WOO + WOO_ROWS.replace("59.90,49.90", "59.90,")
    assert bring(over).counts == (1, 5, 1)
    assert variants_of(owner, "Woo Tee")[0][2] is None


TRANSLATED = {
    "ro": "ID,Tip,SKU,Nume,Publicat,Descriere,Părinte,Preț obișnuit,Preț promoțional,Stoc,Categorii,Imagini,"
    "Nume atribut 1,Valoare (valori) atribut 1,Atribut 1 global,Numele atributului 2,Valorile atributului 2\n",
    "it": "ID,Tipo,COD,Nome,Pubblicato,Descrizione,Genitore,Prezzo di listino,Prezzo in offerta,Magazzino,Categorie,"
    "Immagini,Nome dell'attributo 1,Valore dell'attributo 1,Attributo 1 globale,Nome dell'attributo 2,"
    "Valore dell'attributo 2\n",
}


@pytest.mark.parametrize("language", sorted(TRANSLATED))
def test_woocommerces_header_is_understood_in_the_shops_language(language: str, bring: Import, owner: Owner) -> None:
    tag = f"{language}-"
    rows = WOO_ROWS.replace("W-", tag).replace("Woo", f"Woo {language}").replace("\n1", f"\n{ord(language[0])}1")
    done = bring(TRANSLATED[language] + rows.replace("id:10", f"{tag}T"))
    assert done.faults() == [(8, "Părinte" if language == "ro" else "Genitore", "parent_missing")]
    shown = [(s, str(p), str(c), o) for s, p, c, _stock, _status, o in variants_of(owner, f"Woo {language} Tee")]
    assert shown == [
        (f"{tag}T-RS", "49.90", "59.90", "Red/S"), (f"{tag}T-RM", "59.90", "None", "Red/M"),
        (f"{tag}T-B", "49.90", "None", "Blue"),
    ]  # fmt: skip
    layout = layouts.recognise(TRANSLATED[language].strip().split(","), "variants")
    assert layout.left_out == ("Atribut 1 global" if language == "ro" else "Attributo 1 globale",)
    # A supplier's list is nobody's export, whatever its columns are called.
    with pytest.raises(FileFault):
        layouts.recognise(["Cod", "Nume", "Preț normal", "Stoc", "Tip"], "variants")


def test_two_woocommerce_products_of_one_name_stay_two(bring: Import, owner: Owner) -> None:
    rows = (
        "20,variable,TW-A,Twin Tee,1,,,,,,,,Colour,Red,1,,\n"
        "21,variation,TW-A-R,Twin Tee,1,,TW-A,5,,1,,,Colour,Red,1,,\n"
        "22,variable,TW-B,Twin Tee,1,,,,,,,,Colour,Red,1,,\n"
        "23,variation,TW-B-R,Twin Tee,1,,id:22,6,,1,,,Colour,Red,1,,\n"
    )
    assert bring(WOO + rows).counts == (4, 0, 0)
    assert owner.execute("SELECT count(*) FROM products WHERE name = 'Twin Tee'").fetchone() == (2,)


def test_a_workbook_is_read_like_the_table_that_it_shows(bring: Import, owner: Owner) -> None:
    header = ("product", "sku", "description", "option1_name", "option1_value", "price", "stock", "ean")
    rows = [
        ("Book Tee", "BK-1", "two\nlines", "Tone", "Roșu", "1234.5", "3", "5940000000011"),
        ("Book Tee", "BK-2", "", "Tone", "'=Blue", "12", "0", ""),
        ("Book Tee", "BK-3", "", "Tone", "Green", "12", "x", "5.94E+12"),
    ]
    raw = b"".join(workbooks.blocks(header, rows, numbers=frozenset({"price", "stock"})))
    done = bring(raw)
    assert done.counts == (2, 0, 1)
    assert done.faults() == [(4, "stock", "not_an_integer"), (4, "ean", "ean_exponent")]
    assert [(row[0], str(row[1]), row[5]) for row in variants_of(owner, "Book Tee")] == [
        ("BK-1", "1234.50", "Roșu"), ("BK-2", "12.00", "=Blue"),
    ]  # fmt: skip
    assert owner.execute("SELECT description FROM products WHERE name = 'Book Tee'").fetchone() == ("two\nlines",)
    assert bring(raw).counts == (0, 2, 1)


def test_shopifys_inventory_finds_variants_by_handle_and_options_and_guards_the_old_figure(
    bring: Import, owner: Owner
) -> None:
    bring(
        "Title,URL handle,SKU,Option1 name,Option1 value,Price,Inventory quantity\n"
        "Inv Tee,inv-tee,IV-R,Tone,Red,5,4\n,inv-tee,,,Blue,5,6\n,inv-tee,,,Green,5,7\n"
        "Inv Mug,inv-mug,,Title,Default Title,3,1\n"
    )
    done = bring(
        "Handle,Title,Option1 Name,Option1 Value,SKU,Location,On hand (current),On hand (new)\n"
        "inv-tee,Inv Tee,Tone,Red,IV-R,Main,4,9\n"
        "inv-tee,,,Blue,,Main,5,8\n"
        "inv-tee,,,Green,,Main,7,\n"
        "inv-mug,Inv Mug,Title,Default Title,,Main,1,2\n"
        "inv-tee,,Tone,Black,,Main,1,not stocked\n",
        kind="stock",
    )
    assert done.counts == (2, 1, 2)
    assert [(line, code) for line, _column, code in done.faults()] == [(3, "stale_version"), (6, "unknown_sku")]
    stocks = owner.execute(
        "SELECT v.stock FROM variants v JOIN products p ON p.id = v.product_id "
        "WHERE p.handle IN ('inv-tee', 'inv-mug') ORDER BY v.sku"
    ).fetchall()
    assert [row[0] for row in stocks] == [2, 6, 7, 9]


MAPPING = {"Cod": "sku", "Cod de bare": "ean", "Preț": "price", "Stoc": "stock", "Furnizor": ""}


def test_a_suppliers_list_is_mapped_and_finds_products_by_its_variants(bring: Import, owner: Owner) -> None:
    cup = make_variant(make_product(name="Sup Cup"), sku="SUP-1", stock=1)
    jug = make_variant(make_product(name="Sup Jug"), sku="SUP-2", stock=2)
    owner.execute("UPDATE variants SET ean = '5940000000028' WHERE id = %s", [jug.id])
    text = (
        "Cod;Cod de bare;Preț;Stoc;Furnizor\n"
        "SUP-1;;1.234,50;7;X\n"
        ";5940000000028;8,90;9;X\n"
        "NOPE;;1,00;1;X\n"
        "SUP-1;;2,00;1;X\n"
    )
    with pytest.raises(Exception, match="unknown_columns"):
        bring(text)
    choices = Choices(mapping=MAPPING, match=("sku", "ean"))
    done = bring(text, choices=choices)
    assert done.faults() == [
        (2, "Cod", "same_key_twice"), (4, "Cod", "not_there"), (5, "Cod", "same_key_twice"),
    ]  # fmt: skip
    assert stock_of(jug) == 9
    assert bring(text.replace("SUP-1;;2,00;1;X\n", ""), choices=choices).counts == (1, 1, 1)
    assert stock_of(cup) == 7
    price = owner.execute("SELECT price FROM variants WHERE id = %s", [cup.id]).fetchone()
    assert str(price and price[0]) == "1234.50"


def test_columns_that_are_values_of_an_option(bring: Import, owner: Owner) -> None:
    choices = Choices(mapping={"Denumire": "product", "Culoare": "option:Culoare", "Pret": "price"})
    done = bring("Denumire,Culoare,Pret\nMapped Tee,Roșu,10\nMapped Tee,Verde,10\n", choices=choices)
    assert done.counts == (2, 0, 0)
    assert [row[5] for row in variants_of(owner, "Mapped Tee")] == ["Roșu", "Verde"]


HEAD = "product,sku,option1_name,option1_value,price,compare_at_price,stock\n"


def test_what_rows_may_do(bring: Import, owner: Owner) -> None:
    assert bring(HEAD + "May Tee,M-1,Tone,Red,10,20,5\nMay Tee,M-2,Tone,Blue,10,20,5\n").counts == (2, 0, 0)
    create = bring(HEAD + "May Tee,M-1,Tone,Red,99,,5\nMay Tee,M-3,Tone,Green,10,,5\n", choices=Choices(mode="create"))
    assert create.counts == (1, 1, 0)
    update = bring(HEAD + "May Tee,M-1,Tone,Red,11,,5\nMay Tee,M-4,Tone,Black,10,,5\n", choices=Choices(mode="update"))
    assert update.counts == (1, 0, 1)
    assert [code for _line, _column, code in update.faults()] == ["not_there"]
    cleared = bring(HEAD + "May Tee,M-1,Tone,Red,11,,5\n", choices=Choices(blank="clear"))
    assert cleared.counts == (1, 0, 0)
    added = bring(HEAD + "May Tee,M-1,Tone,Red,11,,4\n", choices=Choices(stock="add"))
    assert added.counts == (1, 0, 0)
    gone = bring(HEAD + "May Tee,M-1,Tone,Red,11,,9\n", choices=Choices(missing="deactivate"))
    assert gone.counts == (0, 1, 0)
    rows = [(sku, str(price), compare, stock, status) for sku, price, compare, stock, status, _ in
            variants_of(owner, "May Tee")]  # fmt: skip
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("M-1", "11.00", 9, 0), ("M-2", "10.00", 5, 1), ("M-3", "10.00", 5, 1),
    ]  # fmt: skip
    assert rows[0][2] is None
    missing = owner.execute("SELECT rows_missing FROM imports WHERE id = %s", [gone.id]).fetchone()
    assert missing == (2,)


def test_what_is_missing_is_left_alone_where_rows_were_refused(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Left Tee,L-1,Tone,Red,10,,5\nLeft Tee,L-2,Tone,Blue,10,,5\n")
    bring(HEAD + "Left Tee,L-1,Tone,Red,10,,x\n", choices=Choices(missing="deactivate"))
    bring(
        HEAD.strip() + ",error_line,error_column,error_code,error\nLeft Tee,L-1,Tone,Red,10,,5,2,,,\n",
        choices=Choices(missing="deactivate"),
    )
    assert [row[4] for row in variants_of(owner, "Left Tee")] == [0, 0]


def test_a_change_is_noted_from_what_to_what(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Note Tee,N-1,Tone,Red,10,,5\n")
    for dry_run in (True, False):
        done = bring(HEAD + "Note Tee,N-1,Tone,Blue,12.5,,7\n", dry_run=dry_run)
        row = owner.execute(
            "SELECT outcome, changes, version_after IS NULL FROM import_rows WHERE import_id = %s", [done.id]
        ).fetchone()
        assert row is not None
        changes = dict(row[1])
        assert changes.pop("option_ids")
        assert (row[0], changes, row[2]) == (
            "updated", {"price": [10.00, 12.50], "stock": [5, 7], "options": ["Red", "Blue"]}, dry_run,
        )  # fmt: skip


def test_the_figure_that_the_file_was_made_from_guards_the_stock(bring: Import) -> None:
    head = HEAD.strip() + ",expected\n"
    bring(HEAD + "Guard Tee,G-1,Tone,Red,10,,5\n")
    assert [code for *_where, code in bring(head + "Guard Tee,G-1,Tone,Red,10,,9,6\n").faults()] == ["stale_version"]
    assert bring(head + "Guard Tee,G-1,Tone,Red,10,,9,5\n").counts == (1, 0, 0)


def test_records_of_a_feed_are_taken_by_the_thousand(app: Flask, home: Path, owner: Owner) -> None:
    product = make_product(name="Batch Tee")
    records = [
        FeedRecord(
            "erp", "one", f"B-{n}", product.id, sku=f"BT-{n}", price=Decimal(n) / 4, stock=n % 5,
            option_values=[("Tone", f"=T{n}")],
        )
        for n in range(1_000)
    ]  # fmt: skip
    for expected in ((1_000, 0, 0), (0, 1_000, 0)):
        row = batches.hand_over(Batch("erp", "one", records), home, actor=ANA, queued=False)
        runner.perform(row.id, home, actor=ANA)
        assert look(row.id).counts == expected
    mapped = owner.execute("SELECT count(*) FROM variant_external_ids WHERE source = 'erp'").fetchone()
    assert mapped == (1_000,)
