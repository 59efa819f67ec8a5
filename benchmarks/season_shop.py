"""The shop of a season: goods in two accounts, the marketplace that they are sold at, and MagFlow in front of it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from magflow.domain.actors import SYSTEM
from magflow.domain.errors import Refused
from magflow.domain.stock_sync import PROCEED
from magflow.simulator.catalogue import demo_offers
from magflow.simulator.making import USERS, demo_world
from magflow.simulator.world import Product, SimOffer, World

TRAVEL_DAYS: Final = 3


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
