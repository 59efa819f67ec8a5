"""Saved views: one's own and those that others share, opened again, renamed, first when the list opens, deleted."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.blueprints.conftest import Clerk, words


@pytest.fixture(scope="module")
def ana(module_app: Flask) -> Clerk:
    return Clerk(module_app, "owner")


@pytest.fixture(scope="module")
def bob(module_app: Flask) -> Clerk:
    return Clerk(module_app, "viewer")


def links(page: str, list_: str = "products") -> list[str]:
    """Names of the views in the menu above a list."""
    menu = re.search(r"data-views.*?</details>", page, re.DOTALL)
    assert menu is not None
    found = re.findall(rf'<a class="menu-item" href="/{list_}\?[^"]*"[^>]*>(.*?)<', menu[0], re.DOTALL)
    return [name.strip() for name in found if name.strip() != "Everything"]


def number_of(clerk: Clerk, name: str, list_: str = "products") -> str:
    page = clerk.get(f"/views/{list_}")
    cards = re.findall(rf"<strong>{name}</strong>.*?/views/{list_}/([0-9]+)", page, re.DOTALL)
    return str(cards[0])


def test_saved_opened_renamed_deleted(ana: Clerk) -> None:
    page = ana.get("/products?q=mug&sold_out=true&at=7")
    assert "Save this view…" in words(page)
    assert "q=mug&amp;sold_out=true" in ana.get("/views/products?query=q%3Dmug%26sold_out%3Dtrue%26at%3D7")
    saved = ana.send("/views/products", name="Mugs to buy", query="q=mug&sold_out=true&at=7")
    assert saved.headers["Location"] == "/products?q=mug&sold_out=true"
    assert links(ana.get("/products?saved=none")) == ["Mugs to buy"]
    assert "Save this view…" not in words(ana.get("/products?q=mug&sold_out=true"))
    twice = ana.send("/views/products", name="mugs TO buy", query="q=cup")
    assert twice.status_code == 409
    number = number_of(ana, "Mugs to buy")
    ana.send(f"/views/products/{number}", name="Mugs")
    assert links(ana.get("/products?saved=none")) == ["Mugs"]
    asked = ana.send(f"/views/products/{number}/delete")
    assert "Delete this view?" in words(asked)
    ana.send(f"/views/products/{number}/delete", agreed="yes")
    assert links(ana.get("/products?saved=none")) == []


def test_a_shared_view_is_everybody_s_and_only_its_owner_s_to_change(ana: Clerk, bob: Clerk) -> None:
    ana.send("/views/products", name="Brand A", query="brand=A", shared="true")
    ana.send("/views/products", name="Only mine", query="brand=B")
    assert links(bob.get("/products?saved=none")) == ["Brand A"]
    number = re.findall(r"/views/products/([0-9]+)/open", bob.get("/views/products"))[0]
    for path in (f"/views/products/{number}", f"/views/products/{number}/delete"):
        bob.send(path, name="Stolen", agreed="yes")
    assert links(bob.get("/products?saved=none")) == ["Brand A"]
    bob.send("/views/products", name="Mine", query="brand=C", shared="true")
    assert "Mine" not in links(ana.get("/products?saved=none"))


def test_a_list_opens_with_the_default_unless_all_was_asked_for(ana: Clerk) -> None:
    ana.send("/views/orders", name="Pending", query="view=pending", default="true")
    opened = ana.browser.get("/orders")
    assert (opened.status_code, opened.headers["Location"]) == (302, "/orders?view=pending")
    within = ana.browser.client.get("/orders", headers={"Referer": "http://localhost/orders?view=pending"})
    assert within.status_code == 200
    assert ana.browser.get("/orders?saved=none").status_code == 200
    ana.send(f"/views/orders/{number_of(ana, 'Pending', 'orders')}/open", default="false")
    assert ana.browser.get("/orders").status_code == 200


def test_filters_of_the_list_of_variants_are_kept(ana: Clerk) -> None:
    saved = ana.send("/views/variants", name="Low", query="view=active&sort=5&desc=1&page=3")
    assert saved.headers["Location"] == "/products/variants/?view=active&sort=5&desc=1"
    assert links(ana.get("/products/variants/?saved=none"), "products/variants/") == ["Low"]


def test_nonsense_is_refused(ana: Clerk, bob: Clerk) -> None:
    assert ana.browser.get("/views/customers").status_code == 404
    assert ana.send("/views/products", name="", query="q=a").status_code == 422
    assert ana.send("/views/products", name="Long", query="q=" + "a" * 2_500).status_code == 422
    evil = ana.send("/views/products", name="Evil", query="q=a&next=//evil.example%0d%0aX: y")
    assert evil.headers["Location"] == "/products?q=a&next=%2F%2Fevil.example%0D%0AX%3A+y"
    assert bob.send("/views/products/987654321", name="X").status_code == 303
