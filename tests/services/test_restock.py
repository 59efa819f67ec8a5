"""What comes back: never more than went out, each time explained, a repeated call changes nothing."""

from __future__ import annotations

import pytest
from flask import Flask

from magflow.domain.errors import Invalid, NotFound, OrderNotEditable, OverRestock, StaleVersion, StatusMoveRefused
from magflow.models import Order
from magflow.services import orders, restock, variants
from magflow.services.orders import NewItem, NewOrder
from magflow.services.restock import CancelOrder, Restocked, RestockLine, RestockOrder
from tests.gates import scenarios
from tests.services.looking import lines, order_row, rows
from tests.shop import ANA, finalize, make_order, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")


def take_back(order: Order, *units: tuple[int, int], **how: object) -> Restocked:
    asked = [RestockLine(item, quantity) for item, quantity in units]
    return restock.restock(RestockOrder(order.id, "returned by mail", asked, **how), actor=ANA)  # type: ignore[arg-type]


def cancel(order: Order, **how: object) -> Restocked:
    return restock.cancel(CancelOrder(order.id, **how), actor=ANA)  # type: ignore[arg-type]


def sold(*quantities: int) -> tuple[Order, list[int]]:
    order = make_order(*((make_variant(stock=10), quantity) for quantity in quantities))
    finalize(order)
    return order, [line["id"] for line in lines(order)]


def test_units_come_back_with_a_document_and_a_cause() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    finalize(order)
    [line] = lines(order)
    done = take_back(order, (line["id"], 2))
    assert (done.returned, stock_of(mug), movements_of(mug)) == ({line["id"]: 2}, 4, [-3, 2])
    [document] = rows("SELECT document_id, quantity, reason, actor, reached_stock FROM restocks WHERE order_id = :id",
                      id=order.id)  # fmt: skip
    assert document == (done.document_id, 2, "returned by mail", ANA.name, True)
    source = rows("SELECT source_type, source_id FROM stock_movements WHERE variant_id = :id AND delta = 2", id=mug.id)
    assert source == [("restock", done.document_id)]
    assert order_row(order)["status"] == "confirmed"


def test_with_the_last_unit_the_order_is_returned() -> None:
    order, [first, second] = sold(1, 2)
    take_back(order, (first, 1))
    assert order_row(order)["status"] == "confirmed"
    take_back(order, (second, 1), (second, 1))
    assert order_row(order)["status"] == "returned" and order_row(order)["returned_at"] is not None


def test_no_lines_mean_everything_that_is_still_out() -> None:
    order, [first, second] = sold(1, 2)
    take_back(order, (second, 1))
    done = restock.restock(RestockOrder(order.id, "all"), actor=ANA)
    assert done.returned == {first: 1, second: 1}
    again = restock.restock(RestockOrder(order.id, "all"), actor=ANA)
    assert (again.returned, again.document_id) == ({}, None)


def test_never_more_than_was_sold_and_is_not_back() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    finalize(order)
    [line] = lines(order)
    take_back(order, (line["id"], 2))
    with pytest.raises(OverRestock) as refused:
        take_back(order, (line["id"], 1), (line["id"], 1))
    assert (refused.value.asked, refused.value.returnable) == (2, 1)
    assert movements_of(mug) == [-3, 2] and lines(order)[0]["restocked_quantity"] == 2


def test_damaged_goods_are_back_but_not_in_stock() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 2))
    finalize(order)
    [line] = lines(order)
    take_back(order, (line["id"], 2), to_stock=False)
    assert (stock_of(mug), order_row(order)["status"]) == (3, "returned")
    assert rows("SELECT disposition, reached_stock FROM restocks WHERE order_id = :id", id=order.id) == [
        ("written_off", False)
    ]


def test_what_was_never_sold_does_not_come_back() -> None:
    order = make_order((make_variant(stock=5), 2))
    [line] = lines(order)
    with pytest.raises(OrderNotEditable):
        take_back(order, (line["id"], 1))
    cancel(order)
    with pytest.raises(OrderNotEditable):
        take_back(order, (line["id"], 1))


def test_lines_of_others_and_quantities_below_one_are_refused() -> None:
    order, [line] = sold(2)
    _, [other] = sold(1)
    with pytest.raises(NotFound):
        take_back(order, (other, 1))
    with pytest.raises(Invalid):
        take_back(order, (line, 0))


def test_cancelling_brings_everything_back_that_is_still_out() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    finalize(order)
    [line] = lines(order)
    take_back(order, (line["id"], 1))
    assert cancel(order).returned == {line["id"]: 2}
    assert (stock_of(mug), movements_of(mug), order_row(order)["status"]) == (5, [-3, 1, 2], "cancelled")


def test_cancelling_twice_answers_the_same_and_changes_nothing() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    finalize(order)
    cancel(order)
    before = order_row(order)
    assert cancel(order).returned == {}
    assert order_row(order) == before and movements_of(mug) == [-3, 3]


def test_cancelling_at_once_from_many_sides_brings_it_back_once(app: Flask) -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    finalize(order)
    outcomes = scenarios.side_by_side(app, *[lambda: cancel(order)] * 6)
    assert sorted(sum(outcome.returned.values()) for outcome in outcomes) == [0, 0, 0, 0, 0, 3]
    assert movements_of(mug) == [-3, 3]


def test_a_pending_order_is_cancelled_without_touching_stock() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 3))
    assert cancel(order).returned == {}
    assert order_row(order)["status"] == "cancelled" and movements_of(mug) == []


def test_an_order_can_be_cancelled_without_its_goods_and_take_them_back_later() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 2))
    finalize(order)
    cancel(order, restock=False)
    assert stock_of(mug) == 3
    restock.restock(RestockOrder(order.id, "arrived"), actor=ANA)
    assert (stock_of(mug), order_row(order)["status"]) == (5, "cancelled")


def test_a_returned_order_is_not_cancelled() -> None:
    order, [line] = sold(1)
    take_back(order, (line, 1))
    with pytest.raises(StatusMoveRefused):
        cancel(order)


def test_goods_that_were_never_ours_do_not_reach_our_stock() -> None:
    mug = make_variant(stock=5)
    item = NewItem(2, mug.id, unit_price=mug.price, vat_rate=mug.price, stock_source="marketplace")
    order = orders.create(NewOrder([item]), actor=ANA)
    finalize(order)
    assert cancel(order).lost_variants == ()
    assert stock_of(mug) == 5 and movements_of(mug) == []


def test_goods_of_an_inactive_variant_come_back_to_it() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 2))
    finalize(order)
    variants.set_active(mug.id, False, actor=ANA)
    cancel(order)
    assert stock_of(mug) == 5


def test_an_order_that_somebody_changed_meanwhile_is_refused() -> None:
    order, [line] = sold(2)
    seen = order_row(order)["version"]
    take_back(order, (line, 1))
    with pytest.raises(StaleVersion):
        take_back(order, (line, 1), seen_version=seen)
    with pytest.raises(StaleVersion):
        restock.cancel(CancelOrder(order.id, seen_version=seen), actor=ANA)
    assert order_row(order)["status"] == "confirmed"
