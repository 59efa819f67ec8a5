"""Automation: what is done by itself and for whom it is written down; who is told of alerts, and what they got."""

from pathlib import Path

from alembic import op

revision = "0031_automation"
down_revision = "0030_demand"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables and the triggers."""
    run("0031_automation.sql")


def downgrade() -> None:
    """Drop them."""
    run("0031_automation_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
