"""The shapes that eMAG's answers were seen in, and the traps in its envelope. Nothing here goes over a wire."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magflow.domain.marketplaces import gross, net, offered, price_faults, sellable, vat_fraction
from magflow.marketplaces import errors
from magflow.marketplaces.emag.envelope import opened, per_item
from magflow.marketplaces.emag.readings import offer_reading, order_reading
from magflow.marketplaces.transport import Answer, cleaned, names_in, retry_after
from magflow.marketplaces.wire import decimal, integer

ORDER: dict[str, Any] = {
    "id": 3120004417, "type": 3, "date": "2026-03-02 10:14:51", "modified": "2026-03-02 10:15:20", "status": 1,
    "is_complete": 1, "details": [], "shipping_tax": "19.9900", "cancellation_request": None,
    "vouchers": [{"id": "77120", "sale_price": "-8.2645", "sale_price_vat": "-1.7355"}],
    "customer": {"name": "Ilinca Proba", "email": "f3a9@mail.example", "phone_1": "0700000001",
                 "shipping_city": "Cluj-Napoca", "shipping_contact": "Ilinca Proba"},
    "products": [
        {"id": 188204501, "product_id": "20417", "name": "Cana", "status": 1, "part_number": "X", "vat": "0.2100",
         "ext_part_number": "CE400-BL", "quantity": 2, "sale_price": "82.6364", "currency": "RON"},
        {"id": 188204502, "product_id": 20931, "name": "Lingura", "status": 1, "ext_part_number": "LEMN-30",
         "vat": 0.21, "quantity": "1", "sale_price": "41.2397", "currency": "RON"},
    ],
    "maximum_date_for_shipment": "2026-03-03 23:59:59", "never_seen_before": {"deep": []},
}  # fmt: skip


def test_an_order_adds_up_to_what_was_paid() -> None:
    order = order_reading(ORDER)
    assert (order.external_id, order.kind, order.status, order.currency) == ("3120004417", 3, 1, "RON")
    assert [(line.offer_id, line.sku, line.quantity) for line in order.lines] == [
        ("20417", "CE400-BL", 2), ("20931", "LEMN-30", 1)]  # fmt: skip
    goods = sum((line.quantity * (line.unit_price or 0) for line in order.lines), Decimal(0))
    assert goods + order.shipping_gross + order.vouchers_gross == Decimal("259.87")
    assert order.placed_at.isoformat() == "2026-03-02T08:14:51+00:00"  # Bucharest's clock
    assert order.version == "2026-03-02T08:15:20"


@pytest.mark.parametrize("gone", ["id", "status", "date"])
def test_an_order_that_cannot_be_one_is_no_order(gone: str) -> None:
    with pytest.raises(errors.BadAnswer):
        order_reading({name: value for name, value in ORDER.items() if name != gone})


def test_an_offer_in_both_of_its_shapes() -> None:
    raw: dict[str, Any] = {
        "id": 20417, "part_number_key": "DX7K2MBBM", "part_number": "CE400-BL", "ean": ["5940000000011"],
        "sale_price": 82.6364, "min_sale_price": 70, "max_sale_price": 120, "vat_id": 1, "general_stock": 14,
        "stock": [{"warehouse_id": 1, "value": 14}], "handling_time": [{"warehouse_id": 1, "value": 1}], "status": 1,
        "validation_status": [{"value": 9, "errors": []}], "offer_validation_status": {"value": 1}, "family": [],
        "number_of_offers": 4, "buy_button_rank": 2, "best_offer_sale_price": 79.3306, "ownership": True,
    }  # fmt: skip
    seen = offer_reading(raw, {1: Decimal("0.21")})
    drifted = raw | {"id": "20417", "sale_price": "82.6364", "number_of_offers": "4", "general_stock": None,
                     "offer_validation_status": [{"value": "1"}], "ean": "5940000000011"}  # fmt: skip
    assert offer_reading(drifted, {1: Decimal("0.21")}) == seen
    assert (seen.stock, seen.number_of_offers, seen.buy_button_rank, seen.validation_status) == (14, 4, 2, 9)


def answer(status: int, body: object) -> Answer:
    return Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"isError": True, "messages": ["ERROR: Invalid vendor ip [203.0.113.7]"]}, errors.AddressNotAllowed),
        (403, {"isError": True, "messages": ["You are not allowed to use this API."]}, errors.WrongPassword),
        (401, b"", errors.WrongPassword),
        (200, {"isError": True, "messages": ["ERROR: You are not allowed to use this API"]}, errors.NoRights),
        (404, {"message": "This offer does not exist"}, errors.NotThere),
        (400, {"message": "Validation errors in your request", "errors": [{"message": "x", "field": "stock"}]},
         errors.RefusedByMarketplace),
        (200, {"isError": True, "messages": [{"text": "Maximum input vars of 4000 exceeded"}]},
         errors.RefusedByMarketplace),
        (200, {"results": []}, errors.BadAnswer),
        (200, {"isError": "false", "results": []}, errors.BadAnswer),
        (200, b"<html>fine</html>", errors.BadAnswer),
        (200, b"[" * 100_000, errors.BadAnswer),
    ],
)  # fmt: skip
def test_no_success_without_its_proof(status: int, body: object, kind: type[errors.MarketplaceError]) -> None:
    with pytest.raises(kind) as refused:
        opened(answer(status, body), "order/read")
    assert type(refused.value) is kind


def test_each_offer_of_a_save_has_an_answer_of_its_own() -> None:
    results = {
        "20417": {"isError": False, "messages": ["Offer 20417 updated successfully"]},
        "20931": {"isError": True, "messages": ["Stock should be 0 or more"]},
        "20932": {"messages": ["what is this"]},
    }
    told = answer(200, {"isError": False, "messages": [], "results": results})
    assert per_item(opened(told, "offer/save").results) == {
        "20417": (True, "Offer 20417 updated successfully"), "20931": (False, "Stock should be 0 or more")}  # fmt: skip
    assert per_item([]) == per_item(None) == {}


@settings(max_examples=200)
@given(cents=st.integers(1, 10_000_000), rate=st.sampled_from(["0", "0.05", "0.09", "0.11", "0.19", "0.21", "0.27"]))
def test_a_price_goes_there_and_back_unchanged(cents: int, rate: str) -> None:
    price = Decimal(cents) / 100
    assert gross(net(price, Decimal(rate)), Decimal(rate)) == price


def test_small_rules() -> None:
    assert [offered(5, 2, 1), offered(1, 2, 0), offered(70_000, 0, 0)] == [2, 0, 65_535]
    assert [vat_fraction(Decimal(rate)) for rate in ("21", "0.21")] == [Decimal("0.21")] * 2
    assert price_faults(Decimal(10), Decimal(0), Decimal(20)) == ["bounds"]
    assert price_faults(Decimal(10), Decimal(11), Decimal(20)) == ["outside"]
    assert price_faults(Decimal(10), Decimal(9), Decimal(20)) == []
    failed = [c.code for c in sellable(stock=0, status=2, offer_validation=2, documentation=8, translation=None)
              if not c.passed]  # fmt: skip
    assert failed == ["stock", "status", "price", "documentation"]
    assert [integer(x) for x in ("433", 433, "4.0", "x", None, "9" * 40, True)] == [433, 433, 4, None, None, None, 1]
    assert [decimal(x) for x in ("NaN", "Infinity", "1e999999999", "")] == [None] * 4
    assert [retry_after({"Retry-After": x}) for x in ("7", "soon", "")] == [7.0, 1.0, 1.0]


def test_people_and_secrets_are_not_kept() -> None:
    kept = json.dumps(cleaned(ORDER)) + json.dumps(list(names_in(ORDER)))
    for text in ("Ilinca", "0700000001", "mail.example"):
        assert text not in kept
    assert {"3120004417", "CE400-BL", "20417"} <= set(names_in(ORDER))
