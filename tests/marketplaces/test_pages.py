"""The pages of accounts and webhooks, as a person uses them; and that no secret ever stands where it can be read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.models import Offer
from magflow.services import accounts, credentials, market_sync, offers, single, webhooks
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


def test_an_offer_that_resembles_nothing_is_matched_by_its_sku_or_is_none_of_ours(site: Flask, market: Market) -> None:
    with site.app_context():
        ours = sellable("PAGE-OURS", 2)
        account = accounts.named(db.session(), "emag", "main")
        made = market.offer("main", "NOBODY-KNOWS", 2)
        market_sync.read_offers(account.id, actor=ANA)
        offer_id = db.session.scalars(select(Offer.id).where(Offer.external_id == str(made.id))).one()
        db.session.remove()
    browser = signed_in(site, make_user(site))
    listed = browser.get(f"/settings/accounts/{account.id}/offers?tab=unmatched&q={made.id}").get_data(as_text=True)
    address = f"/settings/accounts/{account.id}/offers/{offer_id}"
    assert f'href="{address}"' in listed and "Choose the variant" in listed
    page = browser.get(address).get_data(as_text=True)
    form = {"csrf_token": token_of(page)}
    assert "no stock is sent for it" in page
    refused = browser.post(f"{address}/variant", form | {"sku": "NO-SUCH"})
    assert refused.status_code == 422
    assert "No active variant has this SKU" in refused.get_data(as_text=True)
    assert browser.post(f"{address}/variant", form).status_code == 303
    assert "none of ours" in browser.get(address).get_data(as_text=True)
    assert browser.post(f"{address}/variant", form | {"sku": "PAGE-OURS"}).status_code == 303
    page = browser.get(address).get_data(as_text=True)
    assert f"/variants/{ours.id}" in page and "chosen by hand" in page


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
    assert "eMAG MAIN is paused since" in said
    assert "Nobody is told any more at https://gone.example/: it was switched off (HTTP 410)." in said


def test_somebody_who_only_calls_gets_an_address_and_what_was_not_understood_is_tried_again(site: Flask) -> None:
    browser = signed_in(site, make_user(site))
    page = browser.get("/settings/webhooks").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "source": "shopify", "code": "Shop 1", "secret": "theirs-and-not-ours"}
    assert browser.post("/settings/webhooks/in", form).status_code == 422
    assert browser.post("/settings/webhooks/in", form | {"source": "emag"}).status_code == 422
    opened = browser.post("/settings/webhooks/in", form | {"code": "shop1"}).get_data(as_text=True)
    assert "/webhooks/shopify/shop1" in opened and "theirs-and-not-ours" not in opened
    with site.app_context():
        account = accounts.named(db.session(), "shopify", "shop1")
        db.session.remove()
    inbox = f"/settings/webhooks/in/{account.id}"
    assert "Nothing came in yet" in browser.get(inbox).get_data(as_text=True)
    body = b'{"id": 1, "line_items": [{"id": 1, "sku": "X", "quantity": "many", "price": "1"}]}'
    mac = base64.b64encode(hmac.new(b"theirs-and-not-ours", body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": "orders/create", "X-Shopify-Webhook-Id": "a", "X-Shopify-Hmac-SHA256": mac}
    sent = site.test_client().post("/webhooks/shopify/shop1", data=body, headers=headers)
    assert sent.status_code == 202
    with site.app_context():
        for _ in range(webhooks.MOST_ATTEMPTS):
            single.every("UPDATE webhook_inbox SET next_at = clock_timestamp()", {})
            webhooks.work(actor=ANA)
        db.session.remove()
    assert "could not be understood" in browser.get("/").get_data(as_text=True)
    page = browser.get(f"{inbox}?aside=1").get_data(as_text=True)
    assert "Set aside" in page and "orders/create" in page
    found = re.search(r"/settings/webhooks/inbox/(\d+)", page)
    assert found
    for do, state in (("again", "Waiting"), ("ignore", "Nothing was set aside")):
        answer = browser.post(found[0], {"csrf_token": token_of(page), "do": do})
        assert answer.status_code == 303
        assert state in browser.get(inbox if do == "again" else f"{inbox}?aside=1").get_data(as_text=True)
        with site.app_context():
            single.every("UPDATE webhook_inbox SET state = 'set_aside'", {})
            db.session.remove()
