"""What surrounds an order: how it is handled, what was paid back, the series of its number."""

from pathlib import Path

from alembic import op

revision = "0021_orders_at_work"
down_revision = "0020_marketplaces"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables, and tell more about what comes back."""
    run("0021_orders_at_work.sql")


def downgrade() -> None:
    """Drop them."""
    run("0021_orders_at_work_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
