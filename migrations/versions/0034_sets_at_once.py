"""What many new rows cost: the audit reads each one time, and statistics are made of the columns that plans need."""

from pathlib import Path

from alembic import op

revision = "0034_sets_at_once"
down_revision = "0033_passes"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Replace the functions."""
    run("0034_sets_at_once.sql")


def downgrade() -> None:
    """As they were."""
    run("0034_sets_at_once_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
