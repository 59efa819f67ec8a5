"""Price templates: made, changed, applied to a product, and applied again when its base price changes.

Applying is a bulk edit whose new prices come from the template: the same plan for preview and run, the same record,
and the same way back (`magflow.services.bulk_undo`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, lock_variant_rows, share_product, transactional
from magflow.domain.actors import Actor
from magflow.domain.bulk_edit import HIGHEST_PRICE
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.money import to_cents
from magflow.domain.price_templates import PriceRule, PriceTemplateRules, check_rules
from magflow.models import (
    BulkEdit,
    OptionType,
    OptionValue,
    OptionValueVariant,
    PriceTemplate,
    PriceTemplateRule,
    Product,
    ProductPriceTemplate,
    Variant,
    VariantStatus,
)
from magflow.services import bulk_edit, jobs
from magflow.services.bulk_edit import BulkPlan, PlannedRow, Row
from magflow.services.generation import template_rules
from magflow.services.options import options_of

MOST_RULES: Final = 500
REAPPLY: Final = "variants.reapply_price_template"
BASE_PRICE_CHANGED: Final = "product.base_price_changed"


@dataclass(frozen=True)
class SaveTemplate:
    """A template's name and all its rules; what is not among them is gone."""

    name: str
    rules: Sequence[PriceRule] = ()
    template_id: int | None = None
    """None for a new one."""


@dataclass(frozen=True)
class ApplyTemplate:
    product_id: int
    price_template_id: int
    base_price: Decimal | None = None
    """None takes the price of the variant without options, else the base price that was used last."""
    include_drafts: bool = False
    follow: bool = False
    """Make the prices anew whenever the base price changes."""
    fingerprint: str = ""
    """Of the preview that was agreed to; empty: whatever it is, as programs may ask for it."""
    skip_refused: bool = False


@dataclass
class TemplatePlan:
    """What a template makes of a product's prices."""

    base_price: Decimal
    plan: BulkPlan
    names: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Per variant its combination as {option: value}."""


@transactional
def create(session: Session, command: SaveTemplate, *, actor: Actor) -> PriceTemplate:
    """Make a template. Raises Invalid, AlreadyTaken."""
    _check(command.rules)
    template = PriceTemplate(name=command.name)
    session.add(template)
    session.flush()
    _write_rules(session, template.id, command.rules)
    session.refresh(template)
    return template


@transactional
def edit(session: Session, command: SaveTemplate, *, actor: Actor) -> PriceTemplate:
    """Replace name and rules. Prices that were made with it stay until it is applied again.

    Raises NotFound, Invalid, AlreadyTaken.
    """
    _check(command.rules)
    template = _locked(session, command.template_id or 0)
    template.name = command.name
    session.execute(delete(PriceTemplateRule).where(PriceTemplateRule.price_template_id == template.id))
    _write_rules(session, template.id, command.rules)
    session.refresh(template)
    return template


@transactional
def remove(session: Session, template_id: int, *, actor: Actor) -> str:
    """Delete a template; prices that were made with it stay. Returns its name. Raises NotFound."""
    template = _locked(session, template_id)
    session.delete(template)
    session.flush()
    return template.name


def _locked(session: Session, template_id: int) -> PriceTemplate:
    # No row of it is ever locked: whoever changes or applies a template takes its name.
    lock_names(session, [("price_template", str(template_id))])
    template = session.get(PriceTemplate, template_id, populate_existing=True)
    if template is None:
        raise NotFound("price template", template_id)
    return template


def _check(rules: Sequence[PriceRule]) -> None:
    if len(rules) > MOST_RULES:
        raise Invalid([FieldError("rules", "too_many", {"limit": MOST_RULES})])
    check_rules(rules)


def _write_rules(session: Session, template_id: int, rules: Sequence[PriceRule]) -> None:
    session.add_all(
        PriceTemplateRule(
            price_template_id=template_id,
            option_name=rule.option_name,
            option_value=rule.option_value,
            kind=rule.kind,
            amount=rule.amount,
        )
        for rule in rules
    )
    session.flush()


# --- applied to a product --------------------------------------------------------------------------------------------


def preview(session: Session, command: ApplyTemplate) -> TemplatePlan:
    """The prices as they would become now; nothing is written and nothing locked. Raises NotFound, Invalid."""
    if session.get(Product, command.product_id) is None:
        raise NotFound("product", command.product_id)
    rules = template_rules(session, command.price_template_id)
    return _plan(session, command, rules, _ids(session, command))


@transactional
def apply(session: Session, command: ApplyTemplate, *, actor: Actor) -> BulkEdit:
    """Give a product's variants the prices of a template, and remember it.

    Raises NotFound, Invalid, StaleVersion when the plan is another than the one agreed to, BulkRefused.
    """
    template = _locked(session, command.price_template_id)
    share_product(session, command.product_id)
    made = _locked_plan(session, command)
    return _settle(session, command, template, made, actor)


@transactional
def reapply(session: Session, product_id: int, *, actor: Actor) -> BulkEdit | None:
    """Make a product's prices anew over its present base price, if its owner asked for that; None if not."""
    kept = session.get(ProductPriceTemplate, product_id)
    if kept is None or not kept.follows:
        return None
    template = _locked(session, kept.price_template_id)
    share_product(session, product_id)
    command = ApplyTemplate(product_id, template.id, follow=True, skip_refused=True)
    made = _locked_plan(session, command)
    # Nobody looks at a preview of this: it was agreed to once and for all.
    return _settle(session, command, template, made, actor)


def _locked_plan(session: Session, command: ApplyTemplate) -> TemplatePlan:
    ids = _ids(session, command)
    lock_variant_rows(session, ids)
    return _plan(session, command, template_rules(session, command.price_template_id), ids)


def _settle(
    session: Session,
    command: ApplyTemplate,
    template: PriceTemplate,
    made: TemplatePlan,
    actor: Actor,
) -> BulkEdit:
    change = {
        "field": "price",
        "action": "template",
        "value": str(made.base_price),
        "rounding": "cent",
        "price_template_id": template.id,
        "price_template": template.name,
        "product_id": command.product_id,
    }
    edit = BulkEdit(
        actor=actor.name,
        selection={"ids": [planned.row.id for planned in made.plan.rows]},
        changes=[change],
        fingerprint=command.fingerprint,
        skip_refused=command.skip_refused,
    )
    session.add(edit)
    session.flush()
    bulk_edit.settle(session, edit, made.plan)
    _remember(session, command, made.base_price, edit.id)
    session.refresh(edit)
    return edit


def _remember(session: Session, command: ApplyTemplate, base_price: Decimal, edit_id: int) -> None:
    kept: dict[str, Any] = {
        "price_template_id": command.price_template_id,
        "base_price": base_price,
        "follows": command.follow,
        "bulk_edit_id": edit_id,
    }
    statement = insert(ProductPriceTemplate).values(product_id=command.product_id, **kept)
    session.execute(statement.on_conflict_do_update(index_elements=["product_id"], set_=kept))


@transactional
def forget(session: Session, product_id: int, *, actor: Actor) -> None:
    """The product's prices no longer follow a template; they stay as they are."""
    session.execute(delete(ProductPriceTemplate).where(ProductPriceTemplate.product_id == product_id))


def _ids(session: Session, command: ApplyTemplate) -> list[int]:
    """Variants with a combination, lowest id first. The one without is where the base price comes from."""
    statement = select(Variant.id).where(Variant.product_id == command.product_id, Variant.options_digest.is_not(None))
    if not command.include_drafts:
        statement = statement.where(Variant.status == VariantStatus.ACTIVE)
    return list(session.scalars(statement.order_by(Variant.id)))


def _plan(session: Session, command: ApplyTemplate, rules: PriceTemplateRules, ids: Sequence[int]) -> TemplatePlan:
    base = _base_price(session, command)
    names = _names(session, command.product_id, ids)
    rows = {row.id: row for row in bulk_edit.rows_of(session, ids)}
    planned = [_planned(rows[id_], rules.price(base, names.get(id_, {}))) for id_ in ids if id_ in rows]
    return TemplatePlan(base, BulkPlan(planned), names)


def _planned(row: Row, price: Decimal) -> PlannedRow:
    if price > HIGHEST_PRICE:
        return PlannedRow(row, {}, "too_large")
    return PlannedRow(row, {"price": price} if price != row.price else {})


def _base_price(session: Session, command: ApplyTemplate) -> Decimal:
    if command.base_price is not None:
        return to_cents(command.base_price)
    found = base_price_of(session, command.product_id)
    if found is None:
        raise Invalid([FieldError("base_price", "required")])
    return found


def base_price_of(session: Session, product_id: int) -> Decimal | None:
    """The price of the variant without options, an active one before drafts; else the one that was used last."""
    default = session.scalar(
        select(Variant.price)
        .where(Variant.product_id == product_id, Variant.options_digest.is_(None))
        .order_by(Variant.status, Variant.id)
        .limit(1)
    )
    if default is not None:
        return default
    return session.scalar(select(ProductPriceTemplate.base_price).where(ProductPriceTemplate.product_id == product_id))


def _names(session: Session, product_id: int, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Per variant its values of the options that the product uses, in their order."""
    types = [option_type.id for option_type in options_of(session, product_id).types]
    found = session.execute(
        select(OptionValueVariant.variant_id, OptionType.id, OptionType.name, OptionValue.name)
        .join(OptionValue, OptionValue.id == OptionValueVariant.option_value_id)
        .join(OptionType, OptionType.id == OptionValue.option_type_id)
        .join(Variant, Variant.id == OptionValueVariant.variant_id)
        .where(Variant.product_id == product_id, OptionType.id.in_(types))
    )
    wanted = set(ids)
    held: dict[int, list[tuple[int, str, str]]] = {}
    for variant_id, type_id, option, value in found:
        if variant_id in wanted:
            held.setdefault(variant_id, []).append((types.index(type_id), option, value))
    return {id_: {option: value for _place, option, value in sorted(rows)} for id_, rows in held.items()}


# --- the base price changed ------------------------------------------------------------------------------------------


def base_price_changed(session: Session, _kind: str, payload: Mapping[str, Any]) -> None:
    """Subscriber: let a worker make the product's prices anew; one job waits per product, however often it changes."""
    product_id = int(payload["product_id"])
    jobs.enqueue(session, REAPPLY, queueing_lock=f"{REAPPLY}:{product_id}", product_id=product_id)
