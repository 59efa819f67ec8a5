"""The API of parcels, under /api/v1 like all of it: bearer tokens, idempotency and problem+json come with it."""

from typing import Any

from flask import Response
from marshmallow import fields

from magflow.db import db
from magflow.web.answers import Answer
from magflow.web.api import ApiBlueprint, perform, success
from magflow.web.border import Body, Id
from magflow.web.permissions import requires
from shop_parcels import weighing
from shop_parcels.weights import weights

api = ApiBlueprint("api_parcels", __name__, description="Parcels")


class ParcelBody(Body):
    order_id = Id(required=True)


class ParcelOut(Answer):
    order_id = fields.Integer(required=True)
    grams = fields.Integer(required=True)


class AskedOut(Answer):
    order_id = fields.Integer(required=True)
    job_id = fields.Integer(required=True, allow_none=True)


@api.get("/parcels")
@requires("orders:read")
@api.answers(ParcelOut, many=True)
def list_parcels() -> Response:
    """List the parcels that were weighed."""
    rows = [{"order_id": order_id, "grams": grams} for order_id, grams in weights(db.session())]
    return success(rows, meta={"total": len(rows), "next_cursor": None})


@api.post("/parcels")
@requires("orders:write")
@api.reads(ParcelBody)
@api.answers(AskedOut, status=201)
def ask_for_parcel(data: dict[str, Any]) -> Response:
    """Ask for an order's parcel to be weighed."""
    return perform(
        weighing.ask_for_weight,
        weighing.AskForWeight(data["order_id"]),
        present=lambda _session, asked: {"order_id": asked.order_id, "job_id": asked.job_id},
        created=True,
    )
