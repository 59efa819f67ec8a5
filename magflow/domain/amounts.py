"""How many units: by the rule of the shop, or from the demand forecast where both sides have one.

The conditions under which something should be moved are those of `magflow.domain.stock_sync`; here is only how much,
what is expected of it, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from magflow.domain.allocation import Market, Side, Terms
from magflow.domain.demand import Demand
from magflow.domain.outlook import Basis, Expected
from magflow.domain.stock_sync import (
    CAUGHT,
    Analysis,
    OfferFacts,
    Recommendation,
    Thresholds,
    has_competition,
    movable,
)

SAFE_CHANCE: Final = 0.9
"""What is ordered anew lasts with this chance until the horizon."""


@dataclass(frozen=True)
class Policy:
    """What moving goods means to a shop: how long, how dear, what is earned, what must stay."""

    horizon_days: int = 28
    lead_days: int = 5
    transfer_cost: float = 20.0
    unit_cost: float = 1.0
    margin_percent: float = 25.0
    floor: int = 0
    """Units that a giver keeps, whatever the forecast says."""

    def terms(self, *, at_once: bool) -> Terms:
        """Numbers that are only written cost nothing and are there at once; goods have to travel."""
        days = max(self.horizon_days, self.lead_days + 14)
        return Terms(days) if at_once else Terms(days, self.lead_days, self.transfer_cost, self.unit_cost)


def advise(analysis: Analysis, policy: Policy, known: Mapping[int, str]) -> Analysis:
    """The analysis with amounts from the forecast, where there is one; each says where it comes from.

    `known` says of accounts without a forecast why they have none.
    """
    advised = tuple(_advised(one, analysis, policy, known) for one in analysis.recommendations)
    return replace(analysis, recommendations=advised)


def _advised(advice: Recommendation, analysis: Analysis, policy: Policy, known: Mapping[int, str]) -> Recommendation:
    if advice.amount is None or advice.receiver is None:
        return advice
    if advice.giver is None:
        return _restocked(advice, policy, known)
    giver, receiver = advice.giver, advice.receiver
    usual = advice.amount
    market = _market(giver, receiver, analysis.thresholds, policy)
    if market is None:
        why = known.get(giver.account_id) or known.get(receiver.account_id) or "no_sales"
        return _told(advice, usual, Basis("default", usual, why, policy.horizon_days, 0), policy)
    if market.sides[0].spare < 1:
        return _told(advice, usual, Basis("default", usual, "nothing_spare", policy.horizon_days, 0), policy)
    # Something is wrong where it stands: at least one unit goes, and what it brings is said.
    choice = market.best_transfer(0, 1, least=1)
    basis = Basis("forecast", usual, "forecast", policy.horizon_days, 0)
    return _told(advice, choice.amount, basis, policy)


def _told(advice: Recommendation, amount: int, basis: Basis, policy: Policy) -> Recommendation:
    giver, receiver = advice.giver, advice.receiver
    if giver is None or receiver is None:
        raise AssertionError("a transfer has two sides")
    told = outlook(giver, receiver, amount, policy)
    return replace(
        advice,
        amount=amount,
        basis=replace(basis, choice=told.choice, sides=told.sides, lead_days=told.lead_days,
                      horizon_days=told.horizon_days),
    )  # fmt: skip


def _restocked(advice: Recommendation, policy: Policy, known: Mapping[int, str]) -> Recommendation:
    """Order so much that what is drawn from this stock is covered, safely, until the horizon."""
    receiver = advice.receiver
    usual = advice.amount or 0
    if receiver is None:
        raise AssertionError("a restock has a receiver")
    if receiver.drawn is None:
        why = known.get(receiver.account_id, "no_sales")
        basis = Basis("default", usual, why, policy.horizon_days, 0)
        return replace(advice, basis=basis)
    wanted = receiver.drawn.over(policy.horizon_days).enough(SAFE_CHANCE) - receiver.stock
    amount = max(1, wanted)
    side = _expected(receiver, receiver.stock + amount, policy.horizon_days)
    basis = Basis("forecast", usual, "forecast", policy.horizon_days, 0, None, (side,))
    return replace(advice, amount=amount, basis=basis)


# --- what a transfer of any amount would do --------------------------------------------------------------------------


def outlook(giver: OfferFacts, receiver: OfferFacts, amount: int, policy: Policy) -> Basis:
    """Days of cover and the chance of running out before and after, and what it is expected to bring."""
    terms = policy.terms(at_once=giver.written_at_once and receiver.written_at_once)
    sides = (
        _expected(giver, giver.stock - amount, terms.horizon_days),
        _expected(receiver, receiver.stock + amount, terms.horizon_days),
    )
    market = _market(giver, receiver, Thresholds(), policy)
    choice = market.change(market.moved(0, 1, amount), amount) if market else None
    rule = "forecast" if choice else "default"
    return Basis(rule, amount, rule, round(terms.horizon_days), round(terms.lead_days), choice, sides)


def _expected(offer: OfferFacts, after: int, days: float) -> Expected:
    drawn = offer.drawn
    spread = drawn.over(days) if drawn else None
    return Expected(
        offer.account_id,
        offer.code,
        drawn.weekly if drawn else None,
        drawn.confidence if drawn else None,
        drawn.weeks if drawn else 0,
        offer.cover,
        drawn.cover(after) if drawn else None,
        spread.runs_out(offer.stock) if spread else None,
        spread.runs_out(after) if spread else None,
    )


def _market(giver: OfferFacts, receiver: OfferFacts, limits: Thresholds, policy: Policy) -> Market | None:
    sides = [_side(offer, limits, policy) for offer in (giver, receiver)]
    terms = policy.terms(at_once=giver.written_at_once and receiver.written_at_once)
    return Market([side for side in sides if side], terms) if all(sides) else None


def _side(offer: OfferFacts, limits: Thresholds, policy: Policy) -> Side | None:
    """An account as the allocation sees it; None: there is no forecast. What an account shows is without its buffer."""
    if offer.drawn is None or offer.price is None:
        return None
    # Who competes keeps what is not short yet, or else half of what it has: tomorrow's alert would ask for it back.
    kept = max(1, min(limits.low_stock, (offer.stock + 1) // 2)) if has_competition(offer, limits) else 0
    floor = max(policy.floor, kept)
    catches = CAUGHT / 100 if offer.rank == 1 and offer.stock else 0.0
    margin = float(offer.price) * policy.margin_percent / 100
    return Side(offer.stock, offer.drawn, margin, min(floor, offer.stock), catches)


# --- the best split of everything ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Stock as it stands and as it would sell best, per account; what is expected of both within the horizon."""

    best: Mapping[int, int]
    units_now: float
    units_best: float
    gain: float
    horizon_days: int

    @property
    def efficiency(self) -> float:
        """Expected sales of today's split, as a part of the best one's."""
        return self.units_now / self.units_best if self.units_best > 0 else 1.0


def best_split(analysis: Analysis, policy: Policy) -> Split | None:
    """The best split among the accounts that have a forecast; None where there are less than two stocks to divide.

    Accounts of one shared pool offer the same goods and are one side.
    """
    active = [offer for offer in analysis.offers if offer.active]
    apart = [
        offer for n, offer in enumerate(active) if all(movable(offer, other) for other in active[:n])
    ]  # fmt: skip
    sides = [_side(offer, analysis.thresholds, policy) for offer in apart]
    if len(sides) < 2 or not all(sides):
        return None
    terms = policy.terms(at_once=all(offer.written_at_once for offer in apart))
    market = Market([side for side in sides if side], terms)
    after = market.best_split()
    now, then = market.outcome(market.now), market.outcome(after)
    best = {offer.account_id: stock for offer, stock in zip(apart, after, strict=True)}
    return Split(best, now.units, then.units, then.value - now.value, round(terms.horizon_days))


def together(demands: list[Demand]) -> Demand | None:
    """Everything that sells from one stock."""
    total: Demand | None = None
    for demand in demands:
        total = demand if total is None else total + demand
    return total


def summary(basis: Basis) -> dict[str, Any]:
    """A basis in plain figures, for programs."""
    choice = basis.choice
    return {
        "rule": basis.rule,
        "why": basis.why,
        "without_forecast": basis.usual,
        "horizon_days": basis.horizon_days,
        "lead_days": basis.lead_days,
        "expected": choice
        and {"units": round(choice.units, 2), "value": round(choice.gain, 2), "cost": round(choice.cost, 2)},
        "weekly_demand": {side.code: in_short(side.weekly) for side in basis.sides},
        "confidence": {side.code: side.confidence for side in basis.sides},
        "days_of_cover": {
            side.code: {"before": in_short(side.cover_before), "after": in_short(side.cover_after)}
            for side in basis.sides
        },
        "chance_of_running_out": {
            side.code: {"before": in_short(side.out_before), "after": in_short(side.out_after)} for side in basis.sides
        },
    }


def in_short(value: float | None) -> float | None:
    """A figure with two places."""
    return None if value is None else round(value, 2)
