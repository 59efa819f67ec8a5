"""Who gets in where: every route, every role, and nobody (gate G15). What declares nothing is served to nobody."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from magflow.domain.roles import ROLES, SCOPES_OF
from magflow.web.permissions import NOBODY, Access, access_table, permission_of
from tests.web.conftest import Browser, make_token, make_user, signed_in

SENTINELS = {"int": "987654321", "string": "x"}


def address(app: Flask, cell: Access) -> str:
    """The route with ids that belong to nothing."""
    rule = next(rule for rule in app.url_map.iter_rules() if rule.rule == cell.rule and rule.endpoint == cell.endpoint)
    values = {name: 987654321 if type(rule._converters[name]).__name__ == "Id" else "x" for name in rule.arguments}
    built = rule.build(values)
    assert built
    return built[1]


def ask(app: Flask, cell: Access, role: str, browsers: dict[str, Browser], tokens: dict[str, str]) -> TestResponse:
    path = address(app, cell)
    if cell.rule.startswith("/api/"):
        headers = {"Authorization": f"Bearer {tokens[role]}"} if role in tokens else {}
        return app.test_client().open(path, method=cell.method, headers=headers)
    browser = browsers.get(role) or Browser(app)
    if cell.method == "GET":
        return browser.get(path)
    data = {"csrf_token": browser.token("/settings/profile" if role in browsers else "/sign-in")}
    return browser.client.open(path, method=cell.method, data=data, headers={"Sec-Fetch-Site": "same-origin"})


ENDS_SESSIONS = {"settings.sign_out", "settings.let_in", "settings.confirmed", "settings.save_password"}


def wrong_cells(app: Flask) -> list[tuple[str, str, str | None, str, int]]:
    """Every cell of the table whose answer is not the table's."""
    tokens = {role: make_token(app, *SCOPES_OF[role]) for role in ROLES}
    browsers = {role: signed_in(app, make_user(app, role)) for role in ROLES}
    wrong = []
    for cell in access_table(app):
        if cell.endpoint == "probe.bug":
            continue  # fails for everybody, on purpose
        for role in (*ROLES, NOBODY):
            status = ask(app, cell, role, browsers, tokens).status_code
            if role in cell.granted:
                fine = status not in {401, 403} and status < 500
            elif role == NOBODY and cell.permission is not None:
                fine = status == cell.refusal
            else:
                fine = status in ({401, 403} if cell.rule.startswith("/api/") else {403})
            if not fine:
                wrong.append((cell.method, cell.rule, cell.permission, role, status))
        if cell.endpoint in ENDS_SESSIONS:
            browsers = {role: signed_in(app, make_user(app, role)) for role in ROLES}
    return wrong


def test_every_cell_of_the_access_table(module_app: Flask):
    assert not wrong_cells(module_app)


def test_every_cell_with_an_area_from_outside(site: Flask):
    assert not wrong_cells(site)


def test_every_route_of_the_whole_application_declares_what_it_needs(module_app: Flask):
    forgotten = [
        f"{method} {rule.rule} ({rule.endpoint})"
        for rule in module_app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if permission_of(module_app, rule.endpoint, method) is None
    ]
    assert not forgotten, f"put @requires(...) or @public on: {forgotten}"


def test_a_forgotten_page_is_served_to_nobody(site: Flask):
    assert signed_in(site, make_user(site)).get("/probe/forgotten").status_code == 403
    assert Browser(site).get("/probe/forgotten").status_code == 403
    token = make_token(site)
    answer = site.test_client().get("/api/v1/forgotten", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_a_refused_access_is_written_down(site: Flask, owner):
    viewer = make_user(site, "viewer")
    assert signed_in(site, viewer).get("/probe/orders").status_code == 403
    row = owner.execute(
        "SELECT new ->> 'needs' FROM audit_log WHERE action = 'access.refused' AND actor = %s", [viewer.email]
    )
    assert row.fetchone() == ("orders:write",)


def test_a_session_is_nothing_on_the_api_and_a_token_nothing_on_a_page(site: Flask):
    browser = signed_in(site, make_user(site))
    assert browser.get("/api/v1/notes").status_code == 401
    token = make_token(site)
    answer = site.test_client().get("/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 302


@pytest.mark.parametrize("role", ROLES)
def test_a_token_never_has_more_than_its_owner_has_now(site: Flask, role, owner):
    user = make_user(site, "owner")
    token = make_token(site, user_id=user.id)
    owner.execute("UPDATE users SET role = %s WHERE id = %s", [role, user.id])
    client, headers = site.test_client(), {"Authorization": f"Bearer {token}"}
    wrote = client.post("/api/v1/notes", json={"key": "scope"}, headers=headers).status_code
    assert wrote == (201 if "catalog:write" in SCOPES_OF[role] else 403)
    owner.execute("UPDATE users SET active = false WHERE id = %s", [user.id])
    assert client.get("/api/v1/notes", headers=headers).status_code == 401
