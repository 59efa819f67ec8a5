"""Buyers, their orders and returns, and the moves that an order may make."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from magflow.simulator.world import SELLER, Product, SimAccount, SimOffer, World

UNDO: Final = timedelta(hours=48)
RETURN_TIME: Final = timedelta(days=35)
BUCHAREST: Final = ZoneInfo("Europe/Bucharest")
VAT: Final = {1: Decimal("0.2100"), 2: Decimal("0.1100"), 3: Decimal("0.0000")}
PEOPLE: Final = ("Ilinca Proba", "Matei Încercare", "Ștefania Țest", "Radu Exemplu", "Ioana Schiță", "Vlad Model")
TOWNS: Final = (("Cluj", "Cluj-Napoca"), ("Iași", "Iași"), ("Timiș", "Timișoara"), ("București", "București"))

# From status to status, with the time in which it may still be done; None: always.
MOVES: Final[dict[tuple[int, int], timedelta | None]] = {
    (2, 3): None, (2, 4): None, (2, 0): None, (3, 4): None, (3, 0): None,
    (4, 3): UNDO, (4, 0): UNDO, (4, 5): RETURN_TIME, (0, 2): UNDO, (0, 3): UNDO, (0, 4): UNDO,
}  # fmt: skip
RETURN_MOVES: Final = {(2, 3), (2, 5), (3, 5), (3, 6), (6, 4), (6, 7)}


def local(moment: datetime) -> str:
    """As eMAG writes times: on the clock of the platform, without saying so."""
    return moment.astimezone(BUCHAREST).strftime("%Y-%m-%d %H:%M:%S")


def attach_buyers(world: World) -> None:
    """Let people buy: each from whoever holds the button, when that is us."""

    def arrive(product: Product) -> None:
        standing = world.sellers(product.pnk)
        if not standing:
            return
        account, offer = standing[0][2], standing[0][3]
        if account is None or offer is None:
            rival = next(r for r in product.competitors if r.name == standing[0][1] and r.stock > 0)
            rival.stock -= 1
            return
        place_order(world, account, [(offer, 1)])

    world.arrivals = arrive
    world.tick_listeners.append(lambda: repeat_pings(world))


def repeat_pings(world: World) -> None:
    """A new order is announced until it is taken."""
    for account in world.accounts.values():
        for order in account.orders.values():
            if order["status"] == 1 and account.kind == SELLER:
                world.ping(account, "order", order["id"])


def place_order(
    world: World, account: SimAccount, wanted: list[tuple[SimOffer, int]], **changes: Any
) -> dict[str, Any]:
    """Somebody buys: the marketplace's own figure goes down at once, the seller learns of it by reading."""
    with world.lock:
        person = world.random.choice(PEOPLE)
        county, town = world.random.choice(TOWNS)
        lines = [_line(world, offer, quantity) for offer, quantity in wanted]
        total = sum(
            (Decimal(line["sale_price"]) * (1 + Decimal(line["vat"])) * line["quantity"] for line in lines), Decimal(0)
        )
        now = world.now
        order: dict[str, Any] = {
            "id": world.number("order"), "vendor_name": account.name, "parent_id": None, "type": account.kind,
            "date": local(now), "created": local(now), "modified": local(now), "status": 1, "is_complete": 1,
            "payment_mode": "RAMBURS", "payment_mode_id": 1, "detailed_payment_method": "RAMBURS", "payment_status": 0,
            "cashed_co": 0, "cashed_cod": float(round(total, 2)), "delivery_mode": "courier", "details": [],
            "observation": None, "shipping_tax": "0.0000", "shipping_tax_voucher_split": [], "vouchers": [],
            "customer": _customer(world, person, county, town), "products": lines, "attachments": [],
            "currency": "RON", "cancellation_request": None, "reason_cancellation": None, "is_storno": False,
            "maximum_date_for_shipment": local(now + timedelta(days=1)), "finalization_date": None,
            "enforced_vendor_courier_accounts": None, "_moved": now, **changes,
        }  # fmt: skip
        if account.kind != SELLER:
            order["status"] = changes.get("status", 4)
            order["finalization_date"] = local(now)
        account.orders[order["id"]] = order
        if order["status"] != 0:
            for offer, quantity in wanted:
                offer.stock = max(0, offer.stock - quantity)
        world.ping(account, "order", order["id"])
        return order


def _line(world: World, offer: SimOffer, quantity: int) -> dict[str, Any]:
    now = local(world.now)
    return {
        "id": world.number("line"), "product_id": str(offer.id) if world.noise else offer.id, "mkt_id": 66_000_000,
        "name": offer.name, "status": 1, "part_number": offer.part_number, "ext_part_number": offer.part_number,
        "part_number_key": offer.pnk, "currency": "RON", "vat": str(VAT[offer.vat_id]), "quantity": quantity,
        "initial_qty": quantity, "storno_qty": 0, "sale_price": str(offer.price), "original_price": str(offer.price),
        "details": [], "recycle_warranties": [], "attachments": [], "serial_numbers": None, "campaign": None,
        "product_voucher_split": [], "created": now, "modified": now,
    }  # fmt: skip


def _customer(world: World, person: str, county: str, town: str) -> dict[str, Any]:
    address = {"country": "RO", "suburb": county, "city": town, "locality_id": "1207", "street": "Str. Exemplu nr. 4",
               "postal_code": "400001", "phone": "0700000001"}  # fmt: skip
    return {
        "id": world.random.randint(10**7, 10**10), "name": person, "company": person,
        "email": f"{world.random.getrandbits(48):x}@mail.example", "phone_1": "0700000001", "legal_entity": 0,
        **{f"billing_{name}": value for name, value in address.items()}, "billing_name": person,
        **{f"shipping_{name}": value for name, value in address.items()}, "shipping_contact": person,
    }  # fmt: skip


def move(world: World, account: SimAccount, order: dict[str, Any], status: int) -> str | None:
    """Change an order's status; the reason when that is not possible."""
    was = order["status"]
    if was == status:
        return None
    if (was, status) not in MOVES:
        return f"Invalid status transition from {was} to {status}"
    within = MOVES[was, status]
    if within is not None and world.now - order["_moved"] > within:
        return f"The order can no longer be changed from {was} to {status}"
    order["status"] = status
    order["_moved"], order["modified"] = world.now, local(world.now)
    if status == 4:
        order["finalization_date"] = local(world.now)
    if status == 0:
        _give_back(account, order)
        world.ping(account, "cancelled", order["id"])
    return None


def _give_back(account: SimAccount, order: dict[str, Any]) -> None:
    for line in order["products"]:
        offer = account.offers.get(int(line["product_id"] or 0))
        if offer is not None:
            offer.stock += line["quantity"]


def cancel_by_marketplace(world: World, account: SimAccount, order: dict[str, Any], reason: int = 24) -> None:
    """The customer changed his mind: eMAG cancels, a new order too, which a seller may not."""
    with world.lock:
        order["status"] = 0
        order["reason_cancellation"] = {"id": reason, "name": "Customer request"}
        order["_moved"], order["modified"] = world.now, local(world.now)
        _give_back(account, order)
        world.ping(account, "cancelled", order["id"])


def open_return(world: World, account: SimAccount, order: dict[str, Any], quantities: dict[int, int]) -> dict[str, Any]:
    """A customer sends something back."""
    with world.lock:
        number = world.number("return")
        back = {
            "emag_id": number, "order_id": order["id"], "type": account.kind, "date": local(world.now),
            "request_status": 2, "return_type": 3, "return_reason": 45, "customer_name": order["customer"]["name"],
            "products": [
                {"id": line["id"], "product_id": line["product_id"], "product_name": line["name"],
                 "quantity": quantities[int(line["product_id"])]}
                for line in order["products"] if int(line["product_id"] or 0) in quantities
            ],
        }  # fmt: skip
        account.returns[number] = back
        world.ping(account, "return", number)
        return back


def storno(order: dict[str, Any], asked: dict[str, Any], world: World) -> str | None:
    """A partial return on a finalized order, by its table; the reason when it is discarded."""
    if order["status"] != 4:
        return "Storno is only possible on finalized orders"
    given = {int(line.get("id") or 0): line for line in asked.get("products") or []}
    changed = False
    for line in order["products"]:
        new = given.get(line["id"])
        quantity = 0 if new is None or new.get("status") == 0 else int(new.get("quantity", line["quantity"]))
        if quantity < 0 or quantity > line["quantity"]:
            return "Invalid quantity"
        changed = changed or quantity != line["quantity"]
    if not changed:
        return "Nothing was changed"
    for line in order["products"]:
        new = given.get(line["id"])
        quantity = 0 if new is None or new.get("status") == 0 else int(new.get("quantity", line["quantity"]))
        line["storno_qty"] += line["quantity"] - quantity
        line["quantity"] = quantity
    order["is_storno"] = True
    order["modified"] = local(world.now)
    return None


def within(order: dict[str, Any], after: str | None, before: str | None, key: str) -> bool:
    """Whether an order's time lies in a window, as eMAG compares: texts on the same clock."""
    return (after is None or order[key] >= after) and (before is None or order[key] <= before)


def parsed(text: str) -> datetime | None:
    """A time as sellers send it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=BUCHAREST)).astimezone(UTC)
