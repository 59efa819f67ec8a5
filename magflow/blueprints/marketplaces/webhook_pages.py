"""Webhooks: where accounts call us, whom we call, and what became of it."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from magflow.db import db
from magflow.domain.errors import Invalid, Refused
from magflow.queries import marketplaces as queries
from magflow.services import market_sync, subscriptions, webhooks
from magflow.web.auth import current_actor
from magflow.web.locale import _
from magflow.web.permissions import requires
from magflow.web.sentences import field_sentences, sentence

blueprint = Blueprint("webhook_settings", __name__)


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
        chosen=request.form.getlist("events"),
        url=request.form.get("url", "") if errors else "",
        errors=errors,
        shown=shown,
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
