"""Automation by clicking: first dry, then for real, then paused and said so; a summary that arrives and is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from magflow.blueprints.stock_sync import automatic_jobs
from magflow.db import db
from magflow.services.notifications import channels
from magflow.services.notifications.channels import Channels
from magflow.services.stock_sync import alerts
from tests.browser.conftest import Person
from tests.shop import ANA
from tests.stock_sync.market import emg331, make_accounts, make_listed, offer, value
from tests.stock_sync.sinks import MailSink, mail_sink, parts

pytestmark = pytest.mark.browser

RULE = "section.rule:has-text('MAIN · Automatic transfer')"


@pytest.fixture
def mails() -> Iterator[MailSink]:
    with mail_sink() as sink:
        channels.configure(Channels(sink.url))
        yield sink
        channels.configure(Channels())


def run_rule(app: Flask) -> None:
    with app.app_context():
        automatic_jobs.transfer_account(account_id=value("SELECT id FROM marketplace_accounts WHERE code = 'main'"))
        db.session.remove()


def switch(ana: Person, mode: str, most: str) -> None:
    page = ana.go("/stock-sync/automation")
    card = page.locator(RULE)
    card.locator("summary").click()
    card.locator(f"[name=mode][value={mode}]").check()
    card.locator("[name=daily_max]").fill(most)
    with page.expect_navigation():
        card.locator("button[data-save]").click()
    ana.ready()


def test_a_rule_and_a_summary(ana: Person, module_app: Flask, mails: MailSink) -> None:
    with module_app.app_context():
        make_accounts("main", "fbe")
        emg331()
        make_listed(offer("main", 0), offer("fbe", 40), sku="CAM-07", price="15.00")
        alerts.catch_up(actor=ANA)
        db.session.remove()

    # Dry: the log says what it would do, and nothing is moved.
    switch(ana, "dry_run", "1")
    run_rule(module_app)
    page = ana.go("/stock-sync/automation")
    row = page.locator("tbody tr", has_text="EMG331")
    expect(row).to_contain_text("would be done")
    expect(row).to_contain_text("10 units from FBE to MAIN; would wait for approval")

    # For real: the worst is proposed, then the day's maximum is reached, and Home says so.
    switch(ana, "on", "1")
    run_rule(module_app)
    page = ana.go("/stock-sync/automation?view=proposed")
    expect(page.locator("tbody tr")).to_have_count(1)
    ana.press("tbody a:has-text('EMG331')")
    expect(page.locator("main")).to_contain_text("suggested")
    ana.go("/")
    expect(page.locator(".flash", has_text="Automatic transfer for MAIN is paused")).to_contain_text("daily maximum")
    ana.press(".flash button:has-text('Go on')")
    expect(page.locator(".flash", has_text="is paused")).to_have_count(0)

    # Somebody is told: a summary now, as it would be in the morning.
    ana.go("/settings/notifications/new")
    page.fill("[name=name]", "Ana")
    page.fill("[name=email]", "ana@example.com")
    page.fill("[name=quiet_from]", "22:00")
    ana.press("button[data-save]")
    expect(page.locator("main")).to_contain_text("Please give a value.")
    page.fill("[name=quiet_to]", "07:00")
    ana.press("button[data-save]")
    ana.press("button:has-text('Send me a summary now')")
    with module_app.app_context():
        asked = value("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'notifications.test'")
        automatic_jobs.trial(**json.loads(asked))
        db.session.remove()
    page = ana.go("/settings/notifications")
    expect(page.locator("tbody tr", has_text="Test")).to_contain_text("Sent")
    (mail,) = mails.mails
    text, _html = parts(mail)
    assert "EMG331" in text
    assert "1 transfer waits for your approval" in text

    # Enough of it: the link leads to one button.
    ana.go(f"/unsubscribe/{mail['List-Unsubscribe'].strip('<>').rpartition('/')[2]}")
    expect(page.locator("h1")).to_have_text("No more daily summaries?")
    ana.press("button:has-text('Unsubscribe')")
    expect(page.locator("h1")).to_have_text("You get no more daily summaries")


def test_no_page_is_wider_than_a_phone(ana: Person, module_app: Flask) -> None:
    ana.page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/stock-sync/automation", "/settings/notifications", "/settings/notifications/new",
                 "/settings/notifications/1", "/settings/notifications/messages/1"):  # fmt: skip
        page = ana.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
