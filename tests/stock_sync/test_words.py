"""What alerts are called, as people read it: one unit is not several."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import force_locale

from magflow.blueprints.stock_sync import words
from magflow.domain.stock_sync import Thresholds, analyse
from tests.stock_sync.test_rules import NOW, facts

UNITS = [
    ("en", 1, "FBE ranks 1 with 1 unit"),
    ("en", 2, "FBE ranks 1 with 2 units"),
    ("ro", 1, "FBE e pe poziția 1, cu 1 bucată"),
    ("ro", 2, "FBE e pe poziția 1, cu 2 bucăți"),
    ("ro", 20, "FBE e pe poziția 1, cu 20 de bucăți"),
    ("it", 1, "FBE è in posizione 1 con 1 pezzo"),
    ("it", 2, "FBE è in posizione 1 con 2 pezzi"),
]


@pytest.mark.parametrize(("language", "units", "title"), UNITS)
def test_a_rank_is_told_with_its_units(app: Flask, language: str, units: int, title: str) -> None:
    offers = [facts("main", 40, rank=2), facts("fbe", units, rank=1)]
    [finding] = [f for f in analyse("X", 1, offers, Thresholds(), NOW).findings if f.cause == "better_rank"]
    with app.test_request_context(), force_locale(language):
        assert words.headline(finding) == title


def test_what_happened_to_goods(app: Flask) -> None:
    with app.test_request_context(), force_locale("ro"):
        assert words.happened("received", 1) == "1 bucată a sosit"
        assert words.happened("left", 20) == "20 de bucăți au plecat"
        assert words.asked_for(2) == "Cerut: 2 bucăți"
    assert words.by("stock_sync.advance_transfers") == "MagFlow"
    assert [words.by(name) for name in ("ana@shop.example", "root")] == ["ana@shop.example", "root"]
