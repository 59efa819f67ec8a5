"""A WooCommerce shop as a marketplace of MagFlow: stock out and orders in over its REST API, version 3.

User and password of the account are the shop's consumer key and consumer secret; its address is
`https://shop.example/wp-json/wc/v3`. An offer's id is `product` or `product:variation`. Prices are read as the shop has
them and not written; what a line cost comes from the order. `simulator` is a shop to try it against.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from magflow.domain.marketplaces import ACTIVE_OFFER, CANCELLED, FINALIZED, INACTIVE_OFFER
from magflow.marketplaces import hooks
from magflow.marketplaces.errors import BadAnswer, NoRights, NotThere, RefusedByMarketplace, WrongPassword
from magflow.marketplaces.protocol import (
    Adapter,
    Checked,
    Connection,
    OfferReading,
    OrderReading,
    Outcome,
    ReturnReading,
    StockWrite,
    Unreadable,
)
from magflow.marketplaces.transport import Transport
from magflow.marketplaces.wire import decimal, integer, listed, mapping, moment, words

PAGE: Final = 100
BATCH: Final = 50
NO_TIME, MARGIN = timedelta(0), timedelta(hours=1)
GONE: Final = frozenset({"woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id"})
STATUSES: Final = {CANCELLED: "cancelled", FINALIZED: "completed"}


class WooShop:
    """One shop, opened."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._wire = Transport(connection, (connection.base_url or "").rstrip("/"))

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def check(self) -> Checked:
        """One product, to see whether we may."""
        began = time.monotonic()
        answer = self._wire.call("GET", "products", query={"per_page": 1}, repeatable=True)
        _read(answer)
        counted = next((value for name, value in answer.headers.items() if name.lower() == "x-wp-total"), None)
        return Checked(integer(counted), round((time.monotonic() - began) * 1000))

    def offers(self) -> Iterator[list[OfferReading]]:
        """Products and their variations."""
        for page in self._pages("products", {}):
            found = []
            for row in map(mapping, page):
                if row.get("type") != "variable":
                    found.append(self._offer(row, None))
                    continue
                product = integer(row.get("id"))
                for part in self._pages(f"products/{product}/variations", {}):
                    found += [self._offer(mapping(variation), product) for variation in part]
            yield found

    def offer(self, external_id: str) -> OfferReading | None:
        """One of them as it stands now."""
        product, _, variation = external_id.partition(":")
        route = f"products/{product}/variations/{variation}" if variation else f"products/{product}"
        try:
            return self._offer(mapping(self._get(route, {})), int(product) if variation else None)
        except NotThere:
            return None

    def _offer(self, row: Mapping[str, Any], product: int | None) -> OfferReading:
        number = integer(row.get("id"))
        if number is None:
            raise BadAnswer("a product without an id")
        return OfferReading(
            f"{product}:{number}" if product else str(number),
            sku=words(row.get("sku")),
            name=words(row.get("name")),
            sale_price=decimal(row.get("price")),
            stock=max(0, integer(row.get("stock_quantity")) or 0),
            status=ACTIVE_OFFER if row.get("status", "publish") == "publish" else INACTIVE_OFFER,
        )

    def send_stock(self, writes: Sequence[StockWrite], *, urgent: bool = False) -> dict[str, Outcome]:
        """Absolute stocks, a batch for each product that has variations and one for all that have none."""
        groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for write in writes:
            product, _, variation = write.external_id.partition(":")
            route = f"products/{product}/variations/batch" if variation else "products/batch"
            item = {"id": int(variation or product), "manage_stock": True, "stock_quantity": write.stock}
            groups.setdefault(route, []).append((write.external_id, item))
        outcomes: dict[str, Outcome] = {}
        for route, items in groups.items():
            for start in range(0, len(items), BATCH):
                outcomes |= self._send(route, items[start : start + BATCH], urgent)
        return outcomes

    def _send(self, route: str, items: list[tuple[str, dict[str, Any]]], urgent: bool) -> dict[str, Outcome]:
        """One batch; where it is refused as a whole, one by one, so that one bad item never holds up the rest."""
        body = {"update": [item for _, item in items]}
        try:
            answer = _read(self._wire.call("POST", route, body=body, repeatable=True, urgent=urgent))
        except (RefusedByMarketplace, NotThere) as refused:
            if len(items) == 1:
                return {items[0][0]: Outcome(False, str(refused), gone=isinstance(refused, NotThere))}
            return {key: found for item in items for key, found in self._send(route, [item], urgent).items()}
        told = {integer(row.get("id")): row for row in map(mapping, listed(mapping(answer).get("update")))}
        return {external_id: _outcome(told.get(item["id"])) for external_id, item in items}

    def orders(self, since: datetime, until: datetime) -> Iterator[list[OrderReading | Unreadable]]:
        """What changed in the window, stretched to the shop's clock, which knows whole seconds only."""
        since, until = since + min(NO_TIME, self._wire.skew), until + max(NO_TIME, self._wire.skew) + MARGIN
        window = {"modified_after": _utc(since), "modified_before": _utc(until), "dates_are_gmt": "true"}
        for page in self._pages("orders", window):
            yield [self._order(mapping(row)) for row in page]

    def order(self, external_id: str) -> OrderReading | None:
        """One order as it stands now."""
        try:
            found = self._order(mapping(self._get(f"orders/{int(external_id)}", {})))
        except NotThere:
            return None
        return found if isinstance(found, OrderReading) else None

    def _order(self, row: Mapping[str, Any]) -> OrderReading | Unreadable:
        changed = moment(row.get("date_modified_gmt"), "UTC") or datetime.now(UTC)
        version = changed.strftime("%Y-%m-%dT%H:%M:%S.%f")
        body = json.dumps(row, default=str).encode()
        try:
            return hooks.order_of("woocommerce", "order.updated", body, version, self.connection.currency)
        except (BadAnswer, hooks.NotAWebhook) as error:
            return Unreadable(words(row.get("id")) or "?", str(error), row)

    def acknowledge(self, external_id: str) -> None:
        """A shop's orders are not taken: they are ours from the start."""

    def set_order_status(self, external_id: str, status: int, *, reason: int | None = None) -> None:  # noqa: ARG002
        """Cancelled or completed."""
        if status in STATUSES:
            _read(self._wire.call("PUT", f"orders/{int(external_id)}", body={"status": STATUSES[status]}))

    def returns(self) -> Iterator[list[ReturnReading]]:
        """Refunds come as the status of their order."""
        yield from ()

    def _get(self, route: str, query: Mapping[str, Any]) -> Any:
        return _read(self._wire.call("GET", route, query=query, repeatable=True))

    def _pages(self, route: str, query: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
        number = 1
        while page := listed(self._get(route, {**query, "per_page": PAGE, "page": number})):
            yield page
            if len(page) < PAGE:
                return
            number += 1


def _outcome(row: Mapping[str, Any] | None) -> Outcome:
    if row is None:
        return Outcome(False, "the answer does not name this product", uncertain=True)
    error = mapping(row.get("error"))
    gone = words(error.get("code")) in GONE
    return Outcome(not error, words(error.get("message")) or "", gone=gone)


def _read(answer: Any) -> Any:
    body = answer.json()
    said = words(mapping(body).get("message")) or f"HTTP {answer.status}"
    if answer.status == 401:
        raise WrongPassword(said)
    if answer.status == 403:
        raise NoRights(said)
    if answer.status == 404:
        raise NotThere(said, status=404)
    if answer.status >= 400:
        raise RefusedByMarketplace(said, status=answer.status)
    if body is None:
        raise BadAnswer("the shop answered without JSON")
    return body


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


adapter = Adapter("woocommerce", "WooCommerce", open=WooShop, signature="woocommerce", batch=BATCH)
