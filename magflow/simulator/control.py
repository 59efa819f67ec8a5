"""The control surface: orders on demand, competitors' prices, faults, the clock. Never part of the API itself."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from magflow.simulator import buying
from magflow.simulator.envelopes import Reply
from magflow.simulator.world import Competitor, Fault, Product, SimAccount, SimOffer, World


def serve(world: World, path: str, body: Any) -> Reply:
    """Do what is asked: `/order {"account": "main", "lines": [[offer, quantity]]}`, `/advance {"seconds": 60}`, ..."""
    action = ACTIONS.get(path)
    if action is None:
        return Reply(404, {"actions": sorted(ACTIONS)})
    try:
        with world.lock:
            world.touched += 1
            return Reply(200, action(world, body or {}))
    except (KeyError, ValueError, TypeError) as error:
        return Reply(400, {"message": f"{type(error).__name__}: {error}"})


def _account(world: World, body: dict[str, Any]) -> SimAccount:
    return next(account for account in world.accounts.values() if account.name == body["account"])


def _order(world: World, body: dict[str, Any]) -> dict[str, Any]:
    account = _account(world, body)
    wanted: list[tuple[SimOffer, int]] = [(account.offers[int(n)], int(q)) for n, q in body["lines"]]
    return {"id": buying.place_order(world, account, wanted, **body.get("changes", {}))["id"]}


def _cancel(world: World, body: dict[str, Any]) -> dict[str, Any]:
    account = _account(world, body)
    buying.cancel_by_marketplace(world, account, account.orders[int(body["order"])])
    return {}


def _ask_to_cancel(world: World, body: dict[str, Any]) -> dict[str, Any]:
    order = _account(world, body).orders[int(body["order"])]
    order["cancellation_request"], order["modified"] = 1, buying.local(world.now)
    return {}


def _return(world: World, body: dict[str, Any]) -> dict[str, Any]:
    account = _account(world, body)
    order = account.orders[int(body["order"])]
    quantities = {int(n): int(q) for n, q in body["quantities"].items()}
    back = buying.open_return(world, account, order, quantities)
    back["request_status"] = int(body.get("status", 2))
    return {"id": back["emag_id"]}


def _documents(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """What was attached to an order, and what came of fetching it."""
    order = _account(world, body).orders[int(body["order"])]
    return {"attachments": order["attachments"], "fetched": order.get("_documents", [])}


def _advance(world: World, body: dict[str, Any]) -> dict[str, Any]:
    world.advance(float(body["seconds"]), float(body.get("step", 3600)))
    return {"now": world.now.isoformat()}


def _competitor(world: World, body: dict[str, Any]) -> dict[str, Any]:
    product = world.products[body["pnk"]]
    rival = next((rival for rival in product.competitors if rival.name == body["name"]), None)
    if rival is None:
        rival = Competitor(body["name"], Decimal(1), 0)
        product.competitors.append(rival)
    rival.price, rival.stock = Decimal(str(body.get("price", rival.price))), int(body.get("stock", rival.stock))
    return {}


def _inbound(world: World, body: dict[str, Any]) -> dict[str, Any]:
    offer = _account(world, body).offers[int(body["offer"])]
    offer.stock += int(body["quantity"])
    return {"stock": offer.stock}


def _offers(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """`{"account": "main", "offers": [{"sku", "name", "ean", "price", "stock", "pnk"}]}`: the seller lists more."""
    account, made = _account(world, body), []
    for entry in body["offers"]:
        price, number = Decimal(str(entry["price"])), world.number("offer")
        pnk = entry.get("pnk") or world.new_pnk()
        world.products.setdefault(pnk, Product(pnk, entry["name"], "Demo", entry.get("ean", ""), restless=False))
        account.offers[number] = SimOffer(
            number, entry["name"], "Demo", entry["sku"], pnk, [entry["ean"]] if entry.get("ean") else [], price,
            price / 2, price * 2, int(entry.get("stock", 0)),
        )  # fmt: skip
        made.append({"id": number, "pnk": pnk})
    return {"offers": made}


def _approve(world: World, body: dict[str, Any]) -> dict[str, Any]:
    account = _account(world, body)
    world.approve(account, account.offers[int(body["offer"])])
    return {}


def _fault(world: World, body: dict[str, Any]) -> dict[str, Any]:
    world.faults.append(Fault(**body))
    return {}


def _outage(world: World, body: dict[str, Any]) -> dict[str, Any]:
    world.outage_until = world.now + timedelta(seconds=float(body["seconds"]))
    return {}


def _settings(world: World, body: dict[str, Any]) -> dict[str, Any]:
    for name in ("latency", "limits", "noise"):
        if name in body:
            setattr(world, name, body[name])
    return {}


def _account_settings(world: World, body: dict[str, Any]) -> dict[str, Any]:
    account = _account(world, body)
    if "allowed" in body:
        account.allowed = None if body["allowed"] is None else set(body["allowed"])
    for name in ("rights", "password", "callbacks", "refuses_stock"):
        if name in body:
            setattr(account, name, body[name])
    return {}


def _requests(world: World, _body: dict[str, Any]) -> dict[str, Any]:
    return {"requests": world.log}


def _state(world: World, _body: dict[str, Any]) -> dict[str, Any]:
    return {
        "now": world.now.isoformat(),
        "accounts": {
            account.name: {
                "offers": {number: offer.stock for number, offer in account.offers.items()},
                "orders": {number: order["status"] for number, order in account.orders.items()},
            }
            for account in world.accounts.values()
        },
    }


ACTIONS: Final[dict[str, Callable[[World, dict[str, Any]], dict[str, Any]]]] = {
    "order": _order,
    "cancel": _cancel,
    "ask-to-cancel": _ask_to_cancel,
    "return": _return,
    "documents": _documents,
    "advance": _advance,
    "competitor": _competitor,
    "inbound": _inbound,
    "offers": _offers,
    "approve": _approve,
    "fault": _fault,
    "outage": _outage,
    "settings": _settings,
    "account": _account_settings,
    "requests": _requests,
    "state": _state,
}
