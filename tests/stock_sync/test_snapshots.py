"""Old readings of offers: a week keeps one, and what the forecast asks of them is answered as before."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.queries import price_changes
from magflow.services.stock_sync import snapshots
from tests.shop import ANA
from tests.stock_sync.market import make_listed, offer, value

pytestmark = pytest.mark.usefixtures("accounts")

TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=snapshots.DAILY_DAYS)
MONDAY = OLD - timedelta(days=OLD.weekday() + 28)


def sql(statement: str, **given: Any) -> None:
    run(lambda session: execute(session, statement, given), SYSTEM)


def shots(offer_id: int, days: dict[date, int], price: str = "10", best: str | None = None) -> None:
    rows = [{"day": day.isoformat(), "stock": stock} for day, stock in days.items()]
    sql("INSERT INTO offer_snapshots (offer_id, day, stock, sale_price, best_offer_sale_price, status, read_at) "
        "SELECT %(o)s::bigint, g.day, g.stock, %(p)s::numeric, %(b)s::numeric, 1, g.day "
        "FROM jsonb_to_recordset(%(r)s::jsonb) AS g (day date, stock integer) "
        "ON CONFLICT (offer_id, day) DO UPDATE SET sale_price = excluded.sale_price, "
        "best_offer_sale_price = excluded.best_offer_sale_price",
        o=offer_id, p=price, b=best, r=json.dumps(rows))  # fmt: skip


def offer_of(variant_id: int) -> int:
    return int(value("SELECT id FROM offers WHERE variant_id = :v", v=variant_id))


def kept(offer_id: int) -> list[date]:
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT day FROM offer_snapshots WHERE offer_id = %s ORDER BY day", (offer_id,)
        )
        return [row[0] for row in rows]


def empty_days(offer_id: int) -> int:
    """Days without stock, as the forecast counts them: from a reading of 0 until the next reading."""
    return int(value(
        "SELECT coalesce(sum(next - day), 0) FROM (SELECT day, stock, "
        "coalesce(lead(day) OVER (ORDER BY day), CAST(:until AS date)) AS next "
        "FROM offer_snapshots WHERE offer_id = :o) AS s WHERE stock = 0", o=offer_id, until=TODAY))  # fmt: skip


@pytest.fixture(autouse=True)
def no_readings(app: Flask) -> None:
    sql("DELETE FROM offer_snapshots")
    sql("DELETE FROM upkeep_marks")


def test_a_week_keeps_its_first_and_what_turned(app: Flask) -> None:
    one = offer_of(make_listed(offer("main", 9)).id)
    week = [MONDAY + timedelta(days=n) for n in range(14)]
    stocks = [5, 5, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 0, 3]
    shots(one, dict(zip(week, stocks, strict=True)))
    before = empty_days(one)
    assert snapshots.sweep(actor=ANA) == 14 - 6
    assert kept(one) == [week[n] for n in (0, 2, 5, 7, 12, 13)]
    assert empty_days(one) == before == 4
    assert snapshots.sweep(actor=ANA) == 0


def test_young_readings_stay_and_old_ones_go(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PART", 1)
    one, two = (offer_of(make_listed(offer("main", 9)).id) for _ in range(2))
    young = [TODAY - timedelta(days=n) for n in range(5)]
    for each in (one, two):
        shots(each, dict.fromkeys([*young, *(MONDAY + timedelta(days=n) for n in range(7))], 4))
    shots(two, {TODAY - timedelta(days=snapshots.KEPT_DAYS + 3): 4})
    snapshots.sweep(actor=ANA)
    assert kept(one) == kept(two) == [MONDAY, *sorted(young)]
    # A week that has grown old since is done then, and only that.
    later = datetime.now(UTC) + timedelta(days=snapshots.DAILY_DAYS + 14)
    snapshots.sweep(actor=ANA, now=later)
    assert len(kept(one)) <= 3


def test_prices_that_changed_on_a_day(app: Flask) -> None:
    now = datetime(2026, 3, 6, 5, 30, tzinfo=UTC)
    day = price_changes.day_of(now)
    assert day == date(2026, 3, 5)
    assert price_changes.day_of(now + timedelta(hours=12)) == date(2026, 3, 6)
    dearer, cheaper, same = (make_listed(offer("main", 9)) for _ in range(3))
    for variant, prices in ((dearer, ("10", "11")), (cheaper, ("10", "5")), (same, ("10", "10"))):
        shots(offer_of(variant.id), {day - timedelta(days=3): 1}, prices[0])
        shots(offer_of(variant.id), {day: 1}, prices[1], "9.50" if variant is same else None)
    found = price_changes.price_day(db.session(), now)
    assert [(one.sku, one.account, one.undercut) for one in found.first] == [
        (same.sku, "main", True), (cheaper.sku, "main", False), (dearer.sku, "main", False)]  # fmt: skip
    assert found.more == 0
    assert price_changes.price_day(db.session(), now, most=1).more == 2
    assert price_changes.price_day(db.session(), now + timedelta(days=2)).first == ()
    db.session.rollback()
