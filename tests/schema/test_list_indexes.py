"""Indexes for lists: none is in the way of a sale or of new prices, and names are folded as people type them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from magflow.domain.options import name_key

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.mark.parametrize("column", ["stock", "movement_seq", "price", "version", "updated_at"])
def test_what_changes_all_the_time_is_in_no_index(owner: Owner, column: str) -> None:
    rows = owner.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'variants'::regclass AND pg_get_indexdef(indexrelid) ~ ('\\m' || %s || '\\M')",
        [column],
    ).fetchall()
    assert rows == []


@pytest.mark.parametrize(
    "name",
    ["Cămașă", "ȘȚĂÎÂ și ştţ", "Ţesătură", "ÉCLAIR à la crème", "Größe".replace("ß", "ss"), "MUG 0.5 L", "", "50%_\\"],
)
def test_names_are_folded_as_the_shop_compares_them(owner: Owner, name: str) -> None:
    row = owner.execute("SELECT magflow_folded(%s), magflow_folded(magflow_folded(%s))", [name, name]).fetchone()
    assert row is not None
    assert " ".join(row[0].split()) == name_key(name)
    assert row[1] == row[0]
