"""Products: made, edited, archived, and their options changed with everything that follows for the variants."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_product, lock_variants_of_product, savepoint, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken, FieldError, Invalid, NotFound, StaleVersion
from magflow.domain.names import handle_from
from magflow.domain.options import digest
from magflow.models import Product, ProductOptionType, ProductOptionValue, Variant, VariantStatus
from magflow.services import options as option_rows
from magflow.services import trouble_finder
from magflow.services.options import OptionInput, ProductOptions, ResolvedOption, chosen_by_variant


@dataclass(frozen=True)
class NewProduct:
    """A product; with `sku` or `price` also its default variant. `default_variant` asks for one in any case."""

    name: str
    handle: str | None = None
    description: str | None = None
    brand: str | None = None
    category: str | None = None
    vat_rate: Decimal | None = None
    sku: str | None = None
    price: Decimal | None = None
    stock: int = 0
    ean: str | None = None
    default_variant: bool = False
    options: Sequence[OptionInput] = ()


@dataclass(frozen=True)
class EditProduct:
    """`changes` holds only the fields that were given."""

    product_id: int
    changes: dict[str, Any]
    seen_version: int | None = None


@dataclass(frozen=True)
class SetOptions:
    product_id: int
    options: Sequence[OptionInput]
    seen_version: int | None = None
    seen_plan: str | None = None
    """The fingerprint of the preview that was agreed to; refused when it comes out differently under the lock."""


@dataclass(frozen=True)
class OptionsChanged:
    """What a change of options did to the variants, by id."""

    product: Product
    options: ProductOptions
    deactivated: tuple[int, ...] = ()
    incomplete: tuple[int, ...] = ()
    orphans: tuple[int, ...] = ()


EDITABLE = frozenset({"name", "handle", "description", "brand", "category", "vat_rate"})

HANDLE_ATTEMPTS = 50
"""How often a handle is made anew when somebody else took the one that was free a moment ago.

Of so many who ask for the same at once, each round serves one.
"""


@transactional
def create(session: Session, command: NewProduct, *, actor: Actor) -> Product:
    """Make a product, its options and, where asked, its default variant.

    Without a handle one is made from the name, numbered when it is taken. Raises Invalid, AlreadyTaken.
    """
    option_rows.check_inputs(command.options)
    if command.options:
        option_rows.lock_option_names(session, [o.name for o in command.options])
    product = _insert(session, command)
    if command.options:
        resolved = option_rows.find_or_create(session, command.options)
        _write_options(session, product.id, resolved)
    if command.default_variant or command.sku is not None or command.price is not None:
        variant = Variant(
            product_id=product.id,
            sku=command.sku or product.handle.upper(),
            title=None,
            price=command.price if command.price is not None else Decimal(0),
            stock=command.stock,
            ean=command.ean,
            status=VariantStatus.ACTIVE,
        )
        session.add(variant)
    session.flush()
    session.refresh(product)
    return product


def _insert(session: Session, command: NewProduct) -> Product:
    """The product's row, with the handle that was given or one that is free."""
    for attempt in range(1, HANDLE_ATTEMPTS + 1):
        product = Product(
            name=command.name,
            handle=command.handle or free_handle(session, command.name),
            description=command.description,
            brand=command.brand,
            category=command.category,
            vat_rate=command.vat_rate,
        )
        try:
            with savepoint(session):
                session.add(product)
                session.flush()
        except AlreadyTaken:
            if command.handle or attempt == HANDLE_ATTEMPTS:
                raise
        else:
            return product
    raise AssertionError("the last attempt returns or raises")


def free_handle(session: Session, name: str) -> str:
    """A handle of this name that no product has: the plain one, else the next number behind it."""
    base = handle_from(name)
    taken = set(
        session.scalars(select(Product.handle).where((Product.handle == base) | Product.handle.like(f"{base}-%")))
    )
    if base not in taken:
        return base
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


@transactional
def edit(session: Session, command: EditProduct, *, actor: Actor) -> Product:
    """Change the fields that are given. Raises NotFound, StaleVersion, Invalid for a field that is not editable."""
    if unknown := command.changes.keys() - EDITABLE:
        raise Invalid([FieldError(name, "unknown_field") for name in sorted(unknown)])
    product = lock_product(session, command.product_id)
    check_seen(product, command.seen_version, command.changes)
    for name, value in command.changes.items():
        setattr(product, name, value)
    if session.is_modified(product):
        _touch(product)
    session.flush()
    session.refresh(product)
    return product


def check_seen(row: Product | Variant, seen: int | None, changes: dict[str, Any]) -> None:
    """Refuse when somebody saved in between, with the present value of every field that was to be changed."""
    if seen is not None and seen != row.version:
        raise StaleVersion(seen, row.version, {name: getattr(row, name, None) for name in changes})


@transactional
def archive(session: Session, product_id: int, *, actor: Actor) -> tuple[Product, int]:
    """Deactivate the active variants and mark the product archived. Returns how many were deactivated."""
    product = lock_product(session, product_id)
    variants = lock_variants_of_product(session, product_id)
    active = [v.id for v in variants if v.status == VariantStatus.ACTIVE]
    if active:
        session.execute(
            update(Variant)
            .where(Variant.id.in_(active))
            .values(status=VariantStatus.INACTIVE, version=Variant.version + 1, updated_at=func.clock_timestamp())
        )
    if not product.archived:
        product.archived, product.archived_at = True, func.clock_timestamp()
        _touch(product)
    session.flush()
    trouble_finder.look(session, [product.id])
    session.refresh(product)
    return product, len(active)


@transactional
def set_options(session: Session, command: SetOptions, *, actor: Actor) -> OptionsChanged:
    """Change which options a product has and which values it offers; unknown names are made.

    Per combination the active variant with the smallest id stays active and the others are deactivated; nothing
    else about existing variants changes. Raises NotFound, StaleVersion, Invalid.
    """
    option_rows.check_inputs(command.options)
    option_rows.lock_option_names(session, [o.name for o in command.options])
    product = lock_product(session, command.product_id)
    check_seen(product, command.seen_version, {})
    variants = lock_variants_of_product(session, product.id)
    before = option_rows.options_of(session, product.id)
    resolved = option_rows.find_or_create(session, command.options)
    changed = _is_other(before, resolved)
    if changed:
        _write_options(session, product.id, resolved)
        _touch(product)
    outcome = _plan(variants, chosen_by_variant(session, [v.id for v in variants]), resolved)
    if command.seen_plan is not None and command.seen_plan != outcome.fingerprint:
        raise StaleVersion(command.seen_plan, outcome.fingerprint)
    _apply(session, outcome)
    session.flush()
    trouble_finder.look(session, [product.id])
    session.refresh(product)
    return OptionsChanged(
        product,
        option_rows.options_of(session, product.id),
        tuple(outcome.deactivate),
        tuple(outcome.incomplete),
        tuple(outcome.orphans),
    )


def preview_options(session: Session, command: SetOptions) -> "OptionsPlan":
    """What `set_options` would do to the variants, decided by the same function; nothing is written or locked.

    Raises NotFound, Invalid.
    """
    option_rows.check_inputs(command.options)
    if session.get(Product, command.product_id) is None:
        raise NotFound("product", command.product_id)
    variants = session.scalars(
        select(Variant).where(Variant.product_id == command.product_id).order_by(Variant.id)
    ).all()
    resolved = option_rows.find_or_imagine(session, command.options)
    return _plan(variants, chosen_by_variant(session, [v.id for v in variants]), resolved)


def extend_options(session: Session, product_id: int, named: Sequence[OptionInput]) -> list[ResolvedOption]:
    """Make sure that a product offers these options and values, for feeds and imports; nothing is taken away.

    The caller holds `lock_option_names`. The product is locked only when something is missing. A type that comes
    back counts again for values which old variants still hold, so digests are computed anew then.
    """
    option_rows.check_inputs(named)
    if session.get(Product, product_id) is None:
        raise NotFound("product", product_id)
    resolved = option_rows.find_or_create(session, named)
    if _offers(option_rows.options_of(session, product_id), resolved):
        return resolved
    product = lock_product(session, product_id)
    there = option_rows.options_of(session, product_id)
    added = {o.type.id: o.values for o in resolved}
    merged = [
        ResolvedOption(t, there.offered[t.id] + tuple(v for v in added.get(t.id, ()) if v not in there.offered[t.id]))
        for t in there.types
    ] + [o for o in resolved if o.type.id not in there.type_ids]
    _write_options(session, product_id, merged)
    _touch(product)
    if len(merged) > len(there.types):
        variants = lock_variants_of_product(session, product_id)
        _apply(session, _plan(variants, chosen_by_variant(session, [v.id for v in variants]), merged))
    session.flush()
    trouble_finder.look(session, [product_id])
    return resolved


def _offers(there: ProductOptions, wanted: Sequence[ResolvedOption]) -> bool:
    return all(o.type.id in there.type_ids and {v.id for v in o.values} <= there.offered_ids for o in wanted)


@dataclass
class OptionsPlan:
    """What a change of options means for the variants: the preview shows it, the change carries it out."""

    digests: dict[int, str | None] = field(default_factory=dict)
    """Only the variants whose digest changes."""
    deactivate: list[int] = field(default_factory=list)
    incomplete: list[int] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    stays: dict[int, int] = field(default_factory=dict)
    """Each variant that is deactivated -> the active one that keeps their common combination."""

    @property
    def fingerprint(self) -> str:
        """Equal for two plans that do the same to the same variants."""
        parts = (sorted(self.digests.items()), self.deactivate, self.incomplete, self.orphans)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _plan(
    variants: Sequence[Variant], chosen: dict[int, dict[int, int]], options: Sequence[ResolvedOption]
) -> OptionsPlan:
    types = {o.type.id for o in options}
    offered = {v.id for o in options for v in o.values}
    plan = OptionsPlan()
    keeps: dict[str | None, int] = {}
    for variant in sorted(variants, key=lambda v: v.id):
        held = chosen[variant.id]
        new = digest(held, types)
        if new != variant.options_digest:
            plan.digests[variant.id] = new
        if variant.status == VariantStatus.ACTIVE and keeps.setdefault(new, variant.id) != variant.id:
            plan.deactivate.append(variant.id)
            plan.stays[variant.id] = keeps[new]
        if types - held.keys():
            plan.incomplete.append(variant.id)
        if any(value not in offered for type_, value in held.items() if type_ in types):
            plan.orphans.append(variant.id)
    return plan


def _apply(session: Session, plan: OptionsPlan) -> None:
    # Deactivate the losers before any digest is written: for a moment two active variants would share one, and the
    # partial unique index would refuse the winner.
    if plan.deactivate:
        session.execute(
            update(Variant)
            .where(Variant.id.in_(plan.deactivate))
            .values(status=VariantStatus.INACTIVE, version=Variant.version + 1, updated_at=func.clock_timestamp())
        )
    if plan.digests:
        execute(session, STEP_ASIDE, {"ids": list(plan.digests), "digests": list(plan.digests.values())})
        execute(session, WRITE_DIGESTS, {"ids": list(plan.digests), "digests": list(plan.digests.values())})


# One variant's new digest may be another's old one, and a unique index looks at every row as it is written: whoever
# stands in the way of somebody else first takes a digest that no combination can have.
STEP_ASIDE: Final = """
UPDATE variants v SET options_digest = 'moving-' || v.id
FROM unnest(%(ids)s::bigint[], %(digests)s::text[]) AS own (id, digest)
WHERE v.id = own.id AND v.status = 0
  AND EXISTS (SELECT FROM unnest(%(ids)s::bigint[], %(digests)s::text[]) AS other (id, digest)
              WHERE other.id <> v.id AND other.digest IS NOT DISTINCT FROM v.options_digest)"""

WRITE_DIGESTS: Final = """
UPDATE variants v SET options_digest = new.digest, updated_at = clock_timestamp()
FROM unnest(%(ids)s::bigint[], %(digests)s::text[]) AS new (id, digest)
WHERE v.id = new.id"""


def _is_other(before: ProductOptions, wanted: Sequence[ResolvedOption]) -> bool:
    return [(t.id, [v.id for v in before.offered[t.id]]) for t in before.types] != [
        (o.type.id, [v.id for v in o.values]) for o in wanted
    ]


def _write_options(session: Session, product_id: int, options: Sequence[ResolvedOption]) -> None:
    session.execute(delete(ProductOptionType).where(ProductOptionType.product_id == product_id))
    session.execute(delete(ProductOptionValue).where(ProductOptionValue.product_id == product_id))
    if not options:
        return
    session.execute(
        insert(ProductOptionType),
        [{"product_id": product_id, "option_type_id": o.type.id, "position": n} for n, o in enumerate(options)],
    )
    values = [value for option in options for value in option.values]
    if values:
        session.execute(
            insert(ProductOptionValue),
            [{"product_id": product_id, "option_value_id": v.id, "position": n} for n, v in enumerate(values)],
        )


def _touch(product: Product) -> None:
    product.version += 1
    product.updated_at = func.clock_timestamp()
