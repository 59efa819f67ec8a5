"""The saved views of the list of products, as conditions, and how many rows each has."""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, select, text, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from magflow.models import (
    OptionValue,
    OptionValueVariant,
    Product,
    ProductOptionType,
    ProductOptionValue,
    Variant,
    VariantStatus,
    VariantTrouble,
)

ACTIVE, INACTIVE = VariantStatus.ACTIVE, VariantStatus.INACTIVE

COUNTED_TO: Final = 1_000
"""A tab says "1,000+" beyond: nobody works through more than that, and counting them all takes time."""

WEIGHED_TO: Final = 30_000
"""Rows up to which each opening of the list looks at all of them for the number on the tab."""

EACH_TO: Final = 3_000
"""Products up to which each is asked whether it has a variant at all, for the number on the tab."""


def in_use() -> ColumnElement[bool]:
    """Everything that is not archived."""
    return ~Product.archived


def without_variants() -> ColumnElement[bool]:
    """Nothing of it can be sold, not even after activating something."""
    return and_(in_use(), ~exists(select(Variant.id).where(Variant.product_id == Product.id)))


def with_drafts() -> ColumnElement[bool]:
    """It has inactive variants."""
    drafts = select(Variant.id).where(Variant.product_id == Product.id, Variant.status == INACTIVE)
    return and_(in_use(), exists(drafts))


def incomplete_variants() -> Select[int]:
    """What `~catalogue.complete()` finds, written as one join that the server can hash: for lists of the whole shop."""
    held = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(
            OptionValueVariant.variant_id == Variant.id,
            OptionValue.option_type_id == ProductOptionType.option_type_id,
        )
    )
    return (
        select(Variant.id)
        .join(ProductOptionType, ProductOptionType.product_id == Variant.product_id)
        .where(~exists(held.correlate(Variant, ProductOptionType)))
    )


def orphaned_variants() -> Select[int]:
    """What `catalogue.orphaned()` finds, written the same way."""
    offered = select(ProductOptionValue.option_value_id).where(
        ProductOptionValue.product_id == Variant.product_id, ProductOptionValue.option_value_id == OptionValue.id
    )
    return (
        select(Variant.id)
        .join(OptionValueVariant, OptionValueVariant.variant_id == Variant.id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(
            ProductOptionType,
            and_(
                ProductOptionType.product_id == Variant.product_id,
                ProductOptionType.option_type_id == OptionValue.option_type_id,
            ),
        )
        .where(~exists(offered.correlate(Variant, OptionValue)))
    )


def troubled() -> ColumnElement[bool]:
    """An active variant lacks a value, or holds one that the product no longer offers."""
    lacking = incomplete_variants().where(Variant.status == ACTIVE).with_only_columns(Variant.product_id)
    holding = orphaned_variants().where(Variant.status == ACTIVE).with_only_columns(Variant.product_id)
    return and_(in_use(), Product.id.in_(union_all(lacking, holding)))


def sold_out() -> ColumnElement[bool]:
    """It has active variants, and none of them has stock."""
    active = select(Variant.id).where(Variant.product_id == Product.id, Variant.status == ACTIVE)
    return and_(exists(active), ~exists(active.where(Variant.stock > 0)))


def archived() -> ColumnElement[bool]:
    return Product.archived.is_(True)


def written_down(*kinds: str) -> Select[int]:
    """Active variants with something wrong as they were found last: in a large shop nobody waits for a new look.

    Whoever changes options looks again at once, and a worker at everything every few minutes.
    """
    return (
        select(VariantTrouble.variant_id)
        .join(Variant, Variant.id == VariantTrouble.variant_id)
        .where(VariantTrouble.kind.in_(kinds), Variant.status == ACTIVE)
    )


def is_large(session: Session) -> bool:
    """Whether looking at all variants would hold up a page."""
    return _about(session, "variants") > WEIGHED_TO


VIEWS: Final[dict[str, Callable[[], ColumnElement[bool]]]] = {
    "": in_use,
    "empty": without_variants,
    "drafts": with_drafts,
    "troubled": troubled,
    "archived": archived,
}
"""By the word that stands in the address; the first is the list as it opens."""


def condition(session: Session, view: str) -> ColumnElement[bool]:
    """The products of a view."""
    if view == "troubled" and is_large(session):
        found = written_down("incomplete", "orphan").with_only_columns(VariantTrouble.product_id)
        return and_(in_use(), Product.id.in_(found))
    return VIEWS[view]()


def count(session: Session, view: str) -> int | None:
    """How many products a view has, COUNTED_TO + 1 at most; None where finding that out would hold up the page."""
    if view == "empty" and _about(session, "products") > EACH_TO:
        return None
    bounded = select(Product.id).where(condition(session, view)).limit(COUNTED_TO + 1)
    return session.scalar(select(func.count()).select_from(bounded.subquery())) or 0


def _about(session: Session, table: str) -> int:
    is_table = text("oid = CAST(:name AS regclass)").bindparams(name=table)
    return session.scalar(select(literal_column("reltuples")).select_from(text("pg_class")).where(is_table)) or 0


def brands(session: Session, *, limit: int = 200) -> Sequence[str]:
    """The brands of the shop, by name."""
    return _distinct(session, Product.brand, limit)


def categories(session: Session, *, limit: int = 200) -> Sequence[str]:
    """The categories of the shop, by name."""
    return _distinct(session, Product.category, limit)


def _distinct(session: Session, column: InstrumentedAttribute[str | None], limit: int) -> Sequence[str]:
    """The values of a column with an index, from one to the next: a value of ten thousand rows is one look."""
    first = select(func.min(column).label("value")).cte("each", recursive=True)
    following = select(func.min(column)).where(column > first.c.value).correlate(first).scalar_subquery()
    each = first.union_all(select(following).where(first.c.value.is_not(None)))
    return session.scalars(select(each.c.value).where(each.c.value.is_not(None), each.c.value != "").limit(limit)).all()
