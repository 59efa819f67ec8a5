"""Bulk edit: what was previewed is what is done, all of it or nothing, and there is a way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.bulk_edit import Rule
from magflow.domain.errors import NotFound, StaleVersion
from magflow.models import BulkEdit, Variant
from magflow.queries.variant_lists import VariantFilter
from magflow.services import bulk_edit, bulk_undo, stock, variants
from magflow.services.bulk_edit import BulkRefused, EditInBulk, Selection
from magflow.services.bulk_undo import NothingToUndo
from tests.shop import ANA, make_product, make_variant, movements_of, stock_of

TEN_PERCENT = Rule("price", "percent", Decimal(10), ".99")


def fresh(variant: Variant) -> Variant:
    with db.engine.connect() as connection:
        row = connection.execute(Variant.__table__.select().where(Variant.id == variant.id)).one()
    return Variant(**dict(row._mapping))


def run(*rules: Rule, on: list[Variant] | Selection, skip_refused: bool = False) -> BulkEdit:
    selection = on if isinstance(on, Selection) else Selection(ids=tuple(v.id for v in on))
    plan = bulk_edit.preview(db.session(), selection, rules)
    db.session.rollback()
    return bulk_edit.start(EditInBulk(selection, rules, plan.fingerprint, skip_refused), actor=ANA)


def test_prices_rise_as_previewed_and_come_back(app: Flask) -> None:
    mugs = [make_variant(price=price) for price in ("100.00", "19.99", "0.00")]
    done = run(TEN_PERCENT, on=mugs)
    assert [fresh(m).price for m in mugs] == [Decimal("109.99"), Decimal("21.99"), Decimal("0.00")]
    assert (done.status, done.rows_changed, done.rows_unchanged) == ("applied", 2, 1)

    back = bulk_undo.undo(done.id, actor=ANA)
    assert (back.restored, dict(back.kept)) == (2, {})
    assert [fresh(m).price for m in mugs] == [Decimal("100.00"), Decimal("19.99"), Decimal("0.00")]
    assert bulk_undo.undo(done.id, actor=ANA).restored == 0


def test_another_plan_than_the_one_agreed_to_is_refused(app: Flask) -> None:
    mug = make_variant(price="100.00")
    selection = Selection(ids=(mug.id,))
    plan = bulk_edit.preview(db.session(), selection, [TEN_PERCENT])
    db.session.rollback()
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("50.00")}), actor=ANA)
    with pytest.raises(StaleVersion):
        bulk_edit.start(EditInBulk(selection, (TEN_PERCENT,), plan.fingerprint), actor=ANA)
    assert fresh(mug).price == Decimal("50.00")


def test_one_refused_row_refuses_all_unless_told_otherwise(app: Flask) -> None:
    rich, poor = make_variant(stock=10), make_variant(stock=1)
    minus = Rule("stock", "add", Decimal(-5))
    with pytest.raises(BulkRefused) as refused:
        run(minus, on=[rich, poor])
    assert refused.value.details()["refused"] == [{"variant_id": poor.id, "sku": poor.sku, "reason": "below_zero"}]
    assert (stock_of(rich), stock_of(poor)) == (10, 1)

    done = run(minus, on=[rich, poor], skip_refused=True)
    assert (done.rows_changed, done.rows_refused) == (1, 1)
    assert (stock_of(rich), stock_of(poor)) == (5, 1)
    assert movements_of(rich) == [-5]


def test_undo_leaves_alone_what_was_touched_since_and_says_so(app: Flask) -> None:
    still, edited, sold = (make_variant(price="10.00", stock=5) for _ in range(3))
    done = run(Rule("price", "add", Decimal(1)), Rule("stock", "add", Decimal(2)), on=[still, edited, sold])
    variants.edit(variants.EditVariant(edited.id, {"title": "Mine"}), actor=ANA)
    stock.adjust(stock.AdjustStock(sold.id, "broken", delta=-1), actor=ANA)

    back = bulk_undo.undo(done.id, actor=ANA)

    assert (back.restored, dict(back.kept)) == (1, {edited.id: "changed_since", sold.id: "stock_moved_since"})
    assert (fresh(still).price, stock_of(still)) == (Decimal("10.00"), 5)
    assert (fresh(sold).price, stock_of(sold)) == (Decimal("11.00"), 6)


def test_nothing_to_undo_is_said(app: Flask) -> None:
    mug = make_variant(price="10.00")
    done = run(Rule("price", "set", Decimal(12)), on=[mug])
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("13.00")}), actor=ANA)
    with pytest.raises(NothingToUndo):
        bulk_undo.undo(done.id, actor=ANA)
    assert fresh(mug).price == Decimal("13.00")


def test_waking_two_drafts_of_one_combination_wakes_none(app: Flask) -> None:
    product = make_product(options={"Size": ["S"]})
    drafts = [make_variant(product, values=[("Size", "S")], active=False) for _ in range(2)]
    with pytest.raises(BulkRefused):
        run(Rule("status", "activate"), on=drafts)
    done = run(Rule("status", "activate"), on=drafts, skip_refused=True)
    assert (done.rows_changed, [fresh(d).status for d in drafts]) == (1, [0, 1])
    bulk_undo.undo(done.id, actor=ANA)
    assert [fresh(d).status for d in drafts] == [1, 1]


def test_a_filter_selects_across_products(app: Flask) -> None:
    first, second = make_product(name="Zebra mug"), make_product(name="Zebra cup")
    both = [make_variant(first, price="5.00"), make_variant(second, price="6.00")]
    other = make_variant(price="7.00")
    run(Rule("compare_at_price", "set", Decimal("9.90")), on=Selection(filter=VariantFilter(q="zebra")))
    assert [fresh(v).compare_at_price for v in (*both, other)] == [Decimal("9.90"), Decimal("9.90"), None]


def test_a_large_one_waits_for_the_worker_and_keeps_its_promise(app: Flask) -> None:
    product = make_product(name="Many", options={"A": [f"a{n}" for n in range(32)], "B": [f"b{n}" for n in range(64)]})
    from magflow.services import generation

    generation.generate(generation.Generate(product.id, price=Decimal("10.00"), stock=1), actor=ANA)
    queued = run(TEN_PERCENT, on=Selection(filter=VariantFilter(product_id=product.id)))
    assert queued.status == "queued"
    done = bulk_edit.carry_out(queued.id, actor=ANA)
    assert (done.status, done.rows_changed) == ("applied", 2048)
    assert bulk_edit.carry_out(queued.id, actor=ANA).rows_changed == 2048
    assert bulk_undo.undo(queued.id, actor=ANA).restored == 2048


def test_a_missing_variant_is_named(app: Flask) -> None:
    with pytest.raises(NotFound):
        bulk_edit.preview(db.session(), Selection(ids=(10**9,)), [TEN_PERCENT])
