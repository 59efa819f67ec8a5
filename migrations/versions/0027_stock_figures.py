"""Figures of stock sync over time: each day's counts, and the cases that tell whether recommendations helped."""

from pathlib import Path

from alembic import op

revision = "0027_stock_figures"
down_revision = "0026_stock_sync"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0027_stock_figures.sql")


def downgrade() -> None:
    """Drop them."""
    run("0027_stock_figures_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
