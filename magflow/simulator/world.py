"""The simulated marketplace's state: who sells what at which price, and how it moves while the clock goes on."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

COMPETITOR_HOURS: Final = 6.0
"""How often, on average, something happens among the competitors of a product."""
VALIDATION_HOURS: Final = 4.0
SELLER, MARKETPLACE = 3, 2


@dataclass
class Competitor:
    name: str
    price: Decimal
    stock: int


@dataclass
class Product:
    """A page of the catalogue: many sellers may stand on it."""

    pnk: str
    name: str
    brand: str
    ean: str
    category: int = 1315
    competitors: list[Competitor] = field(default_factory=list)
    daily_demand: float = 0.0
    ranks_known: bool = True
    restless: bool = True
    """Whether its competitors act."""


@dataclass
class SimOffer:
    id: int
    name: str
    brand: str
    part_number: str
    pnk: str | None
    eans: list[str]
    price: Decimal
    least: Decimal
    most: Decimal
    stock: int
    vat_id: int = 1
    status: int = 1
    validation: int = 9
    offer_validation: int = 1
    handling: int = 1
    family: dict[str, Any] | None = None
    characteristics: list[dict[str, Any]] = field(default_factory=list)
    campaign: str | None = None
    written_at: datetime | None = None

    @property
    def sellable(self) -> bool:
        """Whether a buyer can see it."""
        return self.status == 1 and self.stock > 0 and self.offer_validation == 1 and self.validation in {3, 9, 11, 12}


@dataclass
class SimAccount:
    """A seller user. `refuses_stock`: what a write of stock in the marketplace's own warehouse meets."""

    name: str
    username: str
    password: str
    kind: int = SELLER
    rights: bool = True
    allowed: set[str] | None = None
    refuses_stock: str = "ignore"
    offers: dict[int, SimOffer] = field(default_factory=dict)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    returns: dict[int, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[str, str] = field(default_factory=dict)
    """Context (`order`, `cancelled`, `return`, `documentation`) -> address to ping."""
    calls: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Fault:
    """Trouble to come: `kind` is 429, 500, 502, 504, timeout_after, slow, drop, address or rights."""

    kind: str
    route: str = ""
    times: int = 1
    seconds: float = 0.0
    account: str = ""


class World:
    """Everything. All access goes through `lock`."""

    def __init__(self, seed: int = 1, start: datetime | None = None) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - a repeatable world is wanted
        self.lock = threading.RLock()
        self.accounts: dict[str, SimAccount] = {}
        self.products: dict[str, Product] = {}
        self.faults: list[Fault] = []
        self.log: list[dict[str, Any]] = []
        self.outage_until: datetime | None = None
        self.latency = 0.0
        self.noise = False
        self.limits = 1.0
        """Factor on the documented limits; 0 switches them off."""
        self.arrivals: Callable[[Product], None] | None = None
        """What a buyer does; set by `buying`."""
        self.tick_listeners: list[Callable[[], None]] = []
        self.touched = 0
        """Grows with whatever may have changed something."""
        self._pages: dict[str, list[tuple[SimAccount, SimOffer]]] = {}
        self._pages_of = -1
        """How many offers there were when the pages were put together."""
        self._start = start
        self._offset = timedelta(0)
        self._last = self.now
        self._numbers = {"order": 3_120_000_000, "line": 188_000_000, "return": 41_000_000, "offer": 20_000, "awb": 0}

    # --- the clock ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The world's time: a clock of its own when it was given a start, else the machine's, moved."""
        return (self._start or datetime.now(UTC)) + self._offset

    def advance(self, seconds: float, step: float = 3600.0) -> None:
        """Let time pass, in steps, with everything that happens in it."""
        with self.lock:
            left = seconds
            while left > 0:
                self._offset += timedelta(seconds=min(step, left))
                left -= step
                self.catch_up()

    def sell_beforehand(self, days: float) -> None:
        """Let these days be over already, so that the world's clock stands where the machine's does."""
        with self.lock:
            self._offset -= timedelta(days=days)
            self._last = self.now
            self.advance(days * 86400)

    def clock_and_numbers(self) -> dict[str, Any]:
        """What else goes on from where it stood."""
        return {"offset": self._offset, "last": self._last, "numbers": self._numbers}

    def set_clock_and_numbers(self, told: dict[str, Any]) -> None:
        """Go on from there."""
        self._offset, self._last, self._numbers = told["offset"], told["last"], told["numbers"]

    def stand_at(self, moment: datetime) -> None:
        """Let the clock stand at this moment until it is advanced: what happens then depends on the seed alone."""
        with self.lock:
            self._start, self._offset, self._last = moment, timedelta(0), moment

    def catch_up(self) -> None:
        """Do what happened since the last look: buyers, competitors, validations."""
        with self.lock:
            hours = (self.now - self._last).total_seconds() / 3600
            if hours <= 0:
                return
            self._last = self.now
            self.touched += 1
            for product in self.products.values():
                if product.restless and product.competitors and self._happens(hours / COMPETITOR_HOURS):
                    self._compete(product)
                if self.arrivals is not None and product.daily_demand:
                    for _ in range(self._poisson(product.daily_demand * hours / 24)):
                        self.arrivals(product)
            self._validate(hours)
            for listener in self.tick_listeners:
                listener()

    def _happens(self, expected: float) -> bool:
        return self.random.random() < min(1.0, expected)

    def _poisson(self, mean: float) -> int:
        count, left = 0, self.random.expovariate(1.0)
        while left < mean:
            count += 1
            left += self.random.expovariate(1.0)
        return count

    def _compete(self, product: Product) -> None:
        rival = self.random.choice(product.competitors)
        act = self.random.random()
        if act < 0.5:
            change = Decimal(self.random.randint(-6, 6)) / 100
            rival.price = max(Decimal("0.01"), (rival.price * (1 + change)).quantize(Decimal("0.0001")))
        elif act < 0.7:
            rival.stock = 0
        elif act < 0.9:
            rival.stock = self.random.randint(1, 40)
        elif len(product.competitors) > 1:
            product.competitors.remove(rival)

    def _validate(self, hours: float) -> None:
        for account in self.accounts.values():
            for offer in account.offers.values():
                if offer.validation in {1, 4} and self._happens(hours / VALIDATION_HOURS):
                    self.approve(account, offer)

    def approve(self, account: SimAccount, offer: SimOffer) -> None:
        """Documentation approved: the product gets its key."""
        offer.validation = 9
        if offer.pnk is None:
            offer.pnk = self.new_pnk()
            ean = offer.eans[0] if offer.eans else ""
            self.products[offer.pnk] = Product(offer.pnk, offer.name, offer.brand, ean)
            self._pages_of = -1
        self.ping(account, "documentation", offer.id)

    # --- who stands where --------------------------------------------------------------------------------------------

    def number(self, kind: str) -> int:
        """The next number of a series."""
        self._numbers[kind] += 1
        return self._numbers[kind]

    def new_pnk(self) -> str:
        """A product key that nobody has."""
        letters = "BCDFGHJKLMNPQRSTVWXYZ0123456789"
        while (pnk := "D" + "".join(self.random.choices(letters, k=5)) + "BBM") in self.products:
            continue
        return pnk

    def on_page(self, pnk: str) -> Iterator[tuple[SimAccount, SimOffer]]:
        """Our offers on a product's page."""
        size = sum(len(account.offers) for account in self.accounts.values())
        if size != self._pages_of:
            self._pages, self._pages_of = {}, size
            for account in self.accounts.values():
                for offer in account.offers.values():
                    if offer.pnk is not None:
                        self._pages.setdefault(offer.pnk, []).append((account, offer))
        yield from self._pages.get(pnk, ())

    def sellers(self, pnk: str) -> list[tuple[Decimal, str, SimAccount | None, SimOffer | None]]:
        """Whoever can sell the product now, the cheapest first: (price, name, account, offer); ties by name."""
        product = self.products[pnk]
        standing: list[tuple[Decimal, str, SimAccount | None, SimOffer | None]] = [
            (offer.price, account.name, account, offer) for account, offer in self.on_page(pnk) if offer.sellable
        ]
        standing += [(rival.price, rival.name, None, None) for rival in product.competitors if rival.stock > 0]
        return sorted(standing, key=lambda seller: seller[:2])

    def competition(self, offer: SimOffer) -> tuple[int, int | None, Decimal | None]:
        """Number of offers on the page, our rank (None when we cannot be seen), the best price."""
        if offer.pnk is None or offer.pnk not in self.products:
            return 1, None, None
        product = self.products[offer.pnk]
        standing = self.sellers(offer.pnk)
        rank = next((n for n, seller in enumerate(standing, 1) if seller[3] is offer), None)
        best = standing[0][0] if standing else None
        return max(1, len(standing)), rank if product.ranks_known else None, best

    # --- what leaves the world ---------------------------------------------------------------------------------------

    def ping(self, account: SimAccount, context: str, number: int) -> None:
        """Call the seller's address, as eMAG does: a bare GET with a number, and nothing is proved by it."""
        from magflow.simulator.pings import send

        if address := account.callbacks.get(context):
            send(address, number)

    def note(self, entry: dict[str, Any]) -> None:
        """Remember a request, for whoever wants to look what was sent."""
        self.touched += 1
        self.log.append({**entry, "at": time.time()})
        del self.log[:-5000]
