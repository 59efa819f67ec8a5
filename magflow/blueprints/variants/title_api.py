"""The API of readings: what titles and SKUs say of variants without options; confirmed, corrected, skipped."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import fields

from magflow.blueprints.variants import title_words
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.domain.title_reading import CONFIDENCES, Choice, Reason
from magflow.queries import product_details
from magflow.queries import title_reading as reads
from magflow.queries.title_reading import Suggestion
from magflow.services import title_confirmations, title_reading
from magflow.services.title_reading import (
    MOST_ITEMS,
    ConfirmByConfidence,
    Confirmed,
    ConfirmReadings,
    ItemIn,
    Seen,
    SkipReadings,
)
from magflow.web.answers import Answer, Count, Word, listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, perform, success
from magflow.web.border import Body, Boolean, Id, Integer, ListOf, Nested, OneOf, Text
from magflow.web.locale import current
from magflow.web.permissions import requires

api = ApiBlueprint("api_titles", __name__, description="Options read from titles and SKUs")

MOST_VALUES: Final = 50


class OptionSuggestionsQuery(PageQuery):
    skipped = Boolean(metadata={"description": "Those that were skipped instead"})
    propose_new = Boolean(metadata={"description": "Also propose values that an option does not have yet"})


class NewReadValueBody(Body):
    option_type_id = Id(required=True)
    name = Text(required=True, most=100)


class SeenTitleBody(Body):
    """The variant as it was read; the item is refused when it is another by now."""

    version = Integer(required=True, least=1)
    sku = Text(required=True, most=255)
    title = Text(allow_none=True, load_default=None, least=0)


class ConfirmReadingBody(Body):
    variant_id = Id(required=True)
    option_value_ids = ListOf(Id(), most=MOST_VALUES, load_default=list)
    new_values = ListOf(Nested(NewReadValueBody), most=MOST_VALUES, load_default=list)
    seen = Nested(SeenTitleBody)


class ConfirmReadingsBody(Body):
    """Either `items`, or `min_confidence`: then everything that is suggested with it or better."""

    items = ListOf(Nested(ConfirmReadingBody), most=MOST_ITEMS, least=1)
    min_confidence = OneOf(CONFIDENCES)
    extend = Boolean(load_default=False, metadata={"description": "Add options and values to products that lack them"})


class SkipReadingsBody(Body):
    variant_ids = ListOf(Id(), most=MOST_ITEMS, least=1, required=True)
    skipped = Boolean(load_default=True, metadata={"description": "false: suggest for them again"})


class ReadReasonOut(Answer):
    code = fields.String(required=True)
    params = fields.Dict(required=True, keys=fields.String())
    message = fields.String(required=True)


class ReadChoiceOut(Answer):
    option_type_id = fields.Integer(required=True)
    option_name = fields.String(required=True)
    option_value_id = fields.Integer(required=True, allow_none=True)
    option_value = fields.String(required=True)
    offered = fields.Boolean(required=True)
    score = Count(required=True)
    reasons = fields.List(fields.Nested(ReadReasonOut), required=True)


class OptionSuggestionOut(Answer):
    variant_id = fields.Integer(required=True)
    product_id = fields.Integer(required=True)
    product_name = fields.String(required=True)
    sku = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    status = Word("active", "inactive", required=True)
    version = fields.Integer(required=True)
    confidence = Word(*CONFIDENCES, required=True)
    score = Count(required=True)
    options = fields.List(fields.Nested(ReadChoiceOut), required=True)
    missing = fields.List(fields.String(), required=True)
    reasons = fields.List(fields.Nested(ReadReasonOut), required=True)
    adds_to_product = fields.Boolean(required=True)


class ReadItemOut(Answer):
    variant_id = fields.Integer(required=True)
    sku = fields.String(required=True, allow_none=True)
    outcome = Word("confirmed", "refused", required=True)
    code = fields.String(required=True, allow_none=True)
    params = fields.Dict(required=True, keys=fields.String())
    message = fields.String(required=True, allow_none=True)


class ReadingsConfirmedOut(Answer):
    """`items` are all of them; of a job the first hundred that were refused, and `refused_count` counts just these.

    `confirmation_id` only where a job does it.
    """

    status = Word("queued", "done", "failed", required=True)
    confirmation_id = fields.Integer(required=True, allow_none=True)
    done = Count(required=True)
    total = Count(required=True)
    error = fields.Dict(required=True, allow_none=True)
    confirmed_count = Count(required=True)
    refused_count = Count(required=True)
    items = fields.List(fields.Nested(ReadItemOut), required=True)


class ReadingsSkippedOut(Answer):
    changed_count = Count(required=True)


def _reason(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "params": dict(reason.params), "message": title_words.reason(reason)}


def _choice(choice: Choice, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "option_type_id": choice.type_id,
        "option_name": names[choice.type_id],
        "option_value_id": choice.value_id,
        "option_value": choice.name,
        "offered": choice.offered,
        "score": choice.score,
        "reasons": [_reason(reason) for reason in choice.reasons],
    }


def suggestion_json(suggestion: Suggestion) -> dict[str, Any]:
    """A suggestion as the API writes it."""
    variant, reading = suggestion.variant, suggestion.reading
    names = {option.id: option.name for option in suggestion.types}
    return {
        "variant_id": variant.id,
        "product_id": variant.product_id,
        "product_name": variant.product_name,
        "sku": variant.sku,
        "title": variant.title,
        "status": "active" if variant.status == 0 else "inactive",
        "version": variant.version,
        "confidence": reading.confidence,
        "score": reading.score,
        "options": [_choice(choice, names) for choice in reading.choices],
        "missing": [names[type_id] for type_id in reading.missing],
        "reasons": [_reason(reason) for reason in reading.reasons],
        "adds_to_product": suggestion.needs_more,
    }


def confirmed_json(done: Confirmed) -> dict[str, Any]:
    """What became of each item."""
    return {
        "status": "done",
        "confirmation_id": None,
        "done": len(done.answers),
        "total": len(done.answers),
        "error": None,
        "confirmed_count": done.confirmed,
        "refused_count": len(done.refused),
        "items": [_item_json(answer) for answer in done.answers],
    }


def _item_json(answer: title_reading.Answer) -> dict[str, Any]:
    return {
        "variant_id": answer.variant_id,
        "sku": answer.sku,
        "outcome": "refused" if answer.refused else "confirmed",
        "code": answer.refused,
        "params": dict(answer.params),
        "message": title_words.refusal(answer) if answer.refused else None,
    }


def confirmation_json(known: Any) -> dict[str, Any]:
    """A confirmation that a worker does: how far it is, or what became of it."""
    refused = [title_reading.Answer(r["variant_id"], r["sku"], r["refused"], r["params"]) for r in known.refused or ()]
    return {
        "status": known.status,
        "confirmation_id": known.id,
        "done": known.done,
        "total": known.total,
        "error": known.error,
        "confirmed_count": known.confirmed,
        "refused_count": len(refused),
        "items": [_item_json(answer) for answer in refused],
    }


def _list(query: dict[str, Any], product_id: int | None) -> Response:
    page = reads.suggestions(
        db.session(),
        product_id,
        after=id_after(query) or None,
        limit=query["limit"],
        skipped=bool(query.get("skipped")),
        propose=bool(query.get("propose_new")),
        language=current(),
    )
    return listed([suggestion_json(row) for row in page.rows], page)


def _confirm(data: dict[str, Any], product_id: int | None) -> Response:
    if ("items" in data) == ("min_confidence" in data):
        raise Invalid([FieldError("items", "one_of", {"fields": "items, min_confidence"})])
    if "min_confidence" in data:
        sure = ConfirmByConfidence(data["min_confidence"], product_id, data["extend"])
        return perform(
            title_confirmations.start,
            sure,
            present=lambda _, done: confirmed_json(done) if isinstance(done, Confirmed) else confirmation_json(done),
            status=lambda done: 200 if isinstance(done, Confirmed) else 202,
        )
    items = [
        ItemIn(
            item["variant_id"],
            tuple(item["option_value_ids"]),
            tuple((value["option_type_id"], value["name"]) for value in item["new_values"]),
            Seen(**item["seen"]) if "seen" in item else None,
        )
        for item in data["items"]
    ]
    command = ConfirmReadings(items, data["extend"], product_id)
    return perform(title_reading.confirm, command, present=lambda _, done: confirmed_json(done))


def _skip(data: dict[str, Any], product_id: int | None) -> Response:
    command = SkipReadings(data["variant_ids"], data["skipped"], product_id)
    return perform(title_reading.skip, command, present=lambda _, count: {"changed_count": count})


@api.get("/variants/option-suggestions")
@requires("catalog:read")
@api.filters(OptionSuggestionsQuery)
@api.answers(
    OptionSuggestionOut, many=True, description="Variants without options, oldest first, each with its reading"
)
def list_suggestions(query: dict[str, Any]) -> Response:
    """Read options from the titles and SKUs of the shop's variants without options. Nothing is written."""
    return _list(query, None)


@api.get("/products/<int:product_id>/variants/option-suggestions")
@requires("catalog:read")
@api.filters(OptionSuggestionsQuery)
@api.answers(
    OptionSuggestionOut, many=True, description="Its variants without options, oldest first, each with its reading"
)
def list_suggestions_of_product(query: dict[str, Any], product_id: int) -> Response:
    """Read options from the titles and SKUs of a product's variants without options. Nothing is written."""
    product_details.check_product(db.session(), product_id)
    return _list(query, product_id)


@api.post("/variants/option-suggestions/confirm")
@requires("catalog:write")
@api.reads(ConfirmReadingsBody)
@api.answers(ReadingsConfirmedOut, status=(200, 202), description="What became of each item; 202 when a job does it")
def confirm_suggestions(data: dict[str, Any]) -> Response:
    """Give variants the values that were suggested, or others; each item by itself.

    By confidence, more than 1,000 variants to look at become a job, which goes through all of them.
    """
    return _confirm(data, None)


@api.post("/products/<int:product_id>/variants/option-suggestions/confirm")
@requires("catalog:write")
@api.reads(ConfirmReadingsBody)
@api.answers(ReadingsConfirmedOut, status=(200, 202), description="What became of each item; 202 when a job does it")
def confirm_suggestions_of_product(data: dict[str, Any], product_id: int) -> Response:
    """Give variants of a product the values that were suggested, or others; each item by itself.

    By confidence, more than 1,000 variants to look at become a job, which goes through all of them.
    """
    product_details.check_product(db.session(), product_id)
    return _confirm(data, product_id)


@api.get("/variants/option-suggestions/confirmations/<int:confirmation_id>")
@requires("catalog:read")
@api.answers(ReadingsConfirmedOut, description="How far it is, or what became of it")
def get_confirmation(confirmation_id: int) -> Response:
    """Read a confirmation by confidence that a job does."""
    return success(confirmation_json(title_confirmations.confirmation(db.session(), confirmation_id)))


@api.post("/variants/option-suggestions/skip")
@requires("catalog:write")
@api.reads(SkipReadingsBody)
@api.answers(ReadingsSkippedOut, description="For how many variants that is new")
def skip_suggestions(data: dict[str, Any]) -> Response:
    """Do not suggest options for these variants any more, or do again."""
    return _skip(data, None)


@api.post("/products/<int:product_id>/variants/option-suggestions/skip")
@requires("catalog:write")
@api.reads(SkipReadingsBody)
@api.answers(ReadingsSkippedOut, description="For how many variants that is new")
def skip_suggestions_of_product(data: dict[str, Any], product_id: int) -> Response:
    """Do not suggest options for these variants of a product any more, or do again."""
    product_details.check_product(db.session(), product_id)
    return _skip(data, product_id)
