"""A week and a quarter of one shop in two accounts, with and without MagFlow acting on its own recommendations.

`python -m benchmarks.season --days 7,91 --report FILE` runs each period twice with the same seed: the same buyers come
at the same hours, the same rivals change their prices, the same parcels of the supplier arrive. In both runs MagFlow
takes in orders and publishes stock; only in one of them it follows what its analysis recommends at high priority and
calls safe: each transfer travels for three days, and offers that are due are sent again. A day of the marketplace is
over in seconds: behind it, every time in the database and in the marketplace is made a day older.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.ground import SHOP, Ground, ground
from benchmarks.season_shop import TRAVEL_DAYS, Shop, Watch, goods, market, parcels_of
from magflow.domain.actors import SYSTEM
from magflow.postgres.ageing import grow_older
from magflow.simulator.server import running
from magflow.simulator.world import World

SEED: Final = 331
GOODS: Final = int(os.environ.get("LIMIT_SEASON_GOODS", "40"))
SHORT: Final = 14
"""Up to so many days MagFlow looks twice a day; in longer periods once, so that they are over in minutes."""
DAY: Final = 86_400
AGED: Final = (
    "offers", "offer_snapshots", "stock_alerts", "stock_figures", "stock_cases", "transfers", "transfer_steps",
    "orders", "marketplace_orders", "order_windows",
)  # fmt: skip
"""Tables in which time is part of what the analysis reads."""


# --- time ------------------------------------------------------------------------------------------------------------


def pass_time(world: World, seconds: float, admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let time pass at the marketplace so that its clock ends where the machine's stands, and stops there."""
    world.stand_at(datetime.now(UTC) - timedelta(seconds=seconds))
    world.advance(seconds)
    # MagFlow slept as long: it reads everything since.
    admin.execute(
        "UPDATE marketplace_accounts SET orders_read_until = orders_read_until - make_interval(secs => %s)", [seconds]
    )


# --- one run, and the report -----------------------------------------------------------------------------------------


def run(place: Ground, days: int, *, acting: bool, seed: int = SEED, count: int = GOODS) -> dict[str, Any]:
    """One period."""
    from magflow.app import create_app
    from magflow.db import db
    from magflow.services.stock_sync import figures

    began, hours = time.perf_counter(), 12 if days <= SHORT else 24
    place.new_shop()
    entries = goods(count, seed)
    world, parcels = market(entries, seed), parcels_of(entries, days, seed)
    app = create_app(place.settings())
    logging.getLogger().setLevel(logging.ERROR)
    with (
        app.app_context(),
        running(world) as served,
        psycopg.connect(place.admin_of(SHOP), autocommit=True) as admin,
    ):
        world.stand_at(datetime.now(UTC))
        shop = Shop(world, entries, served.api_url, acting)
        shop.open()
        watch = Watch(world)
        for day in range(days):
            shop.deliver(parcels.get(day, []))
            shop.publish()
            for _step in range(24 // hours):
                pass_time(world, hours * 3600, admin)
                shop.read()
                shop.count_orders()
                if acting:
                    shop.act(day)
                shop.publish()
            figures.take(actor=SYSTEM)
            grow_older(admin, 1, AGED)
        told = _told(shop, watch, days)
        told["figures"] = _figures(days)
        db.session.remove()
        db.engine.dispose()
    told["seconds"] = round(time.perf_counter() - began)
    return told


def _told(shop: Shop, watch: Watch, days: int) -> dict[str, Any]:
    return {
        "days": days,
        "skus": len(shop.entries),
        "units_sold": shop.sold,
        "value_sold": str(shop.money),
        "buy_button_share": round(100 * watch.ours / watch.pages, 1),
        "offer_days_out_of_stock": {name: round(hours / 24, 1) for name, hours in sorted(watch.out.items())},
        "sku_days_out_everywhere": round(watch.nowhere / 24, 1),
        "transfers": shop.moved,
        "units_moved": shop.units,
    }


def _figures(days: int) -> dict[str, Any]:
    """What MagFlow's own figures say at the end."""
    from magflow.db import db
    from magflow.queries import stock_figures

    today = db.session().scalar(today_as_sql())
    wanted = stock_figures.FigureFilter(today - timedelta(days=days + 1), today)
    found = stock_figures.figures(db.session(), wanted)
    last, verdict = found.last, found.verdict
    return {
        "zero_stock_products": last.zero_stock if last else None,
        "zero_stock_products_mean": round(sum(d.zero_stock for d in found.days) / max(1, len(found.days)), 1),
        "updated_percent": last.updated if last else None,
        "efficiency_percent": last.efficiency if last else None,
        "cases": {
            name: {"cases": g.cases, "judged": g.judged, "recovered": g.recovered, "rate": g.rate}
            for name, g in (("acted_upon", verdict.followed), ("not_acted_upon", verdict.left))
        },
        "return_cents": verdict.return_cents,
    }


def today_as_sql() -> Any:
    """The day as the database has it."""
    from sqlalchemy import text

    return text("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")


def markdown(results: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """The report for people."""
    rows: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
        ("Units sold", lambda r: r["units_sold"]),
        ("Value sold", lambda r: r["value_sold"]),
        ("Buy-button share, %", lambda r: r["buy_button_share"]),
        ("Offer-days out of stock, MAIN", lambda r: r["offer_days_out_of_stock"]["main"]),
        ("Offer-days out of stock, FBE", lambda r: r["offer_days_out_of_stock"]["fbe"]),
        ("SKU-days out of stock everywhere", lambda r: r["sku_days_out_everywhere"]),
        ("Products at 0 with competition, mean", lambda r: r["figures"]["zero_stock_products_mean"]),
        ("Distribution efficiency at the end, %", lambda r: r["figures"]["efficiency_percent"]),
        ("Offers updated within 7 days at the end, %", lambda r: r["figures"]["updated_percent"]),
        ("Transfers (units)", lambda r: f"{r['transfers']} ({r['units_moved']})"),
    ]
    parts = [
        "# With and without acting on recommendations\n",
        f"Seed {SEED}, {GOODS} SKUs in two accounts, goods travel {TRAVEL_DAYS} days.",
        "Buyers, rivals and deliveries are the same in both columns.\n",
    ]
    for without, acting in results:
        parts += [f"\n## {without['days']} days\n", "| | without | with | change |", "|---|---:|---:|---:|"]
        for name, of in rows:
            parts.append(f"| {name} | {of(without)} | {of(acting)} | {_change(of(without), of(acting))} |")
        seconds = without["seconds"] + acting["seconds"]
        parts.append(f"\nMeasured in {seconds} s.")
    return "\n".join(parts) + "\n"


def _change(before: Any, after: Any) -> str:
    try:
        first, second = float(before), float(after)
    except (TypeError, ValueError):
        return ""
    if not first or math.isclose(first, second):
        return "" if math.isclose(first, second) else f"{second - first:+g}"
    return f"{100 * (second - first) / first:+.1f} %"


def main(arguments: Sequence[str]) -> None:
    """Run each period twice, print the figures as JSON, write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.season", description=__doc__)
    parser.add_argument("--days", default="7,91")
    parser.add_argument("--report", type=Path, default=Path("build/season.md"))
    asked = parser.parse_args(arguments)
    results = []
    with ground() as place:
        for days in map(int, asked.days.split(",")):
            without, acting = (run(place, days, acting=acting) for acting in (False, True))
            results.append((without, acting))
            asked.report.parent.mkdir(parents=True, exist_ok=True)
            asked.report.write_text(markdown(results), encoding="utf-8")
    print(json.dumps([{"without": without, "acting": acting} for without, acting in results], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
