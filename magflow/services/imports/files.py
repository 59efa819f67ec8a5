"""The stored file of an import: kept under a name of our own in the home folder, opened as it was recognised."""

import codecs
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from magflow.domain.border import SURROGATE
from magflow.domain.imports import cells, dialect, layouts, variants
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.dialect import Dialect
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import Record, Records

FOLDER: Final = "imports"
LARGEST_FILE: Final = 2**30
BLOCK: Final = 1 << 20
SAMPLED: Final = 5_000
"""Records whose numbers decide the decimal sign of a column."""


@dataclass(frozen=True)
class Stored:
    """A file in the home folder."""

    name: str
    sha256: bytes
    size: int


def store(home: Path, source: IO[bytes]) -> Stored:
    """Keep a file; it appears whole or not at all. Raises FileFault when it is larger than 1 GiB."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    name = secrets.token_hex(16)
    waiting = folder / f".{name}"
    digest, size = hashlib.sha256(), 0
    try:
        with waiting.open("xb") as target:
            while block := source.read(BLOCK):
                size += len(block)
                if size > LARGEST_FILE:
                    raise FileFault("file_too_large", limit="1 GiB")
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        waiting.rename(folder / name)
    except BaseException:
        with suppress(OSError):
            waiting.unlink()
        raise
    return Stored(name, digest.digest(), size)


def forget(home: Path, name: str) -> None:
    """Remove a stored file that no import refers to."""
    with suppress(FileNotFoundError):
        path_of(home, name).unlink()


def path_of(home: Path, name: str | None) -> Path:
    """Where a stored file is. Raises FileFault when it is not there."""
    path = home / FOLDER / (name or "")
    if not name or "/" in name or not path.is_file():
        raise FileFault("file_gone")
    return path


@dataclass(frozen=True)
class Reading:
    """How a file is read."""

    dialect: Dialect
    layout: Layout
    signs: Mapping[str, Sign | None]

    def as_dict(self) -> dict[str, Any]:
        """For storage, and for the page that shows it."""
        return {
            "encoding": self.dialect.encoding,
            "delimiter": self.dialect.delimiter,
            "columns": len(self.layout.headers),
            "signs": {self.layout.header_of(name): sign for name, sign in self.signs.items()},
            "left_out": list(self.layout.left_out),
        }


def recognise(path: Path, kind: str, wanted: str) -> Reading:
    """Find out how a file is written and what its columns mean. Raises FileFault."""
    layouts.check_supported(kind, wanted)
    with path.open("rb") as file:
        encoding = dialect.find_encoding(file)
    with _text(path, encoding) as text:
        skipped, header = _header(text)
        if header.lower().startswith("sep=") and len(header) == len("sep=;"):
            found = Dialect(encoding, header[-1], skipped + 1)
            more, header = _header(text)
            found = Dialect(encoding, found.delimiter, found.skipped + more)
        else:
            found = Dialect(encoding, dialect.find_delimiter(header, layouts.KNOWN), skipped)
    with _text(path, encoding) as text:
        layout = layouts.recognise(_first_record(text, found), kind, wanted)
    return Reading(found, layout, _signs(path, found, layout))


def _header(text: IO[str]) -> tuple[int, str]:
    """How many blank lines come first, and the first line that is none."""
    for skipped, line in enumerate(text):
        if line.strip():
            return skipped, line.rstrip("\r\n")
    raise FileFault("empty_file")


def _first_record(text: IO[str], found: Dialect) -> list[str]:
    lines = islice(text, found.skipped, None)
    for record in Records(lines, found.delimiter, -1, found.skipped):
        if any(SURROGATE.search(cell) for cell in record.cells):
            raise FileFault("encoding_unknown")
        if record.cells:
            return list(record.cells)
        break
    raise FileFault("no_header")


def _signs(path: Path, found: Dialect, layout: Layout) -> dict[str, Sign | None]:
    """The decimal sign of each column of numbers, from the first thousands of rows."""
    places = variants.number_columns(layout) if layout.kind == "variants" else {}
    if not places:
        return {}
    with _text(path, found.encoding) as text:
        sample = [r.cells for r in islice(_records(text, found, layout), SAMPLED) if r.fault is None]
    return {name: cells.sign_of(row[place] for row in sample) for name, place in places.items()}


@contextmanager
def opened(path: Path, reading: Reading) -> Iterator[Iterator[Record]]:
    """The records of a file behind its header."""
    with _text(path, reading.dialect.encoding) as text:
        yield _records(text, reading.dialect, reading.layout)


def _records(text: IO[str], found: Dialect, layout: Layout) -> Iterator[Record]:
    lines = iter(text)
    read = found.skipped
    for _line in islice(lines, found.skipped):
        pass
    # The header may hold line breaks in quotes: it ends where its quotes are closed.
    header = ""
    for line in lines:
        header += line
        read += 1
        if header.count('"') % 2 == 0:
            break
    return iter(Records(lines, found.delimiter, len(layout.headers), read))


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[TextIOWrapper]:
    # Checked before, byte by byte; what cannot be decoded now was changed behind our back, or is one of the few bytes
    # that a Windows encoding leaves free, which are refused in the cell where they stand.
    errors = "strict" if encoding.startswith("utf") else "surrogateescape"
    codecs.lookup(encoding)
    with path.open("r", encoding=encoding, errors=errors, newline="") as text:
        yield text
