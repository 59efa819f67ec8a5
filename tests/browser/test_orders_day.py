"""A clerk's day with orders: taken with the keyboard alone, confirmed from two tabs, brought back in parts, in bulk."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import expect

from magflow.db import db
from magflow.models import Order
from magflow.services import stock, variants
from tests.browser.conftest import Person
from tests.shop import ANA, make_order, make_product, make_variant, movements_of, stock_of

pytestmark = pytest.mark.browser


def test_a_day_with_orders(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        mug = make_variant(make_product(name="Cană"), sku="DAY-MUG", stock=9, price="20.00")
        pen = make_variant(make_product(name="Pix"), sku="DAY-PEN", stock=9, price="5.00", ean="5941234567899")
        rare = make_variant(sku="DAY-RARE", stock=3)
        many = [make_order((rare, 1)) for _ in range(5)]
        db.session.remove()
    path = with_the_keyboard_alone(ana)
    twice_from_two_tabs(ana, path)
    with module_app.app_context():
        assert (movements_of(mug), movements_of(pen)) == ([-3], [-2])
    one_comes_back_then_the_rest(ana, path)
    with module_app.app_context():
        assert (stock_of(mug), stock_of(pen)) == (9, 9)
    in_bulk(ana, many)
    with module_app.app_context():
        assert stock_of(rare) == 0
        stock.adjust(stock.AdjustStock(mug.id, "sold out", set_to=0, expected=9), actor=ANA)
        variants.delete_for_good(mug.id, actor=ANA)
        db.session.remove()
    ana.go(path)
    assert "Cană" in ana.page.inner_text("main") and "DAY-MUG" in ana.page.inner_text("main")


def with_the_keyboard_alone(clerk: Person) -> str:
    """Type a SKU, Enter, how many, Enter; scan a barcode; send with Ctrl+Enter; add to the order that stands there."""
    clerk.go("/orders/new")
    keys = clerk.page.keyboard
    keys.type("DAY-MUG")
    keys.press("Enter")
    keys.type("2")
    keys.press("Enter")
    keys.type("5941234567899")
    keys.press("Enter")
    keys.type("2")
    with clerk.page.expect_navigation():
        keys.press("Control+Enter")
    clerk.ready()
    clerk.page.focus("#f-what")
    for n in range(1, 3):
        keys.type("DAY-MUG")
        clerk.page.wait_for_selector("[role=option]")
        keys.press("Enter")
        expect(clerk.page.locator("#f-add-quantity")).to_be_focused()
        if n == 2:
            break
        with clerk.page.expect_navigation():
            keys.press("Enter")
        clerk.ready()
        expect(clerk.page.locator("#f-what")).to_be_focused()
    quantities = clerk.page.locator("[data-quantity-form] [name=quantity]")
    assert [quantities.nth(n).input_value() for n in range(2)] == ["3", "2"]
    return clerk.page.url.removeprefix(clerk.address).split("?")[0]


def twice_from_two_tabs(clerk: Person, path: str) -> None:
    """Both tabs show the order pending; both are told to confirm it."""
    clerk.go(path)
    other = clerk.page.context.new_page()
    other.goto(clerk.address + path)
    other.wait_for_selector("html[data-ready=yes]")
    for page in (clerk.page, other):
        page.click("main [data-key='1']")
        with page.expect_navigation():
            page.click("#confirm [data-verb]")
    assert "Confirmed" in clerk.page.inner_text("main")
    assert "confirmed" in other.inner_text("main").lower() and "DAY-MUG" in other.inner_text("main")
    other.close()


def one_comes_back_then_the_rest(clerk: Person, path: str) -> None:
    """One of three, then everything else; a third time there is nothing left to bring."""
    clerk.go(path + "/restock")
    clerk.page.locator("[name^=back_]").first.fill("1")
    clerk.page.fill("[name=reason]", "refused at the door")
    clerk.page.check("[name=kind][value=cancel]")
    clerk.press("[data-save], main form button[type=submit]")
    assert "20.00" in clerk.page.inner_text("main")
    clerk.go(path + "/restock")
    for n, units in enumerate(("2", "2")):
        clerk.page.locator("[name^=back_]").nth(n).fill(units)
    clerk.page.fill("[name=reason]", "sent back")
    clerk.press("[data-save], main form button[type=submit]")
    assert "Returned" in clerk.page.inner_text("main")
    clerk.go(path + "/restock")
    assert "Everything came back already" in clerk.page.inner_text("main")


def in_bulk(clerk: Person, many: list[Order]) -> None:
    """Five orders want one each of three: three are confirmed, two say what is missing."""
    clerk.go("/orders?view=pending")
    for order in many:
        clerk.page.check(f"input[name=rowid][value='{order.id}']")
    clerk.page.click("[data-bulk] button[name=action]")
    clerk.agree()
    assert "3 confirmed, 2 still pending" in clerk.page.inner_text("main")
    assert "DAY-RARE: 1 asked, 0 there" in clerk.page.inner_text("main")
