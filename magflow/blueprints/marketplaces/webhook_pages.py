"""Webhooks: where accounts call us, whom we call, and what became of it."""

from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.blueprints.marketplaces.words import EVENT_WORDS
from magflow.db import db
from magflow.domain.border import INT64_MAX, Unfit, integer
from magflow.domain.errors import Invalid, NotFound, Refused
from magflow.domain.marketplaces import ONLY_CALL_US
from magflow.marketplaces.protocol import adapters
from magflow.queries import inbox as deliveries_in
from magflow.queries import marketplaces as queries
from magflow.services import inbox as set_aside
from magflow.services import market_sync, subscriptions, webhooks
from magflow.web.auth import current_actor
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("webhook_settings", __name__)

PAGE: Final = 50
LEAST_SECRET: Final = 8


@blueprint.app_template_global("source_label")
def source_label(name: str) -> str:
    """A source, alone or before the name of an account, as its marketplace writes itself."""
    source, space, account = name.partition(" ")
    adapter = adapters().get(source)
    return f"{adapter.label if adapter else source}{space}{account}"


@blueprint.app_template_global("only_calls")
def only_calls(source: str) -> bool:
    """Whether a source only calls us, and cannot be asked."""
    adapter = adapters().get(source)
    return adapter is not None and adapter.open is None


@blueprint.get("/settings/webhooks")
@requires("admin")
def index() -> ResponseReturnValue:
    """In and out."""
    return _page({})


def _page(errors: dict[str, list[str]], shown: dict[str, str | None] | None = None) -> str:
    session = db.session()
    return render_template(
        "accounts/webhooks.html",
        endpoints=queries.endpoints(session),
        subscriptions=queries.subscriptions(session),
        deliveries=queries.deliveries(session),
        events=subscriptions.EVENTS,
        event_words=EVENT_WORDS,
        chosen=request.form.getlist("events"),
        url=request.form.get("url", "") if errors else "",
        errors=errors,
        shown=shown,
        sources=[(adapter.source, adapter.label) for adapter in adapters().values() if adapter.source in ONLY_CALL_US],
        form=request.form if errors else {},
    )


@blueprint.post("/settings/webhooks/in/<int:account_id>")
@requires("admin")
def open_in(account_id: int) -> ResponseReturnValue:
    """Open an account's address, or make a new secret for it; shown this once."""
    account = market_sync.account_of(account_id)
    command = webhooks.NewEndpoint(account.source, account.code, rotate=True)
    try:
        opened = webhooks.endpoint(command, actor=current_actor())
    except Refused as refused:
        flash(sentence(refused), "error")
        return redirect(url_for("webhook_settings.index"), 303)
    return _page({}, {"url": request.host_url.rstrip("/") + opened.path, "secret": opened.secret})


@blueprint.post("/settings/webhooks/in")
@requires("admin")
def open_new() -> ResponseReturnValue:
    """Open an address for somebody who only calls; the secret is theirs, or a new one that is shown this once."""
    source, code = request.form.get("source", ""), request.form.get("code", "").strip()
    secret = request.form.get("secret", "").strip() or None
    if source not in ONLY_CALL_US:
        return _page({"source": [_("This value is not accepted.")]}), Invalid.status
    if secret is not None and len(secret) < LEAST_SECRET:
        return _page({"secret": [_("This value is not accepted.")]}), Invalid.status
    try:
        opened = webhooks.endpoint(webhooks.NewEndpoint(source, code, secret=secret), actor=current_actor())
    except Refused as refused:
        return _page(field_sentences(refused) or {"code": [sentence(refused)]}), refused.status
    return _page({}, {"url": request.host_url.rstrip("/") + opened.path, "secret": None if secret else opened.secret})


@blueprint.get("/settings/webhooks/in/<int:account_id>")
@requires("admin")
def inbox(account_id: int) -> ResponseReturnValue:
    """What came in for an account, and what was set aside."""
    session = db.session()
    account = queries.account(session, account_id)
    aside = request.args.get("aside") == "1"
    try:
        before = integer(request.args.get("before", "0"), most=INT64_MAX, as_text=True)
    except Unfit:
        before = 0
    rows = deliveries_in.inbox(session, account_id, aside, before, PAGE + 1)
    shown = rows[:PAGE]
    return render_template(
        "accounts/inbox.html",
        account=account,
        rows=shown,
        said=deliveries_in.said,
        aside=aside,
        next_before=shown[-1].id if len(rows) > PAGE else None,
    )


@blueprint.post("/settings/webhooks/inbox/<int:delivery_id>")
@requires("admin")
def decide(delivery_id: int) -> ResponseReturnValue:
    """Try a delivery again that was set aside, or leave it alone."""
    ignore = request.form.get("do") == "ignore"
    try:
        account_id = set_aside.decide(set_aside.SetAside(delivery_id, ignore), actor=current_actor())
    except NotFound:
        flash(_("It is not set aside any more."), "error")
        return redirect(url_for("webhook_settings.index"), 303)
    flash(_("Saved.") if ignore else _("It is tried again."), "success")
    return redirect(url_for("webhook_settings.inbox", account_id=account_id, aside="1"), 303)


@blueprint.post("/settings/webhooks")
@requires("admin")
def subscribe() -> ResponseReturnValue:
    """Add an address that is told; its secret is shown this once."""
    command = subscriptions.NewSubscription(request.form.get("url", "").strip(), tuple(request.form.getlist("events")))
    try:
        made = subscriptions.subscribe(command, actor=current_actor())
    except Invalid as refused:
        return _page(field_sentences(refused)), refused.status
    return _page({}, {"url": made.subscription.url, "secret": made.secret})


@blueprint.post("/settings/webhooks/<int:subscription_id>/active")
@requires("admin")
def switch(subscription_id: int) -> ResponseReturnValue:
    """On or off."""
    active = request.form.get("active") == "1"
    subscriptions.switch(subscriptions.Switch(subscription_id, active), actor=current_actor())
    flash(_("Saved."), "success")
    return redirect(url_for("webhook_settings.index"), 303)


@blueprint.post("/settings/webhooks/<int:subscription_id>/remove")
@requires("admin")
def remove(subscription_id: int) -> ResponseReturnValue:
    """Forget an address and its log."""
    subscriptions.remove(subscriptions.Switch(subscription_id, False), actor=current_actor())
    flash(_("The address is removed."), "success")
    return redirect(url_for("webhook_settings.index"), 303)


@blueprint.post("/settings/webhooks/deliveries/<int:delivery_id>/resend")
@requires("admin")
def resend(delivery_id: int) -> ResponseReturnValue:
    """Send one again."""
    subscriptions.resend(subscriptions.Resend(delivery_id), actor=current_actor())
    flash(_("It is sent again."), "success")
    return redirect(url_for("webhook_settings.index"), 303)
