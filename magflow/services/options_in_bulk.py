"""The options of many products changed at once: previewed together, done together or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import StartAgain, lock_product, lock_variant_rows, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.domain.options import name_key
from magflow.models import Variant
from magflow.services import products
from magflow.services.options import OptionInput, check_inputs, lock_option_names, options_of
from magflow.services.products import OptionsChanged, OptionsPlan, SetOptions

Mode = Literal["replace", "add", "remove", "order"]

MODES: Final = ("replace", "add", "remove", "order")
MOST_PRODUCTS: Final = 200
"""Each is a row that is kept from everybody who makes variants of it, until all are done."""


@dataclass(frozen=True)
class SetOptionsOfMany:
    """`replace`: these are all options of each product. `add`: each keeps its own, and gets what it lacks.

    `remove`: each offers these values no longer; an option that is named without values goes whole. `order`: options
    and values that are named stand first, in this order; what a product does not have is not added.
    """

    product_ids: Sequence[int]
    options: Sequence[OptionInput]
    mode: Mode = "replace"
    seen_plan: str | None = None
    """The fingerprint of the preview that was agreed to."""


def wanted_options(session: Session, command: SetOptionsOfMany) -> dict[int, list[OptionInput]]:
    """Per product, all options that it would have. Raises Invalid."""
    _check(command)
    return _wanted(session, command)


def preview(session: Session, command: SetOptionsOfMany) -> dict[int, OptionsPlan]:
    """What would happen to the variants of each product; nothing is written or locked. Raises NotFound, Invalid."""
    _check(command)
    return {
        product_id: products.preview_options(session, SetOptions(product_id, wanted))
        for product_id, wanted in _wanted(session, command).items()
    }


def fingerprint(plans: Mapping[int, OptionsPlan]) -> str:
    """Equal for two previews that do the same to the same variants."""
    parts = "".join(f"{product_id}:{plan.fingerprint}\n" for product_id, plan in sorted(plans.items()))
    return hashlib.sha256(parts.encode()).hexdigest()


@transactional
def set_options(session: Session, command: SetOptionsOfMany, *, actor: Actor) -> dict[int, OptionsChanged]:
    """Change the options of all these products in one transaction.

    Raises NotFound, Invalid, StaleVersion when it would do something else than what was agreed to.
    """
    _check(command)
    ids = sorted(set(command.product_ids))
    names = _names(_wanted(session, command))
    # Every lock of all products before the first is changed: names, products, variants, each lowest first.
    lock_option_names(session, names)
    for product_id in ids:
        lock_product(session, product_id)
    lock_variant_rows(session, session.scalars(select(Variant.id).where(Variant.product_id.in_(ids))))
    wanted = _wanted(session, command)
    if not _names(wanted) <= names:
        raise StartAgain
    if command.seen_plan is not None and command.seen_plan != (now := fingerprint(preview(session, command))):
        raise StaleVersion(command.seen_plan, now)
    return {
        product_id: products.set_options.within(session, SetOptions(product_id, options), actor=actor)
        for product_id, options in wanted.items()
    }


def _check(command: SetOptionsOfMany) -> None:
    check_inputs(command.options)
    if not command.product_ids:
        raise Invalid([FieldError("product_ids", "required")])
    if len(set(command.product_ids)) > MOST_PRODUCTS:
        raise Invalid([FieldError("product_ids", "too_many", {"limit": MOST_PRODUCTS})])


def _wanted(session: Session, command: SetOptionsOfMany) -> dict[int, list[OptionInput]]:
    """Per product, all options that it shall have."""
    ids = sorted(set(command.product_ids))
    if command.mode == "replace":
        return {product_id: list(command.options) for product_id in ids}
    return {
        product_id: CHANGES[command.mode](named_options(session, product_id), command.options) for product_id in ids
    }


def named_options(session: Session, product_id: int) -> list[OptionInput]:
    """The options that a product has now, by name."""
    there = options_of(session, product_id)
    return [OptionInput(t.name, [v.name for v in there.offered[t.id]]) for t in there.types]


def added(there: Sequence[OptionInput], more: Sequence[OptionInput]) -> list[OptionInput]:
    """All of these options, and what is named more."""
    merged = {name_key(option.name): option for option in there}
    for option in more:
        key = name_key(option.name)
        own = merged.get(key, OptionInput(option.name))
        known = {name_key(value) for value in own.values}
        merged[key] = OptionInput(own.name, [*own.values, *(v for v in option.values if name_key(v) not in known)])
    return list(merged.values())


def removed(there: Sequence[OptionInput], gone: Sequence[OptionInput]) -> list[OptionInput]:
    """These options without the values that are named; an option that is named without values goes whole."""
    named = {name_key(option.name): {name_key(value) for value in option.values} for option in gone}
    kept = [option for option in there if named.get(name_key(option.name), {""})]
    return [
        OptionInput(o.name, [v for v in o.values if name_key(v) not in named.get(name_key(o.name), ())]) for o in kept
    ]


def ordered(there: Sequence[OptionInput], first: Sequence[OptionInput]) -> list[OptionInput]:
    """These options, those that are named first, in that order; and so their values."""
    places = {name_key(option.name): n for n, option in enumerate(first)}
    values = {name_key(o.name): {name_key(value): n for n, value in enumerate(o.values)} for o in first}

    def sorted_values(option: OptionInput) -> list[str]:
        wanted = values.get(name_key(option.name), {})
        return sorted(option.values, key=lambda value: wanted.get(name_key(value), len(wanted)))

    by_place = sorted(there, key=lambda option: places.get(name_key(option.name), len(places)))
    return [OptionInput(option.name, sorted_values(option)) for option in by_place]


CHANGES: Final = {"add": added, "remove": removed, "order": ordered}


def _names(wanted: Mapping[int, Sequence[OptionInput]]) -> set[str]:
    return {name_key(option.name) for options in wanted.values() for option in options}
