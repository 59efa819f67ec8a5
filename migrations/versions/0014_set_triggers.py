"""Insert triggers that see a whole statement: an import adds a hundred thousand rows."""

from pathlib import Path

from alembic import op

revision = "0014_set_triggers"
down_revision = "0013_jobs"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Replace the row triggers of inserts."""
    run("0014_set_triggers.sql")


def downgrade() -> None:
    """Put the row triggers back."""
    run("0014_set_triggers_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
