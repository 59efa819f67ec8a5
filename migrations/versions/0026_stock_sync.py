"""Stock sync: what has to be looked at again, alerts with a life, transfers and what happened to them."""

from pathlib import Path

from alembic import op

revision = "0026_stock_sync"
down_revision = "0025_import_choices"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables and the triggers."""
    run("0026_stock_sync.sql")


def downgrade() -> None:
    """Drop them."""
    run("0026_stock_sync_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
