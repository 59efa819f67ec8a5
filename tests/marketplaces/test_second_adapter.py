"""A package from outside brings another marketplace: stock out and orders in, with no line of MagFlow changed."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.marketplaces import protocol
from magflow.models import Order
from magflow.services import accounts, market_sync, publishing
from tests.marketplaces.conftest import FAST, sellable
from tests.shop import ANA, stock_of

PLUGIN = Path(__file__).parents[2] / "plugins" / "woocommerce"


class Shop(BaseHTTPRequestHandler):
    """A small WooCommerce: two products, one of them with a variation, and the orders that are put into it."""

    protocol_version = "HTTP/1.1"
    products: dict[int, dict[str, Any]]
    orders: dict[int, dict[str, Any]]

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route, body = urlsplit(self.path).path.removeprefix("/wp-json/wc/v3/"), json.loads(raw) if raw else {}
        status, told = self.route(route, body)
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def route(self, route: str, body: Any) -> tuple[int, Any]:
        if route.endswith("/batch"):
            told = []
            for item in body["update"]:
                there = self.products.get(item["id"])
                if there is None:
                    told.append({"id": item["id"], "error": {"message": "Invalid ID."}})
                else:
                    there["stock_quantity"] = item["stock_quantity"]
                    told.append(there)
            return 200, {"update": told}
        if route == "products":
            return 200, [p for p in self.products.values() if "parent" not in p]
        if route.endswith("/variations"):
            return 200, [p for p in self.products.values() if p.get("parent") == int(route.split("/")[1])]
        if route == "orders":
            return 200, list(self.orders.values())
        return 404, {"message": "Not found"}

    do_GET = do_POST = answer  # noqa: N815


@pytest.fixture
def shop() -> Iterator[tuple[str, type[Shop]]]:
    kind = type("TheShop", (Shop,), {
        "products": {1: {"id": 1, "type": "simple", "sku": "WOO-1", "name": "Mug", "price": "10", "stock_quantity": 1},
                     2: {"id": 2, "type": "variable", "sku": "", "name": "Shirt", "price": "20"},
                     3: {"id": 3, "parent": 2, "sku": "WOO-2", "price": "20", "stock_quantity": 1}},
        "orders": {},
    })  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/wp-json/wc/v3", kind
    server.shutdown()
    server.server_close()


def test_a_shop_of_another_kind_is_fed_and_read(
    app: Flask, shop: tuple[str, type[Shop]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.delitem(sys.modules, "magflow_woocommerce", raising=False)
    import magflow_woocommerce

    known = protocol.adapters()
    monkeypatch.setattr(protocol, "adapters", lambda: known | {"woocommerce": magflow_woocommerce.adapter})
    url, kind = shop
    mug, shirt = sellable("WOO-1", 7), sellable("WOO-2", 4)
    account = accounts.add(
        accounts.NewAccount("woocommerce", "shop", username="ck", password="cs_secret_of_it", base_url=url), actor=ANA
    )
    accounts.edit(accounts.EditAccount(account.id, limits=FAST, switches={"publishing": True}), actor=ANA)
    assert market_sync.read_offers(account.id, actor=ANA) == 2
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    kind.orders[55] = {
        "id": 55, "status": "processing", "currency": "RON", "date_created_gmt": now, "date_modified_gmt": now,
        "line_items": [{"id": 1, "product_id": 2, "variation_id": 3, "sku": "WOO-2", "name": "Shirt", "quantity": 1,
                        "total": "16.53", "total_tax": "3.47"}],
    }  # fmt: skip
    for _ in range(2):
        market_sync.read_orders(account.id, actor=ANA)
    orders = list(db.session.scalars(select(Order).where(Order.source == "woocommerce", Order.external_id == "55")))
    db.session.rollback()
    assert [(order.status, str(order.total_gross)) for order in orders] == [("confirmed", "20.00")]
    assert (stock_of(mug), stock_of(shirt)) == (7, 3)
    publishing.enqueue_all(actor=ANA)
    market_sync.publish(account.id, actor=ANA)
    assert [kind.products[n]["stock_quantity"] for n in (1, 3)] == [7, 3]
