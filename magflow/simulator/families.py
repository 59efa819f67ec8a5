"""Categories of the simulated catalogue with their characteristics and kinds of families, and who may join one."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.simulator.envelopes import Reply, envelope
from magflow.simulator.world import SimAccount, SimOffer, World

CATEGORY: Final = 1315
COLOUR, SIZE, CAPACITY = 5213, 6506, 7011
COLOURS: Final = ("Alb", "Albastru", "Galben", "Gri", "Negru", "Roz", "Roșu", "Verde")


def _characteristic(number: int, name: str, type_id: int, values: tuple[str, ...], order: int) -> dict[str, Any]:
    return {"id": number, "name": name, "type_id": type_id, "display_order": order, "is_mandatory": 0, "is_filter": 1,
            "allow_new_value": 0 if values else 1, "values": [{"id": n, "value": value} for n, value in
                                                              enumerate(values, number * 100)], "tags": []}  # fmt: skip


CHARACTERISTICS: Final = (
    _characteristic(COLOUR, "Culoare", 11, COLOURS, 1),
    _characteristic(SIZE, "Mărime", 60, (), 2),
    _characteristic(CAPACITY, "Capacitate", 2, (), 3),
)


def _family_type(number: int, name: str, *parts: int) -> dict[str, Any]:
    return {"id": number, "name": name, "characteristics": [
        {"characteristic_id": part, "characteristic_family_type_id": 1 if part == COLOUR else 2, "is_foldable": 1,
         "display_order": order} for order, part in enumerate(parts, 1)]}  # fmt: skip


FAMILY_TYPES: Final = (
    _family_type(97, "Culoare", COLOUR),
    _family_type(98, "Culoare și mărime", COLOUR, SIZE),
    _family_type(99, "Capacitate", CAPACITY),
)
CATEGORIES: Final = ((CATEGORY, "Căni", 1), (1316, "Farfurii", 1), (1317, "Tacâmuri", 1))


def category_read(_world: World, _account: SimAccount, body: Any, *_rest: Any) -> Reply:
    """All categories without their details, a page of them; one by its id with everything."""
    asked = body if isinstance(body, Mapping) else {}
    found = []
    for number, name, parent in CATEGORIES:
        row = {"id": number, "name": name, "parent_id": parent, "is_allowed": 1, "is_ean_mandatory": 0,
               "is_warranty_mandatory": 0}  # fmt: skip
        if asked.get("id") is None:
            found.append(row | {"characteristics": [], "family_types": []})
        elif str(asked["id"]) == str(number):
            found.append(row | {"characteristics": list(CHARACTERISTICS), "family_types": list(FAMILY_TYPES)})
    return envelope(found if int(asked.get("currentPage") or 1) == 1 else [])


def describe(offer: SimOffer, item: dict[str, Any]) -> list[str]:
    """Take the characteristics of a save; what is not valid is warned of and left out."""
    if not isinstance(item.get("characteristics"), list):
        return []
    known = {one["id"]: one for one in CHARACTERISTICS}
    kept, said = [], []
    for part in item["characteristics"]:
        number, value = part.get("id"), str(part.get("value") or "").strip()
        told = known.get(number)
        allowed = [one["value"] for one in told["values"]] if told else []
        if told is None:
            said.append(f"WARNING: characteristic with id {number} is not attached to template")
        elif not value:
            said.append(f"WARNING: value of characteristic with id {number} is empty")
        elif allowed and value not in allowed:
            said.append(f"WARNING: value of characteristic with id {number} must be one of: {', '.join(allowed)}")
        else:
            kept.append({"id": number, "value": value})
    offer.characteristics = kept
    return said


def join(account: SimAccount, offer: SimOffer, item: dict[str, Any]) -> list[str]:
    """Put an offer into the family that a save names. One that is not valid is warned of, the rest is saved."""
    family = item.get("family")
    if not isinstance(family, dict) or not family.get("id"):
        return []
    fault = _fault(account, offer, family)
    if fault:
        return [f"WARNING: Mktp Family: {fault} - Product id: {offer.id}"]
    offer.family = dict(family)
    return []


def _fault(account: SimAccount, offer: SimOffer, family: dict[str, Any]) -> str | None:
    kind = next((one for one in FAMILY_TYPES if one["id"] == family.get("family_type_id")), None)
    if kind is None:
        return "family type not found"
    if not family.get("name"):
        return "family name is empty"
    differing = [part["characteristic_id"] for part in kind["characteristics"]]
    mine = _values(offer, differing)
    if any(not mine[number] for number in differing):
        return "missing value on characteristic"
    if any(len(mine[number]) > 1 for number in differing):
        return "more than 1 value on characteristic"
    others = [one for one in account.offers.values() if one is not offer and one.family
              and one.family.get("id") == family["id"]]  # fmt: skip
    if any(other.brand != offer.brand for other in others):
        return "family brand does not match other products in family"
    if any(_values(other, differing) == mine for other in others):
        return "product with the same characteristic values already exists on family"
    return None


def _values(offer: SimOffer, numbers: list[int]) -> dict[int, list[str]]:
    return {number: [one["value"] for one in offer.characteristics if one["id"] == number] for number in numbers}
