"""Records of a file of offers: what a marketplace account shows, as somebody has exported it from there."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from magflow.domain.border import Unfit
from magflow.domain.imports import cells
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.faults import CellFault, Refusal, RowFault, broken
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import NOTHING, STAGE_COLUMNS, Prepared, flag
from magflow.domain.imports.staging import field as written
from magflow.domain.imports.variants import PLACE

STATUSES: Final = {"active": 1, "1": 1, "inactive": 0, "0": 0, "end of life": 2, "2": 2}
PNK: Final = re.compile(r"[A-Za-z0-9]{3,20}")
DAY_FIRST: Final = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
)


class OfferReader:
    """Reads records in file order; `prepared` and `refused` are what they came to."""

    def __init__(self, layout: Layout, signs: Mapping[str, Sign | None], import_id: int) -> None:
        self.prepared = Prepared()
        self.refused: list[Refusal] = []
        self._layout = layout
        self._import_id = import_id
        self._converts: dict[str, Callable[[str], Any]] = {
            "sku": cells.sku,
            "external_id": cells.text,
            "part_number_key": _part_number_key,
            "ean": cells.ean,
            # Without VAT: marketplaces give four decimals.
            "price": lambda cell: str(cells.number(cell, signs.get("price"), most=Decimal(10) ** 9, places=4)),
            "stock": cells.whole,
            "number_of_offers": cells.whole,
            "buy_button_rank": lambda cell: cells.whole(cell, least=1),
            "offer_status": _status,
            "last_synced_at": moment,
        }

    def read(self, record: Record) -> None:
        """Take a record, or note why not."""
        try:
            if record.fault is not None:
                raise broken(record.fault, record.cells, self._layout.width)
            self._take(record)
        except RowFault as fault:
            self.refused.append(Refusal(record.number, record.line, tuple(fault.faults)))

    def _take(self, record: Record) -> None:
        faults: list[CellFault] = []
        said: dict[str, Any] = {}
        for name, place in self._layout.columns.items():
            cell = record.cells[place]
            if not cell.strip():
                continue
            try:
                said[name] = self._converts[name](cell)
            except Unfit as unfit:
                faults.append(CellFault(self._layout.headers[place], unfit.code, unfit.params, cell))
        if not faults and not said.keys() & {"external_id", "sku", "ean", "part_number_key"}:
            faults.append(CellFault(self._layout.header_of("external_id"), "required", {}))
        if faults:
            raise RowFault(faults)
        out = [NOTHING] * len(STAGE_COLUMNS)
        out[PLACE["part"]] = out[PLACE["run_of"]] = out[PLACE["number"]] = str(record.number)
        out[PLACE["line"]], out[PLACE["is_variant"]] = str(record.line), flag(True)
        out[PLACE["makes_product"]] = flag(False)
        for name in ("sku", "external_id", "ean", "stock"):
            if name in said:
                out[PLACE[name]] = written(str(said.pop(name)))
        out[PLACE["extra"]] = written(json.dumps(said))
        self.prepared.add(self.prepared.rows, self._import_id, out)


def _part_number_key(cell: str) -> str:
    key = cells.text(cell)
    if not PNK.fullmatch(key):
        raise Unfit("not_a_product_key")
    return key.upper()


def _status(cell: str) -> int:
    word = cell.strip().lower()
    if word not in STATUSES:
        raise Unfit("not_one_of", choices=", ".join(STATUSES))
    return STATUSES[word]


def moment(cell: str) -> str:
    """A date or a time as ISO 8601; without a zone it is UTC. `05.03.2026` is the fifth of March."""
    text = cell.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _day_first(text)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not 2000 <= found.year <= 2100:
        raise Unfit("not_a_date_or_time")
    return found.astimezone(UTC).isoformat()


def _day_first(text: str) -> datetime:
    for form in DAY_FIRST:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Unfit("not_a_date_or_time")
