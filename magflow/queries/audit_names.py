"""What the ids in audit entries are called: a few look-ups by key, whatever the number of entries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from magflow.models import OptionType, OptionValue, Order, Product, User, Variant
from magflow.queries.audit import AuditEntry

NAMED: Final[dict[str, Any]] = {
    "products": (Product.id, Product.name),
    "variants": (Variant.id, Variant.sku),
    "orders": (Order.id, Order.number),
    "option_types": (OptionType.id, OptionType.name),
    "option_values": (OptionValue.id, OptionValue.name),
    "users": (User.id, User.email),
}

COLUMNS: Final = {
    "product_id": "products",
    "variant_id": "variants",
    "order_id": "orders",
    "option_type_id": "option_types",
    "option_value_id": "option_values",
    "user_id": "users",
}
"""The columns that refer to a table of NAMED."""

DIGEST: Final = re.compile(r"[0-9]{1,18}(?:-[0-9]{1,18})*")


@dataclass(frozen=True)
class Names:
    """Name by table and id; empty for what no longer exists."""

    by_table: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    def of(self, table: str | None, id_: object) -> str | None:
        """What this row is called today."""
        if table is None or not isinstance(id_, int | str) or not str(id_).isdecimal():
            return None
        return self.by_table.get(table, {}).get(int(id_))

    def of_column(self, column: str, id_: object) -> str | None:
        """What the row is called that a column refers to; a combination by its values."""
        if column == "options_digest":
            return self._combination(id_)
        return self.of(COLUMNS.get(column), id_)

    def _combination(self, digest: object) -> str | None:
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            return None
        return ", ".join(self.of("option_values", id_) or id_ for id_ in digest.split("-"))


def names(session: Session, entries: Iterable[AuditEntry]) -> Names:
    """The names of everything that these entries mention, one statement a kind of thing."""
    wanted: dict[str, set[int]] = {table: set() for table in NAMED}
    for entry in entries:
        _note(wanted, entry.table_name, entry.row_id)
        for side in (entry.old, entry.new):
            _mentioned(wanted, side or {})
    found: dict[str, dict[int, str]] = {}
    for table, ids in wanted.items():
        if ids:
            key, name = NAMED[table]
            found[table] = dict(session.execute(select(key, name).where(key.in_(ids))).all())
    return Names(found)


def _mentioned(wanted: dict[str, set[int]], side: Mapping[str, Any]) -> None:
    for column, value in side.items():
        if column in COLUMNS:
            _note(wanted, COLUMNS[column], value)
        elif column == "options_digest" and isinstance(value, str) and DIGEST.fullmatch(value):
            wanted["option_values"].update(map(int, value.split("-")))


def _note(wanted: dict[str, set[int]], table: str | None, id_: object) -> None:
    # Longer digits are no id of ours: they would not fit into the column that they are compared with.
    if table in NAMED and id_ is not None and str(id_).isdecimal() and len(str(id_)) <= 18:
        wanted[table].add(int(str(id_)))
