"""One product for the API: what its variants add up to, its options, its default variant, its free combinations."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.domain.errors import NotFound
from magflow.domain.options import digest
from magflow.models import Product, Variant, VariantStatus
from magflow.queries.catalogue import OptionRow, ProductRow, VariantRow, product_options, product_rows, variant_rows


@dataclass(frozen=True)
class ProductDetails:
    row: ProductRow
    options: tuple[OptionRow, ...]
    default_variant: VariantRow | None
    """The active variant without options, by which a product without options is sold."""


@dataclass(frozen=True)
class FreeCombinations:
    """Some of the combinations that no active variant has, in the order of the options.

    Each is {option name: value name}. `next_place` is where the next page starts, None at the end.
    """

    rows: Sequence[dict[str, str]]
    total: int
    next_place: int | None


def details(session: Session, product_id: int) -> ProductDetails:
    """A product in six statements. Raises NotFound."""
    rows = product_rows(session, [product_id])
    if not rows:
        raise NotFound("product", product_id)
    default = session.scalar(
        select(Variant.id).where(
            Variant.product_id == product_id,
            Variant.options_digest.is_(None),
            Variant.status == VariantStatus.ACTIVE,
        )
    )
    variants = variant_rows(session, [default]) if default is not None else []
    return ProductDetails(rows[0], product_options(session, product_id), variants[0] if variants else None)


def check_product(session: Session, product_id: int) -> None:
    """Raise NotFound unless there is such a product."""
    if session.scalar(select(Product.id).where(Product.id == product_id)) is None:
        raise NotFound("product", product_id)


def check_variant(session: Session, variant_id: int) -> None:
    """Raise NotFound unless there is such a variant."""
    if session.scalar(select(Variant.id).where(Variant.id == variant_id)) is None:
        raise NotFound("variant", variant_id)


def free_combinations(session: Session, product_id: int, *, after: int = 0, limit: int = 50) -> FreeCombinations:
    """Combinations of the offered values that have no active variant, in four statements. Raises NotFound.

    They are counted by multiplication and made one by one from their place in the order, so a product with a million
    combinations costs no more than its page and its active variants.
    """
    check_product(session, product_id)
    options = product_options(session, product_id)
    sizes = [len(option.values) for option in options]
    count = math.prod(sizes) if options else 0
    taken = set(
        session.scalars(
            select(Variant.options_digest).where(
                Variant.product_id == product_id,
                Variant.status == VariantStatus.ACTIVE,
                Variant.options_digest.is_not(None),
            )
        )
    )
    offered = [{value.id for value in option.values} for option in options]
    gone = sum(1 for combination in taken if combination and _is_offered(combination, offered))
    rows: list[dict[str, str]] = []
    for place, chosen in _combinations(options, after, count):
        if digest({option.type.id: option.values[n].id for option, n in chosen}, _types(options)) in taken:
            continue
        if len(rows) == limit:
            return FreeCombinations(rows, count - gone, place)
        rows.append({option.type.name: option.values[n].name for option, n in chosen})
    return FreeCombinations(rows, count - gone, None)


def _types(options: Sequence[OptionRow]) -> frozenset[int]:
    return frozenset(option.type.id for option in options)


def _combinations(
    options: Sequence[OptionRow], start: int, count: int
) -> Iterator[tuple[int, list[tuple[OptionRow, int]]]]:
    """(place, [(option, index of its value)]) from a place on; the last option varies fastest."""
    for place in range(start, count):
        rest, indexes = place, []
        for option in reversed(options):
            rest, index = divmod(rest, len(option.values))
            indexes.append((option, index))
        yield place, indexes[::-1]


def _is_offered(combination: str, offered: Sequence[set[int]]) -> bool:
    """Whether an active variant's digest is one of the combinations that are counted."""
    held = {int(id_) for id_ in combination.split("-")}
    return len(held) == len(offered) and all(len(held & values) == 1 for values in offered)
