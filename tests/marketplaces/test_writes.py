"""What a person tells a marketplace, each on its whole way: said, held back, sent over HTTP, read back, once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from magflow.db import db
from magflow.domain.errors import Invalid
from magflow.marketplaces import transport
from magflow.marketplaces.errors import DayUsedUp, Down
from magflow.marketplaces.protocol import PickUp
from magflow.models import MarketplaceAccount, MarketplaceReturn, MarketplaceWrite, Offer, Order
from magflow.services import market_asks, market_order_asks, market_sync, market_writes, pace, restock, single
from magflow.services.market_asks import Group, ListVariant, SetPrice, SetStatus
from magflow.services.market_order_asks import AttachInvoice, SetOrderStatus, SetReturnStatus, Ship, TellStorno
from magflow.services.market_writes import OfWrite
from magflow.simulator import buying
from magflow.simulator.world import Fault, SimOffer
from tests.marketplaces.conftest import Market, sellable
from tests.shop import ANA, make_product, make_variant

Add = Callable[..., MarketplaceAccount]
PLACE = PickUp("11", "Str. Depozitului nr. 7", 1207, "Str. Depozitului nr. 7")


@pytest.fixture(scope="module")
def main(add_account: Add) -> MarketplaceAccount:
    return add_account("main", publishing=False)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))


def send(account: MarketplaceAccount) -> int:
    """The worker's part, with the time in between gone by."""
    single.every("UPDATE marketplace_writes SET next_at = clock_timestamp(), lease_until = NULL", {})
    return market_sync.send_writes(account.id, actor=ANA)


def write_of(made: MarketplaceWrite) -> MarketplaceWrite:
    found = db.session.get_one(MarketplaceWrite, made.id, populate_existing=True)
    db.session.rollback()
    return found


def offer_of(account: MarketplaceAccount, external_id: object) -> Offer:
    found = db.session.scalars(
        select(Offer).where(Offer.account_id == account.id, Offer.external_id == str(external_id))
    ).one()
    db.session.refresh(found)
    db.session.rollback()
    return found


def listed(market: Market, main: MarketplaceAccount, sku: str, stock: int = 5) -> tuple[SimOffer, Offer]:
    sellable(sku, stock)
    sold = market.offer("main", sku, stock)
    market_sync.read_offers(main.id, actor=ANA)
    return sold, offer_of(main, sold.id)


def bought(market: Market, main: MarketplaceAccount, sold: SimOffer, quantity: int) -> tuple[dict[str, object], Order]:
    placed = buying.place_order(market.world, market.account("main"), [(sold, quantity)])
    market_sync.read_orders(main.id, actor=ANA)
    order = db.session.scalars(select(Order).where(Order.external_id == str(placed["id"]))).one()
    db.session.rollback()
    return placed, order


def test_a_price_is_said_with_vat_and_sent_without(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    sold, offer = listed(market, main, "TELL-1")
    first = market_asks.set_price(SetPrice(offer.id, Decimal("11.99"), most=Decimal("30")), actor=ANA)
    assert market_sync.send_writes(main.id, actor=ANA) == 0  # held back
    again = market_asks.set_price(SetPrice(offer.id, Decimal("12.99"), most=Decimal("30")), actor=ANA)
    assert again.id == first.id  # the last word replaces the one before
    assert send(main) == 1
    assert (sold.price, sold.most) == (Decimal("10.7355"), Decimal("24.7934"))
    assert write_of(again).state == "done"
    assert offer_of(main, sold.id).sale_price == Decimal("10.7355")
    with pytest.raises(Invalid):
        market_asks.set_price(SetPrice(offer.id, Decimal("99")), actor=ANA)
    undone = market_asks.set_price(SetPrice(offer.id, Decimal("13.99")), actor=ANA)
    market_writes.take_back(OfWrite(undone.id), actor=ANA)
    assert send(main) == 0
    with pytest.raises(market_writes.WriteEnded):
        market_writes.take_back(OfWrite(undone.id), actor=ANA)


def test_what_is_being_sent_is_not_taken_back(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    _sold, offer = listed(market, main, "TELL-9")
    asked = market_asks.set_price(SetPrice(offer.id, Decimal("11.99")), actor=ANA)
    single.every("UPDATE marketplace_writes SET next_at = clock_timestamp() WHERE id = %(id)s", {"id": asked.id})
    assert [write.id for write in market_writes.claim(main.id, actor=ANA)] == [asked.id]
    with pytest.raises(market_writes.WriteEnded):
        market_writes.take_back(OfWrite(asked.id), actor=ANA)
    assert write_of(asked).state == "waiting"
    assert send(main) == 1


def test_what_is_refused_says_so_and_a_lost_answer_is_asked_again(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    sold, offer = listed(market, main, "TELL-2")
    sold.status = 2
    refused = market_asks.set_price(SetPrice(offer.id, Decimal("12.99")), actor=ANA)
    send(main)
    assert (write_of(refused).state, "end of life" in str(write_of(refused).error)) == ("refused", True)
    back = market_asks.set_status(SetStatus(offer.id, True), actor=ANA)
    market.world.faults.append(Fault("timeout_after", "offer/save", times=4))
    with pytest.raises(Down):
        send(main)
    assert write_of(back).state == "waiting"
    assert send(main) == 1
    market_writes.send_again(OfWrite(refused.id), actor=ANA)
    assert send(main) == 1
    assert (sold.status, sold.price) == (1, Decimal("10.7355"))


def test_an_offer_is_made_on_a_product_that_is_there(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    held = market.offer("fbe", "TELL-PAGE", 1)
    assert held.pnk is not None
    market.world.products[held.pnk].ean = "5940000000011"
    variant = sellable("TELL-3", 4, ean="5940000000011")
    account = market_sync.account_of(main.id)
    [found] = market_asks.look_up(account, "5940000000011").found
    assert (found.part_number_key, found.held) == (held.pnk, False)
    prices = {"gross": Decimal("12.10"), "least": Decimal("10"), "most": Decimal("20")}
    command = ListVariant(main.id, variant.id, vat_id=1, vat_rate=Decimal("0.21"),
                          part_number_key=found.part_number_key, **prices)  # fmt: skip
    made = market_asks.list_variant(command, actor=ANA)
    with pytest.raises(market_writes.WriteWaiting):
        market_asks.list_variant(command, actor=ANA)
    market.world.faults.append(Fault("timeout_after", "product_offer/save"))
    with pytest.raises(Down):
        send(main)
    assert send(main) == 1  # it was there already: made once
    offer = offer_of(main, made.subject)
    assert (offer.variant_id, offer.matched_by, offer.sale_price) == (variant.id, "external_id", Decimal("10.0000"))
    assert [o.stock for o in market.account("main").offers.values() if o.pnk == held.pnk] == [4]


def test_the_variants_of_a_product_become_a_family(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    product = make_product(name="Family", options={"Color": ["Roșu", "Albastru"]})
    for sku, colour in (("FAM-Red", "Roșu"), ("FAM-Blue", "Albastru")):
        make_variant(product, sku=sku, values=[("Color", colour)])
        market.offer("main", sku, 1)
    market_sync.read_offers(main.id, actor=ANA)
    account, first = market_sync.account_of(main.id), next(
        str(o.id) for o in market.account("main").offers.values() if o.part_number == "FAM-Red")  # fmt: skip
    kinds = {kind.id: kind for kind in market_asks.family_kinds(account, first)}
    assert [kinds[97].name, *(trait.name for trait in kinds[98].traits)] == ["Culoare", "Culoare", "Mărime"]
    colour = kinds[97].traits[0]
    assert "Roșu" in colour.values
    market_asks.group(Group(main.id, product.id, 97), actor=ANA)
    assert send(main) == 0  # the marketplace misses what the members differ by
    row = single.one("SELECT error FROM marketplace_writes WHERE kind = 'family' ORDER BY id DESC LIMIT 1", {})
    assert row is not None and "missing value on characteristic" in row[0]
    option = single.one("SELECT id FROM option_types WHERE name = 'Color'", {})
    assert option is not None
    market_asks.group(Group(main.id, product.id, 97, {colour.id: option[0]}), actor=ANA)
    assert send(main) == 1
    families = {o.family["id"] for o in market.account("main").offers.values() if o.part_number.startswith("FAM-")
                and o.family}  # fmt: skip
    assert families == {product.id}


def test_a_parcel_leaves_with_waybill_label_and_invoice(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    sold, _offer = listed(market, main, "TELL-4")
    placed, order = bought(market, main, sold, 2)
    market_order_asks.set_order_status(SetOrderStatus(order.id, 3), actor=ANA)
    assert send(main) == 1
    assert placed["status"] == 3
    made = market_order_asks.ship(Ship(order.id, "Atelier Demo", "Ana", "0700000009", PLACE), actor=ANA)
    with pytest.raises(market_writes.WriteWaiting):
        market_order_asks.ship(Ship(order.id, "Atelier Demo", "Ana", "0700000009", PLACE), actor=ANA)
    market_order_asks.attach_invoice(AttachInvoice(order.id, "F-1", "https://shop.example/f-1.pdf"), actor=ANA)
    assert send(main) == 2
    said = write_of(made).said
    assert said is not None
    assert placed["status"] == 4  # by the waybill alone
    assert placed["attachments"] == [{"name": "F-1", "url": "https://shop.example/f-1.pdf", "type": 1}]
    row = single.one("SELECT waybill FROM order_handling WHERE order_id = %(id)s", {"id": order.id})
    assert row is not None
    assert row[0] == said["number"]
    assert market_order_asks.label(market_sync.account_of(main.id), said["label_id"]).startswith(b"%PDF")


def test_a_lost_answer_to_a_waybill_waits_for_a_person(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    sold, _offer = listed(market, main, "TELL-5")
    placed, order = bought(market, main, sold, 1)
    made = market_order_asks.ship(Ship(order.id, "Atelier Demo", "Ana", "0700000009", PLACE), actor=ANA)
    market.world.faults.append(Fault("timeout_after", "awb/save"))
    with pytest.raises(Down):
        send(main)
    assert send(main) == 0
    assert write_of(made).state == "unsure"
    assert len(placed["_awbs"]) == 1  # type: ignore[arg-type]


def test_what_came_back_here_is_told_there_and_a_return_is_followed(
    app: Flask, market: Market, main: MarketplaceAccount
) -> None:
    sold, _offer = listed(market, main, "TELL-6", 9)
    placed, order = bought(market, main, sold, 3)
    buying.move(market.world, market.account("main"), placed, 4)
    market.world.advance(60)
    market_sync.read_orders(main.id, actor=ANA)
    row = single.one("SELECT id, variant_id FROM order_items WHERE order_id = %(id)s", {"id": order.id})
    assert row is not None
    with pytest.raises(Invalid):
        market_order_asks.tell_storno(TellStorno(order.id), actor=ANA)
    line = restock.RestockLine(row[0], 1)
    restock.restock(restock.RestockOrder(order.id, "refused at the door", [line]), actor=ANA)
    market_order_asks.tell_storno(TellStorno(order.id), actor=ANA)
    assert send(main) == 1
    assert placed["products"][0]["quantity"] == 2  # type: ignore[index]
    market_sync.read_orders(main.id, actor=ANA)
    back = buying.open_return(market.world, market.account("main"), placed, {sold.id: 1})
    market_sync.read_returns(main.id, actor=ANA)
    kept = db.session.scalars(
        select(MarketplaceReturn).where(MarketplaceReturn.external_id == str(back["emag_id"]))
    ).one()
    db.session.rollback()
    with pytest.raises(Invalid):
        market_order_asks.set_return_status(SetReturnStatus(kept.id, 7), actor=ANA)
    for status in (3, 6):
        market_order_asks.set_return_status(SetReturnStatus(kept.id, status), actor=ANA)
        assert send(main) == 1
    assert back["request_status"] == 6
    market_sync.read_returns(main.id, actor=ANA)
    found = single.one("SELECT stock FROM variants WHERE id = %(id)s", {"id": row[1]})
    assert found is not None
    assert found[0] == 8  # nine, three sold, one refused, one returned: each once


def test_the_catalogue_is_asked_so_often_a_day(app: Flask, market: Market, main: MarketplaceAccount) -> None:
    limited = pace.AccountPace(main.id, {"eans_per_day": 2, "eans_per_second": 1000, "others_per_second": 1000})
    subject = {"s": f"market:{main.id}:eans"}
    single.every("DELETE FROM rate_windows WHERE subject = %(s)s", subject)
    limited.wait("eans")
    limited.wait("eans")
    with pytest.raises(DayUsedUp):
        limited.wait("eans")
    single.every(
        "UPDATE rate_windows SET window_start = window_start - interval '1 day' WHERE subject = %(s)s", subject
    )
    limited.wait("eans")
