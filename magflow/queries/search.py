"""One field finds a product, a variant or an order, by what people have in front of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from magflow.models import Order, Product, Variant
from magflow.queries import words as meaning
from magflow.queries.catalogue import contains

Kind = Literal["product", "variant", "order"]

NEAREST: Final = 200
"""Rows of each way to mean something, out of which the first few are chosen."""


@dataclass(frozen=True)
class Hit:
    """A thing that was found: what it is called, and what tells it from its like."""

    kind: Kind
    id: int
    label: str
    note: str


def search(session: Session, words: str, *, kinds: Iterable[Kind], limit: int = 8) -> list[Hit]:
    """The first few of each kind, one statement a kind, exact ones first.

    Orders by number, external id and customer; variants by SKU, EAN and title; products by name and handle.
    """
    wanted = set(kinds)
    hits: list[Hit] = []
    if "order" in wanted:
        hits += _orders(session, words, limit)
    if "variant" in wanted:
        hits += _variants(session, words, limit)
    if "product" in wanted:
        hits += _products(session, words, limit)
    return hits


def _orders(session: Session, words: str, limit: int) -> list[Hit]:
    rows = session.execute(
        select(Order.id, Order.number, Order.customer_name, Order.status)
        .where(
            or_(
                Order.number.ilike(contains(words)),
                Order.external_id == words,
                Order.customer_name.ilike(contains(words)),
                Order.customer_email.ilike(contains(words)),
            )
        )
        .order_by((Order.number == words).desc(), Order.id.desc())
        .limit(limit)
    )
    return [Hit("order", id_, number, name or "") for id_, number, name, _status in rows]


def _variants(session: Session, words: str, limit: int) -> list[Hit]:
    begins, named = meaning.sku_begins(words), meaning.named(Variant.title, words)
    ways = [
        meaning.Way(select(Variant.id).where(begins).order_by(meaning.SKU_ORDER, Variant.id), begins),
        meaning.of_variants(words)[0],
    ]
    if len(words.strip()) > meaning.SHORT:
        ways.append(meaning.Way(select(Variant.id).where(named), named))
    rows = session.execute(
        select(Variant.id, Variant.sku, Product.name, Variant.title)
        .join(Product, Product.id == Variant.product_id)
        .where(Variant.id.in_(meaning.some_of(ways, NEAREST)))
        .order_by((Variant.sku == words).desc(), meaning.sku_begins(words).desc(), Variant.status, Variant.id)
        .limit(limit)
    )
    return [Hit("variant", id_, sku, " — ".join(filter(None, (name, title)))) for id_, sku, name, title in rows]


def _products(session: Session, words: str, limit: int) -> list[Hit]:
    found = meaning.some_of(meaning.of_products(words)[:2], NEAREST)
    rows = session.execute(
        select(Product.id, Product.name, Product.brand)
        .where(Product.id.in_(found))
        .order_by(Product.archived, Product.id)
        .limit(limit)
    )
    return [Hit("product", id_, name, brand or "") for id_, name, brand in rows]
