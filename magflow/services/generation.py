"""Generating variants from a product's options: counted by multiplication, made by a handful of statements."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from magflow.concurrency import execute, lock_product, lock_variants, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, GenerationTooLarge, Invalid, NotFound, StaleVersion
from magflow.domain.generation import (
    LARGEST_GENERATION,
    MODES,
    Axis,
    Combination,
    Mode,
    Numbering,
    SkuPattern,
    Value,
    belongs,
    combinations,
    count,
    named_combination,
)
from magflow.domain.names import title_from
from magflow.domain.price_templates import PriceRule, PriceTemplateRules
from magflow.models import PriceTemplate, PriceTemplateRule, Product, Variant, VariantStatus
from magflow.services.options import options_of

SAMPLES: Final = 8


@dataclass(frozen=True)
class Generate:
    """What to generate. `combinations` only for the mode `selected`, as {option: value} by names."""

    product_id: int
    mode: Mode = "all"
    combinations: Sequence[Mapping[str, str]] = ()
    price: Decimal | None = None
    """Base price; None takes the default variant's, else 0.00."""
    stock: int = 0
    sku_pattern: str | None = None
    price_template_id: int | None = None
    active: bool = True
    draft_default: bool = False
    """Make a draft of the active variant without options, which would be sold beside the new ones."""
    seen_plan: str | None = None
    """The fingerprint of the preview that was agreed to; refused when the plan is another under the lock."""


@dataclass(frozen=True)
class NewCombination:
    """A variant that would be made, or was."""

    names: Mapping[str, str]
    value_ids: tuple[int, ...]
    digest: str
    sku: str
    title: str
    price: Decimal


@dataclass(frozen=True)
class RefusedCombination:
    combination: Mapping[str, str]
    error: FieldError


class DefaultVariant(NamedTuple):
    """The active variant without options."""

    id: int
    sku: str
    stock: int


@dataclass
class GenerationPlan:
    """What a generation does: the preview shows it, the run carries it out.

    `total` counts all combinations of the options by multiplication.
    """

    total: int = 0
    create: list[NewCombination] = field(default_factory=list)
    reactivate: list[int] = field(default_factory=list)
    already_active: int = 0
    left_alone: int = 0
    """Combinations whose variants are all inactive, which the mode `missing` does not resurrect."""
    refused: list[RefusedCombination] = field(default_factory=list)
    drafted: DefaultVariant | None = None
    """The variant without options, which becomes a draft."""
    created_ids: list[int] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """Equal for two plans that do the same."""
        made = [(new.digest, new.sku, new.price) for new in self.create]
        counts = (self.total, self.already_active, self.left_alone, len(self.refused))
        told = (made, self.reactivate, counts, self.drafted.id if self.drafted else None)
        return hashlib.sha256(repr(told).encode()).hexdigest()


@dataclass(frozen=True)
class _Existing:
    """Variants of a product, by combination."""

    active: frozenset[str]
    drafts: Mapping[str, int]
    """The oldest draft per combination without an active variant."""
    skus: frozenset[str]
    default_price: Decimal | None
    default: DefaultVariant | None


@transactional
def generate(session: Session, command: Generate, *, actor: Actor) -> GenerationPlan:
    """Make the variants of a product's combinations, in one transaction and a handful of statements.

    The product is locked, so that two generations follow one another. Raises NotFound, Invalid, and
    GenerationTooLarge with the count and the limit before anything is built.
    """
    product = lock_product(session, command.product_id)
    plan = _plan(session, product, command)
    if command.seen_plan is not None and command.seen_plan != plan.fingerprint:
        raise StaleVersion(command.seen_plan, plan.fingerprint)
    _switch(session, plan)
    plan.created_ids = _insert(session, product.id, plan.create, command)
    return plan


def preview(session: Session, command: Generate) -> GenerationPlan:
    """The plan as it would be carried out now; nothing is written and nothing locked."""
    product = session.get(Product, command.product_id)
    if product is None:
        raise NotFound("product", command.product_id)
    return _plan(session, product, command)


def available(session: Session, product_id: int, *, limit: int = 200) -> tuple[list[Mapping[str, str]], int]:
    """Combinations without an active variant, the first `limit` of them, and how many there are in all."""
    if session.get(Product, product_id) is None:
        raise NotFound("product", product_id)
    axes, existing = axes_of(session, product_id), _existing(session, product_id)
    taken = {digest for digest in existing.active if belongs(axes, digest)}
    free: list[Mapping[str, str]] = []
    for combination in combinations(axes):
        if len(free) >= limit:
            break
        if combination.digest not in taken:
            free.append(combination.names)
    return free, count(axes) - len(taken)


def axes_of(session: Session, product_id: int) -> list[Axis]:
    """The product's options with the values that are offered and not switched off."""
    options = options_of(session, product_id)
    return [
        Axis(t.id, t.name, tuple(Value(v.id, v.name) for v in options.offered[t.id] if v.active))
        for t in options.types
        if t.active
    ]


def _plan(session: Session, product: Product, command: Generate) -> GenerationPlan:
    if command.mode not in MODES:
        raise Invalid([FieldError("mode", "one_of", {"fields": ", ".join(MODES)})])
    axes = axes_of(session, product.id)
    if not axes:
        raise Invalid([FieldError("product", "has_no_options")])
    pattern = SkuPattern(command.sku_pattern, product.name, product.handle, axes)
    existing = _existing(session, product.id)
    limit = generation_limit(session)
    plan = GenerationPlan(total=count(axes))
    if command.mode == "selected":
        wanted = _selected(axes, command.combinations, plan)
        _check_size(len(wanted), limit)
    else:
        there = sum(belongs(axes, digest) for digest in {*existing.active, *existing.drafts})
        _check_size(plan.total - there, limit)
        wanted = list(combinations(axes))
    _sort_out(command, wanted, existing, pattern, _prices(session, command, existing), plan)
    if command.draft_default and (plan.create or plan.reactivate):
        plan.drafted = existing.default
    return plan


def active_default(session: Session, product_id: int) -> DefaultVariant | None:
    """The active variant without options, if the product has one."""
    found = session.execute(
        select(Variant.id, Variant.sku, Variant.stock).where(
            Variant.product_id == product_id,
            Variant.options_digest.is_(None),
            Variant.status == VariantStatus.ACTIVE,
        )
    ).one_or_none()
    return DefaultVariant(*found) if found is not None else None


def _check_size(to_make: int, limit: int) -> None:
    if to_make > limit:
        raise GenerationTooLarge(to_make, limit)


def generation_limit(session: Session) -> int:
    """How many variants one generation makes at most, as the shop has set it."""
    setting = session.scalar(text("SELECT value FROM settings WHERE key = 'generation_limit'"))
    return int(setting) if setting is not None else LARGEST_GENERATION


def _selected(axes: Sequence[Axis], asked: Sequence[Mapping[str, str]], plan: GenerationPlan) -> list[Combination]:
    if not asked:
        raise Invalid([FieldError("combinations", "required")])
    found: dict[str, Combination] = {}
    for chosen in asked:
        combination = named_combination(axes, chosen)
        if isinstance(combination, FieldError):
            plan.refused.append(RefusedCombination(chosen, combination))
        elif combination.digest in found:
            plan.refused.append(RefusedCombination(chosen, FieldError("combination", "repeated")))
        else:
            found[combination.digest] = combination
    return list(found.values())


class _Prices:
    """The price of each combination: from the template over the base, or the base itself."""

    def __init__(self, base: Decimal, rules: PriceTemplateRules | None) -> None:
        self._base, self._rules = base, rules

    def of(self, names: Mapping[str, str]) -> Decimal:
        return self._rules.price(self._base, names) if self._rules else self._base


def _prices(session: Session, command: Generate, existing: _Existing) -> _Prices:
    base = command.price if command.price is not None else existing.default_price or Decimal("0.00")
    if command.price_template_id is None:
        return _Prices(base, None)
    return _Prices(base, template_rules(session, command.price_template_id))


def template_rules(session: Session, template_id: int) -> PriceTemplateRules:
    """The rules of a price template. Raises NotFound."""
    if session.get(PriceTemplate, template_id) is None:
        raise NotFound("price template", template_id)
    rows = session.scalars(select(PriceTemplateRule).where(PriceTemplateRule.price_template_id == template_id))
    return PriceTemplateRules(
        [
            PriceRule(r.option_name, r.option_value, "percent" if r.kind == "percent" else "amount", r.amount)
            for r in rows
        ]
    )


def _existing(session: Session, product_id: int) -> _Existing:
    rows = session.execute(
        select(Variant.id, Variant.sku, Variant.options_digest, Variant.status, Variant.price)
        .where(Variant.product_id == product_id)
        .order_by(Variant.id)
    ).all()
    active = {row.options_digest for row in rows if row.status == VariantStatus.ACTIVE and row.options_digest}
    drafts: dict[str, int] = {}
    for row in rows:
        if row.options_digest and row.status == VariantStatus.INACTIVE and row.options_digest not in active:
            drafts.setdefault(row.options_digest, row.id)
    defaults = sorted((row.status, row.id, row.price) for row in rows if row.options_digest is None)
    return _Existing(
        frozenset(active),
        drafts,
        frozenset(row.sku for row in rows),
        defaults[0][2] if defaults else None,
        active_default(session, product_id),
    )


def _sort_out(
    command: Generate,
    wanted: Sequence[Combination],
    existing: _Existing,
    pattern: SkuPattern,
    prices: _Prices,
    plan: GenerationPlan,
) -> None:
    numbering = Numbering(set(existing.skus))
    for combination in wanted:
        digest = combination.digest
        if digest in existing.active:
            plan.already_active += 1
        elif digest in existing.drafts:
            if command.mode == "missing":
                plan.left_alone += 1
            else:
                plan.reactivate.append(existing.drafts[digest])
        else:
            names = combination.names
            plan.create.append(
                NewCombination(
                    names,
                    combination.value_ids,
                    digest,
                    numbering.unique(pattern.sku(names)),
                    title_from(tuple(names.values())) or "",
                    prices.of(names),
                )
            )


SWITCH: Final = """
UPDATE variants SET status = 1 - status, version = version + 1, updated_at = clock_timestamp()
WHERE (id = ANY(%(ids)s) AND status = 1) OR (id = %(default)s AND status = 0)"""


def _switch(session: Session, plan: GenerationPlan) -> None:
    """Bring drafts back as they are, for their price and stock were somebody's decision; make one of the default."""
    default = [plan.drafted.id] if plan.drafted is not None else []
    if plan.reactivate or default:
        lock_variants(session, [*plan.reactivate, *default])
        execute(session, SWITCH, {"ids": sorted(plan.reactivate), "default": default[0] if default else None})


# Digest and final status go in with the row: the product is locked for update, so nobody else can make one of these
# combinations, and each stands in the plan once. Its values follow in the same statement.
INSERT: Final = """
WITH new AS MATERIALIZED (
    SELECT p.position, n.* FROM jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS p (row, position),
        jsonb_to_record(p.row) AS n (sku text, title text, price numeric, digest text, value_ids jsonb)
), made AS (
    INSERT INTO variants (product_id, sku, title, price, stock, status, options_digest)
    SELECT %(product)s, sku, title, price, %(stock)s, %(status)s, digest FROM new ORDER BY position
    RETURNING id, sku
), held AS (
    INSERT INTO option_value_variants (variant_id, option_value_id)
    SELECT made.id, value::bigint FROM new JOIN made USING (sku), jsonb_array_elements_text(new.value_ids) AS value
)
SELECT made.id FROM new JOIN made USING (sku) ORDER BY new.position"""


def _insert(session: Session, product_id: int, new: Sequence[NewCombination], command: Generate) -> list[int]:
    if not new:
        return []
    rows = [
        {"sku": n.sku, "title": n.title, "price": str(n.price), "digest": n.digest, "value_ids": n.value_ids}
        for n in new
    ]
    parameters: dict[str, Any] = {
        "product": product_id,
        "stock": command.stock,
        "status": VariantStatus.ACTIVE if command.active else VariantStatus.INACTIVE,
        # One text: the driver takes longer to write six arrays than the server to read this.
        "rows": json.dumps(rows, separators=(",", ":")),
    }
    return [id_ for (id_,) in execute(session, INSERT, parameters)]
