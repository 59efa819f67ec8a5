"""M3: constraints and indexes, by the names that programs know."""

from pathlib import Path

from alembic import op

revision = "0004_m3_constraints"
down_revision = "0003_m2_cleanup"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Let the database hold the rules."""
    run("0004_m3_constraints.sql")


def downgrade() -> None:
    """Take the constraints and indexes away."""
    run("0004_m3_constraints_down.sql")


def run(name: str) -> None:
    """Run a frozen file of statements. The driver reads % as a placeholder."""
    op.get_bind().exec_driver_sql((SQL / name).read_text(encoding="utf-8").replace("%", "%%"))
