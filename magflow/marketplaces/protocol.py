"""What every marketplace can do for MagFlow, whatever it calls it, and how its adapter is found.

An adapter is one object, found by its source's name in the entry-point group `magflow.marketplaces`:

    [project.entry-points."magflow.marketplaces"]
    woocommerce = "magflow_woocommerce:adapter"

It is given a `Connection` and gives back a `Marketplace`. Readings are MagFlow's own shapes: prices as decimals, ids as
text, statuses as those of `magflow.domain.marketplaces`, and the raw answer beside them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Literal, Protocol, runtime_checkable

from magflow.domain.marketplaces import ACTIVE_OFFER

GROUP: Final = "magflow.marketplaces"

RouteClass = Literal["orders", "others", "eans"]
Signature = Literal["standard", "shopify", "woocommerce", "none"]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, ready to be kept: no secret and no customer is in it."""

    method: str
    route: str
    status: int | None
    milliseconds: int
    ok: bool
    error: str | None
    request: str
    response: str
    names: tuple[str, ...]
    """SKUs, offer ids and order numbers in it, for whoever searches."""


class Pace(Protocol):
    """Waits for the account's turn; shared by all processes."""

    def wait(self, route_class: RouteClass, *, urgent: bool = False) -> None: ...

    def hold(self, route_class: RouteClass, seconds: float) -> None: ...


@dataclass(frozen=True)
class Connection:
    """Everything that an adapter needs to speak for one account."""

    source: str
    code: str
    country: str
    currency: str
    fulfilment: str
    username: str
    password: str = field(repr=False)
    base_url: str | None = None
    pace: Pace | None = None
    record: Callable[[Exchange], None] | None = None
    timeout: float = 30.0
    timezone: str = "Europe/Bucharest"
    patient: bool = True
    """False: somebody waits for the page, and what fails is not tried again."""


@dataclass(frozen=True)
class OfferReading:
    """An offer as the marketplace says it is. What it does not say is None, never zero."""

    external_id: str
    sku: str | None = None
    name: str | None = None
    part_number_key: str | None = None
    eans: tuple[str, ...] = ()
    sale_price: Decimal | None = None
    """Without VAT."""
    min_sale_price: Decimal | None = None
    max_sale_price: Decimal | None = None
    best_offer_sale_price: Decimal | None = None
    vat_id: int | None = None
    vat_rate: Decimal | None = None
    """As a fraction: 0.21."""
    currency: str | None = None
    stock: int = 0
    estimated_stock: int | None = None
    number_of_offers: int | None = None
    buy_button_rank: int | None = None
    status: int = ACTIVE_OFFER
    validation_status: int | None = None
    offer_validation_status: int | None = None
    translation_validation_status: int | None = None
    problems: tuple[str, ...] = ()
    handling_time: int | None = None
    family_id: int | None = None
    last_synced_at: datetime | None = None
    """Only a file says when the offer was last sent; a marketplace does not."""


@dataclass(frozen=True)
class StockWrite:
    external_id: str
    stock: int


@dataclass(frozen=True)
class PriceAgain:
    """An offer that is sent again as it is: its price, which is the one thing that may be written everywhere."""

    external_id: str
    net: Decimal


@dataclass(frozen=True)
class Outcome:
    """What became of one item of a write. `uncertain`: it may have been done."""

    ok: bool
    message: str = ""
    uncertain: bool = False
    gone: bool = False
    """The marketplace does not know the item, or it is at the end of its life: sending it again is useless."""


@dataclass(frozen=True)
class OrderLineReading:
    external_id: str
    offer_id: str | None
    sku: str | None
    name: str
    quantity: int
    unit_price: Decimal | None
    """With VAT; None: what our catalogue says."""
    vat_rate: Decimal | None
    """Per cent; None: what our catalogue says."""
    active: bool = True


@dataclass(frozen=True)
class OrderReading:
    """An order as the marketplace tells it now."""

    external_id: str
    kind: int
    """2: the marketplace ships it from its own warehouse; 3: the seller does."""
    status: int
    version: str
    """Sorts by time: the later of two readings is the greater."""
    placed_at: datetime
    currency: str
    lines: tuple[OrderLineReading, ...]
    customer_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    billing_address: Mapping[str, Any] | None = None
    shipping_address: Mapping[str, Any] | None = None
    shipping_gross: Decimal = Decimal(0)
    vouchers_gross: Decimal = Decimal(0)
    """What vouchers took off, as a negative amount; never a line."""
    cash_on_delivery: Decimal | None = None
    """What the courier collects, with VAT; None when it is paid otherwise."""
    ship_by: datetime | None = None
    cancel_asked: bool = False
    complete: bool = True
    """False: details are still missing at the marketplace, do not process."""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """An order that came and cannot be understood: counted as failed, shown, asked for again; the others go on."""

    external_id: str
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReturnLineReading:
    offer_id: str | None
    quantity: int


@dataclass(frozen=True)
class ReturnReading:
    """A customer's return. `received`: the goods are there."""

    external_id: str
    order_external_id: str
    status: int
    received: bool
    lines: tuple[ReturnLineReading, ...]
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """An offer that is to be made: on a product that is there, by its key or its barcode, or on a new one."""

    external_id: str
    name: str
    brand: str
    sku: str
    net: Decimal
    least: Decimal
    most: Decimal
    vat_id: int
    stock: int
    handling_time: int
    part_number_key: str | None = None
    ean: str | None = None
    category_id: int | None = None


@dataclass(frozen=True)
class Trait:
    """Something by which the members of a family differ, such as the colour."""

    id: int
    name: str
    values: tuple[str, ...] = ()
    """What may be given, as far as it is told; empty: anything."""


@dataclass(frozen=True)
class FamilyKind:
    """A kind of family that a category knows."""

    id: int
    name: str
    traits: tuple[Trait, ...] = ()


@dataclass(frozen=True)
class Family:
    """Variants that stand together on a product's page. `traits`: per offer what differs, by the trait's id; what is
    not named stays as it is there."""

    id: int
    name: str
    type_id: int
    traits: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A product of the marketplace's catalogue. `held`: the account offers it already."""

    part_number_key: str
    name: str
    brand: str
    allowed: bool
    held: bool
    category_id: int | None = None


@dataclass(frozen=True)
class PickUp:
    """An address of the seller's that couriers go to."""

    id: str
    label: str
    locality_id: int
    street: str


@dataclass(frozen=True)
class Parcel:
    """What is sent, and who hands it over. To whom, the order says."""

    sender: str
    contact: str
    phone: str
    address: PickUp
    parcels: int = 1
    envelopes: int = 0


@dataclass(frozen=True)
class Issued:
    """A waybill. Its number and label may come later."""

    reservation_id: str
    label_id: str | None = None
    number: str | None = None


@dataclass(frozen=True)
class Checked:
    """A connection that works: what the marketplace answered."""

    offers: int | None
    milliseconds: int


class Marketplace(Protocol):
    """One account, opened. Every call raises a `MarketplaceError` when it did not do what it is for."""

    def check(self) -> Checked: ...

    def offers(self) -> Iterator[list[OfferReading]]: ...

    def offer(self, external_id: str) -> OfferReading | None: ...

    def send_stock(self, writes: Sequence[StockWrite], *, urgent: bool = False) -> dict[str, Outcome]: ...

    def orders(self, since: datetime, until: datetime) -> Iterator[list[OrderReading | Unreadable]]: ...

    def order(self, external_id: str) -> OrderReading | None: ...

    def acknowledge(self, external_id: str) -> None: ...

    def set_order_status(self, external_id: str, status: int, *, reason: int | None = None) -> None: ...

    def returns(self) -> Iterator[list[ReturnReading]]: ...

    def close(self) -> None: ...


@runtime_checkable
class Refreshing(Protocol):
    """A marketplace that forgets offers which are not sent for a while: they can be sent again unchanged, in bulk."""

    def refresh(self, offers: Sequence[PriceAgain]) -> dict[str, Outcome]: ...


@runtime_checkable
class Shopkeeper(Protocol):
    """What a person may do with an account beyond stock and orders, where its adapter can."""

    def offer(self, external_id: str) -> OfferReading | None: ...

    def order(self, external_id: str) -> OrderReading | None: ...

    def set_order_status(self, external_id: str, status: int, *, reason: int | None = None) -> None: ...

    def find_by_eans(self, eans: Sequence[str]) -> dict[str, list[Found]]: ...

    def vat_rates(self) -> dict[int, Decimal]: ...

    def save_price(self, external_id: str, net: Decimal, least: Decimal | None, most: Decimal | None) -> Outcome: ...

    def save_status(self, external_id: str, status: int) -> Outcome: ...

    def save_listing(self, listing: Listing) -> tuple[str, ...]: ...

    def family_kinds(self, external_id: str) -> list[FamilyKind]: ...

    def group(self, external_ids: Sequence[str], family: Family) -> tuple[str, ...]: ...

    def storno(self, external_id: str, quantities: Mapping[str, int]) -> None: ...

    def attach(self, external_id: str, kind: int, *, name: str, url: str, attachment: int = 1) -> None: ...

    def addresses(self) -> list[PickUp]: ...

    def ship(self, external_id: str, parcel: Parcel) -> Issued: ...

    def waybill(self, reservation_id: str) -> Issued: ...

    def label(self, label_id: str, paper: str = "A4") -> bytes: ...

    def one_return(self, external_id: str) -> ReturnReading | None: ...

    def set_return_status(self, external_id: str, status: int) -> None: ...


@dataclass(frozen=True)
class Adapter:
    """How a source is spoken to."""

    source: str
    label: str
    open: Callable[[Connection], Marketplace] | None = None
    """None: nothing is asked there, it only calls us."""
    signature: Signature = "standard"
    countries: Sequence[str] = ("ro",)
    batch: int = 50
    """Items of one write."""
    parse_order: Callable[[Mapping[str, Any], "Connection | None"], OrderReading] | None = None
    """An order in the shape of this source's own webhooks."""


class UnknownSource(LookupError):
    """No installed package speaks to this source."""


@cache
def adapters() -> dict[str, Adapter]:
    """Every installed adapter by its source, and the ones that only call us; looked for once."""
    found = {adapter.source: adapter for adapter in CALLERS}
    for entry in entry_points(group=GROUP):
        adapter = entry.load()
        found[adapter.source] = adapter
    return found


CALLERS: Final = (
    Adapter("generic", "Generic"),
    Adapter("shopify", "Shopify", signature="shopify"),
    Adapter("woocommerce", "WooCommerce", signature="woocommerce"),
)
"""Sources that send us webhooks without anything being installed; a package may bring the rest of them."""


def adapter_of(source: str) -> Adapter:
    """The adapter of a source. Raises UnknownSource."""
    try:
        return adapters()[source]
    except KeyError:
        raise UnknownSource(source) from None
