"""eMAG's routes over the world: what each reads and writes, inside the envelope."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from magflow.simulator import buying, families, pings, saving, shipping
from magflow.simulator.envelopes import Reply, envelope
from magflow.simulator.world import SELLER, SimAccount, World

PAGE: Final = 100
MOST_ELEMENTS: Final = 4000
MOST_ENTITIES: Final = 50
LONGEST_SPAN: Final = timedelta(days=31)


Route = Callable[[World, SimAccount, Any, Mapping[str, list[str]], str], Reply]


def serve(
    world: World, account: SimAccount, method: str, path: str, body: Any, query: Mapping[str, list[str]]
) -> Reply:
    """Answer a call that was let in."""
    if leaves(body) > MOST_ELEMENTS:
        return envelope(None, f"Maximum input vars of {MOST_ELEMENTS} exceeded", error=True)
    for pattern, wanted, route in ROUTES:
        if (found := re.fullmatch(pattern, path)) and method == wanted:
            return route(world, account, body, query, found[1] if found.groups() else "")
    return Reply(404, {"message": "Invalid URL"})


def leaves(value: Any) -> int:
    """How many elements a body has."""
    if isinstance(value, Mapping):
        return sum(map(leaves, value.values()))
    if isinstance(value, list):
        return sum(map(leaves, value))
    return 1


def _items(body: Any) -> list[dict[str, Any]]:
    """A bulk body: a list, `{"data": [...]}`, or one object alone."""
    if isinstance(body, Mapping) and "data" in body:
        body = body["data"]
    found = body if isinstance(body, list) else [body]
    return [dict(item) for item in found if isinstance(item, Mapping)]


def _page(rows: list[Any], body: Any) -> list[Any]:
    asked = body if isinstance(body, Mapping) else {}
    size = min(PAGE, max(1, int(asked.get("itemsPerPage") or PAGE)))
    start = (max(1, int(asked.get("currentPage") or 1)) - 1) * size
    return rows[start : start + size]


def _counted(world: World, rows: list[Any]) -> Reply:
    figures = {"noOfItems": len(rows), "noOfPages": -(-len(rows) // PAGE), "itemsPerPage": PAGE}
    return envelope({name: str(value) for name, value in figures.items()} if world.noise else figures)


# --- catalogue -------------------------------------------------------------------------------------------------------


def vat_read(world: World, *_rest: Any) -> Reply:
    rows = [
        {"vat_id": number, "vat_rate": float(rate * 100 if world.noise else rate), "is_default": number == 1}
        for number, rate in buying.VAT.items()
    ]
    return envelope(rows)


def handling_read(_world: World, *_rest: Any) -> Reply:
    return envelope([{"id": days} for days in (0, 1, 2, 3, 6, 9, 30, 60, 90)])


def find_by_eans(world: World, account: SimAccount, _body: Any, query: Mapping[str, list[str]], _part: str) -> Reply:
    eans = query.get("eans[]", [])
    held = {offer.pnk for offer in account.offers.values()}
    found: dict[str, Any] = {}
    for ean in eans[:100]:
        found[ean] = {
            "products": [
                {"ean": ean, "part_number_key": product.pnk, "product_name": product.name,
                 "brand_name": product.brand, "doc_category_id": product.category, "allowed_to_add_offer": True,
                 "vendor_has_offer": product.pnk in held, "hotness": "COLD"}
                for product in world.products.values() if product.ean == ean
            ]
        }  # fmt: skip
    return envelope(found, *(["Only the first 100 EANs were processed"] if len(eans) > 100 else []))


# --- offers ----------------------------------------------------------------------------------------------------------


def _offers(account: SimAccount, body: Any) -> list[Any]:
    asked = body if isinstance(body, Mapping) else {}
    rows = []
    for offer in account.offers.values():
        checks = {
            "id": offer.id,
            "status": offer.status,
            "part_number": offer.part_number,
            "part_number_key": offer.pnk,
        }
        if all(str(asked[name]) == str(value) for name, value in checks.items() if asked.get(name) is not None):
            rows.append(offer)
    return rows


def offers_read(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    return envelope([saving.offer_json(world, offer) for offer in _page(_offers(account, body), body)])


def offers_count(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    return _counted(world, _offers(account, body))


def offers_save_light(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    items = _items(body)
    if len(items) > MOST_ENTITIES:
        return envelope(None, f"Maximum {MOST_ENTITIES} entities", error=True)
    results = {}
    for item in items:
        worked, said = saving.light(world, account, item)
        said_as: Any = [{"message": said}] if world.noise else [said]
        results[str(item.get("id"))] = {"isError": not worked, "messages": said_as}
    return envelope(results)


def products_save(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    items = _items(body)
    if len(items) > MOST_ENTITIES:
        return envelope(None, f"Maximum {MOST_ENTITIES} entities", error=True)
    said = saving.full(world, account, items)
    return envelope(None, *said, error=any(not text.startswith("WARNING") for text in said))


def stock_patch(_world: World, account: SimAccount, body: Any, _query: Any, part: str) -> Reply:
    offer = account.offers.get(int(part))
    if offer is None:
        return Reply(404, {"message": "This offer does not exist"})
    value = body.get("stock") if isinstance(body, Mapping) else body
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65_535:
        return Reply(400, {"message": "Invalid content"})
    if offer.campaign:
        said = f"The offer is included in the active campaign {offer.campaign}, thus the stock has NOT been changed."
        return Reply(
            400, {"message": "Validation errors in your request", "errors": [{"message": said, "field": "stock"}]}
        )
    if account.kind == SELLER:
        offer.stock = value
    return Reply(204, None)


# --- orders ----------------------------------------------------------------------------------------------------------


def _told(world: World, order: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in order.items() if not name.startswith("_")}
    return told if not world.noise else told | {"id": str(order["id"]), "late_shipment": 0}


def _orders(account: SimAccount, body: Any) -> list[dict[str, Any]] | str:
    asked = body if isinstance(body, Mapping) else {}
    for name in ("created", "modified"):
        after, before = asked.get(f"{name}After"), asked.get(f"{name}Before")
        if before and not after:
            return f"[simulator] {name}Before needs {name}After"
        start, end = (buying.parsed(str(text)) if text else None for text in (after, before))
        if start and end and end - start > LONGEST_SPAN:
            return "[simulator] the span is longer than a month"
    kind, wanted = int(asked.get("type") or 3), asked.get("status")
    statuses = wanted if isinstance(wanted, list) else [wanted]
    return [
        order
        for order in account.orders.values()
        if order["type"] == kind
        and (asked.get("id") is None or order["id"] == int(asked["id"]))
        and (wanted is None or str(order["status"]) in map(str, statuses))
        and buying.within(order, asked.get("createdAfter"), asked.get("createdBefore"), "created")
        and buying.within(order, asked.get("modifiedAfter"), asked.get("modifiedBefore"), "modified")
    ]


def orders_read(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    rows = _orders(account, body)
    if isinstance(rows, str):
        return envelope(None, rows, error=True)
    return envelope([_told(world, order) for order in _page(rows, body)])


def orders_count(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    rows = _orders(account, body)
    return envelope(None, rows, error=True) if isinstance(rows, str) else _counted(world, rows)


def acknowledge(world: World, account: SimAccount, _body: Any, _query: Any, part: str) -> Reply:
    order = account.orders.get(int(part))
    if order is None or order["type"] != SELLER:
        return envelope(None, f"Order {part} was not found", error=True)
    if order["status"] != 1:
        return envelope(None, "ERROR: Order is already in progress.", error=True, status=400)
    order["status"], order["_moved"], order["modified"] = 2, world.now, buying.local(world.now)
    return envelope()


def orders_save(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    for item in _items(body):
        order = account.orders.get(int(item.get("id") or 0))
        if order is None or order["type"] != SELLER:
            return envelope(None, f"Order {item.get('id')} was not found", error=True)
        if order["status"] == 1:
            return envelope(None, "The order must be acknowledged first", error=True)
        fault = buying.storno(order, item, world) if item.get("is_storno") else _edit(world, account, order, item)
        if fault:
            return envelope(None, fault, error=True)
    return envelope()


def _edit(world: World, account: SimAccount, order: dict[str, Any], item: dict[str, Any]) -> str | None:
    given = {int(line.get("id") or 0): line for line in item.get("products") or []}
    for line in list(order["products"]):
        new = given.get(line["id"])
        less = new is None or new.get("status") == 0 or int(new.get("quantity") or line["quantity"]) < line["quantity"]
        if less and order["status"] not in {2, 3}:
            return "The products of this order cannot be changed"
        if less and order["payment_mode_id"] == 3:
            return "Quantities of an order paid by card cannot be reduced"
        if new is None:
            order["products"].remove(line)  # a line that is left out is removed
        elif less:
            line["quantity"] = int(new.get("quantity", line["quantity"])) if new else line["quantity"]
    reason = item.get("reason_cancellation")
    if int(item.get("status", order["status"])) == 0 and order["status"] != 0:
        if not isinstance(reason, int):
            return "reason_cancellation is required"
        order["reason_cancellation"] = {"id": reason, "name": "Seller"}
    return buying.move(world, account, order, int(item.get("status", order["status"])))


def attachments_save(world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    for item in _items(body):
        order = account.orders.get(int(item.get("order_id") or 0))
        if order is None or item.get("order_type") not in {2, 3}:
            return envelope(None, "Order not found, or order_type is missing", error=True)
        name, url = str(item.get("name") or ""), str(item.get("url") or "")
        if not 1 <= len(name) <= 60 or not 1 <= len(url) <= 1024:
            return envelope(None, "[simulator] name and url are required", error=True)
        order["attachments"].append({"name": name, "url": url, "type": item.get("type", 1)})
        order["modified"] = buying.local(world.now)
        pings.fetch(url, order.setdefault("_documents", []))
    return envelope()


# --- returns ---------------------------------------------------------------------------------------------------------


def returns_read(_world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    asked = body if isinstance(body, Mapping) else {}
    rows = [
        back for back in account.returns.values()
        if (asked.get("request_status") is None or back["request_status"] == int(asked["request_status"]))
        and (asked.get("type") is None or back["type"] == int(asked["type"]))
        and (asked.get("emag_id") is None or back["emag_id"] == int(asked["emag_id"]))
    ]  # fmt: skip
    return envelope(_page(rows, body))


def returns_save(_world: World, account: SimAccount, body: Any, _query: Any, _part: str) -> Reply:
    for item in _items(body):
        back = account.returns.get(int(item.get("emag_id") or 0))
        if back is None or not item.get("customer_name"):
            return envelope(
                None, f"ERROR: please provide the customer name - Rma id: {item.get('emag_id')}", error=True
            )
        status = int(item.get("request_status") or 0)
        if status != back["request_status"] and (back["request_status"], status) not in buying.RETURN_MOVES:
            return envelope(None, "ERROR: invalid status transition", error=True)
        back["request_status"] = status
    return envelope()


ROUTES: Final[tuple[tuple[str, str, Route], ...]] = (
    ("vat/read", "POST", vat_read),
    ("handling_time/read", "POST", handling_read),
    ("documentation/find_by_eans", "GET", find_by_eans),
    ("product_offer/read", "POST", offers_read),
    ("product_offer/count", "POST", offers_count),
    ("product_offer/save", "POST", products_save),
    ("offer/save", "POST", offers_save_light),
    (r"offer_stock/(\d{1,18})", "PATCH", stock_patch),
    ("order/read", "POST", orders_read),
    ("order/count", "POST", orders_count),
    ("order/save", "POST", orders_save),
    (r"order/acknowledge/(\d{1,18})", "POST", acknowledge),
    ("order/attachments/save", "POST", attachments_save),
    ("category/read", "POST", families.category_read),
    ("addresses/read", "POST", shipping.addresses_read),
    ("awb/save", "POST", shipping.awb_save),
    ("awb/read", "POST", shipping.awb_read),
    ("awb/read_pdf", "GET", shipping.awb_pdf),
    ("rma/read", "POST", returns_read),
    ("rma/save", "POST", returns_save),
)
