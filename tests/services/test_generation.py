"""Generating variants: the reference cases of the variants page, and the size of 2,048."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import event

from magflow.db import db
from magflow.domain.errors import GenerationTooLarge, Invalid
from magflow.models import Product, Variant
from magflow.queries import catalogue
from magflow.services import generation, variants
from magflow.services.generation import Generate
from tests.services.looking import variant_row
from tests.shop import ANA, make_product, make_variant

SHIRT = {"Color": ["Red", "Blue", "Green"], "Size": ["S", "M", "L", "XL"]}


def generate(product: Product, **how: object) -> generation.GenerationPlan:
    return generation.generate(Generate(product.id, **how), actor=ANA)  # type: ignore[arg-type]


def active(product: Product) -> dict[str, Variant]:
    page = catalogue.product_page(db.session(), product.id)
    found = {row.label: row.variant for row in page.variants if row.variant.status == 0}
    db.session.rollback()
    return found


def test_what_was_removed_on_purpose_comes_back_only_when_asked(app: Flask) -> None:
    shirt = make_product(name="T-shirt", options=SHIRT)
    made = generate(shirt, price=Decimal("49.90"))
    assert (made.total, len(made.created_ids)) == (12, 12)
    removed = active(shirt)["Green, XL"]
    variants.set_active(removed.id, False, actor=ANA)

    missing = generate(shirt, mode="missing")
    assert (missing.created_ids, missing.reactivate, missing.left_alone, missing.already_active) == ([], [], 1, 11)

    again = generate(shirt, mode="all")
    assert (again.created_ids, again.reactivate, again.already_active) == ([], [removed.id], 11)
    assert active(shirt)["Green, XL"].price == Decimal("49.90")


def test_the_variant_without_options_becomes_a_draft_where_that_was_asked_for(app: Flask) -> None:
    shirt = make_product(name="T-shirt", options=SHIRT)
    alone = make_variant(shirt, price="20.00", stock=2)
    kept = generation.preview(db.session(), Generate(shirt.id))
    asked = generation.preview(db.session(), Generate(shirt.id, draft_default=True))
    db.session.rollback()
    assert kept.drafted is None and asked.drafted == (alone.id, alone.sku, 2)
    assert kept.fingerprint != asked.fingerprint

    made = generate(shirt, draft_default=True, seen_plan=asked.fingerprint)
    assert len(made.created_ids) == 12
    assert len(active(shirt)) == 12
    assert variant_row(alone)["status"] == 1 and variant_row(alone)["stock"] == 2
    again = generate(shirt, draft_default=True)
    assert (again.drafted, again.already_active) == (None, 12)


def test_selected_combinations_and_one_by_hand(app: Flask) -> None:
    colors, sizes = ["Black", "White", "Red", "Blue", "Green"], ["S", "M", "L", "XL"]
    product = make_product(options={"Type": ["Basic", "Premium"], "Color": colors, "Size": sizes})
    wanted = [{"Type": "Premium", "Color": c, "Size": s} for c in colors for s in sizes]
    wrong = {"Type": "Premium", "Color": "Purple", "Size": "S"}

    made = generate(product, mode="selected", combinations=[*wanted, wrong, wanted[0]])

    assert len(made.created_ids) == 20
    assert [(r.combination, r.error.code) for r in made.refused] == [
        (wrong, "value_not_offered"),
        (wanted[0], "repeated"),
    ]
    make_variant(product, values=[("Type", "Basic"), ("Color", "Black"), ("Size", "Medium"[0])])
    assert len(active(product)) == 21


def test_titles_skus_and_prices_are_made(app: Flask) -> None:
    product = make_product(name="Tricou bumbac", options={"Culoare": ["Roșu"], "Mărime": ["S", "M"]})
    generate(product, sku_pattern="{product}_{Culoare}-{marime}", price=Decimal("10.00"), stock=3)
    made = active(product)
    assert {v.sku for v in made.values()} == {"TRICOU-BUMBAC_ROSU-S", "TRICOU-BUMBAC_ROSU-M"}
    assert {v.title for v in made.values()} == {"Roșu - S", "Roșu - M"}
    assert {v.stock for v in made.values()} == {3}


def test_a_taken_sku_gets_a_number(app: Flask) -> None:
    product = make_product(options={"Size": ["S", "M"]})
    make_variant(product, values=[("Size", "S")], sku="FIXED", active=False)
    generate(product, sku_pattern="FIXED", mode="missing")
    assert {v.sku for v in active(product).values()} == {"FIXED-2"}


def test_too_many_are_refused_with_the_count_before_anything_is_built(app: Flask) -> None:
    product = make_product(options={f"O{n}": [f"v{v}" for v in range(10)] for n in range(12)})
    with pytest.raises(GenerationTooLarge) as refused:
        generate(product)
    assert (refused.value.count, refused.value.limit) == (10**12, 2048)
    assert not active(product)


def test_a_product_without_options_has_nothing_to_generate(app: Flask) -> None:
    with pytest.raises(Invalid):
        generate(make_product())


def test_two_thousand_variants_are_a_handful_of_statements(app: Flask) -> None:
    small = make_product(options={"A": ["1", "2"]})
    large = make_product(options={"A": [f"a{n}" for n in range(32)], "B": [f"b{n}" for n in range(64)]})
    counts = []
    for product, size in ((small, 2), (large, 2048)):
        with Counted() as sent:
            assert len(generate(product).created_ids) == size
        counts.append(len(sent))
    assert counts[0] == counts[1] < 20


class Counted:
    """The statements that SQLAlchemy and the driver's batches send meanwhile."""

    def __enter__(self) -> list[str]:
        self.sent: list[str] = []
        event.listen(db.engine, "before_cursor_execute", self._note)
        return self.sent

    def __exit__(self, *_: object) -> None:
        event.remove(db.engine, "before_cursor_execute", self._note)

    def _note(self, _c: object, _cursor: object, statement: str, *_rest: object) -> None:
        self.sent.append(statement)


def test_the_preview_writes_nothing_and_counts_the_same(app: Flask) -> None:
    product = make_product(options=SHIRT)
    plan = generation.preview(db.session(), Generate(product.id))
    db.session.rollback()
    assert not active(product)
    assert len(plan.create) == len(generate(product).created_ids) == 12


def test_free_combinations(app: Flask) -> None:
    product = make_product(options={"Material": ["Leather", "Fabric"], "Color": ["Black", "Brown"]})
    make_variant(product, values=[("Material", "Leather"), ("Color", "Black")])
    make_variant(product, values=[("Material", "Fabric"), ("Color", "Brown")])
    free, total = generation.available(db.session(), product.id)
    assert total == 2
    assert free == [{"Material": "Leather", "Color": "Brown"}, {"Material": "Fabric", "Color": "Black"}]
