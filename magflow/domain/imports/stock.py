"""Records of a stock file: which SKU, and what its stock is to be, or by how much it changes."""

from magflow.domain.border import Unfit
from magflow.domain.imports import cells
from magflow.domain.imports.cells import LARGEST_STOCK
from magflow.domain.imports.faults import CellFault, Refusal, RowFault
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import NOTHING, STAGE_COLUMNS, Prepared, flag
from magflow.domain.imports.staging import field as written
from magflow.domain.imports.variants import PLACE


class StockReader:
    """Reads records in file order; `prepared` and `refused` are what they came to."""

    def __init__(self, layout: Layout, import_id: int) -> None:
        self.prepared = Prepared()
        self.refused: list[Refusal] = []
        self._layout = layout
        self._import_id = import_id

    def read(self, record: Record) -> None:
        """Take a record, or note why not."""
        try:
            if record.fault is not None:
                counts = {"found": len(record.cells), "expected": len(self._layout.headers)}
                raise RowFault([CellFault("", record.fault, counts if record.fault == "wrong_column_count" else {})])
            self._take(record)
        except RowFault as fault:
            self.refused.append(Refusal(record.number, record.line, tuple(fault.faults)))

    def _take(self, record: Record) -> None:
        faults: list[CellFault] = []
        out = [NOTHING] * len(STAGE_COLUMNS)
        for name, place in self._layout.columns.items():
            cell = record.cells[place]
            if not cell.strip():
                continue
            try:
                out[PLACE[name]] = self._converted(name, cell)
            except Unfit as unfit:
                faults.append(CellFault(self._layout.headers[place], unfit.code, unfit.params, cell))
        if not faults:
            faults = self._missing(out)
        if faults:
            raise RowFault(faults)
        out[PLACE["part"]] = out[PLACE["run_of"]] = out[PLACE["number"]] = str(record.number)
        out[PLACE["line"]], out[PLACE["is_variant"]] = str(record.line), flag(True)
        self.prepared.add(self.prepared.rows, self._import_id, out)

    def _converted(self, name: str, cell: str) -> str:
        if name == "sku":
            return written(cells.sku(cell))
        if name == "name":
            return written(cells.text(cell))
        return str(cells.whole(cell, least=-LARGEST_STOCK if name == "delta" else 0))

    def _missing(self, out: list[str]) -> list[CellFault]:
        header = self._layout.header_of
        stock, delta = out[PLACE["stock"]] != NOTHING, out[PLACE["delta"]] != NOTHING
        if out[PLACE["sku"]] == NOTHING:
            return [CellFault(header("sku"), "required", {})]
        if stock == delta:
            return [CellFault(header("stock"), "one_of", {"fields": "stock, delta"})]
        if delta and out[PLACE["expected"]] != NOTHING:
            return [CellFault(header("expected"), "expected_with_delta", {}, out[PLACE["expected"]])]
        return []
