"""Orders by their forms: taken once, confirmed after asking, refused in words, nothing typed ever lost."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text

from magflow.db import db
from magflow.models import Order, OrderItem
from magflow.queries import orders as reads
from magflow.services import accounts, restock, variants
from magflow.services.accounts import NewAccount
from tests.blueprints.conftest import Clerk, words
from tests.shop import ANA, finalize, make_order, make_product, make_variant, movements_of, stock_of


def orders_there() -> int:
    count = db.session.scalar(select(func.count()).select_from(Order)) or 0
    db.session.remove()
    return count


def version_of(order: Order) -> int:
    version = db.session.scalar(select(Order.version).where(Order.id == order.id)) or 0
    db.session.remove()
    return version


def lines_of(order: Order) -> list[tuple[int, int]]:
    """Id and quantity of its lines."""
    wanted = select(OrderItem.id, OrderItem.quantity).where(OrderItem.order_id == order.id).order_by(OrderItem.id)
    lines = [(id_, quantity) for id_, quantity in db.session.execute(wanted)]
    db.session.remove()
    return lines


def status_of(order: Order) -> str:
    status = db.session.scalar(select(Order.status).where(Order.id == order.id)) or ""
    db.session.remove()
    return status


def test_a_double_click_is_one_order(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=5)
    before = orders_there()
    form = {"what": mug.sku, "quantity": "2", "variant_id": "", "form_key": "k" * 24}

    first, second = owner_page.send("/orders/new", **form), owner_page.send("/orders/new", **form)

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert orders_there() == before + 1


def test_a_form_that_was_sent_comes_back_changed_and_is_not_lost(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=5)
    key = "b" * 24
    owner_page.send("/orders/new", what=mug.sku, quantity="2", variant_id="", form_key=key)
    before = orders_there()

    again = owner_page.send("/orders/new", what=mug.sku, quantity="3", variant_id="", form_key=key)

    assert again.status_code == 422 and "sent before with other values" in words(again)
    assert 'value="3"' in again.get_data(as_text=True) and key not in again.get_data(as_text=True)
    assert orders_there() == before


def test_nothing_is_confirmed_before_somebody_agreed(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=5, sku="ASK-FIRST")
    order = make_order((mug, 2))
    asked = owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order))

    assert asked.status_code == 200 and "take 2 units from stock?" in words(asked)
    assert "ASK-FIRST: 2 (stock 5 → 3)" in words(asked)
    assert status_of(order) == "pending" and stock_of(mug) == 5

    done = owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes")
    assert done.status_code == 303 and status_of(order) == "confirmed" and stock_of(mug) == 3


def test_a_shortage_names_every_sku_and_offers_ways_out(app: Flask, owner_page: Clerk) -> None:
    mug, pen = make_variant(stock=1, sku="SHORT-MUG"), make_variant(stock=0, sku="SHORT-PEN")
    order = make_order((mug, 3), (pen, 1))
    refused = owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes")

    said = words(refused)
    assert refused.status_code == 409 and "Nothing was taken" in said
    assert "SHORT-MUG : 3 asked, 1 there" in said and "SHORT-PEN : 1 asked, 0 there" in said
    assert "Set the quantity to 1" in said and "Choose another variant" in said and "Remove the line" in said
    assert status_of(order) == "pending" and (stock_of(mug), movements_of(mug)) == (1, [])


def test_a_draft_on_the_order_is_named(app: Flask, owner_page: Clerk) -> None:
    order = make_order((make_variant(stock=4, sku="DRAFTED", active=False), 1))
    refused = owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes")

    assert refused.status_code == 409
    assert "DRAFTED : it is a draft; activate it, or choose another" in words(refused)


def test_a_quantity_typed_on_an_old_page_is_kept_beside_the_new_one(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=50)
    order = make_order((mug, 2))
    [(line, _quantity)] = lines_of(order)
    seen = version_of(order)
    owner_page.send(f"/orders/{order.id}/lines/{line}/quantity", version=seen, quantity="7")
    late = owner_page.send(f"/orders/{order.id}/lines/{line}/quantity", version=seen, quantity="9")

    assert late.status_code == 409 and "Somebody changed this order meanwhile" in words(late)
    assert 'value="9"' in late.get_data(as_text=True) and "now: 7" in words(late)
    assert [quantity for _id, quantity in lines_of(order)] == [7]


def test_a_variant_that_is_on_the_order_merges_and_says_so(app: Flask, owner_page: Clerk) -> None:
    mug, pen = make_variant(sku="MERGE-MUG"), make_variant(sku="MERGE-PEN")
    order = make_order((mug, 2), (pen, 3))
    line = lines_of(order)[1][0]
    done = owner_page.send(f"/orders/{order.id}/lines/{line}/variant", version=version_of(order), variant_id=mug.id)

    assert done.status_code == 303
    assert "the two lines are one now, 5 units" in words(owner_page.get(f"/orders/{order.id}"))
    assert [quantity for _id, quantity in lines_of(order)] == [5]


def test_a_confirmed_order_takes_no_line(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    order = make_order((mug, 1))
    finalize(order)
    refused = owner_page.send(f"/orders/{order.id}/lines", version=version_of(order), what=mug.sku, quantity="1")

    assert refused.status_code == 409 and "only a pending order can be changed" in words(refused)
    assert [quantity for _id, quantity in lines_of(order)] == [1]


def test_only_what_was_sold_comes_back(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    order = make_order((mug, 2))
    finalize(order)
    [(line, _quantity)] = lines_of(order)
    path = f"/orders/{order.id}/restock"
    form = {"version": version_of(order), "reason": "return", "disposition": "stock"}
    too_many = owner_page.send(path, **form, **{f"back_{line}": "3"})
    nothing = owner_page.send(path, **form)
    wrong = owner_page.send(path, **form, **{f"back_{line}": "a few"})
    assert (too_many.status_code, wrong.status_code) == (409, 422)
    assert "2 units of this line can still come back; you asked for 3" in words(too_many)
    assert 'value="3"' in too_many.get_data(as_text=True) and 'value="a few"' in wrong.get_data(as_text=True)
    assert "how many came back" in words(nothing) and stock_of(mug) == 7

    assert owner_page.send(path, **form, **{f"back_{line}": "1"}).status_code == 303
    assert stock_of(mug) == 8


def test_two_people_do_not_take_one_parcel_back_twice(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    order = make_order((mug, 4))
    finalize(order)
    [(line, _quantity)] = lines_of(order)
    seen = version_of(order)
    restock.restock(restock.RestockOrder(order.id, "return", [restock.RestockLine(line, 1)]), actor=ANA)
    late = owner_page.send(
        f"/orders/{order.id}/restock",
        version=seen, reason="return", disposition="stock", **{f"back_{line}": "1"},
    )  # fmt: skip

    assert late.status_code == 409 and stock_of(mug) == 6


def test_a_written_off_parcel_is_recorded_and_moves_no_stock(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    order = make_order((mug, 1))
    finalize(order)
    [(line, _quantity)] = lines_of(order)
    owner_page.send(
        f"/orders/{order.id}/restock",
        version=version_of(order), reason="broken", disposition="damaged", **{f"back_{line}": "1"},
    )  # fmt: skip

    assert stock_of(mug) == 8 and status_of(order) == "returned"
    assert "written off" in words(owner_page.get(f"/orders/{order.id}"))


def test_cancelling_puts_back_only_what_is_asked_for(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    kept, back = make_order((mug, 2)), make_order((mug, 3))
    finalize(kept)
    finalize(back)
    owner_page.send(f"/orders/{kept.id}/cancel", version=version_of(kept), agreed="yes")
    owner_page.send(f"/orders/{back.id}/cancel", version=version_of(back), restock="true", agreed="yes")

    assert (status_of(kept), status_of(back), stock_of(mug)) == ("cancelled", "cancelled", 7)


def test_the_story_names_what_happened_in_order(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9, sku="STORY-MUG")
    make_variant(stock=9, sku="STORY-PEN")
    order = make_order((mug, 1))
    [(line, _quantity)] = lines_of(order)
    steps = f"/orders/{order.id}/lines"
    owner_page.send(f"{steps}/{line}/quantity", version=version_of(order), quantity="2")
    owner_page.send(steps, version=version_of(order), what="STORY-PEN", quantity="4")
    owner_page.send(f"{steps}/{line}/remove", version=version_of(order), agreed="yes")
    owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes")

    said = words(owner_page.get(f"/orders/{order.id}").split("What happened")[1])
    told = ["Confirmed; its stock was taken", "Line removed: STORY-MUG", "Line added: 4 × STORY-PEN",
            "Quantity of STORY-MUG: 1 → 2", "Order taken"]  # fmt: skip
    assert [said.index(one) for one in told] == sorted(said.index(one) for one in told)


def test_a_list_is_walked_there_and_back_without_losing_a_row(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant()
    for _ in range(3):
        make_order((mug, 1))
    numbers: list[str] = []
    path: str | None = "/orders"
    from magflow.blueprints.orders import pages

    size, pages.PAGE = pages.PAGE, 2
    try:
        seen = [path]
        while path is not None:
            html = owner_page.get(path)
            numbers += re.findall(r'href="/orders/\d+" data-main>([^<]+)<', html)
            following = re.search(r'href="([^"]+)" rel="next"', html)
            path = following.group(1).replace("&amp;", "&") if following else None
            seen += [path] if path else []
        back = re.search(r'href="([^"]+)" rel="prev"', owner_page.get(seen[2]))
    finally:
        pages.PAGE = size
    there = [row.order.number for row in reads.orders(db.session(), reads.OrderFilter(), limit=200).rows]
    db.session.remove()
    assert numbers == there and back is not None and back.group(1) == seen[1]


def test_a_viewer_looks_and_changes_nothing(app: Flask, viewer: Clerk) -> None:
    mug = make_variant(make_product(name="Seen"), stock=5)
    order = make_order((mug, 1))
    html = viewer.get(f"/orders/{order.id}")
    assert "data-picker" not in html and "Confirm order" not in html
    for path in ("finalize", "cancel", "lines", "restock"):
        assert viewer.send(f"/orders/{order.id}/{path}", version=1, agreed="yes").status_code == 403
    assert viewer.browser.get("/orders/new").status_code == 403
    assert status_of(order) == "pending"


def test_many_orders_are_confirmed_and_each_says_what_became_of_it(app: Flask, owner_page: Clerk) -> None:
    mug, pen = make_variant(stock=2, sku="BULK-MUG"), make_variant(stock=0, sku="BULK-PEN")
    fine, short, other = make_order((mug, 1)), make_order((mug, 1), (pen, 3)), make_order((mug, 1))
    landed = owner_page.send("/orders/bulk", rowid=[str(order.id) for order in (fine, short, other)], action="confirm")

    assert landed.status_code == 303
    shown = owner_page.get(landed.location)
    assert "2 confirmed, 1 still pending" in words(shown) and "BULK-PEN: 3 asked, 0 there" in words(shown)
    assert [status_of(order) for order in (fine, short, other)] == ["confirmed", "pending", "confirmed"]
    assert owner_page.send("/orders/bulk", action="confirm").status_code == 303


def test_the_list_has_its_tabs_filters_and_a_file(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=1, sku="LIST-MUG", ean="5941234567899")
    address = {"city": "Târgu Mureș"}
    blocked = make_order((mug, 4), source="shop", external_id="S-77", shipping_address=address, customer_name="=Ana")
    owner_page.send("/orders/bulk", rowid=[str(blocked.id)], action="confirm")

    listed = words(owner_page.get("/orders?view=blocked"))
    assert blocked.number in listed and "LIST-MUG: 3 missing" in listed and "Târgu Mureș" in listed
    for q in ("S-77", "LIST-MUG", "5941234567899", "=Ana", blocked.number):
        assert blocked.number in words(owner_page.get(f"/orders?q={q}")), q
    assert blocked.number not in words(owner_page.get("/orders?placed_to=2020-01-01"))
    assert blocked.number in words(owner_page.get("/orders?placed_from=2020-01-01&source=shop"))
    file = owner_page.get("/orders/list.csv?view=blocked")
    assert blocked.number in file and "'=Ana" in file and "insufficient_stock" in file


def test_an_order_that_cannot_be_covered_offers_ways_out(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=2, sku="GAP-MUG", price="10.00")
    other = make_order((mug, 1))
    order = make_order((mug, 3), source="emag", source_account="main", customer_email="Ana@shop.example")
    earlier = make_order((mug, 1), customer_email="ana@shop.example")
    refused = owner_page.send(f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes")
    assert refused.status_code == 409

    shown = words(owner_page.get(f"/orders/{order.id}"))
    assert "Sold already at emag, and cannot be covered: GAP-MUG" in shown
    assert f"1 in {other.number}" in shown and earlier.number in shown and "out of stock" in shown
    owner_page.send(f"/orders/{order.id}/buy-in", version=version_of(order), wanted="true")
    assert "The missing goods are being bought in" in words(owner_page.get(f"/orders/{order.id}"))
    assert "Being bought in" in words(owner_page.get("/orders?view=blocked"))
    owner_page.send(f"/orders/{order.id}/split", version=version_of(order), agreed="yes")
    assert lines_of(order)[0][1] == 2
    assert "Split: see order" in words(owner_page.get(f"/orders/{order.id}"))
    landed = owner_page.send(f"/orders/{order.id}/cancel", version=version_of(order), agreed="yes", code="1")
    assert landed.status_code == 303 and "out of stock" in words(owner_page.get(f"/orders/{order.id}"))


def test_tabs_name_what_is_late_and_what_a_buyer_wants_to_cancel(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=9)
    late, asked, calm = (make_order((mug, 1), source="emag", external_id=f"TAB-{n}") for n in range(3))
    finalize(asked)
    account = accounts.add(NewAccount("emag", "tabs"), actor=ANA)
    there = (
        "INSERT INTO marketplace_orders (account_id, external_id, status, payload, order_id, ship_by, cancel_asked) "
    )
    values = " VALUES (:account, :order, 2, '{}', :order, now() + :hours * interval '1 hour', :asked)"
    with db.engine.begin() as connection:
        for order, hours, wanted in ((late, -1, False), (asked, -1, True), (calm, 1, False)):
            told = {"account": account.id, "order": order.id, "hours": hours, "asked": wanted}
            connection.execute(text(there + values), told)
    for view, there in (("late", [late]), ("cancel_asked", [asked])):
        listed = words(owner_page.get(f"/orders?view={view}"))
        assert [order for order in (late, asked, calm) if order.number in listed] == there


def test_money_is_owed_back_without_goods_and_never_more_than_was_paid(app: Flask, owner_page: Clerk) -> None:
    mug, pen = make_variant(stock=9, price="10.00", sku="OWED-MUG"), make_variant(stock=9, price="1.00")
    order = make_order((mug, 2), (pen, 1))
    path = f"/orders/{order.id}/refund"
    assert owner_page.browser.get(path).status_code == 303, "it is not confirmed"
    finalize(order)
    (first, _), (second, _) = lines_of(order)

    def send(**typed: str) -> Any:
        return owner_page.send(path, version=version_of(order), reason="scratched", **typed)

    nothing = send(**{f"refund_{first}": ""})
    assert nothing.status_code == 422 and "at least one line" in words(nothing.get_data(as_text=True))
    garbage = send(**{f"refund_{first}": "abc"})
    assert garbage.status_code == 422 and 'value="abc"' in garbage.get_data(as_text=True)
    more = send(**{f"refund_{first}": "20.01", f"refund_{second}": "1"})
    assert more.status_code == 422 and "At most 20.00" in words(more.get_data(as_text=True))
    landed = send(**{f"refund_{first}": "5.50", f"refund_{second}": "1"})
    assert landed.status_code == 303
    shown = words(owner_page.get(f"/orders/{order.id}"))
    assert "Owed back without goods: RON 5.50 for OWED-MUG" in shown and "RON 6.50" in shown and "scratched" in shown
    form = words(owner_page.get(path))
    assert "OWED-MUG" in form and pen.sku not in form, "nothing is left to owe for the pen"
    send(**{f"refund_{first}": "14.50"})
    assert "Everything is owed back already" in words(owner_page.get(path))


def test_a_total_that_was_not_shown_is_refused(app: Flask, owner_page: Clerk) -> None:
    mug = make_variant(stock=2, sku="DEARER", price="10.00")
    order = make_order((mug, 1))
    variants.edit(variants.EditVariant(mug.id, {"price": Decimal("12.00")}), actor=ANA)
    shown = words(owner_page.get(f"/orders/{order.id}"))
    assert "taken at RON 10.00" in shown
    refused = owner_page.send(
        f"/orders/{order.id}/finalize", version=version_of(order), agreed="yes", seen_total="10.00"
    )
    assert refused.status_code == 409 and "would cost 12.00 RON now, not 10.00" in words(refused)
    assert status_of(order) == "pending"


def test_customer_addresses_and_waybill_are_written_down(app: Flask, owner_page: Clerk) -> None:
    order = make_order((make_variant(stock=2), 1))
    assert "Customer of" in words(owner_page.get(f"/orders/{order.id}/customer"))
    form = {
        "customer_name": "Ștefan",
        "billing_city": "Cluj",
        "shipping_street": "Str. Lungă 5",
        "shipping_city": "Iași",
    }
    assert owner_page.send(f"/orders/{order.id}/customer", version=version_of(order), **form).status_code == 303
    bad = owner_page.send(f"/orders/{order.id}/customer", version=version_of(order), customer_email="nobody")
    assert bad.status_code == 422
    owner_page.send(f"/orders/{order.id}/handling", waybill="AWB-77", note="lasă la vecin")
    shown = words(owner_page.get(f"/orders/{order.id}"))
    assert all(said in shown for said in ("Ștefan", "Cluj", "Str. Lungă 5", "Iași", "AWB-77", "lasă la vecin"))
