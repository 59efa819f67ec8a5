"""Finding the variant that a person means while typing an order."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, case, or_, select, union_all
from sqlalchemy.orm import Session

from magflow.domain.options import name_key
from magflow.models import OptionValue, OptionValueVariant, Product, Variant, VariantStatus
from magflow.queries import words as meaning
from magflow.queries.catalogue import VariantRow, contains, purchasable, variant_rows


def suggestions(session: Session, typed: str, *, limit: int = 12) -> Sequence[VariantRow]:
    """What can be bought and fits every word that was typed: SKU, EAN, product, title or option value.

    Whose SKU begins with it comes first. Four statements.
    """
    words = typed.split()
    if not words:
        return []
    begins = case((Variant.sku.ilike(contains(typed)[1:]), 0), else_=1)
    # Whether a variant is complete costs a look at its options; so the few that would be shown are found first, by
    # what stands in their own row.
    nearest = (
        select(Variant.id)
        .where(Variant.status == VariantStatus.ACTIVE, Variant.stock > 0, *(_fits(word) for word in words[:8]))
        .order_by(begins, Variant.product_id, Variant.id)
        .limit(NEAREST)
    )
    candidates = session.scalars(nearest).all()
    ids = session.scalars(
        select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(candidates), purchasable())
        .order_by(begins, Product.name, Variant.sku, Variant.id)
        .limit(limit)
    ).all()
    return _in_order(session, ids)


NEAREST: Final = 200
"""Variants that fit, before it is looked which of them can be bought."""


def exactly(session: Session, typed: str, *, limit: int = 20) -> Sequence[VariantRow]:
    """The variants with this SKU or EAN, whatever their state: active ones first.

    Adding a line asks neither status nor stock (domain 3), so what is named in full is found.
    """
    order = (Variant.status, Variant.id)
    same = select(Variant.id).where(or_(Variant.sku == typed, Variant.ean == typed)).order_by(*order).limit(limit)
    ids = session.scalars(same).all()
    if not ids:
        # The same SKU in other letters: "mouse-01".
        folded = select(Variant.id).where(Variant.sku.ilike(contains(typed)[1:-1])).order_by(*order).limit(limit)
        ids = session.scalars(folded).all()
    return _in_order(session, ids)


def _fits(word: str) -> ColumnElement[bool]:
    """The variant is among those that the word names. A union, so that each part is found by its own index."""
    by_value = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(OptionValue.name_key == name_key(word))
    )
    return Variant.id.in_(union_all(*(way.found for way in meaning.of_variants(word)), by_value))


def _in_order(session: Session, ids: Sequence[int]) -> Sequence[VariantRow]:
    rows = {row.variant.id: row for row in variant_rows(session, ids)}
    return [rows[id_] for id_ in ids]
