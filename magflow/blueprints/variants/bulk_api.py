"""The API of bulk edits: previewed, carried out, looked at, undone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response
from marshmallow import fields

from magflow.blueprints.variants.requests import LONGEST_EAN, LONGEST_OPTION, LONGEST_SKU, STATUSES
from magflow.db import db
from magflow.domain.bulk_edit import ACTIONS, ROUNDINGS, Rule
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import bulk_edits
from magflow.queries.variant_lists import VariantFilter
from magflow.services import bulk_edit, bulk_undo
from magflow.services.bulk_edit import BulkPlan, EditInBulk, PlannedRow, Selection
from magflow.services.stock import LARGEST_STOCK
from magflow.services.variants import ACTIVE, INACTIVE
from magflow.web.answers import Amount, Answer, Count, Time, Word
from magflow.web.api import ApiBlueprint, perform, success
from magflow.web.bodies import EmptyBody
from magflow.web.border import Body, Boolean, Difference, Id, ListOf, Nested, OneOf, Quantity, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_bulk_edits", __name__, description="Many variants changed at once, and set back")

MOST_IDS: Final = 100_000
SHOWN: Final = 100
"""Rows of a preview that are listed."""
FIELDS: Final = tuple(ACTIONS)
EVERY_ACTION: Final = tuple(dict.fromkeys(action for actions in ACTIONS.values() for action in actions))
STATES: Final = ("queued", "running", "applied", "failed", "undone")
FINGERPRINT: Final = {
    "description": "`fingerprint` of the preview; refused with `stale_version` when it is another now"
}


class ChangeBody(Body):
    """One change. `price`: set, add, percent. `compare_at_price`: also clear. `stock`: set, add. `status`: activate…"""

    field = OneOf(FIELDS, required=True)
    action = OneOf(EVERY_ACTION, required=True)
    value = Difference(allow_none=True)
    rounding = OneOf(ROUNDINGS, load_default="cent")


class FilterBody(Body):
    """As the filters of `GET /variants`. Without any: every variant of the shop."""

    q = Text()
    sku = Text(most=LONGEST_SKU)
    sku_prefix = Text(most=LONGEST_SKU)
    ean = Text(most=LONGEST_EAN)
    status = OneOf(STATUSES)
    product_id = Id()
    brand = Text()
    category = Text()
    option_value = Text(most=LONGEST_OPTION)
    option_name = Text(most=LONGEST_OPTION)
    stock_min = Quantity(least=0, most=LARGEST_STOCK)
    stock_max = Quantity(least=0, most=LARGEST_STOCK)
    purchasable = Boolean()
    complete = Boolean()
    orphaned = Boolean()


class BulkBody(Body):
    """Either `variant_ids` or `filter`."""

    variant_ids = ListOf(Id(), most=MOST_IDS, least=1)
    filter = Nested(FilterBody)
    changes = ListOf(Nested(ChangeBody), most=len(FIELDS), least=1, required=True)


class AgreedBulkBody(BulkBody):
    fingerprint = Text(most=64, metadata=FINGERPRINT)
    skip_refused = Boolean(load_default=False, metadata={"description": "Change the others when some are refused"})


class BulkValuesOut(Answer):
    """Only the fields that change."""

    price = Amount()
    compare_at_price = Amount(allow_none=True)
    stock = Count()
    status = Word(*STATUSES)


class PlannedRowOut(Answer):
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    product_id = fields.Integer(required=True)
    old = fields.Nested(BulkValuesOut, required=True)
    new = fields.Nested(BulkValuesOut, required=True)


class RefusedRowOut(Answer):
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    reason = fields.String(required=True)


class BulkPreviewOut(Answer):
    """What a bulk edit would do; the first of the rows that change, and of those that cannot."""

    changed = Count(required=True)
    unchanged = Count(required=True)
    refused_count = Count(required=True)
    fingerprint = fields.String(required=True)
    rows = fields.List(fields.Nested(PlannedRowOut), required=True)
    refused = fields.List(fields.Nested(RefusedRowOut), required=True)


class ReplacedOut(Answer):
    old = fields.Integer(required=True)
    new = fields.Integer(required=True)


class AppliedChangeOut(Answer):
    """One change. Of other option values (`options`, `remap`) the ids that were replaced, and those that were given."""

    field = Word(*FIELDS, "options", required=True)
    action = Word(*EVERY_ACTION, "template", "remap", required=True)
    value = fields.String(required=True, allow_none=True)
    rounding = Word(*ROUNDINGS, required=True)
    price_template_id = fields.Integer()
    price_template = fields.String()
    product_id = fields.Integer()
    replace = fields.List(fields.Nested(ReplacedOut))
    give = fields.List(fields.Integer())


class KeptRowOut(Answer):
    variant_id = fields.Integer(required=True)
    reason = fields.String(required=True)


class BulkEditOut(Answer):
    """A bulk edit. `kept` are the variants that an undo could not set back, and why."""

    id = fields.Integer(required=True)
    status = Word(*STATES, required=True)
    changes = fields.List(fields.Nested(AppliedChangeOut), required=True)
    changed = Count(required=True)
    unchanged = Count(required=True)
    refused_count = Count(required=True)
    done = Count(required=True)
    total = Count(required=True)
    error = fields.Dict(required=True, allow_none=True)
    kept_count = Count(required=True)
    kept = fields.List(fields.Nested(KeptRowOut), required=True)
    actor = fields.String(required=True)
    created_at = Time(required=True)
    applied_at = Time(required=True, allow_none=True)
    undone_at = Time(required=True, allow_none=True)


class UndoneOut(BulkEditOut):
    restored = Count(required=True)


def values_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a variant as the API writes them."""
    told = dict(values)
    if "status" in told:
        told["status"] = "active" if told["status"] == ACTIVE else "inactive"
    return told


def plan_json(plan: BulkPlan) -> dict[str, Any]:
    """The counts of a plan, with the first of its rows."""
    changed, refused = plan.changed, plan.refused
    return {
        "changed": len(changed),
        "unchanged": len(plan.rows) - len(changed) - len(refused),
        "refused_count": len(refused),
        "fingerprint": plan.fingerprint,
        "rows": [_planned_json(planned) for planned in changed[:SHOWN]],
        "refused": [{"variant_id": r.row.id, "sku": r.row.sku, "reason": r.refused} for r in refused[:SHOWN]],
    }


def _planned_json(planned: PlannedRow) -> dict[str, Any]:
    row = planned.row
    return {
        "variant_id": row.id,
        "sku": row.sku,
        "title": row.title,
        "product_id": row.product_id,
        "old": values_json(planned.old),
        "new": values_json(planned.new),
    }


def change_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A change as it was asked for, without what only its undo needs."""
    told = {name: value for name, value in stored.items() if name not in {"offered", "versions", "holders"}}
    if "replace" in told:
        told["replace"] = [{"old": old, "new": new} for old, new in told["replace"]]
    return told


def bulk_edit_json(session: Any, edit: Any) -> dict[str, Any]:
    """A bulk edit as it stands."""
    far = bulk_edits.progress(session, edit)
    undone = edit.status == "undone"
    kept = bulk_edits.edited_rows(session, edit.id, kept=True, limit=SHOWN) if undone else []
    return {
        "id": edit.id,
        "status": edit.status,
        "changes": [change_json(stored) for stored in edit.changes],
        "changed": edit.rows_changed,
        "unchanged": edit.rows_unchanged,
        "refused_count": edit.rows_refused,
        "done": far.done,
        "total": far.total,
        "error": edit.error,
        "kept_count": bulk_edits.kept_count(session, edit.id) if undone else 0,
        "kept": [{"variant_id": row.variant_id, "reason": row.undo_refused} for row in kept],
        "actor": edit.actor,
        "created_at": edit.created_at,
        "applied_at": edit.applied_at,
        "undone_at": edit.undone_at,
    }


@api.post("/variants/bulk-edit/preview")
@requires("catalog:read")
@api.reads(BulkBody)
@api.answers(BulkPreviewOut, description="Old and new values; nothing is written")
def preview(data: dict[str, Any]) -> Response:
    """Say what a bulk edit would do."""
    return success(plan_json(bulk_edit.preview(db.session(), _selection(data), _rules(data["changes"]))))


@api.post("/variants/bulk-edit")
@requires("catalog:write")
@api.reads(AgreedBulkBody)
@api.answers(BulkEditOut, status=(200, 202), description="The bulk edit; 202 when a job carries it out")
def start(data: dict[str, Any]) -> Response:
    """Carry a bulk edit out as it was previewed: all of it or nothing.

    More than 2,000 variants become a job; `GET /bulk-edits/{id}` says how far it is.
    """
    command = EditInBulk(
        _selection(data), tuple(_rules(data["changes"])), data.get("fingerprint"), skip_refused=data["skip_refused"]
    )
    return perform(
        bulk_edit.start,
        command,
        present=bulk_edit_json,
        status=lambda edit: 202 if edit.status == "queued" else 200,
    )


@api.get("/bulk-edits/<int:bulk_edit_id>")
@requires("catalog:read")
@api.answers(BulkEditOut, description="The bulk edit")
def get_bulk_edit(bulk_edit_id: int) -> Response:
    """Read a bulk edit: what it did, or how far it is."""
    session = db.session()
    return success(bulk_edit_json(session, bulk_edits.bulk_edit(session, bulk_edit_id)))


@api.post("/bulk-edits/<int:bulk_edit_id>/undo")
@requires("catalog:write")
@api.reads(EmptyBody, required=False)
@api.answers(
    UndoneOut,
    status=(200, 202),
    description="The bulk edit, how many variants were set back, and which were not; 202 when a job does it",
)
def undo(_data: dict[str, Any], bulk_edit_id: int) -> Response:
    """Set back what a bulk edit changed, wherever nothing else has touched it since."""
    return perform(
        bulk_undo.start,
        bulk_edit_id,
        present=lambda session, done: {**bulk_edit_json(session, done.edit), "restored": done.restored},
        status=lambda done: 202 if done.edit.status == "running" else 200,
    )


def _selection(data: Mapping[str, Any]) -> Selection:
    if ("variant_ids" in data) == ("filter" in data):
        raise Invalid([FieldError("variant_ids", "one_of", {"fields": "variant_ids, filter"})])
    if "variant_ids" in data:
        return Selection(ids=tuple(data["variant_ids"]))
    named = dict(data["filter"])
    status = {"active": ACTIVE, "inactive": INACTIVE}.get(named.pop("status", ""))
    return Selection(filter=VariantFilter(status=status, **named))


def _rules(changes: Sequence[Mapping[str, Any]]) -> list[Rule]:
    return [Rule(c["field"], c["action"], c.get("value"), c["rounding"]) for c in changes]
