"""Lists of variants: what they are narrowed by, in which order they come, and their pages, at a million variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, select, union_all
from sqlalchemy.orm import Session

from magflow.domain.errors import FieldError, Invalid
from magflow.domain.options import name_key
from magflow.models import OptionType, OptionValue, OptionValueVariant, Product, Variant, VariantStatus
from magflow.queries import words
from magflow.queries.catalogue import VariantRow, complete, orphaned, purchasable, variant_rows
from magflow.queries.paging import EXACT_UP_TO, Columns, Page, keyed
from magflow.queries.product_views import incomplete_variants, orphaned_variants

EXACT_WHEN_COSTLY: Final = 1_000
"""The same bound where each row is looked at together with its options."""

ORDERS: Final[Mapping[str, Columns]] = {
    "id": (Variant.id,),
    "sku": (words.SKU_ORDER, Variant.id),
}
"""By what lists can be sorted, backwards with a minus before it. Each has its index."""
KINDS: Final[Mapping[str, Sequence[type]]] = {"id": (int,), "sku": (str, int)}
"""What the keys of each order are."""
NEWEST: Final = "-id"


@dataclass(frozen=True)
class VariantFilter:
    """Everything is optional, and all of it must hold."""

    q: str | None = None
    """A part of the SKU, the title or the product's name, or a whole EAN."""
    sku: str | None = None
    sku_prefix: str | None = None
    ean: str | None = None
    product_id: int | None = None
    brand: str | None = None
    category: str | None = None
    option_name: str | None = None
    option_value: str | None = None
    """A value that the variant holds, by name; of this option, when that is named too."""
    status: VariantStatus | None = None
    stock_min: int | None = None
    stock_max: int | None = None
    purchasable: bool | None = None
    complete: bool | None = None
    orphaned: bool | None = None
    """Holds a value, of an option in use, that the product no longer offers."""
    ids: Sequence[int] | None = None

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self != VariantFilter()

    @property
    def is_costly(self) -> bool:
        """Whether it has to look at the options of every row."""
        return (self.purchasable, self.complete, self.orphaned) != (None, None, None)


def variants(
    session: Session,
    wanted: VariantFilter,
    *,
    sort: str = NEWEST,
    after: Sequence[Any] | None = None,
    limit: int = 50,
) -> Page[VariantRow]:
    """Variants with their options, in at most six statements whatever the page's size.

    `after` are the keys behind which the page begins. Raises Invalid when they are not those of this order.
    """
    by = sort.lstrip("-")
    if after is not None and tuple(type(key) for key in after) != KINDS[by]:
        raise Invalid([FieldError("cursor", "invalid")])
    statement = variant_ids(replace(wanted, q=None))
    many = False
    if wanted.q:
        condition, many = words.meant(session, Variant.id, words.of_variants(wanted.q))
        statement = statement.where(condition)
    page = keyed(
        session,
        statement,
        ORDERS[by],
        descending=sort.startswith("-"),
        after=after,
        limit=limit,
        count=wanted.narrows and not (many and replace(wanted, q=None) == VariantFilter()),
        exact_up_to=EXACT_WHEN_COSTLY if wanted.is_costly else EXACT_UP_TO,
    )
    found = {row.variant.id: row for row in variant_rows(session, [keys[-1] for keys in page.rows])}
    # One that was removed for good since it was found is left out.
    return Page([found[k[-1]] for k in page.rows if k[-1] in found], page.total, page.total_is_estimate, page.next_key)


def variant_ids(wanted: VariantFilter) -> Select[int]:
    """The ids of the variants that a filter means, in no order."""
    statement = select(Variant.id)
    if wanted.q:
        statement = statement.where(Variant.id.in_(union_all(*(way.found for way in words.of_variants(wanted.q)))))
    if wanted.sku_prefix:
        statement = statement.where(words.sku_begins(wanted.sku_prefix))
    for column, value in (
        (Variant.sku, wanted.sku or None),
        (Variant.ean, wanted.ean or None),
        (Variant.product_id, wanted.product_id),
        (Variant.status, wanted.status),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.stock_min is not None:
        statement = statement.where(Variant.stock >= wanted.stock_min)
    if wanted.stock_max is not None:
        statement = statement.where(Variant.stock <= wanted.stock_max)
    if wanted.brand or wanted.category:
        statement = statement.where(Variant.product_id.in_(_products(wanted.brand, wanted.category)))
    if wanted.option_value:
        statement = statement.where(holds(wanted.option_value, wanted.option_name))
    if wanted.ids is not None:
        statement = statement.where(Variant.id.in_(wanted.ids))
    return _by_options(statement, wanted)


def _by_options(statement: Select[int], wanted: VariantFilter) -> Select[int]:
    # Asked of the few rows of a product, or found in the whole shop by joins that the server can hash.
    whole_shop = wanted.product_id is None and wanted.ids is None
    if wanted.complete is False and whole_shop:
        statement = statement.where(Variant.id.in_(incomplete_variants()))
    elif wanted.complete is not None:
        statement = statement.where(complete() if wanted.complete else ~complete())
    if wanted.orphaned is True and whole_shop:
        statement = statement.where(Variant.id.in_(orphaned_variants()))
    elif wanted.orphaned is not None:
        statement = statement.where(orphaned() if wanted.orphaned else ~orphaned())
    if wanted.purchasable is not None:
        statement = statement.where(purchasable() if wanted.purchasable else ~purchasable())
    return statement


def _products(brand: str | None, category: str | None) -> Select[int]:
    statement = select(Product.id)
    if brand:
        statement = statement.where(Product.brand == brand)
    if category:
        statement = statement.where(Product.category == category)
    return statement


def holds(value: str, option: str | None = None) -> ColumnElement[bool]:
    """The variant holds a value of this name, whatever its case and marks."""
    held = (
        select(OptionValueVariant.variant_id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(OptionValueVariant.variant_id == Variant.id, OptionValue.name_key == name_key(value))
        .correlate(Variant)
    )
    if option:
        held = held.join(OptionType, OptionType.id == OptionValue.option_type_id).where(
            OptionType.name_key == name_key(option)
        )
    return exists(held)
