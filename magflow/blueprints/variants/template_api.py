"""The API of price templates, and of products that are priced by them."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import fields

from magflow.blueprints.variants.bulk_api import FINGERPRINT, BulkEditOut, BulkPreviewOut, bulk_edit_json, plan_json
from magflow.blueprints.variants.requests import LONGEST_OPTION
from magflow.db import db
from magflow.domain.price_templates import PriceRule
from magflow.queries import price_templates as queries
from magflow.queries.price_templates import TemplateRow
from magflow.services import price_templates
from magflow.services.price_templates import MOST_RULES, ApplyTemplate, SaveTemplate
from magflow.web.answers import Amount, Answer, Count, Time, Word, listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, perform, success
from magflow.web.border import Body, Boolean, Difference, Id, ListOf, Money, Nested, OneOf, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_price_templates", __name__, description="Prices by option value")

KINDS: Final = ("amount", "percent")


class PriceRuleBody(Body):
    """Size M: 2.00 more, or Size L: 5 per cent more."""

    option_name = Text(required=True, most=LONGEST_OPTION)
    option_value = Text(required=True, most=LONGEST_OPTION)
    kind = OneOf(KINDS, load_default="amount")
    amount = Difference(required=True)


class PriceTemplateBody(Body):
    """A template with all its rules; what is not listed is gone."""

    name = Text(required=True)
    rules = ListOf(Nested(PriceRuleBody), most=MOST_RULES, required=True)


class ApplyTemplateBody(Body):
    price_template_id = Id(required=True)
    base_price = Money(
        allow_none=True, metadata={"description": "Unless given: that of the variant without options, or the last one"}
    )
    include_inactive = Boolean(load_default=False)
    follow = Boolean(load_default=False, metadata={"description": "Make the prices anew when the base price changes"})


class AgreedTemplateBody(ApplyTemplateBody):
    fingerprint = Text(most=64, metadata=FINGERPRINT)
    skip_refused = Boolean(load_default=False)


class PriceRuleOut(Answer):
    option_name = fields.String(required=True)
    option_value = fields.String(required=True)
    kind = Word(*KINDS, required=True)
    amount = Amount(required=True)


class PriceTemplateOut(Answer):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    rules = fields.List(fields.Nested(PriceRuleOut), required=True)
    product_count = Count(required=True)
    created_at = Time(required=True)


class DeletedTemplateOut(Answer):
    id = fields.Integer(required=True)
    deleted = fields.Boolean(required=True)


class TemplatePreviewOut(BulkPreviewOut):
    base_price = Amount(required=True)


class AppliedOut(BulkEditOut):
    base_price = Amount(required=True)


def template_json(row: TemplateRow) -> dict[str, Any]:
    """A template with its rules."""
    return {
        "id": row.template.id,
        "name": row.template.name,
        "rules": [_rule_json(rule) for rule in row.rules],
        "product_count": row.products,
        "created_at": row.template.created_at,
    }


def _rule_json(rule: Any) -> dict[str, Any]:
    return {
        "option_name": rule.option_name,
        "option_value": rule.option_value,
        "kind": rule.kind,
        "amount": rule.amount,
    }


def _saved(session: Any, template: Any) -> dict[str, Any]:
    return template_json(queries.template(session, template.id))


def _command(data: Mapping[str, Any], template_id: int | None = None) -> SaveTemplate:
    rules = tuple(PriceRule(r["option_name"], r["option_value"], r["kind"], r["amount"]) for r in data["rules"])
    return SaveTemplate(data["name"], rules, template_id)


@api.get("/price-templates")
@requires("catalog:read")
@api.filters(PageQuery)
@api.answers(PriceTemplateOut, many=True, description="Price templates, newest first")
def list_templates(query: dict[str, Any]) -> Response:
    """List price templates."""
    page = queries.templates(db.session(), after=id_after(query) or None, limit=query["limit"])
    return listed([template_json(row) for row in page.rows], page)


@api.post("/price-templates")
@requires("catalog:write")
@api.reads(PriceTemplateBody)
@api.answers(PriceTemplateOut, status=201, description="The template that was made")
def create_template(data: dict[str, Any]) -> Response:
    """Make a price template."""
    return perform(price_templates.create, _command(data), present=_saved, created=True)


@api.get("/price-templates/<int:template_id>")
@requires("catalog:read")
@api.answers(PriceTemplateOut, description="The template")
def get_template(template_id: int) -> Response:
    """Read a price template."""
    return success(template_json(queries.template(db.session(), template_id)))


@api.put("/price-templates/<int:template_id>")
@requires("catalog:write")
@api.reads(PriceTemplateBody)
@api.answers(PriceTemplateOut, description="The template as it stands now")
def change_template(data: dict[str, Any], template_id: int) -> Response:
    """Replace a template's name and rules. Prices that were made with it stay until it is applied again."""
    return perform(price_templates.edit, _command(data, template_id), present=_saved)


@api.delete("/price-templates/<int:template_id>")
@requires("catalog:write")
@api.answers(DeletedTemplateOut, description="What became of it")
def delete_template(template_id: int) -> Response:
    """Delete a template. Prices that were made with it stay."""
    return perform(price_templates.remove, template_id, present=lambda _, __: {"id": template_id, "deleted": True})


@api.post("/products/<int:product_id>/price-template/preview")
@requires("catalog:read")
@api.reads(ApplyTemplateBody)
@api.answers(TemplatePreviewOut, description="Old and new prices; nothing is written")
def preview_template(data: dict[str, Any], product_id: int) -> Response:
    """Say what a template would make of a product's prices."""
    made = price_templates.preview(db.session(), _apply(data, product_id))
    return success({**plan_json(made.plan), "base_price": made.base_price})


@api.post("/products/<int:product_id>/price-template")
@requires("catalog:write")
@api.reads(AgreedTemplateBody)
@api.answers(AppliedOut, description="The bulk edit, which can be undone")
def apply_template(data: dict[str, Any], product_id: int) -> Response:
    """Give a product's variants the prices of a template, as previewed."""
    return perform(
        price_templates.apply,
        _apply(data, product_id),
        present=lambda session, edit: {**bulk_edit_json(session, edit), "base_price": edit.changes[0]["value"]},
    )


def _apply(data: Mapping[str, Any], product_id: int) -> ApplyTemplate:
    return ApplyTemplate(
        product_id,
        data["price_template_id"],
        base_price=data.get("base_price"),
        include_drafts=data["include_inactive"],
        follow=data["follow"],
        fingerprint=data.get("fingerprint", ""),
        skip_refused=data.get("skip_refused", False),
    )
