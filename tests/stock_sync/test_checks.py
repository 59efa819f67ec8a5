"""Check now, when everything was last checked, and what is due sent again because somebody asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from magflow.blueprints.stock_sync import check_pages, jobs
from magflow.concurrency import execute, run
from magflow.db import db
from magflow.domain.actors import SYSTEM
from magflow.queries import home, stock_alerts
from magflow.services.stock_sync import checking
from tests.api.conftest import Program
from tests.shop import ANA
from tests.stock_sync.market import NOW, emg331, make_listed, offer, value
from tests.web.conftest import Browser, make_user, signed_in

pytestmark = pytest.mark.usefixtures("accounts")


def sql(statement: str) -> None:
    run(lambda session: execute(session, statement), SYSTEM)


@pytest.fixture(autouse=True)
def nothing_looked_at(app: Flask) -> None:
    """What other tests left is as if it had never been looked at."""
    sql("DELETE FROM stock_alerts")
    sql("DELETE FROM stock_sync_passes")
    sql("DELETE FROM procrastinate_jobs")


def asked() -> set[str]:
    with db.engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT task_name FROM procrastinate_jobs").scalars())


def test_a_check_looks_at_everything_and_says_when(app: Flask, program: Program) -> None:
    emg331()
    db.session.rollback()
    data = program.data("POST", "/stock-sync/check", {"read": False})
    assert data["variants"] >= 1 and data["opened"] >= 2 and data["closed"] == 0
    assert data["reading"] == [] and data["checked_at"].endswith("Z")
    last = program.call("GET", "/stock-sync/dashboard/summary").json["meta"]["last_check"]
    assert (last["checked_at"], last["opened"]) == (data["checked_at"], data["opened"])
    again = program.data("POST", "/stock-sync/check")
    assert (again["opened"], again["changed"], again["closed"]) == (0, 0, 0)
    assert again["id"] > data["id"]


def test_the_worker_notes_its_passes_and_old_ones_are_forgotten(app: Flask) -> None:
    make_listed(offer("main", 0), offer("fbe", 26))
    assert stock_alerts.last_pass(db.session()) is None
    db.session.rollback()
    jobs.look_at_all()
    last = stock_alerts.last_pass(db.session())
    assert last is not None and last.opened >= 1 and last.ended_at >= last.began_at
    db.session.rollback()
    sql("UPDATE stock_sync_passes SET began_at = began_at - interval '31 days'")
    sql("UPDATE stock_sync_passes SET ended_at = began_at")
    jobs.look_at_all()
    assert value("SELECT count(*) FROM stock_sync_passes") == 1


def test_a_large_shop_is_finished_by_a_worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_listed(offer("main", 0), offer("fbe", 26))
    make_listed(offer("main", 0), offer("fbe", 26))
    monkeypatch.setattr("magflow.services.stock_sync.alerts.TOGETHER", 1)
    monkeypatch.setattr(checking, "WAITED", -1.0)
    done = checking.check(checking.CheckNow(read=False), actor=ANA)
    assert done.finished is None
    assert done.looked.variants == 1
    assert "stock_sync.look_at_all" in asked()
    assert value("SELECT count(*) FROM stock_sync_passes") == 0


def test_when_the_next_check_is() -> None:
    at = datetime(2026, 3, 5, 14, 5, tzinfo=UTC)
    assert check_pages.next_check(at) == datetime(2026, 3, 5, 14, 23, tzinfo=UTC)
    assert check_pages.next_check(at + timedelta(minutes=18)) == datetime(2026, 3, 5, 15, 23, tzinfo=UTC)


def test_what_is_due_is_sent_again_for_whoever_asks(app: Flask, program: Program) -> None:
    make_listed(offer("main", 9, 1, synced=NOW - timedelta(days=8)), offer("fbe", 9, 1))
    program.data("POST", "/stock-sync/check", {"read": False})
    assert program.data("POST", "/stock-sync/refresh/MAIN", status=202) == {"account": "main", "due": value(
        "SELECT count(*) FROM stock_alerts WHERE cause = 'stale'")}  # fmt: skip
    assert "automation.refresh_once" in asked()
    program.refused("POST", "/stock-sync/refresh/nowhere", status=404, code="not_found")


def test_home_has_the_accounts_and_the_check(app: Flask) -> None:
    owner = signed_in(app, make_user(app))
    make_listed(offer("main", 0), offer("fbe", 26))
    page = owner.get("/").get_data(as_text=True)
    assert "Not everything was checked yet" in page and 'action="/stock-sync/check"' in page
    token = {"csrf_token": owner.token("/"), "back": "/"}
    landed = owner.client.post("/stock-sync/check", data=token, headers={"Sec-Fetch-Site": "same-origin"})
    assert (landed.status_code, landed.location) == (303, "/")
    page = owner.get("/").get_data(as_text=True)
    assert "Everything was checked" in page and "opened, 0 closed." in page
    assert 'id="accounts"' in page and "eMAG MAIN" in page


def test_viewers_see_when_and_cannot_ask(app: Flask) -> None:
    viewer = signed_in(app, make_user(app, "viewer"))
    assert 'action="/stock-sync/check"' not in viewer.get("/").get_data(as_text=True)
    assert isinstance(viewer, Browser)


def test_the_accounts_of_home_are_one_statement(app: Flask, statements: list[str]) -> None:
    db.session.rollback()
    statements.clear()
    assert {account.code for account in home.accounts(db.session())} == {"main", "fbe"}
    assert home.to_ship(db.session()) == (0, 0)
    assert len(statements) == 2
