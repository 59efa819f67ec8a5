"""Which columns a list shows: the usual ones, or those that its address names (`columns=price.stock`).

Columns are part of the address like filters and order, so a saved view keeps them by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import request

COLUMNS: Final = "columns"
"""The name in the address."""


@dataclass(frozen=True)
class Column:
    """A column that may be shown or left out; the first one of a list, which names its rows, is no choice."""

    key: str
    label: Any
    """A lazy translation."""
    usual: bool = True


def asked(columns: Sequence[Column]) -> str | None:
    """What the address says, in the one way in which it is written; None for the usual columns."""
    named = {key for given in request.args.getlist(COLUMNS) for key in given.split(".")}
    chosen = [column.key for column in columns if column.key in named]
    return ".".join(chosen) if chosen and chosen != usual(columns) else None


def usual(columns: Sequence[Column]) -> list[str]:
    """The keys that are shown when nothing was chosen."""
    return [column.key for column in columns if column.usual]


def shown(columns: Sequence[Column]) -> list[str]:
    """The keys that the list of the present address shows, in the list's order."""
    chosen = asked(columns)
    return usual(columns) if chosen is None else chosen.split(".")


def choices(columns: Sequence[Column]) -> list[tuple[str, Any, bool]]:
    """Key, label and whether it is shown, for the menu."""
    chosen = shown(columns)
    return [(column.key, column.label, column.key in chosen) for column in columns]
