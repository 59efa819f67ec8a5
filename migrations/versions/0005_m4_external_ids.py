"""M4: what a variant is called outside."""

from pathlib import Path

from alembic import op

revision = "0005_m4_external_ids"
down_revision = "0004_m3_constraints"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the table."""
    run("0005_m4_external_ids.sql")


def downgrade() -> None:
    """Drop the table."""
    run("0005_m4_external_ids_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
