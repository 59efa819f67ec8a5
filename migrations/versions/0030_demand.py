"""Demand: what sold a week per offer and what is expected of it; how far shares of a divided warehouse are settled."""

from pathlib import Path

from alembic import op

revision = "0030_demand"
down_revision = "0029_marketplace_writes"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0030_demand.sql")


def downgrade() -> None:
    """Drop them."""
    run("0030_demand_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
