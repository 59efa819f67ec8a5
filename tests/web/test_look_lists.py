"""Lists only read: what Flask-Admin would write has no address, and no value in an address fails in the database."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from magflow.settings import Settings
from tests.conftest import ShopDatabase
from tests.web.look_shop import HOST, close, cookie_for, fill, make_look_app

ORIGIN = {"Origin": HOST}


@pytest.fixture(scope="module")
def look(database: ShopDatabase, settings: Settings) -> Iterator[tuple[Flask, list[int]]]:
    app = make_look_app(settings, database.app_dsn)
    yield app, fill(app)
    close(app)


def browser(app: Flask, role: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("magflow", cookie_for(app, role), domain="127.0.0.1")
    return client


@pytest.fixture(scope="module")
def owner_browser(look: tuple[Flask, list[int]]) -> FlaskClient:
    return browser(look[0], "owner")


def get(client: FlaskClient, path: str) -> TestResponse:
    return client.get(path, base_url=HOST)


def skus(answer: TestResponse) -> list[str]:
    return re.findall(r"data-main>(LOOK-\d\d)<", answer.text)


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', get(client, "/look/thing").text)
    assert found is not None
    return html.unescape(found[1])


def act(client: FlaskClient, **fields: object) -> TestResponse:
    return client.post("/look/action/", base_url=HOST, headers=ORIGIN, data={"csrf_token": token(client), **fields})


@pytest.mark.parametrize(
    "path",
    ["new/", "edit/?id={id}", "delete/", "export/csv/", "ajax/lookup/?name=x&query=y", "ajax/update/"],
)
def test_what_flask_admin_writes_by_itself_has_no_address(
    look: tuple[Flask, list[int]], owner_browser: FlaskClient, path: str
) -> None:
    path = "/look/" + path.format(id=look[1][0])
    fields = {"csrf_token": token(owner_browser), "list_form_pk": look[1][0], "id": look[1][0], "stock": 99}

    assert get(owner_browser, path).status_code == 404
    assert owner_browser.post(path, base_url=HOST, headers=ORIGIN, data=fields).status_code == 404


def test_the_routes_of_a_list_are_the_list_its_details_and_its_actions(look: tuple[Flask, list[int]]) -> None:
    app, _ = look
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith(("look_", "admin"))}

    assert routes == {
        "admin.index", "look_variants.index_view", "look_variants.details_view", "look_variants.action_view",
        "look_cheap.index_view", "look_cheap.details_view",
    }  # fmt: skip


def test_every_row_comes_once_although_all_prices_are_equal(owner_browser: FlaskClient) -> None:
    first, second = get(owner_browser, "/look/"), get(owner_browser, "/look/?page=1")

    assert len(skus(first)) == 25 and len(skus(second)) == 8
    assert sorted(skus(first) + skus(second)) == [f"LOOK-{n:02}" for n in range(33)]
    assert "1–25 of 33" in first.text and "26–33 of 33" in second.text


def test_tab_search_sort_and_filter_narrow_the_list_and_stay_in_its_links(owner_browser: FlaskClient) -> None:
    answer = get(owner_browser, "/look/?view=zero&search=look-1&sort=0&flt0_sku_contains=LOOK")

    filters = re.search(r'name="(flt\d_[a-z0-9_]+)"', get(owner_browser, "/look/").text)
    assert filters is not None
    assert skus(answer) == [f"LOOK-{n}" for n in range(10, 20)]
    assert 'name="view" value="zero"' in answer.text and 'name="search" value="look-1"' in answer.text
    assert 'aria-sort="ascending"' in answer.text


def test_an_active_filter_is_a_chip_that_can_be_taken_away(owner_browser: FlaskClient) -> None:
    name = next(
        name
        for name in re.findall(r'name="(flt0_\d+)"', get(owner_browser, "/look/").text)
        if skus(get(owner_browser, f"/look/?{name}=LOOK-07")) == ["LOOK-07"]
    )
    answer = get(owner_browser, f"/look/?{name}=LOOK-07")

    assert "<b>LOOK-07</b>" in answer.text
    off = re.search(r'class="chip-off" href="([^"]+)"', answer.text)
    assert off is not None
    assert len(skus(get(owner_browser, html.unescape(off[1])))) == 25


ODD = [
    "-1",
    "0",
    "1",
    "999999999999999999999",
    "1" * 5000,
    "１",
    "1_0",
    "nan",
    "1e9",
    "",
    " ",
    "'",
    "%",
    "\\",
    "é",
    "x" * 5000,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:12])
def test_no_value_in_the_address_breaks_a_list(owner_browser: FlaskClient, value: str) -> None:
    names = ["page", "page_size", "sort", "desc", "search", "view", "flt0_0", "flt0_1", "flt_", "fltx_5", "_external"]
    names += re.findall(r'name="(flt0_\d+)"', get(owner_browser, "/look/").text)
    for name in names:
        answer = owner_browser.get("/look/", base_url=HOST, query_string={name: value})
        assert answer.status_code == 200, name


def test_the_address_cannot_steer_the_links_of_the_page(owner_browser: FlaskClient) -> None:
    answer = get(owner_browser, "/look/?_external=1&_scheme=javascript&_anchor=x&url=//evil.example&foo=bar")

    assert not re.search(r"javascript:|evil|foo=|_scheme|://", answer.text.replace("http://www.w3.org", ""))


def test_a_row_leads_back_to_the_same_place_of_its_list_and_nowhere_else(
    look: tuple[Flask, list[int]], owner_browser: FlaskClient
) -> None:
    row = re.search(
        r'href="(/look/details/[^"]+)" data-main>LOOK-03<',
        get(owner_browser, "/look/?page=0&sort=0&search=LOOK-0").text,
    )
    assert row is not None
    details = get(owner_browser, html.unescape(row[1]))
    back = re.search(r'class="page-back" href="([^"]+)"', details.text)
    assert back is not None and "search=LOOK-0" in html.unescape(back[1])

    elsewhere = get(owner_browser, f"/look/details/?id={look[1][0]}&url=//evil.example/")
    assert elsewhere.status_code == 200 and "evil" not in elsewhere.text


@pytest.mark.parametrize("row", ["", "0", "-1", "x", "1,2", "9" * 30, "999999999", "1 OR 1=1"])
def test_a_row_that_is_none_is_not_found(owner_browser: FlaskClient, row: str) -> None:
    assert owner_browser.get("/look/details/", base_url=HOST, query_string={"id": row}).status_code == 404


def test_a_row_outside_the_list_is_not_found_either(look: tuple[Flask, list[int]], owner_browser: FlaskClient) -> None:
    cheap, dear = look[1][0], look[1][10]

    assert get(owner_browser, f"/cheap/details/?id={cheap}").status_code == 200
    assert get(owner_browser, f"/cheap/details/?id={dear}").status_code == 404


def test_an_action_takes_whole_numbers_once_each(look: tuple[Flask, list[int]], owner_browser: FlaskClient) -> None:
    one, other = look[1][4], look[1][5]
    answer = act(owner_browser, action="note", rowid=[one, other, one], url="/look/?search=LOOK")

    assert answer.status_code == 302 and answer.location == "/look/?search=LOOK"
    assert f"noted [{one}, {other}]" in get(owner_browser, "/look/").text


@pytest.mark.parametrize("fields", [
    {"action": "delete", "rowid": "1"}, {"action": "nothing", "rowid": "1"}, {"rowid": "1"},
    {"action": "note", "rowid": "x"}, {"action": "note", "rowid": "-1"}, {"action": "note", "rowid": "9" * 40},
])  # fmt: skip
def test_an_unknown_action_or_row_is_not_found(owner_browser: FlaskClient, fields: dict[str, str]) -> None:
    assert act(owner_browser, **fields).status_code == 404


def test_an_action_without_rows_says_so(owner_browser: FlaskClient) -> None:
    assert act(owner_browser, action="note", url="//evil.example").location == "/look/"
    assert "Tick at least one row first." in get(owner_browser, "/look/").text


def test_an_action_needs_its_own_permission(look: tuple[Flask, list[int]]) -> None:
    viewer = browser(look[0], "viewer")
    page = get(viewer, "/look/")

    assert page.status_code == 200 and "LOOK-10" in page.text
    assert 'value="drop"' not in page.text and "data-pick-all" not in page.text
    assert act(viewer, action="note", rowid=str(look[1][0])).status_code == 404


def test_what_asks_is_switched_off_until_the_script_that_asks_is_there(owner_browser: FlaskClient) -> None:
    button = re.search(r'<button[^>]*value="drop"[^>]*>', get(owner_browser, "/look/").text)

    assert button is not None
    assert " disabled" in button[0] and 'data-confirm="Drop these variants?"' in button[0]
    assert 'data-confirm-body="They leave the list.\nNothing else happens."' in button[0]


def test_nobody_signed_in_sees_a_frame_without_navigation(look: tuple[Flask, list[int]]) -> None:
    answer = get(look[0].test_client(), "/look/stranger")

    assert answer.status_code == 200 and "hello" in answer.text
    assert "nav-link" not in answer.text.replace("nav-link link-wide", "") and "sign-out" not in answer.text


@pytest.mark.parametrize(
    ("cookie", "written"),
    [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ("auto", ""), ('"><x', "")],
)
def test_the_server_writes_the_chosen_colours(look: tuple[Flask, list[int]], cookie: str, written: str) -> None:
    client = browser(look[0], "owner")
    client.set_cookie("magflow_theme", cookie, domain="127.0.0.1")
    for path in ("/look/", "/look/thing"):
        opening = re.search(r"<html[^>]*>", get(client, path).text)
        assert opening is not None and opening[0] == f'<html lang="en"{written}>'
