"""What the shop owes back: what came back costs, or what somebody said; never more than a line cost; kept for good."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from magflow.domain.errors import Invalid, OrderNotEditable, StaleVersion
from magflow.models import Order
from magflow.services import orders, refunds, restock
from magflow.services.refunds import RefundLine, RefundOrder
from magflow.services.restock import CancelOrder, RestockLine, RestockOrder
from tests.conftest import ShopDatabase
from tests.services.looking import lines, order_row, rows
from tests.shop import ANA, finalize, make_order, make_variant, stock_of

pytestmark = pytest.mark.usefixtures("app")


def sold(price: str = "10.00", units: int = 3) -> tuple[Order, int]:
    order = make_order((make_variant(stock=10, price=price), units))
    finalize(order)
    return order, lines(order)[0]["id"]


def owed(order: Order) -> list[tuple[str, bool]]:
    found = rows(
        "SELECT amount::text, document_id IS NOT NULL FROM refunds WHERE order_id = :id ORDER BY id", id=order.id
    )
    return [(amount, with_goods) for amount, with_goods in found]


def test_what_comes_back_is_owed_at_its_price() -> None:
    order, line = sold("19.99")
    done = restock.restock(RestockOrder(order.id, "wrong size", [RestockLine(line, 2)]), actor=ANA)
    assert (done.refunded, owed(order)) == (Decimal("39.98"), [("39.98", True)])
    done = restock.cancel(CancelOrder(order.id), actor=ANA)
    assert (done.refunded, owed(order)) == (Decimal("19.99"), [("39.98", True), ("19.99", True)])
    assert rows("SELECT kind FROM restocks WHERE order_id = :id ORDER BY id", id=order.id) == [("return",), ("cancel",)]


def test_somebody_may_say_another_amount_or_none() -> None:
    order, line = sold()
    restock.restock(RestockOrder(order.id, "scratched", [RestockLine(line, 1, Decimal("4.50"))]), actor=ANA)
    restock.restock(RestockOrder(order.id, "swapped", [RestockLine(line, 1)], refund=False), actor=ANA)
    restock.restock(RestockOrder(order.id, "free of charge", [RestockLine(line, 1, Decimal(0))]), actor=ANA)
    assert owed(order) == [("4.50", True)]


def test_never_more_than_the_line_cost() -> None:
    order, line = sold()
    refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal("25.00"))], "arrived late"), actor=ANA)
    with pytest.raises(Invalid) as refused:
        restock.restock(RestockOrder(order.id, "back", [RestockLine(line, 1, Decimal("5.01"))]), actor=ANA)
    assert [(e.field, e.code) for e in refused.value.errors] == [("lines[0].refund", "more_than_paid")]
    # Nothing said: what is left of what it cost.
    assert restock.cancel(CancelOrder(order.id), actor=ANA).refunded == Decimal("5.00")
    with pytest.raises(Invalid):
        refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal("0.01"))], "once more"), actor=ANA)


def test_an_order_cancelled_without_its_goods_is_owed_once() -> None:
    order, _line = sold()
    restock.cancel(CancelOrder(order.id, restock=False), actor=ANA)
    restock.restock(RestockOrder(order.id, "arrived"), actor=ANA)
    assert owed(order) == [("30.00", False)]


def test_lost_goods_are_owed_and_do_not_reach_the_stock() -> None:
    mug = make_variant(stock=5, price="10.00")
    order = make_order((mug, 2))
    finalize(order)
    restock.restock(RestockOrder(order.id, "never arrived", to_stock=False, write_off="lost"), actor=ANA)
    assert (stock_of(mug), owed(order)) == (3, [("20.00", True)])
    assert rows("SELECT disposition, write_off FROM restocks WHERE order_id = :id", id=order.id) == [
        ("written_off", "lost")
    ]


def test_only_what_was_confirmed_and_as_it_was_seen() -> None:
    pending = make_order((make_variant(), 1))
    with pytest.raises(OrderNotEditable):
        refunds.refund(RefundOrder(pending.id, [], "no"), actor=ANA)
    order, line = sold()
    with pytest.raises(StaleVersion):
        refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal(1))], "no", seen_version=1), actor=ANA)


def test_a_refund_is_news_and_makes_another_version() -> None:
    order, line = sold()
    seen = order_row(order)["version"]
    refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal(1))], "late", seen_version=seen), actor=ANA)
    with pytest.raises(StaleVersion):
        refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal(1))], "late", seen_version=seen), actor=ANA)
    news = (
        "SELECT payload ->> 'amount' FROM events WHERE type = 'order.refunded' AND (payload ->> 'order_id')::int = :id"
    )
    assert (owed(order), rows(news, id=order.id)) == ([("1.00", False)], [("1.00",)])


def test_a_line_that_is_named_twice_is_owed_its_sum_and_nothing_is_no_refund() -> None:
    order, line = sold()
    refunds.refund(
        RefundOrder(order.id, [RefundLine(line, Decimal(4)), RefundLine(line, Decimal(6))], "late"), actor=ANA
    )
    with pytest.raises(Invalid) as refused:
        refunds.refund(
            RefundOrder(order.id, [RefundLine(line, Decimal(11)), RefundLine(line, Decimal(11))], "more"), actor=ANA
        )
    assert {e.code for e in refused.value.errors} == {"more_than_paid"}
    before = order_row(order)["version"]
    with pytest.raises(Invalid) as refused:
        refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal(0))], "nothing"), actor=ANA)
    assert [e.code for e in refused.value.errors] == ["nothing_owed"]
    assert (owed(order), order_row(order)["version"]) == ([("10.00", False)], before)


def test_why_an_order_was_cancelled_is_kept() -> None:
    order = make_order((make_variant(), 1))
    restock.cancel(CancelOrder(order.id, reason="out of stock", code="1"), actor=ANA)
    kept = rows("SELECT cancel_code, cancel_reason FROM order_handling WHERE order_id = :id", id=order.id)
    assert kept == [("1", "out of stock")] and order_row(order)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("UPDATE refunds SET amount = 1 WHERE order_id = %(order)s", "42501"),
        ("DELETE FROM refunds WHERE order_id = %(order)s", "42501"),
        (
            (
                "INSERT INTO refunds (order_id, order_item_id, amount, currency, reason, actor) "
                "VALUES (%(order)s, %(line)s, 20.01, 'RON', 'by hand', 'nobody')"
            ),
            "23514",
        ),
    ],
)
def test_the_database_holds_it(database: ShopDatabase, statement: str, sqlstate: str) -> None:
    order, line = sold()
    refunds.refund(RefundOrder(order.id, [RefundLine(line, Decimal(10))], "late"), actor=ANA)
    with (
        psycopg.connect(database.app_dsn) as connection,
        pytest.raises(psycopg.Error) as refused,
    ):
        connection.execute(statement, {"order": order.id, "line": line})
    assert refused.value.sqlstate == sqlstate


def test_what_a_marketplace_kept_for_itself_is_owed_like_the_rest() -> None:
    mug = make_variant(stock=5)
    item = orders.NewItem(2, mug.id, unit_price=Decimal("7.00"), vat_rate=Decimal(21), stock_source="marketplace")
    order = orders.create(orders.NewOrder([item]), actor=ANA)
    finalize(order)
    restock.cancel(CancelOrder(order.id), actor=ANA)
    assert owed(order) == [("14.00", True)]
