"""A package from outside brings another marketplace: stock out, orders in, no line of MagFlow changed. It brings
a small simulator of its own, to which all of this speaks over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.marketplaces import protocol, transport
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import StockWrite
from magflow.models import MarketplaceAccount, Offer, Order
from magflow.services import accounts, market_asks, market_sync, publishing, restock
from magflow.services.market_asks import SetStatus
from tests.marketplaces.conftest import FAST, sellable
from tests.shop import ANA, stock_of

PLUGIN = Path(__file__).parents[2] / "plugins" / "woocommerce"


@pytest.fixture
def woo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package, installed as far as this test is concerned: its shop's simulator."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    for name in ("magflow_woocommerce", "magflow_woocommerce.simulator"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import magflow_woocommerce
    from magflow_woocommerce import simulator

    known = protocol.adapters()
    monkeypatch.setattr(protocol, "adapters", lambda: known | {"woocommerce": magflow_woocommerce.adapter})
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))
    yield simulator


def an_account(woo: Any, code: str, url: str, password: str = "") -> MarketplaceAccount:
    new = accounts.NewAccount("woocommerce", code, username=woo.KEY, password=password or woo.SECRET, base_url=url)
    made = accounts.add(new, actor=ANA)
    return accounts.edit(accounts.EditAccount(made.id, limits=FAST, switches={"publishing": True}), actor=ANA)


def orders_of(external_id: int) -> list[tuple[str, str]]:
    found = db.session.scalars(
        select(Order).where(Order.source == "woocommerce", Order.external_id == str(external_id))
    ).all()
    told = [(order.status, str(order.total_gross)) for order in found]
    db.session.rollback()
    return told


def test_a_shop_of_another_kind_is_fed_and_read(app: Flask, woo: Any) -> None:
    shop, mug, shirt = woo.Shop(), sellable("WOO-1", 7), sellable("WOO-2", 4)
    mug_there = shop.product("WOO-1", "Mug", "10.00", 1)
    parent = shop.product("", "Shirt", "20.00", 0)
    shirt_there = shop.product("WOO-2", "Shirt S", "20.00", 1, parent=parent)
    with woo.running(shop) as url:
        account = an_account(woo, "shop", url)
        assert market_sync.read_offers(account.id, actor=ANA) == 2
        placed = shop.order((shirt_there, 1))
        for _ in range(2):
            market_sync.read_orders(account.id, actor=ANA)
        assert orders_of(placed) == [("confirmed", "20.00")]
        assert (stock_of(mug), stock_of(shirt)) == (7, 3)
        publishing.enqueue_all(actor=ANA)
        market_sync.publish(account.id, actor=ANA)
        assert [shop.products[n]["stock_quantity"] for n in (mug_there, shirt_there)] == [7, 3]
        shop.change(placed, status="cancelled")
        market_sync.read_orders(account.id, actor=ANA, full=True)
        assert (orders_of(placed)[0][0], stock_of(shirt)) == ("cancelled", 4)
        here = shop.order((mug_there, 2))
        market_sync.read_orders(account.id, actor=ANA)
        order = db.session.scalars(select(Order).where(Order.external_id == str(here))).one()
        db.session.rollback()
        restock.cancel(restock.CancelOrder(order.id), actor=ANA)
        market_sync.tell_cancelled(account.id, str(here), 1, actor=ANA)
        assert shop.orders[here]["status"] == "cancelled"


def test_many_products_come_in_pages_and_a_bad_one_holds_up_nobody(app: Flask, woo: Any) -> None:
    shop = woo.Shop()
    numbers = [shop.product(f"MANY-{n}", f"Thing {n}", "5.00", 0) for n in range(130)]
    with woo.running(shop) as url:
        account = an_account(woo, "many", url)
        assert market_sync.read_offers(account.id, actor=ANA) == 130
        with accounts.opened(market_sync.account_of(account.id)) as there:
            writes = [StockWrite(str(number), 3) for number in [*numbers[:60], 999_999]]
            told = there.send_stock(writes)
    assert sum(outcome.ok for outcome in told.values()) == 60
    assert (told["999999"].ok, told["999999"].gone) == (False, True)
    assert [route for method, route in shop.requests if method == "POST"] == ["products/batch"] * 2


def test_trouble_is_told_apart_and_what_it_cannot_do_is_refused(app: Flask, woo: Any) -> None:
    shop = woo.Shop()
    shop.product("NO-1", "Thing", "5.00", 1)
    with woo.running(shop) as url:
        account = an_account(woo, "trouble", url, "cs_not_this_one")
        assert accounts.try_connection(market_sync.account_of(account.id)).trouble == "wrong_password"
        accounts.edit(accounts.EditAccount(account.id, password=woo.SECRET), actor=ANA)
        shop.rights = "none"
        assert accounts.try_connection(market_sync.account_of(account.id)).trouble == "no_rights"
        shop.rights = "read_write"
        found = accounts.try_connection(market_sync.account_of(account.id))
        assert (found.trouble, found.offers) == (None, 1)
        market_sync.read_offers(account.id, actor=ANA)
        offer = db.session.scalars(select(Offer).where(Offer.account_id == account.id)).one()
        db.session.rollback()
        made = market_asks.set_status(SetStatus(offer.id, False), actor=ANA)
        from tests.marketplaces.test_writes import send, write_of

        assert send(account) == 0
        assert (write_of(made).state, write_of(made).error) == ("refused", "woocommerce does not do this")
    with pytest.raises(MarketplaceError):
        market_sync.read_offers(account.id, actor=ANA)
    assert accounts.try_connection(market_sync.account_of(account.id)).trouble == "down"


def test_its_simulator_is_a_process_too(woo: Any) -> None:
    command = [sys.executable, "-m", "magflow_woocommerce.simulator", "0"]
    with subprocess.Popen(command, cwd=PLUGIN, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("WooCommerce: http://127.0.0.1:")
        process.terminate()
