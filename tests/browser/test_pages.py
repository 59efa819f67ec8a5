"""Every page of the catalogue, of orders, stock and audit, as a browser sees it: strict policy, small screens, keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from magflow.db import db
from magflow.services import restock, stock
from tests.browser.conftest import Person, new_person
from tests.shop import ANA, finalize, make_order, make_product, make_variant, stock_of

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Shop:
    """A shop with one of everything."""

    paths: tuple[str, ...]
    pending: str
    product: str
    variant_id: int


@pytest.fixture(scope="module")
def shop(module_app: Flask) -> Iterator[Shop]:
    with module_app.app_context():
        offered = {"Color": ["Red", "Blue"], "Size": ["S", "M"]}
        shirt = make_product(name="Shirt with a long title " * 3, options=offered)
        red = make_variant(shirt, values=[("Color", "Red"), ("Size", "S")], stock=20, sku="SHIRT-RED-S")
        make_variant(shirt, values=[("Color", "Red"), ("Size", "M")], stock=20, sku="SHIRT-RED-M")
        make_variant(shirt, values=[("Color", "Red"), ("Size", "S")], active=False, sku="SHIRT-DRAFT")
        mug = make_variant(make_product(name="Mug"), stock=20, sku="MUG")
        stock.adjust(stock.AdjustStock(mug.id, "broken", delta=-1), actor=ANA)
        pending = make_order((red, 2), (mug, 1), customer_name="Maria")
        confirmed = make_order((red, 2), (mug, 1))
        finalize(confirmed)
        restock.restock(restock.RestockOrder(confirmed.id, "wrong size", None), actor=ANA)
        again = make_order((mug, 3))
        finalize(again)
        item = db.session.connection().exec_driver_sql(f"SELECT min(id) FROM order_items WHERE order_id = {pending.id}")
        line = item.scalar_one()
        db.session.remove()
        product, variant = f"/products/{shirt.id}", f"/products/variants/{red.id}"
        paths = (
            "/products", "/products?view=drafts", "/products?q=nothing", "/products/new", product, f"{product}/edit",
            f"{product}/options", f"{product}/variants/new", "/products/variants/", variant, f"{variant}/stock",
            "/orders", "/orders?view=pending", "/orders/new", f"/orders/{pending.id}", f"/orders/{confirmed.id}",
            f"/orders/{again.id}/restock", f"/orders/{pending.id}/lines/{line}/variant", "/audit", "/audit/1",
            "/audit/stock",
        )  # fmt: skip
        yield Shop(paths, f"/orders/{pending.id}", product, red.id)


def test_no_page_breaks_the_policy_or_complains(ana: Person, shop: Shop) -> None:
    for path in shop.paths:
        ana.go(path)
    assert ana.complaints == []


def test_every_page_fits_a_small_phone(chromium: Browser, address: str, session_cookies: object, shop: Shop) -> None:
    phone = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}
    person, context = new_person(chromium, address, storage_state=session_cookies, locale="ro-RO", **phone)
    wide = []
    for path in shop.paths:
        page = person.go(path)
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(path)
    context.close()
    assert wide == [] and person.complaints == []


def test_whatever_cannot_be_taken_back_asks_first(ana: Person, shop: Shop) -> None:
    page = ana.go(shop.pending)
    page.click("main button:has-text('Confirm order')")
    expect(page.locator("#confirm")).to_be_visible()
    page.click("#confirm button[value=no]")
    page.get_by_role("button", name="Remove MUG").click()
    assert "Remove this line?" in page.inner_text("#confirm")
    page.keyboard.press("Escape")
    page.click("main summary:has-text('More')")
    page.click("[data-open=cancel-order]")
    assert "Cancel order" in page.inner_text("#cancel-order")
    page.keyboard.press("Escape")
    assert "Pending" in ana.go(shop.pending).inner_text(".page-head")

    page = ana.go(shop.product)
    page.locator("tr", has_text="SHIRT-RED-M").get_by_role("button", name="Deactivate").click()
    assert "Deactivate SHIRT-RED-M?" in page.inner_text("#confirm")
    page.keyboard.press("Escape")
    page.click("main summary:has-text('More')")
    page.click("main .menu-item:has-text('Archive')")
    assert "2 active variants become drafts" in page.inner_text("#confirm")
    page.keyboard.press("Escape")
    assert page.locator("tr", has_text="Active").count() >= 2


def test_lists_are_walked_with_keys(ana: Person, shop: Shop) -> None:
    page = ana.go("/products")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tr[data-row] [data-main]").nth(1)
    expect(second).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    ana.ready()
    with page.expect_navigation():
        page.keyboard.press("Escape")
    assert page.url.endswith("/products")


def test_without_scripts_an_order_is_taken_and_confirmed(
    chromium: Browser, address: str, session_cookies: object, shop: Shop, module_app: Flask
) -> None:
    with module_app.app_context():
        pen = make_variant(make_product(name="Pen"), stock=5, sku="PEN-PLAIN")
        db.session.remove()
    person, context = new_person(chromium, address, storage_state=session_cookies, java_script_enabled=False)
    page = person.page
    page.goto(address + "/orders/new")
    page.locator("[name=what]").nth(0).fill("pen-plain")
    page.locator("[name=quantity]").nth(0).fill("2")
    page.locator("[name=what]").nth(1).fill("mug")
    page.click("[data-save]")
    assert page.locator("main tbody tr").count() == 2
    page.click("noscript button:has-text('Confirm order')")
    assert "PEN-PLAIN: 2 (stock 5 → 3)" in page.inner_text("main")
    page.click("main button:has-text('Confirm order')")
    assert "Confirmed" in page.inner_text(".page-head")
    context.close()
    with module_app.app_context():
        assert stock_of(pen) == 3
        db.session.remove()


def test_a_name_that_fits_several_asks_which_one(ana: Person, shop: Shop) -> None:
    page = ana.go("/orders/new")
    page.fill("[name=what] >> nth=0", "shirt")
    page.wait_for_selector(".picker-item >> visible=true")
    page.keyboard.press("Escape")
    ana.press("[data-save]")
    assert "Several variants fit" in page.inner_text("main")
    page.locator(".candidates label", has_text="SHIRT-RED-M").click()
    ana.press("[data-save]")
    assert "SHIRT-RED-M" in page.inner_text("main tbody")


def test_a_product_is_found_while_typing_its_colour(ana: Person, shop: Shop) -> None:
    page = ana.go(shop.pending)
    page.click("#f-what")
    page.keyboard.type("red m")
    found = page.locator(".picker-item >> visible=true")
    expect(found).to_have_count(1)
    assert "SHIRT-RED-M" in found.inner_text() and "in stock: 20" in found.inner_text()


def test_two_people_with_the_same_form_see_both_values(ana: Person, shop: Shop) -> None:
    path = f"/products/variants/{shop.variant_id}"
    page = ana.go(path)
    other = page.context.new_page()
    other.goto(ana.address + path)
    other.wait_for_selector("html[data-ready=yes]")
    other.fill("[name=price]", "88.00")
    with other.expect_navigation():
        other.click("form[data-guard] [data-save]")
    page.fill("[name=price]", "77.00")
    ana.press("form[data-guard] [data-save]")
    assert "Now: 88.00" in page.inner_text("main")
    assert page.input_value("[name=price]") == "77.00"
    ana.press("form[data-guard] [data-save]")
    assert page.input_value("[name=price]") == "77.00" and "Now:" not in page.inner_text("main")


@pytest.mark.parametrize(("language", "said"), [("ro-RO", "Comenzi"), ("it-IT", "Ordini"), ("en-GB", "Orders")])
def test_the_pages_speak_the_language_of_the_browser(
    chromium: Browser, address: str, session_cookies: object, shop: Shop, language: str, said: str
) -> None:
    person, context = new_person(chromium, address, storage_state=session_cookies, locale=language)
    page = person.go("/orders")
    assert page.inner_text("h1") == said and page.get_attribute("html", "lang") == language[:2]
    context.close()
