"""Files in a browser: orders that come in, go out as a workbook, come back unchanged, and are taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from magflow.blueprints.imports import jobs
from magflow.db import db
from magflow.queries import imports
from magflow.services import export_schedules
from tests.browser.conftest import Person
from tests.browser.test_generate import look
from tests.services.looking import rows
from tests.shop import ANA, make_product, make_variant

pytestmark = pytest.mark.browser

ASKED_BY = {"kind": "user", "id": 1, "name": "ana@shop.example", "request_id": "r-1"}
ORDERS = (
    "number,status,placed_at,sku,quantity,unit_price,vat_rate\n"
    "BR-1,confirmed,2024-02-29 10:00,FILE-CUP,2,10.50,19\n"
    "BR-2,pending,2024-03-01 10:00,FILE-CUP,1,,\n"
)


def by_the_worker(app: Flask) -> None:
    """Run the import that was asked for last."""
    with app.app_context():
        [last] = imports.listed(db.session(), limit=1).rows
        import_id = last.row.id
        db.session.remove()
        jobs.run_import(import_id=import_id, asked_by=ASKED_BY)
        db.session.remove()


def bring(ana: Person, app: Flask, path: Path, kind: str) -> Any:
    """Upload a file, go on from its columns, and look at what became of it."""
    page = ana.go("/imports")
    page.check(f"input[name=kind][value={kind}]")
    page.set_input_files("input[type=file]", path)
    ana.press("main button[data-save]")
    ana.press("button[value=run]")
    assert "Waiting" in page.inner_text(".page-head")
    by_the_worker(app)
    page.wait_for_selector(".tiles")  # the page watches, and shows itself anew
    ana.ready()
    return page


def away(page: Any, selector: str, path: Path) -> Path:
    """Press something that gives a file, and keep it."""
    with page.expect_download() as download:
        page.click(selector)
    download.value.save_as(path)
    return path


def counts(page: Any) -> list[str]:
    """Created, changed, as it was, refused."""
    told: list[str] = page.locator(".tiles .tile-figure").all_inner_texts()
    return told


def test_orders_come_in_go_out_and_are_taken_back(ana: Person, module_app: Flask, tmp_path: Path) -> None:
    with module_app.app_context():
        make_variant(make_product(name="File cup"), sku="FILE-CUP", stock=9)
    (tmp_path / "orders.csv").write_text(ORDERS)
    page = bring(ana, module_app, tmp_path / "orders.csv", "orders")
    assert counts(page) == ["2", "0", "0", "0"]
    undo_at = page.url
    page = ana.go("/imports/exports")
    look(page, "exports")
    out = away(page, "form[action$='orders.csv'] button[value=xlsx]", tmp_path / "orders.xlsx")
    page = bring(ana, module_app, out, "orders")
    assert counts(page) == ["0", "0", "2", "0"]

    page = ana.go(undo_at.removeprefix(ana.address))
    page.click("form[action$='/undo'] button")
    assert "no stock changes" in page.inner_text("#confirm")
    ana.agree()
    with module_app.app_context():
        jobs.undo_import(import_id=int(undo_at.rsplit("/", 1)[1]), asked_by=ASKED_BY)
        db.session.remove()
    page = ana.go(undo_at.removeprefix(ana.address))
    assert "2 rows were set back" in page.inner_text("main")
    look(page, "orders-undone")
    with module_app.app_context():
        assert rows("SELECT DISTINCT status FROM orders WHERE number LIKE 'BR-%'") == [("cancelled",)]


def test_a_list_leaves_as_it_is_filtered_and_an_export_is_written_by_the_clock(
    ana: Person, module_app: Flask, tmp_path: Path
) -> None:
    with module_app.app_context():
        for name, sku in (("Narwhal mug", "NW-1"), ("Narwhal jug", "NW-2"), ("Other jug", "OJ-1")):
            make_variant(make_product(name=name), sku=sku)
    page = ana.go("/products?q=narwhal")
    text = away(page, "a.chip[download]", tmp_path / "list.csv").read_text("utf-8-sig")
    assert ("NW-1" in text, "NW-2" in text, "OJ-1" in text) == (True, True, False)

    page = ana.go("/imports/exports")
    page.fill("#f-name", "Counts for the shelf")
    page.select_option("#f-what", "stock")
    page.select_option("#f-schedule-file", "xlsx")
    ana.press("form[action$='/imports/exports'] .form-foot button")
    with module_app.app_context():
        [(schedule,)] = rows("SELECT id FROM export_schedules WHERE name = 'Counts for the shelf'")
        export_schedules.enqueue_due("q", actor=ANA)
        jobs.write_export(schedule_id=schedule)
        db.session.remove()
    page = ana.go("/imports/exports")
    look(page, "exports-by-the-clock")
    assert away(page, f"a[href$='/{schedule}/file']", tmp_path / "stock.xlsx").read_bytes()[:2] == b"PK"
