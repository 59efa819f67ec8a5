"""Orders over the API: taken, changed, confirmed, cancelled, taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program

FROZEN = (
    "product_name", "variant_sku", "variant_options_text", "unit_price", "vat_rate_snapshot", "currency",
    "line_total_gross", "tax_amount",
)  # fmt: skip


def stock_of(program: Program, variant: Any) -> int:
    return int(program.data("GET", f"/variants/{variant['id']}")["stock"])


def test_an_order_is_taken_with_its_lines(program: Program) -> None:
    mug, cup = program.variant(price="10.00", sku="MUG-T"), program.variant(price="2.50")

    body = {
        "items": [{"sku": "MUG-T", "quantity": 2}, {"variant_id": cup["id"], "quantity": 4}],
        "customer_name": "Ion Pop",
        "customer_email": "ion@example.com",
        "shipping_address": {"street": "Str. Lungă 5", "city": "Brașov", "country": "RO"},
        "placed_at": "2026-03-05T14:05:00+02:00",
        "note": "Ring twice",
    }
    order = program.data("POST", "/orders", body, status=201)

    assert (order["status"], order["currency"], order["source"]) == ("pending", "RON", "magflow")
    assert order["placed_at"] == "2026-03-05T12:05:00Z"
    assert order["shipping_address"]["city"] == "Brașov"
    assert [(i["variant_id"], i["quantity"], i["unit_price"]) for i in order["items"]] == [
        (mug["id"], 2, "10.00"), (cup["id"], 4, "2.50"),
    ]  # fmt: skip
    assert order["total_gross"] == "30.00"
    assert program.data("GET", f"/orders/{order['id']}") == order


def test_lines_of_one_variant_merge_when_an_order_is_taken(program: Program) -> None:
    mug = program.variant()
    order = program.order((mug, 2), (mug, 3))
    assert [(i["variant_id"], i["quantity"]) for i in order["items"]] == [(mug["id"], 5)]


def test_a_sku_of_several_products_is_ambiguous_and_lists_them(program: Program) -> None:
    first, second = program.variant(sku="TWIN"), program.variant(sku="TWIN")
    body = {"items": [{"sku": "TWIN", "quantity": 1}]}
    problem = program.refused("POST", "/orders", body, status=409, code="ambiguous_sku")
    assert [v["variant_id"] for v in problem["variants"]] == [first["id"], second["id"]]
    program.refused("POST", "/orders", {"items": [{"sku": "NOBODY", "quantity": 1}]}, status=404, code="not_found")
    differs = {"items": [{"sku": "OTHER", "variant_id": first["id"], "quantity": 1}]}
    refused = program.refused("POST", "/orders", differs, status=422, code="validation_error")
    assert [(e["field"], e["code"]) for e in refused["errors"]] == [("items[0].sku", "not_its_sku")]


def test_an_external_order_is_taken_once_and_found_by_its_name(program: Program) -> None:
    named = {"source": "generic", "source_account": "erp", "external_id": "A-1"}
    order = program.order(**named)
    program.refused("POST", "/orders", {"items": [], **named}, status=409, code="external_id_taken")

    found = program.data("GET", "/orders?source=generic&source_account=erp&external_id=A-1")
    assert [o["id"] for o in found] == [order["id"]]
    assert program.data("GET", "/orders?source=generic&source_account=other&external_id=A-1") == []
    program.order(number="N-77")
    program.refused("POST", "/orders", {"number": "N-77"}, status=409, code="conflict")


def test_lines_say_what_became_of_them(program: Program) -> None:
    mug, cup = program.variant(price="10.00"), program.variant(price="2.00")
    order = program.order((mug, 2))
    path = f"/orders/{order['id']}/items"

    added = program.data("POST", path, {"variant_id": cup["id"], "quantity": 3}, status=201)
    assert (added["action"], added["variant_id"], added["quantity"]) == ("created", cup["id"], 3)
    merged = program.data("POST", path, {"sku": cup["sku"], "variant_id": cup["id"], "quantity": 1}, status=200)
    assert (merged["action"], merged["id"], merged["quantity"]) == ("merged", added["id"], 4)
    updated = program.data("PATCH", f"{path}/{added['id']}", {"quantity": 7}, status=200)
    assert (updated["action"], updated["quantity"], updated["line_total_gross"]) == ("updated", 7, "14.00")
    assert program.data("PATCH", f"{path}/{added['id']}", {"quantity": 7})["action"] == "no_change"
    removed = program.data("PATCH", f"{path}/{added['id']}", {"quantity": 0})
    assert (removed["action"], removed["id"], removed["quantity"]) == ("removed", added["id"], 0)
    program.refused("PATCH", f"{path}/{added['id']}", {"quantity": 1}, status=404, code="not_found")
    [mine] = order["items"]
    assert program.data("DELETE", f"{path}/{mine['id']}", status=200)["action"] == "removed"
    program.refused("DELETE", f"{path}/{mine['id']}", status=404, code="not_found")
    assert program.data("GET", f"/orders/{order['id']}")["items"] == []


def test_a_line_that_becomes_a_variant_of_another_line_merges_with_it(program: Program) -> None:
    x, y, z = program.variant(), program.variant(), program.variant(price="99.00")
    order = program.order((x, 2), (y, 3))
    first, second = order["items"]
    path = f"/orders/{order['id']}/items"

    merged = program.data("PUT", f"{path}/{first['id']}/variant", {"variant_id": y["id"]}, status=200)

    assert (merged["action"], merged["id"], merged["quantity"]) == ("merged", second["id"], 5)
    assert merged["removed_item_id"] == first["id"]
    assert [(i["variant_id"], i["quantity"]) for i in program.data("GET", f"/orders/{order['id']}")["items"]] == [
        (y["id"], 5)
    ]
    changed = program.data("PUT", f"{path}/{second['id']}/variant", {"sku": z["sku"], "variant_id": z["id"]})
    assert (changed["action"], changed["unit_price"]) == ("changed", "99.00")
    same = program.data("PUT", f"{path}/{second['id']}/variant", {"variant_id": z["id"]})
    assert same["action"] == "no_change"


def test_finalize_takes_stock_and_freezes_what_was_bought(program: Program) -> None:
    product = program.product("Tricou", options=[{"name": "Color", "values": ["Roșu"]}], vat_rate="21")
    red = program.variant(product, values={"Color": "Roșu"}, price="12.10", stock=5, sku="TR-R")
    order = program.order((red, 3))
    before = order["items"][0]
    assert (before["variant_sku"], before["variant_options_text"], before["tax_amount"]) == ("TR-R", "Roșu", "6.30")

    done = program.data("POST", f"/orders/{order['id']}/finalize", status=200)

    assert (done["status"], done["total_gross"], done["total_tax"]) == ("confirmed", "36.30", "6.30")
    assert done["confirmed_at"]
    [line] = done["items"]
    assert [line[name] for name in FROZEN] == ["Tricou", "TR-R", "Roșu", "12.10", "21.00", "RON", "36.30", "6.30"]
    assert done == program.data("GET", f"/orders/{order['id']}")
    assert stock_of(program, red) == 2
    [sale, _opening] = program.data("GET", f"/variants/{red['id']}/stock-movements")
    assert (sale["delta"], sale["reason"], sale["order_id"]) == (-3, "sale", order["id"])
    assert sale["order_number"] == order["number"]

    program.data("PUT", f"/variants/{red['id']}", {"price": "99.00", "sku": "CHANGED", "title": "Other"})
    program.data("PATCH", f"/products/{product['id']}", {"name": "Bluză", "vat_rate": "5"})
    assert program.data("GET", f"/orders/{order['id']}") == done


def test_a_confirmed_order_refuses_changes(program: Program) -> None:
    mug = program.variant(stock=5)
    order = program.order((mug, 1))
    [item] = order["items"]
    path = f"/orders/{order['id']}"
    program.data("POST", f"{path}/finalize")

    program.refused("POST", f"{path}/finalize", status=409, code="already_finalized")
    for method, below, body in (
        ("POST", "/items", {"variant_id": mug["id"], "quantity": 1}),
        ("PATCH", f"/items/{item['id']}", {"quantity": 2}),
        ("DELETE", f"/items/{item['id']}", None),
        ("PUT", f"/items/{item['id']}/variant", {"variant_id": mug["id"]}),
    ):
        problem = program.refused(method, path + below, body, status=409, code="order_not_editable")
        assert problem["order_status"] == "confirmed"


def test_finalize_names_everything_that_is_short_and_takes_nothing(program: Program) -> None:
    few, none, enough = program.variant(stock=1), program.variant(stock=0), program.variant(stock=9)
    order = program.order((few, 2), (none, 1), (enough, 1))

    problem = program.refused("POST", f"/orders/{order['id']}/finalize", status=409, code="insufficient_stock")

    assert {(s["variant_id"], s["wanted"], s["available"]) for s in problem["shortages"]} == {
        (few["id"], 2, 1), (none["id"], 1, 0),
    }  # fmt: skip
    assert [stock_of(program, v) for v in (few, none, enough)] == [1, 0, 9]
    assert program.data("GET", f"/orders/{order['id']}")["status"] == "pending"
    program.data("POST", f"/variants/{enough['id']}/deactivate")
    gone = program.refused("POST", f"/orders/{order['id']}/finalize", status=409, code="variant_unavailable")
    assert [v["variant_id"] for v in gone["variants"]] == [enough["id"]]
    program.refused("POST", f"/orders/{program.order()['id']}/finalize", status=409, code="empty_order")


def test_cancelling_brings_everything_back_once(program: Program) -> None:
    mug = program.variant(stock=5)
    order = program.order((mug, 3))
    path = f"/orders/{order['id']}"
    program.data("POST", f"{path}/finalize")

    cancelled = program.data("POST", f"{path}/cancel", {"restock": True}, status=200)

    assert (cancelled["status"], stock_of(program, mug)) == ("cancelled", 5)
    assert cancelled["returned"] == [{"item_id": order["items"][0]["id"], "quantity": 3}]
    again = program.data("POST", f"{path}/cancel", {"restock": True}, status=200)
    assert (again["status"], again["returned"], stock_of(program, mug)) == ("cancelled", [], 5)
    assert again["version"] == cancelled["version"]
    program.refused("POST", f"{path}/finalize", status=409, code="already_finalized")


def test_cancelling_without_stock_leaves_it_where_it_is(program: Program) -> None:
    mug = program.variant(stock=5)
    order = program.order((mug, 3))
    program.data("POST", f"/orders/{order['id']}/finalize")
    assert program.data("POST", f"/orders/{order['id']}/cancel", {"restock": False})["returned"] == []
    assert stock_of(program, mug) == 2
    pending = program.order((mug, 1))
    assert program.data("POST", f"/orders/{pending['id']}/cancel")["status"] == "cancelled"
    assert stock_of(program, mug) == 2


def test_units_come_back_line_by_line_and_never_more_than_were_sold(program: Program) -> None:
    mug = program.variant(stock=5)
    order = program.order((mug, 3))
    path = f"/orders/{order['id']}"
    [item] = order["items"]
    one = {"lines": [{"item_id": item["id"], "quantity": 1}], "reason": "does not fit"}
    program.refused("POST", f"{path}/restock", one, status=409, code="order_not_editable")
    program.data("POST", f"{path}/finalize")

    back = program.data("POST", f"{path}/restock", one, status=200)

    assert (back["status"], stock_of(program, mug)) == ("confirmed", 3)
    assert back["items"][0]["restocked_quantity"] == 1
    [restock] = back["restocks"]
    assert (restock["item_id"], restock["quantity"], restock["reason"]) == (item["id"], 1, "does not fit")
    too_many = {"lines": [{"item_id": item["id"], "quantity": 3}]}
    problem = program.refused("POST", f"{path}/restock", too_many, status=409, code="conflict")
    assert problem["returnable"] == 2
    program.refused(
        "POST", f"{path}/restock", {"lines": [{"item_id": 999_999, "quantity": 1}]}, status=404, code="not_found"
    )
    rest = program.data("POST", f"{path}/restock")
    assert (rest["status"], rest["returned"]) == ("returned", [{"item_id": item["id"], "quantity": 2}])
    assert stock_of(program, mug) == 5
    again = program.data("POST", f"{path}/restock")
    assert (again["returned"], again["version"], stock_of(program, mug)) == ([], rest["version"], 5)
    program.refused("POST", f"{path}/cancel", status=409, code="conflict")


def test_damaged_goods_are_recorded_and_not_stocked(program: Program) -> None:
    mug = program.variant(stock=2)
    order = program.order((mug, 2))
    program.data("POST", f"/orders/{order['id']}/finalize")
    back = program.data("POST", f"/orders/{order['id']}/restock", {"reason": "broken", "to_stock": False})
    assert (back["status"], back["restocks"][0]["disposition"]) == ("returned", "written_off")
    assert stock_of(program, mug) == 0


def test_a_stale_version_is_refused_on_orders_too(program: Program) -> None:
    mug = program.variant(stock=5)
    order = program.order((mug, 1))
    path, seen = f"/orders/{order['id']}", order["version"]
    program.data("POST", f"{path}/items", {"variant_id": mug["id"], "quantity": 1, "version": seen})
    [item] = order["items"]
    stale = {"version": seen}
    program.refused("PATCH", f"{path}/items/{item['id']}", {"quantity": 5, **stale}, status=409, code="stale_version")
    program.refused("POST", f"{path}/finalize", stale, status=409, code="stale_version")
    assert program.data("GET", path)["items"][0]["quantity"] == 2


def test_a_price_that_was_charged_elsewhere_is_kept(program: Program) -> None:
    mug = program.variant(stock=5, price="10.00")
    order = program.data(
        "POST", "/orders", {"items": [{"variant_id": mug["id"], "quantity": 2, "unit_price": 7.5, "vat_rate": 9}]}
    )
    assert (order["items"][0]["price_source"], order["total_gross"]) == ("marketplace", "15.00")
    done = program.data("POST", f"/orders/{order['id']}/finalize")
    [line] = done["items"]
    assert (line["unit_price"], line["vat_rate_snapshot"], line["tax_amount"]) == ("7.50", "9.00", "1.24")
    half = {"items": [{"variant_id": mug["id"], "quantity": 2, "vat_rate": 9}]}
    problem = program.refused("POST", "/orders", half, status=422, code="validation_error")
    assert [e["field"] for e in problem["errors"]] == ["items[0].unit_price"]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"quantity": 1}, "items[0].variant_id"),
        ({"variant_id": 1}, "items[0].quantity"),
        ({"variant_id": 1, "quantity": 0}, "items[0].quantity"),
        ({"variant_id": 1, "quantity": 1_000_001}, "items[0].quantity"),
        ({"variant_id": "1", "quantity": 1}, "items[0].variant_id"),
        ({"variant_id": 1, "quantity": 1, "price": 3}, "items[0].price"),
        (7, "items[0]"),
    ],
)
def test_a_bad_line_is_named_by_its_place(program: Program, item: Any, field: str) -> None:
    problem = program.refused("POST", "/orders", {"items": [item]}, status=422, code="validation_error")
    assert field in [e["field"] for e in problem["errors"]]


def test_orders_are_found(program: Program) -> None:
    mug = program.variant(sku="FIND-ME", stock=1)
    order = program.order((mug, 1), customer_name="Ștefan Căutatu", placed_at="2020-01-02T00:00:00Z")

    def ids(query: str) -> list[int]:
        return [o["id"] for o in program.data("GET", f"/orders?{query}")]

    assert ids("q=FIND-ME") == [order["id"]]
    assert ids("q=căutatu") == [order["id"]]
    assert ids(f"q={order['number']}&status=pending") == [order["id"]]
    assert ids(f"q={order['number']}&status=confirmed") == []
    assert ids("placed_from=2020-01-02T00:00:00Z&placed_to=2020-01-02T00:00:01Z") == [order["id"]]


def test_an_order_from_elsewhere_that_cannot_be_covered_says_why(program: Program) -> None:
    mug = program.variant(stock=1)
    own, sold, keyed = (
        program.order((mug, 2), **({} if source is None else {"source": source, "external_id": f"{source}-7"}))
        for source in (None, "emag", "altex")
    )
    for order in (own, sold):
        program.refused("POST", f"/orders/{order['id']}/finalize", status=409, code="insufficient_stock")
    for _ in range(2):
        said = program.call("POST", f"/orders/{keyed['id']}/finalize", headers={"Idempotency-Key": "blocked"})
        assert said.status_code == 409
    reasons = [program.data("GET", f"/orders/{order['id']}")["blocked_reason"] for order in (own, sold, keyed)]
    assert reasons == [None, "insufficient_stock", "insufficient_stock"]
    program.data("POST", f"/variants/{mug['id']}/stock-adjustments", {"delta": 1, "reason": "count"})
    assert program.data("POST", f"/orders/{sold['id']}/finalize")["blocked_reason"] is None


def test_money_back_without_goods_names_the_amount_that_is_wrong(program: Program) -> None:
    order = program.order((program.variant(stock=1, price="10.00"), 1))
    program.data("POST", f"/orders/{order['id']}/finalize")
    [line] = order["items"]
    for amount, code, field in (("10.01", "more_than_paid", "lines[0].amount"), ("0", "nothing_owed", "lines")):
        body = {"lines": [{"item_id": line["id"], "amount": amount}], "reason": "late"}
        problem = program.refused("POST", f"/orders/{order['id']}/refunds", body, status=422, code="validation_error")
        assert [(e["field"], e["code"]) for e in problem["errors"]] == [(field, code)]


def test_a_total_that_no_column_holds_is_refused(program: Program) -> None:
    mug = program.variant(price="9999999999.99", stock=1_000_000)
    order = program.order((mug, 1_000_000))
    assert order["total_gross"] == "9999999999990000.00"
    program.refused("POST", f"/orders/{order['id']}/finalize", status=422, code="validation_error")
    assert stock_of(program, mug) == 1_000_000


def test_many_orders_are_taken_and_confirmed_by_one_call(program: Program) -> None:
    mug, cup = program.variant(stock=3), program.variant(stock=9)
    many = [
        {"items": [{"variant_id": mug["id"], "quantity": 2}], "source": "webshop", "external_id": "BULK-1"},
        {"items": [{"variant_id": mug["id"], "quantity": 2}], "source": "webshop", "external_id": "BULK-2"},
        {"items": [{"sku": "NOBODY-HAS-IT", "quantity": 1}]},
        {"items": [{"variant_id": cup["id"], "quantity": 1}]},
    ]
    headers = {"Idempotency-Key": "five hundred at most"}
    done = program.data("POST", "/orders/bulk", {"orders": many, "finalize": True}, headers=headers)
    assert [one["outcome"] for one in done["results"]] == ["confirmed", "created", "refused", "confirmed"]
    assert {name: done[name] for name in ("created", "confirmed", "exists", "refused")} == {
        "created": 1, "confirmed": 2, "exists": 0, "refused": 1,
    }  # fmt: skip
    short = done["results"][1]
    assert (short["error"]["code"], short["error"]["shortages"][0]["available"]) == ("insufficient_stock", 1)
    assert done["results"][2]["error"]["code"] == "not_found"
    # The answer was lost: the same call again answers the same, and sells nothing twice.
    assert program.data("POST", "/orders/bulk", {"orders": many, "finalize": True}, headers=headers) == done
    assert (stock_of(program, mug), stock_of(program, cup)) == (1, 8)
    [waiting] = program.data("GET", "/orders?source=webshop&external_id=BULK-2")
    assert (waiting["id"], waiting["blocked_reason"]) == (short["order_id"], "insufficient_stock")

    program.data("POST", f"/variants/{mug['id']}/stock-adjustments", {"delta": 5, "reason": "bought in"})
    done = program.data("POST", "/orders/bulk/finalize", {"order_ids": [short["order_id"], 987654321]})
    assert [one["outcome"] for one in done["results"]] == ["confirmed", "refused"]
    again = program.data("POST", "/orders/bulk", {"orders": many[:1]})
    assert [one["outcome"] for one in again["results"]] == ["exists"]


def test_what_is_owed_back_is_told(program: Program) -> None:
    mug = program.variant(stock=5, price="10.00")
    order = program.order((mug, 3))
    program.data("POST", f"/orders/{order['id']}/finalize")
    [line] = order["items"]
    body = {"lines": [{"item_id": line["id"], "quantity": 1, "refund": "4.00"}], "to_stock": False,
            "write_off": "damaged", "kind": "return", "reason": "broken"}  # fmt: skip
    back = program.data("POST", f"/orders/{order['id']}/restock", body)
    assert (back["refunded"], back["total_refunded"], back["restocks"][0]["write_off"]) == ("4.00", "4.00", "damaged")
    more = {"lines": [{"item_id": line["id"], "amount": "26.01"}], "reason": "late"}
    problem = program.refused("POST", f"/orders/{order['id']}/refunds", more, status=422, code="validation_error")
    assert problem["errors"][0]["code"] == "more_than_paid"
    cancelled = program.data("POST", f"/orders/{order['id']}/cancel", {"code": "2", "reason": "asked for"})
    assert (cancelled["status"], cancelled["refunded"], cancelled["total_refunded"]) == ("cancelled", "20.00", "24.00")
    assert stock_of(program, mug) == 4


def test_details_change_and_a_total_is_held_to(program: Program) -> None:
    mug = program.variant(stock=5, price="10.00")
    order = program.order((mug, 1))
    body = {"customer_name": "Ștefan", "shipping_address": {"city": "Iași"}, "version": order["version"]}
    changed = program.data("PATCH", f"/orders/{order['id']}", body)
    assert (changed["customer_name"], changed["shipping_address"]) == ("Ștefan", {"city": "Iași"})
    path = f"/orders/{order['id']}/finalize"
    problem = program.refused("POST", path, {"expected_total": "9.00"}, status=409, code="price_changed")
    assert (problem["seen"], problem["current"]) == ("9.00", "10.00")
    assert program.data("POST", path, {"expected_total": "10.00"})["status"] == "confirmed"
    program.refused("PATCH", f"/orders/{order['id']}", {"customer_name": "X"}, status=409, code="order_not_editable")
    assert program.data("PATCH", f"/orders/{order['id']}", {"note": "ring"})["note"] == "ring"
