"""Who is told: added, changed, taken away; and whoever wants no more of it, by one click."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import lock_names, transactional
from magflow.domain import border
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.notices import LEVELS, is_zone, phone_number
from magflow.models import Recipient
from magflow.settings import LOCALES

MOST_SMS: Final = 100
KINDS: Final = ("digest", "alerts")
"""What one can have enough of."""
SALT: Final = "magflow.unsubscribe"

_secret: list[str] = []


def configure(secret_key: str) -> None:
    """The key that the links of this process are signed with."""
    _secret[:] = [secret_key]


@dataclass(frozen=True)
class SaveRecipient:
    """Everything about somebody. `recipient_id` None: somebody new."""

    name: str
    email: str | None
    phone: str | None
    locale: str
    timezone: str
    recipient_id: int | None = None
    active: bool = True
    digest: bool = True
    digest_at: time = time(7, 30)
    alerts_email: str = "high"
    alerts_sms: str = "off"
    sms_per_day: int = 5
    quiet_from: time | None = None
    quiet_to: time | None = None


@dataclass(frozen=True)
class OfRecipient:
    recipient_id: int


@dataclass(frozen=True)
class Unsubscribe:
    """A link that was followed. `again`: he wants it after all."""

    token: str
    again: bool = False


@dataclass(frozen=True)
class Link:
    """What a link stands for, and whether it is still sent."""

    recipient: Recipient
    kind: str
    wanted: bool


@transactional
def save(session: Session, command: SaveRecipient, *, actor: Actor) -> Recipient:
    """Add or change somebody. Alerts are told from the moment on that they were asked for. Raises Invalid, NotFound."""
    values, errors = _checked(command)
    if errors:
        raise Invalid(errors)
    lock_names(session, [("notification_recipients",)])
    if command.recipient_id is None:
        found = Recipient(**values)
        session.add(found)
    else:
        found = _get(session, command.recipient_id)
        if _louder(found, values):
            found.alerts_since = datetime.now(UTC)
        for name, value in values.items():
            setattr(found, name, value)
    session.flush()
    session.refresh(found)
    return found


def _louder(found: Recipient, values: dict[str, Any]) -> bool:
    back = bool(values["active"]) and not found.active
    return back or any(
        LEVELS.index(values[name]) > LEVELS.index(getattr(found, name)) for name in ("alerts_email", "alerts_sms")
    )


def _checked(command: SaveRecipient) -> tuple[dict[str, Any], list[FieldError]]:
    values = {name: getattr(command, name) for name in command.__dataclass_fields__ if name != "recipient_id"}
    values["email"], values["phone"], errors = _addresses(command)
    if not command.name.strip():
        errors.append(FieldError("name", "blank"))
    if command.locale not in LOCALES:
        errors.append(FieldError("locale", "not_one_of", {"choices": ", ".join(LOCALES)}))
    if not is_zone(command.timezone):
        errors.append(FieldError("timezone", "unknown"))
    if (command.quiet_from is None) != (command.quiet_to is None):
        missing = "quiet_to" if command.quiet_to is None else "quiet_from"
        errors.append(FieldError(missing, "required"))
    if not 1 <= command.sms_per_day <= MOST_SMS:
        errors.append(FieldError("sms_per_day", "out_of_range", {"least": 1, "limit": MOST_SMS}))
    for name, known in (("alerts_email", LEVELS), ("alerts_sms", LEVELS[:2])):
        if getattr(command, name) not in known:
            errors.append(FieldError(name, "not_one_of", {"choices": ", ".join(known)}))
    return values, errors


def _addresses(command: SaveRecipient) -> tuple[str | None, str | None, list[FieldError]]:
    email = phone = None
    errors: list[FieldError] = []
    if command.email:
        try:
            email = border.email(command.email)
        except border.Unfit as unfit:
            errors.append(FieldError("email", unfit.code, unfit.params))
    if command.phone:
        phone = phone_number(command.phone)
        if phone is None:
            errors.append(FieldError("phone", "not_a_phone"))
    elif command.alerts_sms != "off":
        errors.append(FieldError("phone", "required"))
    elif not command.email:
        errors.append(FieldError("email", "required", {"or": "phone"}))
    return email, phone, errors


@transactional
def remove(session: Session, command: OfRecipient, *, actor: Actor) -> None:
    """Forget somebody, and what was sent to him. Raises NotFound."""
    lock_names(session, [("notification_recipients",)])
    session.delete(_get(session, command.recipient_id))


def _get(session: Session, recipient_id: int) -> Recipient:
    found = session.get(Recipient, recipient_id, populate_existing=True)
    if found is None:
        raise NotFound("recipient", recipient_id)
    return found


@dataclass(frozen=True)
class StopTelling:
    """No more of these kinds: `digest`, `alerts` (by e-mail)."""

    recipient_id: int
    kinds: tuple[str, ...] = KINDS


@transactional
def stop(session: Session, command: StopTelling, *, actor: Actor) -> Recipient:
    """Send somebody no more of it; again changes nothing. Raises NotFound."""
    lock_names(session, [("notification_recipients",)])
    found = _get(session, command.recipient_id)
    if "digest" in command.kinds:
        found.digest = False
    if "alerts" in command.kinds:
        found.alerts_email = "off"
    session.flush()
    session.refresh(found)
    return found


# --- enough of it ----------------------------------------------------------------------------------------------------


def token(recipient: Recipient, kind: str) -> str:
    """What a link in a mail to him carries. It holds as long as his address is the one that it was sent to."""
    return str(_signer().dumps([recipient.id, kind, _of(recipient)]))


def follow(session: Session, given: str) -> Link:
    """What a link stands for. Raises NotFound for one that we did not sign, or whose address is not told any more."""
    recipient, kind = _followed(session, given)
    wanted = recipient.digest if kind == "digest" else recipient.alerts_email != "off"
    return Link(recipient, kind, recipient.active and wanted)


@transactional
def unsubscribe(session: Session, command: Unsubscribe, *, actor: Actor) -> Link:
    """Send no more of this kind; again changes nothing. Raises NotFound."""
    lock_names(session, [("notification_recipients",)])
    recipient, kind = _followed(session, command.token)
    if kind == "digest":
        recipient.digest = command.again
    elif not command.again:
        recipient.alerts_email = "off"
    elif recipient.alerts_email == "off":
        recipient.alerts_email, recipient.alerts_since = "high", datetime.now(UTC)
    session.flush()
    return Link(recipient, kind, recipient.active and command.again)


def _followed(session: Session, given: str) -> tuple[Recipient, str]:
    try:
        recipient_id, kind, of = _signer().loads(given)
    except (BadSignature, ValueError, TypeError):
        raise NotFound("link", given[:20]) from None
    found = session.scalar(
        select(Recipient).where(Recipient.id == recipient_id).execution_options(populate_existing=True)
    )
    if found is None or kind not in KINDS or of != _of(found):
        raise NotFound("link", given[:20])
    return found, kind


def _of(recipient: Recipient) -> str:
    return hashlib.sha256((recipient.email or "").lower().encode()).hexdigest()[:12]


def _signer() -> URLSafeSerializer:
    if not _secret:
        raise RuntimeError("no key: recipients.configure was not called")
    return URLSafeSerializer(_secret[0], salt=SALT)
