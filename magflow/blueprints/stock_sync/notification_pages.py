"""Settings, Notifications: who is told what and when, whether mails and messages leave, and each that did."""

from datetime import time
from typing import Any, Final

from flask import Blueprint, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from magflow.blueprints.stock_sync import letters
from magflow.db import db
from magflow.domain.actors import Actor
from magflow.domain.errors import NotFound
from magflow.domain.notices import LEVELS
from magflow.queries import notifications as reads
from magflow.queries.notifications import Person
from magflow.services import settings_store
from magflow.services.notifications import channels, collecting, recipients, sending
from magflow.services.notifications.collecting import AskTest
from magflow.services.notifications.recipients import OfRecipient, SaveRecipient
from magflow.services.notifications.sending import OfMessage, StillWaiting, Surroundings
from magflow.services.offers import clock
from magflow.settings import LOCALES
from magflow.web import border, sentences
from magflow.web.forms import Form, Landing, act, ask_first, show
from magflow.web.listing import PAGE, Listing
from magflow.web.locale import LANGUAGES, _, _l, current, speaking
from magflow.web.permissions import requires
from magflow.web.security import csp_nonce

blueprint = Blueprint("notifications", __name__)

KIND_WORDS: Final[dict[str, Any]] = {
    "digest": _l("Daily summary"),
    "alerts": _l("Alerts at once"),
    "test": _l("Test"),
}
CHANNEL_WORDS: Final[dict[str, Any]] = {"email": _l("E-mail"), "sms": _l("SMS")}
STATE_WORDS: Final[dict[str, Any]] = {
    "waiting": _l("Waiting"),
    "sending": _l("Being sent"),
    "sent": _l("Sent"),
    "failed": _l("Failed"),
    "unsure": _l("Not known whether it arrived"),
}
STATE_LOOKS: Final = {
    "waiting": ("info", "clock"),
    "sending": ("info", "job"),
    "sent": ("good", "ok"),
    "failed": ("bad", "error"),
    "unsure": ("warn", "warning"),
}
LEVEL_WORDS: Final[dict[str, Any]] = {
    "off": _l("None"),
    "high": _l("High priority"),
    "medium": _l("High and medium priority"),
}
ERROR_WORDS: Final[dict[str, Any]] = {
    "smtp_not_set": _l("There is no mail server: SMTP_URL is not set."),
    "smtp_without_tls": _l("The mail server offers no encryption, and would have been told a password."),
    "sms_not_set": _l("There is no SMS gateway: MAGFLOW_SMS_URL is not set."),
    "no_address": _l("The recipient has no such address, or is switched off."),
}


class Clock(border.Text):
    """An hour of the day, as browsers send it: 07:30."""

    def __init__(self, **options: Any) -> None:
        super().__init__(most=5, **options)


class RecipientForm(border.Query):
    name = border.Text(most=120, required=True)
    email = border.Text(most=254)
    phone = border.Text(most=40)
    locale = border.OneOf(LOCALES, required=True)
    timezone = border.Text(most=60, required=True)
    active = border.Boolean()
    digest = border.Boolean()
    digest_at = Clock()
    alerts_email = border.OneOf(LEVELS, required=True)
    alerts_sms = border.OneOf(LEVELS[:2], required=True)
    sms_per_day = border.Integer(least=1, most=recipients.MOST_SMS)
    quiet_from = Clock()
    quiet_to = Clock()


class SurroundingsForm(border.Query):
    base_url = border.Text(most=300)
    sender = border.Text(most=254)


class MessagesQuery(border.Query):
    view = border.OneOf(tuple(STATE_WORDS))


@blueprint.get("/settings/notifications")
@requires("admin")
def index() -> ResponseReturnValue:
    """Who is told, and what was sent."""
    return _page(Form())


def _page(form: Form) -> ResponseReturnValue:
    session = db.session()
    listing = Listing(MessagesQuery())
    page = reads.messages(session, state=listing["view"], after=listing.after_id, limit=PAGE)
    kept = settings_store.read(session, settings_store.NOTIFICATIONS)
    return show(
        "notifications/index.html",
        recipients=reads.recipients(session),
        listing=listing,
        page=page,
        pages=listing.pages(len(page.rows), page.total, estimate=page.total_is_estimate, next_key=page.next_key),
        views=[listing.tab(_("All"), ""), *(listing.tab(label, state) for state, label in STATE_WORDS.items())],
        smtp=channels.smtp_host(),
        sms=channels.sms_host(),
        kept=kept,
        base_url=sending.base_url(session),
        here=request.url_root.rstrip("/"),
        sender=channels.default_sender(),
        words=_words(),
        form=form,
    ), form.status


def _words() -> dict[str, Any]:
    return {
        "kinds": KIND_WORDS, "channels": CHANNEL_WORDS, "states": STATE_WORDS, "looks": STATE_LOOKS,
        "levels": LEVEL_WORDS, "errors": ERROR_WORDS,
    }  # fmt: skip


@blueprint.post("/settings/notifications")
@requires("admin")
def surround() -> ResponseReturnValue:
    """What holds for all mails."""
    form = Form.sent(SurroundingsForm())
    if form.ok:

        def work(session: Session, actor: Actor) -> Landing:
            sending.surround.within(session, Surroundings(form["base_url"], form["sender"]), actor=actor)
            return Landing(url_for("notifications.index"), _("Saved."))

        if (answer := form.once(work)) is not None:
            return answer
    return _page(form)


# --- one recipient ---------------------------------------------------------------------------------------------------


@blueprint.get("/settings/notifications/new")
@requires("admin")
def new() -> ResponseReturnValue:
    """Somebody new."""
    return _recipient_page(None, Form())


@blueprint.get("/settings/notifications/<int:recipient_id>")
@requires("admin")
def recipient(recipient_id: int) -> ResponseReturnValue:
    """Somebody who is told."""
    return _recipient_page(reads.recipient(db.session(), recipient_id), Form())


def _recipient_page(person: Person | None, form: Form) -> ResponseReturnValue:
    return show(
        "notifications/recipient.html",
        person=person,
        form=form,
        languages=LANGUAGES,
        language=current(),
        zone=current_app.config["MAGFLOW"].timezone,
        smtp=channels.smtp_host(),
        sms=channels.sms_host(),
        words=_words(),
    ), form.status


@blueprint.post("/settings/notifications/new")
@requires("admin")
def create() -> ResponseReturnValue:
    """Add somebody."""
    return _save(None)


@blueprint.post("/settings/notifications/<int:recipient_id>")
@requires("admin")
def save(recipient_id: int) -> ResponseReturnValue:
    """Change somebody."""
    return _save(reads.recipient(db.session(), recipient_id))


def _save(person: Person | None) -> ResponseReturnValue:
    form = Form.sent(RecipientForm())
    clocks = {name: _clock(form, name) for name in ("digest_at", "quiet_from", "quiet_to")}
    if form.ok:
        recipient_id = person.id if person else None

        def work(session: Session, actor: Actor) -> Landing:
            command = SaveRecipient(
                **form.pick("name", "email", "phone", "locale", "timezone", "alerts_email", "alerts_sms"),
                recipient_id=recipient_id,
                active=bool(form["active"]),
                digest=bool(form["digest"]),
                digest_at=clocks["digest_at"] or time(7, 30),
                sms_per_day=form["sms_per_day"] or 5,
                quiet_from=clocks["quiet_from"],
                quiet_to=clocks["quiet_to"],
            )
            saved = recipients.save.within(session, command, actor=actor)
            return Landing(url_for("notifications.recipient", recipient_id=saved.id), _("Saved."))

        if (answer := form.once(work)) is not None:
            return answer
    again = reads.recipient(db.session(), person.id) if person else None
    return _recipient_page(again, form)


def _clock(form: Form, name: str) -> time | None:
    typed = form[name]
    if not typed:
        return None
    try:
        hours, minutes = typed.split(":")
        return time(int(hours), int(minutes))
    except ValueError:
        form.complain(name, _("An hour is expected, such as 07:30."))
        return None


@blueprint.post("/settings/notifications/<int:recipient_id>/remove")
@requires("admin")
def remove(recipient_id: int) -> ResponseReturnValue:
    """Take somebody away, after asking."""
    person = reads.recipient(db.session(), recipient_id)
    back = url_for("notifications.recipient", recipient_id=recipient_id)
    question = _("Remove %(name)s?", name=person.name)
    asked = ask_first(question, [_("What was sent to them is forgotten too.")], _("Remove"), back, tone="bad")
    if asked is not None:
        return asked

    def work(session: Session, actor: Actor) -> Landing:
        recipients.remove.within(session, OfRecipient(recipient_id), actor=actor)
        return Landing(url_for("notifications.index"), _("Removed."))

    return act(work, back)


@blueprint.post("/settings/notifications/<int:recipient_id>/test/<channel>")
@requires("admin")
def test(recipient_id: int, channel: str) -> ResponseReturnValue:
    """Send one now."""
    if channel not in CHANNEL_WORDS:
        raise NotFound("page", channel)
    reads.recipient(db.session(), recipient_id)

    def work(session: Session, actor: Actor) -> Landing:
        collecting.ask_test.within(session, AskTest(recipient_id, channel), actor=actor)
        return Landing(url_for("notifications.index"), _("It is on its way. The list below says whether it left."))

    return act(work, url_for("notifications.recipient", recipient_id=recipient_id))


@blueprint.get("/settings/notifications/<int:recipient_id>/digest")
@requires("admin")
def preview(recipient_id: int) -> ResponseReturnValue:
    """The summary as it would leave now."""
    session = db.session()
    person = reads.recipient(session, recipient_id)
    base, now = sending.base_url(session), clock()
    found = reads.digest(session, now)
    stop = f"{base}/unsubscribe/{recipients.token(person, 'digest')}"
    with speaking(person.locale):
        currency = current_app.config["MAGFLOW"].currency
        letter = letters.digest_letter(found, person, base, stop, now, currency)
        return Response(letters.html(letter, csp_nonce()), mimetype="text/html")


# --- one message -----------------------------------------------------------------------------------------------------


@blueprint.get("/settings/notifications/messages/<int:message_id>")
@requires("admin")
def message(message_id: int) -> str:
    """What was sent, word for word."""
    row = reads.message(db.session(), message_id)
    return show("notifications/message.html", row=row, message=row.message, words=_words())


@blueprint.post("/settings/notifications/messages/<int:message_id>/again")
@requires("admin")
def again(message_id: int) -> ResponseReturnValue:
    """Send it again."""
    back = url_for("notifications.message", message_id=message_id)

    def work(session: Session, actor: Actor) -> Landing:
        sending.again.within(session, OfMessage(message_id), actor=actor)
        return Landing(back, _("It is on its way."))

    return act(work, back)


sentences.add_sentences({"not_a_phone": _l("A number with its country is expected, such as +40722123456.")})
sentences.SENTENCES[StillWaiting] = lambda r: _(
    "This message is %(state)s: it cannot be sent again.", state=STATE_WORDS.get(r.state, r.state)
)
