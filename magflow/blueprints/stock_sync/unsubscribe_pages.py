"""Where mails lead who wants no more of them: a page to look at, and one click that needs nothing else (RFC 8058).

Looking changes nothing, for programs that examine mails follow every link; only a POST does. Whoever has the link got
the mail: it is signed, and there is nobody to sign in.
"""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from magflow.db import db
from magflow.domain.actors import Actor
from magflow.services.notifications import recipients
from magflow.services.notifications.recipients import Link, Unsubscribe
from magflow.web.auth import request_id
from magflow.web.locale import speaking
from magflow.web.permissions import public
from magflow.web.security import largest_body, proves_itself

blueprint = Blueprint("unsubscribe", __name__)

LARGEST: int = 4096


@blueprint.get("/unsubscribe/<token>")
@public
@proves_itself
def page(token: str) -> ResponseReturnValue:
    """What would be switched off, and the button."""
    return _page(token, recipients.follow(db.session(), token))


@blueprint.post("/unsubscribe/<token>")
@public
@proves_itself
@largest_body(LARGEST)
def off(token: str) -> ResponseReturnValue:
    """Switch it off."""
    return _page(token, _decided(token, again=False))


@blueprint.post("/unsubscribe/<token>/again")
@public
@proves_itself
@largest_body(LARGEST)
def on(token: str) -> ResponseReturnValue:
    """Switch it on again: it was a slip."""
    return _page(token, _decided(token, again=True))


def _decided(token: str, *, again: bool) -> Link:
    actor = Actor(kind="system", name="unsubscribe", door="webhook", request_id=request_id())
    return recipients.unsubscribe(Unsubscribe(token, again), actor=actor)


def _page(token: str, link: Link) -> str:
    with speaking(link.recipient.locale):
        return render_template("notifications/unsubscribe.html", link=link, token=token)
