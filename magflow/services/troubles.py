"""Remedies for orphans, incomplete variants and duplicates, in bulk: other values, deactivation, or keeping them so.

One plan for the preview and the run. The run makes it again under the locks of its products and variants, and refuses
when its fingerprint is not the one that was agreed to. Each variant is taken or left with a reason of its own; the
number of statements does not depend on how many there are.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_products, lock_variant_rows, transactional
from magflow.db import any_of
from magflow.domain.actors import Actor
from magflow.domain.bulk_edit import Rule
from magflow.domain.errors import FieldError, Invalid, StaleVersion
from magflow.domain.options import digest
from magflow.models import (
    BulkEdit,
    OptionValue,
    OptionValueVariant,
    ProductOptionType,
    ProductOptionValue,
    TroubleKeep,
    Variant,
    VariantStatus,
    VariantTrouble,
)
from magflow.queries.troubles import TroubleFilter, troubled_ids
from magflow.services import bulk_edit, remaps, trouble_finder
from magflow.services.bulk_edit import BulkPlan, PlannedRow, Selection
from magflow.services.remaps import Move

Action = Literal["remap", "deactivate", "keep", "ask_again"]
ACTIONS: Final = ("remap", "deactivate", "keep", "ask_again")
MOST: Final = 5_000
"""Variants of one remedy: their products are kept from everybody who makes variants of them meanwhile."""


@dataclass(frozen=True)
class Remedy:
    """`remap`: `replace` are (value, value that takes its place), `give` are values for options that lack one."""

    action: Action
    replace: tuple[tuple[int, int], ...] = ()
    give: tuple[int, ...] = ()
    extend: bool = False
    """Let products offer the new values where they do not; otherwise such variants are refused."""


@dataclass(frozen=True)
class HandleTroubles:
    """`fingerprint` is that of the preview that was agreed to; a program may leave it out."""

    remedy: Remedy
    ids: tuple[int, ...] | None = None
    filter: TroubleFilter | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What happens to one variant: `new` are all its values afterwards; `refused` is a stable code."""

    variant_id: int
    sku: str
    title: str | None
    product_id: int
    version: int
    old: Mapping[int, int]
    new: Mapping[int, int]
    changed: bool
    refused: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """What a remedy does to each of its variants."""

    remedy: Remedy
    outcomes: list[Outcome]
    extended: set[tuple[int, int]]
    """(product, value) that is offered from then on."""
    keeps: list[tuple[int, str, str]]
    bulk_edit_id: int | None = None
    """The record of a deactivation or of new values, by which it can be undone."""

    @property
    def changed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.changed]

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.refused is not None]

    @property
    def unchanged(self) -> int:
        return len(self.outcomes) - len(self.changed) - len(self.refused)

    @property
    def fingerprint(self) -> str:
        """Equal for two plans that do the same to the same variants."""
        seen = [
            (o.variant_id, o.version, o.changed, o.refused, sorted(o.old.items()), sorted(o.new.items()))
            for o in self.outcomes
        ]
        told = (self.remedy, seen, sorted(self.extended), sorted(self.keeps))
        return hashlib.sha256(repr(told).encode()).hexdigest()


def preview(session: Session, command: HandleTroubles) -> Plan:
    """What the remedy would do now; nothing is written or locked. Raises Invalid."""
    return _Planner(session, command.remedy, _selected(session, command)).plan()


@transactional
def handle(session: Session, command: HandleTroubles, *, actor: Actor) -> Plan:
    """Carry the remedy out for every variant that it is not refused for.

    Raises Invalid, and StaleVersion when it would do something else than what was agreed to.
    """
    ids = _selected(session, command)
    products = list(session.scalars(select(Variant.product_id).where(Variant.id == any_of(ids)).distinct()))
    lock_products(session, products)
    lock_variant_rows(session, ids)
    plan = _Planner(session, command.remedy, ids).plan()
    if command.fingerprint is not None and command.fingerprint != (now := plan.fingerprint):
        raise StaleVersion(command.fingerprint, now)
    if plan.changed:
        WRITERS[command.remedy.action](session, plan, actor)
        trouble_finder.look(session, products)
    return plan


def _selected(session: Session, command: HandleTroubles) -> list[int]:
    _check(command.remedy)
    if command.ids is not None:
        ids = sorted(set(command.ids))
    else:
        wanted = troubled_ids(command.filter or TroubleFilter()).order_by(Variant.id).limit(MOST + 1)
        ids = list(session.scalars(wanted))
    if len(ids) > MOST:
        raise Invalid([FieldError("variant_ids", "too_many", {"limit": MOST})])
    return ids


def _check(remedy: Remedy) -> None:
    errors: list[FieldError] = []
    if remedy.action not in ACTIONS:
        errors.append(FieldError("action", "not_one_of", {"choices": ", ".join(ACTIONS)}))
    if remedy.action == "remap" and not remedy.replace and not remedy.give:
        errors.append(FieldError("replace", "required", {"or": "give"}))
    if len({old for old, _new in remedy.replace}) != len(remedy.replace):
        errors.append(FieldError("replace", "repeated", {"value": remedy.replace[0][0]}))
    if errors:
        raise Invalid(errors)


class _Planner:
    """Everything that a remedy for these variants rests on, read in a handful of statements."""

    def __init__(self, session: Session, remedy: Remedy, ids: Sequence[int]) -> None:
        self.session, self.remedy, self.ids = session, remedy, list(ids)
        self.rows = {
            row.id: row
            for row in session.execute(
                select(
                    Variant.id, Variant.sku, Variant.title, Variant.product_id, Variant.status, Variant.version
                ).where(Variant.id == any_of(self.ids))
            )
        }
        self.held: dict[int, dict[int, int]] = {id_: {} for id_ in self.ids}
        for variant_id, type_id, value_id in session.execute(
            select(OptionValueVariant.variant_id, OptionValue.option_type_id, OptionValue.id)
            .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
            .where(OptionValueVariant.variant_id == any_of(self.ids))
        ):
            self.held[variant_id][type_id] = value_id
        self.extended: set[tuple[int, int]] = set()

    def plan(self) -> Plan:
        """Decide for each variant, lowest id first."""
        if self.remedy.action == "remap":
            outcomes = self._remapped()
        elif self.remedy.action == "deactivate":
            outcomes = [self._outcome(id_, self._is_active(id_)) for id_ in self.ids]
        else:
            return self._kept()
        return Plan(self.remedy, outcomes, self.extended, [])

    def _is_active(self, id_: int) -> bool:
        return id_ in self.rows and self.rows[id_].status == VariantStatus.ACTIVE

    def _outcome(
        self, id_: int, changed: bool, new: Mapping[int, int] | None = None, refused: str | None = None, **params: Any
    ) -> Outcome:
        row = self.rows.get(id_)
        if row is None:
            return Outcome(id_, "", None, 0, 0, {}, {}, False, "not_found")
        held = self.held[id_]
        return Outcome(
            id_, row.sku, row.title, row.product_id, row.version, held, held if new is None else new, changed, refused,
            params,
        )  # fmt: skip

    def _kept(self) -> Plan:
        """Troubles as they are found now, and those that are kept already."""
        found = {
            (id_, kind): state
            for id_, kind, state in self.session.execute(
                select(VariantTrouble.variant_id, VariantTrouble.kind, VariantTrouble.state).where(
                    VariantTrouble.variant_id == any_of(self.ids)
                )
            )
        }
        kept = {
            (id_, kind): state
            for id_, kind, state in self.session.execute(
                select(TroubleKeep.variant_id, TroubleKeep.kind, TroubleKeep.state).where(
                    TroubleKeep.variant_id == any_of(self.ids)
                )
            )
        }
        if self.remedy.action == "keep":
            news = [(*key, state) for key, state in sorted(found.items()) if kept.get(key) != state]
        else:
            news = [(*key, state) for key, state in sorted(kept.items())]
        touched = {id_ for id_, _kind, _state in news}
        outcomes = [self._outcome(id_, id_ in touched) for id_ in self.ids]
        return Plan(self.remedy, outcomes, set(), [keep for keep in news if keep[0] in self.rows])

    def _remapped(self) -> list[Outcome]:
        products = sorted({row.product_id for row in self.rows.values()})
        self.types = _pairs(self.session, ProductOptionType.product_id, ProductOptionType.option_type_id, products)
        self.offered = _pairs(self.session, ProductOptionValue.product_id, ProductOptionValue.option_value_id, products)
        self.replace = dict(self.remedy.replace)
        named = {*self.replace, *self.replace.values(), *self.remedy.give}
        self.type_of: dict[int, int] = dict(
            self.session.execute(
                select(OptionValue.id, OptionValue.option_type_id).where(OptionValue.id == any_of(sorted(named)))
            ).all()
        )
        self._check_values(named)
        self.give = {self.type_of[value]: value for value in self.remedy.give}
        # Combinations of active variants, also those that are about to be left: nothing steps into another's place.
        self.taken = {
            (row.product_id, row.options_digest): row.sku
            for row in self.session.execute(
                select(Variant.product_id, Variant.options_digest, Variant.sku).where(
                    Variant.product_id == any_of(products), Variant.status == VariantStatus.ACTIVE
                )
            )
        }
        return [self._remap(id_) for id_ in self.ids]

    def _check_values(self, named: set[int]) -> None:
        """Refuse values that do not exist, and a replacement by a value of another option."""
        errors = [
            FieldError("replace", "unknown_option_value", {"value": value}) for value in sorted(named - {*self.type_of})
        ]
        errors += [
            FieldError("replace", "another_option", {"value": new})
            for old, new in self.remedy.replace
            if old in self.type_of and new in self.type_of and self.type_of[old] != self.type_of[new]
        ]
        given = [self.type_of[value] for value in self.remedy.give if value in self.type_of]
        if len(given) != len(set(given)):
            errors.append(FieldError("give", "two_values_of_one_option", {"value": self.remedy.give[0]}))
        if errors:
            raise Invalid(errors)

    def _remap(self, id_: int) -> Outcome:
        row = self.rows.get(id_)
        if row is None:
            return self._outcome(id_, changed=False)
        held = self.held[id_]
        types = self.types.get(row.product_id, set())
        new = {
            type_id: self.replace.get(value, value) if type_id in types else value for type_id, value in held.items()
        }
        new |= {type_id: value for type_id, value in self.give.items() if type_id in types and type_id not in held}
        if new == held:
            return self._outcome(id_, changed=False)
        lacking = {v for t, v in new.items() if held.get(t) != v and v not in self.offered.get(row.product_id, set())}
        if lacking and not self.remedy.extend:
            return self._outcome(id_, False, refused="value_not_offered", value=min(lacking))
        made = digest(new, types)
        if row.status == VariantStatus.ACTIVE and made != digest(held, types):
            if (winner := self.taken.get((row.product_id, made))) is not None:
                return self._outcome(id_, False, refused="combination_taken", sku=winner)
            self.taken[row.product_id, made] = row.sku
        self.extended |= {(row.product_id, value) for value in lacking}
        return self._outcome(id_, True, new)


def _pairs(session: Session, key: Any, value: Any, products: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for one, other in session.execute(select(key, value).where(key == any_of(products))):
        found.setdefault(one, set()).add(other)
    return found


# --- writing ----------------------------------------------------------------------------------------------------------

KEEP: Final = """
INSERT INTO trouble_keeps (variant_id, kind, state, kept_by)
SELECT k.variant_id, k.kind, k.state, %(by)s
FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(states)s::text[]) AS k (variant_id, kind, state)
ORDER BY 1, 2
ON CONFLICT (variant_id, kind) DO UPDATE
SET state = excluded.state, kept_by = excluded.kept_by, kept_at = clock_timestamp()"""

ASK_AGAIN: Final = "DELETE FROM trouble_keeps WHERE variant_id = ANY(%(ids)s::bigint[])"


def _write_remap(session: Session, plan: Plan, actor: Actor) -> None:
    """Remembered as a bulk edit, so that it stands among them and can be undone like them."""
    extension = remaps.extend(session, plan.extended)
    moves = [Move(o.variant_id, frozenset(o.old.values()), frozenset(o.new.values())) for o in plan.changed]
    remaps.write(session, moves)
    edit = BulkEdit(
        actor=actor.name,
        selection=Selection(ids=tuple(move.variant_id for move in moves)).as_json(),
        changes=[remaps.change(plan.remedy.replace, plan.remedy.give, extension)],
        fingerprint=plan.fingerprint,
        skip_refused=True,
    )
    session.add(edit)
    session.flush()
    values = {move.variant_id: ({"options": sorted(move.old)}, {"options": sorted(move.new)}) for move in moves}
    bulk_edit.keep_rows(session, edit.id, values)
    bulk_edit.mark_applied(edit, changed=len(moves), unchanged=plan.unchanged, refused=len(plan.refused))
    session.flush()
    plan.bulk_edit_id = edit.id


def _write_deactivation(session: Session, plan: Plan, actor: Actor) -> None:
    """As a bulk edit, so that it stands among them and can be undone like them."""
    ids = [outcome.variant_id for outcome in plan.changed]
    planned = [PlannedRow(row, {"status": int(VariantStatus.INACTIVE)}) for row in bulk_edit.rows_of(session, ids)]
    changes = BulkPlan(sorted(planned, key=lambda p: p.row.id))
    edit = BulkEdit(
        actor=actor.name,
        selection=Selection(ids=tuple(ids)).as_json(),
        changes=[bulk_edit.rule_json(Rule("status", "deactivate"))],
        fingerprint=changes.fingerprint,
    )
    session.add(edit)
    session.flush()
    bulk_edit.settle(session, edit, changes)
    plan.bulk_edit_id = edit.id


def _write_keeps(session: Session, plan: Plan, actor: Actor) -> None:
    ids, kinds, states = ([keep[n] for keep in plan.keeps] for n in range(3))
    execute(session, KEEP, {"ids": ids, "kinds": kinds, "states": states, "by": actor.name})


def _forget_keeps(session: Session, plan: Plan, _actor: Actor) -> None:
    execute(session, ASK_AGAIN, {"ids": [outcome.variant_id for outcome in plan.changed]})


WRITERS: Final = {
    "remap": _write_remap,
    "deactivate": _write_deactivation,
    "keep": _write_keeps,
    "ask_again": _forget_keeps,
}
