"""Transfers that are made by themselves: within one pool done, else proposed; never below a floor, never twice."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.models import Variant
from magflow.queries import automation as reads
from magflow.services.automation import carrying, rules
from magflow.services.automation.rules import ChangeRule, OfRule
from magflow.services.stock_sync import alerts, transfers
from tests.api.conftest import Program
from tests.shop import ANA
from tests.stock_sync.market import make_accounts, make_listed, offer, put_offers, value

pytestmark = pytest.mark.usefixtures("accounts")


def sql(statement: str, **given: Any) -> None:
    run(lambda session: execute(session, statement, given), SYSTEM)


def account_id(code: str) -> int:
    return int(value("SELECT id FROM marketplace_accounts WHERE code = :c", c=code))


@pytest.fixture
def main_id(app: Flask) -> int:
    """MAIN, with the rule off and nothing in the log; what other tests left is no alert any more."""
    found = account_id("main")
    sql("DELETE FROM automation_entries")
    sql("UPDATE automation_rules SET mode = 'off', more = 0, more_on = NULL, failures = 0, paused_reason = NULL, "
        "paused_at = NULL, paused_until = NULL")  # fmt: skip
    sql("UPDATE offers SET stock = 50, number_of_offers = 1")
    alerts.catch_up(actor=ANA)
    return found


def switch(found: int, mode: str = "on", **limits: int) -> None:
    rules.change(ChangeRule(found, "transfer", mode, **limits), actor=ANA)


def short(stock: int = 26, **fields: Any) -> Variant:
    """MAIN at 0, FBE with stock, competition."""
    variant = make_listed(offer("main", 0), offer("fbe", stock), **fields)
    alerts.catch_up(actor=ANA)
    return variant


def logged(variant: Variant) -> list[tuple[str, str, int | None]]:
    page = reads.log(db.session(), reads.LogFilter(sku=variant.sku))
    found = [(row.entry.outcome, row.entry.reason, row.entry.amount) for row in page.rows]
    db.session.remove()
    return found


def made(variant: Variant) -> list[tuple[str, int]]:
    with db.engine.connect() as connection:
        from sqlalchemy import text

        rows = connection.execute(
            text("SELECT state, amount FROM transfers WHERE variant_id = :v ORDER BY id"), {"v": variant.id}
        )
        return [(str(state), int(amount)) for state, amount in rows]


def test_off_and_dry(main_id: int) -> None:
    variant = short()
    assert carrying.run(main_id, actor=ANA) == []
    switch(main_id, "dry_run")
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["would"]
    assert carrying.run(main_id, actor=ANA) == []
    assert logged(variant) == [("would", "proposal", 10)]
    assert made(variant) == []


def test_where_goods_travel_it_is_proposed_once(main_id: int) -> None:
    variant = short()
    switch(main_id)
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["proposed"]
    assert made(variant) == [("suggested", 10)]
    carrying.run(main_id, actor=ANA)
    assert made(variant) == [("suggested", 10)]
    assert logged(variant) == [("skipped", "transfer_open", None), ("proposed", "", 10)]
    # A person who cancels it has decided: it is not proposed again for this alert.
    transfer_id = value("SELECT id FROM transfers WHERE variant_id = :v", v=variant.id)
    transfers.cancel(transfers.OfTransfer(transfer_id), actor=ANA)
    carrying.run(main_id, actor=ANA)
    assert made(variant) == [("cancelled", 10)]
    assert logged(variant)[0] == ("skipped", "turned_down", None)


def test_the_giver_keeps_its_floor_and_what_needs_a_look_is_left(main_id: int) -> None:
    variant = short(14)
    switch(main_id, floor=10)
    carrying.run(main_id, actor=ANA)
    assert made(variant) == [("suggested", 4)]
    poor = short(9)
    carrying.run(main_id, actor=ANA)
    assert logged(poor) == [("skipped", "floor", None)]
    switch(main_id, floor=0)
    doubtful = short(6)  # half of it would leave 3 in a competition
    carrying.run(main_id, actor=ANA)
    assert logged(doubtful) == [("skipped", "review", None)]
    assert made(doubtful) == []


def test_old_readings_move_nothing(main_id: int) -> None:
    variant = short()
    sql("UPDATE offers SET last_read_at = clock_timestamp() - interval '25 hours' WHERE variant_id = %(v)s",
        v=variant.id)  # fmt: skip
    switch(main_id)
    carrying.run(main_id, actor=ANA)
    assert logged(variant) == [("skipped", "data_old", None)]


def test_within_one_divided_pool_it_is_done_once_by_two_workers(app: Flask, main_id: int) -> None:
    if not value("SELECT count(*) FROM marketplace_accounts WHERE code = 'north'"):
        make_accounts("north", "south", pool="halves")
        sql("UPDATE stock_pools SET mode = 'divided' WHERE name = 'halves'")
    north = account_id("north")
    variant = make_listed(offer("north", 0), offer("south", 30), own_stock=30)
    sql("UPDATE offers SET share = stock WHERE variant_id = %(v)s", v=variant.id)
    alerts.catch_up(actor=ANA)
    switch(north)
    decided: list[str] = []

    def work() -> None:
        with app.app_context():
            decided.extend(one.outcome for one in carrying.run(north, actor=ANA))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decided.count("done") == 1
    assert made(variant) == [("done", 10)]
    shares = value("SELECT jsonb_object_agg(a.code, o.share) FROM offers o JOIN marketplace_accounts a "
                   "ON a.id = o.account_id WHERE o.variant_id = :v", v=variant.id)  # fmt: skip
    assert shares == {"north": 10, "south": 20}
    assert logged(variant)[-1] == ("done", "", 10)


def test_what_another_warehouse_would_lose_is_proposed_although_both_figures_are_written(main_id: int) -> None:
    make_accounts("fbe2", fulfilment="marketplace", stock_writable=True)
    variant = make_listed(offer("main", 0), offer("fbe2", 26))
    alerts.catch_up(actor=ANA)
    switch(main_id)
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["proposed"]
    assert made(variant) == [("suggested", 10)]


def test_the_maximum_pauses_and_says_so(main_id: int) -> None:
    first, second, third = short(price="90.00"), short(price="10.00"), short(price="5.00")
    switch(main_id, daily_max=1)
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["proposed", "skipped"]
    assert (made(first), made(second)) == ([("suggested", 10)], [])
    assert logged(second) == [("skipped", "maximum", None)]
    assert [(one.account.code, one.rule, one.reason) for one in reads.paused(db.session())] == [
        ("main", "transfer", "maximum")
    ]
    db.session.remove()
    assert carrying.run(main_id, actor=ANA) == []
    for variant in (second, third):  # as much again, each time
        rules.resume(OfRule(main_id, "transfer"), actor=ANA)
        carrying.run(main_id, actor=ANA)
        assert made(variant) == [("suggested", 10)]


def test_what_a_person_paused_waits_for_a_person(main_id: int) -> None:
    variant = short()
    switch(main_id)
    rules.pause(OfRule(main_id, "transfer"), actor=ANA)
    assert carrying.run(main_id, actor=ANA) == []
    assert made(variant) == []
    rules.resume(OfRule(main_id, "transfer"), actor=ANA)
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["proposed"]


def test_a_dry_run_says_its_maximum_and_is_not_paused_by_it(main_id: int) -> None:
    short()
    second = short(price="10.00")
    switch(main_id, "dry_run", daily_max=1)
    assert [one.outcome for one in carrying.run(main_id, actor=ANA)] == ["would", "skipped"]
    assert logged(second) == [("skipped", "maximum", None)]
    assert reads.paused(db.session()) == []
    db.session.remove()


def test_by_the_api(program: Program, main_id: int) -> None:
    path = "/stock-sync/automation/main/transfer"
    row = program.data("PUT", path, {"mode": "on", "daily_max": 3, "floor": 2})
    assert (row["mode"], row["daily_max"], row["floor"], row["allowed_today"]) == ("on", 3, 2, 3)
    assert program.data("POST", f"{path}/pause")["paused_reason"] == "person"
    assert carrying.run(main_id, actor=ANA) == []
    assert program.data("POST", f"{path}/resume")["paused_reason"] is None
    program.data("POST", f"{path}/run")
    program.refused("PUT", path, {"daily_max": 0}, status=422, code="validation_error")
    program.refused("PUT", "/stock-sync/automation/nowhere/transfer", {}, status=404, code="not_found")
    program.refused("PUT", "/stock-sync/automation/main/other", {}, status=404, code="not_found")
    short(sku="API-1")
    carrying.run(main_id, actor=ANA)
    (line,) = program.data("GET", "/stock-sync/automation/log?sku=API-1")
    assert (line["outcome"], line["amount"], line["from_account"], line["account"]) == ("proposed", 10, "fbe", "main")
    every = {row["id"]: row["mode"] for row in program.data("GET", "/stock-sync/automation")}
    assert every["main:transfer"] == "on"
    assert every["fbe:refresh"] == "off"


def test_an_alert_that_is_gone_is_left(main_id: int) -> None:
    variant = short()
    switch(main_id)
    (command,) = [one for one in carrying.look(OfRule(main_id, "transfer"), actor=ANA)
                  if one.variant_id == variant.id]  # fmt: skip
    put_offers([(variant, [offer("main", 40)])])
    alerts.catch_up(actor=ANA)
    assert carrying.carry(command, actor=ANA).reason == "gone"
    assert made(variant) == []
