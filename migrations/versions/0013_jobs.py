"""The tables of the background jobs, which belong to Procrastinate."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0013_jobs"
down_revision = "0012_audit"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make them, unless they are there."""
    if op.get_bind().scalar(text("SELECT to_regclass('public.procrastinate_jobs')")) is None:
        run("0013_jobs.sql")


def downgrade() -> None:
    """Drop them with every job that waits."""
    run("0013_jobs_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
