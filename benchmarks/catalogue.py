"""The catalogue beside the reference: W4, lists and searches, and W5, a thousand combinations of one product.

W4 of the reference reads five columns of a bare table. Our page also counts the list and reads options, completeness
and the product's name: `page_sql_ms` is the statement that finds the page's rows, `sql_ms` all statements of the list.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote

import psycopg

from benchmarks import big_shop
from benchmarks.ground import SHOP, Ground, ground
from benchmarks.served import Served, served

PAGE: Final = 50
WARM, REPEATS = 5, 15
LIST_ROWS: Final = 100_000
"""As the reference's own, unless LIMIT_LIST_ROWS says otherwise."""
VALUES: Final = 10
"""Of each of three options: a thousand combinations."""


def measure_lists() -> dict[str, Any]:
    """Page 1, page 1,000, a SKU prefix and a name fragment: over HTTP, and in the database alone."""
    rows = int(os.environ.get("LIMIT_LIST_ROWS", LIST_ROWS))
    with ground() as place:
        place.new_shop()
        big_shop.fill(place.admin_of(SHOP), rows)
        whole, page = _in_sql(place, rows)
        with served(place) as served_at:
            over_http = _over_http(served_at, rows)
    return {"rows": rows, "http_ms": over_http, "sql_ms": whole, "page_sql_ms": page}


def _median_ms(call: Callable[[], Any]) -> float:
    for _ in range(WARM):
        call()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken)


def _lists(rows: int) -> dict[str, str]:
    from magflow.web.api import make_cursor

    behind = make_cursor([rows - 999 * PAGE + 1])
    return {
        "page1": "/variants",
        "page1000": f"/variants?cursor={behind}",
        "sku_prefix": "/variants?sku_prefix=P0500-",
        "name_fragment": f"/variants?q={quote('duct 777 col')}",
    }


def _over_http(served_at: Served, rows: int) -> dict[str, float]:
    connection = HTTPConnection(served_at.host, served_at.port, timeout=60)

    def get(path: str) -> None:
        connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {served_at.token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:300]!r}")

    return {name: _median_ms(lambda path=path: get(path)) for name, path in _lists(rows).items()}  # type: ignore[misc]


def _in_sql(place: Ground, rows: int) -> tuple[dict[str, float], dict[str, float]]:
    """The statements that the lists send, sent again by themselves: all of them, and the one that finds the page."""
    whole, page = {}, {}
    with psycopg.connect(place.admin_of(SHOP), autocommit=True) as connection:
        for name, statements in _statements(place, rows).items():
            whole[name] = _median_ms(lambda sent=statements: _send(connection, sent))  # type: ignore[misc]
            # All but the words' meaning before it, the estimate, and what the rows show behind it.
            finding = [one for one in statements if "key0" in one[0] and "EXPLAIN" not in one[0]]
            page[name] = _median_ms(lambda sent=finding[-1:]: _send(connection, sent))  # type: ignore[misc]
    return whole, page


def _send(connection: psycopg.Connection[Any], statements: list[tuple[str, Mapping[str, Any]]]) -> None:
    for text, parameters in statements:
        connection.execute(text, parameters, prepare=True).fetchall()


def _statements(place: Ground, rows: int) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    from sqlalchemy import event

    from magflow.app import create_app
    from magflow.db import db
    from magflow.domain.actors import SYSTEM
    from magflow.services import tokens

    app = create_app(place.settings())
    sent: list[tuple[str, Mapping[str, Any]]] = []
    with app.app_context():
        token = tokens.create_token(tokens.CreateToken("bench lists", ("catalog:read",)), actor=SYSTEM).plaintext
        db.session.remove()
        event.listen(db.engine, "before_cursor_execute", lambda *told: sent.append((told[2], told[3])))
    found = {}
    for name, path in _lists(rows).items():
        sent.clear()
        app.test_client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        found[name] = list(sent)
    with app.app_context():
        db.engine.dispose()
    return found


def measure_generation() -> dict[str, float]:
    """Milliseconds from the command to its end, for a thousand combinations of a new product."""
    from magflow.app import create_app
    from magflow.db import db
    from magflow.domain.actors import SYSTEM
    from magflow.services import generation, options, products

    with ground() as place:
        place.new_shop()
        app = create_app(place.settings(), areas=())
        with app.app_context():
            taken = []
            for product in range(4):  # the first one warms what a running MagFlow has warm
                axes = [options.OptionInput(f"a{n}", [f"a{n}v{v}" for v in range(VALUES)]) for n in range(3)]
                made = products.create(products.NewProduct(name=f"Product {product}", options=axes), actor=SYSTEM)
                db.session.remove()
                command = generation.Generate(made.id)
                began = time.perf_counter()
                plan = generation.generate(command, actor=SYSTEM)
                taken.append(1e3 * (time.perf_counter() - began))
                if len(plan.created_ids) != VALUES**3:
                    raise RuntimeError(f"{len(plan.created_ids)} variants were made")
            db.session.remove()
            db.engine.dispose()
    return {"ms": statistics.median(taken[1:]), "first_ms": taken[0]}
