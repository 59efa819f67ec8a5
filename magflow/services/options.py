"""Option types and values by name, and what a product's variants hold: the reads and writes that others share."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import AlreadyTaken, FieldError, Invalid
from magflow.domain.options import name_key
from magflow.models import OptionType, OptionValue, OptionValueVariant
from magflow.queries.catalogue import product_options

MOST_OPTIONS = 50
"""Options of one product: each is a lock on its name, and nobody chooses among more."""

LONGEST_KEY = 1000
"""Bytes of a folded name: one character can fold to eighteen, and an index holds no more than some 2,700."""


@dataclass(frozen=True)
class OptionInput:
    """An option as a person names it: Color with Red and Blue."""

    name: str
    values: Sequence[str] = ()


OFFER: Final = """
INSERT INTO product_option_values (product_id, option_value_id, position)
SELECT new.product_id, new.value_id,
       coalesce((SELECT max(position) + 1 FROM product_option_values v WHERE v.product_id = new.product_id), 0)
       + row_number() OVER (PARTITION BY new.product_id ORDER BY o.option_type_id, o.position, o.id) - 1
FROM unnest(%(left)s::bigint[], %(right)s::bigint[]) AS new (product_id, value_id)
JOIN option_values o ON o.id = new.value_id
ON CONFLICT DO NOTHING"""
"""Products (`left`) offer values (`right`) from now on, behind those that they offer already."""


@dataclass(frozen=True)
class ResolvedOption:
    type: OptionType
    values: tuple[OptionValue, ...]


@dataclass(frozen=True)
class ProductOptions:
    """A product's options as they stand: types in order, offered values per type in order."""

    types: tuple[OptionType, ...]
    offered: Mapping[int, tuple[OptionValue, ...]]

    @property
    def type_ids(self) -> frozenset[int]:
        return frozenset(t.id for t in self.types)

    @property
    def offered_ids(self) -> frozenset[int]:
        return frozenset(v.id for values in self.offered.values() for v in values)


def options_of(session: Session, product_id: int) -> ProductOptions:
    """The product's options, read from the database."""
    rows = product_options(session, product_id)
    return ProductOptions(tuple(row.type for row in rows), {row.type.id: row.values for row in rows})


def chosen_by_variant(session: Session, variant_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Per variant its values as {type: value}, obsolete ones included; one statement."""
    chosen: dict[int, dict[int, int]] = {variant_id: {} for variant_id in variant_ids}
    rows = session.execute(
        select(OptionValueVariant.variant_id, OptionValue.option_type_id, OptionValue.id)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .where(OptionValueVariant.variant_id.in_(variant_ids))
    )
    for variant_id, type_id, value_id in rows:
        chosen[variant_id][type_id] = value_id
    return chosen


def types_of_values(session: Session, value_ids: Collection[int]) -> dict[int, int]:
    """{value id: its type's id} of those that exist."""
    rows = session.execute(select(OptionValue.id, OptionValue.option_type_id).where(OptionValue.id.in_(value_ids)))
    return dict(rows.all())


def check_inputs(options: Sequence[OptionInput]) -> None:
    """Refuse names that are blank or too long, and names that are the same once folded, naming each."""
    if len(options) > MOST_OPTIONS:
        raise Invalid([FieldError("options", "too_many", {"limit": MOST_OPTIONS})])
    errors: list[FieldError] = []
    seen: set[str] = set()
    for n, option in enumerate(options):
        errors += _faults(f"options[{n}].name", option.name, seen)
        values: set[str] = set()
        for m, value in enumerate(option.values):
            errors += _faults(f"options[{n}].values[{m}]", value, values)
    if errors:
        raise Invalid(errors)


def _faults(field: str, name: str, seen: set[str]) -> list[FieldError]:
    """What is wrong with one name beside those that were seen; it is one of them from now on."""
    key = name_key(name)
    if not key:
        return [FieldError(field, "blank")]
    if len(key.encode()) > LONGEST_KEY:
        return [FieldError(field, "too_long", {"limit": LONGEST_KEY})]
    if key in seen:
        return [FieldError(field, "repeated", {"value": name})]
    seen.add(key)
    return []


def lock_option_names(session: Session, names: Iterable[str]) -> None:
    """Before a type or value may be created: level 0 of the lock order, so before any row is locked."""
    lock_names(session, {("option_type", name_key(name)) for name in names})


def find_or_create(session: Session, options: Sequence[OptionInput]) -> list[ResolvedOption]:
    """Types and values of these names, made where they are missing. The caller holds `lock_option_names`."""
    keys = [name_key(option.name) for option in options]
    known = {t.name_key: t for t in session.scalars(select(OptionType).where(OptionType.name_key.in_(keys)))}
    last = session.scalar(select(func.coalesce(func.max(OptionType.position), 0))) or 0
    for n, (option, key) in enumerate(zip(options, keys, strict=True)):
        if key not in known:
            name = option.name.strip()
            known[key] = OptionType(name=name, presentation=name, name_key=key, position=last + n + 1)
            session.add(known[key])
    session.flush()
    return _with_values(session, [(known[key], option) for option, key in zip(options, keys, strict=True)])


def _with_values(session: Session, wanted: Sequence[tuple[OptionType, OptionInput]]) -> list[ResolvedOption]:
    type_ids = [option_type.id for option_type, _ in wanted]
    known = {
        (v.option_type_id, v.name_key): v
        for v in session.scalars(select(OptionValue).where(OptionValue.option_type_id.in_(type_ids)))
    }
    count = {type_id: sum(1 for t, _ in known if t == type_id) for type_id in type_ids}
    new: list[OptionValue] = []
    for option_type, option in wanted:
        for name in option.values:
            key = (option_type.id, name_key(name))
            if key not in known:
                count[option_type.id] += 1
                known[key] = OptionValue(
                    option_type_id=option_type.id,
                    name=name.strip(),
                    presentation=name.strip(),
                    name_key=key[1],
                    position=count[option_type.id],
                )
                new.append(known[key])
    session.add_all(new)
    session.flush()
    return [ResolvedOption(t, tuple(known[t.id, name_key(name)] for name in o.values)) for t, o in wanted]


@dataclass(frozen=True)
class NewOptionType:
    """An option for the shop's list, with the values it begins with."""

    name: str
    values: Sequence[str] = ()
    presentation: str | None = None
    """What customers read; the name, unless given."""


@transactional
def create_type(session: Session, command: NewOptionType, *, actor: Actor) -> ResolvedOption:
    """Make an option type and its values. Raises Invalid, and AlreadyTaken for a name that differs in case only."""
    named = [OptionInput(command.name, command.values)]
    check_inputs(named)
    lock_option_names(session, [command.name])
    if session.scalar(select(OptionType.id).where(OptionType.name_key == name_key(command.name))) is not None:
        raise AlreadyTaken("name")
    [made] = find_or_create(session, named)
    if command.presentation is not None:
        made.type.presentation = command.presentation
        session.flush()
    return made


def find_or_imagine(session: Session, options: Sequence[OptionInput]) -> list[ResolvedOption]:
    """As `find_or_create`, for a preview: what is missing is imagined, with ids below zero, and never stored."""
    keys = [name_key(option.name) for option in options]
    types = {t.name_key: t for t in session.scalars(select(OptionType).where(OptionType.name_key.in_(keys)))}
    of_these = select(OptionValue).where(OptionValue.option_type_id.in_([t.id for t in types.values()]))
    values = {(v.option_type_id, v.name_key): v for v in session.scalars(of_these)}
    imagined = itertools.count(-1, -1)
    resolved = []
    for option, key in zip(options, keys, strict=True):
        option_type = types.get(key) or OptionType(id=next(imagined), name=option.name.strip(), name_key=key)
        offered = tuple(
            values.get((option_type.id, name_key(name)))
            or OptionValue(id=next(imagined), option_type_id=option_type.id, name=name.strip(), name_key=name_key(name))
            for name in option.values
        )
        resolved.append(ResolvedOption(option_type, offered))
    return resolved
