"""People come in by one way, and ending access ends it at once."""

from __future__ import annotations

import threading

import psycopg
import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.errors import RateLimited
from magflow.services import passwords, sessions, sign_in, throttle, users
from tests.web.conftest import PASSWORD, SYSTEM, Browser, make_user, signed_in


@pytest.fixture(autouse=True)
def unlocked(owner: psycopg.Connection) -> None:
    """No test waits for the failures of another."""
    owner.execute("DELETE FROM sign_in_throttle")


def acts(owner: psycopg.Connection, action: str, actor: str) -> int:
    """How often this act is in the audit log."""
    found = owner.execute("SELECT count(*) FROM audit_log WHERE action = %s AND actor = %s", [action, actor]).fetchone()
    assert found
    return int(str(found[0]))


def test_the_right_password_opens_home(site: Flask, owner):
    ana = make_user(site, "manager")
    browser = Browser(site)

    answer = browser.sign_in(ana.email)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.get("/").status_code == 200
    assert acts(owner, "sign_in.ok", ana.email) == 1


def test_an_address_is_the_same_in_capitals(site: Flask):
    ana = make_user(site)
    assert Browser(site).sign_in(ana.email.upper()).status_code == 303


@pytest.mark.parametrize(
    "wrong", ["", "wrong password here", PASSWORD + " ", "x" * 4096, PASSWORD.upper(), "\ud7ff" * 50]
)
def test_a_wrong_password_opens_nothing(site: Flask, owner, wrong):
    ana = make_user(site)
    browser = Browser(site)

    answer = browser.sign_in(ana.email, wrong)

    assert answer.status_code == 422
    assert browser.cookie() is None
    assert browser.get("/").status_code == 302
    assert acts(owner, "sign_in.failed", ana.email) == 1


def test_unknown_disabled_and_wrong_are_told_apart_by_nobody(site: Flask):
    ana, bob = make_user(site), make_user(site, "clerk")
    with site.app_context():
        users.set_active(users.SetActive(bob.id, False), actor=SYSTEM)
    pages = []
    for email, password in (
        (ana.email, "not this one at all"),
        (bob.email, PASSWORD),
        ("nobody@shop.example", PASSWORD),
    ):
        answer = Browser(site).sign_in(email, password)
        text = answer.get_data(as_text=True).replace(email, "E-MAIL")
        pages.append(
            (
                answer.status_code,
                [
                    line
                    for line in text.splitlines()
                    if "csrf_token" not in line and "nonce" not in line and "<code>" not in line
                ],
            )
        )
    assert pages[0] == pages[1] == pages[2]


def test_signing_in_gives_a_new_session_and_the_old_one_stays_dead(site: Flask):
    ana = make_user(site)
    browser = Browser(site)
    browser.client.set_cookie("magflow", "x" * 43)
    browser.sign_in(ana.email)
    assert browser.cookie() != "x" * 43
    planted = Browser(site)
    planted.client.set_cookie("magflow", "x" * 43)
    assert planted.get("/").status_code == 302


def test_a_copied_cookie_is_worth_nothing_after_signing_out(site: Flask, owner):
    ana = make_user(site)
    browser = signed_in(site, ana)
    copy = Browser(site)
    copy.client.set_cookie("magflow", browser.cookie() or "")
    assert copy.get("/").status_code == 200

    answer = browser.post("/sign-out", form="/")

    assert answer.status_code == 303
    assert copy.get("/").status_code == 302
    assert acts(owner, "sign_out.ok", ana.email) == 1


@pytest.mark.parametrize("how", ["role", "disable", "everywhere", "password"])
def test_access_ends_at_once(site: Flask, how):
    boss, bob = make_user(site), make_user(site, "clerk")
    browser, owners = signed_in(site, bob), signed_in(site, boss)
    page = f"/settings/users/{bob.id}"
    assert browser.get("/").status_code == 200

    if how == "role":
        owners.post(f"{page}/role", {"role": "viewer"}, form=page)
    elif how == "disable":
        owners.post(f"{page}/active", {"active": "0"}, form=page)
    elif how == "everywhere":
        owners.post(f"{page}/sign-out", form=page)
    else:
        other = signed_in(site, bob)
        form = {"present": PASSWORD, "new": "copper meadow violin", "again": "copper meadow violin"}
        assert other.post("/settings/password", form, form="/settings/profile").status_code == 303
        assert other.get("/settings/profile").status_code == 200

    assert browser.get("/").status_code == 302


def test_a_session_ends_after_twelve_idle_hours_and_after_fourteen_days(site: Flask, owner):
    ana = make_user(site)
    for column, age in (("last_seen_at", "12 hours 1 second"), ("expires_at", "1 second")):
        browser = signed_in(site, ana)
        owner.execute(
            f"UPDATE user_sessions SET {column} = clock_timestamp() - interval '{age}' WHERE user_id = {ana.id}"
        )
        assert browser.get("/").status_code == 302


def test_a_session_in_use_stays_awake(site: Flask, owner):
    ana = make_user(site)
    browser = signed_in(site, ana)
    owner.execute(
        f"UPDATE user_sessions SET last_seen_at = clock_timestamp() - interval '11 hours' WHERE user_id = {ana.id}"
    )
    assert browser.get("/").status_code == 200
    fresh = owner.execute(
        f"SELECT last_seen_at > clock_timestamp() - interval '1 minute' FROM user_sessions WHERE user_id = {ana.id}"
    )
    assert fresh.fetchone() == (True,)


def test_what_is_over_is_swept_up(site: Flask, owner):
    ana = make_user(site)
    kept, over = signed_in(site, ana), signed_in(site, ana)
    key = sessions.hash_of(over.cookie() or "")
    owner.execute(
        "UPDATE user_sessions SET last_seen_at = clock_timestamp() - interval '13 hours' WHERE id_hash = %s", [key]
    )
    owner.execute("INSERT INTO sign_in_throttle VALUES ('account:old', 9, NULL, clock_timestamp() - interval '3 days')")
    with site.app_context():
        assert sign_in.forget_old(actor=SYSTEM) >= 2
    assert kept.get("/").status_code == 200
    assert owner.execute("SELECT 1 FROM user_sessions WHERE id_hash = %s", [key]).fetchone() is None


def test_the_database_holds_no_session_id(site: Flask, owner):
    browser = signed_in(site, make_user(site))
    cookie = browser.cookie()
    assert cookie
    rows = owner.execute("SELECT encode(id_hash, 'escape') || encode(id_hash, 'hex') FROM user_sessions").fetchall()
    assert rows
    assert not any(cookie in str(row[0]) for row in rows)


def test_the_cookie_is_for_this_host_and_for_no_script(site: Flask):
    ana = make_user(site)
    answer = Browser(site).sign_in(ana.email)
    [cookie] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("magflow=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_over_tls_the_cookie_is_bound_to_the_host(site: Flask):
    ana = make_user(site)
    client = site.test_client()
    page = client.get("/sign-in", base_url="https://localhost")
    token = page.get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    answer = client.post(
        "/sign-in",
        base_url="https://localhost",
        data={"csrf_token": token, "email": ana.email, "password": PASSWORD},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(c.startswith("__Host-magflow=") and "Secure" in c and "Domain" not in c for c in cookies)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/orders?view=late", "/orders?view=late"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("orders", "/"),
        ("/a\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(site: Flask, wanted, target):
    ana = make_user(site)
    answer = Browser(site).post("/sign-in", {"email": ana.email, "password": PASSWORD, "next": wanted})
    assert answer.headers["Location"] == target


def test_a_stranger_is_led_to_the_way_in_and_back(site: Flask):
    answer = Browser(site).get("/settings/users?x=1")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=/settings/users?x%3D1"


# --- guessing --------------------------------------------------------------------------------------------------------


def test_a_hundred_guesses_at_once_are_counted_one_by_one(site: Flask, owner):
    ana = make_user(site)
    outcomes: list[str] = []
    barrier = threading.Barrier(20)

    def guess(worker: int) -> None:
        barrier.wait()
        for n in range(5):
            with site.app_context():
                proof = sign_in.Proof(ana.email, f"guess number {worker} {n}", sign_in.Browser(f"10.0.{worker}.{n}"))
                try:
                    sign_in.sign_in(proof)
                    outcomes.append("looked at")
                except RateLimited:
                    outcomes.append("locked")
                db.session.remove()

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 100
    assert outcomes.count("looked at") == acts(owner, "sign_in.failed", ana.email) <= 6


def test_the_wait_doubles_up_to_a_quarter_of_an_hour(site: Flask, owner):
    waits = []
    with site.app_context():
        for _ in range(18):
            outcome = throttle.reserve("guessed@shop.example", "10.9.9.9")
            assert isinstance(outcome, throttle.Attempt)
            row = owner.execute(
                "SELECT round(extract(epoch FROM locked_until - updated_at)) FROM sign_in_throttle "
                "WHERE subject = 'account:guessed@shop.example'"
            ).fetchone()
            waits.append(None if row[0] is None else int(row[0]))
            owner.execute("UPDATE sign_in_throttle SET locked_until = clock_timestamp() - interval '1 second'")
    assert waits[:8] == [None, None, None, None, 1, 2, 4, 8]
    assert waits[-1] == 900


def test_one_address_that_tries_many_accounts_has_to_wait(site: Flask):
    with site.app_context():
        for n in range(5):
            assert isinstance(throttle.reserve(f"somebody{n}@shop.example", "10.1.1.1"), throttle.Attempt)
        assert throttle.reserve("somebody9@shop.example", "10.1.1.1") == 1
        assert isinstance(throttle.reserve("somebody9@shop.example", "10.1.1.2"), throttle.Attempt)


def test_a_locked_account_says_how_long_and_does_not_look_at_the_password(site: Flask, owner):
    ana = make_user(site)
    owner.execute(
        "INSERT INTO sign_in_throttle VALUES (%s, 9, clock_timestamp() + interval '30 seconds', clock_timestamp())",
        [f"account:{ana.email}"],
    )
    answer = Browser(site).sign_in(ana.email)
    assert answer.status_code == 429
    assert 25 <= int(answer.headers["Retry-After"]) <= 30
    assert acts(owner, "sign_in.locked", ana.email) == 1


def test_success_gives_the_account_a_fresh_start(site: Flask, owner):
    ana = make_user(site)
    for _ in range(4):
        assert Browser(site).sign_in(ana.email, "wrong password again").status_code == 422
    assert Browser(site).sign_in(ana.email).status_code == 303
    assert (
        owner.execute("SELECT 1 FROM sign_in_throttle WHERE subject = %s", [f"account:{ana.email}"]).fetchone() is None
    )


def test_guessing_the_present_password_from_inside_is_guessing_too(site: Flask, owner):
    ana = make_user(site)
    browser = signed_in(site, ana)
    form = {"present": "not my password", "new": "copper meadow violin", "again": "copper meadow violin"}
    codes = [browser.post("/settings/password", form, form="/settings/profile").status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]


# --- passwords -------------------------------------------------------------------------------------------------------


def test_hashes_are_argon2id_with_our_parameters():
    assert passwords.hash_of(PASSWORD).startswith("$argon2id$v=19$m=47104,t=1,p=1$")


def test_a_dated_hash_is_renewed_at_the_next_sign_in(site: Flask, owner):
    from argon2 import PasswordHasher

    ana = make_user(site)
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    owner.execute("UPDATE users SET password_hash = %s WHERE id = %s", [weak, ana.id])
    assert Browser(site).sign_in(ana.email).status_code == 303
    kept = owner.execute("SELECT password_hash FROM users WHERE id = %s", [ana.id]).fetchone()
    assert str(kept[0]).startswith("$argon2id$v=19$m=47104,")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"),
        ("x" * 129, "too_long"),
        ("password12345", "password_common"),
        ("Password 1234", "password_common"),
        ("aaaaaaaaaaaaaa", "password_common"),
        ("abababababab", "password_common"),
        ("abcdefghijklmnop", "password_common"),
        ("ana@shop.example", "password_common"),
    ],
)
def test_a_password_that_is_tried_first_is_refused(password, code):
    assert [error.code for error in passwords.faults(password, email="ana@shop.example")] == [code]


@pytest.mark.parametrize(
    "password", ["three little words", "ș" * 6 + "țăâî" * 3, "x7$ 9!kQ zz\ttab", "a" * 40 + "b" * 40 + "cd" * 20 + "!"]
)
def test_any_characters_make_a_password(password):
    assert passwords.faults(password, email="ana@shop.example") == []
