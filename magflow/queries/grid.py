"""The variants of one product, as compact rows for the grid."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Text, any_, exists, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from magflow.db import any_of
from magflow.domain.grid import Row
from magflow.models import Image, OptionValue, OptionValueVariant, ProductOptionType, Variant, VariantStatus

PAGE: Final = 2_048

COLUMNS: Final = (
    Variant.id, Variant.version, Variant.sku, Variant.title, Variant.price, Variant.compare_at_price, Variant.stock,
    Variant.ean, Variant.status, Variant.options_digest,
)  # fmt: skip


class GridPage(NamedTuple):
    """Some variants by ascending id, their combinations in words, and where the next page begins."""

    rows: Sequence[Row]
    labels: dict[int, str]
    next_after: int | None


def page(session: Session, product_id: int, *, after: int = 0, limit: int = PAGE) -> GridPage:
    """The variants of a product behind the id `after`, in two statements whatever their number."""
    found = session.execute(
        select(*COLUMNS)
        .where(Variant.product_id == product_id, Variant.id > after)
        .order_by(Variant.id)
        .limit(limit + 1)
    ).all()
    rows = [Row._make(row) for row in found[:limit]]
    more = rows[-1].id if rows and len(found) > limit else None
    return GridPage(rows, _labels(session, product_id, [row.id for row in rows]), more)


def has_pictures(session: Session, product_id: int) -> bool:
    """Whether any picture of the product or of its variants exists."""
    return bool(session.scalar(select(exists().where(Image.product_id == product_id))))


def _labels(session: Session, product_id: int, ids: Sequence[int]) -> dict[int, str]:
    """`Red, M`: the values of the options that the product uses now, in their order."""
    label = func.string_agg(OptionValue.name, aggregate_order_by(literal(", "), ProductOptionType.position))
    found = session.execute(
        select(OptionValueVariant.variant_id, label)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(ProductOptionType, ProductOptionType.option_type_id == OptionValue.option_type_id)
        .where(ProductOptionType.product_id == product_id, OptionValueVariant.variant_id == any_of(ids))
        .group_by(OptionValueVariant.variant_id)
    )
    return {row[0]: row[1] for row in found}


def rows(session: Session, product_id: int, ids: Sequence[int]) -> dict[int, Row]:
    """These variants as they stand now, those of other products left out."""
    found = session.execute(select(*COLUMNS).where(Variant.product_id == product_id, Variant.id == any_of(ids)))
    return {row[0]: Row._make(row) for row in found}


def with_skus(session: Session, product_id: int, skus: Sequence[str]) -> Sequence[tuple[str, int]]:
    """(SKU, id) of the variants of a product that have one of these SKUs."""
    wanted: Any = any_(literal(list(skus), ARRAY(Text)))
    found = session.execute(
        select(Variant.sku, Variant.id).where(Variant.product_id == product_id, Variant.sku == wanted)
    )
    return [(sku, id_) for sku, id_ in found]


def active_of(session: Session, product_id: int) -> Sequence[tuple[str | None, int, str]]:
    """(digest, id, SKU) of every active variant of a product."""
    found = session.execute(
        select(Variant.options_digest, Variant.id, Variant.sku).where(
            Variant.product_id == product_id, Variant.status == VariantStatus.ACTIVE
        )
    )
    return [(digest, id_, sku) for digest, id_, sku in found]
