"""Variant sync: one record of a feed is one variant and one mapping, however often and by whom it is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from magflow.domain.errors import AlreadyExists, Invalid, NotFound, ProductMismatch
from magflow.models import Product
from magflow.services import feeds, variants
from magflow.services.feeds import FeedRecord, Synced
from magflow.services.variants import ACTIVE, INACTIVE
from tests.gates import scenarios
from tests.services.looking import of_product, rows, value_ids, variant_row
from tests.shop import ANA, make_product, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")

SEVERAL = 8


@pytest.fixture
def mug(app: Flask) -> Product:
    return make_product(options={"Color": ["Red", "Blue"]})


def send(product: Product, external_id: str = "X-1", account: str = "main", **says: object) -> Synced:
    record = FeedRecord("erp", account, f"{product.id}/{external_id}", product.id, **says)  # type: ignore[arg-type]
    return feeds.sync_variant(record, actor=ANA)


def mappings(product: Product) -> list[tuple[object, ...]]:
    return rows(
        "SELECT x.source_account, x.external_id, x.variant_id FROM variant_external_ids x "
        "JOIN variants v ON v.id = x.variant_id WHERE v.product_id = :id ORDER BY x.id",
        id=product.id,
    )


RED = [("Color", "Red")]


def test_an_unknown_id_makes_a_variant_and_its_mapping(mug: Product) -> None:
    done = send(mug, sku="ERP-1", price=Decimal("3.50"), stock=4, option_values=RED)
    assert (done.outcome, done.variant.sku, done.variant.stock) == ("created", "ERP-1", 4)
    assert of_product(mug) == [(done.variant.id, ACTIVE, str(value_ids(mug)["Red"]))]
    assert mappings(mug) == [("main", f"{mug.id}/X-1", done.variant.id)]
    assert rows("SELECT delta, reason, note FROM stock_movements WHERE variant_id = :id", id=done.variant.id) == [
        (4, "feed", "erp")
    ]


def test_the_same_record_again_changes_nothing(mug: Product) -> None:
    first = send(mug, sku="ERP-1", price=Decimal("3.50"), stock=4, option_values=RED)
    before = variant_row(first.variant)
    again = send(mug, sku="ERP-1", price=Decimal("3.50"), stock=4, option_values=RED)
    assert again.outcome == "unchanged" and variant_row(first.variant) == before


def test_a_known_id_updates_what_it_says_and_nothing_else(mug: Product) -> None:
    first = send(mug, sku="ERP-1", price=Decimal("3.50"), stock=4, option_values=RED, title="Red mug")
    changed = send(mug, stock=1)
    assert (changed.outcome, changed.variant.id, changed.variant.stock) == ("updated", first.variant.id, 1)
    row = variant_row(first.variant)
    assert (row["sku"], row["price"], row["title"]) == ("ERP-1", Decimal("3.50"), "Red mug")
    assert movements_of(first.variant) == [4, -3]


def test_a_draft_of_the_combination_is_brought_back_and_mapped(mug: Product) -> None:
    draft = make_variant(mug, values=RED, active=False)
    done = send(mug, option_values=RED, stock=2)
    assert (done.outcome, done.variant.id, variant_row(draft)["status"]) == ("reactivated", draft.id, ACTIVE)
    assert [variant for _, _, variant in mappings(mug)] == [draft.id]


def test_an_active_variant_that_is_not_mapped_is_not_taken_over(mug: Product) -> None:
    there = make_variant(mug, values=RED, stock=1)
    with pytest.raises(AlreadyExists):
        send(mug, option_values=RED, stock=9)
    assert mappings(mug) == [] and stock_of(there) == 1


def test_an_id_of_another_product_is_a_mismatch(mug: Product) -> None:
    other = make_product()
    feeds.sync_variant(FeedRecord("erp", "main", "SHARED", mug.id, option_values=RED), actor=ANA)
    with pytest.raises(ProductMismatch) as refused:
        feeds.sync_variant(FeedRecord("erp", "main", "SHARED", other.id), actor=ANA)
    assert (refused.value.code, refused.value.mapped_product_id) == ("product_mismatch", mug.id)
    assert of_product(other) == []


def test_one_id_of_two_accounts_is_two_things(mug: Product) -> None:
    first = send(mug, option_values=RED)
    second = send(mug, account="other", option_values=[("Color", "Blue")])
    assert first.variant.id != second.variant.id


def test_options_and_values_that_are_not_there_are_made(mug: Product) -> None:
    done = send(mug, option_values=[("Color", "Green"), ("Finish", "Matte")])
    offered = value_ids(mug)
    assert set(offered) == {"Red", "Blue", "Green", "Matte"}
    assert of_product(mug) == [
        (done.variant.id, ACTIVE, "-".join(map(str, sorted([offered["Green"], offered["Matte"]]))))
    ]


def test_an_update_re_options_the_variant(mug: Product) -> None:
    first = send(mug, option_values=RED)
    send(mug, option_values=[("Color", "Blue")])
    assert of_product(mug) == [(first.variant.id, ACTIVE, str(value_ids(mug)["Blue"]))]


def test_a_feed_does_not_switch_a_variant_on(mug: Product) -> None:
    first = send(mug, option_values=RED)
    variants.set_active(first.variant.id, False, actor=ANA)
    send(mug, stock=3)
    assert variant_row(first.variant)["status"] == INACTIVE


def test_an_id_whose_variant_was_removed_makes_a_new_one(mug: Product) -> None:
    first = send(mug, option_values=RED)
    variants.delete_for_good(first.variant.id, actor=ANA)
    assert send(mug, option_values=RED).outcome == "created"


def test_what_is_missing_is_named_and_an_unknown_product_is_not_found() -> None:
    with pytest.raises(Invalid) as refused:
        feeds.sync_variant(FeedRecord("", "main", " ", 1), actor=ANA)
    assert [error.field for error in refused.value.errors] == ["source", "external_id"]
    with pytest.raises(NotFound):
        feeds.sync_variant(FeedRecord("erp", "main", "nowhere", 10**9), actor=ANA)


def test_one_id_sent_from_many_threads_at_once_is_one_variant_and_one_mapping(app: Flask, mug: Product) -> None:
    for round_ in range(5):
        color = f"Color {round_}"

        def sync(round_: int = round_, color: str = color) -> Synced:
            return send(mug, f"R{round_}", price=Decimal(5), stock=7, option_values=[("Color", color)])

        outcomes = scenarios.side_by_side(app, *[sync] * SEVERAL)
        assert sorted(outcome.outcome for outcome in outcomes) == ["created"] + ["unchanged"] * (SEVERAL - 1)
        assert len({outcome.variant.id for outcome in outcomes}) == 1
    assert len(mappings(mug)) == len(of_product(mug)) == 5


def test_different_ids_of_one_product_at_once_are_all_made(app: Flask, mug: Product) -> None:
    def sync(n: int) -> Synced:
        return send(mug, f"N{n}", option_values=[("Color", f"Shade {n}"), ("Finish", f"Finish {n % 2}")])

    outcomes = scenarios.side_by_side(app, *[lambda n=n: sync(n) for n in range(SEVERAL)])
    assert [outcome.outcome for outcome in outcomes] == ["created"] * SEVERAL
    assert len(mappings(mug)) == SEVERAL


def test_the_backfill_maps_legacy_ids_and_adds_nothing_the_second_time(owner, app: Flask) -> None:  # type: ignore[no-untyped-def]
    variant = make_variant()
    owner.execute("UPDATE variants SET external_sku = 'OLD-7' WHERE id = %s", [variant.id])
    assert feeds.backfill_external_ids(actor=ANA) == 1
    assert feeds.backfill_external_ids(actor=ANA) == 0
    assert rows("SELECT source, source_account, external_id FROM variant_external_ids WHERE variant_id = :id",
                id=variant.id) == [("legacy", "default", "OLD-7")]  # fmt: skip
