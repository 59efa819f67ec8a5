"""The stored file of an import: kept under a name of our own in the home folder, opened as it was recognised."""

import codecs
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from magflow.domain.border import SURROGATE
from magflow.domain.imports import cells, dialect, layouts, variants, workbooks
from magflow.domain.imports.cells import Sign
from magflow.domain.imports.choices import DEFAULT, Choices
from magflow.domain.imports.dialect import Dialect
from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.layouts import Layout
from magflow.domain.imports.records import MOST_COLUMNS, Record, Records

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
    with suppress(FileFault):
        path = path_of(home, name)
        lines_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


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
    workbook: bool = False
    choices: Choices = DEFAULT

    def as_dict(self) -> dict[str, Any]:
        """For storage, and for the page that shows it."""
        return {
            "workbook": self.workbook,
            "encoding": self.dialect.encoding,
            "delimiter": self.dialect.delimiter,
            "columns": self.layout.width,
            "signs": {self.layout.header_of(name): sign for name, sign in self.signs.items()},
            "left_out": list(self.layout.left_out),
        }


def recognise(path: Path, kind: str, wanted: str, choices: Choices = DEFAULT) -> Reading:
    """Find out how a file is written and what its columns mean. Raises FileFault."""
    layouts.check_supported(kind, wanted)
    workbook, found = find_dialect(path, choices)
    layout = layouts.recognise(header_of(path, found), kind, wanted, choices.mapping)
    return Reading(found, layout, _signs(path, found, layout, choices), workbook, choices)


def find_dialect(path: Path, choices: Choices = DEFAULT) -> tuple[bool, Dialect]:
    """Whether a file is a workbook, and how its text is written. Raises FileFault."""
    with path.open("rb") as file:
        if workbooks.is_workbook(file.read(2)):
            _make_lines(path)
            return True, Dialect("utf-8", ",")
    encoding = choices.encoding or _encoding(path, path.stat().st_size)
    with text_of(path, encoding) as text:
        skipped, header = _header(text)
        if header.lower().startswith("sep=") and len(header) == len("sep=;"):
            more, _line = _header(text)
            return False, Dialect(encoding, header[-1], skipped + 1 + more)
        return False, Dialect(encoding, choices.delimiter or dialect.find_delimiter(header, layouts.KNOWN), skipped)


@lru_cache(maxsize=256)
def _encoding(path: Path, _size: int) -> str:
    """The encoding, which every byte has a say in: of a large file that takes seconds, and the file never changes."""
    with path.open("rb") as file:
        return dialect.find_encoding(file)


def _make_lines(path: Path) -> None:
    """The lines of a workbook, beside it; made once, and again where they are gone."""
    lines = lines_of(path)
    if lines.is_file():
        return
    waiting = lines.with_name(f".{lines.name}-{secrets.token_hex(4)}")
    try:
        with path.open("rb") as source, waiting.open("w", encoding="utf-8", newline="") as target:
            workbooks.to_lines(source, target)
        waiting.rename(lines)
    finally:
        with suppress(FileNotFoundError):
            waiting.unlink()


def lines_of(path: Path) -> Path:
    """Where the lines of a workbook are."""
    return path.with_name(f"{path.name}.lines")


def _header(text: IO[str]) -> tuple[int, str]:
    """How many blank lines come first, and the first line that is none."""
    for skipped, line in enumerate(text):
        if line.strip():
            return skipped, line.rstrip("\r\n")
    raise FileFault("empty_file")


def header_of(path: Path, found: Dialect) -> list[str]:
    """The cells of the header. Raises FileFault."""
    with text_of(path, found.encoding) as text:
        for _line in islice(text, found.skipped):
            pass
        for record in Records(text, found.delimiter, -1, found.skipped):
            if record.fault is not None:
                raise _bad_header(record)
            if any(SURROGATE.search(cell) for cell in record.cells):
                raise FileFault("encoding_unknown")
            while record.cells and not record.cells[-1].strip():
                record.cells.pop()  # programs write delimiters behind the last column
            if record.cells:
                return list(record.cells)
            break
    raise FileFault("no_header")


def _bad_header(record: Record) -> FileFault:
    if record.fault == "too_many_cells":
        return FileFault("too_many_columns", limit=MOST_COLUMNS)
    return FileFault("header_broken", line=record.line)


def sample(path: Path, found: Dialect, width: int, most: int) -> list[list[str]]:
    """The first rows behind the header, those left out that are not well written."""
    with text_of(path, found.encoding) as text:
        return [_with_breaks(r).cells for r in islice(_records(text, found, width), most) if r.fault is None]


def _signs(path: Path, found: Dialect, layout: Layout, choices: Choices) -> dict[str, Sign | None]:
    """The decimal sign of each column of numbers: as it was chosen, else from the first thousands of rows."""
    places = variants.number_columns(layout) if layout.kind != "stock" else {}
    if not places:
        return {}
    rows = sample(path, found, layout.width, SAMPLED)
    return {
        name: choices.signs.get(layout.headers[place]) or cells.sign_of(row[place] for row in rows)
        for name, place in places.items()
    }


@contextmanager
def opened(path: Path, reading: Reading) -> Iterator[Iterator[Record]]:
    """The records of a file behind its header."""
    with text_of(path, reading.dialect.encoding) as text:
        records = _records(text, reading.dialect, reading.layout.width)
        yield map(_with_breaks, records) if reading.workbook else records


def _with_breaks(record: Record) -> Record:
    if not any(workbooks.LINE_BREAK in cell for cell in record.cells):
        return record
    return record._replace(cells=[cell.replace(workbooks.LINE_BREAK, "\n") for cell in record.cells])


def _records(text: IO[str], found: Dialect, width: int) -> Iterator[Record]:
    lines = iter(text)
    read = found.skipped
    for _line in islice(lines, found.skipped):
        pass
    # The header may hold line breaks in quotes: it ends where its quotes are closed.
    quotes = letters = 0
    for line in lines:
        quotes += line.count('"')
        letters += len(line)
        read += 1
        if quotes % 2 == 0:
            break
        if letters > dialect.LONGEST_LINE:
            raise FileFault("header_broken", line=found.skipped + 1)
    return iter(Records(lines, found.delimiter, width, read))


@contextmanager
def text_of(path: Path, encoding: str) -> Iterator[TextIOWrapper]:
    """A file's text; of a workbook, its lines."""
    # Checked before, byte by byte; what cannot be decoded now was changed behind our back, or is one of the few bytes
    # that a Windows encoding leaves free, which are refused in the cell where they stand.
    errors = "strict" if encoding.startswith("utf") else "surrogateescape"
    codecs.lookup(encoding)
    lines = lines_of(path)
    with (lines if lines.is_file() else path).open("r", encoding=encoding, errors=errors, newline="") as text:
        try:
            yield text
        except UnicodeError as error:  # somebody chose another encoding than it has
            raise FileFault("encoding_unknown") from error
