"""What every endpoint shares: tokens, limits, pages, envelopes, and refusals with field and reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flask import Flask

from magflow.app import create_app
from magflow.services import rates
from magflow.settings import Settings
from magflow.web.api import make_cursor
from tests.conftest import ShopDatabase
from tests.web.conftest import close, make_token, make_user
from tests.web.probe import probe_area


def problem(answer, status: int, code: str) -> dict:
    """The answer's body, after looking at everything that a problem promises."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    body = answer.json
    assert {"type", "title", "status", "detail", "code", "errors"} <= body.keys()
    assert body["status"] == status
    assert body["code"] == code
    assert body["detail"]
    assert body["title"]
    return body


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer mgf_",
        "Bearer " + "x" * 47,
        "Bearer mgf_" + "A" * 43,
        "Bearer mgf_" + "A" * 100_000,
        "Basic dXNlcjpwYXNz",
        "Bearer mgf_\xff" + "A" * 42,
    ],
)
def test_without_a_good_token_nothing_is_told(site: Flask, header):
    headers = {} if header is None else {"Authorization": header}
    answer = site.test_client().get("/api/v1/notes", headers=headers)
    problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_narrow_token_is_told_so(site: Flask, program):
    token = make_token(site, "catalog:read")
    assert program("GET", "/notes", token=token).status_code == 200
    problem(program("POST", "/notes", json={"key": "x"}, token=token), 403, "forbidden")


def test_an_expired_and_a_revoked_token_are_no_tokens(site: Flask, program, owner):
    for column in ("expires_at", "revoked_at"):
        token = make_token(site)
        assert program("GET", "/notes", token=token).status_code == 200
        owner.execute(f"UPDATE api_tokens SET {column} = clock_timestamp() WHERE prefix = %s", [token[:10]])
        problem(program("GET", "/notes", token=token), 401, "unauthorized")


def test_the_database_holds_no_token(site: Flask, owner):
    token = make_token(site)
    dump = owner.execute("SELECT string_agg(t::text, ' ') FROM api_tokens t").fetchone()
    assert token not in str(dump)
    audited = owner.execute("SELECT string_agg(a::text, ' ') FROM audit_log a").fetchone()
    assert token not in str(audited)


def test_the_use_of_a_token_is_noted_once_a_minute(site: Flask, program, owner):
    token = make_token(site)

    def used() -> object:
        return owner.execute("SELECT last_used_at FROM api_tokens WHERE prefix = %s", [token[:10]]).fetchone()[0]

    assert used() is None
    program("GET", "/notes", token=token)
    first = used()
    assert first is not None
    program("GET", "/notes", token=token)
    assert used() == first
    owner.execute(
        "UPDATE api_tokens SET last_used_at = last_used_at - interval '2 minutes' WHERE prefix = %s", [token[:10]]
    )
    program("GET", "/notes", token=token)
    assert used() >= first


def test_the_actor_is_the_token_and_its_owner(site: Flask, program):
    user = make_user(site)
    said = program("GET", "/whoami", token=make_token(site, user_id=user.id)).json["data"]
    assert (said["kind"], said["door"]) == ("token", "api")
    assert user.email in said["name"]


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_token_that_asks_too_often_waits(database: ShopDatabase, settings: Settings, owner):
    app = create_app(replace(settings, database_url=database.app_dsn, api_rate=3), areas=[probe_area()])
    try:
        first, second = make_token(app), make_token(app)
        owner.execute("DELETE FROM rate_windows")

        def codes(token: str, n: int) -> list[int]:
            client = app.test_client()
            return [
                client.get("/api/v1/notes", headers={"Authorization": f"Bearer {token}"}).status_code for _ in range(n)
            ]

        got = codes(first, 7)
        # A minute may end meanwhile; then three more go through.
        assert got.count(200) in {3, 6}
        assert got[-1] == 429 or got.count(200) == 6
        assert codes(second, 1) == [200]
        client = app.test_client()
        answer = client.get("/api/v1/notes", headers={"Authorization": f"Bearer {first}"})
        if answer.status_code == 429:
            problem(answer, 429, "rate_limited")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
    finally:
        close(app)


def test_permits_are_taken_in_blocks_and_never_beyond_the_limit(site: Flask, owner):
    owner.execute("DELETE FROM rate_windows")
    with site.app_context():
        processes = [rates.RateLimit(120), rates.RateLimit(120)]
        given = 0
        for _ in range(200):
            for process in processes:
                try:
                    process.take("token:shared")
                    given += 1
                except rates.RateLimited:
                    pass
    assert given in {120, 240}  # 240: the minute ended meanwhile


def test_no_limit_asks_nothing(site: Flask, owner):
    owner.execute("DELETE FROM rate_windows")
    with site.app_context():
        rates.RateLimit(0).take("token:1")
    assert owner.execute("SELECT count(*) FROM rate_windows").fetchone() == (0,)


# --- answers and pages -----------------------------------------------------------------------------------------------


def test_an_answer_is_wrapped(program):
    answer = program("POST", "/notes", json={"key": "wrapped"})
    assert answer.status_code == 201
    assert answer.json == {"status": "success", "data": {"key": "wrapped", "times": 1}, "meta": {}}
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.headers.getlist("Set-Cookie")


def test_pages_follow_each_other_without_a_gap(program):
    seen, cursor = [], None
    while True:
        page = program("GET", "/notes?limit=50" + (f"&cursor={cursor}" if cursor else "")).json
        seen += [int(row["key"]) for row in page["data"]]
        assert page["meta"]["total"] == 120
        if (cursor := page["meta"]["next_cursor"]) is None:
            break
    assert seen == list(range(1, 121))


def test_a_page_holds_fifty_unless_told_otherwise(program):
    assert len(program("GET", "/notes").json["data"]) == 50


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=0", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=1e2", "limit", "not_an_integer"),
        ("limit=%EF%BC%95", "limit", "not_an_integer"),
        ("limit=" + "9" * 5000, "limit", "not_an_integer"),
        ("limit=", "limit", "not_an_integer"),
        ("limit=5&limit=6", "limit", "repeated"),
        ("limits=5", "limits", "unknown_field"),
        ("q=%00", "q", "control_characters"),
        ("q=" + "x" * 300, "q", "too_long"),
        ("cursor=", "cursor", "invalid"),
        ("cursor=abc", "cursor", "invalid"),
        ("cursor=%FF", "cursor", "not_unicode"),
        ("cursor=" + make_cursor([-1]), "cursor", "invalid"),
        ("cursor=" + make_cursor([2**63]), "cursor", "invalid"),
        ("cursor=" + make_cursor(["x"]), "cursor", "invalid"),
        ("cursor=" + make_cursor([True]), "cursor", "invalid"),
        ("cursor=" + make_cursor([1, 2, 3, 4, 5]), "cursor", "invalid"),
        ("cursor=" + make_cursor([{"a": 1}]), "cursor", "invalid"),
        ("cursor=" + "A" * 100_0, "cursor", "invalid"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_by_name(program, query, field, code):
    body = problem(program("GET", f"/notes?{query}"), 422, "validation_error")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert body["errors"][0]["message"]


def test_an_endpoint_that_reads_no_query_says_so(program):
    body = problem(program("GET", "/whoami?verbose=1"), 422, "validation_error")
    assert body["errors"][0]["field"] == "verbose"


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"name": 5}, "name", "not_text"),
        ({"name": "a\x00b"}, "name", "control_characters"),
        ({"name": None}, "name", "null"),
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 41}, "name", "too_long"),
        ({"count": "5"}, "count", "not_an_integer"),
        ({"count": True}, "count", "not_an_integer"),
        ({"count": 5.5}, "count", "not_an_integer"),
        ({"count": 6}, "count", "out_of_range"),
        ({"price": -1}, "price", "out_of_range"),
        ({"price": "NaN"}, "price", "not_a_number"),
        ({"price": 0.1 + 0.2}, "price", "too_many_decimals"),
        ({"price": True}, "price", "not_a_number"),
        ({"rate": "100.01"}, "rate", "out_of_range"),
        ({"flag": "true"}, "flag", "not_a_boolean"),
        ({"flag": 1}, "flag", "not_a_boolean"),
        ({"day": "2026-02-30"}, "day", "not_a_date"),
        ({"at": "99999999-01-01T00:00:00Z"}, "at", "not_a_time"),
        ({"email": "ana"}, "email", "not_an_email"),
        ({"kind": "c"}, "kind", "not_one_of"),
        ({"lines": {}}, "lines", "not_a_list"),
        ({"lines": [5]}, "lines[0]", "not_an_object"),
        ({"lines": [{"variant_id": 1, "quantity": 1}, {"quantity": 0}]}, "lines[1].variant_id", "required"),
        ({"lines": [{}] * 4}, "lines", "too_many"),
        ({"role": "owner"}, "role", "unknown_field"),
        ([], "body", "not_an_object"),
        ("text", "body", "not_an_object"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(program, given, field, code):
    body = problem(program("POST", "/everything", json=given), 422, "validation_error")
    assert (field, code) in [(error["field"], error["code"]) for error in body["errors"]]
    assert all(error["message"] and "%(" not in error["message"] for error in body["errors"])


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"count": ' + b"9" * 5000 + b"}", "count"),
        (b'{"price": 1e999999999}', "price"),
        (b'{"price": 1e99999999999999999999}', "price"),
        (b'{"name": "\\ud800"}', "name"),
        (b'{"name": "\\u0000"}', "name"),
        (b"null", "body"),
    ],
)
def test_values_that_json_can_write_and_nobody_can_store(program, raw, field):
    body = problem(program("POST", "/everything", data=raw, content_type="application/json"), 422, "validation_error")
    assert body["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"\xff", b'{"a":1,"a":2}', b'{"price": NaN}', b'{"price": Infinity}', b"[" * 100_000,
        b'{"name": "\xc3("}', "{}".encode("utf-16"),
    ],
)  # fmt: skip
def test_json_that_cannot_be_relied_on_is_refused(program, raw):
    assert problem(program("POST", "/everything", data=raw, content_type="application/json"), 400, "bad_request")


def test_another_kind_of_body_is_not_read(program):
    answer = program("POST", "/everything", data=b"name=x", content_type="application/x-www-form-urlencoded")
    assert problem(answer, 415, "unsupported_media_type")


def test_a_body_over_two_mebibytes_is_not_read(program):
    raw = json.dumps({"note": "x" * (2 * 1024 * 1024)}).encode()
    answer = program("POST", "/everything", data=raw, content_type="application/json")
    assert problem(answer, 413, "payload_too_large")


def test_good_values_arrive_as_they_were_meant(program):
    sent = {
        "name": "  Cană\u0306 ", "note": "a\r\nb", "count": 3.0, "price": 19.9, "rate": "9", "flag": False,
        "day": "2026-02-28", "at": "2026-03-05T14:05:00+02:00", "kind": "a", "email": "ana@shop.example",
        "lines": [{"variant_id": 9_000_000_000, "quantity": 2}],
    }  # fmt: skip
    got = program("POST", "/everything", json=sent).json["data"]
    assert got["note"] == "a\nb"
    assert got["count"] == 3
    assert got["price"] == "19.90"
    assert got["rate"] == "9.00"
    assert got["at"] == "2026-03-05T12:05:00Z"
    assert got["lines"] == [{"variant_id": 9_000_000_000, "quantity": 2}]


@pytest.mark.parametrize("number", ["0x1", "-1", "9223372036854775808", "9" * 5000, "١", "1.0", "%00"])
def test_an_address_with_no_id_in_it_is_nothing(program, number):
    assert problem(program("POST", f"/notes/{number}/touch"), 404, "not_found")


def test_unknown_addresses_and_methods(program):
    problem(program("GET", "/nothing"), 404, "not_found")
    answer = program("DELETE", "/notes")
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_bug_tells_nobody_anything(program):
    answer = program("POST", "/notes", json={"key": "bug", "outcome": "bug"})
    body = problem(answer, 500, "internal_error")
    text = answer.get_data(as_text=True)
    assert "SELECT" not in text
    assert "Traceback" not in text
    assert body["request_id"] == answer.headers["X-Request-ID"]


def test_refusals_speak_the_reader_s_language(program):
    said = {
        code: program("GET", "/notes?limit=0", headers={"Accept-Language": code}).json["errors"][0]["message"]
        for code in ("en", "ro", "it")
    }
    assert said["en"] == "It must be from 1 to 200."
    assert len(set(said.values())) == 3


def test_retry_later_says_when(program):
    answer = program("POST", "/notes", json={"key": "later", "outcome": "later"})
    problem(answer, 503, "retry_later")
    assert answer.headers["Retry-After"] == "1"
