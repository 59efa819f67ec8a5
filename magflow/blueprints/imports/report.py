"""The refused rows of an import as a file: in the format that came, with what is wrong, to mend and upload again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from magflow.blueprints.imports.words import fault_sentence
from magflow.db import db
from magflow.domain.imports import workbooks
from magflow.domain.imports.choices import choices_from
from magflow.domain.imports.layouts import REPORT_COLUMNS, folded
from magflow.domain.imports.writing import blocks, cell
from magflow.queries import imports
from magflow.services.imports import files

PAGE: Final = 1_000
NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,]*")


def is_workbook(state: imports.ImportState) -> bool:
    """Whether the file came as a workbook."""
    return bool((state.row.reading or {}).get("workbook"))


def report(state: imports.ImportState, home: Path, *, workbook: bool = False) -> Iterator[bytes]:
    """The report, piece by piece, as CSV or as a workbook. Raises FileFault when the stored file is gone."""
    row = state.row
    db.session.remove()  # looking at a large file takes longer than a transaction may wait
    path = files.path_of(home, row.stored_as)
    reading = files.recognise(path, row.kind, row.format, choices_from(row.choices))
    header = [*(reading.layout.headers[place] for place in _own(reading)), *REPORT_COLUMNS]
    rows = _rows(row.id, path, reading)
    return workbooks.blocks(header, rows) if workbook else blocks(header, rows, delimiter=reading.dialect.delimiter)


def _rows(import_id: int, path: Path, reading: files.Reading) -> Iterator[list[str]]:
    own = _own(reading)
    refused = _refused(import_id)
    wanted = next(refused, None)
    with files.opened(path, reading) as records:
        for record in records:
            if wanted is None:
                return
            number, line, errors = wanted
            if record.number != number:
                continue
            cells = [_as_it_came(record.cells[place]) if place < len(record.cells) else "" for place in own]
            columns = ", ".join(dict.fromkeys(error["column"] for error in errors if error["column"]))
            codes = ", ".join(dict.fromkeys(error["code"] for error in errors))
            said = " ".join(fault_sentence(error) for error in errors)
            yield [*cells, str(line), cell(columns), codes, cell(said)]
            wanted = next(refused, None)


def _own(reading: files.Reading) -> list[int]:
    """The places of the file's own columns: a mended report comes back with what was wrong before, which is over."""
    headers = reading.layout.headers[: reading.layout.width]
    again = {folded(header) for header in headers}.issuperset(REPORT_COLUMNS)
    return [place for place, header in enumerate(headers) if not (again and folded(header) in REPORT_COLUMNS)]


def _refused(import_id: int) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
    after = 0
    while True:
        page = imports.refused_rows(db.session(), import_id, after=after, limit=PAGE)
        rows = [(row.number, row.line, row.errors or []) for row in page.rows]
        db.session.remove()
        yield from rows
        if page.next_key is None:
            return
        after = page.next_key


def _as_it_came(text: str) -> str:
    """A cell of the file; guarded like every text that goes out, numbers left alone."""
    return text if NUMBER.fullmatch(text) else cell(text)
