"""Demand in the database: weeks from orders, weeks without stock left out, what is young; and amounts from it."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.models import DemandForecast, Variant
from magflow.services import stock
from magflow.services.stock_sync import forecasting
from tests.api.conftest import Program
from tests.stock_sync.history import MONDAY, sell, snapshots
from tests.stock_sync.market import emg331, make_listed, offer

pytestmark = pytest.mark.usefixtures("accounts")


def stored(variant: Variant, code: str) -> DemandForecast | None:
    sql = text("SELECT account_id FROM offers o WHERE variant_id = :v AND account_id = "
               "(SELECT id FROM marketplace_accounts WHERE code = :c)")  # fmt: skip
    account_id = db.session.scalar(sql, {"v": variant.id, "c": code})
    found = db.session.get(DemandForecast, (variant.id, account_id))
    db.session.rollback()
    return found


def forecast_all() -> int:
    return forecasting.forecast_all(actor=SYSTEM)


def test_weeks_come_from_orders_and_weeks_without_stock_say_nothing() -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    sell(*[(variant, "fbe", 6, ago) for ago in range(1, 21)])
    sell(*[(variant, "main", 4, ago) for ago in range(4, 21)])
    # MAIN stood at nothing for the last three weeks, and for two days of the week before.
    snapshots(variant, "main", {140: 9, 23: 0})
    forecast_all()
    main, fbe = stored(variant, "main"), stored(variant, "fbe")
    assert main is not None
    assert fbe is not None
    assert (fbe.sold, set(fbe.days_out), fbe.weeks) == ([6] * 20, {0}, 20)
    assert main.sold == [4] * 17 + [0] * 3
    assert (main.days_out[-4:], main.weeks) == ([2, 7, 7, 7], 17)
    # What is not sold for want of goods is no lack of demand.
    assert 3.9 < (main.weekly or 0) < 5
    assert fbe.weekly == pytest.approx(6)
    assert (main.until, main.own_part) == (MONDAY.date(), 1)


def test_the_ledger_tells_when_the_shelf_was_empty(owner: psycopg.Connection[tuple[object, ...]]) -> None:
    variant = make_listed(offer("main", 0), own_stock=5)
    sell(*[(variant, "main", 2, ago) for ago in range(1, 9)])
    for there in (0, 7):
        stock.adjust(
            stock.AdjustStock(variant.id, "count", set_to=there, expected=5 if there == 0 else 0), actor=SYSTEM
        )
    # It stood at nothing from the middle of the third week before Monday until two weeks before it.
    owner.execute("ALTER TABLE stock_movements DISABLE TRIGGER stock_movements_append_only")
    for seq, ago in ((1, 60), (2, 18), (3, 14)):
        owner.execute(
            "UPDATE stock_movements SET at = %s WHERE variant_id = %s AND seq = %s",
            [MONDAY - timedelta(days=ago), variant.id, seq],
        )
    owner.execute("ALTER TABLE stock_movements ENABLE ALWAYS TRIGGER stock_movements_append_only")
    forecast_all()
    found = stored(variant, "main")
    assert found is not None
    assert found.days_out == [0, 0, 0, 0, 0, 3, 0, 0]


def test_a_sku_that_was_hardly_seen_has_no_forecast(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26), sku="YOUNG")
    sell((variant, "fbe", 3, 1), (variant, "fbe", 3, 2))
    forecast_all()
    one = stored(variant, "fbe")
    assert one is not None
    assert (one.sold, one.weekly) == ([3, 3], None)
    meta = program.call("GET", "/stock-sync/analyze/YOUNG").get_json()["meta"]["amounts"]
    assert (meta["rule"], meta["recommendations"][0]["why"]) == ("default", "short_history")


def test_the_reference_case_without_history_is_as_ever(program: Program) -> None:
    emg331()
    forecast_all()
    answer = program.call("GET", "/stock-sync/analyze/EMG331").get_json()
    assert answer["data"]["recommendations"][0]["suggested_amount"] == 10
    assert answer["meta"]["amounts"]["rule"] == "default"
    assert answer["meta"]["amounts"]["recommendations"][0]["why"] == "no_sales"
    assert answer["meta"]["days_of_cover"] == {"main": None, "fbe": None}


def test_an_amount_from_the_forecast_says_what_it_rests_on(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26), sku="MOUSE-01")
    sell(*[(variant, "fbe", 5 + week % 3, week) for week in range(1, 21)])
    sell(*[(variant, "main", 3 + week % 3, week) for week in range(1, 21)])
    run(lambda session: execute(session, "UPDATE offers SET sale_price = 107.36 WHERE variant_id = %(v)s",
                                {"v": variant.id}), SYSTEM)  # fmt: skip
    forecast_all()
    answer = program.call("GET", "/stock-sync/analyze/MOUSE-01").get_json()
    advice, told = answer["data"]["recommendations"][0], answer["meta"]["amounts"]
    assert set(advice) == {"type", "from_account", "to_account", "suggested_amount", "reason", "impact"}
    assert 6 <= advice["suggested_amount"] <= 10
    one = told["recommendations"][0]
    assert (told["rule"], one["rule"], one["why"], one["without_forecast"]) == ("forecast", "forecast", "forecast", 10)
    assert one["weekly_demand"]["fbe"] == pytest.approx(6, abs=0.5)
    assert one["days_of_cover"]["main"]["before"] == 0
    assert one["days_of_cover"]["fbe"]["before"] > one["days_of_cover"]["fbe"]["after"]
    assert (one["lead_days"], one["expected"]["units"] > 2, one["expected"]["value"] > 0) == (5, True, True)
    assert answer["meta"]["days_of_cover"]["fbe"] == one["days_of_cover"]["fbe"]["before"]
    # The same in the queue; and of any amount, before anything is written.
    [alert] = program.data("GET", "/stock-sync/alerts?sku=MOUSE-01")
    assert alert["amounts"] == one
    body = {"sku": "MOUSE-01", "from_account": "fbe", "to_account": "main", "amount": 20}
    meta = program.call("POST", "/stock-sync/transfer/suggest", json=body).get_json()["meta"]
    assert (meta["kind"], meta["rule"]) == ("shipment", "forecast")
    assert meta["chance_of_running_out"]["fbe"]["after"] > meta["chance_of_running_out"]["fbe"]["before"]
    assert meta["expected"]["value"] < one["expected"]["value"]


def test_the_statements_do_not_grow_with_the_skus(statements: list[str]) -> None:
    counts = []
    for number in (1, 12):
        made = [make_listed(offer("main", 3), offer("fbe", 9)) for _ in range(number)]
        sell(*[(variant, "fbe", 2, week) for variant in made for week in range(1, 6)])
        statements.clear()
        assert forecast_all() >= number
        counts.append(len(statements))
    assert counts[0] == counts[1]
