"""The API of what an account's marketplace is asked and told beyond prices: log, readings, new offers, families."""

from typing import Any

from flask import Response

from magflow.blueprints.marketplaces import answers, requests
from magflow.blueprints.marketplaces.api import named
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import market_writes as writes
from magflow.queries import marketplaces as reads
from magflow.services import accounts, market_asks, market_sync
from magflow.services.market_asks import Catalogue, Group, ListVariant, SetStatus
from magflow.web.api import ApiBlueprint, id_after, page_meta, perform, success
from magflow.web.auth import current_actor
from magflow.web.bodies import EmptyBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_market_offers", __name__, description="New offers, families, readings and the log of requests")

WAITS = "It waits to be sent"


def _told(_session: Any, done: Any) -> dict[str, Any]:
    return answers.write_json(done)


@api.post("/accounts/<int:account_id>/read")
@requires("stock:write")
@api.reads(EmptyBody, required=False)
@api.answers(None, status=202, description="Offers and orders are read in the background")
def read_account(_data: dict[str, Any], account_id: int) -> Response:
    """Read the account's offers and orders soon."""
    market_sync.ask(market_sync.account_of(account_id).id, actor=current_actor())
    return success(None, status=202)


@api.get("/accounts/<int:account_id>/readings")
@requires("stock:read")
@api.answers(answers.ReadingOut, many=True, description="The last readings of orders; `meta` has the sums of 24 hours")
def list_readings(account_id: int) -> Response:
    """List the last readings of orders: every one that was seen is here, or has failed."""
    session = db.session()
    reads.account(session, account_id)
    rows, day = writes.windows(session, account_id), writes.completeness(session, account_id)
    sums = {"seen": int(day.seen), "imported": int(day.imported), "failed": int(day.failed)}
    return success(
        [answers.reading_json(row) for row in rows], meta=page_meta(len(rows), None) | {"last_24_hours": sums}
    )


@api.get("/accounts/<int:account_id>/requests")
@requires("admin")
@api.filters(requests.RequestsQuery)
@api.answers(answers.RequestOut, many=True, description="Requests and answers, newest first")
def list_requests(query: dict[str, Any], account_id: int) -> Response:
    """Search what was said in thirty days by SKU, offer or order. `meta.total` counts this page."""
    session, limit = db.session(), query["limit"]
    reads.account(session, account_id)
    rows = reads.requests(session, account_id, query.get("q", ""), query["failed"], id_after(query), limit + 1)
    following = [rows[limit - 1].id] if len(rows) > limit else None
    shown = [answers.request_json(row) for row in rows[:limit]]
    return success(shown, meta=page_meta(len(shown), following))


@api.put("/offers/<int:offer_id>/status")
@requires("stock:write")
@api.reads(requests.StatusBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def set_status(data: dict[str, Any], offer_id: int) -> Response:
    """Switch an offer on or off at the marketplace."""
    return perform(market_asks.set_status, SetStatus(offer_id, data["active"]), present=_told, status=202)


# --- new offers ------------------------------------------------------------------------------------------------------


def _catalogue(account_id: int, ean: str | None) -> Catalogue:
    db.session.remove()  # nothing is held in the database while the marketplace is asked
    with accounts.told_to_programs():
        return market_asks.look_up(market_sync.account_of(account_id), ean)


@api.get("/accounts/<int:account_id>/catalogue")
@requires("stock:write")
@api.filters(requests.CatalogueQuery)
@api.answers(answers.CatalogueOut, description="The catalogue's products of a barcode, and the VAT rates")
def look_up(query: dict[str, Any], account_id: int) -> Response:
    """Ask the marketplace what its catalogue has of a barcode, and which VAT rates it knows."""
    return success(answers.catalogue_json(_catalogue(account_id, query.get("ean"))))


@api.post("/accounts/<int:account_id>/offers")
@requires("stock:write")
@api.reads(requests.ListingBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def list_variant(data: dict[str, Any], account_id: int) -> Response:
    """Sell a variant through an account."""
    rate = _catalogue(account_id, None).vat_rates.get(data["vat_id"])
    if rate is None:
        raise Invalid([FieldError("vat_id", "unknown")])
    command = ListVariant(
        account_id,
        data["variant_id"],
        data["price"],
        data["price_min"],
        data["price_max"],
        data["vat_id"],
        rate,
        data["handling_time"],
        data.get("part_number_key"),
        by_ean=data["by_ean"],
        category_id=data.get("category_id"),
    )
    with named({"gross": "price", "least": "price_min", "most": "price_max", "how": "by_ean"}):
        return perform(market_asks.list_variant, command, present=_told, status=202)


# --- families --------------------------------------------------------------------------------------------------------


@api.get("/offers/<int:offer_id>/family-kinds")
@requires("stock:write")
@api.answers(answers.FamilyKindOut, many=True, description="The kinds of families of the offer's category")
def list_family_kinds(offer_id: int) -> Response:
    """Ask the marketplace which kinds of families an offer's category knows, and what their members differ by."""
    row = reads.offer(db.session(), offer_id)
    db.session.remove()
    with accounts.told_to_programs():
        kinds = market_asks.family_kinds(market_sync.account_of(row.account_id), row.external_id)
    return success([answers.family_kind_json(kind) for kind in kinds], meta=page_meta(len(kinds), None))


@api.post("/accounts/<int:account_id>/families")
@requires("stock:write")
@api.reads(requests.FamilyBody)
@api.answers(answers.WriteOut, status=202, description=WAITS)
def group(data: dict[str, Any], account_id: int) -> Response:
    """Put all offers of a product in an account into one family."""
    traits = {one["trait_id"]: one["option_type_id"] for one in data["traits"]}
    command = Group(account_id, data["product_id"], data["type_id"], traits)
    with named({"product": "product_id"}):
        return perform(market_asks.group, command, present=_told, status=202)
