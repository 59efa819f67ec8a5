"""The demonstration shop: goods, two accounts at the simulated marketplace, orders; made through the services."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.services import accounts, market_sync, offers, products, publishing, variants
from magflow.simulator import keeping
from magflow.simulator.catalogue import REFERENCE, SEED, demo_offers
from magflow.simulator.making import USERS, demo_world
from magflow.simulator.server import running
from magflow.simulator.world import World

PORT: Final = 8765
DAYS: Final = 2
"""How long the marketplace has been selling before the shop looks at it."""
STALE: Final = timedelta(days=8)
FRESH: Final = timedelta(days=1)
NO_PACE: Final = {
    f"{kind}_per_{unit}": 100_000 for kind in ("orders", "others", "eans") for unit in ("second", "minute")
}


class DemoLoaded(Exception):
    """There is a shop already; the demonstration needs an empty one."""


def world_of(days: float = DAYS, seed: int = SEED) -> World:
    """The marketplace as it stands when the demonstration begins."""
    world = demo_world(demo_offers(), seed)
    world.limits = 0
    world.sell_beforehand(days)
    world.limits = 1.0
    return world


def check_empty() -> None:
    """Raises DemoLoaded when there is something to sell already."""
    there_are_some = offers.any_variants(db.session())
    db.session.remove()  # the loading that follows takes longer than a transaction may stand open
    if there_are_some:
        raise DemoLoaded("the shop has variants already; the demonstration needs an empty one")


def load(actor: Actor, file: Path, port: int = PORT) -> dict[str, int]:
    """Fill an empty shop; the marketplace that it spoke to is kept in `file`. Returns what was made.

    Raises DemoLoaded.
    """
    check_empty()
    goods = demo_offers()
    for entry in goods:
        _product(entry, actor)
    world = world_of()
    world.limits = 0
    made = {name: _account(name, actor) for name in USERS}
    with running(world) as served:
        for account_id in made.values():
            _speak_to(account_id, served.api_url, NO_PACE, actor)
        counts = {"products": len(goods), "offers": 0, "orders": 0}
        for name, account_id in made.items():
            counts["offers"] += market_sync.read_offers(account_id, actor=actor)
            _date(account_id, name, world, actor)
            counts["orders"] += market_sync.read_orders(account_id, actor=actor).seen
        publishing.enqueue_all(actor=actor)
        market_sync.publish(made["main"], actor=actor)
        market_sync.read_offers(made["main"], actor=actor)
        _stale(made["main"], world, actor)
    for account_id in made.values():
        _speak_to(account_id, f"http://127.0.0.1:{port}/api-3", {}, actor)
    world.limits = 1.0
    keeping.write(world, keeping.Place(port, port + 1), file)
    return counts


def _product(entry: dict[str, Any], actor: Actor) -> None:
    product = products.create(
        products.NewProduct(entry["name"], brand=entry["brand"], category=entry["category"]), actor=actor
    )
    attributes = {"sku": entry["sku"], "price": entry["gross"], "stock": entry["main"], "ean": entry["ean"]}
    variants.create_or_reactivate(variants.NewVariant(product.id, (), attributes), actor=actor)


def _account(name: str, actor: Actor) -> int:
    user, password = USERS[name]
    made = accounts.add(accounts.NewAccount("emag", name, username=user, password=password), actor=actor)
    switches = {"publishing": name == "main"}
    return accounts.edit(accounts.EditAccount(made.id, switches=switches), actor=actor).id


def _speak_to(account_id: int, url: str, limits: dict[str, int], actor: Actor) -> None:
    accounts.edit(accounts.EditAccount(account_id, base_url=url, limits=limits), actor=actor)


def _date(account_id: int, name: str, world: World, actor: Actor) -> None:
    """When the offers were last sent, which no marketplace tells."""
    account = next(account for account in world.accounts.values() if account.name == name)
    now = offers.clock()
    offers.note_sent(account_id, {str(number): now - FRESH for number in account.offers}, actor=actor)


def _stale(account_id: int, world: World, actor: Actor) -> None:
    """The reference case: nobody has sent this offer for eight days."""
    account = next(account for account in world.accounts.values() if account.name == "main")
    number = next(str(offer.id) for offer in account.offers.values() if offer.part_number == REFERENCE)
    offers.note_sent(account_id, {number: offers.clock() - STALE}, actor=actor)
