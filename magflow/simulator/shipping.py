"""What leaves the seller's house in the simulated marketplace: addresses, waybills, labels."""

from collections.abc import Mapping
from typing import Any, Final

from magflow.simulator import buying
from magflow.simulator.envelopes import Reply, envelope
from magflow.simulator.world import SELLER, SimAccount, World

LABEL: Final = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
NEEDED: Final = ("name", "contact", "phone1", "locality_id", "street")


def addresses_read(*_rest: Any) -> Reply:
    rows = [
        {"address_id": "11", "country_id": 1, "country_code": "RO", "address_type_id": kind, "locality_id": 1207,
         "suburb": "Cluj", "city": "Cluj-Napoca", "address": street, "zipcode": "400001", "is_default": kind == 2}
        for kind, street in ((2, "Str. Depozitului nr. 7"), (1, "Str. Retur nr. 8"))
    ]  # fmt: skip
    return envelope(rows)


def awb_save(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    item = dict(body) if isinstance(body, Mapping) else {}
    order = account.orders.get(int(item.get("order_id") or 0))
    if order is None or order["type"] != SELLER:
        return envelope(None, "Order not found", error=True)
    if not item.get("parcel_number") and not item.get("envelope_number"):
        return envelope(None, "parcel_number or envelope_number must be given", error=True)
    for side in ("sender", "receiver"):
        given: dict[str, Any] = item.get(side) or {}
        if missing := [name for name in NEEDED if not given.get(name)]:
            return envelope(None, f"{side}: {missing[0]} is required", error=True)
        if given.get("zipcode") == "":
            return envelope(None, f"{side}: zipcode must not be empty", error=True)
    if order["status"] not in {2, 3, 4}:
        return envelope(None, "No waybill can be issued for this order", error=True)
    buying.move(world, account, order, 4)
    order["_awbs"] = [*order.get("_awbs", []), 55_000_000 + world.number("awb")]
    return envelope({"reservation_id": order["_awbs"][-1]})


def awb_read(_world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    asked = body if isinstance(body, Mapping) else {}
    wanted = int(asked.get("reservation_id") or asked.get("emag_id") or 0)
    order = next((order for order in account.orders.values() if wanted in order.get("_awbs", [])), None)
    if order is None:
        return envelope(None, "AWB not found", error=True)
    number = f"4EMG{wanted}"
    return envelope({
        "emag_id": wanted, "order_id": order["id"], "rma_id": None, "type": 3, "weight": 1,
        "awb": [{"emag_id": wanted, "awb_number": number, "awb_barcode": f"{number}001"}],
        "status": {"code": "NEW", "name": "New", "description": ""},
        "courier": {"courier_account_id": 1, "courier_name": "Curier Demo"},
    })  # fmt: skip


def awb_pdf(*_rest: Any) -> Reply:
    return Reply(200, LABEL, {"Content-Type": "application/pdf"})
