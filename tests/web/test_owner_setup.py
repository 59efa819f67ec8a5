"""A new shop: the first owner by a link that works once; others by invitation; the last owner stays."""

from __future__ import annotations

import threading

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.errors import Conflict, Refused
from magflow.services import users
from tests.web.conftest import PASSWORD, SYSTEM, Browser, make_token, make_user, signed_in


@pytest.fixture(autouse=True)
def new_shop(owner: psycopg.Connection) -> None:
    """Nobody has an account."""
    owner.execute("DELETE FROM one_time_links")
    owner.execute("DELETE FROM users")
    owner.execute("DELETE FROM sign_in_throttle")


def link(site: Flask) -> str:
    with site.app_context():
        path = users.owner_setup_link()
    assert path
    return path


FORM = {"name": "Ana", "email": "ana@shop.example", "password": PASSWORD, "password_again": PASSWORD}


def test_the_link_makes_the_owner_and_signs_in(site: Flask):
    browser = Browser(site)
    path = link(site)

    answer = browser.post(path, FORM)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Ana" in browser.get("/settings/profile").get_data(as_text=True)
    assert browser.get("/settings/users").status_code == 200
    with site.app_context():
        assert users.owner_setup_link() is None


def test_the_link_works_once(site: Flask):
    path = link(site)
    Browser(site).post(path, FORM)
    assert Browser(site).get(path).status_code == 404


def test_a_newer_link_replaces_the_older(site: Flask):
    old, new = link(site), link(site)
    assert Browser(site).get(old).status_code == 404
    assert Browser(site).get(new).status_code == 200


@pytest.mark.parametrize("path", ["/setup/x", "/setup/" + "x" * 43, "/setup/%00", "/setup/" + "9" * 5000])
def test_a_guessed_link_is_nothing(site: Flask, path):
    assert Browser(site).get(path).status_code in {404, 422}


def test_two_tabs_make_one_owner(site: Flask):
    path = link(site)
    barrier, outcomes = threading.Barrier(2), []

    def use(n: int) -> None:
        with site.app_context():
            barrier.wait()
            try:
                command = users.SetUp(path.removeprefix("/setup/"), f"owner{n}@shop.example", PASSWORD)
                outcomes.append(users.set_up(command, actor=SYSTEM).email)
            except Refused as refused:
                outcomes.append(refused.code)
            db.session.remove()

    threads = [threading.Thread(target=use, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert min(outcomes) == "not_found"
    assert sorted(outcomes)[1].startswith("owner")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": "short", "password_again": "short"}, "At least 12 characters are needed."),
        ({"password_again": "something else entirely"}, "The two passwords differ"),
        ({"email": "no address"}, "This is not an e-mail address."),
        ({"email": ""}, "This cannot be blank."),
        ({"password": "password12345", "password_again": "password12345"}, "among the first that are tried"),
        ({"name": "x" * 500}, "At most 120 characters fit here."),
    ],
)
def test_a_bad_form_is_shown_again_and_the_link_still_works(site: Flask, wrong, sentence):
    path = link(site)
    answer = Browser(site).post(path, {**FORM, **wrong})
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert Browser(site).get(path).status_code == 200


def test_a_token_of_the_command_line_works_before_there_is_an_owner(site: Flask):
    token = make_token(site, "catalog:read")
    answer = site.test_client().get("/api/v1/notes", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


# --- people ----------------------------------------------------------------------------------------------------------


def test_an_invited_person_chooses_a_password_once(site: Flask):
    boss = signed_in(site, make_user(site))
    page = boss.post("/settings/users", {"email": "bob@shop.example", "role": "clerk"}).get_data(as_text=True)
    path = "/setup/" + page.split("/setup/")[1].split('"')[0].split("<")[0]
    bob = Browser(site)
    assert bob.sign_in("bob@shop.example", "").status_code == 422

    answer = bob.post(
        path, {"name": "Bob", "password": PASSWORD, "password_again": PASSWORD, "email": "evil@x.example"}
    )

    assert answer.status_code == 303
    assert Browser(site).sign_in("bob@shop.example").status_code == 303
    assert Browser(site).get(path).status_code == 404
    assert boss.get("/settings/users").get_data(as_text=True).count("bob@shop.example") == 1


def test_an_expired_invitation_is_nothing(site: Flask, owner):
    with site.app_context():
        _, path = users.invite(users.CreateUser("bob@shop.example", "clerk"), actor=SYSTEM)
    owner.execute("UPDATE one_time_links SET expires_at = clock_timestamp() - interval '1 second'")
    assert Browser(site).get(path).status_code == 404


def test_two_people_cannot_have_one_address(site: Flask):
    boss = make_user(site, email="ana@shop.example")
    answer = signed_in(site, boss).post("/settings/users", {"email": "ANA@shop.example", "role": "clerk"})
    assert answer.status_code == 409
    assert "There is an account with this e-mail address already." in answer.get_data(as_text=True)


def test_the_last_owner_stays(site: Flask):
    boss = make_user(site)
    browser = signed_in(site, boss)
    page = f"/settings/users/{boss.id}"
    browser.post(f"{page}/role", {"role": "viewer"}, form=page)
    browser.post(f"{page}/active", {"active": "0"}, form=page)
    assert "The shop needs an owner" in browser.get(page).get_data(as_text=True)
    with site.app_context():
        kept = db.session.get(users.User, boss.id)
        assert (kept.role, kept.active) == ("owner", True)


def test_two_owners_cannot_demote_each_other_at_once(site: Flask):
    pair = [make_user(site), make_user(site)]
    barrier, outcomes = threading.Barrier(2), []

    def demote(user_id: int) -> None:
        with site.app_context():
            barrier.wait()
            try:
                users.change_role(users.ChangeRole(user_id, "viewer"), actor=SYSTEM)
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")
            db.session.remove()

    threads = [threading.Thread(target=demote, args=(user.id,)) for user in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]


def test_what_belongs_to_the_owner_asks_for_the_password_again_after_a_while(site: Flask, owner):
    boss = make_user(site)
    browser = signed_in(site, boss)
    owner.execute("UPDATE user_sessions SET authenticated_at = clock_timestamp() - interval '16 minutes'")
    answer = browser.get("/settings/users")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/confirm?next=/settings/users")
    before = browser.cookie()

    assert (
        browser.post("/settings/confirm", {"password": "wrong password", "next": "/settings/users"}).status_code == 422
    )
    answer = browser.post("/settings/confirm", {"password": PASSWORD, "next": "/settings/users"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/users")
    assert browser.get("/settings/users").status_code == 200
    copy = Browser(site)
    copy.client.set_cookie("magflow", before or "")
    assert copy.get("/").status_code == 302


def test_a_token_made_on_the_page_is_shown_once(site: Flask):
    browser = signed_in(site, make_user(site))
    form = {"name": "online shop", "scopes": ["catalog:read", "orders:write"], "expires_days": "30"}
    page = browser.post("/settings/tokens", form).get_data(as_text=True)
    token = "mgf_" + page.split('data-copy="mgf_')[1].split('"')[0]
    client = site.test_client()
    assert client.get("/api/v1/notes", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    later = browser.get("/settings/tokens").get_data(as_text=True)
    assert token not in later
    assert "online shop" in later

    number = later.split("/settings/tokens/")[1].split("/")[0]
    browser.post(f"/settings/tokens/{number}/revoke", form="/settings/tokens")

    assert client.get("/api/v1/notes", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "This cannot be blank."),
        ({"scopes": []}, "Please give a value."),
        ({"scopes": ["everything"]}, "Choose one of:"),
        ({"expires_days": "0"}, "It must be from 1 to 3650."),
        ({"expires_days": "９"}, "A whole number is expected"),
        ({"expires_days": "9" * 5000}, "A whole number is expected"),
    ],
)
def test_a_token_form_says_what_is_wrong(site: Flask, wrong, sentence):
    browser = signed_in(site, make_user(site))
    answer = browser.post("/settings/tokens", {"name": "x", "scopes": ["catalog:read"], "expires_days": "30", **wrong})
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
