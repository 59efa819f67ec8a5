"""What a person told a marketplace to do."""

from pathlib import Path

from alembic import op

revision = "0029_marketplace_writes"
down_revision = "0028_sold_pictures"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the table and its triggers."""
    run("0029_marketplace_writes.sql")


def downgrade() -> None:
    """Drop it."""
    run("0029_marketplace_writes_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
