"""The API of notifications: who is told what and when, added, changed, unsubscribed, tried; and what was sent."""

from datetime import time
from typing import Any, Final

from flask import Response, current_app
from marshmallow import fields
from sqlalchemy.orm import Session

from magflow.db import db
from magflow.domain.border import Unfit
from magflow.domain.notices import LEVELS
from magflow.queries import notifications as reads
from magflow.queries.notifications import MessageRow, Person
from magflow.queries.paging import Page
from magflow.services.notifications import collecting, recipients
from magflow.services.notifications.collecting import AskTest
from magflow.services.notifications.recipients import KINDS, OfRecipient, SaveRecipient, StopTelling
from magflow.settings import LOCALES
from magflow.web.answers import Answer, Count, Time, Word, listed
from magflow.web.api import ApiBlueprint, PageQuery, id_after, perform, success
from magflow.web.border import Body, Boolean, BorderField, Integer, OneOf, Text
from magflow.web.permissions import requires

api = ApiBlueprint("api_notifications", __name__, description="Who is told what, and what was sent")

CHANNELS: Final = ("email", "sms")
STATES: Final = ("waiting", "sending", "sent", "failed", "unsure")
CLOCK: Final = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "07:30"}


class Clock(BorderField):
    """An hour of the day: 07:30."""

    def __init__(self, **options: Any) -> None:
        super().__init__(documented=dict(CLOCK), **options)

    def convert(self, value: object, as_text: bool) -> time:  # noqa: ARG002
        if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
            raise Unfit("invalid")
        try:
            return time.fromisoformat(value)
        except ValueError:
            raise Unfit("invalid") from None


class RecipientBody(Body):
    """A change: what is left out stays as it is."""

    name = Text(most=120)
    email = Text(most=254, allow_none=True)
    phone = Text(most=40, allow_none=True, metadata={"description": "With its country, such as +40722123456"})
    locale = OneOf(LOCALES)
    timezone = Text(most=60, metadata={"description": "Whose clock the hours are of, such as Europe/Bucharest"})
    active = Boolean(metadata={"description": "False: nothing is sent, everything stays as it is set"})
    digest = Boolean(metadata={"description": "The daily summary by e-mail"})
    digest_at = Clock()
    alerts_email = OneOf(LEVELS, metadata={"description": "Alerts at once, from this priority on"})
    alerts_sms = OneOf(LEVELS[:2])
    sms_per_day = Integer(least=1, most=recipients.MOST_SMS)
    quiet_from = Clock(allow_none=True)
    quiet_to = Clock(allow_none=True)


class NewRecipientBody(RecipientBody):
    """Somebody new: a name, and an address of mail or a telephone."""

    name = Text(most=120, required=True)


class WhatBody(Body):
    """Without anything: both."""

    kind = OneOf(KINDS, metadata={"description": "`digest` or `alerts` (by e-mail)"})


class TestBody(Body):
    channel = OneOf(CHANNELS, load_default="email", metadata={"default": "email"})


class MessagesQuery(PageQuery):
    state = OneOf(STATES)


class RecipientOut(Answer):
    """Somebody who is told. `alerts_since`: alerts that are older are not told any more."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)
    locale = Word(*LOCALES, required=True)
    timezone = fields.String(required=True)
    active = fields.Boolean(required=True)
    digest = fields.Boolean(required=True)
    digest_at = fields.String(required=True)
    alerts_email = Word(*LEVELS, required=True)
    alerts_sms = Word(*LEVELS[:2], required=True)
    sms_per_day = Count(required=True)
    quiet_from = fields.String(required=True, allow_none=True)
    quiet_to = fields.String(required=True, allow_none=True)
    alerts_since = Time(required=True)
    created_at = Time(required=True)


class MessageOut(Answer):
    """A message, and what became of it."""

    id = fields.Integer(required=True)
    recipient_id = fields.Integer(required=True)
    recipient = fields.String(required=True)
    channel = Word(*CHANNELS, required=True)
    kind = Word("digest", "alerts", "test", required=True)
    subject = fields.String(required=True)
    state = Word(*STATES, required=True)
    error = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    sent_at = Time(required=True, allow_none=True)


class AskedOut(Answer):
    """A message that is being made; the list of messages says whether it left."""

    recipient_id = fields.Integer(required=True)
    channel = Word(*CHANNELS, required=True)


SAME: Final = (
    "id", "name", "email", "phone", "locale", "timezone", "active", "digest", "alerts_email", "alerts_sms",
    "sms_per_day", "alerts_since", "created_at",
)  # fmt: skip
CLOCKS: Final = ("digest_at", "quiet_from", "quiet_to")
SETTABLE: Final = tuple(name for name in (*SAME, *CLOCKS) if name not in {"id", "alerts_since", "created_at"})


def recipient_json(person: Person) -> dict[str, Any]:
    """Somebody who is told."""
    clocks = {name: f"{at:%H:%M}" if (at := getattr(person, name)) else None for name in CLOCKS}
    return {name: getattr(person, name) for name in SAME} | clocks


def message_json(row: MessageRow) -> dict[str, Any]:
    """A message without its words."""
    names = ("id", "recipient_id", "channel", "kind", "subject", "state", "error", "created_at", "sent_at")
    return {"recipient": row.name, **{name: getattr(row.message, name) for name in names}}


@api.get("/notifications/recipients")
@requires("admin")
@api.filters(PageQuery)
@api.answers(RecipientOut, many=True, description="Everybody who is told, by id")
def list_recipients(query: dict[str, Any]) -> Response:
    """List who is told what and when."""
    everybody = sorted(reads.recipients(db.session()), key=lambda one: one.id)
    left = [one for one in everybody if one.id > id_after(query)]
    shown = left[: query["limit"]]
    more = shown[-1].id if len(left) > len(shown) else None
    return listed([recipient_json(one) for one in shown], Page(shown, len(everybody), False, more))


@api.post("/notifications/recipients")
@requires("admin")
@api.reads(NewRecipientBody)
@api.answers(RecipientOut, status=201, description="Who is told from now on")
def add_recipient(data: dict[str, Any]) -> Response:
    """Add somebody. Alerts are told from now on."""
    given: dict[str, Any] = {
        "email": None,
        "phone": None,
        "locale": _settings().locale,
        "timezone": _settings().timezone,
    }
    command = SaveRecipient(**given | data)
    return perform(recipients.save, command, present=_told, created=True)


@api.get("/notifications/recipients/<int:recipient_id>")
@requires("admin")
@api.answers(RecipientOut, description="Somebody who is told")
def get_recipient(recipient_id: int) -> Response:
    """Read one of them."""
    return success(recipient_json(reads.recipient(db.session(), recipient_id)))


@api.patch("/notifications/recipients/<int:recipient_id>")
@requires("admin")
@api.reads(RecipientBody)
@api.answers(RecipientOut, description="The recipient as it is now")
def change_recipient(data: dict[str, Any], recipient_id: int) -> Response:
    """Change what is given; the rest stays."""
    kept = reads.recipient(db.session(), recipient_id)
    given = {name: getattr(kept, name) for name in SETTABLE}
    command = SaveRecipient(**given | data, recipient_id=recipient_id)
    return perform(recipients.save, command, present=_told)


@api.delete("/notifications/recipients/<int:recipient_id>")
@requires("admin")
@api.answers(RecipientOut, description="Who was taken away, as it was")
def remove_recipient(recipient_id: int) -> Response:
    """Forget somebody, and what was sent to them."""
    gone = recipient_json(reads.recipient(db.session(), recipient_id))
    return perform(recipients.remove, OfRecipient(recipient_id), present=lambda _session, _done: gone)


@api.post("/notifications/recipients/<int:recipient_id>/unsubscribe")
@requires("admin")
@api.reads(WhatBody, required=False)
@api.answers(RecipientOut, description="The recipient as it is now")
def unsubscribe(data: dict[str, Any], recipient_id: int) -> Response:
    """Send somebody no more summaries, or no more alerts by e-mail. Again changes nothing."""
    kinds = (data["kind"],) if "kind" in data else KINDS
    return perform(recipients.stop, StopTelling(recipient_id, kinds), present=_told)


@api.post("/notifications/recipients/<int:recipient_id>/test")
@requires("admin")
@api.reads(TestBody, required=False)
@api.answers(AskedOut, status=202, description="It is being made; the list of messages says whether it left")
def test(data: dict[str, Any], recipient_id: int) -> Response:
    """Send somebody one now: by e-mail the summary, by SMS a line."""
    channel = data.get("channel", "email")
    reads.recipient(db.session(), recipient_id)
    told = {"recipient_id": recipient_id, "channel": channel}
    return perform(
        collecting.ask_test, AskTest(recipient_id, channel), present=lambda _session, _done: told, status=202
    )


@api.get("/notifications/messages")
@requires("admin")
@api.filters(MessagesQuery)
@api.answers(MessageOut, many=True, description="Messages of a month, the newest first")
def list_messages(query: dict[str, Any]) -> Response:
    """List what was sent, and what was not."""
    page = reads.messages(db.session(), state=query.get("state"), after=id_after(query) or None, limit=query["limit"])
    return listed([message_json(row) for row in page.rows], page)


def _told(_session: Session, person: Person) -> dict[str, Any]:
    return recipient_json(person)


def _settings() -> Any:
    return current_app.config["MAGFLOW"]
