"""A first day with a marketplace, by clicking: the account with a wrong password first, its offers matched, a
price changed and taken back, a parcel sent."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select

from magflow.db import db
from magflow.models import Order
from magflow.services import accounts, market_sync, single
from magflow.simulator import buying
from magflow.simulator.world import SimOffer
from tests.browser.conftest import Person
from tests.marketplaces.conftest import FAST, Market, market, sellable
from tests.shop import ANA

pytestmark = pytest.mark.browser
__all__ = ["market"]


def by_the_worker(app: Flask, account_id: int) -> None:
    """What people asked for, and what is due."""
    with app.app_context():
        single.every("UPDATE marketplace_writes SET next_at = clock_timestamp()", {})
        market_sync.send_writes(account_id, actor=ANA)
        market_sync.read_offers(account_id, actor=ANA)
        market_sync.read_orders(account_id, actor=ANA)
        db.session.remove()


def test_a_first_day(ana: Person, module_app: Flask, market: Market) -> None:
    with module_app.app_context():
        sellable("DAY-1", 9)
        first = sellable("DAY-2", 3)
        second = sellable("DAY-2", 3)
        db.session.remove()
    sold = market.offer("main", "DAY-1", 9)
    market.offer("main", "DAY-2", 3, validation=8)
    account_id = an_account_with_a_wrong_password(ana, module_app, market)
    by_the_worker(module_app, account_id)
    offers_are_matched(ana, account_id, first.id, second.id)
    a_price_is_changed(ana, module_app, account_id, sold)
    a_parcel_leaves(ana, module_app, account_id, market, sold)
    assert ana.complaints == []


def an_account_with_a_wrong_password(ana: Person, app: Flask, market: Market) -> int:
    page = ana.go("/settings/accounts")
    page.fill("[name=code]", "main")
    page.fill("[name=username]", "main@demo.example")
    page.fill("[name=password]", "not this one")
    page.fill("[name=base_url]", market.running.api_url)
    ana.press("button:has-text('Add the account')")
    account_id = int(page.url.rsplit("/", 1)[1])
    with app.app_context():
        accounts.edit(accounts.EditAccount(account_id, limits=FAST), actor=ANA)
        db.session.remove()
    ana.press("button:has-text('Test the connection')")
    expect(page.locator("main")).to_contain_text("Paused: nothing is read or sent")
    expect(page.locator("main")).to_contain_text("User name or password is wrong")
    page.fill("[name=password]", "demo-main")
    with page.expect_navigation():
        page.locator("form", has=page.locator("[name=password]")).locator("button[type=submit]").click()
    ana.ready()
    ana.press("button:has-text('Test the connection')")
    expect(page.locator(".page-head")).to_contain_text("Connected")
    ana.press("button:has-text('Read now')")
    return account_id


def offers_are_matched(ana: Person, account_id: int, first: int, second: int) -> None:
    page = ana.go(f"/settings/accounts/{account_id}/offers?tab=unmatched")
    row = page.locator("tr[data-row]", has_text="Name DAY-2")
    expect(row).to_contain_text("Conflict")
    with page.expect_navigation():
        row.locator(f"form:has([name=variant_id][value='{second}']) button").click()
    ana.ready()
    page = ana.go(f"/settings/accounts/{account_id}/offers?q=DAY-2")
    expect(page.locator(f"a[href$='/variants/{second}']")).to_be_visible()
    expect(page.locator(f"a[href$='/variants/{first}']")).to_have_count(0)
    ana.press("tr[data-row] a[data-main]")
    expect(page.locator("[data-condition=documentation]")).to_contain_text("failed")
    expect(page.locator("[data-condition=stock]")).to_contain_text("passed")


def a_price_is_changed(ana: Person, app: Flask, account_id: int, sold: SimOffer) -> None:
    page = ana.go(f"/settings/accounts/{account_id}/offers?q=DAY-1")
    ana.press("tr[data-row] a[data-main]")
    page.fill("[name=gross]", "99")
    ana.press("button:has-text('Change the price')")
    expect(page.locator("main")).to_contain_text("The price must lie between the lowest and the highest.")
    page.fill("[name=gross]", "13.99")
    ana.press("button:has-text('Change the price')")
    ana.press("#told button:has-text('Undo')")
    expect(page.locator("#told")).to_contain_text("taken back")
    page.fill("[name=gross]", "12.99")
    ana.press("button:has-text('Change the price')")
    expect(page.locator("#told")).to_contain_text("waiting")
    by_the_worker(app, account_id)
    page.reload()
    ana.ready()
    expect(page.locator("#told")).to_contain_text("accepted")
    expect(page.locator("[name=gross]")).to_have_value("12.99")
    assert str(sold.price) == "10.7355"


def a_parcel_leaves(ana: Person, app: Flask, account_id: int, market: Market, sold: SimOffer) -> None:
    bought = buying.place_order(market.world, market.account("main"), [(sold, 2)])
    by_the_worker(app, account_id)
    with app.app_context():
        order_id = db.session.scalars(select(Order.id).where(Order.external_id == str(bought["id"]))).one()
        db.session.remove()
    page = ana.go(f"/orders/{order_id}")
    ana.press("a:has-text('At the marketplace')")
    expect(page.locator(".page-head")).to_contain_text("in progress")
    page.fill("[name=sender]", "Atelier Demo")
    page.fill("[name=contact]", "Ana")
    page.fill("[name=phone]", "0700000009")
    ana.press("button:has-text('Issue the waybill')")
    by_the_worker(app, account_id)
    page.reload()
    ana.ready()
    expect(page.locator(".page-head")).to_contain_text("finalized")
    expect(page.locator("#told")).to_contain_text(re.compile("4EMG55"))
    expect(page.locator("a:has-text('Label')")).to_be_visible()
    ana.page.set_viewport_size({"width": 390, "height": 844})
    for path in (f"/orders/{order_id}/marketplace", f"/settings/accounts/{account_id}/offers/1",
                 f"/settings/accounts/{account_id}", f"/settings/accounts/{account_id}/offers/new?sku=DAY-1",
                 f"/settings/accounts/{account_id}/returns"):  # fmt: skip
        ana.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
