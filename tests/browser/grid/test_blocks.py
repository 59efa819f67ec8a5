"""Several cells at once, as in a spreadsheet: fill, paste, copy, undo."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.browser.grid.screen import Shop, cell, go, press, put_on_clipboard, saved, shows, stored

pytestmark = pytest.mark.browser


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
