"""`stock.changed`: once for each variant whose stock was changed, through whichever door, in the same transaction."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.bulk_edit import Rule
from magflow.domain.errors import StaleVersion
from magflow.domain.grid import RowEdit, Typed
from magflow.models import Variant
from magflow.services import bulk_edit, bulk_undo, dispatch, grid, restock, stock, stock_news, variants
from magflow.services.bulk_edit import EditInBulk, Selection
from magflow.services.grid import SaveCells
from tests.services.looking import rows
from tests.shop import ANA, finalize, make_order, make_product, make_variant


def news(*of: Variant) -> list[tuple[int, int]]:
    """(variant, stock) of what was told about these, oldest first."""
    return [
        (variant_id, stock)
        for variant_id, stock in rows(
            "SELECT (payload ->> 'variant_id')::bigint, (payload ->> 'stock')::int FROM events "
            "WHERE type = 'stock.changed' AND (payload ->> 'variant_id')::bigint = ANY(:ids) ORDER BY id",
            ids=[variant.id for variant in of],
        )
    ]


def test_every_door_tells_each_variant_once(app: Flask) -> None:
    first, second, third = (make_variant(stock=10) for _ in range(3))
    assert news(first, second, third) == []
    stock.adjust(stock.AdjustStock(first.id, "found", delta=2), actor=ANA)
    stock.adjust(stock.AdjustStock(second.id, "count", set_to=7, expected=10), actor=ANA)
    variants.edit(variants.EditVariant(third.id, {"stock": 4, "title": "Four"}, expected_stock=10), actor=ANA)
    assert news(first, second, third) == [(first.id, 12), (second.id, 7), (third.id, 4)]

    cells = RowEdit(first.id, 1, {"stock": Typed("15", seen="12"), "title": Typed("Grid", seen="")})
    assert [a.state for a in grid.save_cells(SaveCells(first.product_id, [cells]), actor=ANA)] == ["saved"]
    assert news(first)[1:] == [(first.id, 15)]


def test_a_bulk_edit_and_its_undo_tell_what_they_changed(app: Flask) -> None:
    some = [make_variant(stock=n) for n in (0, 5, 9)]
    selection, rules = Selection(ids=tuple(v.id for v in some)), (Rule("stock", "set", Decimal(5)),)
    plan = bulk_edit.preview(db.session(), selection, rules)
    db.session.rollback()
    done = bulk_edit.start(EditInBulk(selection, rules, plan.fingerprint), actor=ANA)
    assert news(*some) == [(some[0].id, 5), (some[2].id, 5)]
    bulk_undo.undo(done.id, actor=ANA)
    assert news(*some)[2:] == [(some[0].id, 0), (some[2].id, 9)]


def test_what_is_refused_tells_nothing(app: Flask) -> None:
    mug = make_variant(stock=3)
    with pytest.raises(StaleVersion):
        variants.edit(variants.EditVariant(mug.id, {"stock": 9}, expected_stock=4), actor=ANA)
    stock.adjust(stock.AdjustStock(mug.id, "count", set_to=3, expected=3), actor=ANA)
    assert news(mug) == []


def test_a_sale_is_told_when_its_order_is_and_what_comes_back_at_once(app: Flask) -> None:
    mug, cup = make_variant(stock=5), make_variant(stock=5)
    order = make_order((mug, 2), (cup, 1), (mug, 1))
    finalize(order)
    assert news(mug, cup) == []
    dispatch.hand_out({"order.confirmed": [stock_news.order_confirmed]}, actor=ANA)
    assert news(mug, cup) == [(mug.id, 2), (cup.id, 4)]
    restock.cancel(restock.CancelOrder(order.id), actor=ANA)
    assert sorted(news(mug, cup)[2:]) == [(mug.id, 5), (cup.id, 5)]


def test_nothing_is_told_twice_within_a_generation_or_a_new_variant(app: Flask) -> None:
    product = make_product(options={"Size": ["S"]})
    assert news(make_variant(product, values=[("Size", "S")], stock=4)) == []
