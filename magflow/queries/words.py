"""What people type to find something, as conditions that the indexes of migration 0024 answer."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from magflow.db import any_of
from magflow.models import Product, Variant
from magflow.queries.catalogue import contains
from magflow.queries.paging import EXACT_UP_TO

SHORT: Final = 2
"""Letters that stand somewhere in most names, and in no index: they are looked for at the beginning only."""
HIGHEST: Final = "\U0010ffff"

SKU_ORDER: Final[ColumnElement[str]] = func.upper(Variant.sku).collate("C")
"""By SKU, whatever the case; the same on every server."""


def fragment(text: str) -> str:
    """A pattern for LIKE that finds what a person types: a letter or two at the beginning, more of them anywhere."""
    return contains(text)[1:] if len(text.strip()) <= SHORT else contains(text)


def named(column: Any, text: str) -> ColumnElement[bool]:
    """A name has this fragment, whatever its case and the marks on its letters."""
    condition: ColumnElement[bool] = func.magflow_folded(column).like(func.magflow_folded(literal(fragment(text))))
    return condition


def sku_begins(text: str) -> ColumnElement[bool]:
    """A SKU starts with this, whatever the case. A range, which the index in SKU order answers."""
    low = func.upper(literal(text))
    return and_(low <= SKU_ORDER, low.op("||")(literal(HIGHEST)) > SKU_ORDER)


def sku_has(text: str) -> ColumnElement[bool]:
    """A SKU has this fragment, whatever the case."""
    return sku_begins(text) if len(text.strip()) <= SHORT else Variant.sku.ilike(contains(text))


class Way(NamedTuple):
    """One way to mean a row: where to look for all such rows, and what to ask a row that is there already."""

    found: Select[Any]
    asked: ColumnElement[bool]


def of_variants(text: str) -> list[Way]:
    """The ways in which words mean a variant: EAN, SKU, title, the product's name.

    A letter or two stand in the titles of half a shop, and no index tells where: they mean no title.
    """
    of_itself = [Variant.ean == text, sku_has(text)]
    if len(text.strip()) > SHORT:
        of_itself.append(named(Variant.title, text))
    product = select(Product.id).where(Product.id == Variant.product_id, named(Product.name, text)).correlate(Variant)
    of_product = select(Variant.id).join(Product, Product.id == Variant.product_id).where(named(Product.name, text))
    return [*(Way(select(Variant.id).where(one), one) for one in of_itself), Way(of_product, product.exists())]


def of_products(text: str) -> list[Way]:
    """The ways in which words mean a product: its name, its handle, the SKU or EAN of a variant."""
    of_itself = (named(Product.name, text), Product.handle == text)
    of_variant = (sku_begins(text), Variant.ean == text)
    has = select(Variant.id).where(Variant.product_id == Product.id).correlate(Product)
    return [
        *(Way(select(Product.id).where(one), one) for one in of_itself),
        *(Way(select(Variant.product_id).where(one).distinct(), has.where(one).exists()) for one in of_variant),
    ]


def meant(session: Session, key: InstrumentedAttribute[int], ways: Sequence[Way]) -> tuple[ColumnElement[bool], bool]:
    """The condition that a row is among those that words mean, and whether those are more than are counted.

    One statement looks for them. Rare words become the rows that it found. Common ones become a question to each row:
    a list in its order meets enough of those soon, while looking all of them up would take longer than anything.
    """
    ids = session.scalars(some_of(ways, EXACT_UP_TO + 1)).all()
    if len(ids) <= EXACT_UP_TO:
        return key == any_of(sorted(set(ids))), False
    return or_(*(way.asked for way in ways)), True


def some_of(ways: Sequence[Way], most: int) -> Select[Any]:
    """The first so many rows of each way to mean something."""
    found = union_all(*(select(way.found.limit(most).subquery().c[0]) for way in ways)).subquery()
    return select(found.c[0])
