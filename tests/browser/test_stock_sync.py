"""A morning with stock sync, by clicking: Home says what costs money, a transfer mends it, the queue gets shorter."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import expect

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.services.stock_sync import figures
from tests.browser.conftest import Person
from tests.shop import stock_of
from tests.stock_sync.market import emg331, make_accounts, make_listed, offer

pytestmark = pytest.mark.browser


def test_a_morning(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        make_accounts("main", "fbe")
        variant = emg331()
        make_listed(offer("main", 3), offer("fbe", 40), sku="KEY-02", price="20.00")
        make_listed(offer("main", 0), offer("fbe", 0), sku="CAM-07", price="15.00")
        db.session.remove()
    page = ana.go("/stock-sync")
    first = page.locator(".alert-card").first
    expect(first).to_contain_text("MAIN is at 0, 1 other seller")
    expect(first).to_contain_text("Bring 10 units from FBE to MAIN.")

    # Home shows the worst first; the transfer is reviewed, found safe, and carried out.
    ana.go("/")
    expect(page.locator(".alert-card").first).to_contain_text("EMG331")
    ana.press(".alert-card:first-child .button-main")
    expect(page.locator("main")).to_contain_text("Safe")
    expect(page.locator("main")).to_contain_text("Nothing speaks against it.")
    ana.press("button:has-text('Move 10 from FBE to MAIN')")
    ana.press("button:has-text('It has left')")
    page.fill("[name=quantity]", "9")
    ana.press("button[data-save]")
    expect(page.locator("main")).to_contain_text("Say why less arrived than was sent.")
    page.fill("[name=quantity]", "10")
    ana.press("button[data-save]")
    expect(page.locator("main .page-head")).to_contain_text("done")
    with module_app.app_context():
        assert stock_of(variant) == 10
        db.session.remove()

    # The sheet for the parcel is goods and figures, on paper too.
    ana.press("text=Packing list")
    page.emulate_media(media="print")
    expect(page.locator("main")).to_contain_text(re.compile("TR-1.*EMG331", re.DOTALL))
    expect(page.locator("tbody td.num")).to_have_text("10")
    for there, selector in ((True, "h1"), (False, ".page-back"), (False, ".nav"), (False, ".top")):
        expect(page.locator(selector).first).to_be_visible(visible=there)
    page.emulate_media(media="screen")
    ana.press(".page-back")

    ana.press("text=The SKU in all accounts")
    expect(page.locator(".page-head")).to_contain_text("Normal")

    # One alert is put to sleep, one is dismissed; both can be found again.
    ana.go("/stock-sync")
    for sku, menu, choice in (("KEY-02", "Snooze", "for a week"), ("CAM-07", "Dismiss", "discontinued")):
        card = page.locator(".alert-card", has_text=sku).first
        card.locator("summary", has_text=menu).click()
        with page.expect_navigation():
            card.locator("button", has_text=choice).click()
        ana.ready()
    expect(page.locator(".alert-card", has_text="KEY-02")).to_have_count(0)
    ana.go("/stock-sync?view=snoozed")
    expect(page.locator(".alert-card")).to_contain_text("KEY-02")
    ana.go("/stock-sync/history")
    expect(page.locator("tbody")).to_contain_text("resolved by a transfer")
    expect(page.locator("tbody")).to_contain_text(re.compile("dismissed by .*: discontinued"))
    ana.go("/stock-sync/products")
    expect(page.locator("tr", has_text="KEY-02")).to_contain_text("Action required: transfer needed")


def test_many_alerts_by_keyboard(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        for n in range(3):
            make_listed(offer("main", 0), offer("fbe", 26), sku=f"MANY-{n}", price=f"{90 - n}.00")
        db.session.remove()
    page = ana.go("/stock-sync?view=high")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    with page.expect_navigation():
        page.locator("[data-bulk] button", has_text="Snooze").click()
    expect(page.locator(".page-head")).to_contain_text("2 of the selected alerts change")
    ana.press("button[data-save]")
    expect(page.locator(".page-head")).to_contain_text("2 done, 0 left as they were")
    ana.press(".page-back")
    expect(page.locator(".alert-card", has_text="MANY-0")).to_have_count(0)

    # One that was put away by a slip of the hand comes back.
    card = page.locator(".alert-card", has_text="MANY-2")
    card.locator(".alert-title").focus()
    page.keyboard.press("h")
    expect(card.locator(".menu-panel button").first).to_be_focused()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".undo-bar")).to_be_visible()
    with page.expect_navigation():
        page.keyboard.press("z")
    expect(page.locator(".alert-card", has_text="MANY-2")).to_have_count(1)


def test_the_figures_as_charts_and_tables(ana: Person, module_app: Flask) -> None:
    page = ana.go("/stock-sync/figures")
    expect(page.locator("main")).to_contain_text("No figures yet")
    with module_app.app_context():
        for _day in range(3):
            figures.take(actor=SYSTEM)
            run(lambda session: execute(session, "UPDATE stock_figures SET day = day - 1"), SYSTEM)
        figures.take(actor=SYSTEM)
        db.session.remove()
    page.reload()
    first = page.locator("#zero_stock")
    expect(first.locator("svg[role=img]")).to_have_attribute(
        "aria-label", re.compile("Products with 0 stock.*least.*most")
    )
    first.locator("summary").click()
    expect(first.locator("tbody tr")).to_have_count(4)
    expect(page.locator("#recovery")).to_contain_text("Not enough cases yet")
    with page.expect_download() as file:
        first.locator("a[download]").click()
    assert file.value.suggested_filename == "zero_stock.csv"
    page.select_option("[name=account]", "fbe")
    ana.press(".figure-filter button")
    expect(page.locator("[name=account]")).to_have_value("fbe")
    # Home tells the same figures.
    ana.go("/")
    expect(page.locator(".tile", has_text="Distribution efficiency")).to_be_visible()
    expect(page.locator(".chart")).to_have_count(2)


def test_no_page_is_wider_than_a_phone(ana: Person, module_app: Flask) -> None:
    ana.page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/stock-sync", "/stock-sync/products", "/stock-sync/products/1", "/stock-sync/transfers",
                 "/stock-sync/transfers/1", "/stock-sync/transfers/new?variant_id=2", "/settings/rules",
                 "/stock-sync/figures", "/stock-sync/alerts/bulk/dismiss?ids=1-2-3"):  # fmt: skip
        page = ana.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_limit_that_is_changed(ana: Person) -> None:
    page = ana.go("/settings/rules")
    page.fill("#f-low_stock", "12")
    ana.press("button[data-save]")
    assert "Saved" in ana.said()
    expect(page.locator("#f-low_stock")).to_have_value("12")
    page.fill("#c-category", "Phones")
    page.fill("#c-low_stock", "3")
    page.fill("#c-stale_days", "5")
    ana.press("text=Save the category")
    expect(page.locator("#categories tbody tr")).to_contain_text("Phones")
    page.click("#categories tbody a")
    expect(page.locator("#c-stale_days")).to_have_value("5")
    expect(page.locator("#f-low_stock")).to_have_value("12")
    ana.press("text=Follow the shop")
    expect(page.locator("#categories tbody")).to_have_count(0)
