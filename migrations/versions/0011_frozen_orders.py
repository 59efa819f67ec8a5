"""Confirmed orders are frozen; status moves as one table says."""

from pathlib import Path

from alembic import op

revision = "0011_frozen_orders"
down_revision = "0010_ledger"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Guard orders and their lines."""
    run("0011_frozen_orders.sql")


def downgrade() -> None:
    """Take the guards away."""
    run("0011_frozen_orders_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
