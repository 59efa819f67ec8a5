"""The checker of histories by itself: it must find an order where there is one, and must be able to say no."""

from __future__ import annotations

from tests.gates.checker import Call, explanation
from tests.gates.model import Answer, Line, Order, Shop, Variant
from tests.gates.operations import Operation

MUG = 1
FIRST, SECOND = Order(1, "pending", (Line(1, MUG, 1),)), Order(2, "pending", (Line(2, MUG, 1),))


def shop(stock: int, *orders: Order) -> Shop:
    return Shop((Variant(MUG, 1, stock, True, 500),), orders)


def sold(order: Order) -> Order:
    return order._replace(status="confirmed", sold=True)


def call(name: str, *args: object, answer: Answer | None, at: tuple[float, float] = (0, 9)) -> Call:
    return Call(Operation(name, args), answer, *at)


def test_one_of_two_sales_of_the_last_unit_is_refused() -> None:
    calls = [
        call("finalize", 1, answer=("insufficient_stock", ((MUG, 1, 0),))),
        call("finalize", 2, answer=("ok", 500)),
    ]
    order = explanation(calls, shop(1, FIRST, SECOND), shop(0, FIRST, sold(SECOND)))
    assert order == [calls[1], calls[0]]


def test_two_sales_of_one_unit_are_not_explained() -> None:
    calls = [call("finalize", 1, answer=("ok", 500)), call("finalize", 2, answer=("ok", 500))]
    assert explanation(calls, shop(1, FIRST, SECOND), shop(0, sold(FIRST), sold(SECOND))) is None


def test_a_sale_that_left_the_stock_as_it_was_is_not_explained() -> None:
    calls = [call("finalize", 1, answer=("ok", 500))]
    assert explanation(calls, shop(1, FIRST), shop(1, sold(FIRST))) is None


def test_the_clock_is_respected() -> None:
    refused = call("finalize", 1, answer=("insufficient_stock", ((MUG, 1, 0),)), at=(0, 1))
    restocked = call("adjust", MUG, 1, answer=("ok", 1), at=(2, 3))
    assert explanation([refused, restocked], shop(0, FIRST), shop(1, FIRST))
    late = call("finalize", 1, answer=("insufficient_stock", ((MUG, 1, 0),)), at=(4, 5))
    assert explanation([restocked, late], shop(0, FIRST), shop(1, FIRST)) is None


def test_a_refusal_must_name_the_right_figures() -> None:
    calls = [call("finalize", 1, answer=("insufficient_stock", ((MUG, 1, 7),)))]
    assert explanation(calls, shop(0, FIRST), shop(0, FIRST)) is None


def test_a_read_of_two_things_is_one_moment() -> None:
    half = call("read", (MUG,), (1,), answer=("ok", ((MUG, 0, True),), ((1, "pending", 1),)))
    calls = [call("finalize", 1, answer=("ok", 500)), half]
    assert explanation(calls, shop(1, FIRST), shop(0, sold(FIRST))) is None


def test_a_call_without_an_answer_may_have_happened_or_not() -> None:
    calls = [call("finalize", 1, answer=None)]
    assert explanation(calls, shop(1, FIRST), shop(1, FIRST)) is not None
    assert explanation(calls, shop(1, FIRST), shop(0, sold(FIRST))) is not None
    assert explanation(calls, shop(1, FIRST), shop(0, FIRST)) is None
