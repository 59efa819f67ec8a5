"""Orders until they are confirmed: lines are added, merged, changed and removed, and stock is not touched."""

from __future__ import annotations

from decimal import Decimal

import pytest

from magflow.domain.errors import (
    AlreadyTaken,
    AmbiguousSku,
    Invalid,
    NotFound,
    OrderNotEditable,
    OrderTaken,
    StaleVersion,
)
from magflow.models import Order, Variant
from magflow.services import orders, restock, variants
from magflow.services.orders import AddItem, ChangeItemVariant, ChangeQuantity, NewItem, NewOrder
from tests.services.looking import lines, order_row
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")


def quantities(order: Order) -> list[tuple[int | None, int]]:
    return [(line["variant_id"], line["quantity"]) for line in lines(order)]


def change_variant(order: Order, item: int, variant: Variant) -> orders.ItemChange:
    return orders.change_item_variant(ChangeItemVariant(order.id, item, variant.id), actor=ANA)


def test_an_order_is_taken_for_any_quantity_of_any_variant() -> None:
    draft = make_variant(active=False, stock=0)
    order = make_order((draft, 7))
    assert order.status == "pending" and order.number and quantities(order) == [(draft.id, 7)]
    assert movements_of(draft) == []


def test_lines_of_one_variant_are_one_line() -> None:
    mug, cup = make_variant(), make_variant()
    assert quantities(make_order((mug, 2), (cup, 1), (mug, 3))) == [(mug.id, 5), (cup.id, 1)]


def test_lines_that_a_marketplace_priced_are_merged_at_the_same_price_only() -> None:
    mug = make_variant()
    priced = [NewItem(1, mug.id, unit_price=Decimal(price), vat_rate=Decimal(19)) for price in ("9.00", "8.00", "9.00")]
    order = orders.create(NewOrder([NewItem(1, mug.id), *priced]), actor=ANA)
    assert [(line["quantity"], line["unit_price"]) for line in lines(order)] == [
        (1, Decimal("12.34")),
        (2, Decimal("9.00")),
        (1, Decimal("8.00")),
    ]


def test_every_bad_quantity_is_named() -> None:
    mug = make_variant()
    with pytest.raises(Invalid) as refused:
        orders.create(NewOrder([NewItem(0, mug.id), NewItem(1, mug.id), NewItem(10**7, mug.id)]), actor=ANA)
    assert [error.field for error in refused.value.errors] == ["items[0].quantity", "items[2].quantity"]


def test_a_sku_names_a_variant_where_only_one_product_has_it() -> None:
    one = make_variant(sku="ONLY-HERE")
    order = orders.create(NewOrder([NewItem(1, sku="ONLY-HERE")]), actor=ANA)
    assert quantities(order) == [(one.id, 1)]
    twins = [make_variant(sku="TWICE").id for _ in range(2)]
    with pytest.raises(AmbiguousSku) as refused:
        orders.create(NewOrder([NewItem(1, sku="TWICE")]), actor=ANA)
    assert [variant["variant_id"] for variant in refused.value.variants] == twins


def test_a_number_and_an_external_id_are_taken_once() -> None:
    orders.create(NewOrder(number="A-1", source="emag", source_account="main", external_id="77"), actor=ANA)
    with pytest.raises(AlreadyTaken):
        orders.create(NewOrder(number="A-1"), actor=ANA)
    with pytest.raises(OrderTaken) as refused:
        orders.create(NewOrder(source="emag", source_account="main", external_id="77"), actor=ANA)
    assert refused.value.code == "external_id_taken"
    orders.create(NewOrder(source="emag", source_account="fbe", external_id="77"), actor=ANA)


def test_adding_merges_into_the_line_that_is_there() -> None:
    mug, cup = make_variant(), make_variant()
    order = make_order((mug, 2))
    merged = orders.add_item(AddItem(order.id, NewItem(3, mug.id)), actor=ANA)
    created = orders.add_item(AddItem(order.id, NewItem(1, cup.id)), actor=ANA)
    assert (merged.action, created.action) == ("merged", "created")
    assert quantities(order) == [(mug.id, 5), (cup.id, 1)]
    assert order_row(order)["version"] == order.version + 2


def test_zero_or_less_removes_the_line() -> None:
    mug, cup, pot = make_variant(), make_variant(), make_variant()
    order = make_order((mug, 2), (cup, 1), (pot, 1))
    first, second, _ = lines(order)
    for item, quantity in ((first["id"], 0), (second["id"], -3)):
        gone = orders.change_quantity(ChangeQuantity(order.id, item, quantity), actor=ANA)
        assert (gone.action, gone.item, gone.removed_item_id) == ("removed", None, item)
    assert quantities(order) == [(pot.id, 1)]


def test_the_same_quantity_again_is_no_change() -> None:
    order = make_order((make_variant(), 2))
    [line] = lines(order)
    again = orders.change_quantity(ChangeQuantity(order.id, line["id"], 2), actor=ANA)
    assert again.action == "no_change" and order_row(order)["version"] == order.version


def test_two_lines_that_become_one_variant_become_one_line() -> None:
    x, y = make_variant(), make_variant()
    order = make_order((x, 2), (y, 3))
    a, b = lines(order)
    merged = change_variant(order, a["id"], y)
    assert (merged.action, merged.removed_item_id) == ("merged", a["id"])
    assert [(line["id"], line["variant_id"], line["quantity"]) for line in lines(order)] == [(b["id"], y.id, 5)]


def test_a_line_that_becomes_another_variant_takes_its_price() -> None:
    x, y = make_variant(price="5.00"), make_variant(price="7.00")
    order = make_order((x, 2))
    [line] = lines(order)
    assert change_variant(order, line["id"], y).action == "changed"
    assert change_variant(order, line["id"], y).action == "no_change"
    [line] = lines(order)
    assert (line["variant_id"], line["product_id"], line["unit_price"]) == (y.id, y.product_id, Decimal("7.00"))


@pytest.mark.parametrize("ended", ["confirmed", "cancelled"])
def test_only_a_pending_order_is_changed(ended: str) -> None:
    mug, cup = make_variant(stock=5), make_variant()
    order = make_order((mug, 1))
    [line] = lines(order)
    finalize(order) if ended == "confirmed" else restock.cancel(restock.CancelOrder(order.id), actor=ANA)
    for change in (
        lambda: orders.add_item(AddItem(order.id, NewItem(1, cup.id)), actor=ANA),
        lambda: orders.change_quantity(ChangeQuantity(order.id, line["id"], 2), actor=ANA),
        lambda: orders.change_quantity(ChangeQuantity(order.id, line["id"], 0), actor=ANA),
        lambda: change_variant(order, line["id"], cup),
    ):
        with pytest.raises(OrderNotEditable) as refused:
            change()
        assert refused.value.order_status == ended
    assert quantities(order) == [(mug.id, 1)]


def test_a_line_of_another_order_is_not_found() -> None:
    mug = make_variant()
    order, other = make_order((mug, 1)), make_order((mug, 1))
    with pytest.raises(NotFound):
        orders.change_quantity(ChangeQuantity(order.id, lines(other)[0]["id"], 2), actor=ANA)


def test_a_variant_that_was_removed_is_not_found() -> None:
    mug, gone = make_variant(), make_variant()
    order = make_order((mug, 1))
    variants.delete_for_good(gone.id, actor=ANA)
    with pytest.raises(NotFound):
        orders.add_item(AddItem(order.id, NewItem(1, gone.id)), actor=ANA)
    assert quantities(order) == [(mug.id, 1)]


def test_an_order_that_somebody_changed_meanwhile_is_refused() -> None:
    mug = make_variant()
    order = make_order((mug, 1))
    orders.add_item(AddItem(order.id, NewItem(1, mug.id)), actor=ANA)
    with pytest.raises(StaleVersion):
        orders.add_item(AddItem(order.id, NewItem(1, mug.id), seen_version=order.version), actor=ANA)
    assert quantities(order) == [(mug.id, 2)]


def test_nothing_of_this_touches_stock() -> None:
    product = make_product()
    mug, cup = make_variant(product, stock=1), make_variant(stock=1)
    order = make_order((mug, 9))
    orders.add_item(AddItem(order.id, NewItem(4, cup.id)), actor=ANA)
    change_variant(order, lines(order)[0]["id"], cup)
    assert (stock_of(mug), stock_of(cup), movements_of(mug), movements_of(cup)) == (1, 1, [], [])
