"""Bulk edits and their way back."""

from pathlib import Path

from alembic import op

revision = "0017_bulk_edits"
down_revision = "0016_job_failures"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0017_bulk_edits.sql")


def downgrade() -> None:
    """Drop them."""
    run("0017_bulk_edits_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
