"""The API of generation, and of options that are previewed or changed for many products."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import INCLUDE, Schema, fields

from magflow.blueprints.variants import answers, requests
from magflow.blueprints.variants.requests import LONGEST_OPTION, OptionBody, ProductOptionsBody
from magflow.db import db
from magflow.domain.border import Unfit, text
from magflow.domain.generation import MODES
from magflow.services import generation, options_in_bulk, products
from magflow.services.generation import Generate, GenerationPlan
from magflow.services.options import MOST_OPTIONS
from magflow.services.options_in_bulk import MOST_PRODUCTS, SetOptionsOfMany
from magflow.services.stock import LARGEST_STOCK
from magflow.web.answers import Amount, Answer, Count
from magflow.web.api import ApiBlueprint, perform, success
from magflow.web.border import Body, Boolean, BorderField, Id, ListOf, Money, Nested, OneOf, Quantity, Text
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentence

api = ApiBlueprint("api_generation", __name__, description="Variants made of options, and options of many products")

FIRST: Final = 20
"""Combinations that a preview shows."""
MOST_REFUSED: Final = 200
MOST_COMBINATIONS: Final = 10_000
"""More than a generation makes: which are too many is said with the shop's own limit."""
LONGEST_PATTERN: Final = 200
FINGERPRINT: Final = {
    "description": "`fingerprint` of the preview; refused with `stale_version` when it is another now"
}


class CombinationField(BorderField):
    """`{"Color": "Red", "Size": "S"}`: a value per option, by names."""

    def __init__(self, **options: Any) -> None:
        name = dict(Text(most=LONGEST_OPTION).metadata)
        documented = {
            "type": "object",
            "additionalProperties": name,
            "maxProperties": MOST_OPTIONS,
            "minProperties": 1,
            # Beside the others apispec would drop it.
            "allOf": [{"propertyNames": name}],
        }
        super().__init__(documented=documented, **options)

    def convert(self, value: object, as_text: bool) -> dict[str, str]:  # noqa: ARG002
        if not isinstance(value, Mapping):
            raise Unfit("not_an_object")
        if not value:
            raise Unfit("blank")
        if len(value) > MOST_OPTIONS:
            raise Unfit("too_many", limit=MOST_OPTIONS)
        # A program means the blanks that it sends, and the description counts them.
        if any(isinstance(said, str) and len(said) > LONGEST_OPTION for said in (*value.keys(), *value.values())):
            raise Unfit("too_long", limit=LONGEST_OPTION)
        return {text(name, most=LONGEST_OPTION): text(chosen, most=LONGEST_OPTION) for name, chosen in value.items()}


class DefaultsBody(Body):
    """What every new variant begins with."""

    price = Money(allow_none=True, metadata={"description": "Unless given: the default variant's price, else 0.00"})
    stock = Quantity(least=0, most=LARGEST_STOCK, load_default=0)


class GenerateBody(Body):
    mode = OneOf(MODES, load_default="all")
    combinations = ListOf(CombinationField(), most=MOST_COMBINATIONS, load_default=list)
    defaults = Nested(DefaultsBody, load_default=dict)
    sku_pattern = Text(
        most=LONGEST_PATTERN,
        allow_none=True,
        metadata={"description": "Names in braces: `{product}`, `{handle}`, and those of the product's options"},
    )
    price_template_id = Id(allow_none=True)
    draft_default = Boolean(
        load_default=False,
        metadata={"description": "Make a draft of the active variant without options, if anything is made"},
    )
    fingerprint = Text(most=64, metadata=FINGERPRINT)


class NamedCombination(Schema):
    """{option name: value name}, with the names of the product's own options."""

    class Meta:
        unknown = INCLUDE


class RefusedCombinationOut(Answer):
    combination = fields.Nested(NamedCombination, required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class GenerationOut(Answer):
    """What a generation does. `total` is the number of all combinations of the options."""

    mode = fields.String(required=True)
    total = Count(required=True)
    created = Count(required=True)
    reactivated = Count(required=True)
    already_active = Count(required=True)
    left_alone = Count(required=True)
    refused_count = Count(required=True)
    refused = fields.List(fields.Nested(RefusedCombinationOut), required=True)
    drafted_id = fields.Integer(required=True, allow_none=True)
    fingerprint = fields.String(required=True)


class GeneratedOut(GenerationOut):
    created_ids = fields.List(fields.Integer(), required=True)
    reactivated_ids = fields.List(fields.Integer(), required=True)


class PlannedVariantOut(Answer):
    combination = fields.Nested(NamedCombination, required=True)
    sku = fields.String(required=True)
    title = fields.String(required=True)
    price = Amount(required=True)


class GenerationPreviewOut(GenerationOut):
    combinations = fields.List(fields.Nested(PlannedVariantOut), required=True)


def generation_json(plan: GenerationPlan, mode: str) -> dict[str, Any]:
    """The counts of a plan, and what was refused."""
    return {
        "mode": mode,
        "total": plan.total,
        "created": len(plan.create),
        "reactivated": len(plan.reactivate),
        "already_active": plan.already_active,
        "left_alone": plan.left_alone,
        "refused_count": len(plan.refused),
        "refused": [
            {"combination": r.combination, "code": r.error.code, "message": field_sentence(r.error)}
            for r in plan.refused[:MOST_REFUSED]
        ],
        "drafted_id": plan.drafted.id if plan.drafted is not None else None,
        "fingerprint": plan.fingerprint,
    }


def command_of(data: Mapping[str, Any], product_id: int) -> Generate:
    """A request's body as the service takes it."""
    defaults = data["defaults"]
    return Generate(
        product_id,
        mode=data["mode"],
        combinations=data["combinations"],
        price=defaults.get("price"),
        stock=defaults.get("stock", 0),
        sku_pattern=data.get("sku_pattern"),
        price_template_id=data.get("price_template_id"),
        draft_default=data.get("draft_default", False),
        seen_plan=data.get("fingerprint"),
    )


@api.post("/products/<int:product_id>/variants/generate")
@requires("catalog:write")
@api.reads(GenerateBody, required=False)
@api.answers(GeneratedOut, status=(200, 201), description="What was made; 200 when no variant was new")
def generate(data: dict[str, Any], product_id: int) -> Response:
    """Make the variants of a product's combinations, in one transaction.

    `all` makes every combination that has no active variant, bringing inactive ones back; `missing` only those that
    have no variant at all; `selected` those that are listed.
    """
    command = command_of(data or GENERATE_ALL, product_id)
    return perform(
        generation.generate,
        command,
        present=lambda _, plan: {
            **generation_json(plan, command.mode),
            "created_ids": plan.created_ids,
            "reactivated_ids": sorted(plan.reactivate),
        },
        created=lambda plan: bool(plan.created_ids),
    )


@api.post("/products/<int:product_id>/variants/generate/preview")
@requires("catalog:read")
@api.reads(GenerateBody, required=False)
@api.answers(GenerationPreviewOut, description="The same counts, and the first combinations; nothing is written")
def preview_generation(data: dict[str, Any], product_id: int) -> Response:
    """Say what a generation would do."""
    command = command_of(data or GENERATE_ALL, product_id)
    plan = generation.preview(db.session(), command)
    return success(
        {
            **generation_json(plan, command.mode),
            "combinations": [
                {"combination": new.names, "sku": new.sku, "title": new.title, "price": new.price}
                for new in plan.create[:FIRST]
            ],
        }
    )


GENERATE_ALL: Final[Mapping[str, Any]] = {"mode": "all", "combinations": [], "defaults": {}}


# --- options ---------------------------------------------------------------------------------------------------------


class OptionsPreviewOut(Answer):
    """What would become of the product's variants; every list holds their ids."""

    product_id = fields.Integer(required=True)
    deactivated_count = Count(required=True)
    deactivated_ids = fields.List(fields.Integer(), required=True)
    incomplete_ids = fields.List(fields.Integer(), required=True)
    orphan_ids = fields.List(fields.Integer(), required=True)
    fingerprint = fields.String(required=True)


class OptionsOfManyBody(Body):
    """`replace`: these are all options of each product. `add`: each keeps its own and gets what it lacks.

    `remove`: each offers these values no longer; an option without values goes whole. `order`: these stand first.
    """

    product_ids = ListOf(Id(), most=MOST_PRODUCTS, least=1, required=True)
    options = ListOf(Nested(OptionBody), most=MOST_OPTIONS, required=True)
    mode = OneOf(options_in_bulk.MODES, load_default="replace")
    fingerprint = Text(most=64, metadata=FINGERPRINT)


class OptionsOfManyPreviewOut(Answer):
    fingerprint = fields.String(required=True)
    products = fields.List(fields.Nested(OptionsPreviewOut), required=True)


class OptionsOfManyOut(Answer):
    products = fields.List(fields.Nested(answers.OptionsChangedOut), required=True)


def options_plan_json(product_id: int, plan: products.OptionsPlan) -> dict[str, Any]:
    """What a change of options would do to a product's variants."""
    return {
        "product_id": product_id,
        "deactivated_count": len(plan.deactivate),
        "deactivated_ids": plan.deactivate,
        "incomplete_ids": plan.incomplete,
        "orphan_ids": plan.orphans,
        "fingerprint": plan.fingerprint,
    }


@api.put("/products/<int:product_id>/options/preview")
@requires("catalog:read")
@api.reads(ProductOptionsBody)
@api.answers(OptionsPreviewOut, description="What would become of the variants; nothing is written")
def preview_options(data: dict[str, Any], product_id: int) -> Response:
    """Say what `PUT /products/{id}/options` would do."""
    command = products.SetOptions(product_id, requests.options(data["options"]))
    return success(options_plan_json(product_id, products.preview_options(db.session(), command)))


@api.post("/products/options/bulk/preview")
@requires("catalog:read")
@api.reads(OptionsOfManyBody)
@api.answers(OptionsOfManyPreviewOut, description="What would become of the variants of each; nothing is written")
def preview_options_of_many(data: dict[str, Any]) -> Response:
    """Say what a change of the options of many products would do."""
    plans = options_in_bulk.preview(db.session(), _of_many(data))
    listed = [options_plan_json(product_id, plan) for product_id, plan in plans.items()]
    return success({"fingerprint": options_in_bulk.fingerprint(plans), "products": listed})


@api.post("/products/options/bulk")
@requires("catalog:write")
@api.reads(OptionsOfManyBody)
@api.answers(OptionsOfManyOut, description="What became of the variants of each")
def set_options_of_many(data: dict[str, Any]) -> Response:
    """Change the options of many products: all of them, or none."""
    return perform(
        options_in_bulk.set_options,
        _of_many(data),
        present=lambda _, done: {"products": [answers.options_changed_json(changed) for changed in done.values()]},
    )


def _of_many(data: Mapping[str, Any]) -> SetOptionsOfMany:
    return SetOptionsOfMany(
        data["product_ids"], requests.options(data["options"]), data["mode"], data.get("fingerprint")
    )
