"""What is wrong with variants and what is kept on purpose, saved views of lists, confirmations of titles."""

from pathlib import Path

from alembic import op

revision = "0023_workspace"
down_revision = "0022_images"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make the tables."""
    run("0023_workspace.sql")


def downgrade() -> None:
    """Drop them."""
    run("0023_workspace_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
