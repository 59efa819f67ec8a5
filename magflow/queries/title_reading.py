"""What the reading of titles rests on: variants without options, what they stand beside, and the values there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from magflow.db import any_of
from magflow.domain.title_reading import Item, KnownType, KnownValue, Lexicon, Reading, read_product
from magflow.models import (
    OptionReadingSkip,
    OptionType,
    OptionValue,
    OptionValueVariant,
    Product,
    ProductOptionType,
    ProductOptionValue,
    Variant,
)
from magflow.queries.paging import Page, counted


@dataclass(frozen=True)
class Bare:
    """A variant without options."""

    id: int
    product_id: int
    product_name: str
    sku: str
    title: str | None
    status: int
    version: int


@dataclass(frozen=True)
class Suggestion:
    """A variant without options and what its title and SKU say."""

    variant: Bare
    reading: Reading
    own_options: bool
    """Read against the product's own options, and not against all of the shop's."""
    types: tuple[KnownType, ...]
    """The options that a person may choose from here."""

    @property
    def needs_more(self) -> bool:
        """Confirming it takes options or values that the product does not have yet."""
        return bool(self.reading.choices) and (
            not self.own_options or any(not choice.offered for choice in self.reading.choices)
        )


def without_options(product_id: int | None = None, *, skipped: bool = False) -> Select[int]:
    """Ids of the variants to be read, or of those that were skipped. Archived products are left alone.

    Over the whole shop, so is what is sold as one item: a product without options has one variant without any.
    """
    is_skipped = exists(select(OptionReadingSkip.variant_id).where(OptionReadingSkip.variant_id == Variant.id))
    statement = (
        select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.options_digest.is_(None), ~Product.archived, is_skipped if skipped else ~is_skipped)
    )
    if product_id is not None:
        return statement.where(Variant.product_id == product_id)
    another = aliased(Variant)
    return statement.where(
        exists(select(ProductOptionType.product_id).where(ProductOptionType.product_id == Variant.product_id))
        | exists(select(another.id).where(another.product_id == Variant.product_id, another.id != Variant.id))
    )


def how_many(session: Session, product_id: int, *, most: int = 1_000) -> int:
    """Variants of a product that wait to be read, for a badge; counted up to `most`."""
    bounded = without_options(product_id).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(bounded)) or 0


def suggestions(
    session: Session,
    product_id: int | None = None,
    *,
    after: int | None = None,
    limit: int = 50,
    skipped: bool = False,
    propose: bool = False,
    language: str = "en",
) -> Page[Suggestion]:
    """A page of variants without options, oldest first, each with its reading; a constant number of statements."""
    statement = without_options(product_id, skipped=skipped)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Variant.id > after)
    ids = list(session.scalars(statement.order_by(Variant.id).limit(limit + 1)))
    more = len(ids) > limit
    ids = ids[:limit]
    rows = of_variants(session, ids, propose=propose, language=language)
    return Page(rows, total, estimate, ids[-1] if more else None)


def of_variants(
    session: Session, ids: Sequence[int], *, propose: bool = False, language: str = "en"
) -> list[Suggestion]:
    """Readings of these variants, in this order; each product is read as a whole."""
    if not ids:
        return []
    wanted = set(ids)
    variants = _side_by_side(session, ids)
    products = {row.product_id: row.name for row in variants}
    held = _held(session, list(products))
    options = _Options(session, list(products))
    by_product: dict[int, list[Any]] = {}
    for row in variants:
        by_product.setdefault(row.product_id, []).append(row)
    found: dict[int, Suggestion] = {}
    for product_id, rows in by_product.items():
        items = [Item(r.id, r.title, r.sku, None if r.options_digest is None else held.get(r.id, {})) for r in rows]
        lexicon, own = options.of(product_id)
        made = read_product(
            products[product_id], items, lexicon, own_options=own, propose=propose, language=language
        )  # fmt: skip
        for r in rows:
            if r.id in wanted and r.id in made:
                bare = Bare(r.id, r.product_id, r.name, r.sku, r.title, r.status, r.version)
                found[r.id] = Suggestion(bare, made[r.id], own, lexicon.types)
    return [found[id_] for id_ in ids if id_ in found]


def _side_by_side(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    """All variants of the products of these."""
    products = select(Variant.product_id).where(Variant.id == any_of(ids))
    return session.execute(
        select(
            Variant.id,
            Variant.product_id,
            Product.name,
            Variant.sku,
            Variant.title,
            Variant.status,
            Variant.version,
            Variant.options_digest,
        )
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.product_id.in_(products))
        .order_by(Variant.product_id, Variant.id)
    ).all()


def _held(session: Session, product_ids: Sequence[int]) -> Mapping[int, dict[int, int]]:
    """Per variant the values that count, by type."""
    held: dict[int, dict[int, int]] = {}
    rows = session.execute(
        select(OptionValueVariant.variant_id, OptionValue.option_type_id, OptionValue.id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(Variant, Variant.id == OptionValueVariant.variant_id)
        .join(
            ProductOptionType,
            (ProductOptionType.product_id == Variant.product_id)
            & (ProductOptionType.option_type_id == OptionValue.option_type_id),
        )
        .where(Variant.product_id == any_of(product_ids), Variant.options_digest.is_not(None))
    )
    for variant_id, type_id, value_id in rows:
        held.setdefault(variant_id, {})[type_id] = value_id
    return held


class _Options:
    """The options of several products, and the shop's for those that have none."""

    def __init__(self, session: Session, product_ids: Sequence[int]) -> None:
        self._shop: dict[int, tuple[str, list[KnownValue]]] = {}
        for type_id, type_name, value_id, name, presentation in session.execute(
            select(OptionType.id, OptionType.name, OptionValue.id, OptionValue.name, OptionValue.presentation)
            .outerjoin(OptionValue, (OptionValue.option_type_id == OptionType.id) & OptionValue.active)
            .where(OptionType.active)
            .order_by(OptionType.position, OptionType.id, OptionValue.position, OptionValue.id)
        ):
            values = self._shop.setdefault(type_id, (type_name, []))[1]
            if value_id is not None:
                values.append(KnownValue(value_id, name, presentation))
        self._types: dict[int, list[tuple[int, str]]] = {}
        for product_id, type_id, name in session.execute(
            select(ProductOptionType.product_id, OptionType.id, OptionType.name)
            .join(OptionType, OptionType.id == ProductOptionType.option_type_id)
            .where(ProductOptionType.product_id == any_of(product_ids))
            .order_by(ProductOptionType.position, OptionType.id)
        ):
            self._types.setdefault(product_id, []).append((type_id, name))
        self._offered: dict[tuple[int, int], list[KnownValue]] = {}
        for product_id, type_id, value_id, name, presentation in session.execute(
            select(
                ProductOptionValue.product_id,
                OptionValue.option_type_id,
                OptionValue.id,
                OptionValue.name,
                OptionValue.presentation,
            )
            .join(OptionValue, OptionValue.id == ProductOptionValue.option_value_id)
            .where(ProductOptionValue.product_id == any_of(product_ids))
            .order_by(ProductOptionValue.position, OptionValue.id)
        ):
            known = KnownValue(value_id, name, presentation)
            self._offered.setdefault((product_id, type_id), []).append(known)
        self._made: dict[tuple[KnownType, ...], Lexicon] = {}

    def of(self, product_id: int) -> tuple[Lexicon, bool]:
        """What to read a product against, and whether that is its own."""
        own = self._types.get(product_id)
        if own is None:
            types = tuple(KnownType(id_, name, tuple(values)) for id_, (name, values) in self._shop.items())
        else:
            types = tuple(self._known(product_id, type_id, name) for type_id, name in own)
        if types not in self._made:
            self._made[types] = Lexicon.of(types)
        return self._made[types], own is not None

    def _known(self, product_id: int, type_id: int, name: str) -> KnownType:
        offered = tuple(self._offered.get((product_id, type_id), ()))
        ids = {value.id for value in offered}
        others = tuple(v for v in self._shop.get(type_id, ("", []))[1] if v.id not in ids)
        return KnownType(type_id, name, offered, others)
