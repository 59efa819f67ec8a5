"""A week and a quarter of one shop in two accounts, with and without MagFlow acting on its own recommendations.

`python -m benchmarks.season --days 7,91 --report FILE` runs each period twice with the same seed: the same buyers come
at the same hours, the same rivals change their prices, the same parcels of the supplier arrive. In both runs MagFlow
takes in orders and publishes stock; only in one of them it follows what its analysis recommends at high priority and
calls safe: each transfer travels for three days, and offers that are due are sent again. A day of the marketplace is
over in seconds: behind it, every time in the database and in the marketplace is made a day older.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from benchmarks.ground import SHOP, Ground, ground
from magflow.domain.actors import SYSTEM
from magflow.domain.errors import Refused
from magflow.domain.stock_sync import PROCEED
from magflow.simulator.catalogue import demo_offers
from magflow.simulator.making import USERS, demo_world
from magflow.simulator.server import running
from magflow.simulator.world import Product, SimOffer, World

SEED: Final = 331
GOODS: Final = int(os.environ.get("LIMIT_SEASON_GOODS", "40"))
SHORT: Final = 14
"""Up to so many days MagFlow looks twice a day; in longer periods once, so that they are over in minutes."""
TRAVEL_DAYS: Final = 3
DAY: Final = 86_400
AGED: Final = (
    "offers", "offer_snapshots", "stock_alerts", "stock_figures", "stock_cases", "transfers", "transfer_steps",
    "orders", "marketplace_orders", "order_windows",
)  # fmt: skip
"""Tables in which time is part of what the analysis reads."""


# --- the marketplace -------------------------------------------------------------------------------------------------


def goods(count: int, seed: int) -> list[dict[str, Any]]:
    """Goods in both accounts. The warehouse of the marketplace costs: its offers are a little dearer, or cheaper."""
    draw = random.Random(seed + 1)
    found = [entry for entry in demo_offers(count, seed) if not entry.get("reference")]
    for entry in found:
        entry["fbe"] = draw.choice((0, 3, 12, 30)) if entry["fbe"] is None else entry["fbe"]
        entry["rivals"] = max(1, entry["rivals"])
    return found


def market(entries: Sequence[dict[str, Any]], seed: int) -> World:
    """The marketplace. Its people have a chance of their own, so that what we do changes nothing about who comes."""
    world = demo_world(list(entries), seed)
    world.limits = 0
    draw, people = random.Random(seed + 2), random.Random(seed + 3)
    [fbe] = [account for account in world.accounts.values() if account.name == "fbe"]
    for offer in fbe.offers.values():
        offer.price = (offer.price * Decimal(draw.randint(96, 106)) / 100).quantize(Decimal("0.0001"))
    arrive = world.arrivals
    assert arrive is not None

    def with_their_own_chance(product: Product) -> None:
        kept, world.random = world.random, people
        try:
            arrive(product)
        finally:
            world.random = kept

    world.arrivals = with_their_own_chance
    return world


@dataclass
class Watch:
    """What is measured while the hours go by."""

    world: World
    hours: int = 0
    ours: int = 0
    """Hours of pages on which an offer of ours held the buy button."""
    pages: int = 0
    out: dict[str, int] = field(default_factory=dict)
    """Hours of offers without stock, per account."""
    nowhere: int = 0
    """Hours of SKUs that were in stock in no account."""

    def __post_init__(self) -> None:
        self.world.tick_listeners.append(self.look)

    def look(self) -> None:
        """One hour is over."""
        self.hours += 1
        for pnk in self.world.products:
            standing = self.world.sellers(pnk)
            self.pages += 1
            self.ours += bool(standing) and standing[0][2] is not None
            stocks = [(account.name, offer.stock) for account, offer in self.world.on_page(pnk)]
            for name, stock in stocks:
                self.out[name] = self.out.get(name, 0) + (stock == 0)
            self.nowhere += all(stock == 0 for _name, stock in stocks)


# --- the shop --------------------------------------------------------------------------------------------------------


@dataclass
class Shop:
    """MagFlow in front of this marketplace."""

    world: World
    entries: Sequence[dict[str, Any]]
    url: str
    acting: bool
    accounts: dict[str, int] = field(default_factory=dict)
    variants: dict[str, int] = field(default_factory=dict)
    travelling: list[tuple[int, int]] = field(default_factory=list)
    """(day of arrival, transfer)"""
    moved: int = 0
    units: int = 0
    sold: int = 0
    money: Decimal = Decimal(0)

    def open(self) -> None:
        """Goods, accounts, the first reading."""
        from magflow.services import accounts, products, publishing, variants
        from magflow.simulator.demo import NO_PACE

        for entry in self.entries:
            product = products.create(
                products.NewProduct(entry["name"], brand=entry["brand"], category=entry["category"]), actor=SYSTEM
            )
            given = {"sku": entry["sku"], "price": entry["gross"], "stock": entry["main"], "ean": entry["ean"]}
            made = variants.create_or_reactivate(variants.NewVariant(product.id, (), given), actor=SYSTEM)
            self.variants[entry["sku"]] = made.variant.id
        for name, (user, password) in USERS.items():
            added = accounts.add(
                accounts.NewAccount("emag", name, username=user, password=password, base_url=self.url), actor=SYSTEM
            )
            switches = {"publishing": name == "main"}
            accounts.edit(accounts.EditAccount(added.id, limits=NO_PACE, switches=switches), actor=SYSTEM)
            self.accounts[name] = added.id
        self.read()
        publishing.enqueue_all(actor=SYSTEM)
        self.publish()

    def offer(self, name: str, sku: str) -> SimOffer:
        """An offer at the marketplace."""
        [account] = [account for account in self.world.accounts.values() if account.name == name]
        return next(offer for offer in account.offers.values() if offer.part_number == sku)

    def read(self) -> None:
        """Orders, then offers; alerts are current afterwards."""
        from magflow.services import market_sync

        for account_id in self.accounts.values():
            market_sync.read_orders(account_id, actor=SYSTEM)
        for account_id in self.accounts.values():
            market_sync.read_offers(account_id, actor=SYSTEM)

    def publish(self) -> None:
        """Send what changed."""
        from magflow.services import dispatch, market_sync, publishing

        dispatch.hand_out({"stock.changed": [publishing.stock_changed]}, actor=SYSTEM)
        publishing.enqueue_all(actor=SYSTEM)
        market_sync.publish(self.accounts["main"], actor=SYSTEM)

    def count_orders(self) -> None:
        """What was sold since the last step. The marketplace forgets orders that everybody has seen."""
        for account in self.world.accounts.values():
            for order in account.orders.values():
                for line in order["products"]:
                    self.sold += line["quantity"]
                    gross = Decimal(line["sale_price"]) * (1 + Decimal(line["vat"])) * line["quantity"]
                    self.money += gross.quantize(Decimal("0.01"))
            account.orders.clear()

    def deliver(self, parcels: Sequence[tuple[str, str, int]]) -> None:
        """The supplier's parcels: to the shop's warehouse, or to the marketplace's."""
        from magflow.services import stock

        for name, sku, quantity in parcels:
            if name == "main":
                command = stock.AdjustStock(self.variants[sku], "delivery", delta=quantity)
                stock.adjust(command, actor=SYSTEM)
            else:
                self.offer("fbe", sku).stock += quantity

    # --- acting ------------------------------------------------------------------------------------------------------

    def act(self, day: int) -> None:
        """Follow what the queue recommends at high priority and calls safe; send again what is due."""
        from magflow.db import db
        from magflow.queries import stock_alerts
        from magflow.services.stock_sync import bulk_actions, forecasting

        self.receive(day)
        if day % 7 == 0:
            forecasting.forecast_all(actor=SYSTEM)
        rows = stock_alerts.alerts(db.session(), stock_alerts.AlertFilter(), limit=200).rows
        db.session.remove()
        for row in rows:
            advice = row.recommendation
            if advice and advice.giver and advice.receiver and row.priority == "high":
                with contextlib.suppress(Refused):
                    self.transfer(day, row)
        ours = self.accounts["main"]
        due = [row.alert.id for row in rows if row.alert.cause == "stale" and ours in row.alert.account_ids]
        for start in range(0, len(due), bulk_actions.MOST):
            part = due[start : start + bulk_actions.MOST]
            bulk_actions.act(bulk_actions.Many("refresh", part), actor=SYSTEM)

    def transfer(self, day: int, row: Any) -> None:
        """Approve one, and put it on the road."""
        from magflow.db import db
        from magflow.services.stock_sync import transfers
        from magflow.services.stock_sync.suggestion import Wanted, plan

        advice, sku = row.recommendation, row.one.analysis.sku
        wanted = Wanted(row.alert.variant_id, advice.giver.code, advice.receiver.code, advice.amount)
        safe = plan(db.session(), wanted).effect.recommendation == PROCEED
        db.session.remove()
        if not safe:
            return
        command = transfers.NewTransfer(wanted, approve=True, alert_id=row.alert.id)
        made = transfers.create(command, actor=SYSTEM)
        if not made.new:
            return
        if advice.giver.code == "fbe":
            offer = self.offer("fbe", sku)
            offer.stock = max(0, offer.stock - advice.amount)
        transfers.ship(transfers.OfTransfer(made.transfer.id), actor=SYSTEM)
        self.travelling.append((day + TRAVEL_DAYS, made.transfer.id))
        self.moved, self.units = self.moved + 1, self.units + advice.amount

    def receive(self, day: int) -> None:
        """What has arrived is booked."""
        from magflow.db import db
        from magflow.queries import transfers as queries
        from magflow.services.stock_sync import transfers

        for due, id_ in self.travelling:
            if due > day:
                continue
            done = queries.transfer(db.session(), id_)
            db.session.remove()
            if done.receiver.code == "fbe":
                self.offer("fbe", done.transfer.sku).stock += done.transfer.amount
            transfers.receive(transfers.Receive(id_), actor=SYSTEM)
        self.travelling = [(due, id_) for due, id_ in self.travelling if due > day]


def parcels_of(entries: Sequence[dict[str, Any]], days: int, seed: int) -> dict[int, list[tuple[str, str, int]]]:
    """What the supplier brings, each SKU once a week: about as much as is asked for, to one of the two warehouses."""
    draw = random.Random(seed + 4)
    found: dict[int, list[tuple[str, str, int]]] = {}
    for n, entry in enumerate(entries):
        for day in range(1 + n % 7, days, 7):
            quantity = round(7 * entry["demand"] * draw.uniform(0.5, 1.1))
            where = draw.choice(("main", "main", "fbe"))
            if quantity:
                found.setdefault(day, []).append((where, entry["sku"], quantity))
    return found


# --- time ------------------------------------------------------------------------------------------------------------


def pass_time(world: World, seconds: float, admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let time pass at the marketplace so that its clock ends where the machine's stands, and stops there."""
    world.stand_at(datetime.now(UTC) - timedelta(seconds=seconds))
    world.advance(seconds)
    # MagFlow slept as long: it reads everything since.
    admin.execute(
        "UPDATE marketplace_accounts SET orders_read_until = orders_read_until - make_interval(secs => %s)", [seconds]
    )


def age(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make everything in the shop a day older."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in admin.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type IN ('timestamp with time zone', 'date') AND is_generated = 'NEVER' AND table_name = ANY (%s)",
        [list(AGED)],
    ).fetchall():
        columns.setdefault(str(table), []).append((str(column), str(kind)))
    watching = admin.execute(
        "SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t WHERE t.tgenabled = 'A' AND NOT t.tgisinternal "
        "AND t.tgrelid::regclass::text = ANY (%s)",
        [list(AGED)],
    ).fetchall()
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        _watch(admin, watching, "DISABLE TRIGGER")
        for table, named in columns.items():
            # A day is part of keys: all of them go far away first, so that no two meet on the way.
            for days in (-1_000_000, 999_999) if any(kind == "date" for _name, kind in named) else (-1,):
                parts = [
                    sql.SQL("{0} = {0} + {1}").format(
                        sql.Identifier(name),
                        sql.Literal(days) if kind == "date" else sql.SQL("make_interval(days => {})").format(
                            sql.Literal(-1 if days < 0 else 0)),
                    )
                    for name, kind in named
                ]  # fmt: skip
                admin.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(parts)))
        _watch(admin, watching, "ENABLE ALWAYS TRIGGER")


def _watch(admin: psycopg.Connection[tuple[object, ...]], triggers: Sequence[tuple[object, ...]], how: str) -> None:
    """Guards stand aside while time is turned, and only then."""
    for table, name in triggers:
        admin.execute(
            sql.SQL("ALTER TABLE {} {} {}").format(
                sql.Identifier(str(table)),
                sql.SQL(how),
                sql.Identifier(str(name)),  # type: ignore[arg-type]
            )
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
            age(admin)
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

    today = db.session().scalar(psycopg_now())
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


def psycopg_now() -> Any:
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
