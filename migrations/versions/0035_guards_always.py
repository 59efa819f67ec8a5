"""The triggers that hold an import and its rows together fire in every session, like every other guard."""

from pathlib import Path

from alembic import op

revision = "0035_guards_always"
down_revision = "0034_sets_at_once"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """In each session."""
    run("0035_guards_always.sql")


def downgrade() -> None:
    """In sessions of the origin alone, as 0034 made them."""
    run("0035_guards_always_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
