"""The weekly refresh: what is stale is sent again unchanged, oldest first, within its maximum; twice is once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.domain.actors import SYSTEM
from magflow.models import MarketplaceAccount
from magflow.queries import automation as reads
from magflow.services import market_sync
from magflow.services.automation import refresh, rules
from magflow.services.automation.rules import ChangeRule, OfRule
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA
from tests.stock_sync.market import value

AddAccount = Callable[..., MarketplaceAccount]


def sql(statement: str, **given: Any) -> None:
    run(lambda session: execute(session, statement, given), SYSTEM)


@pytest.fixture(scope="module")
def main_id(add_account: AddAccount, market: Market, module_app: Flask) -> int:
    """MAIN with four offers that were sent, all of them accepted and read back."""
    account = add_account("main")
    with module_app.app_context():
        for n in range(4):
            sellable(f"MAIN-{n}", 5 + n)
            market.offer("main", f"MAIN-{n}", 5 + n)
        market_sync.reconcile(account.id, actor=ANA)
    return account.id


@pytest.fixture(scope="module")
def fbe_id(add_account: AddAccount, market: Market, module_app: Flask) -> int:
    """FBE: goods in the marketplace's warehouse, whose stock cannot be written."""
    account = add_account("fbe", publishing=False)
    with module_app.app_context():
        for n in range(3):
            sellable(f"FBE-{n}", 0)
            market.offer("fbe", f"FBE-{n}", 9, price="12.50")
        market_sync.read_offers(account.id, actor=ANA)
    return account.id


def age(account_id: int, days: str = "8 days") -> None:
    """Let them be old; the log of other tests is forgotten."""
    sql("DELETE FROM automation_entries WHERE account_id = %(a)s", a=account_id)
    sql("UPDATE automation_rules SET mode = 'off', more = 0, more_on = NULL, failures = 0, paused_reason = NULL, "
        "paused_at = NULL, paused_until = NULL WHERE account_id = %(a)s", a=account_id)  # fmt: skip
    sql("UPDATE offers SET last_synced_at = clock_timestamp() - %(d)s::interval WHERE account_id = %(a)s",
        a=account_id, d=days)  # fmt: skip


def switch(account_id: int, mode: str, daily_max: int = 100) -> None:
    rules.change(ChangeRule(account_id, "refresh", mode, daily_max), actor=ANA)


def logged(account_id: int) -> list[str]:
    page = reads.log(_session(), reads.LogFilter(account_id=account_id))
    found = sorted(f"{row.entry.sku} {row.entry.outcome} {row.entry.reason}".strip() for row in page.rows)
    _session().rollback()
    return found


def saved(market: Market) -> list[dict[str, Any]]:
    """The last bulk save that the marketplace got."""
    found: list[dict[str, Any]] = [one["body"] for one in market.world.log if one["route"].endswith("offer/save")][-1]
    return found


def _session() -> Any:
    from magflow.db import db

    return db.session()


def test_off_does_nothing_and_a_dry_run_writes_nothing(app: Flask, main_id: int, market: Market) -> None:
    age(main_id)
    before = len(market.world.log)
    assert refresh.run(main_id, actor=ANA) == 0
    switch(main_id, "dry_run")
    assert refresh.run(main_id, actor=ANA) == 4
    assert refresh.run(main_id, actor=ANA) == 0
    assert logged(main_id) == [f"MAIN-{n} would" for n in range(4)]
    assert len(market.world.log) == before
    assert value("SELECT count(*) FROM stock_outbox") == 0


def test_what_sells_from_our_pool_goes_through_the_outbox(app: Flask, main_id: int, market: Market) -> None:
    age(main_id)
    sql("UPDATE offers SET last_synced_at = clock_timestamp() - interval '6 days 23 hours' WHERE sku = 'MAIN-3'")
    switch(main_id, "on")
    assert refresh.run(main_id, actor=ANA) == 3
    assert logged(main_id) == [f"MAIN-{n} waiting" for n in range(3)]
    assert market_sync.publish(main_id, actor=ANA) == 3
    sent = saved(market)
    assert sorted(item["stock"][0]["value"] for item in sent) == [5, 6, 7]
    assert all(item.keys() == {"id", "stock"} for item in sent)
    refresh.settle(OfRule(main_id, "refresh"), actor=ANA)
    assert logged(main_id) == [f"MAIN-{n} done" for n in range(3)]
    assert refresh.run(main_id, actor=ANA) == 0


def test_two_workers_take_each_offer_once(app: Flask, main_id: int) -> None:
    age(main_id)
    switch(main_id, "on")
    counts: list[int] = []

    def work() -> None:
        with app.app_context():
            counts.append(refresh.run(main_id, actor=ANA))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 4
    assert logged(main_id) == [f"MAIN-{n} waiting" for n in range(4)]
    market_sync.publish(main_id, actor=ANA)


def test_the_maximum_of_a_day_pauses_the_rule_and_can_be_raised(app: Flask, main_id: int) -> None:
    age(main_id)
    sql("UPDATE offers SET last_synced_at = NULL WHERE sku = 'MAIN-2'")
    switch(main_id, "on", daily_max=1)
    assert refresh.run(main_id, actor=ANA) == 1
    assert logged(main_id) == ["MAIN-2 waiting"], "what was never sent comes first"
    paused = reads.paused(_session())
    assert [(one.rule, one.reason) for one in paused] == [("refresh", "maximum")]
    assert paused[0].until is not None
    assert refresh.run(main_id, actor=ANA) == 0
    for _twice in range(2):
        rules.resume(OfRule(main_id, "refresh"), actor=ANA)
    assert refresh.run(main_id, actor=ANA) == 1
    assert len(logged(main_id)) == 2
    # Midnight ends the pause by itself.
    sql("UPDATE automation_rules SET paused_until = clock_timestamp() - interval '1 second', more = 10")
    assert refresh.run(main_id, actor=ANA) == 2
    assert reads.paused(_session()) == []
    market_sync.publish(main_id, actor=ANA)


def test_what_the_marketplace_holds_is_sent_with_the_price_that_was_just_read(
    app: Flask, fbe_id: int, market: Market
) -> None:
    age(fbe_id)
    sql("UPDATE offers SET last_read_at = clock_timestamp() - interval '5 hours' WHERE sku = 'FBE-1'")
    changed = next(o for o in market.account("fbe").offers.values() if o.part_number == "FBE-1")
    changed.price = changed.price + 1  # somebody changed it there meanwhile
    switch(fbe_id, "on")
    assert refresh.run(fbe_id, actor=ANA) == 3
    sent = saved(market)
    assert sorted(float(item["sale_price"]) for item in sent) == [12.5, 12.5, 13.5]
    assert all(item.keys() == {"id", "sale_price"} for item in sent)
    assert logged(fbe_id) == [f"FBE-{n} done" for n in range(3)]
    assert value("SELECT count(*) FROM offers WHERE last_synced_at IS NULL OR last_synced_at < now() - interval '1 h'"
                 ) == 0  # fmt: skip
    assert refresh.run(fbe_id, actor=ANA) == 0


def test_what_fails_is_logged_and_after_three_runs_waits_for_a_person(app: Flask, fbe_id: int, market: Market) -> None:
    from magflow.marketplaces.errors import MarketplaceError

    age(fbe_id)
    switch(fbe_id, "on")
    market.account("fbe").password = "changed there"

    def fail() -> list[tuple[str, object]]:
        sql("UPDATE marketplace_accounts SET paused_reason = NULL, paused_at = NULL WHERE id = %(a)s", a=fbe_id)
        sql("DELETE FROM automation_entries")
        with pytest.raises(MarketplaceError):
            refresh.run(fbe_id, actor=ANA)
        assert logged(fbe_id) == [f"FBE-{k} failed wrong_password" for k in range(3)]
        return [(one.reason, one.until) for one in reads.paused(_session())]

    assert [fail() for _ in range(3)] == [[], [], [("failures", None)]]
    # Somebody lets it go on: it is counted anew.
    rules.resume(OfRule(fbe_id, "refresh"), actor=ANA)
    assert [fail() for _ in range(3)] == [[], [], [("failures", None)]]


def test_a_person_has_all_of_it_sent_whatever_the_rule_says(app: Flask, main_id: int, market: Market) -> None:
    age(main_id)
    switch(main_id, "on", daily_max=1)
    rules.pause(OfRule(main_id, "refresh"), actor=ANA)
    assert refresh.run(main_id, actor=ANA) == 0
    assert refresh.run(main_id, by_person=True, actor=ANA) == 4
    assert logged(main_id) == [f"MAIN-{n} waiting" for n in range(4)]
    # Asked twice: what was sent today is not sent again.
    assert refresh.run(main_id, by_person=True, actor=ANA) == 0
    assert market_sync.publish(main_id, actor=ANA) == 4
    assert reads.waiting(_session()) == [main_id]
    _session().rollback()
    refresh.settle(OfRule(main_id, "refresh"), actor=ANA)
    assert logged(main_id) == [f"MAIN-{n} done" for n in range(4)]
    assert reads.waiting(_session()) == []
    _session().rollback()
