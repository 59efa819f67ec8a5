"""The options of many products changed at once, exactly as previewed; and names changed for the whole shop."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from magflow.db import db
from magflow.domain.errors import AlreadyTaken, Invalid, NotFound, StaleVersion
from magflow.models import Product
from magflow.services import generation, option_names, options_in_bulk
from magflow.services.option_names import Rename
from magflow.services.options import OptionInput
from magflow.services.options_in_bulk import SetOptionsOfMany, added, ordered, removed
from tests.services.looking import rows
from tests.shop import ANA, make_order, make_product, make_variant


def inputs(**options: Sequence[str]) -> list[OptionInput]:
    return [OptionInput(name, tuple(values)) for name, values in options.items()]


def shirts(count: int = 2) -> list[Product]:
    made = [make_product(options={"Color": ["Red", "Green"], "Size": ["S", "M"]}) for _ in range(count)]
    for product in made:
        generation.generate(generation.Generate(product.id, price=Decimal(10)), actor=ANA)
    return made


def run(mode: Any, products: list[Product], **options: Sequence[str]) -> dict[int, Any]:
    """As a person does it; what is done is what was shown."""
    command = SetOptionsOfMany([p.id for p in products], inputs(**options), mode)
    plans = options_in_bulk.preview(db.session(), command)
    db.session.rollback()
    agreed = SetOptionsOfMany(command.product_ids, command.options, mode, options_in_bulk.fingerprint(plans))
    done = options_in_bulk.set_options(agreed, actor=ANA)
    for product_id, plan in plans.items():
        changed = done[product_id]
        assert list(changed.deactivated) == plan.deactivate
        assert (list(changed.incomplete), list(changed.orphans)) == (plan.incomplete, plan.orphans)
    return done


def offered(product: Product) -> dict[str, list[str]]:
    there = options_in_bulk.named_options(db.session(), product.id)
    db.session.rollback()
    return {option.name: list(option.values) for option in there}


def test_removing_values_and_options_from_many(app: Flask) -> None:
    products = shirts()
    done = run("remove", products, Color=["GREEN"])
    assert [offered(p) for p in products] == [{"Color": ["Red"], "Size": ["S", "M"]}] * 2
    assert [len(changed.orphans) for changed in done.values()] == [2, 2]
    done = run("remove", products, Size=[], Colour=["Red"])
    assert [offered(p) for p in products] == [{"Color": ["Red"]}] * 2
    assert [len(changed.deactivated) for changed in done.values()] == [2, 2]


def test_sorting_adds_nothing(app: Flask) -> None:
    first, second = shirts()
    run("remove", [second], Color=["Red"])
    run("order", [first, second], Size=["M"], Color=["Green", "Violet", "Red"])
    assert offered(first) == {"Size": ["M", "S"], "Color": ["Green", "Red"]}
    assert list(offered(first)) == ["Size", "Color"]
    assert offered(second) == {"Size": ["M", "S"], "Color": ["Green"]}


def test_another_state_than_the_one_agreed_to_changes_none(app: Flask) -> None:
    products = shirts()
    command = SetOptionsOfMany([p.id for p in products], inputs(Color=["Green"]), "remove")
    seen = options_in_bulk.fingerprint(options_in_bulk.preview(db.session(), command))
    db.session.rollback()
    make_variant(products[1], values=[("Color", "Green"), ("Size", "S")], active=False)
    with pytest.raises(StaleVersion):
        options_in_bulk.set_options(SetOptionsOfMany(command.product_ids, command.options, "remove", seen), actor=ANA)
    assert offered(products[0])["Color"] == ["Red", "Green"]


def test_a_rename_writes_no_variant_and_no_order(app: Flask) -> None:
    product = make_product(options={"Fabric": ["Linen", "Wool"]})
    variant = make_variant(product, values=[("Fabric", "Linen")], stock=5)
    make_order((variant, 1))
    before = rows("SELECT id, version, options_digest, title FROM variants WHERE product_id = :id", id=product.id)
    done = option_names.rename(Rename("fabric", "Flax", "LINEN"), actor=ANA)
    assert (done.products, offered(product)) == (1, {"Fabric": ["Flax", "Wool"]})
    option_names.rename(Rename("Fabric", "Cloth"), actor=ANA)
    assert offered(product) == {"Cloth": ["Flax", "Wool"]}
    assert (
        rows("SELECT id, version, options_digest, title FROM variants WHERE product_id = :id", id=product.id) == before
    )
    option_names.rename(Rename("Cloth", "FLAX", "Flax"), actor=ANA)
    with pytest.raises(AlreadyTaken):
        option_names.rename(Rename("Cloth", "wool", "FLAX"), actor=ANA)
    make_product(options={"Weave": ["Fine"]})
    with pytest.raises(AlreadyTaken):
        option_names.rename(Rename("Cloth", "weave"), actor=ANA)
    with pytest.raises(NotFound):
        option_names.rename(Rename("Cloth", "X", "Silk"), actor=ANA)
    with pytest.raises(Invalid):
        option_names.rename(Rename("Cloth", " "), actor=ANA)


names = st.sampled_from(["A", "b", "C", "d"])
options = st.dictionaries(names, st.lists(names, unique=True, max_size=3), max_size=4).map(
    lambda given: [OptionInput(name, tuple(values)) for name, values in given.items()]
)


def plain(given_: Sequence[OptionInput]) -> dict[str, set[str]]:
    return {option.name: set(option.values) for option in given_}


@given(there=options, change=options)
def test_what_the_changes_mean(there: list[OptionInput], change: list[OptionInput]) -> None:
    old, asked = plain(there), plain(change)
    assert plain(added(there, change)) == {n: old.get(n, set()) | asked.get(n, set()) for n in old | asked}
    assert plain(ordered(there, change)) == old
    assert plain(removed(there, change)) == {
        n: values - asked.get(n, set()) for n, values in old.items() if asked.get(n, {"x"})
    }
