"""What a person may tell a marketplace about an order or a return, checked before it is written down."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.marketplaces import FINALIZED, IN_PROGRESS, PREPARED, RETURN_MOVES, RETURNED
from magflow.marketplaces.protocol import PickUp, Shopkeeper
from magflow.models import (
    MarketplaceAccount,
    MarketplaceOrder,
    MarketplaceReturn,
    MarketplaceWrite,
    OrderHandling,
    OrderItem,
)
from magflow.services import accounts, market_writes, shared_documents
from magflow.services.market_order_steps import MARKETPLACE_SHIPS
from magflow.services.market_orders import reading_of
from magflow.services.market_writes import Asked

ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/\S*)?")
PHONE: Final = re.compile(r"^\+?[0-9]{8,11}$")
PAPERS: Final = ("A4", "A5", "A6")
MOVES: Final = {(IN_PROGRESS, PREPARED), (IN_PROGRESS, FINALIZED), (PREPARED, FINALIZED)}
"""What a person may tell about an order besides cancelling it, which follows from cancelling it here."""


@dataclass(frozen=True)
class AttachInvoice:
    """The marketplace fetches the document itself: `url` must be one that it can reach; None: our own document.

    `name` None: the number of the invoice.
    """

    order_id: int
    name: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Ship:
    order_id: int
    sender: str
    contact: str
    phone: str
    address: PickUp
    parcels: int = 1
    envelopes: int = 0


@dataclass(frozen=True)
class SetOrderStatus:
    order_id: int
    status: int


@dataclass(frozen=True)
class TellStorno:
    """What came back here came back there: fewer units per line, or the whole order returned."""

    order_id: int


@dataclass(frozen=True)
class SetReturnStatus:
    return_id: int
    status: int


def there(session: Session, order_id: int) -> tuple[MarketplaceOrder, MarketplaceAccount]:
    """An order as its marketplace told it, and the account. Raises NotFound for one that came from nowhere else."""
    found = session.scalar(select(MarketplaceOrder).where(MarketplaceOrder.order_id == order_id))
    if found is None:
        raise NotFound("marketplace order", order_id)
    return found, accounts.get(session, found.account_id)


@transactional
def attach_invoice(session: Session, command: AttachInvoice, *, actor: Actor) -> MarketplaceWrite:
    """Hand the invoice over. Raises NotFound, Invalid, WriteWaiting, NothingToAsk."""
    order, account = there(session, command.order_id)
    handled = session.get(OrderHandling, command.order_id)
    name = command.name or (handled.invoice_number if handled else None) or ""
    errors = []
    if not 1 <= len(name) <= 60:
        missing = "required" if command.url else "no_invoice_number"
        errors.append(FieldError("name", "too_long" if name else missing, {"limit": 60}))
    if command.url is not None and (len(command.url) > 1024 or not ADDRESS.fullmatch(command.url)):
        errors.append(FieldError("url", "not_a_url"))
    if errors:
        raise Invalid(errors)
    url = command.url or shared_documents.invoice_link(session, command.order_id)
    payload = {"name": name, "url": url, "kind": order.kind}
    asked = Asked(account, "invoice", order.external_id, payload, order_id=command.order_id)
    return market_writes.ask(session, asked, actor)


@transactional
def ship(session: Session, command: Ship, *, actor: Actor) -> MarketplaceWrite:
    """Have a waybill issued; the order becomes finalized there. Raises NotFound, Invalid, WriteWaiting."""
    order, account = there(session, command.order_id)
    errors = _parcel_faults(command)
    if order.kind == MARKETPLACE_SHIPS:
        errors.append(FieldError("order", "marketplace_ships"))
    elif order.status not in {IN_PROGRESS, PREPARED, FINALIZED}:
        errors.append(FieldError("order", "not_to_be_sent"))
    if errors:
        raise Invalid(errors)
    payload = {name: value for name, value in asdict(command).items() if name != "order_id"}
    return market_writes.ask(
        session, Asked(account, "waybill", order.external_id, payload, order_id=command.order_id), actor
    )


def _parcel_faults(command: Ship) -> list[FieldError]:
    errors = [
        FieldError(name, "too_short", {"least": least})
        for name, value, least in (("sender", command.sender, 3), ("contact", command.contact, 1))
        if len(value.strip()) < least
    ]
    if not PHONE.fullmatch(command.phone):
        errors.append(FieldError("phone", "invalid"))
    if not 0 <= command.parcels <= 999 or not 0 <= command.envelopes <= 9999:
        errors.append(FieldError("parcels", "out_of_range", {"least": 0, "limit": 999}))
    elif command.parcels + command.envelopes == 0:
        errors.append(FieldError("parcels", "below_one"))
    return errors


@transactional
def set_order_status(session: Session, command: SetOrderStatus, *, actor: Actor) -> MarketplaceWrite:
    """Say that an order is prepared, or finalized. Raises NotFound, Invalid where that cannot follow."""
    order, account = there(session, command.order_id)
    if order.kind == MARKETPLACE_SHIPS:
        raise Invalid([FieldError("order", "marketplace_ships")])
    if (order.status, command.status) not in MOVES:
        raise Invalid([FieldError("status", "invalid")])
    payload = {"status": command.status}
    return market_writes.ask(
        session, Asked(account, "order_status", order.external_id, payload, order_id=command.order_id), actor
    )


@transactional
def tell_storno(session: Session, command: TellStorno, *, actor: Actor) -> MarketplaceWrite:
    """Tell what came back. Raises NotFound, Invalid when the marketplace knows it already or it is too early."""
    order, account = there(session, command.order_id)
    left = outstanding(session, order)
    shown = {line.external_id: line.quantity for line in reading_of(order.payload).lines if line.active}
    if order.kind == MARKETPLACE_SHIPS:
        raise Invalid([FieldError("order", "marketplace_ships")])
    if order.status != FINALIZED:
        raise Invalid([FieldError("order", "not_finalized")])
    if not any(left[line] < shown.get(line, 0) for line in left):
        raise Invalid([FieldError("order", "nothing_came_back")])
    if not any(left.values()):
        asked = Asked(account, "order_status", order.external_id, {"status": RETURNED}, order_id=command.order_id)
    else:
        asked = Asked(account, "storno", order.external_id, {"left": left}, order_id=command.order_id)
    return market_writes.ask(session, asked, actor)


def outstanding(session: Session, order: MarketplaceOrder) -> Mapping[str, int]:
    """Units per line, as the marketplace names lines, that are still with the customer."""
    items = session.scalars(select(OrderItem).where(OrderItem.order_id == order.order_id))
    return {item.external_id: item.quantity - item.restocked_quantity for item in items
            if item.external_id not in {None, "shipping"}}  # fmt: skip


@transactional
def set_return_status(session: Session, command: SetReturnStatus, *, actor: Actor) -> MarketplaceWrite:
    """Approve, refuse, receive or close a return. Raises NotFound, Invalid where that cannot follow."""
    back = session.get(MarketplaceReturn, command.return_id)
    if back is None:
        raise NotFound("return", command.return_id)
    if (back.status, command.status) not in RETURN_MOVES:
        raise Invalid([FieldError("status", "invalid")])
    account = accounts.get(session, back.account_id)
    asked = Asked(account, "return_status", back.external_id, {"status": command.status}, order_id=back.order_id)
    return market_writes.ask(session, asked, actor)


# --- asking; outside of any transaction ------------------------------------------------------------------------------


def addresses(account: MarketplaceAccount) -> list[PickUp]:
    """Where couriers may fetch what is sent. Raises what opening the account raises, and MarketplaceError."""
    with accounts.opened(account, timeout=10.0, patient=False) as marketplace:
        return marketplace.addresses() if isinstance(marketplace, Shopkeeper) else []


def label(account: MarketplaceAccount, label_id: str, paper: str = PAPERS[0]) -> bytes:
    """A waybill's label as PDF. Raises what opening the account raises, and MarketplaceError."""
    with accounts.opened(account, timeout=10.0, patient=False) as marketplace:
        if not isinstance(marketplace, Shopkeeper):
            raise accounts.NothingToAsk(f"{account.source} {account.code}")
        return marketplace.label(label_id, paper)
