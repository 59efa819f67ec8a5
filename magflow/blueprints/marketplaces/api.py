"""The API of marketplaces: accounts, whose passwords come in and never out, and their offers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from magflow.blueprints.marketplaces import answers, requests
from magflow.db import db
from magflow.domain.errors import FieldError, Invalid
from magflow.queries import marketplaces as reads
from magflow.services import accounts, market_asks, market_sync, offers
from magflow.web.api import ApiBlueprint, id_after, page_meta, perform, success
from magflow.web.auth import current_actor
from magflow.web.bodies import EmptyBody
from magflow.web.permissions import requires

api = ApiBlueprint("api_accounts", __name__, description="Marketplace accounts and their offers")


@api.get("/accounts")
@requires("stock:read")
@api.answers(answers.AccountOut, many=True, description="Every account with its health")
def list_accounts() -> Response:
    """List accounts, by source and code."""
    rows = reads.accounts(db.session())
    return success([answers.account_json(row) for row in rows], meta=page_meta(len(rows), None))


@api.post("/accounts")
@requires("admin")
@api.reads(requests.NewAccountBody)
@api.answers(answers.AccountOut, status=201, description="The account")
def add_account(data: dict[str, Any]) -> Response:
    """Add an account."""
    url = data.pop("url", None)
    with named({"base_url": "url"}):
        return perform(accounts.add, accounts.NewAccount(base_url=url, **data), present=_account, created=True)


@api.get("/accounts/<int:account_id>")
@requires("stock:read")
@api.answers(answers.AccountOut, description="The account with its health")
def get_account(account_id: int) -> Response:
    """Read an account."""
    return success(answers.account_json(reads.account(db.session(), account_id)))


@api.patch("/accounts/<int:account_id>")
@requires("admin")
@api.reads(requests.AccountBody)
@api.answers(answers.AccountOut, description="The account as it is now")
def change_account(data: dict[str, Any], account_id: int) -> Response:
    """Change an account. A new password ends a pause."""
    switches: dict[str, bool] = {name: data.pop(name) for name in accounts.SWITCHES if name in data}
    command = accounts.EditAccount(account_id, base_url=data.pop("url", None), switches=switches, **data)
    with named({"base_url": "url"}):
        return perform(accounts.edit, command, present=_account)


@api.post("/accounts/<int:account_id>/test")
@requires("admin")
@api.reads(EmptyBody, required=False)
@api.answers(answers.TrialOut, description="Whether it works, and what kind of trouble there is")
def test_account(_data: dict[str, Any], account_id: int) -> Response:
    """Try the connection: wrong password, address not on the list, no rights and marketplace down are told apart.

    A success ends a pause.
    """
    account = market_sync.account_of(account_id)
    accounts.record_test(accounts.OfAccount(account_id), actor=current_actor())
    return success(answers.trial_json(accounts.try_connection(account)))


@contextmanager
def named(names: Mapping[str, str]) -> Iterator[None]:
    """Fields as this API calls them, where a service calls them otherwise."""
    try:
        yield
    except Invalid as refused:
        if not refused.errors:
            raise  # it is not about a field: a key that came with another request
        errors = [FieldError(names.get(error.field, error.field), error.code, error.params) for error in refused.errors]
        raise Invalid(errors) from refused


def _account(session: Session, done: Any) -> dict[str, Any]:
    return answers.account_json(reads.account(session, done.id))


# --- offers ----------------------------------------------------------------------------------------------------------


@api.get("/offers")
@requires("stock:read")
@api.filters(requests.OffersQuery)
@api.answers(answers.OfferOut, many=True, description="Offers as they were last read")
def list_offers(query: dict[str, Any]) -> Response:
    """List offers, of one account or of all."""
    session, limit = db.session(), query["limit"]
    which = (query.get("account_id"), query["state"], query.get("q", ""))
    rows = reads.offers(session, *which, id_after(query), limit + 1)
    shown = rows[:limit]
    following = [shown[-1].id] if len(rows) > limit else None
    return success(answers.offers_json(shown), meta=page_meta(reads.count_offers(session, *which), following))


@api.get("/offers/<int:offer_id>")
@requires("stock:read")
@api.answers(answers.OfferOut, description="The offer, with each condition of being visible")
def get_offer(offer_id: int) -> Response:
    """Read an offer, and why buyers see it or not."""
    return success(answers.offer_json(reads.offer(db.session(), offer_id)))


@api.put("/offers/<int:offer_id>/price")
@requires("stock:write")
@api.reads(requests.PriceBody)
@api.answers(answers.WriteOut, status=202, description="The price waits to be sent")
def set_price(data: dict[str, Any], offer_id: int) -> Response:
    """Change an offer's price at the marketplace. It is sent after ten seconds."""
    command = market_asks.SetPrice(offer_id, data["price"], data.get("price_min"), data.get("price_max"))
    with named({"gross": "price", "least": "price_min", "most": "price_max"}):
        return perform(market_asks.set_price, command, present=lambda _, done: answers.write_json(done), status=202)


@api.put("/offers/<int:offer_id>/variant")
@requires("stock:write")
@api.reads(requests.MatchBody)
@api.answers(answers.OfferOut, description="The offer as it is matched now")
def match_offer(data: dict[str, Any], offer_id: int) -> Response:
    """Say which variant an offer is, or that it is none."""
    command = offers.Match(offer_id, data["variant_id"])
    return perform(offers.match, command, present=lambda session, done: _offer(session, done.id))


def _offer(session: Session, offer_id: int) -> dict[str, Any]:
    return answers.offer_json(reads.offer(session, offer_id))
