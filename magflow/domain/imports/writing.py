"""Cells on their way out and back: text that a spreadsheet would take for a formula gets an apostrophe, and loses it.

Only text cells: a negative number is a number. Taking off exactly one apostrophe before what would be guarded again is
the inverse of putting it on, so that a file comes back unharmed.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

BLOCK: Final = 64 * 1024

GUARDED: Final = re.compile(r"""['"\s]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]""")
"""A formula, also behind quotes or blanks, also in full-width characters."""


def guarded(text: str) -> str:
    """A text cell that is safe to open."""
    return f"'{text}" if GUARDED.match(text) else text


def restored(cell: str) -> str:
    """The text that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and GUARDED.match(cell, 1) else cell


def cell(value: object) -> str:
    """A value as a cell: text guarded, numbers plain, nothing for None."""
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else str(value)


def blocks(header: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str = ",") -> Iterator[bytes]:
    """A CSV file, piece by piece, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(row)
        if out.tell() >= BLOCK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
