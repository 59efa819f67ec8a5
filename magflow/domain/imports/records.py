"""Text becomes records, one by one, with the line where each begins.

A quote that is never closed would swallow the rest of the file into one cell, silently. So each record is looked at
before it is parsed: what does not close within a cell's length is refused by itself, and reading goes on at the next
line.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from io import TextIOBase
from itertools import islice
from typing import Final, NamedTuple

from magflow.domain.imports.faults import FileFault

LONGEST_CELL: Final = 32_767
MOST_COLUMNS: Final = 500
MOST_ROWS: Final = 5_000_000
BLOCK_LINES: Final = 1_000
BLOCK_LETTERS: Final = 1 << 17
"""So many lines or letters are looked at at once: a thousand of the longest lines have no room in memory."""
MOST_CELLS: Final = 50_000
"""Delimiters in a row beyond which it is not even split: it would be a hundred times as wide as any file."""
MOST_UNCLOSED: Final = 1_000
"""Rows with a quote that is never closed; with more of them it is no CSV."""


class Record(NamedTuple):
    """One row of the file. `fault` is a code when it could not be split into cells: then its text is its only cell."""

    number: int
    line: int
    cells: list[str]
    fault: str | None = None


class Records:
    """The records behind the header, in order. Lines without any content are passed over and not counted."""

    def __init__(self, lines: Iterable[str], delimiter: str, width: int, line: int) -> None:
        """`width`: how many cells a record has; negative where that is not known yet. `line`: how many lines were read
        before these."""
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self._delimiter = delimiter
        self._width = width
        self._line = line
        self._begins = line
        self._unclosed = 0
        self._fault: str | None = None
        self._text = ""
        cell = f'(?:[^"{re.escape(delimiter)}\r\n]*|"(?:[^"]|"")*")'
        self._well_formed = re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*[\r\n]*")

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for line, cells, fault in self._raw():
            if fault is None:
                if not any(cells):
                    continue
                if len(cells) != self._width >= 0:
                    fault = self._cut(cells)
            number += 1
            if number > MOST_ROWS:
                raise FileFault("too_many_rows", limit=MOST_ROWS)
            yield Record(number, line, cells, fault)

    def _raw(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Line, cells and fault of everything that is between line ends or in quotes.

        Most files are read a block at a time: when as many records come out as lines went in, each line was one.
        """
        while block := self._block():
            rows = self._rows_of(block)
            if rows is None:
                self._waiting.extend(block)
                yield from self._one_by_one()
            else:
                for offset, cells in enumerate(rows, self._line + 1):
                    yield offset, cells, None
                self._line += len(block)

    def _block(self) -> list[str]:
        if isinstance(self._lines, TextIOBase):
            return self._lines.readlines(BLOCK_LETTERS)
        return list(islice(self._lines, BLOCK_LINES))

    def _rows_of(self, block: list[str]) -> list[list[str]] | None:
        """The block's records; None when it has to be looked at more closely."""
        if len(max(block, key=len)) > LONGEST_CELL:
            return None
        try:
            rows = list(csv.reader(block, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        return rows if len(rows) == len(block) else None

    def _one_by_one(self) -> Iterator[tuple[int, list[str], str | None]]:
        """The same for lines that wait, and for as many more as their last record needs."""
        reader = csv.reader(self._whole(), delimiter=self._delimiter, strict=True)
        while True:
            self._fault = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                self._fault = self._fault or "broken_quotes"
            if self._fault is not None:
                cells = [self._text[:LONGEST_CELL].rstrip("\r\n")]
            yield self._begins, cells, self._fault

    def _cut(self, cells: list[str]) -> str | None:
        # Programs write delimiters behind the last column, and nothing is lost in taking them off.
        while len(cells) > self._width and not cells[-1].strip():
            cells.pop()
        return None if len(cells) == self._width else "wrong_column_count"

    def _whole(self) -> Iterator[str]:
        """Pieces of text that are a whole record each, until none waits."""
        while self._waiting:
            text = self._text = self._next_line() or ""
            self._begins = self._line
            # The expression remembers every quote it has passed: for a very long line that is too much.
            if '"' in text and (len(text) > LONGEST_CELL or not self._well_formed.fullmatch(text)):
                text = self._closed(text)
            if len(text) > LONGEST_CELL and self._fault is None:
                if text.count(self._delimiter) > MOST_CELLS:
                    self._fault, text = "too_many_cells", "x\n"
                elif self._too_long(text):
                    self._fault, text = "cell_too_long", "x\n"
            yield text

    def _next_line(self) -> str | None:
        text = self._waiting.popleft() if self._waiting else next(self._lines, None)
        if text is not None:
            self._line += 1
        return text

    def _closed(self, first: str) -> str:
        """The record that begins with this line, with the following lines that its quotes embrace."""
        opened = open_at(first, self._delimiter)
        if opened is None:
            return first
        parts, length = [first], len(first) - opened
        while length <= LONGEST_CELL and (more := self._next_line()) is not None:
            parts.append(more)
            length += len(more)
            if '"' not in more:
                continue
            text = "".join(parts)
            opened = open_at(text, self._delimiter)
            if opened is None:
                if self._fits(text):
                    return text
                break  # another row's quote closed it: those rows stand by themselves
            length = len(text) - opened
        self._unclosed += 1
        if self._unclosed > MOST_UNCLOSED:
            raise FileFault("quotes_never_closed")
        self._waiting.extendleft(reversed(parts[1:]))
        self._line -= len(parts) - 1
        self._fault = "unclosed_quote"
        return "x\n"

    def _fits(self, text: str) -> bool:
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return False
        return self._width < 0 or len(cells) == self._width or not any(cell.strip() for cell in cells[self._width :])

    def _too_long(self, text: str) -> bool:
        try:
            return any(len(cell) > LONGEST_CELL for cell in next(csv.reader([text], delimiter=self._delimiter), []))
        except csv.Error:
            return True


def open_at(text: str, delimiter: str) -> int | None:
    """Where the quote stands that is still open at the end of a text; None when all are closed."""
    place = 0
    while place < len(text):
        if text[place] == '"':
            closing = text.find('"', place + 1)
            while closing >= 0 and text[closing + 1 : closing + 2] == '"':
                closing = text.find('"', closing + 2)
            if closing < 0:
                return place
            place = closing + 1
        place = text.find(delimiter, place)
        if place < 0:
            return None
        place += 1
    return None
