"""What Home shows: how much there is, what waits, what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from magflow.models import ApiToken, Import, Order, Product, User, Variant, VariantStatus


@dataclass(frozen=True)
class Figures:
    products: int
    variants: int
    drafts: int
    sold_out: int
    """Active variants without stock."""
    pending_orders: int
    blocked_orders: int
    confirmed_orders: int
    people: int
    tokens: int
    imports: int

    @property
    def empty(self) -> bool:
        """Whether this is a shop's first hour."""
        return not (self.products or self.pending_orders or self.confirmed_orders)


LARGEST = 100_000
"""Beyond this a count says "more than": nobody waits for an exact one."""


def figures(session: Session) -> Figures:
    """All counts in one statement, none of them counted further than anybody reads."""

    def count(model: Any, *where: ColumnElement[bool] | InstrumentedAttribute[bool]) -> ScalarSelect[int]:
        bounded = select(model.id).where(*where).limit(LARGEST).subquery()
        return select(func.count()).select_from(bounded).scalar_subquery()

    active = Variant.status == VariantStatus.ACTIVE
    row: Sequence[Any] = session.execute(
        select(
            count(Product, ~Product.archived),
            count(Variant, active),
            count(Variant, ~active),
            count(Variant, active, Variant.stock == 0),
            count(Order, Order.status == "pending"),
            count(Order, Order.status == "pending", Order.blocked_reason.is_not(None)),
            count(Order, Order.status == "confirmed"),
            count(User, User.active),
            count(ApiToken, ApiToken.revoked_at.is_(None)),
            count(Import),
        )
    ).one()
    return Figures(*row)
