"""One eMAG account, opened: what MagFlow's flows need, typed, in batches and pages as eMAG takes them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from magflow.domain.marketplaces import MARKETPLACE, SAVED_PLACES, vat_fraction
from magflow.marketplaces.emag.envelope import Envelope, opened, per_item
from magflow.marketplaces.emag.hosts import HOSTS
from magflow.marketplaces.emag.readings import offer_reading, order_reading, return_reading, zone_of
from magflow.marketplaces.errors import BadAnswer, NotThere, RefusedByMarketplace
from magflow.marketplaces.protocol import (
    Checked,
    Connection,
    OfferReading,
    OrderReading,
    Outcome,
    ReturnReading,
    RouteClass,
    StockWrite,
    Unreadable,
)
from magflow.marketplaces.transport import Transport
from magflow.marketplaces.wire import decimal, integer, listed, mapping, words

PAGE: Final = 100
BATCH: Final = 50
MOST_PAGES: Final = 65_535
LONGEST_SPAN: Final = timedelta(days=28)
"""A window of orders may not span more than a month."""
NO_TIME: Final = timedelta(0)
MARGIN: Final = timedelta(hours=1)
TAKEN_ALREADY: Final = ("already in progress", "already been acknowledged")
END_OF_LIFE: Final = ("end of life", "not found")
OPEN_RETURNS: Final = (2, 3, 6, 7)


class EmagMarketplace:
    """eMAG's Marketplace API for one seller account."""

    def __init__(self, connection: Connection) -> None:
        host = HOSTS.get(connection.country, HOSTS["ro"])
        self.connection = replace(connection, timezone=host.timezone)
        self._wire = Transport(connection, (connection.base_url or host.base_url).rstrip("/"))
        self._vat_rates: dict[int, Decimal] | None = None

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    # --- asking ------------------------------------------------------------------------------------------------------

    def check(self) -> Checked:
        """A cheap read, and how many offers there are."""
        began = time.monotonic()
        self._post("vat/read", repeatable=True)
        found = self._post("product_offer/count", {}, repeatable=True).results
        return Checked(integer(mapping(found).get("noOfItems")), round((time.monotonic() - began) * 1000))

    def vat_rates(self) -> dict[int, Decimal]:
        """VAT ids of the platform with their rates as fractions."""
        if self._vat_rates is None:
            rates = {}
            for row in map(mapping, listed(self._post("vat/read", repeatable=True).results)):
                number, rate = integer(row.get("vat_id")), decimal(row.get("vat_rate"))
                if number is not None and rate is not None:
                    rates[number] = vat_fraction(rate)
            self._vat_rates = rates
        return self._vat_rates

    def handling_times(self) -> list[int]:
        """The handling times that an offer may name, in days."""
        rows = listed(self._post("handling_time/read", repeatable=True).results)
        return [days for row in rows if (days := integer(mapping(row).get("id"))) is not None]

    def count_orders(self, status: int, kind: int) -> int:
        """How many orders stand in a status."""
        found = self._post("order/count", {"status": status, "type": kind}, route_class="orders", repeatable=True)
        return integer(mapping(found.results).get("noOfItems")) or 0

    def find_by_eans(self, eans: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Catalogue products per EAN, at most 100 of them."""
        answer = self._wire.call(
            "GET", "documentation/find_by_eans", query={"eans[]": list(eans[:100])}, route_class="eans", repeatable=True
        )
        results = mapping(opened(answer, "documentation/find_by_eans").results)
        return {ean: [mapping(row) for row in listed(mapping(found).get("products"))] for ean, found in results.items()}

    # --- offers ------------------------------------------------------------------------------------------------------

    def offers(self) -> Iterator[list[OfferReading]]:
        """Every offer, page by page. An offer that cannot be read does not stop the others."""
        rates = self.vat_rates()
        for page in self._pages("product_offer/read", {}):
            yield _readable(page, rates)

    def offer(self, external_id: str) -> OfferReading | None:
        """One offer as it stands now."""
        found = self._post("product_offer/read", {"id": int(external_id), "currentPage": 1, "itemsPerPage": 1},
                           repeatable=True).results  # fmt: skip
        rows = [row for row in listed(found) if str(integer(mapping(row).get("id"))) == external_id]
        return offer_reading(mapping(rows[0]), self.vat_rates()) if rows else None

    def send_stock(self, writes: Sequence[StockWrite], *, urgent: bool = False) -> dict[str, Outcome]:
        """Set absolute stocks, at most 50 at once; each item's own answer. A batch that is refused as a whole is sent
        again one by one, so that one bad item never holds up the rest."""
        body = [
            {"id": int(write.external_id), "stock": [{"warehouse_id": 1, "value": write.stock}]} for write in writes
        ]
        return self._save_offers(body, urgent=urgent)

    def save_price(self, external_id: str, net: Decimal, least: Decimal | None, most: Decimal | None) -> Outcome:
        """Set an offer's net price, with its bounds where they change."""
        item: dict[str, Any] = {"id": int(external_id), "sale_price": _price(net)}
        if least is not None:
            item["min_sale_price"] = _price(least)
        if most is not None:
            item["max_sale_price"] = _price(most)
        return self._save_offers([item], urgent=False)[external_id]

    def _save_offers(self, body: list[dict[str, Any]], *, urgent: bool) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(body), BATCH):
            batch = body[start : start + BATCH]
            try:
                # Absolute figures: the same again is the same.
                found = per_item(self._post("offer/save", batch, repeatable=True, urgent=urgent).results)
            except RefusedByMarketplace as refused:
                if len(batch) == 1:
                    outcomes[str(batch[0]["id"])] = _refused(str(refused))
                    continue
                for item in batch:
                    outcomes |= self._save_offers([item], urgent=urgent)
                continue
            for item in batch:
                worked, said = found.get(str(item["id"]), (None, "the answer does not name this offer"))
                outcomes[str(item["id"])] = (
                    Outcome(True, said) if worked else Outcome(False, said, True) if worked is None else _refused(said)
                )
        return outcomes

    def save_products(self, products: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Create, attach or fully update offers. The answer is not per item, and an error may have been saved: the
        caller reads back. Returns what was said; raises RefusedByMarketplace with the same."""
        return self._post("product_offer/save", list(products)).messages

    # --- orders ------------------------------------------------------------------------------------------------------

    def orders(self, since: datetime, until: datetime) -> Iterator[list[OrderReading | Unreadable]]:
        """New orders first, then all that changed in the window, of both kinds. One may come more than once.

        The window is stretched to their clock, where that goes differently from ours."""
        yield from self._orders({"status": 1, "type": 3})
        since, until = since + min(NO_TIME, self._wire.skew), until + max(NO_TIME, self._wire.skew) + MARGIN
        for kind in (3, 2):
            start = since
            while start < until:
                end = min(until, start + LONGEST_SPAN)
                yield from self._orders({"modifiedAfter": self._local(start), "modifiedBefore": self._local(end),
                                         "type": kind})  # fmt: skip
                start = end

    def order(self, external_id: str) -> OrderReading | None:
        """One order as it stands now, whatever its kind; the kind that the account usually has is asked for first."""
        for kind in (2, 3) if self.connection.fulfilment == MARKETPLACE else (3, 2):
            if (raw := self._raw_order(external_id, kind)) is not None:
                return order_reading(raw, self.connection)
        return None

    def acknowledge(self, external_id: str) -> None:
        """Take an order: new becomes in progress. Taken already is taken."""
        route = f"order/acknowledge/{int(external_id)}"
        try:
            self._post(route, route_class="orders", repeatable=True)
        except RefusedByMarketplace as refused:
            if not any(text in str(refused).lower() for text in TAKEN_ALREADY):
                raise

    def set_order_status(self, external_id: str, status: int, *, reason: int | None = None) -> None:
        """Another status, with the whole order as it was read a moment ago: what is left out would be removed."""
        raw = self._raw_order(external_id, 3)
        if raw is None:
            raise NotThere(f"order {external_id} is not there", status=404)
        if integer(raw.get("status")) == status:
            return
        self._save_order({**raw, "status": status, "reason_cancellation": reason} if reason is not None
                         else {**raw, "status": status})  # fmt: skip

    def storno(self, external_id: str, quantities: Mapping[str, int]) -> None:
        """Take units of a finalized order back; the quantity that stays, per line."""
        raw = self._raw_order(external_id, 3)
        if raw is None:
            raise NotThere(f"order {external_id} is not there", status=404)
        lines = [
            {**line, "quantity": quantities.get(str(line.get("id")), integer(line.get("quantity")))}
            for line in map(dict, map(mapping, listed(raw.get("products"))))
        ]
        self._save_order({**raw, "products": lines, "is_storno": True})

    def attach(self, external_id: str, kind: int, *, name: str, url: str, attachment: int = 1) -> None:
        """Hand over the address of an invoice (1) or another document; one of that name is not attached twice."""
        raw = self._raw_order(external_id, kind)
        if raw is not None and any(mapping(there).get("name") == name for there in listed(raw.get("attachments"))):
            return
        document = {"order_id": int(external_id), "order_type": kind, "name": name[:60], "url": url, "type": attachment}
        self._post("order/attachments/save", [document], route_class="orders")

    def make_waybill(self, waybill: Mapping[str, Any]) -> str:
        """Issue a waybill; the order becomes finalized by that alone. Returns its reservation id."""
        found = mapping(self._post("awb/save", dict(waybill)).results)
        reservation = integer(found.get("reservation_id"))
        if reservation is None:
            raise BadAnswer("a waybill without a reservation id")
        return str(reservation)

    def label(self, emag_id: str, paper: str = "A4") -> bytes:
        """The label of a waybill, as PDF."""
        query = {"emag_id": emag_id, "awb_format": paper}
        answer = self._wire.call("GET", "awb/read_pdf", query=query, repeatable=True)
        if not answer.body.startswith(b"%PDF"):
            opened(answer, "awb/read_pdf")
            raise BadAnswer("the label is no PDF")
        return answer.body

    def returns(self) -> Iterator[list[ReturnReading]]:
        """Returns that are open or were closed lately. There is no filter by change: statuses are asked one by one."""
        for kind in (3, 2):
            for status in OPEN_RETURNS:
                for page in self._pages("rma/read", {"request_status": status, "type": kind}):
                    yield [return_reading(mapping(row)) for row in page]

    # --- the wire ----------------------------------------------------------------------------------------------------

    def _post(
        self,
        route: str,
        body: Any = None,
        *,
        route_class: RouteClass = "others",
        repeatable: bool = False,
        urgent: bool = False,
    ) -> Envelope:
        answer = self._wire.call(
            "POST", route, body=body, route_class=route_class, repeatable=repeatable, urgent=urgent
        )
        return opened(answer, route)

    def _pages(
        self, route: str, filters: Mapping[str, Any], route_class: RouteClass = "others"
    ) -> Iterator[Sequence[Any]]:
        """All pages of a read. Filters stand at the top level: inside `data` they would be ignored."""
        before: Any = None
        for number in range(1, MOST_PAGES):
            body = {**filters, "currentPage": number, "itemsPerPage": PAGE}
            page = listed(self._post(route, body, route_class=route_class, repeatable=True).results)
            # A page that comes again, or is not full, is the last: the API may ignore what it was asked.
            if not page or page == before:
                return
            yield page
            if len(page) < PAGE:
                return
            before = page

    def _orders(self, filters: Mapping[str, Any]) -> Iterator[list[OrderReading | Unreadable]]:
        for page in self._pages("order/read", filters, "orders"):
            yield [self._readable_order(mapping(row)) for row in page]

    def _readable_order(self, row: Mapping[str, Any]) -> OrderReading | Unreadable:
        try:
            return order_reading(row, self.connection)
        except BadAnswer as error:
            return Unreadable(words(row.get("id")) or "?", str(error), row)

    def _raw_order(self, external_id: str, kind: int) -> dict[str, Any] | None:
        body = {"id": int(external_id), "type": kind, "currentPage": 1, "itemsPerPage": 1}
        rows = listed(self._post("order/read", body, route_class="orders", repeatable=True).results)
        found = [row for row in map(mapping, rows) if words(row.get("id")) == external_id]
        return dict(found[0]) if found else None

    def _save_order(self, order: Mapping[str, Any]) -> None:
        cancelled = order.get("reason_cancellation")
        if isinstance(cancelled, Mapping):  # an object when it is read, a number when it is written
            order = {**order, "reason_cancellation": integer(cancelled.get("id"))}
        self._post("order/save", [order], route_class="orders")

    def _local(self, at: datetime) -> str:
        return at.astimezone(ZoneInfo(zone_of(self.connection))).strftime("%Y-%m-%d %H:%M:%S")


def _readable(page: Sequence[Any], rates: Mapping[int, Decimal]) -> list[OfferReading]:
    found = []
    for row in page:
        try:
            found.append(offer_reading(mapping(row), rates))
        except BadAnswer:
            continue
    return found


def _refused(said: str) -> Outcome:
    return Outcome(False, said, gone=any(text in said.lower() for text in END_OF_LIFE))


def _price(amount: Decimal) -> str:
    return str(amount.quantize(SAVED_PLACES))
