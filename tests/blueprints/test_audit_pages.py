"""The audit log and the shop's movements, as people read them, and as far as they may."""

from __future__ import annotations

import re

from flask import Flask

from magflow.blueprints.audit import pages
from magflow.db import db
from magflow.queries import stock as movements
from magflow.services import products, stock
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA, make_product, make_variant


def test_an_entry_shows_every_field_before_and_after(app: Flask, owner_page: Clerk) -> None:
    pot = make_product(name="Old name")
    products.edit(products.EditProduct(pot.id, {"name": "New name", "brand": "Ana"}), actor=ANA)
    html = owner_page.get(f"/audit?table=products&row={pot.id}")
    assert re.search(r"Old name.*?→.*?New name", words(html))
    first = re.search(r'href="(/audit/\d+)" data-main', html)
    assert first
    said = words(owner_page.get(first.group(1)))
    assert "Name Old name New name" in said and "Brand — Ana" in said and "ana@shop.example" in said


def test_filters_narrow_the_log(app: Flask, owner_page: Clerk) -> None:
    pot = make_product(name="Filtered")
    mine = owner_page.get(f"/audit?table=products&row={pot.id}&action=insert&door=admin&actor=ana@shop.example")
    none = owner_page.get(f"/audit?table=products&row={pot.id}&action=delete")
    assert "Filtered" in words(mine) and "Nothing recorded for these filters." in words(none)


def test_people_and_tokens_are_the_owners_to_see(app: Flask, owner_page: Clerk, module_app: Flask) -> None:
    clerk = Clerk(module_app, "clerk")
    make_product(name="Seen by all")
    everything = owner_page.get("/audit?table=users")
    ids = re.findall(r'href="/audit/(\d+)" data-main', everything)
    assert ids
    assert "Seen by all" in words(clerk.get("/audit"))
    assert "data-main" not in clerk.get("/audit?table=users")
    assert clerk.browser.get(f"/audit/{ids[0]}").status_code == 404


def test_the_movements_of_the_shop_are_walked_without_losing_one(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=1, sku="WALKED")
    for delta in (1, 2, 3, 4):
        stock.adjust(stock.AdjustStock(mug.id, "found", delta=delta), actor=ANA)
    size, pages.PAGE = pages.PAGE, 2
    told: list[str] = []
    path: str | None = "/audit/stock?sku=WALKED"
    try:
        while path is not None:
            html = owner_page.get(path)
            told += re.findall(r'figures">([+−]?\d+)</span></td>\s*<td class="num"', html)
            following = re.search(r'href="([^"]+)" rel="next"', html)
            path = following.group(1).replace("&amp;", "&") if following else None
    finally:
        pages.PAGE = size
    assert told == ["+4", "+3", "+2", "+1", "+1"]


def test_movements_of_one_moment_are_all_on_some_page(app: Flask) -> None:
    for _n in range(3):
        make_variant(stock=2)
    seen: list[tuple[int, int]] = []
    after = None
    while True:
        page = movements.movements(db.session(), movements.MovementFilter(), after=after, limit=2)
        seen += [(row.movement.variant_id, row.movement.seq) for row in page.rows]
        after = page.next_place
        if after is None:
            break
    total = page.total
    db.session.remove()
    assert len(seen) == len(set(seen)) == total
