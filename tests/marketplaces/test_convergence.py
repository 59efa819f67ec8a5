"""Gate G11, short: whatever goes wrong on the way, two cycles later the marketplace shows the truth, and every order is
here once."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from magflow.db import db
from magflow.domain.errors import Refused
from magflow.marketplaces import transport
from magflow.marketplaces.errors import MarketplaceError
from magflow.models import MarketplaceAccount, MarketplaceOrder, Order, Variant
from magflow.services import accounts, dispatch, market_sync, publishing, single, stock
from magflow.services.pace import AccountPace
from magflow.simulator import buying
from magflow.simulator.world import Fault, SimOffer
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA, stock_of

FAULTS = ("429", "500", "502", "504", "timeout_after", "drop")
DAY = 86400


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is not looked at here."""
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(AccountPace, "hold", lambda *_args: None)


@pytest.fixture(scope="module")
def main(add_account: Callable[..., MarketplaceAccount]) -> MarketplaceAccount:
    return add_account("main")


class Scenario:
    """One course of events over three offers."""

    def __init__(self, market: Market, main: MarketplaceAccount, draw: random.Random, name: str) -> None:
        self.market, self.main, self.draw = market, main, draw
        self.variants: list[Variant] = []
        self.offers: list[SimOffer] = []
        for n in range(3):
            sku, there = f"CONV-{name}-{n}", draw.randint(0, 6)
            self.variants.append(sellable(sku, there))
            self.offers.append(market.offer("main", sku, draw.choice((there, 0, 9))))
        self.orders: list[dict[str, Any]] = []

    def buy(self) -> None:
        offer = self.draw.choice(self.offers)
        if offer.stock:
            quantity = self.draw.randint(1, offer.stock)
            self.orders.append(buying.place_order(self.market.world, self.market.account("main"), [(offer, quantity)]))

    def change_mind(self) -> None:
        if self.orders:
            order = self.draw.choice(self.orders)
            if order["status"] in {1, 2}:
                buying.cancel_by_marketplace(self.market.world, self.market.account("main"), order)

    def count(self) -> None:
        variant = self.draw.choice(self.variants)
        with contextlib.suppress(Refused):
            stock.adjust(stock.AdjustStock(variant.id, delta=self.draw.choice((-2, -1, 1, 5)), reason="x"), actor=ANA)

    def trouble(self) -> None:
        kind = self.draw.choice(FAULTS)
        route = self.draw.choice(("offer/save", "order/read", "order/acknowledge", "product_offer/read", ""))
        self.market.world.faults.append(Fault(kind, route, times=self.draw.choice((1, 1, 2, 5))))

    def outage(self) -> None:
        world = self.market.world
        world.faults.append(Fault("502", times=10_000))
        self.work()
        world.faults.clear()
        world.advance(self.draw.choice((DAY, 8 * DAY)), step=DAY)

    def work(self) -> None:
        """What the worker does, with everything that may happen to it."""
        for job in (self.news, self.publish, self.read, self.publish):
            with contextlib.suppress(MarketplaceError, Refused):
                job()

    def news(self) -> None:
        dispatch.hand_out({"stock.changed": [publishing.stock_changed]}, actor=ANA)

    def publish(self) -> None:
        single.every("UPDATE stock_outbox SET next_at = clock_timestamp(), lease_until = NULL", {})
        market_sync.publish(self.main.id, actor=ANA)

    def read(self) -> None:
        single.every("UPDATE marketplace_orders SET next_at = clock_timestamp()", {})
        market_sync.read_orders(self.main.id, actor=ANA)

    def settle(self) -> None:
        """Everything works again: two cycles."""
        self.market.world.faults.clear()
        for _ in range(2):
            self.work()
            market_sync.try_blocked(actor=ANA)
            self.read()
            publishing.enqueue_all(actor=ANA)
            self.publish()
            market_sync.read_offers(self.main.id, actor=ANA)

    def check(self) -> None:
        for variant, offer in zip(self.variants, self.offers, strict=True):
            figure = publishing.figures(db.session(), [self._offer_id(offer)])[0]
            db.session.rollback()
            assert offer.stock == figure.offered, (offer.part_number, offer.stock, figure)
            assert figure.stock == stock_of(variant)
        for order in self.orders:
            here = db.session.scalars(
                select(Order).where(Order.source == "emag", Order.external_id == str(order["id"]))
            ).all()
            told = db.session.scalars(
                select(MarketplaceOrder).where(MarketplaceOrder.external_id == str(order["id"]))
            ).one()
            assert len(here) == (0 if told.state == "ignored" else 1)
            if order["status"] == 0:
                assert told.state in {"ignored", "done"}
                assert all(found.status == "cancelled" for found in here)
            else:
                assert [found.status for found in here] == ["pending" if told.state == "blocked" else "confirmed"]
        db.session.rollback()

    def _offer_id(self, offer: SimOffer) -> int:
        from magflow.models import Offer

        return db.session.scalars(select(Offer.id).where(Offer.external_id == str(offer.id))).one()


@pytest.mark.parametrize("scenarios", [8, pytest.param(5_000, marks=pytest.mark.soak)])
def test_two_cycles_after_any_trouble_both_sides_tell_the_truth(
    app: Flask, market: Market, main: MarketplaceAccount, request: pytest.FixtureRequest, scenarios: int
) -> None:
    seed = request.config.getoption("--seed") or random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for number in range(scenarios):
        scenario = Scenario(market, main, draw, f"{scenarios}-{number}")
        market_sync.read_offers(main.id, actor=ANA)
        acts = [scenario.buy, scenario.buy, scenario.count, scenario.trouble, scenario.work, scenario.change_mind]
        if number % 10 == 3:
            acts.append(scenario.outage)
        for _ in range(draw.randint(4, 10)):
            draw.choice(acts)()
        scenario.settle()
        scenario.check()
        if number % 100 == 99:
            print(f"{number + 1} courses of events, all of them told the truth in the end", flush=True)
        # Offers that are not looked at any more need not be read by all that follow.
        for offer in scenario.offers:
            del market.account("main").offers[offer.id]
        single.every("UPDATE offers SET status = 2 WHERE variant_id = ANY (%(v)s)",
                     {"v": [v.id for v in scenario.variants]})  # fmt: skip
    counted = db.session.scalar(select(func.count()).select_from(MarketplaceOrder))
    assert counted == len(market.account("main").orders)
    assert accounts.get(db.session(), main.id).paused_reason is None
