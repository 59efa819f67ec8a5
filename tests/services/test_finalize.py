"""Finalize: stock goes down, the order becomes a document; all of it or nothing (domain, section 3)."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from flask import Flask

from magflow.db import db
from magflow.domain.errors import (
    AlreadyFinalized,
    EmptyOrder,
    InsufficientStock,
    NotFound,
    OrderNotEditable,
    StaleVersion,
    VariantUnavailable,
)
from magflow.domain.money import LineAmounts, line_amounts
from magflow.services import checkout, orders, products, variants
from magflow.services.checkout import FinalizeOrder
from magflow.services.options import OptionInput
from magflow.services.orders import NewItem, NewOrder
from tests.gates import scenarios
from tests.gates.planting import edited, swapped
from tests.gates.sql_log import sql_log
from tests.services.looking import lines, order_row, rows
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of, stock_of

pytestmark = pytest.mark.usefixtures("app")


def test_a_sale_takes_the_stock_and_says_why() -> None:
    mug, cup = make_variant(stock=5), make_variant(stock=5)
    order = make_order((mug, 2), (cup, 1))
    finalize(order)
    assert (stock_of(mug), stock_of(cup)) == (3, 4)
    booked = rows(
        "SELECT variant_id, delta, balance_after, reason, source_type, source_id, actor, door FROM stock_movements "
        "WHERE variant_id IN (:a, :b) AND reason <> 'opening' ORDER BY 1",
        a=mug.id,
        b=cup.id,
    )
    assert booked == [
        (mug.id, -2, 3, "sale", "order", order.id, ANA.name, "admin"),
        (cup.id, -1, 4, "sale", "order", order.id, ANA.name, "admin"),
    ]


def test_the_order_shows_what_was_bought() -> None:
    product = make_product(name="Tricou", options={"Culoare": ["Roșu"], "Memorie": ["1TB"]})
    shirt = make_variant(
        product, values=[("Culoare", "Roșu"), ("Memorie", "1TB")], stock=3, price="119.99", vat_rate=Decimal("11.00")
    )
    # A type that the product gave up since is history: it is still a part of what was bought.
    products.set_options(products.SetOptions(product.id, [OptionInput("Memorie", ["1TB"])]), actor=ANA)
    order = make_order((shirt, 3))
    done = finalize(order)
    [line] = lines(order)
    assert (line["product_name"], line["variant_sku"]) == ("Tricou", shirt.sku)
    assert line["variant_options_text"] == "1TB, Roșu"
    assert (line["unit_price"], line["line_total_gross"]) == (Decimal("119.99"), Decimal("359.97"))
    assert (line["vat_rate_snapshot"], line["tax_amount"], line["currency"]) == (
        Decimal("11.00"),
        Decimal("35.67"),
        "RON",
    )
    row = order_row(order)
    assert (row["status"], row["total_gross"], row["total_tax"]) == ("confirmed", Decimal("359.97"), Decimal("35.67"))
    assert done.order.total_gross == row["total_gross"] and row["confirmed_at"] is not None


def test_tax_is_rounded_half_up_on_each_line() -> None:
    first, second = (make_variant(stock=1, price="0.03", vat_rate=Decimal("20.00")) for _ in range(2))
    order = make_order((first, 1), (second, 1))
    finalize(order)
    assert [line["tax_amount"] for line in lines(order)] == [Decimal("0.01"), Decimal("0.01")]
    assert order_row(order)["total_tax"] == Decimal("0.02")


def test_a_catalogue_price_is_read_again_and_a_marketplaces_price_is_kept() -> None:
    mug = make_variant(stock=9, price="5.00")
    priced = NewItem(1, mug.id, unit_price=Decimal("4.20"), vat_rate=Decimal("9.00"))
    order = orders.create(NewOrder([NewItem(1, mug.id), priced]), actor=ANA)
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("6.00")}), actor=ANA)
    finalize(order)
    assert [line["unit_price"] for line in lines(order)] == [Decimal("6.00"), Decimal("4.20")]
    assert lines(order)[1]["vat_rate_snapshot"] == Decimal("9.00") and stock_of(mug) == 7


def test_changing_the_variant_afterwards_changes_nothing_in_the_order() -> None:
    mug = make_variant(stock=1, price="5.00", sku="OLD")
    order = make_order((mug, 1))
    finalize(order)
    before = lines(order), order_row(order)
    variants.edit(variants.EditVariant(mug.id, {"sku": "NEW", "price": Decimal("9.00"), "title": "x"}), actor=ANA)
    products.edit(products.EditProduct(mug.product_id, {"name": "Other"}), actor=ANA)
    assert (lines(order), order_row(order)) == before


def test_every_shortage_is_named_and_nothing_is_taken() -> None:
    plenty, one, none = make_variant(stock=9, sku="P"), make_variant(stock=1, sku="O"), make_variant(stock=0, sku="N")
    order = make_order((plenty, 1), (one, 2), (none, 3))
    with pytest.raises(InsufficientStock) as refused:
        finalize(order)
    assert [(s.sku, s.wanted, s.available) for s in refused.value.shortages] == [("N", 3, 0), ("O", 2, 1)]
    assert [stock_of(v) for v in (plenty, one, none)] == [9, 1, 0] and movements_of(plenty) == []
    assert order_row(order)["status"] == "pending" and lines(order)[0]["line_total_gross"] is None


def test_two_lines_of_one_variant_are_one_quantity() -> None:
    mug = make_variant(stock=2)
    priced = NewItem(1, mug.id, unit_price=Decimal("4.00"), vat_rate=Decimal("9.00"))
    short = orders.create(NewOrder([NewItem(2, mug.id), priced]), actor=ANA)
    with pytest.raises(InsufficientStock) as refused:
        finalize(short)
    assert [(s.wanted, s.available) for s in refused.value.shortages] == [(3, 2)]
    finalize(orders.create(NewOrder([NewItem(1, mug.id), priced]), actor=ANA))
    assert movements_of(mug) == [-2]


def test_an_inactive_variant_is_not_available_and_is_named() -> None:
    mug, draft = make_variant(stock=9), make_variant(stock=9, active=False, sku="DRAFT")
    order = make_order((mug, 1), (draft, 1))
    with pytest.raises(VariantUnavailable) as refused:
        finalize(order)
    assert [variant["sku"] for variant in refused.value.variants] == ["DRAFT"]
    assert stock_of(mug) == 9


def test_completeness_is_not_asked() -> None:
    product = make_product(options={"Color": ["Red"]})
    mug = make_variant(product, values=[("Color", "Red")], stock=1)
    products.set_options(
        products.SetOptions(product.id, [OptionInput("Color", ["Red"]), OptionInput("Size", ["S"])]), actor=ANA
    )
    finalize(make_order((mug, 1)))
    assert stock_of(mug) == 0


@pytest.mark.parametrize("source", ["marketplace", "historic"])
def test_goods_that_are_not_ours_are_recorded_and_not_taken(source: str) -> None:
    mug = make_variant(stock=0, active=False)
    item = NewItem(5, mug.id, unit_price=Decimal("2.00"), vat_rate=Decimal("21.00"), stock_source=source)
    order = orders.create(NewOrder([item]), actor=ANA)
    finalize(order)
    assert order_row(order)["total_gross"] == Decimal("10.00") and movements_of(mug) == []


def test_an_order_is_finalized_once() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 1))
    finalize(order)
    with pytest.raises(AlreadyFinalized) as refused:
        finalize(order)
    assert refused.value.order_status == "confirmed" and movements_of(mug) == [-1]


def test_an_order_without_lines_is_refused() -> None:
    with pytest.raises(EmptyOrder):
        finalize(make_order())


def test_an_order_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        checkout.finalize(FinalizeOrder(10**9), actor=ANA)


def test_an_order_that_somebody_changed_meanwhile_is_refused() -> None:
    mug = make_variant(stock=5)
    order = make_order((mug, 1))
    orders.add_item(orders.AddItem(order.id, NewItem(1, mug.id)), actor=ANA)
    with pytest.raises(StaleVersion):
        checkout.finalize(FinalizeOrder(order.id, seen_version=order.version), actor=ANA)
    assert stock_of(mug) == 5


def test_two_orders_race_for_the_last_one(app: Flask) -> None:
    mug = make_variant(stock=1)
    first, second = make_order((mug, 1)), make_order((mug, 1))
    outcomes = scenarios.side_by_side(app, lambda: finalize(first), lambda: finalize(second))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Finalized", "InsufficientStock"]
    assert stock_of(mug) == 0 and movements_of(mug) == [-1]


def test_two_hundred_lines_take_as_many_statements_as_two() -> None:
    def statements(how_many: int) -> int:
        order = make_order(*((make_variant(stock=1), 1) for _ in range(how_many)))
        with sql_log() as sent:
            finalize(order)
        return len(sent)

    few, many = statements(2), statements(200)
    assert few == many <= 9


def test_locks_come_first_and_in_order() -> None:
    order = make_order((make_variant(stock=1), 1), (make_variant(stock=1), 1))
    with sql_log() as sent:
        finalize(order)
    locks = [n for n, statement in enumerate(sent) if "FOR NO KEY UPDATE" in statement]
    assert "FROM orders WHERE id" in sent[locks[0]]
    assert sent[locks[1]].endswith("ORDER BY id FOR NO KEY UPDATE") and "FROM order_items" in sent[locks[1]]
    assert sent[locks[2]].endswith("ORDER BY id FOR NO KEY UPDATE") and "FROM variants" in sent[locks[2]]
    [sale] = [n for n, statement in enumerate(sent) if "UPDATE variants" in statement]
    [read] = [n for n, statement in enumerate(sent) if "LEFT JOIN variants" in statement]
    assert len(locks) == 3 and locks[2] < read == sale
    assert not any(statement.rstrip().endswith("FOR UPDATE") for statement in sent)


def test_news_of_it_is_written_with_it() -> None:
    mug = make_variant(stock=1)
    order, short = make_order((mug, 1)), make_order((mug, 1))
    finalize(order)
    with pytest.raises(InsufficientStock):
        finalize(short)
    told = rows("SELECT payload ->> 'number' FROM events WHERE type = 'order.confirmed'")
    assert (order.number,) in told and (short.number,) not in told
    db.session.remove()


def test_what_was_taken_in_part_is_not_committed() -> None:
    mug, cup = make_variant(stock=5), make_variant(stock=5)
    order = make_order((mug, 2), (cup, 1))
    faulty = edited(checkout.SELL, "v.status = 0 AND v.stock >= w.amount", f"v.id <> {cup.id}")
    with swapped(checkout, SELL=faulty), pytest.raises(OrderNotEditable):
        finalize(order)
    assert (stock_of(mug), stock_of(cup), order_row(order)["status"]) == (5, 5, "pending")


def test_the_server_rounds_as_the_program_does() -> None:
    rnd = random.Random(20_261_120)
    odd = [
        (q, Decimal(p), Decimal(r)) for q in (1, 3, 7) for p in ("0.00", "0.01", "2.42", "1.21") for r in ("0", "21")
    ]
    lines = odd + [
        (rnd.randint(1, 10 ** rnd.randint(1, 6)), Decimal(rnd.randint(0, 10 ** rnd.randint(1, 10))) / 100, rate)
        for _ in range(20_000)
        for rate in [Decimal(rnd.choice(["0", "5", "9", "11", "19", "21", "24.5", "7.25", "99.99"]))]
    ]
    amounts = rows(
        f"SELECT {checkout.GROSS}, {checkout.TAX} FROM unnest(CAST(:q AS int[]), CAST(:p AS numeric[]), "
        "CAST(:r AS numeric[])) WITH ORDINALITY AS line (quantity, price, vat_rate, nth) ORDER BY nth",
        q=[q for q, _, _ in lines],
        p=[p for _, p, _ in lines],
        r=[r for _, _, r in lines],
    )
    for line, (gross, tax) in zip(lines, amounts, strict=True):
        assert line_amounts(*line) == LineAmounts(gross, tax), line
