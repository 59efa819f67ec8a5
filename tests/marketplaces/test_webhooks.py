"""Webhooks in: the published vectors, what is refused, and that each event takes effect once whatever happens to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.domain import signatures
from magflow.models import Order, OrderItem, WebhookInbox
from magflow.services import webhooks
from tests.marketplaces.conftest import sellable
from tests.shop import ANA, stock_of

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = b'{"type":"order.confirmed","timestamp":"2026-01-15T10:00:00Z","data":{"order_id":1001}}'


def headers_of(secret: str, message_id: str, body: bytes, at: float | None = None) -> dict[str, str]:
    stamp = int(datetime.now(UTC).timestamp() if at is None else at)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signatures.sign(secret, message_id, stamp, body),
        "content-type": "application/json",
    }


def event(type_: str, data: Mapping[str, Any], at: datetime | None = None) -> bytes:
    moment = (at or datetime.now(UTC)).isoformat()
    return json.dumps({"type": type_, "timestamp": moment, "data": data}).encode()


def secret_of(source: str, code: str) -> str:
    opened = webhooks.endpoint(webhooks.NewEndpoint(source, code), actor=ANA)
    assert opened.secret is not None
    return opened.secret


def orders_of(source: str, external_id: str) -> list[Order]:
    found = list(db.session.scalars(select(Order).where(Order.source == source, Order.external_id == external_id)))
    db.session.rollback()
    return found


def test_the_published_vectors() -> None:
    shop = '{"id":1001,"name":"Tricou șnur","price":"49.90"}'.encode()
    assert signatures.body_ok(["example-client-secret"], "820YGVfNKS/2KkKyoKsQHhUTgQ0Oq4NfWgs6fFnAf94=", shop)
    for wrong in ("p2KOQcdSz24mo1Zu5zLuyPXwQ4+vi2eqwUoVuW3MJsk=", "3hEe0yh0XshzyeMSUxFbOMB9/oPi+dI9rjgmoSxj6YE="):
        assert not signatures.body_ok(["example-client-secret"], wrong, shop)
    woo = b'{"id":123,"status":"processing","total":"99.80"}'
    assert signatures.body_ok(["example-webhook-secret"], "+nPGo159ZrblVfXzcJXncSZOMYLOC20eFOlb8mRrPPU=", woo)
    first = "v1,m2bpSx+cI/jZ5naJqQ14mLB6ino59s4EeVh4lVaJyWQ="
    assert signatures.sign(KEY, "msg_example_0001", 1768471200, EVENT) == first
    late = "v1,uFV3XkupzJvbkdybSzgLOW3zF2gDoUB7yxKwdP/Qzt4="
    assert signatures.sign(KEY, "msg_example_0001", 1768471500, EVENT) == late
    sent = {"webhook-id": "msg_example_0001", "webhook-timestamp": "1768471200"}
    both = f"v1,ke6+i/5K2mcg26tGYQck+KpAYAENggYaaBf3HUxTc8I= {first}"
    for given, good in ((first, True), (both, True), ("wlghYWTD8gz3pkNJXKHUXWeWtROlO1F3ZmDPsOrdozc=", False)):
        assert signatures.standard_ok([KEY], sent | {"webhook-signature": given}, EVENT, 1768471200) is good
    for drift, good in ((300, True), (-300, True), (301, False), (-301, False)):
        assert signatures.standard_ok([KEY], sent | {"webhook-signature": first}, EVENT, 1768471200 + drift) is good


def test_a_delivery_is_stored_answered_and_takes_effect_once(app: Flask) -> None:
    variant = sellable("HOOK-1", 5)
    opened = webhooks.endpoint(webhooks.NewEndpoint("generic", "erp"), actor=ANA)
    assert opened.secret is not None
    data = {"external_id": "A-1", "currency": "RON", "customer": {"name": "Ana", "email": "ana@x.example"},
            "items": [{"sku": "HOOK-1", "quantity": 2, "unit_price": "10.00", "vat_rate": "21"}]}  # fmt: skip
    body = event("order.created", data)
    client = app.test_client()
    answers = [client.post(opened.path, data=body, headers=headers_of(opened.secret, "m-1", body)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert webhooks.work(actor=ANA) == 1
    [order] = orders_of("generic", "A-1")
    assert (order.status, str(order.total_gross), order.customer_name) == ("confirmed", "20.00", "Ana")
    assert stock_of(variant) == 3
    body = event("order.cancelled", {"external_id": "A-1"})
    assert client.post(opened.path, data=body, headers=headers_of(opened.secret, "m-2", body)).status_code == 202
    webhooks.work(actor=ANA)
    assert (orders_of("generic", "A-1")[0].status, stock_of(variant)) == ("cancelled", 5)


def test_a_cancellation_that_overtakes_its_order_leaves_nothing_sold(app: Flask) -> None:
    variant, secret = sellable("HOOK-2", 5), secret_of("generic", "erp")
    now = datetime.now(UTC)
    data = {"external_id": "A-2", "items": [{"sku": "HOOK-2", "quantity": 1, "unit_price": "10"}]}
    for external_id, late in (("A-2", 3), ("A-3", 0)):
        told = (event("order.cancelled", {"external_id": external_id}, now),
                event("order.created", data | {"external_id": external_id}, now - timedelta(seconds=late)))  # fmt: skip
        for n, body in enumerate((*told, told[1])):
            webhooks.receive("generic", "erp", headers_of(secret, f"{external_id}-{n}", body), body)
            webhooks.work(actor=ANA)
        [order] = orders_of("generic", external_id)
        assert (order.status, order.confirmed_at, stock_of(variant)) == ("cancelled", None, 5)


@pytest.mark.parametrize("wrong", [{"unit_price": "NaN"}, {"unit_price": "1,5"}, {"vat_rate": "a fifth"}])
def test_a_price_that_cannot_be_read_does_not_become_the_catalogues(app: Flask, wrong: dict[str, str]) -> None:
    variant, secret = sellable("HOOK-9", 5), secret_of("generic", "erp")
    item = {"sku": "HOOK-9", "quantity": 1, "unit_price": "10", "vat_rate": "21"} | wrong
    body = event("order.created", {"external_id": "A-4", "items": [item]})
    webhooks.receive("generic", "erp", headers_of(secret, "p-1", body), body)
    webhooks.work(actor=ANA)
    assert (orders_of("generic", "A-4"), stock_of(variant)) == ([], 5)


def test_what_is_refused_is_said_as_a_problem(app: Flask) -> None:
    opened = webhooks.endpoint(webhooks.NewEndpoint("generic", "erp"), actor=ANA)
    client = app.test_client()
    for answer, code in (
        (client.post(opened.path, data=b"{}"), "not_signed"),
        (client.post("/webhooks/generic/none", data=b"{}"), "not_found"),
        (client.put(opened.path, data=b"{}"), "method_not_allowed"),
        (client.post(opened.path, data=b"x" * (webhooks.LARGEST + 1)), "payload_too_large"),
    ):
        assert (answer.mimetype, answer.get_json()["code"]) == ("application/problem+json", code)


def test_stock_is_set_by_the_newest_word_and_only_from_what_was_seen(app: Flask) -> None:
    variant, secret = sellable("HOOK-3", 5), secret_of("generic", "erp")
    now = datetime.now(UTC)
    for n, (stock, back) in enumerate(((9, 0), (7, 60))):
        body = event("stock.set", {"sku": "HOOK-3", "stock": stock}, now - timedelta(seconds=back))
        webhooks.receive("generic", "erp", headers_of(secret, f"s-{n}", body), body)
        webhooks.work(actor=ANA)
    assert stock_of(variant) == 9
    body = event("stock.set", {"sku": "HOOK-3", "stock": 1, "expected": 5}, now + timedelta(seconds=1))
    webhooks.receive("generic", "erp", headers_of(secret, "s-9", body), body)
    webhooks.work(actor=ANA)
    assert stock_of(variant) == 9
    waiting = db.session.scalars(select(WebhookInbox).where(WebhookInbox.dedup_key == "s-9")).one()
    assert (waiting.state, waiting.error) == ("new", "seen 5, now 9")
    db.session.rollback()


def test_shopify_and_woocommerce_create_and_update_orders(app: Flask) -> None:
    variant = sellable("HOOK-4", 9)
    client = app.test_client()
    shopify = {"id": 450789469, "currency": "RON", "email": "a@x.example", "created_at": "2026-03-02T10:00:00Z",
               "updated_at": "2026-03-02T10:00:00Z", "taxes_included": True,
               "line_items": [{"id": 1, "sku": "HOOK-4", "name": "Mug", "quantity": 2, "price": "12.10",
                               "tax_lines": [{"rate": 0.21}]}]}  # fmt: skip
    woo = {"id": 77, "status": "processing", "currency": "RON", "date_created_gmt": "2026-03-02T10:00:00",
           "date_modified_gmt": "2026-03-02T10:00:00", "billing": {"first_name": "Ion"},
           "line_items": [{"id": 1, "sku": "HOOK-4", "name": "Mug", "quantity": 1, "total": "10.00",
                           "total_tax": "2.10"}]}  # fmt: skip
    for source, payload, name, header in (
        ("shopify", shopify, "X-Shopify-Hmac-SHA256", {"X-Shopify-Topic": "orders/create",
                                                       "X-Shopify-Webhook-Id": "w-1"}),
        ("woocommerce", woo, "X-WC-Webhook-Signature", {"X-WC-Webhook-Topic": "order.created"}),
    ):  # fmt: skip
        opened = webhooks.endpoint(webhooks.NewEndpoint(source, "main"), actor=ANA)
        assert opened.secret is not None
        body = json.dumps(payload).encode()
        mac = base64.b64encode(hmac.new(opened.secret.encode(), body, hashlib.sha256).digest()).decode()
        sent = {**header, name: mac, "Content-Type": "application/json"}
        assert [client.post(opened.path, data=body, headers=sent).status_code for _ in range(2)] == [202, 200]
        newer = {name.replace("X-Shopify", "Shopify"): value for name, value in sent.items()}
        assert client.post(opened.path, data=body, headers=newer).status_code == 200
        webhooks.work(actor=ANA)
        [order] = orders_of(source, str(payload["id"]))
        assert order.status == "confirmed"
        assert str(order.total_gross) == ("24.20" if source == "shopify" else "12.10")
    assert stock_of(variant) == 6
    ping = client.post("/webhooks/woocommerce/main", data={"webhook_id": "3"})
    assert ping.status_code == 200


def test_nothing_that_is_not_signed_comes_in(app: Flask) -> None:
    """Gate G10, short: every bit of one good request, and everything that was ever tried in its place."""
    secret = secret_of("generic", "forged")
    body = event("order.created", {"external_id": "F-1", "items": []})
    good = headers_of(secret, "forged-1", body)
    client, tried = app.test_client(), 0

    def refused(headers: Mapping[str, str], sent: bytes, path: str = "/webhooks/generic/forged") -> None:
        nonlocal tried
        tried += 1
        answer = client.post(path, data=sent, headers=list(headers.items()))
        assert answer.status_code in {401, 404, 413}, (headers, sent[:40], answer.status_code)

    for bit in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(good, bytes(flipped))
    signature = good["webhook-signature"]
    for wrong in (
        "",
        "v1",
        "v1,",
        ",",
        "v1,ș",
        signature[:-4],
        f"v2,{signature[3:]}",
        "v1," + "A" * 44,
        "\udcff" * 3 + "x",
    ):
        refused(good | {"webhook-signature": wrong.encode("utf-8", "replace").decode("latin-1")}, body)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        refused({key: value for key, value in good.items() if key != name}, body)
    for stamp in ("", "x", "-1", "9" * 40, "１２", str(int(good["webhook-timestamp"]) + 1)):
        refused(good | {"webhook-timestamp": stamp.encode().decode("latin-1")}, body)
    now = datetime.now(UTC).timestamp()
    for drift in (-400, 400, -86400):
        refused(headers_of(secret, "late", body, now + drift), body)
    refused(headers_of(KEY, "forged-1", body), body)
    refused(good, body, "/webhooks/generic/nobody")
    refused(good, body, "/webhooks/emag/forged")
    refused(good, b"x" * (webhooks.LARGEST + 1))
    assert tried > 700
    stored = db.session.scalars(select(WebhookInbox).where(WebhookInbox.dedup_key.in_(["forged-1", "late"]))).all()
    db.session.rollback()
    assert not stored


def signed(source: str, secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """What a sender of this source puts beside its body."""
    if source == "generic":
        return headers_of(secret, message_id, body)
    mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    kind = {"Content-Type": "application/json"}
    if source == "shopify":
        return kind | {"X-Shopify-Topic": "orders/create", "X-Shopify-Webhook-Id": message_id,
                       "X-Shopify-Hmac-SHA256": mac}  # fmt: skip
    return kind | {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": mac}


PROOFS = {"generic": "webhook-signature", "shopify": "X-Shopify-Hmac-SHA256", "woocommerce": "X-WC-Webhook-Signature"}


def _same_proof(given: str, good: str) -> bool:
    """The last letter of base64 holds bits that mean nothing: another letter may be the same proof."""
    try:
        read = [base64.b64decode(text.removeprefix("v1,"), validate=True) for text in (given.strip(), good)]
    except ValueError:
        return False
    return read[0] == read[1] and given.startswith("v1,") == good.startswith("v1,")


@pytest.mark.parametrize("source", sorted(PROOFS))
@pytest.mark.parametrize("tries", [60, pytest.param(10_000, marks=pytest.mark.soak)])
def test_forgeries_by_the_thousand(app: Flask, request: pytest.FixtureRequest, source: str, tries: int) -> None:
    """Gate G10: of every scheme, one good request with something wrong about it."""
    seed = request.config.getoption("--seed") or random.randrange(10**9)
    print(f"seed {seed}")
    draw, proof = random.Random(seed), PROOFS[source]
    secret, client = secret_of(source, "forgeries"), app.test_client()
    other = secret_of(source, "another")
    body = json.dumps({"id": 5, "type": "order.created", "data": {"external_id": "F-2", "items": []}}).encode()

    def flipped(raw: bytes) -> bytes:
        at = draw.randrange(len(raw) * 8)
        return bytes(byte ^ (1 << at % 8) if n == at // 8 else byte for n, byte in enumerate(raw))

    answers: dict[int, int] = {}
    for _ in range(tries):
        headers, sent = signed(source, secret, "forged", body), body
        match draw.randrange(6):
            case 0:
                sent = flipped(body)
            case 1:
                headers[proof] = flipped(headers[proof].encode()).decode("latin-1").replace("\n", "").replace("\r", "")
            case 2:
                headers = signed(source, other, "forged", body)
            case 3:
                del headers[proof]
            case 4:
                headers[proof] = "".join(draw.choices("AZaz09+/=, \u00ff", k=draw.randrange(60)))
            case _:
                sent = body + b" " * draw.randint(1, 9)
        if sent == body and _same_proof(headers.get(proof, ""), signed(source, secret, "forged", body)[proof]):
            continue
        status = client.post(f"/webhooks/{source}/forgeries", data=sent, headers=headers).status_code
        answers[status] = answers.get(status, 0) + 1
    assert set(answers) == {401}, answers
    assert not db.session.scalars(select(WebhookInbox).where(WebhookInbox.dedup_key == "forged")).all()
    db.session.rollback()


@pytest.mark.parametrize("events", [300, pytest.param(20_000, marks=pytest.mark.soak)])
def test_a_storm_of_copies_has_each_effect_once(module_app: Flask, request: pytest.FixtureRequest, events: int) -> None:
    """Gate G9, short: copies, shuffled, from many senders at once, with receivers that die in the middle."""
    seed = request.config.getoption("--seed") or random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    with module_app.app_context():
        secret = secret_of("generic", f"storm{events}")
        variant = sellable(f"STORM-{events}", events)
        began = datetime.now(UTC) - timedelta(hours=24)
        sent: list[tuple[str, bytes]] = []
        cancelled = set()
        for n in range(events):
            data = {"external_id": f"S-{n}", "items": [{"sku": f"STORM-{events}", "quantity": 1, "unit_price": "1"}]}
            at = began + timedelta(seconds=n)
            told = [event("order.created", data, at)]
            if draw.random() < 0.3:
                cancelled.add(f"S-{n}")
                told.append(event("order.cancelled", {"external_id": f"S-{n}"}, at + timedelta(seconds=30)))
            sent += [(f"{n}-{k}", body) for k, body in enumerate(told) for _ in range(draw.randint(1, 4))]
    draw.shuffle(sent)

    def deliver(part: list[tuple[str, bytes]]) -> None:
        with module_app.app_context():
            for message_id, body in part:
                webhooks.receive("generic", f"storm{events}", headers_of(secret, message_id, body), body)
                if hash(message_id) % 20 == 0:
                    webhooks.claim(actor=ANA)  # takes some and dies: their leases run out
            db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, [sent[n::4] for n in range(4)]))
    with module_app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE webhook_inbox SET lease_until = NULL")
    with module_app.app_context():

        def process(_: int) -> None:
            with module_app.app_context():
                webhooks.work(actor=ANA, most=10**6)
                db.session.remove()

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(process, range(3)))
        found = db.session.execute(
            select(Order.external_id, Order.status).where(Order.source_account == f"storm{events}")
        ).all()
        lines = db.session.execute(
            select(OrderItem.quantity).join(Order, Order.id == OrderItem.order_id)
            .where(Order.source_account == f"storm{events}")
        ).all()  # fmt: skip
        db.session.rollback()
        assert len({external_id for external_id, _ in found}) == len(found) == len(lines)
        assert {external_id for external_id, status in found if status == "confirmed"} == {
            f"S-{n}" for n in range(events)
        } - cancelled
        assert stock_of(variant) == len(cancelled)
