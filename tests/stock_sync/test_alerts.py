"""The life of an alert: opened on crossing, steady, asleep, dismissed, resolved; once, whoever looks."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from magflow.domain.actors import SYSTEM
from magflow.models import Variant
from magflow.services import settings_store
from magflow.services.stock_sync import alerts
from tests.api.conftest import Program
from tests.shop import ANA
from tests.stock_sync.market import NOW, emg331, make_listed, offer, put_offers, value

pytestmark = pytest.mark.usefixtures("accounts")


def look() -> alerts.Looked:
    return alerts.catch_up(actor=SYSTEM)


def live(variant: Variant) -> dict[str, str]:
    """Cause -> state of what is not resolved."""
    found = value(
        "SELECT jsonb_object_agg(cause, state) FROM stock_alerts WHERE variant_id = :v AND resolved_at IS NULL",
        v=variant.id,
    )
    return found or {}


def alert_of(variant: Variant, cause: str) -> int:
    sql = "SELECT id FROM stock_alerts WHERE variant_id = :v AND cause = :c AND resolved_at IS NULL"
    return int(value(sql, v=variant.id, c=cause))


def set_main(variant: Variant, stock: int, sellers: int | None = 2, **fields: Any) -> None:
    put_offers([(variant, [offer("main", stock, sellers, **fields)])])
    look()


def test_the_reference_case_over_the_api(program: Program) -> None:
    variant = emg331()
    data = program.data("GET", "/stock-sync/alerts?limit=50&sku=EMG331")
    assert [(one["cause"], one["type"], one["priority"], one["accounts"]) for one in data] == [
        ("zero_stock", "stock_transfer", "high", ["main"]),
        ("stale", "offer_update", "normal", ["main"]),
    ]
    first = data[0]
    assert first["recommendation"]["suggested_amount"] == 10
    assert first["reason"] == "MAIN has 0 stock with competition - losing buy button"
    assert (first["estimated_weekly_value"], first["needs_weekly_update"]) == ("129.90", True)
    assert value("SELECT count(*) FROM events WHERE type = 'alert.opened' AND payload ->> 'sku' = 'EMG331'") == 2
    counted = program.data("GET", "/stock-sync/dashboard/summary")
    assert (counted["total_alerts"], counted["critical"], counted["maintenance"]) == (2, 1, 1)
    assert counted["by_priority"] == {"high": 1, "medium": 0, "normal": 1}
    assert counted["by_type"] == {"stock_transfer": 1, "offer_update": 1}
    assert program.data("GET", f"/stock-sync/alerts/{first['id']}")["sku"] == "EMG331"
    for query, count in (
        ("priority=high", 1), ("account=main", 2), ("account=fbe", 0), ("type=offer_update", 1), ("type=zero_stock", 1),
        ("needs_weekly_update=true", 2), ("needs_weekly_update=false", 0), ("state=resolved", 0), ("state=all", 2),
    ):  # fmt: skip
        assert len(program.data("GET", f"/stock-sync/alerts?{query}")) == count, query
    assert variant.sku == "EMG331"


def test_an_alert_is_found_and_counted_by_one_type_even_where_goods_must_be_bought_anew(program: Program) -> None:
    make_listed(offer("main", 3), sku="ALONE")
    look()
    [one] = program.data("GET", "/stock-sync/alerts?type=stock_transfer&sku=ALONE")
    assert (one["sku"], one["type"], one["recommendation"]["type"]) == ("ALONE", "stock_transfer", "restock")
    assert "restock" not in program.data("GET", "/stock-sync/dashboard/summary")["by_type"]


def test_low_stock_opens_below_its_limit_and_closes_above_its_margin(app: Flask) -> None:
    variant = make_listed(offer("main", 5), offer("fbe", 26))
    look()
    seen = []
    for stock in (4, 5, 6, 4, 6, 7, 6, 5, 4):
        set_main(variant, stock)
        seen.append("low_stock" in live(variant))
    #               4     5     6     4     6     7      6      5      4
    assert seen == [True, True, True, True, True, False, False, False, True]
    assert value("SELECT count(*) FROM stock_alerts WHERE variant_id = :v AND cause = 'low_stock'", v=variant.id) == 2
    set_main(variant, 0)
    assert live(variant) == {"zero_stock": "open"}


def test_looking_again_changes_nothing(app: Flask) -> None:
    emg331()
    look()
    before = value("SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM stock_alerts a")
    done = alerts.look_at_all(actor=SYSTEM)
    assert (done.opened, done.changed, done.closed) == (0, 0, 0)
    assert look() == alerts.Looked()
    assert value("SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM stock_alerts a") == before


def test_many_who_look_at_once_open_each_alert_once(app: Flask) -> None:
    variants = [make_listed(offer("main", 0), offer("fbe", 26)) for _n in range(8)]
    errors: list[BaseException] = []

    def work(full: bool) -> None:
        try:
            with app.app_context():
                alerts.look_at_all(actor=SYSTEM) if full else look()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=[n % 2 == 0]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for variant in variants:
        assert live(variant) == {"zero_stock": "open"}
    ids = [variant.id for variant in variants]
    sql = "SELECT count(*) FROM events WHERE type = 'alert.opened' AND (payload ->> 'variant_id')::bigint = ANY (:i)"
    assert value(sql, i=ids) == len(variants)


def test_a_snooze_lasts_until_its_moment(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    look()
    id_ = alert_of(variant, "zero_stock")
    program.refused("POST", f"/stock-sync/alerts/{id_}/snooze", {"until": "2020-01-01T00:00:00Z"}, status=422,
                    code="validation_error")  # fmt: skip
    asleep = program.data("POST", f"/stock-sync/alerts/{id_}/snooze", {"days": 2})
    assert (asleep["state"], asleep["decided_by"] is not None) == ("snoozed", True)
    # The same facts, gone and come back: it sleeps on.
    set_main(variant, 9)
    assert live(variant) == {}
    set_main(variant, 0)
    assert live(variant) == {"zero_stock": "snoozed"}
    value_of = value(
        "SELECT snoozed_until FROM stock_alerts WHERE variant_id = :v AND resolved_at IS NULL", v=variant.id
    )
    assert value_of == datetime.fromisoformat(asleep["snoozed_until"])
    again = alert_of(variant, "zero_stock")
    assert program.data("POST", f"/stock-sync/alerts/{again}/reopen")["state"] == "open"
    program.refused("POST", f"/stock-sync/alerts/{id_}/reopen", status=409, code="conflict")
    program.refused("POST", "/stock-sync/alerts/999999/snooze", status=404, code="not_found")


def test_a_snooze_until_stock_changes(program: Program) -> None:
    variant = make_listed(offer("main", 3), offer("fbe", 26))
    look()
    id_ = alert_of(variant, "low_stock")
    program.data("POST", f"/stock-sync/alerts/{id_}/snooze", {"until_stock_changes": True})
    set_main(variant, 3, 3)
    assert live(variant) == {"low_stock": "snoozed"}
    set_main(variant, 2)
    assert live(variant) == {"low_stock": "open"}


def test_a_dismissed_alert_stays_closed_until_it_comes_back(program: Program) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    look()
    id_ = alert_of(variant, "zero_stock")
    program.refused("POST", f"/stock-sync/alerts/{id_}/dismiss", {}, status=422, code="validation_error")
    closed = program.data("POST", f"/stock-sync/alerts/{id_}/dismiss", {"reason": "discontinued", "note": "sold out"})
    assert (closed["state"], closed["dismissed_reason"]) == ("dismissed", "discontinued")
    alerts.look_at_all(actor=SYSTEM)
    assert live(variant) == {"zero_stock": "dismissed"}
    set_main(variant, 9)
    assert live(variant) == {}
    set_main(variant, 0)
    assert live(variant) == {"zero_stock": "open"}


def test_what_was_lost_counts_on_and_the_sister_account_catches_most(app: Flask) -> None:
    alone = make_listed(offer("main", 0), offer("fbe", 26, rank=2), price="100.00")
    caught = make_listed(offer("main", 0), offer("fbe", 26, rank=1), price="100.00")
    look()
    worth = "SELECT weekly_cents FROM stock_alerts WHERE variant_id = :v AND cause = 'zero_stock'"
    assert (value(worth, v=alone.id), value(worth, v=caught.id)) == (10_000, 2_000)
    from magflow.db import db
    from magflow.queries import stock_alerts

    row = stock_alerts.alert(db.session(), alert_of(alone, "zero_stock")).alert
    assert stock_alerts.lost_so_far(row, row.counted_at + timedelta(days=7)) == 10_000
    db.session.remove()
    order = [one.alert.variant_id for one in stock_alerts.alerts(db.session(), stock_alerts.AlertFilter()).rows]
    assert order.index(alone.id) < order.index(caught.id)


def test_limits_of_the_shop_and_of_a_category(app: Flask) -> None:
    ours = make_listed(offer("main", 7), offer("fbe", 26))
    from tests.shop import make_product, make_variant

    phone = make_variant(make_product(category="Phones"), sku="PHONE", stock=0)
    put_offers([(phone, [offer("main", 7), offer("fbe", 26)])])
    look()
    assert live(ours) == live(phone) == {}
    settings = {"low_stock": 8, "categories": {"Phones": {"low_stock": 3}}}
    settings_store.change(settings_store.ChangeSetting("stock_sync", settings), actor=ANA)
    try:
        alerts.look_at_all(actor=SYSTEM)
        assert (live(ours), live(phone)) == ({"low_stock": "open"}, {})
    finally:
        settings_store.change(settings_store.ChangeSetting("stock_sync", {}), actor=ANA)
    alerts.look_at_all(actor=SYSTEM)


def test_pages_follow_the_queue(program: Program) -> None:
    for n in range(5):
        make_listed(offer("main", 0), offer("fbe", 26), price=f"{n + 200}.00")
    seen: list[int] = []
    cursor = ""
    while True:
        answer = program.call("GET", f"/stock-sync/alerts?limit=2{cursor}").get_json()
        seen += [one["id"] for one in answer["data"]]
        if not answer["meta"]["next_cursor"]:
            break
        cursor = f"&cursor={answer['meta']['next_cursor']}"
    every = [one["id"] for one in program.data("GET", "/stock-sync/alerts?limit=200")]
    assert seen == every
    assert len(seen) == len(set(seen)) == answer["meta"]["total"]
    assert "zero_stock" in answer["meta"]["categories"]
    assert NOW


def test_an_offer_that_is_gone_takes_its_alerts_along(app: Flask) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    look()
    from magflow.concurrency import execute, run

    run(lambda session: execute(session, "DELETE FROM offers WHERE variant_id = %(v)s", {"v": variant.id}), SYSTEM)
    look()
    assert live(variant) == {}
    ended = "SELECT resolved_by FROM stock_alerts WHERE variant_id = :v"
    assert value(ended, v=variant.id) == "itself"
