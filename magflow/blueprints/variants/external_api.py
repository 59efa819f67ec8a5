"""The API of external ids: what a variant is called in a marketplace, a feed or a file."""

from typing import Any

from flask import Response
from marshmallow import fields

from magflow.db import db
from magflow.queries import catalogue, product_details
from magflow.services import external_ids
from magflow.services.imports.commands import LONGEST_SOURCE
from magflow.web.answers import Answer, Time, Word
from magflow.web.api import ApiBlueprint, perform, success
from magflow.web.border import Body, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_external_ids", __name__, description="What variants are called elsewhere")


class NewExternalIdBody(Body):
    """A name of the variant: in which source, in which of its accounts, which id."""

    source = Text(required=True, most=LONGEST_SOURCE)
    source_account = Text(most=LONGEST_SOURCE, load_default="default")
    external_id = Text(required=True)


class ExternalIdOut(Answer):
    id = fields.Integer(required=True)
    variant_id = fields.Integer(required=True)
    source = fields.String(required=True)
    source_account = fields.String(required=True)
    external_id = fields.String(required=True)
    created_at = Time(required=True)


class NamedOut(ExternalIdOut):
    action = Word("created", "no_change", required=True)


class ForgottenOut(Answer):
    id = fields.Integer(required=True)
    deleted = fields.Boolean(required=True)


def external_id_json(known: Any) -> dict[str, Any]:
    """One external id."""
    return {
        "id": known.id,
        "variant_id": known.variant_id,
        "source": known.source,
        "source_account": known.source_account,
        "external_id": known.external_id,
        "created_at": known.created_at,
    }


@api.get("/variants/<int:variant_id>/external-ids")
@requires("catalog:read")
@api.answers(ExternalIdOut, many=True, description="All of them, oldest first")
def list_external_ids(variant_id: int) -> Response:
    """List what a variant is called elsewhere."""
    product_details.check_variant(db.session(), variant_id)
    known = catalogue.external_ids(db.session(), variant_id)
    return success([external_id_json(row) for row in known], meta={"total": len(known), "next_cursor": None})


@api.post("/variants/<int:variant_id>/external-ids")
@requires("catalog:write")
@api.reads(NewExternalIdBody)
@api.answers(NamedOut, status=(200, 201), description="The external id; 200 when the variant had it already")
def add_external_id(data: dict[str, Any], variant_id: int) -> Response:
    """Say what a variant is called elsewhere. One id means one variant; another's is refused."""
    return perform(
        external_ids.add,
        external_ids.NewExternalId(variant_id, **data),
        present=lambda _session, named: {
            **external_id_json(named.known),
            "action": "created" if named.created else "no_change",
        },
        created=lambda named: named.created,
    )


@api.delete("/variants/<int:variant_id>/external-ids/<int:external_id_id>")
@requires("catalog:write")
@api.answers(ForgottenOut, description="It means nothing any more")
def delete_external_id(variant_id: int, external_id_id: int) -> Response:
    """Take an external id back. A feed that still sends it makes or finds a variant anew."""
    return perform(
        external_ids.remove,
        external_ids.ForgetExternalId(variant_id, external_id_id),
        present=lambda _session, known: {"id": known.id, "deleted": True},
    )
