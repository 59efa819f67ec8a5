"""Records of a stock file: which variant, and what its stock is to be, or by how much it changes.

Shopify's inventory file names a variant by its product's handle and its options, and has a row for each location.
"""

import json
from collections.abc import Sequence
from typing import Final

from magflow.domain.border import Unfit
from magflow.domain.imports import cells
from magflow.domain.imports.cells import LARGEST_STOCK
from magflow.domain.imports.faults import CellFault, Refusal, RowFault, broken
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import NOTHING, STAGE_COLUMNS, Prepared, flag
from magflow.domain.imports.staging import field as written
from magflow.domain.imports.variants import PLACE
from magflow.domain.options import name_key

NOT_STOCKED: Final = "not stocked"


class StockReader:
    """Reads records in file order; `prepared` and `refused` are what they came to."""

    def __init__(self, layout: Layout, import_id: int, *, add: bool = False, location: str | None = None) -> None:
        """`add`: what the column stock says came on top of what is there. `location`: the one that counts."""
        self.prepared = Prepared()
        self.refused: list[Refusal] = []
        self._layout = layout
        self._import_id = import_id
        self._inventory = layout.format == "shopify"
        self._add = add
        self._location = location
        self._key = self._first = ""
        self._options: tuple[str, tuple[str, ...]] = ("", ())
        """Of the last handle: the names of its options, which stand on its first row only."""

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
        out = [NOTHING] * len(STAGE_COLUMNS)
        for name, place in self._layout.columns.items():
            cell = record.cells[place]
            if not cell.strip() or (self._inventory and cell.strip().lower() == NOT_STOCKED):
                continue
            try:
                out[PLACE["title" if name == "location" else name]] = self._converted(name, cell)
            except Unfit as unfit:
                faults.append(CellFault(self._layout.headers[place], unfit.code, unfit.params, cell))
        if self._inventory:
            self._name_options(record, out)
        if self._layout.locations:
            faults += self._add_up(record, out)
        if not faults:
            faults = self._missing(out)
        if faults:
            raise RowFault(faults)
        if self._add and out[PLACE["delta"]] == NOTHING:
            out[PLACE["delta"]], out[PLACE["stock"]] = out[PLACE["stock"]], NOTHING
        out[PLACE["number"]] = str(record.number)
        out[PLACE["part"]] = out[PLACE["run_of"]] = self._part(record, out)
        out[PLACE["line"]], out[PLACE["is_variant"]] = str(record.line), flag(True)
        out[PLACE["makes_product"]] = flag(False)
        self.prepared.add(self.prepared.rows, self._import_id, out)

    def _add_up(self, record: Record, out: list[str]) -> list[CellFault]:
        """What is at the locations together, or at the one that counts; where no figure is given, the stock stays.

        Of a location with a blank cell among others nothing is said, and then nobody knows the sum.
        """
        headers = self._layout.headers
        places = [place for place in self._layout.locations if self._location in {None, headers[place].strip()}]
        said = {place: cell for place in places if (cell := record.cells[place].strip())}
        if self._location is not None:
            out[PLACE["title"]] = written(self._location)
        if all(cell.lower() == NOT_STOCKED for cell in said.values()):
            return []
        faults = [CellFault(headers[place], "required", {}) for place in places if place not in said]
        total = 0
        for place, cell in said.items():
            try:
                total += 0 if cell.lower() == NOT_STOCKED else cells.whole(cell, least=-LARGEST_STOCK)
            except Unfit as unfit:
                faults.append(CellFault(headers[place], unfit.code, unfit.params, cell))
        if not faults and not (-LARGEST_STOCK if self._add else 0) <= total <= LARGEST_STOCK:
            column = ", ".join(headers[place].strip() for place in said)
            code, params = ("below_zero", {}) if total < 0 else ("too_large", {"limit": LARGEST_STOCK})
            faults.append(CellFault(column, code, params, str(total)))
        out[PLACE["stock"]] = str(total)
        return faults

    def _converted(self, name: str, cell: str) -> str:
        if name == "sku":
            return written(cells.sku(cell))
        if name in {"name", "location"}:
            return written(cells.text(cell))
        return str(cells.whole(cell, least=-LARGEST_STOCK if name == "delta" or self._add else 0))

    def _name_options(self, record: Record, out: list[str]) -> None:
        """For a row without a SKU: option -> value, as names are compared."""
        handle = out[PLACE["name"]]
        named = tuple(record.cells[name].strip() for name, _value in self._layout.options)
        if handle != self._options[0] or any(named):
            self._options = (handle, named)
        pairs = {
            name_key(name): name_key(record.cells[value])
            for name, (_name, value) in zip(self._options[1], self._layout.options, strict=True)
            if name and record.cells[value].strip()
        }
        if pairs == {"title": "default title"}:
            pairs = {}
        text = json.dumps(pairs, ensure_ascii=False)
        out[PLACE["key"]] = written(f"{handle} {text}")
        if out[PLACE["sku"]] == NOTHING:
            out[PLACE["extra"]] = written(text)

    def _part(self, record: Record, out: Sequence[str]) -> str:
        """A variant's locations stay together; every other row is a part of its own."""
        if out[PLACE["key"]] == NOTHING:
            return str(record.number)
        if out[PLACE["key"]] != self._key:
            self._key, self._first = out[PLACE["key"]], str(record.number)
        return self._first

    def _missing(self, out: list[str]) -> list[CellFault]:
        header = self._layout.header_of
        stock, delta = out[PLACE["stock"]] != NOTHING, out[PLACE["delta"]] != NOTHING
        if self._inventory:
            if out[PLACE["name"]] == NOTHING:
                return [CellFault(header("name"), "required", {})]
            return []  # a blank new figure means: as it is
        if out[PLACE["sku"]] == NOTHING:
            return [CellFault(header("sku"), "required", {})]
        if stock == delta:
            return [CellFault(header("stock"), "one_of", {"fields": "stock, delta"})]
        if (delta or self._add) and out[PLACE["expected"]] != NOTHING:
            return [CellFault(header("expected"), "expected_with_delta", {}, out[PLACE["expected"]])]
        return []
