"""One offer: why buyers see it or not, its price, its family; and a new one for a variant."""

from decimal import Decimal
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal

from magflow.blueprints.marketplaces.words import (
    CONDITION_NAMES,
    EVIDENCE_WORDS,
    MATCH_WORDS,
    STATE_WORDS,
    VALIDATION_WORDS,
    told,
    trouble,
)
from magflow.db import db
from magflow.domain.border import INT32_MAX, INT64_MAX, Unfit, integer, money
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.domain.marketplaces import gross
from magflow.marketplaces.errors import MarketplaceError
from magflow.queries import market_writes as writes
from magflow.queries import marketplaces as queries
from magflow.services import market_asks, market_sync, market_writes, offers, publishing
from magflow.services.market_asks import ListVariant, SetPrice, SetStatus
from magflow.web.auth import current_actor
from magflow.web.locale import _, decimal_sign
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("account_offers", __name__)

Errors = dict[str, list[str]]
NET: Final = "#,##0.00##"
"""Prices are sent without VAT and with four decimals."""
HOW: Final = ("pnk", "ean", "new")


@blueprint.get("/settings/accounts/<int:account_id>/offers/<int:offer_id>")
@requires("stock:read")
def show(account_id: int, offer_id: int) -> ResponseReturnValue:
    """One offer."""
    return _show(account_id, offer_id, {})


def _show(account_id: int, offer_id: int, errors: Errors) -> str:
    session = db.session()
    row = queries.offer(session, offer_id, account_id)
    chain = publishing.figures(session, [offer_id]) if row.variant_id else []
    prices = {name: _gross(getattr(row, name), row.vat_rate) for name in
              ("sale_price", "min_sale_price", "max_sale_price", "best_offer_sale_price")}  # fmt: skip
    return render_template(
        "accounts/offer.html",
        account=queries.account(session, account_id),
        row=row,
        prices=prices,
        typed="" if prices["sale_price"] is None else f"{prices['sale_price']:.2f}".replace(".", decimal_sign()),
        net=None if row.sale_price is None else format_decimal(row.sale_price, format=NET),
        conditions=queries.conditions(row),
        names=CONDITION_NAMES,
        validation=VALIDATION_WORDS,
        chain=chain[0] if chain else None,
        matched=MATCH_WORDS,
        evidence=EVIDENCE_WORDS,
        candidates=[] if row.variant_id else queries.candidates(session, [offer_id]).get(offer_id, []),
        states=STATE_WORDS,
        form=request.form if errors else {},
        errors=errors,
        **told(writes.of_offer(session, account_id, offer_id, row.product_id)),
    )  # fmt: skip


def _gross(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if amount is None or rate is None else gross(amount, rate)


def _money(name: str, *, needed: bool = False) -> Decimal | None:
    given = request.form.get(name, "").strip()
    if not given and not needed:
        return None
    try:
        return money(given, sign=decimal_sign())
    except Unfit as unfit:
        raise Invalid([FieldError(name, unfit.code, unfit.params)]) from unfit


def _number(name: str, most: int = INT32_MAX, least: int = 0) -> int:
    try:
        return integer(request.form.get(name, ""), least=least, most=most, as_text=True)
    except Unfit as unfit:
        raise Invalid([FieldError(name, unfit.code, unfit.params)]) from unfit


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/variant")
@requires("stock:write")
def match(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Say which variant the offer is, by its SKU; without one, that it is none of ours."""
    queries.offer(db.session(), offer_id, account_id)
    sku = request.form.get("sku", "").strip()
    found = queries.variants_of_sku(db.session(), sku) if sku else []
    if sku and len(found) != 1:
        said = _("Several products have this SKU") if found else _("No active variant has this SKU")
        return _show(account_id, offer_id, {"sku": [said]}), Invalid.status
    try:
        offers.match(offers.Match(offer_id, found[0].id if found else None), actor=current_actor())
    except Refused as refused:
        if refused.status == 404:
            raise
        return _show(account_id, offer_id, field_sentences(refused) or {"sku": [sentence(refused)]}), refused.status
    flash(_("Saved."), "success")
    return redirect(url_for("account_offers.show", account_id=account_id, offer_id=offer_id), 303)


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/price")
@requires("stock:write")
def price(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Change price and bounds; said with VAT, sent without."""
    queries.offer(db.session(), offer_id, account_id)
    try:
        command = SetPrice(offer_id, _money("gross", needed=True) or Decimal(0), _money("least"), _money("most"))
        market_asks.set_price(command, actor=current_actor())
    except Refused as refused:
        return _refused(account_id, offer_id, refused)
    return _landed(account_id, offer_id)


def _refused(account_id: int, offer_id: int, refused: Refused) -> ResponseReturnValue:
    if refused.status == 404:
        raise refused
    errors = field_sentences(refused) or {"gross": [sentence(refused)]}
    return _show(account_id, offer_id, errors), refused.status


def _landed(account_id: int, offer_id: int) -> ResponseReturnValue:
    flash(_("It is sent in a few seconds; until then it can be taken back."), "success")
    return redirect(url_for("account_offers.show", account_id=account_id, offer_id=offer_id), 303)


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/status")
@requires("stock:write")
def status(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Switch the offer on or off at the marketplace."""
    queries.offer(db.session(), offer_id, account_id)
    try:
        market_asks.set_status(SetStatus(offer_id, request.form.get("active") == "1"), actor=current_actor())
    except Refused as refused:
        return _refused(account_id, offer_id, refused)
    return _landed(account_id, offer_id)


# --- a new offer -----------------------------------------------------------------------------------------------------


@blueprint.get("/settings/accounts/<int:account_id>/offers/new")
@requires("stock:write")
def new(account_id: int) -> ResponseReturnValue:
    """What the marketplace's catalogue has of a variant, and a form for an offer on it."""
    return _new(account_id, request.args.get("sku", "").strip()[:120], {})


def _new(account_id: int, sku: str, errors: Errors) -> str:
    session = db.session()
    account = queries.account(session, account_id)
    found = queries.variants_of_sku(session, sku) if sku else []
    said, catalogue = "", None
    if len(found) == 1 and account.has_password:
        try:
            catalogue = market_asks.look_up(market_sync.account_of(account_id), found[0].ean)
        except MarketplaceError as error:
            said = trouble(error.trouble)
        except Refused as refused:
            said = sentence(refused)
    rates = catalogue.vat_rates if catalogue else {}
    return render_template(
        "accounts/offer_new.html",
        account=account,
        sku=sku,
        found=found,
        variant=found[0] if len(found) == 1 else None,
        catalogue=catalogue,
        rates=[(f"{number}:{rate}", f"{(rate * 100).normalize():f} %") for number, rate in rates.items()],
        said=said,
        form=request.form if errors else {},
        errors=errors,
    )


@blueprint.post("/settings/accounts/<int:account_id>/offers/new")
@requires("stock:write")
def add(account_id: int) -> ResponseReturnValue:
    """Ask for the offer; it is made in the background."""
    form = request.form
    try:
        market_asks.list_variant(_listing(account_id), actor=current_actor())
    except Refused as refused:
        if refused.status == 404:
            raise
        errors = field_sentences(refused) or {"how": [sentence(refused)]}
        return _new(account_id, form.get("sku", "")[:120], errors), refused.status
    flash(_("The offer is being made; what the marketplace says of it stands below."), "success")
    return redirect(url_for("accounts.show", account_id=account_id) + "#told", 303)


def _listing(account_id: int) -> ListVariant:
    how = request.form.get("how", "")
    vat_id, _colon, rate = request.form.get("vat", "").partition(":")
    try:
        vat = (integer(vat_id, least=1, as_text=True), Decimal(rate))
    except (Unfit, ArithmeticError) as unfit:
        raise Invalid([FieldError("vat", "invalid")]) from unfit
    if not how.startswith("pnk:") and how not in HOW:
        raise Invalid([FieldError("how", "required")])
    if not 0 <= vat[1] < 1:
        raise Invalid([FieldError("vat", "invalid")])
    return ListVariant(
        account_id,
        _number("variant_id", INT64_MAX, least=1),
        _money("gross", needed=True) or Decimal(0),
        _money("least", needed=True) or Decimal(0),
        _money("most", needed=True) or Decimal(0),
        *vat,
        handling_time=_number("handling_time", 255),
        part_number_key=how.removeprefix("pnk:")[:20] if how.startswith("pnk:") else None,
        by_ean=how == "ean",
        category_id=_number("category_id", 65_535, least=1) if how == "new" else None,
    )


# --- what was told ---------------------------------------------------------------------------------------------------


@blueprint.post("/settings/accounts/writes/<int:write_id>/take-back")
@requires("stock:write")
def take_back(write_id: int) -> ResponseReturnValue:
    """Undo, while nothing has been sent."""
    try:
        market_writes.take_back(market_writes.OfWrite(write_id), actor=current_actor())
    except market_writes.WriteEnded as refused:
        flash(sentence(refused), "error")
    else:
        flash(_("Taken back; nothing was sent."), "success")
    return redirect(_back(), 303)


@blueprint.post("/settings/accounts/writes/<int:write_id>/again")
@requires("stock:write")
def again(write_id: int) -> ResponseReturnValue:
    """Send it again."""
    try:
        market_writes.send_again(market_writes.OfWrite(write_id), actor=current_actor())
    except market_writes.WriteEnded as refused:
        flash(sentence(refused), "error")
    else:
        flash(_("It is sent again."), "success")
    return redirect(_back(), 303)


def _back() -> str:
    """Where the form stood: a path of ours, nothing else."""
    given = request.form.get("back", "")
    fine = given.startswith("/") and not given.startswith(("//", "/\\"))
    return given if fine else url_for("accounts.index")
