"""The API of checks: look at every offer now, and send again what is due."""

from typing import Any

from flask import Response
from marshmallow import fields
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.errors import NotFound
from magflow.queries import stock_alerts
from magflow.queries import stock_sync as reads
from magflow.queries.stock_alerts import Pass
from magflow.services.automation import refresh
from magflow.services.automation.refresh import RefreshOnce
from magflow.services.stock_sync import checking
from magflow.services.stock_sync.checking import Checked, CheckNow
from magflow.web.answers import Answer, Count, Time
from magflow.web.api import ApiBlueprint, perform
from magflow.web.bodies import EmptyBody
from magflow.web.border import Body, Boolean
from magflow.web.permissions import requires

api = ApiBlueprint("api_stock_check", __name__, description="Checks of stock sync: now, and the last one")


class CheckBody(Body):
    """Without anything: with a reading."""

    read = Boolean(
        load_default=True,
        metadata={"description": "Have the marketplaces read too, in the background", "default": True},
    )


class CheckOut(Answer):
    """A look at every offer. `id` and `checked_at` are null where a worker goes on with a large shop."""

    id = fields.Integer(required=True, allow_none=True)
    checked_at = Time(required=True, allow_none=True)
    variants = Count(required=True)
    opened = Count(required=True)
    changed = Count(required=True)
    closed = Count(required=True)
    reading = fields.List(fields.String(), required=True)


class RefreshOut(Answer):
    """An account whose offers are being sent again, and how many are due."""

    account = fields.String(required=True)
    due = Count(required=True)


def check_json(done: Checked, session: Session) -> dict[str, Any]:
    """What a check found."""
    named = {account.id: account.label for account in reads.accounts(session)}
    return {
        "id": done.finished.id if done.finished else None,
        "checked_at": done.finished.ended_at if done.finished else None,
        "variants": done.looked.variants,
        "opened": done.looked.opened,
        "changed": done.looked.changed,
        "closed": done.looked.closed,
        "reading": [named[account_id] for account_id in done.asked],
    }


def pass_json(last: Pass | None) -> dict[str, Any] | None:
    """When everything was last looked at, for `meta`."""
    if last is None:
        return None
    counted = {name: getattr(last, name) for name in ("variants", "opened", "changed", "closed")}
    return {"checked_at": last.ended_at, "actor": last.actor, **counted}


@api.post("/stock-sync/check")
@requires("stock:write")
@api.reads(CheckBody, required=False)
@api.answers(CheckOut, description="What was found; `reading` names the accounts that are being read")
def check(data: dict[str, Any]) -> Response:
    """Look at every offer now, as it was last read; in a large shop a worker goes on after two seconds."""
    command = CheckNow(data.get("read", True))
    return perform(checking.check, command, present=lambda session, done: check_json(done, session))


@api.post("/stock-sync/refresh/<account>")
@requires("stock:write")
@api.reads(EmptyBody, required=False)
@api.answers(RefreshOut, status=202, description="They are being sent; the log of automation says what became of each")
def refresh_now(_data: dict[str, Any], account: str) -> Response:
    """Send an account's offers again that were not sent for 7 days. Today's are not sent twice."""
    found = next((one for one in reads.accounts(db.session()) if one.label == account.lower()), None)
    if found is None:
        raise NotFound("account", account)
    due = stock_alerts.stale_by_account(db.session()).get(found.id, 0)
    told = {"account": found.label, "due": due}
    return perform(refresh.ask_once, RefreshOnce(found.id), present=lambda _session, _done: told, status=202)
