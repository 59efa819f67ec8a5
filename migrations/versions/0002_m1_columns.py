"""M1: columns."""

from pathlib import Path

from alembic import op

revision = "0002_m1_columns"
down_revision = "0001_legacy"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Add what is missing, widen what is too short."""
    run("0002_m1_columns.sql")


def downgrade() -> None:
    """Nothing: the columns hold the shop's data, and an old program does not mind them."""


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
