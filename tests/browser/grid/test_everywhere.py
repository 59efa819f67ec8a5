"""Size, access, languages, phones: the grid with two thousand rows and on a small screen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from magflow.db import db
from magflow.models import Variant
from tests.browser.grid.screen import MANY, Shop, cell, go, press, saved, shows, stored

pytestmark = pytest.mark.browser


def test_two_hundred_figures_typed_as_fast_as_keys_can_come(shop: Shop, many: int) -> None:
    page = shop.page(many)
    with shop.app.app_context():
        ids = list(db.session.scalars(select(Variant.id).where(Variant.product_id == many).order_by(Variant.id)))
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


def test_two_thousand_rows_are_one_tab_stop_and_a_screenful_of_elements(shop: Shop, many: int) -> None:
    page = shop.page(many)
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


def test_two_thousand_prices_filled_down_and_saved(shop: Shop, many: int) -> None:
    page = shop.page(many)
    page.locator(".grid-body .grid-price >> nth=0").click()
    page.keyboard.type("99.90")
    press(page, "Enter", "ArrowUp", "Control+Shift+ArrowDown", "Control+d")
    expect(page.locator("[data-status]")).to_have_text(f"Changed: {MANY}")
    press(page, "Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("Everything is saved.", timeout=30_000)
    with shop.app.app_context(), db.engine.connect() as connection:
        prices = connection.scalars(select(Variant.price).where(Variant.product_id == many).distinct()).all()
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
