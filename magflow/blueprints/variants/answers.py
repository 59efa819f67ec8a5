"""What the catalogue's endpoints answer: descriptions for the OpenAPI page, and the functions that build them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from marshmallow import INCLUDE, Schema, fields

from magflow.domain.money import to_cents
from magflow.queries.catalogue import OptionChoice, OptionRow, ProductRow, VariantRow
from magflow.queries.product_details import ProductDetails
from magflow.queries.stock import MovementRow
from magflow.services.products import OptionsChanged
from magflow.services.variants import ACTIVE
from magflow.web.answers import Amount, Answer, Count, Time, Word


class OptionValueOut(Answer):
    option_name = fields.String(required=True)
    option_value = fields.String(required=True)


class VariantOut(Answer):
    id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    product_name = fields.String(required=True)
    sku = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    price = Amount(required=True)
    compare_at_price = Amount(required=True, allow_none=True)
    stock = Count(required=True)
    inventory_quantity = Count(required=True)
    status = Word("active", "inactive", required=True)
    option_values = fields.List(fields.Nested(OptionValueOut), required=True)
    option_value_ids = fields.List(fields.Integer(), required=True)
    obsolete_option_values = fields.List(fields.Nested(OptionValueOut), required=True)
    complete = fields.Boolean(required=True)
    purchasable = fields.Boolean(required=True)
    ean = fields.String(required=True, allow_none=True)
    vat_rate = Amount(required=True, allow_none=True)
    version = Count(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class MadeVariantOut(VariantOut):
    action = Word("created", "reactivated", required=True)


class OrphanOut(VariantOut):
    orphan_option_values = fields.List(fields.Nested(OptionValueOut), required=True)


class DeletedVariantOut(Answer):
    id = fields.Integer(required=True)
    deleted = fields.Boolean(required=True)
    status = Word("inactive", "deleted", required=True)


class OptionOut(Answer):
    """An option of a product and the values it offers, in order; `id` is the option type's."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    presentation = fields.String(required=True)
    values = fields.List(fields.String(), required=True)
    value_ids = fields.List(fields.Integer(), required=True)


class ProductOut(Answer):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    handle = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    brand = fields.String(required=True, allow_none=True)
    category = fields.String(required=True, allow_none=True)
    vat_rate = Amount(required=True, allow_none=True)
    archived = fields.Boolean(required=True)
    archived_at = Time(required=True, allow_none=True)
    active_count = Count(required=True)
    inactive_count = Count(required=True)
    stock = Count(required=True)
    lowest_price = Amount(required=True, allow_none=True)
    highest_price = Amount(required=True, allow_none=True)
    version = Count(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class ProductDetailsOut(ProductOut):
    options = fields.List(fields.Nested(OptionOut), required=True)
    default_variant = fields.Nested(VariantOut, required=True, allow_none=True)


class ArchivedOut(ProductDetailsOut):
    deactivated_count = Count(required=True)


class OptionsChangedOut(Answer):
    """What became of the product's variants; every list holds their ids."""

    id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    version = Count(required=True)
    options = fields.List(fields.Nested(OptionOut), required=True)
    deactivated_count = Count(required=True)
    deactivated_ids = fields.List(fields.Integer(), required=True)
    incomplete_ids = fields.List(fields.Integer(), required=True)
    orphan_ids = fields.List(fields.Integer(), required=True)


class FreeCombination(Schema):
    """{option name: value name}, with the names of the product's own options."""

    class Meta:
        unknown = INCLUDE


class TypeValueOut(Answer):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    presentation = fields.String(required=True)
    position = fields.Integer(required=True)
    active = fields.Boolean(required=True)


class OptionTypeOut(Answer):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    presentation = fields.String(required=True)
    position = fields.Integer(required=True)
    active = fields.Boolean(required=True)
    values = fields.List(fields.Nested(TypeValueOut), required=True)


class MovementOut(Answer):
    """One explained change of stock. `reason` is what was given for it; `kind` is the door it came through."""

    id = fields.String(required=True)
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    seq = Count(required=True)
    delta = fields.Integer(required=True)
    balance_after = Count(required=True)
    reason = fields.String(required=True)
    kind = Word(
        "opening", "sale", "restock", "adjustment", "count", "import", "feed", "transfer", "migration", required=True
    )
    note = fields.String(required=True, allow_none=True)
    actor = fields.String(required=True)
    door = fields.String(required=True)
    source_type = fields.String(required=True, allow_none=True)
    source_id = fields.Integer(required=True, allow_none=True)
    order_id = fields.Integer(required=True, allow_none=True)
    order_number = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)
    at = Time(required=True)


class AdjustedOut(Answer):
    """The stock as it stands now, and the movement; without one the stock was what it should be."""

    id = fields.String(required=True, allow_none=True)
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    delta = fields.Integer(required=True)
    balance_after = Count(required=True)
    stock = Count(required=True)
    inventory_quantity = Count(required=True)
    reason = fields.String(required=True)
    actor = fields.String(required=True)


class ChangeOut(Answer):
    """What somebody changed, with the old and the new values of what was changed."""

    id = fields.Integer(required=True)
    at = Time(required=True)
    action = fields.String(required=True)
    actor = fields.String(required=True)
    door = fields.String(required=True)
    request_id = fields.String(required=True, allow_none=True)
    old = fields.Dict(required=True, allow_none=True)
    new = fields.Dict(required=True, allow_none=True)


# --- building them ---------------------------------------------------------------------------------------------------


def _pairs(choices: Sequence[OptionChoice]) -> list[dict[str, str]]:
    return [{"option_name": choice.option_name, "option_value": choice.option_value} for choice in choices]


def variant_json(row: VariantRow) -> dict[str, Any]:
    """A variant. Values of options that the product no longer uses stand apart: they do not count."""
    variant = row.variant
    active = variant.status == ACTIVE
    current = [choice for choice in row.options if not choice.obsolete]
    return {
        "id": variant.id,
        "product_id": variant.product_id,
        "product_name": row.product_name,
        "sku": variant.sku,
        "title": variant.title,
        "price": variant.price,
        "compare_at_price": variant.compare_at_price,
        "stock": variant.stock,
        "inventory_quantity": variant.stock,
        "status": "active" if active else "inactive",
        "option_values": _pairs(current),
        "option_value_ids": [choice.option_value_id for choice in current],
        "obsolete_option_values": _pairs([choice for choice in row.options if choice.obsolete]),
        "complete": row.complete,
        "purchasable": active and row.complete and variant.stock > 0,
        "ean": variant.ean,
        "vat_rate": variant.vat_rate,
        "version": variant.version,
        "created_at": variant.created_at,
        "updated_at": variant.updated_at,
    }


def orphan_json(row: VariantRow) -> dict[str, Any]:
    """A variant with the values that its product no longer offers."""
    orphans = [choice for choice in row.options if not choice.obsolete and not choice.offered]
    return {**variant_json(row), "orphan_option_values": _pairs(orphans)}


def product_json(row: ProductRow) -> dict[str, Any]:
    """A product as in a list; stock and prices are of its active variants."""
    product = row.product
    return {
        "id": product.id,
        "name": product.name,
        "handle": product.handle,
        "description": product.description,
        "brand": product.brand,
        "category": product.category,
        "vat_rate": product.vat_rate,
        "archived": product.archived,
        "archived_at": product.archived_at,
        "active_count": row.active,
        "inactive_count": row.drafts,
        "stock": row.stock,
        "lowest_price": row.lowest_price,
        "highest_price": row.highest_price,
        "version": product.version,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def details_json(details: ProductDetails) -> dict[str, Any]:
    """A product by itself."""
    default = details.default_variant
    return {
        **product_json(details.row),
        "options": [option_json(option) for option in details.options],
        "default_variant": variant_json(default) if default is not None else None,
    }


def option_json(option: OptionRow) -> dict[str, Any]:
    """An option of a product."""
    return {
        "id": option.type.id,
        "name": option.type.name,
        "presentation": option.type.presentation or option.type.name,
        "values": [value.name for value in option.values],
        "value_ids": [value.id for value in option.values],
    }


def options_changed_json(changed: OptionsChanged) -> dict[str, Any]:
    """What a change of options did, as it was when it was done."""
    product, options = changed.product, changed.options
    return {
        "id": product.id,
        "product_id": product.id,
        "version": product.version,
        "options": [option_json(OptionRow(type_, options.offered[type_.id])) for type_ in options.types],
        "deactivated_count": len(changed.deactivated),
        "deactivated_ids": changed.deactivated,
        "incomplete_ids": changed.incomplete,
        "orphan_ids": changed.orphans,
    }


def option_type_json(row: OptionRow) -> dict[str, Any]:
    """An option type of the shop with all its values."""
    return {**_named(row.type), "values": [_named(value) for value in row.values]}


def _named(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "presentation": row.presentation or row.name,
        "position": row.position,
        "active": row.active,
    }


def movement_json(row: MovementRow) -> dict[str, Any]:
    """A movement. Stock that was changed by hand has the reason that the person gave."""
    movement = row.movement
    by_hand = movement.reason in {"adjustment", "count"}
    return {
        "id": f"{movement.variant_id}-{movement.seq}",
        "variant_id": movement.variant_id,
        "sku": movement.sku,
        "seq": movement.seq,
        "delta": movement.delta,
        "balance_after": movement.balance_after,
        "reason": (movement.note if by_hand else None) or movement.reason,
        "kind": movement.reason,
        "note": movement.note,
        "actor": movement.actor,
        "door": movement.door,
        "source_type": movement.source_type,
        "source_id": movement.source_id,
        "order_id": row.order_id,
        "order_number": row.order_number,
        "request_id": movement.request_id,
        "at": movement.at,
    }


def adjusted_json(variant: Any, delta: int, reason: str, actor: str) -> dict[str, Any]:
    """A variant's stock after it was changed by hand, with the movement of it."""
    return {
        "id": f"{variant.id}-{variant.movement_seq}" if delta else None,
        "variant_id": variant.id,
        "sku": variant.sku,
        "delta": delta,
        "balance_after": variant.stock,
        "stock": variant.stock,
        "inventory_quantity": variant.stock,
        "reason": reason,
        "actor": actor,
    }


def change_json(entry: Any) -> dict[str, Any]:
    """An entry of the audit log."""
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "actor": entry.actor,
        "door": entry.door,
        "request_id": entry.request_id,
        "old": _recorded(entry.old),
        "new": _recorded(entry.new),
    }


AMOUNTS: Final = ("price", "compare_at_price", "vat_rate")
INTERNAL: Final = ("movement_seq", "updated_at")


def _recorded(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Columns of a variant as the log keeps them, as the API writes them."""
    if values is None:
        return None
    told = {name: value for name, value in values.items() if name not in INTERNAL}
    for name in AMOUNTS:
        if told.get(name) is not None:
            told[name] = to_cents(Decimal(str(told[name])))
    if "status" in told:
        told["status"] = "active" if told["status"] == ACTIVE else "inactive"
    return told
