"""Figures as people who read the language write them (screens and terms, section 10); unknown is never zero."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from magflow.settings import Settings
from magflow.web import locale
from tests.web.look_shop import make_bare_app


@pytest.fixture(scope="module")
def bare_app(settings: Settings) -> Flask:
    return make_bare_app(settings)


@pytest.mark.parametrize(
    ("language", "amount", "negative", "moment"),
    [
        ("en", "RON 1,234.50", "-RON 0.05", "5 Mar 2026, 14:05"),
        ("ro", "1.234,50 RON", "-0,05 RON", "5 mar. 2026, 14:05"),
        ("it", "1.234,50 RON", "-0,05 RON", "5 mar 2026, 14:05"),
    ],
)
def test_money_and_time(bare_app: Flask, language: str, amount: str, negative: str, moment: str) -> None:
    with bare_app.test_request_context("/", headers={"Accept-Language": language}):
        assert locale.money(Decimal("1234.50")).replace("\xa0", " ") == amount
        assert locale.money(Decimal("-0.05")).replace("\xa0", " ") == negative
        assert locale.moment(datetime(2026, 3, 5, 12, 5, tzinfo=UTC)) == moment
        assert locale.money(None) == locale.number(None) == locale.moment(None) == "—"
