"""The legacy tables take the shape of MagFlow's models."""

from pathlib import Path

from alembic import op

revision = "0007_shapes"
down_revision = "0006_m5_backfill"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Add, widen, fill and name columns and keys."""
    run("0007_shapes.sql")


def downgrade() -> None:
    """Nothing: the columns hold the shop's data."""


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
