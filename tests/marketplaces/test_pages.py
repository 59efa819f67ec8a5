"""The pages of accounts and webhooks, as a person uses them; and that no secret ever stands where it can be read."""

from __future__ import annotations

import re

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.services import accounts, credentials, market_sync, offers, webhooks
from tests.conftest import ShopDatabase
from tests.marketplaces.conftest import FAST, Market, sellable
from tests.shop import ANA
from tests.web.conftest import make_user, signed_in

CANARY = "canary-Zq7-password-of-main"


@pytest.fixture
def site(app: Flask) -> Flask:
    return app


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_an_account_is_added_tried_and_paused_with_words(site: Flask, market: Market) -> None:
    browser = signed_in(site, make_user(site))
    page = browser.get("/settings/accounts").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "source": "emag", "code": "main", "username": "main@demo.example",
            "password": CANARY, "base_url": market.running.api_url, "buffer": "0"}  # fmt: skip
    refused = browser.post("/settings/accounts", form | {"code": "NOT A CODE", "buffer": "x"})
    assert refused.status_code == 422
    added = browser.post("/settings/accounts", form)
    assert added.status_code == 303, added.get_data(as_text=True)
    address = added.headers["Location"]
    account_id = int(address.rsplit("/", 1)[1])
    with site.app_context():
        accounts.edit(accounts.EditAccount(account_id, limits=FAST), actor=ANA)

    def tried() -> str:
        browser.post(f"{address}/test", {"csrf_token": form["csrf_token"]})
        return str(browser.get(address).get_data(as_text=True))

    assert "User name or password is wrong" in tried()
    sim = market.account("main")
    sim.password = CANARY
    sim.allowed = {"203.0.113.1"}
    assert "list of permitted addresses" in tried()
    sim.allowed, sim.rights = None, False
    assert "switch its API rights on" in tried()
    sim.rights = True
    page = tried()
    assert "The connection works" in page
    assert CANARY not in page
    for name in ("", "/offers", "/offers?tab=unmatched", "/requests", "/requests?failed=1"):
        shown = browser.get(address + name)
        assert shown.status_code == 200
        assert CANARY not in shown.get_data(as_text=True)


def test_offers_are_matched_by_hand_where_they_conflict(site: Flask, market: Market) -> None:
    browser = signed_in(site, make_user(site))
    with site.app_context():
        account = accounts.every(db.session())[0]
        first, second = sellable("PAGE-1", 1), sellable("PAGE-1", 2)
        made = market.offer("main", "PAGE-1", 3)
        market_sync.read_offers(account.id, actor=ANA)
    address = f"/settings/accounts/{account.id}/offers"
    page = browser.get(f"{address}?tab=unmatched").get_data(as_text=True)
    assert "Conflict" in page
    action = re.search(rf'action="({address}/\d+/match)"', page)
    assert action
    form = {"csrf_token": token_of(page), "variant_id": str(second.id), "tab": "unmatched"}
    assert browser.post(action[1], form).status_code == 303
    page = browser.get(f"{address}?q={made.id}").get_data(as_text=True)
    assert f"/variants/{second.id}" in page
    assert f"/variants/{first.id}" not in page
    assert "Visible" in page


def test_webhook_settings_show_a_secret_once(site: Flask) -> None:
    browser = signed_in(site, make_user(site))
    page = browser.get("/settings/webhooks").get_data(as_text=True)
    token = token_of(page)
    with site.app_context():
        account = accounts.every(db.session())[0]
    opened = browser.post(f"/settings/webhooks/in/{account.id}", {"csrf_token": token}).get_data(as_text=True)
    found = re.search(r"/webhooks/emag/([A-Za-z0-9_-]{32})", opened)
    assert found
    assert found[1] not in browser.get("/settings/webhooks").get_data(as_text=True)
    stranger = site.test_client()
    assert stranger.get(f"/webhooks/emag/{found[1]}?order_id=12").status_code == 200
    assert stranger.get("/webhooks/emag/guessed?order_id=12").status_code == 404
    refused = browser.post(
        "/settings/webhooks", {"csrf_token": token, "url": "https://10.0.0.1/", "events": "stock.changed"}
    )
    assert refused.status_code == 422


def test_no_secret_stands_in_logs_or_in_the_database(
    site: Flask, market: Market, database: ShopDatabase, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with site.app_context():
        opened = webhooks.endpoint(webhooks.NewEndpoint("generic", "leaks"), actor=ANA)
        account = accounts.named(db.session(), "emag", "main")
        market_sync.read_offers(account.id, actor=ANA)
        market_sync.read_orders(account.id, actor=ANA)
        offers.match_everywhere(actor=ANA)
        assert credentials.rotate(actor=ANA)[1] == 0
        assert credentials.unseal(f"account:{account.id}:password", _kept(database, account.id)) == CANARY
        with pytest.raises(credentials.CredentialsUnreadable):
            credentials.unseal("account:999:password", _kept(database, account.id))
    assert opened.secret is not None
    said = caplog.text + "".join(capfd.readouterr())
    with psycopg.connect(database.admin_dsn) as connection:
        tables = [row[0] for row in connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")]  # fmt: skip
        for table in tables:
            said += "".join(str(row[0]) for row in connection.execute(f"SELECT t::text FROM {table} t"))
    for secret in (CANARY, opened.secret, "main@demo.example:"):
        assert secret not in said


def _kept(database: ShopDatabase, account_id: int) -> str:
    with psycopg.connect(database.admin_dsn) as connection:
        row = connection.execute("SELECT credentials FROM marketplace_accounts WHERE id = %s", [account_id]).fetchone()
    assert row is not None
    return str(row[0])


def test_home_says_what_is_broken(site: Flask) -> None:
    browser = signed_in(site, make_user(site))
    quiet = browser.get("/").get_data(as_text=True)
    assert "is paused since" not in quiet
    with site.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE marketplace_accounts SET paused_reason = 'wrong_password', paused_at = clock_timestamp() "
            "WHERE code = 'main'"
        )
        connection.exec_driver_sql(
            "INSERT INTO webhook_subscriptions (url, events, secret, active, off_reason) "
            "VALUES ('https://gone.example/', ARRAY['stock.changed'], '', false, 'HTTP 410')"
        )
    said = browser.get("/").get_data(as_text=True)
    assert "emag MAIN is paused since" in said
    assert "Nobody is told any more at https://gone.example/: it was switched off (HTTP 410)." in said
