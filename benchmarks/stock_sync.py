"""Analysis and alerts of a whole shop, beside one pass of hand-written SQL over the same rows.

`python -m benchmarks.stock_sync` prints both as JSON. The pass by hand finds the same causes for the same accounts and
keeps them in a table with the same unique key, but has no life of an alert, no money, no news and no history. The
target is four times its time. LIMIT_SYNC_VARIANTS says how many variants there are, each with offers in two accounts; a
third of them sold and have forecasts. With 0 for the number of repeats only `analyze/{sku}` is measured, through the
application: LIMIT_SYNC_VARIANTS=500000 python -m benchmarks.stock_sync 0 is a shop of a million offers.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from benchmarks.ground import SHOP, Ground, ground

VARIANTS: Final = int(os.environ.get("LIMIT_SYNC_VARIANTS", "100000"))
TARGET: Final = 4.0
CHANGED: Final = 1_000
ASKED: Final = 2_000
"""SKUs that are analysed one by one, for the percentiles."""

FILL: Final = """
SET magflow.stock_reason = 'migration';
INSERT INTO products (name, handle) SELECT 'P' || n, 'p-' || n FROM generate_series(1, {products}) n;
INSERT INTO variants (product_id, sku, price, stock, status)
SELECT 1 + n / 100, 'SKU-' || n, 10 + n % 300, 0, 1 FROM generate_series(0, {variants} - 1) n;
INSERT INTO stock_pools (name, kind) VALUES ('emag-fbe', 'marketplace');
INSERT INTO marketplace_accounts (source, code, fulfilment, pool)
VALUES ('emag', 'main', 'seller', 'own'), ('emag', 'fbe', 'marketplace', 'emag-fbe');
SELECT setseed(0.42);
INSERT INTO offers (account_id, variant_id, external_id, part_number_key, stock, number_of_offers, buy_button_rank,
                    last_synced_at, last_read_at)
SELECT a.id, v.id, v.id || '-' || a.code,
       'K' || v.id || CASE WHEN a.code = 'fbe' AND random() < 0.01 THEN 'X' ELSE '' END,
       CASE WHEN random() < 0.12 THEN 0 ELSE (random() * 40)::integer END, 1 + (random() * 2)::integer,
       CASE WHEN random() < 0.6 THEN 1 + (random() * 3)::integer END,
       now() - make_interval(hours => (random() * 24 * 8)::integer), now()
FROM variants v CROSS JOIN marketplace_accounts a;
INSERT INTO demand_forecasts (variant_id, account_id, until, sold, days_out, weeks, mean, variance, weekly, ratio,
                              own_part)
SELECT o.variant_id, o.account_id, date_trunc('week', now())::date, array_fill(2, ARRAY[52]),
       array_fill(0, ARRAY[52])::smallint[], 52, 2, 3, 1 + random() * 4, 1 + random(), 1
FROM offers o WHERE o.variant_id % 3 = 0;
DELETE FROM stock_sync_changes;
CREATE TABLE by_hand (variant_id bigint REFERENCES variants, cause text, priority integer, accounts bigint[],
                      PRIMARY KEY (variant_id, cause));
ANALYZE"""

BY_HAND: Final = """
WITH l AS MATERIALIZED (
    SELECT variant_id, account_id, stock, number_of_offers > 1 AS competition, buy_button_rank AS rank,
           part_number_key AS key, last_synced_at <= now() - interval '7 days' AS stale
    FROM offers WHERE status = 1
), g AS (
    SELECT variant_id, array_agg(account_id) FILTER (WHERE competition AND stock = 0) AS zero,
           array_agg(account_id) FILTER (WHERE competition AND stock BETWEEN 1 AND 4) AS low,
           array_agg(account_id) FILTER (WHERE stale) AS stale,
           CASE WHEN min(key COLLATE "C") <> max(key COLLATE "C") THEN array_agg(account_id) END AS keys
    FROM l GROUP BY variant_id
), p AS (
    SELECT g.variant_id, min(r.account_id) FILTER (WHERE r.rank < g.rank) AS better,
           min(g.account_id) FILTER (WHERE NOT g.competition AND r.competition) AS idle
    FROM l g JOIN l r ON r.variant_id = g.variant_id AND r.account_id <> g.account_id AND g.stock - r.stock >= 2
    GROUP BY g.variant_id
)
INSERT INTO by_hand
SELECT variant_id, c.* FROM g
CROSS JOIN LATERAL (VALUES ('zero_stock', 0, zero), ('low_stock', 1, low), ('stale', 2, stale),
                           ('part_number_key', 1, keys)) AS c (cause, priority, accounts)
WHERE c.accounts IS NOT NULL
UNION ALL
SELECT variant_id, c.cause, c.priority, ARRAY[c.account] FROM p
CROSS JOIN LATERAL (VALUES ('better_rank', 1, better), ('no_competition', 2, idle)) AS c (cause, priority, account)
WHERE c.account IS NOT NULL"""

CHANGE: Final = "UPDATE offers SET stock = stock + 1 WHERE id <= %s"


def measure(place: Ground, repeats: int) -> dict[str, Any]:
    """Medians of several runs, each on alerts that do not exist yet."""
    from magflow.app import create_app
    from magflow.domain.actors import SYSTEM
    from magflow.services.stock_sync import alerts

    figures: dict[str, list[float]] = {name: [] for name in ("by_hand", "first", "again", "incremental", "analyse")}
    counts: dict[str, int] = {}
    app = create_app(place.settings())
    with app.app_context(), psycopg.connect(place.admin_of(SHOP), autocommit=True) as admin:
        for _ in range(repeats):
            admin.execute("TRUNCATE by_hand, stock_alerts, events, transfers CASCADE")
            figures["by_hand"].append(_timed(lambda: admin.execute(BY_HAND)))
            figures["first"].append(_timed(lambda: alerts.look_at_all(actor=SYSTEM)))
            opened = admin.execute("SELECT count(*) FROM stock_alerts").fetchone()
            admin.execute("ANALYZE stock_alerts")
            figures["again"].append(_timed(lambda: alerts.look_at_all(actor=SYSTEM)))
            admin.execute(CHANGE, [CHANGED])
            figures["incremental"].append(_timed(lambda: alerts.catch_up(actor=SYSTEM)))
            row = admin.execute("SELECT count(*) FROM by_hand").fetchone()
            figures["analyse"] += [
                _timed(lambda sku=f"SKU-{n}": _analyse(sku)) for n in range(0, VARIANTS, VARIANTS // 200)
            ]  # type: ignore[misc]
            counts = {"found_by_hand": int(row[0]) if row else 0, "opened": int(opened[0]) if opened else 0}
    each = sorted(figures.pop("analyse"))
    found = {name: round(statistics.median(seconds), 3) for name, seconds in figures.items()}
    return {
        "variants": VARIANTS,
        **counts,
        **{f"{name}_s": seconds for name, seconds in found.items()},
        "first_times_by_hand": round(found["first"] / found["by_hand"], 2),
        "again_times_by_hand": round(found["again"] / found["by_hand"], 2),
        "analyse_one_p50_ms": round(1e3 * statistics.median(each), 2),
        "analyse_one_p95_ms": round(1e3 * each[int(len(each) * 0.95)], 2),
        "target": TARGET,
    }


def measure_one(place: Ground) -> dict[str, Any]:
    """`GET /stock-sync/analyze/{sku}`, asked as programs ask it, for SKUs from everywhere in the shop."""
    from magflow.app import create_app
    from magflow.domain.actors import SYSTEM
    from magflow.services import tokens

    app = create_app(place.settings())
    with app.app_context():
        made = tokens.create_token(tokens.CreateToken("bench", ("stock:read",)), actor=SYSTEM)
    client, headers = app.test_client(), {"Authorization": f"Bearer {made.plaintext}"}
    each, amounts = [], 0
    for number in [*range(20), *range(0, VARIANTS, VARIANTS // ASKED)]:
        began = time.perf_counter()
        answer = client.get(f"/api/v1/stock-sync/analyze/SKU-{number}", headers=headers)
        each.append(time.perf_counter() - began)
        amounts += answer.get_json()["meta"]["amounts"]["rule"] == "forecast"
    each = sorted(each[20:])  # the first ones warm up
    return {
        "offers": VARIANTS * 2,
        "asked": len(each),
        "from_forecasts": amounts,
        "p50_ms": round(1e3 * statistics.median(each), 2),
        "p95_ms": round(1e3 * each[int(len(each) * 0.95)], 2),
        "p99_ms": round(1e3 * each[int(len(each) * 0.99)], 2),
    }


def _analyse(sku: str) -> None:
    """What `GET /stock-sync/analyze/{sku}` reads."""
    from magflow.db import db
    from magflow.queries import stock_sync as reads

    reads.analyse_one(db.session(), reads.variant_of(db.session(), sku))
    db.session.rollback()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(arguments: Sequence[str]) -> None:
    """Fill a shop, measure, print."""
    repeats = int(arguments[0]) if arguments else 3
    with ground() as place:
        place.new_shop()
        with psycopg.connect(place.admin_of(SHOP), autocommit=True) as admin:
            for statement in FILL.format(products=VARIANTS // 100 + 1, variants=VARIANTS).split(";\n"):
                admin.execute(statement)  # type: ignore[call-overload]
        print(json.dumps(measure(place, repeats) if repeats else measure_one(place), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
