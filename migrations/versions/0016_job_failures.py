"""Why a background job failed."""

from pathlib import Path

from alembic import op

revision = "0016_job_failures"
down_revision = "0015_import_stage"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the table."""
    run("0016_job_failures.sql")


def downgrade() -> None:
    """Drop it."""
    run("0016_job_failures_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
