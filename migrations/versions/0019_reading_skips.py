"""Variants whose reading from title and SKU a person skipped, and a short way to the variants without options."""

from pathlib import Path

from alembic import op

revision = "0019_reading_skips"
down_revision = "0018_price_templates"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the table and the index."""
    run("0019_reading_skips.sql")


def downgrade() -> None:
    """Drop them."""
    run("0019_reading_skips_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
