"""What a transfer would do: both sides now and after, the impact, and whether it is possible at all."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from magflow.domain.amounts import outlook
from magflow.domain.errors import FieldError, InsufficientOfferStock, Invalid, SameAccount
from magflow.domain.outlook import Basis
from magflow.domain.stock_sync import Effect, OfferFacts, Recommendation, effect, movable
from magflow.domain.transfers import NothingToMove
from magflow.queries import stock_sync as reads
from magflow.queries.stock_sync import Account, Analysed

Kind = Literal["redivide", "shipment"]


@dataclass(frozen=True)
class Wanted:
    """A transfer as somebody asks for it: accounts by what screens and keys call them."""

    variant_id: int
    from_account: str
    to_account: str
    amount: int


@dataclass(frozen=True)
class Plan:
    """A transfer that can be made, and what it would do."""

    one: Analysed
    giver: Account
    receiver: Account
    effect: Effect
    kind: Kind
    outlook: Basis
    """Days of cover and what is expected, as far as there is a forecast."""

    @property
    def sku(self) -> str:
        return self.one.analysis.sku

    @property
    def amount(self) -> int:
        return self.effect.amount


def plan(session: Session, wanted: Wanted) -> Plan:
    """Look at both sides.

    Raises NotFound, Invalid (an account that is not there, or does not list the SKU; less than one), SameAccount,
    InsufficientOfferStock, NothingToMove.
    """
    every = reads.accounts(session)
    giver = named(every, wanted.from_account, "from_account")
    receiver = named(every, wanted.to_account, "to_account")
    if giver.id == receiver.id:
        raise SameAccount
    if wanted.amount < 1:
        raise Invalid([FieldError("amount", "below_one")])
    one = reads.analyse_one(session, wanted.variant_id)
    offers = {offer.account_id: offer for offer in one.analysis.offers}
    sides: list[OfferFacts] = []
    for field, account in (("from_account", giver), ("to_account", receiver)):
        if account.id not in offers:
            raise Invalid([FieldError(field, "not_listed", {"account": account.name, "sku": one.analysis.sku})])
        sides.append(offers[account.id])
    if not movable(*sides):
        raise NothingToMove(giver.pool)
    if wanted.amount > sides[0].stock:
        raise InsufficientOfferStock
    kind: Kind = "redivide" if written_at_once(giver) and written_at_once(receiver) else "shipment"
    done = effect(sides[0], sides[1], wanted.amount, one.analysis.thresholds)
    expected = outlook(sides[0], sides[1], wanted.amount, one.policy)
    advised = next(
        (a.basis for a in one.analysis.recommendations if _same(a, sides) and a.amount == wanted.amount), None
    )
    return Plan(one, giver, receiver, done, kind, advised or expected)


def _same(advice: Recommendation, sides: list[OfferFacts]) -> bool:
    return [advice.giver, advice.receiver] == sides


def named(every: list[Account], name: str, field: str) -> Account:
    """The account that a name means. Raises Invalid."""
    wanted = name.strip().lower()
    found = [one for one in every if one.label == wanted] or [one for one in every if one.code == wanted]
    if len(found) != 1:
        raise Invalid([FieldError(field, "unknown")])
    return found[0]


def written_at_once(account: Account) -> bool:
    """Whether its stock is a number that we write; else goods have to travel."""
    return account.own_pool or account.stock_writable
