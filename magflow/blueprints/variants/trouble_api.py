"""The API of orphans, incomplete variants and duplicates: listed, and remedied in bulk."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import fields

from magflow.blueprints.variants import answers
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import troubles
from magflow.queries.catalogue import VariantRow
from magflow.queries.troubles import KINDS, TroubledRow, TroubleFilter
from magflow.services import troubles as remedies
from magflow.services.troubles import ACTIONS, MOST, HandleTroubles, Outcome, Plan, Remedy
from magflow.web.answers import Answer, Count, Word, listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, perform, success
from magflow.web.border import Body, Boolean, Id, ListOf, Nested, OneOf, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_troubles", __name__, description="Orphans, incomplete variants and duplicates by name")

MOST_CHOICES: Final = 200
FINGERPRINT: Final = {
    "description": "`fingerprint` of the preview; refused with `stale_version` when it is another now"
}


class TroublesQuery(PageQuery):
    kind = OneOf(KINDS)
    product_id = Id()
    q = Text(metadata={"description": "A part of the SKU or of the product's name"})
    kept = Boolean(load_default=False, metadata={"description": "Those that are kept as they are, instead"})


class AlikeOut(Answer):
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)


class TroubledOut(answers.VariantOut):
    """A variant, and what is wrong with it."""

    kinds = fields.List(Word(*KINDS), required=True)
    values_not_offered = fields.List(fields.String(), required=True)
    options_lacking = fields.List(fields.String(), required=True)
    alike = fields.List(fields.Nested(AlikeOut), required=True)


class TroubleFilterBody(Body):
    """As the filters of `GET /variants/troubles`. Without any: everything that waits."""

    kind = OneOf(KINDS)
    product_id = Id()
    q = Text()
    kept = Boolean()
    option_value_id = Id(metadata={"description": "Active variants that hold this value, orphans or not"})


class ReplaceBody(Body):
    """Ids of two values of one option."""

    old = Id(required=True)
    new = Id(required=True)


class RemedyBody(Body):
    """Either `variant_ids` or `filter`. `remap` needs `replace` or `give`."""

    variant_ids = ListOf(Id(), most=MOST, least=1)
    filter = Nested(TroubleFilterBody)
    action = OneOf(ACTIONS, required=True)
    replace = ListOf(Nested(ReplaceBody), most=MOST_CHOICES, load_default=list)
    give = ListOf(
        Id(), most=MOST_CHOICES, load_default=list, metadata={"description": "Values for options that lack one"}
    )
    extend = Boolean(
        load_default=False, metadata={"description": "Products that do not offer a new value do so from then on"}
    )


class AgreedRemedyBody(RemedyBody):
    fingerprint = Text(most=64, metadata=FINGERPRINT)


class RemedyItemOut(Answer):
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True)
    outcome = Word("changed", "unchanged", "refused", required=True)
    reason = fields.String(required=True, allow_none=True)
    old = fields.List(fields.Integer(), required=True)
    new = fields.List(fields.Integer(), required=True)


class RemedyOut(Answer):
    """What becomes of each variant; `old` and `new` are ids of its option values."""

    changed = Count(required=True)
    unchanged = Count(required=True)
    refused_count = Count(required=True)
    fingerprint = fields.String(required=True)
    bulk_edit_id = fields.Integer(required=True, allow_none=True)
    items = fields.List(fields.Nested(RemedyItemOut), required=True)


def troubled_json(row: TroubledRow) -> dict[str, Any]:
    """A variant with what is wrong with it."""
    return {
        **_variant_json(row.row),
        "kinds": list(row.kinds),
        "values_not_offered": list(row.gone),
        "options_lacking": list(row.lacking),
        "alike": [{"variant_id": id_, "sku": sku} for id_, sku in row.alike],
    }


def _variant_json(row: VariantRow) -> dict[str, Any]:
    return answers.variant_json(row)


def plan_json(plan: Plan) -> dict[str, Any]:
    """The counts of a remedy and what becomes of each variant."""
    return {
        "changed": len(plan.changed),
        "unchanged": plan.unchanged,
        "refused_count": len(plan.refused),
        "fingerprint": plan.fingerprint,
        "bulk_edit_id": plan.bulk_edit_id,
        "items": [_item_json(outcome) for outcome in plan.outcomes],
    }


def _item_json(outcome: Outcome) -> dict[str, Any]:
    kind = "refused" if outcome.refused else "changed" if outcome.changed else "unchanged"
    return {
        "variant_id": outcome.variant_id,
        "sku": outcome.sku,
        "outcome": kind,
        "reason": outcome.refused,
        "old": sorted(outcome.old.values()),
        "new": sorted(outcome.new.values()),
    }


@api.get("/variants/troubles")
@requires("catalog:read")
@api.filters(TroublesQuery)
@api.answers(TroubledOut, many=True, description="Active variants with something wrong, newest first")
def list_troubles(query: dict[str, Any]) -> Response:
    """List orphans, incomplete variants and duplicates by name.

    What changed through imports or single edits is found within five minutes.
    """
    wanted = TroubleFilter(query.get("kind"), query.get("product_id"), None, query.get("q"), query["kept"])
    page = troubles.troubled(db.session(), wanted, after=id_after(query) or None, limit=query["limit"])
    return listed([troubled_json(row) for row in page.rows], page)


@api.post("/variants/troubles/preview")
@requires("catalog:read")
@api.reads(RemedyBody)
@api.answers(RemedyOut, description="What would become of each variant; nothing is written")
def preview_remedy(data: dict[str, Any]) -> Response:
    """Say what a remedy would do."""
    return success(plan_json(remedies.preview(db.session(), _command(data))))


@api.post("/variants/troubles")
@requires("catalog:write")
@api.reads(AgreedRemedyBody)
@api.answers(RemedyOut, description="What became of each variant")
def handle_troubles(data: dict[str, Any]) -> Response:
    """Remedy many variants at once: `remap`, `deactivate`, `keep`, or `ask_again` about those that are kept.

    Each variant is taken or refused by itself. A deactivation is a bulk edit, and can be undone as one.
    """
    return perform(remedies.handle, _command(data), present=lambda _session, plan: plan_json(plan))


def _command(data: Mapping[str, Any]) -> HandleTroubles:
    if ("variant_ids" in data) == ("filter" in data):
        raise Invalid([FieldError("variant_ids", "one_of", {"fields": "variant_ids, filter"})])
    remedy = Remedy(
        data["action"],
        tuple((pair["old"], pair["new"]) for pair in data["replace"]),
        tuple(data["give"]),
        data["extend"],
    )
    if "variant_ids" in data:
        return HandleTroubles(remedy, tuple(data["variant_ids"]), None, data.get("fingerprint"))
    named = dict(data["filter"])
    value_id = named.pop("option_value_id", None)
    return HandleTroubles(remedy, None, TroubleFilter(value_id=value_id, **named), data.get("fingerprint"))
