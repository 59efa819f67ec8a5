"""The variants of a product as one family at the marketplace: its kinds by name, and which option says what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.marketplaces.words import trouble
from magflow.db import db
from magflow.domain.border import INT32_MAX, Unfit, integer
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.domain.options import name_key
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import FamilyKind, Trait
from magflow.queries import marketplaces as queries
from magflow.services import market_asks, market_sync
from magflow.services.market_asks import Group
from magflow.web.auth import current_actor
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("account_families", __name__)

Errors = dict[str, list[str]]


@dataclass(frozen=True)
class Differs:
    """Something by which members differ: which of our options says it, and what of it is not known there."""

    trait: Trait
    chosen: int | None
    unknown: tuple[str, ...]


@blueprint.get("/settings/accounts/<int:account_id>/offers/<int:offer_id>/family")
@requires("stock:write")
def show(account_id: int, offer_id: int) -> ResponseReturnValue:
    """The kinds of families that the category knows, and the offers that would be put together."""
    return _show(account_id, offer_id, {})


def _show(account_id: int, offer_id: int, errors: Errors) -> str:
    session = db.session()
    account = queries.account(session, account_id)
    row = queries.offer(session, offer_id, account_id)
    members = queries.offers_of_product(session, account_id, row.product_id) if row.product_id else []
    options = queries.option_values_of_product(session, row.product_id) if row.product_id else {}
    db.session.remove()  # nothing is held in the database while the marketplace is asked
    kinds, said = _kinds(account_id, row.external_id) if len(members) > 1 else ([], "")
    wanted = request.values.get("type_id", "")
    chosen = next((kind for kind in kinds if str(kind.id) == wanted), None)
    return render_template(
        "accounts/family.html",
        account=account,
        row=row,
        members=members,
        kinds=[(str(kind.id), kind.name) for kind in kinds],
        chosen=chosen,
        differs=_differs(chosen, options) if chosen else [],
        options=[(str(key), name) for key, (name, _values) in options.items()],
        said=said,
        errors=errors,
    )


def _kinds(account_id: int, external_id: str) -> tuple[Sequence[FamilyKind], str]:
    try:
        return market_asks.family_kinds(market_sync.account_of(account_id), external_id), ""
    except MarketplaceError as error:
        return [], trouble(error.trouble)
    except Refused as refused:
        return [], sentence(refused)


def _differs(kind: FamilyKind, options: dict[int, tuple[str, Sequence[str]]]) -> list[Differs]:
    found = []
    chosen: int | None
    for trait in kind.traits:
        given = request.values.get(f"trait_{trait.id}")
        if given is None:  # an option of the same name is meant; where there is one alone, that one
            same = [key for key, (name, _values) in options.items() if name_key(name) == name_key(trait.name)]
            alone = list(options) if len(options) == len(kind.traits) == 1 else []
            chosen = next(iter([*same, *alone]), None)
        else:
            chosen = next((key for key in options if str(key) == given), None)
        known = {name_key(value) for value in trait.values}
        values = options[chosen][1] if chosen is not None else ()
        found.append(Differs(trait, chosen, tuple(v for v in values if known and name_key(v) not in known)))
    return found


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/family")
@requires("stock:write")
def group(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Put the offers of the product into one family."""
    row = queries.offer(db.session(), offer_id, account_id)
    try:
        traits = {_number(name.removeprefix("trait_"), name): _number(value, name)
                  for name, value in request.form.items() if name.startswith("trait_") and value}  # fmt: skip
        command = Group(account_id, row.product_id or 0, _number(request.form.get("type_id", ""), "type_id"), traits)
        market_asks.group(command, actor=current_actor())
    except Refused as refused:
        if refused.status == 404:
            raise
        said = field_sentences(refused)
        errors = {"type_id": next(iter(said.values()), None) or [sentence(refused)]}
        return _show(account_id, offer_id, errors), refused.status
    flash(_("It is sent in a few seconds; until then it can be taken back."), "success")
    return redirect(url_for("account_offers.show", account_id=account_id, offer_id=offer_id) + "#told", 303)


def _number(given: Any, field: str) -> int:
    try:
        return integer(given, least=1, most=INT32_MAX, as_text=True)
    except Unfit as unfit:
        raise Invalid([FieldError(field, unfit.code, unfit.params)]) from unfit
