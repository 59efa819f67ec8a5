"""The shop's first day, by clicking: from the owner's set-up to the question why the stock is 7."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from magflow.db import db
from magflow.services import users
from tests.browser.conftest import OWNER, PASSWORD, Person, new_person, sign_in
from tests.shop import make_product, make_variant

pytestmark = pytest.mark.browser


def test_the_first_day_of_a_shop(chromium: Browser, address: str, module_app: Flask) -> None:
    with module_app.app_context():
        token = users.owner_setup_link()
        make_variant(make_product(name="Mug"), sku="MUG", stock=10, price="20.00")
        make_variant(make_product(name="Pen"), sku="PEN", stock=10, price="5.00")
        db.session.remove()
    ana, context = new_person(chromium, address)
    try:
        set_up(ana, str(token))
        add_a_shirt(ana)
        remove_an_option(ana)
        three_drafts_of_one_combination(ana)
        order = take_an_order(ana)
        merge_two_lines(ana, order)
        confirm_it(ana, order)
        try_to_change_it(ana, order)
        restock_one(ana, order)
        why_is_the_stock_seven(ana, order)
        assert ana.complaints == []
    finally:
        context.close()


def set_up(ana: Person, token: str) -> None:
    ana.go(f"/setup/{token}" if "/" not in token else token)
    ana.page.fill("[name=name]", "Ana")
    ana.page.fill("[name=email]", OWNER)
    ana.page.fill("[name=password]", PASSWORD)
    ana.page.fill("[name=password_again]", PASSWORD)
    ana.press("main button[type=submit]")
    if "/sign-in" in ana.page.url:
        sign_in(ana)


def add_a_shirt(ana: Person) -> None:
    """A product sold as one item; then with two options, whose lack in its one variant is told."""
    ana.go("/products/new")
    ana.page.fill("[name=name]", "Shirt")
    ana.page.fill("[name=price]", "49.90")
    ana.press("[data-save]")
    assert "Sold as one item" in ana.page.inner_text("main")

    ana.press("main a:has-text('Add options')")
    names, values = ana.page.locator("[name=option_name]"), ana.page.locator("[name=option_values]")
    names.nth(0).fill("Color")
    values.nth(0).fill("Red, Blue")
    ana.page.click("[data-add-option]")
    names.nth(1).fill("Size")
    values.nth(1).fill("S\nM")
    ana.press("[data-look]")
    assert "1 variant is incomplete then" in ana.page.inner_text("[data-preview]")
    assert "Nothing is changed yet" in ana.page.inner_text("[data-preview]")
    ana.press("[data-save]")
    assert "1 variant is incomplete: it lacks a value" in ana.page.inner_text(".report")

    add_variant(ana, "RED-S", {"Color": "Red", "Size": "S"}, "3")
    add_variant(ana, "RED-M", {"Color": "Red", "Size": "M"}, "4")
    add_variant(ana, "BLUE-S", {"Color": "Blue", "Size": "S"}, "9")
    expect(ana.page.locator("tr[data-row]")).to_have_count(4)


def add_variant(ana: Person, sku: str, chosen: dict[str, str], stock: str = "", draft: bool = False) -> None:
    ana.press("main a:has-text('Add variant')")
    for option, value in chosen.items():
        ana.page.get_by_label(option, exact=True).select_option(label=value)
    ana.page.fill("[name=sku]", sku)
    ana.page.fill("[name=price]", "49.90")
    ana.page.fill("[name=stock]", stock)
    if draft:
        ana.page.check("[name=draft]")
    ana.press("[data-save]")


def remove_an_option(ana: Person) -> None:
    """Without Size, RED-S and RED-M are the same: the page says which of them goes, before and after."""
    ana.press("main a:has-text('Change options')")
    ana.page.locator("[data-option-row]").nth(0).locator("[name=option_values]").fill("Red, Blue, Green")
    ana.page.locator("[data-option-row]").nth(1).locator("[data-drop]").click()
    ana.press("[data-look]")
    preview = ana.page.inner_text("[data-preview]")
    assert "Color: Green" in preview and "Size: S, M" in preview
    assert re.search(r"RED-M.*RED-S stays active.*its stock of 4 stays on it", preview)
    ana.press("[data-save]")

    report = ana.page.inner_text(".report")
    assert "1 variant was deactivated" in report and re.search(r"RED-M.*RED-S stays active", report)
    assert "Draft" in ana.page.locator("tr", has_text="RED-M").inner_text()
    assert "Active" in ana.page.locator("tr", has_text="RED-S").inner_text()


def three_drafts_of_one_combination(ana: Person) -> None:
    """Any number of drafts may share a combination, one of them may be sold; a second is refused in words."""
    for sku in ("GREEN-1", "GREEN-2", "GREEN-3"):
        add_variant(ana, sku, {"Color": "Green"}, draft=True)
    assert ana.page.locator("tr", has_text="GREEN-").count() == 3

    activate(ana, "GREEN-1")
    assert "Active" in ana.page.locator("tr", has_text="GREEN-1").inner_text()

    activate(ana, "GREEN-2")
    expect(ana.page.locator("h1")).to_have_text("This combination is taken")
    said = ana.page.inner_text("main")
    assert "GREEN-1 is active and has the same combination as GREEN-2" in said and "Nothing was changed" in said
    ana.press("main button:has-text('Swap: sell GREEN-2 instead')")
    assert "Active" in ana.page.locator("tr", has_text="GREEN-2").inner_text()
    assert "Draft" in ana.page.locator("tr", has_text="GREEN-1").inner_text()


def activate(ana: Person, sku: str) -> None:
    row = ana.page.locator("tr", has_text=sku)
    row.hover()
    row.get_by_role("button", name="Activate").click()
    ana.agree()


def take_an_order(ana: Person) -> str:
    """With the keyboard alone: a SKU or a few letters, Enter, a quantity, Enter."""
    ana.go("/orders/new")
    page = ana.page
    for what, quantity in (("MUG", "2"), ("pen", "3"), ("blue", "2")):
        page.keyboard.type(what)
        page.wait_for_selector(".picker-item >> visible=true")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.keyboard.type(quantity)
        page.keyboard.press("Enter")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    ana.ready()
    rows = page.locator("main tbody tr[data-row]")
    expect(rows).to_have_count(3)
    assert "Pending" in page.inner_text(".page-head")
    assert re.search(r"10\s*→\s*8", rows.nth(0).inner_text())
    return str(page.url).removeprefix(ana.address)


def merge_two_lines(ana: Person, order: str) -> None:
    """Line PEN, 3 becomes MUG, which is there with 2: one line MUG, 5."""
    ana.go(order)
    row = ana.page.locator("tr", has_text="PEN")
    with ana.page.expect_navigation():
        row.get_by_role("link", name="Choose another variant").click()
    ana.ready()
    ana.page.fill("[name=what]", "MUG")
    ana.page.keyboard.press("Escape")
    ana.press("main form button:has-text('Choose')")
    assert "the two lines are one now, 5 units" in ana.said()
    rows = ana.page.locator("main tbody tr[data-row]")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("[name=quantity]")).to_have_value("5")


def confirm_it(ana: Person, order: str) -> None:
    """The question names what leaves the stock; Esc leaves everything as it is."""
    ana.go(order)
    ana.page.keyboard.press("1")
    question = ana.page.inner_text("#confirm")
    assert "take 7 units from stock?" in question
    assert "MUG: 5 (stock 10 → 5)" in question and "BLUE-S: 2 (stock 9 → 7)" in question
    ana.page.keyboard.press("Escape")
    expect(ana.page.locator("#confirm")).to_be_hidden()
    ana.go(order)
    assert "Pending" in ana.page.inner_text(".page-head")

    ana.page.click("main button:has-text('Confirm order')")
    ana.agree()
    assert "Confirmed" in ana.page.inner_text(".page-head")


def try_to_change_it(ana: Person, order: str) -> None:
    """No form is left on the page, and one that was opened before is refused in words."""
    page = ana.page
    assert page.locator("main [name=quantity], main [data-picker]").count() == 0
    assert "snapshot" in page.inner_text("main")
    answer = page.request.post(
        ana.address + page.evaluate("() => location.pathname") + "/lines",
        form={
            "csrf_token": page.locator("[name=csrf_token]").first.input_value(),
            "what": "PEN",
            "quantity": "1",
            "version": "1",
        },
        headers={"Origin": ana.address},
        max_redirects=0,
    )
    assert answer.status == 409
    assert "only a pending order can be changed" in answer.text()
    ana.go(order)
    expect(page.locator("main tbody tr[data-row]")).to_have_count(2)


def restock_one(ana: Person, order: str) -> None:
    ana.go(order)
    ana.press("main a:has-text('Put back into stock')")
    line = ana.page.locator("tr", has_text="BLUE-S")
    assert "of 2" in line.inner_text()
    line.get_by_role("spinbutton").fill("1")
    ana.page.fill("[name=reason]", "wrong size")
    ana.press("[data-save]")
    assert "1 unit is back in stock" in ana.said()


def why_is_the_stock_seven(ana: Person, order: str) -> None:
    """The figure leads to its story: the sale with its order, what came back, what was corrected."""
    ana.go("/products/variants/?search=BLUE-S")
    ana.press("a[title='Why is it this number?']")
    expect(ana.page.locator("h1")).to_have_text("Why is the stock 8?")
    ana.page.fill("[name=delta]", "-1")
    ana.page.fill("[name=reason]", "torn")
    expect(ana.page.locator("[data-becomes]")).to_have_text("The stock becomes 7.")
    ana.press("[data-save]")

    expect(ana.page.locator("h1")).to_have_text("Why is the stock 7?")
    told = [" ".join(row.split()) for row in ana.page.locator("main tbody tr").all_inner_texts()]
    assert [re.match(r"(Corrected by hand|Came back|Sold|Opening stock)", row).group() for row in told] == [
        "Corrected by hand", "Came back", "Sold", "Opening stock"
    ]  # fmt: skip
    assert "torn" in told[0] and "−1 7" in told[0] and OWNER in told[0]
    number = ana.page.locator("main tbody tr a", has_text="order MF-").first.inner_text().removeprefix("order ")
    ana.press(f"main tbody tr:nth-child(3) a:has-text('{number}')")
    assert ana.page.url == ana.address + order
