"""Lists of products: what they are narrowed by, and their pages, at a hundred thousand products."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from magflow.domain.options import name_key
from magflow.models import OptionValue, Product, ProductOptionValue, Variant
from magflow.queries import words
from magflow.queries.catalogue import ProductRow, product_rows
from magflow.queries.paging import Page, keyed


@dataclass(frozen=True)
class ProductFilter:
    """Everything is optional, and all of it must hold."""

    q: str | None = None
    """A part of the name, a handle, the beginning of a SKU, or a whole EAN."""
    brand: str | None = None
    category: str | None = None
    archived: bool | None = None
    handle: str | None = None
    sku_prefix: str | None = None
    option_value: str | None = None
    """A value that the product offers, by name."""
    where: Sequence[ColumnElement[bool]] = field(default=())
    """Further conditions, such as a view of `magflow.queries.product_views`."""


def products(session: Session, wanted: ProductFilter, *, after: int | None = None, limit: int = 50) -> Page[ProductRow]:
    """Products, newest first, in at most five statements."""
    statement = _narrowed(wanted)
    if wanted.q:
        condition, _many = words.meant(session, Product.id, words.of_products(wanted.q))
        statement = statement.where(condition)
    keys = [after] if after is not None else None
    page = keyed(session, statement, [Product.id], descending=True, after=keys, limit=limit)
    rows = product_rows(session, [key for (key,) in page.rows])
    return Page(rows, page.total, page.total_is_estimate, page.next_key[0] if page.next_key else None)


def product_ids(session: Session, wanted: ProductFilter, *, after: int = 0, limit: int = 500) -> list[int]:
    """The ids of the next products, oldest first."""
    statement = _narrowed(wanted)
    if wanted.q:
        condition, _many = words.meant(session, Product.id, words.of_products(wanted.q))
        statement = statement.where(condition)
    return list(session.scalars(statement.where(Product.id > after).order_by(Product.id).limit(limit)))


def _narrowed(wanted: ProductFilter) -> Select[Any]:
    statement = select(Product.id).where(*wanted.where)
    for column, value in (
        (Product.brand, wanted.brand),
        (Product.category, wanted.category),
        (Product.handle, wanted.handle),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.archived is not None:
        statement = statement.where(Product.archived == wanted.archived)
    if wanted.sku_prefix:
        with_sku = select(Variant.product_id).where(words.sku_begins(wanted.sku_prefix))
        statement = statement.where(Product.id.in_(with_sku))
    if wanted.option_value:
        offering = (
            select(ProductOptionValue.product_id)
            .join(OptionValue, OptionValue.id == ProductOptionValue.option_value_id)
            .where(OptionValue.name_key == name_key(wanted.option_value))
        )
        statement = statement.where(Product.id.in_(offering))
    return statement
