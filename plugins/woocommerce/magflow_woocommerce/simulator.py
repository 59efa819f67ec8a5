"""A small WooCommerce shop over HTTP to try the adapter against: `python -m magflow_woocommerce.simulator`.

It speaks the part of the REST API, version 3, that the adapter needs, the way a shop does: keys are checked, lists come
in pages, an order takes its units out of the stock at once, and what changed is found by when it did.
"""

import base64
import contextlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

PREFIX: Final = "/wp-json/wc/v3/"
KEY, SECRET = "ck_demo", "cs_demo_secret"
MOST_OF_A_BATCH: Final = 100
LARGEST_BODY: Final = 4 * 1024 * 1024
STATUSES: Final = {"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}

Told = tuple[int, Any]


@dataclass
class Shop:
    """The shop. All access goes through `lock`. `rights`: none, read or read_write."""

    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    rights: str = "read_write"
    requests: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _last: int = 0

    def number(self) -> int:
        """The next id."""
        self._last += 1
        return self._last

    def product(self, sku: str, name: str, price: str, stock: int, *, parent: int | None = None) -> int:
        """Put something on sale; a variation of `parent` makes that a variable product."""
        with self.lock:
            number = self.number()
            self.products[number] = {
                "id": number, "type": "simple", "sku": sku, "name": name, "price": price, "status": "publish",
                "manage_stock": True, "stock_quantity": stock,
            }  # fmt: skip
            if parent is not None:
                self.products[parent] |= {"type": "variable", "manage_stock": False, "stock_quantity": None}
                self.products[number] |= {"type": "variation", "parent_id": parent}
            return number

    def order(self, *lines: tuple[int, int], **changes: Any) -> int:
        """Somebody buys: (product or variation, units) each; the stock goes down at once."""
        with self.lock:
            number, items = self.number(), []
            for product, units in lines:
                sold = self.products[product]
                sold["stock_quantity"] = max(0, (sold["stock_quantity"] or 0) - units)
                parent = sold.get("parent_id")
                items.append({
                    "id": self.number(), "product_id": parent or product, "variation_id": product if parent else 0,
                    "sku": sold["sku"], "name": sold["name"], "quantity": units, "total_tax": "0.00",
                    "total": f"{float(sold['price']) * units:.2f}",
                })  # fmt: skip
            now = _now()
            self.orders[number] = {
                "id": number, "number": str(number), "status": "processing", "currency": "RON",
                "date_created_gmt": now, "date_modified_gmt": now, "line_items": items,
                "billing": {"first_name": "Ana", "last_name": "Probă", "email": "ana@shop.example"}, **changes,
            }  # fmt: skip
            return number

    def change(self, number: int, **changes: Any) -> None:
        """Something happens to an order."""
        with self.lock:
            self.orders[number] |= changes | {"date_modified_gmt": _now()}

    # --- the API -----------------------------------------------------------------------------------------------------

    def serve(self, method: str, route: str, query: dict[str, str], body: Any) -> Told:
        """Answer a call that was let in."""
        with self.lock:
            self.requests.append((method, route))
            for pattern, wanted, action in ROUTES:
                if method == wanted and (found := re.fullmatch(pattern, route)):
                    return action(self, [int(part) for part in found.groups()], query, body or {})
        return _fault(404, "rest_no_route", "No route was found matching the URL and request method.")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _fault(status: int, code: str, message: str) -> Told:
    return status, {"code": code, "message": message, "data": {"status": status}}


class Page(list[dict[str, Any]]):
    """A page of a list; `total`: how many there are on all of them."""

    total: int = 0


def _page(rows: list[dict[str, Any]], query: dict[str, str]) -> Told:
    size, number = min(100, int(query.get("per_page", 10))), int(query.get("page", 1))
    page = Page(rows[(number - 1) * size : number * size])
    page.total = len(rows)
    return 200, page


def _products(shop: Shop, _ids: list[int], query: dict[str, str], _body: Any) -> Told:
    return _page([one for one in shop.products.values() if one["type"] != "variation"], query)


def _variations(shop: Shop, ids: list[int], query: dict[str, str], _body: Any) -> Told:
    return _page([one for one in shop.products.values() if one.get("parent_id") == ids[0]], query)


def _one_product(shop: Shop, ids: list[int], _query: dict[str, str], _body: Any) -> Told:
    found = shop.products.get(ids[-1])
    return (200, found) if found else _fault(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")


def _batch(shop: Shop, ids: list[int], _query: dict[str, str], body: Any) -> Told:
    asked = body.get("update", [])
    if len(asked) > MOST_OF_A_BATCH:
        return _fault(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items.")
    told = []
    for item in asked:
        there = shop.products.get(item.get("id"))
        if there is None or there.get("parent_id") != (ids[0] if ids else None):
            error = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}}
            told.append({"id": item.get("id"), "error": error})
        else:
            there |= {name: item[name] for name in ("manage_stock", "stock_quantity") if name in item}
            told.append(there)
    return 200, {"update": told}


def _orders(shop: Shop, _ids: list[int], query: dict[str, str], _body: Any) -> Told:
    after, before = query.get("modified_after", ""), query.get("modified_before", "9999")
    found = [one for one in shop.orders.values() if after < one["date_modified_gmt"] < before]
    return _page(sorted(found, key=lambda one: -one["id"]), query)


def _one_order(shop: Shop, ids: list[int], _query: dict[str, str], _body: Any) -> Told:
    found = shop.orders.get(ids[0])
    return (200, found) if found else _fault(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")


def _save_order(shop: Shop, ids: list[int], query: dict[str, str], body: Any) -> Told:
    if ids[0] in shop.orders:
        if body.get("status") not in STATUSES:
            return _fault(400, "rest_invalid_param", "Invalid parameter(s): status")
        shop.change(ids[0], status=body["status"])
    return _one_order(shop, ids, query, body)


Action = Callable[[Shop, list[int], dict[str, str], Any], Told]
ROUTES: Final[tuple[tuple[str, str, Action], ...]] = (
    ("products", "GET", _products),
    (r"products/(\d+)", "GET", _one_product),
    (r"products/(\d+)/variations", "GET", _variations),
    (r"products/(\d+)/variations/(\d+)", "GET", _one_product),
    ("products/batch", "POST", _batch),
    (r"products/(\d+)/variations/batch", "POST", _batch),
    ("orders", "GET", _orders),
    (r"orders/(\d+)", "GET", _one_order),
    (r"orders/(\d+)", "PUT", _save_order),
)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    shop: Shop

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Requests are kept in the shop, not printed."""

    def handle_any(self) -> None:
        """The door, then the route."""
        raw = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY))
        split = urlsplit(self.path)
        if not split.path.startswith(PREFIX):
            self.send(*_fault(404, "rest_no_route", "No route was found matching the URL and request method."))
            return
        self.send(*(self.turned_away() or self.shop.serve(
            self.command, split.path.removeprefix(PREFIX).strip("/"),
            {name: values[-1] for name, values in parse_qs(split.query).items()}, json.loads(raw) if raw else None,
        )))  # fmt: skip

    def turned_away(self) -> Told | None:
        """A wrong key is not known; a right one may be allowed too little."""
        wanted = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            return _fault(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")
        allowed = {"read_write": {"GET", "POST", "PUT"}, "read": {"GET"}}.get(self.shop.rights, set())
        if self.command in allowed:
            return None
        return _fault(403, "woocommerce_rest_cannot_view", "Sorry, you are not allowed to do that.")

    def send(self, status: int, told: Any) -> None:
        """Write the answer."""
        content = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        if isinstance(told, Page):
            self.send_header("X-WP-Total", str(told.total))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the standard library's names


@contextlib.contextmanager
def running(shop: Shop, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a shop until the block ends; the address that an account is given."""
    server = ThreadingHTTPServer((host, port), type("ShopHandler", (Handler,), {"shop": shop}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{host}:{server.server_address[1]}{PREFIX.rstrip('/')}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """A shop with a mug and a shirt in two sizes, until Ctrl-C."""
    shop = Shop()
    shop.product("WOO-MUG", "Mug", "39.00", 7)
    shirt = shop.product("", "Shirt", "59.00", 0)
    for size in ("S", "M"):
        shop.product(f"WOO-SHIRT-{size}", f"Shirt {size}", "59.00", 4, parent=shirt)
    with running(shop, port=int(sys.argv[1]) if len(sys.argv) > 1 else 8775) as address:
        sys.stdout.write(f"WooCommerce: {address}  key {KEY}  secret {SECRET}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
