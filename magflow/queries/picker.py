"""Finding the variant that a person means while typing an order."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, case, exists, or_, select
from sqlalchemy.orm import Session

from magflow.domain.options import name_key
from magflow.models import OptionValue, OptionValueVariant, Product, Variant
from magflow.queries.catalogue import VariantRow, contains, purchasable, variant_rows


def suggestions(session: Session, typed: str, *, limit: int = 12) -> Sequence[VariantRow]:
    """What can be bought and fits every word that was typed: SKU, EAN, product, title or option value.

    Whose SKU begins with it comes first. Three statements.
    """
    words = typed.split()
    if not words:
        return []
    begins = contains(typed)[1:]
    ids = session.scalars(
        select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(purchasable(), *(_fits(word) for word in words[:8]))
        .order_by(case((Variant.sku.ilike(begins), 0), else_=1), Product.name, Variant.sku, Variant.id)
        .limit(limit)
    ).all()
    return _in_order(session, ids)


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


SHORT: Final = 2
"""Letters of a word that is looked for as a whole value, or at a beginning: "M" stands somewhere in most names."""


def _fits(word: str) -> ColumnElement[bool]:
    pattern = contains(word)
    if len(word) <= SHORT:
        pattern = pattern[1:]
    value = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(OptionValueVariant.variant_id == Variant.id, OptionValue.name_key == name_key(word))
        .correlate(Variant)
    )
    return or_(
        Product.name.ilike(pattern),
        Variant.sku.ilike(pattern),
        Variant.title.ilike(pattern),
        Variant.ean == word,
        exists(value),
    )


def _in_order(session: Session, ids: Sequence[int]) -> Sequence[VariantRow]:
    rows = {row.variant.id: row for row in variant_rows(session, ids)}
    return [rows[id_] for id_ in ids]
