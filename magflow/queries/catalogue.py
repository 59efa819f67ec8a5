"""Products and variants as lists and pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.models import (
    OptionType,
    OptionValue,
    OptionValueVariant,
    Product,
    ProductOptionType,
    ProductOptionValue,
    Variant,
    VariantExternalId,
    VariantStatus,
)
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class ProductRow:
    """A product with what its variants add up to. `stock` and prices count active variants only."""

    product: Product
    active: int
    drafts: int
    stock: int
    lowest_price: Decimal | None
    highest_price: Decimal | None


@dataclass(frozen=True)
class OptionChoice:
    """One value that a variant holds.

    `obsolete` when the product no longer uses its option; not `offered` when it no longer has the value.
    """

    option_name: str
    option_value: str
    option_value_id: int
    obsolete: bool
    offered: bool


@dataclass(frozen=True)
class VariantRow:
    variant: Variant
    product_name: str
    complete: bool
    options: tuple[OptionChoice, ...] = ()

    @property
    def label(self) -> str:
        """The combination in words: `Red, M`."""
        return ", ".join(choice.option_value for choice in self.options)


@dataclass(frozen=True)
class OptionRow:
    """An option of a product with the values it offers, in order."""

    type: OptionType
    values: tuple[OptionValue, ...]


@dataclass(frozen=True)
class ProductPage:
    product: Product
    options: tuple[OptionRow, ...]
    variants: tuple[VariantRow, ...]
    incomplete: frozenset[int]
    orphans: frozenset[int]


def complete() -> ColumnElement[bool]:
    """A variant has a value for every option type of its product (a query, not a column; domain 2)."""
    held = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(
            OptionValueVariant.variant_id == Variant.id,
            OptionValue.option_type_id == ProductOptionType.option_type_id,
        )
        .correlate(Variant, ProductOptionType)
    )
    missing = (
        select(ProductOptionType.option_type_id)
        .where(ProductOptionType.product_id == Variant.product_id, ~exists(held))
        .correlate(Variant)
    )
    return ~exists(missing)


def purchasable() -> ColumnElement[bool]:
    """The one definition for lists, filters and pickers: active, complete, stock above zero (invariant 4)."""
    return and_(Variant.status == VariantStatus.ACTIVE, Variant.stock > 0, complete())


def orphaned() -> ColumnElement[bool]:
    """A variant holds a value, of a type in use, that its product no longer offers."""
    # Told outright what it correlates with: by itself it would look only one level up, and join all variants.
    offered = (
        select(ProductOptionValue.option_value_id)
        .where(
            ProductOptionValue.product_id == Variant.product_id, ProductOptionValue.option_value_id == OptionValue.id
        )
        .correlate(Variant, OptionValue)
    )
    held = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(
            ProductOptionType,
            and_(
                ProductOptionType.option_type_id == OptionValue.option_type_id,
                ProductOptionType.product_id == Variant.product_id,
            ),
        )
        .where(
            OptionValueVariant.variant_id == Variant.id,
            ~exists(offered),
        )
        .correlate(Variant)
    )
    return exists(held)


def contains(text_: str) -> str:
    """A pattern for ILIKE that finds this text literally, anywhere."""
    escaped = text_.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def _keys(
    session: Session, statement: Select[int], key: Any, after: int | None, limit: int
) -> tuple[list[int], Page[Any]]:
    """The keys of one page, newest first, with the total of the whole list."""
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(key < after)
    ids = list(session.scalars(statement.order_by(key.desc()).limit(limit + 1)))
    more = len(ids) > limit
    ids = ids[:limit]
    return ids, Page((), total, estimate, ids[-1] if more else None)


def product_rows(session: Session, ids: Sequence[int]) -> list[ProductRow]:
    """These products with what their variants add up to, newest first, in one statement."""
    active = Variant.status == VariantStatus.ACTIVE
    rows = session.execute(
        select(
            Product,
            func.count(Variant.id).filter(active),
            func.count(Variant.id).filter(~active),
            func.coalesce(func.sum(Variant.stock).filter(active), 0),
            func.min(Variant.price).filter(active),
            func.max(Variant.price).filter(active),
        )
        .outerjoin(Variant, Variant.product_id == Product.id)
        .where(Product.id.in_(ids))
        .group_by(Product.id)
        .order_by(Product.id.desc())
        .execution_options(populate_existing=True)
    )
    return [ProductRow(*row) for row in rows]


def variant_rows(session: Session, ids: Sequence[int]) -> list[VariantRow]:
    """These variants with their options, newest first, in two statements."""
    rows = session.execute(
        select(Variant, Product.name, complete())
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(ids))
        .order_by(Variant.id.desc())
        .execution_options(populate_existing=True)
    )
    chosen = options_of_variants(session, ids)
    return [VariantRow(variant, name, whole, chosen.get(variant.id, ())) for variant, name, whole in rows]


def options_of_variants(session: Session, ids: Sequence[int]) -> dict[int, tuple[OptionChoice, ...]]:
    """Per variant the values it holds, in the product's option order, obsolete ones last."""
    rows = session.execute(
        select(
            OptionValueVariant.variant_id,
            OptionType.name,
            OptionValue.name,
            OptionValue.id,
            ProductOptionType.option_type_id.is_(None),
            ProductOptionValue.option_value_id.is_not(None),
        )
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(OptionType, OptionType.id == OptionValue.option_type_id)
        .join(Variant, Variant.id == OptionValueVariant.variant_id)
        .outerjoin(
            ProductOptionType,
            and_(
                ProductOptionType.product_id == Variant.product_id,
                ProductOptionType.option_type_id == OptionValue.option_type_id,
            ),
        )
        .outerjoin(
            ProductOptionValue,
            and_(
                ProductOptionValue.product_id == Variant.product_id,
                ProductOptionValue.option_value_id == OptionValue.id,
            ),
        )
        .where(OptionValueVariant.variant_id.in_(ids))
        .order_by(
            OptionValueVariant.variant_id,
            ProductOptionType.position.nulls_last(),
            OptionType.position,
            OptionType.id,
        )
    )
    chosen: dict[int, tuple[OptionChoice, ...]] = {}
    for variant_id, name, value, value_id, obsolete, offered in rows:
        choice = OptionChoice(name, value, value_id, obsolete, offered)
        chosen[variant_id] = (*chosen.get(variant_id, ()), choice)
    return chosen


def variant(session: Session, variant_id: int) -> VariantRow:
    """One variant. Raises NotFound."""
    rows = variant_rows(session, [variant_id])
    if not rows:
        raise NotFound("variant", variant_id)
    return rows[0]


def external_ids(session: Session, variant_id: int) -> Sequence[VariantExternalId]:
    """What the variant is called outside."""
    return session.scalars(
        select(VariantExternalId).where(VariantExternalId.variant_id == variant_id).order_by(VariantExternalId.id)
    ).all()


def product(session: Session, product_id: int) -> Product:
    """One product. Raises NotFound."""
    found = session.get(Product, product_id, populate_existing=True)
    if found is None:
        raise NotFound("product", product_id)
    return found


def product_options(session: Session, product_id: int) -> tuple[OptionRow, ...]:
    """The options of a product, each with the values it offers."""
    types = session.scalars(
        select(OptionType)
        .join(ProductOptionType, ProductOptionType.option_type_id == OptionType.id)
        .where(ProductOptionType.product_id == product_id)
        .order_by(ProductOptionType.position, OptionType.id)
    ).all()
    values = session.scalars(
        select(OptionValue)
        .join(ProductOptionValue, ProductOptionValue.option_value_id == OptionValue.id)
        .where(ProductOptionValue.product_id == product_id)
        .order_by(ProductOptionValue.position, OptionValue.id)
    ).all()
    return tuple(OptionRow(t, tuple(v for v in values if v.option_type_id == t.id)) for t in types)


def product_page(session: Session, product_id: int, *, limit: int = 2_048) -> ProductPage:
    """A product with its options and variants, active ones first, in a handful of statements. Raises NotFound."""
    found = product(session, product_id)
    ids = list(
        session.scalars(
            select(Variant.id).where(Variant.product_id == product_id).order_by(Variant.status, Variant.id).limit(limit)
        )
    )
    rows = {row.variant.id: row for row in variant_rows(session, ids)}
    flagged = session.execute(select(Variant.id, ~complete(), orphaned()).where(Variant.product_id == product_id))
    incomplete, orphans = set(), set()
    for variant_id, is_incomplete, is_orphan in flagged:
        if is_incomplete:
            incomplete.add(variant_id)
        if is_orphan:
            orphans.add(variant_id)
    return ProductPage(
        found,
        product_options(session, product_id),
        tuple(rows[id_] for id_ in ids),
        frozenset(incomplete),
        frozenset(orphans),
    )


def option_type_page(
    session: Session, *, q: str | None = None, after: int | None = None, limit: int = 50
) -> Page[OptionRow]:
    """Option types, newest first, each with all its values, in four statements."""
    statement = select(OptionType.id)
    if q:
        statement = statement.where(OptionType.name.ilike(contains(q)))
    ids, page = _keys(session, statement, OptionType.id, after, limit)
    types = session.scalars(select(OptionType).where(OptionType.id.in_(ids)).order_by(OptionType.id.desc())).all()
    of_these = select(OptionValue).where(OptionValue.option_type_id.in_(ids))
    values: dict[int, list[OptionValue]] = {}
    for value in session.scalars(of_these.order_by(OptionValue.position, OptionValue.id)):
        values.setdefault(value.option_type_id, []).append(value)
    return replace(page, rows=[OptionRow(t, tuple(values.get(t.id, ()))) for t in types])


def option_types(session: Session) -> list[OptionRow]:
    """All option types of the shop with all their values."""
    types = session.scalars(select(OptionType).order_by(OptionType.position, OptionType.id)).all()
    values = session.scalars(select(OptionValue).order_by(OptionValue.position, OptionValue.id)).all()
    return [OptionRow(t, tuple(v for v in values if v.option_type_id == t.id)) for t in types]
