"""Around a request: proxies are believed if they are ours, the log keeps secrets, files have lasting names."""

from __future__ import annotations

import ipaddress
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from magflow.settings import Settings
from magflow.web import static
from magflow.web.logs import Redaction, configure, known_secrets
from magflow.web.proxies import TrustedProxies

TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]


def seen(remote: str, networks=TRUSTED, **headers: str) -> dict[str, str]:
    """What the application is told."""
    got: dict[str, str] = {}

    def app(environ, start_response):
        got.update({key: environ.get(key, "") for key in ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST")})
        got["forwarded"] = ",".join(key for key in environ if "FORWARDED" in key)
        return []

    environ = {"REMOTE_ADDR": remote, "wsgi.url_scheme": "http", "HTTP_HOST": "inside:8000"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    TrustedProxies(app, networks)(environ, lambda *_: None)
    return got


def test_nobody_s_word_is_taken_without_trust():
    told = seen("203.0.113.9", x_forwarded_for="1.2.3.4", x_forwarded_proto="https", x_forwarded_host="evil.example")
    assert told == {
        "REMOTE_ADDR": "203.0.113.9",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "inside:8000",
        "forwarded": "",
    }


def test_a_trusted_proxy_names_the_client():
    told = seen("10.0.0.1", x_forwarded_for="203.0.113.9", x_forwarded_proto="https", x_forwarded_host="shop.example")
    assert told["REMOTE_ADDR"] == "203.0.113.9"
    assert told["wsgi.url_scheme"] == "https"
    assert told["HTTP_HOST"] == "shop.example"


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("10.2.2.2", "10.2.2.2"),
        ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "10.0.0.1"),
    ],
)
def test_the_client_is_the_right_most_that_is_not_ours(chain, client):
    assert seen("10.0.0.1", x_forwarded_for=chain)["REMOTE_ADDR"] == client


def test_with_no_trusted_proxies_nothing_is_believed():
    assert seen("127.0.0.1", networks=[], x_forwarded_for="1.2.3.4")["REMOTE_ADDR"] == "127.0.0.1"


# --- the log ---------------------------------------------------------------------------------------------------------

CANARY = "canary-f00dfacecafe"


@pytest.mark.parametrize(
    "entry",
    [
        {"Authorization": f"Bearer {CANARY}"},
        {"password": CANARY},
        {"api_key": CANARY},
        {"session_token": CANARY},
        {"headers": {"Cookie": f"magflow={CANARY}"}},
        {"url": f"postgresql://magflow:{CANARY}@db/shop"},
        {"url": f"https://x.example/path?signature={CANARY}&b=2"},
        {"event": f"connecting to https://user:{CANARY}@x.example"},
        {"event": f"token mgf_abcdef{CANARY.replace('-', '')}ffffffffffff"},
        {"event": f"webhook whsec_{CANARY}"},
        {"path": f"/setup/{CANARY}{CANARY}"},
        {"event": f"the key is known: {CANARY}"},
        {"list": [{"deep": f"x {CANARY} y"}]},
    ],
)
def test_no_secret_reaches_the_log(entry):
    cleaned = json.dumps(Redaction([CANARY])(None, "info", dict(entry)))
    assert CANARY not in cleaned
    assert CANARY.replace("-", "") not in cleaned


@pytest.mark.parametrize(
    "entry", [{"password": CANARY}, {"url": f"postgresql://magflow:{CANARY}@db/shop"}, {"path": f"/setup/{CANARY}"}]
)
def test_names_and_shapes_give_a_secret_away_too(entry):
    assert CANARY not in json.dumps(Redaction()(None, "info", dict(entry)))


def test_what_is_no_secret_stays():
    entry = {
        "path": "/orders/7",
        "order_id": 7,
        "keyboard": "qwerty",
        "event": "order 7 finalized for ana@shop.example",
    }
    assert Redaction(["averylongsecret"])(None, "info", dict(entry)) == entry


def test_the_process_knows_its_own_secrets(settings: Settings):
    known = known_secrets(replace(settings, database_url=f"postgresql://magflow:{CANARY}@db/shop"))
    assert CANARY in known
    assert settings.secret_key in known


def test_a_line_of_the_log_is_one_object(settings: Settings, capfd: pytest.CaptureFixture[str]):
    configure(settings)
    logging.getLogger("magflow.test").warning("two\nlines %s", "x", extra={"sqlstate": "40P01"})
    logging.getLogger("magflow.test").error("with a fault", exc_info=ValueError("a\r\nb"))
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert lines[-2]["event"] == "two\nlines x"
    assert lines[-2]["sqlstate"] == "40P01"
    assert "ValueError" in lines[-1]["exception"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_changed_file_has_another_address(tmp_path: Path, settings: Settings):
    (tmp_path / "a.css").write_text("one")
    first = static.address(tmp_path, settings)
    assert static.address(tmp_path, settings) == first
    (tmp_path / "a.css").write_text("two")
    assert static.address(tmp_path, settings) != first
    assert static.address(tmp_path, replace(settings, env="development")) == "/static"
