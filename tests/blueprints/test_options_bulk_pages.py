"""The options of many products over pages: chosen in the list, previewed, done, reported; renamed for the shop."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from magflow.db import db
from magflow.services import generation
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA, make_product


@pytest.fixture(scope="module")
def jackets(module_app: Flask) -> list[Any]:
    with module_app.app_context():
        made = [make_product(name=f"Jacket {n}", options={"Color": ["Red", "Green"]}) for n in (1, 2)]
        for product in made:
            generation.generate(generation.Generate(product.id, price=Decimal(10)), actor=ANA)
        db.session.remove()
    return made


def test_chosen_previewed_done_reported(owner_page: Clerk, jackets: list[Any]) -> None:
    listed = owner_page.get("/products?q=jacket")
    assert listed.count('name="rowid"') == 2
    assert "2 products" in words(owner_page.get("/products/options?q=jacket"))
    ids = "-".join(str(p.id) for p in jackets)
    sent = {"ids": ids, "mode": "remove", "option_name": "Color", "option_values": "Green"}
    shown = owner_page.send("/products/options", **sent)
    said = words(shown)
    assert "Nothing is changed yet." in said
    assert said.count("Color: Green") == 2
    [fingerprint] = re.findall(r'name="fingerprint" value="([0-9a-f]{64})"', shown.get_data(as_text=True))
    done = owner_page.send("/products/options", **sent, fingerprint=fingerprint)
    assert done.status_code == 303
    report = words(owner_page.get(done.headers["Location"]))
    assert "2 products are changed." in report
    assert "Jacket 1 0 0 1" in report


def test_nothing_is_done_on_another_plan_or_without_an_option(owner_page: Clerk, jackets: list[Any]) -> None:
    ids = "-".join(str(p.id) for p in jackets)
    sent = {"ids": ids, "mode": "add", "option_name": "Size", "option_values": "S"}
    other = owner_page.send("/products/options", **sent, fingerprint="0" * 64)
    assert "It would do something else by now." in words(other)
    assert "Name an option first." in words(owner_page.send("/products/options", ids=ids, mode="add"))
    assert owner_page.send("/products/options", ids="x", mode="add").status_code == 422


def test_renamed_once_agreed(owner_page: Clerk, jackets: list[Any]) -> None:
    sent = {"ids": str(jackets[0].id), "option": "Color", "value": "Red", "name": "Crimson"}
    asked = words(owner_page.send("/products/options/rename", **sent))
    assert "Rename Red to Crimson?" in asked
    assert "2 products of the shop have it." in asked
    done = owner_page.send("/products/options/rename", **sent, agreed="yes")
    assert "Red is called Crimson now." in words(owner_page.get(done.headers["Location"]))
    gone = owner_page.send("/products/options/rename", **sent)
    assert "There is no such option or value." in words(gone)


def test_a_viewer_has_no_part_in_it(viewer: Clerk) -> None:
    assert 'name="rowid"' not in viewer.get("/products")
    assert viewer.browser.get("/products/options").status_code == 403
