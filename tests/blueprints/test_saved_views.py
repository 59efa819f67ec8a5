"""Saved views: one's own and those that others share, opened again, renamed, first when the list opens, deleted."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from magflow.domain.pictures import picture
from magflow.services import images
from magflow.services.images import NewImage
from tests.blueprints.conftest import Clerk, words
from tests.pictures import picture_file
from tests.services.test_grid import statements
from tests.shop import ANA, make_product, make_variant


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


def heads(page: str) -> list[str]:
    """The names over the columns of a list."""
    table = re.search(r"<thead>.*?</thead>", page, re.DOTALL)
    assert table is not None
    return [words(head) for head in re.findall(r"<th scope.*?</th>", table[0], re.DOTALL) if "<input" not in head]


def test_columns_are_chosen_and_a_view_keeps_them(ana: Clerk, module_app: Flask) -> None:
    with module_app.app_context():
        make_variant(make_product(name="Ladle", brand="Ursul"), sku="LADLE", price="9.50")
    usual = ["SKU", "Product", "Title", "Barcode (EAN)", "Price", "Stock", "Status"]
    assert heads(ana.get("/products/variants/?search=ladle")) == usual
    ticked = ana.browser.get("/products/variants/?search=ladle&columns=brand&columns=price&columns=nonsense")
    where = ticked.headers["Location"]
    assert where == "/products/variants/?search=ladle&columns=brand.price.nonsense"
    page = ana.get(where)
    assert heads(page) == ["SKU", "Brand", "Price"]
    assert "Ursul" in words(page) and "thumb" not in page
    assert "columns=brand.price" in page, "searching, sorting and the next page keep them"
    assert heads(ana.get("/products/variants/?columns=brand.price&sort=4")) == ["SKU", "Brand", "Price"]

    saved = ana.send("/views/variants", name="Brands", query="search=ladle&columns=brand.price&at=7")
    assert saved.headers["Location"] == "/products/variants/?search=ladle&columns=brand.price"
    assert "Brands" in links(ana.get("/products/variants/?saved=none"), "products/variants/")


def test_columns_of_products(ana: Clerk, module_app: Flask) -> None:
    with module_app.app_context():
        make_variant(make_product(name="Whisk", brand="Ursul", category="Kitchen"), sku="WHISK", price="9.50")
    assert heads(ana.get("/products?q=whisk")) == ["Product", "Active", "Drafts", "Stock", "Price", "State"]
    page = ana.get("/products?q=whisk&columns=brand.stock.handle")
    assert heads(page) == ["Product", "Stock", "Brand", "Handle"]
    assert '<td data-label="Brand">Ursul' in page and "<small>Kitchen</small>" in page, "not below the name as well"
    assert "columns=brand.stock.handle" in re.findall(r'href="([^"]*view=drafts[^"]*)"', page)[0]


def test_pictures_of_a_page_are_one_statement(ana: Clerk, module_app: Flask) -> None:
    shared, own = (picture(picture_file(colour=colour)) for colour in ("#104020", "#204010"))
    with module_app.app_context():
        spoon = make_product(name="Spoon", options={"Size": ["S", "M", "L"]})
        small, *_others = (make_variant(spoon, values=[("Size", s)], sku=f"SPOON-{s}") for s in "SML")
        first = images.add(NewImage(shared, spoon.id, None), actor=ANA).image.sha256
        second = images.add(NewImage(own, None, small.id), actor=ANA).image.sha256
        sent = {}
        for columns in ("picture.price", "price"):
            with statements() as seen:
                page = ana.get(f"/products/variants/?search=SPOON&columns={columns}")
            sent[columns] = len(seen)
            assert (page.count(first), page.count(second)) == ((2, 1) if "picture" in columns else (0, 0))
        assert sent["picture.price"] == sent["price"] + 1

        with statements() as seen:
            rows = ana.browser.get(f"/products/{spoon.id}/grid/rows").get_json()
        assert (len(rows["rows"]), rows["shown"], len(rows["pictures"])) == (
            3,
            [rows["shown"][0], *[rows["shown"][1]] * 2],
            2,
        )
        assert second in rows["pictures"][rows["shown"][0]] and first in rows["pictures"][rows["shown"][1]]
        assert len(seen) <= 6
    assert '"pictures": true' in ana.get(f"/products/{spoon.id}/grid")
