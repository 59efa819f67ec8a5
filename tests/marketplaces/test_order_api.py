"""Orders and returns at their marketplaces over the API, each on its whole way: said, sent over HTTP, read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from magflow.marketplaces import transport
from magflow.models import MarketplaceAccount
from magflow.services import handling, market_sync, single
from magflow.services.handling import HandleOrder
from magflow.simulator import buying
from magflow.simulator.world import Fault
from tests.marketplaces.conftest import Market, sellable
from tests.marketplaces.test_writes import bought, send
from tests.shop import ANA, make_product, make_variant
from tests.web.conftest import make_token

Add = Callable[..., MarketplaceAccount]
PARCEL = {"sender": "Atelier Demo", "contact": "Ana", "phone": "0700000009", "address_id": "11"}


@pytest.fixture(scope="module")
def main(add_account: Add) -> MarketplaceAccount:
    return add_account("main", publishing=False)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))


class Caller:
    """A program with a token."""

    def __init__(self, app: Flask, *scopes: str) -> None:
        self.client, self.token = app.test_client(), make_token(app, *scopes)

    def __call__(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        answer = self.client.open(f"/api/v1{path}", method=method, json=body or None,
                                  headers={"Authorization": f"Bearer {self.token}"})  # fmt: skip
        return answer.status_code, answer.get_json(silent=True) or answer.get_data()

    def data(self, method: str, path: str, **body: Any) -> Any:
        status, answer = self(method, path, **body)
        assert status < 300, answer
        return answer["data"]


@pytest.fixture
def call(app: Flask) -> Caller:
    return Caller(app, "orders:read", "orders:write", "stock:read", "stock:write", "admin")


def sold_order(market: Market, main: MarketplaceAccount, sku: str, units: int = 2) -> tuple[Any, Any, Any]:
    variant = sellable(sku, 9)
    offered = market.offer("main", sku, 9)
    market_sync.read_offers(main.id, actor=ANA)
    placed, order = bought(market, main, offered, units)
    return variant, placed, order


def test_a_parcel_leaves(app: Flask, market: Market, main: MarketplaceAccount, call: Caller) -> None:
    _variant, placed, order = sold_order(market, main, "API-SHIP")
    there = call.data("GET", f"/orders/{order.id}/marketplace")
    assert (there["status"], there["ships"], there["lines"][0]["there"], there["label_url"]) == (
        "in_progress", "seller", 2, None)  # fmt: skip
    assert there["cash_on_delivery"] == "24.20"
    assert call("GET", f"/orders/{order.id}/waybill/label")[0] == 404
    [place] = call.data("GET", f"/accounts/{main.id}/addresses")
    assert place == {"id": "11", "label": "Str. Depozitului nr. 7, Cluj-Napoca", "locality_id": 1207,
                     "street": "Str. Depozitului nr. 7"}  # fmt: skip
    wrong = call("POST", f"/orders/{order.id}/waybill", **(PARCEL | {"address_id": "99"}))
    assert (wrong[0], wrong[1]["errors"][0]["field"]) == (422, "address_id")
    none = call("POST", f"/orders/{order.id}/waybill", **(PARCEL | {"parcels": 0}))
    assert (none[0], none[1]["errors"][0]["code"]) == (422, "below_one")
    status, told = call("PUT", f"/orders/{order.id}/marketplace/status", status="prepared")
    assert (status, told["data"]["kind"], told["data"]["state"]) == (202, "order_status", "waiting")
    assert call("POST", f"/orders/{order.id}/waybill", **PARCEL)[0] == 202
    assert call("POST", f"/orders/{order.id}/waybill", **PARCEL)[0] == 409
    url = "https://shop.example/f-1.pdf"
    assert call("POST", f"/orders/{order.id}/invoice", name="F-1", url=url)[0] == 202
    assert send(main) == 3
    there = call.data("GET", f"/orders/{order.id}/marketplace")
    assert (there["status"], there["waybill"]) == ("finalized", placed["_awbs"] and f"4EMG{placed['_awbs'][0]}")
    assert [(write["kind"], write["state"]) for write in there["writes"]] == [
        ("invoice", "done"), ("waybill", "done"), ("order_status", "done")]  # fmt: skip
    for paper in ("A4", "A6"):
        status, pdf = call("GET", f"/orders/{order.id}/waybill/label?paper={paper}")
        assert (status, pdf[:4]) == (200, b"%PDF")
    reader = Caller(app, "orders:read")
    assert reader("POST", f"/orders/{order.id}/waybill", **PARCEL)[0] == 403


def test_own_invoices_say_what_is_missing(market: Market, main: MarketplaceAccount, call: Caller) -> None:
    _variant, _placed, order = sold_order(market, main, "API-INV")
    handling.handle(HandleOrder(order.id, None, "DM-77"), actor=ANA)
    status, refused = call("POST", f"/orders/{order.id}/invoice")
    assert (status, refused["errors"][0]["code"]) == (422, "no_public_address")
    assert "reached from outside" in refused["errors"][0]["message"]


def test_what_came_back_is_told_and_a_return_is_followed(
    market: Market, main: MarketplaceAccount, call: Caller
) -> None:
    variant, placed, order = sold_order(market, main, "API-BACK", 3)
    assert call("POST", f"/orders/{order.id}/storno")[1]["errors"][0]["code"] == "not_finalized"
    buying.move(market.world, market.account("main"), placed, 4)
    market.world.advance(60)
    market_sync.read_orders(main.id, actor=ANA)
    assert call("POST", f"/orders/{order.id}/storno")[1]["errors"][0]["code"] == "nothing_came_back"
    item = call.data("GET", f"/orders/{order.id}")["items"][0]["id"]
    call.data("POST", f"/orders/{order.id}/restock", lines=[{"item_id": item, "quantity": 1}], reason="refused")
    assert call("POST", f"/orders/{order.id}/storno")[0] == 202
    assert send(main) == 1
    assert placed["products"][0]["quantity"] == 2
    offered = int(placed["products"][0]["product_id"])
    back = buying.open_return(market.world, market.account("main"), placed, {offered: 2})
    market_sync.read_returns(main.id, actor=ANA)
    [listed] = call.data("GET", f"/accounts/{main.id}/returns")
    assert (listed["status"], listed["order_id"], listed["taken_back"]) == ("new", order.id, False)
    path = f"/returns/{listed['id']}/status"
    assert call("PUT", path, status="closed")[0] == 422
    for status in ("approved", "received", "closed"):
        assert call("PUT", path, status=status)[0] == 202
        assert send(main) == 1
    assert back["request_status"] == 7
    assert call.data("GET", f"/accounts/{main.id}/returns") == []
    [listed] = call.data("GET", f"/accounts/{main.id}/returns?state=all")
    assert (listed["status"], listed["order_id"], listed["taken_back"]) == ("closed", order.id, True)
    found = single.one("SELECT stock FROM variants WHERE id = %(id)s", {"id": variant.id})
    assert found is not None
    assert found[0] == 9  # each unit came back once


def test_what_was_told_is_listed_taken_back_and_sent_again(
    market: Market, main: MarketplaceAccount, call: Caller
) -> None:
    _variant, placed, order = sold_order(market, main, "API-TELL")
    told = call.data("PUT", f"/orders/{order.id}/marketplace/status", status="finalized")
    assert call.data("POST", f"/writes/{told['id']}/take-back")["state"] == "taken_back"
    assert call("POST", f"/writes/{told['id']}/take-back")[0] == 409
    assert call.data("POST", f"/writes/{told['id']}/send-again")["state"] == "waiting"
    assert [w["id"] for w in call.data("GET", f"/accounts/{main.id}/writes?state=waiting")] == [told["id"]]
    assert send(main) == 1
    done = call.data("GET", f"/writes/{told['id']}")
    assert (done["state"], done["order_id"], placed["status"]) == ("done", order.id, 4)
    page = call("GET", f"/accounts/{main.id}/writes?limit=1")[1]
    assert (len(page["data"]), page["meta"]["total"] > 1) == (1, True)
    following = call.data("GET", f"/accounts/{main.id}/writes?limit=1&cursor={page['meta']['next_cursor']}")
    assert following[0]["id"] < page["data"][0]["id"]


def test_the_log_is_searched_by_sku_and_by_order(market: Market, main: MarketplaceAccount, call: Caller) -> None:
    _variant, placed, order = sold_order(market, main, "API-LOG")
    offer = call.data("GET", "/offers?q=API-LOG")[0]
    assert call("PUT", f"/offers/{offer['id']}/status", active=False)[0] == 202
    assert send(main) == 1

    def routes(q: str, **more: Any) -> set[str]:
        return {row["route"] for row in call.data("GET", f"/accounts/{main.id}/requests?q={q}")}

    # What was written names the offer by its id alone.
    assert {"offer/save", "product_offer/read"} <= routes("API-LOG")
    acknowledged = f"order/acknowledge/{placed['id']}"
    assert acknowledged in routes(str(placed["id"])) and acknowledged in routes(order.number.replace("#", "%23"))
    assert "offer/save" not in routes(order.number.replace("#", "%23"))
    assert routes("NO-SUCH-SKU") == set()
    market.world.faults.append(Fault("rights", "vat/read"))
    call.data("POST", f"/accounts/{main.id}/test")
    failed = call.data("GET", f"/accounts/{main.id}/requests?failed=true")
    assert failed and not any(row["ok"] for row in failed)
    call.data("POST", f"/accounts/{main.id}/test")
    sums = call("GET", f"/accounts/{main.id}/readings")[1]
    day = sums["meta"]["last_24_hours"]
    assert sums["data"] and day["seen"] == day["imported"] + day["failed"] > 0


def test_no_answer_of_a_marketplace_is_a_refusal(market: Market, main: MarketplaceAccount, call: Caller) -> None:
    market.world.faults.append(Fault("502", "addresses/read"))
    status, refused = call("GET", f"/accounts/{main.id}/addresses")
    assert (status, refused["code"], refused["trouble"]) == (409, "marketplace_trouble", "down")
    assert call("GET", "/accounts/999999/addresses")[0] == 404


def test_offers_and_families_are_made(market: Market, main: MarketplaceAccount, call: Caller) -> None:
    product = make_product(name="Grouped", options={"Culoare": ["Alb", "Negru"]})
    white, black = (
        make_variant(product, sku=f"GRP-{colour}", values=[("Culoare", colour)], ean=ean, stock=3)
        for colour, ean in (("Alb", "5940000000196"), ("Negru", None))
    )
    asked = call.data("GET", f"/accounts/{main.id}/catalogue?ean=5940000000196")
    assert (asked["products"], asked["vat_rates"][0]) == ([], {"vat_id": 1, "rate": "0.21"})
    prices = {"price": "12.10", "price_min": "10.00", "price_max": "20.00"}
    path = f"/accounts/{main.id}/offers"
    assert call("POST", path, variant_id=white.id, vat_id=99, by_ean=True, **prices)[0] == 422
    assert call("POST", path, variant_id=black.id, vat_id=1, by_ean=True, **prices)[1]["errors"][0]["code"] == "no_ean"
    for made in ({"variant_id": white.id, "by_ean": True}, {"variant_id": black.id, "category_id": 1315}):
        assert call("POST", path, vat_id=1, **made, **prices)[0] == 202
    assert send(main) == 2
    offer = call.data("GET", "/offers?q=GRP-Alb")[0]
    kinds = call.data("GET", f"/offers/{offer['id']}/family-kinds")
    [colour] = next(kind["traits"] for kind in kinds if kind["name"] == "Culoare")
    option = single.one("SELECT id FROM option_types WHERE name = 'Culoare'", {})
    assert option is not None
    traits = [{"trait_id": colour["id"], "option_type_id": option[0]}]
    body = {"product_id": product.id, "type_id": 97, "traits": traits}
    assert call("POST", f"/accounts/{main.id}/families", **body)[0] == 202
    assert send(main) == 1
    grouped = [o for o in market.account("main").offers.values() if o.part_number.startswith("GRP-")]
    assert [(o.family or {}).get("id") for o in grouped] == [product.id] * 2
    assert [o.characteristics[0]["value"] for o in grouped] == ["Alb", "Negru"]


def test_limits_are_set_and_their_share_is_told(main: MarketplaceAccount, call: Caller) -> None:
    path = f"/accounts/{main.id}"
    before = call.data("GET", path)["limits"]
    assert call("PATCH", path, limits={"others_per_minute": 0})[0] == 422
    assert call("PATCH", path, limits={"teapots": 1})[0] == 422
    changed = call.data("PATCH", path, limits=before | {"others_per_minute": 90_000})
    assert changed["limits"]["others_per_minute"] == 90_000
    assert set(changed["health"]["limit_used"]) == {"orders", "others", "eans"}
    call.data("PATCH", path, limits=before)
