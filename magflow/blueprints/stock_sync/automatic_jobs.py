"""What the worker does by itself where it was switched on, and the mails and messages that it sends."""

import logging
from typing import Final
from urllib.parse import urlsplit

from flask import current_app

from magflow.blueprints.stock_sync import letters
from magflow.db import db
from magflow.domain.errors import NotFound, Refused
from magflow.marketplaces.errors import MarketplaceError
from magflow.queries import automation, notifications, stock_alerts
from magflow.queries.notifications import Person
from magflow.services.automation import carrying, refresh, rules
from magflow.services.automation.rules import OfRule
from magflow.services.jobs import Task, actor, pause_point
from magflow.services.notifications import collecting, recipients, sending
from magflow.services.notifications.collecting import Due, NewMessage
from magflow.services.offers import clock
from magflow.web.locale import speaking

log = logging.getLogger(__name__)


# --- rules -----------------------------------------------------------------------------------------------------------


def refresh_all() -> None:
    """Give every account whose refresh is on its job."""
    for account_id in _active("refresh"):
        rules.ask(OfRule(account_id, "refresh"), actor=actor())


def transfer_all() -> None:
    """The same for transfers."""
    for account_id in _active("transfer"):
        rules.ask(OfRule(account_id, "transfer"), actor=actor())


def _active(rule: str) -> list[int]:
    found = automation.active(db.session(), rule)
    db.session.remove()
    return found


def refresh_account(*, account_id: int) -> None:
    """Send a portion of an account's stale offers again; trouble at the marketplace is no failure of ours."""
    try:
        refresh.run(account_id, actor=actor())
    except (MarketplaceError, Refused) as error:
        log.warning("refresh not finished", extra={"account": account_id, "error": str(error)})


def refresh_once(*, account_id: int, variant_ids: list[int] | None = None) -> None:
    """Send an account's stale offers again, all of them or of these variants, because somebody asked for it."""
    try:
        while refresh.run(account_id, by_person=True, only=variant_ids, actor=actor()):
            pause_point()
    except (MarketplaceError, Refused) as error:
        log.warning("refresh not finished", extra={"account": account_id, "error": str(error)})


def transfer_account(*, account_id: int) -> None:
    """Decide on an account's alerts of high priority."""
    try:
        carrying.run(account_id, actor=actor())
    except NotFound:
        log.info("account gone", extra={"account": account_id})


def settle_refreshes() -> None:
    """Write down what became of the offers that were given to the outbox."""
    waiting = automation.waiting(db.session())
    db.session.remove()
    for account_id in waiting:
        refresh.settle(OfRule(account_id, "refresh"), actor=actor())


# --- messages --------------------------------------------------------------------------------------------------------


def tell() -> None:
    """Note the alerts that are new, make the messages that are due, send those that wait."""
    collecting.note(actor=actor())
    due = collecting.due(db.session(), clock())
    for one in due:
        pause_point()
        made = write(one)
        db.session.remove()
        collecting.keep(made, actor=actor())
    db.session.remove()
    send()


def send() -> None:
    """Send what waits."""
    sending.work(actor=actor())


def trial(*, recipient_id: int, channel: str, key: str) -> None:
    """Send somebody one now, as it would be."""
    try:
        person = notifications.recipient(db.session(), recipient_id)
    except NotFound:
        return
    made = write(Due(person, channel, "test", key))
    db.session.remove()
    collecting.keep(made, actor=actor())
    send()


def write(due: Due) -> NewMessage:
    """A message in the words of whoever gets it. A digest with nothing to say has no body."""
    session, person = db.session(), due.recipient
    base = sending.base_url(session)
    domain = urlsplit(base).hostname or "magflow.invalid"
    currency = current_app.config["MAGFLOW"].currency
    with speaking(person.locale):
        if due.channel == "sms":
            said = letters.trial_sms() if due.kind == "test" else _sms(due, base)
            return NewMessage(person.id, "sms", due.kind, due.key, "", said, None, due.notes, domain)
        if due.kind == "alerts":
            rows = stock_alerts.alert_rows(session, due.alerts[: letters.SHOWN])
            letter = letters.alerts_letter(
                rows, len(due.alerts) - len(rows), person, base, _stop(person, "alerts", base), reminder=due.reminder,
                currency=currency,
            )  # fmt: skip
        else:
            now = clock()
            found = notifications.digest(session, now)
            if found.empty and due.kind == "digest":
                return NewMessage(person.id, "email", due.kind, due.key, "", "")
            letter = letters.digest_letter(found, person, base, _stop(person, "digest", base), now, currency)
        html, text = letters.html(letter), letters.text(letter)
        return NewMessage(person.id, "email", due.kind, due.key, letter.subject, text, html, due.notes, domain)


def _sms(due: Due, base: str) -> str:
    rows = stock_alerts.alert_rows(db.session(), due.alerts[:3])
    return letters.alerts_sms(rows, len(due.alerts) - len(rows), base)


def _stop(person: Person, kind: str, base: str) -> str:
    return f"{base}/unsubscribe/{recipients.token(person, kind)}"


def sweep() -> None:
    """Forget the log of automation after three months, and the words of messages after one."""
    counts = {"entries": rules.forget_old(actor=actor()), "messages": collecting.forget_old(actor=actor())}
    log.info("forgotten", extra=counts)


TASKS: Final = (
    # At odd minutes, where not everybody else's programs ask the marketplace too.
    Task("automation.refresh", refresh_all, cron="7,19,31,43,53 * * * *", pauses=()),
    Task("automation.transfers", transfer_all, cron="*/2 * * * * 29", pauses=()),
    Task("automation.settle", settle_refreshes, cron="* * * * * 47", pauses=()),
    Task(rules.RUN_TASKS["refresh"], refresh_account, pauses=()),
    Task(refresh.ONCE_TASK, refresh_once, pauses=()),
    Task(rules.RUN_TASKS["transfer"], transfer_account, pauses=(20,)),
    Task("automation.sweep", sweep, cron="29 3 * * *"),
    Task("notifications.tell", tell, cron="* * * * * */15", pauses=()),
    Task(collecting.SEND_TASK, send, pauses=()),
    Task(collecting.TEST_TASK, trial, pauses=()),
)
