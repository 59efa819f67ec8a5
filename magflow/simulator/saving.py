"""What a save is checked for, in the words that sellers have seen."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from magflow.simulator import families
from magflow.simulator.world import SELLER, Product, SimAccount, SimOffer, World

STOCK_WORDS: Final = "Stock should be 0 or more"
END_OF_LIFE: Final = (
    "ERROR: The offer status is 2 (end of life). If you want to sell this product, "
    "please update the status to 1 (active)."
)
LARGEST_ID: Final = 16_777_215


def light(world: World, account: SimAccount, item: dict[str, Any]) -> tuple[bool, str]:
    """`offer/save` of one offer: (worked, what is said)."""
    number = _number(item.get("id"))
    offer = account.offers.get(number)
    if offer is None:
        return False, f"Offer {number} not found"
    if offer.status == 2 and item.get("status") != 1:
        return False, END_OF_LIFE
    fault = _stock(account, offer, item, apply=False) or _price(offer, item, apply=False)
    if fault:
        return False, fault
    _stock(account, offer, item, apply=True)
    _price(offer, item, apply=True)
    if item.get("status") in {0, 1, 2}:
        offer.status = item["status"]
    offer.written_at = world.now
    return True, f"Offer {number} updated successfully"


def _stock(account: SimAccount, offer: SimOffer, item: dict[str, Any], *, apply: bool) -> str | None:
    if "stock" not in item:
        return None
    given = item["stock"]
    value = given[0].get("value") if isinstance(given, list) and given and isinstance(given[0], dict) else given
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65_535:
        return STOCK_WORDS
    if offer.campaign:
        return f"The offer is included in the active campaign {offer.campaign}, thus the stock has NOT been changed."
    if account.kind != SELLER and account.refuses_stock == "refuse":
        return "Stock of offers fulfilled by eMAG cannot be changed"
    if apply and (account.kind == SELLER or account.refuses_stock == "accept"):
        offer.stock = value
    return None


def _price(offer: SimOffer, item: dict[str, Any], *, apply: bool) -> str | None:
    if not {"sale_price", "min_sale_price", "max_sale_price"} & item.keys():
        return None
    try:
        price = Decimal(str(item.get("sale_price", offer.price)))
        least = Decimal(str(item.get("min_sale_price", offer.least)))
        most = Decimal(str(item.get("max_sale_price", offer.most)))
    except InvalidOperation:
        return "The price is not a number"
    if price <= 0 or least <= 0 or most <= least or not least <= price <= most:
        return "The sale price must be between the minimum and the maximum sale price"
    if apply:
        offer.price, offer.least, offer.most = price, least, most
    return None


def full(world: World, account: SimAccount, items: list[dict[str, Any]]) -> list[str]:
    """`product_offer/save`: what went wrong, flat and not per item; what is right is saved all the same."""
    said: list[str] = []
    for item in items:
        number = _number(item.get("id"))
        if not 1 <= number <= LARGEST_ID:
            said.append(f"Invalid id - Product id: {number}")
        elif number in account.offers:
            worked, text = light(world, account, item)
            if not worked:
                said.append(text)
            else:
                said += families.describe(account.offers[number], item)
                said += families.join(account, account.offers[number], item)
        else:
            said += _create(world, account, number, item)
    return said


def _create(world: World, account: SimAccount, number: int, item: dict[str, Any]) -> list[str]:
    part = re.sub(r"[ ,;]", "", str(item.get("part_number") or ""))[:25]
    pnk = item.get("part_number_key")
    eans = [str(ean) for ean in item.get("ean") or []]
    if any(not re.fullmatch(r"\d{6,14}", ean) for ean in eans):
        return [f"{eans[0]} is not a valid EAN. - Product id: {number}"]
    if any(offer.part_number == part for offer in account.offers.values() if part):
        return [f"You already hold a Product associated with this PN:{part}."]
    warnings = []
    if pnk is None and eans:
        pnk = next((p.pnk for p in world.products.values() if p.ean == eans[0]), None)
        if pnk:
            warnings = ["WARNING: Your product has been automatically associated via EAN to an existing product."]
    if pnk is not None and pnk not in world.products:
        return [f"The part number key {pnk} does not exist - Product id: {number}"]
    if pnk is not None and any(offer.pnk == pnk for offer in account.offers.values()):
        return [f"You already hold an offer associated with this PNK: {pnk}. If this association was a mistake…"]
    try:
        price, least, most = (Decimal(str(item[name])) for name in ("sale_price", "min_sale_price", "max_sale_price"))
    except (KeyError, InvalidOperation):
        return [f"sale_price, min_sale_price and max_sale_price are required - Product id: {number}"]
    account.offers[number] = offer = SimOffer(
        id=number, name=str(item.get("name") or ""), brand=str(item.get("brand") or ""), part_number=part, pnk=pnk,
        eans=eans, price=price, least=least, most=most, stock=0, vat_id=_number(item.get("vat_id")) or 1,
        status=_number(item.get("status")), validation=9 if pnk else 1,
        offer_validation=1 if least <= price <= most else 2, family=item.get("family"), written_at=world.now,
    )  # fmt: skip
    return [*warnings, *([fault] if (fault := _stock(account, offer, item, apply=True)) else [])]


def offer_json(world: World, offer: SimOffer) -> dict[str, Any]:
    """An offer as `product_offer/read` tells it; with noise, in the types that were seen instead of the documented."""
    number, rank, best = world.competition(offer)
    price: Any = str(offer.price) if world.noise else float(offer.price)
    told: dict[str, Any] = {
        "id": offer.id, "part_number_key": offer.pnk, "part_number": offer.part_number, "name": offer.name,
        "brand": offer.brand, "category_id": 1315, "ean": offer.eans, "url": "", "description": "",
        "sale_price": price, "recommended_price": 0, "min_sale_price": float(offer.least),
        "max_sale_price": float(offer.most), "currency": "RON", "vat_id": offer.vat_id, "warranty": 24,
        "stock": [{"warehouse_id": 1, "value": offer.stock}], "general_stock": offer.stock,
        "estimated_stock": offer.stock, "handling_time": [{"warehouse_id": 1, "value": offer.handling}],
        "start_date": [], "status": offer.status, "family": offer.family or [],
        "characteristics": offer.characteristics, "images": [],
        "attachments": [], "validation_status": [{"value": offer.validation, "description": "", "errors": []}],
        "translation_validation_status": [],
        "offer_validation_status": {"value": offer.offer_validation, "description": "Saleable"}, "doc_errors": None,
        "ownership": 1 if world.noise else True, "number_of_offers": number, "buy_button_rank": rank,
        "best_offer_sale_price": None if best is None else float(best), "genius_eligibility": 1,
    }  # fmt: skip
    if world.noise:
        told["unheard_of"] = {"deep": []}
        told["number_of_offers"] = str(number)
    return told


def add_product(world: World, product: Product) -> Product:
    """Put a page into the catalogue."""
    world.products[product.pnk] = product
    return product


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
