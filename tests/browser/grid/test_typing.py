"""Typing in the grid: a spreadsheet for the keyboard, and nothing that was typed is lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.browser.grid.screen import Shop, cell, first, go, hold_saves, movements_in, press, saved, shows, stored

pytestmark = pytest.mark.browser


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
    page.click("[data-save]")
    saved(page)
    assert [stored(shop, v).price for v in (small, medium)] == [Decimal("185.00"), Decimal("186.00")]
