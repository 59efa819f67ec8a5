"""Webhooks out: never into our own network, whatever the address is called; signed, tried again, switched off."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.domain import signatures
from magflow.domain.errors import Invalid
from magflow.marketplaces import outgoing
from magflow.models import WebhookDelivery, WebhookSubscription
from magflow.services import dispatch, subscriptions
from tests.shop import ANA, finalize, make_order, make_variant

INSIDE = [
    "https://127.0.0.1/", "https://127.1/", "https://0/", "https://0.0.0.0/", "https://2130706433/",
    "https://0x7f000001/", "https://017700000001/", "https://localhost/", "https://[::1]/", "https://[::]/",
    "https://10.0.0.1/", "https://10.255.255.255/", "https://172.16.0.1/", "https://172.31.255.254/",
    "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://169.254.0.1/", "https://100.64.0.1/",
    "https://[fe80::1]/", "https://[fc00::1]/", "https://[fd12:3456::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://240.0.0.1/", "https://192.0.2.1/", "https://198.18.0.1/", "https://203.0.113.7/", "https://[ff02::1]/",
    "https://[2001:db8::1]/", "https://192.0.0.1/", "https://localhost./", "https://127.0.0.1:8443/",
]  # fmt: skip
WRONG = {
    "http://8.8.8.8/": "not_https", "ftp://8.8.8.8/": "not_https", "https://8.8.8.8:22/": "port",
    "https://8.8.8.8:5432/": "port", "https://user@8.8.8.8/": "user", "https://a:b@8.8.8.8/": "user",
    "https:///path": "name", "https://no-such-name.invalid/": "name", "https://8.8.8.8:99999/": "name",
    "javascript:alert(1)": "name", "https://exa mple.com/": "name", "//8.8.8.8/": "not_https",
}  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_nothing_inside_is_called(url: str) -> None:
    with pytest.raises(outgoing.AddressRefused) as refused:
        outgoing.check(url)
    assert refused.value.reason in {"private", "name"}


@pytest.mark.parametrize("url", WRONG)
def test_only_plain_https_addresses_are_called(url: str) -> None:
    with pytest.raises(outgoing.AddressRefused) as refused:
        outgoing.check(url)
    assert refused.value.reason == WRONG[url]


def test_every_address_of_a_name_must_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "10.0.0.8"]])

    def looked_up(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(answers)]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    assert outgoing.check("https://changing.example/").address == "93.184.216.34"
    for _ in range(2):
        with pytest.raises(outgoing.AddressRefused, match="private"):
            outgoing.check("https://changing.example/")


class Receiver(BaseHTTPRequestHandler):
    """Answers what it is told to, and keeps what it got."""

    answers: list[int]
    got: list[tuple[dict[str, str], bytes]]

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status = self.answers.pop(0) if self.answers else 200
        self.send_response(status)
        if status in {301, 302}:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Receiver]]]:
    kind = type("Kept", (Receiver,), {"answers": [], "got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    place = f"127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(subscriptions, "allowed", [place])
    yield f"http://{place}/hook", kind
    server.shutdown()
    server.server_close()


def due() -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE webhook_deliveries SET next_at = clock_timestamp()")


def test_an_event_is_told_signed_tried_again_and_sent_again(app: Flask, receiver: tuple[str, type[Receiver]]) -> None:
    url, kind = receiver
    with pytest.raises(Invalid):
        subscriptions.subscribe(subscriptions.NewSubscription("https://10.0.0.1/", ("order.confirmed",)), actor=ANA)
    made = subscriptions.subscribe(subscriptions.NewSubscription(url, ("order.confirmed",)), actor=ANA)
    order = make_order((make_variant(stock=3), 1))
    finalize(order)
    dispatch.hand_out({"order.confirmed": [subscriptions.tell]}, actor=ANA)
    kind.answers[:] = [503, 302, 200]
    for _ in range(3):
        due()
        subscriptions.work(actor=ANA)
    assert len(kind.got) == 3
    ids = {headers["webhook-id"] for headers, _ in kind.got}
    assert len(ids) == 1
    for headers, body in kind.got:
        assert signatures.standard_ok([made.secret], headers, body, float(headers["webhook-timestamp"]))
        assert json.loads(body)["data"]["order_id"] == order.id
    delivery = db.session.scalars(select(WebhookDelivery)).one()
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 3, 200)
    db.session.rollback()
    subscriptions.resend(subscriptions.Resend(delivery.id), actor=ANA)
    kind.answers[:] = [410]
    subscriptions.work(actor=ANA)
    assert kind.got[-1][0]["webhook-id"] in ids
    off = db.session.get(WebhookSubscription, made.subscription.id)
    assert off is not None
    db.session.refresh(off)
    assert (off.active, off.off_reason) == (False, "HTTP 410")
    assert made.secret not in str(off.secret)
    db.session.rollback()
