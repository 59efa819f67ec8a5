"""What the endpoints of imports answer: descriptions for the OpenAPI page, and the functions that build them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marshmallow import fields

from magflow.blueprints.imports.words import fault_sentence
from magflow.domain.imports.layouts import KINDS
from magflow.queries.catalogue import VariantRow
from magflow.queries.imports import ImportState, Row
from magflow.services.variants import ACTIVE
from magflow.web.answers import Amount, Answer, Count, Time, Word

MONEY = frozenset({"price", "compare_at_price", "unit_price"})
BY_THE_WAY = frozenset({"option_ids", "order_id", "offer_id", "read_at"})
"""Kept with a row's changes, and none of them."""
STATUSES = ("uploaded", "parsing", "ready", "running", "paused", "finished", "cancelled", "failed")


class ErrorOut(Answer):
    """Why an import failed."""

    code = fields.String(required=True)
    message = fields.String(required=True)


class ImportOut(Answer):
    """An import. Finished, its rows add up: `rows_total` = applied + unchanged + refused."""

    id = fields.Integer(required=True)
    kind = Word(*KINDS, required=True)
    format = Word("magflow", "shopify", "woocommerce", required=True)
    source = fields.String(required=True)
    source_account = fields.String(required=True)
    filename = fields.String(required=True)
    dry_run = fields.Boolean(required=True)
    status = Word(*STATUSES, required=True)
    progress = fields.Float(required=True, metadata={"minimum": 0, "maximum": 1})
    rows_total = Count(required=True)
    rows_applied = Count(required=True)
    rows_unchanged = Count(required=True)
    rows_refused = Count(required=True)
    variants_missing = Count(required=True)
    undone_at = Time(required=True, allow_none=True)
    error = fields.Nested(ErrorOut, required=True, allow_none=True)
    left_out = fields.List(fields.String(), required=True)
    actor = fields.String(required=True)
    created_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class RowErrorOut(Answer):
    """What is wrong with a cell, or with the row where the column is empty."""

    column = fields.String(required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)
    value = fields.String(required=True)


class ImportRowOut(Answer):
    """What became of a row. `changes`: field -> [before, after]. `undo`: `undone`, or why it could not be."""

    id = fields.Integer(required=True)
    line = Count(required=True)
    outcome = Word("created", "updated", "refused", required=True)
    variant_id = fields.Integer(required=True, allow_none=True)
    changes = fields.Dict(keys=fields.String(), required=True)
    errors = fields.List(fields.Nested(RowErrorOut), required=True)
    order_id = fields.Integer(required=True, allow_none=True)
    undo = fields.String(required=True, allow_none=True)


class SyncedValue(Answer):
    option_name = fields.String(required=True)
    option_value = fields.String(required=True)


class SyncedOut(Answer):
    """The variant that a feed's record came to."""

    id = fields.Integer(required=True)
    action = Word("created", "reactivated", "updated", "unchanged", required=True)
    source = fields.String(required=True)
    source_account = fields.String(required=True)
    external_id = fields.String(required=True)
    product_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    price = Amount(required=True)
    compare_at_price = Amount(required=True, allow_none=True)
    stock = Count(required=True)
    inventory_quantity = Count(required=True)
    status = Word("active", "inactive", required=True)
    option_values = fields.List(fields.Nested(SyncedValue), required=True)
    version = Count(required=True)


def import_json(state: ImportState) -> dict[str, Any]:
    """An import."""
    row = state.row
    error = None if row.error is None else {"code": row.error["code"], "message": fault_sentence(row.error)}
    return {
        "id": row.id,
        "kind": row.kind,
        "format": row.format,
        "source": row.source,
        "source_account": row.source_account,
        "filename": row.filename,
        "dry_run": row.dry_run,
        "status": row.status,
        "progress": round(state.progress, 4),
        "rows_total": row.rows_total,
        "rows_applied": state.applied,
        "rows_unchanged": state.unchanged,
        "rows_refused": state.refused,
        "variants_missing": row.rows_missing,
        "undone_at": row.undone_at,
        "error": error,
        "left_out": list((row.reading or {}).get("left_out", ())),
        "actor": row.actor,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def told(name: str, pair: Any) -> Any:
    """From what to what; money as it is written everywhere else."""
    if name not in MONEY:
        return pair
    return [None if value is None else f"{Decimal(str(value)):.2f}" for value in pair]


def row_json(row: Row) -> dict[str, Any]:
    """A row of an import; its id is its number among the file's records."""
    return {
        "id": row.number,
        "line": row.line,
        "outcome": row.outcome,
        "variant_id": row.variant_id,
        "changes": {name: told(name, pair) for name, pair in (row.changes or {}).items() if name not in BY_THE_WAY},
        "errors": [
            {"column": error["column"], "code": error["code"], "message": fault_sentence(error),
             "value": error.get("value", "")}
            for error in row.errors or ()
        ],
        "order_id": (row.changes or {}).get("order_id"),
        "undo": row.undo,
    }  # fmt: skip


def synced_json(outcome: str, named: Sequence[str], row: VariantRow) -> dict[str, Any]:
    """The variant of a feed's record; `named` is source, account and external id."""
    variant = row.variant
    source, account, external_id = named
    return {
        "id": variant.id,
        "action": outcome,
        "source": source,
        "source_account": account,
        "external_id": external_id,
        "product_id": variant.product_id,
        "sku": variant.sku,
        "title": variant.title,
        "price": variant.price,
        "compare_at_price": variant.compare_at_price,
        "stock": variant.stock,
        "inventory_quantity": variant.stock,
        "status": "active" if variant.status == ACTIVE else "inactive",
        "option_values": [
            {"option_name": choice.option_name, "option_value": choice.option_value}
            for choice in row.options
            if not choice.obsolete
        ],
        "version": variant.version,
    }
