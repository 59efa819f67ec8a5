"""Many alerts at once, each with an outcome of its own; and the queue as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask

from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.domain.errors import Invalid
from magflow.models import Variant
from magflow.services.stock_sync import alerts, bulk_actions
from magflow.services.stock_sync.bulk_actions import Many
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA
from tests.stock_sync.market import make_listed, offer, put_offers, value

pytestmark = pytest.mark.usefixtures("accounts")


def alert_of(variant: Variant, cause: str = "zero_stock") -> int:
    alerts.catch_up(actor=SYSTEM)
    sql = "SELECT id FROM stock_alerts WHERE variant_id = :v AND cause = :c ORDER BY id DESC LIMIT 1"
    return int(value(sql, v=variant.id, c=cause))


def state(alert_id: int) -> Any:
    return value("SELECT state FROM stock_alerts WHERE id = :id", id=alert_id)


def resolved() -> int:
    """An alert whose condition is gone."""
    variant = make_listed(offer("main", 0), offer("fbe", 26))
    gone = alert_of(variant)
    put_offers([(variant, [offer("main", 9)])])
    alerts.catch_up(actor=SYSTEM)
    return gone


def act(action: Any, *ids: int, **how: Any) -> list[tuple[int, str]]:
    done = bulk_actions.act(Many(action, ids, **how), actor=ANA)
    expected = bulk_actions.expected(db.session(), action, ids)
    db.session.remove()
    assert {row.alert.id for row, _code in expected} == {outcome.alert_id for outcome in done if outcome.code != "gone"}
    return [(outcome.alert_id, outcome.code) for outcome in done]


def test_snooze_and_dismiss_leave_what_is_over_alone(app: Flask) -> None:
    first, second = (alert_of(make_listed(offer("main", 0), offer("fbe", 26))) for _n in range(2))
    gone = resolved()
    assert act("snooze", first, gone, 999_999, first, days=7) == [
        (first, "done"), (gone, "resolved"), (999_999, "gone"),
    ]  # fmt: skip
    assert (state(first), state(gone)) == ("snoozed", "resolved")
    assert act("dismiss", first, second, reason="not_worth_it") == [(first, "done"), (second, "done")]
    assert act("dismiss", second, reason="not_worth_it") == [(second, "before")]
    assert value("SELECT dismissed_reason FROM stock_alerts WHERE id = :id", id=second) == "not_worth_it"
    for how in ({"action": "snooze"}, {"action": "dismiss"}, {"action": "snooze", "days": 400}):
        with pytest.raises(Invalid):
            bulk_actions.act(Many(alert_ids=[second], **how), actor=ANA)  # type: ignore[arg-type]


def test_suggested_transfers_wait_for_a_yes(app: Flask) -> None:
    rich = [make_listed(offer("main", 0), offer("fbe", 26)) for _n in range(3)]
    ids = [alert_of(variant) for variant in rich]
    poor = alert_of(make_listed(offer("main", 0), offer("fbe", 0)))
    # In whatever order they were ticked.
    assert act("suggest", ids[2], poor, ids[0], ids[1]) == [
        (ids[2], "done"), (poor, "no_transfer"), (ids[0], "done"), (ids[1], "done"),
    ]  # fmt: skip
    sql = "SELECT string_agg(state || ' ' || amount, ',') FROM transfers WHERE alert_id = ANY (:ids)"
    assert value(sql, ids=ids) == "suggested 10,suggested 10,suggested 10"
    assert act("suggest", ids[0]) == [(ids[0], "transfer_open")]


def test_offers_are_sent_again_where_we_send_them(app: Flask) -> None:
    variant = make_listed(offer("main", 9, synced=None), offer("fbe", 26))
    stale = alert_of(variant, "stale")
    assert act("refresh", stale) == [(stale, "not_sent")]
    sql = "UPDATE marketplace_accounts SET publishing = %(on)s, credentials = %(secret)s WHERE code = 'main'"
    run(lambda session: execute(session, sql, {"on": True, "secret": "sealed"}), SYSTEM)
    try:
        for _twice in range(2):
            assert act("refresh", stale) == [(stale, "done")]
        waiting = "SELECT count(*) FROM stock_outbox b JOIN offers o ON o.id = b.offer_id WHERE o.variant_id = :v"
        assert value(waiting, v=variant.id) == 1
        assert value("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'marketplaces.publish'") == 1
    finally:
        run(lambda session: execute(session, sql, {"on": False, "secret": None}), SYSTEM)


def test_the_offer_that_is_due_is_sent_and_no_other(app: Flask) -> None:
    variant = make_listed(offer("main", 9), offer("fbe", 26, synced=None))
    due = alert_of(variant, "stale")
    sql = "UPDATE marketplace_accounts SET publishing = code = 'main' AND %(on)s, credentials = %(secret)s"
    run(lambda session: execute(session, sql, {"on": True, "secret": "sealed"}), SYSTEM)
    try:
        for _twice in range(2):
            assert act("refresh", due) == [(due, "done")]
        waiting = "SELECT count(*) FROM stock_outbox b JOIN offers o ON o.id = b.offer_id WHERE o.variant_id = :v"
        assert value(waiting, v=variant.id) == 0  # MAIN was sent an hour ago
        asked = "SELECT string_agg(args ->> 'variant_ids', ',') FROM procrastinate_jobs WHERE task_name = :task"
        assert value(asked, task="automation.refresh_once") == f"[{variant.id}]"
    finally:
        run(lambda session: execute(session, sql, {"on": False, "secret": None}), SYSTEM)


@pytest.fixture(scope="module")
def owner(module_app: Flask) -> Clerk:
    return Clerk(module_app, "owner")


def test_the_pages_say_before_and_after_what_becomes_of_each(owner: Clerk, module_app: Flask, app: Flask) -> None:
    variant = make_listed(offer("main", 0), offer("fbe", 26), sku="TICKED")
    first, gone = alert_of(variant), resolved()
    db.session.remove()
    chosen = owner.send("/stock-sync/alerts/bulk", rowid=[first, gone], action="dismiss", url="/stock-sync?view=high")
    assert chosen.status_code == 303
    said = words(owner.get(chosen.headers["Location"]))
    assert "1 of the selected alerts changes" in said
    assert "resolved meanwhile: its condition is gone" in said
    without = owner.send("/stock-sync/alerts/bulk/dismiss", ids=f"{first}-{gone}")
    assert without.status_code == 422
    done = owner.send(
        "/stock-sync/alerts/bulk/dismiss", ids=f"{first}-{gone}", reason="discontinued", back="//evil.example"
    )
    assert done.status_code == 303
    assert "evil" not in done.headers["Location"]
    said = words(owner.get(done.headers["Location"]))
    assert "1 done, 1 left as they were" in said
    assert "left as it was resolved meanwhile" in said
    assert state(first) == "dismissed"
    second = alert_of(make_listed(offer("main", 0), offer("fbe", 26)))
    db.session.remove()
    asleep = owner.send("/stock-sync/alerts/bulk/snooze", ids=str(second), **{"for": "stock"})
    assert asleep.status_code == 303
    assert value("SELECT snoozed_stocks IS NOT NULL FROM stock_alerts WHERE id = :id", id=second)
    nothing = owner.send("/stock-sync/alerts/bulk", action="snooze")
    assert nothing.headers["Location"] == "/stock-sync"
    assert owner.browser.get("/stock-sync/alerts/bulk/explode").status_code == 404
    viewer = Clerk(module_app, "viewer")
    assert viewer.browser.get(f"/stock-sync/alerts/bulk/snooze?ids={first}").status_code == 403


def test_the_queue_as_a_file(owner: Clerk, app: Flask) -> None:
    alert_of(make_listed(offer("main", 0), offer("fbe", 26), sku="=FILED"))
    db.session.remove()
    answer = owner.browser.get("/stock-sync/alerts.csv?q=%3DFILED")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="alerts.csv"'
    [row] = csv.DictReader(io.StringIO(answer.get_data(as_text=True)))
    assert (row["sku"], row["cause"], row["priority"], row["accounts"]) == ("'=FILED", "zero_stock", "high", "main")
    assert (row["recommendation"], row["from_account"], row["to_account"], row["amount"]) == (
        "stock_transfer", "fbe", "main", "10",
    )  # fmt: skip
    assert (
        list(csv.reader(io.StringIO(owner.browser.get("/stock-sync/alerts.csv?q=NONE").get_data(as_text=True))))[1:]
        == []
    )


def test_a_snooze_can_be_taken_back_at_once(owner: Clerk, app: Flask) -> None:
    first = alert_of(make_listed(offer("main", 0), offer("fbe", 26)))
    db.session.remove()
    asleep = owner.send(f"/stock-sync/alerts/{first}/snooze", **{"for": "1"}, back="/stock-sync?view=high")
    assert asleep.headers["Location"] == f"/stock-sync?view=high&undo={first}"
    days = (
        "SELECT round(extract(epoch FROM snoozed_until - clock_timestamp()) / 86400) FROM stock_alerts WHERE id = :id"
    )
    assert value(days, id=first) == 1
    assert f'action="/stock-sync/alerts/{first}/reopen"' in owner.get(asleep.headers["Location"])
    owner.send(f"/stock-sync/alerts/{first}/reopen", back="/stock-sync")
    assert state(first) == "open"
