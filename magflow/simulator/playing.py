"""Days of the demonstration shop, played one after the other: buyers and rivals, deliveries, and who looks after it.

Each day everything that is there becomes a day older, in the shop and at the marketplace; then the marketplace lives
through that day, and MagFlow does in the evening what its jobs and its people would have done. What can be read
afterwards has happened: every order was taken, every figure counted, every alert opened when it was due.
"""

import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import Refused
from magflow.domain.stock_sync import PROCEED
from magflow.queries import stock_alerts
from magflow.queries import stock_sync as reads
from magflow.queries import transfers as transfer_reads
from magflow.services import accounts, dispatch, market_sync, publishing, stock
from magflow.services.accounts import EditAccount
from magflow.services.automation import refresh
from magflow.services.stock_sync import alerts, figures, forecasting, pools, transfers
from magflow.services.stock_sync.suggestion import Wanted, plan
from magflow.simulator import buying
from magflow.simulator.catalogue import REFERENCE, demo_offers
from magflow.simulator.demo import NO_PACE
from magflow.simulator.world import SELLER, SimOffer, World

MOST_DAYS: Final = 400
TRAVEL: Final = timedelta(days=3)
"""How long a parcel is on its way."""
WEEK: Final = 7
LAST_REFRESH: Final = 8
"""So many days before the end offers were last sent again: when the shop is opened, it is due."""
TIMES: Final = ("date", "created", "modified", "maximum_date_for_shipment", "finalization_date")
LOOKED_AT: Final = 200


class NotOnlyADemo(Exception):
    """An account of the shop speaks to somebody else than the simulator: its past is not ours to play."""


@dataclass
class Played:
    """What happened."""

    days: int = 0
    orders: int = 0
    transfers: int = 0
    units: int = 0


@dataclass
class Play:
    """A shop, its marketplace that answers, and how its books are made older (`older`). Nothing else may run on it."""

    world: World
    url: str
    """Where it answers."""
    older: Callable[[int], None]
    actor: Actor
    played: Played = field(default_factory=Played)
    accounts: Mapping[str, int] = field(default_factory=dict)
    """Of this marketplace, by code."""

    def days(self, days: int, say: Callable[[int], None]) -> Played:
        """Play so many days; `say` is told after each. Raises NotOnlyADemo."""
        self._check()
        self.accounts = {one.code: one.id for one in reads.accounts(db.session()) if one.code in self._names()}
        db.session.remove()
        limits = {id_: accounts.load(accounts.OfAccount(id_), actor=self.actor).limits for id_ in self.ids}
        kept, self.world.limits = self.world.limits, 0.0
        self._pace(dict.fromkeys(limits, NO_PACE))
        try:
            for left in range(days - 1, -1, -1):
                self._day(left)
                self.played.days += 1
                say(self.played.days)
        finally:
            self.world.limits = kept
            self._pace(limits)
        forecasting.forecast_all(actor=self.actor)
        return self.played

    def _check(self) -> None:
        every = accounts.every(db.session())
        others = [one.code for one in every if one.credentials is not None and one.base_url != self.url]
        db.session.remove()
        if others:
            raise NotOnlyADemo(f"account {others[0]} does not speak to the simulator; days are played in a demo alone")

    @property
    def ids(self) -> list[int]:
        return list(self.accounts.values())

    def _names(self) -> set[str]:
        return {account.name for account in self.world.accounts.values()}

    def _pace(self, limits: Mapping[int, Mapping[str, Any]]) -> None:
        for account_id, given in limits.items():
            accounts.edit(EditAccount(account_id, limits=given), actor=self.actor)

    # --- one day -----------------------------------------------------------------------------------------------------

    def _day(self, left: int) -> None:
        db.session.remove()
        self.older(1)
        older(self.world, timedelta(days=1))
        self.world.sell_beforehand(1)
        send_off(self.world)
        for account_id in self.ids:
            self.played.orders += market_sync.read_orders(account_id, actor=self.actor).taken
        self._deliver(left)
        self._receive()
        self._publish()
        for account_id in self.ids:
            market_sync.read_offers(account_id, actor=self.actor)
        self._follow()
        if left >= LAST_REFRESH and (left - LAST_REFRESH) % WEEK == 0:
            self._send_again()
            forecasting.forecast_all(actor=self.actor)
        self._publish()
        alerts.look_at_all(actor=self.actor)
        figures.take(actor=self.actor)

    def _publish(self) -> None:
        subscribers = {"stock.changed": [publishing.stock_changed]}
        while dispatch.hand_out(subscribers, actor=self.actor) >= dispatch.BATCH:
            continue
        pools.settle_all(actor=self.actor)
        for account_id in self.ids:
            if accounts.load(accounts.OfAccount(account_id), actor=self.actor).publishing:
                market_sync.publish(account_id, actor=self.actor)
        running = transfer_reads.running_redivisions(db.session())
        db.session.remove()
        for transfer_id in running:
            transfers.advance(transfers.OfTransfer(transfer_id), actor=self.actor)

    def _send_again(self) -> None:
        for account_id in self.ids:
            refresh.run(account_id, by_person=True, actor=self.actor)

    # --- goods -------------------------------------------------------------------------------------------------------

    def _deliver(self, left: int) -> None:
        """The supplier's parcels: each SKU once a week, about as much as is asked for, to one of the warehouses."""
        variants = reads.variants_of(db.session(), [entry["sku"] for entry in demo_offers()])
        db.session.remove()
        draw = random.Random(f"{self.world.seed}-{left}")  # noqa: S311 - the same parcels for the same seed
        for n, entry in enumerate(demo_offers()):
            if n % WEEK != left % WEEK or entry["sku"] == REFERENCE:
                continue
            quantity = round(WEEK * entry["demand"] * draw.uniform(0.4, 1.1))
            to_fbe = draw.random() < 0.35
            offer = self._offer("fbe", entry["sku"]) if to_fbe else None
            if quantity and offer is not None:
                offer.stock += quantity
                continue
            for variant_id in variants.get(entry["sku"], ())[:1] if quantity else ():
                stock.adjust(stock.AdjustStock(variant_id, "delivery", delta=quantity), actor=self.actor)

    def _offer(self, account: str, sku: str) -> SimOffer | None:
        found = (one for one in self.world.accounts.values() if one.name == account)
        return next((o for one in found for o in one.offers.values() if o.part_number == sku), None)

    # --- people ------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Somebody follows every second of the recommendations that are safe."""
        rows = stock_alerts.alerts(db.session(), stock_alerts.AlertFilter(), limit=LOOKED_AT).rows
        db.session.remove()
        for row in rows:
            advice, sku = row.recommendation, row.one.analysis.sku
            if row.alert.id % 2 or sku == REFERENCE or not advice or not advice.giver or not advice.receiver:
                continue
            if advice.amount and row.priority != "normal":
                self._transfer(Wanted(row.alert.variant_id, advice.giver.code, advice.receiver.code, advice.amount),
                               row.alert.id, sku)  # fmt: skip

    def _transfer(self, wanted: Wanted, alert_id: int, sku: str) -> None:
        with contextlib.suppress(Refused):
            safe = plan(db.session(), wanted).effect.recommendation == PROCEED
            db.session.remove()
            if not safe:
                return
            command = transfers.NewTransfer(wanted, approve=True, alert_id=alert_id)
            made = transfers.create(command, actor=self.actor)
            if not made.new:
                return
            self.played.transfers, self.played.units = self.played.transfers + 1, self.played.units + wanted.amount
            if made.transfer.kind == "shipment":
                transfers.ship(transfers.OfTransfer(made.transfer.id), actor=self.actor)
                offer = self._offer(wanted.from_account, sku) if wanted.from_account == "fbe" else None
                if offer is not None:
                    offer.stock = max(0, offer.stock - wanted.amount)

    def _receive(self) -> None:
        """What this hand sent three days ago has arrived."""
        wanted = transfer_reads.TransferFilter(state="running")
        rows = transfer_reads.transfers(db.session(), wanted, limit=LOOKED_AT).rows
        db.session.remove()
        now = datetime.now(UTC)
        for row in rows:
            one = row.transfer
            if one.created_by != self.actor.name or one.shipped_at is None or one.shipped_at > now - TRAVEL:
                continue
            offer = self._offer("fbe", one.sku) if row.receiver.code == "fbe" else None
            if offer is not None:
                offer.stock += one.amount
            transfers.receive(transfers.Receive(one.id), actor=self.actor)


# --- the marketplace -------------------------------------------------------------------------------------------------


def older(world: World, by: timedelta) -> None:
    """Make everything that the marketplace has written down so much older."""
    with world.lock:
        for account in world.accounts.values():
            for offer in account.offers.values():
                offer.written_at = offer.written_at and offer.written_at - by
            for paper in [*account.orders.values(), *account.returns.values()]:
                _older(paper, by)
                for line in paper["products"]:
                    _older(line, by)


def _older(paper: dict[str, Any], by: timedelta) -> None:
    for name in TIMES:
        if paper.get(name):
            paper[name] = (datetime.fromisoformat(paper[name]) - by).strftime("%Y-%m-%d %H:%M:%S")
    if "_moved" in paper:
        paper["_moved"] -= by


def send_off(world: World) -> None:
    """What the seller accepted yesterday has been packed and sent."""
    with world.lock:
        for account in world.accounts.values():
            for order in account.orders.values() if account.kind == SELLER else ():
                if order["status"] == 2 and buying.move(world, account, order, 3) is None:
                    buying.move(world, account, order, 4)
