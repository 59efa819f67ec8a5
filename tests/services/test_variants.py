"""Variants: created or brought back, edited, re-optioned, switched, removed for good (domain, sections 1 and 3)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from magflow.domain.errors import (
    AlreadyExists,
    CombinationTaken,
    Invalid,
    InvalidOptions,
    NotFound,
    SkuTaken,
    StaleVersion,
    VariantUnavailable,
)
from magflow.models import Product
from magflow.services import orders, restock, stock, variants
from magflow.services.variants import ACTIVE, INACTIVE, EditVariant, NewVariant
from tests.services.looking import lines, of_product, rows, value_ids, variant_row
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of, stock_of

RED = [("Color", "Red")]


@pytest.fixture
def shirt(app: Flask) -> Product:
    return make_product(options={"Color": ["Red", "Blue"], "Size": ["S", "M"]})


@pytest.fixture
def mug(app: Flask) -> Product:
    return make_product(options={"Color": ["Red", "Blue"]})


# --- create or reactivate --------------------------------------------------------------------------------------------


def test_a_variant_is_created_active_with_its_digest(shirt: Product) -> None:
    ids = value_ids(shirt)
    made = variants.create_or_reactivate(NewVariant(shirt.id, [ids["S"], 0, ids["Red"], ids["Red"]]), actor=ANA)
    assert made.outcome == "created"
    digest = "-".join(map(str, sorted([ids["Red"], ids["S"]])))
    assert of_product(shirt) == [(made.variant.id, ACTIVE, digest)]


def test_three_drafts_of_one_combination_are_three_inactive_variants(mug: Product) -> None:
    made = [make_variant(mug, values=RED, active=False) for _ in range(3)]
    digest = str(value_ids(mug)["Red"])
    assert of_product(mug) == [(variant.id, INACTIVE, digest) for variant in made]
    assert len({variant.sku for variant in made}) == 3


def test_the_oldest_draft_is_brought_back_with_what_was_given(mug: Product) -> None:
    oldest, younger = (make_variant(mug, values=RED, active=False, price="3.00", ean="111") for _ in range(2))
    made = variants.create_or_reactivate(
        NewVariant(mug.id, attributes={"price": Decimal("9.50"), "stock": 4}, option_values=RED), actor=ANA
    )
    assert (made.outcome, made.variant.id) == ("reactivated", oldest.id)
    row = variant_row(oldest)
    assert (row["status"], row["price"], row["stock"], row["ean"]) == (ACTIVE, Decimal("9.50"), 4, "111")
    assert variant_row(younger)["status"] == INACTIVE


def test_an_active_one_is_named_and_nothing_is_changed(mug: Product) -> None:
    there = make_variant(mug, values=RED, sku="MUG-R")
    with pytest.raises(AlreadyExists) as refused:
        make_variant(mug, values=RED, price="1.00")
    assert (refused.value.winner_id, refused.value.winner_sku) == (there.id, "MUG-R")
    assert len(of_product(mug)) == 1 and variant_row(there)["price"] == Decimal("12.34")


def test_a_draft_is_made_beside_an_active_variant(mug: Product) -> None:
    make_variant(mug, values=RED)
    make_variant(mug, values=RED, active=False)
    assert [status for _, status, _ in of_product(mug)] == [ACTIVE, INACTIVE]


def test_a_default_variant_is_added_to_a_product_with_options_but_only_one_active(mug: Product) -> None:
    first = make_variant(mug)
    assert variant_row(first)["options_digest"] is None
    with pytest.raises(AlreadyExists):
        make_variant(mug)


def test_a_value_that_does_not_exist_is_refused(mug: Product) -> None:
    with pytest.raises(InvalidOptions) as refused:
        variants.create_or_reactivate(NewVariant(mug.id, [10**9]), actor=ANA)
    assert [error.code for error in refused.value.errors] == ["unknown_option_value"]
    assert of_product(mug) == []


def test_two_values_of_one_option_are_refused(mug: Product) -> None:
    ids = value_ids(mug)
    with pytest.raises(InvalidOptions) as refused:
        variants.create_or_reactivate(NewVariant(mug.id, [ids["Red"], ids["Blue"]]), actor=ANA)
    assert [error.code for error in refused.value.errors] == ["two_values_of_one_option"]


def test_a_value_of_an_option_that_the_product_does_not_use_is_refused(mug: Product, shirt: Product) -> None:
    with pytest.raises(InvalidOptions) as refused:
        variants.create_or_reactivate(NewVariant(mug.id, [value_ids(shirt)["M"]]), actor=ANA)
    assert [error.code for error in refused.value.errors] == ["not_an_option_of_product"]


def test_a_sku_that_is_taken_is_named_and_nothing_stays(mug: Product) -> None:
    make_variant(mug, values=RED, sku="TAKEN")
    with pytest.raises(SkuTaken) as refused:
        make_variant(mug, values=[("Color", "Blue")], sku="TAKEN")
    assert refused.value.sku == "TAKEN" and len(of_product(mug)) == 1


def test_one_sku_in_two_products_is_no_conflict(app: Flask) -> None:
    assert make_variant(sku="SAME").sku == make_variant(sku="SAME").sku


def test_a_product_that_does_not_exist_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        variants.create_or_reactivate(NewVariant(10**9), actor=ANA)


# --- options, status, attributes ------------------------------------------------------------------------------------


def test_a_combination_can_be_changed_at_any_time(shirt: Product) -> None:
    ids = value_ids(shirt)
    variant = make_variant(shirt, values=[*RED, ("Size", "S")])
    variants.change_options(variant.id, [ids["Blue"], ids["M"]], actor=ANA)
    row = variant_row(variant)
    assert row["options_digest"] == "-".join(map(str, sorted([ids["Blue"], ids["M"]])))
    held = rows("SELECT option_value_id FROM option_value_variants WHERE variant_id = :id ORDER BY 1", id=variant.id)
    assert held == [(id_,) for id_ in sorted([ids["Blue"], ids["M"]])]


def test_only_an_active_variant_collides(mug: Product) -> None:
    blue = value_ids(mug)["Blue"]
    make_variant(mug, values=[("Color", "Blue")])
    active, draft = make_variant(mug, values=RED), make_variant(mug, values=RED, active=False)
    variants.change_options(draft.id, [blue], actor=ANA)
    with pytest.raises(CombinationTaken):
        variants.change_options(active.id, [blue], actor=ANA)
    assert variant_row(active)["options_digest"] == str(value_ids(mug)["Red"])
    assert rows("SELECT count(*) FROM option_value_variants WHERE variant_id = :id", id=active.id) == [(1,)]


def test_activating_one_while_another_is_active_is_a_conflict(mug: Product) -> None:
    there, draft = make_variant(mug, values=RED, sku="THERE"), make_variant(mug, values=RED, active=False)
    with pytest.raises(CombinationTaken) as refused:
        variants.set_active(draft.id, True, actor=ANA)
    assert (refused.value.code, refused.value.winner_sku) == ("conflict", "THERE")
    assert variant_row(draft)["status"] == INACTIVE and variant_row(there)["status"] == ACTIVE


def test_switching_twice_changes_nothing_the_second_time(mug: Product) -> None:
    variant = make_variant(mug, values=RED)
    once = variants.set_active(variant.id, False, actor=ANA).version
    assert variants.set_active(variant.id, False, actor=ANA).version == once


def test_a_form_that_was_opened_before_somebody_saved_is_refused(app: Flask) -> None:
    variant = make_variant(sku="OLD")
    variants.edit(EditVariant(variant.id, {"title": "theirs"}), actor=ANA)
    with pytest.raises(StaleVersion) as refused:
        variants.edit(EditVariant(variant.id, {"title": "ours"}, seen_version=variant.version), actor=ANA)
    assert refused.value.changed == {"title": "theirs"}


def test_a_sale_does_not_make_a_form_stale(app: Flask) -> None:
    variant = make_variant(stock=3)
    finalize(make_order((variant, 1)))
    variants.edit(EditVariant(variant.id, {"title": "ours"}, seen_version=variant.version), actor=ANA)
    assert variant_row(variant)["title"] == "ours"


def test_stock_is_edited_only_with_the_figure_that_was_seen(app: Flask) -> None:
    variant = make_variant(stock=3)
    with pytest.raises(Invalid):
        variants.edit(EditVariant(variant.id, {"stock": 9}), actor=ANA)
    finalize(make_order((variant, 1)))
    with pytest.raises(StaleVersion) as refused:
        variants.edit(EditVariant(variant.id, {"stock": 9, "title": "x"}, expected_stock=3), actor=ANA)
    assert refused.value.current == 2
    assert (stock_of(variant), variant_row(variant)["title"]) == (2, variant.title)
    variants.edit(EditVariant(variant.id, {"stock": 9}, expected_stock=2), actor=ANA)
    assert movements_of(variant) == [-1, 7]


def test_a_renamed_sku_that_is_taken_leaves_all_as_it_was(mug: Product) -> None:
    make_variant(mug, values=RED, sku="ONE")
    other = make_variant(mug, values=[("Color", "Blue")], sku="TWO")
    with pytest.raises(SkuTaken):
        variants.edit(EditVariant(other.id, {"sku": "ONE", "title": "new"}), actor=ANA)
    assert (variant_row(other)["sku"], variant_row(other)["title"]) == ("TWO", other.title)


def test_a_field_that_nobody_may_set_is_refused(app: Flask) -> None:
    with pytest.raises(Invalid) as refused:
        variants.edit(EditVariant(make_variant().id, {"movement_seq": 9}), actor=ANA)
    assert [error.code for error in refused.value.errors] == ["unknown_field"]


# --- hard delete ----------------------------------------------------------------------------------------------------


def test_a_pending_order_of_a_removed_variant_is_not_confirmed_until_its_line_has_another(app: Flask) -> None:
    variant, other = make_variant(stock=2), make_variant(stock=2)
    order = make_order((variant, 1))
    variants.delete_for_good(variant.id, actor=ANA)
    [line] = lines(order)
    assert (line["variant_id"], line["quantity"], line["variant_sku"]) == (None, 1, variant.sku)
    with pytest.raises(VariantUnavailable):
        finalize(order)
    orders.change_item_variant(orders.ChangeItemVariant(order.id, line["id"], variant_id=other.id), actor=ANA)
    finalize(order)
    assert stock_of(other) == 1


def test_a_removed_variant_leaves_the_order_and_its_movements(app: Flask) -> None:
    variant = make_variant(stock=5, sku="GONE", price="2.50")
    order = make_order((variant, 2))
    finalize(order)
    variants.delete_for_good(variant.id, actor=ANA)
    [line] = lines(order)
    assert (line["variant_id"], line["variant_sku"], line["unit_price"]) == (None, "GONE", Decimal("2.50"))
    history = rows(
        "SELECT delta, balance_after FROM stock_movements WHERE variant_id = :id ORDER BY seq", id=variant.id
    )
    assert history == [(5, 5), (-2, 3), (-3, 0)]


def test_what_comes_back_of_a_removed_variant_is_recorded_and_reported(app: Flask) -> None:
    variant = make_variant(stock=1)
    order = make_order((variant, 1))
    finalize(order)
    variants.delete_for_good(variant.id, actor=ANA)
    done = restock.cancel(restock.CancelOrder(order.id), actor=ANA)
    [line] = lines(order)
    assert (done.lost_variants, line["restocked_quantity"]) == ((line["id"],), 1)
    assert rows("SELECT quantity, reached_stock FROM restocks WHERE order_id = :id", id=order.id) == [(1, False)]


def test_a_variant_that_is_not_there_cannot_be_removed(app: Flask) -> None:
    with pytest.raises(NotFound):
        variants.delete_for_good(10**9, actor=ANA)


# --- stock by hand --------------------------------------------------------------------------------------------------


def test_a_difference_is_booked_with_its_reason(app: Flask) -> None:
    variant = make_variant(stock=5)
    assert stock.adjust(stock.AdjustStock(variant.id, "broken", delta=-2), actor=ANA).stock == 3
    [booked] = rows(
        "SELECT delta, reason, note, actor, door FROM stock_movements WHERE variant_id = :id AND seq = 2", id=variant.id
    )
    assert booked == (-2, "adjustment", "broken", ANA.name, "admin")


def test_a_count_is_taken_for_the_stock_that_was_seen(app: Flask) -> None:
    variant = make_variant(stock=5)
    finalize(make_order((variant, 1)))
    with pytest.raises(StaleVersion):
        stock.adjust(stock.AdjustStock(variant.id, "count", set_to=5, expected=5), actor=ANA)
    stock.adjust(stock.AdjustStock(variant.id, "count", set_to=7, expected=4), actor=ANA)
    assert movements_of(variant) == [-1, 3]


def test_a_count_that_finds_what_is_there_leaves_no_movement(app: Flask) -> None:
    variant = make_variant(stock=5)
    stock.adjust(stock.AdjustStock(variant.id, "count", set_to=5, expected=5), actor=ANA)
    assert movements_of(variant) == []


def test_stock_never_falls_below_zero_by_hand(app: Flask) -> None:
    from magflow.domain.errors import InsufficientStock

    variant = make_variant(stock=1)
    with pytest.raises(InsufficientStock) as refused:
        stock.adjust(stock.AdjustStock(variant.id, "lost", delta=-2), actor=ANA)
    assert (refused.value.shortages[0].available, stock_of(variant), movements_of(variant)) == (1, 1, [])
