"""What is chosen for an import, what it changed, and the way back; files that are fetched and sent by the clock."""

from pathlib import Path

from alembic import op

revision = "0025_import_choices"
down_revision = "0024_list_indexes"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the columns and tables."""
    run("0025_import_choices.sql")


def downgrade() -> None:
    """Drop them."""
    run("0025_import_choices_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
