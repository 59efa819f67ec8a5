"""Many orders at once: each taken, confirmed or refused for itself; past ones change no stock; nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from magflow.domain.errors import AmbiguousSku, Invalid, NotFound, OrderTaken
from magflow.services import checkout_in_bulk, order_intake, orders
from magflow.services.checkout_in_bulk import FinalizeOrders
from magflow.services.order_intake import PastOrder, TakeOrders
from magflow.services.orders import NewItem, NewOrder
from tests.gates.sql_log import sql_log
from tests.services.looking import rows
from tests.shop import ANA, make_order, make_product, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")


def order(*items: NewItem, **fields: object) -> NewOrder:
    return NewOrder(list(items), **fields)  # type: ignore[arg-type]


def take(*wanted: NewOrder, finalize: bool = False) -> list[order_intake.Intake]:
    return order_intake.take(TakeOrders(wanted, finalize), actor=ANA)


def test_each_is_taken_as_it_would_be_alone() -> None:
    mug, pen = make_variant(sku="TOGETHER-MUG", price="7.10"), make_variant(sku="TOGETHER-PEN")
    command = order(
        NewItem(1, sku="TOGETHER-MUG"),
        NewItem(2, pen.id),
        NewItem(3, mug.id),
        NewItem(1, mug.id, unit_price=Decimal(5)),
        customer_name="Ștefania",
        shipping_address={"city": "Iași"},
        note="gift",
        placed_at=datetime(2026, 3, 5, tzinfo=UTC),
    )
    alone = orders.create(command, actor=ANA)
    [done] = take(command)
    columns = "product_id, variant_id, quantity, price_source, stock_source, unit_price, vat_rate_snapshot, currency"
    asked = f"SELECT {columns} FROM order_items WHERE order_id = :id ORDER BY id"
    assert rows(asked, id=done.order_id) == rows(asked, id=alone.id)
    asked = (
        "SELECT status, source, customer_name, shipping_address, note, placed_at, version FROM orders WHERE id = :id"
    )
    assert rows(asked, id=done.order_id) == rows(asked, id=alone.id)
    assert done.number and done.number.startswith("MF-")


def test_what_is_wrong_with_one_does_not_stop_the_others() -> None:
    for name in ("one", "two"):
        make_variant(make_product(name=f"Twice {name}"), sku="TWICE")
    mug = make_variant(stock=5)
    good, gone, twice, none, again = take(
        order(NewItem(1, mug.id), external_id="X-1", source="shop"),
        order(NewItem(1, sku="NO-SUCH-THING")),
        order(NewItem(1, sku="TWICE")),
        order(NewItem(0, mug.id)),
        order(NewItem(2, mug.id), external_id="X-1", source="shop"),
    )
    assert good.order_id and not good.refused
    assert [type(o.refused) for o in (gone, twice, none, again)] == [NotFound, AmbiguousSku, Invalid, OrderTaken]
    assert again.known and again.order_id == good.order_id
    [later] = take(order(NewItem(1, mug.id), external_id="X-1", source="shop"))
    assert later.known and (later.order_id, later.number) == (good.order_id, good.number)


def test_orders_are_confirmed_until_the_stock_is_gone() -> None:
    mug = make_variant(stock=5)
    done = take(*[order(NewItem(2, mug.id))] * 3, order(NewItem(1, mug.id)), finalize=True)
    assert [outcome.done is not None for outcome in done] == [True, True, False, True]
    assert done[2].refused and done[2].refused.code == "insufficient_stock" and done[2].order_id
    assert (stock_of(mug), movements_of(mug)) == (0, [-2, -2, -1])
    sold = rows("SELECT count(*), sum(total_gross) FROM orders WHERE id = ANY(:ids) AND status = 'confirmed'",
                ids=[outcome.order_id for outcome in done])  # fmt: skip
    assert sold == [(3, mug.price * 5)]


def test_confirming_many_says_of_each_what_became_of_it() -> None:
    mug, draft = make_variant(stock=3), make_variant(active=False, stock=3)
    fine, empty, short, off = (
        make_order((mug, 1)), make_order(), make_order((mug, 9), source="shop"), make_order((draft, 1), source="shop"),
    )  # fmt: skip
    asked = [short.id, fine.id, 987654321, empty.id, off.id, fine.id]
    done = checkout_in_bulk.finalize_many(FinalizeOrders(asked), actor=ANA)
    assert [(o.order_id, o.refused.code if o.refused else "confirmed") for o in done] == [
        (short.id, "insufficient_stock"), (fine.id, "confirmed"), (987654321, "not_found"), (empty.id, "empty_order"),
        (off.id, "variant_unavailable"),
    ]  # fmt: skip
    again = checkout_in_bulk.finalize_many(FinalizeOrders(asked), actor=ANA)
    assert [o.refused.code for o in again if o.order_id == fine.id and o.refused] == ["already_finalized"]
    assert movements_of(mug) == [-1]
    # Sold already where they come from: they wait for somebody, and say why.
    blocked = rows("SELECT id, blocked_reason FROM orders WHERE blocked_reason IS NOT NULL ORDER BY id")
    assert blocked == [(short.id, "insufficient_stock"), (off.id, "variant_unavailable")]


def test_past_orders_are_taken_over_and_change_no_stock() -> None:
    mug = make_variant(sku="PAST-MUG", stock=5)
    line = NewItem(2, sku="PAST-MUG", unit_price=Decimal("9.99"), vat_rate=Decimal(19))
    unknown = NewItem(1, sku="LONG-GONE", unit_price=Decimal("1.00"), product_name="Ulcior")
    then = datetime(2020, 1, 31, 10, tzinfo=UTC)
    past = [
        PastOrder(order(line, unknown, number="OLD-1", placed_at=then)),
        PastOrder(order(line, number="OLD-2", placed_at=then), "cancelled"),
        PastOrder(order(line, number="OLD-3", placed_at=then), "returned"),
        PastOrder(order(NewItem(1, mug.id), number="OLD-4"), "pending"),
    ]
    done = order_intake.take_over(past, actor=ANA)
    assert [o.refused for o in done] == [None] * 4
    found = rows(
        "SELECT number, status, total_gross::text, total_tax::text, coalesce(confirmed_at, cancelled_at) FROM orders "
        "WHERE number LIKE 'OLD-%' ORDER BY number"
    )
    assert found == [
        ("OLD-1", "confirmed", "20.98", None, then), ("OLD-2", "cancelled", None, None, then),
        ("OLD-3", "returned", "19.98", "3.19", then), ("OLD-4", "pending", None, None, None),
    ]  # fmt: skip
    assert stock_of(mug) == 5 and movements_of(mug) == []
    before = rows("SELECT count(*), max(version) FROM orders")
    again = order_intake.take_over(past, actor=ANA)
    assert all(o.known for o in again) and [o.order_id for o in again] == [o.order_id for o in done]
    assert rows("SELECT count(*), max(version) FROM orders") == before


def test_a_past_order_says_what_was_paid() -> None:
    [done] = order_intake.take_over([PastOrder(order(NewItem(1, sku="A"), number="NO-PRICE"))], actor=ANA)
    assert isinstance(done.refused, Invalid) and done.refused.errors[0].field == "items[0].unit_price"


def test_five_hundred_are_a_handful_of_statements() -> None:
    mug = make_variant(stock=600)

    def statements(how_many: int) -> int:
        with sql_log() as sent:
            take(*[order(NewItem(1, mug.id))] * how_many)
        return len(sent)

    assert statements(500) == statements(2) <= 12
