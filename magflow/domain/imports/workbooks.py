"""XLSX workbooks: the first sheet with anything in it becomes lines of text, one a row, and rows become a workbook.

A workbook is a zip archive of XML, and both can be made to explode. So the archive's own directory is judged before
anything is unpacked, definitions of entities are refused, and what the parser gives is written on at once: memory does
not grow with the file.
"""

import errno
import os
import re
import struct
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, Any, Final, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

from magflow.domain.imports.faults import FileFault
from magflow.domain.imports.records import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS

MOST_PARTS: Final = 200
LARGEST_DECLARED: Final = 256 * 2**20
LARGEST_RATIO: Final = 100
SMALL: Final = 2**20
"""Parts below this may be packed as tightly as they like."""
BLOCK: Final = 1 << 18
REMEMBERED: Final = 50_000
MOST_UNFINISHED: Final = 4 * 2**20
"""A tag or a comment that is longer makes the parser keep, and read again, all of it."""
DEEPEST: Final = 64
MOST_STRINGS: Final = 10_000_000
MOST_STYLES: Final = 100_000

PART: Final = re.compile(r"\[Content_Types\]\.xml|(?:_rels|docProps|xl|customXml)/[A-Za-z0-9_./ \[\]-]+")
BROKEN: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, expat.ExpatError, NotImplementedError, EOFError,
    RuntimeError, ValueError,
)  # fmt: skip
"""What the archive, its compression and its XML may raise for bytes that are not what they say."""
REFERENCE: Final = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
LINE_BREAK: Final = "\x1e"
"""Stands for a line break inside a cell, so that lines of the text are rows of the sheet; XML cannot hold it."""

FIRST_DAY: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no time zone
DATE_FORMATS: Final = frozenset({*range(14, 23), *range(45, 48)})
PERCENT_FORMATS: Final = frozenset({9, 10})
IN_QUOTES: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')


def is_workbook(start: bytes) -> bool:
    """Whether a file that begins so is a zip archive, as workbooks are."""
    return start.startswith(b"PK")


def to_lines(source: IO[bytes], target: IO[str]) -> None:
    """Write the first sheet that has rows as comma-separated lines. Raises FileFault."""
    with _archive(source) as archive:
        styles = _styles(archive)
        with _strings(archive) as string:
            for part in _sheets(archive):
                if _Sheet(archive, part, target, string, styles).write():
                    return
    raise FileFault("empty_file")


# --- the archive ------------------------------------------------------------------------------------------------------


@contextmanager
def _archive(source: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            _judge(archive.infolist())
            yield archive
    except BROKEN as error:
        raise FileFault("workbook_broken") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # its directory leads to a place before the file's beginning
            raise FileFault("workbook_broken") from error
        raise


def _judge(parts: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what declares too much, or what no workbook of rows and cells needs."""
    declared = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or declared > LARGEST_DECLARED:
        raise FileFault("workbook_too_large", limit="256 MiB", parts=MOST_PARTS)
    for part in parts:
        if part.flag_bits & 0x1:
            raise FileFault("workbook_locked")
        if part.file_size > max(SMALL, part.compress_size * LARGEST_RATIO):
            raise FileFault("workbook_too_large", limit="256 MiB", parts=MOST_PARTS)
        if ".." in part.filename or not PART.fullmatch(part.filename):
            raise FileFault("workbook_strange", part=part.filename[:80])
        if part.filename.startswith("xl/externalLinks/"):
            raise FileFault("workbook_linked")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise FileFault("workbook_broken")


def _refuse_entities(*_definition: Any) -> None:
    raise FileFault("workbook_strange", part="<!ENTITY>")


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    begins: Callable[[str, Mapping[str, str]], None],
    ends: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Read a part through the parser, a block at a time. What would make it remember without end is refused."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.EntityDeclHandler = parser.StartDoctypeDeclHandler = _refuse_entities
    depth = given = 0

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise FileFault("workbook_strange", part=part)
        begins(name.rpartition(" ")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if ends is not None:
            ends(name.rpartition(" ")[2])

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    with archive.open(part) as file:
        while block := file.read(BLOCK):
            parser.Parse(block, False)
            given += len(block)
            if given - parser.CurrentByteIndex > MOST_UNFINISHED:
                raise FileFault("workbook_strange", part=part)
        parser.Parse(b"", True)


def _sheets(archive: zipfile.ZipFile) -> list[str]:
    """The sheets' parts, in the workbook's order."""
    targets: dict[str, str] = {}
    ids: list[str] = []

    def relation(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")
            if len(targets) > MOST_PARTS:
                raise FileFault("workbook_strange", part="xl/_rels/workbook.xml.rels")

    def sheet(name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet" and attributes.get("state", "visible") == "visible":
            ids.extend(value for key, value in attributes.items() if key.rpartition(" ")[2] == "id")
            if len(ids) > MOST_PARTS:
                raise FileFault("workbook_strange", part="xl/workbook.xml")

    names = set(archive.namelist())
    if "xl/_rels/workbook.xml.rels" not in names:
        raise FileFault("workbook_broken")
    _parse(archive, "xl/_rels/workbook.xml.rels", relation)
    _parse(archive, "xl/workbook.xml", sheet)
    parts = [targets.get(one, "") for one in ids]
    parts = [part.removeprefix("/") if part.startswith("/xl/") else f"xl/{part}" for part in parts]
    return [part for part in parts if part in names]


class Styles(NamedTuple):
    """The styles that show a number as something else."""

    dates: frozenset[int] = frozenset()
    percents: frozenset[int] = frozenset()


def _styles(archive: zipfile.ZipFile) -> Styles:
    if "xl/styles.xml" not in archive.namelist():
        return Styles()
    dates, percents = set(DATE_FORMATS), set(PERCENT_FORMATS)
    styles: list[int] = []
    inside = False

    def begins(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            shown = IN_QUOTES.sub("", attributes.get("formatCode", "")).lower()
            if "%" in shown:
                percents.add(int(attributes.get("numFmtId", "-1")))
            elif re.search(r"[dmyhs]", shown):
                dates.add(int(attributes.get("numFmtId", "-1")))
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            styles.append(int(attributes.get("numFmtId", "0")))
            if len(styles) > MOST_STYLES:
                raise FileFault("workbook_strange", part="xl/styles.xml")

    def ends(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    _parse(archive, "xl/styles.xml", begins, ends)
    return Styles(*(frozenset(n for n, style in enumerate(styles) if style in kind) for kind in (dates, percents)))


@contextmanager
def _strings(archive: zipfile.ZipFile) -> Iterator[Callable[[int], str]]:
    """The texts that cells refer to by number: kept in a file, because a workbook may have millions of them."""
    starts = array("I", [0])  # what a workbook may declare has room in it
    with tempfile.TemporaryFile() as kept:
        if "xl/sharedStrings.xml" in archive.namelist():
            _keep_strings(archive, kept, starts)
        known: dict[int, str] = {}

        def string(number: int) -> str:
            if number not in known:
                if not 0 <= number < len(starts) - 1:
                    raise FileFault("workbook_broken")
                if len(known) > REMEMBERED:
                    known.clear()
                length = starts[number + 1] - starts[number]
                known[number] = os.pread(kept.fileno(), length, starts[number]).decode()
            return known[number]

        yield string


def _keep_strings(archive: zipfile.ZipFile, kept: IO[bytes], starts: "array[int]") -> None:
    pieces: list[str] = []
    shown, spoken, length = False, False, 0

    def begins(name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal shown, spoken
        if name == "rPh":
            spoken = True
        shown = name == "t" and not spoken

    def ends(name: str) -> None:
        nonlocal shown, spoken, length
        shown = False
        if name == "rPh":
            spoken = False
        elif name == "si":
            kept.write("".join(pieces).encode(errors="replace"))
            starts.append(kept.tell())
            pieces.clear()
            length = 0
            if len(starts) > MOST_STRINGS:
                raise FileFault("workbook_too_large", limit="256 MiB", parts=MOST_PARTS)

    def text(piece: str) -> None:
        nonlocal length
        if shown and length <= LONGEST_CELL:  # a longer one is refused where it is read
            length += len(piece)
            pieces.append(piece)

    _parse(archive, "xl/sharedStrings.xml", begins, ends, text)
    kept.flush()


# --- a sheet ----------------------------------------------------------------------------------------------------------


class _Sheet:
    """Writes a sheet's rows as its parser comes to them."""

    def __init__(
        self, archive: zipfile.ZipFile, part: str, target: IO[str], string: Callable[[int], str], styles: Styles
    ) -> None:
        self._archive, self._part, self._target, self._string, self._styles = archive, part, target, string, styles
        self._row: dict[int, str] = {}
        self._at = self._next = self._lines = self._width = 0
        self._kind, self._style, self._place = "n", -1, 0
        self._pieces: list[str] = []
        self._length = 0
        self._takes = False

    def write(self) -> bool:
        """Write it; False when it has nothing in it."""
        _parse(self._archive, self._part, self._begins, self._ends, self._text)
        return self._lines > 0

    def _begins(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._kind = attributes.get("t", "n")
            style = attributes.get("s", "")
            self._style = int(style) if style.isascii() and style.isdigit() else -1
            found = REFERENCE.fullmatch(attributes.get("r", ""))
            self._place = _column(found[1]) if found else self._next
            if self._place >= MOST_COLUMNS:
                raise FileFault("too_many_columns", limit=MOST_COLUMNS)
            self._next = self._place + 1
            self._pieces.clear()
            self._length = 0
        elif name == "row":
            number = attributes.get("r", "")
            self._at = int(number) if number.isascii() and number.isdigit() else self._at + 1
            if self._at > MOST_ROWS:
                raise FileFault("too_many_rows", limit=MOST_ROWS)
            self._row.clear()
            self._next = 0
        self._takes = name == "v" or (name == "t" and self._kind == "inlineStr")

    def _text(self, piece: str) -> None:
        if self._takes and self._length <= LONGEST_CELL:  # a longer one is refused where it is read
            self._length += len(piece)
            self._pieces.append(piece)

    def _ends(self, name: str) -> None:
        self._takes = False
        if name == "c":
            if self._pieces and (cell := self._cell("".join(self._pieces))):
                self._row[self._place] = cell
        elif name == "row" and self._row:
            while self._lines < self._at - 1:
                self._target.write("\n")
                self._lines += 1
            # A sheet keeps no blank cells: every row is at least as wide as the first, which is the header.
            self._width = self._width or max(self._row) + 1
            width = max(self._width, max(self._row) + 1)
            self._target.write(",".join(_quoted(self._row.get(n, "")) for n in range(width)) + "\n")
            self._lines += 1

    def _cell(self, text: str) -> str:
        if self._kind == "s":
            return self._string(int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1)
        if self._kind == "n":
            if self._style in self._styles.percents:
                return _percent(text)
            return _number(text, self._style in self._styles.dates)
        return {"0": "FALSE", "1": "TRUE"}.get(text, text) if self._kind == "b" else text


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _number(text: str, is_date: bool) -> str:
    """A number as people would have written it: what a workbook keeps has seventeen digits, of which fifteen count."""
    try:
        value = float(text)
    except ValueError:
        return text
    if is_date and 0 <= value < 2_958_466:
        return (FIRST_DAY + timedelta(seconds=round(value * 86_400))).isoformat(sep=" ")
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    shown = format(value, ".15g")
    # With three digits behind it, a point could be taken for a separator of thousands; here it is none.
    return shown + "0" if re.fullmatch(r"-?[0-9]+\.[0-9]{3}", shown) else shown


def _percent(text: str) -> str:
    """`0.19` shown as `19%`: taken for what is shown, or for nothing."""
    try:
        return format(float(text) * 100, ".15g") + "%"
    except ValueError:
        return text


def _quoted(cell: str) -> str:
    if len(cell) > LONGEST_CELL:
        cell = cell[: LONGEST_CELL + 1]  # is refused as too long where it is read
    cell = cell.replace("\r\n", "\n").replace("\r", "\n").replace("\n", LINE_BREAK).replace("\x00", "\ufffd")
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in '",') else cell


# --- the way out ------------------------------------------------------------------------------------------------------

TYPES: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/'
    'sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
RELATIONS: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/'
    'package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/{kind}" Target="{target}"/></Relationships>'
)
WORKBOOK: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><workbook xmlns="http://schemas.openxmlformats.org/'
    'spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="MagFlow" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
SHEET: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/'
    'spreadsheetml/2006/main"><sheetData>'
)
PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,4})?")


def blocks(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: frozenset[str] = frozenset()
) -> Iterator[bytes]:
    """A workbook, piece by piece. Cells are text, never formulas; only columns named in `numbers` hold numbers."""
    numeric = [name in numbers for name in header]
    with tempfile.TemporaryFile() as whole:
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            archive.writestr("[Content_Types].xml", TYPES)
            archive.writestr("_rels/.rels", RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"))
            archive.writestr("xl/workbook.xml", WORKBOOK)
            archive.writestr(
                "xl/_rels/workbook.xml.rels", RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml")
            )
            with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
                sheet.write(SHEET.encode())
                sheet.write(_row(header, [False] * len(header)))
                for row in rows:
                    sheet.write(_row(row, numeric))
                sheet.write(b"</sheetData></worksheet>")
        whole.seek(0)
        while block := whole.read(BLOCK):
            yield block


def _row(cells: Sequence[str], numeric: Sequence[bool]) -> bytes:
    written = [
        "<c/>" if not cell else f"<c><v>{cell}</v></c>" if is_number and PLAIN_NUMBER.fullmatch(cell)
        else f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        for cell, is_number in zip(cells, numeric, strict=True)
    ]  # fmt: skip
    return ("<row>" + "".join(written) + "</row>").encode()
