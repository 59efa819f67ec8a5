"""Cells of the grid: what may stand in them, and rows that stand in each other's way, or do not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magflow.domain.border import Unfit
from magflow.domain.grid import Holder, Row, RowEdit, RowPlan, Typed, cell_text, cell_value, exchanged, plan_row, settle


def row(id_: int = 1, **fields: Any) -> Row:
    stored: dict[str, Any] = {
        "version": 3, "sku": f"SKU-{id_}", "title": "Red", "price": Decimal("10.00"), "compare_at_price": None,
        "stock": 10, "ean": None, "status": 1, "digest": str(id_), **fields,
    }  # fmt: skip
    return Row(id=id_, **stored)


def plan(there: Row, *, version: int | None = None, **cells: str | Typed) -> RowPlan:
    typed = {n: c if isinstance(c, Typed) else Typed(c, seen=there.text(n)) for n, c in cells.items()}
    return plan_row(there, RowEdit(there.id, there.version if version is None else version, typed))


def code(made: RowPlan, name: str) -> str | None:
    return made.problems[name].code if name in made.problems else None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("price", "185", Decimal("185.00")),
        ("price", "0.5", Decimal("0.50")),
        ("compare_at_price", "", None),
        ("title", "  ", None),
        ("title", " Roșu ", "Roșu"),
        ("sku", "A-1", "A-1"),
        ("stock", "185", 185),
        ("ean", "594-1234567899", "5941234567899"),
        ("ean", "", None),
        ("status", "inactive", 1),
        ("price", "-0", Decimal("0.00")),
    ],
)
def test_a_cell_that_can_be_taken(name: str, text: str, value: Any) -> None:
    assert cell_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("price", "", "required"),
        ("price", "-1", "below_zero"),
        ("price", "1.234,50", "not_a_number"),
        ("price", "1,50", "not_a_number"),
        ("price", "1.005", "too_many_decimals"),
        ("price", "nan", "not_a_number"),
        ("price", "10000000000", "out_of_range"),
        ("compare_at_price", "1e5", "not_a_number"),
        ("stock", "-3", "below_zero"),
        ("stock", "1.5", "not_an_integer"),
        ("stock", "1000000001", "out_of_range"),
        ("stock", "", "required"),
        ("sku", " ", "required"),
        ("sku", "x" * 121, "too_long"),
        ("title", "a\tb", "control_characters"),
        ("ean", "5941234567890", "ean_check_digit"),
        ("ean", "123", "ean_length"),
        ("ean", "5.94E+12", "ean_exponent"),
        ("status", "sold", "not_one_of"),
    ],
)
def test_a_cell_that_cannot(name: str, text: str, why: str) -> None:
    with pytest.raises(Unfit) as refused:
        cell_value(name, text)
    assert refused.value.code == why


@given(st.decimals(min_value=0, max_value=9_999_999_999, places=2))
def test_an_amount_comes_back_to_the_cent(amount: Decimal) -> None:
    assert cell_text("price", cell_value("price", cell_text("price", amount))) == str(amount)


@given(st.integers(0, 10**9))
def test_a_figure_is_never_cut(figure: int) -> None:
    assert cell_value("stock", str(figure)) == figure


def test_only_what_differs_is_new() -> None:
    assert plan(row(), price="10.0", title="Blue").new == {"title": "Blue"}


def test_somebody_elses_value_is_a_conflict_of_its_cell_alone() -> None:
    there = row(version=4, price=Decimal("11.00"))
    made = plan(there, version=3, price=Typed("12.00", seen="10.00"), title=Typed("Blue", seen="Red"))
    assert code(made, "price") == "conflict" and made.problems["price"].now == "11.00"
    assert code(made, "title") is None and not made.accepted


def test_a_cell_that_nobody_else_touched_may_be_saved_over_a_newer_version() -> None:
    there = row(version=9, price=Decimal("11.00"))
    assert plan(there, version=3, title=Typed("Blue", seen="Red")).new == {"title": "Blue"}


def test_the_same_value_twice_is_no_conflict_but_the_same_stock_is_a_question() -> None:
    there = row(version=9, price=Decimal("12.00"), stock=8)
    assert plan(there, version=3, price=Typed("12", seen="10.00")).accepted
    assert code(plan(there, version=9, stock=Typed("8", seen="10")), "stock") == "conflict"


def test_a_difference_applies_to_whatever_is_there() -> None:
    assert plan(row(stock=7), stock=Typed("-2", seen="10", add=True)).new == {"stock": 5}
    assert code(plan(row(stock=1), stock=Typed("-2", add=True)), "stock") == "stock_short"
    assert code(plan(row(stock=10**9), stock=Typed("1", add=True)), "stock") == "too_large"


def settled(*plans: RowPlan, skus: dict[str, int] | None = None, active: dict[str, int] | None = None) -> list[bool]:
    holders = {sku: Holder(id_, sku) for sku, id_ in (skus or {}).items()}
    settle(plans, holders, {digest: Holder(id_, f"SKU-{id_}") for digest, id_ in (active or {}).items()})
    return [made.accepted for made in plans]


def test_a_sku_that_another_variant_has_is_refused_by_name() -> None:
    made = plan(row(1), sku="SKU-9")
    assert settled(made, skus={"SKU-9": 9}) == [False]
    assert made.problems["sku"].params == {"sku": "SKU-9", "id": 9}


def test_two_rows_may_exchange_their_skus() -> None:
    plans = plan(row(1), sku="SKU-2"), plan(row(2), sku="SKU-1")
    assert settled(*plans, skus={"SKU-1": 1, "SKU-2": 2}) == [True, True]
    assert exchanged(plans, "sku") == [1, 2]


def test_who_is_refused_gives_nothing_away() -> None:
    plans = plan(row(1), sku="SKU-2"), plan(row(2), sku="SKU-3", price="-1"), plan(row(3), sku="SKU-4")
    assert settled(*plans, skus={"SKU-2": 2, "SKU-3": 3}) == [False, False, True]


def test_of_two_that_want_one_sku_the_first_has_it() -> None:
    assert settled(plan(row(1), sku="NEW"), plan(row(2), sku="NEW")) == [True, False]


def test_a_refused_first_one_does_not_keep_the_second_out() -> None:
    first, second = plan(row(1), sku="NEW", status="active"), plan(row(2), sku="NEW")
    assert settled(first, second, active={"1": 9}) == [False, True]


def test_activating_a_taken_combination_is_refused_unless_its_holder_gives_way() -> None:
    waking = plan(row(1, digest="5"), status="active")
    assert settled(waking, active={"5": 2}) == [False]
    assert waking.problems["status"].params == {"sku": "SKU-2", "id": 2}
    plans = plan(row(1, digest="5"), status="active"), plan(row(2, digest="5", status=0), status="inactive")
    assert settled(*plans, active={"5": 2}) == [True, True]
    assert exchanged(plans, "status") == [2]


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_after_settling_no_two_rows_share_a_sku(order: list[int], broken: set[int]) -> None:
    there = [row(id_, sku=f"S{id_}") for id_ in range(6)]
    plans = [
        plan(r, sku=f"S{order[r.id]}", **({"price": "-1"} if r.id in broken else {}))
        for r in there
    ]  # fmt: skip
    settle(plans, {r.sku: Holder(r.id, r.sku) for r in there}, {})
    after = [made.will_be("sku") for made in plans]
    assert len(set(after)) == len(after)
