"""The way back: what an import made and changed, as far as nobody has touched it since; the steps before."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.blueprints.imports import exporting
from magflow.db import db
from magflow.domain.imports.choices import Choices
from magflow.domain.imports.faults import ImportBusy
from magflow.queries import imports
from magflow.services.imports import checking, commands, files, runner, undo
from magflow.services.imports.commands import Chosen, Rerun
from magflow.services.imports.runner import Progress
from magflow.services.imports.undo import UndoImport
from tests.blueprints.conftest import Clerk, words
from tests.imports.conftest import ANA, Import, look
from tests.imports.test_formats import HEAD, variants_of
from tests.imports.test_variants import everything

Owner = psycopg.Connection[tuple[Any, ...]]


def take_back(import_id: int) -> None:
    undo.undo(UndoImport(import_id, queued=False), actor=ANA)
    undo.perform(import_id, actor=ANA)


def told(owner: Owner, import_id: int) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT line, undo FROM import_rows WHERE import_id = %s ORDER BY number", [import_id]
    ).fetchall()


def test_what_was_changed_is_set_back_and_what_was_made_is_deactivated(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Back Tee,B-1,Tone,Red,10,20,5\nBack Tee,B-2,Tone,Blue,11,,6\nBack Tee,B-3,Tone,Green,12,,7\n")
    before = variants_of(owner, "Back Tee")
    brand = HEAD.strip() + ",brand,image_urls\n"
    done = bring(
        brand + "Back Tee,B-1,Tone,Black,15,,1,Nord,https://a.example/1.jpg\nBack Tee,B-2,Tone,Blue,16,,9,,\n"
        "Back Tee,B-3,Tone,Green,17,,7,,\nBack Tee,B-4,Tone,White,1,,2,,\n"
    )
    assert done.counts == (4, 0, 0)
    owner.execute("UPDATE variants SET version = version + 1 WHERE sku = 'B-3'")  # somebody edited it since
    take_back(done.id)
    after = variants_of(owner, "Back Tee")
    assert after[:2] == before[:2]
    assert [(row[0], str(row[1]), row[4]) for row in after[2:]] == [("B-3", "17.00", 0), ("B-4", "1.00", 1)]
    assert told(owner, done.id) == [(2, "undone"), (3, "undone"), (4, "touched"), (5, "undone")]
    assert owner.execute("SELECT brand FROM products WHERE name = 'Back Tee'").fetchone() == (None,)
    assert owner.execute("SELECT count(*) FROM variant_images WHERE url LIKE '%a.example/1.jpg'").fetchone() == (0,)
    unexplained = owner.execute(
        "SELECT count(*) FROM variants v WHERE stock <> (SELECT coalesce(sum(delta), 0) FROM stock_movements m "
        "WHERE m.variant_id = v.id)"
    ).fetchone()
    assert unexplained == (0,)
    with pytest.raises(ImportBusy):
        take_back(done.id)


def test_a_product_that_was_made_is_archived_and_what_was_missing_comes_back(bring: Import, owner: Owner) -> None:
    made = bring(HEAD + "Made Tee,MA-1,Tone,Red,10,,5\n")
    take_back(made.id)
    assert owner.execute("SELECT archived FROM products WHERE name = 'Made Tee'").fetchone() == (True,)
    bring(HEAD + "Miss Tee,MI-1,Tone,Red,10,,5\nMiss Tee,MI-2,Tone,Blue,10,,5\n")
    done = bring(HEAD + "Miss Tee,MI-1,Tone,Red,10,,5\n", choices=Choices(missing="deactivate"))
    assert [row[4] for row in variants_of(owner, "Miss Tee")] == [0, 1]
    take_back(done.id)
    assert [row[4] for row in variants_of(owner, "Miss Tee")] == [0, 0]


def test_what_was_touched_since_stays_a_draft_and_its_product_as_it_is(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Kept Tee,KE-1,Tone,Red,10,,5\nKept Tee,KE-2,Tone,Blue,10,,5\nKept Tee,KE-3,Tone,Green,10,,5\n")
    brand = HEAD.strip() + ",brand\n"
    done = bring(brand + "Kept Tee,KE-1,Tone,Red,10,,5,Nord\n", choices=Choices(missing="deactivate"))
    owner.execute("UPDATE variants SET version = version + 1 WHERE sku = 'KE-2'")
    owner.execute("UPDATE products SET brand = 'Sud', version = version + 1 WHERE name = 'Kept Tee'")
    take_back(done.id)
    assert [(row[0], row[4]) for row in variants_of(owner, "Kept Tee")] == [("KE-1", 0), ("KE-2", 1), ("KE-3", 0)]
    assert owner.execute("SELECT brand FROM products WHERE name = 'Kept Tee'").fetchone() == ("Sud",)


def test_what_a_source_called_a_variant_is_forgotten_with_its_import(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Id Tee,ID-1,Tone,Red,10,,5\n")
    done = bring(HEAD.strip() + ",external_id\nId Tee,ID-1,Tone,Red,10,,5,E-77\n", source="erp")
    known = "SELECT count(*) FROM variant_external_ids WHERE external_id = 'E-77'"
    assert owner.execute(known).fetchone() == (1,)
    take_back(done.id)
    assert owner.execute(known).fetchone() == (0,)


def test_pictures_of_products_come_back_with_their_texts(bring: Import, owner: Owner) -> None:
    shopify = "Title,URL handle,SKU,Option1 name,Option1 value,Price,Product image URL,Image position,Image alt text\n"
    bring(
        shopify + "Pic Tee,pic-tee,PI-1,Title,Default Title,5,https://a.example/1.jpg,1,front\n"
        ",pic-tee,,,,,https://a.example/2.jpg,2,\n"
    )
    pictures = (
        "SELECT url, alt_text, position FROM variant_images i JOIN products p ON p.id = i.product_id "
        "WHERE p.handle = 'pic-tee' ORDER BY position"
    )
    before = owner.execute(pictures).fetchall()
    assert len(before) == 2
    # A row that is refused takes no picture from its product.
    again = bring(
        shopify + "Pic Tee,pic-tee,PI-1,Title,Default Title,5,https://a.example/1.jpg,1,front\n"
        ",pic-tee,,,Blue,x,https://a.example/2.jpg,2,\n"
    )
    assert again.counts == (0, 1, 1)
    assert owner.execute(pictures).fetchall() == before
    head = "handle,sku,brand,product_image_urls\n"
    done = bring(head + "pic-tee,PI-1,North,https://a.example/9.jpg\n")
    assert done.counts == (1, 0, 0)
    changes = owner.execute("SELECT changes FROM import_rows WHERE import_id = %s", [done.id]).fetchone()
    assert changes == ({"brand": [None, "North"], "images": [
        [["https://a.example/1.jpg", "front"], ["https://a.example/2.jpg", None]], [["https://a.example/9.jpg", None]],
    ]},)  # fmt: skip
    take_back(done.id)
    assert owner.execute(pictures).fetchall() == before
    done = bring(head + "pic-tee,PI-1,North,https://a.example/9.jpg\n")
    owner.execute("UPDATE variant_images SET alt_text = 'mine' WHERE url = 'https://a.example/9.jpg'")
    take_back(done.id)
    assert owner.execute(pictures).fetchall() == [("https://a.example/9.jpg", "mine", 0)]
    assert owner.execute("SELECT undo FROM import_products WHERE import_id = %s", [done.id]).fetchone() == ("touched",)


def test_stock_that_was_sold_since_stays_as_it_is(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Sold Tee,SO-1,Tone,Red,10,,5\nSold Tee,SO-2,Tone,Blue,10,,5\n")
    done = bring("sku,stock\nSO-1,9\nSO-2,9\n", kind="stock")
    bring("sku,delta\nSO-2,-1\n", kind="stock")
    take_back(done.id)
    assert [row[3] for row in variants_of(owner, "Sold Tee")] == [5, 8]
    assert told(owner, done.id) == [(2, "undone"), (3, "touched")]


def test_an_import_that_was_stopped_is_undone_and_not_gone_on_with(
    bring: Import, home: Path, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "FIRST_CHUNK_ROWS", 1)
    monkeypatch.setattr(checking, "CHUNK_ROWS", 1)
    stored = files.store(
        home, io.BytesIO((HEAD + "Stop Tee,ST-1,Tone,Red,1,,1\nStop Mug,ST-2,Tone,Red,1,,1\n").encode())
    )
    row = commands.register(commands.take_in(home, stored, filename="x.csv", kind="variants", queued=False), actor=ANA)

    def stop(progress: Progress) -> None:
        if progress.done:
            commands.cancel(row.id, actor=ANA)

    runner.perform(row.id, home, actor=ANA, tell=stop)
    stopped = look(row.id)
    assert (stopped.status, stopped.applied) == ("cancelled", 1)
    take_back(row.id)
    assert [found[4] for found in variants_of(owner, "Stop Tee") + variants_of(owner, "Stop Mug")] == [1]
    with pytest.raises(ImportBusy) as busy:
        commands.resume(Rerun(row.id, home), actor=ANA)
    assert busy.value.import_status == "undone"


def test_an_import_waits_for_its_columns_rests_and_goes_on(bring: Import, home: Path, owner: Owner) -> None:
    def register(waits: bool) -> int:
        import io

        from magflow.services.imports import files

        stored = files.store(home, io.BytesIO(b"Denumire;Cod;Pret\nWait Tee;WA-1;12,50\n"))
        command = commands.take_in(
            home, stored, filename="f.csv", kind="variants", source="wait", queued=False, waits=waits,
            choices=Choices(mapping={"Denumire": "product", "Cod": "sku", "Pret": "price"}),
        )  # fmt: skip
        return commands.register(command, actor=ANA).id

    first = register(waits=True)
    assert look(first).status == "ready"
    runner.perform(first, home, actor=ANA)
    assert look(first).status == "ready"
    chosen = Choices(mapping={"Denumire": "product", "Cod": "sku", "Pret": "price"})
    commands.choose(Chosen(first, home, chosen, dry_run=True), actor=ANA)
    commands.pause(first, actor=ANA)
    runner.perform(first, home, actor=ANA)
    assert look(first).status == "paused"
    commands.resume(Rerun(first, home), actor=ANA)
    runner.perform(first, home, actor=ANA)
    assert (look(first).status, look(first).counts) == ("finished", (1, 0, 0))
    assert variants_of(owner, "Wait Tee") == []
    commands.choose(Chosen(first, home, chosen, dry_run=False), actor=ANA)
    runner.perform(first, home, actor=ANA)
    assert [str(row[1]) for row in variants_of(owner, "Wait Tee")] == ["12.50"]
    kept = owner.execute("SELECT choices FROM import_mappings WHERE source = 'wait'").fetchone()
    assert kept == ({"mapping": {"Denumire": "product", "Cod": "sku", "Pret": "price"}},)


OFFERS = "external_id,part_number_key,ean,sale_price,stock,number_of_offers,buy_button_rank,status,last_synced_at\n"


def test_offers_of_an_account_are_kept_and_no_stock_is_booked(bring: Import, owner: Owner) -> None:
    bring(HEAD + "Offer Tee,OF-1,Tone,Red,10,,5\n")
    owner.execute("UPDATE variants SET ean = '5940000000035' WHERE sku = 'OF-1'")
    owner.execute("INSERT INTO marketplace_accounts (source, code) VALUES ('emag', 'file')")
    rows = (
        "331,D5DD9BBBM,5940000000035,49.90,7,3,1,active,2026-03-05 10:00\n332,DXXXXXXBM,,10,-1,,,active,\n,,,1,1,,,,\n"
    )
    done = bring(OFFERS + rows, kind="offers", source="emag", source_account="file")
    assert done.counts == (1, 0, 2)
    offer = owner.execute(
        "SELECT o.stock, o.number_of_offers, o.buy_button_rank, o.matched_by, v.sku, v.stock FROM offers o "
        "JOIN variants v ON v.id = o.variant_id WHERE o.external_id = '331'"
    ).fetchone()
    assert offer == (7, 3, 1, "ean", "OF-1", 5)
    seen = everything(owner)
    assert bring(OFFERS + rows, kind="offers", source="emag", source_account="file").counts == (0, 1, 2)
    assert everything(owner) == seen
    offers = "SELECT o.external_id, o.stock, o.sale_price::text, o.status FROM offers o ORDER BY o.external_id"
    more = (
        rows.splitlines()[0].replace("49.90,7,3", "45.00,2,3")
        + "\n"
        + "333,,,1.00,1,,,active,\n334,,,1.00,1,,,active,\n"
    )
    later = bring(OFFERS + more, kind="offers", source="emag", source_account="file")
    assert later.counts == (3, 0, 0)
    owner.execute("UPDATE offers SET last_read_at = clock_timestamp(), stock = 4 WHERE external_id = '334'")
    take_back(later.id)
    assert told(owner, later.id) == [(2, "undone"), (3, "undone"), (4, "read_since")]
    assert owner.execute(offers).fetchall() == [
        ("331", 7, "49.9000", 1), ("333", 1, "1.0000", 0), ("334", 4, "1.0000", 1),
    ]  # fmt: skip
    exact = OFFERS + '331,,,"41,9328",7,3,1,active,2026-03-05T10:00:00.5\n'
    assert bring(exact, kind="offers", source="emag", source_account="file").counts == (1, 0, 0)
    exported = b"".join(exporting.export("offers", "magflow", source="emag", account="file"))
    assert b"41.9328" in exported
    assert bring(exported, kind="offers", source="emag", source_account="file").counts == (0, 3, 0)
    unknown = bring_fails(bring, OFFERS + rows)
    assert unknown == "unknown_account"


def bring_fails(bring: Import, text: str) -> str:
    from magflow.domain.imports.faults import FileFault

    with pytest.raises(FileFault) as fault:
        bring(text, kind="offers", source="emag", source_account="nobody")
    return fault.value.reason


def test_what_stands_out_is_shown_apart(bring: Import, module_app: Flask) -> None:
    bring(HEAD + "".join(f"Odd Tee,OD-{n},Tone,T{n},100,,5\n" for n in range(6)))
    dry = bring(
        HEAD + "Odd Tee,OD-0,Tone,T0,79,,5\nOdd Tee,OD-1,Tone,T1,80,,5\nOdd Tee,OD-2,Tone,T2,121,,0\n"
        "Odd Tee,OD-3,Tone,T3,100,90,5\nOdd Tee,OD-4,Tone,T4,100,,6\n",
        dry_run=True,
    )
    db.session.remove()
    row = imports.one(db.session(), dry.id).row
    odd = imports.suspicious(db.session(), row)
    assert (odd.counts, odd.rows, odd.of) == (
        {"price_falls": 1, "price_rises": 1, "stock_to_zero": 1, "before_below_price": 1}, 3, 5,
    )  # fmt: skip
    assert [one.line for one in imports.suspicious_rows(db.session(), row, 3).rows] == [2, 4, 5]
    db.session.remove()
    said = words(Clerk(module_app, "owner").get(f"/imports/{dry.id}"))
    assert "1 price falls by more than 20 % (of 5 that change)" in said
    assert "OD-0" in said and "OD-1" not in said
