"""Every list and search of a big shop, at the server: `python -m benchmarks.lists` prints what each costs, as JSON.

The requests go through the whole application but not through a network; the time of their SQL and the number of their
statements are told apart. LIMIT_LIST_ROWS says how many variants there are.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from flask import Flask
from sqlalchemy import event

from benchmarks import big_shop
from benchmarks.ground import SHOP, Ground, ground

TARGET_MS: Final = 150.0
WARM: Final = 3

API: Final = {
    "all": "/variants",
    "all, 200 rows": "/variants?limit=200",
    "by SKU": "/variants?sort=sku",
    "by SKU, backwards": "/variants?sort=-sku",
    "oldest first": "/variants?sort=id",
    "active": "/variants?status=active",
    "inactive": "/variants?status=inactive",
    "SKU": "/variants?sku=P0777-C3-S3",
    "SKU prefix": "/variants?sku_prefix=p0777-",
    "SKU prefix, wide": "/variants?sku_prefix=P0",
    "SKU prefix, by SKU": "/variants?sku_prefix=P07&sort=sku",
    "EAN": "/variants?ean=5940000077733",
    "words": "/variants?q=duct 777 col",
    "words of the product, without accents": "/variants?q=camasa",
    "words, common": "/variants?q=colour",
    "words, two letters": "/variants?q=co",
    "words, none": "/variants?q=nothing has this name",
    "option value": "/variants?option_value=Colour 3",
    "value of an option": "/variants?option_value=Colour 3&option_name=Colour",
    "brand": "/variants?brand=Brand 7",
    "category": "/variants?category=Category 3",
    "stock range, common": "/variants?stock_min=10&stock_max=50",
    "stock range, rare": "/variants?stock_min=399",
    "stock range, none": "/variants?stock_min=100000",
    "sold out": "/variants?stock_max=0&status=active",
    "product": "/variants?product_id=778",
    "purchasable": "/variants?purchasable=true",
    "words, brand, status": "/variants?q=colour 3&brand=Brand 7&status=active",
    "value, brand, stock": "/variants?option_value=Colour 3&brand=Brand 7&stock_min=100",
    "prefix, value, stock": "/variants?sku_prefix=P07&option_value=Size 4&stock_max=5",
    "category, value, active, by SKU": "/variants?category=Category 3&option_value=Size 4&status=active&sort=sku",
    "products": "/products",
    "products, words": "/products?q=camasa",
    "products, SKU": "/products?q=P0777-C3-S3",
    "products, brand": "/products?brand=Brand 7",
    "products, option value": "/products?option_value=Colour 3",
    "products, SKU prefix": "/products?sku_prefix=P077",
}
PAGES: Final = {
    "browser: all": "/products/variants/",
    "browser: by SKU": "/products/variants/?sort=0",
    "browser: search": "/products/variants/?search=duct 777 col",
    "browser: active": "/products/variants/?view=active",
    "browser: drafts": "/products/variants/?view=drafts",
    "browser: can be bought": "/products/variants/?view=buy",
    "browser: out of stock": "/products/variants/?view=zero",
    "browser: incomplete": "/products/variants/?view=incomplete",
    "browser: orphans": "/products/variants/?view=orphans",
    "browser: products": "/products",
    "browser: products, search": "/products?q=camasa",
    "browser: products, brand": "/products?brand=Brand 7",
    "browser: products, drafts": "/products?view=drafts",
    "browser: products, troubled": "/products?view=troubled",
    "browser: products, out of stock": "/products?sold_out=true",
    "top search: SKU": "/search/suggest?q=P0777-C3",
    "top search: words": "/search/suggest?q=duct 777 col",
    "top search: without accents": "/search/suggest?q=camasa",
    "top search: one letter": "/search/suggest?q=p",
    "top search: none": "/search/suggest?q=nothing has this name",
}
DEEP: Final = {"all, page 20 on": "/variants", "by SKU, page 20 on": "/variants?sort=sku"}
"""Walked by their cursors."""


def measure(place: Ground, repeats: int, wanted: str = "") -> dict[str, Any]:
    """Each list so many times; milliseconds at the server, and of it in SQL."""
    from magflow.app import create_app
    from magflow.up.start import keep_what_was_made

    app = create_app(place.settings())
    keep_what_was_made()  # as every web process does
    get = _visitor(app)
    found = {}
    with _watched(app) as sql:
        for name, path in {**API, **PAGES, **DEEP}.items():
            if wanted not in name:
                continue
            address = path if name in PAGES else f"/api/v1{path}"
            for _ in range(20 if name in DEEP else 0):
                address = f"/api/v1{path}{'&' if '?' in path else '?'}cursor={get(address)['meta']['next_cursor']}"
            found[name] = _timed(lambda address=address: get(address), sql, repeats)  # type: ignore[misc]
    return found


def _timed(call: Callable[[], Any], sql: list[float], repeats: int) -> dict[str, Any]:
    for _ in range(WARM):
        call()
    whole, within, statements = [], [], set()
    for _ in range(repeats):
        sql.clear()
        began = time.perf_counter()
        call()
        whole.append(1e3 * (time.perf_counter() - began))
        within.append(1e3 * sum(sql))
        statements.add(len(sql))
    whole.sort()
    return {
        "p50_ms": round(statistics.median(whole), 1),
        "p95_ms": round(whole[min(len(whole) - 1, int(len(whole) * 0.95))], 1),
        "sql_p50_ms": round(statistics.median(within), 1),
        "statements": max(statements),
    }


def _visitor(app: Flask) -> Callable[[str], Any]:
    """Somebody who may see everything, as a program and in a browser."""
    from magflow.db import db
    from magflow.domain.actors import SYSTEM
    from magflow.domain.roles import OWNER, SCOPES
    from magflow.services import sign_in, tokens, users

    with app.app_context():
        name = f"bench{time.time_ns()}"
        token = tokens.create_token(tokens.CreateToken(name, SCOPES), actor=SYSTEM).plaintext
        person = users.create_user(
            users.CreateUser(f"{name}@shop.example", OWNER, "velvet harbour lantern"), actor=SYSTEM
        )
        opened = sign_in.open_browser(sign_in.OpenFor(person.id, sign_in.Browser("127.0.0.1")), actor=SYSTEM)
        db.session.remove()
    program, browser = app.test_client(), app.test_client()
    browser.set_cookie("magflow", opened)

    def get(path: str) -> Any:
        if path.startswith("/api/"):
            answer = program.get(path, headers={"Authorization": f"Bearer {token}"})
        else:
            answer = browser.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.get_data(as_text=True)[:300]}")
        return answer.get_json() if answer.is_json else answer.get_data()

    return get


@contextmanager
def _watched(app: Flask) -> Iterator[list[float]]:
    """The seconds of every statement that the application sends."""
    from magflow.db import db

    seconds: list[float] = []
    with app.app_context():
        engine = db.engine

    def before(_connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        context.began = time.perf_counter()

    def after(_connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        seconds.append(time.perf_counter() - context.began)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    yield seconds
    event.remove(engine, "before_cursor_execute", before)
    event.remove(engine, "after_cursor_execute", after)


def main(arguments: Sequence[str]) -> None:
    """Fill a shop unless it is to be kept, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", default="", help="lists whose name contains this")
    parser.add_argument("--filled", action="store_true", help="the shop was filled by an earlier run")
    asked = parser.parse_args(arguments)
    variants = int(os.environ.get("LIMIT_LIST_ROWS", big_shop.VARIANTS))
    with ground() as place:
        report: dict[str, Any] = {"variants": variants, "target_ms": TARGET_MS}
        if not asked.filled:
            place.new_shop()
            report["fill_seconds"] = round(big_shop.fill(place.admin_of(SHOP), variants), 1)
        report["lists"] = measure(place, asked.repeats, asked.only)
    report["slower_than_target"] = [n for n, f in report["lists"].items() if f["p95_ms"] > TARGET_MS]
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
