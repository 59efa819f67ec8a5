"""The saved views of the list of products, as conditions, and how many rows each has."""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from magflow.models import Product, Variant, VariantStatus
from magflow.queries.catalogue import complete, orphaned

ACTIVE: Final = VariantStatus.ACTIVE

COUNTED_TO: Final = 1_000
"""A tab says "1,000+" beyond: nobody works through more than that, and counting them all takes time."""


def in_use() -> ColumnElement[bool]:
    """Everything that is not archived."""
    return ~Product.archived


def without_variants() -> ColumnElement[bool]:
    """Nothing of it can be sold, not even after activating something."""
    return and_(in_use(), ~exists(select(Variant.id).where(Variant.product_id == Product.id)))


def with_drafts() -> ColumnElement[bool]:
    """It has inactive variants."""
    return and_(in_use(), exists(select(Variant.id).where(Variant.product_id == Product.id, Variant.status != ACTIVE)))


def troubled() -> ColumnElement[bool]:
    """An active variant lacks a value, or holds one that the product no longer offers."""
    flagged = select(Variant.product_id).where(Variant.status == ACTIVE, or_(~complete(), orphaned()))
    return and_(in_use(), Product.id.in_(flagged))


def sold_out() -> ColumnElement[bool]:
    """It has active variants, and none of them has stock."""
    active = select(Variant.id).where(Variant.product_id == Product.id, Variant.status == ACTIVE)
    return and_(exists(active), ~exists(active.where(Variant.stock > 0)))


def archived() -> ColumnElement[bool]:
    return Product.archived.is_(True)


VIEWS: Final[dict[str, Callable[[], ColumnElement[bool]]]] = {
    "": in_use,
    "empty": without_variants,
    "drafts": with_drafts,
    "troubled": troubled,
    "archived": archived,
}
"""By the word that stands in the address; the first is the list as it opens."""


def count(session: Session, view: str) -> int:
    """How many products a view has, COUNTED_TO + 1 at most."""
    bounded = select(Product.id).where(VIEWS[view]()).limit(COUNTED_TO + 1)
    return session.scalar(select(func.count()).select_from(bounded.subquery())) or 0


def brands(session: Session, *, limit: int = 200) -> Sequence[str]:
    """The brands of the shop, by name."""
    named = select(Product.brand).where(Product.brand.is_not(None)).distinct().order_by(Product.brand).limit(limit)
    return [brand for brand in session.scalars(named) if brand]


def categories(session: Session, *, limit: int = 200) -> Sequence[str]:
    """The categories of the shop, by name."""
    named = (
        select(Product.category).where(Product.category.is_not(None)).distinct().order_by(Product.category).limit(limit)
    )
    return [category for category in session.scalars(named) if category]
