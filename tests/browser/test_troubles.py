"""Orphans and incomplete variants in a browser: given other values, kept, deactivated, and set back."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from magflow.db import db
from magflow.queries import catalogue
from magflow.services import generation, products
from magflow.services.options import OptionInput
from magflow.services.products import SetOptions
from tests.browser.conftest import Person, new_person
from tests.browser.test_generate import look
from tests.shop import ANA, make_product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shirt(module_app: Flask) -> Any:
    """Red and Green in S and M; then Green is no longer offered, and Blue and a cut are new."""
    with module_app.app_context():
        product = make_product(name="Linen shirt", options={"Color": ["Red", "Green"], "Size": ["S", "M"]})
        generation.generate(generation.Generate(product.id, stock=3), actor=ANA)
        options = {"Color": ("Red", "Blue"), "Size": ("S", "M"), "Cut": ("Slim", "Wide")}
        inputs = [OptionInput(name, values) for name, values in options.items()]
        products.set_options(SetOptions(product.id, inputs), actor=ANA)
        db.session.remove()
    return product


def held(app: Flask, product: Any) -> list[tuple[str, int]]:
    with app.app_context():
        found = catalogue.product_page(db.session(), product.id).variants
        labels = [(row.label, row.variant.status) for row in sorted(found, key=lambda row: row.variant.id)]
        db.session.remove()
    return labels


@pytest.mark.parametrize("language", ["ro", "it"])
def test_on_a_phone_in_other_languages(
    chromium: Browser, address: str, session_cookies: Any, shirt: Any, language: str
) -> None:
    options = {"viewport": {"width": 390, "height": 844}, "locale": language, "storage_state": session_cookies}
    person, context = new_person(chromium, address, **options)
    page = person.go("/products/troubles")
    look(page, f"troubles-{language}-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "is no longer offered" not in page.inner_text("main")
    person.press("[data-all]")
    look(page, f"troubles-handle-{language}-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "Leave it" not in page.inner_text("main")
    context.close()
    assert person.complaints == []


def test_orphans_get_other_values(ana: Person, module_app: Flask, shirt: Any) -> None:
    page = ana.go("/products")
    assert page.inner_text(".nav-link[aria-current] .count") == "4"
    ana.press("main >> text=Orphans and incomplete >> nth=0")
    look(page, "troubles")
    row = page.locator("tr", has_text="GREEN").first
    assert "Green is no longer offered." in row.inner_text()
    assert "It lacks a value for Cut." in row.inner_text()

    ana.press("[data-all]")
    look(page, "troubles-handle")
    page.get_by_label("Color: Green").select_option(label="Blue")
    page.get_by_label("Cut, where it is lacking").select_option(label="Slim")
    ana.press("[data-look]")
    look(page, "troubles-preview")
    assert "Green, S" in page.inner_text("[data-preview]")
    assert held(module_app, shirt)[0][0] == "Red, S"
    ana.press("[data-save]")
    ana.hears("4 variants have their new values.")
    expect(page.locator("main tbody tr")).to_have_count(4)
    expect(page.locator("main tbody tr").nth(2)).to_contain_text("Green, S")
    look(page, "troubles-done")
    assert held(module_app, shirt) == [
        ("Red, S, Slim", 0), ("Red, M, Slim", 0), ("Blue, S, Slim", 0), ("Blue, M, Slim", 0)
    ]  # fmt: skip

    with module_app.app_context():
        inputs = [OptionInput("Color", ("Red",)), OptionInput("Size", ("S", "M")), OptionInput("Cut", ("Slim",))]
        products.set_options(SetOptions(shirt.id, inputs), actor=ANA)
        db.session.remove()
    ana.go("/products/troubles")
    page.locator(".pick").first.check()
    ana.press("[data-bulk] button[value=keep]")
    look(page, "troubles-keep")
    ana.press("[data-save]")
    ana.hears("1 variant is kept as it is.")
    page.locator(".pick").first.check()
    ana.press("[data-bulk] button[value=deactivate]")
    ana.press("[data-save]")
    ana.hears("1 variant is a draft now.")
    page.click("text=Undo")
    ana.agree()
    assert [status for _label, status in held(module_app, shirt)] == [0, 0, 0, 0]
