"""What the new columns say about what is already there: handles, keys of names, states and numbers of orders."""

import unicodedata
from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0008_values"
down_revision = "0007_shapes"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Keys of names first, because the statements put unique indexes on them."""
    fill_name_keys("option_types")
    fill_name_keys("option_values")
    run("0008_values.sql")


def downgrade() -> None:
    """Take the indexes and checks away; the values stay."""
    run("0008_values_down.sql")


def fill_name_keys(table: str) -> None:
    """The first of several that share a folded name gets the key; the others keep NULL, so that the shop is adopted."""
    connection = op.get_bind()
    parent = "option_type_id" if table == "option_values" else "0"
    rows = connection.execute(text(f"SELECT id, {parent} AS parent, name, name_key FROM {table} ORDER BY id")).all()
    taken = {(row.parent, row.name_key) for row in rows if row.name_key is not None}
    fresh: dict[int, str] = {}
    for row in rows:
        key = name_key(row.name)
        if row.name_key is None and key and (row.parent, key) not in taken:
            taken.add((row.parent, key))
            fresh[row.id] = key
    connection.execute(
        text(
            f"UPDATE {table} t SET name_key = k.key "
            "FROM unnest(CAST(:ids AS bigint[]), CAST(:keys AS text[])) k (id, key) WHERE t.id = k.id"
        ),
        {"ids": list(fresh), "keys": list(fresh.values())},
    )


def name_key(name: str) -> str:
    """A name folded for comparison, as magflow.domain.options did when this step was written."""
    decomposed = unicodedata.normalize("NFKD", name.strip())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
