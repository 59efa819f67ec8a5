"""What is due gets a job: slow readings leave room for orders and stock, and nothing is asked for more often than it
has to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from magflow.blueprints.marketplaces.jobs import TASKS
from magflow.models import MarketplaceAccount
from magflow.services import market_sync, publishing, single, webhooks
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA

SENT = 45


@pytest.fixture(scope="module")
def main(add_account: Callable[..., MarketplaceAccount]) -> MarketplaceAccount:
    return add_account("main")


@pytest.fixture(scope="module")
def fbe(add_account: Callable[..., MarketplaceAccount]) -> MarketplaceAccount:
    return add_account("fbe")


def unread(account: MarketplaceAccount) -> int:
    row = single.one(
        "SELECT count(*) FROM offers WHERE account_id = %(a)s AND last_read_at < last_synced_at", {"a": account.id}
    )
    assert row is not None
    return int(row[0])


def asked(market: Market) -> int:
    """How often offers were asked for."""
    return sum(request["route"] == "product_offer/read" for request in market.world.log)


def test_many_that_were_sent_are_read_back_by_the_page(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    for n in range(SENT):
        sellable(f"DUE-{n}", n)
        market.offer("main", f"DUE-{n}", 1)
    market_sync.read_offers(main.id, actor=ANA)
    publishing.enqueue_all(actor=ANA)
    assert market_sync.publish(main.id, actor=ANA) == SENT
    assert unread(main) == SENT
    before = asked(market)
    market_sync.read_back(main.id, actor=ANA)
    assert unread(main) == 0
    assert asked(market) - before <= 2


def test_what_was_sent_last_is_read_back_first(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    """Where it is one by one."""
    single.every(
        "UPDATE offers SET last_read_at = now() - interval '1 hour', last_synced_at = now() - interval '5 minutes' "
        "WHERE sku IN ('DUE-1', 'DUE-2')", {}
    )  # fmt: skip
    single.every("UPDATE offers SET last_read_at = now() - interval '1 hour', last_synced_at = now() "
                 "WHERE sku = 'DUE-3'", {})  # fmt: skip
    newest = next(o.id for o in market.account("main").offers.values() if o.part_number == "DUE-3")
    rows = single.every(market_sync.UNREAD, {"account": main.id, "most": 1})
    assert rows[0][0] == str(newest)
    assert market_sync.read_back(main.id, actor=ANA, most=3) == 3
    assert unread(main) == 0


def jobs_of(task: str) -> int:
    row = single.one(
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %(t)s AND status IN ('todo', 'doing')", {"t": task}
    )
    assert row is not None
    return int(row[0])


def test_a_slow_reading_runs_once_and_leaves_room(
    app: Flask, main: MarketplaceAccount, fbe: MarketplaceAccount
) -> None:
    """Offers of both accounts, returns and what was sent are due; while two of them run, orders still get theirs."""
    single.every("DELETE FROM procrastinate_jobs", {})
    single.every("UPDATE marketplace_accounts SET offers_read_at = NULL, returns_read_at = NULL, orders_read_at = NULL",
                 {})  # fmt: skip
    market_sync.enqueue_due(actor=ANA)
    single.every("UPDATE procrastinate_jobs SET status = 'doing'", {})
    market_sync.enqueue_due(actor=ANA)
    assert sum(jobs_of(task) for task in market_sync.SLOW) == market_sync.MOST_SLOW
    assert jobs_of("marketplaces.orders") == 2
    single.every("UPDATE procrastinate_jobs SET status = 'succeeded'", {})
    market_sync.enqueue_due(actor=ANA)
    assert sum(jobs_of(task) for task in market_sync.SLOW) == market_sync.MOST_SLOW


def test_calls_while_an_order_reading_runs_are_one_more_reading(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    """However many there are, and whatever hands the worker has free."""
    task = next(task for task in TASKS if task.name == "marketplaces.orders")
    single.every("DELETE FROM procrastinate_jobs", {})
    for _ in range(2):
        webhooks.called(main.id, actor=ANA)
        single.every("UPDATE procrastinate_jobs SET status = 'doing'", {})
    before = len(market.world.log)
    task.handler(account_id=main.id)
    assert len(market.world.log) == before
    rows = single.every("SELECT status, scheduled_at > now() FROM procrastinate_jobs ORDER BY id", {})
    assert rows == [("doing", None), ("doing", None), ("todo", True)]
    single.every("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'doing'", {})
    task.handler(account_id=main.id)
    assert len(market.world.log) > before


def test_a_marketplace_that_is_away_is_not_asked_at_each_of_its_calls(app: Flask, main: MarketplaceAccount) -> None:
    single.every("DELETE FROM procrastinate_jobs", {})
    single.every("UPDATE marketplace_accounts SET last_error_at = clock_timestamp() WHERE id = %(id)s", {"id": main.id})
    for _ in range(3):
        webhooks.called(main.id, actor=ANA)
    rows = single.every("SELECT status, scheduled_at > now() + interval '10 seconds' FROM procrastinate_jobs", {})
    assert rows == [("todo", True)]
