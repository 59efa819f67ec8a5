"""What every answer tells the browser: pages, errors, files, the API; and what it tells strangers: nothing."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from magflow.web.security import HEADERS, PLAIN_POLICY
from tests.web.conftest import Browser, make_token, make_user, signed_in


@pytest.fixture
def everywhere(site: Flask):
    """One answer of every kind."""
    browser, stranger = signed_in(site, make_user(site)), Browser(site)
    token = make_token(site)
    static = site.static_url_path
    return {
        "home": browser.get("/"),
        "settings": browser.get("/settings/tokens"),
        "sign-in": stranger.get("/sign-in"),
        "redirect": stranger.get("/settings"),
        "not found": stranger.get("/no/such/page"),
        "no method": stranger.client.put("/sign-in"),
        "forged": stranger.client.post("/sign-in"),
        "forbidden": browser.get("/probe/forgotten"),
        "bug": browser.get("/probe/bug"),
        "api": site.test_client().get("/api/v1/notes", headers={"Authorization": f"Bearer {token}"}),
        "api error": site.test_client().get("/api/v1/notes"),
        "docs": stranger.get("/api/v1/docs"),
        "openapi": stranger.get("/api/v1/openapi.json"),
        "health": stranger.get("/healthz"),
        "static": stranger.get(f"{static}/css/base.css", buffered=True),
        "no static": stranger.get(f"{static}/css/nothing.css"),
    }


def test_every_answer_carries_the_whole_policy(everywhere):
    for name, answer in everywhere.items():
        policy = answer.headers["Content-Security-Policy"]
        assert re.sub(r" 'nonce-[\w-]+'", "", policy) == PLAIN_POLICY, name
        assert "unsafe" not in policy
        for header, value in HEADERS:
            assert answer.headers.getlist(header) == [value], (name, header)


def test_the_policy_is_the_one_of_the_baseline():
    assert PLAIN_POLICY.split("; ") == [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
        "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'",
        "manifest-src 'self'",
    ]  # fmt: skip


def test_pages_are_not_kept_and_files_are(everywhere):
    for name, answer in everywhere.items():
        if name == "static":
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        else:
            assert answer.headers["Cache-Control"] == "no-store", name
    assert "Cookie" in everywhere["home"].headers["Vary"]


def test_a_nonce_is_used_once(site: Flask):
    nonces = {
        re.search(r"'nonce-([\w-]+)'", Browser(site).get("/sign-in").headers["Content-Security-Policy"])[1]
        for _ in range(5)
    }
    assert len(nonces) == 5


def test_scripts_and_styles_of_a_page_carry_its_nonce(everywhere):
    for name in ("home", "settings", "sign-in", "docs", "not found"):
        answer = everywhere[name]
        nonce = re.search(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])[1]
        text = answer.get_data(as_text=True)
        elements = re.findall(r"<(?:script|style)\b[^>]*>", text)
        assert elements
        assert all(f'nonce="{nonce}"' in element for element in elements), name
        assert not re.search(r"\son\w+=|\sstyle=|javascript:", text), name


def test_strangers_learn_nothing(everywhere):
    for name, answer in everywhere.items():
        text = answer.get_data(as_text=True)
        for secret in ("Traceback", "SELECT secret", "psycopg", "site-packages", "Werkzeug", "ython", "postgresql://"):
            assert secret not in text, (name, secret)
        assert answer.headers.get("Server") is None


def test_an_error_page_names_the_request(everywhere):
    for name in ("not found", "forbidden", "bug", "forged"):
        answer = everywhere[name]
        assert answer.headers["X-Request-ID"] in answer.get_data(as_text=True), name
        assert answer.content_type.startswith("text/html")


def test_a_request_id_of_a_proxy_is_kept_if_it_is_one(site: Flask):
    client = site.test_client()
    assert client.get("/healthz", headers={"X-Request-ID": "edge-7f3a"}).headers["X-Request-ID"] == "edge-7f3a"
    for bad in ("x" * 65, "a b", "<script>", "ă"):
        kept = client.get("/healthz", headers={"X-Request-ID": bad.encode().decode("latin-1")}).headers["X-Request-ID"]
        assert kept != bad
        assert re.fullmatch(r"[0-9a-f]{16}", kept)


@pytest.mark.parametrize("path", ["/orders%00", "/?q=%00", "/settings/users/%00", "/static/%00"])
def test_nul_is_no_address(site: Flask, path):
    browser = signed_in(site, make_user(site))
    assert browser.get(path).status_code in {404, 422}


def test_nul_in_a_form_is_refused_by_name(site: Flask):
    browser = signed_in(site, make_user(site))
    answer = browser.post("/settings/profile", {"name": "a\x00b", "locale": "en"})
    assert answer.status_code == 422
    assert "name" in answer.get_data(as_text=True)


def test_an_outside_name_for_this_machine_is_not_answered(site: Flask):
    client = site.test_client()
    assert client.get("/healthz", base_url="http://evil.example").status_code == 400
    assert client.get("/healthz", base_url="http://127.0.0.1:8000").status_code == 200


def test_a_program_that_asks_a_page_for_json_gets_a_problem(site: Flask):
    answer = site.test_client().get("/no/such/page", headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"


def test_metrics_are_for_this_machine_or_for_a_token(site: Flask):
    near, far = Browser(site), Browser(site, "10.1.2.3")
    figures = near.get("/metrics").get_data(as_text=True)
    assert "magflow_http_requests_total" in figures
    assert 'magflow_waiting{what="database"} 1.0' in figures
    assert 'magflow_waiting{what="jobs_waiting"} 0.0' in figures
    assert far.get("/metrics").status_code == 401
    narrow, wide = make_token(site, "catalog:read"), make_token(site, "admin")
    assert far.get("/metrics", headers={"Authorization": f"Bearer {narrow}"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": f"Bearer {wide}"}).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(4_000_000, 200), (6_000_000, 413)])
def test_a_route_may_take_more_than_the_others(site: Flask, size, status):
    browser = signed_in(site, make_user(site))
    parts = [
        f'name="csrf_token"\r\n\r\n{browser.token("/settings/profile")}',
        f'name="file"; filename="file.csv"\r\n\r\n{"x" * size}',
    ]
    body = "".join(f"--edge\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--edge--\r\n"
    answer = browser.client.post(
        "/probe/upload",
        data=body.encode(),
        headers={"Sec-Fetch-Site": "same-origin"},
        content_type="multipart/form-data; boundary=edge",
    )
    assert answer.status_code == status


def test_a_large_form_is_turned_away(site: Flask):
    browser = signed_in(site, make_user(site))
    assert browser.post("/settings/profile", {"name": "x" * 3_000_000}).status_code == 413
    many = {f"field{n}": "" for n in range(1200)}
    token = browser.token("/settings/profile")
    answer = browser.client.post(
        "/settings/profile",
        data={"csrf_token": token, **many},
        headers={"Sec-Fetch-Site": "same-origin"},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 413
