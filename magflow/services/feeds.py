"""Variant sync: one record of a feed becomes one variant and one mapping, however often and by whom it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import StartAgain, execute, lock_names, lock_variants, refer_to_products_of, transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound, ProductMismatch
from magflow.domain.options import name_key
from magflow.models import Variant, VariantExternalId
from magflow.services import ledger, products, variants
from magflow.services.options import OptionInput


@dataclass(frozen=True)
class FeedRecord:
    """What a feed says of one variant. The product by id or handle; option values by (option, value) names."""

    source: str
    source_account: str
    external_id: str
    product_id: int
    sku: str | None = None
    price: Decimal | None = None
    stock: int | None = None
    title: str | None = None
    ean: str | None = None
    option_values: Sequence[tuple[str, str]] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Synced:
    outcome: Literal["created", "reactivated", "updated", "unchanged"]
    variant: Variant


@transactional
def sync_variant(session: Session, record: FeedRecord, *, actor: Actor) -> Synced:
    """Create, bring back or update the variant that a feed calls by its external id (domain 3).

    The name is locked before anything is read, so two calls for one external id give one variant and one mapping.
    Raises ProductMismatch when the id belongs to another product, and what creating a variant refuses with.
    """
    _check(record)
    names: list[tuple[str, ...]] = [("external_id", record.source, record.source_account, record.external_id)]
    names += [("option_type", name_key(option)) for option, _ in record.option_values]
    # An import takes the whole feed for a moment, instead of thousands of ids.
    lock_names(session, names, shared=[("feed", record.source, record.source_account)])
    mapped = _mapped(session, record)
    if mapped is None:
        return _create(session, record, actor)
    variant_id, product_id = mapped
    if product_id != record.product_id:
        raise ProductMismatch(record.external_id, record.product_id, product_id)
    try:
        return _update(session, variant_id, record, actor)
    except NotFound:
        if _mapped(session, record) is None:
            # The variant was removed for good between the look and the lock, and its mapping with it.
            raise StartAgain from None
        raise


def _mapped(session: Session, record: FeedRecord) -> tuple[int, int] | None:
    """The variant that the external id means, and its product."""
    row = session.execute(
        select(Variant.id, Variant.product_id)
        .join(VariantExternalId, VariantExternalId.variant_id == Variant.id)
        .where(
            VariantExternalId.source == record.source,
            VariantExternalId.source_account == record.source_account,
            VariantExternalId.external_id == record.external_id,
        )
    ).first()
    return None if row is None else (row[0], row[1])


def _check(record: FeedRecord) -> None:
    errors = [
        FieldError(name, "required")
        for name in ("source", "source_account", "external_id")
        if not getattr(record, name).strip()
    ]
    if errors:
        raise Invalid(errors)


def _attributes(record: FeedRecord) -> dict[str, Any]:
    named = {"sku": record.sku, "price": record.price, "title": record.title, "ean": record.ean}
    return record.attributes | {name: value for name, value in named.items() if value is not None}


def _update(session: Session, variant_id: int, record: FeedRecord, actor: Actor) -> Synced:
    ids: list[int] | None = None
    if record.option_values:
        ids = _value_ids(session, record)
    # The stock of a record is an update of its own.
    refer_to_products_of(session, variants=[variant_id])
    edited = variants.edit_locked(session, variants.EditVariant(variant_id, _attributes(record), option_value_ids=ids))
    changed, variant = edited.changed, edited.variant
    if record.stock is not None and record.stock != variant.stock:
        changed = bool(ledger.set_to(session, {variant.id: record.stock}, reason="feed", note=record.source)) or changed
        session.refresh(variant)
    return Synced("updated" if changed else "unchanged", variant)


def _create(session: Session, record: FeedRecord, actor: Actor) -> Synced:
    attributes = _attributes(record)
    ids = _value_ids(session, record)
    made = variants.create_or_reactivate.within(
        session, variants.NewVariant(record.product_id, ids, attributes), actor=actor
    )
    if record.stock is not None:
        lock_variants(session, [made.variant.id])
        ledger.set_to(session, {made.variant.id: record.stock}, reason="feed", note=record.source)
        session.refresh(made.variant)
    session.add(
        VariantExternalId(
            variant_id=made.variant.id,
            source=record.source,
            source_account=record.source_account,
            external_id=record.external_id,
        )
    )
    session.flush()
    return Synced(made.outcome, made.variant)


def _value_ids(session: Session, record: FeedRecord) -> list[int]:
    """Ids of the named values; a feed may bring types and values that are not there yet."""
    inputs = [OptionInput(option, (value,)) for option, value in record.option_values]
    resolved = products.extend_options(session, record.product_id, inputs)
    return [value.id for option in resolved for value in option.values]


BACKFILL = """
INSERT INTO variant_external_ids (variant_id, source, source_account, external_id)
SELECT id, 'legacy', 'default', external_sku FROM variants WHERE external_sku IS NOT NULL
ON CONFLICT DO NOTHING"""


@transactional
def backfill_external_ids(session: Session, *, actor: Actor) -> int:
    """Map every variant with an `external_sku` as (legacy, default, external_sku). Returns how many were new."""
    return execute(session, BACKFILL).rowcount
