"""Confirming an order on a page: what the person saw is what is sold, and what cannot be covered is not lost."""

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_order, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import InsufficientStock, PriceChanged, RetryLater, VariantUnavailable
from magflow.domain.orders import PENDING
from magflow.models import Order
from magflow.services import checkout
from magflow.services.checkout import Finalized, FinalizeOrder


@dataclass(frozen=True)
class ConfirmOrder:
    order_id: int
    seen_version: int | None = None
    seen_total: Decimal | None = None
    """What the person was shown; a total that is another by now is refused, with both."""


@dataclass(frozen=True)
class FlagBlocked:
    order_id: int
    reason: str


@transactional
def confirm(session: Session, command: ConfirmOrder, *, actor: Actor) -> Finalized:
    """Finalize; refused when the catalogue's prices made it another total than the one that was seen.

    Raises what `checkout.finalize` raises, and PriceChanged; then nothing is done.
    """
    done = checkout.finalize.within(session, FinalizeOrder(command.order_id, command.seen_version), actor=actor)
    if command.seen_total is not None and done.order.total_gross != command.seen_total:
        raise PriceChanged(command.seen_total, done.order.total_gross, done.order.currency.strip())
    return done


BLOCKING: Final = frozenset({InsufficientStock.code, VariantUnavailable.code})


def flag_after(order_id: int, code: str, *, actor: Actor) -> None:
    """After a finalize was refused and its transaction is over: flag an order that was sold elsewhere.

    A sale that succeeds pays nothing for it. Whoever is in the way does not turn the refusal into another one: the next
    refusal flags the order too.
    """
    if code in BLOCKING:
        with contextlib.suppress(RetryLater):
            flag_blocked(FlagBlocked(order_id, code), actor=actor)


@transactional
def flag_blocked(session: Session, command: FlagBlocked, *, actor: Actor) -> bool:
    """An order that was sold elsewhere and cannot be covered here waits with its reason. Others are left alone."""
    if session.scalar(select(Order.source).where(Order.id == command.order_id)) == "magflow":
        return False
    order = lock_order(session, command.order_id)
    if order.status != PENDING or order.source == "magflow" or order.blocked_reason == command.reason:
        return False
    order.blocked_reason = command.reason
    return True
