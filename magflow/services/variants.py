"""Variants: created or brought back, edited, re-optioned, switched on and off, removed for good."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Select, delete, exists, func, insert, select
from sqlalchemy.orm import Session

from magflow.concurrency import (
    StartAgain,
    lock_orders_with_variant,
    lock_variants,
    lock_variants_of_combination,
    refer_to_products_of,
    savepoint,
    share_product,
    transactional,
)
from magflow.domain.actors import Actor
from magflow.domain.errors import (
    AlreadyExists,
    CombinationTaken,
    FieldError,
    Invalid,
    InvalidOptions,
    NotFound,
    SkuTaken,
)
from magflow.domain.names import numbered, sku_from, title_from
from magflow.domain.options import chosen_values, cleaned, digest, name_key
from magflow.models import OptionValueVariant, OrderItem, Product, Variant, VariantStatus
from magflow.services import ledger
from magflow.services.options import ProductOptions, chosen_by_variant, options_of, types_of_values
from magflow.services.orders import name_lines_of
from magflow.services.products import check_seen

ACTIVE, INACTIVE = VariantStatus.ACTIVE, VariantStatus.INACTIVE

Outcome = Literal["created", "reactivated"]

EDITABLE = frozenset({"title", "price", "compare_at_price", "sku", "ean", "vat_rate"})

SKU_ATTEMPTS = 50
"""How often a SKU is made anew when somebody else took the one that was free a moment ago.

Of so many who ask for the same at once, each round serves one.
"""

Named = Sequence[tuple[str, str]]
"""(option name, value name) pairs, looked up among what the product offers."""


@dataclass(frozen=True)
class NewVariant:
    """A variant as asked for. `attributes` holds only what was given (title, price, sku, stock, ...)."""

    product_id: int
    option_value_ids: Sequence[int] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    active: bool = True
    option_values: Named | None = None
    """By name instead of by id."""


@dataclass(frozen=True)
class Made:
    outcome: Outcome
    variant: Variant


@dataclass(frozen=True)
class EditVariant:
    """`changes` holds only the fields that were given; `stock` needs `expected_stock`, the figure that was seen."""

    variant_id: int
    changes: dict[str, Any]
    seen_version: int | None = None
    expected_stock: int | None = None
    option_value_ids: Sequence[int] | None = None
    active: bool | None = None
    option_values: Named | None = None
    """By name instead of by id."""


def value_ids_by_name(options: ProductOptions, named: Sequence[tuple[str, str]]) -> list[int]:
    """Option value ids of (option name, value name) pairs, from the product's own options.

    Raises InvalidOptions naming every pair that the product does not offer.
    """
    types = {name_key(t.name): t for t in options.types}
    errors: list[FieldError] = []
    ids: list[int] = []
    for n, (option_name, value_name) in enumerate(named):
        option_type = types.get(name_key(option_name))
        if option_type is None:
            errors.append(
                FieldError(f"option_values[{n}].option_name", "not_an_option_of_product", {"value": option_name})
            )
            continue
        offered = {name_key(v.name): v.id for v in options.offered[option_type.id]}
        if name_key(value_name) in offered:
            ids.append(offered[name_key(value_name)])
        else:
            errors.append(
                FieldError(f"option_values[{n}].option_value", "value_not_offered",
                           {"value": value_name, "option": option_name})
            )  # fmt: skip
    if errors:
        raise InvalidOptions(errors)
    if len(ids) != len(set(ids)) or len({name_key(o) for o, _ in named}) != len(named):
        raise InvalidOptions([FieldError("option_values", "two_values_of_one_option")])
    return ids


@transactional
def create_or_reactivate(session: Session, command: NewVariant, *, actor: Actor) -> Made:
    """Make a variant, or bring its oldest draft back (domain 3).

    Asked for an inactive one, it always makes a new draft. Raises InvalidOptions, AlreadyExists naming the active
    variant, SkuTaken, and CombinationTaken with the winner when a race for the combination was lost.
    """
    product = share_product(session, command.product_id)
    options = options_of(session, product.id)
    chosen = _chosen(session, options, command.option_value_ids, command.option_values)
    combination = digest(chosen, options.type_ids)
    if command.active:
        # Looked at first, for there is nothing to wait for when one is active; then once more, under the locks.
        _refuse_active(session.scalars(_of_combination(product.id, combination)))
        drafts = lock_variants_of_combination(session, product.id, combination)
        _refuse_active(drafts)
        if drafts:
            _write_attributes(session, drafts[0], command.attributes)
            _set_status(session, drafts[0], ACTIVE)
            return Made("reactivated", drafts[0])
    variant = _insert(session, product, options, chosen, command)
    _activate_with_digest(session, variant, combination, ACTIVE if command.active else INACTIVE)
    return Made("created", variant)


def _chosen(
    session: Session, options: ProductOptions, ids: Sequence[int] | None, named: Named | None
) -> dict[int, int]:
    """{type: value} of a combination that is given by ids or by names. Raises InvalidOptions."""
    wanted = cleaned(value_ids_by_name(options, named) if named is not None else ids or ())
    return chosen_values(wanted, types_of_values(session, wanted), options.type_ids)


def _of_combination(product_id: int, combination: str | None) -> Select[Variant]:
    return select(Variant).where(
        Variant.product_id == product_id, Variant.options_digest.is_not_distinct_from(combination)
    )


def _refuse_active(of_combination: Iterable[Variant]) -> None:
    for variant in of_combination:
        if variant.status == ACTIVE:
            raise AlreadyExists(variant.id, variant.sku)


def _insert(
    session: Session, product: Product, options: ProductOptions, chosen: dict[int, int], command: NewVariant
) -> Variant:
    names = [value.name for t in options.types for value in options.offered[t.id] if chosen.get(t.id) == value.id]
    attributes = {"title": title_from(names), **command.attributes}
    variant = _insert_row(session, product, names, attributes)
    if chosen:
        session.execute(
            insert(OptionValueVariant),
            [{"variant_id": variant.id, "option_value_id": value} for value in chosen.values()],
        )
    return variant


def _insert_row(session: Session, product: Product, names: Sequence[str], attributes: dict[str, Any]) -> Variant:
    """The variant's row, with the SKU that was given or one that is free."""
    given = attributes.get("sku")
    for attempt in range(1, SKU_ATTEMPTS + 1):
        sku = given or _free_sku(session, product, names)
        # Inactive and without a digest first, so that no partial index is hit before the join rows stand.
        variant = Variant(**{**attributes, "product_id": product.id, "status": INACTIVE, "sku": sku})
        try:
            with savepoint(session):
                session.add(variant)
                session.flush()
        except SkuTaken as taken:
            if given or attempt == SKU_ATTEMPTS:
                raise SkuTaken(sku) from taken
        else:
            return variant
    raise AssertionError("the last attempt returns or raises")


def _free_sku(session: Session, product: Product, names: Sequence[str]) -> str:
    base = sku_from(product.handle, names)
    taken = session.scalars(
        select(Variant.sku).where(Variant.product_id == product.id, Variant.sku.startswith(base, autoescape=True))
    )
    return numbered(base, set(taken))


def _activate_with_digest(session: Session, variant: Variant, combination: str | None, status: VariantStatus) -> None:
    """Write digest and final status together; on a lost race, name the winner."""
    try:
        with savepoint(session):
            variant.options_digest, variant.status = combination, status
            session.flush()
    except CombinationTaken as lost:
        winner = session.execute(
            _of_combination(variant.product_id, combination)
            .where(Variant.status == ACTIVE)
            .with_only_columns(Variant.id, Variant.sku)
        ).first()
        if winner is None:
            # Whoever won has given it up since: there is nobody to name, and nothing in the way any more.
            raise StartAgain from lost
        raise CombinationTaken(*winner) from lost
    session.refresh(variant)


def _set_status(session: Session, variant: Variant, status: VariantStatus) -> None:
    if variant.status != status:
        variant.version += 1
        variant.updated_at = func.clock_timestamp()
        _activate_with_digest(session, variant, variant.options_digest, status)


def _write_attributes(session: Session, variant: Variant, changes: dict[str, Any]) -> None:
    """Attributes through the ORM, stock through the ledger; the version rises when something but stock changed."""
    plain = {name: value for name, value in changes.items() if name != "stock"}
    if unknown := plain.keys() - EDITABLE:
        raise Invalid([FieldError(name, "unknown_field") for name in sorted(unknown)])
    for name, value in plain.items():
        setattr(variant, name, value)
    if session.is_modified(variant):
        variant.version += 1
        variant.updated_at = func.clock_timestamp()
        try:
            with savepoint(session):
                session.flush()
        except SkuTaken as taken:
            raise SkuTaken(plain.get("sku")) from taken
    if changes.get("stock") is not None:
        ledger.set_to(session, {variant.id: changes["stock"]}, reason="adjustment")
    session.refresh(variant)


@transactional
def edit(session: Session, command: EditVariant, *, actor: Actor) -> Variant:
    """Change what is given: attributes, options, stock, status; all of it or nothing.

    Raises NotFound, StaleVersion (seen version, or seen stock), SkuTaken, InvalidOptions, CombinationTaken, Invalid.
    """
    return edit_locked(session, command).variant


@dataclass(frozen=True)
class Edited:
    """A variant that is locked, and whether anything of it but its stock was changed."""

    variant: Variant
    changed: bool


def edit_locked(session: Session, command: EditVariant) -> Edited:
    """What `edit` does, for services that go on with the variant in the same transaction."""
    reoptioned = command.option_value_ids is not None or command.option_values is not None
    if reoptioned or command.active is not None:
        _share_product_of(session, command.variant_id)
    elif "stock" in command.changes and len(command.changes) > 1:
        refer_to_products_of(session, variants=[command.variant_id])
    renamed = "sku" in command.changes and command.changes["sku"] != session.scalar(
        select(Variant.sku).where(Variant.id == command.variant_id)
    )
    variant = lock_variants(session, [command.variant_id], whole=renamed)[command.variant_id]
    check_seen(variant, command.seen_version, command.changes)
    version = variant.version
    if "stock" in command.changes:
        if command.expected_stock is None:
            raise Invalid([FieldError("expected_inventory_quantity", "required")])
        ledger.check_expected("inventory_quantity", command.expected_stock, variant.stock)
    _write_attributes(session, variant, command.changes)
    if command.active is False:
        # Before the options: a variant that is switched off collides with nobody.
        _set_status(session, variant, INACTIVE)
    if reoptioned:
        _rewrite_options(session, variant, command.option_value_ids, command.option_values)
    if command.active:
        _set_status(session, variant, ACTIVE)
    session.refresh(variant)
    return Edited(variant, variant.version != version)


@transactional
def change_options(
    session: Session, variant_id: int, option_value_ids: Sequence[int], *, actor: Actor, seen_version: int | None = None
) -> Variant:
    """Give a variant another combination. Only an active variant can collide (domain 3)."""
    _share_product_of(session, variant_id)
    variant = lock_variants(session, [variant_id])[variant_id]
    check_seen(variant, seen_version, {})
    _rewrite_options(session, variant, option_value_ids)
    return variant


def _share_product_of(session: Session, variant_id: int) -> Product:
    product_id = session.scalar(select(Variant.product_id).where(Variant.id == variant_id))
    if product_id is None:
        raise NotFound("variant", variant_id)
    return share_product(session, product_id)


def _rewrite_options(
    session: Session, variant: Variant, option_value_ids: Sequence[int] | None, named: Named | None = None
) -> None:
    options = options_of(session, variant.product_id)
    chosen = _chosen(session, options, option_value_ids, named)
    held = chosen_by_variant(session, [variant.id])[variant.id]
    # Values of types that the product no longer uses stay on the variant: they are history, not a choice.
    replaced = [value for type_, value in held.items() if type_ in options.type_ids and chosen.get(type_) != value]
    added = [value for type_, value in chosen.items() if held.get(type_) != value]
    if not replaced and not added:
        return
    session.execute(
        delete(OptionValueVariant).where(
            OptionValueVariant.variant_id == variant.id, OptionValueVariant.option_value_id.in_(replaced)
        )
    )
    if added:
        session.execute(
            insert(OptionValueVariant), [{"variant_id": variant.id, "option_value_id": value} for value in added]
        )
    variant.version += 1
    variant.updated_at = func.clock_timestamp()
    _activate_with_digest(session, variant, digest(chosen, options.type_ids), VariantStatus(variant.status))


@transactional
def set_active(
    session: Session, variant_id: int, active: bool, *, actor: Actor, seen_version: int | None = None
) -> Variant:
    """Activate or deactivate. Doing it twice changes nothing. Raises CombinationTaken with the active variant."""
    _share_product_of(session, variant_id)
    variant = lock_variants(session, [variant_id])[variant_id]
    check_seen(variant, seen_version, {})
    _set_status(session, variant, ACTIVE if active else INACTIVE)
    return variant


@dataclass(frozen=True)
class Swap:
    """Activate one variant in place of the active one of the same combination."""

    activate: int
    deactivate: int
    seen_version: int | None = None
    seen_other_version: int | None = None


@transactional
def swap(session: Session, command: Swap, *, actor: Actor) -> Variant:
    """Deactivate the one and activate the other, in one step: at no moment are both sold, or neither.

    Raises NotFound, StaleVersion, and CombinationTaken when a third one is active by now.
    """
    if command.activate == command.deactivate:
        raise Invalid([FieldError("instead_of", "invalid")])
    _share_product_of(session, command.activate)
    locked = lock_variants(session, [command.activate, command.deactivate])
    new, old = locked[command.activate], locked[command.deactivate]
    check_seen(new, command.seen_version, {})
    check_seen(old, command.seen_other_version, {})
    if (new.product_id, new.options_digest) != (old.product_id, old.options_digest):
        raise InvalidOptions([FieldError("option_values", "different_combinations")])
    _set_status(session, old, INACTIVE)
    _set_status(session, new, ACTIVE)
    return new


@transactional
def delete_for_good(session: Session, variant_id: int, *, actor: Actor) -> None:
    """Hard delete, for the owner. Confirmed orders keep their snapshot; a pending one keeps a line without a variant,
    and is not confirmed before somebody takes the line out or gives it another variant.

    Stock that is left is booked out first, so that its last movement says why.
    """
    orders = lock_orders_with_variant(session, variant_id)
    variant = lock_variants(session, [variant_id], whole=True)[variant_id]
    known = [order.id for order in orders]
    if session.scalar(select(exists().where(OrderItem.variant_id == variant_id, OrderItem.order_id.not_in(known)))):
        # A line was added before the variant was locked: its order must be locked first, and looked at.
        raise StartAgain
    name_lines_of(session, variant)
    if variant.stock:
        ledger.set_to(session, {variant_id: 0}, reason="adjustment", note="variant deleted")
    session.execute(delete(Variant).where(Variant.id == variant_id))
