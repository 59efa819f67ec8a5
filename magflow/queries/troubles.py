"""Orphans, incomplete variants and duplicates by name: the lists, the figure for the badge, and what can be chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session

from magflow.db import any_of
from magflow.domain.options import name_key
from magflow.models import (
    OptionType,
    OptionValue,
    OptionValueVariant,
    Product,
    ProductOptionType,
    ProductOptionValue,
    TroubleKeep,
    Variant,
    VariantStatus,
    VariantTrouble,
)
from magflow.queries.catalogue import VariantRow, contains, variant_rows
from magflow.queries.paging import Page, counted

KINDS: Final = ("orphan", "incomplete", "duplicate")


@dataclass(frozen=True)
class TroubleFilter:
    kind: str | None = None
    product_id: int | None = None
    value_id: int | None = None
    """Active variants that hold this value, whether something is wrong with them or not."""
    q: str | None = None
    kept: bool = False
    """Those that somebody keeps as they are, instead of those that wait."""


@dataclass(frozen=True)
class TroubledRow:
    """A variant, and everything that is wrong with it by now."""

    row: VariantRow
    kinds: tuple[str, ...]
    gone: tuple[str, ...]
    """Values that are no longer offered, by name."""
    lacking: tuple[str, ...]
    """Options without a value, by name."""
    alike: tuple[tuple[int, str], ...]
    """(id, SKU) of variants that read the same."""


@dataclass(frozen=True)
class Choice:
    """Something that a remedy decides: what a value is replaced by, or which value an option gets."""

    option_type_id: int
    option_name: str
    value_id: int | None
    """The value that is held now; None where one is lacking."""
    value_name: str | None
    count: int
    to: tuple[tuple[int, str], ...]
    """(id, name) of the values that the products offer."""
    suggested: int | None = None


@dataclass(frozen=True)
class TwinValue:
    """A value that is written like another one of its option."""

    option_name: str
    value_id: int
    value_name: str
    other_id: int
    other_name: str
    variants: int


def _is_kept() -> ColumnElement[bool]:
    return exists(
        select(TroubleKeep.variant_id).where(
            TroubleKeep.variant_id == VariantTrouble.variant_id,
            TroubleKeep.kind == VariantTrouble.kind,
            TroubleKeep.state == VariantTrouble.state,
        )
    )


def troubled_ids(wanted: TroubleFilter) -> Select[int]:
    """The ids of the variants that a filter means, in no order."""
    active = Variant.status == VariantStatus.ACTIVE
    if wanted.value_id is not None:
        statement = (
            select(Variant.id)
            .join(OptionValueVariant, OptionValueVariant.variant_id == Variant.id)
            .where(OptionValueVariant.option_value_id == wanted.value_id, active)
        )
    else:
        # From what was found to the variants, which may be a million: several troubles of one are one row.
        statement = (
            select(Variant.id)
            .join(VariantTrouble, VariantTrouble.variant_id == Variant.id)
            .where(_is_kept() if wanted.kept else ~_is_kept(), active)
            .group_by(Variant.id)
        )
        if wanted.kind is not None:
            statement = statement.where(VariantTrouble.kind == wanted.kind)
        if wanted.product_id is not None:
            statement = statement.where(VariantTrouble.product_id == wanted.product_id)
    if wanted.product_id is not None:
        statement = statement.where(Variant.product_id == wanted.product_id)
    if wanted.q:
        named = exists(
            select(Product.id).where(Product.id == Variant.product_id, Product.name.ilike(contains(wanted.q)))
        )
        statement = statement.where(Variant.sku.ilike(contains(wanted.q)) | named)
    return statement


def troubled(
    session: Session, wanted: TroubleFilter, *, after: int | None = None, limit: int = 50
) -> Page[TroubledRow]:
    """Variants with something wrong, newest first; a constant number of statements."""
    statement = troubled_ids(wanted)
    total, estimate = counted(session, statement)
    if after is not None:
        statement = statement.where(Variant.id < after)
    ids = list(session.scalars(statement.order_by(Variant.id.desc()).limit(limit + 1)))
    page: Page[TroubledRow] = Page((), total, estimate, ids[limit - 1] if len(ids) > limit else None)
    return replace(page, rows=rows(session, ids[:limit]))


def rows(session: Session, ids: Sequence[int]) -> list[TroubledRow]:
    """These variants with what is wrong with each, as it stands now and not as it was found last."""
    shown = variant_rows(session, ids)
    types = options_of_products(session, [row.variant.product_id for row in shown])
    found = session.execute(
        select(VariantTrouble.variant_id, VariantTrouble.state).where(
            VariantTrouble.variant_id == any_of(ids), VariantTrouble.kind == "duplicate"
        )
    )
    twins = {variant_id: [int(id_) for id_ in state.split("-")] for variant_id, state in found}
    skus = _active_skus(session, sorted({id_ for others in twins.values() for id_ in others}))
    result = []
    for row in shown:
        held = {choice.option_name for choice in row.options}
        gone = tuple(c.option_value for c in row.options if not c.obsolete and not c.offered)
        lacking = tuple(name for _id, name in types.get(row.variant.product_id, ()) if name not in held)
        alike = tuple((id_, skus[id_]) for id_ in twins.get(row.variant.id, ()) if id_ in skus)
        kinds = tuple(k for k, found_ in zip(KINDS, (gone, lacking, alike), strict=True) if found_)
        result.append(TroubledRow(row, kinds, gone, lacking, alike))
    return result


def oldest(session: Session, wanted: TroubleFilter, most: int) -> list[int]:
    """The ids of the first variants that a filter means, lowest first."""
    return list(session.scalars(troubled_ids(wanted).order_by(Variant.id).limit(most)))


def _active_skus(session: Session, ids: Sequence[int]) -> dict[int, str]:
    active = select(Variant.id, Variant.sku).where(Variant.id == any_of(ids), Variant.status == VariantStatus.ACTIVE)
    return dict(session.execute(active).all()) if ids else {}


def options_of_products(session: Session, product_ids: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """Per product its options in order, as (id, name)."""
    found: dict[int, list[tuple[int, str]]] = {}
    for product_id, type_id, name in session.execute(
        select(ProductOptionType.product_id, OptionType.id, OptionType.name)
        .join(OptionType, OptionType.id == ProductOptionType.option_type_id)
        .where(ProductOptionType.product_id == any_of(sorted(set(product_ids))))
        .order_by(ProductOptionType.position, OptionType.id)
    ):
        found.setdefault(product_id, []).append((type_id, name))
    return found


def counts(session: Session, *, most: int = 1_000) -> Mapping[str, int]:
    """How many variants wait, by kind, under "" all of them together, and under "kept" those that are kept.

    Each is at most one more than `most`.
    """
    filters = {"": TroubleFilter(), "kept": TroubleFilter(kept=True), **{kind: TroubleFilter(kind) for kind in KINDS}}
    bounded = {
        name: select(func.count()).select_from(troubled_ids(wanted).limit(most + 1).subquery()).scalar_subquery()
        for name, wanted in filters.items()
    }
    row = session.execute(select(*bounded.values())).one()
    return dict(zip(bounded, row, strict=True))


def waiting(session: Session, *, most: int = 99) -> int:
    """How many variants wait for somebody, for a badge: at most one more than `most`."""
    bounded = troubled_ids(TroubleFilter()).limit(most + 1).subquery()
    return session.scalar(select(func.count()).select_from(bounded)) or 0


def value_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    """What these option values are called."""
    named = select(OptionValue.id, OptionValue.name).where(OptionValue.id == any_of(sorted(ids)))
    return dict(session.execute(named).all())


def choices(session: Session, ids: Sequence[int], *, value_id: int | None = None) -> list[Choice]:
    """What a remedy for these variants decides: each value that is no longer offered, each option without a value.

    With `value_id` that value may be replaced too, offered or not.
    """
    taken: dict[tuple[int, str, int | None, str | None], int] = {}
    offered = _offered(session, ids)
    twins = {twin.value_id: twin.other_id for twin in twin_values(session)}
    for row in rows(session, ids):
        by_name = {name: type_id for type_id, name in offered.types.get(row.row.variant.product_id, ())}
        for option in row.row.options:
            asked = not option.obsolete and (not option.offered or option.option_value_id in twins)
            if (asked or option.option_value_id == value_id) and option.option_name in by_name:
                key = (by_name[option.option_name], option.option_name, option.option_value_id, option.option_value)
                taken[key] = taken.get(key, 0) + 1
        for name in row.lacking:
            lacks = (by_name[name], name, None, None)
            taken[lacks] = taken.get(lacks, 0) + 1
    return [
        Choice(
            type_id, name, held, held_name, count,
            tuple(pair for pair in offered.values.get(type_id, ()) if pair[0] != held),
            twins.get(held) if held is not None else None,
        )
        for (type_id, name, held, held_name), count in sorted(taken.items(), key=lambda one: (-one[1], one[0][1]))
    ]  # fmt: skip


@dataclass(frozen=True)
class _Offered:
    types: Mapping[int, Sequence[tuple[int, str]]]
    values: Mapping[int, Sequence[tuple[int, str]]]


def _offered(session: Session, ids: Sequence[int]) -> _Offered:
    """Options of the products of these variants, and per option the values that any of them offers."""
    products = list(session.scalars(select(Variant.product_id).where(Variant.id == any_of(ids)).distinct()))
    values: dict[int, list[tuple[int, str]]] = {}
    for type_id, value_id, name in session.execute(
        select(OptionValue.option_type_id, OptionValue.id, OptionValue.name)
        .where(
            exists(
                select(ProductOptionValue.product_id).where(
                    and_(
                        ProductOptionValue.option_value_id == OptionValue.id,
                        ProductOptionValue.product_id == any_of(products),
                    )
                )
            )
        )
        .order_by(OptionValue.position, OptionValue.id)
    ):
        values.setdefault(type_id, []).append((value_id, name))
    return _Offered(options_of_products(session, products), values)


def twin_values(session: Session) -> list[TwinValue]:
    """Values of an adopted shop that are written like another one of their option: case, accents and blanks apart.

    New ones cannot come up: a name is looked up folded before a value is made.
    """
    nameless = session.execute(
        select(OptionValue.id, OptionValue.option_type_id, OptionValue.name, OptionType.name)
        .join(OptionType, OptionType.id == OptionValue.option_type_id)
        .where(OptionValue.name_key.is_(None))
        .order_by(OptionType.name, OptionValue.id)
    ).all()
    if not nameless:
        return []
    keyed = {
        (row.option_type_id, row.name_key): (row.id, row.name)
        for row in session.execute(
            select(OptionValue.id, OptionValue.option_type_id, OptionValue.name_key, OptionValue.name).where(
                OptionValue.name_key.is_not(None), OptionValue.option_type_id == any_of([row[1] for row in nameless])
            )
        )
    }
    held = dict(
        session.execute(
            select(OptionValueVariant.option_value_id, func.count())
            .join(Variant, Variant.id == OptionValueVariant.variant_id)
            .where(
                OptionValueVariant.option_value_id == any_of([row[0] for row in nameless]),
                Variant.status == VariantStatus.ACTIVE,
            )
            .group_by(OptionValueVariant.option_value_id)
        ).all()
    )
    return [
        TwinValue(option, id_, name, *keyed[type_id, name_key(name)], held.get(id_, 0))
        for id_, type_id, name, option in nameless
        if (type_id, name_key(name)) in keyed
    ]
