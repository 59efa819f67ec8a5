"""Generating variants and pricing them by a template, as a person does it in a browser, and without scripts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from magflow.db import db
from magflow.queries import catalogue
from magflow.services import generation, variants
from tests.browser.conftest import Person, new_person
from tests.shop import ANA, make_product

pytestmark = pytest.mark.browser
SHIRT = {"Color": ["Red", "Blue", "Green"], "Size": ["S", "M", "L", "XL"]}


def look(page: Page, name: str) -> None:
    """Keep a picture where one is asked for, wide and narrow."""
    folder = os.environ.get("MAGFLOW_PICTURES")
    if not folder:
        return
    size = page.viewport_size
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} overflows at {width}"
    if size:
        page.set_viewport_size(size)


def active(app: Flask, product: Any) -> dict[str, Any]:
    with app.app_context():
        page = catalogue.product_page(db.session(), product.id)
        found = {row.label: row.variant for row in page.variants if row.variant.status == 0}
        db.session.remove()
    return found


def make_shirt(app: Flask, name: str, options: dict[str, list[str]] | None = None) -> Any:
    with app.app_context():
        return make_product(name=name, options=options or SHIRT)


def test_the_shirt_of_the_reference_case(ana: Person, module_app: Flask) -> None:
    shirt = make_shirt(module_app, "T-shirt")
    page = ana.go(f"/products/{shirt.id}")
    ana.press("text=Generate variants")
    assert "Combinations: 12 (3 × 4)" in re.sub(r"\s+", " ", page.inner_text("[data-sum]"))
    page.click("[data-insert='{product}']")
    page.keyboard.type("/")
    page.click("[data-insert='{Size}']")
    expect(page.locator("[data-live-samples] code").first).to_have_text("T-SHIRT/S")
    page.fill("[name=price]", "49.90")
    expect(page.locator("[data-live-samples] .figures").first).to_contain_text("49.90")
    expect(page.locator("[data-live-said]")).to_have_text("To create: 12")
    look(page, "generate")
    ana.press("[data-look]")
    assert page.locator("[data-preview] dd").all_inner_texts() == ["12", "0", "0", "0"]
    look(page, "generate-preview")
    ana.press("[data-preview] [data-save]")
    ana.hears("Created: 12")

    green = active(module_app, shirt)["Green, XL"]
    with module_app.app_context():
        variants.set_active(green.id, False, actor=ANA)
    for mode, counts, said in (("missing", ["0", "0", "11", "1"], None), ("all", ["0", "1", "11", "0"], "again: 1")):
        ana.go(f"/products/{shirt.id}/generate")
        page.check(f"[name=mode][value={mode}]")
        ana.press("[data-look]")
        assert page.locator("[data-preview] dd").all_inner_texts() == counts
        if said is None:
            assert page.locator("[data-save]").count() == 0
        else:
            ana.press("[data-preview] [data-save]")
            ana.hears(said)
    assert len(active(module_app, shirt)) == 12


def test_five_types_are_chosen_by_value_and_counted_while_ticking(ana: Person, module_app: Flask) -> None:
    options = {name: [f"{name}{n}" for n in range(10 if name in "AB" else 5)] for name in "ABCDE"}
    thing = make_shirt(module_app, "Complex", options)
    page = ana.go(f"/products/{thing.id}/generate")
    assert "12,500" in page.inner_text("[data-sum]")
    expect(page.locator("[data-over]")).to_be_visible()
    expect(page.locator("[data-live-problem]")).to_contain_text("12500")
    ana.press("[data-look]")
    assert "12500" in ana.said() and page.locator("[data-preview]").count() == 0

    page.check("[name=mode][value=selected]")
    expect(page.locator("[data-look]")).to_be_disabled()
    look(page, "generate-five")
    for axis in page.locator("[data-axis]").all():
        axis.locator("[data-none]").click()
        axis.locator("label").nth(0).click()
        axis.locator("label").nth(1).click()
    expect(page.locator("[data-sum]")).to_have_text(re.compile(r"Combinations:\s+32\s+\(2 × 2 × 2 × 2 × 2\)"))
    ana.press("[data-look]")
    ana.press("[data-preview] [data-save]")
    assert len(active(module_app, thing)) == 32


def test_a_pattern_with_an_unknown_name_says_which_are_known(ana: Person, module_app: Flask) -> None:
    shirt = make_shirt(module_app, "Patterned")
    page = ana.go(f"/products/{shirt.id}/generate")
    page.fill("[name=sku_pattern]", "{Material}")
    expect(page.locator("[data-live-problem]")).to_contain_text("Color")
    ana.press("[data-look]")
    assert "Color" in page.inner_text("#f-sku_pattern-error")


def test_without_scripts_and_on_a_phone_in_romanian(
    chromium: Browser, address: str, session_cookies: Any, module_app: Flask
) -> None:
    shirt = make_shirt(module_app, "Tricou", {"Culoare": ["Roșu", "Verde"], "Mărime": ["S", "M"]})
    person, context = new_person(
        chromium,
        address,
        storage_state=session_cookies,
        java_script_enabled=False,
        locale="ro-RO",
        viewport={"width": 390, "height": 844},
    )
    page = person.page
    page.goto(f"{address}/products/{shirt.id}/generate")
    page.check("[name=mode][value=selected]")
    page.uncheck("text=Verde")
    page.fill("[name=price]", "1.049,90")
    page.click("[data-look]")
    assert page.locator("[data-preview] dd").first.inner_text() == "2"
    page.click("[data-preview] [data-save]")
    context.close()
    made = active(module_app, shirt)
    assert {label: str(v.price) for label, v in made.items()} == {"Roșu, S": "1049.90", "Roșu, M": "1049.90"}


def test_prices_by_template_previewed_applied_undone(ana: Person, module_app: Flask) -> None:
    shirt = make_shirt(module_app, "Priced")
    with module_app.app_context():
        generation.generate(generation.Generate(shirt.id), actor=ANA)
    page = ana.go("/products/price-templates")
    ana.press("text=New price template")
    page.fill("[name=name]", "Sizes")
    for n, (value, amount, kind) in enumerate((("M", "2", "amount"), ("L", "5", "percent"))):
        page.click("[data-add-rule]")
        row = page.locator("[data-rule]").nth(n)
        row.locator("[name=rule_option]").fill("Size")
        row.locator("[name=rule_value]").fill(value)
        row.locator("[name=rule_amount]").fill(amount)
        row.locator("[name=rule_kind]").select_option(kind)
    look(page, "template")
    ana.press("[data-save]")
    ana.hears("is saved")
    assert page.locator("[data-rule]").count() == 2
    ana.go("/products/price-templates")
    look(page, "templates")

    ana.go(f"/products/{shirt.id}/price-template")
    page.select_option("[name=price_template_id]", label="Sizes")
    page.fill("[name=base_price]", "40")
    ana.press("button.button-main")
    look(page, "template-preview")
    ana.press("[data-save]")
    ana.hears("tick the box")  # from 0 to 40 is a large change
    page.check("[name=confirmed]")
    ana.press("[data-save]")
    ana.hears("12 prices were changed")
    prices = {label: str(v.price) for label, v in active(module_app, shirt).items()}
    assert (prices["Red, S"], prices["Red, M"], prices["Red, L"]) == ("40.00", "42.00", "42.00")
    look(page, "template-result")
    page.click("text=Undo")
    ana.agree()
    assert {str(v.price) for v in active(module_app, shirt).values()} == {"0.00"}
