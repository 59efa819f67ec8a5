"""A request that changes something comes from our own pages, or it is turned away and nothing is changed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask import Flask

from magflow.web.permissions import access_table
from tests.web.conftest import Browser, make_user, signed_in
from tests.web.test_access import address

GOOD = {"Sec-Fetch-Site": "same-origin"}

FORGED: list[tuple[str, dict[str, str], bool]] = [
    ("no token", GOOD, False),
    ("cross-site", {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, True),
    ("same-site", {"Sec-Fetch-Site": "same-site"}, True),
    ("foreign origin", {"Origin": "https://evil.example"}, True),
    ("null origin", {"Origin": "null"}, True),
    ("other port", {"Origin": "http://localhost:8080"}, True),
    ("nothing said", {}, True),
]


def state(owner: psycopg.Connection) -> list[Any]:
    return owner.execute(
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM api_tokens), (SELECT count(*) FROM user_sessions), "
        "(SELECT count(*) FROM products), (SELECT count(*) FROM orders), (SELECT count(*) FROM imports), "
        "(SELECT count(*) FROM audit_log WHERE action NOT LIKE '%.%'), "
        "(SELECT string_agg(role || active || coalesce(locale, '') || password_hash, ',' ORDER BY id) FROM users)"
    ).fetchall()


@pytest.mark.parametrize(("variant", "headers", "with_token"), FORGED, ids=[name for name, _, _ in FORGED])
def test_a_forged_request_changes_nothing(module_app: Flask, owner, variant, headers, with_token):
    browser = signed_in(module_app, make_user(module_app))
    token = browser.token("/settings/profile")
    before = state(owner)
    tried = 0
    for cell in access_table(module_app):
        if cell.method == "GET" or cell.rule.startswith("/api/"):
            continue
        tried += 1
        data = {"csrf_token": token} if with_token else {}
        answer = browser.client.open(address(module_app, cell), method=cell.method, data=data, headers=headers)
        # What comes with a signature of its own is no form; without a good one it is turned away as well.
        proves_itself = getattr(module_app.view_functions[cell.endpoint], "proves_itself", False)
        assert answer.status_code in ({401, 404} if proves_itself else {400}), (cell.rule, answer.status_code)
    assert tried > 20
    assert state(owner) == before
    assert browser.get("/").status_code == 200


def test_the_token_of_somebody_else_is_no_token(site: Flask):
    mine, theirs = signed_in(site, make_user(site)), signed_in(site, make_user(site))
    data = {"csrf_token": theirs.token("/settings/profile")}
    assert mine.client.post("/sign-out", data=data, headers=GOOD).status_code == 400
    assert mine.get("/").status_code == 200


def test_an_old_browser_that_sends_an_origin_is_let_in(site: Flask):
    browser = signed_in(site, make_user(site))
    data = {"csrf_token": browser.token("/settings/profile")}
    assert browser.client.post("/sign-out", data=data, headers={"Origin": "http://localhost"}).status_code == 303


def test_scripts_send_the_token_in_a_header(site: Flask):
    browser = signed_in(site, make_user(site))
    headers = {**GOOD, "X-CSRF-Token": browser.token("/settings/profile")}
    assert browser.client.post("/sign-out", headers=headers).status_code == 303


def test_looking_changes_nothing(module_app: Flask, owner):
    browser = signed_in(module_app, make_user(module_app))
    before = state(owner)
    for cell in access_table(module_app):
        if cell.method == "GET" and not cell.rule.startswith("/api/"):
            browser.get(address(module_app, cell))
    assert state(owner) == before


def test_signing_in_is_protected_too(site: Flask):
    ana = make_user(site)
    browser = Browser(site)
    answer = browser.client.post(
        "/sign-in", data={"email": ana.email, "password": "velvet harbour lantern"}, headers=GOOD
    )
    assert answer.status_code == 400
    assert "This form is no longer good" in answer.get_data(as_text=True)
