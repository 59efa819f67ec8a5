"""Where the rows of an import wait, and how far its chunks are."""

from pathlib import Path

from alembic import op

revision = "0015_import_stage"
down_revision = "0014_set_triggers"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0015_import_stage.sql")


def downgrade() -> None:
    """Drop them: running imports begin anew."""
    run("0015_import_stage_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
