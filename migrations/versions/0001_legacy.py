"""The legacy base: the tables of the shop that is adopted."""

from pathlib import Path

from alembic import op

revision = "0001_legacy"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Make what an old shop already has."""
    run("0001_legacy.sql")


def downgrade() -> None:
    """Drop the tables while they are empty; an adopted shop keeps them."""
    run("0001_legacy_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
