"""How a file is written: its encoding, from every byte of it, and its delimiter, from its header.

UTF-8 is tried strictly. What is not UTF-8 is one of the two Windows encodings that spreadsheets here write; which one
is decided by the letters that come out. Nothing is ever replaced silently: the choice is shown with the import.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO, Final

from magflow.domain.imports.faults import FileFault

BLOCK: Final = 1 << 20
LONGEST_LINE: Final = 16 * BLOCK
"""500 columns of the longest cell; a file without line ends is no table."""

LONGEST_HEADER: Final = BLOCK
"""Letters of the header; five hundred names have room in it."""

DELIMITERS: Final = (",", ";", "\t", "|")

EXPECTED: Final = frozenset(
    "ăâîșțşţĂÂÎȘȚŞŢàèéìíîòóùúÀÈÉÌÍÎÒÓÙÚäöüßÄÖÜçÇñêôûëïÊÔÛËÏáÁőűŐŰ–—„”“’‘‚«»€°·•×½¼²³®©™…§±µ\u00a0"
)
"""Letters and signs of the languages around: Romanian, Italian, and what their neighbours write."""


@dataclass(frozen=True)
class Dialect:
    """How to read a file."""

    encoding: str
    delimiter: str
    skipped: int = 0
    """Lines before the header: some programs write `sep=;` there."""


def find_encoding(file: BinaryIO) -> str:
    """The encoding of a whole file. Raises FileFault for what is no text at all."""
    start = file.read(4)
    if not start:
        raise FileFault("empty_file")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _checked(file, "utf-16")
    strict = codecs.getincrementaldecoder("utf-8")()
    is_utf8, unbroken, lines = True, 0, 1
    file.seek(0)
    while block := file.read(BLOCK):
        if (place := block.find(b"\x00")) >= 0:
            raise _null(block, place, lines)
        lines += block.count(b"\n")
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        unbroken = unbroken + len(block) if last < 0 else len(block) - last
        if unbroken > LONGEST_LINE:
            raise FileFault("line_too_long")
        if is_utf8:
            try:
                strict.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
    if is_utf8 and not strict.getstate()[0]:
        return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
    return _likely(file)


def _null(block: bytes, place: int, lines: int) -> FileFault:
    """What is full of them is no text; where a text has one, its line is named."""
    if block.count(b"\x00") > MOST_NULLS or (lines == 1 and place < len(codecs.BOM_UTF8)):
        return FileFault("not_a_text_file")
    return FileFault("null_character", line=lines + block.count(b"\n", 0, place))


ASCII: Final = bytes(range(128))
MOST_NULLS: Final = 20


def _likely(file: BinaryIO) -> str:
    """The Windows encoding whose letters are likelier. Counting takes long, so only what is no UTF-8 is counted."""
    foreign = Counter[int]()
    file.seek(0)
    while block := file.read(BLOCK):
        foreign.update(block.translate(None, ASCII))

    def score(encoding: str) -> int:
        total = 0
        for byte, count in foreign.items():
            letter = bytes([byte]).decode(encoding, "replace")
            total += count * (1 if letter in EXPECTED else -5 if letter == "\ufffd" else -1)
        return total

    return max(("cp1250", "cp1252"), key=score)


def _checked(file: BinaryIO, encoding: str) -> str:
    decoder, unbroken = codecs.getincrementaldecoder(encoding)(), 0
    file.seek(0)
    try:
        while block := file.read(BLOCK):
            text = decoder.decode(block)
            last = max(text.rfind("\n"), text.rfind("\r"))
            unbroken = unbroken + len(text) if last < 0 else len(text) - last
            if unbroken > LONGEST_LINE or "\x00" in text:
                raise FileFault("line_too_long" if "\x00" not in text else "not_a_text_file")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise FileFault("not_a_text_file") from error
    return encoding


def find_delimiter(header: str, known: Collection[str]) -> str:
    """The delimiter that gives the most column names we know; among equals, the most columns."""

    start = header[:LONGEST_HEADER]

    def score(delimiter: str) -> tuple[int, int]:
        names = split(start, delimiter)
        return sum(name.strip().lower() in known for name in names), len(names)

    return max(DELIMITERS, key=score)


def split(header: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:  # a cell longer than any can be: then it is not this delimiter
        return []
