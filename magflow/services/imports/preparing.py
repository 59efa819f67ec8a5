"""File -> `import_stage`: each record read and checked by itself, in batches that are a transaction each."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from magflow.concurrency import copy_in, done_again_after_a_crash, execute, transactional
from magflow.domain.actors import Actor
from magflow.domain.imports.faults import Refusal
from magflow.domain.imports.offers import OfferReader
from magflow.domain.imports.orders import OrderReader
from magflow.domain.imports.records import Record
from magflow.domain.imports.staging import (
    IMAGE_COLUMNS,
    OPTION_COLUMNS,
    STAGE_COLUMNS,
    TURNED_DOWN_COLUMNS,
    Prepared,
)
from magflow.domain.imports.stock import StockReader
from magflow.domain.imports.variants import CLEARABLE, VariantReader
from magflow.domain.imports.woocommerce import Retelling, WooReader
from magflow.services.imports import files, lanes
from magflow.services.imports.files import Reading

BATCH: Final = 10_000

COPY_STAGE: Final = f"COPY import_stage (import_id, {', '.join(STAGE_COLUMNS)}) FROM STDIN"
COPY_OPTIONS: Final = f"COPY import_options (import_id, {', '.join(OPTION_COLUMNS)}) FROM STDIN"
COPY_IMAGES: Final = f"COPY import_images (import_id, {', '.join(IMAGE_COLUMNS)}) FROM STDIN"
COPY_TURNED_DOWN: Final = f"COPY import_stage (import_id, {', '.join(TURNED_DOWN_COLUMNS)}) FROM STDIN"
NOTE_REFUSED: Final = """
INSERT INTO import_rows (import_id, number, line, outcome, errors)
SELECT %(import)s::bigint, number, line, 'refused', errors
FROM jsonb_to_recordset(%(refused)s::jsonb) AS r (number integer, line integer, errors jsonb)
ON CONFLICT (import_id, number) DO NOTHING"""
"""Noted already where a run reads the file again: a crash of the server empties the staging tables, not this one."""

COUNTED: Final = """
UPDATE imports SET rows_total = %(rows)s, beat_at = clock_timestamp() WHERE id = %(import)s AND run = %(run)s
RETURNING id"""

CLEARED: Final = ("import_stage", "import_options", "import_images")
RESULTS: Final = ("import_rows", "import_chunks")
CLEAR: Final = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table} WHERE import_id = %(import)s LIMIT %(most)s))"""
CLEARED_AT_ONCE: Final = 200_000


Reader = VariantReader | StockReader | OfferReader | OrderReader | WooReader


class Superseded(Exception):
    """The import was cancelled or started anew: this run has nothing to do any more."""


def clear(import_id: int, results: bool, *, actor: Actor) -> None:
    """Take away prepared rows, and with `results` what an earlier run had noted about them."""
    for table in CLEARED + (RESULTS if results else ()):
        while _clear(table, import_id, actor=actor) == CLEARED_AT_ONCE:
            pass


@transactional
def _clear(session: Session, table: str, import_id: int, *, actor: Actor) -> int:
    values = {"import": import_id, "most": CLEARED_AT_ONCE}
    return execute(session, CLEAR.format(table=table), values).rowcount


def prepare(
    import_id: int, run: int, path: Path, reading: Reading, *, actor: Actor, step: Callable[[int], None]
) -> int:
    """Read the whole file. Returns how many records it has. `step` is told after each batch how many there were.

    Raises FileFault, Superseded.
    """
    reader = _reader(import_id, path, reading)
    rows, loading = 0, None

    def load(rows: int, prepared: Prepared, refused: list[Refusal]) -> None:
        _load(import_id, run, rows, prepared, refused, actor=actor)

    with files.opened(path, reading) as records, lanes.lanes(1) as submit:
        while batch := _read(reader, records):
            rows += batch
            if loading is not None:
                loading.result()
            loading = submit(load, rows, reader.prepared, reader.refused)
            reader.prepared, reader.refused = Prepared(), []
            step(rows)
        if loading is not None:
            loading.result()
    return rows


def _reader(import_id: int, path: Path, reading: Reading) -> Reader:
    layout, choices = reading.layout, reading.choices
    if layout.kind == "stock":
        return StockReader(layout, import_id, add=choices.stock == "add", location=choices.location)
    if layout.kind == "offers":
        return OfferReader(layout, reading.signs, import_id)
    if layout.kind == "orders":
        return OrderReader(layout, reading.signs, import_id)
    if layout.format == "woocommerce":
        with files.opened(path, reading) as records:
            retelling = Retelling(layout, records)
        return WooReader(reading.signs, import_id, retelling)
    clears = CLEARABLE if choices.blank == "clear" else ()
    return VariantReader(layout, reading.signs, import_id, clears)


def _read(reader: Reader, records: Iterator[Record]) -> int:
    count = 0
    for record in islice(records, BATCH):
        reader.read(record)
        count += 1
    return count


@transactional
def _load(
    session: Session, import_id: int, run: int, rows: int, prepared: Prepared, refused: list[Refusal], *, actor: Actor
) -> None:
    done_again_after_a_crash(session)  # a crash of the server empties the staging tables too
    if execute(session, COUNTED, {"import": import_id, "run": run, "rows": rows}).fetchone() is None:
        raise Superseded
    for statement, lines in (
        (COPY_STAGE, prepared.rows),
        (COPY_OPTIONS, prepared.options),
        (COPY_IMAGES, prepared.images),
        (COPY_TURNED_DOWN, prepared.turned_down),
    ):
        if lines:
            copy_in(session, statement, ["".join(lines).encode()])
    if refused:
        execute(session, NOTE_REFUSED, {"import": import_id, "refused": noted(refused)})


def noted(refused: Sequence[Refusal]) -> str:
    """Refused rows, for storage."""
    rows: list[dict[str, Any]] = [
        {"number": one.number, "line": one.line, "errors": [fault.as_dict() for fault in one.faults]} for one in refused
    ]
    return json.dumps(rows, ensure_ascii=False)
