"""Closed lines keep their variant and product for as long as those exist; a price is a number."""

from pathlib import Path

from alembic import op

revision = "0032_closed_lines"
down_revision = "0031_automation"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Guard them."""
    run("0032_closed_lines.sql")


def downgrade() -> None:
    """Guard them as before."""
    run("0032_closed_lines_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
