"""One eMAG account on the wire: envelopes, pages, batches; orders as they come and go whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from magflow.domain.marketplaces import vat_fraction
from magflow.marketplaces.emag.envelope import Envelope, opened, per_item
from magflow.marketplaces.emag.hosts import HOSTS
from magflow.marketplaces.emag.readings import zone_of
from magflow.marketplaces.errors import NotThere, RefusedByMarketplace
from magflow.marketplaces.protocol import Connection, Outcome, RouteClass
from magflow.marketplaces.transport import Transport
from magflow.marketplaces.wire import decimal, integer, listed, mapping, words

PAGE: Final = 100
BATCH: Final = 50
MOST_PAGES: Final = 65_535
END_OF_LIFE: Final = ("end of life", "not found")


class EmagAccount:
    """What every group of eMAG's resources goes through."""

    def __init__(self, connection: Connection) -> None:
        host = HOSTS.get(connection.country, HOSTS["ro"])
        self.connection = replace(connection, timezone=host.timezone)
        self._wire = Transport(connection, (connection.base_url or host.base_url).rstrip("/"))
        self._vat_rates: dict[int, Decimal] | None = None

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

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

    def _whole_order(self, external_id: str) -> dict[str, Any]:
        raw = self._raw_order(external_id, 3)
        if raw is None:
            raise NotThere(f"order {external_id} is not there", status=404)
        return raw

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


def _refused(said: str) -> Outcome:
    return Outcome(False, said, gone=any(text in said.lower() for text in END_OF_LIFE))
