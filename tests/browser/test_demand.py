"""Amounts from the forecast, by looking: the queue, the wizard and the SKU say how much, why, and for how long."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import expect

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.services.stock_sync import forecasting, pools
from tests.browser.conftest import Person
from tests.stock_sync.history import sell, snapshots
from tests.stock_sync.market import make_accounts, make_listed, offer

pytestmark = pytest.mark.browser


def test_how_much_and_why(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        make_accounts("main", "fbe")
        variant = make_listed(offer("main", 0), offer("fbe", 26), sku="MOUSE-01", price="129.90")
        sell(*[(variant, "fbe", 5 + week % 3, week) for week in range(1, 21)])
        sell(*[(variant, "main", 3 + week % 3, week) for week in range(4, 21)])
        snapshots(variant, "main", {140: 9, 21: 0})
        run(lambda session: execute(session, "UPDATE offers SET sale_price = 107.36"), SYSTEM)
        forecasting.forecast_all(actor=SYSTEM)
        db.session.remove()
    page = ana.go("/stock-sync")
    card = page.locator(".alert-card").first
    expect(card).to_contain_text("From the forecast: FBE ≈ ")
    expect(card).to_contain_text("Without it: 10.")
    expect(card).to_contain_text("Days of cover: FBE ")
    ana.press(".alert-card:first-child .button-main")
    expect(page.locator("main")).to_contain_text("Chance of running out")
    expect(page.locator("main")).to_contain_text("more units sold")
    expect(page.locator("main")).to_contain_text("Safe")
    ana.go(f"/stock-sync/products/{variant.id}")
    expect(page.locator("#demand svg")).to_have_count(2)
    expect(page.locator("#demand")).to_contain_text("3 weeks without stock do not count")
    expect(page.locator("main")).to_contain_text("Best split")
    ana.go("/stock-sync/products")
    expect(page.locator("tr", has_text="MOUSE-01")).to_contain_text("lasts")
    page.set_viewport_size({"width": 390, "height": 844})
    for path in (f"/stock-sync/products/{variant.id}", f"/stock-sync/transfers/new?variant_id={variant.id}"):
        ana.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_warehouse_is_divided_and_shared_again(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        make_accounts("north", "south", pool="hall")
        variant = make_listed(offer("north", 26), offer("south", 26), own_stock=26, sku="HALL-1")
        db.session.remove()
    page = ana.go("/stock-sync/pools")
    ana.press("tbody a:has-text('hall')")
    expect(page.locator("main")).to_contain_text("Every account is offered all of it.")
    ana.press("button:has-text('Divide the stock')")
    expect(page.locator(".page-head")).to_contain_text("divided")
    with module_app.app_context():
        pools.settle_all(actor=SYSTEM)
        db.session.remove()
    page.set_viewport_size({"width": 390, "height": 844})
    ana.go("/stock-sync/pools/hall")
    expect(page.locator("tr", has_text="HALL-1")).to_contain_text("13")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # A re-division is a transfer that changes numbers only: carried out at once.
    ana.go(f"/stock-sync/transfers/new?variant_id={variant.id}&from_account=south&to_account=north&amount=5")
    expect(page.locator("main")).to_contain_text("Re-division: numbers only")
    ana.press("button:has-text('Move 5 from SOUTH to NORTH')")
    expect(page.locator("main .page-head")).to_contain_text("done")
    ana.go("/stock-sync/pools/hall")
    expect(page.locator("tr", has_text="HALL-1")).to_contain_text("18")
    ana.press("button:has-text('Offer all of it to everybody')")
    expect(page.locator(".page-head")).to_contain_text("shared")
