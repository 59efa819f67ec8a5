"""Doing now what is done by the clock: looking at every offer, and sending again what is due."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync.queue_pages import here
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.queries import stock_alerts
from magflow.services.automation import refresh
from magflow.services.automation.refresh import RefreshOnce
from magflow.services.stock_sync import alerts, checking
from magflow.services.stock_sync.checking import Checked, CheckNow
from magflow.web.forms import Landing, act, ask_first
from magflow.web.locale import _, ngettext
from magflow.web.permissions import requires

blueprint = Blueprint("sync_check", __name__)

AN_HOUR: Final = timedelta(hours=1)


@blueprint.app_template_global("last_check")
def last_check() -> dict[str, Any]:
    """For Home and the queue: when everything was last looked at, and when it will be again."""
    return {"last": stock_alerts.last_pass(db.session()), "next_at": next_check(datetime.now(UTC))}


def next_check(now: datetime) -> datetime:
    """When the worker looks at everything next."""
    this_hour = now.replace(minute=alerts.LOOK_MINUTE, second=0, microsecond=0)
    return this_hour if this_hour > now else this_hour + AN_HOUR


@blueprint.post("/stock-sync/check")
@requires("stock:write")
def check() -> ResponseReturnValue:
    """Look at everything now, and have the marketplaces read."""
    back = here(request.form.get("back"))

    def work(session: Session, actor: Actor) -> Landing:
        return Landing(back, said(checking.check.within(session, CheckNow(), actor=actor)))

    return act(work, back)


def said(done: Checked) -> str:
    """What a check found, in a sentence or two."""
    looked = done.looked
    found = _(
        "%(skus)s: %(opened)s opened, %(closed)s closed.",
        skus=ngettext("%(num)d SKU looked at", "%(num)d SKUs looked at", looked.variants),
        opened=ngettext("%(num)d alert", "%(num)d alerts", looked.opened),
        closed=looked.closed,
    )
    if done.finished is None:
        found += " " + _("The rest is being looked at in the background.")
    if done.asked:
        found += " " + ngettext(
            "%(num)d account is being read; what that brings is looked at as it comes.",
            "%(num)d accounts are being read; what that brings is looked at as it comes.",
            len(done.asked),
        )
    return found


@blueprint.post("/stock-sync/accounts/<int:account_id>/refresh")
@requires("stock:write")
def refresh_account(account_id: int) -> ResponseReturnValue:
    """Send everything of an account that is due again, after asking."""
    back = here(request.form.get("back"))
    due = stock_alerts.stale_by_account(db.session()).get(account_id, 0)
    question = ngettext("Send %(num)d offer again?", "Send %(num)d offers again?", due)
    consequences = [_("What is offered now is sent once more, behind orders and stock; no value changes.")]
    asked = ask_first(question, consequences, _("Send again"), back)
    if asked is not None:
        return asked

    def work(session: Session, actor: Actor) -> Landing:
        refresh.ask_once.within(session, RefreshOnce(account_id), actor=actor)
        log = url_for("automation.index", rule="refresh")
        return Landing(log, _("They are being sent, the oldest first. The log below says what became of each."))

    return act(work, back)
