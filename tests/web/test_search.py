"""The search field finds what people have in front of them, and only what they may see."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from magflow.db import db
from magflow.queries.search import search
from tests.shop import make_order, make_product, make_variant


def kinds(words: str) -> list[tuple[str, str]]:
    hits = search(db.session(), words, kinds=("order", "variant", "product"))
    db.session.rollback()
    return [(hit.kind, hit.label) for hit in hits]


def test_a_sku_an_ean_a_number_a_customer_and_a_name_are_found(app: Flask) -> None:
    lamp = make_product(name="Lampă de birou 100%")
    variant = make_variant(lamp, sku="LAMP_1", ean="5941234567899")
    order = make_order((variant, 1), customer_name="Ștefan Țurcanu")
    assert kinds("lamp_") == [("variant", "LAMP_1")]
    assert kinds("5941234567899") == [("variant", "LAMP_1")]
    assert kinds(order.number) == [("order", order.number)]
    assert kinds("Țurc") == [("order", order.number)]
    assert kinds("birou 100%") == [("product", "Lampă de birou 100%")]
    assert kinds("100_") == []


def test_a_stranger_is_sent_to_sign_in(app: Flask) -> None:
    client: FlaskClient = app.test_client()
    assert client.get("/search?q=lamp").status_code == 302
    assert client.get("/search/suggest?q=lamp").status_code == 302
