"""Orders in, offers matched, stock out: against the simulator, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.blueprints.marketplaces import jobs as marketplace_jobs
from magflow.db import db
from magflow.models import MarketplaceAccount, MarketplaceOrder, Offer, Order
from magflow.services import dispatch, market_sync, publishing, restock, single, stock
from magflow.simulator import buying
from magflow.simulator.world import Fault
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA, stock_of

Add = Callable[..., MarketplaceAccount]


@pytest.fixture(scope="module")
def main(add_account: Add) -> MarketplaceAccount:
    return add_account("main")


@pytest.fixture(scope="module")
def fbe(add_account: Add) -> MarketplaceAccount:
    return add_account("fbe")


def news() -> None:
    """The worker's part: what changed is handed out."""
    dispatch.hand_out({"stock.changed": [publishing.stock_changed]}, actor=ANA)


def offer_of(account: MarketplaceAccount, number: int) -> Offer:
    found = db.session.scalars(
        select(Offer).where(Offer.account_id == account.id, Offer.external_id == str(number))
    ).one()
    db.session.refresh(found)
    db.session.rollback()
    return found


def order_of(account: MarketplaceAccount, number: int) -> tuple[MarketplaceOrder, Order | None]:
    told = db.session.scalars(
        select(MarketplaceOrder).where(
            MarketplaceOrder.account_id == account.id, MarketplaceOrder.external_id == str(number)
        )
    ).one()
    order = db.session.get(Order, told.order_id) if told.order_id else None
    db.session.rollback()
    return told, order


def test_an_order_is_taken_once_acknowledged_and_confirmed(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    variant = sellable("FLOW-1", 5)
    sold = market.offer("main", "FLOW-1", 5)
    assert market_sync.read_offers(main.id, actor=ANA) >= 1
    assert offer_of(main, sold.id).variant_id == variant.id
    bought = buying.place_order(market.world, market.account("main"), [(sold, 2)])
    for _ in range(2):
        market_sync.read_orders(main.id, actor=ANA)
    told, order = order_of(main, bought["id"])
    assert (told.state, bought["status"]) == ("done", 2)
    assert order is not None
    assert (order.status, str(order.total_gross)) == ("confirmed", "24.20")
    assert stock_of(variant) == 3
    news()
    market_sync.publish(main.id, actor=ANA)
    assert sold.stock == 3
    assert offer_of(main, sold.id).sent_stock == 3
    assert market_sync.read_back(main.id, actor=ANA) >= 1
    assert offer_of(main, sold.id).differs_since is None


def test_an_unknown_item_comes_in_and_waits_for_its_variant(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    sold = market.offer("main", "FLOW-NEW", 3)
    bought = buying.place_order(market.world, market.account("main"), [(sold, 1)])
    market_sync.read_orders(main.id, actor=ANA)
    told, order = order_of(main, bought["id"])
    assert order is not None
    assert (told.state, order.status, order.blocked_reason) == ("blocked", "pending", "variant_unavailable")
    variant = sellable("FLOW-NEW", 3)
    market_sync.read_offers(main.id, actor=ANA)
    market_sync.try_blocked(actor=ANA)
    market_sync.read_orders(main.id, actor=ANA)
    told, order = order_of(main, bought["id"])
    assert order is not None
    assert (told.state, order.status, stock_of(variant)) == ("done", "confirmed", 2)


def test_what_cannot_be_covered_is_flagged_and_reserved(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    variant = sellable("FLOW-SHORT", 1)
    sold = market.offer("main", "FLOW-SHORT", 9)
    market_sync.read_offers(main.id, actor=ANA)
    bought = buying.place_order(market.world, market.account("main"), [(sold, 2)])
    market_sync.read_orders(main.id, actor=ANA)
    told, order = order_of(main, bought["id"])
    assert order is not None
    assert (told.state, order.blocked_reason, stock_of(variant)) == ("blocked", "insufficient_stock", 1)
    publishing.enqueue_all(actor=ANA)
    market_sync.publish(main.id, actor=ANA)
    assert sold.stock == 0  # one is there, two are reserved
    stock.adjust(stock.AdjustStock(variant.id, delta=4, reason="count"), actor=ANA)
    market_sync.try_blocked(actor=ANA)
    market_sync.read_orders(main.id, actor=ANA)
    assert order_of(main, bought["id"])[0].state == "done"
    assert stock_of(variant) == 3


def test_a_cancelled_new_order_takes_nothing_and_a_cancelled_one_comes_back(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    variant = sellable("FLOW-CANCEL", 5)
    sold = market.offer("main", "FLOW-CANCEL", 5)
    market_sync.read_offers(main.id, actor=ANA)
    account = market.account("main")
    early = buying.place_order(market.world, account, [(sold, 1)])
    buying.cancel_by_marketplace(market.world, account, early)
    late = buying.place_order(market.world, account, [(sold, 2)])
    market_sync.read_orders(main.id, actor=ANA)
    assert order_of(main, early["id"])[0].state == "ignored"
    assert stock_of(variant) == 3
    market.world.advance(60)
    buying.cancel_by_marketplace(market.world, account, late)
    for _ in range(2):
        market_sync.read_orders(main.id, actor=ANA)
    order = order_of(main, late["id"])[1]
    assert order is not None
    assert (order.status, stock_of(variant)) == ("cancelled", 5)


def test_what_is_cancelled_here_is_cancelled_there(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    variant = sellable("FLOW-OURS", 5)
    sold = market.offer("main", "FLOW-OURS", 5)
    market_sync.read_offers(main.id, actor=ANA)
    bought = buying.place_order(market.world, market.account("main"), [(sold, 2)])
    market_sync.read_orders(main.id, actor=ANA)
    order = order_of(main, bought["id"])[1]
    assert order is not None
    restock.cancel(restock.CancelOrder(order.id, code="33"), actor=ANA)
    dispatch.hand_out({"order.cancelled": [marketplace_jobs.told]}, actor=ANA)
    job = single.one("SELECT args FROM procrastinate_jobs WHERE task_name = 'marketplaces.cancel'", {})
    assert job is not None
    assert job[0] == {"account_id": main.id, "external_id": str(bought["id"]), "reason": 33}
    for _ in range(2):
        marketplace_jobs.cancel(**job[0])
    assert (bought["status"], bought["reason_cancellation"]["id"]) == (0, 33)
    market_sync.read_orders(main.id, actor=ANA)
    told, order = order_of(main, bought["id"])
    assert order is not None
    assert (told.state, order.status, stock_of(variant)) == ("done", "cancelled", 5)


def test_goods_of_the_marketplaces_warehouse_are_recorded_only(
    app: Flask, market: Market, fbe: MarketplaceAccount
) -> None:
    variant = sellable("FLOW-FBE", 4)
    sold = market.offer("fbe", "FLOW-FBE", 26)
    market_sync.read_offers(fbe.id, actor=ANA)
    bought = buying.place_order(market.world, market.account("fbe"), [(sold, 3)])
    market_sync.read_orders(fbe.id, actor=ANA)
    told, order = order_of(fbe, bought["id"])
    assert order is not None
    assert (told.state, order.status, stock_of(variant)) == ("done", "confirmed", 4)
    news()
    publishing.enqueue_all(actor=ANA)
    assert market_sync.publish(fbe.id, actor=ANA) == 0
    assert sold.stock == 23


def test_a_storno_and_a_return_bring_back_once(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    variant = sellable("FLOW-BACK", 10)
    sold = market.offer("main", "FLOW-BACK", 10)
    market_sync.read_offers(main.id, actor=ANA)
    account = market.account("main")
    bought = buying.place_order(market.world, account, [(sold, 4)])
    market_sync.read_orders(main.id, actor=ANA)
    assert buying.move(market.world, account, bought, 4) is None
    market.world.advance(60)
    line = bought["products"][0]
    assert buying.storno(bought, {"products": [{"id": line["id"], "quantity": 3}]}, market.world) is None
    for _ in range(2):
        market_sync.read_orders(main.id, actor=ANA)
    assert stock_of(variant) == 7
    back = buying.open_return(market.world, account, bought, {sold.id: 1})
    market_sync.read_returns(main.id, actor=ANA)
    assert stock_of(variant) == 7  # not there yet
    back["request_status"] = 6
    for _ in range(2):
        market_sync.read_returns(main.id, actor=ANA)
    assert stock_of(variant) == 8


def test_one_bad_offer_never_holds_up_the_rest(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    variants = [sellable(f"FLOW-BULK-{n}", 5) for n in range(4)]
    sold = [market.offer("main", f"FLOW-BULK-{n}", 1) for n in range(4)]
    market_sync.read_offers(main.id, actor=ANA)
    sold[1].status = 2
    sold[2].campaign = "SPRING"
    for variant in variants:
        stock.adjust(stock.AdjustStock(variant.id, delta=1, reason="count"), actor=ANA)
    news()
    market.world.faults.append(Fault("timeout_after", "offer/save", seconds=0.0))
    market_sync.publish(main.id, actor=ANA)
    assert [offer.stock for offer in sold] == [6, 1, 1, 6]
    assert "SPRING" in (offer_of(main, sold[2].id).rejected or "")
