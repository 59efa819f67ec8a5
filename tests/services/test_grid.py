"""Cells saved: rows whole or refused, no lost update, no undone sale, as many statements for one as for all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.concurrency import Batch
from magflow.db import db
from magflow.domain.errors import Invalid, NotFound
from magflow.domain.grid import RowEdit, Typed
from magflow.models import Variant
from magflow.queries import grid as rows_of
from magflow.services import generation, grid, variants
from magflow.services.grid import RowAnswer, SaveCells
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of, stock_of


def fresh(variant: Variant) -> Variant:
    with db.engine.connect() as connection:
        return connection.execute(select(Variant).where(Variant.id == variant.id)).one()  # type: ignore[return-value]


def edit(variant: Variant, **cells: str | Typed) -> RowEdit:
    """Cells of a variant, as somebody types them who saw it as it is here."""
    seen = rows_of.rows(db.session(), variant.product_id, [variant.id])[variant.id]
    db.session.rollback()
    typed = {n: c if isinstance(c, Typed) else Typed(c, seen=seen.text(n)) for n, c in cells.items()}
    return RowEdit(variant.id, seen.version, typed)


def save(product_id: int, *edits: RowEdit) -> list[RowAnswer]:
    return grid.save_cells(SaveCells(product_id, edits), actor=ANA)


def only(answers: list[RowAnswer]) -> RowAnswer:
    (answer,) = answers
    return answer


def codes(answer: RowAnswer) -> dict[str, str]:
    return {name: problem.code for name, problem in answer.problems.items()}


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that is sent meanwhile, by whichever way."""
    from sqlalchemy import event

    sent: list[str] = []
    plain = Batch.send

    def note(*args: Any) -> None:
        sent.append(args[2])

    def noted(batch: Batch, sql: str, parameters: Any = None) -> Any:
        sent.append(sql)
        return plain(batch, sql, parameters)

    event.listen(db.engine, "before_cursor_execute", note)
    Batch.send = noted  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        Batch.send = plain  # type: ignore[method-assign]
        event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def many(module_app: Flask) -> int:
    """A product with 2,048 variants."""
    with module_app.app_context():
        product = make_product(options={"A": [f"a{n}" for n in range(32)], "B": [f"b{n}" for n in range(64)]})
        generation.generate(generation.Generate(product.id, price=Decimal("10.00"), stock=5), actor=ANA)
        return product.id


def test_every_kind_of_cell(app: Flask) -> None:
    mug = make_variant(stock=10)
    answer = only(
        save(
            mug.product_id,
            edit(mug, title="Cană", price="185", compare_at_price="200.5", sku="NEW", stock="12", ean="5941234567899",
                 status="inactive"),
        )
    )  # fmt: skip
    assert answer.state == "saved" and not answer.problems
    now = fresh(mug)
    assert (now.title, now.price, now.compare_at_price) == ("Cană", Decimal("185.00"), Decimal("200.50"))
    assert (now.sku, now.stock, now.ean, now.status) == ("NEW", 12, "5941234567899", 1)
    assert now.version == mug.version + 1
    assert movements_of(mug) == [2]


def test_empty_cells_empty_what_may_be_empty(app: Flask) -> None:
    mug = make_variant(title="Old", compare_at_price=Decimal("20.00"), ean="96385074")
    save(mug.product_id, edit(mug, title="", compare_at_price="", ean=""))
    now = fresh(mug)
    assert (now.title, now.compare_at_price, now.ean) == (None, None, None)


def test_a_row_is_refused_whole_and_its_neighbour_saved(app: Flask) -> None:
    product = make_product(options={"Size": ["S", "M"]})
    small, medium = (make_variant(product, values=[("Size", size)], price="5.00") for size in "SM")
    bad, good = save(product.id, edit(small, price="-1", title="No"), edit(medium, price="6.00"))
    assert (bad.state, codes(bad), good.state) == ("refused", {"price": "below_zero"}, "saved")
    assert (fresh(small).title, fresh(small).price, fresh(medium).price) == (
        small.title,
        Decimal("5.00"),
        Decimal("6.00"),
    )


def test_a_sale_in_between_is_never_undone(app: Flask) -> None:
    mug = make_variant(stock=10)
    opened = edit(mug, stock="12")
    finalize(make_order((mug, 3)))

    answer = only(save(mug.product_id, opened))

    assert codes(answer) == {"stock": "conflict"} and answer.problems["stock"].now == "7"
    assert stock_of(mug) == 7
    again = Typed("12", seen="7")
    difference = Typed("2", seen="10", add=True)
    assert only(save(mug.product_id, edit(mug, stock=difference))).state == "saved"
    assert stock_of(mug) == 9
    assert codes(only(save(mug.product_id, edit(mug, stock=again)))) == {"stock": "conflict"}


def test_stock_changes_no_version_so_that_two_cells_of_a_row_do_not_meet(app: Flask) -> None:
    mug = make_variant(stock=10)
    opened = edit(mug, price="9.00")
    finalize(make_order((mug, 3)))
    answer = only(save(mug.product_id, opened))
    assert answer.state == "saved" and answer.row and answer.row.stock == 7


def test_somebody_else_saved_first(app: Flask) -> None:
    mug = make_variant(price="10.00", title="Mug")
    mine = edit(mug, price="12.00")
    title = edit(mug, title="Cup")
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("11.00")}), actor=ANA)

    answer = only(save(mug.product_id, mine))
    assert codes(answer) == {"price": "conflict"} and answer.problems["price"].now == "11.00"
    assert only(save(mug.product_id, title)).state == "saved"
    assert (fresh(mug).price, fresh(mug).title) == (Decimal("11.00"), "Cup")


def test_skus_that_are_taken_and_skus_that_are_exchanged(app: Flask) -> None:
    product = make_product(options={"Size": ["S", "M", "L"]})
    a, b, c = (make_variant(product, values=[("Size", size)], sku=size) for size in "SML")
    refused = only(save(product.id, edit(a, sku="L")))
    assert codes(refused) == {"sku": "sku_taken"} and refused.problems["sku"].params["sku"] == "L"
    answers = save(product.id, edit(a, sku="M"), edit(b, sku="L"), edit(c, sku="S"))
    assert [answer.state for answer in answers] == ["saved"] * 3
    assert [fresh(v).sku for v in (a, b, c)] == ["M", "L", "S"]


def test_activating_a_taken_combination_names_who_has_it_and_both_can_change_places(app: Flask) -> None:
    product = make_product(options={"Size": ["S"]})
    sold = make_variant(product, values=[("Size", "S")], sku="SOLD")
    draft = make_variant(product, values=[("Size", "S")], active=False, sku="DRAFT")
    refused = only(save(product.id, edit(draft, status="active")))
    assert codes(refused) == {"status": "combination_taken"} and refused.problems["status"].params["sku"] == "SOLD"
    save(product.id, edit(draft, status="active"), edit(sold, status="inactive"))
    assert (fresh(draft).status, fresh(sold).status) == (0, 1)


def test_of_two_drafts_of_one_combination_one_wakes(app: Flask) -> None:
    product = make_product()
    drafts = [make_variant(product, active=False) for _ in range(2)]
    answers = save(product.id, *(edit(draft, status="active") for draft in drafts))
    assert [answer.state for answer in answers] == ["saved", "refused"]


def test_a_sku_that_is_taken_between_look_and_write_is_refused_in_words(app: Flask) -> None:
    product = make_product(options={"Size": ["S", "M"]})
    mine = make_variant(product, values=[("Size", "S")], sku="MINE")
    wanted = edit(mine, sku="WANTED")
    meanwhile = make_variant(product, values=[("Size", "M")], sku="OTHER")
    plain, raced = grid.grid.with_skus, []

    def late(*args: Any) -> Any:
        found = plain(*args)
        if not raced:
            raced.append(threading.Thread(target=_rename, args=(app, meanwhile.id, "WANTED")))
            raced[0].start()
            raced[0].join()
        return found

    grid.grid.with_skus = late  # type: ignore[assignment]
    try:
        answer = only(save(product.id, wanted))
    finally:
        grid.grid.with_skus = plain  # type: ignore[assignment]
    assert codes(answer) == {"sku": "sku_taken"} and fresh(mine).sku == "MINE"


def _rename(app: Flask, variant_id: int, sku: str) -> None:
    with app.app_context():
        variants.edit(variants.EditVariant(variant_id, {"sku": sku}), actor=ANA)


def test_a_check_writes_nothing_and_says_what_saving_would(app: Flask) -> None:
    mug = make_variant(price="10.00")
    command = SaveCells(mug.product_id, [edit(mug, price="11.00", ean="123")])
    checked = only(grid.check_cells(db.session(), command))
    db.session.rollback()
    assert codes(checked) == codes(only(grid.save_cells(command, actor=ANA))) == {"ean": "ean_length"}
    assert fresh(mug).price == Decimal("10.00")


def test_variants_of_other_products_are_out_of_reach(app: Flask) -> None:
    mine, theirs = make_variant(), make_variant(price="10.00")
    assert only(save(mine.product_id, edit(theirs, price="1.00"))).state == "gone"
    assert fresh(theirs).price == Decimal("10.00")
    with pytest.raises(NotFound):
        save(10**9, edit(mine, price="1.00"))
    with pytest.raises(Invalid):
        save(mine.product_id, edit(mine, price="1.00"), edit(mine, price="2.00"))


def test_a_thousand_rows_take_as_many_statements_as_two(app: Flask, many: int) -> None:
    page = rows_of.page(db.session(), many)
    db.session.rollback()
    assert len(page.rows) == 2_048 and page.next_after is None and page.labels[page.rows[0].id] == "a0, b0"

    def edits(count: int, price: str, stock: str) -> list[RowEdit]:
        there = rows_of.rows(db.session(), many, [row.id for row in page.rows[:count]])
        db.session.rollback()
        return [
            RowEdit(r.id, r.version, {
                "price": Typed(price, r.text("price")), "stock": Typed(stock, r.text("stock")),
                "sku": Typed(f"{price}-{r.id}", r.sku), "title": Typed(price, r.text("title")),
            })
            for r in there.values()
        ]  # fmt: skip

    few, all_ = edits(2, "11.00", "6"), edits(2_048, "12.00", "7")[2:]
    with statements() as for_two:
        save(many, *few)
    with statements() as for_all:
        answers = save(many, *all_)
    assert {answer.state for answer in answers} == {"saved"}
    assert len(for_all) == len(for_two) <= 14, for_all


def test_pages_follow_one_another(app: Flask, many: int) -> None:
    first = rows_of.page(db.session(), many, limit=2_000)
    rest = rows_of.page(db.session(), many, after=first.next_after or 0, limit=2_000)
    assert (len(first.rows), len(rest.rows), rest.next_after) == (2_000, 48, None)


def test_two_savers_of_the_same_rows_lose_nothing(app: Flask, many: int) -> None:
    page = rows_of.page(db.session(), many, limit=40)
    db.session.rollback()
    there = [rows_of.rows(db.session(), many, [row.id])[row.id] for row in page.rows]
    db.session.rollback()
    wins: list[str] = []

    def one(title: str) -> None:
        with app.app_context():
            edits = [RowEdit(r.id, r.version, {"title": Typed(title, r.text("title"))}) for r in there]
            wins.extend(f"{a.state}:{title}" for a in save(many, *edits))

    threads = [threading.Thread(target=one, args=(name,)) for name in ("Ana", "Bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    titles = {row.title for row in rows_of.page(db.session(), many, limit=40).rows}
    db.session.rollback()
    winner = titles.pop()
    assert not titles
    assert sorted(wins) == sorted([f"saved:{winner}"] * 40 + [f"refused:{'Bob' if winner == 'Ana' else 'Ana'}"] * 40)
