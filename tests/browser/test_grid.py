"""The grid in Chromium under the strict policy: a spreadsheet for the keyboard, and nothing that was typed is lost."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from magflow.db import db
from magflow.domain.border import Unfit
from magflow.domain.grid import cell_value
from magflow.models import Variant
from magflow.services import generation, variants
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of
from tests.web.look_shop import cookie_for

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MANY = 2_048


@dataclass
class Shop:
    address: str
    app: Flask
    browser: Browser
    many: int

    def page(
        self, product_id: int, *, role: str = "owner", locale: str = "en", width: int = 1440, **options: Any
    ) -> Page:
        """The grid of a product, its rows loaded; what the policy refused and what broke is noted."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, base_url=self.address, locale=locale, **options
        )
        context.set_default_timeout(10_000)
        session = {"name": "magflow", "value": cookie_for(self.app, role), "url": self.address}
        context.add_cookies([session, {"name": "magflow_locale", "value": locale, "url": self.address}])
        page = context.new_page()
        page.complaints = []  # type: ignore[attr-defined]
        page.on("console", lambda said: said.type in {"error", "warning"} and complain(page, said.text))
        page.on("pageerror", lambda error: complain(page, str(error)))
        page.goto(f"/products/{product_id}/grid")
        page.wait_for_selector("[data-grid][data-state=ready]")
        return page

    def tees(self) -> list[Variant]:
        """A product of three variants: S, M, L; price 10.00, stock 10."""
        with self.app.app_context():
            product = make_product(options={"Size": ["S", "M", "L"]})
            return [make_variant(product, values=[("Size", size)], price="10.00", stock=10) for size in "SML"]


def complain(page: Any, text: str) -> None:
    page.complaints.append(text)


@pytest.fixture(scope="module")
def shop(module_app: Flask) -> Iterator[Shop]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: the grid was not opened in a browser. Name one with CHROMIUM=/path/to/it")
    with module_app.app_context():
        product = make_product(options={"A": [f"a{n}" for n in range(32)], "B": [f"b{n}" for n in range(64)]})
        generation.generate(generation.Generate(product.id, price=Decimal("10.00"), stock=5), actor=ANA)
        many = product.id
    server = make_server("127.0.0.1", 0, module_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Shop(f"http://127.0.0.1:{server.server_port}", module_app, browser, many)
            browser.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def close_windows(shop: Shop) -> Iterator[None]:
    """No window outlives its test."""
    yield
    for context in shop.browser.contexts:
        context.close()


def stored(shop: Shop, variant: Variant) -> Any:
    with shop.app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(Variant).where(Variant.id == variant.id)).one()


def cell(page: Page, variant: Variant, field: str) -> Any:
    return page.locator(f"#cell-{variant.id}-{field}")


def shows(page: Page, variants: Sequence[Variant], field: str, texts: Sequence[str]) -> None:
    """Wait until the cells show these: a cell is drawn with the next frame, not within the key press."""
    for variant, told in zip(variants, texts, strict=True):
        expect(cell(page, variant, field).locator(".grid-text")).to_have_text(told)


def go(page: Page, variant: Variant, field: str) -> None:
    cell(page, variant, field).click()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Page) -> None:
    expect(page.locator("[data-status]")).to_have_text("Everything is saved.")


def put_on_clipboard(page: Page, block: str) -> None:
    """A paste as the browser delivers it; the clipboard of the machine belongs to everybody."""
    page.evaluate(
        """block => { const data = new DataTransfer(); data.setData('text/plain', block);
        document.querySelector('[data-editor]').dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }""",
        block,
    )


def hold_saves(page: Page) -> list[Route]:
    """Saves do not reach the server until they are let go."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route("**/grid", hold)
    return held


def first(page: Page, held: list[Route]) -> Route:
    """The first save that is held, as soon as it is there."""
    for _ in range(500):
        if held:
            return held.pop(0)
        page.wait_for_timeout(20)  # lets the browser's events arrive
    raise AssertionError("nothing was sent")


# --- typing -----------------------------------------------------------------------------------------------------------


def test_typing_replaces_enter_keeps_escape_restores_tab_saves(shop: Shop) -> None:
    small, medium, _large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "price")
    page.keyboard.type("185")
    press(page, "Escape")
    shows(page, [small], "price", ["10.00"])
    page.keyboard.type("185")
    press(page, "Enter")
    shows(page, [small], "price", ["185.00"])
    assert stored(shop, small).price == Decimal("10.00")
    expect(cell(page, small, "price")).to_contain_text("changed, not saved")
    page.keyboard.type("12.5")
    press(page, "Tab")
    expect(cell(page, medium, "price")).to_contain_text(", saved")
    assert stored(shop, medium).price == Decimal("12.50")
    press(page, "ArrowUp", "ArrowLeft", "F2")
    assert page.input_value("[data-editor]") == "185.00"
    press(page, "Backspace", "Backspace", "Backspace", "Enter", "Control+Enter")
    saved(page)
    assert stored(shop, small).price == Decimal("185.00")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_an_answer_that_comes_while_somebody_types_cuts_nothing(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    held = hold_saves(page)
    go(page, small, "stock")
    page.keyboard.type("18")
    press(page, "Tab")
    expect(cell(page, small, "stock")).to_contain_text("being saved")
    go(page, small, "stock")
    page.keyboard.type("18")
    first(page, held).continue_()
    # The answer (18) is there, redraws the row, and finds the field open with the same beginning.
    page.wait_for_function("() => document.querySelector('[data-status]').textContent === 'Everything is saved.'")
    page.keyboard.type("5")
    press(page, "Enter")
    shows(page, [small], "stock", ["185"])
    press(page, "Control+s")
    first(page, held).continue_()
    saved(page)
    assert (stored(shop, small).stock, movements_in(shop, small)) == (185, [8, 167])


def movements_in(shop: Shop, variant: Variant) -> list[int]:
    with shop.app.app_context():
        return movements_of(variant)


def test_a_value_typed_while_the_first_is_on_its_way_is_saved_after_it(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    held = hold_saves(page)
    go(page, small, "price")
    page.keyboard.type("18")
    press(page, "Tab")
    expect(cell(page, small, "price")).to_contain_text("being saved")
    go(page, small, "price")
    page.keyboard.type("185")
    press(page, "Tab")
    first(page, held).continue_()
    first(page, held).continue_()
    expect(cell(page, small, "price")).to_contain_text(", saved")
    shows(page, [small], "price", ["185.00"])
    assert stored(shop, small).price == Decimal("185.00")


def test_two_hundred_figures_typed_as_fast_as_keys_can_come(shop: Shop) -> None:
    page = shop.page(shop.many)
    with shop.app.app_context():
        ids = list(db.session.scalars(select(Variant.id).where(Variant.product_id == shop.many).order_by(Variant.id)))
        db.session.remove()
    page.locator(f"#cell-{ids[0]}-stock").click()
    for number in range(200):
        page.keyboard.type(str(1_850 + number))
        page.keyboard.press("Enter")
    expect(page.locator("[data-status]")).to_have_text("Changed: 200")
    press(page, "Control+Enter")
    saved(page)
    with shop.app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(select(Variant.stock).where(Variant.id.in_(ids[:200])).order_by(Variant.id))
        assert [row[0] for row in rows] == [1_850 + number for number in range(200)]


def test_an_input_method_writes_from_its_first_stroke_on(shop: Shop) -> None:
    small, medium, _large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "title")
    wire = page.context.new_cdp_session(page)
    for step in ("c", "ca", "can"):
        wire.send("Input.imeSetComposition", {"text": step, "selectionStart": len(step), "selectionEnd": len(step)})
    # Enter belongs to the input method while it composes, and must not close the cell.
    wire.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Process"})
    wire.send("Input.insertText", {"text": "cană"})
    page.keyboard.type(" roșie")
    press(page, "Enter")
    shows(page, [small], "title", ["cană roșie"])
    page.keyboard.type("ț")
    press(page, "Tab")
    expect(cell(page, medium, "title")).to_contain_text(", saved")
    assert stored(shop, medium).title == "ț"


def test_leaving_a_cell_by_the_mouse_or_for_another_field_keeps_what_was_typed(shop: Shop) -> None:
    small, medium, _large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "price")
    page.keyboard.type("185")
    go(page, medium, "price")
    page.keyboard.type("186")
    page.click("[data-filter]")
    shows(page, (small, medium), "price", ["185.00", "186.00"])


# --- as a spreadsheet -------------------------------------------------------------------------------------------------


def test_fill_down_undo_and_redo_go_step_by_step(shop: Shop) -> None:
    small, medium, large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "price")
    page.keyboard.type("15")
    press(page, "Enter", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowDown", "Control+d")
    shows(page, (small, medium, large), "price", ["15.00", "15.00", "15.00"])
    press(page, "Control+z")
    shows(page, (small, medium, large), "price", ["15.00", "10.00", "10.00"])
    press(page, "Control+z")
    expect(page.locator("[data-save]")).to_be_disabled()
    press(page, "Control+y", "Control+Shift+z", "Control+Enter")
    saved(page)
    assert [stored(shop, v).price for v in (small, medium, large)] == [Decimal("15.00")] * 3
    press(page, "Control+z")
    expect(page.locator("[data-status]")).to_have_text("Changed: 2")


def test_a_pasted_block_is_looked_at_first(shop: Shop) -> None:
    small, medium, large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "title")
    put_on_clipboard(page, 'Mic\t11\t\nMediu\t-2\t20\r\n"Ma""re"\t1,234.5\tx\nzu viel\t1\t1\n')
    page.wait_for_selector("[data-paste][open]")
    expect(page.locator("[data-sum]")).to_have_text(
        "Cells that change: 6 · Unchanged: 1 · Not accepted: 2 · Outside of the grid, left out: 3"
    )
    assert "It cannot be below zero." in page.inner_text("[data-paste] tbody")
    page.click("[data-paste] [data-apply]")
    expect(cell(page, small, "title").locator(".grid-text")).to_have_text("Mic")
    shows(page, (small, medium, large), "title", ["Mic", "Mediu", 'Ma"re'])
    shows(page, (small, medium, large), "price", ["11.00", "10.00", "1,234.50"])
    press(page, "Control+z")
    expect(page.locator("[data-save]")).to_be_disabled()


def test_the_preview_knows_the_skus_that_are_taken(shop: Shop) -> None:
    small, medium, large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "sku")
    put_on_clipboard(page, f"{large.sku}\n{small.sku}\n")
    page.wait_for_selector("[data-paste][open]")
    expect(page.locator("[data-paste] tbody")).to_contain_text(f"has the SKU {large.sku}; choose another")
    press(page, "Escape")
    put_on_clipboard(page, f"{medium.sku}\n{small.sku}\n")
    page.wait_for_selector("[data-paste][open]")
    expect(page.locator("[data-apply]")).to_be_focused()
    expect(page.locator("[data-sum]")).to_have_text("Cells that change: 2 · Unchanged: 0")
    press(page, "Enter", "Control+Enter")
    saved(page)
    assert (stored(shop, small).sku, stored(shop, medium).sku) == (medium.sku, small.sku)


def test_what_is_copied_can_be_pasted_again(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "price")
    press(page, "Shift+ArrowDown", "Shift+ArrowRight", "Shift+ArrowRight")
    block = page.evaluate(
        """() => { const data = new DataTransfer(); document.querySelector('[data-editor]').dispatchEvent(
        new ClipboardEvent('copy', { clipboardData: data, cancelable: true })); return data.getData('text/plain'); }"""
    )
    assert block == "10.00\t\t10\n10.00\t\t10"


# --- what is refused, and what others did -----------------------------------------------------------------------------


def test_refusals_stand_at_their_cell_in_words_and_the_row_waits(shop: Shop) -> None:
    small, medium, large = shop.tees()
    page = shop.page(small.product_id)
    go(page, small, "ean")
    page.keyboard.type("5941234567890")
    press(page, "Enter", "ArrowUp")
    expect(page.locator("[data-note]")).to_have_text(
        "The last digit of this barcode (EAN) does not fit; check it again."
    )
    go(page, medium, "sku")
    page.keyboard.type(large.sku)
    press(page, "Tab")
    expect(cell(page, medium, "sku")).to_contain_text(
        f"refused: Another variant of this product has the SKU {large.sku}"
    )
    go(page, medium, "title")
    page.keyboard.type("Waits")
    press(page, "Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("Changed: 1 · To correct: 1 · Refused: 1")
    assert stored(shop, medium).title == medium.title
    go(page, medium, "sku")
    page.keyboard.type("FREE")
    press(page, "Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("To correct: 1")
    assert (stored(shop, medium).title, stored(shop, medium).sku) == ("Waits", "FREE")


def test_a_sale_between_opening_and_saving_asks_and_the_difference_is_applied(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    with shop.app.app_context():
        finalize(make_order((small, 3)))
    go(page, small, "stock")
    page.keyboard.type("12")
    press(page, "Tab")
    expect(cell(page, small, "stock")).to_contain_text("changed by somebody else")
    go(page, small, "stock")
    note = page.locator("[data-note]")
    expect(note).to_contain_text("You saw: 10 · Now: 7 · Yours: 12")
    assert note.locator("button").all_inner_texts() == [
        "Count again, keep: 12", "Apply the difference +2: 7 → 9", "Take theirs: 7"
    ]  # fmt: skip
    # By the keyboard alone; and one more is sold before it is sent.
    press(page, "Enter", "Tab")
    with shop.app.app_context():
        finalize(make_order((small, 1)))
    press(page, "Enter", "Control+Enter")
    saved(page)
    shows(page, [small], "stock", ["8"])
    assert stored(shop, small).stock == 8


def test_counting_again_keeps_mine_over_the_new_figure(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    with shop.app.app_context():
        finalize(make_order((small, 3)))
    go(page, small, "stock")
    page.keyboard.type("12")
    press(page, "Control+Enter")
    expect(page.locator("[data-note]")).to_contain_text("Now: 7")
    page.click("[data-choice=mine]")
    press(page, "Control+Enter")
    saved(page)
    assert stored(shop, small).stock == 12 and movements_in(shop, small) == [-3, 5]


def test_two_browsers_and_one_cell(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    with shop.app.app_context():
        variants.edit(variants.EditVariant(small.id, {"price": Decimal("11.00"), "title": "Theirs"}), actor=ANA)
    go(page, small, "price")
    page.keyboard.type("12")
    press(page, "Control+Enter")
    note = page.locator("[data-note]")
    expect(note).to_contain_text("You saw: 10.00 · Now: 11.00 · Yours: 12.00")
    shows(page, [small], "title", ["Theirs"])
    page.click("[data-choice=mine]")
    press(page, "Control+Enter")
    saved(page)
    assert (stored(shop, small).price, stored(shop, small).title) == (Decimal("12.00"), "Theirs")


def test_deactivating_reads_so_and_a_taken_combination_is_named(shop: Shop) -> None:
    small, *_rest = shop.tees()
    with shop.app.app_context():
        draft = make_variant(
            db.session.get_one(type(small).product.property.mapper.class_, small.product_id),
            values=[("Size", "S")], active=False, sku="DRAFT",
        )  # fmt: skip
    page = shop.page(small.product_id)
    go(page, draft, "status")
    press(page, "Enter", "Control+Enter")
    expect(page.locator("[data-note]")).to_contain_text(f"The active variant {small.sku} already has this combination.")
    assert page.get_attribute("[data-note] a", "href") == f"/products/variants/{small.id}"
    go(page, small, "status")
    press(page, "Enter")
    shows(page, [small], "status", ["Deactivate"])
    press(page, "Control+Enter")
    saved(page)
    assert (stored(shop, small).status, stored(shop, draft).status) == (1, 0)


def test_an_answer_that_was_lost_takes_effect_once(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    keys: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()  # done, but nobody hears of it
            route.abort()
        else:
            route.continue_()

    page.route("**/grid", lose)
    go(page, small, "stock")
    page.keyboard.type("15")
    press(page, "Tab")
    expect(cell(page, small, "stock")).to_contain_text(", saved")
    assert len(keys) == 2 and len(set(keys)) == 1
    assert stored(shop, small).stock == 15 and movements_in(shop, small) == [5]


def test_without_the_server_nothing_is_lost_and_it_says_so(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    page.route("**/grid", lambda route: route.fulfill(status=409, json={"detail": "Not now."}))
    go(page, small, "price")
    page.keyboard.type("15")
    press(page, "Control+Enter")
    expect(page.locator(".toast")).to_contain_text("Not now.")
    expect(page.locator("[data-status]")).to_have_text("Changed: 1")
    page.unroute("**/grid")
    press(page, "Control+Enter")
    saved(page)


def test_leaving_with_unsaved_cells_asks(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    go(page, small, "price")
    page.keyboard.type("15")
    page.evaluate("location.assign('/products')")
    page.wait_for_timeout(300)  # a navigation that is refused has no event of its own
    assert asked == ["beforeunload"] and page.url.endswith("/grid")


# --- size, access, languages, phones ----------------------------------------------------------------------------------


def test_two_thousand_rows_are_one_tab_stop_and_a_screenful_of_elements(shop: Shop) -> None:
    page = shop.page(shop.many)
    grid = page.locator("[role=grid]")
    assert grid.get_attribute("aria-rowcount") == str(MANY + 1)
    assert page.locator(".grid-body .grid-line").count() < 60
    stops = page.evaluate(
        """() => document.querySelectorAll('.grid-scroll :is(input, [tabindex="0"], button:not([tabindex]))').length"""
    )
    assert stops == 1
    page.locator(".grid-body .grid-price >> nth=0").click()
    press(page, "Control+End")
    here = page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).closest('[role=row]').getAttribute('aria-rowindex')"
    )
    assert here == str(MANY + 1)
    press(page, "Tab")
    assert page.evaluate("document.activeElement.closest('.grid-scroll')") is None


def test_two_thousand_prices_filled_down_and_saved(shop: Shop) -> None:
    page = shop.page(shop.many)
    page.locator(".grid-body .grid-price >> nth=0").click()
    page.keyboard.type("99.90")
    press(page, "Enter", "ArrowUp", "Control+Shift+ArrowDown", "Control+d")
    expect(page.locator("[data-status]")).to_have_text(f"Changed: {MANY}")
    press(page, "Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("Everything is saved.", timeout=30_000)
    with shop.app.app_context(), db.engine.connect() as connection:
        prices = connection.scalars(select(Variant.price).where(Variant.product_id == shop.many).distinct()).all()
    assert list(prices) == [Decimal("99.90")]


def test_amounts_are_read_as_the_reader_writes_them(shop: Shop) -> None:
    small, medium, _large = shop.tees()
    page = shop.page(small.product_id, locale="ro")
    go(page, small, "price")
    page.keyboard.type("1.234,56")
    press(page, "Enter")
    shows(page, [small], "price", ["1.234,56"])
    page.keyboard.type("1234.56")
    press(page, "Enter")
    expect(cell(page, medium, "price")).to_have_attribute("aria-invalid", "true")
    press(page, "Control+z", "Control+Enter")
    expect(cell(page, small, "price").locator("svg")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('.state-saved')")
    assert stored(shop, small).price == Decimal("1234.56")


def test_a_clerk_changes_stock_alone(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id, role="clerk")
    go(page, small, "price")
    page.keyboard.type("1")
    press(page, "Enter")
    shows(page, [small], "price", ["10.00"])
    go(page, small, "stock")
    page.keyboard.type("11")
    press(page, "Control+Enter")
    saved(page)
    assert stored(shop, small).stock == 11


@pytest.mark.parametrize("locale", ["en", "ro", "it"])
def test_on_a_phone_one_row_is_a_form(shop: Shop, locale: str) -> None:
    small, medium, _large = shop.tees()
    page = shop.page(small.product_id, width=390, locale=locale, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Not the one that the keyboard stands on: pressing it draws the row anew, and the press must not be lost.
    cell(page, medium, "sku").tap()
    page.wait_for_selector("[data-card][open]")
    page.click("[data-previous]")
    page.fill("#card-price", "-3")
    page.click("[data-card] [type=submit]")
    expect(page.locator("#card-price")).to_have_attribute("aria-invalid", "true")
    page.fill("#card-price", "185")
    page.fill("#card-stock", "18")
    page.click("[data-next]")
    page.fill("#card-price", "186")
    page.click("[data-card] [type=submit]")
    page.wait_for_selector("[data-card]", state="hidden")
    assert stored(shop, medium).price == Decimal("186.00")
    page.click("[data-save]")
    page.wait_for_function("() => document.querySelector('[data-save]').disabled")
    assert (stored(shop, small).price, stored(shop, small).stock) == (Decimal("185.00"), 18)
    assert page.complaints == []  # type: ignore[attr-defined]


# --- the page's rules and the server's --------------------------------------------------------------------------------

AMOUNTS = "185|0|007.50|1.005|1.500|-1|-0|| 12 |1e3|99999999990|+5|1,5|.5|5."
FIGURES = "185|0|-1|1.5|1000000000|1000000001|99999999999||x|0012"
BARCODES = "5941234567899|5941234567890|96385074|123|5,94E+12|594 1234567899|abc|"
CASES = [
    *(("price", typed) for typed in AMOUNTS.split("|")),
    *(("stock", typed) for typed in FIGURES.split("|")),
    *(("ean", typed) for typed in BARCODES.split("|")),
    *(("sku", typed) for typed in ("A", "", "x" * 120, "x" * 121, "  A  ")),
    *(("title", typed) for typed in ("Roșu", "", "x" * 255, "x" * 256, "a\tb", "ș" * 200)),
    *(("status", typed) for typed in ("active", "inactive", "sold", "")),
]  # fmt: skip


def test_the_page_says_no_where_the_server_does_and_in_the_same_words(shop: Shop) -> None:
    small, *_rest = shop.tees()
    page = shop.page(small.product_id)
    found = page.evaluate(
        """async cases => { const main = document.querySelector('script[src*="grid/main.js"]').src;
        const { read } = await import(main.replace('main.js', 'cells.js'));
        const setup = JSON.parse(document.getElementById('grid-setup').textContent);
        return cases.map(([field, typed]) => read(field, typed, setup)); }""",
        CASES,
    )
    wrong = []
    for (name, typed), answer in zip(CASES, found, strict=True):
        try:
            value = cell_value(name, typed)
            fine = "code" not in answer and cell_value(name, answer["text"]) == value
        except Unfit as unfit:
            # The server is sent the canonical text; the page forgives blanks around what somebody types.
            fine = answer.get("code") in {unfit.code, "not_a_status"} or typed != typed.strip()
        if not fine:
            wrong.append((name, typed, json.dumps(answer)))
    assert not wrong
