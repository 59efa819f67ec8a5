"""Records of a file of orders: a row a line. What is said of the order stands on its first row, or on each of them.

An order is taken whole or not at all. So a row that cannot be read is staged too, turned down: the other rows of its
order will be refused with it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from magflow.domain import border
from magflow.domain.border import Unfit
from magflow.domain.imports import cells
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.faults import CellFault, Refusal, RowFault, broken
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.offers import moment
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import NOTHING, STAGE_COLUMNS, Prepared, flag
from magflow.domain.imports.staging import field as written
from magflow.domain.imports.variants import PLACE
from magflow.domain.options import name_key

MOST_UNITS: Final = 1_000_000

STATUSES: Final = ("pending", "confirmed", "cancelled", "returned")
STATUS_WORDS: Final[Mapping[str, str]] = {
    word: status
    for status, words in {
        "pending": "pending,new,processing,on-hold,on hold,open,noua,nou,in asteptare,in lucru,in attesa,nuovo",
        "confirmed": "confirmed,completed,complete,paid,fulfilled,shipped,delivered,finalized,finalizata,finalizat,"
        "confirmata,confirmat,livrata,livrat,expediata,expediat,confermato,completato,spedito,consegnato",
        "cancelled": "cancelled,canceled,anulata,anulat,annullato",
        "returned": "returned,refunded,returnata,returnat,reso,rimborsato",
    }.items()
    for word in words.split(",")
}
"""What shops and marketplaces call the four, as names are compared."""

OF_THE_ORDER: Final = ("number", "external_id", "status", "placed_at", "customer_name", "customer_email",
                       "customer_phone", "currency", "note")  # fmt: skip
"""Said once, or on every row the same."""


class OrderReader:
    """Reads records in file order; `prepared` and `refused` are what they came to."""

    def __init__(self, layout: Layout, signs: Mapping[str, Sign | None], import_id: int) -> None:
        self.prepared = Prepared()
        self.refused: list[Refusal] = []
        self._layout = layout
        self._import_id = import_id
        self._run = 0
        self._number = self._external_id = self._key = ""
        self._unplaced: list[Record] = []
        """Broken rows that may belong to the order before them, and to the one behind them."""
        self._converts: dict[str, Callable[[str], str]] = {
            "number": cells.text,
            "external_id": cells.text,
            "status": _status,
            "placed_at": moment,
            "customer_name": cells.text,
            "customer_email": _email,
            "customer_phone": lambda cell: cells.text(cell, 40),
            "currency": _currency,
            "note": cells.long_text,
            "sku": cells.sku,
            "name": cells.text,
            "quantity": _quantity,
            "price": lambda cell: str(cells.number(cell, signs.get("price"))),
            "vat_rate": lambda cell: str(cells.percent(cell, signs.get("vat_rate"))),
        }

    def read(self, record: Record) -> None:
        """Take a record, or note why not."""
        try:
            if record.fault is not None:
                raise broken(record.fault, record.cells, self._layout.width)
            self._take(record)
        except RowFault as fault:
            self.refused.append(Refusal(record.number, record.line, tuple(fault.faults)))
            self._turn_down(record)

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
        if not faults:
            faults = self._missing(said)
        if faults:
            raise RowFault(faults)
        self._enter(said.get("number", ""), said.get("external_id", ""))
        out = [NOTHING] * len(STAGE_COLUMNS)
        out[PLACE["part"]] = out[PLACE["run_of"]] = str(self._run)
        out[PLACE["number"]], out[PLACE["line"]] = str(record.number), str(record.line)
        out[PLACE["key"]], out[PLACE["is_variant"]], out[PLACE["makes_product"]] = written(self._key), "t", flag(False)
        for name in ("sku", "name", "external_id", "price", "vat_rate"):
            if name in said:
                out[PLACE[name]] = written(said.pop(name))
        out[PLACE["extra"]] = written(json.dumps(said, ensure_ascii=False))
        self.prepared.add(self.prepared.rows, self._import_id, out)

    def _missing(self, said: Mapping[str, Any]) -> list[CellFault]:
        header = self._layout.header_of
        wanted = [("number", not said.keys() & {"number", "external_id"}), ("quantity", "quantity" not in said)]
        wanted.append(("sku", not said.keys() & {"sku", "name"}))
        return [CellFault(header(name), "required", {}) for name, missing in wanted if missing]

    # --- which order -------------------------------------------------------------------------------------------------

    def _enter(self, number: str, external_id: str) -> None:
        """The order that a row belongs to: known by its number, else by what its source calls it."""
        same = number == self._number if number else bool(external_id) and external_id == self._external_id
        if not same or not self._run:
            self._run += 1
            self._number, self._external_id = number, external_id
            self._key = f"number {number}" if number else f"external id {external_id}"
            for record in self._unplaced:
                self._stage_turned_down(record)
        self._unplaced = []

    def _turn_down(self, record: Record) -> None:
        """Note that the order of a refused row is not whole."""
        number, external_id = (self._legible(record, name) for name in ("number", "external_id"))
        if record.fault in {None, "wrong_column_count"} and (number or external_id):
            self._enter(number, external_id)
        else:
            self._unplaced.append(record)
        if self._run:
            self._stage_turned_down(record)

    def _legible(self, record: Record, name: str) -> str:
        place = self._layout.columns.get(name, len(record.cells))
        try:
            return cells.text(record.cells[place]) if place < len(record.cells) else ""
        except Unfit:
            return ""

    def _stage_turned_down(self, record: Record) -> None:
        place, line = str(record.number), str(record.line)
        self.prepared.add(
            self.prepared.turned_down,
            self._import_id,
            [str(self._run), str(self._run), place, line, written(self._key), "t", "t"],
        )


def _status(cell: str) -> str:
    found = STATUS_WORDS.get(name_key(cell))
    if found is None:
        raise Unfit("not_one_of", choices=", ".join(STATUSES))
    return found


def _email(cell: str) -> str:
    return border.email(cells.text(cell))


def _currency(cell: str) -> str:
    return border.currency(cell.strip().upper())


def _quantity(cell: str) -> str:
    units = cells.whole(cell, least=1)
    if units > MOST_UNITS:
        raise Unfit("out_of_range", least=1, limit=MOST_UNITS)
    return str(units)
