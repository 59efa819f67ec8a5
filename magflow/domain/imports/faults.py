"""What can be wrong with a file, with a row, and with a cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from magflow.domain.errors import Conflict, FieldError, Invalid

FILE: Final = "file"
LONGEST_SHOWN: Final = 200
SHOWN_CELLS: Final = 20


class FileFault(Invalid):
    """The file as a whole cannot be taken; `errors` says why, in one entry of the field `file`."""

    def __init__(self, reason: str, **params: Any) -> None:
        super().__init__([FieldError(FILE, reason, params)])
        self.reason, self.params = reason, params


class ImportBusy(Conflict):
    """The import is in a state in which this cannot be asked of it."""

    def __init__(self, import_id: int, import_status: str) -> None:
        super().__init__(f"import {import_id} is {import_status}")
        self.import_id, self.import_status = import_id, import_status

    def details(self) -> dict[str, Any]:
        """Which import, and what it is doing."""
        return {"import_id": self.import_id, "import_status": self.import_status}


@dataclass(frozen=True)
class CellFault:
    """What is wrong with one cell: the column as the file calls it, a stable code, and the cell as it came."""

    column: str
    code: str
    params: dict[str, Any]
    value: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For storage."""
        params = {name: str(value) if isinstance(value, Decimal) else value for name, value in self.params.items()}
        return {"column": self.column, "code": self.code, "params": params, "value": shown(self.value)}


class RowFault(Exception):
    """A row that cannot be taken; all that is wrong with it is named at once."""

    def __init__(self, faults: list[CellFault]) -> None:
        super().__init__(", ".join(f"{fault.column}: {fault.code}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Refusal:
    """A record that was refused while reading."""

    number: int
    line: int
    faults: tuple[CellFault, ...]


def broken(code: str, cells: Sequence[str], width: int) -> RowFault:
    """Of a record that could not be split into its cells: nobody knows which cell it is, so the row is shown."""
    params: dict[str, Any] = {}
    if code == "wrong_column_count":
        params = {"found": len(cells), "expected": width}
    return RowFault([CellFault("", code, params, ", ".join(cells[:SHOWN_CELLS]))])


def shown(value: str) -> str:
    """A cell as messages show it: short, and without what a screen or a database cannot hold."""
    kept = "".join(c if c.isprintable() else "\ufffd" for c in value[: LONGEST_SHOWN + 1])
    return kept if len(value) <= LONGEST_SHOWN else kept[:LONGEST_SHOWN] + "…"
