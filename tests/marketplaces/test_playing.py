"""Days of a demonstration are played: what happened is written down with its dates, and the books stay right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from magflow.db import db
from magflow.models import MarketplaceAccount
from magflow.postgres.ageing import grow_older
from magflow.queries import stock_figures
from magflow.services import accounts, invariants, market_sync, publishing, stock
from magflow.simulator import buying
from magflow.simulator.playing import NotOnlyADemo, Play
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def played(app: Flask, market: Market, add_account: Callable[..., MarketplaceAccount], owner: Owner) -> dict[str, Any]:
    """Ten days with two goods, one of which runs out in MAIN; before them somebody counted stock."""
    buying.attach_buyers(market.world)
    ids = [add_account("main").id, add_account("fbe", publishing=False).id]
    for sku, there in (("PLAY-1", 60), ("PLAY-2", 0)):
        variant = sellable(sku, there)
        market.offer("main", sku, there)
        market.offer("fbe", sku, 26).price *= 2
        market.world.products[f"D{sku}BBM"].daily_demand = 4.0
        market.world.products[f"D{sku}BBM"].competitors[0].price *= 3
    for account_id in ids:
        market_sync.read_offers(account_id, actor=ANA)
    publishing.enqueue_all(actor=ANA)
    stock.adjust(stock.AdjustStock(variant.id, "count", delta=1), actor=ANA)
    began = datetime.now(UTC)
    play = Play(market.world, market.running.api_url, lambda days: grow_older(owner, days), ANA)
    done = play.days(10, lambda _day: None)
    db.session.rollback()
    return {"done": done, "began": began}


def test_ten_days(played: dict[str, Any], owner: Owner, market: Market) -> None:
    done, began = played["done"], played["began"]
    assert done.days == 10
    # A figure for each day, a reading for each day, orders on most of them, and nothing after now.
    until = datetime.now(UTC).date()
    found = stock_figures.figures(db.session(), stock_figures.FigureFilter(until - timedelta(days=30), until))
    assert [(until - day.day).days for day in found.days] == list(range(9, -1, -1))
    shots = owner.execute("SELECT count(DISTINCT day) FROM offer_snapshots").fetchall()
    assert shots[0][0] in {10, 11}  # the first reading, and one each evening
    [(orders, first, last)] = owner.execute("SELECT count(*), min(placed_at), max(placed_at) FROM orders").fetchall()
    assert orders > 20
    assert began - timedelta(days=10, minutes=1) < first < began - timedelta(days=8)
    assert last <= datetime.now(UTC)
    # What was there before is ten days old; each movement of stock still comes after the one before it.
    [(counted,)] = owner.execute("SELECT max(at) FROM stock_movements WHERE note = 'count'").fetchall()
    assert began - timedelta(days=10, minutes=1) < counted < began - timedelta(days=9, hours=23)
    assert owner.execute(
        "SELECT count(*) FROM (SELECT at < lag(at) OVER (PARTITION BY variant_id ORDER BY seq) AS late "
        "FROM stock_movements) AS found WHERE late"
    ).fetchall() == [(0,)]
    # The marketplace's papers have grown older with the shop's.
    oldest = min(order["date"] for account in market.world.accounts.values() for order in account.orders.values())
    assert buying.parsed(oldest) == first
    # The accounts have their own pace again; the guards of the books are on.
    assert db.session().scalar(text("SELECT count(*) FROM marketplace_accounts WHERE limits <> '{}'")) == 2
    assert owner.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'").fetchall() == [(0,)]
    with pytest.raises(psycopg.DatabaseError, match="append-only"):
        owner.execute("UPDATE stock_movements SET at = at")
    db.session.rollback()
    assert invariants.findings(invariants.audit(db.session())) == []


def test_a_shop_that_sells_elsewhere_is_left_alone(app: Flask, market: Market) -> None:
    elsewhere = accounts.NewAccount(
        "emag", "shop", username="a@shop.example", password="x", base_url="https://marketplace.example/api-3"
    )
    accounts.add(elsewhere, actor=ANA)
    aged: list[int] = []
    with pytest.raises(NotOnlyADemo, match="shop"):
        Play(market.world, market.running.api_url, aged.append, ANA).days(1, lambda _day: None)
    assert aged == []
