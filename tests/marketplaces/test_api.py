"""Accounts and offers over the API: passwords come in and never out, trouble is told apart, a price is written once."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from magflow.db import db
from magflow.services import accounts, market_sync, single
from tests.marketplaces.conftest import FAST, Market, sellable
from tests.shop import ANA
from tests.web.conftest import make_token

PASSWORD = "canary-of-the-api-9Zt"


def ask(client: FlaskClient, method: str, path: str, token: str, **body: Any) -> tuple[int, Any]:
    answer = client.open(f"/api/v1{path}", method=method, json=body or None,
                         headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    text = answer.get_data(as_text=True)
    assert PASSWORD not in text
    return answer.status_code, answer.get_json()


def test_an_account_and_its_offers(app: Flask, market: Market) -> None:
    client, owner, reader = app.test_client(), make_token(app, "admin", "stock:read", "stock:write"), make_token(
        app, "stock:read")  # fmt: skip
    new = {"source": "emag", "code": "main", "username": "main@demo.example", "password": PASSWORD,
           "url": market.running.api_url}  # fmt: skip
    assert ask(client, "POST", "/accounts", reader, **new)[0] == 403
    assert ask(client, "POST", "/accounts", owner, **(new | {"code": "NO CODE"}))[0] == 422
    status, made = ask(client, "POST", "/accounts", owner, **new)
    assert (status, made["data"]["has_password"], made["data"]["health"]["state"]) == (201, True, "untried")
    path = f"/accounts/{made['data']['id']}"
    accounts.edit(accounts.EditAccount(made["data"]["id"], limits=FAST), actor=ANA)
    assert ask(client, "POST", f"{path}/test", owner)[1]["data"]["trouble"] == "wrong_password"
    assert ask(client, "GET", path, reader)[1]["data"]["health"]["state"] == "paused"
    assert ask(client, "PATCH", path, owner, password="demo-main", publishing=True, buffer=2)[0] == 200
    tried = ask(client, "POST", f"{path}/test", owner)[1]["data"]
    assert (tried["works"], tried["trouble"]) == (True, None)
    [listed] = ask(client, "GET", "/accounts", reader)[1]["data"]
    assert (listed["buffer"], listed["switches"]["publishing"], listed["health"]["state"]) == (2, True, "connected")

    sellable("API-1", 5)
    sold = market.offer("main", "API-1", 0, validation=8)
    market_sync.read_offers(listed["id"], actor=ANA)
    [offer] = ask(client, "GET", "/offers?q=API-1", reader)[1]["data"]
    failed = [condition["code"] for condition in offer["conditions"] if condition["passed"] is False]
    assert (offer["visible"], failed, offer["price"], offer["sale_price"]) == (
        False, ["stock", "documentation"], "12.10", "10.0000")  # fmt: skip
    where = f"/offers/{offer['id']}"
    assert ask(client, "PUT", f"{where}/price", reader, price="12.99")[0] == 403
    refused = ask(client, "PUT", f"{where}/price", owner, price="99.00")[1]
    assert refused["errors"][0]["field"] == "price"
    status, told = ask(client, "PUT", f"{where}/price", owner, price="12.99", price_max="30.00")
    assert (status, told["data"]["state"]) == (202, "waiting")
    single.every("UPDATE marketplace_writes SET next_at = clock_timestamp()", {})
    market_sync.send_writes(listed["id"], actor=ANA)
    assert ask(client, "GET", where, reader)[1]["data"]["price"] == "12.99"
    assert str(sold.price) == "10.7355"
    assert ask(client, "PUT", f"{where}/variant", owner, variant_id=None)[1]["data"]["variant_id"] is None
    assert ask(client, "GET", "/offers?state=unmatched", reader)[1]["meta"]["total"] == 1
    db.session.remove()


def test_a_key_that_comes_with_another_body_says_so(app: Flask) -> None:
    client, token = app.test_client(), make_token(app, "admin")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    codes = [
        client.post("/api/v1/accounts", json={"source": "emag", "code": code}, headers=headers).get_json().get("code")
        for code in ("ro8", "ro9")
    ]
    assert codes == [None, "idempotency_key_reused"]
