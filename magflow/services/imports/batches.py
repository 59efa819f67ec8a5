"""Many records of a feed at once, for adapters: they take the way of a file, with its chunks, report and undo."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.concurrency import transactional
from magflow.domain.actors import Actor
from magflow.domain.errors import FieldError, Invalid, NotFound
from magflow.domain.imports.layouts import MOST_OPTIONS
from magflow.domain.imports.writing import blocks, cell
from magflow.models import Import, Product
from magflow.services.feeds import FeedRecord
from magflow.services.imports import commands, files

FIELDS: Final = ("handle", "external_id", "sku", "title", "price", "stock", "ean")
KNOWN_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class Batch:
    """Records of one source and account; at most one for each external id."""

    source: str
    source_account: str
    records: Sequence[FeedRecord]


def hand_over(batch: Batch, home: Path, *, actor: Actor, queued: bool = True) -> Import:
    """Begin to import the records. Raises NotFound for a product, Invalid for a stranger."""
    strangers = [
        record.external_id
        for record in batch.records
        if (record.source, record.source_account) != (batch.source, batch.source_account)
    ]
    if strangers:
        raise Invalid([FieldError("source", "not_one_of", {"choices": batch.source})])
    handles = _handles({record.product_id for record in batch.records}, actor=actor)
    options = max((len(record.option_values) for record in batch.records), default=0)
    if options > MOST_OPTIONS:
        raise Invalid([FieldError("option_values", "too_many", {"limit": MOST_OPTIONS})])
    header = [*FIELDS, *(f"option{n}_{half}" for n in range(1, options + 1) for half in ("name", "value"))]
    written = blocks(header, (_row(record, handles[record.product_id], options) for record in batch.records))
    stored = files.store(home, io.BufferedReader(_Stream(written)))
    command = commands.take_in(
        home, stored, filename=f"{batch.source}-{batch.source_account}.csv", kind="variants", wanted="magflow",
        source=batch.source, source_account=batch.source_account, queued=queued,
    )  # fmt: skip
    return commands.register(command, actor=actor)


@transactional
def _handles(session: Session, ids: set[int], *, actor: Actor) -> dict[int, str]:
    """Read in a transaction of its own: nothing is held while the file is written."""
    found: dict[int, str] = {}
    wanted = sorted(ids)
    for place in range(0, len(wanted), KNOWN_AT_ONCE):
        part = wanted[place : place + KNOWN_AT_ONCE]
        rows = session.execute(select(Product.id, Product.handle).where(Product.id.in_(part)))
        found |= {row[0]: row[1] for row in rows}
    if missing := ids - found.keys():
        raise NotFound("product", min(missing))
    return found


def _row(record: FeedRecord, handle: str, options: int) -> list[str]:
    values = (handle, record.external_id, record.sku, record.title, record.price, record.stock, record.ean)
    named = [cell(part) for part in chain.from_iterable(record.option_values)]
    return [*map(cell, values), *named, *[""] * (2 * options - len(named))]


class _Stream(io.RawIOBase):
    """Pieces of bytes, to be read like a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, target: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Fill as much of the target as the next piece has."""
        self._left = self._left or next(self._pieces, b"")
        count = min(len(target), len(self._left))
        target[:count], self._left = self._left[:count], self._left[count:]
        return count
