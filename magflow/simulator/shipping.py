"""What leaves the seller's house in the simulated marketplace: addresses, waybills, labels."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from fpdf import FPDF

from magflow.simulator import buying
from magflow.simulator.envelopes import Reply, envelope
from magflow.simulator.world import SELLER, SimAccount, World

PAPERS: Final = {"A4": (210, 297), "A5": (148, 210), "A6": (105, 148)}
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
    try:
        cash = float(item["cod"])
    except (KeyError, TypeError, ValueError):
        return envelope(None, "cod is required", error=True)
    if order["status"] not in {2, 3, 4}:
        return envelope(None, "No waybill can be issued for this order", error=True)
    buying.move(world, account, order, 4)
    order["_awbs"] = [*order.get("_awbs", []), 55_000_000 + world.number("awb")]
    order.setdefault("_parcels", {})[str(order["_awbs"][-1])] = {"cash": cash, "to": item["receiver"],
                                                                 "from": item["sender"]}  # fmt: skip
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


def awb_pdf(_world: World, account: SimAccount, _body: Any, query: Mapping[str, list[str]], _part: str) -> Reply:
    """The label, on the paper that was asked for."""
    wanted, paper = query.get("emag_id", [""])[0], query.get("awb_format", ["A4"])[0]
    order = next((one for one in account.orders.values() if wanted in map(str, one.get("_awbs", []))), None)
    if order is None or paper not in PAPERS:
        return envelope(None, "AWB not found", error=True)
    parcel = order.get("_parcels", {}).get(wanted, {"cash": 0, "to": {}, "from": {}})
    return Reply(200, _label(f"4EMG{wanted}", paper, order["id"], parcel), {"Content-Type": "application/pdf"})


def _label(number: str, paper: str, order: int, parcel: Mapping[str, Any]) -> bytes:
    page = FPDF(format=PAPERS[paper])
    page.add_page()
    for text, size in (
        (number, 22),
        (f"Comanda {order}", 11),
        (f"Catre: {_address(parcel['to'])}", 13),
        (f"De la: {_address(parcel['from'])}", 10),
        (f"Ramburs: {parcel['cash']:.2f} RON" if parcel["cash"] else "Fara ramburs", 13),
    ):
        page.set_font("helvetica", size=size)
        page.multi_cell(0, size * 0.6, _plain(text), new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())


def _address(side: Mapping[str, Any]) -> str:
    return ", ".join(str(side[name]) for name in ("name", "street", "zipcode", "phone1") if side.get(name))


def _plain(text: str) -> str:
    """Without its marks: the fonts that need no file know no Romanian letters."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
