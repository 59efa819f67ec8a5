"""The rules of stock sync: what is wrong with one SKU's offers, what to do about it, and how urgent it is.

Everything is a function of facts. The same conditions stand in SQL for whole shops (`magflow.queries.stock_sync`); a
property test holds the two against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from magflow.domain.demand import Demand
from magflow.domain.outlook import Basis

Priority = Literal["high", "medium", "normal"]
Cause = Literal[
    "zero_stock", "differs", "low_stock", "better_rank", "part_number_key", "not_sellable", "no_competition", "stale"
]
PRIORITIES: Final[tuple[Priority, ...]] = ("high", "medium", "normal")

CAUSES: Final[Mapping[Cause, Priority]] = {
    "zero_stock": "high",
    "differs": "high",
    "low_stock": "medium",
    "better_rank": "medium",
    "part_number_key": "medium",
    "not_sellable": "medium",
    "no_competition": "normal",
    "stale": "normal",
}
"""Every cause with its priority, the gravest first."""

TYPES: Final[Mapping[Cause, str]] = {
    "zero_stock": "stock_transfer",
    "differs": "correct_stock",
    "low_stock": "stock_transfer",
    "better_rank": "rebalance",
    "part_number_key": "fix_part_number_key",
    "not_sellable": "fix_offer",
    "no_competition": "reduce_stock",
    "stale": "offer_update",
}
"""What an alert of a cause is called by the recommendation that answers it."""

REOPEN_MARGIN: Final = 2
"""Low stock closes only this far above its limit, so that an alert does not flicker."""

AT_STAKE: Final[Mapping[Cause, int]] = {
    "zero_stock": 100,
    "differs": 100,
    "low_stock": 50,
    "better_rank": 25,
    "part_number_key": 25,
    "not_sellable": 100,
    "no_competition": 10,
    "stale": 5,
}
"""Per cent of the weekly sales of the accounts in question that a cause puts at stake. Estimates, and shown as such."""
LOSES: Final[frozenset[Cause]] = frozenset({"zero_stock", "not_sellable"})
"""Causes under which nothing can be sold at all: what is at stake is lost while they last."""
CAUGHT: Final = 80
"""Per cent that the sister account catches where it is in stock and holds rank 1."""
ASSUMED_WEEKLY: Final = 1
"""Units a week of an account that has no sales yet: so that what is dearer stands first."""


@dataclass(frozen=True)
class Thresholds:
    """The limits of a shop, or of one category of it."""

    low_stock: int = 5
    stale_days: int = 7
    default_transfer: int = 10
    strict_competition: bool = False
    """Whether competition is counted in other sellers, without our own offers of the product."""


@dataclass(frozen=True)
class OfferFacts:
    """One account's offer of a SKU, as it was last read."""

    account_id: int
    code: str
    """What keys and sentences call the account: `main`."""
    stock: int
    sellers: int | None = None
    """`number_of_offers`: sellers on the product page, ours included; None: not known."""
    own_offers: int = 0
    """Our own active offers with stock on the same product page, this one included."""
    rank: int | None = None
    part_number_key: str | None = None
    active: bool = True
    last_synced_at: datetime | None = None
    pool: str = "own"
    pool_shared: bool = False
    """Fed from the shop's own warehouse, undivided: nothing can be moved inside it."""
    source: str = "emag"
    sent_stock: int | None = None
    differs: bool = False
    faults: tuple[str, ...] = ()
    """Conditions other than stock that keep the offer from being shown."""
    written_at_once: bool = True
    """Its stock is a number that we write; else goods have to travel."""
    price: Decimal | None = None
    """Without VAT."""
    demand: Demand | None = None
    """What is expected to sell here; None: there is no forecast."""
    drawn: Demand | None = None
    """What is expected to sell from the same stock: of a shared pool, in all of its accounts."""

    @property
    def name(self) -> str:
        """The account in a sentence: MAIN."""
        return self.code.upper()

    @property
    def cover(self) -> float | None:
        """For how many days the stock lasts; None: not known, or nothing is expected to sell."""
        return self.drawn.cover(self.stock) if self.drawn else None

    def runs_out(self, days: int) -> float | None:
        """The chance that the stock is gone within so many days; None: there is no forecast."""
        return self.drawn.over(days).runs_out(self.stock) if self.drawn else None

    @property
    def other_sellers(self) -> int | None:
        """Sellers who are not us; None: not known."""
        return None if self.sellers is None else max(0, self.sellers - self.own_offers)


@dataclass(frozen=True)
class Recommendation:
    """One thing to do, with the figures it rests on."""

    type: str
    cause: Cause
    about: tuple[OfferFacts, ...]
    """Whose offers are in question."""
    giver: OfferFacts | None = None
    receiver: OfferFacts | None = None
    amount: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    basis: Basis | None = None
    """Where the amount comes from; `magflow.domain.amounts` says it."""


@dataclass(frozen=True)
class Finding:
    """A cause at a SKU, and the accounts it is about."""

    cause: Cause
    accounts: tuple[OfferFacts, ...]

    @property
    def priority(self) -> Priority:
        return CAUSES[self.cause]


@dataclass(frozen=True)
class Analysis:
    """Everything that is to be said of one SKU."""

    sku: str
    variant_id: int
    offers: tuple[OfferFacts, ...]
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]
    thresholds: Thresholds

    @property
    def priority(self) -> Priority:
        """The highest that applies; normal when none does."""
        return min((finding.priority for finding in self.findings), key=PRIORITIES.index, default="normal")

    @property
    def action_required(self) -> bool:
        return self.priority != "normal"

    @property
    def total_stock(self) -> int:
        """What there is in all: goods that several accounts offer out of one shared pool are counted once."""
        shared: dict[str, int] = {}
        total = 0
        for offer in self.offers:
            if offer.pool_shared:
                shared[offer.pool] = max(shared.get(offer.pool, 0), offer.stock)
            else:
                total += offer.stock
        return total + sum(shared.values())

    @property
    def needs_update(self) -> bool:
        """Whether an offer has to be sent again."""
        return any(finding.cause == "stale" for finding in self.findings)


# --- conditions ------------------------------------------------------------------------------------------------------


def has_competition(offer: OfferFacts, limits: Thresholds) -> bool:
    """The shop's rule: more than one seller on the page; the stricter one: a seller who is not us."""
    if offer.sellers is None:
        return False
    return (offer.other_sellers or 0) > 0 if limits.strict_competition else offer.sellers > 1


def alone(offer: OfferFacts, limits: Thresholds) -> bool:
    """No other seller, and that is known."""
    return offer.sellers is not None and not has_competition(offer, limits)


def is_stale(last_synced_at: datetime | None, now: datetime, stale_days: int) -> bool:
    """Never sent, or so long ago that the marketplace may forget the offer."""
    return last_synced_at is None or now - last_synced_at >= timedelta(days=stale_days)


def movable(giver: OfferFacts, receiver: OfferFacts) -> bool:
    """Whether anything can go from one to the other: not within one shared pool, where both offer all of it."""
    if giver.account_id == receiver.account_id:
        return False
    return not (giver.pool_shared and receiver.pool_shared and giver.pool == receiver.pool)


def default_amount(spare: int, limits: Thresholds) -> int:
    """Without sales history: at most the shop's usual transfer, and never more than half of what the giver has."""
    return min(limits.default_transfer, spare // 2)


def levelling_amount(giver: int, receiver: int, limits: Thresholds) -> int:
    """For an unbalanced distribution: half of the difference, at most the shop's usual transfer."""
    return min(limits.default_transfer, max(0, giver - receiver) // 2)


# --- the analysis ----------------------------------------------------------------------------------------------------


def analyse(sku: str, variant_id: int, offers: Sequence[OfferFacts], limits: Thresholds, now: datetime) -> Analysis:
    """What is wrong with a SKU and what to do, the gravest first."""
    advice = sorted(_all(offers, limits, now), key=lambda one: tuple(CAUSES).index(one.cause))
    causes = dict.fromkeys(one.cause for one in advice)
    findings = tuple(Finding(cause, _accounts(one for one in advice if one.cause == cause)) for cause in causes)
    return Analysis(sku, variant_id, tuple(offers), findings, tuple(advice), limits)


def _accounts(advice: Iterable[Recommendation]) -> tuple[OfferFacts, ...]:
    return tuple(dict.fromkeys(offer for one in advice for offer in one.about))


def _all(offers: Sequence[OfferFacts], limits: Thresholds, now: datetime) -> Iterable[Recommendation]:
    for offer in offers:
        yield from _stock_of(offer, offers, limits)
    yield from _unbalanced(offers, limits)
    yield from _product_keys(offers)
    for offer in offers:
        yield from _offer_itself(offer, limits, now)


def _stock_of(offer: OfferFacts, offers: Sequence[OfferFacts], limits: Thresholds) -> Iterable[Recommendation]:
    if not offer.active or offer.stock >= limits.low_stock or not has_competition(offer, limits):
        return
    cause: Cause = "zero_stock" if offer.stock == 0 else "low_stock"
    givers = [other for other in offers if movable(other, offer) and default_amount(other.stock, limits) >= 1]
    if cause == "low_stock":
        # Who is short as well has nothing to spare: the next day the same goods would be wanted back.
        givers = [other for other in givers if other.stock >= limits.low_stock or not has_competition(other, limits)]
        givers = [other for other in givers if other.stock > offer.stock]
    if givers:
        giver = max(givers, key=lambda other: (other.stock, -other.account_id))
        amount = default_amount(giver.stock, limits)
        yield Recommendation("stock_transfer", cause, (offer,), giver, offer, amount)
    else:
        yield Recommendation("restock", cause, (offer,), None, offer, limits.default_transfer)


def _unbalanced(offers: Sequence[OfferFacts], limits: Thresholds) -> Iterable[Recommendation]:
    pairs = [
        (giver, receiver)
        for giver in offers
        for receiver in offers
        if giver.active and receiver.active and movable(giver, receiver)
        and levelling_amount(giver.stock, receiver.stock, limits) >= 1
    ]  # fmt: skip
    ranked = [
        (giver, receiver)
        for giver, receiver in pairs
        if giver.rank is not None and receiver.rank is not None and receiver.rank < giver.rank
    ]
    if ranked:
        giver, receiver = min(ranked, key=lambda pair: (pair[1].rank, -pair[0].stock, pair[0].account_id))
        amount = levelling_amount(giver.stock, receiver.stock, limits)
        yield Recommendation("rebalance", "better_rank", (receiver,), giver, receiver, amount)
    for giver in offers:
        needy = [
            receiver
            for candidate, receiver in pairs
            if candidate is giver and alone(giver, limits) and has_competition(receiver, limits)
        ]
        if needy:
            receiver = min(needy, key=lambda offer: (offer.stock, offer.account_id))
            amount = levelling_amount(giver.stock, receiver.stock, limits)
            yield Recommendation("reduce_stock", "no_competition", (giver,), giver, receiver, amount)


def _product_keys(offers: Sequence[OfferFacts]) -> Iterable[Recommendation]:
    for source in dict.fromkeys(offer.source for offer in offers):
        keyed = tuple(offer for offer in offers if offer.source == source and offer.part_number_key)
        if len({offer.part_number_key for offer in keyed}) > 1:
            keys = {offer.code: offer.part_number_key for offer in keyed}
            yield Recommendation("fix_part_number_key", "part_number_key", keyed, figures={"keys": keys})


def _offer_itself(offer: OfferFacts, limits: Thresholds, now: datetime) -> Iterable[Recommendation]:
    if not offer.active:
        return
    if offer.differs:
        figures = {"sent": offer.sent_stock, "shown": offer.stock}
        yield Recommendation("correct_stock", "differs", (offer,), figures=figures)
    if offer.faults:
        yield Recommendation("fix_offer", "not_sellable", (offer,), figures={"faults": offer.faults})
    if is_stale(offer.last_synced_at, now, limits.stale_days):
        days = None if offer.last_synced_at is None else (now - offer.last_synced_at).days
        yield Recommendation("offer_update", "stale", (offer,), figures={"days": days})


# --- transfers -------------------------------------------------------------------------------------------------------

SAFE, LOW, LOSES_BUTTON = "Safe", "Low stock", "Will lose buy button"
GAINS, LITTLE = "Will gain/maintain buy button", "No competition - little gain"
PROCEED, REVIEW = "Proceed", "Review"


@dataclass(frozen=True)
class Effect:
    """What a transfer would do to both accounts."""

    giver: OfferFacts
    receiver: OfferFacts
    amount: int
    from_impact: str
    to_impact: str
    warnings: tuple[str, ...]

    @property
    def recommendation(self) -> str:
        return REVIEW if self.warnings else PROCEED

    @property
    def drains(self) -> bool:
        """The giver would stand at nothing in a competition: that needs a person's explicit word."""
        return self.from_impact == LOSES_BUTTON


def effect(giver: OfferFacts, receiver: OfferFacts, amount: int, limits: Thresholds) -> Effect:
    """The impact of a transfer on both sides; what is not safe for the giver is a warning."""
    left = giver.stock - amount
    impact = SAFE
    if has_competition(giver, limits) and left < limits.low_stock:
        impact = LOSES_BUTTON if left <= 0 else LOW
    gain = GAINS if has_competition(receiver, limits) else LITTLE
    warnings = []
    if impact == LOW:
        warnings.append(f"{giver.name} keeps {left} in stock with competition")
    elif impact == LOSES_BUTTON:
        warnings.append(f"{giver.name} is left with 0 stock with competition and will lose the buy button")
    if not receiver.active:
        warnings.append(f"The offer in {receiver.name} is not active")
    keys = {offer.part_number_key for offer in (giver, receiver) if offer.part_number_key}
    if giver.source == receiver.source and len(keys) > 1:
        warnings.append(f"{giver.name} and {receiver.name} have different product keys")
    return Effect(giver, receiver, amount, impact, gain, tuple(warnings))
