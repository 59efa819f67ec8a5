"""The audit log and its triggers."""

from pathlib import Path

from alembic import op

revision = "0012_audit"
down_revision = "0011_frozen_orders"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Watch the tables."""
    run("0012_audit.sql")


def downgrade() -> None:
    """Drop the log: it is lost."""
    run("0012_audit_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
