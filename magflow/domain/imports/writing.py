"""Cells on their way out and back: text that a spreadsheet would take for a formula gets an apostrophe, and loses it.

Only text cells: a negative number is a number. Taking off exactly one apostrophe before what would be guarded again is
the inverse of putting it on, so that a file comes back unharmed.
"""

import re
from typing import Final

GUARDED: Final = re.compile(r"""['"\s]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]""")
"""A formula, also behind quotes or blanks, also in full-width characters."""


def guarded(text: str) -> str:
    """A text cell that is safe to open."""
    return f"'{text}" if GUARDED.match(text) else text


def restored(cell: str) -> str:
    """The text that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and GUARDED.match(cell, 1) else cell
