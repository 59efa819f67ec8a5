"""A product's options change, and everything that follows for its variants (domain, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask import Flask

from magflow.domain.errors import AlreadyTaken, CombinationTaken, Invalid, NotFound, StaleVersion
from magflow.models import Product
from magflow.services import products, variants
from magflow.services.options import OptionInput
from magflow.services.products import EditProduct, NewProduct, OptionsChanged, SetOptions
from magflow.services.variants import ACTIVE, INACTIVE
from tests.gates import scenarios
from tests.services.looking import of_product, rows, value_ids, variant_row
from tests.shop import ANA, finalize, make_order, make_product, make_variant

pytestmark = pytest.mark.usefixtures("app")


def set_options(product: Product, seen: int | None = None, **options: Sequence[str]) -> OptionsChanged:
    inputs = [OptionInput(name, tuple(values)) for name, values in options.items()]
    return products.set_options(SetOptions(product.id, inputs, seen_version=seen), actor=ANA)


def test_the_smallest_id_stays_active_when_combinations_fall_together() -> None:
    shirt = make_product(options={"Color": ["Red", "Blue"], "Size": ["S", "M"]})
    ids = value_ids(shirt)
    red_s = make_variant(shirt, values=[("Color", "Red"), ("Size", "S")])
    red_m = make_variant(shirt, values=[("Color", "Red"), ("Size", "M")])
    draft = make_variant(shirt, values=[("Color", "Red"), ("Size", "M")], active=False)
    blue_s = make_variant(shirt, values=[("Color", "Blue"), ("Size", "S")])
    changed = set_options(shirt, Color=["Red", "Blue"])
    assert (changed.deactivated, changed.incomplete, changed.orphans) == ((red_m.id,), (), ())
    red, blue = str(ids["Red"]), str(ids["Blue"])
    assert of_product(shirt) == [
        (red_s.id, ACTIVE, red), (red_m.id, INACTIVE, red), (draft.id, INACTIVE, red), (blue_s.id, ACTIVE, blue),
    ]  # fmt: skip
    # What was chosen of the type that went is kept on the variant, and counts again when the type returns.
    assert rows("SELECT count(*) FROM option_value_variants WHERE variant_id = :id", id=red_m.id) == [(2,)]
    set_options(shirt, Color=["Red", "Blue"], Size=["S", "M"])
    assert variant_row(red_m)["options_digest"] == "-".join(map(str, sorted([ids["Red"], ids["M"]])))
    assert variant_row(red_m)["status"] == INACTIVE


def test_without_options_the_first_active_variant_is_the_default_one() -> None:
    mug = make_product(options={"Color": ["Red", "Blue"]})
    red, blue = (make_variant(mug, values=[("Color", color)]) for color in ("Red", "Blue"))
    changed = set_options(mug)
    assert changed.deactivated == (blue.id,)
    assert of_product(mug) == [(red.id, ACTIVE, None), (blue.id, INACTIVE, None)]


def test_digests_that_change_places_do_not_trip_over_each_other() -> None:
    product = make_product(options={"Size": ["S"], "Color": ["Red"]})
    ids = value_ids(product)
    # One holds both values and the other one of them: without Size the first gets what the second has now.
    both = make_variant(product, values=[("Size", "S"), ("Color", "Red")])
    only = make_variant(product, values=[("Color", "Red")], active=False)
    size = make_variant(product, values=[("Size", "S")])
    changed = set_options(product, Color=["Red"])
    assert changed.deactivated == ()
    assert of_product(product) == [
        (both.id, ACTIVE, str(ids["Red"])), (only.id, INACTIVE, str(ids["Red"])), (size.id, ACTIVE, None),
    ]  # fmt: skip
    set_options(product, Size=["S"])
    assert of_product(product) == [
        (both.id, ACTIVE, str(ids["S"])), (only.id, INACTIVE, None), (size.id, INACTIVE, str(ids["S"])),
    ]  # fmt: skip


def test_a_new_option_makes_every_variant_incomplete_and_deactivates_none() -> None:
    mug = make_product(options={"Color": ["Red", "Blue"]})
    made = [make_variant(mug, values=[("Color", color)], stock=1) for color in ("Red", "Blue")]
    changed = set_options(mug, Color=["Red", "Blue"], Size=["S"])
    assert (changed.deactivated, changed.incomplete) == ((), tuple(v.id for v in made))
    assert [status for _, status, _ in of_product(mug)] == [ACTIVE, ACTIVE]


def test_a_value_that_is_no_longer_offered_makes_orphans() -> None:
    mug = make_product(options={"Color": ["Red", "Blue"]})
    red = make_variant(mug, values=[("Color", "Red")])
    changed = set_options(mug, Color=["Blue"])
    assert (changed.orphans, changed.deactivated) == ((red.id,), ())
    assert variant_row(red)["status"] == ACTIVE


def test_the_same_options_again_change_nothing() -> None:
    mug = make_product(options={"Color": ["Red"]})
    red = make_variant(mug, values=[("Color", "Red")])
    before = variant_row(red)
    assert set_options(mug, Color=["Red"]).product.version == mug.version
    assert variant_row(red) == before


def test_names_that_are_the_same_to_a_reader_are_one_option() -> None:
    one = make_product(options={"Culoare": ["Roșu"]})
    other = make_product(options={"culoare ": ["ROŞU"]})
    assert value_ids(one)["Roșu"] in value_ids(other).values()
    with pytest.raises(Invalid):
        set_options(one, Color=["Red"], color=["Blue"])


def test_options_that_somebody_changed_meanwhile_are_refused() -> None:
    mug = make_product(options={"Color": ["Red"]})
    set_options(mug, Color=["Red", "Blue"])
    with pytest.raises(StaleVersion):
        set_options(mug, seen=mug.version)


def test_a_confirmed_order_keeps_what_it_sold() -> None:
    mug = make_product(options={"Color": ["Red"]})
    red = make_variant(mug, values=[("Color", "Red")], stock=1)
    order = make_order((red, 1))
    finalize(order)
    set_options(mug)
    assert rows("SELECT variant_options_text FROM order_items WHERE order_id = :id", id=order.id) == [("Red",)]


def test_a_product_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        products.set_options(SetOptions(10**9, ()), actor=ANA)


def test_archiving_deactivates_what_is_active() -> None:
    mug = make_product(options={"Color": ["Red", "Blue"]})
    make_variant(mug, values=[("Color", "Red")])
    make_variant(mug, values=[("Color", "Blue")], active=False)
    archived, deactivated = products.archive(mug.id, actor=ANA)
    assert archived.archived and archived.archived_at is not None and deactivated == 1
    assert [status for _, status, _ in of_product(mug)] == [INACTIVE, INACTIVE]
    assert products.archive(mug.id, actor=ANA)[1] == 0


def test_a_product_with_a_sku_or_a_price_gets_its_default_variant() -> None:
    plain = products.create(NewProduct("Plain"), actor=ANA)
    sold = products.create(NewProduct("Sold", sku="SOLD", stock=4), actor=ANA)
    assert of_product(plain) == []
    [(variant, status, digest)] = of_product(sold)
    assert (status, digest) == (ACTIVE, None)
    assert rows("SELECT delta, reason FROM stock_movements WHERE variant_id = :id", id=variant) == [(4, "opening")]


def test_handles_are_made_from_the_name_and_numbered() -> None:
    handles = [products.create(NewProduct("Cană Roșie!"), actor=ANA).handle for _ in range(3)]
    assert handles == ["cana-rosie", "cana-rosie-2", "cana-rosie-3"]
    with pytest.raises(AlreadyTaken):
        products.create(NewProduct("Other", handle="cana-rosie"), actor=ANA)
    with pytest.raises(AlreadyTaken):
        products.edit(EditProduct(make_product().id, {"handle": "cana-rosie-2"}), actor=ANA)


def test_products_of_one_name_made_at_once_get_handles_of_their_own(app: Flask) -> None:
    made = scenarios.side_by_side(app, *[lambda: products.create(NewProduct("Rush"), actor=ANA)] * 6)
    assert len({product.handle for product in made}) == 6


def test_one_combination_asked_for_at_once_is_made_once(app: Flask) -> None:
    mug = make_product(options={"Color": ["Red"]})
    outcomes = scenarios.side_by_side(app, *[lambda: make_variant(mug, values=[("Color", "Red")])] * 6)
    refused = [outcome for outcome in outcomes if isinstance(outcome, CombinationTaken)]
    [made] = [outcome for outcome in outcomes if not isinstance(outcome, CombinationTaken)]
    assert len(refused) == 5 and {error.winner_id for error in refused} == {made.id}
    assert len(of_product(mug)) == 1


def test_one_draft_brought_back_by_many_at_once_is_brought_back_once(app: Flask) -> None:
    mug = make_product(options={"Color": ["Red"]})
    draft = make_variant(mug, values=[("Color", "Red")], active=False)

    def bring_back() -> variants.Made:
        return variants.create_or_reactivate(variants.NewVariant(mug.id, option_values=[("Color", "Red")]), actor=ANA)

    outcomes = scenarios.side_by_side(app, *[bring_back] * 6)
    made = [outcome for outcome in outcomes if isinstance(outcome, variants.Made)]
    assert [(one.outcome, one.variant.id) for one in made] == [("reactivated", draft.id)]
