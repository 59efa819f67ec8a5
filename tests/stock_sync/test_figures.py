"""Figures over time: what a day counts, and what became of alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.models import Variant
from magflow.services.stock_sync import alerts, figures
from tests.shop import finalize, make_order, make_product, make_variant
from tests.stock_sync.market import NOW, offer, put_offers, value

pytestmark = pytest.mark.usefixtures("accounts")


def do(sql: str, **parameters: Any) -> None:
    run(lambda session: execute(session, sql, parameters), SYSTEM)


def day_of(account: str | None = None, day: date | None = None) -> dict[str, int]:
    """A day's figures of an account, of all brands and categories together."""
    sql = """SELECT sum(offers) AS offers, sum(sent) AS sent, sum(overdue) AS overdue, sum(stock) AS stock,
        sum(contested) AS contested, sum(zero_stock) AS zero, sum(weekly_cents) AS weekly, sum(lost_cents) AS lost,
        sum(resolved) AS resolved, sum(resolved_seconds) AS seconds
        FROM stock_figures f LEFT JOIN marketplace_accounts a ON a.id = f.account_id
        WHERE day = :day AND a.code IS NOT DISTINCT FROM :account"""
    with db.engine.connect() as connection:
        row = connection.execute(text(sql), {"day": day or datetime.now(UTC).date(), "account": account}).one()
    return {name: int(value or 0) for name, value in row._mapping.items()}


def listed(*offers: dict[str, Any], brand: str = "Inul", category: str = "Home", price: str = "100.00") -> Variant:
    variant = make_variant(make_product(brand=brand, category=category), price=price)
    put_offers([(variant, offers)])
    return variant


def test_a_day_counts_what_stands_where(app: Flask) -> None:
    listed(offer("main", 0), offer("fbe", 26))
    listed(offer("main", 10, 1, synced=NOW - timedelta(days=8)), offer("fbe", 4, synced=None), brand="Voltino")
    listed(offer("main", 7, status=0), brand="Voltino", category="")
    alerts.catch_up(actor=SYSTEM)
    figures.take(actor=SYSTEM)
    both = day_of()
    assert (both["offers"], both["sent"], both["overdue"]) == (4, 2, 1)
    assert (both["stock"], both["contested"]) == (40, 30)
    assert (both["zero"], both["weekly"], both["resolved"]) == (1, 10_000, 0)
    main, fbe = day_of("main"), day_of("fbe")
    assert (main["offers"], main["overdue"], main["stock"], main["contested"], main["zero"]) == (2, 1, 10, 0, 1)
    assert (fbe["offers"], fbe["overdue"], fbe["stock"], fbe["contested"], fbe["zero"]) == (2, 1, 30, 30, 0)
    # Taken again, the day is the same; and the day that was stays.
    do("UPDATE stock_figures SET day = day - 1")
    figures.take(actor=SYSTEM)
    figures.take(actor=SYSTEM)
    assert day_of() == both | {"lost": day_of()["lost"]}
    assert day_of(day=datetime.now(UTC).date() - timedelta(days=1)) == both


def test_what_was_resolved_today_says_how_long_it_took(app: Flask) -> None:
    before = day_of()
    variant = listed(offer("main", 0), offer("fbe", 26))
    alerts.catch_up(actor=SYSTEM)
    do("UPDATE stock_alerts SET opened_at = opened_at - interval '2 hours' WHERE variant_id = %(v)s", v=variant.id)
    put_offers([(variant, [offer("main", 9)])])
    alerts.catch_up(actor=SYSTEM)
    figures.take(actor=SYSTEM)
    after = day_of()
    assert after["resolved"] == before["resolved"] + 1
    assert after["seconds"] - before["seconds"] == pytest.approx(7200, abs=60)


SHOT = """
INSERT INTO offer_snapshots (offer_id, day, stock, number_of_offers, buy_button_rank, status, read_at)
SELECT o.id, (clock_timestamp() AT TIME ZONE 'UTC')::date - %(ago)s::integer, %(stock)s, 2, %(rank)s, 1,
       clock_timestamp() - make_interval(days => %(ago)s)
FROM offers o JOIN marketplace_accounts a ON a.id = o.account_id WHERE o.variant_id = %(v)s AND a.code = %(code)s"""


def case(
    *, followed: bool = False, rank_after: int | None = None, stock_after: int = 0, spare: int = 26,
    held: bool = False, reason: str | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """An alert that opened nine days ago; what is written of it."""
    variant = listed(offer("main", 0), offer("fbe", 26))
    alerts.catch_up(actor=SYSTEM)
    do(
        "UPDATE stock_alerts SET opened_at = opened_at - interval '9 days', dismissed_reason = %(r)s "
        "WHERE variant_id = %(v)s",
        v=variant.id, r=reason,
    )  # fmt: skip
    do(SHOT, v=variant.id, code="fbe", ago=9, stock=spare, rank=2)
    do(SHOT, v=variant.id, code="main", ago=9, stock=3 if held else 0, rank=1 if held else None)
    do(SHOT, v=variant.id, code="main", ago=4, stock=stock_after, rank=rank_after)
    if followed:
        do(
            """INSERT INTO transfers (variant_id, sku, from_account_id, to_account_id, kind, amount, state,
                   stock_before, created_by, ended_at, alert_id)
               SELECT variant_id, 'X', (SELECT id FROM marketplace_accounts WHERE code = 'fbe'),
                      (SELECT id FROM marketplace_accounts WHERE code = 'main'), 'shipment', 10, 'done', '{}', 'Ana',
                      opened_at + interval '1 day', id FROM stock_alerts WHERE variant_id = %(v)s LIMIT 1""",
            v=variant.id,
        )
    figures.take(actor=SYSTEM)
    return value(  # type: ignore[no-any-return]
        "SELECT to_jsonb(k) FROM stock_cases k JOIN stock_alerts a ON a.id = k.alert_id WHERE a.variant_id = :v",
        v=variant.id,
    )


CASES = [
    ("followed, and rank 1 again", {"followed": True, "rank_after": 1, "stock_after": 9}, (True, True, True)),
    ("followed, and still second", {"followed": True, "rank_after": 2, "stock_after": 9}, (True, True, False)),
    ("followed, and the rank is not told", {"followed": True, "stock_after": 9}, (True, True, None)),
    ("followed, and sold out all the same", {"followed": True}, (True, True, False)),
    ("not followed, still at nothing", {}, (True, False, False)),
    ("not followed, and back by itself", {"rank_after": 1, "stock_after": 9}, (True, False, True)),
    ("nobody had anything to give", {"spare": 1}, (False, False, False)),
    ("it held the button when the alert opened", {"held": True, "rank_after": 1, "stock_after": 3},
     (True, False, None)),
    ("the data were wrong", {"reason": "wrong_data"}, (False, False, False)),
]  # fmt: skip


@pytest.mark.parametrize(("how", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_became_of_an_alert(app: Flask, how: dict[str, Any], expected: tuple[bool, bool, bool | None]) -> None:
    found = case(**how)
    assert found is not None
    assert (found["possible"], found["followed"], found["recovered"]) == expected
    # The way of the goods is paid for.
    assert found["cost_cents"] == (2000 if found["followed"] else 0)


def test_what_was_sold_before_an_alert_and_after_it(app: Flask) -> None:
    variant = make_variant(make_product(), price="50.00", stock=9)
    finalize(make_order((variant, 1)))
    put_offers([(variant, [offer("main", 0), offer("fbe", 26)])])
    alerts.catch_up(actor=SYSTEM)
    finalize(make_order((variant, 3)))
    figures.take(actor=SYSTEM, now=datetime.now(UTC) + timedelta(days=7, hours=1))
    sql = """SELECT k.before_cents || ' ' || k.after_cents FROM stock_cases k JOIN stock_alerts a ON a.id = k.alert_id
        WHERE a.variant_id = :v AND a.cause = 'zero_stock'"""
    assert value(sql, v=variant.id) == "5000 15000"


def test_an_alert_is_judged_once_and_not_before_its_time(app: Flask) -> None:
    variant = listed(offer("main", 0), offer("fbe", 26))
    alerts.catch_up(actor=SYSTEM)
    sql = "SELECT count(*) FROM stock_cases k JOIN stock_alerts a ON a.id = k.alert_id WHERE a.variant_id = :v"
    for hours, judged in ((-1, 0), (1, 1), (2, 1)):
        figures.take(actor=SYSTEM, now=datetime.now(UTC) + timedelta(days=7, hours=hours))
        assert value(sql, v=variant.id) == judged
