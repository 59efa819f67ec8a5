"""What holds for the whole shop is decided on one page, in the way that people write it."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.db import db
from magflow.services import settings_store
from tests.web.conftest import Browser, make_user, signed_in


@pytest.fixture
def boss(site: Flask) -> Browser:
    return signed_in(site, make_user(site))


def rate(site: Flask) -> str:
    with site.app_context():
        return str(settings_store.vat_rate(db.session()))


@pytest.mark.parametrize(
    ("language", "written", "kept"), [("ro", "9,5", "9.50"), ("en", "19.25", "19.25"), ("it", "22", "22.00")]
)
def test_the_vat_rate_is_written_as_people_write_it(site: Flask, boss, language, written, kept):
    boss.post("/language", {"locale": language}, form="/settings/profile")
    assert boss.post("/settings/shop", {"vat_rate": written}).status_code == 303
    assert rate(site) == kept
    assert f'value="{written}"' in boss.get("/settings/shop").get_data(as_text=True)


@pytest.mark.parametrize("written", ["", "-1", "101", "9.123", "nineteen", "NaN", "1" * 5000, "9,5,5"])
def test_a_rate_that_is_none_changes_nothing(site: Flask, boss, written):
    before = rate(site)
    answer = boss.post("/settings/shop", {"vat_rate": written})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    assert rate(site) == before


def test_a_change_is_written_down_with_who_made_it(site: Flask, boss, owner):
    boss.post("/settings/shop", {"vat_rate": "5"})
    boss.post("/settings/shop", {"vat_rate": "5"})
    rows = owner.execute(
        "SELECT count(*) FROM audit_log WHERE table_name = 'settings' AND new ->> 'value' = '5.00'"
    ).fetchone()
    assert rows == (1,)
