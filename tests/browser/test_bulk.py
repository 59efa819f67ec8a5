"""Changing many variants in a browser: chosen, previewed, agreed to, done, undone; and while a job does it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from magflow.blueprints.variants.tasks import carry_out
from magflow.db import db
from magflow.models import BulkEdit, Variant
from magflow.services import generation, variants
from magflow.services.variants import EditVariant
from tests.browser.conftest import Person, new_person
from tests.browser.test_generate import look
from tests.shop import ANA, make_product, make_variant

pytestmark = pytest.mark.browser


def price(app: Flask, variant: Any) -> Decimal:
    with app.app_context():
        found = db.session.get_one(Variant, variant.id).price
        db.session.remove()
    return found


@pytest.fixture(scope="module")
def mugs(module_app: Flask) -> list[Any]:
    with module_app.app_context():
        named = [("Walrus mug", "100.00", 5), ("Walrus cup", "19.99", 0), ("Walrus jug", "0.00", 2)]
        made = [make_variant(make_product(name=n), price=p, stock=s, sku=n.upper()[-3:]) for n, p, s in named]
        make_variant(make_product(name="Other"), price="5.00", sku="OTHER")
    return made


def test_ticked_previewed_applied_undone(ana: Person, module_app: Flask, mugs: list[Any]) -> None:
    page = ana.go("/products/variants/")
    look(page, "variants")
    for sku in ("MUG", "CUP"):
        page.locator("tr", has_text=sku).first.locator(".pick").check()
    ana.press("[data-bulk] button[value=edit_in_bulk]")
    assert "2 variants" in page.inner_text(".page-head")
    page.select_option("[name=what]", "price:percent")
    page.fill("[name=value]", "10")
    page.select_option("[name=rounding]", ".99")
    ana.press("[data-look]")
    assert page.locator("[data-preview] .counts dd").all_inner_texts() == ["2", "0", "0"]
    rows = page.locator("[data-preview] tbody tr").all_inner_texts()
    assert "100.00" in rows[0] and "109.99" in rows[0] and "21.99" in rows[1]
    look(page, "bulk-preview")
    ana.press("[data-preview] [data-save]")
    ana.hears("2 variants were changed")
    assert price(module_app, mugs[0]) == Decimal("109.99")
    look(page, "bulk-result")

    page.click("text=Undo")
    ana.agree()
    ana.hears("2 variants were set back")
    assert price(module_app, mugs[0]) == Decimal("100.00")


def test_all_that_match_the_filter_and_a_second_change(ana: Person, module_app: Flask, mugs: list[Any]) -> None:
    page = ana.go("/products/variants/?search=CUP")
    ana.press("text=Change all that match")
    assert "1 variant" in page.inner_text(".page-head")
    page.select_option("[name=what]", "price:set")
    expect(page.locator("[data-rounding]").first).to_be_hidden()
    page.fill("[name=value]", "0")
    page.click("[data-add-change]")
    page.locator("[name=what]").nth(1).select_option("stock:add")
    page.locator("[name=value]").nth(1).fill("-1")
    ana.press("[data-look]")
    assert "It would fall below zero." in page.inner_text(".refused")
    expect(page.locator("[data-save]")).to_have_count(0)
    look(page, "bulk-refused")

    page.locator("[data-drop]").nth(1).click()
    ana.press("[data-look]")
    assert "1 price becomes 0." in page.inner_text("[data-preview]")
    ana.press("[data-save]")
    ana.hears("tick the box")
    page.check("[name=confirmed]")
    ana.press("[data-save]")
    assert price(module_app, mugs[1]) == 0


def test_what_was_touched_since_is_named_when_undone(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        pot = make_product(name="Pot", options={"Size": ["S", "M"]})
        small, large = (make_variant(pot, values=[("Size", s)], price="10.00", sku=f"POT-{s}") for s in "SM")
    page = ana.go(f"/products/{pot.id}")
    page.click(".page-actions summary")
    ana.press("text=Change in bulk")
    page.select_option("[name=what]", "price:add")
    page.fill("[name=value]", "1.50")
    ana.press("[data-look]")
    ana.press("[data-preview] [data-save]")
    result = page.url
    with module_app.app_context():
        variants.edit(EditVariant(small.id, {"title": "Mine"}), actor=ANA)
    page.click("text=Undo")
    ana.agree()
    assert "1 variant was not set back" in page.inner_text("main")
    assert "It was changed since." in page.inner_text("main")
    assert (price(module_app, small), price(module_app, large)) == (Decimal("11.50"), Decimal("10.00"))

    page.goto(result)
    ana.go("/products/bulk-edits")
    look(page, "bulk-list")


def test_another_change_in_between_is_shown_before_anything_is_done(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        pan = make_variant(make_product(name="Pan"), price="10.00", sku="PAN")
    page = ana.go(f"/products/variants/bulk-edit?ids={pan.id}")
    page.select_option("[name=what]", "price:add")
    page.fill("[name=value]", "1")
    ana.press("[data-look]")
    with module_app.app_context():
        variants.edit(EditVariant(pan.id, {"price": Decimal("50.00")}), actor=ANA)
    ana.press("[data-preview] [data-save]")
    ana.hears("would do something else by now")
    assert "51.00" in page.inner_text("[data-preview]")
    assert price(module_app, pan) == Decimal("50.00")


def test_a_large_one_shows_how_far_it_is_and_then_what_it_did(ana: Person, module_app: Flask) -> None:
    with module_app.app_context():
        many = make_product(name="Many", options={o: [f"{o}{n}" for n in range(s)] for o, s in (("A", 33), ("B", 62))})
        generation.generate(generation.Generate(many.id, price=Decimal("10.00")), actor=ANA)
    page = ana.go(f"/products/variants/bulk-edit?product_id={many.id}")
    page.select_option("[name=what]", "price:percent")
    page.fill("[name=value]", "10")
    ana.press("[data-look]")
    ana.press("[data-preview] [data-save]")
    expect(page.locator("progress")).to_be_visible()
    look(page, "bulk-waiting")
    with module_app.app_context():
        queued = db.session.query(BulkEdit.id).filter_by(status="queued").scalar()
        db.session.remove()
        carry_out(bulk_edit_id=queued, actor="ana@shop.example")
    expect(page.locator(".badge", has_text="Done")).to_be_visible()
    assert "2,046" in page.inner_text(".counts")


def test_without_scripts_a_change_is_made_and_undone(
    chromium: Browser, address: str, session_cookies: Any, module_app: Flask
) -> None:
    with module_app.app_context():
        lid = make_variant(make_product(name="Lid"), price="10.00", sku="LID")
    person, context = new_person(chromium, address, storage_state=session_cookies, java_script_enabled=False)
    page = person.page
    page.goto(f"{address}/products/variants/bulk-edit?ids={lid.id}")
    page.select_option("[name=what]", "price:add")
    page.fill("[name=value]", "−1")
    page.click("[data-look]")
    page.click("[data-preview] [data-save]")
    assert price(module_app, lid) == Decimal("9.00")
    page.click("noscript button")
    page.click("main button[value=yes]")
    assert price(module_app, lid) == Decimal("10.00")
    context.close()
