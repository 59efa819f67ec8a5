"""What a person may tell a marketplace of offers and their prices, checked before it is written (`market_writes`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.marketplaces import (
    ACTIVE_OFFER,
    ENDED_OFFER,
    INACTIVE_OFFER,
    MARKETPLACE,
    net,
    offered,
    part_number,
    price_faults,
)
from magflow.marketplaces.protocol import FamilyKind, Found, Shopkeeper
from magflow.models import MarketplaceAccount, MarketplaceWrite, Offer, Product, Variant
from magflow.services import accounts, market_writes
from magflow.services.market_writes import Asked
from magflow.services.offers import OfferTaken

LARGEST_ID: Final = 16_777_215
FIRST_ID: Final = 1_000_000
"""Ids of ours begin here: below it are those that were given by hand."""
MOST_IN_A_FAMILY: Final = 50
LONGEST_HANDLING: Final = 90


@dataclass(frozen=True)
class SetPrice:
    """Prices as people say them, with VAT. A bound that is None stays as it is."""

    offer_id: int
    gross: Decimal
    least: Decimal | None = None
    most: Decimal | None = None


@dataclass(frozen=True)
class SetStatus:
    """Switch an offer on or off; one at the end of its life comes back by being switched on."""

    offer_id: int
    active: bool


@dataclass(frozen=True)
class ListVariant:
    """Sell a variant through an account: on the catalogue's product of this key, of the variant's EAN, or a new one."""

    account_id: int
    variant_id: int
    gross: Decimal
    least: Decimal
    most: Decimal
    vat_id: int
    vat_rate: Decimal
    """As a fraction; what the account's platform says of `vat_id`."""
    handling_time: int = 1
    part_number_key: str | None = None
    by_ean: bool = False
    category_id: int | None = None


@dataclass(frozen=True)
class Group:
    """Put all offers of a product in an account into one family. `traits`: which option of ours says by what the
    members differ, by the marketplace's number of it; what is not named stays as it is there."""

    account_id: int
    product_id: int
    type_id: int
    traits: Mapping[int, int] = field(default_factory=dict)


@transactional
def set_price(session: Session, command: SetPrice, *, actor: Actor) -> MarketplaceWrite:
    """Change an offer's price and bounds. Raises NotFound, Invalid, NothingToAsk."""
    offer = _offer(session, command.offer_id)
    if offer.vat_rate is None:
        raise Invalid([FieldError("gross", "vat_unknown")])
    given = [(name, value) for name, value in vars(command).items() if isinstance(value, Decimal)]
    payload = {name if name != "gross" else "net": net(value, offer.vat_rate) for name, value in given}
    least, most = payload.get("least", offer.min_sale_price), payload.get("most", offer.max_sale_price)
    _check_price(payload["net"], least, most)
    account = accounts.get(session, offer.account_id)
    asked = Asked(account, "price", offer.external_id, payload | {"gross": command.gross}, offer_id=offer.id)
    return market_writes.ask(session, asked, actor)


def _check_price(price: Decimal, least: Decimal | None, most: Decimal | None) -> None:
    named = {"price": ("gross", "invalid"), "bounds": ("most", "bounds"), "outside": ("gross", "outside_bounds")}
    faults = dict.fromkeys(price_faults(price, least, most))
    if faults:
        raise Invalid([FieldError(*named[fault]) for fault in faults])


@transactional
def set_status(session: Session, command: SetStatus, *, actor: Actor) -> MarketplaceWrite:
    """Switch an offer on or off. Raises NotFound, NothingToAsk."""
    offer = _offer(session, command.offer_id)
    account = accounts.get(session, offer.account_id)
    status = ACTIVE_OFFER if command.active else INACTIVE_OFFER
    return market_writes.ask(
        session, Asked(account, "status", offer.external_id, {"status": status}, offer_id=offer.id), actor
    )


def _offer(session: Session, offer_id: int) -> Offer:
    found = session.get(Offer, offer_id)
    if found is None:
        raise NotFound("offer", offer_id)
    return found


# A number that the account has for nothing yet, and that no other write of it has asked for.
FREE_ID: Final = """
SELECT greatest(%(first)s,
    (SELECT max(external_id::bigint) + 1 FROM offers
     WHERE account_id = %(account)s AND external_id ~ '^[0-9]{1,8}$' AND external_id::bigint < %(last)s),
    (SELECT max(subject::bigint) + 1 FROM marketplace_writes WHERE account_id = %(account)s AND kind = 'listing'))"""


@transactional
def list_variant(session: Session, command: ListVariant, *, actor: Actor) -> MarketplaceWrite:
    """Sell a variant through an account. Raises NotFound, Invalid, OfferTaken, WriteWaiting, NothingToAsk."""
    account = accounts.get(session, command.account_id)
    variant = session.get(Variant, command.variant_id)
    if variant is None:
        raise NotFound("variant", command.variant_id)
    if session.scalar(select(Offer.id).where(Offer.account_id == account.id, Offer.variant_id == variant.id)):
        raise OfferTaken(variant.id)
    prices = {name: net(getattr(command, given), command.vat_rate)
              for name, given in (("net", "gross"), ("least", "least"), ("most", "most"))}  # fmt: skip
    _check_price(prices["net"], prices["least"], prices["most"])
    _check_listing(command, variant)
    lock_names(session, [("offers", str(account.id))])
    if _waits(session, account.id, variant.id):
        raise market_writes.WriteWaiting("listing")
    row = execute(session, FREE_ID, {"account": account.id, "first": FIRST_ID, "last": LARGEST_ID}).fetchone()
    product = session.get_one(Product, variant.product_id)
    payload: dict[str, Any] = prices | {
        "variant_id": variant.id, "name": product.name[:255], "brand": product.brand or product.name[:255],
        "sku": part_number(variant.sku), "vat_id": command.vat_id, "handling_time": command.handling_time,
        "stock": 0 if account.fulfilment == MARKETPLACE else offered(variant.stock, 0, account.buffer),
        "part_number_key": command.part_number_key, "ean": variant.ean if not command.part_number_key else None,
        "category_id": command.category_id,
    }  # fmt: skip
    return market_writes.ask(session, Asked(account, "listing", str(row[0] if row else FIRST_ID), payload), actor)


def _check_listing(command: ListVariant, variant: Variant) -> None:
    errors = []
    if not 0 <= command.handling_time <= LONGEST_HANDLING:
        errors.append(FieldError("handling_time", "out_of_range", {"least": 0, "limit": LONGEST_HANDLING}))
    if command.by_ean and not variant.ean:
        errors.append(FieldError("how", "no_ean"))
    if not command.by_ean and not command.part_number_key and not command.category_id:
        errors.append(FieldError("category_id", "required"))
    if errors:
        raise Invalid(errors)


def _waits(session: Session, account_id: int, variant_id: int) -> bool:
    sql = ("SELECT 1 FROM marketplace_writes WHERE account_id = %(account)s AND kind = 'listing' "
           "AND state = 'waiting' AND payload ->> 'variant_id' = %(variant)s")  # fmt: skip
    return execute(session, sql, {"account": account_id, "variant": str(variant_id)}).fetchone() is not None


@transactional
def group(session: Session, command: Group, *, actor: Actor) -> MarketplaceWrite:
    """Put a product's offers into one family. Raises NotFound, Invalid when there are fewer than two."""
    account = accounts.get(session, command.account_id)
    product = session.get(Product, command.product_id)
    if product is None:
        raise NotFound("product", command.product_id)
    found = session.execute(
        select(Offer.external_id, Offer.variant_id).join(Variant, Variant.id == Offer.variant_id)
        .where(Offer.account_id == account.id, Variant.product_id == product.id, Offer.status != ENDED_OFFER)
        .order_by(Offer.id).limit(MOST_IN_A_FAMILY)
    ).all()  # fmt: skip
    if len(found) < 2:
        raise Invalid([FieldError("product", "too_few", {"least": 2})])
    values = _values(session, [variant_id or 0 for _, variant_id in found], command.traits)
    traits = {external_id: values.get(variant_id or 0, {}) for external_id, variant_id in found}
    payload = {"offers": list(traits), "id": product.id, "name": product.name[:255], "type_id": command.type_id,
               "traits": traits}  # fmt: skip
    return market_writes.ask(session, Asked(account, "family", f"product {product.id}", payload), actor)


# What variants are called in some of their options.
VALUES: Final = """
SELECT c.variant_id, o.option_type_id, coalesce(o.presentation, o.name)
FROM option_value_variants c JOIN option_values o ON o.id = c.option_value_id
WHERE c.variant_id = ANY (%(variants)s) AND o.option_type_id = ANY (%(types)s)"""


def _values(session: Session, variants: Sequence[int], traits: Mapping[int, int]) -> dict[int, dict[int, str]]:
    """Per variant what its options say of each trait."""
    found: dict[int, dict[int, str]] = {}
    rows = execute(session, VALUES, {"variants": list(variants), "types": list(traits.values())}).fetchall()
    for variant_id, type_id, value in rows:
        for trait in (key for key, option in traits.items() if option == type_id):
            found.setdefault(variant_id, {})[trait] = value
    return found


# --- asking the catalogue; outside of any transaction ----------------------------------------------------------------


@dataclass(frozen=True)
class Catalogue:
    """What a marketplace knows that a new offer needs."""

    found: Sequence[Found]
    vat_rates: dict[int, Decimal]


def look_up(account: MarketplaceAccount, ean: str | None) -> Catalogue:
    """The marketplace's products of an EAN, and its VAT rates. Raises what opening the account raises, and
    MarketplaceError; NothingToAsk where the adapter has no catalogue."""
    with accounts.opened(account, timeout=10.0, patient=False) as marketplace:
        if not isinstance(marketplace, Shopkeeper):
            raise accounts.NothingToAsk(f"{account.source} {account.code}")
        found = marketplace.find_by_eans([ean]).get(ean, []) if ean else []
        return Catalogue(found, marketplace.vat_rates())


def family_kinds(account: MarketplaceAccount, external_id: str) -> list[FamilyKind]:
    """The kinds of families that an offer's category knows, by name. Raises what opening the account raises, and
    MarketplaceError; NothingToAsk where the adapter has no families."""
    with accounts.opened(account, timeout=10.0, patient=False) as marketplace:
        if not isinstance(marketplace, Shopkeeper):
            raise accounts.NothingToAsk(f"{account.source} {account.code}")
        return marketplace.family_kinds(external_id)
