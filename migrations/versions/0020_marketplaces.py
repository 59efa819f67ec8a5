"""Marketplaces: accounts, offers, their orders and returns, the request log, the outbox, webhooks in and out."""

from pathlib import Path

from alembic import op

revision = "0020_marketplaces"
down_revision = "0019_reading_skips"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables and the triggers."""
    run("0020_marketplaces.sql")


def downgrade() -> None:
    """Drop them."""
    run("0020_marketplaces_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
