"""An order on paper: the snapshot in the right letters, whatever happened to the variant since."""

from __future__ import annotations

from decimal import Decimal

from flask import Flask
from fontTools.ttLib import TTFont

from magflow.blueprints.orders import documents
from magflow.services import orders, products, stock, variants
from magflow.services.orders import NewItem, NewOrder
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA, finalize, make_product, make_variant


def test_documents_show_the_snapshot_in_romanian_letters(app: Flask, owner_page: Clerk) -> None:
    product = make_product(name="Cămașă țesută", options={"Mărime": ["Înaltă"]})
    shirt = make_variant(product, values=[("Mărime", "Înaltă")], sku="CAM-1", price="121.00", stock=5)
    order = orders.create(
        NewOrder(
            [NewItem(2, shirt.id)], customer_name="Ștefan Țăranu", note="Sună înainte",
            shipping_address={"street": "Str. Ânțeleptului 5", "city": "Iași"},
        ),
        actor=ANA,
    )  # fmt: skip
    pending = words(owner_page.get(f"/orders/{order.id}/print"))
    assert "Not confirmed yet" in pending and "RON 242.00" in pending
    finalize(order)
    before = words(owner_page.get(f"/orders/{order.id}/print"))
    assert "Cămașă țesută — Înaltă" in before and "CAM-1" in before and "21 %" in before and "RON 42.00" in before

    variants.edit(variants.EditVariant(shirt.id, {"sku": "OTHER", "price": Decimal(1)}), actor=ANA)
    products.edit(products.EditProduct(product.id, {"name": "Renamed"}), actor=ANA)
    stock.adjust(stock.AdjustStock(shirt.id, "gone", set_to=0, expected=3), actor=ANA)
    variants.delete_for_good(shirt.id, actor=ANA)

    assert words(owner_page.get(f"/orders/{order.id}/print")) == before
    assert "Cămașă țesută — Înaltă" in words(owner_page.get(f"/orders/{order.id}"))
    for name in ("order", "packing-slip"):
        answer = owner_page.browser.get(f"/orders/{order.id}/{name}.pdf")
        pdf = answer.get_data()
        assert (answer.status_code, answer.mimetype, pdf[:5]) == (200, "application/pdf", b"%PDF-")


def test_an_order_without_lines_can_be_printed(app: Flask, owner_page: Clerk) -> None:
    order = orders.create(NewOrder(), actor=ANA)
    for path in ("print", "order.pdf", "packing-slip.pdf"):
        assert owner_page.browser.get(f"/orders/{order.id}/{path}").status_code == 200


def test_the_embedded_font_has_the_letters_of_our_customers() -> None:
    for name in ("DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf"):
        letters = TTFont(documents.FONTS / name).getBestCmap()
        assert not [letter for letter in "ăâîșțĂÂÎȘȚşţőűŐŰàèìòùßЖщъαΩ€—☐×−" if ord(letter) not in letters]
