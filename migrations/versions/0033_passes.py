"""When every offer was last looked at, and how far what is swept once has been swept."""

from pathlib import Path

from alembic import op

revision = "0033_passes"
down_revision = "0032_closed_lines"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0033_passes.sql")


def downgrade() -> None:
    """Drop them."""
    run("0033_passes_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
