"""Options read from titles in a browser: one confirmed, one corrected, one skipped, the rest by confidence."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import text

from magflow.blueprints.variants import tasks
from magflow.db import db
from magflow.queries import catalogue
from magflow.services import title_confirmations
from magflow.services.title_confirmations import LARGEST
from tests.browser.conftest import Person, new_person
from tests.browser.test_generate import look
from tests.shop import ANA, make_product, make_variant

pytestmark = pytest.mark.browser

SKUS = (
    "TRICOU-ROSU-M", "TRICOU-NEGRU-L", "TRICOU-ALB-S", "TRICOU-VERDE-INCHIS-M", "TRICOU-ALB-NEGRU-L", "TRICOU-X",
    "TRICOU-NEGRU-M", "TRICOU-ROSU-XL",
)  # fmt: skip


@pytest.fixture(scope="module")
def shirt(module_app: Flask) -> Any:
    with module_app.app_context():
        options = {"Culoare": ["Roșu", "Negru", "Alb"], "Mărime": ["S", "M", "L"]}
        product = make_product(name="Tricou", options=options)
        for n, sku in enumerate(SKUS):
            make_variant(product, sku=sku, active=n == 0)
        db.session.remove()
    return product


def held(app: Flask, product: Any) -> dict[str, str]:
    with app.app_context():
        rows = catalogue.product_page(db.session(), product.id).variants
        found = {row.variant.sku: row.label for row in rows}
        db.session.remove()
    return found


def test_read_confirmed_corrected_skipped(ana: Person, module_app: Flask, shirt: Any) -> None:
    page = ana.go(f"/products/{shirt.id}")
    assert "8 variants came without options" in page.inner_text("main")
    look(page, "titles-product")
    ana.press("main .flash >> text=Read options from titles")
    look(page, "titles")
    row = page.locator("tr", has_text="TRICOU-ROSU-M")
    assert "Certain" in row.inner_text()
    assert "“ROSU” in the SKU is the value itself." in row.inner_text()
    assert "Unsure" in page.locator("tr", has_text="TRICOU-ALB-NEGRU-L").inner_text()

    ana.press("tr:has-text('TRICOU-ROSU-M') >> text=Confirm")
    ana.hears("1 variant has its options now.")
    odd = page.locator("tr", has_text="TRICOU-X")
    assert "Neither title nor SKU" in odd.inner_text()
    odd.locator("select").nth(0).select_option(label="Alb")
    odd.locator("select").nth(1).select_option(label="L")
    ana.press("tr:has-text('TRICOU-X') >> button:has-text('Confirm')")
    ana.press("tr:has-text('TRICOU-ALB-NEGRU-L') >> button:has-text('Skip')")
    ana.hears("1 variant is skipped.")
    ana.press("[data-sure=certain]")
    look(page, "titles-ask")
    assert "3 variants get the values" in page.inner_text("main")
    ana.press("button[name=agreed]")
    ana.hears("3 variants have their options now.")

    after = held(module_app, shirt)
    assert {sku: after[sku] for sku in ("TRICOU-ROSU-M", "TRICOU-X", "TRICOU-NEGRU-L", "TRICOU-ALB-NEGRU-L")} == {
        "TRICOU-ROSU-M": "Roșu, M", "TRICOU-X": "Alb, L", "TRICOU-NEGRU-L": "Negru, L", "TRICOU-ALB-NEGRU-L": "",
    }  # fmt: skip
    ana.press("text=Skipped")
    page.locator("tr", has_text="TRICOU-ALB-NEGRU-L").locator(".pick").check()
    ana.press("[data-bulk] button[value=unskip]")
    ana.hears("1 variant is suggested again.")
    look(page, "titles-none-skipped")


@pytest.mark.parametrize("language", ["ro", "it"])
def test_on_a_phone_in_other_languages(
    chromium: Browser, address: str, session_cookies: Any, shirt: Any, language: str
) -> None:
    options = {"viewport": {"width": 390, "height": 844}, "locale": language, "storage_state": session_cookies}
    person, context = new_person(chromium, address, **options)
    page = person.go("/products/titles?new=true")
    look(page, f"titles-{language}-390")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert "Nothing is changed before" not in page.inner_text("main")
    context.close()
    assert person.complaints == []


def test_more_than_can_be_shown_is_gone_through_by_a_worker(ana: Person, module_app: Flask) -> None:
    # What is sure stands behind ten thousand that say nothing: it must be reached all the same.
    with module_app.app_context():
        product = make_product(name="Sticle", options={"Volum": [f"{n} ml" for n in range(1, 6)]})
        with db.engine.begin() as connection:
            made = (
                "INSERT INTO variants (product_id, sku, title, status) SELECT :id, 'B-' || n, "
                "CASE WHEN n > :clear THEN 'Sticla ' || n - :clear || ' ml' ELSE 'Sticla' END, 1 "
                "FROM generate_series(1, :clear + 5) n"
            )
            connection.execute(text(made), {"id": product.id, "clear": LARGEST})
    page = ana.go(f"/products/{product.id}/titles")
    ana.press("[data-sure=likely]")
    look(page, "titles-ask-many")
    assert "All 10,005 variants that wait are looked at" in page.inner_text("main")
    ana.press("button[name=agreed]")
    number = int(page.url.rsplit("/", 1)[1])
    with module_app.app_context():
        tasks.confirm_titles(confirmation_id=number, actor=ANA.name)
        assert title_confirmations.confirmation(db.session(), number).confirmed == 5
        assert title_confirmations.waiting(db.session(), product.id) == LARGEST
        db.session.remove()
    ana.go(f"/products/titles/confirmations/{number}")
    look(page, "titles-done-many")
    assert "Left alone" in page.inner_text("main")
