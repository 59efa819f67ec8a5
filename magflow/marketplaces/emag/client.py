"""One eMAG account, opened: what MagFlow's flows need, typed, in batches and pages as eMAG takes them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from magflow.domain.marketplaces import MARKETPLACE
from magflow.marketplaces.emag.readings import offer_reading, order_reading, return_reading
from magflow.marketplaces.emag.shopkeeping import Shopkeeping
from magflow.marketplaces.errors import BadAnswer, RefusedByMarketplace
from magflow.marketplaces.protocol import (
    Checked,
    OfferReading,
    OrderReading,
    Outcome,
    ReturnReading,
    StockWrite,
    Unreadable,
)
from magflow.marketplaces.wire import integer, listed, mapping, words

LONGEST_SPAN: Final = timedelta(days=28)
"""A window of orders may not span more than a month."""
NO_TIME: Final = timedelta(0)
MARGIN: Final = timedelta(hours=1)
TAKEN_ALREADY: Final = ("already in progress", "already been acknowledged")
OPEN_RETURNS: Final = (2, 3, 6, 7)


class EmagMarketplace(Shopkeeping):
    """eMAG's Marketplace API for one seller account: what runs by itself. The rest is in `shopkeeping`."""

    # --- asking ------------------------------------------------------------------------------------------------------

    def check(self) -> Checked:
        """A cheap read, and how many offers there are."""
        began = time.monotonic()
        self._post("vat/read", repeatable=True)
        found = self._post("product_offer/count", {}, repeatable=True).results
        return Checked(integer(mapping(found).get("noOfItems")), round((time.monotonic() - began) * 1000))

    def handling_times(self) -> list[int]:
        """The handling times that an offer may name, in days."""
        rows = listed(self._post("handling_time/read", repeatable=True).results)
        return [days for row in rows if (days := integer(mapping(row).get("id"))) is not None]

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
        raw = self._whole_order(external_id)
        if integer(raw.get("status")) == status:
            return
        self._save_order({**raw, "status": status, "reason_cancellation": reason} if reason is not None
                         else {**raw, "status": status})  # fmt: skip

    def returns(self) -> Iterator[list[ReturnReading]]:
        """Returns that are open or were closed lately. There is no filter by change: statuses are asked one by one."""
        for kind in (3, 2):
            for status in OPEN_RETURNS:
                for page in self._pages("rma/read", {"request_status": status, "type": kind}):
                    yield [return_reading(mapping(row)) for row in page]

    def _orders(self, filters: Mapping[str, Any]) -> Iterator[list[OrderReading | Unreadable]]:
        for page in self._pages("order/read", filters, "orders"):
            yield [self._readable_order(mapping(row)) for row in page]

    def _readable_order(self, row: Mapping[str, Any]) -> OrderReading | Unreadable:
        try:
            return order_reading(row, self.connection)
        except BadAnswer as error:
            return Unreadable(words(row.get("id")) or "?", str(error), row)


def _readable(page: Sequence[Any], rates: Mapping[int, Decimal]) -> list[OfferReading]:
    found = []
    for row in page:
        try:
            found.append(offer_reading(mapping(row), rates))
        except BadAnswer:
            continue
    return found
