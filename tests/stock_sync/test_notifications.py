"""Mails and short messages: the right words to the right person, once, over real protocols."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from email.header import decode_header, make_header
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from magflow.blueprints.stock_sync import automatic_jobs
from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.domain.errors import Invalid
from magflow.models import Recipient, Variant
from magflow.services.notifications import channels, collecting, recipients, sending
from magflow.services.notifications.channels import Channels
from magflow.services.notifications.collecting import NewMessage
from magflow.services.notifications.recipients import OfRecipient, SaveRecipient
from magflow.services.notifications.sending import OfMessage, StillWaiting, Surroundings
from magflow.services.stock_sync import alerts
from tests.shop import ANA
from tests.stock_sync.market import make_listed, offer, put_offers, value
from tests.stock_sync.sinks import MailSink, SmsSink, mail_sink, parts, sms_sink

pytestmark = pytest.mark.usefixtures("accounts")

BASE = "https://magflow.shop.example"


def sql(statement: str, **given: Any) -> None:
    run(lambda session: execute(session, statement, given), SYSTEM)


@pytest.fixture
def mails(app: Flask) -> Iterator[MailSink]:
    """A mail server; nobody is told yet, and nothing is wrong."""
    with mail_sink() as sink:
        channels.configure(Channels(sink.url))
        sql("DELETE FROM notification_recipients")
        sql("UPDATE offers SET stock = 50, number_of_offers = 1, last_synced_at = clock_timestamp()")
        alerts.catch_up(actor=ANA)
        sending.surround(Surroundings(BASE, "shop@example.com"), actor=ANA)
        yield sink
        channels.configure(Channels())


@pytest.fixture
def gateway(mails: MailSink) -> Iterator[SmsSink]:
    with sms_sink() as sink:
        channels.configure(Channels(mails.url, sink.url, "gateway-token", None, (f"127.0.0.1:{sink.port}",)))
        yield sink


def person(name: str = "Ana", **fields: Any) -> Recipient:
    given: dict[str, Any] = {"email": f"{name.lower()}@example.com", "phone": None, "locale": "en",
                             "timezone": "Europe/Bucharest", "digest": False, **fields}  # fmt: skip
    return recipients.save(SaveRecipient(name, **given), actor=ANA)


def short(sku: str, **fields: Any) -> Variant:
    variant = make_listed(offer("main", 0), offer("fbe", 26), sku=sku, **fields)
    alerts.catch_up(actor=ANA)
    return variant


def pass_by(minutes: int) -> None:
    """So much later: what was made was made so long ago."""
    for column in ("created_at", "sent_at", "next_at"):
        sql(f"UPDATE notification_messages SET {column} = {column} - make_interval(mins => %(m)s)", m=minutes)


def states() -> list[tuple[str, str]]:
    with db.engine.connect() as connection:
        from sqlalchemy import text

        rows = connection.execute(text("SELECT state, coalesce(error, '') FROM notification_messages ORDER BY id"))
        return [(str(state), str(error)) for state, error in rows]


def subject(mail: Any) -> str:
    return str(make_header(decode_header(mail["Subject"])))


def test_an_alert_is_told_at_once_and_once(mails: MailSink) -> None:
    person(alerts_email="high")
    automatic_jobs.tell()
    assert mails.mails == []
    short("TOLD-1", price="50.00")
    automatic_jobs.tell()
    automatic_jobs.tell()
    (mail,) = mails.mails
    assert subject(mail) == "TOLD-1: MAIN is at 0, 1 other seller · MagFlow"
    assert (mail["To"], mail["From"]) == ("Ana <ana@example.com>", "MagFlow <shop@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = parts(mail)
    assert "* TOLD-1 · MAIN is at 0, 1 other seller" in text
    assert "Bring 10 units from FBE to MAIN." in text
    assert f"{BASE}/stock-sync/products/" in text
    assert "<b><a href=" in html
    # What comes within ten minutes is collected; what is over before is not told at all.
    short("TOLD-2")
    gone = short("TOLD-3")
    automatic_jobs.tell()
    assert len(mails.mails) == 1
    put_offers([(gone, [offer("main", 50)])])
    alerts.catch_up(actor=ANA)
    pass_by(10)
    short("TOLD-4")
    automatic_jobs.tell()
    assert len(mails.mails) == 2
    assert subject(mails.mails[1]).startswith("2 new alerts · TOLD-")
    assert "TOLD-3" not in parts(mails.mails[1])[0]
    pass_by(60)
    automatic_jobs.tell()
    assert len(mails.mails) == 2


def test_a_day_later_there_is_one_reminder(mails: MailSink) -> None:
    person(alerts_email="high")
    short("LATER-1")
    automatic_jobs.tell()
    pass_by(24 * 60 - 1)
    automatic_jobs.tell()
    assert len(mails.mails) == 1
    for _twice in range(2):
        pass_by(60)
        automatic_jobs.tell()
    assert len(mails.mails) == 2
    assert parts(mails.mails[1])[0].startswith("1 alert is still open")


def test_what_was_open_before_and_what_is_less_grave_is_not_told(mails: MailSink) -> None:
    short("BEFORE-1")
    person(alerts_email="high")
    make_listed(offer("main", 3), offer("fbe", 50), sku="LOW-1")
    alerts.catch_up(actor=ANA)
    automatic_jobs.tell()
    assert mails.mails == []
    bob = person("Bob", alerts_email="medium")
    make_listed(offer("main", 3), offer("fbe", 50), sku="LOW-2")
    alerts.catch_up(actor=ANA)
    automatic_jobs.tell()
    assert [mail["To"] for mail in mails.mails] == [f"Bob <{bob.email}>"]


def test_quiet_hours_hold_everything_back(mails: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    person(alerts_email="high", quiet_from=time(22), quiet_to=time(7))
    short("NIGHT-1")
    short("NIGHT-2")
    today = datetime.now(UTC).date() + timedelta(days=1)
    moment = datetime.combine(today, time(1, 30), UTC)
    monkeypatch.setattr(automatic_jobs, "clock", lambda: moment)
    automatic_jobs.tell()
    assert mails.mails == []
    while collecting.quiet_until(moment, "Europe/Bucharest", time(22), time(7)) is not None:
        moment += timedelta(minutes=1)
        assert mails.mails == []
    automatic_jobs.tell()
    assert subject(mails.mails[0]).startswith("2 new alerts")


@pytest.mark.parametrize(
    ("locale", "title", "counts", "cause", "stop"),
    [
        ("en", "Your daily summary", "2 high, 1 medium · MagFlow", "is at 0", "No more summaries"),
        ("ro", "Rezumatul tău zilnic", "2 ridicate, 1 medie · MagFlow", "este la 0", "Fără rezumate"),
        ("it", "Il tuo riepilogo giornaliero", "2 alte, 1 media · MagFlow", "è a 0", "Niente più riepiloghi"),
    ],
)
def test_the_summary_in_three_languages(
    mails: MailSink, locale: str, title: str, counts: str, cause: str, stop: str
) -> None:
    someone = person("Țuțu", email="tutu@example.com", locale=locale, digest=True)
    sql("UPDATE stock_alerts SET state = 'resolved', resolved_at = clock_timestamp() WHERE resolved_at IS NULL")
    short(f"SUM-{locale}-1", price="1234.50")
    short(f"SUM-{locale}-2")
    make_listed(offer("main", 3), offer("fbe", 50), sku=f"SUM-{locale}-3")
    alerts.catch_up(actor=ANA)
    automatic_jobs.trial(recipient_id=someone.id, channel="email", key="test:1")
    automatic_jobs.trial(recipient_id=someone.id, channel="email", key="test:1")
    (mail,) = mails.mails
    text, html = parts(mail)
    assert subject(mail) == counts
    assert mail["Content-Language"] == locale
    assert text.startswith(title)
    for part in (cause, stop, f"SUM-{locale}-1", "1,234.50" if locale == "en" else "1.234,50"):
        assert part in text, part
        assert part in html, part
    assert f'<html lang="{locale}">' in html
    assert "%(" not in text
    assert "Țuțu" in text
    assert not re.search(r'(src|href)="(?!https://magflow\.shop\.example)', html), "nothing is loaded from anywhere"


def test_the_summary_comes_once_a_day_whoever_makes_it(
    app: Flask, mails: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = person(digest=True, digest_at=time(7, 30), alerts_email="off")
    short("DAILY-1")
    day = collecting.local_day(datetime.now(UTC), someone.timezone) + timedelta(days=1)
    moment = datetime(day.year, day.month, day.day, 0, 0, tzinfo=UTC)
    monkeypatch.setattr(automatic_jobs, "clock", lambda: moment)
    automatic_jobs.tell()
    assert mails.mails == []
    moment += timedelta(hours=6)

    def work() -> None:
        with app.app_context():
            automatic_jobs.tell()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    automatic_jobs.tell()
    assert len(mails.mails) == 1
    assert states() == [("sent", "")]


def test_who_came_after_the_hour_has_the_first_summary_the_next_day(mails: MailSink) -> None:
    an_hour_ago = (datetime.now(ZoneInfo("Europe/Bucharest")) - timedelta(hours=1)).time()
    came = person(digest=True, digest_at=an_hour_ago.replace(microsecond=0, tzinfo=None)).created_at
    same_day = collecting.due(db.session(), came + timedelta(minutes=5))
    next_day = collecting.due(db.session(), came + timedelta(hours=23, minutes=30))
    db.session.remove()
    assert (same_day, [one.kind for one in next_day]) == ([], ["digest"])


def test_nothing_to_say_is_not_said(mails: MailSink) -> None:
    someone = person(digest=True)
    sql("UPDATE stock_alerts SET state = 'resolved', resolved_at = clock_timestamp() WHERE resolved_at IS NULL")
    sql("DELETE FROM automation_entries")
    due = collecting.Due(someone, "email", "digest", "digest:2026-01-01")
    assert collecting.keep(automatic_jobs.write(due), actor=ANA) is None
    automatic_jobs.send()
    assert mails.mails == []
    assert states() == [("empty", "")]


def test_two_workers_send_a_message_once(app: Flask, mails: MailSink) -> None:
    for n in range(3):
        person(f"P{n}", alerts_email="high")
    short("TWICE-1")

    def work() -> None:
        with app.app_context():
            automatic_jobs.tell()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    automatic_jobs.tell()
    assert sorted(mail["To"] for mail in mails.mails) == [f"P{n} <p{n}@example.com>" for n in range(3)]


def test_an_alert_belongs_to_one_message(mails: MailSink) -> None:
    someone = person(alerts_email="high")
    short("ONE-1")
    short("ONE-2")
    collecting.note(actor=ANA)
    (due,) = collecting.due(db.session(), datetime.now(UTC))
    db.session.remove()
    first, second = (
        NewMessage(someone.id, "email", "alerts", f"alerts:{key}", "S", "B", notes=notes)
        for key, notes in (("a", due.notes[:1]), ("b", due.notes))
    )
    assert collecting.keep(first, actor=ANA) is not None
    assert collecting.keep(second, actor=ANA) is None
    assert states() == [("waiting", "")]


def test_who_is_switched_off_meanwhile_is_not_written_to(mails: MailSink) -> None:
    someone = person(alerts_email="high")
    short("OFF-1")
    mails.answers["RCPT"] = "451 later"
    automatic_jobs.tell()
    mails.answers.clear()
    off = SaveRecipient("Ana", email="ana@example.com", phone=None, locale="en", timezone="Europe/Bucharest",
                        active=False, recipient_id=someone.id)  # fmt: skip
    recipients.save(off, actor=ANA)
    pass_by(1)
    automatic_jobs.send()
    assert (mails.mails, states()) == ([], [("failed", "no_address")])


def test_what_surely_did_not_arrive_is_tried_again(mails: MailSink) -> None:
    person(alerts_email="high")
    short("AGAIN-1")
    mails.answers["RCPT"] = "451 later"
    automatic_jobs.tell()
    assert states() == [("waiting", "451 later")]
    automatic_jobs.tell()
    assert mails.mails == []
    mails.answers.clear()
    pass_by(1)
    automatic_jobs.tell()
    assert len(mails.mails) == 1
    assert states() == [("sent", "")]


def test_what_is_refused_for_good_waits_for_a_person(mails: MailSink) -> None:
    person(alerts_email="high")
    short("NEVER-1")
    mails.answers["RCPT"] = "550 nobody here"
    automatic_jobs.tell()
    assert states() == [("failed", "550 nobody here")]
    pass_by(24 * 60)
    mails.answers.clear()
    automatic_jobs.send()
    assert mails.mails == []
    message = value("SELECT id FROM notification_messages")
    sending.again(OfMessage(message), actor=ANA)
    automatic_jobs.send()
    assert len(mails.mails) == 1
    with pytest.raises(StillWaiting):
        sending.again(OfMessage(message), actor=ANA)
    # A month later its words are forgotten: there is nothing to send.
    sql("UPDATE notification_messages SET state = 'failed', body = '', html = NULL")
    with pytest.raises(StillWaiting):
        sending.again(OfMessage(message), actor=ANA)


def test_what_may_have_arrived_is_not_sent_again_by_itself(mails: MailSink) -> None:
    person(alerts_email="high")
    short("MAYBE-1")
    mails.mute = True
    automatic_jobs.tell()
    pass_by(24 * 60)
    automatic_jobs.send()
    assert len(mails.mails) == 1
    assert states()[0][0] == "unsure"
    # A worker that died while it sent.
    sql("UPDATE notification_messages SET state = 'sending', lease_until = clock_timestamp() - interval '1 second'")
    automatic_jobs.send()
    assert len(mails.mails) == 1
    assert states() == [("unsure", "the worker stopped while it was sent")]


def test_no_server_and_nobody_there(mails: MailSink) -> None:
    someone = person(alerts_email="high")
    channels.configure(Channels("smtp://user:top-secret@127.0.0.1:1"))
    assert "top-secret" not in f"{channels.configured()!r} {channels.smtp_host()}"
    automatic_jobs.trial(recipient_id=someone.id, channel="email", key="test:1")
    assert states()[0][0] == "waiting"
    assert "top-secret" not in states()[0][1]
    channels.configure(Channels())
    automatic_jobs.trial(recipient_id=someone.id, channel="email", key="test:2")
    assert states()[1] == ("failed", "smtp_not_set")


def test_short_messages(gateway: SmsSink, mails: MailSink) -> None:
    person(email=None, phone="0040 722 123 456", alerts_sms="high", alerts_email="off", locale="ro", sms_per_day=1)
    short("SMS-1")
    automatic_jobs.tell()
    (call,) = gateway.calls
    assert call["body"]["to"] == "+40722123456"
    assert call["body"]["text"].startswith("MagFlow: SMS-1: MAIN este la 0")
    assert call["body"]["text"].endswith(f"{BASE}/stock-sync")
    assert call["headers"]["Authorization"] == "Bearer gateway-token"
    # One a day is enough, he said.
    short("SMS-2")
    pass_by(15)
    automatic_jobs.tell()
    assert len(gateway.calls) == 1
    assert mails.mails == []


def test_a_gateway_in_trouble_and_one_that_takes_forms(gateway: SmsSink) -> None:
    bob = person("Bob", email=None, phone="+40722000111", alerts_email="off")
    gateway.status = 503
    automatic_jobs.trial(recipient_id=bob.id, channel="sms", key="test:1")
    assert states() == [("waiting", "HTTP 503")]
    pass_by(1)
    gateway.status = 500
    automatic_jobs.send()
    assert states() == [("unsure", "HTTP 500")]
    gateway.status = 200
    allowed = (f"127.0.0.1:{gateway.port}",)
    channels.configure(Channels(None, gateway.url, None, "phone={to}&msg={text}&key=a%26b", allowed))
    automatic_jobs.trial(recipient_id=bob.id, channel="sms", key="test:2")
    assert gateway.calls[-1]["body"].startswith("phone=%2B40722000111&msg=MagFlow%3A+this+is+a+test.")
    assert gateway.calls[-1]["body"].endswith("&key=a%26b")
    channels.configure(Channels(None, gateway.url))
    automatic_jobs.trial(recipient_id=bob.id, channel="sms", key="test:3")
    assert states()[-1] == ("failed", "address_not_https")


def test_one_click_unsubscribes(app: Flask, mails: MailSink) -> None:
    someone = person(digest=True, alerts_email="high")
    automatic_jobs.trial(recipient_id=someone.id, channel="email", key="test:1")
    mail = mails.mails[0]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = mail["List-Unsubscribe"].strip("<>")
    assert address.startswith(f"{BASE}/unsubscribe/")
    assert address in parts(mail)[0]
    path = address.removeprefix(BASE)
    program = app.test_client()
    page = program.get(path)
    assert page.status_code == 200
    assert "No more daily summaries?" in page.text
    assert _digest_of(someone), "looking changes nothing: programs follow every link"
    for _twice in range(2):
        done = program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert "You get no more daily summaries" in done.text
    assert not _digest_of(someone)
    assert value("SELECT alerts_email FROM notification_recipients WHERE id = :i", i=someone.id) == "high"
    assert program.post(f"{path}/again").status_code == 200
    assert _digest_of(someone)
    assert program.post(path[:-2] + "xx").status_code == 404
    # Whoever has the address now did not get that mail.
    recipients.save(_as_it_is(someone, email="new@example.com"), actor=ANA)
    assert program.post(path).status_code == 404
    assert _digest_of(someone)


def _digest_of(someone: Recipient) -> bool:
    return bool(value("SELECT digest FROM notification_recipients WHERE id = :i", i=someone.id))


def _as_it_is(someone: Recipient, **changed: Any) -> SaveRecipient:
    names = [name for name in SaveRecipient.__dataclass_fields__ if name != "recipient_id"]
    return SaveRecipient(recipient_id=someone.id, **{name: getattr(someone, name) for name in names} | changed)


def test_who_cannot_be_told(app: Flask) -> None:
    def refused(**fields: Any) -> list[tuple[str, str]]:
        with pytest.raises(Invalid) as caught:
            person(**fields)
        return [(error.field, error.code) for error in caught.value.errors]

    assert refused(name=" ", email=None) == [("email", "required"), ("name", "blank")]
    assert refused(email="no address") == [("email", "not_an_email")]
    assert refused(phone="12") == [("phone", "not_a_phone")]
    assert refused(alerts_sms="high") == [("phone", "required")]
    assert refused(timezone="Mars/Olympus", locale="de") == [("locale", "not_one_of"), ("timezone", "unknown")]
    assert refused(quiet_from=time(22)) == [("quiet_to", "required")]
    assert refused(email="a@example.com\r\nBcc: b@example.com") == [("email", "control_characters")]
    made = person("Gone")
    recipients.remove(OfRecipient(made.id), actor=ANA)
    assert value("SELECT count(*) FROM notification_recipients WHERE id = :i", i=made.id) == 0
