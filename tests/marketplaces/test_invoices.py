"""An invoice that MagFlow hands over by itself: its address is signed, good for one invoice, and the marketplace
fetches it over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Thread
from threading import enumerate as enumerate_threads

import pytest
from flask import Flask
from werkzeug.serving import make_server

from magflow.db import db
from magflow.domain.errors import Invalid, NotFound
from magflow.models import MarketplaceAccount, Order
from magflow.services import accounts, handling, market_order_asks, market_sync, settings_store, shared_documents
from magflow.services.handling import HandleOrder
from magflow.services.market_order_asks import AttachInvoice
from magflow.services.notifications import sending
from magflow.services.notifications.sending import Surroundings
from magflow.simulator import buying, control
from tests.marketplaces.conftest import Market, sellable
from tests.marketplaces.test_writes import bought, send
from tests.shop import ANA, make_order, make_variant
from tests.web.conftest import make_user, signed_in

Add = Callable[..., MarketplaceAccount]


@pytest.fixture(scope="module")
def main(add_account: Add) -> MarketplaceAccount:
    return add_account("main", publishing=False)


@pytest.fixture
def address(module_app: Flask) -> Iterator[str]:
    """Where the shop is reached from outside."""
    server = make_server("127.0.0.1", 0, module_app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def order(app: Flask, market: Market, main: MarketplaceAccount) -> Order:
    sku = f"INV-{time.monotonic_ns()}"
    sellable(sku, 5)
    sold = market.offer("main", sku, 5, price="82.6364")
    market_sync.read_offers(main.id, actor=ANA)
    return bought(market, main, sold, 2)[1]


def refused(order_id: int) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as found:
        market_order_asks.attach_invoice(AttachInvoice(order_id), actor=ANA)
    return [(error.field, error.code) for error in found.value.errors]


def test_it_says_what_is_missing_then_the_marketplace_fetches_it(
    app: Flask, market: Market, main: MarketplaceAccount, order: Order, address: str
) -> None:
    assert refused(order.id) == [("name", "no_invoice_number")]
    handling.handle(HandleOrder(order.id, None, "DM 0042"), actor=ANA)
    assert refused(order.id) == [("url", "no_public_address")]
    settings_store.change(settings_store.ChangeSetting(settings_store.SELLER, "Atelier Demo SRL\nRO123"), actor=ANA)
    sending.surround(Surroundings(address, None), actor=ANA)
    made = market_order_asks.attach_invoice(AttachInvoice(order.id), actor=ANA)
    url = made.payload["url"]
    assert url.startswith(f"{address}/shared/") and "0042" not in url
    assert send(main) == 1
    told = control.serve(market.world, "documents", {"account": "main", "order": order.external_id}).body
    assert [(found["name"], found["url"]) for found in told["attachments"]] == [("DM 0042", url)]
    for fetching in [thread for thread in enumerate_threads() if thread.name == "document"]:
        fetching.join(20)
    told = control.serve(market.world, "documents", {"account": "main", "order": order.external_id}).body
    assert [(found["status"], found["pdf"]) for found in told["fetched"]] == [(200, True)]


def test_a_link_is_good_for_one_invoice_and_for_a_month(
    app: Flask, order: Order, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.surround(Surroundings(address, None), actor=ANA)
    handling.handle(HandleOrder(order.id, None, "DM-1"), actor=ANA)
    token = shared_documents.invoice_link(db.session(), order.id).split("/")[-2]
    found = shared_documents.follow(db.session(), token)
    assert (found.order_id, found.number, found.country) == (order.id, "DM-1", "ro")
    stranger = app.test_client()
    answer = stranger.get(f"/shared/{token}/invoice.pdf")
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (
        200, "application/pdf", "private, no-store")  # fmt: skip
    assert "Set-Cookie" not in answer.headers
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", "a" * 5000):
        assert stranger.get(f"/shared/{wrong}/invoice.pdf").status_code == 404
    monkeypatch.setattr(shared_documents, "GOOD_FOR", -1)
    with pytest.raises(NotFound):
        shared_documents.follow(db.session(), token)
    monkeypatch.undo()
    handling.handle(HandleOrder(order.id, None, "DM-2"), actor=ANA)
    assert stranger.get(f"/shared/{token}/invoice.pdf").status_code == 404


def test_nothing_is_handed_over_of_an_order_that_is_not_confirmed(app: Flask, address: str) -> None:
    sending.surround(Surroundings(address, None), actor=ANA)
    pending = make_order((make_variant(stock=1), 1))
    handling.handle(HandleOrder(pending.id, None, "DM-3"), actor=ANA)
    assert shared_documents.lacking(db.session(), pending.id) == "not_confirmed"
    with pytest.raises(Invalid):
        shared_documents.invoice_link(db.session(), pending.id)


def test_the_page_says_kindly_what_is_missing(app: Flask, market: Market, order: Order, address: str) -> None:
    sending.surround(Surroundings(None, None), actor=ANA)
    browser = signed_in(app, make_user(app))
    where = f"/orders/{order.id}/marketplace"
    assert "where this shop is reached from outside" in browser.get(where).get_data(as_text=True)
    sending.surround(Surroundings(address, None), actor=ANA)
    assert "once the order has an invoice number" in browser.get(where).get_data(as_text=True)
    handling.handle(HandleOrder(order.id, None, "DM-4"), actor=ANA)
    page = browser.get(where).get_data(as_text=True)
    assert "handed over from here" in page
    assert browser.get(f"/orders/{order.id}/invoice.pdf").get_data().startswith(b"%PDF")
    assert browser.post(f"{where}/invoice", {"name": "", "url": ""}, form=where).status_code == 303
    assert "DM-4" in browser.get(where).get_data(as_text=True)


def test_what_the_courier_collects(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    sellable("COD-1", 5)
    sold = market.offer("main", "COD-1", 5, price="82.6364")
    placed = buying.place_order(
        market.world, market.account("main"), [(sold, 2)], cashed_cod=0, shipping_tax="19.9900",
        vouchers=[{"sale_price": "-8.2645", "sale_price_vat": "-1.7355"}],
    )  # fmt: skip
    opened = market_sync.account_of(main.id)
    with accounts.opened(opened) as there:
        reading = there.order(str(placed["id"]))
    assert reading is not None
    assert str(reading.cash_on_delivery) == "209.97"
