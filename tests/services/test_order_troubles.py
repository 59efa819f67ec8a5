"""Orders that cannot be covered: flagged, bought in, split; details changed; and a price that nobody was shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from magflow.domain.errors import InsufficientStock, Invalid, OrderNotEditable, PriceChanged, StaleVersion
from magflow.services import confirming, handling, order_split, orders, restock, variants
from magflow.services.confirming import ConfirmOrder, FlagBlocked
from magflow.services.handling import BuyIn, HandleOrder
from magflow.services.order_split import SplitOrder
from magflow.services.orders import ChangeDetails
from magflow.services.restock import CancelOrder
from tests.services.looking import lines, order_row, rows
from tests.shop import ANA, finalize, make_order, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")


def test_only_what_was_sold_elsewhere_is_flagged() -> None:
    mug = make_variant(stock=1)
    own, sold = make_order((mug, 2)), make_order((mug, 2), source="emag", source_account="main")
    for order in (own, sold):
        with pytest.raises(InsufficientStock) as refused:
            finalize(order)
        confirming.flag_blocked(FlagBlocked(order.id, refused.value.code), actor=ANA)
    assert [order_row(order)["blocked_reason"] for order in (own, sold)] == [None, "insufficient_stock"]
    handling.buy_in(BuyIn(sold.id), actor=ANA)
    [since] = rows("SELECT buying_in_since IS NOT NULL FROM order_handling WHERE order_id = :id", id=sold.id)
    assert since == (True,) and order_row(sold)["status"] == "pending"
    with pytest.raises(Invalid):
        handling.buy_in(BuyIn(own.id), actor=ANA)


def test_a_split_leaves_what_is_there_and_loses_nothing() -> None:
    mug, cup, pen = make_variant(stock=3, price="10.00"), make_variant(stock=9), make_variant(stock=0)
    order = make_order((mug, 5), (cup, 1), (pen, 2), source="emag", external_id="E-9", customer_name="Ana")
    confirming.flag_blocked(FlagBlocked(order.id, "insufficient_stock"), actor=ANA)
    done = order_split.split(SplitOrder(order.id, order.version), actor=ANA)
    assert [(line["variant_id"], line["quantity"]) for line in lines(order)] == [(mug.id, 3), (cup.id, 1)]
    assert [(line["variant_id"], line["quantity"]) for line in lines(done.rest)] == [(mug.id, 2), (pen.id, 2)]
    rest = order_row(done.rest)
    assert (rest["source"], rest["external_id"], rest["customer_name"], rest["blocked_reason"]) == (
        "emag", None, "Ana", "insufficient_stock",
    )  # fmt: skip
    assert rows("SELECT split_from_id FROM order_handling WHERE order_id = :id", id=rest["id"]) == [(order.id,)]
    finalize(order)
    assert (stock_of(mug), movements_of(mug), order_row(order)["blocked_reason"]) == (0, [-3], None)
    with pytest.raises(Invalid) as refused:
        order_split.split(SplitOrder(rest["id"]), actor=ANA)
    assert refused.value.errors[0].code == "nothing_there"
    with pytest.raises(OrderNotEditable):
        order_split.split(SplitOrder(order.id), actor=ANA)


def test_what_is_all_there_is_not_split() -> None:
    order = make_order((make_variant(stock=5), 2))
    with pytest.raises(Invalid) as refused:
        order_split.split(SplitOrder(order.id), actor=ANA)
    assert refused.value.errors[0].code == "nothing_missing"


def test_a_price_that_nobody_was_shown_is_not_sold_at() -> None:
    mug = make_variant(stock=5, price="10.00")
    order = make_order((mug, 2))
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("12.00")}), actor=ANA)
    with pytest.raises(PriceChanged) as refused:
        confirming.confirm(ConfirmOrder(order.id, seen_total=Decimal("20.00")), actor=ANA)
    assert (refused.value.seen, refused.value.current) == (Decimal("20.00"), Decimal("24.00"))
    assert (order_row(order)["status"], stock_of(mug), movements_of(mug)) == ("pending", 5, [])
    confirming.confirm(ConfirmOrder(order.id, seen_total=Decimal("24.00")), actor=ANA)
    assert (order_row(order)["status"], movements_of(mug)) == ("confirmed", [-2])


def test_customer_and_addresses_change_while_it_is_pending_the_note_always() -> None:
    order = make_order((make_variant(stock=5), 1))
    details = {"customer_name": "Ștefan", "shipping_address": {"city": "Iași"}}
    changed = orders.change_details(ChangeDetails(order.id, details, order.version), actor=ANA)
    assert (changed.customer_name, changed.shipping_address, changed.version) == ("Ștefan", {"city": "Iași"}, 2)
    with pytest.raises(StaleVersion):
        orders.change_details(ChangeDetails(order.id, {"customer_name": "X"}, 1), actor=ANA)
    same = orders.change_details(ChangeDetails(order.id, {"customer_name": "Ștefan"}), actor=ANA)
    assert same.version == 2
    finalize(order)
    with pytest.raises(OrderNotEditable):
        orders.change_details(ChangeDetails(order.id, {"customer_name": "X"}), actor=ANA)
    orders.change_details(ChangeDetails(order.id, {"note": "ring twice"}), actor=ANA)
    handling.handle(HandleOrder(order.id, "AWB-1", "F-2"), actor=ANA)
    restock.cancel(CancelOrder(order.id, reason="refused at the door"), actor=ANA)
    kept = rows("SELECT waybill, invoice_number, cancel_reason FROM order_handling WHERE order_id = :id", id=order.id)
    assert kept == [("AWB-1", "F-2", "refused at the door")] and order_row(order)["note"] == "ring twice"
