"""Indexes for lists and searches of a million variants, and names folded for them."""

from pathlib import Path

from alembic import op

revision = "0024_list_indexes"
down_revision = "0023_workspace"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the function and the indexes."""
    run("0024_list_indexes.sql")


def downgrade() -> None:
    """Back to the indexes that were."""
    run("0024_list_indexes_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
