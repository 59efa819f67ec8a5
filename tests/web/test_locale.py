"""The language of an answer is the reader's, and every word of ours exists in it."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import force_locale

from magflow.web import locale
from magflow.web.locale import CATALOGUES, ngettext
from tests.web.conftest import Browser, make_token, make_user, signed_in

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = ("ro", "it")
KEYWORDS = ["_l", "lazy_gettext", "lazy_pgettext:1c,2", "lazy_ngettext:1,2"]


def language_of(answer) -> str:
    return answer.get_data(as_text=True).split('<html lang="')[1][:2]


# --- which one -------------------------------------------------------------------------------------------------------


def test_the_browser_decides_for_a_stranger(site: Flask):
    for accepted, code in (("it", "it"), ("ro-RO,ro;q=0.9,en;q=0.5", "ro"), ("de, en;q=0.3", "en")):
        assert language_of(Browser(site).get("/sign-in", headers={"Accept-Language": accepted})) == code


def test_without_a_wish_it_is_the_shop_s_language(site: Flask):
    for accepted in ("", "de", "*;q=0.1, de"):
        answer = Browser(site).get("/sign-in", headers={"Accept-Language": accepted})
        assert language_of(answer) in {site.config["MAGFLOW"].locale, "en"}


def test_a_choice_is_kept_by_the_browser(site: Flask):
    browser = Browser(site)
    answer = browser.post("/language", {"locale": "it", "next": "/sign-in"}, form="/sign-in")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert language_of(browser.get("/sign-in", headers={"Accept-Language": "en"})) == "it"


def test_a_person_s_language_goes_before_the_browser_s(site: Flask):
    ana = make_user(site)
    first = signed_in(site, ana)
    first.post("/language", {"locale": "ro", "next": "/"}, form="/settings/profile")
    elsewhere = signed_in(site, ana)
    elsewhere.client.set_cookie("magflow_locale", "it")
    assert language_of(elsewhere.get("/", headers={"Accept-Language": "en"})) == "ro"


@pytest.mark.parametrize("code", ["", "de", "../en", "ro ro", "x" * 2000])
def test_a_language_that_is_none_changes_nothing(site: Flask, code):
    browser = Browser(site)
    browser.post("/language", {"locale": code}, form="/sign-in")
    browser.client.set_cookie("magflow_locale", code)
    assert language_of(browser.get("/sign-in", headers={"Accept-Language": "it"})) == "it"


def test_the_api_looks_at_no_cookie(site: Flask):
    client = site.test_client()
    client.set_cookie("magflow_locale", "it")
    headers = {"Authorization": f"Bearer {make_token(site)}", "Accept-Language": "ro"}
    answer = client.get("/api/v1/notes?limit=0", headers=headers)
    with site.test_request_context(), force_locale("ro"):
        assert answer.json["errors"][0]["message"] == locale._(
            "It must be from %(least)s to %(limit)s.", least=1, limit=200
        )


# --- how it writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "money", "number", "day", "moment"),
    [
        ("en", "RON 1,234.50", "1,234.5", "5 Mar 2026", "5 Mar 2026, 14:05"),
        ("ro", "1.234,50 RON", "1.234,5", "5 mar. 2026", "5 mar. 2026, 14:05"),
        ("it", "1.234,50 RON", "1.234,5", "5 mar 2026", "5 mar 2026, 14:05"),
    ],
)
def test_money_and_times_are_written_as_people_write_them(site: Flask, code, money, number, day, moment):
    at = datetime(2026, 3, 5, 12, 5, tzinfo=UTC)
    with site.test_request_context(), force_locale(code):
        assert locale.money(Decimal("1234.50")).replace("\xa0", " ") == money
        assert locale.number(Decimal("1234.5")) == number
        assert locale.day(date(2026, 3, 5)) == day
        assert locale.day(at) == day
        assert locale.moment(at) == moment
        assert locale.money(None) == locale.moment(None) == locale.number(None) == locale.day(None) == "—"


def test_the_last_hour_of_summer_time_is_told_as_the_shop_s_clock_shows_it(site: Flask):
    with site.test_request_context(), force_locale("en"):
        assert locale.moment(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "25 Oct 2026, 03:30"
        assert locale.moment(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "25 Oct 2026, 03:30"


@pytest.mark.parametrize(
    ("count", "form"), [(1, 0), (2, 1), (0, 1), (19, 1), (20, 2), (100, 2), (101, 1), (119, 1), (120, 2)]
)
def test_romanian_has_three_plurals(site: Flask, count, form):
    catalogue = read_po(io.BytesIO((CATALOGUES / "ro" / "LC_MESSAGES" / "messages.po").read_bytes()))
    message = catalogue.get("%(num)d field must be corrected.")
    assert message is not None
    with site.test_request_context(), force_locale("ro"):
        said = ngettext("%(num)d field must be corrected.", "%(num)d fields must be corrected.", count)
    assert said == message.string[form] % {"num": count}


# --- complete --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wanted() -> set[tuple[str | None, str]]:
    """Every message id of the code and the templates, as `make messages` finds them."""
    method_map, options_map = parse_mapping_cfg(io.StringIO((ROOT / "babel.cfg").read_text(encoding="utf-8")))
    keywords = {**parse_keywords(KEYWORDS), **DEFAULT_KEYWORDS}
    found = set()
    for _file, _line, message, _comments, context in extract_from_dir(
        str(ROOT), method_map, options_map, keywords=keywords, directory_filter=lambda path: ".venv" not in path
    ):
        found.add((context, message[0] if isinstance(message, tuple) else message))
    assert len(found) > 300
    return {(context, message) for context, message in found if message}


@pytest.mark.parametrize("code", TRANSLATED)
def test_nothing_is_left_in_english(code, wanted):
    catalogue = read_po(io.BytesIO((CATALOGUES / code / "LC_MESSAGES" / "messages.po").read_bytes()), locale=code)
    missing = []
    for context, message_id in sorted(wanted, key=str):
        message = catalogue.get(message_id, context)
        texts = (message.string if isinstance(message.string, tuple) else [message.string]) if message else [""]
        if message is None or message.fuzzy or not all(texts):
            missing.append(message_id)
    assert not missing, f"{len(missing)} messages without {code}; run `make messages` and translate: {missing[:20]}"


@pytest.mark.parametrize("code", TRANSLATED)
def test_placeholders_survive_translation(code):
    catalogue = read_po(io.BytesIO((CATALOGUES / code / "LC_MESSAGES" / "messages.po").read_bytes()), locale=code)
    broken = [(str(message.id), str(error)) for message, errors in catalogue.check() for error in errors]
    assert not broken


def test_romanian_is_written_with_a_comma_below():
    text = (CATALOGUES / "ro" / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")
    assert not set(text) & set("ŞşŢţ")


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_is_shown_is_what_was_translated(code):
    folder = CATALOGUES / code / "LC_MESSAGES"
    catalogue = read_po(io.BytesIO((folder / "messages.po").read_bytes()), locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert compiled.getvalue() == (folder / "messages.mo").read_bytes(), (
        "run `make messages`: the .mo is older than the .po"
    )


def test_the_extraction_runs_as_documented(tmp_path):
    target = tmp_path / "messages.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "babel.cfg"]
    for keyword in KEYWORDS:
        command += ["-k", keyword]
    subprocess.run([*command, "--no-location", "-o", str(target), "."], cwd=ROOT, check=True)
    assert "Sign in to MagFlow" in target.read_text(encoding="utf-8")
