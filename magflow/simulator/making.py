"""Ready-made worlds: the demonstration shop's marketplace, the same one for the same seed."""

from decimal import Decimal
from typing import Any, Final

from magflow.simulator.buying import attach_buyers
from magflow.simulator.world import MARKETPLACE, SELLER, Competitor, Product, SimAccount, SimOffer, World

USERS: Final = {"main": ("main@demo.example", "demo-main"), "fbe": ("fbe@demo.example", "demo-fbe")}
"""Who may sign in to the simulator, and with which password: for nobody's real shop."""


def demo_world(offers: list[dict[str, Any]], seed: int = 331) -> World:
    """A world of these offers: one entry per SKU with `sku`, `name`, `ean`, `price` (net), `main` and `fbe` stock,
    `rivals` and `demand`; `reference` for the case whose competitors keep still."""
    world = World(seed)
    world.accounts = {
        user: SimAccount(name, user, password, SELLER if name == "main" else MARKETPLACE)
        for name, (user, password) in USERS.items()
    }
    for entry in offers:
        _add(world, entry)
    attach_buyers(world)
    return world


def _add(world: World, entry: dict[str, Any]) -> None:
    price = Decimal(str(entry["price"]))
    pnk = entry.get("pnk") or world.new_pnk()
    reference = bool(entry.get("reference"))
    rivals = [
        Competitor(
            f"rival-{world.random.randint(1, 60)}-{n}",
            (price * Decimal(world.random.randint(94, 109)) / 100).quantize(Decimal("0.0001")),
            9 if reference else world.random.randint(0, 30),
        )
        for n in range(int(entry.get("rivals", 0)))
    ]
    world.products[pnk] = Product(
        pnk, entry["name"], entry.get("brand", "Demo"), entry.get("ean", ""), competitors=rivals,
        daily_demand=0.0 if reference else float(entry.get("demand", 0.0)), ranks_known=not reference,
        restless=not reference,
    )  # fmt: skip
    for account in world.accounts.values():
        if entry.get(account.name) is None:
            continue
        number = world.number("offer")
        account.offers[number] = SimOffer(
            id=number, name=entry["name"], brand=entry.get("brand", "Demo"), part_number=entry["sku"], pnk=pnk,
            eans=[entry["ean"]] if entry.get("ean") else [], price=price,
            least=(price * Decimal("0.7")).quantize(Decimal("0.0001")),
            most=(price * Decimal("1.5")).quantize(Decimal("0.0001")), stock=int(entry[account.name]),
        )  # fmt: skip
