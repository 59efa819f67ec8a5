"""Limits for the shop and for single categories, in the browser; an alert sleeps until a day, or goes for a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from magflow.blueprints.stock_sync import letters, words
from magflow.db import db
from magflow.domain.stock_sync import Thresholds
from magflow.queries import stock_sync as reads
from magflow.queries.price_changes import PriceChange, PriceDay
from magflow.services.stock_sync import alerts
from tests.shop import ANA
from tests.stock_sync.market import make_listed, offer, value
from tests.web.conftest import Browser, make_user, signed_in

pytestmark = pytest.mark.usefixtures("accounts")
SHOP = {"low_stock": "6", "stale_days": "8", "default_transfer": "12"}


@pytest.fixture(scope="module")
def owner(module_app: Flask) -> Browser:
    return signed_in(module_app, make_user(module_app))


def send(browser: Browser, path: str, **data: str) -> TestResponse:
    sent = {"csrf_token": browser.token("/settings/rules"), **data}
    return browser.client.post(path, data=sent, headers={"Sec-Fetch-Site": "same-origin"})


def limits() -> reads.Limits:
    found = reads.limits(db.session())
    db.session.rollback()
    return found


def test_a_category_has_limits_of_its_own_and_follows_the_shop_again(app: Flask, owner: Browser) -> None:
    assert send(owner, "/settings/rules", **SHOP).status_code == 303
    assert send(owner, "/settings/rules/category", category="Phones", low_stock="3", stale_days="5").status_code == 303
    found = limits()
    assert found.shop.low_stock == 6
    assert found.categories == {"Phones": {"low_stock": 3, "stale_days": 5}}
    of = found.of("Phones")
    assert (of.low_stock, of.stale_days, of.default_transfer) == (3, 5, 12)
    assert send(owner, "/settings/rules", **SHOP, strict="true").status_code == 303
    assert limits().categories == {"Phones": {"low_stock": 3, "stale_days": 5}}
    page = owner.get("/settings/rules?category=Phones").get_data(as_text=True)
    assert 'id="c-stale_days"' in page
    assert 'value="Phones"' in page
    refused = send(owner, "/settings/rules/category", category="Phones", low_stock="0")
    assert refused.status_code == 422
    assert limits().shop.strict_competition
    assert send(owner, "/settings/rules/category", category="Phones").status_code == 303
    assert limits().categories == {}
    assert limits().shop == Thresholds(6, 8, 12, True)


def test_an_alert_sleeps_until_a_day_of_the_shop_s_clock(app: Flask, owner: Browser) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    alerts.catch_up(actor=ANA)
    alert_id = value("SELECT min(id) FROM stock_alerts WHERE variant_id = :v AND cause = 'zero_stock'", v=variant.id)
    day = (datetime.now(ZoneInfo("Europe/Bucharest")) + timedelta(days=3)).date()
    send(owner, f"/stock-sync/alerts/{alert_id}/snooze", **{"for": "date", "until": day.isoformat()})
    until = value("SELECT snoozed_until FROM stock_alerts WHERE id = :a", a=alert_id)
    assert until.astimezone(ZoneInfo("Europe/Bucharest")).isoformat()[:16] == f"{day}T00:00"
    for wrong in ("2020-01-01", "tomorrow", ""):
        send(owner, f"/stock-sync/alerts/{alert_id}/snooze", **{"for": "date", "until": wrong})
    assert value("SELECT snoozed_until FROM stock_alerts WHERE id = :a", a=alert_id) == until
    assert "A day is expected" in owner.get("/stock-sync").get_data(as_text=True)


def test_a_reason_in_somebody_s_own_words(app: Flask, owner: Browser) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    alerts.catch_up(actor=ANA)
    alert_id = value("SELECT min(id) FROM stock_alerts WHERE variant_id = :v AND cause = 'zero_stock'", v=variant.id)
    send(owner, f"/stock-sync/alerts/{alert_id}/dismiss", reason="other", note="A new model comes in May")
    row = value("SELECT state || ': ' || dismissed_reason || ', ' || note FROM stock_alerts WHERE id = :a", a=alert_id)
    assert row == "dismissed: other, A new model comes in May"
    assert "A new model comes in May" in owner.get(f"/stock-sync/history?q={variant.sku}").get_data(as_text=True)


def test_days_that_were_never() -> None:
    assert words.day_of("2026-02-30") is None


def test_prices_in_the_words_of_a_summary(app: Flask) -> None:
    day = datetime.now(UTC).date()
    ours = PriceChange(7, "MUG", "main", "RON", Decimal("10"), Decimal("8"), None, False)
    theirs = PriceChange(None, "CUP", "fbe", "RON", Decimal("10"), Decimal("10"), Decimal("9"), True)
    with app.test_request_context("/"):
        lines = letters.prices(PriceDay(day, (ours, theirs), 3), "https://shop.example")
    assert [line.text.replace("\N{NO-BREAK SPACE}", " ") for line in lines] == [
        "MUG · MAIN: RON 10.00 → RON 8.00 (-20 %)", "CUP · FBE: RON 10.00, as before", "and 3 more"]  # fmt: skip
    assert lines[1].details == ("Somebody sells for RON\N{NO-BREAK SPACE}9.00 now.",)
    assert lines[0].url == "https://shop.example/stock-sync/products/7"
