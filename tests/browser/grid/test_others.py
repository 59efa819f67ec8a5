"""What the server refuses, and what others did meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Route, expect

from magflow.db import db
from magflow.services import variants
from tests.browser.grid.screen import Shop, cell, go, movements_in, press, saved, shows, stored
from tests.shop import ANA, finalize, make_order, make_variant

pytestmark = pytest.mark.browser


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
