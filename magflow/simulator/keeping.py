"""The world between two runs of the simulator: written to a file as it stands, and read back.

The demonstration shop remembers what its marketplace said; a marketplace that began anew each time would contradict it.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from magflow.simulator.buying import attach_buyers
from magflow.simulator.world import Competitor, Product, SimAccount, SimOffer, World

NAME: Final = "simulator.json"
"""In the home folder of a shop whose accounts speak to the simulator."""
PLAIN: Final = ("seed", "latency", "noise", "limits", "outage_until")
SECONDS: Final = 5.0


@dataclass(frozen=True)
class Place:
    """Where the simulator serves."""

    port: int
    control_port: int


def write(world: World, place: Place, file: Path) -> None:
    """Write the world; whoever reads meanwhile sees the one before, whole."""
    with world.lock:
        text = json.dumps(_told(world, place), default=_marked, ensure_ascii=False)
    beside = file.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def read(file: Path) -> tuple[World, Place]:
    """The world of a file, with its clock where it would be by now. Raises ValueError for what is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"), object_hook=_unmarked)
        return _revived(told), Place(int(told["port"]), int(told["control_port"]))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no world of the simulator's: {error}") from error


def place_of(file: Path) -> Place:
    """Where the world of a file was served. Raises ValueError."""
    return read(file)[1]


@contextlib.contextmanager
def kept(world: World, place: Place, file: Path) -> Iterator[None]:
    """Write the world every few seconds while something happens in it, and once more at the end."""
    ended = threading.Event()

    def go_on() -> None:
        seen = -1
        while not ended.wait(SECONDS):
            if world.touched != seen:
                seen = world.touched
                write(world, place, file)

    thread = threading.Thread(target=go_on, name="keeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        write(world, place, file)


def _told(world: World, place: Place) -> dict[str, Any]:
    version, numbers, _gauss = world.random.getstate()
    return {
        **asdict(place),
        **{name: getattr(world, name) for name in PLAIN},
        "random": [version, list(numbers)],
        "products": [asdict(product) for product in world.products.values()],
        "accounts": [asdict(account) | {"calls": {}} for account in world.accounts.values()],
        **world.clock_and_numbers(),
    }


def _revived(told: dict[str, Any]) -> World:
    world = World(told["seed"])
    for name in PLAIN:
        setattr(world, name, told[name])
    version, numbers = told["random"]
    world.random.setstate((version, tuple(numbers), None))
    for raw in told["products"]:
        rivals = [Competitor(**rival) for rival in raw.pop("competitors")]
        world.products[raw["pnk"]] = Product(**raw, competitors=rivals)
    for raw in told["accounts"]:
        offers = {int(number): SimOffer(**offer) for number, offer in raw.pop("offers").items()}
        orders = {int(number): order for number, order in raw.pop("orders").items()}
        returns = {int(number): back for number, back in raw.pop("returns").items()}
        account = SimAccount(**raw, offers=offers, orders=orders, returns=returns)
        world.accounts[account.username] = account
    world.set_clock_and_numbers(told)
    attach_buyers(world)
    return world


def _marked(value: object) -> Any:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$moment": value.isoformat()}
    if isinstance(value, timedelta):
        return {"$seconds": value.total_seconds()}
    if isinstance(value, set):
        return {"$set": sorted(value)}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _unmarked(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        [(name, value)] = found.items()
        if name == "$decimal":
            return Decimal(value)
        if name == "$moment":
            return datetime.fromisoformat(value)
        if name == "$seconds":
            return timedelta(seconds=value)
        if name == "$set":
            return set(value)
    return found
