"""Sending what people told a marketplace to do: each kind in its own way, outside of any transaction, then settled.

What changed there is read back at once, so that the page shows what the marketplace says and not what was hoped for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.marketplaces import RETURNED
from magflow.marketplaces.errors import (
    BadAnswer,
    Busy,
    DayUsedUp,
    Down,
    MarketplaceError,
    NotThere,
    RefusedByMarketplace,
)
from magflow.marketplaces.protocol import (
    Family,
    Listing,
    OfferReading,
    OrderReading,
    Outcome,
    Parcel,
    PickUp,
    ReturnReading,
    Shopkeeper,
)
from magflow.models import MarketplaceAccount
from magflow.services import accounts, handling, jobs, market_orders, market_returns, market_writes, offers
from magflow.services.market_orders import Told
from magflow.services.market_returns import ToldReturn
from magflow.services.market_writes import Done, Write
from magflow.services.offers import Readings


@dataclass(frozen=True)
class Settled:
    """One write, what became of it, and what was read back."""

    account_id: int
    write: Write
    done: Done
    asked_at: datetime | None = None
    """The database's time before anything was asked."""
    offers: tuple[OfferReading, ...] = ()
    order: OrderReading | None = None
    back: ReturnReading | None = None


def work(account: MarketplaceAccount, *, actor: Actor) -> int:
    """Send what waits for an account. Returns how many were done.

    Raises what opening the account raises; a marketplace that cannot be spoken to leaves the rest for its next turn.
    """
    done = 0
    with accounts.opened(account) as marketplace:
        while claimed := market_writes.claim(account.id, actor=actor):
            for write in claimed:
                done += _one(account, marketplace, write, actor)
            jobs.pause_point()
    return done


def _one(account: MarketplaceAccount, marketplace: Any, write: Write, actor: Actor) -> bool:
    if not isinstance(marketplace, Shopkeeper):
        settle(Settled(account.id, write, Done(False, f"{account.source} does not do this")), actor=actor)
        return False
    try:
        settled = DOING[write.kind](marketplace, Settled(account.id, write, Done(True), offers.clock()))
    except RefusedByMarketplace as refused:
        settled = Settled(account.id, write, Done(False, str(refused)))
    except Down as error:
        settle(Settled(account.id, write, Done(False, str(error), uncertain=error.sent)), actor=actor)
        raise
    except (BadAnswer, Busy, DayUsedUp) as error:
        settled = Settled(account.id, write, Done(False, str(error), uncertain=True))
    settle(settled, actor=actor)
    return settled.done.ok


# --- each kind -------------------------------------------------------------------------------------------------------


def _outcome(marketplace: Shopkeeper, settled: Settled, outcome: Outcome) -> Settled:
    done = Done(outcome.ok, outcome.message, uncertain=outcome.uncertain)
    return _with_offers(marketplace, replace(settled, done=done), [settled.write.subject])


def _with_offers(marketplace: Shopkeeper, settled: Settled, external_ids: list[str]) -> Settled:
    """What the marketplace shows now. That it cannot be read at the moment does not undo what was done."""
    found: list[OfferReading] = []
    try:
        for external_id in external_ids:
            reading = marketplace.offer(external_id)
            found += [reading] if reading is not None else []
    except MarketplaceError:
        return settled
    return replace(settled, offers=tuple(found))


def _price(marketplace: Shopkeeper, settled: Settled) -> Settled:
    wanted = settled.write.payload
    outcome = marketplace.save_price(
        settled.write.subject, Decimal(wanted["net"]), _decimal(wanted.get("least")), _decimal(wanted.get("most"))
    )
    return _outcome(marketplace, settled, outcome)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _status(marketplace: Shopkeeper, settled: Settled) -> Settled:
    outcome = marketplace.save_status(settled.write.subject, int(settled.write.payload["status"]))
    return _outcome(marketplace, settled, outcome)


def _listing(marketplace: Shopkeeper, settled: Settled) -> Settled:
    """Made, or there already: an error may have been saved, and an answer may be lost, so what is there decides."""
    wanted, said = settled.write.payload, ""
    known = marketplace.offer(settled.write.subject) if settled.write.attempt > 1 else None
    if known is None:
        listing = Listing(
            settled.write.subject, wanted["name"], wanted["brand"], wanted["sku"], Decimal(wanted["net"]),
            Decimal(wanted["least"]), Decimal(wanted["most"]), wanted["vat_id"], wanted["stock"],
            wanted["handling_time"], wanted.get("part_number_key"), wanted.get("ean"), wanted.get("category_id"),
        )  # fmt: skip
        try:
            said = "; ".join(marketplace.save_listing(listing))
        except RefusedByMarketplace as refused:
            said = str(refused)
        known = marketplace.offer(settled.write.subject)
    if known is None:
        return replace(settled, done=Done(False, said or "the marketplace does not know the offer"))
    return replace(settled, done=Done(True, said), offers=(known,))


def _family(marketplace: Shopkeeper, settled: Settled) -> Settled:
    wanted = settled.write.payload
    traits = {offer: {int(key): value for key, value in told.items()}
              for offer, told in wanted.get("traits", {}).items()}  # fmt: skip
    said = marketplace.group(wanted["offers"], Family(wanted["id"], wanted["name"], wanted["type_id"], traits))
    # A family that is not valid is only warned of, and the rest is saved without it.
    done = Done(not said, "; ".join(said))
    return _with_offers(marketplace, replace(settled, done=done), list(wanted["offers"]))


def _invoice(marketplace: Shopkeeper, settled: Settled) -> Settled:
    wanted = settled.write.payload
    marketplace.attach(settled.write.subject, int(wanted["kind"]), name=wanted["name"], url=wanted["url"])
    return _with_order(marketplace, settled)


def _with_order(marketplace: Shopkeeper, settled: Settled) -> Settled:
    try:
        return replace(settled, order=marketplace.order(settled.write.subject))
    except MarketplaceError:
        return settled


def _waybill(marketplace: Shopkeeper, settled: Settled) -> Settled:
    wanted = dict(settled.write.payload)
    address = PickUp(**wanted.pop("address"))
    issued = marketplace.ship(settled.write.subject, Parcel(address=address, **wanted))
    said = {"reservation_id": issued.reservation_id, "label_id": issued.label_id, "number": issued.number}
    return _with_order(marketplace, replace(settled, done=Done(True, said=said)))


def _order_status(marketplace: Shopkeeper, settled: Settled) -> Settled:
    marketplace.set_order_status(settled.write.subject, int(settled.write.payload["status"]))
    return _with_order(marketplace, settled)


def _storno(marketplace: Shopkeeper, settled: Settled) -> Settled:
    left: Mapping[str, int] = settled.write.payload["left"]
    there = marketplace.order(settled.write.subject)
    if there is None:
        raise NotThere(f"order {settled.write.subject} is not there", status=404)
    shown = {line.external_id: line.quantity if line.active else 0 for line in there.lines}
    if there.status == RETURNED or all(shown.get(line, 0) <= quantity for line, quantity in left.items()):
        return replace(settled, order=there)  # an answer that was lost: it is done
    marketplace.storno(settled.write.subject, left)
    return _with_order(marketplace, settled)


def _return_status(marketplace: Shopkeeper, settled: Settled) -> Settled:
    marketplace.set_return_status(settled.write.subject, int(settled.write.payload["status"]))
    try:
        return replace(settled, back=marketplace.one_return(settled.write.subject))
    except MarketplaceError:
        return settled


DOING: Final[Mapping[str, Callable[[Shopkeeper, Settled], Settled]]] = {
    "price": _price,
    "status": _status,
    "listing": _listing,
    "family": _family,
    "invoice": _invoice,
    "waybill": _waybill,
    "order_status": _order_status,
    "storno": _storno,
    "return_status": _return_status,
}


# --- what becomes of it ----------------------------------------------------------------------------------------------

MAP: Final = """
INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
SELECT v.id, a.source, a.code, %(external)s FROM marketplace_accounts a JOIN variants v ON v.id = %(variant)s
WHERE a.id = %(account)s ON CONFLICT DO NOTHING"""


@transactional
def settle(session: Session, settled: Settled, *, actor: Actor) -> None:
    """Write down what became of a write, and what the marketplace shows since."""
    write, done = settled.write, settled.done
    if settled.back is not None:
        market_returns.take_return.within(session, ToldReturn(settled.account_id, settled.back), actor=actor)
    if settled.order is not None:
        market_orders.store.within(session, Told(settled.account_id, [settled.order]), actor=actor)
    if write.kind == "waybill" and write.order_id is not None and (number := done.said.get("number")):
        lock_order(session, write.order_id)
        handling.put(session, write.order_id, waybill=number)
    if write.kind == "listing" and done.ok:
        # The mapping first: the reading is matched by it.
        parameters = {"external": write.subject, "variant": write.payload["variant_id"], "account": settled.account_id}
        execute(session, MAP, parameters)
    if settled.offers and settled.asked_at is not None:
        readings = Readings(settled.account_id, settled.offers, settled.asked_at)
        offers.record.within(session, readings, actor=actor)
    market_writes.end(session, write, done)
