"""Options read from titles and SKUs: suggested, then confirmed, corrected or skipped by a person.

Nothing is written before. One confirmation serves one variant or five hundred: the same statements, one transaction;
whoever collides is refused alone. What the person saw travels along: a variant that was renamed meanwhile is refused.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_products, lock_variant_rows, transactional
from magflow.db import any_of
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.options import digest
from magflow.domain.title_reading import CONFIDENCES
from magflow.models import (
    OptionReadingSkip,
    OptionType,
    OptionValue,
    OptionValueVariant,
    ProductOptionType,
    ProductOptionValue,
    Variant,
    VariantStatus,
)
from magflow.queries.title_reading import Suggestion
from magflow.services import options as option_rows
from magflow.services import trouble_finder
from magflow.services.options import OptionInput

MOST_ITEMS: Final = 1_000
"""Variants in one confirmation."""


@dataclass(frozen=True)
class Seen:
    """What somebody looked at when they decided."""

    version: int
    sku: str
    title: str | None


@dataclass(frozen=True)
class ItemIn:
    """A variant and the values it shall have; `new_values` are (type id, name) of values to be made."""

    variant_id: int
    value_ids: tuple[int, ...]
    new_values: tuple[tuple[int, str], ...] = ()
    seen: Seen | None = None


@dataclass(frozen=True)
class ConfirmReadings:
    items: Sequence[ItemIn]
    extend: bool = False
    """Give products the options and values that they lack; otherwise such items are refused."""
    product_id: int | None = None
    """Variants of other products do not exist here."""


@dataclass(frozen=True)
class ConfirmByConfidence:
    """Confirm what is suggested, down to this confidence; of one product, or of the shop's oldest variants."""

    confidence: str
    product_id: int | None = None
    extend: bool = False
    seen: str | None = None
    """The fingerprint of the suggestions that were shown; refused when they are others by now. None: whatever is
    suggested then, as programs ask for it."""


@dataclass(frozen=True)
class SkipReadings:
    variant_ids: Sequence[int]
    skipped: bool = True
    """False: ask about them again."""
    product_id: int | None = None


@dataclass(frozen=True)
class Answer:
    """What became of one item; `refused` is a stable code."""

    variant_id: int
    sku: str | None = None
    refused: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Confirmed:
    answers: tuple[Answer, ...]

    @property
    def refused(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.refused is not None]

    @property
    def confirmed(self) -> int:
        return len(self.answers) - len(self.refused)


def at_least(suggestions: Iterable[Suggestion], confidence: str) -> list[Suggestion]:
    """Those with a reading of this confidence or a better one."""
    if confidence not in CONFIDENCES:
        raise Invalid([FieldError("min_confidence", "not_one_of", {"choices": ", ".join(CONFIDENCES)})])
    taken = CONFIDENCES[: [*CONFIDENCES].index(confidence) + 1]
    return [s for s in suggestions if s.reading.choices and s.reading.confidence in taken]


def fingerprint(suggestions: Iterable[Suggestion]) -> str:
    """Equal when the same values are suggested for the same variants as they were seen."""
    seen = [
        (s.variant.id, s.variant.version, s.variant.sku, s.variant.title, [c.value_id for c in s.reading.choices])
        for s in suggestions
    ]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


@transactional
def confirm(session: Session, command: ConfirmReadings, *, actor: Actor) -> Confirmed:
    """Give variants without options these values: as suggested, or as a person corrected them.

    Each item is taken or refused by itself. Raises Invalid for too many items, and for one variant named twice.
    """
    ids = [item.variant_id for item in command.items]
    if len(ids) > MOST_ITEMS:
        raise Invalid([FieldError("items", "too_many", {"limit": MOST_ITEMS})])
    if len(ids) != len(set(ids)):
        twice = next(id_ for id_ in ids if ids.count(id_) > 1)
        raise Invalid([FieldError("items", "repeated", {"value": twice})])
    new = _with_new_values(session, command) if command.extend else command
    return _confirmed(session, new)


def _with_new_values(session: Session, command: ConfirmReadings) -> ConfirmReadings:
    """The same items, their new values made. Names are locked before any row is."""
    wanted = {type_id for item in command.items for type_id, _name in item.new_values}
    if not wanted:
        return command
    if len(wanted) > option_rows.MOST_OPTIONS:
        raise Invalid([FieldError("new_values", "too_many", {"limit": option_rows.MOST_OPTIONS})])
    names = dict(session.execute(select(OptionType.id, OptionType.name).where(OptionType.id.in_(wanted))).all())
    inputs = [
        OptionInput(name, tuple({n: None for item in command.items for t, n in item.new_values if t == type_id}))
        for type_id, name in names.items()
    ]
    option_rows.lock_option_names(session, names.values())
    made = {
        (option.type.id, name): value.id
        for option, given in zip(option_rows.find_or_create(session, inputs), inputs, strict=True)
        for name, value in zip(given.values, option.values, strict=True)
    }
    items = [
        ItemIn(i.variant_id, (*i.value_ids, *(made[pair] for pair in i.new_values if pair in made)), (), i.seen)
        for i in command.items
    ]
    return ConfirmReadings(items, command.extend, command.product_id)


def _confirmed(session: Session, command: ConfirmReadings) -> Confirmed:
    ids = [item.variant_id for item in command.items]
    if not ids:
        return Confirmed(())
    lock_products(session, session.scalars(select(Variant.product_id).where(Variant.id == any_of(ids))))
    lock_variant_rows(session, ids)
    plan = _Plan(session, command)
    plan.decide()
    plan.write()
    trouble_finder.look(session, {row.product_id for row in plan.rows.values()})
    return Confirmed(tuple(plan.answers[id_] for id_ in ids))


class _Plan:
    """All items of a confirmation under the locks of their products and variants."""

    def __init__(self, session: Session, command: ConfirmReadings) -> None:
        self.session, self.command = session, command
        ids = [item.variant_id for item in command.items]
        rows = session.execute(
            select(
                Variant.id,
                Variant.product_id,
                Variant.sku,
                Variant.title,
                Variant.status,
                Variant.version,
                Variant.options_digest,
            ).where(Variant.id == any_of(ids))
        )
        self.rows: dict[int, Any] = {row.id: row for row in rows}
        products = sorted({row.product_id for row in self.rows.values()})
        values = {value for item in command.items for value in item.value_ids}
        self.type_of: dict[int, int] = option_rows.types_of_values(session, values)
        self.types = _pairs(
            session,
            select(ProductOptionType.product_id, ProductOptionType.option_type_id).where(
                ProductOptionType.product_id == any_of(products)
            ),
        )
        self.offered = _pairs(
            session,
            select(ProductOptionValue.product_id, ProductOptionValue.option_value_id).where(
                ProductOptionValue.product_id == any_of(products)
            ),
        )
        self.taken: dict[tuple[int, str], tuple[int, str]] = {
            (row.product_id, row.options_digest): (row.id, row.sku)
            for row in session.execute(
                select(Variant.id, Variant.product_id, Variant.sku, Variant.options_digest).where(
                    Variant.product_id == any_of(products),
                    Variant.status == VariantStatus.ACTIVE,
                    Variant.options_digest.is_not(None),
                )
            )
        }
        self.answers: dict[int, Answer] = {}
        self.accepted: dict[int, dict[int, int]] = {}
        """Variant -> {type: value}."""

    def decide(self) -> None:
        """Take or refuse each item."""
        for item in sorted(self.command.items, key=lambda item: item.variant_id):
            refused = self._refused(item)
            row = self.rows.get(item.variant_id)
            code, params = refused or (None, {})
            self.answers[item.variant_id] = Answer(item.variant_id, row.sku if row else None, code, params)
        self._refuse_returning()

    def _refused(self, item: ItemIn) -> tuple[str, dict[str, Any]] | None:
        """Why an item is not taken; None when it is, and it stands in `accepted` then."""
        row = self.rows.get(item.variant_id)
        if row is None or self.command.product_id not in {None, row.product_id}:
            return "not_found", {}
        if row.options_digest is not None:
            return "has_options", {}
        if item.seen is not None and item.seen != Seen(row.version, row.sku, row.title):
            return "stale_version", {"sku": row.sku, "title": row.title, "version": row.version}
        chosen: dict[int, int] = {}
        for value in item.value_ids:
            type_id = self.type_of.get(value)
            if type_id is None:
                return "unknown_option_value", {"value": value}
            if chosen.setdefault(type_id, value) != value:
                return "two_values_of_one_option", {"value": value}
            if not self.command.extend and type_id not in self.types.get(row.product_id, ()):
                return "not_an_option_of_product", {"value": value}
            if not self.command.extend and value not in self.offered.get(row.product_id, ()):
                return "value_not_offered", {"value": value}
        if not chosen:
            return ("needs_new_values", {}) if item.new_values else ("no_values", {})
        made = digest(chosen, chosen)
        assert made is not None  # noqa: S101 - chosen is not empty
        if row.status == VariantStatus.ACTIVE:
            winner = self.taken.get((row.product_id, made))
            if winner is not None:
                return "combination_taken", {"variant_id": winner[0], "sku": winner[1]}
            self.taken[row.product_id, made] = (row.id, row.sku)
        self.accepted[row.id] = chosen
        return None

    def _refuse_returning(self) -> None:
        """An option that comes back would change what other variants are: that is decided on the page of options."""
        added = self._added_types()
        if not added:
            return
        held = self.session.execute(
            select(Variant.product_id, Variant.id, OptionValue.option_type_id)
            .join(OptionValueVariant, OptionValueVariant.variant_id == Variant.id)
            .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
            .where(Variant.product_id == any_of(sorted(added)))
        )
        returning = {
            (product, type_id)
            for product, variant, type_id in held
            if type_id in added[product] and type_id not in self.accepted.get(variant, {})
        }
        for id_, chosen in list(self.accepted.items()):
            if any((self.rows[id_].product_id, type_id) in returning for type_id in chosen):
                del self.accepted[id_]
                self.answers[id_] = Answer(id_, self.rows[id_].sku, "option_comes_back", {})

    def _added_types(self) -> dict[int, set[int]]:
        added: dict[int, set[int]] = {}
        for id_, chosen in self.accepted.items():
            product = self.rows[id_].product_id
            if new := chosen.keys() - self.types.get(product, set()):
                added.setdefault(product, set()).update(new)
        return added

    def write(self) -> None:
        """The options that products lack, then the values of the variants, then their digests."""
        if not self.accepted:
            return
        types = [(p, t) for p, new in sorted(self._added_types().items()) for t in sorted(new)]
        values = sorted(
            {
                (self.rows[id_].product_id, value)
                for id_, chosen in self.accepted.items()
                for value in chosen.values()
                if value not in self.offered.get(self.rows[id_].product_id, set())
            }
        )
        if types or values:
            execute(self.session, ADD_TYPES, _columns(types))
            execute(self.session, option_rows.OFFER, _columns(values))
            touched = sorted({product for product, _ in [*types, *values]})
            execute(self.session, TOUCH_PRODUCTS, {"ids": touched})
        pairs = [(id_, value) for id_, chosen in sorted(self.accepted.items()) for value in chosen.values()]
        execute(self.session, REPLACE_VALUES, _columns(pairs))
        execute(self.session, GIVE_VALUES, _columns(pairs))
        digests = {id_: digest(chosen, chosen) for id_, chosen in sorted(self.accepted.items())}
        execute(self.session, WRITE_DIGESTS, {"ids": list(digests), "digests": list(digests.values())})
        execute(self.session, FORGET_SKIPS, {"ids": list(digests)})


def _pairs(session: Session, statement: Any) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for key, value in session.execute(statement):
        found.setdefault(key, set()).add(value)
    return found


def _columns(pairs: Sequence[tuple[int, int]]) -> dict[str, list[int]]:
    return {"left": [pair[0] for pair in pairs], "right": [pair[1] for pair in pairs]}


ADD_TYPES: Final = """
INSERT INTO product_option_types (product_id, option_type_id, position)
SELECT new.product_id, new.type_id,
       coalesce((SELECT max(position) + 1 FROM product_option_types t WHERE t.product_id = new.product_id), 0)
       + row_number() OVER (PARTITION BY new.product_id ORDER BY o.position, o.id) - 1
FROM unnest(%(left)s::bigint[], %(right)s::bigint[]) AS new (product_id, type_id)
JOIN option_types o ON o.id = new.type_id
ON CONFLICT DO NOTHING"""

TOUCH_PRODUCTS: Final = """
UPDATE products SET version = version + 1, updated_at = clock_timestamp() WHERE id = ANY(%(ids)s::bigint[])"""

# A variant may still hold a value of an option that its product had once: one value per option stays.
REPLACE_VALUES: Final = """
DELETE FROM option_value_variants held
USING unnest(%(left)s::bigint[], %(right)s::bigint[]) AS new (variant_id, value_id),
      option_values was, option_values now
WHERE held.variant_id = new.variant_id AND was.id = held.option_value_id AND now.id = new.value_id
  AND was.option_type_id = now.option_type_id AND was.id <> now.id"""

GIVE_VALUES: Final = """
INSERT INTO option_value_variants (variant_id, option_value_id)
SELECT * FROM unnest(%(left)s::bigint[], %(right)s::bigint[])
ON CONFLICT DO NOTHING"""

WRITE_DIGESTS: Final = """
UPDATE variants v SET options_digest = new.digest, version = v.version + 1, updated_at = clock_timestamp()
FROM unnest(%(ids)s::bigint[], %(digests)s::text[]) AS new (id, digest)
WHERE v.id = new.id"""

FORGET_SKIPS: Final = "DELETE FROM option_reading_skips WHERE variant_id = ANY(%(ids)s::bigint[])"

SKIP: Final = """
INSERT INTO option_reading_skips (variant_id, skipped_by)
SELECT id, %(by)s FROM variants WHERE id = ANY(%(ids)s::bigint[])
ON CONFLICT DO NOTHING RETURNING variant_id"""


@transactional
def skip(session: Session, command: SkipReadings, *, actor: Actor) -> int:
    """Do not suggest anything for these variants any more, or do again. Returns for how many that is new."""
    ids = sorted(set(command.variant_ids))
    if command.product_id is not None:
        of_product = select(Variant.id).where(Variant.id == any_of(ids), Variant.product_id == command.product_id)
        ids = list(session.scalars(of_product))
    if command.skipped:
        return len(execute(session, SKIP, {"ids": ids, "by": actor.name}).fetchall())
    gone = session.execute(
        delete(OptionReadingSkip)
        .where(OptionReadingSkip.variant_id == any_of(ids))
        .returning(OptionReadingSkip.variant_id)
    )
    return len(gone.all())
