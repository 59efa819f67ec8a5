"""A marketplace over HTTP in the test's own process, and accounts of the shop that speak to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from magflow.models import MarketplaceAccount, Variant
from magflow.services import accounts
from magflow.simulator.making import USERS
from magflow.simulator.server import Running, running
from magflow.simulator.world import MARKETPLACE, SELLER, Competitor, Product, SimAccount, SimOffer, World
from tests.shop import ANA, make_product, make_variant

FAST = {f"{kind}_per_{unit}": 100_000 for kind in ("orders", "others", "eans") for unit in ("second", "minute")}
"""No pace: the simulator's limits are off as well."""


@dataclass
class Market:
    """A running simulator and how to put things into it."""

    running: Running

    @property
    def world(self) -> World:
        return self.running.world

    def account(self, name: str) -> SimAccount:
        return next(account for account in self.world.accounts.values() if account.name == name)

    def offer(self, name: str, sku: str, stock: int, *, price: str = "10", rivals: int = 1, **fields: Any) -> SimOffer:
        """An offer of this SKU, on the page that other accounts of ours share."""
        pnk = f"D{sku}BBM"
        if pnk not in self.world.products:
            self.world.products[pnk] = Product(pnk, f"Name {sku}", "Demo", "", competitors=[
                Competitor(f"rival{n}", Decimal("9.5"), 5) for n in range(rivals)])  # fmt: skip
        number = self.world.number("offer")
        made = SimOffer(number, f"Name {sku}", "Demo", sku, pnk, [], Decimal(price), Decimal(price) / 2,
                        Decimal(price) * 2, stock, **fields)  # fmt: skip
        self.account(name).offers[number] = made
        return made


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    """A quiet world with the accounts `main` and `fbe`."""
    world = World(7)
    world.limits = 0
    world.accounts = {
        user: SimAccount(name, user, password, SELLER if name == "main" else MARKETPLACE)
        for name, (user, password) in USERS.items()
    }
    with running(world) as served:
        yield Market(served)


@pytest.fixture(scope="module")
def add_account(module_app: Flask, market: Market) -> Callable[..., MarketplaceAccount]:
    """Adds an account of the shop that speaks to the simulator."""

    def add(name: str, *, publishing: bool = True, **fields: Any) -> MarketplaceAccount:
        user, password = USERS[name]
        with module_app.app_context():
            made = accounts.add(
                accounts.NewAccount("emag", name, username=user, password=password,
                                    base_url=market.running.api_url, **fields), actor=ANA
            )  # fmt: skip
            return accounts.edit(
                accounts.EditAccount(made.id, limits=FAST, switches={"publishing": publishing}), actor=ANA
            )

    return add


def sellable(sku: str, stock: int, **fields: Any) -> Variant:
    """A variant of a product of its own, with stock."""
    return make_variant(make_product(name=f"Product {sku}"), sku=sku, stock=stock, **fields)
