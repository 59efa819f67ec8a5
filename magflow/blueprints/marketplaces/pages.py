"""Accounts: how they are, what they may do, their offers and what was said for them."""

from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.marketplaces.answers import shares
from magflow.blueprints.marketplaces.words import (
    COUNTRY_WORDS,
    EVIDENCE_WORDS,
    FULFILMENT_WORDS,
    MATCH_WORDS,
    SWITCH_WORDS,
    TAB_WORDS,
    condition_word,
    told,
    trouble,
)
from magflow.db import db
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.errors import FieldError, Invalid, Refused
from magflow.marketplaces.errors import MarketplaceError
from magflow.marketplaces.protocol import adapters
from magflow.queries import market_writes as writes
from magflow.queries import marketplaces as queries
from magflow.services import accounts, market_sync, offers
from magflow.web.auth import current_actor
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("accounts", __name__)

PAGE: Final = 50
PER_MINUTE_FIELDS: Final = ("orders_per_minute", "others_per_minute")


@blueprint.app_template_global("broken_connections")
def broken_connections() -> Any:
    """For Home: what does not work between the shop and others."""
    return queries.broken(db.session())


@blueprint.app_template_global("limit_used")
def limit_used(account: Any) -> int:
    """Per cent of the request limit that is in use: of the limits, the one that is nearest to its end."""
    return max(shares(account).values())


@blueprint.get("/settings/accounts")
@requires("stock:read")
def index() -> ResponseReturnValue:
    """Every account, and a form for another."""
    return _index({})


def _index(errors: dict[str, list[str]]) -> str:
    return render_template(
        "accounts/index.html",
        accounts=queries.accounts(db.session()),
        countries=[(code, COUNTRY_WORDS.get(code, code.upper())) for code in _countries()],
        sources=[(adapter.source, adapter.label) for adapter in adapters().values() if adapter.open],
        fulfilments=list(FULFILMENT_WORDS.items()),
        words=FULFILMENT_WORDS,
        trouble=trouble,
        form=request.form if errors else {},
        errors=errors,
    )


def _countries() -> list[str]:
    """Every platform that an installed adapter speaks to."""
    known = [code for adapter in adapters().values() if adapter.open for code in adapter.countries]
    return list(dict.fromkeys(known))


@blueprint.post("/settings/accounts")
@requires("admin")
def add() -> ResponseReturnValue:
    """Add an account; with a password, the connection is tried at once."""
    form = request.form
    try:
        command = accounts.NewAccount(
            form.get("source", ""),
            form.get("code", ""),
            fulfilment=form.get("fulfilment") or None,
            pool=form.get("pool", "").strip() or None,
            country=form.get("country") or "ro",
            username=form.get("username", "").strip() or None,
            password=form.get("password") or None,
            base_url=form.get("base_url", "").strip() or None,
            buffer=_whole(form.get("buffer") or "0", "buffer"),
        )
        made = accounts.add(command, actor=current_actor())
    except Refused as refused:
        return _index(field_sentences(refused) or {"code": [sentence(refused)]}), refused.status
    flash(_("The account is added."), "success")
    return redirect(url_for("accounts.show", account_id=made.id), 303)


def _whole(given: str, field: str, least: int = 0, most: int = accounts.LARGEST_BUFFER) -> int:
    try:
        return integer(given, least=least, most=most, as_text=True)
    except Unfit as unfit:
        raise Invalid([FieldError(field, unfit.code, unfit.params)]) from unfit


@blueprint.get("/settings/accounts/<int:account_id>")
@requires("stock:read")
def show(account_id: int) -> ResponseReturnValue:
    """One account: health, switches, connection."""
    return _show(account_id, {})


def _show(account_id: int, errors: dict[str, list[str]]) -> str:
    session = db.session()
    account = queries.account(session, account_id)
    return render_template(
        "accounts/show.html",
        account=account,
        share=shares(account),
        form=request.form if errors else {},
        windows=writes.windows(session, account_id),
        day=writes.completeness(session, account_id),
        **told(writes.of_account(session, account_id, most=20)),
        switches=SWITCH_WORDS,
        words=FULFILMENT_WORDS,
        countries=COUNTRY_WORDS,
        trouble=trouble,
        errors=errors,
    )


@blueprint.post("/settings/accounts/<int:account_id>")
@requires("admin")
def save(account_id: int) -> ResponseReturnValue:
    """User, password, address, buffer, limits. An empty password stays; an empty limit is the documented one."""
    form = request.form
    try:
        limits = dict(market_sync.account_of(account_id).limits)
        for name in PER_MINUTE_FIELDS:
            limits.pop(name, None)
            if given := form.get(name, "").strip():
                limits[name] = _whole(given, name, 1, accounts.LIMITS[name])
        command = accounts.EditAccount(
            account_id,
            username=form.get("username", "").strip(),
            password=form.get("password") or None,
            base_url=form.get("base_url", "").strip(),
            buffer=_whole(form.get("buffer") or "0", "buffer"),
            stock_writable="stock_writable" in form if "writable_asked" in form else None,
            limits=limits,
        )
        accounts.edit(command, actor=current_actor())
    except Invalid as refused:
        return _show(account_id, field_sentences(refused)), refused.status
    flash(_("Saved."), "success")
    return redirect(url_for("accounts.show", account_id=account_id), 303)


@blueprint.post("/settings/accounts/<int:account_id>/switches")
@requires("admin")
def switch(account_id: int) -> ResponseReturnValue:
    """What the account does by itself."""
    wanted = {name: name in request.form for name in accounts.SWITCHES}
    accounts.edit(accounts.EditAccount(account_id, switches=wanted), actor=current_actor())
    flash(_("Saved."), "success")
    return redirect(url_for("accounts.show", account_id=account_id), 303)


@blueprint.post("/settings/accounts/<int:account_id>/test")
@requires("admin")
def test(account_id: int) -> ResponseReturnValue:
    """Try the connection; what is wrong is told apart."""
    try:
        account = market_sync.account_of(account_id)
        accounts.record_test(accounts.OfAccount(account_id), actor=current_actor())
        found = accounts.try_connection(account)
    except Refused as refused:
        if refused.status == 404:
            raise
        flash(sentence(refused), "error")
    else:
        if found.trouble is None:
            said = _("The connection works.") if found.offers is None else ngettext(
                "The connection works: %(num)d offer.", "The connection works: %(num)d offers.", found.offers
            )  # fmt: skip
            flash(said, "success")
        else:
            seen = _(" The marketplace sees %(address)s.", address=found.address) if found.address else ""
            flash(f"{trouble(found.trouble)}{seen}", "error")
    return redirect(url_for("accounts.show", account_id=account_id), 303)


@blueprint.post("/settings/accounts/<int:account_id>/read")
@requires("stock:write")
def read(account_id: int) -> ResponseReturnValue:
    """Read offers and orders soon, in the background."""
    account = market_sync.account_of(account_id)
    market_sync.ask(account.id, actor=current_actor())
    flash(_("It is read in the background; this page can be left."), "success")
    back = "/" if request.form.get("back") == "/" else url_for("accounts.show", account_id=account_id)
    return redirect(back, 303)


# --- offers ----------------------------------------------------------------------------------------------------------


@blueprint.get("/settings/accounts/<int:account_id>/offers")
@requires("stock:read")
def offers_page(account_id: int) -> ResponseReturnValue:
    """Offers: what the marketplace says, what was sent, which variant each is."""
    session = db.session()
    account = queries.account(session, account_id)
    tab = request.args.get("tab", "all")
    tab = tab if tab in queries.TABS else "all"
    q = request.args.get("q", "").strip()[:100]
    rows = queries.offers(session, account_id, tab, q, _position("after"), PAGE + 1)
    shown = rows[:PAGE]
    unmatched = [row.id for row in shown if row.variant_id is None]
    counts = {"all": account.offers, "unmatched": account.unmatched, "differing": account.differing,
              "rejected": account.rejected}  # fmt: skip
    return render_template(
        "accounts/offers.html",
        account=account,
        rows=shown,
        next_after=shown[-1].id if len(rows) > PAGE else None,
        tab=tab,
        tabs=[
            {"label": TAB_WORDS[name], "url": url_for("accounts.offers_page", account_id=account_id, tab=name),
             "active": name == tab, "count": counts[name]}
            for name in queries.TABS
        ],
        q=q,
        candidates=queries.candidates(session, unmatched) if unmatched else {},
        conditions=_conditions,
        matched=MATCH_WORDS,
        evidence=EVIDENCE_WORDS,
    )  # fmt: skip


def _conditions(row: Any) -> list[str]:
    """Every condition that an offer does not meet, in words."""
    return [condition_word(condition) for condition in queries.conditions(row) if condition.passed is False]


def _position(name: str) -> int:
    try:
        return integer(request.args.get(name, "0"), most=INT64_MAX, as_text=True)
    except Unfit:
        return 0


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/match")
@requires("stock:write")
def match(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Decide which variant an offer is; nothing chosen: it is none of ours."""
    try:
        chosen = request.form.get("variant_id", "")
        variant_id = integer(chosen, least=1, most=INT64_MAX, as_text=True) if chosen else None
        offers.match(offers.Match(offer_id, variant_id), actor=current_actor())
    except (Refused, Unfit) as refused:
        flash(sentence(refused) if isinstance(refused, Refused) else _("This value is not accepted."), "error")
    else:
        flash(_("Saved."), "success")
    return redirect(url_for("accounts.offers_page", account_id=account_id, tab=request.form.get("tab", "all")), 303)


@blueprint.post("/settings/accounts/<int:account_id>/offers/<int:offer_id>/read")
@requires("stock:write")
def read_offer(account_id: int, offer_id: int) -> ResponseReturnValue:
    """Read one offer again, now."""
    try:
        there = market_sync.read_offer_now(account_id, offer_id, actor=current_actor())
    except MarketplaceError as error:
        flash(trouble(error.trouble), "error")
    except Refused as refused:
        if refused.status == 404:
            raise
        flash(sentence(refused), "error")
    else:
        flash(_("Read.") if there else _("The marketplace does not know this."), "success" if there else "error")
    if request.form.get("page") == "offer":
        return redirect(url_for("account_offers.show", account_id=account_id, offer_id=offer_id), 303)
    return redirect(url_for("accounts.offers_page", account_id=account_id, tab=request.form.get("tab", "all")), 303)


# --- what was said ---------------------------------------------------------------------------------------------------


@blueprint.get("/settings/accounts/<int:account_id>/requests")
@requires("admin")
def requests_page(account_id: int) -> ResponseReturnValue:
    """Requests and answers of thirty days, without secrets, found by SKU or order."""
    session = db.session()
    q, failed = request.args.get("q", "").strip()[:60], request.args.get("failed") == "1"
    rows = queries.requests(session, account_id, q, failed, _position("before"), PAGE + 1)
    shown = rows[:PAGE]
    return render_template(
        "accounts/requests.html",
        account=queries.account(session, account_id),
        rows=shown,
        q=q,
        failed=failed,
        next_before=shown[-1].id if len(rows) > PAGE else None,
    )
